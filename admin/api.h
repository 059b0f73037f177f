/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API: HTTP in front of the operations. Paths, and who may use them, stand in api_routes.def. */
#pragma once

#include "admin/access.h"
#include "admin/ops.h"
#include "base/http_server.h"

enum { API_BODY_MAX = 4 << 20 };

struct api {
    const struct admin *admin; /* borrowed; what requests run on */
    struct access *access;     /* borrowed */
    bool four_eyes;            /* what destroys is a proposal first */
    struct api_state *state;   /* its own: api_start() */
};

/* Before it serves, with all else filled in; and after. */
void api_start(struct api *api);
void api_end(struct api *api);

/* Is this path one of the API's? Any thread. */
bool api_has(struct span path);
/* Answer a request. Errors are problem documents (RFC 9457), with the error's name as the member "code"; they
 * hold no value, no identifier and no token. Any number of threads; blocks. */
void api_serve(const struct api *api, const struct http_request *request,
               struct http_answer *answer);
