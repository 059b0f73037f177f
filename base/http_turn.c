/* SPDX-License-Identifier: Apache-2.0 */
/* A turn of an event loop whose timers outlive a wall clock that is set back.
 * Runs on: loop threads. Holds: nothing. Invariant: when the loop waits, no first timer is from a
 * later time than the loop's. Not here: a clock set ahead, which ends once, and early, what was
 * waiting: the safe side. */
#include "base/http_turn.h"

/* What was linked before the clock was set back begins now. Only the first entries are looked at, for
 * the others wait behind them; one that is found later, when it has become the first, begins then. */
static void restart_timers(h2o_timeout_t *timeout, uint64_t now)
{
    h2o_linklist_t *node = timeout->_entries.next;

    for (; node != &timeout->_entries; node = node->next) {
        h2o_timeout_entry_t *entry = H2O_STRUCT_FROM_MEMBER(h2o_timeout_entry_t, _link, node);

        if (entry->registered_at <= now)
            return;
        entry->registered_at = now;
    }
}

/* How long to wait for the next timer, by the time the loop knows: the library asks the clock again
 * before it waits, and would take one set back at that moment for a timer that is far away. */
static int32_t ready_timers(h2o_evloop_t *loop, int32_t max_wait_ms)
{
    const uint64_t now = h2o_now(loop);
    uint64_t until = now + (uint64_t)max_wait_ms;

    for (h2o_linklist_t *node = loop->_timeouts.next; node != &loop->_timeouts; node = node->next) {
        h2o_timeout_t *timeout = H2O_STRUCT_FROM_MEMBER(h2o_timeout_t, _link, node);
        const h2o_timeout_entry_t *first;

        if (h2o_linklist_is_empty(&timeout->_entries))
            continue;
        restart_timers(timeout, now);
        first = H2O_STRUCT_FROM_MEMBER(h2o_timeout_entry_t, _link, timeout->_entries.next);
        if (first->registered_at + timeout->timeout < until)
            until = first->registered_at + timeout->timeout;
    }
    return until <= now ? 0 : (int32_t)(until - now);
}

void http_turn(h2o_evloop_t *loop, int32_t max_wait_ms)
{
    (void)h2o_evloop_run(loop, ready_timers(loop, max_wait_ms));
}
