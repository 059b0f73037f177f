/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output.
 * Runs on: the main thread; blocks. Holds: nothing. */
#include "cli/output.h"

#include <errno.h>
#include <unistd.h>

enum { JSON_TEXT_MAX = 64 << 20 };

enum err output_write(struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes.at, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        bytes = span_of(bytes.at + n, bytes.len - (size_t)n);
    }
    return ERR_OK;
}

enum err output_json(const struct json *tree)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init_secret(&text, JSON_TEXT_MAX);
    e = json_write_pretty(tree, &text);
    return e == ERR_OK ? output_write(buf_span(&text)) : e;
}
