/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys and the signatures they check, on OpenSSL's EVP.
 * Runs on: any thread. Holds: public keys. Invariant: OpenSSL's error queue is empty on return, since
 * what is left there would be taken for a connection's error later. Not here: what was signed
 * (proxy/jwt.c), the store's own signatures (vault/crypto.c). */
#include "base/signature.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

enum { ED25519_BYTES = 32, P256_BYTES = 32, RSA_EXPONENT_BYTES_MAX = 8, DER_SIGNATURE_MAX = 80 };

struct signature_key {
    enum signature_alg alg;
    EVP_PKEY *pkey;
};

static const uint8_t *bytes_of(struct span s)
{
    return (const uint8_t *)s.at;
}

static enum err made(enum signature_alg alg, EVP_PKEY *pkey, struct signature_key **ret_key)
{
    struct signature_key *key;

    ERR_clear_error();
    if (pkey == NULL)
        return ERR_INVALID;
    key = mem_alloc(sizeof(*key));
    key->alg = alg;
    key->pkey = pkey;
    *ret_key = key;
    return ERR_OK;
}

/* A public key of OpenSSL's `type` from its parameters; NULL when they are no such key. */
static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

enum err signature_key_ed25519(struct span x, struct signature_key **ret_key)
{
    if (x.len != ED25519_BYTES)
        return ERR_INVALID;
    return made(SIGNATURE_EDDSA,
                EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes_of(x), x.len), ret_key);
}

enum err signature_key_p256(struct span x, struct span y, struct signature_key **ret_key)
{
    char group[] = "P-256";
    uint8_t point[1 + 2 * P256_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end()};

    if (x.len != P256_BYTES || y.len != P256_BYTES)
        return ERR_INVALID;
    memcpy(point + 1, x.at, P256_BYTES);
    memcpy(point + 1 + P256_BYTES, y.at, P256_BYTES);
    return made(SIGNATURE_ES256, from_params("EC", params), ret_key);
}

static EVP_PKEY *rsa_from(const BIGNUM *n, const BIGNUM *exponent)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;

    if (builder != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        params = OSSL_PARAM_BLD_to_param(builder);
    if (params != NULL)
        pkey = from_params("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

enum err signature_key_rsa(struct span n, struct span e, struct signature_key **ret_key)
{
    BIGNUM *modulus, *exponent;
    EVP_PKEY *pkey = NULL;

    if (n.len == 0 || n.len > SIGNATURE_RSA_BITS_MAX / 8 || n.at[0] == '\0' || e.len == 0 ||
        e.len > RSA_EXPONENT_BYTES_MAX)
        return ERR_INVALID;
    modulus = BN_bin2bn(bytes_of(n), (int)n.len, NULL);
    exponent = BN_bin2bn(bytes_of(e), (int)e.len, NULL);
    if (modulus != NULL && exponent != NULL && BN_num_bits(modulus) >= SIGNATURE_RSA_BITS_MIN &&
        BN_is_odd(modulus) && BN_is_odd(exponent) && !BN_is_one(exponent))
        pkey = rsa_from(modulus, exponent);
    BN_free(modulus);
    BN_free(exponent);
    return made(SIGNATURE_RS256, pkey, ret_key);
}

void signature_key_free(struct signature_key **keyp)
{
    struct signature_key *key = TAKE(*keyp);

    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

enum signature_alg signature_key_alg(const struct signature_key *key)
{
    return key->alg;
}

/* The two numbers of an ECDSA signature, as OpenSSL wants them; 0 when they are none. */
static size_t to_der(struct span signature, uint8_t out[DER_SIGNATURE_MAX])
{
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    BIGNUM *r, *s;
    uint8_t *at = out;
    int len = 0;

    if (signature.len != 2 * P256_BYTES || numbers == NULL) {
        ECDSA_SIG_free(numbers);
        return 0;
    }
    r = BN_bin2bn(bytes_of(signature), P256_BYTES, NULL);
    s = BN_bin2bn(bytes_of(signature) + P256_BYTES, P256_BYTES, NULL);
    if (ECDSA_SIG_set0(numbers, r, s) != 1) {
        BN_free(r);
        BN_free(s);
    } else if (i2d_ECDSA_SIG(numbers, NULL) <= DER_SIGNATURE_MAX) {
        len = i2d_ECDSA_SIG(numbers, &at);
    }
    ECDSA_SIG_free(numbers);
    return len > 0 ? (size_t)len : 0;
}

bool signature_is_valid(const struct signature_key *key, struct span message, struct span signature)
{
    const EVP_MD *hash = key->alg == SIGNATURE_EDDSA ? NULL : EVP_sha256();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[DER_SIGNATURE_MAX];
    bool valid = false;

    if (key->alg == SIGNATURE_ES256)
        signature = span_of(der, to_der(signature, der));
    if (ctx != NULL && signature.len > 0 &&
        EVP_DigestVerifyInit(ctx, NULL, hash, NULL, key->pkey) == 1)
        valid = EVP_DigestVerify(ctx, bytes_of(signature), signature.len, bytes_of(message),
                                 message.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return valid;
}
