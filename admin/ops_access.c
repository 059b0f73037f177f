/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on access tokens: who may ask for what over the admin API.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: a token's text and the
 * secret of its codes are given out once, to whoever made them. Not here: what is kept (admin/access.c). */
#include <stdio.h>
#include <string.h>

#include "admin/access.h"
#include "admin/ops_priv.h"
#include "base/mem.h"
#include "base/period.h"
#include "retention/proof.h"
#include "retention/receipt.h"

enum { TEXT_MAX = 512 };

static enum err read_names(const struct json *request, const char *name, struct access_names *ret,
                           struct errmsg *msg)
{
    const struct json *list = json_get(request, name);

    if (list == NULL)
        return ERR_OK;
    if (json_kind(list) != JSON_LIST || json_count(list) > ACCESS_LIST_MAX)
        return errmsg_set(msg, ERR_INVALID, "\"%s\" is a list of at most %d names", name,
                          ACCESS_LIST_MAX);
    for (size_t i = 0; i < json_count(list); i++) {
        const struct span text = json_text_of(json_at(list, i));

        if (text.len == 0 || text.len > ACCESS_NAME_MAX)
            return errmsg_set(msg, ERR_INVALID, "\"%s\" holds something that is no name", name);
        memcpy(ret->at[i], text.at, text.len);
        ret->count = i + 1;
    }
    return ERR_OK;
}

/* A class or domain that is not there would silently allow nothing. */
static enum err check_names(const struct admin *admin, const struct access_who *who,
                            struct errmsg *msg)
{
    for (size_t i = 0; i < who->classes.count; i++)
        if (classes_find(admin->classes, span_str(who->classes.at[i])) == NULL)
            return errmsg_set(msg, ERR_NOT_FOUND, "the configuration has no class \"%s\"",
                              who->classes.at[i]);
    for (size_t i = 0; i < who->domains.count; i++)
        if (vault_domain_id(admin->vault, span_str(who->domains.at[i])) == 0)
            return errmsg_set(msg, ERR_NOT_FOUND, "there is no domain \"%s\"", who->domains.at[i]);
    return ERR_OK;
}

static enum err read_networks(const struct json *request, struct access_place *ret,
                              struct errmsg *msg)
{
    const struct json *list = json_get(request, "networks");

    if (list == NULL)
        return ERR_OK;
    if (json_kind(list) != JSON_LIST || json_count(list) > ACCESS_LIST_MAX)
        return errmsg_set(msg, ERR_INVALID, "\"networks\" is a list of at most %d networks",
                          ACCESS_LIST_MAX);
    for (size_t i = 0; i < json_count(list); i++)
        if (network_parse(json_text_of(json_at(list, i)), &ret->networks[i]) != ERR_OK)
            return errmsg_set(msg, ERR_INVALID,
                              "a network is an address, or as 10.0.0.0/8 or 2001:db8::/32, with "
                              "nothing behind its prefix");
    ret->network_count = json_count(list);
    return ERR_OK;
}

/* As OpenSSL prints it, too: with colons, in upper case. */
static enum err read_certificate(const struct json *request, struct access_place *ret,
                                 struct errmsg *msg)
{
    struct span text;
    char hex[2 * TLS_FINGERPRINT_BYTES];
    size_t len = 0;
    enum err e;

    if (json_get(request, "certificate") == NULL)
        return ERR_OK;
    e = ops_need_text(request, "certificate", &text, msg);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < text.len && len <= sizeof(hex); i++) {
        const char c = text.at[i];

        if (c == ':')
            continue;
        if (len < sizeof(hex))
            hex[len] = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
        len++;
    }
    ret->has_certificate = len == sizeof(hex) && proof_unhex(span_of(hex, len), ret->certificate,
                                                             sizeof(ret->certificate));
    return ret->has_certificate
               ? ERR_OK
               : errmsg_set(msg, ERR_INVALID,
                            "\"certificate\" is the SHA-256 of a client's certificate: 64 "
                            "hexadecimal digits");
}

static enum err check_bounds(const struct admin *admin, struct errmsg *msg)
{
    return admin->who == NULL || admin->who->purposes.count == 0
               ? ERR_OK
               : errmsg_set(msg, ERR_DENIED,
                            "who is bound to purposes would make tokens that are bound to none");
}

static enum err read_grant(const struct admin *admin, const struct json *request,
                           struct access_grant *ret, struct errmsg *msg)
{
    struct span name, role, expires;
    struct period period;
    enum err e = ops_need_text(request, "name", &name, msg);

    if (e == ERR_OK)
        e = ops_need_text(request, "role", &role, msg);
    if (e == ERR_OK)
        e = ops_need_text(request, "expires", &expires, msg);
    if (e != ERR_OK)
        return e;
    if (name.len > ACCESS_NAME_MAX)
        return errmsg_set(msg, ERR_INVALID, "a name has at most %d characters", ACCESS_NAME_MAX);
    memcpy(ret->who.name, name.at, name.len);
    ret->who.role = access_role_of(role);
    e = check_bounds(admin, msg);
    if (e != ERR_OK)
        return e;
    if (period_parse(expires, &period) != ERR_OK)
        return errmsg_set(msg, ERR_INVALID,
                          "\"expires\" is an ISO 8601 period from now, such as \"P90D\"");
    ret->now_s = vault_now_s(admin->vault);
    ret->expires_s = period_add(ret->now_s, &period);
    e = read_names(request, "domains", &ret->who.domains, msg);
    if (e == ERR_OK)
        e = read_names(request, "classes", &ret->who.classes, msg);
    if (e == ERR_OK)
        e = read_names(request, "purposes", &ret->who.purposes, msg);
    if (e == ERR_OK)
        e = read_networks(request, &ret->who.place, msg);
    if (e == ERR_OK)
        e = read_certificate(request, &ret->who.place, msg);
    return e == ERR_OK ? check_names(admin, &ret->who, msg) : e;
}

/* Over the network others' tokens are two people's: somebody appoints, somebody else approves. Without four eyes there
 * is no second one. */
static enum err may_create(const struct admin *admin, const struct access_grant *grant,
                           struct errmsg *msg)
{
    const bool appointed = admin->four_eyes ? access_role_is_appointed(grant->who.role)
                                            : access_role_destroys(grant->who.role);

    return admin->who == NULL || !appointed
               ? ERR_OK
               : errmsg_set(msg, ERR_DENIED,
                            "who may see clear values, propose or approve is appointed (POST "
                            "/v1/access/appointments), or made on the host, with `lethe access "
                            "create`");
}

enum err ops_access_create(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg)
{
    AUTO(buf_done) struct buf token = {.max = 0};
    struct access_grant grant = {.now_s = 0};
    uint64_t number = 0;
    struct json *map;
    enum err e = read_grant(admin, request, &grant, msg);

    if (e == ERR_OK)
        e = may_create(admin, &grant, msg);
    buf_init_secret(&token, TEXT_MAX);
    if (e == ERR_OK)
        e = access_create(admin->access, &grant, &token, &number, msg);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_int(map, "number", (int64_t)number);
    json_set_str(map, "name", grant.who.name);
    json_set_str(map, "role", access_role_name(grant.who.role));
    receipt_set_instant(map, "expires", grant.expires_s * 1000);
    json_set(map, "token", json_new_text(buf_span(&token)));
    *ret_response = map;
    return ERR_OK;
}

static enum err read_appointment(const struct admin *admin, const struct json *request,
                                 struct access_grant *ret, struct errmsg *msg)
{
    enum err e = read_grant(admin, request, ret, msg);

    if (e == ERR_OK && !access_role_is_appointed(ret->who.role))
        e = errmsg_set(msg, ERR_INVALID, "an auditor's token is made at once, not appointed");
    return e;
}

enum err ops_access_appoint(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg)
{
    struct access_grant grant = {.now_s = 0};
    uint64_t number = 0;
    enum err e = read_appointment(admin, request, &grant, msg);

    if (e == ERR_OK)
        e = access_appoint(admin->access, &grant, &number, msg);
    return e == ERR_OK ? access_show(admin->access, number, grant.now_s, ret_response) : e;
}

/* What somebody who approves it is shown, with all that is wrong with it said before. */
enum err ops_access_draft(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg)
{
    static const char *const members[] = {"domains", "classes", "purposes", "networks",
                                          "certificate"};
    struct access_grant grant = {.now_s = 0};
    struct json *map;
    enum err e = read_appointment(admin, request, &grant, msg);

    if (e == ERR_OK)
        e = access_check(admin->access, &grant, msg);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_str(map, "name", grant.who.name);
    json_set_str(map, "role", access_role_name(grant.who.role));
    receipt_set_instant(map, "expires", grant.expires_s * 1000);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (json_get(request, members[i]) != NULL)
            json_set(map, members[i], json_clone(json_get(request, members[i])));
    *ret_response = map;
    return ERR_OK;
}

enum err ops_access_list(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *whole = access_list(admin->access, vault_now_s(admin->vault));
    struct ops_page page;
    struct json *map;
    enum err e = ops_read_page(request, json_count(whole) + 1, &page, msg);

    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set(map, "tokens", ops_cut(whole, &page, "number", map));
    *ret_response = map;
    return ERR_OK;
}

static enum err read_number(const struct json *request, uint64_t *ret, struct errmsg *msg)
{
    const int64_t number = json_int_of(json_get(request, "number"), 0);

    if (number <= 0)
        return errmsg_set(msg, ERR_INVALID, "\"number\" is the number of a token");
    *ret = (uint64_t)number;
    return ERR_OK;
}

static enum err no_such_token(enum err e, struct errmsg *msg)
{
    return e == ERR_NOT_FOUND ? errmsg_set(msg, e, "no token of this number is alive") : e;
}

enum err ops_access_show(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    if (e == ERR_OK)
        e = access_show(admin->access, number, vault_now_s(admin->vault), ret_response);
    return e == ERR_NOT_FOUND ? errmsg_set(msg, e, "there is no token of this number") : e;
}

enum err ops_access_collect(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg)
{
    AUTO(buf_done) struct buf token = {.max = 0};
    const int64_t now_s = vault_now_s(admin->vault);
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    buf_init_secret(&token, TEXT_MAX);
    if (e == ERR_OK)
        e = check_bounds(admin, msg);
    if (e == ERR_OK)
        e = no_such_token(access_collect(admin->access, number, now_s, &token), msg);
    if (e == ERR_CONFLICT)
        return errmsg_set(msg, e, "the token was given out already: its text is kept nowhere");
    if (e == ERR_OK)
        e = access_show(admin->access, number, now_s, ret_response);
    if (e == ERR_OK)
        json_set(*ret_response, "token", json_new_text(buf_span(&token)));
    return e;
}

enum err ops_access_revoke(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg)
{
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    if (e == ERR_OK)
        e = no_such_token(access_revoke(admin->access, number, vault_now_s(admin->vault)), msg);
    if (e == ERR_OK)
        *ret_response = json_new_map();
    return e;
}

/* ---- the second factor ---- */

/* With four eyes an operator collects a token, and an approver gives out its codes: so nobody but its holder ever has
 * both. */
static enum err may_enrol(const struct admin *admin, uint64_t number, struct errmsg *msg)
{
    AUTO(json_free) struct json *token = NULL;
    enum err e;

    if (admin->who == NULL || !admin->four_eyes || admin->who->role == ACCESS_APPROVER)
        return ERR_OK;
    e = access_show(admin->access, number, vault_now_s(admin->vault), &token);
    if (e == ERR_OK &&
        access_role_is_appointed(access_role_of(json_text_of(json_get(token, "role")))))
        return errmsg_set(msg, ERR_DENIED,
                          "the second factor of who is appointed is given out by an approver, so "
                          "that nobody but its holder has both");
    return e;
}

enum err ops_access_enrol(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg)
{
    AUTO(buf_done) struct buf uri = {.max = 0};
    const bool replace = admin->who == NULL; /* who is on the host may all there is */
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    buf_init_secret(&uri, TEXT_MAX);
    if (e == ERR_OK)
        e = may_enrol(admin, number, msg);
    if (e == ERR_OK)
        e = access_enrol(admin->access, number, replace, vault_now_s(admin->vault), &uri);
    if (e == ERR_CONFLICT)
        return errmsg_set(msg, e,
                          "its holder has a second factor: it is taken away first "
                          "(POST /v1/access/{number}/unenrol)");
    e = no_such_token(e, msg);
    if (e != ERR_OK)
        return e;
    *ret_response = json_new_map();
    json_set(*ret_response, "uri", json_new_text(buf_span(&uri)));
    return ERR_OK;
}

enum err ops_access_prove(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg)
{
    uint64_t number = 0;
    struct span code;
    enum err e = read_number(request, &number, msg);

    if (e == ERR_OK)
        e = ops_need_text(request, "first_code", &code, msg);
    if (e != ERR_OK)
        return e;
    e = access_prove(admin->access, number, code, vault_now_s(admin->vault));
    if (e == ERR_DENIED)
        return errmsg_set(msg, e, "the code is wrong, or there is no second factor to be proven");
    if (e == ERR_CONFLICT)
        return errmsg_set(msg, e, "a code of this second factor was right before");
    if (e == ERR_OK)
        *ret_response = json_new_map();
    return e;
}

enum err ops_access_unenrol(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg)
{
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    if (e == ERR_OK)
        e = no_such_token(access_unenrol(admin->access, number, vault_now_s(admin->vault)), msg);
    if (e == ERR_CONFLICT)
        return errmsg_set(msg, e, "its holder has no second factor");
    if (e == ERR_OK)
        *ret_response = json_new_map();
    return e;
}
