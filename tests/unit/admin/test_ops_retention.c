/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on deletion rules: what they take and what they give back. */
#include <criterion/criterion.h>

#include "admin/ops.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"

static struct rig r;
static struct erasures *erasures;
static struct admin admin;

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR + 1);
    rig_init(&r);
    erasures = erasures_new(r.vault, NULL);
    admin = (struct admin){.vault = r.vault, .classes = &r.classes, .erasures = erasures};
}

static void end(void)
{
    erasures_free(&erasures);
    rig_done(&r);
}

TestSuite(ops_retention, .init = start, .fini = end, .timeout = 60);

static enum err ask(const char *request, struct json **ret, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;

    REQUIRE(json_parse(span_str(request), &tree) == ERR_OK);
    return ops_run(&admin, tree, ret, msg);
}

static struct json *answer(const char *request)
{
    struct json *tree = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(ask(request, &tree, &msg), ERR_OK, "%s: %s", request, msg.text);
    return tree;
}

static void refused(const char *request, enum err expected, const char *words)
{
    struct json *tree = NULL;
    struct errmsg msg = {""};
    const enum err e = ask(request, &tree, &msg);

    cr_assert_eq(e, expected, "%s: %s", request, err_name(e));
    cr_assert_null(tree);
    cr_assert_not_null(strstr(msg.text, words), "%s: %s", request, msg.text);
}

Test(ops_retention, simulate_counts_by_class)
{
    AUTO(json_free) struct json *tree = NULL;

    (void)rig_store(&r, "note", "ada", "ten days");
    (void)rig_store(&r, "brief", "ada", "an hour");
    tree = answer("{\"op\":\"retention.simulate\",\"at\":\"2026-01-15\"}");
    cr_assert_eq(json_int_of(json_get(tree, "due"), 0), 1);
    cr_assert_eq(json_count(json_get(tree, "classes")), 3);
    refused("{\"op\":\"retention.simulate\"}", ERR_INVALID, "at");
    refused("{\"op\":\"retention.simulate\",\"at\":\"2026-02-30\"}", ERR_INVALID, "must be a day");
    refused("{\"op\":\"retention.simulate\",\"at\":\"2025-01-01\"}", ERR_INVALID, "has gone");
}

Test(ops_retention, preview_takes_the_classes_of_a_file)
{
    AUTO(json_free) struct json *tree = NULL;

    (void)rig_store(&r, "note", "ada", "ten days");
    tree =
        answer("{\"op\":\"retention.preview\",\"timezone\":\"UTC\",\"classes\":"
               "\"{\\\"note\\\":{\\\"purposes\\\":[\\\"support\\\"],\\\"basis\\\":\\\"6(1)(f)\\\","
               "\\\"retain\\\":{\\\"period\\\":\\\"P1D\\\"}}}\"}");
    cr_assert_eq(json_count(json_get(tree, "classes")), 1);
    cr_assert_eq(json_int_of(json_get(json_at(json_get(tree, "classes"), 0), "earlier"), 0), 1);
    cr_assert_not(json_bool_of(json_get(tree, "in_force"), true));
    json_free(&tree);
    tree = answer("{\"op\":\"retention.preview\"}");
    cr_assert_eq(json_count(json_get(tree, "classes")), 0);
}

Test(ops_retention, preview_refuses_what_no_file_could_say)
{
    refused("{\"op\":\"retention.preview\",\"timezone\":\"Europe/Berlin\"}", ERR_CONFLICT,
            "needs a restart");
    refused("{\"op\":\"retention.preview\",\"classes\":\"{\\\"note\\\":{}}\"}", ERR_INVALID,
            "is missing");
    refused("{\"op\":\"retention.preview\",\"classes\":\"[\"}", ERR_INVALID, "classes:2:1: ");
    refused("{\"op\":\"retention.preview\",\"file\":\"x\"}", ERR_INVALID, "no such member");
}

Test(ops_retention, apply_wants_the_digest_of_a_preview)
{
    refused("{\"op\":\"retention.apply\"}", ERR_INVALID, "confirm");
    refused("{\"op\":\"retention.apply\",\"confirm\":\"yes\"}", ERR_INVALID, "32 characters");
    refused("{\"op\":\"retention.apply\",\"confirm\":\"00112233445566778899aabbccddeeff\"}",
            ERR_NOT_FOUND, "no preview");
}

Test(ops_retention, versions_are_listed_of_one_class_or_of_all)
{
    AUTO(json_free) struct json *all = answer("{\"op\":\"retention.versions\"}");
    AUTO(json_free)
    struct json *one = answer("{\"op\":\"retention.versions\",\"class\":\"note\"}");
    AUTO(json_free) struct json *rest = answer("{\"op\":\"retention.versions\",\"after\":2}");
    AUTO(json_free)
    struct json *none = answer("{\"op\":\"retention.versions\",\"class\":\"nothing\"}");
    const struct json *version = json_at(json_get(one, "versions"), 0);

    cr_assert_eq(json_count(json_get(all, "versions")), 3);
    cr_assert_not(json_bool_of(json_get(all, "more"), true));
    cr_assert_eq(json_count(json_get(one, "versions")), 1);
    cr_assert_eq(json_int_of(json_get(version, "version"), 0), 1);
    cr_assert_str_eq(json_str_of(json_get(version, "since")), "2026-01-10T12:00:00.000Z");
    cr_assert_str_eq(json_str_of(json_get(json_get(json_get(version, "rule"), "retain"), "period")),
                     "P10D");
    cr_assert_eq(json_count(json_get(rest, "versions")), 1);
    cr_assert_eq(json_count(json_get(none, "versions")), 0);
}
