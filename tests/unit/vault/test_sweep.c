/* SPDX-License-Identifier: Apache-2.0 */
/* Sweeps beside requests; what they delete is tested with the writer and with erasures. */
#include "vault/writer_priv.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"

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

TestSuite(sweep, .init = setup, .fini = teardown);

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t left;
} waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void on_done(struct vault_op *op)
{
    (void)op;
    pthread_mutex_lock(&waiter.lock);
    waiter.left--;
    pthread_cond_signal(&waiter.wake);
    pthread_mutex_unlock(&waiter.lock);
}

static void wait_all(void)
{
    pthread_mutex_lock(&waiter.lock);
    while (waiter.left > 0)
        pthread_cond_wait(&waiter.wake, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
}

enum { T0_S = 1800000000, DUE_ROWS = WRITER_PART_ROWS * 3 };

static void store_due_rows(void)
{
    struct vault_item items[DUE_ROWS];
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("anna")},
                                .name_count = 1,
                                .items = items,
                                .count = DUE_ROWS};

    for (size_t i = 0; i < DUE_ROWS; i++)
        items[i] =
            (struct vault_item){.class_id = f.brief, .kind = VALUE_STRING, .value = SPAN_LIT("x")};
    clock_test_set_ms(T0_S * INT64_C(1000));
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    clock_test_set_ms((T0_S + 10) * INT64_C(1000));
}

static struct vault_purge_due purge_of_all(void)
{
    return (struct vault_purge_due){.op = {.kind = VAULT_PURGE_DUE, .done = on_done},
                                    .class_id = f.brief,
                                    .now_s = T0_S + 10,
                                    .limit = 10 * DUE_ROWS};
}

Test(sweep, a_purge_does_little_at_a_time_while_values_are_stored)
{
    struct vault_purge_due purge = purge_of_all();

    store_due_rows();
    cr_assert_eq(vault_run(f.v, &purge.op), ERR_OK);
    cr_assert_eq(purge.deleted, WRITER_PART_ROWS);
    cr_assert(purge.more);
    f.v->writer->stored_ms -= 60000; /* it is idle, and has been for a minute */
    cr_assert_eq(vault_run(f.v, &purge.op), ERR_OK);
    cr_assert_eq(purge.deleted, DUE_ROWS - WRITER_PART_ROWS);
    cr_assert_not(purge.more);
}

Test(sweep, a_sweep_does_little_at_a_time_while_values_are_stored)
{
    struct vault_erasure erasure = {0};
    struct vault_sweep_subject sweep = {.op.kind = VAULT_SWEEP_SUBJECT, .limit = 10 * DUE_ROWS};

    store_due_rows();
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    sweep.slot = erasure.slot;
    cr_assert_eq(vault_run(f.v, &sweep.op), ERR_OK);
    cr_assert_eq(sweep.deleted, WRITER_PART_ROWS);
    cr_assert(sweep.more);
    f.v->writer->stored_ms -= 60000;
    cr_assert_eq(vault_run(f.v, &sweep.op), ERR_OK);
    cr_assert_eq(sweep.deleted, DUE_ROWS - WRITER_PART_ROWS);
    cr_assert_not(sweep.more);
    vault_erasure_done(&erasure);
}

/* Hold the database so that the writer stands before its transaction with what it has taken; let `op`
 * come then. */
static void submit_under_way(struct vault_op *taken, struct vault_op *op)
{
    struct store *other = NULL;

    cr_assert_eq(
        store_open(fixture_path(&f, "vault.db"), STORE_WRITER, vault_store_id(f.v), &other, NULL),
        ERR_OK);
    cr_assert_eq(store_begin(other), ERR_OK);
    waiter.left = 2;
    cr_assert_eq(vault_submit(f.v, taken), ERR_OK);
    for (bool waits = true; waits; sched_yield()) {
        pthread_mutex_lock(&f.v->writer->lock);
        waits = f.v->writer->head != NULL;
        pthread_mutex_unlock(&f.v->writer->lock);
    }
    cr_assert_eq(vault_submit(f.v, op), ERR_OK);
    store_rollback(other);
    store_close(&other);
    wait_all();
}

static struct vault_tokenize a_late_request(struct vault_item *item)
{
    *item =
        (struct vault_item){.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("late")};
    return (struct vault_tokenize){.op = {.kind = VAULT_TOKENIZE, .done = on_done},
                                   .domain = VAULT_DOMAIN_DEFAULT,
                                   .names = {SPAN_LIT("bert")},
                                   .name_count = 1,
                                   .items = item,
                                   .count = 1};
}

Test(sweep, a_request_that_comes_while_a_sweep_is_at_work_shares_its_commit)
{
    struct vault_purge_due purge = purge_of_all();
    struct vault_item item;
    struct vault_tokenize late = a_late_request(&item);

    store_due_rows();
    fault_test_set("commit.fail!1", NULL);
    submit_under_way(&purge.op, &late.op);
    fault_test_set(NULL, NULL);
    cr_assert_eq(purge.op.result, ERR_IO);
    cr_assert_eq(late.op.result, ERR_IO, "there was one commit");
    submit_under_way(&purge.op, &late.op);
    cr_assert_eq(purge.op.result, ERR_OK);
    cr_assert_eq(late.op.result, ERR_OK);
    cr_assert(fixture_reveals(&f, &item.token, "late"));
}

Test(sweep, a_sweep_ends_early_for_a_request_that_comes_while_it_is_at_work)
{
    struct vault_purge_due purge = purge_of_all();
    struct vault_item item;
    struct vault_tokenize late = a_late_request(&item);

    store_due_rows();
    f.v->writer->stored_ms -= 60000;
    submit_under_way(&purge.op, &late.op);
    cr_assert_eq(purge.deleted, WRITER_PART_ROWS);
    cr_assert(purge.more);
    cr_assert(fixture_reveals(&f, &item.token, "late"));
}

/* ---- keys that go with the last value ---- */

static uint64_t slot_of(const char *name)
{
    uint64_t slot = 0;

    cr_assert_eq(fixture_subject(&f, name, &slot), ERR_OK);
    return slot;
}

static bool has_key(uint64_t slot)
{
    struct slab_key key;
    const enum err e = slab_read(f.v->slab, slot, &key);

    secret_wipe(&key, sizeof(key));
    return e == ERR_OK;
}

/* One value of hers, due when the clock stands at T0_S + 10; her slot. */
static uint64_t store_brief(const char *name)
{
    struct token_text token;

    clock_test_set_ms(T0_S * INT64_C(1000));
    cr_assert_eq(fixture_tokenize(&f, f.brief, name, "x", &token), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "x")); /* and now the reader holds the key */
    clock_test_set_ms((T0_S + 10) * INT64_C(1000));
    return slot_of(name);
}

Test(sweep, keys_that_cannot_be_destroyed_end_all_service)
{
    const uint64_t anna = store_brief("anna");
    struct token_text token;
    size_t deleted = 0;

    fault_test_set("file.write!io", NULL);
    cr_assert_eq(fixture_purge(&f, f.brief, 10, &deleted), ERR_OK, "the rows are gone");
    fault_test_set(NULL, NULL);
    cr_assert_eq(fixture_tokenize(&f, f.brief, "bert", "x", &token), ERR_IO);
    cr_assert(has_key(anna));
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_not(has_key(anna), "the next start destroys them");
}

Test(sweep, a_kill_after_the_last_value_has_gone_leaves_no_key_behind)
{
    const uint64_t anna = store_brief("anna");
    const uint64_t bert = store_brief("bert");
    pid_t child;
    int status = 0;

    fixture_close(&f);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        size_t deleted = 0;

        fault_test_set("purge.committed", NULL);
        if (fixture_open(&f) == ERR_OK)
            _exit(fixture_purge(&f, f.brief, 10, &deleted) == ERR_OK);
        _exit(2);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%d", status);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(fixture_stats(&f, f.brief).items, 0, "the deletion was durable");
    cr_assert_not(has_key(anna));
    cr_assert_not(has_key(bert));
}

Test(sweep, a_key_that_ends_is_wiped_wherever_it_was_remembered)
{
    const uint64_t anna = store_brief("anna");
    struct keycache *const caches[] = {f.v->writer->keys, f.r->keys};
    uint8_t key[CRYPTO_KEY_BYTES];
    size_t deleted = 0;

    memcpy(key, f.v->writer->key, sizeof(key)); /* she was served last */
    cr_assert_not_null(keycache_get(f.r->keys, anna));
    cr_assert_arr_eq(keycache_get(f.r->keys, anna)->key, key, sizeof(key));
    cr_assert_eq(fixture_purge(&f, f.brief, 10, &deleted), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(caches); i++)
        cr_assert_null(keycache_get(caches[i], anna), "%zu", i);
    cr_assert_arr_neq(f.v->writer->key, key, sizeof(key));
}

/* One bit of the slot, there and back. */
static void flip_slot(uint64_t slot)
{
    const int fd = open(fixture_path(&f, "keys.slab"), O_RDWR);
    const off_t at = (off_t)(SLAB_HEADER_BYTES + slot * SLAB_SLOT_BYTES + 60);
    uint8_t byte = 0;

    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

Test(sweep, a_damaged_key_does_not_keep_the_values_of_its_class)
{
    const uint64_t anna = store_brief("anna");
    const uint64_t bert = store_brief("bert");
    size_t deleted = 0;

    fixture_close(&f);
    flip_slot(anna);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(fixture_purge(&f, f.brief, 10, &deleted), ERR_OK);
    cr_assert_eq(deleted, 2);
    cr_assert_not(has_key(bert));
    flip_slot(anna);
    cr_assert_not(has_key(anna), "and what was left of it is gone, too");
}

Test(sweep, a_damaged_key_does_not_end_a_token_that_its_person_shares)
{
    struct token_text anna, bert;
    uint64_t slot;

    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "+491701", &anna), ERR_OK);
    slot = slot_of("anna");
    fixture_close(&f);
    flip_slot(slot);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(fixture_tokenize(&f, f.phone, "bert", "+491701", &bert), ERR_OK);
    cr_assert_arr_eq(bert.bytes, anna.bytes, anna.len, "they share it");
    fixture_close(&f);
    flip_slot(slot); /* somebody has put an undamaged copy back */
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert(fixture_reveals(&f, &anna, "+491701"));
}
