/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope file: versions of the root key, each wrapped by something outside the file (a
 * passphrase, a service, a token). One line a version, ascending:
 *
 *   lethe-root-wrapped-1 EPOCH SCHEME BASE64
 *
 * EPOCH is decimal; SCHEME the provider's; BASE64 (RFC 4648 4, padded) what the provider made of
 * the key: bytes that mean nothing without it, and that must not open under another epoch or scheme
 * (bind both: as associated data, or in what is wrapped). The file is 0400 and judged as root.key
 * is. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/rootkey.h"

enum { ENVELOPE_BYTES_MAX = 4096 };

struct envelope_line {
    uint32_t epoch;
    size_t len;
    uint8_t bytes[ENVELOPE_BYTES_MAX];
};

struct envelope {
    struct envelope_line at[ROOT_KEYS_MAX];
    size_t count;
};

/* NOT_FOUND when there is no file; SEALED when others can read it, a line is garbage, of another
 * scheme, or out of order. Messages name the file. Blocks. */
enum err envelope_read(const char *path, const char *scheme, struct envelope *ret,
                       struct errmsg *msg) MUST_CHECK;
/* Add a line, durably; makes the file when there is none. CONFLICT when a line of this or a later
 * epoch is there, or ROOT_KEYS_MAX lines. Others as envelope_read(), IO, NO_SPACE; what was there
 * stays. Blocks. */
enum err envelope_add(const char *path, const char *scheme, const struct envelope_line *line,
                      struct errmsg *msg) MUST_CHECK;
/* Destroy a line: a file without it takes the place, the old bytes are overwritten; with its last
 * line the file goes. OK when it is not there; finishes what a crash left. Blocks. */
enum err envelope_drop(const char *path, const char *scheme, uint32_t epoch, struct errmsg *msg)
    MUST_CHECK;
