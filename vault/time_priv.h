/* SPDX-License-Identifier: Apache-2.0 */
/* The time that decides what is due. The wall clock alone would let whoever sets it keep what should
 * go, or destroy what should stay: so the store remembers how far time had come, and what has passed
 * since is measured by a clock that nobody sets. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vault/vault.h"

struct vault_time {
    pthread_mutex_t lock;
    int64_t mark_ms; /* time had come this far; 0: not known yet */
    int64_t boot_ms; /* when it had, by the clock that nobody sets */
    bool settled;    /* the wall clock has been found right since the store was opened */
    enum vault_clock_state state;
    /* What the wall clock said when the time was asked for last, and what it was; asked_ms is 0 while they change. */
    _Atomic int64_t asked_ms, told_ms;
};

void vault__time_init(struct vault_time *t);
void vault__time_done(struct vault_time *t);
/* The store has seen this time: it cannot be earlier. While opening. */
void vault__time_seen(struct vault_time *t, int64_t ms);
/* The time, given what both clocks say. Any thread. */
int64_t vault__time_at(struct vault_time *t, int64_t wall_ms, int64_t boot_ms);
/* Is that what the wall clock said when vault__time_at() was asked last? Then the time is the same, for a millisecond.
 * Every request asks several times; this takes no lock, and does not ask the other clock. Any thread. */
bool vault__time_again(struct vault_time *t, int64_t wall_ms, int64_t *ret_ms);
/* The time. Any thread; does not block. */
int64_t vault__now_ms(struct vault *v);
int64_t vault__now_s(struct vault *v);
/* The operator says that the wall clock is right. */
void vault__time_accept(struct vault_time *t, int64_t wall_ms, int64_t boot_ms);
