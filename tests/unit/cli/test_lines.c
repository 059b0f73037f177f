/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lines.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "tests/support/scratch.h"

static struct span batch[LINES_BATCH_MAX];

/* A pipe that has `text` in it and is closed behind it. */
static int pipe_with(const char *text)
{
    int fds[2];

    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    REQUIRE(write(fds[1], text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fds[1]);
    return fds[0];
}

/* The text comes as these lines, in however many batches. */
static void expect(const char *text, size_t count, const char *const lines[])
{
    size_t got = 0, total = 0;
    int fd = pipe_with(text);
    struct lines l;

    lines_init(&l, fd);
    do {
        cr_assert_eq(lines_next(&l, batch, &got), ERR_OK);
        for (size_t i = 0; i < got; i++, total++)
            cr_assert(total < count && span_equal(batch[i], span_str(lines[total])), "%s: line %zu",
                      text, total);
    } while (got > 0);
    cr_assert_eq(total, count, "%s", text);
    cr_assert_eq(lines_next(&l, batch, &got), ERR_OK);
    cr_assert_eq(got, 0, "the end stays the end");
    lines_done(&l);
    (void)close(fd);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__})

TestSuite(lines, .timeout = 20);

Test(lines, end_with_a_line_feed_or_the_end)
{
    expect("", 0, NULL);
    expect("a\nbc\n", 2, LINES("a", "bc"));
    expect("a\nbc", 2, LINES("a", "bc"));
    expect("\n\n", 2, LINES("", ""));
    expect("a\r\nb\r\n", 2, LINES("a", "b"));
    expect("a\rb\nc\r", 2, LINES("a\rb", "c\r"));
}

Test(lines, come_as_soon_as_they_are_there)
{
    struct lines l;
    size_t got = 0;
    int fds[2];

    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    lines_init(&l, fds[0]);
    REQUIRE(write(fds[1], "one\ntw", 6) == 6);
    cr_assert_eq(lines_next(&l, batch, &got), ERR_OK);
    cr_assert_eq(got, 1, "the second is not whole yet");
    REQUIRE(write(fds[1], "o\n", 2) == 2);
    cr_assert_eq(lines_next(&l, batch, &got), ERR_OK);
    cr_assert_eq(got, 1);
    cr_assert(span_equal(batch[0], SPAN_LIT("two")));
    (void)close(fds[1]);
    cr_assert_eq(lines_next(&l, batch, &got), ERR_OK);
    cr_assert_eq(got, 0);
    lines_done(&l);
    (void)close(fds[0]);
}

/* A file of `count` lines of `len` times x. */
static int file_with(struct scratch *s, size_t count, size_t len)
{
    const char *path = scratch_path(s, "lines");
    char *line = mem_try_alloc(1, len + 1);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    REQUIRE(line != NULL && fd >= 0);
    memset(line, 'x', len);
    line[len] = '\n';
    for (size_t i = 0; i < count; i++)
        REQUIRE(write(fd, line, len + 1) == (ssize_t)len + 1);
    free(line);
    REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

Test(lines, are_lent_in_bounded_batches)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    int fd = file_with(&s, 2500, 3);
    size_t total = 0, got = 0;
    struct lines l;

    lines_init(&l, fd);
    do {
        cr_assert_eq(lines_next(&l, batch, &got), ERR_OK);
        cr_assert_leq(got, LINES_BATCH_MAX);
        total += got;
    } while (got > 0);
    cr_assert_eq(total, 2500);
    lines_done(&l);
    (void)close(fd);
}

Test(lines, that_are_large_come_in_batches_bounded_by_their_bytes)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    int fd = file_with(&s, 9, 200 << 10);
    size_t total = 0, got = 0;
    struct lines l;

    lines_init(&l, fd);
    do {
        size_t bytes = 0;

        cr_assert_eq(lines_next(&l, batch, &got), ERR_OK);
        for (size_t i = 0; i < got; i++) {
            cr_assert_eq(batch[i].len, 200 << 10);
            bytes += batch[i].len;
        }
        cr_assert_leq(bytes, LINES_BATCH_BYTES_MAX);
        total += got;
    } while (got > 0);
    cr_assert_eq(total, 9);
    lines_done(&l);
    (void)close(fd);
}

Test(lines, have_the_length_of_a_value_at_most)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    int fd = file_with(&s, 2, LIMIT_VALUE_MAX);
    size_t got = 0;
    struct lines l;

    lines_init(&l, fd);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(lines_next(&l, batch, &got), ERR_OK);
        cr_assert_eq(got, 1);
        cr_assert_eq(batch[0].len, LIMIT_VALUE_MAX);
    }
    lines_done(&l);
    (void)close(fd);
    REQUIRE(unlink(scratch_path(&s, "lines")) == 0);
    fd = file_with(&s, 1, LIMIT_VALUE_MAX + 1);
    lines_init(&l, fd);
    cr_assert_eq(lines_next(&l, batch, &got), ERR_TOO_LARGE);
    lines_done(&l);
    (void)close(fd);
}

Test(lines, behind_a_very_large_one_come_in_another_batch)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    int fd = file_with(&s, 1, LIMIT_VALUE_MAX - 1000);
    size_t got = 0;
    struct lines l;

    REQUIRE(lseek(fd, 0, SEEK_END) > 0 && write(fd, "a\nb\n", 4) == 4);
    REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    lines_init(&l, fd);
    cr_assert_eq(lines_next(&l, batch, &got), ERR_OK);
    cr_assert_eq(got, 1);
    cr_assert_eq(lines_next(&l, batch, &got), ERR_OK);
    cr_assert_eq(got, 2);
    lines_done(&l);
    (void)close(fd);
}

Test(lines, of_something_unreadable_are_an_error)
{
    struct lines l;
    size_t got = 0;

    lines_init(&l, -1);
    cr_assert_eq(lines_next(&l, batch, &got), ERR_IO);
    lines_done(&l);
}
