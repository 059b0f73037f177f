/* SPDX-License-Identifier: Apache-2.0 */
/* Four eyes: what destroys is proposed by one person and approved by another. A proposal is a record of the
 * vault: the operation, what it would do, and a digest over both, which the approver repeats. Nobody's
 * identifier stands in it: whom it is about is resolved to the person's id before. */
#pragma once

#include "admin/ops.h"
#include "base/err.h"
#include "base/json.h"

/* One at a time is carried out: this says which. For the life of a server. */
struct proposals *proposals_new(void);
void proposals_free(struct proposals **proposals);

/* Keep a request ({"op": ...}, as for ops_run()) for somebody else to approve. ret: {"proposal", "operation",
 * "digest", "preview", "expires"}. What ops_run() would refuse at first sight is refused here. Errors as
 * ops_run(). Worker thread; blocks. */
enum err proposals_make(struct admin *admin, const struct json *request, struct json **ret,
                        struct errmsg *msg) MUST_CHECK;
/* Carry out what was approved and has waited long enough, and what a stop or crash left half-way; let old ones
 * expire. Failures stand in the proposals. Worker thread; blocks. */
enum err proposals_run_due(struct admin *admin) MUST_CHECK;
