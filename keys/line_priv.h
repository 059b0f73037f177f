/* SPDX-License-Identifier: Apache-2.0 */
/* What lines of key files have in common: "MAGIC EPOCH REST\n", no more white space than that. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum { KEYS_EPOCH_DIGITS_MAX = 10 };

/* Cut the next line off; its newline may be missing at the end of the text. False when nothing is
 * left. */
bool keys__line_next(struct span *text, struct span *ret_line);
/* Read "MAGIC EPOCH " at the line's beginning: 1 to UINT32_MAX, no leading zero. ret_rest: what
 * follows. */
bool keys__line_head(struct span line, const char *magic, uint32_t *ret_epoch,
                     struct span *ret_rest);
