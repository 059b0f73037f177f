/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that typed tokens are made of: a sequence for each class and shape of value.
 *
 * A number is given out once and never again: not after its row was erased or has expired, not after
 * a rollback or a crash, not after older files were put back. So the mark up to which numbers are
 * given out stands in the ledger as well, which is never restored: it is moved ahead, by blocks, before
 * the commit that gives numbers beyond it. What a block has left when the process ends is lost; blocks
 * begin with one number and double, so that no more is lost than was used.
 *
 * The last numbers of each sequence never stand for a value: look-ups of unknown values take theirs
 * from there.
 *
 * Who touches what: the writer thread adds sequences and takes numbers; any thread finds sequences
 * and reads the atomic members. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/ledger_priv.h"
#include "vault/store_priv.h"

enum { SEQUENCE_NUMBER_BITS = 40 };

struct sequence {
    uint8_t id[CRYPTO_MAC_BYTES];
    uint16_t class_id;
    _Atomic uint32_t index; /* 0: the ledger knows it, this store has no row of it yet */
    _Atomic uint64_t room;  /* valid with an index */
    _Atomic uint64_t next;  /* numbers below are given out */
    uint8_t mac[CRYPTO_MAC_BYTES];
    /* The writer's. */
    uint64_t reserved;             /* numbers below are given out by the ledger; block by block */
    uint64_t block;                /* size of the last block of this process; 0: none yet */
    bool changed;                  /* the database has another `next`, or does not have it at all */
    struct sequence *next_changed; /* in a list while `changed` */
    struct sequence *next_in_bucket;
};

struct sequences;

struct sequences *sequences_new(void);
void sequences_free(struct sequences **sequences);

/* How many of a sequence's `capacity` numbers are for values; the rest is for decoys. */
uint64_t sequence_room(uint64_t capacity);

/* While the vault opens: what ledger and database know. The caller has verified both. CORRUPT: the
 * record is not as we write it. */
enum err sequences_heed(struct sequences *q, const struct ledger_record *record) MUST_CHECK;
void sequences_load(struct sequences *q, const struct store_sequence *stored);

/* NULL when there is none, or it has no index. Any thread. */
const struct sequence *sequences_find(const struct sequences *q,
                                      const uint8_t id[CRYPTO_MAC_BYTES]);
/* What a new sequence is made of. */
struct sequence_origin {
    uint8_t id[CRYPTO_MAC_BYTES];
    uint16_t class_id;
    const uint8_t *class_key;
    uint64_t capacity;
};

/* The same, made when there is none. EXHAUSTED: the class has too many shapes. Writer only. */
enum err sequences_get(struct sequences *q, const struct sequence_origin *origin,
                       struct sequence **ret) MUST_CHECK;
/* The next number. EXHAUSTED when all are given out. Writer only. */
enum err sequence_take(struct sequences *q, struct sequence *sequence, uint64_t *ret_n) MUST_CHECK;
/* Undo the last takes, down to `n`: only while nothing was made of these numbers. Writer only. */
void sequence_give_back(struct sequence *sequence, uint64_t n);

/* Before a commit that gives numbers out: the ledger first, then the database, inside its
 * transaction. ret_appended: the ledger has grown. On an error nothing may be committed; numbers that
 * were taken stay taken. */
enum err sequences_write(struct sequences *q, struct ledger *l, struct store *s, bool *ret_appended)
    MUST_CHECK;
/* That commit is durable: the database knows. */
void sequences_written(struct sequences *q);

struct sequence_sum {
    uint64_t room;
    uint64_t used;
    uint64_t exhausted; /* sequences that have nothing left */
};

/* Of a class, over its shapes. Any thread. */
struct sequence_sum sequences_sum(const struct sequences *q, uint16_t class_id);
