#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What scripts/bench xen makes of its command line, of Xen's image, of counts and of figures; nothing is booted."""
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'scripts/bench.d'))

import document
import plot
import targets
import xen
import xencounts
import xenmachines
import xensymbols
from xentable import INSTRUCTIONS, TIME, Table

# What the plugin looks for, and more names than one marker stands for.
NAMES = list(dict.fromkeys(function for function, _ in xencounts.PLACES.values())) + ['filler_%d' % i for i in range(300)]
START = 0x200000


def padded(data, to=8):
    return data + bytes(-len(data) % to)


def table_of(names):
    """As xen/tools/symbols.c writes it, at offsets 64 apart; the tokens are the characters, and one that abbreviates."""
    tokens = [bytes([c]) if 32 < c < 127 else b'' for c in range(256)]
    tokens[1] = b'do_'
    encoded, markers = b'', []
    for i, name in enumerate(names):
        if i % 256 == 0:
            markers.append(len(encoded))
        text = ('T' + name).encode().replace(b'do_', b'\1')
        encoded += bytes([len(text)]) + text
    strings = b''.join(t + b'\0' for t in tokens)
    index = [sum(len(t) + 1 for t in tokens[:i]) for i in range(256)]
    parts = [struct.pack('<%dI' % len(names), 0, *[START + 64 * i for i in range(len(names) - 1)]), struct.pack('<I', len(names)), encoded,
             struct.pack('<%dI' % len(markers), *markers), strings, struct.pack('<256H', *index)]
    return b''.join(padded(part) for part in parts)


def image_of(names):
    """An ELF file with one segment: functions of 64 bytes, one of them with a copy of each size, and the table."""
    code = bytearray(64 * len(names))
    for i, name in enumerate(names):
        for function, pattern in (('do_mmu_update', xencounts.UPDATE), ('do_mmuext_op', xencounts.OPERATION)):
            if name == function:
                code[64 * i + 8:64 * i + 8 + len(pattern)] = pattern
    header = b'\x7fELF'.ljust(28, b'\0') + struct.pack('<I', 52)
    segment = struct.pack('<III', 1, 128, START)
    return header.ljust(52, b'\0') + segment.ljust(128 - 52, b'\0') + bytes(code[:-64]) + table_of(['_start'] + names[:-1])


class WithFile(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        self.path = os.path.join(self.place.name, 'file')


class Symbols(WithFile):
    def read(self, image):
        with open(self.path, 'wb') as f:
            f.write(image)
        return xensymbols.Xen(self.path)

    def test_found(self):
        found = self.read(image_of(NAMES))
        self.assertEqual(list(found.symbols), ['_start'] + NAMES[:-1])
        self.assertEqual(found.symbols[NAMES[0]], xensymbols.BASE + START)
        self.assertEqual(found.symbols[NAMES[5]], xensymbols.BASE + START + 5 * 64)

    def test_inside(self):
        found = self.read(image_of(NAMES))
        self.assertEqual(found.inside('do_mmu_update', xencounts.UPDATE), [found.symbols['do_mmu_update'] + 8])
        self.assertEqual(found.inside('do_mmu_update', xencounts.OPERATION), [])

    def test_no_table(self):
        with self.assertRaises(xensymbols.NoSymbols):
            self.read(b'\x7fELF' + bytes(100000))
        with self.assertRaises(xensymbols.NoSymbols):
            self.read(image_of(NAMES).replace(b'0\x001\x002\x00', b'0\x001\x003\x00'))

    def test_counts(self):
        counters = xencounts.Counters(self.read(image_of(NAMES)))
        title = lambda address: counters.places[address]
        in_xen = [0] * len(xencounts.RANGES)
        first = [100] * len(counters.order) + in_xen
        second = [100 + {'hypercalls': 3, 'syscall instructions': 5, 'update_va_mapping': 2, 'entries of mmu_update': 7}.get(title(a), 0)
                  for a in counters.order] + [12 if place == 'in Xen' else 0 for place in xencounts.RANGES]
        marks = [first, second, second, second]
        one, other = counters.between(b''.join(struct.pack('<%dQ' % len(m), *m) for m in marks))
        self.assertEqual((one['hypercalls'], one['guest system calls'], one['page-table updates'], one['iret']), (3, 2, 9, 0))
        self.assertEqual((one['in Xen'], one['in programs']), (12, 0))
        self.assertEqual(set(other.values()), {0})

    def test_titles(self):
        self.assertLessEqual(set(xencounts.SHOWN), {*xencounts.PLACES, *xencounts.SUMS})


def example(ours=True):
    table = Table()
    table.where[INSTRUCTIONS] = 'somewhere'
    figures = {'stock': 100, 'afterburned': 101, 'xenolinux': 103, 'xenolinux-xen': 400, **({'afterburned-xen': 380, 'before': 500} if ours else {})}
    for target, value in figures.items():
        table.put('null-call', target, INSTRUCTIONS, value)
        table.put('fork-wait', target, INSTRUCTIONS, value * 1000)
    for what, value in (('hypercalls', 80.25), ('mmu_update', 40), ('entries of mmu_update', 60), ('vcpu_op', 0.1)):
        table.put('fork-wait', 'xenolinux-xen', what, value)
    return table


class Tables(WithFile):
    def test_instructions(self):
        lines = example().instruction_lines()
        self.assertIn('| null call | 100 | 101 | +1.00 % | 103 | +3.00 % | 400 | 4.00x | 380 | 3.80x | 500 | 5.00x | 0.950 | 1.25 | 0.9 |', lines)
        self.assertEqual({line.count('|') for line in lines}, {16})

    def test_without_ours(self):
        lines = example(False).instruction_lines()
        self.assertEqual(lines[0], '| instructions | stock, bare | afterburned, bare |  | XenoLinux, bare |  | XenoLinux on Xen |  |')
        self.assertEqual({line.count('|') for line in lines}, {9})

    def test_counts(self):
        text = '\n'.join(example().count_lines())
        self.assertIn('| fork+wait | 80.2 | 40.0 | 60.0 | 1.50 |', text)
        self.assertNotIn('vcpu_op', text)

    def test_places(self):
        table = example()
        table.put('fork-wait', 'xenolinux-xen', 'in Xen', 1234.4)
        self.assertEqual(table.place_lines(), ['| instructions | XenoLinux on Xen: in Xen |', '|---|---|', '| null call | 0 |', '| fork+wait | 1,234 |'])

    def test_verdicts(self):
        ours, calls, before, *_ = example().verdicts()
        self.assertEqual(ours, 'afterburned on Xen needs more instructions than XenoLinux in (ratio): nothing; '
                               'fewer, but misses the goal in: null call (0.950), fork+wait (0.950).')
        self.assertIn('except in: nothing.', calls)
        self.assertIn('(ratio): null call (1.25), fork+wait (1.25); fewer', before)
        self.assertEqual(example().verdicts()[-2:], ['afterburned, bare: +1.00 to +1.00 % instructions above stock, in the middle +1.00 %, goal +0.3 %.',
                                                     'XenoLinux, bare: +3.00 to +3.00 % instructions above stock, in the middle +3.00 %.'])

    def test_file(self):
        example().write(self.path)
        same = Table.read(self.path)
        self.assertEqual((same.values, same.where), (example().values, {INSTRUCTIONS: 'somewhere'}))

    def timed(self):
        times = Table()
        times.where[TIME] = 'elsewhere'
        times.put_times('null-call', {'stock': {1: 1000, 2: 2000, 3: 1000}, 'xenolinux-xen': {1: 4000, 2: 8000, 3: 4200}})
        return times

    def test_take(self):
        """What is measured anew replaces its own kind only."""
        table = example()
        table.take(self.timed())
        self.assertEqual(table.get('null-call', 'stock'), 100)
        self.assertIn('| null call | us | 1.00 | 4.20 | 4.00 | 2 % |', table.time_lines())
        less = Table()
        less.where[INSTRUCTIONS] = 'again'
        less.put('null-call', 'stock', INSTRUCTIONS, 99)
        table.take(less)
        self.assertEqual((table.get('null-call', 'stock'), table.get('fork-wait', 'stock'), table.get('null-call', 'stock', TIME)), (99, None, 1000))

    def test_plot(self):
        picture = xml.etree.ElementTree.fromstring(plot.svg(example(), plot.XEN))
        self.assertEqual(len(picture.findall('{http://www.w3.org/2000/svg}circle')), 1 + 2)

    def test_page(self):
        """The page of this tree has the sections that the program fills."""
        with open(os.path.join(ROOT, 'docs', document.PAGE)) as f:
            page = f.read()
        for section in 'instructions', 'places', 'counts', 'time':
            self.assertEqual(page.count('<!-- bench xen: %s -->' % section), 1)


class Measuring(WithFile):
    def test_cheapest(self):
        found = xen.cheapest([('nothing', 1, 9, {}), ('nothing', 1, 7, {}), ('exec', 20, 2107, {'iret': 40}), ('exec', 20, 2007, {'iret': 20})])
        self.assertEqual(found, {'exec': (100, {'iret': 1})})

    def results(self, text):
        with open(self.path, 'w') as f:
            f.write(text)
        return xenmachines.results('x', self.path, [('nothing', 1), ('stat', 5)])

    def test_results(self):
        """Whatever the console has besides, and with it its carriage returns."""
        self.assertEqual(self.results('(XEN) y\nbench: ready\r\nbench: done nothing 1 in 7\r\r\nbench: done stat 5 in 1234\r\n'), [7, 1234])

    def test_incomplete(self):
        for text in '', 'bench: done nothing 1 in 7\nbench: failed: stat\n', 'bench: done stat 5 in 7\nbench: done nothing 1 in 7\n':
            with self.assertRaises(targets.Failed):
                self.results(text)

    def test_spec(self):
        spec = xenmachines.parse_spec
        self.assertEqual(spec('stock')[0], 'stock')
        self.assertEqual(spec('before=/tmp/x'), ('before', xenmachines.COLUMNS['afterburned-xen'], '/tmp/x'))
        for wrong in '', 'host', 'stock=/tmp', 'a b=/tmp', '=/tmp':
            self.assertIsNone(spec(wrong), wrong)


class CommandLine(WithFile):
    def bench(self, *options):
        done = subprocess.run([os.path.join(ROOT, 'scripts/bench'), 'xen', *options], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_wrong(self):
        for options in (['--rows', 'x'], ['--rows', 'boot'], ['--targets', 'x'], ['--runs', '0'], ['x']):
            self.assertEqual(self.bench(*options)[0], 2, options)
        self.assertEqual(self.bench('--from', '/nonexistent')[0], 1)
        self.assertEqual(self.bench('--xen', '/nonexistent', '--rows', 'null-call', '--csv', self.path)[0], 1)

    def test_from(self):
        example().write(self.path)
        status, text = self.bench('--from', self.path)
        self.assertEqual(status, 0)
        self.assertIn('| fork+wait |', text)


if __name__ == '__main__':
    unittest.main()
