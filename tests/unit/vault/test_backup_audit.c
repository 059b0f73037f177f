/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail through backups and restores. */
#include "audit_rig.h"
#include "backup_rig.h"

TestSuite(backup_audit, .init = secret_start);

static struct backup_rig r;
static struct audit_rig_findings found;

static const char *copied(unsigned number)
{
    static char path[160];
    const uint8_t *id = vault_store_id(r.f.v);
    int n = snprintf(path, sizeof(path), "%s/audit-", r.data);

    for (size_t i = 0; i < 8; i++)
        n += snprintf(path + n, sizeof(path) - (size_t)n, "%02x", id[i]);
    (void)snprintf(path + n, sizeof(path) - (size_t)n, "/%06u.log", number);
    return path;
}

static void assert_same(const char *a, const char *b)
{
    static uint8_t x[1 << 20], y[1 << 20];
    const size_t n = scratch_read(a, 0, x, sizeof(x));

    cr_assert_eq(scratch_read(b, 0, y, sizeof(y)), n);
    cr_assert_arr_eq(x, y, n);
}

Test(backup_audit, a_backup_takes_the_trail_and_what_came_since)
{
    backup_rig_start(&r);
    audit_rig_write(&r.f, "one");
    must_backup(&r);
    assert_same(copied(1), audit_rig_segment(&r.f, 1));
    audit_rig_write(&r.f, "two"); /* in a segment of the same length */
    must_backup(&r);
    assert_same(copied(1), audit_rig_segment(&r.f, 1));
    backup_rig_end(&r);
}

Test(backup_audit, a_store_without_a_trail_makes_no_folder)
{
    backup_rig_start(&r);
    must_backup(&r);
    cr_assert_neq(access(copied(1), F_OK), 0);
    backup_rig_end(&r);
}

Test(backup_audit, a_restore_leaves_the_trail_that_is_there_alone)
{
    struct audit_rig_frames s;

    backup_rig_start(&r);
    audit_rig_write(&r.f, "one");
    must_backup(&r);
    audit_rig_write(&r.f, "two");
    cr_assert_eq(restore_last(&r), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(audit_rig_verdict(&r.f, NULL, NULL, &found), AUDIT_WHOLE, "%s", found.text);
    s = audit_rig_frames(audit_rig_segment(&r.f, 1));
    cr_assert_eq(s.count, 4); /* segment, two records, head */
    free(s.bytes);
    backup_rig_end(&r);
}

/* A new machine: the ledger is the live one, the trail is as old as the backup, and says so. */
Test(backup_audit, a_lost_trail_comes_back_and_says_what_it_lacks)
{
    backup_rig_start(&r);
    audit_rig_write(&r.f, "one");
    must_backup(&r);
    audit_rig_write(&r.f, "two"); /* which the ledger knows of */
    fixture_close(&r.f);
    cr_assert_eq(unlink(audit_rig_segment(&r.f, 1)), 0);
    cr_assert_eq(unlink(fixture_path(&r.f, AUDIT_DIR "/keys")), 0);
    cr_assert_eq(rmdir(fixture_path(&r.f, AUDIT_DIR)), 0);
    cr_assert_eq(restore_from(&r, r.last.data_file, r.last.keys_file, NULL, true), ERR_OK, "%s",
                 r.msg.text);
    cr_assert_eq(fixture_open(&r.f), ERR_OK, "%s", r.f.msg.text);
    audit_rig_write(&r.f, "after");
    fixture_close(&r.f);
    cr_assert_eq(audit_rig_verdict(&r.f, NULL, NULL, &found), AUDIT_REMOVED, "%s", found.text);
    cr_assert_not_null(strstr(found.text, "records 3-3 are missing"), "%s", found.text);
    backup_rig_end(&r);
}
