/* SPDX-License-Identifier: Apache-2.0 */
/* The recount: every class's counters against its rows. What it finds is kept in the store's records, one a
 * class, and shown by the retention report; nothing is put right in silence. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/recount.h"
#include "vault/records.h"
#include "vault/vault.h"

struct recount_result {
    size_t counted;   /* classes */
    size_t differ;    /* of these: counters say something else than the rows */
    size_t uncounted; /* the log had to be cut too often meanwhile: the next recount will */
};

/* Count all classes, one after the other. What was counted before an error is recorded. CANCELED once *stop
 * (may be NULL). Worker thread; blocks long, holds up nobody. */
enum err recount_run(struct vault *vault, const atomic_bool *stop, struct recount_result *ret)
    MUST_CHECK;

/* What the last recount found of a class, and when. NOT_FOUND: it was not counted yet. Blocks shortly. */
enum err recount_last(struct vault_records *records, const char *class_name, int64_t *ret_at_ms,
                      struct vault_recount *ret) MUST_CHECK;
