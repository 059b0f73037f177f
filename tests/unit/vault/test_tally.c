/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/tally_priv.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/secret.h"
#include "tests/support/scratch.h"

enum { DAY_S = 86400 };

static struct scratch scratch;
static struct store *s;
static struct tally *t;

static void setup(void)
{
    static const uint8_t id[VAULT_ID_BYTES];
    char path[128];
    struct errmsg msg;

    secret_start();
    scratch = scratch_new();
    snprintf(path, sizeof(path), "%s/vault.db", scratch.dir);
    cr_assert_eq(store_create(path, id, &msg), ERR_OK);
    cr_assert_eq(store_open(path, STORE_WRITER, id, &s, &msg), ERR_OK);
    t = tally_new();
}

static void teardown(void)
{
    tally_free(&t);
    tally_free(&t);
    store_close(&s);
    scratch_remove(&scratch);
}

TestSuite(tally, .init = setup, .fini = teardown);

struct seen {
    int64_t entries;
    int64_t n;
};

static void see(void *context, int64_t created_day, int64_t due_day, int64_t n)
{
    struct seen *seen = context;

    cr_assert_leq(created_day, due_day);
    seen->entries++;
    seen->n += n;
}

static struct seen look(uint16_t class_id)
{
    struct seen seen = {0, 0};

    cr_assert_eq(store_aggregate_each(s, class_id, see, &seen), ERR_OK);
    return seen;
}

static uint64_t flow(uint16_t class_id, enum store_flow which)
{
    uint64_t flows[STORE_FLOWS];

    cr_assert_eq(store_flow_sums(s, class_id, INT64_MIN, INT64_MAX, flows), ERR_OK);
    return flows[which];
}

Test(tally, rows_of_one_day_become_one_counter)
{
    for (int64_t i = 0; i < 100; i++)
        tally_created(t, 3, 10 * DAY_S + i, 20 * DAY_S + i);
    tally_created(t, 4, 10 * DAY_S, 20 * DAY_S);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert(look(3).entries == 1 && look(3).n == 100);
    cr_assert(look(4).entries == 1 && look(4).n == 1);
    cr_assert_eq(flow(3, STORE_CREATED), 100);
}

Test(tally, midnight_parts_the_days_before_1970_too)
{
    tally_created(t, 3, DAY_S - 1, DAY_S - 1);
    tally_created(t, 3, DAY_S, DAY_S);
    tally_created(t, 3, -1, -1);
    tally_created(t, 3, 0, 0);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert_eq(look(3).entries, 3);
    cr_assert_eq(look(3).n, 4);
}

Test(tally, what_went_is_subtracted_by_reason)
{
    struct store_gone row = {.created_s = 10 * DAY_S, .due_s = 20 * DAY_S};

    for (int i = 0; i < 10; i++)
        tally_created(t, 3, row.created_s, row.due_s);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    for (int i = 0; i < 3; i++)
        tally_purged(t, 3, &row, STORE_PURGED_TIMER, 21 * DAY_S);
    tally_purged(t, 3, &row, STORE_PURGED_ERASURE, 21 * DAY_S);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert_eq(look(3).n, 6);
    cr_assert_eq(flow(3, STORE_CREATED), 10);
    cr_assert_eq(flow(3, STORE_PURGED_TIMER), 3);
    cr_assert_eq(flow(3, STORE_PURGED_ERASURE), 1);
}

Test(tally, more_days_than_it_has_room_for_at_first_are_all_kept)
{
    for (int64_t day = 0; day < 3000; day++)
        tally_created(t, (uint16_t)(1 + day % 2), day * DAY_S, (day + day % 7) * DAY_S);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert_eq(look(1).entries, 1500);
    cr_assert_eq(look(2).n, 1500);
    cr_assert_eq(flow(1, STORE_CREATED), 1500);
}

static uint64_t unstarted(uint16_t class_id, int64_t *ret_oldest_day)
{
    uint64_t n = 0;

    cr_assert_eq(store_unstarted(s, class_id, &n, ret_oldest_day), ERR_OK);
    return n;
}

Test(tally, a_row_that_gets_another_due_time_moves_and_no_flow_does)
{
    struct store_timer before = {.created_s = 10 * DAY_S, .due_s = 20 * DAY_S};
    struct store_row after = {.due_s = 30 * DAY_S};

    tally_created(t, 3, before.created_s, before.due_s);
    tally_created(t, 3, before.created_s, before.due_s);
    tally_retimed(t, 3, &before, &after);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert(look(3).entries == 2 && look(3).n == 2);
    cr_assert_eq(flow(3, STORE_CREATED), 2);
    tally_retimed(t, 3, &before, &after);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert(look(3).entries == 1 && look(3).n == 2);
}

Test(tally, rows_that_wait_for_their_start_are_those_without_one)
{
    struct store_timer before = {.created_s = 10 * DAY_S, .due_s = 20 * DAY_S};
    struct store_row after = {.due_s = 30 * DAY_S, .start_s = 15 * DAY_S};
    struct store_gone gone = {.created_s = 10 * DAY_S, .due_s = 30 * DAY_S, .start_s = 15 * DAY_S};
    int64_t oldest = 0;

    cr_assert_eq(unstarted(3, &oldest), 0);
    for (int64_t day = 10; day < 13; day++)
        tally_created(t, 3, day * DAY_S, 20 * DAY_S);
    tally_created(t, 3, 12 * DAY_S, 20 * DAY_S);
    tally_started(t, 3, 12 * DAY_S);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert_eq(unstarted(3, &oldest), 3);
    cr_assert_eq(oldest, 10);
    tally_retimed(t, 3, &before, &after);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert_eq(unstarted(3, &oldest), 2);
    cr_assert_eq(oldest, 11);
    tally_purged(t, 3, &gone, STORE_PURGED_TIMER, 30 * DAY_S);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert_eq(unstarted(3, &oldest), 2);
    cr_assert_eq(look(3).n, 3);
}

Test(tally, subjects_are_counted)
{
    int64_t n = 0;

    tally_subjects(t, 1);
    tally_subjects(t, 1);
    tally_subjects(t, -1);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert_eq(tally_write(t, s), ERR_OK, "written once");
    cr_assert_eq(store_meta_int(s, STORE_META_SUBJECTS, &n), ERR_OK);
    cr_assert_eq(n, 1);
}

Test(tally, what_is_cleared_is_not_written)
{
    int64_t n = 0;

    tally_created(t, 3, 0, 0);
    tally_subjects(t, 1);
    tally_clear(t);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert_eq(look(3).entries, 0);
    cr_assert_eq(store_meta_int(s, STORE_META_SUBJECTS, &n), ERR_OK);
    cr_assert_eq(n, 0);
}

Test(tally, like_rows_in_a_row_are_counted_where_the_first_was)
{
    struct store_gone gone = {.created_s = 10, .due_s = DAY_S};

    for (int64_t i = 0; i < 300; i++) { /* and it grows between them */
        tally_created(t, 1, 10, DAY_S);
        tally_created(t, 1, 10, DAY_S);
        tally_created(t, 1, 10, DAY_S + i * DAY_S);
        tally_created(t, 2, 10, DAY_S);
        tally_created(t, 2, 10, DAY_S);
    }
    tally_purged(t, 1, &gone, STORE_PURGED_TIMER, 10);
    tally_created(t, 1, 10, DAY_S);
    cr_assert_eq(store_begin(s), ERR_OK);
    cr_assert_eq(tally_write(t, s), ERR_OK);
    tally_created(t, 1, 10, DAY_S); /* of the next commit */
    cr_assert_eq(tally_write(t, s), ERR_OK);
    cr_assert_eq(store_commit(s), ERR_OK);
    cr_assert_eq(look(1).n, 901);
    cr_assert_eq(look(1).entries, 300);
    cr_assert_eq(look(2).n, 600);
    cr_assert_eq(look(2).entries, 1);
}
