/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/chat_signature.h"

#include <criterion/criterion.h>

#include "base/mem.h"

#define NONCE "abcdefgh-_ABC019"
#define HMAC  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

Test(chat_signature_read, gives_the_parts_as_they_are_written)
{
    struct chat_signature s;

    cr_assert(chat_signature_read(SPAN_LIT("t=0017, nonce=" NONCE ", hmac-sha256=" HMAC), &s));
    cr_assert_eq(s.time_s, 17);
    cr_assert(span_equal(s.time, SPAN_LIT("0017"))); /* it is signed as it stands there */
    cr_assert(span_equal(s.nonce, SPAN_LIT(NONCE)));
    for (size_t i = 0; i < sizeof(s.hmac); i++)
        cr_assert_eq(s.hmac[i], i);
}

Test(chat_signature_read, takes_nothing_that_is_written_in_another_way)
{
    static const char *const wrong[] = {
        "",
        "t=17",
        ("t=17,nonce=" NONCE ",hmac-sha256=" HMAC),
        ("t=17, nonce=" NONCE ", hmac-sha256=" HMAC ", "),
        ("t=17, nonce=" NONCE ", hmac-sha256=" HMAC ", more=1"),
        ("t=17, nonce=" NONCE ", hmac-sha256=" HMAC "0"),
        ("t=17, nonce=" NONCE "!, hmac-sha256=" HMAC),
        ("t=17, nonce=short, hmac-sha256=" HMAC),
        ("t=17, nonce=" NONCE NONCE NONCE NONCE "x, hmac-sha256=" HMAC),
        ("t=, nonce=" NONCE ", hmac-sha256=" HMAC),
        ("t=-7, nonce=" NONCE ", hmac-sha256=" HMAC),
        ("t=1764400000000, nonce=" NONCE ", hmac-sha256=" HMAC),
        ("nonce=" NONCE ", t=17, hmac-sha256=" HMAC),
        ("T=17, nonce=" NONCE ", hmac-sha256=" HMAC),
    };
    struct chat_signature s;

    cr_assert_not(chat_signature_read(SPAN_NONE, &s));
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        cr_expect_not(chat_signature_read(span_str(wrong[i]), &s), "%s", wrong[i]);
}
