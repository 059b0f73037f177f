/* SPDX-License-Identifier: Apache-2.0 */
/* YAML into a JSON tree with places: the one adapter around libyaml.
 * Runs on: any thread. Holds: a parser while it loads. Invariant: what reaches the tree means the
 * same to every reader of YAML: no alias, anchor, tag, second document, duplicate key or NUL; a
 * plain scalar is null (null, ~, nothing), a bool (true, false), a decimal integer, or text. Not
 * here: what a key means (conf.c and its callers). */
#include "base/conf_priv.h"

#include <errno.h>
#include <limits.h>
#include <yaml.h>

#include "base/limits.h"

struct loader {
    yaml_parser_t parser;
    struct conf *conf;
    struct span text;
    struct errmsg *msg;
};

static struct conf_mark mark_of(const yaml_mark_t *mark)
{
    return (struct conf_mark){mark->line + 1, mark->column + 1};
}

static enum err fail_at(struct loader *l, struct conf_mark at, const char *what)
{
    return errmsg_set(l->msg, ERR_CONFIG, "%s:%zu:%zu: %s", l->conf->name, at.line, at.column,
                      what);
}

/* The reader's own errors (encoding) name a byte, not a mark. */
static struct conf_mark mark_of_offset(struct span text, size_t offset)
{
    struct conf_mark at = {1, 1};

    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.at[i] == '\n')
            at = (struct conf_mark){at.line + 1, 1};
        else
            at.column++;
    }
    return at;
}

static bool is_indented_by_tab(struct span text, size_t line)
{
    size_t i = 0;

    while (--line > 0 && i < text.len) {
        const char *end = memchr(text.at + i, '\n', text.len - i);

        i = end == NULL ? text.len : (size_t)(end - text.at) + 1;
    }
    while (i < text.len && text.at[i] == ' ')
        i++;
    return i < text.len && text.at[i] == '\t';
}

static enum err fail_parser(struct loader *l)
{
    const yaml_parser_t *p = &l->parser;
    const char *problem = p->problem == NULL ? "cannot be read" : p->problem;
    struct conf_mark at = mark_of(&p->problem_mark);
    char what[256];

    if (p->error == YAML_READER_ERROR)
        return fail_at(l, mark_of_offset(l->text, p->problem_offset), problem);
    if (is_indented_by_tab(l->text, at.line))
        return fail_at(l, at, "a tab cannot indent, use spaces");
    if (p->context == NULL)
        return fail_at(l, at, problem);
    (void)snprintf(what, sizeof(what), "%s, %s", problem, p->context);
    return fail_at(l, at, what);
}

static enum err next(struct loader *l, yaml_event_t *ret_event)
{
    return yaml_parser_parse(&l->parser, ret_event) ? ERR_OK : fail_parser(l);
}

static enum err remember(struct loader *l, const struct conf_place *place)
{
    struct conf *c = l->conf;

    if (c->place_count == c->place_room) {
        size_t room = c->place_room == 0 ? 64 : c->place_room * 2;
        struct conf_place *places = mem_try_alloc(room, sizeof(*places));

        if (places == NULL)
            return fail_at(l, place->at, "out of memory");
        if (c->place_count > 0)
            memcpy(places, c->places, c->place_count * sizeof(*places));
        free(c->places);
        c->places = places;
        c->place_room = room;
    }
    c->places[c->place_count++] = *place;
    return ERR_OK;
}

/* Decimal, in 64 bits, spelt in the one usual way: 010 would be eight to some readers of YAML. */
static bool is_integer(const char *text, int64_t *ret)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end;
    long long n;

    if (digits[0] < '0' || digits[0] > '9' || (digits[0] == '0' && strcmp(text, "0") != 0))
        return false;
    errno = 0;
    n = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *ret = n;
    return true;
}

static enum err read_scalar(struct loader *l, const yaml_event_t *event, struct json **ret)
{
    struct span text = span_of(event->data.scalar.value, event->data.scalar.length);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    int64_t n = 0;

    if (memchr(text.at, '\0', text.len) != NULL)
        return fail_at(l, mark_of(&event->start_mark), "a NUL character is not allowed");
    if (plain && (text.len == 0 || strcmp(text.at, "~") == 0 || strcmp(text.at, "null") == 0))
        *ret = json_new_null();
    else if (plain && (strcmp(text.at, "true") == 0 || strcmp(text.at, "false") == 0))
        *ret = json_new_bool(text.at[0] == 't');
    else if (plain && is_integer(text.at, &n))
        *ret = json_new_int(n);
    else
        *ret = json_new_text(text);
    return *ret != NULL ? ERR_OK : fail_at(l, mark_of(&event->start_mark), "this text is no UTF-8");
}

static enum err read_value(struct loader *l, const yaml_event_t *event, int depth,
                           struct json **ret);

/* A key: text, and not yet in `map`. */
static enum err read_key(struct loader *l, const yaml_event_t *event, const struct json *map,
                         char **ret_name)
{
    AUTO(json_free) struct json *key = NULL;
    struct conf_mark at = mark_of(&event->start_mark);
    const char *name;
    enum err e;

    if (event->type != YAML_SCALAR_EVENT)
        return fail_at(l, at,
                       event->type == YAML_ALIAS_EVENT ? "aliases are not supported"
                                                       : "a key must be text");
    e = read_value(l, event, 0, &key);
    if (e != ERR_OK)
        return e;
    name = json_str_of(key);
    if (name == NULL)
        return fail_at(l, at, "a key must be text, put it in quotes");
    for (size_t i = 0; json_get(map, name) != NULL && i < l->conf->place_count; i++) {
        const struct conf_place *p = &l->conf->places[i];

        if (p->parent == map && strcmp(p->name, name) == 0)
            return errmsg_set(l->msg, ERR_CONFIG,
                              "%s:%zu:%zu: duplicate key \"%s\", first on line %zu", l->conf->name,
                              at.line, at.column, conf__show(name).text, p->key.line);
    }
    *ret_name = mem_strdup(name);
    return ERR_OK;
}

static enum err read_member(struct loader *l, const yaml_event_t *key_event, int depth,
                            struct json *map)
{
    struct conf_place place = {.parent = map, .key = mark_of(&key_event->start_mark)};
    AUTO(yaml_event_delete) yaml_event_t event = {0};
    AUTO(mem_free) char *name = NULL;
    struct json *value = NULL;
    enum err e = read_key(l, key_event, map, &name);

    if (e != ERR_OK || (e = next(l, &event)) != ERR_OK ||
        (e = read_value(l, &event, depth, &value)) != ERR_OK)
        return e;
    json_set(map, name, value);
    place.value = value;
    place.at = mark_of(&event.start_mark);
    place.name = name;
    e = remember(l, &place);
    if (e == ERR_OK)
        name = NULL; /* the place has it */
    return e;
}

static enum err read_element(struct loader *l, const yaml_event_t *event, int depth,
                             struct json *list)
{
    struct conf_place place = {.parent = list, .index = json_count(list)};
    struct json *value = NULL;
    enum err e = read_value(l, event, depth, &value);

    if (e != ERR_OK)
        return e;
    json_add(list, value);
    place.value = value;
    place.at = place.key = mark_of(&event->start_mark);
    return remember(l, &place);
}

static enum err read_container(struct loader *l, bool is_map, int depth, struct json **ret)
{
    AUTO(json_free) struct json *all = is_map ? json_new_map() : json_new_list();
    yaml_event_type_t end = is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;

    for (;;) {
        AUTO(yaml_event_delete) yaml_event_t event = {0};
        enum err e = next(l, &event);

        if (e != ERR_OK)
            return e;
        if (event.type == end)
            break;
        e = is_map ? read_member(l, &event, depth, all) : read_element(l, &event, depth, all);
        if (e != ERR_OK)
            return e;
    }
    *ret = TAKE(all);
    return ERR_OK;
}

static enum err read_value(struct loader *l, const yaml_event_t *event, int depth,
                           struct json **ret)
{
    struct conf_mark at = mark_of(&event->start_mark);
    const yaml_char_t *anchor = NULL, *tag = NULL;

    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    } else {
        return fail_at(l, at, "aliases are not supported");
    }
    if (anchor != NULL)
        return fail_at(l, at, "anchors are not supported");
    if (tag != NULL)
        return fail_at(l, at, "tags are not supported");
    if (event->type == YAML_SCALAR_EVENT)
        return read_scalar(l, event, ret);
    if (depth >= LIMIT_JSON_DEPTH_MAX)
        return fail_at(l, at, "nested too deeply");
    return read_container(l, event->type == YAML_MAPPING_START_EVENT, depth + 1, ret);
}

/* The first event of the given type, or the end of the stream. */
static enum err skip_to(struct loader *l, yaml_event_type_t type, yaml_event_t *ret_event)
{
    for (;;) {
        enum err e = next(l, ret_event);

        if (e != ERR_OK || ret_event->type == type || ret_event->type == YAML_STREAM_END_EVENT)
            return e;
        yaml_event_delete(ret_event);
    }
}

static enum err read_document(struct loader *l)
{
    AUTO(yaml_event_delete) yaml_event_t start = {0};
    AUTO(yaml_event_delete) yaml_event_t first = {0};
    AUTO(yaml_event_delete) yaml_event_t second = {0};
    struct conf_place place = {.key = {1, 1}, .at = {1, 1}};
    enum err e = skip_to(l, YAML_DOCUMENT_START_EVENT, &start);

    if (e != ERR_OK)
        return e;
    if (start.type == YAML_STREAM_END_EVENT) { /* nothing but comments */
        l->conf->root = json_new_null();
        return remember(l, &place);
    }
    if ((e = next(l, &first)) != ERR_OK || (e = read_value(l, &first, 0, &l->conf->root)) != ERR_OK)
        return e;
    place.value = l->conf->root;
    place.at = place.key = mark_of(&first.start_mark);
    if ((e = remember(l, &place)) != ERR_OK ||
        (e = skip_to(l, YAML_DOCUMENT_START_EVENT, &second)) != ERR_OK)
        return e;
    if (second.type == YAML_DOCUMENT_START_EVENT)
        return fail_at(l, mark_of(&second.start_mark), "a second document is not supported");
    return ERR_OK;
}

enum err conf__load_yaml(struct conf *conf, struct span text, struct errmsg *msg)
{
    struct loader l = {.conf = conf, .text = text, .msg = msg};
    enum err e;

    if (!yaml_parser_initialize(&l.parser))
        return errmsg_set(msg, ERR_CONFIG, "%s: out of memory", conf->name);
    /* one encoding; its mark is skipped here, since libyaml then takes it for content */
    if (l.text.len >= 3 && memcmp(l.text.at, "\xef\xbb\xbf", 3) == 0)
        l.text = span_of(l.text.at + 3, l.text.len - 3);
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)l.text.at, l.text.len);
    e = read_document(&l);
    yaml_parser_delete(&l.parser);
    return e;
}
