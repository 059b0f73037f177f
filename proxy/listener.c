/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets, one a loop and address (SO_REUSEPORT).
 * Runs on: bound on the control thread, used on the loops'. Holds: the sockets. Not here: who is let in
 * (client.c). */
#include "proxy/client.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "proxy/exchange.h"

enum { ACCEPTS_AT_ONCE = 32 /* other sockets of the loop want their turn too */ };

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
            client_arrive(listener, accepted);
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

/* ---- starting and stopping ---- */

static struct proxy_listener *find_listener(const struct proxy_loop *loop, uint32_t point)
{
    h2o_linklist_t *node = loop->listeners.next;

    for (; node != &loop->listeners; node = node->next) {
        struct proxy_listener *listener = CONTAINER_OF(node, struct proxy_listener, link);

        if (listener->point == point)
            return listener;
    }
    return NULL;
}

static struct proxy_listener *start_listener(struct proxy_loop *loop, uint32_t point, int fd)
{
    struct proxy_listener *listener = mem_alloc(sizeof(*listener));

    listener->loop = loop;
    listener->point = point;
    listener->accept.ctx = &loop->context;
    listener->accept.hosts = loop->proxy->config.hosts;
    listener->retry.cb = on_retry;
    listener->socket = h2o_evloop_socket_create(loop->evloop, fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
    h2o_linklist_insert(&loop->listeners, &listener->link);
    return listener;
}

static void stop_listener(struct proxy_listener *listener)
{
    h2o_socket_t *socket = TAKE(listener->socket), *accepted;

    if (socket == NULL)
        return;
    /* Who is in the queue has been told that it is connected: serve it. */
    while ((accepted = h2o_evloop_socket_accept(socket)) != NULL)
        client_arrive(listener, accepted);
    h2o_timeout_unlink(&listener->retry);
    h2o_socket_close(socket);
    /* The accept context stays: a TLS handshake may still be using it. */
}

static void free_listener(struct proxy_listener *listener)
{
    h2o_linklist_unlink(&listener->link);
    free(listener);
}

static bool has_point(const struct proxy_setup *setup, uint32_t point)
{
    for (size_t i = 0; i < setup->settings->listen_count; i++)
        if (setup->points[i] == point)
            return true;
    return false;
}

/* Nobody waits for a further request of these clients. */
static void let_clients_go(struct proxy_loop *loop, const struct proxy_listener *listener)
{
    h2o_linklist_t *node = loop->clients.next;

    for (; node != &loop->clients; node = node->next) {
        struct client *client = CONTAINER_OF(node, struct client, link);

        if (client->listener == listener)
            client->leaving = true;
    }
    exchanges_let_go(loop);
}

static void remove_gone(struct proxy_loop *loop, const struct proxy_setup *setup)
{
    h2o_linklist_t *node = loop->listeners.next, *next;

    for (; node != &loop->listeners; node = next) {
        struct proxy_listener *listener = CONTAINER_OF(node, struct proxy_listener, link);

        next = node->next;
        if (has_point(setup, listener->point))
            continue;
        stop_listener(listener);
        let_clients_go(loop, listener);
        if (listener->clients == 0)
            free_listener(listener);
    }
}

void listeners_apply(struct proxy_loop *loop, struct proxy_setup *setup)
{
    const struct proxy_settings *settings = setup->settings;

    remove_gone(loop, setup);
    for (size_t i = 0; i < settings->listen_count; i++) {
        struct proxy_listener *listener = find_listener(loop, setup->points[i]);
        int *fd = &setup->fds[i * loop->proxy->loop_count + loop->index];
        bool is_new = listener == NULL;

        if (is_new) {
            listener = start_listener(loop, setup->points[i], *fd);
            *fd = -1;
        }
        listener->accept.ssl_ctx = settings->listens[i].tls;
        listener->proxy_protocol = settings->listens[i].proxy_protocol;
        if (is_new)
            h2o_socket_read_start(listener->socket, on_readable);
    }
}

void listeners_stop(struct proxy_loop *loop)
{
    h2o_linklist_t *node = loop->listeners.next;

    for (; node != &loop->listeners; node = node->next)
        stop_listener(CONTAINER_OF(node, struct proxy_listener, link));
}

void listeners_free(struct proxy_loop *loop)
{
    while (!h2o_linklist_is_empty(&loop->listeners))
        free_listener(CONTAINER_OF(loop->listeners.next, struct proxy_listener, link));
}
