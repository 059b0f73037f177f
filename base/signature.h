/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of others, checked with their public keys: OpenSSL behind our name. A key has one algorithm
 * for life, so that a message can never choose how it is checked. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum signature_alg {
    SIGNATURE_EDDSA, /* Ed25519 (RFC 8037) */
    SIGNATURE_ES256, /* ECDSA on P-256 with SHA-256 (RFC 7518 3.4) */
    SIGNATURE_RS256, /* RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 3.3) */
    SIGNATURE_ALGS
};

enum { SIGNATURE_RSA_BITS_MIN = 2048, SIGNATURE_RSA_BITS_MAX = 8192 };

struct signature_key;

/* Public keys from their numbers, big-endian as in a JWK. ret_key: caller frees with
 * signature_key_free(). INVALID: wrong length, no point of the curve, an RSA modulus outside the limits
 * above or an exponent that is even or below 3. */
enum err signature_key_ed25519(struct span x, struct signature_key **ret_key) MUST_CHECK;
enum err signature_key_p256(struct span x, struct span y, struct signature_key **ret_key)
    MUST_CHECK;
enum err signature_key_rsa(struct span n, struct span e, struct signature_key **ret_key) MUST_CHECK;
void signature_key_free(struct signature_key **key);

enum signature_alg signature_key_alg(const struct signature_key *key);

/* Is it the key holder's signature of the message? ES256 takes the two numbers as 64 bytes, not DER.
 * Any thread, several at once. */
bool signature_is_valid(const struct signature_key *key, struct span message, struct span signature)
    MUST_CHECK;
