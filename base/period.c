/* SPDX-License-Identifier: Apache-2.0 */
/* ISO 8601 periods and the calendar they are added in (proleptic Gregorian, UTC, no leap seconds).
 * Runs on: any thread. Holds: nothing. Invariant: every instant computed lies in the years 0-9999.
 */
#include "base/period.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"

enum {
    DAY_S = 86400,
    MONTH_S = 2629746, /* 30.436875 days: a twelfth of the mean Gregorian year */
    MONTHS_MAX = 12000,
    DIGITS_MAX = 12, /* more than 1000 years of seconds have */
};

static const int64_t FIRST_INSTANT_S = -62167219200; /* 0000-01-01T00:00:00Z */
static const int64_t LAST_INSTANT_S = 253402300799;  /* 9999-12-31T23:59:59Z */

struct designator {
    char letter;
    bool is_time; /* stands after the T */
    int32_t months;
    int64_t seconds;
};

/* In the order they must stand in. */
static const struct designator designators[] = {
    {'Y', false, 12, 0},  {'M', false, 1, 0}, {'W', false, 0, 7 * DAY_S}, {'D', false, 0, DAY_S},
    {'H', true, 0, 3600}, {'M', true, 0, 60}, {'S', true, 0, 1},
};

static int64_t mean_length_s(const struct period *p)
{
    return (int64_t)p->months * MONTH_S + p->seconds;
}

static bool too_long(const struct period *p)
{
    return mean_length_s(p) > (int64_t)MONTHS_MAX * MONTH_S;
}

/* The digits at *at; false when there are none or too many. */
static bool read_number(struct span text, size_t *at, int64_t *ret)
{
    size_t first = *at;
    int64_t n = 0;

    while (*at < text.len && text.at[*at] >= '0' && text.at[*at] <= '9') {
        if (*at - first >= DIGITS_MAX)
            return false;
        n = n * 10 + (text.at[*at] - '0');
        (*at)++;
    }
    if (*at == first)
        return false;
    *ret = n;
    return true;
}

/* Add `n` of the first designator from *next on that `letter` can be. */
static bool add_part(struct period *p, size_t *next, char letter, bool is_time, int64_t n)
{
    for (; *next < COUNT_OF(designators); (*next)++) {
        const struct designator *d = &designators[*next];

        if (d->letter != letter || d->is_time != is_time)
            continue;
        if (n > (int64_t)MONTHS_MAX * MONTH_S / (d->months > 0 ? d->months * MONTH_S : d->seconds))
            return false;
        p->months += (int32_t)n * d->months;
        p->seconds += n * d->seconds;
        (*next)++;
        return !too_long(p);
    }
    return false;
}

enum err period_parse(struct span text, struct period *ret)
{
    struct period p = {0, 0};
    bool is_time = false, part_expected = true;
    size_t next = 0, at = 1;
    int64_t n = 0;

    if (text.len < 3 || text.at[0] != 'P')
        return ERR_INVALID;
    while (at < text.len) {
        if (text.at[at] == 'T' && !is_time) {
            is_time = true;
            part_expected = true;
            at++;
            continue;
        }
        if (!read_number(text, &at, &n) || at == text.len ||
            !add_part(&p, &next, text.at[at], is_time, n))
            return ERR_INVALID;
        part_expected = false;
        at++;
    }
    if (part_expected || mean_length_s(&p) == 0)
        return ERR_INVALID;
    *ret = p;
    return ERR_OK;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 1 && is_leap(year) ? 29 : days[month];
}

/* Days from 0000-01-01 to the first day of a year, 0 <= year. */
static int64_t days_before_year(int64_t year)
{
    if (year == 0)
        return 0;
    year--;
    return (year + 1) * 365 + year / 4 - year / 100 + year / 400 + 1; /* year 0 is a leap year */
}

struct date {
    int64_t year;
    int month; /* 0-11 */
    int day;   /* 0-30 */
};

static struct date date_of(int64_t days)
{
    struct date d = {.year = days / 366};

    while (days_before_year(d.year + 1) <= days)
        d.year++;
    days -= days_before_year(d.year);
    while (days >= days_in_month(d.year, d.month))
        days -= days_in_month(d.year, d.month++);
    d.day = (int)days;
    return d;
}

static int64_t days_of(struct date d)
{
    int64_t days = days_before_year(d.year) + d.day;

    for (int month = 0; month < d.month; month++)
        days += days_in_month(d.year, month);
    return days;
}

static int64_t within_calendar(int64_t at_s)
{
    return at_s < FIRST_INSTANT_S ? FIRST_INSTANT_S
                                  : (at_s > LAST_INSTANT_S ? LAST_INSTANT_S : at_s);
}

int64_t period_add(int64_t from_s, const struct period *p)
{
    int64_t since = within_calendar(from_s) - FIRST_INSTANT_S;
    struct date d = date_of(since / DAY_S);
    int64_t months = d.year * 12 + d.month + p->months;
    int last;

    REQUIRE(p->months >= 0 && p->seconds >= 0);
    d.year = months / 12;
    d.month = (int)(months % 12);
    if (p->seconds > LAST_INSTANT_S - FIRST_INSTANT_S)
        return LAST_INSTANT_S;
    last = days_in_month(d.year, d.month) - 1;
    if (d.day > last)
        d.day = last;
    return within_calendar(FIRST_INSTANT_S + days_of(d) * DAY_S + since % DAY_S + p->seconds);
}

int period_compare(const struct period *a, const struct period *b)
{
    int64_t x = mean_length_s(a), y = mean_length_s(b);

    return (x > y) - (x < y);
}

/* `n` in `width` decimal digits. */
static void put_digits(char *out, int width, int n)
{
    for (int i = width - 1; i >= 0; i--, n /= 10)
        out[i] = (char)('0' + n % 10);
}

void period_format_instant(int64_t at_s, char out[24])
{
    int64_t since = within_calendar(at_s) - FIRST_INSTANT_S;
    struct date d = date_of(since / DAY_S);
    int s = (int)(since % DAY_S);

    memcpy(out, "YYYY-MM-DDThh:mm:ssZ", sizeof("YYYY-MM-DDThh:mm:ssZ"));
    put_digits(out, 4, (int)d.year);
    put_digits(out + 5, 2, d.month + 1);
    put_digits(out + 8, 2, d.day + 1);
    put_digits(out + 11, 2, s / 3600);
    put_digits(out + 14, 2, s / 60 % 60);
    put_digits(out + 17, 2, s % 60);
}
