/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens.
 *
 *   BASE64URL(header) "." BASE64URL(claims) "." BASE64URL(signature)      RFC 7515 3.1
 *   signed: all before the second dot, as it stands there
 *
 * Runs on: a loop thread, inline. Holds: the parts of one token. Invariant: the header chooses among keys
 * of the configuration and does nothing else. Not here: whose token it is (caller.c), how often one is
 * verified (jwt_cache.c). */
#include "proxy/jwt.h"

#include <string.h>

#include "base/base64url.h"

static const int64_t TIME_MAX_S = 253402300799; /* the end of the year 9999 */

/* ---- taking apart ---- */

static enum err read_part(struct span text, struct json **ret_tree)
{
    AUTO(buf_done) struct buf plain = {.max = JWT_BYTES_MAX, .secret = true};
    AUTO(json_free) struct json *tree = NULL;
    enum err e = base64url_decode(text, &plain);

    if (e == ERR_OK)
        e = json_parse(buf_span(&plain), &tree);
    if (e == ERR_OK && json_kind(tree) != JSON_MAP)
        e = ERR_INVALID;
    if (e == ERR_OK)
        *ret_tree = TAKE(tree);
    return e;
}

/* RFC 8725 3.11: what is a JWT for something else says so. */
static bool is_plain_jwt(const struct json *typ)
{
    struct span text = json_text_of(typ);

    return typ == NULL || span_equal_nocase(text, SPAN_LIT("JWT")) ||
           span_equal_nocase(text, SPAN_LIT("at+jwt")) ||
           span_equal_nocase(text, SPAN_LIT("application/at+jwt"));
}

static enum err judge_header(const struct json *header, enum signature_alg *ret_alg)
{
    static const char *const refused[] = {"jwk", "jku", "x5c", "x5u", "crit",
                                          "b64", "zip", "enc", "cty"};

    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (json_get(header, refused[i]) != NULL)
            return ERR_INVALID;
    if (!is_plain_jwt(json_get(header, "typ")))
        return ERR_INVALID;
    if (json_get(header, "kid") != NULL && json_text_of(json_get(header, "kid")).at == NULL)
        return ERR_INVALID;
    return jwks_alg(json_text_of(json_get(header, "alg")), ret_alg) == ERR_OK ? ERR_OK
                                                                              : ERR_INVALID;
}

/* The three parts; false when there are more or fewer. */
static bool split(struct span text, struct span parts[3])
{
    for (size_t i = 0; i < 3; i++) {
        const char *dot = memchr(text.at, '.', text.len);

        if ((dot == NULL) != (i == 2))
            return false;
        parts[i] = span_of(text.at, dot == NULL ? text.len : (size_t)(dot - text.at));
        if (parts[i].len == 0)
            return false;
        if (dot != NULL)
            text = span_of(dot + 1, text.len - parts[i].len - 1);
    }
    return true;
}

enum err jwt_read(struct span text, struct jwt *ret_jwt)
{
    AUTO(jwt_done) struct jwt jwt = {.signature = {.max = JWT_BYTES_MAX}};
    struct span parts[3];
    enum err e;

    if (text.len == 0 || text.len > JWT_BYTES_MAX || !split(text, parts))
        return ERR_INVALID;
    e = read_part(parts[0], &jwt.header);
    if (e == ERR_OK)
        e = judge_header(jwt.header, &jwt.alg);
    if (e == ERR_OK)
        e = read_part(parts[1], &jwt.claims);
    if (e == ERR_OK)
        e = base64url_decode(parts[2], &jwt.signature);
    if (e != ERR_OK)
        return e;
    jwt.signed_text = span_of(text.at, parts[0].len + 1 + parts[1].len);
    *ret_jwt = jwt;
    jwt = (struct jwt){.signature = {.max = 0}};
    return ERR_OK;
}

void jwt_done(struct jwt *jwt)
{
    json_free(&jwt->header);
    json_free(&jwt->claims);
    buf_done(&jwt->signature);
}

/* ---- verifying ---- */

/* A time in seconds. NOT_FOUND: absent; INVALID: anything but a whole number that is one. */
static enum err time_of(const struct json *claims, const char *name, int64_t *ret_s)
{
    const struct json *value = json_get(claims, name);
    int64_t s;

    if (value == NULL)
        return ERR_NOT_FOUND;
    s = json_int_of(value, -1);
    if (json_kind(value) != JSON_INT || s < 0 || s > TIME_MAX_S)
        return ERR_INVALID;
    *ret_s = s;
    return ERR_OK;
}

/* RFC 7519 4.1.4-4.1.6 */
static enum err verify_times(const struct json *claims, int64_t leeway_s, int64_t now_s,
                             int64_t *ret_until_s)
{
    int64_t exp_s = 0, nbf_s = 0, iat_s = 0;
    enum err exp = time_of(claims, "exp", &exp_s);
    enum err nbf = time_of(claims, "nbf", &nbf_s);
    enum err iat = time_of(claims, "iat", &iat_s);

    if (exp != ERR_OK || nbf == ERR_INVALID || iat == ERR_INVALID)
        return ERR_UNAUTHORIZED;
    if (now_s >= exp_s + leeway_s || nbf_s > now_s + leeway_s || iat_s > now_s + leeway_s)
        return ERR_UNAUTHORIZED;
    *ret_until_s = exp_s + leeway_s;
    return ERR_OK;
}

bool jwt_says(const struct json *claims, const char *name, const char *value)
{
    const struct json *claim = json_get(claims, name);

    if (json_kind(claim) != JSON_LIST)
        return json_kind(claim) == JSON_TEXT && span_equal(json_text_of(claim), span_str(value));
    for (size_t i = 0; i < json_count(claim); i++)
        if (span_equal(json_text_of(json_at(claim, i)), span_str(value)))
            return true;
    return false;
}

/* Exactly this issuer: a list would be no issuer. */
static bool is_from(const struct json *claims, const char *issuer)
{
    return span_equal(json_text_of(json_get(claims, "iss")), span_str(issuer));
}

enum err jwt_verify(const struct jwt *jwt, const struct jwt_rule *rule, int64_t now_s,
                    int64_t *ret_until_s)
{
    const struct signature_key *key;

    if ((rule->algs & 1u << jwt->alg) == 0 || !is_from(jwt->claims, rule->issuer) ||
        !jwt_says(jwt->claims, "aud", rule->audience))
        return ERR_UNAUTHORIZED;
    key = jwks_find(rule->keys, jwt->alg, json_text_of(json_get(jwt->header, "kid")));
    if (key == NULL || !signature_is_valid(key, jwt->signed_text, buf_span(&jwt->signature)))
        return ERR_UNAUTHORIZED;
    return verify_times(jwt->claims, rule->leeway_s, now_s, ret_until_s);
}
