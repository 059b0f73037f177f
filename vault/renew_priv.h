/* SPDX-License-Identifier: Apache-2.0 */
/* Renewed tokens, between the files of the vault: what the store remembers of them, and how an old one is heeded. */
#pragma once

#include "vault/renew.h"
#include "vault/vault_priv.h"

struct writer;

/* ---- store_sqlite_renewed.c ---- */

/* Numbers and salts as tokens have them; both numbers are one where only the salt changed. */
struct store_renewed {
    uint16_t class_id;
    uint64_t old_number;
    uint64_t new_number;
    uint8_t old_salt[TOKEN_SALT_BYTES];
    uint8_t new_salt[TOKEN_SALT_BYTES];
};

/* Make the table where it is missing. The writer's connection, outside a transaction. */
enum err store_renewed_prepare(struct store *s) MUST_CHECK;
/* In the place of what is known of the old one. */
enum err store_renewed_put(struct store *s, const struct store_renewed *renewed) MUST_CHECK;
/* By the old number; by the new one; the first past an old one. NOT_FOUND. */
enum err store_renewed_get(struct store *s, uint16_t class_id, uint64_t old_number,
                           struct store_renewed *ret) MUST_CHECK;
enum err store_renewed_of(struct store *s, uint16_t class_id, uint64_t new_number,
                          struct store_renewed *ret) MUST_CHECK;
enum err store_renewed_next(struct store *s, uint16_t class_id, uint64_t after,
                            struct store_renewed *ret) MUST_CHECK;
/* Forget up to `limit` of a class. */
enum err store_renewed_forget(struct store *s, uint16_t class_id, size_t limit, size_t *ret_count)
    MUST_CHECK;
/* Forget those of a number that no row has any more. */
enum err store_renewed_trim(struct store *s, const struct store_class *c, uint64_t number)
    MUST_CHECK;
/* Call fn for every old token of a class; lost: no row has the number that took its place. */
enum err store_renewed_each(struct store *s, const struct store_class *c,
                            enum err (*fn)(void *context, uint64_t old_number, bool lost),
                            void *context) MUST_CHECK;
/* How many there are of a number that no row has. */
enum err store_renewed_left(struct store *s, const struct store_class *c, uint64_t number,
                            uint64_t *ret) MUST_CHECK;
/* Forget one by its old number, if no row has that which took its place. */
enum err store_renewed_drop(struct store *s, const struct store_class *c, uint64_t old_number)
    MUST_CHECK;
enum err store_renewed_any(struct store *s, bool *ret) MUST_CHECK;

enum { STORE_NUMBERS_MAX = 32 };
/* The next lower numbers of a class's tokens, at most STORE_NUMBERS_MAX, from the highest down. */
enum err store_numbers(struct store *s, const struct store_class *c, uint64_t before, size_t limit,
                       uint64_t ret[STORE_NUMBERS_MAX], size_t *ret_count) MUST_CHECK;
/* Rows under a shared token past one of them, by owner and number, STORE_DUE_MAX at most. */
enum err store_owners_after(struct store *s, const struct store_class *c, uint64_t token_row,
                            const struct store_due *after, struct store_due_list *ret) MUST_CHECK;
/* The row at `id` gets row->id (random classes; deterministic ones: row->token_row), salt, revision and ciphertext. */
enum err store_row_renew(struct store *s, const struct store_class *c, uint64_t id,
                         const struct store_row *row) MUST_CHECK;

/* ---- renew.c ---- */

/* While the vault opens. */
enum err vault__renewed_open(struct vault *v, struct store *s, struct errmsg *msg) MUST_CHECK;
/* Inside a group's transaction. */
enum err vault__renew(struct writer *w, struct vault_renew *op) MUST_CHECK;
enum err vault__renew_end(struct writer *w, struct vault_renew_end *op) MUST_CHECK;
/* Some were forgotten, for good: are there any left? The writer, after the commit. */
void vault__renewed_over(struct writer *w);

/* ---- renew_read.c ---- */

/* May an old token be told from one that never was? Costs a load. */
static inline bool vault__any_renewed(const struct vault *v)
{
    return atomic_load_explicit(&v->renewed, memory_order_acquire);
}
/* What the token that took this one's place says. NOT_FOUND: none did. */
enum err vault__renewed_find(struct store *s, const struct store_class *c,
                             const struct token_ref *old, struct token_ref *ret) MUST_CHECK;
/* One of the two as text. The value is looked at for typed classes, of which it must be. CORRUPT. */
enum err vault__renewed_write(const struct vault *v, const struct store_renewed *renewed,
                              enum value_kind kind, struct span value, bool is_new,
                              struct token_text *ret) MUST_CHECK;
