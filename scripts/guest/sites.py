#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Rows of the demo's table of sites from `afterburn inspect --json vmlinux`: name TAB count."""
import json
import sys


def rows(counts, prefix=""):
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"{prefix}{name}\t{count}")


def main():
    with open(sys.argv[1], encoding="utf-8") as stream:
        report = json.load(stream)
    file = report["files"][0]
    print(f"all\t{file['total']}")
    rows(file["mnemonics"])
    rows(file["sections"], "in ")


main()
