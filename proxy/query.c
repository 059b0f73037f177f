/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of a query in the form HTML forms give it (contract: proxy/path.h).
 * Runs on: any thread. Holds: nothing; decoded text goes into the caller's secret buffer.
 * Not here: paths (path.c). */
#include "proxy/path.h"

#include <stdint.h>
#include <string.h>

#include "proxy/hit_priv.h"
#include "proxy/percent_priv.h"

/* The raw parts of one pair. */
struct piece {
    struct span name;
    struct span value;
    bool has_equals;
};

/* The next piece that is not empty, from *at on; false at the end. */
static bool next_piece(struct span query, size_t *at, struct piece *ret)
{
    while (*at < query.len) {
        const char *start = query.at + *at, *end = query.at + query.len;
        const char *stop = memchr(start, '&', (size_t)(end - start)), *equals;

        if (stop == NULL)
            stop = end;
        *at = (size_t)(stop - query.at) + 1;
        if (stop == start)
            continue;
        equals = memchr(start, '=', (size_t)(stop - start));
        ret->has_equals = equals != NULL;
        ret->name = span_of(start, (size_t)((equals != NULL ? equals : stop) - start));
        ret->value = span_of(stop, 0);
        if (equals != NULL)
            ret->value = span_of(equals + 1, (size_t)(stop - equals - 1));
        return true;
    }
    return false;
}

enum err form_decode(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        int byte = (uint8_t)text.at[i];
        enum err e;

        if (byte == ';')
            return ERR_INVALID;
        if (byte == '+')
            byte = ' ';
        if (byte == '%') {
            byte = proxy__percent_byte(text, i);
            if (byte < 0)
                return ERR_INVALID;
            i += 2;
        }
        e = buf_append_byte(out, (uint8_t)byte);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* Both parts decoded into scratch, whose old contents go. */
static enum err read_piece(struct span query, const struct piece *piece, struct buf *scratch,
                           struct query_item *ret)
{
    size_t name_len;
    enum err e;

    buf_reset(scratch);
    e = buf_reserve(scratch,
                    piece->name.len + piece->value.len + 1); /* spans need bytes to point at */
    if (e != ERR_OK)
        return e;
    e = form_decode(piece->name, scratch);
    if (e != ERR_OK)
        return e;
    name_len = scratch->len;
    e = form_decode(piece->value, scratch);
    if (e != ERR_OK)
        return e;
    *ret = (struct query_item){
        .name = span_of(scratch->bytes, name_len),
        .value = span_of(scratch->bytes + name_len, scratch->len - name_len),
        .name_start = (size_t)(piece->name.at - query.at),
        .value_start = (size_t)(piece->value.at - query.at),
        .value_end = (size_t)(piece->value.at - query.at) + piece->value.len,
        .has_equals = piece->has_equals,
    };
    return ERR_OK;
}

enum err query_each(struct span query, struct buf *scratch, query_each_fn each, void *context)
{
    struct piece piece;
    size_t at = 0;

    while (next_piece(query, &at, &piece)) {
        struct query_item item;
        enum err e = read_piece(query, &piece, scratch, &item);

        if (e == ERR_OK)
            e = each(&item, context);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

enum err query_find(struct span query, struct span name, struct buf *scratch,
                    struct query_item *ret)
{
    struct piece piece, found;
    struct query_item item;
    size_t at = 0, count = 0;
    enum err e;

    while (next_piece(query, &at, &piece)) {
        e = read_piece(query, &piece, scratch, &item);
        if (e != ERR_OK)
            return e;
        if (span_equal(item.name, name)) {
            found = piece;
            count++;
        }
    }
    if (count == 0)
        return ERR_NOT_FOUND;
    if (count > 1) /* some servers take the first, others the last */
        return ERR_INVALID;
    e = read_piece(query, &found, scratch, &item);
    if (e != ERR_OK)
        return e;
    if (!hit__is_utf8(item.value))
        return ERR_INVALID;
    *ret = item;
    return ERR_OK;
}
