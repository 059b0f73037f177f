/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the control socket.
 * Runs on: the command line's thread; blocks. Holds: nothing between calls. Invariant: what
 * went over the wire is wiped from memory when the call ends. Not here: what requests mean. */
#include "admin/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "admin/control.h"
#include "base/clock.h"
#include "base/limits.h"

enum { READ_BYTES = 64 << 10 };

/* Wait until the socket is ready for `events`. */
static enum err wait_for(int fd, short events, int64_t deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        int64_t left_ms = deadline_ms - clock_mono_ms();
        int n;

        if (left_ms <= 0)
            return ERR_TIMEOUT;
        n = poll(&p, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (n > 0)
            return ERR_OK;
        if (n < 0 && errno != EINTR)
            return ERR_IO;
    }
}

static enum err send_all(int fd, struct span bytes, int64_t deadline_ms)
{
    while (bytes.len > 0) {
        enum err e = wait_for(fd, POLLOUT, deadline_ms);
        ssize_t n;

        if (e != ERR_OK)
            return e;
        n = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return ERR_IO;
        if (n > 0)
            bytes = span_of(bytes.at + n, bytes.len - (size_t)n);
    }
    return ERR_OK;
}

/* Read up to and with the newline that ends the answer. */
static enum err read_line(int fd, struct buf *in, int64_t deadline_ms)
{
    while (in->len == 0 || in->bytes[in->len - 1] != '\n') {
        enum err e = wait_for(fd, POLLIN, deadline_ms);
        ssize_t n;

        if (e == ERR_OK)
            e = buf_reserve(in, READ_BYTES);
        if (e != ERR_OK)
            return e;
        n = recv(fd, in->bytes + in->len, READ_BYTES, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return ERR_IO;
        in->len += (size_t)n;
    }
    return ERR_OK;
}

enum err client_err_named(struct span name)
{
    for (enum err e = ERR_OK; e <= ERR_CONFIG; e++) {
        if (span_equal(name, span_str(err_name(e))))
            return e;
    }
    return ERR_INTERNAL;
}

/* OK when the server did what it was asked; otherwise its error and message. */
static enum err verdict(const struct json *answer, struct errmsg *msg)
{
    const char *message = json_str_of(json_get(answer, "message"));
    enum err e;

    if (json_bool_of(json_get(answer, "ok"), false))
        return ERR_OK;
    e = client_err_named(json_text_of(json_get(answer, "error")));
    return errmsg_set(msg, e == ERR_OK ? ERR_INTERNAL : e, "%s",
                      message == NULL ? err_text(e) : message);
}

enum err client_call(int fd, const struct json *request, int64_t timeout_ms,
                     struct json **ret_answer, struct errmsg *msg)
{
    AUTO(buf_done) struct buf line = {.max = 0};
    AUTO(json_free) struct json *answer = NULL;
    int64_t deadline_ms = clock_mono_ms() + timeout_ms;
    enum err e;

    buf_init_secret(&line, LIMIT_CONTROL_LINE_MAX);
    e = json_write(request, &line);
    if (e == ERR_OK)
        e = buf_append_byte(&line, '\n');
    if (e != ERR_OK)
        return errmsg_set(msg, e, "the request is too large");
    e = send_all(fd, buf_span(&line), deadline_ms);
    buf_done(&line);
    buf_init_secret(&line, CONTROL_RESPONSE_MAX);
    if (e == ERR_OK)
        e = read_line(fd, &line, deadline_ms);
    if (e == ERR_TIMEOUT)
        return errmsg_set(msg, e,
                          "the server did not answer in time; what was asked may still happen");
    if (e != ERR_OK)
        return errmsg_set(msg, e, "the server closed the connection without an answer");
    if (json_parse(buf_span(&line), &answer) != ERR_OK)
        return errmsg_set(msg, ERR_IO, "the server's answer cannot be read");
    e = verdict(answer, msg);
    if (e == ERR_OK)
        *ret_answer = TAKE(answer);
    return e;
}
