/* SPDX-License-Identifier: Apache-2.0 */
/* Every action in every state: where it leads is written down here once more, and not taken from the table. */
#include "retention/request_states.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* "from>to" for each state in which the action is possible. */
static const struct {
    enum request_action action;
    const char *cells;
} expected[REQUEST_ACTION_COUNT] = {
    {REQUEST_ACKNOWLEDGE,
     " received>received id_requested>id_requested verified>verified scoped>scoped "
     "extended>extended approved>approved executing>executing verified_done>verified_done "
     "notifying>notifying refused>refused partly_granted>partly_granted "
     "not_identifiable>not_identifiable failed>failed "},
    {REQUEST_ASK_IDENTITY, " received>id_requested "},
    {REQUEST_VERIFY_IDENTITY, " received>verified id_requested>verified "},
    {REQUEST_SCOPE, " verified>scoped scoped>scoped "},
    {REQUEST_EXTEND,
     " received>received id_requested>id_requested verified>verified scoped>extended "},
    {REQUEST_FEE, " received>received id_requested>id_requested verified>verified scoped>scoped "
                  "extended>extended "},
    {REQUEST_APPROVE, " scoped>approved extended>approved "},
    {REQUEST_EXECUTE, " approved>executing executing>executing failed>executing "},
    {REQUEST_SUCCEED, " executing>verified_done "},
    {REQUEST_SUCCEED_PARTLY, " executing>partly_granted "},
    {REQUEST_FAIL, " executing>failed "},
    {REQUEST_REFUSE, " received>refused id_requested>refused verified>refused scoped>refused "
                     "extended>refused failed>refused "},
    {REQUEST_GIVE_UP, " received>not_identifiable id_requested>not_identifiable "},
    {REQUEST_WITHDRAW, " received>withdrawn id_requested>withdrawn verified>withdrawn "
                       "scoped>withdrawn extended>withdrawn approved>withdrawn "},
    {REQUEST_NOTIFY, " verified_done>notifying partly_granted>notifying notifying>notifying "},
    {REQUEST_ANSWER, " verified_done>answered partly_granted>answered notifying>answered "
                     "refused>answered not_identifiable>answered "},
    {REQUEST_LIFT, " verified_done>verified_done partly_granted>partly_granted notifying>notifying "
                   "answered>answered closed>closed "},
    {REQUEST_COMPLAIN,
     " received>received id_requested>id_requested verified>verified scoped>scoped "
     "extended>extended approved>approved executing>executing verified_done>verified_done "
     "notifying>notifying answered>answered closed>closed refused>refused "
     "partly_granted>partly_granted not_identifiable>not_identifiable withdrawn>withdrawn "
     "failed>failed "},
    {REQUEST_CLOSE, " answered>closed withdrawn>closed "},
};

Test(request_states, every_cell_is_what_it_should_be)
{
    for (size_t i = 0; i < REQUEST_ACTION_COUNT; i++) {
        cr_assert_eq((size_t)expected[i].action, i);
        for (int from = 0; from < REQUEST_STATE_COUNT; from++) {
            const char *word = request_state_word((enum request_state)from);
            enum request_state to = REQUEST_STATE_COUNT;
            char cell[64], start[64];
            const bool allowed =
                request_next_state((enum request_state)from, expected[i].action, &to);

            (void)snprintf(start, sizeof(start), " %s>", word);
            cr_assert_eq(allowed, strstr(expected[i].cells, start) != NULL, "%s in %s",
                         request_action_word(expected[i].action), word);
            if (!allowed)
                continue;
            (void)snprintf(cell, sizeof(cell), " %s>%s ", word, request_state_word(to));
            cr_assert_not_null(strstr(expected[i].cells, cell), "%s in %s leads to %s",
                               request_action_word(expected[i].action), word,
                               request_state_word(to));
        }
    }
}

Test(request_states, what_the_law_wants_said_is_needed)
{
    static const struct {
        enum request_action action;
        const char *needs;
    } cases[] = {{REQUEST_REFUSE, "reason"},
                 {REQUEST_ANSWER, "channel template"},
                 {REQUEST_EXTEND, "reason channel by"},
                 {REQUEST_FEE, "reason by reasoning"},
                 {REQUEST_APPROVE, "by"},
                 {REQUEST_VERIFY_IDENTITY, "method"}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct request_rule *rule = request_rule(cases[i].action);
        char needs[128] = "";

        for (size_t j = 0; j < REQUEST_NEEDS_MAX && rule->needs[j] != NULL; j++)
            (void)snprintf(needs + strlen(needs), sizeof(needs) - strlen(needs), "%s%s",
                           j == 0 ? "" : " ", rule->needs[j]);
        cr_expect_str_eq(needs, cases[i].needs);
    }
}

Test(request_states, words_lead_back)
{
    for (int i = 0; i < REQUEST_STATE_COUNT; i++) {
        enum request_state state;

        cr_assert(request_state_of(span_str(request_state_word((enum request_state)i)), &state));
        cr_expect_eq((int)state, i);
    }
    for (int i = 0; i < REQUEST_ACTION_COUNT; i++) {
        const enum request_action action = (enum request_action)i;
        enum request_action back = REQUEST_ACTION_COUNT;

        cr_expect_eq(request_action_of(span_str(request_action_word(action)), &back),
                     !request_rule(action)->internal);
        if (!request_rule(action)->internal)
            cr_expect_eq(back, action);
    }
    for (int i = 0; i < REQUEST_RIGHT_COUNT; i++) {
        enum request_right right;

        cr_assert(request_right_of(span_str(request_right_word((enum request_right)i)), &right));
        cr_expect_eq((int)right, i);
        cr_expect(strncmp(request_right_law(right), "Art. ", 5) == 0);
    }
}

Test(request_states, words_that_are_none_are_not_taken)
{
    enum request_state state;
    enum request_action action;
    enum request_right right;
    struct span code;

    cr_expect_not(request_state_of(span_str("done"), &state));
    cr_expect_not(request_action_of(span_str("succeed"), &action), "nobody may ask for that");
    cr_expect_not(request_right_of(span_str(""), &right));
    cr_expect_null(request_reason_find(span_str("because")));
    cr_expect_not(request_exception(span_str("f"), &code));
    cr_expect_not(request_exception(span_str("17(1)(b)"), &code));
    cr_assert(request_exception(span_str("b"), &code));
    cr_expect(span_equal(code, span_str("17(3)(b)")));
}

Test(request_states, only_who_was_not_answered_waits)
{
    static const enum request_state over[] = {REQUEST_ANSWERED, REQUEST_CLOSED, REQUEST_WITHDRAWN};
    int open = 0;

    for (int i = 0; i < 64; i++)
        open += (REQUEST_OPEN_STATES >> i & 1) != 0;
    cr_expect_eq(open, REQUEST_STATE_COUNT - 3);
    for (size_t i = 0; i < COUNT_OF(over); i++)
        cr_expect((REQUEST_OPEN_STATES >> over[i] & 1) == 0);
}
