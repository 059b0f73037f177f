/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that are kept or printed name nobody. Where a person is named by an id, a token or the number of a request, the
 * identifier is not there to be looked for in what an operator says; but each word can be looked up as if it were one. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "vault/vault.h"

/* Whom texts are about: somebody of a domain, by the key slot. */
struct words_about {
    struct vault_reader *reader;
    uint16_t domain;
    uint64_t slot;
};

/* INVALID, with a message: a word of the text, without the punctuation around it, is an identifier of the person. Any
 * thread, inside a read transaction. */
enum err words_check(const struct words_about *about, struct span text, struct errmsg *msg)
    MUST_CHECK;
