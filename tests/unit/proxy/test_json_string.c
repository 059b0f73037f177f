/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/secret.h"
#include "proxy/json_reader.h"
#include "proxy/json_scan_priv.h"
#include "proxy/json_scan_word_priv.h"

TestSuite(json_unescape, .init = secret_start);
TestSuite(json_escape, .init = secret_start);
TestSuite(json_scan, .init = secret_start);
TestSuite(utf8, .init = secret_start);

#define SPAN_ALL(text) SPAN_LIT(text) /* NUL bytes inside count */

static enum err unescape(struct span inner, struct buf *out)
{
    buf_init_secret(out, 4096);
    return json_unescape(inner, out);
}

static void expect_unescaped(struct span inner, struct span wanted)
{
    AUTO(buf_done) struct buf out;

    cr_assert_eq(unescape(inner, &out), ERR_OK, "%.*s", (int)inner.len, inner.at);
    cr_assert(span_equal(buf_span(&out), wanted), "%.*s", (int)inner.len, inner.at);
}

static void expect_no_string(struct span inner)
{
    AUTO(buf_done) struct buf out;

    cr_assert_eq(unescape(inner, &out), ERR_INVALID, "%.*s", (int)inner.len, inner.at);
    cr_assert_eq(out.len, 0);
}

/* ---- unescaping ---- */

Test(json_unescape, leaves_plain_text_alone)
{
    expect_unescaped(SPAN_LIT(""), SPAN_LIT(""));
    expect_unescaped(SPAN_LIT("a"), SPAN_LIT("a"));
    expect_unescaped(SPAN_LIT("a rather long text, longer than one vector"),
                     SPAN_LIT("a rather long text, longer than one vector"));
    expect_unescaped(SPAN_LIT("Grüße, 世界, 🙂 \x7F"),
                     SPAN_LIT("Grüße, 世界, 🙂 \x7F"));
}

Test(json_unescape, knows_every_short_escape)
{
    expect_unescaped(SPAN_LIT("\\\"\\\\\\/\\b\\f\\n\\r\\t"), SPAN_LIT("\"\\/\b\f\n\r\t"));
}

Test(json_unescape, knows_hexadecimal_escapes_of_every_length_in_utf8)
{
    expect_unescaped(SPAN_LIT("\\u0041\\u00e9\\u20AC\\uD83D\\ude42"), SPAN_LIT("Aé€🙂"));
    expect_unescaped(SPAN_LIT("\\u0000"), SPAN_ALL("\0"));
    expect_unescaped(SPAN_LIT("\\u007F\\u0080\\u07FF\\u0800\\uFFFF"),
                     SPAN_LIT("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF"));
    expect_unescaped(SPAN_LIT("\\uD800\\uDC00\\uDBFF\\uDFFF"),
                     SPAN_LIT("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
}

Test(json_unescape, finds_escapes_between_long_plain_runs)
{
    expect_unescaped(SPAN_LIT("0123456789abcdef0123456789\\n0123456789abcdefé\\u0021x"),
                     SPAN_LIT("0123456789abcdef0123456789\n0123456789abcdefé!x"));
}

Test(json_unescape, refuses_what_is_no_escape)
{
    static const char *const bad[] = {
        "\\",       "abc\\",  "\\x",     "\\a",        "\\v",
        "\\0",      "\\'",    "\\U0041", "\\u",        "\\u1",
        "\\u12",    "\\u123", "\\u12g4", "\\u 123",    "\\u+123",
        "\\u00\"1", "\\ ",    "\\\n",    "\\\xC3\xA9", "\\u\xC3\xA9\xC3\xA9",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_no_string(span_str(bad[i]));
    expect_no_string(SPAN_ALL("\\\0"));
}

Test(json_unescape, refuses_lone_surrogates)
{
    static const char *const bad[] = {
        "\\uD800",        "\\uDC00",        "\\uDFFF",         "\\uD800x",       "\\uD800\\n",
        "\\uD800\\u0041", "\\uD800\\uD800", "\\uDBFF\\uE000",  "\\uD83D\\u",     "\\uD83D\\uDE4",
        "\\uD83D\\uDE4g", "\\uDC00\\uD800", "\\uD83Du\\uDE42", "\\uD83D\\xDE42",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_no_string(span_str(bad[i]));
}

Test(json_unescape, refuses_what_cannot_stand_in_a_string)
{
    expect_no_string(SPAN_LIT("\""));
    expect_no_string(SPAN_LIT("a\"b"));
    expect_no_string(SPAN_LIT("line\nbreak"));
    expect_no_string(SPAN_LIT("\t"));
    expect_no_string(SPAN_LIT("\x1F"));
    expect_no_string(SPAN_ALL("\0"));
    expect_no_string(SPAN_LIT("0123456789abcdef0123456789abcdef\x01"));
}

Test(json_unescape, appends_and_takes_back_half_a_string)
{
    AUTO(buf_done) struct buf out;

    buf_init_secret(&out, 64);
    cr_assert_eq(json_unescape(SPAN_LIT("one"), &out), ERR_OK);
    cr_assert_eq(json_unescape(SPAN_LIT("two\\x"), &out), ERR_INVALID);
    cr_assert(span_equal(buf_span(&out), SPAN_LIT("one")));
}

Test(json_unescape, says_when_there_is_no_room)
{
    AUTO(buf_done) struct buf out;

    buf_init_secret(&out, 4);
    cr_assert_eq(json_unescape(SPAN_LIT("12345"), &out), ERR_TOO_LARGE);
    cr_assert_eq(out.len, 0);
}

/* ---- UTF-8 ---- */

static uint32_t random_state = 2463534242U;

static uint32_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

/* The length of the sequence at p by the table of RFC 3629 4, written out; 0 for none. */
static size_t reference_sequence(const uint8_t *p, size_t left)
{
    static const struct {
        uint8_t from, to, second_from, second_to;
        size_t length;
    } rows[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool fits = p[0] >= rows[i].from && p[0] <= rows[i].to && left >= rows[i].length &&
                    p[1] >= rows[i].second_from && p[1] <= rows[i].second_to;

        for (size_t k = 2; fits && k < rows[i].length; k++)
            fits = p[k] >= 0x80 && p[k] <= 0xBF;
        if (fits)
            return rows[i].length;
    }
    return 0;
}

static void compare_with_reference(const uint8_t *bytes, size_t len)
{
    const size_t wanted = reference_sequence(bytes, len);
    const uint8_t *got = proxy__utf8_end(bytes, bytes + len);

    if (wanted < len && wanted > 0 && bytes[wanted] >= 0x80)
        return; /* the run goes on; its next sequence is another case */
    cr_assert_eq(got, wanted == 0 ? NULL : bytes + wanted, "%02x %02x %02x %02x (%zu)", bytes[0],
                 bytes[1], len > 2 ? bytes[2] : 0, len > 3 ? bytes[3] : 0, len);
}

Test(utf8, is_what_the_rfc_says_for_every_pair_and_triple)
{
    for (unsigned a = 0x80; a <= 0xFF; a++) {
        for (unsigned b = 0; b <= 0xFF; b++) {
            const uint8_t two[] = {(uint8_t)a, (uint8_t)b};

            compare_with_reference(two, 2);
            for (unsigned c = 0x7F; c <= 0xC0; c++) {
                const uint8_t three[] = {(uint8_t)a, (uint8_t)b, (uint8_t)c};
                const uint8_t padded[] = {(uint8_t)a, (uint8_t)b, (uint8_t)c, 'x', 'y'};

                compare_with_reference(three, 3);
                compare_with_reference(padded, 5);
            }
        }
    }
}

Test(utf8, is_what_the_rfc_says_for_four_bytes)
{
    for (unsigned a = 0xF0; a <= 0xFF; a++) {
        for (unsigned b = 0x70; b <= 0xFF; b++) {
            for (unsigned c = 0x70; c <= 0xCF; c++) {
                const uint8_t edges[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};

                for (size_t i = 0; i < COUNT_OF(edges); i++) {
                    const uint8_t four[] = {(uint8_t)a, (uint8_t)b, (uint8_t)c, edges[i], 'x'};

                    compare_with_reference(four, 4);
                    compare_with_reference(four, 5);
                }
            }
        }
    }
}

Test(utf8, ends_with_the_memory)
{
    const uint8_t bytes[] = {0xF0, 0x9F, 0x99, 0x82};

    for (size_t len = 1; len < 4; len++)
        cr_assert_null(proxy__utf8_end(bytes, bytes + len));
    cr_assert_eq(proxy__utf8_end(bytes, bytes + 4), bytes + 4);
}

Test(utf8, passes_over_a_run_of_sequences)
{
    static const char text[] = "äß€🙂日本語.";
    const uint8_t *p = (const uint8_t *)text, *end = p + sizeof(text) - 1;

    cr_assert_eq(proxy__utf8_end(p, end), end - 1);
}

/* ---- escaping ---- */

static void expect_written(enum value_kind kind, struct span value, struct span wanted)
{
    AUTO(buf_done) struct buf out;

    buf_init_secret(&out, 4096);
    cr_assert_eq(json_escape(kind, value, &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), wanted), "%.*s", (int)out.len, (char *)out.bytes);
}

static void expect_unwritten(enum value_kind kind, struct span value)
{
    AUTO(buf_done) struct buf out;

    buf_init_secret(&out, 4096);
    cr_assert_eq(json_escape(kind, value, &out), ERR_INVALID, "%.*s", (int)value.len, value.at);
    cr_assert_eq(out.len, 0);
}

Test(json_escape, quotes_plain_text)
{
    expect_written(VALUE_STRING, SPAN_LIT(""), SPAN_LIT("\"\""));
    expect_written(VALUE_STRING, SPAN_NONE, SPAN_LIT("\"\""));
    expect_written(VALUE_STRING, SPAN_LIT("plain / é 🙂 \x7F"),
                   SPAN_LIT("\"plain / é 🙂 \x7F\""));
}

Test(json_escape, escapes_all_that_must_be)
{
    expect_written(VALUE_STRING, SPAN_LIT("\"\\\b\f\n\r\t"),
                   SPAN_LIT("\"\\\"\\\\\\b\\f\\n\\r\\t\""));
    expect_written(VALUE_STRING, SPAN_ALL("\0\x01\x1F"), SPAN_LIT("\"\\u0000\\u0001\\u001f\""));
    expect_written(VALUE_STRING, SPAN_LIT("0123456789abcdef0123\"é\\é"),
                   SPAN_LIT("\"0123456789abcdef0123\\\"é\\\\é\""));
}

Test(json_escape, keeps_a_value_from_leaving_its_string)
{
    expect_written(VALUE_STRING, SPAN_LIT("\",\"admin\":true,\"x\":\""),
                   SPAN_LIT("\"\\\",\\\"admin\\\":true,\\\"x\\\":\\\"\""));
}

Test(json_escape, refuses_text_that_is_not_utf8)
{
    expect_unwritten(VALUE_STRING, SPAN_LIT("\xFF"));
    expect_unwritten(VALUE_STRING, SPAN_LIT("abc\xC3"));
    expect_unwritten(VALUE_STRING, SPAN_LIT("\xED\xA0\x80"));
    expect_unwritten(VALUE_STRING, SPAN_LIT("0123456789abcdef0123456789\xC0\x80"));
}

Test(json_escape, gives_literals_back_as_they_were)
{
    expect_written(VALUE_NUMBER, SPAN_LIT("-0.10E+005"), SPAN_LIT("-0.10E+005"));
    expect_written(VALUE_NUMBER, SPAN_LIT("12345678901234567890123"),
                   SPAN_LIT("12345678901234567890123"));
    expect_written(VALUE_BOOL, SPAN_LIT("true"), SPAN_LIT("true"));
    expect_written(VALUE_BOOL, SPAN_LIT("false"), SPAN_LIT("false"));
}

Test(json_escape, lets_no_literal_out_that_is_none)
{
    expect_unwritten(VALUE_NUMBER, SPAN_LIT(""));
    expect_unwritten(VALUE_NUMBER, SPAN_LIT("01"));
    expect_unwritten(VALUE_NUMBER, SPAN_LIT("1,\"admin\":true"));
    expect_unwritten(VALUE_NUMBER, SPAN_LIT("true"));
    expect_unwritten(VALUE_NUMBER, SPAN_LIT("-"));
    expect_unwritten(VALUE_NUMBER, SPAN_LIT("1 "));
    expect_unwritten(VALUE_BOOL, SPAN_LIT("null"));
    expect_unwritten(VALUE_BOOL, SPAN_LIT("TRUE"));
    expect_unwritten(VALUE_BOOL, SPAN_LIT("truex"));
    expect_unwritten(VALUE_BOOL, SPAN_LIT("t"));
    expect_unwritten((enum value_kind)0, SPAN_LIT("true"));
}

Test(json_escape, is_undone_by_unescaping)
{
    for (int round = 0; round < 2000; round++) {
        AUTO(buf_done) struct buf value, text, back;

        buf_init_secret(&value, 256);
        buf_init_secret(&text, 4096);
        buf_init_secret(&back, 4096);
        for (uint32_t n = draw() % 60; n > 0; n--) {
            static const char *const more[] = {"é", "€", "🙂", "\\", "\"", "\n", "\x1B"};
            const uint8_t any = (uint8_t)(draw() % 0x80);

            if (draw() % 3 == 0)
                cr_assert_eq(buf_append_str(&value, more[draw() % COUNT_OF(more)]), ERR_OK);
            else
                cr_assert_eq(buf_append_byte(&value, any), ERR_OK);
        }
        cr_assert_eq(json_escape(VALUE_STRING, buf_span(&value), &text), ERR_OK);
        cr_assert_eq(json_unescape(span_of(text.bytes + 1, text.len - 2), &back), ERR_OK);
        cr_assert(span_equal(buf_span(&value), buf_span(&back)));
    }
}

/* ---- the searches ---- */

static const uint8_t *plain_end_slowly(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

static const uint8_t *space_end_slowly(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

Test(json_scan, finds_every_byte_at_every_place_in_both_variants)
{
    for (unsigned byte = 0; byte <= 0xFF; byte++) {
        for (size_t at = 0; at < 40; at++) {
            uint8_t plain[41], space[41];

            memset(plain, 'x', sizeof(plain));
            memset(space, ' ', sizeof(space));
            plain[at] = space[at] = (uint8_t)byte;
            for (size_t len = at; len <= sizeof(plain); len += 7) {
                const uint8_t *p = plain, *s = space;

                cr_assert_eq(scan_plain_end(p, p + len), plain_end_slowly(p, p + len));
                cr_assert_eq(word_plain_end(p, p + len), plain_end_slowly(p, p + len));
                cr_assert_eq(scan_space_end(s, s + len), space_end_slowly(s, s + len));
                cr_assert_eq(word_space_end(s, s + len), space_end_slowly(s, s + len));
            }
        }
    }
}

Test(json_scan, is_not_led_astray_by_what_stands_behind_the_first_match)
{
    for (int round = 0; round < 20000; round++) {
        static const uint8_t few[] = {'x',  '"',  '\\', 0x1F, 0x20, 0x21, 0x23, 0x5B,
                                      0x5D, 0x80, 0xFF, 0x00, '\n', '\t', 'a',  'b'};
        uint8_t bytes[50];
        const size_t len = draw() % (sizeof(bytes) + 1);

        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = draw() % 4 == 0 ? few[draw() % COUNT_OF(few)] : 'x';
        cr_assert_eq(scan_plain_end(bytes, bytes + len), plain_end_slowly(bytes, bytes + len));
        cr_assert_eq(word_plain_end(bytes, bytes + len), plain_end_slowly(bytes, bytes + len));
    }
}

Test(json_scan, sees_a_hash_wherever_it_stands_and_none_beyond_the_count)
{
    for (uint32_t count = 0; count <= 70; count++) {
        uint32_t hashes[70 + HASHES_BEYOND];

        for (uint32_t i = 0; i < COUNT_OF(hashes); i++)
            hashes[i] = i + 1;
        cr_assert(!scan_hash_seen(hashes, count, 0x10000));
        cr_assert(!word_hash_seen(hashes, count, 0x10000));
        for (uint32_t i = 0; i < COUNT_OF(hashes); i++) {
            cr_assert_eq(scan_hash_seen(hashes, count, i + 1), i < count);
            cr_assert_eq(word_hash_seen(hashes, count, i + 1), i < count);
        }
    }
}

/* A page of text that ends where memory ends: one byte too many is a fault. */
Test(json_scan, reads_nothing_past_the_end)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *end = pages + page;

    cr_assert_neq(pages, MAP_FAILED);
    cr_assert_eq(mprotect(end, page, PROT_NONE), 0);
    memset(pages, 'x', page);
    for (size_t len = 0; len < 64; len++) {
        cr_assert_eq(scan_plain_end(end - len, end), end);
        cr_assert_eq(word_plain_end(end - len, end), end);
    }
    memset(pages, ' ', page);
    for (size_t len = 0; len < 64; len++) {
        cr_assert_eq(scan_space_end(end - len, end), end);
        cr_assert_eq(word_space_end(end - len, end), end);
    }
    cr_assert_eq(munmap(pages, 2 * page), 0);
}
