# SPDX-License-Identifier: BSD-2-Clause
"""What the targets of `scripts/bench linux` run: programs, root file system, kernels, and the command lines."""
import collections
import os
import re
import shutil
import subprocess
import sys

from targets import Target

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = os.path.join(ROOT, 'scripts/guest/bench')
GUESTS = os.path.join(ROOT, 'build/guest')
# What `afterburn run` gives its guest, for QEMU's too.
KERNEL_LINE = 'console=ttyS0 nokaslr nopti mitigations=off tsc=reliable no_timer_check lpj=4000000 random.trust_cpu=on'
MORE_KERNEL_LINE = 'quiet panic=-1'
MEMORY, MEMORY_KB = '256M', 256 << 10
APPEND = '--append='  # of a target's options: the kernel has one line
MARK = 0x6ab00000  # where the program's mark() lies, for QEMU's plugin (instructions.c)

# Which clock measures, on which processor everything runs.
How = collections.namedtuple('How', 'clock cpu')

# Programs of the host's that the guests have too, with their libraries, and their Debian packages.
PROGRAMS = {'/bin/busybox': 'busybox-static', '/usr/bin/tcc': 'tcc'}


# ---- which ones ----

Spec = collections.namedtuple('Spec', 'name kind build options')


def parse_spec(text):
    """host, uml, qemu, or NAME[=DIR][:OPTION]...: `afterburn run` with options; NAME is `inplace' where there is no DIR.
    None if it is none of them."""
    base, *options = text.split(':')
    name, _, build = base.partition('=')
    if base in ('host', 'uml', 'qemu') and not options:
        return Spec(base, base, None, [])
    if name != 'inplace' and not build or not all(o.startswith('--') for o in options):
        return None
    return Spec(' '.join([name] + options), 'inplace', build, options)


def staged(build):
    """The command of a build directory, or of a source tree with one."""
    for place in ('stage', 'build/stage'):
        path = os.path.join(build, place, 'bin/afterburn')
        if os.access(path, os.X_OK):
            return path
    sys.exit('bench: no command staged in %s: cmake -G Ninja -B build && ninja -C build' % build)


# ---- what they run ----

def program(path, package):
    found = shutil.which(path)
    if not found:
        sys.exit('bench: no %s (Debian: apt-get install %s)' % (path, package))
    return found


def libraries(path):
    """The files that ld.so would map, the loader among them; none of a static program."""
    listed = subprocess.run(['ldd', path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return re.findall(r'(/\S+) \(', listed.stdout)


def has_keys():
    with open('/proc/cpuinfo') as f:
        return re.search(r'^flags\s*:.*\bospke\b', f.read(), re.M) is not None


class Files:
    """Programs, initramfs and kernels, in a directory of their own: builds may go on meanwhile."""

    def __init__(self, directory, kernel, uml):
        self.directory, self.sources = directory, {'vmlinux': kernel, 'uml': uml}
        self.program = self.path('bench')
        os.mkdir(self.path('programs'))
        self.compile()
        for path, package in PROGRAMS.items():
            for file in [program(path, package)] + libraries(path):
                shutil.copy(file, self.path('programs'))

    def path(self, name):
        return os.path.join(self.directory, name)

    def compile(self):
        every = [os.path.join(SOURCES, name) for name in sorted(os.listdir(SOURCES)) if name.endswith('.c')]
        # -w: a static program warns that it could load others
        for name, files, flags in (('bench', every, ['-Wl,--section-start=.mark=%#x' % MARK]), ('programs/exit-only', ['exit/exit.c'], ['-nostdlib']),
                                   ('programs/sql', ['sql/sql.c'], ['-lsqlite3', '-lm', '-Wl,-w'])):
            subprocess.run(['gcc', '-std=gnu11', '-O2', '-Wall', '-Wextra', '-static', '-o', self.path(name)] +
                           [os.path.join(SOURCES, file) for file in files] + flags, check=True)

    def copied(self, name, source, advice):
        path = self.path(name)
        if not os.path.exists(path):
            if not os.access(source, os.R_OK):
                sys.exit('bench: no %s: %s' % (source, advice))
            shutil.copy(source, path)
        return path

    def kernel(self):
        return self.copied('vmlinux', self.sources['vmlinux'], 'scripts/build-guest --arch x86_64 --afterburned')

    def uml_kernel(self):
        return self.copied('uml', self.sources['uml'], 'scripts/build-guest --arch x86_64 --uml')

    def initramfs(self, name='initramfs.cpio', more=()):
        """More: lines of gen_init_cpio's."""
        path = self.path(name)
        if not os.path.exists(path):
            programs = sorted(os.listdir(self.path('programs')))
            names = '\n'.join(
                ['dir /%s 0755 0 0' % name for name in ('dev', 'proc', 'tmp', 'programs')] +
                ['nod /dev/console 0600 0 0 c 5 1', 'file /init %s 0755 0 0' % self.program] +
                ['file /programs/%s %s/programs/%s 0755 0 0' % (name, self.directory, name) for name in programs] + [*more, ''])
            pack = os.path.join(os.path.dirname(os.path.abspath(self.sources['vmlinux'])), 'usr/gen_init_cpio')
            with open(path, 'wb') as out:
                subprocess.run([pack, '-t', '1767225600', '-'], input=names.encode(), stdout=out, check=True)
        return path

    # ---- command lines ----

    def target(self, spec, how, build):
        if spec.kind == 'inplace':
            return self.inplace(spec.name, how, spec.build or build, spec.options)
        return {'host': self.host, 'uml': self.uml, 'qemu': self.qemu}[spec.kind](how)

    def host(self, how):
        return Target('host', [self.program], how)

    def inplace(self, name, how, build, options=()):
        command = staged(build)
        copy = self.copied('afterburn-' + re.sub(r'\W+', '-', os.path.abspath(command)), command, '')
        line = [MORE_KERNEL_LINE] + [option[len(APPEND):] for option in options if option.startswith(APPEND)]
        others = [option for option in options if not option.startswith(APPEND)]
        return Target(name, [copy, 'run', '--memory', MEMORY, *others, '--initrd', self.initramfs(),
                             '--append', ' '.join(line), self.kernel()], how,
                      lambda name, kilobytes: name.startswith('/memfd:afterburn-ram'))

    def uml(self, how):
        """Its memory is a file without a name on a tmpfs; small files of its own go to the working directory."""
        return Target('uml', [self.uml_kernel(), 'mem=' + MEMORY, 'initrd=' + self.initramfs(), 'con0=fd:0,fd:1',
                              'con=null', 'uml_dir=./', *MORE_KERNEL_LINE.split()], how,
                      lambda name, kilobytes: name.endswith('(deleted)'))

    def qemu(self, how, more=()):
        line = '%s %s tsc_early_khz=%d' % (KERNEL_LINE, MORE_KERNEL_LINE, clock_khz())
        return Target('qemu', [*qemu_machine(), '-m', MEMORY, '-kernel', self.kernel(), '-initrd', self.initramfs(), '-append', line, *more],
                      how, lambda name, kilobytes: not name and kilobytes == MEMORY_KB, 600)


def qemu_machine(console='stdio,signal=off'):
    """Nothing but a processor and a serial line, and a port that ends it."""
    return [program('qemu-system-x86_64', 'qemu-system-x86'), '-accel', 'tcg', '-smp', '1', '-nodefaults', '-display', 'none',
            '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04', '-chardev', console + ',id=console', '-serial', 'chardev:console']


def clock_khz():
    with open('/proc/cpuinfo') as f:
        return int(float(re.search(r'cpu MHz\s*: ([\d.]+)', f.read()).group(1)) * 1000)
