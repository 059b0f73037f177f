/* SPDX-License-Identifier: Apache-2.0 */
/* QR codes.
 * Runs on: any thread. Holds: nothing. Not here: how one is drawn (cli/qr.c on a terminal, ui/page_tokens.c on a page). */
#include "base/qr.h"

#include <qrencode.h>

#include "base/mem.h"
#include "base/secret.h"

struct qr {
    QRcode *code;
};

enum err qr_make(const char *text, struct qr **ret)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    struct qr *qr;

    if (code == NULL)
        return ERR_TOO_LARGE;
    qr = mem_alloc(sizeof(*qr));
    qr->code = code;
    *ret = qr;
    return ERR_OK;
}

void qr_free(struct qr **qrp)
{
    struct qr *qr = TAKE(*qrp);

    if (qr == NULL)
        return;
    secret_wipe(qr->code->data, (size_t)qr->code->width * (size_t)qr->code->width);
    QRcode_free(qr->code);
    mem_free(&qr);
}

int qr_width(const struct qr *qr)
{
    return qr->code->width;
}

bool qr_is_dark(const struct qr *qr, int row, int column)
{
    const QRcode *code = qr->code;

    return row >= 0 && row < code->width && column >= 0 && column < code->width &&
           (code->data[row * code->width + column] & 1) != 0;
}
