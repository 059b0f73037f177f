/* SPDX-License-Identifier: Apache-2.0 */
/* JWK sets.
 * Runs on: read by the control thread, then used by any. Holds: public keys. Invariant: a key has one
 * algorithm, told by what it is, so that no token can have it used in another way (RFC 8725 3.1); a set
 * that holds a secret is refused, since whoever reads it could sign. Not here: tokens (jwt.c). */
#include "proxy/jwks.h"

#include "base/base64url.h"
#include "base/json.h"

struct jwk {
    char *kid; /* NULL: it has none */
    struct signature_key *key;
};

struct jwks {
    size_t count;
    struct jwk keys[JWKS_KEYS_MAX];
};

static const struct {
    struct span name, type, curve;
} algs[SIGNATURE_ALGS] = {
    [SIGNATURE_EDDSA] = {{"EdDSA", 5}, {"OKP", 3}, {"Ed25519", 7}},
    [SIGNATURE_ES256] = {{"ES256", 5}, {"EC", 2}, {"P-256", 5}},
    [SIGNATURE_RS256] = {{"RS256", 5}, {"RSA", 3}, SPAN_NONE},
};

enum err jwks_alg(struct span name, enum signature_alg *ret_alg)
{
    for (size_t i = 0; i < SIGNATURE_ALGS; i++) {
        if (span_equal(name, algs[i].name)) {
            *ret_alg = (enum signature_alg)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static struct span text_member(const struct json *map, const char *name)
{
    return json_text_of(json_get(map, name));
}

/* ---- one key ---- */

/* Which algorithm a key is for; SIGNATURE_ALGS: none that is used here. */
static enum signature_alg alg_of(const struct json *jwk)
{
    struct span type = text_member(jwk, "kty"), curve = text_member(jwk, "crv");

    for (size_t i = 0; i < SIGNATURE_ALGS; i++)
        if (span_equal(type, algs[i].type) &&
            (algs[i].curve.at == NULL || span_equal(curve, algs[i].curve)))
            return (enum signature_alg)i;
    return SIGNATURE_ALGS;
}

/* Absent, or a list that holds "verify" (RFC 7517 4.3). */
static bool ops_allow(const struct json *ops)
{
    if (json_kind(ops) == JSON_ABSENT)
        return true;
    for (size_t i = 0; i < json_count(ops); i++)
        if (span_equal(json_text_of(json_at(ops, i)), SPAN_LIT("verify")))
            return true;
    return false;
}

static bool is_for_us(const struct json *jwk, enum signature_alg alg)
{
    const struct json *use = json_get(jwk, "use"), *named = json_get(jwk, "alg");

    return alg != SIGNATURE_ALGS &&
           (use == NULL || span_equal(json_text_of(use), SPAN_LIT("sig"))) &&
           (named == NULL || span_equal(json_text_of(named), algs[alg].name)) &&
           ops_allow(json_get(jwk, "key_ops"));
}

/* A number of a key; empty when it is absent or not base64url. */
static struct span number(const struct json *jwk, const char *name, struct buf *scratch)
{
    const size_t before = scratch->len;

    if (base64url_decode(text_member(jwk, name), scratch) != ERR_OK)
        return SPAN_NONE;
    return span_of(scratch->bytes + before, scratch->len - before);
}

static enum err make_key(const struct json *jwk, enum signature_alg alg,
                         struct signature_key **ret_key)
{
    AUTO(buf_done) struct buf scratch = {.max = JWKS_BYTES_MAX};
    struct span first, second;
    enum err e = buf_reserve(&scratch, JWKS_BYTES_MAX); /* so that the first stays where it is */

    if (e != ERR_OK)
        return e;
    switch (alg) {
    case SIGNATURE_EDDSA:
        return signature_key_ed25519(number(jwk, "x", &scratch), ret_key);
    case SIGNATURE_ES256:
        first = number(jwk, "x", &scratch);
        second = number(jwk, "y", &scratch);
        return signature_key_p256(first, second, ret_key);
    case SIGNATURE_RS256:
        first = number(jwk, "n", &scratch);
        second = number(jwk, "e", &scratch);
        return signature_key_rsa(first, second, ret_key);
    case SIGNATURE_ALGS:
        break;
    }
    return ERR_INTERNAL;
}

/* ---- the set ---- */

static bool is_taken(const struct jwks *jwks, enum signature_alg alg, struct span kid)
{
    for (size_t i = 0; i < jwks->count; i++)
        if (jwks->keys[i].kid != NULL && signature_key_alg(jwks->keys[i].key) == alg &&
            span_equal(span_str(jwks->keys[i].kid), kid))
            return true;
    return false;
}

static enum err add(struct jwks *jwks, const struct json *jwk, size_t position, struct errmsg *msg)
{
    const enum signature_alg alg = alg_of(jwk);
    const struct json *named = json_get(jwk, "kid");
    const char *kid = json_str_of(named);
    struct jwk *to = &jwks->keys[jwks->count];

    if (json_kind(jwk) != JSON_MAP)
        return errmsg_set(msg, ERR_CONFIG, "key %zu is no JSON object", position);
    if (json_get(jwk, "d") != NULL || json_get(jwk, "k") != NULL)
        return errmsg_set(msg, ERR_CONFIG,
                          "key %zu is a secret one: only public keys belong into this file",
                          position);
    if (named != NULL && kid == NULL)
        return errmsg_set(msg, ERR_CONFIG, "the `kid` of key %zu is no text", position);
    if (!is_for_us(jwk, alg))
        return ERR_OK;
    if (kid != NULL && is_taken(jwks, alg, span_str(kid)))
        return errmsg_set(msg, ERR_CONFIG, "key %zu has the `kid` of an earlier one", position);
    if (jwks->count == JWKS_KEYS_MAX)
        return errmsg_set(msg, ERR_CONFIG, "there are more than %d keys", JWKS_KEYS_MAX);
    if (make_key(jwk, alg, &to->key) != ERR_OK)
        return errmsg_set(msg, ERR_CONFIG, "key %zu is no valid %s key", position,
                          algs[alg].name.at);
    to->kid = kid == NULL ? NULL : mem_strdup(kid);
    jwks->count++;
    return ERR_OK;
}

enum err jwks_parse(struct span text, struct jwks **ret_jwks, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(jwks_free) struct jwks *jwks = mem_alloc(sizeof(*jwks));
    const struct json *keys;
    enum err e = ERR_OK;

    if (text.len > JWKS_BYTES_MAX)
        return errmsg_set(msg, ERR_CONFIG, "the key set is larger than %d bytes", JWKS_BYTES_MAX);
    if (json_parse(text, &tree) != ERR_OK)
        return errmsg_set(msg, ERR_CONFIG, "the key set is no JSON, or names a member twice");
    keys = json_get(tree, "keys");
    if (json_kind(tree) != JSON_MAP || json_kind(keys) != JSON_LIST)
        return errmsg_set(msg, ERR_CONFIG, "the key set has no list `keys`");
    for (size_t i = 0; e == ERR_OK && i < json_count(keys); i++)
        e = add(jwks, json_at(keys, i), i + 1, msg);
    if (e == ERR_OK && jwks->count == 0)
        e = errmsg_set(msg, ERR_CONFIG,
                       "the key set has no key for EdDSA (Ed25519), ES256 or RS256");
    if (e == ERR_OK)
        *ret_jwks = TAKE(jwks);
    return e;
}

void jwks_free(struct jwks **jwksp)
{
    struct jwks *jwks = TAKE(*jwksp);

    if (jwks == NULL)
        return;
    for (size_t i = 0; i < jwks->count; i++) {
        signature_key_free(&jwks->keys[i].key);
        free(jwks->keys[i].kid);
    }
    free(jwks);
}

const struct signature_key *jwks_find(const struct jwks *jwks, enum signature_alg alg,
                                      struct span kid)
{
    const struct signature_key *found = NULL;

    for (size_t i = 0; i < jwks->count; i++) {
        const struct jwk *jwk = &jwks->keys[i];

        if (signature_key_alg(jwk->key) != alg)
            continue;
        if (kid.at == NULL && found != NULL)
            return NULL;
        if (kid.at == NULL || (jwk->kid != NULL && span_equal(span_str(jwk->kid), kid)))
            found = jwk->key;
    }
    return found;
}
