/* SPDX-License-Identifier: Apache-2.0 */
/* A QR code on a terminal.
 * Runs on: any thread. Holds: nothing. Not here: what it says. */
#include "cli/qr.h"

#include <qrencode.h>
#include <stdbool.h>
#include <string.h>

#include "base/secret.h"

enum { QUIET = 2 /* modules around it, so that cameras find it */ };

static bool is_dark(const QRcode *code, int row, int column)
{
    return row >= 0 && row < code->width && column >= 0 && column < code->width &&
           (code->data[row * code->width + column] & 1) != 0;
}

/* Two rows: black on white is asked for by escape sequences, so that the colours are the same everywhere. */
static enum err write_rows(const QRcode *code, int row, struct buf *out)
{
    static const char *const halves[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}};
    enum err e = buf_append_str(out, "\x1b[30;47m");

    for (int column = -QUIET; e == ERR_OK && column < code->width + QUIET; column++)
        e = buf_append_str(out, halves[is_dark(code, row, column)][is_dark(code, row + 1, column)]);
    return e == ERR_OK ? buf_append_str(out, "\x1b[0m\n") : e;
}

enum err qr_write(const char *text, struct buf *out)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    enum err e = ERR_OK;

    if (code == NULL)
        return ERR_TOO_LARGE;
    for (int row = -QUIET; e == ERR_OK && row < code->width + QUIET; row += 2)
        e = write_rows(code, row, out);
    secret_wipe(code->data, (size_t)code->width * (size_t)code->width);
    QRcode_free(code);
    return e;
}
