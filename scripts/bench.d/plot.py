# SPDX-License-Identifier: BSD-2-Clause
"""The ratios of a table as a picture (SVG): a line per row, a mark per target, logarithmic; no colour is needed to read it."""
import collections
from math import log
from xml.sax.saxutils import escape

LEFT, RIGHT, TOP, STEP, WIDTH = 250, 30, 58, 19, 860
INK, PALE = '#111', '#ccc'

# marks: of each target its drawing and its name, those below first; ticks: from the least ratio to the greatest
Style = collections.namedtuple('Style', 'title ticks marks')


def across(ratio, style):
    low, high = style.ticks[0], style.ticks[-1]
    part = log(min(max(ratio, low), high) / low) / log(high / low)
    return LEFT + part * (WIDTH - LEFT - RIGHT)


def line(x1, y1, x2, y2, ink=INK, width=1.0):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"/>' % (x1, y1, x2, y2, ink, width)


def text(x, y, words, anchor='start'):
    return '<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>' % (x, y, anchor, escape(words))


def disc(x, y):
    return '<circle cx="%.1f" cy="%.1f" r="5" fill="%s"/>' % (x, y, INK)


def box(x, y):
    return '<rect x="%.1f" y="%.1f" width="8" height="8" fill="white" stroke="%s" stroke-width="1.3"/>' % (x - 4, y - 4, INK)


def diamond(x, y):
    return '<path d="M%.1f %.1f l5.5 5.5 l-5.5 5.5 l-5.5 -5.5 z" fill="white" stroke="%s" stroke-width="1.3"/>' % (x, y - 5.5, INK)


def cross(x, y):
    return line(x - 4, y - 4, x + 4, y + 4, INK, 1.5) + line(x - 4, y + 4, x + 4, y - 4, INK, 1.5)


def bar(x, y):
    return line(x, y - 8, x, y + 8, '#777', 3)


LINUX = Style('processor time, as a multiple of the host\'s', (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200), {
    'goal': (bar, 'goal'), 'qemu': (cross, 'QEMU TCG'), 'uml': (box, 'User-Mode Linux'),
    'inplace --no-isolation': (diamond, 'in place, --no-isolation'), 'inplace': (disc, 'in place')})
XEN = Style('instructions, as a multiple of the stock kernel\'s on bare hardware', (0.9, 1, 1.5, 2, 3, 5, 7, 10), {
    'xenolinux-xen': (box, 'XenoLinux on Xen'), 'xenolinux': (cross, 'XenoLinux, bare'),
    'afterburned-xen': (disc, 'afterburned on Xen'), 'afterburned': (diamond, 'afterburned, bare')})


def legend(names, style):
    out, x = [], LEFT
    for name in names:
        mark, title = style.marks[name]
        out += [mark(x, 14), text(x + 10, 18, title)]
        x += 28 + 7 * len(title)
    return out


def axis(bottom, style):
    out = [text(WIDTH - RIGHT, 34, style.title, 'end')]
    for tick in style.ticks:
        x = across(tick, style)
        out += [line(x, TOP - 4, x, bottom, INK if tick == 1 else PALE), text(x, TOP - 8, '%g' % tick, 'middle')]
    return out


def row_marks(table, row, targets, y, style):
    out = [text(LEFT - 12, y + 4, table.rows[row].title, 'end'), line(LEFT, y, WIDTH - RIGHT, y, '#e4e4e4')]
    beyond = 0
    for target in targets:
        value = table.rows[row].goal if target == 'goal' else table.figure(row, target)
        if value is None:
            continue
        at = across(value, style)
        if not style.ticks[0] <= value <= style.ticks[-1]:  # side by side, each with its figure
            at += 70 * beyond
            out.append(text(at + 9, y + 4, '%.2g' % value))
            beyond += 1
        out.append(style.marks[target][0](at, y))
    return out


def svg(table, style=LINUX):
    targets = [t for t in style.marks if t == 'goal' or t in table.targets]
    rows = [row for row in table.measured() if any(table.ratios(row, t) for t in targets)]
    bottom = TOP + STEP * len(rows) + 4
    body = legend(reversed(targets), style) + axis(bottom, style)
    for i, row in enumerate(rows):
        body += row_marks(table, row, targets, TOP + STEP * i + STEP / 2, style)
    return '\n'.join(['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
                      'font-family="sans-serif" font-size="12" fill="%s">' % (WIDTH, bottom + 8, WIDTH, bottom + 8, INK),
                      '<rect width="100%" height="100%" fill="white"/>', *body, '</svg>', ''])
