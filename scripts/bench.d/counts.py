# SPDX-License-Identifier: BSD-2-Clause
"""How often the in-place guest needs its host, per operation: `afterburn run --stats` of a run with n
operations, less that of one with none, divided by n. Counts, so one run of each is enough; interrupts and boot
differ a little, hence figures below LEAST are not shown.
"""
import re

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


def per_operation(files, how, build, row, n):
    target = files.inplace('inplace', how, build, ['--stats'])
    without, with_all = (stats_after(target, row, count) for count in (0, n))
    return {title: (value - without.get(title, 0)) / n for title, value in with_all.items()}


def print_counts(files, how, build, rows):
    found = {row: per_operation(files, how, build, row, max(1, min(n, OPERATIONS))) for row, (_, _, n) in rows.items()}
    titles = list(next(iter(found.values())))
    used = [t for t in titles if any(values.get(t, 0) >= LEAST for values in found.values())]
    print('| per operation | ' + ' | '.join(used) + ' |\n|' + '---|' * (len(used) + 1))
    for row, values in found.items():
        cells = ['%.2f' % values[t] if values.get(t, 0) >= LEAST else '' for t in used]
        print('| ' + ' | '.join([rows[row][0]] + cells) + ' |')
