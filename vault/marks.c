/* SPDX-License-Identifier: Apache-2.0 */
/* The table of marks: open addressing, read without a lock.
 * Runs on: looks on readers' threads and the writer's; changes on the writer's. Holds: the table. Invariant:
 * a key never moves inside a table; one that is outgrown is freed when no reader can be looking at it. Not
 * here: what the marks are for (reader.c, sweep.c), where they come from (holds.c). */
#include "vault/holds_priv.h"

enum { FIRST_SIZE = 64, SUBJECT_SHIFT = 16 };

/* A key without marks is free to be left behind when the table grows. */
struct mark_table {
    size_t size; /* a power of two */
    size_t used; /* keys; the writer's */
    size_t live; /* of these, with marks */
    struct {
        _Atomic uint64_t key; /* slot << 16 | part; 0: free */
        _Atomic uint8_t marks;
    } at[];
};

static uint64_t key_of(uint64_t slot, uint16_t part)
{
    return slot << SUBJECT_SHIFT | part;
}

/* Where a key stands, or the free place where it would. */
static size_t place_of(const struct mark_table *t, uint64_t key)
{
    size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (t->size - 1);

    for (;; at = (at + 1) & (t->size - 1)) {
        const uint64_t there = atomic_load_explicit(&t->at[at].key, memory_order_acquire);

        if (there == key || there == 0)
            return at;
    }
}

unsigned vault__marks_exact(const struct mark_table *table, uint64_t slot, uint16_t part)
{
    const uint64_t key = key_of(slot, part);
    const size_t at = place_of(table, key);

    /* A free place has no marks, and one that is filled just now gets them first. */
    return atomic_load_explicit(&table->at[at].key, memory_order_acquire) == key
               ? atomic_load_explicit(&table->at[at].marks, memory_order_acquire)
               : 0;
}

unsigned vault__marks_look(const struct mark_table *table, uint64_t slot, uint16_t class_id)
{
    unsigned marks = vault__marks_exact(table, slot, 0);

    if (class_id != 0)
        marks |= vault__marks_exact(table, slot, class_id) | vault__marks_exact(table, 0, class_id);
    return marks;
}

/* ---- changing: the writer's thread, or before there is one ---- */

static struct mark_table *new_table(size_t size)
{
    struct mark_table *t = mem_alloc(sizeof(*t) + size * sizeof(t->at[0]));

    t->size = size;
    return t;
}

static void put(struct mark_table *t, uint64_t key, uint8_t marks)
{
    const size_t at = place_of(t, key);
    const bool is_new = atomic_load_explicit(&t->at[at].key, memory_order_relaxed) == 0;
    const bool had = atomic_load_explicit(&t->at[at].marks, memory_order_relaxed) != 0;

    if (is_new && marks == 0)
        return;
    atomic_store_explicit(&t->at[at].marks, marks, memory_order_release);
    if (is_new) {
        atomic_store_explicit(&t->at[at].key, key, memory_order_release);
        t->used++;
    }
    t->live += (size_t)(marks != 0) - (size_t)had;
}

/* Whoever was reading has ended: what was changed before is heeded by everybody. */
void vault__marks_settle(struct vault *v)
{
    (void)pthread_mutex_lock(&v->readers_lock);
    for (struct vault_reader *r = v->readers; r != NULL; r = r->next) {
        (void)pthread_mutex_lock(&r->lock);
        (void)pthread_mutex_unlock(&r->lock);
    }
    (void)pthread_mutex_unlock(&v->readers_lock);
}

/* Put another table (NULL: none) in the place of the one there is. */
static void replace(struct vault *v, struct mark_table *table)
{
    struct mark_table *old = atomic_load_explicit(&v->marks, memory_order_relaxed);

    atomic_store_explicit(&v->marks, table, memory_order_release);
    if (old == NULL)
        return;
    vault__marks_settle(v);
    free(old);
}

static struct mark_table *grown(const struct mark_table *old)
{
    size_t size = FIRST_SIZE;
    struct mark_table *t;

    while (size < 4 * (old->live + 1))
        size *= 2;
    t = new_table(size);
    for (size_t i = 0; i < old->size; i++) {
        const uint8_t marks = atomic_load_explicit(&old->at[i].marks, memory_order_relaxed);

        if (marks != 0)
            put(t, atomic_load_explicit(&old->at[i].key, memory_order_relaxed), marks);
    }
    return t;
}

void vault__marks_set(struct vault *v, uint64_t slot, uint16_t part, uint8_t marks)
{
    struct mark_table *t = atomic_load_explicit(&v->marks, memory_order_relaxed);

    if (t == NULL && marks == 0)
        return;
    if (t == NULL) {
        t = new_table(FIRST_SIZE);
        put(t, key_of(slot, part), marks);
        replace(v, t);
        return;
    }
    if (t->used >= t->size / 2) {
        t = grown(t);
        replace(v, t);
    }
    put(t, key_of(slot, part), marks);
    if (t->live == 0)
        replace(v, NULL);
}

void vault__marks_free(struct vault *v)
{
    free(atomic_exchange(&v->marks, NULL));
}
