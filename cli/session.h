/* SPDX-License-Identifier: Apache-2.0 */
/* Where a command's request goes: to the server that owns the store, or, when none runs, to the
 * store itself; with --server, to another host's. */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "cli/options.h"

struct session;

/* With --server: read the token, and nothing else. Otherwise read the configuration and find the server, or take
 * the store's lock and open it (then a passphrase may be asked for: from --passphrase-fd, or at the terminal). Errors
 * with a message: CONFIG (configuration, root key file), BUSY (locked, but no server answers), DENIED, and what
 * vault_open() and remote_open() say. Options are borrowed for the session's life. ret_session: session_close().
 * Blocks. */
enum err session_open(const struct options *options, struct session **ret_session,
                      struct errmsg *msg) MUST_CHECK;
/* The store of an installation that was just made, which no server has yet, with none of the configuration's classes:
 * they come into force as they stand there when it is first used, not as an example had them. Otherwise the same. */
enum err session_open_new(const char *config, struct session **ret_session, struct errmsg *msg)
    MUST_CHECK;
void session_close(struct session **session);

/* What came back; `result` stands inside `tree`. Short-lived: it may hold values. */
struct reply {
    struct json *tree;
    const struct json *result;
};

/* Carry out one request (admin/ops.h). Errors with a message; PROPOSED: a server keeps it until somebody else approves
 * it, and the reply is the proposal. ret_reply: reply_done(). Blocks. */
enum err session_call(struct session *session, const struct json *request, struct reply *ret_reply,
                      struct errmsg *msg) MUST_CHECK;
void reply_done(struct reply *reply);
/* With --server: have it kept as a proposal or nothing. As remote_propose(). Blocks. */
enum err session_propose(struct session *session, const struct json *request,
                         struct reply *ret_proposal, struct errmsg *msg) MUST_CHECK;
/* With --server: have what a request is answered with written to a file. As remote_download(). Blocks. */
enum err session_download(struct session *session, const struct json *request, int file,
                          struct errmsg *msg) MUST_CHECK;
