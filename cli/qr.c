/* SPDX-License-Identifier: Apache-2.0 */
/* A QR code on a terminal.
 * Runs on: any thread. Holds: nothing. Not here: what it says, which modules are dark (base/qr.c). */
#include "cli/qr.h"

#include "base/qr.h"

enum { QUIET = 2 /* modules around it, so that cameras find it */ };

/* Two rows: black on white is asked for by escape sequences, so that the colours are the same everywhere. */
static enum err write_rows(const struct qr *qr, int row, struct buf *out)
{
    static const char *const halves[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}};
    enum err e = buf_append_str(out, "\x1b[30;47m");

    for (int column = -QUIET; e == ERR_OK && column < qr_width(qr) + QUIET; column++)
        e = buf_append_str(out,
                           halves[qr_is_dark(qr, row, column)][qr_is_dark(qr, row + 1, column)]);
    return e == ERR_OK ? buf_append_str(out, "\x1b[0m\n") : e;
}

enum err qr_write(const char *text, struct buf *out)
{
    AUTO(qr_free) struct qr *qr = NULL;
    enum err e = qr_make(text, &qr);

    for (int row = -QUIET; e == ERR_OK && row < qr_width(qr) + QUIET; row += 2)
        e = write_rows(qr, row, out);
    return e;
}
