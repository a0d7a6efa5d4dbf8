# SPDX-License-Identifier: BSD-2-Clause
"""Where Xen's functions are: from the table inside of it, with which it names addresses when it panics. Debian's
image has no other, and the table's own address is nowhere told, so it is found by what it looks like.

The table, made by xen/tools/symbols.c, in this order, each part aligned:

  offsets      of all symbols, in rising order, 32 bits each
  number       of symbols, 32 bits
  names        of each: a length, and as many numbers of tokens; the first letter is the symbol's type
  markers      where the names 0, 256, 512, ... begin, 32 bits each
  token table  256 strings: those of characters that occur are themselves, others abbreviate
  token index  where each of them begins, 16 bits each
"""
import gzip
import struct

BASE = 0xffff82d040000000  # that offsets are from: XEN_VIRT_START of 4.17
DIGITS = b''.join(b'%d\0' % i for i in range(10))  # occur in any table, and only there


class NoSymbols(Exception):
    pass


def word(image, at):
    return struct.unpack_from('<I', image, at)[0]


def find_tokens(image):
    """Where the token table is; the tokens."""
    at = image.find(DIGITS)
    while at >= 0:
        start = at
        for _ in range(ord('0')):
            start = image.rfind(b'\0', 0, start - 1) + 1
        tokens = image[start:start + 8192].split(b'\0')[:256]
        index = [sum(len(t) + 1 for t in tokens[:i]) for i in range(len(tokens))]
        if len(index) == 256 and image.find(struct.pack('<256H', *index), start) >= 0:
            return start, tokens
        at = image.find(DIGITS, at + 1)
    raise NoSymbols('no token table')


def find_markers(image, tokens_at):
    """Before the token table and some zeros; the first of them is zero too."""
    last = tokens_at - 4
    while word(image, last) == 0:
        last -= 4
    first = last
    while word(image, first) != 0:
        first -= 4
    return first, list(struct.unpack_from('<%dI' % ((last - first) // 4 + 1), image, first))


def read_names(image, at, number, tokens, markers):
    """None if what is there does not agree with the markers."""
    names, start = [], at
    for i in range(number):
        if i % 256 == 0 and at - start != markers[i // 256]:
            return None
        length = image[at]
        names.append(b''.join(tokens[t] for t in image[at + 1:at + 1 + length]).decode(errors='replace'))
        at += 1 + length
    return names


def find_names(image, markers_at, tokens, markers):
    """Where the number of symbols is; their names."""
    least, most = 256 * (len(markers) - 1) + 1, 256 * len(markers)
    for at in range(max(0, markers_at - markers[-1] - 8192) & ~3, markers_at, 4):
        number = word(image, at)
        if least <= number <= most:
            for start in (at + 4, at + 8):
                names = read_names(image, start, number, tokens, markers)
                if names:
                    return at, names
    raise NoSymbols('no names')


def find_symbols(image):
    """Name to address. Static ones are called FILE#NAME."""
    tokens_at, tokens = find_tokens(image)
    markers_at, markers = find_markers(image, tokens_at)
    number_at, names = find_names(image, markers_at, tokens, markers)
    for at in (number_at - 4 * len(names), number_at - 4 * len(names) - 4):
        offsets = struct.unpack_from('<%dI' % len(names), image, at)
        if offsets[0] == 0 and list(offsets) == sorted(offsets):
            return {name[1:]: BASE + offset for offset, name in zip(offsets, names)}
    raise NoSymbols('no offsets')


class Xen:
    """A hypervisor's image, compressed or not: 32-bit ELF with one segment, as Multiboot loads it."""

    def __init__(self, path):
        with open(path, 'rb') as f:
            image = f.read()
        self.image = gzip.decompress(image) if image[:2] == b'\x1f\x8b' else image
        self.symbols = find_symbols(self.image)
        table = word(self.image, 28)
        self.offset, self.start = word(self.image, table + 4), BASE + word(self.image, table + 8)

    def code(self, name):
        """Of a function: until the next begins."""
        start = self.symbols[name]
        end = min(address for address in self.symbols.values() if address > start)
        return self.image[start - self.start + self.offset:end - self.start + self.offset]

    def inside(self, name, pattern):
        """Addresses of a pattern's occurrences in a function."""
        code, found, at = self.code(name), [], -1
        while (at := code.find(pattern, at + 1)) >= 0:
            found.append(self.symbols[name] + at)
        return found
