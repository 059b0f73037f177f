/* SPDX-License-Identifier: Apache-2.0 */
/* The public keys of an issuer of JWTs: a JWK set (RFC 7517) from a file. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/signature.h"
#include "base/span.h"

enum { JWKS_KEYS_MAX = 64, JWKS_BYTES_MAX = 256 << 10 };

struct jwks;

/* Read a set. Keys of other kinds, for encryption or with another `alg` than EdDSA, ES256 or RS256 are
 * left out. CONFIG with a message (without a place): not JSON, no usable key, more than JWKS_KEYS_MAX, a
 * malformed key, a private or symmetric one, two keys of one algorithm with the same `kid`.
 * ret_jwks: jwks_free(). */
enum err jwks_parse(struct span text, struct jwks **ret_jwks, struct errmsg *msg) MUST_CHECK;
void jwks_free(struct jwks **jwks);

/* The key for a token that says this algorithm and key id; kid SPAN_NONE: the only key of the algorithm.
 * NULL: there is none, or without a kid there are several. Any thread. */
const struct signature_key *jwks_find(const struct jwks *jwks, enum signature_alg alg,
                                      struct span kid);
/* The algorithm of this name ("EdDSA"). NOT_FOUND for every other one, `none` among them. */
enum err jwks_alg(struct span name, enum signature_alg *ret_alg) MUST_CHECK;
