/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: every key leaves the memory of a store that stays open, and comes back.
 * Runs on: the writer thread. Holds: nothing. Invariant: after the acknowledgement no key of the
 * store is in this process's memory except in the caller's root keys; sealed is the state that every
 * failure to unseal ends in. Not here: who orders it.
 *
 *   sealed := true -> each reader's lock taken once, its caches wiped -> writer's caches -> the
 *     store's own keys, the domains', the slab's -> done */
#include "vault/writer_priv.h"

#include "base/secret.h"
#include "vault/audit_priv.h"

/* A reader's lock is held while it reads: whoever used a key has done when it is had, and who comes
 * next sees that the vault is sealed. */
static void forget_readers(struct vault *v)
{
    (void)pthread_mutex_lock(&v->readers_lock);
    for (struct vault_reader *r = v->readers; r != NULL; r = r->next) {
        (void)pthread_mutex_lock(&r->lock);
        keycache_clear(r->keys);
        names_clear(r->names);
        rowcache_clear(r->rows);
        tagcache_clear(r->tags);
        (void)pthread_mutex_unlock(&r->lock);
    }
    (void)pthread_mutex_unlock(&v->readers_lock);
}

static void forget_own(struct vault *v)
{
    (void)pthread_rwlock_wrlock(&v->keys_lock);
    vault__keys_wipe(v);
    vault__domains_wipe(v);
    slab_seal(v->slab);
    (void)pthread_rwlock_unlock(&v->keys_lock);
}

void vault__keys_seal(struct writer *w)
{
    enum err e;

    if (atomic_exchange(&w->v->sealed, true))
        return;
    /* What waits for these two needs keys; if they fail, the next start does the same. */
    e = vault__erasures_tell(w);
    if (e == ERR_OK)
        e = slab_sync(w->v->slab);
    (void)e;
    audit_seal(w->v->audit);
    forget_readers(w->v);
    keycache_clear(w->keys);
    names_clear(w->names);
    secret_wipe(w->key, CRYPTO_KEY_BYTES);
    forget_own(w->v);
    secret_wipe_stack();
}

enum err vault__keys_unseal(struct writer *w, const struct vault_unseal *op)
{
    struct vault *v = w->v;
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_SLAB);
    enum err e;

    if (!atomic_load(&v->sealed))
        return ERR_OK;
    (void)pthread_rwlock_wrlock(&v->keys_lock);
    e = slab_unseal(v->slab, path, op->roots, op->msg);
    if (e == ERR_OK)
        e = vault__keys_load(v, op->msg);
    if (e == ERR_OK)
        e = vault__domains_load(v, false, op->msg);
    if (e == ERR_OK)
        atomic_store(&v->sealed, false);
    (void)pthread_rwlock_unlock(&v->keys_lock);
    if (e != ERR_OK)
        forget_own(v);
    return e;
}
