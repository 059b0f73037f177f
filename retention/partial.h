/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures that leave something behind: what Art. 17(3) keeps, and what came later, moved out of the
 * way of the key that is destroyed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "retention/erasure.h"
#include "vault/part.h"

/* What an erasure of a person would leave, and how to get there. */
struct partial {
    uint64_t slot;
    struct vault_class_set scope;
    uint64_t record, restriction;
    struct vault_part found;
    bool moves; /* something stays: partial_move() comes before the erasure */
};

/* Look at the person. CONFLICT: nothing would go, since an exception keeps every value. NOT_FOUND: nobody.
 * Blocks shortly. */
enum err partial_look(struct vault *vault, const struct erasure_request *request,
                      struct partial *ret) MUST_CHECK;
/* Move what stays, in steps between which others are served; `note` is kept with it from the first
 * on. Also goes on with a move that was begun: then only the slot of `partial` counts. Errors: as
 * VAULT_PART_MOVE; CANCELED. Blocks. */
enum err partial_move(struct erasures *erasures, const struct partial *partial,
                      int64_t newer_than_s, struct span note) MUST_CHECK;
/* What a receipt says was kept: of the classes that the erasure was for, what was moved away. */
enum err partial_kept(struct vault *vault, const struct vault_erasure *erasure,
                      struct receipt *receipt) MUST_CHECK;
