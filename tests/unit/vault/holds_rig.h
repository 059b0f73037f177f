/* SPDX-License-Identifier: Apache-2.0 */
/* A store with a clock, holds set and lifted, values read as one purpose or another. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "tests/support/vault_fixture.h"
#include "vault/holds_priv.h"

static struct vault_fixture f;

enum { T0_S = 1800000000, DAY_S = 86400 };

static inline void set_time(int64_t s)
{
    clock_test_set_ms(s * 1000);
}

static inline void setup(void)
{
    set_time(T0_S);
    fixture_start(&f);
}

static inline void teardown(void)
{
    fault_test_set(NULL, NULL);
    clock_test_set_ms(-1);
    fixture_end(&f);
}

static inline void restart(void)
{
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

static inline struct token_text store(uint16_t class_id, const char *subject, const char *value)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&f, class_id, subject, value, &token), ERR_OK);
    return token;
}

static inline uint64_t slot_of(const char *name)
{
    uint64_t slot = 0;

    cr_assert_eq(fixture_subject(&f, name, &slot), ERR_OK);
    return slot;
}

static inline enum err change(struct vault_holds *op)
{
    op->op.kind = VAULT_HOLDS;
    return vault_run(f.v, &op->op);
}

static inline struct vault_hold some_hold(uint64_t slot, uint16_t class_id)
{
    return (struct vault_hold){.slot = slot,
                               .class_id = class_id,
                               .code = "17(3)(e)",
                               .ground = "case 12/2026",
                               .owner = "legal",
                               .set_by = "test",
                               .review_s = T0_S + 100 * DAY_S};
}

static inline enum err try_hold(struct vault_hold *hold)
{
    return change(&(struct vault_holds){.act = VAULT_HOLD_SET, .hold = hold});
}

static inline uint64_t hold(uint64_t slot, uint16_t class_id)
{
    struct vault_hold h = some_hold(slot, class_id);

    cr_assert_eq(try_hold(&h), ERR_OK);
    cr_assert_gt(h.number, 0);
    return h.number;
}

static inline enum err try_lift(uint64_t number)
{
    struct vault_hold h = {.number = number, .lifted_by = "test", .lifted_why = "settled"};

    return change(&(struct vault_holds){.act = VAULT_HOLD_LIFT, .hold = &h});
}

static inline void lift(uint64_t number)
{
    cr_assert_eq(try_lift(number), ERR_OK);
}

static inline enum err restrict_on(uint64_t slot, char ground)
{
    struct vault_restriction r = {.slot = slot, .ground = ground, .set_by = "test"};

    return change(&(struct vault_holds){.act = VAULT_RESTRICT, .restriction = &r});
}

static inline enum err unrestrict(uint64_t slot, int64_t notice_s)
{
    struct vault_restriction r = {.slot = slot, .notice_s = notice_s, .lifted_by = "test"};

    return change(&(struct vault_holds){.act = VAULT_UNRESTRICT, .restriction = &r});
}

static inline enum err object_to(uint64_t slot, const char *purpose, enum vault_holds_act act)
{
    struct vault_objection o = {.slot = slot, .set_by = "test", .withdrawn_by = "test"};

    (void)snprintf(o.purpose, sizeof(o.purpose), "%s", purpose);
    return change(&(struct vault_holds){.act = act, .objection = &o});
}

static inline enum err reveal_for(const struct token_text *token, bool legal, uint16_t purpose)
{
    const struct vault_scope scope = {.legal = legal, .purpose = purpose};
    struct vault_value value;
    struct buf out;
    enum err e;

    buf_init_secret(&out, 4096);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    e = vault_reveal_as(f.r, &scope, fixture_span(token), &out, &value);
    vault_read_end(f.r);
    cr_assert(e == ERR_OK || out.len == 0, "nothing comes with a refusal");
    buf_done(&out);
    return e;
}

static inline enum err reveal(const struct token_text *token)
{
    return reveal_for(token, false, 0);
}

static inline enum err reveal_legally(const struct token_text *token)
{
    return reveal_for(token, true, 0);
}

/* A whole pass over a class, as the sweeper makes it; rows deleted. */
static inline size_t purge(uint16_t class_id, size_t limit, size_t *ret_kept)
{
    struct vault_purge_due op = {
        .op.kind = VAULT_PURGE_DUE, .class_id = class_id, .limit = limit, .more = true};
    size_t deleted = 0, kept = 0;

    for (int i = 0; op.more; i++) {
        op.now_s = vault_now_s(f.v);
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
        deleted += op.deleted;
        kept += op.kept;
        cr_assert_lt(i, 10000, "a pass ends");
    }
    if (ret_kept != NULL)
        *ret_kept = kept;
    return deleted;
}

static inline struct vault_holds_figures figures(void)
{
    struct vault_holds_figures ret = {.holds = 0};

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_holds_figures(f.r, &ret), ERR_OK);
    vault_read_end(f.r);
    return ret;
}

static inline enum err erase(const char *name, const char *note, struct vault_erasure *ret)
{
    struct vault_erase op = {.op.kind = VAULT_ERASE,
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = span_str(name),
                             .note = span_str(note),
                             .erasure = ret};

    *ret = (struct vault_erasure){.slot = 0};
    return vault_run(f.v, &op.op);
}
