/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, instants, numbers and periods as a reader writes them. All of them are true when `text` is one and stands in
 * `out` now; false leaves `out` alone. Words: month.1 ... month.12, date, instant, period.Y.one, ... */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"
#include "ui/words.h"

enum { SHOW_MAX = 256 };

/* "2026-04-05": "5 April 2026", "5. April 2026". */
bool show_date(const struct words *words, enum words_lang lang, struct span text, struct buf *out);
/* "2026-01-31T09:30:00Z", perhaps with parts of a second: "31 January 2026, 09:30 UTC". */
bool show_instant(const struct words *words, enum words_lang lang, struct span text,
                  struct buf *out);
/* "12345": "12,345", "12.345". */
bool show_count(enum words_lang lang, struct span text, struct buf *out);
/* "P1Y6M": "1 year 6 months"; "PT12H". */
bool show_period(const struct words *words, enum words_lang lang, struct span text,
                 struct buf *out);
