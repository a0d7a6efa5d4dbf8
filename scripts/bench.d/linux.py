#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What an operation costs on the host, in the in-place guest and in QEMU (TCG).

Usage: scripts/bench linux [--rows NAME,...] [--targets NAME,...] [--runs N] [--compare OLD.csv] [OPTIONS]

One static program (scripts/guest/bench) runs as a process of the host and, from one initramfs and
under one kernel, in the guests. The unit is processor time of all processes of a target, as the host
accounts it (--clock; clocks.py tells the two ways), everything pinned to one CPU. Every run starts each
target anew; the targets take turns row by row; a row is repeated until it takes --milliseconds. Results
are medians over runs, ratios medians of the ratios of each run, `+-` the interquartile range of the ratios.

Targets: host, inplace (`afterburn run` of --build), inplace-open (the same with --no-isolation: the price of
protection keys, on a host that has them), qemu, and NAME=DIR for `afterburn run` of another build:
  scripts/bench linux --targets host,inplace,before=DIR

--compare says which rows moved against an earlier table: those whose ratios to the host differ by more than both
interquartile ranges together and more than 2 %, and no run of one lies among those of the other. With
--from NEW.csv nothing is measured. --counts shows, instead of times, how often operations need the host (counts.py).

Exit codes: 0 measured, 1 a target failed, 2 wrong command line, 77 no clock that works here.
"""
import argparse
import csv
import os
import signal
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing made belongs among the sources

import clocks
import counts
import report
from targets import ROOT, Failed, Files, How

# name: title, (nanoseconds per unit, unit), operations of the first try
MICRO, MILLI, SECOND = (1000, 'us'), (1e6, 'ms'), (1e9, 's')
ROWS = {
    'null-call': ('null call', MICRO, 1000),
    'null-io': ('null I/O', MICRO, 1000),
    'stat': ('stat', MICRO, 1000),
    'open-close': ('open/close', MICRO, 1000),
    'signal-install': ('signal install', MICRO, 1000),
    'signal-handler': ('signal handler', MICRO, 1000),
    'protection-fault': ('protection fault -> signal', MICRO, 1000),
    'divide-by-zero': ('divide by zero -> signal', MICRO, 1000),
    'page-fault': ('page fault, anonymous', MICRO, 1000),
    'ptemod': ('ptemod (mprotect x2 + touch)', MICRO, 1000),
    'pipe': ('pipe to self', MICRO, 1000),
    'context-switch': ('context switch, pipe round trip', MICRO, 500),
    'create-delete': ('file 0K create+delete', MICRO, 1000),
    'fork-wait': ('fork+wait', MICRO, 20),
    'exec': ('exec (fork, exec, wait)', MICRO, 20),
    'exec-libc': ('exec of a program with C library', MICRO, 20),
    'sh': ('sh -c', MICRO, 10),
    'int-loop': ('int loop', (1, 'ns'), 100000),
    'fp-loop': ('fp loop', (1, 'ns'), 100000),
    'call-loop': ('call+ret', (1, 'ns'), 100000),
    'sieve': ('sieve', MICRO, 100),
    'cpuid': ('cpuid', MICRO, 1000),
    'shell-loop': ('macro: shell iteration, 2 commands', MICRO, 10),
    'gzip-sha256': ('macro: gzip+sha256, 8 MiB', SECOND, 1),
    'sort': ('macro: sort pipeline, 2 MiB', SECOND, 1),
    'boot': ('boot to first line of init', SECOND, 0),
    'idle': ('idle, CPU time per second', MILLI, 0),
}


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    p.add_argument('--rows', default=','.join(ROWS), metavar='NAME,...', help='of: ' + ' '.join(ROWS))
    p.add_argument('--targets', default='host,inplace,qemu', metavar='NAME,...')
    p.add_argument('--runs', type=int, default=5, metavar='N', help='default 5')
    p.add_argument('--milliseconds', type=float, default=50, metavar='N', help='of CPU time per measurement, at least (default 50)')
    p.add_argument('--clock', default='auto', choices=['auto', 'cgroup', 'event'])
    p.add_argument('--cpu', type=int, default=max(os.sched_getaffinity(0)), metavar='N', help='default: the last')
    p.add_argument('--build', default=os.path.join(ROOT, 'build'), metavar='DIR')
    p.add_argument('--kernel', metavar='VMLINUX', help='default: that of build/guest/x86_64-afterburned')
    p.add_argument('--csv', metavar='FILE', help='default: build/bench/linux.csv')
    p.add_argument('--counts', action='store_true', help="instead: host system calls, faults, ... per operation, from `afterburn run --stats'")
    p.add_argument('--compare', metavar='OLD.csv')
    p.add_argument('--from', dest='source', metavar='NEW.csv', help='table and comparison of an earlier result')
    opts = p.parse_args()
    opts.rows, opts.targets = opts.rows.split(','), opts.targets.split(',')
    for row in opts.rows:
        if row not in ROWS:
            p.error("no row '%s'" % row)
    if opts.runs < 1 or opts.milliseconds <= 0:
        p.error('--runs and --milliseconds are at least 1')
    for target in opts.targets:
        if target not in ('host', 'inplace', 'inplace-open', 'qemu') and '=' not in target:
            p.error("no target '%s'" % target)
    return opts


def make_target(spec, files, how, build):
    name, _, other = spec.partition('=')
    if other:
        return files.inplace(name, how, other)
    if name == 'inplace':
        return files.inplace(name, how, build)
    if name == 'inplace-open':
        return files.inplace(name, how, build, ['--no-isolation'])
    return files.host(name, how) if name == 'host' else files.qemu(name, how)


# ---- measuring ----

class Measurement:
    """Results, and what is known of rows and targets on the way."""

    def __init__(self, targets, rows, runs, nanoseconds):
        self.targets, self.rows, self.runs, self.least = targets, rows, runs, nanoseconds
        self.operations = {}  # (target, row): that take the least time
        self.overhead = {t.name: [] for t in targets}
        self.raw = []  # (row, target, run, operations, nanoseconds)

    def calibrate(self, target, row):
        n = ROWS[row][2]
        while True:
            spent = target.measure(row, n)
            if spent >= self.least or spent * 1.5 >= self.least and n == 1:
                break
            n = max(n + 1, min(n * 20, int(n * self.least * 1.25 / max(spent, 1))))
        self.operations[target.name, row] = n

    def warm_up(self, target, row):
        """Also lets the target finish what it still does for the row before."""
        if (target.name, row) not in self.operations:
            self.calibrate(target, row)
        else:
            target.measure(row, self.operations[target.name, row] // 10)
        target.measure('nothing', 1)

    def measure(self, target, row, run):
        if row == 'idle':
            self.raw.append((row, target.name, run, 0, target.idle(1)))
            return
        self.warm_up(target, row)
        self.overhead[target.name].append(target.measure('nothing', 1))
        n = self.operations[target.name, row]
        self.raw.append((row, target.name, run, n, target.measure(row, n)))

    def one_run(self, run):
        for target in self.targets:
            boot = target.start()
            if 'boot' in self.rows and target.name != 'host':
                self.raw.append(('boot', target.name, run, 0, boot))
        rows = [row for row in self.rows if row != 'boot']
        for i, row in enumerate(rows):
            progress('run %d of %d: %s' % (run, self.runs, row))
            first = (run + i) % len(self.targets)
            for target in self.targets[first:] + self.targets[:first]:
                self.measure(target, row, run)

    def run_all(self):
        for run in range(1, self.runs + 1):
            try:
                self.one_run(run)
            finally:
                for target in self.targets:
                    account(target)
        progress('')

    def results(self):
        """(row, target, run, operations, nanoseconds per operation)"""
        names = [t.name for t in self.targets]
        order = lambda m: (self.rows.index(m[0]), names.index(m[1]), m[2])
        cost = {name: statistics.median(values) for name, values in self.overhead.items() if values}
        return [(row, target, run, n, max(spent - cost[target], 0) / n if n else spent)
                for row, target, run, n, spent in sorted(self.raw, key=order)]


def account(target):
    """Nothing may have escaped the clock: wait() is another witness, if not for those who are still alive."""
    if target.pid is None:
        return
    measured, waited = target.stop()
    failure = sys.exc_info()[1]
    if failure:
        if str(failure).startswith(target.name + ':'):
            sys.stderr.write('\n' + target.messages())
    elif measured < waited * 0.9:
        progress('')
        print('bench linux: warning: %s: %.3f s measured, %.3f s by wait' %
              (target.name, measured / 1e9, waited / 1e9), file=sys.stderr)
    target.clean()


def progress(text):
    if sys.stderr.isatty():
        print('\r\033[K' + text, end='', file=sys.stderr, flush=True)


# ---- results ----

def write_csv(path, clock, results):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, 'w', newline='') as f:
        out = csv.writer(f)
        out.writerow(['row', 'target', 'run', 'operations', 'ns_per_operation', 'clock'])
        out.writerows([*result[:4], '%.4f' % result[4], clock] for result in results)


def measure_all(opts, clock, directory):
    how = How(clock, opts.cpu)
    kernel = opts.kernel or os.path.join(ROOT, 'build/guest/x86_64-afterburned/vmlinux')
    files = Files(directory, kernel)
    os.sched_setaffinity(0, (os.sched_getaffinity(0) - {opts.cpu}) or {opts.cpu})
    if opts.counts:
        return counts.print_counts(files, how, opts.build, {r: ROWS[r] for r in opts.rows if ROWS[r][2]})
    before = os.getloadavg()[0]
    m = Measurement([make_target(t, files, how, opts.build) for t in opts.targets], opts.rows, opts.runs, opts.milliseconds * 1e6)
    m.run_all()
    path = opts.csv or os.path.join(opts.build, 'bench/linux.csv')
    write_csv(path, clock.name, m.results())
    print('clock: %s; load average %.1f before, %.1f after; %s\n' %
          (clock.name, before, os.getloadavg()[0], os.path.relpath(path)))
    return path


def main():
    opts = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with what must be tidied up
    path = opts.source
    if not path:
        clock = clocks.choose(opts.clock)
        if not clock:
            print('bench linux: no clock: neither a control group nor perf_event_open (kernel.perf_event_paranoid)', file=sys.stderr)
            sys.exit(77)
        with tempfile.TemporaryDirectory(prefix='afterburn-bench-') as directory:
            try:
                path = measure_all(opts, clock, directory)
            except Failed as failure:
                sys.exit('bench linux: %s' % failure)
    if path:
        table = report.Table(path, ROWS)
        table.print()
        if opts.compare:
            report.compare(report.Table(opts.compare, ROWS), table)


if __name__ == '__main__':
    main()
