/* SPDX-License-Identifier: BSD-2-Clause */
/* Xen's public headers (Debian's libxen-dev), with the interface they are to speak. */
#ifndef AFTERBURN_BACKENDS_XEN_ABI_H
#define AFTERBURN_BACKENDS_XEN_ABI_H

#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040d00

#include <xen/xen.h>

#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/io/console.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#endif
