/* SPDX-License-Identifier: Apache-2.0 */
/* keys.slab: wrapped keys in fixed slots that are overwritten in place. Deleting a key from a
 * database leaves copies in its pages and journal; zeroing a slot does not.
 *
 *   0     header copy A, 2048 bytes   } the newer valid copy counts; they are written in turn, so a
 *   2048  header copy B, 2048 bytes   } torn write loses one step, never the header
 *   4096  slot 0, slot 1, ...  128 bytes each; 128 divides a sector, so no slot straddles one
 *
 *   header: "LETHSLAB" | u32 version=2 | u32 epoch | u64 sequence | 16 store id | u64 rows reserved |
 *           u64 slots used | u32 old epoch | u32 zero | 16 key check | 32 keyed hash of all before |
 *           zero; both under a key derived from the epoch's root (the check tells a foreign root key
 *           from damage)
 *   slot:   u8 version=1 | u8 kind | u16 zero | u32 epoch | u64 owner | 16 subject id | 24 nonce |
 *           48 wrapped key | zero padding
 *
 * A slot is wrapped under the root key of the epoch it names. New ones are of the header's epoch; old
 * ones of `old epoch` are there only while a rotation is leaving it (0: none is).
 * Slots 0-3 are the store's own and never shredded; domains' and subjects' keys follow. The file
 * grows by pre-zeroed runs (written, not only allocated). Slot numbers are never reused. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/crypto_priv.h"

enum { SLAB_SLOT_BYTES = 128, SLAB_HEADER_BYTES = 4096 };
enum slab_kind {
    SLAB_EMPTY = 0,
    SLAB_SUBJECT = 1,
    SLAB_LOCATOR = 2,
    SLAB_INDEX = 3,
    SLAB_LEDGER = 4, /* chains ledger.log; random, so that it outlives every root key */
    SLAB_SIGNING = 5 /* seed of the Ed25519 key pair that signs receipts */
};
/* The keys that every store has, where they stand from its making on. */
enum {
    SLAB_SLOT_LOCATOR = 0,
    SLAB_SLOT_INDEX = 1, /* of the default domain */
    SLAB_SLOT_LEDGER = 2,
    SLAB_SLOT_SIGNING = 3,
    SLAB_FIRST_SLOTS = 4
};

struct slab;

struct slab_key {
    enum slab_kind kind;
    uint64_t owner; /* SUBJECT and INDEX: the domain */
    uint8_t subject[VAULT_ID_BYTES];
    uint8_t key[CRYPTO_KEY_BYTES];
};

enum err slab_create(const char *path, const struct root_key *root, struct errmsg *msg) MUST_CHECK;
/* Each key is looked for among `roots`; those that are not needed are left alone. SEALED: a root key
 * is missing or not this store's (says which epochs are wanted). CORRUPT: damaged, or of another
 * format. */
enum err slab_open(const char *path, const struct root_keys *roots, struct slab **ret_slab,
                   struct errmsg *msg) MUST_CHECK;
void slab_close(struct slab **slab);

const uint8_t *slab_store_id(const struct slab *s);
/* The epoch that new keys are wrapped under, and the one that a rotation is leaving (0: none). Any
 * thread. */
uint32_t slab_epoch(const struct slab *s);
uint32_t slab_old_epoch(const struct slab *s);
uint64_t slab_slots_used(const struct slab *s);

/* Where numbers are reserved before they are given out: slots below `slots` and rows below `rows` are
 * taken from now on, whatever becomes of this file. An error refuses the number. */
typedef enum err (*slab_reserve_fn)(void *context, uint64_t slots, uint64_t rows);
/* Ask `fn` for every block of numbers. Blocks of earlier processes are not used up: an older copy of
 * the file would look the same. Before the writer starts, or by it. */
void slab_reserve_with(struct slab *s, slab_reserve_fn fn, void *context);
/* Numbers below were given out already, whatever the file says. Before the writer starts. */
void slab_skip(struct slab *s, uint64_t slots, uint64_t rows);

/* Take the next slot number and write the wrapped key there; durable after slab_sync(). Writer only. */
enum err slab_add(struct slab *s, const struct slab_key *key, uint64_t *ret_slot) MUST_CHECK;
/* One fdatasync for every slab_add() and header change since the last. */
enum err slab_sync(struct slab *s) MUST_CHECK;
/* Reserve row numbers [*ret_first, *ret_first + count): the high-water mark is durable on return. */
enum err slab_reserve_rows(struct slab *s, uint64_t count, uint64_t *ret_first) MUST_CHECK;
/* Overwrite a slot with zeroes; durable on return (fdatasync). Idempotent. */
enum err slab_shred(struct slab *s, uint64_t slot) MUST_CHECK;
/* The same for a key that nothing needs any more, many at a time: durable after slab_sync(). */
enum err slab_clear(struct slab *s, uint64_t slot) MUST_CHECK;
/* Read and unwrap (pread; any thread). NOT_FOUND: zeroed or never used. CORRUPT: does not unwrap. The
 * caller wipes ret->key. */
enum err slab_read(const struct slab *s, uint64_t slot, struct slab_key *ret) MUST_CHECK;
/* Up to len bytes of the file at `at`, never half a slot or half a header copy when `at` and `len` are
 * whole ones. Any thread; blocks the writer for as long as the read takes. */
enum err slab_bytes(const struct slab *s, uint64_t at, void *to, size_t len, size_t *ret_got)
    MUST_CHECK;
/* The slot as it stands in the file. */
enum err slab_raw(const struct slab *s, uint64_t slot, uint8_t ret[SLAB_SLOT_BYTES]) MUST_CHECK;
/* Is there a wrapping key for which `fn` is true? For proofs that they open nothing else. Any thread. */
bool slab_wrapping_keys_any(const struct slab *s,
                            bool (*fn)(const uint8_t key[CRYPTO_KEY_BYTES], const void *context),
                            const void *context);

/* ---- leaving an epoch (slab_rotate.c); the writer's thread ---- */

enum { SLAB_STEP_SLOTS = 8192 }; /* slots that one step looks at, at most */

/* From here on keys are wrapped under `next`; both header copies say so before it returns. Nothing
 * happens, and OK, when `next` is the epoch already. INVALID: of an older epoch, or another key for this
 * one, or the same key again. CONFLICT: an earlier rotation has not ended. IO, NO_SPACE, SEALED. */
enum err slab_rotate_begin(struct slab *s, const struct root_key *next) MUST_CHECK;
/* Look at the next slots, `limit` at most: wrap again what is under the old epoch, see that all else
 * unwraps; one sync. It goes round until a whole pass has found nothing more to do: *ret_clean; true at
 * once when no rotation is going on. CORRUPT at the end of a pass that met slots which do not unwrap (all
 * others are wrapped again by then). IO, SEALED. */
enum err slab_rotate_step(struct slab *s, uint64_t limit, uint64_t *ret_rewrapped, bool *ret_clean)
    MUST_CHECK;
/* After a clean pass: the header forgets the old epoch, durably, then its key is wiped. */
enum err slab_rotate_end(struct slab *s) MUST_CHECK;
/* Slots that are known not to need the old epoch; any thread. */
uint64_t slab_rewrapped(const struct slab *s);

/* ---- sealing (slab_open.c); the writer's thread ---- */

/* Wipe every key. Waits for threads that are unwrapping; from then on slab_read() and what writes
 * answer SEALED. Idempotent. */
void slab_seal(struct slab *s);
/* Take the keys again, as slab_open() does; the file is the same. SEALED, CORRUPT, IO with a message:
 * it stays sealed. */
enum err slab_unseal(struct slab *s, const char *path, const struct root_keys *roots,
                     struct errmsg *msg) MUST_CHECK;
