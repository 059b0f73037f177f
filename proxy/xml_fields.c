/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling XML paths, and asking them.
 * Runs on: any thread; a compiled set is read-only. Holds: the automaton. Invariant: names in a path are
 * such as a document can have. Not here: the automaton (fields.c). */
#include "proxy/xml_fields_priv.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "proxy/xml_scan_priv.h"

enum { STEPS_MAX = 32 };

/* ---- compiling: /a//b/@c is $['a']..['b']['@c'] ---- */

struct translation {
    const char *path, *at, *end;
    struct buf out;
};

static enum err refuse(const struct translation *t, struct errmsg *msg, const char *what)
{
    return errmsg_set(msg, ERR_CONFIG, "path \"%s\", character %zu: %s", t->path,
                      (size_t)(t->at - t->path) + 1, what);
}

static bool take(struct translation *t, char c)
{
    if (t->at == t->end || *t->at != c)
        return false;
    t->at++;
    return true;
}

static enum err put_name(struct translation *t, bool attribute, struct span name)
{
    enum err e = buf_append_str(&t->out, attribute ? "['@" : "['");

    if (e == ERR_OK)
        e = buf_append_span(&t->out, name);
    return e == ERR_OK ? buf_append_str(&t->out, "']") : e;
}

static enum err translate_step(struct translation *t, struct errmsg *msg)
{
    const char *start;
    struct xml_name name;
    bool attribute;
    enum err e;

    if (!take(t, '/'))
        return refuse(t, msg, "\"/\" is expected here");
    e = take(t, '/') ? buf_append_str(&t->out, "..") : ERR_OK;
    attribute = take(t, '@');
    start = t->at;
    if (e == ERR_OK && take(t, '*')) {
        e = attribute ? put_name(t, true, SPAN_LIT("*")) : buf_append_str(&t->out, "[*]");
    } else if (e == ERR_OK) {
        t->at = proxy__xml_name(start, t->end, &name);
        if (t->at == NULL || name.whole.len > XML_NAME_MAX) {
            t->at = start;
            return refuse(t, msg, "a name, * or an attribute (@name) is expected here");
        }
        e = put_name(t, attribute, name.whole);
    }
    if (e == ERR_OK && attribute && t->at < t->end)
        return refuse(t, msg, "an attribute ends a path");
    return e;
}

/* ret_path: to be freed by the caller. */
static enum err translate(const char *path, char **ret_path, struct errmsg *msg)
{
    struct translation t = {.path = path, .at = path, .end = path + strlen(path)};
    size_t steps = 0;
    enum err e;

    buf_init(&t.out, LIMIT_CONFIG_FILE_MAX);
    e = buf_append_str(&t.out, "$");
    do {
        if (e == ERR_OK && steps++ == STEPS_MAX)
            e = errmsg_set(msg, ERR_CONFIG, "more than %d steps: \"%s\"", STEPS_MAX, path);
        if (e == ERR_OK)
            e = translate_step(&t, msg);
    } while (e == ERR_OK && t.at < t.end);
    if (e == ERR_OK)
        e = buf_append_byte(&t.out, '\0');
    if (e == ERR_OK)
        *ret_path = mem_strdup((const char *)t.out.bytes);
    buf_done(&t.out);
    return e;
}

enum err xml_fields_new(const struct xml_def *defs, size_t count, struct xml_fields **ret_fields,
                        struct errmsg *msg)
{
    AUTO(xml_fields_free) struct xml_fields *f = mem_alloc(sizeof(*f));
    AUTO(mem_free) struct field_def *paths = mem_alloc((count + 1) * sizeof(*paths));
    size_t done = 0;
    enum err e = ERR_OK;

    for (; e == ERR_OK && done < count; done += e == ERR_OK) {
        char *path = NULL;

        e = translate(defs[done].path, &path, msg);
        paths[done] = (struct field_def){.path = path, .class_id = defs[done].class_id};
    }
    if (e == ERR_OK)
        e = fields_new(paths, count, &f->automaton, msg);
    for (size_t i = 0; i < done; i++)
        free((char *)paths[i].path);
    if (e == ERR_OK)
        *ret_fields = TAKE(f);
    return e;
}

void xml_fields_free(struct xml_fields **fields)
{
    struct xml_fields *f = TAKE(*fields);

    if (f == NULL)
        return;
    fields_free(&f->automaton);
    free(f);
}

/* ---- asking ---- */

static const struct field_states *waiting_for(const struct fields *f, struct span name,
                                              const char *limit)
{
    return fields_name(f, name, name_hash(name, limit));
}

bool proxy__xml_enter(const struct xml_fields *fields, const struct field_states *from,
                      const struct xml_name *name, const char *limit, struct field_states *ret_to)
{
    const struct fields *f = fields->automaton;
    struct field_states waiting = *waiting_for(f, name->local, limit);

    if (name->local.len < name->whole.len) {
        const struct field_states *prefixed = waiting_for(f, name->whole, limit);

        for (size_t w = 0; w < f->words; w++)
            waiting.word[w] |= prefixed->word[w];
    }
    return fields_step(f, from, &waiting, ret_to);
}

/* The states that wait for an attribute of this name. */
static const struct field_states *waiting_for_attribute(const struct fields *f, struct span name)
{
    static const struct field_states nothing;
    char text[1 + XML_NAME_MAX];

    if (name.len > XML_NAME_MAX)
        return &nothing;
    text[0] = '@';
    memcpy(text + 1, name.at, name.len);
    return waiting_for(f, span_of(text, 1 + name.len), text + sizeof(text));
}

uint16_t proxy__xml_attribute(const struct xml_fields *fields, const struct field_states *from,
                              const struct xml_name *name)
{
    const struct fields *f = fields->automaton;
    const struct field_states *local = waiting_for_attribute(f, name->local);
    const struct field_states *whole = waiting_for_attribute(f, name->whole);
    const struct field_states *any = waiting_for_attribute(f, SPAN_LIT("*"));
    struct field_states to;

    for (size_t w = 0; w < f->words; w++)
        to.word[w] = (from->word[w] & (local->word[w] | whole->word[w] | any->word[w])) << 1;
    return fields_match(f, &to);
}
