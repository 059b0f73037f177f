/* SPDX-License-Identifier: Apache-2.0 */
/* Backups of a store that is in use. Ciphertext and keys go to different places, since only so can an
 * erasure outlive them: data backups are kept as long as one likes, of the keys there is the latest
 * only. The ledger and the root key are in neither.
 *
 *   DATA/vault-20261124T183622Z.db     a copy of vault.db, one a backup
 *   DATA/vault-20261124T183622Z.json   its manifest; without it the copy is not taken
 *   KEYS/keys.slab, KEYS/keys.json     the keys and their manifest; the copy before is overwritten
 *   KEYS/keys.json.next                a manifest on its way: keys.slab goes with the one that fits */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

struct vault_backup {
    uint8_t id[VAULT_ID_BYTES];
    char time[24]; /* of the snapshot: "2026-11-24T18:36:22Z" */
    char *data_file;
    char *keys_file;
    uint64_t data_bytes;
    uint64_t keys_bytes;
    uint64_t ledger_entries; /* a restore needs a ledger that has at least these */
    uint32_t epoch;          /* ... and this root key */
    bool same_file_system;   /* of the two directories: one failure may take both */
};

/* Back the store up while it is read and written. The directories are made (0700) when they are
 * missing, their parents are not. Nothing that a restore would take is left by a backup that fails or
 * is killed; the keys of the one before stay usable until the new ones are.
 * Errors, with a message that names the file: INVALID (the directories are the same, inside one another
 * or inside the store), CONFLICT (KEYS holds another store's keys; a backup of this second exists),
 * BUSY (another backup is running), CANCELED (vault_backup_stop()), SEALED, NO_SPACE, IO, CORRUPT
 * (the database is damaged: found by checking the copy). ret: vault_backup_done(). Any thread but the
 * vault's own; blocks long. */
enum err vault_backup(struct vault *v, const char *data_dir, const char *keys_dir,
                      struct vault_backup *ret, struct errmsg *msg) MUST_CHECK;
void vault_backup_done(struct vault_backup *backup);
/* End a backup that is running, and every later one, with CANCELED: before vault_close(). */
void vault_backup_stop(struct vault *v);
