/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load of every kind at once, for as long as is asked for: each worker is a process
 * that does one thing over and over and looks whether the result is right.
 * They disturb each other on purpose.
 */
#define _GNU_SOURCE /* mremap */
#include "init.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

/* A generator of its own for each worker: what fails fails again. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static int leaf(void *depth);

/* A tree of processes; vfork and exec at its leaves. */
static int tree(void *depth)
{
	int below = *(int *)depth - 1;

	return below < 0 ? leaf(&below) : in_child(tree, &below) | in_child(tree, &below);
}

static int leaf(void *unused)
{
	int status = -1;
	pid_t pid = vfork();

	(void)unused;
	if (pid == 0) {
		execl("/init", "init", "--exit", NULL);
		_exit(1);
	}
	return waitpid(pid, &status, 0) != pid || status;
}

static int work_processes(uint32_t *state)
{
	int depth = (int)(next_random(state) % 4);

	return tree(&depth) == 0;
}

/* Mapping, protecting, moving, giving back, with every page's word checked. */
static int work_memory(uint32_t *state)
{
	size_t pages = 1 + next_random(state) % 1024, keep = pages / 2;
	uint32_t mark = next_random(state);
	char *area = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	int ok = area != MAP_FAILED;

	for (size_t i = 0; ok && i < pages; i++)
		*(uint32_t *)(area + i * PAGE) = mark + (uint32_t)i;
	ok = ok && mprotect(area, pages * PAGE, PROT_READ) == 0;
	char *moved =
		ok ? mremap(area, pages * PAGE, 2 * pages * PAGE, MREMAP_MAYMOVE) : MAP_FAILED;

	ok = ok && moved != MAP_FAILED && madvise(moved, keep * PAGE, MADV_DONTNEED) == 0;
	for (size_t i = 0; ok && i < 2 * pages; i++)
		ok = *(uint32_t *)(moved + i * PAGE) ==
		     (i < keep || i >= pages ? 0 : mark + (uint32_t)i);
	return ok && munmap(moved, 2 * pages * PAGE) == 0;
}

static volatile sig_atomic_t ticks;

static void on_tick(int number)
{
	ticks += number == SIGALRM;
}

/* Floating point in every register, interrupted a thousand times a second. */
static int work_timer(uint32_t *state)
{
	struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	int wanted = ticks + 5 + (int)(next_random(state) % 20);
	double sum = 0;
	long n = 0;

	signal(SIGALRM, on_tick);
	setitimer(ITIMER_REAL, &often, NULL);
	while (ticks < wanted)
		for (int i = 1; i <= 64; i++, n++)
			sum += 1.0 / i;
	setitimer(ITIMER_REAL, &never, NULL);
	double expected = 0;

	for (int i = 1; i <= 64; i++)
		expected += 1.0 / i;
	double per_round = sum / ((double)n / 64);

	return per_round > expected * 0.999999 && per_round < expected * 1.000001;
}

static int echo(void *fds)
{
	uint32_t word;
	int *pipes = fds;

	while (read(pipes[0], &word, 4) == 4 && word)
		if (word = ~word, write(pipes[3], &word, 4) != 4)
			return 1;
	return 0;
}

/* Two processes that wait for each other. */
static int work_pipes(uint32_t *state)
{
	int fds[4], ok = pipe(fds) == 0 && pipe(fds + 2) == 0, status = -1;
	uint32_t word = 0, back = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(echo(fds));
	for (int i = 0; ok && i < 500; i++) {
		word = next_random(state) | 1;
		ok = write(fds[1], &word, 4) == 4 && read(fds[2], &back, 4) == 4 && back == ~word;
	}
	word = 0;
	ok &= write(fds[1], &word, 4) == 4 && waitpid(pid, &status, 0) == pid && status == 0;
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	return ok;
}

static int work_files(uint32_t *state)
{
	static char written[16 * PAGE], seen[sizeof(written)];
	char path[64];
	size_t size = 1 + next_random(state) % sizeof(written);

	snprintf(path, sizeof(path), "/tmp/stress-%d", getpid());
	for (size_t i = 0; i < size; i++)
		written[i] = (char)next_random(state);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	int ok = fd >= 0 && write(fd, written, size) == (ssize_t)size &&
		 pread(fd, seen, size, 0) == (ssize_t)size && memcmp(written, seen, size) == 0;
	char *map = ok ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	ok = ok && map != MAP_FAILED && memcmp(map, written, size) == 0 && munmap(map, size) == 0;
	close(fd);
	return ok && unlink(path) == 0;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int baton;

#define RUNNERS 4
#define ROUNDS	50

static void *run_relay(void *number)
{
	int me = (int)(intptr_t)number;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		while (baton % RUNNERS != me)
			pthread_cond_wait(&changed, &lock);
		baton++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static int work_threads(uint32_t *state)
{
	pthread_t threads[RUNNERS];

	(void)state;
	baton = 0;
	for (intptr_t i = 0; i < RUNNERS; i++)
		if (pthread_create(&threads[i], NULL, run_relay, (void *)i))
			return 0;
	for (int i = 0; i < RUNNERS; i++)
		pthread_join(threads[i], NULL);
	return baton == RUNNERS * ROUNDS;
}

/* Large enough that the VMM drops its mappings now and then. */
static int work_scattered(uint32_t *state)
{
	usleep(next_random(state) % 500000);
	return check_scattered();
}

static const struct worker {
	const char *name;
	int (*work)(uint32_t *state);
} workers[] = {
	{"processes", work_processes}, {"memory", work_memory}, {"timer", work_timer},
	{"pipes", work_pipes},	       {"files", work_files},	{"threads", work_threads},
	{"pipes", work_pipes},	       {"memory", work_memory}, {"scattered", work_scattered},
};

static void work_for(const struct worker *worker, uint32_t state, int seconds)
{
	time_t end = time(NULL) + seconds;
	long rounds = 0;

	while (time(NULL) < end) {
		if (!worker->work(&state)) {
			printf("init: stress %s failed in round %ld\n", worker->name, rounds);
			_exit(1);
		}
		rounds++;
	}
	printf("init: stress %s: %ld rounds\n", worker->name, rounds);
	_exit(0);
}

int run_stress(int seconds)
{
	pid_t pids[ARRAY_SIZE(workers)];
	int failures = 0;

	fflush(stdout);
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			work_for(&workers[i], (uint32_t)i + 1, seconds);
	}
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		int status = -1, ok = waitpid(pids[i], &status, 0) == pids[i] && status == 0;

		report("stress", workers[i].name, ok);
		failures += !ok;
	}
	return failures;
}
