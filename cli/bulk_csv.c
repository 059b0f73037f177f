/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a CSV file (csv.h) with a header.
 * Runs on: the main thread. Holds: which column each field is. Invariant: a column that a field or the subject is
 * stands in the header once. Not here: windows and groups (bulk_source.c). */
#include "cli/bulk.h"

#include <stdio.h>
#include <string.h>

static const char bom[] = "\xEF\xBB\xBF";
static const char wrong_columns[] = "not as many columns as the header has";

enum { BOM_BYTES = 3 };

static enum err not_csv(const struct bulk_source *s, enum err e, struct errmsg *msg)
{
    if (e == ERR_NOT_FOUND || e == ERR_OK)
        return e;
    return errmsg_set(msg, e,
                      "%s, line %llu: not CSV as in RFC 4180 (a quote inside a field without "
                      "quotes, text behind a closing one, a carriage return alone, or too many "
                      "columns)",
                      s->name, (unsigned long long)s->line + s->record.lines);
}

/* ---- the header ---- */

/* The column of this name; INVALID (none) and CONFLICT (twice) with a message. */
static enum err find_column(const struct bulk_source *s, struct span header, const char *name,
                            size_t *ret, struct errmsg *msg)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    bool found = false;

    buf_init(&text, BULK_ROW_MAX);
    for (size_t i = 0; i < s->record.count; i++) {
        enum err e;

        buf_reset(&text);
        e = csv_value(header, &s->record.fields[i], &text);
        if (e != ERR_OK)
            return e;
        if (!span_equal(buf_span(&text), span_str(name)))
            continue;
        if (found)
            return errmsg_set(msg, ERR_CONFLICT, "%s has two columns \"%.100s\"", s->name, name);
        found = true;
        *ret = i;
    }
    return found ? ERR_OK
                 : errmsg_set(msg, ERR_INVALID, "%s has no column \"%.100s\"", s->name, name);
}

static enum err find_columns(struct bulk_source *s, struct span header, struct errmsg *msg)
{
    const struct bulk_spec *spec = s->spec;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < spec->field_count; i++)
        e = find_column(s, header, spec->fields[i].name, &s->column_of[i], msg);
    if (e == ERR_OK && spec->subject != NULL)
        e = find_column(s, header, spec->subject, &s->column_of[BULK_ANY], msg);
    s->columns = s->record.count;
    return e;
}

static enum err read_header(struct bulk_source *s, size_t start, struct bulk_group *g,
                            struct errmsg *msg)
{
    struct span text = span_of(s->window.bytes + start, s->window.len - start);
    size_t mark = 0;
    enum err e;

    if (text.len < BOM_BYTES && !s->end)
        return ERR_NOT_FOUND;
    if (text.len >= BOM_BYTES && memcmp(text.at, bom, BOM_BYTES) == 0)
        mark = BOM_BYTES;
    text = span_of(text.at + mark, text.len - mark);
    e = not_csv(s, csv_read(text, s->spec->delimiter, s->end, &s->record), msg);
    if (e != ERR_OK)
        return e;
    bulk_add_row(g, start, mark + s->record.len, s->line)->plain = true;
    s->line += s->record.lines;
    s->begun = true;
    return find_columns(s, span_of(text.at, s->record.len), msg);
}

/* ---- rows ---- */

/* Append what a field says; *ret_at is where. */
static enum err read_field(const struct bulk_source *s, struct span record, size_t column,
                           struct bulk_group *g, size_t *ret_at)
{
    *ret_at = g->text.len;
    return csv_value(record, &s->record.fields[column], &g->text);
}

static enum err add_column(struct bulk_source *s, struct span record, size_t column, size_t field,
                           struct bulk_group *g, struct bulk_row *row)
{
    const struct csv_field *place = &s->record.fields[column];
    struct bulk_value value = {.start = place->start,
                               .end = place->end,
                               .field = field,
                               .kind = VALUE_STRING,
                               .quoted = place->quoted};
    enum err e = read_field(s, record, column, g, &value.at);

    return e == ERR_OK ? bulk_add_value(s, g, row, &value) : e;
}

/* The field that a column is; BULK_ANY: none. */
static size_t field_of(const struct bulk_source *s, size_t column)
{
    for (size_t i = 0; i < s->spec->field_count; i++)
        if (s->column_of[i] == column)
            return i;
    return BULK_ANY;
}

static enum err read_values(struct bulk_source *s, struct span record, struct bulk_group *g,
                            struct bulk_row *row)
{
    enum err e = ERR_OK;
    size_t at;

    for (size_t i = 0; e == ERR_OK && i < s->record.count; i++) {
        const size_t field = field_of(s, i);

        if (field != BULK_ANY || s->spec->all_tokens)
            e = add_column(s, record, i, field, g, row);
    }
    if (e == ERR_OK && s->spec->subject != NULL && row->count > 0) {
        e = read_field(s, record, s->column_of[BULK_ANY], g, &at);
        if (e == ERR_OK)
            bulk_set_subject(g, row, at);
    }
    return e;
}

enum err bulk_csv_row(struct bulk_source *s, size_t start, struct bulk_group *g, struct errmsg *msg)
{
    const struct span text = span_of(s->window.bytes + start, s->window.len - start);
    struct bulk_row *row;
    enum err e;

    if (!s->begun)
        return read_header(s, start, g, msg);
    e = not_csv(s, csv_read(text, s->spec->delimiter, s->end, &s->record), msg);
    if (e != ERR_OK)
        return e;
    row = bulk_add_row(g, start, s->record.len, s->line);
    s->line += s->record.lines;
    row->plain = s->record.end == 0 && s->columns > 1;
    if (row->plain)
        return ERR_OK;
    if (s->record.count != s->columns) {
        bulk_row_wrong(row, wrong_columns, BULK_ANY);
        return ERR_OK;
    }
    e = read_values(s, span_of(text.at, s->record.len), g, row);
    return e == ERR_OK ? e
                       : errmsg_set(msg, e, "%s, line %llu: too large", s->name,
                                    (unsigned long long)row->line);
}
