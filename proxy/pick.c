/* SPDX-License-Identifier: Apache-2.0 */
/* One value out of a document.
 * Runs on: any thread. Holds: nothing. Not here: whose value it is (the routes decide). */
#include "proxy/transform.h"

enum err json_pick(const struct fields *one_path, struct span document, struct buf *out)
{
    AUTO(hits_done) struct hits hits = {0};
    AUTO(buf_done) struct buf scratch = {.max = document.len, .secret = true};
    enum err e = json_read(one_path, document, &hits);
    struct span value;

    if (e != ERR_OK)
        return e;
    if (hits.count == 0)
        return ERR_NOT_FOUND;
    if (hits.count > 1)
        return ERR_UNPROCESSABLE;
    e = hit_read(document, &hits.at[0], &scratch, &value);
    return e == ERR_OK ? buf_append_span(out, value) : e;
}
