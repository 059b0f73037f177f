/* SPDX-License-Identifier: Apache-2.0 */
/* What a server does by the clock: finish open erasures, carry out what was approved, sweep what is
 * due and record what was swept, add the audit trail up; count all rows and check the trail each night. */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "admin/ops.h"
#include "retention/breaker.h"
#include "retention/erasure.h"
#include "retention/requests.h"
#include "vault/vault.h"

struct housekeeping;

typedef void (*housekeeping_stopped_fn)(void *context);

struct housekeeping_options {
    uv_loop_t *loop;
    struct vault *vault; /* all of these must live until stopped came */
    struct erasures *erasures;
    struct admin *admin;           /* for what was approved; NULL: nobody approves */
    struct requests *requests;     /* NULL: none */
    const struct breaker *breaker; /* NULL: nothing is too much */
    int64_t interval_ms; /* from the start of one pass to the next; a pass that takes longer delays
                            it */
};

/* Start with a pass at once. Loop thread. */
struct housekeeping *housekeeping_start(const struct housekeeping_options *options);
/* No further pass; one at work ends after its batch (an erasure it resumes ends on erasures_stop(),
 * the caller's to call). Then the object frees itself and `stopped` is called, never from inside
 * this call. Idempotent through the NULL it leaves. Called by the server when it stops. Loop
 * thread. */
void housekeeping_stop(struct housekeeping **housekeeping, housekeeping_stopped_fn stopped,
                       void *context);
