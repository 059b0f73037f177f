/* SPDX-License-Identifier: Apache-2.0 */
/* Callers, purposes, and what these let them see. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "proxy/caller.h"

TestSuite(caller, .init = secret_start, .timeout = 30);

enum { EMAIL, PHONE, NOTE, CLASSES };

static struct class_def class_defs[CLASSES] = {
    {.name = "email", .purposes = {"account", "support"}, .purpose_count = 2},
    {.name = "phone", .purposes = {"support"}, .purpose_count = 1},
    {.name = "note", .purposes = {"research"}, .purpose_count = 1},
};
static const struct classes classes = {class_defs, CLASSES};

/* Numbers that are not positions, as in a store where classes came and went. */
static uint16_t number(const struct class_def *def, const void *context)
{
    (void)context;
    return (uint16_t)(10 * (def - class_defs) + 7);
}

static char support[] = "support", account[] = "account", research[] = "research";
static char desk_name[] = "desk", clerk_name[] = "clerk";
static char *desk_purposes[] = {support};
static char *clerk_purposes[] = {account, research};
static uint8_t desk_reveal[] = {REVEAL_MASK, REVEAL_VALUE, REVEAL_VALUE};
static uint8_t clerk_reveal[] = {REVEAL_VALUE, REVEAL_VALUE, REVEAL_TOKEN};

static struct callers *two_callers(void)
{
    struct caller_def defs[] = {
        {.name = desk_name,
         .has_key = true,
         .purposes = desk_purposes,
         .purpose_count = 1,
         .reveal = desk_reveal},
        {.name = clerk_name,
         .has_key = true,
         .purposes = clerk_purposes,
         .purpose_count = 2,
         .reveal = clerk_reveal},
    };

    secret_hash("desk-desk-desk-desk", 19, defs[0].key_hash);
    secret_hash("clerk-clerk-clerk-clerk", 23, defs[1].key_hash);
    return callers_new(defs, COUNT_OF(defs), &classes, number, NULL);
}

static const struct caller *caller_of(const struct callers *callers, const char *key)
{
    const struct caller *caller = NULL;

    cr_assert_eq(callers_find(callers, span_str(key), &caller), ERR_OK);
    return caller;
}

static void expect_actions(const uint8_t *actions, uint8_t email, uint8_t phone, uint8_t note)
{
    for (uint16_t id = 0; id <= CLASSES_MAX; id++) {
        uint8_t wanted = id == 7 ? email : id == 17 ? phone : id == 27 ? note : REVEAL_TOKEN;

        cr_expect_eq(actions[id], wanted, "class %u: %u", id, actions[id]);
    }
}

Test(caller, sees_what_its_only_purpose_lets_it_see)
{
    AUTO(callers_free) struct callers *callers = two_callers();
    const uint8_t *actions = NULL;

    cr_assert_eq(caller_actions(caller_of(callers, "desk-desk-desk-desk"), SPAN_NONE, 0, &actions),
                 ERR_OK);
    expect_actions(actions, REVEAL_MASK, REVEAL_VALUE, REVEAL_TOKEN);
}

Test(caller, gets_nothing_of_a_class_that_does_not_list_the_purpose)
{
    AUTO(callers_free) struct callers *callers = two_callers();
    const struct caller *clerk = caller_of(callers, "clerk-clerk-clerk-clerk");
    const uint8_t *actions = NULL;

    cr_assert_eq(caller_actions(clerk, SPAN_LIT("account"), 0, &actions), ERR_OK);
    expect_actions(actions, REVEAL_VALUE, REVEAL_TOKEN, REVEAL_TOKEN);
    cr_assert_eq(caller_actions(clerk, SPAN_LIT("research"), 0, &actions), ERR_OK);
    expect_actions(actions, REVEAL_TOKEN, REVEAL_TOKEN, REVEAL_TOKEN);
}

Test(caller, sees_tokens_in_domains_that_are_not_its_own)
{
    struct caller_def def = {.name = desk_name,
                             .has_key = true,
                             .purposes = desk_purposes,
                             .purpose_count = 1,
                             .reveal = desk_reveal,
                             .some_domains = true,
                             .domains = {[3] = true}};
    AUTO(callers_free) struct callers *callers = NULL;
    const struct caller *desk;
    const uint8_t *actions = NULL;

    secret_hash("desk-desk-desk-desk", 19, def.key_hash);
    callers = callers_new(&def, 1, &classes, number, NULL);
    desk = caller_of(callers, "desk-desk-desk-desk");
    for (size_t domain = 0; domain < DOMAINS_MAX; domain++)
        for (int named = 0; named < 2; named++) {
            const struct span purpose = named ? SPAN_LIT("support") : SPAN_NONE;

            cr_assert_eq(caller_actions(desk, purpose, domain, &actions), ERR_OK);
            if (domain == 3)
                expect_actions(actions, REVEAL_MASK, REVEAL_VALUE, REVEAL_TOKEN);
            else
                expect_actions(actions, REVEAL_TOKEN, REVEAL_TOKEN, REVEAL_TOKEN);
        }
    cr_assert_eq(caller_actions(desk, SPAN_LIT("account"), 0, &actions), ERR_DENIED,
                 "a purpose is no less refused");
}

Test(caller, with_several_purposes_must_say_which)
{
    AUTO(callers_free) struct callers *callers = two_callers();
    const uint8_t *untouched = NULL;

    cr_expect_eq(
        caller_actions(caller_of(callers, "clerk-clerk-clerk-clerk"), SPAN_NONE, 0, &untouched),
        ERR_INVALID);
    cr_expect_null(untouched);
}

Test(caller, cannot_claim_a_purpose_it_was_not_given)
{
    static const char *const claims[] = {"account", "research", "Support",
                                         "suppor",  "supports", ""};
    AUTO(callers_free) struct callers *callers = two_callers();
    const struct caller *desk = caller_of(callers, "desk-desk-desk-desk");
    const uint8_t *untouched = NULL;

    for (size_t i = 0; i < COUNT_OF(claims); i++)
        cr_expect_eq(caller_actions(desk, span_str(claims[i]), 0, &untouched), ERR_DENIED, "%s",
                     claims[i]);
    cr_expect_null(untouched);
}

Test(caller, is_found_by_its_whole_key_only)
{
    static const char *const keys[] = {"desk-desk-desk-des", "desk-desk-desk-desk ",
                                       "DESK-desk-desk-desk", "", "x"};
    AUTO(callers_free) struct callers *callers = two_callers();
    const struct caller *untouched = NULL;

    for (size_t i = 0; i < COUNT_OF(keys); i++)
        cr_expect_eq(callers_find(callers, span_str(keys[i]), &untouched), ERR_UNAUTHORIZED, "%s",
                     keys[i]);
    cr_expect_null(untouched);
}

Test(caller, is_known_by_its_next_key_too)
{
    struct caller_def defs[] = {{.name = desk_name,
                                 .has_key = true,
                                 .has_next_key = true,
                                 .purposes = desk_purposes,
                                 .purpose_count = 1,
                                 .reveal = desk_reveal},
                                {.name = clerk_name,
                                 .has_key = true,
                                 .purposes = clerk_purposes,
                                 .purpose_count = 2,
                                 .reveal = clerk_reveal}};
    AUTO(callers_free) struct callers *callers = NULL;
    const struct caller *untouched = NULL;

    secret_hash("desk-desk-desk-desk", 19, defs[0].key_hash);
    secret_hash("desk-next-next-next", 19, defs[0].next_key_hash);
    secret_hash("clerk-clerk-clerk-clerk", 23, defs[1].key_hash);
    secret_hash("clerk-next-not-declared", 23, defs[1].next_key_hash);
    callers = callers_new(defs, COUNT_OF(defs), &classes, number, NULL);
    cr_expect_eq(caller_of(callers, "desk-next-next-next"),
                 caller_of(callers, "desk-desk-desk-desk"));
    cr_expect_neq(caller_of(callers, "desk-next-next-next"),
                  caller_of(callers, "clerk-clerk-clerk-clerk"));
    cr_expect_eq(callers_find(callers, SPAN_LIT("clerk-next-not-declared"), &untouched),
                 ERR_UNAUTHORIZED);
    cr_expect_null(untouched);
}

Test(caller, is_known_again_by_the_same_key_only)
{
    AUTO(callers_free) struct callers *callers = two_callers();
    const struct caller *desk = caller_of(callers, "desk-desk-desk-desk");
    const struct caller *clerk = caller_of(callers, "clerk-clerk-clerk-clerk");
    const struct caller *found = NULL;
    struct caller_memo memo;

    caller_memo_init(&memo);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(callers_find_again(callers, &memo, SPAN_LIT("desk-desk-desk-desk"), &found),
                     ERR_OK);
        cr_assert_eq(found, desk);
        cr_assert_eq(
            callers_find_again(callers, &memo, SPAN_LIT("clerk-clerk-clerk-clerk"), &found),
            ERR_OK);
        cr_assert_eq(found, clerk);
        for (int j = 0; j < 200; j++) { /* whatever place of the memo they fall on */
            char wrong[32];
            const struct caller *untouched = NULL;

            (void)snprintf(wrong, sizeof(wrong), "desk-desk-desk-%d", j);
            cr_assert_eq(callers_find_again(callers, &memo, span_str(wrong), &untouched),
                         ERR_UNAUTHORIZED);
            cr_assert_null(untouched);
        }
    }
}

Test(caller, without_a_key_sees_tokens_for_no_purpose)
{
    const uint8_t *actions = NULL, *untouched = NULL;

    cr_assert_eq(caller_actions(caller_anonymous(), SPAN_NONE, 0, &actions), ERR_OK);
    expect_actions(actions, REVEAL_TOKEN, REVEAL_TOKEN, REVEAL_TOKEN);
    cr_expect_eq(caller_actions(caller_anonymous(), SPAN_LIT("support"), 0, &untouched),
                 ERR_DENIED);
}

Test(caller, may_be_nobody_at_all)
{
    AUTO(callers_free) struct callers *callers = callers_new(NULL, 0, &classes, number, NULL);
    const struct caller *untouched = NULL;

    cr_expect_eq(callers_find(callers, SPAN_LIT("any-key-any-key-any"), &untouched),
                 ERR_UNAUTHORIZED);
}
