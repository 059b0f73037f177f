/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of the audit trail that one reader has made lately: making one costs two blocks of BLAKE2b, and every request about
 * a person needs one. A tag stands for a person as long as the key is there, which whoever asks has looked at
 * before. Not thread-safe: its owner locks. */
#pragma once

#include <stdint.h>

#include "vault/audit.h"

struct tagcache;

/* capacity: entries, a power of two. */
struct tagcache *tagcache_new(uint32_t capacity);
void tagcache_free(struct tagcache **cache);
/* The tag of the subject that has this slot now; NULL: it is not held. Borrowed until the next put or drop. */
const uint8_t *tagcache_get(const struct tagcache *c, uint64_t slot,
                            const uint8_t subject[VAULT_ID_BYTES]);
void tagcache_put(struct tagcache *c, uint64_t slot, const uint8_t subject[VAULT_ID_BYTES],
                  const uint8_t tag[AUDIT_TAG_BYTES]);
/* Wipe what is remembered of one slot, or all. */
void tagcache_drop(struct tagcache *c, uint64_t slot);
void tagcache_clear(struct tagcache *c);
