/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin of QEMU's translator: how often each of the instructions runs whose addresses stand in
 * FILE, one a line, hexadecimal, in rising order; behind them, as FIRST-LAST, how many instructions
 * run in a range. The counts, 8 bytes each, are in FILE.counts, in the same order and at any time:
 * the file is mapped, and who reads it while the guest waits need not end it. Each time the
 * instruction at ADDRESS runs, all of them are appended to FILE.marks.
 *
 *   qemu-system-x86_64 -plugin ./instructions.so,sites=FILE[,mark=ADDRESS]
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of QEMU's plugin interface, version 1 (Debian ships no header), what is used here. */
#define EXPORT		      __attribute__((visibility("default")))
#define PLUGIN_INLINE_ADD_U64 0
#define PLUGIN_CB_NO_REGS     0

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
typedef uint64_t plugin_id;

extern EXPORT int qemu_plugin_version;
EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info_t *info, int argc, char **argv);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int operation,
						void *counter, uint64_t value);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int operation, void *counter,
					      uint64_t value);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *,
					    void (*)(unsigned int cpu, void *data), int flags,
					    void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));

int qemu_plugin_version = 1;

#define MOST	    65536
#define MOST_RANGES 16

struct range {
	uint64_t first, last;
};

static uint64_t sites[MOST], *counts, mark; /* counts: of all sites, then of all ranges */
static size_t count, range_count;
static struct range ranges[MOST_RANGES];
static int marks = -1;

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void marked(unsigned int cpu, void *data)
{
	const ssize_t size = (ssize_t)((count + range_count) * sizeof(*counts));

	(void)cpu;
	(void)data;
	if (write(marks, counts, (size_t)size) != size)
		abort();
}

static void translated(plugin_id id, struct qemu_plugin_tb *block)
{
	(void)id;
	for (size_t i = 0; i < range_count; i++)
		if (qemu_plugin_tb_vaddr(block) >= ranges[i].first &&
		    qemu_plugin_tb_vaddr(block) <= ranges[i].last)
			qemu_plugin_register_vcpu_tb_exec_inline(block, PLUGIN_INLINE_ADD_U64,
								 &counts[count + i],
								 qemu_plugin_tb_n_insns(block));
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn);
		const uint64_t *site = bsearch(&address, sites, count, sizeof(*sites), compare);

		if (site)
			qemu_plugin_register_vcpu_insn_exec_inline(insn, PLUGIN_INLINE_ADD_U64,
								   &counts[site - sites], 1);
		if (mark && address == mark)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, PLUGIN_CB_NO_REGS,
							       NULL);
	}
}

static int add(unsigned long long first, unsigned long long last, int is_range)
{
	if (is_range && range_count < MOST_RANGES)
		ranges[range_count++] = (struct range){first, last};
	else if (!is_range && !range_count && count < MOST)
		sites[count++] = first;
	else
		return -1;
	return 0;
}

static int read_sites(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned long long first, last;
	char line[64];
	int error = 0;

	if (!f)
		return -1;
	while (!error && fgets(line, sizeof(line), f)) {
		int found = sscanf(line, "%llx-%llx", &first, &last);

		error = found < 1 || add(first, last, found == 2);
	}
	fclose(f);
	return error ? -1 : 0;
}

static int create(const char *path, const char *suffix)
{
	char name[4096];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
}

static int map_counts(const char *path)
{
	int fd = create(path, ".counts");

	if (fd < 0 || ftruncate(fd, sizeof(sites) + sizeof(ranges)))
		return -1;
	counts = mmap(NULL, sizeof(sites) + sizeof(ranges), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      0);
	close(fd);
	return counts == MAP_FAILED ? -1 : 0;
}

int qemu_plugin_install(plugin_id id, const struct qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	if (argc < 1 || argc > 2 || strncmp(argv[0], "sites=", 6))
		return -1;
	if (read_sites(argv[0] + 6) || map_counts(argv[0] + 6))
		return -1;
	if (argc == 2) {
		if (strncmp(argv[1], "mark=", 5))
			return -1;
		mark = strtoull(argv[1] + 5, NULL, 0);
		marks = create(argv[0] + 6, ".marks");
		if (marks < 0)
			return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
