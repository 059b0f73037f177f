/* SPDX-License-Identifier: Apache-2.0 */
/* Root keys (KEKs): versioned, from a provider. Versions are epochs. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { ROOT_KEY_BYTES = 32, ROOT_KEYS_MAX = 2 };

struct root_key {
    uint32_t epoch; /* from 1 */
    uint8_t *bytes; /* ROOT_KEY_BYTES in guarded memory */
};

/* What a provider has: one key, or two while a rotation goes from one to the other. */
struct root_keys {
    struct root_key at[ROOT_KEYS_MAX]; /* ascending epochs */
    size_t count;
};

/* Borrowed; NULL when there is none of that epoch. */
const struct root_key *root_keys_find(const struct root_keys *keys, uint32_t epoch);
/* The key of the highest epoch, borrowed; NULL when there is none at all. */
const struct root_key *root_keys_newest(const struct root_keys *keys);
void root_key_done(struct root_key *key);    /* wipes */
void root_keys_done(struct root_keys *keys); /* wipes all; idempotent, also AUTO(root_keys_done) */

/* Load from "file:PATH" (relative to nothing: the caller resolves it). The file is one line,
 * "lethe-root-1 EPOCH HEX". Refused (SEALED, message) when group or others may read or write it,
 * when it belongs to another user than root or the process's, is no regular file, or is malformed.
 * Environment and argument providers do not exist. The caller ends ret with root_keys_done(). */
enum err root_key_load(const char *provider, struct root_keys *ret, struct errmsg *msg) MUST_CHECK;
/* Make epoch 1 in a new file (0400, O_EXCL, synced with its directory). */
enum err root_key_create(const char *path, struct errmsg *msg) MUST_CHECK;
