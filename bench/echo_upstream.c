/* SPDX-License-Identifier: Apache-2.0 */
/* The upstream of the proxy benchmark: answers every request with its own body, or with a fixed
 * JSON document where there is none, as cheaply as one thread can. It trusts its peers (proxies
 * under test on loopback): no limits, no timeouts, Content-Length only.
 *
 *   echo_upstream PORT     listens on 127.0.0.1; prints "ready" and serves until killed
 *
 * Runs on: one thread, edge-free epoll. Holds: one buffer a connection. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 16, EVENTS = 256, HEAD_BYTES = 160 };

struct connection {
    int fd;
    size_t used;
    char in[BUFFER_BYTES];
    char out[BUFFER_BYTES + HEAD_BYTES];
};

static const char FIXED[] =
    "{\"id\":7,\"plan\":\"standard\",\"active\":true,\"tags\":[\"a\",\"b\",\"c\"]}";

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1024) != 0)
        fail("listen");
    return fd;
}

static void watch(int epoll, int fd, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
}

static void accept_one(int epoll, int listener)
{
    int on = 1;
    struct connection *c;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    c = malloc(sizeof *c);
    if (c == NULL || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        fail("connection");
    c->fd = fd;
    c->used = 0;
    watch(epoll, fd, c);
}

/* The body's length that a request head states; 0 when it states none. */
static size_t body_length(const char *head, size_t len)
{
    static const char NAME[] = "\r\ncontent-length:";

    for (size_t i = 0; i + sizeof NAME <= len; i++)
        if (head[i] == '\r' && strncasecmp(head + i, NAME, sizeof NAME - 1) == 0)
            return (size_t)strtoul(head + i + sizeof NAME - 1, NULL, 10);
    return 0;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool answer(struct connection *c, const char *body, size_t len)
{
    int head = snprintf(c->out, HEAD_BYTES,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        len);

    memcpy(c->out + head, body, len);
    return send_all(c->fd, c->out, (size_t)head + len);
}

/* Answer every whole request in the buffer; false when the connection is to be closed. */
static bool serve(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in + c->used, BUFFER_BYTES - 1 - c->used, 0);

    if (n <= 0)
        return false;
    c->used += (size_t)n;
    for (;;) {
        char *end;
        size_t head;
        size_t body;

        c->in[c->used] = '\0';
        end = memmem(c->in, c->used, "\r\n\r\n", 4);
        if (end == NULL)
            return c->used < BUFFER_BYTES - 1;
        head = (size_t)(end - c->in) + 4;
        body = body_length(c->in, head);
        if (body > BUFFER_BYTES - 1 - head)
            return false;
        if (c->used < head + body)
            return true;
        if (!(body > 0 ? answer(c, c->in + head, body) : answer(c, FIXED, sizeof FIXED - 1)))
            return false;
        memmove(c->in, c->in + head + body, c->used - head - body);
        c->used -= head + body;
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    unsigned long port = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    int listener;
    int epoll;

    if (port == 0 || port > 65535) {
        (void)fprintf(stderr, "usage: echo_upstream PORT\n");
        return 2;
    }
    listener = listen_on((uint16_t)port);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        fail("epoll_create1");
    watch(epoll, listener, NULL);
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;

            if (c == NULL) {
                accept_one(epoll, listener);
            } else if (!serve(c)) {
                (void)close(c->fd);
                free(c);
            }
        }
    }
}
