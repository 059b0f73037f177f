/* SPDX-License-Identifier: Apache-2.0 */
/* A request of the admin API, as its parts share it. */
#pragma once

#include <stdatomic.h>

#include "admin/api.h"
#include "vault/audit.h"
#include "vault/records.h"

enum route_flags {
    CREATES = 1 << 0,
    CODE = 1 << 1,
    READS = 1 << 2,
    PURPOSE = 1 << 3,
    APPROVAL = 1 << 4,
    REPORT = 1 << 5,
    AGAIN = 1 << 6,
    SECRET = 1 << 7,
    PARTS = 1 << 8,
    STREAM = 1 << 9,
    DOWNLOAD = 1 << 10,
    DOMAIN = 1 << 11,
    NUMBERED = 1 << 12,
    DOCUMENT = 1 << 13
};

enum { API_SEGMENT_MAX = 256 };

struct route {
    const char *method;
    const char *path;
    const char *operation;
    unsigned roles;
    unsigned flags;
    const char *query;
};

/* An idempotency key that a request came with (api_idempotency.c). */
struct api_once {
    bool is_taken;
    uint8_t mac[VAULT_MAC_BYTES];     /* of the key */
    uint8_t request[VAULT_MAC_BYTES]; /* of what it was given for */
    struct vault_record record;
    struct api_once *next; /* of those under way */
};

struct call {
    const struct api *api;
    const struct http_request *request;
    struct http_answer *answer;
    const struct route *route;
    bool known;            /* `who` is, before the request is looked at */
    bool of_page;          /* the answer is for one of our own pages, which keeps none */
    struct access_who who; /* number 0: nobody's that is known */
    struct json *members;  /* of the operation */
    bool wants_code;       /* it was refused for want of a one-time code, and nothing else */
    struct errmsg msg;
    int64_t retry_s; /* LIMIT: when to come again; 0: it is not known */
    bool is_stream;  /* NDJSON */
    uint8_t id[AUDIT_REQUEST_BYTES];
    struct api_once once;
};

/* What the parts keep between requests. */
struct api_state {
    struct api_keys *keys;
    struct api_limits *limits;
    atomic_uint streams;   /* under way */
    atomic_bool downloads; /* one is being made */
};

/* ---- api.c ---- */

/* Is it kept for somebody else to approve? */
bool api__is_proposal(const struct call *c);
/* The name of the route's operation. */
struct span api__operation(const struct route *route);
/* The first route to an operation; NULL: it has none. */
const struct route *api__route_of(struct span operation);
/* Is c->who, as bound as that token is, one for c->route and c->members? As far as these tell; the operation looks
 * at the rest. DENIED, with a message. */
enum err api__check_scope(struct call *c) MUST_CHECK;

/* ---- api_answer.c ---- */

/* Put a tree into the answer in place of what stood there. */
void api__write(struct http_answer *answer, const struct json *tree);
/* Give the answer to a GET, which is there, its tag, or make it 304. response: of a report. */
enum err api__tag(struct call *c, const struct json *response) MUST_CHECK;
/* What the operation gave, as it was asked for: with its tag and where the list goes on, or 304. */
enum err api__answer(struct call *c, const struct json *response) MUST_CHECK;
/* If-Match: is what is to be changed still what was looked at? CHANGED; INVALID: it has no meaning here. */
enum err api__match(struct call *c, struct admin *admin) MUST_CHECK;

/* ---- api_request.c ---- */

/* The text up to the next slash, and what is behind it. */
struct span api__segment(struct span *rest);
bool api__is_parameter(struct span pattern);
/* Does it write nothing as an escape that needs none? Otherwise it would be another path to the table of routes, and
 * the same to the operation, for which escapes are undone. */
bool api__is_plain_path(struct span path);
/* Fill c->members with what the request says. INVALID, UNSUPPORTED, with a message. */
enum err api__read(struct call *c) MUST_CHECK;

/* ---- api_chat.c ---- */

/* A message of a chat's bot (POST /v1/chat). */
bool api__is_chat(const struct call *c);
enum err api__chat(struct call *c) MUST_CHECK;

/* ---- api_stream.c ---- */

/* Carry out an NDJSON request. An error: nothing was sent. */
enum err api__stream(struct call *c, struct admin *admin) MUST_CHECK;

/* ---- api_download.c ---- */

/* Carry out a request that is answered with a file. An error: nothing was sent. */
enum err api__download(struct call *c, struct admin *admin) MUST_CHECK;

/* ---- api_document.c ---- */

/* Answer with a text that describes the API. */
enum err api__document(struct call *c) MUST_CHECK;

/* ---- api_limits.c ---- */

/* What is in force. */
struct api_streams api__streams(const struct api *api);
/* The caller wipes it. */
void api__chat_settings(const struct api *api, struct api_chat *ret);

struct api_limits *api__limits_new(const struct api_settings *settings);
void api__limits_free(struct api_limits **limits);
void api__limits_use(struct api_limits *limits, const struct api_settings *settings);
/* LIMIT with a message and c->retry_s: the client's address, or the token, has had its share. */
enum err api__admit_client(struct call *c) MUST_CHECK;
enum err api__admit_token(struct call *c) MUST_CHECK;
/* The request came without a right token: UNAUTHORIZED, or LIMIT when there were many. */
enum err api__count_failure(struct call *c) MUST_CHECK;
/* May this refusal have a record? A flood of them must not fill the trail. *ret_more: so many before had none. */
bool api__may_record(struct call *c, enum err e, uint64_t *ret_more);

/* ---- api_idempotency.c ---- */

struct api_keys *api__keys_new(void);
void api__keys_free(struct api_keys **keys);
/* Before a request that changes something is carried out. *ret_answered: it was carried out before, and the
 * answer is there. CONFLICT: it is being carried out, or nobody knows what became of it, or its answer was not
 * kept; UNPROCESSABLE: the key was given to another request; INVALID. Blocks: the key is taken durably. */
enum err api__once_begin(struct call *c, bool *ret_answered) MUST_CHECK;
/* After it: keep the answer, or, after an error, let go of the key. Also without a key. */
void api__once_end(struct call *c, enum err result);
