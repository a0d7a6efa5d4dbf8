#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What operations cost on Xen and on bare hardware, in instructions, in what they ask of Xen, and in processor time.

Usage: scripts/bench xen [--rows NAME,...] [--targets NAME,...] [--time [--runs N]] [OPTIONS]

The program of scripts/bench linux (scripts/guest/bench), in one initramfs, under kernels in QEMU without KVM. QEMU counts instructions:
user's, kernel's and Xen's; the cheapest of nine rounds of a row counts, less what measuring costs; two runs give the same figures to the
last digit. Of targets on Xen also where instructions are executed, and hypercalls by kind, page-table updates, faults: counted from outside, by how
often Xen's own functions run in that round (xencounts.py). With --time instead processor time of QEMU, which does not count then: medians of runs.

Targets: stock, afterburned, xenolinux (scripts/build-guest --stock --config xenolinux) on bare hardware; xenolinux-xen, and afterburned-xen: the
file of `afterburned' in an image of `afterburn image --xen', made by --build; NAME=DIR is the same by another build or source tree:
  scripts/bench xen --rows fork-wait,exec --targets xenolinux-xen,afterburned-xen,before=DIR
Unless it is asked for by name, afterburned-xen is left out when it does not run to its end.

--from NEW.csv shows an earlier result. --update-docs writes table, plot and CSV to docs/evaluation*, what was not measured now from there.

Exit codes: 0 measured, 1 a target failed, 2 wrong command line, 77 no clock that works here (--time).
"""
import argparse
import datetime
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing made belongs among the sources

import clocks
import document
import plot
from machines import GUESTS, MEMORY, ROOT, How
from measure import Measurement, progress
from rows import ROWS
from targets import Failed
from xenmachines import COLUMNS, OURS, XEN, Machines, kernel_in, parse_spec
from xentable import INSTRUCTIONS, TIME, Table

DATA, PICTURE = 'evaluation-xen.csv', 'evaluation-xen.svg'
# Not: states; loops without kernel, but for one; programs that compute for seconds.
DEFAULT = [row for row in ROWS if ROWS[row].first and row not in ('int-loop', 'fp-loop', 'call-loop', 'gzip-sha256', 'sort', 'sqlite')]


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    p.add_argument('--rows', metavar='NAME,...', help='of: ' + ' '.join(row for row in ROWS if ROWS[row].first))
    p.add_argument('--targets', metavar='NAME,...', help='default: ' + ','.join(COLUMNS))
    p.add_argument('--time', action='store_true', help='processor time instead')
    p.add_argument('--runs', type=int, default=5, metavar='N', help='with --time, default 5')
    p.add_argument('--milliseconds', type=float, default=50, metavar='N', help='with --time: of CPU time per measurement, at least (default 50)')
    p.add_argument('--clock', default='auto', choices=['auto', 'cgroup', 'event'])
    p.add_argument('--cpu', type=int, default=max(os.sched_getaffinity(0)), metavar='N', help='default: the last')
    p.add_argument('--build', default=os.path.join(ROOT, 'build'), metavar='DIR')
    p.add_argument('--guests', default=GUESTS, metavar='DIR', help='where kernels are (default: build/guest)')
    p.add_argument('--xen', default=XEN, metavar='FILE', help='default: ' + XEN)
    p.add_argument('--csv', metavar='FILE', help='default: build/bench/xen.csv')
    p.add_argument('--from', dest='source', metavar='NEW.csv')
    p.add_argument('--update-docs', nargs='?', const=os.path.join(ROOT, 'docs'), metavar='DIR')
    opts = p.parse_args()
    opts.rows = opts.rows.split(',') if opts.rows else DEFAULT
    opts.optional = [] if opts.targets else [OURS]
    opts.specs = [parse_spec(target) for target in (opts.targets.split(',') if opts.targets else COLUMNS)]
    for row in opts.rows:
        if row not in ROWS or not ROWS[row].first:
            p.error("no row '%s'" % row)
    if None in opts.specs:
        p.error("no target '%s'" % opts.targets.split(',')[opts.specs.index(None)])
    if opts.runs < 1 or opts.milliseconds <= 0:
        p.error('--runs and --milliseconds are at least 1')
    return opts


# ---- measuring ----

def cheapest(operations):
    """Of each row, the operation with the least instructions; less what the empty row takes, which is rdtsc."""
    best = {}
    for row, n, ticks, counts in operations:
        if row not in best or ticks < best[row][1]:
            best[row] = n, ticks, counts
    nothing = best.pop('nothing')[1]
    return {row: ((ticks - nothing) / n, {what: count / n for what, count in counts.items()}) for row, (n, ticks, counts) in best.items()}


def attempt(opts, name, work):
    """None if it fails, and may."""
    try:
        return work()
    except Failed as failure:
        if name not in opts.optional:
            raise
        progress('')
        print('bench xen: left out: %s' % failure, file=sys.stderr)
        return None


def count_all(opts, machines, table):
    for spec in opts.specs:
        progress('%s counts instructions' % spec[0])
        for row, (instructions, counts) in (attempt(opts, spec[0], lambda: cheapest(machines.run(spec, opts.rows))) or {}).items():
            table.put(row, spec[0], INSTRUCTIONS, instructions)
            for what, value in counts.items():
                if value:
                    table.put(row, spec[0], what, value)
    progress('')
    table.where[INSTRUCTIONS] = where_from(opts) + '; instructions that QEMU counts, per operation'


def starts(target):
    """Once, to know whether it does."""
    try:
        target.start()
        return True
    finally:
        target.stop()
        target.clean()


def time_all(opts, machines, table):
    clock = clocks.choose(opts.clock)
    if not clock:
        print('bench xen: no clock: neither a control group nor perf_event_open (kernel.perf_event_paranoid)', file=sys.stderr)
        sys.exit(77)
    targets = []
    for spec in opts.specs:
        target = attempt(opts, spec[0], lambda: machines.target(spec, How(clock, opts.cpu)))
        if target and (spec[0] not in opts.optional or attempt(opts, spec[0], lambda: starts(target))):
            targets.append(target)
    os.sched_setaffinity(0, (os.sched_getaffinity(0) - {opts.cpu}) or {opts.cpu})
    m = Measurement(targets, opts.rows, opts.runs, opts.milliseconds * 1e6)
    m.run_all()
    costs = {}
    for row, target, run, _, cost in m.results():
        costs.setdefault(row, {}).setdefault(target, {})[run] = cost
    for row, by_target in costs.items():
        table.put_times(row, by_target)
    table.where[TIME] = '%s; processor time of QEMU, medians of %d runs, ratios those of the same run, clock %s' % (where_from(opts), opts.runs, clock.name)


def where_from(opts):
    qemu = subprocess.run(['qemu-system-x86_64', '--version'], stdout=subprocess.PIPE, text=True).stdout
    return '%s: guests Linux %s, one CPU, %s; Xen %s; QEMU %s, TCG, qemu64' % (
        datetime.date.today(), version(kernel_in(opts.guests, opts.specs[0][1]), rb'Linux version (\S+)'), MEMORY,
        package_version('xen-hypervisor-4.17-amd64') if opts.xen == XEN else opts.xen, re.search(r'version (\S+)', qemu).group(1))


def version(path, pattern):
    with open(path, 'rb') as f:
        found = re.search(pattern, f.read())
    return found.group(1).decode() if found else 'unknown'


def package_version(name):
    found = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return found or 'unknown'


def measure(opts):
    """The table's path."""
    table = Table()
    with tempfile.TemporaryDirectory(prefix='afterburn-bench-') as directory:
        try:
            machines = Machines(directory, opts.guests, opts.xen, opts.build, opts.specs[0][1])
            (time_all if opts.time else count_all)(opts, machines, table)
        except Failed as failure:
            sys.exit('bench xen: %s' % failure)
    path = opts.csv or os.path.join(opts.build, 'bench/xen-time.csv' if opts.time else 'bench/xen.csv')
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    table.write(path)
    return path


def update(docs, new):
    """Both kinds of figures are in one file; one is new."""
    data, table = os.path.join(docs, DATA), Table()
    if os.path.exists(data):
        table = Table.read(data)
    table.take(new)
    table.write(data)
    with open(os.path.join(docs, PICTURE), 'w') as f:
        f.write(plot.svg(table, plot.XEN))
    document.fill(docs, 'instructions', [table.where.get(INSTRUCTIONS, 'Not measured') + '.', '', '![ratios to the stock kernel](%s)' % PICTURE, '']
                  + table.instruction_lines() + [''] + ['- ' + line for line in table.verdicts()], 'xen')
    document.fill(docs, 'places', table.place_lines(), 'xen')
    document.fill(docs, 'counts', table.count_lines(), 'xen')
    document.fill(docs, 'time', [table.where.get(TIME, 'Not measured') + '.', ''] + table.time_lines(), 'xen')


def main():
    opts = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with what must be tidied up
    table = Table.read(opts.source or measure(opts))
    print('\n'.join(table.text()))
    if opts.update_docs:
        update(opts.update_docs, table)


if __name__ == '__main__':
    main()
