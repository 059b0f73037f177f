/* SPDX-License-Identifier: Apache-2.0 */
/* Notices: what they say, that none is lost, and how they end. A recipient that answers is the system tests'. */
#include "retention/notices.h"

#include <criterion/criterion.h>

#include "retention/erasure.h"
#include "retention/notices_priv.h"
#include "retention/proof.h"
#include "retention/rectification.h"
#include "tests/unit/retention/request_rig.h"
#include "vault/holds.h"

TestSuite(notices, .init = secret_start, .timeout = 60);

/* Nobody listens at port 9: it is refused at once. */
#define RECIPIENTS                                                                                 \
    "upstreams: {app: {url: \"http://h\"}}\n"                                                      \
    "routes: [{path: /, upstream: app, request: [{json: \"$.n\", class: note}]}]\n"                \
    "recipients:\n"                                                                                \
    "  all: {url: \"https://127.0.0.1:9\", allow_private: true}\n"                                 \
    "  paper: {upstreams: [app]}\n"

struct bench {
    struct request_rig r;
    struct notices *notices;
    atomic_bool stop;
};

static void bench_configure(struct bench *b, const char *yaml)
{
    AUTO(conf_free) struct conf *conf = NULL;
    AUTO(recipients_done) struct recipients recipients = {.list = NULL};

    cr_assert_eq(conf_parse("t.yaml", span_str(yaml), &conf, &b->r.msg), ERR_OK);
    cr_assert_eq(recipients_read(conf_root(conf), &recipients, &b->r.msg), ERR_OK, "%s",
                 b->r.msg.text);
    notices_configure(b->notices, &recipients);
}

static void bench_init(struct bench *b)
{
    request_rig_init(&b->r);
    b->notices = notices_new(b->r.rig.vault);
    atomic_init(&b->stop, false);
    bench_configure(b, RECIPIENTS);
    erasures_set_notices(b->r.erasures, b->notices);
}

static void bench_done(struct bench *b)
{
    request_rig_close(&b->r);
    notices_free(&b->notices);
    rig_done(&b->r.rig);
}

static void erase(struct bench *b, const char *subject)
{
    struct receipt receipt;

    cr_assert_eq(
        erasure_run(b->r.erasures, VAULT_DOMAIN_DEFAULT, span_str(subject), NULL, &receipt),
        ERR_OK);
    cr_assert_eq(receipt.state, RECEIPT_COMPLETED);
}

/* The notices in these states. */
static struct json *list_of(struct bench *b, uint64_t states)
{
    struct json *list = json_new_list();
    bool more = true;

    cr_assert_eq(notices_list(b->r.rig.vault, states, 0, 1000, list, &more), ERR_OK);
    cr_assert_not(more);
    return list;
}

static size_t count_of(struct bench *b, uint64_t states)
{
    AUTO(json_free) struct json *list = list_of(b, states);

    return json_count(list);
}

static const char *str(const struct json *list, size_t i, const char *member)
{
    const char *text = json_str_of(json_get(json_at(list, i), member));

    return text == NULL ? "" : text;
}

static int64_t num(const struct json *list, size_t i, const char *member)
{
    return json_int_of(json_get(json_at(list, i), member), -1);
}

/* What is kept in the body of a record. */
static size_t tokens_kept(struct bench *b, uint64_t number)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    AUTO(json_free) struct json *body = NULL;
    struct vault_record record;

    cr_assert_eq(vault_records_open(b->r.rig.vault, &records), ERR_OK);
    cr_assert_eq(vault_record_get(records, VAULT_RECORD_NOTICE, number, &record), ERR_OK);
    cr_assert_eq(json_parse(record.body, &body), ERR_OK);
    return json_count(json_get(body, "tokens"));
}

Test(notices, wait_longer_after_each_try)
{
    cr_assert_eq(notice_pause_ms(1), 5000);
    cr_assert_eq(notice_pause_ms(2), 10000);
    cr_assert_eq(notice_pause_ms(4), 40000);
    cr_assert_eq(notice_pause_ms(13), 20480000);
    cr_assert_eq(notice_pause_ms(14), 21600000);
    cr_assert_eq(notice_pause_ms(4000000000u), 21600000);
}

Test(notices, of_an_erasure_say_to_each_what_reached_it)
{
    AUTO(bench_done) struct bench b;
    AUTO(json_free) struct json *list = NULL;

    bench_init(&b);
    (void)rig_store(&b.r.rig, "mail", "ada", "ada@example.org");
    (void)rig_store(&b.r.rig, "note", "ada", "likes tea");
    (void)rig_store(&b.r.rig, "mail", "bob", "bob@example.org");
    erase(&b, "ada");
    list = list_of(&b, VAULT_RECORD_ANY);
    cr_assert_eq(json_count(list), 2);
    cr_assert_str_eq(str(list, 0, "recipient"), "all");
    cr_assert_str_eq(str(list, 0, "state"), "to send");
    cr_assert_eq(num(list, 0, "count"), 2);
    cr_assert_str_eq(str(list, 1, "recipient"), "paper");
    cr_assert_str_eq(str(list, 1, "state"), "to tell by hand");
    cr_assert_eq(num(list, 1, "count"), 1);
    cr_assert_eq(strlen(str(list, 0, "reference")), 32);
    cr_assert_str_eq(str(list, 0, "at"), "2026-01-10T12:00:00.000Z");
    cr_assert_str_eq(str(list, 0, "deadline"), "2026-01-17T12:00:00.000Z");
    cr_assert_null(json_get(json_at(list, 0), "tokens"), "tokens are not shown");
    erase(&b, "bob");
    cr_assert_eq(count_of(&b, VAULT_RECORD_ANY), 3, "paper got nothing of bob");
}

Test(notices, that_name_many_tokens_are_several)
{
    AUTO(bench_done) struct bench b;
    AUTO(json_free) struct json *list = NULL;

    bench_init(&b);
    rig_store_many(&b.r.rig, "note", "ada", NOTICE_TOKENS_MAX + 1);
    erase(&b, "ada");
    list = list_of(&b, VAULT_RECORD_ANY);
    cr_assert_eq(json_count(list), 4);
    cr_assert_eq(num(list, 0, "count"), NOTICE_TOKENS_MAX);
    cr_assert_eq(num(list, 0, "part"), 1);
    cr_assert_eq(num(list, 1, "count"), 1);
    cr_assert_eq(num(list, 1, "part"), 2);
    cr_assert_eq(num(list, 2, "part"), 1, "of the next recipient");
}

Test(notices, of_an_erasure_that_waits_are_planned_until_it_happens)
{
    AUTO(bench_done) struct bench b;
    struct vault_hold hold = {
        .ground = "case", .owner = "legal", .review_s = RIG_NOW_S + RIG_DAY_S};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_SET, .hold = &hold};
    struct erasure_resumed resumed;
    struct receipt receipt;

    bench_init(&b);
    (void)rig_store(&b.r.rig, "mail", "ada", "ada@example.org");
    hold.slot = request_rig_slot(&b.r, "ada");
    cr_assert_eq(erasures_run_op(b.r.erasures, &op.op), ERR_OK);
    cr_assert_eq(erasure_run(b.r.erasures, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), NULL, &receipt),
                 ERR_HELD);
    cr_assert_eq(count_of(&b, NOTICE_IN(PLANNED)), 1);
    cr_assert_eq(count_of(&b, NOTICE_OPEN_STATES), 0);
    cr_assert_eq(notices_pass(b.notices, &b.stop), ERR_OK);
    cr_assert_eq(count_of(&b, NOTICE_IN(PLANNED)), 1, "it is not sent");
    op.act = VAULT_HOLD_LIFT;
    memcpy(hold.lifted_why, "settled", sizeof("settled"));
    memcpy(hold.lifted_by, "legal", sizeof("legal"));
    cr_assert_eq(erasures_run_op(b.r.erasures, &op.op), ERR_OK);
    cr_assert_eq(erasure_run_waiting(b.r.erasures, &resumed), ERR_OK);
    cr_assert_eq(resumed.completed, 1);
    cr_assert_eq(count_of(&b, NOTICE_OPEN_STATES), 1);
    cr_assert_eq(count_of(&b, NOTICE_IN(PLANNED)), 0);
    cr_assert_eq(count_of(&b, NOTICE_IN(WITHDRAWN)), 1, "what was planned first");
}

Test(notices, are_signed_over_when_and_what)
{
    AUTO(bench_done) struct bench b;
    AUTO(buf_done) struct buf text = {.max = 0};
    char signature[NOTICE_SIGNATURE_MAX];
    uint8_t key[VAULT_PUBLIC_BYTES], value[VAULT_SIGNATURE_BYTES];
    const char *hex;

    bench_init(&b);
    cr_assert_eq(notice__sign(b.r.rig.vault, SPAN_LIT("{}"), RIG_NOW_S, signature), ERR_OK);
    cr_assert_eq(strncmp(signature, "t=1768046400, key=", 18), 0, "%s", signature);
    hex = strstr(signature, "ed25519=");
    cr_assert_not_null(hex);
    cr_assert(proof_unhex(span_str(hex + 8), value, sizeof(value)));
    vault_sign_public(b.r.rig.vault, key);
    buf_init(&text, 256);
    cr_assert_eq(buf_append(&text, "lethe-v1 notice\0001768046400.{}", 29), ERR_OK);
    cr_assert(vault_signature_is_valid(key, buf_span(&text), value));
    text.bytes[text.len - 1] = ']';
    cr_assert_not(vault_signature_is_valid(key, buf_span(&text), value));
}

Test(notices, are_tried_for_a_week_and_then_fail)
{
    AUTO(bench_done) struct bench b;
    AUTO(json_free) struct json *first = NULL, *last = NULL;

    bench_init(&b);
    (void)rig_store(&b.r.rig, "mail", "ada", "ada@example.org");
    erase(&b, "ada");
    cr_assert_eq(notices_pass(b.notices, &b.stop), ERR_OK);
    cr_assert_eq(notices_pass(b.notices, &b.stop), ERR_OK);
    first = list_of(&b, NOTICE_IN(TO_SEND));
    cr_assert_eq(num(first, 0, "tries"), 1, "not before its time");
    cr_assert_not_null(strstr(str(first, 0, "error"), "no connection"), "%s",
                       str(first, 0, "error"));
    cr_assert_null(notice_attention(json_at(first, 0), RIG_NOW_S));
    rig_clock(RIG_NOW_S + NOTICE_DAYS * RIG_DAY_S - 1);
    cr_assert_eq(notices_pass(b.notices, &b.stop), ERR_OK);
    cr_assert_eq(count_of(&b, NOTICE_IN(TO_SEND)), 1);
    rig_clock(RIG_NOW_S + (NOTICE_DAYS + 1) * RIG_DAY_S);
    cr_assert_eq(notices_pass(b.notices, &b.stop), ERR_OK);
    last = list_of(&b, NOTICE_IN(FAILED));
    cr_assert_eq(json_count(last), 1);
    cr_assert_str_eq(notice_attention(json_at(last, 0), RIG_NOW_S), "failed");
    cr_assert_eq(notices_retry(b.r.rig.vault, (uint64_t)num(last, 0, "number"), &b.r.msg), ERR_OK);
    cr_assert_eq(count_of(&b, NOTICE_IN(TO_SEND)), 1);
}

Test(notices, to_private_addresses_go_nowhere)
{
    AUTO(bench_done) struct bench b;
    AUTO(json_free) struct json *list = NULL;

    bench_init(&b);
    bench_configure(&b, "recipients:\n"
                        "  a: {url: \"https://127.0.0.1:9\"}\n"
                        "  b: {url: \"https://[::ffff:169.254.169.254]\"}\n"
                        "  c: {url: \"https://169.254.169.254/latest\"}\n"
                        "  d: {url: \"https://localhost:9\"}\n"
                        "  e: {url: \"https://2130706433:9\"}\n"
                        "  f: {url: \"https://[::1]:9\"}\n"
                        "  g: {url: \"https://0x7f.1:9\"}\n");
    (void)rig_store(&b.r.rig, "mail", "ada", "ada@example.org");
    erase(&b, "ada");
    cr_assert_eq(notices_pass(b.notices, &b.stop), ERR_OK);
    list = list_of(&b, NOTICE_IN(TO_SEND));
    cr_assert_eq(json_count(list), 7);
    for (size_t i = 0; i < json_count(list); i++)
        cr_assert_not_null(strstr(str(list, i, "error"), "not public"), "%s: %s",
                           str(list, i, "recipient"), str(list, i, "error"));
}

Test(notices, end_by_hand_once_and_keep_no_tokens)
{
    AUTO(bench_done) struct bench b;
    struct notice_figures figures;
    uint64_t slot;

    bench_init(&b);
    (void)rig_store(&b.r.rig, "note", "ada", "likes tea");
    slot = request_rig_slot(&b.r, "ada");
    erase(&b, "ada");
    cr_assert_eq(notices_count(b.r.rig.vault, slot, &figures), ERR_OK);
    cr_assert_eq(figures.all, 2);
    cr_assert_eq(figures.open, 2);
    cr_assert_eq(tokens_kept(&b, 2), 1);
    cr_assert_eq(notices_done(b.r.rig.vault, 2, false, SPAN_NONE, "eve", &b.r.msg), ERR_INVALID);
    cr_assert_eq(notices_done(b.r.rig.vault, 2, false, SPAN_LIT("a\nb"), "eve", &b.r.msg),
                 ERR_INVALID);
    cr_assert_eq(notices_done(b.r.rig.vault, 9, false, SPAN_LIT("by phone"), "eve", &b.r.msg),
                 ERR_NOT_FOUND);
    cr_assert_eq(notices_done(b.r.rig.vault, 2, false, SPAN_LIT("by phone"), "eve", &b.r.msg),
                 ERR_OK);
    cr_assert_eq(notices_done(b.r.rig.vault, 2, true, SPAN_LIT("by phone"), "eve", &b.r.msg),
                 ERR_CONFLICT);
    cr_assert_eq(notices_retry(b.r.rig.vault, 2, &b.r.msg), ERR_CONFLICT);
    cr_assert_eq(tokens_kept(&b, 2), 0);
    cr_assert_eq(notices_done(b.r.rig.vault, 1, true, SPAN_LIT("wound up"), "eve", &b.r.msg),
                 ERR_OK);
    cr_assert_eq(count_of(&b, NOTICE_IN(IMPOSSIBLE)), 1);
    cr_assert_eq(notices_count(b.r.rig.vault, slot, &figures), ERR_OK);
    cr_assert_eq(figures.open, 0);
}

static enum err rectify(struct bench *b, const struct token_text *token, const char *value)
{
    struct vault_rectify op = {.op = {.kind = VAULT_RECTIFY},
                               .token = span_of(token->bytes, token->len),
                               .kind = VALUE_STRING,
                               .value = span_str(value)};

    return rectification_run(b->r.erasures, &op, NULL);
}

Test(notices, of_a_rectification_come_only_when_it_happens)
{
    AUTO(bench_done) struct bench b;
    struct token_text ada, bob;
    AUTO(json_free) struct json *list = NULL;

    bench_init(&b);
    ada = rig_store(&b.r.rig, "mail", "ada", "ada@example.org");
    bob = rig_store(&b.r.rig, "mail", "bob", "bob@example.org");
    cr_assert_eq(rectify(&b, &bob, "ada@example.org"), ERR_CONFLICT);
    cr_assert_eq(count_of(&b, NOTICE_IN(WITHDRAWN)), 1);
    cr_assert_eq(rectify(&b, &ada, "ada@example.net"), ERR_OK);
    list = list_of(&b, NOTICE_OPEN_STATES);
    cr_assert_eq(json_count(list), 1);
    cr_assert_str_eq(str(list, 0, "event"), "rectified");
}

Test(notices, of_restrictions_are_made_once)
{
    AUTO(bench_done) struct bench b;
    struct vault_restriction restriction = {.ground = 'a'};
    struct vault_holds op = {
        .op = {.kind = VAULT_HOLDS}, .act = VAULT_RESTRICT, .restriction = &restriction};
    AUTO(json_free) struct json *list = NULL;

    bench_init(&b);
    (void)rig_store(&b.r.rig, "mail", "ada", "ada@example.org");
    restriction.slot = request_rig_slot(&b.r, "ada");
    cr_assert_eq(erasures_run_op(b.r.erasures, &op.op), ERR_OK);
    for (int i = 0; i < 3; i++) {
        notices_look_again(b.notices); /* as after a restart */
        cr_assert_eq(notices_pass(b.notices, &b.stop), ERR_OK);
        cr_assert_eq(count_of(&b, VAULT_RECORD_ANY), 1);
    }
    op.act = VAULT_UNRESTRICT;
    restriction.notice_s = RIG_NOW_S;
    cr_assert_eq(erasures_run_op(b.r.erasures, &op.op), ERR_OK);
    cr_assert_eq(notices_pass(b.notices, &b.stop), ERR_OK);
    list = list_of(&b, VAULT_RECORD_ANY);
    cr_assert_eq(json_count(list), 2);
    cr_assert_str_eq(str(list, 0, "event"), "restricted");
    cr_assert_str_eq(str(list, 1, "event"), "unrestricted");
}

Test(notices, of_a_recipient_that_left_are_told_by_hand)
{
    AUTO(bench_done) struct bench b;

    bench_init(&b);
    (void)rig_store(&b.r.rig, "mail", "ada", "ada@example.org");
    erase(&b, "ada");
    bench_configure(&b, "other: 1\n");
    cr_assert_eq(notices_pass(b.notices, &b.stop), ERR_OK);
    cr_assert_eq(count_of(&b, NOTICE_IN(BY_HAND)), 1);
    (void)rig_store(&b.r.rig, "mail", "bob", "bob@example.org");
    erase(&b, "bob");
    cr_assert_eq(count_of(&b, VAULT_RECORD_ANY), 1, "nobody is left to tell");
}
