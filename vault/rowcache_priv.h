/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed rows that one reader has seen lately, so that a token in use costs no look-up in the
 * database. Ciphertext only. It remembers what was found, never that nothing was: an entry that
 * does not serve (due, owner erased) counts as unknown, and the database decides.
 *
 * It needs no invalidation for what goes, because the row's time and its subject's key are looked at for
 * every use; whoever changes a row that lives on (rectify.c, retime.c) drops it here. Not thread-safe: its owner locks. */
#pragma once

#include <stdint.h>

#include "base/secret.h"
#include "vault/store_priv.h"

struct rowcache;

/* capacity: entries, a power of two. */
struct rowcache *rowcache_new(uint32_t capacity);
void rowcache_free(struct rowcache **cache); /* wipes */

/* By what a token names. owner: the slot it was asked for; 0 where any owner would do. The row is
 * borrowed until the next put or drop. */
bool rowcache_by_token(const struct rowcache *c, uint16_t class_id, uint64_t row, uint64_t owner,
                       struct store_row *ret);
void rowcache_put_token(struct rowcache *c, uint16_t class_id, uint64_t row, uint64_t owner,
                        const struct store_row *found);
/* The same by the text of an opaque token (TOKEN_OPAQUE_LEN bytes), which need not be taken apart for it. What is put
 * was taken apart, and is of that class. */
bool rowcache_by_text(const struct rowcache *c, const char *text, uint16_t class_id, uint64_t owner,
                      struct store_row *ret);
void rowcache_put_text(struct rowcache *c, const char *text, uint16_t class_id, uint64_t owner,
                       const struct store_row *found);
/* By a tag of a value (and of all that makes it another one) and its owner: the row that stands for it, without its
 * ciphertext, and the opaque token that does; borrowed, SPAN_NONE where it is of another form. */
bool rowcache_by_value(const struct rowcache *c, const uint8_t tag[SECRET_TAG_BYTES],
                       uint64_t owner, struct store_row *ret, struct span *ret_token);
void rowcache_put_value(struct rowcache *c, const uint8_t tag[SECRET_TAG_BYTES], uint64_t owner,
                        const struct store_row *found, struct span token);
/* Wipe everything of one subject, of several (in ascending order), or all. */
void rowcache_drop(struct rowcache *c, uint64_t slot);
void rowcache_drop_each(struct rowcache *c, const uint64_t *slots, size_t count);
void rowcache_clear(struct rowcache *c);
