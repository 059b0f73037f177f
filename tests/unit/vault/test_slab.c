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
#include "tests/unit/vault/slab_rig.h"

TestSuite(slab, .init = setup, .fini = teardown);

/* ---- a new one ---- */

Test(slab, new_holds_the_keys_of_the_store_itself)
{
    static const enum slab_kind kinds[] = {SLAB_LOCATOR, SLAB_INDEX, SLAB_LEDGER, SLAB_SIGNING};
    AUTO(slab_close) struct slab *s = open_slab();
    struct slab_key keys[FIRST];

    cr_assert_eq(slab_epoch(s), 3);
    cr_assert_eq(slab_old_epoch(s), 0);
    cr_assert_eq(slab_slots_used(s), FIRST);
    for (uint64_t slot = 0; slot < FIRST; slot++) {
        cr_assert_eq(slab_read(s, slot, &keys[slot]), ERR_OK);
        cr_assert_eq(keys[slot].kind, kinds[slot]);
        cr_assert_eq(keys[slot].owner, slot == SLAB_SLOT_INDEX ? VAULT_DOMAIN_DEFAULT : 0);
        for (uint64_t before = 0; before < slot; before++)
            cr_assert_arr_neq(keys[before].key, keys[slot].key, CRYPTO_KEY_BYTES);
    }
    cr_assert_eq(add(s, 1), FIRST, "subjects start above them");
}

Test(slab, two_new_ones_share_neither_id_nor_keys)
{
    AUTO(slab_close) struct slab *a = open_slab();
    AUTO(slab_close) struct slab *b = NULL;
    const char *other = scratch_path(&scratch, "other.slab");
    struct slab_key of_a, of_b;
    struct errmsg msg;

    cr_assert_eq(slab_create(other, &root, &msg), ERR_OK);
    cr_assert_eq(slab_open(other, &roots, &b, &msg), ERR_OK);
    cr_assert_arr_neq(slab_store_id(a), slab_store_id(b), VAULT_ID_BYTES);
    for (uint64_t slot = 0; slot < FIRST; slot++) {
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

/* ---- keys ---- */

Test(slab, gives_back_keys_over_several_runs_and_after_reopening)
{
    enum { COUNT = 2 * RUN_SLOTS + 100 };
    struct slab *s = open_slab();

    for (uint64_t n = 0; n < COUNT; n++)
        cr_assert_eq(add(s, n), n + FIRST);
    cr_assert_eq(slab_sync(s), ERR_OK);
    assert_holds(s, FIRST, 0);
    slab_close(&s);
    s = open_slab();
    cr_assert_eq(slab_slots_used(s), COUNT + FIRST);
    for (uint64_t n = 0; n < COUNT; n++)
        assert_holds(s, n + FIRST, n);
    cr_assert_eq(add(s, 5), COUNT + FIRST);
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
    static const uint64_t slots[] = {FIRST, 500, RUN_SLOTS - 1, RUN_SLOTS, 1 << 20, UINT64_MAX};
    struct slab_key key;

    for (size_t i = 0; i < COUNT_OF(slots); i++)
        cr_assert_eq(slab_read(s, slots[i], &key), ERR_NOT_FOUND);
}

/* E30 */
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
    cr_assert_eq(slab_open(other, &roots, &b, &msg), ERR_OK);
    scratch_write(other, place(slot), bytes, sizeof(bytes));
    cr_assert_eq(slab_read(b, slot, &key), ERR_CORRUPT);
}

/* ---- slot numbers are given out once ---- */

Test(slab, skips_slots_that_a_crash_left_uncounted)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    struct slab *s = open_slab();

    for (uint64_t n = 0; n < 5; n++)
        cr_assert_eq(add(s, n), FIRST + n);
    slab_close(&s); /* closing writes nothing: as a crash leaves it */
    scratch_write(path, place(FIRST + 1), zeroes, sizeof(zeroes)); /* did not reach the medium */
    s = open_slab();
    cr_assert_eq(slab_slots_used(s), FIRST + 5);
    cr_assert_eq(add(s, 9), FIRST + 5);
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
        cr_assert_eq(add(s, n), FIRST + n);
    for (uint64_t n = 0; n < 20; n++)
        assert_holds(s, FIRST + n, n);
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
    cr_assert_eq(slab_shred(s, FIRST), ERR_OK);
}

Test(slab, killed_while_adding_reuses_no_number)
{
    struct slab *s;

    killed_at("slab.added:2", add_three);
    s = open_slab();
    cr_assert_eq(add(s, 7), FIRST + 2);
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
        cr_assert_eq(slab_read(s, FIRST, &key), ERR_NOT_FOUND);
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
    cr_assert_eq(slab_shred(s, FIRST + 1), ERR_OK);
    cr_assert_eq(slab_shred(s, FIRST + 1), ERR_OK, "idempotent");
    cr_assert_eq(slab_read(s, FIRST + 1, &key), ERR_NOT_FOUND);
    slab_close(&s);
    s = open_slab();
    cr_assert_eq(slab_raw(s, FIRST + 1, bytes), ERR_OK);
    cr_assert_arr_eq(bytes, zeroes, sizeof(bytes));
    assert_holds(s, FIRST, 0);
    assert_holds(s, FIRST + 2, 2);
    cr_assert_eq(add(s, 9), FIRST + 3, "its number comes back no more");
    slab_close(&s);
}

Test(slab, clears_many_keys_in_one_sync)
{
    struct slab *s = open_slab();
    struct slab_key key;

    for (uint64_t n = 0; n < 5; n++)
        (void)add(s, n);
    cr_assert_eq(slab_sync(s), ERR_OK);
    for (uint64_t slot = FIRST; slot < FIRST + 4; slot++)
        cr_assert_eq(slab_clear(s, slot), ERR_OK);
    cr_assert_eq(slab_clear(s, 100), ERR_NOT_FOUND, "nobody's yet");
    cr_assert_eq(slab_sync(s), ERR_OK);
    slab_close(&s);
    s = open_slab();
    for (uint64_t slot = FIRST; slot < FIRST + 4; slot++)
        cr_assert_eq(slab_read(s, slot, &key), ERR_NOT_FOUND);
    assert_holds(s, FIRST + 4, 4);
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

static void *read_first(void *context)
{
    struct reader *r = context;
    struct slab_key key;

    r->result = slab_read(r->slab, FIRST, &key);
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
    REQUIRE(pthread_create(&r->thread, NULL, read_first, r) == 0);
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
    cr_assert_eq(slab_shred(s, FIRST), ERR_OK);
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
    cr_assert_eq(slab_shred(s, FIRST), ERR_IO);
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
    return slab_shred(s, FIRST);
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

/* ---- sealed ---- */

Test(slab, sealed_answers_sealed_and_comes_back)
{
    AUTO(slab_close) struct slab *s = open_slab();
    struct slab_key key = key_of(1);
    uint64_t slot = add(s, 1), n = 0;
    bool clean = false;

    slab_seal(s);
    slab_seal(s);
    cr_assert_eq(slab_read(s, slot, &key), ERR_SEALED);
    cr_assert_eq(slab_read(s, slot + 1, &key), ERR_NOT_FOUND, "needs no key to be told");
    cr_assert_eq(slab_add(s, &key, &n), ERR_SEALED);
    cr_assert_eq(slab_sync(s), ERR_SEALED);
    cr_assert_eq(slab_reserve_rows(s, 1, &n), ERR_SEALED);
    cr_assert_eq(slab_shred(s, slot), ERR_SEALED);
    cr_assert_eq(slab_clear(s, slot), ERR_SEALED);
    cr_assert_eq(slab_rotate_begin(s, &root), ERR_SEALED);
    cr_assert_eq(slab_rotate_step(s, 1, &n, &clean), ERR_SEALED);
    cr_assert_eq(slab_rotate_end(s), ERR_SEALED);
    cr_assert_eq(slab_epoch(s), 3);
    cr_assert_eq(slab_unseal(s, path, &roots, NULL), ERR_OK);
    assert_holds(s, slot, 1);
    cr_assert_eq(add(s, 2), slot + 1);
    cr_assert_eq(slab_sync(s), ERR_OK);
}

Test(slab, sealed_takes_no_other_file_for_its_own)
{
    AUTO(slab_close) struct slab *s = open_slab();
    const char *other = scratch_path(&scratch, "other.slab");
    uint8_t header[SLAB_HEADER_BYTES];
    struct slab_key key;
    struct errmsg msg = {""};

    slab_seal(s);
    cr_assert_eq(slab_create(other, &root, &msg), ERR_OK);
    cr_assert_eq(scratch_read(other, 0, header, sizeof(header)), sizeof(header));
    scratch_write(path, 0, header, sizeof(header));
    cr_assert_eq(slab_unseal(s, path, &roots, &msg), ERR_CORRUPT);
    cr_assert_not_null(strstr(msg.text, "not the file that was opened"), "%s", msg.text);
    cr_assert_eq(slab_read(s, 0, &key), ERR_SEALED);
}

Test(slab, closing_takes_null)
{
    struct slab *s = NULL;

    slab_close(&s);
}
