/* SPDX-License-Identifier: BSD-2-Clause */
/* Days are counted from 0000-03-01: the leap day ends the year, and the months'
 * lengths from March on repeat in 153 days per five months. */
#include "vmm/devices/calendar.h"

enum {
	DAYS_TO_1970 = 719468, /* from 0000-03-01 */
	DAYS_OF_400_YEARS = 146097,
	SECONDS_OF_DAY = 86400,
};

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

void calendar_from_seconds(struct calendar *calendar, int64_t seconds)
{
	int64_t days = floor_div(seconds, SECONDS_OF_DAY);
	unsigned second = (unsigned)(seconds - days * SECONDS_OF_DAY);
	int64_t era = floor_div(days + DAYS_TO_1970, DAYS_OF_400_YEARS);
	unsigned of_era = (unsigned)(days + DAYS_TO_1970 - era * DAYS_OF_400_YEARS);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153; /* 0 is March */

	calendar->second = second % 60;
	calendar->minute = second / 60 % 60;
	calendar->hour = second / 3600;
	calendar->weekday = (unsigned)(days + 4 - floor_div(days + 4, 7) * 7);
	calendar->day = of_year - (153 * month + 2) / 5 + 1;
	calendar->month = month < 10 ? month + 3 : month - 9;
	calendar->year = (unsigned)(era * 400 + year + (month >= 10));
}

int64_t calendar_to_seconds(const struct calendar *calendar)
{
	int64_t months = (int64_t)calendar->year * 12 + calendar->month - 3;
	int64_t years = floor_div(months, 12), month = months - years * 12;
	int64_t era = floor_div(years, 400), year = years - era * 400;
	int64_t of_year = (153 * month + 2) / 5 + (int64_t)calendar->day - 1;
	int64_t days = era * DAYS_OF_400_YEARS + 365 * year + year / 4 - year / 100 + of_year -
		       DAYS_TO_1970;

	return days * SECONDS_OF_DAY + (int64_t)calendar->hour * 3600 + calendar->minute * 60 +
	       calendar->second;
}
