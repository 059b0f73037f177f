/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that hold secrets, for whoever needs one: read only when nobody else can. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The whole file in guarded memory. NOT_FOUND when there is none. SEALED, with a message that names
 * the file: not regular (nothing waits for a FIFO), open to group or others, of another user than
 * root or the process's, longer than `max`, unreadable. `what` names it in messages ("the root
 * key"). ret_bytes: secret_free(). Blocks. */
enum err keys_keyfile_read(const char *path, const char *what, size_t max, uint8_t **ret_bytes,
                           size_t *ret_len, struct errmsg *msg) MUST_CHECK;
