/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: the vectors of the RFCs, each bit of them, and keys that are none. */
#include "base/signature.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <string.h>

#include "base/base64url.h"

/* RFC 8037 A.4; RFC 7515 A.2, A.3 */
static const char ed_x[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
static const char ed_text[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
static const char ed_signature[] =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
static const char claims[] =
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ";
static const char rsa_n[] = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
                            "4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql"
                            "L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
                            "bSf63kpaSHSXndS5z5rexMdbBYUs"
                            "LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_"
                            "I5IhlJH7aGhyxXFvUK-DWNmoud"
                            "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
static const char rsa_signature[] =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
    "O8W2Fp5jujG"
    "bds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
    "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
    "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6"
    "LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
static const char ec_x[] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
static const char ec_y[] = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
static const char ec_signature[] =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

static struct span bytes_of(const char *text, struct buf *out)
{
    cr_assert_eq(base64url_decode(span_str(text), out), ERR_OK);
    return buf_span(out);
}

/* The signature is genuine, and of no other message; no bit of it may change. */
static void expect_only(const struct signature_key *key, const char *message, const char *signature)
{
    AUTO(buf_done) struct buf bytes = {.max = 1024};
    struct span good = bytes_of(signature, &bytes);
    char other[512];

    cr_expect(signature_is_valid(key, span_str(message), good));
    for (size_t bit = 0; bit < 8 * good.len; bit += 3) {
        bytes.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_expect_not(signature_is_valid(key, span_str(message), good), "bit %zu", bit);
        bytes.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_expect_not(signature_is_valid(key, span_str(message), span_of(good.at, good.len - 1)));
    cr_expect_not(signature_is_valid(key, span_str(message), SPAN_NONE));
    memcpy(other, message, strlen(message) + 1);
    other[10] ^= 1;
    cr_expect_not(signature_is_valid(key, span_str(other), good));
    cr_expect_eq(ERR_peek_error(), 0, "nothing is left for somebody else to find");
}

Test(signature, ed25519_is_as_rfc_8037_says)
{
    AUTO(signature_key_free) struct signature_key *key = NULL;
    AUTO(buf_done) struct buf x = {.max = 64};

    cr_assert_eq(signature_key_ed25519(bytes_of(ed_x, &x), &key), ERR_OK);
    cr_expect_eq(signature_key_alg(key), SIGNATURE_EDDSA);
    expect_only(key, ed_text, ed_signature);
}

Test(signature, rs256_is_as_rfc_7515_says)
{
    AUTO(signature_key_free) struct signature_key *key = NULL;
    AUTO(buf_done) struct buf n = {.max = 512};
    char message[256] = "eyJhbGciOiJSUzI1NiJ9";

    cr_assert_eq(signature_key_rsa(bytes_of(rsa_n, &n), SPAN_LIT("\x01\x00\x01"), &key), ERR_OK);
    cr_expect_eq(signature_key_alg(key), SIGNATURE_RS256);
    expect_only(key, strncat(message, claims, 200), rsa_signature);
}

Test(signature, es256_is_as_rfc_7515_says)
{
    AUTO(signature_key_free) struct signature_key *key = NULL;
    AUTO(buf_done) struct buf x = {.max = 64}, y = {.max = 64};
    char message[256] = "eyJhbGciOiJFUzI1NiJ9";

    cr_assert_eq(signature_key_p256(bytes_of(ec_x, &x), bytes_of(ec_y, &y), &key), ERR_OK);
    cr_expect_eq(signature_key_alg(key), SIGNATURE_ES256);
    expect_only(key, strncat(message, claims, 200), ec_signature);
}

Test(signature, of_zeroes_is_nobodys)
{
    AUTO(signature_key_free) struct signature_key *key = NULL;
    AUTO(buf_done) struct buf x = {.max = 64}, y = {.max = 64};
    static const char zeroes[64];

    cr_assert_eq(signature_key_p256(bytes_of(ec_x, &x), bytes_of(ec_y, &y), &key), ERR_OK);
    cr_expect_not(signature_is_valid(key, SPAN_LIT("text"), span_of(zeroes, sizeof(zeroes))),
                  "CVE-2022-21449");
}

Test(signature, keys_that_are_none_are_refused)
{
    AUTO(buf_done) struct buf x = {.max = 64}, y = {.max = 64}, n = {.max = 512};
    struct signature_key *key = NULL;
    struct span ex = bytes_of(ec_x, &x), ey = bytes_of(ec_y, &y), en = bytes_of(rsa_n, &n);

    cr_expect_eq(signature_key_ed25519(span_of(ex.at, 31), &key), ERR_INVALID);
    cr_expect_eq(signature_key_ed25519(SPAN_NONE, &key), ERR_INVALID);
    cr_expect_eq(signature_key_p256(ex, ex, &key), ERR_INVALID, "not on the curve");
    cr_expect_eq(signature_key_p256(ex, span_of(ey.at, 31), &key), ERR_INVALID);
    cr_expect_eq(signature_key_p256(SPAN_NONE, SPAN_NONE, &key), ERR_INVALID);
    cr_expect_eq(signature_key_rsa(span_of(en.at, 128), SPAN_LIT("\x01\x00\x01"), &key),
                 ERR_INVALID, "1024 bits");
    cr_expect_eq(signature_key_rsa(en, SPAN_LIT("\x01"), &key), ERR_INVALID);
    cr_expect_eq(signature_key_rsa(en, SPAN_LIT("\x04"), &key), ERR_INVALID);
    cr_expect_eq(signature_key_rsa(en, SPAN_NONE, &key), ERR_INVALID);
    cr_expect_null(key);
    cr_expect_eq(ERR_peek_error(), 0);
}
