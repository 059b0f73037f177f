/* SPDX-License-Identifier: Apache-2.0 */
/* A table of unwrapped keys: buckets of four, the least recently used entry makes room.
 * Runs on: its owner's thread, or under its owner's lock. Holds: one guarded allocation.
 * Invariant: a slot stands in one entry at most; an entry dropped is all zeroes.
 * Not here: when a key must go (the vault says so). */
#include "vault/keycache_priv.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"

enum { WAYS = 4 };

struct keycache {
    struct keycache_entry *entries;
    unsigned bucket_shift; /* 64 - log2 of the number of buckets */
    uint32_t now;          /* one tick a use; ages are differences, so wrapping does no harm */
    size_t size;           /* bytes of the table */
};

_Static_assert(sizeof(struct keycache_entry) == 64, "an entry is a cache line");

struct keycache *keycache_new(uint32_t capacity)
{
    struct keycache *c = mem_alloc(sizeof(*c));
    uint64_t buckets = 2;

    c->bucket_shift = 63;
    while (buckets * WAYS < capacity) {
        buckets *= 2;
        c->bucket_shift--;
    }
    c->size = buckets * WAYS * sizeof(*c->entries);
    c->entries = (void *)secret_alloc(c->size);
    return c;
}

void keycache_free(struct keycache **cache)
{
    struct keycache *c = TAKE(*cache);
    uint8_t *table;

    if (c == NULL)
        return;
    table = (void *)c->entries;
    secret_free(&table);
    free(c);
}

/* Multiplied by 2^64 over the golden ratio, consecutive numbers spread evenly in the upper bits. */
static struct keycache_entry *bucket(const struct keycache *c, uint64_t slot)
{
    return c->entries + (slot * 0x9e3779b97f4a7c15u >> c->bucket_shift) * WAYS;
}

static struct keycache_entry *find(const struct keycache *c, uint64_t slot)
{
    struct keycache_entry *e = bucket(c, slot);

    if (slot == 0)
        return NULL;
    for (size_t i = 0; i < WAYS; i++) {
        if (e[i].slot == slot)
            return &e[i];
    }
    return NULL;
}

void keycache_expect(const struct keycache *c, uint64_t slot)
{
    __builtin_prefetch(bucket(c, slot), 1);
}

const struct keycache_entry *keycache_get(struct keycache *c, uint64_t slot)
{
    struct keycache_entry *e = find(c, slot);

    if (e != NULL)
        e->used = c->now++;
    return e;
}

/* The entry to take for a slot that is not held: an empty one, else the one unused for longest. */
static struct keycache_entry *make_room(struct keycache *c, uint64_t slot)
{
    struct keycache_entry *e = bucket(c, slot), *oldest = e;

    for (size_t i = 0; i < WAYS; i++) {
        if (e[i].slot == 0)
            return &e[i];
        if (c->now - e[i].used > c->now - oldest->used)
            oldest = &e[i];
    }
    return oldest;
}

const struct keycache_entry *keycache_put(struct keycache *c, uint64_t slot, uint32_t domain,
                                          const uint8_t subject[VAULT_ID_BYTES],
                                          const uint8_t key[CRYPTO_KEY_BYTES])
{
    struct keycache_entry *e;

    REQUIRE(slot != 0);
    e = find(c, slot);
    if (e == NULL)
        e = make_room(c, slot);
    e->slot = slot;
    e->domain = domain;
    e->used = c->now++;
    memcpy(e->subject, subject, VAULT_ID_BYTES);
    memcpy(e->key, key, CRYPTO_KEY_BYTES);
    return e;
}

void keycache_drop(struct keycache *c, uint64_t slot)
{
    struct keycache_entry *e = find(c, slot);

    if (e != NULL)
        secret_wipe(e, sizeof(*e));
}

void keycache_clear(struct keycache *c)
{
    secret_wipe(c->entries, c->size);
}
