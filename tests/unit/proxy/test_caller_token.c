/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a token is, and whose a certificate. */
#include "base/mem.h"
#include "jwt_rig.h"
#include "proxy/caller.h"

enum { NOW_S = 1700000000 };

static EVP_PKEY *key, *other_key;
static struct jwks *keys;
static struct caller_def defs[4];
static struct caller_jwt jwts[3];
static struct callers *callers;
static struct jwt_cache *cache;

static uint16_t no_number(const struct class_def *def UNUSED, const void *context UNUSED)
{
    return 0;
}

static char *lit(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* batch and night differ by a claim, robot by its header; partner has a certificate. */
static void start(void)
{
    static struct caller_claim batch[] = {{(char *)(uintptr_t) "sub", (char *)(uintptr_t) "batch"}};
    static struct caller_claim night[] = {
        {(char *)(uintptr_t) "roles", (char *)(uintptr_t) "night"}};
    static const struct classes classes = {NULL, 0};
    char text[RIG_TEXT], jwk[RIG_TEXT];
    struct errmsg msg = {""};

    secret_start();
    key = rig_key(SIGNATURE_EDDSA);
    other_key = rig_key(SIGNATURE_EDDSA);
    rig_jwk(key, SIGNATURE_EDDSA, "", jwk);
    (void)snprintf(text, sizeof(text), "{\"keys\":[%.4000s]}", jwk);
    cr_assert_eq(jwks_parse(span_str(text), &keys, &msg), ERR_OK, "%s", msg.text);
    for (size_t i = 0; i < 3; i++) {
        jwts[i] = (struct caller_jwt){.header = lit(i == 2 ? "x-token" : "authorization"),
                                      .pass = i != 2,
                                      .keys = keys,
                                      .issuer = lit("https://issuer"),
                                      .audience = lit("lethe"),
                                      .algs = 1u << SIGNATURE_EDDSA,
                                      .claims = i == 0   ? batch
                                                : i == 1 ? night
                                                         : NULL,
                                      .claim_count = i == 2 ? 0 : 1};
        defs[i].jwt = &jwts[i];
    }
    defs[0].name = lit("batch");
    defs[1].name = lit("night");
    defs[2].name = lit("robot");
    defs[3].name = lit("partner");
    defs[3].certificate.subject = lit("CN=partner,O=Example");
    defs[0].certificate.san = lit("dns:batch.example.org");
    callers = callers_new(defs, COUNT_OF(defs), &classes, no_number, NULL);
    cache = jwt_cache_new();
}

static void stop(void)
{
    jwt_cache_free(&cache);
    callers_free(&callers);
    jwks_free(&keys);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
}

TestSuite(caller_token, .init = start, .fini = stop, .timeout = 30);

#define SAYS(more) "{\"iss\":\"https://issuer\",\"aud\":\"lethe\",\"exp\":1700000060" more "}"

static enum err find(EVP_PKEY *with, size_t field, const char *claims, int64_t now_s,
                     const struct jwt_entry **ret)
{
    char text[RIG_TEXT];

    return callers_find_token(callers, cache, field,
                              rig_token(with, SIGNATURE_EDDSA, "{\"alg\":\"EdDSA\"}", claims, text),
                              now_s, ret);
}

static void expect_caller(size_t field, const char *claims, const char *name)
{
    const struct jwt_entry *entry = NULL;

    cr_expect_eq(find(key, field, claims, NOW_S, &entry), ERR_OK, "%s", claims);
    cr_assert_not_null(entry);
    cr_expect(span_equal(caller_name(entry->caller), span_str(name)), "%s", claims);
    cr_expect_not_null(json_get(entry->claims, "iss"));
}

Test(caller_token, names_the_caller_whose_claims_it_makes)
{
    expect_caller(0, SAYS(",\"sub\":\"batch\""), "batch");
    expect_caller(0, SAYS(",\"sub\":\"ada\",\"roles\":[\"day\",\"night\"]"), "night");
    expect_caller(1, SAYS(",\"sub\":\"anybody\""), "robot");
}

Test(caller_token, that_is_somebody_elses_is_not_ours)
{
    const struct jwt_entry *untouched = NULL;

    cr_expect_eq(find(key, 0, SAYS(",\"sub\":\"ada\""), NOW_S, &untouched), ERR_NOT_FOUND);
    cr_expect_eq(find(key, 0, "{\"iss\":\"https://other\",\"sub\":\"batch\"}", NOW_S, &untouched),
                 ERR_NOT_FOUND);
    cr_expect_eq(callers_find_token(callers, cache, 0, SPAN_LIT("opaque"), NOW_S, &untouched),
                 ERR_NOT_FOUND);
    cr_expect_eq(callers_find_token(callers, cache, 0, SPAN_LIT(""), NOW_S, &untouched),
                 ERR_NOT_FOUND);
    cr_expect_null(untouched);
}

Test(caller_token, that_is_forged_late_or_double_is_refused)
{
    const struct jwt_entry *untouched = NULL;

    cr_expect_eq(find(other_key, 0, SAYS(",\"sub\":\"batch\""), NOW_S, &untouched),
                 ERR_UNAUTHORIZED);
    cr_expect_eq(find(key, 0, SAYS(",\"sub\":\"batch\""), NOW_S + 60, &untouched),
                 ERR_UNAUTHORIZED);
    cr_expect_eq(find(key, 0, SAYS(",\"sub\":\"batch\",\"roles\":\"night\""), NOW_S, &untouched),
                 ERR_INVALID, "batch and night at once");
    cr_expect_null(untouched);
}

Test(caller_token, is_remembered_only_while_it_is_good)
{
    const struct jwt_entry *entry = NULL, *again = NULL;

    cr_assert_eq(find(key, 0, SAYS(",\"sub\":\"batch\""), NOW_S, &entry), ERR_OK);
    cr_assert_eq(find(key, 0, SAYS(",\"sub\":\"batch\""), NOW_S + 59, &again), ERR_OK);
    cr_expect_eq(entry, again);
    cr_expect_eq(find(key, 0, SAYS(",\"sub\":\"batch\""), NOW_S + 60, &again), ERR_UNAUTHORIZED);
}

Test(caller_token, comes_in_headers_that_pass_or_do_not)
{
    size_t count;
    const struct caller_field *fields = callers_fields(callers, &count);

    cr_assert_eq(count, 2);
    cr_expect(span_equal(fields[0].name, SPAN_LIT("authorization")) && fields[0].pass);
    cr_expect(span_equal(fields[1].name, SPAN_LIT("x-token")) && !fields[1].pass);
}

Test(caller_token, certificates_name_callers_exactly)
{
    static const struct {
        const char *subject, *name;
        enum err verdict;
    } cases[] = {
        {"CN=partner,O=Example", "dns:x", ERR_OK},
        {"CN=x", "dns:batch.example.org", ERR_OK},
        {"CN=partner,O=Example", "dns:batch.example.org", ERR_INVALID},
        {"CN=partner", "dns:x", ERR_NOT_FOUND},
        {"CN=partner,O=Example,C=IT", "dns:x", ERR_NOT_FOUND},
        {"", "uri:batch.example.org", ERR_NOT_FOUND},
        {"dns:batch.example.org", "dns:a.batch.example.org", ERR_NOT_FOUND},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tls_peer peer = {
            .subject = lit(cases[i].subject), .name_count = 1, .names = {lit(cases[i].name)}};
        const struct caller *caller;

        cr_expect_eq(callers_find_certificate(callers, &peer, &caller), cases[i].verdict, "%s, %s",
                     cases[i].subject, cases[i].name);
    }
}
