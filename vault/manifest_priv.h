/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside a file of a backup: whose it is, when it was made, what it was made from. One line
 * of JSON, signed with the store's key over "lethe-v1 backup\0" and the line without its signature. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/crypto_priv.h"

enum manifest_part { MANIFEST_DATA, MANIFEST_KEYS };
enum { MANIFEST_TIME_BYTES = 24, MANIFEST_FILE_MAX = 64, MANIFEST_VERSION_MAX = 32 };

struct manifest {
    enum manifest_part part;
    uint8_t store[VAULT_ID_BYTES];
    uint8_t backup[VAULT_ID_BYTES]; /* the same in both parts of one backup */
    char time[MANIFEST_TIME_BYTES]; /* when the snapshot was taken: "2026-11-24T18:36:22Z" */
    uint32_t epoch;                 /* that new keys were wrapped under */
    uint64_t entries;               /* of the ledger when the backup was made */
    uint8_t head[CRYPTO_HASH_BYTES];
    uint64_t rows;  /* row numbers below had been given out */
    uint64_t slots; /* slot numbers below had been given out */
    char file[MANIFEST_FILE_MAX];
    uint64_t bytes;
    uint8_t sha256[CRYPTO_HASH_BYTES];
    char version[MANIFEST_VERSION_MAX]; /* of the program */
};

/* Write and sync a file (0600), signed by the vault. SEALED, IO, NO_SPACE. */
enum err manifest_write(const char *path, const struct manifest *m, const struct vault *signer)
    MUST_CHECK;

struct manifest_signature {
    uint8_t bytes[VAULT_SIGNATURE_BYTES];
};
/* Read one. NOT_FOUND: there is no such file. CORRUPT: no manifest of this format. */
enum err manifest_read(const char *path, struct manifest *ret,
                       struct manifest_signature *ret_signature) MUST_CHECK;
/* Has the store whose public key this is signed it? */
bool manifest_is_signed(const struct manifest *m, const struct manifest_signature *signature,
                        const uint8_t public_key[VAULT_PUBLIC_BYTES]);
