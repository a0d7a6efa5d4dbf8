# SPDX-License-Identifier: BSD-2-Clause
"""How often the in-place guest needs its host, per operation: `afterburn run --stats` of a run with n
operations, less that of one with none, divided by n. Counts, so one run of each is enough; interrupts and boot
differ a little, hence figures below LEAST are not shown. A second table says which sensitive instructions needed
the VMM: by a call of their rewritten site, or (in brackets) by a trap. Inline code and stubs do not.
"""
import re

import report

OPERATIONS, LEAST = 200, 0.05


def statistics(messages):
    """Title to number; of instructions, (class, 'site' or 'trap') to number."""
    found = {title: int(value) for value, title in re.findall(r'^ *(\d+)  (\S.*)$', messages, re.MULTILINE)}
    for name, sites, traps in re.findall(r'^([A-Z][A-Z0-9_]+) +(\d+) +(\d+)\s*$', messages, re.MULTILINE):
        found[name, 'site'], found[name, 'trap'] = int(sites), int(traps)
    return found


def stats_after(target, row, n):
    try:
        target.start()
        for count in (0, n):
            target.measure(row, count)
    finally:
        target.stop()
        messages = target.messages()
        target.clean()
    return statistics(messages)


def per_operation(target, row, n):
    without, with_all = (stats_after(target, row, count) for count in (0, n))
    return {title: (value - without.get(title, 0)) / n for title, value in with_all.items()}


def number(values, title):
    return report.number(values[title]) if values.get(title, 0) >= LEAST else ''


def instruction(values, name):
    """Calls of sites, and traps in brackets."""
    sites, traps = number(values, (name, 'site')), number(values, (name, 'trap'))
    return ' '.join([sites] * bool(sites) + ['(%s)' % traps] * bool(traps))


def table(head, columns, found, rows, cell):
    used = [c for c in columns if any(cell(values, c) for values in found.values())]
    body = [[rows[row].title] + [cell(values, c) for c in used] for row, values in found.items()]
    return report.markdown([head] + used, [line for line in body if any(line[1:])])


def lines(target, rows):
    """Two tables; target is an in-place one with --stats."""
    found = {row: per_operation(target, row, max(1, min(rows[row].first, OPERATIONS))) for row in rows}
    titles = list(dict.fromkeys(title for values in found.values() for title in values))
    events = [t for t in titles if isinstance(t, str)]
    classes = list(dict.fromkeys(t[0] for t in titles if not isinstance(t, str)))
    return (table('per operation', events, found, rows, number) + [''] +
            table('emulated by site (by trap)', classes, found, rows, instruction))
