/* SPDX-License-Identifier: Apache-2.0 */
/* Moves to another key, and the exceptions under which something of a person is kept.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: what is moved (part.c), rows
 * themselves (store_sqlite_rows.c).
 *
 * These tables came after the others: a store that lacks them gets them when it is opened for writing, and
 * a program that does not know them leaves them alone. */
#include "vault/part_priv.h"
#include "vault/records.h"
#include "vault/store_sqlite_priv.h"

static const char tables_sql[] =
    "CREATE TABLE IF NOT EXISTS part(slot INTEGER PRIMARY KEY, target INTEGER NOT NULL UNIQUE,"
    " begun INTEGER NOT NULL, newer INTEGER NOT NULL, ended INTEGER NOT NULL, note BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS kept(slot INTEGER NOT NULL, class INTEGER NOT NULL,"
    " code TEXT NOT NULL, law TEXT NOT NULL, until INTEGER NOT NULL, next INTEGER NOT NULL,"
    " cutoff INTEGER NOT NULL, rule INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(slot, "
    "class)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS part_scope(slot INTEGER PRIMARY KEY, classes BLOB NOT NULL);";

enum err store_part_prepare(struct store *s)
{
    return store__exec(s, tables_sql, 0);
}

/* ---- moves ---- */

/* Of a move that is for some classes only; nothing stands there for all. */
static enum err put_scope(struct store *s, const struct store_part *part)
{
    sqlite3_stmt *stmt = store__get(s, STORE_PART_SCOPE_PUT);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)part->slot);
        bind_blob(stmt, 2, part->scope.bits, sizeof(part->scope.bits));
    }
    return store__run(s, stmt);
}

static enum err get_scope(struct store *s, uint64_t slot, struct vault_class_set *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_PART_SCOPE_GET);
    struct vault_class_set scope;
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    if (!column_bytes(stmt, 0, scope.bits, sizeof(scope.bits)))
        return ERR_CORRUPT;
    *ret = scope;
    return ERR_OK;
}

enum err store_part_put(struct store *s, const struct store_part *part)
{
    sqlite3_stmt *stmt = store__get(s, STORE_PART_PUT);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)part->slot);
        bind_int(stmt, 2, (int64_t)part->target);
        bind_int(stmt, 3, part->begun_s);
        bind_int(stmt, 4, part->newer_than_s);
        bind_blob(stmt, 5, part->note.at == NULL ? "" : part->note.at, part->note.len);
    }
    e = store__run(s, stmt);
    return e == ERR_OK && !vault_class_set_is_all(&part->scope) ? put_scope(s, part) : e;
}

static enum err one_part(struct store *s, enum store_statement which, uint64_t slot,
                         struct store_part *ret)
{
    sqlite3_stmt *stmt = store__get(s, which);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    *ret = (struct store_part){
        .slot = column_u64(stmt, 0),
        .target = column_u64(stmt, 1),
        .begun_s = sqlite3_column_int64(stmt, 2),
        .newer_than_s = sqlite3_column_int64(stmt, 3),
        .ended = sqlite3_column_int64(stmt, 4) != 0,
        .note = span_of(sqlite3_column_blob(stmt, 5), (size_t)sqlite3_column_bytes(stmt, 5)),
    };
    return ERR_OK;
}

enum err store_part_get(struct store *s, uint64_t slot, struct store_part *ret)
{
    struct vault_class_set scope = {{0}};
    enum err e = get_scope(s, slot, &scope);

    if (e == ERR_OK)
        e = one_part(s, STORE_PART_GET, slot, ret);
    if (e == ERR_OK)
        ret->scope = scope;
    return e;
}

enum err store_part_next(struct store *s, uint64_t after, struct store_part *ret)
{
    return one_part(s, STORE_PART_NEXT, after, ret);
}

enum err store_part_at(struct store *s, uint64_t slot, struct store_part *ret)
{
    return one_part(s, STORE_PART_AT, slot, ret);
}

enum err store_part_end(struct store *s, uint64_t slot)
{
    return store__run_slot(s, STORE_PART_END, slot);
}

enum err store_part_delete(struct store *s, uint64_t slot)
{
    const enum err e = store__run_slot(s, STORE_PART_DELETE, slot);

    return e == ERR_OK ? store__run_slot(s, STORE_PART_SCOPE_DELETE, slot) : e;
}

enum err store_parts_count(struct store *s, uint64_t *ret)
{
    return store__number(s, store__get(s, STORE_PART_COUNT), ret);
}

enum err store_records_follow(struct store *s, uint64_t from, uint64_t to, uint64_t but)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RECORDS_FOLLOW);

    _Static_assert(VAULT_RECORD_REQUEST == 1 && VAULT_RECORD_EXPORT == 5,
                   "as the statement has it");
    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)from);
        bind_int(stmt, 2, (int64_t)to);
        bind_int(stmt, 3, (int64_t)but);
    }
    return store__run(s, stmt);
}

/* ---- exceptions ---- */

enum err store_kept_put(struct store *s, const struct vault_kept *kept)
{
    const char code[] = {kept->exception.code, '\0'};
    sqlite3_stmt *stmt = store__get(s, STORE_KEPT_PUT);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)kept->slot);
        bind_int(stmt, 2, kept->exception.class_id);
        bind_text(stmt, 3, code);
        bind_text(stmt, 4, kept->exception.law);
        bind_int(stmt, 5, kept->exception.until_s);
        bind_int(stmt, 6, kept->next_s);
        bind_int(stmt, 7, kept->cutoff_s);
        bind_int(stmt, 8, kept->exception.by_rule);
    }
    return store__run(s, stmt);
}

enum err store_kept_add(struct store *s, const struct store_kept_more *more)
{
    sqlite3_stmt *stmt = store__get(s, STORE_KEPT_ADD);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)more->slot);
        bind_int(stmt, 2, more->class_id);
        bind_int(stmt, 3, (int64_t)more->values);
        bind_int(stmt, 4, more->next_s);
        bind_int(stmt, 5, more->until_s);
    }
    return store__run(s, stmt);
}

/* Columns: slot, class, code, law, until, next, cutoff, rule, n. */
static bool read_kept(sqlite3_stmt *stmt, struct vault_kept *ret)
{
    const int64_t class_id = sqlite3_column_int64(stmt, 1);
    const unsigned char *code = sqlite3_column_text(stmt, 2);
    const unsigned char *law = sqlite3_column_text(stmt, 3);
    const int law_len = sqlite3_column_bytes(stmt, 3);

    if (class_id < 1 || class_id > CLASSES_MAX || code == NULL || law == NULL || law_len < 0 ||
        law_len > VAULT_LAW_MAX)
        return false;
    ret->slot = column_u64(stmt, 0);
    ret->exception.class_id = (uint16_t)class_id;
    ret->exception.code = (char)code[0];
    memcpy(ret->exception.law, law, (size_t)law_len + 1);
    ret->exception.until_s = sqlite3_column_int64(stmt, 4);
    ret->next_s = sqlite3_column_int64(stmt, 5);
    ret->cutoff_s = sqlite3_column_int64(stmt, 6);
    ret->exception.by_rule = sqlite3_column_int64(stmt, 7) != 0;
    ret->exception.values = column_u64(stmt, 8);
    return true;
}

enum err store_kept_next(struct store *s, uint64_t slot, uint16_t class_id, struct vault_kept *ret)
{
    struct vault_kept found = {.slot = 0};
    sqlite3_stmt *stmt = store__get(s, STORE_KEPT_NEXT);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)slot);
        bind_int(stmt, 2, class_id);
    }
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    if (!read_kept(stmt, &found))
        return ERR_CORRUPT;
    *ret = found;
    return ERR_OK;
}

enum err store_kept_sum(struct store *s, uint16_t class_id, struct vault_kept_sum *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_KEPT_SUM);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, class_id);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    *ret = (struct vault_kept_sum){.people = column_u64(stmt, 0),
                                   .values = column_u64(stmt, 1),
                                   .next_s = sqlite3_column_int64(stmt, 2)};
    return ERR_OK;
}

enum err store_kept_on(struct store *s, uint64_t slot, bool *ret)
{
    struct vault_kept found;
    enum err e = store_kept_next(s, slot, 0, &found);

    *ret = e == ERR_OK && found.slot == slot;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_kept_delete(struct store *s, uint64_t slot)
{
    return store__run_slot(s, STORE_KEPT_DELETE, slot);
}

enum err store_kept_forget(struct store *s, uint64_t slot, uint16_t class_id)
{
    sqlite3_stmt *stmt = store__get(s, STORE_KEPT_FORGET);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)slot);
        bind_int(stmt, 2, class_id);
    }
    return store__run(s, stmt);
}

enum err store_kept_trim(struct store *s, uint64_t slot)
{
    return store__run_slot(s, STORE_KEPT_TRIM, slot);
}
