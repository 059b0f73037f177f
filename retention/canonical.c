/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical form of a JSON tree (RFC 8785).
 * Runs on: any thread. Holds: nothing. Invariant: two trees that hold the same have one form, and
 * another tree has another. Not here: what is signed with it (retention/proof.c). */
#include "retention/canonical.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static const int64_t INTEGER_MAX = (INT64_C(1) << 53) - 1; /* what every JSON reader can hold */

static enum err write_value(const struct json *value, int depth, struct buf *out);

/* RFC 8785 3.2.2.2: the short escapes where there are any, \u00xx in lower case for other controls,
 * everything else as it is. */
static enum err write_text(struct span text, struct buf *out)
{
    static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    enum err e = buf_append_byte(out, '"');

    for (size_t i = 0; e == ERR_OK && i < text.len; i++) {
        const char c = text.at[i];
        char escape[8];
        size_t at = 0;

        while (at < sizeof(shorts) - 1 && shorts[at] != c)
            at += 2;
        if (at < sizeof(shorts) - 1)
            (void)snprintf(escape, sizeof(escape), "\\%c", shorts[at + 1]);
        else if ((unsigned char)c < 0x20)
            (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(unsigned char)c);
        else
            escape[0] = '\0';
        e = escape[0] != '\0' ? buf_append_str(out, escape) : buf_append_byte(out, (uint8_t)c);
    }
    return e == ERR_OK ? buf_append_byte(out, '"') : e;
}

static enum err write_integer(const struct json *value, struct buf *out)
{
    const int64_t n = json_int_of(value, 0);
    char text[24];

    if (n > INTEGER_MAX || n < -INTEGER_MAX)
        return ERR_UNSUPPORTED;
    (void)snprintf(text, sizeof(text), "%" PRId64, n);
    return buf_append_str(out, text);
}

static enum err write_list(const struct json *list, int depth, struct buf *out)
{
    enum err e = buf_append_byte(out, '[');

    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++) {
        if (i > 0)
            e = buf_append_byte(out, ',');
        if (e == ERR_OK)
            e = write_value(json_at(list, i), depth, out);
    }
    return e == ERR_OK ? buf_append_byte(out, ']') : e;
}

/* Names of ASCII: their bytes stand in the order of UTF-16 code units, which RFC 8785 wants. */
static bool is_plain(const char *name)
{
    for (; *name != '\0'; name++)
        if (*name < 0x20 || *name > 0x7e)
            return false;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum err write_members(const struct json *map, const char **names, size_t count, int depth,
                              struct buf *out)
{
    enum err e = buf_append_byte(out, '{');

    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        if (i > 0)
            e = buf_append_byte(out, ',');
        if (e == ERR_OK)
            e = write_text(span_str(names[i]), out);
        if (e == ERR_OK)
            e = buf_append_byte(out, ':');
        if (e == ERR_OK)
            e = write_value(json_get(map, names[i]), depth, out);
    }
    return e == ERR_OK ? buf_append_byte(out, '}') : e;
}

static enum err write_map(const struct json *map, int depth, struct buf *out)
{
    AUTO(mem_free) const char **names = NULL;
    const size_t count = json_count(map);
    struct json *value;
    size_t at = 0;
    void *it = NULL;

    if (count > CANONICAL_MEMBERS_MAX)
        return ERR_UNSUPPORTED;
    names = mem_alloc((count + 1) * sizeof(names[0]));
    while (at < count && json_next(map, &it, &names[at], &value))
        if (!is_plain(names[at++]))
            return ERR_UNSUPPORTED;
    qsort(names, at, sizeof(names[0]), by_name);
    return write_members(map, names, at, depth, out);
}

static enum err write_value(const struct json *value, int depth, struct buf *out)
{
    if (depth == CANONICAL_DEPTH_MAX)
        return ERR_UNSUPPORTED;
    switch (json_kind(value)) {
    case JSON_NIL:
        return buf_append_str(out, "null");
    case JSON_BOOL:
        return buf_append_str(out, json_bool_of(value, false) ? "true" : "false");
    case JSON_INT:
        return write_integer(value, out);
    case JSON_TEXT:
        return write_text(json_text_of(value), out);
    case JSON_LIST:
        return write_list(value, depth + 1, out);
    case JSON_MAP:
        return write_map(value, depth + 1, out);
    default:
        return ERR_UNSUPPORTED;
    }
}

enum err canonical_write(const struct json *tree, struct buf *out)
{
    return write_value(tree, 0, out);
}
