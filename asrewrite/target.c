/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/target.h"

#include <string.h>

/* Sorted by name; `x86` serves i386, x86_64 and x32, told apart by option and directive. */
static const struct ab_target targets[] = {
	{.name = "aarch64",
	 .comment = "",
	 .line_comment = "#",
	 .separator = ";",
	 .double_slash = true,
	 .section_type = '@',
	 .nop_len = 4,
	 .nop = "nop",
	 .short_options = "m:"},
	{.name = "alpha",
	 .comment = "#",
	 .line_comment = "#",
	 .separator = ";",
	 .section_type = '@',
	 .nop_len = 4,
	 .nop = "nop",
	 .short_options = "Fm:gG::xR"},
	{.name = "arm",
	 .comment = "@",
	 .line_comment = "#",
	 .separator = ";",
	 .double_slash = true,
	 .section_type = '%',
	 .nop_len = 4,
	 .nop = "nop",
	 .short_options = "m:k"},
	{.name = "hppa",
	 .comment = ";",
	 .line_comment = "#",
	 .separator = "!",
	 .no_char_constants = true,
	 .column_labels = true,
	 .section_type = '@',
	 .nop_len = 4,
	 .nop = "nop",
	 .short_options = ""},
	{.name = "ia64",
	 .comment = "",
	 .line_comment = "#",
	 .separator = ";{}",
	 .double_slash = true,
	 .predicate = "()",
	 .section_type = '@',
	 .short_options = "m:N:x::"},
	{.name = "m68k",
	 .comment = "|",
	 .line_comment = "#*",
	 .separator = ";",
	 .section_type = '@',
	 .nop_len = 2,
	 .nop = "nop",
	 .short_options = "lSA:m:kQ:V"},
	{.name = "mips",
	 .comment = "#",
	 .line_comment = "#",
	 .separator = ";",
	 .section_type = '@',
	 .nop_len = 4,
	 .nop = "nop",
	 .short_options = "O::g::G:"},
	{.name = "powerpc",
	 .comment = "#",
	 .line_comment = "#",
	 .separator = ";",
	 .no_string_escapes = true,
	 .section_type = '@',
	 .nop_len = 4,
	 .nop = "nop",
	 .short_options = "a:m:"},
	{.name = "riscv",
	 .comment = "#",
	 .line_comment = "#",
	 .separator = ";",
	 .section_type = '@',
	 .nop_len = 4,
	 .nop = ".4byte 0x00000013",
	 .short_options = "O::g::G:"},
	{.name = "s390",
	 .comment = "#",
	 .line_comment = "#",
	 .separator = ";",
	 .section_type = '@',
	 .nop_len = 4,
	 .nop = ".4byte 0x47000000",
	 .short_options = "A:m:kVQ:"},
	{.name = "sh",
	 .comment = "!",
	 .line_comment = "!#",
	 .separator = ";",
	 .section_type = '@',
	 .nop_len = 2,
	 .nop = "nop",
	 .short_options = ""},
	{.name = "sparc",
	 .comment = "!",
	 .line_comment = "#",
	 .separator = ";",
	 .section_type = '@',
	 .nop_len = 4,
	 .nop = "nop",
	 .short_options = "A:K:VQ:sq"},
	{.name = "x86",
	 .comment = "#",
	 .line_comment = "#/",
	 .separator = ";",
	 .section_type = '@',
	 .nop_len = 1,
	 .short_options = "kVQ:sqnO::"},
};
#define TARGET_COUNT (sizeof(targets) / sizeof(targets[0]))

/* GNU machine prefix -> target; the longest matching prefix stands first. */
static const struct {
	const char *prefix, *target;
} machines[] = {
	{"aarch64", "aarch64"}, {"alpha", "alpha"}, {"arm", "arm"},   {"hppa", "hppa"},
	{"i386-", "x86"},	{"i486-", "x86"},   {"i586-", "x86"}, {"i686-", "x86"},
	{"ia64", "ia64"},	{"m68k", "m68k"},   {"mips", "mips"}, {"powerpc", "powerpc"},
	{"riscv", "riscv"},	{"s390", "s390"},   {"sh4", "sh"},    {"sparc", "sparc"},
	{"x86_64", "x86"},
};

#if defined(__x86_64__) || defined(__i386__)
#define BUILD_TARGET "x86"
#elif defined(__aarch64__)
#define BUILD_TARGET "aarch64"
#elif defined(__riscv)
#define BUILD_TARGET "riscv"
#elif defined(__arm__)
#define BUILD_TARGET "arm"
#elif defined(__powerpc__)
#define BUILD_TARGET "powerpc"
#else
#define BUILD_TARGET "mips"
#endif

size_t ab_target_count(void)
{
	return TARGET_COUNT;
}

const struct ab_target *ab_target_at(size_t i)
{
	return &targets[i];
}

const struct ab_target *ab_target_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < TARGET_COUNT; i++)
		if (strlen(targets[i].name) == len && memcmp(targets[i].name, name, len) == 0)
			return &targets[i];
	return NULL;
}

const struct ab_target *ab_target_of_program(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *base = slash ? slash + 1 : program;

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (strncmp(base, machines[i].prefix, strlen(machines[i].prefix)) == 0)
			return ab_target_by_name(machines[i].target, strlen(machines[i].target));
	return ab_target_by_name(BUILD_TARGET, strlen(BUILD_TARGET));
}

bool ab_program_is_i386(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *base = slash ? slash + 1 : program;

	return base[0] == 'i' && base[1] >= '3' && base[1] <= '6' &&
	       strncmp(base + 2, "86-", 3) == 0;
}

static void set_all(uint8_t map[static 256], const char *chars, enum ab_char class)
{
	for (; *chars; chars++)
		map[(unsigned char)*chars] = class;
}

/* Later settings override earlier ones, in the order gas has (app.c, do_scrub_begin). */
void ab_target_chars(const struct ab_target *target, uint8_t map[static 256])
{
	memset(map, AB_CH_PLAIN, 256);
	map['"'] = AB_CH_STRING;
	if (!target->no_char_constants)
		map['\''] = AB_CH_QUOTE;
	map['/'] = AB_CH_SLASH;
	set_all(map, target->comment, AB_CH_COMMENT);
	for (const char *c = target->line_comment; *c; c++)
		if (map[(unsigned char)*c] == AB_CH_PLAIN)
			map[(unsigned char)*c] = AB_CH_LINE_COMMENT;
	set_all(map, target->separator, AB_CH_SEPARATOR);
	map['\n'] = AB_CH_NEWLINE;
	map[0] = AB_CH_NUL;
}
