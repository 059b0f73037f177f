/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/vault.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "base/clock.h"
#include "tests/support/scratch.h"
#include "tests/support/vault_fixture.h"
#include "vault/slab_priv.h"

static struct vault_fixture f;

static void setup(void)
{
    clock_test_set_ms(1700000000000);
    fixture_start(&f);
}

static void teardown(void)
{
    fixture_end(&f);
}

TestSuite(keys, .init = setup, .fini = teardown);

static struct span receipt(void)
{
    static const char text[] = "lethe-v1 receipt\0{}";

    return span_of(text, sizeof(text) - 1);
}

Test(keys, status_of_a_new_store)
{
    struct vault_key_status status;

    clock_test_set_ms(1800000000000);
    vault_key_status(f.v, &status);
    cr_assert_eq(status.epoch, 1);
    cr_assert_eq(status.old_epoch, 0);
    cr_assert_eq(status.epoch_began_ms, 1700000000000, "when it was made");
    cr_assert_eq(status.slots, SLAB_FIRST_SLOTS + FIXTURE_DOMAINS - 1);
    cr_assert_eq(status.rewrapped, status.slots);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    vault_key_status(f.v, &status);
    cr_assert_eq(status.epoch_began_ms, 1700000000000);
}

Test(keys, sign_for_the_life_of_a_store)
{
    uint8_t public_key[VAULT_PUBLIC_BYTES], again[VAULT_PUBLIC_BYTES];
    uint8_t signature[VAULT_SIGNATURE_BYTES];

    vault_sign_public(f.v, public_key);
    cr_assert_eq(vault_sign(f.v, receipt(), signature), ERR_OK);
    cr_assert(vault_signature_is_valid(public_key, receipt(), signature));
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    vault_sign_public(f.v, again);
    cr_assert_arr_eq(public_key, again, sizeof(again));
}

Test(keys, of_two_stores_sign_differently)
{
    struct vault_fixture other;
    uint8_t public_key[VAULT_PUBLIC_BYTES], signature[VAULT_SIGNATURE_BYTES];

    fixture_start(&other);
    vault_sign_public(other.v, public_key);
    cr_assert_eq(vault_sign(f.v, receipt(), signature), ERR_OK);
    cr_assert_not(vault_signature_is_valid(public_key, receipt(), signature));
    fixture_end(&other);
}

Test(keys, sign_nothing_that_does_not_say_what_it_is, .signal = SIGABRT)
{
    uint8_t signature[VAULT_SIGNATURE_BYTES];

    if (vault_sign(f.v, SPAN_LIT("{\"receipt\":1}"), signature) != ERR_OK)
        fixture_end(&f);
}

/* ---- damage ---- */

Test(keys, of_the_store_are_all_there_or_it_does_not_open)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s", fixture_path(&f, "keys.slab"));
    fixture_close(&f);
    for (size_t i = 0; i < SLAB_FIRST_SLOTS * SLAB_SLOT_BYTES; i++) {
        scratch_flip(path, SLAB_HEADER_BYTES + i, 0x20);
        cr_assert_eq(fixture_open(&f), ERR_CORRUPT, "byte %zu", i);
        cr_assert_null(f.v);
        cr_assert_not_null(strstr(f.msg.text, "keys.slab"), "%s", f.msg.text);
        cr_assert_not_null(strstr(f.msg.text, "cannot be read"), "%s", f.msg.text);
        scratch_flip(path, SLAB_HEADER_BYTES + i, 0x20);
    }
    cr_assert_eq(fixture_open(&f), ERR_OK);
}

Test(keys, survive_damage_of_either_header_copy)
{
    struct token_text token;
    char path[128];

    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "x", &token), ERR_OK);
    (void)snprintf(path, sizeof(path), "%s", fixture_path(&f, "keys.slab"));
    fixture_close(&f);
    for (size_t i = 0; i < SLAB_HEADER_BYTES; i += i % 2048 < 112 ? 1 : 211) {
        scratch_flip(path, i, 0x80);
        cr_assert_eq(fixture_open(&f), ERR_OK, "byte %zu: %s", i, f.msg.text);
        cr_assert(fixture_reveals(&f, &token, "x"));
        fixture_close(&f);
        scratch_flip(path, i, 0x80);
    }
    cr_assert_eq(fixture_open(&f), ERR_OK);
}

Test(keys, in_a_slot_of_another_are_not_taken_for_it)
{
    uint8_t slot[SLAB_SLOT_BYTES];
    char path[128];

    (void)snprintf(path, sizeof(path), "%s", fixture_path(&f, "keys.slab"));
    fixture_close(&f);
    for (size_t to = 0; to < SLAB_FIRST_SLOTS; to++) {
        const size_t from = (to + 1) % SLAB_FIRST_SLOTS;
        uint8_t kept[SLAB_SLOT_BYTES];

        cr_assert_eq(
            scratch_read(path, SLAB_HEADER_BYTES + from * SLAB_SLOT_BYTES, slot, sizeof(slot)),
            sizeof(slot));
        cr_assert_eq(
            scratch_read(path, SLAB_HEADER_BYTES + to * SLAB_SLOT_BYTES, kept, sizeof(kept)),
            sizeof(kept));
        scratch_write(path, SLAB_HEADER_BYTES + to * SLAB_SLOT_BYTES, slot, sizeof(slot));
        cr_assert_eq(fixture_open(&f), ERR_CORRUPT, "slot %zu", to);
        memset(slot, 0, sizeof(slot));
        scratch_write(path, SLAB_HEADER_BYTES + to * SLAB_SLOT_BYTES, slot, sizeof(slot));
        cr_assert_eq(fixture_open(&f), ERR_CORRUPT, "slot %zu is empty", to);
        scratch_write(path, SLAB_HEADER_BYTES + to * SLAB_SLOT_BYTES, kept, sizeof(kept));
    }
    cr_assert_eq(fixture_open(&f), ERR_OK);
}
