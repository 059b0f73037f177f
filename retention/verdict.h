/* SPDX-License-Identifier: Apache-2.0 */
/* What a look at a copy of a store comes down to. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "retention/proof.h"
#include "vault/copy.h"

enum verdict {
    VERDICT_ERASED,      /* no key, no row */
    VERDICT_ROWS_LEFT,   /* no key; rows that nothing opens */
    VERDICT_DEAD_KEY,    /* a wrapped key whose root key is not among those given */
    VERDICT_INCOMPLETE,  /* erased as far as can be seen, but a file is missing or stands behind */
    VERDICT_WRAPPED_KEY, /* a wrapped key, and no root keys to try it with */
    VERDICT_READABLE,    /* the key opens: with it or even the rows */
    VERDICT_CANNOT_TELL, /* keys.slab is missing or damaged */
    VERDICT_NOT_THIS_STORE /* files of another store */
};

/* The erasure that a receipt is about, for vault_copy_examine(). */
struct vault_copy_erasure verdict_question(const struct receipt_facts *facts);
enum verdict verdict_of(const struct vault_copy_report *report);
/* "erased", "readable", ...: one word or two for scripts. */
const char *verdict_name(enum verdict verdict);
/* 0 erased or dead; 3 erased, but something is to be done; 1 anything else. */
int verdict_exit(enum verdict verdict);
/* The verdict in words, appended: what was found in which file, and what to do. TOO_LARGE, NO_SPACE. */
enum err verdict_write(enum verdict verdict, const struct vault_copy_report *report,
                       const struct receipt_facts *facts, struct buf *out) MUST_CHECK;
