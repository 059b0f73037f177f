/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a key server of the Vault family, over base/webclient.h: its header lines and its caps. What
 * passes through is key material and access tokens. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum {
    KEYS_HTTP_ANSWER_MAX = 64 << 10, /* body */
    KEYS_HTTP_TOKEN_MAX = 4096
};

struct keys_http {
    const char *address; /* "https://HOST[:PORT]", already checked; borrowed */
    const char *ca;      /* PEM file; NULL: the system's; borrowed */
    int64_t connect_ms;
    int64_t total_ms;
};

struct keys_http_request {
    const char *path;       /* from "/v1/" on, of characters that need no escape */
    const char *space;      /* X-Vault-Namespace; NULL: none */
    const uint8_t *token;   /* X-Vault-Token, NUL-terminated, printable, in guarded memory; NULL */
    const struct buf *body; /* JSON, secret; NULL: GET, otherwise POST */
};

/* Ask once; a connection of its own. *ret_status is the answer's, whatever it is, and its body is
 * in `answer` (secret, at most KEYS_HTTP_ANSWER_MAX; reset before).
 * Errors, msg naming the address: TIMEOUT, UPSTREAM (not reached, not trusted, broken answer, too
 * large), CONFIG (the CA file).  Any thread; blocks for total_ms at most. */
enum err keys__http_ask(const struct keys_http *http, const struct keys_http_request *request,
                        struct buf *answer, int *ret_status, struct errmsg *msg) MUST_CHECK;
