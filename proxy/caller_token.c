/* SPDX-License-Identifier: Apache-2.0 */
/* Callers by a JWT.
 * Runs on: the loop whose cache it is. Holds: nothing. Invariant: a token names a caller only after its
 * signature, its times and all that the configuration demands of it were verified; which issuer it says
 * it is from only chooses what it is verified against. Not here: how (jwt.c). */
#include "proxy/caller_priv.h"

/* Does the token, if it is genuine, name this caller? */
static bool is_meant(const struct caller *c, size_t field, const struct jwt *jwt)
{
    if (c->jwt == NULL || c->jwt_field != field || !jwt_says(jwt->claims, "iss", c->jwt->issuer))
        return false;
    for (size_t i = 0; i < c->jwt->claim_count; i++)
        if (!jwt_says(jwt->claims, c->jwt->claims[i].name, c->jwt->claims[i].value))
            return false;
    return true;
}

static enum err verify(const struct caller *c, const struct jwt *jwt, int64_t now_s,
                       int64_t *ret_until_s)
{
    const struct jwt_rule rule = {.keys = c->jwt->keys,
                                  .algs = c->jwt->algs,
                                  .issuer = c->jwt->issuer,
                                  .audience = c->jwt->audience,
                                  .leeway_s = c->jwt->leeway_s};

    return jwt_verify(jwt, &rule, now_s, ret_until_s);
}

/* Of the callers that the token is meant for, the one for which it is genuine. */
static enum err find(const struct callers *callers, size_t field, const struct jwt *jwt,
                     int64_t now_s, struct jwt_entry *ret)
{
    enum err found = ERR_NOT_FOUND;

    for (size_t i = 0; i < callers->count; i++) {
        const struct caller *c = &callers->at[i];

        if (!is_meant(c, field, jwt))
            continue;
        if (verify(c, jwt, now_s, &ret->until_s) != ERR_OK) {
            found = found == ERR_NOT_FOUND ? ERR_UNAUTHORIZED : found;
            continue;
        }
        if (found == ERR_OK)
            return ERR_INVALID;
        found = ERR_OK;
        ret->caller = c;
    }
    return found;
}

enum err callers_find_token(const struct callers *callers, struct jwt_cache *cache, size_t field,
                            struct span token, int64_t now_s, const struct jwt_entry **ret_entry)
{
    AUTO(jwt_done) struct jwt jwt = {.signature = {.max = 0}};
    struct jwt_entry entry = {.caller = NULL};
    const struct jwt_entry *known;
    enum err e;

    if (token.len > JWT_BYTES_MAX)
        return ERR_NOT_FOUND;
    jwt_cache_hash(field, token, entry.hash);
    known = jwt_cache_get(cache, entry.hash, now_s);
    if (known != NULL) {
        *ret_entry = known;
        return ERR_OK;
    }
    if (jwt_read(token, &jwt) != ERR_OK)
        return ERR_NOT_FOUND;
    e = find(callers, field, &jwt, now_s, &entry);
    if (e != ERR_OK)
        return e;
    entry.claims = TAKE(jwt.claims);
    *ret_entry = jwt_cache_put(cache, &entry);
    return ERR_OK;
}
