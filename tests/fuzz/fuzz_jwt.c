/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and key sets from anywhere. The first byte chooses which: whatever is taken apart is whole, is
 * the only spelling of itself, and verifies with no key that nobody has signed with. */
#include <string.h>

#include "base/assert.h"
#include "proxy/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A key of each kind, whose other halves are not here (RFC 8037 A.2, RFC 7515 A.3). */
static const char keys_text[] =
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static void check_token(struct span text)
{
    static struct jwks *keys;
    AUTO(jwt_done) struct jwt jwt = {.signature = {.max = 0}};
    struct jwt_rule rule = {.algs = 7, .issuer = "joe", .audience = "lethe"};
    int64_t until_s = -1;
    enum err e;

    if (keys == NULL)
        REQUIRE(jwks_parse(span_str(keys_text), &keys, NULL) == ERR_OK);
    rule.keys = keys;
    e = jwt_read(text, &jwt);
    REQUIRE(e == ERR_OK || e == ERR_INVALID);
    if (e != ERR_OK)
        return;
    REQUIRE(text.len <= JWT_BYTES_MAX && jwt.alg < SIGNATURE_ALGS);
    REQUIRE(json_kind(jwt.header) == JSON_MAP && json_kind(jwt.claims) == JSON_MAP);
    REQUIRE(jwt.signed_text.at == text.at && jwt.signed_text.len < text.len);
    REQUIRE(jwt_verify(&jwt, &rule, 1300819379, &until_s) == ERR_UNAUTHORIZED && until_s == -1);
}

static void check_keys(struct span text)
{
    AUTO(jwks_free) struct jwks *keys = NULL;
    struct errmsg msg = {""};
    enum err e = jwks_parse(text, &keys, &msg);

    REQUIRE(e == ERR_OK || e == ERR_CONFIG);
    REQUIRE((e == ERR_OK) == (keys != NULL) && (e == ERR_OK) == (msg.text[0] == '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'k')
        check_keys(span_of(data + 1, size - 1));
    else if (size > 0)
        check_token(span_of(data + 1, size - 1));
    return 0;
}
