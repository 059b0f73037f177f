/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/rootkey.h"

#include <criterion/criterion.h>

#include "base/fault.h"
#include "base/secret.h"
#include "tests/support/scratch.h"

TestSuite(rootkey, .init = secret_start);

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"

static enum err load(const char *path, struct root_key *ret, struct errmsg *msg)
{
    struct root_keys keys = {.count = 0};
    char provider[128];
    enum err e;

    (void)snprintf(provider, sizeof(provider), "file:%s", path);
    e = root_key_load(provider, &keys, msg);
    cr_assert_eq(keys.count, e == ERR_OK ? 1 : 0);
    if (e == ERR_OK)
        *ret = keys.at[0];
    return e;
}

static enum err load_text(struct scratch *s, const char *text, struct root_key *ret)
{
    const char *path = scratch_path(s, "root.key");
    struct errmsg msg;
    enum err e;

    scratch_write(path, 0, text, strlen(text));
    e = load(path, ret, &msg);
    cr_assert(e == ERR_OK || strstr(msg.text, path) != NULL);
    cr_assert(e == ERR_OK || strstr(msg.text, "0102") == NULL, "the message tells the key");
    (void)unlink(path);
    return e;
}

Test(rootkey, made_is_read_back)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(root_key_done) struct root_key key = {0, NULL}, again = {0, NULL};
    const char *path = scratch_path(&s, "root.key");
    static const uint8_t zeroes[ROOT_KEY_BYTES];
    struct errmsg msg;

    cr_assert_eq(root_key_create(path, &msg), ERR_OK);
    cr_assert_eq(load(path, &key, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(load(path, &again, &msg), ERR_OK);
    cr_assert_eq(key.epoch, 1);
    cr_assert_arr_eq(key.bytes, again.bytes, ROOT_KEY_BYTES);
    cr_assert_arr_neq(key.bytes, zeroes, ROOT_KEY_BYTES);
}

Test(rootkey, two_made_are_different)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(root_key_done) struct root_key a = {0, NULL}, b = {0, NULL};
    struct errmsg msg;

    cr_assert_eq(root_key_create(scratch_path(&s, "a"), &msg), ERR_OK);
    cr_assert_eq(root_key_create(scratch_path(&s, "b"), &msg), ERR_OK);
    cr_assert_eq(load(scratch_path(&s, "a"), &a, &msg), ERR_OK);
    cr_assert_eq(load(scratch_path(&s, "b"), &b, &msg), ERR_OK);
    cr_assert_arr_neq(a.bytes, b.bytes, ROOT_KEY_BYTES);
}

Test(rootkey, made_is_readable_by_its_owner_only_whatever_the_umask)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "root.key");
    struct errmsg msg;
    struct stat st;

    for (mode_t mask = 0; mask <= 0777; mask += 0777) {
        mode_t before = umask(mask);

        cr_assert_eq(root_key_create(path, &msg), ERR_OK);
        (void)umask(before);
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0400);
        (void)unlink(path);
    }
}

Test(rootkey, never_overwrites_a_file)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "root.key");
    char text[4] = "";
    struct errmsg msg;

    scratch_write(path, 0, "old", 3);
    cr_assert_eq(root_key_create(path, &msg), ERR_CONFLICT);
    cr_assert_not_null(strstr(msg.text, path));
    cr_assert_eq(scratch_read(path, 0, text, sizeof(text)), 3);
    cr_assert_str_eq(text, "old");
}

Test(rootkey, leaves_nothing_behind_when_it_cannot_be_written)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "root.key");
    struct errmsg msg;

    fault_test_set("file.write!io", NULL);
    cr_assert_eq(root_key_create(path, &msg), ERR_IO);
    cr_assert_neq(access(path, F_OK), 0);
    fault_test_set("file.sync!io", NULL);
    cr_assert_eq(root_key_create(path, &msg), ERR_IO);
    cr_assert_neq(access(path, F_OK), 0);
    fault_test_set(NULL, NULL);
    cr_assert_eq(root_key_create(scratch_path(&s, "no/such/folder"), &msg), ERR_IO);
}

Test(rootkey, reads_the_line_exactly)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(root_key_done) struct root_key key = {0, NULL};

    cr_assert_eq(load_text(&s, "lethe-root-1 3 " HEX "\n", &key), ERR_OK);
    cr_assert_eq(key.epoch, 3);
    for (uint8_t i = 0; i < ROOT_KEY_BYTES; i++)
        cr_assert_eq(key.bytes[i], i == 31 ? 0xff : i);
    root_key_done(&key);
    cr_assert_eq(load_text(&s, "lethe-root-1 4294967295 " HEX, &key), ERR_OK);
    cr_assert_eq(key.epoch, UINT32_MAX);
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
    "lethe-root-1 1 " HEX "\nlethe-root-1 2 " HEX "\n",
    "lethe-root-1 1 \n" HEX,
    "lethe-root-1 4294967295 " HEX "\n\n",
    "lethe-root-1 4294967295 " HEX "0",
    "lethe-root-1 1 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1EFF\n",
    "lethe-root-1 1 g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff\n",
    "lethe-root-1 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e/:\n",
    "lethe-root-1 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e`f\n",
};

Test(rootkey, refuses_anything_but_that_line)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct root_key key = {77, NULL};

    for (size_t i = 0; i < COUNT_OF(malformed); i++)
        cr_assert_eq(load_text(&s, malformed[i], &key), ERR_SEALED, "%s", malformed[i]);
    cr_assert_null(key.bytes);
    cr_assert_eq(key.epoch, 77, "written although nothing was read");
}

Test(rootkey, is_refused_when_others_could_have_read_or_changed_it)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(root_key_done) struct root_key key = {0, NULL};
    const char *path = scratch_path(&s, "root.key");
    struct errmsg msg;

    cr_assert_eq(root_key_create(path, &msg), ERR_OK);
    for (mode_t bit = 1; bit <= 040; bit *= 2) {
        cr_assert_eq(chmod(path, 0400 | bit), 0);
        cr_assert_eq(load(path, &key, &msg), ERR_SEALED, "mode %o", 0400 | bit);
        cr_assert_not_null(strstr(msg.text, "chmod 0400"), "%s", msg.text);
    }
    cr_assert_eq(chmod(path, 0600), 0);
    cr_assert_eq(load(path, &key, &msg), ERR_OK);
}

Test(rootkey, is_refused_when_it_belongs_to_another_user)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(root_key_done) struct root_key key = {0, NULL};
    const char *path = scratch_path(&s, "root.key");
    struct errmsg msg;

    cr_assert_eq(root_key_create(path, &msg), ERR_OK);
    if (geteuid() != 0)
        return; /* only root can give a file away */
    cr_assert_eq(chown(path, 12345, (gid_t)-1), 0);
    cr_assert_eq(load(path, &key, &msg), ERR_SEALED);
    cr_assert_not_null(strstr(msg.text, "another user"), "%s", msg.text);
}

Test(rootkey, is_looked_at_where_a_link_leads)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(root_key_done) struct root_key key = {0, NULL};
    const char *path = scratch_path(&s, "root.key"), *link = scratch_path(&s, "link");
    struct errmsg msg;

    cr_assert_eq(root_key_create(path, &msg), ERR_OK);
    cr_assert_eq(symlink(path, link), 0);
    cr_assert_eq(load(link, &key, &msg), ERR_OK);
    cr_assert_eq(chmod(path, 0444), 0);
    root_key_done(&key);
    cr_assert_eq(load(link, &key, &msg), ERR_SEALED);
}

Test(rootkey, must_be_a_regular_file, .timeout = 10)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct root_key key = {0, NULL};
    const char *fifo = scratch_path(&s, "fifo");
    struct errmsg msg;

    cr_assert_eq(mkfifo(fifo, 0400), 0);
    cr_assert_eq(load(fifo, &key, &msg), ERR_SEALED, "and nobody waits for a writer");
    cr_assert_not_null(strstr(msg.text, "regular file"), "%s", msg.text);
    cr_assert_eq(load(s.dir, &key, &msg), ERR_SEALED);
    cr_assert_not_null(strstr(msg.text, "regular file"), "%s", msg.text);
    cr_assert_eq(load(scratch_path(&s, "missing"), &key, &msg), ERR_SEALED);
    cr_assert_not_null(strstr(msg.text, "missing"), "%s", msg.text);
}

Test(rootkey, comes_from_no_other_provider)
{
    static const char *const providers[] = {"", "file", "/etc/lethe/root.key", "env:KEY",
                                            "FILE:/x"};
    struct root_keys keys = {.count = 0};
    struct errmsg msg;

    for (size_t i = 0; i < COUNT_OF(providers); i++)
        cr_assert_eq(root_key_load(providers[i], &keys, &msg), ERR_SEALED, "%s", providers[i]);
    cr_assert_eq(keys.count, 0);
}

Test(rootkey, done_twice_is_harmless)
{
    struct root_key key = {3, secret_alloc(ROOT_KEY_BYTES)};

    root_key_done(&key);
    cr_assert_null(key.bytes);
    cr_assert_eq(key.epoch, 0);
    root_key_done(&key);
}

Test(rootkey, of_several_is_found_by_its_epoch)
{
    struct root_keys keys = {{{3, secret_alloc(ROOT_KEY_BYTES)}, {5, secret_alloc(ROOT_KEY_BYTES)}},
                             2};
    const struct root_keys none = {.count = 0};

    cr_assert_eq(root_keys_find(&keys, 3), &keys.at[0]);
    cr_assert_eq(root_keys_find(&keys, 5), &keys.at[1]);
    cr_assert_null(root_keys_find(&keys, 4));
    cr_assert_null(root_keys_find(&keys, 0));
    cr_assert_eq(root_keys_newest(&keys), &keys.at[1]);
    cr_assert_null(root_keys_newest(&none));
    root_keys_done(&keys);
    cr_assert(keys.count == 0 && keys.at[0].bytes == NULL && keys.at[1].bytes == NULL);
    cr_assert_null(root_keys_find(&keys, 3));
    root_keys_done(&keys);
}
