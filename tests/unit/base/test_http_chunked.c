/* SPDX-License-Identifier: Apache-2.0 */
/* The chunked coding, in one piece and in all pieces. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/secret.h"
#include "base/http_chunked.h"

TestSuite(chunked, .init = secret_start, .timeout = 30);

/* Decode `text` in pieces of `step` bytes into out (NUL-terminated). ret_rest: bytes past the end.
 */
static enum err decode(const char *text, size_t len, size_t step, char *out, bool *ret_done,
                       size_t *ret_rest)
{
    struct chunked c = {0};
    size_t at = 0, to = 0;

    while (at < len && !chunked_is_done(&c)) {
        size_t n = len - at < step ? len - at : step, data = 0, used = 0;
        char *piece = malloc(n); /* exact size: ASan sees reads past it */
        enum err e;

        memcpy(piece, text + at, n);
        e = chunked_decode(&c, piece, n, &data, &used);
        if (e == ERR_OK) {
            memcpy(out + to, piece, data);
            to += data;
            at += used;
        }
        free(piece);
        if (e != ERR_OK)
            return e;
    }
    out[to] = '\0';
    *ret_done = chunked_is_done(&c);
    *ret_rest = len - at;
    return ERR_OK;
}

Test(chunked, is_decoded_in_pieces_of_any_size)
{
    static const struct {
        const char *coded;
        const char *data;
        size_t rest;
    } cases[] = {
        {"0\r\n\r\n", "", 0},
        {"5\r\nhello\r\n0\r\n\r\n", "hello", 0},
        {"1\r\na\r\n2\r\nbc\r\n00\r\n\r\n", "abc", 0},
        {"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", 0},
        {"000000000000003\r\nabc\r\n0\r\n\r\n", "abc", 0},
        {"3;name\r\nabc\r\n0;x=\"y z\"\r\n\r\n", "abc", 0},
        {"3\r\n\r\n\r\r\n0\r\n\r\n", "\r\n\r", 0},
        {"3\r\nabc\r\n0\r\nTrailer: x\r\nContent-Length: 9\r\n\r\n", "abc", 0},
        {"3\r\nabc\r\n0\r\n\r\nHTTP/1.1 200", "abc", 12},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t len = strlen(cases[i].coded);

        for (size_t step = 1; step <= len; step++) {
            char out[128];
            size_t rest;
            bool done;

            cr_expect_eq(decode(cases[i].coded, len, step, out, &done, &rest), ERR_OK, "%s by %zu",
                         cases[i].coded, step);
            cr_expect(done, "%s by %zu", cases[i].coded, step);
            cr_expect_str_eq(out, cases[i].data);
            cr_expect_eq(rest, cases[i].rest);
        }
    }
}

Test(chunked, that_is_cut_short_is_never_done)
{
    static const char coded[] = "3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: r\r\n\r\n";

    for (size_t len = 0; len < sizeof(coded) - 1; len++) {
        char out[128];
        bool done = false;
        size_t rest;

        cr_expect_eq(decode(coded, len, 7, out, &done, &rest), ERR_OK);
        cr_expect_not(done, "%zu bytes", len);
    }
}

Test(chunked, E05_that_two_readers_decode_differently_is_refused)
{
    static const char *const coded[] = {
        "zz\r\n",
        "\r\n",
        ";x\r\nabc",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\rXabc",
        "3;x\nabc\r\n0\r\n\r\n",
        "3;x\ry\r\nabc",
        "3;\x01\r\nabc",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nab\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nabc\r0\r\n\r\n",
        "3\r\nabc\r\n\r\n0\r\n\r\n",
        "1000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "0000000000000003\r\nabc",
        "0\r\nX: a\nY: b\r\n\r\n",
        "0\r\nX: a\rY\r\n\r\n",
        "0\r\nX: \x7f\r\n\r\n",
        "0\r\n folded: x\r\n\r\n",
        "0\r\n\n",
        "0\r\n\rX",
        "0\n\r\n",
    };

    for (size_t i = 0; i < COUNT_OF(coded); i++) {
        for (size_t step = 1; step <= strlen(coded[i]); step++) {
            char out[128];
            bool done;
            size_t rest;

            cr_expect_eq(decode(coded[i], strlen(coded[i]), step, out, &done, &rest), ERR_INVALID,
                         "%s by %zu", coded[i], step);
        }
    }
}

/* `start`, then n times 'x'. */
static enum err endless(const char *start, size_t n)
{
    char *text = malloc(strlen(start) + n), *out = malloc(strlen(start) + n + 1);
    bool done;
    size_t rest;
    enum err e;

    memcpy(text, start, strlen(start));
    memset(text + strlen(start), 'x', n);
    e = decode(text, strlen(start) + n, SIZE_MAX, out, &done, &rest);
    free(text);
    free(out);
    return e;
}

Test(chunked, E05_has_no_endless_extensions_or_trailers)
{
    cr_expect_eq(endless("3;", 4096), ERR_OK);
    cr_expect_eq(endless("3;", 4097), ERR_INVALID);
    cr_expect_eq(endless("0\r\n", LIMIT_RESPONSE_HEAD_MAX), ERR_OK);
    cr_expect_eq(endless("0\r\n", LIMIT_RESPONSE_HEAD_MAX + 1), ERR_INVALID);
    cr_expect_eq(endless("0\r\nA: b\r\n", LIMIT_RESPONSE_HEAD_MAX - 3), ERR_INVALID);
}
