/* SPDX-License-Identifier: Apache-2.0 */
/* Erasure jobs: one person's key destroyed, the rows swept, the result looked at, the ledger entry
 * closed. An erasure that stopped half-way is finished from the ledger. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/period.h"
#include "base/span.h"
#include "retention/receipt.h"
#include "vault/part.h"
#include "vault/vault.h"

struct erasure_resumed;
struct notices;
struct erasures; /* who works on what, so that no erasure is carried out twice at once */

/* The vault must outlive it. key_rotation: how long a root key is in use by rule, for what receipts say
 * of copies; NULL when there is no rule. Caller frees with erasures_free() when no run is inside. */
struct erasures *erasures_new(struct vault *vault, const struct period *key_rotation);
/* The vault it works on. */
struct vault *erasures_vault(struct erasures *erasures);
void erasures_free(struct erasures **erasures);
/* Which configuration is in force from now on; receipts say it. Any thread; does not block. */
void erasures_set_configuration(struct erasures *erasures, const uint8_t digest[CONF_DIGEST_BYTES]);
/* False: none was set. Any thread; does not block. */
bool erasures_configuration(struct erasures *erasures, uint8_t ret[CONF_DIGEST_BYTES]) MUST_CHECK;
/* Who tells recipients, from before the first run on; NULL, as at first: nobody. Borrowed. */
void erasures_set_notices(struct erasures *erasures, struct notices *notices);
struct notices *erasures_notices(const struct erasures *erasures);
/* Ask every run to end after the step it is in; later ones end at once with CANCELED. Any thread;
 * does not block. Called by the server when it stops. */
void erasures_stop(struct erasures *erasures);

/* Erase whoever `name` leads to. OK as soon as the erasure is acknowledged and whatever came of the
 * rest: ret->state tells. A completed erasure's receipt, with `words` (NULL: none) on it, is kept with
 * the store.
 * On an error nothing was erased: NOT_FOUND (unknown or erased before), INVALID (words that are no
 * UTF-8), TOO_LARGE (words), CANCELED (stopping), BUSY (the vault's queue stays full), IO, NO_SPACE; HELD: a
 * legal hold binds the person. The erasure then waits, durably and with its words, the person is restricted,
 * and *ret says its number, whose, and as cutoff_ms when it was asked for.
 * Worker thread or command line; blocks until swept and verified. */
enum err erasure_run(struct erasures *erasures, uint16_t domain, struct span name,
                     const struct receipt_words *words, struct receipt *ret) MUST_CHECK;
/* The same for the subject of a key slot, such as vault_read_owner() finds for a token. */
enum err erasure_run_slot(struct erasures *erasures, uint64_t slot,
                          const struct receipt_words *words, struct receipt *ret) MUST_CHECK;

/* Carry out the erasures that wait and that no hold binds any more, each under the number that was told.
 * What fails is logged and waits on. Worker thread or command line; blocks long. Called when a hold is
 * lifted, when a store is opened, and by the server's housekeeping. IO: they cannot be read. */
enum err erasure_run_waiting(struct erasures *erasures, struct erasure_resumed *ret) MUST_CHECK;
/* An erasure that may leave something behind. */
struct erasure_request {
    uint64_t slot;                            /* whose */
    const struct receipt_words *words;        /* NULL: none */
    const struct vault_exception *exceptions; /* what the operator keeps, Art. 17(3) */
    size_t exception_count;
    struct vault_class_set scope; /* values of other classes are not meant; empty: all are */
    /* One that was for the time up to this erasure, and ends with it for what stays; 0: none. */
    uint64_t record; /* of the request in the register that asks for it; 0: none */
    uint64_t restriction;
    int64_t newer_than_s;  /* values stored later are not meant; INT64_MAX: all are */
    const uint8_t *number; /* which it is to have (repeat.h); NULL: any */
};

/* As erasure_run_slot(). What an exception keeps, those too that an earlier erasure has left, is moved to a
 * key of its own first, and remembered; the receipt lists it. Also: CONFLICT (nothing would go:
 * every value that is meant is kept, or there is none; nothing was done); BUSY (one that waits for a hold, or waited
 * for one that has ended, is not for the same, nor meant by this one: it comes first). What is not meant is moved
 * likewise, and restricted only where an earlier erasure has left it. */
enum err erasure_run_request(struct erasures *erasures, const struct erasure_request *request,
                             struct receipt *ret) MUST_CHECK;

/* Many at once: each is acknowledged as it comes, and one look at the files serves all. results, receipts:
 * `count` each; a receipt counts where the result is OK. As above otherwise. */
void erasure_run_many(struct erasures *erasures, const struct erasure_request *requests,
                      size_t count, enum err *results, struct receipt *receipts);

/* Erase what is kept under exceptions that have ended by now, each by an erasure of its own with its
 * receipt; what came after the erasure that left it stays. What fails is logged and tried the next time.
 * *ret_count: erasures that were completed. Errors: IO, CANCELED. Worker thread; blocks long. */
enum err erasure_end_exceptions(struct erasures *erasures, size_t *ret_count) MUST_CHECK;

/* Run an operation of the vault, again while it is BUSY (its queue is full, or a reader holds an old
 * snapshot): for about 1.3 s. CANCELED when erasures_stop() was called. Blocks. */
enum err erasures_run_op(struct erasures *erasures, struct vault_op *op) MUST_CHECK;

struct erasure_resumed {
    size_t found;     /* open in the ledger and worked on by nobody else */
    size_t completed; /* of these */
};

/* Finish every erasure that the ledger has open. What fails is logged, stays open and counts as
 * found only. Errors: IO (the ledger cannot be read). Worker thread; blocks long. */
enum err erasure_resume_all(struct erasures *erasures, struct erasure_resumed *ret) MUST_CHECK;
