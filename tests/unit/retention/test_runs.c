/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/runs.h"

#include <criterion/criterion.h>

#include "base/fault.h"
#include "base/log.h"
#include "retention/sweeper.h"
#include "tests/support/vault_rig.h"
#include "vault/purges.h"

enum { HOUR_S = 3600 };

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR + 1);
}

TestSuite(runs, .init = start, .timeout = 60);

static struct rig r;
static struct runs *runs;

static void begin(void)
{
    rig_init(&r);
    runs = runs_new(r.vault);
}

static void end(void)
{
    fault_test_set(NULL, NULL);
    runs_free(&runs);
    rig_done(&r);
}

static void restart(void)
{
    runs_free(&runs);
    vault_close(&r.vault);
    rig_open(&r);
    runs = runs_new(r.vault);
}

static struct sweeper_counts sweep_at(int64_t now_s, uint64_t budget)
{
    static const struct breaker breaker = BREAKER_DEFAULT;
    struct sweeper_options o = {.vault = r.vault,
                                .classes = &r.classes,
                                .now_s = now_s,
                                .budget = budget,
                                .breaker = &breaker,
                                .runs = runs};
    struct sweeper_counts counts;

    rig_clock(now_s);
    (void)!sweeper_pass(&o, &counts);
    return counts;
}

static struct json *list(void)
{
    struct json *all = NULL;

    cr_assert_eq(runs_list(r.vault, 0, INT64_MAX, &all), ERR_OK);
    return all;
}

static int64_t number(const struct json *run, const char *name)
{
    return json_int_of(json_get(run, name), -1);
}

static const char *text(const struct json *run, const char *name)
{
    return json_str_of(json_get(run, name));
}

/* What a run says of a class; NULL when nothing. */
static const struct json *about(const struct json *run, const char *class_name)
{
    const struct json *classes = json_get(run, "classes");

    for (size_t i = 0; i < json_count(classes); i++)
        if (strcmp(text(json_at(classes, i), "class"), class_name) == 0)
            return json_at(classes, i);
    return NULL;
}

Test(runs, the_first_pass_is_recorded_even_when_it_finds_nothing)
{
    AUTO(json_free) struct json *all = NULL;

    begin();
    (void)sweep_at(RIG_NOW_S, 0);
    all = list();
    cr_assert_eq(json_count(all), 1);
    cr_assert_str_eq(text(json_at(all, 0), "end"), "done");
    cr_assert_str_eq(text(json_at(all, 0), "clock"), "right");
    cr_assert_str_eq(text(json_at(all, 0), "started"), "2026-01-10T12:00:00.000Z");
    cr_assert_eq(json_count(json_get(json_at(all, 0), "classes")), 0);
    end();
}

Test(runs, passes_of_an_hour_are_one_run)
{
    AUTO(json_free) struct json *all = NULL;
    const struct json *run;

    begin();
    for (int64_t s = 0; s < 30; s++) {
        (void)rig_store(&r, "brief", "ada", "tea");
        (void)sweep_at(RIG_NOW_S + HOUR_S + s * 60, 0); /* what was stored an hour before goes */
        rig_clock(RIG_NOW_S + s * 60 + 60);
    }
    all = list();
    cr_assert_eq(json_count(all), 1);
    run = json_at(all, 0);
    cr_assert_eq(number(run, "passes"), 30);
    cr_assert_eq(number(about(run, "brief"), "purged"), 30);
    cr_assert_null(about(run, "note"));
    end();
}

Test(runs, another_hour_is_another_run)
{
    AUTO(json_free) struct json *all = NULL;

    begin();
    for (int64_t i = 0; i < 3; i++) {
        rig_clock(RIG_NOW_S + i * 2 * HOUR_S);
        (void)rig_store(&r, "brief", "ada", "tea");
        (void)sweep_at(RIG_NOW_S + i * 2 * HOUR_S + HOUR_S + 7, 0);
    }
    all = list();
    cr_assert_eq(json_count(all), 3);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(number(about(json_at(all, i), "brief"), "purged"), 1);
        cr_assert_eq(number(about(json_at(all, i), "brief"), "delay_s"), 7);
    }
    end();
}

Test(runs, when_nothing_is_due_one_run_a_day_says_so)
{
    AUTO(json_free) struct json *all = NULL;

    begin();
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    for (int64_t hour = 0; hour < 5 * 24; hour++)
        (void)sweep_at(RIG_NOW_S + hour * HOUR_S, 0);
    all = list();
    cr_assert_eq(json_count(all), 5);
    end();
}

Test(runs, a_class_that_fails_is_recorded_and_so_is_what_made_up_for_it)
{
    AUTO(json_free) struct json *failed = NULL, *done = NULL;

    begin();
    (void)rig_store(&r, "brief", "ada", "tea");
    fault_test_set("purge.fail!io", NULL);
    (void)sweep_at(RIG_NOW_S + 2 * HOUR_S, 0);
    fault_test_set(NULL, NULL);
    failed = list();
    cr_assert_str_eq(text(json_at(failed, 0), "end"), "failed");
    cr_assert_eq(number(about(json_at(failed, 0), "brief"), "failures"), 1);
    (void)sweep_at(RIG_NOW_S + 2 * HOUR_S + 60, 0);
    done = list();
    cr_assert_eq(json_count(done), 1);
    cr_assert_str_eq(text(json_at(done, 0), "end"), "done");
    cr_assert_eq(number(about(json_at(done, 0), "brief"), "failures"), 1, "not forgotten");
    cr_assert_eq(number(about(json_at(done, 0), "brief"), "purged"), 1);
    end();
}

Test(runs, a_run_that_reached_its_bound_says_what_is_left)
{
    AUTO(json_free) struct json *all = NULL;

    begin();
    rig_store_many(&r, "brief", "ada", 1300);
    cr_assert(sweep_at(RIG_NOW_S + 2 * RIG_DAY_S, 600).more);
    all = list();
    cr_assert_str_eq(text(json_at(all, 0), "end"), "budget");
    cr_assert_eq(number(about(json_at(all, 0), "brief"), "purged") +
                     number(about(json_at(all, 0), "brief"), "overdue"),
                 1300);
    end();
}

/* As if the process had been killed after two batches. */
static void purge_as_of(int64_t run, const char *class_name, size_t limit)
{
    struct vault_purge_due op = {.op.kind = VAULT_PURGE_DUE,
                                 .class_id = rig_class(&r, class_name),
                                 .now_s = clock_now_s(),
                                 .run = run,
                                 .limit = limit};

    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    cr_assert_eq(op.deleted, limit);
}

Test(runs, one_that_was_killed_is_recorded_with_the_right_numbers_afterwards)
{
    AUTO(json_free) struct json *all = NULL;
    int64_t run;

    begin();
    rig_store_many(&r, "brief", "ada", 20);
    rig_store_many(&r, "note", "ada", 20);
    rig_clock(RIG_NOW_S + 20 * (int64_t)RIG_DAY_S);
    run = runs_begin(runs, clock_now_s() * 1000);
    purge_as_of(run, "brief", 7);
    purge_as_of(run, "brief", 6);
    purge_as_of(run, "note", 5);
    restart();
    (void)sweep_at(RIG_NOW_S + 20 * (int64_t)RIG_DAY_S + 60, 0);
    all = list();
    cr_assert_eq(json_count(all), 2);
    cr_assert_str_eq(text(json_at(all, 0), "end"), "interrupted");
    cr_assert_eq(number(about(json_at(all, 0), "brief"), "purged"), 13);
    cr_assert_eq(number(about(json_at(all, 0), "brief"), "batches"), 2);
    cr_assert_eq(number(about(json_at(all, 0), "note"), "purged"), 5);
    cr_assert_str_eq(text(json_at(all, 1), "end"), "done");
    cr_assert_eq(number(about(json_at(all, 1), "brief"), "purged"), 7);
    end();
}

Test(runs, one_that_was_killed_in_a_later_pass_keeps_its_record)
{
    AUTO(json_free) struct json *all = NULL;
    int64_t run;

    begin();
    rig_store_many(&r, "brief", "ada", 10);
    (void)sweep_at(RIG_NOW_S + 2 * HOUR_S, 0);
    rig_store_many(&r, "brief", "ada", 10);
    rig_clock(RIG_NOW_S + 4 * HOUR_S);
    run = runs_begin(runs, (RIG_NOW_S + 2 * HOUR_S + 60) * 1000); /* within the hour */
    purge_as_of(run, "brief", 4);
    restart();
    (void)sweep_at(RIG_NOW_S + 4 * HOUR_S, 0);
    all = list();
    cr_assert_eq(json_count(all), 2);
    cr_assert_str_eq(text(json_at(all, 0), "end"), "interrupted");
    cr_assert_eq(number(json_at(all, 0), "passes"), 2);
    cr_assert_eq(number(about(json_at(all, 0), "brief"), "purged"), 14);
    cr_assert_eq(number(about(json_at(all, 1), "brief"), "purged"), 6);
    end();
}

Test(runs, a_restart_between_passes_interrupts_nothing)
{
    AUTO(json_free) struct json *all = NULL;

    begin();
    (void)rig_store(&r, "brief", "ada", "tea");
    (void)sweep_at(RIG_NOW_S + 2 * HOUR_S, 0);
    restart();
    (void)sweep_at(RIG_NOW_S + 2 * HOUR_S, 0);
    restart();
    (void)sweep_at(RIG_NOW_S + 2 * HOUR_S + 1, 0);
    all = list();
    cr_assert_eq(json_count(all), 1);
    cr_assert_str_eq(text(json_at(all, 0), "end"), "done");
    end();
}

Test(runs, a_record_that_cannot_be_written_is_made_up_for)
{
    AUTO(json_free) struct json *all = NULL;

    begin();
    (void)sweep_at(RIG_NOW_S, 0);
    (void)rig_store(&r, "brief", "ada", "tea");
    fault_test_set("records.fail!io", NULL);
    (void)sweep_at(RIG_NOW_S + 2 * HOUR_S, 0);
    fault_test_set(NULL, NULL);
    restart();
    (void)sweep_at(RIG_NOW_S + 2 * HOUR_S + 60, 0);
    all = list();
    cr_assert_eq(json_count(all), 2);
    cr_assert_eq(number(about(json_at(all, 1), "brief"), "purged"), 1);
    end();
}

Test(runs, runs_outside_of_a_time_are_left_out)
{
    AUTO(json_free) struct json *all = NULL, *one = NULL, *last = NULL;
    const int64_t third_ms = (RIG_NOW_S + 2 * (int64_t)RIG_DAY_S) * 1000;

    begin();
    for (int64_t day = 0; day < 4; day++)
        (void)sweep_at(RIG_NOW_S + day * RIG_DAY_S, 0);
    cr_assert_eq(runs_list(r.vault, third_ms, INT64_MAX, &all), ERR_OK);
    cr_assert_eq(json_count(all), 2);
    cr_assert_eq(runs_list(r.vault, third_ms, third_ms + 1, &one), ERR_OK);
    cr_assert_eq(json_count(one), 1);
    cr_assert_eq(runs_last(r.vault, &last), ERR_OK);
    cr_assert_eq(number(last, "run"), 4);
    end();
}

Test(runs, there_is_no_last_one_before_the_first)
{
    AUTO(json_free) struct json *last = NULL;

    begin();
    cr_assert_eq(runs_last(r.vault, &last), ERR_NOT_FOUND);
    end();
}
