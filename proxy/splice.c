/* SPDX-License-Identifier: Apache-2.0 */
/* Putting replacements into a document; every other byte stays what it was.
 * Runs on: any thread. Holds: nothing. Invariant: nothing is written unless all fits. */
#include "proxy/json_reader.h"

#include "base/assert.h"

enum err splice_write(struct span document, const struct splice *splices, size_t count,
                      struct buf *out)
{
    size_t total = document.len, from = 0;
    enum err e;

    for (size_t i = 0; i < count; i++) {
        const struct splice *s = &splices[i];

        REQUIRE(s->start >= from && s->start <= s->end && s->end <= document.len);
        total -= s->end - s->start;
        if (__builtin_add_overflow(total, s->text.len, &total))
            return ERR_TOO_LARGE;
        from = s->end;
    }
    e = buf_reserve(out, total);
    from = 0;
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        e = buf_append(out, document.at + from, splices[i].start - from);
        if (e == ERR_OK)
            e = buf_append_span(out, splices[i].text);
        from = splices[i].end;
    }
    return e == ERR_OK ? buf_append(out, document.at + from, document.len - from) : e;
}
