/* SPDX-License-Identifier: BSD-2-Clause */
/* `afterburn image`: an afterburned kernel as one file that a hypervisor boots. */
#include "asrewrite/commands.h"
#include "asrewrite/diag.h"
#include "backends/xen/image/image.h"

#include <argp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

enum { KEY_XEN = 256, KEY_EXTRACT, KEY_WEDGE };

extern const uint8_t xen_wedge[], xen_wedge_end[];

static const struct argp_option options[] = {
	{"xen", KEY_XEN, NULL, 0, "make an image for Xen: a para-virtual domain's kernel", 0},
	{"extract", KEY_EXTRACT, NULL, 0, "write the kernel that is in IMAGE to FILE", 0},
	{"output", 'o', "FILE", 0, "the file to make", 0},
	{"append", 'a', "TEXT", 0, "the kernel's command line", 0},
	{"wedge", KEY_WEDGE, "FILE", 0, "another in-place VMM than the one in this program", 0},
	{0},
};

static const char doc[] =
	"Make one file of the in-place VMM, the afterburned kernel VMLINUX, an initial RAM "
	"disk and a command line; or take VMLINUX out again, byte for byte.\v"
	"Exit codes: 0 made; 2 wrong usage; 120 kernel, initial RAM disk, command line or image "
	"unusable; 126 FILE cannot be written, or no memory.";

struct command {
	bool xen, extract;
	const char *output, *append, *wedge;
	const char *files[2];
	unsigned count;
};

static void check_usage(const struct command *command, struct argp_state *state)
{
	if (command->xen == command->extract)
		argp_error(state, "either --xen or --extract");
	if (!command->output)
		argp_error(state, "--output is required");
	if (command->extract && (command->count != 1 || command->append || command->wedge))
		argp_error(state, "--extract takes an image and nothing else");
	if (!command->count)
		argp_error(state, "a kernel (vmlinux, built with `as' of afterburn) is required");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct command *command = state->input;

	switch (key) {
	case KEY_XEN:
		command->xen = true;
		break;
	case KEY_EXTRACT:
		command->extract = true;
		break;
	case KEY_WEDGE:
		command->wedge = arg;
		break;
	case 'o':
		command->output = arg;
		break;
	case 'a':
		command->append = arg;
		break;
	case ARGP_KEY_ARG:
		if (command->count == 2)
			return ARGP_ERR_UNKNOWN;
		command->files[command->count++] = arg;
		break;
	case ARGP_KEY_END:
		check_usage(command, state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "--xen -o FILE VMLINUX [INITRD]\n--extract -o FILE IMAGE", doc, NULL,
	NULL,	 NULL};

static int write_image(const struct command *command, const struct elf *wedge, const char *name,
		       const struct parts *parts)
{
	struct layout layout;
	const char *wrong = image_lay_out(&layout, wedge, parts);
	int result;

	if (wrong) {
		ab_error("%s: %s", name, wrong);
		return RUN_EXIT_INPUT;
	}
	result = image_write(command->output, layout.pieces, PIECES, layout.bytes);
	if (!result)
		printf("%s: %" PRIu64 " bytes; kernel %" PRIu64 ", initial RAM disk %" PRIu64 "\n",
		       command->output, layout.bytes, parts->kernel.size, parts->initrd.size);
	return result;
}

static int with_wedge(const struct command *command, const struct parts *parts)
{
	struct input wedge = {"the in-place VMM of this program", xen_wedge,
			      (uint64_t)(xen_wedge_end - xen_wedge)};
	struct load_failure failure;
	struct elf elf;
	int result;

	if (command->wedge) {
		result = input_open(&wedge, command->wedge);
		if (result)
			return result;
	}
	if (elf_open(&elf, wedge.bytes, wedge.size, &failure))
		result = write_image(command, &elf, wedge.name, parts);
	else
		result = input_complain(&failure, wedge.name);
	if (command->wedge)
		input_close(&wedge);
	return result;
}

static int make(const struct command *command)
{
	struct parts parts = {.command_line = command->append ? command->append : ""};
	int result = input_open(&parts.kernel, command->files[0]);

	if (!result && command->count > 1)
		result = input_open(&parts.initrd, command->files[1]);
	if (!result)
		result = image_check(&parts);
	if (!result)
		result = with_wedge(command, &parts);
	input_close(&parts.kernel);
	input_close(&parts.initrd);
	return result;
}

static int extract(const struct command *command)
{
	struct input image = {0};
	struct piece kernel;
	int result = input_open(&image, command->files[0]);

	if (!result)
		result = image_kernel(&image, &kernel);
	if (!result)
		result = image_write(command->output, &kernel, 1, kernel.size);
	input_close(&image);
	return result;
}

int ab_cmd_image(int argc, char **argv)
{
	struct command command = {0};

	if (argp_parse(&argp, argc, argv, 0, NULL, &command))
		return RUN_EXIT_USAGE;
	return command.extract ? extract(&command) : make(&command);
}
