/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as aligned text for terminals. Where the terminal ends, the columns that are left follow in a
 * further band below, each band with the first column again.
 * Runs on: any thread. Holds: nothing. Invariant: no label steers the terminal. */
#include "retention/report_write_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { GAP = 2 };

struct shown {
    const struct report_column *column;
    size_t width;
};

struct table {
    const struct json *rows;
    struct shown shown[REPORT_COLUMNS_MAX];
    size_t count;
    struct buf cell;
};

static void table_done(struct table *t)
{
    buf_done(&t->cell);
}

/* ---- cells ---- */

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

/* The cell with what moves a terminal's cursor replaced: C0, DEL, and C1 as UTF-8 (0xc2 0x80-0x9f). */
static enum err fill_cell(struct table *t, const struct json *value)
{
    struct buf *cell = &t->cell;
    enum err e;

    buf_reset(cell);
    e = report__cell(value, "-", ", ", cell);
    for (size_t i = 0; e == ERR_OK && i < cell->len; i++) {
        uint8_t *byte = &cell->bytes[i];

        if (*byte < 0x20 || *byte == 0x7f)
            *byte = '?';
        else if (*byte == 0xc2 && i + 1 < cell->len && cell->bytes[i + 1] < 0xa0)
            byte[0] = byte[1] = '?';
    }
    return e;
}

static bool is_number(const struct report_column *column)
{
    return column->cell == REPORT_COUNT || column->cell == REPORT_SHARE;
}

static enum err append_spaces(struct buf *out, size_t n)
{
    enum err e = ERR_OK;

    while (n-- > 0 && e == ERR_OK)
        e = buf_append_byte(out, ' ');
    return e;
}

static enum err append_padded(struct buf *out, const struct shown *s, struct span text, bool last)
{
    const size_t missing = s->width - width_of(text);
    enum err e = ERR_OK;

    if (is_number(s->column))
        e = append_spaces(out, missing);
    if (e == ERR_OK)
        e = buf_append_span(out, text);
    if (e == ERR_OK && !last)
        e = append_spaces(out, GAP + (is_number(s->column) ? 0 : missing));
    return e;
}

/* ---- columns ---- */

static enum err measure(struct table *t, struct shown *s)
{
    s->width = width_of(span_str(s->column->title));
    for (size_t i = 0; i < json_count(t->rows); i++) {
        enum err e = fill_cell(t, json_get(json_at(t->rows, i), s->column->member));
        const size_t width = width_of(buf_span(&t->cell));

        if (e != ERR_OK)
            return e;
        if (width > s->width)
            s->width = width;
    }
    return ERR_OK;
}

static enum err choose_columns(struct table *t, const struct report_kind *kind, bool wide)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < report__column_count(kind) && e == ERR_OK; i++) {
        const struct report_column *column = report__column(kind, i);

        if (column->wide && !wide)
            continue;
        t->shown[t->count].column = column;
        e = measure(t, &t->shown[t->count++]);
    }
    return e;
}

/* ---- bands ---- */

/* Where a band ends that begins with the first column and goes on at `from`. */
static size_t end_of_band(const struct table *t, size_t from, size_t width)
{
    size_t used = from == 0 ? 0 : t->shown[0].width + GAP;
    size_t end = from;

    do
        used += t->shown[end++].width + GAP;
    while (end < t->count && (width == 0 || used + t->shown[end].width <= width));
    return end;
}

/* One line of a band: the titles when row is NULL. */
static enum err append_line(struct table *t, const struct json *row, size_t from, size_t end,
                            struct buf *out)
{
    enum err e = ERR_OK;

    for (size_t at = from == 0 ? 0 : from - 1; at < end && e == ERR_OK; at++) {
        /* a further band: the first column stands where the one before it would */
        const struct shown *s = &t->shown[at < from ? 0 : at];

        if (row != NULL)
            e = fill_cell(t, json_get(row, s->column->member));
        if (e == ERR_OK)
            e = append_padded(out, s, row == NULL ? span_str(s->column->title) : buf_span(&t->cell),
                              at + 1 == end);
    }
    return e == ERR_OK ? buf_append_byte(out, '\n') : e;
}

static enum err append_band(struct table *t, size_t from, size_t end, struct buf *out)
{
    enum err e = from == 0 ? ERR_OK : buf_append_byte(out, '\n');

    if (e == ERR_OK)
        e = append_line(t, NULL, from, end, out);
    for (size_t i = 0; i < json_count(t->rows) && e == ERR_OK; i++)
        e = append_line(t, json_at(t->rows, i), from, end, out);
    return e;
}

/* ---- the whole ---- */

static enum err append_head(const struct report_kind *kind, const struct json *tree,
                            struct buf *out)
{
    const char *clock = report__text(tree, "clock");
    char period[64], line[512];
    enum err e;

    report__period(tree, period);
    (void)snprintf(line, sizeof(line), "%s as of %.32s (%.64s), %s, lethe %.32s (%.32s)\n",
                   kind->title, report__text(tree, "as_of"), report__text(tree, "zone"), period,
                   report__text(tree, "version"), report__text(tree, "commit"));
    e = buf_append_str(out, line);
    if (e == ERR_OK && strcmp(clock, "right") != 0) {
        (void)snprintf(line, sizeof(line), "The host's clock is not believed: %.32s\n", clock);
        e = buf_append_str(out, line);
    }
    return e;
}

static enum err append_summary(struct table *t, const struct report_kind *kind,
                               const struct json *tree, struct buf *out)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < kind->summary_count && e == ERR_OK; i++) {
        const struct report_column *column = &kind->summary[i];

        e = fill_cell(t, json_get(json_get(tree, "summary"), column->member));
        if (e == ERR_OK)
            e = buf_append_str(out, column->title);
        if (e == ERR_OK)
            e = buf_append_str(out, ": ");
        if (e == ERR_OK)
            e = buf_append_span(out, buf_span(&t->cell));
        if (e == ERR_OK)
            e = buf_append_byte(out, '\n');
    }
    return e == ERR_OK ? buf_append_byte(out, '\n') : e;
}

/* ---- prose ---- */

enum { PROSE_WIDTH = 96, PROSE_INDENT = 4 };

/* Words in lines, each behind an indent. */
static enum err append_wrapped(const struct buf *words, struct buf *out)
{
    const struct span text = buf_span(words);
    size_t column = 0, at = 0;
    enum err e = ERR_OK;

    while (at < text.len && e == ERR_OK) {
        const char *end = memchr(text.at + at, ' ', text.len - at);
        const size_t stop = end == NULL ? text.len : (size_t)(end - text.at);
        const struct span word = span_of(text.at + at, stop - at);

        if (column == 0 || column + 1 + width_of(word) > PROSE_WIDTH) {
            e = column == 0 ? ERR_OK : buf_append_byte(out, '\n');
            if (e == ERR_OK)
                e = append_spaces(out, PROSE_INDENT);
            column = PROSE_INDENT;
        } else {
            e = buf_append_byte(out, ' ');
            column++;
        }
        if (e == ERR_OK)
            e = buf_append_span(out, word);
        column += width_of(word);
        at = stop + 1;
    }
    return e == ERR_OK ? buf_append_byte(out, '\n') : e;
}

/* "TITLE: CELL", or nothing where the cell says nothing, but for the last column's: that is left to be filled in. */
static enum err append_named(struct table *t, const struct report_column *column,
                             const struct json *value, bool keep, struct buf *out)
{
    AUTO(buf_done) struct buf line = {.max = 0};
    enum err e;

    if (json_kind(value) == JSON_NIL && !keep)
        return ERR_OK;
    buf_init(&line, REPORT_CELL_MAX + 128);
    e = fill_cell(t, value);
    if (e == ERR_OK)
        e = buf_append_str(&line, column->title);
    if (e == ERR_OK)
        e = buf_append_str(&line, ": ");
    if (e == ERR_OK)
        e = json_kind(value) == JSON_NIL ? buf_append_str(&line, "................")
                                         : buf_append_span(&line, buf_span(&t->cell));
    return e == ERR_OK ? append_wrapped(&line, out) : e;
}

/* The first cell when it is another one than that of the row before, the second, the third as it is, the others with
 * their titles; the last is a field to be filled in where the state says so. */
static enum err append_statement(struct table *t, const struct report_kind *kind,
                                 const struct json *before, const struct json *row, struct buf *out)
{
    const struct span chapter = json_text_of(json_get(row, kind->columns[0].member));
    enum err e = ERR_OK;

    if (!span_equal(chapter, json_text_of(json_get(before, kind->columns[0].member)))) {
        e = fill_cell(t, json_get(row, kind->columns[0].member));
        if (e == ERR_OK)
            e = buf_append_byte(out, '\n');
        if (e == ERR_OK)
            e = buf_append_span(out, buf_span(&t->cell));
        if (e == ERR_OK)
            e = buf_append_str(out, "\n\n");
    }
    if (e == ERR_OK)
        e = fill_cell(t, json_get(row, kind->columns[1].member));
    if (e == ERR_OK)
        e = buf_append_span(out, buf_span(&t->cell));
    if (e == ERR_OK)
        e = buf_append_byte(out, '\n');
    if (e == ERR_OK)
        e = fill_cell(t, json_get(row, kind->columns[2].member));
    if (e == ERR_OK)
        e = append_wrapped(&t->cell, out);
    for (size_t i = 3; i < kind->column_count && e == ERR_OK; i++)
        e = append_named(t, &kind->columns[i], json_get(row, kind->columns[i].member),
                         i + 1 == kind->column_count && report__is_blank(row), out);
    return e;
}

static enum err append_prose(struct table *t, const struct report_kind *kind, struct buf *out)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < json_count(t->rows) && e == ERR_OK; i++)
        e = append_statement(t, kind, i == 0 ? NULL : json_at(t->rows, i - 1), json_at(t->rows, i),
                             out);
    return e;
}

/* ---- tables ---- */

enum err report__write_table(const struct report_kind *kind, const struct json *tree,
                             const struct report_style *style, struct buf *out)
{
    AUTO(table_done) struct table t = {.rows = json_get(tree, "rows")};
    size_t from = 0;
    enum err e;

    buf_init(&t.cell, REPORT_CELL_MAX);
    e = append_head(kind, tree, out);
    if (e == ERR_OK)
        e = append_summary(&t, kind, tree, out);
    if (e == ERR_OK && json_count(t.rows) == 0)
        return buf_append_str(out, "Nothing to report.\n");
    if (e == ERR_OK && kind->prose)
        return append_prose(&t, kind, out);
    if (e == ERR_OK)
        e = choose_columns(&t, kind, style->wide);
    while (from < t.count && e == ERR_OK) {
        const size_t end = end_of_band(&t, from, style->width);

        e = append_band(&t, from, end, out);
        from = end;
    }
    return e;
}
