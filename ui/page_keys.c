/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the machinery is well: keys, clock, backups, deletion runs, the trail, certificates; what is not comes first.
 * Runs on: the listener's pool; blocks. Holds: nothing. Not here: what a host lacks (lethe doctor). */
#include <stdio.h>

#include "base/mem.h"
#include "ui/pages.h"

static bool is_text(const struct json *value, const char *word)
{
    return span_equal(json_text_of(value), span_str(word));
}

static void add_finding(struct json *findings, bool is_bad, const char *name)
{
    if (is_bad)
        json_add(findings, json_new_text(span_str(name)));
}

static bool is_paused(const struct json *classes)
{
    for (size_t i = 0; i < json_count(classes); i++)
        if (json_kind(json_get(json_at(classes, i), "paused")) == JSON_MAP)
            return true;
    return false;
}

/* The clocks that are about machinery: reviews have pages of their own. */
static struct json *own_clocks(const struct json *clocks, struct json *findings)
{
    static const char *const own[] = {"backup_due", "audit_head", "key_epoch_end",
                                      "certificate_end"};
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(clocks); i++) {
        const struct json *clock = json_at(clocks, i);

        for (size_t k = 0; k < COUNT_OF(own); k++) {
            if (!is_text(json_get(clock, "clock"), own[k]))
                continue;
            json_add(list, json_clone(clock));
            add_finding(findings, is_text(json_get(clock, "state"), "past"), own[k]);
        }
    }
    return list;
}

static void set_findings(struct visit *v)
{
    const struct json *keys = json_get(v->model, "keys"), *trail = json_get(v->model, "trail");
    const struct json *deletion = json_get(v->model, "deletion");
    const struct json *rotation = json_get(json_get(keys, "rotation"), "state");
    const struct json *last = json_get(json_get(deletion, "last_run"), "end");
    struct json *findings = json_new_list();

    add_finding(findings, json_bool_of(json_get(keys, "sealed"), false), "sealed");
    add_finding(findings, json_get(keys, "provider_error") != NULL, "provider");
    add_finding(findings, is_text(rotation, "failed") || is_text(rotation, "interrupted"),
                "rotation");
    add_finding(findings, !is_text(json_get(json_get(v->model, "clock"), "state"), "right"),
                "clock");
    add_finding(findings, is_paused(json_get(deletion, "classes")), "paused");
    add_finding(findings, is_text(last, "failed"), "run_failed");
    add_finding(findings, json_int_of(json_get(trail, "failures"), 0) > 0, "trail");
    add_finding(findings, json_int_of(json_get(trail, "heads_lost"), 0) > 0, "heads");
    json_set(v->model, "clocks",
             own_clocks(json_get(json_get(v->model, "overview"), "clocks"), findings));
    json_set(v->model, "findings", findings);
}

enum err page_keys(struct visit *v, struct errmsg *msg)
{
    static const struct {
        const char *member, *path;
    } parts[] = {{"keys", "/v1/keys"},
                 {"clock", "/v1/clock"},
                 {"overview", "/v1/overview"},
                 {"trail", "/v1/audit/status"},
                 {"deletion", "/v1/retention/status"}};
    char query[UI_QUERY_MAX];
    enum err e = ERR_OK;

    visit__set_period(v, query);
    json_set_str(v->model, "report", "purges");
    for (size_t i = 0; i < COUNT_OF(parts) && e == ERR_OK; i++)
        e = visit__show(v, parts[i].member, parts[i].path, NULL, msg);
    if (e != ERR_OK)
        return e;
    set_findings(v);
    visit__set_origin(v, json_get(v->model, "overview"));
    visit__set_may(v, "rotate", "POST", "/v1/keys/rotate");
    if (!is_text(json_get(json_get(v->model, "clock"), "state"), "right"))
        visit__set_may(v, "accept", "POST", "/v1/clock/accept");
    if (is_paused(json_get(json_get(v->model, "deletion"), "classes")))
        visit__set_may(v, "resume", "POST", "/v1/retention/resume");
    return ERR_OK;
}
