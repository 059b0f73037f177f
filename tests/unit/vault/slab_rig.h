/* SPDX-License-Identifier: Apache-2.0 */
/* A slab under a known root key in a folder of its own, for the tests of vault/slab*.c; each of them
 * includes this once. */
#pragma once

#include <criterion/criterion.h>

#include "base/secret.h"
#include "tests/support/scratch.h"
#include "vault/rootkey.h"
#include "vault/slab_priv.h"

enum { FIRST = SLAB_FIRST_SLOTS }; /* the slot of the first key added */
enum { RUN_SLOTS = (1 << 20) / SLAB_SLOT_BYTES };

static uint8_t root_bytes[ROOT_KEY_BYTES];
static const struct root_key root = {3, root_bytes};
static const struct root_keys roots = {{{3, root_bytes}}, 1};
static struct scratch scratch;
static const char *path;

/* A new slab under a known root key. */
static inline void setup(void)
{
    struct errmsg msg;

    secret_start();
    for (uint8_t i = 0; i < sizeof(root_bytes); i++)
        root_bytes[i] = i;
    scratch = scratch_new();
    path = scratch_path(&scratch, "keys.slab");
    cr_assert_eq(slab_create(path, &root, &msg), ERR_OK, "%s", msg.text);
}

static inline void teardown(void)
{
    scratch_remove(&scratch);
}

static inline struct slab *open_slab(void)
{
    struct slab *s = NULL;
    struct errmsg msg;

    cr_assert_eq(slab_open(path, &roots, &s, &msg), ERR_OK, "%s", msg.text);
    return s;
}

static inline void assert_refused(const struct root_keys *keys, enum err expected,
                                  const char *words)
{
    struct slab *s = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(slab_open(path, keys, &s, &msg), expected, "%s", msg.text);
    cr_assert_null(s);
    cr_assert_not_null(strstr(msg.text, path), "%s", msg.text);
    cr_assert_not_null(strstr(msg.text, words), "%s", msg.text);
}

static inline struct slab_key key_of(uint64_t n)
{
    struct slab_key key = {.kind = SLAB_SUBJECT, .owner = VAULT_DOMAIN_DEFAULT};

    memset(key.subject, (int)(n % 251), sizeof(key.subject));
    memcpy(key.key, &n, sizeof(n));
    memset(key.key + sizeof(n), 0xa5, sizeof(key.key) - sizeof(n));
    return key;
}

static inline uint64_t add(struct slab *s, uint64_t n)
{
    struct slab_key key = key_of(n);
    uint64_t slot = 0;

    cr_assert_eq(slab_add(s, &key, &slot), ERR_OK);
    return slot;
}

static inline void assert_holds(struct slab *s, uint64_t slot, uint64_t n)
{
    struct slab_key key, expected = key_of(n);

    cr_assert_eq(slab_read(s, slot, &key), ERR_OK);
    cr_assert_eq(key.kind, expected.kind);
    cr_assert_eq(key.owner, expected.owner);
    cr_assert_arr_eq(key.subject, expected.subject, sizeof(key.subject));
    cr_assert_arr_eq(key.key, expected.key, sizeof(key.key));
}

static inline size_t place(uint64_t slot)
{
    return SLAB_HEADER_BYTES + slot * SLAB_SLOT_BYTES;
}
