# SPDX-License-Identifier: BSD-2-Clause
"""Processor time of operations: targets that take turns row by row, run by run."""
import statistics
import sys

from rows import ROWS


class Measurement:
    """Results, and what is known of rows and targets on the way."""

    def __init__(self, targets, rows, runs, nanoseconds):
        self.targets, self.rows, self.runs, self.least = targets, rows, runs, nanoseconds
        self.operations = {}  # (target, row): that take the least time
        self.overhead = {t.name: [] for t in targets}
        self.raw = []  # (row, target, run, operations, nanoseconds)

    def calibrate(self, target, row):
        n = ROWS[row].first
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
        if not ROWS[row].first:
            state = target.state(row)
            if state is not None:
                self.raw.append((row, target.name, run, 0, state))
            return
        self.warm_up(target, row)
        self.overhead[target.name].append(target.measure('nothing', 1))
        n = self.operations[target.name, row]
        self.raw.append((row, target.name, run, n, target.measure(row, n)))

    def one_run(self, run):
        for target in self.targets:
            target.start()
        for i, row in enumerate(self.rows):
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
        """As report.COLUMNS, but for the clock."""
        names = [t.name for t in self.targets]
        order = lambda m: (self.rows.index(m[0]), names.index(m[1]), m[2])
        overhead = {name: statistics.median(values) for name, values in self.overhead.items() if values}
        return [(row, target, run, n, max(cost - overhead[target], 0) / n if n else cost)
                for row, target, run, n, cost in sorted(self.raw, key=order)]


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
        print('bench: warning: %s: %.3f s measured, %.3f s by wait' %
              (target.name, measured / 1e9, waited / 1e9), file=sys.stderr)
    target.clean()


def progress(text):
    if sys.stderr.isatty():
        print('\r\033[K' + text, end='', file=sys.stderr, flush=True)
