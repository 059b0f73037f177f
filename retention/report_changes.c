/* SPDX-License-Identifier: Apache-2.0 */
/* The report of changes: each version of each class's deletion rule that came into force in the period, with
 * what it was before.
 * Runs on: a worker thread. Holds: one version at a time. Not here: what a rule is (vault/rule.h), how values
 * that are there follow it. */
#include "retention/report_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "retention/proof.h"
#include "vault/rules.h"

enum { DAY_S = 86400, FACT_MAX = 1024 };

static const struct report_column columns[] = {
    {"class", "Class", REPORT_TEXT, false},
    {"version", "Version", REPORT_COUNT, false},
    {"since", "In force since", REPORT_INSTANT, false},
    {"change", "Change", REPORT_TEXT, false},
    {"before", "Before", REPORT_LIST, false},
    {"after", "After", REPORT_LIST, false},
    {"configuration", "Configuration", REPORT_TEXT, true},
};

struct changes {
    const struct report_context *context;
    struct report *report;
    char class_name[CLASS_NAME_MAX + 1]; /* of the version before */
    struct json *before;                 /* its facts; NULL: there is none */
};

static void changes_done(struct changes *c)
{
    json_free(&c->before);
}

/* ---- facts: "retain.period: P2Y", one a member ---- */

static void add_fact(struct json *facts, const char *prefix, const char *name, const char *value)
{
    char text[FACT_MAX];

    (void)snprintf(text, sizeof(text), "%s%s: %s", prefix, name, value);
    json_add(facts, json_new_text(span_str(text)));
}

static void add_facts(struct json *facts, const char *prefix, const struct json *map)
{
    struct json *value;
    const char *name;
    void *it = NULL;

    while (json_next(map, &it, &name, &value)) {
        if (json_kind(value) == JSON_MAP)
            add_facts(facts, "retain.", value);
        else if (json_kind(value) == JSON_LIST)
            for (size_t i = 0; i < json_count(value); i++)
                add_fact(facts, prefix, name, json_str_of(json_at(value, i)));
        else
            add_fact(facts, prefix, name, json_str_of(value));
    }
}

static bool has_fact(const struct json *facts, struct span fact)
{
    for (size_t i = 0; i < json_count(facts); i++)
        if (span_equal(json_text_of(json_at(facts, i)), fact))
            return true;
    return false;
}

/* Facts of one list that the other lacks. */
static struct json *difference(const struct json *facts, const struct json *other)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(facts); i++) {
        const struct span fact = json_text_of(json_at(facts, i));

        if (!has_fact(other, fact))
            json_add(list, json_new_text(fact));
    }
    return list;
}

/* ---- rows ---- */

static enum err add_row(struct changes *c, const struct vault_rule_version *v,
                        const struct json *facts)
{
    char configuration[2 * CONF_DIGEST_BYTES + 1];
    struct json *row;
    enum err e = report_row(c->report, &row);

    if (e != ERR_OK)
        return e;
    proof_hex(v->configuration, CONF_DIGEST_BYTES, configuration);
    json_set_str(row, "class", v->class_name);
    json_set_int(row, "version", v->version);
    report_set_instant(row, "since", v->since_s);
    json_set_str(row, "change", c->before == NULL ? "new" : "changed");
    json_set(row, "before", difference(c->before, facts));
    json_set(row, "after", difference(facts, c->before));
    json_set_str(row, "configuration", configuration);
    return ERR_OK;
}

static enum err on_version(const struct vault_rule_version *v, void *context)
{
    AUTO(json_free) struct json *rule = NULL;
    AUTO(json_free) struct json *facts = json_new_list();
    struct changes *c = context;
    const int64_t day = v->since_s / DAY_S;
    enum err e = ERR_OK;

    if (json_parse(v->body, &rule) != ERR_OK)
        return ERR_CORRUPT;
    add_facts(facts, "", rule);
    if (strcmp(v->class_name, c->class_name) != 0)
        json_free(&c->before);
    (void)snprintf(c->class_name, sizeof(c->class_name), "%s", v->class_name);
    if (day >= c->context->from_day && day < c->context->to_day)
        e = add_row(c, v, facts);
    json_free(&c->before);
    c->before = TAKE(facts);
    return e;
}

static enum err build(const struct report_context *context, struct report *report,
                      struct errmsg *msg UNUSED)
{
    AUTO(changes_done) struct changes c = {.context = context, .report = report};

    return vault_rules_each(context->vault, NULL, on_version, &c);
}

const struct report_kind report__changes = {
    .name = "changes",
    .title = "Changes of deletion rules",
    .columns = columns,
    .column_count = COUNT_OF(columns),
    .build = build,
};
