/* SPDX-License-Identifier: Apache-2.0 */
/* Readers: how they are made, kept for whoever comes next, and begin and end a read transaction.
 * Runs on: the reader's own thread; vault__readers_*() on the writer's. Holds: readers that nobody uses, with all that
 * they remember. Invariant: every reader that remembers something is on the vault's list. Not here: what
 * is read (reader.c). */
#include "vault/vault_priv.h"

#include "base/secret.h"
#include "vault/uses_priv.h"

enum {
    READER_NAMES = 4096,
    READER_ROWS = 16384,
    READER_TAGS = 1024,
    READERS_IDLE_MAX = 4 /* kept for whoever opens next: a connection, room for keys and rows */
};

/* ---- opening and closing ---- */

/* Of the state of the database that it keeps. Under its lock. */
static void let_go(struct vault_reader *r)
{
    if (r->keeps)
        store_read_end(r->store);
    r->keeps = false;
}

/* One that was closed, with all that it remembers: an operator's request needs a reader for as long as it takes, and
 * making one costs a hundred times that. */
static struct vault_reader *take_idle(struct vault *v)
{
    struct vault_reader *r;

    (void)pthread_mutex_lock(&v->readers_lock);
    for (r = v->readers; r != NULL && !r->idle; r = r->next)
        ;
    if (r != NULL) {
        r->idle = false;
        v->readers_idle--;
    }
    (void)pthread_mutex_unlock(&v->readers_lock);
    return r;
}

static enum err make(struct vault *v, struct vault_reader **ret_reader)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    struct store *store = NULL;
    enum err e = store_open(path, STORE_READER, slab_store_id(v->slab), &store, NULL);
    struct vault_reader *r;

    if (e != ERR_OK)
        return e;
    r = mem_alloc(sizeof(*r));
    r->v = v;
    r->store = store;
    r->keys = keycache_new(LIMIT_SLOT_CACHE_KEYS);
    r->names = names_new(READER_NAMES);
    r->rows = rowcache_new(READER_ROWS);
    r->tags = tagcache_new(READER_TAGS);
    secret_random(r->tag_key, sizeof(r->tag_key));
    r->seen = mem_alloc(VAULT_READER_SEEN * sizeof(r->seen[0]));
    r->names_generation = atomic_load(&v->names_generation);
    REQUIRE(pthread_mutex_init(&r->lock, NULL) == 0);
    (void)pthread_mutex_lock(&v->readers_lock);
    r->next = v->readers;
    v->readers = r;
    (void)pthread_mutex_unlock(&v->readers_lock);
    *ret_reader = r;
    return ERR_OK;
}

enum err vault_reader_open(struct vault *v, struct vault_reader **ret_reader)
{
    struct vault_reader *idle = take_idle(v);

    if (idle == NULL)
        return make(v, ret_reader);
    *ret_reader = idle;
    return ERR_OK;
}

/* It stays on the vault's list, so that what must be forgotten is forgotten here as well. */
static bool become_idle(struct vault_reader *r)
{
    bool kept;

    (void)pthread_mutex_lock(&r->lock);
    let_go(r);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_mutex_lock(&r->v->readers_lock);
    kept = r->v->readers_idle < READERS_IDLE_MAX;
    if (kept) {
        r->idle = true;
        r->v->readers_idle++;
    }
    (void)pthread_mutex_unlock(&r->v->readers_lock);
    return kept;
}

static void destroy(struct vault_reader *r)
{
    struct vault_reader **link;

    (void)pthread_mutex_lock(&r->v->readers_lock);
    for (link = &r->v->readers; *link != r; link = &(*link)->next)
        REQUIRE(*link != NULL);
    *link = r->next;
    (void)pthread_mutex_unlock(&r->v->readers_lock);
    store_close(&r->store);
    keycache_free(&r->keys);
    names_free(&r->names);
    rowcache_free(&r->rows);
    tagcache_free(&r->tags);
    vault__uses_free(r);
    mem_free(&r->seen);
    (void)pthread_mutex_destroy(&r->lock);
    secret_wipe(r->tag_key, sizeof(r->tag_key));
    free(r);
}

void vault_reader_close(struct vault_reader **reader)
{
    struct vault_reader *r = TAKE(*reader);

    if (r == NULL)
        return;
    vault_read_end(r);
    if (!become_idle(r))
        destroy(r);
}

void vault__readers_free_idle(struct vault *v)
{
    struct vault_reader *r;

    while ((r = take_idle(v)) != NULL)
        destroy(r);
}

/* ---- transactions ---- */

static void begin(struct vault_reader *r)
{
    const unsigned commits = atomic_load(&r->v->commits); /* before the state is taken */

    if (r->keeps && r->commits == commits)
        return;
    let_go(r);
    r->commits = commits;
    store_read_begin(r->store);
}

void vault__readers_let_go(struct vault *v)
{
    (void)pthread_mutex_lock(&v->readers_lock);
    for (struct vault_reader *r = v->readers; r != NULL; r = r->next) {
        if (pthread_mutex_trylock(&r->lock) != 0)
            continue; /* it is reading: it will see for itself when it ends */
        let_go(r);
        (void)pthread_mutex_unlock(&r->lock);
    }
    (void)pthread_mutex_unlock(&v->readers_lock);
}

enum err vault_read_begin(struct vault_reader *r)
{
    unsigned generation;
    enum err e;

    REQUIRE(!r->reading);
    (void)pthread_mutex_lock(&r->lock);
    e = vault_may_serve(r->v);
    if (e != ERR_OK) {
        (void)pthread_mutex_unlock(&r->lock);
        return e;
    }
    generation = atomic_load(&r->v->names_generation);
    if (generation != r->names_generation) {
        names_clear(r->names);
        r->names_generation = generation;
    }
    r->reading = true;
    r->now_s = vault__now_s(r->v);
    begin(r);
    return ERR_OK;
}

void vault_read_end(struct vault_reader *r)
{
    if (!r->reading)
        return;
    r->reading = false;
    r->keeps = true;
    if (atomic_load(&r->v->keeps_nothing))
        let_go(r);
    (void)pthread_mutex_unlock(&r->lock);
    if (r->uses != NULL)
        vault__uses_post(r);
}
