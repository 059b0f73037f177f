/* SPDX-License-Identifier: Apache-2.0 */
/* Finding subjects and their keys quickly.
 * Runs on: the thread that owns the caches (the writer enters a reader's under its lock).
 * Holds: blind indexes, personal data themselves: wiped when dropped. Invariant: a cached name may
 * be stale, a cached key may not: whoever finds a name here asks for its key next, and an erased
 * subject has none. */
#include "vault/subjects_priv.h"

#include "base/assert.h"
#include "base/secret.h"

struct name_entry {
    uint8_t mac[CRYPTO_MAC_BYTES];
    uint64_t slot; /* 0: empty */
};

struct names {
    uint32_t mask;
    struct name_entry *entries;
};

struct names *names_new(uint32_t capacity)
{
    struct names *n = mem_alloc(sizeof(*n));

    REQUIRE(capacity > 1 && (capacity & (capacity - 1)) == 0);
    n->mask = capacity - 1;
    n->entries = mem_alloc((size_t)capacity * sizeof(n->entries[0]));
    return n;
}

void names_free(struct names **names)
{
    struct names *n = TAKE(*names);

    if (n == NULL)
        return;
    names_clear(n);
    free(n->entries);
    free(n);
}

/* A blind index is a keyed hash: any of its bytes will do. */
static struct name_entry *set_of(const struct names *n, const uint8_t mac[CRYPTO_MAC_BYTES])
{
    uint32_t hash;

    memcpy(&hash, mac, sizeof(hash));
    return &n->entries[hash & n->mask & ~1u];
}

static bool is_name(const struct name_entry *entry, const uint8_t mac[CRYPTO_MAC_BYTES])
{
    return entry->slot != 0 && secret_equal(entry->mac, mac, CRYPTO_MAC_BYTES);
}

uint64_t names_get(const struct names *n, const uint8_t mac[CRYPTO_MAC_BYTES])
{
    const struct name_entry *set = set_of(n, mac);

    if (is_name(&set[0], mac))
        return set[0].slot;
    return is_name(&set[1], mac) ? set[1].slot : 0;
}

void names_put(struct names *n, const uint8_t mac[CRYPTO_MAC_BYTES], uint64_t slot)
{
    struct name_entry *set = set_of(n, mac);

    if (!is_name(&set[0], mac))
        set[1] = set[0];
    memcpy(set[0].mac, mac, CRYPTO_MAC_BYTES);
    set[0].slot = slot;
}

void names_drop(struct names *n, uint64_t slot)
{
    for (uint32_t i = 0; i <= n->mask; i++)
        if (n->entries[i].slot == slot)
            secret_wipe(&n->entries[i], sizeof(n->entries[i]));
}

void names_clear(struct names *n)
{
    secret_wipe(n->entries, ((size_t)n->mask + 1) * sizeof(n->entries[0]));
}

enum err subject_key(const struct slab *slab, struct keycache *keys, uint64_t slot,
                     const struct keycache_entry **ret_entry)
{
    const struct keycache_entry *entry = keycache_get(keys, slot);
    struct slab_key found;
    enum err e;

    if (entry != NULL) {
        *ret_entry = entry;
        return ERR_OK;
    }
    e = slab_read(slab, slot, &found);
    if (e != ERR_OK)
        return e;
    if (found.kind == SLAB_SUBJECT)
        *ret_entry = keycache_put(keys, slot, (uint32_t)found.owner, found.subject, found.key);
    else
        e = ERR_NOT_FOUND;
    secret_wipe(&found, sizeof(found));
    return e;
}
