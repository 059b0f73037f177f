/* SPDX-License-Identifier: Apache-2.0 */
/* Legal holds, restrictions, erasures that wait, objections.
 * Runs on: the thread that owns the connection. Holds: nothing. Invariant: what has ended stays, with who
 * ended it and when. Not here: what follows from them (holds.c).
 *
 * These tables came after the others: a store that lacks them gets them when it is opened for writing. */
#include "vault/consents_priv.h"
#include "vault/holds.h"
#include "vault/store_sqlite_priv.h"

static const char tables_sql[] =
    "CREATE TABLE IF NOT EXISTS hold(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id BLOB NOT NULL UNIQUE, slot INTEGER NOT NULL, subject BLOB NOT NULL, class INTEGER NOT "
    "NULL,"
    " code TEXT NOT NULL, ground TEXT NOT NULL, owner TEXT NOT NULL, set_at INTEGER NOT NULL,"
    " set_by TEXT NOT NULL, review INTEGER NOT NULL, lifted_at INTEGER NOT NULL,"
    " lifted_by TEXT NOT NULL, why TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS hold_open ON hold(slot, class) WHERE lifted_at=0;"
    "CREATE TABLE IF NOT EXISTS restriction(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id BLOB NOT NULL UNIQUE, slot INTEGER NOT NULL, subject BLOB NOT NULL, ground INTEGER NOT "
    "NULL,"
    " set_at INTEGER NOT NULL, set_by TEXT NOT NULL, review INTEGER NOT NULL,"
    " notice INTEGER NOT NULL, lifted_at INTEGER NOT NULL, lifted_by TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS restriction_open ON restriction(slot) WHERE lifted_at=0;"
    "CREATE TABLE IF NOT EXISTS waiting(slot INTEGER PRIMARY KEY, id BLOB NOT NULL,"
    " subject BLOB NOT NULL, domain INTEGER NOT NULL, asked INTEGER NOT NULL, note BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS objection(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " slot INTEGER NOT NULL, subject BLOB NOT NULL, hash BLOB NOT NULL, purpose TEXT NOT NULL,"
    " set_at INTEGER NOT NULL, set_by TEXT NOT NULL, withdrawn_at INTEGER NOT NULL,"
    " withdrawn_by TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS objection_open ON objection(slot, hash) WHERE withdrawn_at=0;";

enum err store_holds_prepare(struct store *s)
{
    return store__exec(s, tables_sql, 0);
}

static enum err run_changing(struct store *s, sqlite3_stmt *stmt)
{
    enum err e = store__run(s, stmt);

    return e == ERR_OK && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

static uint64_t added(const struct store *s)
{
    return sqlite3_changes(s->db) == 0 ? 0 : (uint64_t)sqlite3_last_insert_rowid(s->db);
}

/* ---- holds ---- */

enum err store_hold_add(struct store *s, struct vault_hold *hold)
{
    sqlite3_stmt *stmt = store__get(s, STORE_HOLD_ADD);
    enum err e;

    if (stmt != NULL) {
        bind_blob(stmt, 1, hold->id, VAULT_ID_BYTES);
        bind_int(stmt, 2, (int64_t)hold->slot);
        bind_blob(stmt, 3, hold->subject, VAULT_ID_BYTES);
        bind_int(stmt, 4, hold->class_id);
        bind_text(stmt, 5, hold->code);
        bind_text(stmt, 6, hold->ground);
        bind_text(stmt, 7, hold->owner);
        bind_int(stmt, 8, hold->set_ms);
        bind_text(stmt, 9, hold->set_by);
        bind_int(stmt, 10, hold->review_s);
    }
    e = store__run(s, stmt);
    if (e == ERR_OK)
        hold->number = added(s);
    return e;
}

enum err store_hold_lift(struct store *s, const struct vault_hold *hold)
{
    sqlite3_stmt *stmt = store__get(s, STORE_HOLD_LIFT);

    if (stmt != NULL) {
        bind_blob(stmt, 1, hold->id, VAULT_ID_BYTES);
        bind_int(stmt, 2, hold->lifted_ms);
        bind_text(stmt, 3, hold->lifted_by);
        bind_text(stmt, 4, hold->lifted_why);
    }
    return run_changing(s, stmt);
}

enum err store_hold_next(struct store *s, uint64_t after, struct vault_hold *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_HOLD_NEXT);
    struct vault_hold found;
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)after);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    found.number = column_u64(stmt, 0);
    found.slot = column_u64(stmt, 2);
    found.class_id = (uint16_t)sqlite3_column_int64(stmt, 4);
    found.set_ms = sqlite3_column_int64(stmt, 8);
    found.review_s = sqlite3_column_int64(stmt, 10);
    found.lifted_ms = sqlite3_column_int64(stmt, 11);
    if (!column_bytes(stmt, 1, found.id, VAULT_ID_BYTES) ||
        !column_bytes(stmt, 3, found.subject, VAULT_ID_BYTES) ||
        !column_text(stmt, 5, found.code, sizeof(found.code)) ||
        !column_text(stmt, 6, found.ground, sizeof(found.ground)) ||
        !column_text(stmt, 7, found.owner, sizeof(found.owner)) ||
        !column_text(stmt, 9, found.set_by, sizeof(found.set_by)) ||
        !column_text(stmt, 12, found.lifted_by, sizeof(found.lifted_by)) ||
        !column_text(stmt, 13, found.lifted_why, sizeof(found.lifted_why)))
        return ERR_CORRUPT;
    *ret = found;
    return ERR_OK;
}

enum err store_hold_on(struct store *s, uint64_t slot, uint16_t class_id, bool *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_HOLD_ON);
    uint64_t found = 0;
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)slot);
        bind_int(stmt, 2, class_id);
    }
    e = store__number(s, stmt, &found);
    if (e == ERR_OK)
        *ret = found != 0;
    return e;
}

enum err store_holds_open(struct store *s,
                          void (*fn)(void *context, uint64_t slot, uint16_t class_id),
                          void *context)
{
    sqlite3_stmt *stmt = store__get(s, STORE_HOLD_OPEN);
    enum err e = store__row(s, stmt);

    for (; e == ERR_OK; e = store__row(s, stmt))
        fn(context, column_u64(stmt, 0), (uint16_t)sqlite3_column_int64(stmt, 1));
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- restrictions ---- */

enum err store_restriction_add(struct store *s, const uint8_t id[VAULT_ID_BYTES],
                               struct vault_restriction *restriction)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RESTRICT_ADD);
    enum err e;

    if (stmt != NULL) {
        bind_blob(stmt, 1, id, VAULT_ID_BYTES);
        bind_int(stmt, 2, (int64_t)restriction->slot);
        bind_blob(stmt, 3, restriction->subject, VAULT_ID_BYTES);
        bind_int(stmt, 4, restriction->ground);
        bind_int(stmt, 5, restriction->set_ms);
        bind_text(stmt, 6, restriction->set_by);
        bind_int(stmt, 7, restriction->review_s);
    }
    e = store__run(s, stmt);
    if (e == ERR_OK)
        restriction->number = added(s);
    return e;
}

enum err store_restrictions_lift(struct store *s, const uint8_t *id,
                                 const struct vault_restriction *restriction)
{
    sqlite3_stmt *stmt = store__get(s, id == NULL ? STORE_RESTRICT_LIFT : STORE_RESTRICT_LIFT_ONE);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)restriction->slot);
        bind_int(stmt, 2, restriction->lifted_ms);
        bind_text(stmt, 3, restriction->lifted_by);
        bind_int(stmt, 4, restriction->notice_s);
    }
    if (stmt != NULL && id != NULL)
        bind_blob(stmt, 5, id, VAULT_ID_BYTES);
    return run_changing(s, stmt);
}

enum err store_restriction_id(struct store *s, const struct vault_restriction *restriction,
                              uint8_t ret_id[VAULT_ID_BYTES])
{
    sqlite3_stmt *stmt = store__get(s, STORE_RESTRICT_ID);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)restriction->number);
        bind_int(stmt, 2, (int64_t)restriction->slot);
    }
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    return column_bytes(stmt, 0, ret_id, VAULT_ID_BYTES) ? ERR_OK : ERR_CORRUPT;
}

enum err store_restriction_next(struct store *s, uint64_t after, struct vault_restriction *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RESTRICT_NEXT);
    struct vault_restriction found;
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)after);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    found.number = column_u64(stmt, 0);
    found.slot = column_u64(stmt, 1);
    found.ground = (char)sqlite3_column_int(stmt, 3);
    found.set_ms = sqlite3_column_int64(stmt, 4);
    found.review_s = sqlite3_column_int64(stmt, 6);
    found.notice_s = sqlite3_column_int64(stmt, 7);
    found.lifted_ms = sqlite3_column_int64(stmt, 8);
    if (!column_bytes(stmt, 2, found.subject, VAULT_ID_BYTES) ||
        !column_text(stmt, 5, found.set_by, sizeof(found.set_by)) ||
        !column_text(stmt, 9, found.lifted_by, sizeof(found.lifted_by)))
        return ERR_CORRUPT;
    *ret = found;
    return ERR_OK;
}

enum err store_restriction_on(struct store *s, uint64_t slot, unsigned *ret_grounds)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RESTRICT_ON);
    unsigned grounds = 0;
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    for (e = store__row(s, stmt); e == ERR_OK; e = store__row(s, stmt))
        grounds |= 1u << ((unsigned)(sqlite3_column_int(stmt, 0) - 'a') & 7);
    if (e != ERR_NOT_FOUND)
        return e;
    *ret_grounds = grounds;
    return ERR_OK;
}

enum err store_restrictions_open(struct store *s,
                                 void (*fn)(void *context, uint64_t slot, char ground),
                                 void *context)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RESTRICT_OPEN);
    enum err e = store__row(s, stmt);

    for (; e == ERR_OK; e = store__row(s, stmt))
        fn(context, column_u64(stmt, 0), (char)sqlite3_column_int(stmt, 1));
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- how many it binds ---- */

enum err store_restricted_count(struct store *s, uint64_t *ret)
{
    return store__number(s, store__get(s, STORE_RESTRICT_COUNT), ret);
}

enum err store_class_restricted(struct store *s, const struct store_class *c, uint64_t *ret)
{
    return store__number(s, store__get_class(s, c, STORE_RESTRICTED), ret);
}

enum err store_class_held_whole(struct store *s, const struct store_class *c, bool *ret)
{
    uint64_t n = 0;
    enum err e = store__number(s, store__get_class(s, c, STORE_HELD_WHOLE), &n);

    if (e == ERR_OK)
        *ret = n != 0;
    return e;
}

enum err store_class_held(struct store *s, const struct store_class *c, int64_t now_s,
                          uint64_t *ret_items, uint64_t *ret_due)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_HELD);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, now_s);
    e = store__number(s, stmt, ret_items);
    if (e == ERR_OK)
        *ret_due = column_u64(stmt, 1);
    return e;
}

/* ---- erasures that wait ---- */

enum err store_waiting_add(struct store *s, const struct vault_waiting *waiting)
{
    sqlite3_stmt *stmt = store__get(s, STORE_WAITING_ADD);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)waiting->slot);
        bind_blob(stmt, 2, waiting->id, VAULT_ID_BYTES);
        bind_blob(stmt, 3, waiting->subject, VAULT_ID_BYTES);
        bind_int(stmt, 4, waiting->domain);
        bind_int(stmt, 5, waiting->asked_ms);
        bind_blob(stmt, 6, waiting->note_len == 0 ? (const void *)"" : waiting->note,
                  waiting->note_len);
    }
    return store__run(s, stmt);
}

enum err store_waiting_next(struct store *s, uint64_t after, struct vault_waiting *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_WAITING_NEXT);
    struct vault_waiting found;
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)after);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    found.slot = column_u64(stmt, 0);
    found.domain = (uint16_t)sqlite3_column_int64(stmt, 3);
    found.asked_ms = sqlite3_column_int64(stmt, 4);
    found.note = (uint8_t *)sqlite3_column_blob(stmt, 5);
    found.note_len = (size_t)sqlite3_column_bytes(stmt, 5);
    if (!column_bytes(stmt, 1, found.id, VAULT_ID_BYTES) ||
        !column_bytes(stmt, 2, found.subject, VAULT_ID_BYTES))
        return ERR_CORRUPT;
    *ret = found;
    return ERR_OK;
}

enum err store_waiting_delete(struct store *s, uint64_t slot)
{
    sqlite3_stmt *stmt = store__get(s, STORE_WAITING_DELETE);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    return store__run(s, stmt);
}

/* ---- objections ---- */

static enum err name_purpose(struct store *s, const uint8_t hash[STORE_PURPOSE_BYTES],
                             const char *purpose)
{
    sqlite3_stmt *stmt = store__get(s, STORE_OBJECT_NAME);

    if (stmt != NULL) {
        bind_blob(stmt, 1, hash, STORE_PURPOSE_BYTES);
        bind_text(stmt, 2, purpose);
    }
    return store__run(s, stmt);
}

enum err store_objection_add(struct store *s, const uint8_t hash[STORE_PURPOSE_BYTES],
                             struct vault_objection *objection)
{
    sqlite3_stmt *stmt = store__get(s, STORE_OBJECT_ADD);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)objection->slot);
        bind_blob(stmt, 2, objection->subject, VAULT_ID_BYTES);
        bind_blob(stmt, 3, hash, STORE_PURPOSE_BYTES);
        bind_text(stmt, 4, objection->purpose);
        bind_int(stmt, 5, objection->set_ms);
        bind_text(stmt, 6, objection->set_by);
    }
    e = store__run(s, stmt);
    if (e == ERR_OK)
        objection->number = added(s);
    if (e == ERR_OK && objection->purpose[0] != '\0')
        e = name_purpose(s, hash, objection->purpose);
    return e;
}

enum err store_objection_end(struct store *s, const uint8_t hash[STORE_PURPOSE_BYTES],
                             const struct vault_objection *objection)
{
    sqlite3_stmt *stmt = store__get(s, STORE_OBJECT_END);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)objection->slot);
        bind_blob(stmt, 2, hash, STORE_PURPOSE_BYTES);
        bind_int(stmt, 3, objection->withdrawn_ms);
        bind_text(stmt, 4, objection->withdrawn_by);
    }
    return run_changing(s, stmt);
}

enum err store_objection_next(struct store *s, uint64_t after, struct vault_objection *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_OBJECT_NEXT);
    struct vault_objection found;
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)after);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    found.number = column_u64(stmt, 0);
    found.slot = column_u64(stmt, 1);
    found.set_ms = sqlite3_column_int64(stmt, 5);
    found.withdrawn_ms = sqlite3_column_int64(stmt, 7);
    if (!column_bytes(stmt, 2, found.subject, VAULT_ID_BYTES) ||
        !column_text(stmt, 4, found.purpose, sizeof(found.purpose)) ||
        !column_text(stmt, 6, found.set_by, sizeof(found.set_by)) ||
        !column_text(stmt, 8, found.withdrawn_by, sizeof(found.withdrawn_by)))
        return ERR_CORRUPT;
    *ret = found;
    return ERR_OK;
}

enum err store_objection_on(struct store *s, uint64_t slot, const uint8_t hash[STORE_PURPOSE_BYTES],
                            uint64_t *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_OBJECT_ON);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)slot);
        bind_blob(stmt, 2, hash, STORE_PURPOSE_BYTES);
    }
    return store__number(s, stmt, ret);
}

enum err store_objections_open(struct store *s, uint64_t of_slot,
                               void (*fn)(void *context, uint64_t slot,
                                          const uint8_t hash[STORE_PURPOSE_BYTES],
                                          const char *purpose),
                               void *context)
{
    sqlite3_stmt *stmt = store__get(s, of_slot == 0 ? STORE_OBJECT_OPEN : STORE_OBJECT_OF);
    enum err e;

    if (stmt != NULL && of_slot != 0)
        bind_int(stmt, 1, (int64_t)of_slot);
    e = store__row(s, stmt);
    for (; e == ERR_OK; e = store__row(s, stmt)) {
        uint8_t hash[STORE_PURPOSE_BYTES];
        char purpose[VAULT_PURPOSE_NAME_MAX + 1];

        if (!column_bytes(stmt, 1, hash, sizeof(hash)) ||
            !column_text(stmt, 2, purpose, sizeof(purpose)))
            return ERR_CORRUPT;
        fn(context, column_u64(stmt, 0), hash, purpose);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- all of them ---- */

enum err store_holds_count(struct store *s, struct store_holds_counts *ret)
{
    struct store_holds_counts counts = {0, 0, 0};
    enum err e = store__number(s, store__get(s, STORE_HOLD_COUNT), &counts.holds);

    if (e == ERR_OK)
        e = store__number(s, store__get(s, STORE_WAITING_COUNT), &counts.waiting);
    if (e == ERR_OK)
        e = store__number(s, store__get(s, STORE_OBJECT_COUNT), &counts.objections);
    if (e == ERR_OK)
        *ret = counts;
    return e;
}

static sqlite3_stmt *copy_to(struct store *s, enum store_statement which, uint64_t from,
                             uint64_t to, const uint8_t subject[VAULT_ID_BYTES])
{
    sqlite3_stmt *stmt = store__get(s, which);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)from);
        bind_int(stmt, 2, (int64_t)to);
        bind_blob(stmt, 3, subject, VAULT_ID_BYTES);
    }
    return stmt;
}

enum err store_holds_copy(struct store *s, uint64_t from, uint64_t to,
                          const uint8_t subject[VAULT_ID_BYTES], uint64_t but)
{
    sqlite3_stmt *stmt = copy_to(s, STORE_RESTRICT_COPY, from, to, subject);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 4, (int64_t)but);
    e = store__run(s, stmt);
    if (e == ERR_OK)
        e = store__run(s, copy_to(s, STORE_HOLD_FOLLOW, from, to, subject));
    return e == ERR_OK ? store__run(s, copy_to(s, STORE_OBJECT_COPY, from, to, subject)) : e;
}

enum err store_holds_end(struct store *s, uint64_t slot, int64_t now_ms)
{
    const struct vault_restriction ended = {
        .slot = slot, .lifted_ms = now_ms, .lifted_by = "the end of the values"};
    sqlite3_stmt *stmt = store__get(s, STORE_OBJECT_END_ALL);
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)slot);
        bind_int(stmt, 2, now_ms);
        bind_text(stmt, 3, ended.lifted_by);
    }
    e = store__run(s, stmt);
    if (e == ERR_OK)
        e = store_restrictions_lift(s, NULL, &ended);
    if (e == ERR_NOT_FOUND)
        e = ERR_OK;
    if (e == ERR_OK)
        e = store_consents_end(s, slot, now_ms);
    return e == ERR_OK ? store_waiting_delete(s, slot) : e;
}
