/* SPDX-License-Identifier: Apache-2.0 */
/* Dates and the days between them.
 * Runs on: any thread. Holds: nothing. Invariant: every date that comes out exists. */
#include "base/civil.h"

#include <stdio.h>

#include "base/assert.h"

enum { DAYS_TO_1970 = 719528, /* from 0000-01-01 */ WEEKDAY_OF_1970 = 3 /* a Thursday */ };

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int civil_month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    REQUIRE(month >= 1 && month <= 12);
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 0000-01-01 to the first day of a year. */
static int64_t days_before_year(int64_t year)
{
    if (year == 0)
        return 0;
    year--;
    return (year + 1) * 365 + year / 4 - year / 100 + year / 400 + 1; /* year 0 is a leap year */
}

int64_t civil_days(struct civil date)
{
    int64_t days = days_before_year(date.year) + date.day - 1 - DAYS_TO_1970;

    for (int month = 1; month < date.month; month++)
        days += civil_month_days(date.year, month);
    return days;
}

struct civil civil_of(int64_t days)
{
    struct civil date = {.month = 1};
    const int64_t end = days_before_year(CIVIL_YEAR_MAX + 1);

    days += DAYS_TO_1970;
    days = days < 0 ? 0 : (days >= end ? end - 1 : days);
    date.year = (int)(days / 366);
    while (days_before_year(date.year + 1) <= days)
        date.year++;
    days -= days_before_year(date.year);
    while (days >= civil_month_days(date.year, date.month))
        days -= civil_month_days(date.year, date.month++);
    date.day = (int)days + 1;
    return date;
}

int civil_weekday(struct civil date)
{
    return (int)((civil_days(date) + DAYS_TO_1970 * 7 + WEEKDAY_OF_1970) % 7);
}

struct civil civil_add_months(struct civil date, int64_t months)
{
    int64_t month = (int64_t)date.year * 12 + date.month - 1 + months;
    struct civil to;

    if (month < 0)
        return (struct civil){0, 1, 1};
    if (month / 12 > CIVIL_YEAR_MAX)
        return (struct civil){CIVIL_YEAR_MAX + 1, 1, 1};
    to = (struct civil){.year = (int)(month / 12), .month = (int)(month % 12) + 1};
    to.day = civil_month_days(to.year, to.month);
    if (date.day < to.day)
        to.day = date.day;
    return to;
}

int civil_compare(struct civil a, struct civil b)
{
    const int64_t x = civil_days(a), y = civil_days(b);

    return (x > y) - (x < y);
}

/* `count` digits at *at. */
static bool read_digits(const char *at, int count, int *ret)
{
    int n = 0;

    for (int i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        n = n * 10 + (at[i] - '0');
    }
    *ret = n;
    return true;
}

bool civil_parse(struct span text, struct civil *ret)
{
    struct civil date;

    if (text.len != 10 || text.at[4] != '-' || text.at[7] != '-' ||
        !read_digits(text.at, 4, &date.year) || !read_digits(text.at + 5, 2, &date.month) ||
        !read_digits(text.at + 8, 2, &date.day))
        return false;
    if (date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > civil_month_days(date.year, date.month))
        return false;
    *ret = date;
    return true;
}

void civil_format(struct civil date, char out[CIVIL_TEXT_MAX])
{
    (void)snprintf(out, CIVIL_TEXT_MAX, "%04u-%02u-%02u", (unsigned)date.year % 10000,
                   (unsigned)date.month % 100, (unsigned)date.day % 100);
}
