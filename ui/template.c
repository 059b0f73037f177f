/* SPDX-License-Identifier: Apache-2.0 */
/* Filling templates.
 * Runs on: any thread. Holds: nothing. Invariant: no byte of a model or of a catalogue reaches the output but
 * through put_value(), which escapes it for where it stands. Not here: reading templates (ui/template_parse.c). */
#include "ui/template.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/show.h"
#include "ui/template_priv.h"

enum { KEY_MAX = 128, NUMBER_MAX = 24, PLACEHOLDER_MAX = 64 };

struct filling {
    const struct template_set *set;
    const struct template_view *view;
    struct buf *out;
    struct errmsg *msg;
    const char *template_name;
    const struct json *scopes[TEMPLATE_DEPTH_MAX + 1];
    size_t scope_count;
    size_t depth;
    size_t steps;
};

/* ---- escaping ---- */

/* What a page must not hold as it is, and what stands for it; NULL: it may. A control character, or one that turns
 * the direction of what is written around, would let a value look like something else. */
static const char *entity_of(const uint8_t *at, size_t left, size_t *ret_len)
{
    static const char unknown[] = "\xef\xbf\xbd";

    *ret_len = 1;
    switch (at[0]) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\n':
    case '\t':
        return NULL;
    default:
        break;
    }
    if (at[0] < 0x20 || at[0] == 0x7f)
        return unknown;
    if (left >= 3 && at[0] == 0xe2 &&
        ((at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
         (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9))) {
        *ret_len = 3;
        return unknown;
    }
    return NULL;
}

static enum err put_escaped(struct buf *out, struct span text)
{
    const uint8_t *at = (const uint8_t *)text.at;
    size_t from = 0, len = 1;
    enum err e = ERR_OK;

    for (size_t i = 0; i < text.len && e == ERR_OK; i += len) {
        const char *entity = entity_of(at + i, text.len - i, &len);

        if (entity == NULL)
            continue;
        e = buf_append(out, at + from, i - from);
        if (e == ERR_OK)
            e = buf_append_str(out, entity);
        from = i + len;
    }
    return e == ERR_OK ? buf_append(out, at + from, text.len - from) : e;
}

/* RFC 3986 2.1: all but unreserved characters. */
static enum err put_encoded(struct buf *out, struct span text)
{
    static const char digits[] = "0123456789ABCDEF";
    enum err e = ERR_OK;

    for (size_t i = 0; i < text.len && e == ERR_OK; i++) {
        const unsigned char c = (unsigned char)text.at[i];
        const char encoded[3] = {'%', digits[c >> 4], digits[c & 15]};
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';

        e = plain ? buf_append_byte(out, c) : buf_append(out, encoded, sizeof(encoded));
    }
    return e;
}

static enum err put_value(const struct filling *f, enum node_place place, struct span text)
{
    return place == PLACE_ADDRESS ? put_encoded(f->out, text) : put_escaped(f->out, text);
}

/* ---- names ---- */

static enum err fail(const struct filling *f, enum err e, const char *what, struct span name)
{
    return errmsg_set(f->msg, e, "%s: %s: %.*s", f->template_name, what, (int)name.len, name.at);
}

static const struct json *member(const struct json *map, struct span name)
{
    char text[KEY_MAX];

    if (json_kind(map) != JSON_MAP || name.len >= sizeof(text))
        return NULL;
    (void)snprintf(text, sizeof(text), "%.*s", (int)name.len, name.at);
    return json_get(map, text);
}

/* NULL: there is none. */
static const struct json *look_up(const struct filling *f, struct span path)
{
    const struct json *found = NULL;
    const char *dot = memchr(path.at, '.', path.len);
    size_t len = dot == NULL ? path.len : (size_t)(dot - path.at);

    if (span_equal(path, SPAN_LIT(".")))
        return f->scopes[f->scope_count - 1];
    for (size_t i = f->scope_count; i-- > 0 && found == NULL;)
        found = member(f->scopes[i], span_of(path.at, len));
    while (found != NULL && len < path.len) {
        path = span_of(path.at + len + 1, path.len - len - 1);
        dot = memchr(path.at, '.', path.len);
        len = dot == NULL ? path.len : (size_t)(dot - path.at);
        found = member(found, span_of(path.at, len));
    }
    return found;
}

static enum err need(const struct filling *f, struct span name, bool optional,
                     const struct json **ret)
{
    *ret = look_up(f, name);
    return *ret != NULL || optional ? ERR_OK
                                    : fail(f, ERR_NOT_FOUND, "there is no such name", name);
}

/* ---- values ---- */

/* What a value is as text; `number` holds what is written for one. */
static bool as_text(const struct json *value, char number[NUMBER_MAX], struct span *ret)
{
    switch (json_kind(value)) {
    case JSON_TEXT:
        *ret = json_text_of(value);
        return true;
    case JSON_INT:
        (void)snprintf(number, NUMBER_MAX, "%" PRId64, json_int_of(value, 0));
        *ret = span_str(number);
        return true;
    case JSON_BOOL:
        *ret = json_bool_of(value, false) ? SPAN_LIT("true") : SPAN_LIT("false");
        return true;
    case JSON_NIL:
        *ret = SPAN_LIT("\xe2\x80\x93");
        return true;
    default:
        return false;
    }
}

static bool show(const struct filling *f, enum node_verb verb, struct span text, struct buf *out)
{
    const struct words *words = f->view->words;
    const enum words_lang lang = f->view->lang;

    switch (verb) {
    case VERB_DATE:
        return show_date(words, lang, text, out);
    case VERB_INSTANT:
        return show_instant(words, lang, text, out);
    case VERB_COUNT:
        return show_count(lang, text, out);
    case VERB_PERIOD:
        return show_period(words, lang, text, out);
    default:
        return false;
    }
}

/* A date that programs can read, too. */
static enum err put_time(const struct filling *f, enum node_verb verb, enum node_place place,
                         struct span raw, struct span shown)
{
    const bool marked = place == PLACE_TEXT && (verb == VERB_DATE || verb == VERB_INSTANT);
    enum err e = ERR_OK;

    if (marked)
        e = buf_append_str(f->out, "<time datetime=\"");
    if (e == ERR_OK && marked)
        e = put_value(f, PLACE_ATTRIBUTE, raw);
    if (e == ERR_OK && marked)
        e = buf_append_str(f->out, "\">");
    if (e == ERR_OK)
        e = put_value(f, place, shown);
    return e == ERR_OK && marked ? buf_append_str(f->out, "</time>") : e;
}

static enum err put_json(const struct filling *f, const struct node *node, const struct json *value)
{
    AUTO(buf_done) struct buf shown = {.max = SHOW_MAX};
    char number[NUMBER_MAX];
    struct span text = SPAN_NONE;

    if (!as_text(value, number, &text))
        return fail(f, ERR_INVALID, "this cannot be shown", node->text);
    if (node->verb == VERB_PLAIN || json_kind(value) == JSON_NIL)
        return put_value(f, node->place, text);
    /* what does not look like one is shown as it is */
    if (!show(f, node->verb, text, &shown))
        return put_value(f, node->place, text);
    return put_time(f, node->verb, node->place, text, buf_span(&shown));
}

/* ---- words ---- */

/* "{name}" in a catalogue's text. */
static enum err put_placeholder(const struct filling *f, enum node_place place, struct span name)
{
    AUTO(buf_done) struct buf shown = {.max = SHOW_MAX};
    const struct json *value = NULL;
    char number[NUMBER_MAX];
    struct span text = SPAN_NONE;
    enum err e = need(f, name, false, &value);

    if (e != ERR_OK)
        return e;
    if (!as_text(value, number, &text))
        return fail(f, ERR_INVALID, "this cannot be shown", name);
    if (json_kind(value) == JSON_INT && show_count(f->view->lang, text, &shown))
        text = buf_span(&shown);
    else if (json_kind(value) == JSON_TEXT &&
             (show_date(f->view->words, f->view->lang, text, &shown) ||
              show_instant(f->view->words, f->view->lang, text, &shown)))
        text = buf_span(&shown);
    return put_value(f, place, text);
}

static enum err put_words(const struct filling *f, enum node_place place, const char *text)
{
    enum err e = ERR_OK;

    while (e == ERR_OK && *text != '\0') {
        const size_t len = strcspn(text, "{"), name_len = strcspn(text + len, "}");

        e = put_value(f, place, span_of(text, len));
        text += len;
        if (e != ERR_OK || *text == '\0')
            continue;
        if (text[name_len] == '\0' || name_len > PLACEHOLDER_MAX)
            return fail(f, ERR_INVALID, "words with an open brace", span_str(text));
        e = put_placeholder(f, place, span_of(text + 1, name_len - 1));
        text += name_len + 1;
    }
    return e;
}

/* The key with what stands for the star, and its ending. */
static bool full_key(struct span key, struct span star, const char *ending, char ret[KEY_MAX])
{
    const char *at = memchr(key.at, '*', key.len);
    const size_t head = at == NULL ? key.len : (size_t)(at - key.at);
    const size_t tail = at == NULL ? 0 : key.len - head - 1;
    int len;

    if (star.at == NULL)
        star = SPAN_LIT("");
    len = snprintf(ret, KEY_MAX, "%.*s%.*s%.*s%s", (int)head, key.at, (int)star.len, star.at,
                   (int)tail, at == NULL ? "" : at + 1, ending);
    return len > 0 && len < KEY_MAX;
}

static enum err fill_words(const struct filling *f, const struct node *node)
{
    const struct json *value = NULL;
    const char *ending = "", *text;
    char number[NUMBER_MAX], key[KEY_MAX];
    struct span star = SPAN_NONE;
    enum err e = ERR_OK;

    if (node->name.at != NULL)
        e = need(f, node->name, node->optional, &value);
    if (e != ERR_OK || (node->name.at != NULL && value == NULL))
        return e;
    if (node->verb == VERB_N)
        ending = json_int_of(value, 0) == 1 ? ".one" : ".other";
    else if (json_kind(value) == JSON_NIL)
        return put_value(f, node->place, SPAN_LIT("\xe2\x80\x93"));
    else if (value != NULL && !as_text(value, number, &star))
        return fail(f, ERR_INVALID, "this cannot be a word", node->name);
    if (!full_key(node->text, star, ending, key))
        return fail(f, ERR_INVALID, "these words have too long a name", node->text);
    text = words_get(f->view->words, f->view->lang, key);
    if (text != NULL)
        return put_words(f, node->place, text);
    /* a word of the API that no catalogue knows says more than no page */
    return star.at != NULL ? put_value(f, node->place, star)
                           : fail(f, ERR_NOT_FOUND, "there are no such words", span_str(key));
}

/* ---- nodes ---- */

static enum err fill(struct filling *f, const struct template *t, size_t from, size_t to);

static bool is_true(const struct json *value)
{
    switch (json_kind(value)) {
    case JSON_TEXT:
        return json_text_of(value).len > 0;
    case JSON_INT:
        return json_int_of(value, 0) != 0;
    case JSON_LIST:
        return json_count(value) > 0;
    case JSON_BOOL:
        return json_bool_of(value, false);
    case JSON_MAP:
        return true;
    default:
        return false;
    }
}

static enum err fill_in(struct filling *f, const struct template *t, size_t at,
                        const struct json *scope)
{
    enum err e;

    if (f->scope_count == COUNT_OF(f->scopes))
        return fail(f, ERR_TOO_LARGE, "too deep", t->nodes[at].text);
    f->scopes[f->scope_count++] = scope;
    e = fill(f, t, at + 1, t->nodes[at].end);
    f->scope_count--;
    return e;
}

static enum err fill_section(struct filling *f, const struct template *t, size_t at)
{
    const struct node *node = &t->nodes[at];
    const struct json *value = NULL;
    enum err e = need(f, node->text, node->optional, &value);

    if (e != ERR_OK)
        return e;
    if (node->kind == NODE_INVERTED)
        return is_true(value) ? ERR_OK : fill(f, t, at + 1, node->end);
    if (!is_true(value))
        return ERR_OK;
    if (json_kind(value) != JSON_LIST)
        return fill_in(f, t, at, value);
    for (size_t i = 0; i < json_count(value) && e == ERR_OK; i++)
        e = fill_in(f, t, at, json_at(value, i));
    return e;
}

static enum err fill_partial(struct filling *f, const struct node *node)
{
    const struct template *t = template__find(f->set, node->text);
    const char *before = f->template_name;
    enum err e;

    if (f->depth == TEMPLATE_DEPTH_MAX)
        return fail(f, ERR_TOO_LARGE, "too deep", node->text);
    f->depth++;
    f->template_name = t->name;
    e = fill(f, t, 0, t->count);
    f->template_name = before;
    f->depth--;
    return e;
}

static enum err fill_value(const struct filling *f, const struct node *node)
{
    const struct json *value = NULL;
    enum err e;

    if (node->verb == VERB_T || node->verb == VERB_N)
        return fill_words(f, node);
    e = need(f, node->text, node->optional, &value);
    return e != ERR_OK || value == NULL ? e : put_json(f, node, value);
}

static enum err fill_node(struct filling *f, const struct template *t, size_t at)
{
    const struct node *node = &t->nodes[at];

    switch (node->kind) {
    case NODE_LITERAL:
        return buf_append_span(f->out, node->text);
    case NODE_VALUE:
        return fill_value(f, node);
    case NODE_PARTIAL:
        return fill_partial(f, node);
    case NODE_SECTION:
    case NODE_INVERTED:
        return fill_section(f, t, at);
    }
    return ERR_INTERNAL;
}

static enum err fill(struct filling *f, const struct template *t, size_t from, size_t to)
{
    enum err e = ERR_OK;

    while (from < to && e == ERR_OK) {
        const bool section =
            t->nodes[from].kind == NODE_SECTION || t->nodes[from].kind == NODE_INVERTED;

        if (f->steps++ > TEMPLATE_STEPS_MAX)
            return fail(f, ERR_TOO_LARGE, "too much for a page", t->nodes[from].text);
        e = fill_node(f, t, from);
        from = section ? t->nodes[from].end : from + 1;
    }
    return e;
}

enum err template_render(const struct template_set *set, const char *name,
                         const struct template_view *view, struct buf *out, struct errmsg *msg)
{
    const struct template *t = template__find(set, span_str(name));
    struct filling f = {.set = set,
                        .view = view,
                        .out = out,
                        .msg = msg,
                        .template_name = name,
                        .scopes = {view->model},
                        .scope_count = 1};

    if (t == NULL)
        return errmsg_set(msg, ERR_NOT_FOUND, "there is no template %s", name);
    return fill(&f, t, 0, t->count);
}
