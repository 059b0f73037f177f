/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas: how many different subjects somebody may see within any hour or day, exactly. What counts is
 * written to the vault soon after it was counted, and read again at start, so that a restart gives nobody a
 * new quota. Shared by the loops. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

enum { QUOTA_SUBJECTS_MAX = 1000000, QUOTA_LIST_MAX = 4 };

struct quotas;
struct quota;

/* Read what counts still. ret_quotas: quotas_free(), after the last use and before the vault's end; it
 * waits for what is being written. Blocks shortly. */
enum err quotas_open(struct vault *v, struct quotas **ret_quotas) MUST_CHECK;
void quotas_free(struct quotas **quotas);

/* The quota of this name: at most `limit` (up to QUOTA_SUBJECTS_MAX) in any window_s. One that is there
 * keeps what it has counted, and gets the limit. kept: a restart remembers it. Lives as long as quotas. */
struct quota *quotas_get(struct quotas *quotas, const char *name, int64_t window_s, size_t limit,
                         bool kept);

enum quota_verdict {
    QUOTA_ROOM,    /* it counts, in all of them, as it may have before */
    QUOTA_USED_UP, /* in one of them it does not, for want of room: it counts in none */
    QUOTA_CROSSED  /* the same, and this is the first time since half of it was free */
};

/* Count a subject in all of the quotas. Any thread; takes a lock for a moment. */
enum quota_verdict quotas_take(struct quotas *quotas, struct quota *const *list, size_t count,
                               uint64_t subject, int64_t now_s);
/* Is there room for nobody? */
bool quota_is_used_up(struct quotas *quotas, struct quota *quota, int64_t now_s);
/* How many subjects count now, of how many. Any thread. */
struct quota_state {
    int64_t window_s;
    size_t limit;
    size_t used;
};
void quota_read(struct quotas *quotas, struct quota *quota, int64_t now_s, struct quota_state *ret);
/* A number for a text, for counting it: means nothing outside this process. Never 0. */
uint64_t quotas_hash(const struct quotas *quotas, uint16_t kind, struct span text);
