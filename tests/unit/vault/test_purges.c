/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/purges.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/fault.h"
#include "tests/support/vault_fixture.h"
#include "vault/retime.h"
#include "vault/writer_priv.h"

enum { T0_S = 1800000000, DAY_S = 86400 };

static struct vault_fixture f;

static void setup(void)
{
    fixture_start(&f);
    clock_test_set_ms(T0_S * INT64_C(1000));
}

static void teardown(void)
{
    fault_test_set(NULL, NULL);
    clock_test_set_ms(-1);
    fixture_end(&f);
}

TestSuite(purges, .init = setup, .fini = teardown, .timeout = 60);

static void store(uint16_t class_id, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct token_text token;

        cr_assert_eq(fixture_tokenize(&f, class_id, "anna", "x", &token), ERR_OK);
    }
}

static void go_to(int64_t now_s)
{
    clock_test_set_ms(now_s * 1000);
}

static struct vault_purge_outlook look(uint16_t class_id, int64_t now_s)
{
    AUTO(vault_purges_close) struct vault_purges *p = NULL;
    struct vault_purge_outlook outlook;

    cr_assert_eq(vault_purges_open(f.v, &p), ERR_OK);
    cr_assert_eq(vault_purge_look(p, class_id, now_s, &outlook), ERR_OK);
    return outlook;
}

static void remember(const struct vault_purge_outlook *outlook)
{
    struct vault_purge_note op = {
        .op.kind = VAULT_PURGE_NOTE, .foreseen = &outlook->next, .foreseen_count = 1};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
}

static struct vault_purge_outlook look_and_remember(uint16_t class_id, int64_t now_s)
{
    struct vault_purge_outlook outlook = look(class_id, now_s);

    remember(&outlook);
    return outlook;
}

static enum err purge(uint16_t class_id, int64_t run, size_t *ret_deleted)
{
    struct vault_purge_due op = {.op.kind = VAULT_PURGE_DUE,
                                 .class_id = class_id,
                                 .now_s = clock_now_s(),
                                 .run = run,
                                 .limit = 500};
    enum err e = vault_run(f.v, &op.op);

    if (ret_deleted != NULL)
        *ret_deleted = op.deleted;
    return e;
}

/* ---- what is foreseen ---- */

Test(purges, the_first_look_knows_of_nothing_to_compare_with)
{
    struct vault_purge_outlook outlook;

    store(f.note, 3);
    outlook = look(f.note, T0_S);
    cr_assert_not(outlook.is_known);
    cr_assert_eq(outlook.items, 3);
    cr_assert_eq(outlook.due, 0);
    cr_assert_eq(outlook.forecast, 0);
    go_to(T0_S + 100 * DAY_S);
    outlook = look(f.note, T0_S + 100 * DAY_S);
    cr_assert_eq(outlook.due, 3);
    cr_assert_eq(outlook.forecast, 3, "nobody foresaw it, and nobody is surprised");
    cr_assert_eq(outlook.overdue, 3);
}

Test(purges, what_falls_due_while_time_passes_was_foreseen)
{
    struct vault_purge_outlook outlook;

    store(f.note, 3);
    (void)look_and_remember(f.note, T0_S);
    go_to(T0_S + 89 * DAY_S);
    outlook = look(f.note, T0_S + 89 * DAY_S);
    cr_assert_eq(outlook.due, 0);
    cr_assert_eq(outlook.forecast, 0, "not before its day");
    go_to(T0_S + 91 * DAY_S);
    outlook = look(f.note, T0_S + 91 * DAY_S);
    cr_assert(outlook.is_known);
    cr_assert_eq(outlook.foreseen_s, T0_S);
    cr_assert_eq(outlook.due, 3);
    cr_assert_eq(outlook.forecast, 3);
}

Test(purges, what_was_stored_since_may_be_due_too)
{
    struct vault_purge_outlook outlook;

    (void)look_and_remember(f.brief, T0_S);
    store(f.brief, 4);
    go_to(T0_S + DAY_S);
    outlook = look(f.brief, T0_S + DAY_S);
    cr_assert_eq(outlook.due, 4);
    cr_assert_eq(outlook.forecast, 4);
}

Test(purges, what_was_destroyed_since_is_not_foreseen_again)
{
    struct vault_purge_outlook outlook;
    size_t deleted = 0;

    store(f.brief, 4);
    go_to(T0_S + DAY_S);
    (void)look_and_remember(f.brief, T0_S + DAY_S);
    cr_assert_eq(purge(f.brief, 0, &deleted), ERR_OK);
    cr_assert_eq(deleted, 4);
    outlook = look(f.brief, T0_S + DAY_S);
    cr_assert_eq(outlook.due, 0);
    cr_assert_eq(outlook.forecast, 0);
}

Test(purges, days_beyond_those_remembered_are_not_foreseen)
{
    struct vault_purge_outlook outlook;

    store(f.phone, 1); /* a year */
    (void)look_and_remember(f.phone, T0_S);
    go_to(T0_S + 366 * DAY_S);
    outlook = look(f.phone, T0_S + 366 * DAY_S);
    cr_assert_eq(outlook.due, 1);
    cr_assert_eq(outlook.forecast, 0);
}

Test(purges, a_leap_of_the_clock_that_was_accepted_is_no_passing_of_days)
{
    const int64_t leap_ms = INT64_C(100) * DAY_S * 1000;
    struct vault_clock_accept accept = {.op.kind = VAULT_CLOCK_ACCEPT};
    struct vault_purge_outlook outlook;
    int64_t before_s;

    clock_test_set_ms(-1); /* the wall clock stands a hundred days ahead of what has passed */
    pthread_mutex_lock(&f.v->time.lock);
    f.v->time.mark_ms = clock_now_ms() - leap_ms;
    f.v->time.boot_ms = clock_boot_ms();
    f.v->time.settled = true;
    pthread_mutex_unlock(&f.v->time.lock);
    cr_assert_eq(vault_clock(f.v), VAULT_CLOCK_AHEAD);
    before_s = vault_now_s(f.v);
    store(f.note, 3);
    (void)look_and_remember(f.note, before_s);
    cr_assert_eq(vault_run(f.v, &accept.op), ERR_OK);
    outlook = look(f.note, vault_now_s(f.v));
    cr_assert_geq(outlook.next.leapt_ms, leap_ms - 60000);
    cr_assert_eq(outlook.due, 3);
    cr_assert_eq(outlook.forecast, 0);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_geq(look(f.note, vault_now_s(f.v)).next.leapt_ms, leap_ms - 60000,
                  "remembered over a restart");
}

/* Ten days in the place of ninety, for values that are there too: of everybody, or of one person. */
static void retime_notes(uint64_t slot)
{
    struct vault_retime op = {
        .op.kind = VAULT_RETIME, .slot = slot, .class_id = f.note, .limit = 100};

    cr_assert_eq(period_parse(SPAN_LIT("P10D"), &f.defs[0].rule.period), ERR_OK);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(op.changed, 3);
}

Test(purges, a_class_that_is_retimed_as_somebody_confirmed_is_foreseen)
{
    struct vault_purge_outlook outlook;

    store(f.note, 3);
    (void)look_and_remember(f.note, T0_S);
    go_to(T0_S + 20 * DAY_S);
    retime_notes(0);
    outlook = look(f.note, T0_S + 20 * DAY_S);
    cr_assert_eq(outlook.due, 3);
    cr_assert_eq(outlook.forecast, 3);
}

Test(purges, values_of_a_person_that_get_another_due_time_are_not_foreseen)
{
    struct vault_purge_outlook outlook;
    uint64_t slot = 0;

    store(f.note, 3);
    (void)look_and_remember(f.note, T0_S);
    go_to(T0_S + 20 * DAY_S);
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_OK);
    retime_notes(slot);
    outlook = look(f.note, T0_S + 20 * DAY_S);
    cr_assert_eq(outlook.due, 3);
    cr_assert_eq(outlook.forecast, 0);
}

/* ---- pauses ---- */

static void pause_class(uint16_t class_id)
{
    const struct vault_purge_pause pause = {.class_id = class_id,
                                            .why = VAULT_PURGE_UNFORESEEN,
                                            .at_ms = clock_now_ms(),
                                            .due = 9,
                                            .forecast = 2};
    struct vault_purge_note op = {.op.kind = VAULT_PURGE_NOTE, .pause = &pause};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
}

static enum err resume(uint16_t class_id)
{
    struct vault_purge_note op = {.op.kind = VAULT_PURGE_NOTE, .resume = class_id};

    return vault_run(f.v, &op.op);
}

Test(purges, a_class_that_is_paused_is_not_purged_until_it_is_resumed)
{
    size_t deleted = 0;

    store(f.brief, 2);
    store(f.note, 1);
    go_to(T0_S + 100 * DAY_S);
    pause_class(f.brief);
    cr_assert(vault_purge_is_paused(f.v, f.brief));
    cr_assert_eq(purge(f.brief, 0, NULL), ERR_CONFLICT);
    cr_assert_eq(purge(f.note, 0, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1, "others go on");
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(purge(f.brief, 0, NULL), ERR_CONFLICT, "over a restart, too");
    cr_assert_eq(resume(f.brief), ERR_OK);
    cr_assert_not(vault_purge_is_paused(f.v, f.brief));
    cr_assert_eq(purge(f.brief, 0, &deleted), ERR_OK);
    cr_assert_eq(deleted, 2);
}

Test(purges, what_is_due_when_a_class_is_resumed_is_foreseen_from_then_on)
{
    struct vault_purge_outlook outlook;

    store(f.phone, 1);
    (void)look_and_remember(f.phone, T0_S);
    go_to(T0_S + 400 * DAY_S);
    cr_assert_eq(look(f.phone, T0_S + 400 * DAY_S).forecast, 0);
    pause_class(f.phone);
    cr_assert_eq(resume(f.phone), ERR_OK);
    outlook = look(f.phone, T0_S + 400 * DAY_S);
    cr_assert_eq(outlook.due, 1);
    cr_assert_eq(outlook.forecast, 1);
}

Test(purges, the_first_reason_for_a_pause_stays)
{
    AUTO(vault_purges_close) struct vault_purges *p = NULL;
    struct vault_purge_pause pause;

    pause_class(f.brief);
    go_to(T0_S + 50);
    pause_class(f.brief);
    cr_assert_eq(vault_purges_open(f.v, &p), ERR_OK);
    cr_assert_eq(vault_purge_pause_get(p, f.brief, &pause), ERR_OK);
    cr_assert_eq(pause.at_ms, T0_S * INT64_C(1000));
    cr_assert_eq(pause.due, 9);
    cr_assert_eq(pause.forecast, 2);
    cr_assert_eq(vault_purge_pause_get(p, f.note, &pause), ERR_NOT_FOUND);
}

Test(purges, a_pause_that_cannot_be_stored_does_not_hold)
{
    const struct vault_purge_pause pause = {.class_id = f.brief, .why = VAULT_PURGE_UNFORESEEN};
    struct vault_purge_note op = {.op.kind = VAULT_PURGE_NOTE, .pause = &pause};

    fault_test_set("commit.fail!io", NULL);
    cr_assert_neq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_not(vault_purge_is_paused(f.v, f.brief));
    cr_assert_eq(resume(999 % CLASSES_MAX), ERR_NOT_FOUND, "no such class");
}

/* ---- figures ---- */

static enum err first_figures(struct vault_purge_figures *ret)
{
    AUTO(vault_purges_close) struct vault_purges *p = NULL;

    cr_assert_eq(vault_purges_open(f.v, &p), ERR_OK);
    return vault_purge_figures_next(p, NULL, ret);
}

Test(purges, what_a_run_destroys_is_counted_with_the_longest_delay)
{
    struct vault_purge_figures figures;

    store(f.brief, 2);
    go_to(T0_S + 5);
    store(f.brief, 1);
    go_to(T0_S + 110); /* 100 and 95 seconds late */
    cr_assert_eq(purge(f.brief, 77, NULL), ERR_OK);
    store(f.brief, 1);
    go_to(T0_S + 121);
    cr_assert_eq(purge(f.brief, 77, NULL), ERR_OK);
    cr_assert_eq(first_figures(&figures), ERR_OK);
    cr_assert_eq(figures.run, 77);
    cr_assert_eq(figures.class_id, f.brief);
    cr_assert_eq(figures.purged, 4);
    cr_assert_eq(figures.batches, 2);
    cr_assert_eq(figures.delay_s, 100);
}

Test(purges, a_batch_that_is_not_committed_is_not_counted)
{
    struct vault_purge_figures figures;

    store(f.brief, 2);
    go_to(T0_S + 10);
    fault_test_set("commit.fail!io", NULL);
    cr_assert_neq(purge(f.brief, 77, NULL), ERR_OK);
    fault_test_set(NULL, NULL);
    cr_assert_eq(first_figures(&figures), ERR_NOT_FOUND);
    cr_assert_eq(purge(f.brief, 77, NULL), ERR_OK);
    cr_assert_eq(first_figures(&figures), ERR_OK);
    cr_assert_eq(figures.purged, 2);
}

Test(purges, a_batch_that_found_nothing_leaves_no_figures)
{
    struct vault_purge_figures figures;

    cr_assert_eq(purge(f.brief, 77, NULL), ERR_OK);
    cr_assert_eq(first_figures(&figures), ERR_NOT_FOUND);
}

Test(purges, figures_of_earlier_runs_can_be_forgotten)
{
    struct vault_purge_note op = {.op.kind = VAULT_PURGE_NOTE, .forget_run = 78};
    struct vault_purge_figures figures;

    store(f.brief, 1);
    go_to(T0_S + 10);
    cr_assert_eq(purge(f.brief, 77, NULL), ERR_OK);
    store(f.brief, 1);
    go_to(T0_S + 20);
    cr_assert_eq(purge(f.brief, 78, NULL), ERR_OK);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(first_figures(&figures), ERR_OK);
    cr_assert_eq(figures.run, 78);
}
