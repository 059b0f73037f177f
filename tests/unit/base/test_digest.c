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
