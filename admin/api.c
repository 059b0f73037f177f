/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API.
 * Runs on: the listener's pool; blocks. Holds: nothing. Invariant: the table decides what exists and who may; the
 * order is path, method, token, role, scope, code, body, so that whoever may not learns nothing else. Not here:
 * what operations do (admin/ops.c), who somebody is (admin/access.c).
 *
 * What would be personal never stands in a path or a query: people are named there by the id that
 * /v1/subjects/find gives back. */
#include "admin/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/proposals.h"
#include "base/assert.h"
#include "base/mem.h"
#include "retention/report_write.h"

enum route_flags {
    CREATES = 1 << 0,
    CODE = 1 << 1,
    KEY = 1 << 2,
    PURPOSE = 1 << 3,
    APPROVAL = 1 << 4,
    REPORT = 1 << 5
};

enum { SEGMENT_MAX = 256, PARAMETERS_MAX = 4, ALLOW_MAX = 64 };

static const struct route {
    const char *method;
    const char *path;
    const char *operation;
    unsigned roles;
    unsigned flags;
    const char *query;
} routes[] = {
#define ROUTE(method, path, operation, roles, flags, query)                                        \
    {#method, path, operation, roles, flags, query},
#include "admin/api_routes.def"
#undef ROUTE
};

struct call {
    const struct api *api;
    const struct http_request *request;
    struct http_answer *answer;
    const struct route *route;
    struct access_who who;
    struct json *members; /* of the operation */
    struct errmsg msg;
};

/* ---- refusals ---- */

static const char *title_of(enum err e)
{
    return err_text(e);
}

static void write_tree(struct http_answer *answer, const struct json *tree)
{
    buf_reset(&answer->body);
    if (json_write(tree, &answer->body) != ERR_OK ||
        buf_append_byte(&answer->body, '\n') != ERR_OK) {
        buf_reset(&answer->body);
        answer->status = 500;
    }
}

static void refuse(struct call *c, enum err e, const char *detail)
{
    AUTO(json_free) struct json *problem = json_new_map();

    c->answer->status = err_status(e);
    c->answer->content_type = "application/problem+json";
    json_set_str(problem, "type", "about:blank");
    json_set_str(problem, "title", title_of(e));
    json_set_int(problem, "status", err_status(e));
    json_set_str(problem, "detail", detail);
    json_set_str(problem, "code", err_name(e));
    if (e == ERR_UNAUTHORIZED)
        http_answer_field(c->answer, "www-authenticate", "Bearer");
    write_tree(c->answer, problem);
}

/* ---- the route ---- */

/* The text up to the next slash, and what is behind it. */
static struct span segment(struct span *rest)
{
    const char *slash = rest->len == 0 ? NULL : memchr(rest->at, '/', rest->len);
    const struct span first =
        span_of(rest->at, slash == NULL ? rest->len : (size_t)(slash - rest->at));

    *rest = slash == NULL ? span_of(rest->at + rest->len, 0)
                          : span_of(slash + 1, rest->len - first.len - 1);
    return first;
}

static bool is_parameter(struct span pattern)
{
    return pattern.len > 2 && pattern.at[0] == '{';
}

static bool path_fits(const char *pattern, struct span path)
{
    struct span wanted = span_str(pattern);

    if (path.len == 0 || path.at[path.len - 1] == '/')
        return false;
    while (wanted.len > 0 || path.len > 0) {
        const struct span one = segment(&wanted), given = segment(&path);

        if (is_parameter(one) ? given.len == 0 || given.len > SEGMENT_MAX : !span_equal(one, given))
            return false;
    }
    return true;
}

bool api_has(struct span path)
{
    static const struct span head = SPAN_LIT("/v1/");

    return path.len >= head.len && memcmp(path.at, head.at, head.len) == 0;
}

/* NOT_FOUND, or METHOD with what is allowed said. */
static enum err find_route(struct call *c)
{
    char allow[ALLOW_MAX] = "";

    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        const struct route *route = &routes[i];
        const size_t used = strlen(allow);

        if (!path_fits(route->path, c->request->path))
            continue;
        if (span_equal(c->request->method, span_str(route->method))) {
            c->route = route;
            return ERR_OK;
        }
        (void)snprintf(allow + used, sizeof(allow) - used, "%s%s", used == 0 ? "" : ", ",
                       route->method);
    }
    if (allow[0] == '\0')
        return ERR_NOT_FOUND;
    http_answer_field(c->answer, "allow", "%s", allow);
    return ERR_METHOD;
}

/* ---- who ---- */

/* RFC 6750 2.1. */
static enum err find_who(struct call *c)
{
    static const char scheme[] = "Bearer ";
    const size_t len = sizeof(scheme) - 1;
    struct span token = c->request->fields[HTTP_AUTHORIZATION];
    const bool has_scheme =
        token.at != NULL && token.len > len && strncasecmp(token.at, scheme, len) == 0;

    token = has_scheme ? span_of(token.at + len, token.len - len) : SPAN_LIT("");
    return access_find(c->api->access, token, vault_now_s(c->api->admin->vault), &c->who);
}

static bool is_proposal(const struct call *c)
{
    return c->api->four_eyes && (c->route->flags & APPROVAL) != 0;
}

static enum err check_code(struct call *c)
{
    const struct span code = c->request->fields[HTTP_ONE_TIME_CODE];
    enum err e;

    if ((c->route->flags & (CODE | APPROVAL)) == 0 || is_proposal(c))
        return ERR_OK;
    if (!c->who.has_code)
        return errmsg_set(&c->msg, ERR_DENIED,
                          "this needs a second factor, and the token's holder has none enrolled");
    if (code.at == NULL)
        return errmsg_set(&c->msg, ERR_DENIED, "this needs a one-time code in the field Lethe-Otp");
    e = access_check_code(c->api->access, c->who.number, code, vault_now_s(c->api->admin->vault));
    if (e == ERR_DENIED)
        return errmsg_set(&c->msg, e, "the one-time code is wrong, or was used before");
    return e == ERR_LIMIT ? errmsg_set(&c->msg, e, "too many wrong codes: wait a minute") : e;
}

/* What a token is bound to, as far as the request says it; the operation looks at the rest. */
static enum err check_scope(struct call *c)
{
    const struct span class_name = json_text_of(json_get(c->members, "class"));
    const struct span purpose = json_text_of(json_get(c->members, "purpose"));
    struct span domain = json_text_of(json_get(c->members, "domain"));

    if (domain.at == NULL && json_get(c->members, "subject") != NULL)
        domain = SPAN_LIT("default"); /* where identifiers are looked for then */
    if (domain.at != NULL && !access_names_have(&c->who.domains, domain))
        return errmsg_set(&c->msg, ERR_DENIED, "the token is not for this domain");
    if (class_name.at != NULL && !access_names_have(&c->who.classes, class_name))
        return errmsg_set(&c->msg, ERR_DENIED, "the token is not for this class");
    if ((c->route->flags & PURPOSE) == 0)
        return ERR_OK;
    if (purpose.at == NULL)
        return errmsg_set(&c->msg, ERR_DENIED, "a purpose is needed, in the field Lethe-Purpose");
    if (!access_names_have(&c->who.purposes, purpose))
        return errmsg_set(&c->msg, ERR_DENIED, "the token is not for this purpose");
    return ERR_OK;
}

/* ---- what is asked ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo %XX. False: not well written, or no UTF-8. */
static bool decode(struct span text, struct json **ret)
{
    char out[SEGMENT_MAX];
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
    char text[SEGMENT_MAX];
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
        const struct span one = segment(&wanted), given = segment(&path);

        if (is_parameter(one))
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
    if (!is_json(c->request->fields[HTTP_CONTENT_TYPE]))
        return errmsg_set(&c->msg, ERR_UNSUPPORTED, "the body must be application/json");
    e = json_parse(body, &c->members);
    if (e != ERR_OK)
        return errmsg_set(&c->msg, e, "the body is no JSON");
    if (json_kind(c->members) != JSON_MAP)
        return errmsg_set(&c->msg, ERR_INVALID, "the body must be an object");
    return json_get(c->members, "op") == NULL
               ? ERR_OK
               : errmsg_set(&c->msg, ERR_INVALID, "the body holds a member that has no meaning");
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
    char text[SEGMENT_MAX];

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

static enum err read_request(struct call *c)
{
    enum err e = read_body(c);

    if (e == ERR_OK)
        e = read_path(c);
    if (e == ERR_OK)
        e = read_query(c);
    if (e == ERR_OK)
        e = read_field(c, KEY, HTTP_IDEMPOTENCY_KEY, "key");
    if (e == ERR_OK)
        e = read_field(c, PURPOSE, HTTP_PURPOSE, "purpose");
    if (e == ERR_OK)
        set_only_purpose(c);
    return e == ERR_OK ? set_operation(c) : e;
}

/* ---- in order ---- */

static enum err admit(struct call *c)
{
    enum err e = find_route(c);

    if (e == ERR_OK)
        e = find_who(c);
    if (e == ERR_OK && (c->route->roles & c->who.role) == 0)
        e = errmsg_set(&c->msg, ERR_DENIED, "the role %s may not do this",
                       access_role_name(c->who.role));
    if (e == ERR_OK)
        e = read_request(c);
    if (e == ERR_OK)
        e = check_scope(c);
    return e == ERR_OK ? check_code(c) : e;
}

/* Does Accept name this type before JSON? */
static bool prefers(const struct call *c, const char *type)
{
    const struct span accept = c->request->fields[HTTP_ACCEPT];

    return accept.at != NULL && accept.len >= strlen(type) &&
           strncasecmp(accept.at, type, strlen(type)) == 0;
}

static enum err answer_report(struct call *c, const struct json *report)
{
    const struct report_style style = {.format = REPORT_CSV};

    if (!prefers(c, "text/csv")) {
        write_tree(c->answer, report);
        return ERR_OK;
    }
    c->answer->content_type = "text/csv; charset=utf-8; header=present";
    return report_write(report, &style, &c->answer->body);
}

static enum err run(struct call *c)
{
    AUTO(json_free) struct json *response = NULL;
    struct admin admin = *c->api->admin;
    enum err e;

    admin.who = &c->who;
    admin.executed_by = c->who.name;
    e = is_proposal(c) ? proposals_make(&admin, c->members, &response, &c->msg)
                       : ops_run(&admin, c->members, &response, &c->msg);
    if (e != ERR_OK)
        return e;
    c->answer->status = is_proposal(c) ? 202 : (c->route->flags & CREATES) != 0 ? 201 : 200;
    c->answer->content_type = "application/json";
    if ((c->route->flags & REPORT) != 0)
        return answer_report(c, response);
    write_tree(c->answer, response);
    return ERR_OK;
}

void api_serve(const struct api *api, const struct http_request *request,
               struct http_answer *answer)
{
    struct call c = {.api = api, .request = request, .answer = answer};
    enum err e = admit(&c);

    if (e == ERR_OK)
        e = run(&c);
    if (e != ERR_OK)
        refuse(&c, e, c.msg.text[0] == '\0' ? err_text(e) : c.msg.text);
    json_free(&c.members);
}
