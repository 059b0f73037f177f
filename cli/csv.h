/* SPDX-License-Identifier: Apache-2.0 */
/* CSV to the letter of RFC 4180, one record at a time, without changing a byte of what is not replaced: the bytes of a
 * record are lent as they are, with the places of its fields in them. Pure.
 *
 *   record = field *(DELIMITER field) (LF | CRLF | end of the text)
 *   field  = DQUOTE *(any byte but DQUOTE | 2DQUOTE) DQUOTE      quoted
 *          | *(any byte but DQUOTE, CR, LF, DELIMITER)           plain
 *
 * Anything else is refused, since programs read it in different ways: a quote inside a plain field, text behind a closing
 * quote, a carriage return that ends no line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum { CSV_FIELDS_MAX = 16384 };

/* Offsets in the record; quotes are part of a quoted field. */
struct csv_field {
    size_t start, end;
    bool quoted;
};

struct csv_record {
    size_t len;               /* with its line end */
    size_t end;               /* one past the last field */
    uint64_t lines;           /* line ends in it: quoted fields have any number */
    struct csv_field *fields; /* owned; grows and is used again */
    size_t count, room;
};

void csv_record_done(struct csv_record *record);

/* Read the record that `text` begins with. last: nothing comes behind this text. NOT_FOUND: the record may go on behind
 * it. INVALID: it is no CSV; record->lines says how many lines further. TOO_LARGE: more than CSV_FIELDS_MAX fields. */
enum err csv_read(struct span text, char delimiter, bool last, struct csv_record *record)
    MUST_CHECK;
/* May a file have this delimiter? Not what values, quotes and line ends are made of. */
bool csv_is_delimiter(char c);
/* What a field says, quotes undone, appended to `out`. */
enum err csv_value(struct span record, const struct csv_field *field, struct buf *out) MUST_CHECK;
/* A value as a field: in quotes when that is asked for or needed. Appended. */
enum err csv_write(struct span value, bool quoted, char delimiter, struct buf *out) MUST_CHECK;
