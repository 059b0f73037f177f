/* SPDX-License-Identifier: Apache-2.0 */
/* What an exchange leaves behind in the figures.
 * Runs on: the loop threads. Holds: nothing. Invariant: nothing of a request's contents: routes, codes,
 * counts, durations. Not here: how figures are written (figures.c). */
#include "proxy/exchange_priv.h"

#include "base/clock.h"

void exchange_account_begin(struct exchange *x)
{
    x->account.began_us = clock_mono_us();
}

void exchange_account_store(struct exchange *x, bool back)
{
    const int64_t now_us = clock_mono_us();

    if (back)
        x->account.store_us = now_us - x->account.store_us;
    else
        x->account.store_us = now_us;
    x->account.stored = back;
}

void exchange_account_upstream(struct exchange *x, bool back)
{
    const int64_t now_us = clock_mono_us();

    if (back)
        x->account.upstream_us = now_us - x->account.upstream_us;
    else
        x->account.upstream_us = now_us;
    x->account.upstream_done = back;
}

void exchange_account_refusal(struct exchange *x, enum err e)
{
    counter_add(&x->loop->figures.refusals[e], 1);
}

void exchange_account_tokens(struct exchange *x, size_t count)
{
    x->account.tokens += count;
    counter_add(&x->loop->figures.tokenized, count);
}

void exchange_account_reveals(struct exchange *x, const struct reveal_counts *counts)
{
    struct reveal_counts *sum = &x->account.reveals;

    sum->values += counts->values;
    sum->masks += counts->masks;
    sum->tokens += counts->tokens;
    sum->foreign += counts->foreign;
    sum->clear += counts->clear;
    sum->unfit += counts->unfit;
    figures_reveal(&x->loop->figures, counts);
}

/* 0: the client left before the first byte of an answer. */
static int status_of(const struct exchange *x)
{
    return x->begun || x->state == EXCHANGE_SENT ? x->req->res.status : 0;
}

void exchange_account_end(struct exchange *x)
{
    struct loop_figures *m = &x->loop->figures;
    const struct route_figures *route =
        x->route != NULL ? x->route->figures : x->loop->proxy->undeclared;
    const int class = status_of(x) / 100;

    counter_add(&route->cells[x->loop->index].by_class[class < FIGURE_CLASSES ? class : 0], 1);
    histogram_add(&m->requests, &histogram_durations,
                  (uint64_t)(clock_mono_us() - x->account.began_us));
    if (x->account.upstream_done)
        histogram_add(&m->upstream, &histogram_durations, (uint64_t)x->account.upstream_us);
    if (x->account.stored)
        histogram_add(&m->store, &histogram_durations, (uint64_t)x->account.store_us);
}
