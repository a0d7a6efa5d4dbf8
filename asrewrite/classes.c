/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of annotation classes and groups: one table, generated from annot.h. */
#include "asrewrite/rules.h"
#include "rules/annot.h"

#include <string.h>

struct class_entry {
	const char *name;
	uint16_t class;
	uint8_t len;
	bool sensitive;
};

#define ENTRY(group, number, name, sensitive)                                                      \
	{#name, AB_CLASS(AB_GROUP_##group, number), sizeof(#name) - 1, sensitive},
static const struct class_entry classes[] = {AB_CLASSES(ENTRY)};
#define CLASS_COUNT (sizeof(classes) / sizeof(classes[0]))

static const char *const groups[] = {
	[AB_GROUP_META] = "meta",	[AB_GROUP_FLAGS] = "flags",
	[AB_GROUP_CONTROL] = "control", [AB_GROUP_DESCRIPTOR] = "descriptor",
	[AB_GROUP_SEGMENT] = "segment", [AB_GROUP_TRANSFER] = "transfer",
	[AB_GROUP_IO] = "io",		[AB_GROUP_MSR] = "msr",
	[AB_GROUP_TLB] = "tlb",		[AB_GROUP_IDLE] = "idle",
	[AB_GROUP_PROTECT] = "protect", [AB_GROUP_VM] = "vm",
	[AB_GROUP_MEMORY] = "memory",	[AB_GROUP_HOOK] = "hook",
};

static const struct class_entry *entry_of(uint16_t class)
{
	for (size_t i = 0; i < CLASS_COUNT; i++)
		if (classes[i].class == class)
			return &classes[i];
	return NULL;
}

const char *ab_class_name(uint16_t class)
{
	const struct class_entry *entry = entry_of(class);

	return entry ? entry->name : NULL;
}

bool ab_class_is_sensitive(uint16_t class)
{
	const struct class_entry *entry = entry_of(class);

	return entry && entry->sensitive;
}

uint16_t ab_class_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < CLASS_COUNT; i++)
		if (classes[i].len == len && classes[i].name[0] == name[0] &&
		    memcmp(classes[i].name, name, len) == 0)
			return classes[i].class;
	return 0;
}

const char *ab_group_name(uint16_t class)
{
	unsigned group = class >> 8;

	if (group >= sizeof(groups) / sizeof(groups[0]) || !groups[group])
		return "unknown";
	return groups[group];
}
