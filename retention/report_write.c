/* SPDX-License-Identifier: Apache-2.0 */
/* The retention report as text: table, JSON, CSV.
 * Runs on: any thread. Holds: nothing. Invariant: labels are the operator's input, so no format
 * lets one act: no control character reaches a terminal, no formula a spreadsheet. Not here: the
 * figures. */
#include "retention/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { CELL_MAX = 16384 }; /* 16 purposes and their spaces */

/* Columns in their order; the tree's member names are the CSV's header. */
static const struct column {
    const char *member;
    const char *title; /* in the table */
    bool number;       /* to the right */
} columns[] = {
    {"class", "class", false},
    {"purposes", "purposes", false},
    {"basis", "basis", false},
    {"start", "start", false},
    {"period", "period", false},
    {"items", "items", true},
    {"subjects", "subjects", true},
    {"oldest", "oldest", false},
    {"due_7d", "due<=7d", true},
    {"due_30d", "<=30d", true},
    {"due_90d", "<=90d", true},
    {"overdue", "overdue", true},
    {"created", "created", true},
    {"purged_timer", "by timer", true},
    {"purged_erasure", "by erasure", true},
    {"balanced", "balanced", false},
};

enum err report_format_of(struct span name, enum report_format *ret)
{
    static const char *const names[] = {
        [REPORT_TABLE] = "table", [REPORT_JSON] = "json", [REPORT_CSV] = "csv"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (span_equal(name, span_str(names[i]))) {
            *ret = (enum report_format)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

/* A cell as plain text, appended. Absent figures are `none`. */
static enum err append_cell(const struct json *value, const char *none, struct buf *out)
{
    char number[24];
    enum err e = ERR_OK;

    switch (json_kind(value)) {
    case JSON_TEXT:
        return buf_append_span(out, json_text_of(value));
    case JSON_INT:
        (void)snprintf(number, sizeof(number), "%" PRId64, json_int_of(value, 0));
        return buf_append_str(out, number);
    case JSON_BOOL:
        return buf_append_str(out, json_bool_of(value, false) ? "yes" : "no");
    case JSON_LIST:
        for (size_t i = 0; i < json_count(value) && e == ERR_OK; i++) {
            if (i > 0)
                e = buf_append_byte(out, ' ');
            if (e == ERR_OK)
                e = buf_append_span(out, json_text_of(json_at(value, i)));
        }
        return e;
    default:
        return buf_append_str(out, none);
    }
}

/* ---- table ---- */

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Columns on a terminal, one a character. */
static size_t width_of(struct span text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.len; i++)
        width += !is_continuation((uint8_t)text.at[i]);
    return width;
}

/* The cell with what moves a terminal's cursor replaced: C0, DEL, and C1 as UTF-8 (0xc2 0x80-0x9f).
 */
static enum err table_cell(const struct json *value, struct buf *cell)
{
    enum err e;

    buf_reset(cell);
    e = append_cell(value, "n/a", cell);
    for (size_t i = 0; e == ERR_OK && i < cell->len; i++) {
        uint8_t *byte = &cell->bytes[i];

        if (*byte < 0x20 || *byte == 0x7f)
            *byte = '?';
        else if (*byte == 0xc2 && i + 1 < cell->len && cell->bytes[i + 1] < 0xa0)
            byte[0] = byte[1] = '?';
    }
    return e;
}

static enum err append_spaces(struct buf *out, size_t n)
{
    enum err e = ERR_OK;

    while (n-- > 0 && e == ERR_OK)
        e = buf_append_byte(out, ' ');
    return e;
}

static enum err append_padded(struct buf *out, const struct column *c, size_t width,
                              struct span text)
{
    size_t missing = width - width_of(text);
    bool last = c == &columns[COUNT_OF(columns) - 1];
    enum err e = ERR_OK;

    if (c != columns)
        e = buf_append_str(out, "  ");
    if (e == ERR_OK && c->number)
        e = append_spaces(out, missing);
    if (e == ERR_OK)
        e = buf_append_span(out, text);
    if (e == ERR_OK && !c->number && !last)
        e = append_spaces(out, missing);
    return e;
}

static enum err measure(const struct json *rows, struct buf *cell, size_t *widths)
{
    for (size_t c = 0; c < COUNT_OF(columns); c++) {
        widths[c] = strlen(columns[c].title);
        for (size_t i = 0; i < json_count(rows); i++) {
            enum err e = table_cell(json_get(json_at(rows, i), columns[c].member), cell);
            size_t width = width_of(buf_span(cell));

            if (e != ERR_OK)
                return e;
            if (width > widths[c])
                widths[c] = width;
        }
    }
    return ERR_OK;
}

static enum err table_head(const struct json *tree, struct buf *out)
{
    char line[256];
    int64_t subjects = json_int_of(json_get(tree, "subjects"), 0);
    const char *as_of = json_str_of(json_get(tree, "as_of"));
    const char *version = json_str_of(json_get(tree, "version"));
    const char *commit = json_str_of(json_get(tree, "commit"));

    if (as_of == NULL || version == NULL || commit == NULL)
        return ERR_INVALID;
    (void)snprintf(line, sizeof(line),
                   "Retention as of %s (UTC), lethe %s (%s), %" PRId64 " subject%s\n\n", as_of,
                   version, commit, subjects, subjects == 1 ? "" : "s");
    return buf_append_str(out, line);
}

static enum err write_table(const struct json *tree, struct buf *out)
{
    AUTO(buf_done) struct buf cell = {.max = 0};
    const struct json *rows = json_get(tree, "classes");
    size_t widths[COUNT_OF(columns)];
    enum err e;

    buf_init(&cell, CELL_MAX);
    e = table_head(tree, out);
    if (e == ERR_OK)
        e = measure(rows, &cell, widths);
    for (size_t c = 0; c < COUNT_OF(columns) && e == ERR_OK; c++)
        e = append_padded(out, &columns[c], widths[c], span_str(columns[c].title));
    if (e == ERR_OK)
        e = buf_append_byte(out, '\n');
    for (size_t i = 0; i < json_count(rows) && e == ERR_OK; i++) {
        for (size_t c = 0; c < COUNT_OF(columns) && e == ERR_OK; c++) {
            e = table_cell(json_get(json_at(rows, i), columns[c].member), &cell);
            if (e == ERR_OK)
                e = append_padded(out, &columns[c], widths[c], buf_span(&cell));
        }
        if (e == ERR_OK)
            e = buf_append_byte(out, '\n');
    }
    return e;
}

/* ---- CSV ---- */

static bool is_formula_start(uint8_t byte)
{
    return byte == '=' || byte == '+' || byte == '-' || byte == '@' || byte == '\t' ||
           byte == '\r' || byte == '\0';
}

/* Always quoted when it holds what RFC 4180 gives a meaning; quotes doubled. */
static enum err csv_field(struct buf *out, struct span text)
{
    bool guard = text.len > 0 && is_formula_start((uint8_t)text.at[0]);
    bool quote = guard;
    enum err e = ERR_OK;

    for (size_t i = 0; i < text.len && !quote; i++)
        quote = strchr(",\"\r\n", text.at[i]) != NULL; /* NUL is found too: quoted */
    if (quote)
        e = buf_append_byte(out, '"');
    if (e == ERR_OK && guard)
        e = buf_append_byte(out, '\'');
    for (size_t i = 0; i < text.len && e == ERR_OK; i++) {
        if (text.at[i] == '"')
            e = buf_append_byte(out, '"');
        if (e == ERR_OK)
            e = buf_append_byte(out, (uint8_t)text.at[i]);
    }
    if (e == ERR_OK && quote)
        e = buf_append_byte(out, '"');
    return e;
}

static enum err csv_row(const struct json *row, struct span as_of, struct buf *cell,
                        struct buf *out)
{
    enum err e = csv_field(out, as_of);

    for (size_t c = 0; c < COUNT_OF(columns) && e == ERR_OK; c++) {
        buf_reset(cell);
        e = append_cell(json_get(row, columns[c].member), "", cell);
        if (e == ERR_OK)
            e = buf_append_byte(out, ',');
        if (e == ERR_OK)
            e = csv_field(out, buf_span(cell));
    }
    return e == ERR_OK ? buf_append_str(out, "\r\n") : e;
}

static enum err write_csv(const struct json *tree, struct buf *out)
{
    AUTO(buf_done) struct buf cell = {.max = 0};
    const struct json *rows = json_get(tree, "classes");
    enum err e = buf_append_str(out, "as_of");

    buf_init(&cell, CELL_MAX);
    for (size_t c = 0; c < COUNT_OF(columns) && e == ERR_OK; c++) {
        e = buf_append_byte(out, ',');
        if (e == ERR_OK)
            e = buf_append_str(out, columns[c].member);
    }
    if (e == ERR_OK)
        e = buf_append_str(out, "\r\n");
    for (size_t i = 0; i < json_count(rows) && e == ERR_OK; i++)
        e = csv_row(json_at(rows, i), json_text_of(json_get(tree, "as_of")), &cell, out);
    return e;
}

enum err report_write(const struct json *tree, enum report_format format, struct buf *out)
{
    if (json_kind(json_get(tree, "classes")) != JSON_LIST)
        return ERR_INVALID;
    switch (format) {
    case REPORT_JSON:
        return json_write_pretty(tree, out);
    case REPORT_CSV:
        return write_csv(tree, out);
    default:
        return write_table(tree, out);
    }
}
