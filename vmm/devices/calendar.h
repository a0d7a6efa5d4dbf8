/* SPDX-License-Identifier: BSD-2-Clause */
/* Seconds since 1970-01-01 00:00 to the Gregorian calendar and back. */
#ifndef AFTERBURN_VMM_DEVICES_CALENDAR_H
#define AFTERBURN_VMM_DEVICES_CALENDAR_H

#include "vmm/types.h"

struct calendar {
	unsigned second, minute, hour;
	unsigned weekday;    /* 0 is Sunday */
	unsigned day, month; /* from 1 */
	unsigned year;	     /* 0 to 9999 */
};

void calendar_from_seconds(struct calendar *calendar, int64_t seconds);

/* Fields out of range carry over, as in mktime(); the weekday is not looked at. */
int64_t calendar_to_seconds(const struct calendar *calendar);

#endif
