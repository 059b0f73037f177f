/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as CSV (RFC 4180): one header line of the members' names, one line a row, each with the
 * report's instant first; and the digest of a report, which is that of its CSV without the instants.
 * Runs on: any thread. Holds: nothing. Invariant: no label becomes a formula. */
#include "retention/report_write_priv.h"

#include <string.h>

static bool is_formula_start(uint8_t byte)
{
    return byte == '=' || byte == '+' || byte == '-' || byte == '@' || byte == '\t' ||
           byte == '\r' || byte == '\0';
}

static bool wants_quotes(struct span text, char separator)
{
    for (size_t i = 0; i < text.len; i++) {
        const char byte = text.at[i];

        if (byte == ',' || byte == ';' || byte == '"' || byte == '\r' || byte == '\n' ||
            byte == '\0' || byte == separator)
            return true;
    }
    return false;
}

static enum err append_doubled(struct buf *out, struct span text)
{
    enum err e = ERR_OK;

    while (e == ERR_OK && text.len > 0) {
        const char *quote = memchr(text.at, '"', text.len);
        const size_t len = quote == NULL ? text.len : (size_t)(quote - text.at) + 1;

        e = buf_append(out, text.at, len);
        if (e == ERR_OK && quote != NULL)
            e = buf_append_byte(out, '"');
        text = span_of(text.at + len, text.len - len);
    }
    return e;
}

/* Quoted when it holds what RFC 4180 or the separator gives a meaning; quotes doubled. */
static enum err append_field(struct buf *out, struct span text, char separator, bool is_label)
{
    const bool guard = is_label && text.len > 0 && is_formula_start((uint8_t)text.at[0]);
    enum err e;

    if (!guard && !wants_quotes(text, separator))
        return buf_append(out, text.at, text.len);
    e = buf_append_byte(out, '"');
    if (e == ERR_OK && guard)
        e = buf_append_byte(out, '\'');
    if (e == ERR_OK)
        e = append_doubled(out, text);
    return e == ERR_OK ? buf_append_byte(out, '"') : e;
}

static enum err append_row(const struct report_kind *kind, const struct json *row,
                           struct span as_of, char separator, struct buf *cell, struct buf *out)
{
    enum err e = as_of.at == NULL ? ERR_OK : append_field(out, as_of, separator, true);

    for (size_t i = 0; i < report__column_count(kind) && e == ERR_OK; i++) {
        const struct json *value = json_get(row, report__column(kind, i)->member);

        buf_reset(cell);
        e = report__cell(value, "", "; ", cell);
        if (e == ERR_OK && (i > 0 || as_of.at != NULL))
            e = buf_append_byte(out, (uint8_t)separator);
        if (e == ERR_OK)
            e = append_field(out, buf_span(cell), separator, json_kind(value) != JSON_INT);
    }
    return e == ERR_OK ? buf_append_str(out, "\r\n") : e;
}

static enum err append_header(const struct report_kind *kind, bool has_as_of, char separator,
                              struct buf *out)
{
    enum err e = has_as_of ? buf_append_str(out, "as_of") : ERR_OK;

    for (size_t i = 0; i < report__column_count(kind) && e == ERR_OK; i++) {
        if (i > 0 || has_as_of)
            e = buf_append_byte(out, (uint8_t)separator);
        if (e == ERR_OK)
            e = buf_append_str(out, report__column(kind, i)->member);
    }
    return e == ERR_OK ? buf_append_str(out, "\r\n") : e;
}

enum err report__write_csv(const struct report_kind *kind, const struct json *tree,
                           const struct report_style *style, struct buf *out)
{
    AUTO(buf_done) struct buf cell = {.max = 0};
    const struct json *rows = json_get(tree, "rows");
    const struct span as_of = json_text_of(json_get(tree, "as_of"));
    const bool excel = style->format == REPORT_CSV_EXCEL;
    const char separator = excel ? ';' : ',';
    enum err e;

    buf_init(&cell, REPORT_CELL_MAX);
    e = excel ? buf_append_str(out, "\xef\xbb\xbf") : ERR_OK;
    if (e == ERR_OK)
        e = append_header(kind, true, separator, out);
    for (size_t i = 0; i < json_count(rows) && e == ERR_OK; i++)
        e = append_row(kind, json_at(rows, i), as_of, separator, &cell, out);
    return e;
}

enum err report_digest(const struct json *tree, char ret[DIGEST_HEX_BYTES])
{
    const struct report_kind *kind = report_kind_find(json_text_of(json_get(tree, "report")));
    AUTO(buf_done) struct buf cell = {.max = 0}, text = {.max = 0};
    const struct json *rows = json_get(tree, "rows");
    enum err e;

    if (kind == NULL || json_kind(rows) != JSON_LIST)
        return ERR_INVALID;
    buf_init(&cell, REPORT_CELL_MAX);
    buf_init(&text, REPORT_TEXT_MAX);
    e = append_header(kind, false, ',', &text);
    for (size_t i = 0; i < json_count(rows) && e == ERR_OK; i++)
        e = append_row(kind, json_at(rows, i), SPAN_NONE, ',', &cell, &text);
    if (e == ERR_OK)
        digest_hex(buf_span(&text), ret);
    return e;
}
