/* SPDX-License-Identifier: Apache-2.0 */
/* Events in the store. */
#pragma once

#include "vault/events.h"
#include "vault/store_priv.h"

struct store_event {
    uint64_t slot;
    const char *name;
    int64_t at_s;
    int64_t recorded_s;
    int64_t corrections;
};

/* Make their table, where it is missing. The writer's connection, outside a transaction. */
enum err store_events_prepare(struct store *s) MUST_CHECK;
enum err store_event_put(struct store *s, const struct store_event *event) MUST_CHECK;
/* When an event happened, and how often that was corrected (may be NULL). NOT_FOUND: it has not. */
enum err store_event_at(struct store *s, uint64_t slot, const char *name, int64_t *ret_at_s,
                        int64_t *ret_corrections) MUST_CHECK;
enum err store_event_next(struct store *s, uint64_t slot, const char *after,
                          struct vault_event_known *ret) MUST_CHECK;
/* Another person has them from now on. */
enum err store_events_move(struct store *s, uint64_t slot, uint64_t target) MUST_CHECK;
enum err store_events_delete(struct store *s, uint64_t slot) MUST_CHECK;

/* Rows of a person that an event has not reached: a mark that grows with each such event, 0: none. */
enum err store_event_mark(struct store *s, uint64_t slot, int64_t *ret) MUST_CHECK;
enum err store_event_set_pending(struct store *s, uint64_t slot, const char *name) MUST_CHECK;
/* Everything up to a mark has been reached. */
enum err store_event_settle(struct store *s, uint64_t slot, int64_t mark) MUST_CHECK;
enum err store_event_pending(struct store *s, uint64_t after, uint64_t *ret_slot) MUST_CHECK;
