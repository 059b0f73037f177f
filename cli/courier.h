/* SPDX-License-Identifier: Apache-2.0 */
/* Sends notices to recipients, by a timer. */
#pragma once

#include <uv.h>

#include "retention/notices.h"

struct courier;

typedef void (*courier_stopped_fn)(void *context);

/* `notices` must live until stopped came. Loop thread. */
struct courier *courier_start(uv_loop_t *loop, struct notices *notices);
/* A request under way is broken off; it is sent again by the next server. Then the object frees itself and `stopped`
 * is called, never from inside this call. Idempotent through the NULL it leaves. Loop thread. */
void courier_stop(struct courier **courier, courier_stopped_fn stopped, void *context);
