/* SPDX-License-Identifier: Apache-2.0 */
/* The rotation of the root key: a new version is made durable in its provider, every key of the
 * store is wrapped under it while the store serves, the ledger enters the epoch, and the provider
 * destroys the old version. After that no copy of an old key slot (a backup, a log, a worn flash
 * block) opens with anything that exists.
 *
 * It may end anywhere (kill -9, power, a provider that does not answer): whoever runs it again, or
 * resumes it, goes on from there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "keys/keys.h"
#include "vault/vault.h"

struct rotation;

enum rotation_state {
    ROTATION_NONE, /* nothing runs, and the last run, if any, succeeded */
    ROTATION_RUNNING,
    ROTATION_WAITING, /* the operator has to do something in the provider: `message` says what */
    ROTATION_FAILED   /* `message` says why; it goes on when it is run or resumed again */
};

struct rotation_status {
    enum rotation_state state;
    enum err error; /* of WAITING and FAILED */
    struct errmsg message;
};

/* vault and keys are borrowed and outlive it. rotation_free(). */
struct rotation *rotation_new(struct vault *vault, struct keys *keys);
/* Stops, and waits for the step at work. NULL inside is fine; leaves NULL. */
void rotation_free(struct rotation **rotation);
/* Ask the run to end after the step it is in; later ones end at once. Any thread; does not block. */
void rotation_stop(struct rotation *rotation);

/* NEW: rotate; one that was found half-way is finished instead of begun anew. RESUME: only finish
 * what is found half-way; without that, what a crash left in the provider's files is destroyed. */
enum rotation_kind { ROTATION_NEW, ROTATION_RESUME };

/* Carry it out. Errors with a message: UNSUPPORTED when the operator has to do a part (status:
 * WAITING), CANCELED, what providers and vault say. Worker thread; blocks as long as it takes. One
 * at a time: BUSY when another runs. */
enum err rotation_run(struct rotation *rotation, enum rotation_kind kind, struct errmsg *msg)
    MUST_CHECK;
/* The same on a thread of its own; logs how it ended. False when one runs already. Does not
 * block. */
bool rotation_start(struct rotation *rotation, enum rotation_kind kind);
/* Any thread; does not block. */
void rotation_read_status(struct rotation *rotation, struct rotation_status *ret);
