/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals of tokens, carried out in turns.
 * Runs on: a worker thread, one at a time. Holds: nothing between turns. Invariant: how far one has come may be noted
 * late, never early (vault/renew.h passes over what was done); what somebody wants of it meanwhile counts.
 * Not here: what becomes of a row (vault/renew.c), the turns (cli/housekeeping.c). */
#include "retention/renewal_priv.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "vault/audit.h"
#include "vault/renew.h"

enum {
    BATCH_ROWS = 500,     /* at most: the vault does less at a time while values are stored */
    BATCHES_A_NOTE = 20,  /* between two times that it is written down how far it is */
    FORGET_ROWS = 2000,   /* old tokens forgotten in one batch */
    PAUSE_MAX_US = 20000, /* a slow disk shall not slow it down without end */
    TURN_MS = 5000        /* then others have theirs */
};

/* ---- working ---- */

struct working {
    struct vault *v;
    const atomic_bool *stop;
    int64_t until_ms; /* by the monotonic clock */
    struct renewal r;
};

static void working_done(struct working *w)
{
    renewal__done(&w->r);
}

static bool is_over(const struct working *w)
{
    return atomic_load(w->stop) || clock_mono_ms() >= w->until_ms;
}

/* Stand back for as long as the batch took: whoever tokenizes meanwhile finds an idle writer. */
static void yield_for(int64_t took_us)
{
    const int64_t pause_us = took_us < PAUSE_MAX_US ? took_us : PAUSE_MAX_US;
    const struct timespec pause = {.tv_nsec = (long)pause_us * 1000L};

    (void)nanosleep(&pause, NULL);
}

/* Write down how far it is, and take in what somebody wants of it since. */
static enum err note(struct working *w, const struct json *classes)
{
    AUTO(renewal__done) struct renewal now = {.body = NULL};
    bool opens = false;
    enum err e;

    renewal__lock();
    e = renewal__get(w->v, w->r.record.number, &now, NULL);
    if (e == ERR_OK) {
        json_set(now.body, "classes", json_clone(classes));
        renewal__copy(now.body, w->r.body, "problem");
        renewal__copy(now.body, w->r.body, "forgotten");
        opens = now.record.state == RENEWAL_RUNNING && w->r.record.state == RENEWAL_OPEN;
        if (opens)
            renewal__open_up(w->v, &now);
        else if (now.record.state == RENEWAL_RUNNING && w->r.record.state == RENEWAL_PAUSED)
            now.record.state = RENEWAL_PAUSED;
        else if (w->r.record.state == RENEWAL_DONE)
            now.record.state = RENEWAL_DONE;
        e = renewal__put(w->v, &now);
    }
    renewal__unlock();
    if (e == ERR_OK && opens)
        log_event(EV_TOKENS_RENEWED, F_NUM("renewal", now.record.number));
    if (e == ERR_OK) {
        w->r.record = now.record;
        json_free(&w->r.body);
        w->r.body = TAKE(now.body);
    }
    FAULT_POINT("renew.noted");
    return e;
}

static void add_int(struct json *map, const char *name, size_t n)
{
    json_set_int(map, name, json_int_of(json_get(map, name), 0) + (int64_t)n);
}

/* Its domain; 0: all. A domain that is named and unknown is none. */
static bool domain_of(const struct working *w, uint16_t *ret)
{
    const char *name = json_str_of(json_get(w->r.body, "domain"));

    *ret = name == NULL ? 0 : vault_domain_id(w->v, span_str(name));
    return name == NULL || *ret != 0;
}

/* *ret_wanted: nobody has stopped it. Under the lock that whoever stops it takes: once it is cancelled nothing gets a
 * new token that the mapping, exported from then on, would lack. */
static enum err run_batch(struct working *w, struct vault_renew *op, bool *ret_wanted)
{
    AUTO(renewal__done) struct renewal now = {.body = NULL};
    enum err e;

    renewal__lock();
    e = renewal__get(w->v, w->r.record.number, &now, NULL);
    *ret_wanted = e == ERR_OK && (op->at.slot != 0 || now.record.state == RENEWAL_RUNNING);
    if (*ret_wanted)
        e = vault_run(w->v, &op->op);
    renewal__unlock();
    return e;
}

/* Batches of one class until it is done, somebody else's turn, or not wanted any more. A shared token is not left by
 * halves but when the process ends. */
static enum err renew_class(struct working *w, size_t i, const struct class_def *def)
{
    AUTO(json_free) struct json *classes = json_clone(json_get(w->r.body, "classes"));
    struct json *entry = json_at(classes, i);
    struct vault_renew op = {.op = {.kind = VAULT_RENEW},
                             .class_id = def == NULL ? 0 : vault_class_id(w->v, def),
                             .limit = BATCH_ROWS,
                             .more = true};
    enum err e = ERR_OK;

    op.at.before = (uint64_t)json_int_of(json_get(entry, "before"), 0);
    if (op.class_id == 0 || !domain_of(w, &op.domain))
        op.more = false; /* they have left the configuration, and so have no values */
    for (size_t batches = 1; e == ERR_OK && op.more; batches++) {
        const int64_t began_us = clock_mono_us();
        bool wanted = false;

        if (op.at.slot == 0 && is_over(w))
            break;
        e = run_batch(w, &op, &wanted);
        if (e != ERR_OK && e != ERR_EXHAUSTED)
            return e;
        if (!wanted)
            break;
        op.at = op.next;
        add_int(entry, "looked", op.looked);
        add_int(entry, "renewed", op.renewed);
        add_int(entry, "unreadable", op.unreadable);
        json_set_int(entry, "before", (int64_t)op.at.before);
        if (e == ERR_OK && batches % BATCHES_A_NOTE == 0)
            e = note(w, classes);
        yield_for(clock_mono_us() - began_us);
    }
    if (e == ERR_EXHAUSTED) {
        json_set_str(w->r.body, "problem", err_name(e));
        w->r.record.state = RENEWAL_PAUSED;
        log_event(EV_RENEWAL_FAILED, F_NUM("renewal", w->r.record.number),
                  F_LIT("error", err_name(e)));
        e = ERR_OK;
    } else if (e == ERR_OK && !op.more) {
        json_set_bool(entry, "done", true);
    }
    return e == ERR_OK ? note(w, classes) : e;
}

/* The first class that is not done. */
static size_t first_left(const struct working *w)
{
    const struct json *classes = json_get(w->r.body, "classes");
    size_t i = 0;

    while (i < json_count(classes) && json_bool_of(json_get(json_at(classes, i), "done"), false))
        i++;
    return i;
}

static enum err renew_all(struct working *w)
{
    size_t i = first_left(w);

    while (i < json_count(json_get(w->r.body, "classes"))) {
        const char *name = json_str_or(json_at(json_get(w->r.body, "classes"), i), "class", "");
        enum err e;

        if (w->r.record.state != RENEWAL_RUNNING || is_over(w))
            return ERR_OK;
        e = renew_class(w, i, classes_find(vault_classes(w->v), span_str(name)));
        if (e != ERR_OK)
            return e;
        i = first_left(w);
    }
    if (w->r.record.state != RENEWAL_RUNNING)
        return ERR_OK;
    w->r.record.state = RENEWAL_OPEN;
    return note(w, json_get(w->r.body, "classes"));
}

/* ---- ending ---- */

static enum err forget_class(struct working *w, const struct class_def *def, bool *ret_more)
{
    struct vault_renew_end op = {.op = {.kind = VAULT_RENEW_END},
                                 .class_id = vault_class_id(w->v, def),
                                 .limit = FORGET_ROWS,
                                 .more = true};
    enum err e = ERR_OK;

    while (e == ERR_OK && op.more && !is_over(w)) {
        const int64_t began_us = clock_mono_us();

        e = vault_run(w->v, &op.op);
        if (e == ERR_OK)
            add_int(w->r.body, "forgotten", op.forgotten);
        yield_for(clock_mono_us() - began_us);
    }
    *ret_more = op.more;
    return e;
}

static void record_end(const struct working *w)
{
    char object[32] = "";
    const struct audit_record record = {.action = AUDIT_PURGE,
                                        .outcome = AUDIT_DONE,
                                        .role = AUDIT_SYSTEM,
                                        .who = SPAN_LIT("renewal"),
                                        .operation = SPAN_LIT("renewal.end"),
                                        .object = span_str(object)};

    (void)snprintf(object, sizeof(object), "renewal %llu", (unsigned long long)w->r.record.number);
    audit_note(vault_audit(w->v), &record);
}

/* The log holds what was deleted until it is cut. A reader may hold it back for now: whatever destroys next cuts it. */
static void empty_log(struct vault *v)
{
    struct vault_truncate op = {.op = {.kind = VAULT_TRUNCATE}};
    enum err e = vault_run(v, &op.op);

    if (e != ERR_OK && e != ERR_BUSY && e != ERR_CANCELED)
        log_event(EV_RENEWAL_FAILED, F_LIT("error", err_name(e)));
}

static enum err forget_all(struct working *w)
{
    const struct json *classes = json_get(w->r.body, "classes");
    enum err e = ERR_OK;
    bool more = false;

    for (size_t i = 0; e == ERR_OK && !more && i < json_count(classes); i++) {
        const char *name = json_str_or(json_at(classes, i), "class", "");
        const struct class_def *def = classes_find(vault_classes(w->v), span_str(name));

        /* One that has left the configuration has no values, and old tokens go with these. */
        if (def != NULL)
            e = forget_class(w, def, &more);
    }
    if (e != ERR_OK || more)
        return e == ERR_OK ? note(w, classes) : e;
    empty_log(w->v);
    record_end(w);
    w->r.record.state = RENEWAL_DONE;
    e = note(w, classes);
    if (e == ERR_OK)
        log_event(EV_TOKENS_OVER, F_NUM("renewal", w->r.record.number),
                  F_NUM("tokens", json_int_of(json_get(w->r.body, "forgotten"), 0)));
    return e;
}

/* ---- turns ---- */

/* Is the time of its old tokens over? */
static enum err begin_end(struct working *w)
{
    enum err e = ERR_OK;

    renewal__lock();
    json_free(&w->r.body);
    e = renewal__get(w->v, w->r.record.number, &w->r, NULL);
    if (e == ERR_OK && w->r.record.state == RENEWAL_OPEN &&
        w->r.record.due_ms <= vault_now_s(w->v) * 1000) {
        w->r.record.state = RENEWAL_ENDING;
        e = renewal__put(w->v, &w->r);
    }
    renewal__unlock();
    return e;
}

static enum err work_on(struct working *w)
{
    enum err e = ERR_OK;

    if (w->r.record.state == RENEWAL_OPEN)
        e = begin_end(w);
    if (e == ERR_OK && w->r.record.state == RENEWAL_RUNNING)
        return renew_all(w);
    return e == ERR_OK && w->r.record.state == RENEWAL_ENDING ? forget_all(w) : e;
}

/* A turn for those in these states. One that fails does not keep the others waiting; the first error comes back. */
static enum err run_those(struct working *w, uint64_t states, bool *more)
{
    enum err first = ERR_OK, e = ERR_OK;

    w->until_ms = clock_mono_ms() + TURN_MS;
    w->r.record.number = 0;
    while (!atomic_load(w->stop) &&
           (e = renewal__next(w->v, states, w->r.record.number, &w->r)) == ERR_OK) {
        const uint64_t number = w->r.record.number;
        const enum err one = work_on(w);

        w->r.record.number = number; /* also when it could not be read again */
        *more = *more || (one == ERR_OK && (w->r.record.state == RENEWAL_RUNNING ||
                                            w->r.record.state == RENEWAL_ENDING));
        if (one != ERR_OK && one != ERR_CANCELED && one != ERR_BUSY)
            log_event(EV_RENEWAL_FAILED, F_NUM("renewal", number), F_LIT("error", err_name(one)));
        first = first == ERR_OK ? one : first;
    }
    return e == ERR_OK || e == ERR_NOT_FOUND ? first : e;
}

/* What destroys goes first, and has a turn of its own: the old tokens of one renewal do not live on for another's sake. */
enum err renewal_run(struct vault *v, const atomic_bool *stop, bool *ret_more)
{
    AUTO(working_done) struct working w = {.v = v, .stop = stop};
    enum err ended, renewed;

    *ret_more = false;
    ended = run_those(&w, RENEWAL_BIT(RENEWAL_OPEN) | RENEWAL_BIT(RENEWAL_ENDING), ret_more);
    renewed = run_those(&w, RENEWAL_BIT(RENEWAL_RUNNING), ret_more);
    return ended != ERR_OK ? ended : renewed;
}
