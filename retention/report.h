/* SPDX-License-Identifier: Apache-2.0 */
/* Reports for data officers: which kinds there are, which columns each has, and how one is made. A
 * report is a JSON tree, the same for every kind (docs/REPORTS.md):
 *
 *   {"report": NAME, "title", "as_of", "zone", "period": {"from", "to"}, "version", "commit",
 *    "configuration", "store", "ledger": {"entries", "head"}, "clock", "classification",
 *    "summary": {...}, "rows": [{..., "attention": [REASON, ...]}, ...], "attention": BOOL}
 *
 * It holds counts, dates, random ids and the operator's own labels: never a value, an identifier, or a
 * hash of one. A kind is a row of the table in report.c: its columns say what the rows' members are, and
 * are all that the writers (report_write.h) know of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "vault/classes.h"
#include "vault/vault.h"

/* ---- kinds ---- */

/* What a member is. Each may be null, too: not known, or nothing to say. */
enum report_cell {
    REPORT_TEXT,
    REPORT_COUNT,   /* an integer */
    REPORT_SHARE,   /* an integer, in per cent */
    REPORT_DATE,    /* text, "2026-01-31" */
    REPORT_INSTANT, /* text, "2026-01-31T09:30:00Z" */
    REPORT_FLAG,    /* a boolean */
    REPORT_LIST     /* a list of texts */
};

struct report_column {
    const char
        *member; /* its name in the rows, and in the CSV's header: never changed once published */
    const char *title; /* in English */
    enum report_cell cell;
    bool wide; /* left out of a terminal's table unless all is asked for */
};

struct requests;
struct ropa;

/* What a report is made of, for the builder; borrowed. */
struct report_context {
    struct vault *vault;
    struct requests *requests; /* NULL: without a register */
    struct vault_reader
        *reader; /* outside of a read transaction; the builder begins and ends its own */
    const struct classes *classes;
    int64_t now_s;
    /* The period [from, to) in days since 1970, UTC: INT64_MIN and INT64_MAX where none is given. */
    int64_t from_day, to_day;
    const uint8_t *configuration; /* CONF_DIGEST_BYTES; NULL: not known */
    /* Of a breach: whose access was abused, and since when that is known; at is NULL, 0: not said. */
    struct span caller;
    int64_t aware_s;
    struct ropa *ropa; /* NULL: nothing is said */
};

struct report;

struct report_kind {
    const char *name;
    const char *title;
    const struct report_column *columns; /* `attention` follows them and is not listed */
    size_t column_count;
    const struct report_column *summary; /* figures of the whole; may be NULL */
    size_t summary_count;
    /* Add the rows and the summary's members. Errors with a message where there is more to say than the
     * error's own text. Worker thread; blocks. */
    enum err (*build)(const struct report_context *context, struct report *report,
                      struct errmsg *msg);
    bool of_caller; /* speaks of one caller, whom the context must name */
    /* Has a row for each thing that is configured: no period makes it shorter. */
    bool of_configuration;
    /* Rows are to be read one after the other: the first member is a chapter's title, the second the row's, and
     * there is nothing to compare in columns. */
    bool prose;
};

/* NULL: there is none of that name. */
const struct report_kind *report_kind_find(struct span name);
/* The kinds in the order of the table; NULL past the last. */
const struct report_kind *report_kind_at(size_t index);

/* ---- building ---- */

/* A new row, a map that the report owns. TOO_LARGE past LIMIT_REPORT_ROWS_MAX. */
enum err report_row(struct report *report, struct json **ret_row) MUST_CHECK;
/* Somebody must act on this row: why, in one lower-case word with "_" ("overdue"); a literal. */
void report_attend(struct json *row, const char *reason);
/* Those that are there. */
struct json *report_rows(struct report *report);
/* The map for the summary's members. */
struct json *report_summary(struct report *report);
/* A day (since 1970) or an instant as the cells want them. */
void report_set_day(struct json *map, const char *name, int64_t day);
void report_set_instant(struct json *map, const char *name, int64_t at_s);

/* ---- making one ---- */

/* A report of this kind. INVALID: the period ends before it begins. TOO_LARGE: too many rows, with a
 * message. Else as the builder says. ret_tree: json_free(). Worker thread; blocks. */
enum err report_make(const struct report_kind *kind, const struct report_context *context,
                     struct json **ret_tree, struct errmsg *msg) MUST_CHECK;
/* What a report, or anything else that is shown of a store, begins with: as_of, zone, period, version, commit,
 * configuration, store, ledger, clock. */
void report_set_origin(struct json *map, const struct report_context *context);
/* Must somebody act on what it shows? */
bool report_needs_attention(const struct json *tree);
