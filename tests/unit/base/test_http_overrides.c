/* SPDX-License-Identifier: Apache-2.0 */
/* What libh2o calls of ours: the same contract as its own, without what that lets pass. */
#include <criterion/criterion.h>
#include <h2o.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"
#include "base/http_overrides.h"

TestSuite(http_overrides, .init = secret_start, .timeout = 30);

/* As picohttpparser declares it; libh2o zeroes it and sets the flag. */
struct phr_chunked_decoder {
    size_t bytes_left_in_chunk;
    char consume_trailer;
    char hex_count;
    char state;
};

ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz);

/* Feed a coding in pieces, the way libh2o does: what was decoded stays in front. */
static ssize_t decode(const char *coding, size_t piece, char *out, size_t *ret_len)
{
    struct phr_chunked_decoder decoder = {.consume_trailer = 1};
    size_t total = strlen(coding), fed = 0, have = 0;
    ssize_t result = -2;

    while (result == -2 && fed < total) {
        size_t n = total - fed < piece ? total - fed : piece, size = n;

        memcpy(out + have, coding + fed, n);
        fed += n;
        result = phr_decode_chunked(&decoder, out + have, &size);
        have += size;
    }
    *ret_len = have;
    return result < 0 ? result : result + (ssize_t)(total - fed);
}

Test(http_overrides, are_what_the_library_calls)
{
    h2o_evloop_t *loop = h2o_evloop_create(); /* or the linker leaves the library out */

    http_overrides_check();
    h2o_evloop_destroy(loop);
}

Test(http_overrides, decode_chunks_however_they_are_cut)
{
    static const char coding[] = "3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\nGET /next";

    for (size_t piece = 1; piece <= sizeof(coding); piece++) {
        char out[128] = "";
        size_t len;
        ssize_t rest = decode(coding, piece, out, &len);

        cr_expect_eq(rest, 9, "%zd with pieces of %zu", rest, piece);
        cr_expect(span_equal(span_of(out, len), SPAN_LIT("abc0123456789")), "%.*s", (int)len, out);
    }
}

Test(http_overrides, leave_the_next_request_behind_the_data)
{
    char text[] = "1\r\nx\r\n0\r\n\r\nGET /";
    struct phr_chunked_decoder decoder = {.consume_trailer = 1};
    size_t size = strlen(text);

    cr_expect_eq(phr_decode_chunked(&decoder, text, &size), 5);
    cr_expect_eq(size, 1);
    cr_expect_eq(memcmp(text, "xGET /", 6), 0);
}

Test(http_overrides, refuse_what_readers_disagree_about)
{
    static const char *const codings[] = {"0x3\r\n",         "3\nabc",
                                          "3 \r\nabc",       "\r\n",
                                          ";\r\n",           "3\r\nabc\n",
                                          "3\r\nabcd",       "0\r\n\n",
                                          "0\r\n X: 1\r\n",  "g\r\n",
                                          "-1\r\n",          "3;\x01\r\n",
                                          "0\r\nX: 1\n\r\n", "ffffffffffffffff\r\n"};

    for (size_t i = 0; i < COUNT_OF(codings); i++) {
        for (size_t piece = 1; piece < 20; piece++) {
            char out[128];
            size_t len;

            cr_expect_eq(decode(codings[i], piece, out, &len), -1, "%s", codings[i]);
        }
    }
}

Test(http_overrides, find_the_query_and_print_nothing)
{
    static const struct {
        const char *target;
        size_t path_len, query_at;
    } cases[] = {{"/a?b?c", 2, 2},
                 {"/a", 2, SIZE_MAX},
                 {"*", 1, SIZE_MAX},
                 {"?x", 0, 0},
                 {"/../../x", 8, SIZE_MAX}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t query_at = 99, *indexes = &query_at;
        h2o_iovec_t path = h2o_url_normalize_path(NULL, cases[i].target, strlen(cases[i].target),
                                                  &query_at, &indexes);

        cr_expect_eq(path.base, cases[i].target);
        cr_expect_eq(path.len, cases[i].path_len, "%s", cases[i].target);
        cr_expect_eq(query_at, cases[i].query_at, "%s", cases[i].target);
        cr_expect_null(indexes);
    }
}
