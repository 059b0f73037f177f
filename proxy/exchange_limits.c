/* SPDX-License-Identifier: Apache-2.0 */
/* What a request may cost before anything is done for it: its size, its client's and its caller's
 * share, and the client's being there.
 * Runs on: the loop threads. Holds: nothing. Not here: slow clients (client_watch.c). */
#include "proxy/exchange_priv.h"

#include <sys/socket.h>

#include "base/clock.h"

enum { MS_IN_S = 1000 };

static const struct limit_settings *limits_of(const struct exchange *x)
{
    return &x->setup->settings->limits;
}

enum err exchange_check_head(struct exchange *x)
{
    const struct proxy_settings *settings = x->setup->settings;

    if (x->facts.head_len > (size_t)settings->limits.head ||
        x->facts.field_count > (size_t)settings->limits.headers)
        return ERR_HEAD_TOO_LARGE;
    /* who was trusted until another configuration came is so no more */
    return settings->trust.count == 0 && !x->client->trusted
               ? ERR_OK
               : client_read_edge(x->client, &settings->trust, &x->req->headers);
}

static enum err take(struct exchange *x, const struct meter_key *key, const struct meter_rate *rate,
                     struct counter *refused)
{
    int64_t wait_ms = meters_take(x->loop->proxy->meters, key, rate, clock_mono_ms());

    if (wait_ms == 0)
        return ERR_OK;
    counter_add(refused, 1);
    x->retry_s = (wait_ms + MS_IN_S - 1) / MS_IN_S;
    return ERR_LIMIT;
}

enum err exchange_admit_client(struct exchange *x)
{
    const struct limit_settings *limits = limits_of(x);
    struct meter_key key;

    if (x->loop->full || x->loop->serving > (size_t)limits->requests)
        return ERR_BUSY;
    if (limits->client_rate.requests == 0)
        return ERR_OK;
    key = meter_client(&x->client->edge.address);
    return take(x, &key, &limits->client_rate, &x->loop->figures.rate_client);
}

enum err exchange_admit_rate(struct exchange *x, const struct caller *caller)
{
    const struct limit_settings *limits = limits_of(x);
    struct meter_key key;

    if (limits->caller_rate.requests == 0 || caller == caller_anonymous())
        return ERR_OK;
    key = meter_caller(callers_index(x->setup->policy->callers, caller));
    return take(x, &key, &limits->caller_rate, &x->loop->figures.rate_caller);
}

size_t exchange_holds(const struct exchange *x)
{
    return x->req->entity.len + x->collected.cap + x->answer.cap;
}

/* ---- the client has left ---- */

bool exchange_leave(struct exchange *x)
{
    x->req->http1_is_persistent = 0;
    if (x->call != NULL)
        upstream_detach(TAKE(x->call));
    exchange_leave_job(x);
    exchange_leave_record(x);
    exchange_leave_event(x);
    return x->state == EXCHANGE_SENT || x->writing;
}

void exchange_client_gone(struct exchange *x)
{
    (void)shutdown(h2o_socket_get_fd(x->client->socket), SHUT_RDWR);
    if (exchange_leave(x)) {
        /* Its write fails now. */
    } else if (x->begun) {
        exchange_break_off(x);
    } else {
        exchange_refuse_and_close(x, ERR_CANCELED); /* nobody reads it; the log has it */
    }
}
