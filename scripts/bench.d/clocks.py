# SPDX-License-Identifier: BSD-2-Clause
"""The processor time of a process and all that comes of it, however often re-parented.

Two ways, the first that works is taken:

  cgroup  a control group of its own: everything counts, from fork to the last of exit. Needs the right to make
          one (root, or a delegated group of systemd's).
  event   a perf software event (task clock), inherited. Unprivileged where kernel.perf_event_paranoid is
          below 3. It does not see the last part of a process's life: fork+wait on the host comes out a
          fifth too cheap.

Neither counts anything while all sleep, so both are read when the program waits for its next command.
"""
import ctypes
import os
import struct
import time


class GroupClock:
    name = 'cgroup'
    count = 0

    def __init__(self):
        GroupClock.count += 1
        parent, self.file, self.unit = group_parent()
        self.path = os.path.join(parent, 'afterburn-bench-%d-%d' % (os.getpid(), GroupClock.count))
        os.mkdir(self.path)

    def attach(self, pid):
        try:
            with open(os.path.join(self.path, 'cgroup.procs'), 'w') as f:
                f.write(str(pid))
        except OSError:
            self.close()
            raise

    def read(self):
        """Nanoseconds."""
        with open(os.path.join(self.path, self.file)) as f:
            return int(f.read().split()[-1 if self.unit == 1 else 1]) * self.unit

    def close(self):
        for _ in range(100):  # those who died leave it a little later
            try:
                return os.rmdir(self.path)
            except OSError:
                time.sleep(0.02)


def group_parent():
    """Our own group's directory in the unified hierarchy or in cpuacct's, its file of time, its unit in ns."""
    groups, mounts = {}, {}
    with open('/proc/self/cgroup') as f:
        for line in f:
            _, names, path = line.rstrip('\n').split(':', 2)
            groups.update({name: path for name in names.split(',')})
    with open('/proc/self/mountinfo') as f:
        for line in f:
            place, _, kind = line.partition(' - ')
            if kind.startswith('cgroup'):
                mounts[kind.split()[0], *kind.split()[-1].split(',')[1:]] = place.split()[4]
    for names, point in mounts.items():
        if names[0] == 'cgroup2' and '' in groups:
            return point + groups[''], 'cpu.stat', 1000
    for names, point in mounts.items():
        if 'cpuacct' in names and 'cpuacct' in groups:
            return point + groups['cpuacct'], 'cpuacct.usage', 1
    raise OSError('no control groups')


class EventClock:
    name = 'event'
    SYS_PERF_EVENT_OPEN = 298  # x86_64
    TYPE_SOFTWARE = TASK_CLOCK = 1
    # disabled, inherit, exclude_kernel, exclude_hv, enable_on_exec. The excludes are what an unprivileged
    # user must say; this event counts processor time all the same.
    FLAGS = 1 << 0 | 1 << 1 | 1 << 5 | 1 << 6 | 1 << 12
    SIZE, CLOEXEC = 112, 8

    def attach(self, pid):
        attr = struct.pack('=IIQQQQQ', self.TYPE_SOFTWARE, self.SIZE, self.TASK_CLOCK, 0, 0, 0, self.FLAGS)
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.syscall(self.SYS_PERF_EVENT_OPEN, attr.ljust(self.SIZE, b'\0'), pid, -1, -1, self.CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def read(self):
        return struct.unpack('Q', os.read(self.fd, 8))[0]

    def close(self):
        os.close(self.fd)


def works(clock):
    """Tried on a child that does nothing."""
    go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go[1])
        os.read(go[0], 1)
        os._exit(0)
    os.close(go[0])
    try:
        c = clock()
        c.attach(pid)
        c.read()
        ok = True
    except OSError:
        ok = False
    os.close(go[1])
    os.waitpid(pid, 0)
    if ok:
        c.close()
    return ok


def choose(name):
    """The class of the clock of that name, or of the best; None if there is none."""
    for clock in (GroupClock, EventClock):
        if name in (clock.name, 'auto') and works(clock):
            return clock
    return None
