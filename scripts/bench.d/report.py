# SPDX-License-Identifier: BSD-2-Clause
"""Tables of `scripts/bench linux`, and what moved between two of them."""
import collections
import csv
import statistics
import sys

LEAST_MOVE = 0.02


def middle(values):
    return statistics.median(values)


def spread(values):
    """The interquartile range, as a part of the median."""
    if len(values) < 3:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method='inclusive')
    return (high - low) / middle(values) if middle(values) else 0.0


def number(value):
    """Three significant digits."""
    if value == 0:
        return '0'
    return '%.*f' % (max(0, 2 - len(str(int(value))) + 1) if value >= 1 else 3, value)


class Table:
    def __init__(self, path, rows):
        self.rows, self.values = rows, collections.defaultdict(dict)  # [row, target][run]
        self.targets, self.clocks = [], set()
        try:
            with open(path, newline='') as f:
                for line in csv.DictReader(f):
                    self.add(line)
        except (OSError, KeyError, ValueError) as error:
            sys.exit('bench linux: %s: %s' % (path, error))

    def add(self, line):
        if line['target'] not in self.targets:
            self.targets.append(line['target'])
        self.clocks.add(line['clock'])
        self.values[line['row'], line['target']][line['run']] = float(line['ns_per_operation'])

    def costs(self, row, target):
        return list(self.values.get((row, target), {}).values())

    def ratios(self, row, target):
        """To the host, run by run; none where the host has no such row."""
        host, guest = self.values.get((row, 'host'), {}), self.values.get((row, target), {})
        return [guest[run] / host[run] for run in guest if host.get(run, 0) > 0 and row != 'idle']

    def print(self):
        compared = [t for t in self.targets if t != 'host' and 'host' in self.targets]
        head = ['row', 'unit'] + self.targets
        for target in compared:
            head += [target + '/host', '+-']
        print('| ' + ' | '.join(head) + ' |')
        print('|' + '---|' * len(head))
        for row, (title, (scale, unit), _) in self.rows.items():
            if any(self.costs(row, t) for t in self.targets):
                print('| ' + ' | '.join([title, unit] + self.cells(row, scale, compared)) + ' |')

    def cells(self, row, scale, compared):
        cells = []
        for target in self.targets:
            costs = self.costs(row, target)
            cells.append(number(middle(costs) / scale) if costs else '')
        for target in compared:
            ratios = self.ratios(row, target)
            cells += [number(middle(ratios)), '%.0f %%' % (spread(ratios) * 100)] if ratios else ['', '']
        return cells


def has_moved(before, now):
    """Each of these alone cries wolf at one row in twenty when nothing has changed."""
    apart = max(before) < min(now) or max(now) < min(before)
    return apart and abs(middle(now) / middle(before) - 1) > max(spread(before) + spread(now), LEAST_MOVE)


def compare(old, new):
    """Ratios to the host where both have it: another machine, or a slower moment, cancels out."""
    if old.clocks != new.clocks:
        print('\nbench linux: warning: measured by different clocks', file=sys.stderr)
    moved = compared = 0
    print('\n| row | target | | before | now | change | noise |\n|---|---|---|---|---|---|---|')
    for row, (title, (scale, unit), _) in new.rows.items():
        for target in new.targets:
            before, now = old.ratios(row, target), new.ratios(row, target)
            of_host = bool(before and now) and target != 'host'
            if not of_host:
                before, now = ([c / scale for c in t.costs(row, target)] for t in (old, new))
            if not before or not now or not middle(before):
                continue
            compared += 1
            change, noise = middle(now) / middle(before) - 1, spread(before) + spread(now)
            if has_moved(before, now):
                moved += 1
                print('| %s | %s | %s | %s | %s | %+.1f %% | %.1f %% |' %
                      (title, target, 'x host' if of_host else unit, number(middle(before)), number(middle(now)), change * 100, noise * 100))
    print('\n%d of %d rows moved' % (moved, compared))
