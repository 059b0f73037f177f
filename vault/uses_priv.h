/* SPDX-License-Identifier: Apache-2.0 */
/* Uses on their way from readers to rows. */
#pragma once

#include "vault/uses.h"
#include "vault/vault_priv.h"

struct writer;

/* A row that was used. */
struct use {
    uint16_t class_id;
    uint64_t row;
    uint64_t slot;
    int64_t at_s;
};

enum { USES_BATCH = 64 };

/* Uses of one read transaction, as an operation that nobody waits for. */
struct uses {
    struct vault_op op; /* kind VAULT_USE; owner: the vault */
    size_t count;
    struct use at[USES_BATCH];
};

/* What a reader has posted lately, so that a value that is used all the time is not posted each time until it is
 * written. */
struct uses_lately;

/* Is a use of this row worth writing down? */
static inline bool uses_is_due(const struct store_class *c, const struct store_row *row,
                               int64_t now_s)
{
    const int64_t granularity_s = __atomic_load_n(&c->use_granularity_s, __ATOMIC_RELAXED);

    return granularity_s != 0 &&
           now_s - (row->start_s == 0 ? row->created_s : row->start_s) >= granularity_s;
}

/* Note a use that is due; post what was noted, outside of the read transaction. */
void vault__use_note(struct vault_reader *r, const struct use *use);
void vault__uses_post(struct vault_reader *r);
void vault__uses_free(struct vault_reader *r);

/* Inside a group's transaction. A row that is gone, due or damaged is passed over. */
enum err vault__uses(struct writer *w, const struct uses *op) MUST_CHECK;
/* One owner's row under a shared token was used by being stored again. */
enum err vault__use_shared(struct writer *w, struct store_class *c, uint64_t token_row,
                           uint64_t slot) MUST_CHECK;
