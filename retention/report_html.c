/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as one HTML file for reading and for printing: A4 across, no script, nothing from elsewhere. The
 * columns needed most stand in the first table, the others in further ones, each with the first column
 * again as the rows' headers.
 * Runs on: any thread. Holds: nothing. Invariant: every text is escaped; nothing is said by colour. */
#include "retention/report_write_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { BAND_COLUMNS = 10 }; /* beside the first: what A4 across has room for */

static const char style_text[] =
    "html{font:15px/1.4 system-ui,sans-serif;color:#000;background:#fff}"
    "body{margin:1.5rem}h1{font-size:1.4rem;margin:0 0 .5rem}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem;margin:0 0 1rem}"
    "dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}"
    ".scroll{overflow-x:auto;margin:0 0 1.5rem}"
    "table{border-collapse:collapse}caption{text-align:left;font-weight:600;padding:.2rem 0}"
    "th,td{border:1px solid #666;padding:.2rem .45rem;text-align:left;vertical-align:top}"
    "thead th{border-bottom:2px solid #000}.n{text-align:right;font-variant-numeric:tabular-nums}"
    "tr.act>*{border-left-width:3px;font-weight:600}"
    "h2{font-size:1.15rem;margin:1.5rem 0 .5rem}h3{font-size:1rem;margin:.8rem 0 .1rem}"
    "main p{margin:.1rem 0;max-width:60rem}.blank{border:1px solid "
    "#666;height:4rem;max-width:60rem}"
    "h3+p,.blank{break-inside:avoid}h2,h3{break-after:avoid}"
    "footer{font-size:.85rem;overflow-wrap:anywhere}"
    ":focus-visible{outline:3px solid #000;outline-offset:2px}"
    "@media print{html{font-size:9px}body{margin:0}.scroll{overflow:visible}"
    "thead{display:table-header-group}tr{break-inside:avoid}}"
    "@page{size:A4 landscape;margin:12mm 10mm 16mm;"
    "@bottom-right{content:\"page \" counter(page) \" of \" counter(pages);font-size:8pt}"
    "@bottom-left{content:\"SHA-256 ";

/* The first error stays, and nothing is written after it. */
struct page {
    const struct report_kind *kind;
    const struct json *tree;
    struct buf *out;
    struct buf cell;
    enum err e;
};

static void page_done(struct page *p)
{
    buf_done(&p->cell);
}

static void put(struct page *p, const char *text)
{
    if (p->e == ERR_OK)
        p->e = buf_append_str(p->out, text);
}

static void put_escaped(struct page *p, struct span text)
{
    for (size_t i = 0; i < text.len && p->e == ERR_OK; i++) {
        const uint8_t byte = (uint8_t)text.at[i];

        if (byte == '&')
            put(p, "&amp;");
        else if (byte == '<')
            put(p, "&lt;");
        else if (byte == '>')
            put(p, "&gt;");
        else if (byte == '"')
            put(p, "&quot;");
        else if (byte == '\'')
            put(p, "&#39;");
        else if (byte < 0x20 || byte == 0x7f)
            put(p, "\xef\xbf\xbd"); /* HTML has no way to write them */
        else
            p->e = buf_append_byte(p->out, byte);
    }
}

static void put_value(struct page *p, const struct json *value)
{
    buf_reset(&p->cell);
    if (p->e == ERR_OK)
        p->e = report__cell(value, "\xe2\x80\x93", ", ", &p->cell);
    put_escaped(p, buf_span(&p->cell));
}

/* ---- head ---- */

static void put_fact(struct page *p, const char *title, const struct json *value)
{
    put(p, "<dt>");
    put_escaped(p, span_str(title));
    put(p, "</dt><dd>");
    put_value(p, value);
    put(p, "</dd>");
}

static void put_text_fact(struct page *p, const char *title, const char *text)
{
    AUTO(json_free) struct json *value = json_new_text(span_str(text));

    put_fact(p, title, value);
}

static void put_head(struct page *p, const char *hash)
{
    put(p, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
           "<meta http-equiv=\"Content-Security-Policy\" "
           "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>");
    put_escaped(p, span_str(p->kind->title));
    put(p, ", ");
    put_value(p, json_get(p->tree, "as_of"));
    put(p, "</title>\n<style>");
    put(p, style_text);
    put(p, hash);
    put(p, "\";font-size:8pt}}</style></head>\n<body><header><h1>");
    put_escaped(p, span_str(p->kind->title));
    put(p, "</h1>\n<dl>");
}

static void put_facts(struct page *p)
{
    const struct json *ledger = json_get(p->tree, "ledger");
    char period[64];

    report__period(p->tree, period);
    put_fact(p, "As of", json_get(p->tree, "as_of"));
    put_fact(p, "Time zone", json_get(p->tree, "zone"));
    put_text_fact(p, "Period", period);
    put_fact(p, "Needs attention", json_get(p->tree, "attention"));
    for (size_t i = 0; i < p->kind->summary_count; i++)
        put_fact(p, p->kind->summary[i].title,
                 json_get(json_get(p->tree, "summary"), p->kind->summary[i].member));
    put_fact(p, "Host's clock", json_get(p->tree, "clock"));
    put_fact(p, "Classification", json_get(p->tree, "classification"));
    put_fact(p, "Program", json_get(p->tree, "version"));
    put_fact(p, "Commit", json_get(p->tree, "commit"));
    put_fact(p, "Configuration", json_get(p->tree, "configuration"));
    put_fact(p, "Store", json_get(p->tree, "store"));
    put_fact(p, "Ledger entries", json_get(ledger, "entries"));
    put_fact(p, "Ledger head", json_get(ledger, "head"));
    put(p, "</dl></header>\n<main>\n");
}

/* ---- tables ---- */

struct band {
    const struct report_column *columns[BAND_COLUMNS + 1];
    size_t count;
};

static const char *class_of(const struct report_column *column)
{
    return column->cell == REPORT_COUNT || column->cell == REPORT_SHARE ? " class=\"n\"" : "";
}

static void put_titles(struct page *p, const struct band *band)
{
    put(p, "<thead><tr>");
    for (size_t i = 0; i < band->count; i++) {
        put(p, "<th scope=\"col\"");
        put(p, class_of(band->columns[i]));
        put(p, ">");
        put_escaped(p, span_str(band->columns[i]->title));
        put(p, "</th>");
    }
    put(p, "</tr></thead>\n<tbody>\n");
}

static void put_row(struct page *p, const struct band *band, const struct json *row)
{
    put(p, json_count(json_get(row, "attention")) > 0 ? "<tr class=\"act\">" : "<tr>");
    for (size_t i = 0; i < band->count; i++) {
        put(p, i == 0 ? "<th scope=\"row\"" : "<td");
        put(p, class_of(band->columns[i]));
        put(p, ">");
        put_value(p, json_get(row, band->columns[i]->member));
        put(p, i == 0 ? "</th>" : "</td>");
    }
    put(p, "</tr>\n");
}

static void put_band(struct page *p, const struct band *band, size_t number)
{
    const struct json *rows = json_get(p->tree, "rows");
    char caption[96];

    (void)snprintf(caption, sizeof(caption), "%.64s, table %zu", p->kind->title, number);
    put(p, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    put_escaped(p, span_str(caption));
    put(p, "\"><table><caption>");
    put_escaped(p, span_str(caption));
    put(p, "</caption>\n");
    put_titles(p, band);
    for (size_t i = 0; i < json_count(rows); i++)
        put_row(p, band, json_at(rows, i));
    put(p, "</tbody></table></div>\n");
}

/* Columns of one importance, behind the first of all, in as many tables as they need. */
static void put_bands(struct page *p, bool wide, size_t *number)
{
    struct band band = {.columns = {report__column(p->kind, 0)}, .count = 1};

    for (size_t i = 1; i < report__column_count(p->kind); i++) {
        const struct report_column *column = report__column(p->kind, i);

        if (column->wide != wide)
            continue;
        if (band.count == COUNT_OF(band.columns)) {
            put_band(p, &band, ++*number);
            band.count = 1;
        }
        band.columns[band.count++] = column;
    }
    if (band.count > 1)
        put_band(p, &band, ++*number);
}

/* ---- prose ---- */

/* A chapter's title, once; the row's; what it says; the other cells with their titles; room for what is to be filled in. */
static void put_statement(struct page *p, const struct json *before, const struct json *row)
{
    const struct report_column *columns = p->kind->columns;
    const struct json *chapter = json_get(row, columns[0].member);

    if (!span_equal(json_text_of(chapter), json_text_of(json_get(before, columns[0].member)))) {
        put(p, "<h2>");
        put_value(p, chapter);
        put(p, "</h2>\n");
    }
    put(p, "<h3>");
    put_value(p, json_get(row, columns[1].member));
    put(p, "</h3><p>");
    put_value(p, json_get(row, columns[2].member));
    put(p, "</p>");
    for (size_t i = 3; i < p->kind->column_count; i++) {
        const struct json *value = json_get(row, columns[i].member);
        const bool blank = i + 1 == p->kind->column_count && report__is_blank(row);

        if (json_kind(value) == JSON_NIL && !blank)
            continue;
        put(p, "<p>");
        put_escaped(p, span_str(columns[i].title));
        put(p, ": ");
        if (json_kind(value) != JSON_NIL)
            put_value(p, value);
        put(p, blank ? "</p><p class=\"blank\"></p>" : "</p>");
    }
    put(p, "\n");
}

static void put_prose(struct page *p)
{
    const struct json *rows = json_get(p->tree, "rows");

    for (size_t i = 0; i < json_count(rows); i++)
        put_statement(p, i == 0 ? NULL : json_at(rows, i - 1), json_at(rows, i));
}

/* ---- the whole ---- */

enum err report__write_html(const struct report_kind *kind, const struct json *tree,
                            struct buf *out)
{
    AUTO(page_done) struct page p = {.kind = kind, .tree = tree, .out = out};
    char hash[DIGEST_HEX_BYTES];
    size_t number = 0;

    p.e = report__hash(tree, hash);
    if (p.e != ERR_OK)
        return p.e;
    buf_init(&p.cell, REPORT_CELL_MAX);
    put_head(&p, hash);
    put_facts(&p);
    if (json_count(json_get(tree, "rows")) == 0) {
        put(&p, "<p>Nothing to report.</p>\n");
    } else if (kind->prose) {
        put_prose(&p);
    } else {
        put_bands(&p, false, &number);
        put_bands(&p, true, &number);
    }
    put(&p, "</main>\n<footer><p>SHA-256 of this report as JSON: ");
    put(&p, hash);
    put(&p, "</p></footer></body></html>\n");
    return p.e;
}
