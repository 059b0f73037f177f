/* SPDX-License-Identifier: Apache-2.0 */
/* The books of operators: all or nothing, found again in each way, after a restart and after a crash. */
#include "vault/records.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
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

TestSuite(records, .init = setup, .fini = teardown, .timeout = 60);

static void restart(void)
{
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

static enum err put(struct vault_record *records, size_t count)
{
    struct vault_records_write op = {
        .op = {.kind = VAULT_RECORDS}, .records = records, .count = count};

    return vault_run(f.v, &op.op);
}

static struct vault_record request(const char *key, unsigned state, int64_t due_ms)
{
    struct vault_record record = {.kind = VAULT_RECORD_REQUEST,
                                  .at_ms = 5000,
                                  .state = state,
                                  .due_ms = due_ms,
                                  .body = span_str("{}")};

    memcpy(record.key, key, strlen(key));
    return record;
}

static void new_request(const char *key, unsigned state, int64_t due_ms)
{
    struct vault_record record = request(key, state, due_ms);

    cr_assert_eq(put(&record, 1), ERR_OK);
}

static struct vault_records *look(void)
{
    struct vault_records *r = NULL;

    cr_assert_eq(vault_records_open(f.v, &r), ERR_OK);
    return r;
}

/* The body as a string of a record by its number; "" when there is none. */
static const char *body_of(uint64_t number)
{
    static char text[64];
    AUTO(vault_records_close) struct vault_records *r = look();
    struct vault_record found;
    enum err e = vault_record_get(r, VAULT_RECORD_REQUEST, number, &found);

    text[0] = '\0';
    if (e == ERR_OK) {
        cr_assert_lt(found.body.len, sizeof(text));
        if (found.body.len > 0)
            memcpy(text, found.body.at, found.body.len);
        text[found.body.len] = '\0';
    } else {
        cr_assert_eq(e, ERR_NOT_FOUND);
    }
    return text;
}

static uint64_t count_all(enum vault_record_kind kind)
{
    AUTO(vault_records_close) struct vault_records *r = look();
    uint64_t states[VAULT_RECORD_STATES], sum = 0;

    cr_assert_eq(vault_records_count(r, kind, states), ERR_OK);
    for (size_t i = 0; i < VAULT_RECORD_STATES; i++)
        sum += states[i];
    return sum;
}

Test(records, connections_that_were_closed_are_used_again_and_see_what_is_new)
{
    enum { MANY = 7 };
    struct vault_records *many[MANY], *first;
    struct vault_record found;

    new_request("a", 1, 0);
    for (size_t i = 0; i < MANY; i++) {
        many[i] = look();
        cr_assert_eq(vault_record_by_key(many[i], VAULT_RECORD_REQUEST, "a", &found), ERR_OK);
    }
    first = many[0];
    for (size_t i = 0; i < MANY; i++)
        vault_records_close(&many[i]); /* on a row, which it lets go */
    new_request("b", 1, 0);
    for (size_t i = 0; i < MANY; i++) {
        many[i] = look();
        cr_expect_eq(vault_record_by_key(many[i], VAULT_RECORD_REQUEST, "b", &found), ERR_OK);
    }
    cr_expect(many[3] == first, "the last of those that were kept");
    for (size_t i = 0; i < MANY; i++)
        vault_records_close(&many[i]);
}

Test(records, are_found_by_number_id_and_key_after_a_restart)
{
    struct vault_record record = {.kind = VAULT_RECORD_REQUEST,
                                  .slot = 77,
                                  .at_ms = 123,
                                  .due_ms = 456,
                                  .state = 63,
                                  .key = "mail-1",
                                  .body = span_str("{\"a\":1}")};
    struct vault_record found;
    struct vault_records *r;

    cr_assert_eq(put(&record, 1), ERR_OK);
    cr_expect(record.number == 1 && record.version == 1 && record.changed_ms > 0);
    restart();
    r = look();
    for (int i = 0; i < 3; i++) {
        const enum err e = i == 0 ? vault_record_get(r, VAULT_RECORD_REQUEST, 1, &found)
                           : i == 1
                               ? vault_record_by_id(r, VAULT_RECORD_REQUEST, record.id, &found)
                               : vault_record_by_key(r, VAULT_RECORD_REQUEST, "mail-1", &found);

        cr_assert_eq(e, ERR_OK, "%d", i);
        cr_expect(found.kind == VAULT_RECORD_REQUEST && found.number == 1 && found.slot == 77);
        cr_expect(found.at_ms == 123 && found.due_ms == 456 && found.state == 63);
        cr_expect(found.version == 1 && found.changed_ms == record.changed_ms);
        cr_expect_str_eq(found.key, "mail-1");
        cr_expect_arr_eq(found.id, record.id, VAULT_ID_BYTES);
        cr_expect(span_equal(found.body, span_str("{\"a\":1}")));
    }
    cr_expect_eq(vault_record_get(r, VAULT_RECORD_REQUEST, 2, &found), ERR_NOT_FOUND);
    cr_expect_eq(vault_record_get(r, VAULT_RECORD_NOTICE, 1, &found), ERR_NOT_FOUND);
    cr_expect_eq(vault_record_by_id(r, VAULT_RECORD_NOTICE, record.id, &found), ERR_NOT_FOUND);
    cr_expect_eq(vault_record_by_key(r, VAULT_RECORD_NOTICE, "mail-1", &found), ERR_NOT_FOUND);
    vault_records_close(&r);
}

Test(records, have_numbers_of_their_kind_that_never_come_again)
{
    struct vault_record notice = {.kind = VAULT_RECORD_NOTICE};
    struct vault_records_write forget = {.op = {.kind = VAULT_RECORDS},
                                         .forget = VAULT_RECORD_REQUEST,
                                         .forget_states = VAULT_RECORD_ANY,
                                         .forget_before_ms = INT64_MAX,
                                         .forget_limit = 10};
    struct vault_record last = request("", 0, 0);

    new_request("", 0, 0);
    new_request("", 0, 0);
    cr_assert_eq(put(&notice, 1), ERR_OK);
    cr_expect_eq(notice.number, 1, "each kind counts for itself");
    cr_assert_eq(vault_run(f.v, &forget.op), ERR_OK);
    cr_expect_eq(forget.forgotten, 2);
    cr_expect(count_all(VAULT_RECORD_REQUEST) == 0 && count_all(VAULT_RECORD_NOTICE) == 1);
    restart();
    cr_assert_eq(put(&last, 1), ERR_OK);
    cr_expect_eq(last.number, 3);
}

Test(records, an_empty_body_is_an_empty_body)
{
    struct vault_record record = request("", 0, 0);

    record.body = SPAN_NONE;
    record.at_ms = 0;
    cr_assert_eq(put(&record, 1), ERR_OK);
    cr_expect_str_eq(body_of(1), "");
    cr_expect_eq(record.at_ms, record.changed_ms, "made now");
    cr_expect_eq(count_all(VAULT_RECORD_REQUEST), 1);
}

Test(records, a_key_is_there_once_and_the_second_changes_nothing)
{
    struct vault_record two[] = {request("b", 0, 0), request("a", 0, 0)};
    struct vault_record notice = {.kind = VAULT_RECORD_NOTICE, .key = "a"};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS}, .records = two, .count = 2};

    new_request("a", 0, 0);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_CONFLICT);
    cr_expect_eq(op.failed, 1);
    cr_expect(two[0].number == 0 && two[0].version == 0, "the caller's are as they were");
    cr_expect_eq(count_all(VAULT_RECORD_REQUEST), 1, "nor is the other one there");
    cr_expect_eq(put(&notice, 1), ERR_OK, "another kind");
    new_request("", 0, 0);
    new_request("", 0, 0);
    cr_expect_eq(count_all(VAULT_RECORD_REQUEST), 3, "without a key nothing is the same");
}

Test(records, two_of_one_key_in_one_write_are_a_conflict)
{
    struct vault_record two[] = {request("a", 0, 0), request("a", 0, 0)};

    cr_assert_eq(put(two, 2), ERR_CONFLICT);
    cr_expect_eq(count_all(VAULT_RECORD_REQUEST), 0);
}

Test(records, change_only_when_nobody_else_has_changed_them)
{
    struct vault_record mine = request("a", 0, 9000), theirs, other = request("b", 0, 0);
    struct vault_record both[2];

    cr_assert(put(&mine, 1) == ERR_OK && put(&other, 1) == ERR_OK);
    theirs = mine;
    mine.state = 3;
    mine.due_ms = 0;
    mine.slot = 8;
    mine.body = span_str("mine");
    cr_assert_eq(put(&mine, 1), ERR_OK);
    cr_expect_eq(mine.version, 2);
    theirs.body = span_str("theirs");
    other.body = span_str("other");
    both[0] = other;
    both[1] = theirs;
    cr_expect_eq(put(both, 2), ERR_CONFLICT);
    cr_expect_eq(both[0].version, 1);
    cr_expect_str_eq(body_of(1), "mine");
    cr_expect_str_eq(body_of(2), "{}", "all or nothing");
    both[1].version = 2;
    cr_expect_eq(put(both, 2), ERR_OK);
    cr_expect_str_eq(body_of(1), "theirs");
    cr_expect_str_eq(body_of(2), "other");
    theirs.number = 99;
    cr_expect_eq(put(&theirs, 1), ERR_NOT_FOUND);
}

Test(records, a_change_leaves_id_key_and_beginning)
{
    struct vault_record record = request("a", 0, 0), found;
    uint8_t id[VAULT_ID_BYTES];
    struct vault_records *r;

    cr_assert_eq(put(&record, 1), ERR_OK);
    memcpy(id, record.id, sizeof(id));
    memset(record.id, 7, sizeof(record.id));
    record.at_ms = 1;
    record.key[0] = 'b';
    cr_assert_eq(put(&record, 1), ERR_OK);
    r = look();
    cr_assert_eq(vault_record_by_key(r, VAULT_RECORD_REQUEST, "a", &found), ERR_OK);
    cr_expect(found.at_ms == 5000 && found.version == 2);
    cr_expect_arr_eq(found.id, id, sizeof(id));
    vault_records_close(&r);
}

Test(records, are_listed_by_state_and_by_subject)
{
    struct vault_record_filter filter = {.kind = VAULT_RECORD_REQUEST, .states = 1 << 1 | 1 << 3};
    struct vault_record found = {.number = 0};
    struct vault_records *r;
    uint64_t seen = 0;

    for (unsigned i = 0; i < 40; i++) {
        struct vault_record record = request("", i % 4, 0);

        record.slot = i % 10;
        cr_assert_eq(put(&record, 1), ERR_OK);
    }
    r = look();
    while (vault_record_next(r, &filter, found.number, &found) == ERR_OK) {
        cr_expect_eq(found.state % 2, 1);
        seen |= UINT64_C(1) << found.number;
    }
    cr_expect_eq(seen, UINT64_C(0xaaaaaaaaaa) << 1, "%zx", (size_t)seen);
    filter = (struct vault_record_filter){
        .kind = VAULT_RECORD_REQUEST, .states = VAULT_RECORD_ANY, .slot = 3};
    for (uint64_t number = 0, want = 4; want < 41; want += 10, number = found.number) {
        cr_assert_eq(vault_record_next(r, &filter, number, &found), ERR_OK);
        cr_expect_eq(found.number, want);
    }
    cr_expect_eq(vault_record_next(r, &filter, found.number, &found), ERR_NOT_FOUND);
    vault_records_close(&r);
}

/* Whatever their numbers: a clock that was set back makes later ones older. */
Test(records,
     are_listed_in_the_order_in_which_they_were_made_and_the_last_is_that_of_the_highest_number)
{
    static const int64_t made[] = {700, 300, 500, 300, 900};
    static const uint64_t want[] = {2, 4, 3, 1};
    AUTO(vault_records_close) struct vault_records *r = NULL;
    struct vault_record found = {.at_ms = 0};
    size_t n = 0;

    r = look();
    cr_expect_eq(vault_record_last(r, VAULT_RECORD_REQUEST, &found), ERR_NOT_FOUND);
    for (size_t i = 0; i < 5; i++) {
        struct vault_record record = request("", 0, 0);

        record.at_ms = made[i];
        cr_assert_eq(put(&record, 1), ERR_OK);
    }
    found = (struct vault_record){.at_ms = 300};
    while (vault_record_next_made(r, VAULT_RECORD_REQUEST, 900, &found, &found) == ERR_OK) {
        cr_assert_lt(n, 4);
        cr_expect_eq(found.number, want[n++]);
    }
    cr_expect_eq(n, 4, "the one at 900 is not before it");
    cr_expect_eq(vault_record_last(r, VAULT_RECORD_REQUEST, &found), ERR_OK);
    cr_expect_eq(found.number, 5);
}

Test(records, are_listed_in_the_order_in_which_they_fall_due)
{
    static const int64_t due[] = {500, 0, 100, 300, 100, 900};
    static const uint64_t want[] = {3, 5, 4, 1};
    struct vault_record found;
    struct vault_records *r;
    const struct vault_record *after = NULL;
    uint64_t count = 0;

    for (size_t i = 0; i < sizeof(due) / sizeof(due[0]); i++)
        new_request("", 0, due[i]);
    r = look();
    for (size_t i = 0; i < 4; i++, after = &found) {
        cr_assert_eq(vault_record_next_due(r, VAULT_RECORD_REQUEST, 500, after, &found), ERR_OK);
        cr_expect_eq(found.number, want[i], "%zu", i);
    }
    cr_expect_eq(vault_record_next_due(r, VAULT_RECORD_REQUEST, 500, after, &found), ERR_NOT_FOUND);
    cr_assert_eq(vault_records_count_due(r, VAULT_RECORD_REQUEST, 500, &count), ERR_OK);
    cr_expect_eq(count, 4);
    cr_assert_eq(vault_records_count_due(r, VAULT_RECORD_REQUEST, 99, &count), ERR_OK);
    cr_expect_eq(count, 0);
    vault_records_close(&r);
}

Test(records, are_counted_by_state)
{
    uint64_t states[VAULT_RECORD_STATES];
    struct vault_records *r;

    for (unsigned i = 0; i < 10; i++)
        new_request("", i < 7 ? 0 : 63, 0);
    r = look();
    cr_assert_eq(vault_records_count(r, VAULT_RECORD_REQUEST, states), ERR_OK);
    cr_expect(states[0] == 7 && states[63] == 3 && states[1] == 0);
    cr_assert_eq(vault_records_count(r, VAULT_RECORD_RUN, states), ERR_OK);
    cr_expect(states[0] == 0 && states[63] == 0);
    vault_records_close(&r);
}

Test(records, the_oldest_are_forgotten_within_limit_state_and_time)
{
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS},
                                     .forget = VAULT_RECORD_REQUEST,
                                     .forget_states = 1 << 1,
                                     .forget_before_ms = 0,
                                     .forget_limit = 2};

    for (unsigned i = 0; i < 6; i++)
        new_request("", i % 2, 0);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_expect_eq(op.forgotten, 0, "none is that old");
    op.forget_before_ms = INT64_MAX;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_expect_eq(op.forgotten, 2);
    cr_expect_str_eq(body_of(4), "");
    cr_expect_str_eq(body_of(6), "{}");
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_expect_eq(op.forgotten, 1);
    cr_expect_eq(count_all(VAULT_RECORD_REQUEST), 3, "those in another state stay");
}

Test(records, a_body_has_a_limit)
{
    AUTO(mem_free) char *bytes = mem_alloc(VAULT_RECORD_BODY_MAX + 1);
    struct vault_record record = request("", 0, 0);

    memset(bytes, 'x', VAULT_RECORD_BODY_MAX + 1);
    record.body = span_of(bytes, VAULT_RECORD_BODY_MAX + 1);
    cr_expect_eq(put(&record, 1), ERR_TOO_LARGE);
    record.body.len--;
    cr_expect_eq(put(&record, 1), ERR_OK);
}

/* Kill the program at a point of a write; true when what was written is there afterwards. */
static bool survives(const char *point)
{
    int status = 0;
    pid_t pid;

    fixture_close(&f);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        struct vault_record two[] = {request("x", 0, 0), request("y", 0, 0)};

        if (fixture_open(&f) != ERR_OK)
            _exit(1);
        fault_test_set(point, NULL);
        (void)put(two, 2);
        _exit(2);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", point, status);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert(count_all(VAULT_RECORD_REQUEST) % 2 == 0, "both or none");
    return count_all(VAULT_RECORD_REQUEST) == 2;
}

Test(records, a_crash_leaves_all_of_a_write_or_nothing)
{
    cr_expect_not(survives("records.before_commit"));
    cr_expect(survives("records.committed"));
}

/* A store from before these tables. */
Test(records, are_added_to_a_store_that_lacks_them)
{
    sqlite3 *db = NULL;

    fixture_close(&f);
    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "DROP TABLE record; DROP TABLE record_last", NULL, NULL, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    new_request("", 0, 0);
    cr_expect_eq(count_all(VAULT_RECORD_REQUEST), 1);
}

/* No look-up may read through the whole table. */
Test(records, are_found_through_indexes)
{
    static const char *const questions[] = {
        "SELECT * FROM record WHERE kind=?1 AND number>?3 AND ?2>>state&1 ORDER BY number LIMIT 1",
        "SELECT * FROM record WHERE slot=?4 AND slot>0 AND kind=?1 AND number>?3 AND ?2>>state&1"
        " ORDER BY number LIMIT 1",
        "SELECT * FROM record WHERE kind=?1 AND (due,number)>(?3,?4) AND due<=?2 AND due>0"
        " ORDER BY due,number LIMIT 1",
        "SELECT state,count(*) FROM record WHERE kind=?1 GROUP BY state",
        "SELECT * FROM record WHERE kind=?1 AND key=?2",
    };
    sqlite3 *db = NULL;

    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        char sql[512];
        sqlite3_stmt *stmt = NULL;

        (void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", questions[i]);
        cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *plan = (const char *)sqlite3_column_text(stmt, 3);

            cr_expect(strncmp(plan, "SEARCH", 6) == 0, "%zu: %s", i, plan);
            if (strstr(questions[i], "(due") != NULL) /* not all that is due, anew for each */
                cr_expect(strstr(plan, "(due,number)>") != NULL, "%zu: %s", i, plan);
        }
        cr_assert_eq(sqlite3_finalize(stmt), SQLITE_OK);
    }
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

/* Nothing else is written: the log must be copied into the database all the same. */
Test(records, do_not_make_the_log_grow_for_ever)
{
    AUTO(mem_free) char *bytes = mem_alloc(VAULT_RECORD_BODY_MAX);
    struct stat st;

    memset(bytes, 'x', VAULT_RECORD_BODY_MAX);
    for (int i = 0; i < 2500; i++) {
        struct vault_record record = request("", 0, 0);

        record.body = span_of(bytes, VAULT_RECORD_BODY_MAX);
        cr_assert_eq(put(&record, 1), ERR_OK);
    }
    cr_assert_eq(stat(fixture_path(&f, "vault.db-wal"), &st), 0);
    cr_expect_lt(st.st_size, 160 << 20, "%zu", (size_t)st.st_size); /* of more than 200 MiB */
}
