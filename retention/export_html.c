/* SPDX-License-Identifier: Apache-2.0 */
/* An export as one HTML file that needs nothing else: no script, no image, no font.
 * Runs on: any thread. Holds: nothing. Invariant: whatever comes from the tree is escaped. */
#include "retention/export_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char style[] =
    "body{font:1rem/1.5 sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#111;"
    "background:#fff}table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "caption{text-align:left;font-weight:bold}th,td{border:1px solid #767676;padding:.3rem .5rem;"
    "text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#eee}"
    "@media print{body{margin:0;max-width:none}tr{break-inside:avoid}}";

/* The first failure stays; what comes after it is not written. */
struct page {
    struct buf *out;
    enum letter_lang lang;
    enum err e;
};

static void put(struct page *p, const char *markup)
{
    if (p->e == ERR_OK)
        p->e = buf_append_str(p->out, markup);
}

/* What is replaced is all that HTML gives a meaning, and what no document may hold. */
static const char *escape_of(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\n':
        return "<br>";
    default:
        return (unsigned char)c < ' ' || c == 0x7f ? " " : NULL;
    }
}

static void put_span(struct page *p, struct span text)
{
    size_t from = 0;

    for (size_t i = 0; i < text.len && p->e == ERR_OK; i++) {
        const char *escape = escape_of(text.at[i]);

        if (escape == NULL)
            continue;
        p->e = buf_append(p->out, text.at + from, i - from);
        put(p, escape);
        from = i + 1;
    }
    if (p->e == ERR_OK && text.len > from)
        p->e = buf_append(p->out, text.at + from, text.len - from);
}

static void put_word(struct page *p, enum export_word word)
{
    put_span(p, span_str(export__word(word, p->lang)));
}

static void put_heading(struct page *p, enum export_word word)
{
    put(p, "<h2>");
    put_word(p, word);
    put(p, "</h2>\n");
}

static void put_paragraph(struct page *p, struct span text)
{
    put(p, "<p>");
    put_span(p, text);
    put(p, "</p>\n");
}

/* Text, a number, or a list of texts. */
static void put_json(struct page *p, const struct json *value)
{
    char number[24];

    if (json_kind(value) == JSON_INT) {
        (void)snprintf(number, sizeof(number), "%" PRId64, json_int_of(value, 0));
        put(p, number);
    }
    for (size_t i = 0; json_kind(value) == JSON_LIST && i < json_count(value); i++) {
        put(p, i == 0 ? "" : ", ");
        put_span(p, json_text_of(json_at(value, i)));
    }
    put_span(p, json_text_of(value));
}

/* ---- tables ---- */

struct cell {
    enum export_word title;
    const char *member; /* NULL: `put` writes the cell */
    void (*put)(struct page *p, const struct json *row);
};

static void put_table(struct page *p, const struct json *rows, const struct cell *cells,
                      size_t count)
{
    if (json_count(rows) == 0) {
        put_paragraph(p, span_str(export__word(WORD_NONE, p->lang)));
        return;
    }
    put(p, "<table><thead><tr>");
    for (size_t i = 0; i < count; i++) {
        put(p, "<th scope=\"col\">");
        put_word(p, cells[i].title);
        put(p, "</th>");
    }
    put(p, "</tr></thead>\n<tbody>\n");
    for (size_t row = 0; row < json_count(rows) && p->e == ERR_OK; row++) {
        put(p, "<tr>");
        for (size_t i = 0; i < count; i++) {
            put(p, i == 0 ? "<th scope=\"row\">" : "<td>");
            if (cells[i].member != NULL)
                put_json(p, json_get(json_at(rows, row), cells[i].member));
            else
                cells[i].put(p, json_at(rows, row));
            put(p, i == 0 ? "</th>" : "</td>");
        }
        put(p, "</tr>\n");
    }
    put(p, "</tbody></table>\n");
}

static void put_category(struct page *p, const struct json *row)
{
    const struct json *description = json_get(row, "description");

    put_json(p, json_get(row, "class"));
    if (json_kind(description) == JSON_TEXT) {
        put(p, ": ");
        put_json(p, description);
    }
}

static void put_basis(struct page *p, const struct json *row)
{
    static const char *const more[] = {"law", "special_category"};

    put_json(p, json_get(row, "basis_text"));
    put(p, " (Art. ");
    put_json(p, json_get(row, "basis"));
    for (size_t i = 0; i < COUNT_OF(more); i++) {
        if (json_kind(json_get(row, more[i])) != JSON_TEXT)
            continue;
        put(p, "; ");
        put_json(p, json_get(row, more[i]));
    }
    put(p, ")");
}

static void put_note(struct page *p, const struct json *row)
{
    const bool held = json_bool_of(json_get(row, "held"), false);
    const bool restricted = json_bool_of(json_get(row, "restricted"), false);

    if (held)
        put_word(p, WORD_HELD);
    if (held && restricted)
        put(p, "; ");
    if (restricted)
        put_word(p, WORD_RESTRICTED);
}

static void put_masked(struct page *p, const struct json *row)
{
    if (json_bool_of(json_get(row, "masked"), false))
        put_word(p, WORD_MASKED);
}

static const struct cell category_cells[] = {
    {WORD_CLASS, NULL, put_category}, {WORD_PURPOSES, "purposes", NULL},
    {WORD_BASIS, NULL, put_basis},    {WORD_RETENTION, "retention", NULL},
    {WORD_COUNT, "values", NULL},     {WORD_REACHES, "recipients", NULL}};
static const struct cell value_cells[] = {
    {WORD_CLASS, "class", NULL},     {WORD_VALUE, "value", NULL}, {WORD_TOKEN, "token", NULL},
    {WORD_CREATED, "created", NULL}, {WORD_DUE, "due", NULL},     {WORD_NOTE, NULL, put_note}};
static const struct cell source_cells[] = {{WORD_ROUTE, "route", NULL},
                                           {WORD_BY, "by", NULL},
                                           {WORD_CLASS, "classes", NULL},
                                           {WORD_FIRST, "first", NULL},
                                           {WORD_LAST, "last", NULL}};
static const struct cell recipient_cells[] = {
    {WORD_RECIPIENT, "name", NULL}, {WORD_PURPOSES, "purposes", NULL},
    {WORD_CLASS, "classes", NULL},  {WORD_TIMES, "times", NULL},
    {WORD_FIRST, "first", NULL},    {WORD_LAST, "last", NULL}};
static const struct cell consultation_cells[] = {{WORD_AT, "at", NULL},
                                                 {WORD_RECIPIENT, "recipient", NULL},
                                                 {WORD_PURPOSE, "purpose", NULL},
                                                 {WORD_CLASS, "classes", NULL},
                                                 {WORD_NOTE, NULL, put_masked}};

/* ---- parts ---- */

static void put_head(struct page *p, const struct json *tree)
{
    const struct span title = json_text_of(json_get(tree, "title"));

    put(p, "<!DOCTYPE html>\n<html lang=\"");
    put(p, letter_lang_word(p->lang));
    put(p, "\"><head><meta charset=\"utf-8\">"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
           "<meta name=\"robots\" content=\"noindex\"><title>");
    put_span(p, title);
    put(p, "</title><style>");
    put(p, style);
    put(p, "</style></head>\n<body><main>\n<h1>");
    put_span(p, title);
    put(p, "</h1>\n");
    put_paragraph(p, json_text_of(json_get(tree, "about")));
    put(p, "<p>");
    put_word(p, WORD_AS_OF);
    put(p, ": ");
    put_json(p, json_get(tree, "as_of"));
    put(p, "</p>\n");
}

static void put_controller(struct page *p, const struct json *controller)
{
    static const struct {
        const char *member;
        enum export_word title;
    } lines[] = {{"name", WORD_NAME},
                 {"contact", WORD_CONTACT},
                 {"representative", WORD_REPRESENTATIVE},
                 {"dpo", WORD_DPO}};

    put_heading(p, WORD_CONTROLLER);
    put(p, "<dl>\n");
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        const struct json *value = json_get(controller, lines[i].member);

        if (json_kind(value) != JSON_TEXT)
            continue;
        put(p, "<dt>");
        put_word(p, lines[i].title);
        put(p, "</dt><dd>");
        put_json(p, value);
        put(p, "</dd>\n");
    }
    put(p, "</dl>\n");
}

static void put_item(struct page *p, enum export_word word, const struct json *detail)
{
    put(p, "<li>");
    put_word(p, word);
    if (detail != NULL) {
        put(p, ": ");
        put_json(p, detail);
    }
    put(p, "</li>\n");
}

static void put_state(struct page *p, const struct json *state)
{
    const struct json *holds = json_get(state, "holds"),
                      *objections = json_get(state, "objections"),
                      *consents = json_get(state, "consents");
    const bool restricted = json_bool_of(json_get(state, "restricted"), false);
    const bool waits = json_bool_of(json_get(state, "erasure_waits"), false);

    put_heading(p, WORD_STATE);
    if (!restricted && !waits &&
        json_count(holds) + json_count(objections) + json_count(consents) == 0) {
        put_paragraph(p, span_str(export__word(WORD_NONE, p->lang)));
        return;
    }
    put(p, "<ul>\n");
    if (restricted)
        put_item(p, WORD_STATE_RESTRICTED, NULL);
    for (size_t i = 0; i < json_count(holds); i++)
        put_item(p, WORD_STATE_HOLD, json_get(json_at(holds, i), "exception"));
    if (waits)
        put_item(p, WORD_STATE_WAITING, NULL);
    for (size_t i = 0; i < json_count(objections); i++)
        put_item(p, WORD_STATE_OBJECTION, json_at(objections, i));
    for (size_t i = 0; i < json_count(consents); i++) {
        const struct json *consent = json_at(consents, i);
        const bool given = span_equal(json_text_of(json_get(consent, "state")), SPAN_LIT("given"));

        put_item(p, given ? WORD_STATE_CONSENT : WORD_STATE_WITHDRAWN,
                 json_get(consent, "purpose"));
    }
    put(p, "</ul>\n");
}

static void put_rights(struct page *p, const struct json *tree)
{
    const struct json *rights = json_get(tree, "rights");

    put_heading(p, WORD_AUTOMATED);
    put_paragraph(p, json_text_of(json_get(json_get(tree, "automated_decisions"), "text")));
    put_heading(p, WORD_RIGHTS);
    put(p, "<ul>\n");
    for (size_t i = 0; i < json_count(rights); i++) {
        put(p, "<li>");
        put_json(p, json_at(rights, i));
        put(p, "</li>\n");
    }
    put(p, "</ul>\n");
    put_paragraph(p, json_text_of(json_get(tree, "complaint")));
}

static void put_trail(struct page *p, const struct json *tree)
{
    const struct json *since = json_get(tree, "consultations_since");

    put_heading(p, WORD_SOURCES);
    put_table(p, json_get(tree, "sources"), source_cells, COUNT_OF(source_cells));
    put_heading(p, WORD_RECIPIENTS);
    put_table(p, json_get(tree, "recipients"), recipient_cells, COUNT_OF(recipient_cells));
    put_heading(p, WORD_CONSULTATIONS);
    put_paragraph(p, span_str(export__word(WORD_CONSULTATIONS_NOTE, p->lang)));
    if (json_kind(since) == JSON_TEXT) {
        put(p, "<p>");
        put_word(p, WORD_SINCE);
        put(p, ": ");
        put_json(p, since);
        put(p, "</p>\n");
    }
    put_table(p, json_get(tree, "consultations"), consultation_cells, COUNT_OF(consultation_cells));
}

enum err export__write_html(const struct json *tree, struct buf *out)
{
    struct page p = {.out = out, .lang = LETTER_EN, .e = ERR_OK};
    const bool is_whole = json_get(tree, "consultations") != NULL;

    (void)letter_lang_of(json_text_of(json_get(tree, "lang")), &p.lang);
    put_head(&p, tree);
    put_controller(&p, json_get(tree, "controller"));
    put_heading(&p, WORD_CATEGORIES);
    put_table(&p, json_get(tree, "categories"), category_cells,
              COUNT_OF(category_cells) - (is_whole ? 0 : 1)); /* no recipients */
    put_heading(&p, WORD_VALUES);
    put_table(&p, json_get(tree, "values"), value_cells, COUNT_OF(value_cells));
    if (is_whole) {
        put_trail(&p, tree);
        put_state(&p, json_get(tree, "state"));
        put_rights(&p, tree);
    }
    put(&p, "<p><small>");
    put_word(&p, WORD_DIGEST);
    put(&p, " (SHA-256): ");
    put_json(&p, json_get(tree, "digest"));
    put(&p, "</small></p>\n</main></body></html>\n");
    return p.e;
}
