/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: who and what is refused, and that nothing of it goes anywhere. */
#include "tests/unit/proxy/proxy_rig.h"

#include "base/json.h"

TestSuite(exchange, .init = secret_start, .timeout = 60);

static const struct rig_options plain = {
    .routes =
        "routes:\n"
        "  - {path: \"/users/{id}\", methods: [GET, PUT], upstream: app, subject: path.id,\n"
        "     request: [{json: \"$.email\", class: email}],\n"
        "     response: [{json: \"$.email\", class: email}]}\n"
        "  - {path: /users, methods: [POST], upstream: app, subject: \"$.email\", body_max: 200,\n"
        "     request: [{json: \"$.email\", class: email}, {json: \"$.name\", class: note}]}\n"
        "  - {path: /mine, methods: [POST], upstream: app, subject: header.X-User,\n"
        "     request: [{json: \"$.email\", class: email}]}\n"
        "  - {path: /free, methods: [GET, POST, DELETE], upstream: app}\n"};

/* What no message, log or answer may repeat. */
#define MARKER "zq7marker7qz"

struct refused {
    const char *request;
    int status;
};

static void expect_problem(struct rig *r, const struct refused *f)
{
    struct rig_answer a = rig_ask(r, f->request);
    AUTO(json_free) struct json *body = NULL;

    cr_expect_eq(a.status, f->status, "%d, not %d:\n%s", a.status, f->status, f->request);
    cr_expect(rig_has(&a, "Content-Type: application/problem+json"), "%s", a.text);
    cr_expect(rig_has(&a, "Cache-Control: no-store"));
    cr_expect_eq(json_parse(span_of(a.body, a.body_len), &body), ERR_OK, "%s", a.body);
    cr_expect_eq(json_int_of(json_get(body, "status"), 0), f->status);
    cr_expect_null(strstr(a.text, MARKER), "nothing is echoed: %s", a.text);
    rig_answer_done(&a);
}

static void expect_problems(const struct rig_options *o, const struct refused *cases, size_t count)
{
    struct rig r;

    rig_start(&r, o);
    for (size_t i = 0; i < count; i++)
        expect_problem(&r, &cases[i]);
    cr_expect_eq(http_stub_connections(r.stub), 0, "the upstream saw nothing");
    cr_expect_null(strstr(rig_log(&r), MARKER), "%s", rig_log(&r));
    rig_stop(&r);
}

#define H     " HTTP/1.1\r\nHost: a\r\n"
#define JSON  "Content-Type: application/json\r\n"
#define E     "\r\n"
#define EMAIL "{\"email\":\"" MARKER "@a.test\"}" /* 30 bytes */

Test(exchange, refuses_what_no_route_declares)
{
    static const struct refused cases[] = {
        {"GET /" MARKER H E, 404},   {"GET /users/7/" MARKER H E, 404},
        {"GET /Users/7" H E, 404},   {"DELETE /users/7" H E, 405},
        {"PATCH /users/7" H E, 405}, {"PROPFIND /users/7" H E, 405},
        {"get /users/7" H E, 405},   {"GET /users" H E, 405},
    };

    expect_problems(&plain, cases, COUNT_OF(cases));
}

Test(exchange, says_which_methods_are_allowed)
{
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &plain);
    a = rig_ask(&r, "POST /users/7" H "Content-Length: 0\r\n" E);
    cr_expect_eq(a.status, 405);
    cr_expect(rig_has(&a, "Allow: GET, HEAD, PUT"), "%s", a.text);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange, refuses_callers_it_does_not_know_and_purposes_they_do_not_have)
{
    static const struct refused cases[] = {
        {"GET /users/7" H "Lethe-Key: " MARKER "\r\n" E, 401},
        {"GET /users/7" H "Lethe-Key: \r\n" E, 401},
        {"GET /free" H "Lethe-Key: " MARKER "\r\n" E, 401},
        {"GET /users/7" H "Lethe-Key: " DESK_KEY "\r\nLethe-Purpose: " MARKER "\r\n" E, 403},
        {"GET /users/7" H "Lethe-Key: " DESK_KEY "\r\nLethe-Purpose: account\r\n" E, 403},
        {"GET /users/7" H "Lethe-Purpose: support\r\n" E, 403},
        {"GET /users/7" H "Lethe-Key: " CLERK_KEY "\r\n" E, 400},
        {"GET /users/7" H "Lethe-Key: " DESK_KEY "\r\nLethe-Key: " DESK_KEY "\r\n" E, 400},
        {"GET /users/7" H "Lethe-Key: " CLERK_KEY
         "\r\nLethe-Purpose: support\r\nLethe-Purpose: account\r\n" E,
         400},
    };

    expect_problems(&plain, cases, COUNT_OF(cases));
}

Test(exchange, asks_for_no_purpose_where_nothing_is_revealed)
{
    struct rig r;

    rig_start(&r, &plain);
    cr_expect_eq(rig_status(&r, "GET /free" H "Lethe-Key: " CLERK_KEY "\r\n" E), 200);
    rig_stop(&r);
}

Test(exchange, names_the_scheme_to_those_it_does_not_know)
{
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &plain);
    a = rig_ask(&r, "GET /users/7" H "Lethe-Key: x\r\n" E);
    cr_expect(rig_has(&a, "WWW-Authenticate: Lethe-Key"));
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange, refuses_bodies_it_cannot_read_as_declared)
{
    static const struct refused cases[] = {
        {"PUT /users/7" H "Content-Length: 31\r\n" E EMAIL, 415},
        {"PUT /users/7" H "Content-Type: text/plain\r\nContent-Length: 31\r\n" E EMAIL, 415},
        {"PUT /users/7" H "Content-Type: application/json; charset=utf-16\r\n"
         "Content-Length: 31\r\n" E EMAIL,
         415},
        {"PUT /users/7" H JSON "Content-Encoding: deflate\r\nContent-Length: 31\r\n" E EMAIL, 415},
        {"PUT /users/7" H JSON "Content-Type: text/plain\r\nContent-Length: 31\r\n" E EMAIL, 400},
        {"PUT /users/7" H "Content-Type: application/x-www-form-urlencoded\r\n"
         "Content-Length: 9\r\n" E "email=a@b",
         415},
        {"PUT /users/7" H "Content-Length: 0\r\n" E, 415},
        {"GET /users/7" H "Content-Length: 1\r\n" E "x", 415},
        {"GET /free" H "Content-Length: 1\r\n" E "x", 400},
        {"DELETE /free" H "Content-Length: 1\r\n" E "x", 400},
        {"POST /users" H JSON "Content-Length: 201\r\n" E
         "                                                                                     "
         "                                                                                     "
         "                               ",
         413},
    };

    expect_problems(&plain, cases, COUNT_OF(cases));
}

Test(exchange, lets_a_body_pass_unread_where_nothing_is_declared)
{
    struct rig r;
    char seen[4096];

    rig_start(&r, &plain);
    cr_expect_eq(rig_status(&r, "POST /free" H "Content-Length: 5\r\n" E "{\"a\":"), 200);
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_expect_not_null(strstr(seen, "\r\n\r\n{\"a\":"));
    cr_expect_eq(rig_status(&r, "DELETE /free" H "Content-Length: 0\r\n" E), 200);
    rig_stop(&r);
}

Test(exchange, passes_undeclared_routes_only_when_told_to)
{
    struct rig_options o = plain;
    struct rig r;

    o.routes = "routes: [{path: /users, methods: [POST], upstream: app}]\n"
               "default: pass\ndefault_upstream: app\n";
    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, "GET /anything?x" H E), 200);
    cr_expect_eq(rig_status(&r, "PROPFIND /dav" H E), 200);
    cr_expect_eq(rig_status(&r, "GET /users" H E), 405, "a declared path keeps its methods");
    cr_expect_eq(rig_status(&r, "GET /a" H "Content-Length: 1\r\n" E "x"), 400);
    cr_expect_eq(rig_status(&r, "GET /a/../users" H E), 400);
    cr_expect_eq(http_stub_requests(r.stub), 2);
    rig_stop(&r);
}

Test(exchange, gives_every_request_a_number_of_its_own)
{
    struct rig r;
    struct rig_answer a, b;

    rig_start(&r, &plain);
    a = rig_ask(&r, "GET /nowhere" H E);
    b = rig_ask(&r, "GET /nowhere" H E);
    cr_assert_not_null(rig_field(&a, "Lethe-Request-Id"));
    cr_expect_neq(strncmp(rig_field(&a, "Lethe-Request-Id"), rig_field(&b, "Lethe-Request-Id"), 32),
                  0);
    {
        char id[33] = "";

        memcpy(id, rig_field(&a, "Lethe-Request-Id"), 32);
        cr_expect_eq(strspn(id, "0123456789abcdef"), 32);
        cr_expect_not_null(strstr(a.body, id), "the document names it");
        cr_expect_not_null(strstr(rig_log(&r), id), "and so does the log");
    }
    rig_answer_done(&a);
    rig_answer_done(&b);
    rig_stop(&r);
}

Test(exchange, answers_a_refused_head_request_without_a_body)
{
    struct rig r;
    struct rig_answer a;
    int fd;

    rig_start(&r, &plain);
    fd = rig_connect(&r);
    for (int i = 0; i < 2; i++) {
        rig_say(fd, "HEAD /nowhere" H E, strlen("HEAD /nowhere" H E));
        a = rig_hear(fd, true);
        cr_expect_eq(a.status, 404);
        cr_expect_eq(a.body_len, 0);
        rig_answer_done(&a);
    }
    close(fd);
    rig_stop(&r);
}

/* ---- requests that two readers may read differently (E01-E06, E08-E10) ---- */

#define NEXT    "GET /free HTTP/1.1\r\nHost: a\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

static const char *const ambiguous[] = {
    /* E01: two lengths */
    "POST /free" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" E
    "0\r\n\r\nGET /free HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /free" H "Transfer-Encoding: chunked\r\nContent-Length: 44\r\n" E
    "0\r\n\r\nGET /free HTTP/1.1\r\nHost: a\r\n\r\n",
    /* E02: odd transfer codings */
    "POST /free" H "Transfer-Encoding: chunked, identity\r\n" E "0\r\n\r\n",
    "POST /free" H "Transfer-Encoding: identity\r\n" E "0\r\n\r\n",
    "POST /free" H "Transfer-Encoding: gzip, chunked\r\n" E "0\r\n\r\n",
    "POST /free" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" E "0\r\n\r\n",
    "POST /free" H "Transfer-Encoding: Chunked\r\n" E "0\r\n\r\n",
    "POST /free" H "Transfer-Encoding: ,chunked\r\n" E "0\r\n\r\n",
    "POST /free" H "Transfer-Encoding: \x0b"
    "chunked\r\n" E "0\r\n\r\n",
    "POST /free" H "Transfer-Encoding:\r\n chunked\r\n" E "0\r\n\r\n",
    "POST /free" H "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n" E "0\r\n\r\n",
    "POST /free HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" E "0\r\n\r\n",
    /* E03: odd lengths */
    "POST /free" H "Content-Length: +5\r\n" E "hello",
    "POST /free" H "Content-Length: 0x5\r\n" E "hello",
    "POST /free" H "Content-Length: 05\r\n" E "hello",
    "POST /free" H "Content-Length: -0\r\n" E "hello",
    "POST /free" H "Content-Length: 5, 5\r\n" E "hello",
    "POST /free" H "Content-Length: 5\r\nContent-Length: 5\r\n" E "hello",
    "POST /free" H "Content-Length: 5 5\r\n" E "hello",
    "POST /free" H "Content-Length: \r\n" E "hello",
    "POST /free" H "Content-Length: 99999999999999999999\r\n" E "hello",
    /* E04: lines and names */
    "GET /free HTTP/1.1\nHost: a\n\n",
    "GET /free" H "X: a\rb\r\n" E,
    "GET /free" H "X : a\r\n" E,
    "GET /free" H " X: a\r\n" E,
    "GET /free" H "X: a\r\n b\r\n" E,
    "GET /free" H ": a\r\n" E,
    "GET /free" H "X\r\n" E,
    "GET  /free" H E,
    "GET /free  HTTP/1.1\r\nHost: a\r\n" E,
    "GET /fr\xc3\xa4" H E,
    /* E05: chunks */
    "POST /free" H "Transfer-Encoding: chunked\r\n" E "-1\r\n\r\n",
    "POST /free" H "Transfer-Encoding: chunked\r\n" E "fffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "POST /free" H "Transfer-Encoding: chunked\r\n" E "zz\r\n\r\n",
    "POST /free" H CHUNKED "0x3\r\n\r\n" NEXT,
    "POST /free" H CHUNKED "3 \r\nabc\r\n0\r\n\r\n" NEXT,
    "POST /free" H CHUNKED "3\nabc\r\n0\r\n\r\n" NEXT,
    "POST /free" H CHUNKED "3\r\nabc\n0\r\n\r\n" NEXT,
    "POST /free" H CHUNKED "3\r\nabc0\r\n\r\n" NEXT,
    "POST /free" H CHUNKED "3;x\ny\r\nabc\r\n0\r\n\r\n" NEXT,
    "POST /free" H CHUNKED "3;\x01\r\nabc\r\n0\r\n\r\n" NEXT,
    "POST /free" H CHUNKED "3\r\nabc\r\n0\n\r\n" NEXT,
    "POST /free" H CHUNKED "3\r\nabc\r\n0\r\n\n" NEXT,
    "POST /free" H CHUNKED "3\r\nabc\r\n0\r\nX: y\n\r\n" NEXT,
    "POST /free" H CHUNKED "3\r\nabc\r\n0\r\n X: y\r\n\r\n" NEXT,
    "POST /free" H CHUNKED "+3\r\nabc\r\n0\r\n\r\n" NEXT,
    /* E06: protected names in Connection */
    "GET /free" H "Connection: close, Authorization\r\n" E,
    "GET /free" H "Connection: lethe-key\r\n" E,
    "GET /free" H "Connection: host\r\n" E,
    "GET /free" H "Connection: content-length\r\n" E,
    /* E08: paths and hosts */
    "GET //free" H E,
    "GET /x/../free" H E,
    "GET /./free" H E,
    "GET /%2e%2e/free" H E,
    "GET /users%2f7" H E,
    "GET /free;x=1" H E,
    "GET /free%" H E,
    "GET /free%zz" H E,
    "GET \\free" H E,
    "GET http://other.test/free" H E,
    "GET /free HTTP/1.1\r\nHost: a\r\nHost: b\r\n" E,
    "GET /free HTTP/1.1\r\n" E,
    "GET /free HTTP/1.1\r\nHost: a/b\r\n" E,
    "OPTIONS *" H E,
    /* E09: methods */
    "TRACE /free" H E,
    "CONNECT a:80" H E,
    "GET /free" H "X-HTTP-Method-Override: DELETE\r\n" E,
    "G\xc3\x89T /free" H E,
    /* E10: expectations and bodies where none belong */
    "POST /free" H "Expect: 200-ok\r\nContent-Length: 2\r\n" E "hi",
    "GET /free" H "Content-Length: 2\r\n" E "hi",
    "HEAD /free" H "Transfer-Encoding: chunked\r\n" E "2\r\nhi\r\n0\r\n\r\n",
    /* versions */
    "GET /free HTTP/1.2\r\nHost: a\r\n" E,
    "GET /free HTTP/2.0\r\nHost: a\r\n" E,
    "GET /free HTTP/0.9\r\nHost: a\r\n" E,
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
};

Test(exchange, sends_nothing_up_of_what_can_be_read_in_two_ways)
{
    struct rig r;

    rig_start(&r, &plain);
    for (size_t i = 0; i < COUNT_OF(ambiguous); i++) {
        struct rig_answer a = rig_ask(&r, ambiguous[i]);

        cr_expect(a.status == 0 || a.status >= 400, "%d for\n%s", a.status, ambiguous[i]);
        rig_answer_done(&a);
    }
    cr_expect_eq(http_stub_requests(r.stub), 0);
    cr_expect_eq(rig_status(&r, "GET /free" H E), 200, "and it still serves");
    rig_stop(&r);
}

Test(exchange, sends_one_request_up_for_what_others_might_take_for_two)
{
    static const char *const odd[] = {
        /* a body that looks like a request */
        "POST /free" H "Content-Length: 33\r\n" E "GET /free HTTP/1.1\r\nHost: b\r\n\r\n...",
        /* an upgrade that is not granted, with what would follow it */
        "GET /free" H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n" E,
        "GET /free" H "Connection: Upgrade\r\nUpgrade: websocket\r\n" E,
        /* trailers that would be fields */
        "POST /free" H "Transfer-Encoding: chunked\r\n" E
        "1\r\nx\r\n0\r\nContent-Length: 5\r\nAuthorization: x\r\n\r\n",
    };

    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        struct rig r;
        char seen[4096];

        rig_start(&r, &plain);
        cr_expect_eq(rig_status(&r, odd[i]), 200, "%s", odd[i]);
        cr_expect_eq(http_stub_requests(r.stub), 1, "%s", odd[i]);
        http_stub_last_request(r.stub, seen, sizeof(seen));
        cr_expect_null(strcasestr(seen, "upgrade"));
        cr_expect_null(strcasestr(seen, "http2-settings"));
        cr_expect_null(strcasestr(seen, "authorization"));
        rig_stop(&r);
    }
}

Test(exchange, closes_the_connection_after_a_head_it_could_not_trust)
{
    static const char two[] = "GET /free HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
                              "GET /free HTTP/1.1\r\nHost: a\r\n\r\n";
    struct rig r;
    struct rig_answer a;
    int fd;

    rig_start(&r, &plain);
    fd = rig_connect(&r);
    rig_say(fd, two, strlen(two));
    a = rig_hear(fd, false);
    cr_expect_eq(a.status, 400);
    cr_expect(rig_has(&a, "Connection: close"));
    cr_expect(rig_is_closed(fd));
    cr_expect_eq(http_stub_requests(r.stub), 0);
    rig_answer_done(&a);
    close(fd);
    rig_stop(&r);
}

/* libh2o's own path code prints what it cannot normalise. */
Test(exchange, prints_no_target_to_standard_error)
{
    static const char *const targets[] = {"/../" MARKER, "http://a/" MARKER,
                                          "*" MARKER,    "/a/../../" MARKER,
                                          MARKER,        "/%2e%2e/" MARKER};
    struct rig r;
    char text[65536];
    int saved = dup(2), captured;
    ssize_t n;

    rig_start(&r, &plain);
    captured = open(scratch_path(&r.scratch, "stderr"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(dup2(captured, 2), 0);
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        char request[128];

        (void)snprintf(request, sizeof(request), "GET %s" H E, targets[i]);
        cr_expect_geq(rig_status(&r, request), 400);
    }
    (void)fflush(stderr);
    cr_assert_geq(dup2(saved, 2), 0);
    n = pread(captured, text, sizeof(text) - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    cr_expect_str_eq(text, "");
    close(captured);
    close(saved);
    rig_stop(&r);
}

Test(exchange, refuses_a_head_that_is_too_large)
{
    char *request = mem_alloc(300000);
    struct rig r;
    int len = snprintf(request, 100, "GET /free HTTP/1.1\r\nHost: a\r\nX: ");

    memset(request + len, 'x', 40000);
    memcpy(request + len + 40000, "\r\n\r\n", 5);
    rig_start(&r, &plain);
    cr_expect_eq(rig_status(&r, request), 431);
    cr_expect_eq(http_stub_connections(r.stub), 0);
    free(request);
    rig_stop(&r);
}

Test(exchange, survives_clients_that_leave_in_the_middle_of_saying_something)
{
    static const char whole[] = "POST /users" H JSON "Content-Length: 30\r\n" E EMAIL;
    const struct linger at_once = {.l_onoff = 1};
    struct rig r;

    rig_start(&r, &plain);
    for (size_t len = 0; len < strlen(whole); len++) {
        int fd = rig_connect(&r);

        rig_say(fd, whole, len);
        if (len % 2 == 0)
            cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        close(fd);
    }
    cr_expect_eq(rig_status(&r, "GET /free" H E), 200);
    cr_expect_eq(http_stub_requests(r.stub), 1);
    rig_stop(&r);
}
