/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API: HTTP in front of the operations. Paths, and who may use them, stand in api_routes.def. */
#pragma once

#include "admin/access.h"
#include "admin/ops.h"
#include "base/conf.h"
#include "base/conf_key.h"
#include "base/digest.h"
#include "base/http_server.h"
#include "base/meter.h"

enum { API_BODY_MAX = 4 << 20, API_LINK_MAX = 255 };

/* How often somebody may ask; requests 0: without limit. */
struct api_rates {
    struct meter_rate client;   /* one address, with or without a token */
    struct meter_rate app;      /* one token of an application */
    struct meter_rate person;   /* one token of anybody else */
    struct meter_rate failures; /* one address, without a right token */
};

/* How long an NDJSON request may be. */
struct api_streams {
    int64_t bytes;
    int64_t lines;
};

/* Whose messages may propose something. */
struct api_chat {
    size_t secret_len; /* 0: nobody's */
    char secret[CONF_KEY_MAX];
    char link[API_LINK_MAX + 1]; /* where people find this server with a browser */
};

/* What `admin` says of the API. */
struct api_settings {
    struct api_rates rates;
    struct api_streams streams;
    struct api_chat chat;
};
void api_settings_init(struct api_settings *ret);
/* CONFIG with its place. */
enum err api_settings_read(struct conf_node admin, struct api_settings *ret, struct errmsg *msg)
    MUST_CHECK;
void api_settings_done(struct api_settings *settings);

struct api {
    const struct admin *admin; /* borrowed; what requests run on */
    struct access *access;     /* borrowed */
    bool four_eyes;            /* what destroys is a proposal first */
    struct api_state *state;   /* its own: api_start() */
};

/* Before it serves, with all else filled in; and after. */
void api_start(struct api *api, const struct api_settings *settings);
/* Other settings are in force. Any thread. */
void api_configure(const struct api *api, const struct api_settings *settings);
void api_end(struct api *api);

/* What a route wants of somebody who may use it. */
struct api_needs {
    bool code;     /* a one-time code */
    bool approval; /* somebody else's approval: it becomes a proposal */
};

/* Is this path one of the API's? Any thread. */
bool api_has(struct span path);
/* Answer a request. Errors are problem documents (RFC 9457), with the error's name as the member "code"; they
 * hold no value, no identifier and no token. Any number of threads; blocks. */
void api_serve(const struct api *api, const struct http_request *request,
               struct http_answer *answer);
/* The same for somebody who is known already, instead of by an access token in the request: all else is looked at
 * as it is for others. The answer has no ETag. */
void api_serve_as(const struct api *api, const struct access_who *who,
                  const struct http_request *request, struct http_answer *answer);
/* Whose are a token and a code, which are to open pages? As access_sign_in(), and UNAUTHORIZED for applications' tokens
 * and from where a token may not be used. It stands in the audit trail then, or fails as that does. Blocks. */
enum err api_sign_in(const struct api *api, const struct http_request *request, struct span token,
                     struct span code, struct access_who *ret) MUST_CHECK;
/* Does a request come from where this token may be used? Any thread. */
bool api_is_in_place(const struct access_who *who, const struct http_request *request);
/* What a report that was answered has in common with its CSV, which may be checked by hand: as report_digest(). */
enum err api_report_digest(const struct json *report, char ret[DIGEST_HEX_BYTES]) MUST_CHECK;
/* May a role use what there is at this path? For what is shown only: api_serve() decides. Any thread. */
bool api_may(const struct api *api, enum access_role role, const char *method, struct span path,
             struct api_needs *ret);
