/* SPDX-License-Identifier: Apache-2.0 */
/* What a chat's bot may do: propose.
 * Runs on: the listener's pool; blocks. Holds: nothing; records of the vault remember for an hour which messages came.
 * Invariant: a message is carried out once, within five minutes of when it was signed, also over restarts; nothing is
 * ever executed or approved here, and no code is taken: the answer is a link to where people do that, with what they
 * hold and the digest of what they saw. Not here: proposals (admin/proposals.c), how a signature is written
 * (admin/chat_signature.c).
 *
 *   {"operation": "hold.lift", "asked_by": the name of an operator's access token, ...: members of the operation} */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/api_priv.h"
#include "admin/chat_signature.h"
#include "admin/ops_priv.h"
#include "admin/proposals.h"
#include "base/assert.h"
#include "base/digest.h"
#include "base/secret.h"
#include "retention/proof.h"

enum { WINDOW_S = 300, REMEMBER_S = 3600, FORGET_MAX = 64 };

#define OPERATION "chat.propose"

/* What a chat may ask for. */
static const char *const operations[] = {"subject.erase",    "hold.lift",  "retention.apply",
                                         "retention.resume", "key.rotate", "clock.accept"};

bool api__is_chat(const struct call *c)
{
    return span_equal(c->request->path, SPAN_LIT("/v1/chat"));
}

/* ---- the signature ---- */

/* Is it the secret holder's? Says nothing of why not. */
static bool is_genuine(const struct call *c, const struct api_chat *chat,
                       const struct chat_signature *signature)
{
    const struct span parts[] = {signature->time, SPAN_LIT("."), signature->nonce, SPAN_LIT("."),
                                 c->request->body};
    uint8_t wanted[DIGEST_BYTES];

    digest_hmac(span_of(chat->secret, chat->secret_len), parts, c->request->body.at == NULL ? 4 : 5,
                wanted);
    return secret_equal(wanted, signature->hmac, sizeof(wanted));
}

static enum err check_time(struct call *c, const struct chat_signature *signature)
{
    const int64_t age_s = vault_now_s(c->api->admin->vault) - signature->time_s;

    return age_s <= WINDOW_S && age_s >= -WINDOW_S
               ? ERR_OK
               : errmsg_set(&c->msg, ERR_DENIED,
                            "the message was not signed within the last five minutes");
}

/* CONFLICT: it was there before. Durable. */
static enum err remember(struct call *c, const struct chat_signature *signature)
{
    struct vault *vault = c->api->admin->vault;
    struct vault_record record = {.kind = VAULT_RECORD_CHAT};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS},
                                     .records = &record,
                                     .count = 1,
                                     .forget = VAULT_RECORD_CHAT,
                                     .forget_states = UINT64_MAX,
                                     .forget_before_ms = (vault_now_s(vault) - REMEMBER_S) * 1000,
                                     .forget_limit = FORGET_MAX};
    uint8_t hash[SECRET_HASH_BYTES];
    enum err e;

    secret_hash(signature->nonce.at, signature->nonce.len, hash);
    proof_hex(hash, sizeof(hash), record.key);
    e = vault_run(vault, &op.op);
    return e == ERR_CONFLICT ? errmsg_set(&c->msg, e, "the message came before") : e;
}

static enum err check_signature(struct call *c, const struct api_chat *chat)
{
    struct chat_signature signature;
    enum err e;

    if (!chat_signature_read(c->request->fields[HTTP_SIGNATURE], &signature) ||
        !is_genuine(c, chat, &signature))
        return api__count_failure(c);
    e = check_time(c, &signature);
    return e == ERR_OK ? remember(c, &signature) : e;
}

/* ---- the message ---- */

static bool may_be_proposed(const char *operation)
{
    for (size_t i = 0; operation != NULL && i < COUNT_OF(operations); i++)
        if (strcmp(operation, operations[i]) == 0)
            return true;
    return false;
}

/* Who asks in the chat has a token, too: so nobody approves what they proposed there. */
static enum err find_asker(struct call *c, const struct json *message)
{
    const struct span name = json_text_of(json_get(message, "asked_by"));
    enum err e = access_named(c->api->access, name, vault_now_s(c->api->admin->vault), &c->who);

    if (e == ERR_OK && c->who.role == ACCESS_OPERATOR)
        return ERR_OK;
    c->who = (struct access_who){.number = 0};
    return errmsg_set(&c->msg, ERR_DENIED,
                      "\"asked_by\" is the name of an operator's access token");
}

static enum err read_message(struct call *c)
{
    const char *operation;
    enum err e;

    if (c->request->fields[HTTP_ONE_TIME_CODE].at != NULL)
        return errmsg_set(&c->msg, ERR_INVALID,
                          "no code is taken here, and none belongs in a chat");
    if (c->request->query.at != NULL || json_parse(c->request->body, &c->members) != ERR_OK ||
        json_kind(c->members) != JSON_MAP || json_get(c->members, "op") != NULL)
        return errmsg_set(&c->msg, ERR_INVALID,
                          "the message is no JSON object, or holds an \"op\"");
    operation = json_str_of(json_get(c->members, "operation"));
    if (!may_be_proposed(operation))
        return errmsg_set(&c->msg, ERR_DENIED, "this cannot be proposed from a chat");
    if (json_get(c->members, "subject") != NULL || json_get(c->members, "token") != NULL ||
        json_bool_of(json_get(c->members, "dry_run"), false))
        return errmsg_set(&c->msg, ERR_INVALID,
                          "a chat names a person by the id \"person\", and gets nothing shown");
    e = find_asker(c, c->members);
    if (e != ERR_OK)
        return e;
    json_set_str(c->members, "op", operation);
    c->route = api__route_of(span_str(operation));
    REQUIRE(c->route != NULL);
    json_remove(c->members, "operation");
    json_remove(c->members, "asked_by");
    return api__check_scope(c);
}

/* ---- the answer ---- */

/* Nothing of the preview: it is for those who approve, and a chat is read by many. */
static void answer(struct call *c, const struct api_chat *chat, const struct json *proposal)
{
    static const char *const members[] = {"proposal", "operation", "digest", "expires"};
    AUTO(json_free) struct json *map = json_new_map();
    char link[API_LINK_MAX + 128];

    for (size_t i = 0; i < COUNT_OF(members); i++)
        json_set(map, members[i], json_clone(json_get(proposal, members[i])));
    (void)snprintf(link, sizeof(link), "%s/ui/proposals/%" PRId64 "?digest=%s", chat->link,
                   json_int_of(json_get(proposal, "proposal"), 0),
                   json_str_of(json_get(proposal, "digest")));
    json_set_str(map, "link", link);
    c->answer->status = 202;
    c->answer->content_type = "application/json";
    api__write(c->answer, map);
}

static enum err propose(struct call *c, const struct api_chat *chat)
{
    AUTO(json_free) struct json *proposal = NULL;
    struct admin admin = *c->api->admin;
    enum err e;

    admin.who = &c->who;
    admin.executed_by = c->who.name;
    admin.address = c->request->peer;
    admin.request_id = c->id;
    e = proposals_make(&admin, c->members, &proposal, &c->msg);
    if (e == ERR_OK)
        answer(c, chat, proposal);
    return e;
}

static void record_refusal(struct call *c, enum err e)
{
    struct admin admin = *c->api->admin;
    uint64_t more;

    admin.executed_by = "chat";
    admin.address = c->request->peer;
    admin.request_id = c->id;
    if (api__may_record(c, e, &more))
        ops_audit_refused(&admin, SPAN_LIT(OPERATION), e, more);
}

static enum err judge(struct call *c, const struct api_chat *chat)
{
    enum err e = api__admit_client(c);

    if (e == ERR_OK && !span_equal(c->request->method, SPAN_LIT("POST"))) {
        http_answer_field(c->answer, "allow", "POST");
        return ERR_METHOD;
    }
    if (e == ERR_OK)
        e = check_signature(c, chat);
    return e == ERR_OK ? read_message(c) : e;
}

enum err api__chat(struct call *c)
{
    struct api_chat chat;
    enum err e;

    api__chat_settings(c->api, &chat);
    e = chat.secret_len == 0 ? ERR_NOT_FOUND : judge(c, &chat);
    if (e == ERR_OK)
        e = propose(c, &chat);
    else if (chat.secret_len > 0)
        record_refusal(c, e);
    secret_wipe(&chat, sizeof(chat));
    return e;
}
