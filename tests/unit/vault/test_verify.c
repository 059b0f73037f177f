/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/erasure_priv.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"
#include "vault/vault_priv.h"

static struct vault_fixture f;
static struct vault_erasure erasure;

static void setup(void)
{
    fixture_start(&f);
    erasure = (struct vault_erasure){0};
}

static void teardown(void)
{
    vault_erasure_done(&erasure);
    fault_test_set(NULL, NULL);
    fixture_end(&f);
}

TestSuite(verify, .init = setup, .fini = teardown);

static struct token_text store(uint16_t class_id, const char *subject, const char *value)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&f, class_id, subject, value, &token), ERR_OK);
    return token;
}

static struct vault_verification verify(void)
{
    struct vault_verification found = {0};

    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &found), ERR_OK);
    return found;
}

/* Put bytes back into a slot, as a shredder that only pretends would have left them. */
static void write_slot(uint64_t slot, const uint8_t *bytes)
{
    int fd = open(fixture_path(&f, "keys.slab"), O_WRONLY);

    cr_assert_eq(
        pwrite(fd, bytes, SLAB_SLOT_BYTES, (off_t)(SLAB_HEADER_BYTES + slot * SLAB_SLOT_BYTES)),
        SLAB_SLOT_BYTES);
    close(fd);
}

Test(verify, an_erasure_that_was_swept_passes)
{
    size_t deleted = 0;
    struct vault_verification found;

    (void)store(f.note, "bert", "stays");
    for (int i = 0; i < 12; i++)
        (void)store(f.note, "anna", "tea");
    (void)store(f.phone, "anna", "+491701");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_eq(verify().rows_left, 13, "not swept yet");
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    found = verify();
    cr_assert(found.slot_zero);
    cr_assert_eq(found.samples_tried, SAMPLE_ROWS);
    cr_assert(found.samples_unreadable);
    cr_assert_eq(found.rows_left, 0);
    cr_assert(found.key_absent && found.key_known);
    cr_assert_eq(found.keys_left, 0);
    cr_assert_eq(found.names_left, 0);
    cr_assert_gt(found.bytes_searched, (1 << 20), "slab, ledger, database and log");
}

Test(verify, a_shredder_that_only_pretends_is_caught)
{
    struct vault_verification found;

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    write_slot(erasure.slot, erasure.sample->slot);
    found = verify();
    cr_assert_not(found.slot_zero);
    cr_assert_not(found.samples_unreadable, "its key opens them still");
    cr_assert_not(found.key_absent);
}

Test(verify, a_copy_of_the_key_in_another_file_is_found)
{
    static const size_t at[] = {0, 1, (1 << 20) - 24, 3000000};

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert(verify().key_absent);
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        int fd = open(fixture_path(&f, "left.over"), O_RDWR | O_CREAT | O_TRUNC, 0600);

        cr_assert_eq(pwrite(fd, erasure.sample->slot + SAMPLE_WRAPPED_AT, CRYPTO_WRAPPED_BYTES,
                            (off_t)at[i]),
                     CRYPTO_WRAPPED_BYTES);
        close(fd);
        cr_assert_not(verify().key_absent, "at %zu", at[i]);
    }
    cr_assert_eq(unlink(fixture_path(&f, "left.over")), 0);
    cr_assert(verify().key_absent);
}

Test(verify, a_part_of_the_key_is_enough_to_be_found)
{
    static const off_t at[] = {777, (1 << 20) - 8}; /* the second lies across two windows */

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        int fd = open(fixture_path(&f, "left.over"), O_RDWR | O_CREAT | O_TRUNC, 0600);

        cr_assert_eq(pwrite(fd, erasure.sample->slot + SAMPLE_WRAPPED_AT + 16, 16, at[i]), 16);
        cr_assert_eq(ftruncate(fd, 2 << 20), 0);
        close(fd);
        cr_assert_not(verify().key_absent, "at %ld", (long)at[i]);
    }
}

Test(verify, a_copy_of_the_key_in_the_database_is_found)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert(verify().key_absent);
    cr_assert_eq(sqlite3_open(fixture_path(&f, "vault.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_busy_timeout(db, 5000), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, "INSERT INTO meta VALUES('x',?)", -1, &stmt, NULL),
                 SQLITE_OK);
    sqlite3_bind_blob(stmt, 1, erasure.sample->slot + SAMPLE_WRAPPED_AT, CRYPTO_WRAPPED_BYTES,
                      SQLITE_STATIC);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    cr_assert_not(verify().key_absent);
}

Test(verify, the_slot_itself_is_tried_however_many_there_are)
{
    struct slab_key key = {.kind = SLAB_SUBJECT, .owner = VAULT_DOMAIN_DEFAULT};
    uint64_t slot = 0;

    (void)store(f.note, "bert", "tea");
    (void)store(f.note, "anna", "tea");
    for (int i = 0; i < 2000; i++) /* the writer is idle; only a part of these is tried */
        cr_assert_eq(slab_add(f.v->slab, &key, &slot), ERR_OK);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(fixture_erase(&f, i == 0 ? "anna" : "bert", &erasure), ERR_OK);
        cr_assert(verify().samples_unreadable);
        write_slot(erasure.slot, erasure.sample->slot);
        cr_assert_not(verify().samples_unreadable);
        vault_erasure_done(&erasure);
    }
}

Test(verify, a_key_that_a_reader_kept_is_caught)
{
    struct slab_key key = {.kind = SLAB_SUBJECT};

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert(verify().samples_unreadable);
    (void)keycache_put(f.r->keys, erasure.slot, 1, key.subject, key.key);
    cr_assert_not(verify().samples_unreadable);
}

Test(verify, a_copy_of_the_key_in_another_slot_is_caught)
{
    uint8_t kept[SLAB_SLOT_BYTES];
    struct slab_key key;
    uint64_t slot = 0;

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_subject(&f, "anna", &slot), ERR_OK);
    cr_assert_eq(slab_raw(f.v->slab, slot, kept), ERR_OK);
    cr_assert_eq(slab_read(f.v->slab, slot, &key), ERR_OK);
    cr_assert_eq(slab_add(f.v->slab, &key, &slot), ERR_OK); /* the writer is idle */
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_not(verify().samples_unreadable);
    cr_assert(verify().slot_zero);
}

Test(verify, a_large_value_is_no_sample)
{
    AUTO(mem_free) char *large = mem_alloc(SAMPLE_BYTES_MAX + 1);

    memset(large, 'x', SAMPLE_BYTES_MAX);
    (void)store(f.note, "anna", large);
    (void)store(f.note, "anna", "small");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_eq(verify().samples_tried, 1);
    cr_assert(verify().samples_unreadable);
}

Test(verify, after_a_restart_the_slot_and_what_is_left_speak)
{
    struct vault_erasure *list = NULL;
    struct vault_verification found;
    size_t count = 0, deleted = 0;

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(vault_erasures_open(f.v, &list, &count), ERR_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(vault_erasure_verify(f.v, &list[0], &found), ERR_OK);
    cr_assert(found.slot_zero && found.samples_unreadable && found.key_absent);
    cr_assert_not(found.key_known);
    cr_assert_eq(found.samples_tried, 1, "a row that is not swept yet");
    cr_assert_eq(found.rows_left, 1);
    write_slot(list[0].slot, erasure.sample->slot);
    cr_assert_eq(vault_erasure_verify(f.v, &list[0], &found), ERR_OK);
    cr_assert(!found.slot_zero && !found.samples_unreadable && !found.key_absent);
    cr_assert_eq(found.keys_left, 1);
    cr_assert_eq(fixture_sweep(&f, list[0].slot, &deleted), ERR_CONFLICT, "there is a key");
    vault_erasure_done(&list[0]);
    free(list);
}

Test(verify, after_a_restart_without_rows_the_key_in_any_slot_is_found)
{
    struct vault_erasure *list = NULL;
    struct vault_verification found;
    size_t count = 0, deleted = 0;

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK);
    cr_assert_eq(vault_erasures_open(f.v, &list, &count), ERR_OK);
    cr_assert_eq(vault_erasure_verify(f.v, &list[0], &found), ERR_OK);
    cr_assert(found.slot_zero && found.samples_unreadable && found.key_absent);
    cr_assert_eq(found.samples_tried, 0);
    write_slot(list[0].slot + 1, erasure.sample->slot); /* somebody zeroed another one */
    cr_assert_eq(vault_erasure_verify(f.v, &list[0], &found), ERR_OK);
    cr_assert(found.slot_zero);
    cr_assert_eq(found.keys_left, 1);
    cr_assert_not(found.key_absent);
    vault_erasure_done(&list[0]);
    free(list);
}

Test(verify, an_erasure_that_the_ledger_does_not_have_is_refused)
{
    struct vault_verification found;

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    erasure.id[0] ^= 1;
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &found), ERR_CORRUPT);
    erasure.id[0] ^= 1;
    erasure.ledger_seq++;
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &found), ERR_CORRUPT);
    erasure.ledger_seq--;
    cr_assert_eq(vault_erasure_verify(f.v, &erasure, &found), ERR_OK);
}

/* ---- lies ---- */

static struct vault_verification erase_with(const char *mutant)
{
    char value[32];
    struct token_text token = store(f.note, "anna", "tea");

    cr_assert_eq(fixture_reveal(&f, &token, value, sizeof(value)),
                 ERR_OK); /* a reader has her key */
    (void)store(f.note, "bert", "stays");
    fault_test_set(NULL, mutant);
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    fault_test_set(NULL, NULL);
    return verify();
}

/* E53 */
Test(verify, catches_a_shredder_that_does_nothing)
{
    const struct vault_verification found = erase_with("shred.lies");

    cr_assert(!found.slot_zero && !found.samples_unreadable && !found.key_absent);
    cr_assert_eq(found.keys_left, 1);
}

Test(verify, catches_a_shredder_that_hits_another_slot)
{
    const struct vault_verification found = erase_with("shred.wrong_slot");

    cr_assert(!found.slot_zero && !found.samples_unreadable && !found.key_absent);
    cr_assert_eq(found.keys_left, 1);
}

Test(verify, catches_a_reader_that_keeps_the_key)
{
    const struct vault_verification found = erase_with("erase.readers_keep_key");

    cr_assert(found.slot_zero && found.key_absent);
    cr_assert_not(found.samples_unreadable);
}

Test(verify, catches_a_sweep_that_deletes_nothing)
{
    size_t deleted = 0;

    (void)erase_with(NULL);
    fault_test_set(NULL, "sweep.lies");
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    fault_test_set(NULL, NULL);
    cr_assert_eq(verify().rows_left, 1);
}

Test(verify, catches_a_checkpoint_that_was_not_done)
{
    struct vault_truncate op = {.op.kind = VAULT_TRUNCATE};
    size_t deleted = 0;

    (void)erase_with(NULL);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    fault_test_set(NULL, "truncate.lies");
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    fault_test_set(NULL, NULL);
    cr_assert_not(verify().log_clean);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert(verify().log_clean);
}

Test(verify, catches_a_key_slot_in_another_file)
{
    uint8_t slot[SLAB_SLOT_BYTES];
    uint64_t number = 0;

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_subject(&f, "anna", &number), ERR_OK);
    cr_assert_eq(slab_raw(f.v->slab, number, slot), ERR_OK);
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    memset(erasure.sample->slot, 0, sizeof(erasure.sample->slot)); /* as after a restart */
    cr_assert(verify().key_absent);
    for (size_t i = 0; i < 3; i++) {
        static const off_t at[] = {0, 777, (1 << 20) - 60};
        int fd = open(fixture_path(&f, "keys.slab.bak"), O_RDWR | O_CREAT | O_TRUNC, 0600);

        cr_assert_eq(pwrite(fd, slot, sizeof(slot), at[i]), SLAB_SLOT_BYTES);
        close(fd);
        cr_assert_eq(verify().keys_left, 1, "at %ld", (long)at[i]);
        cr_assert_not(verify().key_absent);
    }
}

Test(verify, looking_leaves_the_stores_locks_in_place)
{
    int status;
    pid_t child;

    (void)store(f.note, "anna", "tea");
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    (void)verify();
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) { /* SQLite keeps a shared lock on the database while it is open */
        struct flock lock = {
            .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000002, .l_len = 510};
        int fd = open(fixture_path(&f, "vault.db"), O_RDWR);

        _exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Look at the store from outside, when it is closed: no helper of ours is believed. */
static size_t count_in_files(const void *needle, size_t len)
{
    DIR *dir = opendir(f.dir);
    const struct dirent *entry;
    size_t hits = 0;

    while ((entry = readdir(dir)) != NULL) {
        FILE *file = fopen(fixture_path(&f, entry->d_name), "r");
        struct stat st;
        char *bytes;

        if (file == NULL || fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode)) {
            if (file != NULL)
                fclose(file);
            continue;
        }
        bytes = malloc((size_t)st.st_size + 1);
        cr_assert_eq(fread(bytes, 1, (size_t)st.st_size, file), (size_t)st.st_size);
        hits += memmem(bytes, (size_t)st.st_size, needle, len) != NULL;
        free(bytes);
        fclose(file);
    }
    closedir(dir);
    return hits;
}

Test(verify, no_file_holds_a_wrapped_key_of_the_erased)
{
    enum { PEOPLE = 60 };
    uint8_t kept[PEOPLE][SLAB_SLOT_BYTES];
    char name[32];
    size_t deleted = 0;
    uint64_t slot = 0;

    for (int i = 0; i < PEOPLE; i++) {
        snprintf(name, sizeof(name), "person %d", i);
        (void)store(f.note, name, "tea");
        (void)store(f.phone, name, name);
        cr_assert_eq(fixture_subject(&f, name, &slot), ERR_OK);
        cr_assert_eq(slab_raw(f.v->slab, slot, kept[i]), ERR_OK);
    }
    for (int i = 0; i < PEOPLE; i += 2) {
        struct vault_erasure one = {0};
        struct vault_erasure_close op = {.op.kind = VAULT_ERASURE_CLOSE, .erasure = &one};

        snprintf(name, sizeof(name), "person %d", i);
        cr_assert_eq(fixture_erase(&f, name, &one), ERR_OK);
        cr_assert_eq(fixture_sweep(&f, one.slot, &deleted), ERR_OK);
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
        vault_erasure_done(&one);
    }
    fixture_close(&f);
    for (int i = 0; i < PEOPLE; i++)
        cr_assert_eq(count_in_files(kept[i] + SAMPLE_WRAPPED_AT, CRYPTO_WRAPPED_BYTES),
                     i % 2 == 0 ? 0 : 1, "person %d", i);
}

Test(verify, no_file_holds_a_value_or_a_name)
{
    static const char value[] = "unmistakable-value-8d1f", name[] = "unmistakable-name-77c2";

    (void)store(f.note, name, value);
    (void)store(f.phone, name, value);
    cr_assert_eq(count_in_files(value, strlen(value)), 0, "while it is open: the log too");
    fixture_close(&f);
    cr_assert_eq(count_in_files(value, strlen(value)), 0);
    cr_assert_eq(count_in_files(name, strlen(name)), 0);
}
