/* SPDX-License-Identifier: Apache-2.0 */
/* Notices to recipients (Art. 19): that a person's data was erased or rectified, that its processing is restricted
 * or not any more. A notice names tokens, a random id and a date, and nobody. docs/NOTICES.md describes them for
 * those who receive and those who keep them.
 *
 * Each is a record of the vault (vault/records.h), made before or with what it tells of, so that no crash loses one:
 *
 *   slot    the person's
 *   due_ms  when to send it (again); 0: it is not to be sent
 *   body    {"recipient", "event", "part", "parts", "count", "tokens", "at", "reference", "deadline", "tries",
 *            "error", "since", "how", "who", "closed"} */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "retention/recipients.h"
#include "vault/vault.h"

/* Kept in records: the numbers stay. X(NAME, number, word) */
#define NOTICE_STATES(X)                                                                           \
    X(PLANNED, 0, "planned") /* what it tells of has not happened */                               \
    X(TO_SEND, 1, "to send")                                                                       \
    X(BY_HAND, 2, "to tell by hand")                                                               \
    X(ACKNOWLEDGED, 3, "acknowledged")                                                             \
    X(NOTHING_THERE, 4, "nothing there") /* the recipient says that it has nothing */              \
    X(TOLD, 5, "told by hand")                                                                     \
    X(IMPOSSIBLE, 6, "impossible") /* or takes disproportionate effort */                          \
    X(FAILED, 7, "failed")         /* tried for NOTICE_DAYS in vain */                             \
    X(WITHDRAWN, 8, "withdrawn")   /* what it was to tell of did not happen */

enum notice_state {
#define X(name, number, word) NOTICE_##name = (number),
    NOTICE_STATES(X)
#undef X
        NOTICE_STATE_COUNT
};

enum {
    NOTICE_DAYS = 7,          /* until a notice must have arrived */
    NOTICE_TOKENS_MAX = 500,  /* in one notice; more are told in several */
    NOTICE_BYTES_MAX = 32768, /* of tokens in one notice */
    NOTICE_HOW_MAX = 256
};

#define NOTICE_IN(name)    (UINT64_C(1) << NOTICE_##name)
/* The recipient does not know yet. */
#define NOTICE_OPEN_STATES (NOTICE_IN(TO_SEND) | NOTICE_IN(BY_HAND) | NOTICE_IN(FAILED))

const char *notice_state_word(enum notice_state state); /* a literal */

/* ---- making them ---- */

struct notices;

/* The vault must outlive it. Caller frees with notices_free(). */
struct notices *notices_new(struct vault *vault);
void notices_free(struct notices **notices);
/* Who is told from now on. Any thread. */
void notices_configure(struct notices *notices, const struct recipients *recipients);
/* What was under way when the last process ended. At start, before anything else is done with it; worker
 * thread; blocks. */
enum err notices_resume(struct notices *notices) MUST_CHECK;

/* All of these: worker thread or command line, outside of a read transaction; block. Nothing is done without
 * recipients. Errors: IO, NO_SPACE, BUSY, CORRUPT.
 *
 * Note which tokens the person has whom this is to erase, for when he is; what was noted before gives way. */
enum err notices_plan_erasure(struct notices *notices, const struct vault_erase *op) MUST_CHECK;
/* He is erased: what was planned is to be sent. Again: nothing more happens. */
enum err notices_erased(struct notices *notices, const struct vault_erasure *erasure) MUST_CHECK;
/* A token is to stand for another value; then that it does, or that it was not to be. */
struct notice_plan {
    uint64_t slot; /* 0: nobody is told */
};
enum err notices_plan_rectification(struct notices *notices, const struct vault_rectify *op,
                                    struct notice_plan *ret) MUST_CHECK;
enum err notices_end_plan(struct notices *notices, const struct notice_plan *plan, bool happened)
    MUST_CHECK;
/* Restrictions were set or lifted: the next pass looks which. Does not block. */
void notices_look_again(struct notices *notices);

/* ---- sending ---- */

/* Notice what was restricted, and send what is due, each recipient until it fails once. Ends early when *stop
 * becomes true. One thread at a time; blocks long. */
enum err notices_pass(struct notices *notices, const atomic_bool *stop) MUST_CHECK;
/* From the `tries`th failure on to the next try. */
int64_t notice_pause_ms(unsigned tries);

/* ---- the book ---- */

struct notice_figures {
    uint64_t all; /* planned and withdrawn ones left out */
    uint64_t open;
};

/* Of the person of this slot. Blocks shortly. */
enum err notices_count(struct vault *vault, uint64_t slot, struct notice_figures *ret) MUST_CHECK;
/* Numbers of all by state; `states` has NOTICE_STATE_COUNT. */
enum err notices_count_states(struct vault *vault, uint64_t *states) MUST_CHECK;
/* Up to `limit` after number `after` in one of `states`, as maps without their tokens, added to `list`. *ret_more:
 * there are more. */
enum err notices_list(struct vault *vault, uint64_t states, uint64_t after, size_t limit,
                      struct json *list, bool *ret_more) MUST_CHECK;
/* Must somebody act on this one, of notices_list(), at `now_s`? A literal that says why; NULL: nobody must. */
const char *notice_attention(const struct json *notice, int64_t now_s);
/* It was told by hand, or cannot be. Errors with a message: NOT_FOUND, CONFLICT (it is not open), INVALID. */
enum err notices_done(struct vault *vault, uint64_t number, bool impossible, struct span how,
                      const char *who, struct errmsg *msg) MUST_CHECK;
/* Send it again now. Errors with a message: NOT_FOUND, CONFLICT (it is not one that is sent). */
enum err notices_retry(struct vault *vault, uint64_t number, struct errmsg *msg) MUST_CHECK;
