/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load every module of /modules, use those whose instructions matter, unload.
 * A module's annotations reach the rewriter by another way than the kernel's,
 * so what padding may break there is checked by itself.
 */
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define MSR_APIC_BASE 0x1b
#define MSR_NONE      0x12345678

/* rdmsr with an exception-table entry; no such MSR: a fault, or 0 (QEMU). */
static int use_msr(void)
{
	uint64_t value = 0, none = 0;
	int fd = open("/dev/cpu/0/msr", O_RDONLY);
	int ok = fd >= 0 && pread(fd, &value, 8, MSR_APIC_BASE) == 8 && value != 0;

	if (ok && pread(fd, &none, 8, MSR_NONE) < 0)
		ok = errno == EIO;

	close(fd);
	return ok;
}

/* cpuid.ko: must agree with the instruction in user mode. */
static int use_cpuid(void)
{
	uint32_t kernel[4] = {0}, user[4];
	int fd = open("/dev/cpu/0/cpuid", O_RDONLY);
	int ok = fd >= 0 && pread(fd, kernel, sizeof(kernel), 0) == sizeof(kernel);

	__asm__ volatile("cpuid"
			 : "=a"(user[0]), "=b"(user[1]), "=c"(user[2]), "=d"(user[3])
			 : "a"(0), "c"(0));
	close(fd);
	return ok && memcmp(kernel, user, sizeof(user)) == 0;
}

static int use_dummy(void)
{
	return if_nametoindex("dummy0") != 0;
}

static int use_ram_disk(void)
{
	static char written[65536], seen[65536];
	int fd = open("/dev/ram0", O_RDWR | O_SYNC);

	for (size_t i = 0; i < sizeof(written); i++)
		written[i] = (char)(i * 7 + i / 256);
	int ok = fd >= 0 && pwrite(fd, written, sizeof(written), 4096) == sizeof(written) &&
		 pread(fd, seen, sizeof(seen), 4096) == sizeof(seen) &&
		 memcmp(written, seen, sizeof(seen)) == 0;

	close(fd);
	return ok;
}

static const struct {
	const char *name;
	int (*use)(void);
} uses[] = {
	{"brd", use_ram_disk},
	{"cpuid", use_cpuid},
	{"dummy", use_dummy},
	{"msr", use_msr},
};

static int use_module(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(uses); i++)
		if (strcmp(uses[i].name, name) == 0)
			return uses[i].use();
	return 1;
}

/*
 * Two errors are no failures: ENODEV, no hardware, is an answer of the
 * driver's own code; ENOENT means that it needs another module loaded.
 */
static int load_use_unload(const char *name, const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return 0;
	int status = (int)syscall(SYS_finit_module, fd, "", 0);
	int excused = status && (errno == ENODEV || errno == ENOENT);

	if (status)
		printf("init: load %s: %s\n", name, strerror(errno));
	close(fd);
	if (status)
		return excused;
	int used = use_module(name);

	if (syscall(SYS_delete_module, name, O_NONBLOCK) == 0)
		return used;
	printf("init: unload %s: %s\n", name, strerror(errno));
	return errno == EBUSY && used; /* has no exit code: made to stay */
}

static int is_module(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".ko") == 0;
}

int run_modules(void)
{
	struct dirent **entries;
	int failures = 0, n = scandir("/modules", &entries, is_module, alphasort);

	for (int i = 0; i < n; i++) {
		char path[300], name[256];

		snprintf(path, sizeof(path), "/modules/%s", entries[i]->d_name);
		snprintf(name, sizeof(name), "%s", entries[i]->d_name);
		*strrchr(name, '.') = '\0';
		int ok = load_use_unload(name, path);

		report("module", name, ok);
		failures += !ok;
	}
	return failures;
}
