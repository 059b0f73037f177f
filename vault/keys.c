/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the vault itself: what every token, the ledger and every receipt rest on.
 * Runs on: the thread that opens the vault; status and signing on any. Holds: the locator key and
 * the signing key in guarded memory. Invariant: a key is used only for what its slot's kind says.
 * Not here: subjects' keys (subjects.c), domains' (registry.c). */
#include "vault/vault_priv.h"

#include "base/secret.h"

static const char SIGNED_HEAD[] = "lethe-v1 ";

enum err vault__own_key(const struct slab *slab, uint64_t slot, enum slab_kind kind,
                        uint8_t ret[CRYPTO_KEY_BYTES])
{
    struct slab_key found;
    enum err e = slab_read(slab, slot, &found);

    if (e == ERR_NOT_FOUND || (e == ERR_OK && found.kind != kind))
        e = ERR_CORRUPT;
    if (e == ERR_OK)
        memcpy(ret, found.key, CRYPTO_KEY_BYTES);
    secret_wipe(&found, sizeof(found));
    return e;
}

/* The key that chains the ledger, once that is open. */
static enum err load_ledger_key(struct vault *v)
{
    AUTO(secret_free) uint8_t *key = secret_alloc(CRYPTO_KEY_BYTES);
    enum err e;

    if (v->ledger == NULL)
        return ERR_OK;
    e = vault__own_key(v->slab, SLAB_SLOT_LEDGER, SLAB_LEDGER, key);
    if (e == ERR_OK)
        ledger_unseal(v->ledger, key);
    return e;
}

enum err vault__keys_load(struct vault *v, struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *seed = secret_alloc(CRYPTO_KEY_BYTES);
    enum err e = vault__own_key(v->slab, SLAB_SLOT_LOCATOR, SLAB_LOCATOR, v->locator_key);

    if (e != ERR_OK)
        return errmsg_set(
            msg, e, "%s/" VAULT_SLAB ": the locator key cannot be read; restore keys.slab", v->dir);
    e = vault__own_key(v->slab, SLAB_SLOT_SIGNING, SLAB_SIGNING, seed);
    if (e != ERR_OK)
        return errmsg_set(
            msg, e, "%s/" VAULT_SLAB ": the signing key cannot be read; restore keys.slab", v->dir);
    vault__key_pair(seed, v->public_key, v->signing_key);
    e = load_ledger_key(v);
    if (e != ERR_OK)
        return errmsg_set(msg, e,
                          "%s/" VAULT_SLAB ": the ledger's key cannot be read; restore keys.slab",
                          v->dir);
    return ERR_OK;
}

void vault__keys_wipe(struct vault *v)
{
    secret_wipe(v->locator_key, CRYPTO_KEY_BYTES);
    secret_wipe(v->signing_key, CRYPTO_SECRET_KEY_BYTES);
    ledger_seal(v->ledger);
}

enum err vault__keys_open(struct vault *v, const struct root_keys *roots, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_SLAB);
    enum err e = slab_open(path, roots, &v->slab, msg);

    return e == ERR_OK ? vault__keys_load(v, msg) : e;
}

void vault_key_status(const struct vault *v, struct vault_key_status *ret)
{
    const uint64_t slots = slab_slots_used(v->slab);

    *ret = (struct vault_key_status){
        .epoch = slab_epoch(v->slab),
        .old_epoch = slab_old_epoch(v->slab),
        .epoch_began_ms = atomic_load(&v->epoch_began_ms),
        .slots = slots,
        .rewrapped = slab_rewrapped(v->slab),
    };
}

enum err vault_may_serve(const struct vault *v)
{
    if (atomic_load(&v->failed))
        return ERR_IO;
    return atomic_load(&v->sealed) ? ERR_SEALED : ERR_OK;
}

bool vault_is_sealed(const struct vault *v)
{
    return atomic_load(&v->sealed);
}

enum err vault_repeat_mac(const struct vault *v, struct span key, struct span request,
                          uint8_t ret[VAULT_MAC_BYTES])
{
    enum err e = ERR_OK;

    (void)pthread_rwlock_rdlock(vault__keys_lock(v));
    if (atomic_load(&v->sealed))
        e = ERR_SEALED;
    else
        vault__repeat_mac(v->locator_key, key, request, ret);
    (void)pthread_rwlock_unlock(vault__keys_lock(v));
    return e;
}

enum err vault_sign(const struct vault *v, struct span message, uint8_t ret[VAULT_SIGNATURE_BYTES])
{
    enum err e = ERR_OK;

    REQUIRE(message.len > sizeof(SIGNED_HEAD) &&
            memcmp(message.at, SIGNED_HEAD, sizeof(SIGNED_HEAD) - 1) == 0 &&
            memchr(message.at, 0, message.len) != NULL);
    (void)pthread_rwlock_rdlock(vault__keys_lock(v));
    if (atomic_load(&v->sealed))
        e = ERR_SEALED;
    else
        vault__sign(v->signing_key, message, ret);
    (void)pthread_rwlock_unlock(vault__keys_lock(v));
    return e;
}

void vault_sign_public(const struct vault *v, uint8_t ret[VAULT_PUBLIC_BYTES])
{
    memcpy(ret, v->public_key, VAULT_PUBLIC_BYTES);
}

enum err vault_derive(const struct vault *v, const char *purpose, struct span context,
                      uint8_t ret[VAULT_DERIVED_BYTES])
{
    enum err e = ERR_OK;

    (void)pthread_rwlock_rdlock(vault__keys_lock(v));
    if (atomic_load(&v->sealed))
        e = ERR_SEALED;
    else
        vault__purpose_key(v->locator_key, purpose, context, ret);
    (void)pthread_rwlock_unlock(vault__keys_lock(v));
    return e;
}

enum err vault_read_public(const char *dir, const struct root_keys *roots,
                           uint8_t ret[VAULT_PUBLIC_BYTES], struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(dir, VAULT_SLAB);
    AUTO(secret_free) uint8_t *seed = secret_alloc(CRYPTO_KEY_BYTES);
    AUTO(secret_free) uint8_t *secret = secret_alloc(CRYPTO_SECRET_KEY_BYTES);
    AUTO(slab_close) struct slab *slab = NULL;
    enum err e = slab_open(path, roots, &slab, msg);

    if (e != ERR_OK)
        return e;
    e = vault__own_key(slab, SLAB_SLOT_SIGNING, SLAB_SIGNING, seed);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: the signing key cannot be read", path);
    vault__key_pair(seed, ret, secret);
    return ERR_OK;
}

bool vault_signature_is_valid(const uint8_t public_key[VAULT_PUBLIC_BYTES], struct span message,
                              const uint8_t signature[VAULT_SIGNATURE_BYTES])
{
    return vault__signature_is_valid(public_key, message, signature);
}
