/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the service manager that started us how we are: what sd_notify(3) says of NOTIFY_SOCKET and WATCHDOG_USEC. */
#pragma once

#include <uv.h>

#include "base/err.h"

struct notify;

/* Find who wants to know; NULL when nobody does. Before privileges go. Errors with a message: CONFIG, the variables mean
 * nothing; IO, nobody listens there. ret: notify_stop(), with or without notify_ready(). */
enum err notify_open(struct notify **ret, struct errmsg *msg) MUST_CHECK;
/* We serve: say so, and from now on say that the loop turns, if that is wanted. NULL is fine. Loop thread. */
void notify_ready(struct notify *n, uv_loop_t *loop);
/* We end: say so. Frees itself on the loop's next turns, or at once when it never was ready; leaves NULL. */
void notify_stop(struct notify **n);
