/* SPDX-License-Identifier: Apache-2.0 */
/* base64url: the RFC's bytes, and nothing that is spelt in another way. */
#include "base/base64url.h"

#include <criterion/criterion.h>

Test(base64url, reads_what_the_rfc_writes)
{
    static const struct {
        const char *text;
        struct span bytes;
    } cases[] = {
        {"", {"", 0}},
        {"Zg", {"f", 1}},
        {"Zm8", {"fo", 2}},
        {"Zm9v", {"foo", 3}},
        {"Zm9vYg", {"foob", 4}},
        {"Zm9vYmE", {"fooba", 5}},
        {"Zm9vYmFy", {"foobar", 6}},
        {"A-z_4ME", {"\x03\xec\xff\xe0\xc1", 5}}, /* RFC 7515, appendix C */
        {"_-8", {"\xff\xef", 2}},
        {"AAAA", {"\0\0\0", 3}},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf_done) struct buf out = {.max = 64};

        cr_expect_eq(base64url_decode(span_str(cases[i].text), &out), ERR_OK, "%s", cases[i].text);
        cr_expect(span_equal(buf_span(&out), cases[i].bytes), "%s", cases[i].text);
    }
}

Test(base64url, refuses_every_other_spelling)
{
    static const char *const cases[] = {
        "Z",    "Zg=",  "Zg==",  "Zh",    "Zm9=",       "Zm9", "Zm9v\n",
        "+-8a", "/-8a", "Zm 8v", "Zm9vY", "Zm\xc3\xa9", ".",   "Zl8-_"};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf_done) struct buf out = {.max = 64};

        cr_assert_eq(buf_append_str(&out, "before"), ERR_OK);
        cr_expect_eq(base64url_decode(span_str(cases[i]), &out), ERR_INVALID, "%s", cases[i]);
        cr_expect_eq(out.len, 6, "%s", cases[i]);
    }
}

Test(base64url, respects_the_buffers_maximum)
{
    AUTO(buf_done) struct buf out = {.max = 4};

    cr_expect_eq(base64url_decode(SPAN_LIT("Zm9vYmFy"), &out), ERR_TOO_LARGE);
    cr_expect_eq(out.len, 0);
}
