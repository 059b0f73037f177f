/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the admin API: pages, entity tags, what Accept wants.
 * Runs on: the listener's pool. Holds: nothing. Invariant: a strong tag (RFC 9110 8.8) changes with each byte of
 * the answer; a weak one, of reports, with each of their figures, but not with the second in which they were
 * made. Not here: problems (admin/api.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/api_priv.h"
#include "admin/ops_priv.h"
#include "base/digest.h"
#include "retention/report_write.h"

enum { LINK_MAX = HTTP_ANSWER_VALUE_MAX };

void api__write(struct http_answer *answer, const struct json *tree)
{
    buf_reset(&answer->body);
    if (json_write(tree, &answer->body) != ERR_OK ||
        buf_append_byte(&answer->body, '\n') != ERR_OK) {
        buf_reset(&answer->body);
        answer->status = 500;
    }
}

/* ---- pages ---- */

static bool is_named(struct span pair, const char *name)
{
    const size_t len = strlen(name);

    return pair.len > len && memcmp(pair.at, name, len) == 0 && pair.at[len] == '=';
}

/* What of the query stays for the next page. False: it does not fit, or holds what ends a link. */
static bool add_query(struct span query, char *link, size_t *len)
{
    while (query.len > 0) {
        const char *end = memchr(query.at, '&', query.len);
        const struct span pair =
            span_of(query.at, end == NULL ? query.len : (size_t)(end - query.at));

        query = span_of(query.at + pair.len + (end != NULL), query.len - pair.len - (end != NULL));
        if (is_named(pair, "after"))
            continue;
        for (size_t i = 0; i < pair.len; i++)
            if (pair.at[i] <= ' ' || pair.at[i] > '~' || strchr("<>\"", pair.at[i]) != NULL)
                return false;
        if (*len + pair.len + 1 >= LINK_MAX)
            return false;
        *len += (size_t)snprintf(link + *len, LINK_MAX - *len, "&%.*s", (int)pair.len, pair.at);
    }
    return true;
}

/* RFC 8288: where the list goes on. */
static void link_next(struct call *c, const struct json *response)
{
    const struct json *next = json_get(response, "next");
    char link[LINK_MAX];
    size_t len = 0;

    if (json_kind(next) != JSON_INT || c->request->path.len + 64 > sizeof(link))
        return;
    len = (size_t)snprintf(link, sizeof(link), "<%.*s?after=%" PRId64, (int)c->request->path.len,
                           c->request->path.at, json_int_of(next, 0));
    if (add_query(c->request->query, link, &len))
        http_answer_field(c->answer, "link", "%s>; rel=\"next\"", link);
}

/* ---- entity tags ---- */

enum { TAG_HEX = 32 };

static void tag_of(struct span text, char ret[TAG_HEX + 1])
{
    char hex[DIGEST_HEX_BYTES];

    digest_hex(text, hex);
    (void)snprintf(ret, TAG_HEX + 1, "%.*s", TAG_HEX, hex);
}

/* Does a list of tags (RFC 9110 13.1) hold this one? Where a strong one is wanted, weak ones are nothing. */
static bool names_tag(struct span list, const char *tag, bool strong)
{
    if (span_equal(list, SPAN_LIT("*")))
        return true;
    while (list.len > 0) {
        const char *end = memchr(list.at, ',', list.len);
        struct span one = span_of(list.at, end == NULL ? list.len : (size_t)(end - list.at));
        bool weak;

        list = span_of(list.at + one.len + (end != NULL), list.len - one.len - (end != NULL));
        while (one.len > 0 && (one.at[0] == ' ' || one.at[0] == '\t'))
            one = span_of(one.at + 1, one.len - 1);
        while (one.len > 0 && (one.at[one.len - 1] == ' ' || one.at[one.len - 1] == '\t'))
            one.len--;
        weak = one.len > 2 && memcmp(one.at, "W/", 2) == 0;
        if (weak)
            one = span_of(one.at + 2, one.len - 2);
        if (one.len == TAG_HEX + 2 && one.at[0] == '"' && one.at[one.len - 1] == '"' &&
            memcmp(one.at + 1, tag, TAG_HEX) == 0 && !(weak && strong))
            return true;
    }
    return false;
}

/* What a report says, without when it was made. */
static enum err tag_report(struct call *c, const struct json *report, char ret[TAG_HEX + 1])
{
    AUTO(json_free) struct json *timeless = json_clone(report);
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    json_remove(timeless, "as_of");
    buf_init(&text, HTTP_ANSWER_MAX);
    e = json_write(timeless, &text);
    if (e == ERR_OK)
        e = buf_append_str(&text, c->answer->content_type);
    if (e == ERR_OK)
        tag_of(buf_span(&text), ret);
    return e;
}

enum err api__tag(struct call *c, const struct json *response)
{
    const bool weak = (c->route->flags & REPORT) != 0;
    char tag[TAG_HEX + 1];
    enum err e = ERR_OK;

    if (strcmp(c->route->method, "GET") != 0 || c->of_page)
        return ERR_OK;
    if (weak)
        e = tag_report(c, response, tag);
    else
        tag_of(buf_span(&c->answer->body), tag);
    if (e != ERR_OK)
        return e;
    http_answer_field(c->answer, "etag", "%s\"%s\"", weak ? "W/" : "", tag);
    if (c->request->fields[HTTP_IF_NONE_MATCH].at != NULL &&
        names_tag(c->request->fields[HTTP_IF_NONE_MATCH], tag, false)) {
        c->answer->status = 304;
        buf_reset(&c->answer->body);
    }
    return ERR_OK;
}

/* ---- If-Match ---- */

static enum err show_request(struct call *c, struct admin *admin, struct json **ret)
{
    AUTO(json_free) struct json *question = json_new_map();

    json_set_str(question, "op", "request.show");
    json_set_int(question, "number", json_int_of(json_get(c->members, "number"), 0));
    return ops_run_within(admin, question, ret, &c->msg);
}

enum err api__match(struct call *c, struct admin *admin)
{
    const struct span wanted = c->request->fields[HTTP_IF_MATCH];
    AUTO(json_free) struct json *shown = NULL;
    AUTO(buf_done) struct buf text = {.max = 0};
    char tag[TAG_HEX + 1];
    enum err e;

    if (wanted.at == NULL)
        return ERR_OK;
    if (!span_equal(api__operation(c->route), SPAN_LIT("request.act")))
        return errmsg_set(&c->msg, ERR_INVALID, "If-Match has no meaning here");
    e = show_request(c, admin, &shown);
    buf_init(&text, HTTP_ANSWER_MAX);
    if (e == ERR_OK)
        e = json_write(shown, &text);
    if (e == ERR_OK)
        e = buf_append_byte(&text, '\n');
    if (e != ERR_OK)
        return e;
    tag_of(buf_span(&text), tag);
    if (!names_tag(wanted, tag, true))
        return errmsg_set(&c->msg, ERR_CHANGED, "the request is another one by now: look at it");
    /* what happens between here and the change is found then */
    json_set(c->members, "version", json_clone(json_get(shown, "version")));
    return ERR_OK;
}

/* ---- the answer ---- */

#define XLSX_TYPE "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

static const struct report_type {
    const char *name, *content_type;
    enum report_format format;
} report_types[] = {
    {"text/csv", "text/csv; charset=utf-8; header=present", REPORT_CSV},
    {XLSX_TYPE, XLSX_TYPE, REPORT_XLSX},
    {"text/html", "text/html; charset=utf-8", REPORT_HTML},
    {"text/plain", "text/plain; charset=utf-8", REPORT_TABLE},
};

/* Does Accept name this type before JSON? */
static bool prefers(const struct call *c, const char *type)
{
    const struct span accept = c->request->fields[HTTP_ACCEPT];

    return accept.at != NULL && accept.len >= strlen(type) &&
           strncasecmp(accept.at, type, strlen(type)) == 0;
}

enum err api__answer(struct call *c, const struct json *response)
{
    const bool is_report = (c->route->flags & REPORT) != 0;
    const struct report_type *type = NULL;
    enum err e = ERR_OK;

    c->answer->status = api__is_proposal(c) ? 202 : (c->route->flags & CREATES) != 0 ? 201 : 200;
    c->answer->content_type = "application/json";
    for (size_t i = 0; is_report && i < COUNT_OF(report_types) && type == NULL; i++)
        if (prefers(c, report_types[i].name))
            type = &report_types[i];
    if (type != NULL) {
        c->answer->content_type = type->content_type;
        e = report_write(response, &(struct report_style){.format = type->format, .wide = true},
                         &c->answer->body);
    } else {
        api__write(c->answer, response);
    }
    if (e == ERR_OK && c->answer->status < 300) {
        link_next(c, response);
        e = api__tag(c, response);
    }
    return e;
}

enum err api_report_digest(const struct json *report, char ret[DIGEST_HEX_BYTES])
{
    return report_digest(report, ret);
}
