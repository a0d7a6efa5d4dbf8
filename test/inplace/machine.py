#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run a command that is a machine (`afterburn run ...`) on a terminal of its own,
do what a user does, and look at what it leaves behind.

usage: machine.py [-t SECONDS] [STEP...] -- COMMAND...

Steps, in order:
  =REGEX    wait until the output holds it (behind what was matched before)
  +TEXT     type it; C escapes as in \\x01
  .SECONDS  wait; with two numbers A-B, at random between them
  ~SECONDS  wait, and do not read the output meanwhile
  !WHO      SIGKILL: launcher, zygote, active or inactive process, a process of
            applications only (twin) or the one that makes these (twins)
  @SIGNAL   a signal by name to the launcher: @INT
  %COMMAND  a shell's command that must succeed; {launcher}, {zygote}, {active}, {twin},
            {twins} are pids

The output goes to standard output. After the command has ended there must be no
process left of it, nobody who holds its memory, and the terminal as it was.

Exit codes: the command's, 128 + N when a signal ended it; 96 something was left
behind; 97 a step failed (the command's end came first); 124 time is up.
"""
import errno
import fcntl
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

LEFT_BEHIND, NO_STEP, TIME_IS_UP = 96, 97, 124
SHARED_PAGE = 0x087F10000000  # LAYOUT_SHARED: an idle machine waits on its first word


class Ended(Exception):
    pass


class Refused(Exception):
    pass


def read_text(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def parent_of(pid):
    stat = read_text(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[1]), fields[0]) if fields else (0, "")


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def owner_of(pid):
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def children(pid):
    return [p for p in processes() if parent_of(p)[0] == pid and parent_of(p)[1] != "Z"]


def memory_of(pid):
    """The memory files that a process holds, as numbers of their inodes."""
    found = {}
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{fd}"
            if os.readlink(path).startswith("/memfd:afterburn"):
                found[os.stat(path).st_ino] = os.readlink(path)
    except OSError:
        pass
    return found


def name_of(pid):
    return read_text(f"/proc/{pid}/comm").strip()


def is_active(pid):
    """Runs the guest now, or is the one that waits for the next interrupt."""
    words = read_text(f"/proc/{pid}/syscall").split()
    if not words or words[0] == "running" or words[0] != "202":  # futex
        return bool(words)
    return int(words[1], 16) == SHARED_PAGE


class Machine:
    def __init__(self, command, seconds):
        self.deadline = time.monotonic() + seconds
        self.output, self.matched = b"", 0
        self.memory, self.members, self.user = {}, set(), None
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.terminal = termios.tcgetattr(self.slave)
        self.status = None
        self.start(command)

    def start(self, command):
        """The session's leader stays, as a shell would, and tells the status."""
        told, tell = os.pipe()
        self.told = told
        self.leader = os.fork()
        if self.leader:
            os.close(tell)
            return
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)

        def foreground():
            os.setpgid(0, 0)
            os.tcsetpgrp(self.slave, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)

        child = subprocess.Popen(command, stdin=self.slave, stdout=self.slave,
                                 stderr=self.slave, preexec_fn=foreground)
        os.write(tell, struct.pack("i", child.pid))
        status = child.wait()
        os.write(tell, struct.pack("i", status))
        signal.pause()

    def launcher(self):
        if not hasattr(self, "launcher_pid"):
            self.launcher_pid = struct.unpack("i", os.read(self.told, 4))[0]
        return self.launcher_pid

    def look(self):
        """Remember who belongs to the machine: later there may be nobody to ask."""
        for zygote in children(self.launcher()):
            self.user = owner_of(zygote)
            self.memory.update(memory_of(zygote))
            self.members.update([zygote], children(zygote))

    def pump(self, seconds):
        until = min(time.monotonic() + seconds, self.deadline)
        while True:
            left = max(0, until - time.monotonic())
            ready = select.select([self.master, self.told], [], [], left)[0]
            if self.master in ready:
                data = os.read(self.master, 65536)
                self.output += data
                sys.stdout.buffer.write(data)
                return
            if self.told in ready:
                self.status = struct.unpack("i", os.read(self.told, 4))[0]
                raise Ended
            if left == 0:
                if time.monotonic() >= self.deadline:
                    raise TimeoutError
                return

    def expect(self, regex):
        pattern = re.compile(regex.encode(), re.MULTILINE)
        while True:
            found = pattern.search(self.output, self.matched)
            if found:
                self.matched = found.end()
                return
            self.pump(1)

    def wait(self, words):
        low, _, high = words.partition("-")
        until = time.monotonic() + random.uniform(float(low), float(high or low))
        while time.monotonic() < until:
            self.pump(until - time.monotonic())

    def find(self, who):
        if who == "launcher":
            return [self.launcher()]
        zygotes = children(self.launcher())
        if who == "zygote":
            return zygotes
        twins = [pid for zygote in zygotes for pid in children(zygote) if name_of(pid) == "afterburn-twins"]
        if who == "twins":
            return twins
        if who == "twin":
            return [pid for zygote in twins for pid in children(zygote) if name_of(pid) == "afterburn-user"]
        guests = [pid for zygote in zygotes for pid in children(zygote) if pid not in twins]
        return [pid for pid in guests if is_active(pid) == (who == "active")]

    def kill(self, who):
        while not (found := self.find(who)):
            self.pump(0.01)
        self.look()
        os.kill(random.choice(found), signal.SIGKILL)

    def shell(self, command):
        pids = {}
        for who in ("launcher", "zygote", "active", "twin", "twins"):
            while f"{{{who}}}" in command and not (found := self.find(who)):
                self.pump(0.01)
            pids[who] = found[0] if f"{{{who}}}" in command else None
        if subprocess.run(command.format(**pids), shell=True, stdout=sys.stderr).returncode:
            raise Refused

    def step(self, step):
        kind, text = step[0], step[1:]
        if kind == "=":
            self.expect(text)
        elif kind == "+":
            self.look()
            os.write(self.master, text.encode().decode("unicode_escape").encode())
        elif kind == ".":
            self.wait(text)
        elif kind == "~":
            time.sleep(float(text))
        elif kind == "!":
            self.kill(text)
        elif kind == "%":
            self.look()
            self.shell(text)
        elif kind == "@":
            self.look()
            os.kill(self.launcher(), getattr(signal, "SIG" + text))
        else:
            sys.exit(f"machine.py: no such step: {step}")

    def drain(self):
        """What is still on its way through the terminal."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                sys.stdout.buffer.write(os.read(self.master, 65536))
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                return

    def left_behind(self):
        left = []
        for pid in sorted(self.members):
            name = read_text(f"/proc/{pid}/comm").strip()
            if name and parent_of(pid)[1] not in ("Z", "X") and "afterburn" in name:
                left.append(f"process {pid} ({name})")
        for pid in [p for p in processes() if owner_of(p) == self.user]:
            left += [f"{name} held by {pid}" for inode, name in memory_of(pid).items()
                     if inode in self.memory]
        if termios.tcgetattr(self.slave) != self.terminal:
            left.append("the terminal's settings")
        return left

    def finish(self):
        """Nothing may be left; dying takes a moment."""
        until = time.monotonic() + 5
        while (left := self.left_behind()) and time.monotonic() < until:
            time.sleep(0.02)
        self.drain()
        return left

    def end(self):
        if self.status is None:
            for pid in [self.launcher(), *self.members]:
                if "afterburn" in read_text(f"/proc/{pid}/comm"):
                    os.kill(pid, signal.SIGKILL)
        os.kill(self.leader, signal.SIGKILL)
        os.waitpid(self.leader, 0)


def play(machine, steps):
    """Returns the exit code of this program."""
    done = 0
    machine.launcher()
    try:
        for step in steps:
            machine.step(step)
            done += 1
        while True:
            machine.pump(1)
    except TimeoutError:
        print(f"\nmachine.py: time is up{' in step ' + steps[done] if done < len(steps) else ''}")
        return TIME_IS_UP
    except Refused:
        print(f"\nmachine.py: failed: {steps[done]}")
        return NO_STEP
    except Ended:
        pass
    left = machine.finish()
    if done < len(steps):
        print(f"\nmachine.py: ended in step {steps[done]}")
        return NO_STEP
    if left:
        print(f"\nmachine.py: left behind: {', '.join(left)}")
        return LEFT_BEHIND
    return 128 - machine.status if machine.status < 0 else machine.status


def main():
    arguments = sys.argv[1:]
    seconds = 60.0
    if arguments[:1] == ["-t"]:
        seconds, arguments = float(arguments[1]), arguments[2:]
    if "--" not in arguments or arguments[-1] == "--":
        sys.exit(__doc__)
    split = arguments.index("--")
    machine = Machine(arguments[split + 1:], seconds)
    try:
        code = play(machine, arguments[:split])
    finally:
        machine.end()
    sys.stdout.flush()
    sys.exit(code)


main()
