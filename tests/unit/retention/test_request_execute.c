/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying requests out: once, whatever comes between, and never on what came later. */
#include <signal.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "tests/unit/retention/request_rig.h"
#include "vault/holds.h"

TestSuite(request_execute, .init = secret_start, .timeout = 60);

#define EXPECT(number, path, text) cr_expect_str_eq(request_rig_get(&r, (number), (path)), (text))

static size_t receipts(struct request_rig *r)
{
    struct vault_receipt_entry entry = {.ledger_seq = 0};
    size_t count = 0;

    while (vault_receipt_next(r->rig.vault, entry.ledger_seq, &entry) == ERR_OK)
        count++;
    return count;
}

Test(request_execute, erases_the_person_and_keeps_the_receipts_number)
{
    AUTO(request_rig_done) struct request_rig r;
    struct token_text ada, bob;
    uint64_t number;
    char value[256];

    request_rig_init(&r);
    ada = rig_store(&r.rig, "note", "ada", "likes tea");
    bob = rig_store(&r.rig, "note", "bob", "likes coffee");
    number = request_rig_approved(&r, "ada");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "verified_done");
    EXPECT(number, "decision", "granted");
    EXPECT(number, "executed", "2026-01-10");
    EXPECT(number, "rights.0.outcome", "granted");
    EXPECT(number, "rights.0.ground", "17(1)(b)");
    EXPECT(number, "failure", "");
    cr_expect_eq(strlen(request_rig_get(&r, number, "rights.0.receipt")), 32);
    cr_expect_eq(rig_reveal(&r.rig, &ada, value), ERR_NOT_FOUND);
    cr_expect_eq(rig_reveal(&r.rig, &bob, value), ERR_OK);
}

Test(request_execute, puts_the_requests_number_on_the_receipt)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *receipt = NULL;
    AUTO(buf_done) struct buf text = {.max = 0};
    struct vault_receipt_entry entry = {.ledger_seq = 0};

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    cr_assert_eq(request_rig_act(&r, request_rig_approved(&r, "ada"), REQUEST_EXECUTE, "{}"),
                 ERR_OK);
    cr_assert_eq(vault_receipt_next(r.rig.vault, 0, &entry), ERR_OK);
    buf_init(&text, 1 << 20);
    cr_assert_eq(vault_receipt_read(r.rig.vault, entry.erasure, &text), ERR_OK);
    cr_assert_eq(json_parse(buf_span(&text), &receipt), ERR_OK);
    cr_expect_str_eq(json_str_of(json_get(receipt, "reference")), "request 1");
    cr_expect_str_eq(json_str_of(json_get(receipt, "executed_by")), "uid 1000");
}

/* Erase, collect again, execute again. */
Test(request_execute, e43_done_again_gives_the_same_receipt_and_touches_nothing_newer)
{
    AUTO(request_rig_done) struct request_rig r;
    struct token_text newer;
    uint64_t number;
    char receipt[64], value[256];

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    number = request_rig_approved(&r, "ada");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    (void)snprintf(receipt, sizeof(receipt), "%s", request_rig_get(&r, number, "rights.0.receipt"));
    newer = rig_store(&r.rig, "note", "ada", "likes milk now");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
        EXPECT(number, "rights.0.receipt", receipt);
        cr_assert_eq(request_rig_act(&r, number, i == 0 ? REQUEST_ANSWER : REQUEST_CLOSE,
                                     i == 0 ? "{\"channel\": \"email\", \"template\": "
                                              "\"granted-en-1\"}"
                                            : "{}"),
                     ERR_OK, "%s", r.msg.text);
    }
    cr_expect_eq(rig_reveal(&r.rig, &newer, value), ERR_OK);
    cr_expect_str_eq(value, "likes milk now");
    cr_expect_eq(receipts(&r), 1);
}

Test(request_execute, takes_a_word_for_what_was_done_elsewhere)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    cr_assert_eq(request_rig_add(&r,
                                 "{\"rights\": [\"erasure\", \"access\"], "
                                 "\"channel\": \"email\"}",
                                 "ada", &view),
                 ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_VERIFY_IDENTITY, "{\"method\": \"eid\"}"), ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_SCOPE, "{}"), ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_APPROVE, "{\"by\": \"M. Roe\"}"), ERR_OK);
    cr_expect_eq(
        request_rig_act(&r, 1, REQUEST_EXECUTE, "{\"right\": \"erasure\", \"reference\": \"x\"}"),
        ERR_INVALID);
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXECUTE, "{\"right\": \"erasure\"}"), ERR_INVALID);
    cr_expect_eq(
        request_rig_act(&r, 1, REQUEST_EXECUTE, "{\"right\": \"objection\", \"reference\": \"x\"}"),
        ERR_INVALID);
    EXPECT(1, "state", "approved");
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_EXECUTE,
                                 "{\"right\": \"access\", \"reference\": \"export 9\"}"),
                 ERR_OK, "%s", r.msg.text);
    EXPECT(1, "state", "executing");
    EXPECT(1, "rights.1.outcome", "granted");
    EXPECT(1, "rights.1.reference", "export 9");
    cr_expect_eq(request_rig_act(&r, 1, REQUEST_EXECUTE,
                                 "{\"right\": \"access\", \"reference\": \"export 9\"}"),
                 ERR_CONFLICT);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(1, "state", "verified_done");
}

/* Art. 17 for a part of the data: the rest is what it was, under another key. */
Test(request_execute, of_some_classes_leaves_the_others_as_they_were)
{
    AUTO(request_rig_done) struct request_rig r;
    struct token_text mail, note, brief;
    uint64_t number;
    char value[256];

    request_rig_init(&r);
    mail = rig_store(&r.rig, "mail", "ada", "ada@example.org");
    note = rig_store(&r.rig, "note", "ada", "likes tea");
    brief = rig_store(&r.rig, "brief", "ada", "is in the lobby");
    number = request_rig_scoped(&r, "ada", "{\"classes\": [\"brief\"]}");
    cr_expect_eq(rig_reveal(&r.rig, &note, value), ERR_RESTRICTED, "while it is decided");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "verified_done");
    EXPECT(number, "decision", "granted");
    cr_expect_eq(strlen(request_rig_get(&r, number, "rights.0.receipt")), 32);
    cr_expect_eq(rig_reveal(&r.rig, &brief, value), ERR_NOT_FOUND);
    cr_expect_eq(rig_reveal(&r.rig, &note, value), ERR_OK, "and nothing of it is restricted");
    cr_expect_str_eq(value, "likes tea");
    cr_expect_eq(rig_reveal(&r.rig, &mail, value), ERR_OK);
    cr_expect_neq(request_rig_slot(&r, "ada"), 0);
    cr_assert_eq(request_rig_act(&r, number, REQUEST_ANSWER,
                                 "{\"channel\": \"email\", \"template\": \"granted-en-1\"}"),
                 ERR_OK, "%s", r.msg.text);
}

Test(request_execute, of_classes_that_the_person_has_none_of_fails)
{
    AUTO(request_rig_done) struct request_rig r;
    struct token_text note;
    uint64_t number;
    char value[256];

    request_rig_init(&r);
    note = rig_store(&r.rig, "note", "ada", "likes tea");
    number = request_rig_scoped(&r, "ada", "{\"classes\": [\"mail\"]}");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "failed");
    cr_expect_eq(rig_reveal(&r.rig, &note, value), ERR_RESTRICTED, "it is there");
}

/* Art. 17(3): what the scope keeps stays, and the request says so. */
Test(request_execute, keeps_what_an_exception_names)
{
    AUTO(request_rig_done) struct request_rig r;
    struct token_text note, brief;
    uint64_t number;
    char value[256];

    request_rig_init(&r);
    note = rig_store(&r.rig, "note", "ada", "likes tea");
    brief = rig_store(&r.rig, "brief", "ada", "is in the lobby");
    number = request_rig_scoped(&r, "ada",
                                "{\"keep\": [{\"class\": \"note\", \"exception\": \"b\", "
                                "\"law\": \"AO 147\", \"until\": \"2026-01-15\"}]}");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "partly_granted");
    EXPECT(number, "decision", "partly");
    EXPECT(number, "rights.0.outcome", "partly");
    EXPECT(number, "rights.0.kept.0.class", "note");
    EXPECT(number, "rights.0.kept.0.exception", "17(3)(b)");
    EXPECT(number, "rights.0.kept.0.law", "AO 147");
    EXPECT(number, "rights.0.kept.0.until", "2026-01-15");
    cr_expect_eq(rig_reveal(&r.rig, &brief, value), ERR_NOT_FOUND);
    cr_expect_neq(rig_reveal(&r.rig, &note, value), ERR_NOT_FOUND, "it is there");
}

Test(request_execute, of_somebody_whose_every_value_is_kept_fails_and_can_be_refused)
{
    AUTO(request_rig_done) struct request_rig r;
    struct token_text note;
    uint64_t number;
    char value[256];

    request_rig_init(&r);
    note = rig_store(&r.rig, "note", "ada", "likes tea");
    number = request_rig_scoped(&r, "ada",
                                "{\"keep\": [{\"class\": \"note\", \"exception\": \"e\", "
                                "\"until\": \"2026-01-15\"}]}");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "failed");
    cr_expect_not_null(
        strstr(request_rig_get(&r, number, "failure"), "is kept under an exception"));
    cr_expect_eq(rig_reveal(&r.rig, &note, value), ERR_RESTRICTED, "it is there");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_REFUSE, "{\"reason\": \"17(3)(e)\"}"), ERR_OK,
                 "%s", r.msg.text);
    EXPECT(number, "state", "refused");
}

Test(request_execute, that_refused_a_right_before_is_a_part)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *view = NULL;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    cr_assert_eq(request_rig_add(&r,
                                 "{\"rights\": [\"erasure\", \"portability\"], "
                                 "\"channel\": \"portal\"}",
                                 "ada", &view),
                 ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_REFUSE,
                                 "{\"right\": \"portability\", \"reason\": \"not_portable\"}"),
                 ERR_OK, "%s", r.msg.text);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_VERIFY_IDENTITY, "{\"method\": \"eid\"}"), ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_SCOPE, "{}"), ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_APPROVE, "{\"by\": \"M. Roe\"}"), ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(1, "state", "partly_granted");
    EXPECT(1, "decision", "partly");
}

Test(request_execute, of_somebody_whose_values_have_ended_says_so)
{
    AUTO(request_rig_done) struct request_rig r;
    struct vault_purge_due purge = {.op = {.kind = VAULT_PURGE_DUE}, .limit = 100};
    uint64_t number;

    request_rig_init(&r);
    rig_store(&r.rig, "brief", "ada", "likes tea");
    number = request_rig_approved(&r, "ada");
    rig_clock(RIG_NOW_S + 2 * 3600);
    purge.class_id = rig_class(&r.rig, "brief");
    purge.now_s = RIG_NOW_S + 2 * 3600;
    cr_assert_eq(vault_run(r.rig.vault, &purge.op), ERR_OK);
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "verified_done");
    EXPECT(number, "rights.0.receipt", "");
    cr_expect_not_null(
        strstr(request_rig_get(&r, number, "rights.0.reference"), "nothing was left"));
}

Test(request_execute, e57_has_a_limit_a_day_and_the_register_has_none)
{
    AUTO(request_rig_done) struct request_rig r;
    uint64_t numbers[3];

    request_rig_init(&r);
    request_rig_configure(&r, "requests: {erasures_per_day: 2}\n");
    for (size_t i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), '\0'};

        rig_store(&r.rig, "note", name, "likes tea");
        numbers[i] = request_rig_approved(&r, name);
    }
    cr_assert_eq(request_rig_act(&r, numbers[0], REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    request_rig_close(&r); /* a restart does not begin to count anew */
    request_rig_open(&r);
    request_rig_configure(&r, "requests: {erasures_per_day: 2}\n");
    cr_assert_eq(request_rig_act(&r, numbers[1], REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    cr_expect_eq(request_rig_act(&r, numbers[2], REQUEST_EXECUTE, "{}"), ERR_LIMIT);
    EXPECT(numbers[2], "state", "approved");
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    cr_assert_eq(request_rig_act(&r, numbers[2], REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
}

Test(request_execute, that_fails_stands_as_failed_and_can_be_done_again)
{
    AUTO(request_rig_done) struct request_rig r;
    struct erasure_resumed resumed;
    uint64_t number;
    char receipt[64];

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    number = request_rig_approved(&r, "ada");
    fault_test_set("erase.verify!1", NULL);
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    fault_test_set(NULL, NULL);
    EXPECT(number, "state", "failed");
    EXPECT(number, "failure", "verify");
    (void)snprintf(receipt, sizeof(receipt), "%s", request_rig_get(&r, number, "rights.0.receipt"));
    cr_expect_eq(strlen(receipt), 32);
    cr_expect_eq(request_rig_act(&r, number, REQUEST_REFUSE, "{\"reason\": \"17(3)(e)\"}"),
                 ERR_CONFLICT, "the key is gone");
    cr_expect_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_BUSY,
                 "the ledger's entry is still open");
    cr_assert_eq(erasure_resume_all(r.erasures, &resumed), ERR_OK);
    cr_expect_eq(resumed.completed, 1);
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "verified_done");
    EXPECT(number, "rights.0.receipt", receipt);
    EXPECT(number, "failure", "");
}

/* The program is killed at a point of an execution; the next one finishes it. */
static void crash_at(struct request_rig *r, uint64_t number, const char *point)
{
    int status = 0;
    pid_t pid;

    request_rig_close(r);
    vault_close(&r->rig.vault);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        rig_open(&r->rig);
        request_rig_open(r);
        fault_test_set(point, NULL);
        (void)request_rig_act(r, number, REQUEST_EXECUTE, "{}");
        _exit(2);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", point, status);
    rig_open(&r->rig);
    request_rig_open(r);
}

static void expect_finished_after(const char *point, size_t had_receipts)
{
    AUTO(request_rig_done) struct request_rig r;
    struct erasure_resumed resumed;
    struct token_text newer;
    uint64_t number;
    char value[256];

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    number = request_rig_approved(&r, "ada");
    crash_at(&r, number, point);
    cr_assert_eq(erasure_resume_all(r.erasures, &resumed), ERR_OK);
    cr_expect_eq(receipts(&r), had_receipts, "%s", point);
    newer = rig_store(&r.rig, "note", "ada", "likes milk now");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s: %s", point,
                 r.msg.text);
    EXPECT(number, "state", "verified_done");
    cr_expect_eq(strlen(request_rig_get(&r, number, "rights.0.receipt")), 32, "%s", point);
    cr_expect_eq(receipts(&r), 1, "%s", point);
    /* Before the person was erased, what was stored under the same name is the same person's. */
    cr_expect_eq(rig_reveal(&r.rig, &newer, value), had_receipts > 0 ? ERR_OK : ERR_NOT_FOUND);
}

Test(request_execute, that_a_crash_cut_off_is_finished_and_erases_once)
{
    expect_finished_after("request.executing", 0);
    expect_finished_after("erase.swept", 1);
    expect_finished_after("erase.verified", 1);
    expect_finished_after("request.erased", 1);
}

Test(request_execute, finds_the_right_receipt_among_others)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf text = {.max = 0};
    struct vault_receipt_entry entry = {.ledger_seq = 0};
    uint64_t first, number;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "bob", "likes coffee");
    rig_store(&r.rig, "note", "ada", "likes tea");
    first = request_rig_approved(&r, "bob");
    cr_assert_eq(request_rig_act(&r, first, REQUEST_EXECUTE, "{}"), ERR_OK);
    number = request_rig_approved(&r, "ada");
    crash_at(&r, number, "request.erased");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(receipts(&r), 2);
    cr_assert_eq(vault_receipt_next(r.rig.vault, 0, &entry), ERR_OK);
    cr_assert_eq(vault_receipt_next(r.rig.vault, entry.ledger_seq, &entry), ERR_OK);
    buf_init(&text, 1 << 20);
    cr_assert_eq(vault_receipt_read(r.rig.vault, entry.erasure, &text), ERR_OK);
    cr_assert_eq(json_parse(buf_span(&text), &tree), ERR_OK);
    EXPECT(number, "rights.0.receipt", json_str_of(json_get(tree, "number")));
}

/* A hold on ada; her erasure waits for its end. */
Test(request_execute, of_somebody_held_waits)
{
    AUTO(request_rig_done) struct request_rig r;
    uint64_t number, hold;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    number = request_rig_approved(&r, "ada");
    hold = rig_hold(&r.rig, request_rig_slot(&r, "ada"));
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "executing");
    EXPECT(number, "waiting", "a legal hold binds the person");
    cr_expect_neq(request_rig_slot(&r, "ada"), 0);
    rig_lift(&r.rig, hold);
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "verified_done");
    EXPECT(number, "waiting", "");
    cr_expect_eq(request_rig_slot(&r, "ada"), 0);
}

/* What waited does not go on waiting for what a law keeps, perhaps for years, with all that comes meanwhile
 * restricted and destroyed in the end: the person is told that the request is refused. */
Test(request_execute, of_somebody_held_fails_where_a_law_keeps_all_at_the_holds_end)
{
    AUTO(request_rig_done) struct request_rig r;
    struct vault_purge_due purge = {.op = {.kind = VAULT_PURGE_DUE}, .limit = 10};
    struct erasure_resumed resumed;
    struct token_text note, later;
    uint64_t number, hold;
    char value[256];

    request_rig_init(&r);
    log_set_level(LOG_ERROR + 1);
    note = rig_store(&r.rig, "note", "ada", "likes tea");
    (void)rig_store(&r.rig, "brief", "ada", "is in the lobby");
    number = request_rig_scoped(&r, "ada",
                                "{\"keep\": [{\"class\": \"note\", \"exception\": \"e\", "
                                "\"until\": \"2026-01-15\"}]}");
    hold = rig_hold(&r.rig, request_rig_slot(&r, "ada"));
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "executing");
    rig_lift(&r.rig, hold);
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    purge.class_id = rig_class(&r.rig, "brief");
    purge.now_s = RIG_NOW_S + RIG_DAY_S;
    cr_assert_eq(vault_run(r.rig.vault, &purge.op), ERR_OK);
    cr_assert_eq(purge.deleted, 1);
    cr_assert_eq(erasure_run_waiting(r.erasures, &resumed), ERR_OK);
    cr_expect_eq(resumed.completed, 0);
    later = rig_store(&r.rig, "brief", "ada", "came back");
    cr_assert_eq(erasure_run_waiting(r.erasures, &resumed), ERR_OK);
    cr_expect_eq(resumed.found, 0, "nothing waits any more");
    cr_expect_neq(rig_reveal(&r.rig, &later, value), ERR_NOT_FOUND);
    purge.now_s += RIG_DAY_S;
    rig_clock(purge.now_s);
    cr_assert_eq(vault_run(r.rig.vault, &purge.op), ERR_OK);
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    EXPECT(number, "state", "failed");
    cr_expect_neq(rig_reveal(&r.rig, &note, value), ERR_NOT_FOUND, "it is there");
}
