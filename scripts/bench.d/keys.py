#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What isolation by protection keys costs, in instructions.

Usage: scripts/bench keys [--timeout SECONDS]

On an emulated host that has keys and counts instructions (test/keys/host --icount), whatever this machine has: init's rows in the
same guest with --isolation=keys and with --isolation=none. All instructions count, the host's, the VMM's and the guest's; two
runs differ by less than a part in a thousand. They are no cycles: `wrpkru' is one instruction and takes as long as 20 to 30 of the others.

  --timeout SECONDS  for all of it (default 900; it takes 3 minutes)

Exit codes: 0 measured, 1 not, 2 wrong command line.
"""
import argparse
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODES = ('none', 'keys')
MACHINES = 'for how in %s; do echo "begin $how"; afterburn run --isolation=$how --no-input --initrd /initramfs.cpio /vmlinux; done'
NO_COUNT = ('reset-to-init', 'sleep')  # the first has the host's boot in it, the second waits


def parse(text):
    """{mode: {row: instructions}} of what the machines wrote."""
    counts = {}
    for line in text.splitlines():
        begin = re.match(r'begin (\w+)', line)
        row = re.search(r'bench: ([a-z-]+) (\d+)', line)
        if begin:
            counts[begin.group(1)] = {}
        elif row and counts and row.group(1) not in NO_COUNT:
            list(counts.values())[-1][row.group(1)] = int(row.group(2))
    return counts


def table(counts):
    lines = ['| row | no isolation | keys | |', '|---|---|---|---|']
    for row, without in counts['none'].items():
        if row in counts['keys'] and without:
            with_keys = counts['keys'][row]
            lines.append('| %s | %s | %s | %+.1f %% |' % (row, format(without, ','), format(with_keys, ','), 100 * (with_keys / without - 1)))
    return lines


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    p.add_argument('--timeout', type=int, default=900)
    opts = p.parse_args()
    host = [os.path.join(ROOT, 'test/keys/host'), '--icount', '--timeout', str(opts.timeout)]
    run = subprocess.run(host + ['sh', '-c', MACHINES % ' '.join(MODES)], stdout=subprocess.PIPE, text=True, errors='replace')
    counts = parse(run.stdout)
    if any('all-rows' not in counts.get(mode, {}) for mode in MODES):
        sys.exit('bench keys: no result: %s' % '\n'.join(run.stdout.splitlines()[-5:]))
    print('\n'.join(table(counts)))


if __name__ == '__main__':
    main()
