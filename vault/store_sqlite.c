/* SPDX-License-Identifier: Apache-2.0 */
/* One SQLite connection: opening, transactions, statements, checkpoints.
 * Runs on: the thread that owns the connection. Holds: prepared statements, made at first use.
 * Invariant: no statement is left standing on a row when a transaction ends, since that would hold
 * back checkpoints. Not here: what the tables mean (store_sqlite_*.c), keys, clear values. */
#include "vault/store_sqlite_priv.h"

#include <pthread.h>
#include <stdio.h>

#include "base/fault.h"

enum {
    OPEN_WAIT_MS = 5000,  /* another connection of ours may be opening or closing */
    TRUNCATE_WAIT_MS = 20 /* the writer must not stand still for a slow reader */
};

static const char *const statement_sql[] = {
#define X(name, sql) sql,
    STORE_STATEMENTS(X)
#undef X
};

static const char *const class_sql[][2] = {
#define X(name, random, deterministic) {random, deterministic},
    STORE_CLASS_STATEMENTS(X)
#undef X
};

enum err store__say(enum err e, const char *path, const char *what, struct errmsg *msg)
{
    return errmsg_set(msg, e, "%s: cannot be read: %s%s", path, what,
                      e == ERR_CORRUPT ? "; " STORE_REMEDY : "");
}

enum err store__error(struct store *s, int rc)
{
    s->failed = true;
    switch (rc & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
        return ERR_NO_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
    case SQLITE_ERROR: /* a table that should be there is not */
        return ERR_CORRUPT;
    default:
        return ERR_IO;
    }
}

static void let_go(struct store *s)
{
    if (s->held != NULL)
        (void)sqlite3_reset(s->held);
    s->held = NULL;
}

static sqlite3_stmt *prepare(struct store *s, sqlite3_stmt **kept, const char *sql)
{
    int rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, kept, NULL);

    if (rc != SQLITE_OK)
        (void)store__error(s, rc);
    return *kept;
}

static sqlite3_stmt *plain(struct store *s, enum store_statement which)
{
    if (s->statements[which] != NULL)
        return s->statements[which];
    return prepare(s, &s->statements[which], statement_sql[which]);
}

/* A reader's first look-up needs no transaction: its statement, left standing on the row, holds the
 * snapshot. From the second on BEGIN does; that saves half the cost of a single look-up. */
static void start(struct store *s)
{
    if (s->reading && s->looked && !s->begun) {
        sqlite3_stmt *begin = plain(s, STORE_READ_BEGIN);

        if (begin != NULL) {
            (void)sqlite3_step(begin);
            s->begun = sqlite3_reset(begin) == SQLITE_OK;
        }
    }
    s->looked = true;
    let_go(s);
}

sqlite3_stmt *store__get(struct store *s, enum store_statement which)
{
    start(s);
    return plain(s, which);
}

static void put_class_id(const char *sql, unsigned class_id, char *out, size_t size)
{
    size_t n = 0;

    for (; *sql != '\0' && n + 8 < size; sql++) {
        if (*sql == '$')
            n += (size_t)snprintf(out + n, size - n, "%u", class_id);
        else
            out[n++] = *sql;
    }
    REQUIRE(*sql == '\0');
    out[n] = '\0';
}

struct store_class_statements *store__class(struct store *s, const struct store_class *c)
{
    REQUIRE(c->id > 0 && c->id <= CLASSES_MAX);
    if (s->classes[c->id] == NULL)
        s->classes[c->id] = mem_alloc(sizeof(*s->classes[c->id]));
    return s->classes[c->id];
}

static sqlite3_stmt *of_class(struct store *s, const struct store_class *c,
                              enum store_class_statement which)
{
    const char *sql = class_sql[which][c->deterministic ? 1 : 0];
    struct store_class_statements *own = store__class(s, c);
    char text[512];

    REQUIRE(sql != NULL);
    start(s);
    if (own->at[which] != NULL)
        return own->at[which];
    put_class_id(sql, c->id, text, sizeof(text));
    return prepare(s, &own->at[which], text);
}

sqlite3_stmt *store__get_class(struct store *s, const struct store_class *c,
                               enum store_class_statement which)
{
    if (store__flush_class(s, c) != ERR_OK)
        return NULL;
    return of_class(s, c, which);
}

sqlite3_stmt *store__get_insert(struct store *s, const struct store_class *c)
{
    return of_class(s, c, STORE_ROW_ADD);
}

sqlite3_stmt *store__get_insert_many(struct store *s, const struct store_class *c)
{
    struct store_class_statements *own = store__class(s, c);
    char text[64 + 16 * STORE_PENDING_ROWS];
    size_t n;

    start(s);
    if (own->add_many != NULL)
        return own->add_many;
    /* OR FAIL: without it SQLite prepares to undo a part of the rows; we undo the transaction. */
    n = (size_t)snprintf(
        text, sizeof(text),
        "INSERT OR FAIL INTO val_%u(id,subj,created,due,salt,ct) VALUES(?,?,?,?,?,?)", c->id);
    for (size_t i = 1; i < STORE_PENDING_ROWS; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, ",(?,?,?,?,?,?)");
    REQUIRE(n < sizeof(text));
    return prepare(s, &own->add_many, text);
}

enum err store__row(struct store *s, sqlite3_stmt *stmt)
{
    int rc;

    if (stmt == NULL)
        return ERR_CORRUPT;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        s->held = stmt;
        return ERR_OK;
    }
    (void)sqlite3_reset(stmt);
    s->held = NULL;
    return rc == SQLITE_DONE ? ERR_NOT_FOUND : store__error(s, rc);
}

enum err store__number(struct store *s, sqlite3_stmt *stmt, uint64_t *ret)
{
    enum err e = store__row(s, stmt);

    if (e == ERR_OK)
        *ret = column_u64(stmt, 0);
    return e;
}

enum err store__run(struct store *s, sqlite3_stmt *stmt)
{
    enum err e = store__row(s, stmt);

    let_go(s);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err store__run_slot(struct store *s, enum store_statement which, uint64_t slot)
{
    sqlite3_stmt *stmt = store__get(s, which);

    if (stmt != NULL)
        bind_int(stmt, 1, (int64_t)slot);
    return store__run(s, stmt);
}

enum err store__exec(struct store *s, const char *sql, unsigned class_id)
{
    char text[2048];
    int rc;

    enum err e = store__flush(s);

    if (e != ERR_OK)
        return e;
    let_go(s);
    put_class_id(sql, class_id, text, sizeof(text));
    rc = sqlite3_exec(s->db, text, NULL, NULL, NULL);
    return rc == SQLITE_OK ? ERR_OK : store__error(s, rc);
}

/* ---- opening ---- */

static int on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
    struct store *s = context;

    (void)db;
    (void)name;
    s->wal_pages = pages;
    return SQLITE_OK;
}

static const char *log_layer;

static void configure_library(void)
{
    /* Memory statistics cost a mutex for every allocation of every thread. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    log_layer = store__log_layer();
}

/* "file:PATH?immutable=1", with everything but plain characters escaped. */
static char *snapshot_uri(const char *path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-";
    static const char head[] = "file:", tail[] = "?immutable=1";
    char *uri = mem_alloc(sizeof(head) + 3 * strlen(path) + sizeof(tail));
    size_t n = (size_t)snprintf(uri, sizeof(head), "%s", head);

    for (; *path != '\0'; path++) {
        const bool is_plain = strchr(plain, *path) != NULL;

        n += (size_t)snprintf(uri + n, 4, is_plain ? "%c" : "%%%02X", (unsigned char)*path);
    }
    (void)snprintf(uri + n, sizeof(tail), "%s", tail);
    return uri;
}

enum err store__connect(const char *path, enum store_role role, struct store **ret_store,
                        struct errmsg *msg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    AUTO(store_close) struct store *s = mem_alloc(sizeof(*s));
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    enum err e;
    int rc;

    (void)pthread_once(&once, configure_library);
    flags |= role == STORE_WRITER ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    if (role == STORE_SNAPSHOT) {
        AUTO(mem_free) char *uri = snapshot_uri(path);

        rc = sqlite3_open_v2(uri, &s->db, flags | SQLITE_OPEN_URI, NULL);
    } else {
        rc = sqlite3_open_v2(path, &s->db, flags, role == STORE_WRITER ? log_layer : NULL);
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(s->db, OPEN_WAIT_MS); /* before the first statement */
    if (rc != SQLITE_OK)
        return store__say(store__error(s, rc), path, sqlite3_errstr(rc), msg);
    e = store__exec(
        s,
        role == STORE_SNAPSHOT
            ? "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
            : "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
              "PRAGMA mmap_size=2000000000; PRAGMA temp_store=MEMORY;"
              "PRAGMA secure_delete=ON; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-8192;",
        0);
    if (e != ERR_OK)
        return store__say(e, path, sqlite3_errmsg(s->db), msg);
    if (role == STORE_WRITER)
        (void)sqlite3_wal_hook(s->db, on_commit, s); /* and so no checkpoint inside COMMIT */
    *ret_store = TAKE(s);
    return ERR_OK;
}

void store__class_free(struct store *s, uint16_t id)
{
    struct store_class_statements *own = TAKE(s->classes[id]);

    if (own == NULL)
        return;
    s->held = NULL; /* it may be one of these */
    for (size_t i = 0; i < STORE_CLASS_STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(own->at[i]);
    (void)sqlite3_finalize(own->add_many);
    free(own->pending);
    free(own);
}

void store_close(struct store **store)
{
    struct store *s = TAKE(*store);

    if (s == NULL)
        return;
    let_go(s);
    for (size_t i = 0; i < STORE_STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(s->statements[i]);
    for (uint16_t id = 0; id <= CLASSES_MAX; id++)
        store__class_free(s, id);
    (void)sqlite3_close(s->db);
    free(s);
}

/* ---- transactions ---- */

enum err store_begin(struct store *s)
{
    s->failed = false;
    return store__run(s, store__get(s, STORE_BEGIN));
}

enum err store_commit(struct store *s)
{
    enum err e = ERR_OK;

    if (FAULT_FAILS("commit.fail"))
        e = ERR_IO;
    else if (FAULT_FAILS("space.fail"))
        e = ERR_NO_SPACE;
    else
        e = store__flush(s);
    if (e == ERR_OK)
        e = store__run(s, store__get(s, STORE_COMMIT));
    if (e != ERR_OK)
        store_rollback(s);
    else if (s->commits != NULL)
        atomic_fetch_add(s->commits, 1);
    return e;
}

void store_count_commits(struct store *s, atomic_uint *commits)
{
    s->commits = commits;
}

void store_rollback(struct store *s)
{
    let_go(s);
    store__forget_pending(s);
    /* Some errors have rolled back by themselves. */
    if (sqlite3_get_autocommit(s->db) == 0)
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->failed = false;
}

bool store_failed(const struct store *s)
{
    return s->failed;
}

void store_read_begin(struct store *s)
{
    s->reading = true;
    s->looked = false;
}

void store_read_end(struct store *s)
{
    let_go(s);
    if (s->begun) {
        sqlite3_stmt *commit = plain(s, STORE_COMMIT);

        if (commit != NULL) {
            (void)sqlite3_step(commit);
            (void)sqlite3_reset(commit);
        }
    }
    s->begun = false;
    s->reading = false;
}

/* ---- checkpoints ---- */

int store_wal_pages(const struct store *s)
{
    return s->wal_pages;
}

enum err store_checkpoint(struct store *s)
{
    int rc;

    let_go(s);
    rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return rc == SQLITE_OK ? ERR_OK : store__error(s, rc);
}

enum err store_truncate(struct store *s)
{
    int log = -1;
    int done = -1;
    int rc;

    let_go(s);
    if (FAULT_MUTANT("truncate.lies"))
        return ERR_OK;
    (void)sqlite3_busy_timeout(s->db, TRUNCATE_WAIT_MS);
    rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &log, &done);
    (void)sqlite3_busy_timeout(s->db, OPEN_WAIT_MS);
    if (rc != SQLITE_OK)
        return store__error(s, rc);
    if (log != 0 || done != 0)
        return ERR_BUSY;
    s->wal_pages = 0;
    return ERR_OK;
}
