/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt for the person it is about: what was erased, what was kept and why, what to know; without the
 * operator's own words and without who did it. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* Append the text, in lines of at most 100 characters or so, for a receipt as receipt_json() made it or a
 * file held it (format 3 or 4). INVALID when it is none; TOO_LARGE, NO_SPACE. Any thread; does not block. */
enum err receipt_text(const struct json *receipt, struct buf *out) MUST_CHECK;
