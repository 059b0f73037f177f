/* SPDX-License-Identifier: Apache-2.0 */
/* The sweeper: destroys values whose time is over, in small batches between other people's commits,
 * every class in its turn. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "retention/breaker.h"
#include "vault/classes.h"
#include "vault/vault.h"

struct runs; /* retention/runs.h */

struct sweeper_options {
    struct vault *vault;
    const struct classes *classes;
    int64_t now_s;                 /* what was due by then goes */
    uint64_t budget;               /* at most about so many rows in this pass; 0: no bound */
    const atomic_bool *stop;       /* the pass ends after the batch it is in; may be NULL */
    const struct breaker *breaker; /* NULL: nothing is too much */
    struct runs *runs;             /* the pass is recorded there; may be NULL */
};

struct sweeper_counts {
    uint64_t purged;
    uint64_t batches;
    size_t failures; /* classes that failed */
    size_t paused;   /* classes that were left out: somebody must look first */
    size_t tripped;  /* of these: since this pass */
    bool more;       /* budget or stop ended the pass before the work was done */
};

/* One pass over every class, in turns of one batch. A class that fails is logged and the pass goes on
 * with the others; the
 * first error is given back, and the next pass tries again. counts is filled in any case. Never two
 * at once on one vault. Worker thread; blocks; leaves the writer at least half of its time. */
enum err sweeper_pass(const struct sweeper_options *options, struct sweeper_counts *counts)
    MUST_CHECK;
