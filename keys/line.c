/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of key files.
 * Runs on: any thread. Holds: nothing. */
#include "keys/line_priv.h"

static struct span after(struct span text, size_t n)
{
    return span_of(text.at + n, text.len - n);
}

bool keys__line_next(struct span *text, struct span *ret_line)
{
    const char *end;
    size_t len;

    if (text->len == 0)
        return false;
    end = memchr(text->at, '\n', text->len);
    len = end == NULL ? text->len : (size_t)(end - text->at);
    *ret_line = span_of(text->at, len);
    *text = after(*text, end == NULL ? len : len + 1);
    return true;
}

bool keys__line_head(struct span line, const char *magic, uint32_t *ret_epoch,
                     struct span *ret_rest)
{
    size_t magic_len = strlen(magic), at = magic_len + 1;
    uint64_t epoch = 0;

    if (line.len <= at || memcmp(line.at, magic, magic_len) != 0 || line.at[magic_len] != ' ' ||
        line.at[at] == '0')
        return false;
    while (at < line.len && line.at[at] >= '0' && line.at[at] <= '9' &&
           at <= magic_len + KEYS_EPOCH_DIGITS_MAX)
        epoch = epoch * 10 + (uint64_t)(line.at[at++] - '0');
    if (epoch == 0 || epoch > UINT32_MAX || at >= line.len || line.at[at] != ' ')
        return false;
    *ret_epoch = (uint32_t)epoch;
    *ret_rest = after(line, at + 1);
    return true;
}
