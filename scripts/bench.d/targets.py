# SPDX-License-Identifier: BSD-2-Clause
"""Machines that run scripts/guest/bench: how they are started, asked, measured (clocks.py) and ended."""
import collections
import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = os.path.join(ROOT, 'scripts/guest/bench')
# What `afterburn run` gives its guest, for QEMU's too.
KERNEL_LINE = 'console=ttyS0 nokaslr nopti mitigations=off tsc=reliable no_timer_check lpj=4000000'
MORE_KERNEL_LINE = 'quiet panic=-1'
MEMORY = '256M'
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    pass


# ---- a program that answers ----

class Target:
    """One machine; started and ended once for every run."""

    ANSWER = re.compile(rb'bench: ((?:ready|done|failed)[^\r\n]*)\r?\n')

    def __init__(self, name, argv, how, seconds=120):
        self.name, self.argv, self.how, self.seconds = name, argv, how, seconds
        self.pid = None

    def start(self):
        """Nanoseconds from exec to the program's first line."""
        self.directory = tempfile.mkdtemp(prefix='afterburn-bench-%d-' % os.getpid(), dir=tmpfs())
        self.errors = open(os.path.join(self.directory, 'stderr'), 'w+b')
        self.seen = b''
        self.spawn()
        self.expect('ready')
        return self.clock.read() - self.started

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
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
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

    def idle(self, seconds):
        """Nanoseconds of processor time per second without anything to do."""
        before = self.clock.read()
        time.sleep(seconds)
        return (self.clock.read() - before) / seconds

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
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
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


# ---- what they run ----

# Which clock measures, on which processor everything runs.
How = collections.namedtuple('How', 'clock cpu')


class Files:
    """Program, initramfs and kernel, in a directory of their own: builds may go on meanwhile."""

    def __init__(self, directory, kernel):
        self.directory, self.kernel_source = directory, kernel
        self.program = os.path.join(directory, 'bench')
        self.compile()

    def compile(self):
        every = [os.path.join(SOURCES, name) for name in sorted(os.listdir(SOURCES)) if name.endswith('.c')]
        flags = ['gcc', '-std=gnu11', '-O2', '-Wall', '-Wextra', '-static', '-o']
        subprocess.run(flags + [self.program] + every, check=True)
        subprocess.run(flags + [os.path.join(self.directory, 'exit-only'), '-nostdlib',
                                os.path.join(SOURCES, 'exit/exit.c')], check=True)

    def kernel(self):
        path = os.path.join(self.directory, 'vmlinux')
        if not os.path.exists(path):
            if not os.access(self.kernel_source, os.R_OK):
                sys.exit('bench linux: no kernel %s: scripts/build-guest --arch x86_64 --afterburned' % self.kernel_source)
            shutil.copy(self.kernel_source, path)
        return path

    def initramfs(self):
        path = os.path.join(self.directory, 'initramfs.cpio')
        if not os.path.exists(path):
            names = '\n'.join(
                ['dir /%s 0755 0 0' % name for name in ('dev', 'proc', 'tmp', 'bin')] +
                ['nod /dev/console 0600 0 0 c 5 1', 'file /init %s 0755 0 0' % self.program,
                 'file /exit-only %s/exit-only 0755 0 0' % self.directory,
                 'file /bin/busybox /bin/busybox 0755 0 0', ''])
            pack = os.path.join(os.path.dirname(os.path.abspath(self.kernel_source)), 'usr/gen_init_cpio')
            with open(path, 'wb') as out:
                subprocess.run([pack, '-'], input=names.encode(), stdout=out, check=True)
        return path

    def host(self, name, how):
        return Target(name, [self.program], how)

    def inplace(self, name, how, build, more=()):
        """The process of a build: `afterburn run`."""
        staged = os.path.join(build, 'stage/bin/afterburn')
        if not os.access(staged, os.X_OK):
            sys.exit('bench linux: no %s: cmake -G Ninja -B build && ninja -C build' % staged)
        path = os.path.join(self.directory, 'afterburn-' + name)
        if not os.path.exists(path):
            shutil.copy(staged, path)
        return Target(name, [path, 'run', *isolation(path), *more, '--memory', MEMORY, '--initrd', self.initramfs(),
                             '--append', MORE_KERNEL_LINE, self.kernel()], how)

    def qemu(self, name, how):
        program = shutil.which('qemu-system-x86_64')
        if not program:
            sys.exit('bench linux: no qemu-system-x86_64 (Debian: apt-get install qemu-system-x86)')
        line = '%s %s tsc_early_khz=%d' % (KERNEL_LINE, MORE_KERNEL_LINE, clock_khz())
        return Target(name, [program, '-accel', 'tcg', '-m', MEMORY, '-smp', '1', '-nodefaults', '-display', 'none',
                             '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04',
                             '-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console',
                             '-kernel', self.kernel(), '-initrd', self.initramfs(), '-append', line], how, 600)


def has_keys():
    with open('/proc/cpuinfo') as f:
        return re.search(r'^flags\s*:.*\bospke\b', f.read(), re.M) is not None


def isolation(program):
    """What `afterburn run` has to be told on this host (scripts/lib.sh has the same); older builds know no isolation."""
    if has_keys() or '--no-isolation' not in subprocess.run([program, 'run', '--help'], capture_output=True,
                                                             text=True).stdout:
        return []
    return ['--no-isolation']


def clock_khz():
    with open('/proc/cpuinfo') as f:
        return int(float(re.search(r'cpu MHz\s*: ([\d.]+)', f.read()).group(1)) * 1000)
