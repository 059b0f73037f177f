/* SPDX-License-Identifier: Apache-2.0 */
/* One spelling for a JSON document, so that it can be signed whatever white space and order it
 * travels with: RFC 8785 (JSON Canonicalization Scheme), for what receipts hold. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

enum { CANONICAL_DEPTH_MAX = 16, CANONICAL_MEMBERS_MAX = 1000 };

/* Append the canonical form of `tree`: members sorted by name, no white space, integers only, UTF-8
 * with nothing escaped but what must be. UNSUPPORTED for what it has no spelling for: a number that is
 * no integer or beyond 2^53-1 either way, a name that is not printable ASCII, too deep, too many members.
 * TOO_LARGE or NO_SPACE as buf_append(); what was appended then is of no use. Any thread. */
enum err canonical_write(const struct json *tree, struct buf *out) MUST_CHECK;
