/* SPDX-License-Identifier: Apache-2.0 */
/* The signature of a chat's message, as its field writes it:
 *
 *   Lethe-Signature: t=SECONDS, nonce=16 to 64 of [A-Za-z0-9_-], hmac-sha256=64 hexadecimal digits
 *   over SECONDS "." nonce "." body, with the secret of `admin: {chat: {secret: ...}}` */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/span.h"

struct chat_signature {
    struct span time, nonce; /* as written; borrowed from the field */
    int64_t time_s;
    uint8_t hmac[DIGEST_BYTES];
};

enum chat_signature_limits { CHAT_NONCE_MIN = 16, CHAT_NONCE_MAX = 64, CHAT_TIME_DIGITS_MAX = 12 };

/* Read a field; one that is not there (SPAN_NONE) is none. False: it is not written so. Any thread. */
bool chat_signature_read(struct span field, struct chat_signature *ret);
