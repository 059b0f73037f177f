/* SPDX-License-Identifier: Apache-2.0 */
/* Between typed tokens and the numbers of the rows they stand for. A row's number is
 *
 *   shape index << 40 | n       the index of a sequence in its class, and the number in the sequence
 *
 * in classes of random tokens that of the row (val.id), in deterministic ones the token's (det.tok). */
#pragma once

#include "vault/sequence_priv.h"
#include "vault/vault_priv.h"

/* Is this the id of a configured class whose tokens are typed? */
bool vault__is_typed(const struct vault *v, uint16_t class_id);

/* Load the sequences of the database and look whether they are what was written. CORRUPT with a
 * message. After the classes are registered. */
enum err vault__typed_open(struct vault *v, struct store *s, struct errmsg *msg) MUST_CHECK;

/* The number that a token of this class says; NOT_FOUND when it is no token of the class, or of a
 * sequence that has no rows. Any thread. */
enum err vault__typed_read(const struct vault *v, uint16_t class_id, struct span token,
                           uint64_t *ret_number) MUST_CHECK;
/* The index of the sequence that a value's token comes from; NOT_FOUND while there is none. Any thread. */
enum err vault__typed_index(const struct vault *v, const struct vault_item *item,
                            uint64_t *ret_index) MUST_CHECK;
/* Does a text lie where tokens of this class lie? Any thread. */
bool vault__typed_owns(const struct vault *v, uint16_t class_id, struct span text);
/* A value that may be kept: it has a shape, and it does not look like a token. UNPROCESSABLE, CONFLICT. */
enum err vault__typed_check(const struct vault *v, const struct vault_item *item) MUST_CHECK;
/* The token with this number, for the item's value; the value must be of the shape that the number is
 * of. UNPROCESSABLE as format_shape(). */
enum err vault__typed_write(const struct vault *v, struct vault_item *item, uint64_t number)
    MUST_CHECK;
/* A token for the item's value that stands for nothing and never will. UNPROCESSABLE likewise. */
enum err vault__typed_decoy(const struct vault *v, struct vault_item *item) MUST_CHECK;

/* Take a new number for the item's value; *ret_sequence is where it came from. EXHAUSTED,
 * UNPROCESSABLE. Writer only. */
enum err vault__typed_take(struct vault *v, const struct vault_item *item, uint64_t *ret_number,
                           struct sequence **ret_sequence) MUST_CHECK;
