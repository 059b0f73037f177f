/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/receipt.h"

#include <criterion/criterion.h>

#include "base/secret.h"
#include "retention/erasure.h"
#include "base/log.h"
#include "tests/support/vault_rig.h"

static const struct vault_verification good = {
    .key_known = true,
    .slot_zero = true,
    .samples_tried = 2,
    .samples_unreadable = true,
    .key_absent = true,
    .log_clean = true,
};

static struct receipt sample(const struct rig *r)
{
    struct receipt receipt = {
        .state = RECEIPT_COMPLETED,
        .number = {0x0a, 0xff},
        .subject = {0x5b},
        .domain = VAULT_DOMAIN_DEFAULT,
        .slot = 17,
        .epoch = 3,
        .ledger_seq = 9,
        .cutoff_ms = RIG_NOW_S * 1000 + 7,
        .acknowledged_ms = RIG_NOW_S * 1000 + 250,
        .completed_ms = RIG_NOW_S * 1000 + 1999,
        .rows = 5,
        .truncated = true,
        .looked = true,
        .verification = good,
    };

    receipt.per_class[rig_class(r, "mail")] = 1;
    receipt.per_class[rig_class(r, "note")] = 4;
    return receipt;
}

static struct json *render(const struct rig *r, const struct receipt *receipt, const char *reason)
{
    const struct receipt_words words = {.reason = span_str(reason),
                                        .executed_by = SPAN_LIT("user officer")};
    struct json *tree = NULL;

    REQUIRE(receipt_json(receipt, r->vault, &words, &tree) == ERR_OK);
    return tree;
}

static const char *text_at(const struct json *tree, const char *name)
{
    const char *text = json_str_of(json_get(tree, name));

    return text == NULL ? "(absent)" : text;
}

TestSuite(receipt, .init = secret_start, .timeout = 60);

Test(receipt, says_what_was_destroyed_how_and_when)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    const struct json *destroyed, *method;
    struct receipt receipt;

    rig_init(&r);
    receipt = sample(&r);
    tree = render(&r, &receipt, "17(1)(b)");
    cr_assert_str_eq(text_at(tree, "format"), "lethe-erasure-receipt-4");
    cr_assert_str_eq(text_at(tree, "number"), "0aff0000000000000000000000000000");
    cr_assert_str_eq(text_at(tree, "subject"), "5b000000000000000000000000000000");
    cr_assert_str_eq(text_at(tree, "state"), "completed");
    cr_assert_str_eq(text_at(tree, "domain"), "default");
    cr_assert_str_eq(text_at(tree, "reason"), "17(1)(b)");
    cr_assert_str_eq(text_at(json_get(tree, "scope"), "cutoff"), "2026-01-10T12:00:00.007Z");
    cr_assert_str_eq(text_at(tree, "effective_at"), "2026-01-10T12:00:00.250Z");
    cr_assert_str_eq(text_at(tree, "completed_at"), "2026-01-10T12:00:01.999Z");
    destroyed = json_get(json_get(tree, "scope"), "classes");
    cr_assert_eq(json_count(destroyed), 2);
    cr_assert_str_eq(text_at(json_at(destroyed, 0), "class"), "mail");
    cr_assert_eq(json_int_of(json_get(json_at(destroyed, 1), "values"), -1), 4);
    cr_assert_eq(json_kind(json_get(tree, "not_erased")), JSON_LIST);
    cr_assert_eq(json_count(json_get(tree, "not_erased")), 0);
    method = json_get(tree, "method");
    cr_assert_str_eq(text_at(method, "kind"), "crypto-shredding");
    cr_assert_eq(json_int_of(json_get(method, "slot"), -1), 17);
    cr_assert_eq(json_int_of(json_get(method, "epoch"), -1), 3);
    cr_assert_eq(json_int_of(json_get(json_get(tree, "ledger"), "sequence"), -1), 9);
    cr_assert(json_bool_of(json_get(json_get(tree, "verification"), "passed"), false));
    cr_assert_str_eq(text_at(tree, "executed_by"), "user officer");
    cr_assert_eq(json_kind(json_get(tree, "reference")), JSON_NIL);
    cr_assert_eq(json_kind(json_get(tree, "failure")), JSON_NIL);
}

Test(receipt, never_calls_what_is_left_at_recipients_anonymous)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    struct receipt receipt;

    rig_init(&r);
    receipt = sample(&r);
    tree = render(&r, &receipt, "");
    cr_assert_not_null(strstr(text_at(tree, "recipients"), "remain to be erased"));
    cr_assert_null(strcasestr(text_at(tree, "recipients"), "anonym"));
    cr_assert_eq(json_kind(json_get(tree, "reason")), JSON_NIL, "no reason was given");
}

Test(receipt, of_a_failure_names_the_step_and_has_no_date_of_completion)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    struct receipt receipt;

    rig_init(&r);
    receipt = sample(&r);
    receipt.state = RECEIPT_FAILED;
    receipt.failed_step = "truncate";
    receipt.failure = ERR_BUSY;
    receipt.looked = false;
    tree = render(&r, &receipt, "");
    cr_assert_str_eq(text_at(tree, "state"), "failed");
    cr_assert_str_eq(text_at(json_get(tree, "failure"), "step"), "truncate");
    cr_assert_str_eq(text_at(json_get(tree, "failure"), "error"), "BUSY");
    cr_assert_eq(json_kind(json_get(tree, "completed_at")), JSON_NIL);
    cr_assert_eq(json_kind(json_get(tree, "verification")), JSON_NIL);
}

Test(receipt, refuses_a_reason_that_is_no_utf8)
{
    AUTO(rig_done) struct rig r;
    struct json *tree = NULL;
    struct receipt receipt;

    rig_init(&r);
    receipt = sample(&r);
    cr_assert_eq(receipt_json(&receipt, r.vault,
                              &(struct receipt_words){.reference = SPAN_LIT("\xff\xfe")}, &tree),
                 ERR_INVALID);
    cr_assert_null(tree);
}

Test(receipt, names_the_ground_by_its_letter)
{
    static const char *const none[] = {"", "g", "A", "ab", "17(1)(g)", "17(1)(b) ", "(b)"};
    struct span ground = SPAN_NONE;

    cr_assert(receipt_ground(SPAN_LIT("b"), &ground));
    cr_assert(span_equal(ground, SPAN_LIT("17(1)(b)")));
    cr_assert(receipt_ground(SPAN_LIT("17(1)(f)"), &ground));
    cr_assert(span_equal(ground, SPAN_LIT("17(1)(f)")));
    for (size_t i = 0; i < COUNT_OF(none); i++)
        cr_assert_not(receipt_ground(span_str(none[i]), &ground), "\"%s\"", none[i]);
}

Test(receipt, says_under_which_configuration)
{
    static const uint8_t digest[CONF_DIGEST_BYTES] = {0xab, [CONF_DIGEST_BYTES - 1] = 0xcd};
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *with = NULL;
    AUTO(json_free) struct json *without = NULL;
    struct erasures *e;
    struct receipt receipt;

    rig_init(&r);
    log_set_level(LOG_ERROR);
    (void)rig_store(&r, "note", "ada", "tea");
    (void)rig_store(&r, "note", "bob", "tea");
    e = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_run(e, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), NULL, &receipt), ERR_OK);
    without = render(&r, &receipt, "");
    cr_assert_eq(json_kind(json_get(json_get(without, "product"), "configuration")), JSON_NIL);
    erasures_set_configuration(e, digest);
    cr_assert_eq(erasure_run(e, VAULT_DOMAIN_DEFAULT, SPAN_LIT("bob"), NULL, &receipt), ERR_OK);
    erasures_free(&e);
    with = render(&r, &receipt, "");
    cr_assert_str_eq(text_at(json_get(with, "product"), "configuration"),
                     "ab000000000000000000000000000000000000000000000000000000000000cd");
}

Test(receipt, of_a_real_erasure_holds_nothing_of_the_person)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf text = {.max = 0};
    struct erasures *e;
    struct receipt receipt;

    rig_init(&r);
    log_set_level(LOG_ERROR);
    buf_init(&text, 1 << 16);
    (void)rig_store(&r, "mail", "marker-7f3a-person", "marker-9b1c@example.org");
    (void)rig_store(&r, "note", "marker-7f3a-person", "marker-2d4e note");
    e = erasures_new(r.vault, NULL);
    cr_assert_eq(
        erasure_run(e, VAULT_DOMAIN_DEFAULT, SPAN_LIT("marker-7f3a-person"), NULL, &receipt),
        ERR_OK);
    erasures_free(&e);
    tree = render(&r, &receipt, "asked for it");
    cr_assert_eq(json_write_pretty(tree, &text), ERR_OK);
    cr_assert_eq(buf_append_byte(&text, 0), ERR_OK);
    cr_assert_null(strstr((const char *)text.bytes, "marker"));
    cr_assert_null(strstr((const char *)text.bytes, "example.org"));
    cr_assert_not_null(strstr((const char *)text.bytes, "\"passed\": true"));
}

Test(receipt, is_verified_only_when_every_look_was_good)
{
    struct vault_verification v = good;

    cr_assert(receipt_is_verified(&v));
    v.slot_zero = false;
    cr_assert_not(receipt_is_verified(&v));
    v = good;
    v.rows_left = 1;
    cr_assert_not(receipt_is_verified(&v));
    v = good;
    v.key_absent = false;
    cr_assert_not(receipt_is_verified(&v));
    v = good;
    v.samples_unreadable = false;
    cr_assert_not(receipt_is_verified(&v));
    v.samples_tried = 0; /* after a restart: the slot's word for it */
    cr_assert_not(receipt_is_verified(&v));
    v = good;
    v.keys_left = 1;
    cr_assert_not(receipt_is_verified(&v));
    v = good;
    v.names_left = 1;
    cr_assert_not(receipt_is_verified(&v));
    v = good;
    v.log_clean = false;
    cr_assert_not(receipt_is_verified(&v));
}
