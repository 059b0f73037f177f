/* SPDX-License-Identifier: Apache-2.0 */
/* Which header fields pass, in both directions, and what the ones that matter here say. Pure, apart
 * from allocating in the request's pool. */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"
#include "base/http_guard.h"
#include "proxy/caller.h"
#include "proxy/trace.h"
#include "proxy/upstream.h"

/* ---- what came ---- */

/* The fields of a request that decide something; at is NULL for one that did not come. */
struct request_fields {
    struct span key;     /* Lethe-Key */
    struct span purpose; /* Lethe-Purpose */
    struct span content_type;
    struct span content_encoding;
    struct span request_id; /* X-Request-Id */
    struct span trace;      /* traceparent, when there is one, and it is valid */
    bool trace_again;       /* another one, or a wrong one, came: none counts */
    size_t state_bytes;     /* of tracestate fields, which are all valid; SIZE_MAX: they are not */
};

/* INVALID when one of them came twice. Values are borrowed from the headers. */
enum err headers_scan(const h2o_headers_t *headers, struct request_fields *ret) MUST_CHECK;
/* Is a field's name this lower-case one? Case is folded, and `_` is taken for `-`: applications that see
 * CGI variables cannot tell them apart. */
bool headers_is(struct span name, struct span wanted);
/* The one field of this (lower-case) name. NOT_FOUND; INVALID: several. */
enum err headers_find(const h2o_headers_t *headers, struct span name, struct span *ret_value)
    MUST_CHECK;

/* The value of a field of an answer, case folded; at is NULL without it. *ret_several: it came more
 * than once. */
struct span headers_of_answer(const struct upstream_head *head, struct span name,
                              bool *ret_several);

/* ---- what is passed on ---- */

/* What a request carries to the upstream beside the client's own fields. */
struct forwarding {
    const struct guard_facts *facts;
    struct span peer;       /* the client's address */
    struct span scheme;     /* "http" or "https" */
    struct span host;       /* the Host it asked for */
    struct span hidden;     /* a field that is not passed on, however it is spelt; lower case */
    struct span request_id; /* ours; used when the client sent none */
    bool has_request_id;    /* it sent one */
    bool reveals;           /* the answer will be read: no codings, ranges, conditions */
    bool changed;           /* the body is not what the client sent: no digests of it */
    bool decoded;           /* nor is it coded any more */
    bool trace;             /* what came of traceparent and tracestate is passed on: */
    bool trace_state;       /* the latter only then */
    struct span new_trace;  /* a traceparent of ours; at is NULL: none */
    const struct caller_field *token_fields; /* those that do not pass stay here */
    size_t token_field_count;
};

enum { FORWARD_HEADERS_MAX = LIMIT_HEADERS_MAX + 5 };

/* Write the fields that the upstream gets; returns how many. Names and values are borrowed. Fields
 * that only Lethe may set (X-Forwarded-*, Forwarded, X-Real-Ip) are replaced, Lethe-* stays here.
 */
size_t headers_for_upstream(const h2o_headers_t *headers, const struct forwarding *forwarding,
                            struct upstream_header out[FORWARD_HEADERS_MAX]);

/* What the client gets of an answer. Once it is not the upstream's, validators and digests go, and no
 * cache may keep it. */
enum answer_change {
    ANSWER_SAME,
    ANSWER_CHANGED, /* or may be */
    ANSWER_DECODED  /* and the body's coding is undone */
};

/* Put an answer's fields into the response (copies in the pool). */
void headers_for_client(h2o_req_t *req, const struct upstream_head *head, enum answer_change change,
                        struct span request_id);
/* Let an answer over TLS say Strict-Transport-Security, unless the application does so itself. value: outlives
 * the request. */
void headers_add_hsts(h2o_req_t *req, struct span value);
