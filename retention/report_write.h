/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as text. All formats are driven by the kind's columns, so that a new kind needs no code here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

enum report_format {
    REPORT_TABLE,     /* aligned, for terminals */
    REPORT_JSON,      /* the tree, indented */
    REPORT_CSV,       /* RFC 4180, UTF-8; the members' names are the header */
    REPORT_CSV_EXCEL, /* the same with ";" and a byte order mark, as European spreadsheets read it */
    REPORT_HTML,      /* one file for reading and for printing */
    REPORT_XLSX       /* Office Open XML: dates are dates, numbers are numbers, labels are text */
};

enum { REPORT_TEXT_MAX = 64 << 20 }; /* what a report may be as text */

struct report_style {
    enum report_format format;
    bool wide;    /* table: all columns */
    size_t width; /* table: the terminal's; columns beyond go to a further band; 0: unbounded */
};

/* "table", "json", "csv", "csv-excel", "html" or "xlsx"; INVALID otherwise. */
enum err report_format_of(struct span name, enum report_format *ret) MUST_CHECK;
/* Append the report. Labels are the operator's input and act in no format: control characters are
 * replaced in tables and HTML, where all is escaped, and cells that a spreadsheet would take for a formula
 * start with an apostrophe. TOO_LARGE when the buffer ends, INVALID when the tree is no report of a known kind; XLSX also
 * IO and NO_SPACE, and it blocks on temporary files without a name. Any thread. */
enum err report_write(const struct json *tree, const struct report_style *style, struct buf *out)
    MUST_CHECK;
/* What tells a report's rows from any others: SHA-256 of its CSV without the first column, which is the instant it was
 * made at: `cut -d, -f2- FILE.csv | sha256sum`. Errors as report_write(). Any thread. */
enum err report_digest(const struct json *tree, char ret[DIGEST_HEX_BYTES]) MUST_CHECK;
