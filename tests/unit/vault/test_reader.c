/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/vault_priv.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"

static struct vault_fixture f;

static void setup(void)
{
    fixture_start(&f);
}

static void teardown(void)
{
    clock_test_set_ms(-1);
    fixture_end(&f);
}

TestSuite(reader, .init = setup, .fini = teardown);

static uint64_t slot_of(const char *name)
{
    uint64_t slot = 0;

    cr_assert_eq(fixture_subject(&f, name, &slot), ERR_OK);
    return slot;
}

static struct token_text store(uint16_t class_id, const char *subject, const char *value)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&f, class_id, subject, value, &token), ERR_OK);
    return token;
}

/* Reveal for one subject. */
static enum err reveal_for(const struct token_text *token, uint64_t slot, struct vault_value *ret)
{
    struct buf out;
    enum err e;

    buf_init_secret(&out, 4096);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    e = vault_reveal(f.r, 0, fixture_span(token), slot, &out, ret);
    vault_read_end(f.r);
    cr_assert(e == ERR_OK || out.len == 0);
    buf_done(&out);
    return e;
}

static enum err inspect(const struct token_text *token, uint64_t slot)
{
    struct vault_value value;
    enum err e;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    e = vault_inspect(f.r, 0, fixture_span(token), slot, &value);
    vault_read_end(f.r);
    return e;
}

static enum err find(uint64_t slot, uint16_t class_id, const char *value, struct token_text *ret)
{
    struct vault_item item = {.class_id = class_id, .kind = VALUE_STRING, .value = span_str(value)};
    enum err e;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    e = vault_find(f.r, VAULT_DOMAIN_DEFAULT, slot, &item);
    vault_read_end(f.r);
    if (e == ERR_OK)
        *ret = item.token;
    return e;
}

/* Change the database while it is closed, as somebody with the disk could; # is the class id. */
static void alter(const char *text, uint16_t class_id)
{
    sqlite3 *db = NULL;
    char sql[512];
    size_t n = 0;

    fixture_close(&f);
    for (; *text != '\0' && n + 8 < sizeof(sql); text++)
        n += (size_t)(*text == '#' ? snprintf(sql + n, sizeof(sql) - n, "%u", class_id)
                                   : snprintf(sql + n, sizeof(sql) - n, "%c", *text));
    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    cr_assert_eq(fixture_open(&f), ERR_OK);
}

/* ---- whose it is ---- */

Test(reader, a_value_comes_back_with_what_is_known_of_it)
{
    struct token_text token;
    struct vault_value value;

    clock_test_set_ms(INT64_C(1800000000000));
    token = store(f.note, "anna", "tea");
    cr_assert_eq(reveal_for(&token, 0, &value), ERR_OK);
    cr_assert_eq(value.kind, VALUE_STRING);
    cr_assert_eq(value.class_id, f.note);
    cr_assert_eq(value.slot, slot_of("anna"));
    cr_assert_eq(value.created_s, 1800000000);
    cr_assert_eq(value.due_s, 1800000000 + 90 * 86400);
}

Test(reader, a_token_of_somebody_else_is_denied)
{
    struct token_text random = store(f.note, "anna", "tea");
    struct token_text shared = store(f.phone, "anna", "+491701");
    struct vault_value value;

    (void)store(f.note, "bert", "x");
    cr_assert_eq(reveal_for(&random, slot_of("anna"), &value), ERR_OK);
    cr_assert_eq(reveal_for(&random, slot_of("bert"), &value), ERR_DENIED);
    cr_assert_eq(reveal_for(&shared, slot_of("bert"), &value), ERR_DENIED);
    cr_assert_eq(inspect(&random, slot_of("bert")), ERR_DENIED);
    cr_assert_eq(inspect(&random, slot_of("anna")), ERR_OK);
}

Test(reader, a_shared_token_is_revealed_as_each_owners_own)
{
    struct token_text a = store(f.phone, "anna", "+491701");
    struct vault_value value;

    (void)store(f.phone, "bert", "+491701");
    cr_assert_eq(reveal_for(&a, slot_of("bert"), &value), ERR_OK);
    cr_assert_eq(value.slot, slot_of("bert"));
    cr_assert_eq(reveal_for(&a, slot_of("anna"), &value), ERR_OK);
    cr_assert_eq(value.slot, slot_of("anna"));
    cr_assert_eq(reveal_for(&a, 0, &value), ERR_OK);
}

Test(reader, a_shared_token_that_was_denied_is_revealed_once_it_is_ones_own)
{
    struct token_text token = store(f.phone, "anna", "+491701");
    struct vault_value value;

    (void)store(f.note, "bert", "x");
    for (int i = 0; i < 4; i++)
        cr_assert_eq(reveal_for(&token, slot_of("bert"), &value), ERR_DENIED);
    (void)store(f.phone, "bert", "+491701");
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(reveal_for(&token, slot_of("bert"), &value), ERR_OK);
        cr_assert_eq(value.slot, slot_of("bert"));
        cr_assert_eq(reveal_for(&token, slot_of("anna"), &value), ERR_OK);
        cr_assert_eq(value.slot, slot_of("anna"));
    }
}

/* ---- all the ways of not being there ---- */

Test(reader, unknown_forged_and_foreign_tokens_look_alike)
{
    struct token_text token = store(f.note, "anna", "tea");
    struct token_text forged;
    struct token_ref ref;
    struct vault_value value;
    static const char *const texts[] = {"", "lt_", "no token at all",
                                        "lt_00100000000000000000000000000000"};

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        forged.len = (uint16_t)strlen(texts[i]);
        memcpy(forged.bytes, texts[i], forged.len);
        cr_assert_eq(reveal_for(&forged, 0, &value), ERR_NOT_FOUND, "%s", texts[i]);
    }
    for (int i = 0; i < 3; i++) /* and now the reader remembers the row */
        cr_assert_eq(reveal_for(&token, 0, &value), ERR_OK);
    cr_assert_eq(token_read(fixture_span(&token), f.v->locator_key, &ref), ERR_OK);
    ref.salt[3] ^= 1; /* the right row, another salt */
    token_write(&ref, TOKEN_OPAQUE, NULL, f.v->locator_key, &forged);
    cr_assert_eq(reveal_for(&forged, 0, &value), ERR_NOT_FOUND);
    ref.salt[3] ^= 1;
    ref.row += 1; /* another row */
    token_write(&ref, TOKEN_OPAQUE, NULL, f.v->locator_key, &forged);
    cr_assert_eq(reveal_for(&forged, 0, &value), ERR_NOT_FOUND);
    ref.row -= 1;
    ref.class_id = f.brief; /* another class */
    token_write(&ref, TOKEN_OPAQUE, NULL, f.v->locator_key, &forged);
    cr_assert_eq(reveal_for(&forged, 0, &value), ERR_NOT_FOUND);
    ref.class_id = 300; /* no class */
    token_write(&ref, TOKEN_OPAQUE, NULL, f.v->locator_key, &forged);
    cr_assert_eq(reveal_for(&forged, 0, &value), ERR_NOT_FOUND);
    ref.class_id = 60000;
    token_write(&ref, TOKEN_OPAQUE, NULL, f.v->locator_key, &forged);
    cr_assert_eq(reveal_for(&forged, 0, &value), ERR_NOT_FOUND);
    cr_assert_eq(reveal_for(&token, 0, &value), ERR_OK);
}

Test(reader, a_forged_salt_on_a_shared_token_is_not_found)
{
    struct token_text token = store(f.phone, "anna", "+491701");
    struct token_ref ref;
    struct vault_value value;

    cr_assert_eq(token_read(fixture_span(&token), f.v->locator_key, &ref), ERR_OK);
    ref.salt[9] ^= 1;
    token_write(&ref, TOKEN_OPAQUE, NULL, f.v->locator_key, &token);
    cr_assert_eq(reveal_for(&token, 0, &value), ERR_NOT_FOUND);
    cr_assert_eq(reveal_for(&token, slot_of("anna"), &value), ERR_NOT_FOUND);
}

/* E22 */
Test(reader, a_hundred_thousand_guesses_hit_nothing)
{
    struct token_text guess;
    struct vault_value value;
    struct buf out;

    for (int i = 0; i < 50; i++)
        (void)store(f.note, "anna", "tea");
    buf_init_secret(&out, 4096);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    for (int i = 0; i < 100000; i++) {
        struct token_ref ref = {.class_id = f.note, .row = (uint64_t)i % 64};

        secret_random(ref.salt, sizeof(ref.salt)); /* even knowing the rows */
        token_write(&ref, TOKEN_OPAQUE, NULL, f.v->locator_key, &guess);
        cr_assert_eq(vault_reveal(f.r, 0, fixture_span(&guess), 0, &out, &value), ERR_NOT_FOUND);
    }
    vault_read_end(f.r);
    buf_done(&out);
}

Test(reader, an_expired_value_is_refused_before_any_sweep)
{
    struct token_text random, shared, found;
    struct vault_value value;

    clock_test_set_ms(INT64_C(1800000000000));
    random = store(f.brief, "anna", "soon gone");
    shared = store(f.phone, "anna", "+491701");
    clock_test_set_ms(INT64_C(1800000009999));
    cr_assert_eq(reveal_for(&random, 0, &value), ERR_OK);
    clock_test_set_ms(INT64_C(1800000010000));
    cr_assert_eq(reveal_for(&random, 0, &value), ERR_NOT_FOUND);
    cr_assert_eq(reveal_for(&random, slot_of("anna"), &value), ERR_NOT_FOUND);
    cr_assert_eq(inspect(&random, 0), ERR_NOT_FOUND);
    cr_assert_eq(fixture_stats(&f, f.brief).items, 1, "it is there, and yet it is not");
    clock_test_set_ms(INT64_C(1800000000000) + 366 * INT64_C(86400000));
    cr_assert_eq(reveal_for(&shared, 0, &value), ERR_NOT_FOUND);
    cr_assert_eq(find(0, f.phone, "+491701", &found), ERR_NOT_FOUND);
}

Test(reader, rows_swapped_between_subjects_do_not_open)
{
    struct token_text a = store(f.note, "anna", "hers");
    struct token_text b = store(f.note, "bert", "his");
    struct vault_value value;

    alter("CREATE TEMP TABLE t AS SELECT * FROM val_#;"
          "UPDATE val_# SET ct=(SELECT ct FROM t WHERE t.id<>val_#.id)",
          f.note);
    cr_assert_eq(reveal_for(&a, 0, &value), ERR_CORRUPT);
    cr_assert_eq(reveal_for(&b, 0, &value), ERR_CORRUPT);
    cr_assert_eq(inspect(&b, 0), ERR_CORRUPT);
}

Test(reader, a_row_given_to_another_subject_does_not_open)
{
    struct token_text a = store(f.note, "anna", "hers");
    struct vault_value value;

    (void)store(f.note, "bert", "his");
    alter("UPDATE val_# SET subj=(SELECT max(subj) FROM val_#)", f.note);
    cr_assert_eq(reveal_for(&a, 0, &value), ERR_CORRUPT);
}

Test(reader, a_prolonged_due_time_does_not_open)
{
    struct token_text a = store(f.brief, "anna", "hers");
    struct vault_value value;

    alter("UPDATE val_# SET due=due+1", f.brief);
    cr_assert_eq(reveal_for(&a, 0, &value), ERR_CORRUPT);
}

Test(reader, a_row_put_under_another_shared_token_does_not_open)
{
    struct token_text a = store(f.phone, "anna", "+491701");
    struct token_text b = store(f.phone, "anna", "+491702");
    struct vault_value value;

    alter("UPDATE val_# SET tok=(SELECT max(tok)+min(tok) FROM det_#)-tok", f.phone);
    cr_assert_eq(reveal_for(&a, 0, &value), ERR_CORRUPT);
    cr_assert_eq(reveal_for(&b, 0, &value), ERR_CORRUPT);
}

Test(reader, rows_of_another_shape_are_damage)
{
    struct token_text a = store(f.note, "anna", "hers");
    struct vault_value value;

    alter("UPDATE val_# SET ct=x'00'", f.note);
    cr_assert_eq(reveal_for(&a, 0, &value), ERR_CORRUPT);
    alter("UPDATE val_# SET ct=randomblob(60), salt='text'", f.note);
    cr_assert_eq(reveal_for(&a, 0, &value), ERR_CORRUPT);
}

/* ---- from values to tokens ---- */

Test(reader, a_known_value_is_found_as_its_token)
{
    struct token_text token = store(f.email, "anna", "anna@example.org");
    struct token_text found;

    (void)store(f.note, "bert", "x");
    cr_assert_eq(find(0, f.email, "anna@example.org", &found), ERR_OK);
    cr_assert(span_equal(fixture_span(&found), fixture_span(&token)));
    cr_assert_eq(find(slot_of("anna"), f.email, "anna@example.org", &found), ERR_OK);
    cr_assert(span_equal(fixture_span(&found), fixture_span(&token)));
    cr_assert_eq(find(slot_of("bert"), f.email, "anna@example.org", &found), ERR_NOT_FOUND);
    cr_assert_eq(find(0, f.email, "Anna@example.org", &found), ERR_NOT_FOUND);
    cr_assert_eq(find(0, f.phone, "anna@example.org", &found), ERR_NOT_FOUND);
    cr_assert_eq(find(0, f.note, "x", &found), ERR_NOT_FOUND, "random classes find nothing");
    cr_assert_eq(find(0, 99, "x", &found), ERR_NOT_FOUND);
    cr_assert_eq(find(12345, f.email, "anna@example.org", &found), ERR_NOT_FOUND);
}

Test(reader, looking_up_stores_nothing)
{
    struct token_text found;

    cr_assert_eq(find(0, f.email, "nobody@example.org", &found), ERR_NOT_FOUND);
    cr_assert_eq(fixture_stats(&f, f.email).created, 0);
}

Test(reader, a_decoy_is_well_formed_and_stands_for_nothing)
{
    struct token_text a = fixture_decoy(&f, f.email), b = fixture_decoy(&f, f.email);
    struct vault_value value;

    cr_assert(token_is(fixture_span(&a)));
    cr_assert_not(span_equal(fixture_span(&a), fixture_span(&b)));
    cr_assert_eq(reveal_for(&a, 0, &value), ERR_NOT_FOUND);
    a = fixture_decoy(&f, f.note);
    cr_assert(token_is(fixture_span(&a)));
}

/* ---- transactions ---- */

Test(reader, many_look_ups_share_one_transaction)
{
    struct token_text tokens[60];
    struct vault_value value;
    struct buf out;
    uint64_t slot;

    for (size_t i = 0; i < COUNT_OF(tokens); i++)
        tokens[i] = store(i % 2 == 0 ? f.note : f.phone, i % 3 == 0 ? "anna" : "bert", "v");
    buf_init_secret(&out, 4096);
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(vault_read_begin(f.r), ERR_OK);
        for (size_t i = 0; i < COUNT_OF(tokens); i++) {
            cr_assert_eq(vault_reveal(f.r, 0, fixture_span(&tokens[i]), 0, &out, &value), ERR_OK);
            cr_assert_eq(vault_read_subject(f.r, VAULT_DOMAIN_DEFAULT, SPAN_LIT("anna"), &slot),
                         ERR_OK);
        }
        vault_read_end(f.r);
        cr_assert_eq(out.len, (size_t)(round + 1) * COUNT_OF(tokens));
    }
    buf_done(&out);
}

Test(reader, a_transaction_sees_one_state_and_holds_back_a_truncation)
{
    struct token_text before = store(f.note, "anna", "before");
    struct token_text later;
    struct vault_truncate truncate = {.op.kind = VAULT_TRUNCATE};
    struct vault_value value;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&before), 0, &value), ERR_OK);
    cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&before), 0, &value), ERR_OK);
    later = store(f.note, "anna", "later");
    cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&later), 0, &value), ERR_NOT_FOUND);
    cr_assert_eq(vault_run(f.v, &truncate.op), ERR_BUSY);
    vault_read_end(f.r);
    cr_assert_eq(inspect(&later, 0), ERR_OK);
    cr_assert_eq(vault_run(f.v, &truncate.op), ERR_OK);
    cr_assert_eq(inspect(&later, 0), ERR_OK);
}

Test(reader, ending_or_closing_in_mid_transaction_is_harmless)
{
    struct vault_reader *other = NULL;
    struct token_text token = store(f.note, "anna", "x");
    struct vault_value value;

    vault_read_end(f.r);
    cr_assert_eq(vault_reader_open(f.v, &other), ERR_OK);
    cr_assert_eq(vault_read_begin(other), ERR_OK);
    cr_assert_eq(vault_inspect(other, 0, fixture_span(&token), 0, &value), ERR_OK);
    vault_reader_close(&other);
    vault_reader_close(&other);
    cr_assert_eq(inspect(&token, 0), ERR_OK);
}

Test(reader, a_value_larger_than_the_buffer_is_too_large)
{
    struct token_text token = store(f.note, "anna", "more than eight bytes");
    struct vault_value value;
    struct buf out;

    buf_init_secret(&out, 8);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_reveal(f.r, 0, fixture_span(&token), 0, &out, &value), ERR_TOO_LARGE);
    vault_read_end(f.r);
    cr_assert_eq(out.len, 0);
    buf_done(&out);
}

/* ---- subjects ---- */

Test(reader, a_subject_is_found_by_each_of_its_names_and_by_nothing_else)
{
    uint64_t slot = 0;
    char large[LIMIT_IDENTIFIER_MAX + 2];

    (void)store(f.note, "anna", "x");
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_OK, "from the cache");
    cr_assert_eq(fixture_subject(&f, "Anna", &slot), ERR_NOT_FOUND);
    cr_assert_eq(fixture_subject(&f, "", &slot), ERR_NOT_FOUND);
    memset(large, 'a', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    cr_assert_eq(fixture_subject(&f, large, &slot), ERR_NOT_FOUND);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_subject(f.r, 99, SPAN_LIT("anna"), &slot), ERR_NOT_FOUND);
    vault_read_end(f.r);
}

static bool still_names(uint64_t slot, unsigned mark)
{
    bool still;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    still = vault_still_names(f.r, slot, mark);
    vault_read_end(f.r);
    return still;
}

Test(reader, a_subject_that_was_read_is_known_by_its_slot_until_it_is_erased)
{
    struct vault_erasure erasure = {0};
    uint64_t slot = 0;
    unsigned mark;

    (void)store(f.note, "anna", "x");
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_OK);
    mark = vault_reader_mark(f.r);
    cr_assert(still_names(slot, mark));
    cr_assert_not(still_names(slot, mark + 1), "names were taken away meanwhile");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_not(still_names(slot, mark));
    vault_erasure_done(&erasure);
}

Test(reader, what_is_kept_of_a_subject_is_counted_while_it_lives)
{
    uint64_t per_class[CLASSES_MAX + 1] = {0};
    struct vault_subject_info info;
    struct token_text token;
    uint64_t slot = 0;

    clock_test_set_ms(INT64_C(1800000000000));
    (void)store(f.note, "anna", "1");
    (void)store(f.note, "anna", "2");
    (void)store(f.brief, "anna", "3");
    token = store(f.phone, "anna", "+491701");
    (void)store(f.phone, "bert", "+491701");
    clock_test_set_ms(INT64_C(1800000010000));
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_subject(f.r, VAULT_DOMAIN_DEFAULT, SPAN_LIT("anna"), &slot), ERR_OK);
    cr_assert_eq(vault_read_subject_info(f.r, slot, &info, per_class), ERR_OK);
    cr_assert_eq(vault_read_subject_info(f.r, slot + 1000, &info, per_class), ERR_NOT_FOUND);
    vault_read_end(f.r);
    cr_assert_eq(per_class[f.note], 2);
    cr_assert_eq(per_class[f.phone], 1);
    cr_assert_eq(per_class[f.brief], 0, "expired");
    cr_assert_eq(info.created_s, 1800000000);
    cr_assert_eq(info.names, 1);
    cr_assert_eq(info.slot, slot_of("anna"));
    cr_assert_eq(info.domain, VAULT_DOMAIN_DEFAULT);
    cr_assert_eq(inspect(&token, info.slot), ERR_OK);
}

/* ---- figures ---- */

Test(reader, figures_say_what_is_due_when)
{
    const int64_t day_ms = INT64_C(86400000);
    const int64_t t0_ms = 20833 * day_ms + 1000; /* a second past midnight */
    struct vault_class_stats s;

    clock_test_set_ms(t0_ms);
    (void)store(f.note, "anna", "1"); /* due at 90 days */
    clock_test_set_ms(t0_ms + 30 * day_ms);
    (void)store(f.note, "anna", "2"); /* due at 120 days */
    s = fixture_stats(&f, f.note);
    cr_assert_eq(s.items, 2);
    cr_assert_eq(s.created, 2);
    cr_assert_eq(s.due_7d, 0);
    cr_assert_eq(s.due_30d, 0);
    cr_assert_eq(s.due_90d, 2);
    cr_assert_eq(s.oldest_created_s, 20833 * 86400);
    clock_test_set_ms(t0_ms + 60 * day_ms);
    cr_assert_eq(fixture_stats(&f, f.note).due_30d, 1, "in thirty days");
    clock_test_set_ms(t0_ms + 59 * day_ms);
    cr_assert_eq(fixture_stats(&f, f.note).due_30d, 0, "in thirty-one");
    clock_test_set_ms(t0_ms + 90 * day_ms + 3600000);
    cr_assert_eq(fixture_stats(&f, f.note).overdue, 0, "due for an hour: to the day");
    clock_test_set_ms(t0_ms + 85 * day_ms);
    s = fixture_stats(&f, f.note);
    cr_assert_eq(s.due_7d, 1);
    cr_assert_eq(s.due_30d, 1);
    clock_test_set_ms(t0_ms + 91 * day_ms);
    s = fixture_stats(&f, f.note);
    cr_assert_eq(s.overdue, 1);
    cr_assert_eq(s.due_7d, 0);
    cr_assert_eq(s.due_30d, 1);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_stats(f.r, 99, 0, &s), ERR_NOT_FOUND);
    vault_read_end(f.r);
}

/* ---- what is kept between transactions ---- */

static void delete_behind_our_back(uint16_t class_id)
{
    sqlite3 *db = NULL;
    char sql[64];

    snprintf(sql, sizeof(sql), "DELETE FROM val_%u", class_id);
    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

Test(reader, keeps_the_state_it_has_seen_until_the_next_commit)
{
    struct token_text first = store(f.note, "anna", "first");
    struct token_text second = store(f.note, "anna", "second");
    struct token_text third;

    cr_assert(fixture_reveals(&f, &first, "first"));
    cr_assert(f.r->keeps);
    delete_behind_our_back(f.note);
    cr_assert(fixture_reveals(&f, &second, "second"), "no look at the log, no look at the change");
    third = store(f.phone, "anna", "third");
    cr_assert(fixture_reveals(&f, &third, "third"), "what is acknowledged is seen");
    cr_assert_not(fixture_reveals(&f, &first, "first"));
}

Test(reader, what_it_keeps_does_not_hold_back_the_cutting_of_the_log)
{
    struct vault_truncate truncate = {.op.kind = VAULT_TRUNCATE};
    struct token_text token = store(f.note, "anna", "x");
    struct token_text later;

    cr_assert(fixture_reveals(&f, &token, "x"));
    later = store(f.note, "anna", "y");
    cr_assert(f.r->keeps, "an older state than the last");
    cr_assert_eq(vault_run(f.v, &truncate.op), ERR_OK);
    cr_assert_not(f.r->keeps);
    cr_assert(fixture_reveals(&f, &later, "y"));
}

Test(reader, keeps_nothing_while_the_log_is_to_be_emptied)
{
    struct token_text token = store(f.note, "anna", "x");

    atomic_store(&f.v->keeps_nothing, true);
    cr_assert(fixture_reveals(&f, &token, "x"));
    cr_assert_not(f.r->keeps);
    (void)store(f.note, "anna",
                "y"); /* and the log is short again, which is seen after the answer: */
    (void)store(f.note, "anna", "z"); /* not later than this one's */
    cr_assert(fixture_reveals(&f, &token, "x"));
    cr_assert(f.r->keeps);
}

Test(reader, a_transaction_under_way_is_left_alone)
{
    struct token_text token = store(f.note, "anna", "x");
    struct vault_value found;

    cr_assert(fixture_reveals(&f, &token, "x"));
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    vault__readers_let_go(f.v);
    cr_assert_eq(vault_inspect(f.r, VAULT_DOMAIN_DEFAULT, fixture_span(&token), 0, &found), ERR_OK);
    vault_read_end(f.r);
    cr_assert(f.r->keeps);
    vault__readers_let_go(f.v);
    cr_assert_not(f.r->keeps);
    cr_assert(fixture_reveals(&f, &token, "x"));
}

/* ---- readers that come and go ---- */

static enum err read_with(struct vault_reader *r, const struct token_text *token)
{
    struct vault_value value;
    struct buf out;
    enum err e;

    buf_init_secret(&out, 4096);
    cr_assert_eq(vault_read_begin(r), ERR_OK);
    e = vault_reveal(r, 0, fixture_span(token), 0, &out, &value);
    vault_read_end(r);
    buf_done(&out);
    return e;
}

Test(reader, one_that_was_closed_is_opened_again_and_has_forgotten_who_was_erased)
{
    const struct token_text ada = store(f.note, "ada", "1"), bob = store(f.note, "bob", "2");
    struct vault_erasure erasure = {.slot = 0};
    struct vault_reader *r = NULL, *first;

    cr_assert_eq(vault_reader_open(f.v, &r), ERR_OK);
    first = r;
    for (size_t i = 0; i < 3; i++) /* it is remembered from the second time on */
        cr_assert_eq(read_with(r, &ada), ERR_OK);
    vault_reader_close(&r);
    cr_assert_null(r);
    cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    cr_assert_eq(vault_reader_open(f.v, &r), ERR_OK);
    cr_assert_eq(r, first);
    cr_assert_eq(read_with(r, &ada), ERR_NOT_FOUND);
    cr_assert_eq(read_with(r, &bob), ERR_OK);
    vault_reader_close(&r);
}

Test(reader, as_many_as_are_wanted_are_open_at_once)
{
    const struct token_text ada = store(f.note, "ada", "1");
    struct vault_reader *r[8] = {NULL};

    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT_OF(r); i++) {
            cr_assert_eq(vault_reader_open(f.v, &r[i]), ERR_OK);
            for (size_t k = 0; k < i; k++)
                cr_assert_neq(r[i], r[k]);
        }
        for (size_t i = 0; i < COUNT_OF(r); i++) {
            cr_assert_eq(read_with(r[i], &ada), ERR_OK);
            vault_reader_close(&r[i]);
        }
        cr_assert_leq(f.v->readers_idle, 4);
    }
}

/* What one keeps of the database would hold the log, which could not be emptied then. */
Test(reader, one_that_is_closed_keeps_no_state_of_the_database)
{
    const struct token_text ada = store(f.note, "ada", "1");
    struct vault_reader *r = NULL;

    cr_assert_eq(vault_reader_open(f.v, &r), ERR_OK);
    cr_assert_eq(read_with(r, &ada), ERR_OK);
    cr_assert(r->keeps);
    vault_reader_close(&r);
    cr_assert_eq(vault_reader_open(f.v, &r), ERR_OK);
    cr_assert_not(r->keeps);
    vault_reader_close(&r);
}
