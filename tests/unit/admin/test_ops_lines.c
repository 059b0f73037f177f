/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of many people at once: each has an outcome of its own. */
#include "admin/ops_priv.h"

#include <criterion/criterion.h>

#include "admin/access.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"

TestSuite(ops_lines, .init = secret_start, .timeout = 60);

struct desk {
    struct rig rig;
    struct erasures *erasures;
    struct admin admin;
    struct errmsg msg;
};

static void desk_init(struct desk *d)
{
    rig_init(&d->rig);
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    d->erasures = erasures_new(d->rig.vault, NULL);
    d->admin =
        (struct admin){.vault = d->rig.vault, .classes = &d->rig.classes, .erasures = d->erasures};
}

static void desk_done(struct desk *d)
{
    erasures_free(&d->erasures);
    rig_done(&d->rig);
}

static struct json *answer(struct desk *d, struct json *request)
{
    struct json *tree = NULL;
    enum err e = ops_run(&d->admin, request, &tree, &d->msg);

    json_free(&request);
    cr_assert_eq(e, ERR_OK, "%s", d->msg.text);
    return tree;
}

static struct json *question(const char *operation, struct json **ret_lines)
{
    struct json *request = json_new_map();

    *ret_lines = json_new_list();
    json_set_str(request, "op", operation);
    json_set(request, "lines", *ret_lines);
    return request;
}

static void add_value(struct json *lines, const char *subject, const char *class, const char *value)
{
    struct json *line = json_new_map();

    json_set_str(line, "subject", subject);
    json_set_str(line, "class", class);
    json_set_str(line, "value", value);
    json_add(lines, line);
}

static void add_token(struct json *lines, const char *token)
{
    struct json *line = json_new_map();

    json_set_str(line, "token", token);
    json_add(lines, line);
}

static const struct json *outcome(const struct json *answer, size_t index, const char *member)
{
    return json_get(json_at(json_get(answer, "lines"), index), member);
}

static const char *code(const struct json *answer, size_t index)
{
    const char *text = json_str_of(json_get(outcome(answer, index, "error"), "code"));

    return text == NULL ? "" : text;
}

Test(ops_lines, a_wrong_line_leaves_the_others_alone)
{
    AUTO(json_free) struct json *made = NULL, *shown = NULL;
    struct json *request, *lines;
    struct desk d;

    desk_init(&d);
    request = question("tokenize.lines", &lines);
    add_value(lines, "ada", "note", "x");
    add_value(lines, "bob", "none", "y");
    json_add(lines, json_new_null());
    add_value(lines, "", "note", "z");
    add_value(lines, "bob", "note", "y");
    made = answer(&d, request);
    cr_assert_eq(json_count(json_get(made, "lines")), 5);
    cr_expect_not_null(json_str_of(outcome(made, 0, "token")));
    cr_expect_str_eq(code(made, 1), "NOT_FOUND");
    cr_expect_str_eq(code(made, 2), "INVALID");
    cr_expect_str_eq(code(made, 3), "INVALID");
    cr_expect_not_null(json_str_of(outcome(made, 4, "token")));
    request = question("reveal.lines", &lines);
    add_token(lines, json_str_of(outcome(made, 4, "token")));
    add_token(lines, "lt_none");
    json_add(lines, json_new_map());
    add_token(lines, json_str_of(outcome(made, 0, "token")));
    shown = answer(&d, request);
    cr_expect_str_eq(json_str_of(outcome(shown, 0, "value")), "y");
    cr_expect_eq(json_kind(outcome(shown, 1, "value")), JSON_NIL);
    cr_expect_str_eq(code(shown, 2), "INVALID");
    cr_expect_str_eq(json_str_of(outcome(shown, 3, "value")), "x");
    desk_done(&d);
}

Test(ops_lines, what_a_token_is_bound_to_holds_for_each_line)
{
    AUTO(json_free) struct json *made = NULL;
    struct access_who who = {.number = 1, .role = ACCESS_APP, .classes = {.count = 1}};
    struct json *request, *lines;
    struct desk d;

    desk_init(&d);
    (void)snprintf(who.classes.at[0], sizeof(who.classes.at[0]), "note");
    d.admin.who = &who;
    request = question("tokenize.lines", &lines);
    add_value(lines, "ada", "note", "x");
    add_value(lines, "ada", "mail", "ada@example.org");
    made = answer(&d, request);
    cr_expect_not_null(json_str_of(outcome(made, 0, "token")));
    cr_expect_str_eq(code(made, 1), "DENIED");
    desk_done(&d);
}

Test(ops_lines, a_class_that_identifies_names_the_person)
{
    AUTO(json_free) struct json *made = NULL, *found = NULL;
    struct json *request, *lines, *look = json_new_map();
    struct desk d;

    desk_init(&d);
    request = question("tokenize.lines", &lines);
    add_value(lines, "ada", "mail", "ada@example.org");
    made = answer(&d, request);
    json_set_str(look, "op", "subject.show");
    json_set_str(look, "subject", "ada@example.org");
    found = answer(&d, look);
    cr_expect_eq(json_int_of(json_get(found, "identifiers"), 0), 2);
    desk_done(&d);
}

Test(ops_lines, more_than_a_group_is_refused)
{
    AUTO(json_free) struct json *tree = NULL;
    struct json *request, *lines;
    struct desk d;

    desk_init(&d);
    request = question("tokenize.lines", &lines);
    for (size_t i = 0; i <= OPS_LINES_MAX; i++)
        add_value(lines, "ada", "note", "x");
    cr_expect_eq(ops_run(&d.admin, request, &tree, &d.msg), ERR_INVALID);
    json_free(&request);
    desk_done(&d);
}
