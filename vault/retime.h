/* SPDX-License-Identifier: Apache-2.0 */
/* Another due time for rows that are there: after the class's rule changed, or what it counts from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/vault.h"

/* Where the last batch ended; all 0 at first. */
struct vault_retime_at {
    uint16_t class_id;
    uint64_t row;
    int64_t event_mark; /* events that had not reached all rows when it began (events.h) */
};

/* Seal rows again under the due time that their class's rule gives them now: those of one person, or of one
 * class, or of one person in one class. A batch looks at up to `limit` rows, at few only while values are being stored;
 * repeat from `next` on while `more`. Rows that are right cost a look and no writing; a row whose time is
 * over is left to the sweeper, whatever the rule says now, and so is one of an erased person. Token,
 * value and creation stay. When all classes of a person have been looked at, no event of theirs is
 * pending any more. Counters move in the same commit. Done = durable, and no reader answers by the
 * old due time. Errors: NOT_FOUND (class), INVALID (neither person nor class; no limit), IO, NO_SPACE. */
struct vault_retime {
    struct vault_op op;      /* kind VAULT_RETIME */
    uint64_t slot;           /* whose; 0: everybody's of the class */
    uint16_t class_id;       /* 0 (with a slot): all classes */
    const struct rule *rule; /* with a class: only while this is its rule, CONFLICT otherwise; NULL:
                                * whatever it has */
    size_t limit;            /* and 10,000 */
    struct vault_retime_at at;   /* where it begins */
    struct vault_retime_at next; /* out: where it ended */
    size_t looked;               /* out, of this batch: rows */
    size_t changed;              /* ... that have another due time now */
    size_t unreadable;           /* ... that do not open, and stay as they are */
    bool more;                   /* out */
};
