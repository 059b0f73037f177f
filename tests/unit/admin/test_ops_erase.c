/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "admin/ops.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"

struct desk {
    struct rig rig;
    struct erasures *erasures;
    struct admin admin;
    struct errmsg msg;
};

static void desk_init(struct desk *d)
{
    int fd;

    rig_init(&d->rig);
    fd = open(scratch_path(&d->rig.scratch, "log"), O_CREAT | O_RDWR | O_APPEND, 0600);
    REQUIRE(fd >= 0);
    log_set_fd(fd);
    d->erasures = erasures_new(d->rig.vault, NULL);
    d->admin =
        (struct admin){.vault = d->rig.vault, .classes = &d->rig.classes, .erasures = d->erasures};
}

static void desk_done(struct desk *d)
{
    erasures_free(&d->erasures);
    rig_done(&d->rig);
}

TestSuite(ops_erase, .init = secret_start, .timeout = 60);

static enum err ask(struct desk *d, const char *request, struct json **ret)
{
    AUTO(json_free) struct json *tree = NULL;

    REQUIRE(json_parse(span_str(request), &tree) == ERR_OK);
    return ops_run(&d->admin, tree, ret, &d->msg);
}

static struct json *answer(struct desk *d, const char *request)
{
    struct json *tree = NULL;
    enum err e = ask(d, request, &tree);

    cr_assert_eq(e, ERR_OK, "%s: %s (%s)", request, err_name(e), d->msg.text);
    return tree;
}

static void refused(struct desk *d, const char *request, enum err expected)
{
    struct json *tree = NULL;
    enum err e = ask(d, request, &tree);

    cr_assert_eq(e, expected, "%s: %s (%s)", request, err_name(e), d->msg.text);
    cr_assert_null(tree);
    cr_assert_neq(d->msg.text[0], '\0', "%s: a refusal says why", request);
}

static const char *text_at(const struct json *map, const char *name)
{
    const char *text = json_str_of(json_get(map, name));

    return text == NULL ? "" : text;
}

#define ERASE "{\"op\":\"subject.erase\",\"subject\":\"4711\""
#define EXCEPT                                                                                     \
    ",\"except\":[{\"class\":\"mail\",\"code\":\"b\",\"law\":\"HGB "                               \
    "257\",\"until\":\"2027-12-31\"}]"

Test(ops_erase, keeps_what_an_exception_names)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *receipt = NULL;
    struct token_text note, mail;
    char value[256];

    desk_init(&d);
    note = rig_store(&d.rig, "note", "4711", "tea");
    mail = rig_store(&d.rig, "mail", "4711", "a@example.org");
    receipt = answer(&d, ERASE EXCEPT "}");
    cr_assert_str_eq(text_at(receipt, "state"), "completed");
    cr_assert_eq(json_count(json_get(receipt, "not_erased")), 1);
    cr_assert_str_eq(text_at(json_at(json_get(receipt, "not_erased"), 0), "review"), "2027-12-31");
    cr_assert_eq(rig_reveal(&d.rig, &note, value), ERR_NOT_FOUND);
    cr_assert_eq(rig_reveal(&d.rig, &mail, value), ERR_RESTRICTED);
}

Test(ops_erase, dry_run_counts_and_changes_nothing)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *found = NULL;
    struct token_text note;
    char value[256];

    desk_init(&d);
    note = rig_store(&d.rig, "note", "4711", "tea");
    (void)rig_store(&d.rig, "note", "4711", "milk");
    (void)rig_store(&d.rig, "mail", "4711", "a@example.org");
    found = answer(&d, ERASE EXCEPT ",\"dry_run\":true}");
    cr_assert_eq(json_int_of(json_get(found, "values_going"), 0), 2);
    cr_assert_eq(json_int_of(json_get(found, "values_staying"), 0), 1);
    cr_assert_str_eq(text_at(json_at(json_get(found, "goes"), 0), "class"), "note");
    cr_assert_str_eq(text_at(json_at(json_get(found, "stays"), 0), "law"), "HGB 257");
    cr_assert_eq(rig_reveal(&d.rig, &note, value), ERR_OK);
}

Test(ops_erase, exceptions_that_say_too_little_are_refused)
{
    static const char *const bad[] = {
        "{}",
        "[{}]",
        "[{\"class\":\"nope\",\"code\":\"b\",\"law\":\"x\",\"until\":\"2027-12-31\"}]",
        "[{\"class\":\"mail\",\"code\":\"f\",\"law\":\"x\",\"until\":\"2027-12-31\"}]",
        "[{\"class\":\"mail\",\"code\":\"b\",\"law\":\"\",\"until\":\"2027-12-31\"}]",
        "[{\"class\":\"mail\",\"code\":\"b\",\"law\":\"x\",\"until\":\"2027-02-30\"}]",
        "[{\"class\":\"mail\",\"code\":\"b\",\"law\":\"x\",\"until\":\"2020-12-31\"}]",
        "[{\"class\":\"mail\",\"code\":\"b\",\"law\":\"see 4711/7\",\"until\":\"2027-12-31\"}]",
        "[{\"class\":\"mail\",\"code\":\"b\",\"law\":\"x\"}]",
    };
    AUTO(desk_done) struct desk d;
    struct token_text note;
    char value[256];

    desk_init(&d);
    note = rig_store(&d.rig, "note", "4711", "tea");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char request[512];
        struct json *tree = NULL;

        (void)snprintf(request, sizeof(request), ERASE ",\"except\":%s}", bad[i]);
        cr_assert_neq(ask(&d, request, &tree), ERR_OK, "%s", bad[i]);
        cr_assert_neq(d.msg.text[0], '\0', "%s", bad[i]);
    }
    cr_assert_eq(rig_reveal(&d.rig, &note, value), ERR_OK);
}

Test(ops_erase, of_which_nothing_would_go_says_why)
{
    AUTO(desk_done) struct desk d;

    desk_init(&d);
    (void)rig_store(&d.rig, "mail", "4711", "a@example.org");
    refused(&d, ERASE EXCEPT "}", ERR_CONFLICT);
    cr_assert_not_null(strstr(d.msg.text, "nothing was changed"));
}

/* E43 */
Test(ops_erase, repeated_under_its_key_gives_the_same_receipt_and_touches_nothing_newer)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *first = NULL, *second = NULL;
    struct token_text later;
    char value[256];

    desk_init(&d);
    (void)rig_store(&d.rig, "note", "4711", "old");
    first = answer(&d, ERASE ",\"key\":\"T-1\"}");
    later = rig_store(&d.rig, "note", "4711", "new");
    second = answer(&d, ERASE ",\"key\":\"T-1\",\"reason\":\"again\",\"domain\":\"default\"}");
    cr_assert_str_eq(text_at(first, "number"), text_at(second, "number"));
    cr_assert_str_eq(text_at(json_get(first, "signature"), "value"),
                     text_at(json_get(second, "signature"), "value"));
    cr_assert_eq(rig_reveal(&d.rig, &later, value), ERR_OK);
}

Test(ops_erase, key_of_another_request_is_refused)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *first = NULL;
    struct token_text other;
    char value[256];

    desk_init(&d);
    (void)rig_store(&d.rig, "note", "4711", "old");
    other = rig_store(&d.rig, "note", "4712", "other");
    first = answer(&d, ERASE ",\"key\":\"T-1\"}");
    refused(&d, "{\"op\":\"subject.erase\",\"subject\":\"4712\",\"key\":\"T-1\"}", ERR_CONFLICT);
    refused(&d, ERASE EXCEPT ",\"key\":\"T-1\"}", ERR_CONFLICT);
    refused(&d, ERASE ",\"key\":\"\"}", ERR_INVALID);
    refused(&d, ERASE ",\"key\":7}", ERR_INVALID);
    cr_assert_eq(rig_reveal(&d.rig, &other, value), ERR_OK);
}

Test(ops_erase, refused_under_a_key_may_be_tried_again)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *receipt = NULL;

    desk_init(&d);
    (void)rig_store(&d.rig, "mail", "4711", "a@example.org");
    refused(&d, ERASE EXCEPT ",\"key\":\"T-1\"}", ERR_CONFLICT);
    (void)rig_store(&d.rig, "note", "4711", "tea");
    receipt = answer(&d, ERASE EXCEPT ",\"key\":\"T-1\"}");
    cr_assert_str_eq(text_at(receipt, "state"), "completed");
}

Test(ops_erase, says_who_approved_it)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *receipt = NULL;

    desk_init(&d);
    (void)rig_store(&d.rig, "note", "4711", "tea");
    d.admin.executed_by = "token anna";
    d.admin.approved_by = "token berta";
    receipt = answer(&d, ERASE "}");
    cr_assert_str_eq(text_at(receipt, "executed_by"), "token anna");
    cr_assert_str_eq(text_at(receipt, "approved_by"), "token berta");
}

Test(ops_erase, of_many_answers_for_each)
{
    AUTO(desk_done) struct desk d;
    AUTO(json_free) struct json *came = NULL;
    const struct json *list;

    desk_init(&d);
    (void)rig_store(&d.rig, "note", "4711", "tea");
    (void)rig_store(&d.rig, "note", "4713", "milk");
    came = answer(&d, "{\"op\":\"subject.erase_many\",\"subjects\":[\"4711\",\"4712\",\"4713\"]}");
    list = json_get(came, "erasures");
    cr_assert_eq(json_count(list), 3);
    cr_assert_str_eq(text_at(json_at(list, 0), "state"), "completed");
    cr_assert_str_eq(text_at(json_at(list, 1), "error"), "NOT_FOUND");
    cr_assert_str_eq(text_at(json_at(list, 2), "state"), "completed");
    refused(&d, "{\"op\":\"subject.erase_many\",\"subjects\":[\"4711\"],\"reason\":\"of 4711\"}",
            ERR_INVALID);
    refused(&d, "{\"op\":\"subject.erase_many\",\"subjects\":\"4711\"}", ERR_INVALID);
}
