/* SPDX-License-Identifier: Apache-2.0 */
/* What an erasure carries along while it is open: the operator's words, for its receipt, and what is to be
 * kept, for when it has to wait. No personal data. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "retention/erasure.h"

/* Append the note; request: NULL when nothing is to be kept. INVALID (words that are no UTF-8), TOO_LARGE. */
enum err note_write(const struct receipt_words *words, const struct erasure_request *request,
                    struct buf *out) MUST_CHECK;
/* The words of a note, borrowed from *ret_tree (json_free()); none of one that cannot be read. */
struct receipt_words note_words(struct span note, struct json **ret_tree);
/* Which classes are meant, and which restriction ends with it. */
void note_scope(const struct json *note, struct erasure_request *ret);
/* What is to be kept, into `ret`, which has VAULT_EXCEPTIONS_MAX; how many there are. */
size_t note_kept(const struct json *note, struct vault_exception *ret);
/* Is all that the request (NULL: everything) is for meant by this note, too: everything is, or the same? */
bool note_covers(struct span note, const struct erasure_request *request);
/* The reverse: is all that the note is for meant by the request, too? */
bool note_is_covered(struct span note, const struct erasure_request *request);
/* Values stored later are not meant; INT64_MAX: all are. */
int64_t note_newer_than_s(const struct json *note);
