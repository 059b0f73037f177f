/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of vault.db, what the store remembers of itself, classes and domains.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: rows, subjects, counters.
 *
 * One table per class, so that rows are appended in the order of their row numbers, which with a
 * constant period is also the order in which they fall due. */
#include "vault/store_sqlite_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { SCHEMA_VERSION = 3, APPLICATION_ID = 0x6c657468 /* "leth" */ };

static const char schema_sql[] =
    "PRAGMA application_id=0x6c657468;"
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
    "CREATE TABLE class(id INTEGER PRIMARY KEY, domain INTEGER NOT NULL, name TEXT NOT NULL,"
    " format INTEGER NOT NULL, deterministic INTEGER NOT NULL, period TEXT NOT NULL,"
    " ordered INTEGER NOT NULL, spec TEXT NOT NULL, UNIQUE(domain, name));"
    "CREATE TABLE sequence(id BLOB PRIMARY KEY, class INTEGER NOT NULL, idx INTEGER NOT NULL,"
    " room INTEGER NOT NULL, next INTEGER NOT NULL, mac BLOB NOT NULL, UNIQUE(class, idx))"
    " WITHOUT ROWID;"
    "CREATE TABLE domain(id INTEGER PRIMARY KEY, slot INTEGER NOT NULL, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE subject(slot INTEGER PRIMARY KEY, rid BLOB NOT NULL, domain INTEGER NOT NULL,"
    " created INTEGER NOT NULL);"
    "CREATE TABLE subject_name(mac BLOB PRIMARY KEY, slot INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX subject_name_slot ON subject_name(slot);"
    "CREATE TABLE agg(class INTEGER, created_day INTEGER, due_day INTEGER, n INTEGER NOT NULL,"
    " PRIMARY KEY(class, created_day, due_day)) WITHOUT ROWID;"
    "CREATE TABLE flow(class INTEGER, day INTEGER, reason INTEGER, n INTEGER NOT NULL,"
    " PRIMARY KEY(class, day, reason)) WITHOUT ROWID;"
    "CREATE TABLE started(class INTEGER, day INTEGER, n INTEGER NOT NULL,"
    " PRIMARY KEY(class, day)) WITHOUT ROWID;"
    "CREATE TABLE erasure(slot INTEGER PRIMARY KEY, id BLOB NOT NULL, subject BLOB NOT NULL,"
    " seq INTEGER NOT NULL, cutoff INTEGER NOT NULL, begun INTEGER NOT NULL,"
    " domain INTEGER NOT NULL, note BLOB NOT NULL);"
    "CREATE INDEX erasure_seq ON erasure(seq);"
    "CREATE TABLE swept(slot INTEGER, class INTEGER, n INTEGER NOT NULL,"
    " PRIMARY KEY(slot, class)) WITHOUT ROWID;"
    "CREATE TABLE receipt(seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    " begun INTEGER NOT NULL, body BLOB NOT NULL);"
    "INSERT INTO meta VALUES('ledger_seq',0),('ledger_head',zeroblob(32)),('subjects',0);";

static const char random_class_sql[] =
    "CREATE TABLE val_$(id INTEGER PRIMARY KEY, subj INTEGER NOT NULL, created INTEGER NOT NULL,"
    " due INTEGER NOT NULL, salt BLOB NOT NULL, ct BLOB NOT NULL, rev INTEGER NOT NULL DEFAULT 0,"
    " start INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX val_$_subj ON val_$(subj);";

static const char deterministic_class_sql[] =
    "CREATE TABLE det_$(tok INTEGER PRIMARY KEY, salt BLOB NOT NULL, fp BLOB NOT NULL UNIQUE);"
    "CREATE TABLE val_$(id INTEGER PRIMARY KEY, tok INTEGER NOT NULL, subj INTEGER NOT NULL,"
    " created INTEGER NOT NULL, due INTEGER NOT NULL, ct BLOB NOT NULL,"
    " rev INTEGER NOT NULL DEFAULT 0, start INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX val_$_tok ON val_$(tok, subj);"
    "CREATE INDEX val_$_subj ON val_$(subj);";

static enum err pragma_int(struct store *s, const char *sql, int64_t *ret)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *ret = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? ERR_OK : store__error(s, rc);
}

/* ---- meta ---- */

static enum err meta_row(struct store *s, const char *key, sqlite3_stmt **ret_stmt)
{
    sqlite3_stmt *stmt = store__get(s, STORE_META_GET);

    if (stmt != NULL)
        bind_text(stmt, 1, key);
    *ret_stmt = stmt;
    return store__row(s, stmt);
}

enum err store_meta_int(struct store *s, const char *key, int64_t *ret)
{
    sqlite3_stmt *stmt;
    enum err e = meta_row(s, key, &stmt);

    if (e == ERR_OK)
        *ret = sqlite3_column_int64(stmt, 0);
    return e;
}

static enum err meta_bytes(struct store *s, const char *key, void *to, size_t len)
{
    sqlite3_stmt *stmt;
    enum err e = meta_row(s, key, &stmt);

    if (e != ERR_OK)
        return e;
    return column_bytes(stmt, 0, to, len) ? ERR_OK : ERR_CORRUPT;
}

enum err store_meta_hash(struct store *s, const char *key, uint8_t ret[CRYPTO_HASH_BYTES])
{
    return meta_bytes(s, key, ret, CRYPTO_HASH_BYTES);
}

static enum err meta_set_bytes(struct store *s, const char *key, const void *bytes, size_t len)
{
    sqlite3_stmt *stmt = store__get(s, STORE_META_SET);

    if (stmt != NULL) {
        bind_text(stmt, 1, key);
        bind_blob(stmt, 2, bytes, len);
    }
    return store__run(s, stmt);
}

enum err store_meta_set_hash(struct store *s, const char *key,
                             const uint8_t hash[CRYPTO_HASH_BYTES])
{
    return meta_set_bytes(s, key, hash, CRYPTO_HASH_BYTES);
}

static enum err meta_int(struct store *s, enum store_statement which, const char *key, int64_t n)
{
    sqlite3_stmt *stmt = store__get(s, which);

    if (stmt != NULL) {
        bind_text(stmt, 1, key);
        bind_int(stmt, 2, n);
    }
    return store__run(s, stmt);
}

enum err store_meta_set_int(struct store *s, const char *key, int64_t value)
{
    return meta_int(s, STORE_META_SET, key, value);
}

enum err store_meta_add(struct store *s, const char *key, int64_t delta)
{
    return meta_int(s, STORE_META_ADD, key, delta);
}

/* ---- creating and opening ---- */

static enum err write_schema(struct store *s, const uint8_t store_id[VAULT_ID_BYTES])
{
    enum err e = store_begin(s);

    if (e == ERR_OK)
        e = store__exec(s, schema_sql, 0);
    if (e == ERR_OK)
        e = meta_set_bytes(s, "store", store_id, VAULT_ID_BYTES);
    if (e == ERR_OK)
        e = store__exec(s, "PRAGMA user_version=$", SCHEMA_VERSION);
    if (e == ERR_OK)
        return store_commit(s);
    store_rollback(s);
    return e;
}

enum err store_create(const char *path, const uint8_t store_id[VAULT_ID_BYTES], struct errmsg *msg)
{
    AUTO(store_close) struct store *s = NULL;
    /* SQLite would let the group read it; its log takes the mode of the database. */
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err e;

    if (fd < 0)
        return errmsg_set(msg, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: %s", path,
                          strerror(errno));
    (void)close(fd);
    e = store__connect(path, STORE_WRITER, &s, msg);
    if (e != ERR_OK)
        return e;
    e = write_schema(s, store_id);
    if (e == ERR_OK)
        e = store_truncate(s);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be written: %s", path, sqlite3_errmsg(s->db));
    return ERR_OK;
}

static enum err check(struct store *s, const char *path, const uint8_t store_id[VAULT_ID_BYTES],
                      struct errmsg *msg)
{
    uint8_t id[VAULT_ID_BYTES];
    int64_t application = 0;
    int64_t version = 0;
    enum err e = pragma_int(s, "PRAGMA application_id", &application);

    if (e == ERR_OK)
        e = pragma_int(s, "PRAGMA user_version", &version);
    if (e != ERR_OK)
        return store__say(e, path, sqlite3_errmsg(s->db), msg);
    if (application != APPLICATION_ID || version < 1)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: is not the database of a Lethe store; " STORE_REMEDY, path);
    if (version < SCHEMA_VERSION)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: has format %lld, from before the first release; this program writes "
                          "%d and does not convert it: make a new store",
                          path, (long long)version, SCHEMA_VERSION);
    if (version > SCHEMA_VERSION)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: has format %lld, newer than this program knows (%d): use the newer "
                          "program",
                          path, (long long)version, SCHEMA_VERSION);
    e = meta_bytes(s, "store", id, sizeof(id));
    if (e != ERR_OK)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: does not say which store it belongs to; " STORE_REMEDY, path);
    if (memcmp(id, store_id, sizeof(id)) != 0)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: belongs to another store than keys.slab beside it; put this "
                          "store's own back",
                          path);
    return ERR_OK;
}

enum err store_open(const char *path, enum store_role role, const uint8_t store_id[VAULT_ID_BYTES],
                    struct store **ret_store, struct errmsg *msg)
{
    AUTO(store_close) struct store *s = NULL;
    enum err e = store__connect(path, role, &s, msg);

    if (e == ERR_OK)
        e = check(s, path, store_id, msg);
    if (e != ERR_OK)
        return e;
    store_read_end(s);
    *ret_store = TAKE(s);
    return ERR_OK;
}

/* ---- classes ---- */

static enum err read_class(sqlite3_stmt *stmt, struct store_class *ret)
{
    int64_t id = sqlite3_column_int64(stmt, 0);
    int64_t format = sqlite3_column_int64(stmt, 3);

    if (id < 1 || id > CLASSES_MAX || format < TOKEN_OPAQUE || format > TOKEN_INTEGER)
        return ERR_CORRUPT;
    ret[id] = (struct store_class){
        .id = (uint16_t)id,
        .domain = (uint16_t)sqlite3_column_int64(stmt, 1),
        .format = (enum token_format)format,
        .deterministic = sqlite3_column_int64(stmt, 4) != 0,
        .ordered = sqlite3_column_int64(stmt, 6) != 0,
    };
    if (!column_text(stmt, 2, ret[id].name, sizeof(ret[id].name)) ||
        !column_text(stmt, 5, ret[id].period, sizeof(ret[id].period)) ||
        !column_text(stmt, 7, ret[id].spec, sizeof(ret[id].spec)))
        return ERR_CORRUPT;
    return ERR_OK;
}

enum err store_classes_read(struct store *s, struct store_class ret[CLASSES_MAX + 1])
{
    sqlite3_stmt *stmt = store__get(s, STORE_CLASS_ALL);
    enum err e = store__row(s, stmt);

    while (e == ERR_OK) {
        e = read_class(stmt, ret);
        if (e == ERR_OK)
            e = store__row(s, stmt);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store_class_add(struct store *s, const struct store_class *c)
{
    enum err e =
        store__exec(s, c->deterministic ? deterministic_class_sql : random_class_sql, c->id);
    sqlite3_stmt *stmt;

    if (e != ERR_OK)
        return e;
    stmt = store__get(s, STORE_CLASS_ADD);
    if (stmt != NULL) {
        bind_int(stmt, 1, c->id);
        bind_int(stmt, 2, c->domain);
        bind_text(stmt, 3, c->name);
        bind_int(stmt, 4, c->format);
        bind_int(stmt, 5, c->deterministic);
        bind_text(stmt, 6, c->period);
        bind_int(stmt, 7, c->ordered);
        bind_text(stmt, 8, c->spec);
    }
    e = store__run(s, stmt);
    return e == ERR_OK && !c->ordered ? store_class_disorder(s, c) : e;
}

enum err store_class_set_period(struct store *s, uint16_t id, const char *period)
{
    sqlite3_stmt *stmt = store__get(s, STORE_CLASS_PERIOD);

    if (stmt != NULL) {
        bind_int(stmt, 1, id);
        bind_text(stmt, 2, period);
    }
    return store__run(s, stmt);
}

static enum err class_run(struct store *s, enum store_statement which, uint16_t id)
{
    sqlite3_stmt *stmt = store__get(s, which);

    if (stmt != NULL)
        bind_int(stmt, 1, id);
    return store__run(s, stmt);
}

enum err store_class_disorder(struct store *s, const struct store_class *c)
{
    enum err e = store__exec(s, "CREATE INDEX IF NOT EXISTS val_$_due ON val_$(due)", c->id);

    return e == ERR_OK ? class_run(s, STORE_CLASS_DISORDER, c->id) : e;
}

enum err store_class_drop(struct store *s, const struct store_class *c)
{
    enum err e = store__flush(s);

    if (e != ERR_OK)
        return e;
    store__class_free(s, c->id);
    e = store__exec(s, c->deterministic ? "DROP TABLE val_$; DROP TABLE det_$" : "DROP TABLE val_$",
                    c->id);
    if (e == ERR_OK)
        e = class_run(s, STORE_SEQUENCE_DELETE, c->id);
    return e == ERR_OK ? class_run(s, STORE_CLASS_DELETE, c->id) : e;
}

enum err store_class_is_empty(struct store *s, const struct store_class *c, bool *ret)
{
    uint64_t id = 0;
    int64_t due_s = 0;
    enum err e = store_row_last(s, c, &id, &due_s);

    if (e == ERR_OK)
        *ret = id == 0;
    return e;
}

/* ---- domains ---- */

enum err store_domain_add(struct store *s, const struct store_domain *domain)
{
    sqlite3_stmt *stmt = store__get(s, STORE_DOMAIN_ADD);

    if (stmt != NULL) {
        bind_int(stmt, 1, domain->id);
        bind_int(stmt, 2, (int64_t)domain->slot);
        bind_text(stmt, 3, domain->name);
    }
    return store__run(s, stmt);
}

enum err store_domain_next(struct store *s, uint32_t from, struct store_domain *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_DOMAIN_NEXT);
    struct store_domain found;
    int64_t id;
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, from);
    e = store__row(s, stmt);
    if (e != ERR_OK)
        return e;
    id = sqlite3_column_int64(stmt, 0);
    if (id < 1 || id > UINT16_MAX || !column_text(stmt, 2, found.name, sizeof(found.name)))
        return ERR_CORRUPT;
    found.id = (uint16_t)id;
    found.slot = column_u64(stmt, 1);
    *ret = found;
    return ERR_OK;
}

enum err store_domain_is_used(struct store *s, uint16_t domain, bool *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_DOMAIN_USED);
    enum err e;

    if (stmt != NULL)
        bind_int(stmt, 1, domain);
    e = store__row(s, stmt);
    if (e == ERR_OK)
        *ret = sqlite3_column_int64(stmt, 0) != 0;
    return e;
}
