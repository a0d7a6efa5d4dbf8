# SPDX-License-Identifier: BSD-2-Clause
"""A machine that runs scripts/guest/bench: how it is started, asked, measured (clocks.py, memory.py) and ended."""
import ctypes
import os
import re
import select
import shutil
import signal
import tempfile
import time

import memory

PR_SET_PDEATHSIG = 1


class Failed(Exception):
    pass


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# ---- a program that answers ----

class Target:
    """One machine; started and ended once for every run."""

    ANSWER = re.compile(rb'bench: ((?:ready|done|failed)[^\r\n]*)\r*\n')

    def __init__(self, name, argv, how, is_guest=None, seconds=120, over=None):
        """is_guest: which mappings are guest memory (memory.own); None for a target without a kernel. over: the words (a
        regular expression) after which a machine does not end by itself."""
        self.name, self.argv, self.how, self.is_guest, self.seconds, self.over = name, argv, how, is_guest, seconds, over
        self.pid = None
        self.states = {'boot': lambda: self.boot, 'idle': self.idle, 'memory': self.own_memory,
                       'page-tables': lambda: memory.page_tables(self.pid)}

    def start(self):
        """Until the program's first line."""
        self.directory = tempfile.mkdtemp(prefix='afterburn-bench-%d-' % os.getpid(), dir=tmpfs())
        self.errors = open(os.path.join(self.directory, 'stderr'), 'w+b')
        self.seen = b''
        self.spawn()
        self.expect('ready')
        self.boot = self.clock.read() - self.started

    def spawn(self):
        go, self.input, self.output = os.pipe(), os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.become(go)
        os.close(go[0])
        for fd in (self.input[0], self.output[1]):
            os.close(fd)
        self.input, self.output = self.input[1], self.output[0]
        self.clock = self.how.clock()
        self.clock.attach(self.pid)
        self.started = self.clock.read()
        os.write(go[1], b'x')
        os.close(go[1])

    def become(self, go):
        try:
            os.setpgid(0, 0)
            die_with_parent()
            os.sched_setaffinity(0, [self.how.cpu])
            os.chdir(self.directory)
            for fd, number in ((self.input[0], 0), (self.output[1], 1), (self.errors.fileno(), 2)):
                os.dup2(fd, number)
            os.close(go[1])
            os.read(go[0], 1)
            os.execv(self.argv[0], self.argv)
        finally:
            os._exit(126)

    def expect(self, start):
        deadline = time.monotonic() + self.seconds
        while True:
            found = self.ANSWER.search(self.seen)
            if found:
                self.seen = self.seen[found.end():]
                text = found.group(1).decode()
                if not text.startswith(start):
                    raise Failed('%s: %s' % (self.name, text))
                return
            if not select.select([self.output], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failed('%s: no answer in %d s' % (self.name, self.seconds))
            data = os.read(self.output, 65536)
            if not data:
                raise Failed('%s: ended' % self.name)
            self.seen += data

    def measure(self, row, n):
        """Nanoseconds that n operations of a row took, with command and answer."""
        before = self.clock.read()
        os.write(self.input, b'%s %d\n' % (row.encode(), n))
        self.expect('done %s' % row)
        return self.clock.read() - before

    def state(self, row):
        """What the row says of the machine; None of the host, where nearly all of them make no sense."""
        return self.states[row]() if self.is_guest or row == 'idle' else None

    def idle(self):
        """Nanoseconds of processor time in a second without anything to do."""
        before = self.clock.read()
        time.sleep(1)
        return self.clock.read() - before

    def own_memory(self):
        found = memory.own(self.pid, self.is_guest)
        if found is None:
            raise Failed('%s: no guest memory among its mappings' % self.name)
        return found

    def messages(self):
        """What it said besides, for its end."""
        self.errors.seek(0)
        return self.seen[-2000:].decode(errors='replace') + self.errors.read().decode(errors='replace')

    def stop(self):
        """Ends it; nanoseconds that were measured, and that wait() tells."""
        if self.pid is None:
            return 0, 0
        try:
            os.write(self.input, b'quit\n')
        except OSError:
            pass
        usage = self.wait()
        total = self.clock.read() - self.started
        for fd in (self.input, self.output):
            os.close(fd)
        self.clock.close()
        self.pid = None
        return total, (usage.ru_utime + usage.ru_stime) * 1e9

    def wait(self):
        deadline = time.monotonic() + 20
        while True:
            pid, _, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                return usage
            if time.monotonic() > deadline or self.over and re.search(self.over, self.seen):
                os.killpg(self.pid, signal.SIGKILL)  # whatever may have lost its parent
                return os.wait4(self.pid, 0)[2]
            # its last lines: a full pipe would keep it from ending
            if select.select([self.output], [], [], 0.02)[0]:
                data = os.read(self.output, 65536)
                self.seen += data
                if not data:
                    time.sleep(0.02)

    def clean(self):
        self.errors.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def tmpfs():
    """Files of the host's rows lie where the guests' do: in memory."""
    return '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
