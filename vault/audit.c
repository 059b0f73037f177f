/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail: records are handed over by any thread, and written by one, as many in a batch as wait.
 * Runs on: any thread; work() and what it calls on the trail's own, which is there from the first record on.
 * Holds: what waits. Invariant: a record is settled once, after its batch is durable or has failed.
 * Not here: what a batch is (audit_batch.c).
 *
 *   submit -> handed, by thread -> flush -> pending -> batch: records [head] -> one write, one fdatasync -> waiters
 *   woken. A thread flushes when it has no more at hand, so that many records share a sync and a wake-up. */
#include "vault/audit_priv.h"

#include "base/clock.h"
#include "base/wait.h"

enum { NOTES_PENDING_MAX = 4 << 20 };

/* ---- settings ---- */

struct audit *vault_audit(const struct vault *v)
{
    return v->audit;
}

void audit_configure(struct audit *a, const struct audit_options *options)
{
    char *heads = options->heads == NULL ? NULL : mem_strdup(options->heads);

    (void)pthread_mutex_lock(&a->lock);
    free(a->heads);
    a->heads = heads;
    a->keep_s = options->keep_s;
    (void)pthread_mutex_unlock(&a->lock);
    atomic_store(&a->buffered, options->buffered);
}

bool audit_is_buffered(const struct audit *a)
{
    return atomic_load(&a->buffered);
}

void audit_figures(struct audit *a, struct audit_figures *ret)
{
    (void)pthread_mutex_lock(&a->lock);
    *ret = a->figures;
    (void)pthread_mutex_unlock(&a->lock);
}

/* ---- telling ---- */

/* Tickets up to `through` are settled; says whether that is news. Under the lock. */
static bool settle(struct audit_waiter *w, uint64_t through, enum err e)
{
    const uint64_t from = w->settled.through + 1;

    if (through < from)
        return false;
    w->settled.through = through;
    if (e != ERR_OK) {
        w->settled.failed_from = w->settled.failed_to == 0 ? from : w->settled.failed_from;
        w->settled.failed_to = through;
        w->settled.why = e;
    }
    return true;
}

/* What was refused is settled in its turn. Under the lock. */
static bool settle_refused(struct audit_waiter *w)
{
    const uint64_t to = w->refused_to;

    if (to == 0 || w->settled.through + 1 < w->refused_from)
        return false;
    w->refused_to = 0;
    return settle(w, to, w->refused_why);
}

/* The batch is over. Under the lock. */
static void tell(struct audit *a, enum err e)
{
    for (struct audit_waiter *w = a->waiters; w != NULL; w = w->next) {
        bool news = settle(w, w->taken, e);

        if (settle_refused(w) || news)
            w->wake(w->context);
    }
}

/* ---- the thread ---- */

/* When it must act although nobody asks: by the monotonic clock; 0: never. Under the lock. */
static int64_t next_ms(const struct audit *a)
{
    int64_t at = a->unsigned_ms == 0 ? 0 : a->unsigned_ms + AUDIT_HEAD_MS;

    if (a->lazy_ms != 0 && (at == 0 || a->lazy_ms + AUDIT_LAZY_MS < at))
        at = a->lazy_ms + AUDIT_LAZY_MS;
    return at;
}

/* Sleep until there is something to do. Under the lock. */
static void wait_for_work(struct audit *a)
{
    while (!a->closing && !a->pending_waits) {
        const int64_t at = next_ms(a);

        if (at != 0 && clock_mono_ms() >= at)
            return;
        a->sleeping = true;
        if (at == 0)
            (void)pthread_cond_wait(&a->wake, &a->lock);
        else
            (void)wait_until_ms(&a->wake, &a->lock, at);
        a->sleeping = false;
    }
}

/* Take what is pending: under the lock. */
static void take(struct audit *a, uint64_t *ret_records, bool *ret_must)
{
    const struct buf taken = a->pending;

    a->pending = a->batch;
    a->batch = taken;
    a->pending.len = 0;
    for (struct audit_waiter *w = a->waiters; w != NULL; w = w->next)
        w->taken = w->flushed;
    *ret_records = a->pending_records;
    *ret_must = a->pending_must;
    a->pending_records = 0;
    a->pending_must = a->pending_waits = false;
    a->lazy_ms = 0;
}

static void *work(void *context)
{
    struct audit *a = context;
    bool last;

    (void)pthread_mutex_lock(&a->lock);
    do {
        uint64_t records;
        bool must;
        enum err e;

        wait_for_work(a);
        last = a->closing;
        take(a, &records, &must);
        (void)pthread_mutex_unlock(&a->lock);
        if (a->batch.len == 0)
            e = buf_append(&a->batch, a->end.chain, AUDIT_CHAIN_BYTES);
        else
            e = ERR_OK;
        if (e == ERR_OK)
            e = audit_batch_write(a, &a->batch, must, last);
        audit_batch_tidy(a);
        (void)pthread_mutex_lock(&a->lock);
        a->healthy = e == ERR_OK;
        a->figures.records += e == ERR_OK ? records : 0;
        a->figures.failures += e == ERR_OK ? 0 : records;
        a->figures.batches++;
        tell(a, e);
    } while (!last);
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- handing over ---- */

/* Under the lock. */
static enum err need_thread(struct audit *a)
{
    if (a->started)
        return ERR_OK;
    if (a->closing)
        return ERR_CANCELED;
    if (pthread_create(&a->thread, NULL, work, a) != 0)
        return ERR_BUSY;
    a->started = true;
    return ERR_OK;
}

/* Room for the chain before comes first. Under the lock. */
static enum err append(struct audit *a, const struct buf *frames, size_t records)
{
    static const uint8_t room[AUDIT_CHAIN_BYTES];
    enum err e = need_thread(a);

    if (e == ERR_OK && a->closing)
        e = ERR_CANCELED;
    if (e == ERR_OK && a->pending.len == 0)
        e = buf_append(&a->pending, room, sizeof(room));
    if (e == ERR_OK)
        e = buf_append(&a->pending, frames->bytes, frames->len);
    if (e == ERR_OK)
        a->pending_records += records;
    else
        a->figures.failures += records;
    return e == ERR_TOO_LARGE ? ERR_BUSY : e;
}

static void wake_thread(struct audit *a, bool wake)
{
    if (wake)
        (void)pthread_cond_signal(&a->wake);
}

/* They are not written: that is said after what was flushed before them. Under the lock. */
static void refuse(struct audit_waiter *w, enum err why)
{
    if (w->refused_to == 0)
        w->refused_from = w->flushed + 1;
    w->refused_to = w->ticket;
    w->refused_why = why;
    if (settle_refused(w))
        w->wake(w->context);
}

static void flush(struct audit_waiter *w, bool must)
{
    struct audit *a = w->a;
    bool wake;
    enum err e;

    if (w->handed.len == 0)
        return;
    (void)pthread_mutex_lock(&a->lock);
    e = append(a, &w->handed, w->handed_records);
    wake = e == ERR_OK && a->sleeping;
    if (e == ERR_OK) {
        a->pending_waits = true;
        a->pending_must = a->pending_must || must;
        a->sleeping = false; /* one signal is enough */
    } else {
        refuse(w, e);
    }
    w->flushed = w->ticket;
    (void)pthread_mutex_unlock(&a->lock);
    w->handed.len = 0;
    w->handed_records = 0;
    wake_thread(a, wake);
}

void audit_flush(struct audit_waiter *waiter)
{
    flush(waiter, false);
}

enum err audit_submit(struct audit_waiter *w, const struct audit_record *record,
                      uint64_t *ret_ticket)
{
    enum err e = audit_record_encode(record, &w->handed);

    if (e == ERR_TOO_LARGE && w->handed.len > 0) {
        flush(w, false);
        e = audit_record_encode(record, &w->handed);
    }
    if (e != ERR_OK)
        return e;
    w->handed_records++;
    *ret_ticket = ++w->ticket;
    return ERR_OK;
}

void audit_settled(struct audit_waiter *w, struct audit_settled *ret)
{
    (void)pthread_mutex_lock(&w->a->lock);
    *ret = w->settled;
    w->settled.failed_from = w->settled.failed_to = 0;
    w->settled.why = ERR_OK;
    (void)pthread_mutex_unlock(&w->a->lock);
}

void audit_note(struct audit *a, const struct audit_record *record)
{
    bool wake;
    enum err e;

    (void)pthread_mutex_lock(&a->lock);
    a->note.len = 0;
    e = audit_record_encode(record, &a->note);
    if (e == ERR_OK && a->pending.len > NOTES_PENDING_MAX)
        e = ERR_BUSY;
    if (e == ERR_OK)
        e = append(a, &a->note, 1);
    else
        a->figures.failures++;
    wake = e == ERR_OK && a->lazy_ms == 0 && a->sleeping;
    if (e == ERR_OK && a->lazy_ms == 0)
        a->lazy_ms = clock_mono_ms();
    (void)pthread_mutex_unlock(&a->lock);
    wake_thread(a, wake);
}

bool audit_is_healthy(struct audit *a)
{
    bool healthy;

    (void)pthread_mutex_lock(&a->lock);
    healthy = a->healthy;
    (void)pthread_mutex_unlock(&a->lock);
    return healthy;
}

/* ---- waiters ---- */

static void join(struct audit_waiter *w)
{
    struct audit *a = w->a;

    buf_init(&w->handed, AUDIT_HANDED_MAX);
    (void)pthread_mutex_lock(&a->lock);
    w->next = a->waiters;
    a->waiters = w;
    (void)pthread_mutex_unlock(&a->lock);
}

static void leave(struct audit_waiter *w)
{
    struct audit *a = w->a;
    struct audit_waiter **link;

    flush(w, false);
    (void)pthread_mutex_lock(&a->lock);
    for (link = &a->waiters; *link != w; link = &(*link)->next)
        REQUIRE(*link != NULL);
    *link = w->next;
    (void)pthread_mutex_unlock(&a->lock);
    buf_done(&w->handed);
}

struct audit_waiter *audit_waiter_new(struct audit *a, void (*wake)(void *context), void *context)
{
    struct audit_waiter *w = mem_alloc(sizeof(*w));

    w->a = a;
    w->wake = wake;
    w->context = context;
    join(w);
    return w;
}

void audit_waiter_free(struct audit_waiter **waiter)
{
    struct audit_waiter *w = TAKE(*waiter);

    if (w == NULL)
        return;
    leave(w);
    free(w);
}

/* ---- waiting here ---- */

struct sleeper {
    struct audit_waiter waiter; /* its settled is read under the trail's lock */
    pthread_cond_t done;
};

/* Under the trail's lock. */
static void on_wake(void *context)
{
    struct sleeper *s = context;

    (void)pthread_cond_signal(&s->done);
}

static enum err write_and_wait(struct audit *a, const struct audit_record *record, bool must)
{
    struct sleeper s = {.waiter = {.a = a, .wake = on_wake}, .done = PTHREAD_COND_INITIALIZER};
    struct audit_settled *settled = &s.waiter.settled;
    uint64_t ticket = 0;
    enum err e;

    s.waiter.context = &s;
    join(&s.waiter);
    e = audit_submit(&s.waiter, record, &ticket);
    flush(&s.waiter, must);
    (void)pthread_mutex_lock(&a->lock);
    while (e == ERR_OK && settled->through < ticket)
        (void)pthread_cond_wait(&s.done, &a->lock);
    if (e == ERR_OK && settled->failed_from <= ticket && ticket <= settled->failed_to)
        e = settled->why;
    (void)pthread_mutex_unlock(&a->lock);
    leave(&s.waiter);
    (void)pthread_cond_destroy(&s.done);
    return e;
}

enum err audit_write(struct audit *a, const struct audit_record *record)
{
    return write_and_wait(a, record, false);
}

enum err audit_write_at_all_costs(struct audit *a, const struct audit_record *record)
{
    enum err e = write_and_wait(a, record, true);

    /* What fills the disk came with it in one batch: alone it may fit. */
    return e == ERR_NO_SPACE ? write_and_wait(a, record, true) : e;
}

/* ---- starting and stopping ---- */

enum err audit_start(struct vault *v, struct audit **ret)
{
    struct audit *a = mem_alloc(sizeof(*a));

    a->v = v;
    a->fd = -1;
    a->keys.fd = -1;
    a->healthy = true;
    a->marker = audit_marker_new(v);
    buf_init(&a->pending, AUDIT_PENDING_MAX);
    buf_init(&a->batch, AUDIT_PENDING_MAX);
    buf_init(&a->note, AUDIT_FRAME_MAX);
    wait_init(&a->wake);
    REQUIRE(pthread_mutex_init(&a->lock, NULL) == 0 &&
            pthread_mutex_init(&a->keys_lock, NULL) == 0);
    *ret = a;
    return ERR_OK;
}

void audit_stop(struct audit *a)
{
    bool started;

    if (a == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    started = a->started && !a->closing;
    a->closing = true;
    (void)pthread_cond_signal(&a->wake);
    (void)pthread_mutex_unlock(&a->lock);
    if (started)
        (void)pthread_join(a->thread, NULL);
    audit_marker_wait(a->marker);
}

void audit_free(struct audit **audit)
{
    struct audit *a = TAKE(*audit);

    if (a == NULL)
        return;
    REQUIRE(a->waiters == NULL);
    audit_marker_free(&a->marker);
    audit_keys_close(&a->keys);
    fd_close(&a->fd);
    buf_done(&a->pending);
    buf_done(&a->batch);
    buf_done(&a->note);
    free(a->heads);
    (void)pthread_cond_destroy(&a->wake);
    (void)pthread_mutex_destroy(&a->lock);
    (void)pthread_mutex_destroy(&a->keys_lock);
    free(a);
}
