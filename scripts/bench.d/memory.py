# SPDX-License-Identifier: BSD-2-Clause
"""Memory that a machine takes from its host beside the guest's own.

Of every process of the machine the proportional set size (PSS) of all mappings but those of guest memory: a page that
k processes share counts a k-th in each, files that others use too (the C library) only in part. What the host's
kernel needs for them is not in it; their page tables are a figure of their own.
"""
import os
import re

HEAD = re.compile(r'^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$')
FIELD = re.compile(r'^(\w+): +(\d+) kB$')


def family(pid):
    """A process and all that descend from it."""
    children = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % name) as f:
                parent = int(f.read().rpartition(')')[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def mappings(lines):
    """Name and fields (in kB) of each mapping of a /proc/PID/smaps."""
    name, fields = None, {}
    for line in lines:
        head, field = HEAD.match(line), FIELD.match(line)
        if field:
            fields[field.group(1)] = int(field.group(2))
        elif head:
            if name is not None:
                yield name, fields
            name, fields = head.group(1), {}
    if name is not None:
        yield name, fields


def own(pid, is_guest):
    """Bytes; is_guest(name, kB of the mapping) knows guest memory. None if there is none: then it knows too little."""
    total, guest = 0, 0
    for member in family(pid):
        with open('/proc/%d/smaps' % member) as f:
            for name, fields in mappings(f):
                if is_guest(name, fields['Size']):
                    guest += fields['Pss']
                else:
                    total += fields['Pss']
    return total * 1024 if guest else None


def page_tables(pid):
    """Bytes."""
    total = 0
    for member in family(pid):
        with open('/proc/%d/status' % member) as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith('VmPTE:'))
    return total * 1024
