/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of backups: one record, of the last, with {"backup", "time"} as body.
 * Runs on: worker threads; blocks shortly. Holds: nothing. Not here: backups (vault/backup.c). */
#include "retention/backups.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "retention/receipt.h"

static const char key[] = "last";

/* The record that is there, so that the new one takes its place; number 0: there is none. */
static enum err find_old(struct vault *vault, struct vault_record *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record old;
    enum err e = vault_records_open(vault, &records);

    if (e == ERR_OK)
        e = vault_record_by_key(records, VAULT_RECORD_BACKUP, key, &old);
    if (e == ERR_OK) {
        ret->number = old.number;
        ret->version = old.version;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err backups_note(struct vault *vault, const struct vault_backup *backup)
{
    AUTO(json_free) struct json *map = json_new_map();
    AUTO(buf_done) struct buf body = {.max = VAULT_RECORD_BODY_MAX};
    struct vault_record record = {.kind = VAULT_RECORD_BACKUP};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS}, .records = &record, .count = 1};
    enum err e;

    receipt_set_id(map, "backup", backup->id);
    json_set_str(map, "time", backup->time);
    e = json_write(map, &body);
    if (e == ERR_OK)
        e = find_old(vault, &record);
    if (e != ERR_OK)
        return e;
    memcpy(record.key, key, sizeof(key));
    record.body = buf_span(&body);
    return vault_run(vault, &op.op);
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
