/* SPDX-License-Identifier: BSD-2-Clause */
/* Where instructions begin in code of which nothing is known but its bytes.
 *
 * x86 code falls into step after a few instructions, wherever decoding begins: so it is
 * decoded from many places before the one in question, and nearly all of them must agree.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_BOUNDARY_H
#define AFTERBURN_BACKENDS_LINUX_BOUNDARY_H

/* Bytes in front that are enough. */
#define BOUNDARY_LEAD 96

/* How many bytes the instruction has that ends `end` bytes into `code`, of which `length`
 * bytes are known. 0: there are too few of them in front, or none ends there. */
unsigned boundary_before(const unsigned char *code, unsigned length, unsigned end);

#endif
