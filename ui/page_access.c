/* SPDX-License-Identifier: Apache-2.0 */
/* Who looked at clear data, for what, at how much of how many people; what went wrong with it; and the audit trail.
 * Runs on: the listener's pool; blocks. Holds: nothing. Not here: the figures (retention/report_access.c), the trail
 * (vault/audit_read.h). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ui/pages.h"

enum { DAY_S = 86400, DAYS = 30 };

/* ---- access to clear data ---- */

/* The days that were asked for, or the last thirty; a trail may be long. */
static void set_days(struct visit *v, char query[UI_QUERY_MAX])
{
    const int64_t today = clock_now_s() / DAY_S;
    char from[CIVIL_TEXT_MAX], to[CIVIL_TEXT_MAX];
    struct json *map;

    visit__set_period(v, query);
    if (query[0] != '\0')
        return;
    civil_format(civil_of(today - DAYS + 1), from);
    civil_format(civil_of(today + 1), to);
    map = json_get(v->model, "period");
    json_set_str(map, "from", from);
    json_set_str(map, "to", to);
    (void)snprintf(query, UI_QUERY_MAX, "from=%s&to=%s", from, to);
}

enum err page_access(struct visit *v, struct errmsg *msg)
{
    char query[UI_QUERY_MAX];
    enum err e;

    set_days(v, query);
    e = visit__show(v, "access", "/v1/reports/access", query, msg);
    if (e == ERR_OK)
        e = visit__show(v, "incidents", "/v1/incidents", "limit=200", msg);
    if (e == ERR_OK)
        e = visit__show(v, "honeytokens", "/v1/honeytokens", "limit=200", msg);
    if (e != ERR_OK)
        return e;
    e = visit__show(v, "callers", "/v1/callers", "limit=1000", msg);
    if (e != ERR_OK)
        return e;
    visit__set_may(v, "restore", "POST", "/v1/callers/x/restore");
    visit__set_origin(v, json_get(v->model, "access"));
    json_set_str(v->model, "report", "access");
    return ERR_OK;
}

/* ---- the audit trail ---- */

/* Any, and each that the trail knows. */
static const char *const actions[] = {"",          "reveal",   "tokenize", "rectify", "erase",
                                      "hold",      "restrict", "event",    "export",  "key",
                                      "configure", "access",   "report",   "backup",  "start",
                                      "stop",      "incident", "purge",    "read",    "retire",
                                      "clock",     "request",  "rule",     "notice",  NULL};

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void append_encoded(char query[UI_QUERY_MAX], size_t *len, struct span text)
{
    for (size_t i = 0; i < text.len && *len + 4 < UI_QUERY_MAX; i++)
        *len += (size_t)snprintf(query + *len, UI_QUERY_MAX - *len,
                                 is_unreserved(text.at[i]) ? "%c" : "%%%02X",
                                 (unsigned char)text.at[i]);
}

/* What is searched for, as a query of the API, and into the model. False: nothing. */
static bool set_search(struct visit *v, char query[UI_QUERY_MAX])
{
    enum { CALLER_MAX = 128 };
    const char *action = visit__choice(v, "action", actions);
    struct span caller = form_value(&v->query, "caller");
    size_t len;

    visit__set_period(v, query);
    visit__set_choices(v, "actions", actions, action);
    json_set_str(v->model, "action", action);
    len = strlen(query);
    if (action[0] != '\0')
        len += (size_t)snprintf(query + len, UI_QUERY_MAX - len, "%saction=%s", len == 0 ? "" : "&",
                                action);
    if (caller.len > CALLER_MAX)
        caller = SPAN_LIT("");
    json_set(v->model, "caller", json_new_text(caller.at == NULL ? SPAN_LIT("") : caller));
    if (caller.len > 0) {
        len += (size_t)snprintf(query + len, UI_QUERY_MAX - len, "%scaller=", len == 0 ? "" : "&");
        append_encoded(query, &len, caller);
    }
    return len > 0 || form_value(&v->query, "after").len > 0;
}

/* The newest first. */
static struct json *reversed(const struct json *list)
{
    struct json *copy = json_new_list();

    for (size_t i = json_count(list); i > 0; i--)
        json_add(copy, json_clone(json_at(list, i - 1)));
    return copy;
}

/* What was found, in the order of the trail; without a search its end. */
static enum err set_records(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *page = NULL;
    char search[UI_QUERY_MAX], query[UI_QUERY_MAX];
    const bool is_search = set_search(v, search);
    enum err e;

    visit__query(v, query, search[0] == '\0' ? "limit=100" : search,
                 search[0] == '\0' ? NULL : "limit", "100");
    e = is_search ? visit__get(v, "/v1/audit", query, &page, msg)
                  : visit__get(v, "/v1/audit/tail", NULL, &page, msg);
    if (e != ERR_OK)
        return e;
    json_set(v->model, "records",
             is_search ? json_clone(json_get(page, "records"))
                       : reversed(json_get(page, "records")));
    json_set_int(v->model, "record_count", (int64_t)json_count(json_get(v->model, "records")));
    json_set_bool(v->model, "searched", is_search);
    json_set_bool(v->model, "more", is_search && json_bool_of(json_get(page, "more"), false));
    json_set(v->model, "next", json_clone(json_get(page, "next")));
    return ERR_OK;
}

enum err page_audit(struct visit *v, struct errmsg *msg)
{
    const struct json *verdict;
    enum err e = set_records(v, msg);

    if (e == ERR_OK)
        e = visit__show(v, "trail", "/v1/audit/status", NULL, msg);
    if (e == ERR_OK)
        e = visit__show(v, "overview", "/v1/overview", NULL, msg);
    if (e != ERR_OK)
        return e;
    verdict = json_get(json_get(json_get(v->model, "overview"), "destroyed"), "audit");
    json_set_bool(v->model, "is_whole",
                  span_equal(json_text_of(json_get(verdict, "verdict")), SPAN_LIT("whole")));
    visit__set_origin(v, json_get(v->model, "overview"));
    return ERR_OK;
}
