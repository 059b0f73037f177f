/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of runs, what was foreseen, and classes that are paused.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: what follows from them
 * (purges.c).
 *
 * These tables came after the others, as those of store_sqlite_watch.c. What was foreseen is a blob of
 * VAULT_FORESEEN_DAYS numbers of eight bytes, the lowest first. */
#include "vault/purges_priv.h"
#include "vault/store_sqlite_priv.h"

static const char tables_sql[] =
    "CREATE TABLE IF NOT EXISTS purge_run(run INTEGER NOT NULL, class INTEGER NOT NULL,"
    " purged INTEGER NOT NULL, batches INTEGER NOT NULL, delay INTEGER NOT NULL,"
    " PRIMARY KEY(run, class)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS purge_foreseen(class INTEGER PRIMARY KEY, at INTEGER NOT NULL,"
    " leapt INTEGER NOT NULL, created INTEGER NOT NULL, purged INTEGER NOT NULL,"
    " due BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS purge_pause(class INTEGER PRIMARY KEY, why INTEGER NOT NULL,"
    " at INTEGER NOT NULL, due INTEGER NOT NULL, forecast INTEGER NOT NULL);";

enum err store_purges_prepare(struct store *s)
{
    return store__exec(s, tables_sql, 0);
}

/* ---- figures ---- */

enum err store_purge_count(struct store *s, const struct vault_purge_figures *batch)
{
    sqlite3_stmt *stmt = store__get(s, STORE_PURGE_COUNT);

    if (stmt != NULL) {
        bind_int(stmt, 1, batch->run);
        bind_int(stmt, 2, batch->class_id);
        bind_int(stmt, 3, (int64_t)batch->purged);
        bind_int(stmt, 4, (int64_t)batch->batches);
        bind_int(stmt, 5, batch->delay_s);
    }
    return store__run(s, stmt);
}

enum err store_purge_figures_next(struct store *s, int64_t run, uint16_t class_id,
                                  struct vault_purge_figures *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_PURGE_NEXT);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, run);
        bind_int(stmt, 2, class_id);
    }
    e = store__row(s, stmt);
    if (e == ERR_OK)
        *ret = (struct vault_purge_figures){
            .run = sqlite3_column_int64(stmt, 0),
            .class_id = (uint16_t)sqlite3_column_int(stmt, 1),
            .purged = column_u64(stmt, 2),
            .batches = column_u64(stmt, 3),
            .delay_s = sqlite3_column_int64(stmt, 4),
        };
    return e;
}

enum err store_purge_forget(struct store *s, int64_t before_run)
{
    sqlite3_stmt *stmt = store__get(s, STORE_PURGE_FORGET);

    if (stmt != NULL)
        bind_int(stmt, 1, before_run);
    return store__run(s, stmt);
}

/* ---- what is foreseen ---- */

enum { NUMBER_BYTES = 8, DUE_BYTES = VAULT_FORESEEN_DAYS * NUMBER_BYTES };

enum err store_foreseen_put(struct store *s, const struct vault_purge_foreseen *foreseen)
{
    sqlite3_stmt *stmt = store__get(s, STORE_FORESEEN_PUT);
    uint8_t due[DUE_BYTES];

    for (size_t i = 0; i < DUE_BYTES; i++)
        due[i] = (uint8_t)(foreseen->due[i / NUMBER_BYTES] >> 8 * (i % NUMBER_BYTES));
    if (stmt != NULL) {
        bind_int(stmt, 1, foreseen->class_id);
        bind_int(stmt, 2, foreseen->at_s);
        bind_int(stmt, 3, foreseen->leapt_ms);
        bind_int(stmt, 4, (int64_t)foreseen->created);
        bind_int(stmt, 5, (int64_t)foreseen->purged);
        bind_blob(stmt, 6, due, sizeof(due));
    }
    return store__run(s, stmt);
}

enum err store_foreseen_get(struct store *s, uint16_t class_id, struct vault_purge_foreseen *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_FORESEEN_GET);
    uint8_t due[DUE_BYTES];
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, class_id);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    if (!column_bytes(stmt, 4, due, sizeof(due)))
        return ERR_CORRUPT;
    *ret = (struct vault_purge_foreseen){.class_id = class_id,
                                         .at_s = sqlite3_column_int64(stmt, 0),
                                         .leapt_ms = sqlite3_column_int64(stmt, 1),
                                         .created = column_u64(stmt, 2),
                                         .purged = column_u64(stmt, 3)};
    for (size_t i = 0; i < DUE_BYTES; i++)
        ret->due[i / NUMBER_BYTES] |= (uint64_t)due[i] << 8 * (i % NUMBER_BYTES);
    return ERR_OK;
}

/* As if they had been stored since. */
enum err store_foreseen_allow(struct store *s, uint16_t class_id, uint64_t n)
{
    sqlite3_stmt *stmt = store__get(s, STORE_FORESEEN_ALLOW);

    if (stmt != NULL) {
        bind_int(stmt, 1, class_id);
        bind_int(stmt, 2, (int64_t)n);
    }
    return store__run(s, stmt);
}

/* ---- pauses ---- */

enum err store_pause_put(struct store *s, const struct vault_purge_pause *pause)
{
    sqlite3_stmt *stmt = store__get(s, STORE_PAUSE_PUT);

    if (stmt != NULL) {
        bind_int(stmt, 1, pause->class_id);
        bind_int(stmt, 2, pause->why);
        bind_int(stmt, 3, pause->at_ms);
        bind_int(stmt, 4, (int64_t)pause->due);
        bind_int(stmt, 5, (int64_t)pause->forecast);
    }
    return store__run(s, stmt);
}

enum err store_pause_delete(struct store *s, uint16_t class_id)
{
    sqlite3_stmt *stmt = store__get(s, STORE_PAUSE_DELETE);

    if (stmt != NULL)
        bind_int(stmt, 1, class_id);
    return store__run(s, stmt);
}

enum err store_pause_next(struct store *s, uint16_t after, struct vault_purge_pause *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_PAUSE_NEXT);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, after);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    if (sqlite3_column_int64(stmt, 0) <= 0 || sqlite3_column_int64(stmt, 0) > CLASSES_MAX)
        return ERR_CORRUPT;
    *ret = (struct vault_purge_pause){
        .class_id = (uint16_t)sqlite3_column_int(stmt, 0),
        .why = (enum vault_purge_why)sqlite3_column_int(stmt, 1),
        .at_ms = sqlite3_column_int64(stmt, 2),
        .due = column_u64(stmt, 3),
        .forecast = column_u64(stmt, 4),
    };
    return ERR_OK;
}
