/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256.
 * Runs on: any thread. Holds: nothing. Not here: keyed hashes (vault/crypto.c), hashes of secrets
 * (base/secret.c). */
#include "base/digest.h"

#include <sodium.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct digest), "state");
_Static_assert(crypto_hash_sha256_BYTES == DIGEST_BYTES, "digest size");

static crypto_hash_sha256_state *state_of(struct digest *digest)
{
    return (crypto_hash_sha256_state *)digest->state;
}

void digest_begin(struct digest *digest)
{
    (void)crypto_hash_sha256_init(state_of(digest));
}

void digest_add(struct digest *digest, const void *bytes, size_t len)
{
    (void)crypto_hash_sha256_update(state_of(digest), bytes, len);
}

void digest_end(struct digest *digest, uint8_t ret[DIGEST_BYTES])
{
    (void)crypto_hash_sha256_final(state_of(digest), ret);
}

void digest_hmac(struct span key, const struct span *parts, size_t count, uint8_t ret[DIGEST_BYTES])
{
    crypto_auth_hmacsha256_state state;

    (void)crypto_auth_hmacsha256_init(&state, (const unsigned char *)key.at, key.len);
    for (size_t i = 0; i < count; i++)
        (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)parts[i].at,
                                            parts[i].len);
    (void)crypto_auth_hmacsha256_final(&state, ret);
    sodium_memzero(&state, sizeof(state));
}

void digest_hex(struct span text, char ret[DIGEST_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[DIGEST_BYTES];
    struct digest digest;

    digest_begin(&digest);
    digest_add(&digest, text.at, text.len);
    digest_end(&digest, bytes);
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * DIGEST_BYTES] = '\0';
}
