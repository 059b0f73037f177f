/* SPDX-License-Identifier: Apache-2.0 */
/* How a group of changes moves the counters: summed in memory, written once before the commit. */
#pragma once

#include "vault/store_priv.h"

struct tally;

struct tally *tally_new(void);
void tally_free(struct tally **tally);
/* A row was stored, or deleted for `why`, at `now_s`. */
void tally_created(struct tally *t, uint16_t class_id, int64_t created_s, int64_t due_s);
void tally_purged(struct tally *t, uint16_t class_id, const struct store_gone *row,
                  enum store_flow why, int64_t now_s);
/* So many of the rows just counted as purged were so for a reason of its own. */
void tally_flow(struct tally *t, uint16_t class_id, enum store_flow why, int64_t now_s, size_t n);
/* The row that was just counted as created has a start (timer.h). */
void tally_started(struct tally *t, uint16_t class_id, int64_t created_s);
/* A row has another due time, or another start. */
void tally_retimed(struct tally *t, uint16_t class_id, const struct store_timer *before,
                   const struct store_row *after);
/* Subjects that came (or, negative, went). */
void tally_subjects(struct tally *t, int64_t delta);
/* Write it all inside the caller's transaction and start anew. */
enum err tally_write(struct tally *t, struct store *s) MUST_CHECK;
/* Forget it: the transaction was rolled back. */
void tally_clear(struct tally *t);
