/* SPDX-License-Identifier: Apache-2.0 */
/* What operators' acts leave in the audit trail. */
#include "admin/ops_priv.h"

#include <criterion/criterion.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"
#include "vault/audit_read.h"
#include "vault/purges.h"

TestSuite(ops_audit, .init = secret_start);

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
    d->admin = (struct admin){.vault = d->rig.vault,
                              .classes = &d->rig.classes,
                              .erasures = d->erasures,
                              .executed_by = "uid 1000"};
}

static void desk_done(struct desk *d)
{
    erasures_free(&d->erasures);
    rig_done(&d->rig);
}

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

/* The trail as the operation shows it, but for what only reads. */
static struct json *trail(struct desk *d)
{
    return answer(d, "{\"op\":\"audit.tail\",\"after\":0}");
}

static const char *word(const struct json *record, const char *name)
{
    const char *text = json_str_of(json_get(record, name));

    return text == NULL ? "" : text;
}

static const struct json *record_at(const struct json *tree, size_t index)
{
    return json_at(json_get(tree, "records"), index);
}

static void assert_record(const struct json *tree, size_t index, const char *action,
                          const char *outcome)
{
    const struct json *r = record_at(tree, index);

    cr_assert_str_eq(word(r, "action"), action);
    cr_assert_str_eq(word(r, "outcome"), outcome);
    cr_assert_str_eq(word(r, "who"), "uid 1000");
    cr_assert_str_eq(word(r, "role"), "operator");
}

Test(ops_audit, what_changes_something_is_recorded_before_and_after)
{
    AUTO(json_free) struct json *made = NULL, *seen = NULL;
    struct desk d;

    desk_init(&d);
    made = answer(
        &d,
        "{\"op\":\"tokenize\",\"class\":\"note\",\"subject\":\"ada\",\"values\":[\"x\",\"y\"]}");
    seen = trail(&d);
    cr_assert_eq(json_count(json_get(seen, "records")), 2);
    assert_record(seen, 0, "tokenize", "begun");
    assert_record(seen, 1, "tokenize", "done");
    cr_assert_eq(
        json_int_of(json_get(json_at(json_get(record_at(seen, 1), "classes"), 0), "tokens"), 0), 2);
    cr_assert_eq(json_int_of(json_get(record_at(seen, 1), "people"), 0), 1);
    desk_done(&d);
}

Test(ops_audit, what_shows_something_is_recorded_once)
{
    AUTO(json_free) struct json *shown = NULL, *seen = NULL;
    struct token_text token;
    char request[256];
    struct desk d;

    desk_init(&d);
    token = rig_store(&d.rig, "note", "ada", "secret");
    (void)snprintf(request, sizeof(request), "{\"op\":\"reveal\",\"tokens\":[\"%.*s\"]}", token.len,
                   token.bytes);
    shown = answer(&d, request);
    seen = trail(&d);
    cr_assert_eq(json_count(json_get(seen, "records")), 1);
    assert_record(seen, 0, "reveal", "done");
    cr_assert_eq(
        json_int_of(json_get(json_at(json_get(record_at(seen, 0), "classes"), 0), "values"), 0), 1);
    desk_done(&d);
}

Test(ops_audit, who_lets_the_sweeper_go_on_is_recorded_with_the_class)
{
    AUTO(json_free) struct json *none = NULL, *seen = NULL;
    struct vault_purge_pause pause = {.why = VAULT_PURGE_UNFORESEEN};
    struct vault_purge_note op = {.op = {.kind = VAULT_PURGE_NOTE}, .pause = &pause};
    struct desk d;

    desk_init(&d);
    pause.class_id = rig_class(&d.rig, "note");
    cr_assert_eq(vault_run(d.rig.vault, &op.op), ERR_OK);
    none = answer(&d, "{\"op\":\"retention.resume\",\"class\":\"note\"}");
    seen = trail(&d);
    assert_record(seen, 0, "purge", "begun");
    assert_record(seen, 1, "purge", "done");
    cr_assert_str_eq(word(record_at(seen, 1), "object"), "note");
    desk_done(&d);
}

Test(ops_audit, refusals_and_failures_say_why)
{
    AUTO(json_free) struct json *none = NULL, *seen = NULL;
    struct desk d;

    desk_init(&d);
    cr_assert_eq(ask(&d, "{\"op\":\"subject.erase\",\"subject\":\"secret nobody\"}", &none),
                 ERR_NOT_FOUND);
    seen = trail(&d);
    assert_record(seen, 0, "erase", "begun");
    assert_record(seen, 1, "erase", "failed");
    cr_assert_str_eq(word(record_at(seen, 1), "error"), "NOT_FOUND");
    desk_done(&d);
}

/* What an operator writes may name somebody: it does not stand in the chain, from which nothing is ever taken out. */
Test(ops_audit, e55_no_text_of_an_operator_and_no_identifier_stands_in_the_trail)
{
    AUTO(json_free) struct json *shown = NULL, *receipt = NULL, *seen = NULL;
    char bytes[131072];
    const char *path;
    struct desk d;

    desk_init(&d);
    (void)rig_store(&d.rig, "note", "ada-lovelace", "likes-tea");
    shown = answer(&d, "{\"op\":\"subject.show\",\"subject\":\"ada-lovelace\"}");
    receipt = answer(&d, "{\"op\":\"subject.erase\",\"subject\":\"ada-lovelace\","
                         "\"reason\":\"wrote-by-mail\",\"reference\":\"case-of-byron\"}");
    seen = trail(&d);
    cr_assert_str_eq(word(record_at(seen, 2), "object"), json_str_of(json_get(receipt, "number")));
    cr_assert_null(
        json_get(record_at(seen, 2), "people")); /* the receipt leads to nobody's records */
    path = scratch_path(&d.rig.scratch, "store/audit/000001.log");
    cr_assert_eq(scratch_read(path, 0, bytes, sizeof(bytes)), sizeof(bytes));
    cr_assert_null(memmem(bytes, sizeof(bytes), "lovelace", 8));
    cr_assert_null(memmem(bytes, sizeof(bytes), "likes-tea", 9));
    cr_assert_null(memmem(bytes, sizeof(bytes), "by-mail", 7));
    cr_assert_null(memmem(bytes, sizeof(bytes), "byron", 5));
    desk_done(&d);
}

/* Whoever looks for something may write anything, and finds nothing: that is no failure. */
Test(ops_audit, e55_no_text_that_somebody_looks_by_stands_in_the_trail)
{
    static const char *const requests[] = {
        "{\"op\":\"audit.list\",\"caller\":\"ada-lovelace\"}",
        "{\"op\":\"retention.versions\",\"class\":\"ada-lovelace\"}",
        "{\"op\":\"reveal\",\"tokens\":[],\"purpose\":\"ada-lovelace\"}",
        "{\"op\":\"bulk.start\",\"classes\":[],\"purpose\":\"ada-lovelace\"}",
        "{\"op\":\"reveal\",\"tokens\":[],\"purpose\":\"account\",\"class\":\"note\"}"};
    AUTO(json_free) struct json *seen = NULL;
    char bytes[131072];
    struct desk d;

    desk_init(&d);
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        AUTO(json_free) struct json *shown = answer(&d, requests[i]);

        cr_expect_not_null(shown);
    }
    seen = trail(&d);
    cr_assert_eq(json_count(json_get(seen, "records")), COUNT_OF(requests));
    cr_expect_str_eq(word(record_at(seen, COUNT_OF(requests) - 1), "object"), "note");
    cr_expect_str_eq(word(record_at(seen, COUNT_OF(requests) - 1), "purpose"), "account");
    cr_assert_eq(scratch_read(scratch_path(&d.rig.scratch, "store/audit/000001.log"), 0, bytes,
                              sizeof(bytes)),
                 sizeof(bytes));
    cr_assert_null(memmem(bytes, sizeof(bytes), "lovelace", 8));
    desk_done(&d);
}

Test(ops_audit, erasing_many_is_recorded_as_erasing_one_is)
{
    AUTO(json_free) struct json *done = NULL, *seen = NULL;
    struct desk d;
    size_t last;

    desk_init(&d);
    (void)rig_store(&d.rig, "note", "ada", "secret");
    (void)rig_store(&d.rig, "note", "bob", "secret");
    done = answer(&d, "{\"op\":\"subject.erase_many\",\"subjects\":[\"ada\",\"bob\"]}");
    seen = trail(&d);
    last = json_count(json_get(seen, "records")) - 1;
    assert_record(seen, 0, "erase", "begun");
    assert_record(seen, last, "erase", "done");
    cr_assert_null(
        json_get(record_at(seen, last), "people")); /* receipts lead to nobody's records */
    desk_done(&d);
}

Test(ops_audit, e77_nothing_is_done_or_shown_without_a_record)
{
    AUTO(json_free) struct json *none = NULL, *still = NULL;
    struct token_text token;
    char request[256];
    struct desk d;

    desk_init(&d);
    token = rig_store(&d.rig, "note", "ada", "secret");
    fault_test_set("audit.write!fail", NULL);
    (void)snprintf(request, sizeof(request), "{\"op\":\"reveal\",\"tokens\":[\"%.*s\"]}", token.len,
                   token.bytes);
    cr_expect_eq(ask(&d, request, &none), ERR_IO);
    cr_expect_null(none);
    cr_expect_eq(ask(&d, "{\"op\":\"subject.erase\",\"subject\":\"ada\"}", &none), ERR_IO);
    cr_expect_not_null(strstr(d.msg.text, "nothing was done"));
    fault_test_set(NULL, NULL);
    still = answer(&d, "{\"op\":\"subject.show\",\"subject\":\"ada\"}");
    desk_done(&d);
}

Test(ops_audit, a_persons_records_are_found_by_their_identifier)
{
    AUTO(json_free) struct json *shown = NULL, *other = NULL, *list = NULL, *bad = NULL;
    struct desk d;

    desk_init(&d);
    (void)rig_store(&d.rig, "note", "ada", "x");
    (void)rig_store(&d.rig, "note", "bob", "x");
    shown = answer(&d, "{\"op\":\"subject.show\",\"subject\":\"ada\"}");
    other = answer(&d, "{\"op\":\"subject.show\",\"subject\":\"bob\"}");
    list = answer(&d, "{\"op\":\"audit.list\",\"subject\":\"ada\"}");
    cr_assert_eq(json_count(json_get(list, "records")), 1);
    cr_assert_str_eq(word(record_at(list, 0), "operation"), "subject.show");
    cr_assert_eq(ask(&d, "{\"op\":\"audit.list\",\"from\":\"yesterday\"}", &bad), ERR_INVALID);
    cr_assert_eq(ask(&d, "{\"op\":\"audit.list\",\"action\":\"dance\"}", &bad), ERR_INVALID);
    desk_done(&d);
}

Test(ops_audit, e61_hostile_bytes_come_out_as_text)
{
    AUTO(json_free) struct json *seen = NULL;
    struct audit_record record = {.action = AUDIT_REVEAL,
                                  .outcome = AUDIT_REFUSED,
                                  .role = AUDIT_CALLER,
                                  .who = SPAN_LIT("\x1b[2J\n{\"op\":\"x\"}\xff")};
    struct desk d;

    desk_init(&d);
    cr_assert_eq(audit_write(vault_audit(d.rig.vault), &record), ERR_OK);
    seen = trail(&d);
    cr_assert_str_eq(word(record_at(seen, 0), "who"), "\\x1b[2J\\x0a{\"op\":\"x\"}\\xff");
    desk_done(&d);
}
