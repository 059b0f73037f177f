/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a file of JSON documents, one a line, with the data path's own reader (proxy/json_reader.h).
 * Runs on: the main thread. Holds: the compiled paths. Invariant: a row is a line, whatever is wrong with it. Not here:
 * windows and groups (bulk_source.c). */
#include "cli/bulk.h"

#include <string.h>

#include "base/mem.h"
#include "proxy/fields.h"
#include "proxy/hit.h"
#include "proxy/json_reader.h"

static const char wrong_json[] = "not a JSON document (RFC 8259) whose names are unique";
static const char wrong_shape[] =
    "an object or array where a value should be, or the other way round";
static const char wrong_size[] = "too deep, or too many members or values";

enum err bulk_ndjson_open(struct bulk_source *s, struct errmsg *msg)
{
    const struct bulk_spec *spec = s->spec;
    struct field_def defs[BULK_FIELDS_MAX + 2];
    size_t count = 0;

    for (; count < spec->field_count; count++)
        defs[count] =
            (struct field_def){.path = spec->fields[count].name, .class_id = (uint16_t)count};
    /* A class id of BULK_ANY is the subject, or any text. */
    if (spec->subject != NULL && bulk_spec_subject_field(spec) == BULK_ANY)
        defs[count++] = (struct field_def){.path = spec->subject, .class_id = BULK_ANY};
    if (spec->all_tokens)
        defs[count++] = (struct field_def){.path = "$", .class_id = BULK_ANY, .deep = true};
    return fields_new(defs, count, &s->paths, msg);
}

static const char *why(enum err e)
{
    return e == ERR_INVALID ? wrong_json : e == ERR_TOO_LARGE ? wrong_size : wrong_shape;
}

static enum err add_hit(struct bulk_source *s, struct span line, const struct hit *hit,
                        struct bulk_group *g, struct bulk_row *row)
{
    const size_t subject = bulk_spec_subject_field(s->spec);
    const bool is_subject = s->spec->subject != NULL && hit->class_id == subject;
    AUTO(buf_done) struct buf scratch = {.max = 0};
    struct bulk_value value = {.start = hit->start,
                               .end = hit->end,
                               .at = g->text.len,
                               .field = hit->class_id,
                               .kind = hit->kind};
    struct span text;
    enum err e;

    buf_init_secret(&scratch, BULK_ROW_MAX);
    e = hit_read(line, hit, &scratch, &text);
    if (e == ERR_OK)
        e = buf_append_span(&g->text, text);
    if (e == ERR_OK && is_subject) {
        if (row->subject_len > 0) /* the path leads to several */
            bulk_row_wrong(row, bulk_wrong_subject, BULK_ANY);
        bulk_set_subject(g, row, value.at);
        if (subject == BULK_ANY)
            return e;
    }
    return e == ERR_OK ? bulk_add_value(s, g, row, &value) : e;
}

static enum err read_line(struct bulk_source *s, struct span line, struct bulk_group *g,
                          struct bulk_row *row)
{
    AUTO(hits_done) struct hits hits = {.count = 0};
    enum err e =
        memchr(line.at, '\r', line.len) != NULL ? ERR_INVALID : json_read(s->paths, line, &hits);

    if (e == ERR_NO_SPACE)
        return e;
    if (e != ERR_OK || hits.misplaced)
        bulk_row_wrong(row, why(e), BULK_ANY);
    for (size_t i = 0; row->wrong == NULL && e == ERR_OK && i < hits.count; i++)
        e = add_hit(s, line, &hits.at[i], g, row);
    if (s->spec->subject != NULL && row->subject_len == 0 && row->count > 0)
        bulk_row_wrong(row, bulk_wrong_subject, BULK_ANY);
    return row->wrong != NULL ? ERR_OK : e;
}

enum err bulk_ndjson_row(struct bulk_source *s, size_t start, struct bulk_group *g,
                         struct errmsg *msg)
{
    const struct span text = span_of(s->window.bytes + start, s->window.len - start);
    const char *stop = memchr(text.at, '\n', text.len);
    struct span line = span_of(text.at, stop == NULL ? text.len : (size_t)(stop - text.at));
    struct bulk_row *row;
    enum err e;

    if (stop == NULL && !s->end)
        return ERR_NOT_FOUND;
    row = bulk_add_row(g, start, line.len + (stop != NULL), s->line++);
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    row->plain = line.len == 0;
    if (row->plain)
        return ERR_OK;
    e = read_line(s, line, g, row);
    return e == ERR_OK ? e
                       : errmsg_set(msg, e, "%s, line %llu: too large", s->name,
                                    (unsigned long long)row->line);
}
