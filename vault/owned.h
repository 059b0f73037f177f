/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is kept of one person, value by value: for whoever must show it to that person. */
#pragma once

#include "vault/vault.h"

struct vault_owned {
    uint64_t row; /* where to go on */
    struct vault_value value;
    struct token_text token;
    bool held;       /* a legal hold keeps it */
    bool restricted; /* Art. 18 */
};

/* The next value of a subject in one class after row `after` (0: the first), appended to `out` (a secret buf).
 * Nobody else's rows are looked at, also where others share the token. Restrictions and holds do not stand
 * against a person's own access: what they keep is given out, after its time too, and marked. NOT_FOUND past
 * the last, and when the subject was erased. CORRUPT as vault_reveal(). Between begin and end. */
enum err vault_read_owned(struct vault_reader *r, uint64_t slot, uint16_t class_id, uint64_t after,
                          struct buf *out, struct vault_owned *ret) MUST_CHECK;
