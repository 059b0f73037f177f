/* SPDX-License-Identifier: Apache-2.0 */
/* What the upstream gets to see of a request. */
#include "tests/unit/proxy/proxy_rig.h"

TestSuite(exchange_forward, .init = secret_start, .timeout = 60);

static const struct rig_options plain = {.routes =
                                             "routes: [{path: \"/{all...}\", upstream: app}]\n"};

/* Ask, and give back what the upstream saw; static. */
static const char *seen_of(struct rig *r, const char *request)
{
    static char seen[8192];
    struct rig_answer a = rig_ask(r, request);

    cr_assert_eq(a.status, 200, "%s", a.text);
    rig_answer_done(&a);
    http_stub_last_request(r->stub, seen, sizeof(seen));
    return seen;
}

Test(exchange_forward, sends_the_request_with_our_framing_and_names)
{
    struct rig r;
    char wanted[512];
    struct sockaddr_in in;

    rig_start(&r, &plain);
    http_stub_address(r.stub, &in);
    (void)snprintf(wanted, sizeof(wanted),
                   "POST /a/b?c=%%20d&e HTTP/1.1\r\n"
                   "Host: 127.0.0.1:%u\r\n"
                   "Content-Type: text/plain\r\n"
                   "X-Request-ID: theirs\r\n"
                   "X-Forwarded-For: 127.0.0.1\r\n"
                   "X-Forwarded-Proto: http\r\n"
                   "X-Forwarded-Host: app.test:81\r\n"
                   "Content-Length: 5\r\n\r\nhello",
                   ntohs(in.sin_port));
    cr_expect_str_eq(seen_of(&r, "POST /a/b?c=%20d&e HTTP/1.1\r\nHost: app.test:81\r\n"
                                 "Content-Type: text/plain\r\nX-Request-ID: theirs\r\n"
                                 "Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nLethe-Key: " DESK_KEY
                                 "\r\nX-Forwarded-For: 10.9.8.7\r\nContent-Length: 5\r\n\r\nhello"),
                     wanted);
    rig_stop(&r);
}

Test(exchange_forward, frames_a_chunked_body_anew)
{
    struct rig r;
    const char *seen;

    rig_start(&r, &plain);
    seen = seen_of(&r, "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                       "Trailer: X-T\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n");
    cr_expect_not_null(strstr(seen, "\r\nContent-Length: 5\r\n\r\nabcde"), "%s", seen);
    cr_expect_null(strcasestr(seen, "transfer-encoding"));
    cr_expect_null(strcasestr(seen, "x-t"), "trailers are dropped");
    rig_stop(&r);
}

Test(exchange_forward, sends_an_empty_body_only_where_one_was_declared)
{
    struct rig r;

    rig_start(&r, &plain);
    cr_expect_not_null(
        strstr(seen_of(&r, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
               "\r\nContent-Length: 0\r\n\r\n"));
    cr_expect_null(
        strcasestr(seen_of(&r, "POST /a HTTP/1.1\r\nHost: a\r\n\r\n"), "content-length"));
    cr_expect_null(strcasestr(seen_of(&r, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), "content-length"));
    rig_stop(&r);
}

Test(exchange_forward, sends_the_normal_path_that_was_matched)
{
    static const struct {
        const char *target, *line;
    } cases[] = {{"/%61/b%7e", "GET /a/b~ HTTP/1.1\r\n"},
                 {"/a%2db?x=%61", "GET /a-b?x=%61 HTTP/1.1\r\n"},
                 {"/%c3%a4", "GET /%C3%A4 HTTP/1.1\r\n"},
                 {"/a/", "GET /a/ HTTP/1.1\r\n"},
                 {"/a?", "GET /a? HTTP/1.1\r\n"}};
    struct rig r;

    rig_start(&r, &plain);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char request[256];

        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
                       cases[i].target);
        cr_expect_eq(strncmp(seen_of(&r, request), cases[i].line, strlen(cases[i].line)), 0, "%s",
                     cases[i].target);
    }
    rig_stop(&r);
}

Test(exchange_forward, puts_the_base_path_first)
{
    struct rig_options o = plain;
    struct rig r;

    o.base_path = "/api/v1/";
    rig_start(&r, &o);
    cr_expect_eq(strncmp(seen_of(&r, "GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n"),
                         "GET /api/v1/a?b HTTP/1.1\r\n", 26),
                 0);
    rig_stop(&r);
}

Test(exchange_forward, answers_an_expectation_itself)
{
    static const char head[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                               "Expect: 100-continue\r\n\r\n";
    static const char wanted[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct rig r;
    struct rig_answer a;
    char seen[4096], interim[sizeof(wanted)] = "";
    size_t len = 0;
    int fd;

    rig_start(&r, &plain);
    fd = rig_connect(&r);
    rig_say(fd, head, strlen(head));
    while (len < strlen(wanted)) {
        ssize_t n = recv(fd, interim + len, strlen(wanted) - len, 0);

        cr_assert_gt(n, 0);
        len += (size_t)n;
    }
    cr_expect_str_eq(interim, wanted);
    cr_expect_eq(http_stub_requests(r.stub), 0, "the upstream does not hear of it");
    rig_say(fd, "hi", 2);
    a = rig_hear(fd, false);
    cr_expect_eq(a.status, 200);
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_expect_null(strcasestr(seen, "expect"));
    rig_answer_done(&a);
    close(fd);
    rig_stop(&r);
}

Test(exchange_forward, reuses_one_connection_for_many_requests)
{
    struct rig r;
    int fd;

    rig_start(&r, &plain);
    fd = rig_connect(&r);
    for (int i = 0; i < 20; i++) {
        struct rig_answer a;

        rig_say(fd, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", 28);
        a = rig_hear(fd, false);
        cr_assert_eq(a.status, 200);
        rig_answer_done(&a);
    }
    cr_expect_eq(http_stub_connections(r.stub), 1);
    cr_expect_eq(http_stub_requests(r.stub), 20);
    close(fd);
    rig_stop(&r);
}

Test(exchange_forward, carries_a_large_body)
{
    enum { SIZE = 900000 }; /* what the stub can count */
    struct rig r;
    struct rig_answer a;
    char *request = mem_alloc(SIZE + 200);
    int len =
        snprintf(request, 200, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", SIZE);

    memset(request + len, 'x', SIZE);
    rig_start(&r, &plain);
    a = rig_ask(&r, request);
    cr_expect_eq(a.status, 200);
    cr_expect_eq(http_stub_requests(r.stub), 1);
    rig_answer_done(&a);
    free(request);
    rig_stop(&r);
}

Test(exchange_forward, says_when_the_upstream_is_not_there)
{
    struct rig_options o = plain;
    struct rig r;
    struct rig_answer a;

    o.no_upstream = true;
    rig_start(&r, &o);
    a = rig_ask(&r, "GET /marker-7731 HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_expect_eq(a.status, 502);
    cr_expect(rig_has(&a, "Content-Type: application/problem+json"));
    cr_expect_not_null(strstr(rig_log(&r), "upstream_failed"));
    cr_expect_not_null(strstr(rig_log(&r), "\"upstream\":\"app\""));
    cr_expect_null(strstr(rig_log(&r), "marker-7731"));
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_forward, says_when_the_upstream_is_too_slow)
{
    static const struct stub_step script[] = {{STUB_REQUEST, NULL, 0}, {STUB_HOLD, NULL, 0}};
    static const struct stub_step *const scripts[] = {script};
    struct rig_options o = plain;
    struct rig r;

    o.scripts = scripts;
    o.script_count = 1;
    o.upstream = ", first_byte_timeout: 50ms";
    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 504);
    cr_expect(http_stub_await_closed(r.stub, 1), "the connection is given up");
    rig_stop(&r);
}

Test(exchange_forward, does_not_send_a_post_twice)
{
    static const struct stub_step script[] = {{STUB_REQUEST, NULL, 0}, {STUB_RESET, NULL, 0}};
    static const struct stub_step *const scripts[] = {script};
    struct rig_options o = plain;
    struct rig r;

    o.scripts = scripts;
    o.script_count = 1;
    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"), 502);
    cr_expect_eq(http_stub_requests(r.stub), 1);
    rig_stop(&r);
}

Test(exchange_forward, goes_on_when_a_client_leaves)
{
    static const struct stub_step script[] = {
        {STUB_REQUEST, NULL, 0},
        {STUB_AWAIT, NULL, 0},
        {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0},
        {STUB_AGAIN, NULL, 0}};
    static const struct stub_step *const scripts[] = {script};
    const struct linger at_once = {.l_onoff = 1};
    struct rig_options o = plain;
    struct rig r;

    o.scripts = scripts;
    o.script_count = 1;
    rig_start(&r, &o);
    for (size_t i = 0; i < 4; i++) { /* half of them with an orderly end, half with a reset */
        int fd = rig_connect(&r);

        rig_say(fd, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", 28);
        cr_assert(http_stub_await_requests(r.stub, i + 1));
        if (i % 2 == 0)
            cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        close(fd);
        http_stub_go(r.stub);
    }
    http_stub_go(r.stub);
    cr_expect_eq(rig_status(&r, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    rig_stop(&r);
}
