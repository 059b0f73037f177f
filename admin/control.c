/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket on the control loop.
 * Runs on: the control loop; requests run in libuv's worker pool. Holds: the listener, its
 * connections, and what each is saying. Invariant: a connection has at most one request at work,
 * and nothing is read from it meanwhile, so answers come in order and a client cannot queue work
 * without limit. Not here: what requests mean (admin/ops.c), the socket file (admin/socket.c). */
#include "admin/control.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/socket.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    CONTROL_MAGIC = 0x6c63746c,
    CONNECTION_MAGIC = 0x6c636f6e,
    READ_BYTES = 64 << 10,
    BACKLOG = 16
};

enum connection_state {
    CONNECTION_READING, /* waiting for the end of a line */
    CONNECTION_WORKING, /* a worker has it */
    CONNECTION_WRITING, /* the answer is on its way */
    CONNECTION_CLOSING
};

struct connection {
    uint32_t magic;
    enum connection_state state;
    struct control *control;
    struct connection *next;
    char user[64]; /* who speaks, for receipts */
    uv_pipe_t pipe;
    uv_timer_t idle;
    int handles; /* not closed yet */
    uv_work_t work;
    uv_write_t write;
    struct buf in; /* unread lines; the first `line_len` bytes are the one at work */
    size_t line_len;
    bool last; /* close after this answer */
    struct buf out;
};

struct control {
    uint32_t magic;
    uv_loop_t *loop;
    struct admin *admin;
    const char *store_dir;
    int64_t idle_ms;
    uv_pipe_t listener;
    bool listening; /* the listener's handle is not closed yet */
    bool stopping;
    struct connection *connections;
    size_t count;
    control_closed_fn closed;
    void *context;
};

static void read_more(struct connection *c);
static void close_connection(struct connection *c);

/* ---- the end ---- */

static void free_when_done(struct control *control)
{
    if (!control->stopping || control->listening || control->connections != NULL)
        return;
    control->closed(control->context);
    control->magic = 0;
    free(control);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    struct control *control = c->control;

    REQUIRE(c->magic == CONNECTION_MAGIC);
    if (--c->handles > 0)
        return;
    for (struct connection **at = &control->connections; *at != NULL; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    control->count--;
    buf_done(&c->in);
    buf_done(&c->out);
    c->magic = 0;
    free(c);
    free_when_done(control);
}

/* Called when the peer goes, breaks the rules or is idle, and by control_stop(); never while a
 * worker has the request. */
static void close_connection(struct connection *c)
{
    REQUIRE(c->state != CONNECTION_WORKING);
    if (c->state == CONNECTION_CLOSING)
        return;
    c->state = CONNECTION_CLOSING;
    uv_close((uv_handle_t *)&c->pipe, on_handle_closed);
    uv_close((uv_handle_t *)&c->idle, on_handle_closed);
}

static void on_idle(uv_timer_t *timer)
{
    close_connection(timer->data);
}

static void restart_idle_timer(struct connection *c)
{
    REQUIRE(uv_timer_start(&c->idle, on_idle, (uint64_t)c->control->idle_ms, 0) == 0);
}

/* ---- one request ---- */

static void append_answer(struct buf *out, struct json *answer)
{
    AUTO(json_free) struct json *owned = answer;
    enum err e = json_write(owned, out);

    if (e == ERR_OK)
        e = buf_append_byte(out, '\n');
    if (e != ERR_OK)
        buf_reset(out); /* nothing is sent; the client sees the connection close */
}

static struct json *failure(enum err e, const char *message)
{
    struct json *answer = json_new_map();
    /* A path in it may be no UTF-8, and a long one is cut anywhere. */
    struct json *text = json_new_text(span_str(message));

    json_set_bool(answer, "ok", false);
    json_set_str(answer, "error", err_name(e));
    json_set(answer, "message", text != NULL ? text : json_new_text(span_str(err_text(e))));
    return answer;
}

/* Worker thread: only the line at work and the answer are touched here, and nothing is read
 * meanwhile. The trees may hold values: wiped when freed, and freed at once. */
static void on_work(uv_work_t *work)
{
    struct connection *c = CONTAINER_OF(work, struct connection, work);
    AUTO(json_free) struct json *request = NULL;
    struct json *result = NULL, *answer;
    struct admin admin = *c->control->admin;
    struct errmsg msg = {""};
    enum err e;

    admin.executed_by = c->user;
    e = json_parse(span_of(c->in.bytes, c->line_len), &request);
    if (e != ERR_OK)
        (void)errmsg_set(&msg, e, "the request is no JSON object");
    else
        e = ops_run(&admin, request, &result, &msg);
    if (e == ERR_OK) {
        answer = json_new_map();
        json_set_bool(answer, "ok", true);
        json_set(answer, "result", result);
    } else {
        if (e == ERR_CORRUPT)
            log_event(EV_STORE_DAMAGED);
        answer = failure(e, msg.text);
    }
    append_answer(&c->out, answer);
}

/* Forget the first n bytes of what was read. */
static void consume(struct buf *in, size_t n)
{
    size_t rest = in->len - n;

    memmove(in->bytes, in->bytes + n, rest);
    explicit_bzero(in->bytes + rest, n);
    in->len = rest;
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *c = CONTAINER_OF(write, struct connection, write);

    buf_done(&c->out); /* not only reset: one large answer shall not stay */
    buf_init_secret(&c->out, CONTROL_RESPONSE_MAX);
    if (c->state == CONNECTION_CLOSING)
        return;
    c->state = CONNECTION_READING;
    if (status != 0 || c->last || c->control->stopping)
        close_connection(c);
    else
        read_more(c);
}

static void send_answer(struct connection *c)
{
    uv_buf_t bytes = uv_buf_init((char *)c->out.bytes, (unsigned)c->out.len);

    c->state = CONNECTION_WRITING;
    restart_idle_timer(c);
    if (c->out.len == 0 || uv_write(&c->write, (uv_stream_t *)&c->pipe, &bytes, 1, on_written) != 0)
        close_connection(c);
}

static void on_worked(uv_work_t *work, int status)
{
    struct connection *c = CONTAINER_OF(work, struct connection, work);

    REQUIRE(c->magic == CONNECTION_MAGIC && c->state == CONNECTION_WORKING);
    if (status != 0) /* cancelled: nobody does, but the answer must not be empty */
        append_answer(&c->out, failure(ERR_CANCELED, err_text(ERR_CANCELED)));
    consume(&c->in, c->line_len + 1);
    send_answer(c);
}

static void start_work(struct connection *c, size_t line_len)
{
    c->line_len = line_len;
    c->state = CONNECTION_WORKING;
    REQUIRE(uv_timer_stop(&c->idle) == 0);
    REQUIRE(uv_read_stop((uv_stream_t *)&c->pipe) == 0);
    REQUIRE(uv_queue_work(c->control->loop, &c->work, on_work, on_worked) == 0);
}

static void refuse_long_line(struct connection *c)
{
    REQUIRE(uv_read_stop((uv_stream_t *)&c->pipe) == 0);
    c->last = true;
    append_answer(&c->out, failure(ERR_TOO_LARGE, "the request line is too long"));
    send_answer(c);
}

/* Take the next whole line if there is one. */
static bool take_line(struct connection *c, size_t from)
{
    const uint8_t *end;

    if (c->in.len == from)
        return false;
    end = memchr(c->in.bytes + from, '\n', c->in.len - from);
    if (end == NULL)
        return false;
    start_work(c, (size_t)(end - c->in.bytes));
    return true;
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested UNUSED, uv_buf_t *ret)
{
    struct connection *c = handle->data;
    size_t room = c->in.max - c->in.len;
    size_t want = room < READ_BYTES ? room : READ_BYTES;

    if (want == 0 || buf_reserve(&c->in, want) != ERR_OK)
        want = 0; /* libuv then reports UV_ENOBUFS */
    *ret = uv_buf_init(want == 0 ? NULL : (char *)c->in.bytes + c->in.len, (unsigned)want);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes UNUSED)
{
    struct connection *c = stream->data;
    size_t from = c->in.len;

    if (n == 0)
        return;
    if (n < 0) {
        close_connection(c);
        return;
    }
    c->in.len += (size_t)n;
    if (take_line(c, from))
        return;
    if (c->in.len == c->in.max)
        refuse_long_line(c);
}

static void read_more(struct connection *c)
{
    restart_idle_timer(c);
    if (take_line(c, 0))
        return;
    if (uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) != 0)
        close_connection(c);
}

/* ---- connections ---- */

/* The operating system's name of a user, or its number. */
static void name_user(uid_t uid, char *out, size_t size)
{
    char bytes[1024];
    struct passwd entry, *found = NULL;

    if (getpwuid_r(uid, &entry, bytes, sizeof(bytes), &found) == 0 && found != NULL)
        (void)snprintf(out, size, "user %.50s", found->pw_name);
    else
        (void)snprintf(out, size, "user %u", (unsigned)uid);
}

static bool may_speak(struct connection *c)
{
    uid_t uid = (uid_t)-1;
    uv_os_fd_t fd = -1;
    enum err e =
        uv_fileno((const uv_handle_t *)&c->pipe, &fd) == 0 ? socket_peer(fd, &uid) : ERR_IO;

    if (e == ERR_OK && socket_is_allowed(uid, geteuid())) {
        name_user(uid, c->user, sizeof(c->user));
        if (c->control->count <= CONTROL_CONNECTIONS_MAX)
            return true;
        log_event(EV_CONTROL_REFUSED, F_LIT("reason", "too many connections"));
        return false;
    }
    log_event(EV_CONTROL_REFUSED, F_LIT("reason", "not root nor the server's user"),
              F_NUM("uid", uid));
    return false;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct control *control = listener->data;
    struct connection *c;

    REQUIRE(control->magic == CONTROL_MAGIC);
    if (status != 0)
        return;
    c = mem_alloc(sizeof(*c));
    c->magic = CONNECTION_MAGIC;
    c->state = CONNECTION_READING;
    c->control = control;
    c->handles = 2;
    buf_init_secret(&c->in, LIMIT_CONTROL_LINE_MAX + 1);
    buf_init_secret(&c->out, CONTROL_RESPONSE_MAX);
    REQUIRE(uv_pipe_init(control->loop, &c->pipe, 0) == 0);
    REQUIRE(uv_timer_init(control->loop, &c->idle) == 0);
    c->pipe.data = c;
    c->idle.data = c;
    c->next = control->connections;
    control->connections = c;
    control->count++;
    if (uv_accept(listener, (uv_stream_t *)&c->pipe) != 0 || !may_speak(c))
        close_connection(c);
    else
        read_more(c);
}

/* ---- start and stop ---- */

static void on_listener_closed(uv_handle_t *handle)
{
    struct control *control = handle->data;

    REQUIRE(control->magic == CONTROL_MAGIC);
    control->listening = false;
    free_when_done(control);
}

static void tell_nobody(void *context UNUSED)
{
}

enum err control_start(const struct control_options *o, struct control **ret_control,
                       struct errmsg *msg)
{
    struct control *control;
    int fd = -1;
    enum err e;

    e = socket_listen(o->store_dir, &fd, msg);
    if (e != ERR_OK)
        return e;
    control = mem_alloc(sizeof(*control));
    control->magic = CONTROL_MAGIC;
    control->loop = o->loop;
    control->admin = o->admin;
    control->store_dir = o->store_dir;
    control->idle_ms = o->idle_ms == 0 ? CONTROL_IDLE_MS : o->idle_ms;
    REQUIRE(uv_pipe_init(control->loop, &control->listener, 0) == 0);
    control->listener.data = control;
    control->listening = true;
    if (uv_pipe_open(&control->listener, fd) != 0) {
        (void)close(fd);
        fd = -1;
    }
    if (fd < 0 || uv_listen((uv_stream_t *)&control->listener, BACKLOG, on_connection) != 0) {
        control_stop(&control, tell_nobody, NULL); /* frees itself on the loop's next turn */
        return errmsg_set(msg, ERR_IO, "%s/" SOCKET_NAME " cannot be listened on", o->store_dir);
    }
    *ret_control = control;
    return ERR_OK;
}

void control_stop(struct control **controlp, control_closed_fn closed, void *context)
{
    struct control *control = TAKE(*controlp);
    struct connection *c, *next;

    if (control == NULL)
        return;
    REQUIRE(control->magic == CONTROL_MAGIC && !control->stopping);
    control->stopping = true;
    control->closed = closed;
    control->context = context;
    socket_remove(control->store_dir);
    uv_close((uv_handle_t *)&control->listener, on_listener_closed);
    for (c = control->connections; c != NULL; c = next) {
        next = c->next;
        if (c->state == CONNECTION_READING)
            close_connection(c);
    }
}
