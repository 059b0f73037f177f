/* SPDX-License-Identifier: Apache-2.0 */
/* Domains: families of tokens that nothing links with each other. */
#include <criterion/criterion.h>

#include "tests/support/vault_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

static struct vault_fixture f;

enum { DOMAINS = FIXTURE_DOMAINS };

static uint16_t all[DOMAINS];

static void setup(void)
{
    fixture_start(&f);
    all[0] = VAULT_DOMAIN_DEFAULT;
    all[1] = f.crm;
    all[2] = f.analytics;
}

static void teardown(void)
{
    fixture_end(&f);
}

TestSuite(domains, .init = setup, .fini = teardown);

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

/* E23 */
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

    (void)store(f.crm, f.phone, "anna", "+491701");
    (void)store(f.analytics, f.phone, "bert", "+491702");
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_find(f.r, f.crm, 0, &wanted), ERR_OK);
    cr_assert_eq(vault_find(f.r, f.analytics, 0, &wanted), ERR_NOT_FOUND);
    cr_assert_eq(vault_find(f.r, VAULT_DOMAIN_DEFAULT, 0, &wanted), ERR_NOT_FOUND);
    cr_assert_eq(vault_find(f.r, 0, 0, &wanted), ERR_NOT_FOUND);
    cr_assert_eq(vault_find(f.r, 55, 0, &wanted), ERR_NOT_FOUND, "nobody made it");
    vault_read_end(f.r);
}

Test(domains, a_domain_that_nobody_declared_stores_nothing)
{
    struct vault_item item = {.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("x")};
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE, .items = &item, .count = 1};
    const uint16_t unknown[] = {0, 4, 55, UINT16_MAX};

    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        op.domain = unknown[i];
        cr_assert_eq(vault_run(f.v, &op.op), ERR_NOT_FOUND);
    }
    cr_assert_eq(fixture_stats(&f, f.note).items, 0);
}

/* ---- names and numbers ---- */

/* Open with these domains only; names beyond "default" from `first` on. */
static enum err reopen(size_t first, size_t count)
{
    char *names[FIXTURE_DOMAINS] = {f.domain_names[0]};

    fixture_close(&f);
    for (size_t i = 0; i < count; i++)
        names[1 + i] = f.domain_names[first + i];
    f.domains = (struct domains){names, 1 + count};
    return fixture_open(&f);
}

static void rename_third(const char *name)
{
    mem_free(&f.domain_names[2]);
    f.domain_names[2] = mem_strdup(name);
}

Test(domains, have_names_and_numbers)
{
    cr_assert_eq(vault_domain_id(f.v, SPAN_LIT("default")), VAULT_DOMAIN_DEFAULT);
    cr_assert_eq(f.crm, 2);
    cr_assert_eq(f.analytics, 3);
    cr_assert_eq(vault_domain_id(f.v, SPAN_LIT("cr")), 0);
    cr_assert_eq(vault_domain_id(f.v, SPAN_LIT("crmm")), 0);
    cr_assert_eq(vault_domain_id(f.v, SPAN_NONE), 0);
    cr_assert_str_eq(vault_domain_name(f.v, VAULT_DOMAIN_DEFAULT), "default");
    cr_assert_str_eq(vault_domain_name(f.v, f.analytics), "analytics");
    cr_assert_null(vault_domain_name(f.v, 0));
    cr_assert_null(vault_domain_name(f.v, 4));
}

Test(domains, without_any_there_is_the_default_one)
{
    struct root_keys roots = {{f.root}, 1};
    struct vault_options options = {.dir = f.dir, .roots = &roots, .classes = &f.classes};

    fixture_close(&f);
    cr_assert_eq(vault_open(&options, &f.v, &f.msg), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(vault_domain_id(f.v, SPAN_LIT("default")), VAULT_DOMAIN_DEFAULT);
    cr_assert_eq(vault_domain_id(f.v, SPAN_LIT("crm")), 0);
    cr_assert_str_eq(vault_domain_name(f.v, 2), "crm", "it has been here");
}

Test(domains, keep_their_numbers_and_keys_whatever_their_order)
{
    struct token_text crm = store(f.crm, f.phone, "anna", "+491701");
    struct token_text analytics = store(f.analytics, f.phone, "anna", "+491701");
    struct token_text again;
    char *swapped[] = {f.domain_names[2], f.domain_names[1], f.domain_names[0]};

    fixture_close(&f);
    f.domains.names = swapped;
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(f.crm, 2);
    cr_assert_eq(f.analytics, 3);
    again = store(f.crm, f.phone, "anna", "+491701");
    cr_assert(span_equal(fixture_span(&again), fixture_span(&crm)));
    again = store(f.analytics, f.phone, "anna", "+491701");
    cr_assert(span_equal(fixture_span(&again), fixture_span(&analytics)));
}

Test(domains, one_with_people_may_not_leave_the_configuration)
{
    struct vault_erasure erasure = {0};
    struct vault_erase op = {
        .op.kind = VAULT_ERASE, .domain = f.crm, .name = SPAN_LIT("anna"), .erasure = &erasure};
    size_t deleted = 0;

    (void)store(f.crm, f.note, "anna", "a note");
    cr_assert_eq(reopen(2, 1), ERR_CONFIG);
    cr_assert_not_null(strstr(f.msg.text, "domain crm: the store still holds people"));
    cr_assert_eq(reopen(1, 2), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    vault_erasure_done(&erasure);
    cr_assert_eq(reopen(2, 1), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(vault_domain_id(f.v, SPAN_LIT("crm")), 0);
    cr_assert_str_eq(vault_domain_name(f.v, 2), "crm");
}

Test(domains, a_number_is_never_given_to_another_name)
{
    cr_assert_eq(reopen(1, 1), ERR_OK, "an empty one may leave: %s", f.msg.text);
    rename_third("sales");
    cr_assert_eq(reopen(1, 2), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(vault_domain_id(f.v, SPAN_LIT("sales")), 4);
    cr_assert_str_eq(vault_domain_name(f.v, 3), "analytics");
    rename_third("analytics");
    cr_assert_eq(reopen(1, 2), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(f.analytics, 3, "it is the same one again");
}

static void copy(const char *from, const char *to)
{
    char command[512];

    (void)snprintf(command, sizeof(command), "cp %s %s", from, to);
    cr_assert_eq(system(command), 0); /* both paths are our own */
}

Test(domains, a_number_is_not_given_again_when_the_database_is_an_older_one)
{
    char kept[96];

    (void)snprintf(kept, sizeof(kept), "%s/kept.db", f.base);
    fixture_close(&f);
    copy(fixture_path(&f, "vault.db"), kept);
    rename_third("sales");
    f.domains = (struct domains){f.domain_names, FIXTURE_DOMAINS};
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(vault_domain_id(f.v, SPAN_LIT("sales")), 4);
    fixture_close(&f);
    copy(kept, fixture_path(&f, "vault.db"));
    rename_third("support");
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(vault_domain_id(f.v, SPAN_LIT("support")), 5);
    cr_assert_null(vault_domain_name(f.v, 4));
}

Test(domains, an_erasure_that_a_crash_left_open_knows_its_own)
{
    struct vault_erasure erasure = {0}, *open_ones = NULL;
    struct vault_erase op = {.op.kind = VAULT_ERASE,
                             .domain = f.analytics,
                             .name = SPAN_LIT("anna"),
                             .erasure = &erasure};
    size_t count = 0, deleted = 0;

    (void)store(f.analytics, f.note, "anna", "a note");
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(vault_erasures_open(f.v, &open_ones, &count), ERR_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(open_ones[0].domain, f.analytics);
    cr_assert_eq(fixture_sweep(&f, open_ones[0].slot, &deleted), ERR_OK);
    vault_erasure_done(&open_ones[0]);
    free(open_ones);
    cr_assert_eq(vault_erasures_open(f.v, &open_ones, &count), ERR_OK);
    cr_assert_eq(open_ones[0].domain, f.analytics, "also when it is swept");
    vault_erasure_done(&open_ones[0]);
    free(open_ones);
}
