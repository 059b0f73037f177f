/* SPDX-License-Identifier: Apache-2.0 */
/* Time that does not follow a clock which was set.
 * Runs on: any thread. Holds: one lock. Invariant: time never goes back, and never leaps further
 * than a limit without an operator's word. Not here: remembering it on disk (writer.c).
 *
 *   wall clock behind what has passed   time goes on from where it was: nothing is kept longer
 *   wall clock far ahead                time goes on from where it was: nothing is destroyed early
 *
 * Right after opening it is not known how long nobody ran: a month is believed. Later the clock
 * that counts from the machine's start tells what has passed, sleep included: a day is believed. */
#include "vault/time_priv.h"

#include "base/assert.h"
#include "base/clock.h"
#include "vault/vault_priv.h"

static const int64_t OPENING_LEAP_MS = INT64_C(30) * 86400 * 1000;
static const int64_t RUNNING_LEAP_MS = INT64_C(86400) * 1000;
static const int64_t BEHIND_MS = 60000; /* less is a clock being put right */

void vault__time_init(struct vault_time *t)
{
    *t = (struct vault_time){.state = VAULT_CLOCK_RIGHT};
    REQUIRE(pthread_mutex_init(&t->lock, NULL) == 0);
}

void vault__time_done(struct vault_time *t)
{
    (void)pthread_mutex_destroy(&t->lock);
}

void vault__time_seen(struct vault_time *t, int64_t ms)
{
    t->mark_ms = ms > t->mark_ms ? ms : t->mark_ms;
    t->boot_ms = clock_boot_ms();
}

/* With the lock held. */
static int64_t decide(struct vault_time *t, int64_t wall_ms, int64_t boot_ms)
{
    const int64_t passed = t->mark_ms + (boot_ms - t->boot_ms);

    if (t->mark_ms == 0 || (wall_ms >= passed - BEHIND_MS &&
                            wall_ms <= passed + (t->settled ? RUNNING_LEAP_MS : OPENING_LEAP_MS))) {
        t->state = VAULT_CLOCK_RIGHT;
        t->settled = true;
        return wall_ms > passed || t->mark_ms == 0 ? wall_ms : passed;
    }
    t->state = wall_ms < passed ? VAULT_CLOCK_BEHIND : VAULT_CLOCK_AHEAD;
    return passed;
}

/* With the lock held. wall_ms 0: nothing is known. */
static void tell(struct vault_time *t, int64_t wall_ms, int64_t now_ms)
{
    atomic_store(&t->asked_ms, 0);
    atomic_store(&t->told_ms, now_ms);
    atomic_store(&t->asked_ms, wall_ms);
}

bool vault__time_again(struct vault_time *t, int64_t wall_ms, int64_t *ret_ms)
{
    int64_t told_ms;

    if (wall_ms == 0 || atomic_load_explicit(&t->asked_ms, memory_order_acquire) != wall_ms)
        return false;
    told_ms = atomic_load_explicit(&t->told_ms, memory_order_acquire);
    if (atomic_load_explicit(&t->asked_ms, memory_order_acquire) != wall_ms)
        return false; /* it may belong to another */
    *ret_ms = told_ms;
    return true;
}

int64_t vault__time_at(struct vault_time *t, int64_t wall_ms, int64_t boot_ms)
{
    int64_t now_ms;

    (void)pthread_mutex_lock(&t->lock);
    now_ms = decide(t, wall_ms, boot_ms);
    if (now_ms > t->mark_ms) {
        t->mark_ms = now_ms;
        t->boot_ms = boot_ms;
    }
    tell(t, wall_ms, now_ms);
    (void)pthread_mutex_unlock(&t->lock);
    return now_ms;
}

void vault__time_accept(struct vault_time *t, int64_t wall_ms, int64_t boot_ms)
{
    (void)pthread_mutex_lock(&t->lock);
    t->mark_ms = wall_ms;
    t->boot_ms = boot_ms;
    t->settled = true;
    t->state = VAULT_CLOCK_RIGHT;
    tell(t, 0, 0);
    (void)pthread_mutex_unlock(&t->lock);
}

int64_t vault__now_ms(struct vault *v)
{
    const int64_t wall_ms = clock_now_ms();
    int64_t now_ms;

    if (clock_is_stopped())
        return wall_ms;
    if (vault__time_again(&v->time, wall_ms, &now_ms))
        return now_ms;
    return vault__time_at(&v->time, wall_ms, clock_boot_ms());
}

int64_t vault__now_s(struct vault *v)
{
    return vault__now_ms(v) / 1000;
}

int64_t vault_now_s(struct vault *v)
{
    return vault__now_s(v);
}

enum vault_clock_state vault_clock(struct vault *v)
{
    enum vault_clock_state state;

    (void)vault__now_ms(v);
    (void)pthread_mutex_lock(&v->time.lock);
    state = v->time.state;
    (void)pthread_mutex_unlock(&v->time.lock);
    return state;
}
