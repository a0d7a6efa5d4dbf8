#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What an attacker who has read this project knows of a machine: addresses, one a line
as `KIND NAME ADDRESS END` (test/attacks/guest/attacks.h).

usage: targets.py VMM VMLINUX [doors]

With `doors' also those of the kernel.

  data      must be neither read nor written by applications
  sealed    the same, and not there without isolation
  readable  must not be written
  stack     memory that a stack pointer may be aimed at
  syscall   the VMM's `syscall` instructions
  door      instructions that change protection keys or leave the VMM, at every offset
            where their bytes are
  range     code to jump into anywhere
"""
import re
import subprocess
import sys

DELTA = 0x7E0000000000  # backends/linux/layout.h: LAYOUT_DELTA_TOP
FIXED = [
    ("data", "ram-window", 0x081001000000), ("data", "direct-map", 0x088001000000),
    ("data", "shadow-tables", 0x087000000000), ("data", "thunks-alias", 0x087F00000000),
    ("data", "shared", 0x087F10000000), ("data", "copies", 0x087F20000000),
    ("sealed", "frames", 0x087F40000000),
    ("readable", "vmm-text", 0x7DFF80000000),
    ("readable", "trampolines", 0x7DFF80F00000),
]
# symbol of the VMM, kind, offset
VMM_DATA = [("vcpu", "data", 0), ("slots", "data", 0), ("host_call_count", "data", 0),
            ("vmm_stack_top", "data", -256), ("host_selector", "readable", 0),
            ("exit_page", "readable", 0)]
STACKS = [0, 512, 4096, 12288, 0x8000, 0x3FF00]  # in the alternate signal stack
KERNEL_DATA = ["init_task", "jiffies_64"]
DOORS = re.compile(rb"\x0f\x01\xef|\x0f\xae[\x28-\x2f\x68-\x6f\xa8-\xaf]|\x48\xcf", re.DOTALL)


def symbols(path):
    """Of a name that is there twice, the first."""
    found = {}
    for line in subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout.splitlines():
        address, _, name = line.rpartition(" ")
        if address[:1] in "0123456789abcdef" and address:
            found.setdefault(name, int(address.split()[0], 16))
    return found


def code(path):
    """(address, bytes) of executable segments."""
    parts = []
    data = open(path, "rb").read()
    text = subprocess.run(["readelf", "-lW", path], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["LOAD"] and "E" in "".join(words[6:-1]):
            offset, address, size = int(words[1], 16), int(words[2], 16), int(words[4], 16)
            parts.append((address, data[offset:offset + size]))
    return parts


def say(kind, name, at, end=0):
    print(kind, name, f"{at:x}", f"{end:x}")


def doors(path, name, delta, limit):
    """At most `limit` of each, evenly spread."""
    for address, text in code(path):
        places = [match.start() for match in DOORS.finditer(text)]
        for at in places[::max(1, len(places) // limit)]:
            say("door", f"{name}-{text[at:at + 3].hex()}+{at:x}", (address + at + delta) % 2**64)


def main():
    vmm, vmlinux = sys.argv[1:3]
    of_vmm, of_kernel = symbols(vmm), symbols(vmlinux)
    for kind, name, at in FIXED:
        say(kind, name, at)
    for name, kind, offset in VMM_DATA:
        if name in of_vmm:
            say(kind, name, of_vmm[name] + offset)
    for offset in STACKS:
        say("stack", f"altstack+{offset}", of_vmm["altstack"] + offset)
    for name in KERNEL_DATA:
        say("data", name, (of_kernel[name] + DELTA) % 2**64)
    say("secret", "secret", (of_kernel["init_task"] + DELTA) % 2**64)
    # first those of a plain function, which the control takes
    sites = [address + match.start() for address, text in code(vmm)
             for match in re.finditer(rb"\x0f\x05", text)]
    for at in sorted(sites, key=lambda at: (at - of_vmm["host_futex_wake"]) % 2**64)[:12]:
        say("syscall", f"vmm-syscall+{at:x}", at)
    doors(vmm, "vmm", 0, 40)
    if sys.argv[3:] == ["doors"]:
        doors(vmlinux, "kernel", DELTA, 40)
    say("range", "vmm", of_vmm["vmm_text_start"], of_vmm["vmm_text_end"])
    say("range", "trampolines", 0x7DFF80F00000, 0x7DFF80F40000)
    say("range", "kernel", (of_kernel["_stext"] + DELTA) % 2**64, (of_kernel["_etext"] + DELTA) % 2**64)


main()
