/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens (RFC 7519) in compact form, read and verified strictly (RFC 8725). Pure. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "proxy/jwks.h"

enum {
    JWT_BYTES_MAX = 8192, /* a longer token is refused before it is read */
    JWT_LEEWAY_MAX_S = 300
};

/* A token that is read and not verified: nothing of it is to be believed yet. */
struct jwt {
    enum signature_alg alg;
    struct json *header; /* owned, as is all below */
    struct json *claims;
    struct buf signature;
    struct span signed_text; /* borrowed from the token */
};

/* Take a token apart. INVALID: not three parts of strict base64url, a header or claims that are no JSON
 * object or name a member twice, another algorithm than EdDSA, ES256 and RS256 (`none`, HS256, ...), a
 * header that brings keys or addresses of keys (jwk, jku, x5c, x5u), demands extensions (crit, b64, zip,
 * enc, cty) or says that it is something else than a JWT (typ). ret_jwt: jwt_done(); on an error there is
 * nothing to do. */
enum err jwt_read(struct span text, struct jwt *ret_jwt) MUST_CHECK;
void jwt_done(struct jwt *jwt); /* wipes the claims */

/* What a token must say and be signed with. */
struct jwt_rule {
    const struct jwks *keys;
    uint32_t algs; /* a set of 1 << enum signature_alg */
    const char *issuer;
    const char *audience;
    int64_t leeway_s; /* clocks differ */
};

/* Verify signature, iss, aud (a text or a list of texts), exp (which must be there), nbf and iat.
 * UNAUTHORIZED, whatever it was. *ret_until_s: the token is good before this second. */
enum err jwt_verify(const struct jwt *jwt, const struct jwt_rule *rule, int64_t now_s,
                    int64_t *ret_until_s) MUST_CHECK;

/* Is a claim this text, or a list that holds it? */
bool jwt_says(const struct json *claims, const char *name, const char *value);
