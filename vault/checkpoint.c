/* SPDX-License-Identifier: Apache-2.0 */
/* Copies the write-ahead log into vault.db beside the writer: a checkpoint inside COMMIT is what
 * makes the slowest commits slow.
 * Runs on: a thread of its own, with a connection of its own. Holds: one flag. Not here: truncating
 * (the writer does it for an erasure). */
#include "vault/vault_priv.h"

enum {
    WORTH_PAGES = 8000,  /* 32 MB of log: pages written often are copied once */
    BEHIND_PAGES = 32000 /* 128 MB: a log that is never idle never starts over by itself */
};

struct checkpointer {
    struct store *store;
    struct vault_meters *meters;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool wanted;
    bool stopping;
    pthread_t thread;
};

static void *work(void *context)
{
    struct checkpointer *c = context;

    (void)pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        if (!c->wanted) {
            (void)pthread_cond_wait(&c->wake, &c->lock);
            continue;
        }
        c->wanted = false;
        (void)pthread_mutex_unlock(&c->lock);
        /* What fails now is tried at the next hint; the writer sees real trouble first. */
        if (store_checkpoint(c->store) == ERR_OK)
            counter_add(&c->meters->checkpoints, 1);
        else
            store_rollback(c->store);
        (void)pthread_mutex_lock(&c->lock);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

enum err checkpointer_start(struct vault *v, struct checkpointer **ret)
{
    struct checkpointer *c = mem_alloc(sizeof(*c));
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    enum err e = store_open(path, STORE_WRITER, slab_store_id(v->slab), &c->store, NULL);

    if (e != ERR_OK) {
        free(c);
        return e;
    }
    REQUIRE(pthread_mutex_init(&c->lock, NULL) == 0 && pthread_cond_init(&c->wake, NULL) == 0);
    c->meters = &v->meters;
    if (pthread_create(&c->thread, NULL, work, c) != 0) {
        store_close(&c->store);
        free(c);
        return ERR_NO_SPACE;
    }
    *ret = c;
    return ERR_OK;
}

void checkpointer_stop(struct checkpointer **checkpointer)
{
    struct checkpointer *c = TAKE(*checkpointer);

    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stopping = true;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    store_close(&c->store);
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

void checkpointer_hint(struct checkpointer *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->wanted = true;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->lock);
}

bool checkpointer_is_wanted(int pages)
{
    return pages >= WORTH_PAGES;
}

bool checkpointer_is_behind(int pages)
{
    return pages >= BEHIND_PAGES;
}
