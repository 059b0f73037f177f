/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/scratch.h"

TestSuite(output, .timeout = 30);

/* What a command writes, which goes well so far or not. */
static enum err write_file(const char *path, enum err e, struct errmsg *msg)
{
    int fd = -1;
    const enum err begun = output_begin(path, &fd, msg);

    if (begun != ERR_OK)
        return begun;
    output_use(fd, path);
    cr_assert_eq(output_print("%s\n", "whole"), ERR_OK);
    output_use(STDOUT_FILENO, "standard output");
    e = output_end(path, &fd, e, msg);
    cr_assert_eq(fd, -1);
    return e;
}

Test(output, goes_to_a_file_that_is_closed_to_others)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path;
    struct errmsg msg = {""};
    struct stat st;
    char text[16];

    path = scratch_path(&s, "file");
    cr_assert_eq(write_file(path, ERR_OK, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
    cr_assert_eq(scratch_read(path, 0, text, sizeof(text)), strlen("whole\n"));
}

Test(output, replaces_no_file)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path;
    struct errmsg msg = {""};
    char text[16];

    path = scratch_path(&s, "file");
    scratch_write(path, 0, "mine", 4);
    cr_assert_eq(write_file(path, ERR_OK, &msg), ERR_CONFLICT);
    cr_assert_not_null(strstr(msg.text, "is there already, and was not touched"), "%s", msg.text);
    cr_assert_eq(scratch_read(path, 0, text, sizeof(text)), 4);
}

Test(output, says_why_no_file_can_be_made)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct errmsg msg = {""};

    cr_assert_eq(write_file(scratch_path(&s, "no/file"), ERR_OK, &msg), ERR_IO);
    cr_assert_not_null(strstr(msg.text, "cannot be made: No such file"), "%s", msg.text);
}

Test(output, puts_a_whole_file_in_place_or_says_why_not)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "file");
    struct errmsg msg = {""};
    char text[16];

    cr_assert_eq(output_new_file(path, SPAN_LIT("one"), &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(output_new_file(path, SPAN_LIT("two"), &msg), ERR_CONFLICT);
    cr_assert_not_null(strstr(msg.text, "is there already, and was not touched"), "%s", msg.text);
    cr_assert_eq(scratch_read(path, 0, text, sizeof(text)), 3);
    cr_assert_eq(memcmp(text, "one", 3), 0);
    cr_assert_eq(output_file(path, SPAN_LIT("three"), &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(scratch_read(path, 0, text, sizeof(text)), 5);
    cr_assert_eq(output_file(scratch_path(&s, "no/file"), SPAN_LIT("x"), &msg), ERR_IO);
    cr_assert_not_null(strstr(msg.text, "no/file cannot be written: No such file"), "%s", msg.text);
    cr_assert_eq(output_file(s.dir, SPAN_LIT("x"), &msg), ERR_IO);
    cr_assert_not_null(strstr(msg.text, "cannot be written: "), "%s", msg.text);
}

Test(output, leaves_nothing_of_what_failed)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path;
    struct errmsg msg = {"why it failed"};

    path = scratch_path(&s, "file");
    cr_assert_eq(write_file(path, ERR_DENIED, &msg), ERR_DENIED);
    cr_assert_str_eq(msg.text, "why it failed");
    cr_assert_neq(access(path, F_OK), 0);
}

Test(output, empties_what_cannot_be_removed)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path, *moved;
    struct errmsg msg = {""};
    struct stat st;
    int fd = -1;

    path = scratch_path(&s, "file");
    moved = scratch_path(&s, "moved");
    cr_assert_eq(output_begin(path, &fd, &msg), ERR_OK);
    cr_assert_eq(write(fd, "part", 4), 4);
    cr_assert_eq(rename(path, moved), 0);
    cr_assert_eq(mkdir(path, 0700), 0); /* unlink() fails */
    cr_assert_eq(output_end(path, &fd, ERR_IO, &msg), ERR_IO);
    cr_assert_eq(stat(moved, &st), 0);
    cr_assert_eq(st.st_size, 0);
}

Test(output, says_what_cannot_be_written)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path;
    char text[256] = "";
    int saved;

    path = scratch_path(&s, "stderr");
    (void)fflush(stderr);
    saved = dup(STDERR_FILENO);
    cr_assert_not_null(freopen(path, "w", stderr));
    output_use(-1, "the file");
    cr_assert_eq(output_print("x"), ERR_IO);
    output_use(STDOUT_FILENO, "standard output");
    (void)fflush(stderr);
    cr_assert_geq(dup2(saved, STDERR_FILENO), 0);
    (void)close(saved);
    (void)scratch_read(path, 0, text, sizeof(text) - 1);
    cr_assert_str_eq(text, "lethe: the file cannot be written: Bad file descriptor\n");
}
