/* SPDX-License-Identifier: Apache-2.0 */
/* The upstream client: requests as they go out, responses as they come in, and upstreams that mean
 * harm. Pooling and time limits are in test_upstream_pool.c. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "tests/unit/proxy/upstream_rig.h"

TestSuite(upstream, .init = secret_start, .timeout = 120);

#define OK "HTTP/1.1 200 OK\r\n"

/* ---- requests ---- */

static const struct stub_step keep_alive[] = {
    {STUB_REQUEST, NULL, 0},
    {STUB_SEND, OK "Content-Length: 5\r\nX-One: a\r\n\r\nhello", 0},
    {STUB_AGAIN, NULL, 0},
};

/* What one request looks like on the wire. */
static void expect_written(const char *method, const char *body,
                           const struct upstream_header *headers, size_t count, const char *want)
{
    const struct stub_step *script = keep_alive;
    struct told t = {0};
    char got[1024];
    struct rig r;

    rig_serve(&r, &script);
    t.rig = &r;
    rig_send_headers(&t, method, "/a?b=c", body, headers, count);
    rig_run_until(&r, &t.dones, 1);
    http_stub_last_request(r.stub, got, sizeof(got));
    cr_expect_str_eq(got, want);
    rig_stop(&r);
}

Test(upstream, writes_requests_as_they_should_be)
{
    static const struct upstream_header headers[] = {
        {SPAN_LIT("Accept"), SPAN_LIT("*/*")},
        {SPAN_LIT("X-Empty"), SPAN_LIT("")},
        {SPAN_LIT("host"), SPAN_LIT("evil")},
        {SPAN_LIT("Content-Length"), SPAN_LIT("9")},
        {SPAN_LIT("Connection"), SPAN_LIT("close")},
        {SPAN_LIT("TE"), SPAN_LIT("trailers")},
        {SPAN_LIT("Transfer-Encoding"), SPAN_LIT("chunked")},
    };

    expect_written("GET", NULL, NULL, 0, "GET /a?b=c HTTP/1.1\r\nHost: app.test:81\r\n\r\n");
    expect_written("GET", NULL, headers, COUNT_OF(headers),
                   "GET /a?b=c HTTP/1.1\r\nHost: app.test:81\r\nAccept: */*\r\nX-Empty: \r\n\r\n");
    expect_written("POST", "x=1", headers, 1,
                   "POST /a?b=c HTTP/1.1\r\nHost: app.test:81\r\nAccept: */*\r\n"
                   "Content-Length: 3\r\n\r\nx=1");
    expect_written("PUT", "", NULL, 0,
                   "PUT /a?b=c HTTP/1.1\r\nHost: app.test:81\r\nContent-Length: 0\r\n\r\n");
}

Test(upstream, never_writes_a_line_that_hides_in_a_value)
{
    static const struct upstream_header headers[] = {
        {SPAN_LIT("X"), SPAN_LIT("a\r\nContent-Length: 5")},
        {SPAN_LIT("X"), SPAN_LIT("a\nb")},
        {SPAN_LIT("X"), SPAN_LIT("a\rb")},
        {SPAN_LIT("X"), SPAN_LIT("a\0b")},
        {SPAN_LIT("X\r\nY"), SPAN_LIT("a")},
    };
    const struct stub_step *script = keep_alive;
    char longer[6000];
    struct rig r;

    rig_serve(&r, &script);
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        struct told t = {.rig = &r};

        rig_send_headers(&t, "GET", "/", NULL, &headers[i], 1);
        rig_run_until(&r, &t.dones, 1);
        cr_expect_eq(t.result, ERR_INVALID);
    }
    for (size_t at = 0; at < sizeof(longer); at += 13) {
        struct upstream_header header = {SPAN_LIT("X"), span_of(longer, sizeof(longer))};
        struct told t = {.rig = &r};

        memset(longer, 'v', sizeof(longer));
        longer[at] = at % 2 == 0 ? '\n' : '\r';
        rig_send_headers(&t, "GET", "/", NULL, &header, 1);
        rig_run_until(&r, &t.dones, 1);
        cr_expect_eq(t.result, ERR_INVALID, "at %zu", at);
    }
    rig_turn(&r);
    cr_expect_eq(http_stub_connections(r.stub), 0);
    rig_stop(&r);
}

Test(upstream, writes_large_bodies_whole)
{
    const struct stub_step *script = keep_alive;
    size_t size = 900 << 10;
    char *body = malloc(size + 1);
    struct rig r;
    struct told t;

    memset(body, 'b', size);
    body[size] = '\0';
    rig_serve(&r, &script);
    for (int i = 0; i < 3; i++) {
        t = rig_ask(&r, "POST", body);
        cr_expect_eq(t.result, ERR_OK);
        cr_expect_str_eq(t.body, "hello");
    }
    cr_expect_eq(http_stub_connections(r.stub), 1);
    cr_expect_eq(http_stub_requests(r.stub), 3);
    rig_stop(&r);
    free(body);
}

/* ---- responses ---- */

struct answered {
    const char *method;
    const char *answer;
    int status;
    const char *body;
    int64_t length;
    bool has_body;
    bool reused; /* by a second request */
};

static void expect_answer(const struct answered *a, enum stub_step_kind how)
{
    const struct stub_step steps[] = {{STUB_REQUEST, NULL, 0},
                                      {how, a->answer, 0},
                                      {STUB_REQUEST, NULL, 0},
                                      {STUB_SEND, a->answer, 0},
                                      {STUB_END, NULL, 0}};
    const struct stub_step closing[] = {
        {STUB_REQUEST, NULL, 0},
        {how, a->answer, 0},
        {a->length >= 0 ? STUB_HOLD : STUB_END, NULL, 0}, /* we close, whether it does or not */
    };
    const struct stub_step *script = a->reused ? steps : closing;
    struct rig r;

    rig_serve(&r, &script);
    for (int i = 0; i < 2; i++) {
        struct told t = rig_ask(&r, a->method, NULL);

        cr_expect_eq(t.result, ERR_OK, "%s: %s", a->answer, err_name(t.result));
        cr_expect_eq(t.heads, 1);
        cr_expect_eq(t.status, a->status);
        cr_expect_str_eq(t.body, a->body, "%s", a->answer);
        cr_expect_eq(t.body_len, strlen(a->body));
        cr_expect_eq(t.content_length, a->length, "%s", a->answer);
        cr_expect_eq(t.has_body, a->has_body, "%s", a->answer);
    }
    cr_expect_eq(http_stub_connections(r.stub), a->reused ? 1 : 2, "%s", a->answer);
    rig_stop(&r);
}

static const struct answered answers[] = {
    {"GET", OK "Content-Length: 5\r\n\r\nhello", 200, "hello", 5, true, true},
    {"GET", OK "Content-Length: 0\r\n\r\n", 200, "", 0, true, true},
    {"GET", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x\r\n, w\r\n0\r\n\r\n", 200,
     "hello, w", -1, true, true},
    {"GET", OK "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", 200, "", -1, true, true},
    {"GET", OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", 2, true, false},
    {"GET", OK "\r\nuntil the end", 200, "until the end", -1, true, false},
    {"GET", OK "\r\n", 200, "", -1, true, false},
    {"GET", "HTTP/1.0 200 OK\r\n\r\nold", 200, "old", -1, true, false},
    {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", 200, "old", 3, true, false},
    {"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold", 200, "old",
     3, true, true},
    {"HEAD", OK "Content-Length: 5\r\n\r\n", 200, "", 5, false, true},
    {"HEAD", OK "Transfer-Encoding: chunked\r\n\r\n", 200, "", -1, false, true},
    {"HEAD", OK "\r\n", 200, "", -1, false, true},
    {"GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", -1, false, true},
    {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", 5, false, true},
    {"GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404, "no", 2, true, true},
    {"GET", "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 2\r\n\r\nhi", 200, "hi", 2, true,
     true},
    {"GET",
     "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" OK
     "Content-Length: 2\r\n\r\nhi",
     200, "hi", 2, true, true},
};

Test(upstream, understands_every_way_to_end_a_response)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        expect_answer(&answers[i], STUB_SEND);
}

Test(upstream, understands_responses_that_come_byte_by_byte)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        expect_answer(&answers[i], STUB_TRICKLE);
}

Test(upstream, hands_on_headers_of_the_message_only)
{
    static const struct stub_step steps[] = {
        {STUB_REQUEST, NULL, 0},
        {STUB_SEND,
         OK "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n"
            "Keep-Alive: timeout=5\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nhi",
         0},
        {STUB_HOLD, NULL, 0},
    };
    const struct stub_step *script = steps;
    struct rig r;
    struct told t;

    rig_serve(&r, &script);
    t = rig_ask(&r, "GET", NULL);
    cr_expect_str_eq(t.headers, "Set-Cookie: a\nSet-Cookie: b\n");
    rig_stop(&r);
}

Test(upstream, finds_a_short_head_behind_an_interim_one_in_two_pieces)
{
    static const struct stub_step steps[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, "HTTP/1.1 103 Early Hints\r\nLink: <x>", 0},
        {STUB_AWAIT, NULL, 0},   {STUB_SEND, "\r\n\r\nHTTP/1.1 204 \r\n\r\n", 0},
        {STUB_HOLD, NULL, 0},
    };
    const struct stub_step *script = steps;
    struct told t = {0};
    struct rig r;

    rig_serve(&r, &script);
    t.rig = &r;
    rig_send(&t, "GET", "/", NULL);
    while (http_stub_requests(r.stub) == 0)
        h2o_evloop_run(r.loop, 10);
    cr_assert(http_stub_await_sent(r.stub, 1));
    rig_turn(&r);
    http_stub_go(r.stub);
    rig_run_until(&r, &t.dones, 1);
    cr_expect_eq(t.result, ERR_OK);
    cr_expect_eq(t.status, 204);
    rig_stop(&r);
}

/* ---- upstreams that mean harm (E11) ---- */

struct hostile {
    const char *answer; /* then the connection stays open, or not: */
    bool closes;
    bool head_came; /* the fault shows only after a good head was handed out */
};

static const struct hostile hostile[] = {
    {OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, false},
    {OK "Content-Length: 3\r\nContent-Length: 11\r\n\r\nabc", false, false},
    {OK "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", false, false},
    {OK "Content-Length: x\r\n\r\nabc", false, false},
    {OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", false, false},
    {OK "Transfer-Encoding: gzip\r\n\r\n", false, false},
    {OK "X: a\r\n b: c\r\nContent-Length: 0\r\n\r\n", false, false},
    {OK "X: a\nContent-Length: 0\r\n\r\n", false, false},
    {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", false, false},
    {"HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, false},
    {"200 OK\r\n\r\n", false, false},
    {"\x15\x03\x03\x00\x02\x02\x28", false, false},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", false, false},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
     false, false},
    {OK "Content-Length: 5\r\n\r\nhello, and more", false, false},
    {OK "Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", false, false},
    {"HTTP/1.1 204 No Content\r\n\r\nbody", false, false},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nbody", false, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false, false},
    {OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n", false, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", false, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n", false, false},
    {OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", false, false},
    {"HTTP/1.1 100 Continue\r\n\r\n", true, false},
    {OK "Content-Len", true, false},
    {OK "Content-Length: 5\r\n\r\nhell", true, true},
    {OK "Content-Length: 5\r\n\r\n", true, true},
    {OK "Transfer-Encoding: chunked\r\n\r\n", true, true},
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", true, true},
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true, true}, /* at a chunk's border */
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", true, true},
    {"", true, false},
};

Test(upstream, survives_hostile_answers_and_uses_no_such_connection_again)
{
    for (size_t i = 0; i < COUNT_OF(hostile); i++) {
        const struct stub_step steps[] = {{STUB_REQUEST, NULL, 0},
                                          {STUB_SEND, hostile[i].answer, 0},
                                          {hostile[i].closes ? STUB_END : STUB_HOLD, NULL, 0}};
        const struct stub_step *scripts[] = {steps, keep_alive};
        struct rig r;
        struct told t;

        rig_start(&r, scripts, 2, NULL);
        rig_pool(&r);
        t = rig_ask(&r, "GET", NULL);
        cr_expect_eq(t.result, ERR_UPSTREAM, "%s gave %s", hostile[i].answer, err_name(t.result));
        cr_expect_eq(t.heads, hostile[i].head_came, "%s", hostile[i].answer);
        cr_expect(http_stub_await_closed(r.stub, 1), "%s", hostile[i].answer);
        t = rig_ask(&r, "GET", NULL);
        cr_expect_eq(t.result, ERR_OK, "after %s", hostile[i].answer);
        cr_expect_eq(http_stub_connections(r.stub), 2);
        cr_expect_eq(http_stub_requests(r.stub), 2, "no request was sent twice: %s",
                     hostile[i].answer);
        rig_stop(&r);
    }
}

/* As the above, but every byte arrives alone: then bytes after an end show on the idle connection.
 */
Test(upstream, survives_hostile_answers_byte_by_byte)
{
    for (size_t i = 0; i < COUNT_OF(hostile); i++) {
        const struct stub_step steps[] = {{STUB_REQUEST, NULL, 0},
                                          {STUB_TRICKLE, hostile[i].answer, 0},
                                          {hostile[i].closes ? STUB_END : STUB_HOLD, NULL, 0}};
        const struct stub_step *scripts[] = {steps, keep_alive};
        struct rig r;
        struct told t;

        rig_start(&r, scripts, 2, NULL);
        rig_pool(&r);
        (void)rig_ask(&r, "GET", NULL);
        rig_turn(&r);
        cr_expect(http_stub_await_closed(r.stub, 1), "%s", hostile[i].answer);
        t = rig_ask(&r, "GET", NULL);
        cr_expect_eq(t.result, ERR_OK, "after %s", hostile[i].answer);
        cr_expect_eq(http_stub_requests(r.stub), 2);
        rig_stop(&r);
    }
}

/* `lines` header lines of `len` bytes each. */
static char *big_head(size_t lines, size_t len)
{
    size_t size = lines * (len + 8) + 64, at;
    char *head = malloc(size);

    at = (size_t)snprintf(head, size, OK "Content-Length: 0\r\n");
    for (size_t i = 1; i < lines; i++) {
        at += (size_t)snprintf(head + at, size - at, "X: ");
        memset(head + at, 'v', len);
        at += len;
        at += (size_t)snprintf(head + at, size - at, "\r\n");
    }
    snprintf(head + at, size - at, "\r\n");
    return head;
}

Test(upstream, reads_heads_up_to_their_limits)
{
    static const struct {
        size_t lines, len;
        enum err result;
    } cases[] = {{LIMIT_HEADERS_MAX, 400, ERR_OK},
                 {LIMIT_HEADERS_MAX + 1, 400, ERR_UPSTREAM},
                 {2, LIMIT_RESPONSE_HEAD_MAX - 100, ERR_OK},
                 {2, LIMIT_RESPONSE_HEAD_MAX, ERR_UPSTREAM}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *head = big_head(cases[i].lines, cases[i].len);
        const struct stub_step steps[] = {
            {STUB_REQUEST, NULL, 0}, {STUB_SEND, head, 0}, {STUB_HOLD, NULL, 0}};
        const struct stub_step *script = steps;
        struct rig r;
        struct told t;

        rig_serve(&r, &script);
        t = rig_ask(&r, "GET", NULL);
        cr_expect_eq(t.result, cases[i].result, "%zu lines of %zu", cases[i].lines, cases[i].len);
        rig_stop(&r);
        free(head);
    }
}

/* ---- early answers (E10) ---- */

Test(upstream, delivers_an_answer_that_comes_before_the_request_is_written)
{
    static const struct stub_step early[] = {
        {STUB_HEAD, NULL, 0}, /* the body is not read */
        {STUB_SEND, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig", 0},
        {STUB_AWAIT, NULL, 0},
        {STUB_END, NULL, 0},
    };
    const struct stub_step *scripts[] = {early, keep_alive};
    size_t size = 32 << 20; /* more than the kernel takes at once */
    char *body = malloc(size + 1);
    struct rig r;
    struct told t;

    memset(body, 'b', size);
    body[size] = '\0';
    rig_start(&r, scripts, 2, NULL);
    rig_pool(&r);
    t = rig_ask(&r, "POST", body);
    cr_expect_eq(t.result, ERR_OK);
    cr_expect_eq(t.status, 413);
    cr_expect_str_eq(t.body, "big");
    t = rig_ask(&r, "GET", NULL); /* the first connection is still open there */
    cr_expect_eq(t.result, ERR_OK);
    cr_expect_eq(http_stub_connections(r.stub), 2, "never reused");
    http_stub_go(r.stub);
    rig_stop(&r);
    free(body);
}

Test(upstream, reads_the_answer_of_an_upstream_that_hung_up_on_the_request)
{
    static const struct stub_step early[] = {
        {STUB_HEAD, NULL, 0},
        {STUB_SEND, "HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\n", 0},
        {STUB_END, NULL, 0}, /* with unread bytes: a reset */
    };
    const struct stub_step *script = early;
    size_t size = 32 << 20;
    char *body = malloc(size + 1);
    struct rig r;
    struct told t;

    memset(body, 'b', size);
    body[size] = '\0';
    rig_serve(&r, &script);
    t = rig_ask(&r, "POST", body);
    cr_expect(t.result == ERR_OK || t.result == ERR_UPSTREAM, "%s", err_name(t.result));
    cr_expect_eq(http_stub_requests(r.stub), 1);
    rig_stop(&r);
    free(body);
}

/* ---- back-pressure ---- */

static long peak_kb(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

Test(upstream, holds_little_of_a_large_body_while_paused)
{
    enum { SIZE = 50 << 20 };
    static char head[128];
    static const struct stub_step big[] = {{STUB_REQUEST, NULL, 0},
                                           {STUB_SEND, head, 0},
                                           {STUB_FILL, NULL, SIZE},
                                           {STUB_AGAIN, NULL, 0}};
    const struct stub_step *script = big;
    struct told t = {.pause_always = true};
    size_t largest = 0;
    long before;
    struct rig r;

    snprintf(head, sizeof(head), OK "Content-Length: %d\r\n\r\n", SIZE);
    rig_serve(&r, &script);
    t.rig = &r;
    before = peak_kb();
    rig_send(&t, "GET", "/", NULL);
    rig_run_until(&r, &t.heads, 1);
    for (int64_t end = clock_mono_ms() + RIG_PATIENCE_MS; t.dones == 0;) {
        size_t had = t.body_len;

        cr_assert_lt(clock_mono_ms(), end);
        for (int i = 0; i < 2; i++) {
            cr_assert_eq(h2o_evloop_run(r.loop, 0), 0);
            cr_assert_eq(t.body_len, had, "nothing comes while paused");
        }
        upstream_resume(t.call);
        while (t.body_len == had && t.dones == 0)
            cr_assert_eq(h2o_evloop_run(r.loop, 100), 0);
        largest = t.body_len - had > largest ? t.body_len - had : largest;
    }
    cr_expect_eq(t.result, ERR_OK);
    cr_expect_eq(t.body_len, SIZE);
    cr_expect_leq(largest, 64 << 10);
    cr_expect_lt(peak_kb() - before, 20 << 10, "grew by %ld KiB", peak_kb() - before);
    rig_stop(&r);
}

/* ---- owners that go first ---- */

static void expect_detached(struct told t, const char *answer)
{
    const struct stub_step steps[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, answer, 0}, {STUB_HOLD, NULL, 0}};
    const struct stub_step *scripts[] = {steps, keep_alive};
    struct rig r;

    rig_start(&r, scripts, 2, NULL);
    rig_pool(&r);
    t.rig = &r;
    rig_send(&t, "GET", "/", NULL);
    rig_run_until(&r, t.detach_on_done ? &t.dones : &t.heads, 1);
    rig_turn(&r);
    cr_expect_eq(t.dones, t.detach_on_done);
    cr_expect_eq(t.body_len, t.detach_on_head ? 0 : 5);
    if (!t.detach_on_done)
        cr_expect(http_stub_await_closed(r.stub, 1), "the connection is closed, not reused");
    rig_stop(&r);
}

Test(upstream, tells_nothing_more_once_detached)
{
    static const char whole[] = OK "Content-Length: 5\r\n\r\nhello",
                      part[] = OK "Content-Length: 9\r\n\r\nhello";

    expect_detached((struct told){.detach_on_head = true}, whole);
    expect_detached((struct told){.detach_on_head = true}, part);
    expect_detached((struct told){.detach_on_body = true}, whole);
    expect_detached((struct told){.detach_on_body = true}, part);
    expect_detached((struct told){.detach_on_done = true}, whole);
}

Test(upstream, sends_what_one_turn_of_the_loop_asks_for_when_it_is_over)
{
    const struct stub_step *scripts[] = {keep_alive, keep_alive, keep_alive};
    struct told t[3];
    struct rig r;

    rig_start(&r, scripts, COUNT_OF(scripts), NULL);
    rig_pool(&r);
    for (size_t i = 0; i < COUNT_OF(t); i++) {
        t[i] = (struct told){.rig = &r};
        rig_send(&t[i], "GET", "/", NULL);
    }
    upstream_detach(t[1].call);
    for (size_t i = 0; i < COUNT_OF(t); i += 2)
        rig_run_until(&r, &t[i].dones, 1);
    rig_turn(&r);
    cr_expect_eq(http_stub_requests(r.stub), 2, "who left in the same turn sent nothing");
    cr_expect_eq(t[1].heads + t[1].dones, 0);
    rig_send(&t[1], "GET", "/", NULL);
    rig_stop(&r); /* the pool ends before the turn does */
    cr_expect_eq(t[1].dones, 0);
}

Test(upstream, can_be_detached_at_any_time)
{
    static const struct stub_step silent[] = {{STUB_REQUEST, NULL, 0}, {STUB_HOLD, NULL, 0}};
    const struct stub_step *script = silent;
    struct told t[3];
    struct rig r;

    rig_serve(&r, &script);
    for (int i = 0; i < 3; i++) {
        t[i] = (struct told){.rig = &r};
        rig_send(&t[i], "GET", "/", NULL);
    }
    upstream_detach(t[0].call); /* while connecting */
    rig_turn(&r);
    cr_assert(http_stub_await_requests(r.stub, 2));
    upstream_detach(t[1].call); /* while waiting */
    rig_turn(&r);
    cr_expect_eq(t[0].dones + t[1].dones + t[2].dones, 0);
    rig_stop(&r); /* while the third is under way: it gets no callback */
    cr_expect_eq(t[2].dones, 0);
}

Test(upstream, can_be_asked_again_from_its_last_callback)
{
    const struct stub_step *script = keep_alive;
    struct told third = {0}, second = {.next = &third}, first = {.next = &second};
    struct rig r;

    rig_serve(&r, &script);
    first.rig = second.rig = third.rig = &r;
    rig_send(&first, "GET", "/", NULL);
    rig_run_until(&r, &third.dones, 1);
    cr_expect_str_eq(third.body, "hello");
    cr_expect_eq(http_stub_connections(r.stub), 1);
    rig_stop(&r);
}
