/* SPDX-License-Identifier: Apache-2.0 */
/* Due times, shared by the files of the writer: what a row's is, and how it gets another. */
#pragma once

#include "vault/writer_priv.h"

struct vault_event;
struct vault_retime;

/* When a row is due, and the instant that was counted from (0: its creation). */
struct timer {
    int64_t start_s;
    int64_t due_s;
};

/* What a rule makes of a row, by the events that a connection's transaction sees. used_s: when its value was
 * used last; 0: not known to have been. */
enum err vault__rule_timer(struct store *s, const struct rule *rule, uint64_t slot,
                           int64_t created_s, int64_t used_s, struct timer *ret) MUST_CHECK;
/* What the rule of its class makes of it. */
enum err vault__timer(struct writer *w, uint16_t class_id, uint64_t slot, int64_t created_s,
                      int64_t used_s, struct timer *ret) MUST_CHECK;
/* Seal a row again under another timer, inside the caller's transaction. OK also when it is right.
 * NOT_FOUND: its time is over, or it is gone, or its subject has no key; CORRUPT: it does not open. Nothing
 * was written then. */
enum err vault__retime_row(struct writer *w, struct store_class *c, const struct store_timer *row,
                           const struct timer *to, bool *ret_changed) MUST_CHECK;
/* What a row is sealed with; and seal the value in w->clear, which is wiped then, as this row under a new revision:
 * row->revision and row->sealed (in w->sealed) are set. */
struct crypto_row vault__row_bound(const struct store_class *c, const struct keycache_entry *entry,
                                   const struct store_row *row);
enum err vault__row_seal(struct writer *w, const struct store_class *c,
                         const struct keycache_entry *entry, enum value_kind kind,
                         struct store_row *row) MUST_CHECK;
/* A row of this subject was sealed anew: vault__retimed_tell() will say so. */
void vault__retimed(struct writer *w, uint64_t slot);
/* Inside a group's transaction. */
enum err vault__retime(struct writer *w, struct vault_retime *op) MUST_CHECK;
/* The first `most` rows of a person that start from an event. op: changed and more are set. */
enum err vault__retime_event(struct writer *w, uint64_t slot, const char *name, size_t most,
                             struct vault_event *op) MUST_CHECK;
/* Keep an event, as vault/events.h says. Inside a group's transaction. */
enum err vault__event(struct writer *w, struct vault_event *op) MUST_CHECK;
/* After the commit: no reader may answer from what he remembers of rows that changed. */
void vault__retimed_tell(struct writer *w);
