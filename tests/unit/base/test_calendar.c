/* SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <time.h>

#include "base/mem.h"
#include "base/secret.h"

TestSuite(calendar, .init = secret_start, .timeout = 60);

/* "2024-02-29T12:00:00Z" */
static int64_t utc(const char *text)
{
    struct tm t = {0};

    cr_assert_not_null(strptime(text, "%Y-%m-%dT%H:%M:%SZ", &t), "%s", text);
    return (int64_t)timegm(&t);
}

static void use(const char *zone)
{
    cr_assert_eq(calendar_use(zone), ERR_OK, "%s", zone);
}

Test(calendar, knows_the_zones_of_the_host_and_nothing_else)
{
    static const char *const none[] = {
        "",
        "Europe/Berlin2",
        "europe/berlin",
        "/usr/share/zoneinfo/UTC",
        "../UTC",
        "Europe/../UTC",
        "CET-1CEST,M3.5.0,M10.5.0",
        "right/Europe/Berlin",
        "Europe",
        "zone.tab",
        "Europe/Berlin\n",
        "tzdata.zi",
    };

    cr_assert(calendar_has_zone("UTC"));
    cr_assert(calendar_has_zone("Europe/Berlin"));
    cr_assert(calendar_has_zone("America/Argentina/Buenos_Aires"));
    cr_assert(calendar_has_zone("Etc/GMT+5"));
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        cr_expect_not(calendar_has_zone(none[i]), "%s", none[i]);
        cr_expect_eq(calendar_use(none[i]), ERR_CONFIG, "%s", none[i]);
    }
    cr_assert_str_eq(calendar_zone(), "UTC");
    use("Europe/Berlin");
    cr_assert_str_eq(calendar_zone(), "Europe/Berlin");
}

Test(calendar, tells_the_date_in_the_zone)
{
    struct civil d;

    d = calendar_date(utc("2026-01-31T23:30:00Z"));
    cr_assert(d.year == 2026 && d.month == 1 && d.day == 31);
    use("Europe/Berlin");
    d = calendar_date(utc("2026-01-31T23:30:00Z"));
    cr_assert(d.year == 2026 && d.month == 2 && d.day == 1);
    use("America/New_York");
    d = calendar_date(utc("2026-01-01T04:59:59Z"));
    cr_assert(d.year == 2025 && d.month == 12 && d.day == 31);
    d = calendar_date(INT64_MIN);
    cr_assert_eq(d.year, 0);
    d = calendar_date(INT64_MAX);
    cr_assert_eq(d.year, 9999);
}

Test(calendar, days_begin_where_the_zone_says)
{
    static const struct {
        const char *zone;
        struct civil date;
        const char *start;
    } starts[] = {
        {"UTC", {2026, 3, 29}, "2026-03-29T00:00:00Z"},
        {"Europe/Berlin", {2026, 3, 29}, "2026-03-28T23:00:00Z"},
        {"Europe/Berlin", {2026, 3, 30}, "2026-03-29T22:00:00Z"},
        {"Europe/Berlin", {2400, 7, 1}, "2400-06-30T22:00:00Z"},
        {"America/Sao_Paulo", {2018, 11, 4}, "2018-11-04T03:00:00Z"}, /* midnight was left out */
        {"America/Sao_Paulo", {2018, 2, 18}, "2018-02-18T03:00:00Z"}, /* 23:00 came twice */
        {"America/Havana", {2022, 11, 6}, "2022-11-06T04:00:00Z"},    /* midnight came twice */
        {"Pacific/Apia", {2011, 12, 30}, "2011-12-30T10:00:00Z"},     /* the day was left out */
        {"Pacific/Apia", {2011, 12, 31}, "2011-12-30T10:00:00Z"},
        {"Asia/Kathmandu", {2026, 1, 1}, "2025-12-31T18:15:00Z"},
    };

    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        use(starts[i].zone);
        cr_expect_eq(calendar_start(starts[i].date), utc(starts[i].start), "%s %s", starts[i].zone,
                     starts[i].start);
    }
}

Test(calendar, adds_civil_days_and_exact_hours)
{
    static const struct {
        const char *from, *period, *to;
    } sums[] = {
        {"2026-03-28T11:00:00Z", "P1D", "2026-03-29T10:00:00Z"},
        {"2026-03-28T11:00:00Z", "PT24H", "2026-03-29T11:00:00Z"},
        {"2026-10-24T10:00:00Z", "P1D", "2026-10-25T11:00:00Z"},
        {"2026-03-28T01:30:00Z", "P1D", "2026-03-29T01:00:00Z"}, /* 02:30 does not come */
        {"2026-10-24T00:30:00Z", "P1D", "2026-10-25T00:30:00Z"}, /* 02:30 comes twice */
        {"2026-01-31T23:30:00Z", "P1M", "2026-02-28T23:30:00Z"}, /* 1 February to 1 March */
        {"2026-01-31T22:30:00Z", "P1M", "2026-02-28T22:30:00Z"}, /* 31 January to 28 February */
        {"2026-01-15T11:00:00Z", "P6M", "2026-07-15T10:00:00Z"},
        {"2026-01-15T11:00:00Z", "P6MT1H", "2026-07-15T11:00:00Z"},
        {"2026-03-27T15:00:00Z", "PT72H", "2026-03-30T15:00:00Z"}, /* hours of a breach */
        {"9999-12-01T00:00:00Z", "P1M", "9999-12-31T23:59:59Z"},
        {"9999-01-01T00:00:00Z", "P1000Y", "9999-12-31T23:59:59Z"},
    };

    use("Europe/Berlin");
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        struct period p;
        char text[24];

        cr_assert_eq(period_parse(span_str(sums[i].period), &p), ERR_OK);
        period_format_instant(calendar_add(utc(sums[i].from), &p), text);
        cr_expect_str_eq(text, sums[i].to, "%s + %s = %s", sums[i].from, sums[i].period, text);
    }
}

Test(calendar, in_utc_adds_what_periods_add)
{
    uint32_t state = 3;

    for (int i = 0; i < 20000; i++) {
        struct period p;
        int64_t from;

        state = state * 1664525 + 1013904223;
        p = (struct period){(int32_t)(state >> 8) % 500, (int32_t)(state >> 12) % 900, state >> 10};
        state = state * 1664525 + 1013904223;
        from = (int64_t)state - 2000000000;
        cr_assert_eq(calendar_add(from, &p), period_add(from, &p), "%" PRId64, from);
    }
}

Test(calendar, ends_days_months_and_years_in_the_zone)
{
    use("Europe/Berlin");
    cr_assert_eq(calendar_end_of(utc("2026-03-29T10:00:00Z"), CALENDAR_DAY),
                 utc("2026-03-29T22:00:00Z"));
    cr_assert_eq(calendar_end_of(utc("2026-03-28T23:00:00Z"), CALENDAR_DAY),
                 utc("2026-03-29T22:00:00Z"), "its first instant is part of it");
    cr_assert_eq(calendar_end_of(utc("2026-03-29T22:00:00Z"), CALENDAR_MONTH),
                 utc("2026-03-31T22:00:00Z"));
    cr_assert_eq(calendar_end_of(utc("2026-12-31T22:59:59Z"), CALENDAR_YEAR),
                 utc("2026-12-31T23:00:00Z"));
    cr_assert_eq(calendar_end_of(utc("2026-12-31T23:00:00Z"), CALENDAR_YEAR),
                 utc("2027-12-31T23:00:00Z"));
    use("UTC");
    cr_assert_eq(calendar_end_of(INT64_MAX, CALENDAR_YEAR), utc("9999-12-31T23:59:59Z"));
}

/* Every day of 60 years in zones with odd rules: it has its date, the second before has not. */
Test(calendar, days_follow_each_other_without_a_gap)
{
    static const char *const zones[] = {"Europe/Berlin",     "America/Sao_Paulo",
                                        "Africa/Casablanca", "Australia/Lord_Howe",
                                        "Pacific/Apia",      "America/St_Johns"};

    for (size_t z = 0; z < COUNT_OF(zones); z++) {
        int64_t last = INT64_MIN;

        use(zones[z]);
        for (int64_t day = 0; day < 365 * 60; day++) {
            const int64_t start = calendar_start(civil_of(day));

            cr_assert_geq(start, last, "%s %" PRId64, zones[z], day);
            if (start > last) {
                cr_assert_geq(civil_days(calendar_date(start)), day);
                cr_assert_lt(civil_days(calendar_date(start - 1)), day);
            }
            last = start;
        }
    }
}
