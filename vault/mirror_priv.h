/* SPDX-License-Identifier: Apache-2.0 */
/* A second copy of ledger.log on another medium, byte for byte: whoever shortens or replaces the ledger
 * does not reach it. It is appended to after the ledger, so that it is never ahead of what counts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/ledger_priv.h"

struct mirror;

/* Make the first copy. CONFLICT: a file is there already. Errors with a message. */
enum err mirror_create(const char *path, const struct ledger *l, struct errmsg *msg) MUST_CHECK;
/* See that the ledger (called `name` in messages) holds all that the mirror does. CORRUPT with a message: the
 * mirror is missing, longer, or another ledger's. */
enum err mirror_compare(const char *path, const struct ledger *l, const char *name,
                        struct errmsg *msg) MUST_CHECK;
/* The same, then bring the mirror up to the ledger and keep it open. */
enum err mirror_open(const char *path, const struct ledger *l, const char *name,
                     struct mirror **ret_mirror, struct errmsg *msg) MUST_CHECK;
void mirror_close(struct mirror **mirror);
/* Append at `at` and sync. On an error it is cut off again; *ret_unknown: what the file holds is not
 * known any more. */
enum err mirror_append(struct mirror *m, const void *bytes, size_t len, uint64_t at,
                       bool *ret_unknown) MUST_CHECK;
/* Cut off what stands from `at` on. */
enum err mirror_cut(struct mirror *m, uint64_t at) MUST_CHECK;
