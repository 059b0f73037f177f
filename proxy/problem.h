/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals as RFC 9457 problem documents: generic, the same for the same kind of error, and without
 * a byte of what the client sent. */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct problem {
    enum err error;
    struct span request_id; /* letters and digits */
    uint32_t allowed;       /* with ERR_METHOD: for Allow */
    int64_t retry_s;        /* 0: for BUSY one second, for others nothing is said */
    bool close;             /* where the next request starts is in doubt */
    struct span hsts;       /* Strict-Transport-Security; at is NULL: nothing is said */
};

enum { PROBLEM_BODY_MAX = 512 };

/* The document; returns its length. Pure. */
size_t problem_write(const struct problem *problem, char out[PROBLEM_BODY_MAX]);
/* Answer the request with it. No byte of another answer may have been sent. Loop thread. */
void problem_send(h2o_req_t *req, const struct problem *problem);
