/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the admin API for whoever is signed in.
 * Runs on: the listener's pool; blocks. Holds: nothing. Invariant: a page has nothing that the API would not give to
 * its reader: this is the only way to it. Not here: which pages there are (ui/pages.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/digest.h"
#include "base/mem.h"
#include "ui/ui_priv.h"

/* ---- calls ---- */

static enum err err_of(struct span name)
{
    static const struct {
        const char *name;
        enum err e;
    } names[] = {
#define X(name, status, text) {#name, ERR_##name},
        ERR_TABLE(X)
#undef X
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (span_equal(name, span_str(names[i].name)))
            return names[i].e;
    return ERR_INTERNAL;
}

/* What the API answered: a tree, or a problem document. */
static enum err read_answer(const struct http_answer *answer, struct json **ret_tree,
                            struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;
    struct span detail;

    if (json_parse(buf_span(&answer->body), &tree) != ERR_OK)
        return ERR_INTERNAL;
    if (answer->status < 400) {
        *ret_tree = TAKE(tree);
        return ERR_OK;
    }
    detail = json_text_of(json_get(tree, "detail"));
    return errmsg_set(msg, err_of(json_text_of(json_get(tree, "code"))), "%.*s", (int)detail.len,
                      detail.at == NULL ? "" : detail.at);
}

/* The answer's body is the caller's to end. */
static void call(struct visit *v, struct http_request *request, struct http_answer *answer)
{
    request->host = v->request->host;
    request->peer = v->request->peer;
    request->certificate = v->request->certificate;
    answer->status = 404;
    buf_init_secret(&answer->body, HTTP_ANSWER_MAX);
    api_serve_as(v->ui->api, &v->who, request, answer);
}

static enum err call_for_tree(struct visit *v, struct http_request *request, struct json **ret_tree,
                              struct errmsg *msg)
{
    struct http_answer *answer = mem_alloc(sizeof(*answer));
    enum err e;

    call(v, request, answer);
    e = read_answer(answer, ret_tree, msg);
    buf_done(&answer->body);
    free(answer);
    return e;
}

enum err visit__file(struct visit *v, const char *path, const char *query, const char *accept,
                     struct errmsg *msg)
{
    struct http_request request = {.method = SPAN_LIT("GET"), .path = span_str(path)};
    struct http_answer *answer = mem_alloc(sizeof(*answer));
    struct json *tree = NULL;
    enum err e = ERR_OK;

    if (query[0] != '\0')
        request.query = span_str(query);
    request.fields[HTTP_ACCEPT] = span_str(accept);
    call(v, &request, answer);
    if (answer->status == 200) {
        v->answer->status = answer->status;
        v->answer->content_type = answer->content_type;
        e = buf_append_span(&v->answer->body, buf_span(&answer->body));
    } else {
        e = read_answer(answer, &tree, msg);
        e = e == ERR_OK ? ERR_INTERNAL : e;
        json_free(&tree);
    }
    buf_done(&answer->body);
    free(answer);
    return e;
}

enum err visit__download(struct visit *v, const char *path, const struct json *members,
                         struct errmsg *msg)
{
    AUTO(buf_done) struct buf body = {.max = 0};
    AUTO(json_free) struct json *tree = NULL;
    struct http_request request = {.method = SPAN_LIT("POST"), .path = span_str(path)};
    enum err e;

    buf_init_secret(&body, API_BODY_MAX);
    e = json_write(members, &body);
    if (e != ERR_OK)
        return e;
    request.body = buf_span(&body);
    request.fields[HTTP_CONTENT_TYPE] = SPAN_LIT("application/json");
    request.host = v->request->host;
    request.peer = v->request->peer;
    api_serve_as(v->ui->api, &v->who, &request, v->answer);
    if (v->answer->status == 200)
        return ERR_OK;
    e = read_answer(v->answer, &tree, msg);
    buf_reset(&v->answer->body);
    return e == ERR_OK ? ERR_INTERNAL : e;
}

enum err visit__get(struct visit *v, const char *path, const char *query, struct json **ret_tree,
                    struct errmsg *msg)
{
    struct http_request request = {.method = SPAN_LIT("GET"), .path = span_str(path)};

    if (query != NULL)
        request.query = span_str(query);
    return call_for_tree(v, &request, ret_tree, msg);
}

enum err visit__post(struct visit *v, const char *path, const struct json *members,
                     struct span code, struct json **ret_tree, struct errmsg *msg)
{
    AUTO(buf_done) struct buf body = {.max = 0};
    struct http_request request = {.method = SPAN_LIT("POST"), .path = span_str(path)};
    enum err e;

    buf_init_secret(&body, API_BODY_MAX);
    e = json_write(members, &body);
    if (e != ERR_OK)
        return e;
    if (json_count(members) > 0) {
        request.body = buf_span(&body);
        request.fields[HTTP_CONTENT_TYPE] = SPAN_LIT("application/json");
    }
    if (code.len > 0)
        request.fields[HTTP_ONE_TIME_CODE] = code;
    return call_for_tree(v, &request, ret_tree, msg);
}

/* ---- into the model ---- */

static bool may(const struct visit *v, const char *method, const char *path, struct api_needs *ret)
{
    return api_may(v->ui->api, v->who.role, method, span_str(path), ret);
}

enum err visit__show(struct visit *v, const char *member, const char *path, const char *query,
                     struct errmsg *msg)
{
    struct json *tree = NULL;
    struct api_needs needs;
    enum err e;

    if (!may(v, "GET", path, &needs))
        return ERR_OK;
    e = visit__get(v, path, query, &tree, msg);
    if (e == ERR_OK)
        json_set(v->model, member, tree);
    return e;
}

void visit__set_may(struct visit *v, const char *name, const char *method, const char *path)
{
    struct api_needs needs = {.code = false};
    struct json *map;
    char member[64];

    if (!may(v, method, path, &needs))
        return;
    map = json_new_map();
    json_set_str(map, "form", name);
    json_set_bool(map, "code", needs.code);
    json_set_bool(map, "approval", needs.approval);
    (void)snprintf(member, sizeof(member), "can_%s", name);
    json_set(v->model, member, map);
}

void visit__add_digest(struct visit *v, const struct json *report)
{
    struct json *list = json_get(json_get(v->model, "origin"), "digests"), *map;
    char hex[DIGEST_HEX_BYTES];

    if (json_kind(json_get(report, "rows")) != JSON_LIST ||
        api_report_digest(report, hex) != ERR_OK)
        return;
    if (list == NULL) {
        list = json_new_list();
        json_set(json_get(v->model, "origin"), "digests", list);
    }
    map = json_new_map();
    json_set(map, "report", json_clone(json_get(report, "report")));
    json_set_str(map, "sha256", hex);
    json_add(list, map);
}

void visit__set_origin(struct visit *v, const struct json *report)
{
    static const char *const members[] = {"as_of", "zone", "configuration", "ledger", "clock"};
    struct json *origin = json_get(v->model, "origin");

    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (json_get(report, members[i]) != NULL)
            json_set(origin, members[i], json_clone(json_get(report, members[i])));
    visit__add_digest(v, report);
}

const char *visit__choice(const struct visit *v, const char *name, const char *const *words)
{
    const struct span value = form_value(&v->query, name);

    for (size_t i = 0; words[i] != NULL; i++)
        if (span_equal(value, span_str(words[i])))
            return words[i];
    return words[0];
}

void visit__redirect(struct visit *v, const char *path)
{
    buf_reset(&v->answer->body);
    v->answer->status = 303;
    http_answer_field(v->answer, "location", "%s", path);
}

void visit__set_choices(struct visit *v, const char *member, const char *const *words,
                        const char *chosen)
{
    struct json *list = json_new_list();

    for (; *words != NULL; words++) {
        struct json *map = json_new_map();

        json_set_str(map, "value", *words);
        json_set_bool(map, "selected", strcmp(*words, chosen) == 0);
        json_add(list, map);
    }
    json_set(v->model, member, list);
}

void visit__set_period(struct visit *v, char query[UI_QUERY_MAX])
{
    static const char *const names[] = {"from", "to"};
    struct json *map = json_new_map();
    size_t len = 0;

    query[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct span day = form_value(&v->query, names[i]);
        struct civil date;
        const bool is_day = civil_parse(day, &date);

        json_set(map, names[i], json_new_text(is_day ? day : SPAN_LIT("")));
        if (is_day)
            len += (size_t)snprintf(query + len, UI_QUERY_MAX - len, "%s%s=%.*s",
                                    len == 0 ? "" : "&", names[i], (int)day.len, day.at);
    }
    json_set(v->model, "period", map);
}

static bool is_number(struct span text)
{
    bool ok = text.len > 0 && text.len <= 18;

    for (size_t i = 0; i < text.len; i++)
        ok = ok && text.at[i] >= '0' && text.at[i] <= '9';
    return ok;
}

size_t visit__after(const struct visit *v)
{
    const struct span after = form_value(&v->query, "after");
    size_t n = 0;

    for (size_t i = 0; is_number(after) && i < after.len; i++)
        n = n * 10 + (size_t)(after.at[i] - '0');
    return n;
}

void visit__query(const struct visit *v, char query[UI_QUERY_MAX], const char *first,
                  const char *name, const char *value)
{
    const struct span after = form_value(&v->query, "after");
    int len = snprintf(query, UI_QUERY_MAX, "%s", first);

    if (name != NULL)
        len += snprintf(query + len, UI_QUERY_MAX - (size_t)len, "&%s=%s", name, value);
    if (is_number(after))
        (void)snprintf(query + len, UI_QUERY_MAX - (size_t)len, "&after=%.*s", (int)after.len,
                       after.at);
}

void visit__label_bars(const struct json *bars)
{
    for (size_t i = 0; i < json_count(bars); i++) {
        struct json *bar = json_at(bars, i);
        const int64_t from = json_int_of(json_get(bar, "from"), INT64_MIN);
        const int64_t to = json_int_of(json_get(bar, "to"), INT64_MAX);
        char text[64];

        if (from == INT64_MIN)
            (void)snprintf(text, sizeof(text), "< %" PRId64, to + 1);
        else if (to == INT64_MAX)
            (void)snprintf(text, sizeof(text), "%" PRId64 "+", from);
        else if (from == to)
            (void)snprintf(text, sizeof(text), "%" PRId64, from);
        else
            (void)snprintf(text, sizeof(text), "%" PRId64 "\xe2\x80\x93%" PRId64, from, to);
        json_set_str(bar, "label", text);
    }
}
