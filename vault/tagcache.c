/* SPDX-License-Identifier: Apache-2.0 */
/* A table of tags by slot; who comes later takes the place.
 * Runs on: its owner's thread, or under its owner's lock. Holds: tags, no key. Invariant: a tag is given only for the
 * subject whose random id it was put with, so that a slot which is given to somebody else has none.
 * Not here: when a tag must go (erasure.c, seal.c). */
#include "vault/tagcache_priv.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"

struct entry {
    uint64_t slot; /* 0 is never a subject's slot: empty */
    uint8_t subject[VAULT_ID_BYTES];
    uint8_t tag[AUDIT_TAG_BYTES];
};

struct tagcache {
    uint32_t capacity;
    struct entry entries[];
};

struct tagcache *tagcache_new(uint32_t capacity)
{
    struct tagcache *c = mem_alloc(sizeof(*c) + capacity * sizeof(c->entries[0]));

    REQUIRE(capacity > 0 && (capacity & (capacity - 1)) == 0);
    c->capacity = capacity;
    return c;
}

void tagcache_free(struct tagcache **cache)
{
    struct tagcache *c = TAKE(*cache);

    if (c == NULL)
        return;
    tagcache_clear(c);
    free(c);
}

/* Slots count up, so that neighbours have places of their own. */
static size_t place_of(const struct tagcache *c, uint64_t slot)
{
    return (size_t)slot & (c->capacity - 1);
}

const uint8_t *tagcache_get(const struct tagcache *c, uint64_t slot,
                            const uint8_t subject[VAULT_ID_BYTES])
{
    const struct entry *entry = &c->entries[place_of(c, slot)];

    return entry->slot == slot && slot != 0 && memcmp(entry->subject, subject, VAULT_ID_BYTES) == 0
               ? entry->tag
               : NULL;
}

void tagcache_put(struct tagcache *c, uint64_t slot, const uint8_t subject[VAULT_ID_BYTES],
                  const uint8_t tag[AUDIT_TAG_BYTES])
{
    struct entry *entry = &c->entries[place_of(c, slot)];

    entry->slot = slot;
    memcpy(entry->subject, subject, VAULT_ID_BYTES);
    memcpy(entry->tag, tag, AUDIT_TAG_BYTES);
}

void tagcache_drop(struct tagcache *c, uint64_t slot)
{
    struct entry *entry = &c->entries[place_of(c, slot)];

    if (entry->slot == slot)
        secret_wipe(entry, sizeof(*entry));
}

void tagcache_clear(struct tagcache *c)
{
    secret_wipe(c->entries, c->capacity * sizeof(c->entries[0]));
}
