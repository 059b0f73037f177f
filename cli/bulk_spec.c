/* SPDX-License-Identifier: Apache-2.0 */
/* What a bulk job was told to do.
 * Runs on: the main thread. Holds: names of fields and classes. Invariant: no field is named twice. Not here: whether
 * there are such columns (bulk_csv.c), paths (bulk_ndjson.c) and classes (the session). */
#include "cli/bulk.h"

#include <string.h>

#include "base/mem.h"

static char *copy(struct span text)
{
    char *s = mem_alloc(text.len + 1);

    memcpy(s, text.at, text.len);
    return s;
}

/* Up to the next comma that stands outside of brackets and quotes. */
static size_t entry_len(struct span text)
{
    char quote = '\0';
    int depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        const char c = text.at[i];

        if (quote != '\0')
            quote = c == quote ? '\0' : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '[')
            depth++;
        else if (c == ']')
            depth--;
        else if (c == ',' && depth <= 0)
            return i;
    }
    return text.len;
}

/* A column's name may stand in quotes; a path has its own. */
static struct span unquote(const struct bulk_spec *spec, struct span name)
{
    return !spec->ndjson && name.len >= 2 && name.at[0] == '"' && name.at[name.len - 1] == '"'
               ? span_of(name.at + 1, name.len - 2)
               : name;
}

static bool is_named(const struct bulk_spec *spec, struct span name)
{
    for (size_t i = 0; i < spec->field_count; i++)
        if (span_equal(span_str(spec->fields[i].name), name))
            return true;
    return false;
}

static enum err add_field(struct bulk_spec *spec, struct span entry, struct errmsg *msg)
{
    size_t equals = entry.len;
    struct span name;

    while (equals > 0 && entry.at[equals - 1] != '=')
        equals--;
    if (equals < 2 || equals == entry.len)
        return errmsg_set(msg, ERR_INVALID,
                          "--fields takes FIELD=CLASS, with commas between several");
    name = unquote(spec, span_of(entry.at, equals - 1));
    if (is_named(spec, name))
        return errmsg_set(msg, ERR_INVALID, "--fields names a field twice");
    if (spec->field_count == BULK_FIELDS_MAX)
        return errmsg_set(msg, ERR_INVALID, "--fields takes at most %d fields", BULK_FIELDS_MAX);
    spec->fields[spec->field_count++] =
        (struct bulk_field){copy(name), copy(span_of(entry.at + equals, entry.len - equals))};
    return ERR_OK;
}

enum err bulk_spec_fields(struct bulk_spec *spec, const char *text, struct errmsg *msg)
{
    struct span rest = span_str(text);
    enum err e = ERR_OK;

    while (e == ERR_OK && rest.len > 0) {
        const size_t len = entry_len(rest);

        e = add_field(spec, span_of(rest.at, len), msg);
        rest = len == rest.len ? SPAN_NONE : span_of(rest.at + len + 1, rest.len - len - 1);
    }
    return e;
}

void bulk_spec_done(struct bulk_spec *spec)
{
    for (size_t i = 0; i < spec->field_count; i++) {
        mem_free(&spec->fields[i].name);
        mem_free(&spec->fields[i].class_name);
    }
    spec->field_count = 0;
}

size_t bulk_spec_subject_field(const struct bulk_spec *spec)
{
    for (size_t i = 0; spec->subject != NULL && i < spec->field_count; i++)
        if (strcmp(spec->fields[i].name, spec->subject) == 0)
            return i;
    return BULK_ANY;
}

/* A text and what ends it, so that no two lists of texts are the same bytes. */
static void add_text(struct digest *d, const char *text)
{
    digest_add(d, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
    digest_add(d, text == NULL ? "\1" : "\0", 1);
}

void bulk_spec_digest(const struct bulk_spec *spec, const char *operation, const char *domain,
                      char ret[DIGEST_HEX_BYTES])
{
    const char flags[] = {spec->ndjson ? 'n' : 'c', spec->delimiter, spec->all_tokens ? 'a' : 'f',
                          '\0'};
    struct digest d;

    digest_begin(&d);
    add_text(&d, "lethe-bulk-1");
    add_text(&d, operation);
    add_text(&d, flags);
    add_text(&d, domain);
    add_text(&d, spec->subject);
    for (size_t i = 0; i < spec->field_count; i++) {
        add_text(&d, spec->fields[i].name);
        add_text(&d, spec->fields[i].class_name);
    }
    bulk_digest_now(&d, ret);
}
