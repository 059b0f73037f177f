/* SPDX-License-Identifier: Apache-2.0 */
/* What an exchange leaves behind in the figures.
 * Runs on: the loop threads. Holds: nothing. Invariant: nothing of a request's contents: routes, codes,
 * counts, durations. Not here: how figures are written (figures.c). */
#include "proxy/exchange_priv.h"

#include <string.h>

#include "base/clock.h"

void exchange_account_begin(struct exchange *x)
{
    x->account.began_us = clock_mono_us();
    x->account.bytes_in = x->req->entity.len;
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

static void name_all(const struct exchange *x, struct access_record *r)
{
    const struct route_def *def = x->route == NULL ? NULL : x->route->def;

    access_name_set(&r->route, exchange_route_name(x));
    /* One that is none of those known may be anything. */
    access_name_set(&r->method, method_bit(x->facts.method) != 0 ? x->facts.method : SPAN_LIT("-"));
    access_name_set(&r->caller, x->caller == NULL ? SPAN_LIT("-") : caller_name(x->caller));
    /* Only what was found to be one of the caller's: else a client could write here. */
    access_name_set(&r->purpose, x->actions == NULL || x->fields.purpose.at == NULL
                                     ? SPAN_LIT("-")
                                     : x->fields.purpose);
    access_name_set(&r->domain, def == NULL
                                    ? SPAN_LIT("-")
                                    : span_str(x->setup->settings->domains->names[def->domain]));
}

static void log_access(const struct exchange *x, int64_t total_us)
{
    struct access_record r;

    r.time_ms = clock_now_ms();
    memcpy(r.request, x->id, sizeof(r.request));
    memset(r.trace, 0, sizeof(r.trace));
    if (x->trace.at != NULL)
        memcpy(r.trace, x->trace.at, sizeof(r.trace));
    name_all(x, &r);
    r.status = status_of(x);
    r.bytes_in = x->account.bytes_in;
    r.bytes_out = x->req->bytes_sent;
    r.total_us = total_us;
    r.upstream_us = x->account.upstream_done ? x->account.upstream_us : -1;
    r.store_us = x->account.stored ? x->account.store_us : -1;
    r.tokens = x->account.tokens;
    r.reveals = x->account.reveals;
    access_log_put(x->loop->proxy->access_log, x->loop->index, &r);
}

void exchange_account_end(struct exchange *x)
{
    struct loop_figures *m = &x->loop->figures;
    const struct route_figures *route =
        x->route != NULL ? x->route->figures : x->loop->proxy->undeclared;
    const int class = status_of(x) / 100;
    const int64_t total_us = clock_mono_us() - x->account.began_us;

    counter_add(&route->cells[x->loop->index].by_class[class < FIGURE_CLASSES ? class : 0], 1);
    histogram_add(&m->requests, &histogram_durations, (uint64_t)total_us);
    if (access_log_is_on(x->loop->proxy->access_log))
        log_access(x, total_us);
    if (x->account.upstream_done)
        histogram_add(&m->upstream, &histogram_durations, (uint64_t)x->account.upstream_us);
    if (x->account.stored)
        histogram_add(&m->store, &histogram_durations, (uint64_t)x->account.store_us);
}
