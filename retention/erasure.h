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
#include "vault/vault.h"

struct erasure_resumed;
struct erasures; /* who works on what, so that no erasure is carried out twice at once */

/* The vault must outlive it. key_rotation: how long a root key is in use by rule, for what receipts say
 * of copies; NULL when there is no rule. Caller frees with erasures_free() when no run is inside. */
struct erasures *erasures_new(struct vault *vault, const struct period *key_rotation);
void erasures_free(struct erasures **erasures);
/* Which configuration is in force from now on; receipts say it. Any thread; does not block. */
void erasures_set_configuration(struct erasures *erasures, const uint8_t digest[CONF_DIGEST_BYTES]);
/* False: none was set. Any thread; does not block. */
bool erasures_configuration(struct erasures *erasures, uint8_t ret[CONF_DIGEST_BYTES]) MUST_CHECK;
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
