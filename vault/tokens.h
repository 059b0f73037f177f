/* SPDX-License-Identifier: Apache-2.0 */
/* Which tokens a person has: for those who are told which of their tokens mean nothing any more, or mean
 * something else. No value leaves. */
#pragma once

#include "base/err.h"
#include "vault/token.h"
#include "vault/vault.h"

/* Anything but OK ends the walk and comes back. */
typedef enum err (*vault_token_fn)(void *context, uint16_t class_id,
                                   const struct token_text *token);

/* Every live token of the subject of a key slot, by class, and after each the old one that stands for the same yet
 * (renew.h); a token that stands for two of his values comes twice.
 * Between begin and end. NOT_FOUND: nobody is there. CORRUPT: a row does not open. */
enum err vault_read_tokens(struct vault_reader *r, uint64_t slot, vault_token_fn fn, void *context)
    MUST_CHECK;
