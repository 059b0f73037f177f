/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/ropa.h"

#include <criterion/criterion.h>

#include "base/secret.h"

TestSuite(ropa, .init = secret_start, .timeout = 20);

static enum err read(const char *yaml, struct json **ret, struct errmsg *msg)
{
    const struct controller controller = {.name = (char[]){"Example GmbH"}, .dpo = (char[]){"dpo"}};
    AUTO(conf_free) struct conf *conf = NULL;

    *msg = (struct errmsg){""};
    cr_assert_eq(conf_parse("x.yaml", span_str(yaml), &conf, msg), ERR_OK, "%s", msg->text);
    return ropa_read(conf_get(conf_root(conf), "activities"), &controller, ret, msg);
}

static const char *text(const struct json *map, const char *a, const char *b)
{
    const char *found = json_str_of(json_get(json_get(map, a), b));

    return found == NULL ? "" : found;
}

Test(ropa, takes_the_controller_and_its_activities)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct json *activities;
    struct errmsg msg;

    cr_assert_eq(
        read("activities: {pay: {purposes: [tax], role: processor, on_behalf_of: A,\n"
             "  recipients: [b, c], transfers: [US], safeguards: s, measures: [m], joint: j,\n"
             "  owner: o, dpia: d, description: e, source: f}}\n",
             &tree, &msg),
        ERR_OK, "%s", msg.text);
    activities = json_get(tree, "activities");
    cr_assert_str_eq(text(tree, "controller", "name"), "Example GmbH");
    cr_assert_eq(json_count(json_get(tree, "controller")), 2, "what is not said is not there");
    cr_assert_str_eq(text(activities, "pay", "on_behalf_of"), "A");
    cr_assert_str_eq(text(activities, "pay", "safeguards"), "s");
    cr_assert_eq(json_count(json_get(json_get(activities, "pay"), "recipients")), 2);
}

Test(ropa, without_the_section_has_no_activity)
{
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg;

    cr_assert_eq(read("other: 1\n", &tree, &msg), ERR_OK);
    cr_assert_eq(json_count(json_get(tree, "activities")), 0);
    cr_assert_eq(json_kind(json_get(tree, "activities")), JSON_MAP);
}

Test(ropa, refuses_what_means_nothing)
{
    static const struct {
        const char *yaml, *said;
    } cases[] = {
        {"activities: [a]\n", "must be a map"},
        {"activities: {a: {}}\n", "needs \"purposes\""},
        {"activities: {a: {purposes: tax}}\n", "must be a list"},
        {"activities: {a: {purposes: [3]}}\n", "x.yaml:1:"},
        {"activities: {a: {purposes: [\"\"]}}\n", "x.yaml:1:"},
        {"activities: {a: {purposes: [tax], recipient: [b]}}\n", "did you mean"},
        {"activities: {a: {purposes: [tax], role: owner}}\n", "controller or processor"},
        {"activities: {a: {purposes: [tax], role: processor}}\n", "on_behalf_of"},
        {"activities: {a: {purposes: [tax], owner: \"x\\ty\"}}\n", "x.yaml:1:"},
        {"activities: {\"A b\": {purposes: [tax]}}\n", "a-z 0-9"},
        {"activities: {a: 3}\n", "x.yaml:1:"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(json_free) struct json *tree = NULL;
        struct errmsg msg;

        cr_expect_eq(read(cases[i].yaml, &tree, &msg), ERR_CONFIG, "%s", cases[i].yaml);
        cr_expect_not_null(strstr(msg.text, cases[i].said), "%s: %s", cases[i].yaml, msg.text);
        cr_expect_null(tree);
    }
}

/* Flows of many callers and classes are larger than any configuration file. */
Test(ropa, that_is_in_force_may_be_larger_than_a_configuration)
{
    enum { ROWS = 100000 };
    static const char row[] =
        "a row of a hundred bytes is what a flow to a recipient takes up, with "
        "its purposes and its names: 100";
    struct ropa *r = ropa_new();
    AUTO(json_free) struct json *tree = json_new_map();
    struct json *rows = json_new_list(), *copy;

    for (int i = 0; i < ROWS; i++)
        json_add(rows, json_new_text(span_str(row)));
    json_set(tree, "flows", rows);
    ropa_set(r, tree);
    copy = ropa_get(r);
    cr_assert_eq(json_count(json_get(copy, "flows")), ROWS);
    json_free(&copy);
    ropa_free(&r);
}

Test(ropa, that_is_in_force_is_a_copy)
{
    struct ropa *r = ropa_new();
    AUTO(json_free) struct json *tree = NULL;
    struct json *copy;

    copy = ropa_get(r);
    cr_assert_eq(json_count(copy), 0, "before the first");
    json_free(&copy);
    copy = ropa_get(NULL);
    cr_assert_eq(json_kind(copy), JSON_MAP);
    json_free(&copy);
    cr_assert_eq(json_parse(SPAN_LIT("{\"controller\":{\"name\":\"A\"}}"), &tree), ERR_OK);
    ropa_set(r, tree);
    json_free(&tree);
    copy = ropa_get(r);
    cr_assert_str_eq(text(copy, "controller", "name"), "A");
    json_free(&copy);
    ropa_free(&r);
    cr_assert_null(r);
}
