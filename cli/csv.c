/* SPDX-License-Identifier: Apache-2.0 */
/* CSV records.
 * Runs on: the main thread. Holds: the list of fields, which is used again. Invariant: fields lie in their order, with one
 * delimiter between two of them and nothing else. Not here: what columns mean. */
#include "cli/csv.h"

#include "base/assert.h"
#include "base/mem.h"

void csv_record_done(struct csv_record *record)
{
    mem_free(&record->fields);
    record->count = record->room = 0;
}

bool csv_is_delimiter(char c)
{
    return c == ',' || c == ';' || c == '\t' || c == '|';
}

static enum err add_field(struct csv_record *record, const struct csv_field *field)
{
    if (record->count == CSV_FIELDS_MAX)
        return ERR_TOO_LARGE;
    if (record->count == record->room) {
        const size_t room = record->room == 0 ? 32 : record->room * 2;
        struct csv_field *fields = mem_try_alloc(room, sizeof(*fields));

        if (fields == NULL)
            return ERR_NO_SPACE;
        if (record->count > 0)
            memcpy(fields, record->fields, record->count * sizeof(*fields));
        mem_free(&record->fields);
        record->fields = fields;
        record->room = room;
    }
    record->fields[record->count++] = *field;
    return ERR_OK;
}

/* From an opening quote past the closing one. NOT_FOUND: that has not come. */
static enum err skip_quoted(struct span text, bool last, size_t *at, uint64_t *lines)
{
    for (size_t i = *at + 1; i < text.len; i++) {
        if (text.at[i] == '\n')
            ++*lines;
        if (text.at[i] != '"')
            continue;
        if (i + 1 < text.len && text.at[i + 1] == '"') {
            i++;
            continue;
        }
        *at = i + 1;
        return ERR_OK;
    }
    return last ? ERR_INVALID : ERR_NOT_FOUND;
}

static void skip_plain(struct span text, char delimiter, size_t *at)
{
    size_t i = *at;

    while (i < text.len && text.at[i] != delimiter && text.at[i] != '"' && text.at[i] != '\r' &&
           text.at[i] != '\n')
        i++;
    *at = i;
}

/* What stands behind a field. OK: the record ends, and *at is behind its line end; BUSY: another field follows. */
static enum err after_field(struct span text, char delimiter, bool last, size_t *at,
                            struct csv_record *record)
{
    const size_t i = *at;

    if (i == text.len)
        return last ? ERR_OK : ERR_NOT_FOUND;
    if (text.at[i] == delimiter) {
        *at = i + 1;
        return ERR_BUSY;
    }
    if (text.at[i] == '\r' && i + 1 == text.len && !last)
        return ERR_NOT_FOUND;
    if (text.at[i] != '\n' && !(text.at[i] == '\r' && i + 1 < text.len && text.at[i + 1] == '\n'))
        return ERR_INVALID;
    *at = i + (text.at[i] == '\r' ? 2 : 1);
    record->lines++;
    return ERR_OK;
}

enum err csv_read(struct span text, char delimiter, bool last, struct csv_record *record)
{
    size_t at = 0;
    enum err e = ERR_BUSY;

    REQUIRE(csv_is_delimiter(delimiter));
    record->count = 0;
    record->lines = 0;
    if (text.len == 0)
        return ERR_NOT_FOUND;
    while (e == ERR_BUSY) {
        struct csv_field field = {.start = at, .quoted = at < text.len && text.at[at] == '"'};

        e = ERR_OK;
        if (field.quoted)
            e = skip_quoted(text, last, &at, &record->lines);
        else
            skip_plain(text, delimiter, &at);
        field.end = at;
        if (e == ERR_OK)
            e = add_field(record, &field);
        record->end = at;
        if (e == ERR_OK)
            e = after_field(text, delimiter, last, &at, record);
    }
    record->len = at;
    return e;
}

enum err csv_value(struct span record, const struct csv_field *field, struct buf *out)
{
    const char *p = record.at + field->start, *end = record.at + field->end;
    enum err e = ERR_OK;

    if (!field->quoted)
        return buf_append(out, p, (size_t)(end - p));
    p++;
    end--;
    while (e == ERR_OK && p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        const char *stop =
            quote == NULL ? end : quote + 1; /* the first of two belongs to the value */

        e = buf_append(out, p, (size_t)(stop - p));
        p = quote == NULL ? end : quote + 2;
    }
    return e;
}

static bool needs_quotes(struct span value, char delimiter)
{
    for (size_t i = 0; i < value.len; i++) {
        const char c = value.at[i];

        if (c == delimiter || c == '"' || c == '\r' || c == '\n')
            return true;
    }
    return false;
}

enum err csv_write(struct span value, bool quoted, char delimiter, struct buf *out)
{
    const char *p = value.len == 0 ? "" : value.at, *const end = p + value.len;
    enum err e;

    if (!quoted && !needs_quotes(value, delimiter))
        return buf_append_span(out, value);
    e = buf_append_byte(out, '"');
    while (e == ERR_OK && p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        const char *stop = quote == NULL ? end : quote + 1;

        e = buf_append(out, p, (size_t)(stop - p));
        if (e == ERR_OK && quote != NULL)
            e = buf_append_byte(out, '"');
        p = stop;
    }
    return e == ERR_OK ? buf_append_byte(out, '"') : e;
}
