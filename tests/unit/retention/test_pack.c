/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/pack.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret.h"
#include "tests/support/scratch.h"

enum { BLOCK = 512, TIME_S = 1768046400 };

TestSuite(pack, .init = secret_start, .timeout = 60);

struct seen {
    char text[1024]; /* "name=bytes;" of each member */
    enum err fail;   /* what the reader's function gives back */
};

static enum err see(const char *name, struct span bytes, void *context, struct errmsg *msg UNUSED)
{
    struct seen *seen = context;
    const size_t used = strlen(seen->text);

    (void)snprintf(seen->text + used, sizeof(seen->text) - used, "%s=%.*s;", name,
                   (int)(bytes.len < 32 ? bytes.len : 32), bytes.at);
    return seen->fail;
}

static void make(const char *path, const char *const names[], size_t count)
{
    struct pack *p = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(pack_new(path, TIME_S, &p, &msg), ERR_OK, "%s", msg.text);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(pack_add(p, names[i], span_str(names[i])), ERR_OK);
    cr_assert_eq(pack_finish(&p), ERR_OK);
    cr_assert_null(p);
}

static const char *const two[] = {"a.txt", "folder/b.json"};

static enum err look(const char *path, struct seen *seen, struct errmsg *msg)
{
    *msg = (struct errmsg){""};
    return pack_read(path, see, seen, msg);
}

Test(pack, gives_back_its_members_in_order)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "p.tar");
    struct seen seen = {.fail = ERR_OK};
    struct errmsg msg;
    struct stat st;

    make(path, two, 2);
    cr_assert_eq(look(path, &seen, &msg), ERR_OK, "%s", msg.text);
    cr_assert_str_eq(seen.text, "a.txt=a.txt;folder/b.json=folder/b.json;");
    REQUIRE(stat(path, &st) == 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
}

Test(pack, of_the_same_members_is_the_same_file)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    static char a[1 << 15], b[1 << 15];
    size_t len;

    make(scratch_path(&s, "a.tar"), two, 2);
    make(scratch_path(&s, "b.tar"), two, 2);
    len = scratch_read(scratch_path(&s, "a.tar"), 0, a, sizeof(a));
    cr_assert_eq(scratch_read(scratch_path(&s, "b.tar"), 0, b, sizeof(b)), len);
    cr_assert_arr_eq(a, b, len);
}

Test(pack, of_any_size_is_read_back)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "p.tar");
    static const size_t sizes[] = {0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 1 << 20};
    AUTO(mem_free) uint8_t *bytes = mem_alloc(1 << 20);
    struct pack *p = NULL;
    struct errmsg msg;
    struct seen seen = {.fail = ERR_OK};

    memset(bytes, 'x', 1 << 20);
    cr_assert_eq(pack_new(path, TIME_S, &p, &msg), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "%zu", sizes[i]);
        cr_assert_eq(pack_add(p, name, span_of(bytes, sizes[i])), ERR_OK);
    }
    cr_assert_eq(pack_finish(&p), ERR_OK);
    cr_assert_eq(look(path, &seen, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(strncmp(seen.text, "0=;1=x;511=xxxx", 15), 0);
}

Test(pack, replaces_no_file_and_leaves_nothing_that_is_not_finished)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    const char *path = scratch_path(&s, "p.tar");
    struct pack *p = NULL, *other = NULL;
    struct errmsg msg = {""};
    struct stat st;

    cr_assert_eq(pack_new(path, TIME_S, &p, &msg), ERR_OK);
    cr_assert_eq(pack_add(p, "a", SPAN_LIT("a")), ERR_OK);
    pack_free(&p);
    cr_assert_neq(stat(path, &st), 0);
    cr_assert_eq(rmdir(s.dir), 0, "nothing else is there either");
    cr_assert_eq(mkdir(s.dir, 0700), 0);
    cr_assert_eq(pack_new(path, TIME_S, &p, &msg), ERR_OK);
    make(path, two, 2); /* somebody who is faster */
    cr_assert_eq(pack_finish(&p), ERR_CONFLICT);
    cr_assert_eq(pack_new(path, TIME_S, &other, &msg), ERR_CONFLICT);
    cr_assert_not_null(strstr(msg.text, "is there already"));
    cr_assert_eq(pack_new(scratch_path(&s, "none/p.tar"), TIME_S, &other, &msg), ERR_IO);
}

Test(pack, reading_ends_where_the_reader_says_so)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct seen seen = {.fail = ERR_DENIED};
    struct errmsg msg;

    make(scratch_path(&s, "p.tar"), two, 2);
    cr_assert_eq(look(scratch_path(&s, "p.tar"), &seen, &msg), ERR_DENIED);
    cr_assert_str_eq(seen.text, "a.txt=a.txt;");
}

/* ---- what is no pack ---- */

static enum err look_at(struct scratch *s, const void *bytes, size_t len, struct errmsg *msg)
{
    struct seen seen = {.fail = ERR_OK};

    scratch_write(scratch_path(s, "bad.tar"), 0, bytes, len);
    scratch_cut(scratch_path(s, "bad.tar"), len);
    return look(scratch_path(s, "bad.tar"), &seen, msg);
}

Test(pack, that_is_another_file_or_none_is_refused)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    static uint8_t text[3 * BLOCK];
    struct seen seen = {.fail = ERR_OK};
    struct errmsg msg;

    memset(text, 'x', sizeof(text));
    cr_assert_eq(look(scratch_path(&s, "none.tar"), &seen, &msg), ERR_IO);
    cr_assert_eq(look_at(&s, text, sizeof(text), &msg), ERR_INVALID, "%s", msg.text);
    cr_assert_eq(look_at(&s, text, 1, &msg), ERR_INVALID, "%s", msg.text);
    cr_assert_eq(look_at(&s, "\x1f\x8b\x08\0", 4, &msg), ERR_INVALID, "%s", msg.text);
}

Test(pack, that_was_cut_or_prolonged_is_refused)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    static uint8_t bytes[1 << 15];
    struct errmsg msg;
    size_t len;

    make(scratch_path(&s, "p.tar"), two, 2);
    len = scratch_read(scratch_path(&s, "p.tar"), 0, bytes, sizeof(bytes));
    for (size_t cut = 1; cut < 4 * BLOCK; cut += 100)
        cr_expect_neq(look_at(&s, bytes, cut, &msg), ERR_OK, "cut to %zu", cut);
    cr_assert_eq(look_at(&s, bytes, len, &msg), ERR_OK, "%s", msg.text);
    bytes[len - 1] = 1;
    cr_assert_eq(look_at(&s, bytes, len, &msg), ERR_INVALID, "behind the end");
    bytes[len - 1] = 0;
    bytes[BLOCK + 100] = 1;
    cr_assert_eq(look_at(&s, bytes, len, &msg), ERR_INVALID, "between two members");
}

/* A header of ours with other bytes, and its sum put right. */
static void forge(uint8_t *header, size_t at, const char *text)
{
    unsigned sum = 0;

    memcpy(header + at, text, strlen(text) + 1);
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += header[i];
    (void)snprintf((char *)header + 148, 8, "%06o", sum);
}

Test(pack, with_members_that_are_no_plain_files_or_lead_elsewhere_is_refused)
{
    static const struct {
        size_t at;
        const char *text;
    } forgeries[] = {
        {0, "/etc/passwd"},
        {0, "../up"},
        {0, "a/../../b"},
        {0, "a b"},
        {0, "a\n"},
        {0, ""},
        {156, "2"} /* symbolic link */,
        {156, "1"} /* hard link */,
        {156, "5"} /* folder */,
        {156, "3"} /* device */,
        {156, "x"} /* a pax header, which would be hidden */,
        {156, "g"},
    };
    AUTO(scratch_remove) struct scratch s = scratch_new();
    static uint8_t bytes[1 << 15], forged[1 << 15];
    struct errmsg msg;
    size_t len;

    make(scratch_path(&s, "p.tar"), two, 2);
    len = scratch_read(scratch_path(&s, "p.tar"), 0, bytes, sizeof(bytes));
    for (size_t i = 0; i < COUNT_OF(forgeries); i++) {
        memcpy(forged, bytes, len);
        forge(forged, forgeries[i].at, forgeries[i].text);
        cr_expect_neq(look_at(&s, forged, len, &msg), ERR_OK, "forgery %zu", i);
    }
    memcpy(forged, bytes, len);
    forge(forged, 0, "good.txt");
    cr_assert_eq(look_at(&s, forged, len, &msg), ERR_OK, "%s", msg.text);
}
