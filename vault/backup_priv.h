/* SPDX-License-Identifier: Apache-2.0 */
/* The keys' half of a backup, and names that backup and restore share. */
#pragma once

#include "vault/backup.h"
#include "vault/manifest_priv.h"
#include "vault/vault_priv.h"

#define BACKUP_KEYS          "keys.slab"
#define BACKUP_KEYS_PART     ".keys.slab.part" /* being written, or the one before, to be wiped */
#define BACKUP_KEYS_JSON     "keys.json"
#define BACKUP_KEYS_JSON_NEW "keys.json.next"

/* SHA-256 and length of a file. */
enum err vault__file_digest(const char *path, uint8_t ret[CRYPTO_HASH_BYTES], uint64_t *ret_bytes)
    MUST_CHECK;
/* "2026-11-24T18:36:22Z" of now. */
void vault__backup_time(char out[MANIFEST_TIME_BYTES]);

/* Clear away what an earlier backup left half done in `dir`. CONFLICT with a message: the keys there
 * are another store's. */
enum err vault__keys_tidy(const char *dir, const uint8_t store_id[VAULT_ID_BYTES],
                          struct errmsg *msg) MUST_CHECK;
/* Copy the slab as it is now beside the copy that is there; fills epoch, marks, bytes and digest. */
enum err vault__keys_copy(const struct vault *v, const char *dir, struct manifest *m,
                          struct errmsg *msg) MUST_CHECK;
/* Put the copy and its manifest in the place of those before, whose bytes are overwritten. */
enum err vault__keys_publish(const struct vault *v, const char *dir, const struct manifest *m,
                             struct errmsg *msg) MUST_CHECK;

/* Copy the audit trail's segments beside the data, those that are not there yet. IO, NO_SPACE with a message. */
enum err vault__audit_backup(const struct vault *v, const char *data_dir, struct errmsg *msg)
    MUST_CHECK;
/* Put them into a store that has no trail, from beside a data file. */
enum err vault__audit_restore(const char *data_file, const uint8_t store_id[VAULT_ID_BYTES],
                              const char *dir, struct errmsg *msg) MUST_CHECK;
