/* SPDX-License-Identifier: Apache-2.0 */
/* What the layer keeps back must be in the file whenever somebody may look: after a commit, while a
 * transaction reads what it has spilled, and before another connection writes. */
#include "vault/store_sqlite_priv.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/secret.h"
#include "tests/support/scratch.h"

enum {
    LARGE = 60000,
    SPILLING = 300 /* of them are more than twice what the page cache holds */
};

static struct scratch scratch;
static const uint8_t ID[VAULT_ID_BYTES] = "sixteen bytes..";
static const struct store_class note = {
    .id = 3, .domain = 1, .format = TOKEN_OPAQUE, .ordered = true, .name = "note", .period = "P1D"};
static struct store *s;
static char path[128];
static uint8_t large[LARGE];

static struct store *open_as(enum store_role role)
{
    struct store *opened = NULL;

    cr_assert_eq(store_open(path, role, ID, &opened, NULL), ERR_OK);
    return opened;
}

static void setup(void)
{
    secret_start();
    scratch = scratch_new();
    snprintf(path, sizeof(path), "%s/vault.db", scratch.dir);
    cr_assert_eq(store_create(path, ID, NULL), ERR_OK);
    s = open_as(STORE_WRITER);
    cr_assert_eq(store_begin(s), ERR_OK);
    cr_assert_eq(store_class_add(s, &note), ERR_OK);
    cr_assert_eq(store_commit(s), ERR_OK);
}

static void teardown(void)
{
    store_close(&s);
    scratch_remove(&scratch);
}

TestSuite(store_sqlite_log, .init = setup, .fini = teardown);

static struct span content(uint64_t id)
{
    memset(large, (int)(id % 251), sizeof(large));
    return span_of(large, sizeof(large));
}

static void add(struct store *to, uint64_t id)
{
    const struct store_row row = {
        .id = id, .slot = id, .created_s = 1, .due_s = 2, .sealed = content(id)};

    cr_assert_eq(store_row_add(to, &note, &row), ERR_OK);
}

static void check(struct store *in, uint64_t id, bool there)
{
    struct store_row row;

    store_read_begin(in);
    cr_assert_eq(store_row_get(in, &note, id, &row), there ? ERR_OK : ERR_NOT_FOUND);
    cr_assert(!there || span_equal(row.sealed, content(id)));
    store_read_end(in);
}

static void check_file(void)
{
    store_close(&s);
    cr_assert_eq(store_check(path, NULL, NULL), ERR_OK);
    s = open_as(STORE_WRITER);
}

static sqlite3_int64 size_in_file(void)
{
    char log[160];
    struct stat st;

    snprintf(log, sizeof(log), "%s-wal", path);
    cr_assert_eq(stat(log, &st), 0);
    return st.st_size;
}

Test(store_sqlite_log, a_commit_is_whole_in_the_file_when_it_returns)
{
    struct store *reader = open_as(STORE_READER);

    for (uint64_t id = 1; id <= 20; id++) {
        const sqlite3_int64 before = size_in_file();

        cr_assert_eq(store_begin(s), ERR_OK);
        add(s, id);
        cr_assert_eq(store_commit(s), ERR_OK);
        cr_assert_geq(size_in_file(), before + LARGE);
        check(reader, id, true);
    }
    store_close(&reader);
    check_file();
    check(s, 20, true);
}

Test(store_sqlite_log, a_sync_writes_first_and_a_look_too)
{
    const sqlite3_int64 end = size_in_file();
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;
    char byte = 0;

    cr_assert_eq(sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log), 0);
    cr_assert_eq(log->pMethods->xWrite(log, "ab", 2, end), SQLITE_OK);
    cr_assert_eq(log->pMethods->xWrite(log, "cd", 2, end + 2), SQLITE_OK);
    cr_assert_eq(size_in_file(), end, "it is kept back");
    cr_assert_eq(log->pMethods->xSync(log, SQLITE_SYNC_NORMAL), SQLITE_OK);
    cr_assert_eq(size_in_file(), end + 4);
    cr_assert_eq(log->pMethods->xWrite(log, "e", 1, end + 4), SQLITE_OK);
    cr_assert_eq(log->pMethods->xRead(log, &byte, 1, end + 4), SQLITE_OK);
    cr_assert_eq(byte, 'e');
    cr_assert_eq(log->pMethods->xWrite(log, "f", 1, end + 5), SQLITE_OK);
    cr_assert_eq(log->pMethods->xFileSize(log, &size), SQLITE_OK);
    cr_assert_eq(size, end + 6);
    cr_assert_eq(log->pMethods->xWrite(log, "g", 1, end + 6), SQLITE_OK);
    cr_assert_eq(log->pMethods->xTruncate(log, end), SQLITE_OK);
    cr_assert_eq(log->pMethods->xSync(log, SQLITE_SYNC_NORMAL), SQLITE_OK);
    cr_assert_eq(size_in_file(), end, "nothing comes out after it was cut");
}

Test(store_sqlite_log, a_transaction_reads_what_it_has_spilled)
{
    cr_assert_eq(store_begin(s), ERR_OK);
    for (uint64_t id = 1; id <= SPILLING; id++)
        add(s, id);
    for (uint64_t id = 1; id <= SPILLING; id++) {
        struct store_row row;

        cr_assert_eq(store_row_get(s, &note, id, &row), ERR_OK);
        cr_assert(span_equal(row.sealed, content(id)));
    }
    cr_assert_eq(store_commit(s), ERR_OK);
    check_file();
    check(s, 1, true);
    check(s, SPILLING, true);
}

Test(store_sqlite_log, what_was_undone_does_not_come_out_over_what_another_wrote)
{
    struct store *other = open_as(STORE_WRITER);
    uint64_t next = 1;

    /* So small a cache that what is left in memory of the undone is the log's next frames. */
    cr_assert_eq(sqlite3_exec(s->db, "PRAGMA cache_size=5", NULL, NULL, NULL), SQLITE_OK);
    for (uint64_t spilt = 1; spilt < 6; spilt++) {
        cr_assert_eq(store_truncate(s), ERR_OK); /* undoing reads the log where it can */
        cr_assert_eq(store_begin(s), ERR_OK);
        for (uint64_t id = 0; id < spilt; id++)
            add(s, 1000 + id);
        store_rollback(s);
        cr_assert_eq(store_begin(other), ERR_OK);
        for (int i = 0; i < 3; i++)
            add(other, next++);
        cr_assert_eq(store_commit(other), ERR_OK);
        cr_assert_eq(store_begin(s), ERR_OK);
        add(s, next++);
        cr_assert_eq(store_commit(s), ERR_OK);
    }
    store_close(&other);
    check_file();
    for (uint64_t id = 1; id < next; id++)
        check(s, id, true);
    check(s, 1000, false);
}

Test(store_sqlite_log, the_log_can_be_cut_and_grows_again)
{
    for (uint64_t id = 1; id <= 10; id++) {
        cr_assert_eq(store_begin(s), ERR_OK);
        add(s, id);
        cr_assert_eq(store_commit(s), ERR_OK);
        cr_assert_eq(id % 2 == 0 ? store_truncate(s) : store_checkpoint(s), ERR_OK);
    }
    check_file();
    for (uint64_t id = 1; id <= 10; id++)
        check(s, id, true);
}
