/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of tokens, and until when. */
#include "proxy/jwt_cache.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/mem.h"

TestSuite(jwt_cache, .init = secret_start, .timeout = 30);

static const struct caller *somebody(size_t n)
{
    static const char place[4];

    return (const struct caller *)&place[n];
}

static const struct jwt_entry *put(struct jwt_cache *cache, const char *token, size_t who,
                                   int64_t until_s)
{
    struct jwt_entry entry = {
        .caller = somebody(who), .claims = json_new_map(), .until_s = until_s};

    jwt_cache_hash(0, span_str(token), entry.hash);
    return jwt_cache_put(cache, &entry);
}

static const struct jwt_entry *get(struct jwt_cache *cache, size_t field, const char *token,
                                   int64_t now_s)
{
    uint8_t hash[SECRET_HASH_BYTES];

    jwt_cache_hash(field, span_str(token), hash);
    return jwt_cache_get(cache, hash, now_s);
}

Test(jwt_cache, gives_back_a_token_of_its_field_until_it_ends)
{
    AUTO(jwt_cache_free) struct jwt_cache *cache = jwt_cache_new();

    cr_expect_null(get(cache, 0, "token", 0));
    cr_expect_eq(put(cache, "token", 1, 100)->caller, somebody(1));
    cr_assert_not_null(get(cache, 0, "token", 99));
    cr_expect_eq(get(cache, 0, "token", 99)->caller, somebody(1));
    cr_expect_null(get(cache, 1, "token", 99), "another header");
    cr_expect_null(get(cache, 0, "token2", 99));
    cr_expect_null(get(cache, 0, "token", 100));
    cr_expect_null(get(cache, 0, "token", 99), "gone for good");
}

Test(jwt_cache, is_bounded_and_keeps_what_came_last)
{
    AUTO(jwt_cache_free) struct jwt_cache *cache = jwt_cache_new();
    size_t known = 0;
    char token[24];

    for (size_t i = 0; i < 4 * JWT_CACHE_ENTRIES; i++) {
        (void)snprintf(token, sizeof(token), "token %zu", i);
        (void)put(cache, token, 1, 100);
        cr_expect_not_null(get(cache, 0, token, 0), "%zu", i);
    }
    for (size_t i = 0; i < 4 * JWT_CACHE_ENTRIES; i++) {
        (void)snprintf(token, sizeof(token), "token %zu", i);
        known += get(cache, 0, token, 0) != NULL;
    }
    cr_expect_leq(known, JWT_CACHE_ENTRIES);
    cr_expect_gt(known, JWT_CACHE_ENTRIES / 2);
}
