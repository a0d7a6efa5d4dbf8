/* SPDX-License-Identifier: BSD-2-Clause */
/* Does userland work? One function per thing a kernel must do for programs. */
#include "init.h"

#include <asm/ldt.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static int check_pipe(void)
{
	char buffer[8] = "";
	int fds[2];

	return pipe(fds) == 0 && write(fds[1], "pipe", 5) == 5 &&
	       read(fds[0], buffer, sizeof(buffer)) == 5 && strcmp(buffer, "pipe") == 0;
}

static int exit_with(void *code)
{
	return *(int *)code;
}

static int check_fork(void)
{
	for (int code = 0; code < 20; code++) {
		int status = in_child(exit_with, &code);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
			return 0;
	}
	return 1;
}

static volatile sig_atomic_t signals_seen;

static void on_signal(int number)
{
	signals_seen += number == SIGUSR1 || number == SIGALRM;
}

/* On a busy host a second may pass between any two calls: the alarm has to wait. */
static int check_signal(void)
{
	sigset_t none, alarms;

	signals_seen = 0;
	signal(SIGUSR1, on_signal);
	signal(SIGALRM, on_signal);
	raise(SIGUSR1);
	sigemptyset(&none);
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarms, NULL);
	alarm(1);
	sigsuspend(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return signals_seen == 2;
}

/* Faults that the processor raises in user mode; each must become its signal. */
static int do_cli(void *unused)
{
	(void)unused;
	__asm__ volatile("cli");
	return 0;
}

static int do_hlt(void *unused)
{
	(void)unused;
	__asm__ volatile("hlt");
	return 0;
}

static int do_int3(void *unused)
{
	(void)unused;
	__asm__ volatile("int3");
	return 0;
}

static int do_divide(void *unused)
{
	int quotient = 1, remainder = 0;

	(void)unused;
	__asm__ volatile("idivl %2" : "+a"(quotient), "+d"(remainder) : "r"(0));
	return quotient;
}

static int do_null(void *unused)
{
	volatile int *volatile nowhere = (volatile int *)16;

	(void)unused;
	return *nowhere;
}

static int do_undefined(void *unused)
{
	(void)unused;
	__asm__ volatile("ud2");
	return 0;
}

/* The trap flag: user mode's popf may set it. */
static int do_step(void *unused)
{
	unsigned long flags = __readeflags();

	__writeeflags(flags | 0x100);
	return unused != NULL;
}

#ifdef __x86_64__
static int do_push_nowhere(void *unused)
{
	__asm__ volatile("movq %0, %%rsp\n\tpushq %%rax" ::"r"(0x8000000000000000));
	return unused != NULL;
}

/* The processor raises #SS for a stack pointer that is not canonical, QEMU #GP. */
static int check_stack_fault(void)
{
	int status = in_child(do_push_nowhere, NULL);

	return WIFSIGNALED(status) && (WTERMSIG(status) == SIGBUS || WTERMSIG(status) == SIGSEGV);
}
#else
static int check_stack_fault(void)
{
	return 1; /* every address is canonical */
}
#endif

static int check_faults(void)
{
	static const struct {
		int (*fn)(void *);
		int signal;
	} faults[] = {
		{do_cli, SIGSEGV},  {do_hlt, SIGSEGV},	    {do_int3, SIGTRAP}, {do_divide, SIGFPE},
		{do_null, SIGSEGV}, {do_undefined, SIGILL}, {do_step, SIGTRAP},
	};

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		int status = in_child(faults[i].fn, NULL);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != faults[i].signal)
			return 0;
	}
	return check_stack_fault();
}

static int check_mmap(void)
{
	size_t size = 1 << 20;
	int fd = open("/tmp/mapped", O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		return 0;
	uint32_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return 0;
	for (uint32_t i = 0; i < size / 4; i++)
		map[i] = i * 2654435761u;
	uint32_t last = 0;
	int ok = pread(fd, &last, 4, (off_t)size - 4) == 4 && last == map[size / 4 - 1] &&
		 mprotect(map, size, PROT_READ) == 0 && munmap(map, size) == 0;

	close(fd);
	unlink("/tmp/mapped");
	return ok;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count_up(void *unused)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

static int check_threads(void)
{
	pthread_t threads[4];

	counter = 0;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		if (pthread_create(&threads[i], NULL, count_up, NULL))
			return 0;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	return counter == 4000;
}

static int check_shm(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, 0);

	if (id < 0 || a == (char *)-1 || b == (char *)-1)
		return 0;
	a[100] = 42;
	int ok = b[100] == 42;

	shmdt(a);
	shmdt(b);
	return ok && shmctl(id, IPC_RMID, NULL) == 0;
}

static int check_timer(void)
{
	struct itimerspec soon = {.it_value = {.tv_nsec = 5000000}};
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);

	return epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0 &&
	       timerfd_settime(timer, 0, &soon, NULL) == 0 &&
	       epoll_wait(epoll, &event, 1, 5000) == 1;
}

/* The C library reads the clock through the vDSO; the kernel must agree. */
static int check_clock(void)
{
	struct timespec before, kernel, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &kernel);
	clock_gettime(CLOCK_MONOTONIC, &after);
	int64_t b = before.tv_sec * 1000000000LL + before.tv_nsec;
	int64_t k = kernel.tv_sec * 1000000000LL + kernel.tv_nsec;
	int64_t a = after.tv_sec * 1000000000LL + after.tv_nsec;

	return b <= k && k <= a && time(NULL) > 1600000000;
}

static int check_udp(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
	char buffer[8] = "";

	return ioctl(in, SIOCSIFFLAGS, &lo) == 0 &&
	       bind(in, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	       getsockname(in, (struct sockaddr *)&address, &length) == 0 &&
	       sendto(out, "udp", 4, 0, (struct sockaddr *)&address, length) == 4 &&
	       recv(in, buffer, sizeof(buffer), 0) == 4 && strcmp(buffer, "udp") == 0;
}

/* Real-time clock (0x70) and PCI host bridge (0xcf8), as a driver would. */
static int check_ports(void)
{
	if (ioperm(0x70, 2, 1) || iopl(3))
		return 0;
	outb(0x0d, 0x70);
	int valid = inb(0x71) & 0x80;

	outl(0x80000000u, 0xcf8);
	uint32_t bridge = inl(0xcfc);

	return valid && bridge != 0xffffffffu && bridge != 0;
}

/* The segment register that the C library does not use for its threads. */
#ifdef __x86_64__
#define SPARE_SEGMENT "gs"
#else
#define SPARE_SEGMENT "fs"
#endif

/* A segment of our own descriptor table survives others having run. */
static int check_segments(void)
{
	static int word = 77;
	struct user_desc descriptor = {.entry_number = 1,
				       .base_addr = (unsigned int)(uintptr_t)&word,
				       .limit = 4095,
				       .seg_32bit = 1,
				       .useable = 1};
	unsigned int selector = 1 << 3 | 7;
	int code = 3, seen = 0;

	if (syscall(SYS_modify_ldt, 1, &descriptor, sizeof(descriptor)))
		return 0;
	__asm__ volatile("mov %w0, %%" SPARE_SEGMENT : : "r"(selector));
	in_child(exit_with, &code);
	usleep(20000);
	__asm__ volatile("movl %%" SPARE_SEGMENT ":0, %0" : "=r"(seen));
	__asm__ volatile("mov %w0, %%" SPARE_SEGMENT : : "r"(0));
	return seen == 77;
}

static int check_cpuinfo(void)
{
	char line[256];
	int processors = 0, flags = 0;
	FILE *f = fopen("/proc/cpuinfo", "r");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		processors += strncmp(line, "processor", 9) == 0;
		flags += strncmp(line, "flags", 5) == 0;
	}
	fclose(f);
	return processors >= 1 && flags == processors;
}

int run_checks(void)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} checks[] = {
		{"pipe", check_pipe},	    {"fork", check_fork},
		{"signal", check_signal},   {"faults", check_faults},
		{"mmap", check_mmap},	    {"threads", check_threads},
		{"shm", check_shm},	    {"timer", check_timer},
		{"clock", check_clock},	    {"udp", check_udp},
		{"ports", check_ports},	    {"segments", check_segments},
		{"cpuinfo", check_cpuinfo}, {"scattered", check_scattered},
		{"vdso", check_vdso},	    {"cpuid", check_cpuid},
	};
	int failures = 0;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		int ok = checks[i].fn();

		report("check", checks[i].name, ok);
		failures += !ok;
	}
	return failures;
}
