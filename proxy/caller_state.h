/* SPDX-License-Identifier: Apache-2.0 */
/* What callers have used of their quotas, to be shown: names of the configuration and counts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct caller_quota_state {
    const char *purpose; /* NULL: of the whole caller */
    const char *
        what; /* "people", "lookups" (different values), "misses" (tokens that stand for nothing) */
    int64_t window_s;
    size_t limit;
    size_t used; /* within the window that ends now */
};

struct caller_state {
    const char *name; /* these are the settings' */
    bool suspended;
    const struct caller_quota_state *quotas;
    size_t quota_count;
};

/* Told of each caller. */
typedef void (*caller_state_fn)(const struct caller_state *state, void *context);
