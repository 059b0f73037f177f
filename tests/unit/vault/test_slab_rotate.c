/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/slab_priv.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/secret.h"
#include "tests/unit/vault/slab_rig.h"

enum { KEYS = 100 }; /* added before a rotation, at slots FIRST... */

static uint8_t next_bytes[ROOT_KEY_BYTES] = {0x77, 1, 2, 3};
static const struct root_key next = {4, next_bytes};
static const struct root_keys next_only = {{{4, next_bytes}}, 1};
static const struct root_keys both = {{{3, root_bytes}, {4, next_bytes}}, 2};

TestSuite(slab_rotate, .init = setup, .fini = teardown);

static struct slab *open_with(const struct root_keys *keys)
{
    struct slab *s = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(slab_open(path, keys, &s, &msg), ERR_OK, "%s", msg.text);
    return s;
}

/* An open slab with KEYS keys. */
static struct slab *filled(void)
{
    struct slab *s = open_slab();

    for (uint64_t n = 0; n < KEYS; n++)
        cr_assert_eq(add(s, n), FIRST + n);
    cr_assert_eq(slab_sync(s), ERR_OK);
    return s;
}

static void begin(struct slab *s)
{
    cr_assert_eq(slab_rotate_begin(s, &next), ERR_OK);
    cr_assert_eq(slab_epoch(s), 4);
    cr_assert_eq(slab_old_epoch(s), 3);
}

/* Steps of `limit` to the end; how many keys were wrapped again. */
static uint64_t run_steps(struct slab *s, uint64_t limit)
{
    uint64_t total = 0, rewrapped = 0;
    bool clean = false;

    for (unsigned i = 0; i < 10000 && !clean; i++) {
        cr_assert_eq(slab_rotate_step(s, limit, &rewrapped, &clean), ERR_OK);
        total += rewrapped;
    }
    cr_assert(clean);
    return total;
}

static void rotate(struct slab *s, uint64_t limit)
{
    begin(s);
    cr_assert_eq(run_steps(s, limit), slab_slots_used(s));
    cr_assert_eq(slab_rotate_end(s), ERR_OK);
    cr_assert_eq(slab_old_epoch(s), 0);
}

static void assert_all(struct slab *s)
{
    for (uint64_t n = 0; n < KEYS; n++)
        assert_holds(s, FIRST + n, n);
}

/* The file as it stands. */
static uint8_t *whole(size_t *ret_size)
{
    uint8_t *bytes = malloc(*ret_size = scratch_size(path));

    cr_assert_eq(scratch_read(path, 0, bytes, *ret_size), *ret_size);
    return bytes;
}

/* ---- from one root key to the next ---- */

Test(slab_rotate, leaves_every_key_as_it_was_under_the_next_root_alone)
{
    static const uint64_t limits[] = {1, 7, KEYS + FIRST, UINT64_MAX};

    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        struct slab *s = filled();
        struct slab_key own[FIRST], again;

        for (uint64_t slot = 0; slot < FIRST; slot++)
            cr_assert_eq(slab_read(s, slot, &own[slot]), ERR_OK);
        rotate(s, limits[i]);
        assert_all(s);
        slab_close(&s);
        assert_refused(&roots, ERR_SEALED, "epoch 4 is wanted, the key given is of epoch 3");
        s = open_with(&next_only);
        assert_all(s);
        for (uint64_t slot = 0; slot < FIRST; slot++) {
            cr_assert_eq(slab_read(s, slot, &again), ERR_OK);
            cr_assert_arr_eq(own[slot].key, again.key, CRYPTO_KEY_BYTES);
            cr_assert_eq(own[slot].kind, again.kind);
        }
        slab_close(&s);
        teardown();
        setup();
    }
}

Test(slab_rotate, leaves_no_wrapping_of_the_old_root_in_the_file)
{
    struct slab *s = filled();
    size_t size_before, size_after;
    uint8_t *before = whole(&size_before), *after;

    rotate(s, 16);
    slab_close(&s);
    after = whole(&size_after);
    for (uint64_t slot = 0; slot < FIRST + KEYS; slot++) {
        cr_assert_null(memmem(after, size_after, before + place(slot) + 56, 16), "wrapped");
        cr_assert_null(memmem(after, size_after, before + place(slot) + 32, 16), "nonce");
        cr_assert_eq(after[place(slot) + 4], 4);
        for (uint64_t other = 0; other < slot; other++)
            cr_assert_arr_neq(after + place(slot) + 32, after + place(other) + 32,
                              CRYPTO_NONCE_BYTES, "a nonce of its own for each");
    }
    free(before);
    free(after);
}

Test(slab_rotate, takes_keys_and_shreds_them_while_it_goes_on)
{
    struct slab *s = filled();
    uint64_t rewrapped = 0, early, late;
    struct slab_key key;
    bool clean = false;

    begin(s);
    early = add(s, 1000);
    cr_assert_eq(slab_rotate_step(s, 50, &rewrapped, &clean), ERR_OK);
    cr_assert(rewrapped == 50 && !clean);
    late = add(s, 1001);
    cr_assert_eq(slab_shred(s, 10), ERR_OK, "wrapped again already");
    cr_assert_eq(slab_shred(s, 90), ERR_OK, "not yet");
    cr_assert_eq(slab_clear(s, 91), ERR_OK);
    cr_assert_eq(run_steps(s, 13), KEYS + FIRST - 50 - 2);
    cr_assert_eq(slab_rotate_end(s), ERR_OK);
    slab_close(&s);
    s = open_with(&next_only);
    assert_holds(s, early, 1000);
    assert_holds(s, late, 1001);
    for (uint64_t slot = FIRST; slot < FIRST + KEYS; slot++) {
        if (slot == 10 || slot == 90 || slot == 91)
            cr_assert_eq(slab_read(s, slot, &key), ERR_NOT_FOUND);
        else
            assert_holds(s, slot, slot - FIRST);
    }
    slab_close(&s);
}

Test(slab_rotate, says_how_far_it_is)
{
    struct slab *s = filled();
    uint64_t rewrapped = 0;
    bool clean = false;

    cr_assert_eq(slab_rewrapped(s), FIRST + KEYS);
    begin(s);
    cr_assert_eq(slab_rewrapped(s), 0);
    cr_assert_eq(slab_rotate_step(s, 30, &rewrapped, &clean), ERR_OK);
    cr_assert_eq(slab_rewrapped(s), 30);
    (void)add(s, 500);
    (void)run_steps(s, 30);
    cr_assert_eq(slab_rewrapped(s), FIRST + KEYS + 1);
    slab_close(&s);
}

Test(slab_rotate, twice_in_a_row_comes_to_the_third_root)
{
    struct slab *s = filled();
    uint8_t third_bytes[ROOT_KEY_BYTES] = {9};
    const struct root_key third = {9, third_bytes}; /* numbers may be left out */
    const struct root_keys third_only = {{third}, 1};

    rotate(s, 20);
    cr_assert_eq(slab_rotate_begin(s, &third), ERR_OK);
    cr_assert_eq(run_steps(s, 20), FIRST + KEYS);
    cr_assert_eq(slab_rotate_end(s), ERR_OK);
    slab_close(&s);
    assert_refused(&next_only, ERR_SEALED, "epoch 9 is wanted, the key given is of epoch 4");
    s = open_with(&third_only);
    assert_all(s);
    slab_close(&s);
}

/* ---- what is no rotation ---- */

Test(slab_rotate, begins_once)
{
    AUTO(slab_close) struct slab *s = filled();
    uint8_t wrong_bytes[ROOT_KEY_BYTES] = {5};
    const struct root_key wrong = {4, wrong_bytes}, later = {5, wrong_bytes};
    uint64_t rewrapped = 0;
    bool clean = false;

    begin(s);
    cr_assert_eq(slab_rotate_step(s, 30, &rewrapped, &clean), ERR_OK);
    cr_assert_eq(slab_rotate_begin(s, &next), ERR_OK, "idempotent");
    cr_assert_eq(slab_rewrapped(s), 30, "and goes on where it was");
    cr_assert_eq(slab_rotate_begin(s, &wrong), ERR_INVALID);
    cr_assert_eq(slab_rotate_begin(s, &later), ERR_CONFLICT);
    cr_assert_eq(slab_rotate_begin(s, &root), ERR_INVALID, "back");
    (void)run_steps(s, 30);
    cr_assert_eq(slab_rotate_end(s), ERR_OK);
    cr_assert_eq(slab_rotate_begin(s, &next), ERR_OK, "idempotent after the end, too");
    cr_assert_eq(slab_old_epoch(s), 0);
    assert_all(s);
}

Test(slab_rotate, takes_no_key_that_is_none)
{
    AUTO(slab_close) struct slab *s = filled();
    const struct root_key same = {4, root_bytes}, before = {2, next_bytes}, now = {3, next_bytes};
    uint64_t rewrapped = 1;
    bool clean = false;

    cr_assert_eq(slab_rotate_begin(s, &same), ERR_INVALID, "the same key again");
    cr_assert_eq(slab_rotate_begin(s, &before), ERR_INVALID);
    cr_assert_eq(slab_rotate_begin(s, &now), ERR_INVALID, "another key for this epoch");
    cr_assert_eq(slab_rotate_step(s, 10, &rewrapped, &clean), ERR_OK);
    cr_assert(clean && rewrapped == 0, "none is going on");
    cr_assert_eq(slab_rotate_end(s), ERR_OK);
    cr_assert(slab_epoch(s) == 3 && slab_old_epoch(s) == 0);
    assert_all(s);
}

Test(slab_rotate, never_ends_before_all_is_looked_at, .signal = SIGABRT)
{
    struct slab *s = filled();
    uint64_t rewrapped = 0;
    bool clean = false;

    begin(s);
    cr_assert_eq(slab_rotate_step(s, UINT64_MAX, &rewrapped, &clean), ERR_OK);
    cr_assert_not(clean, "what was written is looked at once more");
    if (slab_rotate_end(s) != ERR_OK)
        slab_close(&s);
}

/* ---- crashes ---- */

static void begin_it(struct slab *s)
{
    begin(s);
}

static void rotate_it(struct slab *s)
{
    rotate(s, 10);
}

static const struct {
    const char *fault;
    void (*fn)(struct slab *);
} crashes[] = {
    {"rotate.header", begin_it},         {"rotate.header:2", rotate_it},
    {"rotate.before_sync", rotate_it},   {"rotate.before_sync:2", rotate_it},
    {"rotate.before_sync:6", rotate_it},
};

Test(slab_rotate, killed_at_any_step_goes_on)
{
    for (size_t i = 0; i < COUNT_OF(crashes); i++) {
        struct slab *s = filled();
        int status = 0;
        pid_t child;

        slab_close(&s);
        child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            s = open_slab();
            fault_test_set(crashes[i].fault, NULL);
            crashes[i].fn(s);
            _exit(0);
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFSIGNALED(status), "%s was not passed", crashes[i].fault);
        s = open_with(&both);
        assert_all(s);
        cr_assert_eq(slab_epoch(s), 4);
        cr_assert_eq(slab_rotate_begin(s, &next), ERR_OK);
        (void)run_steps(s, 10);
        cr_assert_eq(slab_rotate_end(s), ERR_OK);
        slab_close(&s);
        assert_refused(&roots, ERR_SEALED, "epoch 4 is wanted");
        s = open_with(&next_only);
        assert_all(s);
        slab_close(&s);
        teardown();
        setup();
    }
}

Test(slab_rotate, half_done_needs_both_roots_and_goes_on_with_them)
{
    struct slab *s = filled();
    uint64_t rewrapped = 0;
    bool clean = false;

    begin(s);
    cr_assert_eq(slab_rotate_step(s, 40, &rewrapped, &clean), ERR_OK);
    slab_close(&s);
    assert_refused(&next_only, ERR_SEALED,
                   "from epoch 3 to 4 has not ended: the root key of epoch 3 is needed, too");
    assert_refused(&roots, ERR_SEALED, "epoch 4 is wanted beside 3, the key given is of epoch 3");
    s = open_with(&both);
    assert_all(s);
    cr_assert_eq(slab_epoch(s), 4);
    cr_assert_eq(slab_old_epoch(s), 3);
    cr_assert_eq(slab_rewrapped(s), 0, "nothing is known before it has been looked at");
    cr_assert_eq(run_steps(s, 10), FIRST + KEYS - 40);
    cr_assert_eq(slab_rotate_end(s), ERR_OK);
    slab_close(&s);
}

/* ---- damage ---- */

Test(slab_rotate, survives_damage_of_either_header_copy_at_any_stage)
{
    struct slab *s = filled();
    uint64_t rewrapped = 0;
    bool clean = false;

    begin(s);
    cr_assert_eq(slab_rotate_step(s, 40, &rewrapped, &clean), ERR_OK);
    slab_close(&s);
    for (size_t i = 0; i < SLAB_HEADER_BYTES; i += i % 2048 < 112 ? 1 : 97) {
        scratch_flip(path, i, 0x01);
        s = open_with(&both);
        cr_assert_eq(slab_old_epoch(s), 3, "byte %zu leads behind the rotation", i);
        assert_all(s);
        slab_close(&s);
        scratch_flip(path, i, 0x01);
    }
    s = open_with(&both);
    (void)run_steps(s, 40);
    cr_assert_eq(slab_rotate_end(s), ERR_OK);
    slab_close(&s);
    for (size_t i = 0; i < SLAB_HEADER_BYTES; i += i % 2048 < 112 ? 1 : 97) {
        scratch_flip(path, i, 0x01);
        s = open_with(&next_only);
        cr_assert_eq(slab_old_epoch(s), 0, "byte %zu leads back into the rotation", i);
        assert_all(s);
        slab_close(&s);
        scratch_flip(path, i, 0x01);
    }
}

Test(slab_rotate, does_all_but_a_damaged_slot_and_does_not_end)
{
    static const size_t bytes[] = {1, 4, 8, 20, 40, 60, 120};

    for (size_t i = 0; i < COUNT_OF(bytes); i++) {
        struct slab *s = filled();
        uint64_t rewrapped = 0, total = 0;
        enum err e = ERR_OK;
        bool clean = false;

        scratch_flip(path, place(50) + bytes[i], 0x40);
        begin(s);
        while (e == ERR_OK && !clean) {
            e = slab_rotate_step(s, 30, &rewrapped, &clean);
            total += rewrapped;
        }
        cr_assert_eq(e, ERR_CORRUPT, "byte %zu", bytes[i]);
        cr_assert_not(clean);
        cr_assert_eq(total, FIRST + KEYS - 1);
        cr_assert_eq(slab_old_epoch(s), 3, "the old root key may be what brings it back");
        scratch_flip(path, place(50) + bytes[i], 0x40); /* as putting the slot back does */
        cr_assert_eq(run_steps(s, 30), 1);
        cr_assert_eq(slab_rotate_end(s), ERR_OK);
        assert_all(s);
        slab_close(&s);
        teardown();
        setup();
    }
}

Test(slab_rotate, finds_damage_of_a_key_that_was_wrapped_again)
{
    struct slab *s = filled();
    uint64_t rewrapped = 0;
    enum err e = ERR_OK;
    bool clean = false;

    begin(s);
    cr_assert_eq(slab_rotate_step(s, 60, &rewrapped, &clean), ERR_OK);
    scratch_flip(path, place(20) + 70, 0x40);
    while (e == ERR_OK && !clean)
        e = slab_rotate_step(s, 60, &rewrapped, &clean);
    cr_assert_eq(e, ERR_CORRUPT);
    cr_assert_not(clean);
    slab_close(&s);
}

/* ---- failing media ---- */

Test(slab_rotate, on_a_failing_medium_loses_no_key)
{
    static const char *const faults[] = {"file.write!io", "file.sync!io"};

    for (size_t i = 0; i < 2 * COUNT_OF(faults); i++) {
        struct slab *s = filled();
        uint64_t rewrapped = 0;
        bool clean = false;

        if (i >= COUNT_OF(faults))
            begin(s);
        fault_test_set(faults[i % COUNT_OF(faults)], NULL);
        if (i < COUNT_OF(faults))
            cr_assert_eq(slab_rotate_begin(s, &next), ERR_IO);
        else
            cr_assert_eq(slab_rotate_step(s, 30, &rewrapped, &clean), ERR_IO);
        fault_test_set(NULL, NULL);
        assert_all(s);
        cr_assert_eq(slab_rotate_step(s, 30, &rewrapped, &clean), ERR_IO, "nothing more");
        slab_close(&s);
        s = open_with(&both);
        assert_all(s);
        slab_close(&s);
        teardown();
        setup();
    }
}

Test(slab_rotate, that_cannot_write_its_end_keeps_the_old_key)
{
    struct slab *s = filled();

    begin(s);
    (void)run_steps(s, 50);
    fault_test_set("file.sync!io", NULL);
    cr_assert_eq(slab_rotate_end(s), ERR_IO);
    fault_test_set(NULL, NULL);
    cr_assert_eq(slab_old_epoch(s), 3);
    assert_all(s);
    slab_close(&s);
}

/* ---- readers meanwhile ---- */

/* Stands in for libc's: while `torn` is set, a run is written in two parts that meet inside a slot,
 * and the reader starts between them. */
static struct torn {
    struct slab *slab;
    pthread_t thread;
    enum err result;
    bool holds;
} * torn;

static void *read_middle(void *context)
{
    struct torn *t = context;
    struct slab_key key, expected = key_of(40 - FIRST);

    t->result = slab_read(t->slab, 40, &key);
    t->holds = memcmp(key.key, expected.key, CRYPTO_KEY_BYTES) == 0;
    return NULL;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    struct torn *t = torn;
    size_t part = 40 * SLAB_SLOT_BYTES + 64;
    struct timespec nap = {0, 50000000};

    if (t == NULL || len <= part || at != SLAB_HEADER_BYTES)
        return syscall(SYS_pwrite64, fd, bytes, len, at);
    torn = NULL;
    REQUIRE(syscall(SYS_pwrite64, fd, bytes, part, at) == (ssize_t)part);
    REQUIRE(pthread_create(&t->thread, NULL, read_middle, t) == 0);
    (void)nanosleep(&nap, NULL); /* time to come to a wrong end */
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

Test(slab_rotate, is_not_seen_by_who_reads_a_slot_in_the_middle_of_it)
{
    AUTO(slab_close) struct slab *s = filled();
    struct torn t = {.slab = s, .result = ERR_INTERNAL};
    uint64_t rewrapped = 0;
    bool clean = false;

    begin(s);
    torn = &t;
    cr_assert_eq(slab_rotate_step(s, 100, &rewrapped, &clean), ERR_OK);
    cr_assert_null(torn, "nothing was written in two parts");
    cr_assert_eq(pthread_join(t.thread, NULL), 0);
    cr_assert_eq(t.result, ERR_OK, "half a slot was taken for damage");
    cr_assert(t.holds);
}

static atomic_bool stopping;

static void *read_on(void *context)
{
    struct slab *s = context;
    uint64_t n = 0, wrong = 0;
    struct slab_key key;

    while (!atomic_load(&stopping)) {
        struct slab_key expected = key_of(n % KEYS);

        if (slab_read(s, FIRST + n % KEYS, &key) != ERR_OK ||
            memcmp(key.key, expected.key, CRYPTO_KEY_BYTES) != 0)
            wrong++;
        n++;
    }
    return (void *)wrong; /* NOLINT(performance-no-int-to-ptr) */
}

Test(slab_rotate, over_and_over_never_hides_a_key_from_readers)
{
    struct slab *s = filled();
    pthread_t threads[2];
    void *wrong = NULL;

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, read_on, s), 0);
    for (uint8_t epoch = 4; epoch < 60; epoch++) {
        uint8_t bytes[ROOT_KEY_BYTES] = {epoch, 0xee};
        const struct root_key key = {epoch, bytes};

        cr_assert_eq(slab_rotate_begin(s, &key), ERR_OK);
        (void)run_steps(s, 33);
        cr_assert_eq(slab_rotate_end(s), ERR_OK);
    }
    atomic_store(&stopping, true);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        cr_assert_eq(pthread_join(threads[i], &wrong), 0);
        cr_assert_null(wrong, "a reader did not find a key that was there");
    }
    slab_close(&s);
}
