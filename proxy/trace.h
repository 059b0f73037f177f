/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context (level 1): what of it may pass. Pure. */
#pragma once

#include <stdbool.h>

#include "base/span.h"

enum trace_mode {
    TRACE_PASS,  /* what is valid goes up as it came */
    TRACE_START, /* and where nothing valid came, a trace begins here */
    TRACE_OFF    /* neither field goes up */
};

enum trace_limits {
    TRACE_ID_LEN = 32, /* hexadecimal digits */
    TRACE_SPAN_LEN = 16,
    TRACE_PARENT_LEN = 55,
    TRACE_STATE_MAX = 512, /* bytes, of all tracestate fields; more is not passed on (3.3.1.5) */
    TRACE_STATE_MEMBERS_MAX = 32 /* (3.3.1) */
};

/* A traceparent (3.2): version, trace, parent, flags; a later version may say more behind them. */
bool trace_parent_is_valid(struct span text);
/* The trace's id in a valid one. */
static inline struct span trace_id_of(struct span parent)
{
    return span_of(parent.at + 3, TRACE_ID_LEN);
}
/* One tracestate field (3.3.1): members KEY=VALUE in visible ASCII, within the limits. */
bool trace_state_is_valid(struct span text);
/* "00-TRACE-SPAN-00" for a trace that begins here, unsampled. */
void trace_parent_write(char out[TRACE_PARENT_LEN], struct span trace, struct span span);
