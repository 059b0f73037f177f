/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"
#include "base/log.h"
#include "retention/erasure.h"
#include "retention/runs.h"
#include "retention/sweeper.h"
#include "tests/unit/retention/report_rig.h"
#include "vault/purges.h"

enum { HOUR_S = 3600 };

static struct rig r;
static struct runs *runs;

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR + 1);
}

TestSuite(report_purges, .init = start, .timeout = 60);

static void begin(void)
{
    rig_init(&r);
    runs = runs_new(r.vault);
}

static void end(void)
{
    runs_free(&runs);
    rig_done(&r);
}

static void sweep_at(int64_t now_s)
{
    static const struct breaker breaker = BREAKER_DEFAULT;
    const struct sweeper_options o = {
        .vault = r.vault, .classes = &r.classes, .now_s = now_s, .breaker = &breaker, .runs = runs};
    struct sweeper_counts counts;

    rig_clock(now_s);
    (void)!sweeper_pass(&o, &counts);
}

static struct json *report_over(const char *name, int64_t from_day, int64_t to_day)
{
    return rig_report_over(&r, name, from_day, to_day);
}

static struct json *report(const char *name)
{
    return report_over(name, INT64_MIN, INT64_MAX);
}

static int64_t number(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), -1);
}

static const struct json *row(const struct json *tree, size_t at)
{
    return json_at(json_get(tree, "rows"), at);
}

static bool attends(const struct json *map, const char *reason)
{
    const struct json *reasons = json_get(map, "attention");

    for (size_t i = 0; i < json_count(reasons); i++)
        if (span_equal(json_text_of(json_at(reasons, i)), span_str(reason)))
            return true;
    return false;
}

Test(report_purges, shows_what_each_run_destroyed_of_each_class)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct json *summary;

    begin();
    sweep_at(RIG_NOW_S);
    (void)rig_store(&r, "brief", "ada", "tea");
    rig_store_many(&r, "note", "ada", 3);
    sweep_at(RIG_NOW_S + HOUR_S + 30);
    sweep_at(RIG_NOW_S + 10 * (int64_t)RIG_DAY_S + 5);
    tree = report("purges");
    summary = json_get(tree, "summary");
    cr_assert_eq(json_count(json_get(tree, "rows")), 3);
    cr_assert_eq(json_kind(json_get(row(tree, 0), "class")), JSON_NIL, "nothing was due");
    cr_assert_str_eq(json_str_of(json_get(row(tree, 1), "class")), "brief");
    cr_assert_eq(number(row(tree, 1), "purged"), 1);
    cr_assert_eq(number(row(tree, 1), "delay_s"), 30);
    cr_assert_str_eq(json_str_of(json_get(row(tree, 2), "class")), "note");
    cr_assert_eq(number(row(tree, 2), "purged"), 3);
    cr_assert_eq(number(summary, "runs"), 3);
    cr_assert_eq(number(summary, "purged"), 4);
    cr_assert_eq(number(summary, "delay_s"), 30);
    cr_assert_not(report_needs_attention(tree));
    end();
}

Test(report_purges, wants_attention_for_a_failure_until_it_is_made_up_for)
{
    AUTO(json_free) struct json *failed = NULL, *done = NULL;

    begin();
    (void)rig_store(&r, "brief", "ada", "tea");
    fault_test_set("purge.fail!io", NULL);
    sweep_at(RIG_NOW_S + 2 * HOUR_S);
    fault_test_set(NULL, NULL);
    failed = report("purges");
    cr_assert(attends(row(failed, 0), "failed"));
    cr_assert(report_needs_attention(failed));
    (void)rig_store(&r, "brief", "ada", "tea");
    sweep_at(RIG_NOW_S + 6 * HOUR_S); /* another run */
    done = report("purges");
    cr_assert_eq(number(row(done, 0), "failures"), 1);
    cr_assert_not(report_needs_attention(done));
    end();
}

Test(report_purges, wants_attention_while_a_class_is_paused)
{
    AUTO(json_free) struct json *tree = NULL;
    struct vault_purge_foreseen nothing = {.class_id = 0};
    struct vault_purge_note op = {
        .op.kind = VAULT_PURGE_NOTE, .foreseen = &nothing, .foreseen_count = 1};

    begin();
    rig_store_many(&r, "note", "ada", 1000);
    nothing.class_id = rig_class(&r, "note");
    nothing.at_s = RIG_NOW_S;
    nothing.created = 1000;
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    sweep_at(RIG_NOW_S + 20 * (int64_t)RIG_DAY_S);
    tree = report("purges");
    cr_assert_str_eq(json_str_of(json_get(row(tree, 0), "end")), "paused");
    cr_assert_eq(number(row(tree, 0), "overdue"), 1000);
    cr_assert(attends(row(tree, 0), "sweep_paused"));
    cr_assert(attends(row(tree, 0), "overdue"));
    cr_assert_eq(number(json_get(tree, "summary"), "paused"), 1);
    json_free(&tree);
    tree = report("retention");
    cr_assert(attends(row(tree, 1), "sweep_paused"));
    end();
}

Test(report_purges, goes_a_month_back_unless_it_is_said)
{
    AUTO(json_free) struct json *month = NULL, *older = NULL;
    const int64_t first_day = RIG_NOW_S / RIG_DAY_S;

    begin();
    for (int64_t day = 0; day < 60; day += 20)
        sweep_at(RIG_NOW_S + day * RIG_DAY_S);
    month = report("purges");
    cr_assert_eq(json_count(json_get(month, "rows")), 2);
    older = report_over("purges", first_day, first_day + 1);
    cr_assert_eq(json_count(json_get(older, "rows")), 1);
    cr_assert_eq(number(row(older, 0), "run"), 1);
    end();
}

Test(report_purges, by_day_tells_the_reasons_apart)
{
    AUTO(json_free) struct json *tree = NULL;
    struct erasures *erasures;
    struct receipt receipt;

    begin();
    erasures = erasures_new(r.vault, NULL);
    (void)rig_store(&r, "brief", "ada", "tea");
    rig_store_many(&r, "brief", "bob", 2);
    rig_store_many(&r, "note", "bob", 4);
    cr_assert_eq(erasure_run(erasures, VAULT_DOMAIN_DEFAULT, SPAN_LIT("bob"), NULL, &receipt),
                 ERR_OK);
    sweep_at(RIG_NOW_S + RIG_DAY_S);
    tree = report("purge-days");
    cr_assert_eq(json_count(json_get(tree, "rows")), 3);
    cr_assert_str_eq(json_str_of(json_get(row(tree, 0), "day")), "2026-01-10");
    cr_assert_str_eq(json_str_of(json_get(row(tree, 0), "class")), "note");
    cr_assert_eq(number(row(tree, 0), "purged_erasure"), 4);
    cr_assert_eq(number(row(tree, 0), "purged_timer"), 0);
    cr_assert_eq(number(row(tree, 1), "purged_erasure"), 2);
    cr_assert_str_eq(json_str_of(json_get(row(tree, 2), "day")), "2026-01-11");
    cr_assert_eq(number(row(tree, 2), "purged_timer"), 1);
    erasures_free(&erasures);
    end();
}
