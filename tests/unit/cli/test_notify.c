/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/notify.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/secret.h"
#include "tests/support/scratch.h"

TestSuite(notify, .init = secret_start, .timeout = 20);

/* A service manager's end, at a path or at a name in no file system ("@..."). */
static int manager(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval limit = {10, 0};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    REQUIRE(bind(fd, (struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))) == 0);
    REQUIRE(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
    REQUIRE(setenv("NOTIFY_SOCKET", name, 1) == 0);
    return fd;
}

static void hears(int fd, const char *expected)
{
    char got[256];
    ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

    cr_assert_geq(n, 0, "nothing came instead of %s", expected);
    got[n] = '\0';
    cr_assert_str_eq(got, expected);
}

static struct notify *opened(void)
{
    struct notify *n = NULL;
    struct errmsg msg;

    cr_assert_eq(notify_open(&n, &msg), ERR_OK, "%s", msg.text);
    return n;
}

Test(notify, nobody_wants_to_know)
{
    struct notify *n;
    uv_loop_t loop;

    REQUIRE(unsetenv("NOTIFY_SOCKET") == 0 && uv_loop_init(&loop) == 0);
    n = opened();
    cr_assert_null(n);
    notify_ready(n, &loop);
    notify_stop(&n);
    cr_assert_eq(uv_loop_close(&loop), 0);
}

Test(notify, says_ready_and_stopping)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    int fd = manager(scratch_path(&s, "n.sock"));
    struct notify *n = opened();
    uv_loop_t loop;

    REQUIRE(uv_loop_init(&loop) == 0);
    notify_ready(n, &loop);
    hears(fd, "READY=1\nSTATUS=serving");
    notify_stop(&n);
    cr_assert_null(n);
    hears(fd, "STOPPING=1\nSTATUS=finishing requests");
    cr_assert_eq(uv_loop_close(&loop), 0, "no timer without a watchdog");
    (void)close(fd);
}

Test(notify, says_that_the_loop_turns)
{
    char name[64];
    struct notify *n;
    uv_loop_t loop;
    int fd;

    (void)snprintf(name, sizeof(name), "@lethe-notify-%d", (int)getpid());
    fd = manager(name);
    REQUIRE(setenv("WATCHDOG_USEC", "20000", 1) == 0 && uv_loop_init(&loop) == 0);
    n = opened();
    notify_ready(n, &loop);
    hears(fd, "READY=1\nSTATUS=serving");
    for (int i = 0; i < 3; i++) {
        cr_assert_neq(uv_run(&loop, UV_RUN_ONCE), 0);
        hears(fd, "WATCHDOG=1");
    }
    notify_stop(&n);
    hears(fd, "STOPPING=1\nSTATUS=finishing requests");
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&loop), 0);
    (void)close(fd);
}

Test(notify, leaves_another_process_s_watchdog_alone)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    int fd = manager(scratch_path(&s, "n.sock"));
    struct notify *n;
    uv_loop_t loop;

    REQUIRE(setenv("WATCHDOG_USEC", "20000", 1) == 0 && setenv("WATCHDOG_PID", "1", 1) == 0);
    REQUIRE(uv_loop_init(&loop) == 0);
    n = opened();
    notify_ready(n, &loop);
    cr_assert_eq(uv_run(&loop, UV_RUN_NOWAIT), 0, "no timer");
    notify_stop(&n);
    cr_assert_eq(uv_loop_close(&loop), 0);
    (void)close(fd);
}

static void refused(enum err expected)
{
    struct notify *n = NULL;
    struct errmsg msg;

    cr_assert_eq(notify_open(&n, &msg), expected);
    cr_assert_null(n);
}

Test(notify, refuses_what_means_nothing)
{
    static const char *const names[] = {"", "@", "/", "relative", "vsock:2:1"};
    static const char *const times[] = {"", "soon", "-1", "1", "20000x", "99999999999999999999"};
    AUTO(scratch_remove) struct scratch s = scratch_new();
    char too_long[200];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        REQUIRE(setenv("NOTIFY_SOCKET", names[i], 1) == 0);
        refused(ERR_CONFIG);
    }
    memset(too_long, '/', sizeof(too_long));
    too_long[sizeof(too_long) - 1] = '\0';
    REQUIRE(setenv("NOTIFY_SOCKET", too_long, 1) == 0);
    refused(ERR_CONFIG);
    REQUIRE(setenv("NOTIFY_SOCKET", scratch_path(&s, "nobody"), 1) == 0);
    refused(ERR_IO);
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        REQUIRE(setenv("WATCHDOG_USEC", times[i], 1) == 0);
        refused(ERR_CONFIG);
    }
}
