/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/prefix.h"

#include <string.h>

static const char *const prefixes[] = {
	"addr16", "addr32", "bnd",     "cs",	   "data16",   "data32", "ds",	    "es",
	"fs",	  "gs",	    "lock",    "notrack",  "rep",      "repe",	 "repne",   "repnz",
	"repz",	  "rex",    "rex.b",   "rex.r",	   "rex.rb",   "rex.rx", "rex.rxb", "rex.w",
	"rex.wb", "rex.wr", "rex.wrb", "rex.wrx",  "rex.wrxb", "rex.wx", "rex.wxb", "rex.x",
	"rex.xb", "rex64",  "ss",      "xacquire", "xrelease",
};
#define PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))
#define SLOTS	 256

static uint8_t slots[SLOTS]; /* index + 1; filled on first use */

static void fill_slots(void)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		uint32_t slot = ab_hash(prefixes[i], strlen(prefixes[i])) % SLOTS;
		while (slots[slot])
			slot = (slot + 1) % SLOTS;
		slots[slot] = (uint8_t)(i + 1);
	}
}

bool ab_is_prefix(const struct ab_stmt *stmt)
{
	size_t len = (size_t)(stmt->word_end - stmt->word);

	if (!slots[ab_hash("rep", 3) % SLOTS])
		fill_slots();
	for (uint32_t slot = stmt->hash % SLOTS; slots[slot]; slot = (slot + 1) % SLOTS) {
		const char *prefix = prefixes[slots[slot] - 1];
		if (strlen(prefix) == len && strncasecmp(prefix, stmt->word, len) == 0)
			return true;
	}
	return false;
}

bool ab_skip_prefixes(struct ab_stmt *stmt)
{
	while (ab_is_prefix(stmt)) {
		const char *p = stmt->ops;

		if (p < stmt->end && *p == '/')
			for (p++; p < stmt->end && ab_is_blank(*p); p++)
				;
		stmt->word = stmt->word_end = p;
		stmt->hash = AB_HASH_SEED;
		for (; p < stmt->end && ab_word_char[(unsigned char)*p]; p++)
			stmt->hash = ab_hash_step(stmt->hash, (unsigned char)ab_lower(*p));
		stmt->word_end = p;
		while (p < stmt->end && ab_is_blank(*p))
			p++;
		stmt->ops = p;
		if (stmt->word == stmt->word_end)
			return false;
	}
	return true;
}
