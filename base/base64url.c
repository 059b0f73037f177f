/* SPDX-License-Identifier: Apache-2.0 */
/* base64url, read strictly.
 * Runs on: any thread. Holds: nothing. Invariant: two texts never stand for the same bytes, so that what
 * is known by its text cannot be spelt in another way. Not here: plain base64 (retention/, keys/). */
#include "base/base64url.h"

/* The six bits of a character; -1 for one that is none. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

enum err base64url_decode(struct span text, struct buf *out)
{
    const size_t before = out->len;
    uint32_t bits = 0; /* those that are not written yet, at the lower end */
    int count = 0;
    enum err e = text.len % 4 == 1 ? ERR_INVALID : buf_reserve(out, text.len / 4 * 3 + 2);

    for (size_t i = 0; e == ERR_OK && i < text.len; i++) {
        int value = value_of(text.at[i]);

        if (value < 0) {
            e = ERR_INVALID;
            break;
        }
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            e = buf_append_byte(out, (uint8_t)(bits >> count));
        }
    }
    if (e == ERR_OK && (bits & ((1u << count) - 1)) != 0)
        e = ERR_INVALID;
    if (e != ERR_OK)
        out->len = before;
    return e;
}
