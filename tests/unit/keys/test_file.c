/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_rig.h"

TestSuite(file, .init = secret_start);

static enum err load_text(struct keys_rig *r, const char *text, struct root_keys *ret)
{
    const char *path = scratch_path(&r->scratch, "root.key");
    enum err e;

    rig_read(r, "file:root.key");
    scratch_write(path, 0, text, strlen(text));
    e = rig_load(r, ret);
    cr_assert(e == ERR_OK || strstr(r->msg.text, path) != NULL);
    cr_assert(e == ERR_OK || strstr(r->msg.text, "0102") == NULL, "the message tells the key");
    (void)unlink(path);
    return e;
}

Test(file, made_is_read_back)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};
    AUTO(root_key_done) struct root_key made = {.bytes = NULL};
    static const uint8_t zeroes[ROOT_KEY_BYTES];

    rig_begin(&r);
    rig_read(&r, "file:root.key");
    cr_assert_str_eq(rig_epochs(&r), "NOT_FOUND");
    cr_assert_eq(r.provider->ops->add(r.provider, 1, &made, &r.msg), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(made.epoch, 1);
    cr_assert_eq(rig_load(&r, &keys), ERR_OK);
    cr_assert_eq(keys.count, 1);
    cr_assert_eq(keys.at[0].epoch, 1);
    cr_assert_arr_eq(keys.at[0].bytes, made.bytes, ROOT_KEY_BYTES);
    cr_assert_arr_neq(made.bytes, zeroes, ROOT_KEY_BYTES);
    cr_assert_eq(rig_files(&r), 1);
}

Test(file, gets_versions_and_loses_them)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(root_keys_done) struct root_keys before = {.count = 0}, after = {.count = 0};

    rig_begin(&r);
    rig_read(&r, "file:root.key");
    cr_assert_eq(rig_add(&r, 3), ERR_OK);
    cr_assert_eq(rig_load(&r, &before), ERR_OK);
    cr_assert_eq(rig_add(&r, 4), ERR_OK, "%s", r.msg.text);
    cr_assert_str_eq(rig_epochs(&r), "3 4");
    cr_assert_eq(rig_load(&r, &after), ERR_OK);
    cr_assert_arr_eq(before.at[0].bytes, after.at[0].bytes, ROOT_KEY_BYTES);
    cr_assert_arr_neq(after.at[1].bytes, after.at[0].bytes, ROOT_KEY_BYTES);
    cr_assert_eq(rig_add(&r, 5), ERR_CONFLICT, "three versions are never needed");
    cr_assert_eq(rig_drop(&r, 3), ERR_OK, "%s", r.msg.text);
    cr_assert_str_eq(rig_epochs(&r), "4");
    root_keys_done(&before);
    cr_assert_eq(rig_load(&r, &before), ERR_OK);
    cr_assert_arr_eq(before.at[0].bytes, after.at[1].bytes, ROOT_KEY_BYTES);
    cr_assert_eq(rig_drop(&r, 3), ERR_OK, "again is harmless");
    cr_assert_eq(rig_add(&r, 4), ERR_CONFLICT);
    cr_assert_eq(rig_add(&r, 2), ERR_CONFLICT, "an epoch never comes back");
    cr_assert_eq(rig_drop(&r, 4), ERR_OK);
    cr_assert_str_eq(rig_epochs(&r), "NOT_FOUND");
    cr_assert_eq(rig_drop(&r, 4), ERR_OK);
    cr_assert_eq(rig_files(&r), 0);
}

/* What stands in a file that was read before it was replaced: a link kept by the test shows the old
 * inode. */
Test(file, overwrites_what_it_replaces)
{
    AUTO(rig_end) struct keys_rig r;
    char text[256] = "";
    size_t n;

    rig_begin(&r);
    rig_read(&r, "file:root.key");
    cr_assert_eq(rig_add(&r, 1), ERR_OK);
    cr_assert_eq(link(scratch_path(&r.scratch, "root.key"), scratch_path(&r.scratch, "kept1")), 0);
    cr_assert_eq(rig_add(&r, 2), ERR_OK);
    cr_assert_eq(link(scratch_path(&r.scratch, "root.key"), scratch_path(&r.scratch, "kept2")), 0);
    cr_assert_eq(rig_drop(&r, 1), ERR_OK);
    cr_assert_eq(link(scratch_path(&r.scratch, "root.key"), scratch_path(&r.scratch, "kept3")), 0);
    cr_assert_eq(rig_drop(&r, 2), ERR_OK);
    for (int i = 1; i <= 3; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "kept%d", i);
        n = scratch_read(scratch_path(&r.scratch, name), 0, text, sizeof(text));
        cr_assert_gt(n, 70, "%s", name);
        for (size_t at = 0; at < n; at++)
            cr_assert_eq(text[at], 0, "%s: byte %zu", name, at);
    }
}

Test(file, is_readable_by_its_owner_only_whatever_the_umask)
{
    AUTO(rig_end) struct keys_rig r;
    static const mode_t masks[] = {0, 022, 0777};
    struct stat st;

    rig_begin(&r);
    rig_read(&r, "file:root.key");
    for (size_t i = 0; i < COUNT_OF(masks); i++) {
        mode_t before = umask(masks[i]);

        cr_assert_eq(rig_add(&r, 1), ERR_OK);
        for (int step = 0; step < 2; step++) {
            cr_assert_eq(stat(scratch_path(&r.scratch, "root.key"), &st), 0);
            cr_assert_eq(st.st_mode & 07777, 0400, "umask %o", masks[i]);
            if (step == 0)
                cr_assert_eq(rig_add(&r, 2), ERR_OK);
        }
        cr_assert_eq(rig_drop(&r, 1), ERR_OK);
        cr_assert_eq(rig_drop(&r, 2), ERR_OK);
        (void)umask(before);
    }
}

Test(file, keeps_its_versions_when_it_cannot_be_written)
{
    AUTO(rig_end) struct keys_rig r;
    static const char *const faults[] = {"keyfile.write!io", "keyfile.sync!io"};

    rig_begin(&r);
    rig_read(&r, "file:root.key");
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        fault_test_set(faults[i], NULL);
        cr_assert_eq(rig_add(&r, 1), ERR_IO);
        cr_assert_not_null(strstr(r.msg.text, "root.key"), "%s", r.msg.text);
        cr_assert_str_eq(rig_epochs(&r), "NOT_FOUND");
        fault_test_set(NULL, NULL);
        cr_assert_eq(rig_add(&r, 1), ERR_OK, "what failed is not in the way");
        fault_test_set(faults[i], NULL);
        cr_assert_eq(rig_add(&r, 2), ERR_IO);
        cr_assert_str_eq(rig_epochs(&r), "1");
        fault_test_set(NULL, NULL);
        cr_assert_eq(rig_add(&r, 2), ERR_OK);
        fault_test_set(faults[i], NULL);
        cr_assert_eq(rig_drop(&r, 1), ERR_IO);
        cr_assert_str_eq(rig_epochs(&r), "1 2");
        fault_test_set(NULL, NULL);
        cr_assert_eq(rig_drop(&r, 1), ERR_OK);
        cr_assert_str_eq(rig_epochs(&r), "2");
        cr_assert_eq(rig_drop(&r, 2), ERR_OK);
        cr_assert_eq(rig_files(&r), 0);
    }
    rig_read(&r, "file:no/such/folder/root.key");
    cr_assert_eq(rig_add(&r, 1), ERR_IO);
}

Test(file, reads_the_lines_exactly)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(root_keys_done) struct root_keys keys = {.count = 0};

    rig_begin(&r);
    cr_assert_eq(load_text(&r, "lethe-root-1 3 " HEX "\n", &keys), ERR_OK);
    cr_assert(keys.count == 1 && keys.at[0].epoch == 3);
    for (uint8_t i = 0; i < ROOT_KEY_BYTES; i++)
        cr_assert_eq(keys.at[0].bytes[i], i == 31 ? 0xff : i);
    root_keys_done(&keys);
    cr_assert_eq(load_text(&r, "lethe-root-1 4294967295 " HEX, &keys), ERR_OK);
    cr_assert_eq(keys.at[0].epoch, UINT32_MAX);
    root_keys_done(&keys);
    cr_assert_eq(load_text(&r, "lethe-root-1 9 " HEX "\nlethe-root-1 12 " HEX2 "\n", &keys),
                 ERR_OK);
    cr_assert(keys.count == 2 && keys.at[0].epoch == 9 && keys.at[1].epoch == 12);
    cr_assert(keys.at[0].bytes[0] == 0 && keys.at[1].bytes[0] == 0xff);
}

static const char *const malformed[] = {
    "",
    "\n",
    "lethe-root-1",
    "lethe-root-1 ",
    "lethe-root-1 1",
    "lethe-root-1 1 ",
    "lethe-root-1 0 " HEX "\n",
    "lethe-root-1 01 " HEX "\n",
    "lethe-root-1 -1 " HEX "\n",
    "lethe-root-1 4294967296 " HEX "\n",
    "lethe-root-1 99999999999999999999 " HEX "\n",
    "lethe-root-2 1 " HEX "\n",
    "lethe-root-1  1 " HEX "\n",
    "lethe-root-1 1  " HEX "\n",
    "lethe-root-1 1 " HEX "0\n",
    "lethe-root-1 1 " HEX " \n",
    "lethe-root-1 1 " HEX "\r\n",
    "lethe-root-1 1 " HEX "\n\n",
    "lethe-root-1 2 " HEX "\nlethe-root-1 1 " HEX2 "\n",
    "lethe-root-1 1 " HEX "\nlethe-root-1 1 " HEX2 "\n",
    "lethe-root-1 1 " HEX "\nlethe-root-1 2 " HEX2 "\nlethe-root-1 3 " HEX "\n",
    "lethe-root-1 1 " HEX "lethe-root-1 2 " HEX2 "\n",
    "lethe-root-1 1 \n" HEX,
    "lethe-root-1 4294967295 " HEX "\n\n",
    "lethe-root-1 4294967295 " HEX "0",
    "lethe-root-1 1 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1EFF\n",
    "lethe-root-1 1 g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff\n",
    "lethe-root-1 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e/:\n",
    "lethe-root-1 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e`f\n",
};

Test(file, refuses_anything_but_such_lines)
{
    AUTO(rig_end) struct keys_rig r;
    struct root_keys keys = {.count = 77};

    rig_begin(&r);
    for (size_t i = 0; i < COUNT_OF(malformed); i++)
        cr_assert_eq(load_text(&r, malformed[i], &keys), ERR_SEALED, "%s", malformed[i]);
    cr_assert_eq(keys.count, 77, "written although nothing was read");
}

Test(file, of_garbage_is_not_replaced)
{
    AUTO(rig_end) struct keys_rig r;
    char text[16] = "";

    rig_begin(&r);
    rig_read(&r, "file:root.key");
    scratch_write(scratch_path(&r.scratch, "root.key"), 0, "old", 3);
    cr_assert_eq(rig_add(&r, 1), ERR_SEALED);
    cr_assert_eq(rig_drop(&r, 1), ERR_SEALED);
    cr_assert_eq(scratch_read(scratch_path(&r.scratch, "root.key"), 0, text, sizeof(text)), 3);
    cr_assert_str_eq(text, "old");
}

Test(file, is_refused_when_others_could_have_read_or_changed_it)
{
    AUTO(rig_end) struct keys_rig r;

    rig_begin(&r);
    rig_read(&r, "file:root.key");
    cr_assert_eq(rig_add(&r, 1), ERR_OK);
    for (mode_t bit = 1; bit <= 040; bit *= 2) {
        cr_assert_eq(chmod(scratch_path(&r.scratch, "root.key"), 0400 | bit), 0);
        cr_assert_str_eq(rig_epochs(&r), "SEALED", "mode %o", 0400 | bit);
        cr_assert_not_null(strstr(r.msg.text, "chmod 0400"), "%s", r.msg.text);
        cr_assert_eq(rig_add(&r, 2), ERR_SEALED);
    }
    cr_assert_eq(chmod(scratch_path(&r.scratch, "root.key"), 0600), 0);
    cr_assert_str_eq(rig_epochs(&r), "1");
}

Test(file, is_refused_when_it_belongs_to_another_user)
{
    AUTO(rig_end) struct keys_rig r;

    rig_begin(&r);
    rig_read(&r, "file:root.key");
    cr_assert_eq(rig_add(&r, 1), ERR_OK);
    if (geteuid() != 0)
        return; /* only root can give a file away */
    cr_assert_eq(chown(scratch_path(&r.scratch, "root.key"), 12345, (gid_t)-1), 0);
    cr_assert_str_eq(rig_epochs(&r), "SEALED");
    cr_assert_not_null(strstr(r.msg.text, "another user"), "%s", r.msg.text);
}

Test(file, is_looked_at_and_replaced_where_a_link_leads)
{
    AUTO(rig_end) struct keys_rig r;
    struct stat st;

    rig_begin(&r);
    cr_assert_eq(mkdir(scratch_path(&r.scratch, "elsewhere"), 0700), 0);
    cr_assert_eq(symlink("elsewhere/root.key", scratch_path(&r.scratch, "link")), 0);
    rig_read(&r, "file:elsewhere/root.key");
    cr_assert_eq(rig_add(&r, 1), ERR_OK);
    rig_read(&r, "file:link");
    cr_assert_str_eq(rig_epochs(&r), "1");
    cr_assert_eq(rig_add(&r, 2), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(lstat(scratch_path(&r.scratch, "link"), &st), 0);
    cr_assert(S_ISLNK(st.st_mode), "the link is still one");
    rig_read(&r, "file:elsewhere/root.key");
    cr_assert_str_eq(rig_epochs(&r), "1 2");
    cr_assert_eq(chmod(scratch_path(&r.scratch, "elsewhere/root.key"), 0444), 0);
    rig_read(&r, "file:link");
    cr_assert_str_eq(rig_epochs(&r), "SEALED");
}

Test(file, must_be_a_regular_file, .timeout = 10)
{
    AUTO(rig_end) struct keys_rig r;

    rig_begin(&r);
    cr_assert_eq(mkfifo(scratch_path(&r.scratch, "fifo"), 0400), 0);
    rig_read(&r, "file:fifo");
    cr_assert_str_eq(rig_epochs(&r), "SEALED", "and nobody waits for a writer");
    cr_assert_not_null(strstr(r.msg.text, "regular file"), "%s", r.msg.text);
    rig_read(&r, "file:.");
    cr_assert_str_eq(rig_epochs(&r), "SEALED");
    rig_read(&r, "file:missing");
    cr_assert_str_eq(rig_epochs(&r), "NOT_FOUND");
    cr_assert_not_null(strstr(r.msg.text, "missing"), "%s", r.msg.text);
}
