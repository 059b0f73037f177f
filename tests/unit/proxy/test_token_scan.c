/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/token_scan.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/secret.h"

TestSuite(token_scan, .init = secret_start, .timeout = 60);

static char opaque[TOKEN_OPAQUE_LEN + 1], local[TOKEN_EMAIL_LOCAL_LEN + 1];
static const struct span domains[] = {
    {"tok.invalid", 11}, {"tok.invalid.example", 19}, {"other.example", 13}};
static const struct token_scan scan = {domains, COUNT_OF(domains)};

/* Tokens with right check characters. */
static void write_tokens(void)
{
    static const uint8_t key[TOKEN_LOCATOR_KEY_BYTES] = {1};
    struct token_ref ref = {.class_id = 300, .row = 123456, .salt = {9, 8, 7, 6, 5, 4, 3, 2, 1}};
    struct token_text text;

    token_write(&ref, TOKEN_OPAQUE, NULL, key, &text);
    memcpy(opaque, text.bytes, TOKEN_OPAQUE_LEN);
    token_write(&ref, TOKEN_EMAIL, "x", key, &text);
    memcpy(local, text.bytes, TOKEN_EMAIL_LOCAL_LEN);
}

/* A pattern's text: O is an opaque token, E the local part of another, U that in capitals. */
static void expand(const char *pattern, struct buf *out)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == 'O') {
            cr_assert_eq(buf_append_str(out, opaque), ERR_OK);
        } else if (*pattern == 'E') {
            cr_assert_eq(buf_append_str(out, local), ERR_OK);
        } else if (*pattern == 'U') {
            for (size_t i = 0; i < TOKEN_EMAIL_LOCAL_LEN; i++)
                cr_assert_eq(
                    buf_append_byte(out, (uint8_t)(local[i] >= 'a' ? local[i] - 32 : local[i])),
                    ERR_OK);
        } else {
            cr_assert_eq(buf_append_byte(out, (uint8_t)*pattern), ERR_OK);
        }
    }
}

/* The text with each token in brackets, fed in pieces of `size`. */
static void mark(struct span text, size_t size, struct buf *out)
{
    AUTO(buf_done) struct buf piece = {.max = 1 << 20};
    size_t fed = 0;

    do {
        const size_t more = text.len - fed < size ? text.len - fed : size;
        size_t at = 0, from = 0;
        struct token_place place;
        const size_t kept = piece.len;

        cr_assert_leq(kept, TOKEN_SCAN_KEPT_MAX);
        cr_assert_eq(buf_append(&piece, text.at + fed, more), ERR_OK);
        fed += more;
        while (token_scan_next(&scan, buf_span(&piece), fed == text.len, &at, &place)) {
            cr_assert(place.start >= from && place.start < place.end && place.end == at);
            cr_assert(token_is(span_of(piece.bytes + place.start, place.end - place.start)));
            cr_assert_eq(buf_append(out, piece.bytes + from, place.start - from), ERR_OK);
            cr_assert_eq(buf_append_str(out, "["), ERR_OK);
            cr_assert_eq(buf_append(out, piece.bytes + place.start, place.end - place.start),
                         ERR_OK);
            cr_assert_eq(buf_append_str(out, "]"), ERR_OK);
            from = place.end;
        }
        cr_assert(at >= from && at <= piece.len);
        cr_assert_eq(buf_append(out, piece.bytes + from, at - from), ERR_OK);
        if (at > 0)
            memmove(piece.bytes, piece.bytes + at, piece.len - at);
        piece.len -= at;
    } while (fed < text.len);
    cr_assert_eq(piece.len, 0);
}

struct scan_case {
    const char *text;
    const char *marked;
};

static void expect(const struct scan_case *cases, size_t count)
{
    write_tokens();
    for (size_t i = 0; i < count; i++) {
        AUTO(buf_done) struct buf text = {.max = 1 << 16}, marked = {.max = 1 << 16};

        expand(cases[i].text, &text);
        expand(cases[i].marked, &marked);
        for (size_t size = 1; size <= text.len + 1; size++) {
            AUTO(buf_done) struct buf found = {.max = 1 << 16};

            mark(buf_span(&text), size, &found);
            cr_assert(span_equal(buf_span(&found), buf_span(&marked)), "pieces of %zu: %.*s", size,
                      (int)found.len, (char *)found.bytes);
        }
    }
}

Test(token_scan, finds_tokens_wherever_they_stand)
{
    static const struct scan_case cases[] = {
        {"", ""},
        {"O", "[O]"},
        {"OO", "[O][O]"},
        {"lO", "l[O]"},
        {"ltltO", "ltlt[O]"},
        {"lt_O", "lt_[O]"},
        {"lt-O", "lt-[O]"},
        {"Dear O, your mail E@tok.invalid.", "Dear [O], your mail [E@tok.invalid]."},
        {"\"n\\nO\\n\"", "\"n\\n[O]\\n\""},
        {"id%3DO%20", "id%3D[O]%20"},
        {"customer-O_archived", "customer-[O]_archived"},
        {"E@tok.invalidE@other.exampleO", "[E@tok.invalid][E@other.example][O]"},
        {"xE@tok.invalidx", "x[E@tok.invalid]x"},
        {"U@ToK.INVALID U@Tok.Invalid.eXAMPLe", "[U@ToK.INVALID] [U@Tok.Invalid.eXAMPLe]"},
    };

    expect(cases, COUNT_OF(cases));
}

Test(token_scan, ends_an_address_where_its_domain_ends)
{
    static const struct scan_case cases[] = {
        {"E@tok.invalid.exampl", "[E@tok.invalid].exampl"},
        {"E@tok.invalid.example.org", "[E@tok.invalid.example].org"},
        {"E@tok.invali", "[E@tok.invali]"},
        {"E@tok.invali d", "[E@tok.invali] d"},
        {"E@old.example", "[E@old.example]"},
        {"E@old.example.", "[E@old.example]."},
        {"E@old.example.-. x", "[E@old.example].-. x"},
        {"E@x@y", "[E@x]@y"},
        {"<E@old.example>, <E@tok.invalid>", "<[E@old.example]>, <[E@tok.invalid]>"},
        {"E@", "E@"},
        {"E@.", "E@."},
        {"E@ tok.invalid", "E@ tok.invalid"},
        {"E", "E"},
        {"E.tok.invalid", "E.tok.invalid"},
    };

    expect(cases, COUNT_OF(cases));
}

Test(token_scan, takes_nothing_else_for_a_token)
{
    static const struct scan_case cases[] = {
        {"lt_", "lt_"},
        {"lt", "lt"},
        {"l", "l"},
        {"lt_04A00M5Rx98ttPBj7bWoAmt8j9Qp!", "lt_04A00M5Rx98ttPBj7bWoAmt8j9Qp!"},
        {"lt_04A00M5Rx98ttPBj7bWoAmt8j9QpI", "lt_04A00M5Rx98ttPBj7bWoAmt8j9QpI"},
        {"LT_04A00M5Rx98ttPBj7bWoAmt8j9QpH", "LT_04A00M5Rx98ttPBj7bWoAmt8j9QpH"},
        {"lt-00820024h36h2ncsvrh6ebqanek6tsm2vv@tok.invalid",
         "lt-00820024h36h2ncsvrh6ebqanek6tsm2vv@tok.invalid"},
        {"alt-text -lt_- ltd. LT-1 result_04A00M5R", "alt-text -lt_- ltd. LT-1 result_04A00M5R"},
    };

    expect(cases, COUNT_OF(cases));
}

Test(token_scan, needs_no_domains)
{
    static const struct token_scan none = {NULL, 0};
    AUTO(buf_done) struct buf text = {.max = 1 << 16};
    struct token_place place;
    size_t at = 0;

    write_tokens();
    expand("E@tok.invalid, O", &text);
    cr_assert(token_scan_next(&none, buf_span(&text), true, &at, &place));
    cr_assert_eq(place.start, 0);
    cr_assert_eq(place.end, TOKEN_EMAIL_LOCAL_LEN + 12);
    cr_assert(token_scan_next(&none, buf_span(&text), true, &at, &place));
    cr_assert_eq(place.end, text.len);
    cr_assert_not(token_scan_next(&none, buf_span(&text), true, &at, &place));
    cr_assert_eq(at, text.len);
}

Test(token_scan, keeps_no_more_than_the_longest_token)
{
    AUTO(buf_done) struct buf text = {.max = 1 << 16};
    struct token_place place;
    size_t at = 0;

    write_tokens();
    expand("E@", &text);
    for (size_t i = 0; i < 253; i++) {
        cr_assert_eq(buf_append_byte(&text, 'a'), ERR_OK);
        cr_assert_not(token_scan_next(&scan, buf_span(&text), false, &at, &place));
        cr_assert_eq(at, 0);
    }
    cr_assert_eq(text.len, TOKEN_SCAN_KEPT_MAX);
    cr_assert_eq(buf_append_byte(&text, 'a'), ERR_OK); /* no host has such a name */
    cr_assert_not(token_scan_next(&scan, buf_span(&text), false, &at, &place));
    cr_assert_eq(at, text.len);
}

Test(token_scan, e85_is_linear_in_what_looks_like_tokens)
{
    enum { TIMES = 20000 };
    AUTO(buf_done) struct buf text = {.max = 1 << 24};
    struct token_place place;
    size_t at = 0, count = 0;

    write_tokens();
    for (size_t i = 0; i < TIMES; i++)
        expand(i % 2 == 0 ? "lt-lt_ltE" : "E@-.-.-ltlt", &text);
    while (token_scan_next(&scan, buf_span(&text), true, &at, &place))
        count++;
    cr_assert_leq(count, TIMES);
}
