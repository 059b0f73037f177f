/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes, from an operation to its HTTP request.
 * Runs on: any thread. Holds: nothing. Invariant: what may be personal goes into bodies only; a member that a
 * route has no place for is refused, not dropped. Not here: sending it (cli/remote.c), who may (admin/api.c). */
#include "admin/api_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/api_priv.h"
#include "base/buf.h"
#include "base/mem.h"

enum { NAME_MAX_BYTES = 64 };

static const struct route routes[] = {
#define ROUTE(method, path, operation, roles, flags, query)                                        \
    {#method, path, operation, roles, flags, query},
#include "admin/api_routes.def"
#undef ROUTE
};

/* What names a person, besides "person" itself. */
static const char *const names[] = {"subject", "domain", "token", "class"};

static bool names_somebody(const struct json *request)
{
    return json_get(request, "subject") != NULL || json_get(request, "token") != NULL;
}

struct json *api_call_find_person(const struct json *request)
{
    struct json *find = json_new_map();

    json_set_str(find, "op", "subject.show");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (json_get(request, names[i]) != NULL)
            json_set(find, names[i], json_clone(json_get(request, names[i])));
    return find;
}

struct json *api_call_use_person(const struct json *request, const char *person)
{
    struct json *by_id = json_clone(request);

    for (size_t i = 0; i < COUNT_OF(names); i++)
        json_remove(by_id, names[i]);
    json_set_str(by_id, "person", person);
    return by_id;
}

/* ---- does a route fit? ---- */

static bool is_operation(const struct route *route, const struct json *request)
{
    return span_equal(json_text_of(json_get(request, "op")),
                      span_of(route->operation, strcspn(route->operation, " ")));
}

/* "NAME" or "NAME MEMBER=VALUE": the member says just that? Then `rest` is without it. */
static bool take_member(const struct route *route, struct json *rest)
{
    const char *space = strchr(route->operation, ' ');
    const char *equals = space == NULL ? NULL : strchr(space, '=');
    char member[NAME_MAX_BYTES];

    if (equals != NULL) {
        (void)snprintf(member, sizeof(member), "%.*s", (int)(equals - space - 1), space + 1);
        if (!span_equal(json_text_of(json_get(rest, member)), span_str(equals + 1)))
            return false;
        json_remove(rest, member);
    }
    json_remove(rest, "op");
    return true;
}

/* Percent-encode all but what RFC 3986 2.3 calls unreserved; numbers as they are. */
static enum err append_value(struct buf *out, const struct json *value)
{
    const struct span text = json_text_of(value);
    char piece[32];
    enum err e = ERR_OK;

    if (json_kind(value) == JSON_INT) {
        (void)snprintf(piece, sizeof(piece), "%" PRId64, json_int_of(value, 0));
        return buf_append_str(out, piece);
    }
    if (text.at == NULL)
        return ERR_UNSUPPORTED;
    for (size_t i = 0; e == ERR_OK && i < text.len; i++) {
        const unsigned char c = (unsigned char)text.at[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;

        (void)snprintf(piece, sizeof(piece), plain ? "%c" : "%%%02X", c);
        e = c == 0 ? ERR_UNSUPPORTED : buf_append_str(out, piece);
    }
    return e;
}

/* Take a member out of `rest` and write it. `name`: as the table spells it, perhaps with a #. NOT_FOUND: it is
 * not there. */
static enum err move_value(struct json *rest, struct span name, const char *lead, struct buf *out)
{
    char member[NAME_MAX_BYTES];
    enum err e;

    if (name.at[0] == '#')
        name = span_of(name.at + 1, name.len - 1);
    (void)snprintf(member, sizeof(member), "%.*s", (int)name.len, name.at);
    if (json_get(rest, member) == NULL)
        return ERR_NOT_FOUND;
    e = buf_append_str(out, lead);
    if (e == ERR_OK && lead[0] != '\0')
        e = buf_append_str(out, member);
    if (e == ERR_OK && lead[0] != '\0')
        e = buf_append_byte(out, '=');
    if (e == ERR_OK)
        e = append_value(out, json_get(rest, member));
    json_remove(rest, member);
    return e;
}

static enum err write_path(const struct route *route, struct json *rest, struct buf *out)
{
    const char *at = route->path;
    enum err e = ERR_OK;

    while (e == ERR_OK && *at != '\0') {
        const size_t plain = strcspn(at, "{");

        e = buf_append(out, at, plain);
        at += plain;
        if (e == ERR_OK && *at == '{') {
            const size_t len = strcspn(at, "}");

            e = move_value(rest, span_of(at + 1, len - 1), "", out);
            at += len + 1;
        }
    }
    return e;
}

static enum err write_query(const struct route *route, struct json *rest, struct buf *out)
{
    const char *at = route->query;
    const char *lead = "?";
    enum err e = ERR_OK;

    while (e == ERR_OK && *at != '\0') {
        const size_t len = strcspn(at, " ");

        e = move_value(rest, span_of(at, len), lead, out);
        if (e == ERR_OK)
            lead = "&";
        else if (e == ERR_NOT_FOUND)
            e = ERR_OK;
        at += len + strspn(at + len, " ");
    }
    return e;
}

/* UNSUPPORTED: the route is not for this request. */
static enum err try_route(const struct route *route, const struct json *request,
                          struct api_call *ret)
{
    AUTO(json_free) struct json *rest = NULL;
    AUTO(buf_done) struct buf target = {.max = API_TARGET_MAX - 1};
    enum err e;

    if (!is_operation(route, request))
        return ERR_UNSUPPORTED;
    rest = json_clone(request);
    if (!take_member(route, rest))
        return ERR_UNSUPPORTED;
    e = write_path(route, rest, &target);
    if (e == ERR_OK)
        e = write_query(route, rest, &target);
    if (e != ERR_OK)
        return e == ERR_TOO_LARGE ? e : ERR_UNSUPPORTED;
    if (json_count(rest) > 0 && strcmp(route->method, "GET") == 0)
        return ERR_UNSUPPORTED;
    ret->method = route->method;
    ret->takes_key = (route->flags & (READS | NUMBERED)) == 0 && strcmp(route->method, "GET") != 0;
    ret->is_download = (route->flags & DOWNLOAD) != 0;
    memcpy(ret->target, target.bytes, target.len);
    ret->target[target.len] = '\0';
    if (json_count(rest) > 0)
        ret->body = TAKE(rest);
    return ERR_OK;
}

static enum err find_route(const struct json *request, struct api_call *ret)
{
    enum err e = ERR_UNSUPPORTED;

    for (size_t i = 0; e == ERR_UNSUPPORTED && i < COUNT_OF(routes); i++)
        e = try_route(&routes[i], request, ret);
    return e;
}

static bool is_offered(const struct json *request)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++)
        if (is_operation(&routes[i], request))
            return true;
    return false;
}

/* Would it fit if the person's id were known? */
static bool fits_a_person(const struct json *request)
{
    AUTO(json_free) struct json *by_id = NULL;
    AUTO(api_call_done) struct api_call call = {.method = NULL};

    if (!names_somebody(request))
        return false;
    by_id = api_call_use_person(request, "1");
    return find_route(by_id, &call) == ERR_OK;
}

enum err api_call_make(const struct json *request, struct api_call *ret, struct errmsg *msg)
{
    struct api_call call = {.method = NULL};
    enum err e = find_route(request, &call);

    if (e == ERR_UNSUPPORTED && fits_a_person(request)) {
        call.needs_person = true;
        e = ERR_OK;
    }
    if (e == ERR_OK)
        *ret = call;
    else if (e == ERR_TOO_LARGE)
        return errmsg_set(msg, e, "what is asked for is too long for a URL");
    else if (is_offered(request))
        return errmsg_set(msg, e, "the admin API does not take all of these options for this");
    else
        return errmsg_set(msg, e, "the admin API does not offer this: run it on the server's host");
    return e;
}

void api_call_done(struct api_call *call)
{
    json_free(&call->body);
}
