/* SPDX-License-Identifier: Apache-2.0 */
/* What other deletion rules would make of the values that are there: counted, nothing is changed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vault/vault.h"

/* One state of the database, for one thread. While it is open the write-ahead log is not cut, so that an erasure
 * waits with its last step. */
struct vault_preview;

/* Any thread that is not inside a read transaction. SEALED, IO. Blocks shortly. */
enum err vault_preview_open(struct vault *v, struct vault_preview **ret_preview) MUST_CHECK;
void vault_preview_close(struct vault_preview **preview);

/* Do the values of this class fall due by this very rule, so that there is nothing to look at? False also for
 * a class that the store does not have. */
enum err vault_preview_is_applied(struct vault_preview *p, const struct class_def *def, bool *ret)
    MUST_CHECK;

struct vault_preview_count {
    uint64_t values;    /* that are alive at now_s */
    uint64_t earlier;   /* of these: due earlier by the rule */
    uint64_t later;     /* ... later */
    uint64_t at_once;   /* ... by the rule due at now_s: destroyed by the next sweep */
    uint64_t held;      /* ... due as well, but on hold or kept: destroyed when that ends */
    uint64_t at_past_s; /* of at_once: due at past_s already */
};

/* Count the values of a class of the store under a rule, as re-timing (retime.h) would change them: values
 * whose time is over, and those of erased people, are none. Reads the whole class, some million values a
 * second. NOT_FOUND (class), CANCELED (vault_backup_stop()), IO. Blocks long. */
enum err vault_preview_class(struct vault_preview *p, uint16_t class_id, const struct rule *rule,
                             int64_t now_s, int64_t past_s, struct vault_preview_count *ret)
    MUST_CHECK;
