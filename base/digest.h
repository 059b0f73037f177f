/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4): the digest that tools outside Lethe know, too. Not for secrets. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum { DIGEST_BYTES = 32, DIGEST_HEX_BYTES = 2 * DIGEST_BYTES + 1 };

/* What comes in pieces: begin, add any number of times, end. */
struct digest {
    uint64_t state[16];
};

void digest_begin(struct digest *digest);
void digest_add(struct digest *digest, const void *bytes, size_t len);
void digest_end(struct digest *digest, uint8_t ret[DIGEST_BYTES]);
/* HMAC-SHA-256 (RFC 2104) of a text that comes in parts. */
void digest_hmac(struct span key, const struct span *parts, size_t count,
                 uint8_t ret[DIGEST_BYTES]);
/* Of a whole text, in lower-case hexadecimal, as `sha256sum` prints it. */
void digest_hex(struct span text, char ret[DIGEST_HEX_BYTES]);
