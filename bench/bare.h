/* SPDX-License-Identifier: Apache-2.0 */
/* The bare database that the vault is measured against: the same columns, index, groups and syncs, as
 * large a page cache, and rows that are encrypted as the vault's are. */
#pragma once

#include <sodium.h>
#include <sqlite3.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "bench/measure.h"

enum {
    BARE_VALUE_BYTES = 50,
    BARE_SEALED_BYTES = 1 + BARE_VALUE_BYTES + 16,
    BARE_BOUND_BYTES = 64, /* of associated data, as the vault binds its rows */
    BARE_BURST = 10,       /* consecutive rows of one subject */
    BARE_GROUP = 1000      /* rows in one transaction */
};

static const int64_t BARE_CREATED_S = 1800000000;

struct bare {
    sqlite3 *db;
    sqlite3_stmt *begin, *begin_read, *commit, *insert, *get;
    uint8_t (*keys)[32]; /* by subject: a stand-in for the key cache */
    int64_t next;
};

struct bare_row {
    int64_t subject;
    uint8_t salt[10];
    uint8_t sealed[BARE_SEALED_BYTES];
};

static inline sqlite3_stmt *bare_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;

    must(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) == SQLITE_OK, sql);
    return stmt;
}

static inline void bare_open(struct bare *b, const char *path, size_t subjects)
{
    must(sqlite3_open_v2(path, &b->db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                         NULL) == SQLITE_OK,
         "opening the bare database");
    must(sqlite3_exec(b->db,
                      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                      "PRAGMA mmap_size=2000000000; PRAGMA wal_autocheckpoint=8000;"
                      "PRAGMA cache_size=-8192;"
                      "CREATE TABLE val(id INTEGER PRIMARY KEY, subj INTEGER NOT NULL,"
                      " created INTEGER NOT NULL, due INTEGER NOT NULL, salt BLOB NOT NULL,"
                      " ct BLOB NOT NULL); CREATE INDEX val_subj ON val(subj);",
                      NULL, NULL, NULL) == SQLITE_OK,
         "making the bare table");
    b->begin = bare_prepare(b->db, "BEGIN IMMEDIATE");
    b->begin_read = bare_prepare(b->db, "BEGIN");
    b->commit = bare_prepare(b->db, "COMMIT");
    b->insert = bare_prepare(b->db, "INSERT INTO val VALUES(?1,?2,?3,?4,?5,?6)");
    b->get = bare_prepare(b->db, "SELECT subj,created,due,salt,ct FROM val WHERE id=?1");
    b->keys = mem_try_alloc(subjects, sizeof(b->keys[0]));
    must(b->keys != NULL, "memory");
    randombytes_buf(b->keys, subjects * sizeof(b->keys[0]));
    b->next = 1;
}

static inline void bare_close(struct bare *b)
{
    (void)sqlite3_close_v2(b->db);
    free(b->keys);
}

static inline void bare_run(sqlite3_stmt *stmt)
{
    must(sqlite3_step(stmt) == SQLITE_DONE, "a bare statement");
    (void)sqlite3_reset(stmt);
}

static inline void bare_nonce(int64_t id, const uint8_t *salt, uint8_t nonce[24])
{
    memset(nonce, 0, 24);
    memcpy(nonce, salt, 10);
    memcpy(nonce + 10, &id, 8);
}

/* Prepared outside the measured time. */
static inline void bare_fill(struct bare *b, struct bare_row rows[BARE_GROUP], size_t subjects)
{
    for (size_t i = 0; i < BARE_GROUP; i++) {
        uint8_t clear[1 + BARE_VALUE_BYTES] = {1};
        const uint8_t bound[BARE_BOUND_BYTES] = {0};
        uint8_t nonce[24];

        rows[i].subject = i % BARE_BURST == 0 ? (int64_t)draw(subjects) : rows[i - 1].subject;
        randombytes_buf(rows[i].salt, sizeof(rows[i].salt));
        bare_nonce(b->next + (int64_t)i, rows[i].salt, nonce);
        (void)crypto_aead_xchacha20poly1305_ietf_encrypt(rows[i].sealed, NULL, clear, sizeof(clear),
                                                         bound, sizeof(bound), NULL, nonce,
                                                         b->keys[rows[i].subject]);
    }
}

/* As one transaction. */
static inline void bare_insert(struct bare *b, const struct bare_row *rows, size_t count)
{
    bare_run(b->begin);
    for (size_t i = 0; i < count; i++) {
        (void)sqlite3_bind_int64(b->insert, 1, b->next++);
        (void)sqlite3_bind_int64(b->insert, 2, rows[i].subject);
        (void)sqlite3_bind_int64(b->insert, 3, BARE_CREATED_S);
        (void)sqlite3_bind_int64(b->insert, 4, BARE_CREATED_S + 7776000);
        (void)sqlite3_bind_blob(b->insert, 5, rows[i].salt, 10, SQLITE_STATIC);
        (void)sqlite3_bind_blob(b->insert, 6, rows[i].sealed, BARE_SEALED_BYTES, SQLITE_STATIC);
        bare_run(b->insert);
    }
    bare_run(b->commit);
}

static inline void bare_reveal(struct bare *b, int64_t id)
{
    const uint8_t bound[BARE_BOUND_BYTES] = {0};
    uint8_t clear[BARE_SEALED_BYTES];
    uint8_t nonce[24];

    (void)sqlite3_bind_int64(b->get, 1, id);
    must(sqlite3_step(b->get) == SQLITE_ROW, "a bare look-up");
    bare_nonce(id, sqlite3_column_blob(b->get, 3), nonce);
    must(crypto_aead_xchacha20poly1305_ietf_decrypt(
             clear, NULL, NULL, sqlite3_column_blob(b->get, 4),
             (unsigned long long)sqlite3_column_bytes(b->get, 4), bound, sizeof(bound), nonce,
             b->keys[sqlite3_column_int64(b->get, 0)]) == 0,
         "a bare decryption");
    (void)sqlite3_reset(b->get);
}

/* `count` look-ups, so many in each transaction. */
static inline void bare_look_up(struct bare *b, const int64_t *ids, size_t count,
                                size_t per_transaction)
{
    for (size_t i = 0; i < count; i += per_transaction) {
        if (per_transaction > 1)
            bare_run(b->begin_read);
        for (size_t k = 0; k < per_transaction; k++)
            bare_reveal(b, ids[i + k]);
        if (per_transaction > 1)
            bare_run(b->commit);
    }
}
