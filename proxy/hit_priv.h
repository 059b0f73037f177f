/* SPDX-License-Identifier: Apache-2.0 */
/* The codings of values in their places (struct hit), one function each way. All append to out; values
 * are UTF-8 and not empty; UNPROCESSABLE for what cannot stand in the place. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

bool hit__is_utf8(struct span text);

/* ---- hit_text.c ---- */

/* A segment that servers read as a step (`.`, `..`) or split (an escaped slash) cannot be written. */
enum err hit__write_segment(struct span value, struct buf *out) MUST_CHECK;
/* Visible characters, spaces and tabs inside, and bytes beyond ASCII (RFC 9110 5.5). */
enum err hit__write_header(struct span value, struct buf *out) MUST_CHECK;
/* cookie-octet (RFC 6265 4.1.1). */
bool hit__is_cookie_octet(char c);
enum err hit__write_cookie(struct span value, struct buf *out) MUST_CHECK;
enum err hit__write_part(struct span value, struct buf *out) MUST_CHECK;
/* Would a value end its part, in a body that begins with this delimiter (up to a line end)? Wherever
 * it stands: some servers split there in the middle of a line. */
bool hit__has_delimiter(struct span body, struct span value);
/* As browsers write names and file names in multipart/form-data: %22, %0D, %0A and nothing else. What
 * holds one of these three already, a backslash (an escape to some) or another control character cannot
 * be written. */
enum err hit__write_quoted(struct span value, struct buf *out) MUST_CHECK;
enum err hit__undo_quoted(struct span text, struct buf *out) MUST_CHECK;

/* ---- hit_xml.c ---- */

/* References to the five predefined entities and to characters, and CDATA sections (XML 1.0 4.1, 2.7).
 * INVALID: another reference, or one to what is no character. */
enum err hit__undo_xml_text(struct span text, struct buf *out) MUST_CHECK;
/* White space at both ends is written as references: the reader passes over what stands there. */
enum err hit__write_xml_text(struct span value, struct buf *out) MUST_CHECK;
/* The reference at text[*at] (`&`), which moves behind it, and the character that it stands for. */
enum err hit__xml_reference(struct span text, size_t *at, uint32_t *ret_code) MUST_CHECK;
/* In an attribute literal white space is written as references, and read as a space (3.3.3). */
enum err hit__undo_xml_value(struct span text, struct buf *out) MUST_CHECK;
enum err hit__write_xml_value(struct span value, struct buf *out) MUST_CHECK;
