/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects, their names as blind indexes, and erasures that are not closed yet.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: rows of values. */
#include "vault/store_sqlite_priv.h"

enum err store_subject_add(struct store *s, const struct store_subject *subject)
{
    sqlite3_stmt *stmt = store__get(s, STORE_SUBJECT_ADD);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)subject->slot);
        bind_blob(stmt, 2, subject->id, VAULT_ID_BYTES);
        bind_int(stmt, 3, subject->domain);
        bind_int(stmt, 4, subject->created_s);
    }
    return store__run(s, stmt);
}

enum err store_subject_get(struct store *s, uint64_t slot, struct store_subject *ret)
{
    struct store_subject found = {.slot = slot};
    sqlite3_stmt *stmt = store__get(s, STORE_SUBJECT_GET);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    if (!column_bytes(stmt, 0, found.id, VAULT_ID_BYTES))
        return ERR_CORRUPT;
    found.domain = (uint16_t)sqlite3_column_int64(stmt, 1);
    found.created_s = sqlite3_column_int64(stmt, 2);
    *ret = found;
    return ERR_OK;
}

enum err store_subject_delete(struct store *s, uint64_t slot)
{
    return store__run_slot(s, STORE_SUBJECT_DELETE, slot);
}

enum err store_subject_last(struct store *s, uint64_t *ret_slot)
{
    return store__number(s, store__get(s, STORE_SUBJECT_LAST), ret_slot);
}

/* ---- subjects that have ended ---- */

/* It came after the others: a store that lacks it gets it when it is opened for writing. */
enum err store_ended_prepare(struct store *s)
{
    return store__exec(s, "CREATE TABLE IF NOT EXISTS ended(slot INTEGER PRIMARY KEY);", 0);
}

enum err store_ended_put(struct store *s, uint64_t slot)
{
    return store__run_slot(s, STORE_ENDED_PUT, slot);
}

enum err store_ended_next(struct store *s, uint64_t after, uint64_t *ret_slot)
{
    sqlite3_stmt *stmt = store__get(s, STORE_ENDED_NEXT);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)after);
    return store__number(s, stmt, ret_slot);
}

enum err store_ended_forget(struct store *s)
{
    return store__run(s, store__get(s, STORE_ENDED_FORGET));
}

enum err store_name_get(struct store *s, const uint8_t mac[CRYPTO_MAC_BYTES], uint64_t *ret_slot)
{
    sqlite3_stmt *stmt = store__get(s, STORE_NAME_GET);
    enum err e;

    if (stmt != NULL)
        bind_blob(stmt, 1, mac, CRYPTO_MAC_BYTES);
    e = store__row(s, stmt);
    if (e == ERR_OK)
        *ret_slot = column_u64(stmt, 0);
    return e;
}

enum err store_name_put(struct store *s, const uint8_t mac[CRYPTO_MAC_BYTES], uint64_t slot)
{
    sqlite3_stmt *stmt = store__get(s, STORE_NAME_PUT);

    if (stmt != NULL) {
        bind_blob(stmt, 1, mac, CRYPTO_MAC_BYTES);
        bind_int(stmt, 2, (int64_t)slot);
    }
    return store__run(s, stmt);
}

enum err store_name_forget(struct store *s, const uint8_t mac[CRYPTO_MAC_BYTES], uint64_t slot)
{
    sqlite3_stmt *stmt = store__get(s, STORE_NAME_FORGET);

    if (stmt != NULL) {
        bind_blob(stmt, 1, mac, CRYPTO_MAC_BYTES);
        bind_int(stmt, 2, (int64_t)slot);
    }
    return store__run(s, stmt);
}

enum err store_names_delete(struct store *s, uint64_t slot)
{
    return store__run_slot(s, STORE_NAME_DELETE, slot);
}

enum err store_names_move(struct store *s, uint64_t slot, uint64_t target)
{
    sqlite3_stmt *stmt = store__get(s, STORE_NAMES_MOVE);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)slot);
        bind_int(stmt, 2, (int64_t)target);
    }
    return store__run(s, stmt);
}

enum err store_names_count(struct store *s, uint64_t slot, uint64_t *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_NAME_COUNT);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    return store__number(s, stmt, ret);
}

enum err store_erasure_add(struct store *s, const struct store_erasure *erasure)
{
    sqlite3_stmt *stmt = store__get(s, STORE_ERASURE_ADD);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)erasure->slot);
        bind_blob(stmt, 2, erasure->id, VAULT_ID_BYTES);
        bind_blob(stmt, 3, erasure->subject, VAULT_ID_BYTES);
        bind_int(stmt, 4, (int64_t)erasure->ledger_seq);
        bind_int(stmt, 5, erasure->cutoff_ms);
        bind_int(stmt, 6, erasure->begun_ms);
        bind_int(stmt, 7, erasure->domain);
        bind_blob(stmt, 8, erasure->note.at == NULL ? "" : erasure->note.at, erasure->note.len);
    }
    return store__run(s, stmt);
}

enum err store_erasure_delete(struct store *s, uint64_t slot)
{
    return store__run_slot(s, STORE_ERASURE_DELETE, slot);
}

static enum err erasure_beside(struct store *s, enum store_statement which, uint64_t seq,
                               struct store_erasure *ret)
{
    struct store_erasure found = {0};
    sqlite3_stmt *stmt = store__get(s, which);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)seq);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    if (!column_bytes(stmt, 1, found.id, VAULT_ID_BYTES) ||
        !column_bytes(stmt, 2, found.subject, VAULT_ID_BYTES))
        return ERR_CORRUPT;
    found.slot = column_u64(stmt, 0);
    found.ledger_seq = column_u64(stmt, 3);
    found.cutoff_ms = sqlite3_column_int64(stmt, 4);
    found.begun_ms = sqlite3_column_int64(stmt, 5);
    found.domain = (uint16_t)sqlite3_column_int64(stmt, 6);
    found.note = span_of(sqlite3_column_blob(stmt, 7), (size_t)sqlite3_column_bytes(stmt, 7));
    *ret = found;
    return ERR_OK;
}

enum err store_erasure_next(struct store *s, uint64_t seq, struct store_erasure *ret)
{
    return erasure_beside(s, STORE_ERASURE_NEXT, seq, ret);
}

enum err store_erasure_before(struct store *s, uint64_t seq, struct store_erasure *ret)
{
    return erasure_beside(s, STORE_ERASURE_BEFORE, seq, ret);
}
