/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a ledger, and giving it a mirror, beside a server or without one. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

enum vault_ledger_verdict {
    VAULT_LEDGER_WHOLE,
    VAULT_LEDGER_ALTERED,   /* an entry does not verify */
    VAULT_LEDGER_SHORTENED, /* whole, but the store or the mirror has seen more, or other, entries */
    VAULT_LEDGER_FOREIGN,   /* another store's */
    VAULT_LEDGER_MISSING
};

struct vault_ledger_report {
    enum vault_ledger_verdict verdict;
    struct errmsg why; /* of every verdict but WHOLE */
    /* WHOLE and SHORTENED: */
    uint64_t entries;
    uint8_t head[32];       /* the chain's value after the last */
    uint64_t erasures;      /* entries that begin one */
    uint64_t open_erasures; /* of these: not closed yet */
};

/* Verify a copy of the store's ledger (NULL: its own) and compare it with what the store's database and
 * the mirror have seen. Changes nothing and takes no lock: a server may run. Errors are those of looking:
 * SEALED, IO, CORRUPT (keys.slab or vault.db). Blocks. */
enum err vault_ledger_verify(const struct vault_options *options, const char *file,
                             struct vault_ledger_report *ret, struct errmsg *msg) MUST_CHECK;

/* Make the mirror that `options` names: nothing else ever does, so that a mirror that is missing is
 * noticed. CONFLICT: a file is there already; BUSY: a server runs. Blocks. */
enum err vault_ledger_mirror(const struct vault_options *options, struct errmsg *msg) MUST_CHECK;
