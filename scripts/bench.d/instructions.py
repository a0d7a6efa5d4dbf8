# SPDX-License-Identifier: BSD-2-Clause
"""How often annotated instructions run, per operation: counted in QEMU (instructions.c), which executes the same vmlinux as it
is. So what becomes inline code is counted too, which the in-place VMM cannot see. A command and its answer are subtracted;
timer interrupts are not, hence LEAST.
"""
import collections
import os
import re
import struct
import subprocess

import report
from machines import ROOT
from targets import Failed

HERE = os.path.dirname(os.path.abspath(__file__))
OPERATIONS, LEAST = 500, 0.05
ROWS = ('null-call', 'page-fault', 'context-switch', 'fork-wait', 'exec', 'shell-loop')
RECORD, PREFIX = struct.Struct('<iHBBBBH'), 0x0080  # struct ab_annot, AB_F_PREFIX of rules/annot.h


def class_names():
    """Number of each class, from the header."""
    with open(os.path.join(ROOT, 'rules/annot.h')) as f:
        text = f.read()
    groups = {name: int(number, 16) for name, number in re.findall(r'#define AB_GROUP_(\w+)\s+(0x\w+)', text)}
    return {groups[group] << 8 | int(number): name for group, number, name in re.findall(r'X\((\w+), (\d+), (\w+), [01]\)', text)}


def section(path, name):
    """Address and bytes of an ELF64 file's section."""
    with open(path, 'rb') as f:
        image = f.read()
    table, size, count, names = struct.unpack_from('<Q10xHHH', image, 0x28)
    headers = [struct.unpack_from('<IIQQQQ', image, table + i * size) for i in range(count)]
    for at, _, _, address, offset, length in headers:
        start = headers[names][4] + at
        if image[start:image.index(b'\0', start)] == name.encode():
            return address, image[offset:offset + length]
    raise Failed('%s: no section %s' % (path, name))


def sites(path):
    """Address of each annotated instruction: class."""
    base, data = section(path, '.afterburn')
    found = {}
    for at in range(0, len(data), RECORD.size):
        start, number, _, pad, _, _, flags = RECORD.unpack_from(data, at)
        found[base + at + start + (0 if flags & PREFIX else pad)] = number
    return found


def compile_plugin(files):
    path = files.path('instructions.so')
    subprocess.run(['gcc', '-O2', '-Wall', '-Wextra', '-fPIC', '-shared', '-o', path, os.path.join(HERE, 'instructions.c')], check=True)
    return path


def totals(path, classes):
    """Executions by class, until now."""
    with open(path, 'rb') as f:
        counts = struct.unpack('<%dQ' % len(classes), f.read(8 * len(classes)))
    found = collections.Counter()
    for number, count in zip(classes, counts):
        found[number] += count
    return found


def executed(target, path, classes, row, n):
    before = totals(path, classes)
    target.measure(row, n)
    after = totals(path, classes)
    return {number: after[number] - before[number] for number in after}


def per_operation(target, path, classes, row, n):
    target.measure(row, 1)  # what it prepares
    without, with_all = (executed(target, path, classes, row, count) for count in (0, n))
    return {number: (with_all[number] - without[number]) / n for number in with_all}


def count(files, how, rows):
    """Of each row the executions by class number."""
    found, path = sites(files.kernel()), files.path('sites')
    with open(path, 'w') as f:
        f.writelines('%x\n' % address for address in sorted(found))
    classes = [found[address] for address in sorted(found)]
    target = files.qemu(how, ['-plugin', '%s,sites=%s' % (compile_plugin(files), path)])
    try:
        target.start()
        return {row: per_operation(target, path + '.counts', classes, row, min(rows[row].first, OPERATIONS)) for row in rows}
    finally:
        target.stop()
        target.clean()


def lines(files, how, rows):
    """A line per class, the most frequent first; a column per row."""
    names, found = class_names(), count(files, how, rows)
    order = sorted(names, key=lambda number: -max(values.get(number, 0) for values in found.values()))
    body = [[names[number]] + [report.number(v[number]) if v.get(number, 0) >= LEAST else '' for v in found.values()] for number in order]
    return report.markdown(['class'] + [rows[row].title for row in rows], [line for line in body if any(line[1:])])
