/* SPDX-License-Identifier: Apache-2.0 */
/* A request of the admin API as the members of an operation.
 * Runs on: the listener's pool. Holds: nothing. Invariant: what has no meaning is refused, and nothing is said
 * twice: by the path and the body, by a field and the body. Not here: who asks (admin/api.c), what operations
 * make of it (admin/ops.c). */
#include <stdio.h>
#include <string.h>

#include "admin/api_priv.h"
#include "base/assert.h"
#include "base/mem.h"

enum { PAGE_ENTRIES = 100 };

/* ---- paths ---- */

struct span api__segment(struct span *rest)
{
    const char *slash = rest->len == 0 ? NULL : memchr(rest->at, '/', rest->len);
    const struct span first =
        span_of(rest->at, slash == NULL ? rest->len : (size_t)(slash - rest->at));

    *rest = slash == NULL ? span_of(rest->at + rest->len, 0)
                          : span_of(slash + 1, rest->len - first.len - 1);
    return first;
}

bool api__is_parameter(struct span pattern)
{
    return pattern.len > 2 && pattern.at[0] == '{';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 2.3: an escape of it means the same. */
static bool is_unreserved(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c > 0 && strchr("-._~", c) != NULL);
}

bool api__is_plain_path(struct span path)
{
    for (size_t i = 0; i + 2 < path.len; i++) {
        const int high = hex_digit(path.at[i + 1]), low = hex_digit(path.at[i + 2]);

        if (path.at[i] == '%' && high >= 0 && low >= 0 && is_unreserved(high << 4 | low))
            return false;
    }
    return true;
}

/* ---- what is asked ---- */

/* Undo %XX. False: not well written, or no UTF-8. */
static bool decode(struct span text, struct json **ret)
{
    char out[API_SEGMENT_MAX];
    size_t n = 0;

    if (text.len > sizeof(out))
        return false;
    for (size_t i = 0; i < text.len; i++, n++) {
        int high, low;

        out[n] = text.at[i];
        if (text.at[i] != '%')
            continue;
        if (i + 2 >= text.len)
            return false;
        high = hex_digit(text.at[i + 1]);
        low = hex_digit(text.at[i + 2]);
        if (high < 0 || low < 0)
            return false;
        out[n] = (char)(high << 4 | low);
        i += 2;
    }
    *ret = json_new_text(span_of(out, n));
    return *ret != NULL;
}

static bool read_integer(struct span text, int64_t *ret)
{
    int64_t n = 0;

    if (text.len == 0 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (text.at[i] - '0');
    }
    *ret = n;
    return true;
}

/* Put a parameter in as a member; `name` as it stands in the table, perhaps with a #. */
static enum err set_parameter(struct call *c, struct span name, struct span value)
{
    struct json *member = NULL;
    char text[API_SEGMENT_MAX];
    const bool is_number = name.at[0] == '#';
    int64_t number = 0;

    if (is_number)
        name = span_of(name.at + 1, name.len - 1);
    REQUIRE(name.len < sizeof(text));
    (void)snprintf(text, sizeof(text), "%.*s", (int)name.len, name.at);
    if (json_get(c->members, text) != NULL)
        return errmsg_set(&c->msg, ERR_INVALID, "\"%s\" is given twice", text);
    if (is_number ? !read_integer(value, &number) : !decode(value, &member))
        return errmsg_set(&c->msg, ERR_INVALID, "\"%s\" cannot be read", text);
    json_set(c->members, text, is_number ? json_new_int(number) : member);
    return ERR_OK;
}

static enum err read_path(struct call *c)
{
    struct span wanted = span_str(c->route->path), path = c->request->path;
    enum err e = ERR_OK;

    while (e == ERR_OK && wanted.len > 0) {
        const struct span one = api__segment(&wanted), given = api__segment(&path);

        if (api__is_parameter(one))
            e = set_parameter(c, span_of(one.at + 1, one.len - 2), given);
    }
    return e;
}

/* The name as the table spells it; at is NULL when the query may not hold it. */
static struct span query_name(const char *allowed, struct span name)
{
    while (*allowed != '\0') {
        const struct span one = span_of(allowed, strcspn(allowed, " "));
        const size_t skip = one.at[0] == '#' ? 1 : 0;

        if (span_equal(span_of(one.at + skip, one.len - skip), name))
            return one;
        allowed += one.len + strspn(allowed + one.len, " ");
    }
    return SPAN_NONE;
}

static enum err read_query(struct call *c)
{
    struct span rest = c->request->query;
    enum err e = ERR_OK;

    while (e == ERR_OK && rest.len > 0) {
        const char *end = memchr(rest.at, '&', rest.len);
        const size_t len = end == NULL ? rest.len : (size_t)(end - rest.at);
        const char *equals = memchr(rest.at, '=', len);
        const size_t name_len = equals == NULL ? len : (size_t)(equals - rest.at);
        const struct span name = query_name(c->route->query, span_of(rest.at, name_len));

        if (name.at == NULL || equals == NULL)
            return errmsg_set(&c->msg, ERR_INVALID, "the query holds what has no meaning here");
        e = set_parameter(c, name, span_of(equals + 1, len - name_len - 1));
        rest = span_of(rest.at + len + (end != NULL), rest.len - len - (end != NULL));
    }
    return e;
}

/* RFC 8259 names no parameter; a charset must be the only one there is. */
static bool is_json(struct span type)
{
    return span_equal_nocase(type, SPAN_LIT("application/json")) ||
           span_equal_nocase(type, SPAN_LIT("application/json; charset=utf-8")) ||
           span_equal_nocase(type, SPAN_LIT("application/json;charset=utf-8"));
}

static enum err read_body(struct call *c)
{
    const struct span body = c->request->body;
    enum err e;

    if (body.len == 0) {
        c->members = json_new_map();
        return ERR_OK;
    }
    if (strcmp(c->route->method, "GET") == 0)
        return errmsg_set(&c->msg, ERR_INVALID, "GET takes no body");
    c->is_stream =
        (c->route->flags & STREAM) != 0 &&
        span_equal_nocase(c->request->fields[HTTP_CONTENT_TYPE], SPAN_LIT("application/x-ndjson"));
    if (c->is_stream) {
        c->members = json_new_map();
        return ERR_OK;
    }
    if (!is_json(c->request->fields[HTTP_CONTENT_TYPE]))
        return errmsg_set(&c->msg, ERR_UNSUPPORTED, "the body must be application/json");
    if (body.len > API_BODY_MAX)
        return errmsg_set(&c->msg, ERR_TOO_LARGE, "the body is larger than %d bytes", API_BODY_MAX);
    e = json_parse(body, &c->members);
    if (e != ERR_OK)
        return errmsg_set(&c->msg, e, "the body is no JSON");
    if (json_kind(c->members) != JSON_MAP)
        return errmsg_set(&c->msg, ERR_INVALID, "the body must be an object");
    return json_get(c->members, "op") == NULL
               ? ERR_OK
               : errmsg_set(&c->msg, ERR_INVALID, "the body holds a member that has no meaning");
}

/* A page is short unless somebody wants a longer one. */
static void set_limit(struct call *c)
{
    if (query_name(c->route->query, SPAN_LIT("limit")).at != NULL &&
        json_get(c->members, "limit") == NULL)
        json_set_int(c->members, "limit", PAGE_ENTRIES);
}

static enum err read_field(struct call *c, unsigned flag, enum http_field field, const char *name)
{
    const struct span value = c->request->fields[field];
    struct json *text;

    if ((c->route->flags & flag) == 0 || value.at == NULL)
        return ERR_OK;
    text = json_new_text(value);
    if (text == NULL || json_get(c->members, name) != NULL) {
        json_free(&text);
        return errmsg_set(&c->msg, ERR_INVALID, "\"%s\" is given twice, or no text", name);
    }
    json_set(c->members, name, text);
    return ERR_OK;
}

/* Who is bound to one purpose need not name it. */
static void set_only_purpose(struct call *c)
{
    if ((c->route->flags & PURPOSE) != 0 && c->who.purposes.count == 1 &&
        json_get(c->members, "purpose") == NULL)
        json_set_str(c->members, "purpose", c->who.purposes.at[0]);
}

/* "NAME" or "NAME MEMBER=VALUE", as the table spells it. */
static enum err set_operation(struct call *c)
{
    const char *name = c->route->operation, *space = strchr(name, ' ');
    const char *equals = space == NULL ? NULL : strchr(space, '=');
    char text[API_SEGMENT_MAX];

    if (space == NULL) {
        json_set_str(c->members, "op", name);
        return ERR_OK;
    }
    (void)snprintf(text, sizeof(text), "%.*s", (int)(equals - space - 1), space + 1);
    if (json_get(c->members, text) != NULL)
        return errmsg_set(&c->msg, ERR_INVALID, "\"%s\" is given by the path", text);
    json_set_str(c->members, text, equals + 1);
    json_set(c->members, "op", json_new_text(span_of(name, (size_t)(space - name))));
    return ERR_OK;
}

enum err api__read(struct call *c)
{
    enum err e = read_body(c);

    if (e == ERR_OK)
        e = read_path(c);
    if (e == ERR_OK)
        e = read_query(c);
    if (e == ERR_OK)
        e = read_field(c, PURPOSE, HTTP_PURPOSE, "purpose");
    if (e != ERR_OK)
        return e;
    set_only_purpose(c);
    set_limit(c);
    return set_operation(c);
}
