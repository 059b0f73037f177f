/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of backups: one record, of the last, with {"backup", "time"} as body.
 * Runs on: worker threads; blocks shortly. Holds: nothing. Not here: backups (vault/backup.c). */
#include "retention/backups.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "retention/receipt.h"

static const char key[] = "last";

enum err backups_note(struct vault *vault, const struct vault_backup *backup)
{
    AUTO(json_free) struct json *map = json_new_map();
    AUTO(buf_done) struct buf body = {.max = VAULT_RECORD_BODY_MAX};
    enum err e;

    receipt_set_id(map, "backup", backup->id);
    json_set_str(map, "time", backup->time);
    e = json_write(map, &body);
    return e == ERR_OK ? vault_record_keep(vault, VAULT_RECORD_BACKUP, key, 0, buf_span(&body)) : e;
}

enum err backups_last(struct vault_records *records, char ret_time[BACKUPS_TIME_MAX])
{
    AUTO(json_free) struct json *map = NULL;
    struct vault_record found;
    struct span time;
    enum err e = vault_record_by_key(records, VAULT_RECORD_BACKUP, key, &found);

    if (e != ERR_OK)
        return e;
    if (json_parse(found.body, &map) != ERR_OK)
        return ERR_CORRUPT;
    time = json_text_of(json_get(map, "time"));
    if (time.len == 0 || time.len >= BACKUPS_TIME_MAX)
        return ERR_CORRUPT;
    memcpy(ret_time, time.at, time.len);
    ret_time[time.len] = '\0';
    return ERR_OK;
}
