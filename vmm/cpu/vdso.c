/* SPDX-License-Identifier: BSD-2-Clause */
/*@056 The vDSO: code that the kernel puts into applications
 *
 * No template can stand there: an application has no way to the virtual CPU's memory.
 * Most of its sensitive instructions are right in ring 3 (rdtsc) or trap. Some do
 * neither: `lsl` in getcpu() reads the host's descriptor tables, and so tells on which
 * of the host's processors the machine runs. Those are made to trap (trapping.c).
 *
 * The image is an ELF file inside of the kernel's, with a section of records of its own.
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/frontend.h"
#include "vmm/load/elf.h"
#include "vmm/memory.h"
#include "vmm/string.h"

#define SECTIONS_MAX 64
#define ET_DYN	     3

/* Silent in ring 3, and the host's: SDM 2; APM 3 for rdpid. */
static const uint16_t silent[] = {
	AB_CLASS_SGDT, AB_CLASS_SIDT, AB_CLASS_SLDT, AB_CLASS_STR,    AB_CLASS_SMSW,  AB_CLASS_LAR,
	AB_CLASS_LSL,  AB_CLASS_VERR, AB_CLASS_VERW, AB_CLASS_RDTSCP, AB_CLASS_RDPID,
};

static bool is_silent(uint16_t class)
{
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		if (silent[i] == class)
			return true;
	return false;
}

/* The file that begins at `bytes`, guest-physical `at`; `room` bytes are readable. */
struct object {
	uint8_t *bytes;
	uint64_t room;
	gpa_t at;
	struct elf_header header;
};

static bool object_open(struct object *object)
{
	static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2 /* 64 bits */,
					1 /* little-endian */};
	const struct elf_header *header = &object->header;

	if (object->room < sizeof(*header) || memcmp(object->bytes, ident, sizeof(ident)) != 0)
		return false;
	memcpy(&object->header, object->bytes, sizeof(*header));
	return header->type == ET_DYN && header->machine == ELF_EM_X86_64 &&
	       header->shentsize == sizeof(struct elf_section) && header->shnum <= SECTIONS_MAX &&
	       header->shstrndx < header->shnum && header->shoff <= object->room &&
	       header->shnum * sizeof(struct elf_section) <= object->room - header->shoff;
}

/* false: its bytes lie outside. */
static bool object_section(const struct object *object, unsigned i, struct elf_section *section)
{
	memcpy(section, object->bytes + object->header.shoff + i * sizeof(*section),
	       sizeof(*section));
	return section->type != ELF_SHT_NOBITS && section->offset <= object->room &&
	       section->size <= object->room - section->offset;
}

static bool is_records(const struct object *object, const struct elf_section *section)
{
	struct elf_section names;

	return object_section(object, object->header.shstrndx, &names) &&
	       section->name < names.size && names.size - section->name >= sizeof(AB_SECTION) &&
	       !memcmp(object->bytes + names.offset + section->name, AB_SECTION,
		       sizeof(AB_SECTION));
}

_Noreturn static void bad_record(const struct object *object, uint64_t offset)
{
	fatal_value("vDSO: bad annotation record, or one too many", "address",
		    object->at.v + offset);
}

static void take_record(const struct object *object, uint64_t offset)
{
	struct ab_annot annot;
	uint64_t start;

	memcpy(&annot, object->bytes + offset, sizeof(annot));
	start = offset + (uint64_t)(int64_t)annot.start;
	if (annot.mode_version >> AB_VERSION_SHIFT != AB_VERSION || start >= object->room ||
	    annot.total_len > object->room - start)
		bad_record(object, offset);
	if (is_silent(annot.class) && (annot.flags & AB_F_USER) && !(annot.flags & AB_F_COPIED) &&
	    !trapping_add(gpa(object->at.v + start), &annot))
		bad_record(object, offset);
}

static void take_object(struct object *object)
{
	struct elf_section section;

	if (!object_open(object))
		return;
	for (unsigned i = 0; i < object->header.shnum; i++) {
		if (!object_section(object, i, &section) || !is_records(object, &section))
			continue;
		for (uint64_t at = 0; at + AB_RECORD_SIZE <= section.size; at += AB_RECORD_SIZE)
			take_record(object, section.offset + at);
	}
}

void vmm_application_code(gpa_t from, uint64_t length)
{
	uint8_t *bytes = memory_at(from, length);

	for (uint64_t at = 0; bytes && at < length; at += PAGE_SIZE)
		take_object(&(struct object){
			.bytes = bytes + at, .room = length - at, .at = gpa(from.v + at)});
}
