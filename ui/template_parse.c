/* SPDX-License-Identifier: Apache-2.0 */
/* Reading templates.
 * Runs on: the thread that starts the server. Holds: what it reads, while it does. Invariant: sections are closed
 * in the order in which they were opened, and what they hold begins and ends at the same kind of place, so that
 * every page there can be is as whole as its template. Not here: filling them (ui/template.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "ui/template_priv.h"

struct opened {
    size_t node;
    struct html html; /* as it was there */
};

struct parser {
    struct template *template;
    struct span text;
    size_t at;
    struct html html;
    struct opened opened[TEMPLATE_DEPTH_MAX];
    size_t depth;
    struct errmsg why;
};

/* ---- tags ---- */

static struct span trim(struct span s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\n'))
        s = span_of(s.at + 1, s.len - 1);
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\n'))
        s.len--;
    return s;
}

/* The first word, and what follows it. */
static struct span next_word(struct span *rest)
{
    struct span word;
    size_t n = 0;

    while (n < rest->len && rest->at[n] != ' ' && rest->at[n] != '\n')
        n++;
    word = span_of(rest->at, n);
    *rest = trim(span_of(rest->at + n, rest->len - n));
    return word;
}

/* "a", "a.b", "."; of keys also a "*". */
static bool is_path(struct span s, bool key)
{
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.at[i];
        const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' ||
                        (key && c == '*');

        if (!ok)
            return false;
    }
    return s.len == 1 || (s.at[0] != '.' && s.at[s.len - 1] != '.');
}

static enum err take_name(struct span word, struct node *node, struct span *ret, struct errmsg *msg)
{
    node->optional = word.len > 0 && word.at[word.len - 1] == '?';
    if (node->optional)
        word.len--;
    if (!is_path(word, false))
        return errmsg_set(msg, ERR_INVALID, "a tag holds no name that can be read");
    *ret = word;
    return ERR_OK;
}

static bool find_verb(struct span word, enum node_verb *ret)
{
    static const struct {
        const char *word;
        enum node_verb verb;
    } verbs[] = {{"date", VERB_DATE},   {"instant", VERB_INSTANT},
                 {"count", VERB_COUNT}, {"period", VERB_PERIOD},
                 {"t", VERB_T},         {"n", VERB_N}};

    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (span_equal(word, span_str(verbs[i].word))) {
            *ret = verbs[i].verb;
            return true;
        }
    }
    return false;
}

static enum err read_words(struct span rest, struct node *node, struct errmsg *msg)
{
    const struct span key = next_word(&rest);
    const bool has_star = key.len > 0 && memchr(key.at, '*', key.len) != NULL;
    enum err e = ERR_OK;

    if (!is_path(key, true))
        return errmsg_set(msg, ERR_INVALID, "a tag names no words that can be read");
    node->text = key;
    if ((rest.len > 0) != (has_star || node->verb == VERB_N))
        return errmsg_set(msg, ERR_INVALID, "a name too many or too few with words");
    if (rest.len > 0)
        e = take_name(rest, node, &node->name, msg);
    return e;
}

static enum err read_value(struct span body, struct node *node, struct errmsg *msg)
{
    struct span rest = body;
    const struct span word = next_word(&rest);

    node->kind = NODE_VALUE;
    if (rest.len == 0)
        return take_name(word, node, &node->text, msg);
    if (!find_verb(word, &node->verb))
        return errmsg_set(msg, ERR_INVALID, "a tag begins with a word that means nothing");
    return node->verb == VERB_T || node->verb == VERB_N ? read_words(rest, node, msg)
                                                        : take_name(rest, node, &node->text, msg);
}

/* ---- nodes ---- */

static enum err add(struct parser *p, const struct node *node)
{
    struct template *t = p->template;

    if (t->count == TEMPLATE_NODES_MAX)
        return errmsg_set(&p->why, ERR_TOO_LARGE, "there are too many tags");
    if ((t->count & (t->count - 1)) == 0) {
        t->nodes = realloc(t->nodes, (t->count == 0 ? 1 : 2 * t->count) * sizeof(*node));
        REQUIRE(t->nodes != NULL);
    }
    t->nodes[t->count++] = *node;
    return ERR_OK;
}

static enum err add_literal(struct parser *p, struct span text)
{
    const struct node node = {.kind = NODE_LITERAL, .text = text};
    enum err e = html__literal(&p->html, text, &p->why);

    return e == ERR_OK && text.len > 0 ? add(p, &node) : e;
}

static enum err open_section(struct parser *p, struct span body)
{
    struct node node = {.kind = body.at[0] == '#' ? NODE_SECTION : NODE_INVERTED};
    enum err e = take_name(trim(span_of(body.at + 1, body.len - 1)), &node, &node.text, &p->why);

    if (e != ERR_OK)
        return e;
    if (p->depth == COUNT_OF(p->opened))
        return errmsg_set(&p->why, ERR_INVALID, "sections stand too deep in one another");
    p->opened[p->depth].node = p->template->count;
    p->opened[p->depth].html = p->html;
    p->depth++;
    return add(p, &node);
}

static enum err close_section(struct parser *p, struct span body)
{
    const struct span name = trim(span_of(body.at + 1, body.len - 1));
    const struct opened *opened;

    if (p->depth == 0)
        return errmsg_set(&p->why, ERR_INVALID, "a section is closed that was not opened");
    opened = &p->opened[--p->depth];
    if (!span_equal(name, p->template->nodes[opened->node].text))
        return errmsg_set(&p->why, ERR_INVALID, "a section is closed by another name");
    if (!html__end_section(&opened->html, &p->html))
        return errmsg_set(&p->why, ERR_INVALID,
                          "a section begins and ends at different places of the HTML");
    p->template->nodes[opened->node].end = p->template->count;
    return ERR_OK;
}

static enum err add_partial(struct parser *p, struct span body)
{
    const struct node node = {.kind = NODE_PARTIAL,
                              .text = trim(span_of(body.at + 1, body.len - 1))};

    if (p->html.at != HTML_TEXT || p->html.script)
        return errmsg_set(&p->why, ERR_INVALID, "a partial stands inside of a tag");
    return is_path(node.text, false)
               ? add(p, &node)
               : errmsg_set(&p->why, ERR_INVALID, "a tag holds no name that can be read");
}

static enum err add_value(struct parser *p, struct span body)
{
    struct node node = {.kind = NODE_VALUE};
    enum err e = read_value(body, &node, &p->why);

    if (e == ERR_OK)
        e = html__value(&p->html, &node.place, &p->why);
    return e == ERR_OK ? add(p, &node) : e;
}

static enum err read_tag(struct parser *p, struct span body)
{
    body = trim(body);
    switch (body.len == 0 ? '\0' : body.at[0]) {
    case '\0':
        return errmsg_set(&p->why, ERR_INVALID, "a tag is empty");
    case '!':
        return ERR_OK;
    case '#':
    case '^':
        return open_section(p, body);
    case '/':
        return close_section(p, body);
    case '>':
        return add_partial(p, body);
    default:
        return add_value(p, body);
    }
}

/* ---- templates ---- */

static const char *find_mark(struct span text, size_t from, const char *mark)
{
    return from >= text.len ? NULL : memmem(text.at + from, text.len - from, mark, 2);
}

static enum err parse(struct parser *p)
{
    enum err e = ERR_OK;

    while (e == ERR_OK && p->at < p->text.len) {
        const char *open = find_mark(p->text, p->at, "{{"), *close;
        const size_t end = open == NULL ? p->text.len : (size_t)(open - p->text.at);

        e = add_literal(p, span_of(p->text.at + p->at, end - p->at));
        p->at = end;
        if (e != ERR_OK || open == NULL)
            continue;
        close = find_mark(p->text, end + 2, "}}");
        if (close == NULL)
            return errmsg_set(&p->why, ERR_INVALID, "a tag has no end");
        e = read_tag(p, span_of(open + 2, (size_t)(close - open) - 2));
        if (e == ERR_OK)
            p->at = (size_t)(close - p->text.at) + 2;
    }
    if (e == ERR_OK && p->depth > 0)
        e = errmsg_set(&p->why, ERR_INVALID, "a section has no end");
    if (e == ERR_OK && (p->html.at != HTML_TEXT || p->html.script))
        e = errmsg_set(&p->why, ERR_INVALID, "it ends inside of a tag");
    return e;
}

static enum err parse_one(const struct template_source *source, struct template *ret,
                          struct errmsg *msg)
{
    struct parser p = {.template = ret, .text = source->text};
    size_t line = 1;
    enum err e;

    ret->name = source->name;
    e = parse(&p);
    if (e == ERR_OK)
        return ERR_OK;
    for (size_t i = 0; i < p.at; i++)
        line += p.text.at[i] == '\n';
    return errmsg_set(msg, e, "%s:%zu: %s", source->name, line, p.why.text);
}

static enum err check_partials(const struct template_set *set, struct errmsg *msg)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct template *t = &set->templates[i];

        for (size_t n = 0; n < t->count; n++)
            if (t->nodes[n].kind == NODE_PARTIAL && template__find(set, t->nodes[n].text) == NULL)
                return errmsg_set(msg, ERR_INVALID, "%s: there is no partial %.*s", t->name,
                                  (int)t->nodes[n].text.len, t->nodes[n].text.at);
    }
    return ERR_OK;
}

enum err template_set_new(const struct template_source *sources, size_t count,
                          struct template_set **ret_set, struct errmsg *msg)
{
    AUTO(template_set_free) struct template_set *set = mem_alloc(sizeof(*set));
    enum err e = ERR_OK;

    set->templates = mem_alloc((count + 1) * sizeof(set->templates[0]));
    for (size_t i = 0; i < count && e == ERR_OK; i++) {
        set->count = i + 1;
        e = parse_one(&sources[i], &set->templates[i], msg);
    }
    if (e == ERR_OK)
        e = check_partials(set, msg);
    if (e == ERR_OK)
        *ret_set = TAKE(set);
    return e;
}

void template_set_free(struct template_set **setp)
{
    struct template_set *set = TAKE(*setp);

    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        free(set->templates[i].nodes);
    free(set->templates);
    free(set);
}

const struct template *template__find(const struct template_set *set, struct span name)
{
    for (size_t i = 0; i < set->count; i++)
        if (span_equal(name, span_str(set->templates[i].name)))
            return &set->templates[i];
    return NULL;
}

void template_each_key(const struct template_set *set,
                       void (*found)(struct span key, const char *suffix, void *context),
                       void *context)
{
    for (size_t i = 0; i < set->count; i++) {
        for (size_t n = 0; n < set->templates[i].count; n++) {
            const struct node *node = &set->templates[i].nodes[n];

            if (node->kind == NODE_VALUE && node->verb == VERB_T)
                found(node->text, "", context);
            if (node->kind == NODE_VALUE && node->verb == VERB_N)
                found(node->text, ".one", context);
        }
    }
}
