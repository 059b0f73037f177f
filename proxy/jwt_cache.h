/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that were verified, remembered by their hash for as long as they are good: a signature is checked
 * once a token and loop, not once a request. Belongs to one loop. */
#pragma once

#include <stdint.h>

#include "base/json.h"
#include "base/secret.h"
#include "base/span.h"

struct caller;
struct jwt_cache;

enum { JWT_CACHE_ENTRIES = 1024 };

/* A token's outcome. */
struct jwt_entry {
    uint8_t hash[SECRET_HASH_BYTES]; /* of the field's number and the token */
    const struct caller *caller;     /* NULL: the entry is empty */
    struct json *claims;             /* owned */
    int64_t until_s;                 /* good before this second */
};

struct jwt_cache *jwt_cache_new(void);
void jwt_cache_free(struct jwt_cache **cache);

/* Hash of a token that came in the header field with this number. */
void jwt_cache_hash(size_t field, struct span token, uint8_t ret[SECRET_HASH_BYTES]);
/* The entry of a hash, if it is good at now_s; else NULL. Borrowed until the next put. */
const struct jwt_entry *jwt_cache_get(struct jwt_cache *cache,
                                      const uint8_t hash[SECRET_HASH_BYTES], int64_t now_s);
/* Remember an outcome in the place of an older one; takes the claims over. */
const struct jwt_entry *jwt_cache_put(struct jwt_cache *cache, const struct jwt_entry *entry);
