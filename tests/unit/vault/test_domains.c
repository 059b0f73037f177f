/* SPDX-License-Identifier: Apache-2.0 */
/* Domains: families of tokens that nothing links with each other. */
#include <criterion/criterion.h>

#include "tests/support/vault_fixture.h"

#include "base/limits.h"

static struct vault_fixture f;

static void setup(void)
{
    fixture_start(&f);
}

static void teardown(void)
{
    fixture_end(&f);
}

TestSuite(domains, .init = setup, .fini = teardown);

enum { DOMAINS = 3 };

static const uint16_t all[DOMAINS] = {VAULT_DOMAIN_DEFAULT, 2, 3};

static struct token_text store(uint16_t domain, uint16_t class_id, const char *name,
                               const char *value)
{
    struct vault_item item = {.class_id = class_id, .kind = VALUE_STRING, .value = span_str(value)};
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = domain,
                                .names = {span_str(name)},
                                .name_count = 1,
                                .items = &item,
                                .count = 1};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    return item.token;
}

static uint64_t slot_in(uint16_t domain, const char *name)
{
    uint64_t slot = 0;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_subject(f.r, domain, span_str(name), &slot), ERR_OK);
    vault_read_end(f.r);
    return slot;
}

/* Both ways of asking for a token say the same; OK only with the value and its domain. */
static enum err ask(uint16_t domain, const struct token_text *token, uint64_t slot,
                    uint16_t expected_domain)
{
    struct vault_value revealed = {0}, inspected = {0};
    struct buf out;
    enum err e;

    buf_init_secret(&out, LIMIT_VALUE_MAX);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    e = vault_reveal(f.r, domain, fixture_span(token), slot, &out, &revealed);
    cr_assert_eq(vault_inspect(f.r, domain, fixture_span(token), slot, &inspected), e);
    vault_read_end(f.r);
    if (e == ERR_OK) {
        cr_assert(span_equal(buf_span(&out), SPAN_LIT("anna@example.org")));
        cr_assert_eq(revealed.domain, expected_domain);
        cr_assert_eq(inspected.domain, expected_domain);
    } else {
        cr_assert_eq(out.len, 0);
        cr_assert_eq(revealed.slot + inspected.slot, 0); /* nothing is said about it */
    }
    buf_done(&out);
    return e;
}

Test(domains, a_token_of_another_domain_is_unknown_whosever_it_is)
{
    const uint16_t classes[] = {f.note, f.email, f.phone};

    for (size_t c = 0; c < COUNT_OF(classes); c++) {
        struct token_text tokens[DOMAINS];

        for (size_t d = 0; d < DOMAINS; d++)
            tokens[d] = store(all[d], classes[c], "anna", "anna@example.org");
        for (size_t turn = 0; turn < 3; turn++) { /* also when the reader remembers the rows */
            for (size_t d = 0; d < DOMAINS; d++)
                for (size_t of = 0; of < DOMAINS; of++) {
                    const enum err expected = d == of ? ERR_OK : ERR_NOT_FOUND;
                    const uint64_t own = slot_in(all[d], "anna");
                    const uint64_t theirs = slot_in(all[of], "anna");

                    cr_assert_eq(ask(all[d], &tokens[of], 0, all[of]), expected);
                    cr_assert_eq(ask(all[d], &tokens[of], own, all[of]), expected);
                    cr_assert_eq(ask(all[d], &tokens[of], theirs, all[of]), expected);
                }
            for (size_t of = 0; of < DOMAINS; of++)
                cr_assert_eq(ask(0, &tokens[of], 0, all[of]), ERR_OK, "operators see all");
        }
    }
}

Test(domains, a_value_is_found_in_its_domain_only)
{
    struct vault_item wanted = {
        .class_id = f.phone, .kind = VALUE_STRING, .value = SPAN_LIT("+491701")};

    (void)store(2, f.phone, "anna", "+491701");
    (void)store(3, f.phone, "bert", "+491702");
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_find(f.r, 2, 0, &wanted), ERR_OK);
    cr_assert_eq(vault_find(f.r, 3, 0, &wanted), ERR_NOT_FOUND);
    cr_assert_eq(vault_find(f.r, VAULT_DOMAIN_DEFAULT, 0, &wanted), ERR_NOT_FOUND);
    cr_assert_eq(vault_find(f.r, 0, 0, &wanted), ERR_NOT_FOUND);
    cr_assert_eq(vault_find(f.r, 4, 0, &wanted), ERR_NOT_FOUND, "nobody made it");
    vault_read_end(f.r);
}
