/* SPDX-License-Identifier: Apache-2.0 */
/* The books of operators: one table for all kinds.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: what a kind means.
 *
 * These tables came after the others, as those of store_sqlite_watch.c. Bodies stand last, so that
 * looking over the heads of records reads none of them. */
#include "vault/records_priv.h"
#include "vault/store_sqlite_priv.h"

static const char tables_sql[] =
    "CREATE TABLE IF NOT EXISTS record(kind INTEGER NOT NULL, number INTEGER NOT NULL,"
    " id BLOB NOT NULL UNIQUE, slot INTEGER NOT NULL, at INTEGER NOT NULL,"
    " changed INTEGER NOT NULL, due INTEGER NOT NULL, state INTEGER NOT NULL,"
    " version INTEGER NOT NULL, key TEXT, body BLOB NOT NULL, UNIQUE(kind, number),"
    " UNIQUE(kind, key));"
    "CREATE INDEX IF NOT EXISTS record_state ON record(kind, state);"
    "CREATE INDEX IF NOT EXISTS record_slot ON record(slot, kind, number) WHERE slot>0;"
    "CREATE INDEX IF NOT EXISTS record_due ON record(kind, due, number) WHERE due>0;"
    "CREATE INDEX IF NOT EXISTS record_at ON record(kind, at, number);"
    "CREATE TABLE IF NOT EXISTS record_last(kind INTEGER PRIMARY KEY, number INTEGER NOT NULL);";

enum err store_records_prepare(struct store *s)
{
    return store__exec(s, tables_sql, 0);
}

/* ---- writing ---- */

/* The columns that a change may change, at ?3 and on. */
static void bind_content(sqlite3_stmt *stmt, const struct vault_record *record)
{
    bind_int(stmt, 1, record->kind);
    bind_int(stmt, 2, (int64_t)record->number);
    bind_int(stmt, 3, (int64_t)record->slot);
    bind_int(stmt, 4, record->changed_ms);
    bind_int(stmt, 5, record->due_ms);
    bind_int(stmt, 6, record->state);
    bind_int(stmt, 7, (int64_t)record->version);
    /* An empty text is no NULL, which a blob without an address would be. */
    bind_blob(stmt, 8, record->body.len > 0 ? record->body.at : "", record->body.len);
}

static enum err next_number(struct store *s, enum vault_record_kind kind, uint64_t *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_NUMBER);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, kind);
    e = store__number(s, stmt, ret);
    return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
}

enum err store_record_add(struct store *s, struct vault_record *record)
{
    sqlite3_stmt *stmt;
    enum err e = next_number(s, record->kind, &record->number);

    if (e != ERR_OK)
        return e;
    stmt = store__get(s, STORE_RECORD_ADD);
    if (stmt != NULL) {
        bind_content(stmt, record);
        bind_blob(stmt, 9, record->id, VAULT_ID_BYTES);
        bind_int(stmt, 10, record->at_ms);
        if (record->key[0] != '\0')
            bind_text(stmt, 11, record->key);
        else
            REQUIRE(sqlite3_bind_null(stmt, 11) == SQLITE_OK);
    }
    return store__run(s, stmt);
}

enum err store_record_change(struct store *s, const struct vault_record *record)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_CHANGE);
    enum err e;

    if (stmt != NULL)
        bind_content(stmt, record);
    e = store__run(s, stmt);
    if (e != ERR_OK)
        return e;
    return sqlite3_changes(s->db) == 1 ? ERR_OK : ERR_NOT_FOUND;
}

enum err store_records_forget(struct store *s, enum vault_record_kind kind, uint64_t states,
                              int64_t before_ms, size_t limit, size_t *ret_count)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_FORGET);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, kind);
        bind_int(stmt, 2, (int64_t)states);
        bind_int(stmt, 3, before_ms);
        bind_int(stmt, 4, (int64_t)limit);
    }
    e = store__run(s, stmt);
    if (e == ERR_OK)
        *ret_count = (size_t)sqlite3_changes(s->db);
    return e;
}

/* ---- reading ---- */

static enum err read_record(sqlite3_stmt *stmt, struct vault_record *ret)
{
    struct vault_record found = {
        .kind = (enum vault_record_kind)sqlite3_column_int(stmt, 0),
        .number = column_u64(stmt, 1),
        .slot = column_u64(stmt, 2),
        .changed_ms = sqlite3_column_int64(stmt, 3),
        .due_ms = sqlite3_column_int64(stmt, 4),
        .state = (unsigned)sqlite3_column_int(stmt, 5),
        .version = column_u64(stmt, 6),
        .at_ms = sqlite3_column_int64(stmt, 9),
    };
    const char *key = (const char *)sqlite3_column_text(stmt, 10);
    const int key_len = sqlite3_column_bytes(stmt, 10);

    found.body = span_of(sqlite3_column_blob(stmt, 7), (size_t)sqlite3_column_bytes(stmt, 7));
    if (key_len > VAULT_RECORD_KEY_MAX || found.state >= VAULT_RECORD_STATES ||
        !column_bytes(stmt, 8, found.id, VAULT_ID_BYTES))
        return ERR_CORRUPT;
    if (key != NULL)
        memcpy(found.key, key, (size_t)key_len);
    *ret = found;
    return ERR_OK;
}

static enum err one_record(struct store *s, sqlite3_stmt *stmt, struct vault_record *ret)
{
    enum err e = store__row(s, stmt);

    return e == ERR_OK ? read_record(stmt, ret) : e;
}

enum err store_record_get(struct store *s, enum vault_record_kind kind, uint64_t number,
                          struct vault_record *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_GET);

    if (stmt != NULL) {
        bind_int(stmt, 1, kind);
        bind_int(stmt, 2, (int64_t)number);
    }
    return one_record(s, stmt, ret);
}

enum err store_record_by_id(struct store *s, enum vault_record_kind kind,
                            const uint8_t id[VAULT_ID_BYTES], struct vault_record *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_BY_ID);

    if (stmt != NULL) {
        bind_int(stmt, 1, kind);
        bind_blob(stmt, 2, id, VAULT_ID_BYTES);
    }
    return one_record(s, stmt, ret);
}

enum err store_record_by_key(struct store *s, enum vault_record_kind kind, const char *key,
                             struct vault_record *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_BY_KEY);

    if (stmt != NULL) {
        bind_int(stmt, 1, kind);
        bind_text(stmt, 2, key);
    }
    return one_record(s, stmt, ret);
}

enum err store_record_last(struct store *s, enum vault_record_kind kind, struct vault_record *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_LAST);

    if (stmt != NULL)
        bind_int(stmt, 1, kind);
    return one_record(s, stmt, ret);
}

enum err store_record_next(struct store *s, const struct vault_record_filter *filter,
                           uint64_t after, struct vault_record *ret)
{
    sqlite3_stmt *stmt =
        store__get(s, filter->slot == 0 ? STORE_RECORD_NEXT : STORE_RECORD_NEXT_OF);

    if (stmt != NULL) {
        bind_int(stmt, 1, filter->kind);
        bind_int(stmt, 2, (int64_t)filter->states);
        bind_int(stmt, 3, (int64_t)after);
        if (filter->slot != 0)
            bind_int(stmt, 4, (int64_t)filter->slot);
    }
    return one_record(s, stmt, ret);
}

enum err store_record_next_due(struct store *s, enum vault_record_kind kind, int64_t until_ms,
                               int64_t after_ms, uint64_t after, struct vault_record *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_NEXT_DUE);

    if (stmt != NULL) {
        bind_int(stmt, 1, kind);
        bind_int(stmt, 2, until_ms);
        bind_int(stmt, 3, after_ms);
        bind_int(stmt, 4, (int64_t)after);
    }
    return one_record(s, stmt, ret);
}

enum err store_record_next_made(struct store *s, enum vault_record_kind kind, int64_t to_ms,
                                const struct vault_record *after, struct vault_record *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_NEXT_MADE);

    if (stmt != NULL) {
        bind_int(stmt, 1, kind);
        bind_int(stmt, 2, to_ms);
        bind_int(stmt, 3, after->at_ms);
        bind_int(stmt, 4, (int64_t)after->number);
    }
    return one_record(s, stmt, ret);
}

enum err store_records_count(struct store *s, enum vault_record_kind kind,
                             uint64_t ret[VAULT_RECORD_STATES])
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_COUNT);
    enum err e;

    memset(ret, 0, VAULT_RECORD_STATES * sizeof(ret[0]));
    if (stmt != NULL)
        bind_int(stmt, 1, kind);
    e = store__row(s, stmt);
    while (e == ERR_OK) {
        const uint64_t state = column_u64(stmt, 0);

        if (state >= VAULT_RECORD_STATES)
            return ERR_CORRUPT;
        ret[state] = column_u64(stmt, 1);
        e = store__row(s, stmt);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_records_count_due(struct store *s, enum vault_record_kind kind, int64_t until_ms,
                                 uint64_t *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORD_COUNT_DUE);

    if (stmt != NULL) {
        bind_int(stmt, 1, kind);
        bind_int(stmt, 2, until_ms);
    }
    return store__number(s, stmt, ret);
}
