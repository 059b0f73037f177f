/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures that leave something, over a small real store: classes, and what became of values. */
#pragma once

#include <criterion/criterion.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "retention/partial.h"
#include "tests/support/vault_rig.h"

#define CLASSES                                                                                    \
    "mail: {format: email, deterministic: true, identifies: true, purposes: [account], "           \
    "basis: \"6(1)(b)\", retain: {period: P2Y}}\n"                                                 \
    "note: {purposes: [support], basis: \"6(1)(f)\", retain: {period: P1Y}}\n"                     \
    "bill: {purposes: [account], basis: \"6(1)(b)\", retain: {period: P10Y}}\n"                    \
    "plate: {deterministic: true, purposes: [account], basis: \"6(1)(b)\", "                       \
    "retain: {period: P10Y}}\n"

#define WITH_MINIMUM                                                                               \
    CLASSES "books: {purposes: [account], basis: \"6(1)(c)\", law: \"HGB 257\", "                  \
            "retain: {period: P10Y, minimum: P8Y, minimum_law: \"HGB 257(1)\"}}\n"

static inline void start_with(struct rig *r, const char *classes)
{
    rig_init_with(r, classes);
    rig_log(r);
}

static inline void start(struct rig *r)
{
    start_with(r, CLASSES);
}

static inline void clear_fault(void)
{
    fault_test_set(NULL, NULL);
}

static inline size_t end_exceptions(struct rig *r)
{
    struct erasures *e = erasures_new(r->vault, NULL);
    size_t count = 0;

    cr_assert_eq(erasure_end_exceptions(e, &count), ERR_OK);
    erasures_free(&e);
    return count;
}

static inline bool is_gone(struct rig *r, const struct token_text *token)
{
    char value[256];

    return rig_reveal(r, token, value) == ERR_NOT_FOUND;
}

static inline bool is_restricted(struct rig *r, const struct token_text *token)
{
    char value[256];

    return rig_reveal(r, token, value) == ERR_RESTRICTED;
}

static inline size_t run_waiting(struct rig *r)
{
    struct erasures *e = erasures_new(r->vault, NULL);
    struct erasure_resumed resumed;

    cr_assert_eq(erasure_run_waiting(e, &resumed), ERR_OK);
    erasures_free(&e);
    return resumed.completed;
}
