/* SPDX-License-Identifier: Apache-2.0 */
/* What the data path counts. Each loop counts for itself; whoever writes the figures adds them up. */
#pragma once

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"
#include "proxy/transform.h"

enum figure_limits {
#define X(name, status, text) +1
    FIGURE_ERRORS = 0 ERR_TABLE(X),
#undef X
    FIGURE_CLASSES = 6 /* by status / 100; 0: the client left before an answer */
};

/* One loop's. */
struct loop_figures {
    struct counter accepted;    /* connections */
    struct counter open;        /* of them, now */
    struct counter turned_away; /* there was no room */
    struct counter cut;         /* for being slow */
    struct counter refusals[FIGURE_ERRORS];
    struct counter tokenized; /* values of requests that tokens took the places of */
    struct counter values, masks, tokens, foreign, clear, unfit; /* as struct reveal_counts */
    struct histogram requests;                                   /* whole exchanges */
    struct histogram upstream; /* from forwarding to the last byte */
    struct histogram store;    /* waits for the vault's writer */
    struct histogram lag;      /* how late a timer of the loop was, once a second */
};

/* A route's requests, on one loop. */
struct route_cell {
    alignas(64) struct counter by_class[FIGURE_CLASSES];
};

/* A route's requests. Lives as long as the proxy: figures outlive configurations. */
struct route_figures {
    struct route_figures *next;
    char *pattern;
    char *host;               /* "": any */
    struct route_cell *cells; /* by loop */
};

void figures_reveal(struct loop_figures *m, const struct reveal_counts *counts);
