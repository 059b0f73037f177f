/* SPDX-License-Identifier: Apache-2.0 */
/* Restores: what comes back, what stays erased, what is refused and why. */
#include "tests/unit/vault/backup_rig.h"

static struct backup_rig r;

static void start(void)
{
    secret_start();
    backup_rig_start(&r);
}

static void end(void)
{
    backup_rig_end(&r);
}

TestSuite(restore, .init = start, .fini = end);

static void copy_of(const char *from, const char *name, char out[128])
{
    (void)snprintf(out, 128, "%s/%s", r.f.base, name);
    scratch_copy(from, out);
}

static void remove_store(void)
{
    static const char *const names[] = {VAULT_DB, VAULT_SLAB, VAULT_LOCK};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        (void)unlink(fixture_path(&r.f, names[i]));
}

static void assert_clean(void)
{
    cr_assert_eq(count_files(r.f.dir, "*.restoring"), 0);
    cr_assert_eq(count_files(r.f.dir, "*.replaced*"), 0);
    cr_assert_not(is_there(r.f.dir, VAULT_RESTORING));
}

/* The drill: persons, a backup, an erasure, the old backup put back (E46). */
Test(restore, the_erased_stay_erased_and_the_others_read)
{
    struct token_text ada = store_person(&r, "ada"), bob = store_person(&r, "bob"), later;
    struct vault_erasure *open = NULL;
    uint64_t slot;
    size_t count = 0;

    must_backup(&r);
    erase_person(&r, "ada");
    later = store_person(&r, "later");
    cr_assert_eq(restore_last(&r), ERR_OK, "%s", r.msg.text);
    assert_clean();
    cr_assert_eq(r.restored.erasures, 1);
    cr_assert_str_eq(r.restored.data_time, "2026-01-10T12:00:02Z");
    reopen(&r);
    cr_assert_not(reads(&r, &ada, "ada"));
    cr_assert_eq(fixture_subject(&r.f, "ada", &slot), ERR_NOT_FOUND);
    cr_assert(reads(&r, &bob, "bob"));
    cr_assert_not(reads(&r, &later, "later"), "stored after the backup");
    cr_assert_eq(vault_erasures_open(r.f.v, &open, &count), ERR_OK);
    cr_assert_eq(count, 1, "its rows are there again, to be swept");
    vault_erasure_done(&open[0]);
    free(open);
}

Test(restore, works_where_the_store_is_lost_but_for_its_ledger)
{
    struct token_text bob = store_person(&r, "bob");

    must_backup(&r);
    fixture_close(&r.f);
    remove_store();
    cr_assert_eq(restore_from(&r, r.last.data_file, r.last.keys_file, NULL, false), ERR_OK, "%s",
                 r.msg.text);
    assert_clean();
    reopen(&r);
    cr_assert(reads(&r, &bob, "bob"));
}

Test(restore, gives_no_number_out_again)
{
    struct token_ref before, lost, after;
    struct token_text token = store_person(&r, "before");
    uint64_t lost_slot, after_slot;

    cr_assert_eq(token_read(fixture_span(&token), r.f.v->locator_key, &before), ERR_OK);
    must_backup(&r);
    token = store_person(&r, "lost");
    cr_assert_eq(token_read(fixture_span(&token), r.f.v->locator_key, &lost), ERR_OK);
    cr_assert_eq(fixture_subject(&r.f, "lost", &lost_slot), ERR_OK);
    erase_person(&r, "lost");
    cr_assert_eq(restore_last(&r), ERR_OK, "%s", r.msg.text);
    reopen(&r);
    for (int i = 0; i < 100; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "after%d", i);
        token = store_person(&r, name);
        cr_assert_eq(token_read(fixture_span(&token), r.f.v->locator_key, &after), ERR_OK);
        cr_assert_gt(after.row, lost.row);
        cr_assert_gt(lost.row, before.row);
        cr_assert_eq(fixture_subject(&r.f, name, &after_slot), ERR_OK);
        cr_assert_gt(after_slot, lost_slot);
    }
}

Test(restore, appends_what_it_did_to_the_ledger)
{
    uint8_t record[LEDGER_RECORD_BYTES];
    size_t entries;

    must_backup(&r);
    cr_assert_eq(restore_last(&r), ERR_OK, "%s", r.msg.text);
    entries = r.restored.ledger_entries;
    cr_assert_eq(scratch_read(fixture_path(&r.f, VAULT_LEDGER), (entries - 1) * LEDGER_RECORD_BYTES,
                              record, sizeof(record)),
                 sizeof(record));
    cr_assert_eq(record[1], LEDGER_RESTORED);
    cr_assert_arr_eq(record + 32, r.last.id, VAULT_ID_BYTES);
    cr_assert_eq(record[24], r.last.ledger_entries);
}

/* ---- the store that is there ---- */

Test(restore, replaces_a_store_only_when_told_to)
{
    struct token_text ada = store_person(&r, "ada");

    must_backup(&r);
    fixture_close(&r.f);
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, NULL, false),
                   ERR_CONFLICT, "--replace");
    reopen(&r);
    cr_assert(reads(&r, &ada, "ada"));
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, NULL, true), ERR_BUSY,
                   "in use");
}

Test(restore, overwrites_the_keys_that_it_replaces)
{
    static uint8_t bytes[1 << 20];
    char kept[128];
    size_t n;

    (void)store_person(&r, "ada");
    must_backup(&r);
    (void)snprintf(kept, sizeof(kept), "%s/kept", r.f.base);
    cr_assert_eq(link(fixture_path(&r.f, VAULT_SLAB), kept), 0);
    cr_assert_eq(restore_last(&r), ERR_OK, "%s", r.msg.text);
    n = scratch_read(kept, 0, bytes, sizeof(bytes));
    cr_assert_gt(n, SLAB_HEADER_BYTES);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(bytes[i], 0, "byte %zu", i);
}

Test(restore, refuses_to_replace_another_store)
{
    struct backup_rig other;

    must_backup(&r);
    backup_rig_start(&other);
    must_backup(&other);
    fixture_close(&r.f);
    ASSERT_REFUSED(&r, restore_from(&r, other.last.data_file, other.last.keys_file, NULL, true),
                   ERR_SEALED, "keys.slab"); /* its root key is another's, too */
    fixture_close(&other.f);
    r.f.root = other.f.root;
    ASSERT_REFUSED(&r, restore_from(&r, other.last.data_file, other.last.keys_file, NULL, true),
                   ERR_CONFLICT, "another store");
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, other.last.keys_file, NULL, true),
                   ERR_CORRUPT, "altered"); /* signed by somebody else */
    r.f.root.bytes = NULL;
    backup_rig_end(&other);
}

/* What goes wrong after the files were exchanged: the old store comes back. */
Test(restore, puts_the_old_store_back_when_the_new_one_does_not_open)
{
    struct token_text ada = store_person(&r, "ada"), later;

    must_backup(&r);
    later = store_person(&r, "later");
    fixture_close(&r.f);
    fault_test_set("ledger.append!io", NULL);
    cr_assert_eq(restore_from(&r, r.last.data_file, r.last.keys_file, NULL, true), ERR_IO);
    fault_test_set(NULL, NULL);
    assert_clean();
    reopen(&r);
    cr_assert(reads(&r, &ada, "ada"));
    cr_assert(reads(&r, &later, "later"));
}

Test(restore, an_unfinished_one_keeps_the_store_shut)
{
    struct token_text ada = store_person(&r, "ada");

    must_backup(&r);
    fixture_close(&r.f);
    scratch_write(fixture_path(&r.f, VAULT_RESTORING), 0, "x", 1);
    cr_assert_eq(fixture_open(&r.f), ERR_CONFLICT);
    cr_assert_not_null(strstr(r.f.msg.text, "run `lethe restore` again"), "%s", r.f.msg.text);
    cr_assert_eq(restore_from(&r, r.last.data_file, r.last.keys_file, NULL, false), ERR_OK,
                 "without --replace: it was said before");
    assert_clean();
    reopen(&r);
    cr_assert(reads(&r, &ada, "ada"));
}

/* ---- the ledger ---- */

Test(restore, refuses_without_the_ledger)
{
    must_backup(&r);
    fixture_close(&r.f);
    (void)unlink(fixture_path(&r.f, VAULT_LEDGER));
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, NULL, true),
                   ERR_CORRUPT, "is missing");
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, "/nonexistent", true),
                   ERR_CORRUPT, "/nonexistent is missing");
    assert_clean();
}

/* E47 */
Test(restore, refuses_a_shortened_ledger_by_what_the_backup_knows)
{
    char ledger[128];

    (void)snprintf(ledger, sizeof(ledger), "%s", fixture_path(&r.f, VAULT_LEDGER));
    (void)store_person(&r, "ada");
    erase_person(&r, "ada");
    must_backup(&r);
    fixture_close(&r.f);
    remove_store(); /* so that nobody else knows */
    scratch_cut(ledger, scratch_size(ledger) - LEDGER_RECORD_BYTES);
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, NULL, false),
                   ERR_CORRUPT, "would be undone");
    cr_assert_not_null(strstr(r.msg.text, "the keys backup knows"), "%s", r.msg.text);
    assert_clean();
}

Test(restore, refuses_an_older_ledger_by_what_the_replaced_store_knows)
{
    char old[128];

    (void)store_person(&r, "ada");
    must_backup(&r);
    copy_of(fixture_path(&r.f, VAULT_LEDGER), "old.log", old);
    erase_person(&r, "ada");
    fixture_close(&r.f);
    scratch_cut(fixture_path(&r.f, VAULT_LEDGER), 0);
    scratch_copy(old, fixture_path(&r.f, VAULT_LEDGER));
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, NULL, true),
                   ERR_CORRUPT, "being replaced");
}

Test(restore, refuses_a_named_ledger_that_is_older_than_the_one_in_place)
{
    char old[128];

    (void)store_person(&r, "ada");
    must_backup(&r);
    copy_of(fixture_path(&r.f, VAULT_LEDGER), "old.log", old);
    erase_person(&r, "ada");
    fixture_close(&r.f);
    (void)unlink(fixture_path(&r.f, VAULT_DB));
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, old, true), ERR_CORRUPT,
                   "would be undone");
}

Test(restore, takes_a_named_ledger_that_is_the_live_one)
{
    struct token_text ada = store_person(&r, "ada"), bob = store_person(&r, "bob");
    char live[128];

    must_backup(&r);
    erase_person(&r, "ada");
    fixture_close(&r.f);
    copy_of(fixture_path(&r.f, VAULT_LEDGER), "live.log", live);
    remove_store();
    (void)unlink(fixture_path(&r.f, VAULT_LEDGER));
    cr_assert_eq(restore_from(&r, r.last.data_file, r.last.keys_file, live, false), ERR_OK, "%s",
                 r.msg.text);
    assert_clean();
    reopen(&r);
    cr_assert_not(reads(&r, &ada, "ada"));
    cr_assert(reads(&r, &bob, "bob"));
}

Test(restore, refuses_damaged_and_foreign_ledgers)
{
    struct backup_rig other;
    char damaged[128], foreign[128];

    (void)store_person(&r, "ada");
    erase_person(&r, "ada");
    must_backup(&r);
    fixture_close(&r.f);
    copy_of(fixture_path(&r.f, VAULT_LEDGER), "damaged.log", damaged);
    scratch_flip(damaged, LEDGER_RECORD_BYTES + 40, 1);
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, damaged, true),
                   ERR_CORRUPT, "damaged or altered at record 2");
    backup_rig_start(&other);
    fixture_close(&other.f);
    copy_of(fixture_path(&other.f, VAULT_LEDGER), "foreign.log", foreign);
    backup_rig_end(&other);
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, foreign, true),
                   ERR_CORRUPT, "another store");
}

/* ---- the backup ---- */

Test(restore, refuses_altered_files)
{
    char json[128];

    (void)store_person(&r, "ada");
    must_backup(&r);
    fixture_close(&r.f);
    (void)snprintf(json, sizeof(json), "%s/keys.json", r.keys);
    scratch_flip(r.last.data_file, 5000, 1);
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, NULL, true),
                   ERR_CORRUPT, "is not the file that its manifest describes");
    scratch_flip(r.last.data_file, 5000, 1);
    scratch_cut(r.last.keys_file, scratch_size(r.last.keys_file) - 128);
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, NULL, true),
                   ERR_CORRUPT, "is not the file that its manifest describes");
    (void)unlink(json);
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, NULL, true),
                   ERR_NOT_FOUND, "keys.json: is missing");
    assert_clean();
    reopen(&r);
}

Test(restore, refuses_a_manifest_that_was_edited)
{
    uint8_t text[4096];
    char json[128];
    size_t n;
    uint8_t *at;

    must_backup(&r);
    fixture_close(&r.f);
    (void)snprintf(json, sizeof(json), "%.100s", r.last.data_file);
    memcpy(strstr(json, ".db"), ".json", 6);
    n = scratch_read(json, 0, text, sizeof(text));
    at = memmem(text, n, "\"slots\": ", 9);
    cr_assert_not_null(at);
    at[9] = at[9] == '9' ? '8' : (uint8_t)(at[9] + 1);
    scratch_write(json, 0, text, n);
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, NULL, true),
                   ERR_CORRUPT, "manifest was altered");
}

Test(restore, refuses_keys_older_than_the_data)
{
    char old_dir[128], old_slab[192], old_json[192];

    must_backup(&r);
    (void)snprintf(old_dir, sizeof(old_dir), "%s/old", r.f.base);
    cr_assert_eq(mkdir(old_dir, 0700), 0);
    (void)snprintf(old_slab, sizeof(old_slab), "%s/keys.slab", old_dir);
    (void)snprintf(old_json, sizeof(old_json), "%s/keys.json", old_dir);
    scratch_copy(r.last.keys_file, old_slab);
    (void)snprintf(old_dir, sizeof(old_dir), "%s/keys.json", r.keys);
    scratch_copy(old_dir, old_json);
    (void)store_person(&r, "ada");
    must_backup(&r);
    fixture_close(&r.f);
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, old_slab, NULL, true), ERR_CORRUPT,
                   "rows would be without their keys");
}

Test(restore, names_both_epochs_when_the_keys_epoch_has_ended)
{
    must_backup(&r);
    fixture_close(&r.f);
    r.f.root.epoch = 3;
    secret_random(r.f.root.bytes, ROOT_KEY_BYTES);
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, NULL, true), ERR_SEALED,
                   "root key epoch 1");
    cr_assert_not_null(strstr(r.msg.text, "is of epoch 3"), "%s", r.msg.text);
    cr_assert_not_null(strstr(r.msg.text, "so it is meant"), "%s", r.msg.text);
}

Test(restore, takes_older_data_with_the_latest_keys)
{
    struct token_text ada = store_person(&r, "ada"), bob;
    char old[128];

    must_backup(&r);
    (void)snprintf(old, sizeof(old), "%s", r.last.data_file);
    bob = store_person(&r, "bob");
    must_backup(&r);
    fixture_close(&r.f);
    cr_assert_eq(restore_from(&r, old, r.last.keys_file, NULL, true), ERR_OK, "%s", r.msg.text);
    reopen(&r);
    cr_assert(reads(&r, &ada, "ada"));
    cr_assert_not(reads(&r, &bob, "bob"));
}

/* ---- the mirror ---- */

Test(restore, takes_the_ledger_from_its_mirror)
{
    struct token_text ada = store_person(&r, "ada");
    char mirror[128];

    must_backup(&r);
    erase_person(&r, "ada");
    fixture_close(&r.f);
    copy_of(fixture_path(&r.f, VAULT_LEDGER), "mirror.log", mirror);
    r.f.mirror = mirror;
    remove_store();
    (void)unlink(fixture_path(&r.f, VAULT_LEDGER));
    cr_assert_eq(restore_from(&r, r.last.data_file, r.last.keys_file, NULL, false), ERR_OK, "%s",
                 r.msg.text);
    reopen(&r);
    cr_assert_not(reads(&r, &ada, "ada"));
}

/* The old store is gone, the backup knows no better: only the mirror does. */
Test(restore, refuses_an_older_ledger_by_what_the_mirror_knows)
{
    char mirror[128], old[128];

    (void)store_person(&r, "ada");
    must_backup(&r);
    copy_of(fixture_path(&r.f, VAULT_LEDGER), "old.log", old);
    erase_person(&r, "ada");
    fixture_close(&r.f);
    copy_of(fixture_path(&r.f, VAULT_LEDGER), "mirror.log", mirror);
    r.f.mirror = mirror;
    remove_store();
    (void)unlink(fixture_path(&r.f, VAULT_LEDGER));
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, old, false),
                   ERR_CORRUPT, "would be undone");
    cr_assert_not(is_there(r.f.dir, VAULT_LEDGER), "refused before anything was changed");
}

/* As long as the backup wants, but grown another way since. */
Test(restore, refuses_a_ledger_that_went_another_way)
{
    const struct root_keys roots = {{r.f.root}, 1};
    AUTO(slab_close) struct slab *slab = NULL;
    AUTO(ledger_close) struct ledger *l = NULL;
    uint8_t key[CRYPTO_KEY_BYTES];
    char fork[128];

    (void)store_person(&r, "ada");
    copy_of(fixture_path(&r.f, VAULT_LEDGER), "fork.log", fork);
    erase_person(&r, "ada");
    must_backup(&r);
    fixture_close(&r.f);
    cr_assert_eq(slab_open(fixture_path(&r.f, VAULT_SLAB), &roots, &slab, &r.msg), ERR_OK);
    cr_assert_eq(vault__own_key(slab, SLAB_SLOT_LEDGER, SLAB_LEDGER, key), ERR_OK);
    cr_assert_eq(ledger_open(fork, key, slab_store_id(slab), &l, &r.msg), ERR_OK);
    while (ledger_seq(l) < r.last.ledger_entries + 2) {
        struct ledger_record record = {.kind = LEDGER_RESERVED, .slot = 100};

        cr_assert_eq(ledger_append(l, &record), ERR_OK);
    }
    ledger_close(&l);
    slab_close(&slab);
    remove_store();
    (void)unlink(fixture_path(&r.f, VAULT_LEDGER));
    ASSERT_REFUSED(&r, restore_from(&r, r.last.data_file, r.last.keys_file, fork, false),
                   ERR_CORRUPT, "went another way");
}
