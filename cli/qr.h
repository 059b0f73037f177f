/* SPDX-License-Identifier: Apache-2.0 */
/* A QR code on a terminal. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* Append `text` as a QR code in UTF-8 half blocks: dark on light whatever the terminal's colours, two rows a
 * line, with a quiet zone. TOO_LARGE: more than one code holds. */
enum err qr_write(const char *text, struct buf *out) MUST_CHECK;
