/* SPDX-License-Identifier: Apache-2.0 */
/* All cryptography of the vault, on libsodium. Keys are 32 bytes unless said. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "vault/token.h"
#include "vault/vault.h"

enum {
    CRYPTO_KEY_BYTES = 32,
    CRYPTO_TAG_BYTES = 16,
    CRYPTO_NONCE_BYTES = 24,
    CRYPTO_WRAPPED_BYTES = CRYPTO_KEY_BYTES + CRYPTO_TAG_BYTES,
    CRYPTO_MAC_BYTES = 16,
    CRYPTO_HASH_BYTES = 32
};

/* What a sealed row is bound to: a row moved elsewhere does not open. */
struct crypto_row {
    uint16_t domain;
    uint16_t class_id;
    uint8_t subject[VAULT_ID_BYTES];
    uint64_t row;
    uint64_t revision; /* 0: as first stored; else a number of its own that no row ever had */
    int64_t due_s;
    uint8_t salt[TOKEN_SALT_BYTES];
    int64_t created_s;
    int64_t start_s; /* what due_s was counted from; 0: from the creation */
};

/* Seal kind + value under a subject's key (XChaCha20-Poly1305; the nonce is made of salt, number and
 * class: unique by construction and so not stored; associated data = format version and every field
 * of `row`). out: 1 + value.len + CRYPTO_TAG_BYTES bytes. */
void vault__seal(const uint8_t key[CRYPTO_KEY_BYTES], const struct crypto_row *row,
                 enum value_kind kind, struct span value, uint8_t *out);
/* Open; CORRUPT when it does not verify. The value is appended to out (NULL: only verified). */
enum err vault__open(const uint8_t key[CRYPTO_KEY_BYTES], const struct crypto_row *row,
                     struct span sealed, enum value_kind *ret_kind, struct buf *out) MUST_CHECK;

/* What a wrapped key is bound to. */
struct crypto_slot {
    uint8_t store[VAULT_ID_BYTES];
    uint64_t slot;
    uint8_t kind;
    uint32_t epoch;
    uint64_t owner;
    uint8_t subject[VAULT_ID_BYTES];
};

void vault__wrap(const uint8_t wrapping_key[CRYPTO_KEY_BYTES], const struct crypto_slot *slot,
                 const uint8_t nonce[CRYPTO_NONCE_BYTES], const uint8_t key[CRYPTO_KEY_BYTES],
                 uint8_t wrapped[CRYPTO_WRAPPED_BYTES]);
enum err vault__unwrap(const uint8_t wrapping_key[CRYPTO_KEY_BYTES], const struct crypto_slot *slot,
                       const uint8_t nonce[CRYPTO_NONCE_BYTES],
                       const uint8_t wrapped[CRYPTO_WRAPPED_BYTES], uint8_t key[CRYPTO_KEY_BYTES])
    MUST_CHECK;

/* Keys derived from the root key (crypto_kdf, context "lethe-v1"). */
enum crypto_derived { CRYPTO_DERIVE_WRAP = 1, CRYPTO_DERIVE_CHECK = 3 };
void vault__derive(const uint8_t root[CRYPTO_KEY_BYTES], enum crypto_derived which,
                   uint8_t out[CRYPTO_KEY_BYTES]);

/* Blind index of a value (keyed BLAKE2b-128 over domain, class, kind, value), and of a subject's
 * identifier (over domain and name): different personalisation, never equal. */
void vault__fingerprint(const uint8_t index_key[CRYPTO_KEY_BYTES], uint16_t domain,
                        uint16_t class_id, enum value_kind kind, struct span value,
                        uint8_t out[CRYPTO_MAC_BYTES]);
void vault__name_mac(const uint8_t index_key[CRYPTO_KEY_BYTES], uint16_t domain, struct span name,
                     uint8_t out[CRYPTO_MAC_BYTES]);
/* What the numbers of a typed class's tokens are permuted with: a key of its own for each name and
 * spec (format_spec_text), made from the locator key, so that it lives exactly as long as that one and
 * needs no slot that an older keys.slab could lack. */
void vault__class_key(const uint8_t locator_key[CRYPTO_KEY_BYTES], const char *name,
                      const char *spec, uint8_t out[CRYPTO_KEY_BYTES]);
/* What vault_derive() gives out. */
void vault__purpose_key(const uint8_t locator_key[CRYPTO_KEY_BYTES], const char *purpose,
                        struct span context, uint8_t out[CRYPTO_KEY_BYTES]);
/* What names the sequence of one shape in files: shapes may tell something of values (their length),
 * and so do not stand there themselves. */
void vault__sequence_id(const uint8_t class_key[CRYPTO_KEY_BYTES], const char *shape,
                        uint8_t out[CRYPTO_MAC_BYTES]);
/* Binds a sequence to its index, the upper part of its rows' numbers, so that nobody with the disk can make
 * a token lead to another shape's rows. */
void vault__sequence_mac(const uint8_t class_key[CRYPTO_KEY_BYTES],
                         const uint8_t id[CRYPTO_MAC_BYTES], uint32_t index, uint64_t room,
                         uint8_t out[CRYPTO_MAC_BYTES]);
/* A subject's tag in the audit trail, made from its key: whoever has the key finds its records. */
void vault__audit_tag(const uint8_t key[CRYPTO_KEY_BYTES], uint8_t out[CRYPTO_MAC_BYTES]);
/* Of a key of at most VAULT_REPEAT_KEY_MAX bytes under which something is asked for, and of what is. */
void vault__repeat_mac(const uint8_t locator_key[CRYPTO_KEY_BYTES], struct span key,
                       struct span request, uint8_t out[CRYPTO_MAC_BYTES]);
/* Keyed BLAKE2b-256: the ledger's chain and header checks. */
void vault__keyed_hash(const uint8_t key[CRYPTO_KEY_BYTES], const void *bytes, size_t len,
                       uint8_t out[CRYPTO_HASH_BYTES]);
/* The Ed25519 (RFC 8032) key pair of a seed; the secret key holds seed and public key. */
enum { CRYPTO_SECRET_KEY_BYTES = 64 };
void vault__key_pair(const uint8_t seed[CRYPTO_KEY_BYTES], uint8_t ret_public[VAULT_PUBLIC_BYTES],
                     uint8_t ret_secret[CRYPTO_SECRET_KEY_BYTES]);
void vault__sign(const uint8_t secret[CRYPTO_SECRET_KEY_BYTES], struct span message,
                 uint8_t ret[VAULT_SIGNATURE_BYTES]);
bool vault__signature_is_valid(const uint8_t public_key[VAULT_PUBLIC_BYTES], struct span message,
                               const uint8_t signature[VAULT_SIGNATURE_BYTES]);
/* 64-bit SipHash-2-4, for the row mask. */
uint64_t vault__short_hash(const uint8_t key[TOKEN_LOCATOR_KEY_BYTES], const void *bytes,
                           size_t len);
