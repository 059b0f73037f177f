/* SPDX-License-Identifier: Apache-2.0 */
/* The circuit breaker of purges: when far more is due than was foreseen, somebody looks first. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "vault/purges.h"

struct breaker {
    int64_t at_least; /* fewer that nobody foresaw are no matter */
    int64_t factor;   /* of what was foreseen: more than so many times as much is due */
    int64_t percent;  /* ... or so much of what is kept falls due unforeseen */
};

#define BREAKER_DEFAULT                                                                            \
    {                                                                                              \
        .at_least = 1000, .factor = 10, .percent = 25                                              \
    }

/* Read `breaker:`; what is absent keeps its value. CONFIG with a message. */
enum err breaker_read(struct conf_node node, struct breaker *ret, struct errmsg *msg) MUST_CHECK;
/* Is far more due than was foreseen? Never when nothing was foreseen yet. */
bool breaker_trips(const struct breaker *breaker, const struct vault_purge_outlook *outlook);
