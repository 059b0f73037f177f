/* SPDX-License-Identifier: Apache-2.0 */
/* What was swept of an erasure, and the receipts of those that are closed.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: open erasures themselves
 * (store_sqlite_subject.c). */
#include "vault/store_sqlite_priv.h"

/* ---- swept ---- */

enum err store_swept_add(struct store *s, uint64_t slot, uint16_t class_id, uint64_t n)
{
    sqlite3_stmt *stmt = store__get(s, STORE_SWEPT_ADD);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)slot);
        bind_int(stmt, 2, class_id);
        bind_int(stmt, 3, (int64_t)n);
    }
    return store__run(s, stmt);
}

enum err store_swept_read(struct store *s, uint64_t slot, uint64_t *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_SWEPT_ALL);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    e = store__row(s, stmt);
    while (e == ERR_OK) {
        const uint64_t class_id = column_u64(stmt, 0);

        if (class_id < 1 || class_id > CLASSES_MAX)
            return ERR_CORRUPT;
        ret[class_id] += column_u64(stmt, 1);
        e = store__row(s, stmt);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_swept_delete(struct store *s, uint64_t slot)
{
    sqlite3_stmt *stmt = store__get(s, STORE_SWEPT_DELETE);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    return store__run(s, stmt);
}

/* ---- receipts ---- */

enum err store_receipt_put(struct store *s, const struct store_erasure *erasure, struct span body)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECEIPT_PUT);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)erasure->ledger_seq);
        bind_blob(stmt, 2, erasure->id, VAULT_ID_BYTES);
        bind_int(stmt, 3, erasure->begun_ms);
        bind_blob(stmt, 4, body.at, body.len);
    }
    return store__run(s, stmt);
}

enum err store_receipt_get(struct store *s, const uint8_t id[VAULT_ID_BYTES], struct span *ret_body)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECEIPT_GET);
    enum err e;

    if (stmt != NULL)
        bind_blob(stmt, 1, id, VAULT_ID_BYTES);
    e = store__row(s, stmt);
    if (e == ERR_OK)
        *ret_body = span_of(sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
    return e;
}

static enum err one_receipt(struct store *s, sqlite3_stmt *stmt, struct store_erasure *ret)
{
    struct store_erasure found = {0};
    enum err e = store__row(s, stmt);

    if (e != ERR_OK)
        return e;
    if (!column_bytes(stmt, 1, found.id, VAULT_ID_BYTES))
        return ERR_CORRUPT;
    found.ledger_seq = column_u64(stmt, 0);
    found.begun_ms = sqlite3_column_int64(stmt, 2);
    *ret = found;
    return ERR_OK;
}

static enum err receipt_beside(struct store *s, enum store_statement which, uint64_t seq,
                               struct store_erasure *ret)
{
    sqlite3_stmt *stmt = store__get(s, which);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)seq);
    return one_receipt(s, stmt, ret);
}

enum err store_receipt_next(struct store *s, uint64_t seq, struct store_erasure *ret)
{
    return receipt_beside(s, STORE_RECEIPT_NEXT, seq, ret);
}

enum err store_receipt_before(struct store *s, uint64_t seq, struct store_erasure *ret)
{
    return receipt_beside(s, STORE_RECEIPT_BEFORE, seq, ret);
}

/* ---- by date ---- */

/* It came after the table, as did those of store_sqlite_watch.c. */
enum err store_receipts_prepare(struct store *s)
{
    return store__exec(s, "CREATE INDEX IF NOT EXISTS receipt_begun ON receipt(begun)", 0);
}

enum err store_receipts_count(struct store *s, int64_t from_ms, int64_t to_ms, uint64_t *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECEIPT_COUNT);

    if (stmt != NULL) {
        bind_int(stmt, 1, from_ms);
        bind_int(stmt, 2, to_ms);
    }
    return store__number(s, stmt, ret);
}

enum err store_receipt_last(struct store *s, int64_t from_ms, int64_t to_ms, size_t skip,
                            struct store_erasure *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECEIPT_LAST);

    if (stmt != NULL) {
        bind_int(stmt, 1, from_ms);
        bind_int(stmt, 2, to_ms);
        bind_int(stmt, 3, (int64_t)skip);
    }
    return one_receipt(s, stmt, ret);
}
