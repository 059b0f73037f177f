/* SPDX-License-Identifier: Apache-2.0 */
/* A restore at work: what restore.c changes and restore_check.c looks at before. */
#pragma once

#include "vault/backup_priv.h"
#include "vault/restore.h"

/* Copies that are not in place yet, and what stands behind the names of files that are replaced. */
#define RESTORE_DB     VAULT_DB ".restoring"
#define RESTORE_SLAB   VAULT_SLAB ".restoring"
#define RESTORE_LEDGER VAULT_LEDGER ".restoring"
#define RESTORE_ASIDE  ".replaced"

/* What makes a directory hold a store already. */
enum { RESTORE_TARGETS = 2 };
extern const char *const vault__restore_targets[RESTORE_TARGETS];

struct restore {
    const struct vault_restore_options *options;
    const char *dir;
    int lock_fd;
    struct manifest data, keys;
    struct slab *slab;     /* the staged one */
    struct ledger *ledger; /* the live one, or the staged copy of it */
};

bool vault__restore_has(const struct restore *j, const char *name);
/* Stage copies of everything and see that they fit each other, the ledger and the root keys; fills the
 * manifests. *ret_erasures: how many the ledger holds that the data have not seen. */
enum err vault__restore_check(struct restore *j, uint64_t *ret_erasures, struct errmsg *msg)
    MUST_CHECK;
