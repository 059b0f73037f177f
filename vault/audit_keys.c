/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that sign heads of the audit trail, one an epoch, each named by the head before it.
 * Runs on: the trail's thread; blocks. Holds: one file, two keys in guarded memory. Invariant: the key that a
 * head names is durable before the head is; a key that has signed its head is overwritten. Not here: what a head
 * says (audit_head.c).
 *
 *   STORE/audit/keys: two slots of 128 bytes, epoch e in slot e mod 2
 *   slot: 0 u8 version=1 | 1 zero 3 | 4 u32 epoch | 8 nonce 24 | 32 wrapped seed 48 | 80 zero 48 */
#include "vault/audit_priv.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/secret.h"

enum { SLOT_BYTES = 128, SLOT_VERSION = 1, KIND = 0xa1 };

static const char PURPOSE[] = "lethe-v1 audit keys";

/* Bound to the store and the epoch. */
static struct crypto_slot binding(const struct audit_keys *k, uint32_t epoch)
{
    struct crypto_slot slot = {.slot = epoch, .kind = KIND};

    memcpy(slot.store, k->store, VAULT_ID_BYTES);
    return slot;
}

static enum err write_slot(const struct audit_keys *k, uint32_t epoch,
                           const uint8_t slot[SLOT_BYTES])
{
    enum err e = vault__file_write(k->fd, slot, SLOT_BYTES, (uint64_t)(epoch % 2) * SLOT_BYTES);

    return e == ERR_OK ? vault__file_sync(k->fd) : e;
}

static enum err put_seed(const struct audit_keys *k, uint32_t epoch,
                         const uint8_t seed[CRYPTO_KEY_BYTES])
{
    const struct crypto_slot bound = binding(k, epoch);
    uint8_t slot[SLOT_BYTES] = {SLOT_VERSION};

    put_le(slot + 4, epoch, 4);
    secret_random(slot + 8, CRYPTO_NONCE_BYTES);
    vault__wrap(k->wrapping, &bound, slot + 8, seed, slot + 32);
    return write_slot(k, epoch, slot);
}

/* The seed of an epoch, if it stands there and opens. */
static bool get_seed(const struct audit_keys *k, uint32_t epoch, uint8_t seed[CRYPTO_KEY_BYTES])
{
    const struct crypto_slot bound = binding(k, epoch);
    uint8_t slot[SLOT_BYTES];
    size_t got = 0;

    return vault__file_read(k->fd, slot, sizeof(slot), (uint64_t)(epoch % 2) * SLOT_BYTES, &got) ==
               ERR_OK &&
           got == sizeof(slot) && slot[0] == SLOT_VERSION && get_le(slot + 4, 4) == epoch &&
           vault__unwrap(k->wrapping, &bound, slot + 8, slot + 32, seed) == ERR_OK;
}

/* ---- opening ---- */

static bool take_named(struct audit_keys *k, const struct audit_head *last, uint8_t *seed)
{
    if (!get_seed(k, last->epoch + 1, seed))
        return false;
    vault__key_pair(seed, k->key, k->secret);
    return memcmp(k->key, last->next, VAULT_PUBLIC_BYTES) == 0;
}

static enum err begin_line(struct audit_keys *k, const struct audit_head *last, uint8_t *seed)
{
    k->begins = true;
    k->epoch = last == NULL ? 1 : last->epoch + 1;
    secret_random(seed, CRYPTO_KEY_BYTES);
    vault__key_pair(seed, k->key, k->secret);
    return put_seed(k, k->epoch, seed);
}

static enum err open_file(struct audit_keys *k, const char *dir)
{
    static const uint8_t zeroes[2 * SLOT_BYTES];
    AUTO(mem_free) char *path = vault__path(dir, AUDIT_DIR "/keys");
    off_t size;
    enum err e;

    k->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (k->fd < 0)
        return ERR_IO;
    size = lseek(k->fd, 0, SEEK_END);
    if (size >= (off_t)sizeof(zeroes))
        return ERR_OK;
    /* Written, not only allocated: what is overwritten later lies where it lay. */
    e = vault__file_write(k->fd, zeroes, sizeof(zeroes), 0);
    if (e == ERR_OK)
        e = vault__file_sync(k->fd);
    return e == ERR_OK ? vault__folder_sync(path) : e;
}

enum err audit_keys_open(struct audit_keys *k, const char *dir, const uint8_t store[VAULT_ID_BYTES],
                         const uint8_t ledger_key[CRYPTO_KEY_BYTES], const struct audit_head *last)
{
    AUTO(secret_free) uint8_t *seed = secret_alloc(CRYPTO_KEY_BYTES);
    enum err e;

    *k = (struct audit_keys){.fd = -1,
                             .wrapping = secret_alloc(CRYPTO_KEY_BYTES),
                             .secret = secret_alloc(CRYPTO_SECRET_KEY_BYTES),
                             .coming = secret_alloc(CRYPTO_SECRET_KEY_BYTES)};
    memcpy(k->store, store, VAULT_ID_BYTES);
    vault__keyed_hash(ledger_key, PURPOSE, sizeof(PURPOSE), k->wrapping);
    e = open_file(k, dir);
    if (e == ERR_OK && last != NULL && take_named(k, last, seed))
        k->epoch = last->epoch + 1;
    else if (e == ERR_OK)
        e = begin_line(k, last, seed);
    k->ready = e == ERR_OK;
    if (e != ERR_OK)
        audit_keys_close(k);
    return e;
}

void audit_keys_close(struct audit_keys *k)
{
    if (k->wrapping == NULL)
        return;
    secret_free(&k->wrapping);
    secret_free(&k->secret);
    secret_free(&k->coming);
    fd_close(&k->fd);
    k->ready = false;
}

/* ---- signing ---- */

enum err audit_keys_sign(struct audit_keys *k, struct audit_head *head)
{
    AUTO(secret_free) uint8_t *seed = secret_alloc(CRYPTO_KEY_BYTES);
    uint8_t message[AUDIT_HEAD_MESSAGE];
    enum err e;

    secret_random(seed, CRYPTO_KEY_BYTES);
    vault__key_pair(seed, k->next, k->coming);
    e = put_seed(k, k->epoch + 1, seed);
    if (e != ERR_OK)
        return e;
    head->epoch = k->epoch;
    head->begins = k->begins;
    memcpy(head->key, k->key, VAULT_PUBLIC_BYTES);
    memcpy(head->next, k->next, VAULT_PUBLIC_BYTES);
    audit_head_message(k->store, head, message);
    vault__sign(k->secret, span_of(message, sizeof(message)), head->by_epoch);
    return ERR_OK;
}

enum err audit_keys_step(struct audit_keys *k)
{
    static const uint8_t zeroes[SLOT_BYTES];
    const uint32_t gone = k->epoch;

    secret_wipe(k->secret, CRYPTO_SECRET_KEY_BYTES);
    memcpy(k->secret, k->coming, CRYPTO_SECRET_KEY_BYTES);
    memcpy(k->key, k->next, VAULT_PUBLIC_BYTES);
    secret_wipe(k->coming, CRYPTO_SECRET_KEY_BYTES);
    k->epoch++;
    k->begins = false;
    return write_slot(k, gone, zeroes);
}
