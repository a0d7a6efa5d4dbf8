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

/* Some hosts cannot make the instruction fault; their VMM says so. */
static int shows_host(void)
{
	char line[2048] = "";
	int fd = open("/proc/cmdline", O_RDONLY);

	if (read(fd, line, sizeof(line) - 1) < 0)
		line[0] = 0;
	close(fd);
	return strstr(line, "afterburn.cpuid=host") != NULL;
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
	if (shows_host()) {
		printf("result: cpuid in programs skipped (the host's)\n");
		return ok;
	}
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

enum state { WAITING, LOADED, NO_DEVICE, FAILED };

struct module {
	char name[256], path[300];
	enum state state;
	int order; /* among those loaded, from 1; 0: not loaded */
};

static void name_module(struct module *module, const char *file)
{
	snprintf(module->path, sizeof(module->path), "/modules/%s", file);
	snprintf(module->name, sizeof(module->name), "%s", file);
	*strrchr(module->name, '.') = '\0';
	for (char *p = module->name; *p; p++)
		if (*p == '-')
			*p = '_';
}

/* ENOENT: it needs another module first. ENODEV: an answer of the driver's own code. */
static enum state load(const struct module *module)
{
	int fd = open(module->path, O_RDONLY);
	int error = fd < 0 || syscall(SYS_finit_module, fd, "", 0) ? errno : 0;

	close(fd);
	return error == 0	 ? LOADED
	       : error == ENOENT ? WAITING
	       : error == ENODEV ? NO_DEVICE
				 : FAILED;
}

/* In as many passes as the modules' dependencies are deep. */
static int load_all(struct module *modules, int n)
{
	int loaded = 0, before;

	do {
		before = loaded;
		for (int i = 0; i < n; i++) {
			if (modules[i].state != WAITING)
				continue;
			modules[i].state = load(&modules[i]);
			if (modules[i].state == LOADED)
				modules[i].order = ++loaded;
		}
	} while (loaded > before);
	return loaded;
}

/* EBUSY: it has no exit code, or another such module uses it. */
static void unload_all(struct module *modules, int n, int loaded)
{
	for (; loaded > 0; loaded--)
		for (int i = 0; i < n; i++)
			if (modules[i].order == loaded &&
			    syscall(SYS_delete_module, modules[i].name, O_NONBLOCK) &&
			    errno != EBUSY)
				modules[i].state = FAILED;
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
	struct module *modules = calloc(n > 0 ? (size_t)n : 1, sizeof(*modules));

	for (int i = 0; i < n; i++)
		name_module(&modules[i], entries[i]->d_name);
	int loaded = load_all(modules, n);

	for (int i = 0; i < n; i++)
		if (modules[i].state == LOADED && !use_module(modules[i].name))
			modules[i].state = FAILED;
	unload_all(modules, n, loaded);
	for (int i = 0; i < n; i++) {
		int ok = modules[i].state == LOADED || modules[i].state == NO_DEVICE;

		report("module", modules[i].name, ok);
		failures += !ok;
	}
	return failures;
}
