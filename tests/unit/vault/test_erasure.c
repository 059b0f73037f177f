/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/erasure_priv.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"
#include "vault/writer_priv.h"

static struct vault_fixture f;

static void setup(void)
{
    fixture_start(&f);
}

static void teardown(void)
{
    fault_test_set(NULL, NULL);
    clock_test_set_ms(-1);
    fixture_end(&f);
}

TestSuite(erasure, .init = setup, .fini = teardown);

static struct token_text store(uint16_t class_id, const char *subject, const char *value)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&f, class_id, subject, value, &token), ERR_OK);
    return token;
}

static bool slot_is_zero(uint64_t slot)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    uint8_t raw[SLAB_SLOT_BYTES];

    cr_assert_eq(slab_raw(f.v->slab, slot, raw), ERR_OK);
    return memcmp(raw, zeroes, sizeof(raw)) == 0;
}

static void close_erasure(struct vault_erasure *erasure)
{
    struct vault_erasure_close op = {.op.kind = VAULT_ERASURE_CLOSE, .erasure = erasure};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
}

static size_t open_count(void)
{
    struct vault_erasure *list = NULL;
    size_t count = 0;

    cr_assert_eq(vault_erasures_open(f.v, &list, &count), ERR_OK);
    for (size_t i = 0; i < count; i++)
        vault_erasure_done(&list[i]);
    free(list);
    return count;
}

/* Rows of a table (of a class), counted from outside. */
static int64_t rows_of_table(const char *table, uint16_t class_id)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    char sql[64];
    int64_t n;

    if (class_id == 0)
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    else
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s_%u", table, class_id);
    cr_assert_eq(sqlite3_open_v2(fixture_path(&f, "vault.db"), &db, SQLITE_OPEN_READONLY, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
    n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

/* ---- what acknowledgement means ---- */

Test(erasure, everything_of_the_subject_is_unreadable_at_once)
{
    struct token_text tokens[4] = {
        store(f.note, "anna", "tea"),
        store(f.brief, "anna", "soon"),
        store(f.phone, "anna", "+491701"),
        store(f.email, "anna", "anna@example.org"),
    };
    struct token_text bert = store(f.note, "bert", "stays");
    struct vault_erasure erasure = {0};
    struct vault_item found = {
        .class_id = f.email, .kind = VALUE_STRING, .value = SPAN_LIT("anna@example.org")};
    uint64_t slot = 0;
    char value[32];

    for (size_t i = 0; i < COUNT_OF(tokens); i++) /* and now the reader holds her key */
        cr_assert_eq(fixture_reveal(&f, &tokens[i], value, sizeof(value)), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_OK);
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(tokens); i++)
        cr_assert_eq(fixture_reveal(&f, &tokens[i], value, sizeof(value)), ERR_NOT_FOUND);
    cr_assert_eq(erasure.slot, slot);
    cr_assert(slot_is_zero(slot));
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_NOT_FOUND);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_find(f.r, VAULT_DOMAIN_DEFAULT, 0, &found), ERR_NOT_FOUND);
    vault_read_end(f.r);
    cr_assert(fixture_reveals(&f, &bert, "stays"));
    vault_erasure_done(&erasure);
}

Test(erasure, it_says_what_it_did)
{
    struct vault_erasure erasure = {0};

    clock_test_set_ms(INT64_C(1800000000123));
    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_eq(erasure.cutoff_ms, INT64_C(1800000000123));
    cr_assert_eq(erasure.acknowledged_ms, INT64_C(1800000000123));
    cr_assert_gt(erasure.ledger_seq, 1, "the first entry opens the ledger");
    cr_assert(erasure.has_sample);
    cr_assert_eq(erasure.sample->count, 1);
    vault_erasure_done(&erasure);
    cr_assert_not(erasure.has_sample);
    cr_assert_null(erasure.sample);
    vault_erasure_done(&erasure);
}

Test(erasure, nobody_is_erased_twice)
{
    struct vault_erasure erasure = {0};
    struct vault_erasure again = {0};

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_eq(fixture_erase(&f, "anna", &again), ERR_NOT_FOUND);
    cr_assert_eq(fixture_erase(&f, "nobody", &again), ERR_NOT_FOUND);
    cr_assert_eq(fixture_erase(&f, "", &again), ERR_NOT_FOUND);
    cr_assert_null(again.sample);
    vault_erasure_done(&erasure);
    {
        struct vault_erase op = {
            .op.kind = VAULT_ERASE, .domain = 55, .name = SPAN_LIT("anna"), .erasure = &again};

        cr_assert_eq(vault_run(f.v, &op.op), ERR_NOT_FOUND);
    }
}

Test(erasure, all_names_of_the_subject_go)
{
    struct vault_item item = {.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("x")};
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("customer-1"), SPAN_LIT("anna@example.org")},
                                .name_count = 2,
                                .items = &item,
                                .count = 1};
    struct vault_erasure erasure = {0};
    uint64_t slot = 0;

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(fixture_erase(&f, "anna@example.org", &erasure), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "customer-1", &slot), ERR_NOT_FOUND);
    cr_assert_eq(fixture_subject(&f, "anna@example.org", &slot), ERR_NOT_FOUND);
    vault_erasure_done(&erasure);
}

Test(erasure, the_same_person_may_come_back_as_somebody_new)
{
    struct token_text old = store(f.phone, "anna", "+491701");
    struct vault_erasure erasure = {0};
    struct token_text fresh;
    uint64_t slot = 0;
    size_t deleted = 0;

    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    fresh = store(f.phone, "anna", "+491701");
    cr_assert_not(span_equal(fixture_span(&old), fixture_span(&fresh)), "a new token");
    cr_assert(fixture_reveals(&f, &fresh, "+491701"));
    cr_assert_not(fixture_reveals(&f, &old, "+491701"));
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_OK);
    cr_assert_neq(slot, erasure.slot);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
    cr_assert(fixture_reveals(&f, &fresh, "+491701"), "the sweep takes the old rows only");
    vault_erasure_done(&erasure);
}

/* E54 */
Test(erasure, of_two_who_share_a_value_one_stays)
{
    struct token_text token = store(f.phone, "anna", "+491701");
    struct vault_erasure erasure = {0};
    struct token_text again;
    size_t deleted = 0;

    (void)store(f.phone, "bert", "+491701");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "+491701"), "as bert's");
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
    cr_assert(fixture_reveals(&f, &token, "+491701"));
    again = store(f.phone, "carl", "+491701");
    cr_assert(span_equal(fixture_span(&token), fixture_span(&again)));
    vault_erasure_done(&erasure);
}

/* ---- readers ---- */

struct holder {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
};

static struct holder holder = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};

static void on_done(struct vault_op *op)
{
    (void)op;
    pthread_mutex_lock(&holder.lock);
    holder.done = true;
    pthread_cond_signal(&holder.wake);
    pthread_mutex_unlock(&holder.lock);
}

Test(erasure, it_waits_for_whoever_is_using_the_key)
{
    struct token_text token = store(f.note, "anna", "tea");
    struct vault_erasure erasure = {0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE, .done = on_done},
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = SPAN_LIT("anna"),
                             .erasure = &erasure};
    struct vault_value value;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&token), 0, &value), ERR_OK);
    cr_assert_eq(vault_submit(f.v, &op.op), ERR_OK);
    while (!slot_is_zero(value.slot)) /* the shred comes before the waiting */
        sched_yield();
    pthread_mutex_lock(&holder.lock);
    cr_assert_not(holder.done, "a reader still reads");
    pthread_mutex_unlock(&holder.lock);
    vault_read_end(f.r);
    pthread_mutex_lock(&holder.lock);
    while (!holder.done)
        pthread_cond_wait(&holder.wake, &holder.lock);
    pthread_mutex_unlock(&holder.lock);
    cr_assert_eq(op.op.result, ERR_OK);
    cr_assert_null(keycache_get(f.r->keys, value.slot), "before it was acknowledged");
    vault_erasure_done(&erasure);
}

Test(erasure, every_reader_lets_go_of_the_key)
{
    struct token_text token = store(f.note, "anna", "tea");
    struct vault_reader *readers[5] = {NULL};
    struct vault_erasure erasure = {0};
    struct vault_value value;

    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        cr_assert_eq(vault_reader_open(f.v, &readers[i]), ERR_OK);
        cr_assert_eq(vault_read_begin(readers[i]), ERR_OK);
        cr_assert_eq(vault_inspect(readers[i], 0, fixture_span(&token), 0, &value), ERR_OK);
        vault_read_end(readers[i]);
        cr_assert_not_null(keycache_get(readers[i]->keys, value.slot));
    }
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        cr_assert_null(keycache_get(readers[i]->keys, value.slot));
        vault_reader_close(&readers[i]);
    }
    vault_erasure_done(&erasure);
}

Test(erasure, the_writer_keeps_no_key_of_whom_it_served_last)
{
    struct vault_erasure erasure = {0};
    uint8_t key[CRYPTO_KEY_BYTES];

    (void)store(f.note, "anna", "tea");
    memcpy(key, f.v->writer->key, sizeof(key));
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_arr_neq(f.v->writer->key, key, sizeof(key));
    vault_erasure_done(&erasure);
}

Test(erasure, nothing_that_a_reader_remembers_stays)
{
    struct token_text token = store(f.note, "anna", "tea");
    struct token_text shared = store(f.phone, "anna", "+491701");
    struct vault_erasure erasure = {0};
    uint8_t tag[SECRET_TAG_BYTES];
    struct store_row row;
    uint64_t slot = 0;

    for (int i = 0; i < 2; i++) {
        cr_assert(fixture_reveals(&f, &token, "tea"));
        cr_assert(fixture_reveals(&f, &shared, "+491701"));
    }
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_OK);
    secret_tag(f.r->tag_key, "anna", 4, tag);
    tag[0] ^= VAULT_DOMAIN_DEFAULT;
    cr_assert(rowcache_by_text(f.r->rows, token.bytes, f.note, 0, &row));
    cr_assert_eq(names_get(f.r->names, tag), slot);
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_eq(open_count(), 1, "and now the writer has done all of it");
    cr_assert_not(rowcache_by_text(f.r->rows, token.bytes, f.note, 0, &row));
    cr_assert_eq(names_get(f.r->names, tag), 0);
    vault_erasure_done(&erasure);
}

/* ---- sweeping and closing ---- */

/* ---- tokenizing while erasing ---- */

struct racer {
    pthread_barrier_t start;
    unsigned rounds;
    struct token_text token; /* what the last round stored */
};

static void spin(uint32_t below)
{
    uint32_t n;

    secret_random(&n, sizeof(n));
    n %= below;
    for (volatile uint32_t i = 0; i < n; i++)
        ;
}

static void *store_each_round(void *context)
{
    struct racer *racer = context;

    for (unsigned i = 0; i < racer->rounds; i++) {
        (void)pthread_barrier_wait(&racer->start);
        spin(60000);
        racer->token = store(f.note, "ada", "new");
        (void)pthread_barrier_wait(&racer->start);
    }
    return NULL;
}

Test(erasure, e44_of_a_thousand_races_with_tokenizing_none_leaves_anything_half, .timeout = 120)
{
    struct racer racer = {.rounds = 1000};
    unsigned before = 0, after = 0;
    pthread_t thread;

    cr_assert_eq(pthread_barrier_init(&racer.start, NULL, 2), 0);
    cr_assert_eq(pthread_create(&thread, NULL, store_each_round, &racer), 0);
    for (unsigned i = 0; i < racer.rounds; i++) {
        const struct token_text old = store(f.note, "ada", "old");
        struct vault_erasure erasure;
        uint64_t slot = 0;
        bool lives;

        (void)pthread_barrier_wait(&racer.start);
        spin(60000);
        cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_OK);
        (void)pthread_barrier_wait(&racer.start);
        cr_assert_not(fixture_reveals(&f, &old, "old"), "round %u", i);
        cr_assert(slot_is_zero(erasure.slot));
        /* Stored before, and gone with the others; or after, and somebody new's. */
        lives = fixture_reveals(&f, &racer.token, "new");
        cr_assert_eq(fixture_subject(&f, "ada", &slot), lives ? ERR_OK : ERR_NOT_FOUND, "round %u",
                     i);
        cr_assert_neq(slot, erasure.slot);
        *(lives ? &after : &before) += 1;
        vault_erasure_done(&erasure);
    }
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_gt(before, 20, "the race was one-sided: %u before, %u after", before, after);
    cr_assert_gt(after, 20, "the race was one-sided: %u before, %u after", before, after);
    (void)pthread_barrier_destroy(&racer.start);
}

Test(erasure, the_sweep_takes_every_row_in_bounded_batches)
{
    struct vault_erasure erasure = {0};
    uint64_t per_class[CLASSES_MAX + 1] = {0};
    struct vault_sweep_subject op = {.op.kind = VAULT_SWEEP_SUBJECT, .limit = 10};
    char value[16];
    size_t deleted = 0;

    for (int i = 0; i < 25; i++)
        (void)store(f.note, "anna", "tea");
    for (int i = 0; i < 5; i++) {
        snprintf(value, sizeof(value), "+49170%d", i);
        (void)store(f.phone, "anna", value);
    }
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    op.slot = erasure.slot;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(op.deleted, 10);
    cr_assert(op.more);
    cr_assert_eq(vault_erasure_swept(f.v, &erasure, per_class), ERR_OK);
    cr_assert_eq(per_class[f.phone], 5, "blind indexes first");
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    cr_assert_eq(vault_erasure_swept(f.v, &erasure, per_class), ERR_OK);
    cr_assert_eq(per_class[f.phone], 5);
    cr_assert_eq(per_class[f.note], 25, "counted over the restart");
    cr_assert_eq(deleted, 20);
    cr_assert_eq(rows_of_table("det", f.phone), 0, "no blind index is left");
    cr_assert_eq(rows_of_table("subject", 0), 0);
    cr_assert_eq(rows_of_table("subject_name", 0), 0);
    cr_assert_eq(fixture_stats(&f, f.note).items, 0);
    cr_assert_eq(fixture_stats(&f, f.note).purged_erasure, 25);
    cr_assert_eq(fixture_stats(&f, f.phone).purged_erasure, 5);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK, "again is nothing");
    cr_assert_eq(deleted, 0);
    op.limit = 0;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_INVALID);
    vault_erasure_done(&erasure);
}

Test(erasure, it_stays_open_until_it_is_closed)
{
    struct vault_erasure erasure = {0};
    struct vault_erasure *list = NULL;
    size_t count = 0;

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(open_count(), 0);
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(vault_erasures_open(f.v, &list, &count), ERR_OK);
    cr_assert_eq(count, 1);
    cr_assert_arr_eq(list[0].id, erasure.id, VAULT_ID_BYTES);
    cr_assert_arr_eq(list[0].subject, erasure.subject, VAULT_ID_BYTES);
    cr_assert_eq(list[0].slot, erasure.slot);
    cr_assert_eq(list[0].cutoff_ms, erasure.cutoff_ms);
    cr_assert_eq(list[0].ledger_seq, erasure.ledger_seq);
    close_erasure(&list[0]);
    cr_assert_eq(open_count(), 0);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(open_count(), 0);
    vault_erasure_done(&list[0]);
    free(list);
    vault_erasure_done(&erasure);
}

Test(erasure, subjects_are_counted_down)
{
    struct vault_erasure erasure = {0};
    uint64_t n = 0;

    (void)store(f.note, "anna", "tea");
    (void)store(f.note, "bert", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_eq(open_count(), 1);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_subject_count(f.r, &n), ERR_OK);
    vault_read_end(f.r);
    cr_assert_eq(n, 1);
    vault_erasure_done(&erasure);
}

/* ---- failures ---- */

Test(erasure, a_ledger_that_cannot_be_written_leaves_the_person_untouched)
{
    struct token_text token = store(f.note, "anna", "tea");
    struct vault_erasure erasure = {0};

    fault_test_set("file.full!", NULL);
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_NO_SPACE);
    fault_test_set(NULL, NULL);
    cr_assert_null(erasure.sample);
    cr_assert(fixture_reveals(&f, &token, "tea"));
}

Test(erasure, a_database_that_cannot_be_told_is_told_later)
{
    struct token_text token = store(f.phone, "anna", "+491701");
    struct vault_erasure first = {0};
    struct vault_erasure second = {0};
    uint64_t slot = 0;
    size_t deleted = 0;

    (void)store(f.note, "bert", "x");
    fault_test_set("space.fail!", NULL);
    cr_assert_eq(fixture_erase(&f, "anna", &first), ERR_OK, "a full disk stops no erasure");
    cr_assert_not(fixture_reveals(&f, &token, "+491701"));
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_NOT_FOUND);
    cr_assert_eq(fixture_erase(&f, "anna", &second), ERR_NOT_FOUND);
    fault_test_set(NULL, NULL);
    cr_assert_eq(fixture_erase(&f, "bert", &second), ERR_OK);
    cr_assert_eq(open_count(), 2);
    cr_assert_eq(fixture_sweep(&f, first.slot, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
    close_erasure(&first);
    close_erasure(&second);
    cr_assert_eq(open_count(), 0);
    vault_erasure_done(&first);
    vault_erasure_done(&second);
}

/* The same, once the room that a failed commit gave away is taken back. */
static struct token_text store_when_there_is_room(uint16_t class_id, const char *subject,
                                                  const char *value)
{
    const int64_t until_ms = clock_mono_ms() + 20000;
    struct token_text token;
    enum err e;

    do
        e = fixture_tokenize(&f, class_id, subject, value, &token);
    while (e == ERR_NO_SPACE && clock_mono_ms() < until_ms);
    cr_assert_eq(e, ERR_OK);
    return token;
}

Test(erasure, a_name_may_come_back_before_the_database_was_told)
{
    struct vault_erasure erasure = {0};
    struct token_text token;
    size_t deleted = 0;

    (void)store(f.note, "anna", "old");
    fault_test_set("space.fail!", NULL);
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    fault_test_set(NULL, NULL);
    token = store_when_there_is_room(f.note, "anna", "new");
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
    cr_assert(fixture_reveals(&f, &token, "new"));
    cr_assert_eq(fixture_subject(&f, "anna", &(uint64_t){0}), ERR_OK);
    vault_erasure_done(&erasure);
}

Test(erasure, a_key_that_cannot_be_shredded_ends_all_service_until_a_restart)
{
    struct token_text anna = store(f.note, "anna", "tea");
    struct token_text bert = store(f.note, "bert", "tea");
    struct vault_erasure erasure = {0};
    struct token_text more;
    char value[16];

    fault_test_set("shred.fail!", NULL);
    cr_assert_neq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    fault_test_set(NULL, NULL);
    cr_assert_eq(fixture_reveal(&f, &anna, value, sizeof(value)), ERR_IO);
    cr_assert_eq(fixture_reveal(&f, &bert, value, sizeof(value)), ERR_IO);
    cr_assert_eq(fixture_tokenize(&f, f.note, "bert", "more", &more), ERR_IO);
    cr_assert_eq(fixture_erase(&f, "bert", &erasure), ERR_IO);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_reveal(&f, &anna, value, sizeof(value)), ERR_NOT_FOUND);
    cr_assert(fixture_reveals(&f, &bert, "tea"));
    cr_assert_eq(open_count(), 1);
}

/* ---- killed at each step ---- */

/* Erase in a child that dies at `point`; the store is then opened again. */
static void die_at(const char *point)
{
    int status;
    pid_t child;

    fixture_close(&f);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        struct vault_erasure erasure = {0};
        struct vault_erasure_close op = {.op.kind = VAULT_ERASURE_CLOSE, .erasure = &erasure};
        struct vault_truncate truncate = {.op.kind = VAULT_TRUNCATE};
        size_t deleted;

        if (fixture_open(&f) != ERR_OK)
            _exit(1);
        fault_test_set(point, NULL);
        if (fixture_erase(&f, "anna", &erasure) != ERR_OK)
            _exit(2);
        if (fixture_sweep(&f, erasure.slot, &deleted) != ERR_OK)
            _exit(3);
        if (vault_run(f.v, &truncate.op) != ERR_OK)
            _exit(4);
        _exit(vault_run(f.v, &op.op) == ERR_OK ? 5 : 6); /* the point was never reached */
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", point, status);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s: %s", point, f.msg.text);
}

Test(erasure, killed_at_any_step_it_ends_in_the_same_state)
{
    static const char *const points[] = {"erase.after_ledger", "erase.after_shred",
                                         "erase.acknowledged", "sweep.batch",
                                         "truncate.done",      "close.appended"};

    for (size_t i = 0; i < COUNT_OF(points); i++) {
        struct token_text anna[3] = {store(f.note, "anna", "tea"), store(f.phone, "anna", "+4917"),
                                     store(f.email, "anna", "a@example.org")};
        struct token_text bert = store(f.phone, "bert", "+4917");
        struct vault_erasure *list = NULL;
        size_t count = 0;
        size_t deleted = 0;

        die_at(points[i]);
        cr_assert_eq(rows_of_table("subject_name", 0), 1, "%s: bert's", points[i]);
        cr_assert_eq(fixture_subject(&f, "anna", &(uint64_t){0}), ERR_NOT_FOUND);
        cr_assert_not(fixture_reveals(&f, &anna[0], "tea"), "%s", points[i]);
        cr_assert_not(fixture_reveals(&f, &anna[2], "a@example.org"));
        cr_assert(fixture_reveals(&f, &bert, "+4917"), "%s", points[i]);
        cr_assert_eq(vault_erasures_open(f.v, &list, &count), ERR_OK);
        cr_assert_eq(count, 1, "%s", points[i]);
        cr_assert(slot_is_zero(list[0].slot));
        cr_assert_eq(fixture_sweep(&f, list[0].slot, &deleted), ERR_OK);
        close_erasure(&list[0]);
        cr_assert_eq(open_count(), 0);
        cr_assert_eq(fixture_stats(&f, f.note).items, 0);
        cr_assert_eq(fixture_stats(&f, f.email).items, 0);
        cr_assert_eq(fixture_stats(&f, f.phone).items, 1);
        vault_erasure_done(&list[0]);
        free(list);
    }
}

Test(erasure, killed_before_the_ledger_it_never_began)
{
    struct token_text anna = store(f.note, "anna", "tea");

    die_at("erase.begun");
    cr_assert(fixture_reveals(&f, &anna, "tea"));
    cr_assert_eq(open_count(), 0);
}
