/* SPDX-License-Identifier: Apache-2.0 */
/* What each action writes down, and what it insists on besides the state.
 * Runs on: worker threads and the command line. Holds: nothing. Invariant: what a law wants said with a
 * step (a reason, a channel, a named person) is there, or the step is not made. Not here: which state
 * allows what (request_states.c), carrying out (request_execute.c). */
#include <string.h>

#include "base/assert.h"
#include "retention/receipt.h"
#include "retention/notices.h"
#include "retention/requests_priv.h"
#include "vault/classes.h"
#include "vault/part.h"

/* ---- who it is ---- */

static bool is_member(const struct json *map, const char *name)
{
    return json_kind(json_get(map, name)) == JSON_MAP;
}

/* The subject's random id, which outlives the key slot's owner. */
static enum err set_subject(struct request_case *c, uint64_t slot, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    AUTO(mem_free) uint64_t *per_class = mem_alloc((CLASSES_MAX + 1) * sizeof(*per_class));
    struct vault_subject_info info;
    enum err e = vault_reader_open(c->r->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_read_subject_info(reader, slot, &info, per_class);
    vault_read_end(reader);
    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, e, "the person was erased meanwhile");
    if (e != ERR_OK)
        return e;
    c->record.slot = slot;
    receipt_set_id(c->body, "subject", info.id);
    request__set_text(c->body, "domain", vault_domain_name(c->r->vault, info.domain));
    return ERR_OK;
}

enum err request__take_finding(struct request_case *c, struct errmsg *msg)
{
    const struct request_finding *finding = c->ask->finding;
    struct json *entry;

    if (c->record.slot != 0 && finding->slot != 0 && c->record.slot != finding->slot)
        return errmsg_set(msg, ERR_CONFLICT,
                          "the request is another person's already: enter a new one");
    entry = json_new_map();
    json_set_str(entry, "by", finding->by);
    request__set_text(entry, "domain", finding->domain);
    json_set_bool(entry, "found", finding->slot != 0);
    request__set_date(entry, "date", c->today);
    json_add(json_get(c->body, "lookups"), entry);
    return finding->slot == 0 ? ERR_OK : set_subject(c, finding->slot, msg);
}

static enum err acknowledge(struct request_case *c, struct errmsg *msg)
{
    struct json *map;
    struct civil date;
    const char *channel;
    enum err e = request__one_of(c, "channel", request__channels, &channel, msg);

    if (e == ERR_OK)
        e = request__date(c, &date, msg);
    if (e != ERR_OK)
        return e;
    if (is_member(c->body, "acknowledged"))
        return errmsg_set(msg, ERR_CONFLICT, "the request was acknowledged before");
    map = json_new_map();
    request__set_date(map, "date", date);
    json_set_str(map, "channel", channel);
    json_set(c->body, "acknowledged", map);
    return ERR_OK;
}

static enum err ask_identity(struct request_case *c, struct errmsg *msg)
{
    const struct regime *regime =
        regime_find(json_text_of(json_get(json_get(c->body, "regime"), "name")));
    struct json *map;
    struct civil date;
    const char *channel, *doubt;
    enum err e = request__one_of(c, "channel", request__channels, &channel, msg);

    if (e == ERR_OK)
        e = request__text(c, "reason", &doubt, msg);
    if (e == ERR_OK)
        e = request__date(c, &date, msg);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    request__set_text(map, "doubt", doubt);
    request__set_date(map, "asked", date);
    json_set_str(map, "channel", channel);
    /* The policy of the day on which it was asked. */
    json_set_bool(map, "pauses",
                  c->settings->pause_for_identity && regime != NULL && regime->pauses);
    json_set(c->body, "identity", map);
    return ERR_OK;
}

static enum err verify_identity(struct request_case *c, struct errmsg *msg)
{
    /* A list, so that nothing of what was shown can be written here. */
    static const char *const methods[] = {"login",  "reply",     "call_back",     "portal",
                                          "letter", "in_person", "document_seen", "eid",
                                          "known",  NULL};
    struct json *map;
    struct civil date, asked;
    const char *method;
    enum err e = request__one_of(c, "method", methods, &method, msg);

    if (e == ERR_OK)
        e = request__date(c, &date, msg);
    if (e != ERR_OK)
        return e;
    if (c->record.slot == 0)
        return errmsg_set(msg, ERR_INVALID,
                          "it is not known yet whose request this is: give the subject or a token");
    if (!is_member(c->body, "identity"))
        json_set(c->body, "identity", json_new_map());
    map = json_get(c->body, "identity");
    if (request__get_date(map, "asked", &asked)) {
        if (civil_compare(date, asked) < 0)
            return errmsg_set(msg, ERR_INVALID, "identity was not asked for before that date");
        json_set_int(c->body, "paused_days", civil_days(date) - civil_days(asked));
    }
    json_set_str(map, "method", method);
    request__set_date(map, "confirmed", date);
    request__reckon(c);
    return ERR_OK;
}

/* ---- scope ---- */

static bool is_in(const struct json *list, struct span text)
{
    for (size_t i = 0; i < json_count(list); i++)
        if (span_equal(json_text_of(json_at(list, i)), text))
            return true;
    return false;
}

static enum err take_classes(struct request_case *c, struct json *scope, struct errmsg *msg)
{
    const struct json *names = json_get(c->ask->args, "classes");
    struct json *list;

    json_set(scope, "classes", json_new_null());
    if (names == NULL)
        return ERR_OK;
    list = json_new_list();
    json_set(scope, "classes", list);
    if (json_kind(names) != JSON_LIST || json_count(names) == 0 || json_count(names) > CLASSES_MAX)
        return errmsg_set(msg, ERR_INVALID, "\"classes\" must be a list of classes");
    for (size_t i = 0; i < json_count(names); i++) {
        const struct span name = json_text_of(json_at(names, i));

        if (classes_find(vault_classes(c->r->vault), name) == NULL)
            return errmsg_set(msg, ERR_NOT_FOUND, "the configuration has no such class");
        if (!is_in(list, name))
            json_add(list, json_new_text(name));
    }
    return ERR_OK;
}

static enum err check_until(const struct request_case *c, const struct json *entry,
                            struct errmsg *msg)
{
    struct civil until;

    if (!request__get_date(entry, "until", &until))
        return errmsg_set(msg, ERR_INVALID,
                          "what is kept needs \"until\": a date on which it ends or is reviewed");
    if (civil_compare(until, c->today) <= 0)
        return errmsg_set(msg, ERR_INVALID, "\"until\" must be in the future");
    return ERR_OK;
}

/* {"class", "exception", "law", "until"} */
static enum err take_kept(const struct request_case *c, const struct json *scope,
                          const struct json *entry, struct json *list, struct errmsg *msg)
{
    static const char *const known[] = {"class", "exception", "law", "until", NULL};
    const struct span name = json_text_of(json_get(entry, "class"));
    const struct json *law = json_get(entry, "law"), *classes = json_get(scope, "classes");
    const struct request_reason *reason;
    struct span code;
    struct json *map;
    enum err e = request__only(entry, known, msg);

    if (e != ERR_OK)
        return e;
    if (!request_exception(json_text_of(json_get(entry, "exception")), &code))
        return errmsg_set(msg, ERR_INVALID,
                          "an exception is a letter from a to e, as in Art. 17(3)(b)");
    reason = request_reason_find(code);
    REQUIRE(reason != NULL);
    if (classes_find(vault_classes(c->r->vault), name) == NULL)
        return errmsg_set(msg, ERR_NOT_FOUND, "the configuration has no such class");
    if (json_kind(classes) == JSON_LIST && !is_in(classes, name))
        return errmsg_set(msg, ERR_INVALID, "a class is kept that is not in the scope");
    if (reason->needs_law && (json_text_of(law).len == 0))
        return errmsg_set(msg, ERR_INVALID, "%s needs the law that asks for it", reason->code);
    if (json_text_of(law).len > VAULT_LAW_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "\"law\" is longer than %d bytes", VAULT_LAW_MAX);
    e = check_until(c, entry, msg);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set(map, "class", json_new_text(name));
    json_set_str(map, "exception", reason->code);
    json_set(map, "law",
             json_text_of(law).len == 0 ? json_new_null() : json_new_text(json_text_of(law)));
    json_set(map, "until", json_new_text(json_text_of(json_get(entry, "until"))));
    json_add(list, map);
    return ERR_OK;
}

/* For what the person objects, or takes consent back. */
static enum err take_purposes(const struct request_case *c, struct json *scope, struct errmsg *msg)
{
    const struct json *names = json_get(c->ask->args, "purposes");
    struct json *list = json_new_list();

    json_set(scope, "purposes", list);
    if (names == NULL)
        return ERR_OK;
    if (request__right(c->body, REQUEST_OBJECTION) == NULL &&
        request__right(c->body, REQUEST_CONSENT) == NULL)
        return errmsg_set(msg, ERR_INVALID,
                          "purposes belong to an objection or to consent that is withdrawn");
    if (json_kind(names) != JSON_LIST || json_count(names) == 0 ||
        json_count(names) > REQUEST_PURPOSES_MAX)
        return errmsg_set(msg, ERR_INVALID, "\"purposes\" must be a list of purposes");
    for (size_t i = 0; i < json_count(names); i++) {
        const struct span name = json_text_of(json_at(names, i));

        if (!classes_have_purpose(vault_classes(c->r->vault), name))
            return errmsg_set(msg, ERR_NOT_FOUND, "no class lists this purpose");
        if (!is_in(list, name))
            json_add(list, json_new_text(name));
    }
    return ERR_OK;
}

/* Of a restriction: the letter in Art. 18(1). */
static enum err take_restriction(const struct request_case *c, struct json *scope,
                                 struct errmsg *msg)
{
    static const char *const grounds[] = {"", "a", "b", "c", "d", NULL};
    const char *ground;
    enum err e = request__one_of(c, "ground", grounds, &ground, msg);

    if (e == ERR_OK && ground[0] != '\0' && request__right(c->body, REQUEST_RESTRICTION) == NULL)
        e = errmsg_set(msg, ERR_INVALID, "a ground from a to d belongs to a restriction");
    if (e == ERR_OK)
        request__set_text(scope, "ground", ground);
    return e;
}

static enum err take_scope(struct request_case *c, struct errmsg *msg)
{
    const struct json *keep = json_get(c->ask->args, "keep");
    struct json *scope = json_new_map(), *kept = json_new_list();
    enum err e = take_classes(c, scope, msg);

    json_set(scope, "kept", kept);
    json_set(c->body, "scope", scope);
    if (e == ERR_OK)
        e = take_purposes(c, scope, msg);
    if (e == ERR_OK)
        e = take_restriction(c, scope, msg);
    if (e != ERR_OK || keep == NULL)
        return e;
    if (json_kind(keep) != JSON_LIST || json_count(keep) > REQUEST_KEPT_MAX)
        return errmsg_set(msg, ERR_INVALID, "\"keep\" must be a list");
    if (json_count(keep) > 0 && request__right(c->body, REQUEST_ERASURE) == NULL)
        return errmsg_set(msg, ERR_INVALID, "exceptions of Art. 17(3) belong to an erasure");
    for (size_t i = 0; e == ERR_OK && i < json_count(keep); i++)
        e = take_kept(c, scope, json_at(keep, i), kept, msg);
    return e;
}

/* ---- more time, a fee ---- */

static enum err extend(struct request_case *c, struct errmsg *msg)
{
    static const char *const reasons[] = {"complexity", "number", NULL};
    const struct regime *regime =
        regime_find(json_text_of(json_get(json_get(c->body, "regime"), "name")));
    struct request_clock clock;
    struct json *map;
    struct civil date;
    const char *reason, *channel, *by;
    enum err e = request__one_of(c, "reason", reasons, &reason, msg);

    if (e == ERR_OK)
        e = request__one_of(c, "channel", request__channels, &channel, msg);
    if (e == ERR_OK)
        e = request__text(c, "by", &by, msg);
    if (e == ERR_OK)
        e = request__date(c, &date, msg);
    if (e != ERR_OK)
        return e;
    if (regime != NULL && regime->extended.months == 0 && regime->extended.days == 0)
        return errmsg_set(msg, ERR_CONFLICT, "%s knows no extension", regime->name);
    if (is_member(c->body, "extension"))
        return errmsg_set(msg, ERR_CONFLICT, "the request was extended before");
    request__clock(c, &clock);
    if (civil_compare(date, clock.dates.first) > 0)
        return errmsg_set(msg, ERR_CONFLICT,
                          "the time in which the person must be told of an extension is over");
    map = json_new_map();
    request__set_date(map, "decided", date);
    json_set_str(map, "reason", reason);
    json_set_str(map, "channel", channel); /* by which the person was told, on that day */
    request__set_text(map, "by", by);
    json_set(c->body, "extension", map);
    request__reckon(c);
    return ERR_OK;
}

static enum err take_fee(struct request_case *c, struct errmsg *msg)
{
    static const char *const reasons[] = {"manifestly_unfounded", "excessive", NULL};
    struct json *map;
    const char *reason, *by, *reasoning;
    enum err e = request__one_of(c, "reason", reasons, &reason, msg);

    if (e == ERR_OK)
        e = request__text(c, "by", &by, msg);
    if (e == ERR_OK)
        e = request__text(c, "reasoning", &reasoning, msg);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_str(map, "reason", reason);
    request__set_text(map, "by", by);
    request__set_text(map, "reasoning", reasoning);
    request__set_date(map, "date", c->today);
    json_set(c->body, "fee", map);
    return ERR_OK;
}

/* ---- decisions ---- */

/* By the name that is given, or by the token that gives it. */
static bool has_approved(const struct request_case *c, const struct json *approval, const char *by)
{
    return span_equal_nocase(json_text_of(json_get(approval, "by")), span_str(by)) ||
           (c->ask->is_one_person &&
            span_equal(json_text_of(json_get(approval, "who")), span_str(c->ask->who)));
}

static enum err approve(struct request_case *c, struct errmsg *msg)
{
    struct json *list = json_get(c->body, "approvals"), *entry;
    const char *by;
    enum err e = request__text(c, "by", &by, msg);

    if (e != ERR_OK)
        return e;
    if (list == NULL) {
        list = json_new_list();
        json_set(c->body, "approvals", list);
    }
    for (size_t i = 0; i < json_count(list); i++)
        if (has_approved(c, json_at(list, i), by))
            return errmsg_set(msg, ERR_CONFLICT, "the same person cannot approve twice");
    entry = json_new_map();
    request__set_text(entry, "by", by);
    request__set_text(entry, "who", c->ask->who);
    request__set_date(entry, "date", c->today);
    json_add(list, entry);
    if (json_count(list) < (size_t)c->settings->approvals)
        c->next = (enum request_state)c->record.state; /* one more is needed */
    return ERR_OK;
}

struct refusal {
    const struct request_reason *reason;
    const char *law;
    const char *by;
    const char *reasoning;
};

static enum err read_refusal(const struct request_case *c, struct refusal *ret, struct errmsg *msg)
{
    const char *code;
    enum err e = request__text(c, "reason", &code, msg);

    if (e == ERR_OK)
        e = request__text(c, "law", &ret->law, msg);
    if (e == ERR_OK)
        e = request__text(c, "by", &ret->by, msg);
    if (e == ERR_OK)
        e = request__text(c, "reasoning", &ret->reasoning, msg);
    if (e != ERR_OK)
        return e;
    ret->reason = request_reason_find(span_str(code));
    if (ret->reason == NULL)
        return errmsg_set(msg, ERR_INVALID, "there is no such reason for a refusal");
    if (ret->reason->needs_person && (ret->by[0] == '\0' || ret->reasoning[0] == '\0'))
        return errmsg_set(msg, ERR_INVALID,
                          "%s must be shown by the controller: name who decided (\"by\") and where "
                          "the reasoning is kept (\"reasoning\")",
                          ret->reason->code);
    if (ret->reason->needs_law && ret->law[0] == '\0')
        return errmsg_set(msg, ERR_INVALID, "%s needs the law that asks for it (\"law\")",
                          ret->reason->code);
    return ERR_OK;
}

static enum err refuse_right(const struct refusal *refusal, struct json *entry, bool named,
                             const char *outcome, struct errmsg *msg)
{
    enum request_right right;

    REQUIRE(request_right_of(json_text_of(json_get(entry, "right")), &right));
    if (!request__is_pending(entry))
        return named ? errmsg_set(msg, ERR_CONFLICT, "this right has its outcome already") : ERR_OK;
    if ((refusal->reason->rights >> right & 1) == 0)
        return errmsg_set(msg, ERR_INVALID, "%s is no reason to refuse %s", refusal->reason->code,
                          request_right_word(right));
    json_set_str(entry, "outcome", outcome);
    json_set_str(entry, "reason", refusal->reason->code);
    request__set_text(entry, "law", refusal->law);
    request__set_text(entry, "by", refusal->by);
    request__set_text(entry, "reasoning", refusal->reasoning);
    return ERR_OK;
}

/* Art. 11(2), 12(2): only when it was tried, and nobody was found. */
static enum err check_unknown(struct request_case *c, struct errmsg *msg)
{
    if (c->record.slot != 0)
        return errmsg_set(msg, ERR_CONFLICT, "the person was found");
    if (json_count(json_get(c->body, "lookups")) == 0)
        return errmsg_set(msg, ERR_CONFLICT,
                          "nobody has looked for the person yet: give the "
                          "subject or a token to verify-identity");
    if (!request_next_state((enum request_state)c->record.state, REQUEST_GIVE_UP, &c->next))
        return errmsg_set(msg, ERR_CONFLICT, "it is known whose request this is");
    return ERR_OK;
}

/* What failed after the key was destroyed is finished, not refused. */
static bool is_begun(const struct json *body)
{
    const struct json *right = request__right(body, REQUEST_ERASURE);

    return json_text_of(json_get(right, "receipt")).len > 0;
}

static enum err check_reason(struct request_case *c, const struct refusal *refusal,
                             struct errmsg *msg)
{
    struct civil asked;

    if (c->record.state == REQUEST_FAILED && is_begun(c->body))
        return errmsg_set(msg, ERR_CONFLICT, "the person's key is destroyed: execute it again");
    if (strcmp(refusal->reason->code, REQUEST_REASON_NOT_IDENTIFIABLE) == 0)
        return check_unknown(c, msg);
    if (strcmp(refusal->reason->code, "identity_not_proven") == 0 &&
        !request__get_date(json_get(c->body, "identity"), "asked", &asked))
        return errmsg_set(msg, ERR_CONFLICT, "identity was never asked for");
    return ERR_OK;
}

static enum err refuse(struct request_case *c, struct errmsg *msg)
{
    struct refusal refusal = {.reason = NULL};
    const char *word, *outcome = "refused";
    enum request_right right = REQUEST_RIGHT_COUNT;
    struct json *rights = json_get(c->body, "rights");
    enum err e = read_refusal(c, &refusal, msg);

    if (e == ERR_OK)
        e = request__text(c, "right", &word, msg);
    if (e == ERR_OK)
        e = check_reason(c, &refusal, msg);
    if (e != ERR_OK)
        return e;
    if (c->next == REQUEST_NOT_IDENTIFIABLE)
        outcome = "not_identifiable";
    if (word[0] != '\0' &&
        (!request_right_of(span_str(word), &right) || request__right(c->body, right) == NULL))
        return errmsg_set(msg, ERR_INVALID, "the request is not for that right");
    if (word[0] != '\0')
        e = refuse_right(&refusal, request__right(c->body, right), true, outcome, msg);
    for (size_t i = 0; e == ERR_OK && word[0] == '\0' && i < json_count(rights); i++)
        e = refuse_right(&refusal, json_at(rights, i), false, outcome, msg);
    if (e == ERR_OK && request__pending(c->body) > 0)
        c->next = (enum request_state)c->record.state; /* the others go on */
    return e;
}

static enum err withdraw(struct request_case *c, struct errmsg *msg)
{
    struct json *rights = json_get(c->body, "rights"), *map;
    struct civil date;
    const char *channel;
    enum err e = request__one_of(c, "channel", request__channels, &channel, msg);

    if (e == ERR_OK)
        e = request__date(c, &date, msg);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < json_count(rights); i++)
        if (request__is_pending(json_at(rights, i)))
            json_set_str(json_at(rights, i), "outcome", "withdrawn");
    map = json_new_map();
    request__set_date(map, "date", date);
    json_set_str(map, "channel", channel);
    json_set(c->body, "withdrawn", map);
    return request__unrestrict(c, date, msg);
}

/* ---- the end ---- */

static enum err notify(struct request_case *c, struct errmsg *msg)
{
    const int64_t recipients = json_int_of(json_get(c->ask->args, "recipients"), -1);
    const int64_t acknowledged = json_int_of(json_get(c->ask->args, "acknowledged"), 0);
    struct json *map;

    if (recipients < 0 || recipients > 10000 || acknowledged < 0 || acknowledged > recipients)
        return errmsg_set(msg, ERR_INVALID,
                          "\"recipients\" is how many must be told, \"acknowledged\" how many of "
                          "them have said that they were");
    map = json_new_map();
    json_set_int(map, "to_notify", recipients);
    json_set_int(map, "acknowledged", acknowledged);
    json_set(c->body, "recipients", map);
    return ERR_OK;
}

static enum err answer(struct request_case *c, struct errmsg *msg)
{
    struct json *map;
    struct civil date;
    const char *channel, *template_name;
    enum err e = request__one_of(c, "channel", request__channels, &channel, msg);

    if (e == ERR_OK)
        e = request__text(c, "template", &template_name, msg);
    if (e == ERR_OK)
        e = request__date(c, &date, msg);
    if (e == ERR_OK)
        e = request__check_template(c, template_name, msg);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    request__set_date(map, "date", date);
    json_set_str(map, "channel", channel);
    request__set_text(map, "template", template_name);
    json_set(c->body, "answer", map);
    return request__unrestrict(c, date, msg);
}

static enum err complain(struct request_case *c, struct errmsg *msg)
{
    struct json *list = json_get(c->body, "complaints"), *entry;
    struct civil date;
    const char *reference;
    enum err e = request__text(c, "reference", &reference, msg);

    if (e == ERR_OK)
        e = request__date(c, &date, msg);
    if (e != ERR_OK)
        return e;
    if (list == NULL) {
        list = json_new_list();
        json_set(c->body, "complaints", list);
    }
    entry = json_new_map();
    request__set_date(entry, "date", date);
    request__set_text(entry, "reference", reference);
    json_add(list, entry);
    return ERR_OK;
}

/* Somebody who was not told does not fall silent with the request. */
static enum err close_request(struct request_case *c, struct errmsg *msg)
{
    const struct json *recipients = json_get(c->body, "recipients");
    struct notice_figures notices = {.all = 0};
    const char *reason;
    enum err e = request__text(c, "reason", &reason, msg);

    if (e == ERR_OK && reason[0] == '\0' && c->record.slot != 0)
        e = notices_count(c->r->vault, c->record.slot, &notices);
    if (e == ERR_OK && notices.open > 0)
        e = errmsg_set(
            msg, ERR_CONFLICT,
            "recipients of this person's data do not know yet (lethe notice list): tell them, or "
            "give the reason why it is impossible or takes disproportionate effort");

    if (e == ERR_OK && reason[0] == '\0' &&
        json_int_of(json_get(recipients, "acknowledged"), 0) <
            json_int_of(json_get(recipients, "to_notify"), 0))
        e = errmsg_set(msg, ERR_CONFLICT,
                       "not every recipient has acknowledged: give the reason why it is impossible "
                       "or takes disproportionate effort");
    if (e == ERR_OK)
        request__set_text(c->body, "closed_although", reason);
    return e;
}

request_step_fn request__step(enum request_action action)
{
    static const request_step_fn steps[REQUEST_ACTION_COUNT] = {
        [REQUEST_ACKNOWLEDGE] = acknowledge,
        [REQUEST_ASK_IDENTITY] = ask_identity,
        [REQUEST_VERIFY_IDENTITY] = verify_identity,
        [REQUEST_SCOPE] = take_scope,
        [REQUEST_EXTEND] = extend,
        [REQUEST_FEE] = take_fee,
        [REQUEST_APPROVE] = approve,
        [REQUEST_REFUSE] = refuse,
        [REQUEST_WITHDRAW] = withdraw,
        [REQUEST_NOTIFY] = notify,
        [REQUEST_ANSWER] = answer,
        [REQUEST_LIFT] = request__lift_right,
        [REQUEST_COMPLAIN] = complain,
        [REQUEST_CLOSE] = close_request,
    };

    REQUIRE((unsigned)action < REQUEST_ACTION_COUNT);
    return steps[action];
}
