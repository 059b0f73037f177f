/* SPDX-License-Identifier: Apache-2.0 */
/* The retention report (R1): what is kept, why, until when, and whether the books balance. Made
 * from maintained counters; it holds counts, dates and the operator's own labels, never a value. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "vault/classes.h"
#include "vault/vault.h"

/* The report as of `now_s`. ret_tree: json_free(). Opens its read transaction on `reader` and ends
 * it. Errors: IO, CORRUPT. The reader's thread; short. */
enum err report_retention(struct vault_reader *reader, const struct vault *vault,
                          const struct classes *classes, int64_t now_s, struct json **ret_tree)
    MUST_CHECK;

/* Does the report show something that should have been destroyed by now, books that do not
 * balance, or values that can get no token any more? */
bool report_needs_attention(const struct json *tree);

enum report_format { REPORT_TABLE, REPORT_JSON, REPORT_CSV };

/* "table", "json" or "csv"; INVALID otherwise. */
enum err report_format_of(struct span name, enum report_format *ret) MUST_CHECK;
/* Append the report as text. table: aligned, for terminals, control characters replaced; json: one
 * document; csv: RFC 4180, cells that a spreadsheet would take for a formula start with an
 * apostrophe. TOO_LARGE when the buffer ends, INVALID when the tree is no report. */
enum err report_write(const struct json *tree, enum report_format format, struct buf *out)
    MUST_CHECK;
