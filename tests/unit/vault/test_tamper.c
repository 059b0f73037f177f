/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody with the disk may try on rows: every kind of class, every column, every byte. */
#include <sqlite3.h>

#include "tests/unit/vault/typed_rig.h"

/* Two of each kind, so that rows can go from one to the other. */
static const char CLASSES[] =
    "classes:\n"
    "  opaque: {" TYPED_REST "}\n"
    "  opaque2: {" TYPED_REST "}\n"
    "  shared: {deterministic: true, " TYPED_REST "}\n"
    "  shared2: {deterministic: true, " TYPED_REST "}\n"
    "  typed: {format: digits, reserved: \"9\", " TYPED_REST "}\n"
    "  typed2: {format: digits, reserved: \"9\", " TYPED_REST "}\n"
    "  equal: {format: digits, reserved: \"9\", deterministic: true, " TYPED_REST "}\n"
    "  equal2: {format: digits, reserved: \"9\", deterministic: true, " TYPED_REST "}\n";

static const char *const kinds[] = {"opaque", "shared", "typed", "equal"};

static void setup(void)
{
    typed_start(CLASSES);
}

TestSuite(tamper, .init = setup, .fini = typed_end);

/* Change the database while it is closed; # is the class's id. ret_changed: rows that were. */
static int alter(const char *class_name, const char *text)
{
    const uint16_t id = class_id(class_name);
    sqlite3 *db = NULL;
    char sql[1024], *error = NULL;
    size_t n = 0;
    int changed;

    for (; *text != '\0' && n + 8 < sizeof(sql); text++)
        n += (size_t)(*text == '#' ? snprintf(sql + n, sizeof(sql) - n, "%u", id)
                                   : snprintf(sql + n, sizeof(sql) - n, "%c", *text));
    fixture_close(&f);
    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &error), SQLITE_OK, "%s: %s", sql,
                 error == NULL ? "" : error);
    changed = sqlite3_changes(db);
    sqlite3_close(db);
    return changed;
}

static void open_again(void)
{
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

static int64_t number(const char *class_name, const char *text)
{
    const uint16_t id = class_id(class_name);
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    char sql[256];
    size_t n = 0;
    int64_t got;

    for (; *text != '\0' && n + 8 < sizeof(sql); text++)
        n += (size_t)(*text == '#' ? snprintf(sql + n, sizeof(sql) - n, "%u", id)
                                   : snprintf(sql + n, sizeof(sql) - n, "%c", *text));
    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK, "%s", sql);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
    got = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    sqlite3_close(db);
    return got;
}

static bool is_shared(const char *class_name)
{
    return classes_find(&typed_classes, span_str(class_name))->deterministic;
}

/* The token must not lead to any value any more, and say nothing else than it would of nobody. */
static void must_not_open(const char *class_name, const struct token_text *token, const char *what)
{
    enum err e = reveal_result(class_name, token);

    cr_assert(e == ERR_CORRUPT || e == ERR_NOT_FOUND, "%s, %s: %s", class_name, what, err_name(e));
    e = reveal_result("", token);
    cr_assert(e == ERR_CORRUPT || e == ERR_NOT_FOUND, "%s, %s: %s", class_name, what, err_name(e));
}

/* ---- every byte ---- */

static void flip_number(const char *class_name, const struct token_text *token, const char *table,
                        const char *column)
{
    for (int byte = 0; byte < 8; byte++) {
        const long long bit = (long long)(UINT64_C(1) << (8 * byte + 2));
        char sql[256], what[64];

        (void)snprintf(what, sizeof(what), "%s.%s byte %d", table, column, byte);
        (void)snprintf(sql, sizeof(sql), "UPDATE %s_# SET %s=(%s|%lld)-(%s&%lld)", table, column,
                       column, bit, column, bit);
        cr_assert_eq(alter(class_name, sql), 1);
        open_again();
        must_not_open(class_name, token, what);
        (void)alter(class_name, sql); /* twice is as it was */
        open_again();
    }
}

static void flip_blob(const char *class_name, const struct token_text *token, const char *table,
                      const char *column)
{
    char sql[512], what[64];
    int64_t len;

    (void)snprintf(sql, sizeof(sql), "SELECT length(%s) FROM %s_#", column, table);
    len = number(class_name, sql);
    cr_assert_gt(len, 0);
    for (int64_t at = 0; at < len; at++) {
        uint8_t byte;

        (void)snprintf(sql, sizeof(sql),
                       "SELECT (instr('0123456789ABCDEF',substr(hex(%s),%lld,1))-1)*16"
                       "+instr('0123456789ABCDEF',substr(hex(%s),%lld,1))-1 FROM %s_#",
                       column, (long long)(2 * at + 1), column, (long long)(2 * at + 2), table);
        byte = (uint8_t)number(class_name, sql);
        for (int turn = 0; turn < 2; turn++) {
            (void)snprintf(sql, sizeof(sql),
                           "UPDATE %s_# SET %s=CAST(substr(%s,1,%lld)||x'%02X'||substr(%s,%lld) AS "
                           "BLOB)",
                           table, column, column, (long long)at, turn == 0 ? byte ^ 0x10 : byte,
                           column, (long long)at + 2);
            cr_assert_eq(alter(class_name, sql), 1);
            open_again();
            (void)snprintf(what, sizeof(what), "%s.%s byte %lld", table, column, (long long)at);
            if (turn == 0)
                must_not_open(class_name, token, what);
        }
    }
}

#define EVERY_BYTE(kind)                                                                           \
    Test(tamper, every_flipped_byte_of_a_row_is_noticed_##kind)                                    \
    {                                                                                              \
        struct token_text token = store(#kind, "ada", "1234");                                     \
                                                                                                   \
        (void)store("opaque2", "bert", "x"); /* somebody else's key is there to be tried */        \
        flip_number(#kind, &token, "val", "id");                                                   \
        flip_number(#kind, &token, "val", "subj");                                                 \
        flip_number(#kind, &token, "val", "created");                                              \
        flip_number(#kind, &token, "val", "due");                                                  \
        flip_number(#kind, &token, "val", "rev");                                                  \
        flip_number(#kind, &token, "val", "start");                                                \
        flip_blob(#kind, &token, "val", "ct");                                                     \
        flip_blob(#kind, &token, is_shared(#kind) ? "det" : "val", "salt");                        \
        if (is_shared(#kind)) {                                                                    \
            flip_number(#kind, &token, "val", "tok");                                              \
            flip_number(#kind, &token, "det", "tok");                                              \
        }                                                                                          \
        cr_assert(reveals(#kind, &token, "1234"), "the test put everything back");                 \
    }

EVERY_BYTE(opaque)
EVERY_BYTE(shared)
EVERY_BYTE(typed)
EVERY_BYTE(equal)

/* ---- rows that change places ---- */

static struct token_text a, b;

/* Two rows change a column; neither token may open then. */
static void swap_column(const char *kind, const char *table, const char *column)
{
    char sql[512];

    (void)snprintf(sql, sizeof(sql),
                   "CREATE TEMP TABLE t AS SELECT rowid r,%s v FROM %s_#;"
                   "UPDATE %s_# SET %s=(SELECT v FROM t WHERE r<>%s_#.rowid)",
                   column, table, table, column, table);
    cr_assert_eq(alter(kind, sql), 2);
    open_again();
    must_not_open(kind, &a, column);
    must_not_open(kind, &b, column);
    cr_assert_eq(alter(kind, sql), 2);
    open_again();
    cr_assert(reveals(kind, &a, "1111"), "%s %s", kind, column);
}

static void swap_all(const char *other_subject)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        a = store(kinds[i], "ada", "1111");
        b = store(kinds[i], other_subject, "2222");
        swap_column(kinds[i], "val", "ct");
        if (is_shared(kinds[i]))
            swap_column(kinds[i], "val", "tok");
        else
            swap_column(kinds[i], "val", "salt");
    }
}

/* E32 */
Test(tamper, rows_of_two_subjects_do_not_open_in_each_others_place)
{
    swap_all("bert");
}

Test(tamper, rows_of_one_subject_do_not_open_under_each_others_number)
{
    swap_all("ada");
}

Test(tamper, a_row_does_not_open_as_another_subjects)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        a = store(kinds[i], "ada", "1111");
        b = store(kinds[i], "bert", "2222");
        swap_column(kinds[i], "val", "subj");
    }
}

/* All of a row, ids and all, laid into another class's table. */
Test(tamper, a_row_does_not_open_in_another_class)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char other[16], sql[512];
        uint16_t to;
        struct token_text token = store(kinds[i], "ada", "1111"), there;

        (void)snprintf(other, sizeof(other), "%s2", kinds[i]);
        there = store(other, "ada", "2222");
        to = class_id(other);
        if (is_shared(kinds[i]))
            (void)snprintf(sql, sizeof(sql),
                           "UPDATE det_%u SET salt=(SELECT salt FROM det_#);"
                           "UPDATE val_%u SET (id,created,due,ct)="
                           "(SELECT id+0,created,due,ct FROM val_#)",
                           to, to);
        else
            (void)snprintf(sql, sizeof(sql),
                           "UPDATE val_%u SET (created,due,salt,ct)="
                           "(SELECT created,due,salt,ct FROM val_#)",
                           to);
        cr_assert_eq(alter(kinds[i], sql), 1);
        open_again();
        must_not_open(other, &there, "another class's row");
        cr_assert(reveals(kinds[i], &token, "1111"));
        (void)alter(other, is_shared(kinds[i]) ? "DELETE FROM val_#;DELETE FROM det_#"
                                               : "DELETE FROM val_#");
        open_again();
    }
}

/* An older version of a row put back after it was revised. */
Test(tamper, a_row_from_before_its_revision_does_not_open_as_the_newer)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text token = store(kinds[i], "ada", "1111");
        struct vault_rectify op = {.op.kind = VAULT_RECTIFY,
                                   .token = fixture_span(&token),
                                   .class_id = class_id(kinds[i]),
                                   .kind = VALUE_STRING,
                                   .value = SPAN_LIT("3333")};

        (void)alter(kinds[i], "CREATE TABLE kept_rows AS SELECT id,ct,rev FROM val_#");
        open_again();
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK, "%s", kinds[i]);
        cr_assert(reveals(kinds[i], &token, "3333"));
        cr_assert_eq(alter(kinds[i], "UPDATE val_# SET ct=(SELECT ct FROM kept_rows)"), 1);
        open_again();
        must_not_open(kinds[i], &token, "an older ciphertext under a newer revision");
        (void)alter(kinds[i], "DROP TABLE kept_rows");
        open_again();
    }
}

/* ---- who has ended ---- */

/* The list of keys that are about to go must not be a way to make anybody else's go. */
Test(tamper, a_key_that_is_needed_is_not_destroyed_whatever_the_database_says_has_ended)
{
    a = store("opaque", "ada", "1111");
    b = store("shared", "bert", "2222");
    (void)alter("opaque", "WITH RECURSIVE n(i) AS(SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<200)"
                          " INSERT INTO ended SELECT i FROM n; INSERT INTO ended VALUES(-1),"
                          "(9223372036854775807)");
    open_again();
    cr_assert(reveals("opaque", &a, "1111"));
    cr_assert(reveals("shared", &b, "2222"));
    a = store("shared", "bert", "2222");
    cr_assert_eq(a.len, b.len);
    cr_assert_arr_eq(a.bytes, b.bytes, a.len, "the index key is the same, too");
}

/* ---- sequences ---- */

static void sequences_are_refused(const char *sql)
{
    (void)alter("typed", sql);
    cr_assert_eq(fixture_open(&f), ERR_CORRUPT, "%s", sql);
    cr_assert_not_null(strstr(f.msg.text, "vault.db: the numbers of typed tokens were altered"),
                       "%s", f.msg.text);
}

Test(tamper, a_shape_does_not_lead_to_another_shapes_rows)
{
    a = store("typed", "ada", "1111");
    b = store("typed", "bert", "22222");
    sequences_are_refused("UPDATE sequence SET idx=100 WHERE class=# AND idx=1;"
                          "UPDATE sequence SET idx=1 WHERE class=# AND idx=2;"
                          "UPDATE sequence SET idx=2 WHERE class=# AND idx=100");
}

Test(tamper, what_is_known_of_a_sequence_is_not_for_others_to_say)
{
    static const char *const changes[] = {
        "UPDATE sequence SET room=room+1",      "UPDATE sequence SET idx=7",
        "UPDATE sequence SET class=class+1",    "UPDATE sequence SET id=randomblob(16)",
        "UPDATE sequence SET mac=zeroblob(16)", "UPDATE sequence SET next=-1",
        "UPDATE sequence SET room='x'"};

    a = store("typed", "ada", "1111");
    fixture_close(&f);
    copy_file(fixture_path(&f, "vault.db"), fixture_path(&f, "vault.kept"));
    open_again();
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        sequences_are_refused(changes[i]);
        fixture_close(&f);
        copy_file(fixture_path(&f, "vault.kept"), fixture_path(&f, "vault.db"));
        open_again();
    }
    cr_assert(reveals("typed", &a, "1111"));
}

Test(tamper, a_mark_that_was_set_back_gives_no_number_again)
{
    AUTO(mem_free) struct given *given = mem_alloc(sizeof(*given));
    struct token_text token;

    for (size_t n = 0; n < 20; n++) {
        token = store("typed", "ada", "12345");
        must_be_new(given, &token);
    }
    (void)alter("typed", "UPDATE sequence SET next=0");
    open_again();
    for (size_t n = 0; n < 20; n++) {
        token = store("typed", "ada", "12345");
        must_be_new(given, &token);
    }
    (void)alter("typed", "DELETE FROM sequence");
    open_again();
    token = store("typed", "ada", "12345");
    must_be_new(given, &token);
}
