/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of long jobs: asked for again they give the tokens of before, and make no second row. */
#include "vault/bulk.h"

#include <criterion/criterion.h>

#include "base/secret.h"
#include "tests/support/vault_rig.h"
#include "vault/records.h"

TestSuite(bulk, .init = secret_start, .timeout = 60);

#define BULK_CLASSES                                                                               \
    RIG_CLASSES                                                                                    \
    "code: {format: digits, purposes: [support], basis: \"6(1)(b)\", retain: {period: P1Y}}\n"     \
    "card: {format: pan, deterministic: true, purposes: [support], basis: \"6(1)(b)\","            \
    " retain: {period: P1Y}}\n"

enum { PEOPLE = 3, EACH = 4 };

/* A note, a code, a card and a mail address of each of a few people. */
struct group {
    struct vault_bulk op;
    struct vault_tokenize of[PEOPLE];
    struct vault_item items[PEOPLE][EACH];
    char values[PEOPLE][EACH][32];
    char names[PEOPLE][8];
};

static void fill(struct rig *r, struct group *g, uint64_t number, int variant)
{
    static const char *const classes[EACH] = {"note", "code", "card", "mail"};

    *g = (struct group){.op = {.op = {.kind = VAULT_BULK}, .job = "the job", .group = number}};
    for (int p = 0; p < PEOPLE; p++) {
        struct vault_tokenize *t = &g->of[p];

        (void)snprintf(g->names[p], sizeof(g->names[p]), "p%d", p);
        (void)snprintf(g->values[p][0], 32, "note %d %d", p, variant);
        (void)snprintf(g->values[p][1], 32, "8%03d%04d", p, variant);
        (void)snprintf(g->values[p][2], 32, "%s", p % 2 ? "4111111111111111" : "4012888888881881");
        (void)snprintf(g->values[p][3], 32, "p%d@example.org", p);
        *t = (struct vault_tokenize){.domain = VAULT_DOMAIN_DEFAULT,
                                     .names = {span_str(g->names[p])},
                                     .name_count = 1,
                                     .items = g->items[p],
                                     .count = EACH,
                                     .also = p + 1 < PEOPLE ? &g->of[p + 1] : NULL};
        for (int i = 0; i < EACH; i++)
            g->items[p][i] =
                (struct vault_item){.class_id = vault_class_id(
                                        r->vault, classes_find(&r->classes, span_str(classes[i]))),
                                    .kind = VALUE_STRING,
                                    .value = span_str(g->values[p][i])};
    }
    g->op.first = &g->of[0];
}

static uint64_t rows(struct rig *r)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    uint64_t count = 0;

    cr_assert_eq(vault_reader_open(r->vault, &reader), ERR_OK);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    for (uint16_t id = 1; id <= r->classes.count; id++) {
        struct vault_class_stats stats;

        cr_assert_eq(vault_read_stats(reader, id, vault_now_s(r->vault), &stats), ERR_OK);
        count += stats.items;
    }
    vault_read_end(reader);
    return count;
}

static bool same_token(const struct group *a, const struct group *b, int person, int item)
{
    const struct token_text *x = &a->items[person][item].token, *y = &b->items[person][item].token;

    cr_assert_gt(x->len, 0);
    return span_equal(span_of(x->bytes, x->len), span_of(y->bytes, y->len));
}

static void assert_same(const struct group *a, const struct group *b)
{
    for (int p = 0; p < PEOPLE; p++)
        for (int i = 0; i < EACH; i++)
            cr_assert(same_token(a, b, p, i), "person %d, item %d", p, i);
}

Test(bulk, a_group_that_comes_again_is_given_its_tokens_and_makes_no_row)
{
    AUTO(rig_done) struct rig r;
    struct group first, again;
    uint64_t stored;

    rig_init_with(&r, BULK_CLASSES);
    fill(&r, &first, 1, 1);
    cr_assert_eq(vault_run(r.vault, &first.op.op), ERR_OK);
    cr_assert_not(first.op.repeated);
    stored = rows(&r);
    cr_assert_eq(stored, PEOPLE * EACH);
    fill(&r, &again, 1, 1);
    cr_assert_eq(vault_run(r.vault, &again.op.op), ERR_OK);
    cr_assert(again.op.repeated);
    assert_same(&first, &again);
    cr_assert_eq(rows(&r), stored);
}

Test(bulk, what_was_asked_for_before_a_crash_is_known_after_it)
{
    AUTO(rig_done) struct rig r;
    struct group first, again;

    rig_init_with(&r, BULK_CLASSES);
    fill(&r, &first, 1, 1);
    cr_assert_eq(vault_run(r.vault, &first.op.op), ERR_OK);
    vault_close(&r.vault);
    rig_open(&r);
    fill(&r, &again, 1, 1);
    cr_assert_eq(vault_run(r.vault, &again.op.op), ERR_OK);
    assert_same(&first, &again);
    cr_assert_eq(rows(&r), PEOPLE * EACH);
}

Test(bulk, each_group_has_its_turn)
{
    AUTO(rig_done) struct rig r;
    struct group g;

    rig_init_with(&r, BULK_CLASSES);
    fill(&r, &g, 2, 1);
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_CONFLICT, "the first has not come");
    cr_assert_eq(rows(&r), 0);
    for (uint64_t number = 1; number <= 3; number++) {
        fill(&r, &g, number, (int)number);
        cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_OK);
    }
    fill(&r, &g, 2, 2);
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_CONFLICT, "only the last one comes again");
    fill(&r, &g, 5, 5);
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_CONFLICT, "one is left out");
    fill(&r, &g, 4, 4);
    g.op.first = NULL;
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_OK, "a group without values counts");
    fill(&r, &g, 5, 5);
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_OK);
}

Test(bulk, a_group_of_another_size_is_not_the_one_of_before)
{
    AUTO(rig_done) struct rig r;
    struct group g;

    rig_init_with(&r, BULK_CLASSES);
    fill(&r, &g, 1, 1);
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_OK);
    fill(&r, &g, 1, 1);
    g.of[1].count--;
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_CONFLICT);
    cr_assert_eq(rows(&r), PEOPLE * EACH);
}

Test(bulk, a_group_with_a_value_that_does_not_fit_stores_nothing_and_may_come_again)
{
    AUTO(rig_done) struct rig r;
    struct group g;

    rig_init_with(&r, BULK_CLASSES);
    fill(&r, &g, 1, 1);
    g.items[PEOPLE - 1][1].value = SPAN_LIT("no code");
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_UNPROCESSABLE);
    cr_assert_eq(rows(&r), 0);
    fill(&r, &g, 1, 1);
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_OK);
    cr_assert_not(g.op.repeated);
    cr_assert_eq(rows(&r), PEOPLE * EACH);
}

Test(bulk, whoever_was_erased_meanwhile_gets_new_tokens)
{
    AUTO(rig_done) struct rig r;
    struct group first, again;
    struct vault_erasure erasure = {.slot = 0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE},
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = SPAN_LIT("p1"),
                             .erasure = &erasure};

    rig_init_with(&r, BULK_CLASSES);
    fill(&r, &first, 1, 1);
    cr_assert_eq(vault_run(r.vault, &first.op.op), ERR_OK);
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
    fill(&r, &again, 1, 1);
    cr_assert_eq(vault_run(r.vault, &again.op.op), ERR_OK);
    cr_assert(same_token(&first, &again, 0, 0) && same_token(&first, &again, 2, 1));
    cr_assert_not(same_token(&first, &again, 1, 0));
    cr_assert_not(same_token(&first, &again, 1, 1));
}

Test(bulk, a_row_of_somebody_else_is_never_taken_for_the_own_one)
{
    AUTO(rig_done) struct rig r;
    struct group first, swapped;

    rig_init_with(&r, BULK_CLASSES);
    fill(&r, &first, 1, 1);
    cr_assert_eq(vault_run(r.vault, &first.op.op), ERR_OK);
    fill(&r, &swapped, 1, 1);
    swapped.of[0].names[0] = span_str(swapped.names[2]);
    cr_assert_eq(vault_run(r.vault, &swapped.op.op), ERR_OK);
    cr_assert_not(same_token(&first, &swapped, 0, 0));
    cr_assert(same_token(&first, &swapped, 1, 0));
}

static uint64_t records(struct rig *r)
{
    AUTO(vault_records_close) struct vault_records *open = NULL;
    uint64_t counts[VAULT_RECORD_STATES] = {0};

    cr_assert_eq(vault_records_open(r->vault, &open), ERR_OK);
    cr_assert_eq(vault_records_count(open, VAULT_RECORD_BULK, counts), ERR_OK);
    return counts[0] + counts[1];
}

Test(bulk, a_job_that_is_finished_is_forgotten_and_one_that_was_left_after_a_year)
{
    AUTO(rig_done) struct rig r;
    struct group g;
    uint8_t other[VAULT_ID_BYTES] = "no such job";

    rig_init_with(&r, BULK_CLASSES);
    fill(&r, &g, 1, 1);
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_OK);
    cr_assert_eq(vault_bulk_finish(r.vault, other), ERR_OK);
    cr_assert_eq(records(&r), 1);
    cr_assert_eq(vault_bulk_finish(r.vault, g.op.job), ERR_OK);
    cr_assert_eq(records(&r), 0);
    fill(&r, &g, 2, 2);
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_CONFLICT, "it is over");
    fill(&r, &g, 1, 2);
    cr_assert_eq(vault_run(r.vault, &g.op.op), ERR_OK);
    rig_clock(RIG_NOW_S + INT64_C(366) * RIG_DAY_S);
    cr_assert_eq(vault_run(r.vault, &(struct vault_op){.kind = VAULT_CLOCK_ACCEPT}), ERR_OK);
    cr_assert_eq(vault_bulk_finish(r.vault, other), ERR_OK);
    cr_assert_eq(records(&r), 0);
}
