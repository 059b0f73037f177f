/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of keys.slab, for slab.c alone: the format is drawn in slab_format.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/crypto_priv.h"
#include "vault/slab_priv.h"

enum { SLAB_COPY_BYTES = SLAB_HEADER_BYTES / 2 };

struct slab_header {
    uint32_t epoch;     /* new keys are wrapped under it */
    uint32_t old_epoch; /* a rotation is leaving it; 0: none */
    uint64_t sequence;  /* copy A holds even ones, copy B odd ones */
    uint8_t store_id[VAULT_ID_BYTES];
    uint64_t rows; /* row numbers below are taken */
    uint64_t used; /* slot numbers below are taken */
};

/* One copy of the header. */
void slab_header_encode(const struct slab_header *h, const uint8_t check_key[CRYPTO_KEY_BYTES],
                        uint8_t out[SLAB_COPY_BYTES]);
/* A root key's check key, and whose it is. */
struct slab_check {
    uint32_t epoch;
    const uint8_t *key;
};

/* The newer of the copies that verify under the check key of the epoch they name. SEALED: written
 * under another root key, or under one that is not among `checks` (at most ROOT_KEYS_MAX). CORRUPT:
 * damaged, or another format. The message lacks the file's name. */
enum err slab_header_decode(const uint8_t both[SLAB_HEADER_BYTES], const struct slab_check *checks,
                            size_t count, struct slab_header *ret, struct errmsg *msg) MUST_CHECK;

/* Whose store a header says it is, without a key to check it: taken from the copies that look like a
 * header of this format. CORRUPT when none does or two disagree. */
enum err slab_header_peek(const uint8_t both[SLAB_HEADER_BYTES], uint8_t ret_store[VAULT_ID_BYTES])
    MUST_CHECK;

/* Do these bytes look like a subject's key slot? */
bool slab_slot_is_subject(const uint8_t slot[SLAB_SLOT_BYTES]);

/* What the newer copy says, unverified: to name epochs and stores in messages, and to see whether a
 * header has changed. False when there is none of this format. */
bool slab_header_newer(const uint8_t both[SLAB_HEADER_BYTES], struct slab_header *ret);

/* The epoch whose root key a slot is wrapped under. */
uint32_t slab_slot_epoch(const uint8_t slot[SLAB_SLOT_BYTES]);
/* A key wrapped for one slot, under a random nonce that is used once. */
void slab_slot_encode(const struct slab_header *h, const uint8_t wrap_key[CRYPTO_KEY_BYTES],
                      uint64_t slot, const struct slab_key *key,
                      const uint8_t nonce[CRYPTO_NONCE_BYTES], uint8_t out[SLAB_SLOT_BYTES]);
/* CORRUPT unless every byte is as it was encoded for this slot of this store. */
enum err slab_slot_decode(const struct slab_header *h, const uint8_t wrap_key[CRYPTO_KEY_BYTES],
                          uint64_t slot, const uint8_t in[SLAB_SLOT_BYTES], struct slab_key *ret)
    MUST_CHECK;

bool slab_is_zero(const uint8_t *bytes, size_t len);
