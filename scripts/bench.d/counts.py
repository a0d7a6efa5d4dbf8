# SPDX-License-Identifier: BSD-2-Clause
"""How often the in-place guest needs its host, per operation: `afterburn run --stats` of a run with n
operations, less that of one with none, divided by n. Counts, so one run of each is enough; interrupts and boot
differ a little, hence figures below LEAST are not shown.
"""
import re

import report

OPERATIONS, LEAST = 200, 0.05


def stats_after(target, row, n):
    try:
        target.start()
        for count in (0, n):
            target.measure(row, count)
    finally:
        target.stop()
        lines = re.findall(r'^ *(\d+)  (\S.*)$', target.messages(), re.MULTILINE)
        target.clean()
    return {title: int(value) for value, title in lines}


def per_operation(target, row, n):
    without, with_all = (stats_after(target, row, count) for count in (0, n))
    return {title: (value - without.get(title, 0)) / n for title, value in with_all.items()}


def lines(target, rows):
    """A table; target is an in-place one with --stats."""
    found = {row: per_operation(target, row, max(1, min(rows[row].first, OPERATIONS))) for row in rows}
    titles = [t for t in next(iter(found.values())) if any(values.get(t, 0) >= LEAST for values in found.values())]
    body = {row: [report.number(values[t]) if values.get(t, 0) >= LEAST else '' for t in titles] for row, values in found.items()}
    return report.markdown(['per operation'] + titles, [[rows[row].title] + cells for row, cells in body.items() if any(cells)])
