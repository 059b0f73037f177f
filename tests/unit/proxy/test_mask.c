/* SPDX-License-Identifier: Apache-2.0 */
/* E41: one value has one mask, whoever asks. */
#include <criterion/criterion.h>

#include "base/secret.h"
#include "proxy/transform.h"

TestSuite(mask, .init = secret_start);

static void expect_mask(enum token_format format, struct span value, const char *wanted)
{
    AUTO(buf_done) struct buf out;

    buf_init_secret(&out, 1000);
    cr_assert_eq(mask_write(format, value, &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), span_str(wanted)), "%.*s: %.*s", (int)value.len, value.at,
              (int)out.len, (char *)out.bytes);
}

Test(mask, of_an_email_shows_its_first_character_and_domain)
{
    expect_mask(TOKEN_EMAIL, SPAN_LIT("ada@example.org"), "a***@example.org");
    expect_mask(TOKEN_EMAIL, SPAN_LIT("a@example.org"), "a***@example.org");
    expect_mask(TOKEN_EMAIL, SPAN_LIT("\"a@b\"@example.org"), "\"***@example.org");
    expect_mask(TOKEN_EMAIL, SPAN_LIT("éa@example.org"), "é***@example.org");
    expect_mask(TOKEN_EMAIL, SPAN_LIT("🙂@example.org"), "🙂***@example.org");
}

Test(mask, of_an_email_that_is_none_is_that_of_other_text)
{
    expect_mask(TOKEN_EMAIL, SPAN_LIT("no address"), "***ss");
    expect_mask(TOKEN_EMAIL, SPAN_LIT("@example.org"), "***rg");
    expect_mask(TOKEN_EMAIL, SPAN_LIT(""), "***");
    expect_mask(TOKEN_EMAIL, SPAN_NONE, "***");
}

Test(mask, of_other_text_shows_its_last_two_of_eight_characters)
{
    expect_mask(TOKEN_OPAQUE, SPAN_LIT("+442079460958"), "***58");
    expect_mask(TOKEN_OPAQUE, SPAN_LIT("12345678"), "***78");
    expect_mask(TOKEN_OPAQUE, SPAN_LIT("1234567"), "***");
    expect_mask(TOKEN_OPAQUE, SPAN_LIT("ada@example.org"), "***rg");
    expect_mask(TOKEN_OPAQUE, SPAN_LIT(""), "***");
}

Test(mask, counts_characters_and_never_cuts_one)
{
    expect_mask(TOKEN_OPAQUE, SPAN_LIT("ääääääää"), "***ää");
    expect_mask(TOKEN_OPAQUE, SPAN_LIT("äääääää"), "***");
    expect_mask(TOKEN_OPAQUE, SPAN_LIT("日本語日本語日🙂"), "***日🙂");
    expect_mask(TOKEN_OPAQUE, SPAN_LIT("x🙂🙂🙂🙂🙂🙂z"), "***🙂z");
}

Test(mask, shows_nothing_of_what_is_not_utf8)
{
    expect_mask(TOKEN_OPAQUE, SPAN_LIT("\x80\x80\x80\x80\x80\x80\x80\x80\x80"), "***");
    expect_mask(TOKEN_OPAQUE, SPAN_LIT("12345678\xFF"), "***");
    expect_mask(TOKEN_EMAIL, SPAN_LIT("\xC3@example.org"), "***");
    expect_mask(TOKEN_EMAIL, SPAN_LIT("a@\x80"), "***");
}

Test(mask, is_written_whole_or_not_at_all)
{
    AUTO(buf_done) struct buf out;

    buf_init_secret(&out, 10);
    cr_assert_eq(mask_write(TOKEN_EMAIL, SPAN_LIT("ada@example.org"), &out), ERR_TOO_LARGE);
    cr_assert_eq(out.len, 0);
}

Test(mask, of_a_typed_value_has_its_shape)
{
    expect_mask(TOKEN_PHONE, SPAN_LIT("+44 1632 960001"), "+** **** **0001");
    expect_mask(TOKEN_PHONE, SPAN_LIT("110"), "***");
    expect_mask(TOKEN_PAN, SPAN_LIT("4111 1111 1111 1234"), "**** **** **** 1234");
    expect_mask(TOKEN_PAN, SPAN_LIT("41111234"), "********");
    expect_mask(TOKEN_IBAN, SPAN_LIT("DE89 3704 0044 0532 0130 00"), "DE** **** **** **** **30 00");
    expect_mask(TOKEN_UUID, SPAN_LIT("6b1f0c92-7ae3-4d40-9c5b-21f7e08a4d36"),
                "********-****-****-****-********4d36");
    expect_mask(TOKEN_DATE, SPAN_LIT("1980-02-29"), "1980-**-**");
    expect_mask(TOKEN_DATE, SPAN_LIT("1980-02-29T10:00:00Z"), "1980-**-*****:**:***");
    expect_mask(TOKEN_DIGITS, SPAN_LIT("123-45-6789"), "***-**-**89");
    expect_mask(TOKEN_ALNUM, SPAN_LIT("C01X00"), "******");
    expect_mask(TOKEN_IPV4, SPAN_LIT("192.168.1.77"), "192.168.*.*");
    expect_mask(TOKEN_IPV6, SPAN_LIT("2a02:8106:1:2::3"), "2a02:8106:*");
    expect_mask(TOKEN_IPV6, SPAN_LIT("2a02::3"), "***");
    expect_mask(TOKEN_IPV6, SPAN_LIT("::1"), "***");
    expect_mask(TOKEN_NAME, SPAN_LIT("Ada Lovelace"), "A*** L***");
    expect_mask(TOKEN_NAME, SPAN_LIT("Émilie"), "É***");
    expect_mask(TOKEN_INTEGER, SPAN_LIT("123456789"), "***");
}

Test(mask, of_a_typed_value_never_shows_what_its_format_is_not_for)
{
    expect_mask(TOKEN_PHONE, SPAN_LIT("ääääääää"), "***ää");
    expect_mask(TOKEN_DATE, SPAN_LIT(""), "***");
    expect_mask(TOKEN_NAME, SPAN_LIT(" x"), "***");
    expect_mask(TOKEN_NAME, SPAN_LIT("\xff\xff"), "***");
    expect_mask(TOKEN_NAME, SPAN_LIT("a b c d e f"), "a*** b*** c*** d***");
}
