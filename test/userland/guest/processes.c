/* SPDX-License-Identifier: BSD-2-Clause */
/* fork, vfork, exec, wait, and more address spaces than the machine below has processes. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A tree: every node has `fan` children, each returns how many there are below it. */
static int tree(int depth, int fan)
{
	int sum = 1, status;

	if (!depth)
		return 1;
	for (int i = 0; i < fan; i++)
		if (fork() == 0)
			_exit(tree(depth - 1, fan));
	for (int i = 0; i < fan; i++) {
		wait(&status);
		sum += WEXITSTATUS(status);
	}
	return sum;
}

static volatile int shared_by_vfork;

static int vforks(void)
{
	long rounds = scaled(200);
	int ok = 1, status;

	for (volatile long i = 0; i < rounds; i++) {
		shared_by_vfork = 0;
		pid_t pid = vfork();

		if (pid == 0) {
			shared_by_vfork = 7;
			if (i % 2)
				execl("/bin/true", "true", NULL);
			_exit(5);
		}
		ok &= shared_by_vfork == 7;
		waitpid(pid, &status, 0);
		ok &= exits(status, i % 2 ? 0 : 5);
	}
	return ok;
}

/* More processes alive at once than the in-place machine keeps address spaces for. */
static int crowd(void)
{
	int n = (int)scaled(400), gate[2], ok = 1, status;
	uint32_t *page =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte;

	if (pipe(gate))
		return 0;
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return NOTE("fork %d: errno %d", i, errno);
		if (pid == 0) {
			close(gate[1]);
			*page = (uint32_t)i * 2654435761u;
			sched_yield();
			ok = read(gate[0], &byte, 1) == 0 && *page == (uint32_t)i * 2654435761u;
			*page += 1;
			sched_yield();
			_exit(!(ok && *page == (uint32_t)i * 2654435761u + 1));
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < n; i++) {
		wait(&status);
		ok &= exits(status, 0);
	}
	return ok;
}

static int execs(void)
{
	long rounds = scaled(60);
	int ok = 1, status;

	for (long i = 0; i < rounds; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execl("/bin/sh", "sh", "-c", "x=$(echo 42); exit $x", NULL);
			_exit(1);
		}
		waitpid(pid, &status, 0);
		ok &= exits(status, 42);
	}
	return ok;
}

/* Data through a chain of pipes, one process each. */
static int pipeline(void)
{
	int in[2], out[2], ok = 1, status;
	uint64_t sum = 0, expected = 0;
	long words = scaled(20000);

	if (pipe(in))
		return 0;
	if (fork() == 0) {
		close(in[0]);
		for (long i = 0; i < words; i++) {
			uint64_t word = next_random();

			if (write(in[1], &word, sizeof(word)) != sizeof(word))
				_exit(1);
		}
		_exit(0);
	}
	close(in[1]);
	for (int stage = 0; stage < 4; stage++) {
		if (pipe(out))
			return 0;
		if (fork() == 0) {
			uint64_t buffer[64];
			ssize_t n;

			while ((n = read(in[0], buffer, sizeof(buffer))) > 0) {
				for (ssize_t i = 0; i < n / 8; i++)
					buffer[i] += (uint64_t)stage;
				if (write(out[1], buffer, (size_t)n) != n)
					_exit(1);
			}
			_exit(0);
		}
		close(in[0]);
		close(out[1]);
		in[0] = out[0];
	}
	for (long i = 0; i < words; i++) {
		uint64_t word = 0;
		size_t have = 0;

		while (have < sizeof(word)) {
			ssize_t n = read(in[0], (char *)&word + have, sizeof(word) - have);

			if (n <= 0)
				return NOTE("pipeline ended at word %ld", i);
			have += (size_t)n;
		}
		sum += word;
		expected += next_random() + 6;
	}
	while (wait(&status) > 0)
		ok &= exits(status, 0);
	return ok & (sum == expected);
}

static int descriptors(void)
{
	int pair[2], ok = 1;
	char control[CMSG_SPACE(sizeof(int))] = "", byte = 'x';
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int file = memfd_create("sent", 0);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || file < 0)
		return 0;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &file, sizeof(int));
	if (fork() == 0) {
		int received;

		if (recvmsg(pair[1], &message, 0) != 1)
			_exit(1);
		memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
		_exit(write(received, "hello", 5) != 5);
	}
	ok &= sendmsg(pair[0], &message, 0) == 1;
	wait(NULL);
	ok &= pread(file, control, 5, 0) == 5 && memcmp(control, "hello", 5) == 0;
	close(file);
	return ok;
}

int main(void)
{
	check("fork-tree", tree(3, 5) == 156 && tree(7, 2) == 255);
	check("vfork", vforks());
	check("crowd", crowd());
	check("exec", execs());
	check("pipeline", pipeline());
	check("descriptors", descriptors());
	return failures != 0;
}
