/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of an event loop on a wall clock that is set back, once or for a moment ahead and back. */
#include "base/http_turn.h"

#include <criterion/criterion.h>
#include <sys/time.h>
#include <time.h>

#include "base/clock.h"
#include "base/secret.h"

TestSuite(http_turn, .init = secret_start, .timeout = 30);

enum { YEAR_S = 365 * 86400, TURNS_MAX = 100 };

static long set_by_s;         /* how far the wall clock is off */
static int reads_until_right; /* when not 0: after so many looks at it, it is right again */

/* What libh2o looks at, through its symbol table. */
int gettimeofday(struct timeval *tv, void *zone)
{
    struct timespec now;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    tv->tv_sec = now.tv_sec + set_by_s;
    tv->tv_usec = now.tv_nsec / 1000;
    if (reads_until_right > 0 && --reads_until_right == 0)
        set_by_s = 0;
    return 0;
}

struct timers {
    h2o_evloop_t *loop;
    h2o_timeout_t soon, at_once;
    h2o_timeout_entry_t first, second;
    int rung;
};

static struct timers timers;

static void on_ring(h2o_timeout_entry_t *entry)
{
    (void)entry;
    timers.rung++;
}

/* Goes on by itself, as a look every half second does. */
static void on_look(h2o_timeout_entry_t *entry)
{
    h2o_timeout_link(timers.loop, &timers.soon, entry);
    timers.rung++;
}

static struct timers *timers_new(void)
{
    struct timers *t = &timers;

    set_by_s = reads_until_right = 0;
    t->loop = h2o_evloop_create();
    h2o_timeout_init(t->loop, &t->at_once, 0);
    h2o_timeout_init(t->loop, &t->soon, 40);
    t->first.cb = t->second.cb = on_ring;
    return t;
}

static void timers_free(struct timers *t)
{
    h2o_timeout_unlink(&t->first);
    h2o_timeout_dispose(t->loop, &t->soon);
    h2o_timeout_dispose(t->loop, &t->at_once);
    h2o_evloop_destroy(t->loop);
}

static void turn_until_rung(struct timers *t, int count)
{
    for (int i = 0; i < TURNS_MAX && t->rung < count; i++)
        http_turn(t->loop, INT32_MAX);
    cr_assert_eq(t->rung, count);
}

Test(http_turn, rings_in_time)
{
    struct timers *t = timers_new();
    const int64_t from_ms = clock_mono_ms();

    h2o_timeout_link(t->loop, &t->soon, &t->first);
    turn_until_rung(t, 1);
    cr_assert_geq(clock_mono_ms() - from_ms, 38); /* the loop rounds */
}

Test(http_turn, waits_no_longer_than_it_may)
{
    struct timers *t = timers_new();

    http_turn(t->loop, 1);
    http_turn(t->loop, 0);
    cr_assert_eq(t->rung, 0);
}

Test(http_turn, e48_rings_although_the_clock_is_set_back_while_it_waits)
{
    struct timers *t = timers_new();

    h2o_timeout_link(t->loop, &t->soon, &t->first);
    set_by_s = -YEAR_S;
    h2o_timeout_link(t->loop, &t->at_once, &t->second);
    turn_until_rung(t, 2);
}

Test(http_turn, e48_what_is_linked_later_does_not_wait_for_what_was_before)
{
    struct timers *t = timers_new();

    h2o_timeout_link(t->loop, &t->soon, &t->first);
    set_by_s = -YEAR_S;
    http_turn(t->loop, 0);
    h2o_timeout_link(t->loop, &t->soon, &t->second);
    turn_until_rung(t, 2);
}

/* The loop looks several times a turn: at each of them the clock may be right again. */
Test(http_turn, e48_rings_although_the_clock_was_ahead_for_a_moment)
{
    for (int reads = 1; reads < 8; reads++) {
        struct timers *t = timers_new();

        t->rung = 0;
        t->first.cb = on_look;
        h2o_timeout_link(t->loop, &t->soon, &t->first);
        set_by_s = YEAR_S;
        reads_until_right = reads;
        turn_until_rung(t, 3);
        timers_free(t);
    }
}
