/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/store_priv.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/scratch.h"

static struct scratch scratch;
static const uint8_t ID[VAULT_ID_BYTES] = "sixteen bytes..";
static struct store *s;
static char path[128];
static struct errmsg msg;

static struct store_class random_class = {.id = 3,
                                          .domain = 1,
                                          .format = TOKEN_OPAQUE,
                                          .ordered = true,
                                          .name = "note",
                                          .period = "P0MT10S"};
static struct store_class shared_class = {.id = 5,
                                          .domain = 1,
                                          .format = TOKEN_EMAIL,
                                          .deterministic = true,
                                          .ordered = true,
                                          .name = "email",
                                          .period = "P1MT0S"};

static void setup(void)
{
    secret_start();
    scratch = scratch_new();
    snprintf(path, sizeof(path), "%s/vault.db", scratch.dir);
    cr_assert_eq(store_create(path, ID, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(store_open(path, STORE_WRITER, ID, &s, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(store_begin(s), ERR_OK);
    cr_assert_eq(store_class_add(s, &random_class), ERR_OK);
    cr_assert_eq(store_class_add(s, &shared_class), ERR_OK);
    cr_assert_eq(store_commit(s), ERR_OK);
}

static void teardown(void)
{
    fault_test_set(NULL, NULL);
    store_close(&s);
    scratch_remove(&scratch);
}

TestSuite(store, .init = setup, .fini = teardown);

static const char sealed[] = "sealed bytes, more than a tag";

static struct store_row row(uint64_t id, uint64_t token_row, uint64_t slot, int64_t due_s)
{
    struct store_row r = {.id = id,
                          .token_row = token_row,
                          .slot = slot,
                          .created_s = 1000,
                          .due_s = due_s,
                          .sealed = span_str(sealed)};

    memset(r.salt, (int)id, sizeof(r.salt));
    return r;
}

static void add(const struct store_class *c, uint64_t id, uint64_t token_row, uint64_t slot,
                int64_t due_s)
{
    struct store_row r = row(id, token_row, slot, due_s);

    cr_assert_eq(store_row_add(s, c, &r), ERR_OK);
}

/* ---- opening ---- */

Test(store, the_file_is_the_owners_alone)
{
    struct stat st;

    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
    cr_assert_neq(store_create(path, ID, &msg), ERR_OK, "never over another file");
}

Test(store, a_reader_cannot_write)
{
    struct store *reader = NULL;

    cr_assert_eq(store_open(path, STORE_READER, ID, &reader, &msg), ERR_OK);
    cr_assert_neq(store_meta_set_int(reader, "x", 1), ERR_OK);
    store_close(&reader);
    store_close(&reader);
}

Test(store, another_store_id_is_refused)
{
    static const uint8_t other[VAULT_ID_BYTES] = "another store..";
    struct store *reader = NULL;

    cr_assert_eq(store_open(path, STORE_READER, other, &reader, &msg), ERR_CORRUPT);
    cr_assert_not_null(strstr(msg.text, path));
    cr_assert_null(reader);
}

/* ---- transactions ---- */

Test(store, what_is_rolled_back_was_never_there)
{
    int64_t n = 0;

    cr_assert_eq(store_begin(s), ERR_OK);
    cr_assert_eq(store_meta_set_int(s, "x", 1), ERR_OK);
    store_rollback(s);
    cr_assert_eq(store_meta_int(s, "x", &n), ERR_NOT_FOUND);
    store_rollback(s);
}

Test(store, a_commit_that_fails_is_rolled_back)
{
    int64_t n = 0;

    cr_assert_eq(store_begin(s), ERR_OK);
    cr_assert_eq(store_meta_set_int(s, "x", 1), ERR_OK);
    fault_test_set("commit.fail!", NULL);
    cr_assert_eq(store_commit(s), ERR_IO);
    fault_test_set("space.fail!", NULL);
    cr_assert_eq(store_begin(s), ERR_OK);
    cr_assert_eq(store_commit(s), ERR_NO_SPACE);
    fault_test_set(NULL, NULL);
    cr_assert_eq(store_meta_int(s, "x", &n), ERR_NOT_FOUND);
}

Test(store, a_failed_statement_is_remembered_until_the_rollback)
{
    uint8_t hash[CRYPTO_HASH_BYTES];

    cr_assert_eq(store_begin(s), ERR_OK);
    cr_assert_not(store_failed(s));
    cr_assert_eq(store_domain_add(s, &(struct store_domain){3, 4, "a"}), ERR_OK);
    cr_assert_eq(store_domain_add(s, &(struct store_domain){3, 5, "b"}), ERR_CORRUPT,
                 "one domain, one key");
    cr_assert(store_failed(s));
    store_rollback(s);
    cr_assert_not(store_failed(s));
    cr_assert_eq(store_meta_hash(s, STORE_META_LEDGER_HEAD, hash), ERR_OK);
}

Test(store, a_row_number_used_twice_fails_the_whole_commit)
{
    struct store_row r;

    for (uint64_t twice = 0; twice < 2; twice++) {
        cr_assert_eq(store_begin(s), ERR_OK);
        for (uint64_t id = 1; id <= (twice == 0 ? 3 : 15); id++) /* few, and a full statement */
            add(&random_class, id, 0, 7, 2000);
        {
            struct store_row again = row(1, 0, 7, 2000);
            enum err e = store_row_add(s, &random_class, &again);

            if (e == ERR_OK)
                e = store_commit(s);
            else
                store_rollback(s);
            cr_assert_eq(e, ERR_CORRUPT);
        }
        cr_assert_eq(store_row_get(s, &random_class, 1, &r), ERR_NOT_FOUND);
    }
}

Test(store, rows_of_all_sizes_and_classes_keep_their_order)
{
    static char large[5000];
    static const uint8_t fp[CRYPTO_MAC_BYTES] = "fingerprint", salt[TOKEN_SALT_BYTES] = "salt";
    struct store_class other = random_class;
    struct store_row r;
    uint64_t n = 0;

    memset(large, 'x', sizeof(large));
    other.id = 9;
    snprintf(other.name, sizeof(other.name), "other");
    cr_assert_eq(store_begin(s), ERR_OK);
    cr_assert_eq(store_class_add(s, &other), ERR_OK);
    cr_assert_eq(store_shared_add(s, &shared_class, 500, salt, fp), ERR_OK);
    for (uint64_t id = 1; id <= 100; id++) {
        r = row(id, 0, 7, 2000);
        if (id % 21 == 0)
            r.sealed = span_of(large, sizeof(large) - id);
        cr_assert_eq(store_row_add(s, id % 3 == 0 ? &other : &random_class, &r), ERR_OK);
        if (id % 10 == 0)
            add(&shared_class, 500 + id, 500, 7, 2000);
    }
    cr_assert_eq(store_commit(s), ERR_OK);
    for (uint64_t id = 1; id <= 100; id++) {
        cr_assert_eq(store_row_get(s, id % 3 == 0 ? &other : &random_class, id, &r), ERR_OK);
        cr_assert_eq(r.sealed.len, id % 21 == 0 ? sizeof(large) - id : strlen(sealed));
        cr_assert_eq(r.salt[0], (int)id);
    }
    cr_assert_eq(store_rows_count(s, &shared_class, 7, 0, &n), ERR_OK);
    cr_assert_eq(n, 10);
}

Test(store, rows_that_wait_are_seen_and_are_forgotten_with_the_transaction)
{
    struct store_row r;
    bool empty = true;

    cr_assert_eq(store_begin(s), ERR_OK);
    add(&random_class, 1, 0, 7, 2000);
    cr_assert_eq(store_row_get(s, &random_class, 1, &r), ERR_OK);
    add(&random_class, 2, 0, 7, 2000);
    store_rollback(s);
    cr_assert_eq(store_begin(s), ERR_OK);
    cr_assert_eq(store_commit(s), ERR_OK);
    cr_assert_eq(store_class_is_empty(s, &random_class, &empty), ERR_OK);
    cr_assert(empty);
}

Test(store, committing_fills_the_log_and_truncating_empties_it)
{
    cr_assert_eq(store_begin(s), ERR_OK);
    cr_assert_eq(store_meta_set_int(s, "x", 1), ERR_OK);
    cr_assert_eq(store_commit(s), ERR_OK);
    cr_assert_gt(store_wal_pages(s), 0);
    cr_assert_eq(store_checkpoint(s), ERR_OK);
    cr_assert_eq(store_truncate(s), ERR_OK);
    cr_assert_eq(store_wal_pages(s), 0);
}

Test(store, a_reader_sees_one_state_between_begin_and_end)
{
    struct store *reader = NULL;
    int64_t n = 0;

    cr_assert_eq(store_meta_set_int(s, "x", 1), ERR_OK);
    cr_assert_eq(store_open(path, STORE_READER, ID, &reader, &msg), ERR_OK);
    store_read_begin(reader);
    cr_assert_eq(store_meta_int(reader, "x", &n), ERR_OK);
    cr_assert_eq(store_meta_set_int(s, "x", 2), ERR_OK);
    cr_assert_eq(store_meta_int(reader, "x", &n), ERR_OK);
    cr_assert_eq(n, 1, "also from the second look-up on");
    cr_assert_eq(store_truncate(s), ERR_BUSY);
    store_read_end(reader);
    cr_assert_eq(store_truncate(s), ERR_OK);
    store_read_begin(reader);
    cr_assert_eq(store_meta_int(reader, "x", &n), ERR_OK);
    cr_assert_eq(n, 2);
    store_read_end(reader);
    store_close(&reader);
}

/* ---- classes and domains ---- */

Test(store, classes_are_read_back_at_their_ids)
{
    static struct store_class found[CLASSES_MAX + 1];

    cr_assert_eq(store_classes_read(s, found), ERR_OK);
    cr_assert_eq(found[3].id, 3);
    cr_assert_str_eq(found[3].name, "note");
    cr_assert_str_eq(found[5].period, "P1MT0S");
    cr_assert(found[5].deterministic && found[5].ordered);
    cr_assert_eq(found[5].format, TOKEN_EMAIL);
    cr_assert_eq(found[4].id, 0);
    cr_assert_eq(store_class_set_period(s, 3, "P0MT20S"), ERR_OK);
    cr_assert_eq(store_class_disorder(s, &random_class), ERR_OK);
    cr_assert_eq(store_classes_read(s, found), ERR_OK);
    cr_assert_str_eq(found[3].period, "P0MT20S");
    cr_assert_not(found[3].ordered);
}

Test(store, a_class_may_be_dropped_and_made_anew)
{
    struct store_class again = random_class;
    bool empty = true;

    add(&random_class, 1, 0, 7, 2000);
    cr_assert_eq(store_class_is_empty(s, &random_class, &empty), ERR_OK);
    cr_assert_not(empty);
    cr_assert_eq(store_class_drop(s, &random_class), ERR_OK);
    again.deterministic = true;
    cr_assert_eq(store_class_add(s, &again), ERR_OK);
    cr_assert_eq(store_class_is_empty(s, &again, &empty), ERR_OK);
    cr_assert(empty);
    cr_assert_eq(store_class_drop(s, &again), ERR_OK);
}

Test(store, a_class_id_past_the_limit_is_damage)
{
    static struct store_class found[CLASSES_MAX + 1];
    struct store_class far = {.id = CLASSES_MAX, .format = TOKEN_OPAQUE, .name = "x", .period = ""};

    cr_assert_eq(store_class_add(s, &far), ERR_OK);
    cr_assert_eq(store_classes_read(s, found), ERR_OK);
    far.id = CLASSES_MAX - 1;
    far.format = (enum token_format)77;
    snprintf(far.name, sizeof(far.name), "y");
    cr_assert_eq(store_class_add(s, &far), ERR_OK);
    cr_assert_eq(store_classes_read(s, found), ERR_CORRUPT);
}

Test(store, domains_are_walked_in_order)
{
    struct store_domain found;

    cr_assert_eq(store_domain_add(s, &(struct store_domain){9, 44, "late"}), ERR_OK);
    cr_assert_eq(store_domain_add(s, &(struct store_domain){2, 55, "early"}), ERR_OK);
    cr_assert_eq(store_domain_next(s, 0, &found), ERR_OK);
    cr_assert(found.id == 2 && found.slot == 55);
    cr_assert_str_eq(found.name, "early");
    cr_assert_eq(store_domain_next(s, 3, &found), ERR_OK);
    cr_assert(found.id == 9 && found.slot == 44);
    cr_assert_str_eq(found.name, "late");
    cr_assert_eq(store_domain_next(s, 10, &found), ERR_NOT_FOUND);
    cr_assert_eq(store_domain_next(s, UINT16_MAX + 1u, &found), ERR_NOT_FOUND);
}

Test(store, two_domains_have_not_one_name)
{
    cr_assert_eq(store_domain_add(s, &(struct store_domain){2, 4, "a"}), ERR_OK);
    cr_assert_eq(store_domain_add(s, &(struct store_domain){3, 5, "a"}), ERR_CORRUPT);
}

Test(store, a_domain_is_used_while_it_has_a_subject)
{
    struct store_subject anna = {.slot = 7, .id = "anna", .domain = 3, .created_s = 99};
    bool used = true;

    cr_assert_eq(store_domain_is_used(s, 3, &used), ERR_OK);
    cr_assert_not(used);
    cr_assert_eq(store_subject_add(s, &anna), ERR_OK);
    cr_assert_eq(store_domain_is_used(s, 3, &used), ERR_OK);
    cr_assert(used);
    cr_assert_eq(store_domain_is_used(s, 2, &used), ERR_OK);
    cr_assert_not(used);
    cr_assert_eq(store_subject_delete(s, 7), ERR_OK);
    cr_assert_eq(store_domain_is_used(s, 3, &used), ERR_OK);
    cr_assert_not(used);
}

/* ---- meta ---- */

Test(store, notes_are_kept_and_changed)
{
    uint8_t hash[CRYPTO_HASH_BYTES] = {1, 2, 3}, back[CRYPTO_HASH_BYTES];
    int64_t n = 0;

    cr_assert_eq(store_meta_int(s, STORE_META_SUBJECTS, &n), ERR_OK);
    cr_assert_eq(n, 0);
    cr_assert_eq(store_meta_add(s, STORE_META_SUBJECTS, 5), ERR_OK);
    cr_assert_eq(store_meta_add(s, STORE_META_SUBJECTS, -2), ERR_OK);
    cr_assert_eq(store_meta_int(s, STORE_META_SUBJECTS, &n), ERR_OK);
    cr_assert_eq(n, 3);
    cr_assert_eq(store_meta_set_hash(s, STORE_META_LEDGER_HEAD, hash), ERR_OK);
    cr_assert_eq(store_meta_hash(s, STORE_META_LEDGER_HEAD, back), ERR_OK);
    cr_assert_arr_eq(hash, back, sizeof(hash));
    cr_assert_eq(store_meta_hash(s, STORE_META_SUBJECTS, back), ERR_CORRUPT);
}

/* ---- subjects ---- */

Test(store, names_lead_to_subjects_until_they_are_deleted)
{
    static const uint8_t a[CRYPTO_MAC_BYTES] = "a", b[CRYPTO_MAC_BYTES] = "b";
    struct store_subject anna = {.slot = 7, .id = "anna", .domain = 1, .created_s = 99}, back;
    uint64_t slot = 0;
    uint64_t n = 0;

    cr_assert_eq(store_subject_last(s, &slot), ERR_OK);
    cr_assert_eq(slot, 0);
    cr_assert_eq(store_subject_add(s, &anna), ERR_OK);
    cr_assert_eq(store_subject_get(s, 7, &back), ERR_OK);
    cr_assert(back.slot == 7 && back.domain == 1 && back.created_s == 99);
    cr_assert_arr_eq(back.id, anna.id, VAULT_ID_BYTES);
    cr_assert_eq(store_subject_last(s, &slot), ERR_OK);
    cr_assert_eq(slot, 7);
    cr_assert_eq(store_name_put(s, a, 7), ERR_OK);
    cr_assert_eq(store_name_put(s, b, 7), ERR_OK);
    cr_assert_eq(store_name_get(s, b, &slot), ERR_OK);
    cr_assert_eq(slot, 7);
    cr_assert_eq(store_names_count(s, 7, &n), ERR_OK);
    cr_assert_eq(n, 2);
    cr_assert_eq(store_name_put(s, b, 8), ERR_OK, "a name whose subject is gone is taken over");
    cr_assert_eq(store_names_delete(s, 7), ERR_OK);
    cr_assert_eq(store_name_get(s, a, &slot), ERR_NOT_FOUND);
    cr_assert_eq(store_name_get(s, b, &slot), ERR_OK);
    cr_assert_eq(slot, 8);
    cr_assert_eq(store_subject_delete(s, 7), ERR_OK);
    cr_assert_eq(store_subject_get(s, 7, &back), ERR_NOT_FOUND);
}

/* ---- rows ---- */

Test(store, a_row_comes_back_as_it_was_put)
{
    struct store_row back;

    add(&random_class, 11, 0, 7, 2000);
    cr_assert_eq(store_row_get(s, &random_class, 11, &back), ERR_OK);
    cr_assert(back.id == 11 && back.slot == 7 && back.created_s == 1000 && back.due_s == 2000);
    cr_assert_eq(back.salt[0], 11);
    cr_assert(span_equal(back.sealed, span_str(sealed)));
    cr_assert_eq(store_row_get(s, &random_class, 12, &back), ERR_NOT_FOUND);
}

Test(store, a_shared_value_is_found_and_has_owners)
{
    static const uint8_t fp[CRYPTO_MAC_BYTES] = "fingerprint", salt[TOKEN_SALT_BYTES] = "salt";
    uint8_t back[TOKEN_SALT_BYTES];
    struct store_row r;
    uint64_t token_row = 0;
    uint64_t owners = 0;

    cr_assert_eq(store_shared_find(s, &shared_class, fp, &token_row, back), ERR_NOT_FOUND);
    cr_assert_eq(store_shared_add(s, &shared_class, 20, salt, fp), ERR_OK);
    cr_assert_eq(store_shared_find(s, &shared_class, fp, &token_row, back), ERR_OK);
    cr_assert_eq(token_row, 20);
    cr_assert_arr_eq(back, salt, sizeof(salt));
    add(&shared_class, 21, 20, 7, 2000);
    add(&shared_class, 22, 20, 8, 2000);
    add(&shared_class, 23, 20, 7, 3000);
    cr_assert_eq(store_owner_get(s, &shared_class, 20, 7, &r), ERR_OK);
    cr_assert_eq(r.id, 23, "the one that lives longest");
    cr_assert_arr_eq(r.salt, salt, sizeof(salt));
    cr_assert_eq(store_owner_get(s, &shared_class, 20, 9, &r), ERR_NOT_FOUND);
    cr_assert_eq(store_owners(s, &shared_class, 20), ERR_OK);
    for (enum err e = store_next(s, &r); e == ERR_OK; e = store_next(s, &r))
        owners++;
    cr_assert_eq(owners, 3);
    cr_assert_eq(store_next(s, &r), ERR_NOT_FOUND, "and stays at the end");
    cr_assert_eq(store_shared_delete(s, &shared_class, 20), ERR_OK);
    cr_assert_eq(store_owner_get(s, &shared_class, 20, 7, &r), ERR_NOT_FOUND);
}

Test(store, a_shared_value_goes_with_its_last_owner)
{
    static const uint8_t fp[CRYPTO_MAC_BYTES] = "fingerprint", salt[TOKEN_SALT_BYTES] = "salt";
    struct store_gone gone[4];
    uint8_t back[TOKEN_SALT_BYTES];
    uint64_t token_row = 0;
    size_t count = 0;

    cr_assert_eq(store_shared_add(s, &shared_class, 20, salt, fp), ERR_OK);
    add(&shared_class, 21, 20, 7, 2000);
    add(&shared_class, 22, 20, 8, 2000);
    cr_assert_eq(store_rows_delete_of(s, &shared_class, 7, 4, gone, &count), ERR_OK);
    cr_assert_eq(count, 1);
    cr_assert(gone[0].token_row == 20 && gone[0].slot == 7 && gone[0].due_s == 2000);
    cr_assert_eq(store_shared_trim(s, &shared_class, 20), ERR_OK);
    cr_assert_eq(store_shared_find(s, &shared_class, fp, &token_row, back), ERR_OK);
    cr_assert_eq(store_rows_delete_of(s, &shared_class, 8, 4, gone, &count), ERR_OK);
    cr_assert_eq(store_shared_trim(s, &shared_class, 20), ERR_OK);
    cr_assert_eq(store_shared_find(s, &shared_class, fp, &token_row, back), ERR_NOT_FOUND);
}

Test(store, rows_of_a_subject_are_walked_counted_and_deleted)
{
    struct store_gone gone[4];
    struct store_row r;
    uint64_t n = 0;
    size_t count = 0;
    bool has = true;

    for (uint64_t id = 1; id <= 10; id++)
        add(&random_class, id, 0, id % 2 == 0 ? 7 : 8, 1000 + (int64_t)id);
    cr_assert_eq(store_rows_of(s, &random_class, 7), ERR_OK);
    for (enum err e = store_next(s, &r); e == ERR_OK; e = store_next(s, &r), n++)
        cr_assert_eq(r.slot, 7);
    cr_assert_eq(n, 5);
    cr_assert_eq(store_rows_count(s, &random_class, 7, 1004, &n), ERR_OK);
    cr_assert_eq(n, 3, "6, 8 and 10 fall due after 1004");
    cr_assert_eq(store_rows_delete_of(s, &random_class, 7, 4, gone, &count), ERR_OK);
    cr_assert_eq(count, 4);
    cr_assert_eq(store_rows_delete_of(s, &random_class, 7, 4, gone, &count), ERR_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(store_class_has(s, &random_class, 7, &has), ERR_OK);
    cr_assert_not(has);
    cr_assert_eq(store_class_has(s, &random_class, 8, &has), ERR_OK);
    cr_assert(has);
}

Test(store, due_rows_are_deleted_by_order_or_by_index)
{
    struct store_class c = random_class;
    struct store_gone gone[10];
    size_t count = 0;
    uint64_t id = 0;
    int64_t due_s = 0;

    cr_assert_eq(store_row_last(s, &c, &id, &due_s), ERR_OK);
    cr_assert(id == 0 && due_s == 0);
    for (uint64_t i = 1; i <= 10; i++)
        add(&c, i, 0, 7, (int64_t)i * 10);
    cr_assert_eq(store_row_last(s, &c, &id, &due_s), ERR_OK);
    cr_assert(id == 10 && due_s == 100);
    cr_assert_eq(store_rows_delete_due(s, &c, 35, 2, gone, &count), ERR_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(store_rows_delete_due(s, &c, 35, 10, gone, &count), ERR_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(gone[0].due_s, 30);
    add(&c, 11, 0, 7, 5); /* out of order, but not far from the first */
    cr_assert_eq(store_rows_delete_due(s, &c, 35, 2, gone, &count), ERR_OK);
    cr_assert_eq(count, 1);
    add(&c, 12, 0, 7, 5);
    cr_assert_eq(store_class_disorder(s, &c), ERR_OK);
    c.ordered = false;
    cr_assert_eq(store_rows_delete_due(s, &c, 35, 2, gone, &count), ERR_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(gone[0].due_s, 5);
}

/* ---- counters ---- */

static void sum_up(void *context, int64_t created_day, int64_t due_day, int64_t n)
{
    int64_t *sum = context;

    sum[0] += 1;
    sum[1] += n * (created_day * 100 + due_day);
}

Test(store, counters_add_up_and_empty_ones_go)
{
    int64_t sum[2] = {0};
    uint64_t flows[STORE_FLOWS];

    cr_assert_eq(store_aggregate_add(s, 3, 1, 2, 5), ERR_OK);
    cr_assert_eq(store_aggregate_add(s, 3, 1, 2, -2), ERR_OK);
    cr_assert_eq(store_aggregate_add(s, 3, 1, 3, 1), ERR_OK);
    cr_assert_eq(store_aggregate_add(s, 4, 1, 2, 9), ERR_OK);
    cr_assert_eq(store_aggregate_each(s, 3, sum_up, sum), ERR_OK);
    cr_assert(sum[0] == 2 && sum[1] == 3 * 102 + 103);
    cr_assert_eq(store_aggregate_add(s, 3, 1, 2, -3), ERR_OK);
    sum[0] = 0;
    cr_assert_eq(store_aggregate_each(s, 3, sum_up, sum), ERR_OK);
    cr_assert_eq(sum[0], 1);
    cr_assert_eq(store_flow_add(s, 3, 1, STORE_CREATED, 5), ERR_OK);
    cr_assert_eq(store_flow_add(s, 3, 2, STORE_CREATED, 6), ERR_OK);
    cr_assert_eq(store_flow_add(s, 3, 2, STORE_PURGED_TIMER, 1), ERR_OK);
    cr_assert_eq(store_flow_sums(s, 3, INT64_MIN, INT64_MAX, flows), ERR_OK);
    cr_assert_eq(flows[STORE_CREATED], 11);
    cr_assert_eq(flows[STORE_PURGED_TIMER], 1);
    cr_assert_eq(flows[STORE_PURGED_ERASURE], 0);
    cr_assert_eq(store_flow_sums(s, 3, 1, 2, flows), ERR_OK);
    cr_assert(flows[STORE_CREATED] == 5 && flows[STORE_PURGED_TIMER] == 0, "days [from, to)");
    cr_assert_eq(store_flow_sums(s, 3, 2, 3, flows), ERR_OK);
    cr_assert(flows[STORE_CREATED] == 6 && flows[STORE_PURGED_TIMER] == 1);
}

/* ---- erasures ---- */

Test(store, open_erasures_are_walked_by_their_ledger_entry)
{
    struct store_erasure a = {.slot = 7, .ledger_seq = 5, .cutoff_ms = 11, .begun_ms = 12};
    struct store_erasure b = {.slot = 6, .ledger_seq = 9, .id = "b"}, back;

    cr_assert_eq(store_erasure_next(s, 0, &back), ERR_NOT_FOUND);
    cr_assert_eq(store_erasure_add(s, &b), ERR_OK);
    cr_assert_eq(store_erasure_add(s, &a), ERR_OK);
    cr_assert_eq(store_erasure_add(s, &a), ERR_OK, "told twice is told once");
    cr_assert_eq(store_erasure_next(s, 0, &back), ERR_OK);
    cr_assert(back.slot == 7 && back.cutoff_ms == 11 && back.begun_ms == 12);
    cr_assert_eq(store_erasure_next(s, 5, &back), ERR_OK);
    cr_assert(back.slot == 6 && back.id[0] == 'b');
    cr_assert_eq(store_erasure_delete(s, 6), ERR_OK);
    cr_assert_eq(store_erasure_next(s, 5, &back), ERR_NOT_FOUND);
}
