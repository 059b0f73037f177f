/* SPDX-License-Identifier: Apache-2.0 */
/* Rectification as a job.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Not here: what changes in
 * the store (vault/rectify.c). */
#include "retention/rectification.h"

#include "base/log.h"
#include "retention/notices.h"

/* Recipients are told of it; of what failed they are not. */
static enum err rectify(struct erasures *erasures, struct vault_rectify *op)
{
    struct notices *notices = erasures_notices(erasures);
    struct notice_plan plan = {.slot = 0};
    enum err e = notices == NULL ? ERR_OK : notices_plan_rectification(notices, op, &plan);
    enum err ended;

    if (e != ERR_OK)
        return e;
    e = erasures_run_op(erasures, &op->op);
    ended = notices == NULL ? ERR_OK : notices_end_plan(notices, &plan, e == ERR_OK);
    if (ended != ERR_OK) /* it is durable, and the next start tells of it */
        log_event(EV_NOTICE_FAILED, F_LIT("why", err_name(ended)));
    return e;
}

enum err rectification_run(struct erasures *erasures, struct vault_rectify *op)
{
    struct vault_truncate cut = {.op = {.kind = VAULT_TRUNCATE}};
    enum err e = rectify(erasures, op);

    return e == ERR_OK ? erasures_run_op(erasures, &cut.op) : e;
}
