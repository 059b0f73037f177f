/* SPDX-License-Identifier: Apache-2.0 */
/* lethe doctor: the settings, and what the server or the store says of itself.
 * Runs on: the main thread; blocks on the answers. Holds: nothing. Not here: what the answers mean (admin/ops.h). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/period.h"
#include "cli/doctor.h"
#include "cli/session.h"

enum {
    DAY_S = 86400,
    TOKEN_DAYS = 14,  /* an access token that ends within these should be renewed */
    HEAD_AGE_S = 300, /* heads are signed within a minute */
    BACKUP_DAYS = 7,  /* a backup that is older is old */
    SECONDS_TEXT = 19 /* of an instant, up to its seconds: as texts they are in the order of time */
};

static bool is_before(const char *instant, int64_t at_s)
{
    char text[24];

    period_format_instant(at_s, text);
    return strncmp(instant, text, SECONDS_TEXT) < 0;
}

/* ---- settings ---- */

static void look_at_audit(struct doctor *d, const struct audit_settings *audit)
{
    if (audit->options.buffered)
        doctor_say(d, DOCTOR_WARNING, "audit", "audit: {reveals: durable}",
                   "a crash may lose the records of the last second");
    if (audit->heads == NULL)
        doctor_say(d, DOCTOR_WARNING, "audit", "audit: {heads: syslog}, to another machine",
                   "signed heads stay on this machine: who takes it can rewrite the whole trail");
    if (!audit->options.buffered && audit->heads != NULL)
        doctor_say(d, DOCTOR_OK, "audit", NULL, "durable, its heads go elsewhere, too");
}

static void look_at_admin(struct doctor *d, const struct admin_http_settings *admin)
{
    if (admin->address == NULL)
        doctor_say(d, DOCTOR_OK, "admin listener", NULL, "none");
    else if (!admin->four_eyes)
        doctor_say(d, DOCTOR_WARNING, "admin listener", "admin: {four_eyes: true}",
                   "%s: one person alone can destroy over it", admin->address);
    else if (admin->tls == NULL)
        doctor_say(d, DOCTOR_OK, "admin listener", NULL, "%s, for this host only", admin->address);
    else
        doctor_say(d, DOCTOR_OK, "admin listener", NULL, "%s, under TLS", admin->address);
}

void doctor_settings(struct doctor *d, const struct settings *settings, bool has_all)
{
    look_at_audit(d, &settings->audit);
    if (has_all)
        look_at_admin(d, &settings->admin);
}

/* ---- answers ---- */

void doctor_keys(struct doctor *d, const struct json *status)
{
    const char *state = json_str_or(json_get(status, "rotation"), "state", "");
    const char *error = json_str_of(json_get(status, "provider_error"));

    if (json_bool_of(json_get(status, "sealed"), false))
        doctor_say(d, DOCTOR_PROBLEM, "root key", "lethe key status says why",
                   "the store is sealed: requests get 503");
    if (error != NULL)
        doctor_say(d, DOCTOR_PROBLEM, "root key", "without it the next start fails", "%s", error);
    if (strcmp(state, "interrupted") == 0 || strcmp(state, "waiting") == 0 ||
        strcmp(state, "failed") == 0)
        doctor_say(d, DOCTOR_WARNING, "root key", "lethe key rotate ends it",
                   "a rotation is %s: the old version still opens the store", state);
    if (json_bool_of(json_get(status, "overdue"), false))
        doctor_say(d, DOCTOR_WARNING, "root key age", "lethe key rotate",
                   "%" PRId64 " days, and key_rotation is %s",
                   json_int_of(json_get(status, "age_days"), 0), json_str_or(status, "policy", ""));
    else
        doctor_say(d, DOCTOR_OK, "root key age", NULL, "%" PRId64 " days, due on %.10s",
                   json_int_of(json_get(status, "age_days"), 0), json_str_or(status, "due", ""));
}

void doctor_trail(struct doctor *d, const struct json *status, int64_t now_s)
{
    const int64_t failures = json_int_of(json_get(status, "failures"), 0);
    const int64_t lost = json_int_of(json_get(status, "heads_lost"), 0);
    const char *since = json_str_of(json_get(status, "unsigned_since"));
    const char *head = json_str_of(json_get(status, "head"));

    if (failures > 0)
        doctor_say(d, DOCTOR_PROBLEM, "audit trail", "look at the disk, and at the server's log",
                   "%" PRId64 " records could not be written since the start: what they were "
                   "about was refused",
                   failures);
    if (lost > 0)
        doctor_say(d, DOCTOR_WARNING, "audit trail", "look at where audit: {heads: ...} sends them",
                   "%" PRId64 " signed heads did not get to where they are kept", lost);
    if (since != NULL && is_before(since, now_s - HEAD_AGE_S))
        doctor_say(d, DOCTOR_PROBLEM, "audit trail", "look at the server's log",
                   "%" PRId64 " records wait for a signed head since %.*s",
                   json_int_of(json_get(status, "unsigned"), 0), SECONDS_TEXT, since);
    else if (failures == 0 && lost == 0)
        doctor_say(d, DOCTOR_OK, "audit trail", NULL, "%s%.*s",
                   head == NULL ? "nothing to sign since the start" : "last signed at ",
                   SECONDS_TEXT, head == NULL ? "" : head);
}

void doctor_clock(struct doctor *d, const struct json *status)
{
    const char *state = json_str_or(status, "state", "");

    if (strcmp(state, "right") == 0)
        doctor_say(d, DOCTOR_OK, "clock", NULL, "is believed");
    else
        doctor_say(d, DOCTOR_PROBLEM, "clock", "set it right, or lethe clock accept",
                   "was set %s (%s): time goes on without it",
                   strcmp(state, "behind") == 0 ? "back" : "ahead",
                   json_str_or(status, "clock", ""));
}

void doctor_retention(struct doctor *d, const struct json *status)
{
    const struct json *classes = json_get(status, "classes");
    bool good = true;

    for (size_t i = 0; i < json_count(classes); i++) {
        const struct json *class = json_at(classes, i);

        if (json_kind(json_get(class, "paused")) == JSON_NIL ||
            json_kind(json_get(class, "paused")) == JSON_ABSENT)
            continue;
        good = false;
        doctor_say(d, DOCTOR_PROBLEM, "retention",
                   "look at lethe retention status, then lethe retention resume CLASS",
                   "the sweeper has stopped in class %s: what is due stays",
                   json_str_or(class, "class", ""));
    }
    if (good && json_bool_of(json_get(status, "attention"), false))
        doctor_say(d, DOCTOR_WARNING, "retention", "look at lethe retention status",
                   "something that was due is still there");
    else if (good)
        doctor_say(d, DOCTOR_OK, "retention", NULL, "nothing is overdue");
}

void doctor_backup(struct doctor *d, const char *last, int64_t now_s)
{
    if (last == NULL)
        doctor_say(d, DOCTOR_WARNING, "backup", "lethe backup, each day",
                   "none in the last %d days", DOCTOR_BACKUP_DAYS);
    else if (is_before(last, now_s - (int64_t)BACKUP_DAYS * DAY_S))
        doctor_say(d, DOCTOR_WARNING, "backup", "lethe backup, each day",
                   "the last one is of %.10s", last);
    else
        doctor_say(d, DOCTOR_OK, "backup", NULL, "the last one is of %.*s", SECONDS_TEXT, last);
}

void doctor_tokens(struct doctor *d, const struct json *tokens, int64_t now_s)
{
    size_t alive = 0;
    bool good = true;

    for (size_t i = 0; i < json_count(tokens); i++) {
        const struct json *token = json_at(tokens, i);
        const char *expires = json_str_or(token, "expires", "");

        if (strcmp(json_str_or(token, "state", ""), "alive") != 0)
            continue;
        alive++;
        if (!is_before(expires, now_s + (int64_t)TOKEN_DAYS * DAY_S))
            continue;
        good = false;
        doctor_say(d, DOCTOR_WARNING, "access token", "lethe access create, and hand it out",
                   "number %" PRId64 " (%s) ends on %.10s",
                   json_int_of(json_get(token, "number"), 0), json_str_or(token, "name", ""),
                   expires);
    }
    if (good)
        doctor_say(d, DOCTOR_OK, "access token", NULL, "%zu alive, none ends within %d days", alive,
                   TOKEN_DAYS);
}

void doctor_counts(struct doctor *d, uint64_t requests_past, uint64_t holds_due)
{
    if (requests_past > 0)
        doctor_say(d, DOCTOR_PROBLEM, "requests", "lethe request list open",
                   "%" PRIu64 " past the day by which they must be answered", requests_past);
    else
        doctor_say(d, DOCTOR_OK, "requests", NULL, "none is past due");
    if (holds_due > 0)
        doctor_say(d, DOCTOR_WARNING, "holds", "lethe hold list, then review or lift them",
                   "%" PRIu64 " past the day of their review", holds_due);
    else
        doctor_say(d, DOCTOR_OK, "holds", NULL, "none is past its review");
}

/* ---- asking ---- */

/* request: taken over. False: what came instead of an answer is a finding. */
static bool ask(struct doctor *d, struct session *session, struct json *request,
                struct reply *reply)
{
    AUTO(json_free) struct json *own = request;
    struct errmsg msg = {""};
    const char *operation = json_str_of(json_get(own, "op"));

    reply_done(reply);
    if (session_call(session, own, reply, &msg) == ERR_OK)
        return true;
    doctor_say(d, DOCTOR_PROBLEM, "store", "see the server's log", "%s: %s", operation, msg.text);
    return false;
}

static struct json *request_of(const char *operation)
{
    struct json *request = json_new_map();

    json_set_str(request, "op", operation);
    return request;
}

static void look_at(struct doctor *d, struct session *session, const char *operation,
                    void (*look)(struct doctor *d, const struct json *answer))
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};

    if (ask(d, session, request_of(operation), &reply))
        look(d, reply.result);
}

static void ask_trail(struct doctor *d, struct session *session, int64_t now_s)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};

    if (ask(d, session, request_of("audit.status"), &reply))
        doctor_trail(d, reply.result, now_s);
}

static void ask_tokens(struct doctor *d, struct session *session, int64_t now_s)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};

    if (ask(d, session, request_of("access.list"), &reply))
        doctor_tokens(d, json_get(reply.result, "tokens"), now_s);
}

/* Through all pages of a list; false when one could not be read. */
static bool each_page(struct doctor *d, struct session *session, struct json *first,
                      const char *member, void (*look)(const struct json *entry, void *context),
                      void *context)
{
    AUTO(json_free) struct json *request = first;
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    bool more = true;

    while (more) {
        const struct json *list;
        int64_t last;

        if (!ask(d, session, json_clone(request), &reply))
            return false;
        list = json_get(reply.result, member);
        for (size_t i = 0; i < json_count(list); i++)
            look(json_at(list, i), context);
        last = json_int_of(json_get(json_at(list, json_count(list) - 1), "number"), 0);
        last = json_int_of(json_get(reply.result, "last"), last);
        more = json_bool_of(json_get(reply.result, "more"), false);
        json_set_int(request, "after", last);
    }
    return true;
}

static void count_past(const struct json *request, void *context)
{
    if (strcmp(json_str_or(request, "standing", ""), "past due") == 0)
        ++*(uint64_t *)context;
}

struct holds_due {
    int64_t now_s;
    uint64_t count;
};

static void count_due(const struct json *hold, void *context)
{
    struct holds_due *due = context;

    if (json_kind(json_get(hold, "lifted")) == JSON_NIL &&
        is_before(json_str_or(hold, "review", ""), due->now_s + 1))
        due->count++;
}

static void keep_last(const struct json *record, void *context)
{
    char *last = context;

    if (strcmp(json_str_or(record, "outcome", ""), "done") == 0)
        (void)snprintf(last, 32, "%s", json_str_or(record, "time", ""));
}

static void ask_books(struct doctor *d, struct session *session, int64_t now_s)
{
    struct json *open = request_of("request.list");
    struct holds_due due = {.now_s = now_s};
    uint64_t past = 0;

    json_set_str(open, "state", "open");
    if (each_page(d, session, open, "requests", count_past, &past) &&
        each_page(d, session, request_of("hold.list"), "holds", count_due, &due))
        doctor_counts(d, past, due.count);
}

static void ask_backup(struct doctor *d, struct session *session, int64_t now_s)
{
    struct json *request = request_of("audit.list");
    char last[32] = "", from[24];

    period_format_instant(now_s - (int64_t)DOCTOR_BACKUP_DAYS * DAY_S, from);
    from[10] = '\0';
    json_set_str(request, "from", from);
    json_set_str(request, "action", "backup");
    if (each_page(d, session, request, "records", keep_last, last))
        doctor_backup(d, last[0] == '\0' ? NULL : last, now_s);
}

void doctor_store(struct doctor *d, struct session *session, int64_t now_s)
{
    look_at(d, session, "key.status", doctor_keys);
    look_at(d, session, "clock.status", doctor_clock);
    look_at(d, session, "retention.status", doctor_retention);
    ask_trail(d, session, now_s);
    ask_backup(d, session, now_s);
    ask_tokens(d, session, now_s);
    ask_books(d, session, now_s);
}
