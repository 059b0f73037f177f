/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures with their receipts, and what recipients were told.
 * Runs on: the listener's pool; blocks. Holds: nothing. Not here: receipts (retention/receipt.c). */
#include <stdio.h>

#include "base/mem.h"
#include "ui/pages.h"

/* What is open first, and of the same the newest. */
static struct json *ordered(const struct json *rows)
{
    struct json *list = json_new_list();

    for (int open = 1; open >= 0; open--)
        for (size_t i = json_count(rows); i > 0; i--) {
            const struct json *row = json_at(rows, i - 1);

            if ((json_kind(json_get(row, "closed")) == JSON_NIL) == (open == 1))
                json_add(list, json_clone(row));
        }
    return list;
}

enum err page_erasures(struct visit *v, struct errmsg *msg)
{
    char query[UI_QUERY_MAX];
    struct json *notices;
    enum err e;

    visit__set_may(v, "erase", "POST", "/v1/erasures");
    visit__set_may(v, "evidence", "POST", "/v1/evidence");
    visit__query(v, query, "order=newest&limit=100", NULL, NULL);
    e = visit__show(v, "list", "/v1/erasures", query, msg);
    if (e == ERR_OK)
        e = visit__show(v, "notices", "/v1/reports/notices", NULL, msg);
    notices = json_get(v->model, "notices");
    if (e != ERR_OK || notices == NULL)
        return e;
    visit__set_period(v, query);
    visit__set_origin(v, notices);
    json_set(notices, "rows", ordered(json_get(notices, "rows")));
    return ERR_OK;
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
