/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of multipart/form-data (RFC 7578, 2046): one pass, no tree. It reports where the declared
 * fields' values and files' names stand. Pure. */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "proxy/hit.h"
#include "proxy/named_fields.h"

/* Read a whole body. boundary: as media_type_read() gave it.
 *
 * The body is parts between delimiters and nothing else: no preamble, no epilogue but one line end,
 * CRLF everywhere, and the delimiter's text nowhere but at the edges of parts. Each part has one
 * Content-Disposition: form-data with one quoted `name` and at most a quoted `filename`, at most one
 * Content-Type and one Content-Transfer-Encoding (7bit, 8bit, binary), and what it says of its
 * Content-Length is so. Contents of other parts may be any bytes and stay what they are.
 *
 * A declared field's value is the whole content of its part (HIT_PART), a declared file's its name
 * (HIT_QUOTED); an empty one is no hit, nor is a declared file without a name. Errors:
 * INVALID        anything but the above; `filename*`; a backslash in a quoted name (an escape to some); a
 *                part that is itself multipart; `_charset_` that says other than UTF-8; a declared name
 *                that comes again and is not `many`; a value or a head that is not UTF-8
 * UNPROCESSABLE  a declared field that comes as a file, or is not text/plain in UTF-8; a part with
 *                something declared and header fields that RFC 7578 does not know, which may hold it, too,
 *                or (with a declared value) its length
 * TOO_LARGE      more than PARTS_MAX parts, PART_HEAD_MAX bytes of head, FIELDS_MAX hits
 * ret_hits: in the order of the text; hits_done(). Untouched on an error. */
enum err multipart_read(const struct named_fields *fields, struct span boundary, struct span body,
                        struct hits *ret_hits) MUST_CHECK;
