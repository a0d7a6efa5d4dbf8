# SPDX-License-Identifier: BSD-2-Clause
"""Tables of `scripts/bench xen'. Their file is CSV, a figure a line, below lines that say where they come from: `# WHAT: text'."""
import csv
import sys

import report
from rows import ROWS
from xencounts import RANGES, SHOWN
from xenmachines import COLUMNS, OURS

HEAD = ['row', 'target', 'what', 'value']  # value: per operation
INSTRUCTIONS, TIME, RATIO, SPREAD = 'instructions', 'nanoseconds', 'nanoseconds to stock', 'spread of nanoseconds to stock'
BASE, PEER = 'stock', 'xenolinux-xen'
MORE = 1.005  # times XenoLinux's instructions: loops in user mode differ by their timer interrupts
LEAST = 0.2  # counts below are timer interrupts'
# Of instructions, to XenoLinux's on Xen; elsewhere no more than as many.
GOALS = {**dict.fromkeys(('null-call', 'null-io', 'stat', 'open-close', 'signal-install', 'signal-handler', 'protection-fault', 'page-fault'), 0.9),
         **dict.fromkeys(('fork-wait', 'exec', 'exec-libc', 'sh', 'shell-loop'), 0.7)}
BARE_GOAL = 0.3  # per cent, afterburned above stock, bare


def title(target):
    """Another build is called what the user called it."""
    return COLUMNS[target].title if target in COLUMNS else target


def place(key):
    """Of a figure in the file: so that two files differ where figures do."""
    row, target, what = key
    return list(ROWS).index(row), (*COLUMNS, target).index(target), target, what


def on_xen(target):
    return COLUMNS.get(target, COLUMNS[OURS]).on_xen


class Table:
    """Figures, and for the picture (plot.py) their ratios to the stock kernel's."""

    rows = ROWS

    def __init__(self):
        self.where, self.values = {}, {}  # what: text; (row, target, what): value

    def put(self, row, target, what, value):
        self.values[row, target, what] = value

    def get(self, row, target, what=INSTRUCTIONS):
        return self.values.get((row, target, what))

    @classmethod
    def read(cls, path):
        table = cls()
        try:
            with open(path, newline='') as f:
                lines = f.readlines()
            while lines and lines[0].startswith('# '):
                what, _, text = lines.pop(0)[2:].strip().partition(': ')
                table.where[what] = text
            for line in csv.DictReader(lines):
                table.put(line['row'], line['target'], line['what'], float(line['value']))
        except (OSError, KeyError, TypeError, ValueError) as error:
            sys.exit('bench xen: %s: %r' % (path, error))
        return table

    def write(self, path):
        with open(path, 'w', newline='') as f:
            f.writelines('# %s: %s\n' % item for item in self.where.items())
            out = csv.writer(f, lineterminator='\n')
            out.writerow(HEAD)
            out.writerows([*key, '%.4f' % self.values[key]] for key in sorted(self.values, key=place))

    def take(self, other):
        """Another's measurements instead of its own of the same kind."""
        timed = lambda what: what in (TIME, RATIO, SPREAD)
        kinds = {what == TIME for what in other.where}
        self.values = {key: value for key, value in self.values.items() if timed(key[2]) not in kinds}
        self.values.update(other.values)
        self.where.update(other.where)

    # ---- what plot.svg() asks ----

    @property
    def targets(self):
        return list(dict.fromkeys(target for _, target, what in self.values if what == INSTRUCTIONS))

    def measured(self, what=INSTRUCTIONS):
        return [row for row in ROWS if any(key[0] == row and key[2] == what for key in self.values)]

    def figure(self, row, target, base=BASE):
        ours, theirs = self.get(row, target), self.get(row, base)
        return ours / theirs if ours is not None and theirs else None

    def ratios(self, row, target):
        value = self.figure(row, target)
        return [] if value is None or target == BASE else [value]

    # ---- as text ----

    def instruction_lines(self):
        """Bare columns beside how much they are above stock, the others as multiples of it, and ours of XenoLinux's."""
        targets = self.targets
        compared = [t for t in targets if t != PEER and on_xen(t) and PEER in targets]
        head = ['instructions']
        for target in targets:
            head += [title(target)] + [''] * (target != BASE and BASE in targets)
        head += ['%s/%s' % (title(t), title(PEER)) for t in compared] + ['goal'] * bool(compared)
        body = []
        for row in self.measured():
            line = [ROWS[row].title]
            for target in targets:
                line += [whole(self.get(row, target))] + [self.above(row, target)] * (target != BASE and BASE in targets)
            line += [optional(self.figure(row, t, PEER)) for t in compared]
            body.append(line + ['%g' % GOALS.get(row, 1)] * bool(compared))
        return report.markdown(head, body)

    def above(self, row, target):
        ratio = self.figure(row, target)
        if ratio is None:
            return ''
        return '%.2fx' % ratio if on_xen(target) else '%+.2f %%' % ((ratio - 1) * 100)

    def place_lines(self):
        """Where the instructions of targets on Xen are executed."""
        columns = [(target, place) for target in self.targets for place in RANGES
                   if any(self.get(row, target, place) for row in self.measured())]
        body = [[ROWS[row].title] + [whole(self.get(row, target, place) or 0 if self.get(row, target) else None) for target, place in columns]
                for row in self.measured()]
        return report.markdown(['instructions'] + ['%s: %s' % (title(target), place) for target, place in columns], body)

    def count_lines(self):
        """For each target on Xen a table: what it asks of Xen, per operation."""
        lines = []
        for target in self.targets:
            found = {row: self.counts(row, target) for row in self.measured()}
            used = [what for what in SHOWN if any(what in values for values in found.values())]
            if used:
                body = [[ROWS[row].title] + [report.number(v[what]) if what in v else '' for what in used] + [self.batch(row, target)]
                        for row, v in found.items() if v]
                lines += ['**%s**' % title(target), ''] + report.markdown(['per operation'] + used + ['entries per mmu_update'], body) + ['']
        return lines

    def counts(self, row, target):
        return {what: value for what in SHOWN if (value := self.get(row, target, what) or 0) >= LEAST}

    def batch(self, row, target):
        calls, entries = self.get(row, target, 'mmu_update') or 0, self.get(row, target, 'entries of mmu_update') or 0
        return report.number(entries / calls) if calls >= LEAST else ''

    def put_times(self, row, costs):
        """Of every target the costs by run: medians, and what they are to stock's in the same run."""
        for target, runs in costs.items():
            self.put(row, target, TIME, report.middle(runs.values()))
            ratios = [cost / costs[BASE][run] for run, cost in runs.items() if costs.get(BASE, {}).get(run)]
            if ratios and target != BASE:
                self.put(row, target, RATIO, report.middle(ratios))
                self.put(row, target, SPREAD, report.spread(ratios))

    def time_lines(self):
        targets = list(dict.fromkeys(target for _, target, what in self.values if what == TIME))
        compared = [t for t in targets if any(self.get(row, t, RATIO) for row in ROWS)]
        head = ['processor time', 'unit'] + [title(t) for t in targets]
        for target in compared:
            head += ['%s/stock' % title(target), '+-']
        body = []
        for row in self.measured(TIME):
            divisor, unit = ROWS[row].unit
            line = [ROWS[row].title, unit] + [optional(self.get(row, t, TIME), divisor) for t in targets]
            for target in compared:
                ratio = self.get(row, target, RATIO)
                line += [optional(ratio), '' if ratio is None else '%.0f %%' % (100 * self.get(row, target, SPREAD))]
            body.append(line)
        return report.markdown(head, body)

    def verdicts(self):
        """Goals that are missed, with figures."""
        lines, rows = [], self.measured()
        for target in self.targets:
            if on_xen(target) and target != PEER and PEER in self.targets:
                lines += self.against_peer(target, rows)
        if BASE in self.targets:
            lines += [self.above_base(target, rows) for target in self.targets if target != BASE and not on_xen(target)]
        return lines

    def against_peer(self, target, rows):
        more = [row for row in rows if (self.figure(row, target, PEER) or 0) > MORE]
        missed = [row for row in rows if GOALS.get(row, MORE) < (self.figure(row, target, PEER) or 0) <= MORE]
        calls = [row for row in ('fork-wait', 'exec') if (self.get(row, target, 'hypercalls') or 0) >= (self.get(row, PEER, 'hypercalls') or 1)]
        ratio = lambda row: report.number(self.figure(row, target, PEER))
        return ['%s needs more instructions than XenoLinux in (ratio): %s; fewer, but misses the goal in: %s.' %
                (title(target), told(more, ratio), told(missed, ratio)),
                '%s makes fewer hypercalls than XenoLinux on fork and exec, except in: %s.' %
                (title(target), told(calls, lambda row: report.number(self.get(row, target, 'hypercalls'))))]

    def above_base(self, target, rows):
        found = sorted((self.figure(row, target) - 1) * 100 for row in rows if self.figure(row, target) is not None)
        goal = ', goal %+.1f %%' % BARE_GOAL if target == 'afterburned' else ''
        return '%s: %+.2f to %+.2f %% instructions above stock, in the middle %+.2f %%%s.' % (
            title(target), found[0], found[-1], report.middle(found), goal)

    def text(self):
        lines = []
        if self.targets:
            lines += [self.where.get(INSTRUCTIONS, ''), ''] + self.instruction_lines() + [''] + ['- ' + line for line in self.verdicts()]
            lines += [''] + self.place_lines() + [''] + self.count_lines()
        if self.measured(TIME):
            lines += [self.where.get(TIME, ''), ''] + self.time_lines()
        return lines


def whole(value):
    return '' if value is None else '{:,.0f}'.format(value)


def optional(value, divisor=1):
    return '' if value is None else report.number(value / divisor)


def told(rows, figure):
    return ', '.join('%s (%s)' % (ROWS[row].title, figure(row)) for row in rows) or 'nothing'
