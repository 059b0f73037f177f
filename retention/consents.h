/* SPDX-License-Identifier: Apache-2.0 */
/* What a withdrawal of consent has for its effect (Art. 7(3), 17(1)(b)): values that rest on consent to purposes which
 * the person has all withdrawn are erased, by an erasure of these classes with a receipt. What rests on anything else
 * stays. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "retention/erasure.h"
#include "vault/consents.h"

/* Does the class rest on consent: 6(1)(a), or 9(2)(a)? */
bool class_rests_on_consent(const struct class_def *def);
/* Does any class that has the purpose? */
bool purpose_rests_on_consent(const struct classes *classes, struct span purpose);

struct consent_effect {
    size_t found;                   /* withdrawals that waited for their effect */
    size_t erasures;                /* completed, of whom it was asked for */
    uint8_t number[VAULT_ID_BYTES]; /* of the last of them */
};

/* Erase what withdrawals have left without a basis, and note that. slot: of whom the effect is to tell; 0: of all. Again: nothing more happens; what a crash cut off is
 * finished. What fails is logged and tried the next time; what a legal hold binds waits for it. IO: they cannot be
 * read. CANCELED. Worker thread or command line; blocks as long as erasures. */
enum err consents_finish(struct erasures *erasures, uint64_t slot, struct consent_effect *ret)
    MUST_CHECK;

/* Of a person, into a list: {"purpose", "state": "given" or "withdrawn", "at", "channel", "version", "erased"}: what
 * counts now. Inside a read transaction. */
enum err consents_of(struct vault_reader *reader, uint64_t slot, struct json *list) MUST_CHECK;
