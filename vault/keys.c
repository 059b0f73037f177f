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

static enum err load(struct vault *v, struct errmsg *msg)
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
    return ERR_OK;
}

enum err vault__keys_open(struct vault *v, const struct root_keys *roots, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_SLAB);
    enum err e = slab_open(path, roots, &v->slab, msg);

    return e == ERR_OK ? load(v, msg) : e;
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

enum err vault_sign(const struct vault *v, struct span message, uint8_t ret[VAULT_SIGNATURE_BYTES])
{
    REQUIRE(message.len > sizeof(SIGNED_HEAD) &&
            memcmp(message.at, SIGNED_HEAD, sizeof(SIGNED_HEAD) - 1) == 0 &&
            memchr(message.at, 0, message.len) != NULL);
    vault__sign(v->signing_key, message, ret);
    return ERR_OK;
}

void vault_sign_public(const struct vault *v, uint8_t ret[VAULT_PUBLIC_BYTES])
{
    memcpy(ret, v->public_key, VAULT_PUBLIC_BYTES);
}

bool vault_signature_is_valid(const uint8_t public_key[VAULT_PUBLIC_BYTES], struct span message,
                              const uint8_t signature[VAULT_SIGNATURE_BYTES])
{
    return vault__signature_is_valid(public_key, message, signature);
}
