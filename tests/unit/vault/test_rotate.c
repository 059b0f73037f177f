/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/vault.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/scratch.h"
#include "tests/support/vault_fixture.h"
#include "vault/vault_priv.h"

enum { PEOPLE = 60 };

static const int64_t MADE_MS = 1700000000000, ROTATED_MS = 1710000000000;

static struct vault_fixture f;
static struct token_text tokens[PEOPLE];

static void setup(void)
{
    clock_test_set_ms(MADE_MS);
    fixture_start(&f);
    for (unsigned i = 0; i < PEOPLE; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "p%u", i);
        cr_assert_eq(fixture_tokenize(&f, f.email, name, name, &tokens[i]), ERR_OK);
    }
    f.next = (struct root_key){2, secret_alloc(ROOT_KEY_BYTES)};
    secret_random(f.next.bytes, ROOT_KEY_BYTES);
}

static void teardown(void)
{
    fixture_end(&f);
}

TestSuite(rotate, .init = setup, .fini = teardown);

static enum err begin(void)
{
    struct vault_rotate_begin op = {.op.kind = VAULT_ROTATE_BEGIN, .next = &f.next};

    return vault_run(f.v, &op.op);
}

static enum err step(size_t limit, bool *ret_more)
{
    struct vault_rotate_step op = {.op.kind = VAULT_ROTATE_STEP, .limit = limit};
    enum err e = vault_run(f.v, &op.op);

    *ret_more = op.more;
    return e;
}

static void finish(size_t limit)
{
    bool more = true;

    for (unsigned i = 0; i < 1000 && more; i++)
        cr_assert_eq(step(limit, &more), ERR_OK);
    cr_assert_not(more);
}

/* From here on the fixture has the new root key alone. */
static void drop_old_root(void)
{
    root_key_done(&f.root);
    f.root = f.next;
    f.next = (struct root_key){0, NULL};
}

static void reopen(void)
{
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

static void assert_all(void)
{
    for (unsigned i = 0; i < PEOPLE; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "p%u", i);
        cr_assert(fixture_reveals(&f, &tokens[i], name), "%s", name);
    }
}

static enum err count_epochs(const struct ledger_record *r, void *context)
{
    if (r->kind != LEDGER_EPOCH)
        return ERR_OK;
    (*(unsigned *)context)++;
    cr_assert_eq(r->slot, 2);
    cr_assert_eq(r->time_ms, ROTATED_MS);
    return ERR_OK;
}

static unsigned epochs_in_ledger(void)
{
    unsigned count = 0;

    cr_assert_eq(ledger_each(f.v->ledger, count_epochs, &count), ERR_OK);
    return count;
}

Test(rotate, goes_on_while_the_vault_serves_and_outlives_the_old_root)
{
    struct token_text late;
    struct vault_erasure erasure;
    struct vault_key_status status;
    uint64_t slots;
    bool more = false;

    vault_key_status(f.v, &status);
    slots = status.slots;
    cr_assert_eq(begin(), ERR_OK);
    cr_assert_eq(step(20, &more), ERR_OK);
    cr_assert(more);
    assert_all();
    cr_assert_eq(fixture_tokenize(&f, f.note, "late", "x", &late), ERR_OK);
    cr_assert_eq(fixture_erase(&f, "p3", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    cr_assert_eq(fixture_erase(&f, "p50", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    vault_key_status(f.v, &status);
    cr_assert(status.epoch == 2 && status.old_epoch == 1 && status.epoch_began_ms == MADE_MS);
    cr_assert_eq(status.rewrapped, 20);
    cr_assert_eq(status.slots, slots + 1);
    cr_assert_eq(epochs_in_ledger(), 0, "it has not begun before the end");
    clock_test_set_ms(ROTATED_MS);
    finish(7);
    vault_key_status(f.v, &status);
    cr_assert(status.epoch == 2 && status.old_epoch == 0 && status.epoch_began_ms == ROTATED_MS);
    cr_assert_eq(epochs_in_ledger(), 1);
    clock_test_set_ms(MADE_MS + 5000);
    drop_old_root();
    reopen();
    cr_assert(fixture_reveals(&f, &late, "x"));
    for (unsigned i = 0; i < PEOPLE; i++)
        cr_assert_eq(fixture_reveals(&f, &tokens[i], "p3"), false);
    cr_assert(fixture_reveals(&f, &tokens[4], "p4"));
    cr_assert_not(fixture_reveals(&f, &tokens[50], "p50"));
    vault_key_status(f.v, &status);
    cr_assert_eq(status.epoch_began_ms, ROTATED_MS);
}

Test(rotate, done_is_not_to_be_opened_with_the_old_root)
{
    struct root_key new;

    cr_assert_eq(begin(), ERR_OK);
    finish(1000);
    fixture_close(&f);
    new = f.next;
    f.next = (struct root_key){0, NULL};
    cr_assert_eq(fixture_open(&f), ERR_SEALED);
    cr_assert_not_null(strstr(f.msg.text, "epoch 2 is wanted, the key given is of epoch 1"), "%s",
                       f.msg.text);
    f.next = new;
    cr_assert_eq(fixture_open(&f), ERR_OK,
                 "both are there still: nobody has destroyed the old one");
    assert_all();
}

Test(rotate, half_done_says_which_root_is_missing)
{
    bool more = false;

    cr_assert_eq(begin(), ERR_OK);
    cr_assert_eq(step(10, &more), ERR_OK);
    fixture_close(&f);
    drop_old_root();
    cr_assert_eq(fixture_open(&f), ERR_SEALED);
    cr_assert_not_null(strstr(f.msg.text, "keys.slab"), "%s", f.msg.text);
    cr_assert_not_null(strstr(f.msg.text, "the root key of epoch 1 is needed, too"), "%s",
                       f.msg.text);
}

Test(rotate, without_one_going_on_is_done_at_once)
{
    bool more = true;

    cr_assert_eq(step(10, &more), ERR_OK);
    cr_assert_not(more);
    cr_assert_eq(step(0, &more), ERR_INVALID);
    cr_assert_eq(epochs_in_ledger(), 0);
    cr_assert_eq(begin(), ERR_OK);
    cr_assert_eq(begin(), ERR_OK, "again, as after a crash of who drives it");
    finish(9);
    cr_assert_eq(begin(), ERR_OK);
    cr_assert_eq(step(10, &more), ERR_OK);
    cr_assert_not(more);
}

Test(rotate, refuses_an_older_slab_under_its_old_root)
{
    size_t size = scratch_size(fixture_path(&f, "keys.slab"));
    uint8_t *copy = malloc(size);

    fixture_close(&f);
    cr_assert_eq(scratch_read(fixture_path(&f, "keys.slab"), 0, copy, size), size);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(begin(), ERR_OK);
    finish(100);
    fixture_close(&f);
    scratch_write(fixture_path(&f, "keys.slab"), 0, copy, size);
    cr_assert_eq(fixture_open(&f), ERR_CORRUPT);
    cr_assert_not_null(strstr(f.msg.text, "is of epoch 1, but epoch 2 has begun"), "%s",
                       f.msg.text);
    free(copy);
}

Test(rotate, signs_with_the_same_key_afterwards)
{
    static const char text[] = "lethe-v1 receipt\0{}";
    const struct span message = span_of(text, sizeof(text) - 1);
    uint8_t public_key[VAULT_PUBLIC_BYTES], signature[VAULT_SIGNATURE_BYTES];

    vault_sign_public(f.v, public_key);
    cr_assert_eq(begin(), ERR_OK);
    finish(100);
    drop_old_root();
    reopen();
    cr_assert_eq(vault_sign(f.v, message, signature), ERR_OK);
    cr_assert(vault_signature_is_valid(public_key, message, signature));
}

Test(rotate, that_cannot_enter_the_ledger_does_not_end)
{
    struct vault_key_status status;
    bool more = true;

    cr_assert_eq(begin(), ERR_OK);
    cr_assert_eq(step(1000, &more), ERR_OK);
    cr_assert(more, "one more pass looks whether all is done");
    fault_test_set("file.full!io", NULL);
    cr_assert_eq(step(1000, &more), ERR_NO_SPACE);
    fault_test_set(NULL, NULL);
    cr_assert(more);
    vault_key_status(f.v, &status);
    cr_assert(status.old_epoch == 1 && status.epoch_began_ms == MADE_MS);
    clock_test_set_ms(ROTATED_MS);
    finish(1000);
    cr_assert_eq(epochs_in_ledger(), 1);
    assert_all();
}

Test(rotate, ends_when_the_person_whose_key_is_damaged_has_been_erased)
{
    struct vault_erasure erasure;
    struct vault_verification found;
    uint64_t slot = 0;
    size_t deleted = 0;
    bool more = true;
    enum err e = ERR_OK;
    char value[16];

    cr_assert_eq(fixture_subject(&f, "p7", &slot), ERR_OK);
    reopen(); /* no cache has the key */
    scratch_flip(fixture_path(&f, "keys.slab"), SLAB_HEADER_BYTES + slot * SLAB_SLOT_BYTES + 70,
                 0x08);
    cr_assert_eq(fixture_reveal(&f, &tokens[7], value, sizeof(value)), ERR_CORRUPT);
    cr_assert_eq(begin(), ERR_OK);
    while (more && e == ERR_OK)
        e = step(1000, &more);
    cr_assert(e == ERR_CORRUPT && more);
    cr_assert_eq(fixture_erase(&f, "p7", &erasure), ERR_OK);
    cr_assert_eq(erasure.slot, slot);
    cr_assert_eq(fixture_sweep(&f, slot, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &found), ERR_OK);
    cr_assert(found.slot_zero && found.samples_unreadable && found.key_absent);
    vault_erasure_done(&erasure);
    finish(1000);
    drop_old_root();
    reopen();
    cr_assert_eq(fixture_reveal(&f, &tokens[7], value, sizeof(value)), ERR_NOT_FOUND);
    cr_assert(fixture_reveals(&f, &tokens[8], "p8"));
}

/* ---- crashes ---- */

static const char *const points[] = {
    "rotate.header", "rotate.begun",      "rotate.step",     "rotate.step:2",   "rotate.step:9",
    "ledger.synced", "rotate.before_end", "ledger.appended", "rotate.header:2", "rotate.ended",
};

/* Begin and go to the end, in a child that is killed at `point`. */
static void killed_at(const char *point)
{
    int status = 0;
    pid_t child;

    fixture_close(&f);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        bool more = true;

        if (fixture_open(&f) != ERR_OK)
            _exit(1);
        fault_test_set(point, NULL);
        if (begin() != ERR_OK)
            _exit(2);
        while (more)
            if (step(10, &more) != ERR_OK)
                _exit(3);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", point, status);
}

Test(rotate, killed_anywhere_goes_on_from_there)
{
    clock_test_set_ms(ROTATED_MS);
    for (size_t i = 0; i < COUNT_OF(points); i++) {
        killed_at(points[i]);
        cr_assert_eq(fixture_open(&f), ERR_OK, "%s: %s", points[i], f.msg.text);
        assert_all();
        cr_assert_eq(begin(), ERR_OK, "%s", points[i]);
        finish(25);
        cr_assert_eq(epochs_in_ledger(), 1, "%s", points[i]);
        drop_old_root();
        reopen();
        assert_all();
        teardown();
        setup();
        clock_test_set_ms(ROTATED_MS);
    }
}
