/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/slab_priv.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/scratch.h"
#include "tests/support/vectors.h"
#include "vault/rootkey.h"

#define VECTORS "tests/vectors/vault_v1.txt"

enum { COPY_BYTES = 2048, HEADER_USED_BYTES = 104, RUN_SLOTS = (1 << 20) / SLAB_SLOT_BYTES };

static uint8_t root_bytes[ROOT_KEY_BYTES];
static struct root_key root = {3, root_bytes};
static struct scratch scratch;
static const char *path;

/* A new slab under a known root key. */
static void setup(void)
{
    struct errmsg msg;

    secret_start();
    for (uint8_t i = 0; i < sizeof(root_bytes); i++)
        root_bytes[i] = i;
    scratch = scratch_new();
    path = scratch_path(&scratch, "keys.slab");
    cr_assert_eq(slab_create(path, &root, &msg), ERR_OK, "%s", msg.text);
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

TestSuite(slab, .init = setup, .fini = teardown);

static struct slab *open_slab(void)
{
    struct slab *s = NULL;
    struct errmsg msg;

    cr_assert_eq(slab_open(path, &root, &s, &msg), ERR_OK, "%s", msg.text);
    return s;
}

static void assert_refused(const struct root_key *key, enum err expected, const char *words)
{
    struct slab *s = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(slab_open(path, key, &s, &msg), expected, "%s", msg.text);
    cr_assert_null(s);
    cr_assert_not_null(strstr(msg.text, path), "%s", msg.text);
    cr_assert_not_null(strstr(msg.text, words), "%s", msg.text);
}

static struct slab_key key_of(uint64_t n)
{
    struct slab_key key = {.kind = SLAB_SUBJECT, .owner = VAULT_DOMAIN_DEFAULT};

    memset(key.subject, (int)(n % 251), sizeof(key.subject));
    memcpy(key.key, &n, sizeof(n));
    memset(key.key + sizeof(n), 0xa5, sizeof(key.key) - sizeof(n));
    return key;
}

static uint64_t add(struct slab *s, uint64_t n)
{
    struct slab_key key = key_of(n);
    uint64_t slot = 0;

    cr_assert_eq(slab_add(s, &key, &slot), ERR_OK);
    return slot;
}

static void assert_holds(struct slab *s, uint64_t slot, uint64_t n)
{
    struct slab_key key, expected = key_of(n);

    cr_assert_eq(slab_read(s, slot, &key), ERR_OK);
    cr_assert_eq(key.kind, expected.kind);
    cr_assert_eq(key.owner, expected.owner);
    cr_assert_arr_eq(key.subject, expected.subject, sizeof(key.subject));
    cr_assert_arr_eq(key.key, expected.key, sizeof(key.key));
}

static size_t place(uint64_t slot)
{
    return SLAB_HEADER_BYTES + slot * SLAB_SLOT_BYTES;
}

/* ---- a new one ---- */

Test(slab, new_holds_the_locator_and_the_default_index_key)
{
    AUTO(slab_close) struct slab *s = open_slab();
    struct slab_key locator, index;

    cr_assert_eq(slab_epoch(s), 3);
    cr_assert_eq(slab_slots_used(s), 2);
    cr_assert_eq(slab_read(s, 0, &locator), ERR_OK);
    cr_assert_eq(locator.kind, SLAB_LOCATOR);
    cr_assert_eq(slab_read(s, 1, &index), ERR_OK);
    cr_assert_eq(index.kind, SLAB_INDEX);
    cr_assert_eq(index.owner, VAULT_DOMAIN_DEFAULT);
    cr_assert_arr_neq(locator.key, index.key, CRYPTO_KEY_BYTES);
    cr_assert_eq(add(s, 1), 2, "subjects start above them");
}

Test(slab, two_new_ones_share_neither_id_nor_keys)
{
    AUTO(slab_close) struct slab *a = open_slab();
    AUTO(slab_close) struct slab *b = NULL;
    const char *other = scratch_path(&scratch, "other.slab");
    struct slab_key of_a, of_b;
    struct errmsg msg;

    cr_assert_eq(slab_create(other, &root, &msg), ERR_OK);
    cr_assert_eq(slab_open(other, &root, &b, &msg), ERR_OK);
    cr_assert_arr_neq(slab_store_id(a), slab_store_id(b), VAULT_ID_BYTES);
    for (uint64_t slot = 0; slot < 2; slot++) {
        cr_assert_eq(slab_read(a, slot, &of_a), ERR_OK);
        cr_assert_eq(slab_read(b, slot, &of_b), ERR_OK);
        cr_assert_arr_neq(of_a.key, of_b.key, CRYPTO_KEY_BYTES);
    }
}

Test(slab, is_never_made_over_another)
{
    struct errmsg msg;
    struct stat st;

    cr_assert_eq(slab_create(path, &root, &msg), ERR_CONFLICT);
    slab_close(&(struct slab *){open_slab()});
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
}

Test(slab, that_could_not_be_made_is_not_there)
{
    static const char *const faults[] = {"file.write!io", "file.full!io", "file.sync!io"};
    const char *other = scratch_path(&scratch, "other.slab");
    struct errmsg msg;

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        fault_test_set(faults[i], NULL);
        cr_assert_eq(slab_create(other, &root, &msg), i == 1 ? ERR_NO_SPACE : ERR_IO);
        cr_assert_not_null(strstr(msg.text, other));
        cr_assert_neq(access(other, F_OK), 0);
    }
    fault_test_set(NULL, NULL);
}

Test(slab, is_laid_out_as_the_known_answers_say)
{
    static const uint8_t zeroes[1 << 12];
    AUTO(slab_close) struct slab *s = NULL;
    struct slab_key key;
    struct errmsg msg;
    uint8_t header[HEADER_USED_BYTES], slot[SLAB_SLOT_BYTES];

    (void)unlink(path);
    cr_assert_eq(vector_bytes(VECTORS, "slab_header", header, sizeof(header)), sizeof(header));
    cr_assert_eq(vector_bytes(VECTORS, "slot", slot, sizeof(slot)), sizeof(slot));
    scratch_write(path, 0, zeroes, sizeof(zeroes));
    scratch_write(path, SLAB_HEADER_BYTES, zeroes, sizeof(zeroes));
    scratch_write(path, COPY_BYTES, header, sizeof(header)); /* the odd sequence: copy B */
    scratch_write(path, place(5), slot, sizeof(slot));
    cr_assert_eq(slab_open(path, &root, &s, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(slab_slots_used(s), 6);
    cr_assert_eq(slab_read(s, 5, &key), ERR_OK);
    for (uint8_t i = 0; i < 32; i++)
        cr_assert_eq(key.key[i], 0x60 + i);
    for (uint8_t i = 0; i < 16; i++) {
        cr_assert_eq(key.subject[i], 0xc0 + i);
        cr_assert_eq(slab_store_id(s)[i], 0x10 + i);
    }
    cr_assert_eq(key.kind, SLAB_SUBJECT);
    cr_assert_eq(key.owner, 1);
    uint64_t first = 0;
    cr_assert_eq(slab_reserve_rows(s, 10, &first), ERR_OK);
    cr_assert_eq(first, 4097);
}

/* ---- keys ---- */

Test(slab, gives_back_keys_over_several_runs_and_after_reopening)
{
    enum { COUNT = 2 * RUN_SLOTS + 100 };
    struct slab *s = open_slab();

    for (uint64_t n = 0; n < COUNT; n++)
        cr_assert_eq(add(s, n), n + 2);
    cr_assert_eq(slab_sync(s), ERR_OK);
    assert_holds(s, 2, 0);
    slab_close(&s);
    s = open_slab();
    cr_assert_eq(slab_slots_used(s), COUNT + 2);
    for (uint64_t n = 0; n < COUNT; n++)
        assert_holds(s, n + 2, n);
    cr_assert_eq(add(s, 5), COUNT + 2);
    slab_close(&s);
}

Test(slab, never_shows_a_key_in_clear)
{
    AUTO(slab_close) struct slab *s = open_slab();
    struct slab_key key = key_of(77);
    uint8_t bytes[SLAB_SLOT_BYTES];
    uint64_t slot = add(s, 77);

    cr_assert_eq(slab_raw(s, slot, bytes), ERR_OK);
    cr_assert_null(memmem(bytes, sizeof(bytes), key.key + 8, 8));
    cr_assert_arr_eq(bytes + 16, key.subject, 16);
}

Test(slab, wraps_equal_keys_differently)
{
    AUTO(slab_close) struct slab *s = open_slab();
    uint8_t a[SLAB_SLOT_BYTES], b[SLAB_SLOT_BYTES];

    cr_assert_eq(slab_raw(s, add(s, 1), a), ERR_OK);
    cr_assert_eq(slab_raw(s, add(s, 1), b), ERR_OK);
    cr_assert_arr_neq(a + 32, b + 32, CRYPTO_NONCE_BYTES);
    cr_assert_arr_neq(a + 56, b + 56, CRYPTO_WRAPPED_BYTES);
}

Test(slab, finds_nothing_where_nothing_was_put)
{
    AUTO(slab_close) struct slab *s = open_slab();
    static const uint64_t slots[] = {2, 500, RUN_SLOTS - 1, RUN_SLOTS, 1 << 20, UINT64_MAX};
    struct slab_key key;

    for (size_t i = 0; i < COUNT_OF(slots); i++)
        cr_assert_eq(slab_read(s, slots[i], &key), ERR_NOT_FOUND);
}

Test(slab, detects_a_change_of_any_byte_of_a_slot)
{
    AUTO(slab_close) struct slab *s = open_slab();
    struct slab_key key;
    uint64_t slot = add(s, 1);

    for (size_t i = 0; i < SLAB_SLOT_BYTES; i++) {
        scratch_flip(path, place(slot) + i, 0x04);
        cr_assert_eq(slab_read(s, slot, &key), ERR_CORRUPT, "byte %zu", i);
        scratch_flip(path, place(slot) + i, 0x04);
    }
    assert_holds(s, slot, 1);
}

Test(slab, does_not_open_a_slot_moved_elsewhere_or_from_another_store)
{
    AUTO(slab_close) struct slab *s = open_slab();
    AUTO(slab_close) struct slab *b = NULL;
    const char *other = scratch_path(&scratch, "other.slab");
    uint8_t bytes[SLAB_SLOT_BYTES];
    struct slab_key key;
    struct errmsg msg;
    uint64_t slot = add(s, 1);

    cr_assert_eq(slab_raw(s, slot, bytes), ERR_OK);
    scratch_write(path, place(slot + 1), bytes, sizeof(bytes));
    cr_assert_eq(slab_read(s, slot + 1, &key), ERR_CORRUPT);
    cr_assert_eq(slab_create(other, &root, &msg), ERR_OK);
    cr_assert_eq(slab_open(other, &root, &b, &msg), ERR_OK);
    scratch_write(other, place(slot), bytes, sizeof(bytes));
    cr_assert_eq(slab_read(b, slot, &key), ERR_CORRUPT);
}

/* ---- the header ---- */

Test(slab, survives_damage_of_either_header_copy_in_any_byte)
{
    for (size_t i = 0; i < 2 * COPY_BYTES; i += i % COPY_BYTES < HEADER_USED_BYTES ? 1 : 97) {
        struct slab *s;

        scratch_flip(path, i, 0x80);
        s = open_slab();
        cr_assert_eq(slab_slots_used(s), 2);
        slab_close(&s);
        scratch_flip(path, i, 0x80);
    }
}

Test(slab, is_corrupt_when_both_header_copies_are_damaged)
{
    for (size_t i = 0; i < COPY_BYTES; i += i < HEADER_USED_BYTES ? 1 : 97) {
        size_t in_b = COPY_BYTES + (i + 31) % HEADER_USED_BYTES;

        scratch_flip(path, i, 0x80);
        scratch_flip(path, in_b, 0x80);
        assert_refused(&root, ERR_CORRUPT, "keys.slab");
        scratch_flip(path, i, 0x80);
        scratch_flip(path, in_b, 0x80);
    }
}

Test(slab, of_another_root_key_is_sealed_and_says_which_epoch_it_wants)
{
    uint8_t other_bytes[ROOT_KEY_BYTES] = {0xff};
    struct root_key other = {8, other_bytes};

    assert_refused(&other, ERR_SEALED, "epoch 3 is wanted, the key given is of epoch 8");
}

Test(slab, of_a_newer_format_says_so)
{
    uint8_t version = 2;

    scratch_write(path, 8, &version, 1);
    slab_close(&(struct slab *){open_slab()}); /* one copy alone is damage */
    scratch_write(path, COPY_BYTES + 8, &version, 1);
    assert_refused(&root, ERR_CORRUPT, "newer version");
}

Test(slab, that_is_missing_or_shortened_is_corrupt)
{
    struct slab *s = open_slab();

    for (uint64_t n = 0; n < 100; n++)
        (void)add(s, n);
    cr_assert_eq(slab_sync(s), ERR_OK);
    slab_close(&s);
    scratch_cut(path, place(101));
    assert_refused(&root, ERR_CORRUPT, "shorter");
    scratch_cut(path, SLAB_HEADER_BYTES - 1);
    assert_refused(&root, ERR_CORRUPT, "too short");
    (void)unlink(path);
    assert_refused(&root, ERR_CORRUPT, "cannot be opened");
}

Test(slab, goes_back_one_step_when_the_last_header_was_torn)
{
    struct slab *s = open_slab();
    uint64_t first = 0, again = 0, slot;
    uint8_t copies[2 * COPY_BYTES];
    size_t newer;

    cr_assert_eq(slab_reserve_rows(s, 100, &first), ERR_OK);
    slot = add(s, 1);
    cr_assert_eq(slab_sync(s), ERR_OK);
    cr_assert_eq(scratch_read(path, 0, copies, sizeof(copies)), sizeof(copies));
    newer = copies[16] > copies[COPY_BYTES + 16] ? 0 : COPY_BYTES;
    slab_close(&s);
    scratch_flip(path, newer + 50, 0xff);
    s = open_slab();
    cr_assert_eq(slab_slots_used(s), slot + 1, "the slot's bytes tell that it is taken");
    assert_holds(s, slot, 1);
    cr_assert_eq(slab_reserve_rows(s, 100, &again), ERR_OK);
    cr_assert_eq(again, first + 100);
    slab_close(&s);
}

/* ---- slot numbers are given out once ---- */

Test(slab, skips_slots_that_a_crash_left_uncounted)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    struct slab *s = open_slab();

    for (uint64_t n = 0; n < 5; n++)
        cr_assert_eq(add(s, n), 2 + n);
    slab_close(&s); /* closing writes nothing: as a crash leaves it */
    scratch_write(path, place(3), zeroes, sizeof(zeroes)); /* did not reach the medium */
    s = open_slab();
    cr_assert_eq(slab_slots_used(s), 7);
    cr_assert_eq(add(s, 9), 7);
    slab_close(&s);
}

Test(slab, skips_an_uncounted_slot_at_the_end_of_a_long_run)
{
    uint8_t noise = 1;
    struct slab *s;

    scratch_write(path, place(3 * RUN_SLOTS - 1) + 127, &noise, 1);
    s = open_slab();
    cr_assert_eq(slab_slots_used(s), 3 * RUN_SLOTS);
    slab_close(&s);
}

Test(slab, counts_a_slot_that_was_shredded_before_any_sync)
{
    struct slab *s = open_slab();
    uint64_t slot = add(s, 1);

    cr_assert_eq(slab_shred(s, slot), ERR_OK);
    slab_close(&s);
    s = open_slab();
    cr_assert_eq(add(s, 2), slot + 1);
    slab_close(&s);
}

Test(slab, never_gives_out_a_number_that_a_ledger_has_shredded)
{
    /* As after restoring an older slab: the ledger knows slots that this file has not seen. */
    struct slab *s = open_slab();
    struct slab_key key;

    cr_assert_eq(slab_shred(s, RUN_SLOTS + 500), ERR_OK);
    cr_assert_eq(slab_slots_used(s), RUN_SLOTS + 501);
    slab_close(&s);
    s = open_slab();
    cr_assert_eq(slab_read(s, RUN_SLOTS + 500, &key), ERR_NOT_FOUND);
    cr_assert_eq(add(s, 1), RUN_SLOTS + 501);
    assert_holds(s, RUN_SLOTS + 501, 1);
    slab_close(&s);
}

Test(slab, goes_on_growing_after_a_run_that_was_cut_short)
{
    struct slab *s;

    scratch_cut(path, place(10) + 77);
    s = open_slab();
    for (uint64_t n = 0; n < 20; n++)
        cr_assert_eq(add(s, n), 2 + n);
    for (uint64_t n = 0; n < 20; n++)
        assert_holds(s, 2 + n, n);
    slab_close(&s);
    cr_assert_eq((scratch_size(path) - SLAB_HEADER_BYTES) % SLAB_SLOT_BYTES, 0);
}

/* Do `fn` in a child until the fault point kills it. */
static void killed_at(const char *fault, void (*fn)(struct slab *))
{
    int status = 0;
    pid_t child = fork();

    cr_assert_geq(child, 0);
    if (child == 0) {
        struct slab *s = open_slab();

        fault_test_set(fault, NULL);
        fn(s);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s was not passed", fault);
}

static void add_three(struct slab *s)
{
    for (uint64_t n = 0; n < 3; n++)
        (void)add(s, n);
}

static void shred_two(struct slab *s)
{
    cr_assert_eq(slab_shred(s, 2), ERR_OK);
}

Test(slab, killed_while_adding_reuses_no_number)
{
    struct slab *s;

    killed_at("slab.added:2", add_three);
    s = open_slab();
    cr_assert_eq(add(s, 7), 4);
    slab_close(&s);
}

Test(slab, killed_around_the_sync_of_a_shred_has_the_slot_zeroed)
{
    static const char *const points[] = {"slab.before_shred_sync", "slab.shredded"};

    for (size_t i = 0; i < COUNT_OF(points); i++) {
        struct slab *s = open_slab();
        struct slab_key key;

        (void)add(s, 1);
        cr_assert_eq(slab_sync(s), ERR_OK);
        slab_close(&s);
        killed_at(points[i], shred_two);
        s = open_slab();
        cr_assert_eq(slab_read(s, 2, &key), ERR_NOT_FOUND);
        slab_close(&s);
    }
}

/* ---- rows ---- */

Test(slab, reserves_each_row_number_once)
{
    struct slab *s = open_slab();
    uint64_t first = 0;

    cr_assert_eq(slab_reserve_rows(s, 1000, &first), ERR_OK);
    cr_assert_eq(first, 1);
    cr_assert_eq(slab_reserve_rows(s, 1, &first), ERR_OK);
    cr_assert_eq(first, 1001);
    slab_close(&s);
    s = open_slab();
    cr_assert_eq(slab_reserve_rows(s, 5, &first), ERR_OK);
    cr_assert_eq(first, 1002);
    slab_close(&s);
}

Test(slab, reserves_no_row_that_a_token_could_not_name)
{
    AUTO(slab_close) struct slab *s = open_slab();
    uint64_t first = 0;

    cr_assert_eq(slab_reserve_rows(s, UINT64_MAX, &first), ERR_NO_SPACE);
    cr_assert_eq(slab_reserve_rows(s, UINT64_C(1) << 48, &first), ERR_NO_SPACE);
    cr_assert_eq(slab_reserve_rows(s, (UINT64_C(1) << 48) - 1, &first), ERR_OK);
    cr_assert_eq(first, 1);
    cr_assert_eq(slab_reserve_rows(s, 1, &first), ERR_NO_SPACE);
    cr_assert_eq(first, 1);
}

/* ---- shredding ---- */

Test(slab, shreds_a_key_for_good_and_no_other)
{
    struct slab *s = open_slab();
    uint8_t bytes[SLAB_SLOT_BYTES], zeroes[SLAB_SLOT_BYTES] = {0};
    struct slab_key key;

    for (uint64_t n = 0; n < 3; n++)
        (void)add(s, n);
    cr_assert_eq(slab_sync(s), ERR_OK);
    cr_assert_eq(slab_shred(s, 3), ERR_OK);
    cr_assert_eq(slab_shred(s, 3), ERR_OK, "idempotent");
    cr_assert_eq(slab_read(s, 3, &key), ERR_NOT_FOUND);
    slab_close(&s);
    s = open_slab();
    cr_assert_eq(slab_raw(s, 3, bytes), ERR_OK);
    cr_assert_arr_eq(bytes, zeroes, sizeof(bytes));
    assert_holds(s, 2, 0);
    assert_holds(s, 4, 2);
    cr_assert_eq(add(s, 9), 5, "its number comes back no more");
    slab_close(&s);
}

Test(slab, clears_many_keys_in_one_sync)
{
    struct slab *s = open_slab();
    struct slab_key key;

    for (uint64_t n = 0; n < 5; n++)
        (void)add(s, n);
    cr_assert_eq(slab_sync(s), ERR_OK);
    for (uint64_t slot = 2; slot < 6; slot++)
        cr_assert_eq(slab_clear(s, slot), ERR_OK);
    cr_assert_eq(slab_clear(s, 100), ERR_NOT_FOUND, "nobody's yet");
    cr_assert_eq(slab_sync(s), ERR_OK);
    slab_close(&s);
    s = open_slab();
    for (uint64_t slot = 2; slot < 6; slot++)
        cr_assert_eq(slab_read(s, slot, &key), ERR_NOT_FOUND);
    assert_holds(s, 6, 4);
    slab_close(&s);
}

Test(slab, never_clears_a_key_of_the_stores_own, .signal = SIGABRT)
{
    struct slab *s = open_slab();

    cr_assert_eq(slab_clear(s, 1), ERR_INVALID);
    slab_close(&s);
}

Test(slab, leaves_the_wrapped_key_nowhere_in_the_file)
{
    AUTO(slab_close) struct slab *s = open_slab();
    uint8_t before[SLAB_SLOT_BYTES], *file;
    uint64_t slot = add(s, 1);
    size_t size;

    cr_assert_eq(slab_sync(s), ERR_OK);
    cr_assert_eq(slab_raw(s, slot, before), ERR_OK);
    size = scratch_size(path);
    file = malloc(size);
    cr_assert_eq(scratch_read(path, 0, file, size), size);
    cr_assert_not_null(memmem(file, size, before + 56, CRYPTO_WRAPPED_BYTES));
    cr_assert_eq(slab_shred(s, slot), ERR_OK);
    cr_assert_eq(scratch_read(path, 0, file, size), size);
    cr_assert_null(memmem(file, size, before + 56, 16));
    free(file);
}

Test(slab, never_shreds_the_locator_key, .signal = SIGABRT)
{
    AUTO(slab_close) struct slab *s = open_slab();

    cr_assert_eq(slab_shred(s, 0), ERR_INVALID);
}

/* Stands in for libc's: while a reader is set, a slot is overwritten in two halves, and the reader
 * starts between them. */
static struct reader {
    struct slab *slab;
    pthread_t thread;
    enum err result;
    bool ended; /* and is joined */
} * reader;

static void *read_slot_two(void *context)
{
    struct reader *r = context;
    struct slab_key key;

    r->result = slab_read(r->slab, 2, &key);
    return NULL;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    struct reader *r = reader;
    struct timespec soon;

    if (r == NULL || len != SLAB_SLOT_BYTES)
        return syscall(SYS_pwrite64, fd, bytes, len, at);
    REQUIRE(syscall(SYS_pwrite64, fd, bytes, len / 2, at) == SLAB_SLOT_BYTES / 2);
    reader = NULL;
    REQUIRE(pthread_create(&r->thread, NULL, read_slot_two, r) == 0);
    /* Time to come to a wrong end; waiting for this write is the right thing to do. */
    (void)clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 100000000;
    soon.tv_sec += soon.tv_nsec / 1000000000;
    soon.tv_nsec %= 1000000000;
    r->ended = pthread_timedjoin_np(r->thread, NULL, &soon) == 0;
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

Test(slab, reads_a_key_or_none_while_it_is_shredded)
{
    AUTO(slab_close) struct slab *s = open_slab();
    struct reader r = {.slab = s, .result = ERR_INTERNAL};

    (void)add(s, 1);
    reader = &r;
    cr_assert_eq(slab_shred(s, 2), ERR_OK);
    cr_assert(r.ended || pthread_join(r.thread, NULL) == 0);
    cr_assert_eq(r.result, ERR_NOT_FOUND, "half a slot was taken for damage");
}

/* ---- failing media ---- */

static void assert_writes_nothing(struct slab *s)
{
    struct slab_key key = key_of(1);
    uint64_t n = 0;

    cr_assert_eq(slab_add(s, &key, &n), ERR_IO);
    cr_assert_eq(slab_sync(s), ERR_IO);
    cr_assert_eq(slab_reserve_rows(s, 1, &n), ERR_IO);
    cr_assert_eq(slab_shred(s, 2), ERR_IO);
    cr_assert_eq(n, 0);
}

static enum err sync_it(struct slab *s)
{
    (void)add(s, 1);
    return slab_sync(s);
}

static enum err reserve(struct slab *s)
{
    uint64_t n;

    return slab_reserve_rows(s, 1, &n);
}

static enum err shred(struct slab *s)
{
    return slab_shred(s, 2);
}

static enum err add_and_shred(struct slab *s)
{
    return slab_shred(s, add(s, 1));
}

static enum err grow(struct slab *s)
{
    struct slab_key key = key_of(1);
    uint64_t n;

    while (slab_slots_used(s) < RUN_SLOTS)
        (void)add(s, 1);
    return slab_add(s, &key, &n);
}

Test(slab, writes_nothing_more_after_a_sync_that_failed)
{
    static enum err (*const ways[])(struct slab *) = {sync_it, reserve, shred, add_and_shred, grow};

    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        AUTO(slab_close) struct slab *s = open_slab();
        struct slab_key locator;

        fault_test_set("file.sync!io", NULL);
        cr_assert_eq(ways[i](s), ERR_IO, "way %zu", i);
        fault_test_set(NULL, NULL);
        assert_writes_nothing(s);
        cr_assert_eq(slab_read(s, 0, &locator), ERR_OK, "reading goes on");
    }
}

Test(slab, writes_nothing_more_after_a_write_that_failed)
{
    AUTO(slab_close) struct slab *s = open_slab();
    struct slab_key key = key_of(1);
    uint64_t n = 0;

    fault_test_set("file.write!io", NULL);
    cr_assert_eq(slab_add(s, &key, &n), ERR_IO);
    fault_test_set(NULL, NULL);
    assert_writes_nothing(s);
}

Test(slab, goes_on_when_a_full_medium_has_room_again)
{
    struct slab *s = open_slab();
    struct slab_key key = key_of(1);
    uint64_t slot = add(s, 1), n = 0;

    fault_test_set("file.full!io", NULL);
    cr_assert_eq(slab_add(s, &key, &n), ERR_NO_SPACE);
    cr_assert_eq(slab_shred(s, slot), ERR_NO_SPACE);
    fault_test_set(NULL, NULL);
    cr_assert_eq(add(s, 2), slot + 2, "the number that failed is burnt");
    cr_assert_eq(slab_shred(s, slot), ERR_OK);
    assert_holds(s, slot + 2, 2);
    slab_close(&s);
}

Test(slab, grows_from_where_a_full_medium_stopped_it)
{
    AUTO(slab_close) struct slab *s = open_slab();
    struct rlimit limit = {(rlim_t)place(RUN_SLOTS) + 1000, RLIM_INFINITY};
    struct slab_key key = key_of(1);
    uint64_t n = 0;

    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(slab_shred(s, RUN_SLOTS - 1), ERR_OK);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(slab_add(s, &key, &n), ERR_NO_SPACE);
    cr_assert_eq(scratch_size(path), place(RUN_SLOTS) + 1000);
    limit.rlim_cur = RLIM_INFINITY;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(add(s, 1), RUN_SLOTS);
    assert_holds(s, RUN_SLOTS, 1);
    cr_assert_eq(scratch_size(path), place(2 * RUN_SLOTS));
}

Test(slab, syncs_only_when_something_waits)
{
    AUTO(slab_close) struct slab *s = open_slab();

    fault_test_set("file.sync!io", NULL);
    cr_assert_eq(slab_sync(s), ERR_OK);
    fault_test_set(NULL, NULL);
    (void)add(s, 1);
    cr_assert_eq(slab_sync(s), ERR_OK);
    fault_test_set("file.sync!io", NULL);
    cr_assert_eq(slab_sync(s), ERR_OK);
}

Test(slab, closing_takes_null)
{
    struct slab *s = NULL;

    slab_close(&s);
}
