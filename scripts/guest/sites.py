#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Rows of the demo's table of sites from `afterburn inspect --json vmlinux`: name TAB count."""
import json
import sys


def rows(table, prefix=""):
    for name, row in sorted(table.items(), key=lambda item: (-item[1]["sites"], item[0])):
        if row["sites"]:
            print(f"{prefix}{name}\t{row['sites']}")


def main():
    with open(sys.argv[1], encoding="utf-8") as stream:
        report = json.load(stream)
    file = report["files"][0]
    print(f"all\t{file['sites']}")
    rows(file["mnemonics"])
    rows(file["sections"], "in ")


main()
