/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/subjects_priv.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/secret.h"
#include "tests/support/scratch.h"
#include "vault/rootkey.h"

TestSuite(subjects, .init = secret_start);

static const uint8_t A[CRYPTO_MAC_BYTES] = {1, 2, 3, 4, 5}, B[CRYPTO_MAC_BYTES] = {9, 2, 3, 4, 5};
static const uint8_t SAME_PLACE[CRYPTO_MAC_BYTES] = {1, 2, 3, 4, 6};
static const uint8_t THIRD[CRYPTO_MAC_BYTES] = {1, 2, 3, 4, 7};

Test(subjects, names_are_remembered)
{
    struct names *n = names_new(16);

    cr_assert_eq(names_get(n, A), 0);
    names_put(n, A, 7);
    names_put(n, B, 8);
    cr_assert_eq(names_get(n, A), 7);
    cr_assert_eq(names_get(n, B), 8);
    names_free(&n);
    names_free(&n);
}

Test(subjects, names_at_one_place_are_never_taken_for_each_other)
{
    struct names *n = names_new(16);

    names_put(n, A, 7);
    cr_assert_eq(names_get(n, SAME_PLACE), 0);
    names_put(n, SAME_PLACE, 8);
    cr_assert_eq(names_get(n, A), 7);
    cr_assert_eq(names_get(n, SAME_PLACE), 8);
    names_put(n, THIRD, 9);
    cr_assert_eq(names_get(n, A), 0, "the one that came first makes room");
    cr_assert_eq(names_get(n, SAME_PLACE), 8);
    cr_assert_eq(names_get(n, THIRD), 9);
    names_free(&n);
}

Test(subjects, a_name_that_moves_is_held_once)
{
    struct names *n = names_new(2);

    names_put(n, A, 7);
    names_put(n, B, 8);
    names_put(n, A, 9);
    cr_assert_eq(names_get(n, A), 9);
    names_put(n, A, 10);
    cr_assert_eq(names_get(n, A), 10);
    cr_assert_eq(names_get(n, B), 8);
    names_drop(n, 10);
    cr_assert_eq(names_get(n, A), 0);
    names_free(&n);
}

Test(subjects, all_names_of_a_subject_are_dropped_together)
{
    struct names *n = names_new(16);

    names_put(n, A, 7);
    names_put(n, B, 7);
    names_drop(n, 8);
    cr_assert_eq(names_get(n, A), 7);
    names_drop(n, 7);
    cr_assert_eq(names_get(n, A), 0);
    cr_assert_eq(names_get(n, B), 0);
    names_put(n, A, 7);
    names_clear(n);
    cr_assert_eq(names_get(n, A), 0);
    names_free(&n);
}

Test(subjects, a_key_comes_from_the_slab_once_and_from_the_cache_then)
{
    struct scratch scratch = scratch_new();
    struct root_key root = {1, secret_alloc(ROOT_KEY_BYTES)};
    struct slab_key key = {.kind = SLAB_SUBJECT, .owner = 4, .subject = "x", .key = "k"};
    struct keycache *keys = keycache_new(16);
    const struct keycache_entry *entry = NULL;
    struct slab *slab = NULL;
    struct errmsg msg;
    uint64_t slot = 0;
    char path[128];

    snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "keys.slab"));
    cr_assert_eq(slab_create(path, &root, &msg), ERR_OK);
    cr_assert_eq(slab_open(path, &(struct root_keys){{root}, 1}, &slab, &msg), ERR_OK);
    cr_assert_eq(slab_add(slab, &key, &slot), ERR_OK);
    cr_assert_eq(subject_key(slab, keys, slot, &entry), ERR_OK);
    cr_assert(entry->domain == 4 && entry->key[0] == 'k' && entry->subject[0] == 'x');
    cr_assert_eq(slab_shred(slab, slot), ERR_OK);
    cr_assert_eq(subject_key(slab, keys, slot, &entry), ERR_OK, "whoever shreds drops it, too");
    keycache_drop(keys, slot);
    cr_assert_eq(subject_key(slab, keys, slot, &entry), ERR_NOT_FOUND);
    cr_assert_eq(subject_key(slab, keys, 0, &entry), ERR_NOT_FOUND, "the locator key is nobody's");
    cr_assert_eq(subject_key(slab, keys, 1, &entry), ERR_NOT_FOUND, "nor is an index key");
    cr_assert_eq(subject_key(slab, keys, 4711, &entry), ERR_NOT_FOUND);
    slab_close(&slab);
    keycache_free(&keys);
    secret_free(&root.bytes);
    scratch_remove(&scratch);
}
