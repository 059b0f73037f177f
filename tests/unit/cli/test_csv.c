/* SPDX-License-Identifier: Apache-2.0 */
/* CSV to the letter of RFC 4180: where fields are, what they say, and what is refused. */
#include "cli/csv.h"

#include <criterion/criterion.h>

#include "base/secret.h"

TestSuite(csv, .init = secret_start, .timeout = 30);

/* The fields of one record, joined by "|"; quoted ones in <>. */
static enum err read(const char *text, char delimiter, bool last, char out[256], size_t *ret_len)
{
    AUTO(csv_record_done) struct csv_record record = {.fields = NULL};
    AUTO(buf_done) struct buf joined = {.max = 0};
    enum err e = csv_read(span_str(text), delimiter, last, &record);

    if (e != ERR_OK)
        return e;
    buf_init(&joined, 255);
    for (size_t i = 0; i < record.count; i++) {
        if (i > 0)
            cr_assert_eq(buf_append_byte(&joined, '|'), ERR_OK);
        if (record.fields[i].quoted)
            cr_assert_eq(buf_append_byte(&joined, '<'), ERR_OK);
        cr_assert_eq(csv_value(span_str(text), &record.fields[i], &joined), ERR_OK);
        if (record.fields[i].quoted)
            cr_assert_eq(buf_append_byte(&joined, '>'), ERR_OK);
    }
    memcpy(out, joined.bytes == NULL ? (const uint8_t *)"" : joined.bytes, joined.len);
    out[joined.len] = '\0';
    *ret_len = record.len;
    return ERR_OK;
}

static void reads(const char *text, char delimiter, const char *expected, size_t len)
{
    char out[256];
    size_t got = 0;

    cr_assert_eq(read(text, delimiter, true, out, &got), ERR_OK, "%s", text);
    cr_assert_str_eq(out, expected);
    cr_assert_eq(got, len, "%s: %zu", text, got);
}

Test(csv, fields_are_what_stands_between_delimiters)
{
    reads("a,b,c\nd", ',', "a|b|c", 6);
    reads("a,b,c\r\nd", ',', "a|b|c", 7);
    reads("a,b,c", ',', "a|b|c", 5);
    reads("a;b,c;d\n", ';', "a|b,c|d", 8);
    reads("a\tb\n", '\t', "a|b", 4);
    reads("a||b\n", '|', "a||b", 5);
    reads(" a , b \n", ',', " a | b ", 8);
    reads("\xff,\xfe\n", ',', "\xff|\xfe", 4);
}

Test(csv, empty_fields_are_fields)
{
    reads("\n", ',', "", 1);
    reads(",\n", ',', "|", 2);
    reads(",,", ',', "||", 2);
    reads("a,\n", ',', "a|", 3);
    reads("\"\",a\n", ',', "<>|a", 5);
}

Test(csv, quotes_hold_delimiters_line_ends_and_quotes)
{
    reads("\"a,b\",c\n", ',', "<a,b>|c", 8);
    reads("\"a\nb\r\nc\",d\n", ',', "<a\nb\r\nc>|d", 11);
    reads("\"say \"\"hello\"\"\"\n", ',', "<say \"hello\">", 16);
    reads("\"\"\"\"", ',', "<\">", 4);
    reads("\"a\rb\"", ',', "<a\rb>", 5);
}

Test(csv, line_ends_inside_of_a_record_are_counted)
{
    AUTO(csv_record_done) struct csv_record record = {.fields = NULL};

    cr_assert_eq(csv_read(SPAN_LIT("\"a\nb\nc\",d\n"), ',', true, &record), ERR_OK);
    cr_assert_eq(record.lines, 3);
    cr_assert_eq(record.end, 9);
    cr_assert_eq(csv_read(SPAN_LIT("e\nf\n"), ',', true, &record), ERR_OK);
    cr_assert_eq(record.lines, 1, "the record before is forgotten");
}

Test(csv, what_other_readers_may_take_for_something_else_is_refused)
{
    static const char *const bad[] = {"a\"b\n", "a\"\n",       "\"a\"b,c\n", "\"a\" ,b\n",
                                      "a\rb\n", "a,b\r",       "\"a\n",      "\"a\"\"\n",
                                      "a,\"b",  "\"a\"\r,b\n", "\"\"\"\n",   "a,\" b \" c\n"};
    char out[256];
    size_t len;

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_assert_eq(read(bad[i], ',', true, out, &len), ERR_INVALID, "%zu: %s", i, bad[i]);
}

/* Every prefix of a text that may go on says so, or reads the same record. */
Test(csv, a_record_in_pieces_waits_for_its_end)
{
    static const char *const texts[] = {"a,b\n", "a,b\r\n", "\"a\"\"b\",\"c\nd\"\r\n",
                                        "\"a\",\"\"\n"};
    char whole[256], part[256];
    size_t len, got;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        cr_assert_eq(read(texts[i], ',', false, whole, &len), ERR_OK);
        cr_assert_eq(len, strlen(texts[i]));
        for (size_t cut = 0; cut < len; cut++) {
            char piece[64] = "";

            memcpy(piece, texts[i], cut);
            cr_assert_eq(read(piece, ',', false, part, &got), ERR_NOT_FOUND, "%zu: %zu", i, cut);
        }
    }
}

Test(csv, a_record_with_too_many_fields_is_refused)
{
    AUTO(csv_record_done) struct csv_record record = {.fields = NULL};
    char text[CSV_FIELDS_MAX + 2];

    memset(text, ',', sizeof(text));
    cr_assert_eq(csv_read(span_of(text, CSV_FIELDS_MAX - 1), ',', true, &record), ERR_OK);
    cr_assert_eq(record.count, CSV_FIELDS_MAX);
    cr_assert_eq(csv_read(span_of(text, CSV_FIELDS_MAX), ',', true, &record), ERR_TOO_LARGE);
}

static void writes(const char *value, bool quoted, char delimiter, const char *expected)
{
    AUTO(buf_done) struct buf out = {.max = 0};

    buf_init(&out, 255);
    cr_assert_eq(csv_write(span_str(value), quoted, delimiter, &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), span_str(expected)), "%s", value);
}

Test(csv, values_are_quoted_where_that_is_asked_for_or_needed)
{
    writes("a", false, ',', "a");
    writes("a", true, ',', "\"a\"");
    writes("", true, ',', "\"\"");
    writes("", false, ',', "");
    writes("a,b", false, ',', "\"a,b\"");
    writes("a,b", false, ';', "a,b");
    writes("a;b", false, ';', "\"a;b\"");
    writes("a\"b", false, ',', "\"a\"\"b\"");
    writes("a\nb", false, ',', "\"a\nb\"");
    writes("a\rb", false, ',', "\"a\rb\"");
    writes("\"", true, ',', "\"\"\"\"");
}

Test(csv, a_value_without_an_address_is_an_empty_one)
{
    AUTO(buf_done) struct buf out = {.max = 2};

    cr_assert_eq(csv_write(SPAN_NONE, false, ',', &out), ERR_OK);
    cr_assert_eq(out.len, 0);
    cr_assert_eq(csv_write(SPAN_NONE, true, ',', &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), SPAN_LIT("\"\"")));
}

Test(csv, delimiters_are_no_letters_quotes_or_line_ends)
{
    cr_assert(csv_is_delimiter(',') && csv_is_delimiter(';') && csv_is_delimiter('\t') &&
              csv_is_delimiter('|'));
    cr_assert_not(csv_is_delimiter('"') || csv_is_delimiter('\n') || csv_is_delimiter('a') ||
                  csv_is_delimiter('\0'));
}
