/* SPDX-License-Identifier: Apache-2.0 */
/* The root key (KEK): versioned, from a provider. Versions are epochs. */
#pragma once

#include <stdint.h>

#include "base/err.h"

enum { ROOT_KEY_BYTES = 32 };

struct root_key {
    uint32_t epoch;
    uint8_t *bytes; /* ROOT_KEY_BYTES in guarded memory */
};

/* Load from "file:PATH" (relative to nothing: the caller resolves it). The file is one line,
 * "lethe-root-1 EPOCH HEX". Refused (SEALED, message) when group or others may read or write it,
 * when it belongs to another user than root or the process's, is no regular file, or is malformed.
 * Environment and argument providers do not exist. */
enum err root_key_load(const char *provider, struct root_key *ret, struct errmsg *msg) MUST_CHECK;
/* Make epoch 1 in a new file (0400, O_EXCL, synced with its directory). */
enum err root_key_create(const char *path, struct errmsg *msg) MUST_CHECK;
void root_key_done(struct root_key *key); /* wipes */
