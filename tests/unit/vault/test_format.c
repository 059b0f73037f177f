/* SPDX-License-Identifier: Apache-2.0 */
/* What holds of every typed format; how each looks stands in test_format_*.c. */
#include "vault/format.h"

#include "tests/unit/vault/format_rig.h"

TestSuite(format, .init = secret_start);

/* A value of each, whose sequence is long enough to look at. */
static const struct {
    enum token_format format;
    const char *value;
} all[] = {
    {TOKEN_PHONE, "+44 1632 960001"},
    {TOKEN_PAN, "4111111111111111"},
    {TOKEN_IBAN, "DE89370400440532013000"},
    {TOKEN_UUID, "0f8fad5b-d9cb-469f-a165-70867728950e"},
    {TOKEN_DATE, "1985-03-12"},
    {TOKEN_DIGITS, "123-45-6789012"},
    {TOKEN_ALNUM, "C01X00T478"},
    {TOKEN_IPV4, "198.51.100.7"},
    {TOKEN_IPV6, "fe80::1"},
    {TOKEN_NAME, "Ada Lovelace"},
    {TOKEN_INTEGER, "4711"},
};

Test(format, has_a_name_that_is_found_again)
{
    enum token_format format;

    for (unsigned f = TOKEN_OPAQUE; f <= TOKEN_INTEGER; f++) {
        cr_assert_not_null(format_name((enum token_format)f), "%u", f);
        cr_assert(format_named(format_name((enum token_format)f), &format));
        cr_assert_eq((unsigned)format, f);
        cr_assert_eq(format_is_typed((enum token_format)f), f >= TOKEN_PHONE);
    }
    cr_assert_null(format_name((enum token_format)0));
    cr_assert_null(format_name((enum token_format)(TOKEN_INTEGER + 1)));
    cr_assert_not(format_is_typed((enum token_format)99));
    cr_assert_not(format_named("Phone", &format));
    cr_assert_not(format_named("", &format));
}

Test(format, is_read_under_its_own_key_only)
{
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct format_spec spec = rig_plain(all[i].format);
        struct format_shape shape = rig_shape(&spec, all[i].value), read_shape;
        struct token_text text;
        unsigned same = 0;
        uint64_t n;

        for (uint64_t t = 0; t < 100; t++) {
            rig_write(&spec, &shape, t, all[i].value, &text);
            same += format_read(&spec, rig_other_key, span_of(text.bytes, text.len), &read_shape,
                                &n) == ERR_OK &&
                    n == t;
        }
        cr_assert_leq(same, 2, "%s", format_name(spec.format));
    }
}

Test(format, keeps_no_order_that_can_be_seen)
{
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct format_spec spec = rig_plain(all[i].format);
        struct format_shape shape = rig_shape(&spec, all[i].value);
        struct token_text before, after;
        unsigned rising = 0;

        rig_write(&spec, &shape, 0, all[i].value, &before);
        for (uint64_t n = 1; n < 1000; n++, before = after) {
            rig_write(&spec, &shape, n, all[i].value, &after);
            rising += strcmp(before.bytes, after.bytes) < 0;
        }
        cr_assert(rising > 420 && rising < 580, "%s: %u", format_name(spec.format), rising);
    }
}

Test(format, refuses_booleans)
{
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct format_spec spec = rig_plain(all[i].format);
        struct format_shape shape;

        cr_assert_eq(format_shape(&spec, VALUE_BOOL, SPAN_LIT("true"), &shape), ERR_UNPROCESSABLE);
        cr_assert_eq(format_shape(&spec, VALUE_BOOL, span_str(all[i].value), &shape),
                     ERR_UNPROCESSABLE);
    }
}

Test(format, has_no_capacity_for_what_is_no_shape)
{
    static const char *const texts[] = {"",   "*x",  "x",  "0",   "00",  "7x",  "-1",  "016",
                                        "**", "100", "65", "999", "A9!", "aa9", "A 9", "8"};

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct format_spec spec = rig_plain(all[i].format);

        for (size_t t = 0; t < COUNT_OF(texts); t++) {
            struct format_shape shape;
            bool digits = spec.format == TOKEN_DIGITS && strcmp(texts[t], "8") == 0;
            bool letters = spec.format == TOKEN_ALNUM && strcmp(texts[t], "999") == 0;

            memset(&shape, '9', sizeof(shape));
            memcpy(shape.text, texts[t], strlen(texts[t]) + 1);
            cr_assert_eq(format_capacity(&spec, &shape) > 0, digits || letters, "%s of %s",
                         texts[t], format_name(spec.format));
        }
        struct format_shape endless;

        memset(&endless, '9', sizeof(endless)); /* no NUL at all */
        cr_assert_eq(format_capacity(&spec, &endless), 0);
    }
}

Test(format, reads_no_token_of_another_format)
{
    for (size_t w = 0; w < COUNT_OF(all); w++) {
        struct format_spec writer = rig_plain(all[w].format);
        struct format_shape shape = rig_shape(&writer, all[w].value);

        for (size_t r = 0; r < COUNT_OF(all); r++) {
            struct format_spec reader = rig_plain(all[r].format);
            /* Letters and digits take whatever has only those; a UUID may begin with 00 or Z0. */
            bool loose = all[r].format == TOKEN_ALNUM || all[r].format == TOKEN_DIGITS;

            for (uint64_t n = 0; n < 200 && w != r && !loose; n++) {
                struct token_text text;

                cr_assert_not(
                    rig_reads(&reader, rig_write(&writer, &shape, n, all[w].value, &text)), "%s",
                    text.bytes);
            }
        }
    }
}

Test(format, reads_no_opaque_or_email_token)
{
    struct token_ref ref = {.class_id = 7, .row = 99};
    struct token_text text;

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct format_spec spec = rig_plain(all[i].format);

        for (enum token_format f = TOKEN_OPAQUE; f <= TOKEN_EMAIL; f++) {
            token_write(&ref, f, "tok.invalid", rig_key, &text);
            text.bytes[text.len] = '\0';
            cr_assert_not(rig_reads(&spec, text.bytes), "%s", text.bytes);
        }
    }
}

Test(format, refuses_garbage)
{
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct format_spec spec = rig_plain(all[i].format);

        for (int t = 0; t < 20000; t++) {
            uint8_t bytes[40];
            struct format_shape shape;
            uint64_t n;
            size_t len = rig_random() % sizeof(bytes);

            for (size_t b = 0; b < len; b++)
                bytes[b] = (uint8_t)rig_random();
            if (len > 6)
                bytes[rig_random() % 6] |= 0x80;
            if (len > 6 && format_read(&spec, rig_key, span_of(bytes, len), &shape, &n) == ERR_OK)
                cr_assert(bytes[0] < 0x80 && bytes[1] < 0x80);
            (void)format_owns(&spec, rig_key, span_of(bytes, len));
            if (format_shape(&spec, VALUE_STRING, span_of(bytes, len), &shape) == ERR_OK)
                cr_assert_gt(format_capacity(&spec, &shape), 0);
        }
        cr_assert_not(rig_reads(&spec, ""));
    }
}

Test(format, writes_nothing_where_nothing_is_read)
{
    struct format_spec spec = rig_plain(TOKEN_UUID);
    struct format_shape shape = {"untouched"};
    uint64_t n = 77;

    cr_assert_eq(
        format_read(&spec, rig_key, SPAN_LIT("0f8fad5b-d9cb-869f-a165-70867728950e"), &shape, &n),
        ERR_NOT_FOUND);
    cr_assert_str_eq(shape.text, "untouched");
    cr_assert_eq(n, 77);
}

Test(format, is_bare_where_an_integer_was_a_number)
{
    cr_assert(format_is_bare(TOKEN_INTEGER, VALUE_NUMBER));
    cr_assert_not(format_is_bare(TOKEN_INTEGER, VALUE_STRING));
    cr_assert_not(format_is_bare(TOKEN_DIGITS, VALUE_NUMBER));
    cr_assert_not(format_is_bare(TOKEN_OPAQUE, VALUE_NUMBER));
}
