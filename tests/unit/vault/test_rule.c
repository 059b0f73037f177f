/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/rule.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/calendar.h"
#include "base/mem.h"
#include "base/secret.h"

enum { LATER_S = 4 * 86400 + 3600 };

TestSuite(rule, .init = secret_start, .timeout = 60);

static enum err read_rule(const char *members, struct rule *ret, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *conf = NULL;
    char yaml[1024];

    (void)snprintf(yaml, sizeof(yaml), "retain: %s\n", members);
    cr_assert_eq(conf_parse("f.yaml", span_str(yaml), &conf, msg), ERR_OK, "%s", msg->text);
    return rule_read(conf_get(conf_root(conf), "retain"), ret, msg);
}

static void refused(const char *members, const char *words)
{
    struct rule rule = {.period = {.months = 77}};
    struct errmsg msg = {""};

    cr_assert_eq(read_rule(members, &rule, &msg), ERR_CONFIG, "%s", members);
    cr_assert_not_null(strstr(msg.text, words), "%s: %s", members, msg.text);
    cr_assert_eq(strncmp(msg.text, "f.yaml:1:", 9), 0, "%s", msg.text);
    cr_assert_eq(rule.period.months, 77, "written although refused");
}

static struct period period(const char *text)
{
    struct period p = {0, 0, 0};

    if (text[0] != '\0')
        cr_assert_eq(period_parse(span_str(text), &p), ERR_OK, "%s", text);
    return p;
}

/* "2026-11-23" at so many seconds of the day in the zone. */
static int64_t at(const char *date, int64_t second)
{
    struct civil d;

    cr_assert(civil_parse(span_str(date), &d), "%s", date);
    return calendar_start(d) + second;
}

static int64_t due(const struct rule *rule, int64_t created_s, int64_t used_s, int64_t event_s)
{
    return rule_due(rule, &(struct rule_times){created_s, used_s, event_s});
}

/* ---- reading ---- */

Test(rule, is_read_as_declared)
{
    AUTO(rule_done) struct rule rule = {.start = RULE_EVENT};
    struct errmsg msg = {""};
    char text[RULE_TIMING_MAX];

    cr_assert_eq(read_rule("{period: P10Y, from: created, minimum: P8Y, minimum_law: \"AO 147\","
                           " round: year_end, owner: \"Tax desk\", review: 2027-01-31}",
                           &rule, &msg),
                 ERR_OK, "%s", msg.text);
    cr_assert_eq(rule.start, RULE_CREATED);
    cr_assert_eq(rule.period.months, 120);
    cr_assert_eq(rule.minimum.months, 96);
    cr_assert_str_eq(rule.minimum_law, "AO 147");
    cr_assert_eq(rule.round, RULE_YEAR_END);
    cr_assert_str_eq(rule.owner, "Tax desk");
    cr_assert(rule_has_review(&rule));
    cr_assert(rule.review.year == 2027 && rule.review.month == 1 && rule.review.day == 31);
    rule_timing(&rule, text);
    cr_assert_str_eq(text, "P120MT0S minimum P8Y round year_end");
}

Test(rule, that_is_plain_keeps_the_text_that_stores_have)
{
    const struct rule plain = {.period = {.days = 90}}, mixed = {.period = {1, 2, 3}};
    char text[RULE_TIMING_MAX];

    rule_timing(&plain, text);
    cr_assert_str_eq(text, "P0MT7776000S");
    rule_timing(&mixed, text);
    cr_assert_str_eq(text, "P1MT172803S");
    cr_assert(rule_is_ordered(&plain));
    cr_assert_not(rule_has_review(&plain));
}

Test(rule, timing_names_all_that_moves_due_times)
{
    char name[] = "case_closed";
    const struct rule event = {.start = RULE_EVENT,
                               .event = name,
                               .period = {.days = 90},
                               .backstop = {.months = 24},
                               .minimum = {.days = 30},
                               .round = RULE_MONTH_END};
    char text[RULE_TIMING_MAX];

    rule_timing(&event, text);
    cr_assert_str_eq(text,
                     "P0MT7776000S from event:case_closed backstop P2Y minimum P30D round month");
    rule_start_text(&event, text);
    cr_assert_str_eq(text, "event:case_closed");
    cr_assert_not(rule_is_ordered(&event));
}

Test(rule, mistakes_are_refused_with_their_place)
{
    refused("[{period: P1Y}, {period: P2Y}]", "a class has one deletion rule");
    refused("P1Y", "must be a map");
    refused("{from: created}", "\"period\" is missing");
    refused("{period: 2 years}", "ISO 8601");
    refused("{period: P1Y, form: created}", "did you mean \"from\"");
    refused("{period: P1Y, from: birth}", "from must be");
    refused("{period: P1Y, from: \"event:\", backstop: P2Y}", "an event's name");
    refused("{period: P1Y, from: \"event:Case closed\", backstop: P2Y}", "an event's name");
    refused("{period: P1Y, from: \"event:closed\"}", "may never come");
    refused("{period: P1Y, backstop: P2Y}", "a backstop is for");
    refused("{period: P1Y, round: week}", "round must be");
    refused("{period: P1Y, review: 2027-02-29}", "a date that exists");
    refused("{period: P1Y, review: soon}", "a date that exists");
    refused("{period: P1Y, review: 2027-1-31}", "a date that exists");
    refused("{period: P1Y, owner: \"\"}", "1 to 256 bytes");
    refused("{period: P1Y, minimum: P1Y}", "minimum_law is missing");
    refused("{period: P1Y, minimum_law: \"AO 147\"}", "belongs to a minimum");
    refused("{period: P1Y, minimum: 1, minimum_law: \"AO 147\"}", "minimum");
}

Test(rule, minimum_is_never_longer_than_what_may_end_first)
{
    AUTO(rule_done) struct rule rule = {.start = RULE_CREATED};
    struct errmsg msg = {""};

    cr_assert_eq(read_rule("{period: P1Y, minimum: P365D, minimum_law: x}", &rule, &msg), ERR_OK,
                 "%s", msg.text);
    refused("{period: P1Y, minimum: P366D, minimum_law: x}", "after the period does");
    refused("{period: P1M, minimum: P30D, minimum_law: x}", "after the period does");
    refused("{period: P1Y, from: last_used, backstop: P6M, minimum: P9M, minimum_law: x}",
            "after the backstop does");
    refused("{period: P1Y, from: \"event:x\", backstop: P6M, minimum: P9M, minimum_law: x}",
            "after the backstop does");
}

Test(rule, a_granularity_is_a_tenth_of_the_period_at_most)
{
    refused("{period: P30D, from: last_used, granularity: P4D}", "a tenth of the period at most");
    refused("{period: P30D, granularity: P1D}", "is for from \"last_used\"");
}

/* ---- due times ---- */

Test(rule, ends_by_the_calendar_of_the_zone)
{
    static const struct {
        const char *created;
        int64_t second;
        const char *period;
        enum rule_round round;
        const char *due;
        int64_t due_second;
    } cases[] = {
        /* A contract that ended on 2026-03-10, eight years, to the end of the year. */
        {"2026-03-10", 36000, "P8Y", RULE_YEAR_END, "2035-01-01", 0},
        {"2027-01-01", 0, "P8Y", RULE_YEAR_END, "2036-01-01", 0},
        {"2026-12-31", 86399, "P8Y", RULE_YEAR_END, "2035-01-01", 0},
        /* Clamped to the end of the month, leap years by both rules. */
        {"2026-01-31", 0, "P1M", RULE_EXACT, "2026-02-28", 0},
        {"2028-01-31", 0, "P1M", RULE_EXACT, "2028-02-29", 0},
        {"2028-02-29", 7200, "P1Y", RULE_EXACT, "2029-02-28", 7200},
        {"2096-02-29", 7200, "P4Y", RULE_EXACT, "2100-02-28", 7200},
        {"2026-01-31", 5, "P1M", RULE_DAY_END, "2026-03-01", 0},
        {"2026-01-31", 5, "P1M", RULE_MONTH_END, "2026-03-01", 0},
        {"2026-11-15", 5, "P1M", RULE_MONTH_END, "2027-01-01", 0},
        /* The clocks change on 2026-03-29 and 2026-10-25: a day is a day. */
        {"2026-03-28", 43200, "P1D", RULE_EXACT, "2026-03-29", 43200 - 3600},
        {"2026-03-28", 43200, "PT24H", RULE_EXACT, "2026-03-29", 43200},
        {"2026-10-24", 43200, "P1D", RULE_EXACT, "2026-10-25", 43200 + 3600},
        {"2026-03-28", 9000, "P1D", RULE_EXACT, "2026-03-29", 7200}, /* 02:30 is left out */
        {"2026-10-24", 9000, "P1D", RULE_EXACT, "2026-10-25", 9000}, /* comes twice: the first */
        {"2026-03-28", 5, "P1D", RULE_DAY_END, "2026-03-30", 0},
    };

    cr_assert_eq(calendar_use("Europe/Berlin"), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct rule rule = {.period = period(cases[i].period), .round = cases[i].round};
        const int64_t got = due(&rule, at(cases[i].created, cases[i].second), 0, 0);

        cr_expect_eq(got, at(cases[i].due, cases[i].due_second), "%s + %s: %" PRId64,
                     cases[i].created, cases[i].period, got);
    }
}

Test(rule, counts_the_day_by_the_zone_and_not_by_utc)
{
    const struct rule rule = {.period = {.months = 1}, .round = RULE_MONTH_END};
    const int64_t created = 1769902200; /* 2026-01-31T23:30:00Z: the 1st of February in Berlin */

    cr_assert_eq(due(&rule, created, 0, 0), at("2026-03-01", 0));
    cr_assert_eq(calendar_use("Europe/Berlin"), ERR_OK);
    cr_assert_eq(due(&rule, created, 0, 0), at("2026-04-01", 0));
}

Test(rule, counts_from_the_last_use_up_to_the_backstop)
{
    const struct rule rule = {
        .start = RULE_LAST_USED, .period = {.days = 30}, .backstop = {.days = 100}};
    const int64_t day = 86400, created = 1000 * day;

    cr_assert_eq(due(&rule, created, 0, 0), created + 30 * day, "never used");
    cr_assert_eq(due(&rule, created, created - day, 0), created + 30 * day);
    cr_assert_eq(due(&rule, created, created + 10 * day, 0), created + 40 * day);
    cr_assert_eq(due(&rule, created, created + 90 * day, 0), created + 100 * day);
}

Test(rule, counts_from_the_event_and_without_it_to_the_backstop)
{
    char name[] = "closed";
    const struct rule rule = {.start = RULE_EVENT,
                              .event = name,
                              .period = {.days = 30},
                              .backstop = {.days = 100},
                              .minimum = {.days = 20}};
    const int64_t day = 86400, created = 1000 * day;

    cr_assert_eq(due(&rule, created, 0, 0), created + 100 * day);
    cr_assert_eq(due(&rule, created, created + 99 * day, 0), created + 100 * day, "a use is none");
    cr_assert_eq(due(&rule, created, 0, created + 5 * day), created + 35 * day);
    cr_assert_eq(due(&rule, created, 0, created + 90 * day), created + 120 * day);
    cr_assert_eq(due(&rule, created, 0, created - 25 * day), created + 20 * day, "the minimum");
}

/* 2026-01-05 and ten days before: an event of last year must not make the law's year end earlier. */
Test(rule, minimum_is_rounded_as_the_period_is)
{
    char name[] = "closed";
    struct rule rule = {.start = RULE_EVENT,
                        .event = name,
                        .period = {.months = 96},
                        .backstop = {.months = 96},
                        .minimum = {.months = 96},
                        .round = RULE_YEAR_END};
    const int64_t day = 86400, created = 1767571200, year_end = 2051222400;

    cr_assert_eq(calendar_use("UTC"), ERR_OK);
    cr_assert_eq(rule_minimum_end(&rule, created), year_end);
    cr_assert_eq(due(&rule, created, 0, created - 10 * day), year_end, "an event");
    cr_assert_eq(due(&rule, created, 0, 0), year_end, "the backstop");
    rule.start = RULE_CREATED;
    cr_assert_eq(due(&rule, created, 0, 0), year_end, "nothing at all");
}

/* ---- what holds for every rule ---- */

static uint32_t random_of(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525 + 1013904223;
    return (*state >> 8) % below;
}

static struct period random_period(uint32_t *state)
{
    return (struct period){(int32_t)random_of(state, 24), (int32_t)random_of(state, 60),
                           1 + random_of(state, 100000)};
}

/* A rule that could have been read. */
static bool random_rule(uint32_t *state, struct rule *rule)
{
    static char name[] = "event";

    *rule = (struct rule){.start = (enum rule_start)random_of(state, 3),
                          .period = random_period(state),
                          .round = (enum rule_round)random_of(state, 4)};
    if (rule->start == RULE_EVENT)
        rule->event = name;
    if (rule->start == RULE_EVENT || (rule->start == RULE_LAST_USED && random_of(state, 2) == 0))
        rule->backstop = random_period(state);
    if (random_of(state, 2) == 0)
        rule->minimum = random_period(state);
    return period_covers(&rule->period, &rule->minimum) &&
           (period_is_none(&rule->backstop) || period_covers(&rule->backstop, &rule->minimum));
}

/* Never before the minimum, never after the backstop where that binds, never earlier for what happened
 * later. Later by some days: the 28th to the 31st of a month may all become the 28th of a shorter one, each at
 * its time of day; and an hour comes twice. */
static void assert_holds(const struct rule *rule, uint32_t *state)
{
    const int64_t created = 1700000000 + (int64_t)random_of(state, 1u << 24) * 20;
    const int64_t used = created + random_of(state, 1u << 24) * 4;
    const int64_t event = random_of(state, 2) == 0 ? 0 : created + random_of(state, 1u << 24) * 4;
    const int64_t got = due(rule, created, used, event);
    const int64_t later = due(rule, created, used + LATER_S, event == 0 ? 0 : event + LATER_S);

    cr_assert_gt(got, created);
    cr_assert_geq(later, got);
    cr_assert_geq(due(rule, created + LATER_S, used + LATER_S, event == 0 ? 0 : event + LATER_S),
                  got);
    cr_assert_geq(got, rule_minimum_end(rule, created));
    if (!period_is_none(&rule->backstop) && (rule->start == RULE_LAST_USED || event == 0))
        cr_assert(got <= calendar_add(created, &rule->backstop) ||
                  got == rule_minimum_end(rule, created));
    if (rule->start == RULE_CREATED) {
        cr_assert_geq(got, calendar_add(created, &rule->period));
        cr_assert_eq(got, due(rule, created, 0, 0));
    }
}

Test(rule, due_times_keep_to_minimum_backstop_and_order)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/Sao_Paulo",
                                        "Australia/Lord_Howe", "Pacific/Kiritimati"};
    uint32_t state = 7;
    int tried = 0;

    for (size_t z = 0; z < COUNT_OF(zones); z++) {
        cr_assert_eq(calendar_use(zones[z]), ERR_OK);
        for (int i = 0; i < 400; i++) {
            struct rule rule;

            if (!random_rule(&state, &rule))
                continue;
            tried++;
            for (int k = 0; k < 20; k++)
                assert_holds(&rule, &state);
        }
    }
    cr_assert_gt(tried, 400);
}
