#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What an operation costs on the host, in the in-place guest, in User-Mode Linux and in QEMU (TCG).

Usage: scripts/bench linux [--rows NAME,...] [--targets NAME,...] [--runs N] [--compare OLD.csv] [OPTIONS]

One static program (scripts/guest/bench) runs as a process of the host and, from one initramfs and
under one kernel, in the guests. The unit is processor time of all processes of a target, as the host
accounts it (--clock; clocks.py tells the two ways), everything pinned to one CPU. Every run starts each
target anew; the targets take turns row by row; a row is repeated until it takes --milliseconds. Results
are medians over runs, ratios medians of the ratios of each run, `+-` the interquartile range of the ratios.

Targets: host, inplace (`afterburn run` of --build), uml, qemu, and NAME=DIR for `afterburn run` of another build or
source tree, compared with inplace. Options of `afterburn run` follow after colons:
  scripts/bench linux --targets host,inplace,before=DIR
  scripts/bench linux --targets host,inplace,inplace:--no-isolation
  scripts/bench linux --targets host,inplace,inplace:--memory=1G:--append=transparent_hugepage=always

--compare says which rows moved against an earlier table: those whose ratios to the host differ by more than both
interquartile ranges together and more than 2 %, and no run of one lies among those of the other. With
--from NEW.csv nothing is measured. Instead of times, --counts shows how often operations need the host (counts.py), --profile
how often they execute annotated instructions (instructions.py). --update-docs writes table, plot and CSV to docs/evaluation.*, with
--counts and --profile the tables there that are theirs.

Exit codes: 0 measured, 1 a target failed, 2 wrong command line, 77 no clock that works here.
"""
import argparse
import datetime
import os
import re
import signal
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing made belongs among the sources

import clocks
import counts
import document
import instructions
import report
from machines import GUESTS, MEMORY, ROOT, Files, How, has_keys, parse_spec
from measure import Measurement
from rows import ROWS
from targets import Failed


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    p.add_argument('--rows', metavar='NAME,...', help='of: ' + ' '.join(ROWS))
    p.add_argument('--targets', default='host,inplace,uml,qemu', metavar='NAME,...')
    p.add_argument('--runs', type=int, default=5, metavar='N', help='default 5')
    p.add_argument('--milliseconds', type=float, default=50, metavar='N', help='of CPU time per measurement, at least (default 50)')
    p.add_argument('--clock', default='auto', choices=['auto', 'cgroup', 'event'])
    p.add_argument('--cpu', type=int, default=max(os.sched_getaffinity(0)), metavar='N', help='default: the last')
    p.add_argument('--build', default=os.path.join(ROOT, 'build'), metavar='DIR')
    p.add_argument('--kernel', default=os.path.join(GUESTS, 'x86_64-afterburned/vmlinux'), metavar='VMLINUX',
                   help='default: that of build/guest/x86_64-afterburned')
    p.add_argument('--uml', default=os.path.join(GUESTS, 'uml/linux'), metavar='FILE', help='default: build/guest/uml/linux')
    p.add_argument('--csv', metavar='FILE', help='default: build/bench/linux.csv')
    p.add_argument('--counts', dest='other', action='store_const', const='counts', help="instead: host system calls, faults, ... per operation")
    p.add_argument('--profile', dest='other', action='store_const', const='profile', help="instead: annotated instructions executed per operation")
    p.add_argument('--compare', metavar='OLD.csv')
    p.add_argument('--from', dest='source', metavar='NEW.csv', help='table and comparison of an earlier result')
    p.add_argument('--update-docs', nargs='?', const=os.path.join(ROOT, 'docs'), metavar='DIR')
    opts = p.parse_args()
    default = instructions.ROWS if opts.other == 'profile' else ROWS
    opts.rows, opts.targets = opts.rows.split(',') if opts.rows else list(default), opts.targets.split(',')
    for row in opts.rows:
        if row not in ROWS:
            p.error("no row '%s'" % row)
    if opts.runs < 1 or opts.milliseconds <= 0:
        p.error('--runs and --milliseconds are at least 1')
    opts.specs = [parse_spec(target) for target in opts.targets]
    if None in opts.specs:
        p.error("no target '%s'" % opts.targets[opts.specs.index(None)])
    return opts


# ---- results ----

def first_match(path, pattern):
    with open(path, 'rb') as f:
        found = re.search(pattern, f.read())
    return found.group(1).decode() if found else 'unknown'


def where_from(opts, clock, load):
    """The line above the table."""
    return ('%s: guests Linux %s, one CPU, %s; host Linux %s, %d processors (%s), isolation in place by %s; %d runs, clock %s, load '
            'average %.1f before, %.1f after') % (
        datetime.date.today(), first_match(opts.kernel, rb'Linux version (\S+)'), MEMORY, os.uname().release.split('-')[0], os.cpu_count(),
        first_match('/proc/cpuinfo', rb'model name\s*: (.*)'), 'protection keys' if has_keys() else 'processes (no protection keys)', opts.runs, clock.name, load, os.getloadavg()[0])


def measure_all(opts, clock, directory):
    """The path of the table."""
    how, load = How(clock, opts.cpu), os.getloadavg()[0]
    files = Files(directory, opts.kernel, opts.uml)
    targets = [files.target(spec, how, opts.build) for spec in opts.specs]
    os.sched_setaffinity(0, (os.sched_getaffinity(0) - {opts.cpu}) or {opts.cpu})
    m = Measurement(targets, opts.rows, opts.runs, opts.milliseconds * 1e6)
    m.run_all()
    path = opts.csv or os.path.join(opts.build, 'bench/linux.csv')
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    report.write(path, where_from(opts, clock, load), [[*result[:4], '%.4f' % result[4], clock.name] for result in m.results()])
    return path


COUNTED = (('As `afterburn run` isolates on this host:', []), ('With `--no-isolation`:', ['--no-isolation']))


def show_other(opts, clock, directory):
    """Counts need no quiet, and no clock but to start a target."""
    files, how = Files(directory, opts.kernel, opts.uml), How(clock, opts.cpu)
    rows = {row: ROWS[row] for row in opts.rows if ROWS[row].first}
    if opts.other == 'counts':
        lines = []
        for title, isolation in COUNTED:
            lines += [title, ''] + counts.lines(files.inplace('inplace', how, opts.build, ['--stats'] + isolation), rows) + ['']
    else:
        lines = instructions.lines(files, how, rows)
    print('\n'.join(lines))
    if opts.update_docs:
        document.fill(opts.update_docs, opts.other, lines)


def with_machines(opts, work):
    clock = clocks.choose(opts.clock)
    if not clock:
        print('bench linux: no clock: neither a control group nor perf_event_open (kernel.perf_event_paranoid)', file=sys.stderr)
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix='afterburn-bench-') as directory:
        try:
            return work(opts, clock, directory)
        except Failed as failure:
            sys.exit('bench linux: %s' % failure)


def show(opts, path):
    table = report.Table(path, ROWS)
    print('\n'.join([table.where_from, ''] + table.text()))
    if opts.compare:
        print('\n'.join([''] + report.compare(report.Table(opts.compare, ROWS), table)))
    if opts.update_docs:
        document.update(opts.update_docs, table, path)


def main():
    opts = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with what must be tidied up
    if opts.other:
        with_machines(opts, show_other)
    else:
        show(opts, opts.source or with_machines(opts, measure_all))


if __name__ == '__main__':
    main()
