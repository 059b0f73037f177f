/* SPDX-License-Identifier: Apache-2.0 */
/* States, actions, rights and reasons of requests.
 * Runs on: any thread. Holds: nothing. Invariant: what may follow what is decided by the table here and
 * nowhere else. Not here: what an action does (requests.c). */
#include "retention/request_states.h"

#include "base/assert.h"

#define IN(name)  REQUEST_IN(name)
/* Nothing has been decided yet. */
#define UNDECIDED (IN(RECEIVED) | IN(ID_REQUESTED) | IN(VERIFIED) | IN(SCOPED) | IN(EXTENDED))
/* Decided; the answer is owed. */
#define DECIDED                                                                                    \
    (IN(VERIFIED_DONE) | IN(PARTLY_GRANTED) | IN(NOTIFYING) | IN(REFUSED) | IN(NOT_IDENTIFIABLE))

static const struct request_rule rules[REQUEST_ACTION_COUNT] = {
    [REQUEST_ACKNOWLEDGE] = {.word = "acknowledge",
                             .from = REQUEST_OPEN_STATES,
                             .stays = true,
                             .needs = {"channel"},
                             .may = {"date"}},
    /* Art. 12(6): only where there is reasonable doubt, so say which. */
    [REQUEST_ASK_IDENTITY] = {.word = "ask-identity",
                              .from = IN(RECEIVED),
                              .to = REQUEST_ID_REQUESTED,
                              .needs = {"channel", "reason"},
                              .may = {"date"}},
    /* How it was checked, never with what. */
    [REQUEST_VERIFY_IDENTITY] = {.word = "verify-identity",
                                 .from = IN(RECEIVED) | IN(ID_REQUESTED),
                                 .to = REQUEST_VERIFIED,
                                 .needs = {"method"},
                                 .may = {"date"}},
    [REQUEST_SCOPE] = {.word = "scope",
                       .from = IN(VERIFIED) | IN(SCOPED),
                       .to = REQUEST_SCOPED,
                       .may = {"classes", "keep", "purposes", "ground"}},
    /* Art. 12(3): the person is told within the first month. */
    [REQUEST_EXTEND] = {.word = "extend",
                        .from = UNDECIDED & ~IN(EXTENDED),
                        .stays = true, /* but see request_next_state() */
                        .needs = {"reason", "channel", "by"},
                        .may = {"date"}},
    [REQUEST_FEE] = {.word = "fee",
                     .from = UNDECIDED,
                     .stays = true,
                     .needs = {"reason", "by", "reasoning"}},
    [REQUEST_APPROVE] = {.word = "approve",
                         .from = IN(SCOPED) | IN(EXTENDED),
                         .to = REQUEST_APPROVED,
                         .needs = {"by"}},
    [REQUEST_EXECUTE] = {.word = "execute",
                         .from = IN(APPROVED) | IN(EXECUTING) | IN(FAILED),
                         .to = REQUEST_EXECUTING,
                         .may = {"right", "reference", "format", "lang", "expires", "token",
                                 "class", "value", "more"}},
    [REQUEST_SUCCEED] = {.word = "succeed",
                         .from = IN(EXECUTING),
                         .to = REQUEST_VERIFIED_DONE,
                         .internal = true},
    [REQUEST_SUCCEED_PARTLY] = {.word = "succeed-partly",
                                .from = IN(EXECUTING),
                                .to = REQUEST_PARTLY_GRANTED,
                                .internal = true},
    [REQUEST_FAIL] = {.word = "fail",
                      .from = IN(EXECUTING),
                      .to = REQUEST_FAILED,
                      .internal = true},
    [REQUEST_REFUSE] = {.word = "refuse",
                        .from = UNDECIDED | IN(FAILED),
                        .to = REQUEST_REFUSED,
                        .needs = {"reason"},
                        .may = {"right", "law", "by", "reasoning"}},
    [REQUEST_GIVE_UP] = {.word = "give-up",
                         .from = IN(RECEIVED) | IN(ID_REQUESTED),
                         .to = REQUEST_NOT_IDENTIFIABLE,
                         .internal = true},
    [REQUEST_WITHDRAW] = {.word = "withdraw",
                          .from = UNDECIDED | IN(APPROVED),
                          .to = REQUEST_WITHDRAWN,
                          .needs = {"channel"},
                          .may = {"date"}},
    [REQUEST_NOTIFY] = {.word = "notify",
                        .from = IN(VERIFIED_DONE) | IN(PARTLY_GRANTED) | IN(NOTIFYING),
                        .to = REQUEST_NOTIFYING,
                        .needs = {"recipients"},
                        .may = {"acknowledged"}},
    [REQUEST_ANSWER] = {.word = "answer",
                        .from = DECIDED,
                        .to = REQUEST_ANSWERED,
                        .needs = {"channel", "template"},
                        .may = {"date"}},
    /* Art. 18(3): the person is told before. */
    [REQUEST_LIFT] = {.word = "lift",
                      .from = IN(VERIFIED_DONE) | IN(PARTLY_GRANTED) | IN(NOTIFYING) |
                              IN(ANSWERED) | IN(CLOSED),
                      .stays = true,
                      .needs = {"right", "channel", "date"}},
    [REQUEST_COMPLAIN] = {.word = "complain",
                          .from = (UINT64_C(1) << REQUEST_STATE_COUNT) - 1,
                          .stays = true,
                          .needs = {"reference"},
                          .may = {"date"}},
    [REQUEST_CLOSE] = {.word = "close",
                       .from = IN(ANSWERED) | IN(WITHDRAWN),
                       .to = REQUEST_CLOSED,
                       .may = {"reason"}},
};

static const char *const state_words[REQUEST_STATE_COUNT] = {
#define X(name, number, word) [number] = (word),
    REQUEST_STATES(X)
#undef X
};

/* ---- states and actions ---- */

const char *request_state_word(enum request_state state)
{
    REQUIRE((unsigned)state < REQUEST_STATE_COUNT);
    return state_words[state];
}

bool request_state_of(struct span word, enum request_state *ret)
{
    for (size_t i = 0; i < REQUEST_STATE_COUNT; i++) {
        if (span_equal(word, span_str(state_words[i]))) {
            *ret = (enum request_state)i;
            return true;
        }
    }
    return false;
}

const struct request_rule *request_rule(enum request_action action)
{
    REQUIRE((unsigned)action < REQUEST_ACTION_COUNT);
    return &rules[action];
}

const char *request_action_word(enum request_action action)
{
    return request_rule(action)->word;
}

bool request_action_of(struct span word, enum request_action *ret)
{
    for (size_t i = 0; i < REQUEST_ACTION_COUNT; i++) {
        if (!rules[i].internal && span_equal(word, span_str(rules[i].word))) {
            *ret = (enum request_action)i;
            return true;
        }
    }
    return false;
}

bool request_next_state(enum request_state from, enum request_action action,
                        enum request_state *ret)
{
    const struct request_rule *rule = request_rule(action);

    if ((rule->from >> from & 1) == 0)
        return false;
    if (action == REQUEST_EXTEND && from == REQUEST_SCOPED)
        *ret = REQUEST_EXTENDED; /* earlier it is written down, and the request goes its way */
    else
        *ret = rule->stays ? from : rule->to;
    return true;
}

/* ---- rights ---- */

static const struct {
    const char *word;
    const char *law;
} rights[REQUEST_RIGHT_COUNT] = {
    [REQUEST_ACCESS] = {"access", "Art. 15"},
    [REQUEST_RECTIFICATION] = {"rectification", "Art. 16"},
    [REQUEST_ERASURE] = {"erasure", "Art. 17"},
    [REQUEST_RESTRICTION] = {"restriction", "Art. 18"},
    [REQUEST_PORTABILITY] = {"portability", "Art. 20"},
    [REQUEST_OBJECTION] = {"objection", "Art. 21"},
    [REQUEST_CONSENT] = {"consent_withdrawal", "Art. 7(3)"},
};

const char *request_right_word(enum request_right right)
{
    REQUIRE((unsigned)right < REQUEST_RIGHT_COUNT);
    return rights[right].word;
}

const char *request_right_law(enum request_right right)
{
    REQUIRE((unsigned)right < REQUEST_RIGHT_COUNT);
    return rights[right].law;
}

bool request_right_of(struct span word, enum request_right *ret)
{
    for (size_t i = 0; i < REQUEST_RIGHT_COUNT; i++) {
        if (span_equal(word, span_str(rights[i].word))) {
            *ret = (enum request_right)i;
            return true;
        }
    }
    return false;
}

/* ---- reasons ---- */

#define RIGHT(name) (UINT64_C(1) << REQUEST_##name)
#define ANY_RIGHT   ((UINT64_C(1) << REQUEST_RIGHT_COUNT) - 1)

static const struct request_reason reasons[] = {
    {"manifestly_unfounded", true, false, ANY_RIGHT},
    {"excessive", true, false, ANY_RIGHT},
    {"identity_not_proven", false, false, ANY_RIGHT},
    {REQUEST_REASON_NOT_IDENTIFIABLE, false, false, ANY_RIGHT},
    {"no_ground", false, false, RIGHT(ERASURE) | RIGHT(RESTRICTION) | RIGHT(RECTIFICATION)},
    {"17(3)(a)", false, false, RIGHT(ERASURE)},
    {"17(3)(b)", false, true, RIGHT(ERASURE)},
    {"17(3)(c)", false, true, RIGHT(ERASURE)},
    {"17(3)(d)", false, false, RIGHT(ERASURE)},
    {"17(3)(e)", false, false, RIGHT(ERASURE)},
    {"rights_of_others", true, false, RIGHT(ACCESS) | RIGHT(PORTABILITY)},
    {"compelling_grounds", true, false, RIGHT(OBJECTION)},
    {"not_portable", false, false, RIGHT(PORTABILITY)},
    {"other_law", true, true, ANY_RIGHT},
};

const struct request_reason *request_reason_find(struct span code)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (span_equal(code, span_str(reasons[i].code)))
            return &reasons[i];
    return NULL;
}

const struct request_reason *request_reason_at(size_t index)
{
    return index < COUNT_OF(reasons) ? &reasons[index] : NULL;
}

bool request_exception(struct span text, struct span *ret)
{
    static const char *const codes[] = {"17(3)(a)", "17(3)(b)", "17(3)(c)", "17(3)(d)", "17(3)(e)"};

    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (span_equal(text, span_str(codes[i])) || span_equal(text, span_of(codes[i] + 6, 1))) {
            *ret = span_str(codes[i]);
            return true;
        }
    }
    return false;
}
