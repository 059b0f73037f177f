/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/housekeeping.h"

#include <criterion/criterion.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "retention/recount.h"
#include "tests/support/vault_rig.h"

/* A loop that is turned until something holds. */
struct bench {
    struct rig rig;
    struct erasures *erasures;
    uv_loop_t loop;
    struct housekeeping *housekeeping;
    int stopped;
};

static void on_stopped(void *context)
{
    struct bench *b = context;

    b->stopped++;
}

static void bench_start(struct bench *b, int64_t interval_ms)
{
    struct housekeeping_options options;

    b->stopped = 0;
    b->erasures = erasures_new(b->rig.vault, NULL);
    REQUIRE(uv_loop_init(&b->loop) == 0);
    options = (struct housekeeping_options){.loop = &b->loop,
                                            .vault = b->rig.vault,
                                            .erasures = b->erasures,
                                            .interval_ms = interval_ms};
    b->housekeeping = housekeeping_start(&options);
}

static void bench_stop(struct bench *b)
{
    housekeeping_stop(&b->housekeeping, on_stopped, b);
    cr_assert_null(b->housekeeping);
    cr_assert_eq(b->stopped, 0, "never from inside");
    cr_assert_eq(uv_run(&b->loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(b->stopped, 1);
    cr_assert_eq(uv_loop_close(&b->loop), 0);
    erasures_free(&b->erasures);
}

static uint64_t items(struct bench *b, const char *class_name)
{
    struct vault_reader *reader = NULL;
    struct vault_class_stats s;

    REQUIRE(vault_reader_open(b->rig.vault, &reader) == ERR_OK);
    REQUIRE(vault_read_begin(reader) == ERR_OK);
    REQUIRE(vault_read_stats(reader, rig_class(&b->rig, class_name), clock_now_s(), &s) == ERR_OK);
    vault_read_end(reader);
    vault_reader_close(&reader);
    return s.items;
}

static size_t open_in_ledger(struct bench *b)
{
    struct vault_erasure *list = NULL;
    size_t count = 0;

    REQUIRE(vault_erasures_open(b->rig.vault, &list, &count) == ERR_OK);
    for (size_t i = 0; i < count; i++)
        vault_erasure_done(&list[i]);
    free(list);
    return count;
}

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR + 1);
}

TestSuite(housekeeping, .init = start, .timeout = 60);

Test(housekeeping, sweeps_at_once_and_again_by_the_clock)
{
    struct bench b;

    rig_init(&b.rig);
    (void)rig_store(&b.rig, "brief", "ada", "tea");
    rig_clock(RIG_NOW_S + 2 * 3600);
    bench_start(&b, 5);
    while (items(&b, "brief") > 0)
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    (void)rig_store(&b.rig, "brief", "ada", "tea");
    rig_clock(RIG_NOW_S + 4 * 3600);
    while (items(&b, "brief") > 0)
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    bench_stop(&b);
    rig_done(&b.rig);
}

static bool is_recounted(struct bench *b, int64_t *ret_at_ms)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_recount found;
    enum err e;

    REQUIRE(vault_records_open(b->rig.vault, &records) == ERR_OK);
    e = recount_last(records, "note", ret_at_ms, &found);
    REQUIRE(e == ERR_OK || e == ERR_NOT_FOUND);
    return e == ERR_OK;
}

Test(housekeeping, counts_all_rows_once_a_night)
{
    struct bench b;
    int64_t first_ms = 0, at_ms = 0;

    rig_init(&b.rig); /* at noon */
    bench_start(&b, 5);
    rig_clock(RIG_NOW_S + 13 * 3600);
    for (int i = 0; i < 20; i++)
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    cr_assert_not(is_recounted(&b, &at_ms), "at one o'clock");
    rig_clock(RIG_NOW_S + 14 * 3600);
    while (!is_recounted(&b, &first_ms))
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    rig_clock(RIG_NOW_S + 30 * 3600);
    for (int i = 0; i < 20; i++)
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    cr_assert(is_recounted(&b, &at_ms) && at_ms == first_ms, "not again the same day");
    rig_clock(RIG_NOW_S + 38 * 3600);
    while (is_recounted(&b, &at_ms) && at_ms == first_ms)
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    bench_stop(&b);
    rig_done(&b.rig);
}

Test(housekeeping, tries_again_after_a_pass_that_failed)
{
    struct bench b;

    rig_init(&b.rig);
    (void)rig_store(&b.rig, "brief", "ada", "tea");
    rig_clock(RIG_NOW_S + 2 * 3600);
    fault_test_set("commit.fail!io", NULL);
    bench_start(&b, 5);
    for (int i = 0; i < 10; i++)
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    cr_assert_eq(items(&b, "brief"), 1);
    fault_test_set(NULL, NULL);
    while (items(&b, "brief") > 0)
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    bench_stop(&b);
    rig_done(&b.rig);
}

Test(housekeeping, finishes_open_erasures_at_the_start)
{
    struct bench b;
    struct erasures *e;
    struct receipt receipt;

    rig_init(&b.rig);
    (void)rig_store(&b.rig, "note", "ada", "tea");
    fault_test_set("erase.verify!lies", NULL);
    e = erasures_new(b.rig.vault, NULL);
    cr_assert_eq(erasure_run(e, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), NULL, &receipt), ERR_OK);
    erasures_free(&e);
    fault_test_set(NULL, NULL);
    cr_assert_eq(open_in_ledger(&b), 1);
    bench_start(&b, 3600000);
    while (open_in_ledger(&b) > 0)
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    bench_stop(&b);
    rig_done(&b.rig);
}

Test(housekeeping, stops_before_it_began_and_in_the_middle)
{
    enum { ROWS = 30000 };
    struct bench b;

    rig_init(&b.rig);
    rig_store_many(&b.rig, "brief", "ada", ROWS);
    rig_clock(RIG_NOW_S + 2 * 3600);
    bench_start(&b, 5);
    bench_stop(&b);
    cr_assert_eq(items(&b, "brief"), ROWS, "its timer never fired");
    bench_start(&b, 5);
    while (items(&b, "brief") == ROWS)
        (void)uv_run(&b.loop, UV_RUN_NOWAIT);
    bench_stop(&b);
    cr_assert_gt(items(&b, "brief"), 0, "it did not wait for the end of the pass");
    rig_done(&b.rig);
}
