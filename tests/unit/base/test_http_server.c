/* SPDX-License-Identifier: Apache-2.0 */
/* A small server: what its handler sees, and how it ends. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/http_server.h"
#include "base/mem.h"
#include "base/secret.h"

TestSuite(http_server, .init = secret_start, .timeout = 60);

/* Answers with what it saw: "METHOD|PATH|QUERY|AUTHORIZATION". */
static void echo(const struct http_request *request, struct http_answer *answer,
                 void *context UNUSED)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "%.*s|%.*s|%.*s|%.*s", (int)request->method.len,
                       request->method.at, (int)request->path.len, request->path.at,
                       (int)request->query.len, request->query.at == NULL ? "" : request->query.at,
                       (int)request->fields[HTTP_AUTHORIZATION].len,
                       request->fields[HTTP_AUTHORIZATION].at == NULL
                           ? ""
                           : request->fields[HTTP_AUTHORIZATION].at);

    answer->status = 200;
    if (span_equal(request->path, SPAN_LIT("/page")))
        http_answer_field(answer, "content-security-policy", "script-src 'self'");
    cr_assert_eq(buf_append(&answer->body, text, (size_t)len), ERR_OK);
}

static struct http_server *start(uint16_t *ret_port)
{
    const struct http_server_options o = {.address = {"127.0.0.1:0", "127.0.0.1", "0"},
                                          .handler = echo};
    struct http_server *server = NULL;
    struct errmsg msg;

    cr_assert_eq(http_server_start(&o, &server, &msg), ERR_OK, "%s", msg.text);
    *ret_port = (uint16_t)strtoul(strrchr(http_server_address(server), ':') + 1, NULL, 10);
    return server;
}

static int dial_from(const char *address, uint16_t port)
{
    const struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(inet_pton(AF_INET, address, &from.sin_addr), 1);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&in, sizeof(in)), 0);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

static int dial(uint16_t port)
{
    return dial_from("127.0.0.1", port);
}

/* All of one answer; static. The connection is closed by the server or, with `last`, by us. */
static const char *ask(uint16_t port, const char *request)
{
    static char text[8192];
    size_t len = 0;
    ssize_t n;
    int fd = dial(port);

    cr_assert_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    while ((n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(fd);
    return text;
}

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

Test(http_server, hands_the_request_to_its_handler)
{
    uint16_t port;
    struct http_server *server = start(&port);
    const char *answer = ask(port, "GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
                                   "Connection: close\r\n\r\n");

    cr_expect(ends_with(answer, "\r\n\r\nGET|/a/b|c=d|Bearer k"), "%s", answer);
    cr_expect_not_null(strstr(answer, "cache-control: no-store"), "%s", answer);
    http_server_stop(&server);
    cr_expect_null(server);
}

/* E66 */
Test(http_server, guards_every_answer_that_does_not_guard_itself)
{
    static const char *const guards[] = {
        "\r\ncross-origin-resource-policy: same-origin\r\n", "\r\nreferrer-policy: no-referrer\r\n",
        "\r\nx-content-type-options: nosniff\r\n", "\r\nx-frame-options: DENY\r\n"};
    static const char own[] = "\r\ncontent-security-policy: script-src 'self'\r\n";
    static const char none[] =
        "\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'\r\n";
    uint16_t port;
    struct http_server *server = start(&port);
    const char *answer = ask(port, "GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    for (size_t i = 0; i < COUNT_OF(guards); i++)
        cr_expect_not_null(strstr(answer, guards[i]), "%s: %s", guards[i], answer);
    cr_expect(strstr(answer, own) != NULL && strstr(answer, none) == NULL, "%s", answer);
    answer = ask(port, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    cr_expect_not_null(strstr(answer, none), "%s", answer);
    http_server_stop(&server);
}

static void allow_others(struct http_answer *answer)
{
    http_answer_field(answer, "access-control-allow-origin", "*");
}

/* E66 */
Test(http_server, lets_nobody_open_it_to_other_origins, .signal = SIGABRT)
{
    struct http_answer answer = {.status = 200};

    allow_others(&answer);
}

Test(http_server, refuses_what_reads_two_ways_and_bodies)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nAuthorization: Bearer l\r\n\r\n",
    };
    uint16_t port;
    struct http_server *server = start(&port);

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_expect_null(strstr(ask(port, bad[i]), "GET|"), "%s", bad[i]);
    http_server_stop(&server);
}

Test(http_server, answers_head_without_a_body)
{
    uint16_t port;
    struct http_server *server = start(&port);
    const char *answer = ask(port, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    cr_expect(ends_with(answer, "\r\n\r\n"), "%s", answer);
    cr_expect_not_null(strstr(answer, "Content-Length: 8"), "%s", answer);
    http_server_stop(&server);
}

Test(http_server, ends_with_connections_open)
{
    uint16_t port;
    struct http_server *server = start(&port);
    int fds[HTTP_SERVER_CONNECTIONS + 10];
    char byte;

    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = dial(port);
    cr_assert_eq(send(fds[0], "GET /", 5, MSG_NOSIGNAL), 5);
    http_server_stop(&server);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        cr_expect_leq(recv(fds[i], &byte, 1, 0), 0);
        close(fds[i]);
    }
}

Test(http_server, E82_leaves_connections_to_others)
{
    static const char request[] = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    uint16_t port;
    struct http_server *server = start(&port);
    int fds[HTTP_SERVER_CONNECTIONS + 10], other;
    char byte;

    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = dial(port);
    for (size_t i = HTTP_SERVER_OF_ONE_CLIENT; i < COUNT_OF(fds); i++)
        cr_expect_leq(recv(fds[i], &byte, 1, 0), 0, "%zu is one too many", i);
    cr_assert_eq(send(fds[0], request, sizeof(request) - 1, MSG_NOSIGNAL),
                 (ssize_t)sizeof(request) - 1);
    cr_expect_eq(recv(fds[0], &byte, 1, 0), 1, "the first has not even run out of time");
    other = dial_from("127.0.0.2", port);
    cr_assert_eq(send(other, request, sizeof(request) - 1, MSG_NOSIGNAL),
                 (ssize_t)sizeof(request) - 1);
    cr_expect_eq(recv(other, &byte, 1, 0), 1, "somebody else is served");
    close(other);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    http_server_stop(&server);
}

Test(http_server, says_which_address_is_taken)
{
    uint16_t port;
    struct http_server *server = start(&port), *second = NULL;
    char text[32], digits[8];
    struct http_server_options o = {.address = {text, "127.0.0.1", digits}, .handler = echo};
    struct errmsg msg;

    (void)snprintf(digits, sizeof(digits), "%u", port);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    cr_expect_eq(http_server_start(&o, &second, &msg), ERR_IO);
    cr_expect_null(second);
    cr_expect_not_null(strstr(msg.text, text), "%s", msg.text);
    http_server_stop(&server);
}

/* ---- bodies, and what takes long ---- */

static bool is_slow(const struct http_request *request, void *context UNUSED)
{
    return span_equal(request->path, SPAN_LIT("/slow"));
}

/* Answers with the body, turned round; "/slow" after a while. */
static void turn_round(const struct http_request *request, struct http_answer *answer,
                       void *context UNUSED)
{
    answer->status = 201;
    answer->content_type = "application/json";
    http_answer_field(answer, "location", "/there/%d", 7);
    http_answer_field(answer, "x-odd", "a\r\nb");
    if (is_slow(request, NULL))
        (void)usleep(20000);
    for (size_t i = request->body.len; i > 0; i--)
        cr_assert_eq(buf_append_byte(&answer->body, (uint8_t)request->body.at[i - 1]), ERR_OK);
}

static struct http_server *start_turning(uint16_t *ret_port)
{
    const struct http_server_options o = {.address = {"127.0.0.1:0", "127.0.0.1", "0"},
                                          .handler = turn_round,
                                          .is_slow = is_slow,
                                          .workers = 2,
                                          .body_max = 16};
    struct http_server *server = NULL;
    struct errmsg msg;

    cr_assert_eq(http_server_start(&o, &server, &msg), ERR_OK, "%s", msg.text);
    *ret_port = (uint16_t)strtoul(strrchr(http_server_address(server), ':') + 1, NULL, 10);
    return server;
}

Test(http_server, hands_over_bodies_also_to_slow_handlers)
{
    static const char *const paths[] = {"/quick", "/slow"};
    uint16_t port;
    struct http_server *server = start_turning(&port);

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char request[256];
        const char *answer;

        (void)snprintf(request, sizeof(request),
                       "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
                       "4\r\n\r\nabcd",
                       paths[i]);
        answer = ask(port, request);
        cr_expect(ends_with(answer, "\r\n\r\ndcba"), "%s", answer);
        cr_expect_eq(strncmp(answer, "HTTP/1.1 201 Created\r\n", 22), 0, "%s", answer);
        cr_expect_not_null(strstr(answer, "location: /there/7\r\n"), "%s", answer);
        cr_expect_null(strstr(answer, "x-odd"), "%s", answer);
    }
    http_server_stop(&server);
}

Test(http_server, refuses_bodies_without_a_length_and_too_large_ones)
{
    static const struct {
        const char *request, *status;
    } bad[] = {
        {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
         "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
         "HTTP/1.1 411 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
         "17\r\n\r\n01234567890123456",
         "HTTP/1.1 413 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\nAccept: "
         "a\r\nAccept: b\r\n\r\na",
         "HTTP/1.1 400 "},
    };
    uint16_t port;
    struct http_server *server = start_turning(&port);

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *answer = ask(port, bad[i].request);

        cr_expect_eq(strncmp(answer, bad[i].status, strlen(bad[i].status)), 0, "%s", answer);
    }
    http_server_stop(&server);
}

Test(http_server, survives_clients_that_leave_before_a_slow_answer)
{
    static const char request[] = "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
    uint16_t port;
    struct http_server *server = start_turning(&port);

    for (int i = 0; i < 20; i++) {
        int fd = dial(port);

        cr_assert_eq(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL),
                     (ssize_t)sizeof(request) - 1);
        close(fd);
    }
    cr_expect_not_null(strstr(ask(port, "POST /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                        "Content-Length: 2\r\n\r\nxy"),
                              "\r\n\r\nyx"));
    for (int i = 0; i < 5; i++) {
        int fd = dial(port);

        cr_assert_eq(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL),
                     (ssize_t)sizeof(request) - 1);
        close(fd);
    }
    http_server_stop(&server); /* with some under way */
}

/* ---- answers in pieces ---- */

enum { PIECES = 400, PIECE_BYTES = 64 << 10 };

struct pieces {
    bool breaks;        /* after half of them */
    atomic_int sent;    /* that http_answer_send() took */
    atomic_bool wanted; /* it said so to the end */
};

static void stream(const struct http_request *request UNUSED, struct http_answer *answer,
                   void *context)
{
    struct pieces *p = context;
    char piece[PIECE_BYTES];
    enum err e = ERR_OK;

    memset(piece, '#', sizeof(piece));
    answer->status = 200;
    for (int i = 0; e == ERR_OK && i < PIECES; i++) {
        if (p->breaks && i == PIECES / 2)
            http_answer_break(answer);
        cr_assert_eq(buf_append(&answer->body, piece, sizeof(piece)), ERR_OK);
        e = http_answer_send(answer);
        if (e == ERR_OK)
            atomic_fetch_add(&p->sent, 1);
    }
    atomic_store(&p->wanted, e == ERR_OK);
}

static bool always(const struct http_request *request UNUSED, void *context UNUSED)
{
    return true;
}

static struct http_server *start_stream(struct pieces *p, uint16_t *ret_port)
{
    const struct http_server_options o = {.address = {"127.0.0.1:0", "127.0.0.1", "0"},
                                          .handler = stream,
                                          .context = p,
                                          .is_slow = always,
                                          .workers = 1};
    struct http_server *server = NULL;
    struct errmsg msg;

    cr_assert_eq(http_server_start(&o, &server, &msg), ERR_OK, "%s", msg.text);
    *ret_port = (uint16_t)strtoul(strrchr(http_server_address(server), ':') + 1, NULL, 10);
    return server;
}

static int ask_stream(uint16_t port)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    int fd = dial(port);

    cr_assert_eq(send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL), (ssize_t)sizeof(text) - 1);
    return fd;
}

/* How many '#' come; *ret_whole: the last chunk, too. */
static size_t read_stream(int fd, bool *ret_whole)
{
    static char bytes[1 << 16];
    char end[8] = "";
    size_t count = 0;
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            count += bytes[i] == '#';
        if (n >= 5)
            (void)snprintf(end, sizeof(end), "%.5s", bytes + n - 5);
    }
    *ret_whole = strcmp(end, "0\r\n\r\n") == 0;
    return count;
}

Test(http_server, sends_an_answer_in_pieces)
{
    struct pieces p = {.breaks = false};
    uint16_t port;
    struct http_server *server = start_stream(&p, &port);
    bool whole = false;
    int fd = ask_stream(port);

    cr_expect_eq(read_stream(fd, &whole), (size_t)PIECES * PIECE_BYTES);
    cr_expect(whole);
    close(fd);
    http_server_stop(&server);
    cr_expect(atomic_load(&p.wanted));
}

Test(http_server, breaks_off_what_must_not_be_taken_for_whole)
{
    struct pieces p = {.breaks = true};
    uint16_t port;
    struct http_server *server = start_stream(&p, &port);
    bool whole = true;
    int fd = ask_stream(port);

    (void)read_stream(fd, &whole);
    cr_expect_not(whole);
    close(fd);
    http_server_stop(&server);
}

Test(http_server, waits_for_a_slow_client_and_not_for_one_that_is_gone)
{
    struct pieces p = {.breaks = false};
    const int small = 4096;
    uint16_t port;
    struct http_server *server = start_stream(&p, &port);
    int fd = ask_stream(port), before = -1;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    while (before != atomic_load(&p.sent)) { /* until nothing moves any more */
        before = atomic_load(&p.sent);
        (void)usleep(300000); /* style 7.10: that nothing happens can only be waited for */
    }
    cr_expect_lt(before, PIECES, "all were made before the client took any");
    close(fd);
    http_server_stop(&server);
    cr_expect_not(atomic_load(&p.wanted));
}

Test(http_server, ends_while_a_client_takes_nothing)
{
    struct pieces p = {.breaks = false};
    uint16_t port;
    struct http_server *server = start_stream(&p, &port);
    int fd = ask_stream(port);

    while (atomic_load(&p.sent) == 0)
        (void)sched_yield();
    http_server_stop(&server);
    close(fd);
}
