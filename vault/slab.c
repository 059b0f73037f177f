/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapped keys in fixed slots, overwritten in place.
 * Runs on: the writer's thread; slab_read() and slab_raw() on any. Holds: the file, the header, keys
 * derived from the root keys in guarded memory. Invariant: a slot number is given out once, whatever
 * happens between two syncs; after a failed sync nothing is written any more. Not here: making and
 * opening (slab_open.c), rotation (slab_rotate.c), whose key it is and when it must go. */
#include "vault/slab_priv.h"

#include <string.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/slab_file_priv.h"

enum {
    RUN_BYTES = 1 << 20,
    FIRST_BLOCK =
        64, /* slots reserved at a time: few at first, since a restart gives up the rest */
    LAST_BLOCK = 4096
};

static const uint64_t ROWS_MAX = UINT64_C(1) << 48;  /* a token has 48 bits for the row */
static const uint64_t SLOTS_MAX = UINT64_C(1) << 40; /* bounds the file, not the use */

/* ---- the header ---- */

enum err slab_header_write(struct slab *s)
{
    uint8_t copy[SLAB_COPY_BYTES];
    enum err e;

    s->header.sequence++;
    s->header.used = s->used;
    slab_header_encode(&s->header, s->check_key, copy);
    (void)pthread_mutex_lock(&s->lock);
    e = vault__file_write(s->fd, copy, sizeof(copy), (s->header.sequence % 2) * SLAB_COPY_BYTES);
    (void)pthread_mutex_unlock(&s->lock);
    return e;
}

/* ---- slots ---- */

/* Make room for `slots` in all, by runs of zeroes that are on the medium before a key goes there: a
 * slot in blocks that were only allocated would be moved at its first write. */
static enum err grow(struct slab *s, uint64_t slots)
{
    AUTO(mem_free) uint8_t *zeroes = NULL;
    enum err e = ERR_OK;

    if (slots <= s->capacity)
        return ERR_OK;
    zeroes = mem_alloc(RUN_BYTES);
    while (s->capacity < slots) {
        e = vault__file_write(s->fd, zeroes, RUN_BYTES, slab_slot_at(s->capacity));
        if (e != ERR_OK)
            return e; /* tried again from the same place */
        e = vault__file_sync(s->fd);
        if (e != ERR_OK)
            return e;
        s->capacity += RUN_BYTES / SLAB_SLOT_BYTES;
    }
    return ERR_OK;
}

static pthread_mutex_t *lock_of(const struct slab *s)
{
    return (pthread_mutex_t *)&s->lock;
}

static enum err overwrite(struct slab *s, uint64_t slot, const uint8_t bytes[SLAB_SLOT_BYTES])
{
    enum err e;

    (void)pthread_mutex_lock(&s->lock);
    e = vault__file_write(s->fd, bytes, SLAB_SLOT_BYTES, slab_slot_at(slot));
    (void)pthread_mutex_unlock(&s->lock);
    return e;
}

/* ---- using it ---- */

const uint8_t *slab_store_id(const struct slab *s)
{
    return s->header.store_id;
}

static uint32_t epoch_of(const struct slab *s, const struct wrapping *w)
{
    uint32_t epoch;

    (void)pthread_rwlock_rdlock(slab_keys_lock(s));
    epoch = w->epoch;
    (void)pthread_rwlock_unlock(slab_keys_lock(s));
    return epoch;
}

uint32_t slab_epoch(const struct slab *s)
{
    return epoch_of(s, &s->wraps[WRAP_NEW]);
}

uint32_t slab_old_epoch(const struct slab *s)
{
    return epoch_of(s, &s->wraps[WRAP_OLD]);
}

uint64_t slab_slots_used(const struct slab *s)
{
    return s->used;
}

/* A full medium may have room later; anything else ends writing for good. */
static enum err note_failure(struct slab *s, enum err e)
{
    if (e == ERR_IO)
        s->failed = true;
    return e;
}

/* ---- numbers that nobody else gives out ---- */

void slab_reserve_with(struct slab *s, slab_reserve_fn fn, void *context)
{
    s->reserve = fn;
    s->reserve_context = context;
    s->slots_below = 0;
    s->block = FIRST_BLOCK;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void slab_skip(struct slab *s, uint64_t slots, uint64_t rows)
{
    s->slots_from = larger(s->slots_from, slots);
    s->rows_from = larger(s->rows_from, rows);
}

/* Blocks double, so that a busy process asks seldom. */
static enum err reserve_slots(struct slab *s)
{
    const uint64_t first = larger(s->used, s->slots_from);
    enum err e;

    if (s->reserve == NULL || s->used < s->slots_below)
        return ERR_OK;
    if (first >= SLOTS_MAX)
        return ERR_NO_SPACE;
    e = s->reserve(s->reserve_context, first + s->block, larger(s->header.rows, s->rows_from));
    if (e != ERR_OK)
        return e;
    s->used = first;
    s->slots_below = first + s->block;
    s->block = s->block < LAST_BLOCK ? 2 * s->block : LAST_BLOCK;
    return ERR_OK;
}

enum err slab_add(struct slab *s, const struct slab_key *key, uint64_t *ret_slot)
{
    uint8_t bytes[SLAB_SLOT_BYTES];
    uint64_t slot;
    uint8_t nonce[CRYPTO_NONCE_BYTES];
    enum err e = slab_may_write(s);

    if (e == ERR_OK)
        e = reserve_slots(s);
    if (e != ERR_OK)
        return e;
    slot = s->used;
    if (slot >= SLOTS_MAX)
        return ERR_NO_SPACE;
    e = grow(s, slot + 1);
    if (e != ERR_OK)
        return note_failure(s, e);
    s->used = slot + 1; /* taken from here on, even if the write fails half-way */
    s->dirty = true;
    secret_random(nonce, sizeof(nonce));
    slab_slot_encode(&s->header, s->wraps[WRAP_NEW].key, slot, key, nonce, bytes);
    e = overwrite(s, slot, bytes);
    if (e != ERR_OK)
        return note_failure(s, e);
    FAULT_POINT("slab.added");
    *ret_slot = slot;
    return ERR_OK;
}

enum err slab_flush(struct slab *s)
{
    enum err e = slab_header_write(s);

    if (e == ERR_OK)
        e = vault__file_sync(s->fd);
    if (e != ERR_OK)
        return note_failure(s, e);
    s->dirty = false;
    return ERR_OK;
}

enum err slab_sync(struct slab *s)
{
    enum err e = slab_may_write(s);

    return e == ERR_OK && s->dirty ? slab_flush(s) : e;
}

enum err slab_reserve_rows(struct slab *s, uint64_t count, uint64_t *ret_first)
{
    uint64_t first = larger(s->header.rows, s->rows_from);
    enum err e = slab_may_write(s);

    if (e != ERR_OK)
        return e;
    if (first > ROWS_MAX || count > ROWS_MAX - first)
        return ERR_NO_SPACE;
    if (s->reserve != NULL)
        e = s->reserve(s->reserve_context, larger(s->slots_below, larger(s->used, s->slots_from)),
                       first + count);
    if (e != ERR_OK)
        return e;
    s->header.rows = first + count;
    e = slab_flush(s);
    if (e != ERR_OK)
        return e;
    *ret_first = first;
    return ERR_OK;
}

enum err slab_clear(struct slab *s, uint64_t slot)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    enum err e = slab_may_write(s);

    REQUIRE(slot >= SLAB_FIRST_SLOTS); /* the store's own keys are always needed */
    if (e != ERR_OK)
        return e;
    if (slot >= s->used)
        return ERR_NOT_FOUND;
    s->dirty = true;
    e = overwrite(s, slot, zeroes);
    return e == ERR_OK ? e : note_failure(s, e);
}

enum err slab_shred(struct slab *s, uint64_t slot)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    enum err e = slab_may_write(s);

    if (FAULT_MUTANT("shred.lies"))
        return ERR_OK;
    if (FAULT_MUTANT("shred.wrong_slot"))
        slot++;
    REQUIRE(slot >= SLAB_FIRST_SLOTS);
    if (e != ERR_OK)
        return e;
    if (slot >= SLOTS_MAX)
        return ERR_NOT_FOUND;
    if (slot >= s->used) {
        /* A restored slab is older than the ledger: the number must not be given to somebody else.
         */
        e = grow(s, slot + 1);
        if (e != ERR_OK)
            return note_failure(s, e);
        s->used = slot + 1;
        s->dirty = true;
    }
    e = overwrite(s, slot, zeroes);
    if (e != ERR_OK)
        return note_failure(s, e);
    FAULT_POINT("slab.before_shred_sync");
    if (s->dirty) {
        e = slab_flush(s);
    } else {
        e = vault__file_sync(s->fd);
        s->failed = e != ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    FAULT_POINT("slab.shredded");
    return ERR_OK;
}

/* As it is in the file; half of it may be new when the writer is just at it. */
static enum err read_slot(const struct slab *s, uint64_t slot, uint8_t ret[SLAB_SLOT_BYTES])
{
    uint8_t bytes[SLAB_SLOT_BYTES] = {0};
    size_t got = 0;
    enum err e;

    if (slot >= SLOTS_MAX)
        return ERR_NOT_FOUND;
    e = vault__file_read(s->fd, bytes, sizeof(bytes), slab_slot_at(slot), &got);
    if (e != ERR_OK)
        return e;
    memcpy(ret, bytes, sizeof(bytes)); /* past the end of the file: zeroes */
    return ERR_OK;
}

enum err slab_bytes(const struct slab *s, uint64_t at, void *to, size_t len, size_t *ret_got)
{
    enum err e;

    (void)pthread_mutex_lock(lock_of(s));
    e = vault__file_read(s->fd, to, len, at, ret_got);
    (void)pthread_mutex_unlock(lock_of(s));
    return e;
}

enum err slab_raw(const struct slab *s, uint64_t slot, uint8_t ret[SLAB_SLOT_BYTES])
{
    enum err e;

    (void)pthread_mutex_lock(lock_of(s));
    e = read_slot(s, slot, ret);
    (void)pthread_mutex_unlock(lock_of(s));
    return e;
}

static enum err decode(const struct slab *s, uint64_t slot, const uint8_t bytes[SLAB_SLOT_BYTES],
                       struct slab_key *ret)
{
    const uint32_t epoch = slab_slot_epoch(bytes);
    enum err e;

    if (slab_is_zero(bytes, SLAB_SLOT_BYTES))
        return ERR_NOT_FOUND;
    (void)pthread_rwlock_rdlock(slab_keys_lock(s));
    e = s->sealed ? ERR_SEALED : ERR_CORRUPT; /* as when it names an epoch that has ended */
    for (size_t i = 0; !s->sealed && i < WRAPPINGS; i++)
        if (s->wraps[i].epoch != 0 && s->wraps[i].epoch == epoch)
            e = slab_slot_decode(&s->header, s->wraps[i].key, slot, bytes, ret);
    (void)pthread_rwlock_unlock(slab_keys_lock(s));
    return e;
}

enum err slab_read(const struct slab *s, uint64_t slot, struct slab_key *ret)
{
    uint8_t bytes[SLAB_SLOT_BYTES];
    enum err e =
        read_slot(s, slot, bytes); /* without the lock: threads do not wait for each other */

    if (e != ERR_OK)
        return e;
    e = decode(s, slot, bytes, ret);
    if (e != ERR_CORRUPT)
        return e;
    e = slab_raw(s, slot, bytes); /* damaged, or the writer was half-way over it */
    return e == ERR_OK ? decode(s, slot, bytes, ret) : e;
}

bool slab_wrapping_keys_any(const struct slab *s,
                            bool (*fn)(const uint8_t key[CRYPTO_KEY_BYTES], const void *context),
                            const void *context)
{
    bool any = false;

    (void)pthread_rwlock_rdlock(slab_keys_lock(s));
    for (size_t i = 0; i < WRAPPINGS; i++)
        any = any || (s->wraps[i].epoch != 0 && fn(s->wraps[i].key, context));
    (void)pthread_rwlock_unlock(slab_keys_lock(s));
    return any;
}
