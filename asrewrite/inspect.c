/* SPDX-License-Identifier: BSD-2-Clause */
/* `afterburn inspect`: how many sites of which kind, and what their pads cost. */
#include "asrewrite/commands.h"
#include "asrewrite/diag.h"
#include "asrewrite/rules.h"
#include "asrewrite/tally.h"

#include <argp.h>
#include <elf.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_VERSION 1

/* ---- the table for people ---- */

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

static uint64_t group_sites(const struct ab_tally *tally, uint16_t class)
{
	const struct ab_rows *groups = &tally->tables[AB_BY_GROUP];

	for (size_t i = 0; i < groups->count; i++)
		if (groups->list[i].class >> 8 == class >> 8)
			return groups->list[i].sites;
	return 0;
}

static void print_sites(const struct ab_tally *tally, enum ab_table which)
{
	const struct ab_rows *rows = &tally->tables[which];
	const char *rule = "--------------------------------------------------------------------";

	printf("%-11s %-13s %-20s %7s %8s %9s\n%.74s\n", "group", "class",
	       which == AB_BY_FORM ? "form" : "mnemonic", "sites", "share", "pads", rule);
	for (size_t i = 0; i < rows->count; i++) {
		const struct ab_row *row = &rows->list[i];
		bool first = i == 0 || rows->list[i - 1].class >> 8 != row->class >> 8;

		if (first)
			printf("%-11s %-13s %-20s %7" PRIu64 " %7.1f%%\n",
			       ab_group_name(row->class), "", "", group_sites(tally, row->class),
			       percent(group_sites(tally, row->class), tally->sites));
		printf("%-11s %-13s %-20s %7" PRIu64 " %7.1f%% %9" PRIu64 "\n", "",
		       ab_class_name(row->class), row->key, row->sites,
		       percent(row->sites, tally->sites), row->pads);
	}
	printf("%.74s\n%-11s %-13s %-20s %7" PRIu64 " %7.1f%% %9" PRIu64 "\n\n", rule, "total", "",
	       "", tally->sites, tally->sites ? 100.0 : 0.0, tally->pads);
}

static void print_sections(const struct ab_tally *tally)
{
	const struct ab_rows *rows = &tally->tables[AB_BY_SECTION];

	printf("%-32s %10s %7s %8s %8s\n", "section", "bytes", "sites", "pads", "growth");
	for (size_t i = 0; i < rows->count; i++) {
		const struct ab_row *row = &rows->list[i];

		printf("%-32s %10" PRIu64 " %7" PRIu64 " %8" PRIu64 " %7.2f%%\n", row->key,
		       row->size, row->sites, row->pads, percent(row->pads, row->size - row->pads));
	}
	putchar('\n');
}

static void print_totals(const struct ab_tally *tally)
{
	printf("%" PRIu64 " sites", tally->sites);
	for (size_t i = 0; i < AB_TALLY_FLAGS; i++)
		if (tally->flags[i])
			printf(", %" PRIu64 " %s", tally->flags[i], ab_tally_flags[i].title);
	if (tally->memory)
		printf(", %" PRIu64 " memory operations", tally->memory);
	printf("\ncode   %10" PRIu64 " bytes, of which %" PRIu64 " pads: growth %.2f %%\n",
	       tally->code, tally->pads, percent(tally->pads, tally->code - tally->pads));
	if (tally->text)
		printf(".text  %10" PRIu64 " bytes, of which %" PRIu64 " pads: growth %.2f %%\n",
		       tally->text, tally->text_pads,
		       percent(tally->text_pads, tally->text - tally->text_pads));
	printf("annotations %5" PRIu64 " bytes", tally->records);
	if (tally->markers)
		printf(", %" PRIu64 " mode markers", tally->markers);
	if (tally->faults)
		printf(", %" PRIu64 " BAD RECORDS (see afterburn check)", tally->faults);
	putchar('\n');
}

/* ---- JSON ---- */

static json_t *json_rows(const struct ab_rows *rows, bool sized)
{
	json_t *object = json_object();

	for (size_t i = 0; i < rows->count; i++) {
		const struct ab_row *row = &rows->list[i];
		json_t *old = json_object_get(object, row->key); /* one form, two classes */
		json_t *value = json_pack(
			"{s:I, s:I}", "sites",
			(json_int_t)row->sites + json_integer_value(json_object_get(old, "sites")),
			"pad_bytes",
			(json_int_t)row->pads +
				json_integer_value(json_object_get(old, "pad_bytes")));

		if (sized)
			json_object_set_new(value, "bytes", json_integer((json_int_t)row->size));
		json_object_set_new(object, row->key, value);
	}
	return object;
}

static json_t *json_tally(const struct ab_tally *tally)
{
	json_t *object =
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sites",
			  (json_int_t)tally->sites, "markers", (json_int_t)tally->markers, "memory",
			  (json_int_t)tally->memory, "bad_records", (json_int_t)tally->faults,
			  "pad_bytes", (json_int_t)tally->pads, "instruction_bytes",
			  (json_int_t)tally->insns, "record_bytes", (json_int_t)tally->records,
			  "code_bytes", (json_int_t)tally->code, "text_bytes",
			  (json_int_t)tally->text, "text_pad_bytes", (json_int_t)tally->text_pads);
	json_t *flag_counts = json_object();

	for (size_t i = 0; i < AB_TALLY_FLAGS; i++)
		json_object_set_new(flag_counts, ab_tally_flags[i].name,
				    json_integer((json_int_t)tally->flags[i]));
	json_object_set_new(object, "flags", flag_counts);
	for (size_t t = 0; t < AB_TABLES; t++)
		json_object_set_new(object, ab_table_names[t],
				    json_rows(&tally->tables[t], t == AB_BY_SECTION));
	return object;
}

static const char *machine_name(const struct ab_elf *elf)
{
	return elf->machine == EM_386 ? "i386" : "x86_64";
}

static const char *type_name(const struct ab_elf *elf)
{
	return elf->relocatable ? "relocatable" : elf->type == ET_DYN ? "shared" : "executable";
}

/* ---- the command ---- */

struct request {
	bool json, forms, sections;
	char **files;
	int nfiles;
};

static const struct argp_option options[] = {
	{"json", 'j', NULL, 0, "print one JSON object (docs/inspect.md)", 0},
	{"forms", 'f', NULL, 0, "count operand forms instead of mnemonics", 0},
	{"sections", 's', NULL, 0, "also count per section", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;

	(void)arg;
	switch (key) {
	case 'j':
		request->json = true;
		break;
	case 'f':
		request->forms = true;
		break;
	case 's':
		request->sections = true;
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
	"Count the annotated sensitive instructions of kernels, modules and objects per mnemonic, "
	"class and section, and what their pads cost. Several files: one line each, and the table "
	"of all together.\vExit codes: 0 done, 1 some records are bad (`afterburn check' says "
	"which), 2 usage, 103 unreadable file.",
	NULL,
	NULL,
	NULL};

struct inspection {
	const struct request *request;
	struct ab_decoder decoder;
	struct ab_tally total;
	json_t *files;
	int unreadable;
};

static void report_file(struct inspection *inspection, const struct ab_elf *elf,
			struct ab_tally *tally)
{
	json_t *object, *name;

	if (!inspection->request->json) {
		printf("%s: %s %s, %" PRIu64 " sites, %" PRIu64 " bytes of pads\n", elf->path,
		       machine_name(elf), type_name(elf), tally->sites, tally->pads);
		return;
	}
	object = json_tally(tally);
	name = json_string(elf->path);
	json_object_set_new(object, "file", name ? name : json_null());
	json_object_set_new(object, "machine", json_string(machine_name(elf)));
	json_object_set_new(object, "type", json_string(type_name(elf)));
	json_array_append_new(inspection->files, object);
}

static void inspect_file(struct inspection *inspection, const char *path)
{
	struct ab_annotdb db;
	struct ab_tally tally;
	struct ab_elf elf;

	if (ab_elf_open(&elf, path)) {
		inspection->unreadable++;
		return;
	}
	ab_annotdb_read(&db, &elf);
	ab_tally_file(&tally, &elf, &db, &inspection->decoder);
	ab_tally_sort(&tally);
	report_file(inspection, &elf, &tally);
	ab_tally_add(&inspection->total, &tally);
	ab_tally_free(&tally);
	ab_annotdb_free(&db);
	ab_elf_close(&elf);
}

static void report_total(struct inspection *inspection)
{
	const struct request *request = inspection->request;
	struct ab_tally *total = &inspection->total;
	json_t *object;

	ab_tally_sort(total);
	if (request->json) {
		object = json_pack("{s:i, s:o, s:o}", "version", JSON_VERSION, "files",
				   inspection->files, "total", json_tally(total));
		json_dumpf(object, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
		putchar('\n');
		json_decref(object);
		return;
	}
	putchar('\n');
	print_sites(total, request->forms ? AB_BY_FORM : AB_BY_MNEMONIC);
	if (request->sections)
		print_sections(total);
	print_totals(total);
}

int ab_cmd_inspect(int argc, char **argv)
{
	struct request request = {0};
	struct inspection inspection = {.request = &request};
	int status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &request))
		return AB_EXIT_USAGE;
	ab_decoder_init(&inspection.decoder);
	inspection.files = request.json ? json_array() : NULL;
	for (int i = 0; i < request.nfiles; i++)
		inspect_file(&inspection, request.files[i]);
	report_total(&inspection);
	status = inspection.total.faults ? AB_EXIT_FAIL : AB_EXIT_OK;
	ab_tally_free(&inspection.total);
	return inspection.unreadable ? AB_EXIT_INPUT : status;
}
