/* SPDX-License-Identifier: Apache-2.0 */
/* Which token took the place of which, and rows that get another one.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: what a token is (renew.c).
 *
 * This table came after the others, as those of store_sqlite_watch.c. */
#include "vault/renew_priv.h"
#include "vault/store_sqlite_priv.h"

static const char tables_sql[] =
    "CREATE TABLE IF NOT EXISTS renewed(class INTEGER NOT NULL, old INTEGER NOT NULL,"
    " old_salt BLOB NOT NULL, new INTEGER NOT NULL, new_salt BLOB NOT NULL,"
    " PRIMARY KEY(class, old)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS renewed_new ON renewed(class, new);";

enum err store_renewed_prepare(struct store *s)
{
    return store__exec(s, tables_sql, 0);
}

enum err store_renewed_put(struct store *s, const struct store_renewed *renewed)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RENEWED_PUT);

    if (stmt != NULL) {
        bind_int(stmt, 1, renewed->class_id);
        bind_int(stmt, 2, (int64_t)renewed->old_number);
        bind_blob(stmt, 3, renewed->old_salt, TOKEN_SALT_BYTES);
        bind_int(stmt, 4, (int64_t)renewed->new_number);
        bind_blob(stmt, 5, renewed->new_salt, TOKEN_SALT_BYTES);
    }
    return store__run(s, stmt);
}

static enum err find(struct store *s, enum store_statement which, uint16_t class_id,
                     uint64_t number, struct store_renewed *ret)
{
    sqlite3_stmt *stmt = store__get(s, which);
    struct store_renewed found = {.class_id = class_id};
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, class_id);
        bind_int(stmt, 2, (int64_t)number);
    }
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    found.old_number = column_u64(stmt, 0);
    found.new_number = column_u64(stmt, 2);
    if (!column_bytes(stmt, 1, found.old_salt, TOKEN_SALT_BYTES) ||
        !column_bytes(stmt, 3, found.new_salt, TOKEN_SALT_BYTES))
        return ERR_CORRUPT;
    *ret = found;
    return ERR_OK;
}

enum err store_renewed_get(struct store *s, uint16_t class_id, uint64_t old_number,
                           struct store_renewed *ret)
{
    return find(s, STORE_RENEWED_GET, class_id, old_number, ret);
}

enum err store_renewed_of(struct store *s, uint16_t class_id, uint64_t new_number,
                          struct store_renewed *ret)
{
    return find(s, STORE_RENEWED_OF, class_id, new_number, ret);
}

enum err store_renewed_next(struct store *s, uint16_t class_id, uint64_t after,
                            struct store_renewed *ret)
{
    return find(s, STORE_RENEWED_NEXT, class_id, after, ret);
}

enum err store_renewed_forget(struct store *s, uint16_t class_id, size_t limit, size_t *ret_count)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RENEWED_FORGET);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, class_id);
        bind_int(stmt, 2, (int64_t)limit);
    }
    e = store__run(s, stmt);
    if (e == ERR_OK)
        *ret_count = (size_t)sqlite3_changes(s->db);
    return e;
}

/* A statement of a class whose only parameter is a token's number. */
static sqlite3_stmt *of_number(struct store *s, const struct store_class *c,
                               enum store_class_statement which, uint64_t number)
{
    sqlite3_stmt *stmt = store__get_class(s, c, which);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)number);
    return stmt;
}

enum err store_renewed_trim(struct store *s, const struct store_class *c, uint64_t number)
{
    return store__run(s, of_number(s, c, STORE_RENEWED_TRIM, number));
}

enum err store_renewed_drop(struct store *s, const struct store_class *c, uint64_t old_number)
{
    return store__run(s, of_number(s, c, STORE_RENEWED_DROP, old_number));
}

enum err store_renewed_left(struct store *s, const struct store_class *c, uint64_t number,
                            uint64_t *ret)
{
    return store__number(s, of_number(s, c, STORE_RENEWED_LEFT, number), ret);
}

enum err store_renewed_each(struct store *s, const struct store_class *c,
                            enum err (*fn)(void *context, uint64_t old_number, bool lost),
                            void *context)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_RENEWED_EACH);
    enum err e;

    while ((e = store__row(s, stmt)) == ERR_OK) {
        e = fn(context, column_u64(stmt, 0), column_u64(stmt, 1) != 0);
        if (e != ERR_OK)
            return e;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_renewed_any(struct store *s, bool *ret)
{
    uint64_t any = 0;
    enum err e = store__number(s, store__get(s, STORE_RENEWED_ANY), &any);

    if (e == ERR_OK)
        *ret = any != 0;
    return e;
}

enum err store_numbers(struct store *s, const struct store_class *c, uint64_t before, size_t limit,
                       uint64_t ret[STORE_NUMBERS_MAX], size_t *ret_count)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_NUMBERS);
    size_t count = 0;
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)before);
        bind_int(stmt, 2, (int64_t)(limit < STORE_NUMBERS_MAX ? limit : STORE_NUMBERS_MAX));
    }
    e = store__row(s, stmt);
    while (e == ERR_OK) {
        REQUIRE(count < STORE_NUMBERS_MAX);
        ret[count++] = column_u64(stmt, 0);
        e = store__row(s, stmt);
    }
    if (e != ERR_NOT_FOUND)
        return e;
    *ret_count = count;
    return ERR_OK;
}

enum err store_owners_after(struct store *s, const struct store_class *c, uint64_t token_row,
                            const struct store_due *after, struct store_due_list *ret)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_OWNERS_AFTER);
    enum err e;

    ret->count = 0;
    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)token_row);
        bind_int(stmt, 2, (int64_t)after->slot);
        bind_int(stmt, 3, (int64_t)after->id);
        bind_int(stmt, 4, STORE_DUE_MAX);
    }
    e = store__row(s, stmt);
    while (e == ERR_OK) {
        REQUIRE(ret->count < STORE_DUE_MAX);
        ret->at[ret->count++] = (struct store_due){column_u64(stmt, 0), column_u64(stmt, 1)};
        e = store__row(s, stmt);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_row_renew(struct store *s, const struct store_class *c, uint64_t id,
                         const struct store_row *row)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_RENEW);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)id);
        bind_int(stmt, 2, (int64_t)(c->deterministic ? row->token_row : row->id));
        bind_blob(stmt, 3, row->salt, TOKEN_SALT_BYTES);
        bind_int(stmt, 4, (int64_t)row->revision);
        bind_blob(stmt, 5, row->sealed.at, row->sealed.len);
    }
    return store__run(s, stmt);
}
