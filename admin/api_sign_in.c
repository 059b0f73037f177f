/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in to pages, with its record in the audit trail.
 * Runs on: the listener's pool; blocks. Holds: nothing. Invariant: nobody signs in without a record of it. Not here:
 * whether token and code are right (admin/access.c), sessions (ui/session.c). */
#include "admin/api_priv.h"
#include "admin/ops_priv.h"
#include "base/mem.h"
#include "base/secret.h"

static const struct span operation = SPAN_LIT("page.sign_in");

static enum err do_nothing(struct admin *admin UNUSED, const struct json *request UNUSED,
                           struct json **ret_response, struct errmsg *msg UNUSED)
{
    *ret_response = json_new_map();
    return ERR_OK;
}

/* Who asks stands in it, as far as that is known. */
static enum err record(const struct admin *admin, enum err result)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(json_free) struct json *response = NULL;
    struct errmsg msg;

    if (result == ERR_OK)
        return ops_audited_run(admin, operation.at, do_nothing, request, &response, &msg);
    ops_audit_refused(admin, operation, result, 0);
    return result;
}

enum err api_sign_in(const struct api *api, const struct http_request *request, struct span token,
                     struct span code, struct access_who *ret)
{
    struct access_who who = {.number = 0};
    uint8_t id[AUDIT_REQUEST_BYTES];
    struct admin admin = *api->admin;
    enum err e = access_sign_in(api->access, token, code, vault_now_s(api->admin->vault), &who);

    if (e == ERR_OK && (who.role == ACCESS_APP || !api_is_in_place(&who, request)))
        e = ERR_UNAUTHORIZED;
    secret_random(id, sizeof(id));
    admin.who = &who;
    admin.executed_by = e == ERR_OK ? who.name : "-";
    admin.address = request->peer;
    admin.request_id = id;
    e = record(&admin, e);
    if (e == ERR_OK)
        *ret = who;
    return e;
}
