/* SPDX-License-Identifier: Apache-2.0 */
/* A person's tokens, as those who are told of them get them. */
#include "vault/tokens.h"

#include <criterion/criterion.h>

#include "base/secret.h"
#include "tests/support/vault_rig.h"

TestSuite(tokens, .init = secret_start, .timeout = 60);

#define TYPED                                                                                      \
    RIG_CLASSES                                                                                    \
    "code: {format: digits, purposes: [support], basis: \"6(1)(b)\", retain: {period: P1Y}}\n"     \
    "card: {format: pan, deterministic: true, purposes: [support], basis: \"6(1)(b)\","            \
    " retain: {period: P1Y}}\n"

struct found {
    struct token_text at[8];
    size_t count;
    size_t limit;
};

static enum err keep(void *context, uint16_t class_id UNUSED, const struct token_text *token)
{
    struct found *f = context;

    if (f->count == f->limit)
        return ERR_TOO_LARGE;
    f->at[f->count++] = *token;
    return ERR_OK;
}

static bool has(const struct found *f, const struct token_text *token)
{
    for (size_t i = 0; i < f->count; i++)
        if (span_equal(span_of(f->at[i].bytes, f->at[i].len), span_of(token->bytes, token->len)))
            return true;
    return false;
}

static enum err read_of(struct rig *r, const char *subject, struct found *ret)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    uint64_t slot = 0;
    enum err e;

    cr_assert_eq(vault_reader_open(r->vault, &reader), ERR_OK);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    e = vault_read_subject(reader, VAULT_DOMAIN_DEFAULT, span_str(subject), &slot);
    if (e == ERR_OK)
        e = vault_read_tokens(reader, slot, keep, ret);
    vault_read_end(reader);
    return e;
}

Test(tokens, are_those_that_were_given_out_and_nobody_elses)
{
    AUTO(rig_done) struct rig r;
    struct found f = {.limit = 8};
    struct token_text own[5], other;

    rig_init_with(&r, TYPED);
    own[0] = rig_store(&r, "mail", "ada", "ada@example.org");
    own[1] = rig_store(&r, "note", "ada", "likes tea");
    own[2] = rig_store(&r, "code", "ada", "12345678");
    own[3] = rig_store(&r, "card", "ada", "4111111111111111");
    own[4] = rig_store(&r, "note", "ada", "likes cake");
    other = rig_store(&r, "note", "bob", "likes milk");
    cr_assert_eq(read_of(&r, "ada", &f), ERR_OK);
    cr_assert_eq(f.count, 5);
    for (size_t i = 0; i < COUNT_OF(own); i++)
        cr_assert(has(&f, &own[i]), "token %zu", i);
    cr_assert_not(has(&f, &other));
}

Test(tokens, end_with_their_time_and_with_the_caller)
{
    AUTO(rig_done) struct rig r;
    struct found f = {.limit = 8}, few = {.limit = 1};

    rig_init(&r);
    (void)rig_store(&r, "brief", "ada", "an hour");
    (void)rig_store(&r, "note", "ada", "ten days");
    cr_assert_eq(read_of(&r, "ada", &few), ERR_TOO_LARGE);
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    cr_assert_eq(read_of(&r, "ada", &f), ERR_OK);
    cr_assert_eq(f.count, 1);
}
