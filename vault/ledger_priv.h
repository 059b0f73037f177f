/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.log: the append-only list of erasures, of holds, and of numbers and epochs that must not come back. It
 * holds random ids, times and slot numbers: no value, no identifier, no hash of one. Kept outside
 * every backup; replayed after a restore.
 *
 *   record, 128 bytes: 0 u8 version=1 | 1 u8 kind | 2 zero 6 | 8 u64 seq (from 1) | 16 i64 time_ms |
 *     24 u64 slot | 32 erasure id 16 | 48 subject id 16 | 64 i64 cutoff_ms | 72 zero 24 | 96 chain 32
 *   chain = BLAKE2b-256, keyed with the store's ledger key, over (previous chain | bytes 0..95); the
 *     chain before the first record is zero. The key stands in keys.slab (slot 2).
 *
 *   what the fields of a kind say; all others are zero:
 *   1 OPENED    the store was made: erasure id = the store's id. The first record, and no other
 *   2 ERASE     erasure id, subject id, slot = the key slot to zero, cutoff_ms = values stored up to
 *               here are meant
 *   3 CLOSED    that erasure is swept and verified: the same fields
 *   4 RESERVED  slot = slot numbers below, cutoff_ms = row numbers below are given out: written before
 *               the first of a block is, so that older files put back give none out again
 *   5 EPOCH     every key is wrapped under root key epoch `slot`, the one before has ended
 *   6 RESTORED  files of a backup were put back: erasure id = the backup's id, slot = the last record
 *               that the restored database had carried out
 *   7 SEQUENCE  numbers of typed tokens: erasure id = the sequence's id (vault__sequence_id), slot =
 *               class id | shape index << 16, cutoff_ms = numbers below are given out
 *   8 AUDIT     slot = a record's number in the audit trail, erasure id and subject id = the trail's chain
 *               after it: what is there up to here was there
 *   9 HOLD      a legal hold: erasure id = the hold's, subject id and slot = whose values (zero:
 *               everybody's), cutoff_ms = class id (0: all)
 *   10 LIFT     that hold has ended: the same fields
 *   11 RESTRICT processing is restricted: erasure id = the restriction's, subject id, slot, cutoff_ms = the
 *               letter of the ground in Art. 18(1)
 *   12 UNRESTRICT  all restrictions of a subject have ended, or the one whose id stands as erasure id:
 *               subject id, slot, cutoff_ms = when he was told, in seconds since 1970
 *   13 WAIT     an erasure that waits for holds to end: erasure id, subject id, slot, cutoff_ms = domain
 *   14 OBJECT   an objection: erasure id = first half of the hash of the purpose's name, subject id, slot,
 *               cutoff_ms = 1 made, 0 withdrawn
 *   15 CONSENT  to a purpose: the fields of 14, cutoff_ms = 1 withdrawn, 0 given (again)
 *
 * A tail that is shorter than a record, or all zeroes, is a write that was never acknowledged: cut
 * off at open. A kind that is not listed is a newer version's. Anything else that does not verify is
 * CORRUPT. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/crypto_priv.h"

enum { LEDGER_RECORD_BYTES = 128 };
enum ledger_kind {
    LEDGER_OPENED = 1,
    LEDGER_ERASE = 2,
    LEDGER_CLOSED = 3,
    LEDGER_RESERVED = 4,
    LEDGER_EPOCH = 5,
    LEDGER_RESTORED = 6,
    LEDGER_SEQUENCE = 7,
    LEDGER_AUDIT = 8,
    LEDGER_HOLD = 9,
    LEDGER_LIFT = 10,
    LEDGER_RESTRICT = 11,
    LEDGER_UNRESTRICT = 12,
    LEDGER_WAIT = 13,
    LEDGER_OBJECT = 14,
    LEDGER_CONSENT = 15,
    LEDGER_LAST = LEDGER_CONSENT
};

/* What the fields mean depends on the kind: see above. */
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
/* The same to look at it only: nothing is changed, also where somebody else appends to it. */
enum err ledger_view(const char *path, const uint8_t key[CRYPTO_KEY_BYTES],
                     const uint8_t store_id[VAULT_ID_BYTES], struct ledger **ret_ledger,
                     struct errmsg *msg) MUST_CHECK;
void ledger_close(struct ledger **ledger);
/* Wipe the key, and take it again: appending and reading are SEALED meanwhile. By the writer; a walk
 * over the records that has begun goes to its end. NULL is fine. */
void ledger_seal(struct ledger *l);
void ledger_unseal(struct ledger *l, const uint8_t key[CRYPTO_KEY_BYTES]);
/* One record as it stands in a file, without a key: chain is what it claims. NOT_FOUND past the end,
 * CORRUPT when it does not carry its number, IO. */
enum err ledger_look(const char *path, uint64_t seq, struct ledger_record *ret,
                     uint8_t ret_chain[CRYPTO_HASH_BYTES]) MUST_CHECK;
/* Append and fdatasync; fills seq. On an error nothing counts as appended (the tail is cut back). */
enum err ledger_append(struct ledger *l, struct ledger_record *record) MUST_CHECK;
/* The same for several, with a sync for each sector of four: a sector is written whole or not, so that a
 * crash leaves no hole in the chain. On an error the first of them may have been appended. */
enum err ledger_append_all(struct ledger *l, struct ledger_record *records, size_t count)
    MUST_CHECK;
uint64_t ledger_seq(const struct ledger *l);
void ledger_head(const struct ledger *l, uint8_t ret[CRYPTO_HASH_BYTES]);
/* Both at one moment. */
uint64_t ledger_position(const struct ledger *l, uint8_t ret_head[CRYPTO_HASH_BYTES]);
/* The chain's value after record `seq`, from the file (0: before the first). NOT_FOUND past the end. */
enum err ledger_head_at(const struct ledger *l, uint64_t seq, uint8_t ret[CRYPTO_HASH_BYTES])
    MUST_CHECK;
/* `len` bytes of the records at `at`; CORRUPT when there are not so many. */
enum err ledger_bytes(const struct ledger *l, uint64_t at, void *to, size_t len) MUST_CHECK;
/* Is this the file that is open here? */
bool ledger_is_file(const struct ledger *l, int fd);
struct mirror;
/* From now on every record goes to the mirror, too, before it counts as appended: one more sync. The
 * ledger closes it. */
void ledger_mirror_with(struct ledger *l, struct mirror *mirror);
/* Every record in order, from the file. */
enum err ledger_each(struct ledger *l, enum err (*fn)(const struct ledger_record *, void *),
                     void *context) MUST_CHECK;
