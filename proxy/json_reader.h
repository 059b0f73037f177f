/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader of the data path: strict RFC 8259, one pass, no tree, iterative. It reports where
 * the declared fields' values stand; everything else stays the bytes it was. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "proxy/fields.h"
#include "proxy/hit.h"
#include "vault/vault.h"

/* Read one document, all of it. null values of declared fields are no hits; where fields ask for the
 * subjects of their elements, hits->elements has them. Errors:
 * INVALID        not JSON, not UTF-8, a BOM, a lone surrogate escape, a duplicate member name (compared
 *                after unescaping, at any depth), anything but white space after the document
 * TOO_LARGE      deeper than JSON_DEPTH_MAX, more members than JSON_MEMBERS_MAX, more hits than FIELDS_MAX
 * UNPROCESSABLE  a declared field that holds an object or array and is not `deep`
 * ret_hits: in document order, HIT_JSON; hits_done(). Untouched on an error. */
enum err json_read(const struct fields *fields, struct span document, struct hits *ret_hits)
    MUST_CHECK;

/* The same for a body of lines (NDJSON, JSON Lines: application/x-ndjson, application/jsonl): each is
 * one document for the same fields. A line ends with LF or CRLF, the last one may have none; an empty
 * line, or a carriage return elsewhere, is INVALID. A body without a byte has no line. Limits are a
 * document's for each line, but FIELDS_MAX is for all of them. Offsets are of the whole body. */
enum err json_lines_read(const struct fields *fields, struct span body, struct hits *ret_hits)
    MUST_CHECK;

/* The text of a JSON string (between its quotes) with escapes undone, appended to out (UTF-8). */
enum err json_unescape(struct span inner, struct buf *out) MUST_CHECK;
/* Is this how JSON spells a number (RFC 8259 6)? */
bool json_spells_number(struct span text);
/* A value as JSON text, appended to out: quotes and escapes for a string (RFC 8259 7), the literal as it
 * was for numbers and booleans. */
enum err json_escape(enum value_kind kind, struct span value, struct buf *out) MUST_CHECK;

/* One replacement of [start, end) by `text`; in document order, not overlapping. */
struct splice {
    size_t start;
    size_t end;
    struct span text;
};

/* The document with the replacements made, all other bytes as they were, appended to out. */
enum err splice_write(struct span document, const struct splice *splices, size_t count,
                      struct buf *out) MUST_CHECK;
