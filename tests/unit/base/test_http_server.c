/* SPDX-License-Identifier: Apache-2.0 */
/* A small server: what its handler sees, and how it ends. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
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
                       (int)request->authorization.len,
                       request->authorization.at == NULL ? "" : request->authorization.at);

    answer->status = 200;
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

static int dial(uint16_t port)
{
    const struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(connect(fd, (const struct sockaddr *)&in, sizeof(in)), 0);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
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
