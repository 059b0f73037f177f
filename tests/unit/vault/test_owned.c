/* SPDX-License-Identifier: Apache-2.0 */
/* Everything of one person, value by value. */
#include "vault/owned.h"

#include <criterion/criterion.h>

#include "base/limits.h"
#include "tests/support/vault_rig.h"
#include "vault/holds.h"

#define TYPED                                                                                      \
    "tel: {format: phone, deterministic: true, purposes: [account], basis: \"6(1)(b)\", retain: "  \
    "{period: P2Y}}\n"

TestSuite(owned, .init = secret_start, .timeout = 60);

struct bench {
    struct rig rig;
    struct vault_reader *reader;
    struct buf value;
    struct vault_owned found;
};

static void bench_start(struct bench *b)
{
    *b = (struct bench){.reader = NULL};
    rig_init_with(&b->rig, RIG_CLASSES TYPED);
    buf_init_secret(&b->value, LIMIT_VALUE_MAX + 1);
    cr_assert_eq(vault_reader_open(b->rig.vault, &b->reader), ERR_OK);
}

static void bench_stop(struct bench *b)
{
    buf_done(&b->value);
    vault_reader_close(&b->reader);
    rig_done(&b->rig);
}

static uint64_t slot_of(struct bench *b, const char *name)
{
    uint64_t slot = 0;

    cr_assert_eq(vault_read_begin(b->reader), ERR_OK);
    cr_assert_eq(vault_read_subject(b->reader, VAULT_DOMAIN_DEFAULT, span_str(name), &slot),
                 ERR_OK);
    vault_read_end(b->reader);
    return slot;
}

static enum err next(struct bench *b, uint64_t slot, const char *class_name, uint64_t after)
{
    enum err e;

    buf_reset(&b->value);
    cr_assert_eq(vault_read_begin(b->reader), ERR_OK);
    e = vault_read_owned(b->reader, slot, rig_class(&b->rig, class_name), after, &b->value,
                         &b->found);
    vault_read_end(b->reader);
    return e;
}

static void expect(struct bench *b, const struct token_text *token, const char *value)
{
    cr_expect(span_equal(buf_span(&b->value), span_str(value)), "%s", value);
    cr_expect(span_equal(span_of(b->found.token.bytes, b->found.token.len),
                         span_of(token->bytes, token->len)),
              "the token of %s", value);
}

Test(owned, gives_every_value_with_the_token_that_was_given_out)
{
    AUTO(bench_stop) struct bench b;
    struct token_text first, second, mail, tel;
    uint64_t slot;

    bench_start(&b);
    first = rig_store(&b.rig, "note", "anna", "tea");
    (void)rig_store(&b.rig, "note", "bert", "milk");
    second = rig_store(&b.rig, "note", "anna", "cake");
    mail = rig_store(&b.rig, "mail", "anna", "anna@example.org");
    tel = rig_store(&b.rig, "tel", "anna", "+49 151 1234567");
    slot = slot_of(&b, "anna");
    cr_assert_eq(next(&b, slot, "note", 0), ERR_OK);
    expect(&b, &first, "tea");
    cr_expect_eq(b.found.value.created_s, RIG_NOW_S);
    cr_expect_eq(b.found.value.due_s, RIG_NOW_S + 10 * RIG_DAY_S);
    cr_expect(!b.found.held && !b.found.restricted);
    cr_assert_eq(next(&b, slot, "note", b.found.row), ERR_OK);
    expect(&b, &second, "cake");
    cr_expect_eq(next(&b, slot, "note", b.found.row), ERR_NOT_FOUND);
    cr_assert_eq(next(&b, slot, "mail", 0), ERR_OK);
    expect(&b, &mail, "anna@example.org");
    cr_assert_eq(next(&b, slot, "tel", 0), ERR_OK);
    expect(&b, &tel, "+49 151 1234567");
}

Test(owned, a_shared_token_shows_nobody_else)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    (void)rig_store(&b.rig, "tel", "bert", "+49 151 1234567");
    (void)rig_store(&b.rig, "tel", "anna", "+49 151 1234567");
    cr_assert_eq(next(&b, slot_of(&b, "anna"), "tel", 0), ERR_OK);
    cr_expect_eq(b.found.value.slot, slot_of(&b, "anna"));
    cr_expect_eq(next(&b, slot_of(&b, "anna"), "tel", b.found.row), ERR_NOT_FOUND);
}

Test(owned, what_is_over_is_not_there_unless_a_hold_keeps_it)
{
    AUTO(bench_stop) struct bench b;
    struct vault_hold hold = {.ground = "claim", .owner = "legal", .set_by = "cli"};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_SET, .hold = &hold};
    uint64_t slot;

    bench_start(&b);
    (void)rig_store(&b.rig, "brief", "anna", "x");
    (void)rig_store(&b.rig, "note", "anna", "tea");
    slot = slot_of(&b, "anna");
    rig_clock(RIG_NOW_S + 3600);
    cr_expect_eq(next(&b, slot, "brief", 0), ERR_NOT_FOUND);
    cr_expect_eq(next(&b, slot, "note", 0), ERR_OK);
    hold.slot = slot;
    hold.review_s = RIG_NOW_S + 90 * (int64_t)RIG_DAY_S;
    cr_assert_eq(vault_run(b.rig.vault, &op.op), ERR_OK);
    cr_assert_eq(next(&b, slot, "brief", 0), ERR_OK);
    cr_expect(b.found.held);
}

Test(owned, whoever_was_erased_has_nothing)
{
    AUTO(bench_stop) struct bench b;
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE}, .erasure = &erasure};

    bench_start(&b);
    (void)rig_store(&b.rig, "note", "anna", "tea");
    op.slot = slot_of(&b, "anna");
    cr_assert_eq(vault_run(b.rig.vault, &op.op), ERR_OK);
    cr_expect_eq(next(&b, op.slot, "note", 0), ERR_NOT_FOUND);
    cr_expect_eq(next(&b, 999, "note", 0), ERR_NOT_FOUND);
    vault_erasure_done(&erasure);
}
