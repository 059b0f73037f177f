/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/flows.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "retention/access_days.h"
#include "tests/unit/retention/report_rig.h"
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

static int64_t routes_of(const struct json *flows, const char *recipient, const char *class_name)
{
    return json_int_of(json_get(find(flows, recipient, class_name), "routes"), 0);
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
    cr_assert_eq(json_count(json_get(find(flows, "post", "mail"), "senders")), 1);
    cr_assert_str_eq(json_str_of(json_at(json_get(find(flows, "post", "mail"), "senders"), 0)),
                     "shop");
    cr_assert_null(find(flows, "post", "brief"), "of an answer it is the source");
}

Test(flows, a_field_that_is_scanned_counts_for_what_somebody_sees_and_once_for_the_rest)
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
    expect(flows, "crm", FLOWS_ANY_CLASS, "token");
    expect(flows, "shop", "note", "value account");
    expect(flows, "shop", FLOWS_ANY_CLASS, "token");
    cr_assert_null(find(flows, "shop", "brief"));
    cr_assert_null(find(flows, "crm", "brief"));
}

Test(flows, a_route_counts_once_however_many_fields_it_has)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *flows = NULL;

    rig_init(&r);
    flows = flows_of(
        &r, "callers: {shop: {purposes: [account], reveal: {mail: value}}}\n"
            "routes: [{path: /a, upstream: crm, response: [{text: \"*\"}, {json: $.m, class: mail},"
            " {json: $.n, class: mail}, {json: $.t, scan: true}]},"
            " {path: /b, upstream: crm, response: [{text: \"*\"}]},"
            " {path: /c, upstream: crm, response: [{json: $.n, class: note}]},"
            " {path: /d, upstream: post, direction: egress, request: [{json: $.m, class: mail},"
            " {json: $.t, scan: true}]}]\n");
    cr_assert_eq(routes_of(flows, "crm", "mail"), 1);
    cr_assert_eq(routes_of(flows, "crm", FLOWS_ANY_CLASS), 2);
    cr_assert_eq(routes_of(flows, "shop", "mail"), 2, "the scanned ones, too");
    cr_assert_eq(routes_of(flows, "shop", "note"), 1, "tokens: those that declare it");
    cr_assert_eq(routes_of(flows, "shop", FLOWS_ANY_CLASS), 2);
    cr_assert_eq(routes_of(flows, "post", "mail"), 1);
}

/* ---- large configurations ---- */

enum { CALLERS = 200, CLASSES = 100, ROUTES = 50 };

static void append(struct buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct buf *out, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    REQUIRE(buf_append_str(out, text) == ERR_OK);
}

static void rig_init_large(struct rig *r)
{
    AUTO(buf_done) struct buf text = {.max = 1 << 20};

    for (int c = 0; c < CLASSES; c++)
        append(&text, "c%d: {purposes: [support], basis: \"6(1)(f)\", retain: {period: P10D}}\n",
               c);
    REQUIRE(buf_append_byte(&text, '\0') == ERR_OK);
    rig_init_with(r, (const char *)text.bytes);
}

/* Each caller sees a number of classes in clear; each route scans its answers, or has a field for each class. */
static struct json *large_flows(const struct rig *r, int in_clear, bool scans)
{
    AUTO(buf_done) struct buf text = {.max = 4 << 20};

    append(&text, "callers:\n");
    for (int i = 0; i < CALLERS; i++) {
        append(&text, "  caller%d: {purposes: [support], reveal: {", i);
        for (int c = 0; c < in_clear; c++)
            append(&text, "%sc%d: value", c == 0 ? "" : ", ", (i + c) % CLASSES);
        append(&text, "}}\n");
    }
    append(&text, "routes:\n");
    for (int i = 0; i < ROUTES; i++) {
        append(&text, "  - {path: /r%d, upstream: crm, response: [", i);
        for (int c = 0; !scans && c < CLASSES; c++)
            append(&text, "%s{json: $.c%d, class: c%d}", c == 0 ? "" : ", ", c, c);
        append(&text, scans ? "{text: \"*\"}]}\n" : "]}\n");
    }
    REQUIRE(buf_append_byte(&text, '\0') == ERR_OK);
    return flows_of(r, (const char *)text.bytes);
}

static void expect_all_callers(const struct json *flows, int in_clear)
{
    for (int i = 0; i < CALLERS; i++) {
        char caller[24], class_name[24];

        (void)snprintf(caller, sizeof(caller), "caller%d", i);
        for (int c = 0; c < in_clear; c++) {
            (void)snprintf(class_name, sizeof(class_name), "c%d", (i + c) % CLASSES);
            expect(flows, caller, class_name, "value support");
            cr_assert_eq(routes_of(flows, caller, class_name), ROUTES);
        }
        expect(flows, caller, FLOWS_ANY_CLASS, "token");
        cr_assert_eq(routes_of(flows, caller, FLOWS_ANY_CLASS), ROUTES);
    }
}

Test(flows, of_many_callers_and_a_scanned_field_are_what_they_see_and_one_each)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *flows = NULL;

    rig_init_large(&r);
    flows = large_flows(&r, 2, true);
    cr_assert_eq(json_count(flows), 3 * CALLERS + 1, "and the upstream's");
    expect_all_callers(flows, 2);
    expect(flows, "crm", FLOWS_ANY_CLASS, "token");
}

Test(flows, of_many_callers_and_declared_classes_are_what_they_see_and_one_each)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *flows = NULL;

    rig_init_large(&r);
    flows = large_flows(&r, 2, false);
    cr_assert_eq(json_count(flows), 3 * CALLERS + CLASSES, "and the upstream's");
    expect_all_callers(flows, 2);
    expect(flows, "crm", "c7", "token support");
}

Test(flows, that_no_report_can_hold_stop_past_its_rows)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *flows = NULL;

    rig_init_large(&r);
    flows = large_flows(&r, CLASSES, true);
    cr_assert_eq(json_count(flows), LIMIT_REPORT_ROWS_MAX + 1);
}

Test(flows, what_cannot_be_read_is_left_out)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *flows = NULL;

    rig_init(&r);
    flows =
        flows_of(&r, "callers: [1]\nrecipients: no\n"
                     "routes: [1, {upstream: 4}, {upstream: crm, request: [1, {class: nope}]}]\n");
    cr_assert_eq(json_count(flows), 1, "a field without a class");
    expect(flows, "crm", FLOWS_ANY_CLASS, "token");
    json_free(&flows);
    flows = flows_of(&r, "routes: {a: 1}\n");
    cr_assert_eq(json_count(flows), 0);
}

/* ---- the report ---- */

/* A caller has the name of an upstream; notes are in answers, briefs and bills go to third parties only. */
#define REPORTED                                                                                   \
    "callers:\n"                                                                                   \
    "  desk: {purposes: [support, account], reveal: {note: mask}}\n"                               \
    "  shop: {purposes: [account], reveal: {mail: value}}\n"                                       \
    "  crm: {purposes: [support], reveal: {note: value, brief: value, bill: value}}\n"             \
    "routes:\n"                                                                                    \
    "  - {path: /a, upstream: crm, response: [{json: $.m, class: mail}, {json: $.n, class: "       \
    "note}]}\n"                                                                                    \
    "  - {path: /b, upstream: post, direction: egress, request: [{json: $.b, class: brief},"       \
    " {json: $.c, class: bill}]}\n"                                                                \
    "  - {path: /c, upstream: bank, direction: egress, request: [{json: $.b, class: bill}]}\n"

static void rig_init_reported(struct rig *r)
{
    rig_init_with(r, RIG_CLASSES "bill: {purposes: [support], basis: \"6(1)(b)\", retain: {period: "
                                 "P1Y}}\n");
}

struct showing {
    enum audit_role role;
    const char *who, *purpose, *class_name;
    uint16_t values, masks;
};

static void show(struct rig *r, const struct showing *s)
{
    const struct audit_entry entry = {
        .class_id = rig_class(r, s->class_name), .values = s->values, .masks = s->masks};
    struct audit_record record = {.action = AUDIT_REVEAL,
                                  .outcome = AUDIT_DONE,
                                  .role = s->role,
                                  .who = span_str(s->who),
                                  .purpose = span_str(s->purpose),
                                  .entries = &entry,
                                  .entry_count = 1};

    cr_assert_eq(audit_write(vault_audit(r->vault), &record), ERR_OK);
}

static enum err make(struct rig *r, struct json *flows, int64_t from_day, struct json **ret)
{
    AUTO(json_free) struct json *said = json_new_map();

    json_set(said, "flows", flows);
    return rig_report_said(r, "flows", said, from_day, ret);
}

static struct json *report(struct rig *r, int64_t from_day)
{
    struct json *tree = NULL;

    cr_assert_eq(make(r, flows_of(r, REPORTED), from_day, &tree), ERR_OK);
    return tree;
}

/* Of a store that rig_init_reported() has made, after this has been shown. */
static struct json *report_shown(struct rig *r, const struct showing *shown, size_t count)
{
    for (size_t i = 0; i < count; i++)
        show(r, &shown[i]);
    return report(r, INT64_MIN);
}

/* "requests values masks", and "?" if it is not declared; "" without such a row. */
static void expect_shown(const struct json *tree, const char *recipient, const char *kind,
                         const char *class_name, const char *form, const char *expected)
{
    const struct json *rows = json_get(tree, "rows");
    char got[128] = "";
    size_t found = 0;

    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);

        if (strcmp(text_of(row, "recipient"), recipient) != 0 ||
            strcmp(text_of(row, "kind"), kind) != 0 ||
            strcmp(text_of(row, "class"), class_name) != 0 ||
            strcmp(text_of(row, "form"), form) != 0)
            continue;
        (void)snprintf(got, sizeof(got), "%d %d %d%s",
                       (int)json_int_of(json_get(row, "requests"), -1),
                       (int)json_int_of(json_get(row, "values"), -1),
                       (int)json_int_of(json_get(row, "masks"), -1),
                       json_bool_of(json_get(row, "declared"), false) ? "" : "?");
        found++;
    }
    cr_assert_str_eq(got, expected, "%s %s %s %s", recipient, kind, class_name, form);
    cr_assert_leq(found, 1, "one row for each recipient, class and form");
}

Test(flows, report_says_how_much_each_was_shown)
{
    static const struct showing shown[] = {
        {AUDIT_CALLER, "shop", "account", "mail", 3, 0},
        {AUDIT_CALLER, "desk", "support", "note", 0, 4},
        {AUDIT_CALLER, "crm", "support", "note", 2, 0},
        {AUDIT_CALLER, "crm", "support", "note", 2, 1}, /* a quota stepped down to a mask */
        {AUDIT_CALLER, "gone", "support", "note", 5, 0},
        {AUDIT_CALLER, "gone", "account", "note", 1, 0},
        {AUDIT_OPERATOR, "cli", "", "brief", 1, 0},
    };
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;

    rig_init_reported(&r);
    tree = report_shown(&r, shown, COUNT_OF(shown));
    expect_shown(tree, "shop", "caller", "mail", "value", "1 3 0");
    expect_shown(tree, "desk", "caller", "note", "mask", "1 0 4");
    expect_shown(tree, "crm", "caller", "note", "value", "2 4 1");
    expect_shown(tree, "crm", "upstream", "note", "token", "0 0 0");
    expect_shown(tree, "gone", "caller", "note", "value", "2 6 0?");
    expect_shown(tree, "cli", "operator", "brief", "value", "1 1 0?");
    cr_assert_not(report_needs_attention(tree));
}

/* The configuration has changed since, or a value was shown where only a mask is: the one does not count as the other. */
Test(flows, report_counts_values_and_masks_in_the_rows_of_their_form)
{
    static const struct showing shown[] = {
        {AUDIT_CALLER, "desk", "support", "note", 2, 3}, /* has masks */
        {AUDIT_CALLER, "shop", "account", "note", 1, 2}, /* has tokens */
    };
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;

    rig_init_reported(&r);
    tree = report_shown(&r, shown, COUNT_OF(shown));
    expect_shown(tree, "desk", "caller", "note", "mask", "1 0 3");
    expect_shown(tree, "desk", "caller", "note", "value", "1 2 0?");
    expect_shown(tree, "shop", "caller", "note", "token", "0 0 0");
    expect_shown(tree, "shop", "caller", "note", "value", "1 1 0?");
    expect_shown(tree, "shop", "caller", "note", "mask", "1 0 2?");
}

Test(flows, report_counts_for_a_third_party_what_can_have_gone_nowhere_else)
{
    static const struct showing shown[] = {
        {AUDIT_CALLER, "crm", "support", "brief", 7, 0},
        {AUDIT_CALLER, "crm", "support", "bill", 5, 0},
        {AUDIT_CALLER, "gone", "support", "brief", 2, 0}, /* does not send it */
    };
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;

    rig_init_reported(&r);
    tree = report_shown(&r, shown, COUNT_OF(shown));
    expect_shown(tree, "post", "third_party", "brief", "value", "1 7 0");
    expect_shown(tree, "post", "third_party", "bill", "value", "0 0 0");
    expect_shown(tree, "bank", "third_party", "bill", "value", "0 0 0");
    expect_shown(tree, "crm", "caller", "bill", "value", "1 5 0?");
    expect_shown(tree, "gone", "caller", "brief", "value", "1 2 0?");
}

Test(flows, report_takes_recipients_of_one_name_and_two_kinds_for_two)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    const struct json *summary;

    rig_init_reported(&r);
    tree = report(&r, INT64_MIN);
    summary = json_get(tree, "summary");
    cr_assert_eq(json_int_of(json_get(summary, "recipients"), 0), 6,
                 "desk, shop, crm; crm; post, bank");
    cr_assert_eq(json_int_of(json_get(summary, "in_clear"), 0), 4, "shop, crm, post, bank");
}

Test(flows, report_of_more_than_it_can_hold_is_refused)
{
    AUTO(rig_done) struct rig r;
    struct json *tree = NULL;

    rig_init_large(&r);
    cr_assert_eq(make(&r, large_flows(&r, CLASSES, true), INT64_MIN, &tree), ERR_TOO_LARGE);
    cr_assert_eq(make(&r, large_flows(&r, 2, true), INT64_MIN, &tree), ERR_OK);
    json_free(&tree);
}

Test(flows, report_counts_the_last_month_unless_days_are_said)
{
    static const struct showing thrice = {AUDIT_CALLER, "shop", "account", "mail", 3, 0};
    static const struct showing once = {AUDIT_CALLER, "shop", "account", "mail", 1, 0};
    AUTO(rig_done) struct rig r;
    struct vault_clock_accept accept = {.op = {.kind = VAULT_CLOCK_ACCEPT}};
    struct json *tree;

    rig_init_reported(&r);
    show(&r, &thrice);
    rig_clock(RIG_NOW_S + 40 * (int64_t)RIG_DAY_S);
    cr_assert_eq(vault_run(r.vault, &accept.op), ERR_OK);
    show(&r, &once);
    tree = report(&r, INT64_MIN);
    expect_shown(tree, "shop", "caller", "mail", "value", "1 1 0");
    json_free(&tree);
    tree = report(&r, RIG_NOW_S / RIG_DAY_S);
    expect_shown(tree, "shop", "caller", "mail", "value", "2 4 0");
    json_free(&tree);
}
