/* SPDX-License-Identifier: Apache-2.0 */
/* One value out of a text.
 * Runs on: any thread. Holds: nothing. Not here: whose value it is (the routes decide). */
#include "proxy/part.h"

enum err part_pick(const struct part *part, struct buf *out)
{
    AUTO(buf_done) struct buf scratch = {.max = part->text.len, .secret = true};
    struct span value;
    enum err e;

    if (part->hits.count == 0)
        return ERR_NOT_FOUND;
    if (part->hits.count > 1)
        return ERR_UNPROCESSABLE;
    e = hit_read(part->text, &part->hits.at[0], &scratch, &value);
    return e == ERR_OK ? buf_append_span(out, value) : e;
}
