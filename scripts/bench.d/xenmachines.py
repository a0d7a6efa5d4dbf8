# SPDX-License-Identifier: BSD-2-Clause
"""What `scripts/bench xen` boots, and how: the same program in one initramfs under five kernels, on an emulated processor that all
have alike, bare or as dom0 of Debian's Xen.
"""
import collections
import os
import re
import subprocess
import time

import instructions
import xencounts
from machines import KERNEL_LINE, MARK, MEMORY, MEMORY_KB, MORE_KERNEL_LINE, Files, clock_khz, qemu_machine, staged
from rows import ROWS
from targets import Failed, Target, die_with_parent
from xensymbols import Xen

XEN = '/boot/xen-4.17-amd64.gz'
XEN_LINE = 'com1=115200,8n1 console=com1 dom0_mem=%s,max:%s' % (MEMORY, MEMORY)
WITH_XEN = '512M'  # the machine's memory
# The time-stamp counter advances by one per retired instruction, and nothing takes any other time.
ICOUNT = ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2026-01-01T00:00:00,clock=vm']
ICOUNT_KHZ = 1000000
# Xen's last words: it waits then, for a while or for ever.
OVER = rb'\(XEN\) (Hardware Dom\d+ (halted|crashed|shutdown)|Reboot in five seconds)'
ROUNDS = 9
SECONDS = 1800

# kernel: the directory in build/guest; module: whether the initramfs is Xen's module, or inside of an image of ours
Column = collections.namedtuple('Column', 'title kernel on_xen packed')
COLUMNS = {
    'stock': Column('stock, bare', 'x86_64-stock', False, False),
    'afterburned': Column('afterburned, bare', 'x86_64-afterburned', False, False),
    'xenolinux': Column('XenoLinux, bare', 'x86_64-stock-xenolinux', False, False),
    'xenolinux-xen': Column('XenoLinux on Xen', 'x86_64-stock-xenolinux', True, False),
    'afterburned-xen': Column('afterburned on Xen', 'x86_64-afterburned', True, True),
}
OURS = 'afterburned-xen'


def parse_spec(text):
    """(name, column, build directory or None); NAME=DIR is afterburned-xen of another build. None if it is neither."""
    name, _, build = text.partition('=')
    if build and re.fullmatch(r'[\w.-]+', name) and name not in COLUMNS:
        return name, COLUMNS[OURS], build
    return (name, COLUMNS[name], None) if text in COLUMNS else None


class Machines(Files):
    """Kernels are taken from a directory like build/guest; that of `column' makes the initramfs."""

    def __init__(self, directory, guests, xen, build, column):
        super().__init__(directory, kernel_in(guests, column), None)
        self.guests, self.build, self.xen_file = guests, build, xen
        self.kernel_of(column)
        if not os.access(xen, os.R_OK):
            raise Failed('no %s (Debian: apt-get install --no-install-recommends xen-hypervisor-4.17-amd64)' % xen)

    def xen(self):
        path = self.path('xen')
        if not os.path.exists(path):
            self.hypervisor = Xen(self.xen_file)
            with open(path, 'wb') as f:
                f.write(self.hypervisor.image)
        return path

    def kernel_of(self, column):
        advice = 'scripts/build-guest --arch x86_64 ' + {
            'stock': '--stock', 'afterburned': '--afterburned', 'xenolinux': '--stock --config xenolinux'}[column.kernel.rpartition('-')[2]]
        return self.copied(column.kernel, kernel_in(self.guests, column), advice)

    def image(self, name, column, build, initramfs):
        """Kernel, initramfs and command line in one file."""
        path = self.path(name + '.' + os.path.basename(initramfs) + '.img')
        made = subprocess.run([staged(build), 'image', '--xen', '-o', path, '--append', kernel_line('ttyS0'), self.kernel_of(column), initramfs],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            raise Failed('%s: no image: %s' % (name, made.stdout.strip()))
        return path

    def options(self, spec, initramfs, khz):
        """Of QEMU: what it boots."""
        name, column, build = spec
        if not column.on_xen:
            return ['-m', MEMORY, '-kernel', self.kernel_of(column), '-initrd', initramfs,
                    '-append', '%s tsc_early_khz=%d' % (kernel_line('ttyS0'), khz)]
        if column.packed:
            modules = self.image(name, column, build or self.build, initramfs)
        else:
            modules = '%s %s,%s' % (self.kernel_of(column), kernel_line('hvc0'), initramfs)
        return ['-m', WITH_XEN, '-kernel', self.xen(), '-initrd', modules, '-append', XEN_LINE]

    # ---- asked from outside ----

    def target(self, spec, how):
        """For processor time. Guest memory is no row here."""
        options = self.options(spec, self.initramfs(), clock_khz())
        return Target(spec[0], [*qemu_machine(), '-cpu', 'qemu64', *options], how, lambda name, kilobytes: kilobytes >= MEMORY_KB, 600, OVER)

    # ---- by a list of commands, counting instructions ----

    def listed(self, rows):
        """An initramfs with the commands, and the commands."""
        commands = [('nothing', 1)] * ROUNDS
        for row in rows:
            commands += [(row, ROWS[row].first)] * (ROUNDS if ROWS[row].first > 1 else 3)
        path = self.path('commands')
        with open(path, 'w') as f:
            f.writelines('%s %d\n' % command for command in commands)
        return self.initramfs('listed.cpio', ['file /commands %s 0644 0 0' % path]), commands

    def plugin(self, name):
        """Counts what is asked of Xen; the options, the counters, and where they are."""
        self.xen()
        counters, sites = xencounts.Counters(self.hypervisor), self.path(name + '.sites')
        counters.write_sites(sites)
        library = self.path('instructions.so')
        if not os.path.exists(library):
            instructions.compile_plugin(self)
        return ['-plugin', '%s,sites=%s,mark=%#x' % (library, sites, MARK)], counters, sites + '.marks'

    def run(self, spec, rows):
        """From boot to its end: of each command (row, n, instructions, counts by title); no counts without Xen."""
        name, column, _ = spec
        initramfs, commands = self.listed(rows)
        console = self.path(name + '.console')
        line = [*qemu_machine('file,path=' + console), '-cpu', 'qemu64', *self.options(spec, initramfs, ICOUNT_KHZ), *ICOUNT]
        if column.on_xen:
            more, counters, marks = self.plugin(name)
            line += more
        run_to_end(name, line, console, SECONDS)
        ticks = results(name, console, commands)
        if not column.on_xen:
            return [(row, n, t, {}) for (row, n), t in zip(commands, ticks)]
        with open(marks, 'rb') as f:
            counts = counters.between(f.read())
        if len(counts) != len(commands):
            raise Failed('%s: %d marked operations, not %d' % (name, len(counts), len(commands)))
        return [(row, n, t, c) for (row, n), t, c in zip(commands, ticks, counts)]


def kernel_in(guests, column):
    return os.path.join(guests, column.kernel, 'vmlinux')


def kernel_line(console):
    """With programs at the same addresses in every run."""
    return '%s norandmaps %s' % (KERNEL_LINE.replace('ttyS0', console), MORE_KERNEL_LINE)


def run_to_end(name, line, console, seconds):
    deadline = time.monotonic() + seconds
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          preexec_fn=die_with_parent) as qemu:
        try:
            while qemu.poll() is None and not re.search(OVER, contents(console)):
                if time.monotonic() > deadline:
                    raise Failed('%s: not at its end after %d s: %s' % (name, seconds, last_lines(console)))
                time.sleep(0.1)
        finally:
            qemu.kill()
        said = qemu.stdout.read().strip()
    if not contents(console):
        raise Failed('%s: QEMU: %s' % (name, said))


def contents(console):
    if not os.path.exists(console):
        return b''
    with open(console, 'rb') as f:
        return f.read()


def text_of(console):
    return contents(console).decode(errors='replace').replace('\r', '')


def last_lines(console):
    return '\n'.join(text_of(console).splitlines()[-10:])


def results(name, console, commands):
    """Instructions of each command."""
    found = re.findall(r'^bench: done (\S+) (\d+) in (\d+)', text_of(console), re.MULTILINE)
    if [(row, int(n)) for row, n, _ in found] != commands:
        raise Failed('%s: %d of %d commands done: %s' % (name, len(found), len(commands), last_lines(console)))
    return [int(ticks) for _, _, ticks in found]
