/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a body, apart from HTTP: declared request fields become tokens, tokens in declared
 * response fields become values, masks or stay. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proxy/fields.h"
#include "proxy/hit.h"
#include "proxy/json_reader.h"
#include "vault/vault.h"

enum reveal_action { REVEAL_TOKEN, REVEAL_MASK, REVEAL_VALUE };

/* ---- request: tokenize ---- */

struct tokenize;

struct tokenize_subject {
    uint16_t domain;
    struct span names[VAULT_NAMES_MAX]; /* decoded; borrowed for the life of the tokenize */
    size_t name_count;                  /* 0: nobody known */
};

/* Read the document and settle what can be settled without writing: a value of a deterministic class
 * that this subject already has, and a value that is already this subject's live token of the field's
 * class (sent back by a caller who saw tokens). Values of classes that identify become names of the
 * subject. Errors: as json_read(); UNPROCESSABLE for a token that is dead, another's or of another
 * class, for a token as the subject's name, and for two different values of an identifying class where
 * nobody is known (they may be two people); TOO_LARGE for a value over VALUE_MAX and for more names
 * than VAULT_NAMES_MAX; what the vault says. A value that lies where tokens of its class lie is taken
 * for a dead token. The document is borrowed until tokenize_write(), but the operation reads copies: it
 * needs the tokenize and the subject's names only. Loop thread, inside no read transaction (it makes its
 * own). */
enum err tokenize_new(struct vault_reader *reader, const struct vault *vault,
                      const struct fields *fields, struct span document,
                      const struct tokenize_subject *subject, struct tokenize **ret_tokenize)
    MUST_CHECK;
/* The operation to submit to the vault; NULL when nothing is missing. The tokenize must live until its
 * done came; op->done is the caller's to set. */
struct vault_op *tokenize_op(struct tokenize *t);
/* The body with tokens in place, appended to out: as strings, but for the token of a number in a class of
 * format integer, which is a number. After the operation came back OK. */
enum err tokenize_write(struct tokenize *t, struct buf *out) MUST_CHECK;
/* How many values were replaced. */
size_t tokenize_count(const struct tokenize *t);
void tokenize_free(struct tokenize **t); /* wipes what it copied */

/* The value at a JSON path outside the fields (a route's `subject: "$.email"`), decoded and appended to
 * out: exactly one scalar. NOT_FOUND: absent or null; UNPROCESSABLE: several, or not a scalar. */
enum err json_pick(const struct fields *one_path, struct span document, struct buf *out) MUST_CHECK;

/* ---- response: reveal ---- */

struct reveal_scope {
    const struct vault *vault; /* its classes */
    const uint8_t *actions;    /* enum reveal_action by class id, CLASSES_MAX + 1 of them */
    uint16_t domain;           /* whose tokens are known here: another's stay as they are */
    uint64_t subject_slot;     /* 0: not bound to one subject */
};

struct reveal_counts {
    size_t values, masks, tokens; /* what the caller got for tokens */
    size_t foreign;               /* tokens of another subject, left as they were */
    size_t clear;                 /* declared fields that held no token, whatever became of them */
};

/* The body as this caller may see it, appended to out (a secret buf). A dead token stays as it is: to
 * a client "erased" and "never existed" look the same. A clear value in a declared field passes only
 * where the caller may see values; else it is masked, or becomes null. Errors: as json_read(); CORRUPT
 * and IO from the vault. Loop thread, inside no read transaction. */
enum err reveal_body(struct vault_reader *reader, const struct fields *fields, struct span document,
                     const struct reveal_scope *scope, struct buf *out,
                     struct reveal_counts *ret_counts) MUST_CHECK;

/* The mask of a value, appended to out as plain text: for format email the first character and the
 * domain ("a***@example.org"), otherwise "***" with the last two characters when there are eight or
 * more (UTF-8 characters, never half of one). */
enum err mask_write(enum token_format format, struct span value, struct buf *out) MUST_CHECK;
