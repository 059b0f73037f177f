/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: what is taken, and each way of being none (RFC 8725). */
#include "proxy/jwt.h"

#include "jwt_rig.h"

enum { NOW_S = 1700000000 };

static EVP_PKEY *keys[SIGNATURE_ALGS], *foreign[SIGNATURE_ALGS];
static struct jwks *set;
static struct jwt_rule rule;

static const char *const names[SIGNATURE_ALGS] = {"EdDSA", "ES256", "RS256"};

static void start(void)
{
    char text[RIG_TEXT], jwk[SIGNATURE_ALGS][RIG_TEXT];
    struct errmsg msg = {""};

    for (size_t i = 0; i < SIGNATURE_ALGS; i++) {
        keys[i] = rig_key((enum signature_alg)i);
        foreign[i] = rig_key((enum signature_alg)i);
        rig_jwk(keys[i], (enum signature_alg)i, "", jwk[i]);
    }
    (void)snprintf(text, sizeof(text), "{\"keys\":[%.4000s,%.4000s,%.4000s]}", jwk[0], jwk[1],
                   jwk[2]);
    cr_assert_eq(jwks_parse(span_str(text), &set, &msg), ERR_OK, "%s", msg.text);
    rule = (struct jwt_rule){
        .keys = set, .algs = 7, .issuer = "https://issuer", .audience = "lethe", .leeway_s = 30};
}

static void stop(void)
{
    for (size_t i = 0; i < SIGNATURE_ALGS; i++) {
        EVP_PKEY_free(keys[i]);
        EVP_PKEY_free(foreign[i]);
    }
    jwks_free(&set);
}

TestSuite(jwt, .init = start, .fini = stop, .timeout = 30);

static enum err verify(struct span text, int64_t *ret_until_s)
{
    AUTO(jwt_done) struct jwt jwt = {.signature = {.max = 0}};
    enum err e = jwt_read(text, &jwt);

    return e == ERR_OK ? jwt_verify(&jwt, &rule, NOW_S, ret_until_s) : e;
}

static enum err verdict(enum signature_alg alg, const char *header, const char *claims)
{
    char text[RIG_TEXT];
    int64_t until_s;

    return verify(rig_token(keys[alg], alg, header, claims, text), &until_s);
}

static const char good[] = "{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":1700000060,"
                           "\"nbf\":1700000000,\"iat\":1699999990,\"sub\":\"batch\"}";

Test(jwt, of_each_algorithm_is_taken)
{
    for (size_t i = 0; i < SIGNATURE_ALGS; i++) {
        char header[64], text[RIG_TEXT];
        int64_t until_s = 0;

        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", names[i]);
        cr_expect_eq(
            verify(rig_token(keys[i], (enum signature_alg)i, header, good, text), &until_s), ERR_OK,
            "%s", names[i]);
        cr_expect_eq(until_s, 1700000090, "with the leeway");
        cr_expect_eq(
            verify(rig_token(foreign[i], (enum signature_alg)i, header, good, text), &until_s),
            ERR_UNAUTHORIZED, "%s, another key", names[i]);
        rule.algs = 7u & ~(1u << i);
        cr_expect_eq(
            verify(rig_token(keys[i], (enum signature_alg)i, header, good, text), &until_s),
            ERR_UNAUTHORIZED, "%s is not wanted", names[i]);
        rule.algs = 7;
    }
}

Test(jwt, cannot_choose_how_it_is_verified)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"\"}",
        "{\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"RS512\"}",
        "{\"alg\":[\"EdDSA\"]}",
        "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}",
        "{\"alg\":\"EdDSA\",\"crit\":[]}",
        "{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"EdDSA\",\"jwk\":{}}",
        "{\"alg\":\"EdDSA\",\"jku\":\"http://evil\"}",
        "{\"alg\":\"EdDSA\",\"x5u\":\"http://evil\"}",
        "{\"alg\":\"EdDSA\",\"x5c\":[]}",
        "{\"alg\":\"EdDSA\",\"b64\":false}",
        "{\"alg\":\"EdDSA\",\"zip\":\"DEF\"}",
        "{\"alg\":\"EdDSA\",\"enc\":\"A128GCM\"}",
        "{\"alg\":\"EdDSA\",\"cty\":\"JWT\"}",
        "{\"alg\":\"EdDSA\",\"typ\":\"logout+jwt\"}",
        "{\"alg\":\"EdDSA\",\"typ\":7}",
        "{\"alg\":\"EdDSA\",\"kid\":7}",
        "[\"EdDSA\"]",
        "\"EdDSA\"",
        "{\"alg\":\"EdDSA\"} {}",
        "{\"alg\":\"EdDSA\"",
    };

    for (size_t i = 0; i < COUNT_OF(headers); i++)
        cr_expect_eq(verdict(SIGNATURE_EDDSA, headers[i], good), ERR_INVALID, "%s", headers[i]);
    cr_expect_eq(verdict(SIGNATURE_EDDSA, "{\"alg\":\"ES256\"}", good), ERR_UNAUTHORIZED,
                 "an algorithm gets its own key");
    cr_expect_eq(verdict(SIGNATURE_EDDSA, "{\"alg\":\"EdDSA\",\"kid\":\"a\"}", good),
                 ERR_UNAUTHORIZED, "no key has that kid");
    cr_expect_eq(
        verdict(SIGNATURE_EDDSA, "{\"alg\":\"EdDSA\",\"typ\":\"at+JWT\",\"x5t\":\"AA\"}", good),
        ERR_OK);
}

Test(jwt, must_be_of_the_issuer_for_the_audience_and_in_time)
{
    static const struct {
        const char *claims;
        enum err verdict;
    } cases[] = {
        {"{\"iss\":\"https://issuer\",\"aud\":[\"other\",\"lethe\"],\"exp\":1700000001}", ERR_OK},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":1699999971}", ERR_OK},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":1699999970}", ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\"}", ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":\"1700000060\"}", ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":1700000060.5}", ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":-1}", ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":9223372036854775807}",
         ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":1700000060,\"nbf\":1700000030}",
         ERR_OK},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":1700000060,\"nbf\":1700000031}",
         ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":1700000060,\"nbf\":null}",
         ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":1700000060,\"iat\":1700000031}",
         ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer/\",\"aud\":\"lethe\",\"exp\":1700000060}", ERR_UNAUTHORIZED},
        {"{\"iss\":[\"https://issuer\"],\"aud\":\"lethe\",\"exp\":1700000060}", ERR_UNAUTHORIZED},
        {"{\"aud\":\"lethe\",\"exp\":1700000060}", ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":\"leth\",\"exp\":1700000060}", ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":[],\"exp\":1700000060}", ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":{\"lethe\":1},\"exp\":1700000060}", ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"exp\":1700000060}", ERR_UNAUTHORIZED},
        {"{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":1,\"exp\":1700000060}",
         ERR_INVALID},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect_eq(verdict(SIGNATURE_EDDSA, "{\"alg\":\"EdDSA\"}", cases[i].claims),
                     cases[i].verdict, "%s", cases[i].claims);
}

/* No change of a character leaves it good: not even of the bits that base64 does not use. */
Test(jwt, is_spelt_in_one_way)
{
    static const char digits[] = "Aa0_-.=";
    char text[RIG_TEXT];
    struct span token =
        rig_token(keys[SIGNATURE_EDDSA], SIGNATURE_EDDSA, "{\"alg\":\"EdDSA\"}", good, text);
    int64_t until_s;

    cr_assert_eq(verify(token, &until_s), ERR_OK);
    for (size_t i = 0; i < token.len; i++) {
        const char was = text[i];

        for (size_t j = 0; j < sizeof(digits) - 1; j++) {
            text[i] = digits[j];
            if (digits[j] != was)
                cr_expect_neq(verify(token, &until_s), ERR_OK, "%zu, %c", i, digits[j]);
        }
        text[i] = was;
    }
    for (size_t i = 0; i < token.len; i++)
        cr_expect_neq(verify(span_of(text, i), &until_s), ERR_OK, "the first %zu", i);
}

Test(jwt, has_three_parts_and_a_limit)
{
    static const char *const cases[] = {"",     ".",    "..",         "...",          "a.b",
                                        "a..c", ".b.c", "e30.e30.AA", "e30.e30.AA.AA"};
    static char large[JWT_BYTES_MAX + 2];
    struct jwt jwt;

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect_eq(jwt_read(span_str(cases[i]), &jwt), ERR_INVALID, "%s", cases[i]);
    memset(large, 'A', sizeof(large) - 1);
    cr_expect_eq(jwt_read(span_str(large), &jwt), ERR_INVALID);
}

Test(jwt, says_what_a_claim_is_or_holds)
{
    AUTO(json_free) struct json *claims = NULL;

    cr_assert_eq(
        json_parse(SPAN_LIT("{\"role\":\"a\",\"roles\":[\"b\",7,\"c\"],\"n\":7,\"o\":{\"a\":1}}"),
                   &claims),
        ERR_OK);
    cr_expect(jwt_says(claims, "role", "a"));
    cr_expect(jwt_says(claims, "roles", "c"));
    cr_expect_not(jwt_says(claims, "roles", "a"));
    cr_expect_not(jwt_says(claims, "role", "A"));
    cr_expect_not(jwt_says(claims, "role", ""));
    cr_expect_not(jwt_says(claims, "n", "7"));
    cr_expect_not(jwt_says(claims, "o", "a"));
    cr_expect_not(jwt_says(claims, "none", "a"));
}
