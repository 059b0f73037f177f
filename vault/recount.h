/* SPDX-License-Identifier: Apache-2.0 */
/* Maintained counters held against the rows they count, and old tokens against the rows they lead to. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

struct vault_recount {
    uint64_t items;    /* as the counters have it */
    uint64_t counted;  /* rows that there are */
    uint64_t subjects; /* that have one of them */
    uint64_t differ;   /* pairs of days (created, due) of which counters and rows differ */
    uint64_t lost;     /* old tokens of a renewal (renew.h) that are remembered of no row */
};

/* One of these, which traffic does not change: a pair of days, and what has to be added to its counter; or an old
 * token that is to be forgotten. */
struct vault_recount_difference {
    uint16_t class_id;
    bool is_lost;
    int64_t created_day, due_day;
    int64_t n;
    uint64_t old_number; /* of a lost one: the others are 0 */
};

/* Count the rows of a class in one state of the database, its counters and old tokens in the same. Traffic goes on;
 * when a log has to be cut, as after an erasure, it gives way at once and begins again: BUSY when that came too often.
 * CANCELED once *stop (may be NULL). Any thread that is not inside a read transaction; blocks for as long as
 * reading all rows takes. */
enum err vault_recount(struct vault *v, uint16_t class_id, const atomic_bool *stop,
                       struct vault_recount *ret) MUST_CHECK;
/* The same, and what differs: ret->differ pairs in the order of the days, then ret->lost old tokens in theirs. Caller
 * frees *ret_list with free(). What puts it right is struct vault_records_write. */
enum err vault_recount_list(struct vault *v, uint16_t class_id, const atomic_bool *stop,
                            struct vault_recount *ret, struct vault_recount_difference **ret_list)
    MUST_CHECK;
