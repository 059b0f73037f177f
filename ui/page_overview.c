/* SPDX-License-Identifier: Apache-2.0 */
/* The page that is opened first: five questions, in the order in which a data officer asks them.
 * Runs on: the listener's pool; blocks. Holds: nothing. */
#include "ui/pages.h"

enum err page_overview(struct visit *v, struct errmsg *msg)
{
    enum err e = visit__show(v, "retention", "/v1/reports/retention", NULL, msg);

    if (e == ERR_OK && json_get(v->model, "retention") != NULL)
        visit__set_origin(v, json_get(v->model, "retention"));
    return e;
}
