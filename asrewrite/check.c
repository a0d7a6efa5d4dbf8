/* SPDX-License-Identifier: BSD-2-Clause */
/* `afterburn check`: no sensitive instruction without a record, no record without its instruction.
 */
#include "asrewrite/commands.h"
#include "asrewrite/diag.h"
#include "asrewrite/settings.h"
#include "asrewrite/sweep.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_VERSION 1

struct request {
	const char *rules_path;
	bool json, verbose, quiet;
	char **files;
	int nfiles;
};

static const struct argp_option options[] = {
	{"rules", 'r', "FILE", 0,
	 "rule file with the exceptions (default: AFTERBURN_RULES or the "
	 "installed one)",
	 0},
	{"json", 'j', NULL, 0, "print one JSON object (docs/inspect.md)", 0},
	{"verbose", 'v', NULL, 0, "also list exceptions and bytes that are no instruction", 0},
	{"quiet", 'q', NULL, 0, "print nothing for files that pass", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case 'r':
		request->rules_path = arg;
		break;
	case 'j':
		request->json = true;
		break;
	case 'v':
		request->verbose = true;
		break;
	case 'q':
		request->quiet = true;
		break;
	case ARGP_KEY_ARGS:
		request->files = state->argv + state->next;
		request->nfiles = state->argc - state->next;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no file given");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options,
	parse,
	"FILE...",
	"Disassemble every executable section of kernels, modules and objects; fail if a sensitive "
	"instruction has no annotation, or an annotation does not sit on its instruction."
	"\vExceptions are made by rules only: `except section|symbol REGEX REASON'; code under a "
	"deny rule is counted as copied.\n\n"
	"Exit codes: 0 all files pass, 1 some do not, 2 usage, 102 bad rules, 103 unreadable file.",
	NULL,
	NULL,
	NULL};

struct checker {
	const struct request *request;
	struct ab_rules *rules;
	struct ab_decoder decoder;
	struct ab_sweep total; /* counts only */
	json_t *files;
	int failed, unreadable;
};

/* ---- one finding ---- */

#define SHOWN_BYTES 16

struct place {
	const char *section, *symbol;
	uint64_t address, symbol_offset;
	char bytes[SHOWN_BYTES * 3 + 4], text[128];
};

static void hex_bytes(char *out, const uint8_t *bytes, uint64_t count)
{
	uint64_t shown = count < SHOWN_BYTES ? count : SHOWN_BYTES;

	*out = '\0';
	for (uint64_t i = 0; i < shown; i++)
		out += sprintf(out, i ? " %02x" : "%02x", bytes[i]);
	if (shown < count)
		strcpy(out, "...");
}

/* Both instructions of a fused site are shown. */
static void disassemble(const struct checker *checker, const struct ab_finding *finding,
			const struct ab_elf_section *section, char *text, size_t room)
{
	uint64_t at = finding->offset, end = at + finding->length;
	struct ab_insn insn;
	size_t used = 0;

	ab_disassemble(&checker->decoder, finding->mode, section->data + at, section->size - at,
		       section->addr + at, text, room);
	while (ab_decode(&checker->decoder, finding->mode, section->data + at, section->size - at,
			 &insn) &&
	       (at += insn.length) < end && (used = strlen(text)) + 3 < room) {
		strcpy(text + used, "; ");
		ab_disassemble(&checker->decoder, finding->mode, section->data + at,
			       section->size - at, section->addr + at, text + used + 2,
			       room - used - 2);
	}
}

static void locate(const struct checker *checker, const struct ab_elf *elf,
		   const struct ab_finding *finding, struct place *place)
{
	const struct ab_elf_section *section = &elf->sections[finding->section];
	const struct ab_elf_symbol *symbol;

	*place = (struct place){.section = section->name, .symbol = ""};
	if (!finding->section)
		return;
	place->address = section->addr + finding->offset;
	symbol = ab_elf_symbol_at(elf, finding->section, finding->offset);
	if (symbol) {
		place->symbol = symbol->name;
		place->symbol_offset = finding->offset - symbol->offset;
	}
	if (!section->data || finding->offset >= section->size)
		return;
	hex_bytes(place->bytes, section->data + finding->offset,
		  finding->length < section->size - finding->offset
			  ? finding->length
			  : section->size - finding->offset);
	if (finding->kind != AB_FOUND_UNDECODABLE)
		disassemble(checker, finding, section, place->text, sizeof(place->text));
}

static void print_finding(const struct checker *checker, const struct ab_elf *elf,
			  const struct ab_finding *finding)
{
	struct place place;

	locate(checker, elf, finding, &place);
	printf("%s: %s: ", elf->path, ab_finding_name(finding->kind));
	if (finding->section && elf->relocatable)
		printf("%s+0x%" PRIx64, place.section, finding->offset);
	else if (finding->section)
		printf("%0*" PRIx64 " %s", elf->mode == AB_MODE_64 ? 16 : 8, place.address,
		       place.section);
	if (*place.symbol)
		printf(" <%s+0x%" PRIx64 ">", place.symbol, place.symbol_offset);
	if (*place.bytes)
		printf(": %s  %s", place.bytes, place.text);
	printf(" (%s%s%s)\n", finding->reason, finding->rule ? ": " : "",
	       finding->rule ? finding->rule : "");
}

static json_t *text_or_null(const char *text)
{
	json_t *value = *text ? json_string(text) : NULL;

	return value ? value : json_null(); /* names that are not UTF-8 */
}

static json_t *json_finding(const struct checker *checker, const struct ab_elf *elf,
			    const struct ab_finding *finding)
{
	struct place place;
	const char *class = ab_class_name(finding->class);
	char address[24]; /* text: kernel addresses do not fit into JSON's signed integers */

	locate(checker, elf, finding, &place);
	snprintf(address, sizeof(address), "0x%" PRIx64, place.address);
	return json_pack("{s:s, s:o, s:I, s:s, s:I, s:o, s:I, s:s, s:s, s:o, s:s, s:o}", "kind",
			 ab_finding_name(finding->kind), "section", text_or_null(place.section),
			 "offset", (json_int_t)finding->offset, "address", address, "length",
			 (json_int_t)finding->length, "symbol", text_or_null(place.symbol),
			 "symbol_offset", (json_int_t)place.symbol_offset, "bytes", place.bytes,
			 "disassembly", place.text, "class", text_or_null(class ? class : ""),
			 "reason", finding->reason, "rule",
			 text_or_null(finding->rule ? finding->rule : ""));
}

/* ---- one file ---- */

static const struct {
	const char *name;
	size_t offset;
} counts[] = {
#define COUNT(field)                                                                               \
	{                                                                                          \
#field, offsetof(struct ab_sweep, field)                                           \
	}
	COUNT(sensitive),   COUNT(annotated),  COUNT(copied),	  COUNT(excepted),
	COUNT(unannotated), COUNT(misplaced),  COUNT(records),	  COUNT(markers),
	COUNT(memory),	    COUNT(code_bytes), COUNT(data_bytes), COUNT(undecodable_bytes),
#undef COUNT
};
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

static uint64_t *count_of(struct ab_sweep *sweep, size_t i)
{
	return (uint64_t *)((char *)sweep + counts[i].offset);
}

static json_t *json_counts(struct ab_sweep *sweep)
{
	json_t *object = json_object();

	for (size_t i = 0; i < COUNTS; i++)
		json_object_set_new(object, counts[i].name,
				    json_integer((json_int_t)*count_of(sweep, i)));
	return object;
}

static bool shown(const struct request *request, const struct ab_finding *finding)
{
	return finding->kind == AB_FOUND_UNANNOTATED || finding->kind == AB_FOUND_MISPLACED ||
	       request->verbose;
}

static void print_summary(const char *name, const struct ab_sweep *sweep)
{
	printf("%s: %" PRIu64 " sensitive instructions, %" PRIu64 " annotated, %" PRIu64
	       " copied, %" PRIu64 " excepted, %" PRIu64 " unannotated, %" PRIu64
	       " misplaced, %" PRIu64 " undecodable bytes\n",
	       name, sweep->sensitive, sweep->annotated, sweep->copied, sweep->excepted,
	       sweep->unannotated, sweep->misplaced, sweep->undecodable_bytes);
}

static void report_text(const struct checker *checker, const struct ab_elf *elf,
			const struct ab_sweep *sweep)
{
	if (checker->request->quiet && ab_sweep_ok(sweep))
		return;
	for (size_t i = 0; i < sweep->nfindings; i++)
		if (shown(checker->request, &sweep->findings[i]))
			print_finding(checker, elf, &sweep->findings[i]);
	if (sweep->unannotated && !sweep->records)
		printf("%s: no annotations at all: was it compiled through the wrapper? (afterburn "
		       "doctor)\n",
		       elf->path);
	print_summary(elf->path, sweep);
}

static void report_json(const struct checker *checker, const struct ab_elf *elf,
			struct ab_sweep *sweep)
{
	json_t *findings = json_array();
	json_t *file = json_pack("{s:o, s:b, s:o}", "file", text_or_null(elf->path), "ok",
				 ab_sweep_ok(sweep), "counts", json_counts(sweep));

	for (size_t i = 0; i < sweep->nfindings; i++)
		json_array_append_new(findings, json_finding(checker, elf, &sweep->findings[i]));
	json_object_set_new(file, "findings", findings);
	json_array_append_new(checker->files, file);
}

static void check_file(struct checker *checker, const char *path)
{
	struct ab_annotdb db;
	struct ab_sweep sweep;
	struct ab_elf elf;

	if (ab_elf_open(&elf, path)) {
		checker->unreadable++;
		return;
	}
	ab_annotdb_read(&db, &elf);
	ab_sweep(&sweep, &elf, &db, &checker->decoder, checker->rules);
	for (size_t i = 0; i < COUNTS; i++)
		*count_of(&checker->total, i) += *count_of(&sweep, i);
	checker->failed += !ab_sweep_ok(&sweep);
	if (checker->request->json)
		report_json(checker, &elf, &sweep);
	else
		report_text(checker, &elf, &sweep);
	ab_sweep_free(&sweep);
	ab_annotdb_free(&db);
	ab_elf_close(&elf);
}

/* ---- the command ---- */

static void report_total(struct checker *checker)
{
	json_t *object;

	if (!checker->request->json) {
		if (checker->request->nfiles > 1)
			print_summary("total", &checker->total);
		return;
	}
	object = json_pack("{s:i, s:b, s:o, s:o, s:o}", "version", JSON_VERSION, "ok",
			   !checker->failed && !checker->unreadable, "rules",
			   text_or_null(ab_rules_path(checker->rules)), "files", checker->files,
			   "total", json_counts(&checker->total));
	json_dumpf(object, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(object);
}

static struct ab_rules *load_rules(const char *chosen)
{
	const char *path = chosen ? chosen : getenv("AFTERBURN_RULES");

	if (!path || !*path)
		path = ab_rules_beside("/../share/afterburn/x86.rules");
	if (!path) {
		ab_error("cannot tell where this program is (no /proc?): use --rules");
		return NULL;
	}
	return ab_rules_load(path, NULL, false);
}

int ab_cmd_check(int argc, char **argv)
{
	struct request request = {0};
	struct checker checker = {.request = &request};

	if (argp_parse(&argp, argc, argv, 0, NULL, &request))
		return AB_EXIT_USAGE;
	checker.rules = load_rules(request.rules_path);
	if (!checker.rules)
		return AB_EXIT_RULES;
	checker.files = request.json ? json_array() : NULL;
	ab_decoder_init(&checker.decoder);
	for (int i = 0; i < request.nfiles; i++)
		check_file(&checker, request.files[i]);
	report_total(&checker);
	ab_rules_free(checker.rules);
	if (checker.unreadable)
		return AB_EXIT_INPUT;
	return checker.failed ? AB_EXIT_FAIL : AB_EXIT_OK;
}
