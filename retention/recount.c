/* SPDX-License-Identifier: Apache-2.0 */
/* The recount.
 * Runs on: a worker thread; blocks long. Holds: nothing between runs. Invariant: a difference is never without
 * a record and an event. Not here: how rows are counted (vault/recount.c), when (cli/housekeeping.c).
 *
 * A class's record has its name as key and {"items", "counted", "subjects", "differ"} as body. */
#include "retention/recount.h"

#include <string.h>

#include "base/buf.h"
#include "base/effort.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

/* The record's states. */
enum { RECOUNT_AGREES = 1, RECOUNT_DIFFERS = 2 };

/* ---- records ---- */

static enum err write_body(const struct vault_recount *found, struct buf *out)
{
    AUTO(json_free) struct json *map = json_new_map();

    json_set_int(map, "items", (int64_t)found->items);
    json_set_int(map, "counted", (int64_t)found->counted);
    json_set_int(map, "subjects", (int64_t)found->subjects);
    json_set_int(map, "differ", (int64_t)found->differ);
    return json_write(map, out);
}

static enum err write_record(struct vault *vault, const char *class_name,
                             const struct vault_recount *found)
{
    AUTO(buf_done) struct buf body = {.max = VAULT_RECORD_BODY_MAX};
    const unsigned state = found->differ > 0 ? RECOUNT_DIFFERS : RECOUNT_AGREES;
    enum err e = write_body(found, &body);

    if (e != ERR_OK)
        return e;
    return vault_record_keep(vault, VAULT_RECORD_RECOUNT, class_name, state, buf_span(&body));
}

static uint64_t figure(const struct json *map, const char *name)
{
    const int64_t n = json_int_of(json_get(map, name), 0);

    return n > 0 ? (uint64_t)n : 0;
}

enum err recount_last(struct vault_records *records, const char *class_name, int64_t *ret_at_ms,
                      struct vault_recount *ret)
{
    AUTO(json_free) struct json *map = NULL;
    struct vault_record found;
    enum err e = vault_record_by_key(records, VAULT_RECORD_RECOUNT, class_name, &found);

    if (e != ERR_OK)
        return e;
    if (json_parse(found.body, &map) != ERR_OK)
        return ERR_CORRUPT;
    *ret_at_ms = found.changed_ms;
    *ret = (struct vault_recount){.items = figure(map, "items"),
                                  .counted = figure(map, "counted"),
                                  .subjects = figure(map, "subjects"),
                                  .differ = figure(map, "differ")};
    return ERR_OK;
}

/* ---- counting ---- */

static enum err count_class(struct vault *vault, const struct class_def *def,
                            const atomic_bool *stop, struct recount_result *result)
{
    struct vault_recount found;
    enum err e = vault_recount(vault, vault_class_id(vault, def), stop, &found);

    if (e == ERR_BUSY) {
        result->uncounted++;
        return ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    result->counted++;
    if (found.differ > 0) {
        result->differ++;
        log_event(EV_RECOUNT_DIFFERS, F_TEXT("class", span_str(def->name)),
                  F_NUM("items", found.items), F_NUM("counted", found.counted),
                  F_NUM("differ", found.differ));
    }
    return write_record(vault, def->name, &found);
}

enum err recount_run(struct vault *vault, const atomic_bool *stop, struct recount_result *ret)
{
    const struct classes *classes = vault_classes(vault);
    struct recount_result result = {.counted = 0};
    enum err e = ERR_OK;

    effort_set(EFFORT_RECOUNT, 0, 0);
    for (size_t i = 0; i < classes->count && e == ERR_OK; i++)
        e = count_class(vault, &classes->defs[i], stop, &result);
    *ret = result;
    return e;
}
