/* SPDX-License-Identifier: Apache-2.0 */
/* The start event that an answer posts: that a case was closed, because the application says so.
 * Runs on: the loop threads. Holds: while the writer works, a job that owns all the writer reads. Invariant: no byte
 * of an answer that posts an event leaves before the event is durable, so that a client that has seen one need not
 * ask again, and one that has not may. Not here: what an event does to rows (vault/events.c). */
#include "proxy/exchange_priv.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"
#include "vault/events.h"

struct event_job {
    struct exchange_job job; /* first */
    struct vault_event event;
    char name[RULE_NAME_MAX + 1]; /* the configuration may be gone before the writer is done */
    struct notes about;           /* the person */
};

static void job_free(struct event_job *job)
{
    notes_done(&job->about);
    free(job);
}

/* ---- who may, and when ---- */

bool exchange_may_post(const struct exchange *x)
{
    const char *event = x->route == NULL ? NULL : x->route->def->event.name;

    /* The anonymous one has a name that a caller might have, too. */
    return event == NULL ||
           (x->caller != caller_anonymous() &&
            vault_event_is_for(x->loop->proxy->vault, event, caller_name(x->caller).at));
}

static bool posts(const struct route_event *event, int status)
{
    if (event->statuses == NULL)
        return status >= 200 && status <= 299;
    for (size_t i = 0; i < event->status_count; i++)
        if (event->statuses[i] == status)
            return true;
    return false;
}

/* ---- whose it is ---- */

/* By now the request itself may have made the person known. NOT_FOUND: it has not. Inside a read transaction. */
static enum err find_person(const struct exchange *x, uint64_t *ret_slot)
{
    *ret_slot = x->whose->slot;
    if (*ret_slot != 0)
        return ERR_OK;
    if (x->subject_missing || x->whose->name_count == 0)
        return ERR_NOT_FOUND;
    return vault_read_subject(x->loop->reader, x->route->domain_id, x->whose->names[0], ret_slot);
}

static enum err describe_person(const struct exchange *x, struct event_job *job)
{
    struct vault_reader *reader = x->loop->reader;
    enum err e = vault_read_begin(reader);

    if (e != ERR_OK)
        return e;
    e = find_person(x, &job->event.slot);
    if (e == ERR_OK)
        e = notes_add(&job->about, reader, job->event.slot, 0, NOTE_ABOUT);
    vault_read_end(reader);
    return e;
}

/* ---- posting ---- */

static void log_lost(const struct exchange *x, const char *why)
{
    log_event(EV_NO_EVENT, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)),
              F_LIT("why", why));
}

static void take_back(struct exchange_job *back)
{
    struct event_job *job = CONTAINER_OF(back, struct event_job, job);
    const char *why = vault_event_why(job->event.fate);
    enum err e = job->event.op.result;
    struct exchange *x = back->owner;

    if (x == NULL) {
        job_free(job);
        return;
    }
    REQUIRE(x->magic == EXCHANGE_MAGIC && x->posting == job);
    x->posting = NULL;
    exchange_note_event(x, &job->about, e == ERR_OK && why[0] == '\0' ? AUDIT_DONE : AUDIT_FAILED,
                        e);
    if (e == ERR_NOT_FOUND) /* erased meanwhile */
        why = "no such person";
    if (e == ERR_NOT_FOUND || (e == ERR_OK && why[0] != '\0')) {
        log_lost(x, why);
        e = ERR_OK;
    }
    job_free(job);
    exchange_release(x, e);
}

static enum err submit(struct exchange *x, struct event_job *job)
{
    enum err e;

    job->job.back = take_back;
    job->event.op.kind = VAULT_EVENT;
    job->event.name = job->name;
    (void)snprintf(job->name, sizeof(job->name), "%s", x->route->def->event.name);
    e = exchange_submit(x, &job->job, &job->event.op);
    if (e == ERR_OK) {
        x->posting = job;
        exchange_note_event(x, &job->about, AUDIT_BEGUN, ERR_OK);
    }
    return e;
}

enum err exchange_post_event(struct exchange *x, int status)
{
    struct event_job *job;
    enum err e;

    if (x->route == NULL || x->route->def->event.name == NULL ||
        !posts(&x->route->def->event, status))
        return ERR_OK;
    job = mem_alloc(sizeof(*job));
    e = describe_person(x, job);
    if (e == ERR_OK)
        e = submit(x, job);
    if (x->posting == NULL)
        job_free(job);
    if (e != ERR_NOT_FOUND)
        return e;
    log_lost(x, "no such person");
    return ERR_OK;
}

void exchange_leave_event(struct exchange *x)
{
    struct event_job *job = TAKE(x->posting);

    if (job != NULL)
        job->job.owner = NULL;
}
