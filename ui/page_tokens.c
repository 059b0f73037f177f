/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: who may ask for what, and the second factors of who holds one.
 * Runs on: the listener's pool; blocks. Holds: nothing. Invariant: the text of a token and the secret of its codes stand in
 * one answer, which nobody keeps: they come with the answer of the API to a form, and from nowhere else. Not here: who may
 * give out what (admin/ops_access.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/qr.h"
#include "ui/pages.h"

enum { DAY_S = 86400, QUIET = 4 /* modules around a QR code */, PATH_BYTES_MAX = 64 << 10 };

/* Those that can be used come first. */
static const char *const shows[] = {"alive", "all", NULL};
static const char *const roles_made[] = {"auditor", NULL};
static const char *const roles_appointed[] = {"operator", "approver", "officer",
                                              "support",  "app",      NULL};
/* Without four eyes. */
static const char *const roles_made_alone[] = {"app", "support", "officer", "auditor", NULL};
static const char *const roles_appointed_alone[] = {"operator", "approver", NULL};
static const char *const periods[] = {"P30D", "P7D", "P90D", "P180D", "P1Y", NULL};

static bool is_text(const struct json *map, const char *name, const char *word)
{
    return span_equal(json_text_of(json_get(map, name)), span_str(word));
}

static bool can_be_used(const struct json *token)
{
    return is_text(token, "state", "alive") || is_text(token, "state", "waiting");
}

static bool is_appointed(const struct json *token)
{
    return access_role_is_appointed(access_role_of(json_text_of(json_get(token, "role"))));
}

/* ---- what it was used for today ---- */

static enum err get_today(struct visit *v, struct json **ret, struct errmsg *msg)
{
    const int64_t today = clock_now_s() / DAY_S;
    char from[CIVIL_TEXT_MAX], to[CIVIL_TEXT_MAX], query[UI_QUERY_MAX];
    struct api_needs needs;

    if (!api_may(v->ui->api, v->who.role, "GET", SPAN_LIT("/v1/reports/access"), &needs))
        return ERR_OK;
    civil_format(civil_of(today), from);
    civil_format(civil_of(today + 1), to);
    (void)snprintf(query, sizeof(query), "from=%s&to=%s", from, to);
    return visit__get(v, "/v1/reports/access", query, ret, msg);
}

/* What the holder of a token was shown of today; applications at the proxy are others, of whatever name. */
static void set_today(struct json *token, const struct json *report)
{
    static const char *const members[] = {"values", "masks", "refused"};
    const struct json *rows = json_get(report, "rows");
    struct json *today = json_new_map();

    for (size_t m = 0; m < COUNT_OF(members); m++) {
        int64_t sum = 0;

        for (size_t i = 0; i < json_count(rows); i++) {
            const struct json *row = json_at(rows, i);

            if (is_text(row, "role", "operator") &&
                span_equal(json_text_of(json_get(row, "caller")),
                           json_text_of(json_get(token, "name"))))
                sum += json_int_of(json_get(row, members[m]), 0);
        }
        json_set_int(today, members[m], sum);
    }
    json_set(token, "today", today);
}

/* ---- all of them ---- */

static void set_list(struct visit *v, const struct json *tokens, bool all,
                     const struct json *report)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(tokens); i++) {
        struct json *token;

        if (!all && !can_be_used(json_at(tokens, i)))
            continue;
        token = json_clone(json_at(tokens, i));
        if (report != NULL)
            set_today(token, report);
        json_add(list, token);
    }
    json_set_int(v->model, "token_count", (int64_t)json_count(list));
    json_set(v->model, "tokens", list);
}

enum err page_tokens(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *page = NULL;
    AUTO(json_free) struct json *report = NULL;
    const char *show = visit__choice(v, "show", shows);
    char query[UI_QUERY_MAX];
    enum err e;

    visit__query(v, query, "limit=1000", NULL, NULL);
    e = visit__get(v, "/v1/access", query, &page, msg);
    if (e == ERR_OK)
        e = get_today(v, &report, msg);
    if (e != ERR_OK)
        return e;
    visit__set_choices(v, "shows", shows, show);
    json_set_str(v->model, "show", show);
    set_list(v, json_get(page, "tokens"), strcmp(show, "all") == 0, report);
    json_set(v->model, "more", json_clone(json_get(page, "more")));
    json_set(v->model, "next", json_clone(json_get(page, "next")));
    json_set_bool(v->model, "has_today", report != NULL);
    visit__set_may(v, "create", "POST", "/v1/access");
    visit__set_may(v, "appoint", "POST", "/v1/access/appointments");
    return ERR_OK;
}

/* ---- one of them ---- */

/* What may be done with it now. Who may not enrol it is told who may. */
static void set_forms(struct visit *v, const struct json *token)
{
    const bool has_code = json_bool_of(json_get(token, "code"), false);
    const bool proven = json_bool_of(json_get(token, "code_used"), false);
    const bool others =
        v->ui->api->four_eyes && is_appointed(token) && v->who.role != ACCESS_APPROVER;

    if (!can_be_used(token))
        return;
    if (is_text(token, "state", "waiting"))
        visit__set_may(v, "collect", "POST", "/v1/access/1/collect");
    if (!proven && !others)
        visit__set_may(v, "enrol", "POST", "/v1/access/1/enrol");
    if (has_code && !proven)
        visit__set_may(v, "prove", "POST", "/v1/access/1/prove");
    if (has_code)
        visit__set_may(v, "unenrol", "POST", "/v1/access/1/unenrol");
    visit__set_may(v, "revoke", "POST", "/v1/access/1/revoke");
    json_set_bool(v->model, "enrolled_by_others",
                  !proven && others && v->who.role == ACCESS_OPERATOR);
}

enum err page_token(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *report = NULL;
    struct json *token = NULL;
    char path[UI_PATH_MAX];
    enum err e;

    (void)snprintf(path, sizeof(path), "/v1/access/%.*s", (int)v->parameters[0].len,
                   v->parameters[0].at);
    e = visit__get(v, path, NULL, &token, msg);
    if (e != ERR_OK)
        return e;
    json_set(v->model, "token", token);
    e = get_today(v, &report, msg);
    if (e != ERR_OK)
        return e;
    if (report != NULL)
        set_today(token, report);
    set_forms(v, token);
    return ERR_OK;
}

/* ---- a new one ---- */

static const char *sent_or_first(const struct visit *v, const char *field, const char *const *words)
{
    for (const char *const *word = words; *word != NULL; word++)
        if (span_equal(form_value(&v->form, field), span_str(*word)))
            return *word;
    return words[0];
}

static bool is_sent(const struct form *form, const char *field, struct span value)
{
    for (size_t i = 0; i < form->count; i++)
        if (span_equal(form->fields[i].name, span_str(field)) &&
            span_equal(form->fields[i].value, value))
            return true;
    return false;
}

static enum err set_classes(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *status = NULL;
    struct json *list = json_new_list();
    const struct json *classes;
    enum err e = visit__get(v, "/v1/retention/status", NULL, &status, msg);

    json_set(v->model, "classes", list);
    classes = json_get(status, "classes");
    for (size_t i = 0; i < json_count(classes); i++) {
        const struct span name = json_text_of(json_get(json_at(classes, i), "class"));
        struct json *map = json_new_map();

        json_set(map, "value", json_new_text(name));
        json_set_bool(map, "selected", is_sent(&v->form, "classes", name));
        json_add(list, map);
    }
    return e;
}

static enum err show_new(struct visit *v, const char *name, const char *path,
                         const char *const *roles, struct errmsg *msg)
{
    struct api_needs needs;

    if (!api_may(v->ui->api, v->who.role, "POST", span_str(path), &needs))
        return ERR_DENIED;
    visit__set_may(v, name, "POST", path);
    visit__set_choices(v, "roles", roles, sent_or_first(v, "role", roles));
    visit__set_choices(v, "periods", periods, sent_or_first(v, "expires", periods));
    return set_classes(v, msg);
}

enum err page_token_new(struct visit *v, struct errmsg *msg)
{
    return show_new(v, "create", "/v1/access",
                    v->ui->api->four_eyes ? roles_made : roles_made_alone, msg);
}

enum err page_token_appoint(struct visit *v, struct errmsg *msg)
{
    return show_new(v, "appoint", "/v1/access/appointments",
                    v->ui->api->four_eyes ? roles_appointed : roles_appointed_alone, msg);
}

/* ---- what is shown once ---- */

enum err once_token_made(struct visit *v UNUSED, const struct json *answer, struct errmsg *msg)
{
    return json_get(answer, "token") != NULL
               ? ERR_OK
               : errmsg_set(msg, ERR_INTERNAL, "there is no token in the answer");
}

/* A row's dark modules, as runs: "M4 5h7v1h-7z". */
static enum err draw_row(const struct qr *qr, int row, struct buf *out)
{
    enum err e = ERR_OK;

    for (int column = 0; e == ERR_OK && column < qr_width(qr); column++) {
        char text[64];
        int run = 0;

        while (qr_is_dark(qr, row, column + run))
            run++;
        if (run == 0)
            continue;
        (void)snprintf(text, sizeof(text), "M%d %dh%dv1h-%dz", column + QUIET, row + QUIET, run,
                       run);
        e = buf_append_str(out, text);
        column += run;
    }
    return e;
}

static enum err draw(const char *uri, struct json *model)
{
    AUTO(qr_free) struct qr *qr = NULL;
    AUTO(buf_done) struct buf path = {.max = 0};
    enum err e = qr_make(uri, &qr);

    buf_init_secret(&path, PATH_BYTES_MAX);
    for (int row = 0; e == ERR_OK && row < qr_width(qr); row++)
        e = draw_row(qr, row, &path);
    if (e != ERR_OK)
        return e;
    json_set(model, "path", json_new_text(buf_span(&path)));
    json_set_int(model, "size", qr_width(qr) + 2 * QUIET);
    return ERR_OK;
}

/* The secret alone, in fours, for who types it. */
static void set_secret(const char *uri, struct json *model)
{
    static const char name[] = "?secret=";
    enum { GROUP = 4 };
    const char *at = strstr(uri, name);
    struct json *list = json_new_list();
    size_t len;

    at = at == NULL ? "" : at + sizeof(name) - 1;
    len = strcspn(at, "&");
    for (size_t i = 0; i < len; i += GROUP)
        json_add(list, json_new_text(span_of(at + i, len - i < GROUP ? len - i : GROUP)));
    json_set(model, "groups", list);
}

enum err once_token_enrolled(struct visit *v, const struct json *answer, struct errmsg *msg)
{
    const char *uri = json_str_of(json_get(answer, "uri"));
    struct json *factor = json_new_map();

    json_set(v->model, "factor", factor);
    json_set(factor, "number", json_new_text(v->parameters[0]));
    if (uri == NULL || draw(uri, factor) != ERR_OK)
        return errmsg_set(msg, ERR_INTERNAL, "the second factor cannot be drawn");
    set_secret(uri, factor);
    return ERR_OK;
}
