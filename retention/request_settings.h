/* SPDX-License-Identifier: Apache-2.0 */
/* How a controller handles requests: `requests:`, `holidays:` and `registers:` of a configuration. */
#pragma once

#include <stdbool.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/period.h"
#include "retention/deadline.h"
#include "retention/holidays.h"

struct request_settings {
    const struct regime *regime; /* of a request that names none */
    struct holidays *holidays;   /* owned; NULL: weekends only */
    int target_days;             /* what the controller wants of itself */
    bool pause_for_identity;     /* the clock stands still while identity is asked for */
    bool restrict_on_receipt;    /* of a request for erasure or restriction, or an objection */
    int approvals;               /* different people who must approve */
    int erasures_per_day;        /* more are not carried out on one day */
    struct period keep;          /* a closed request stays in the register for so long */
};

/* Read the three sections of a configuration's root. `country`: the controller's, whose holidays count
 * where `holidays:` is absent; NULL: none. CONFIG with its place. request_settings_done() ends it. */
enum err request_settings_read(struct conf_node root, const char *country,
                               struct request_settings *ret, struct errmsg *msg) MUST_CHECK;
/* Empty after; fine on an empty one. */
void request_settings_done(struct request_settings *settings);
