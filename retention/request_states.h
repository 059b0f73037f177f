/* SPDX-License-Identifier: Apache-2.0 */
/* What can become of a request of a person (Art. 12 to 22), as one table:
 *
 *   RECEIVED -> ID_REQUESTED -> VERIFIED -> SCOPED -> (EXTENDED) -> APPROVED -> EXECUTING
 *       -> VERIFIED_DONE | PARTLY_GRANTED -> (NOTIFYING) -> ANSWERED -> CLOSED
 *   before APPROVED: -> REFUSED | NOT_IDENTIFIABLE -> ANSWERED;  before EXECUTING: -> WITHDRAWN -> CLOSED
 *   EXECUTING -> FAILED -> EXECUTING */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

/* Kept in records: the numbers stay. X(NAME, number, word) */
#define REQUEST_STATES(X)                                                                          \
    X(RECEIVED, 0, "received")                                                                     \
    X(ID_REQUESTED, 1, "id_requested")                                                             \
    X(VERIFIED, 2, "verified")                                                                     \
    X(SCOPED, 3, "scoped")                                                                         \
    X(EXTENDED, 4, "extended")                                                                     \
    X(APPROVED, 5, "approved")                                                                     \
    X(EXECUTING, 6, "executing")                                                                   \
    X(VERIFIED_DONE, 7, "verified_done")                                                           \
    X(NOTIFYING, 8, "notifying")                                                                   \
    X(ANSWERED, 9, "answered")                                                                     \
    X(CLOSED, 10, "closed")                                                                        \
    X(REFUSED, 11, "refused")                                                                      \
    X(PARTLY_GRANTED, 12, "partly_granted")                                                        \
    X(NOT_IDENTIFIABLE, 13, "not_identifiable")                                                    \
    X(WITHDRAWN, 14, "withdrawn")                                                                  \
    X(FAILED, 15, "failed")

enum request_state {
#define X(name, number, word) REQUEST_##name = (number),
    REQUEST_STATES(X)
#undef X
        REQUEST_STATE_COUNT
};

#define REQUEST_IN(name) (UINT64_C(1) << REQUEST_##name)
/* The clock runs: the person has not been answered. */
#define REQUEST_OPEN_STATES                                                                        \
    (~(REQUEST_IN(ANSWERED) | REQUEST_IN(CLOSED) | REQUEST_IN(WITHDRAWN)) &                        \
     ((UINT64_C(1) << REQUEST_STATE_COUNT) - 1))

enum request_action {
    REQUEST_ACKNOWLEDGE,
    REQUEST_ASK_IDENTITY,
    REQUEST_VERIFY_IDENTITY,
    REQUEST_SCOPE,
    REQUEST_EXTEND,
    REQUEST_FEE,
    REQUEST_APPROVE,
    REQUEST_EXECUTE,
    REQUEST_SUCCEED, /* these three: what became of executing; no operator asks for them */
    REQUEST_SUCCEED_PARTLY,
    REQUEST_FAIL,
    REQUEST_REFUSE,
    REQUEST_GIVE_UP, /* nobody is found: a refusal for that reason becomes this */
    REQUEST_WITHDRAW,
    REQUEST_NOTIFY,
    REQUEST_ANSWER,
    REQUEST_LIFT,
    REQUEST_COMPLAIN,
    REQUEST_CLOSE,
    REQUEST_ACTION_COUNT
};

/* Words of states and actions, literals; and back. */
const char *request_state_word(enum request_state state);
bool request_state_of(struct span word, enum request_state *ret);
const char *request_action_word(enum request_action action);
/* Only those that operators ask for. */
bool request_action_of(struct span word, enum request_action *ret);

enum { REQUEST_NEEDS_MAX = 10 };

/* From which states an action is allowed, what must be said with it, and what may be. */
struct request_rule {
    const char *word;
    uint64_t from;
    bool stays; /* the state stays what it is */
    enum request_state to;
    bool internal; /* no operator asks for it */
    const char *needs[REQUEST_NEEDS_MAX];
    const char *may[REQUEST_NEEDS_MAX];
};

const struct request_rule *request_rule(enum request_action action);
/* Where the action leads from a state; false when it is not allowed there. */
bool request_next_state(enum request_state from, enum request_action action,
                        enum request_state *ret) MUST_CHECK;

/* ---- rights ---- */

enum request_right {
    REQUEST_ACCESS,
    REQUEST_RECTIFICATION,
    REQUEST_ERASURE,
    REQUEST_RESTRICTION,
    REQUEST_PORTABILITY,
    REQUEST_OBJECTION,
    REQUEST_CONSENT, /* withdrawn: Art. 7(3) */
    REQUEST_RIGHT_COUNT
};

const char *request_right_word(enum request_right right);
bool request_right_of(struct span word, enum request_right *ret);
/* "Art. 17": a literal. */
const char *request_right_law(enum request_right right);

/* ---- why a right is refused ---- */

struct request_reason {
    const char *code;
    bool needs_person; /* Art. 12(5): a named person and where the reasoning is kept */
    bool needs_law;    /* a provision must be named */
    uint64_t rights;   /* of which rights: bit n for enum request_right */
};

/* NULL: no such reason. */
const struct request_reason *request_reason_find(struct span code);
const struct request_reason *request_reason_at(size_t index); /* NULL past the last */
/* The reason of which REQUEST_GIVE_UP is made. */
#define REQUEST_REASON_NOT_IDENTIFIABLE "not_identifiable"
/* Art. 17(3): from "b" or "17(3)(b)" the latter, a literal. False when it is none of (a) to (e). */
bool request_exception(struct span text, struct span *ret) MUST_CHECK;
