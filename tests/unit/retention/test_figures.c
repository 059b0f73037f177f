/* SPDX-License-Identifier: Apache-2.0 */
/* Figures against the retention report, and against what was done. */
#include "retention/figures.h"

#include <string.h>

#include "base/secret.h"
#include "retention/sweeper.h"
#include "tests/unit/retention/request_rig.h"
#include "vault/holds.h"

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(figures, .init = start, .timeout = 120);

static struct request_rig r;

static struct report_context context(int64_t from_day, int64_t to_day)
{
    return (struct report_context){.vault = r.rig.vault,
                                   .requests = r.requests,
                                   .classes = &r.rig.classes,
                                   .now_s = vault_now_s(r.rig.vault),
                                   .from_day = from_day,
                                   .to_day = to_day};
}

static struct json *figure_over(const char *name, int64_t from_day, int64_t to_day)
{
    struct report_context c = context(from_day, to_day);
    const struct figure_kind *kind = figure_kind_find(span_str(name));
    struct json *tree = NULL;
    struct errmsg msg = {""};

    cr_assert_not_null(kind, "%s", name);
    REQUIRE(vault_reader_open(r.rig.vault, &c.reader) == ERR_OK);
    cr_assert_eq(figure_make(kind, &c, &tree, &msg), ERR_OK, "%s: %s", name, msg.text);
    vault_reader_close(&c.reader);
    return tree;
}

static struct json *figure(const char *name)
{
    return figure_over(name, INT64_MIN, INT64_MAX);
}

static struct json *retention(void)
{
    struct report_context c = context(INT64_MIN, INT64_MAX);
    struct json *tree = NULL;
    struct errmsg msg = {""};

    REQUIRE(vault_reader_open(r.rig.vault, &c.reader) == ERR_OK);
    cr_assert_eq(report_make(report_kind_find(SPAN_LIT("retention")), &c, &tree, &msg), ERR_OK);
    vault_reader_close(&c.reader);
    return tree;
}

static int64_t number(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), -1);
}

static int64_t sum(const struct json *list)
{
    int64_t n = 0;

    for (size_t i = 0; i < json_count(list); i++)
        n += json_int_of(json_at(list, i), 0);
    return n;
}

/* The element of a list whose member has this text. */
static const struct json *find(const struct json *list, const char *name, const char *text)
{
    for (size_t i = 0; i < json_count(list); i++) {
        const char *found = json_str_of(json_get(json_at(list, i), name));

        if (found != NULL && strcmp(found, text) == 0)
            return json_at(list, i);
    }
    return NULL;
}

/* Thirty days, on each of which something comes; what is over goes in the middle only, so that something is left. */
static void live(void)
{
    char who[16];

    for (int day = 0; day < 30; day++) {
        rig_clock(RIG_NOW_S + (int64_t)day * RIG_DAY_S);
        (void)snprintf(who, sizeof(who), "p%d", day);
        (void)rig_store(&r.rig, "mail", who, who);
        rig_store_many(&r.rig, "note", who, (size_t)day % 4 + 1);
        if (day % 3 == 0)
            rig_store_many(&r.rig, "brief", who, 2);
        if (day == 15) {
            struct sweeper_options o = {
                .vault = r.rig.vault, .classes = &r.rig.classes, .now_s = vault_now_s(r.rig.vault)};
            struct sweeper_counts counts;

            REQUIRE(sweeper_pass(&o, &counts) == ERR_OK);
        }
    }
}

Test(figures, each_has_a_name_a_title_and_says_of_what_it_speaks)
{
    request_rig_init(&r);
    for (size_t i = 0; figure_kind_at(i) != NULL; i++) {
        AUTO(json_free) struct json *tree = figure(figure_kind_at(i)->name);

        cr_expect_str_eq(json_str_of(json_get(tree, "figure")), figure_kind_at(i)->name);
        cr_expect_str_eq(json_str_of(json_get(tree, "as_of")), "2026-01-10T12:00:00Z");
        cr_expect_not_null(json_str_of(json_get(tree, "title")));
        cr_expect_not_null(json_get(tree, "ledger"));
    }
    cr_expect_null(figure_kind_find(SPAN_LIT("nonsense")));
    request_rig_done(&r);
}

Test(figures, expiries_and_ages_have_the_sums_of_the_retention_report)
{
    AUTO(json_free) struct json *expiries = NULL, *ages = NULL, *report = NULL;
    const struct json *rows;

    request_rig_init(&r);
    live();
    expiries = figure("expiries");
    ages = figure("ages");
    report = retention();
    rows = json_get(report, "rows");
    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        const char *name = json_str_of(json_get(row, "class"));
        const struct json *due = find(json_get(expiries, "series"), "class", name);
        const struct json *age = find(json_get(ages, "series"), "class", name);
        const int64_t items = number(row, "items");

        cr_expect_gt(items, 0, "%s", name);
        cr_expect_eq(number(due, "overdue"), number(row, "overdue") + number(row, "held_due"));
        cr_expect_eq(number(due, "values"), items);
        cr_expect_eq(number(due, "overdue") + sum(json_get(due, "weeks")) + number(due, "later"),
                     items, "%s", name);
        cr_expect_eq(sum(json_get(age, "buckets")), items, "%s", name);
        cr_expect_eq(number(age, "overdue"), number(due, "overdue"), "%s", name);
    }
    cr_expect_gt(number(json_get(expiries, "total"), "overdue"), 0);
    cr_expect_eq(json_count(json_get(expiries, "weeks")), FIGURE_WEEKS_AHEAD);
    cr_expect_str_eq(json_str_of(json_get(json_at(json_get(expiries, "weeks"), 1), "from")),
                     "2026-02-15");
    request_rig_done(&r);
}

Test(figures, a_value_due_today_is_in_the_first_week_and_one_due_yesterday_is_overdue)
{
    AUTO(json_free) struct json *today = NULL, *tomorrow = NULL;
    const struct json *note;

    request_rig_init(&r);
    (void)rig_store(&r.rig, "note", "ada", "x"); /* ten days */
    rig_clock(RIG_NOW_S + 10 * (int64_t)RIG_DAY_S);
    today = figure("expiries");
    note = find(json_get(today, "series"), "class", "note");
    cr_expect_eq(number(note, "overdue"), 0);
    cr_expect_eq(json_int_of(json_at(json_get(note, "weeks"), 0), -1), 1);
    rig_clock(RIG_NOW_S + 11 * (int64_t)RIG_DAY_S);
    tomorrow = figure("expiries");
    note = find(json_get(tomorrow, "series"), "class", "note");
    cr_expect_eq(number(note, "overdue"), 1);
    request_rig_done(&r);
}

Test(figures, the_line_of_ages_stands_within_the_picture_and_what_is_older_right_of_it)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct json *note;
    int64_t line;

    request_rig_init(&r);
    (void)rig_store(&r.rig, "note", "ada", "x");
    rig_clock(RIG_NOW_S + 12 * (int64_t)RIG_DAY_S);
    (void)rig_store(&r.rig, "note", "bob", "x");
    tree = figure("ages");
    note = find(json_get(tree, "series"), "class", "note");
    line = number(note, "limit_days") / number(note, "bucket_days");
    cr_expect_str_eq(json_str_of(json_get(note, "limit")), "period");
    cr_expect_eq(number(note, "limit_days"), 10);
    cr_expect_lt(line, FIGURE_BUCKETS);
    cr_expect_eq(json_int_of(json_at(json_get(note, "buckets"), 0), -1), 1);
    cr_expect_eq(
        json_int_of(json_at(json_get(note, "buckets"), (size_t)(12 / number(note, "bucket_days"))),
                    -1),
        1);
    request_rig_done(&r);
}

Test(figures, flows_balance_with_the_retention_report_by_days_and_by_weeks)
{
    AUTO(json_free) struct json *weeks = NULL, *days = NULL, *purges = NULL, *report = NULL;
    const int64_t today = RIG_NOW_S / RIG_DAY_S + 29;
    const struct json *rows, *bars, *last;
    int64_t items = 0, timer = 0, created = 0;

    request_rig_init(&r);
    live();
    weeks = figure("flow");
    days = figure_over("flow", today - 9, today + 1);
    purges = figure_over("purges", today - 29, today + 1);
    report = retention();
    rows = json_get(report, "rows");
    for (size_t i = 0; i < json_count(rows); i++) {
        items += number(json_at(rows, i), "items");
        timer += number(json_at(rows, i), "purged_timer");
        created += number(json_at(rows, i), "created");
    }
    cr_expect_str_eq(json_str_of(json_get(weeks, "step")), "week");
    cr_expect_str_eq(json_str_of(json_get(days, "step")), "day");
    bars = json_get(weeks, "bars");
    last = json_at(bars, json_count(bars) - 1);
    cr_expect_eq(number(last, "balance"), items);
    cr_expect_eq(number(weeks, "opening"), 0);
    bars = json_get(days, "bars");
    cr_expect_eq(json_count(bars), 10);
    cr_expect_eq(number(json_at(bars, 9), "balance"), items);
    cr_expect_gt(number(days, "opening"), 0);
    bars = json_get(purges, "bars");
    cr_expect_gt(timer, 0);
    cr_expect_eq(json_count(bars), 30);
    cr_expect_eq(number(json_at(bars, 15), "timer"), timer, "the day of the sweep");
    bars = json_get(weeks, "bars");
    for (size_t i = 0; i < json_count(bars); i++)
        created -= number(json_at(bars, i), "created");
    cr_expect_eq(created, 0);
    request_rig_done(&r);
}

Test(figures, the_matrix_counts_classes_by_start_and_period)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct json *cell, *periods;

    request_rig_init(&r);
    rig_store_many(&r.rig, "note", "ada", 3);
    tree = figure("matrix");
    cr_expect_eq(json_count(json_get(tree, "starts")), 1);
    periods = json_get(tree, "periods");
    cr_expect_eq(json_count(periods), 3);
    cr_expect_str_eq(json_str_of(json_at(periods, 0)), "PT1H", "the shortest first");
    cr_expect_str_eq(json_str_of(json_at(periods, 2)), "P2Y");
    cell = find(json_get(tree, "cells"), "period", "P10D");
    cr_expect_eq(number(cell, "count"), 1);
    cr_expect_eq(number(cell, "values"), 3);
    cr_expect_str_eq(json_str_of(json_at(json_get(cell, "classes"), 0)), "note");
    request_rig_done(&r);
}

Test(figures, the_burn_down_has_each_open_request_by_the_days_that_are_left)
{
    AUTO(json_free) struct json *tree = NULL, *a = NULL, *b = NULL, *c = NULL;
    const struct json *bars, *strip;
    int64_t all = 0;

    request_rig_init(&r);
    (void)rig_store(&r.rig, "mail", "ada", "ada");
    cr_assert_eq(request_rig_add(&r, "{\"rights\":[\"erasure\"],\"channel\":\"email\"}", "ada", &a),
                 ERR_OK, "%s", r.msg.text);
    cr_assert_eq(request_rig_add(
                     &r,
                     "{\"rights\":[\"access\"],\"channel\":\"letter\",\"received\":\"2025-12-01\"}",
                     "ada", &b),
                 ERR_OK, "%s", r.msg.text);
    cr_assert_eq(request_rig_add(&r, "{\"rights\":[\"access\"],\"channel\":\"email\"}", "ada", &c),
                 ERR_OK, "%s", r.msg.text);
    cr_assert_eq(request_rig_act(&r, 3, REQUEST_WITHDRAW, "{\"channel\": \"phone\"}"), ERR_OK, "%s",
                 r.msg.text);
    tree = figure("burndown");
    cr_expect_eq(number(tree, "open"), 2);
    bars = json_get(tree, "bars");
    for (size_t i = 0; i < json_count(bars); i++)
        all += number(json_at(bars, i), "count");
    cr_expect_eq(all, 2);
    cr_expect_eq(number(json_at(bars, 0), "count"), 1, "past due");
    cr_expect_eq(json_count(json_get(tree, "strips")), 2);
    strip = json_at(json_get(tree, "strips"), 0);
    cr_expect_eq(number(strip, "number"), 2, "the first that is due");
    cr_expect_str_eq(json_str_of(json_get(strip, "received")), "2025-12-01");
    cr_expect_str_eq(json_str_of(json_get(strip, "standing")), "past due");
    cr_expect_lt(number(strip, "days_left"), 0);
    request_rig_done(&r);
}

Test(figures, a_request_that_was_extended_has_both_dates)
{
    AUTO(json_free) struct json *tree = NULL, *a = NULL;
    const struct json *strip;

    request_rig_init(&r);
    (void)rig_store(&r.rig, "mail", "ada", "ada");
    cr_assert_eq(request_rig_add(&r, "{\"rights\":[\"erasure\"],\"channel\":\"email\"}", "ada", &a),
                 ERR_OK, "%s", r.msg.text);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_VERIFY_IDENTITY, "{\"method\":\"login\"}"), ERR_OK,
                 "%s", r.msg.text);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_SCOPE, "{}"), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(
        request_rig_act(&r, 1, REQUEST_EXTEND,
                        "{\"reason\": \"number\", \"channel\": \"email\", \"by\": \"M. Roe\"}"),
        ERR_OK, "%s", r.msg.text);
    tree = figure("burndown");
    strip = json_at(json_get(tree, "strips"), 0);
    cr_expect_str_eq(json_str_of(json_get(strip, "legal")), "2026-02-10");
    cr_expect_str_eq(json_str_of(json_get(strip, "extended")), "2026-04-10");
    cr_expect_str_eq(json_str_of(json_get(strip, "due")), "2026-04-10");
    request_rig_done(&r);
}

static void hold(const char *class_name, int64_t review_s)
{
    struct vault_hold h = {.code = "17(3)(e)",
                           .ground = "a claim",
                           .owner = "legal",
                           .set_by = "cli",
                           .review_s = review_s,
                           .class_id = rig_class(&r.rig, class_name)};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_SET, .hold = &h};

    cr_assert_eq(vault_run(r.rig.vault, &op.op), ERR_OK);
}

Test(figures, holds_stand_at_their_age_and_say_which_reviews_are_over)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct json *bars;

    request_rig_init(&r);
    hold("note", RIG_NOW_S + 20 * (int64_t)RIG_DAY_S);
    rig_clock(RIG_NOW_S + 40 * (int64_t)RIG_DAY_S);
    hold("mail", RIG_NOW_S + 400 * (int64_t)RIG_DAY_S);
    tree = figure("holds");
    bars = json_get(tree, "bars");
    cr_expect_eq(number(tree, "in_force"), 2);
    cr_expect_eq(number(json_at(bars, 0), "count"), 1);
    cr_expect_eq(number(json_at(bars, 1), "count"), 1);
    cr_expect_eq(number(json_at(bars, 1), "review_overdue"), 1);
    cr_expect_eq(number(json_at(json_get(tree, "rows"), 0), "days"), 40);
    request_rig_done(&r);
}

Test(figures, a_period_that_is_too_long_or_ends_before_it_begins_is_refused)
{
    struct json *tree = NULL;
    struct errmsg msg = {""};
    struct report_context c;

    request_rig_init(&r);
    c = context(0, INT64_MAX);
    cr_expect_eq(figure_make(figure_kind_at(0), &c, &tree, &msg), ERR_INVALID);
    c = context(20000, 19990);
    cr_expect_eq(figure_make(figure_kind_at(0), &c, &tree, &msg), ERR_INVALID);
    cr_expect_null(tree);
    request_rig_done(&r);
}
