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

/* What watching over reveals has done. */
struct guard_figures {
    struct counter crossed;      /* quotas that were used up */
    struct counter lookups;      /* look-ups that were refused */
    struct counter stepped_down; /* values that a quota kept back */
    struct counter withheld;     /* values of people that were too many for an answer */
    struct counter missed;       /* callers that asked for too many tokens that are not there */
    struct counter throttled;    /* their requests until the minute was over */
    struct counter canaries;     /* answers in which a honeytoken would have been shown */
};

/* One loop's. */
struct loop_figures {
    struct counter accepted;    /* connections */
    struct counter open;        /* of them, now */
    struct counter turned_away; /* there was no room */
    struct counter cut;         /* for being slow */
    struct counter told;        /* of them: in the midst of a request, with 408 */
    struct counter websockets;  /* open now */
    struct counter refusals[FIGURE_ERRORS];
    struct counter tokenized; /* values of requests that tokens took the places of */
    struct counter values, masks, tokens, foreign, clear, unfit; /* as struct reveal_counts */
    struct guard_figures guard;
    struct counter rate_client, rate_caller; /* requests over a rate */
    struct counter near_names;               /* requests refused for one */
    struct counter alerted, blocked;         /* requests with undeclared findings */
    struct counter not_sent;   /* requests that would have told a third party tokens */
    struct histogram requests; /* whole exchanges */
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
