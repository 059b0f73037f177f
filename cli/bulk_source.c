/* SPDX-License-Identifier: Apache-2.0 */
/* Rows from a file, in groups.
 * Runs on: the main thread; blocks. Holds: a window of the file in wiped memory, and the group's values in another
 * buffer of that kind. Invariant: which rows a group has depends on the file alone, so that a job that goes on asks for the
 * groups of before. Not here: what a row is (bulk_csv.c, bulk_ndjson.c). */
#include "cli/bulk.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "proxy/fields.h"
#include "proxy/hit.h"

enum { READ_BYTES = 256 << 10 };

const char bulk_wrong_subject[] = "nobody can be found by what says whose it is";
const char bulk_wrong_format[] = "not what the format of its class is for";
const char bulk_wrong_long[] = "longer than a value may be";
static const char wrong_text[] = "not UTF-8";
static const char wrong_count[] = "too many values";

/* ---- groups ---- */

void bulk_group_init(struct bulk_group *g)
{
    *g = (struct bulk_group){.count = 0};
    buf_init_secret(&g->text, BULK_OUTPUT_MAX);
}

void bulk_group_done(struct bulk_group *g)
{
    mem_free(&g->rows);
    mem_free(&g->values);
    mem_free(&g->pieces);
    buf_done(&g->text);
    *g = (struct bulk_group){.count = 0};
}

static void reset(struct bulk_group *g)
{
    g->count = g->value_count = g->piece_count = g->data_rows = 0;
    buf_reset(&g->text);
}

/* Room for one more; what the list is made of is bounded by the rows of one group. */
static void grow(void **list, size_t count, size_t *room, size_t size)
{
    const size_t more = *room == 0 ? 256 : *room * 2;
    void *wider;

    if (count < *room)
        return;
    wider = mem_alloc(more * size);
    if (count > 0)
        memcpy(wider, *list, count * size);
    mem_free(list);
    *list = wider;
    *room = more;
}

struct bulk_row *bulk_add_row(struct bulk_group *g, size_t start, size_t len, uint64_t line)
{
    void *rows = g->rows;

    grow(&rows, g->count, &g->room, sizeof(g->rows[0]));
    g->rows = rows;
    g->rows[g->count] = (struct bulk_row){
        .start = start, .len = len, .line = line, .wrong_field = BULK_ANY, .first = g->value_count};
    return &g->rows[g->count++];
}

void bulk_row_wrong(struct bulk_row *row, const char *why, size_t field)
{
    if (row->wrong != NULL)
        return;
    row->wrong = why;
    row->wrong_field = field;
}

static void add_piece(struct bulk_group *g, size_t start, size_t end)
{
    void *pieces = g->pieces;

    grow(&pieces, g->piece_count, &g->piece_room, sizeof(g->pieces[0]));
    g->pieces = pieces;
    g->pieces[g->piece_count++] = (struct bulk_piece){.start = start, .end = end};
    g->values[g->value_count - 1].pieces++;
}

static void push_value(struct bulk_group *g, struct bulk_row *row, const struct bulk_value *value)
{
    void *values = g->values;

    grow(&values, g->value_count, &g->value_room, sizeof(g->values[0]));
    g->values = values;
    g->values[g->value_count] = *value;
    g->values[g->value_count].first = g->piece_count;
    g->values[g->value_count].pieces = 0;
    g->value_count++;
    row->count++;
}

static void scan(const struct bulk_source *s, struct bulk_group *g, struct bulk_row *row,
                 const struct bulk_value *value)
{
    const struct span text = span_of(g->text.bytes + value->at, value->len);
    struct token_place place;
    size_t at = 0;
    bool pushed = false;

    while (token_scan_next(&s->tokens, text, true, &at, &place)) {
        if (!pushed)
            push_value(g, row, value);
        pushed = true;
        add_piece(g, place.start, place.end);
    }
}

static bool is_utf8(struct span text)
{
    const struct hit all = {.end = text.len, .coding = HIT_TEXT};
    struct span value;

    return hit_read(text, &all, NULL, &value) == ERR_OK;
}

enum err bulk_add_value(struct bulk_source *s, struct bulk_group *g, struct bulk_row *row,
                        const struct bulk_value *value)
{
    struct bulk_value whole = *value;

    whole.len = g->text.len - value->at;
    if (row->count >= BULK_GROUP_VALUES) {
        bulk_row_wrong(row, wrong_count, BULK_ANY);
        return ERR_OK;
    }
    if (whole.field == BULK_ANY) {
        scan(s, g, row, &whole);
        return ERR_OK;
    }
    if (whole.len == 0)
        return ERR_OK; /* nothing is nobody's value */
    if (!is_utf8(span_of(g->text.bytes + whole.at, whole.len)))
        bulk_row_wrong(row, wrong_text, whole.field);
    push_value(g, row, &whole);
    add_piece(g, 0, whole.len);
    return ERR_OK;
}

void bulk_set_subject(struct bulk_group *g, struct bulk_row *row, size_t at)
{
    row->subject_at = at;
    row->subject_len = g->text.len - at;
    if (row->subject_len == 0 || !is_utf8(span_of(g->text.bytes + at, row->subject_len)))
        bulk_row_wrong(row, bulk_wrong_subject, BULK_ANY);
}

/* ---- the window ---- */

enum err bulk_source_open(struct bulk_source *s, const struct bulk_spec *spec, int fd,
                          const char *name, struct errmsg *msg)
{
    *s = (struct bulk_source){.spec = spec, .name = name, .fd = fd, .line = 1};
    buf_init_secret(&s->window, BULK_GROUP_RAW_BYTES + 2 * (size_t)BULK_ROW_MAX);
    return spec->ndjson ? bulk_ndjson_open(s, msg) : ERR_OK;
}

void bulk_source_close(struct bulk_source *s)
{
    buf_done(&s->window);
    csv_record_done(&s->record);
    fields_free(&s->paths);
}

struct span bulk_row_bytes(const struct bulk_source *s, const struct bulk_row *row)
{
    return span_of(s->window.bytes + row->start, row->len);
}

uint64_t bulk_source_position(const struct bulk_source *s)
{
    return s->offset + s->used;
}

static void drop_used(struct bulk_source *s)
{
    const size_t rest = s->window.len - s->used;

    if (s->used == 0)
        return;
    memmove(s->window.bytes, s->window.bytes + s->used, rest);
    explicit_bzero(s->window.bytes + rest, s->used);
    s->window.len = rest;
    s->offset += s->used;
    s->used = 0;
}

/* Read on: as much again as the row at hand has, so that looking at it anew costs little in all. */
static enum err read_more(struct bulk_source *s, struct errmsg *msg)
{
    const size_t have = s->window.len - s->used;
    const size_t want = have < READ_BYTES ? READ_BYTES : have;
    ssize_t n;
    enum err e;

    if (have > BULK_ROW_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE,
                          "%s, line %llu: longer than %d bytes: is a quote not closed?", s->name,
                          (unsigned long long)s->line, BULK_ROW_MAX);
    e = buf_reserve(&s->window, want);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "no memory");
    do {
        n = read(s->fd, s->window.bytes + s->window.len, want);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errmsg_set(msg, ERR_IO, "%s cannot be read: %s", s->name, strerror(errno));
    s->end = n == 0;
    s->window.len += (size_t)n;
    return ERR_OK;
}

/* One row more in the group; *ret_any is false at the end. */
static enum err next_row(struct bulk_source *s, struct bulk_group *g, bool *ret_any,
                         struct errmsg *msg)
{
    *ret_any = true;
    for (;;) {
        enum err e = s->used == s->window.len ? ERR_NOT_FOUND
                     : s->spec->ndjson        ? bulk_ndjson_row(s, s->used, g, msg)
                                              : bulk_csv_row(s, s->used, g, msg);

        if (e != ERR_NOT_FOUND)
            return e;
        if (s->end) {
            *ret_any = false;
            return ERR_OK;
        }
        e = read_more(s, msg);
        if (e != ERR_OK)
            return e;
    }
}

/* May another row join the group? */
static bool has_room(const struct bulk_source *s, const struct bulk_group *g, size_t rows)
{
    if (rows > 0)
        return g->count < rows;
    return g->data_rows < BULK_GROUP_ROWS && g->value_count < BULK_GROUP_VALUES &&
           g->piece_count < BULK_GROUP_VALUES && g->text.len < BULK_GROUP_BYTES &&
           s->used < BULK_GROUP_RAW_BYTES;
}

enum err bulk_source_next(struct bulk_source *s, size_t rows, struct bulk_group *g,
                          struct errmsg *msg)
{
    bool any = true;
    enum err e = ERR_OK;

    reset(g);
    drop_used(s);
    while (e == ERR_OK && any && has_room(s, g, rows)) {
        e = next_row(s, g, &any, msg);
        if (e != ERR_OK || !any)
            break;
        s->used += g->rows[g->count - 1].len;
        if (!g->rows[g->count - 1].plain)
            g->data_rows++;
    }
    s->rows += g->data_rows;
    return e;
}

enum err bulk_source_seek(struct bulk_source *s, uint64_t offset, uint64_t line, uint64_t rows,
                          struct errmsg *msg)
{
    struct bulk_group g;
    bool any = true;
    enum err e = ERR_OK;

    if (offset == 0)
        return ERR_OK;
    bulk_group_init(&g);
    if (!s->spec->ndjson)
        e = next_row(s, &g, &any, msg);
    bulk_group_done(&g);
    if (e != ERR_OK)
        return e;
    if (lseek(s->fd, (off_t)offset, SEEK_SET) < 0)
        return errmsg_set(msg, ERR_IO, "%s cannot be read: %s", s->name, strerror(errno));
    buf_reset(&s->window);
    s->used = 0;
    s->end = false;
    s->offset = offset;
    s->line = line;
    s->rows = rows;
    return ERR_OK;
}
