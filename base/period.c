/* SPDX-License-Identifier: Apache-2.0 */
/* ISO 8601 periods and the calendar they are added in (proleptic Gregorian, UTC, no leap seconds).
 * Runs on: any thread. Holds: nothing. Invariant: every instant computed lies in the years 0-9999.
 */
#include "base/period.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/civil.h"

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
    int32_t days;
    int64_t seconds;
};

/* In the order they must stand in. */
static const struct designator designators[] = {
    {'Y', false, 12, 0, 0},  {'M', false, 1, 0, 0}, {'W', false, 0, 7, 0}, {'D', false, 0, 1, 0},
    {'H', true, 0, 0, 3600}, {'M', true, 0, 0, 60}, {'S', true, 0, 0, 1},
};

static int64_t mean_length_s(const struct period *p)
{
    return (int64_t)p->months * MONTH_S + (int64_t)p->days * DAY_S + p->seconds;
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

static int64_t designator_s(const struct designator *d)
{
    return d->months * (int64_t)MONTH_S + d->days * (int64_t)DAY_S + d->seconds;
}

/* Add `n` of the first designator from *next on that `letter` can be. */
static bool add_part(struct period *p, size_t *next, char letter, bool is_time, int64_t n)
{
    for (; *next < COUNT_OF(designators); (*next)++) {
        const struct designator *d = &designators[*next];

        if (d->letter != letter || d->is_time != is_time)
            continue;
        if (n > (int64_t)MONTHS_MAX * MONTH_S / designator_s(d))
            return false;
        if (d->months > 0)
            p->months += (int32_t)n * d->months;
        if (d->days > 0)
            p->days += (int32_t)n * d->days;
        p->seconds += n * d->seconds;
        (*next)++;
        return !too_long(p);
    }
    return false;
}

enum err period_parse(struct span text, struct period *ret)
{
    struct period p = {0, 0, 0};
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

static size_t put_part(char *out, size_t len, int64_t n, char unit)
{
    int added = n == 0 ? 0 : snprintf(out + len, PERIOD_TEXT_MAX - len, "%" PRId64 "%c", n, unit);

    return len + (size_t)added;
}

void period_format(const struct period *p, char out[PERIOD_TEXT_MAX])
{
    size_t len = 0;

    out[len++] = 'P';
    len = put_part(out, len, p->months / 12, 'Y');
    len = put_part(out, len, p->months % 12, 'M');
    len = put_part(out, len, p->days, 'D');
    if (p->seconds > 0) {
        out[len++] = 'T';
        len = put_part(out, len, p->seconds / 3600, 'H');
        len = put_part(out, len, p->seconds / 60 % 60, 'M');
        len = put_part(out, len, p->seconds % 60, 'S');
    }
    (void)snprintf(out + len, PERIOD_TEXT_MAX - len, "%s", len == 1 ? "0D" : "");
}

bool period_is_none(const struct period *p)
{
    return p->months == 0 && p->days == 0 && p->seconds == 0;
}

static int64_t within_calendar(int64_t at_s)
{
    return at_s < FIRST_INSTANT_S ? FIRST_INSTANT_S
                                  : (at_s > LAST_INSTANT_S ? LAST_INSTANT_S : at_s);
}

int64_t period_add(int64_t from_s, const struct period *p)
{
    const int64_t since = within_calendar(from_s) - FIRST_INSTANT_S;
    struct civil date = civil_of(since / DAY_S + FIRST_INSTANT_S / DAY_S);

    REQUIRE(p->months >= 0 && p->days >= 0 && p->seconds >= 0);
    if (p->seconds > LAST_INSTANT_S - FIRST_INSTANT_S)
        return LAST_INSTANT_S;
    date = civil_add_months(date, p->months);
    return within_calendar((civil_days(date) + p->days) * DAY_S + since % DAY_S + p->seconds);
}

int period_compare(const struct period *a, const struct period *b)
{
    int64_t x = mean_length_s(a), y = mean_length_s(b);

    return (x > y) - (x < y);
}

/* The least or the most days that so many months can be. The first days of months are enough: where a day
 * becomes the last of a shorter month, a February is as short from its first day. 400 years hold every case. */
static int64_t month_span_days(int64_t months, bool most)
{
    int64_t found = -1;

    for (int64_t from = 0; from < INT64_C(400) * 12; from++) {
        const struct civil first = {2000 + (int)(from / 12), (int)(from % 12) + 1, 1};
        const int64_t days = civil_days(civil_add_months(first, months)) - civil_days(first);

        if (found < 0 || (most ? days > found : days < found))
            found = days;
    }
    return found;
}

bool period_covers(const struct period *a, const struct period *b)
{
    const int64_t months = (int64_t)a->months - b->months;
    const int64_t days =
        months >= 0 ? month_span_days(months, false) : -month_span_days(-months, true);

    return (days + a->days - b->days) * DAY_S + a->seconds - b->seconds >= 0;
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
    const struct civil d = civil_of(since / DAY_S + FIRST_INSTANT_S / DAY_S);
    int s = (int)(since % DAY_S);

    memcpy(out, "YYYY-MM-DDThh:mm:ssZ", sizeof("YYYY-MM-DDThh:mm:ssZ"));
    put_digits(out, 4, d.year);
    put_digits(out + 5, 2, d.month);
    put_digits(out + 8, 2, d.day);
    put_digits(out + 11, 2, s / 3600);
    put_digits(out + 14, 2, s / 60 % 60);
    put_digits(out + 17, 2, s % 60);
}
