/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a backup back (vault/backup.h). The ledger decides what may be: it is never in a backup, and
 * what it holds beyond the backup is carried out before anybody is served. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

struct vault_restore_options {
    struct vault_options store; /* where to, the present root keys, classes, the mirror */
    const char *data_file;      /* DATA/vault-TIME.db; its manifest beside it */
    const char *keys_file;      /* KEYS/keys.slab; its manifest beside it */
    const char *ledger_file;    /* the live ledger; NULL: the store's own, or its mirror */
    bool replace;               /* the store that is there may be replaced */
};

struct vault_restored {
    char data_time[24];
    char keys_time[24];
    uint64_t data_entries;   /* of the ledger when the data were backed up */
    uint64_t ledger_entries; /* now, the restore's own included */
    uint64_t erasures;       /* entries of erasures that the data had not seen: carried out again */
};

/* Restore into the store's directory (made when it is missing). Everything is looked at first: until
 * then, and when it fails later, the store is as it was. From the first change to the end a marker
 * makes vault_open() refuse, so that a process that is killed leaves the old store or one that wants
 * vault_restore() again; that may be given other files.
 * Errors, with a message that names the file, the reason and what to do: BUSY (a process has the store),
 * CONFLICT (a store is there and `replace` is not said, or it is another's), CORRUPT (a file damaged,
 * altered or not of this store; keys older than the data; ledger missing, damaged, another store's, or
 * shorter than the backups or the replaced store know), SEALED (the keys are of a root key epoch that
 * has ended), and what vault_open() says. Blocks long. */
enum err vault_restore(const struct vault_restore_options *options, struct vault_restored *ret,
                       struct errmsg *msg) MUST_CHECK;

/* When this store was restored last, by its ledger; 0: never. What was to work once, and is older, may have worked already.
 * Any thread; does not block. */
int64_t vault_restored_ms(const struct vault *v);
