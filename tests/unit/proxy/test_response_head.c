/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of responses: what is one message, and what could be two. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "proxy/response_head.h"

TestSuite(response_head, .init = secret_start, .timeout = 30);

static struct upstream_header headers[LIMIT_HEADERS_MAX];

static enum err parse(const char *text, bool to_head, struct response_head *ret)
{
    return response_head_parse(span_str(text), to_head, headers, ret);
}

Test(response_head, tells_how_the_body_ends)
{
    static const struct {
        const char *head;
        bool to_head;
        int status;
        enum response_framing framing;
        int64_t length;
        bool keep_alive;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, 200, FRAMING_LENGTH, 5, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, FRAMING_LENGTH, 0, true},
        {"HTTP/1.1 200 OK\r\ncontent-length:007\r\n\r\n", false, 200, FRAMING_LENGTH, 7, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, 200, FRAMING_CHUNKED, -1,
         true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", false, 200, FRAMING_CHUNKED, -1,
         true},
        {"HTTP/1.1 200 OK\r\n\r\n", false, 200, FRAMING_CLOSE, -1, false},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", false, 200, FRAMING_CLOSE, -1, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, 200, FRAMING_LENGTH, 5, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n", false, 200,
         FRAMING_LENGTH, 5, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, Close\r\n\r\n", false, 200,
         FRAMING_LENGTH, 5, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, 200, FRAMING_NONE, 5, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, 200, FRAMING_NONE, -1,
         true},
        {"HTTP/1.1 204 No Content\r\n\r\n", false, 204, FRAMING_NONE, -1, true},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false, 204, FRAMING_NONE, 5, true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, 304, FRAMING_NONE, 5,
         true},
        {"HTTP/1.1 100 Continue\r\n\r\n", false, 100, FRAMING_NONE, -1, true},
        {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", false, 200, FRAMING_LENGTH, 1, true},
        {"HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", false, 200, FRAMING_LENGTH, 1, true},
        {"HTTP/1.1 599 \t\xe9\r\nContent-Length: 1\r\n\r\n", false, 599, FRAMING_LENGTH, 1, true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct response_head h;

        cr_expect_eq(parse(cases[i].head, cases[i].to_head, &h), ERR_OK, "%s", cases[i].head);
        cr_expect_eq(h.status, cases[i].status, "%s", cases[i].head);
        cr_expect_eq(h.framing, cases[i].framing, "%s", cases[i].head);
        cr_expect_eq(h.content_length, cases[i].length, "%s", cases[i].head);
        cr_expect_eq(h.keep_alive, cases[i].keep_alive, "%s", cases[i].head);
    }
}

#define OK "HTTP/1.1 200 OK\r\n"

Test(response_head, E11_that_could_be_read_in_two_ways_is_refused)
{
    static const char *const heads[] = {
        OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        OK "Content-Length: 5, 5\r\n\r\n",
        OK "Content-Length: +5\r\n\r\n",
        OK "Content-Length: -5\r\n\r\n",
        OK "Content-Length: 0x5\r\n\r\n",
        OK "Content-Length: 5 \v\r\n\r\n",
        OK "Content-Length: five\r\n\r\n",
        OK "Content-Length:\r\n\r\n",
        OK "Content-Length: 1000000000000000000\r\n\r\n",
        OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK "Transfer-Encoding: chunked, chunked\r\n\r\n",
        OK "Transfer-Encoding: gzip\r\n\r\n",
        OK "Transfer-Encoding: identity\r\n\r\n",
        OK "Transfer-Encoding:\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK "X: a\r\n b\r\n\r\n",
        OK " X: a\r\n\r\n",
        OK "X : a\r\n\r\n",
        OK ": a\r\n\r\n",
        OK "X\r\n\r\n",
        OK "X: a\rb\r\n\r\n",
        OK "X: a\nY: b\r\n\r\n",
        OK "X: \x01\r\n\r\n",
        OK "X Y: a\r\n\r\n",
        OK "X: a\r\n\r\nY: b\r\n\r\n", /* bytes past the end are not of the head */
        OK "X: a\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 -20 OK\r\n\r\n",
        "HTTP/1.1 200OK\r\n\r\n",
        "HTTP/1.1 200 O\nK\r\n\r\n",
        "HTTP/1.1 200 O\x01K\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        OK
        "Connection: a\r\nConnection: b\r\nConnection: c\r\nConnection: d\r\nConnection: e\r\n\r\n",
        "\r\n",
        "",
    };

    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        struct response_head h = {.status = 77};

        cr_expect_eq(parse(heads[i], false, &h), ERR_UPSTREAM, "%s", heads[i]);
        cr_expect_eq(h.status, 77, "untouched when refused");
    }
}

Test(response_head, E11_refuses_NUL_wherever_it_stands)
{
    static const char head[] = "HTTP/1.1 200 Fine\r\nName: value of some length\r\n\r\n";
    struct response_head h;
    char copy[sizeof(head)];

    for (size_t i = 0; i < sizeof(head) - 1; i++) {
        memcpy(copy, head, sizeof(head));
        copy[i] = '\0';
        cr_expect_eq(response_head_parse(span_of(copy, sizeof(head) - 1), false, headers, &h),
                     ERR_UPSTREAM, "at %zu", i);
    }
}

Test(response_head, keeps_headers_of_the_message_and_drops_those_of_the_connection)
{
    static const char head[] = OK "Date: now\r\nConnection: keep-alive, X-Hop, x-other\r\n"
                                  "X-Hop: 1\r\nContent-Length: 3\r\nX-OTHER: 2\r\n"
                                  "Keep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: x\r\n"
                                  "Trailer: x\r\nUpgrade: h2c\r\nProxy-Authenticate: x\r\n"
                                  "Set-Cookie: a=1\r\nSet-Cookie:  b=2\t \r\n\r\n";
    struct response_head h;

    cr_assert_eq(parse(head, false, &h), ERR_OK);
    cr_assert_eq(h.header_count, 3);
    cr_expect(span_equal(headers[0].name, SPAN_LIT("Date")));
    cr_expect(span_equal(headers[1].value, SPAN_LIT("a=1")));
    cr_expect(span_equal(headers[2].name, SPAN_LIT("Set-Cookie")));
    cr_expect(span_equal(headers[2].value, SPAN_LIT("b=2")));
}

/* A head with so many header lines. */
static char *with_lines(size_t lines)
{
    char *head = malloc(lines * 8 + 64);
    size_t at = (size_t)snprintf(head, 64, OK);

    for (size_t i = 0; i < lines; i++)
        at += (size_t)snprintf(head + at, 9, "X-Y: z\r\n");
    snprintf(head + at, 3, "\r\n");
    return head;
}

Test(response_head, has_at_most_so_many_lines)
{
    char *most = with_lines(LIMIT_HEADERS_MAX), *more = with_lines(LIMIT_HEADERS_MAX + 1);
    struct response_head h;

    cr_expect_eq(parse(most, false, &h), ERR_OK);
    cr_expect_eq(h.header_count, LIMIT_HEADERS_MAX);
    cr_expect_eq(parse(more, false, &h), ERR_UPSTREAM);
    free(most);
    free(more);
}

Test(response_head, is_found_however_it_arrives)
{
    static const char bytes[] = OK "A: b\r\n\r\nbody\r\n\r\n";
    const size_t want = strlen(OK "A: b\r\n\r\n");

    for (size_t first = 0; first < want; first++) {
        size_t scanned = 0, len = 0;

        if (first > 0)
            cr_expect_eq(response_head_find(span_of(bytes, first), &scanned, &len), ERR_NOT_FOUND,
                         "%zu", first);
        cr_expect_eq(response_head_find(span_of(bytes, sizeof(bytes) - 1), &scanned, &len), ERR_OK);
        cr_expect_eq(len, want, "after %zu", first);
    }
}

Test(response_head, that_will_never_be_whole_is_refused_at_once)
{
    static const char *const starts[] = {
        "X", "HTTP/2", "SSH-2.0-x\r\n", "\r\n", "\x15", "HTTP/1.1 200 OK\n", OK "A: b\nC: d\r\n",
        "\n"};

    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        size_t scanned = 0, len;

        cr_expect_eq(response_head_find(span_str(starts[i]), &scanned, &len), ERR_UPSTREAM, "%s",
                     starts[i]);
    }
}

Test(response_head, has_a_greatest_length)
{
    size_t scanned = 0, len, most = LIMIT_RESPONSE_HEAD_MAX;
    char *bytes = malloc(most + 4);

    memset(bytes, 'x', most + 4);
    memcpy(bytes, OK, strlen(OK));
    cr_expect_eq(response_head_find(span_of(bytes, most - 1), &scanned, &len), ERR_NOT_FOUND);
    cr_expect_eq(response_head_find(span_of(bytes, most), &scanned, &len), ERR_UPSTREAM);
    memcpy(bytes + most - 4, "\r\n\r\n", 4);
    scanned = 0;
    cr_expect_eq(response_head_find(span_of(bytes, most), &scanned, &len), ERR_OK);
    cr_expect_eq(len, most);
    memcpy(bytes + most - 4, "xx\r\n\r\n", 6);
    scanned = 0;
    cr_expect_eq(response_head_find(span_of(bytes, most + 2), &scanned, &len), ERR_UPSTREAM);
    free(bytes);
}
