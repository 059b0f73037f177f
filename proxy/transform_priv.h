/* SPDX-License-Identifier: Apache-2.0 */
/* What tokenizing, revealing and picking share. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "proxy/json_reader.h"

/* The value of a hit as it reads: a string without quotes and escapes, a literal as it stands.
 * Borrowed from the document, or from `scratch` (a secret buf, reset first) where there were
 * escapes. */
enum err proxy__hit_value(struct span document, const struct json_hit *hit, struct buf *scratch,
                          struct span *ret_value) MUST_CHECK;
