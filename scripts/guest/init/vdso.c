/* SPDX-License-Identifier: BSD-2-Clause */
/* The vDSO: the kernel's code in every program. It must answer as the kernel does, of
 * this machine and not of one around it. The C library asks it for some things only.
 */
#include "init.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int getcpu_function(unsigned *cpu, unsigned *node, void *unused);
typedef int gettime_function(clockid_t clock, struct timespec *time);

struct vdso {
	const char *base, *strings;
	const ElfW(Sym) * symbols;
	const uint32_t *hash;
};

static const void *at(const struct vdso *vdso, uintptr_t offset)
{
	return vdso->base + offset;
}

static void take_table(struct vdso *vdso, const ElfW(Dyn) * entry)
{
	if (entry->d_tag == DT_STRTAB)
		vdso->strings = at(vdso, entry->d_un.d_ptr);
	if (entry->d_tag == DT_SYMTAB)
		vdso->symbols = at(vdso, entry->d_un.d_ptr);
	if (entry->d_tag == DT_HASH)
		vdso->hash = at(vdso, entry->d_un.d_ptr);
}

static int find_vdso(struct vdso *vdso)
{
	const ElfW(Ehdr) *header = (const void *)getauxval(AT_SYSINFO_EHDR);
	const ElfW(Phdr) * segments;

	*vdso = (struct vdso){.base = (const char *)header};
	if (!header)
		return 0;
	segments = at(vdso, header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type != PT_DYNAMIC)
			continue;
		for (const ElfW(Dyn) *d = at(vdso, segments[i].p_offset); d->d_tag; d++)
			take_table(vdso, d);
	}
	return vdso->strings && vdso->symbols && vdso->hash;
}

static const void *find_symbol(const struct vdso *vdso, const char *name)
{
	for (uint32_t i = 1; i < vdso->hash[1]; i++)
		if (!strcmp(vdso->strings + vdso->symbols[i].st_name, name))
			return at(vdso, vdso->symbols[i].st_value);
	return NULL;
}

static int same_processor(getcpu_function *ask)
{
	unsigned cpu = 99, node = 99, kernels_cpu = 98, kernels_node = 98;

	return ask && !ask(&cpu, &node, NULL) &&
	       !syscall(SYS_getcpu, &kernels_cpu, &kernels_node, NULL) && cpu == kernels_cpu &&
	       node == kernels_node && !ask(NULL, NULL, NULL);
}

static int64_t nanoseconds(const struct timespec *time)
{
	return time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

static int same_clock(gettime_function *ask)
{
	struct timespec before, kernel, after;

	return ask && !ask(CLOCK_MONOTONIC, &before) &&
	       !syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &kernel) &&
	       !ask(CLOCK_MONOTONIC, &after) && nanoseconds(&before) <= nanoseconds(&kernel) &&
	       nanoseconds(&kernel) <= nanoseconds(&after);
}

int check_vdso(void)
{
	struct vdso vdso;

	if (sizeof(long) != 8)
		return 1; /* i386: its calls take other types of time */
	return find_vdso(&vdso) &&
	       same_processor((getcpu_function *)find_symbol(&vdso, "__vdso_getcpu")) &&
	       same_clock((gettime_function *)find_symbol(&vdso, "__vdso_clock_gettime"));
}
