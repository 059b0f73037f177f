/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of one person, as that person is told it: a copy of the data with everything that Art. 15 of
 * the GDPR wants beside it, or, after Art. 20, the data alone that may be taken elsewhere. docs/EXPORTS.md
 * describes the document.
 *
 * It holds values: a tree and the texts made of it live in wiped memory, shortly, and are kept nowhere. It
 * names no other person: not who shares a value, and not which of the staff looked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "retention/controller.h"
#include "retention/letter.h"
#include "retention/recipients.h"
#include "vault/vault.h"

enum { EXPORT_VALUES_MAX = 50000, EXPORT_TEXT_MAX = 48 << 20 };

enum export_format { EXPORT_JSON, EXPORT_HTML, EXPORT_CSV };

/* "json", "html", "csv"; false: none of them. */
bool export_format_of(struct span word, enum export_format *ret);
const char *export_format_word(enum export_format format);

struct export_ask {
    uint64_t slot;         /* whose */
    bool portable;         /* Art. 20: classes that rest on consent or a contract, and no more */
    enum letter_lang lang; /* of titles and texts; members and dates are the same in each */
};

/* What the configuration says, for all persons. */
struct export_facts {
    struct controller controller; /* members may be NULL */
    struct recipients recipients; /* who gets what from the applications behind this program */
};

/* Make the document. Errors: NOT_FOUND (no such person, any more),
 * TOO_LARGE (with a message), SEALED, CORRUPT, IO. ret_tree: json_free(). Worker thread; reads the whole audit
 * trail; inside no read transaction. */
enum err export_make(struct vault *vault, const struct export_facts *facts,
                     const struct export_ask *ask, struct json **ret_tree, struct errmsg *msg)
    MUST_CHECK;

/* Append the document to `out`, a secret buf: indented JSON; HTML, one file without scripts; CSV of the values
 * (RFC 4180, UTF-8), where what a spreadsheet would take for a formula starts with an apostrophe. TOO_LARGE
 * when the buffer ends. Any thread; does not block. */
enum err export_write(const struct json *tree, enum export_format format, struct buf *out)
    MUST_CHECK;
