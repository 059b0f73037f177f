/* SPDX-License-Identifier: Apache-2.0 */
/* Answers on their way to the client, passed through. (Revealed ones: test_exchange_store.c.) */
#include "tests/unit/proxy/proxy_rig.h"

#include <netinet/tcp.h>
#include <sys/resource.h>

TestSuite(exchange_respond, .init = secret_start, .timeout = 60);

#define GET "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

/* One answer, again and again. */
static struct stub_step script[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, NULL, 0}, {STUB_AGAIN, NULL, 0}};
static const struct stub_step *const scripts[] = {script};
static const struct rig_options plain = {.routes =
                                             "routes: [{path: \"/{all...}\", upstream: app}]\n",
                                         .scripts = scripts,
                                         .script_count = 1};

static void start(struct rig *r, const char *answer)
{
    script[1] = (struct stub_step){STUB_SEND, answer, 0};
    rig_start(r, &plain);
}

Test(exchange_respond, passes_status_fields_and_body)
{
    struct rig r;
    struct rig_answer a;

    start(&r, "HTTP/1.1 418 I'm a teapot\r\nContent-Type: text/x\r\nSet-Cookie: a=1\r\n"
              "Set-Cookie: b=2\r\nLocation: /tea\r\nETag: \"1\"\r\nContent-Length: 4\r\n\r\nfull");
    a = rig_ask(&r, GET);
    cr_expect_eq(a.status, 418);
    cr_expect_str_eq(a.body, "full");
    cr_expect(rig_has(&a, "Content-Type: text/x"));
    cr_expect(rig_has(&a, "Set-Cookie: a=1"));
    cr_expect(rig_has(&a, "Set-Cookie: b=2"));
    cr_expect(rig_has(&a, "Location: /tea"));
    cr_expect(rig_has(&a, "ETag: \"1\""));
    cr_expect_not_null(rig_field(&a, "Lethe-Request-Id"));
    cr_expect_null(rig_field(&a, "Server"), "nothing says what we are");
    rig_answer_done(&a);
    rig_stop(&r);
}

struct framed {
    const char *answer;
    const char *request;
    int status;
    const char *body;
    const char *line;  /* must be there */
    const char *field; /* must not be there */
};

/* Each on one connection that must live on: two requests. */
static void expect_framed(const struct framed *f)
{
    struct rig r;
    int fd;

    start(&r, f->answer);
    fd = rig_connect(&r);
    for (int i = 0; i < 2; i++) {
        struct rig_answer a;

        rig_say(fd, f->request, strlen(f->request));
        a = rig_hear(fd, strncmp(f->request, "HEAD", 4) == 0);
        cr_expect_eq(a.status, f->status, "%s: %s", f->answer, a.text);
        cr_expect(a.whole, "%s", f->answer);
        cr_expect_str_eq(a.body, f->body, "%s: %s", f->answer, a.body);
        cr_expect(f->line == NULL || rig_has(&a, f->line), "%s: %s", f->answer, a.text);
        cr_expect(f->field == NULL || rig_field(&a, f->field) == NULL, "%s: %s", f->answer, a.text);
        rig_answer_done(&a);
    }
    close(fd);
    rig_stop(&r);
}

#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

Test(exchange_respond, tells_where_an_answer_ends_and_keeps_the_connection)
{
    static const struct framed cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", GET, 200, "", "Content-Length: 0",
         "Transfer-Encoding"},
        {"HTTP/1.1 200 OK\r\n" CHUNKED, GET, 200, "abcde", "Transfer-Encoding: chunked",
         "Content-Length"},
        {"HTTP/1.1 201 Created\r\n" CHUNKED, GET, 201, "abcde", "Transfer-Encoding: chunked",
         "Content-Length"},
        {"HTTP/1.1 404 Not Found\r\n" CHUNKED, GET, 404, "abcde", "Transfer-Encoding: chunked",
         "Content-Length"},
        {"HTTP/1.1 204 No Content\r\n\r\n", GET, 204, "", NULL, "Content-Length"},
        {"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n", GET, 304, "", "ETag: \"1\"",
         "Transfer-Encoding"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n",
         200, "", "Content-Length: 77", "Transfer-Encoding"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
         "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n", 200, "", NULL, "Content-Length"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", GET, 200,
         "hi", NULL, NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        expect_framed(&cases[i]);
}

Test(exchange_respond, ends_with_the_connection_where_a_client_knows_no_chunks)
{
    struct rig r;
    struct rig_answer a;

    start(&r, "HTTP/1.1 200 OK\r\n" CHUNKED);
    a = rig_ask(&r, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    cr_expect(a.whole);
    cr_expect_str_eq(a.body, "abcde");
    cr_expect(rig_has(&a, "Connection: close"));
    cr_expect_null(rig_field(&a, "Transfer-Encoding"));
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_respond, passes_an_answer_that_ends_with_the_upstreams_connection)
{
    static const struct stub_step closing[] = {{STUB_REQUEST, NULL, 0},
                                               {STUB_SEND, "HTTP/1.1 200 OK\r\n\r\nall of it", 0},
                                               {STUB_END, NULL, 0}};
    static const struct stub_step *const closing_scripts[] = {closing};
    struct rig_options o = plain;
    struct rig r;
    struct rig_answer a;

    o.scripts = closing_scripts;
    rig_start(&r, &o);
    a = rig_ask(&r, GET);
    cr_expect(a.whole);
    cr_expect_str_eq(a.body, "all of it");
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_respond, sends_the_first_bytes_before_the_last_have_come)
{
    static const struct stub_step slow[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", 0},
        {STUB_AWAIT, NULL, 0},   {STUB_SEND, "abc", 0},
        {STUB_AWAIT, NULL, 0},   {STUB_SEND, "def", 0},
        {STUB_HOLD, NULL, 0}};
    static const struct stub_step *const slow_scripts[] = {slow};
    struct rig_options o = plain;
    struct rig r;
    char text[4096] = "";
    size_t len = 0;
    int fd;

    o.scripts = slow_scripts;
    rig_start(&r, &o);
    fd = rig_connect(&r);
    rig_say(fd, GET, strlen(GET));
    while (strstr(text, "\r\n\r\n") == NULL)
        len += (size_t)recv(fd, text + len, sizeof(text) - 1 - len, 0);
    http_stub_go(r.stub);
    while (strstr(text, "\r\n\r\nabc") == NULL)
        len += (size_t)recv(fd, text + len, sizeof(text) - 1 - len, 0);
    http_stub_go(r.stub);
    while (strstr(text, "\r\n\r\nabcdef") == NULL)
        len += (size_t)recv(fd, text + len, sizeof(text) - 1 - len, 0);
    close(fd);
    rig_stop(&r);
}

/* ---- answers that break off ---- */

struct broken {
    const char *sent;
    enum stub_step_kind end;
    const char *request;
};

Test(exchange_respond, never_makes_half_an_answer_look_whole)
{
    static const struct broken cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", STUB_END, GET},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", STUB_RESET, GET},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", STUB_END, GET},
        {"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", STUB_END, GET},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nx", STUB_HOLD, GET},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", STUB_END,
         "GET /a HTTP/1.0\r\n\r\n"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct stub_step steps[] = {{STUB_REQUEST, NULL, 0},
                                          {STUB_SEND, cases[i].sent, 0},
                                          {STUB_AWAIT, NULL, 0},
                                          {cases[i].end, NULL, 0}};
        const struct stub_step *const one[] = {steps};
        struct rig_options o = plain;
        struct rig r;
        struct rig_answer a;

        o.scripts = one;
        rig_start(&r, &o);
        http_stub_go(r.stub);
        a = rig_ask(&r, cases[i].request);
        cr_expect(a.status == 0 || a.status == 502 || !a.whole, "%zu: %s", i, a.text);
        rig_answer_done(&a);
        rig_stop(&r);
    }
}

Test(exchange_respond, answers_502_when_it_breaks_off_before_anything_has_left)
{
    static const char *const answers[] = {
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi, and more",
        "SSH-2.0-OpenSSH\r\n",
    };

    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const struct stub_step steps[] = {
            {STUB_REQUEST, NULL, 0}, {STUB_SEND, answers[i], 0}, {STUB_END, NULL, 0}};
        const struct stub_step *const one[] = {steps};
        struct rig_options o = plain;
        struct rig r;
        struct rig_answer a;

        o.scripts = one;
        rig_start(&r, &o);
        a = rig_ask(&r, GET);
        cr_expect_eq(a.status, 502, "%s: %s", answers[i], a.text);
        cr_expect(a.whole);
        cr_expect(rig_has(&a, "Content-Type: application/problem+json"));
        rig_answer_done(&a);
        rig_stop(&r);
    }
}

/* ---- slow clients ---- */

static const struct stub_step large_script[] = {
    {STUB_REQUEST, NULL, 0},
    {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n", 0},
    {STUB_FILL, NULL, 67108864},
    {STUB_AGAIN, NULL, 0}};
static const struct stub_step *const large[] = {large_script};

/* Eight answers held whole would be half a gigabyte. */
#ifdef __SANITIZE_ADDRESS__
enum { HELD_MAX_KIB = 360 << 10 }; /* with what it keeps of freed memory */
#else
enum { HELD_MAX_KIB = 60 << 10 };
#endif

static long peak_kib(void)
{
    struct rusage usage;

    cr_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static int connect_narrow(const struct rig *r, int window)
{
    int fd = rig_connect(r);

    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)), 0);
    return fd;
}

Test(exchange_respond, holds_little_for_a_client_that_does_not_read)
{
    enum { STALLED = 8 };
    struct rig_options o = plain;
    struct rig r;
    int fds[STALLED];
    long before;

    o.scripts = large;
    rig_start(&r, &o);
    before = peak_kib();
    for (size_t i = 0; i < STALLED; i++) {
        char byte;

        fds[i] = connect_narrow(&r, 4096);
        rig_say(fds[i], GET, strlen(GET));
        cr_assert_eq(recv(fds[i], &byte, 1, 0), 1);
    }
    /* Others are served as if nothing were, and all of it. */
    for (int round = 0; round < 2; round++) {
        static char bytes[1 << 20];
        size_t total = 0;
        ssize_t n;
        int fd = rig_connect(&r);

        rig_say(fd, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 47);
        while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
            total += (size_t)n;
        cr_expect_gt(total, 67108864);
        cr_expect_lt(total, 67108864 + 1024);
        close(fd);
    }
    cr_expect_lt(peak_kib() - before, HELD_MAX_KIB, "%ld KiB for %d clients", peak_kib() - before,
                 STALLED);
    for (size_t i = 0; i < STALLED; i++)
        close(fds[i]);
    rig_stop(&r);
}

Test(exchange_respond, goes_on_where_a_slow_client_stopped)
{
    struct rig_options o = plain;
    struct rig r;
    size_t total = 0;
    ssize_t n;
    static char bytes[1 << 20];
    int fd;

    o.scripts = large;
    rig_start(&r, &o);
    fd = connect_narrow(&r, 65536); /* slower than the upstream, which has to wait for it */
    rig_say(fd, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 47);
    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        total += (size_t)n;
    cr_expect_gt(total, 67108864);
    cr_expect_lt(total, 67108864 + 1024);
    close(fd);
    rig_stop(&r);
}

Test(exchange_respond, lets_the_upstream_go_when_the_client_has_gone)
{
    static const struct stub_step steps[] = {
        {STUB_REQUEST, NULL, 0},
        {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", 0},
        {STUB_FILL, NULL, 1073741824},
        {STUB_END, NULL, 0}};
    static const struct stub_step *const endless[] = {steps};
    struct rig_options o = plain;
    struct rig r;
    char byte;
    int fd;

    o.scripts = endless;
    rig_start(&r, &o);
    fd = rig_connect(&r);
    rig_say(fd, GET, strlen(GET));
    cr_assert_eq(recv(fd, &byte, 1, 0), 1);
    close(fd);
    cr_expect(http_stub_await_closed(r.stub, 1), "its gigabyte is not fetched for nobody");
    rig_stop(&r);
}
