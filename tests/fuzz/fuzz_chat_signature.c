/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of a chat's messages: whatever is read as one, writing down what was read gives the same field, but for
 * the letters of hexadecimal digits. So what is signed (time and nonce) can be read in no other way. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "admin/chat_signature.h"
#include "base/assert.h"
#include "retention/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct span part, struct span whole)
{
    return part.at >= whole.at && part.at + part.len <= whole.at + whole.len;
}

static void check(struct span field, const struct chat_signature *signature)
{
    char hex[2 * DIGEST_BYTES + 1], text[256];
    int len;

    REQUIRE(is_inside(signature->time, field) && is_inside(signature->nonce, field));
    REQUIRE(signature->nonce.len >= CHAT_NONCE_MIN && signature->nonce.len <= CHAT_NONCE_MAX);
    REQUIRE(signature->time_s >= 0 && signature->time.len <= CHAT_TIME_DIGITS_MAX);
    proof_hex(signature->hmac, sizeof(signature->hmac), hex);
    len = snprintf(text, sizeof(text), "t=%0*lld, nonce=%.*s, hmac-sha256=%s",
                   (int)signature->time.len, (long long)signature->time_s,
                   (int)signature->nonce.len, signature->nonce.at, hex);
    REQUIRE((size_t)len == field.len && strncasecmp(text, field.at, field.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span field = span_of((const char *)data, size);
    struct chat_signature signature;

    if (chat_signature_read(field, &signature))
        check(field, &signature);
    REQUIRE(!chat_signature_read(SPAN_NONE, &signature));
    return 0;
}
