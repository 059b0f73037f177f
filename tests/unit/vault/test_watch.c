/* SPDX-License-Identifier: Apache-2.0 */
/* Canaries, incidents, suspended callers and what was seen: in memory, and after a restart. */
#include "vault/watch.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <string.h>

#include "tests/support/vault_fixture.h"

static struct vault_fixture f;

static void setup(void)
{
    fixture_start(&f);
}

static void teardown(void)
{
    fixture_end(&f);
}

TestSuite(watch, .init = setup, .fini = teardown, .timeout = 60);

static void restart(void)
{
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

static enum err run(struct vault_watch *op)
{
    op->op.kind = VAULT_WATCH;
    return vault_run(f.v, &op->op);
}

Test(watch, canaries_are_known_at_once_and_after_a_restart)
{
    cr_expect_not(vault_is_canary(f.v, 5));
    for (uint64_t slot = 5; slot < 300; slot += 7)
        cr_assert_eq(run(&(struct vault_watch){.canary = slot}), ERR_OK);
    cr_assert_eq(run(&(struct vault_watch){.canary = 5}), ERR_OK, "once more");
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(vault_canary_count(f.v), 43);
        for (uint64_t slot = 0; slot < 400; slot++)
            cr_expect_eq(vault_is_canary(f.v, slot), slot < 300 && slot % 7 == 5, "%zu",
                         (size_t)slot);
        restart();
    }
}

Test(watch, an_incident_suspends_its_caller_until_somebody_restores_it)
{
    struct vault_incident incident = {.at_ms = 1000,
                                      .kind = "honeytoken",
                                      .caller = "desk",
                                      .subject = {1, 2, 3},
                                      .request = "0123"},
                          found;
    struct vault_watch op = {.incident = &incident};
    struct vault_watch restore = {.restore = "desk"};
    struct vault_caller *desk = vault_caller(f.v, "desk");

    cr_expect_eq(desk, vault_caller(f.v, "desk"));
    cr_expect_not(vault_caller_is_suspended(desk));
    cr_assert_eq(run(&op), ERR_OK);
    cr_expect_eq(incident.number, 1);
    cr_expect(vault_caller_is_suspended(desk));
    cr_expect(vault_incidents_open(f.v) == 1 && vault_callers_suspended(f.v) == 1);
    restart();
    desk = vault_caller(f.v, "desk");
    cr_expect(vault_caller_is_suspended(desk), "a restart lets nobody off");
    cr_expect(vault_incidents_open(f.v) == 1 && vault_callers_suspended(f.v) == 1);
    cr_expect_not(vault_caller_is_suspended(vault_caller(f.v, "other")));
    cr_assert_eq(vault_incident_next(f.v, 0, &found), ERR_OK);
    cr_expect(found.number == 1 && found.at_ms == 1000 && found.closed_ms == 0);
    cr_expect_str_eq(found.kind, "honeytoken");
    cr_expect_str_eq(found.caller, "desk");
    cr_expect_str_eq(found.request, "0123");
    cr_expect_arr_eq(found.subject, incident.subject, VAULT_ID_BYTES);
    cr_expect_eq(vault_incident_next(f.v, 1, &found), ERR_NOT_FOUND);
    cr_assert_eq(run(&restore), ERR_OK);
    cr_expect_eq(restore.restored, 1);
    cr_expect(vault_incidents_open(f.v) == 0 && vault_callers_suspended(f.v) == 0);
    cr_expect_not(vault_caller_is_suspended(desk));
    cr_assert_eq(run(&restore), ERR_OK);
    cr_expect_eq(restore.restored, 0);
    restart();
    cr_expect_not(vault_caller_is_suspended(vault_caller(f.v, "desk")));
    cr_assert_eq(vault_incident_next(f.v, 0, &found), ERR_OK);
    cr_expect_gt(found.closed_ms, 0, "closed, and kept");
}

struct list {
    struct vault_seen at[8];
    size_t count;
};

static void on_seen(const struct vault_seen *seen, void *context)
{
    struct list *list = context;

    cr_assert_lt(list->count, 8);
    list->at[list->count++] = *seen;
}

Test(watch, what_was_seen_is_remembered_until_it_counts_no_more)
{
    const struct vault_seen seen[] = {{1, 10, 300}, {1, 11, 100}, {2, 10, 200}};
    struct list list = {.count = 0};

    cr_assert_eq(run(&(struct vault_watch){.seen = seen, .seen_count = 3}), ERR_OK);
    restart();
    cr_assert_eq(vault_seen_each(f.v, 100, on_seen, &list), ERR_OK);
    cr_assert_eq(list.count, 2);
    cr_expect(list.at[0].quota == 2 && list.at[0].subject == 10 && list.at[0].until_s == 200);
    cr_expect(list.at[1].quota == 1 && list.at[1].subject == 10 && list.at[1].until_s == 300);
    cr_assert_eq(run(&(struct vault_watch){.forget_s = 250}), ERR_OK);
    list.count = 0;
    cr_assert_eq(vault_seen_each(f.v, 0, on_seen, &list), ERR_OK);
    cr_expect_eq(list.count, 1);
}

/* A store from before these tables. */
Test(watch, is_added_to_a_store_that_lacks_it)
{
    sqlite3 *db = NULL;

    fixture_close(&f);
    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "DROP TABLE canary; DROP TABLE incident; DROP TABLE seen", NULL,
                              NULL, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_expect_eq(run(&(struct vault_watch){.canary = 5}), ERR_OK);
}
