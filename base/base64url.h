/* SPDX-License-Identifier: Apache-2.0 */
/* base64url without padding (RFC 4648 5, RFC 7515 2), strictly: one text for each run of bytes. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* Append the bytes of a text. INVALID for another character (`=`, `+`, `/` and line ends among them), a
 * length that no encoding has, and bits that are left over and not zero; nothing is appended then.
 * TOO_LARGE and NO_SPACE as buf_append(). */
enum err base64url_decode(struct span text, struct buf *out) MUST_CHECK;
