/* SPDX-License-Identifier: Apache-2.0 */
/* Exports that are given out, each of them recorded: to an operator at once, or to the person by a link that
 * works once and not for long. What stays is that there was one: who, when, how; no value, and of a link the
 * hash alone. A document is made when it is given out, and kept nowhere. */
#pragma once

#include "base/period.h"
#include "retention/export.h"

struct exports;

enum { EXPORTS_TOKEN_CHARS = 64, EXPORTS_LINK_DAYS_MAX = 30 };

/* The vault must outlive it. */
struct exports *exports_new(struct vault *vault);
void exports_free(struct exports **exports);
/* What is in force from now on, copied: who tells, who gets data, and how long it is known that there was an export. Before
 * anything below. Any thread. */
void exports_configure(struct exports *exports, const struct controller *controller,
                       const struct recipients *recipients, const struct period *keep);

struct export_order {
    struct export_ask ask;
    enum export_format format; /* in which it is wanted */
    struct span who;           /* who asks for it */
};

/* Make a document, and record that before it is given out. Errors as export_make(); what cannot be recorded is
 * not given out (IO, NO_SPACE, BUSY). These and all below: worker thread or command line; block. */
enum err exports_make(struct exports *exports, const struct export_order *order,
                      struct json **ret_tree, uint64_t *ret_number, struct errmsg *msg) MUST_CHECK;

/* A link for the person. token: EXPORTS_TOKEN_CHARS and a NUL; it is known to the caller only. INVALID: longer
 * than EXPORTS_LINK_DAYS_MAX days. */
struct export_link {
    char token[EXPORTS_TOKEN_CHARS + 1]; /* out */
    uint64_t number;                     /* out */
    int64_t expires_s;                   /* out */
};
enum err exports_link(struct exports *exports, const struct export_order *order,
                      const struct period *lifetime, struct export_link *ret, struct errmsg *msg)
    MUST_CHECK;

/* Make a link good for nothing, if it was not used. OK also for what is none, or used, or forgotten. */
enum err exports_end_link(struct exports *exports, uint64_t number) MUST_CHECK;
/* What became of an export. NOT_FOUND: it is not known any more. */
enum export_fate { EXPORT_GIVEN, EXPORT_WAITS, EXPORT_TAKEN, EXPORT_ENDED };
struct export_shown {
    enum export_fate fate;
    int64_t taken_ms; /* EXPORT_TAKEN: when */
    char digest[65];  /* of the document that was given; empty: none was, or it is not known */
};
enum err exports_show(struct exports *exports, uint64_t number, struct export_shown *ret)
    MUST_CHECK;
/* "given", "waits", "taken", "ended". */
const char *export_fate_word(enum export_fate fate);

/* Would a link give a document? NOT_FOUND: there is none of that name. GONE: it was used, is too old, or the
 * person was erased. OK also says in which language it is meant. Changes nothing. */
enum err exports_look(struct exports *exports, struct span token, enum letter_lang *ret_lang)
    MUST_CHECK;
/* Use a link up: the document as HTML, appended to `out` (a secret buf), once, whoever else tries at the same
 * time. address: the client's, for the audit trail. Errors as exports_look() and export_make(). */
enum err exports_take(struct exports *exports, struct span token, struct span address,
                      struct buf *out) MUST_CHECK;
