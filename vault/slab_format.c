/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in keys.slab, byte by byte: headers and slots encoded, checked and read.
 * Runs on: any thread; never blocks. Holds: nothing. Invariant: every byte is either covered by a
 * keyed hash or the cipher, or must be zero. Not here: the file (slab.c). */
#include "vault/slab_format_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "vault/file_priv.h"

/* A header copy: 0 "LETHSLAB" | 8 u32 version | 12 u32 epoch | 16 u64 sequence | 24 store id 16 |
 *   40 u64 rows reserved | 48 u64 slots used | 56 u32 old epoch | 60 zero 4 | 64 key check 16 |
 *   80 hash 32 | 112 zero
 *   key check = first 16 bytes of the keyed hash of ("lethe slab key" | u32 epoch | store id)
 *   hash      = keyed hash of bytes 0..79; both under the check key derived from the epoch's root
 * A newer format changes both copies, so that an older program never takes the older of them.
 *
 * A slot: 0 u8 version | 1 u8 kind | 2 zero | 4 u32 epoch | 8 u64 owner | 16 subject 16 |
 *   32 nonce 24 | 56 wrapped 48 | 104 zero. All zero: empty or shredded. */
enum {
    VERSION = 2,
    SLOT_VERSION = 1,
    CHECK_AT = 64,
    CHECK_BYTES = 16,
    HASHED_BYTES = 80,
    SLOT_USED_BYTES = 104
};

static const char MAGIC[8] = {'L', 'E', 'T', 'H', 'S', 'L', 'A', 'B'};

bool slab_is_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

/* ---- headers ---- */

static void key_check(const uint8_t *check_key, const struct slab_header *h,
                      uint8_t out[CHECK_BYTES])
{
    static const char label[] = "lethe slab key";
    uint8_t bytes[sizeof(label) - 1 + 4 + VAULT_ID_BYTES], hash[CRYPTO_HASH_BYTES];

    memcpy(bytes, label, sizeof(label) - 1);
    put_le(bytes + sizeof(label) - 1, h->epoch, 4);
    memcpy(bytes + sizeof(label) - 1 + 4, h->store_id, VAULT_ID_BYTES);
    vault__keyed_hash(check_key, bytes, sizeof(bytes), hash);
    memcpy(out, hash, CHECK_BYTES);
}

void slab_header_encode(const struct slab_header *h, const uint8_t check_key[CRYPTO_KEY_BYTES],
                        uint8_t out[SLAB_COPY_BYTES])
{
    memset(out, 0, SLAB_COPY_BYTES);
    memcpy(out, MAGIC, sizeof(MAGIC));
    put_le(out + 8, VERSION, 4);
    put_le(out + 12, h->epoch, 4);
    put_le(out + 16, h->sequence, 8);
    memcpy(out + 24, h->store_id, VAULT_ID_BYTES);
    put_le(out + 40, h->rows, 8);
    put_le(out + 48, h->used, 8);
    put_le(out + 56, h->old_epoch, 4);
    key_check(check_key, h, out + CHECK_AT);
    vault__keyed_hash(check_key, out, HASHED_BYTES, out + HASHED_BYTES);
}

static struct slab_header decode(const uint8_t *copy)
{
    struct slab_header h = {.epoch = (uint32_t)get_le(copy + 12, 4),
                            .sequence = get_le(copy + 16, 8),
                            .rows = get_le(copy + 40, 8),
                            .used = get_le(copy + 48, 8),
                            .old_epoch = (uint32_t)get_le(copy + 56, 4)};

    memcpy(h.store_id, copy + 24, VAULT_ID_BYTES);
    return h;
}

enum copy_state { COPY_GOOD, COPY_NEWER, COPY_OLDER, COPY_FOREIGN, COPY_DAMAGED };

struct checks {
    const struct slab_check *at;
    size_t count;
};

static const uint8_t *check_key_of(const struct checks *checks, uint32_t epoch)
{
    for (size_t i = 0; i < checks->count; i++)
        if (checks->at[i].epoch == epoch)
            return checks->at[i].key;
    return NULL;
}

static enum copy_state judge(const uint8_t *copy, const struct checks *checks)
{
    uint8_t check[CHECK_BYTES], hash[CRYPTO_HASH_BYTES];
    struct slab_header h = decode(copy);
    const uint8_t *key = check_key_of(checks, h.epoch);

    if (memcmp(copy, MAGIC, sizeof(MAGIC)) != 0)
        return COPY_DAMAGED;
    if (get_le(copy + 8, 4) != VERSION)
        return get_le(copy + 8, 4) > VERSION ? COPY_NEWER : COPY_OLDER;
    if (key == NULL)
        return COPY_FOREIGN;
    key_check(key, &h, check);
    if (!secret_equal(check, copy + CHECK_AT, CHECK_BYTES))
        return COPY_FOREIGN;
    vault__keyed_hash(key, copy, HASHED_BYTES, hash);
    if (!secret_equal(hash, copy + HASHED_BYTES, CRYPTO_HASH_BYTES) ||
        !slab_is_zero(copy + HASHED_BYTES + CRYPTO_HASH_BYTES,
                      SLAB_COPY_BYTES - HASHED_BYTES - CRYPTO_HASH_BYTES))
        return COPY_DAMAGED;
    return COPY_GOOD;
}

static bool is_newer(const uint8_t *a, const uint8_t *b)
{
    return get_le(a + 16, 8) > get_le(b + 16, 8);
}

/* Do two copies under unknown keys agree on whose they are? Damage does not hit both alike. Either
 * they are of one epoch, or the newer one says that it has just left the older one's. */
static bool agree(const uint8_t *a, const uint8_t *b)
{
    const uint8_t *last = is_newer(a, b) ? a : b, *before = last == a ? b : a;

    if (memcmp(a + 24, b + 24, VAULT_ID_BYTES) != 0)
        return false;
    if (memcmp(a + 12, b + 12, 4) == 0)
        return memcmp(a + CHECK_AT, b + CHECK_AT, CHECK_BYTES) == 0;
    return memcmp(last + 56, before + 12, 4) == 0 && !slab_is_zero(before + 12, 4);
}

static enum err say_foreign(const uint8_t *newer, const struct checks *checks, struct errmsg *msg)
{
    const unsigned wanted = (unsigned)get_le(newer + 12, 4);
    const unsigned old = (unsigned)get_le(newer + 56, 4);
    char epochs[64] = "", also[32] = "";

    if (check_key_of(checks, wanted) != NULL)
        return errmsg_set(msg, ERR_SEALED,
                          "sealed under another root key than the one given for epoch %u: give "
                          "the root key of this store",
                          wanted);
    for (size_t i = 0, len = 0; i < checks->count && len < sizeof(epochs) - 16; i++)
        len += (size_t)snprintf(epochs + len, sizeof(epochs) - len, "%s%u", i == 0 ? "" : " and ",
                                (unsigned)checks->at[i].epoch);
    if (old != 0)
        (void)snprintf(also, sizeof(also), " beside %u", old);
    return errmsg_set(msg, ERR_SEALED,
                      "sealed under another root key; epoch %u is wanted%s, the key given is of "
                      "epoch %s",
                      wanted, also, epochs);
}

/* Neither copy is good: is it another key's store, another format, or damage? */
static enum err refuse(const uint8_t *a, const uint8_t *b, const struct checks *checks,
                       struct errmsg *msg)
{
    enum copy_state of_a = judge(a, checks), of_b = judge(b, checks);

    if (of_a == COPY_NEWER && of_b == COPY_NEWER)
        return errmsg_set(msg, ERR_CORRUPT,
                          "made by a newer version of Lethe (format %u): use the newer program",
                          (unsigned)get_le(a + 8, 4));
    if (of_a == COPY_OLDER && of_b == COPY_OLDER && memcmp(a + 8, b + 8, 4) == 0)
        return errmsg_set(msg, ERR_CORRUPT,
                          "made by an older version of Lethe (format %u), which this one cannot "
                          "read: make a new store with `lethe init`",
                          (unsigned)get_le(a + 8, 4));
    if (of_a == COPY_FOREIGN && of_b == COPY_FOREIGN && agree(a, b))
        return say_foreign(is_newer(a, b) ? a : b, checks, msg);
    return errmsg_set(msg, ERR_CORRUPT, "its header is damaged; restore keys.slab");
}

enum err slab_header_decode(const uint8_t both[SLAB_HEADER_BYTES], const struct slab_check *checks,
                            size_t count, struct slab_header *ret, struct errmsg *msg)
{
    const struct checks all = {checks, count};
    const uint8_t *a = both, *b = both + SLAB_COPY_BYTES;
    bool a_good = judge(a, &all) == COPY_GOOD, b_good = judge(b, &all) == COPY_GOOD;

    if (!a_good && !b_good)
        return refuse(a, b, &all, msg);
    *ret = decode(!b_good || (a_good && is_newer(a, b)) ? a : b);
    return ERR_OK;
}

enum err slab_header_peek(const uint8_t both[SLAB_HEADER_BYTES], uint8_t ret_store[VAULT_ID_BYTES])
{
    const uint8_t *found = NULL;

    for (size_t at = 0; at < SLAB_HEADER_BYTES; at += SLAB_COPY_BYTES) {
        const uint8_t *copy = both + at;

        if (memcmp(copy, MAGIC, sizeof(MAGIC)) != 0 || get_le(copy + 8, 4) != VERSION)
            continue;
        if (found != NULL && memcmp(found + 24, copy + 24, VAULT_ID_BYTES) != 0)
            return ERR_CORRUPT;
        found = copy;
    }
    if (found == NULL)
        return ERR_CORRUPT;
    memcpy(ret_store, found + 24, VAULT_ID_BYTES);
    return ERR_OK;
}

static bool looks_right(const uint8_t *copy)
{
    return memcmp(copy, MAGIC, sizeof(MAGIC)) == 0 && get_le(copy + 8, 4) == VERSION;
}

bool slab_header_newer(const uint8_t both[SLAB_HEADER_BYTES], struct slab_header *ret)
{
    const uint8_t *a = both, *b = both + SLAB_COPY_BYTES;

    if (!looks_right(a) && !looks_right(b))
        return false;
    *ret = decode(!looks_right(b) || (looks_right(a) && get_le(a + 16, 8) > get_le(b + 16, 8)) ? a
                                                                                               : b);
    return true;
}

/* ---- slots ---- */

static struct crypto_slot binding(const struct slab_header *h, uint64_t slot, uint8_t kind,
                                  uint32_t epoch, uint64_t owner,
                                  const uint8_t subject[VAULT_ID_BYTES])
{
    struct crypto_slot b = {.slot = slot, .kind = kind, .epoch = epoch, .owner = owner};

    memcpy(b.store, h->store_id, VAULT_ID_BYTES);
    memcpy(b.subject, subject, VAULT_ID_BYTES);
    return b;
}

void slab_slot_encode(const struct slab_header *h, const uint8_t wrap_key[CRYPTO_KEY_BYTES],
                      uint64_t slot, const struct slab_key *key,
                      const uint8_t nonce[CRYPTO_NONCE_BYTES], uint8_t out[SLAB_SLOT_BYTES])
{
    struct crypto_slot b = binding(h, slot, (uint8_t)key->kind, h->epoch, key->owner, key->subject);

    memset(out, 0, SLAB_SLOT_BYTES);
    out[0] = SLOT_VERSION;
    out[1] = (uint8_t)key->kind;
    put_le(out + 4, b.epoch, 4);
    put_le(out + 8, b.owner, 8);
    memcpy(out + 16, b.subject, VAULT_ID_BYTES);
    memcpy(out + 32, nonce, CRYPTO_NONCE_BYTES);
    vault__wrap(wrap_key, &b, out + 32, key->key, out + 56);
}

bool slab_slot_is_subject(const uint8_t slot[SLAB_SLOT_BYTES])
{
    return slot[0] == SLOT_VERSION && slot[1] == SLAB_SUBJECT && get_le(slot + 2, 2) == 0 &&
           slab_is_zero(slot + SLOT_USED_BYTES, SLAB_SLOT_BYTES - SLOT_USED_BYTES);
}

uint32_t slab_slot_epoch(const uint8_t slot[SLAB_SLOT_BYTES])
{
    return (uint32_t)get_le(slot + 4, 4);
}

enum err slab_slot_decode(const struct slab_header *h, const uint8_t wrap_key[CRYPTO_KEY_BYTES],
                          uint64_t slot, const uint8_t in[SLAB_SLOT_BYTES], struct slab_key *ret)
{
    struct crypto_slot b =
        binding(h, slot, in[1], (uint32_t)get_le(in + 4, 4), get_le(in + 8, 8), in + 16);
    enum err e;

    if (in[0] != SLOT_VERSION || get_le(in + 2, 2) != 0 || in[1] < SLAB_SUBJECT ||
        in[1] > SLAB_SIGNING ||
        !slab_is_zero(in + SLOT_USED_BYTES, SLAB_SLOT_BYTES - SLOT_USED_BYTES))
        return ERR_CORRUPT;
    e = vault__unwrap(wrap_key, &b, in + 32, in + 56, ret->key);
    if (e != ERR_OK)
        return e;
    ret->kind = (enum slab_kind)b.kind;
    ret->owner = b.owner;
    memcpy(ret->subject, b.subject, VAULT_ID_BYTES);
    return ERR_OK;
}
