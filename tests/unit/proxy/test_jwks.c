/* SPDX-License-Identifier: Apache-2.0 */
/* Key sets: which keys are taken, which set is refused, which key a token gets. */
#include "proxy/jwks.h"

#include "jwt_rig.h"

static struct errmsg msg;
static EVP_PKEY *keys[SIGNATURE_ALGS];

static void start(void)
{
    for (size_t i = 0; i < SIGNATURE_ALGS; i++)
        keys[i] = rig_key((enum signature_alg)i);
}

static void stop(void)
{
    for (size_t i = 0; i < SIGNATURE_ALGS; i++)
        EVP_PKEY_free(keys[i]);
}

TestSuite(jwks, .init = start, .fini = stop, .timeout = 30);

static enum err parse(const char *text, struct jwks **ret)
{
    msg.text[0] = '\0';
    return jwks_parse(span_str(text), ret, &msg);
}

static void expect_refused(const char *text, const char *why)
{
    struct jwks *set = NULL;

    cr_expect_eq(parse(text, &set), ERR_CONFIG, "%s", text);
    cr_expect(strstr(msg.text, why) != NULL, "%s: %s", text, msg.text);
    cr_expect_null(set);
}

/* A set of one key of ours with other members. */
static void one_key(enum signature_alg alg, const char *members, char out[RIG_TEXT])
{
    char jwk[RIG_TEXT];

    rig_jwk(keys[alg], alg, members, jwk);
    (void)snprintf(out, RIG_TEXT, "{\"keys\":[%.8000s]}", jwk);
}

Test(jwks, finds_a_key_by_algorithm_and_kid)
{
    char set_text[RIG_TEXT], a[RIG_TEXT], b[RIG_TEXT], c[RIG_TEXT], d[RIG_TEXT];
    AUTO(jwks_free) struct jwks *set = NULL;
    EVP_PKEY *second = rig_key(SIGNATURE_EDDSA);

    rig_jwk(keys[SIGNATURE_EDDSA], SIGNATURE_EDDSA, "\"kid\":\"a\",", a);
    rig_jwk(second, SIGNATURE_EDDSA, "\"kid\":\"b\",\"use\":\"sig\",\"alg\":\"EdDSA\",", b);
    rig_jwk(keys[SIGNATURE_ES256], SIGNATURE_ES256, "\"kid\":\"a\",\"key_ops\":[\"verify\"],", c);
    rig_jwk(keys[SIGNATURE_RS256], SIGNATURE_RS256, "", d);
    (void)snprintf(set_text, sizeof(set_text), "{\"keys\":[%.3000s,%.3000s,%.3000s,%.3000s]}", a, b,
                   c, d);
    cr_assert_eq(parse(set_text, &set), ERR_OK, "%s", msg.text);
    cr_expect_not_null(jwks_find(set, SIGNATURE_EDDSA, SPAN_LIT("a")));
    cr_expect_neq(jwks_find(set, SIGNATURE_EDDSA, SPAN_LIT("a")),
                  jwks_find(set, SIGNATURE_EDDSA, SPAN_LIT("b")));
    cr_expect_eq(signature_key_alg(jwks_find(set, SIGNATURE_ES256, SPAN_LIT("a"))),
                 SIGNATURE_ES256);
    cr_expect_null(jwks_find(set, SIGNATURE_EDDSA, SPAN_NONE), "which of the two?");
    cr_expect_not_null(jwks_find(set, SIGNATURE_ES256, SPAN_NONE));
    cr_expect_not_null(jwks_find(set, SIGNATURE_RS256, SPAN_NONE));
    cr_expect_null(jwks_find(set, SIGNATURE_RS256, SPAN_LIT("a")), "it has no kid");
    cr_expect_null(jwks_find(set, SIGNATURE_EDDSA, SPAN_LIT("c")));
    cr_expect_null(jwks_find(set, SIGNATURE_EDDSA, SPAN_LIT("")));
    EVP_PKEY_free(second);
}

Test(jwks, leaves_out_keys_for_something_else)
{
    static const char *const members[] = {"\"use\":\"enc\",",   "\"alg\":\"RS512\",",
                                          "\"alg\":\"PS256\",", "\"key_ops\":[\"encrypt\"],",
                                          "\"key_ops\":[],",    "\"use\":1,"};
    char text[RIG_TEXT];

    for (size_t i = 0; i < COUNT_OF(members); i++) {
        one_key(SIGNATURE_RS256, members[i], text);
        expect_refused(text, "has no key for");
    }
    expect_refused("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}]}",
                   "has no key for");
}

Test(jwks, refuses_secrets_twins_and_malformed_keys)
{
    char text[RIG_TEXT], jwk[RIG_TEXT];

    one_key(SIGNATURE_EDDSA, "\"d\":\"AAAA\",", text);
    expect_refused(text, "key 1 is a secret one");
    expect_refused("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "key 1 is a secret one");
    rig_jwk(keys[SIGNATURE_ES256], SIGNATURE_ES256, "\"kid\":\"a\",", jwk);
    (void)snprintf(text, sizeof(text), "{\"keys\":[%.4000s,%.4000s]}", jwk, jwk);
    expect_refused(text, "key 2 has the `kid` of an earlier one");
    one_key(SIGNATURE_ES256, "\"kid\":7,", text);
    expect_refused(text, "the `kid` of key 1 is no text");
    expect_refused("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}",
                   "key 1 is no valid EdDSA key");
    expect_refused("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}]}",
                   "key 1 is no valid EdDSA key");
    expect_refused("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQ==\",\"e\":\"AQAB\"}]}",
                   "no valid RS256 key");
    expect_refused("{\"keys\":[7]}", "key 1 is no JSON object");
}

Test(jwks, refuses_what_is_no_set)
{
    expect_refused("", "no JSON");
    expect_refused("{\"keys\":[],\"keys\":[]}", "names a member twice");
    expect_refused("[]", "no list `keys`");
    expect_refused("{}", "no list `keys`");
    expect_refused("{\"keys\":{}}", "no list `keys`");
    expect_refused("{\"keys\":[]}", "has no key for");
}

Test(jwks, knows_three_algorithms_by_name)
{
    static const char *const others[] = {"none", "HS256", "eddsa", "ES384", "RS256 ", "", "PS256"};
    enum signature_alg alg = SIGNATURE_ALGS;

    cr_expect(jwks_alg(SPAN_LIT("EdDSA"), &alg) == ERR_OK && alg == SIGNATURE_EDDSA);
    cr_expect(jwks_alg(SPAN_LIT("ES256"), &alg) == ERR_OK && alg == SIGNATURE_ES256);
    cr_expect(jwks_alg(SPAN_LIT("RS256"), &alg) == ERR_OK && alg == SIGNATURE_RS256);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        cr_expect_eq(jwks_alg(span_str(others[i]), &alg), ERR_NOT_FOUND, "%s", others[i]);
}
