/* SPDX-License-Identifier: Apache-2.0 */
/* What would happen to a request: it goes through the data path itself, whose upstreams are one socket of ours. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "proxy/proxy.h"
#include "vault/vault.h"

struct explain_request {
    const char *method;
    const char *target;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    struct span body;    /* at is NULL: none */
    const char *caller;  /* NULL: whoever the headers name */
    const char *purpose; /* NULL: as the headers say */
};

/* Send it through a proxy that is started for it on loopback, before a vault that was made for it: tokens
 * are made, and mean nothing outside. The settings are used up: their listeners, upstreams, and the
 * caller's key are exchanged. Gives back
 *
 *   {"route", "upstream", "domain",            of the route; absent when none fits
 *    "subject": {"from", "found"},
 *    "websocket": true | false,                would what goes over the connection pass unread?
 *    "caller", "purpose", "answer": {CLASS: "value" | "mask" | "token"},
 *    "answer_fields": [{"place", "name", "class", "fate"}],
 *    "fields": [{"place", "name", "class", "fate"}],
 *    "forwarded": TEXT | null, "status", "refused": false | true, "problem": {...}}
 *
 * fate in the answer: of its class, as above; "scanned": tokens of any class, each as its own says. In the
 * request: "tokenized", "looked up", "a token already", "scanned", "no token in it", "absent"; on the way to a third party
 * "revealed" (a token), "clear" (a value that was none), and the answer's classes are "tokenized". No value stands in it but in
 * "forwarded", which is what the upstream would get. INVALID with a message: no such caller, a header
 * that is none; IO. ret: json_free(). Blocks. */
enum err proxy_explain(struct proxy_settings *settings, struct vault *vault,
                       const struct explain_request *request, struct json **ret, struct errmsg *msg)
    MUST_CHECK;
