/* SPDX-License-Identifier: Apache-2.0 */
/* One value out of a document.
 * Runs on: any thread. Holds: nothing. Not here: whose value it is (the routes decide). */
#include "proxy/transform.h"

#include "proxy/transform_priv.h"

enum err proxy__hit_value(struct span document, const struct json_hit *hit, struct buf *scratch,
                          struct span *ret_value)
{
    struct span text = span_of(document.at + hit->start, hit->end - hit->start);
    enum err e = ERR_OK;

    if (hit->kind == VALUE_STRING)
        text = span_of(text.at + 1, text.len - 2);
    if (hit->escaped) {
        buf_reset(scratch);
        e = json_unescape(text, scratch);
        text = buf_span(scratch);
    }
    if (e == ERR_OK)
        *ret_value = text;
    return e;
}

enum err json_pick(const struct fields *one_path, struct span document, struct buf *out)
{
    AUTO(json_hits_done) struct json_hits hits = {0};
    AUTO(buf_done) struct buf scratch = {.max = document.len, .secret = true};
    enum err e = json_read(one_path, document, &hits);
    struct span value;

    if (e != ERR_OK)
        return e;
    if (hits.count == 0)
        return ERR_NOT_FOUND;
    if (hits.count > 1)
        return ERR_UNPROCESSABLE;
    e = proxy__hit_value(document, &hits.at[0], &scratch, &value);
    return e == ERR_OK ? buf_append_span(out, value) : e;
}
