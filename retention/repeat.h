/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures that may be asked for twice: whoever asks gives a key, and the second time gets what came of the
 * first, which is not carried out again, so that nothing newer is touched.
 *
 * What is kept is a hash of the key, and one of key and request together, both keyed by the store: neither the
 * key nor whom it was about can be read from them or tried by anybody without the store's keys. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "vault/vault.h"

enum { REPEAT_KEY_MAX = VAULT_REPEAT_KEY_MAX };

/* What was asked for under a key. */
struct repeat {
    uint64_t slot;                  /* whose erasure it is */
    uint8_t number[VAULT_ID_BYTES]; /* which the erasure has, once it has begun */
};

/* What became of it. */
enum repeat_state {
    REPEAT_OPEN, /* it has not begun, or was refused: it may be tried again */
    REPEAT_GOING,
    REPEAT_DONE /* its receipt is kept */
};

/* Look a key up. request: who is meant and what is kept, the same text for the same request. NOT_FOUND:
 * nobody has used this key. CONFLICT: for another request. SEALED, IO. Blocks shortly. */
enum err repeat_find(struct vault *vault, struct span key, struct span request, struct repeat *ret)
    MUST_CHECK;
/* Take the key for this request, durably, before its erasure begins. Errors as above; CONFLICT also when
 * somebody has just taken it. Blocks. */
enum err repeat_claim(struct vault *vault, struct span key, struct span request, uint64_t slot,
                      struct repeat *ret) MUST_CHECK;
enum err repeat_state(struct vault *vault, const struct repeat *repeat, enum repeat_state *ret)
    MUST_CHECK;
