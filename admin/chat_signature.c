/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the signature of a chat's message.
 * Runs on: any thread. Holds: nothing. Invariant: there is one way to write a signature, so that nobody reads it in
 * another. Not here: whether it is genuine, and new (admin/api_chat.c). */
#include "admin/chat_signature.h"

#include <string.h>

#include "retention/proof.h"

/* `name` and "=" are at the beginning of *rest: what is behind them, up to ", " or the end. */
static bool take_part(struct span *rest, const char *name, struct span *ret)
{
    const size_t len = strlen(name);
    const char *comma;

    if (rest->len <= len || memcmp(rest->at, name, len) != 0 || rest->at[len] != '=')
        return false;
    *rest = span_of(rest->at + len + 1, rest->len - len - 1);
    comma = memchr(rest->at, ',', rest->len);
    *ret = span_of(rest->at, comma == NULL ? rest->len : (size_t)(comma - rest->at));
    *rest = span_of(rest->at + ret->len, rest->len - ret->len);
    if (comma == NULL)
        return true;
    if (rest->len <= 2 || rest->at[1] != ' ')
        return false;
    *rest = span_of(rest->at + 2, rest->len - 2);
    return true;
}

static bool is_nonce(struct span text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    for (size_t i = 0; i < text.len; i++)
        if (memchr(allowed, text.at[i], sizeof(allowed) - 1) == NULL)
            return false;
    return text.len >= CHAT_NONCE_MIN && text.len <= CHAT_NONCE_MAX;
}

static bool read_time(struct span text, int64_t *ret)
{
    int64_t n = 0;

    if (text.len == 0 || text.len > CHAT_TIME_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (text.at[i] - '0');
    }
    *ret = n;
    return true;
}

bool chat_signature_read(struct span field, struct chat_signature *ret)
{
    struct span hex;

    return field.at != NULL && take_part(&field, "t", &ret->time) &&
           take_part(&field, "nonce", &ret->nonce) && take_part(&field, "hmac-sha256", &hex) &&
           field.len == 0 && read_time(ret->time, &ret->time_s) && is_nonce(ret->nonce) &&
           proof_unhex(hex, ret->hmac, sizeof(ret->hmac));
}
