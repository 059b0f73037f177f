/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/retime.h"

#include <sqlite3.h>

#include "tests/unit/vault/typed_rig.h"
#include "vault/writer_priv.h"

enum { T0_S = 1800000000, DAY_S = 86400 };

static const char CLASSES[] =
    "classes:\n"
    "  opaque: {" TYPED_REST "}\n"
    "  shared: {deterministic: true, " TYPED_REST "}\n"
    "  typed: {format: digits, reserved: \"9\", " TYPED_REST "}\n"
    "  equal: {format: digits, reserved: \"9\", deterministic: true, " TYPED_REST "}\n";

static const char *const kinds[] = {"opaque", "shared", "typed", "equal"};

static void at(int64_t now_s)
{
    clock_test_set_ms(now_s * 1000);
}

static void setup(void)
{
    at(T0_S);
    typed_start(CLASSES);
}

static void teardown(void)
{
    typed_end();
}

TestSuite(retime, .init = setup, .fini = teardown);

/* The rule of all classes from now on. */
static void set_period(const char *text)
{
    for (size_t i = 0; i < typed_classes.count; i++)
        cr_assert_eq(period_parse(span_str(text), &typed_classes.defs[i].rule.period), ERR_OK);
}

static uint64_t slot_of(const char *name)
{
    uint64_t slot = 0;

    cr_assert_eq(fixture_subject(&f, name, &slot), ERR_OK, "%s", name);
    return slot;
}

/* To the end; counts of all batches stay in the operation. */
static void retime_all(struct vault_retime *op)
{
    size_t looked = 0, changed = 0, unreadable = 0;

    op->op.kind = VAULT_RETIME;
    op->limit = op->limit == 0 ? 500 : op->limit;
    do {
        cr_assert_eq(vault_run(f.v, &op->op), ERR_OK);
        looked += op->looked;
        changed += op->changed;
        unreadable += op->unreadable;
        op->at = op->next;
    } while (op->more);
    op->looked = looked;
    op->changed = changed;
    op->unreadable = unreadable;
}

static struct vault_retime retime_class(const char *name)
{
    struct vault_retime op = {.class_id = class_id(name)};

    retime_all(&op);
    return op;
}

static struct vault_retime retime_person(const char *name)
{
    struct vault_retime op = {.slot = slot_of(name)};

    retime_all(&op);
    return op;
}

static int64_t due_of(const char *class_name, const struct token_text *token)
{
    struct vault_value value = {.due_s = 0};
    char out[256];
    enum err e = reveal(class_name, token, out, &value);

    return e == ERR_OK ? value.due_s : 0;
}

/* ---- counted in full ---- */

static int64_t ask(const char *sql, uint16_t class_id)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    char text[512];
    size_t n = 0;
    int64_t got;

    for (; *sql != '\0' && n + 8 < sizeof(text); sql++)
        n += (size_t)(*sql == '#' ? snprintf(text + n, sizeof(text) - n, "%u", class_id)
                                  : snprintf(text + n, sizeof(text) - n, "%c", *sql));
    cr_assert_eq(sqlite3_open(fixture_path(&f, VAULT_DB), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK, "%s", text);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW, "%s", text);
    got = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    sqlite3_close(db);
    return got;
}

/* The counters of every class are what a scan finds, the store being closed. */
static void counters_are_right(void)
{
    uint16_t ids[COUNT_OF(kinds)];

    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        ids[i] = class_id(kinds[i]);
    fixture_close(&f);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        cr_assert_eq(ask("SELECT count(*) FROM (SELECT created/86400 c,due/86400 d,count(*) n FROM "
                         "val_# GROUP BY c,d EXCEPT SELECT created_day,due_day,n FROM agg"
                         " WHERE class=#)",
                         ids[i]),
                     0, "%s", kinds[i]);
        cr_assert_eq(ask("SELECT (SELECT count(*) FROM val_#)-(SELECT ifnull(sum(n),0) FROM agg "
                         "WHERE class=#)",
                         ids[i]),
                     0, "%s", kinds[i]);
        cr_assert_eq(ask("SELECT count(*) FROM (SELECT created/86400 c,count(*) n FROM val_# WHERE "
                         "start<>0 GROUP BY c EXCEPT SELECT day,n FROM started WHERE class=#)",
                         ids[i]),
                     0, "%s", kinds[i]);
        cr_assert_eq(ask("SELECT (SELECT count(*) FROM val_# WHERE start<>0)-"
                         "(SELECT ifnull(sum(n),0) FROM started WHERE class=#)",
                         ids[i]),
                     0, "%s", kinds[i]);
        cr_assert_eq(ask("SELECT ifnull(sum(CASE reason WHEN 1 THEN n ELSE -n END),0)-"
                         "(SELECT count(*) FROM val_#) FROM flow WHERE class=#",
                         ids[i]),
                     0, "the balance of %s", kinds[i]);
    }
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

/* ---- what it is for ---- */

Test(retime, gives_rows_of_every_kind_of_class_another_due_time)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text token = store(kinds[i], "ada", "1234"), other;
        struct vault_retime op;

        other = store(kinds[i], "bert", "5678");
        set_period("P10D");
        op = retime_class(kinds[i]);
        cr_assert_eq(op.looked, 2, "%s", kinds[i]);
        cr_assert_eq(op.changed, 2, "%s", kinds[i]);
        cr_assert_eq(op.unreadable, 0, "%s", kinds[i]);
        cr_assert_eq(due_of(kinds[i], &token), T0_S + 10 * DAY_S, "%s", kinds[i]);
        cr_assert(reveals(kinds[i], &token, "1234"), "%s", kinds[i]);
        cr_assert(reveals(kinds[i], &other, "5678"), "%s", kinds[i]);
        counters_are_right();
        cr_assert(reveals(kinds[i], &token, "1234"), "%s, after a restart", kinds[i]);
        set_period("P1Y");
    }
}

Test(retime, of_a_person_leaves_everybody_else_alone)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text ada = store(kinds[i], "ada", "1234");
        struct token_text bert = store(kinds[i], "bert", "5678");
        struct vault_retime op;

        set_period("P10D");
        op = retime_person("ada");
        cr_assert_eq(op.changed, 1, "%s", kinds[i]);
        cr_assert_eq(due_of(kinds[i], &ada), T0_S + 10 * DAY_S, "%s", kinds[i]);
        cr_assert_gt(due_of(kinds[i], &bert), T0_S + 300 * DAY_S, "%s", kinds[i]);
        set_period("P1Y");
    }
    counters_are_right();
}

Test(retime, of_one_class_of_a_person_leaves_the_other_classes_alone)
{
    struct token_text one = store("opaque", "ada", "1234"), two = store("shared", "ada", "1234");
    struct vault_retime op = {.slot = slot_of("ada"), .class_id = class_id("shared")};

    set_period("P10D");
    retime_all(&op);
    cr_assert_eq(op.looked, 1);
    cr_assert_gt(due_of("opaque", &one), T0_S + 300 * DAY_S);
    cr_assert_eq(due_of("shared", &two), T0_S + 10 * DAY_S);
}

Test(retime, each_owner_of_a_shared_token_keeps_a_due_time_of_his_own)
{
    static const char *const shared[] = {"shared", "equal"};

    for (size_t i = 0; i < COUNT_OF(shared); i++) {
        struct token_text ada = store(shared[i], "ada", "1234");
        struct token_text bert = store(shared[i], "bert", "1234");
        const struct vault_scope of_ada = {.class_id = class_id(shared[i]), .slot = slot_of("ada")};
        struct vault_value value;

        cr_assert(same(&ada, &bert));
        set_period("P10D");
        cr_assert_eq(retime_person("ada").changed, 1);
        at(T0_S + 11 * DAY_S);
        cr_assert_eq(vault_read_begin(f.r), ERR_OK);
        cr_assert_eq(vault_inspect_as(f.r, &of_ada, fixture_span(&ada), &value), ERR_DENIED,
                     "ada's time is over, the token is bert's still");
        vault_read_end(f.r);
        cr_assert(reveals(shared[i], &bert, "1234"));
        at(T0_S);
        set_period("P1Y");
    }
}

Test(retime, does_not_write_to_rows_that_are_right)
{
    struct token_text token = store("opaque", "ada", "1234");
    const int64_t before = due_of("opaque", &token);
    struct vault_retime op = retime_class("opaque");

    cr_assert_eq(op.looked, 1);
    cr_assert_eq(op.changed, 0);
    cr_assert_eq(due_of("opaque", &token), before);
    fixture_close(&f);
    cr_assert_eq(ask("SELECT rev FROM val_#", 1), 0, "it was not sealed again");
}

Test(retime, goes_on_where_the_last_batch_ended)
{
    struct vault_retime op = {
        .op.kind = VAULT_RETIME, .class_id = class_id("opaque"), .limit = 10, .more = true};
    size_t batches = 0, changed = 0;

    for (int i = 0; i < 25; i++)
        (void)store("opaque", i % 2 == 0 ? "ada" : "bert", "1234");
    set_period("P10D");
    for (; op.more; batches++) {
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
        cr_assert_leq(op.looked, 10);
        changed += op.changed;
        op.at = op.next;
        if (batches == 0) { /* comes after the rule: right already */
            at(T0_S + 1);
            (void)store("opaque", "cleo", "5678");
        }
    }
    cr_assert_eq(changed, 25);
    cr_assert_eq(batches, 3);
    counters_are_right();
}

Test(retime, does_little_at_a_time_while_values_are_stored)
{
    struct vault_retime op = {
        .op.kind = VAULT_RETIME, .class_id = class_id("opaque"), .limit = 1000};

    for (int i = 0; i < 3 * WRITER_PART_ROWS; i++)
        (void)store("opaque", "ada", "1234");
    set_period("P10D");
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(op.looked, WRITER_PART_ROWS);
    cr_assert(op.more);
    f.v->writer->stored_ms -= 60000; /* it is idle, and has been for a minute */
    op.at = op.next;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(op.changed, 2 * WRITER_PART_ROWS);
}

Test(retime, reaches_readers_that_remember_the_row)
{
    struct token_text token = store("opaque", "ada", "1234");

    for (int i = 0; i < 3; i++)
        cr_assert(reveals("opaque", &token, "1234"));
    set_period("P10D");
    (void)retime_class("opaque");
    at(T0_S + 11 * DAY_S);
    cr_assert_not(reveals("opaque", &token, "1234"), "its time is over");
}

Test(retime, makes_a_rectified_row_last_longer)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text token = store(kinds[i], "ada", "1234");
        struct vault_rectify op = {.op.kind = VAULT_RECTIFY,
                                   .token = fixture_span(&token),
                                   .class_id = class_id(kinds[i]),
                                   .kind = VALUE_STRING,
                                   .value = SPAN_LIT("5678")};

        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK, "%s", kinds[i]);
        set_period("P3Y");
        cr_assert_eq(retime_class(kinds[i]).changed, 1, "%s", kinds[i]);
        cr_assert(reveals(kinds[i], &token, "5678"), "%s", kinds[i]);
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK, "%s can be rectified again", kinds[i]);
        set_period("P1Y");
    }
}

Test(retime, rows_that_come_out_of_order_are_purged_all_the_same)
{
    struct token_text first = store("opaque", "ada", "1"), token;
    size_t deleted = 0;

    for (int i = 0; i < 600; i++) /* more than a purge of an ordered class looks past */
        token = store("opaque", "bert", "2");
    set_period("P10D");
    cr_assert_eq(retime_person("bert").changed, 600);
    at(T0_S + 11 * DAY_S);
    f.v->writer->stored_ms -= 60000;
    cr_assert_eq(fixture_purge(&f, class_id("opaque"), 1000, &deleted), ERR_OK);
    cr_assert_eq(deleted, 600);
    cr_assert(reveals("opaque", &first, "1"));
    cr_assert_not(reveals("opaque", &token, "2"));
    counters_are_right();
}

/* ---- what must not happen ---- */

Test(retime, never_revives_a_row_whose_time_is_over)
{
    struct token_text token = store("opaque", "ada", "1234");
    struct vault_retime op;

    at(T0_S + 400 * DAY_S);
    set_period("P3Y");
    op = retime_class("opaque");
    cr_assert_eq(op.looked, 1);
    cr_assert_eq(op.changed, 0);
    cr_assert_not(reveals("opaque", &token, "1234"));
}

Test(retime, leaves_rows_of_an_erased_person_to_the_sweep)
{
    struct vault_erasure erasure = {0};
    size_t swept = 0;

    (void)store("opaque", "ada", "1234");
    cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_OK);
    set_period("P3Y");
    cr_assert_eq(retime_class("opaque").changed, 0);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &swept), ERR_OK);
    cr_assert_eq(swept, 1);
    vault_erasure_done(&erasure);
    counters_are_right();
}

Test(retime, counts_rows_that_do_not_open_and_leaves_them)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text good = store(kinds[i], "ada", "1234");
        struct vault_retime op;
        sqlite3 *db = NULL;
        char sql[128];

        (void)store(kinds[i], "bert", "5678");
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE val_%u SET ct=zeroblob(length(ct)) WHERE id=(SELECT max(id) FROM "
                       "val_%u)",
                       class_id(kinds[i]), class_id(kinds[i]));
        fixture_close(&f);
        cr_assert_eq(sqlite3_open(fixture_path(&f, VAULT_DB), &db), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sql);
        sqlite3_close(db);
        cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
        set_period("P3Y");
        op = retime_class(kinds[i]);
        cr_assert_eq(op.changed, 1, "%s: %zu", kinds[i], op.changed);
        cr_assert_eq(op.unreadable, 1, "%s", kinds[i]);
        cr_assert(reveals(kinds[i], &good, "1234"), "%s", kinds[i]);
        set_period("P1Y");
    }
    counters_are_right();
}

Test(retime, a_start_that_was_altered_is_noticed)
{
    struct token_text token = store("opaque", "ada", "1234");
    struct vault_value value;
    sqlite3 *db = NULL;
    char out[256];

    fixture_close(&f);
    cr_assert_eq(sqlite3_open(fixture_path(&f, VAULT_DB), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "UPDATE val_1 SET start=created+1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(reveal("opaque", &token, out, &value), ERR_CORRUPT);
}

Test(retime, says_what_it_cannot_do)
{
    struct vault_retime nobody = {.op.kind = VAULT_RETIME, .limit = 1};
    struct vault_retime nothing = {.op.kind = VAULT_RETIME, .class_id = class_id("opaque")};
    struct vault_retime unknown = {.op.kind = VAULT_RETIME, .class_id = 77, .limit = 1};

    cr_assert_eq(vault_run(f.v, &nobody.op), ERR_INVALID);
    cr_assert_eq(vault_run(f.v, &nothing.op), ERR_INVALID);
    cr_assert_eq(vault_run(f.v, &unknown.op), ERR_NOT_FOUND);
}

Test(retime, a_commit_that_fails_changes_nothing)
{
    struct token_text token = store("opaque", "ada", "1234");
    const int64_t before = due_of("opaque", &token);
    struct vault_retime op = {.op.kind = VAULT_RETIME, .class_id = class_id("opaque"), .limit = 10};

    set_period("P10D");
    fault_test_set("commit.fail!1", NULL);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_IO);
    fault_test_set(NULL, NULL);
    cr_assert_eq(due_of("opaque", &token), before);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(op.changed, 1);
    cr_assert_eq(due_of("opaque", &token), T0_S + 10 * DAY_S);
    counters_are_right();
}
