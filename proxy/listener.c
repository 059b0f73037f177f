/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets, one a loop and address (SO_REUSEPORT), and the clients they bring.
 * Runs on: bound on the control thread, used on the loops'. Holds: struct client for each open
 * connection. Not here: what clients say (exchange.c). */
#include "proxy/proxy_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

enum {
    BACKLOG = 4096,
    ACCEPTS_AT_ONCE = 32,     /* other sockets of the loop want their turn too */
    STALLED_CLIENT_MS = 60000 /* unacknowledged, or with a closed window: gone */
};

/* ---- binding ---- */

static int socket_for(const struct addrinfo *a)
{
    const int on = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    return fd;
}

/* SO_REUSEPORT would let a second server of the same user share our port without a word: bind once
 * without it first. */
static bool is_free(const struct addrinfo *a)
{
    int fd = socket_for(a);
    bool ok = fd >= 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0;
    int saved = errno;

    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return ok;
}

static int bind_one(const struct addrinfo *a)
{
    const int on = 1;
    int fd = socket_for(a), saved;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
        bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    saved = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return -1;
}

static char *address_text(int fd)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    char host[NI_MAXHOST], port[NI_MAXSERV], text[NI_MAXHOST + NI_MAXSERV + 4];

    REQUIRE(getsockname(fd, (struct sockaddr *)&bound, &len) == 0);
    REQUIRE(getnameinfo((struct sockaddr *)&bound, len, host, sizeof(host), port, sizeof(port),
                        NI_NUMERICHOST | NI_NUMERICSERV) == 0);
    (void)snprintf(text, sizeof(text), bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                   port);
    return mem_strdup(text);
}

/* Bind one listener for every loop; port 0 is settled by the first. */
static enum err bind_all(struct proxy *proxy, size_t index, struct addrinfo *a, struct errmsg *msg)
{
    const char *address = proxy->settings->listens[index].address;

    if (strtoul(proxy->settings->listens[index].port, NULL, 10) != 0 && !is_free(a))
        return errmsg_set(msg, ERR_IO, "cannot listen on %s: %s", address, strerror(errno));
    for (size_t i = 0; i < proxy->loop_count; i++) {
        int fd = bind_one(a);

        if (fd < 0)
            return errmsg_set(msg, ERR_IO, "cannot listen on %s: %s", address, strerror(errno));
        proxy->loops[i].listen_fds[index] = fd;
        REQUIRE(getsockname(fd, a->ai_addr, &a->ai_addrlen) == 0);
    }
    proxy->addresses[proxy->address_count++] = address_text(proxy->loops[0].listen_fds[index]);
    return ERR_OK;
}

enum err listeners_bind(struct proxy *proxy, struct errmsg *msg)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};

    for (size_t i = 0; i < proxy->settings->listen_count; i++) {
        const struct listen_def *def = &proxy->settings->listens[i];
        struct addrinfo *list = NULL;
        int status = getaddrinfo(def->host, def->port, &hints, &list);
        enum err e;

        if (status != 0)
            return errmsg_set(msg, ERR_IO, "cannot listen on %s: %s", def->address,
                              gai_strerror(status));
        e = bind_all(proxy, i, list, msg);
        freeaddrinfo(list);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* ---- clients ---- */

static void on_closed(void *data)
{
    struct client *client = data;

    h2o_linklist_unlink(&client->link);
    free(client);
}

struct client *client_of(h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

struct span client_peer(struct client *client)
{
    struct sockaddr_storage address;
    char text[NI_MAXHOST];
    socklen_t len;
    size_t text_len;

    if (client->peer_len == 0) {
        len = h2o_socket_getpeername(client->socket, (struct sockaddr *)&address);
        text_len =
            len == 0 ? SIZE_MAX : h2o_socket_getnumerichost((struct sockaddr *)&address, len, text);
        if (text_len > sizeof(client->peer)) /* also SIZE_MAX: it has gone already */
            return SPAN_LIT("unknown");
        memcpy(client->peer, text, text_len);
        client->peer_len = (uint8_t)text_len;
    }
    return span_of(client->peer, client->peer_len);
}

static void take_client(struct proxy_listener *listener, h2o_socket_t *socket)
{
    const unsigned stalled_ms = STALLED_CLIENT_MS;
    struct client *client = mem_alloc(sizeof(*client));

    client->socket = socket;
    client->tls = listener->accept.ssl_ctx != NULL;
    h2o_linklist_insert(&listener->loop->clients, &client->link);
    socket->on_close.cb = on_closed;
    socket->on_close.data = client;
    (void)setsockopt(h2o_socket_get_fd(socket), IPPROTO_TCP, TCP_USER_TIMEOUT, &stalled_ms,
                     sizeof(stalled_ms));
    h2o_accept(&listener->accept, socket);
}

/* ---- accepting ---- */

static void on_readable(h2o_socket_t *socket, const char *err);

static void on_retry(h2o_timeout_entry_t *entry)
{
    struct proxy_listener *listener = CONTAINER_OF(entry, struct proxy_listener, retry);

    h2o_socket_read_start(listener->socket, on_readable);
}

static void on_readable(h2o_socket_t *socket, const char *err)
{
    struct proxy_listener *listener = socket->data;
    struct proxy_loop *loop = listener->loop;

    if (err != NULL)
        return;
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        h2o_socket_t *accepted = h2o_evloop_socket_accept(socket);

        if (accepted != NULL) {
            take_client(listener, accepted);
            continue;
        }
        /* Out of descriptors: the connection stays in the queue and would wake us for ever. */
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            h2o_socket_read_stop(socket);
            h2o_timeout_link(loop->evloop, &loop->context.hundred_ms_timeout, &listener->retry);
        }
        return;
    }
}

void listeners_start(struct proxy_loop *loop)
{
    const struct proxy_settings *settings = loop->proxy->settings;

    loop->listeners = mem_alloc(settings->listen_count * sizeof(*loop->listeners));
    for (size_t i = 0; i < settings->listen_count; i++) {
        struct proxy_listener *listener = &loop->listeners[i];

        listener->loop = loop;
        listener->accept.ctx = &loop->context;
        listener->accept.hosts = loop->proxy->config.hosts;
        listener->accept.ssl_ctx = settings->listens[i].tls;
        listener->retry.cb = on_retry;
        listener->socket =
            h2o_evloop_socket_create(loop->evloop, loop->listen_fds[i], H2O_SOCKET_FLAG_DONT_READ);
        loop->listen_fds[i] = -1;
        listener->socket->data = listener;
        h2o_socket_read_start(listener->socket, on_readable);
    }
}

void listeners_stop(struct proxy_loop *loop)
{
    for (size_t i = 0; i < loop->proxy->settings->listen_count; i++) {
        struct proxy_listener *listener = &loop->listeners[i];
        h2o_socket_t *accepted;

        /* Who is in the queue has been told that it is connected: serve it. */
        while ((accepted = h2o_evloop_socket_accept(listener->socket)) != NULL)
            take_client(listener, accepted);
        h2o_timeout_unlink(&listener->retry);
        h2o_socket_close(listener->socket);
    }
    /* The accept contexts stay: a TLS handshake may still be using one. */
}
