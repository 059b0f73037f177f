/* SPDX-License-Identifier: Apache-2.0 */
/* Clients: who is let in, where they are from, and their end.
 * Runs on: the loop threads. Holds: struct client for each open connection, freed when its socket is
 * closed. Invariant: each is counted once, in all and for its address, and uncounted once. Not here:
 * how long they may take (client_watch.c), what they say (exchange.c). */
#include "proxy/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/assert.h"
#include "proxy/proxy_line.h"

enum { STALLED_CLIENT_MS = 60000 /* unacknowledged, or with a closed window: gone */ };

static const struct limit_settings *limits_of(const struct proxy_loop *loop)
{
    return &loop->setup->settings->limits;
}

/* ---- its end ---- */

static void uncount(struct client *client)
{
    struct proxy *proxy = client->loop->proxy;

    if (client->counted)
        meters_disconnect(proxy->meters, &client->meter);
    (void)atomic_fetch_sub_explicit(&proxy->connections, 1, memory_order_relaxed);
}

static void on_closed(void *data)
{
    struct client *client = data;

    h2o_timeout_unlink(&client->greeting);
    h2o_linklist_unlink(&client->link);
    client->listener->clients--;
    counter_set(&client->loop->figures.open, counter_read(&client->loop->figures.open) - 1);
    uncount(client);
    tls_peer_free(&client->certificate);
    free(client);
}

/* There is no room for this one. It is told so where that costs one call and no handshake. */
static void turn_away(struct proxy_loop *loop, h2o_socket_t *socket, bool speaks_http)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                               "Retry-After: 1\r\nContent-Length: 0\r\n\r\n";
    int fd = h2o_socket_get_fd(socket);

    loop->turned_away++;
    counter_add(&loop->figures.turned_away, 1);
    if (speaks_http && send(fd, busy, sizeof(busy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        (void)shutdown(fd, SHUT_WR);
    h2o_socket_close(socket);
}

/* ---- where it is from ---- */

struct client *client_of(h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

void client_on_certificate(void *transport, struct tls_peer *peer)
{
    h2o_socket_t *socket = transport;
    struct client *client = socket->on_close.data;

    tls_peer_free(&client->certificate);
    client->certificate = peer;
}

static void set_direct(struct client *client, struct address address)
{
    client->direct = address;
    client->edge = (struct edge_client){.address = address, .https = client->tls};
    client->peer_len = 0;
}

static struct address peer_of(h2o_socket_t *socket)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    if (getpeername(h2o_socket_get_fd(socket), (struct sockaddr *)&peer, &len) != 0)
        return (struct address){.known = false}; /* it has gone already */
    return address_of((struct sockaddr *)&peer);
}

struct span client_peer(struct client *client)
{
    if (client->peer_len == 0)
        client->peer_len = (uint8_t)address_write(&client->edge.address, client->peer);
    return span_of(client->peer, client->peer_len);
}

enum err client_read_edge(struct client *client, const struct edge_trust *trust,
                          const h2o_headers_t *headers)
{
    struct edge_client edge = {.address = client->direct, .https = client->tls};
    enum err e = ERR_OK;

    client->trusted = edge_trusts(trust, &client->direct);
    if (client->trusted)
        e = edge_read(trust, headers, &edge);
    if (e != ERR_OK)
        return e;
    if (!address_equal(&edge.address, &client->edge.address))
        client->peer_len = 0;
    client->edge = edge;
    return ERR_OK;
}

/* ---- being let in ---- */

/* Trusted proxies bring the clients of others: they are counted by request, not by connection. */
static bool count(struct client *client)
{
    struct proxy_loop *loop = client->loop;

    if (edge_trusts(&loop->setup->settings->trust, &client->direct))
        return true;
    client->meter = meter_client(&client->direct);
    client->counted = meters_connect(loop->proxy->meters, &client->meter,
                                     (size_t)limits_of(loop)->connections_per_client);
    return client->counted;
}

static void let_in(struct client *client)
{
    if (count(client))
        h2o_accept(&client->listener->accept, client->socket);
    else
        turn_away(client->loop, client->socket, !client->tls);
}

/* ---- the PROXY protocol ---- */

static void on_greeting_late(h2o_timeout_entry_t *entry)
{
    struct client *client = CONTAINER_OF(entry, struct client, greeting);

    client->loop->cut++;
    counter_add(&client->loop->figures.cut, 1);
    h2o_socket_close(client->socket);
}

static void on_greeting(h2o_socket_t *socket, const char *err)
{
    struct client *client = socket->on_close.data;
    struct proxy_line line;
    enum proxy_line_step step = PROXY_LINE_BAD;

    if (err == NULL)
        step = proxy_line_read(span_of(socket->input->bytes, socket->input->size), &line);
    if (step == PROXY_LINE_MORE)
        return;
    h2o_timeout_unlink(&client->greeting);
    h2o_socket_read_stop(socket);
    if (step == PROXY_LINE_BAD) {
        h2o_socket_close(socket);
        return;
    }
    h2o_buffer_consume(&socket->input, line.len);
    if (line.address.known)
        set_direct(client, line.address);
    let_in(client);
}

/* Only who is trusted may say whom it brings; everyone else is nobody here. */
static void await_greeting(struct client *client)
{
    struct proxy_loop *loop = client->loop;

    if (!edge_trusts(&loop->setup->settings->trust, &client->direct)) {
        turn_away(loop, client->socket, false);
        return;
    }
    client->greeting.cb = on_greeting_late;
    h2o_timeout_link(loop->evloop, &loop->context.handshake_timeout, &client->greeting);
    h2o_socket_read_start(client->socket, on_greeting);
}

/* ---- arriving ---- */

static bool has_room(struct proxy_loop *loop)
{
    struct proxy *proxy = loop->proxy;
    size_t before = atomic_fetch_add_explicit(&proxy->connections, 1, memory_order_relaxed);

    if (before < (size_t)limits_of(loop)->connections)
        return true;
    (void)atomic_fetch_sub_explicit(&proxy->connections, 1, memory_order_relaxed);
    return false;
}

void client_arrive(struct proxy_listener *listener, h2o_socket_t *socket)
{
    const unsigned stalled_ms = STALLED_CLIENT_MS;
    struct proxy_loop *loop = listener->loop;
    struct client *client;

    if (!has_room(loop)) {
        turn_away(loop, socket, listener->accept.ssl_ctx == NULL && !listener->proxy_protocol);
        return;
    }
    client = mem_alloc(sizeof(*client));
    client->loop = loop;
    client->socket = socket;
    client->listener = listener;
    listener->clients++;
    counter_add(&loop->figures.accepted, 1);
    counter_set(&loop->figures.open, counter_read(&loop->figures.open) + 1);
    client->tls = listener->accept.ssl_ctx != NULL;
    h2o_linklist_insert(&loop->clients, &client->link);
    socket->on_close.cb = on_closed;
    socket->on_close.data = client;
    set_direct(client, peer_of(socket));
    (void)setsockopt(h2o_socket_get_fd(socket), IPPROTO_TCP, TCP_USER_TIMEOUT, &stalled_ms,
                     sizeof(stalled_ms));
    clients_watch(loop);
    if (listener->proxy_protocol)
        await_greeting(client);
    else
        let_in(client);
}
