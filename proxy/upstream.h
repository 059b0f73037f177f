/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 client for upstreams (RFC 9112), one pool a loop thread and upstream. Our own, because
 * libh2o 2.2.5's aborts the process on a hostile answer. Everything here runs on its loop thread
 * and nothing blocks. The process must ignore SIGPIPE: libh2o writes TLS records with writev(). */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "base/address.h"
#include "base/endpoint.h"
#include "proxy/upstream_state.h"

struct ssl_ctx_st;

/* A place to connect to, as it was configured. */
struct upstream_server {
    char *host; /* name or address, without brackets */
    char *port;
};

/* Asking each address now and then whether it is well. */
struct upstream_health {
    char *path; /* NULL: nobody asks */
    int64_t interval_ms;
    int64_t timeout_ms; /* connecting and answering together */
    uint32_t rise, fall;
    int status_min, status_max;
};

/* Leaving out addresses where requests fail. */
struct upstream_ejection {
    uint32_t failures; /* in a row; 0: never */
    int64_t base_ms;   /* the first time; twice as long each time after that */
    int64_t max_ms;
    uint32_t share; /* percent of the addresses that may be out; the last one stays in any case */
};

struct upstream_config {
    char *name;
    char *authority; /* the Host it is addressed by: "127.0.0.1:9000" */
    char *host;      /* name or address, for TLS */
    struct upstream_server *servers;
    size_t server_count;
    struct upstream_address *addresses; /* of the servers, at start */
    size_t address_count;
    struct ssl_ctx_st *tls; /* NULL: plain */
    bool egress;            /* connects to public addresses only, and to those allowed */
    struct network *allowed;
    size_t allowed_count;
    int64_t connect_ms;       /* name known to connected; default 3 s */
    int64_t tls_ms;           /* connected to TLS done; default 3 s */
    int64_t write_ms;         /* between bytes of a request going out; default 30 s */
    int64_t first_byte_ms;    /* request sent to response head complete; default 30 s */
    int64_t idle_ms;          /* between bytes of a response's body; default 30 s */
    int64_t response_ms;      /* from the turn to the response's end, all tries; default 1 day */
    int64_t keep_alive_ms;    /* an idle pooled connection lives this long; default 20 s */
    int64_t resolve_ms;       /* names are resolved again after this; 0: never; default 60 s */
    int64_t queue_ms;         /* waiting for a turn; default 1 s */
    uint32_t idle_max;        /* idle connections kept a loop; default 64 */
    uint32_t connections_max; /* open connections a loop; default 512; BUSY beyond */
    uint32_t concurrency;     /* requests at a time, all loops; 0: as many as come */
    uint32_t queue_max;       /* waiting for a turn, all loops; BUSY beyond */
    struct upstream_health health;
    struct upstream_ejection ejection;
};

struct upstream_header {
    struct span name; /* as it came; compared without case */
    struct span value;
};

struct upstream_head {
    int status; /* final: 1xx are swallowed, and 101 where it was not asked for is an error */
    /* Without hop-by-hop ones, those named in Connection (RFC 9110 7.6.1), and Content-Length. */
    const struct upstream_header *headers;
    size_t header_count;
    int64_t content_length; /* as declared, to HEAD and in 304 too; -1: not known before the end */
    bool has_body;          /* false for HEAD, 204, 304 whatever the headers say */
};

struct upstream_request {
    struct span method;
    struct span target; /* origin form */
    /* Host, Content-Length and hop-by-hop ones are left out: the client writes its own. */
    const struct upstream_header *headers;
    size_t header_count;
    struct span body; /* borrowed until done or detach */
    bool has_body;    /* writes Content-Length even when the body is empty */
    bool websocket;   /* asks to go over to WebSocket; otherwise a 101 is an error */
};

/* What the loops share of one upstream: its addresses as they are now, how they fare, and turns. */
struct upstream_group;
struct upstream_pool;
struct upstream_call;

/* Callbacks of one call; never from inside upstream_send(). Inside them the call may be detached,
 * and others be sent; the pool must not be freed. */
struct upstream_events {
    /* Once, before body and done(OK). Borrowed for the time of the callback. */
    void (*on_head)(struct upstream_call *call, const struct upstream_head *head, void *context);
    /* Decoded body bytes, any number of times. Borrowed for the time of the callback. */
    void (*on_body)(struct upstream_call *call, struct span bytes, void *context);
    /* Once, in place of head and body, before done(OK), and only of a request with `websocket`: the
     * connection is no longer the pool's but the owner's, who closes it. `first` came behind the head
     * already. Borrowed for the time of the callback. */
    void (*on_upgraded)(struct upstream_call *call, const struct upstream_head *head,
                        h2o_socket_t *sock, struct span first, void *context);
    /* Exactly once, last. OK: the response is complete by its own framing. UPSTREAM: refused,
     * broken or badly framed; TIMEOUT; BUSY: no connection or no turn to be had; UNAVAILABLE: health
     * checks found every address down; INVALID, TOO_LARGE: a request that cannot be written (a line end
     * in a header). The call is freed after it returns. */
    void (*on_done)(struct upstream_call *call, enum err result, void *context);
};

/* The config must outlive the group, the group its pools. Control thread. */
struct upstream_group *upstream_group_new(const struct upstream_config *config);
/* All pools are gone. Any thread; NULL inside is fine. */
void upstream_group_free(struct upstream_group **group);
/* The upstream's names stand for these addresses now: pools take the new ones with their next call, and
 * let go of connections to those that went. An address that stays keeps what is known about it. More
 * than UPSTREAM_ADDRESSES_MAX are left out; none at all changes nothing. True when it made a difference.
 * Any thread. */
bool upstream_group_publish(struct upstream_group *group, const struct upstream_address *addresses,
                            size_t count);
/* Addresses that were down or ejected in `before` are so here, too. Control thread. */
void upstream_group_inherit(struct upstream_group *group, struct upstream_group *before);
/* How it is now. Any thread. */
void upstream_group_read(struct upstream_group *group, struct upstream_state *ret);

/* queue: the loop's, for turns that other loops give back; NULL: nobody waits in a queue. checks: this
 * pool does the health checks; one of a group's pools does. */
struct upstream_pool *upstream_pool_new(h2o_loop_t *loop, h2o_multithread_queue_t *queue,
                                        struct upstream_group *group, bool checks);
/* Close idle connections and keep none from now on; check nobody's health (drain). */
void upstream_pool_drain(struct upstream_pool *pool);
/* Ends everything; calls still running get no callback. NULL inside is fine. */
void upstream_pool_free(struct upstream_pool **pool);

/* Send one request. Never retried once a byte of it may have been acted on; a pooled connection
 * that turns out closed before anything was written costs a reconnect only (RFC 9110 9.2.2,
 * 9112 9.3.1). An idempotent method (GET, HEAD, OPTIONS, PUT, DELETE) may be sent again, once, when
 * a reused connection closes without a byte of an answer; others may not. Call it from a callback
 * of the loop: over TLS an answer to a request sent from outside may look early, and costs the
 * connection. */
struct upstream_call *upstream_send(struct upstream_pool *pool,
                                    const struct upstream_request *request,
                                    const struct upstream_events *events, void *context);
/* Stop and restart reading the body: back-pressure. The idle timer rests while paused. What was
 * read already still comes: the rest of one read (64 KiB; under TLS what the kernel held), and
 * on_done when that was the end. */
void upstream_pause(struct upstream_call *call);
void upstream_resume(struct upstream_call *call);
/* The owner goes first: no callback comes after this; the connection is closed, not reused. */
void upstream_detach(struct upstream_call *call);
