/* SPDX-License-Identifier: Apache-2.0 */
/* Four eyes: what waits for somebody else's approval, and what it would do; and the forms to propose an erasure.
 * Runs on: the listener's pool; blocks. Holds: nothing. Invariant: an identifier is typed into a form and
 * stands in no address; from then on a person is a random id. Not here: who may approve what (admin/proposals.c). */
#include <stdio.h>

#include "base/mem.h"
#include "ui/pages.h"

/* ---- the list ---- */

static bool is_text(const struct json *value, const char *word)
{
    return span_equal(json_text_of(value), span_str(word));
}

static bool is_waiting(const struct json *proposal)
{
    return is_text(json_get(proposal, "state"), "open") ||
           is_text(json_get(proposal, "state"), "approved");
}

/* What waits, the oldest first; what was decided, the newest first. */
static void set_lists(struct visit *v, const struct json *proposals)
{
    struct json *waiting = json_new_list(), *decided = json_new_list();
    const size_t count = json_count(proposals);

    for (size_t i = 0; i < count; i++) {
        const struct json *first = json_at(proposals, i), *last = json_at(proposals, count - 1 - i);

        if (is_waiting(first))
            json_add(waiting, json_clone(first));
        if (!is_waiting(last))
            json_add(decided, json_clone(last));
    }
    json_set_int(v->model, "waiting_count", (int64_t)json_count(waiting));
    json_set_int(v->model, "decided_count", (int64_t)json_count(decided));
    json_set(v->model, "waiting", waiting);
    json_set(v->model, "decided", decided);
}

enum err page_proposals(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *list = NULL;
    char query[UI_QUERY_MAX];
    enum err e;

    visit__query(v, query, "limit=1000", NULL, NULL);
    e = visit__get(v, "/v1/proposals", query, &list, msg);
    if (e != ERR_OK)
        return e;
    set_lists(v, json_get(list, "proposals"));
    json_set(v->model, "more", json_clone(json_get(list, "more")));
    json_set(v->model, "next", json_clone(json_get(list, "next")));
    visit__set_may(v, "erase", "POST", "/v1/erasures");
    return ERR_OK;
}

/* ---- one of them ---- */

/* Under which name a template finds what the operation would do. */
static const struct {
    const char *operation, *shown;
} previews[] = {
    {"subject.erase", "erase"},       {"hold.lift", "lift"},          {"retention.apply", "rules"},
    {"retention.resume", "deletion"}, {"key.rotate", "keys"},         {"clock.accept", "clock"},
    {"access.appoint", "appoint"},    {"access.unenrol", "unenrol"},  {"renewal.start", "renew"},
    {"renewal.finish", "finish"},     {"retention.repair", "repair"},
};

static void set_preview(const struct visit *v, struct json *proposal)
{
    struct json *preview = json_new_map();

    for (size_t i = 0; i < COUNT_OF(previews); i++)
        if (is_text(json_get(proposal, "operation"), previews[i].operation))
            json_set(preview, previews[i].shown, json_clone(json_get(proposal, "preview")));
    json_set(v->model, "shows", preview);
}

/* Who follows a link from a chat sees whether it is about what was seen there. */
static void set_digest_asked(const struct visit *v, const struct json *proposal)
{
    const struct span asked = form_value(&v->query, "digest");

    if (asked.len == 0)
        return;
    json_set_bool(v->model, "same_digest",
                  span_equal(asked, json_text_of(json_get(proposal, "digest"))));
    json_set_bool(v->model, "digest_asked", true);
}

enum err page_proposal(struct visit *v, struct errmsg *msg)
{
    struct json *proposal = NULL;
    bool own;
    char path[UI_PATH_MAX];
    enum err e;

    (void)snprintf(path, sizeof(path), "/v1/proposals/%.*s", (int)v->parameters[0].len,
                   v->parameters[0].at);
    e = visit__get(v, path, NULL, &proposal, msg);
    if (e != ERR_OK)
        return e;
    json_set(v->model, "proposal", proposal);
    set_preview(v, proposal);
    set_digest_asked(v, proposal);
    own = is_text(json_get(proposal, "proposed_by"), v->who.name);
    json_set_bool(v->model, "own", own && is_waiting(proposal));
    if (is_text(json_get(proposal, "state"), "open") && !own)
        visit__set_may(v, "approve", "POST", "/v1/proposals/1/approve");
    if (is_waiting(proposal))
        visit__set_may(v, "reject", "POST", "/v1/proposals/1/reject");
    return ERR_OK;
}

/* ---- proposing an erasure ---- */

static bool may_erase(const struct visit *v)
{
    struct api_needs needs;

    return api_may(v->ui->api, v->who.role, "POST", SPAN_LIT("/v1/erasures"), &needs);
}

enum err page_erasure_new(struct visit *v, struct errmsg *msg UNUSED)
{
    return may_erase(v) ? ERR_OK : ERR_DENIED;
}

static const char *const grounds[] = {"", "a", "b", "c", "d", "e", "f", NULL};

static const char *ground_sent(const struct visit *v)
{
    for (const char *const *word = grounds; *word != NULL; word++)
        if (span_equal(form_value(&v->form, "ground"), span_str(*word)))
            return *word;
    return "";
}

enum err page_erasure_review(struct visit *v, struct errmsg *msg)
{
    char path[UI_PATH_MAX];

    if (!may_erase(v))
        return ERR_DENIED;
    (void)snprintf(path, sizeof(path), "/v1/subjects/%.*s", (int)v->parameters[0].len,
                   v->parameters[0].at);
    visit__set_may(v, "erase", "POST", "/v1/erasures");
    visit__set_choices(v, "grounds", grounds, ground_sent(v));
    return visit__show(v, "erase", path, NULL, msg);
}
