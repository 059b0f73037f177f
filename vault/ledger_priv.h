/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.log: the append-only list of erasures. It holds random ids, times and slot numbers: no value,
 * no identifier, no hash of one. Kept outside every backup; replayed after a restore.
 *
 *   record, 128 bytes: u8 version=1 | u8 kind | 6 zero | u64 seq (from 1) | i64 time_ms | u64 slot |
 *     16 erasure id | 16 subject id | i64 cutoff_ms | 24 zero | 32 chain
 *   chain = BLAKE2b-256 keyed with a key derived from the root over (previous chain | bytes 0..95)
 *
 * The first record is kind OPENED and names the store in the erasure id. A tail that is shorter than a
 * record, or all zeroes, is a write that was never acknowledged: cut off at open. Anything else
 * that does not verify is CORRUPT. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/crypto_priv.h"

enum { LEDGER_RECORD_BYTES = 128 };
enum ledger_kind { LEDGER_OPENED = 1, LEDGER_ERASE = 2, LEDGER_CLOSED = 3 };

struct ledger_record {
    enum ledger_kind kind;
    uint64_t seq;
    int64_t time_ms;
    uint64_t slot;
    uint8_t erasure[VAULT_ID_BYTES];
    uint8_t subject[VAULT_ID_BYTES];
    int64_t cutoff_ms;
};

struct ledger;

enum err ledger_create(const char *path, const uint8_t key[CRYPTO_KEY_BYTES],
                       const uint8_t store_id[VAULT_ID_BYTES], struct errmsg *msg) MUST_CHECK;
/* Read and verify the whole chain. CORRUPT with a message: altered, of another store, newer format. */
enum err ledger_open(const char *path, const uint8_t key[CRYPTO_KEY_BYTES],
                     const uint8_t store_id[VAULT_ID_BYTES], struct ledger **ret_ledger,
                     struct errmsg *msg) MUST_CHECK;
void ledger_close(struct ledger **ledger);
/* Append and fdatasync; fills seq. On an error nothing counts as appended (the tail is cut back). */
enum err ledger_append(struct ledger *l, struct ledger_record *record) MUST_CHECK;
uint64_t ledger_seq(const struct ledger *l);
void ledger_head(const struct ledger *l, uint8_t ret[CRYPTO_HASH_BYTES]);
/* Every record in order, from the file. */
enum err ledger_each(struct ledger *l, enum err (*fn)(const struct ledger_record *, void *),
                     void *context) MUST_CHECK;
