/* SPDX-License-Identifier: Apache-2.0 */
/* What watches over the values of one answer: canaries, quotas, how many people it shows. Told of each live
 * token before its value is shown, and of each that is none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proxy/quota.h"
#include "proxy/transform.h"

enum { GUARD_FEW = 8, GUARD_SUBJECTS_DEFAULT = 1000 };

/* What a caller's quotas are; the quotas outlive their users. */
struct guard_rules {
    struct quotas *quotas; /* NULL: it has none */
    struct quota *list[QUOTA_LIST_MAX];
    size_t count;
    struct quota *misses;    /* NULL: not counted */
    struct quota *lookups;   /* likewise */
    uint16_t purpose;        /* what it asks for (vault_purpose_id()); 0: nothing said */
    bool legal;              /* ... which is a legal claim: holds keep values for it */
    bool masks;              /* masks count as well as values */
    enum reveal_action then; /* instead of a value that would be too many */
};

enum guard_state { GUARD_UNCOUNTED, GUARD_COUNTED, GUARD_FULL /* a quota has no room for it */ };

struct guard_subject {
    uint64_t slot; /* 0: free */
    enum guard_state state;
};

struct reveal_guard {
    const struct vault *vault;
    struct guard_rules rules;
    uint16_t purpose; /* of the rules, with or without quotas */
    bool legal;
    size_t max; /* subjects in one answer */
    int64_t now_s;
    bool closed; /* nothing is shown: too many misses */

    struct guard_subject *last; /* in one of the two below */
    struct guard_subject few[GUARD_FEW];
    struct guard_subject *many; /* a table, once there are more */
    size_t count, room;

    /* What came of it. */
    uint64_t canary;     /* whose value was about to be shown; 0: nobody's */
    size_t too_many;     /* tokens that stayed: the answer shows `max` people */
    size_t stepped_down; /* values that were not shown for a quota's sake */
    bool refused;        /* a look-up: its quota is used up */
    bool crossed;        /* a quota was used up by this answer */
    bool missed;         /* so were the misses */
};

/* max 0: GUARD_SUBJECTS_DEFAULT. now_s is asked for only if there are quotas. */
void guard_init(struct reveal_guard *g, struct vault *v, const struct guard_rules *rules,
                size_t max);
/* *action: what is to be shown of this subject's value; what is shown becomes it. DENIED: it is a canary:
 * nothing of the answer may be shown. */
enum err guard_judge(struct reveal_guard *g, uint64_t slot, enum reveal_action *action) MUST_CHECK;
/* A token was dead, or somebody else's. */
void guard_miss(struct reveal_guard *g);
/* A value is about to be looked up. LIMIT: too many different ones. */
enum err guard_look_up(struct reveal_guard *g, uint16_t class_id, struct span value) MUST_CHECK;
/* A later piece of the same answer: time has gone on. Whom it shows is looked for anew in the quotas every
 * minute, so that none forgets a person who is shown all along. */
void guard_go_on(struct reveal_guard *g, struct vault *v);
void guard_done(struct reveal_guard *g);
