/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures of some classes of a person: these go, and nothing else changes but the key. */
#include "retention/partial.h"

#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/retention/partial_rig.h"

TestSuite(partial_classes, .init = secret_start, .fini = clear_fault, .timeout = 240);

/* class_name NULL: everything. keep: NULL: nothing, but what was kept before. */
static enum err erase_but(struct rig *r, const char *name, const char *class_name,
                          const struct vault_exception *keep, struct receipt *ret)
{
    struct erasure_request request = {.slot = rig_slot(r, name),
                                      .exceptions = keep,
                                      .exception_count = keep != NULL,
                                      .newer_than_s = INT64_MAX};
    struct erasures *e = erasures_new(r->vault, NULL);
    enum err result;

    if (class_name != NULL)
        vault_class_set_add(&request.scope, rig_class(r, class_name));
    result = erasure_run_request(e, &request, ret);
    erasures_free(&e);
    return result;
}

static enum err erase_only(struct rig *r, const char *name, const char *class_name,
                           struct receipt *ret)
{
    return erase_but(r, name, class_name, NULL, ret);
}

static bool shows(struct rig *r, const struct token_text *token, const char *expected)
{
    char value[256] = "";

    return rig_reveal(r, token, value) == ERR_OK && strcmp(value, expected) == 0;
}

Test(partial_classes, of_some_classes_restricts_nothing_and_keeps_names)
{
    AUTO(rig_done) struct rig r;
    struct token_text mail, note, bill;
    struct receipt receipt;

    start(&r);
    mail = rig_store(&r, "mail", "ada", "ada@example.org");
    note = rig_store(&r, "note", "ada", "likes tea");
    bill = rig_store(&r, "bill", "ada", "12.50");
    cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_OK);
    cr_expect_eq(receipt.state, RECEIPT_COMPLETED);
    cr_expect_eq(receipt.rows, 1);
    cr_expect_eq(receipt.kept_count, 0);
    cr_expect(is_gone(&r, &note));
    cr_expect(shows(&r, &mail, "ada@example.org") && shows(&r, &bill, "12.50"));
    cr_expect_neq(rig_slot(&r, "ada@example.org"), 0);
    cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_CONFLICT, "there is none any more");
    cr_assert_eq(erase_only(&r, "ada", "mail", &receipt), ERR_OK);
    cr_expect_eq(rig_slot(&r, "ada@example.org"), 0, "the name was a value that went");
    cr_expect_neq(rig_slot(&r, "ada"), 0);
    cr_assert_eq(erase_only(&r, "ada", "bill", &receipt), ERR_OK);
    cr_expect_eq(rig_slot(&r, "ada"), 0, "the last of it");
}

Test(partial_classes, of_some_classes_keeps_what_a_law_keeps_of_them_however_often)
{
    AUTO(rig_done) struct rig r;
    struct token_text books, note;
    struct receipt receipt;

    start_with(&r, WITH_MINIMUM);
    books = rig_store(&r, "books", "ada", "entry 5");
    note = rig_store(&r, "note", "ada", "likes tea");
    cr_assert_eq(erase_only(&r, "ada", "books", &receipt), ERR_CONFLICT, "the law keeps it");
    cr_assert_eq(erase_only(&r, "ada", NULL, &receipt), ERR_OK);
    cr_expect(is_gone(&r, &note) && !is_gone(&r, &books));
    note = rig_store(&r, "note", "ada", "is back");
    cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_OK);
    cr_expect(is_gone(&r, &note) && !is_gone(&r, &books), "what the law keeps is left again");
}

static struct vault_exception keep_bills(struct rig *r, int days)
{
    return (struct vault_exception){.class_id = rig_class(r, "bill"),
                                    .code = 'b',
                                    .law = "HGB 257",
                                    .until_s = RIG_NOW_S + days * (int64_t)RIG_DAY_S};
}

Test(partial_classes, of_who_was_erased_before_leave_what_was_kept_under_its_exception)
{
    AUTO(rig_done) struct rig r;
    struct token_text kept, bill, mail, note;
    struct vault_exception x;
    struct receipt receipt;
    struct vault_kept now;

    start(&r);
    kept = rig_store(&r, "bill", "ada", "12.50");
    (void)rig_store(&r, "note", "ada", "likes tea");
    x = keep_bills(&r, 100);
    cr_assert_eq(erase_but(&r, "ada", NULL, &x, &receipt), ERR_OK);
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    bill = rig_store(&r, "bill", "ada", "is back");
    mail = rig_store(&r, "mail", "ada", "ada@example.org");
    note = rig_store(&r, "note", "ada", "likes coffee");
    cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_OK);
    cr_expect_eq(receipt.rows, 1);
    cr_expect_eq(receipt.kept_count, 0, "nothing of what was meant");
    cr_expect(is_gone(&r, &note));
    cr_expect(shows(&r, &bill, "is back") && shows(&r, &mail, "ada@example.org"));
    cr_expect(is_restricted(&r, &kept));
    cr_assert_eq(vault_kept_next(r.vault, 0, 0, &now), ERR_OK);
    cr_expect_eq(now.cutoff_s, RIG_NOW_S);
    cr_expect_eq(now.next_s, x.until_s);
    cr_expect_eq(now.exception.values, 1);
    rig_clock(RIG_NOW_S + 101 * (int64_t)RIG_DAY_S);
    cr_assert_eq(end_exceptions(&r), 1);
    cr_expect(is_gone(&r, &kept));
    cr_expect(shows(&r, &bill, "is back") && shows(&r, &mail, "ada@example.org"));
}

/* Values that came between two erasures, of a class that the later one was not for, are nobody's to destroy when what
 * that one has left ends. */
Test(partial_classes, of_which_an_exception_ends_take_no_other_class_along)
{
    AUTO(rig_done) struct rig r;
    struct token_text bill, mail, note;
    struct vault_exception x;
    struct receipt receipt;

    start(&r);
    bill = rig_store(&r, "bill", "ada", "12.50");
    mail = rig_store(&r, "mail", "ada", "ada@example.org");
    note = rig_store(&r, "note", "ada", "likes tea");
    x = keep_bills(&r, 100);
    cr_assert_eq(erase_but(&r, "ada", "note", &x, &receipt), ERR_OK);
    cr_expect(is_gone(&r, &note) && shows(&r, &bill, "12.50"), "bills were not meant");
    (void)rig_store(&r, "plate", "ada", "B-AD 1");
    bill = rig_store(&r, "bill", "ada", "13.50");
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    cr_assert_eq(erase_but(&r, "ada", "bill", &x, &receipt), ERR_CONFLICT);
    note = rig_store(&r, "note", "ada", "likes coffee");
    {
        struct erasure_request request = {.slot = rig_slot(&r, "ada"),
                                          .exceptions = &x,
                                          .exception_count = 1,
                                          .newer_than_s = INT64_MAX};
        struct erasures *e = erasures_new(r.vault, NULL);

        vault_class_set_add(&request.scope, rig_class(&r, "bill"));
        vault_class_set_add(&request.scope, rig_class(&r, "plate"));
        cr_assert_eq(erasure_run_request(e, &request, &receipt), ERR_OK);
        erasures_free(&e);
    }
    cr_expect_eq(receipt.kept_count, 1);
    cr_expect(is_restricted(&r, &bill));
    rig_clock(RIG_NOW_S + 101 * (int64_t)RIG_DAY_S);
    cr_assert_eq(end_exceptions(&r), 1);
    cr_expect(is_gone(&r, &bill));
    cr_expect(shows(&r, &mail, "ada@example.org") && shows(&r, &note, "likes coffee"));
}

/* One that waited for a hold which has ended is not forgotten for one that is for less. */
Test(partial_classes, come_after_one_of_more_that_has_waited)
{
    AUTO(rig_done) struct rig r;
    struct token_text note;
    struct receipt receipt;
    uint64_t number;

    start(&r);
    note = rig_store(&r, "note", "ada", "likes tea");
    (void)rig_store(&r, "bill", "ada", "12.50");
    number = rig_hold(&r, rig_slot(&r, "ada"));
    cr_assert_eq(erase_only(&r, "ada", NULL, &receipt), ERR_HELD);
    rig_lift(&r, number);
    cr_expect_eq(erase_only(&r, "ada", "note", &receipt), ERR_BUSY);
    cr_expect(!is_gone(&r, &note));
    cr_expect_eq(erase_only(&r, "ada", NULL, &receipt), ERR_OK, "the same may");
    cr_expect_eq(rig_slot(&r, "ada"), 0);
}

/* A value that is over, and not swept, of which the token is another's by now: there is nothing of it to move. */
Test(partial_classes, are_not_hindered_by_values_that_are_over_and_lost_their_token)
{
    AUTO(rig_done) struct rig r;
    struct token_text note, bill;
    struct receipt receipt;

    start(&r);
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    rig_clock(RIG_NOW_S + 3 * 366 * (int64_t)RIG_DAY_S);
    (void)rig_store(&r, "mail", "bob", "ada@example.org");
    note = rig_store(&r, "note", "ada", "likes tea");
    bill = rig_store(&r, "bill", "ada", "12.50");
    cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_OK);
    cr_expect_eq(receipt.state, RECEIPT_COMPLETED);
    cr_expect(is_gone(&r, &note) && shows(&r, &bill, "12.50"));
}

Test(partial_classes, leave_holds_on_classes_of_which_the_person_has_no_value_yet)
{
    AUTO(rig_done) struct rig r;
    struct vault_hold hold = {.code = "17(3)(e)",
                              .ground = "a case",
                              .owner = "legal",
                              .set_by = "test",
                              .review_s = RIG_NOW_S + RIG_DAY_S};
    struct vault_holds op = {.op.kind = VAULT_HOLDS, .act = VAULT_HOLD_SET, .hold = &hold};
    struct receipt receipt;

    start(&r);
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    (void)rig_store(&r, "note", "ada", "likes tea");
    hold.slot = rig_slot(&r, "ada");
    hold.class_id = rig_class(&r, "bill");
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_OK);
    (void)rig_store(&r, "bill", "ada", "12.50");
    cr_expect_eq(erase_only(&r, "ada", "mail", &receipt), ERR_HELD);
    vault_close(&r.vault);
    rig_open(&r);
    cr_expect_eq(erase_only(&r, "ada", "mail", &receipt), ERR_HELD);
    rig_lift(&r, hold.number);
    cr_expect_eq(run_waiting(&r), 1);
}

/* Nothing would go any more: the person is not restricted for ever. */
Test(partial_classes, that_wait_until_nothing_is_left_for_them_end)
{
    AUTO(rig_done) struct rig r;
    struct token_text bill;
    struct vault_purge_due purge = {.op = {.kind = VAULT_PURGE_DUE}, .limit = 10};
    struct receipt receipt;
    uint64_t number;

    start(&r);
    log_set_level(LOG_ERROR + 1);
    (void)rig_store(&r, "note", "ada", "likes tea");
    bill = rig_store(&r, "bill", "ada", "12.50");
    number = rig_hold(&r, rig_slot(&r, "ada"));
    cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_HELD);
    rig_lift(&r, number);
    rig_clock(RIG_NOW_S + 2 * 366 * (int64_t)RIG_DAY_S);
    purge.class_id = rig_class(&r, "note");
    purge.now_s = RIG_NOW_S + 2 * 366 * (int64_t)RIG_DAY_S;
    cr_assert_eq(vault_run(r.vault, &purge.op), ERR_OK);
    cr_expect_eq(purge.deleted, 1);
    cr_expect(is_restricted(&r, &bill));
    cr_expect_eq(run_waiting(&r), 0);
    cr_expect(shows(&r, &bill, "12.50"));
}

/* The program is killed at a point of an erasure of notes; what was begun is finished at the next start. */
static void expect_only_notes_gone_after(const char *point)
{
    AUTO(rig_done) struct rig r;
    struct token_text note, bill;
    struct erasure_resumed resumed;
    struct erasures *e;
    struct receipt receipt;
    int status = 0;
    pid_t pid;

    start(&r);
    note = rig_store(&r, "note", "ada", "likes tea");
    bill = rig_store(&r, "bill", "ada", "12.50");
    vault_close(&r.vault);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        rig_open(&r);
        fault_test_set(point, NULL);
        (void)erase_only(&r, "ada", "note", &receipt);
        _exit(2);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", point, status);
    rig_open(&r);
    e = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_resume_all(e, &resumed), ERR_OK);
    erasures_free(&e);
    if (!is_gone(&r, &note)) /* nothing was begun */
        cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_OK, "%s", point);
    cr_expect(is_gone(&r, &note), "%s", point);
    cr_expect(shows(&r, &bill, "12.50"), "%s", point);
}

Test(partial_classes, of_some_classes_that_a_crash_cut_off_takes_no_more_than_these)
{
    static const char *const points[] = {"part.keyed",   "part.before_commit", "part.committed",
                                         "erase.parted", "erase.swept",        "erase.verified"};

    for (size_t i = 0; i < COUNT_OF(points); i++)
        expect_only_notes_gone_after(points[i]);
}

/* One that waits and is for less would be carried out in place of one that is for more, and that be forgotten. */
Test(partial_classes, that_wait_for_a_hold_are_not_taken_for_those_of_more)
{
    AUTO(rig_done) struct rig r;
    struct token_text mail, note;
    struct receipt receipt;
    uint64_t number;

    start(&r);
    mail = rig_store(&r, "mail", "ada", "ada@example.org");
    note = rig_store(&r, "note", "ada", "likes tea");
    (void)rig_store(&r, "bill", "ada", "12.50");
    number = rig_hold(&r, rig_slot(&r, "ada"));
    cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_HELD);
    cr_expect_eq(erase_only(&r, "ada", "note", &receipt), ERR_HELD, "asked again");
    cr_expect_eq(erase_only(&r, "ada", "bill", &receipt), ERR_BUSY);
    cr_expect_eq(erase_only(&r, "ada", NULL, &receipt), ERR_BUSY);
    rig_lift(&r, number);
    cr_expect_eq(run_waiting(&r), 1);
    cr_expect(is_gone(&r, &note) && !is_gone(&r, &mail));
    number = rig_hold(&r, rig_slot(&r, "ada"));
    cr_assert_eq(erase_only(&r, "ada", NULL, &receipt), ERR_HELD);
    cr_expect_eq(erase_only(&r, "ada", "bill", &receipt), ERR_HELD, "the whole is for that, too");
    rig_lift(&r, number);
    cr_expect_eq(run_waiting(&r), 1);
    cr_expect_eq(rig_slot(&r, "ada"), 0);
}

/* The ledger says that an erasure waits, and not which classes it is of. */
Test(partial_classes, that_only_the_ledger_knows_of_wait_until_they_are_asked_for_again)
{
    AUTO(rig_done) struct rig r;
    struct token_text mail, note;
    struct receipt receipt;
    uint64_t number;

    start(&r);
    mail = rig_store(&r, "mail", "ada", "ada@example.org");
    note = rig_store(&r, "note", "ada", "likes tea");
    number = rig_hold(&r, rig_slot(&r, "ada"));
    rig_copy_database(&r, false);
    cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_HELD);
    rig_copy_database(&r, true);
    rig_lift(&r, number);
    cr_expect_eq(run_waiting(&r), 0);
    cr_expect(!is_gone(&r, &mail) && !is_gone(&r, &note), "restricted, but there");
    cr_assert_eq(erase_only(&r, "ada", "note", &receipt), ERR_OK);
    cr_expect(is_gone(&r, &note) && !is_gone(&r, &mail));
    cr_expect_eq(run_waiting(&r), 0);
}
