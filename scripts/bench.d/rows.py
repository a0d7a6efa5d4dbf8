# SPDX-License-Identifier: BSD-2-Clause
"""What `scripts/bench linux` measures."""
import collections

NS, MICRO, MILLI, SECOND, MIB = (1, 'ns'), (1e3, 'us'), (1e6, 'ms'), (1e9, 's'), (1 << 20, 'MiB')

# unit: by what a figure is divided to be shown, and its name. first: operations of the first try; 0 is a state of
# the machine, not an operation. goal: as ratio to the host, of a state in its unit.
Row = collections.namedtuple('Row', 'title unit first goal', defaults=[None])

ROWS = {
    'null-call': Row('null call', MICRO, 1000, 0.7),
    'null-io': Row('null I/O', MICRO, 1000),
    'stat': Row('stat', MICRO, 1000, 1.3),
    'open-close': Row('open/close', MICRO, 1000, 1.3),
    'signal-install': Row('signal install', MICRO, 1000),
    'signal-handler': Row('signal handler', MICRO, 1000, 1.2),
    'protection-fault': Row('protection fault -> signal', MICRO, 1000),
    'divide-by-zero': Row('divide by zero -> signal', MICRO, 1000),
    'page-fault': Row('page fault, anonymous', MICRO, 1000, 2.5),
    'ptemod': Row('ptemod (mprotect x2 + touch)', MICRO, 1000),
    'pipe': Row('pipe to self', MICRO, 1000, 1.3),
    'context-switch': Row('context switch, pipe round trip', MICRO, 500, 2.5),
    'create-delete': Row('file 0K create+delete', MICRO, 1000),
    'fork-wait': Row('fork+wait', MICRO, 20, 2.5),
    'exec': Row('exec (fork, exec, wait)', MICRO, 20, 3),
    'exec-libc': Row('exec of a program with C library', MICRO, 20),
    'sh': Row('sh -c', MICRO, 10, 2.5),
    'int-loop': Row('int loop', NS, 100000, 1.02),
    'fp-loop': Row('fp loop', NS, 100000, 1.02),
    'call-loop': Row('call+ret', NS, 100000, 1.02),
    'sieve': Row('sieve', MICRO, 100, 1.02),
    'cpuid': Row('cpuid', MICRO, 1000),
    'shell-loop': Row('macro: shell iteration, 2 commands', MICRO, 10, 3),
    'compile': Row('macro: tcc compiles 9 files', MILLI, 1, 1.5),
    'gzip-sha256': Row('macro: gzip+sha256, 8 MiB', SECOND, 1, 1.03),
    'sort': Row('macro: sort pipeline, 2 MiB', SECOND, 1, 1.1),
    'sqlite': Row('macro: sqlite, 300,000 rows', SECOND, 1, 1.15),
    'boot': Row('boot to first line of init', SECOND, 0, 0.10),
    'idle': Row('idle, CPU time per second', MILLI, 0, 5),
    'memory': Row('own memory beside the guest\'s', MIB, 0, 5),
    'page-tables': Row('host page tables', MIB, 0),
}
