/* SPDX-License-Identifier: Apache-2.0 */
/* Content codings (RFC 9110 8.4): gzip and br undone, with caps on size and ratio, since a few
 * kilobytes may stand for gigabytes (E18). Nothing is ever compressed here: a length that goes by what
 * was revealed tells about it (BREACH). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_BR };

/* Read a Content-Encoding; at is NULL: none came, which is identity. UNSUPPORTED: anything but one of
 * these, and codings one upon the other. */
enum err coding_read(struct span content_encoding, enum coding *ret) MUST_CHECK;

struct decoder;

/* Never NULL; not for CODING_IDENTITY. */
struct decoder *decoder_new(enum coding coding);
void decoder_free(struct decoder **decoder); /* NULL is fine; wipes what it still holds */
/* Decode the next bytes, appended to out, a secret buf whose maximum caps them. INVALID: not of this
 * coding, or more behind its end; TOO_LARGE: too much in all, or for how little it was made of
 * (LIMIT_CODING_RATIO_MAX). What was appended before an error means nothing. */
enum err decoder_feed(struct decoder *d, struct span bytes, struct buf *out) MUST_CHECK;
/* INVALID unless the coded bytes were whole. */
enum err decoder_finish(const struct decoder *d) MUST_CHECK;
/* All of it at once. */
enum err coding_undo(enum coding coding, struct span bytes, struct buf *out) MUST_CHECK;
