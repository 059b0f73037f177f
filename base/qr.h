/* SPDX-License-Identifier: Apache-2.0 */
/* What a QR code looks like. The one adapter around libqrencode. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct qr;

/* `text` as a QR code. ret: qr_free(), which wipes it. TOO_LARGE: more than one code holds. Any thread. */
enum err qr_make(const char *text, struct qr **ret) MUST_CHECK;
void qr_free(struct qr **qr);

/* Modules on each side, without a quiet zone around them. */
int qr_width(const struct qr *qr);
/* Is a module dark? What is outside is not. */
bool qr_is_dark(const struct qr *qr, int row, int column);
