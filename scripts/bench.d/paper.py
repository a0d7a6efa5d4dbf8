# SPDX-License-Identifier: BSD-2-Clause
"""Figures of LeVasseur et al., "Pre-Virtualization: Slashing the Cost of Virtualization" (2005), beside ours."""
import report

# Table 5, x86, Linux 2.6.9 on a 2.8 GHz Pentium 4, us: on raw hardware, pre-virtualized on Xen, XenoLinux
MICRO = {
    'null-call': (0.46, 0.57, 0.45),
    'null-io': (0.53, 0.64, 0.52),
    'stat': (1.38, 1.39, 1.29),
    'open-close': (2.00, 2.07, 1.83),
    'signal-install': (0.91, 1.03, 0.89),
    'signal-handler': (3.01, 1.73, 0.97),
    'fork-wait': (77, 221, 182),
    'exec': (312, 696, 545),
    'sh': (5958, 7404, 6711),
}

# Table 1: time of a kernel build above that of the native kernel of the same version on raw hardware, per cent
BUILD = (
    ('x86, Linux 2.6.9: XenoLinux', 3.44),
    ('Xen in-place VMM', 6.96),
    ('L4Ka::Linux', 11.5),
    ('L4Ka in-place VMM', 13.3),
    ('x86, Linux 2.4.31: Xen in-place VMM', 8.31),
    ('Itanium, Linux 2.6.12: XenoLinux', 4.00),
    ('Xen in-place VMM', 3.22),
    ('vNUMA in-place VMM', 3.31),
    ('Itanium, Linux 2.6.14: **Linux in-place VMM**', 45.94),
)


def micro_lines(table):
    body = []
    for row, (raw, xen, xeno) in MICRO.items():
        ours = table.figure(row, 'inplace')
        figures = (raw, xen, xen / raw, xeno / raw) + ((ours,) if ours is not None else ())
        body.append([table.rows[row].title] + ['%.4g' % f for f in figures[:2]] + [report.number(f) for f in figures[2:]])
    return report.markdown(['row', 'paper: raw, us', 'pre-virtualized on Xen, us', 'Xen in place/raw', 'XenoLinux/raw', 'ours: in place/host'], body)


def build_lines(table):
    """Ours are other programs: the two rows that are most like a build."""
    ours = [('**ours, Linux in-place VMM**: ' + table.rows[row].title.replace('macro: ', ''), (table.figure(row, 'inplace') - 1) * 100)
            for row in ('compile', 'shell-loop') if table.figure(row, 'inplace') is not None]
    return report.markdown(['system', 'overhead'], [[name, '%+.3g %%' % percent] for name, percent in (*BUILD, *ours)])
