/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/recount.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "retention/erasure.h"
#include "retention/sweeper.h"
#include "tests/unit/retention/report_rig.h"
#include "vault/renew.h"

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(recount, .init = start, .timeout = 120);

static struct vault_recount last(struct rig *r, const char *class_name)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_recount found;
    int64_t at_ms = 0;

    cr_assert_eq(vault_records_open(r->vault, &records), ERR_OK);
    cr_assert_eq(recount_last(records, class_name, &at_ms, &found), ERR_OK);
    cr_assert_gt(at_ms, 0);
    return found;
}

static struct recount_result run(struct rig *r)
{
    struct recount_result result;

    cr_assert_eq(recount_run(r->vault, NULL, &result), ERR_OK);
    cr_assert_eq(result.counted, r->classes.count);
    cr_assert_eq(result.uncounted, 0);
    return result;
}

/* Change the database behind the vault's back. */
static void meddle(struct rig *r, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;

    (void)snprintf(path, sizeof(path), "%s/store/vault.db", r->scratch.dir);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    (void)sqlite3_close(db);
}

Test(recount, agrees_with_what_was_stored_and_counts_people)
{
    AUTO(rig_done) struct rig r;
    struct vault_recount found;

    rig_init(&r);
    cr_assert_eq(run(&r).differ, 0);
    cr_assert_eq(last(&r, "note").counted, 0);
    (void)rig_store(&r, "note", "ada", "one");
    (void)rig_store(&r, "note", "ada", "two");
    (void)rig_store(&r, "note", "bob", "three");
    (void)rig_store(&r, "mail", "bob", "bob@example.org");
    cr_assert_eq(run(&r).differ, 0);
    found = last(&r, "note");
    cr_assert(found.items == 3 && found.counted == 3 && found.subjects == 2 && found.differ == 0);
    found = last(&r, "mail");
    cr_assert(found.counted == 1 && found.subjects == 1);
}

/* Every counter against a full count, after anything that can happen to rows. */
static void any_history(unsigned seed)
{
    static const char *const names[] = {"mail", "note", "brief"};
    AUTO(rig_done) struct rig r;
    struct erasures *erasures;
    int64_t now_s = RIG_NOW_S;

    rig_init(&r);
    erasures = erasures_new(r.vault, NULL);
    for (int step = 0; step < 200; step++) {
        char subject[16], value[48];

        (void)snprintf(subject, sizeof(subject), "p%d", rand_r(&seed) % 9);
        (void)snprintf(value, sizeof(value), "v%d@example.org", rand_r(&seed) % 40);
        switch (rand_r(&seed) % 12) {
        case 0: {
            const struct sweeper_options o = {
                .vault = r.vault, .classes = &r.classes, .now_s = now_s};
            struct sweeper_counts counts;

            cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
            break;
        }
        case 1: {
            struct receipt receipt;

            (void)!erasure_run(erasures, VAULT_DOMAIN_DEFAULT, span_str(subject), NULL, &receipt);
            break;
        }
        case 2:
            now_s += rand_r(&seed) % (3 * RIG_DAY_S);
            rig_clock(now_s);
            break;
        default:
            (void)rig_store(&r, names[rand_r(&seed) % 3], subject, value);
            break;
        }
        if (step % 20 == 19)
            cr_assert_eq(run(&r).differ, 0, "after step %d", step);
    }
    erasures_free(&erasures);
}

Test(recount, agrees_after_any_history_1)
{
    any_history(1);
}

Test(recount, agrees_after_any_history_2)
{
    any_history(20261129);
}

static bool report_attends(struct rig *r, const char *reason)
{
    AUTO(json_free) struct json *tree = rig_report(r, "retention");
    bool found = false;

    for (size_t i = 0; i < json_count(json_get(tree, "rows")); i++) {
        const struct json *list = json_get(json_at(json_get(tree, "rows"), i), "attention");

        for (size_t j = 0; j < json_count(list); j++)
            found = found || strcmp(json_str_of(json_at(list, j)), reason) == 0;
    }
    return found;
}

/* E32: rows that somebody deleted. */
Test(recount, that_differs_is_shown_until_it_agrees_and_repairs_nothing)
{
    AUTO(rig_done) struct rig r;
    struct vault_recount found;

    rig_init(&r);
    log_set_level(LOG_ERROR + 1);
    (void)rig_store(&r, "note", "ada", "one");
    cr_assert_eq(run(&r).differ, 0);
    cr_assert_not(report_attends(&r, "recount_differs"));
    meddle(&r, "UPDATE agg SET n=n+2 WHERE n=1");
    cr_assert_eq(run(&r).differ, 1);
    found = last(&r, "note");
    cr_assert(found.items == 3 && found.counted == 1 && found.differ == 1);
    cr_assert(report_attends(&r, "recount_differs"));
    cr_assert_eq(run(&r).differ, 1, "nothing was put right");
    meddle(&r, "UPDATE agg SET n=n-2 WHERE n=3");
    cr_assert_eq(run(&r).differ, 0);
    cr_assert_not(report_attends(&r, "recount_differs"));
}

/* The sums may agree where the days do not. */
Test(recount, sees_counters_of_the_wrong_day)
{
    AUTO(rig_done) struct rig r;

    rig_init(&r);
    (void)rig_store(&r, "note", "ada", "one");
    meddle(&r, "UPDATE agg SET due_day=due_day+1");
    cr_assert_eq(run(&r).differ, 1);
    cr_assert_eq(last(&r, "note").differ, 2, "the day that lacks it, and the one that has it");
    cr_assert_eq(last(&r, "note").items, last(&r, "note").counted);
}

Test(recount, ends_when_it_is_told_to)
{
    AUTO(rig_done) struct rig r;
    const atomic_bool stop = true;
    struct recount_result result;

    rig_init(&r);
    for (int i = 0; i < 5000; i++)
        (void)rig_store(&r, "note", "ada", "the same person over and over");
    cr_assert_eq(recount_run(r.vault, &stop, &result), ERR_CANCELED);
}

/* ---- beside traffic ---- */

struct counter {
    struct vault *vault;
    atomic_bool stop;
    uint64_t runs;
};

static void *count_on(void *context)
{
    struct counter *c = context;

    while (!atomic_load(&c->stop)) {
        struct recount_result result;
        const enum err e = recount_run(c->vault, &c->stop, &result);

        REQUIRE(e == ERR_OK || e == ERR_CANCELED);
        REQUIRE(result.differ == 0);
        c->runs += e == ERR_OK;
    }
    return NULL;
}

/* A state of the database that is kept would hold back the cutting of the log, and with it every erasure. */
Test(recount, gives_way_to_erasures_and_agrees_while_rows_come_and_go)
{
    AUTO(rig_done) struct rig r;
    struct counter c = {.stop = false};
    struct erasures *erasures;
    pthread_t thread;

    rig_init(&r);
    for (int i = 0; i < 3000; i++)
        (void)rig_store(&r, "note", "ada", "the same person over and over");
    c.vault = r.vault;
    erasures = erasures_new(r.vault, NULL);
    cr_assert_eq(pthread_create(&thread, NULL, count_on, &c), 0);
    for (int i = 0; i < 30; i++) {
        struct receipt receipt;

        (void)rig_store(&r, "note", "bob", "here for a moment");
        cr_assert_eq(erasure_run(erasures, VAULT_DOMAIN_DEFAULT, SPAN_LIT("bob"), NULL, &receipt),
                     ERR_OK);
        cr_assert_eq(receipt.state, RECEIPT_COMPLETED, "erasure %d", i);
    }
    atomic_store(&c.stop, true);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    erasures_free(&erasures);
    cr_assert_gt(c.runs, 0);
}

/* ---- putting right ---- */

static enum err repair(struct rig *r, const char *digest, uint64_t *ret_record)
{
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg = {""};
    const enum err e = recount_repair(r->vault, span_str(digest), NULL, &tree, &msg);

    if (e == ERR_OK)
        *ret_record = (uint64_t)json_int_of(json_get(tree, "record"), 0);
    return e;
}

static bool was_repaired(struct rig *r, const char *class_name, uint64_t *ret_differ)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    int64_t at_ms = 0;

    cr_assert_eq(vault_records_open(r->vault, &records), ERR_OK);
    return recount_repaired(records, class_name, &at_ms, ret_differ) == ERR_OK && at_ms > 0;
}

Test(recount, repair_sets_counters_to_what_the_rows_say_and_keeps_what_was_wrong)
{
    AUTO(rig_done) struct rig r;
    struct recount_result found;
    uint64_t record = 0, differ = 0;

    rig_init(&r);
    log_set_level(LOG_ERROR + 1);
    (void)rig_store(&r, "note", "ada", "one");
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    cr_assert_eq(strlen(run(&r).digest), 0);
    cr_assert_eq(repair(&r, "00000000000000000000000000000000", &record), ERR_CONFLICT);
    meddle(&r, "UPDATE agg SET n=n+2 WHERE class=2");
    meddle(&r, "UPDATE agg SET due_day=due_day+1 WHERE class=1");
    found = run(&r);
    cr_assert_eq(found.differ, 2);
    cr_assert_eq(strlen(found.digest), RECOUNT_DIGEST_TEXT - 1);
    cr_assert_eq(repair(&r, "00000000000000000000000000000000", &record), ERR_CONFLICT);
    cr_assert_eq(repair(&r, "what", &record), ERR_INVALID);
    cr_assert_eq(run(&r).differ, 2, "nothing was put right by these");
    (void)rig_store(&r, "note", "bob", "traffic goes on");
    cr_assert_eq(repair(&r, found.digest, &record), ERR_OK);
    cr_assert_eq(record, 1);
    cr_assert_not(report_attends(&r, "recount_differs"));
    cr_assert_eq(run(&r).differ, 0);
    cr_assert_eq(last(&r, "note").items, 2);
    cr_assert(was_repaired(&r, "note", &differ) && differ == 1);
    cr_assert(was_repaired(&r, "mail", &differ) && differ == 2);
    cr_assert_not(was_repaired(&r, "brief", &differ));
    record = 0;
    cr_assert_eq(repair(&r, found.digest, &record), ERR_OK,
                 "asked for again, after a crash perhaps");
    cr_assert_eq(record, 1, "it was carried out once");
}

/* All values of a class get new tokens. */
static void renew(struct rig *r, const char *class_name)
{
    struct vault_renew op = {
        .op = {.kind = VAULT_RENEW}, .class_id = rig_class(r, class_name), .limit = 100};

    do {
        cr_assert_eq(vault_run(r->vault, &op.op), ERR_OK);
        op.at = op.next;
    } while (op.more);
}

static int64_t remembered(struct rig *r)
{
    char path[128];
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    int64_t n;

    (void)snprintf(path, sizeof(path), "%s/store/vault.db", r->scratch.dir);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM renewed", -1, &stmt, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
    n = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return n;
}

Test(recount, old_tokens_that_lead_to_no_value_are_found_and_forgotten)
{
    AUTO(rig_done) struct rig r;
    struct recount_result found;
    uint64_t record = 0;

    rig_init(&r);
    log_set_level(LOG_ERROR + 1);
    (void)rig_store(&r, "note", "ada", "one");
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    renew(&r, "note");
    renew(&r, "mail");
    found = run(&r);
    cr_assert(found.differ == 0 && found.lost == 0);
    meddle(&r, "INSERT INTO renewed SELECT class,old+7000,old_salt,new+7000,new_salt FROM renewed"
               " UNION ALL SELECT class,old+8000,old_salt,new+8000,new_salt FROM renewed"
               " WHERE class=2");
    found = run(&r);
    cr_assert(found.differ == 2 && found.lost == 3);
    cr_assert(last(&r, "note").differ == 0 && last(&r, "note").lost == 2);
    cr_assert(report_attends(&r, "recount_differs"));
    cr_assert_eq(repair(&r, "00000000000000000000000000000000", &record), ERR_CONFLICT);
    cr_assert_eq(repair(&r, found.digest, &record), ERR_OK);
    cr_assert_not(report_attends(&r, "recount_differs"));
    cr_assert_eq(run(&r).differ, 0);
    cr_assert_eq(remembered(&r), 2, "those that lead to a value");
}

/* The program is killed while counters are put right: all of it has happened, with its record, or nothing. */
static void expect_whole_after(const char *point, size_t differ)
{
    AUTO(rig_done) struct rig r;
    struct recount_result found;
    uint64_t record = 0, counters = 0;
    int status = 0;
    pid_t pid;

    rig_init(&r);
    log_set_level(LOG_ERROR + 1);
    (void)rig_store(&r, "note", "ada", "one");
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    meddle(&r, "UPDATE agg SET n=n+2");
    found = run(&r);
    vault_close(&r.vault);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        rig_open(&r);
        fault_test_set(point, NULL);
        (void)repair(&r, found.digest, &record);
        _exit(2);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", point, status);
    rig_open(&r);
    cr_assert_eq(was_repaired(&r, "note", &counters), differ == 0, "%s", point);
    cr_assert_eq(run(&r).differ, differ, "%s", point);
}

Test(recount, repair_that_a_crash_cut_off_has_happened_in_whole_or_not)
{
    expect_whole_after("records.before_commit:4", 2);
    expect_whole_after("records.committed:4", 0);
}
