/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/format.h"

#include "tests/unit/vault/format_rig.h"

TestSuite(format_options, .init = secret_start);

static void assert_refused(enum token_format format, struct format_options options,
                           const char *option, const char *words)
{
    struct format_spec spec = {.low = 77};
    struct errmsg msg = {""};
    const char *at = "";

    cr_assert_eq(format_spec_read(format, &options, &spec, &at, &msg), ERR_CONFIG, "%s", words);
    cr_assert_str_eq(at, option);
    cr_assert_not_null(strstr(msg.text, words), "%s", msg.text);
    cr_assert_eq(spec.low, 77);
}

static void assert_text(struct format_spec spec, const char *expected)
{
    char text[FORMAT_SPEC_TEXT_MAX];

    format_spec_text(&spec, text);
    cr_assert_str_eq(text, expected);
}

Test(format_options, have_defaults)
{
    assert_text(rig_plain(TOKEN_OPAQUE), "opaque");
    assert_text(rig_plain(TOKEN_EMAIL), "email");
    assert_text(rig_plain(TOKEN_PHONE), "phone range=reserved");
    assert_text(rig_plain(TOKEN_PAN), "pan keep_last=0");
    assert_text(rig_plain(TOKEN_IBAN), "iban");
    assert_text(rig_plain(TOKEN_UUID), "uuid");
    assert_text(rig_plain(TOKEN_DATE), "date");
    assert_text(rig_plain(TOKEN_DIGITS), "digits reserved=0");
    assert_text(rig_plain(TOKEN_ALNUM), "alnum reserved=");
    assert_text(rig_plain(TOKEN_IPV4), "ipv4 range=reserved");
    assert_text(rig_plain(TOKEN_IPV6), "ipv6");
    assert_text(rig_plain(TOKEN_NAME), "name");
    assert_text(rig_plain(TOKEN_INTEGER), "integer range=8000000000000000-9007199254740991");
}

Test(format_options, are_taken)
{
    assert_text(rig_spec(TOKEN_PHONE, "reserved", NULL, -1), "phone range=reserved");
    assert_text(rig_spec(TOKEN_PHONE, "us", NULL, -1), "phone range=us");
    assert_text(rig_spec(TOKEN_PHONE, "gb", NULL, -1), "phone range=gb");
    assert_text(rig_spec(TOKEN_PHONE, "de", NULL, -1), "phone range=de");
    assert_text(rig_spec(TOKEN_IPV4, "documentation", NULL, -1), "ipv4 range=documentation");
    assert_text(rig_spec(TOKEN_PAN, NULL, NULL, 4), "pan keep_last=4");
    assert_text(rig_spec(TOKEN_PAN, NULL, NULL, 0), "pan keep_last=0");
    assert_text(rig_spec(TOKEN_DIGITS, NULL, "0123456789012345", -1),
                "digits reserved=0123456789012345");
    assert_text(rig_spec(TOKEN_ALNUM, NULL, "zZ9", -1), "alnum reserved=ZZ9");
    assert_text(rig_spec(TOKEN_INTEGER, "0-0", NULL, -1), "integer range=0-0");
    assert_text(rig_spec(TOKEN_INTEGER, "2000000000-2147483647", NULL, -1),
                "integer range=2000000000-2147483647");
    assert_text(rig_spec(TOKEN_INTEGER, "0-9007199254740991", NULL, -1),
                "integer range=0-9007199254740991");
}

Test(format_options, are_refused_where_a_format_has_none)
{
    static const enum token_format no_range[] = {
        TOKEN_OPAQUE, TOKEN_EMAIL,  TOKEN_PAN,   TOKEN_IBAN, TOKEN_UUID,
        TOKEN_DATE,   TOKEN_DIGITS, TOKEN_ALNUM, TOKEN_IPV6, TOKEN_NAME};

    for (size_t i = 0; i < COUNT_OF(no_range); i++)
        assert_refused(no_range[i], (struct format_options){"reserved", NULL, -1}, "range",
                       "range is for formats");
    for (unsigned f = TOKEN_OPAQUE; f <= TOKEN_INTEGER; f++) {
        if (f != TOKEN_DIGITS && f != TOKEN_ALNUM)
            assert_refused((enum token_format)f, (struct format_options){NULL, "0", -1}, "reserved",
                           "reserved is for formats");
        if (f != TOKEN_PAN)
            assert_refused((enum token_format)f, (struct format_options){NULL, NULL, 0},
                           "keep_last", "keep_last is for format");
    }
}

Test(format_options, are_refused_where_they_are_nonsense)
{
    static const char *const ranges[] = {"",     "-",     "1",     "1-",      "-1",
                                         "2-1",  "1-2-3", "1 - 2", "a-b",     "0x1-2",
                                         "1-2 ", "+1-2",  "us",    "reserved"};
    static const char *const not_digits[] = {"", "A", "0 ", "-", "01234567890123456"};
    static const char *const not_alnum[] = {"", "-", "Z_", "Z ", "\xc3\x84", "ZZZZZZZZZZZZZZZZZ"};

    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        assert_refused(TOKEN_INTEGER, (struct format_options){ranges[i], NULL, -1}, "range",
                       "two whole numbers");
    assert_refused(TOKEN_INTEGER, (struct format_options){"1-9007199254740992", NULL, -1}, "range",
                   "up to 9007199254740991");
    assert_refused(TOKEN_INTEGER, (struct format_options){"1-99999999999999999999999", NULL, -1},
                   "range", "two whole numbers");
    assert_refused(TOKEN_PHONE, (struct format_options){"documentation", NULL, -1}, "range",
                   "\"gb\"");
    assert_refused(TOKEN_PHONE, (struct format_options){"US", NULL, -1}, "range", "\"gb\"");
    assert_refused(TOKEN_IPV4, (struct format_options){"us", NULL, -1}, "range",
                   "\"documentation\"");
    assert_refused(TOKEN_PAN, (struct format_options){NULL, NULL, 6}, "keep_last", "0 or 4");
    assert_refused(TOKEN_PAN, (struct format_options){NULL, NULL, -4}, "keep_last", "0 or 4");
    for (size_t i = 0; i < COUNT_OF(not_digits); i++)
        assert_refused(TOKEN_DIGITS, (struct format_options){NULL, not_digits[i], -1}, "reserved",
                       "1-16 digits");
    for (size_t i = 0; i < COUNT_OF(not_alnum); i++)
        assert_refused(TOKEN_ALNUM, (struct format_options){NULL, not_alnum[i], -1}, "reserved",
                       "1-16 letters and digits");
}
