/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"
#include "vault/erasure_priv.h"
#include "vault/vault_priv.h"

enum { NOW_S = 1800000000, BLOB_MAX = 512 };

static struct vault_fixture f;

static void setup(void)
{
    clock_test_set_ms(INT64_C(1000) * NOW_S);
    fixture_start(&f);
}

static void teardown(void)
{
    clock_test_set_ms(-1);
    fixture_end(&f);
}

TestSuite(rectify, .init = setup, .fini = teardown);

static struct token_text store(uint16_t class_id, const char *subject, const char *value)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&f, class_id, subject, value, &token), ERR_OK);
    return token;
}

static enum err rectify_for(const struct token_text *token, uint64_t slot, const char *value)
{
    struct vault_rectify op = {.op = {.kind = VAULT_RECTIFY},
                               .token = fixture_span(token),
                               .slot = slot,
                               .kind = VALUE_STRING,
                               .value = span_str(value)};

    return vault_run(f.v, &op.op);
}

static enum err rectify(const struct token_text *token, const char *value)
{
    return rectify_for(token, 0, value);
}

static uint64_t slot_of(const char *name)
{
    uint64_t slot = 0;

    cr_assert_eq(fixture_subject(&f, name, &slot), ERR_OK, "%s", name);
    return slot;
}

static bool is_token(const struct token_text *a, const struct token_text *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static void truncate_log(void)
{
    struct vault_truncate op = {.op = {.kind = VAULT_TRUNCATE}};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
}

/* A column (or what is made of it) of a class's first row, from a database that is closed: a number, or the bytes
 * and their count. */
static int64_t ask(const char *column, uint16_t class_id, uint8_t blob[BLOB_MAX])
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    char sql[256];
    int64_t got;

    (void)snprintf(sql, sizeof(sql), "SELECT %s FROM val_%u", column, class_id);
    cr_assert_eq(sqlite3_open(fixture_path(&f, VAULT_DB), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK, "%s", sql);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
    got = sqlite3_column_int64(stmt, 0);
    if (blob != NULL) {
        got = sqlite3_column_bytes(stmt, 0);
        cr_assert_leq(got, BLOB_MAX);
        memcpy(blob, sqlite3_column_blob(stmt, 0), (size_t)got);
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return got;
}

static bool file_holds(const char *name, const uint8_t *bytes, size_t len)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(fixture_path(&f, name), "re");
    size_t got;
    bool found;

    if (file == NULL)
        return false;
    cr_assert_eq(fseek(file, 0, SEEK_END), 0);
    size = (size_t)ftell(file);
    rewind(file);
    text = malloc(size + 1);
    got = fread(text, 1, size, file);
    found = memmem(text, got, bytes, len) != NULL;
    free(text);
    (void)fclose(file);
    return found;
}

/* A token of the same row whose hidden salt is another one. */
static struct token_text guess(const struct token_text *token)
{
    struct token_text guessed;
    struct token_ref ref;

    cr_assert_eq(token_read(fixture_span(token), f.v->locator_key, &ref), ERR_OK);
    ref.salt[TOKEN_SALT_BYTES - 1] ^= 1;
    token_write(&ref, TOKEN_OPAQUE, NULL, f.v->locator_key, &guessed);
    return guessed;
}

/* ---- what it is for ---- */

Test(rectify, keeps_the_token_and_changes_what_it_stands_for)
{
    struct token_text token = store(f.note, "anna", "12 Old Street");
    struct token_text other = store(f.note, "anna", "other");

    cr_assert_eq(rectify(&token, "7 New Road, third floor"), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "7 New Road, third floor"));
    cr_assert(fixture_reveals(&f, &other, "other"));
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert(fixture_reveals(&f, &token, "7 New Road, third floor"));
}

Test(rectify, reaches_readers_that_remember_the_old_row)
{
    struct token_text token = store(f.note, "anna", "old");

    for (int use = 0; use < 4; use++)
        cr_assert(fixture_reveals(&f, &token, "old"));
    cr_assert_eq(rectify(&token, "new"), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "new"));
}

Test(rectify, can_be_done_again_and_again)
{
    struct token_text token = store(f.note, "anna", "0");
    char value[8];

    for (int i = 1; i < 20; i++) {
        (void)snprintf(value, sizeof(value), "%d", i);
        cr_assert_eq(rectify(&token, value), ERR_OK);
        cr_assert(fixture_reveals(&f, &token, value));
    }
}

Test(rectify, leaves_the_time_of_the_value_as_it_was)
{
    struct token_text token = store(f.brief, "anna", "old"); /* ten seconds */

    clock_test_set_ms(INT64_C(1000) * (NOW_S + 9));
    cr_assert_eq(rectify(&token, "new"), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "new"));
    clock_test_set_ms(INT64_C(1000) * (NOW_S + 10));
    cr_assert_not(fixture_reveals(&f, &token, "new"));
    cr_assert_eq(rectify(&token, "newer"), ERR_NOT_FOUND, "expired");
}

Test(rectify, moves_no_counter)
{
    struct token_text token = store(f.note, "anna", "old");
    struct vault_class_stats before = fixture_stats(&f, f.note), after;

    cr_assert_eq(rectify(&token, "new"), ERR_OK);
    after = fixture_stats(&f, f.note);
    cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0);
}

Test(rectify, leaves_no_file_with_the_old_ciphertext_once_the_log_is_cut)
{
    struct token_text token = store(f.note, "anna", "a value of some length, so that it is found");
    uint8_t old[BLOB_MAX];
    int64_t len;

    fixture_close(&f);
    len = ask("ct", f.note, old);
    cr_assert_gt(len, 40);
    cr_assert(file_holds(VAULT_DB, old, (size_t)len), "the search works");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(rectify(&token, "new"), ERR_OK);
    truncate_log();
    cr_assert_not(file_holds(VAULT_DB, old + 8, 24));
    cr_assert_not(file_holds(VAULT_DB "-wal", old + 8, 24));
}

Test(rectify, keeps_the_kind_it_is_given)
{
    struct token_text token = store(f.note, "anna", "old");
    struct vault_rectify op = {.op = {.kind = VAULT_RECTIFY},
                               .token = fixture_span(&token),
                               .kind = VALUE_NUMBER,
                               .value = SPAN_LIT("42")};
    struct vault_value value;

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(op.slot, slot_of("anna"));
    cr_assert_eq(op.class_id, f.note);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&token), 0, &value), ERR_OK);
    vault_read_end(f.r);
    cr_assert_eq(value.kind, VALUE_NUMBER);
}

Test(rectify, ends_with_the_erasure_of_the_person)
{
    struct token_text token = store(f.note, "anna", "old");
    struct vault_erasure erasure;
    struct vault_verification looked;
    size_t deleted = 0;

    cr_assert_eq(rectify(&token, "new"), ERR_OK);
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_eq(erasure.sample->rows[0].bound.revision != 0, true, "the sample is the new row");
    cr_assert_eq(rectify(&token, "newer"), ERR_NOT_FOUND);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &looked), ERR_OK);
    cr_assert(looked.samples_unreadable && looked.key_absent && looked.slot_zero);
    vault_erasure_done(&erasure);
}

/* ---- no number twice ---- */

Test(rectify, never_seals_under_a_number_that_was_used_before_even_after_an_older_database)
{
    struct token_text token = store(f.note, "anna", "old");
    char aside[80], command[256];
    int64_t first, second;

    (void)snprintf(aside, sizeof(aside), "%s/older.db", f.base);
    fixture_close(&f);
    (void)snprintf(command, sizeof(command), "cp %s %s", fixture_path(&f, VAULT_DB), aside);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(rectify(&token, "new"), ERR_OK);
    fixture_close(&f);
    first = ask("rev", f.note, NULL);
    cr_assert_neq(first, 0);
    (void)snprintf(command, sizeof(command), "cp %s %s && rm -f %s-wal %s-shm", aside,
                   fixture_path(&f, VAULT_DB), fixture_path(&f, VAULT_DB),
                   fixture_path(&f, VAULT_DB));
    cr_assert_eq(system(command), 0);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert(fixture_reveals(&f, &token, "old"));
    cr_assert_eq(rectify(&token, "newer"), ERR_OK);
    fixture_close(&f);
    second = ask("rev", f.note, NULL);
    cr_assert_neq(second, 0);
    cr_assert_neq(second, first);
    cr_assert_eq(fixture_open(&f), ERR_OK);
}

/* ---- deterministic classes ---- */

Test(rectify, moves_a_shared_token_to_the_new_value)
{
    struct token_text token = store(f.phone, "anna", "+4930123");
    struct token_text again, old;

    cr_assert_eq(rectify(&token, "+4930456"), ERR_OK);
    again = store(f.phone, "anna", "+4930456");
    old = store(f.phone, "anna", "+4930123");
    cr_assert(is_token(&again, &token), "the same value again: the same token");
    cr_assert_not(is_token(&old, &token), "the old value is a new one");
    cr_assert(fixture_reveals(&f, &token, "+4930456"));
    cr_assert(fixture_reveals(&f, &old, "+4930123"));
}

Test(rectify, changes_nothing_while_somebody_else_shares_the_token)
{
    struct token_text token = store(f.phone, "anna", "+4930123");
    struct token_text shared = store(f.phone, "bert", "+4930123");
    struct vault_erasure erasure;

    cr_assert(is_token(&token, &shared));
    cr_assert_eq(rectify(&token, "+4930456"), ERR_CONFLICT);
    cr_assert_eq(rectify_for(&token, slot_of("anna"), "+4930456"), ERR_CONFLICT);
    cr_assert(fixture_reveals(&f, &token, "+4930123"));
    cr_assert_eq(fixture_erase(&f, "bert", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    cr_assert_eq(rectify(&token, "+4930456"), ERR_OK, "an erased person is nobody");
    cr_assert(fixture_reveals(&f, &token, "+4930456"));
}

Test(rectify, does_not_give_one_value_two_tokens)
{
    struct token_text token = store(f.phone, "anna", "+4930123");
    struct token_text taken = store(f.phone, "bert", "+4930456");
    struct vault_erasure erasure;
    struct token_text after;

    cr_assert_eq(rectify(&token, "+4930456"), ERR_CONFLICT);
    cr_assert(fixture_reveals(&f, &token, "+4930123"));
    cr_assert(fixture_reveals(&f, &taken, "+4930456"));
    cr_assert_eq(fixture_erase(&f, "bert", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    cr_assert_eq(rectify(&token, "+4930456"), ERR_OK);
    after = store(f.phone, "carl", "+4930456");
    cr_assert(is_token(&after, &token));
}

Test(rectify, to_the_same_value_is_no_conflict)
{
    struct token_text token = store(f.phone, "anna", "+4930123");

    cr_assert_eq(rectify(&token, "+4930123"), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "+4930123"));
}

/* ---- names ---- */

Test(rectify, of_an_identifier_changes_the_persons_name)
{
    struct vault_item item = {
        .class_id = f.email, .kind = VALUE_STRING, .value = SPAN_LIT("anna@example.org")};
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("42"), SPAN_LIT("anna@example.org")},
                                .name_count = 2,
                                .items = &item,
                                .count = 1};
    uint64_t slot, found;

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    slot = slot_of("42");
    cr_assert_eq(slot_of("anna@example.org"), slot);
    cr_assert_eq(rectify(&item.token, "anna@example.net"), ERR_OK);
    cr_assert_eq(slot_of("anna@example.net"), slot);
    cr_assert_eq(slot_of("42"), slot);
    cr_assert_eq(fixture_subject(&f, "anna@example.org", &found), ERR_NOT_FOUND);
}

Test(rectify, does_not_take_the_name_of_somebody_else)
{
    struct token_text token = store(f.email, "42", "anna@example.org");
    uint64_t bert;

    (void)store(f.note, "bert@example.org", "a note");
    bert = slot_of("bert@example.org");
    cr_assert_eq(rectify(&token, "bert@example.org"), ERR_CONFLICT);
    cr_assert(fixture_reveals(&f, &token, "anna@example.org"));
    cr_assert_eq(slot_of("bert@example.org"), bert);
}

Test(rectify, of_an_identifier_beyond_its_limit_is_refused)
{
    struct token_text token = store(f.email, "42", "anna@example.org");
    char *large = mem_alloc(LIMIT_IDENTIFIER_MAX + 2);

    memset(large, 'x', LIMIT_IDENTIFIER_MAX + 1);
    cr_assert_eq(rectify(&token, large), ERR_TOO_LARGE);
    cr_assert(fixture_reveals(&f, &token, "anna@example.org"));
    free(large);
}

/* ---- who may not ---- */

Test(rectify, refuses_what_is_no_live_token_of_that_person)
{
    struct token_text token = store(f.note, "anna", "old"), guessed = guess(&token);
    struct vault_rectify foreign = {.op = {.kind = VAULT_RECTIFY},
                                    .token = fixture_span(&token),
                                    .domain = 99,
                                    .kind = VALUE_STRING,
                                    .value = SPAN_LIT("new")};

    (void)store(f.note, "bert", "his");
    cr_assert_eq(rectify(&guessed, "new"), ERR_NOT_FOUND);
    cr_assert_eq(rectify_for(&token, slot_of("bert"), "new"), ERR_DENIED);
    cr_assert_eq(vault_run(f.v, &foreign.op), ERR_NOT_FOUND);
    foreign.domain = VAULT_DOMAIN_DEFAULT;
    foreign.kind = (enum value_kind)9;
    cr_assert_eq(vault_run(f.v, &foreign.op), ERR_INVALID);
    cr_assert(fixture_reveals(&f, &token, "old"));
}

Test(rectify, does_not_write_over_a_row_that_does_not_open)
{
    struct token_text token = store(f.note, "anna", "old");
    sqlite3 *db = NULL;
    char sql[128];

    fixture_close(&f);
    (void)snprintf(sql, sizeof(sql), "UPDATE val_%u SET rev=rev+1", f.note);
    cr_assert_eq(sqlite3_open(fixture_path(&f, VAULT_DB), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(rectify(&token, "new"), ERR_CORRUPT);
}

/* ---- by token ---- */

TestSuite(owner, .init = setup, .fini = teardown);

static enum err owner_of(const struct token_text *token, uint64_t *ret)
{
    enum err e;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    e = vault_read_owner(f.r, 0, fixture_span(token), ret);
    vault_read_end(f.r);
    return e;
}

Test(owner, of_a_token_is_found_while_it_lives)
{
    struct token_text note = store(f.note, "anna", "a note"), brief = store(f.brief, "anna", "x");
    struct token_text phone = store(f.phone, "anna", "+4930123");
    struct token_text guessed = guess(&note), guessed_phone = guess(&phone);
    uint64_t slot = 0;

    cr_assert_eq(owner_of(&note, &slot), ERR_OK);
    cr_assert_eq(slot, slot_of("anna"));
    cr_assert_eq(owner_of(&guessed, &slot), ERR_NOT_FOUND);
    cr_assert_eq(owner_of(&guessed_phone, &slot), ERR_NOT_FOUND);
    clock_test_set_ms(INT64_C(1000) * (NOW_S + 11));
    cr_assert_eq(owner_of(&brief, &slot), ERR_NOT_FOUND, "expired");
}

Test(owner, of_a_shared_token_must_be_the_only_one_who_lives)
{
    struct token_text token = store(f.phone, "anna", "+4930123");
    struct vault_erasure erasure;
    uint64_t slot = 0;

    cr_assert_eq(owner_of(&token, &slot), ERR_OK);
    cr_assert_eq(slot, slot_of("anna"));
    (void)store(f.phone, "bert", "+4930123");
    cr_assert_eq(owner_of(&token, &slot), ERR_CONFLICT);
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    cr_assert_eq(owner_of(&token, &slot), ERR_OK);
    cr_assert_eq(slot, slot_of("bert"));
    cr_assert_eq(fixture_erase(&f, "bert", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    cr_assert_eq(owner_of(&token, &slot), ERR_NOT_FOUND);
}

Test(owner, found_by_token_can_be_erased)
{
    struct token_text token = store(f.note, NULL, "left by nobody known");
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE}, .erasure = &erasure};

    cr_assert_eq(owner_of(&token, &op.slot), ERR_OK);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(erasure.slot, op.slot);
    cr_assert_eq(erasure.domain, VAULT_DOMAIN_DEFAULT);
    vault_erasure_done(&erasure);
    cr_assert_not(fixture_reveals(&f, &token, "left by nobody known"));
    cr_assert_eq(vault_run(f.v, &op.op), ERR_NOT_FOUND, "erased before");
    op.slot = 1; /* the store's own index key is nobody's */
    cr_assert_eq(vault_run(f.v, &op.op), ERR_NOT_FOUND);
}
