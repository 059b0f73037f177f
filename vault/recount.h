/* SPDX-License-Identifier: Apache-2.0 */
/* Maintained counters held against the rows they count. */
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
    uint64_t
        differ; /* pairs of days (created, due) of which counters and rows say another number */
};

/* Count the rows of a class in one state of the database, and its counters in the same. Traffic goes on; when a
 * log has to be cut, as after an erasure, it gives way at once and begins again: BUSY when that came too often.
 * CANCELED once *stop (may be NULL). Any thread that is not inside a read transaction; blocks for as long as
 * reading all rows takes. */
enum err vault_recount(struct vault *v, uint16_t class_id, const atomic_bool *stop,
                       struct vault_recount *ret) MUST_CHECK;
