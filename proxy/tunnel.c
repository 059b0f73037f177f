/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that carry each other's bytes (contract: proxy/tunnel.h).
 * Runs on: a loop thread. Holds: both sockets; of each direction what one read brought, until it is
 * written: who reads slowly makes the other wait. Invariant: an end of one side is the end of both. Not
 * here: who may have a tunnel (exchange_upgrade.c). */
#include "proxy/tunnel.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

enum { TUNNEL_MAGIC = 0x4c74756e };

struct side {
    struct tunnel *tunnel;
    h2o_socket_t *sock;
    struct side *other;
    size_t leaving; /* bytes of its input that the other is writing */
};

struct tunnel {
    uint32_t magic;
    struct side client, upstream;
    h2o_timeout_t idle;
    h2o_timeout_entry_t quiet;
    h2o_loop_t *evloop;
    struct counter *open; /* all of the loop */
};

static void end(struct tunnel *t)
{
    REQUIRE(t->magic == TUNNEL_MAGIC);
    t->magic = 0;
    h2o_timeout_unlink(&t->quiet);
    h2o_timeout_dispose(t->evloop, &t->idle);
    if (t->client.sock != NULL)
        h2o_socket_close(t->client.sock);
    h2o_socket_close(t->upstream.sock);
    counter_set(t->open, counter_read(t->open) - 1);
    free(t);
}

static void on_quiet(h2o_timeout_entry_t *entry)
{
    end(CONTAINER_OF(entry, struct tunnel, quiet));
}

static void keep_alive(struct tunnel *t)
{
    h2o_timeout_unlink(&t->quiet);
    h2o_timeout_link(t->evloop, &t->idle, &t->quiet);
}

static void on_readable(h2o_socket_t *sock, const char *err);
static void on_written(h2o_socket_t *sock, const char *err);

/* What has come from a side goes to the other; until it is written nothing more is read. */
static void pass_on(struct side *from)
{
    h2o_iovec_t bytes = h2o_iovec_init(from->sock->input->bytes, from->sock->input->size);

    from->leaving = bytes.len;
    h2o_socket_read_stop(from->sock);
    h2o_socket_write(from->other->sock, &bytes, 1, on_written);
}

static void on_readable(h2o_socket_t *sock, const char *err)
{
    struct side *side = sock->data;

    REQUIRE(side->tunnel->magic == TUNNEL_MAGIC);
    if (err != NULL) {
        end(side->tunnel);
        return;
    }
    keep_alive(side->tunnel);
    if (side->leaving == 0 && sock->input->size > 0)
        pass_on(side);
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    struct side *from = ((struct side *)sock->data)->other;

    REQUIRE(from->tunnel->magic == TUNNEL_MAGIC);
    if (err != NULL) {
        end(from->tunnel);
        return;
    }
    keep_alive(from->tunnel);
    h2o_buffer_consume(&from->sock->input, from->leaving);
    from->leaving = 0;
    if (from->sock->input->size > 0)
        pass_on(from);
    else
        h2o_socket_read_start(from->sock, on_readable);
}

static void side_init(struct side *side, struct tunnel *t, h2o_socket_t *sock, struct side *other)
{
    *side = (struct side){.tunnel = t, .sock = sock, .other = other};
    sock->data = side;
    h2o_socket_dont_read(sock, 0); /* libh2o reads, into the socket's input */
}

struct tunnel *tunnel_new(struct proxy_loop *loop, h2o_socket_t *upstream, struct span first)
{
    struct tunnel *t = mem_alloc(sizeof(*t));
    h2o_iovec_t room;

    t->magic = TUNNEL_MAGIC;
    t->evloop = loop->evloop;
    t->open = &loop->figures.websockets;
    counter_add(t->open, 1);
    t->quiet.cb = on_quiet;
    h2o_timeout_init(t->evloop, &t->idle, (uint64_t)LIMIT_TUNNEL_IDLE_S * 1000);
    side_init(&t->upstream, t, upstream, &t->client);
    if (first.len > 0) {
        room = h2o_buffer_reserve(&upstream->input, first.len);
        memcpy(room.base, first.at, first.len);
        upstream->input->size += first.len;
    }
    return t;
}

static void start(struct side *side)
{
    if (side->sock->input->size > 0)
        pass_on(side);
    else
        h2o_socket_read_start(side->sock, on_readable);
}

void tunnel_open(void *data, h2o_socket_t *client, size_t head_size)
{
    struct tunnel *t = data;

    REQUIRE(t->magic == TUNNEL_MAGIC);
    if (client == NULL) {
        end(t);
        return;
    }
    h2o_buffer_consume(&client->input, head_size);
    side_init(&t->client, t, client, &t->upstream);
    keep_alive(t);
    start(&t->client);
    start(&t->upstream);
}
