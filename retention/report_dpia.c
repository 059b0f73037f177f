/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a data protection impact assessment (Art. 35(7)): the processing as it is configured, the measures with
 * their state, the risks that are left; and blank fields for what only a person can say. One row a statement.
 * Runs on: a worker thread; blocks. Holds: nothing. Invariant: it judges nothing: whether the processing is necessary
 * and the risk acceptable stays blank. Not here: the figures (overview.c), how it is written (report_write.h). */
#include "retention/report_priv.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/period.h"
#include "retention/overview.h"
#include "retention/ropa.h"
#include "vault/rules.h"

static const struct report_column columns[] = {
    {"section", "Section", REPORT_TEXT, false},
    {"item", "Item", REPORT_TEXT, false},
    {"statement", "Statement", REPORT_TEXT, false},
    {"state", "State", REPORT_TEXT, false},
    {"evidence", "Evidence", REPORT_TEXT, false},
    {"answer", "To be filled in", REPORT_TEXT, false},
};

static const struct report_column summary[] = {
    {"classes", "Categories of data", REPORT_COUNT, false},
    {"special", "Of these, special categories", REPORT_COUNT, false},
    {"deterministic", "Of these, with equal tokens for equal values", REPORT_COUNT, false},
    {"in_place", "Measures in place", REPORT_COUNT, false},
    {"not_in_place", "Measures not in place", REPORT_COUNT, false},
    {"blank", "Fields for a person to fill", REPORT_COUNT, false},
};

#define DESCRIPTION "1 Description of the processing (Art. 35(7)(a))"
#define NECESSITY   "2 Necessity and proportionality (Art. 35(7)(b))"
#define RISKS       "3 Risks to data subjects (Art. 35(7)(c))"
#define MEASURES    "4 Measures (Art. 35(7)(d))"
#define ADVICE      "5 Advice and views (Art. 35(2), 35(9), 36)"

enum { TEXT_MAX = 1024 };

/* The first error stays, and nothing is added after it. */
struct dpia {
    const struct report_context *context;
    struct report *report;
    const struct json *said;     /* controller, activities, flows, measures */
    const struct json *overview; /* of the last 30 days */
    int64_t in_place, not_in_place, blank;
    enum err e;
};

static struct json *text_or_null(const char *text)
{
    struct json *value = text == NULL ? json_new_null() : json_new_text(span_str(text));

    REQUIRE(value != NULL); /* all of it is ours, or a configuration's that was looked at */
    return value;
}

static void add(struct dpia *d, const char *section, const char *item, const char *statement,
                const char *state, const char *evidence)
{
    struct json *row;

    if (d->e == ERR_OK)
        d->e = report_row(d->report, &row);
    if (d->e != ERR_OK)
        return;
    json_set_str(row, "section", section);
    json_set(row, "item", text_or_null(item));
    json_set(row, "statement", text_or_null(statement));
    json_set(row, "state", text_or_null(state));
    json_set(row, "evidence", text_or_null(evidence));
    json_set(row, "answer", json_new_null());
}

/* What only a person can say. */
static void ask(struct dpia *d, const char *section, const char *item, const char *question)
{
    add(d, section, item, question, "blank", NULL);
    d->blank++;
}

static const char *word(const struct json *map, const char *name, const char *otherwise)
{
    return json_str_or(map, name, otherwise);
}

/* A text of any length: mem_free(). */
static char *sentence_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *sentence_of(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    REQUIRE(vasprintf(&text, format, args) >= 0);
    va_end(args);
    return text;
}

/* "a, b", or "-": mem_free(). */
static char *joined(const struct json *list)
{
    char *text = sentence_of("%s", json_count(list) == 0 ? "-" : "");

    for (size_t i = 0; i < json_count(list); i++) {
        AUTO(mem_free) char *before = text;

        text = sentence_of("%s%s%s", before, i == 0 ? "" : ", ", json_str_of(json_at(list, i)));
    }
    return text;
}

/* ---- 1: what is processed ---- */

static void add_activity(struct dpia *d, const char *name, const struct json *activity)
{
    AUTO(mem_free) char *purposes = joined(json_get(activity, "purposes"));
    AUTO(mem_free) char *recipients = joined(json_get(activity, "recipients"));
    AUTO(mem_free) char *transfers = joined(json_get(activity, "transfers"));
    AUTO(mem_free)
    char *text = sentence_of("%s Purposes: %s. Recipients named: %s. Third countries: %s (%s).",
                             word(activity, "description", ""), purposes, recipients, transfers,
                             word(activity, "safeguards", "no safeguards named"));

    add(d, DESCRIPTION, name, text, NULL, word(activity, "dpia", NULL));
}

static void add_activities(struct dpia *d)
{
    const struct json *controller = json_get(d->said, "controller");
    AUTO(mem_free)
    char *text = sentence_of(
        "Controller: %s (%s). Data protection officer: %s.", word(controller, "name", "not said"),
        word(controller, "contact", "no contact"), word(controller, "dpo", "not said"));
    struct json *activity;
    const char *name;
    void *it = NULL;

    add(d, DESCRIPTION, "responsible", text, NULL, NULL);
    while (json_next(json_get(d->said, "activities"), &it, &name, &activity))
        add_activity(d, name, activity);
}

static char *purposes_of(const struct class_def *def)
{
    AUTO(json_free) struct json *list = json_new_list();

    for (size_t i = 0; i < def->purpose_count; i++)
        json_add(list, json_new_text(span_str(def->purposes[i])));
    return joined(list);
}

static void add_class(struct dpia *d, const struct class_def *def)
{
    char period[PERIOD_TEXT_MAX], backstop[PERIOD_TEXT_MAX], start[RULE_NAME_MAX + 8];
    AUTO(mem_free) char *purposes = purposes_of(def), *text = NULL;
    struct vault_class_stats stats = {.items = 0};
    char evidence[64];

    period_format(&def->rule.period, period);
    period_format(&def->rule.backstop, backstop);
    rule_start_text(&def->rule, start);
    text = sentence_of(
        "%s%sOf: %s. Purposes: %s. Legal basis: Art. %s %s%s%s. Kept %s from %s%s%s, then "
        "destroyed by the program.",
        def->description == NULL ? "" : def->description, def->description == NULL ? "" : " ",
        def->subjects == NULL ? "not said whose" : def->subjects, purposes, def->basis,
        def->law == NULL ? "" : def->law, def->special == NULL ? "" : ", special category, Art. ",
        def->special == NULL ? "" : def->special, period, start,
        period_is_none(&def->rule.backstop) ? "" : ", at the latest after ",
        period_is_none(&def->rule.backstop) ? "" : backstop);
    if (d->e == ERR_OK)
        d->e = vault_read_stats(d->context->reader, vault_class_id(d->context->vault, def),
                                d->context->now_s, &stats);
    (void)snprintf(evidence, sizeof(evidence), "%" PRIu64 " values now", stats.items);
    add(d, DESCRIPTION, def->name, text, def->deterministic ? "equal tokens" : "random tokens",
        evidence);
}

static void add_classes(struct dpia *d)
{
    const struct classes *classes = d->context->classes;
    int64_t special = 0, deterministic = 0;

    if (d->e == ERR_OK)
        d->e = vault_read_begin(d->context->reader);
    if (d->e != ERR_OK)
        return;
    for (size_t i = 0; i < classes->count; i++) {
        add_class(d, &classes->defs[i]);
        special += classes->defs[i].special != NULL;
        deterministic += classes->defs[i].deterministic;
    }
    vault_read_end(d->context->reader);
    json_set_int(report_summary(d->report), "classes", (int64_t)classes->count);
    json_set_int(report_summary(d->report), "special", special);
    json_set_int(report_summary(d->report), "deterministic", deterministic);
}

static void add_flows(struct dpia *d)
{
    const struct json *flows = json_get(d->said, "flows");

    for (size_t i = 0; i < json_count(flows); i++) {
        const struct json *flow = json_at(flows, i);
        AUTO(mem_free) char *purposes = joined(json_get(flow, "purposes"));
        AUTO(mem_free) char *told_as = joined(json_get(flow, "told_as"));
        AUTO(mem_free) char *told = sentence_of("told of erasures as: %s", told_as);
        AUTO(mem_free)
        char *text = sentence_of("%s (%s) receives %s as %s. Purposes: %s.",
                                 word(flow, "recipient", "-"), word(flow, "kind", "-"),
                                 word(flow, "class", "-"), word(flow, "form", "-"), purposes);

        add(d, DESCRIPTION, "recipient", text, word(flow, "form", NULL), told);
    }
}

static void add_readers(struct dpia *d)
{
    static const char *const roles[][2] = {
        {"role app",
         "Applications with an access token: store values, and see them for their purposes."},
        {"role support",
         "People who look up single persons, and see their values, rectify, export."},
        {"role officer", "Reports, receipts, audit trail; no value in clear; carries nothing out."},
        {"role operator",
         "Runs the server, proposes and carries out erasures, rectifies, exports a person's "
         "data for an answer."},
        {"role approver", "Approves what somebody else proposed; no value."},
        {"role auditor", "Reports, receipts, evidence, audit trail; no value."},
        {"host",
         "Root and the server's user on the host can see what the vault holds (`lethe reveal`); "
         "each time stands in the audit trail."},
    };

    for (size_t i = 0; i < COUNT_OF(roles); i++)
        add(d, DESCRIPTION, roles[i][0], roles[i][1], NULL, NULL);
}

/* ---- 2, 5: what a person says ---- */

static void add_necessity(struct dpia *d)
{
    for (size_t i = 0; i < d->context->classes->count; i++) {
        const struct class_def *def = &d->context->classes->defs[i];

        ask(d, NECESSITY, def->name,
            def->deterministic
                ? "Why is this category needed for each of its purposes, for so long, and why must "
                  "equal values have equal tokens?"
                : "Why is this category needed for each of its purposes, and for so long?");
    }
    ask(d, NECESSITY, "means", "Could the purposes be reached with fewer data, or with none?");
    ask(d, NECESSITY, "interests",
        "Which legitimate interests are pursued, where that is the basis?");
    ask(d, NECESSITY, "rights",
        "How are persons informed, and how do they exercise their rights (Art. 12 to 22)?");
    ask(d, NECESSITY, "processors", "Which processors take part, under which contracts (Art. 28)?");
}

static void add_advice(struct dpia *d)
{
    ask(d, ADVICE, "officer", "Advice of the data protection officer (Art. 35(2)).");
    ask(d, ADVICE, "views", "Views of data subjects or their representatives (Art. 35(9)).");
    ask(d, ADVICE, "consultation",
        "Is the remaining risk high, so that the authority must be consulted (Art. 36)?");
    ask(d, ADVICE, "decision", "Decision, by whom, when, and when it is reviewed (Art. 35(11)).");
}

/* ---- 3: what is left ---- */

static void risk(struct dpia *d, const char *item, const char *statement)
{
    add(d, RISKS, item, statement, "assess", NULL);
    d->blank++;
}

static void add_counting(struct dpia *d)
{
    char text[TEXT_MAX];

    for (size_t i = 0; i < d->context->classes->count; i++) {
        const struct class_def *def = &d->context->classes->defs[i];

        if (!def->deterministic)
            continue;
        (void)snprintf(
            text, sizeof(text),
            "Equal values of %.64s have equal tokens within a domain. Whoever holds the "
            "application's data can count how often each occurs, see which records belong "
            "to one value, and may guess frequent or known values from that. In another "
            "domain the same value has another token.",
            def->name);
        risk(d, "counting", text);
    }
}

static void add_risks(struct dpia *d)
{
    const struct json *measures = json_get(d->said, "measures");

    add_counting(d);
    risk(d, "recipients",
         "Who was shown a value may keep it. An erasure makes tokens meaningless, and does not "
         "reach "
         "what was copied in clear; recipients are told (Art. 19), and must act themselves.");
    risk(d, "undeclared",
         "What no route declares is not pseudonymised: free texts and fields that nobody declared "
         "reach "
         "the application in clear.");
    if (json_bool_of(json_get(measures, "default_pass"), false))
        risk(d, "default: pass", "Requests that fit no route are passed on as they are.");
    risk(d, "quasi-identifiers",
         "What stays in clear at the application (dates, places, amounts, behaviour) may single a "
         "person "
         "out without any token; the data stay personal data.");
    risk(d, "host",
         "Whoever controls the running host and the root key can read every value that is kept.");
    risk(d, "backups",
         "Until the root key is rotated, an old copy of store and keys together can give back what "
         "was "
         "erased since; the receipts say until when.");
    risk(d, "loss",
         "Without the root key, or without the key store, all values are lost for good.");
    risk(d, "retention",
         "A period that counts from an event which nobody reports ends with its backstop only.");
}

/* ---- 4: what is done about it ---- */

static void measure(struct dpia *d, const char *item, const char *statement, const char *state,
                    const char *evidence)
{
    d->in_place += strcmp(state, "in place") == 0;
    d->not_in_place += strcmp(state, "not in place") == 0;
    add(d, MEASURES, item, statement, state, evidence);
}

static const char *placed(bool yes)
{
    return yes ? "in place" : "not in place";
}

static const char *sentence(char out[TEXT_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *sentence(char out[TEXT_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(out, TEXT_MAX, format, args);
    va_end(args);
    return out;
}

static bool flag(const struct json *map, const char *name)
{
    return json_bool_of(json_get(map, name), false);
}

static int64_t number(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), 0);
}

static void add_keys(struct dpia *d, const struct json *m)
{
    struct vault_key_status keys;
    char text[TEXT_MAX];
    int64_t days;

    vault_key_status(d->context->vault, &keys);
    days = (d->context->now_s - keys.epoch_began_ms / 1000) / 86400;
    measure(d, "pseudonymisation",
            "Applications hold tokens; values are encrypted under a key for each person, "
            "and that key under the root key.",
            "in place", NULL);
    measure(d, "root key", "The root key is exchanged by a rule, and the old one destroyed.",
            "in place",
            sentence(text, "epoch %" PRIu32 ", %" PRId64 " days old, rule %.32s", keys.epoch, days,
                     word(m, "key_rotation", "-")));
}

static void add_people(struct dpia *d, const struct json *m)
{
    char text[TEXT_MAX];

    measure(d, "four eyes",
            "What destroys is proposed by one person and approved by another, each with a "
            "second factor.",
            flag(m, "listener") ? placed(flag(m, "four_eyes")) : "not in place",
            flag(m, "listener") ? NULL : "there is no admin listener: operators work on the host");
    measure(d, "quotas", "How many people a caller may see is bounded.",
            placed(number(m, "callers") > 0 && number(m, "callers") == number(m, "quotas")),
            sentence(text, "%" PRId64 " of %" PRId64 " callers have a quota", number(m, "quotas"),
                     number(m, "callers")));
    measure(d, "undeclared data",
            "What looks like personal data and is not declared is found in requests.",
            placed(number(m, "routes") > 0 && number(m, "routes") == number(m, "watched")),
            sentence(text, "%" PRId64 " of %" PRId64 " routes are watched", number(m, "watched"),
                     number(m, "routes")));
    measure(d, "refused unless declared", "A request that fits no route is refused.",
            placed(!flag(m, "default_pass")), NULL);
    measure(d, "system calls", "The kernel refuses the server what serving does not need.",
            placed(flag(m, "sandbox")), NULL);
}

static void add_deletion(struct dpia *d, const struct json *m)
{
    const struct json *breaker = json_get(m, "breaker"),
                      *destroyed = json_get(d->overview, "destroyed"),
                      *runs = json_get(destroyed, "runs"),
                      *receipts = json_get(destroyed, "receipts");
    char text[TEXT_MAX];

    measure(d, "deletion", "Values whose time is over are destroyed by the program.",
            placed(json_str_of(json_get(runs, "last")) != NULL),
            sentence(text, "last run %.24s (%.16s); %" PRId64 " values overdue",
                     word(runs, "last", "never"), word(runs, "last_end", "-"),
                     number(json_get(d->overview, "overdue"), "values")));
    measure(d, "circuit breaker", "Deletion stops and asks when far more is due than was foreseen.",
            "in place",
            sentence(text,
                     "at least %" PRId64 " values, %" PRId64 " times the forecast or %" PRId64
                     " per cent",
                     number(breaker, "at_least"), number(breaker, "factor"),
                     number(breaker, "percent")));
    measure(d, "verification",
            "Each erasure is verified by trying to read what was destroyed; a signed receipt "
            "says so.",
            "in place",
            sentence(text, "%" PRId64 " verified in 30 days, %" PRId64 " open",
                     number(receipts, "verified"), number(receipts, "open")));
    measure(d, "ledger",
            "Erasures are carried out again when an old backup is restored; the ledger that knows "
            "them has a second copy.",
            placed(flag(m, "ledger_mirror")),
            flag(m, "ledger_mirror") ? NULL : "without `ledger_mirror` there is one copy");
    measure(d, "backups", "The store is backed up.",
            placed(json_str_of(json_get(d->overview, "last_backup")) != NULL),
            sentence(text, "last %.24s", word(d->overview, "last_backup", "never")));
}

static void add_audit(struct dpia *d, const struct json *m)
{
    const struct json *audit = json_get(json_get(d->overview, "destroyed"), "audit");
    char text[TEXT_MAX];

    measure(d, "audit trail",
            "Every reveal and every act of an operator stands in a chained, signed trail, before "
            "its effect.",
            placed(flag(m, "audit_waits")),
            sentence(text, "recomputed %.24s: %.32s%s", word(audit, "verified", "never"),
                     word(audit, "verdict", "-"),
                     flag(m, "audit_waits") ? "" : "; reveals do not wait for their records"));
    measure(d, "audit heads",
            "Signed heads of the trail go where whoever takes the host cannot change them.",
            placed(flag(m, "audit_heads")), NULL);
}

/* ---- the whole ---- */

static enum err build(const struct report_context *c, struct report *report, struct errmsg *msg)
{
    AUTO(json_free) struct json *said = ropa_get(c->ropa);
    AUTO(json_free) struct json *overview = NULL;
    struct report_context now = *c;
    struct dpia d = {.context = c, .report = report, .said = said};
    const struct json *measures = json_get(said, "measures");

    now.from_day = INT64_MIN; /* its figures are those of the last 30 days */
    now.to_day = INT64_MAX;
    d.e = overview_make(&now, &overview, msg);
    d.overview = overview;
    add_activities(&d);
    add_classes(&d);
    add_flows(&d);
    add_readers(&d);
    add_necessity(&d);
    add_risks(&d);
    add_keys(&d, measures);
    add_people(&d, measures);
    add_deletion(&d, measures);
    add_audit(&d, measures);
    add_advice(&d);
    json_set_int(report_summary(report), "in_place", d.in_place);
    json_set_int(report_summary(report), "not_in_place", d.not_in_place);
    json_set_int(report_summary(report), "blank", d.blank);
    return d.e;
}

const struct report_kind report__dpia = {
    .name = "dpia",
    .title = "Data protection impact assessment: what Lethe knows",
    .columns = columns,
    .column_count = COUNT_OF(columns),
    .summary = summary,
    .summary_count = COUNT_OF(summary),
    .build = build,
    .of_configuration = true,
    .prose = true,
};
