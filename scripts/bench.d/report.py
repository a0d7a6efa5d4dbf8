# SPDX-License-Identifier: BSD-2-Clause
"""Tables of `scripts/bench linux`, and what moved between two of them. A table's file is CSV below a line that says
where it comes from: `# text'."""
import collections
import csv
import statistics
import sys

LEAST_MOVE = 0.02
TITLES = {'inplace': 'in place', 'uml': 'UML', 'qemu': 'QEMU TCG'}
COLUMNS = ['row', 'target', 'run', 'operations', 'cost', 'clock']  # cost: nanoseconds per operation; memory: bytes


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


def markdown(head, lines):
    return ['| ' + ' | '.join(line) + ' |' if line else '|' + '---|' * len(head) for line in [head, None] + lines]


def write(path, where_from, results):
    with open(path, 'w', newline='') as f:
        f.write('# %s\n' % where_from)
        out = csv.writer(f, lineterminator='\n')
        out.writerow(COLUMNS)
        out.writerows(results)


class Table:
    def __init__(self, path, rows):
        self.rows, self.values = rows, collections.defaultdict(dict)  # [row, target][run]
        self.targets, self.clocks, self.where_from = [], set(), ''
        try:
            with open(path, newline='') as f:
                lines = f.readlines()
            if lines and lines[0].startswith('# '):
                self.where_from = lines.pop(0)[2:].strip()
            for line in csv.DictReader(lines):
                self.add(line)
        except (OSError, KeyError, ValueError) as error:
            sys.exit('bench linux: %s: %r' % (path, error))

    def add(self, line):
        if line['target'] not in self.targets:
            self.targets.append(line['target'])
        self.clocks.add(line['clock'])
        self.values[line['row'], line['target']][line['run']] = float(line['cost'])

    def costs(self, row, target):
        """In the row's unit."""
        return [cost / self.rows[row].unit[0] for cost in self.values.get((row, target), {}).values()]

    def ratios(self, row, target, base='host'):
        """To the host (or another), run by run; none where it has no such row."""
        base, other = self.values.get((row, base), {}), self.values.get((row, target), {})
        return [other[run] / base[run] for run in other if base.get(run, 0) > 0 and self.rows[row].first]

    def measured(self):
        return [row for row in self.rows if any(self.costs(row, target) for target in self.targets)]

    def modes(self):
        """In-place targets with other options."""
        return [t for t in self.targets if t.startswith('inplace ')]

    def builds(self):
        """Other builds of the project."""
        return [t for t in self.targets if t not in ('host', *TITLES, *self.modes())]

    def figure(self, row, target):
        """What goals and other targets are compared with: median ratio to the host, of a state the median; or None."""
        values = self.ratios(row, target) if self.rows[row].first else self.costs(row, target)
        return middle(values) if values else None

    # ---- as text ----

    def lines(self):
        shown = [t for t in self.targets if t not in self.modes()]
        compared = [t for t in shown if t != 'host' and 'host' in shown]
        head = ['row', 'unit'] + [TITLES.get(t, t) for t in shown]
        for target in compared:
            head += ['%s/host' % TITLES.get(target, target), '+-']
        body = [[self.rows[row].title, self.rows[row].unit[1]] + self.cells(row, shown, compared) + [self.goal(row)]
                for row in self.measured()]
        return markdown(head + ['goal'], body)

    def cells(self, row, shown, compared):
        cells = []
        for target in shown:
            costs = self.costs(row, target)
            cells.append(number(middle(costs)) if costs else '')
        for target in compared:
            cells += ratio_cells(self.ratios(row, target))
        return cells

    def goal(self, row):
        goal, first = self.rows[row].goal, self.rows[row].first
        return '' if goal is None else '%g%s' % (goal, 'x' if first else ' ' + self.rows[row].unit[1])

    def mode_lines(self):
        """What other options cost or gain: to the host, and to the same without them."""
        head, cells = ['row'], collections.defaultdict(list)
        for mode in self.modes():
            name = '`%s`' % mode.replace('inplace ', '')
            head += [name + '/host', '+-', name + '/in place', '+-']
            for row in self.measured():
                cells[row] += ratio_cells(self.ratios(row, mode)) + ratio_cells(self.ratios(row, mode, 'inplace'))
        return markdown(head, [[self.rows[row].title] + found for row, found in cells.items() if any(found)])

    def verdicts(self):
        """Goals missed, and where others are faster."""
        def told(rows, target, base):
            return ', '.join('%s (%s, %s)' % (self.rows[row].title, number(self.figure(row, target)), base(row)) for row in rows)

        lines = []
        for target in ['inplace'] + self.modes():
            rows = [row for row in self.measured() if self.figure(row, target) is not None]
            with_goal = [row for row in rows if self.rows[row].goal is not None]
            missed = [row for row in with_goal if self.figure(row, target) > self.rows[row].goal]
            lines.append('Goals%s: %d of %d reached; missed (measured, goal): %s.' %
                         (target.replace('inplace', '').replace(' ', ' with ', 1), len(with_goal) - len(missed), len(with_goal),
                          told(missed, target, self.goal) or 'none'))
            for other in (t for t in ('uml', 'qemu') if t in self.targets):
                faster = [row for row in rows if self.is_faster(row, other, target)]
                lines.append('%s is ahead%s in (in place, %s): %s.' %
                             (TITLES[other], target.replace('inplace', '').replace(' ', ' of ', 1), TITLES[other],
                              told(faster, target, lambda row: number(self.figure(row, other))) or 'nothing'))
        return lines

    def is_faster(self, row, other, target):
        """Than the in-place guest, by more than noise."""
        ours, theirs = ([self.ratios(row, t) or self.costs(row, t) for t in (target, other)])
        return bool(theirs) and middle(theirs) < middle(ours) and has_moved(ours, theirs)

    def text(self):
        lines = self.lines()
        if 'inplace' in self.targets:
            if self.modes():
                lines += [''] + self.mode_lines()
            for build in self.builds():
                lines += ['', 'From `%s\' to `inplace\':' % build, ''] + moves(self, self, [(build, 'inplace')])
            lines += [''] + ['- ' + line for line in self.verdicts()]
        return lines


def ratio_cells(ratios):
    return [number(middle(ratios)), '%.0f %%' % (spread(ratios) * 100)] if ratios else ['', '']


# ---- two tables ----

def has_moved(before, now):
    """Each of these alone cries wolf at one row in twenty when nothing has changed."""
    apart = max(before) < min(now) or max(now) < min(before)
    return apart and middle(before) > 0 and abs(middle(now) / middle(before) - 1) > max(spread(before) + spread(now), LEAST_MOVE)


def pair(old, new, row, before, now):
    """Figures of a target in one table and of a target in another: ratios to the host where both have it, so another
    machine, or a slower moment, cancels out; and what they are."""
    ratios = old.ratios(row, before), new.ratios(row, now)
    if all(ratios):
        return *ratios, 'x host'
    return old.costs(row, before), new.costs(row, now), new.rows[row].unit[1]


def moves(old, new, targets):
    """What moved between pairs of targets, as text."""
    moved, compared = [], 0
    for row in new.rows:
        for target_before, target in targets:
            before, now, unit = pair(old, new, row, target_before, target)
            if not before or not now or not middle(before):
                continue
            compared += 1
            change, noise = middle(now) / middle(before) - 1, spread(before) + spread(now)
            if has_moved(before, now):
                moved.append([new.rows[row].title, target, unit, number(middle(before)), number(middle(now)),
                              '%+.1f %%' % (change * 100), '%.1f %%' % (noise * 100)])
    return markdown(['row', 'target', '', 'before', 'now', 'change', 'noise'], moved) + ['', '%d of %d rows moved' % (len(moved), compared)]


def compare(old, new):
    """All but the host, which is nothing of ours."""
    if old.clocks != new.clocks:
        print('\nbench linux: warning: measured by different clocks', file=sys.stderr)
    return moves(old, new, [(target, target) for target in new.targets if target != 'host'])
