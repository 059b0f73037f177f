/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API.
 * Runs on: the listener's pool; blocks. Holds: nothing. Invariant: the table decides what exists and who may; the
 * order is path, method, token, role, scope, code, body, so that whoever may not learns nothing else. Not here:
 * what operations do (admin/ops.c), who somebody is (admin/access.c).
 *
 * What would be personal never stands in a path or a query: people are named there by the id that
 * /v1/subjects/find gives back. */
#include "admin/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/api_priv.h"
#include "admin/ops_priv.h"
#include "admin/proposals.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"
#include "retention/proof.h"

enum { ALLOW_MAX = 64 };

static const struct route routes[] = {
#define ROUTE(method, path, operation, roles, flags, query)                                        \
    {#method, path, operation, roles, flags, query},
#include "admin/api_routes.def"
#undef ROUTE
};

/* ---- refusals ---- */

static void refuse(struct call *c, enum err e, const char *detail)
{
    AUTO(json_free) struct json *problem = json_new_map();
    char id[2 * sizeof(c->id) + 1];

    c->answer->status = err_status(e);
    c->answer->content_type = "application/problem+json";
    json_set_str(problem, "type", "about:blank");
    json_set_str(problem, "title", err_text(e));
    json_set_int(problem, "status", err_status(e));
    json_set_str(problem, "detail", detail);
    json_set_str(problem, "code", err_name(e));
    proof_hex(c->id, sizeof(c->id), id);
    json_set_str(problem, "request_id", id);
    if (c->wants_code)
        json_set_bool(problem, "one_time_code", true);
    if (e == ERR_UNAUTHORIZED)
        http_answer_field(c->answer, "www-authenticate", "Bearer");
    if (c->retry_s > 0)
        http_answer_field(c->answer, "retry-after", "%lld", (long long)c->retry_s);
    api__write(c->answer, problem);
}

/* A random id, which the answer tells and the audit trail remembers. */
static void name_request(struct call *c)
{
    char id[2 * sizeof(c->id) + 1];

    secret_random(c->id, sizeof(c->id));
    proof_hex(c->id, sizeof(c->id), id);
    http_answer_field(c->answer, "lethe-request-id", "%s", id);
}

/* ---- the route ---- */

struct span api__operation(const struct route *route)
{
    return span_of(route->operation, strcspn(route->operation, " "));
}

const struct route *api__route_of(struct span operation)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++)
        if (span_equal(api__operation(&routes[i]), operation))
            return &routes[i];
    return NULL;
}

static bool path_fits(const char *pattern, struct span path)
{
    struct span wanted = span_str(pattern);

    if (path.len == 0 || path.at[path.len - 1] == '/')
        return false;
    while (wanted.len > 0 || path.len > 0) {
        const struct span one = api__segment(&wanted), given = api__segment(&path);

        if (api__is_parameter(one) ? given.len == 0 || given.len > API_SEGMENT_MAX
                                   : !span_equal(one, given))
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

    if (!api__is_plain_path(c->request->path))
        return ERR_NOT_FOUND;
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

/* A token that is used from elsewhere was stolen: it is answered as a wrong one, and recorded as its owner's. */
bool api_is_in_place(const struct access_who *who, const struct http_request *request)
{
    struct address address = {.known = false};

    if (address_parse(request->peer, &address) != ERR_OK)
        address.known = false;
    return access_place_is(&who->place, &address, request->certificate);
}

/* RFC 6750 2.1. */
static enum err find_who(struct call *c)
{
    static const char scheme[] = "Bearer ";
    const size_t len = sizeof(scheme) - 1;
    struct span token = c->request->fields[HTTP_AUTHORIZATION];
    const bool has_scheme =
        token.at != NULL && token.len > len && strncasecmp(token.at, scheme, len) == 0;

    token = has_scheme ? span_of(token.at + len, token.len - len) : SPAN_LIT("");
    if (!c->known)
        c->known = access_find(c->api->access, token, vault_now_s(c->api->admin->vault), &c->who) ==
                   ERR_OK;
    return c->known && api_is_in_place(&c->who, c->request) ? api__admit_token(c)
                                                            : api__count_failure(c);
}

/* Something that destroys, and not only asks what it would destroy? */
static bool wants_approval(const struct call *c)
{
    return (c->route->flags & APPROVAL) != 0 &&
           !json_bool_of(json_get(c->members, "dry_run"), false);
}

bool api__is_proposal(const struct call *c)
{
    return c->api->four_eyes && wants_approval(c);
}

static enum err check_code(struct call *c)
{
    const struct span code = c->request->fields[HTTP_ONE_TIME_CODE];
    enum err e;

    if (((c->route->flags & CODE) == 0 && !wants_approval(c)) || api__is_proposal(c))
        return ERR_OK;
    if (!c->who.has_code)
        return errmsg_set(&c->msg, ERR_DENIED,
                          "this needs a second factor, and the token's holder has none enrolled");
    c->wants_code = code.at == NULL;
    if (code.at == NULL)
        return errmsg_set(&c->msg, ERR_DENIED, "this needs a one-time code in the field Lethe-Otp");
    e = access_check_code(c->api->access, c->who.number, code, vault_now_s(c->api->admin->vault));
    if (e == ERR_DENIED)
        return errmsg_set(&c->msg, e, "the one-time code is wrong, or was used before");
    if (e != ERR_LIMIT)
        return e;
    c->retry_s = ACCESS_CODE_WAIT_S;
    return errmsg_set(&c->msg, e, "too many wrong codes: wait a minute");
}

enum err api__check_scope(struct call *c)
{
    const struct span class_name = json_text_of(json_get(c->members, "class"));
    const struct span purpose = json_text_of(json_get(c->members, "purpose"));
    struct span domain = json_text_of(json_get(c->members, "domain"));

    if (domain.at == NULL && json_get(c->members, "subject") != NULL)
        domain = SPAN_LIT("default"); /* where identifiers are looked for then */
    if (domain.at != NULL && !access_names_have(&c->who.domains, domain))
        return errmsg_set(&c->msg, ERR_DENIED, "the token is not for this domain");
    if (c->who.classes.count > 0 && (c->route->flags & PARTS) == 0)
        return errmsg_set(&c->msg, ERR_DENIED,
                          "this is about all classes, and the token is bound to some");
    if (c->who.domains.count > 0 && (c->route->flags & DOMAIN) == 0)
        return errmsg_set(&c->msg, ERR_DENIED,
                          "this is about all domains, and the token is bound to some");
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

/* ---- in order ---- */

static enum err admit(struct call *c)
{
    const enum err found = find_route(c); /* a refusal is recorded as what was asked for */
    enum err e = api__admit_client(c);

    if (e == ERR_OK)
        e = found;
    if (e == ERR_OK)
        e = find_who(c);
    if (e == ERR_OK && (c->route->roles & c->who.role) == 0)
        e = errmsg_set(&c->msg, ERR_DENIED, "the role %s may not do this",
                       access_role_name(c->who.role));
    if (e == ERR_OK)
        e = api__read(c);
    return e == ERR_OK ? api__check_scope(c) : e;
}

/* What the operation runs on: who asks, from where, under which id. */
static struct admin admin_of(const struct call *c)
{
    struct admin admin = *c->api->admin;

    admin.who = &c->who;
    admin.four_eyes = c->api->four_eyes;
    admin.executed_by = c->who.number == 0 ? "-" : c->who.name;
    admin.address = c->request->peer;
    admin.request_id = c->id;
    return admin;
}

static enum err run_operation(struct call *c, struct admin *admin)
{
    AUTO(json_free) struct json *response = NULL;
    enum err e = api__is_proposal(c) ? proposals_make(admin, c->members, &response, &c->msg)
                                     : ops_run(admin, c->members, &response, &c->msg);

    return e == ERR_OK ? api__answer(c, response) : e;
}

static enum err run(struct call *c, struct admin *admin)
{
    if ((c->route->flags & DOWNLOAD) != 0)
        return api__download(c, admin);
    return (c->route->flags & DOCUMENT) != 0 ? api__document(c) : run_operation(c, admin);
}

/* With the code checked, which a request that is sent again may have used up. */
static enum err carry_out(struct call *c, bool *ret_recorded)
{
    struct admin admin = admin_of(c);
    bool answered;
    enum err e;

    if (c->is_stream) {
        e = api__stream(c, &admin);
        *ret_recorded = e == ERR_OK;
        return e;
    }
    e = api__once_begin(c, &answered);

    *ret_recorded = answered;
    if (e != ERR_OK || answered)
        return e;
    e = api__match(c, &admin);
    if (e == ERR_OK)
        e = check_code(c);
    *ret_recorded = e == ERR_OK;
    if (e == ERR_OK)
        e = run(c, &admin);
    api__once_end(c, e);
    return e;
}

/* What was refused before any operation heard of it. Paths that are none are not recorded. */
static void record_refusal(struct call *c, enum err e)
{
    const struct admin admin = admin_of(c);
    uint64_t more;

    if (c->route != NULL && api__may_record(c, e, &more))
        ops_audit_refused(&admin, api__operation(c->route), e, more);
}

static void serve(struct call *c)
{
    bool recorded = false;
    enum err e;

    name_request(c);
    if (api__is_chat(c)) {
        e = api__chat(c);
    } else {
        e = admit(c);
        if (e == ERR_OK)
            e = carry_out(c, &recorded);
        if (e != ERR_OK && !recorded)
            record_refusal(c, e);
    }
    if (e != ERR_OK)
        refuse(c, e, c->msg.text[0] == '\0' ? err_text(e) : c->msg.text);
    json_free(&c->members);
}

void api_serve(const struct api *api, const struct http_request *request,
               struct http_answer *answer)
{
    struct call c = {.api = api, .request = request, .answer = answer};

    serve(&c);
}

void api_serve_as(const struct api *api, const struct access_who *who,
                  const struct http_request *request, struct http_answer *answer)
{
    struct call c = {.api = api,
                     .request = request,
                     .answer = answer,
                     .known = true,
                     .of_page = true,
                     .who = *who};

    serve(&c);
}

bool api_may(const struct api *api, enum access_role role, const char *method, struct span path,
             struct api_needs *ret)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        const struct route *route = &routes[i];

        if (strcmp(route->method, method) != 0 || !path_fits(route->path, path))
            continue;
        ret->approval = api->four_eyes && (route->flags & APPROVAL) != 0;
        ret->code = (route->flags & (CODE | APPROVAL)) != 0 && !ret->approval;
        return (route->roles & role) != 0;
    }
    return false;
}

/* ---- its life ---- */

void api_start(struct api *api, const struct api_settings *settings)
{
    api->state = mem_alloc(sizeof(*api->state));
    api->state->keys = api__keys_new();
    api->state->limits = api__limits_new(settings);
}

void api_configure(const struct api *api, const struct api_settings *settings)
{
    api__limits_use(api->state->limits, settings);
}

void api_end(struct api *api)
{
    struct api_state *state = TAKE(api->state);

    if (state == NULL)
        return;
    api__keys_free(&state->keys);
    api__limits_free(&state->limits);
    free(state);
}
