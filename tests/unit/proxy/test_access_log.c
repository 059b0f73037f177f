/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the access log, and rings that never make a loop wait. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "proxy/access_log.h"
#include "tests/support/scratch.h"

TestSuite(access_log, .init = secret_start, .timeout = 60);

static struct access_record record_of(const char *route)
{
    struct access_record r;

    memset(&r, 0, sizeof(r));
    r.time_ms = 1700000000123;
    memset(r.request, 'a', sizeof(r.request));
    access_name_set(&r.route, span_str(route));
    access_name_set(&r.caller, SPAN_LIT("desk"));
    access_name_set(&r.purpose, SPAN_LIT("-"));
    access_name_set(&r.domain, SPAN_LIT("default"));
    access_name_set(&r.method, SPAN_LIT("GET"));
    r.status = 200;
    r.total_us = 12;
    r.upstream_us = -1;
    r.store_us = -1;
    return r;
}

static size_t count_lines(const char *path)
{
    char bytes[65536];
    size_t lines = 0;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < n; i++)
            lines += bytes[i] == '\n';
    close(fd);
    return lines;
}

Test(access_log, writes_a_record_as_one_line)
{
    struct access_record r = record_of("/users/{id}");
    struct buf out;

    buf_init(&out, 4096);
    cr_assert_eq(access_record_write(&r, &out), ERR_OK);
    cr_expect(
        span_equal(
            buf_span(&out),
            SPAN_LIT(
                "{\"time\":\"2023-11-14T22:13:20.123Z\","
                "\"request\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"caller\":\"desk\","
                "\"purpose\":\"-\",\"domain\":\"default\",\"method\":\"GET\","
                "\"route\":\"/users/{id}\",\"status\":200,\"bytes_in\":0,\"bytes_out\":0,\"us\":12,"
                "\"tokens\":0,\"reveals\":{\"value\":0,\"mask\":0,\"token\":0,\"foreign\":0,"
                "\"clear\":0,\"unfit\":0}}\n")),
        "%.*s", (int)out.len, (char *)out.bytes);
    buf_done(&out);
}

Test(access_log, e61_lets_no_name_end_its_line)
{
    struct access_record r = record_of("/a\n{\"x\":\"\r\"}\xe2\x80\xae\x1b[2J\"\\");
    struct buf out;

    buf_init(&out, 4096);
    cr_assert_eq(access_record_write(&r, &out), ERR_OK);
    for (size_t i = 0; i + 1 < out.len; i++)
        cr_expect(out.bytes[i] >= ' ' && out.bytes[i] < 0x7f);
    cr_expect_eq(out.bytes[out.len - 1], '\n');
    buf_done(&out);
}

Test(access_log, cuts_long_names)
{
    char text[2 * ACCESS_NAME_MAX];
    struct access_name name;

    memset(text, 'x', sizeof(text));
    access_name_set(&name, span_of(text, sizeof(text)));
    cr_expect_eq(name.len, ACCESS_NAME_MAX);
    access_name_set(&name, SPAN_NONE);
    cr_expect_eq(name.len, 0);
}

Test(access_log, drops_and_counts_when_nobody_writes)
{
    struct access_log *log = access_log_new(1);
    struct access_record r = record_of("-");
    struct metrics m;
    struct buf out;

    for (size_t i = 0; i < ACCESS_RING + 5; i++)
        access_log_put(log, 0, &r);
    buf_init(&out, 65536);
    metrics_begin(&m, &out);
    access_log_metrics(log, &m);
    cr_assert_eq(metrics_end(&m), ERR_OK);
    cr_assert_eq(buf_append_byte(&out, '\0'), ERR_OK);
    cr_expect_not_null(strstr((char *)out.bytes, "\nlethe_access_log_dropped_total 5\n"));
    buf_done(&out);
    access_log_free(&log);
}

Test(access_log, writes_all_that_waits_before_it_ends)
{
    struct scratch scratch = scratch_new();
    struct access_log *log = access_log_new(2);
    struct access_record r = record_of("/x");
    const char *path = scratch_path(&scratch, "a.log");
    struct errmsg msg;
    struct stat st;

    cr_expect_not(access_log_is_on(log));
    cr_assert_eq(access_log_use(log, path, &msg), ERR_OK, "%s", msg.text);
    cr_expect(access_log_is_on(log));
    for (size_t i = 0; i < ACCESS_RING; i++)
        access_log_put(log, i % 2, &r);
    access_log_free(&log);
    cr_expect_eq(count_lines(path), ACCESS_RING);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777 & ~0640u, 0);
    scratch_remove(&scratch);
}

Test(access_log, keeps_its_file_when_another_cannot_be_opened)
{
    struct scratch scratch = scratch_new();
    struct access_log *log = access_log_new(1);
    struct access_record r = record_of("/x");
    char path[256];
    struct errmsg msg;

    (void)snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "a.log"));
    cr_assert_eq(access_log_use(log, path, &msg), ERR_OK);
    cr_expect_eq(access_log_use(log, scratch_path(&scratch, "no/b.log"), &msg), ERR_IO);
    cr_expect_not_null(strstr(msg.text, "no/b.log"), "%s", msg.text);
    cr_assert_eq(symlink(path, scratch_path(&scratch, "link")), 0);
    cr_expect_eq(access_log_use(log, scratch_path(&scratch, "link"), &msg), ERR_IO);
    access_log_put(log, 0, &r);
    access_log_free(&log);
    cr_expect_eq(count_lines(path), 1);
    scratch_remove(&scratch);
}
