/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/flows.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "retention/access_days.h"
#include "retention/report.h"
#include "retention/ropa.h"
#include "tests/support/vault_rig.h"
#include "vault/audit.h"

/* The classes are the rig's: mail for account, note for support and account, brief for support. */
#define CONFIGURATION                                                                              \
    "default_upstream: crm\n"                                                                      \
    "recipients: {printer: {upstreams: [crm]}, desk-ltd: {callers: [desk]}}\n"                     \
    "callers:\n"                                                                                   \
    "  desk: {purposes: [support], reveal: {note: value, brief: mask, mail: value}}\n"             \
    "  shop: {purposes: [account], reveal: {mail: value}}\n"                                       \
    "  batch: {purposes: [support]}\n"                                                             \
    "routes:\n"                                                                                    \
    "  - {path: /a, subject: none, request: [{json: $.m, class: mail}, {json: $.n, class: note}]," \
    " response: [{json: $.m, class: mail}, {json: $.n, class: note}]}\n"                           \
    "  - {path: /b, upstream: crm, subject: none, request: [{json: $.m, class: mail}]}\n"          \
    "  - {path: /c, upstream: post, direction: egress, subject: none,"                             \
    " request: [{json: $.m, class: mail}], response: [{json: $.b, class: brief}]}\n"

TestSuite(flows, .init = secret_start, .timeout = 60);

static struct json *flows_of(const struct rig *r, const char *text)
{
    struct conf *conf = NULL;
    struct errmsg msg = {""};
    struct json *flows;

    cr_assert_eq(conf_parse("t.yaml", span_str(text), &conf, &msg), ERR_OK, "%s", msg.text);
    flows = flows_read(conf_root(conf), &r->classes);
    conf_free(&conf);
    return flows;
}

static const char *text_of(const struct json *map, const char *name)
{
    const char *text = json_str_of(json_get(map, name));

    return text == NULL ? "" : text;
}

static const struct json *find(const struct json *flows, const char *recipient,
                               const char *class_name)
{
    for (size_t i = 0; i < json_count(flows); i++)
        if (strcmp(text_of(json_at(flows, i), "recipient"), recipient) == 0 &&
            strcmp(text_of(json_at(flows, i), "class"), class_name) == 0)
            return json_at(flows, i);
    return NULL;
}

/* "form purpose,purpose" */
static void expect(const struct json *flows, const char *recipient, const char *class_name,
                   const char *expected)
{
    const struct json *flow = find(flows, recipient, class_name);
    const struct json *purposes = json_get(flow, "purposes");
    char got[128];
    size_t len;

    len = (size_t)snprintf(got, sizeof(got), "%s", text_of(flow, "form"));
    for (size_t i = 0; i < json_count(purposes); i++)
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s", i == 0 ? " " : ",",
                                json_str_of(json_at(purposes, i)));
    cr_assert_str_eq(got, expected, "%s %s", recipient, class_name);
}

Test(flows, an_upstream_receives_tokens_of_what_its_routes_declare)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *flows = NULL;

    rig_init(&r);
    flows = flows_of(&r, CONFIGURATION);
    expect(flows, "crm", "mail", "token account");
    expect(flows, "crm", "note", "token support,account");
    cr_assert_null(find(flows, "crm", "brief"));
    cr_assert_eq(json_int_of(json_get(find(flows, "crm", "mail"), "routes"), 0), 2,
                 "the default upstream's, too");
    cr_assert_str_eq(json_str_of(json_at(json_get(find(flows, "crm", "mail"), "told_as"), 0)),
                     "printer");
}

Test(flows, a_caller_receives_what_its_purposes_and_the_classs_allow)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *flows = NULL;

    rig_init(&r);
    flows = flows_of(&r, CONFIGURATION);
    expect(flows, "shop", "mail", "value account");
    expect(flows, "shop", "note", "token account");
    expect(flows, "desk", "note", "value support");
    expect(flows, "desk", "mail", "token"); /* it has none of the purposes of the class */
    expect(flows, "batch", "note", "token support");
    cr_assert_null(find(flows, "desk", "brief"), "no answer holds it");
    cr_assert_str_eq(json_str_of(json_at(json_get(find(flows, "desk", "note"), "told_as"), 0)),
                     "desk-ltd");
}

Test(flows, a_third_party_receives_what_some_caller_may_see)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *flows = NULL;

    rig_init(&r);
    flows = flows_of(&r, CONFIGURATION);
    expect(flows, "post", "mail", "value account");
    cr_assert_str_eq(text_of(find(flows, "post", "mail"), "kind"), "third_party");
    cr_assert_null(find(flows, "post", "brief"), "of an answer it is the source");
}

Test(flows, a_field_that_is_scanned_counts_for_every_class)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *flows = NULL;

    rig_init(&r);
    flows =
        flows_of(&r, "callers: {shop: {purposes: [account], reveal: {mail: value, note: value}}}\n"
                     "routes: [{path: /c, upstream: post, direction: egress, subject: none,"
                     " request: [{json: $.text, scan: true}]},"
                     " {path: /d, upstream: crm, response: [{text: \"*\"}]}]\n");
    expect(flows, "post", "mail", "value account");
    expect(flows, "post", "note", "value account");
    cr_assert_null(find(flows, "post", "brief"), "nobody may see it");
    expect(flows, "crm", "brief", "token support");
    expect(flows, "shop", "brief", "token");
}

Test(flows, what_cannot_be_read_is_left_out)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *flows = NULL;

    rig_init(&r);
    flows =
        flows_of(&r, "callers: [1]\nrecipients: no\n"
                     "routes: [1, {upstream: 4}, {upstream: crm, request: [1, {class: nope}]}]\n");
    cr_assert_eq(json_count(flows), 3, "a field without a class: any of the three");
    json_free(&flows);
    flows = flows_of(&r, "routes: {a: 1}\n");
    cr_assert_eq(json_count(flows), 0);
}

/* ---- the report ---- */

static void show(struct rig *r, enum audit_role role, const char *who, const char *purpose,
                 const char *class_name, uint16_t values)
{
    const struct audit_entry entry = {.class_id = rig_class(r, class_name), .values = values};
    struct audit_record record = {.action = AUDIT_REVEAL,
                                  .outcome = AUDIT_DONE,
                                  .role = role,
                                  .who = span_str(who),
                                  .purpose = span_str(purpose),
                                  .entries = &entry,
                                  .entry_count = 1};

    cr_assert_eq(audit_write(vault_audit(r->vault), &record), ERR_OK);
}

static struct json *report(struct rig *r, int64_t from_day)
{
    AUTO(json_free) struct json *said = json_new_map();
    struct ropa *ropa = ropa_new();
    struct report_context context = {.vault = r->vault,
                                     .classes = &r->classes,
                                     .now_s = clock_now_s(),
                                     .from_day = from_day,
                                     .to_day = INT64_MAX,
                                     .ropa = ropa};
    struct json *tree = NULL;
    struct errmsg msg = {""};

    json_set(said, "flows", flows_of(r, CONFIGURATION));
    ropa_set(ropa, said);
    REQUIRE(vault_reader_open(r->vault, &context.reader) == ERR_OK);
    cr_assert_eq(report_make(report_kind_find(SPAN_LIT("flows")), &context, &tree, &msg), ERR_OK,
                 "%s", msg.text);
    vault_reader_close(&context.reader);
    ropa_free(&ropa);
    return tree;
}

static int64_t shown(const struct json *tree, const char *recipient, const char *class_name)
{
    return json_int_of(json_get(find(json_get(tree, "rows"), recipient, class_name), "values"), -1);
}

Test(flows, report_says_how_much_each_was_shown)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;

    rig_init(&r);
    show(&r, AUDIT_CALLER, "shop", "account", "mail", 3);
    show(&r, AUDIT_CALLER, "desk", "support", "note", 2);
    show(&r, AUDIT_CALLER, "desk", "support", "note", 2);
    show(&r, AUDIT_CALLER, "batch", "account", "mail", 7); /* through the route to a third party */
    show(&r, AUDIT_CALLER, "gone", "support", "note", 5);
    show(&r, AUDIT_OPERATOR, "cli", "", "brief", 1);
    tree = report(&r, INT64_MIN);
    cr_assert_eq(shown(tree, "shop", "mail"), 3);
    cr_assert_eq(shown(tree, "desk", "note"), 4);
    cr_assert_eq(shown(tree, "crm", "mail"), 0, "tokens are not shown");
    cr_assert_eq(shown(tree, "post", "mail"), 7);
    cr_assert_eq(shown(tree, "gone", "note"), 5);
    cr_assert_not(
        json_bool_of(json_get(find(json_get(tree, "rows"), "gone", "note"), "declared"), true));
    cr_assert_str_eq(text_of(find(json_get(tree, "rows"), "cli", "brief"), "kind"), "operator");
    cr_assert_eq(json_int_of(json_get(json_get(tree, "summary"), "in_clear"), 0), 5);
    cr_assert_not(report_needs_attention(tree));
}

Test(flows, report_counts_the_last_month_unless_days_are_said)
{
    AUTO(rig_done) struct rig r;
    struct vault_clock_accept accept = {.op = {.kind = VAULT_CLOCK_ACCEPT}};
    struct json *tree;

    rig_init(&r);
    show(&r, AUDIT_CALLER, "shop", "account", "mail", 3);
    rig_clock(RIG_NOW_S + 40 * (int64_t)RIG_DAY_S);
    cr_assert_eq(vault_run(r.vault, &accept.op), ERR_OK);
    show(&r, AUDIT_CALLER, "shop", "account", "mail", 1);
    tree = report(&r, INT64_MIN);
    cr_assert_eq(shown(tree, "shop", "mail"), 1);
    json_free(&tree);
    tree = report(&r, RIG_NOW_S / RIG_DAY_S);
    cr_assert_eq(shown(tree, "shop", "mail"), 4);
    json_free(&tree);
}
