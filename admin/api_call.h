/* SPDX-License-Identifier: Apache-2.0 */
/* How an operation is asked for over the admin API: api_routes.def, read from the other end. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

enum { API_TARGET_MAX = 1024 };

struct api_call {
    const char *method;
    char target[API_TARGET_MAX]; /* path and query */
    struct json *body;           /* NULL: none */
    bool takes_key;              /* an Idempotency-Key */
    bool is_download;            /* the answer is a file */
    bool needs_person; /* the path wants a person's id in place of what the request names them by */
};

/* The HTTP request for an operation's request ({"op": ...}, as for ops_run()). needs_person: nothing else is set;
 * find the person first (subject.show) and come again with api_call_use_person(). Errors with a message:
 * UNSUPPORTED, the API does not offer it, or not with these members; TOO_LARGE. ret: api_call_done(). */
enum err api_call_make(const struct json *request, struct api_call *ret, struct errmsg *msg)
    MUST_CHECK;
void api_call_done(struct api_call *call);

/* The request that finds whom another one names. json_free(). */
struct json *api_call_find_person(const struct json *request);
/* The same request, by the person's id. json_free(). */
struct json *api_call_use_person(const struct json *request, const char *person);
