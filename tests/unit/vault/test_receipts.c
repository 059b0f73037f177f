/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"
#include "vault/vault.h"

enum { PAGE = 2, SOME = 5, ALL_MAX = 16 };

static struct vault_fixture f;

static void setup(void)
{
    secret_start();
    fixture_start(&f);
}

static void teardown(void)
{
    fixture_end(&f);
}

TestSuite(receipts, .init = setup, .fini = teardown, .timeout = 60);

/* An erasure of somebody who was here; it stays open unless it is closed. */
static void erase(int person, bool close)
{
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erasure_close closing = {
        .op = {.kind = VAULT_ERASURE_CLOSE}, .erasure = &erasure, .receipt = SPAN_LIT("{}")};
    struct token_text token;
    char name[16];
    size_t deleted = 0;

    (void)snprintf(name, sizeof(name), "p%d", person);
    cr_assert_eq(fixture_tokenize(&f, 1, name, "tea", &token), ERR_OK);
    cr_assert_eq(fixture_erase(&f, name, &erasure), ERR_OK);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    if (close)
        cr_assert_eq(vault_run(f.v, &closing.op), ERR_OK);
    vault_erasure_done(&erasure);
}

static size_t page_of(enum vault_receipt_order order, uint64_t beside,
                      struct vault_receipt_entry *ret)
{
    size_t count = 0;

    cr_assert_eq(vault_receipts_list(f.v, order, beside, PAGE, ret, &count), ERR_OK);
    return count;
}

/* All of them, page by page; ends with the first page that is not full. */
static size_t walk(enum vault_receipt_order order, struct vault_receipt_entry all[ALL_MAX])
{
    size_t count = 0, got = PAGE;

    while (got == PAGE) {
        cr_assert_leq(count + PAGE, ALL_MAX);
        got = page_of(order, count == 0 ? 0 : all[count - 1].ledger_seq, &all[count]);
        count += got;
    }
    return count;
}

Test(receipts, newest_first_is_the_reverse_of_the_ledgers_order)
{
    struct vault_receipt_entry oldest[ALL_MAX], newest[ALL_MAX];

    for (int i = 0; i < SOME; i++)
        erase(i, i != 1 && i != 4); /* open ones in the middle and at the end */
    cr_assert_eq(walk(VAULT_RECEIPTS_OLDEST, oldest), SOME);
    cr_assert_eq(walk(VAULT_RECEIPTS_NEWEST, newest), SOME);
    for (size_t i = 0; i < SOME; i++) {
        cr_assert_eq(newest[i].ledger_seq, oldest[SOME - 1 - i].ledger_seq);
        cr_assert_eq(newest[i].is_closed, i != 0 && i != 3, "%zu", i);
        cr_assert(i == 0 || newest[i].ledger_seq < newest[i - 1].ledger_seq);
    }
}

Test(receipts, pages_from_the_newest_are_not_moved_by_what_comes_meanwhile)
{
    struct vault_receipt_entry first[PAGE], second[PAGE], again[PAGE];

    for (int i = 0; i < SOME; i++)
        erase(i, true);
    cr_assert_eq(page_of(VAULT_RECEIPTS_NEWEST, 0, first), PAGE);
    erase(SOME, true);
    erase(SOME + 1, false);
    cr_assert_eq(page_of(VAULT_RECEIPTS_NEWEST, first[PAGE - 1].ledger_seq, second), PAGE);
    cr_assert_lt(second[0].ledger_seq, first[PAGE - 1].ledger_seq);
    cr_assert_eq(page_of(VAULT_RECEIPTS_OLDEST, second[0].ledger_seq, again), PAGE);
    cr_assert_eq(again[0].ledger_seq, first[1].ledger_seq, "nothing between two pages");
    cr_assert_eq(page_of(VAULT_RECEIPTS_NEWEST, 0, again), PAGE);
    cr_assert(again[0].ledger_seq > first[0].ledger_seq && !again[0].is_closed, "and from the top");
}

Test(receipts, an_empty_ledger_has_none_from_either_end)
{
    struct vault_receipt_entry none[PAGE];

    cr_assert_eq(page_of(VAULT_RECEIPTS_OLDEST, 0, none), 0);
    cr_assert_eq(page_of(VAULT_RECEIPTS_NEWEST, 0, none), 0);
}
