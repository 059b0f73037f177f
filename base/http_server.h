/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 server on one thread of its own, for operators: few connections, the same guards as the
 * data path. What takes long is carried out by a pool of threads, so that nobody waits for it who asks for
 * something else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/http_listen.h"
#include "base/span.h"
#include "base/tls.h"

struct http_server;

enum http_server_limits {
    HTTP_SERVER_CONNECTIONS = 64,   /* further ones wait to be accepted */
    HTTP_SERVER_OF_ONE_CLIENT = 48, /* of them; its further ones are closed */
    HTTP_ANSWER_MAX = 64 << 20,
    HTTP_ANSWER_FIELDS_MAX = 16,
    HTTP_ANSWER_VALUE_MAX = 384
};

/* The fields that handlers may look at. */
enum http_field {
    HTTP_ACCEPT,
    HTTP_ACCEPT_LANGUAGE,
    HTTP_AUTHORIZATION,
    HTTP_CONTENT_TYPE,
    HTTP_COOKIE,
    HTTP_FETCH_SITE, /* Sec-Fetch-Site */
    HTTP_IDEMPOTENCY_KEY,
    HTTP_IF_MATCH,
    HTTP_IF_NONE_MATCH,
    HTTP_ONE_TIME_CODE, /* Lethe-Otp */
    HTTP_ORIGIN,
    HTTP_PURPOSE,   /* Lethe-Purpose */
    HTTP_SIGNATURE, /* Lethe-Signature */
    HTTP_FIELDS
};

/* Borrowed for the time of the handler. A field that came more than once has refused the request. */
struct http_request {
    struct span method;
    struct span path;                /* as it came, without the query */
    struct span query;               /* at is NULL: there is none */
    struct span host;                /* Host, with its port; empty only for HTTP/1.0 */
    struct span fields[HTTP_FIELDS]; /* at is NULL: it is not there */
    struct span body;                /* at is NULL: there is none */
    struct span peer;                /* the client's address, numeric */
    struct span certificate;         /* SHA-256 of what it showed, verified; at is NULL: none */
};

struct http_answer {
    int status;
    const char *content_type;   /* a literal; NULL: text/plain */
    bool cacheable;             /* without "cache-control: no-store", which all others have */
    struct buf body;            /* empty, of HTTP_ANSWER_MAX, wiped; the server frees it */
    struct http_stream *stream; /* the server's; NULL: it goes out whole */
    size_t field_count;
    struct {
        const char *name; /* a literal */
        char value[HTTP_ANSWER_VALUE_MAX];
    } fields[HTTP_ANSWER_FIELDS_MAX];
};

/* Add a field (printf style), or say otherwise than the fields that guard every answer (add_guards() in http_service.c).
 * Not one of CORS: other origins get nothing. Control characters and what is too long become an answer without it. */
void http_answer_field(struct http_answer *answer, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For handlers on the pool: send what is in the body so far, which is empty then, as a piece of the answer; status and
 * fields cannot change any more. Waits until the client has taken the piece before. An answer that need not be
 * whole is ended when the handler comes back. CANCELED: the client is gone, or does not take it, or the server
 * ends: nothing more is wanted. Elsewhere pieces pile up in the body. */
enum err http_answer_send(struct http_answer *answer) MUST_CHECK;
/* The client must not take the pieces so far for the whole: its connection breaks. */
void http_answer_break(struct http_answer *answer);

/* The answer's status is 404 and its body empty unless the handler says otherwise. */
typedef void (*http_handler_fn)(const struct http_request *request, struct http_answer *answer,
                                void *context);

struct http_server_options {
    struct http_address address; /* borrowed until the start has come back */
    const int
        *bound; /* NULL: bind the address; otherwise a socket that listens on it already, taken
                                  * over also when the start fails; the pointer is borrowed likewise */
    struct ssl_ctx_st *tls; /* NULL: plain; the server takes a reference of its own */
    http_handler_fn handler;
    void *context;
    /* Is this one for the pool? Server thread. NULL: the handler always runs on the server's thread. */
    bool (*is_slow)(const struct http_request *request, void *context);
    size_t workers;  /* threads of the pool; the handler runs on several at once */
    size_t body_max; /* 0: a request with a body is refused */
};

/* Bind, and serve. IO with a message that names the address; nothing is left then. */
enum err http_server_start(const struct http_server_options *options,
                           struct http_server **ret_server, struct errmsg *msg) MUST_CHECK;
/* What it is bound to; borrowed. */
const char *http_server_address(const struct http_server *server);
/* Told of clients' certificates by the context that the server was given: for tls_server_ask_clients(). */
void http_server_take_certificate(void *transport, struct tls_peer *peer);
/* Connections from now on get this certificate; a reference is taken. NULL: nothing happens. Any thread but
 * its own, one at a time, not while it is being stopped; blocks until the handler under way is done. */
void http_server_use_tls(struct http_server *server, struct ssl_ctx_st *tls);
/* Let handlers finish, close everything and free. Blocks for as long as a handler takes. */
void http_server_stop(struct http_server **server);
