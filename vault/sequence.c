/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences of numbers for typed tokens.
 * Runs on: the writer's thread; finding and summing on any. Holds: a table that only grows, so that
 * readers need no lock. Invariant: `next` never goes down but for numbers that nothing was made of,
 * and what is committed lies below what the ledger says is given out.
 * Not here: what a number looks like as a token (format.h). */
#include "vault/sequence_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/mem.h"

enum {
    BUCKETS = 4096,
    BLOCK_MAX = 4096,
    CAPACITY_PER_BLOCK = 1024,
    CAPACITY_PER_DECOY = 1024,
    DECOYS_MAX = 65536
};

struct sequences {
    _Atomic(struct sequence *) buckets[BUCKETS];
    uint32_t last_index[CLASSES_MAX + 1]; /* the writer's */
    struct sequence *changed;             /* the writer's */
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct sequences *sequences_new(void)
{
    return mem_alloc(sizeof(struct sequences));
}

void sequences_free(struct sequences **sequences)
{
    struct sequences *q = TAKE(*sequences);

    if (q == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct sequence *x = atomic_load(&q->buckets[i]);

        while (x != NULL) {
            struct sequence *next = x->next_in_bucket;

            free(x);
            x = next;
        }
    }
    free(q);
}

uint64_t sequence_room(uint64_t capacity)
{
    uint64_t decoys = capacity / CAPACITY_PER_DECOY;

    decoys = decoys < 1 ? 1 : decoys > DECOYS_MAX ? DECOYS_MAX : decoys;
    return capacity > decoys ? capacity - decoys : 0;
}

/* ---- the table ---- */

/* An id is a keyed hash: any of its bytes will do. */
static size_t bucket_of(const uint8_t id[CRYPTO_MAC_BYTES])
{
    uint32_t hash;

    memcpy(&hash, id, sizeof(hash));
    return hash % BUCKETS;
}

static struct sequence *look_up(const struct sequences *q, const uint8_t id[CRYPTO_MAC_BYTES])
{
    struct sequence *x = atomic_load(&q->buckets[bucket_of(id)]);

    while (x != NULL && memcmp(x->id, id, CRYPTO_MAC_BYTES) != 0)
        x = x->next_in_bucket;
    return x;
}

static struct sequence *add(struct sequences *q, const uint8_t id[CRYPTO_MAC_BYTES])
{
    struct sequence *x = mem_alloc(sizeof(*x));
    const size_t bucket = bucket_of(id);

    memcpy(x->id, id, CRYPTO_MAC_BYTES);
    x->next_in_bucket = atomic_load(&q->buckets[bucket]);
    atomic_store(&q->buckets[bucket], x); /* one thread adds, any reads */
    return x;
}

static struct sequence *find_or_add(struct sequences *q, const uint8_t id[CRYPTO_MAC_BYTES])
{
    struct sequence *x = look_up(q, id);

    return x != NULL ? x : add(q, id);
}

const struct sequence *sequences_find(const struct sequences *q, const uint8_t id[CRYPTO_MAC_BYTES])
{
    const struct sequence *x = look_up(q, id);

    return x != NULL && atomic_load(&x->index) != 0 ? x : NULL;
}

/* ---- opening ---- */

static void raise_next(struct sequence *x, uint64_t next)
{
    if (next > atomic_load(&x->next))
        atomic_store(&x->next, next);
}

enum err sequences_heed(struct sequences *q, const struct ledger_record *record)
{
    const uint64_t class_id = record->slot & UINT16_MAX, index = record->slot >> 16;
    struct sequence *x;

    if (class_id < 1 || class_id > CLASSES_MAX || index < 1 || index > LIMIT_SHAPES_MAX ||
        record->cutoff_ms < 0)
        return ERR_CORRUPT;
    /* An older database may lack it: its index goes to no other shape. */
    if (index > q->last_index[class_id])
        q->last_index[class_id] = (uint32_t)index;
    x = find_or_add(q, record->erasure);
    raise_next(x, (uint64_t)record->cutoff_ms);
    x->reserved = atomic_load(&x->next);
    return ERR_OK;
}

void sequences_load(struct sequences *q, const struct store_sequence *stored)
{
    struct sequence *x = find_or_add(q, stored->id);

    x->class_id = stored->class_id;
    raise_next(x, stored->next);
    atomic_store(&x->room, stored->room);
    atomic_store(&x->index, stored->index);
    if (stored->index > q->last_index[stored->class_id])
        q->last_index[stored->class_id] = stored->index;
    memcpy(x->mac, stored->mac, CRYPTO_MAC_BYTES);
}

/* ---- giving out ---- */

static void mark_changed(struct sequences *q, struct sequence *x)
{
    if (x->changed)
        return;
    x->changed = true;
    x->next_changed = q->changed;
    q->changed = x;
}

enum err sequences_get(struct sequences *q, const struct sequence_origin *origin,
                       struct sequence **ret)
{
    struct sequence *x = look_up(q, origin->id);

    if (x == NULL || atomic_load(&x->index) == 0) {
        uint32_t *last = &q->last_index[origin->class_id];

        if (*last >= LIMIT_SHAPES_MAX)
            return ERR_EXHAUSTED;
        x = x != NULL ? x : add(q, origin->id);
        x->class_id = origin->class_id;
        atomic_store(&x->room, sequence_room(origin->capacity));
        vault__sequence_mac(origin->class_key, x->id, *last + 1, atomic_load(&x->room), x->mac);
        atomic_store(&x->index, ++*last);
    }
    *ret = x;
    return ERR_OK;
}

enum err sequence_take(struct sequences *q, struct sequence *x, uint64_t *ret_n)
{
    const uint64_t n = atomic_load(&x->next);

    if (n >= atomic_load(&x->room))
        return ERR_EXHAUSTED;
    atomic_store(&x->next, n + 1);
    mark_changed(q, x);
    *ret_n = n;
    return ERR_OK;
}

void sequence_give_back(struct sequence *x, uint64_t n)
{
    REQUIRE(n <= atomic_load(&x->next));
    atomic_store(&x->next, n);
}

/* The end of the block that covers what was taken: the block before, doubled. */
static uint64_t block_end(struct sequence *x, uint64_t next, uint64_t room)
{
    const uint64_t most = room / CAPACITY_PER_BLOCK;
    uint64_t end;

    x->block = x->block == 0 ? 1 : min_u64(x->block * 2, min_u64(BLOCK_MAX, most < 1 ? 1 : most));
    end = x->reserved + x->block;
    return min_u64(end < next ? next : end, room);
}

static enum err reserve(struct sequences *q, struct ledger *l, bool *ret_appended)
{
    AUTO(mem_free) struct ledger_record *records = NULL;
    size_t count = 0, used = 0;
    enum err e;

    for (const struct sequence *x = q->changed; x != NULL; x = x->next_changed)
        count += atomic_load(&x->next) > x->reserved;
    *ret_appended = count > 0;
    if (count == 0)
        return ERR_OK;
    records = mem_alloc(count * sizeof(*records));
    for (struct sequence *x = q->changed; x != NULL; x = x->next_changed) {
        const uint64_t next = atomic_load(&x->next);

        if (next <= x->reserved)
            continue;
        records[used] = (struct ledger_record){
            .kind = LEDGER_SEQUENCE,
            .time_ms = clock_now_ms(),
            .slot = x->class_id | (uint64_t)atomic_load(&x->index) << 16,
            .cutoff_ms = (int64_t)block_end(x, next, atomic_load(&x->room)),
        };
        memcpy(records[used++].erasure, x->id, CRYPTO_MAC_BYTES);
    }
    e = ledger_append_all(l, records, count);
    used = 0;
    for (struct sequence *x = q->changed; e == ERR_OK && x != NULL; x = x->next_changed)
        if (atomic_load(&x->next) > x->reserved)
            x->reserved = (uint64_t)records[used++].cutoff_ms;
    return e;
}

enum err sequences_write(struct sequences *q, struct ledger *l, struct store *s, bool *ret_appended)
{
    enum err e = reserve(q, l, ret_appended);

    if (e == ERR_OK && *ret_appended)
        FAULT_POINT("sequence.reserved");
    for (const struct sequence *x = q->changed; e == ERR_OK && x != NULL; x = x->next_changed) {
        struct store_sequence stored = {.class_id = x->class_id,
                                        .index = atomic_load(&x->index),
                                        .room = atomic_load(&x->room),
                                        .next = atomic_load(&x->next)};

        memcpy(stored.id, x->id, CRYPTO_MAC_BYTES);
        memcpy(stored.mac, x->mac, CRYPTO_MAC_BYTES);
        e = store_sequence_put(s, &stored);
    }
    return e;
}

void sequences_written(struct sequences *q)
{
    while (q->changed != NULL) {
        struct sequence *x = q->changed;

        q->changed = x->next_changed;
        x->next_changed = NULL;
        x->changed = false;
    }
}

/* ---- figures ---- */

struct sequence_sum sequences_sum(const struct sequences *q, uint16_t class_id)
{
    struct sequence_sum sum = {0};

    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct sequence *x = atomic_load(&q->buckets[i]); x != NULL;
             x = x->next_in_bucket) {
            const uint64_t room = atomic_load(&x->room), next = atomic_load(&x->next);

            if (atomic_load(&x->index) == 0 || x->class_id != class_id)
                continue;
            sum.room += room;
            sum.used += min_u64(next, room);
            sum.exhausted += next >= room;
        }
    }
    return sum;
}
