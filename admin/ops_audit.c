/* SPDX-License-Identifier: Apache-2.0 */
/* Records of operators' acts in the audit trail: all of them pass here, whatever they are.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: what changes something is
 * recorded before it is done and after; what shows something is recorded before it is shown; what cannot be
 * recorded is not done, or not shown. No text of an operator stands in a record: names of operations, numbers,
 * and names of the configuration. Not here: what an operation notes of people (struct notes in struct admin). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/ops_priv.h"
#include "base/assert.h"
#include "base/log.h"
#include "version.h"

enum { NUMBER_MAX = 24 };

/* What an operation is recorded as. A name that ends in "." stands for all that begin so; the first that fits
 * counts. What is not listed changes something, as far as anybody knows here. */
static const struct audited {
    const char *name;
    enum audit_action action; /* 0: it is not recorded */
    bool shows;               /* it changes nothing: one record, before the answer */
    bool vital;               /* it must be possible on a full disk */
} rules[] = {
    {"ping", 0, true, false},
    {"document", 0, true, false},
    {"page.sign_in", AUDIT_ACCESS, true, false},
    {"progress", 0, true, false},
    {"clock.status", 0, true, false},
    {"key.status", 0, true, false},
    {"key.public", 0, true, false},
    {"audit.status", 0, true, false},
    {"audit.tail", 0, true, false}, /* it would record itself for ever */
    {"reveal", AUDIT_REVEAL, true, false},
    {"tokenize", AUDIT_TOKENIZE, false, false},
    {"bulk.start", AUDIT_READ, true, false},
    {"bulk.finish", AUDIT_READ, true, false},
    {"bulk.tokenize", AUDIT_TOKENIZE, false, false},
    {"bulk.reveal", AUDIT_REVEAL, true, false},
    {"bulk.verify", AUDIT_READ, true, false},
    {"reveal.lines", AUDIT_REVEAL, true, false},
    {"tokenize.lines", AUDIT_TOKENIZE, false, false},
    {"rectify", AUDIT_RECTIFY, false, false},
    {"subject.erase", AUDIT_ERASE, false, true},
    {"subject.erase_many", AUDIT_ERASE, false, true},
    {"subject.show", AUDIT_READ, true, false},
    {"subject.export", AUDIT_EXPORT, false, false},
    {"subject.restrict", AUDIT_RESTRICT, false, false},
    {"subject.unrestrict", AUDIT_RESTRICT, false, false},
    {"subject.object", AUDIT_RESTRICT, false, false},
    {"subject.consent", AUDIT_RESTRICT, false, false},
    {"restriction.list", AUDIT_READ, true, false},
    {"restriction.", AUDIT_RESTRICT, false, false},
    {"subject.event", AUDIT_EVENT, false, false},
    {"event.", AUDIT_EVENT, false, false},
    {"hold.list", AUDIT_READ, true, false},
    {"hold.show", AUDIT_READ, true, false},
    {"hold.", AUDIT_HOLD, false, false},
    {"notice.list", AUDIT_READ, true, false},
    {"notice.", AUDIT_REQUEST, false, false},
    {"request.list", AUDIT_READ, true, false},
    {"request.show", AUDIT_READ, true, false},
    {"request.letter", AUDIT_READ, true, false},
    {"request.", AUDIT_REQUEST, false, true},
    {"rule.list", AUDIT_READ, true, false},
    {"rule.show", AUDIT_READ, true, false},
    {"rule.preview", AUDIT_READ, true, false},
    {"rule.simulate", AUDIT_READ, true, false},
    {"rule.", AUDIT_RULE, false, false},
    {"retention.status", AUDIT_READ, true, false},
    {"retention.versions", AUDIT_READ, true, false},
    {"retention.simulate", AUDIT_READ, true, false},
    {"retention.preview", AUDIT_READ, true, false},
    {"retention.resume", AUDIT_PURGE, false, false},
    {"retention.recount", AUDIT_READ, true, false},
    {"retention.", AUDIT_RULE, false, false},
    {"receipt.", AUDIT_READ, true, false},
    {"honeytoken.list", AUDIT_READ, true, false},
    {"honeytoken.", AUDIT_INCIDENT, false, false},
    {"incident.", AUDIT_READ, true, false},
    {"caller.list", AUDIT_READ, true, false},
    {"caller.", AUDIT_INCIDENT, false, false},
    {"chat.", AUDIT_ACCESS, false, true},
    {"proposal.list", AUDIT_READ, true, false},
    {"proposal.show", AUDIT_READ, true, false},
    {"proposal.", AUDIT_ACCESS, false, true},
    {"access.list", AUDIT_READ, true, false},
    {"access.show", AUDIT_READ, true, false},
    {"access.draft", AUDIT_READ, true, false},
    {"access.", AUDIT_ACCESS, false, false},
    {"audit.", AUDIT_READ, true, false},
    {"backup", AUDIT_BACKUP, false, false},
    {"clock.", AUDIT_CLOCK, false, true},
    {"renewal.plan", AUDIT_READ, true, false},
    {"renewal.list", AUDIT_READ, true, false},
    {"renewal.show", AUDIT_READ, true, false},
    {"renewal.tokens", AUDIT_EXPORT, true, false},
    {"renewal.", AUDIT_KEY, false, true},
    {"key.", AUDIT_KEY, false, true},
    {"report", AUDIT_REPORT, true, false},
    {"overview", AUDIT_REPORT, true, false},
    {"figures", AUDIT_REPORT, true, false},
    {"evidence", AUDIT_REPORT, true, false},
    {"evidence.", AUDIT_REPORT, true, false},
    {"reload", AUDIT_CONFIGURE, false, false},
};

static const struct audited unlisted = {"", AUDIT_ACCESS, false, false};

static const struct audited *rule_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        const size_t len = strlen(rules[i].name);
        const bool family = rules[i].name[len - 1] == '.';

        if (strncmp(name, rules[i].name, len) == 0 && (family || name[len] == '\0'))
            return &rules[i];
    }
    return &unlisted;
}

/* ---- records ---- */

static struct audit_record describe(const struct admin *admin, const char *name)
{
    return (struct audit_record){
        .action = rule_of(name)->action,
        .outcome = AUDIT_DONE,
        .role = AUDIT_OPERATOR,
        .who = span_str(admin->executed_by == NULL ? "cli" : admin->executed_by),
        .address = admin->address,
        .request = admin->request_id,
        .operation = span_str(name),
        .commit = SPAN_LIT(LETHE_COMMIT)};
}

static enum err put(const struct admin *admin, const struct audited *rule,
                    const struct audit_record *record)
{
    struct audit *trail = vault_audit(admin->vault);

    return rule->vital ? audit_write_at_all_costs(trail, record) : audit_write(trail, record);
}

static enum err begin(const struct admin *admin, const char *name, struct errmsg *msg)
{
    const struct audited *rule = rule_of(name);
    struct audit_record record = describe(admin, name);
    enum err e;

    if (rule->action == 0 || rule->shows)
        return ERR_OK;
    record.outcome = AUDIT_BEGUN;
    e = put(admin, rule, &record);
    return e == ERR_OK
               ? e
               : errmsg_set(msg, e, "the audit trail cannot be written (%s): nothing was done",
                            err_text(e));
}

/* A number of a receipt or a request: digits, hexadecimal ones, "-". */
static bool is_number(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.at[i];

        if ((c < '0' || c > '9') && (c < 'a' || c > 'f') && c != '-')
            return false;
    }
    return text.len > 0 && text.len <= 64;
}

/* A member that the operation succeeded with, but that it may have found nothing by: then it can be any text. */
static struct span class_in(const struct admin *admin, const struct json *request)
{
    const struct span name = json_text_of(json_get(request, "class"));

    return name.len > 0 && classes_find(admin->classes, name) != NULL ? name : SPAN_NONE;
}

static struct span purpose_in(const struct admin *admin, const struct json *request)
{
    const struct span name = json_text_of(json_get(request, "purpose"));

    return name.len > 0 && classes_have_purpose(admin->classes, name) ? name : SPAN_NONE;
}

static struct span domain_in(const struct admin *admin, const struct json *request)
{
    const struct span name = json_text_of(json_get(request, "domain"));

    return name.len > 0 && vault_domain_id(admin->vault, name) != 0 ? name : SPAN_NONE;
}

/* Who only looks for a caller's records may name anybody; who lets a caller in again named one. */
static struct span name_in(const char *operation, const struct json *request)
{
    static const char *const names[] = {"report", "figure"};
    struct span text = SPAN_NONE;

    if (strcmp(operation, "caller.restore") == 0)
        return json_text_of(json_get(request, "caller"));
    for (size_t i = 0; text.len == 0 && i < COUNT_OF(names); i++)
        text = json_text_of(json_get(request, names[i]));
    return text;
}

/* What it was about, as far as that is a number, or a name that the configuration knows. */
static struct span object_of(const struct admin *admin, const char *name,
                             const struct json *request, const struct json *response,
                             char number[NUMBER_MAX])
{
    const struct json *numbers[] = {json_get(response, "number"), json_get(request, "number"),
                                    json_get(response, "proposal"), json_get(request, "job")};
    struct span text;

    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        text = json_text_of(numbers[i]);
        if (json_kind(numbers[i]) == JSON_INT)
            text = span_of(number, (size_t)snprintf(number, NUMBER_MAX, "%" PRId64,
                                                    json_int_of(numbers[i], 0)));
        if (is_number(text))
            return text;
    }
    text = name_in(name, request);
    return text.len > 0 ? text : class_in(admin, request);
}

/* An erasure names nobody: its receipt's number is the ledger's. */
static void add_people(const struct admin *admin, struct audit_record *record)
{
    if (record->action == AUDIT_ERASE || admin->notes == NULL)
        return;
    record->entries = notes_entries(admin->notes);
    record->entry_count = admin->notes->count;
}

static enum audit_outcome outcome_of(enum err result)
{
    return result == ERR_DENIED || result == ERR_UNAUTHORIZED || result == ERR_LIMIT ? AUDIT_REFUSED
                                                                                     : AUDIT_FAILED;
}

static enum err end(const struct admin *admin, const char *name, const struct json *request,
                    const struct json *response, enum err result)
{
    const struct audited *rule = rule_of(name);
    struct audit_record record = describe(admin, name);
    char number[NUMBER_MAX];
    enum err e;

    if (rule->action == 0)
        return ERR_OK;
    if (result == ERR_OK) {
        record.object = object_of(admin, name, request, response, number);
        record.purpose = purpose_in(admin, request);
        record.domain = domain_in(admin, request);
        add_people(admin, &record);
    } else {
        record.outcome = outcome_of(result);
        record.error = span_str(err_name(result));
    }
    e = put(admin, rule, &record);
    if (e == ERR_OK)
        return e;
    log_event(EV_AUDIT_FAILED, F_LIT("error", err_name(e)));
    return rule->shows ? e : ERR_OK; /* what was done is done, and was recorded when it began */
}

void ops_audit_refused(const struct admin *admin, struct span operation, enum err why,
                       uint64_t more)
{
    char name[64];
    struct audit_record record;

    REQUIRE(operation.len < sizeof(name));
    (void)snprintf(name, sizeof(name), "%.*s", (int)operation.len, operation.at);
    record = describe(admin, name);
    if (record.action == 0)
        record.action = AUDIT_ACCESS;
    record.outcome = outcome_of(why);
    record.error = span_str(err_name(why));
    record.more = more;
    audit_note(vault_audit(admin->vault), &record);
}

enum err ops_note(const struct admin *admin, struct vault_reader *reader, uint64_t slot,
                  uint16_t class_id, enum note_kind kind)
{
    return admin->notes == NULL ? ERR_OK : notes_add(admin->notes, reader, slot, class_id, kind);
}

enum err ops_audited_run(const struct admin *admin, const char *name, ops_handler_fn run,
                         const struct json *request, struct json **ret_response, struct errmsg *msg)
{
    AUTO(notes_done) struct notes notes = {.count = 0};
    struct admin noting = *admin;
    struct json *response = NULL;
    enum err recorded, e;

    noting.notes = &notes;
    e = begin(&noting, name, msg);
    if (e != ERR_OK)
        return e;
    e = run(&noting, request, &response, msg);
    recorded = end(&noting, name, request, response, e);
    if (e == ERR_OK && recorded != ERR_OK) {
        json_free(&response);
        return errmsg_set(msg, recorded, "the audit trail cannot be written (%s): nothing is shown",
                          err_text(recorded));
    }
    if (e == ERR_OK)
        *ret_response = response;
    return e;
}
