/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of the proleptic Gregorian calendar, years 0 to 9999, without a time zone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum { CIVIL_YEAR_MAX = 9999, CIVIL_TEXT_MAX = 12 };

struct civil {
    int year;
    int month; /* 1-12 */
    int day;   /* 1-31 */
};

/* Days since 1970-01-01, and back; days outside of the calendar become its first or last date. */
int64_t civil_days(struct civil date);
struct civil civil_of(int64_t days);
int civil_month_days(int year, int month);
/* 0: Monday, ... 6: Sunday. */
int civil_weekday(struct civil date);
/* The same day `months` later; a day that the month does not have becomes its last one. Past the
 * calendar it is the first day of year 10000, which civil_days() takes, too. */
struct civil civil_add_months(struct civil date, int64_t months);
/* -1, 0, 1. */
int civil_compare(struct civil a, struct civil b);
/* "2027-01-31", nothing else, and a day that exists. */
bool civil_parse(struct span text, struct civil *ret);
/* out holds at least CIVIL_TEXT_MAX bytes. */
void civil_format(struct civil date, char out[CIVIL_TEXT_MAX]);
