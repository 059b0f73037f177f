/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as XLSX, the one adapter around libxlsxwriter: a sheet of rows whose dates are dates and whose numbers are
 * numbers, and a sheet "About" that says of what.
 * Runs on: any thread; blocks on temporary files. Holds: nothing. Invariant: no cell is a formula or a link: what is
 * text is written as text. Files that it works with have no name, so that nothing is left behind; they hold what the
 * report does: counts, dates, random ids and labels. */
#include <xlsxwriter.h>

#include "retention/report_write_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/period.h"

enum {
    TEXT_MAX = 32767, /* characters that a cell may hold; bytes here, which are not fewer */
    DAY_WIDTH = 12,
    INSTANT_WIDTH = 20,
    NUMBER_WIDTH = 12,
    TEXT_WIDTH = 24,
    ABOUT_WIDTH = 70
};

struct sheet {
    lxw_workbook *book;
    lxw_worksheet *rows;
    lxw_format *head, *day, *instant;
    struct buf cell;
    enum err e;
};

/* ---- cells ---- */

static void check(struct sheet *s, lxw_error error)
{
    if (error != LXW_NO_ERROR && s->e == ERR_OK)
        s->e = error == LXW_ERROR_MEMORY_MALLOC_FAILED ? ERR_NO_SPACE : ERR_IO;
}

/* Cut to what a cell holds, not within a character. */
static void put_text(struct sheet *s, lxw_worksheet *sheet, lxw_row_t row, lxw_col_t column,
                     struct span text)
{
    AUTO(mem_free) char *copy = NULL;
    size_t len = text.len;

    if (len == 0)
        return;
    if (len > TEXT_MAX)
        for (len = TEXT_MAX; len > 0 && ((uint8_t)text.at[len] & 0xc0) == 0x80;)
            len--;
    copy = mem_alloc(len + 1);
    memcpy(copy, text.at, len);
    check(s, worksheet_write_string(sheet, row, column, copy, NULL));
}

static bool is_digits(struct span text, size_t at, size_t count, int *ret)
{
    *ret = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        *ret = *ret * 10 + text.at[i] - '0';
    }
    return true;
}

/* "2026-01-31" or "2026-01-31T09:30:00[.250]Z". */
static bool read_time(struct span text, lxw_datetime *ret)
{
    struct civil date;
    int hour = 0, minute = 0, second = 0;
    const bool has_time = text.len >= 20;

    if (text.len < 10 || !civil_parse(span_of(text.at, 10), &date) || date.year < 1900)
        return false;
    if (has_time && (!is_digits(text, 11, 2, &hour) || !is_digits(text, 14, 2, &minute) ||
                     !is_digits(text, 17, 2, &second)))
        return false;
    *ret = (lxw_datetime){date.year, date.month, date.day, hour, minute, second};
    return true;
}

static void put_time(struct sheet *s, lxw_row_t row, lxw_col_t column, const struct json *value,
                     lxw_format *format)
{
    lxw_datetime time;

    if (read_time(json_text_of(value), &time))
        check(s, worksheet_write_datetime(s->rows, row, column, &time, format));
    else
        put_text(s, s->rows, row, column, json_text_of(value));
}

static void put_cell(struct sheet *s, lxw_row_t row, lxw_col_t column, enum report_cell kind,
                     const struct json *value)
{
    if (json_kind(value) == JSON_INT) {
        check(s, worksheet_write_number(s->rows, row, column, (double)json_int_of(value, 0), NULL));
    } else if (json_kind(value) == JSON_BOOL) {
        check(s, worksheet_write_boolean(s->rows, row, column, json_bool_of(value, false), NULL));
    } else if (kind == REPORT_DATE || kind == REPORT_INSTANT) {
        put_time(s, row, column, value, kind == REPORT_DATE ? s->day : s->instant);
    } else {
        const enum err e = report__cell(value, "", "; ", &s->cell);

        s->e = s->e == ERR_OK ? e : s->e;
        put_text(s, s->rows, row, column, buf_span(&s->cell));
        buf_reset(&s->cell);
    }
}

/* ---- the rows ---- */

static double width_of(enum report_cell kind)
{
    switch (kind) {
    case REPORT_DATE:
        return DAY_WIDTH;
    case REPORT_INSTANT:
        return INSTANT_WIDTH;
    case REPORT_TEXT:
    case REPORT_LIST:
        return TEXT_WIDTH;
    default:
        return NUMBER_WIDTH;
    }
}

/* Row by row: what has been written is not kept in memory. */
static void put_rows(struct sheet *s, const struct report_kind *kind, const struct json *rows)
{
    const size_t columns = report__column_count(kind), count = json_count(rows);

    for (size_t i = 0; i < columns; i++) {
        const struct report_column *column = report__column(kind, i);
        const lxw_col_t at = (lxw_col_t)i;

        check(s, worksheet_set_column(s->rows, at, at, width_of(column->cell), NULL));
        check(s, worksheet_write_string(s->rows, 0, at, column->title, s->head));
    }
    for (size_t row = 0; row < count; row++)
        for (size_t i = 0; i < columns; i++) {
            const struct report_column *column = report__column(kind, i);

            put_cell(s, (lxw_row_t)row + 1, (lxw_col_t)i, column->cell,
                     json_get(json_at(rows, row), column->member));
        }
    worksheet_freeze_panes(s->rows, 1, 1);
    check(s, worksheet_autofilter(s->rows, 0, 0, (lxw_row_t)count, (lxw_col_t)(columns - 1)));
}

/* ---- what it is about ---- */

struct about {
    struct sheet *s;
    lxw_worksheet *sheet;
    lxw_row_t row;
};

static void put_fact(struct about *a, const char *name, struct span text)
{
    check(a->s, worksheet_write_string(a->sheet, a->row, 0, name, a->s->head));
    put_text(a->s, a->sheet, a->row, 1, text);
    a->row++;
}

static void put_member(struct about *a, const char *name, const struct json *value)
{
    if (json_kind(value) == JSON_INT) {
        check(a->s, worksheet_write_string(a->sheet, a->row, 0, name, a->s->head));
        check(a->s,
              worksheet_write_number(a->sheet, a->row, 1, (double)json_int_of(value, 0), NULL));
        a->row++;
        return;
    }
    a->s->e = a->s->e == ERR_OK ? report__cell(value, "", "; ", &a->s->cell) : a->s->e;
    put_fact(a, name, buf_span(&a->s->cell));
    buf_reset(&a->s->cell);
}

static void put_about(struct sheet *s, const struct report_kind *kind, const struct json *tree)
{
    static const char *const members[] = {"as_of",         "zone",  "version", "commit",
                                          "configuration", "store", "clock",   "classification"};
    struct about a = {.s = s, .sheet = workbook_add_worksheet(s->book, "About")};
    const struct json *ledger = json_get(tree, "ledger");
    char text[DIGEST_HEX_BYTES > 64 ? DIGEST_HEX_BYTES : 64];

    check(s, worksheet_set_column(a.sheet, 0, 0, TEXT_WIDTH, NULL));
    check(s, worksheet_set_column(a.sheet, 1, 1, ABOUT_WIDTH, NULL));
    put_fact(&a, "report", span_str(kind->title));
    report__period(tree, text);
    put_fact(&a, "period", span_str(text));
    for (size_t i = 0; i < COUNT_OF(members); i++)
        put_member(&a, members[i], json_get(tree, members[i]));
    put_member(&a, "ledger entries", json_get(ledger, "entries"));
    put_member(&a, "ledger head", json_get(ledger, "head"));
    for (size_t i = 0; i < kind->summary_count; i++)
        put_member(&a, kind->summary[i].title,
                   json_get(json_get(tree, "summary"), kind->summary[i].member));
    if (s->e == ERR_OK)
        s->e = report__hash(tree, text);
    put_fact(&a, "SHA-256 of this report as JSON", span_str(text));
}

/* ---- the file ---- */

static void set_formats(struct sheet *s)
{
    s->head = workbook_add_format(s->book);
    s->day = workbook_add_format(s->book);
    s->instant = workbook_add_format(s->book);
    format_set_bold(s->head);
    format_set_num_format(s->day, "yyyy-mm-dd");
    format_set_num_format(s->instant, "yyyy-mm-dd hh:mm:ss");
}

static enum err write_book(const char *path, const struct report_kind *kind,
                           const struct json *tree)
{
    lxw_workbook_options options = {.constant_memory = LXW_TRUE};
    struct sheet s = {.book = workbook_new_opt(path, &options)};

    if (s.book == NULL)
        return ERR_NO_SPACE;
    buf_init(&s.cell, REPORT_CELL_MAX);
    set_formats(&s);
    s.rows = workbook_add_worksheet(s.book, kind->name);
    put_rows(&s, kind, json_get(tree, "rows"));
    put_about(&s, kind, tree);
    check(&s, workbook_close(s.book));
    buf_done(&s.cell);
    return s.e;
}

static enum err read_back(FILE *file, struct buf *out)
{
    char run[16384];
    enum err e = ERR_OK;
    ssize_t got;

    for (off_t at = 0; e == ERR_OK && (got = pread(fileno(file), run, sizeof(run), at)) > 0;
         at += got)
        e = buf_append(out, run, (size_t)got);
    return e != ERR_OK || got == 0 ? e : ERR_IO;
}

enum err report__write_xlsx(const struct report_kind *kind, const struct json *tree,
                            struct buf *out)
{
    FILE *file = tmpfile();
    char path[32];
    enum err e;

    if (file == NULL)
        return ERR_IO;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));
    e = write_book(path, kind, tree);
    if (e == ERR_OK)
        e = read_back(file, out);
    (void)fclose(file);
    return e;
}
