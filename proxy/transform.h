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
#include "proxy/json_reader.h"
#include "proxy/part.h"
#include "vault/vault.h"

enum reveal_action { REVEAL_TOKEN, REVEAL_MASK, REVEAL_VALUE };

/* ---- tokenize ---- */

struct tokenize;
struct notes;

/* Whose values they are. */
struct tokenize_subject {
    struct span names[VAULT_NAMES_MAX]; /* decoded; borrowed for the life of the tokenize */
    size_t name_count;                  /* 0: nobody known, unless there is a slot */
    uint64_t slot;                      /* the subject itself, where it is known; else 0 */
};

struct tokenize_input {
    struct vault_reader *reader;
    const struct vault *vault;
    uint16_t domain;
    const struct part *parts; /* borrowed until the last tokenize_write(), like their texts */
    size_t part_count;
    const struct tokenize_subject *subjects; /* at least one; borrowed like their names */
    size_t subject_count;
    struct reveal_guard *guard; /* of look-ups; NULL: they are not counted */
};

/* Settle what can be settled without writing: look-ups, a value of a deterministic class that its
 * subject already has, and a value that is already its subject's live token of the field's class (sent
 * back by a caller who saw tokens). Values of classes that identify become names of their subject.
 * Errors: UNPROCESSABLE for a token that is dead, another's or of another class, for a token as a
 * subject's name, for two different values of an identifying class where nobody is known (they may be
 * two people), for a value that its class cannot hold in a look-up, and for a text of another shape than
 * its declaration; LIMIT for one look-up too many; TOO_LARGE for a value over VALUE_MAX and for more names than VAULT_NAMES_MAX; INVALID
 * for a value that is not UTF-8; what the vault says. A value that lies where tokens of its class lie is
 * taken for a dead token; in a look-up it stays. The operation reads copies: it needs the tokenize and
 * the subjects' names only. Loop thread, inside no read transaction (it makes its own). */
enum err tokenize_new(const struct tokenize_input *input, struct tokenize **ret_tokenize)
    MUST_CHECK;
/* The operation to submit to the vault; NULL when nothing is missing. The tokenize must live until its
 * done came; op->done is the caller's to set. */
struct vault_op *tokenize_op(struct tokenize *t);
/* A part with tokens in place, appended to out: as its place writes text, but for the token of a number
 * in a class of format integer, which is a number in JSON. After the operation came back OK. */
enum err tokenize_write(const struct tokenize *t, size_t part, struct buf *out) MUST_CHECK;
/* How many values of a part are replaced. */
size_t tokenize_changes(const struct tokenize *t, size_t part);
/* How many values get a token that somebody could be erased with: all but look-ups. */
size_t tokenize_count(const struct tokenize *t);
/* The subject, if there is one only and the vault knew it by all of its names; else 0. */
uint64_t tokenize_owner(const struct tokenize *t);
/* Count the values that got a token, by whose they are. After the operation came back OK, if there was one; makes
 * a read transaction of its own. */
enum err tokenize_note(const struct tokenize *t, struct notes *notes) MUST_CHECK;
void tokenize_free(struct tokenize **t); /* wipes what it copied */

/* ---- reveal ---- */

struct reveal_guard;

/* What becomes of a value that the caller might see if no hold, restriction or objection were in the way:
 * its token stays; or the whole is refused, because the only person it is about is restricted, or because a
 * token is of no use to whom it goes. */
enum reveal_bound { BOUND_STAYS, BOUND_RESTRICTED_REFUSES, BOUND_REFUSES };

struct reveal_scope {
    const struct vault *vault; /* its classes */
    const uint8_t *actions;    /* enum reveal_action by class id, CLASSES_MAX + 1 of them */
    uint16_t domain;           /* whose tokens are known here: another's stay as they are */
    /* By subject of a part's hits (part->subject_of): the only key slot whose values may be shown; 0:
     * anybody's. NULL: anybody's for all. */
    const uint64_t *slots;
    enum reveal_bound bound;
    bool clear_passes;          /* clear values in declared fields are the sender's business */
    struct reveal_guard *guard; /* NULL: nothing is watched (guard.h) */
    struct notes *notes;        /* whose values are shown is counted here; NULL: nowhere */
};

struct reveal_counts {
    size_t values, masks, tokens; /* what the caller got for tokens */
    size_t foreign;               /* tokens of another subject, left as they were */
    size_t clear;                 /* declared fields that held no token, whatever became of them */
    size_t unfit;                 /* values that their place cannot hold: their tokens stayed */
};

/* A part as this caller may see it, appended to out (a secret buf). A dead token stays as it is, or as
 * the field's rule says: to a client "erased" and "never existed" look the same. A clear value in a
 * declared field passes only where the caller may see values; else it is masked, or goes (null in JSON).
 * A field that is scanned is text with tokens in it, of any class; what is no token passes. Errors:
 * CORRUPT and IO from the vault, DENIED from the guard, RESTRICTED, HELD and OBJECTED as scope->bound says, INVALID for text that is not UTF-8. Counts are added to. Loop thread,
 * inside one read transaction. */
enum err reveal_part(struct vault_reader *reader, const struct part *part,
                     const struct reveal_scope *scope, struct buf *out,
                     struct reveal_counts *counts) MUST_CHECK;

/* The mask of a value, appended to out as plain text: as much as docs/CONFIGURATION.md says of each format,
 * in the value's own shape; "***", with the last two characters where there are eight or more, of text and
 * of what its format is not for. UTF-8, never half of a character. */
enum err mask_write(enum token_format format, struct span value, struct buf *out) MUST_CHECK;
