/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of deletion rules, and up to which of them values were re-timed.
 * Runs on: the thread that owns the connection. Holds: nothing. Not here: what makes a version (rules.c).
 *
 * By the class's name: a class that leaves and comes back under another number goes on with its versions. */
#include "vault/rules_priv.h"
#include "vault/store_sqlite_priv.h"

static const char tables_sql[] =
    "CREATE TABLE IF NOT EXISTS rule_version(class TEXT NOT NULL, version INTEGER NOT NULL,"
    " since INTEGER NOT NULL, today INTEGER NOT NULL, timing TEXT NOT NULL, config BLOB NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY(class, version)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS rule_applied(class TEXT PRIMARY KEY, version INTEGER NOT NULL)"
    " WITHOUT ROWID;";

enum err store_rules_prepare(struct store *s)
{
    return store__exec(s, tables_sql, 0);
}

enum err store_rule_add(struct store *s, const struct store_rule *rule)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RULE_ADD);

    if (stmt != NULL) {
        bind_text(stmt, 1, rule->said.class_name);
        bind_int(stmt, 2, rule->said.version);
        bind_int(stmt, 3, rule->said.since_s);
        bind_int(stmt, 4, (int64_t)rule->today);
        bind_text(stmt, 5, rule->timing);
        bind_blob(stmt, 6, rule->said.configuration, CONF_DIGEST_BYTES);
        bind_blob(stmt, 7, rule->said.body.at, rule->said.body.len);
    }
    return store__run(s, stmt);
}

static enum err read_rule(struct store *s, sqlite3_stmt *stmt, struct store_rule *ret)
{
    struct store_rule found;
    enum err e = store__row(s, stmt);

    if (e != ERR_OK)
        return e;
    found.said.version = (uint32_t)sqlite3_column_int64(stmt, 1);
    found.said.since_s = sqlite3_column_int64(stmt, 2);
    found.today = column_u64(stmt, 3);
    if (!column_text(stmt, 0, found.said.class_name, sizeof(found.said.class_name)) ||
        !column_text(stmt, 4, found.timing, sizeof(found.timing)) ||
        !column_bytes(stmt, 5, found.said.configuration, CONF_DIGEST_BYTES))
        return ERR_CORRUPT;
    found.said.body = span_of(sqlite3_column_blob(stmt, 6), (size_t)sqlite3_column_bytes(stmt, 6));
    *ret = found;
    return ERR_OK;
}

enum err store_rule_next(struct store *s, const char *class_name, uint32_t version,
                         struct store_rule *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RULE_NEXT);

    if (stmt != NULL) {
        bind_text(stmt, 1, class_name);
        bind_int(stmt, 2, version);
    }
    return read_rule(s, stmt, ret);
}

enum err store_rule_last(struct store *s, const char *class_name, struct store_rule *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RULE_LAST);

    if (stmt != NULL)
        bind_text(stmt, 1, class_name);
    return read_rule(s, stmt, ret);
}

enum err store_rule_applied_get(struct store *s, const char *class_name, uint32_t *ret)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RULE_APPLIED_GET);
    enum err e;

    if (stmt != NULL)
        bind_text(stmt, 1, class_name);
    e = store__row(s, stmt);
    if (e == ERR_OK)
        *ret = (uint32_t)sqlite3_column_int64(stmt, 0);
    return e;
}

enum err store_rule_applied_put(struct store *s, const char *class_name, uint32_t version)
{
    sqlite3_stmt *stmt = store__get(s, STORE_RULE_APPLIED_PUT);

    if (stmt != NULL) {
        bind_text(stmt, 1, class_name);
        bind_int(stmt, 2, version);
    }
    return store__run(s, stmt);
}
