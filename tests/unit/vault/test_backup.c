/* SPDX-License-Identifier: Apache-2.0 */
/* Backups of a store in use: what they hold, where they may go, what a failure leaves. */
#include "tests/unit/vault/backup_rig.h"

#include <sys/stat.h>

#include "vault/manifest_priv.h"

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

TestSuite(backup, .init = start, .fini = end);

static mode_t mode_of(const char *path)
{
    struct stat st;

    cr_assert_eq(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static struct manifest manifest_of(const char *dir, const char *name)
{
    struct manifest_signature signature;
    struct manifest m;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    cr_assert_eq(manifest_read(path, &m, &signature), ERR_OK);
    cr_assert(manifest_is_signed(&m, &signature, r.f.v->public_key));
    m.bytes++;
    cr_assert_not(manifest_is_signed(&m, &signature, r.f.v->public_key));
    m.bytes--;
    return m;
}

Test(backup, goes_to_two_places_with_signed_manifests)
{
    struct manifest data, keys;

    (void)store_person(&r, "ada");
    must_backup(&r);
    cr_assert_eq(mode_of(r.data), 0700);
    cr_assert_eq(mode_of(r.keys), 0700);
    cr_assert_eq(mode_of(r.last.data_file), 0600);
    cr_assert_eq(mode_of(r.last.keys_file), 0600);
    cr_assert(is_there(r.data, "vault-20260110T120002Z.db"));
    data = manifest_of(r.data, "vault-20260110T120002Z.json");
    keys = manifest_of(r.keys, "keys.json");
    cr_assert_arr_eq(data.backup, keys.backup, VAULT_ID_BYTES);
    cr_assert_arr_eq(data.store, slab_store_id(r.f.v->slab), VAULT_ID_BYTES);
    cr_assert_eq(data.bytes, scratch_size(r.last.data_file));
    cr_assert_eq(keys.bytes, scratch_size(r.last.keys_file));
    cr_assert_eq(data.entries, ledger_seq(r.f.v->ledger));
    cr_assert_eq(keys.entries, data.entries);
    cr_assert_eq(keys.epoch, 1);
    cr_assert_geq(keys.slots, data.slots);
    cr_assert_gt(data.rows, 1);
    cr_assert_eq(count_files(r.data, "*"), 4, ". .. and two files");
    cr_assert_eq(count_files(r.keys, "*"), 4, ". .. and two files");
    cr_assert(r.last.same_file_system);
}

Test(backup, keeps_many_data_and_one_set_of_keys)
{
    char first[128];

    must_backup(&r);
    (void)snprintf(first, sizeof(first), "%s", r.last.data_file);
    (void)store_person(&r, "ada");
    must_backup(&r);
    cr_assert_eq(count_files(r.data, "vault-*.db"), 2);
    cr_assert_eq(count_files(r.keys, "*"), 4, ". .. and two files");
    cr_assert_eq(access(first, F_OK), 0);
}

/* The old copy is found by a second name for its file. */
Test(backup, overwrites_the_keys_of_the_one_before)
{
    static uint8_t bytes[1 << 20];
    char kept[128];
    size_t n;

    (void)store_person(&r, "ada");
    must_backup(&r);
    (void)snprintf(kept, sizeof(kept), "%s/kept", r.f.base);
    cr_assert_eq(link(r.last.keys_file, kept), 0);
    n = scratch_read(kept, 0, bytes, sizeof(bytes));
    cr_assert_eq(memcmp(bytes, "LETHSLAB", 8), 0);
    must_backup(&r);
    cr_assert_eq(scratch_read(kept, 0, bytes, sizeof(bytes)), n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(bytes[i], 0, "byte %zu", i);
    n = scratch_read(r.last.keys_file, 0, bytes, sizeof(bytes));
    cr_assert_eq(memcmp(bytes, "LETHSLAB", 8), 0);
}

Test(backup, refuses_directories_that_touch)
{
    char in_store[96], in_data[96], link_to_data[96];

    (void)snprintf(in_store, sizeof(in_store), "%s/backup", r.f.dir);
    (void)snprintf(in_data, sizeof(in_data), "%s/keys", r.data);
    (void)snprintf(link_to_data, sizeof(link_to_data), "%s/link", r.f.base);
    cr_assert_eq(mkdir(r.data, 0700), 0);
    cr_assert_eq(symlink(r.data, link_to_data), 0);
    ASSERT_REFUSED(&r, vault_backup(r.f.v, r.data, r.data, &r.last, &r.msg), ERR_INVALID,
                   "different places");
    ASSERT_REFUSED(&r, vault_backup(r.f.v, r.data, link_to_data, &r.last, &r.msg), ERR_INVALID,
                   "different places");
    ASSERT_REFUSED(&r, vault_backup(r.f.v, r.data, in_data, &r.last, &r.msg), ERR_INVALID,
                   "different places");
    ASSERT_REFUSED(&r, vault_backup(r.f.v, in_data, r.data, &r.last, &r.msg), ERR_INVALID,
                   "different places");
    ASSERT_REFUSED(&r, vault_backup(r.f.v, in_store, r.data, &r.last, &r.msg), ERR_INVALID,
                   "must not go into the store");
    ASSERT_REFUSED(&r, vault_backup(r.f.v, r.data, r.f.base, &r.last, &r.msg), ERR_INVALID,
                   "different places");
    ASSERT_REFUSED(&r, vault_backup(r.f.v, r.data, r.f.dir, &r.last, &r.msg), ERR_INVALID,
                   "must not go into the store");
    ASSERT_REFUSED(&r, vault_backup(r.f.v, "/nonexistent/a", r.keys, &r.last, &r.msg), ERR_IO,
                   "cannot be made");
    cr_assert_eq(count_files(r.data, "vault*"), 0);
}

Test(backup, refuses_to_overwrite_anothers_keys)
{
    struct backup_rig other;
    char file[128];

    backup_rig_start(&other);
    must_backup(&other);
    ASSERT_REFUSED(&r, vault_backup(r.f.v, r.data, other.keys, &r.last, &r.msg), ERR_CONFLICT,
                   "another store");
    (void)snprintf(file, sizeof(file), "%s/keys.slab", r.keys);
    cr_assert_eq(mkdir(r.keys, 0700), 0);
    scratch_write(file, 0, "something else", 14);
    ASSERT_REFUSED(&r, backup_now(&r), ERR_CONFLICT, "is no key file");
    cr_assert_eq(scratch_size(file), 14);
    backup_rig_end(&other);
}

Test(backup, is_one_a_second_and_one_at_a_time)
{
    must_backup(&r);
    vault_backup_done(&r.last);
    ASSERT_REFUSED(&r, vault_backup(r.f.v, r.data, r.keys, &r.last, &r.msg), ERR_CONFLICT,
                   "is there already");
    atomic_store(&r.f.v->backing_up, true);
    ASSERT_REFUSED(&r, backup_now(&r), ERR_BUSY, "another backup");
    atomic_store(&r.f.v->backing_up, false);
    must_backup(&r);
}

Test(backup, can_be_stopped)
{
    (void)store_person(&r, "ada");
    vault_backup_stop(r.f.v);
    cr_assert_eq(backup_now(&r), ERR_CANCELED);
    cr_assert_eq(count_files(r.data, "*"), 2);
}

Test(backup, leaves_nothing_when_it_fails)
{
    static const char *const faults[] = {"file.sync!io", "file.write!io", "copy.fail!io",
                                         "file.full!io"};

    (void)store_person(&r, "ada");
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        fault_test_set(faults[i], NULL);
        cr_assert_neq(backup_now(&r), ERR_OK, "%s", faults[i]);
        fault_test_set(NULL, NULL);
        cr_assert_eq(count_files(r.data, "*"), 2, "%s: . and ..", faults[i]);
        cr_assert_not(is_there(r.keys, "keys.slab"));
    }
    must_backup(&r);
    cr_assert_eq(count_files(r.keys, "*"), 4);
}

/* A page of the database that is not what SQLite wrote: found before the copy gets its name. */
Test(backup, refuses_to_copy_a_damaged_database)
{
    static uint8_t page[4096];
    char db[128];
    size_t hit = 0;

    (void)snprintf(db, sizeof(db), "%s", fixture_path(&r.f, VAULT_DB));
    for (int i = 0; i < 400; i++)
        (void)store_person(&r, "ada");
    fixture_close(&r.f);
    /* From the end: the tables' own table is at the beginning, and has many rows, too. */
    for (size_t at = scratch_size(db) - 4096; at > 0 && hit == 0; at -= sizeof(page)) {
        cr_assert_eq(scratch_read(db, at, page, sizeof(page)), sizeof(page));
        if (page[0] == 13 && page[3] * 256 + page[4] > 30) { /* a leaf full of rows */
            memset(page + 8, 0xff, 16);                      /* where its first cells are */
            scratch_write(db, at, page, sizeof(page));
            hit = at;
        }
    }
    cr_assert_neq(hit, 0);
    reopen(&r);
    ASSERT_REFUSED(&r, backup_now(&r), ERR_CORRUPT, "is damaged");
    cr_assert_eq(count_files(r.data, "vault*"), 0);
}

Test(backup, clears_away_what_a_killed_one_left)
{
    char part[128], slab_part[128];

    must_backup(&r);
    (void)snprintf(part, sizeof(part), "%s/.vault-20250101T000000Z.db.part", r.data);
    (void)snprintf(slab_part, sizeof(slab_part), "%s/.keys.slab.part", r.keys);
    scratch_write(part, 0, "half", 4);
    scratch_write(slab_part, 0, "half", 4);
    must_backup(&r);
    cr_assert_eq(count_files(r.data, ".*.part"), 0);
    cr_assert_eq(count_files(r.keys, ".*.part"), 0);
}

Test(backup, keeps_the_manifest_that_fits_the_keys)
{
    char json[128], next[128];
    struct vault_backup first;

    must_backup(&r);
    (void)snprintf(json, sizeof(json), "%s/keys.json", r.keys);
    (void)snprintf(next, sizeof(next), "%s/keys.json.next", r.keys);
    cr_assert_eq(rename(json, next), 0); /* as a kill between two renames leaves them */
    first = r.last;
    r.last = (struct vault_backup){.data_file = NULL};
    fault_test_set("copy.fail!io", NULL);
    cr_assert_eq(backup_now(&r), ERR_IO);
    fault_test_set(NULL, NULL);
    cr_assert_eq(access(json, F_OK), 0);
    cr_assert_neq(access(next, F_OK), 0);
    r.last = first;
    cr_assert_eq(restore_last(&r), ERR_OK, "%s", r.msg.text);
    reopen(&r);
}
