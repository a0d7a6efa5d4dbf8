# SPDX-License-Identifier: BSD-2-Clause
"""What a guest asks of Xen: counted from outside, by how often Xen's own functions run (instructions.c), so in the same way for
every guest, and without a guest's or Xen's help.
"""
import struct

# struct mmu_update and struct mmuext_op, when they are copied from the guest: `mov $size,%edx', once for each
UPDATE, OPERATION = b'\xba\x10\0\0\0', b'\xba\x18\0\0\0'

HYPERCALLS = (
    'iret', 'stack_switch', 'set_segment_base', 'update_descriptor', 'fpu_taskswitch', 'set_debugreg', 'mmu_update', 'update_va_mapping',
    'mmuext_op', 'multicall', 'set_timer_op', 'sched_op', 'event_channel_op', 'vcpu_op', 'physdev_op', 'platform_op', 'console_io',
    'memory_op', 'grant_table_op', 'xen_version', 'vm_assist', 'set_trap_table', 'set_callbacks', 'callback_op', 'set_gdt', 'nmi_op', 'get_debugreg')

# title: function, pattern inside of it or None. The names are those in tables and CSV.
PLACES = {
    'hypercalls': ('pv_hypercall', None),
    **{name: ('do_' + name, None) for name in HYPERCALLS},
    'calls in multicalls': ('arch_do_multicall_call', None),
    'entries of mmu_update': ('do_mmu_update', UPDATE),
    'operations of mmuext_op': ('do_mmuext_op', OPERATION),
    'syscall instructions': ('lstar_enter', None),
    'page faults': ('do_page_fault', None),
    'general protection faults': ('do_general_protection', None),
    'invalid opcodes': ('do_invalid_op', None),
    'device not available': ('do_device_not_available', None),
    'instructions emulated': ('pv_emulate_privileged_op', None),
    'page-table writes emulated': ('arch/x86/pv/ro-page-fault.c#ptwr_emulated_update', None),
}

# Where instructions are executed: first and last address. Code that the rewriter put into the kernel counts as the kernel's.
RANGES = {
    'in programs': (0, (1 << 47) - 1),
    'in Xen': (0xffff800000000000, 0xffff87ffffffffff),
    'in the in-place VMM': (0xffffffff80000000, 0xffffffff80ffffff),
    'in the kernel': (0xffffffff81000000, 0xfffffffffffffffe),
}

# Of the places, sums.
SUMS = {
    'page-table updates': (('entries of mmu_update', 1), ('update_va_mapping', 1), ('page-table writes emulated', 1)),
    'guest system calls': (('syscall instructions', 1), ('hypercalls', -1)),
    'entries into Xen': (('syscall instructions', 1), ('page faults', 1), ('general protection faults', 1), ('invalid opcodes', 1),
                         ('device not available', 1)),
}

# What tables show, in this order. A hypercall's own column counts it also inside of a multicall, the sum does not.
SHOWN = ('hypercalls', *HYPERCALLS, 'calls in multicalls', 'page-table updates', 'entries of mmu_update', 'operations of mmuext_op',
         'page-table writes emulated', 'page faults', 'general protection faults', 'invalid opcodes', 'device not available',
         'instructions emulated', 'guest system calls', 'entries into Xen')


class Counters:
    """Of one hypervisor's image."""

    def __init__(self, xen):
        self.places = {}  # address: title
        for title, (function, pattern) in PLACES.items():
            for address in xen.inside(function, pattern) if pattern else [xen.symbols[function]]:
                self.places[address] = title
        self.order = sorted(self.places)

    def write_sites(self, path):
        with open(path, 'w') as f:
            f.writelines('%x\n' % address for address in self.order)
            f.writelines('%x-%x\n' % ends for ends in RANGES.values())

    def between(self, data):
        """Counts between the marks of each pair of them, as the plugin wrote them."""
        number = len(self.order) + len(RANGES)
        marks = [struct.unpack_from('<%dQ' % number, data, at) for at in range(0, len(data) - 8 * number + 1, 8 * number)]
        return [self.named(before, after) for before, after in zip(marks[::2], marks[1::2])]

    def named(self, before, after):
        found = dict.fromkeys([*PLACES, *SUMS], 0)
        for address, a, b in zip(self.order, before, after):
            found[self.places[address]] += b - a
        for title, a, b in zip(RANGES, before[len(self.order):], after[len(self.order):]):
            found[title] = b - a
        for title, terms in SUMS.items():
            found[title] = sum(found[other] * factor for other, factor in terms)
        return found
