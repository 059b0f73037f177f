/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures with their receipts, and what recipients were told.
 * Runs on: the listener's pool; blocks. Holds: nothing. Not here: receipts (retention/receipt.c). */
#include <stdio.h>

#include "base/mem.h"
#include "ui/pages.h"

enum err page_erasures(struct visit *v, struct errmsg *msg)
{
    char query[UI_QUERY_MAX];
    enum err e;

    visit__set_may(v, "erase", "POST", "/v1/erasures");
    visit__set_may(v, "evidence", "POST", "/v1/evidence");
    visit__query(v, query, "order=newest&limit=100", NULL, NULL);
    e = visit__show(v, "list", "/v1/erasures", query, msg);
    if (e == ERR_OK)
        e = visit__show(v, "notices", "/v1/reports/notices", NULL, msg);
    if (e == ERR_OK && json_get(v->model, "notices") != NULL)
        visit__set_origin(v, json_get(v->model, "notices"));
    return e;
}

enum err page_receipt(struct visit *v, struct errmsg *msg)
{
    char path[UI_PATH_MAX];
    enum err e;

    (void)snprintf(path, sizeof(path), "/v1/erasures/%.*s/receipt", (int)v->parameters[0].len,
                   v->parameters[0].at);
    e = visit__show(v, "receipt", path, NULL, msg);
    if (e == ERR_OK)
        json_set(v->model, "subject", json_new_text(v->parameters[0]));
    return e;
}
