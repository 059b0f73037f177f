/* SPDX-License-Identifier: Apache-2.0 */
/* Records of requests in the audit trail.
 * Runs on: the loop threads; on_wake() on the trail's thread. Holds: exchanges that wait for their records, in the
 * order in which these were handed over. Invariant: no value that was revealed, and no token that was stored, goes
 * anywhere before the record of it is durable; where it cannot be written the request is refused. Not here: what
 * is counted (notes.c).
 *
 * One record a request: what it found stored already is counted in the record of what its answer reveals. Where
 * new values were stored they have a record of their own, before the request goes upstream. Requests that neither
 * store nor reveal anything have none; refused ones have, as far as a flood of them leaves room. */
#include "proxy/exchange_priv.h"

#include "base/clock.h"
#include "base/log.h"

enum { REFUSALS_PER_S = 50 /* of a loop; how many more there were is counted */ };

/* ---- what a record says ---- */

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void read_id(const struct exchange *x, uint8_t ret[AUDIT_REQUEST_BYTES])
{
    for (size_t i = 0; i < AUDIT_REQUEST_BYTES; i++)
        ret[i] = (uint8_t)(digit(x->id[2 * i]) << 4 | digit(x->id[2 * i + 1]));
}

/* Only what was found to be one of the caller's: else a client could write here. */
static struct span purpose_of(const struct exchange *x)
{
    if (x->caller == NULL || x->actions == NULL)
        return SPAN_NONE;
    return caller_purpose(x->caller, x->fields.purpose);
}

static void describe(struct exchange *x, uint8_t id[AUDIT_REQUEST_BYTES], struct audit_record *r)
{
    const uint16_t domain = x->route == NULL ? 0 : x->route->domain_id;

    read_id(x, id);
    *r = (struct audit_record){.action = x->notes.values + x->notes.masks > 0 ? AUDIT_REVEAL
                                                                              : AUDIT_TOKENIZE,
                               .outcome = AUDIT_DONE,
                               .role = AUDIT_CALLER,
                               .who = x->caller == NULL ? SPAN_LIT("-") : caller_name(x->caller),
                               .address = client_peer(x->client),
                               .purpose = purpose_of(x),
                               .route = exchange_route_name(x),
                               .request = id,
                               .entries = notes_entries(&x->notes),
                               .entry_count = x->notes.count};
    if (domain > VAULT_DOMAIN_DEFAULT)
        r->domain = span_str(vault_domain_name(x->loop->proxy->vault, domain));
}

/* ---- waiting ---- */

static struct audit *trail_of(const struct exchange *x)
{
    return vault_audit(x->loop->proxy->vault);
}

void exchange_leave_record(struct exchange *x)
{
    if (h2o_linklist_is_linked(&x->recording))
        h2o_linklist_unlink(&x->recording);
    x->held = false;
}

/* What one turn of the loop hands over is one group: the trail's thread is woken once for it. */
static void on_flush(h2o_timeout_entry_t *entry)
{
    audit_flush(CONTAINER_OF(entry, struct proxy_loop, flush)->audit);
}

static void flush_later(struct proxy_loop *loop)
{
    if (!h2o_timeout_is_linked(&loop->flush))
        h2o_timeout_link(loop->evloop, &loop->context.zero_timeout, &loop->flush);
}

/* Reveals of a trail that is buffered go on, as long as it can be written at all. */
static bool goes_on(const struct exchange *x, const struct audit_record *record)
{
    return record->action == AUDIT_REVEAL && audit_is_buffered(trail_of(x)) &&
           audit_is_healthy(trail_of(x));
}

static enum err hand_over(struct exchange *x, bool *ret_waits)
{
    uint8_t id[AUDIT_REQUEST_BYTES];
    struct audit_record record;
    bool buffered;
    enum err e = ERR_OK;

    *ret_waits = false;
    if (x->notes.count == 0)
        return ERR_OK;
    if (x->setup->settings->explained != NULL) {
        notes_reset(&x->notes);
        return ERR_OK;
    }
    describe(x, id, &record);
    buffered = goes_on(x, &record);
    if (buffered)
        audit_note(trail_of(x), &record);
    else
        e = audit_submit(x->loop->audit, &record, &x->ticket);
    *ret_waits = e == ERR_OK && !buffered;
    if (*ret_waits)
        flush_later(x->loop);
    notes_reset(&x->notes);
    return e;
}

bool exchange_record_waits(struct exchange *x, exchange_then_fn then, enum err *ret)
{
    bool waits;

    *ret = hand_over(x, &waits);
    if (!waits)
        return false;
    if (h2o_linklist_is_linked(&x->recording))
        h2o_linklist_unlink(&x->recording); /* a stream: what it waits for now comes later */
    x->recorded = then;
    h2o_linklist_insert(&x->loop->recording, &x->recording);
    return true;
}

void exchange_record(struct exchange *x, exchange_then_fn then)
{
    enum err e;

    if (!exchange_record_waits(x, then, &e))
        then(x, e);
}

/* The trail's thread. One message is enough, however many records it is about. */
static void on_wake(void *context)
{
    struct proxy_loop *loop = context;

    if (!atomic_exchange(&loop->told, true))
        h2o_multithread_send_message(&loop->records, &loop->told_message);
}

static void take_back(struct proxy_loop *loop)
{
    struct audit_settled settled;

    audit_settled(loop->audit, &settled);
    if (settled.failed_to != 0)
        log_event(EV_AUDIT_FAILED, F_LIT("error", err_name(settled.why)));
    while (!h2o_linklist_is_empty(&loop->recording)) {
        struct exchange *x = CONTAINER_OF(loop->recording.next, struct exchange, recording);
        const bool failed = settled.failed_from <= x->ticket && x->ticket <= settled.failed_to;

        if (x->ticket > settled.through)
            return;
        h2o_linklist_unlink(&x->recording);
        x->recorded(x, failed ? settled.why : ERR_OK);
    }
}

void exchange_on_recorded(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct proxy_loop *loop = CONTAINER_OF(receiver, struct proxy_loop, records);

    while (!h2o_linklist_is_empty(messages))
        h2o_linklist_unlink(messages->next);
    atomic_store(&loop->told, false); /* before it is asked: what is settled then is told again */
    take_back(loop);
}

void exchange_records_init(struct proxy_loop *loop)
{
    h2o_linklist_init_anchor(&loop->recording);
    h2o_multithread_register_receiver(loop->context.queue, &loop->records, exchange_on_recorded);
    loop->flush.cb = on_flush;
    loop->audit = audit_waiter_new(vault_audit(loop->proxy->vault), on_wake, loop);
}

void exchange_records_done(struct proxy_loop *loop)
{
    h2o_timeout_unlink(&loop->flush);
    audit_waiter_free(&loop->audit);
    if (atomic_load(&loop->told))
        (void)h2o_evloop_run(loop->evloop, 0); /* the message is taken out of the queue */
    h2o_multithread_unregister_receiver(loop->context.queue, &loop->records);
}

/* ---- what was refused ---- */

/* May one more refusal be recorded in this second? */
static bool has_room(struct proxy_loop *loop)
{
    const int64_t now_s = clock_mono_ms() / 1000;

    if (now_s != loop->refusals_s) {
        loop->refusals_s = now_s;
        loop->refusals = 0;
    }
    if (loop->refusals < REFUSALS_PER_S) {
        loop->refusals++;
        return true;
    }
    loop->refusals_more++;
    return false;
}

static void note(struct exchange *x, enum audit_action action, struct span error,
                 struct span object)
{
    uint8_t id[AUDIT_REQUEST_BYTES];
    struct audit_record record;

    if (x->setup->settings->explained != NULL || !has_room(x->loop))
        return;
    describe(x, id, &record);
    record.action = action;
    record.outcome = action == AUDIT_INCIDENT ? AUDIT_DONE : AUDIT_REFUSED;
    record.error = error;
    record.object = object;
    record.entry_count = 0;
    record.more = x->loop->refusals_more;
    x->loop->refusals_more = 0;
    audit_note(trail_of(x), &record);
}

void exchange_note_refusal(struct exchange *x, enum err e)
{
    const bool declared =
        x->route != NULL && (x->route->request != NULL || x->route->response != NULL);

    if (e == ERR_UNAUTHORIZED || (declared && (e == ERR_DENIED || e == ERR_LIMIT)))
        note(x, AUDIT_REVEAL, span_str(err_name(e)), SPAN_NONE);
}

void exchange_note_event(struct exchange *x, const struct notes *about, enum audit_outcome outcome,
                         enum err e)
{
    uint8_t id[AUDIT_REQUEST_BYTES];
    struct audit_record record;

    if (x->setup->settings->explained != NULL)
        return;
    describe(x, id, &record);
    record.action = AUDIT_EVENT;
    record.outcome = outcome;
    record.object = span_str(x->route->def->event.name);
    record.entries = notes_entries(about);
    record.entry_count = about->count;
    if (e != ERR_OK)
        record.error = span_str(err_name(e));
    audit_note(trail_of(x), &record);
}

void exchange_note_guard(struct exchange *x)
{
    const struct reveal_guard *g = &x->guard;

    if (g->canary != 0)
        note(x, AUDIT_INCIDENT, SPAN_NONE, SPAN_LIT("honeytoken"));
    if (g->crossed)
        note(x, AUDIT_REVEAL, SPAN_LIT("LIMIT"), SPAN_LIT("quota"));
    if (g->missed)
        note(x, AUDIT_REVEAL, SPAN_LIT("LIMIT"), SPAN_LIT("misses"));
}

void exchange_audit_end(struct exchange *x)
{
    uint8_t id[AUDIT_REQUEST_BYTES];
    struct audit_record record;

    exchange_leave_record(x);
    if (x->notes.count > 0 && x->setup->settings->explained == NULL) {
        /* Found, not shown: what was noted of values stayed here. */
        describe(x, id, &record);
        if (record.action == AUDIT_REVEAL) {
            record.outcome = AUDIT_FAILED;
            record.error = SPAN_LIT("CANCELED");
        }
        audit_note(trail_of(x), &record);
    }
    notes_done(&x->notes);
}
