/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/vault.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"
#include "vault/vault_priv.h"

enum { PEOPLE = 20, NEEDLE = 16, NEEDLES_MAX = 16, CHUNK = 1 << 20, MAPPED_MAX = 1 << 30 };

static struct vault_fixture f;
static struct token_text tokens[PEOPLE];

static void setup(void)
{
    clock_test_set_ms(1700000000000);
    fixture_start(&f);
    for (unsigned i = 0; i < PEOPLE; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "p%u", i);
        cr_assert_eq(fixture_tokenize(&f, f.email, name, name, &tokens[i]), ERR_OK);
    }
}

static void teardown(void)
{
    fixture_end(&f);
}

TestSuite(seal, .init = setup, .fini = teardown);

static enum err seal(void)
{
    struct vault_seal op = {.op.kind = VAULT_SEAL};

    return vault_run(f.v, &op.op);
}

static enum err unseal_with(const struct root_key *root, struct errmsg *msg)
{
    const struct root_keys roots = {{*root}, 1};
    struct vault_unseal op = {.op.kind = VAULT_UNSEAL, .roots = &roots, .msg = msg};

    return vault_run(f.v, &op.op);
}

static void assert_serves(void)
{
    struct token_text token;

    cr_assert_not(vault_is_sealed(f.v));
    for (unsigned i = 0; i < PEOPLE; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "p%u", i);
        cr_assert(fixture_reveals(&f, &tokens[i], name), "%s", name);
    }
    cr_assert_eq(fixture_tokenize(&f, f.note, "somebody", "x", &token), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "x"));
}

/* ---- what answers what ---- */

static void assert_refuses(void)
{
    static const char text[] = "lethe-v1 receipt\0{}";
    uint8_t signature[VAULT_SIGNATURE_BYTES];
    struct vault_erasure erasure = {.slot = 1}, *list = NULL;
    struct vault_truncate truncate = {.op.kind = VAULT_TRUNCATE};
    struct vault_rotate_step step = {.op.kind = VAULT_ROTATE_STEP, .limit = 1};
    struct vault_rotate_begin begin = {.op.kind = VAULT_ROTATE_BEGIN, .next = &f.root};
    struct vault_erasure_close closing = {.op.kind = VAULT_ERASURE_CLOSE, .erasure = &erasure};
    struct vault_rectify rectify = {.op.kind = VAULT_RECTIFY, .kind = VALUE_STRING};
    struct token_text token;
    size_t count = 0;

    cr_assert(vault_is_sealed(f.v));
    cr_assert_eq(vault_read_begin(f.r), ERR_SEALED);
    cr_assert_eq(fixture_tokenize(&f, f.note, "p1", "x", &token), ERR_SEALED);
    cr_assert_eq(fixture_erase(&f, "p1", &erasure), ERR_SEALED);
    cr_assert_eq(fixture_sweep(&f, 7, &count), ERR_SEALED);
    cr_assert_eq(fixture_purge(&f, f.brief, 10, &count), ERR_SEALED);
    cr_assert_eq(vault_run(f.v, &truncate.op), ERR_SEALED);
    cr_assert_eq(vault_run(f.v, &step.op), ERR_SEALED);
    cr_assert_eq(vault_run(f.v, &begin.op), ERR_SEALED);
    cr_assert_eq(vault_run(f.v, &closing.op), ERR_SEALED);
    cr_assert_eq(vault_run(f.v, &rectify.op), ERR_SEALED);
    cr_assert_eq(vault_erasures_open(f.v, &list, &count), ERR_SEALED);
    cr_assert_eq(vault_sign(f.v, span_of(text, sizeof(text) - 1), signature), ERR_SEALED);
    cr_assert_eq(ledger_each(f.v->ledger, NULL, NULL), ERR_SEALED);
}

Test(seal, refuses_everything_and_loses_nothing)
{
    struct vault_key_status before, status;
    uint8_t public_key[VAULT_PUBLIC_BYTES], again[VAULT_PUBLIC_BYTES];

    vault_key_status(f.v, &before);
    vault_sign_public(f.v, public_key);
    cr_assert_eq(seal(), ERR_OK);
    assert_refuses();
    cr_assert_eq(seal(), ERR_OK, "idempotent");
    vault_key_status(f.v, &status);
    cr_assert(status.epoch == before.epoch && status.slots == before.slots);
    vault_sign_public(f.v, again);
    cr_assert_arr_eq(public_key, again, sizeof(again));
    cr_assert_eq(unseal_with(&f.root, NULL), ERR_OK);
    assert_serves();
    cr_assert_eq(unseal_with(&f.root, NULL), ERR_OK, "idempotent");
    assert_serves();
}

Test(seal, can_be_closed_and_opened_again)
{
    cr_assert_eq(seal(), ERR_OK);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    assert_serves();
}

Test(seal, opens_with_its_own_root_only)
{
    AUTO(root_key_done) struct root_key wrong = {1, secret_alloc(ROOT_KEY_BYTES)};
    AUTO(root_key_done) struct root_key later = {2, secret_alloc(ROOT_KEY_BYTES)};
    struct errmsg msg = {""};

    cr_assert_eq(seal(), ERR_OK);
    cr_assert_eq(unseal_with(&wrong, &msg), ERR_SEALED);
    cr_assert_not_null(strstr(msg.text, "another root key than the one given for epoch 1"), "%s",
                       msg.text);
    cr_assert_eq(unseal_with(&later, &msg), ERR_SEALED);
    cr_assert_not_null(strstr(msg.text, "epoch 1 is wanted"), "%s", msg.text);
    assert_refuses();
    cr_assert_eq(unseal_with(&f.root, &msg), ERR_OK, "%s", msg.text);
    assert_serves();
}

Test(seal, stays_when_a_key_of_the_store_cannot_be_read)
{
    char path[128];
    int fd;
    uint8_t byte;
    struct errmsg msg = {""};

    (void)snprintf(path, sizeof(path), "%s", fixture_path(&f, "keys.slab"));
    for (uint64_t slot = 0; slot < SLAB_FIRST_SLOTS; slot++) {
        const off_t at = (off_t)(SLAB_HEADER_BYTES + slot * SLAB_SLOT_BYTES + 60);

        cr_assert_eq(seal(), ERR_OK);
        fd = open(path, O_RDWR | O_CLOEXEC);
        cr_assert(fd >= 0 && pread(fd, &byte, 1, at) == 1);
        byte ^= 1;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        cr_assert_eq(unseal_with(&f.root, &msg), ERR_CORRUPT, "slot %d", (int)slot);
        cr_assert_not_null(strstr(msg.text, "keys.slab"), "%s", msg.text);
        assert_refuses();
        byte ^= 1;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        (void)close(fd);
        cr_assert_eq(unseal_with(&f.root, &msg), ERR_OK, "%s", msg.text);
        assert_serves();
    }
}

Test(seal, amid_a_rotation_comes_back_with_both_roots)
{
    AUTO(root_key_done) struct root_key next = {2, secret_alloc(ROOT_KEY_BYTES)};
    struct vault_rotate_begin begin = {.op.kind = VAULT_ROTATE_BEGIN, .next = &next};
    struct vault_rotate_step step = {.op.kind = VAULT_ROTATE_STEP, .limit = 10};
    const struct root_keys both = {{f.root, next}, 2};
    struct vault_unseal unseal = {.op.kind = VAULT_UNSEAL, .roots = &both};

    cr_assert_eq(vault_run(f.v, &begin.op), ERR_OK);
    cr_assert_eq(vault_run(f.v, &step.op), ERR_OK);
    cr_assert_eq(seal(), ERR_OK);
    cr_assert_eq(unseal_with(&next, NULL), ERR_SEALED);
    cr_assert_eq(unseal_with(&f.root, NULL), ERR_SEALED);
    assert_refuses();
    cr_assert_eq(vault_run(f.v, &unseal.op), ERR_OK);
    assert_serves();
    for (step.more = true; step.more;)
        cr_assert_eq(vault_run(f.v, &step.op), ERR_OK);
    cr_assert_eq(seal(), ERR_OK);
    cr_assert_eq(unseal_with(&next, NULL), ERR_OK);
    assert_serves();
}

Test(seal, leaves_an_erasure_unverified_rather_than_proven_by_missing_keys)
{
    struct vault_erasure erasure;
    struct vault_verification found;

    cr_assert_eq(fixture_erase(&f, "p1", &erasure), ERR_OK);
    cr_assert_eq(seal(), ERR_OK);
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &found), ERR_SEALED);
    cr_assert_eq(unseal_with(&f.root, NULL), ERR_OK);
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &found), ERR_OK);
    cr_assert(found.samples_unreadable && found.key_absent);
    vault_erasure_done(&erasure);
}

/* ---- who is reading ---- */

static atomic_bool sealed_done;

static void *seal_meanwhile(void *context)
{
    (void)context;
    if (seal() == ERR_OK)
        atomic_store(&sealed_done, true);
    return NULL;
}

Test(seal, waits_for_a_read_transaction)
{
    struct timespec nap = {0, 50000000};
    struct vault_value value;
    struct buf clear;
    pthread_t thread;

    buf_init_secret(&clear, 4096);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(pthread_create(&thread, NULL, seal_meanwhile, NULL), 0);
    (void)nanosleep(&nap, NULL);
    cr_assert_not(atomic_load(&sealed_done));
    cr_assert_eq(vault_reveal(f.r, 0, fixture_span(&tokens[3]), 0, &clear, &value), ERR_OK);
    vault_read_end(f.r);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert(atomic_load(&sealed_done));
    cr_assert_eq(vault_read_begin(f.r), ERR_SEALED);
    buf_done(&clear);
}

/* ---- the process's memory ---- */

/* Keys to look for, masked so that the list itself is not found. */
static struct needle {
    const char *name;
    uint8_t masked[NEEDLE];
    unsigned found;
} needles[NEEDLES_MAX];
static size_t needle_count;
static uint8_t *window;

static void look_for(const char *name, const uint8_t *key)
{
    struct needle *n = &needles[needle_count++];

    n->name = name;
    n->found = 0;
    for (size_t i = 0; i < NEEDLE; i++)
        n->masked[i] = key[i] ^ 0x5a;
}

static bool is_here(const uint8_t *at, const struct needle *n)
{
    uint8_t differs = 0;

    for (size_t i = 0; i < NEEDLE; i++)
        differs |= at[i] ^ n->masked[i] ^ 0x5a;
    return differs == 0;
}

static size_t pair(uint8_t first, uint8_t second)
{
    return (size_t)first << 8 | second;
}

/* Few places begin as a key does. By one byte it would be whole pages now and then: of zeros, or of what a sanitizer
 * fills its memory with. */
static void search_window(size_t len)
{
    static bool begins[1 << 16];

    memset(begins, 0, sizeof(begins));
    for (size_t k = 0; k < needle_count; k++)
        begins[pair(needles[k].masked[0] ^ 0x5a, needles[k].masked[1] ^ 0x5a)] = true;
    for (size_t i = 0; i + NEEDLE <= len; i++)
        for (size_t k = 0; begins[pair(window[i], window[i + 1])] && k < needle_count; k++)
            if (is_here(window + i, &needles[k]))
                needles[k].found++;
}

/* Every readable byte of this process, as it stands now. */
static void search_memory(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    unsigned long from, to;
    char line[512], rights[8];

    cr_assert(maps != NULL && mem >= 0);
    for (size_t k = 0; k < needle_count; k++)
        needles[k].found = 0;
    while (fgets(line, sizeof(line), maps) != NULL) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[0] != 'r')
            continue;
        if (to - from > MAPPED_MAX) /* the shadow of a sanitizer: no copy of anything */
            continue;
        for (unsigned long at = from; at < to; at += CHUNK - NEEDLE) {
            ssize_t got;

            if (at >= (unsigned long)window && at < (unsigned long)window + CHUNK)
                continue;
            got = pread(mem, window, at + CHUNK < to ? CHUNK : to - at, (off_t)at);
            if (got > 0)
                search_window((size_t)got);
            secret_wipe(window, CHUNK);
        }
    }
    (void)fclose(maps);
    (void)close(mem);
}

static void look_for_slot(const char *name, uint64_t slot)
{
    struct slab_key key;

    cr_assert_eq(slab_read(f.v->slab, slot, &key), ERR_OK);
    look_for(name, key.key);
    secret_wipe(&key, sizeof(key));
}

static void look_for_all(void)
{
    uint8_t derived[CRYPTO_KEY_BYTES];
    uint64_t slot = 0;

    vault__derive(f.root.bytes, CRYPTO_DERIVE_WRAP, derived);
    look_for("wrapping key", derived);
    vault__derive(f.root.bytes, CRYPTO_DERIVE_CHECK, derived);
    look_for("check key", derived);
    secret_wipe(derived, sizeof(derived));
    look_for("root key", f.root.bytes);
    look_for_slot("locator key", SLAB_SLOT_LOCATOR);
    look_for_slot("index key", SLAB_SLOT_INDEX);
    look_for_slot("ledger key", SLAB_SLOT_LEDGER);
    look_for_slot("signing seed", SLAB_SLOT_SIGNING);
    cr_assert_eq(fixture_subject(&f, "p0", &slot), ERR_OK);
    look_for_slot("a subject's key", slot);
    cr_assert_eq(fixture_subject(&f, "p9", &slot), ERR_OK);
    look_for_slot("another subject's key", slot);
    cr_assert_eq(fixture_subject(&f, "somebody", &slot), ERR_OK);
    look_for_slot("the key the writer used last", slot);
}

static void assert_seen(bool seen)
{
    secret_wipe_stack();
    search_memory();
    for (size_t k = 0; k < needle_count; k++)
        cr_expect_eq(needles[k].found > 0, seen, "%s: %u times", needles[k].name, needles[k].found);
}

/* E72 */
Test(seal, leaves_no_key_in_the_memory_of_the_process)
{
    static const char text[] = "lethe-v1 receipt\0{}";
    AUTO(root_key_done) struct root_key masked = {1, secret_alloc(ROOT_KEY_BYTES)};
    uint8_t signature[VAULT_SIGNATURE_BYTES];

    window = malloc(CHUNK);
    assert_serves(); /* every cache is filled */
    cr_assert_eq(vault_sign(f.v, span_of(text, sizeof(text) - 1), signature), ERR_OK);
    look_for_all();
    assert_seen(true);
    for (size_t i = 0; i < ROOT_KEY_BYTES; i++)
        masked.bytes[i] = f.root.bytes[i] ^ 0x33;
    secret_wipe(f.root.bytes, ROOT_KEY_BYTES);
    cr_assert_eq(seal(), ERR_OK);
    assert_seen(false);
    for (size_t i = 0; i < ROOT_KEY_BYTES; i++)
        f.root.bytes[i] = masked.bytes[i] ^ 0x33;
    cr_assert_eq(unseal_with(&f.root, NULL), ERR_OK);
    assert_serves();
    free(window);
}

Test(seal, leaves_no_key_in_memory_when_it_cannot_be_opened)
{
    char path[128];
    int fd;

    window = malloc(CHUNK);
    assert_serves();
    look_for_all();
    needles[2] = needles[--needle_count]; /* the root key is ours */
    cr_assert_eq(seal(), ERR_OK);
    (void)snprintf(path, sizeof(path), "%s", fixture_path(&f, "keys.slab"));
    fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, "x", 1, SLAB_HEADER_BYTES + SLAB_SLOT_LEDGER * SLAB_SLOT_BYTES + 60),
                 1);
    (void)close(fd);
    cr_assert_eq(unseal_with(&f.root, NULL), ERR_CORRUPT);
    assert_seen(false);
    free(window);
}

Test(seal, the_old_wrapping_key_leaves_memory_when_a_rotation_ends)
{
    AUTO(root_key_done) struct root_key next = {2, secret_alloc(ROOT_KEY_BYTES)};
    struct vault_rotate_begin begin = {.op.kind = VAULT_ROTATE_BEGIN, .next = &next};
    struct vault_rotate_step step = {.op.kind = VAULT_ROTATE_STEP, .limit = 1000, .more = true};
    uint8_t derived[CRYPTO_KEY_BYTES];

    window = malloc(CHUNK);
    vault__derive(f.root.bytes, CRYPTO_DERIVE_WRAP, derived);
    look_for("wrapping key", derived);
    vault__derive(f.root.bytes, CRYPTO_DERIVE_CHECK, derived);
    look_for("check key", derived);
    secret_wipe(derived, sizeof(derived));
    assert_seen(true);
    cr_assert_eq(vault_run(f.v, &begin.op), ERR_OK);
    while (step.more)
        cr_assert_eq(vault_run(f.v, &step.op), ERR_OK);
    assert_seen(false);
    assert_serves();
    free(window);
}
