/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's protocol: lines in datagrams to a socket that it names.
 * Runs on: the control loop. Holds: a connected socket, and a timer once it serves. Invariant: sending never blocks; what
 * is lost is not sent again. Not here: the line "ready" for everybody else (cmd_serve.c).
 *
 * libsystemd has a function for it, and brings along a dozen libraries; the protocol is three words. */
#include "cli/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

struct notify {
    int fd;
    uint64_t interval_ms; /* of the watchdog; 0: there is none */
    uv_timer_t timer;
    bool has_timer;
};

static void tell(const struct notify *n, const char *text)
{
    (void)!send(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A path, or a name that is nowhere in the file system: "@name". */
static enum err connect_to(const char *name, int *ret_fd, struct errmsg *msg)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    AUTO(fd_close) int fd = -1;

    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(address.sun_path))
        return errmsg_set(msg, ERR_CONFIG, "NOTIFY_SOCKET names no socket");
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0)
        return errmsg_set(msg, ERR_IO, "NOTIFY_SOCKET: nobody listens there: %s", strerror(errno));
    *ret_fd = fd;
    fd = -1;
    return ERR_OK;
}

/* WATCHDOG_PID: for whom it is meant, if it says so. Twice as often as it must be. */
static enum err read_interval(uint64_t *ret_ms, struct errmsg *msg)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    char *end = NULL;
    unsigned long long n;

    if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
        return ERR_OK;
    errno = 0;
    n = strtoull(usec, &end, 10);
    if (errno != 0 || *usec < '0' || *usec > '9' || *end != '\0' || n < 2000)
        return errmsg_set(msg, ERR_CONFIG, "WATCHDOG_USEC is no number of microseconds");
    *ret_ms = n / 2000;
    return ERR_OK;
}

enum err notify_open(struct notify **ret, struct errmsg *msg)
{
    const char *name = getenv("NOTIFY_SOCKET");
    uint64_t interval_ms = 0;
    int fd = -1;
    enum err e;

    if (name == NULL)
        return ERR_OK;
    e = read_interval(&interval_ms, msg);
    if (e == ERR_OK)
        e = connect_to(name, &fd, msg);
    if (e != ERR_OK)
        return e;
    *ret = mem_alloc(sizeof(**ret));
    (*ret)->fd = fd;
    (*ret)->interval_ms = interval_ms;
    return ERR_OK;
}

static void on_timer(uv_timer_t *timer)
{
    tell(timer->data, "WATCHDOG=1");
}

void notify_ready(struct notify *n, uv_loop_t *loop)
{
    if (n == NULL)
        return;
    tell(n, "READY=1\nSTATUS=serving");
    if (n->interval_ms == 0)
        return;
    REQUIRE(uv_timer_init(loop, &n->timer) == 0);
    n->timer.data = n;
    n->has_timer = true;
    REQUIRE(uv_timer_start(&n->timer, on_timer, n->interval_ms, n->interval_ms) == 0);
}

static void free_notify(struct notify *n)
{
    fd_close(&n->fd);
    free(n);
}

static void on_closed(uv_handle_t *handle)
{
    free_notify(handle->data);
}

void notify_stop(struct notify **np)
{
    struct notify *n = TAKE(*np);

    if (n == NULL)
        return;
    tell(n, "STOPPING=1\nSTATUS=finishing requests");
    if (n->has_timer)
        uv_close((uv_handle_t *)&n->timer, on_closed);
    else
        free_notify(n);
}
