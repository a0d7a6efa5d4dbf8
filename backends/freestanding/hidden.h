/* SPDX-License-Identifier: BSD-2-Clause */
/* Included in front of every file of the VMM program: all its symbols are its own, so
 * their addresses are taken relative to the instruction pointer and no table of
 * addresses is needed. */
#pragma GCC visibility push(hidden)
