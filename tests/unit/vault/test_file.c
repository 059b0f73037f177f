/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/file_priv.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/secret.h"
#include "tests/support/scratch.h"

TestSuite(file, .init = secret_start);

static int open_new(struct scratch *s)
{
    int fd = open(scratch_path(s, "f"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    return fd;
}

Test(file, reads_back_what_was_written_where_it_was_written)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(fd_close) int fd = open_new(&s);
    char bytes[8] = "";
    size_t got = 0;

    cr_assert_eq(vault__file_write(fd, "world", 5, 100), ERR_OK);
    cr_assert_eq(vault__file_write(fd, "hello", 5, 95), ERR_OK);
    cr_assert_eq(vault__file_sync(fd), ERR_OK);
    cr_assert_eq(vault__file_read(fd, bytes, 7, 95, &got), ERR_OK);
    cr_assert_eq(got, 7);
    cr_assert_str_eq(bytes, "hellowo");
}

Test(file, reads_less_only_at_the_end)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(fd_close) int fd = open_new(&s);
    char bytes[8];
    size_t got = 77;

    cr_assert_eq(vault__file_write(fd, "abc", 3, 0), ERR_OK);
    cr_assert_eq(vault__file_read(fd, bytes, 8, 1, &got), ERR_OK);
    cr_assert_eq(got, 2);
    cr_assert_eq(vault__file_read(fd, bytes, 8, 3, &got), ERR_OK);
    cr_assert_eq(got, 0);
    cr_assert_eq(vault__file_read(fd, bytes, 8, 1000000, &got), ERR_OK);
    cr_assert_eq(got, 0);
    cr_assert_eq(vault__file_read(fd, bytes, 0, 0, &got), ERR_OK);
    cr_assert_eq(got, 0);
}

Test(file, tells_a_full_medium_from_a_broken_one)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(fd_close) int fd = open_new(&s);
    AUTO(fd_close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct rlimit limit = {10, RLIM_INFINITY};
    int read_only = open(scratch_path(&s, "f"), O_RDONLY | O_CLOEXEC);
    size_t got = 77;
    char byte;

    cr_assert_eq(vault__file_write(full, "x", 1, 0), ERR_NO_SPACE);
    cr_assert_eq(vault__file_write(read_only, "x", 1, 0), ERR_IO);
    fd_close(&read_only);
    cr_assert_eq(vault__file_read(-1, &byte, 1, 0, &got), ERR_IO);
    cr_assert_eq(got, 77, "written although nothing was read");
    cr_assert_eq(vault__file_sync(-1), ERR_IO);
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(vault__file_write(fd, "0123456789", 10, 0), ERR_OK);
    cr_assert_eq(vault__file_write(fd, "0123456789", 10, 5), ERR_NO_SPACE, "only half fitted");
}

static void on_signal(int number)
{
    (void)number;
}

static pthread_t reader;

static void *storm(void *context)
{
    _Atomic bool *over = context;

    while (!*over)
        (void)pthread_kill(reader, SIGUSR1);
    return NULL;
}

Test(file, loses_nothing_in_a_storm_of_signals)
{
    enum { LEN = 8 << 20 };
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(fd_close) int fd = open_new(&s);
    AUTO(mem_free) uint8_t *out = malloc(LEN);
    AUTO(mem_free) uint8_t *in = malloc(LEN);
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */
    _Atomic bool over = false;
    pthread_t thread;
    size_t got = 0;

    for (size_t i = 0; i < LEN; i++)
        out[i] = (uint8_t)(i * 2654435761u >> 13);
    reader = pthread_self();
    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
    cr_assert_eq(pthread_create(&thread, NULL, storm, &over), 0);
    cr_assert_eq(vault__file_write(fd, out, LEN, 3), ERR_OK);
    cr_assert_eq(vault__file_read(fd, in, LEN, 3, &got), ERR_OK);
    over = true;
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(got, LEN);
    cr_assert(memcmp(in, out, LEN) == 0);
}

Test(file, syncs_the_folder_of_a_path)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();

    cr_assert_eq(vault__folder_sync(scratch_path(&s, "not-there-yet")), ERR_OK);
    cr_assert_eq(vault__folder_sync("relative-name"), ERR_OK);
    cr_assert_eq(vault__folder_sync(scratch_path(&s, "no/folder")), ERR_IO);
}

Test(file, closes_once)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    int fd = open_new(&s), same = fd;

    fd_close(&fd);
    cr_assert_eq(fd, -1);
    cr_assert_eq(fcntl(same, F_GETFD), -1);
    fd_close(&fd);
}

Test(file, numbers_are_little_endian)
{
    uint8_t bytes[8] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee};

    put_le(bytes, 0x0102030405060708, 3);
    cr_assert_eq(bytes[0], 0x08);
    cr_assert_eq(bytes[2], 0x06);
    cr_assert_eq(bytes[3], 0xee, "written too far");
    cr_assert_eq(get_le(bytes, 3), 0x060708);
    put_le(bytes, 0x8102030405060708, 8);
    cr_assert_eq(get_le(bytes, 8), 0x8102030405060708);
    cr_assert_eq(bytes[7], 0x81);
}
