/* SPDX-License-Identifier: Apache-2.0 */
/* Canaries, suspended callers, incidents, and whom callers have seen.
 * Runs on: questions on any thread; changes on the writer's, but for a suspension, which cannot wait for
 * it. Holds: the slots of canaries in a table that only grows, read without a lock; an object for each
 * caller that was asked for. Invariant: what is durable and what is in memory agree once an operation is
 * done. Not here: who decides (proxy/guard.c). */
#include "vault/watch_priv.h"

#include "vault/writer_priv.h"

enum { TABLE_SLOTS = 2 * VAULT_CANARIES_MAX }; /* a power of two, at most half full */

struct vault_caller {
    struct vault_caller *next;
    atomic_bool suspended;
    char name[VAULT_CALLER_MAX + 1];
};

struct watch {
    _Atomic uint64_t *canaries; /* 0: free */
    atomic_size_t canary_count;
    atomic_size_t incidents; /* open ones; changed by the writer's thread */
    pthread_mutex_t lock;    /* over the list */
    struct vault_caller *callers;
};

struct watch *vault__watch_new(void)
{
    struct watch *w = mem_alloc(sizeof(*w));

    w->canaries = mem_alloc(TABLE_SLOTS * sizeof(w->canaries[0]));
    REQUIRE(pthread_mutex_init(&w->lock, NULL) == 0);
    return w;
}

void vault__watch_free(struct watch **watchp)
{
    struct watch *w = TAKE(*watchp);

    if (w == NULL)
        return;
    while (w->callers != NULL) {
        struct vault_caller *caller = w->callers;

        w->callers = caller->next;
        free(caller);
    }
    (void)pthread_mutex_destroy(&w->lock);
    free(w->canaries);
    free(w);
}

/* ---- canaries ---- */

static size_t place_of(uint64_t slot)
{
    return (size_t)(slot * 0x9e3779b97f4a7c15u >> 32) % TABLE_SLOTS;
}

/* Where a slot stands, or the free place where it would. */
static size_t find_place(const struct watch *w, uint64_t slot)
{
    size_t at = place_of(slot);

    for (;; at = (at + 1) % TABLE_SLOTS) {
        uint64_t there = atomic_load_explicit(&w->canaries[at], memory_order_relaxed);

        if (there == slot || there == 0)
            return at;
    }
}

bool vault_is_canary(const struct vault *v, uint64_t slot)
{
    const struct watch *w = v->watch;

    return atomic_load_explicit(&w->canary_count, memory_order_acquire) > 0 && slot != 0 &&
           atomic_load_explicit(&w->canaries[find_place(w, slot)], memory_order_relaxed) == slot;
}

size_t vault_canary_count(const struct vault *v)
{
    return atomic_load(&v->watch->canary_count);
}

size_t vault_canaries(const struct vault *v, uint64_t *slots, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < TABLE_SLOTS; i++) {
        uint64_t slot = atomic_load(&v->watch->canaries[i]);

        if (slot != 0 && count++ < max)
            slots[count - 1] = slot;
    }
    return count;
}

/* One thread at a time. */
static enum err add_canary(struct watch *w, uint64_t slot)
{
    size_t at = find_place(w, slot);

    if (atomic_load(&w->canaries[at]) == slot)
        return ERR_OK;
    if (atomic_load(&w->canary_count) >= VAULT_CANARIES_MAX)
        return ERR_EXHAUSTED;
    atomic_store(&w->canaries[at], slot);
    (void)atomic_fetch_add_explicit(&w->canary_count, 1, memory_order_release);
    return ERR_OK;
}

/* ---- callers ---- */

static struct vault_caller *find_caller(struct watch *w, const char *name)
{
    struct vault_caller *caller;

    REQUIRE(strlen(name) <= VAULT_CALLER_MAX);
    (void)pthread_mutex_lock(&w->lock);
    for (caller = w->callers; caller != NULL; caller = caller->next)
        if (strcmp(caller->name, name) == 0)
            break;
    if (caller == NULL) {
        caller = mem_alloc(sizeof(*caller));
        memcpy(caller->name, name, strlen(name));
        caller->next = w->callers;
        w->callers = caller;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return caller;
}

struct vault_caller *vault_caller(struct vault *v, const char *name)
{
    return find_caller(v->watch, name);
}

bool vault_caller_is_suspended(const struct vault_caller *caller)
{
    return atomic_load_explicit(&caller->suspended, memory_order_acquire);
}

void vault_caller_suspend(struct vault_caller *caller)
{
    atomic_store(&caller->suspended, true);
}

size_t vault_callers_suspended(struct vault *v)
{
    struct watch *w = v->watch;
    size_t count = 0;

    (void)pthread_mutex_lock(&w->lock);
    for (const struct vault_caller *caller = w->callers; caller != NULL; caller = caller->next)
        count += vault_caller_is_suspended(caller);
    (void)pthread_mutex_unlock(&w->lock);
    return count;
}

size_t vault_incidents_open(const struct vault *v)
{
    return atomic_load(&v->watch->incidents);
}

/* ---- reading ---- */

enum err vault__watch_load(struct watch *w, struct store *s)
{
    struct vault_incident incident = {.number = 0};
    uint64_t slot = 0;
    enum err e;

    while ((e = store_canary_next(s, slot, &slot)) == ERR_OK)
        if (add_canary(w, slot) != ERR_OK)
            return ERR_CORRUPT;
    if (e != ERR_NOT_FOUND)
        return e;
    while ((e = store_incident_next(s, incident.number, &incident)) == ERR_OK)
        if (incident.closed_ms == 0) {
            vault_caller_suspend(find_caller(w, incident.caller));
            (void)atomic_fetch_add(&w->incidents, 1);
        }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err open_reader(struct vault *v, struct store **ret)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);

    return store_open(path, STORE_READER, slab_store_id(v->slab), ret, NULL);
}

enum err vault_incident_next(struct vault *v, uint64_t after, struct vault_incident *ret)
{
    AUTO(store_close) struct store *s = NULL;
    enum err e = open_reader(v, &s);

    return e == ERR_OK ? store_incident_next(s, after, ret) : e;
}

enum err vault_seen_each(struct vault *v, int64_t now_s,
                         void (*fn)(const struct vault_seen *seen, void *context), void *context)
{
    AUTO(store_close) struct store *s = NULL;
    enum err e = open_reader(v, &s);

    return e == ERR_OK ? store_seen_each(s, now_s, fn, context) : e;
}

/* ---- writing ---- */

static enum err write_all(struct store *s, struct vault_watch *op, int64_t now_ms)
{
    enum err e = op->forget_s == 0 ? ERR_OK : store_seen_trim(s, op->forget_s);

    for (size_t i = 0; e == ERR_OK && i < op->seen_count; i++)
        e = store_seen_put(s, &op->seen[i]);
    if (e == ERR_OK && op->canary != 0)
        e = store_canary_put(s, op->canary);
    if (e == ERR_OK && op->restore != NULL)
        e = store_incidents_close(s, op->restore, now_ms, &op->restored);
    if (e == ERR_OK && op->incident != NULL)
        e = store_incident_add(s, op->incident);
    return e;
}

enum err vault__watch(struct writer *w, struct vault_watch *op)
{
    struct watch *watch = w->v->watch;
    enum err e;

    if (op->canary != 0 && vault_canary_count(w->v) >= VAULT_CANARIES_MAX &&
        !vault_is_canary(w->v, op->canary))
        return ERR_EXHAUSTED;
    e = store_begin(w->store);
    if (e == ERR_OK)
        e = write_all(w->store, op, vault__now_ms(w->v));
    if (e == ERR_OK)
        e = store_commit(w->store);
    if (e != ERR_OK) {
        store_rollback(w->store);
        return e;
    }
    if (op->canary != 0)
        e = add_canary(watch, op->canary);
    if (op->restore != NULL) {
        atomic_store(&find_caller(watch, op->restore)->suspended, false);
        (void)atomic_fetch_sub(&watch->incidents, op->restored);
    }
    if (op->incident != NULL) {
        vault_caller_suspend(find_caller(watch, op->incident->caller));
        (void)atomic_fetch_add(&watch->incidents, 1);
    }
    return e;
}
