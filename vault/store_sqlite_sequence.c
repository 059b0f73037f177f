/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences: up to where the numbers of typed tokens are given out, by class and shape.
 * Runs on: the thread that owns the connection. Holds: nothing. Invariant: a row that has not the
 * shape we write is CORRUPT. Not here: what keeps numbers from being given out twice (sequence.c). */
#include "vault/store_sqlite_priv.h"

#include "base/limits.h"

enum err store_sequence_put(struct store *s, const struct store_sequence *sequence)
{
    sqlite3_stmt *stmt = store__get(s, STORE_SEQUENCE_PUT);

    if (stmt != NULL) {
        bind_blob(stmt, 1, sequence->id, CRYPTO_MAC_BYTES);
        bind_int(stmt, 2, sequence->class_id);
        bind_int(stmt, 3, sequence->index);
        bind_int(stmt, 4, (int64_t)sequence->room);
        bind_int(stmt, 5, (int64_t)sequence->next);
        bind_blob(stmt, 6, sequence->mac, CRYPTO_MAC_BYTES);
    }
    return store__run(s, stmt);
}

static enum err read_sequence(sqlite3_stmt *stmt, struct store_sequence *ret)
{
    const int64_t class_id = sqlite3_column_int64(stmt, 1), index = sqlite3_column_int64(stmt, 2);
    const int64_t room = sqlite3_column_int64(stmt, 3), next = sqlite3_column_int64(stmt, 4);

    if (class_id < 1 || class_id > CLASSES_MAX || index < 1 || index > LIMIT_SHAPES_MAX ||
        room < 0 || room > (int64_t)FORMAT_NUMBERS_MAX || next < 0 ||
        next > (int64_t)FORMAT_NUMBERS_MAX || !column_bytes(stmt, 0, ret->id, CRYPTO_MAC_BYTES) ||
        !column_bytes(stmt, 5, ret->mac, CRYPTO_MAC_BYTES))
        return ERR_CORRUPT;
    ret->class_id = (uint16_t)class_id;
    ret->index = (uint32_t)index;
    ret->room = (uint64_t)room;
    ret->next = (uint64_t)next;
    return ERR_OK;
}

enum err store_sequence_each(struct store *s,
                             enum err (*fn)(const struct store_sequence *sequence, void *context),
                             void *context)
{
    sqlite3_stmt *stmt = store__get(s, STORE_SEQUENCE_ALL);
    enum err e = store__row(s, stmt);

    while (e == ERR_OK) {
        struct store_sequence sequence = {.index = 0};

        e = read_sequence(stmt, &sequence);
        if (e == ERR_OK)
            e = fn(&sequence, context);
        if (e == ERR_OK)
            e = store__row(s, stmt);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}
