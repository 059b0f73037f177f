/* SPDX-License-Identifier: Apache-2.0 */
/* What the formats of reports share. */
#pragma once

#include "base/digest.h"
#include "retention/report.h"
#include "retention/report_write.h"

enum {
    REPORT_COLUMNS_MAX = 64,    /* of a kind, `attention` included */
    REPORT_CELL_MAX = 64 << 10, /* bytes of one cell: a list of many labels */
};

/* A kind's columns and, last, `attention`. */
size_t report__column_count(const struct report_kind *kind);
const struct report_column *report__column(const struct report_kind *kind, size_t index);

/* A cell as plain text, appended: what is null, and a list of nothing, becomes `none`; a list's texts are joined by `joint`. */
enum err report__cell(const struct json *value, const char *none, const char *joint,
                      struct buf *out) MUST_CHECK;
/* Of prose: does the row wait for somebody to fill its last column in? */
bool report__is_blank(const struct json *row);
/* Text of the tree's header; "" when it is absent. */
const char *report__text(const struct json *map, const char *name);
/* SHA-256 of the report as JSON, as `lethe report --json` prints it. */
enum err report__hash(const struct json *tree, char ret[DIGEST_HEX_BYTES]) MUST_CHECK;
/* "2026-01-01 to 2026-02-01", "since ever", ...: at most 64 bytes. */
void report__period(const struct json *tree, char ret[64]);

enum err report__write_table(const struct report_kind *kind, const struct json *tree,
                             const struct report_style *style, struct buf *out) MUST_CHECK;
enum err report__write_csv(const struct report_kind *kind, const struct json *tree,
                           const struct report_style *style, struct buf *out) MUST_CHECK;
enum err report__write_html(const struct report_kind *kind, const struct json *tree,
                            struct buf *out) MUST_CHECK;
enum err report__write_xlsx(const struct report_kind *kind, const struct json *tree,
                            struct buf *out) MUST_CHECK;
