/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPS requests of our own, to key servers, recipients and other Lethes: the one adapter around libcurl. What passes
 * through it may be key material, so it is strict for all: TLS 1.2 or later with chain and host name
 * verified, no redirect, no proxy, no cookie, nothing from the environment or the user's home, time limits,
 * and a cap on the answer. Everything libcurl allocates is wiped when it is freed. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { WEB_HEAD_MAX = 64 << 10 };

struct web_server {
    const char *address; /* "https://HOST[:PORT]", already checked; borrowed */
    const char *ca;      /* PEM file; NULL: the system's; borrowed */
    int64_t connect_ms;
    int64_t total_ms;
    /* Connect to public addresses only (endpoint_is_public()): it is the very address of each connection that
     * is looked at, so a name that changes its meaning changes nothing. */
    bool public_only;
    /* The address begins with "http://": to loopback addresses only, each of them looked at as above. */
    bool plain;
    const atomic_bool *stop; /* give up when it becomes true; NULL: never */
};

struct web_request {
    const char *path;           /* appended to the address; of characters that need no escape */
    const char *const *headers; /* lines "Name: value"; NULL ends them */
    const struct buf *body;     /* JSON; NULL: none */
    const char *method;         /* NULL: GET without a body, POST with one */
};

/* What came back. */
struct web_answer {
    int status;
    int64_t retry_after_s; /* when the server says to come again; 0: it does not say */
    struct buf *body;      /* the caller's; secret; reset before; its maximum is the cap */
    int file; /* the caller's: takes the body of a 200 instead, however long; -1: none */
};

/* Ask once; a connection of its own. The status is the answer's, whatever it is. After an error the file may hold a part.
 * Errors, msg naming the address: TIMEOUT, UNAVAILABLE (not reached, or the connection ended before the answer did:
 * the request may have been carried out), UPSTREAM (not trusted, broken answer, too large), DENIED (an address that
 * is not public, or not loopback), CANCELED (stopped), CONFIG (the CA file), IO (the file). Any thread; blocks for total_ms at
 * most. */
enum err web_fetch(const struct web_server *server, const struct web_request *request,
                   struct web_answer *answer, struct errmsg *msg) MUST_CHECK;
/* The same, for the status and the body alone. */
enum err web_ask(const struct web_server *server, const struct web_request *request,
                 struct buf *answer, int *ret_status, struct errmsg *msg) MUST_CHECK;
