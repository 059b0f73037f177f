/* SPDX-License-Identifier: Apache-2.0 */
/* The session below keys/transit.c: one request with the token, its answer as a tree, its status as
 * an error. */
#pragma once

#include "base/json.h"
#include "keys/transit_priv.h"

struct transit_request {
    char path[sizeof("/v1/") + 2 * TRANSIT_NAME_MAX + 32];
    const struct json *body; /* NULL: GET */
    const char *what;        /* "unwrap the root key": for messages */
    const char *why_400;     /* what a 400 means here: for messages */
};

/* Ask with the token; log in before when there is none, and once more when it is refused. Errors as
 * transit_priv.h says. ret_answer: a map, empty where the server answered nothing; json_free(). */
enum err transit__ask(struct transit *t, const struct transit_request *request,
                      struct json **ret_answer, struct errmsg *msg) MUST_CHECK;
/* An answer that is well-formed JSON but not what was asked for: UPSTREAM. */
enum err transit__fail_answer(const struct transit *t, const char *what, struct errmsg *msg);
const struct transit_options *transit__options(const struct transit *t);
