/* SPDX-License-Identifier: Apache-2.0 */
/* Canaries, incidents, and whom callers have seen lately.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: what follows from them
 * (watch.c).
 *
 * These tables came after the others: a store that lacks them gets them when it is opened for writing, and
 * a program that does not know them leaves them alone. */
#include "vault/store_sqlite_priv.h"
#include "vault/watch.h"

static const char tables_sql[] =
    "CREATE TABLE IF NOT EXISTS canary(slot INTEGER PRIMARY KEY);"
    "CREATE TABLE IF NOT EXISTS incident(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
    " kind TEXT NOT NULL, caller TEXT NOT NULL, subject BLOB NOT NULL, request TEXT NOT NULL,"
    " closed INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS seen(quota INTEGER NOT NULL, subject INTEGER NOT NULL,"
    " until INTEGER NOT NULL, PRIMARY KEY(quota, subject)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS seen_until ON seen(until);";

enum err store_watch_prepare(struct store *s)
{
    return store__exec(s, tables_sql, 0);
}

/* ---- canaries ---- */

enum err store_canary_put(struct store *s, uint64_t slot)
{
    sqlite3_stmt *stmt = store__get(s, STORE_CANARY_PUT);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    return store__run(s, stmt);
}

enum err store_canary_next(struct store *s, uint64_t after, uint64_t *ret_slot)
{
    sqlite3_stmt *stmt = store__get(s, STORE_CANARY_NEXT);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)after);
    return store__number(s, stmt, ret_slot);
}

/* ---- incidents ---- */

enum err store_incident_add(struct store *s, struct vault_incident *incident)
{
    sqlite3_stmt *stmt = store__get(s, STORE_INCIDENT_ADD);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, incident->at_ms);
        bind_text(stmt, 2, incident->kind);
        bind_text(stmt, 3, incident->caller);
        bind_blob(stmt, 4, incident->subject, VAULT_ID_BYTES);
        bind_text(stmt, 5, incident->request);
    }
    e = store__run(s, stmt);
    if (e == ERR_OK)
        incident->number = (uint64_t)sqlite3_last_insert_rowid(s->db);
    return e;
}

enum err store_incidents_close(struct store *s, const char *caller, int64_t now_ms,
                               size_t *ret_count)
{
    sqlite3_stmt *stmt = store__get(s, STORE_INCIDENT_CLOSE);
    enum err e;

    if (stmt != NULL) {
        bind_text(stmt, 1, caller);
        bind_int(stmt, 2, now_ms);
    }
    e = store__run(s, stmt);
    if (e == ERR_OK)
        *ret_count = (size_t)sqlite3_changes(s->db);
    return e;
}

enum err store_incident_next(struct store *s, uint64_t after, struct vault_incident *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_INCIDENT_NEXT);
    struct vault_incident found;
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)after);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    found.number = column_u64(stmt, 0);
    found.at_ms = sqlite3_column_int64(stmt, 1);
    found.closed_ms = sqlite3_column_int64(stmt, 6);
    if (!column_text(stmt, 2, found.kind, sizeof(found.kind)) ||
        !column_text(stmt, 3, found.caller, sizeof(found.caller)) ||
        !column_bytes(stmt, 4, found.subject, VAULT_ID_BYTES) ||
        !column_text(stmt, 5, found.request, sizeof(found.request)))
        return ERR_CORRUPT;
    *ret = found;
    return ERR_OK;
}

/* ---- seen ---- */

enum err store_seen_put(struct store *s, const struct vault_seen *seen)
{
    sqlite3_stmt *stmt = store__get(s, STORE_SEEN_PUT);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)seen->quota);
        bind_int(stmt, 2, (int64_t)seen->subject);
        bind_int(stmt, 3, seen->until_s);
    }
    return store__run(s, stmt);
}

enum err store_seen_trim(struct store *s, int64_t now_s)
{
    sqlite3_stmt *stmt = store__get(s, STORE_SEEN_TRIM);

    if (stmt != NULL)
        bind_int(stmt, 1, now_s);
    return store__run(s, stmt);
}

enum err store_seen_each(struct store *s, int64_t now_s,
                         void (*fn)(const struct vault_seen *seen, void *context), void *context)
{
    sqlite3_stmt *stmt = store__get(s, STORE_SEEN_ALL);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, now_s);
    e = store__row(s, stmt);
    while (e == ERR_OK) {
        const struct vault_seen seen = {.quota = column_u64(stmt, 0),
                                        .subject = column_u64(stmt, 1),
                                        .until_s = sqlite3_column_int64(stmt, 2)};

        fn(&seen, context);
        e = store__row(s, stmt);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}
