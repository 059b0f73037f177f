/* SPDX-License-Identifier: Apache-2.0 */
/* Counters kept beside the rows, so that a report needs no scan.
 * Runs on: the thread that owns the connection. Holds: nothing. Invariant: changed only in the
 * transaction that changes the rows they count. */
#include "vault/store_sqlite_priv.h"

enum err store_aggregate_add(struct store *s, uint16_t class_id, int64_t created_day,
                             int64_t due_day, int64_t delta)
{
    sqlite3_stmt *stmt = store__get(s, STORE_AGG_ADD);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, class_id);
        bind_int(stmt, 2, created_day);
        bind_int(stmt, 3, due_day);
        bind_int(stmt, 4, delta);
    }
    e = store__run(s, stmt);
    if (e != ERR_OK || delta >= 0)
        return e;
    stmt = store__get(s, STORE_AGG_TRIM);
    if (stmt != NULL) {
        bind_int(stmt, 1, class_id);
        bind_int(stmt, 2, created_day);
        bind_int(stmt, 3, due_day);
    }
    return store__run(s, stmt);
}

enum err store_aggregate_each(struct store *s, uint16_t class_id,
                              void (*fn)(void *context, int64_t created_day, int64_t due_day,
                                         int64_t n),
                              void *context)
{
    sqlite3_stmt *stmt = store__get(s, STORE_AGG_ALL);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, class_id);
    e = store__row(s, stmt);
    while (e == ERR_OK) {
        fn(context, sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
           sqlite3_column_int64(stmt, 2));
        e = store__row(s, stmt);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static void bind_class_day(sqlite3_stmt *stmt, uint16_t class_id, int64_t day)
{
    if (stmt == NULL)
        return;
    bind_int(stmt, 1, class_id);
    bind_int(stmt, 2, day);
}

enum err store_started_add(struct store *s, uint16_t class_id, int64_t created_day, int64_t delta)
{
    sqlite3_stmt *stmt = store__get(s, STORE_STARTED_ADD);
    enum err e;

    bind_class_day(stmt, class_id, created_day);
    if (stmt != NULL)
        bind_int(stmt, 3, delta);
    e = store__run(s, stmt);
    if (e != ERR_OK || delta >= 0)
        return e;
    stmt = store__get(s, STORE_STARTED_TRIM);
    bind_class_day(stmt, class_id, created_day);
    return store__run(s, stmt);
}

enum err store_unstarted(struct store *s, uint16_t class_id, uint64_t *ret, int64_t *ret_oldest_day)
{
    sqlite3_stmt *stmt = store__get(s, STORE_UNSTARTED);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, class_id);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    *ret = column_u64(stmt, 0);
    *ret_oldest_day = sqlite3_column_int64(stmt, 1);
    return ERR_OK;
}

enum err store_flow_add(struct store *s, uint16_t class_id, int64_t day, enum store_flow flow,
                        int64_t n)
{
    sqlite3_stmt *stmt = store__get(s, STORE_FLOW_ADD);

    if (stmt != NULL) {
        bind_int(stmt, 1, class_id);
        bind_int(stmt, 2, day);
        bind_int(stmt, 3, flow);
        bind_int(stmt, 4, n);
    }
    return store__run(s, stmt);
}

enum err store_flow_sums(struct store *s, uint16_t class_id, int64_t from_day, int64_t to_day,
                         uint64_t ret[STORE_FLOWS])
{
    sqlite3_stmt *stmt = store__get(s, STORE_FLOW_SUMS);
    uint64_t sums[STORE_FLOWS] = {0};
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, class_id);
        bind_int(stmt, 2, from_day);
        bind_int(stmt, 3, to_day);
    }
    while ((e = store__row(s, stmt)) == ERR_OK) {
        const int64_t flow = sqlite3_column_int64(stmt, 0);

        if (flow < STORE_CREATED || flow >= STORE_FLOWS)
            return ERR_CORRUPT;
        sums[flow] = column_u64(stmt, 1);
    }
    if (e != ERR_NOT_FOUND)
        return e;
    memcpy(ret, sums, sizeof(sums));
    return ERR_OK;
}

enum err store_flow_each(struct store *s, uint16_t class_id, int64_t from_day, int64_t to_day,
                         void (*fn)(void *context, int64_t day, enum store_flow flow, uint64_t n),
                         void *context)
{
    sqlite3_stmt *stmt = store__get(s, STORE_FLOW_EACH);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, class_id);
        bind_int(stmt, 2, from_day);
        bind_int(stmt, 3, to_day);
    }
    while ((e = store__row(s, stmt)) == ERR_OK) {
        const int64_t flow = sqlite3_column_int64(stmt, 1);

        if (flow < STORE_CREATED || flow >= STORE_FLOWS)
            return ERR_CORRUPT;
        fn(context, sqlite3_column_int64(stmt, 0), (enum store_flow)flow, column_u64(stmt, 2));
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- what they count ---- */

enum err store_rows_each(struct store *s, const struct store_class *c,
                         enum err (*fn)(void *context, int64_t created_s, int64_t due_s),
                         void *context)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_ROWS_ALL);
    enum err e;

    while ((e = store__row(s, stmt)) == ERR_OK) {
        e = fn(context, sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1));
        if (e != ERR_OK)
            return e;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_owners_each(struct store *s, const struct store_class *c,
                           enum err (*fn)(void *context), void *context)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_OWNERS_ALL);
    enum err e;

    while ((e = store__row(s, stmt)) == ERR_OK) {
        e = fn(context);
        if (e != ERR_OK)
            return e;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}
