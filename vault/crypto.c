/* SPDX-License-Identifier: Apache-2.0 */
/* The vault's cryptography on libsodium.
 * Runs on: any thread; never blocks. Holds: nothing. Invariant: every byte of a nonce and of the
 * associated data is fixed below; changing one is a new format version. Not here: where keys live
 * (base/secret.h), files. */
#include "vault/crypto_priv.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/secret.h"
#include "vault/file_priv.h"

_Static_assert(CRYPTO_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key size");
_Static_assert(CRYPTO_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag size");
_Static_assert(CRYPTO_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce size");
_Static_assert(CRYPTO_KEY_BYTES == crypto_kdf_KEYBYTES, "root key size");
_Static_assert(CRYPTO_KEY_BYTES == crypto_sign_SEEDBYTES, "seed size");
_Static_assert(CRYPTO_SECRET_KEY_BYTES == crypto_sign_SECRETKEYBYTES, "signing key size");
_Static_assert(VAULT_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "public key size");
_Static_assert(VAULT_SIGNATURE_BYTES == crypto_sign_BYTES, "signature size");
_Static_assert((int)VAULT_MAC_BYTES == (int)CRYPTO_MAC_BYTES, "hash size");
_Static_assert(TOKEN_LOCATOR_KEY_BYTES == crypto_shorthash_KEYBYTES, "locator key size");

/* Associated data, format version 1; numbers are little-endian.
 *   of a row:         0 version=1 | 1 'R' | 2 u16 domain | 4 u16 class | 6 subject 16 | 22 u64 row |
 *                     30 u64 revision | 38 i64 due_s | 46 salt 10 | 56 i64 created_s
 *   ... with a start: the same with 1 'S', then 64 i64 start_s
 *   of a wrapped key: 0 version=1 | 1 'K' | 2 store 16 | 18 u64 slot | 26 u8 kind | 27 u32 epoch |
 *                     31 u64 owner | 39 subject 16 */
enum { AD_VERSION = 1, ROW_AD_BYTES = 64, START_AD_BYTES = 72, SLOT_AD_BYTES = 55 };

/* Nonce of a row: 0 salt 10 | 10 u64 number | 18 u32 1 if the number is a revision's, 0 if it is
 * the row's | 22 u16 class. A row's number is given out once within a class, and goes with a salt
 * that was drawn for it; a revision goes with the salt of before and is random itself. So two copies
 * of a store that are both written to repeat no nonce either. */
static void row_nonce(const struct crypto_row *row, uint8_t nonce[CRYPTO_NONCE_BYTES])
{
    const bool revised = row->revision != 0;

    memcpy(nonce, row->salt, TOKEN_SALT_BYTES);
    put_le(nonce + 10, revised ? row->revision : row->row, 8);
    put_le(nonce + 18, revised, 4);
    put_le(nonce + 22, row->class_id, 2);
}

static size_t row_ad(const struct crypto_row *row, uint8_t ad[START_AD_BYTES])
{
    ad[0] = AD_VERSION;
    ad[1] = row->start_s == 0 ? 'R' : 'S';
    put_le(ad + 2, row->domain, 2);
    put_le(ad + 4, row->class_id, 2);
    memcpy(ad + 6, row->subject, VAULT_ID_BYTES);
    put_le(ad + 22, row->row, 8);
    put_le(ad + 30, row->revision, 8);
    put_le(ad + 38, (uint64_t)row->due_s, 8);
    memcpy(ad + 46, row->salt, TOKEN_SALT_BYTES);
    put_le(ad + 56, (uint64_t)row->created_s, 8);
    if (row->start_s == 0)
        return ROW_AD_BYTES;
    put_le(ad + 64, (uint64_t)row->start_s, 8);
    return START_AD_BYTES;
}

void vault__seal(const uint8_t key[CRYPTO_KEY_BYTES], const struct crypto_row *row,
                 enum value_kind kind, struct span value, uint8_t *out)
{
    uint8_t nonce[CRYPTO_NONCE_BYTES], ad[START_AD_BYTES];
    const size_t ad_len = row_ad(row, ad);

    row_nonce(row, nonce);
    /* In place: the clear text stands in `out` only until the cipher has gone over it. */
    out[0] = (uint8_t)kind;
    if (value.len > 0)
        memcpy(out + 1, value.at, value.len);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, out, 1 + value.len, ad, ad_len,
                                                     NULL, nonce, key);
}

/* Verify only. The first byte of the clear text is the kind: the cipher's stream starts at its
 * block 1 (block 0 keys the authenticator), so that byte alone can be had without the value. */
static enum err verify(const uint8_t *key, const uint8_t *nonce, struct span ad, struct span sealed,
                       uint8_t *ret_kind)
{
    const uint8_t *c = (const uint8_t *)sealed.at;
    size_t len = sealed.len - CRYPTO_TAG_BYTES;

    if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
            NULL, NULL, c, len, c + len, (const uint8_t *)ad.at, ad.len, nonce, key) != 0)
        return ERR_CORRUPT;
    (void)crypto_stream_xchacha20_xor_ic(ret_kind, c, 1, nonce, 1, key);
    return ERR_OK;
}

enum err vault__open(const uint8_t key[CRYPTO_KEY_BYTES], const struct crypto_row *row,
                     struct span sealed, enum value_kind *ret_kind, struct buf *out)
{
    uint8_t nonce[CRYPTO_NONCE_BYTES], ad[START_AD_BYTES], kind;
    uint8_t *clear = NULL;
    size_t len, ad_len;
    enum err e;

    if (sealed.len < 1 + CRYPTO_TAG_BYTES)
        return ERR_CORRUPT;
    len = sealed.len - CRYPTO_TAG_BYTES;
    row_nonce(row, nonce);
    ad_len = row_ad(row, ad);
    if (out == NULL) {
        e = verify(key, nonce, span_of(ad, ad_len), sealed, &kind);
        if (e != ERR_OK)
            return e;
    } else {
        e = buf_reserve(out, len);
        if (e != ERR_OK)
            return e;
        clear = out->bytes + out->len;
        if (crypto_aead_xchacha20poly1305_ietf_decrypt(clear, NULL, NULL,
                                                       (const uint8_t *)sealed.at, sealed.len, ad,
                                                       ad_len, nonce, key) != 0)
            return ERR_CORRUPT;
        kind = clear[0];
    }
    if (kind < VALUE_STRING || kind > VALUE_BOOL) {
        if (clear != NULL)
            secret_wipe(clear, len);
        return ERR_CORRUPT;
    }
    if (clear != NULL) {
        memmove(clear, clear + 1, len - 1);
        clear[len - 1] = 0; /* buf_reset() wipes up to the length only */
        out->len += len - 1;
    }
    *ret_kind = (enum value_kind)kind;
    return ERR_OK;
}

static void slot_ad(const struct crypto_slot *slot, uint8_t ad[SLOT_AD_BYTES])
{
    ad[0] = AD_VERSION;
    ad[1] = 'K';
    memcpy(ad + 2, slot->store, VAULT_ID_BYTES);
    put_le(ad + 18, slot->slot, 8);
    ad[26] = slot->kind;
    put_le(ad + 27, slot->epoch, 4);
    put_le(ad + 31, slot->owner, 8);
    memcpy(ad + 39, slot->subject, VAULT_ID_BYTES);
}

void vault__wrap(const uint8_t wrapping_key[CRYPTO_KEY_BYTES], const struct crypto_slot *slot,
                 const uint8_t nonce[CRYPTO_NONCE_BYTES], const uint8_t key[CRYPTO_KEY_BYTES],
                 uint8_t wrapped[CRYPTO_WRAPPED_BYTES])
{
    uint8_t ad[SLOT_AD_BYTES];

    slot_ad(slot, ad);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped, NULL, key, CRYPTO_KEY_BYTES, ad,
                                                     sizeof(ad), NULL, nonce, wrapping_key);
}

enum err vault__unwrap(const uint8_t wrapping_key[CRYPTO_KEY_BYTES], const struct crypto_slot *slot,
                       const uint8_t nonce[CRYPTO_NONCE_BYTES],
                       const uint8_t wrapped[CRYPTO_WRAPPED_BYTES], uint8_t key[CRYPTO_KEY_BYTES])
{
    uint8_t ad[SLOT_AD_BYTES];

    slot_ad(slot, ad);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(key, NULL, NULL, wrapped, CRYPTO_WRAPPED_BYTES,
                                                   ad, sizeof(ad), nonce, wrapping_key) != 0)
        return ERR_CORRUPT;
    return ERR_OK;
}

void vault__derive(const uint8_t root[CRYPTO_KEY_BYTES], enum crypto_derived which,
                   uint8_t out[CRYPTO_KEY_BYTES])
{
    REQUIRE(crypto_kdf_derive_from_key(out, CRYPTO_KEY_BYTES, which, "lethe-v1", root) == 0);
}

struct key_out {
    uint8_t *at;
    size_t len;
};

/* Keyed BLAKE2b over a head and the text; `personal` (16 bytes) tells uses apart. */
static void keyed(const uint8_t *key, const char personal[16], struct span head, struct span text,
                  struct key_out out)
{
    crypto_generichash_blake2b_state state;

    REQUIRE(crypto_generichash_blake2b_init_salt_personal(&state, key, CRYPTO_KEY_BYTES, out.len,
                                                          NULL, (const uint8_t *)personal) == 0);
    (void)crypto_generichash_blake2b_update(&state, (const uint8_t *)head.at, head.len);
    (void)crypto_generichash_blake2b_update(&state, (const uint8_t *)text.at, text.len);
    (void)crypto_generichash_blake2b_final(&state, out.at, out.len);
    secret_wipe(&state, sizeof(state)); /* it held the key and the end of the text */
}

/* The same with a fixed head, to 128 bits. */
static void blind(const uint8_t *key, const char personal[16], const uint8_t *head, size_t head_len,
                  struct span text, uint8_t out[CRYPTO_MAC_BYTES])
{
    keyed(key, personal, span_of(head, head_len), text, (struct key_out){out, CRYPTO_MAC_BYTES});
}

/* Head of a value: u16 domain | u16 class | u8 kind. */
void vault__fingerprint(const uint8_t index_key[CRYPTO_KEY_BYTES], uint16_t domain,
                        uint16_t class_id, enum value_kind kind, struct span value,
                        uint8_t out[CRYPTO_MAC_BYTES])
{
    uint8_t head[5];

    put_le(head, domain, 2);
    put_le(head + 2, class_id, 2);
    head[4] = (uint8_t)kind;
    blind(index_key, "lethe-v1 value\0", head, sizeof(head), value, out);
}

/* Head of a name: u16 domain. */
void vault__name_mac(const uint8_t index_key[CRYPTO_KEY_BYTES], uint16_t domain, struct span name,
                     uint8_t out[CRYPTO_MAC_BYTES])
{
    uint8_t head[2];

    put_le(head, domain, 2);
    blind(index_key, "lethe-v1 name\0\0", head, sizeof(head), name, out);
}

/* Head: the name and its NUL. */
void vault__class_key(const uint8_t locator_key[CRYPTO_KEY_BYTES], const char *name,
                      const char *spec, uint8_t out[CRYPTO_KEY_BYTES])
{
    keyed(locator_key, "lethe-v1 seqkey", span_of(name, strlen(name) + 1), span_str(spec),
          (struct key_out){out, CRYPTO_KEY_BYTES});
}

/* Head: the purpose and its NUL. */
void vault__purpose_key(const uint8_t locator_key[CRYPTO_KEY_BYTES], const char *purpose,
                        struct span context, uint8_t out[CRYPTO_KEY_BYTES])
{
    keyed(locator_key, "lethe-v1 purpose", span_of(purpose, strlen(purpose) + 1), context,
          (struct key_out){out, CRYPTO_KEY_BYTES});
}

void vault__sequence_id(const uint8_t class_key[CRYPTO_KEY_BYTES], const char *shape,
                        uint8_t out[CRYPTO_MAC_BYTES])
{
    blind(class_key, "lethe-v1 shape\0", NULL, 0, span_str(shape), out);
}

/* Head: id 16 | u32 index | u64 room. */
void vault__sequence_mac(const uint8_t class_key[CRYPTO_KEY_BYTES],
                         const uint8_t id[CRYPTO_MAC_BYTES], uint32_t index, uint64_t room,
                         uint8_t out[CRYPTO_MAC_BYTES])
{
    uint8_t head[CRYPTO_MAC_BYTES + 12];

    memcpy(head, id, CRYPTO_MAC_BYTES);
    put_le(head + CRYPTO_MAC_BYTES, index, 4);
    put_le(head + CRYPTO_MAC_BYTES + 4, room, 8);
    blind(class_key, "lethe-v1 index\0", head, sizeof(head), SPAN_NONE, out);
}

void vault__audit_tag(const uint8_t key[CRYPTO_KEY_BYTES], uint8_t out[CRYPTO_MAC_BYTES])
{
    static const char purpose[] = "lethe-v1 audit subject";

    (void)crypto_generichash_blake2b(out, CRYPTO_MAC_BYTES, (const uint8_t *)purpose,
                                     sizeof(purpose), key, CRYPTO_KEY_BYTES);
}

/* Head: u8 length of the key | the key, zeroes up to 64. */
void vault__repeat_mac(const uint8_t locator_key[CRYPTO_KEY_BYTES], struct span key,
                       struct span request, uint8_t out[CRYPTO_MAC_BYTES])
{
    uint8_t head[1 + VAULT_REPEAT_KEY_MAX] = {0};

    REQUIRE(key.len > 0 && key.len <= VAULT_REPEAT_KEY_MAX);
    head[0] = (uint8_t)key.len;
    memcpy(head + 1, key.at, key.len);
    blind(locator_key, "lethe-v1 repeat", head, sizeof(head), request, out);
}

void vault__keyed_hash(const uint8_t key[CRYPTO_KEY_BYTES], const void *bytes, size_t len,
                       uint8_t out[CRYPTO_HASH_BYTES])
{
    (void)crypto_generichash_blake2b(out, CRYPTO_HASH_BYTES, bytes, len, key, CRYPTO_KEY_BYTES);
}

uint64_t vault__short_hash(const uint8_t key[TOKEN_LOCATOR_KEY_BYTES], const void *bytes,
                           size_t len)
{
    uint8_t out[crypto_shorthash_BYTES];

    (void)crypto_shorthash(out, bytes, len, key);
    return get_le(out, sizeof(out));
}

void vault__key_pair(const uint8_t seed[CRYPTO_KEY_BYTES], uint8_t ret_public[VAULT_PUBLIC_BYTES],
                     uint8_t ret_secret[CRYPTO_SECRET_KEY_BYTES])
{
    (void)crypto_sign_seed_keypair(ret_public, ret_secret, seed);
}

void vault__sign(const uint8_t secret[CRYPTO_SECRET_KEY_BYTES], struct span message,
                 uint8_t ret[VAULT_SIGNATURE_BYTES])
{
    (void)crypto_sign_detached(ret, NULL, (const uint8_t *)message.at, message.len, secret);
}

bool vault__signature_is_valid(const uint8_t public_key[VAULT_PUBLIC_BYTES], struct span message,
                               const uint8_t signature[VAULT_SIGNATURE_BYTES])
{
    return crypto_sign_verify_detached(signature, (const uint8_t *)message.at, message.len,
                                       public_key) == 0;
}
