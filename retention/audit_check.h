/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own check of its audit trail: all of it is recomputed each night, and what came of it is kept with the
 * store, for the overview. It tells of damage; whoever may write the store's files may write that, too: proof is
 * `lethe audit verify` with heads that were kept elsewhere. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/audit_verify.h"
#include "vault/records.h"
#include "vault/vault.h"

struct audit_check_result {
    int64_t at_ms;
    enum audit_verdict verdict;
    uint64_t records;
    uint64_t findings;
};

/* CANCELED once *stop (may be NULL), with nothing recorded. Errors are those of looking: what is wrong is in the
 * record, and in the log. Worker thread; blocks long, holds up nobody. */
enum err audit_check_run(struct vault *vault, const atomic_bool *stop) MUST_CHECK;
/* What was found last. NOT_FOUND: nobody has looked yet. */
enum err audit_check_last(struct vault_records *records, struct audit_check_result *ret) MUST_CHECK;
