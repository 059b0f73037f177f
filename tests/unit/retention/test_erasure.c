/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/erasure.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"

/* Where the log goes during a test: a file in its scratch folder. */
static int log_fd = -1;

static void quiet(struct rig *r)
{
    log_fd = open(scratch_path(&r->scratch, "log"), O_CREAT | O_RDWR | O_APPEND, 0600);
    REQUIRE(log_fd >= 0);
    log_set_fd(log_fd);
}

static size_t log_count(struct rig *r, const char *needle)
{
    static char text[1 << 16];
    size_t n = scratch_read(scratch_path(&r->scratch, "log"), 0, text, sizeof(text) - 1), hits = 0;

    text[n] = '\0';
    for (const char *at = text; (at = strstr(at, needle)) != NULL; at++)
        hits++;
    return hits;
}

static size_t open_in_ledger(struct rig *r)
{
    struct vault_erasure *list = NULL;
    size_t count = 0;

    REQUIRE(vault_erasures_open(r->vault, &list, &count) == ERR_OK);
    for (size_t i = 0; i < count; i++)
        vault_erasure_done(&list[i]);
    free(list);
    return count;
}

static enum err erase(struct rig *r, const char *subject, struct receipt *receipt)
{
    struct erasures *e = erasures_new(r->vault, NULL);
    enum err result = erasure_run(e, VAULT_DOMAIN_DEFAULT, span_str(subject), NULL, receipt);

    erasures_free(&e);
    return result;
}

TestSuite(erasure, .init = secret_start, .timeout = 60);

Test(erasure, ends_one_persons_tokens_and_nobody_elses)
{
    AUTO(rig_done) struct rig r;
    struct token_text ada, bob;
    struct receipt receipt;
    char value[256];

    rig_init(&r);
    quiet(&r);
    ada = rig_store(&r, "note", "ada", "likes tea");
    bob = rig_store(&r, "note", "bob", "likes coffee");
    cr_assert_eq(erase(&r, "ada", &receipt), ERR_OK);
    cr_assert_eq(receipt.state, RECEIPT_COMPLETED);
    cr_assert_eq(rig_reveal(&r, &ada, value), ERR_NOT_FOUND);
    cr_assert_eq(rig_reveal(&r, &bob, value), ERR_OK);
    cr_assert_str_eq(value, "likes coffee");
    cr_assert_eq(open_in_ledger(&r), 0);
}

Test(erasure, receipt_counts_what_went_and_says_what_was_looked_at)
{
    AUTO(rig_done) struct rig r;
    struct receipt receipt;

    rig_init(&r);
    quiet(&r);
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    (void)rig_store(&r, "note", "ada", "one");
    (void)rig_store(&r, "note", "ada", "two");
    (void)rig_store(&r, "note", "bob", "three");
    cr_assert_eq(erase(&r, "ada", &receipt), ERR_OK);
    cr_assert_eq(receipt.rows, 3);
    cr_assert_eq(receipt.per_class[rig_class(&r, "mail")], 1);
    cr_assert_eq(receipt.per_class[rig_class(&r, "note")], 2);
    cr_assert_eq(receipt.per_class[rig_class(&r, "brief")], 0);
    cr_assert(receipt.looked && receipt.truncated);
    cr_assert(receipt.verification.slot_zero && receipt.verification.key_absent);
    cr_assert_gt(receipt.verification.samples_tried, 0);
    cr_assert(receipt.verification.samples_unreadable);
    cr_assert_eq(receipt.verification.rows_left, 0);
    cr_assert_gt(receipt.verification.bytes_searched, 0);
    cr_assert_eq(receipt.epoch, 1);
    cr_assert_eq(receipt.acknowledged_ms, RIG_NOW_S * 1000);
}

Test(erasure, takes_any_number_of_rows_in_batches)
{
    AUTO(rig_done) struct rig r;
    struct receipt receipt;

    rig_init(&r);
    quiet(&r);
    rig_store_many(&r, "note", "ada", 1700);
    (void)rig_store(&r, "note", "bob", "stays");
    cr_assert_eq(erase(&r, "ada", &receipt), ERR_OK);
    cr_assert_eq(receipt.state, RECEIPT_COMPLETED);
    cr_assert_eq(receipt.rows, 1700);
}

Test(erasure, of_an_unknown_person_does_nothing)
{
    AUTO(rig_done) struct rig r;
    struct receipt receipt;

    rig_init(&r);
    quiet(&r);
    (void)rig_store(&r, "note", "ada", "tea");
    cr_assert_eq(erase(&r, "eve", &receipt), ERR_NOT_FOUND);
    cr_assert_eq(open_in_ledger(&r), 0);
    cr_assert_eq(log_count(&r, "erasure_begun"), 0);
}

Test(erasure, of_the_same_person_again_finds_nobody_and_leaves_newer_data_alone)
{
    AUTO(rig_done) struct rig r;
    struct receipt receipt;
    struct token_text token;
    char value[256];

    rig_init(&r);
    quiet(&r);
    (void)rig_store(&r, "note", "ada", "old");
    cr_assert_eq(erase(&r, "ada", &receipt), ERR_OK);
    cr_assert_eq(erase(&r, "ada", &receipt), ERR_NOT_FOUND);
    token = rig_store(&r, "note", "ada", "new");
    cr_assert_eq(rig_reveal(&r, &token, value), ERR_OK);
    cr_assert_str_eq(value, "new");
}

Test(erasure, finds_the_person_by_any_of_its_names)
{
    AUTO(rig_done) struct rig r;
    struct vault_item item;
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("4711"), SPAN_LIT("ada@example.org")},
                                .name_count = 2,
                                .items = &item,
                                .count = 1};
    struct receipt receipt;

    rig_init(&r);
    quiet(&r);
    item = (struct vault_item){.class_id = rig_class(&r, "mail"),
                               .kind = VALUE_STRING,
                               .value = SPAN_LIT("ada@example.org")};
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    cr_assert_eq(erase(&r, "ada@example.org", &receipt), ERR_OK);
    cr_assert_eq(receipt.rows, 1);
    cr_assert_eq(erase(&r, "4711", &receipt), ERR_NOT_FOUND);
}

Test(erasure, writes_no_identifier_and_no_value_to_the_log)
{
    AUTO(rig_done) struct rig r;
    struct receipt receipt;

    rig_init(&r);
    quiet(&r);
    (void)rig_store(&r, "note", "marker-7f3a-person", "marker-9b1c-value");
    cr_assert_eq(erase(&r, "marker-7f3a-person", &receipt), ERR_OK);
    cr_assert_eq(log_count(&r, "marker-"), 0);
    cr_assert_eq(log_count(&r, "\"event\":\"erasure_begun\""), 1);
    cr_assert_eq(log_count(&r, "\"event\":\"erasure_done\""), 1);
}

/* ---- what fails half-way ---- */

Test(erasure, that_does_not_verify_fails_stays_open_and_is_finished_later)
{
    AUTO(rig_done) struct rig r;
    struct receipt receipt;
    struct erasures *e;
    struct erasure_resumed resumed;

    rig_init(&r);
    quiet(&r);
    (void)rig_store(&r, "note", "ada", "tea");
    fault_test_set("erase.verify!lies", NULL);
    cr_assert_eq(erase(&r, "ada", &receipt), ERR_OK, "it is acknowledged all the same");
    cr_assert_eq(receipt.state, RECEIPT_FAILED);
    cr_assert_str_eq(receipt.failed_step, "verify");
    cr_assert_eq(receipt.failure, ERR_CORRUPT);
    cr_assert_eq(log_count(&r, "\"event\":\"erasure_failed\""), 1);
    cr_assert_eq(open_in_ledger(&r), 1);
    e = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_resume_all(e, &resumed), ERR_OK);
    cr_assert_eq(resumed.found, 1);
    cr_assert_eq(resumed.completed, 0, "it still lies");
    fault_test_set(NULL, NULL);
    cr_assert_eq(erasure_resume_all(e, &resumed), ERR_OK);
    cr_assert_eq(resumed.completed, 1);
    cr_assert_eq(open_in_ledger(&r), 0);
    cr_assert_eq(erasure_resume_all(e, &resumed), ERR_OK);
    cr_assert_eq(resumed.found, 0);
    erasures_free(&e);
}

Test(erasure, asked_to_stop_begins_nothing)
{
    AUTO(rig_done) struct rig r;
    struct token_text token;
    struct receipt receipt;
    struct erasures *e;
    char value[256];

    rig_init(&r);
    quiet(&r);
    token = rig_store(&r, "note", "ada", "tea");
    e = erasures_new(r.vault, NULL);
    erasures_stop(e);
    cr_assert_eq(erasure_run(e, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), NULL, &receipt),
                 ERR_CANCELED);
    cr_assert_eq(rig_reveal(&r, &token, value), ERR_OK);
    erasures_free(&e);
}

struct runner {
    struct erasures *erasures;
    struct receipt receipt;
    enum err result;
};

static void *run_erasure(void *context)
{
    struct runner *run = context;

    run->result =
        erasure_run(run->erasures, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), NULL, &run->receipt);
    return NULL;
}

/* Fill a pipe, so that whoever logs waits until it is read. */
static void block_log(int pipe_fds[2])
{
    static const char junk[4096];

    REQUIRE(pipe2(pipe_fds, O_CLOEXEC) == 0);
    REQUIRE(fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK) == 0);
    while (write(pipe_fds[1], junk, sizeof(junk)) > 0)
        continue;
    while (write(pipe_fds[1], junk, 1) > 0)
        continue;
    REQUIRE(fcntl(pipe_fds[1], F_SETFL, 0) == 0);
    log_set_fd(pipe_fds[1]);
}

/* Until the erasure is acknowledged; the test's time-out ends a wait that is in vain. */
static void wait_until_begun(struct rig *r)
{
    while (open_in_ledger(r) == 0)
        (void)sched_yield();
}

Test(erasure, stopped_after_the_acknowledgement_is_unfinished_and_finished_later)
{
    AUTO(rig_done) struct rig r;
    struct runner run = {.result = ERR_INTERNAL};
    struct erasure_resumed resumed;
    struct erasures *other;
    pthread_t thread;
    char drain[4096];
    int fds[2];

    rig_init(&r);
    (void)rig_store(&r, "note", "ada", "tea");
    run.erasures = erasures_new(r.vault, NULL);
    block_log(fds); /* it logs between the acknowledgement and the sweep: it waits there */
    REQUIRE(pthread_create(&thread, NULL, run_erasure, &run) == 0);
    wait_until_begun(&r);
    erasures_stop(run.erasures);
    REQUIRE(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    while (read(fds[0], drain, sizeof(drain)) > 0)
        continue;
    REQUIRE(pthread_join(thread, NULL) == 0);
    cr_assert_eq(run.result, ERR_OK);
    cr_assert_eq(run.receipt.state, RECEIPT_UNFINISHED);
    cr_assert_eq(run.receipt.rows, 0);
    erasures_free(&run.erasures);
    quiet(&r);
    other = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_resume_all(other, &resumed), ERR_OK);
    cr_assert_eq(resumed.completed, 1);
    erasures_free(&other);
}

Test(erasure, at_work_is_not_carried_out_a_second_time)
{
    AUTO(rig_done) struct rig r;
    struct runner run = {.result = ERR_INTERNAL};
    struct erasure_resumed resumed;
    pthread_t thread;
    char drain[4096];
    int fds[2];

    rig_init(&r);
    (void)rig_store(&r, "note", "ada", "tea");
    run.erasures = erasures_new(r.vault, NULL);
    block_log(fds);
    REQUIRE(pthread_create(&thread, NULL, run_erasure, &run) == 0);
    wait_until_begun(&r);
    cr_assert_eq(erasure_resume_all(run.erasures, &resumed), ERR_OK);
    cr_assert_eq(resumed.found, 0, "the other thread has it");
    REQUIRE(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    while (read(fds[0], drain, sizeof(drain)) > 0)
        continue;
    REQUIRE(pthread_join(thread, NULL) == 0);
    cr_assert_eq(run.receipt.state, RECEIPT_COMPLETED);
    erasures_free(&run.erasures);
}

/* ---- kill -9 ---- */

/* Erase in a process of its own that is killed at the fault point. */
static void erase_and_die(struct rig *r, const char *fault)
{
    pid_t child = fork();
    int status = 0;

    REQUIRE(child >= 0);
    if (child == 0) {
        struct receipt receipt;

        fault_test_set(fault, NULL);
        rig_open(r);
        (void)!erase(r, "ada", &receipt);
        _exit(0); /* not killed: the point was not reached */
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s was not reached", fault);
}

static void check_crash(const char *fault)
{
    AUTO(rig_done) struct rig r;
    struct token_text ada, bob;
    struct erasure_resumed resumed = {0, 0};
    struct erasures *e;
    char value[256];

    rig_init(&r);
    quiet(&r);
    ada = rig_store(&r, "note", "ada", "tea");
    rig_store_many(&r, "note", "ada", 1200);
    bob = rig_store(&r, "note", "bob", "coffee");
    vault_close(&r.vault);
    erase_and_die(&r, fault);
    rig_open(&r);
    cr_assert_eq(rig_reveal(&r, &ada, value), ERR_NOT_FOUND, "dead at once after %s", fault);
    e = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_resume_all(e, &resumed), ERR_OK);
    cr_assert_eq(resumed.found, strcmp(fault, "close.appended") == 0 ? 0 : 1, "%s", fault);
    cr_assert_eq(resumed.completed, resumed.found, "%s", fault);
    erasures_free(&e);
    cr_assert_eq(open_in_ledger(&r), 0);
    cr_assert_eq(rig_reveal(&r, &bob, value), ERR_OK);
}

Test(erasure, is_resumed_after_a_kill_behind_the_acknowledgement)
{
    check_crash("erase.acknowledged");
}

Test(erasure, is_resumed_after_a_kill_in_the_middle_of_the_sweep)
{
    check_crash("sweep.batch:2");
}

Test(erasure, is_resumed_after_a_kill_behind_the_sweep)
{
    check_crash("erase.swept");
}

Test(erasure, is_resumed_after_a_kill_behind_the_truncation)
{
    check_crash("truncate.done");
}

Test(erasure, is_resumed_after_a_kill_behind_the_verification)
{
    check_crash("erase.verified");
}
