/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and tokens made on the spot. */
#pragma once

#include <criterion/criterion.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/signature.h"
#include "base/span.h"

enum { RIG_TEXT = 16384 };

static inline void rig_base64url(const void *bytes, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const uint8_t *at = bytes;
    uint32_t bits = 0;
    int count = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | at[i];
        for (count += 8; count >= 6; count -= 6)
            *out++ = digits[bits >> (count - 6) & 63];
    }
    if (count > 0)
        *out++ = digits[bits << (6 - count) & 63];
    *out = '\0';
}

static inline EVP_PKEY *rig_key(enum signature_alg alg)
{
    return alg == SIGNATURE_EDDSA   ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
           : alg == SIGNATURE_ES256 ? EVP_EC_gen("P-256")
                                    : EVP_RSA_gen(2048);
}

static inline void rig_number(EVP_PKEY *key, const char *name, size_t len, char *out)
{
    BIGNUM *n = NULL;
    uint8_t bytes[512];

    cr_assert_eq(EVP_PKEY_get_bn_param(key, name, &n), 1);
    len = len == 0 ? (size_t)BN_num_bytes(n) : len;
    cr_assert_geq(BN_bn2binpad(n, bytes, (int)len), 0);
    rig_base64url(bytes, len, out);
    BN_free(n);
}

/* Its public half as a JWK with these other members ("" or "\"kid\":\"a\","). */
static inline void rig_jwk(EVP_PKEY *key, enum signature_alg alg, const char *members, char *out)
{
    char first[1024], second[1024];
    uint8_t raw[32];
    size_t len = sizeof(raw);

    switch (alg) {
    case SIGNATURE_EDDSA:
        cr_assert_eq(EVP_PKEY_get_raw_public_key(key, raw, &len), 1);
        rig_base64url(raw, len, first);
        (void)snprintf(out, RIG_TEXT, "{%s\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}",
                       members, first);
        break;
    case SIGNATURE_ES256:
        rig_number(key, OSSL_PKEY_PARAM_EC_PUB_X, 32, first);
        rig_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32, second);
        (void)snprintf(out, RIG_TEXT,
                       "{%s\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}", members,
                       first, second);
        break;
    default:
        rig_number(key, OSSL_PKEY_PARAM_RSA_N, 0, first);
        rig_number(key, OSSL_PKEY_PARAM_RSA_E, 0, second);
        (void)snprintf(out, RIG_TEXT, "{%s\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", members,
                       first, second);
    }
}

static inline size_t rig_ecdsa_raw(const uint8_t *der, size_t len, uint8_t out[64])
{
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &der, (long)len);

    cr_assert_not_null(numbers);
    cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_r(numbers), out, 32), 32);
    cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_s(numbers), out + 32, 32), 32);
    ECDSA_SIG_free(numbers);
    return 64;
}

/* A token with these JSON texts as header and claims, signed. */
static inline struct span rig_token(EVP_PKEY *key, enum signature_alg alg, const char *header,
                                    const char *claims, char out[RIG_TEXT])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t signature[512], raw[64];
    size_t len = sizeof(signature), at;

    rig_base64url(header, strlen(header), out);
    at = strlen(out);
    out[at] = '.';
    rig_base64url(claims, strlen(claims), out + at + 1);
    at = strlen(out);
    cr_assert_eq(
        EVP_DigestSignInit(ctx, NULL, alg == SIGNATURE_EDDSA ? NULL : EVP_sha256(), NULL, key), 1);
    cr_assert_eq(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)out, at), 1);
    EVP_MD_CTX_free(ctx);
    out[at] = '.';
    if (alg == SIGNATURE_ES256)
        rig_base64url(raw, rig_ecdsa_raw(signature, len, raw), out + at + 1);
    else
        rig_base64url(signature, len, out + at + 1);
    return span_str(out);
}
