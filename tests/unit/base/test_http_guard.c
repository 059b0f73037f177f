/* SPDX-License-Identifier: Apache-2.0 */
/* The guard on raw request heads: the catalogue of what others in the chain read differently. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/secret.h"
#include "base/http_guard.h"

TestSuite(guard, .init = secret_start, .timeout = 30);

#define GET  "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define TE   "Transfer-Encoding: chunked\r\n"

struct guarded {
    const char *head;
    enum err result;
};

static void expect_results(const struct guarded *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct guard_facts facts = {.head_len = 99};
        enum err e = guard_head(span_str(cases[i].head), &facts);

        cr_expect_eq(e, cases[i].result, "got %s, want %s for:\n%s", err_name(e),
                     err_name(cases[i].result), cases[i].head);
        if (e != ERR_OK)
            cr_expect_eq(facts.head_len, 99, "facts are untouched when refused");
    }
}

Test(guard, tells_what_a_head_declares)
{
    static const char input[] = "POST /a?b=%20 HTTP/1.1\r\n"
                                "host: app.test:8080\r\n"
                                "Content-Length:  12 \t\r\n"
                                "User-Agent: x/1 (y; z) \x80\xff\r\n"
                                "Empty:\r\n"
                                "Expect: 100-Continue\r\n"
                                "Connection: keep-alive, X-Hop , Upgrade\r\n"
                                "Upgrade: websocket\r\n"
                                "\r\n"
                                "hello world!GET /next";
    struct guard_facts facts;

    cr_assert_eq(guard_head(span_of(input, sizeof(input) - 1), &facts), ERR_OK);
    cr_expect_eq(facts.head_len, sizeof(input) - 1 - strlen("hello world!GET /next"));
    cr_expect(span_equal(facts.method, SPAN_LIT("POST")));
    cr_expect(span_equal(facts.target, SPAN_LIT("/a?b=%20")));
    cr_expect(span_equal(facts.host, SPAN_LIT("app.test:8080")));
    cr_expect_eq(facts.minor_version, 1);
    cr_expect(facts.has_body && !facts.chunked);
    cr_expect_eq(facts.content_length, 12);
    cr_expect(facts.expect_continue);
    cr_expect(facts.upgrade);
    cr_expect_eq(facts.connection_count, 1);
}

Test(guard, knows_a_request_without_a_body_from_one_with)
{
    struct guard_facts facts;

    cr_assert_eq(guard_head(SPAN_LIT(GET "\r\n"), &facts), ERR_OK);
    cr_expect(!facts.has_body && !facts.chunked && facts.content_length == -1);
    cr_assert_eq(guard_head(SPAN_LIT(GET "Content-Length: 0\r\n\r\n"), &facts), ERR_OK);
    cr_expect(facts.has_body && !facts.chunked && facts.content_length == 0);
    cr_assert_eq(guard_head(SPAN_LIT(POST TE "\r\n"), &facts), ERR_OK);
    cr_expect(facts.has_body && facts.chunked && facts.content_length == -1);
    cr_assert_eq(guard_head(SPAN_LIT("GET / HTTP/1.0\r\n\r\n"), &facts), ERR_OK);
    cr_expect(facts.minor_version == 0 && facts.host.len == 0);
}

Test(guard, E01_refuses_two_lengths)
{
    static const struct guarded cases[] = {
        {POST "Content-Length: 5\r\n" TE "\r\n", ERR_INVALID},
        {POST TE "Content-Length: 5\r\n\r\n", ERR_INVALID},
        {POST TE "content-length: 0\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 5\r\ncontent_length: 6\r\n\r\n", ERR_INVALID},
    };

    expect_results(cases, COUNT_OF(cases));
}

Test(guard, E02_takes_only_exactly_chunked)
{
    static const struct guarded cases[] = {
        {POST "Transfer-Encoding: chunked\r\n\r\n", ERR_OK},
        {POST "TRANSFER-ENCODING: chunked\r\n\r\n", ERR_OK},
        {POST "Transfer-Encoding: Chunked\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding: chunked,\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding: ,chunked\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding: chunked, chunked\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding: chunked, identity\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding: identity\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding: \"chunked\"\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding: chunked;q=1\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding: xchunked\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding:\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding: \vchunked\r\n\r\n", ERR_INVALID},
        {POST "Transfer-Encoding:\n chunked\r\n\r\n", ERR_INVALID},
        {POST "Transfer-Encoding:\r\n chunked\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Transfer-Encoding : chunked\r\n\r\n", ERR_INVALID},
        {POST "Transfer-Encoding\t: chunked\r\n\r\n", ERR_INVALID},
        {POST " Transfer-Encoding: chunked\r\n\r\n", ERR_INVALID},
        {POST "X: y\r\n Transfer-Encoding: chunked\r\n\r\n", ERR_INVALID},
        {POST "X: y\rTransfer-Encoding: chunked\r\n\r\n", ERR_INVALID},
        {POST "Transfer_Encoding: chunked\r\n\r\n", ERR_INVALID},
        {POST "transfer_encoding: chunked\r\n\r\n", ERR_INVALID},
        {POST TE TE "\r\n", ERR_INVALID},
        {POST TE "Transfer-Encoding: identity\r\n\r\n", ERR_INVALID},
        {"POST / HTTP/1.0\r\nHost: a\r\n" TE "\r\n", ERR_INVALID},
    };

    expect_results(cases, COUNT_OF(cases));
}

Test(guard, E03_takes_only_plain_lengths)
{
    static const struct guarded cases[] = {
        {POST "Content-Length: 0\r\n\r\n", ERR_OK},
        {POST "Content-Length: 10\r\n\r\n", ERR_OK},
        {POST "Content-Length: 999999999999999999\r\n\r\n", ERR_OK},
        {POST "Content-Length: 1000000000000000000\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 99999999999999999999999\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: +5\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: -0\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 0x5\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 05\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 00\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 5, 5\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 5 5\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 5.0\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: 5_0\r\n\r\n", ERR_INVALID},
        {POST "Content-Length: \"5\"\r\n\r\n", ERR_INVALID},
        {POST "Content-Length:\r\n\r\n", ERR_INVALID},
        {POST "Content-Length : 5\r\n\r\n", ERR_INVALID},
    };

    expect_results(cases, COUNT_OF(cases));
}

Test(guard, E04_holds_to_line_ends_and_names)
{
    static const struct guarded cases[] = {
        {"\r\n" GET "\r\n", ERR_INVALID}, /* RFC 9112 2.2 asks servers to skip it; many do not */
        {"\r\n\r\n" GET "\r\n", ERR_INVALID},
        {"\n" GET "\r\n", ERR_INVALID},
        {GET "\n", ERR_INVALID},
        {GET "\r", ERR_INVALID},
        {GET, ERR_INVALID},
        {"GET / HTTP/1.1\nHost: a\n\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", ERR_INVALID},
        {GET "X: a\nY: b\r\n\r\n", ERR_INVALID},
        {GET "X: a\rY: b\r\n\r\n", ERR_INVALID},
        {GET "X: a\r\r\n\r\n", ERR_INVALID},
        {GET "X: a\r\n b\r\n\r\n", ERR_INVALID},
        {GET "X: a\r\n\tb\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n", ERR_INVALID},
        {GET "X : a\r\n\r\n", ERR_INVALID},
        {GET ": a\r\n\r\n", ERR_INVALID},
        {GET "X\r\n\r\n", ERR_INVALID},
        {GET "X Y: a\r\n\r\n", ERR_INVALID},
        {GET "X(Y): a\r\n\r\n", ERR_INVALID},
        {GET "X\xe9: a\r\n\r\n", ERR_INVALID},
        {GET "X: a\x01"
             "b\r\n\r\n",
         ERR_INVALID},
        {GET "X: a\x7f"
             "b\r\n\r\n",
         ERR_INVALID},
        {GET "X: a long value \x0b so that sixteen bytes are read at once\r\n\r\n", ERR_INVALID},
        {GET "X: a long value \x7f so that sixteen bytes are read at once\r\n\r\n", ERR_INVALID},
        {GET "X: tabs\tare\tfine in the middle of a longer value\r\n\r\n", ERR_OK},
        {GET "X: \r\n\r\n", ERR_OK},
        {GET "X!#$%&'*+-.^`|~9: a\r\n\r\n", ERR_OK},
        {"GET / HTTP/1.1\r\n\r\n", ERR_INVALID},
        {"", ERR_INVALID},
    };

    expect_results(cases, COUNT_OF(cases));
}

Test(guard, E04_refuses_NUL_wherever_it_stands)
{
    static const char head[] = "GET /abc HTTP/1.1\r\nHost: a\r\nName: value of some length\r\n\r\n";
    struct guard_facts facts;
    char copy[sizeof(head)];

    cr_assert_eq(guard_head(span_of(head, sizeof(head) - 1), &facts), ERR_OK);
    for (size_t i = 0; i < sizeof(head) - 1; i++) {
        memcpy(copy, head, sizeof(head));
        copy[i] = '\0';
        cr_expect_neq(guard_head(span_of(copy, sizeof(head) - 1), &facts), ERR_OK, "at %zu", i);
    }
}

Test(guard, never_takes_a_head_that_is_cut_short)
{
    static const char head[] =
        "GET /abc HTTP/1.1\r\nHost: a\r\nConnection: x-y\r\nContent-Length: 3\r\n\r\n";
    struct guard_facts facts;

    for (size_t len = 0; len < sizeof(head) - 1; len++) {
        char *copy = malloc(len + 1); /* exact size: ASan sees reads past it */

        memcpy(copy, head, len);
        cr_expect_eq(guard_head(span_of(copy, len), &facts), ERR_INVALID, "%zu bytes", len);
        free(copy);
    }
    cr_expect_eq(guard_head(span_of(head, sizeof(head) - 1), &facts), ERR_OK);
}

Test(guard, E08_takes_one_host_and_the_origin_form)
{
    static const struct guarded cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nX: a\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: a:80:81\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: ::1]\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: [::1]b\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: a[::1]\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1\r\nHost: a:\r\n\r\n", ERR_OK}, /* RFC 3986 3.2.3 */
        {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", ERR_OK},
        {"GET / HTTP/1.1\r\nHost: A-b_c.d~0:65535\r\n\r\n", ERR_OK},
        {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", ERR_INVALID},
        {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET b/ HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET /a\"b HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET /<a> HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET /a[0]|{b}^`?x=[1] HTTP/1.1\r\nHost: a\r\n\r\n", ERR_OK},
    };

    expect_results(cases, COUNT_OF(cases));
}

Test(guard, E09_refuses_methods_and_versions_that_no_route_has)
{
    static const struct guarded cases[] = {
        {"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", ERR_METHOD},
        {"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_METHOD},
        {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_METHOD},
        {"trace / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_METHOD},
        {POST "X-HTTP-Method-Override: DELETE\r\n\r\n", ERR_METHOD},
        {POST "X-HTTP-Method: DELETE\r\n\r\n", ERR_METHOD},
        {POST "X-Method-Override: DELETE\r\n\r\n", ERR_METHOD},
        {POST "X_HTTP_Method_Override: DELETE\r\n\r\n", ERR_INVALID},
        {"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_OK}, /* routes decide */
        {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"G\tT / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {" / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET /\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", ERR_UNIMPLEMENTED},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", ERR_UNIMPLEMENTED},
        {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", ERR_UNIMPLEMENTED},
        {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET / HTTP/1\r\nHost: a\r\n\r\n", ERR_INVALID},
        {"GET / HTTPS/1.1\r\nHost: a\r\n\r\n", ERR_INVALID},
    };

    expect_results(cases, COUNT_OF(cases));
}

Test(guard, E10_takes_only_the_expectation_it_knows)
{
    static const struct guarded cases[] = {
        {POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", ERR_OK},
        {POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Expect: 100-continue, x\r\nContent-Length: 1\r\n\r\n", ERR_UNIMPLEMENTED},
        {POST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", ERR_INVALID},
    };

    expect_results(cases, COUNT_OF(cases));
}

Test(guard, E06_lets_nobody_take_protected_headers_away)
{
    static const struct guarded cases[] = {
        {GET "Connection: close\r\n\r\n", ERR_OK},
        {GET "Connection: keep-alive, TE, HTTP2-Settings, Upgrade\r\n\r\n", ERR_OK},
        {GET "Connection: X-Tenant\r\n\r\n", ERR_OK}, /* taken out by guard_drops() */
        {GET "Connection: Authorization\r\n\r\n", ERR_INVALID},
        {GET "Connection: close, authorization\r\n\r\n", ERR_INVALID},
        {GET "Connection: close\r\nConnection: Cookie\r\n\r\n", ERR_INVALID},
        {GET "Connection: Host\r\n\r\n", ERR_INVALID},
        {GET "Connection: Content-Length\r\n\r\n", ERR_INVALID},
        {GET "Connection: Content-Type\r\n\r\n", ERR_INVALID},
        {GET "Connection: Content-Encoding\r\n\r\n", ERR_INVALID},
        {GET "Connection: Transfer-Encoding\r\n\r\n", ERR_INVALID},
        {GET "Connection: Expect\r\n\r\n", ERR_INVALID},
        {GET "Connection: Lethe-Key\r\n\r\n", ERR_INVALID},
        {GET "Connection: Lethe-Anything\r\n\r\n", ERR_INVALID},
        {GET "Connection: Lethe_Key\r\n\r\n", ERR_INVALID},
        {GET "Connection: X-Forwarded-Anything\r\n\r\n", ERR_INVALID},
        {GET "Connection: Forwarded\r\n\r\n", ERR_INVALID},
        {GET "Connection: X-Real-IP\r\n\r\n", ERR_INVALID},
        {GET "Connection: a b\r\n\r\n", ERR_INVALID},
        {GET "Connection: (close)\r\n\r\n", ERR_INVALID},
        {GET "Connection: a\r\nConnection: b\r\nConnection: c\r\nConnection: d\r\n\r\n", ERR_OK},
        {GET "Connection: a\r\nConnection: b\r\nConnection: c\r\nConnection: d\r\n"
             "Connection: e\r\n\r\n",
         ERR_INVALID},
    };

    expect_results(cases, COUNT_OF(cases));
}

Test(guard, refuses_second_spellings_and_second_lines_of_what_decides)
{
    static const struct guarded cases[] = {
        {GET "Lethe_Key: x\r\n\r\n", ERR_INVALID},
        {GET "X_Forwarded_For: x\r\n\r\n", ERR_INVALID},
        {GET "X_Forwarded_Something_That_Is_Very_Long_Indeed: x\r\n\r\n", ERR_INVALID},
        {GET "content_type: x\r\n\r\n", ERR_INVALID},
        {GET "HOST_: x\r\n\r\n", ERR_OK},
        {GET "My_Own_Header: x\r\n\r\n", ERR_OK},
        {GET "Lethe-Key: x\r\nLethe-Key: y\r\n\r\n", ERR_INVALID},
        {GET "Lethe-Purpose: x\r\nLethe-Purpose: y\r\n\r\n", ERR_INVALID},
        {GET "Authorization: x\r\nauthorization: y\r\n\r\n", ERR_INVALID},
        {GET "Content-Type: x\r\nContent-Type: y\r\n\r\n", ERR_INVALID},
        {GET "Cookie: x\r\nCookie: y\r\n\r\n", ERR_OK},
        {GET "Accept: x\r\nAccept: y\r\n\r\n", ERR_OK},
    };

    expect_results(cases, COUNT_OF(cases));
}

/* A head with `lines` headers whose values are `len` bytes. */
static struct span big_head(char *out, size_t size, size_t lines, size_t len)
{
    size_t at = (size_t)snprintf(out, size, "GET / HTTP/1.1\r\nHost: a\r\n");

    for (size_t i = 1; i < lines; i++) {
        at += (size_t)snprintf(out + at, size - at, "X-%zu: ", i);
        memset(out + at, 'v', len);
        at += len;
        at += (size_t)snprintf(out + at, size - at, "\r\n");
    }
    at += (size_t)snprintf(out + at, size - at, "\r\n");
    return span_of(out, at);
}

Test(guard, stops_at_the_limits_of_a_head)
{
    static char head[4 * LIMIT_REQUEST_HEAD_MAX];
    struct guard_facts facts;

    cr_expect_eq(guard_head(big_head(head, sizeof(head), LIMIT_HEADERS_MAX, 100), &facts), ERR_OK);
    cr_expect_eq(guard_head(big_head(head, sizeof(head), LIMIT_HEADERS_MAX + 1, 100), &facts),
                 ERR_HEAD_TOO_LARGE);
    cr_expect_eq(guard_head(big_head(head, sizeof(head), 2, LIMIT_REQUEST_HEAD_MAX - 100), &facts),
                 ERR_OK);
    cr_expect_eq(guard_head(big_head(head, sizeof(head), 2, LIMIT_REQUEST_HEAD_MAX), &facts),
                 ERR_HEAD_TOO_LARGE);
}

Test(guard, tells_which_headers_stay_behind)
{
    struct guard_facts facts;

    cr_assert_eq(
        guard_head(SPAN_LIT(GET "Connection: close, X-Hop\r\nConnection: x-other\r\n\r\n"), &facts),
        ERR_OK);
    cr_expect(guard_drops(&facts, SPAN_LIT("x-hop")));
    cr_expect(guard_drops(&facts, SPAN_LIT("X-OTHER")));
    cr_expect(guard_drops(&facts, SPAN_LIT("Connection")));
    cr_expect(guard_drops(&facts, SPAN_LIT("keep-alive")));
    cr_expect(guard_drops(&facts, SPAN_LIT("TE")));
    cr_expect(guard_drops(&facts, SPAN_LIT("Trailer")));
    cr_expect(guard_drops(&facts, SPAN_LIT("Upgrade")));
    cr_expect(guard_drops(&facts, SPAN_LIT("HTTP2-Settings")));
    cr_expect(guard_drops(&facts, SPAN_LIT("Proxy-Connection")));
    cr_expect(guard_drops(&facts, SPAN_LIT("Proxy-Authorization")));
    cr_expect(guard_drops(&facts, SPAN_LIT("Transfer-Encoding")));
    cr_expect(guard_drops(&facts, SPAN_LIT("Content-Length")));
    cr_expect(guard_drops(&facts, SPAN_LIT("Host")));
    cr_expect(guard_drops(&facts, SPAN_LIT("Expect")));
    cr_expect_not(guard_drops(&facts, SPAN_LIT("Accept")));
    cr_expect_not(guard_drops(&facts, SPAN_LIT("Authorization")));
    cr_expect_not(guard_drops(&facts, SPAN_LIT("Content-Type")));
    cr_expect_not(guard_drops(&facts, SPAN_LIT("X-Hops")));
}
