/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a small server and their answers; its connections are http_server.c's. */
#pragma once

#include <h2o.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/http_server.h"
#include "base/work_pool.h"

/* Lives in a request's pool: what libh2o writes, and whose it is. */
struct http_stream_anchor {
    h2o_generator_t super;
    struct http_stream *stream; /* NULL: its job is over */
    struct buf piece;
};

/* What the pool tells the server's thread, through one receiver, so that it is heard in its order. */
struct http_note {
    h2o_multithread_message_t message;
    bool is_piece; /* of an http_stream; otherwise a job is over */
};

/* The answer of a job of the pool, which may go out in pieces. */
struct http_stream {
    struct http_service *service;
    struct http_answer *answer;
    struct http_note note;
    h2o_req_t *req; /* these three are the server thread's; NULL: the request is gone */
    struct http_stream_anchor *anchor;
    bool flows;           /* its head was sent */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct buf piece;
    bool started;
    bool sending; /* a piece is on its way */
    bool gone;
    bool broken; /* the client must not take it for whole */
};

struct http_service {
    const struct http_server_options *options; /* borrowed */
    struct work_pool *pool;                    /* NULL: nothing is slow */
    h2o_multithread_receiver_t done;           /* struct http_note */
    atomic_bool ending;                        /* whoever is slow is not waited for */
};

/* The status and the fields of an answer; length SIZE_MAX: it comes in pieces. Server thread. */
void http_service_head(h2o_req_t *req, const struct http_answer *answer, size_t length);

void http_stream_init(struct http_stream *s, struct http_service *service);
void http_stream_done(struct http_stream *s);
/* Server thread: whose answer it is. */
void http_stream_attach(struct http_stream *s, h2o_req_t *req);
/* Server thread: a piece is there. */
void http_stream_send(struct http_stream *s);
/* Server thread, when the job is over: the request that still wants a whole answer; NULL: none does. */
h2o_req_t *http_stream_end(struct http_stream *s);
/* Pool, after the handler: what is left of an answer that began in pieces. */
void http_stream_finish(struct http_answer *answer);

/* The SHA-256 of the certificate that a client of this connection has shown; at is NULL: none. http_server.c */
struct span http_service_certificate(const h2o_socket_t *socket);
/* IO when a thread cannot be started. */
enum err http_service_start(struct http_service *service, const struct http_server_options *options)
    MUST_CHECK;
/* Put it in charge of all requests of a host. */
void http_service_attach(struct http_service *service, h2o_hostconf_t *host);
/* Server thread: hear from the pool through this queue, and no more. */
void http_service_listen(struct http_service *service, h2o_multithread_queue_t *queue);
void http_service_deafen(struct http_service *service, h2o_multithread_queue_t *queue);
/* Let slow handlers finish; further requests for them are refused. While the server's thread still runs, but
 * not on it. */
void http_service_end(struct http_service *service);
void http_service_done(struct http_service *service);
