/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyfile_priv.h"

#include <sys/wait.h>

#include "keys_rig.h"

TestSuite(keyfile, .init = secret_start);

static enum err change(const char *path, int kind)
{
    struct errmsg msg;

    if (kind == 0)
        return keys__keyfile_create(path, (const uint8_t *)"one", 3, &msg);
    if (kind == 1)
        return keys__keyfile_replace(path, (const uint8_t *)"second", 6, &msg);
    return keys__keyfile_destroy(path, &msg);
}

/* Carry out a change in a child that is killed at a fault point; true when it was. */
static bool killed_at(const char *path, int kind, const char *point)
{
    pid_t child = fork();
    int status = 0;

    cr_assert_geq(child, 0);
    if (child == 0) {
        fault_test_set(point, NULL);
        _exit(change(path, kind) == ERR_OK ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static const char *content(const char *path)
{
    static char text[32];
    size_t n;

    if (access(path, F_OK) != 0)
        return "nothing";
    n = scratch_read(path, 0, text, sizeof(text) - 1);
    text[n] = '\0';
    return text;
}

Test(keyfile, killed_at_any_point_leaves_the_old_file_or_the_new_one)
{
    static const struct {
        int kind;
        const char *point, *before, *after;
    } steps[] = {
        {0, "keyfile.fresh", NULL, "nothing"},    {0, "keyfile.named", NULL, "one"},
        {1, "keyfile.fresh", "one", "one"},       {1, "keyfile.linked", "one", "one"},
        {1, "keyfile.renamed", "one", "second"},  {1, "keyfile.overwritten", "one", "second"},
        {2, "keyfile.unnamed", "one", "nothing"}, {2, "keyfile.overwritten", "one", "nothing"},
    };

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        AUTO(rig_end) struct keys_rig r;
        const char *path;

        rig_begin(&r);
        path = scratch_path(&r.scratch, "k");
        if (steps[i].before != NULL)
            cr_assert_eq(change(path, 0), ERR_OK);
        cr_assert(killed_at(path, steps[i].kind, steps[i].point), "%s was not reached",
                  steps[i].point);
        cr_assert_str_eq(content(path), steps[i].after, "%d %s", steps[i].kind, steps[i].point);
        cr_assert_eq(keys__keyfile_settle(path, &r.msg), ERR_OK, "%s", r.msg.text);
        cr_assert_str_eq(content(path), steps[i].after, "after settling %s", steps[i].point);
        cr_assert_eq(rig_files(&r), strcmp(steps[i].after, "nothing") == 0 ? 0 : 1, "%s",
                     steps[i].point);
    }
}

/* E81 */
Test(keyfile, settling_overwrites_what_a_crash_left)
{
    AUTO(rig_end) struct keys_rig r;
    const char *path, *old, *kept;

    rig_begin(&r);
    path = scratch_path(&r.scratch, "k");
    old = scratch_path(&r.scratch, "k.old");
    kept = scratch_path(&r.scratch, "kept");
    cr_assert_eq(change(path, 0), ERR_OK);
    cr_assert(killed_at(path, 1, "keyfile.renamed"));
    cr_assert_str_eq(content(old), "one");
    cr_assert_eq(link(old, kept), 0);
    cr_assert_eq(keys__keyfile_settle(path, &r.msg), ERR_OK);
    cr_assert_neq(access(old, F_OK), 0);
    cr_assert_eq(scratch_size(kept), 3);
    cr_assert_str_eq(content(kept), "", "three zeroes");
}

Test(keyfile, is_not_made_over_another)
{
    AUTO(rig_end) struct keys_rig r;
    const char *path;

    rig_begin(&r);
    path = scratch_path(&r.scratch, "k");
    scratch_write(path, 0, "old", 3);
    cr_assert_eq(keys__keyfile_create(path, (const uint8_t *)"new", 3, &r.msg), ERR_CONFLICT);
    cr_assert_not_null(strstr(r.msg.text, "exists already"), "%s", r.msg.text);
    cr_assert_str_eq(content(path), "old");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("nowhere", path), 0);
    cr_assert_eq(keys__keyfile_create(path, (const uint8_t *)"new", 3, &r.msg), ERR_CONFLICT,
                 "nor where a link leads nowhere");
    cr_assert_eq(rig_files(&r), 1);
}

Test(keyfile, longer_than_allowed_is_refused)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(secret_free) uint8_t *bytes = NULL;
    size_t len = 0;
    const char *path;

    rig_begin(&r);
    path = scratch_path(&r.scratch, "k");
    scratch_write(path, 0, "12345", 5);
    cr_assert_eq(keys_keyfile_read(path, "it", 4, &bytes, &len, &r.msg), ERR_SEALED);
    cr_assert_eq(keys_keyfile_read(path, "it", 5, &bytes, &len, &r.msg), ERR_OK);
    cr_assert_eq(len, 5);
    cr_assert_arr_eq(bytes, "12345", 5);
}

Test(keyfile, of_systemd_may_be_open_to_its_access_list_but_to_nobody_else)
{
    AUTO(rig_end) struct keys_rig r;
    const char *path;

    rig_begin(&r);
    path = scratch_path(&r.scratch, "k");
    scratch_write(path, 0, "12345", 5);
    for (mode_t bit = 1; bit <= 040; bit *= 2) {
        AUTO(secret_free) uint8_t *bytes = NULL;
        size_t len = 0;

        cr_assert_eq(chmod(path, 0400 | bit), 0);
        cr_assert_eq(keys__keyfile_read_credential(path, "it", 5, &bytes, &len, &r.msg),
                     bit == 040 ? ERR_OK : ERR_SEALED, "mode %o", 0400 | bit);
    }
}
