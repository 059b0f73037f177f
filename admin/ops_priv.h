/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that stand in files of their own. */
#pragma once

#include "admin/ops.h"

/* Carry out one operation; as ops_run(). */
typedef enum err (*ops_handler_fn)(struct admin *admin, const struct json *request,
                                   struct json **ret_response, struct errmsg *msg);

enum err ops_key_rotate(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg) MUST_CHECK;
enum err ops_key_status(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg) MUST_CHECK;
