/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <criterion/criterion.h>

#include "base/secret.h"

TestSuite(digest, .init = secret_start, .timeout = 20);

/* FIPS 180-4's examples, as `sha256sum` prints them. */
Test(digest, is_sha_256)
{
    char hex[DIGEST_HEX_BYTES];

    digest_hex(SPAN_LIT("abc"), hex);
    cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_hex(SPAN_NONE, hex);
    cr_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

Test(digest, does_not_care_how_the_text_comes)
{
    uint8_t whole[DIGEST_BYTES], pieces[DIGEST_BYTES];
    struct digest digest;

    digest_begin(&digest);
    digest_add(&digest, "abc", 3);
    digest_end(&digest, whole);
    digest_begin(&digest);
    digest_add(&digest, "a", 1);
    digest_add(&digest, "", 0);
    digest_add(&digest, "bc", 2);
    digest_end(&digest, pieces);
    cr_assert_arr_eq(whole, pieces, sizeof(whole));
}

/* RFC 4231 4.2, 4.3 and 4.7: a short key, a text in parts, a key longer than a block. */
Test(digest, hmac_is_what_others_compute)
{
    static const uint8_t first[] = {0xb0, 0x34, 0x4c, 0x61}, second[] = {0x5b, 0xdc, 0xc1, 0x46},
                         last[] = {0x60, 0xe4, 0x31, 0x59};
    const struct span hi = SPAN_LIT("Hi There"),
                      parts[] = {SPAN_LIT("what do ya want "), SPAN_LIT("for "),
                                 SPAN_LIT("nothing?")},
                      larger = SPAN_LIT("Test Using Larger Than Block-Size Key - Hash Key First");
    char key[131];
    uint8_t mac[DIGEST_BYTES];

    memset(key, 0x0b, sizeof(key));
    digest_hmac(span_of(key, 20), &hi, 1, mac);
    cr_expect_arr_eq(mac, first, sizeof(first));
    digest_hmac(SPAN_LIT("Jefe"), parts, COUNT_OF(parts), mac);
    cr_expect_arr_eq(mac, second, sizeof(second));
    memset(key, 0xaa, sizeof(key));
    digest_hmac(span_of(key, sizeof(key)), &larger, 1, mac);
    cr_expect_arr_eq(mac, last, sizeof(last));
}
