/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on several people at once, and on people named by their key slot. */
#include "vault/writer_priv.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>

#include "tests/support/vault_fixture.h"

static struct vault_fixture f;

static void setup(void)
{
    fixture_start(&f);
}

static void teardown(void)
{
    fixture_end(&f);
}

TestSuite(people, .init = setup, .fini = teardown, .timeout = 60);

static uint64_t slot_of(const char *name)
{
    uint64_t slot = 0;

    cr_assert_eq(fixture_subject(&f, name, &slot), ERR_OK);
    return slot;
}

static struct vault_tokenize op_of(struct vault_item *item, const char *name)
{
    return (struct vault_tokenize){.op = {.kind = VAULT_TOKENIZE},
                                   .domain = VAULT_DOMAIN_DEFAULT,
                                   .names = {span_str(name)},
                                   .name_count = 1,
                                   .items = item,
                                   .count = 1};
}

Test(people, values_of_several_people_are_stored_together)
{
    struct vault_item items[3];
    struct vault_tokenize ops[3];
    static const char *const names[] = {"anna", "bert", "anna"};

    for (size_t i = 0; i < 3; i++) {
        items[i] = (struct vault_item){
            .class_id = f.note, .kind = VALUE_STRING, .value = span_str(names[i])};
        ops[i] = op_of(&items[i], names[i]);
    }
    ops[0].also = &ops[1];
    ops[1].also = &ops[2];
    cr_assert_eq(vault_run(f.v, &ops[0].op), ERR_OK);
    for (size_t i = 0; i < 3; i++)
        cr_assert(fixture_reveals(&f, &items[i].token, names[i]));
    cr_assert_neq(slot_of("anna"), slot_of("bert"));
}

static void count_down(struct vault_op *op)
{
    (void)__atomic_sub_fetch((int *)op->owner, 1, __ATOMIC_RELEASE);
}

Test(people, where_one_persons_values_fail_nobodys_are_stored_but_strangers_are)
{
    enum { STRANGERS = 20 };
    struct vault_item good[STRANGERS], first, second;
    struct vault_tokenize strangers[STRANGERS], one, other;
    char names[STRANGERS][16];
    uint64_t slot = 0;
    int left = STRANGERS + 1;

    first = (struct vault_item){.class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("x")};
    second = (struct vault_item){.class_id = 400, .kind = VALUE_STRING, .value = SPAN_LIT("y")};
    one = op_of(&first, "anna");
    other = op_of(&second, "bert");
    one.also = &other;
    one.op.done = count_down;
    one.op.owner = &left;
    for (size_t i = 0; i < STRANGERS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "s%zu", i);
        good[i] = first;
        strangers[i] = op_of(&good[i], names[i]);
        strangers[i].op.done = count_down;
        strangers[i].op.owner = &left;
        cr_assert_eq(vault_submit(f.v, &strangers[i].op), ERR_OK);
        if (i == STRANGERS / 2)
            cr_assert_eq(vault_submit(f.v, &one.op), ERR_OK);
    }
    while (__atomic_load_n(&left, __ATOMIC_ACQUIRE) > 0)
        (void)sched_yield();
    cr_assert_eq(one.op.result, ERR_NOT_FOUND);
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_NOT_FOUND);
    cr_assert_eq(fixture_subject(&f, "bert", &slot), ERR_NOT_FOUND);
    for (size_t i = 0; i < STRANGERS; i++) {
        cr_assert_eq(strangers[i].op.result, ERR_OK);
        cr_assert(fixture_reveals(&f, &good[i].token, "x"), "%zu", i);
    }
}

Test(people, a_subject_can_be_named_by_its_slot)
{
    struct vault_item item = {
        .class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("by slot")};
    struct vault_tokenize op = op_of(&item, "another name of hers");
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "likes tea", &token), ERR_OK);
    op.slot = slot_of("anna");
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(slot_of("another name of hers"), op.slot);
    cr_assert(fixture_reveals(&f, &item.token, "by slot"));
    op.slot = 999;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_NOT_FOUND, "nobody's");
    op.slot = slot_of("anna");
    op.domain = 7;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_NOT_FOUND, "of another domain");
}
