/* SPDX-License-Identifier: Apache-2.0 */
/* A server that is asked over the network: its admin API, with an access token (--server, --token-file). */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "cli/options.h"

struct remote;

/* Do the options name a server as they must? INVALID with a message: no URL of a host, plain HTTP to another host
 * than this, no token. Looks at no file. */
enum err remote_check(const struct options *options, struct errmsg *msg) MUST_CHECK;
/* Read the token. Options are borrowed for the remote's life, and have passed remote_check(). Errors with a message:
 * SEALED, the file cannot be read, is open to others, or holds no token. Connects to nothing yet. ret_remote:
 * remote_close(). Blocks. */
enum err remote_open(const struct options *options, struct remote **ret_remote, struct errmsg *msg)
    MUST_CHECK;
void remote_close(struct remote **remote);

/* Carry out one request (admin/ops.h). A one-time code is asked for when the server wants one. When the connection is
 * lost it is asked again under the same idempotency key. Errors with a message: what the server answered; PROPOSED,
 * it waits for somebody else's approval, and ret_result is the proposal; UNSUPPORTED, the API does not offer it;
 * UNAVAILABLE, TIMEOUT, UPSTREAM. ret_result: json_free(). Blocks. */
enum err remote_call(struct remote *remote, const struct json *request, struct json **ret_result,
                     struct errmsg *msg) MUST_CHECK;
/* Have what is about no person kept as a proposal: PROPOSED, as above. UNSUPPORTED: the server keeps none of it, but would
 * carry it out with a one-time code; none is asked for, and nothing is done. */
enum err remote_propose(struct remote *remote, const struct json *request,
                        struct json **ret_proposal, struct errmsg *msg) MUST_CHECK;
/* As remote_call() for what is answered with a file, which is written from its beginning on; after an error it may hold a part.
 * file: the caller's. UNSUPPORTED: the answer is none. IO. */
enum err remote_download(struct remote *remote, const struct json *request, int file,
                         struct errmsg *msg) MUST_CHECK;
