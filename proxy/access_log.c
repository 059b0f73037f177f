/* SPDX-License-Identifier: Apache-2.0 */
/* The access log.
 * Runs on: access_log_put() on the loops; writing on a thread of its own. Holds: a ring a loop, with one
 * writer and one reader each, and the file. Invariant: a loop neither waits nor takes a lock; a line is
 * written whole or counted as lost. Not here: what is recorded (exchange_account.c). */
#include "proxy/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/period.h"
#include "base/wait.h"

enum {
    LOOK_MS = 200,       /* how long a record may wait for its thread */
    BATCH_MAX = 1 << 20, /* bytes of one write */
    LINE_MAX_BYTES = 8192
};

/* One loop's. `head` is moved by the loop, `tail` by the thread. */
struct ring {
    _Atomic size_t head;
    struct counter dropped; /* the loop's */
    char apart[64];
    _Atomic size_t tail;
    struct access_record *at; /* ACCESS_RING */
};

struct access_log {
    struct ring *rings;
    size_t count;
    atomic_bool on;
    pthread_t thread;
    bool started;           /* control thread */
    struct counter written; /* these two: the thread's */
    struct counter lost;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool closing;
    char *path; /* NULL: standard output */
    int fd;     /* -1: none */
};

/* ---- a line ---- */

void access_name_set(struct access_name *name, struct span text)
{
    name->len = (uint8_t)(text.len < ACCESS_NAME_MAX ? text.len : ACCESS_NAME_MAX);
    if (name->len > 0)
        memcpy(name->text, text.at, name->len);
}

static enum err put_name(struct buf *out, const char *key, const struct access_name *name)
{
    enum err e = buf_append_str(out, key);

    return e == ERR_OK ? log_text(out, span_of(name->text, name->len)) : e;
}

static enum err put_format(struct buf *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum err put_format(struct buf *out, const char *format, ...)
{
    char text[512];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    REQUIRE(len >= 0 && (size_t)len < sizeof(text));
    return buf_append(out, text, (size_t)len);
}

static enum err put_ids(const struct access_record *r, struct buf *out)
{
    char instant[24];
    enum err e;

    period_format_instant(r->time_ms / 1000, instant);
    e = put_format(out, "{\"time\":\"%.19s.%03dZ\",\"request\":\"%.32s\"", instant,
                   (int)(r->time_ms % 1000), r->request);
    if (e == ERR_OK && r->trace[0] != '\0')
        e = put_format(out, ",\"trace\":\"%.32s\"", r->trace);
    return e;
}

static enum err put_names(const struct access_record *r, struct buf *out)
{
    enum err e = put_name(out, ",\"caller\":", &r->caller);

    if (e == ERR_OK)
        e = put_name(out, ",\"purpose\":", &r->purpose);
    if (e == ERR_OK)
        e = put_name(out, ",\"domain\":", &r->domain);
    if (e == ERR_OK)
        e = put_name(out, ",\"method\":", &r->method);
    return e == ERR_OK ? put_name(out, ",\"route\":", &r->route) : e;
}

static enum err put_durations(const struct access_record *r, struct buf *out)
{
    enum err e = put_format(out, ",\"us\":%" PRId64, r->total_us);

    if (e == ERR_OK && r->upstream_us >= 0)
        e = put_format(out, ",\"upstream_us\":%" PRId64, r->upstream_us);
    if (e == ERR_OK && r->store_us >= 0)
        e = put_format(out, ",\"store_us\":%" PRId64, r->store_us);
    return e;
}

enum err access_record_write(const struct access_record *r, struct buf *out)
{
    const struct reveal_counts *c = &r->reveals;
    enum err e = put_ids(r, out);

    if (e == ERR_OK)
        e = put_names(r, out);
    if (e == ERR_OK)
        e = put_format(out, ",\"status\":%d,\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64,
                       r->status, r->bytes_in, r->bytes_out);
    if (e == ERR_OK)
        e = put_durations(r, out);
    if (e == ERR_OK)
        e = put_format(out,
                       ",\"tokens\":%" PRIu64 ",\"reveals\":{\"value\":%zu,\"mask\":%zu,"
                       "\"token\":%zu,\"foreign\":%zu,\"clear\":%zu,\"unfit\":%zu}}\n",
                       r->tokens, c->values, c->masks, c->tokens, c->foreign, c->clear, c->unfit);
    return e;
}

/* ---- rings ---- */

bool access_log_is_on(const struct access_log *log)
{
    return atomic_load_explicit(&log->on, memory_order_relaxed);
}

void access_log_put(struct access_log *log, size_t loop, const struct access_record *record)
{
    struct ring *ring = &log->rings[loop];
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t waiting = head - atomic_load_explicit(&ring->tail, memory_order_acquire);

    if (waiting == ACCESS_RING) {
        counter_add(&ring->dropped, 1);
        return;
    }
    ring->at[head % ACCESS_RING] = *record;
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    if (waiting == ACCESS_RING / 4) /* the thread looks by itself soon; sooner then */
        (void)pthread_cond_signal(&log->wake);
}

/* All that waits in a ring, as far as the batch has room. */
static size_t take(struct ring *ring, struct buf *batch)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    size_t lines = 0;

    while (tail != head && batch->len + LINE_MAX_BYTES < batch->max) {
        if (access_record_write(&ring->at[tail % ACCESS_RING], batch) == ERR_OK)
            lines++;
        tail++;
    }
    atomic_store_explicit(&ring->tail, tail, memory_order_release);
    return lines;
}

/* ---- the thread ---- */

static bool write_all(int fd, const struct buf *batch)
{
    size_t done = 0;

    while (fd >= 0 && done < batch->len) {
        ssize_t n = write(fd, batch->bytes + done, batch->len - done);

        if (n < 0 && errno != EINTR)
            return false;
        done += n < 0 ? 0 : (size_t)n;
    }
    return fd >= 0;
}

/* Under the lock: the file must not be exchanged meanwhile. */
static void write_batch(struct access_log *log, struct buf *batch, size_t lines, bool *failing)
{
    bool ok;

    if (batch->len == 0)
        return;
    ok = write_all(log->fd, batch);
    counter_add(ok ? &log->written : &log->lost, lines);
    if (!ok && !*failing)
        log_event(EV_ACCESS_LOG_FAILED);
    *failing = !ok;
    buf_reset(batch);
}

static void *work(void *context)
{
    struct access_log *log = context;
    struct buf batch;
    bool failing = false, closing = false;

    buf_init(&batch, BATCH_MAX);
    while (!closing) {
        size_t lines = 0;

        (void)pthread_mutex_lock(&log->lock);
        if (!log->closing)
            (void)wait_until_ms(&log->wake, &log->lock, clock_mono_ms() + LOOK_MS);
        closing = log->closing;
        do {
            lines = 0;
            for (size_t i = 0; i < log->count; i++)
                lines += take(&log->rings[i], &batch);
            write_batch(log, &batch, lines, &failing);
        } while (lines > 0);
        (void)pthread_mutex_unlock(&log->lock);
    }
    buf_done(&batch);
    return NULL;
}

static enum err start_thread(struct access_log *log)
{
    sigset_t all, before;

    if (log->started)
        return ERR_OK;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    log->started = pthread_create(&log->thread, NULL, work, log) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return log->started ? ERR_OK : ERR_IO;
}

/* ---- files ---- */

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0640);
}

static void set_file(struct access_log *log, char *path, int fd)
{
    (void)pthread_mutex_lock(&log->lock);
    if (log->fd > STDERR_FILENO)
        (void)close(log->fd);
    free(log->path);
    log->path = path;
    log->fd = fd;
    (void)pthread_mutex_unlock(&log->lock);
}

enum err access_log_use(struct access_log *log, const char *target, struct errmsg *msg)
{
    bool is_file = target != NULL && strcmp(target, "stdout") != 0;
    int fd = target == NULL ? -1 : is_file ? open_file(target) : STDOUT_FILENO;

    if (target != NULL && fd < 0)
        return errmsg_set(msg, ERR_IO, "the access log %s cannot be opened: %s", target,
                          strerror(errno));
    if (target != NULL && start_thread(log) != ERR_OK) {
        if (is_file)
            (void)close(fd);
        return errmsg_set(msg, ERR_IO, "cannot start a thread for the access log");
    }
    atomic_store(&log->on, target != NULL);
    set_file(log, is_file ? mem_strdup(target) : NULL, fd);
    return ERR_OK;
}

void access_log_reopen(struct access_log *log)
{
    char *path = NULL;
    int fd;

    (void)pthread_mutex_lock(&log->lock);
    if (log->path != NULL)
        path = mem_strdup(log->path);
    (void)pthread_mutex_unlock(&log->lock);
    if (path == NULL)
        return;
    fd = open_file(path);
    if (fd >= 0) {
        set_file(log, path, fd);
    } else {
        log_event(EV_ACCESS_LOG_FAILED);
        free(path);
    }
}

/* ---- beginning and end ---- */

struct access_log *access_log_new(size_t loops)
{
    struct access_log *log = mem_alloc(sizeof(*log));

    log->count = loops;
    log->fd = -1;
    log->rings = mem_alloc(loops * sizeof(*log->rings));
    for (size_t i = 0; i < loops; i++)
        log->rings[i].at = mem_alloc(ACCESS_RING * sizeof(*log->rings[i].at));
    REQUIRE(pthread_mutex_init(&log->lock, NULL) == 0);
    wait_init(&log->wake);
    return log;
}

void access_log_metrics(const struct access_log *log, struct metrics *m)
{
    uint64_t dropped = 0;

    for (size_t i = 0; i < log->count; i++)
        dropped += counter_read(&log->rings[i].dropped);
    metrics_one(m, "lethe_access_log_lines_total", "counter", "Lines written to the access log.",
                (double)counter_read(&log->written));
    metrics_one(m, "lethe_access_log_dropped_total", "counter",
                "Lines dropped: there was no room, or the file could not be written.",
                (double)(dropped + counter_read(&log->lost)));
}

void access_log_free(struct access_log **logp)
{
    struct access_log *log = TAKE(*logp);

    if (log == NULL)
        return;
    (void)pthread_mutex_lock(&log->lock);
    log->closing = true;
    (void)pthread_cond_signal(&log->wake);
    (void)pthread_mutex_unlock(&log->lock);
    if (log->started)
        (void)pthread_join(log->thread, NULL);
    set_file(log, NULL, -1);
    for (size_t i = 0; i < log->count; i++)
        free(log->rings[i].at);
    free(log->rings);
    (void)pthread_cond_destroy(&log->wake);
    (void)pthread_mutex_destroy(&log->lock);
    free(log);
}
