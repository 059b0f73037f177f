/* SPDX-License-Identifier: Apache-2.0 */
/* The timer of keys/watch.h on the control loop. */
#pragma once

#include <uv.h>

#include "keys/watch.h"

struct keywatch;

typedef void (*keywatch_stopped_fn)(void *context);

/* Start with a pass at once. Takes the watch over. Loop thread. */
struct keywatch *keywatch_start(uv_loop_t *loop, struct watch *watch);
/* No further pass; one at work ends first (after its provider's time limit). Then the object frees
 * itself and `stopped` is called, never from inside this call. Idempotent through the NULL it
 * leaves. Called by the server when it stops. Loop thread. */
void keywatch_stop(struct keywatch **keywatch, keywatch_stopped_fn stopped, void *context);
