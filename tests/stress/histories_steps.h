/* SPDX-License-Identifier: Apache-2.0 */
/* What random histories (histories.c) are made of, drawn from a seed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum act {
    STORE,
    STORE_MANY,
    READ,
    RECTIFY,
    ERASE,
    SWEEP,
    WAIT,
    WAIT_FOR_DUE,
    HOLD,
    LIFT,
    EVENT,
    RESTRICT,
    UNRESTRICT,
    CHANGE,
    RESTART,
    ERASE_SOME,
    KILL,
    RUN_WAITING,
    END_EXCEPTIONS,
    CONSENT,
    FINISH_CONSENTS,
    ACTS
};

static const char *const act_names[ACTS] = {
    "store",          "store many",   "read",           "rectify",    "erase", "sweep",
    "wait",           "wait for due", "hold",           "lift",       "event", "restrict",
    "unrestrict",     "change rules", "restart",        "erase some", "kill",  "run waiting",
    "end exceptions", "consent",      "finish consents"};
/* How often each comes, of a hundred. */
static const uint32_t weights[ACTS] = {23, 4, 13, 4, 3, 10, 8, 8, 2, 2, 6,
                                       1,  1, 1,  2, 4, 1,  2, 2, 2, 1};

struct step {
    enum act act;
    uint32_t a, b, c;
};

static inline uint32_t draw(uint64_t *rng)
{
    *rng = *rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*rng >> 33);
}

static inline void draw_history(uint64_t seed, struct step *steps, size_t count)
{
    uint64_t rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

    for (size_t i = 0; i < count; i++) {
        uint32_t at = draw(&rng) % 100;
        enum act act = 0;

        while (at >= weights[act])
            at -= weights[act++];
        steps[i] = (struct step){act, draw(&rng), draw(&rng), draw(&rng)};
    }
}
