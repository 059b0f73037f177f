/* SPDX-License-Identifier: Apache-2.0 */
/* Looking whether erasures did what they say, for all that wait at once: one truncation of the log and one
 * reading of the files serve up to CHECKS_AT_ONCE of them, however many threads they come from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "vault/vault.h"

enum { CHECKS_AT_ONCE = 256 };

struct checks;
struct erasures;

struct check {
    const struct vault_erasure *erasure; /* swept */
    enum err truncated;                  /* out: what came of emptying the log */
    enum err result;                     /* out: and then of looking */
    struct vault_verification found;     /* out: result OK */
    bool done;
    struct check *next;
};

struct checks *checks_new(void);
/* Nobody is inside. NULL is fine; leaves NULL. */
void checks_free(struct checks **checks);
/* Have each of them looked at, with those of others who come meanwhile. Blocks long. */
void checks_run(struct checks *checks, struct erasures *erasures, struct vault *vault,
                struct check *list, size_t count);
