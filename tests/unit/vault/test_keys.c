/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/vault.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "base/clock.h"
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
