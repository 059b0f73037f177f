/* SPDX-License-Identifier: Apache-2.0 */
/* Events of persons: whether one is kept, and what it does to rows.
 * Runs on: changes on the writer's thread, inside a group's transaction; questions on any thread. Holds:
 * nothing. Invariant: an event and the mark of the rows that it has not reached are durable in one
 * commit; what is refused leaves nothing behind. Not here: who may send what (admin/, proxy/); going on
 * with what is pending (retention/). */
#include "vault/events_priv.h"

#include "base/calendar.h"
#include "base/fault.h"
#include "vault/part_priv.h"
#include "vault/retime_priv.h"

enum { EVENT_ROWS = 256 }; /* that are looked at before the sender has his answer */

static const char *const whys[] = {
    [VAULT_EVENT_KEPT] = "",
    [VAULT_EVENT_CORRECTED] = "",
    [VAULT_EVENT_EARLIER] = ("a later event of that name is known of this person, and stays; an "
                             "operator can correct it"),
    [VAULT_EVENT_UNKNOWN] = "no class starts from an event of that name",
    [VAULT_EVENT_FUTURE] = "the event lies in the future",
    [VAULT_EVENT_TOO_OLD] = "the event is dated back further than `back_dating` allows",
};

const char *vault_event_why(enum vault_event_fate fate)
{
    return whys[fate];
}

/* ---- what the configuration says ---- */

/* A class that starts from the event; NULL: there is none. */
static const struct class_def *class_of(const struct vault *v, const char *name)
{
    const struct classes *classes = vault_classes(v);

    for (size_t i = 0; i < classes->count; i++)
        if (classes->defs[i].rule.start == RULE_EVENT &&
            strcmp(classes->defs[i].rule.event, name) == 0)
            return &classes->defs[i];
    return NULL;
}

bool vault_event_is_known(const struct vault *v, const char *name)
{
    return class_of(v, name) != NULL;
}

bool vault_event_is_for(const struct vault *v, const char *name, const char *caller)
{
    const struct class_def *def = class_of(v, name);

    for (size_t i = 0; def != NULL && i < def->event_caller_count; i++)
        if (strcmp(def->event_callers[i], caller) == 0)
            return true;
    return false;
}

/* ---- keeping one ---- */

static enum vault_event_fate judge(const struct class_def *def, const struct vault_event *op,
                                   int64_t at_s, int64_t known_s, int64_t now_s)
{
    if (def == NULL)
        return VAULT_EVENT_UNKNOWN;
    if (at_s > now_s)
        return VAULT_EVENT_FUTURE;
    if (!op->correct && calendar_add(at_s, &def->back_dating) < now_s)
        return VAULT_EVENT_TOO_OLD;
    if (at_s >= known_s)
        return VAULT_EVENT_KEPT;
    return op->correct ? VAULT_EVENT_CORRECTED : VAULT_EVENT_EARLIER;
}

static enum err keep(struct writer *w, struct vault_event *op, const struct store_event *event)
{
    enum err e = store_event_put(w->store, event);

    if (e == ERR_OK)
        e = vault__retime_event(w, event->slot, event->name, EVENT_ROWS, op);
    if (e == ERR_OK && op->more)
        e = store_event_set_pending(w->store, event->slot, event->name);
    if (e != ERR_OK)
        w->broken = e;
    FAULT_POINT("event.kept");
    return e;
}

enum err vault__event(struct writer *w, struct vault_event *op)
{
    const int64_t now_s = vault__now_s(w->v);
    const struct keycache_entry *entry;
    struct store_event event = {
        .slot = vault__part_follow(w, op->slot),
        .name = op->name,
        .at_s = op->at_s == 0 ? now_s : op->at_s,
        .recorded_s = now_s,
    };
    int64_t known_s = 0;
    enum err e;

    op->changed = 0;
    op->more = false;
    op->start_s = 0;
    if (!rule_is_name(op->name))
        return ERR_INVALID;
    e = subject_key(w->v->slab, w->keys, event.slot, &entry);
    if (e != ERR_OK)
        return e;
    e = store_event_at(w->store, event.slot, op->name, &known_s, &event.corrections);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    op->fate =
        judge(class_of(w->v, op->name), op, event.at_s, e == ERR_OK ? known_s : INT64_MIN, now_s);
    op->start_s = known_s;
    if (op->fate > VAULT_EVENT_CORRECTED || (e == ERR_OK && event.at_s == known_s))
        return ERR_OK;
    event.corrections += op->fate == VAULT_EVENT_CORRECTED;
    op->start_s = event.at_s;
    return keep(w, op, &event);
}

/* ---- reading ---- */

enum err vault_read_event(struct vault_reader *r, uint64_t slot, const char *after,
                          struct vault_event_known *ret)
{
    REQUIRE(r->reading);
    return store_event_next(r->store, slot, after, ret);
}

enum err vault_event_pending(struct vault *v, uint64_t after, uint64_t *ret_slot)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    enum err e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);

    return e == ERR_OK ? store_event_pending(s, after, ret_slot) : e;
}
