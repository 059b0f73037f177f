/* SPDX-License-Identifier: Apache-2.0 */
/* Rectification as a job.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Not here: what changes in
 * the store (vault/rectify.c). */
#include "retention/rectification.h"

enum err rectification_run(struct erasures *erasures, struct vault_rectify *op)
{
    struct vault_truncate cut = {.op = {.kind = VAULT_TRUNCATE}};
    enum err e = erasures_run_op(erasures, &op->op);

    return e == ERR_OK ? erasures_run_op(erasures, &cut.op) : e;
}
