/* SPDX-License-Identifier: BSD-2-Clause */
/* Much memory, and more than there is. */
#define _GNU_SOURCE
#include "check.h"

#include <sys/sysinfo.h>

static uint64_t free_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	uint64_t kib = 0;

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "MemAvailable: %lu", &kib);
	if (file)
		fclose(file);
	return kib << 10;
}

/* Three quarters of what is free: every page has its own content. */
static int touch(void)
{
	uint64_t pages = free_bytes() / PAGE * 3 / 4;
	uint64_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	fprintf(stderr, "big: %lu MiB\n", pages >> 8);
	if (memory == MAP_FAILED)
		return 2;
	for (uint64_t i = 0; i < pages; i++)
		memory[i * 512 + i % 512] = i * 0x9e3779b97f4a7c15;
	for (uint64_t i = 0; i < pages; i++)
		if (memory[i * 512 + i % 512] != i * 0x9e3779b97f4a7c15)
			return 3;
	for (uint64_t n = 0; n < 200000; n++) {
		uint64_t i = next_random() % pages;

		if (memory[i * 512 + i % 512] != i * 0x9e3779b97f4a7c15)
			return 4;
	}
	return 0;
}

/* More than there is: the kernel kills this process, and only this. */
static int gobble(void)
{
	int fd = (int)syscall(SYS_open, "/proc/self/oom_score_adj", 1);

	if (write(fd, "1000", 4) != 4)
		return 1;
	for (;;) {
		char *memory = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (memory == MAP_FAILED)
			return 2;
		for (unsigned i = 0; i < 4096; i++)
			memory[i * PAGE] = 1;
	}
}

static int memory_returns(uint64_t before)
{
	uint64_t now = 0;

	for (int i = 0; i < 50; i++) {
		now = free_bytes();
		if (now > before / 10 * 9)
			return 1;
		usleep(20000);
	}
	return NOTE("%lu MiB free, %lu before", now >> 20, before >> 20);
}

int main(void)
{
	uint64_t before = free_bytes();

	check("big-touch", exits(in_child(touch), 0));
	check("big-freed", memory_returns(before));
	check("oom-kill", dies(in_child(gobble), SIGKILL));
	check("oom-freed", memory_returns(before));
	check("oom-again", dies(in_child(gobble), SIGKILL) && exits(in_child(touch), 0));
	return failures != 0;
}
