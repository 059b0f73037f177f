/* SPDX-License-Identifier: Apache-2.0 */
/* Parting: what the law keeps of a person leaves for a key of its own, before the person's key is
 * destroyed. So an erasure stays what it is, one key less, and destroys whatever is sealed under it,
 * old copies of the kept values included.
 *
 * The kept part has another key slot and another random id: what names the erased part names nobody
 * who is left. Identifiers lead to it, but for those that were values of an erased class.
 *
 * What is kept is restricted from the first step of the move on, Art. 18: it is shown to legal purposes only
 * (vault_reveal_as()), and purged when its time is over all the same. That stands in the same rows as the
 * exceptions, and ends with them. What the person has stored since is not restricted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

enum { VAULT_LAW_MAX = 256, VAULT_EXCEPTIONS_MAX = 64 };

/* Why values of a class are kept, Art. 17(3). */
struct vault_exception {
    uint16_t class_id;
    char code;                   /* 'a' to 'e' */
    char law[VAULT_LAW_MAX + 1]; /* the provision, as the operator writes it */
    int64_t until_s;             /* from then on it does not keep them any more */
    bool by_rule;    /* by the statutory minimum of the class's rule, value by value: until_s is
                                  * when the last of them is not kept any more */
    uint64_t values; /* kept under it */
};

/* Classes by id. Empty stands for all of them. */
struct vault_class_set {
    uint8_t bits[CLASSES_MAX / 8 + 1];
};
void vault_class_set_add(struct vault_class_set *set, uint16_t class_id);
bool vault_class_set_has(const struct vault_class_set *set, uint16_t class_id);
bool vault_class_set_is_all(const struct vault_class_set *set);

/* What an erasure is to keep. */
struct vault_part_ask {
    const struct vault_exception *exceptions;
    size_t count;
    const struct vault_class_set *scope; /* values of other classes are not meant; NULL: all are */
    int64_t newer_than_s; /* what was stored later is not meant; INT64_MAX: everything is */
    bool exact;           /* count everything; false: see only whether there is any */
};

/* What it would do at this instant. */
struct vault_part {
    struct vault_exception kept[VAULT_EXCEPTIONS_MAX]; /* in force, one a class */
    size_t kept_count;
    uint64_t goes[CLASSES_MAX + 1]; /* values that go, by class id */
    uint64_t gone;                  /* their sum */
    uint64_t stays;                 /* values that an exception keeps */
    uint64_t other;                 /* values that are not meant */
};

/* Look at a person by key slot: which values go, which stay, under which exceptions: those given and
 * those that an earlier erasure has left, of two for a class the one that holds longer; and the statutory
 * minimum of each class, which nothing shortens. What an earlier erasure has left of classes that are not meant stays
 * under its exceptions as it is. NOT_FOUND: nobody. TOO_LARGE: exceptions for more than VAULT_EXCEPTIONS_MAX classes.
 * Any thread but the writer's; blocks shortly, when `exact` as long as the person is large. */
enum err vault_part_look(struct vault *v, uint64_t slot, const struct vault_part_ask *ask,
                         struct vault_part *ret) MUST_CHECK;

/* Move up to `limit` of the values that stay, and in the first step the names, each step one
 * transaction; repeat while `more`. The first makes what is given here durable: from then on the move is
 * finished whatever happens, and the erasure of `slot` is refused with BUSY until it is. Later steps,
 * also after a restart, need only the slot. Errors: NOT_FOUND (no key), HELD (a legal hold binds the
 * person: ask for the erasure without a move, it will wait), IO, NO_SPACE. */
struct vault_part_move {
    struct vault_op op; /* kind VAULT_PART_MOVE */
    uint64_t slot;
    const struct vault_exception *exceptions; /* as vault_part_look() gives them */
    size_t exception_count;
    struct vault_class_set scope;
    /* One that was for the time up to this erasure, and does not go along; 0: all do. */
    uint64_t record; /* the request that asks: others of the person, and links, go along; 0: none */
    uint64_t restriction;
    int64_t newer_than_s;
    struct span note; /* the erasure's, at most VAULT_NOTE_MAX; borrowed until done */
    size_t limit;
    uint64_t target; /* out: the key slot of the kept part; 0: nothing was there to keep */
    bool more;       /* out */
    /* The caller's, zero at first: how far the move has come. */
    uint16_t at_class;
    uint64_t at_row;
};

/* The classes that the move away from a slot is for, until its erasure closes; NOT_FOUND: there is none. Any thread;
 * blocks shortly. */
enum err vault_part_scope(struct vault *v, uint64_t slot, struct vault_class_set *ret) MUST_CHECK;

/* Moves that were begun, with erasures that have not closed; after a restart those that are not ended
 * must be. The first past slot `after`. NOT_FOUND past the last. Blocks shortly. */
struct vault_part_open {
    uint64_t slot;
    uint64_t target;
    bool ended; /* nothing is left to move */
    int64_t newer_than_s;
    uint8_t *note;
    size_t note_len;
};
/* vault_part_open_done() frees what came back. */
enum err vault_part_next(struct vault *v, uint64_t after, struct vault_part_open *ret) MUST_CHECK;
void vault_part_open_done(struct vault_part_open *open);

/* Forget a move whose person is gone, as when an older database was put back; or an exception that keeps
 * nothing any more. NOT_FOUND, IO, NO_SPACE. */
struct vault_part_forget {
    struct vault_op op; /* kind VAULT_PART_FORGET */
    uint64_t slot;
    uint16_t class_id; /* the exception's; 0: the move */
};

/* An exception that holds, and whose. */
struct vault_kept {
    uint64_t slot;
    uint8_t subject[VAULT_ID_BYTES];
    struct vault_exception exception;
    int64_t next_s;   /* when some value is kept no more */
    int64_t cutoff_s; /* values stored later are not part of it */
};
/* The first past a slot and class, in this order; NOT_FOUND past the last. Blocks shortly. */
enum err vault_kept_next(struct vault *v, uint64_t slot, uint16_t class_id, struct vault_kept *ret)
    MUST_CHECK;

/* All that exceptions keep of a class. Between begin and end of a reader's transaction. */
struct vault_kept_sum {
    uint64_t people;
    uint64_t values;
    int64_t next_s; /* when some value is kept no more; 0: nothing is kept */
};
enum err vault_read_kept(struct vault_reader *r, uint16_t class_id, struct vault_kept_sum *ret)
    MUST_CHECK;
/* The same inside a read transaction. */
enum err vault_read_exception(struct vault_reader *r, uint64_t slot, uint16_t class_id,
                              struct vault_kept *ret) MUST_CHECK;
/* How many values it keeps now: some may have gone by their class's rule. Inside a read transaction. */
enum err vault_read_exception_count(struct vault_reader *r, const struct vault_kept *kept,
                                    uint64_t *ret) MUST_CHECK;
