/* SPDX-License-Identifier: Apache-2.0 */
/* The sweeper's state, and letting a class go on that was paused.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Not here: when a class is paused
 * (retention/sweeper.c). */
#include "admin/ops_priv.h"
#include "base/log.h"
#include "retention/receipt.h"
#include "retention/runs.h"
#include "vault/purges.h"

static struct json *pause_map(const struct vault_purge_pause *pause)
{
    static const char *const reasons[] = {
        [VAULT_PURGE_UNFORESEEN] = "unforeseen", [VAULT_PURGE_UNCOUNTED] = "uncounted"};
    struct json *map = json_new_map();

    receipt_set_instant(map, "since", pause->at_ms);
    json_set_str(map, "why",
                 pause->why == VAULT_PURGE_UNCOUNTED ? reasons[VAULT_PURGE_UNCOUNTED]
                                                     : reasons[VAULT_PURGE_UNFORESEEN]);
    json_set_int(map, "due", (int64_t)pause->due);
    json_set_int(map, "forecast", (int64_t)pause->forecast);
    return map;
}

static enum err class_map(struct vault_purges *p, const struct class_def *def, uint16_t class_id,
                          int64_t now_s, struct json **ret_map)
{
    struct vault_purge_outlook outlook;
    struct vault_purge_pause pause;
    struct json *map;
    enum err e = vault_purge_look(p, class_id, now_s, &outlook);
    enum err paused = e == ERR_OK ? vault_purge_pause_get(p, class_id, &pause) : e;

    if (paused != ERR_OK && paused != ERR_NOT_FOUND)
        return paused;
    map = json_new_map();
    json_set_str(map, "class", def->name);
    json_set_int(map, "items", (int64_t)outlook.items);
    json_set_int(map, "overdue", (int64_t)outlook.overdue);
    json_set_int(map, "due", (int64_t)outlook.due);
    json_set_int(map, "forecast", (int64_t)outlook.forecast);
    json_set(map, "paused", paused == ERR_OK ? pause_map(&pause) : json_new_null());
    *ret_map = map;
    return ERR_OK;
}

static enum err class_list(const struct admin *admin, int64_t now_s, struct json *list,
                           bool *ret_paused)
{
    AUTO(vault_purges_close) struct vault_purges *p = NULL;
    enum err e = vault_purges_open(admin->vault, &p);

    *ret_paused = false;
    for (size_t i = 0; e == ERR_OK && i < admin->classes->count; i++) {
        const struct class_def *def = &admin->classes->defs[i];
        struct json *map = NULL;

        e = class_map(p, def, vault_class_id(admin->vault, def), now_s, &map);
        if (e != ERR_OK)
            break;
        *ret_paused = *ret_paused || json_kind(json_get(map, "paused")) == JSON_MAP;
        json_add(list, map);
    }
    return e;
}

static enum err last_run(const struct admin *admin, struct json *map)
{
    struct json *run = NULL;
    enum err e = runs_last(admin->vault, &run);

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    json_set(map, "last_run", e == ERR_OK ? run : json_new_null());
    return ERR_OK;
}

enum err ops_retention_status(struct admin *admin, const struct json *request UNUSED,
                              struct json **ret_response, struct errmsg *msg UNUSED)
{
    AUTO(json_free) struct json *map = json_new_map(), *list = json_new_list();
    const int64_t now_s = vault_now_s(admin->vault);
    bool paused = false;
    enum err e = class_list(admin, now_s, list, &paused);

    receipt_set_instant(map, "as_of", now_s * 1000);
    if (e == ERR_OK)
        e = last_run(admin, map);
    if (e != ERR_OK)
        return e;
    json_set(map, "classes", TAKE(list));
    json_set_bool(map, "attention", paused);
    *ret_response = TAKE(map);
    return ERR_OK;
}

enum err ops_retention_resume(struct admin *admin, const struct json *request,
                              struct json **ret_response, struct errmsg *msg)
{
    struct vault_purge_note op = {.op = {.kind = VAULT_PURGE_NOTE}};
    enum err e;

    if (json_get(request, "class") == NULL)
        return errmsg_set(msg, ERR_INVALID, "\"class\" is missing");
    e = ops_read_class(admin, request, &op.resume, msg);
    if (e != ERR_OK)
        return e;
    if (!vault_purge_is_paused(admin->vault, op.resume))
        return errmsg_set(msg, ERR_NOT_FOUND, "the purge of this class is not paused");
    e = vault_run(admin->vault, &op.op);
    if (e != ERR_OK)
        return e;
    log_event(EV_PURGE_RESUMED,
              F_TEXT("class", span_str(vault_class_def(admin->vault, op.resume)->name)));
    *ret_response = json_new_map();
    return ERR_OK;
}
