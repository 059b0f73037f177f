/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of requests: worked examples, and every day of years against a model that steps from day to
 * day. */
#include "retention/deadline.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

static struct holidays *germany(void)
{
    static const char yaml[] = "holidays: {country: DE}\n";
    AUTO(conf_free) struct conf *conf = NULL;
    struct holidays *h = NULL;
    struct errmsg msg;

    cr_assert_eq(conf_parse("t.yaml", span_str(yaml), &conf, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(holidays_read(conf_get(conf_root(conf), "holidays"), &h, &msg), ERR_OK, "%s",
                 msg.text);
    return h;
}

static struct civil date(const char *text)
{
    struct civil d;

    cr_assert(civil_parse(span_str(text), &d), "%s", text);
    return d;
}

/* Two texts may stand in one message. */
static const char *text_of(struct civil d)
{
    static char texts[4][CIVIL_TEXT_MAX];
    static unsigned next;
    char *text = texts[next++ % 4];

    civil_format(d, text);
    return text;
}

static struct deadline_dates dates_of(const char *regime, const struct holidays *holidays,
                                      const char *received, bool extended, int paused, int target)
{
    const struct deadline_question q = {.regime = regime_find(span_str(regime)),
                                        .holidays = holidays,
                                        .received = date(received),
                                        .extended = extended,
                                        .paused_days = paused,
                                        .target_days = target};
    struct deadline_dates dates;

    cr_assert_not_null(q.regime);
    deadline_compute(&q, &dates);
    return dates;
}

#define EXPECT_DATE(actual, expected)                                                              \
    cr_expect_str_eq(text_of(actual), (expected), "%s: %s, not %s", #actual, text_of(actual),      \
                     (expected))

/* Received, the month's end, the legal date, the legal date of the extension. */
Test(deadline, of_one_month_falls_where_it_must)
{
    static const char *const vectors[][4] = {
        {"2026-03-05", "2026-04-05", "2026-04-07", "2026-06-05"}, /* Easter Sunday */
        {"2026-01-31", "2026-02-28", "2026-03-02", "2026-04-30"},
        {"2026-08-31", "2026-09-30", "2026-09-30", "2026-11-30"},
        {"2028-01-31", "2028-02-29", "2028-02-29", "2028-05-02"}, /* Sunday, then Labour Day */
        {"2026-11-25", "2026-12-25", "2026-12-28", "2027-02-25"}, /* Christmas, then a weekend */
        {"2026-11-30", "2026-12-30", "2026-12-30", "2027-03-01"},
        {"2026-02-01", "2026-03-01", "2026-03-02", "2026-05-04"},
    };
    AUTO(holidays_free) struct holidays *de = germany();

    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const struct deadline_dates one = dates_of("gdpr", de, vectors[i][0], false, 0, 28),
                                    three = dates_of("gdpr", de, vectors[i][0], true, 0, 28);

        EXPECT_DATE(one.raw, vectors[i][1]);
        EXPECT_DATE(one.legal, vectors[i][2]);
        EXPECT_DATE(one.due, vectors[i][2]);
        EXPECT_DATE(three.legal, vectors[i][3]);
        EXPECT_DATE(three.first, vectors[i][2]);
    }
}

Test(deadline, without_holidays_moves_over_weekends_only)
{
    EXPECT_DATE(dates_of("gdpr", NULL, "2026-11-25", false, 0, 28).legal, "2026-12-25");
    EXPECT_DATE(dates_of("gdpr", NULL, "2026-03-05", false, 0, 28).legal, "2026-04-06");
}

Test(deadline, of_seventy_two_hours_cares_for_no_weekend_and_no_change_of_clocks)
{
    /* 2026-03-27T15:00Z, a Friday before the clocks change, to the 30th, 15:00Z. */
    cr_expect_eq(deadline_hours(INT64_C(1774623600000), DEADLINE_BREACH_HOURS),
                 INT64_C(1774882800000));
}

Test(deadline, of_california_and_brazil_count_days)
{
    struct deadline_dates ccpa = dates_of("ccpa", NULL, "2026-11-25", false, 9, 28);
    struct deadline_dates lgpd = dates_of("lgpd", NULL, "2026-11-25", false, 9, 28);

    EXPECT_DATE(ccpa.confirm, "2026-12-09"); /* ten working days, the day of receipt not counted */
    EXPECT_DATE(ccpa.legal, "2027-01-09");   /* 45 days; a Saturday stays one */
    EXPECT_DATE(ccpa.due, "2027-01-09");     /* and no pause */
    ccpa = dates_of("ccpa", NULL, "2026-11-25", true, 0, 28);
    EXPECT_DATE(ccpa.legal, "2027-02-23");
    EXPECT_DATE(lgpd.confirm, "2026-11-25");
    EXPECT_DATE(lgpd.legal, "2026-12-10");
    EXPECT_DATE(lgpd.target, "2026-12-10"); /* not past what the law wants */
    cr_expect_eq(regime_find(span_str("lgpd"))->extended.days, 0, "no extension");
    cr_expect_null(regime_find(span_str("GDPR")));
    cr_expect_null(regime_at(3));
    cr_expect_str_eq(regime_at(0)->name, "gdpr");
}

Test(deadline, with_a_pause_shows_both_dates)
{
    AUTO(holidays_free) struct holidays *de = germany();
    const struct deadline_dates d = dates_of("gdpr", de, "2026-03-05", false, 10, 28);

    EXPECT_DATE(d.raw, "2026-04-05");
    EXPECT_DATE(d.legal, "2026-04-07");
    EXPECT_DATE(d.due, "2026-04-15"); /* ten days after the 5th, not after the 7th */
    EXPECT_DATE(d.first, "2026-04-15");
    EXPECT_DATE(d.target, "2026-04-12");
}

Test(deadline, target_keeps_its_distance)
{
    EXPECT_DATE(dates_of("gdpr", NULL, "2026-08-31", false, 0, 28).target, "2026-09-28");
    EXPECT_DATE(dates_of("gdpr", NULL, "2026-08-31", true, 0, 28).target, "2026-11-28");
    EXPECT_DATE(dates_of("gdpr", NULL, "2026-08-31", false, 0, 99).target, "2026-09-30");
}

Test(deadline, stands_on_time_soon_or_past)
{
    static const struct {
        const char *today, *word;
    } cases[] = {{"2026-12-02", "on time"},
                 {"2026-12-03", "due soon"},
                 {"2026-12-08", "due soon"},
                 {"2026-12-09", "past due"}};

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect_str_eq(deadline_word(deadline_standing(date("2026-12-08"), date(cases[i].today))),
                         cases[i].word);
}

/* ---- the model: one step a day, and no arithmetic of months ---- */

struct day {
    int year, month, day, weekday;
};

static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

static bool is_last(const struct day *d)
{
    const bool leap = d->year % 4 == 0; /* of the years looked at */

    return d->day == month_days[d->month - 1] + (d->month == 2 && leap ? 1 : 0);
}

static void step(struct day *d)
{
    const bool last = is_last(d);

    d->weekday = (d->weekday + 1) % 7;
    d->day = last ? 1 : d->day + 1;
    if (last && d->month == 12) {
        d->year++;
        d->month = 1;
    } else if (last) {
        d->month++;
    }
}

/* Written off a printed calendar: Good Friday, Easter Monday, Ascension Day, Whit Monday. */
static const int moving[][5] = {
    {2026, 403, 406, 514, 525}, {2027, 326, 329, 506, 517}, {2028, 414, 417, 525, 605},
    {2029, 330, 402, 510, 521}, {2030, 419, 422, 530, 610}, {2031, 411, 414, 522, 602},
    {2032, 326, 329, 506, 517},
};

static bool is_free(const struct day *d)
{
    static const int fixed[] = {101, 501, 1003, 1225, 1226};
    const int key = d->month * 100 + d->day;

    if (d->weekday >= 5)
        return true;
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        if (fixed[i] == key)
            return true;
    for (size_t i = 0; i < COUNT_OF(moving); i++)
        for (size_t j = 1; j < 5 && moving[i][0] == d->year; j++)
            if (moving[i][j] == key)
                return true;
    return false;
}

/* `months` later: step until the month is that one and the day is there or the month ends. */
static struct day model(struct day d, int months)
{
    const int day = d.day;
    int month = d.month;

    while (months > 0) {
        step(&d);
        if (d.month != month) {
            month = d.month;
            months--;
        }
    }
    while (d.day != day && !is_last(&d))
        step(&d);
    return d;
}

static bool same(const struct day *d, struct civil c)
{
    return d->year == c.year && d->month == c.month && d->day == c.day;
}

Test(deadline, agrees_with_stepping_through_six_years_day_by_day)
{
    AUTO(holidays_free) struct holidays *de = germany();
    struct day today = {2026, 1, 1, 3};

    while (today.year < 2032) {
        for (int extended = 0; extended < 2; extended++) {
            const struct deadline_question q = {
                .regime = regime_find(span_str("gdpr")),
                .holidays = de,
                .received = {today.year, today.month, today.day},
                .extended = extended,
                .target_days = 28,
            };
            struct deadline_dates d;
            struct day end = model(today, extended ? 3 : 1);

            deadline_compute(&q, &d);
            cr_assert(same(&end, d.raw), "%s: %s", text_of(q.received), text_of(d.raw));
            while (is_free(&end))
                step(&end);
            cr_assert(same(&end, d.legal), "%s: %s", text_of(q.received), text_of(d.legal));
            cr_assert_leq(civil_compare(d.target, d.due), 0);
        }
        step(&today);
    }
}

Test(deadline, counts_working_days_as_a_model_does)
{
    AUTO(holidays_free) struct holidays *de = germany();
    struct day today = {2026, 1, 1, 3};

    for (; today.year < 2031; step(&today)) {
        const struct civil from = {today.year, today.month, today.day};
        struct day end = today;

        for (int count = 0; count <= 10; count++) {
            if (count > 0)
                do
                    step(&end);
                while (is_free(&end));
            cr_assert(same(&end, deadline_working_days(de, from, count)), "%s + %d", text_of(from),
                      count);
        }
    }
}
