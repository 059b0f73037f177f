/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that an event has not reached get their due times, a batch at a time.
 * Runs on: a worker thread; blocks. Holds: nothing. Invariant: what is pending stands in the store until
 * every row of the person has been looked at. */
#include "retention/timers.h"

#include "base/fault.h"
#include "vault/events.h"
#include "vault/retime.h"

enum { BATCH_ROWS = 500 };

static bool is_over(const atomic_bool *stop)
{
    return stop != NULL && atomic_load(stop);
}

static enum err finish(struct vault *v, uint64_t slot, const atomic_bool *stop)
{
    struct vault_retime op = {.op = {.kind = VAULT_RETIME}, .slot = slot, .limit = BATCH_ROWS};
    enum err e;

    do {
        e = FAULT_FAILS("timers.fail") ? ERR_IO : vault_run(v, &op.op);
        op.at = op.next;
    } while (e == ERR_OK && op.more && !is_over(stop));
    return e;
}

enum err timers_finish(struct vault *v, const atomic_bool *stop)
{
    uint64_t slot = 0;
    enum err e = ERR_OK;

    while (e == ERR_OK && !is_over(stop)) {
        e = vault_event_pending(v, slot, &slot);
        if (e == ERR_OK)
            e = finish(v, slot, stop);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}
