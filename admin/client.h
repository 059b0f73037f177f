/* SPDX-License-Identifier: Apache-2.0 */
/* The blocking client of the control socket, for the command line. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

/* Ask the server to carry out one request (admin/ops.h). `fd` comes from socket_connect() and
 * serves any number of calls, one after the other. ret_answer: json_free(); its member "result" is
 * what ops_run() gave there. Errors, with a message: what the server answered; TIMEOUT after
 * `timeout_ms` without an answer; TOO_LARGE for a request beyond LIMIT_CONTROL_LINE_MAX; DENIED;
 * IO. Blocks. */
enum err client_call(int fd, const struct json *request, int64_t timeout_ms,
                     struct json **ret_answer, struct errmsg *msg) MUST_CHECK;

/* The code that an answer names as err_name() does; INTERNAL for a name that is none. */
enum err client_err_named(struct span name);
