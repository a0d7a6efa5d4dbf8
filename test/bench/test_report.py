#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What scripts/bench linux makes of its command line and of figures; nothing is measured (test/inplace/bench-smoke does)."""
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'scripts/bench.d'))

import document
import instructions
import machines
import memory
import plot
import report
from rows import ROWS

# row, target: cost of every run
FIGURES = {
    ('null-call', 'host'): (100, 100, 110),
    ('null-call', 'inplace'): (65, 70, 77),
    ('null-call', 'inplace --no-gates'): (650, 700, 770),
    ('null-call', 'uml'): (7000, 7500, 7500),
    ('fork-wait', 'host'): (50000, 50000, 50000),
    ('fork-wait', 'inplace'): (150000, 155000, 150000),
    ('fork-wait', 'uml'): (100000, 100000, 100000),
    ('boot', 'inplace'): (5e7, 6e7, 7e7),
    ('memory', 'inplace'): (7 << 20, 7 << 20, 7 << 20),
}


def written(path, figures):
    report.write(path, 'somewhere', [[row, target, run, 1, cost, 'cgroup'] for (row, target), costs in figures.items()
                                     for run, cost in enumerate(costs)])
    return report.Table(path, ROWS)


class WithFile(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        self.path = os.path.join(self.place.name, 'table.csv')
        self.table = written(self.path, FIGURES)


class Report(WithFile):
    def test_figures(self):
        self.assertEqual(self.table.where_from, 'somewhere')
        self.assertEqual(self.table.ratios('null-call', 'inplace'), [0.65, 0.7, 0.7])
        self.assertEqual(self.table.figure('null-call', 'inplace'), 0.7)
        self.assertEqual(self.table.figure('boot', 'inplace'), 0.06)  # a state: in its unit
        self.assertIsNone(self.table.figure('boot', 'uml'))

    def test_table(self):
        lines = self.table.lines()
        self.assertEqual(lines[0], '| row | unit | host | in place | UML | in place/host | +- | UML/host | +- | goal |')
        self.assertEqual(lines[2], '| null call | us | 0.100 | 0.070 | 7.50 | 0.700 | 4 % | 70.0 | 5 % | 0.7x |')
        self.assertEqual(lines[4], '| boot to first line of init | s |  | 0.060 |  |  |  |  |  | 0.1 s |')
        self.assertEqual({line.count('|') for line in lines}, {11})

    def test_modes(self):
        self.assertEqual(self.table.mode_lines()[2:], ['| null call | 7.00 | 4 % | 10.0 | 0 % |'])

    def test_verdicts(self):
        goals, uml, mode_goals, mode_uml = self.table.verdicts()
        self.assertEqual(goals, 'Goals: 2 of 4 reached; missed (measured, goal): fork+wait (3.00, 2.5x), '
                                "own memory beside the guest's (7.00, 5 MiB).")
        self.assertEqual(uml, 'UML is ahead in (in place, UML): fork+wait (3.00, 2.00).')
        self.assertEqual(mode_goals, 'Goals with --no-gates: 0 of 1 reached; missed (measured, goal): null call (7.00, 0.7x).')
        self.assertEqual(mode_uml, 'UML is ahead of --no-gates in (in place, UML): nothing.')

    def compared(self, changes):
        new = written(self.path + '.new', {**FIGURES, **changes})
        return '\n'.join(report.compare(self.table, new))

    def test_nothing_moved(self):
        self.assertIn('\n0 of 7 rows moved', self.compared({}))
        self.assertIn('\n0 of 7 rows moved', self.compared({('null-call', 'inplace'): (66, 71, 76)}))

    def test_moved(self):
        text = self.compared({('null-call', 'inplace'): (32, 35, 38)})
        self.assertIn('\n1 of 7 rows moved', text)
        self.assertIn('| null call | inplace | x host | 0.700 | 0.345 | -50.6 % |', text)

    def test_another_build(self):
        """In the same table."""
        table = written(self.path, {**FIGURES, ('null-call', 'before'): (650, 700, 770)})
        self.assertEqual(table.builds(), ['before'])
        text = '\n'.join(table.text())
        self.assertIn('| null call | inplace | x host | 7.00 | 0.700 | -90.0 % |', text)
        self.assertIn('\n1 of 1 rows moved', text)

    def test_number(self):
        self.assertEqual([report.number(v) for v in (0, 0.0011, 0.5, 1.234, 12.34, 123.4, 1234)],
                         ['0', '0.001', '0.500', '1.23', '12.3', '123', '1234'])


class Document(WithFile):
    SECTIONS = ('times', 'paper, table 1', 'paper, table 5')
    PAGE = 'before\n%safter\n' % ''.join('<!-- bench linux: %s -->\nold\n<!-- bench linux: end -->\n' % s for s in SECTIONS)

    def update(self, page):
        docs = self.place.name
        with open(os.path.join(docs, document.PAGE), 'w') as f:
            f.write(page)
        document.update(docs, self.table, self.path)
        with open(os.path.join(docs, document.PAGE)) as f:
            return f.read()

    def test_section(self):
        page = self.update(self.PAGE)
        self.assertTrue(page.startswith('before\n<!-- bench') and page.endswith('end -->\nafter\n'))
        self.assertIn('| null call |', page)
        self.assertIn('| null call | 0.46 | 0.57 | 1.24 | 0.978 | 0.700 |', page)
        self.assertNotIn('\nold', page)
        self.assertEqual(page, self.update(page))
        same = report.Table(os.path.join(self.place.name, document.DATA), ROWS)
        self.assertEqual(same.values, self.table.values)

    def test_no_section(self):
        with self.assertRaises(SystemExit):
            self.update('nothing\n')

    def test_page(self):
        """The page of this tree has the sections that the program fills."""
        with open(os.path.join(ROOT, 'docs', document.PAGE)) as f:
            page = f.read()
        for section in (*self.SECTIONS, 'counts', 'profile'):
            self.assertEqual(page.count('<!-- bench linux: %s -->' % section), 1)

    def test_plot(self):
        picture = xml.etree.ElementTree.fromstring(plot.svg(self.table))
        count = lambda tag: len(picture.findall('{http://www.w3.org/2000/svg}' + tag))
        self.assertEqual(count('circle'), 1 + 2)  # the legend's, null call's, fork's
        self.assertEqual(count('rect'), 1 + 1 + 2)  # the ground, the legend's, ...


class Machines(unittest.TestCase):
    def test_spec(self):
        spec = machines.parse_spec
        self.assertEqual(spec('uml'), ('uml', 'uml', None, []))
        self.assertEqual(spec('inplace:--no-gates:--stats'), ('inplace --no-gates --stats', 'inplace', '', ['--no-gates', '--stats']))
        self.assertEqual(spec('before=/tmp/x:--stats'), ('before --stats', 'inplace', '/tmp/x', ['--stats']))
        for wrong in 'xen', '', 'uml:--x', 'inplace:x', 'before:--x':
            self.assertIsNone(spec(wrong), wrong)

    def test_mappings(self):
        lines = ['7f00-7f10 rw-s 00000000 00:01 5    /memfd:afterburn-ram (deleted)', 'Size:   64 kB', 'Pss:   8 kB',
                 'VmFlags: rd wr', '7f20-7f30 rw-p 00000000 00:00 0', 'Size:   64 kB', 'Pss:   3 kB']
        self.assertEqual(list(memory.mappings(lines)), [('/memfd:afterburn-ram (deleted)', {'Size': 64, 'Pss': 8}),
                                                        ('', {'Size': 64, 'Pss': 3})])

    def test_own_memory(self):
        """Of a real process; its stack is taken for the guest."""
        found = memory.own(os.getpid(), lambda name, kilobytes: name == '[stack]')
        self.assertGreater(found, 1 << 20)
        self.assertIsNone(memory.own(os.getpid(), lambda name, kilobytes: False))
        self.assertGreater(memory.page_tables(os.getpid()), 0)

    def test_family(self):
        child = subprocess.Popen(['cat'], stdin=subprocess.PIPE)
        self.assertIn(child.pid, memory.family(os.getpid()))
        child.communicate()


class Profile(unittest.TestCase):
    def test_classes(self):
        names = instructions.class_names()
        self.assertEqual((names[0x0101], names[0x0501], names[0x1002]), ('CLI', 'IRET', 'PTE_WRITE'))

    def test_totals(self):
        with tempfile.NamedTemporaryFile() as f:
            f.write(bytes([5] + 7 * [0] + [6] + 7 * [0] + [7] + 7 * [0] + 64 * [9]))
            f.flush()
            self.assertEqual(instructions.totals(f.name, [0x101, 0x102, 0x101]), {0x101: 12, 0x102: 6})


class CommandLine(WithFile):
    def bench(self, *options):
        done = subprocess.run([os.path.join(ROOT, 'scripts/bench'), 'linux', *options], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_wrong(self):
        for options in (['--rows', 'x'], ['--targets', 'x'], ['--targets', 'uml:--x'], ['--runs', '0'], ['--clock', 'x'], ['x']):
            self.assertEqual(self.bench(*options)[0], 2, options)
        self.assertEqual(self.bench('--from', '/nonexistent')[0], 1)

    def test_from(self):
        status, text = self.bench('--from', self.path, '--compare', self.path)
        self.assertEqual(status, 0)
        self.assertIn('| fork+wait |', text)
        self.assertIn('0 of 7 rows moved', text)


if __name__ == '__main__':
    unittest.main()
