/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as text: which format, and how a cell reads in all of them.
 * Runs on: any thread. Holds: nothing. Not here: the formats (report_table.c, report_csv.c,
 * report_html.c, report_xlsx.c). */
#include "retention/report_write_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

static const char *const format_names[] = {
    [REPORT_TABLE] = "table",         [REPORT_JSON] = "json", [REPORT_CSV] = "csv",
    [REPORT_CSV_EXCEL] = "csv-excel", [REPORT_HTML] = "html", [REPORT_XLSX] = "xlsx",
};

enum err report_format_of(struct span name, enum report_format *ret)
{
    for (size_t i = 0; i < COUNT_OF(format_names); i++) {
        if (span_equal(name, span_str(format_names[i]))) {
            *ret = (enum report_format)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

/* ---- columns ---- */

static const struct report_column attention = {"attention", "Attention", REPORT_LIST, false};

size_t report__column_count(const struct report_kind *kind)
{
    REQUIRE(kind->column_count < REPORT_COLUMNS_MAX);
    return kind->column_count + 1;
}

const struct report_column *report__column(const struct report_kind *kind, size_t index)
{
    return index < kind->column_count ? &kind->columns[index] : &attention;
}

/* ---- cells ---- */

static enum err append_list(const struct json *list, const char *joint, struct buf *out)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < json_count(list) && e == ERR_OK; i++) {
        if (i > 0)
            e = buf_append_str(out, joint);
        if (e == ERR_OK)
            e = buf_append_span(out, json_text_of(json_at(list, i)));
    }
    return e;
}

enum err report__cell(const struct json *value, const char *none, const char *joint,
                      struct buf *out)
{
    char number[24];

    switch (json_kind(value)) {
    case JSON_TEXT:
        return buf_append_span(out, json_text_of(value));
    case JSON_INT:
        (void)snprintf(number, sizeof(number), "%" PRId64, json_int_of(value, 0));
        return buf_append_str(out, number);
    case JSON_BOOL:
        return buf_append_str(out, json_bool_of(value, false) ? "yes" : "no");
    case JSON_LIST:
        return json_count(value) == 0 ? buf_append_str(out, none) : append_list(value, joint, out);
    default:
        return buf_append_str(out, none);
    }
}

bool report__is_blank(const struct json *row)
{
    const struct span state = json_text_of(json_get(row, "state"));

    return span_equal(state, SPAN_LIT("blank")) || span_equal(state, SPAN_LIT("assess"));
}

const char *report__text(const struct json *map, const char *name)
{
    const char *text = json_str_of(json_get(map, name));

    return text == NULL ? "" : text;
}

void report__period(const struct json *tree, char ret[64])
{
    const struct json *period = json_get(tree, "period");
    const char *from = report__text(period, "from"), *to = report__text(period, "to");

    if (from[0] == '\0' && to[0] == '\0')
        (void)snprintf(ret, 64, "since ever");
    else if (from[0] == '\0')
        (void)snprintf(ret, 64, "before %.24s", to);
    else if (to[0] == '\0')
        (void)snprintf(ret, 64, "from %.24s", from);
    else
        (void)snprintf(ret, 64, "from %.24s, before %.24s", from, to);
}

enum err report__hash(const struct json *tree, char ret[DIGEST_HEX_BYTES])
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init(&text, REPORT_TEXT_MAX);
    e = json_write_pretty(tree, &text);
    if (e == ERR_OK)
        digest_hex(buf_span(&text), ret);
    return e;
}

/* ---- the whole ---- */

enum err report_write(const struct json *tree, const struct report_style *style, struct buf *out)
{
    const struct report_kind *kind = report_kind_find(json_text_of(json_get(tree, "report")));

    if (kind == NULL || json_kind(json_get(tree, "rows")) != JSON_LIST)
        return ERR_INVALID;
    switch (style->format) {
    case REPORT_JSON:
        return json_write_pretty(tree, out);
    case REPORT_CSV:
    case REPORT_CSV_EXCEL:
        return report__write_csv(kind, tree, style, out);
    case REPORT_HTML:
        return report__write_html(kind, tree, out);
    case REPORT_XLSX:
        return report__write_xlsx(kind, tree, out);
    default:
        return report__write_table(kind, tree, style, out);
    }
}
