/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/vault_priv.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"
#include "vault/erasure_priv.h"
#include "vault/slab_format_priv.h"
#include "tests/support/scratch.h"

static struct vault_fixture f;

static void setup(void)
{
    fixture_make(&f);
}

static void teardown(void)
{
    fault_test_set(NULL, NULL);
    clock_test_set_ms(-1);
    fixture_end(&f);
}

TestSuite(vault, .init = setup, .fini = teardown);

static void copy_file(const char *from, const char *to)
{
    char command[256];

    snprintf(command, sizeof(command), "cp %s %s", from, to);
    cr_assert_eq(system(command), 0);
}

/* Set a file of the store aside, or put it back. */
static void set_aside(const char *name)
{
    char kept[128];

    snprintf(kept, sizeof(kept), "%s/%s.kept", f.base, name);
    copy_file(fixture_path(&f, name), kept);
}

static void put_back(const char *name)
{
    char kept[128];

    snprintf(kept, sizeof(kept), "%s/%s.kept", f.base, name);
    copy_file(kept, fixture_path(&f, name));
}

/* Change a closed database as somebody with the disk could. */
static void alter(const char *sql)
{
    sqlite3 *db = NULL;

    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void open_is_refused(enum err expected, const char *because)
{
    cr_assert_eq(fixture_open(&f), expected, "%s", f.msg.text);
    cr_assert_not_null(strstr(f.msg.text, because), "%s", f.msg.text);
    cr_assert_null(f.v);
}

/* One number out of a closed database. */
static int64_t ask(const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    int64_t n;

    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
    n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

/* ---- making ---- */

Test(vault, a_new_store_is_readable_by_its_owner_only)
{
    static const char *const names[] = {"vault.db", "keys.slab", "ledger.log", "lock"};
    struct stat st;

    cr_assert_eq(stat(f.dir, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0700);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        cr_assert_eq(stat(fixture_path(&f, names[i]), &st), 0, "%s", names[i]);
        cr_assert_eq(st.st_mode & 0077, 0, "%s", names[i]);
    }
}

Test(vault, a_directory_that_holds_a_store_is_left_alone)
{
    set_aside("keys.slab");
    cr_assert_eq(vault_create(f.dir, &f.root, &f.msg), ERR_CONFLICT);
    cr_assert_not_null(strstr(f.msg.text, "store already"));
    cr_assert_eq(fixture_open(&f), ERR_OK);
}

Test(vault, a_store_that_cannot_be_made_leaves_nothing_behind)
{
    char dir[64];

    snprintf(dir, sizeof(dir), "%s/other", f.base);
    fault_test_set("commit.fail!io", NULL);
    cr_assert_eq(vault_create(dir, &f.root, &f.msg), ERR_IO);
    cr_assert_neq(access(dir, F_OK), 0);
    fault_test_set("file.sync!io", NULL);
    cr_assert_neq(vault_create(dir, &f.root, &f.msg), ERR_OK);
    cr_assert_neq(access(dir, F_OK), 0);
    fault_test_set(NULL, NULL);
    cr_assert_eq(vault_create("/nonexistent/dir", &f.root, &f.msg), ERR_IO);
}

Test(vault, a_directory_of_the_operators_own_is_kept_when_making_fails)
{
    char dir[64];

    snprintf(dir, sizeof(dir), "%s/mine", f.base);
    cr_assert_eq(mkdir(dir, 0700), 0);
    fault_test_set("commit.fail!io", NULL);
    cr_assert_eq(vault_create(dir, &f.root, &f.msg), ERR_IO);
    cr_assert_eq(rmdir(dir), 0, "empty again");
}

/* ---- opening ---- */

Test(vault, a_database_that_cannot_be_written_is_named)
{
    cr_assert_eq(fixture_open(&f), ERR_OK);
    fixture_close(&f);
    fault_test_set("commit.fail!io", NULL);
    cr_assert_eq(fixture_open(&f), ERR_IO, "the ledger has grown since it was last told");
    cr_assert_not_null(strstr(f.msg.text, "vault.db: erasures of the ledger"), "said: %s",
                       f.msg.text);
    fault_test_set(NULL, NULL);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    fixture_close(&f);
    f.msg.text[0] = '\0';
    fault_test_set("commit.fail!io", NULL);
    cr_assert_eq(fixture_open(&f), ERR_IO);
    fault_test_set(NULL, NULL);
    cr_assert_not_null(strstr(f.msg.text, "vault.db: classes and domains cannot be"), "said: %s",
                       f.msg.text);
    cr_assert_eq(fixture_open(&f), ERR_OK);
}

Test(vault, values_survive_a_restart)
{
    struct token_text random, shared;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "tea", &random), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.email, "anna", "anna@example.org", &shared), ERR_OK);
    for (int i = 0; i < 3; i++) {
        fixture_close(&f);
        cr_assert_eq(fixture_open(&f), ERR_OK);
        cr_assert(fixture_reveals(&f, &random, "tea"));
        cr_assert(fixture_reveals(&f, &shared, "anna@example.org"));
    }
}

Test(vault, closing_twice_is_closing_once)
{
    struct vault *none = NULL;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    fixture_close(&f);
    vault_close(&f.v);
    vault_close(&none);
    vault_reader_close(&f.r);
}

Test(vault, a_missing_store_is_said_to_be_missing)
{
    snprintf(f.dir, sizeof(f.dir), "%s/nothing", f.base);
    open_is_refused(ERR_IO, "lethe init");
}

Test(vault, a_foreign_root_key_is_refused)
{
    secret_random(f.root.bytes, ROOT_KEY_BYTES);
    open_is_refused(ERR_SEALED, "keys.slab");
}

Test(vault, a_second_process_is_refused)
{
    int status;
    pid_t child;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        struct root_keys roots = {{f.root}, 1};
        struct vault_options options = {
            .dir = f.dir, .roots = &roots, .classes = &f.classes, .domains = &f.domains};
        struct vault *v = NULL;

        _exit(vault_open(&options, &v, NULL) == ERR_BUSY && v == NULL ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cr_assert_eq(fixture_subject(&f, "x", &(uint64_t){0}), ERR_NOT_FOUND, "the first goes on");
}

Test(vault, missing_files_are_named)
{
    static const char *const names[] = {"vault.db", "keys.slab", "ledger.log"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        set_aside(names[i]);
        cr_assert_eq(unlink(fixture_path(&f, names[i])), 0);
        open_is_refused(ERR_CORRUPT, names[i]);
        put_back(names[i]);
    }
    cr_assert_eq(fixture_open(&f), ERR_OK);
}

Test(vault, a_database_of_another_store_is_refused)
{
    struct vault_fixture other;

    fixture_make(&other);
    copy_file(fixture_path(&other, "vault.db"), fixture_path(&f, "vault.db"));
    fixture_end(&other);
    open_is_refused(ERR_CORRUPT, "vault.db");
}

Test(vault, a_file_that_is_no_database_is_refused)
{
    FILE *file = fopen(fixture_path(&f, "vault.db"), "w");

    for (int i = 0; i < 2000; i++)
        fprintf(file, "not a database ");
    fclose(file);
    open_is_refused(ERR_CORRUPT, "vault.db");
}

/* E30 */
Test(vault, a_newer_format_is_refused)
{
    alter("PRAGMA user_version=99");
    open_is_refused(ERR_CORRUPT, "newer");
}

/* E81 */
Test(vault, an_older_format_is_refused)
{
    alter("PRAGMA user_version=2");
    open_is_refused(ERR_CORRUPT, "vault.db: has format 2, from before");
}

Test(vault, a_database_that_is_not_ours_is_refused)
{
    alter("PRAGMA application_id=7");
    open_is_refused(ERR_CORRUPT, "not the database");
}

/* ---- the ledger counts ---- */

static void erase(const char *name)
{
    struct vault_erasure erasure = {0};

    cr_assert_eq(fixture_erase(&f, name, &erasure), ERR_OK);
    vault_erasure_done(&erasure);
}

/* E47 */
Test(vault, an_older_ledger_is_refused)
{
    struct token_text token;

    set_aside("ledger.log");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &token), ERR_OK);
    erase("anna");
    fixture_close(&f);
    put_back("ledger.log");
    open_is_refused(ERR_CORRUPT, "older");
}

Test(vault, a_ledger_with_another_past_is_refused)
{
    struct token_text token;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &token), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "bert", "x", &token), ERR_OK);
    fixture_close(&f);
    set_aside("ledger.log");
    set_aside("vault.db");
    set_aside("keys.slab");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    erase("anna");
    fixture_close(&f);
    copy_file(fixture_path(&f, "ledger.log"), fixture_path(&f, "ledger.other"));
    put_back("ledger.log");
    put_back("vault.db");
    put_back("keys.slab");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    erase("bert");
    fixture_close(&f);
    copy_file(fixture_path(&f, "ledger.other"), fixture_path(&f, "ledger.log"));
    open_is_refused(ERR_CORRUPT, "not the ledger");
}

static size_t open_erasures(void)
{
    struct vault_erasure *list = NULL;
    size_t count = 0;

    cr_assert_eq(vault_erasures_open(f.v, &list, &count), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        cr_assert(list[i].sample == NULL || slab_is_zero(list[i].sample->slot, SLAB_SLOT_BYTES),
                  "the key's bytes are not remembered");
        vault_erasure_done(&list[i]);
    }
    free(list);
    return count;
}

/* Sweep and close what is open; rows deleted. */
static size_t finish_erasures(void)
{
    struct vault_erasure *list = NULL;
    size_t total = 0;
    size_t count = 0;

    cr_assert_eq(vault_erasures_open(f.v, &list, &count), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        struct vault_erasure_close op = {.op.kind = VAULT_ERASURE_CLOSE, .erasure = &list[i]};
        size_t deleted = 0;

        cr_assert_eq(fixture_sweep(&f, list[i].slot, &deleted), ERR_OK);
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
        vault_erasure_done(&list[i]);
        total += deleted;
    }
    free(list);
    return total;
}

Test(vault, restored_data_and_keys_do_not_bring_an_erased_person_back)
{
    struct token_text anna, bert;
    uint64_t slot = 0;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.phone, "anna", "+491701", &anna), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "bert", "stays", &bert), ERR_OK);
    fixture_close(&f);
    set_aside("vault.db");
    set_aside("keys.slab");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    erase("anna");
    cr_assert_eq(finish_erasures(), 1);
    cr_assert_eq(open_erasures(), 0);
    fixture_close(&f);
    put_back("vault.db");
    put_back("keys.slab");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_not(fixture_reveals(&f, &anna, "+491701"));
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_NOT_FOUND);
    cr_assert(fixture_reveals(&f, &bert, "stays"));
    cr_assert_eq(open_erasures(), 1, "her rows are there again and want sweeping");
    cr_assert_eq(finish_erasures(), 1);
    cr_assert_eq(open_erasures(), 0);
    cr_assert_eq(fixture_stats(&f, f.phone).items, 0);
}

Test(vault, a_restored_slab_alone_is_shredded_again)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    uint8_t raw[SLAB_SLOT_BYTES];
    struct token_text anna;
    uint64_t slot = 0;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &anna), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_OK);
    fixture_close(&f);
    set_aside("keys.slab");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    erase("anna");
    cr_assert_eq(finish_erasures(), 1);
    fixture_close(&f);
    put_back("keys.slab");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(slab_raw(f.v->slab, slot, raw), ERR_OK);
    cr_assert_arr_eq(raw, zeroes, sizeof(raw));
}

Test(vault, keys_older_than_the_data_are_refused)
{
    struct token_text token;

    set_aside("keys.slab");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &token), ERR_OK);
    fixture_close(&f);
    put_back("keys.slab");
    open_is_refused(ERR_CORRUPT, "older");
}

Test(vault, row_numbers_are_never_used_twice_not_even_after_a_restore)
{
    struct token_text first, second;
    struct token_ref a, b;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    fixture_close(&f);
    set_aside("vault.db");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &first), ERR_OK);
    cr_assert_eq(token_read(fixture_span(&first), f.v->locator_key, &a), ERR_OK);
    fixture_close(&f);
    put_back("vault.db");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &second), ERR_OK);
    cr_assert_eq(token_read(fixture_span(&second), f.v->locator_key, &b), ERR_OK);
    cr_assert_gt(b.row, a.row);
    cr_assert_not(fixture_reveals(&f, &first, "x"));
}

Test(vault, a_slot_of_the_erased_is_given_to_nobody_else_not_even_after_a_restore)
{
    struct token_text token;
    uint64_t anna = 0;
    uint64_t bert = 0;

    set_aside("vault.db");
    set_aside("keys.slab");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &token), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "anna", &anna), ERR_OK);
    erase("anna");
    cr_assert_eq(finish_erasures(), 1);
    fixture_close(&f);
    put_back("vault.db");
    put_back("keys.slab"); /* from before anna: both have never seen her */
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "bert", "x", &token), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "bert", &bert), ERR_OK);
    cr_assert_gt(bert, anna);
    cr_assert_eq(finish_erasures(), 0);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "x"));
}

Test(vault, rows_that_an_older_slab_would_give_out_again_are_passed_over)
{
    struct token_text before, after, fresh;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "before", &before), ERR_OK);
    fixture_close(&f);
    set_aside("keys.slab");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "after", &after), ERR_OK);
    fixture_close(&f);
    put_back("keys.slab"); /* no key is missing, but the count of rows is behind */
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "fresh", &fresh), ERR_OK);
    cr_assert(fixture_reveals(&f, &before, "before"));
    cr_assert(fixture_reveals(&f, &after, "after"));
    cr_assert(fixture_reveals(&f, &fresh, "fresh"));
}

/* ---- classes ---- */

Test(vault, classes_keep_their_ids)
{
    uint16_t note, email;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    note = f.note;
    email = f.email;
    fixture_close(&f);
    {
        struct class_def moved = f.defs[0];

        f.defs[0] = f.defs[1];
        f.defs[1] = moved;
    }
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(f.note, email, "the fixture's first is `email` now");
    cr_assert_eq(f.email, note);
}

Test(vault, a_class_with_values_keeps_format_and_kind)
{
    struct token_text token;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &token), ERR_OK);
    fixture_close(&f);
    f.defs[0].format = TOKEN_EMAIL;
    open_is_refused(ERR_CONFIG, "note");
    f.defs[0].format = TOKEN_OPAQUE;
    f.defs[0].deterministic = true;
    open_is_refused(ERR_CONFIG, "deterministic");
    f.defs[0].deterministic = false;
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert(fixture_reveals(&f, &token, "x"));
}

Test(vault, an_empty_class_may_change)
{
    struct token_text a, b;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    fixture_close(&f);
    f.defs[0].deterministic = true;
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &a), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "x", &b), ERR_OK);
    cr_assert(span_equal(fixture_span(&a), fixture_span(&b)));
}

Test(vault, a_class_with_values_cannot_leave_the_configuration)
{
    struct token_text token;

    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.brief, "anna", "x", &token), ERR_OK);
    fixture_close(&f);
    f.classes.count = FIXTURE_CLASSES - 1;
    open_is_refused(ERR_CONFIG, "brief");
    f.classes.count = FIXTURE_CLASSES;
    cr_assert_eq(fixture_open(&f), ERR_OK);
    fixture_close(&f);
}

Test(vault, a_changed_period_holds_for_new_values_and_purges_both)
{
    struct token_text old, fresh;
    size_t deleted = 0;

    clock_test_set_ms(INT64_C(1800000000000));
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "90 days", &old), ERR_OK);
    fixture_close(&f);
    cr_assert_eq(ask("SELECT ordered FROM class WHERE name='note'"), 1);
    f.defs[0].rule.period = (struct period){.seconds = 60};
    cr_assert_eq(fixture_open(&f), ERR_OK);
    fixture_close(&f);
    cr_assert_eq(ask("SELECT ordered FROM class WHERE name='note'"), 0,
                 "rows stand in no order now");
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "a minute", &fresh), ERR_OK);
    clock_test_set_ms(INT64_C(1800000061000));
    cr_assert_not(fixture_reveals(&f, &fresh, "a minute"));
    cr_assert(fixture_reveals(&f, &old, "90 days"));
    cr_assert_eq(fixture_purge(&f, f.note, 1, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1, "although it was stored after one that stays");
    cr_assert(fixture_reveals(&f, &old, "90 days"));
}

Test(vault, an_unknown_class_has_no_id)
{
    struct class_def def = {.name = f.base};

    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(vault_class_id(f.v, &def), 0);
    cr_assert_str_eq(vault_dir(f.v), f.dir);
}

/* ---- counters ---- */

/* What the counters say equals what a count of the rows says. */
static void check_balance(uint16_t class_id)
{
    struct vault_class_stats stats;
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    char sql[64];

    stats = fixture_stats(&f, class_id);
    cr_assert_eq(sqlite3_open_v2(fixture_path(&f, "vault.db"), &db, SQLITE_OPEN_READONLY, NULL),
                 SQLITE_OK);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM val_%u", class_id);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
    cr_assert_eq(stats.items, (uint64_t)sqlite3_column_int64(stmt, 0), "class %u", class_id);
    cr_assert_eq(stats.created - stats.purged_timer - stats.purged_erasure, stats.items);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

Test(vault, counters_balance_whatever_was_done)
{
    uint64_t seed = 7;
    struct token_text token;

    clock_test_set_ms(INT64_C(1800000000000));
    cr_assert_eq(fixture_open(&f), ERR_OK);
    for (int i = 0; i < 400; i++) {
        char name[16], value[16];
        size_t deleted;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        snprintf(name, sizeof(name), "s%u", (unsigned)(seed >> 33) % 9);
        snprintf(value, sizeof(value), "v%u", (unsigned)(seed >> 40) % 5);
        clock_test_set_ms(INT64_C(1800000000000) + i * INT64_C(1000));
        switch ((seed >> 50) % 8) {
        case 0:
            if (fixture_subject(&f, name, &(uint64_t){0}) == ERR_OK)
                erase(name);
            break;
        case 1:
            (void)finish_erasures();
            break;
        case 2:
            cr_assert_eq(fixture_purge(&f, f.brief, 4, &deleted), ERR_OK);
            break;
        case 3:
            fault_test_set("commit.fail!io", NULL);
            cr_assert_eq(fixture_tokenize(&f, f.brief, name, value, &token), ERR_IO);
            fault_test_set(NULL, NULL);
            break;
        case 4:
        case 5:
            cr_assert_eq(fixture_tokenize(&f, f.brief, name, value, &token), ERR_OK);
            break;
        default:
            cr_assert_eq(fixture_tokenize(&f, f.phone, name, value, &token), ERR_OK);
        }
    }
    check_balance(f.brief);
    check_balance(f.phone);
    cr_assert_gt(fixture_stats(&f, f.brief).purged_timer, 0);
    cr_assert_gt(fixture_stats(&f, f.phone).purged_erasure, 0);
}

/* ---- the medium ---- */

Test(vault, a_journal_that_copies_data_is_noticed)
{
    static const char mounts[] =
        "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
        "23 27 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
        "24 27 8:2 / /data rw - ext4 /dev/sda2 rw,data=journal\n"
        "25 27 18:2 / /data2 rw - xfs /dev/sdb rw,data=journal";

    cr_assert(vault__medium_journals_data(mounts, 8, 2));
    cr_assert_not(vault__medium_journals_data(mounts, 8, 1));
    cr_assert_not(vault__medium_journals_data(mounts, 18, 2));
    cr_assert_not(vault__medium_journals_data(mounts, 8, 3));
    cr_assert_not(vault__medium_journals_data("", 8, 3));
}

Test(vault, a_medium_that_cannot_be_asked_is_a_risk)
{
    char risk[VAULT_RISK_MAX];

    vault_look_at_medium("/nonexistent", risk);
    cr_assert_not_null(strstr(risk, "cannot be asked"));
    vault_look_at_medium("/proc", risk);
    cr_assert_str_empty(risk);
}

Test(vault, tells_whether_its_reserve_stands)
{
    struct scratch scratch = scratch_new();
    uint64_t free_bytes = 0;
    bool has_reserve = true;

    cr_assert_eq(vault_look_at_room(scratch.dir, &free_bytes, &has_reserve), ERR_OK);
    cr_assert(free_bytes > 0 && !has_reserve);
    scratch_write(scratch_path(&scratch, "reserve"), 0, "0", 1);
    cr_assert_eq(vault_look_at_room(scratch.dir, &free_bytes, &has_reserve), ERR_OK);
    cr_assert(has_reserve);
    cr_assert_eq(vault_look_at_room("/nonexistent", &free_bytes, &has_reserve), ERR_IO);
    scratch_remove(&scratch);
}
