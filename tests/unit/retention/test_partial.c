/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/partial.h"

#include <signal.h>
#include <sys/wait.h>

#include "retention/proof.h"
#include "tests/unit/retention/partial_rig.h"
#include "vault/holds.h"

static const char *const class_names[] = {"mail", "note", "bill", "plate"};

TestSuite(partial, .init = secret_start, .fini = clear_fault, .timeout = 240);

static struct vault_exception keep(struct rig *r, const char *class_name, int days)
{
    return (struct vault_exception){.class_id = rig_class(r, class_name),
                                    .code = 'b',
                                    .law = "HGB 257",
                                    .until_s = RIG_NOW_S + (int64_t)days * RIG_DAY_S};
}

static enum err erase(struct rig *r, const char *name, const struct vault_exception *exceptions,
                      size_t count, struct receipt *ret)
{
    const struct erasure_request request = {.slot = rig_slot(r, name),
                                            .exceptions = exceptions,
                                            .exception_count = count,
                                            .newer_than_s = INT64_MAX};
    struct erasures *e = erasures_new(r->vault, NULL);
    enum err result = erasure_run_request(e, &request, ret);

    erasures_free(&e);
    return result;
}

/* Legal purposes read all that is there, kept or not. */
static bool reveals(struct rig *r, const struct token_text *token, const char *expected)
{
    char value[256] = "";

    return rig_reveal_as(r, token, true, value) == ERR_OK && strcmp(value, expected) == 0;
}

Test(partial, keeps_what_is_excepted_and_says_so)
{
    AUTO(rig_done) struct rig r;
    struct token_text note, bill;
    struct vault_exception x;
    struct receipt receipt;

    start(&r);
    note = rig_store(&r, "note", "ada", "likes tea");
    bill = rig_store(&r, "bill", "ada", "12 EUR");
    x = keep(&r, "bill", 1000);
    cr_assert_eq(erase(&r, "ada", &x, 1, &receipt), ERR_OK);
    cr_assert_eq(receipt.state, RECEIPT_COMPLETED);
    cr_assert_eq(receipt.rows, 1);
    cr_assert_eq(receipt.per_class[rig_class(&r, "bill")], 0);
    cr_assert_eq(receipt.kept_count, 1);
    cr_assert_eq(receipt.kept[0].class_id, rig_class(&r, "bill"));
    cr_assert_eq(receipt.kept[0].values, 1);
    cr_assert_eq(receipt.verification.rows_left, 0);
    cr_assert(is_gone(&r, &note));
    cr_assert(reveals(&r, &bill, "12 EUR"));
    cr_assert(is_restricted(&r, &bill));
}

Test(partial, receipt_lists_what_was_kept_and_is_genuine)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL, *again = NULL;
    AUTO(buf_done) struct buf text = {.max = 0};
    static const struct receipt_words none;
    const struct json *entry;
    struct receipt_facts facts;
    struct vault_exception x;
    struct receipt receipt;
    struct errmsg msg = {""};

    start(&r);
    (void)rig_store(&r, "note", "ada", "likes tea");
    (void)rig_store(&r, "bill", "ada", "12 EUR");
    x = keep(&r, "bill", 355);
    cr_assert_eq(erase(&r, "ada", &x, 1, &receipt), ERR_OK);
    cr_assert_eq(receipt_json(&receipt, r.vault, &none, &tree), ERR_OK);
    entry = json_at(json_get(tree, "not_erased"), 0);
    cr_assert_str_eq(json_str_of(json_get(entry, "class")), "bill");
    cr_assert_str_eq(json_str_of(json_get(entry, "code")), "17(3)(b)");
    cr_assert_str_eq(json_str_of(json_get(entry, "law")), "HGB 257");
    cr_assert_str_eq(json_str_of(json_get(entry, "review")), "2026-12-31");
    cr_assert_eq(json_int_of(json_get(entry, "values"), 0), 1);
    cr_assert_not_null(strstr(json_str_of(json_get(tree, "remains")), "not_erased"));
    buf_init(&text, 1 << 16);
    cr_assert_eq(json_write(tree, &text), ERR_OK);
    cr_assert_eq(proof_check(buf_span(&text), NULL, &again, &facts, &msg), ERR_OK, "%s", msg.text);
    cr_assert_null(memmem(text.bytes, text.len, "nonymi", 6), "nobody calls it that");
}

Test(partial, erasure_of_which_nothing_would_go_is_refused)
{
    AUTO(rig_done) struct rig r;
    struct token_text bill;
    struct vault_exception x;
    struct receipt receipt;

    start(&r);
    bill = rig_store(&r, "bill", "ada", "12 EUR");
    x = keep(&r, "bill", 1000);
    cr_assert_eq(erase(&r, "ada", &x, 1, &receipt), ERR_CONFLICT);
    cr_assert(reveals(&r, &bill, "12 EUR"));
}

Test(partial, cannot_be_undone_by_erasing_again)
{
    AUTO(rig_done) struct rig r;
    struct token_text bill;
    struct vault_exception x;
    struct receipt receipt;

    start(&r);
    (void)rig_store(&r, "note", "ada", "likes tea");
    bill = rig_store(&r, "bill", "ada", "12 EUR");
    x = keep(&r, "bill", 1000);
    cr_assert_eq(erase(&r, "ada", &x, 1, &receipt), ERR_OK);
    cr_assert_eq(erase(&r, "ada", NULL, 0, &receipt), ERR_CONFLICT);
    cr_assert(reveals(&r, &bill, "12 EUR"));
}

Test(partial, heeds_exceptions_of_before_when_newer_values_are_erased)
{
    AUTO(rig_done) struct rig r;
    struct token_text bill, later;
    struct vault_exception x;
    struct receipt receipt;

    start(&r);
    (void)rig_store(&r, "note", "ada", "likes tea");
    bill = rig_store(&r, "bill", "ada", "12 EUR");
    x = keep(&r, "bill", 1000);
    cr_assert_eq(erase(&r, "ada", &x, 1, &receipt), ERR_OK);
    later = rig_store(&r, "note", "ada", "came back");
    cr_assert_eq(erase(&r, "ada", NULL, 0, &receipt), ERR_OK);
    cr_assert_eq(receipt.rows, 1);
    cr_assert_eq(receipt.kept_count, 1);
    cr_assert(is_gone(&r, &later));
    cr_assert(reveals(&r, &bill, "12 EUR"));
}

Test(partial, part_goes_by_itself_when_its_exception_ends)
{
    AUTO(rig_done) struct rig r;
    struct token_text bill;
    struct vault_exception x;
    struct receipt receipt;

    start(&r);
    (void)rig_store(&r, "note", "ada", "likes tea");
    bill = rig_store(&r, "bill", "ada", "12 EUR");
    x = keep(&r, "bill", 100);
    cr_assert_eq(erase(&r, "ada", &x, 1, &receipt), ERR_OK);
    cr_assert_eq(end_exceptions(&r), 0);
    cr_assert(reveals(&r, &bill, "12 EUR"));
    rig_clock(RIG_NOW_S + (int64_t)100 * RIG_DAY_S);
    cr_assert_eq(end_exceptions(&r), 1);
    cr_assert(is_gone(&r, &bill));
    cr_assert_eq(rig_slot(&r, "ada"), 0);
    cr_assert_eq(end_exceptions(&r), 0);
}

Test(partial, end_of_an_exception_spares_others_and_what_came_later)
{
    AUTO(rig_done) struct rig r;
    struct token_text bill, plate, later;
    struct vault_exception x[2];
    struct receipt receipt;

    start(&r);
    (void)rig_store(&r, "note", "ada", "likes tea");
    bill = rig_store(&r, "bill", "ada", "12 EUR");
    plate = rig_store(&r, "plate", "ada", "B-XY 1");
    x[0] = keep(&r, "bill", 100);
    x[1] = keep(&r, "plate", 200);
    cr_assert_eq(erase(&r, "ada", x, 2, &receipt), ERR_OK);
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    later = rig_store(&r, "note", "ada", "came back");
    rig_clock(RIG_NOW_S + (int64_t)100 * RIG_DAY_S);
    cr_assert_eq(end_exceptions(&r), 1);
    cr_assert(is_gone(&r, &bill));
    cr_assert(reveals(&r, &plate, "B-XY 1"));
    cr_assert(reveals(&r, &later, "came back"));
    rig_clock(RIG_NOW_S + (int64_t)200 * RIG_DAY_S);
    cr_assert_eq(end_exceptions(&r), 1);
    cr_assert(is_gone(&r, &plate));
    cr_assert(reveals(&r, &later, "came back"));
    cr_assert_neq(rig_slot(&r, "ada"), 0);
}

Test(partial, end_of_an_exception_waits_for_a_hold_and_spares_what_came_later)
{
    AUTO(rig_done) struct rig r;
    struct token_text bill, later;
    struct vault_exception x;
    struct receipt receipt;
    uint64_t number;

    start(&r);
    (void)rig_store(&r, "note", "ada", "likes tea");
    bill = rig_store(&r, "bill", "ada", "12 EUR");
    x = keep(&r, "bill", 100);
    cr_assert_eq(erase(&r, "ada", &x, 1, &receipt), ERR_OK);
    rig_clock(RIG_NOW_S + (int64_t)90 * RIG_DAY_S);
    later = rig_store(&r, "note", "ada", "came back");
    number = rig_hold(&r, rig_slot(&r, "ada"));
    rig_clock(RIG_NOW_S + (int64_t)100 * RIG_DAY_S);
    cr_assert_eq(end_exceptions(&r), 0);
    cr_assert(reveals(&r, &bill, "12 EUR"), "it is held");
    rig_lift(&r, number);
    cr_assert_not(is_restricted(&r, &later), "nobody has asked for that");
    cr_assert_eq(run_waiting(&r), 0);
    cr_assert_eq(end_exceptions(&r), 1);
    cr_assert(is_gone(&r, &bill));
    cr_assert(reveals(&r, &later, "came back"));
}

Test(partial, erasure_that_waited_for_a_hold_spares_what_it_was_to_spare)
{
    AUTO(rig_done) struct rig r;
    struct erasure_request request = {.newer_than_s = RIG_NOW_S};
    struct token_text before, later;
    struct receipt receipt;
    struct erasures *e;
    uint64_t number;

    start(&r);
    before = rig_store(&r, "note", "ada", "likes tea");
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    later = rig_store(&r, "note", "ada", "came back");
    request.slot = rig_slot(&r, "ada");
    number = rig_hold(&r, request.slot);
    e = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_run_request(e, &request, &receipt), ERR_HELD);
    erasures_free(&e);
    rig_lift(&r, number);
    cr_assert_eq(run_waiting(&r), 1);
    cr_assert(is_gone(&r, &before));
    cr_assert(reveals(&r, &later, "came back"));
}

Test(partial, exception_whose_values_are_gone_already_is_forgotten)
{
    AUTO(rig_done) struct rig r;
    struct vault_exception x[2];
    struct vault_purge_due purge = {.op = {.kind = VAULT_PURGE_DUE}, .limit = 10};
    struct receipt receipt;
    struct vault_kept kept;

    start(&r);
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    (void)rig_store(&r, "note", "ada", "likes tea");
    (void)rig_store(&r, "bill", "ada", "12 EUR");
    x[0] = keep(&r, "note", 400);
    x[1] = keep(&r, "bill", 1000);
    cr_assert_eq(erase(&r, "ada", x, 2, &receipt), ERR_OK);
    rig_clock(RIG_NOW_S + (int64_t)401 * RIG_DAY_S);
    purge.class_id = rig_class(&r, "note");
    purge.now_s = RIG_NOW_S + (int64_t)401 * RIG_DAY_S;
    cr_assert_eq(vault_run(r.vault, &purge.op), ERR_OK);
    cr_assert_eq(purge.deleted, 1);
    cr_assert_eq(end_exceptions(&r), 0);
    cr_assert_eq(vault_kept_next(r.vault, 0, 0, &kept), ERR_OK);
    cr_assert_eq(kept.exception.class_id, rig_class(&r, "bill"));
    cr_assert_eq(vault_kept_next(r.vault, kept.slot, kept.exception.class_id, &kept),
                 ERR_NOT_FOUND);
}

/* E53 */
Test(partial, move_that_keeps_the_key_never_gets_a_receipt)
{
    AUTO(rig_done) struct rig r;
    struct vault_exception x;
    struct receipt receipt;

    start(&r);
    (void)rig_store(&r, "note", "ada", "likes tea");
    (void)rig_store(&r, "bill", "ada", "12 EUR");
    x = keep(&r, "bill", 1000);
    fault_test_set(NULL, "part.same_key");
    cr_assert_eq(erase(&r, "ada", &x, 1, &receipt), ERR_OK);
    cr_assert_eq(receipt.state, RECEIPT_FAILED);
    cr_assert_str_eq(receipt.failed_step, "verify");
}

/* ---- the statutory minimum ---- */

Test(partial, statutory_minimum_keeps_by_itself_what_it_still_covers)
{
    AUTO(rig_done) struct rig r;
    struct token_text note, old, recent;
    struct receipt receipt;

    start_with(&r, WITH_MINIMUM);
    old = rig_store(&r, "books", "ada", "2026");
    rig_clock(RIG_NOW_S + (int64_t)5 * 366 * RIG_DAY_S);
    recent = rig_store(&r, "books", "ada", "2031");
    rig_clock(RIG_NOW_S + (int64_t)8 * 366 * RIG_DAY_S);
    note = rig_store(&r, "note", "ada", "likes tea");
    cr_assert_eq(erase(&r, "ada", NULL, 0, &receipt), ERR_OK);
    cr_assert_eq(receipt.state, RECEIPT_COMPLETED);
    cr_assert_eq(receipt.rows, 2);
    cr_assert_eq(receipt.kept_count, 1);
    cr_assert_eq(receipt.kept[0].code, 'b');
    cr_assert_str_eq(receipt.kept[0].law, "HGB 257(1)");
    cr_assert_eq(receipt.kept[0].values, 1);
    cr_assert(receipt.kept[0].by_rule);
    cr_assert(is_gone(&r, &note) && is_gone(&r, &old));
    cr_assert(reveals(&r, &recent, "2031"));
}

Test(partial, statutory_minimum_is_shortened_by_no_exception)
{
    AUTO(rig_done) struct rig r;
    struct token_text book;
    struct vault_exception x;
    struct receipt receipt;

    start_with(&r, WITH_MINIMUM);
    book = rig_store(&r, "books", "ada", "2026");
    (void)rig_store(&r, "note", "ada", "likes tea");
    x = keep(&r, "books", 10);
    cr_assert_eq(erase(&r, "ada", &x, 1, &receipt), ERR_OK);
    rig_clock(RIG_NOW_S + 20 * RIG_DAY_S);
    (void)end_exceptions(&r);
    cr_assert(reveals(&r, &book, "2026"));
    cr_assert_eq(erase(&r, "ada", NULL, 0, &receipt), ERR_CONFLICT);
    cr_assert(reveals(&r, &book, "2026"));
}

Test(partial, statutory_minimum_ends_value_by_value)
{
    AUTO(rig_done) struct rig r;
    struct token_text first, second;
    struct receipt receipt;

    start_with(&r, WITH_MINIMUM);
    first = rig_store(&r, "books", "ada", "first");
    rig_clock(RIG_NOW_S + (int64_t)100 * RIG_DAY_S);
    second = rig_store(&r, "books", "ada", "second");
    (void)rig_store(&r, "note", "ada", "likes tea");
    cr_assert_eq(erase(&r, "ada", NULL, 0, &receipt), ERR_OK);
    rig_clock(RIG_NOW_S + (int64_t)(8 * 365 + 2) * RIG_DAY_S + 1);
    cr_assert_eq(end_exceptions(&r), 1);
    cr_assert(is_gone(&r, &first));
    cr_assert(reveals(&r, &second, "second"));
    rig_clock(RIG_NOW_S + (int64_t)(8 * 365 + 102) * RIG_DAY_S + 1);
    cr_assert_eq(end_exceptions(&r), 1);
    cr_assert(is_gone(&r, &second));
    cr_assert_eq(rig_slot(&r, "ada"), 0);
}

Test(partial, statutory_minimum_stops_whoever_asks_the_vault_itself)
{
    AUTO(rig_done) struct rig r;
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE}, .erasure = &erasure};
    struct token_text book;

    start_with(&r, WITH_MINIMUM);
    book = rig_store(&r, "books", "ada", "2026");
    op.slot = rig_slot(&r, "ada");
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_CONFLICT);
    cr_assert(reveals(&r, &book, "2026"));
}

/* ---- kill -9 ---- */

enum { BILLS = 1200 };

static void erase_and_die(struct rig *r, const char *fault)
{
    pid_t child = fork();
    int status = 0;

    REQUIRE(child >= 0);
    if (child == 0) {
        struct vault_exception x;
        struct receipt receipt;

        fault_test_set(fault, NULL);
        rig_open(r);
        x = keep(r, "bill", 1000);
        (void)!erase(r, "ada", &x, 1, &receipt);
        _exit(0); /* not killed: the point was not reached */
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s was not reached", fault);
}

static size_t parts(struct rig *r)
{
    struct vault_part_open open = {.slot = 0};
    size_t count = 0;

    while (vault_part_next(r->vault, open.slot, &open) == ERR_OK) {
        vault_part_open_done(&open);
        count++;
    }
    return count;
}

static void check_crash(const char *fault, bool accepted)
{
    AUTO(rig_done) struct rig r;
    struct token_text note, bill, bob;
    struct erasure_resumed resumed = {0, 0};
    struct vault_kept kept;
    struct erasures *e;

    start(&r);
    note = rig_store(&r, "note", "ada", "tea");
    rig_store_many(&r, "bill", "ada", BILLS);
    bill = rig_store(&r, "bill", "ada", "12 EUR");
    bob = rig_store(&r, "note", "bob", "coffee");
    vault_close(&r.vault);
    erase_and_die(&r, fault);
    rig_open(&r);
    cr_assert(reveals(&r, &bill, "12 EUR"), "%s", fault);
    e = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_resume_all(e, &resumed), ERR_OK);
    erasures_free(&e);
    cr_assert_eq(is_gone(&r, &note), accepted, "%s", fault);
    cr_assert(reveals(&r, &bill, "12 EUR"), "%s", fault);
    cr_assert(reveals(&r, &bob, "coffee"), "%s", fault);
    cr_assert_eq(parts(&r), 0, "%s", fault);
    cr_assert_eq(vault_kept_next(r.vault, 0, 0, &kept), accepted ? ERR_OK : ERR_NOT_FOUND);
    if (accepted)
        cr_assert_eq(kept.exception.values, BILLS + 1, "%s", fault);
    cr_assert_neq(rig_slot(&r, "ada"), 0);
}

Test(partial, killed_before_anything_was_written_has_not_begun)
{
    check_crash("part.keyed", false);
    check_crash("part.before_commit", false);
}

Test(partial, killed_during_the_move_is_carried_through)
{
    check_crash("part.committed", true);
    check_crash("part.before_commit:2", true);
    check_crash("part.committed:2", true);
    check_crash("erase.parted", true);
}

Test(partial, killed_during_the_erasure_is_carried_through)
{
    check_crash("erase.begun", true);
    check_crash("erase.after_ledger", true);
    check_crash("erase.after_shred", true);
    check_crash("erase.acknowledged", true);
}

Test(partial, killed_during_what_follows_is_carried_through)
{
    check_crash("sweep.batch", true);
    check_crash("erase.swept", true);
    check_crash("erase.verified", true);
    check_crash("close.appended", true);
}

/* Bytes of a key slot go bad while the store is closed. */
static void damage_slot(const struct rig *r, uint64_t slot)
{
    static const uint8_t rubbish[16] = {0xaa};
    char path[160];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/store/keys.slab", r->scratch.dir);
    fd = open(path, O_WRONLY);
    REQUIRE(fd >= 0);
    cr_assert_eq(pwrite(fd, rubbish, sizeof(rubbish), (off_t)(4096 + slot * 128 + 64)),
                 sizeof(rubbish));
    (void)close(fd);
}

Test(partial, that_cannot_go_on_does_not_stop_the_erasures_of_others)
{
    AUTO(rig_done) struct rig r;
    struct vault_part_open open = {.slot = 0};
    struct vault_erasure bob = {.slot = 0};
    struct erasure_resumed resumed = {0, 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE}, .erasure = &bob};
    struct erasures *e;

    start(&r);
    (void)rig_store(&r, "note", "ada", "tea");
    rig_store_many(&r, "bill", "ada", BILLS);
    (void)rig_store(&r, "note", "bob", "coffee");
    vault_close(&r.vault);
    erase_and_die(&r, "part.committed");
    rig_open(&r);
    op.slot = rig_slot(&r, "bob");
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK); /* and nobody finishes it */
    vault_erasure_done(&bob);
    cr_assert_eq(vault_part_next(r.vault, 0, &open), ERR_OK);
    vault_part_open_done(&open);
    vault_close(&r.vault);
    damage_slot(&r, open.target);
    rig_open(&r);
    e = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_resume_all(e, &resumed), ERR_OK, "what fails stays open");
    erasures_free(&e);
    cr_assert_eq(resumed.found, 2);
    cr_assert_eq(resumed.completed, 1, "bob's");
    cr_assert_eq(parts(&r), 1, "ada's waits for somebody to look");
}

/* ---- random people, random exceptions, against a simple model ---- */

enum { PEOPLE = 12, VALUES = 6, ROUNDS = 40 };

struct modelled {
    struct token_text token;
    char value[48];
    size_t class_at;
    int64_t created_s;
    bool alive;
};

struct person {
    char name[16];
    struct modelled values[VALUES * 4];
    size_t count;
    int64_t keeps_until_s[COUNT_OF(class_names)]; /* by exceptions in force */
    int64_t cutoff_s;
};

static uint32_t dice_state = 20260110;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (dice_state >> 8) % sides;
}

static void add_values(struct rig *r, struct person *p, int64_t now_s)
{
    for (size_t i = 0; i < VALUES && p->count < COUNT_OF(p->values); i++) {
        struct modelled *m = &p->values[p->count++];

        m->class_at = dice(COUNT_OF(class_names));
        m->created_s = now_s;
        m->alive = true;
        (void)snprintf(m->value, sizeof(m->value), "%s%u@x.example", p->name, dice(1000000));
        m->token = rig_store(r, class_names[m->class_at], p->name, m->value);
    }
}

static bool model_stays(const struct person *p, const struct modelled *m, int64_t now_s)
{
    return p->keeps_until_s[m->class_at] > now_s;
}

/* The model's erasure: whatever no exception keeps dies. Does anything go, when all is meant? */
static bool model_goes(const struct person *p, int64_t now_s)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->values[i].alive && !model_stays(p, &p->values[i], now_s))
            return true;
    return false;
}

static void model_erase(struct person *p, int64_t now_s)
{
    for (size_t i = 0; i < p->count; i++)
        p->values[i].alive = p->values[i].alive && model_stays(p, &p->values[i], now_s);
    p->cutoff_s = now_s;
}

static void random_erasure(struct rig *r, struct person *p, int64_t now_s)
{
    struct vault_exception x[COUNT_OF(class_names)];
    int64_t before[COUNT_OF(class_names)];
    struct receipt receipt;
    size_t count = 0;
    enum err e;

    memcpy(before, p->keeps_until_s, sizeof(before));
    for (size_t i = 0; i < COUNT_OF(class_names); i++) {
        if (dice(2) == 0)
            continue;
        x[count] = keep(r, class_names[i], 0);
        x[count].until_s = now_s + (int64_t)(1 + dice(60)) * RIG_DAY_S;
        if (x[count].until_s > p->keeps_until_s[i])
            p->keeps_until_s[i] = x[count].until_s;
        count++;
    }
    e = erase(r, p->name, x, count, &receipt);
    if (rig_slot(r, p->name) == 0 && e == ERR_NOT_FOUND) {
        memcpy(p->keeps_until_s, before, sizeof(before));
        return;
    }
    cr_assert_eq(e, model_goes(p, now_s) ? ERR_OK : ERR_CONFLICT, "%s: %s", p->name, err_name(e));
    if (e != ERR_OK) {
        memcpy(p->keeps_until_s, before, sizeof(before));
        return;
    }
    cr_assert_eq(receipt.state, RECEIPT_COMPLETED);
    model_erase(p, now_s);
    for (size_t i = 0; i < COUNT_OF(class_names); i++) { /* what keeps nothing is not remembered */
        bool any = false;

        for (size_t k = 0; k < p->count; k++)
            any = any || (p->values[k].alive && p->values[k].class_at == i);
        if (!any)
            p->keeps_until_s[i] = 0;
    }
}

static void model_end_exceptions(struct person *p, int64_t now_s)
{
    for (size_t i = 0; i < COUNT_OF(class_names); i++) {
        if (p->keeps_until_s[i] == 0 || p->keeps_until_s[i] > now_s)
            continue;
        for (size_t k = 0; k < p->count; k++)
            if (p->values[k].class_at == i && p->values[k].created_s <= p->cutoff_s)
                p->values[k].alive = false;
        p->keeps_until_s[i] = 0;
    }
}

static void check_person(struct rig *r, const struct person *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct modelled *m = &p->values[i];

        if (m->alive)
            cr_assert(reveals(r, &m->token, m->value), "%s of %s", class_names[m->class_at],
                      p->name);
        else
            cr_assert(is_gone(r, &m->token), "%s of %s", class_names[m->class_at], p->name);
        cr_assert_eq(is_restricted(r, &m->token),
                     m->alive && p->keeps_until_s[m->class_at] > 0 && m->created_s <= p->cutoff_s,
                     "%s of %s", class_names[m->class_at], p->name);
    }
}

Test(partial, of_random_people_leaves_what_a_simple_model_says)
{
    static struct person people[PEOPLE];
    AUTO(rig_done) struct rig r;
    int64_t now_s = RIG_NOW_S;

    start(&r);
    for (size_t i = 0; i < PEOPLE; i++)
        (void)snprintf(people[i].name, sizeof(people[i].name), "p%zu", i);
    for (size_t round = 0; round < ROUNDS; round++) {
        struct person *p = &people[dice(PEOPLE)];

        now_s += 3600 + dice(6) * RIG_DAY_S;
        rig_clock(now_s);
        (void)end_exceptions(&r);
        for (size_t i = 0; i < PEOPLE; i++)
            model_end_exceptions(&people[i], now_s);
        add_values(&r, p, now_s);
        random_erasure(&r, &people[dice(PEOPLE)], now_s);
        for (size_t i = 0; i < PEOPLE; i++)
            check_person(&r, &people[i]);
    }
}
