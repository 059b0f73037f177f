/* SPDX-License-Identifier: Apache-2.0 */
/* Long jobs that store values of many people, in groups. Whoever drives one may die between a group's commit and
 * writing down what came of it; it then asks for the group again, and must get the tokens that are there: a
 * second row, under a token that stands nowhere, would never be found again by whoever has the data.
 *
 * So the commit that stores a group also keeps, as the job's record (records.h), the group's number and the rows it
 * made. They are numbers and nothing else: no value, no token, no person. The record is replaced by the next group's. */
#pragma once

#include "vault/vault.h"

enum { VAULT_BULK_ITEMS_MAX = 8000 }; /* values of one group */

/* One group: stored whole, or not at all. Groups of a job come in their order, from 1 on; the last one may
 * come again, with the same values, and is given the tokens of before. Where a value's row is over since (its
 * time, an erasure), the value is stored anew.
 * Errors as of a VAULT_TOKENIZE, with nothing stored; and CONFLICT: it is not this group's turn (the store was
 * restored from a backup that is older than the job's last group, or the job is finished), or it was asked for with
 * more or fewer values than before; TOO_LARGE. */
struct vault_bulk {
    struct vault_op op; /* kind VAULT_BULK */
    uint8_t job[VAULT_ID_BYTES];
    uint64_t group;
    struct vault_tokenize
        *first; /* further people by `also`; NULL: the group has no value. `rows` is the vault's */
    bool repeated; /* out: it was there already */
};

/* Forget a job that is finished, and such as nobody has gone on with for a year. OK when there is none. Blocks. */
enum err vault_bulk_finish(struct vault *v, const uint8_t job[VAULT_ID_BYTES]) MUST_CHECK;
