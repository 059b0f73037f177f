/* SPDX-License-Identifier: Apache-2.0 */
#include "base/period.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdbool.h>
#include <time.h>

#include "base/secret.h"

TestSuite(period, .init = secret_start);

enum { DAY = 86400 };

static struct period parsed(const char *text)
{
    struct period p = {-1, -1, -1};

    cr_assert_eq(period_parse(span_str(text), &p), ERR_OK, "%s", text);
    return p;
}

Test(period, is_parsed_as_iso_8601_spells_it)
{
    static const struct {
        const char *text;
        int32_t months, days;
        int64_t seconds;
    } good[] = {
        {"P2Y", 24, 0, 0},          {"P90D", 0, 90, 0},
        {"P1Y6M", 18, 0, 0},        {"PT3S", 0, 0, 3},
        {"P1M", 1, 0, 0},           {"PT1M", 0, 0, 60},
        {"P1W", 0, 7, 0},           {"P1Y2M3DT4H5M6S", 14, 3, 4 * 3600 + 5 * 60 + 6},
        {"P2W1D", 0, 15, 0},        {"PT36H", 0, 0, 36 * 3600},
        {"P0Y1D", 0, 1, 0},         {"P007D", 0, 7, 0},
        {"P1000Y", 12000, 0, 0},    {"P12000M", 12000, 0, 0},
        {"P365242D", 0, 365242, 0},
    };

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct period p = parsed(good[i].text);

        cr_expect_eq(p.months, good[i].months, "%s", good[i].text);
        cr_expect_eq(p.days, good[i].days, "%s", good[i].text);
        cr_expect_eq(p.seconds, good[i].seconds, "%s", good[i].text);
    }
}

Test(period, is_refused_when_it_is_anything_else)
{
    static const char *const bad[] = {
        "",
        "P",
        "T",
        "PT",
        "P1",
        "1Y",
        "p1Y",
        "P1y",
        "PY",
        "P1YT",
        "PT1",
        "P-1Y",
        "-P1Y",
        "+P1Y",
        "P+1Y",
        "P1.5Y",
        "P1,5D",
        "P1S",
        "P1H",
        "PT1D",
        "PT1Y",
        "PT1W",
        "P1M1Y",
        "P1D1M",
        "P1D1W",
        "P1Y1Y",
        "PT1S1M",
        "PTT1S",
        "P1DT1HT1",
        "P0D",
        "P0Y0M0D",
        "PT0S",
        "P1Y ",
        " P1Y",
        "P 1Y",
        "P1001Y",
        "P12001M",
        "P365243D",
        "P1000YT1S",
        "P52178W",
        "P999999999999D",
        "P9999999999999999999999D",
        "P4294967297Y",
        "P357913942Y",
        "P1Y\n",
        "P0x1D",
        "P٣D",
    };
    struct period p = {7, 7, 7};

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_expect_eq(period_parse(span_str(bad[i]), &p), ERR_INVALID, "%s", bad[i]);
    cr_expect_eq(period_parse(span_of("P1Y\0", 4), &p), ERR_INVALID);
    cr_expect_eq(period_parse(SPAN_NONE, &p), ERR_INVALID);
    cr_assert(p.months == 7 && p.days == 7 && p.seconds == 7, "untouched");
}

Test(period, reads_only_its_span)
{
    struct period p;

    cr_assert_eq(period_parse(span_of("P1Y6M", 3), &p), ERR_OK);
    cr_assert_eq(p.months, 12);
}

/* The instant that "2024-02-29T12:00:00Z" names, from the C library. */
static int64_t at(const char *text)
{
    struct tm t = {0};

    cr_assert_not_null(strptime(text, "%Y-%m-%dT%H:%M:%SZ", &t), "%s", text);
    return (int64_t)timegm(&t);
}

Test(period, is_added_by_the_calendar)
{
    static const struct {
        const char *from, *period, *to;
    } sums[] = {
        {"2026-11-23T15:45:37Z", "P1D", "2026-11-24T15:45:37Z"},
        {"2026-11-23T15:45:37Z", "P2Y", "2028-11-23T15:45:37Z"},
        {"2026-11-23T15:45:37Z", "PT20H", "2026-11-24T11:45:37Z"},
        {"2024-01-31T00:00:00Z", "P1M", "2024-02-29T00:00:00Z"},
        {"2023-01-31T00:00:00Z", "P1M", "2023-02-28T00:00:00Z"},
        {"2100-01-31T00:00:00Z", "P1M", "2100-02-28T00:00:00Z"},
        {"2000-01-31T00:00:00Z", "P1M", "2000-02-29T00:00:00Z"},
        {"2024-01-31T00:00:00Z", "P3M", "2024-04-30T00:00:00Z"},
        {"2024-12-31T23:59:59Z", "P2M", "2025-02-28T23:59:59Z"},
        {"2024-02-29T12:00:00Z", "P1Y", "2025-02-28T12:00:00Z"},
        {"2024-02-29T12:00:00Z", "P4Y", "2028-02-29T12:00:00Z"},
        {"2096-02-29T12:00:00Z", "P4Y", "2100-02-28T12:00:00Z"},
        {"2024-02-28T23:59:59Z", "PT1S", "2024-02-29T00:00:00Z"},
        {"2023-12-31T23:59:59Z", "PT1S", "2024-01-01T00:00:00Z"},
        {"2024-01-31T00:00:00Z", "P1M1D", "2024-03-01T00:00:00Z"}, /* months first, then days */
        {"1969-12-31T23:59:59Z", "P1M", "1970-01-31T23:59:59Z"},
        {"1970-01-01T00:00:00Z", "P1000Y", "2970-01-01T00:00:00Z"},
        {"9998-12-31T23:59:59Z", "P1Y", "9999-12-31T23:59:59Z"},
        {"9999-12-01T00:00:00Z", "P1M", "9999-12-31T23:59:59Z"}, /* saturates */
        {"9999-12-31T23:59:58Z", "PT2S", "9999-12-31T23:59:59Z"},
        {"9999-01-01T00:00:00Z", "P1000Y", "9999-12-31T23:59:59Z"},
    };

    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        struct period p = parsed(sums[i].period);
        char sum[24];

        period_format_instant(period_add(at(sums[i].from), &p), sum);
        cr_expect_str_eq(sum, sums[i].to, "%s + %s = %s", sums[i].from, sums[i].period, sum);
    }
}

Test(period, saturates_rather_than_overflows)
{
    const struct period longest = {INT32_MAX, INT32_MAX, INT64_MAX}, shortest = {0, 0, 1};
    const int64_t last = 253402300799, first = -62167219200;

    cr_assert_eq(period_add(INT64_MAX, &shortest), last);
    cr_assert_eq(period_add(0, &longest), last);
    cr_assert_eq(period_add(INT64_MIN, &longest), last);
    cr_assert_eq(period_add(INT64_MIN, &shortest), first + 1);
}

Test(period, calendar_agrees_with_the_c_library_on_every_day)
{
    const struct period day = {0, 1, 0}, month = {1, 0, 0};
    int64_t now = at("1899-12-31T06:00:00Z");
    char text[24], expected[24];

    for (int i = 0; i < 220000; i++) { /* to the year 2502 */
        time_t t = (time_t)now;
        struct tm tm, next;

        cr_assert_not_null(gmtime_r(&t, &tm));
        cr_assert_eq(strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm), 20);
        period_format_instant(now, text);
        cr_assert_str_eq(text, expected);
        if (tm.tm_mday <= 28) { /* every month has it */
            next = tm;
            next.tm_mon++;
            cr_assert_eq(period_add(now, &month), (int64_t)timegm(&next), "%s", text);
        }
        cr_assert_eq(period_add(now, &day), now + DAY);
        now += DAY;
    }
}

Test(period, is_never_later_for_an_earlier_start)
{
    const struct period months[] = {{1, 0, 0}, {6, 0, 0}, {12, 0, 0}, {13, 1, 0}};

    for (size_t i = 0; i < COUNT_OF(months); i++) {
        int64_t last = 0;

        for (int64_t from = at("2023-01-01T00:00:00Z"); from < at("2029-01-01T00:00:00Z");
             from += DAY) {
            int64_t sum = period_add(from, &months[i]);

            cr_assert_geq(sum, last);
            cr_assert_gt(sum, from);
            last = sum;
        }
    }
}

Test(period, compares_by_length)
{
    static const struct {
        const char *a, *b;
        int order;
    } pairs[] = {
        {"P1Y", "P12M", 0},  {"P1Y", "P365D", 1}, {"P1Y", "P366D", -1}, {"P1M", "P30D", 1},
        {"P1M", "P31D", -1}, {"P7D", "P1W", 0},   {"PT24H", "P1D", 0},  {"PT1S", "PT2S", -1},
        {"P10Y", "P2Y", 1},  {"P2Y", "P90D", 1},  {"P1Y1D", "P1Y", 1},
    };

    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        struct period a = parsed(pairs[i].a), b = parsed(pairs[i].b);

        cr_expect_eq(period_compare(&a, &b), pairs[i].order, "%s %s", pairs[i].a, pairs[i].b);
        cr_expect_eq(period_compare(&b, &a), -pairs[i].order, "%s %s", pairs[i].b, pairs[i].a);
    }
}

Test(period, is_written_in_its_largest_units)
{
    static const char *const texts[][2] = {
        {"P2Y", "P2Y"},       {"P18M", "P1Y6M"},        {"P2W", "P14D"},
        {"PT36H", "PT36H"},   {"PT90S", "PT1M30S"},     {"P1Y2M3DT4H5M6S", "P1Y2M3DT4H5M6S"},
        {"P1000Y", "P1000Y"}, {"P365242D", "P365242D"},
    };
    const struct period none = {0, 0, 0};
    char text[PERIOD_TEXT_MAX];

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct period p = parsed(texts[i][0]), again;

        period_format(&p, text);
        cr_expect_str_eq(text, texts[i][1]);
        again = parsed(text);
        cr_expect(again.months == p.months && again.days == p.days && again.seconds == p.seconds);
        cr_expect_not(period_is_none(&p));
    }
    period_format(&none, text);
    cr_assert_str_eq(text, "P0D");
    cr_assert(period_is_none(&none));
}

Test(period, covers_another_when_it_never_ends_before_it)
{
    static const struct {
        const char *a, *b;
        bool covers;
    } pairs[] = {
        {"P1Y", "P12M", true},   {"P1Y", "P365D", true},  {"P1Y", "P366D", false},
        {"P366D", "P1Y", true},  {"P365D", "P1Y", false}, {"P1M", "P28D", true},
        {"P1M", "P29D", false},  {"P31D", "P1M", true},   {"P30D", "P1M", false},
        {"P4Y", "P1460D", true}, {"P8Y", "P2921D", true}, {"P8Y", "P2922D", false},
        {"PT24H", "P1D", true},  {"PT23H", "P1D", false}, {"P10Y", "P6Y", true},
        {"P6Y", "P10Y", false},  {"P1M", "PT1S", true},
    };

    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct period a = parsed(pairs[i].a), b = parsed(pairs[i].b);

        cr_expect_eq(period_covers(&a, &b), pairs[i].covers, "%s %s", pairs[i].a, pairs[i].b);
    }
}

/* A different sequence each time would make a failure hard to repeat. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

Test(period, that_covers_another_ends_no_earlier_from_any_day)
{
    uint32_t state = 1;
    int covers = 0;

    for (int i = 0; i < 2000; i++) {
        const struct period a = {(int32_t)(next_random(&state) % 40),
                                 (int32_t)(next_random(&state) % 70), 1};
        const struct period b = {(int32_t)(next_random(&state) % 40),
                                 (int32_t)(next_random(&state) % 70), 0};

        if (!period_covers(&a, &b))
            continue;
        covers++;
        for (int k = 0; k < 50; k++) {
            const int64_t from =
                at("1996-01-01T00:00:00Z") + (int64_t)(next_random(&state) % 5000) * DAY;

            cr_assert_geq(period_add(from, &a), period_add(from, &b), "%d M %d D, %d M %d D",
                          a.months, a.days, b.months, b.days);
        }
    }
    cr_assert_gt(covers, 500);
}

Test(period, instant_is_written_in_utc_with_twenty_characters)
{
    char text[24];

    period_format_instant(0, text);
    cr_assert_str_eq(text, "1970-01-01T00:00:00Z");
    period_format_instant(1795448737, text);
    cr_assert_str_eq(text, "2026-11-23T15:45:37Z");
    period_format_instant(-1, text);
    cr_assert_str_eq(text, "1969-12-31T23:59:59Z");
    period_format_instant(INT64_MAX, text);
    cr_assert_str_eq(text, "9999-12-31T23:59:59Z");
    period_format_instant(INT64_MIN, text);
    cr_assert_str_eq(text, "0000-01-01T00:00:00Z");
}
