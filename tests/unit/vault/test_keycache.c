/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/keycache_priv.h"

#include <criterion/criterion.h>

#include "base/mem.h"
#include "base/secret.h"

TestSuite(keycache, .init = secret_start);

static const uint8_t subject[VAULT_ID_BYTES] = {0x51};

static const struct keycache_entry *put(struct keycache *c, uint64_t slot)
{
    uint8_t key[CRYPTO_KEY_BYTES];

    memset(key, (int)(slot % 251) + 1, sizeof(key));
    return keycache_put(c, slot, (uint32_t)slot + 7, subject, key);
}

static void assert_holds(struct keycache *c, uint64_t slot)
{
    const struct keycache_entry *e = keycache_get(c, slot);

    cr_assert_not_null(e);
    cr_assert_eq(e->slot, slot);
    cr_assert_eq(e->domain, slot + 7);
    cr_assert_eq(e->key[31], slot % 251 + 1);
    cr_assert_arr_eq(e->subject, subject, sizeof(subject));
}

Test(keycache, gives_back_what_was_put)
{
    AUTO(keycache_free) struct keycache *c = keycache_new(1024);

    for (uint64_t slot = 2; slot < 102; slot++)
        cr_assert_eq(put(c, slot)->slot, slot);
    for (uint64_t slot = 2; slot < 102; slot++)
        assert_holds(c, slot);
}

Test(keycache, holds_nothing_it_was_not_given)
{
    AUTO(keycache_free) struct keycache *c = keycache_new(16);

    cr_assert_null(keycache_get(c, 5));
    cr_assert_null(keycache_get(c, 0));
    put(c, 5);
    cr_assert_null(keycache_get(c, 6));
    cr_assert_null(keycache_get(c, 0), "0 marks an empty entry");
}

Test(keycache, keeps_most_of_a_run_of_slots_as_long_as_its_capacity)
{
    AUTO(keycache_free) struct keycache *c = keycache_new(4096);
    size_t held = 0;

    for (uint64_t slot = 1; slot <= 4096; slot++)
        put(c, slot);
    for (uint64_t slot = 1; slot <= 4096; slot++)
        held += keycache_get(c, slot) != NULL;
    cr_assert_geq(held, 3600);
}

Test(keycache, never_holds_more_than_its_capacity_however_small)
{
    for (uint32_t capacity = 0; capacity < 64; capacity++) {
        AUTO(keycache_free) struct keycache *c = keycache_new(capacity);
        size_t held = 0;

        for (uint64_t slot = 1; slot <= 10000; slot++)
            put(c, slot);
        for (uint64_t slot = 1; slot <= 10000; slot++)
            held += keycache_get(c, slot) != NULL;
        cr_assert_leq(held, capacity < 8 ? 8 : 2 * capacity);
        assert_holds(c, 10000);
    }
}

Test(keycache, an_entry_in_use_outlives_the_ones_that_are_not)
{
    AUTO(keycache_free) struct keycache *c = keycache_new(64);

    put(c, 3);
    for (uint64_t slot = 100; slot < 5000; slot++) {
        put(c, slot);
        assert_holds(c, 3);
    }
}

Test(keycache, putting_a_slot_again_replaces_its_key)
{
    AUTO(keycache_free) struct keycache *c = keycache_new(16);
    uint8_t key[CRYPTO_KEY_BYTES] = {0xee};

    put(c, 5);
    keycache_put(c, 5, 9, subject, key);
    cr_assert_eq(keycache_get(c, 5)->key[0], 0xee);
    keycache_drop(c, 5);
    cr_assert_null(keycache_get(c, 5), "the older key came back");
}

Test(keycache, dropping_wipes_the_entry_and_no_other)
{
    AUTO(keycache_free) struct keycache *c = keycache_new(16);
    const struct keycache_entry *e = put(c, 5);
    static const struct keycache_entry empty;

    put(c, 6);
    keycache_drop(c, 5);
    keycache_drop(c, 5);
    keycache_drop(c, 77);
    cr_assert_null(keycache_get(c, 5));
    cr_assert_arr_eq(e, &empty, sizeof(empty));
    assert_holds(c, 6);
}

Test(keycache, clearing_wipes_every_entry)
{
    AUTO(keycache_free) struct keycache *c = keycache_new(16);
    const struct keycache_entry *e[8];
    static const struct keycache_entry empty;

    for (uint64_t slot = 1; slot <= 8; slot++)
        e[slot - 1] = put(c, slot);
    keycache_clear(c);
    for (uint64_t slot = 1; slot <= 8; slot++) {
        cr_assert_null(keycache_get(c, slot));
        cr_assert_arr_eq(e[slot - 1], &empty, sizeof(empty));
    }
}

Test(keycache, freeing_leaves_null_and_takes_null)
{
    struct keycache *c = keycache_new(16);

    keycache_free(&c);
    cr_assert_null(c);
    keycache_free(&c);
}
