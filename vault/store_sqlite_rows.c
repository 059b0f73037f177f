/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of values: adding, finding by token, by owner, deleting what is due or erased.
 * Runs on: the thread that owns the connection. Holds: nothing. Invariant: a row that has not the
 * shape we write is CORRUPT, never believed. Not here: counters, opening what is sealed.
 *
 *   random class         token -> val.id                      (the row keeps the token's salt)
 *   deterministic class  token -> det.tok <- val.tok, one row an owner (det keeps the salt) */
#include "vault/store_sqlite_priv.h"

/* Parameters of a random class's row, the first at `at`. */
static void bind_row(sqlite3_stmt *stmt, int at, const struct store_row *row)
{
    bind_int(stmt, at, (int64_t)row->id);
    bind_int(stmt, at + 1, (int64_t)row->slot);
    bind_int(stmt, at + 2, row->created_s);
    bind_int(stmt, at + 3, row->due_s);
    bind_blob(stmt, at + 4, row->salt, TOKEN_SALT_BYTES);
    bind_blob(stmt, at + 5, row->sealed.at, row->sealed.len);
}

/* Few rows come with a start: the others need not carry a zero along. */
static enum err put_start(struct store *s, const struct store_class *c, const struct store_row *row)
{
    sqlite3_stmt *stmt;

    if (row->start_s == 0)
        return ERR_OK;
    stmt = store__get_class(s, c, STORE_START);
    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)row->id);
        bind_int(stmt, 2, row->start_s);
    }
    return store__run(s, stmt);
}

static enum err insert(struct store *s, const struct store_class *c, const struct store_row *row)
{
    sqlite3_stmt *stmt = store__get_insert(s, c);

    if (stmt == NULL)
        return ERR_CORRUPT;
    if (!c->deterministic) {
        bind_row(stmt, 1, row);
        return store__run(s, stmt);
    }
    bind_int(stmt, 1, (int64_t)row->id);
    bind_int(stmt, 2, (int64_t)row->token_row);
    bind_int(stmt, 3, (int64_t)row->slot);
    bind_int(stmt, 4, row->created_s);
    bind_int(stmt, 5, row->due_s);
    bind_blob(stmt, 6, row->sealed.at, row->sealed.len);
    bind_int(stmt, 7, (int64_t)row->revision);
    return store__run(s, stmt);
}

/* ---- rows that wait ---- */

static enum err insert_pending(struct store *s, const struct store_class *c,
                               struct store_pending *p)
{
    const size_t count = p->count;
    enum err e = ERR_OK;

    p->count = 0;
    if (count == STORE_PENDING_ROWS) {
        sqlite3_stmt *stmt = store__get_insert_many(s, c);

        for (size_t i = 0; stmt != NULL && i < count; i++)
            bind_row(stmt, 1 + (int)i * 6, &p->rows[i]);
        return store__run(s, stmt);
    }
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = insert(s, c, &p->rows[i]);
    return e;
}

enum err store__flush_class(struct store *s, const struct store_class *c)
{
    struct store_pending *p = store__class(s, c)->pending;

    if (p == NULL || p->count == 0)
        return ERR_OK;
    for (size_t i = 0; i < s->waiting_count; i++)
        if (s->waiting[i]->id == c->id)
            s->waiting[i] = s->waiting[--s->waiting_count];
    return insert_pending(s, c, p);
}

enum err store__flush(struct store *s)
{
    enum err e = ERR_OK;

    while (s->waiting_count > 0 && e == ERR_OK)
        e = store__flush_class(s, s->waiting[0]);
    return e;
}

void store__forget_pending(struct store *s)
{
    while (s->waiting_count > 0)
        s->classes[s->waiting[--s->waiting_count]->id]->pending->count = 0;
}

enum err store_row_add(struct store *s, const struct store_class *c, const struct store_row *row)
{
    struct store_class_statements *own = store__class(s, c);
    struct store_pending *p;

    if (c->deterministic || row->start_s != 0 || row->sealed.len > STORE_PENDING_BYTES) {
        enum err e = store__flush_class(s, c); /* rows keep their order */

        if (e == ERR_OK)
            e = insert(s, c, row);
        return e == ERR_OK ? put_start(s, c, row) : e;
    }
    if (own->pending == NULL)
        own->pending = mem_alloc(sizeof(*own->pending));
    p = own->pending;
    if (p->count == 0)
        s->waiting[s->waiting_count++] = c;
    p->rows[p->count] = *row;
    memcpy(p->bytes[p->count], row->sealed.at, row->sealed.len);
    p->rows[p->count].sealed.at = (const char *)p->bytes[p->count];
    p->count++;
    return p->count == STORE_PENDING_ROWS ? store__flush_class(s, c) : ERR_OK;
}

/* Columns: subj, created, due, salt, ct, rev, start. */
static enum err read_row(sqlite3_stmt *stmt, struct store_row *ret)
{
    ret->slot = column_u64(stmt, 0);
    ret->created_s = sqlite3_column_int64(stmt, 1);
    ret->due_s = sqlite3_column_int64(stmt, 2);
    if (!column_bytes(stmt, 3, ret->salt, TOKEN_SALT_BYTES))
        return ERR_CORRUPT;
    ret->sealed.at = sqlite3_column_blob(stmt, 4);
    ret->sealed.len = (size_t)sqlite3_column_bytes(stmt, 4);
    ret->revision = column_u64(stmt, 5);
    ret->start_s = sqlite3_column_int64(stmt, 6);
    return ret->sealed.at == NULL || ret->sealed.len <= CRYPTO_TAG_BYTES ? ERR_CORRUPT : ERR_OK;
}

/* The same, then: id, tok. */
static enum err first_row(struct store *s, sqlite3_stmt *stmt, struct store_row *ret)
{
    struct store_row row;
    enum err e = store__row(s, stmt);

    if (e == ERR_OK)
        e = read_row(stmt, &row);
    if (e != ERR_OK)
        return e;
    row.id = column_u64(stmt, 7);
    row.token_row = column_u64(stmt, 8);
    *ret = row;
    return ERR_OK;
}

enum err store_row_get(struct store *s, const struct store_class *c, uint64_t id,
                       struct store_row *ret)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_ROW_GET);
    struct store_row row = {.id = id};
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)id);
    e = store__row(s, stmt);
    if (e == ERR_OK)
        e = read_row(stmt, &row);
    if (e == ERR_OK)
        *ret = row;
    return e;
}

enum err store_shared_find(struct store *s, const struct store_class *c,
                           const uint8_t fingerprint[CRYPTO_MAC_BYTES], uint64_t *ret_token_row,
                           uint8_t ret_salt[TOKEN_SALT_BYTES])
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_SHARED_FIND);
    enum err e;

    if (stmt != NULL)
        bind_blob(stmt, 1, fingerprint, CRYPTO_MAC_BYTES);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    if (!column_bytes(stmt, 1, ret_salt, TOKEN_SALT_BYTES))
        return ERR_CORRUPT;
    *ret_token_row = column_u64(stmt, 0);
    return ERR_OK;
}

enum err store_shared_add(struct store *s, const struct store_class *c, uint64_t token_row,
                          const uint8_t salt[TOKEN_SALT_BYTES],
                          const uint8_t fingerprint[CRYPTO_MAC_BYTES])
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_SHARED_ADD);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)token_row);
        bind_blob(stmt, 2, salt, TOKEN_SALT_BYTES);
        bind_blob(stmt, 3, fingerprint, CRYPTO_MAC_BYTES);
    }
    return store__run(s, stmt);
}

static enum err run_token_row(struct store *s, const struct store_class *c,
                              enum store_class_statement which, uint64_t token_row)
{
    sqlite3_stmt *stmt = store__get_class(s, c, which);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)token_row);
    return store__run(s, stmt);
}

enum err store_shared_delete(struct store *s, const struct store_class *c, uint64_t token_row)
{
    return run_token_row(s, c, STORE_SHARED_DELETE, token_row);
}

enum err store_shared_trim(struct store *s, const struct store_class *c, uint64_t token_row)
{
    return run_token_row(s, c, STORE_SHARED_TRIM, token_row);
}

enum err store_owner_get(struct store *s, const struct store_class *c, uint64_t token_row,
                         uint64_t slot, struct store_row *ret)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_OWNER_GET);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)token_row);
        bind_int(stmt, 2, (int64_t)slot);
    }
    return first_row(s, stmt, ret);
}

/* ---- revising ---- */

enum err store_row_revise(struct store *s, const struct store_class *c, uint64_t id,
                          uint64_t revision, struct span sealed)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_REVISE);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)id);
        bind_int(stmt, 2, (int64_t)revision);
        bind_blob(stmt, 3, sealed.at, sealed.len);
    }
    return store__run(s, stmt);
}

enum err store_shared_revise(struct store *s, const struct store_class *c, uint64_t token_row,
                             const uint8_t fingerprint[CRYPTO_MAC_BYTES])
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_SHARED_REVISE);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)token_row);
        bind_blob(stmt, 2, fingerprint, CRYPTO_MAC_BYTES);
    }
    return store__run(s, stmt);
}

/* ---- moving ---- */

enum err store_row_after(struct store *s, const struct store_class *c, uint64_t slot,
                         uint64_t after, struct store_row *ret)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_ROW_AFTER);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)slot);
        bind_int(stmt, 2, (int64_t)after);
    }
    return first_row(s, stmt, ret);
}

enum err store_row_move(struct store *s, const struct store_class *c, const struct store_row *row)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_ROW_MOVE);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)row->id);
        bind_int(stmt, 2, (int64_t)row->slot);
        bind_int(stmt, 3, (int64_t)row->revision);
        bind_blob(stmt, 4, row->sealed.at, row->sealed.len);
    }
    return store__run(s, stmt);
}

/* ---- another due time ---- */

enum err store_timers(struct store *s, const struct store_class *c,
                      const struct store_timer_cursor *from, struct store_timer *ret,
                      size_t *ret_count)
{
    sqlite3_stmt *stmt = store__get_class(s, c, from->slot == 0 ? STORE_TIMERS : STORE_TIMERS_OF);
    size_t count = 0;
    enum err e;

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)from->after);
        bind_int(stmt, 2, (int64_t)from->limit);
        if (from->slot != 0)
            bind_int(stmt, 3, (int64_t)from->slot);
    }
    e = store__row(s, stmt);
    while (e == ERR_OK) {
        REQUIRE(count < from->limit);
        ret[count++] = (struct store_timer){
            .id = column_u64(stmt, 0),
            .slot = column_u64(stmt, 1),
            .created_s = sqlite3_column_int64(stmt, 2),
            .due_s = sqlite3_column_int64(stmt, 3),
            .start_s = sqlite3_column_int64(stmt, 4),
        };
        e = store__row(s, stmt);
    }
    if (e != ERR_NOT_FOUND)
        return e;
    *ret_count = count;
    return ERR_OK;
}

enum err store_row_at(struct store *s, const struct store_class *c, uint64_t id,
                      struct store_row *ret)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_ROW_AT);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)id);
    return first_row(s, stmt, ret);
}

enum err store_row_retime(struct store *s, const struct store_class *c, const struct store_row *row)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_RETIME);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)row->id);
        bind_int(stmt, 2, row->due_s);
        bind_int(stmt, 3, row->start_s);
        bind_int(stmt, 4, (int64_t)row->revision);
        bind_blob(stmt, 5, row->sealed.at, row->sealed.len);
    }
    return store__run(s, stmt);
}

/* ---- cursors ---- */

static enum err cursor(struct store *s, const struct store_class *c,
                       enum store_class_statement which, uint64_t key)
{
    sqlite3_stmt *stmt = store__get_class(s, c, which);

    if (stmt == NULL)
        return ERR_CORRUPT;
    bind_int(stmt, 1, (int64_t)key);
    s->held = stmt;
    return ERR_OK;
}

enum err store_owners(struct store *s, const struct store_class *c, uint64_t token_row)
{
    return cursor(s, c, STORE_OWNERS, token_row);
}

enum err store_rows_of(struct store *s, const struct store_class *c, uint64_t slot)
{
    return cursor(s, c, STORE_ROWS_OF, slot);
}

enum err store_next(struct store *s, struct store_row *ret)
{
    return s->held == NULL ? ERR_NOT_FOUND : first_row(s, s->held, ret);
}

/* ---- figures of a table ---- */

enum err store_rows_count(struct store *s, const struct store_class *c, uint64_t slot,
                          int64_t due_after_s, uint64_t *ret)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_COUNT);

    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)slot);
        bind_int(stmt, 2, due_after_s);
    }
    return store__number(s, stmt, ret);
}

enum err store_class_has(struct store *s, const struct store_class *c, uint64_t slot, bool *ret)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_HAS);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    e = store__row(s, stmt);
    if (e == ERR_OK)
        *ret = sqlite3_column_int64(stmt, 0) != 0;
    return e;
}

enum err store_row_last(struct store *s, const struct store_class *c, uint64_t *ret_id,
                        int64_t *ret_due_s)
{
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_LAST);
    enum err e = store__row(s, stmt);

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    *ret_id = e == ERR_OK ? column_u64(stmt, 0) : 0;
    *ret_due_s = e == ERR_OK ? sqlite3_column_int64(stmt, 1) : 0;
    return ERR_OK;
}

/* ---- deleting ---- */

/* What a bound statement deletes. */
static enum err gone_rows(struct store *s, sqlite3_stmt *stmt, size_t limit, struct store_gone *ret,
                          size_t *ret_count)
{
    size_t count = 0;
    enum err e = store__row(s, stmt);

    while (e == ERR_OK) {
        REQUIRE(count < limit);
        ret[count++] = (struct store_gone){
            .token_row = column_u64(stmt, 0),
            .slot = column_u64(stmt, 1),
            .created_s = sqlite3_column_int64(stmt, 2),
            .due_s = sqlite3_column_int64(stmt, 3),
            .start_s = sqlite3_column_int64(stmt, 4),
        };
        e = store__row(s, stmt);
    }
    if (e != ERR_NOT_FOUND)
        return e;
    *ret_count = count;
    return ERR_OK;
}

static enum err delete_rows(struct store *s, sqlite3_stmt *stmt, int64_t key, size_t limit,
                            struct store_gone *ret, size_t *ret_count)
{
    if (stmt != NULL) {
        bind_int(stmt, 1, key);
        bind_int(stmt, 2, (int64_t)limit);
    }
    return gone_rows(s, stmt, limit, ret, ret_count);
}

enum err store_rows_delete_of(struct store *s, const struct store_class *c, uint64_t slot,
                              size_t limit, struct store_gone *ret, size_t *ret_count)
{
    return delete_rows(s, store__get_class(s, c, STORE_DELETE_OF), (int64_t)slot, limit, ret,
                       ret_count);
}

enum err store_rows_delete_due(struct store *s, const struct store_class *c, int64_t now_s,
                               size_t limit, struct store_gone *ret, size_t *ret_count)
{
    enum store_class_statement which = c->ordered ? STORE_DELETE_DUE : STORE_DELETE_DUE_INDEX;

    return delete_rows(s, store__get_class(s, c, which), now_s, limit, ret, ret_count);
}

/* ---- what is due, one by one ---- */

/* Add rows (id, subject, due) that `stmt` finds, as long as they are due. */
static enum err read_due(struct store *s, sqlite3_stmt *stmt, int64_t now_s,
                         struct vault_due_mark *mark, struct store_due_list *list)
{
    enum err e = store__row(s, stmt);

    while (e == ERR_OK && sqlite3_column_int64(stmt, 2) <= now_s) {
        REQUIRE(list->count < STORE_DUE_MAX);
        list->at[list->count++] = (struct store_due){column_u64(stmt, 0), column_u64(stmt, 1)};
        *mark = (struct vault_due_mark){sqlite3_column_int64(stmt, 2), column_u64(stmt, 0)};
        e = store__row(s, stmt);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* By row number where that is the order of due times; else by due time, and by number where many are
 * due at one instant, as at the end of a year. */
enum err store_rows_due(struct store *s, const struct store_class *c, int64_t now_s, size_t limit,
                        struct vault_due_mark *mark, struct store_due_list *ret)
{
    sqlite3_stmt *stmt = store__get_class(s, c, c->ordered ? STORE_DUE_AFTER : STORE_DUE_SAME);
    const size_t most = limit < STORE_DUE_MAX ? limit : STORE_DUE_MAX;
    enum err e;

    ret->count = 0;
    if (stmt != NULL) {
        bind_int(stmt, 1, (int64_t)mark->id);
        bind_int(stmt, 2, (int64_t)most);
        if (!c->ordered)
            bind_int(stmt, 3, mark->due_s);
    }
    e = read_due(s, stmt, now_s, mark, ret);
    if (e != ERR_OK || c->ordered || ret->count == most)
        return e;
    stmt = store__get_class(s, c, STORE_DUE_LATER);
    if (stmt != NULL) {
        bind_int(stmt, 1, mark->due_s);
        bind_int(stmt, 2, (int64_t)(most - ret->count));
        bind_int(stmt, 3, now_s);
    }
    return read_due(s, stmt, now_s, mark, ret);
}

enum err store_row_delete(struct store *s, const struct store_class *c, uint64_t id,
                          struct store_gone *ret)
{
    size_t count = 0;
    sqlite3_stmt *stmt = store__get_class(s, c, STORE_DELETE_ROW);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)id);
    e = gone_rows(s, stmt, 1, ret, &count);
    return e == ERR_OK && count == 0 ? ERR_NOT_FOUND : e;
}
