/* SPDX-License-Identifier: Apache-2.0 */
/* What follows when a request meets a quota or a canary: events, incidents, suspended callers.
 * Runs on: the loop threads; on_recorded() on the vault's writer thread. Holds: an incident until it is
 * durable. Invariant: a caller that was about to see a canary is suspended before its request is answered.
 * Not here: what is counted (guard.c). */
#include "proxy/exchange_priv.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vault/watch.h"

struct record {
    struct vault_watch watch;
    struct vault_incident incident;
};

void exchange_guard(struct exchange *x)
{
    const size_t max = x->route == NULL ? 0 : x->route->def->subjects_max;

    if (x->route == NULL || (x->route->request == NULL && x->route->response == NULL))
        return; /* nothing is shown or looked up */
    guard_init(&x->guard, x->loop->proxy->vault, caller_rules(x->caller, x->fields.purpose), max);
    if (x->guard.closed)
        counter_add(&x->loop->figures.guard.throttled, 1);
    if (x->route != NULL && x->route->def->egress)
        x->guard.rules.then = REVEAL_TOKEN; /* a mask would be taken for the value */
}

/* ---- canaries ---- */

static void on_recorded(struct vault_op *op)
{
    struct record *record = op->owner;

    if (op->result != ERR_OK)
        log_event(EV_INCIDENT_LOST, F_TEXT("caller", span_str(record->incident.caller)),
                  F_LIT("error", err_name(op->result)));
    free(record);
}

static void record_incident(const struct vault_incident *incident, struct vault *v)
{
    struct record *record = mem_alloc(sizeof(*record));
    enum err e;

    record->incident = *incident;
    record->watch = (struct vault_watch){
        .op = {.kind = VAULT_WATCH, .done = on_recorded, .owner = record},
        .incident = &record->incident,
    };
    e = vault_submit(v, &record->watch.op);
    if (e != ERR_OK) {
        record->watch.op.result = e;
        on_recorded(&record->watch.op);
    }
}

/* Inside a read transaction. */
static void suspend(struct exchange *x)
{
    struct vault *v = x->loop->proxy->vault;
    struct vault_incident incident = {.at_ms = clock_now_ms(), .kind = "honeytoken"};
    struct span name = caller_name(x->caller);
    struct vault_subject_info who = {.slot = 0};
    uint64_t *per_class = mem_alloc((CLASSES_MAX + 1) * sizeof(*per_class));

    if (vault_read_subject_info(x->loop->reader, x->guard.canary, &who, per_class) == ERR_OK)
        memcpy(incident.subject, who.id, VAULT_ID_BYTES);
    free(per_class);
    memcpy(incident.caller, name.at, name.len);
    memcpy(incident.request, x->id, EXCHANGE_ID_LEN);
    vault_caller_suspend(caller_state(x->caller));
    log_event(EV_HONEYTOKEN, F_TEXT("caller", name), F_TEXT("route", exchange_route_name(x)),
              F_REQUEST(x), F_ID("subject", incident.subject, VAULT_ID_BYTES));
    record_incident(&incident, v);
}

/* ---- quotas ---- */

static void count(struct guard_figures *m, const struct reveal_guard *g)
{
    counter_add(&m->canaries, g->canary != 0);
    counter_add(&m->crossed, g->crossed);
    counter_add(&m->missed, g->missed);
    counter_add(&m->lookups, g->refused);
    counter_add(&m->stepped_down, g->stepped_down);
    counter_add(&m->withheld, g->too_many);
}

void exchange_settle_guard(struct exchange *x)
{
    struct reveal_guard *g = &x->guard;
    const struct span name = caller_name(x->caller);

    count(&x->loop->figures.guard, g);
    exchange_note_guard(x);
    if (g->canary != 0)
        suspend(x);
    if (g->crossed)
        log_event(EV_QUOTA_REACHED, F_TEXT("caller", name), F_REQUEST(x));
    if (g->missed)
        log_event(EV_MISSES_REACHED, F_TEXT("caller", name), F_REQUEST(x));
    if (g->too_many > 0)
        log_event(EV_TOO_MANY_SUBJECTS, F_TEXT("caller", name), F_REQUEST(x),
                  F_TEXT("route", exchange_route_name(x)), F_NUM("count", g->too_many));
    g->canary = 0;
    g->crossed = g->missed = g->refused = false;
    g->too_many = g->stepped_down = 0;
}
