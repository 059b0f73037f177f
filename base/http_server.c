/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 server.
 * Runs on: its own thread, all of libh2o's part. Holds: its event loop, connections. Invariant: it
 * ends only when every connection is closed. Not here: requests (base/http_service.c). */
#include "base/http_server.h"

#include <errno.h>
#include <h2o.h>
#include <h2o/http1.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/http_overrides.h"
#include "base/http_service_priv.h"
#include "base/http_thread.h"
#include "base/http_turn.h"
#include "base/mem.h"
#include "base/meter.h"
#include "base/tls.h"

enum {
    SERVER_MAGIC = 0x4c687376,
    REQUEST_MS = 10000,       /* from the first byte awaited to the last of the head */
    STALLED_CLIENT_MS = 30000 /* unacknowledged, or with a closed window: gone */
};

struct http_server {
    uint32_t magic;
    struct http_server_options options;
    struct http_service service;
    char *address;
    int fd;
    pthread_t thread;
    h2o_globalconf_t config;
    h2o_evloop_t *evloop;
    h2o_context_t context;
    h2o_multithread_receiver_t orders; /* `order`, when there is a certificate */
    h2o_multithread_message_t order;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener;
    h2o_timeout_entry_t retry; /* when no descriptor is left */
    h2o_linklist_t clients;
    size_t client_count;
    bool accepting;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool up;
    bool may_leave;             /* nobody wakes it any more */
    struct ssl_ctx_st *new_tls; /* owned; NULL: none */
    atomic_bool stop;
};

struct client {
    h2o_linklist_t link;
    h2o_socket_t *socket;
    struct http_server *server;
    struct meter_key who;         /* its address, or network */
    struct tls_peer *certificate; /* verified; NULL: it showed none */
};

static void on_acceptable(h2o_socket_t *socket, const char *err);

/* ---- connections ---- */

static void accept_more(struct http_server *server)
{
    bool wanted = server->listener != NULL && server->client_count < HTTP_SERVER_CONNECTIONS;

    if (wanted == server->accepting)
        return;
    server->accepting = wanted;
    if (wanted)
        h2o_socket_read_start(server->listener, on_acceptable);
    else if (server->listener != NULL)
        h2o_socket_read_stop(server->listener);
}

static void on_closed(void *data)
{
    struct client *client = data;
    struct http_server *server = client->server;

    h2o_linklist_unlink(&client->link);
    tls_peer_free(&client->certificate);
    free(client);
    server->client_count--;
    accept_more(server);
}

void http_server_take_certificate(void *transport, struct tls_peer *peer)
{
    h2o_socket_t *socket = transport;
    struct client *client = socket->on_close.data;

    tls_peer_free(&client->certificate);
    client->certificate = peer;
}

/* One that has ended since the handshake says nothing any more. */
struct span http_service_certificate(const h2o_socket_t *socket)
{
    const struct client *client = socket->on_close.data;

    return client->certificate == NULL || client->certificate->not_after_s < clock_now_s()
               ? SPAN_NONE
               : span_of(client->certificate->fingerprint, TLS_FINGERPRINT_BYTES);
}

/* There is no more to a connection than its descriptor yet. One whose peer has gone already counts as nobody's. */
static struct meter_key peer_of(h2o_socket_t *socket)
{
    struct address address = {.known = false};
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    if (getpeername(h2o_socket_get_fd(socket), (struct sockaddr *)&peer, &len) == 0)
        address = address_of((struct sockaddr *)&peer);
    return meter_client(&address);
}

/* Nobody keeps all others out by holding every connection open. */
static bool has_its_share(const struct http_server *server, const struct meter_key *who)
{
    size_t count = 0;

    for (const h2o_linklist_t *node = server->clients.next; node != &server->clients;
         node = node->next)
        count += memcmp(&CONTAINER_OF(node, struct client, link)->who, who, sizeof(*who)) == 0;
    return count >= HTTP_SERVER_OF_ONE_CLIENT;
}

static void take_client(struct http_server *server, h2o_socket_t *socket)
{
    const unsigned stalled_ms = STALLED_CLIENT_MS;
    const struct meter_key who = peer_of(socket);
    struct client *client;

    if (has_its_share(server, &who)) {
        h2o_socket_close(socket);
        return;
    }
    client = mem_alloc(sizeof(*client));
    client->socket = socket;
    client->server = server;
    client->who = who;
    h2o_linklist_insert(&server->clients, &client->link);
    server->client_count++;
    socket->on_close.cb = on_closed;
    socket->on_close.data = client;
    (void)setsockopt(h2o_socket_get_fd(socket), IPPROTO_TCP, TCP_USER_TIMEOUT, &stalled_ms,
                     sizeof(stalled_ms));
    h2o_accept(&server->accept, socket);
}

static void on_retry(h2o_timeout_entry_t *entry)
{
    accept_more(CONTAINER_OF(entry, struct http_server, retry));
}

static void on_acceptable(h2o_socket_t *socket, const char *err)
{
    struct http_server *server = socket->data;
    h2o_socket_t *accepted;

    if (err != NULL)
        return;
    while (server->client_count < HTTP_SERVER_CONNECTIONS &&
           (accepted = h2o_evloop_socket_accept(socket)) != NULL)
        take_client(server, accepted);
    if (server->client_count < HTTP_SERVER_CONNECTIONS &&
        (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        server->accepting = false; /* else the waiting connection would wake us for ever */
        h2o_socket_read_stop(socket);
        h2o_timeout_link(server->evloop, &server->context.hundred_ms_timeout, &server->retry);
        return;
    }
    accept_more(server);
}

/* ---- the thread ---- */

static void on_orders(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct http_server *server = CONTAINER_OF(receiver, struct http_server, orders);
    struct ssl_ctx_st *tls;

    while (!h2o_linklist_is_empty(messages))
        h2o_linklist_unlink(messages->next);
    (void)pthread_mutex_lock(&server->lock);
    tls = TAKE(server->new_tls);
    if (tls != NULL) {
        tls_free(&server->accept.ssl_ctx);
        server->accept.ssl_ctx = tls;
    }
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
}

static void set_up(struct http_server *server)
{
    h2o_linklist_init_anchor(&server->clients);
    server->evloop = h2o_evloop_create();
    h2o_context_init(&server->context, server->evloop, &server->config);
    h2o_multithread_register_receiver(server->context.queue, &server->orders, on_orders);
    http_service_listen(&server->service, server->context.queue);
    server->accept.ctx = &server->context;
    server->accept.hosts = server->config.hosts;
    server->retry.cb = on_retry;
    server->listener =
        h2o_evloop_socket_create(server->evloop, server->fd, H2O_SOCKET_FLAG_DONT_READ);
    server->listener->data = server;
    server->fd = -1;
    accept_more(server);
}

static void close_all(struct http_server *server)
{
    h2o_linklist_t *node = server->clients.next;

    h2o_timeout_unlink(&server->retry);
    if (server->listener != NULL)
        h2o_socket_close(TAKE(server->listener));
    server->context.shutdown_requested = 1;
    for (; node != &server->clients; node = node->next)
        (void)shutdown(h2o_socket_get_fd(CONTAINER_OF(node, struct client, link)->socket),
                       SHUT_RDWR);
}

static void take_down(struct http_server *server)
{
    h2o_multithread_queue_t *queue = server->context.queue;

    http_service_deafen(&server->service, queue);
    h2o_multithread_unregister_receiver(queue, &server->orders);
    h2o_context_dispose(&server->context);
    (void)h2o_evloop_run(server->evloop, 0); /* frees the sockets that were just closed */
    h2o_evloop_destroy(server->evloop);
    free(queue); /* the library forgets to, on this event loop */
    http_thread_end();
}

static void *serve(void *context)
{
    enum { CLOSING_POLL_MS = 20 };
    struct http_server *server = context;

    set_up(server);
    (void)pthread_mutex_lock(&server->lock);
    server->up = true;
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
    while (!atomic_load(&server->stop))
        http_turn(server->evloop, INT32_MAX);
    do {
        close_all(server);
        http_turn(server->evloop, CLOSING_POLL_MS);
    } while (server->client_count > 0);
    (void)pthread_mutex_lock(&server->lock);
    while (!server->may_leave)
        (void)pthread_cond_wait(&server->changed, &server->lock);
    (void)pthread_mutex_unlock(&server->lock);
    take_down(server);
    return NULL;
}

/* ---- starting and stopping ---- */

static void configure(struct http_server *server)
{
    h2o_hostconf_t *host;

    http_overrides_check();
    h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX; /* nothing goes to files */
    h2o_config_init(&server->config);
    server->config.server_name = h2o_iovec_init(NULL, 0);
    server->config.max_request_entity_size = server->options.body_max;
    server->config.http1.req_timeout = REQUEST_MS;
    server->config.http1.upgrade_to_http2 = 0;
    host = h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    host->http2.push_preload = 0;
    host->fallback_path.error_log.emit_request_errors = 0; /* they print the path */
    http_service_attach(&server->service, host);
}

static void free_server(struct http_server *server)
{
    if (server->fd >= 0)
        (void)close(server->fd);
    http_service_done(&server->service);
    h2o_config_dispose(&server->config);
    tls_free(&server->accept.ssl_ctx);
    tls_free(&server->new_tls);
    (void)pthread_cond_destroy(&server->changed);
    (void)pthread_mutex_destroy(&server->lock);
    free(server->address);
    server->magic = 0;
    free(server);
}

/* Signals are the control thread's. */
static bool start_thread(struct http_server *server)
{
    sigset_t all, before;
    bool ok;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    ok = pthread_create(&server->thread, NULL, serve, server) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!ok)
        return false;
    (void)pthread_mutex_lock(&server->lock);
    while (!server->up)
        (void)pthread_cond_wait(&server->changed, &server->lock);
    (void)pthread_mutex_unlock(&server->lock);
    return true;
}

enum err http_server_start(const struct http_server_options *options,
                           struct http_server **ret_server, struct errmsg *msg)
{
    struct http_server *server;
    int fd = -1;
    enum err e = ERR_OK;

    if (options->bound != NULL)
        fd = *options->bound;
    else
        e = http_listen(&options->address, &fd, 1, msg);
    if (e != ERR_OK)
        return e;
    server = mem_alloc(sizeof(*server));
    server->magic = SERVER_MAGIC;
    server->options = *options;
    server->options.address = (struct http_address){NULL, NULL, NULL};
    server->options.bound = NULL;
    server->fd = fd;
    server->address = http_listen_address(fd);
    server->accept.ssl_ctx = tls_share(options->tls);
    REQUIRE(pthread_mutex_init(&server->lock, NULL) == 0 &&
            pthread_cond_init(&server->changed, NULL) == 0);
    configure(server);
    if (http_service_start(&server->service, &server->options) != ERR_OK || !start_thread(server)) {
        free_server(server);
        return errmsg_set(msg, ERR_IO, "cannot start a thread for %s", options->address.text);
    }
    *ret_server = server;
    return ERR_OK;
}

const char *http_server_address(const struct http_server *server)
{
    return server->address;
}

void http_server_use_tls(struct http_server *server, struct ssl_ctx_st *tls)
{
    if (tls == NULL)
        return;
    (void)pthread_mutex_lock(&server->lock);
    server->new_tls = tls_share(tls);
    h2o_multithread_send_message(&server->orders, &server->order);
    while (server->new_tls != NULL)
        (void)pthread_cond_wait(&server->changed, &server->lock);
    (void)pthread_mutex_unlock(&server->lock);
}

void http_server_stop(struct http_server **serverp)
{
    struct http_server *server = TAKE(*serverp);

    if (server == NULL)
        return;
    REQUIRE(server->magic == SERVER_MAGIC);
    http_service_end(&server->service); /* its answers still go out */
    atomic_store(&server->stop, true);
    h2o_multithread_send_message(&server->orders, NULL);
    (void)pthread_mutex_lock(&server->lock);
    server->may_leave = true;
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
    (void)pthread_join(server->thread, NULL);
    free_server(server);
}
