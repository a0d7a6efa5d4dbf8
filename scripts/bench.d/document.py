# SPDX-License-Identifier: BSD-2-Clause
"""Figures in docs/evaluation.md: what stands between `<!-- bench linux: NAME -->' and `<!-- bench linux: end -->' is
written by `scripts/bench linux', and likewise of the others."""
import os
import re
import shutil
import sys

import paper
import plot

PAGE, PICTURE, DATA = 'evaluation.md', 'evaluation.svg', 'evaluation.csv'


def fill(docs, section, lines, program='linux'):
    path = os.path.join(docs, PAGE)
    with open(path) as f:
        page = f.read()
    marks = r'(<!-- bench %s: %s -->\n).*?(<!-- bench %s: end -->)' % (program, section, program)
    page, count = re.subn(marks, lambda m: m.group(1) + '\n'.join([''] + lines + ['', '']) + m.group(2), page, flags=re.DOTALL)
    if count != 1:
        sys.exit('bench %s: %s: no section %s' % (program, path, section))
    with open(path, 'w') as f:
        f.write(page)


def update(docs, table, path):
    """Table and picture, and the data that both come from."""
    data = os.path.join(docs, DATA)
    if not os.path.exists(data) or not os.path.samefile(path, data):
        shutil.copy(path, data)
    with open(os.path.join(docs, PICTURE), 'w') as f:
        f.write(plot.svg(table))
    fill(docs, 'times', [table.where_from + '.', '', '![ratios to the host](%s)' % PICTURE, ''] + table.text())
    fill(docs, 'paper, table 1', paper.build_lines(table))
    fill(docs, 'paper, table 5', paper.micro_lines(table))
