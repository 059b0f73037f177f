/* SPDX-License-Identifier: Apache-2.0 */
/* The recount: every class's counters against its rows, and old tokens that a renewal has left against the values they
 * lead to. What it finds is kept in the store's records, one a class, and shown by the retention report; nothing is put
 * right in silence. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "vault/recount.h"
#include "vault/records.h"
#include "vault/vault.h"

enum { RECOUNT_DIGEST_TEXT = 33 };

struct recount_result {
    char digest[RECOUNT_DIGEST_TEXT]; /* of all that differs; empty: nothing does */
    size_t counted;                   /* classes */
    size_t differ;    /* of these: counters say something else than rows, or old tokens are lost */
    uint64_t lost;    /* old tokens that are remembered of no value, of all classes */
    size_t uncounted; /* classes: the log had to be cut too often; the next recount will */
};

/* Count all classes, one after the other. What was counted before an error is recorded. CANCELED once *stop
 * (may be NULL). Worker thread; blocks long, holds up nobody. */
enum err recount_run(struct vault *vault, const atomic_bool *stop, struct recount_result *ret)
    MUST_CHECK;

/* Put right what a recount found, as the digest names it: all counters set and old tokens forgotten in one commit, with
 * a record of what was wrong, which reports show. Counts anew first. INVALID: no digest; CONFLICT: something else
 * differs by now, or nothing; BUSY: another repair, or classes could not be counted. Nothing was changed then. As
 * recount_run() otherwise. *ret_tree: {"record", "classes": [{"class", "items", "counted", "differ", "lost"}]}. */
enum err recount_repair(struct vault *vault, struct span digest, const atomic_bool *stop,
                        struct json **ret_tree, struct errmsg *msg) MUST_CHECK;

/* When counters of a class were put right last, and how many. NOT_FOUND: never. Blocks shortly. */
enum err recount_repaired(struct vault_records *records, const char *class_name, int64_t *ret_at_ms,
                          uint64_t *ret_differ) MUST_CHECK;

/* What the last recount found of a class, and when. NOT_FOUND: it was not counted yet. Blocks shortly. */
enum err recount_last(struct vault_records *records, const char *class_name, int64_t *ret_at_ms,
                      struct vault_recount *ret) MUST_CHECK;
