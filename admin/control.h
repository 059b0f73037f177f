/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of a running server: NDJSON, one request a line, answers in order.
 *
 *   > {"op":"subject.show","subject":"4711"}
 *   < {"ok":true,"result":{...}}
 *   > {"op":"nonsense"}
 *   < {"ok":false,"error":"INVALID","message":"there is no such operation"}
 *
 * Only root and the server's own user may speak; others are closed at once and logged. */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "admin/ops.h"
#include "base/err.h"

/* An answer: OPS_REVEAL_BYTES_MAX and one more value of VALUE_MAX, each byte escaped as \u00XX. */
enum { CONTROL_RESPONSE_MAX = 16 << 20, CONTROL_CONNECTIONS_MAX = 64, CONTROL_IDLE_MS = 60000 };

struct control;

/* Called once, on the loop thread, when everything of a stopping control socket is closed. */
typedef void (*control_closed_fn)(void *context);

struct control_options {
    uv_loop_t *loop;
    struct admin *admin;   /* must live until closed came */
    const char *store_dir; /* likewise */
    int64_t idle_ms;       /* 0: CONTROL_IDLE_MS */
};

/* Listen. Errors with a message, as socket_listen(); nothing is left behind then. Loop thread. */
enum err control_start(const struct control_options *options, struct control **ret_control,
                       struct errmsg *msg) MUST_CHECK;
/* Take no more connections, close idle ones, let requests at work finish and be answered; then the
 * object frees itself and `closed` is called, never from inside this call. Idempotent through the
 * NULL it leaves. Called by the server when it stops. Loop thread. */
void control_stop(struct control **control, control_closed_fn closed, void *context);
