/* SPDX-License-Identifier: Apache-2.0 */
/* The register of consent.
 * Runs on: the thread that owns the connection. Holds: nothing. Invariant: of one person and purpose one row counts; what
 * it superseded stays. Not here: what a withdrawal does (holds.c).
 *
 * The table came after the others: a store that lacks it gets it when it is opened for writing. */
#include "vault/consents_priv.h"
#include "vault/store_sqlite_priv.h"

static const char tables_sql[] =
    "CREATE TABLE IF NOT EXISTS consent(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " slot INTEGER NOT NULL, subject BLOB NOT NULL, hash BLOB NOT NULL, purpose TEXT NOT NULL,"
    " withdrawn INTEGER NOT NULL, at INTEGER NOT NULL, recorded INTEGER NOT NULL,"
    " channel TEXT NOT NULL, version TEXT NOT NULL, set_by TEXT NOT NULL,"
    " ended INTEGER NOT NULL, done INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS consent_open ON consent(slot, hash) WHERE ended=0;"
    "CREATE INDEX IF NOT EXISTS consent_pending ON consent(number)"
    " WHERE ended=0 AND withdrawn=1 AND done=0;"
    /* How many rows count, by what they say, kept in the commits that change them: a report scans nothing. */
    "CREATE TABLE IF NOT EXISTS consent_sum(purpose TEXT NOT NULL, withdrawn INTEGER NOT NULL,"
    " done INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(purpose, withdrawn, done))"
    " WITHOUT ROWID;"
    "INSERT INTO consent_sum SELECT purpose, withdrawn, done<>0, count(*) FROM consent"
    " WHERE ended=0 AND NOT EXISTS(SELECT 1 FROM consent_sum) GROUP BY 1, 2, 3;"
    "CREATE TRIGGER IF NOT EXISTS consent_came AFTER INSERT ON consent WHEN new.ended=0 BEGIN"
    " INSERT INTO consent_sum VALUES(new.purpose, new.withdrawn, new.done<>0, 1)"
    " ON CONFLICT DO UPDATE SET n=n+1; END;"
    "CREATE TRIGGER IF NOT EXISTS consent_changed AFTER UPDATE ON consent WHEN old.ended=0 BEGIN"
    " UPDATE consent_sum SET n=n-1 WHERE purpose=old.purpose AND withdrawn=old.withdrawn"
    " AND done=(old.done<>0);"
    " INSERT INTO consent_sum SELECT new.purpose, new.withdrawn, new.done<>0, 1 WHERE new.ended=0"
    " ON CONFLICT DO UPDATE SET n=n+1; END;";

enum err store_consent_prepare(struct store *s)
{
    return store__exec(s, tables_sql, 0);
}

static void bind_of(sqlite3_stmt *stmt, uint64_t slot, const uint8_t *hash, int64_t now_ms)
{
    if (stmt == NULL)
        return;
    bind_int(stmt, 1, (int64_t)slot);
    bind_int(stmt, 2, now_ms);
    if (hash != NULL)
        bind_blob(stmt, 3, hash, STORE_PURPOSE_BYTES);
}

enum err store_consent_add(struct store *s, const uint8_t hash[STORE_PURPOSE_BYTES],
                           struct vault_consent *consent)
{
    sqlite3_stmt *stmt = store__get(s, STORE_CONSENT_END);
    enum err e;

    bind_of(stmt, consent->slot, hash, consent->recorded_ms);
    e = store__run(s, stmt);
    if (e != ERR_OK)
        return e;
    stmt = store__get(s, STORE_CONSENT_ADD);
    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)consent->slot);
        bind_blob(stmt, 2, consent->subject, VAULT_ID_BYTES);
        bind_blob(stmt, 3, hash, STORE_PURPOSE_BYTES);
        bind_text(stmt, 4, consent->purpose);
        bind_int(stmt, 5, consent->withdrawn);
        bind_int(stmt, 6, consent->at_s);
        bind_int(stmt, 7, consent->recorded_ms);
        bind_text(stmt, 8, consent->channel);
        bind_text(stmt, 9, consent->version);
        bind_text(stmt, 10, consent->set_by);
    }
    e = store__run(s, stmt);
    if (e == ERR_OK)
        consent->number = (uint64_t)sqlite3_last_insert_rowid(s->db);
    return e;
}

enum err store_consent_done(struct store *s, uint64_t number, int64_t now_ms)
{
    sqlite3_stmt *stmt = store__get(s, STORE_CONSENT_DONE);
    enum err e;

    bind_of(stmt, number, NULL, now_ms);
    e = store__run(s, stmt);
    return e == ERR_OK && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

static enum err next(struct store *s, enum store_statement which, uint64_t after,
                     struct vault_consent *ret)
{
    sqlite3_stmt *stmt = store__get(s, which);
    struct vault_consent found = {.number = 0};
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)after);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    found.number = column_u64(stmt, 0);
    found.slot = column_u64(stmt, 1);
    found.withdrawn = sqlite3_column_int64(stmt, 4) != 0;
    found.at_s = sqlite3_column_int64(stmt, 5);
    found.recorded_ms = sqlite3_column_int64(stmt, 6);
    found.ended_ms = sqlite3_column_int64(stmt, 10);
    found.done_ms = sqlite3_column_int64(stmt, 11);
    if (!column_bytes(stmt, 2, found.subject, VAULT_ID_BYTES) ||
        !column_text(stmt, 3, found.purpose, sizeof(found.purpose)) ||
        !column_text(stmt, 7, found.channel, sizeof(found.channel)) ||
        !column_text(stmt, 8, found.version, sizeof(found.version)) ||
        !column_text(stmt, 9, found.set_by, sizeof(found.set_by)))
        return ERR_CORRUPT;
    *ret = found;
    return ERR_OK;
}

enum err store_consent_next(struct store *s, uint64_t after, struct vault_consent *ret)
{
    return next(s, STORE_CONSENT_NEXT, after, ret);
}

enum err store_consent_pending(struct store *s, uint64_t after, struct vault_consent *ret)
{
    return next(s, STORE_CONSENT_PENDING, after, ret);
}

enum err store_consent_on(struct store *s, uint64_t slot, const uint8_t hash[STORE_PURPOSE_BYTES],
                          bool *ret_withdrawn)
{
    sqlite3_stmt *stmt = store__get(s, STORE_CONSENT_ON);
    enum err e;

    bind_of(stmt, slot, hash, 1);
    e = store__row(s, stmt);
    if (e == ERR_OK)
        *ret_withdrawn = column_u64(stmt, 0) != 0;
    return e;
}

enum err store_purposes_unnamed(struct store *s, bool *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_CONSENT_UNNAMED);
    enum err e = store__row(s, stmt);

    if (e == ERR_OK)
        *ret = column_u64(stmt, 0) != 0;
    return e;
}

enum err store_purpose_name(struct store *s, const uint8_t hash[STORE_PURPOSE_BYTES],
                            const char *name)
{
    static const enum store_statement both[] = {STORE_CONSENT_NAME, STORE_OBJECT_NAME};
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(both); i++) {
        sqlite3_stmt *stmt = store__get(s, both[i]);

        if (stmt != NULL) {
            bind_blob(stmt, 1, hash, STORE_PURPOSE_BYTES);
            bind_text(stmt, 2, name);
        }
        e = store__run(s, stmt);
    }
    return e;
}

enum err store_consents_open(struct store *s, uint64_t of_slot,
                             void (*fn)(void *context, uint64_t slot,
                                        const uint8_t hash[STORE_PURPOSE_BYTES],
                                        const char *purpose),
                             void *context)
{
    sqlite3_stmt *stmt = store__get(s, STORE_CONSENT_OPEN);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)of_slot);
    for (e = store__row(s, stmt); e == ERR_OK; e = store__row(s, stmt)) {
        uint8_t hash[STORE_PURPOSE_BYTES];
        char purpose[VAULT_PURPOSE_NAME_MAX + 1];

        if (!column_bytes(stmt, 1, hash, sizeof(hash)) ||
            !column_text(stmt, 2, purpose, sizeof(purpose)))
            return ERR_CORRUPT;
        fn(context, column_u64(stmt, 0), hash, purpose);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_consents_count(struct store *s, uint64_t *ret_withdrawn)
{
    return store__number(s, store__get(s, STORE_CONSENT_COUNT), ret_withdrawn);
}

enum err store_consents_sum(struct store *s, const char *purpose, struct vault_consent_sum *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_CONSENT_SUM);
    enum err e;

    if (stmt != NULL)
        bind_text(stmt, 1, purpose);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    ret->given = column_u64(stmt, 0);
    ret->withdrawn = column_u64(stmt, 1);
    ret->pending = column_u64(stmt, 2);
    return ERR_OK;
}

enum err store_consents_copy(struct store *s, uint64_t from, uint64_t to,
                             const uint8_t subject[VAULT_ID_BYTES])
{
    sqlite3_stmt *stmt = store__get(s, STORE_CONSENT_COPY);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)from);
        bind_int(stmt, 2, (int64_t)to);
        bind_blob(stmt, 3, subject, VAULT_ID_BYTES);
    }
    return store__run(s, stmt);
}

enum err store_consents_end(struct store *s, uint64_t slot, int64_t now_ms)
{
    sqlite3_stmt *stmt = store__get(s, STORE_CONSENT_END_ALL);

    bind_of(stmt, slot, NULL, now_ms);
    return store__run(s, stmt);
}
