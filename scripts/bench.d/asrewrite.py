#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""CPU time and memory of the assembler stage over a kernel's inputs.

Usage: scripts/bench asrewrite [--corpus DIR] [--runs N] [--without NAME,...] [--no-scaling]

The corpus is what AFTERBURN_SAVE=DIR or `scripts/build-guest --save-inputs` kept of a build. Every variant
assembles each input once a run, variants taking turns input by input so that a slow moment hits all alike;
CPU time is user + system of the whole process tree. Overhead is the median over runs of (variant - plain as) / plain as
of the same run.

  as        plain as, twice (as2): how far two equal things differ here
  wrapper   ours, default rules, then as
  off       ours with AFTERBURN_MODE=off: what only being called costs
  perl      one regular expression a line, temporary file, then as
  sed       one substitution a line, temporary file, then as
  macros    gas macros named like the instructions (paper 3.1)

Then the wrapper alone on 1, 10 and 100 MB: CPU time per MB, peak memory against input size.
"""
import argparse
import collections
import csv
import glob
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.dirname(os.path.abspath(__file__))
MB = 1 << 20

Case = collections.namedtuple('Case', 'argv source cwd output')


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    p.add_argument('--corpus', metavar='DIR', help='saved inputs (default: those of build/guest/x86_64-afterburned)')
    p.add_argument('--runs', type=int, default=5)
    p.add_argument('--without', default='', metavar='NAME,...', help='variants to leave out')
    p.add_argument('--no-scaling', action='store_true')
    p.add_argument('--build', default=os.path.join(ROOT, 'build'))
    return p.parse_args()


# ---- the corpus ----

def load_case(base):
    with open(base + '.args', 'rb') as f:
        argv = [a.decode(errors='surrogateescape') for a in f.read().split(b'\0')[1:-1]]
    with open(base + '.input') as f:
        original = f.read().rstrip('\n')
    with open(base + '.cwd') as f:
        cwd = f.read().rstrip('\n')
    output = argv[argv.index('-o') + 1]
    n = argv.index('-o')
    rest = argv[:n] + argv[n + 2:]
    if original in rest:
        rest.remove(original)
    return Case(rest, os.path.abspath(base + '.s'), cwd if os.path.isdir(cwd) else HERE, output.lstrip('/'))


def load_corpus(directory):
    bases = sorted(path[:-5] for path in glob.glob(os.path.join(directory, '**/*.args'), recursive=True))
    return [load_case(base) for base in bases]


# ---- measuring ----

class Variant:
    def __init__(self, name, program, env=None):
        self.name, self.program = name, program
        self.env = dict(base_environment(), **(env or {}))
        self.times, self.failed = [], 0

    def command(self, case, output):
        argv = [self.program] + case.argv + ['-o', output]
        if self.name == 'macros':
            return argv, dict(self.env, AB_BENCH_INPUT=case.source)
        return argv + [case.source], self.env

    def run(self, case, out):
        argv, env = self.command(case, os.path.join(out, case.output))
        child = subprocess.Popen(argv, cwd=case.cwd, env=env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, child.returncode, usage = os.wait4(child.pid, 0)  # with all that it waited for
        self.times[-1] += usage.ru_utime + usage.ru_stime
        self.failed += child.returncode != 0


def base_environment():
    return {k: v for k, v in os.environ.items() if not k.startswith('AFTERBURN_')}


def variants(wrapper, without):
    every = [Variant('as', 'as'), Variant('as2', 'as'), Variant('wrapper', wrapper),
             Variant('off', wrapper, {'AFTERBURN_MODE': 'off'}),
             Variant('perl', os.path.join(HERE, 'as-perl')), Variant('sed', os.path.join(HERE, 'as-sed')),
             Variant('macros', os.path.join(HERE, 'as-macros'))]
    return [v for v in every if v.name not in without or v.name == 'as']


def compare(cases, every, runs, out, rows):
    for case in cases:
        os.makedirs(os.path.dirname(os.path.join(out, case.output)), exist_ok=True)
    for n in range(runs):
        for variant in every:
            variant.times.append(0)
            variant.failed = 0
        for m, case in enumerate(cases):
            if m % 50 == 0:
                print('\r\033[Krun %d of %d: input %d' % (n + 1, runs, m), end='', file=sys.stderr)
            first = (n + m) % len(every)
            for variant in every[first:] + every[:first]:
                variant.run(case, out)
        rows += [['corpus', v.name, n + 1, 'cpu_seconds', '%.4f' % v.times[-1]] for v in every]
    print('\r\033[K', end='', file=sys.stderr)
    rows += [['corpus', v.name, 0, 'rejected', v.failed] for v in every]


def print_comparison(every, cases):
    size = sum(os.path.getsize(case.source) for case in cases)
    plain = every[0]
    print('%d inputs, %.1f MB; CPU seconds for all of them, medians of %d runs' %
          (len(cases), size / MB, len(plain.times)))
    print('%-9s %9s %10s %14s %s' % ('', 'median', 'overhead', 'overhead / as', 'rejected by as'))
    for v in every:
        extra = [a - b for a, b in zip(v.times, plain.times)]
        ratio = statistics.median(e / b for e, b in zip(extra, plain.times))
        print('%-9s %9.3f %10.3f %14.3f %8d' %
              (v.name, statistics.median(v.times), statistics.median(extra), ratio, v.failed))


# ---- scaling: the wrapper alone ----

def big_input(cases, size, path):
    """The corpus over and over until size: real text, though no assembler would take its labels."""
    written = 0
    with open(path, 'wb') as f:
        while written < size:
            for case in cases:
                with open(case.source, 'rb') as source:
                    text = source.read()
                if text.startswith(b'#NO_APP') or written >= size:
                    continue
                f.write(text)
                written += len(text)


def measure(argv, env):
    """(CPU seconds, peak resident bytes) of a command, standard output."""
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.exit('%s: exit code %d: %s' % (argv[1], done.returncode, done.stderr))
    micro, peak = done.stderr.split()[-2:]
    return int(micro) / 1e6, int(peak), done.stdout


def scale_once(argv, fake, runs):
    """(CPU seconds, peak resident bytes, bytes handed over); `true` stands for as."""
    env = dict(base_environment(), AFTERBURN_AS=shutil.which('true'))
    got = [measure(argv, env) for _ in range(runs)]
    handed = measure(argv, dict(env, AFTERBURN_AS=fake))[2]
    return statistics.median(g[0] for g in got), max(g[1] for g in got), int(handed or 0)  # 0: nothing to change, as reads the input itself


def scaling(cases, wrapper, runs, tmp, rows):
    fake, usage = os.path.join(HERE, 'as-size'), os.path.join(tmp, 'usage')
    subprocess.run(['gcc', '-O2', '-o', usage, os.path.join(HERE, 'usage.c')], check=True)
    print('\nthe wrapper alone (no assembler behind it), medians of %d runs' % runs)
    print('%8s %9s %9s %12s %12s %14s' % ('MB', 'CPU s', 'ms per MB', 'peak MB', 'handed MB', 'memory / input'))
    seconds = 0
    for size in (1, 10, 100):
        if seconds > 3:  # at 10 MB: far from linear, 100 MB would take minutes
            print('%8d   left out' % size)
            continue
        path = os.path.join(tmp, 'big.s')
        big_input(cases, size * MB, path)
        real = os.path.getsize(path)
        seconds, peak, handed = scale_once([usage, wrapper, '--64', '-o', 'x.o', path], fake, runs)
        print('%8.1f %9.3f %9.2f %12.1f %12.1f %14.2f' %
              (real / MB, seconds, seconds * 1000 / (real / MB), peak / MB, handed / MB, (peak + handed) / real))
        for what, value in (('input_bytes', real), ('cpu_seconds', '%.4f' % seconds),
                            ('peak_bytes', peak), ('handed_bytes', handed)):
            rows.append(['scaling', '%dMB' % size, 0, what, value])
    print('memory is the peak resident set plus the memory file that as reads')


def main():
    opts = options()
    corpus = opts.corpus or os.path.join(opts.build, 'guest/x86_64-afterburned/inputs')
    stage = os.path.join(opts.build, 'stage')
    cases = load_corpus(corpus)
    if not cases:
        sys.exit('bench asrewrite: no saved inputs in %s: scripts/build-guest --arch x86_64 --afterburned --save-inputs' % corpus)
    if not os.access(os.path.join(stage, 'libexec/afterburn/as'), os.X_OK):
        sys.exit('bench asrewrite: build first: cmake -G Ninja -B build && ninja -C build')
    rows = []
    with tempfile.TemporaryDirectory(prefix='afterburn-bench-') as tmp:
        for part in ('libexec', 'share'):  # out of the way of a build that runs meanwhile
            shutil.copytree(os.path.join(stage, part), os.path.join(tmp, part))
        wrapper = os.path.join(tmp, 'libexec/afterburn/as')
        every = variants(wrapper, opts.without.split(','))
        compare(cases, every, opts.runs, os.path.join(tmp, 'out'), rows)
        print_comparison(every, cases)
        if not opts.no_scaling:
            scaling(cases, wrapper, opts.runs, tmp, rows)
    path = os.path.join(opts.build, 'bench/asrewrite.csv')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', newline='') as f:
        csv.writer(f).writerows([['part', 'subject', 'run', 'measure', 'value']] + rows)
    print('\n' + os.path.relpath(path))


if __name__ == '__main__':
    main()
