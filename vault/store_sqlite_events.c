/* SPDX-License-Identifier: Apache-2.0 */
/* Events of persons.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: what follows from them
 * (events.c).
 *
 * This table came after the others: a store that lacks it gets it when it is opened for writing, and
 * a program that does not know it leaves it alone. */
#include "vault/events_priv.h"
#include "vault/store_sqlite_priv.h"

static const char table_sql[] =
    "CREATE TABLE IF NOT EXISTS subject_event(slot INTEGER NOT NULL, name TEXT NOT NULL,"
    " at INTEGER NOT NULL, recorded INTEGER NOT NULL, corrections INTEGER NOT NULL,"
    " pending INTEGER NOT NULL, PRIMARY KEY(slot, name)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS subject_event_pending ON subject_event(slot) WHERE pending>0;";

enum err store_events_prepare(struct store *s)
{
    return store__exec(s, table_sql, 0);
}

static sqlite3_stmt *of_event(struct store *s, enum store_statement which, uint64_t slot,
                              const char *name)
{
    sqlite3_stmt *stmt = store__get(s, which);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)slot);
        bind_text(stmt, 2, name);
    }
    return stmt;
}

static sqlite3_stmt *of_slot(struct store *s, enum store_statement which, uint64_t slot)
{
    sqlite3_stmt *stmt = store__get(s, which);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    return stmt;
}

enum err store_event_put(struct store *s, const struct store_event *event)
{
    sqlite3_stmt *stmt = of_event(s, STORE_EVENT_PUT, event->slot, event->name);

    if (stmt != NULL) {
        bind_int(stmt, 3, event->at_s);
        bind_int(stmt, 4, event->recorded_s);
        bind_int(stmt, 5, event->corrections);
    }
    return store__run(s, stmt);
}

enum err store_event_at(struct store *s, uint64_t slot, const char *name, int64_t *ret_at_s,
                        int64_t *ret_corrections)
{
    sqlite3_stmt *stmt = of_event(s, STORE_EVENT_GET, slot, name);
    enum err e = store__row(s, stmt);

    if (e != ERR_OK)
        return e;
    *ret_at_s = sqlite3_column_int64(stmt, 0);
    if (ret_corrections != NULL)
        *ret_corrections = sqlite3_column_int64(stmt, 1);
    return ERR_OK;
}

enum err store_event_next(struct store *s, uint64_t slot, const char *after,
                          struct vault_event_known *ret)
{
    sqlite3_stmt *stmt = of_event(s, STORE_EVENT_NEXT, slot, after);
    enum err e = store__row(s, stmt);
    const char *name;

    if (e != ERR_OK)
        return e;
    name = (const char *)sqlite3_column_text(stmt, 0);
    if (name == NULL || strlen(name) > RULE_NAME_MAX)
        return ERR_CORRUPT;
    *ret = (struct vault_event_known){
        .at_s = sqlite3_column_int64(stmt, 1),
        .recorded_s = sqlite3_column_int64(stmt, 2),
        .corrections = sqlite3_column_int64(stmt, 3),
    };
    memcpy(ret->name, name, strlen(name));
    return ERR_OK;
}

enum err store_events_move(struct store *s, uint64_t slot, uint64_t target)
{
    sqlite3_stmt *stmt = of_slot(s, STORE_EVENTS_MOVE, slot);

    if (stmt != NULL)
        bind_int(stmt, 2, (int64_t)target);
    return store__run(s, stmt);
}

enum err store_events_delete(struct store *s, uint64_t slot)
{
    return store__run(s, of_slot(s, STORE_EVENTS_DELETE, slot));
}

/* ---- what is pending ---- */

enum err store_event_mark(struct store *s, uint64_t slot, int64_t *ret)
{
    sqlite3_stmt *stmt = of_slot(s, STORE_EVENT_MARK, slot);
    enum err e = store__row(s, stmt);

    if (e == ERR_OK)
        *ret = sqlite3_column_int64(stmt, 0);
    return e;
}

enum err store_event_set_pending(struct store *s, uint64_t slot, const char *name)
{
    return store__run(s, of_event(s, STORE_EVENT_SET_PENDING, slot, name));
}

enum err store_event_settle(struct store *s, uint64_t slot, int64_t mark)
{
    sqlite3_stmt *stmt = of_slot(s, STORE_EVENT_SETTLE, slot);

    if (stmt != NULL)
        bind_int(stmt, 2, mark);
    return store__run(s, stmt);
}

enum err store_event_pending(struct store *s, uint64_t after, uint64_t *ret_slot)
{
    return store__number(s, of_slot(s, STORE_EVENT_PENDING, after), ret_slot);
}
