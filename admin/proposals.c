/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals and their approval.
 * Runs on: worker threads; blocks. Holds: nothing; records of the vault do. Invariant: nobody approves what
 * they proposed; a proposal is carried out once (its version is taken before it runs); what is approved is
 * what was shown, to the byte. Not here: which operations need it (admin/api_routes.def).
 *
 *   open ──approve──► approved ──(delay)──► running ──► done | failed
 *     └──reject──► rejected     └──reject──► rejected       open too long: expired */
#include "admin/proposals.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/access.h"
#include "admin/ops_priv.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "retention/canonical.h"
#include "retention/receipt.h"
#include "vault/records.h"

enum proposal_state { OPEN, APPROVED, RUNNING, DONE, FAILED, REJECTED, EXPIRED };

static const char *const state_names[] = {"open",   "approved", "running", "done",
                                          "failed", "rejected", "expired"};

static const int64_t OPEN_MS = INT64_C(7) * 86400 * 1000; /* then it expires */

struct proposals {
    pthread_mutex_t
        lock; /* held while one is carried out: who holds it and finds one running found what a
                           * crash left */
};

#define BIT(state) (UINT64_C(1) << (state))

struct proposals *proposals_new(void)
{
    struct proposals *proposals = mem_alloc(sizeof(*proposals));

    REQUIRE(pthread_mutex_init(&proposals->lock, NULL) == 0);
    return proposals;
}

void proposals_free(struct proposals **proposalsp)
{
    struct proposals *proposals = TAKE(*proposalsp);

    if (proposals == NULL)
        return;
    (void)pthread_mutex_destroy(&proposals->lock);
    free(proposals);
}

/* ---- the record ---- */

/* Write it, with its body anew from `tree`. CONFLICT: somebody else changed it meanwhile. */
static enum err put(struct admin *admin, struct vault_record *record, const struct json *tree)
{
    AUTO(buf_done) struct buf body = {.max = 0};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS}, .records = record, .count = 1};
    enum err e;

    buf_init(&body, VAULT_RECORD_BODY_MAX);
    e = json_write(tree, &body);
    record->body = buf_span(&body);
    if (e == ERR_OK)
        e = vault_run(admin->vault, &op.op);
    record->body = SPAN_NONE;
    return e;
}

/* Read one; its body is in *ret_tree. */
static enum err get(struct admin *admin, uint64_t number, struct vault_record *ret,
                    struct json **ret_tree, struct errmsg *msg)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    enum err e = vault_records_open(admin->vault, &records);

    if (e == ERR_OK)
        e = vault_record_get(records, VAULT_RECORD_PROPOSAL, number, ret);
    if (e == ERR_OK)
        e = json_parse(ret->body, ret_tree) == ERR_OK ? ERR_OK : ERR_CORRUPT;
    ret->body = SPAN_NONE;
    return e == ERR_NOT_FOUND ? errmsg_set(msg, e, "there is no proposal of this number") : e;
}

/* ---- making one ---- */

static enum err digest_of(const struct json *request, const struct json *preview,
                          char ret[DIGEST_HEX_BYTES])
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init(&text, 2 * VAULT_RECORD_BODY_MAX);
    e = canonical_write(request, &text);
    if (e == ERR_OK)
        e = buf_append_byte(&text, '\n');
    if (e == ERR_OK)
        e = canonical_write(preview, &text);
    if (e == ERR_OK)
        digest_hex(buf_span(&text), ret);
    return e;
}

static void copy_member(struct json *to, const struct json *from, const char *name)
{
    struct json *value = json_get(from, name);

    if (value != NULL)
        json_set(to, name, json_clone(value));
}

static bool names_somebody(const struct json *request)
{
    return json_get(request, "subject") != NULL || json_get(request, "token") != NULL ||
           json_get(request, "person") != NULL;
}

/* Whom the request is about, as subject.show tells it. */
static enum err show_person(struct admin *admin, const struct json *request, struct json **ret,
                            struct errmsg *msg)
{
    static const char *const members[] = {"subject", "domain", "token", "class", "person"};
    AUTO(json_free) struct json *question = json_new_map();

    json_set_str(question, "op", "subject.show");
    for (size_t i = 0; i < COUNT_OF(members); i++)
        copy_member(question, request, members[i]);
    return ops_run_within(admin, question, ret, msg);
}

/* What an approver is shown of operations that are about nobody. */
static const struct {
    const char *operation;
    const char *shown;
    const char *member; /* that goes along; "*": all; NULL: none */
} previews[] = {
    {"hold.lift", "hold.show", "number"},           {"retention.apply", "retention.preview", NULL},
    {"retention.resume", "retention.status", NULL}, {"key.rotate", "key.status", NULL},
    {"clock.accept", "clock.status", NULL},         {"access.appoint", "access.draft", "*"},
    {"access.unenrol", "access.show", "number"},    {"renewal.start", "renewal.plan", "*"},
    {"renewal.finish", "renewal.show", "number"},   {"retention.repair", "retention.recount", NULL},
};

static bool is_all(const char *member)
{
    return member != NULL && strcmp(member, "*") == 0;
}

/* What of a request the operation takes that shows its effect. */
static struct json *all_that(const char *shown, const struct json *request)
{
    struct json *question = json_clone(request), *value;
    const char *name;
    void *it = NULL;

    while (json_next(request, &it, &name, &value))
        if (!ops_takes(span_str(shown), name))
            json_remove(question, name);
    return question;
}

/* JSON null where there is nothing to show. */
static enum err show_effect(struct admin *admin, const struct json *request, struct json **ret,
                            struct errmsg *msg)
{
    AUTO(json_free) struct json *question = NULL;

    if (names_somebody(request))
        return show_person(admin, request, ret, msg);
    for (size_t i = 0; i < COUNT_OF(previews); i++) {
        if (!span_equal(json_text_of(json_get(request, "op")), span_str(previews[i].operation)))
            continue;
        question =
            is_all(previews[i].member) ? all_that(previews[i].shown, request) : json_new_map();
        json_set_str(question, "op", previews[i].shown);
        if (previews[i].member != NULL && !is_all(previews[i].member))
            copy_member(question, request, previews[i].member);
        return ops_run_within(admin, question, ret, msg);
    }
    *ret = json_new_null();
    return ERR_OK;
}

/* The request as it is kept: by the person's id in place of what names them. */
static struct json *without_names(const struct json *request, const struct json *person)
{
    struct json *kept = json_clone(request);

    if (!names_somebody(request))
        return kept;
    json_remove(kept, "subject");
    json_remove(kept, "domain");
    json_remove(kept, "token");
    json_remove(kept, "class");
    json_set(kept, "person", json_clone(json_get(person, "person")));
    return kept;
}

static enum err compose(const struct admin *admin, const struct json *request,
                        const struct json *preview, struct json *tree)
{
    char digest[DIGEST_HEX_BYTES];
    enum err e = digest_of(request, preview, digest);

    if (e != ERR_OK)
        return e;
    json_set(tree, "operation", json_clone(json_get(request, "op")));
    json_set(tree, "request", json_clone(request));
    json_set(tree, "preview", json_clone(preview));
    json_set_str(tree, "digest", digest);
    json_set_str(tree, "proposed_by", admin->who == NULL ? "local" : admin->who->name);
    json_set_int(tree, "proposed_by_token", admin->who == NULL ? 0 : (int64_t)admin->who->number);
    return ERR_OK;
}

/* What an operator says of it is kept, and printed on a receipt; who carries it out cannot tell any more whether that
 * names the person. */
static enum err check_texts(struct admin *admin, const struct json *request, struct errmsg *msg)
{
    const struct span subject = json_text_of(json_get(request, "subject"));
    const struct json *exceptions = json_get(request, "except");
    uint64_t slot;
    bool named = ops_mentions(json_text_of(json_get(request, "reason")), subject) ||
                 ops_mentions(json_text_of(json_get(request, "reference")), subject);

    for (size_t i = 0; i < json_count(exceptions); i++)
        named =
            named || ops_mentions(json_text_of(json_get(json_at(exceptions, i), "law")), subject);
    return named ? errmsg_set(msg, ERR_INVALID,
                              "a text holds the subject's identifier; a proposal and the receipt "
                              "that comes of it must name nobody")
           : names_somebody(request) && ops_has_words(request)
               ? ops_find_person_now(admin, request, &slot, msg)
               : ERR_OK;
}

static enum err make(struct admin *admin, const struct json *request, struct json **ret,
                     struct errmsg *msg)
{
    AUTO(json_free) struct json *preview = NULL;
    AUTO(json_free) struct json *kept = NULL;
    AUTO(json_free) struct json *tree = json_new_map();
    struct vault_record record = {.kind = VAULT_RECORD_PROPOSAL, .state = OPEN};
    uint16_t class_id = 0;
    enum err e = ops_check(request, msg);

    if (e == ERR_OK)
        e = ops_read_class(admin, request, &class_id, msg);
    if (e == ERR_OK)
        e = check_texts(admin, request, msg);
    if (e == ERR_OK)
        e = show_effect(admin, request, &preview, msg);
    if (e != ERR_OK)
        return e;
    kept = without_names(request, preview);
    e = compose(admin, kept, preview, tree);
    record.due_ms = vault_now_s(admin->vault) * 1000 + OPEN_MS;
    if (e == ERR_OK)
        e = put(admin, &record, tree);
    if (e != ERR_OK)
        return e;
    *ret = json_new_map();
    json_set_int(*ret, "proposal", (int64_t)record.number);
    copy_member(*ret, tree, "operation");
    copy_member(*ret, tree, "digest");
    copy_member(*ret, tree, "preview");
    receipt_set_instant(*ret, "expires", record.due_ms);
    return ERR_OK;
}

enum err proposals_make(struct admin *admin, const struct json *request, struct json **ret,
                        struct errmsg *msg)
{
    struct admin now = *admin;

    now.classes = vault_classes(admin->vault);
    return ops_audited_run(&now, "proposal.make", make, request, ret, msg);
}

/* ---- carrying one out ---- */

/* What is said of a run: the code, and nothing that could be personal. */
static void set_outcome(struct json *tree, enum err e, const struct json *response,
                        const struct errmsg *msg)
{
    json_set_str(tree, "outcome", err_name(e));
    json_set_str(tree, "message", e == ERR_OK ? "" : msg->text);
    if (json_get(response, "number") != NULL)
        copy_member(tree, response, "number");
}

/* What a crash left half-way was carried out perhaps; these say then that it is so already, and do it no second time. */
static bool is_so_already(const struct json *request, enum err result)
{
    static const char *const operations[] = {"hold.lift", "access.appoint", "access.unenrol"};
    const struct span operation = json_text_of(json_get(request, "op"));

    for (size_t i = 0; result == ERR_CONFLICT && i < COUNT_OF(operations); i++)
        if (span_equal(operation, span_str(operations[i])))
            return true;
    return false;
}

/* A record that is APPROVED or RUNNING, with the lock held. Somebody else may have run it since it was read: then
 * its version is another. */
static enum err carry_out(struct admin *admin, struct vault_record *record, struct json *tree,
                          struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *request = json_clone(json_get(tree, "request"));
    const bool again = record->state == RUNNING;
    struct admin as = *admin;
    char key[48];
    enum err e, result;

    record->state = RUNNING;
    e = put(admin, record, tree);
    if (e != ERR_OK)
        return e;
    (void)snprintf(key, sizeof(key), "proposal-%" PRIu64, record->number);
    if (ops_takes(json_text_of(json_get(request, "op")), "key"))
        json_set_str(request, "key",
                     key); /* a second run after a crash finds the first one's end */
    as.who = NULL;
    as.executed_by = json_str_of(json_get(tree, "proposed_by"));
    as.approved_by = json_str_of(json_get(tree, "decided_by"));
    result = ops_run(&as, request, ret_response, msg);
    if (result == ERR_CANCELED)
        return result; /* the server stops: it runs again after the next start */
    if (again && is_so_already(request, result))
        result = errmsg_set(msg, ERR_OK, "%s", "");
    FAULT_POINT("proposal.done");
    set_outcome(tree, result, *ret_response, msg);
    record->state = result == ERR_OK ? DONE : FAILED;
    record->due_ms = 0;
    e = put(admin, record, tree);
    return result == ERR_OK ? e : result;
}

/* ---- deciding ---- */

static enum err may_decide(const struct admin *admin, const struct json *tree, struct errmsg *msg)
{
    const char *by = json_str_of(json_get(tree, "proposed_by"));

    if (admin->who == NULL || by == NULL)
        return errmsg_set(msg, ERR_DENIED,
                          "approving is another person's, with a token and a one-time code: the "
                          "control socket cannot tell people apart");
    if (strcasecmp(by, admin->who->name) == 0 ||
        json_int_of(json_get(tree, "proposed_by_token"), 0) == (int64_t)admin->who->number)
        return errmsg_set(msg, ERR_DENIED, "nobody approves what they proposed themselves");
    return ERR_OK;
}

static enum err read_open(struct admin *admin, const struct json *request, uint64_t states,
                          struct vault_record *record, struct json **ret_tree, struct errmsg *msg)
{
    const int64_t number = json_int_of(json_get(request, "number"), 0);
    enum err e;

    if (number <= 0)
        return errmsg_set(msg, ERR_INVALID, "\"number\" is the number of a proposal");
    e = get(admin, (uint64_t)number, record, ret_tree, msg);
    if (e == ERR_OK && (BIT(record->state) & states) == 0)
        e = errmsg_set(msg, ERR_CONFLICT, "the proposal is %s", state_names[record->state]);
    if (e == ERR_OK && record->state == OPEN && record->due_ms <= vault_now_s(admin->vault) * 1000)
        e = errmsg_set(msg, ERR_CONFLICT, "the proposal has expired");
    return e;
}

static void set_decision(struct admin *admin, struct json *tree)
{
    json_set_str(tree, "decided_by", admin->who == NULL ? "local" : admin->who->name);
    json_set_int(tree, "decided_by_token", admin->who == NULL ? 0 : (int64_t)admin->who->number);
    receipt_set_instant(tree, "decided", vault_now_s(admin->vault) * 1000);
}

static struct json *map_of(const struct vault_record *record, const struct json *tree)
{
    struct json *map = json_clone(tree);

    json_remove(map, "proposed_by_token");
    json_remove(map, "decided_by_token");
    json_set_int(map, "proposal", (int64_t)record->number);
    json_set_str(map, "state", state_names[record->state]);
    receipt_set_instant(map, "proposed", record->at_ms);
    if (record->state == OPEN)
        receipt_set_instant(map, "expires", record->due_ms);
    if (record->state == APPROVED)
        receipt_set_instant(map, "runs", record->due_ms);
    return map;
}

enum err ops_proposal_approve(struct admin *admin, const struct json *request,
                              struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;
    struct vault_record record;
    struct span digest;
    enum err e = ops_need_text(request, "digest", &digest, msg);

    if (e == ERR_OK)
        e = read_open(admin, request, BIT(OPEN), &record, &tree, msg);
    if (e == ERR_OK)
        e = may_decide(admin, tree, msg);
    if (e != ERR_OK)
        return e;
    if (!span_equal(digest, json_text_of(json_get(tree, "digest"))))
        return errmsg_set(msg, ERR_CONFLICT,
                          "the digest is another proposal's: look at what this one would do");
    set_decision(admin, tree);
    record.state = APPROVED;
    record.due_ms = vault_now_s(admin->vault) * 1000 + admin->approval_delay_ms;
    e = put(admin, &record, tree);
    if (e != ERR_OK)
        return e;
    if (admin->approval_delay_ms > 0) {
        *ret_response = map_of(&record, tree);
        return ERR_OK;
    }
    (void)pthread_mutex_lock(&admin->proposals->lock);
    e = carry_out(admin, &record, tree, ret_response, msg);
    (void)pthread_mutex_unlock(&admin->proposals->lock);
    return e;
}

enum err ops_proposal_reject(struct admin *admin, const struct json *request,
                             struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;
    struct vault_record record;
    enum err e = read_open(admin, request, BIT(OPEN) | BIT(APPROVED), &record, &tree, msg);

    if (e != ERR_OK)
        return e;
    set_decision(admin, tree);
    record.state = REJECTED;
    record.due_ms = 0;
    e = put(admin, &record, tree);
    if (e == ERR_OK)
        *ret_response = map_of(&record, tree);
    return e;
}

enum err ops_proposal_show(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;
    const int64_t number = json_int_of(json_get(request, "number"), 0);
    struct vault_record record;
    enum err e;

    if (number <= 0)
        return errmsg_set(msg, ERR_INVALID, "\"number\" is the number of a proposal");
    e = get(admin, (uint64_t)number, &record, &tree, msg);
    if (e == ERR_OK)
        *ret_response = map_of(&record, tree);
    return e;
}

static enum err tell(const struct vault_record *record, struct json **ret)
{
    AUTO(json_free) struct json *tree = NULL;

    if (json_parse(record->body, &tree) != ERR_OK)
        return ERR_CORRUPT;
    *ret = map_of(record, tree);
    return ERR_OK;
}

enum err ops_proposal_list(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg)
{
    static const struct ops_records proposals = {VAULT_RECORD_PROPOSAL, "proposals", tell};

    return ops_list_records(admin, request, &proposals, ret_response, msg);
}

/* ---- by the clock ---- */

static enum err run_one(struct admin *admin, uint64_t number)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *response = NULL;
    struct vault_record record;
    struct errmsg msg = {""};
    enum err e = get(admin, number, &record, &tree, &msg);

    if (e != ERR_OK)
        return e;
    if (record.state == OPEN) {
        record.state = EXPIRED;
        record.due_ms = 0;
        return put(admin, &record, tree);
    }
    e = carry_out(admin, &record, tree, &response, &msg);
    log_event(EV_PROPOSAL_RUN, F_NUM("proposal", number), F_LIT("outcome", err_name(e)));
    return e;
}

/* The first that is due after `after`; by number, so that one that fails again holds nobody up. */
static enum err next_due(struct admin *admin, uint64_t after, uint64_t *ret_number)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    const struct vault_record_filter filter = {.kind = VAULT_RECORD_PROPOSAL,
                                               .states = BIT(OPEN) | BIT(APPROVED) | BIT(RUNNING)};
    struct vault_record record = {.number = after};
    const int64_t now_ms = vault_now_s(admin->vault) * 1000;
    enum err e = vault_records_open(admin->vault, &records);

    while (e == ERR_OK) {
        e = vault_record_next(records, &filter, record.number, &record);
        if (e == ERR_OK && record.due_ms <= now_ms) {
            *ret_number = record.number;
            return ERR_OK;
        }
    }
    return e;
}

static enum err run_all(struct admin *admin)
{
    uint64_t number = 0;
    enum err e;

    while ((e = next_due(admin, number, &number)) == ERR_OK) {
        e = run_one(admin, number);
        if (e == ERR_CANCELED)
            return e;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err proposals_run_due(struct admin *admin)
{
    enum err e;

    if (pthread_mutex_trylock(&admin->proposals->lock) != 0)
        return ERR_OK; /* one is carried out: the next pass looks again */
    e = run_all(admin);
    (void)pthread_mutex_unlock(&admin->proposals->lock);
    return e;
}
