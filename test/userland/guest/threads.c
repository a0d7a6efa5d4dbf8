/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads: every kind of lock, condition variables, thread-local storage, threads made by
 * clone() itself. */
#define _GNU_SOURCE
#include "check.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#define THREADS 6

static long counter;
static pthread_mutex_t mutex;
static __thread long mine;
static pthread_barrier_t barrier;

static void *count_up(void *rounds)
{
	for (long i = 0; i < (long)rounds; i++) {
		pthread_mutex_lock(&mutex);
		long seen = counter;

		if (i % 16 == 0)
			sched_yield();
		counter = seen + 1;
		mine++;
		pthread_mutex_unlock(&mutex);
	}
	return (void *)mine;
}

static int with_mutex(int type, int protocol)
{
	pthread_mutexattr_t attributes;
	pthread_t threads[THREADS];
	long rounds = scaled(2000), sum = 0;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	if (pthread_mutexattr_setprotocol(&attributes, protocol))
		return NOTE("protocol %d", protocol);
	if (pthread_mutex_init(&mutex, &attributes))
		return NOTE("mutex of protocol %d", protocol);
	counter = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count_up, (void *)rounds);
	for (int i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		sum += (long)result;
	}
	pthread_mutex_destroy(&mutex);
	return counter == THREADS * rounds && sum == counter
		       ? 1
		       : NOTE("counter %ld, sum %ld", counter, sum);
}

/* A ring between producers and consumers. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	long slots[8];
	unsigned in, out;
	int closed;
} ring = {PTHREAD_MUTEX_INITIALIZER,
	  PTHREAD_COND_INITIALIZER,
	  PTHREAD_COND_INITIALIZER,
	  {0},
	  0,
	  0,
	  0};

static void *produce(void *rounds)
{
	for (long i = 1; i <= (long)rounds; i++) {
		pthread_mutex_lock(&ring.lock);
		while (ring.in - ring.out == COUNT(ring.slots))
			pthread_cond_wait(&ring.emptied, &ring.lock);
		ring.slots[ring.in++ % COUNT(ring.slots)] = i;
		pthread_cond_signal(&ring.filled);
		pthread_mutex_unlock(&ring.lock);
	}
	return NULL;
}

static void *consume(void *unused)
{
	long sum = 0;

	(void)unused;
	for (;;) {
		pthread_mutex_lock(&ring.lock);
		while (ring.in == ring.out && !ring.closed)
			pthread_cond_wait(&ring.filled, &ring.lock);
		if (ring.in == ring.out)
			break;
		sum += ring.slots[ring.out++ % COUNT(ring.slots)];
		pthread_cond_signal(&ring.emptied);
		pthread_mutex_unlock(&ring.lock);
	}
	pthread_mutex_unlock(&ring.lock);
	return (void *)sum;
}

static int conditions(void)
{
	pthread_t producers[3], consumers[3];
	long rounds = scaled(3000), sum = 0;
	void *result;

	for (int i = 0; i < 3; i++) {
		pthread_create(&producers[i], NULL, produce, (void *)rounds);
		pthread_create(&consumers[i], NULL, consume, NULL);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(producers[i], NULL);
	pthread_mutex_lock(&ring.lock);
	ring.closed = 1;
	pthread_cond_broadcast(&ring.filled);
	pthread_mutex_unlock(&ring.lock);
	for (int i = 0; i < 3; i++) {
		pthread_join(consumers[i], &result);
		sum += (long)result;
	}
	return sum == 3 * rounds * (rounds + 1) / 2 ? 1 : NOTE("sum %ld", sum);
}

/* A process dies with a shared lock held: the next one learns it. */
static int robust(int protocol)
{
	pthread_mutex_t *shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attributes;
	int ok = 1;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setprotocol(&attributes, protocol);
	if (pthread_mutex_init(shared, &attributes))
		return NOTE("no such mutex");
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			pthread_mutex_lock(shared);
			raise(i % 2 ? SIGKILL : SIGTERM);
		}
		waitpid(pid, NULL, 0);
		ok &= MUST(pthread_mutex_lock(shared) == EOWNERDEAD);
		ok &= MUST(pthread_mutex_consistent(shared) == 0);
		ok &= MUST(pthread_mutex_unlock(shared) == 0);
	}
	return ok;
}

/* More threads than ever run at once; each has its own errno, stack and TLS. */
static void *short_life(void *argument)
{
	long number = (long)argument;
	char block[2048];

	mine = number;
	memset(block, (int)number, sizeof(block));
	errno = (int)number;
	sched_yield();
	return (void *)(long)(mine == number && errno == (int)number && block[77] == (char)number &&
			      block[2047] == (char)number);
}

static int many(void)
{
	long rounds = scaled(60), good = 0;

	for (long i = 0; i < rounds; i++) {
		pthread_t threads[16];
		void *result;

		for (long j = 0; j < 16; j++)
			if (pthread_create(&threads[j], NULL, short_life, (void *)(i * 16 + j)))
				return NOTE("thread %ld", i * 16 + j);
		for (long j = 0; j < 16; j++) {
			pthread_join(threads[j], &result);
			good += (long)result;
		}
	}
	return good == rounds * 16 ? 1 : NOTE("%ld of %ld", good, rounds * 16);
}

static void *meet(void *unused)
{
	long serial = 0;

	(void)unused;
	for (int i = 0; i < 200; i++)
		serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
	return (void *)serial;
}

static int barriers(void)
{
	pthread_t threads[THREADS];
	long serial = 0;
	void *result;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, meet, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		serial += (long)result;
	}
	return serial == 200;
}

/* clone() with everything a thread has, and a TLS block of our own in %fs. */
static struct {
	uint64_t self[8];
	int tid, sum;
} bare;

static int bare_thread(void *unused)
{
	uint64_t first, third;

	(void)unused;
	__asm__ volatile("mov %%fs:0, %0; mov %%fs:24, %1" : "=r"(first), "=r"(third));
	bare.sum = first == 0x1111 && third == 0x3333;
	/* no C library without its thread block */
	__asm__ volatile("syscall" ::"a"(SYS_exit), "D"(0) : "rcx", "r11", "memory");
	return 0;
}

static int bare_clone(void)
{
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ok = 1;

	bare.self[0] = 0x1111;
	bare.self[3] = 0x3333;
	for (int i = 0; i < 50; i++) {
		bare.tid = 1;
		bare.sum = 0;
		int pid = clone(bare_thread, stack + 65536,
				CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
					CLONE_SYSVSEM | CLONE_SETTLS | CLONE_CHILD_CLEARTID,
				NULL, NULL, bare.self, &bare.tid);

		if (pid < 0)
			return NOTE("clone: %d", errno);
		while (__atomic_load_n(&bare.tid, __ATOMIC_SEQ_CST))
			syscall(SYS_futex, &bare.tid, FUTEX_WAIT, 1, NULL, NULL, 0);
		ok &= MUST(bare.sum == 1);
	}
	return ok;
}

static sem_t semaphores[2];

static void *answer(void *unused)
{
	for (long i = 0; i < scaled(3000); i++) {
		sem_wait(&semaphores[0]);
		sem_post(&semaphores[1]);
	}
	return unused;
}

static int ping_pong(void)
{
	pthread_t thread;

	sem_init(&semaphores[0], 0, 0);
	sem_init(&semaphores[1], 0, 0);
	pthread_create(&thread, NULL, answer, NULL);
	for (long i = 0; i < scaled(3000); i++) {
		sem_post(&semaphores[0]);
		sem_wait(&semaphores[1]);
	}
	pthread_join(thread, NULL);
	return 1;
}

static int timed_waits(void)
{
	struct timespec until;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t never = PTHREAD_COND_INITIALIZER;
	int ok = 1;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < 10; i++) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 3000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		ok &= pthread_cond_timedwait(&never, &lock, &until) == ETIMEDOUT;
	}
	return ok;
}

int main(void)
{
	check("mutex", with_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE));
	check("mutex-checked", with_mutex(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE));
	check("mutex-pi", with_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT));
	check("conditions", conditions());
	check("futex-robust", robust(PTHREAD_PRIO_NONE));
	check("futex-robust-pi", robust(PTHREAD_PRIO_INHERIT));
	check("threads-many", many());
	check("barriers", barriers());
	check("clone-tls", bare_clone());
	check("semaphores", ping_pong());
	check("timed-waits", timed_waits());
	return failures != 0;
}
