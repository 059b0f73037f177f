/* SPDX-License-Identifier: Apache-2.0 */
/* The writer thread: takes what is queued, commits it as one group, then tells.
 * Runs on: its own thread; vault_submit() and vault_run() on any. Holds: the queue, the only
 * connection that writes. Invariant: done comes once for each operation, after its result is
 * durable; a group is durable whole or not at all. Not here: what an operation does.
 *
 *   queue -> [sweep, purge or retime]? [tokenize]*, one transaction, one sync -> done ...
 *         -> erase, rectify, truncate, close, rotate, seal    alone, in their place in the queue -> done */
#include "vault/part_priv.h"
#include "vault/rules_priv.h"
#include "vault/writer_priv.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "vault/bulk.h"
#include "vault/events.h"
#include "vault/retime.h"
#include "vault/retime_priv.h"
#include "vault/holds_priv.h"
#include "vault/renew_priv.h"
#include "vault/uses_priv.h"

enum {
    ROW_BLOCK = 65536,
    WRITER_NAMES = 262144,
    SAVE_TIME_MS = 60000,
    BUSY_MS = 1000 /* values were stored lately: more are to be expected */
};

/* ---- row numbers ---- */

static enum err reserve_rows(struct writer *w, uint64_t count)
{
    uint64_t first = 0;
    enum err e = slab_reserve_rows(w->v->slab, count, &first);

    if (e != ERR_OK)
        return e;
    w->row_next = first;
    w->row_end = first + count;
    return ERR_OK;
}

enum err writer_next_row(struct writer *w, uint64_t *ret_row)
{
    enum err e = ERR_OK;

    if (w->row_next == w->row_end)
        e = reserve_rows(w, ROW_BLOCK);
    if (e == ERR_OK)
        *ret_row = w->row_next++;
    return e;
}

enum err writer_disorder(struct writer *w, struct store_class *c)
{
    enum err e = store_class_disorder(w->store, c);

    if (e != ERR_OK)
        return e;
    c->ordered = false;
    w->disordered[c->id] = true;
    w->any_disordered = true;
    return ERR_OK;
}

uint64_t writer_new_revision(void)
{
    uint64_t number;

    secret_random(&number, sizeof(number));
    return number >> 1 | 1; /* never 0, and a positive column */
}

/* The first block must lie past every row of the database, whatever slab was put beside it. */
static enum err skip_rows(struct writer *w)
{
    uint64_t last = 0;
    enum err e;

    for (size_t id = 1; id <= CLASSES_MAX; id++) {
        uint64_t row = 0;

        if (w->v->table[id].id == 0)
            continue;
        e = store_row_last(w->store, &w->v->table[id], &row, &w->last_due_s[id]);
        if (e != ERR_OK)
            return e;
        if (w->v->table[id].deterministic || !format_is_typed(w->v->table[id].format))
            last = row > last ? row : last;
    }
    store_read_end(w->store);
    slab_skip(w->v->slab, 0, last + 1);
    return ERR_OK;
}

/* ---- a full disk ---- */

bool writer_make_room(struct writer *w, enum err e)
{
    return e == ERR_NO_SPACE && reserve_release(w->v->reserve);
}

/* New values wait while the reserve is given away. */
static bool wants_room(const struct vault_op *op)
{
    return op->kind == VAULT_TOKENIZE || op->kind == VAULT_BULK || op->kind == VAULT_RECTIFY ||
           op->kind == VAULT_RETIME || op->kind == VAULT_EVENT || op->kind == VAULT_USE ||
           op->kind == VAULT_RENEW;
}

static bool any_destroys(const struct vault_op *op)
{
    while (op != NULL && wants_room(op))
        op = op->next;
    return op != NULL;
}

/* ---- groups ---- */

static bool is_sweep(const struct vault_op *op)
{
    return op->kind == VAULT_SWEEP_SUBJECT || op->kind == VAULT_PURGE_DUE ||
           op->kind == VAULT_RETIME || op->kind == VAULT_EVENT || op->kind == VAULT_RENEW ||
           op->kind == VAULT_RENEW_END;
}

/* What may share a commit with whatever is there. */
static bool joins(const struct vault_op *op)
{
    return op->kind == VAULT_TOKENIZE || op->kind == VAULT_BULK || op->kind == VAULT_USE;
}

static size_t rows_of_all(const struct vault_tokenize *t)
{
    size_t rows = 0;

    for (; t != NULL; t = t->also)
        rows += 1 + t->count;
    return rows;
}

static size_t rows_of(const struct vault_op *op)
{
    switch (op->kind) {
    case VAULT_TOKENIZE:
        return rows_of_all((const struct vault_tokenize *)op);
    case VAULT_BULK:
        return 1 + rows_of_all(((const struct vault_bulk *)op)->first);
    case VAULT_SWEEP_SUBJECT:
        return ((const struct vault_sweep_subject *)op)->limit;
    case VAULT_PURGE_DUE:
        return ((const struct vault_purge_due *)op)->limit;
    case VAULT_RETIME:
        return ((const struct vault_retime *)op)->limit;
    case VAULT_RENEW:
        return ((const struct vault_renew *)op)->limit;
    case VAULT_RENEW_END:
        return ((const struct vault_renew_end *)op)->limit;
    case VAULT_USE:
        return ((const struct uses *)op)->count;
    default:
        return 0;
    }
}

/* What must be settled before the transaction: it commits by itself. */
static void prepare(struct writer *w, struct vault_op *op)
{
    op->result = ERR_OK;
    if (wants_room(op) && !reserve_is_held(w->v->reserve))
        op->result = ERR_NO_SPACE;
    else if (!joins(op) && w->untold_count > 0)
        op->result = vault__erasures_tell(w);
}

static enum err execute(struct writer *w, struct vault_op *op)
{
    switch (op->kind) {
    case VAULT_TOKENIZE:
        w->stored = true;
        return vault__tokenize(w, (struct vault_tokenize *)op);
    case VAULT_BULK:
        w->stored = true;
        return vault__bulk(w, (struct vault_bulk *)op);
    case VAULT_SWEEP_SUBJECT:
        return vault__sweep_subject(w, (struct vault_sweep_subject *)op);
    case VAULT_RETIME:
        return vault__retime(w, (struct vault_retime *)op);
    case VAULT_RENEW:
        return vault__renew(w, (struct vault_renew *)op);
    case VAULT_RENEW_END:
        return vault__renew_end(w, (struct vault_renew_end *)op);
    case VAULT_EVENT:
        return vault__event(w, (struct vault_event *)op);
    case VAULT_USE:
        return vault__uses(w, (const struct uses *)op);
    default:
        return vault__purge_due(w, (struct vault_purge_due *)op);
    }
}

static enum err execute_all(struct writer *w, struct vault_op *first)
{
    for (struct vault_op *op = first; op != NULL; op = op->next) {
        if (op->result != ERR_OK)
            continue;
        op->result = execute(w, op);
        if (w->broken != ERR_OK)
            return w->broken;
        if (w->spoilt != NULL)
            return ERR_CANCELED;
        if (store_failed(w->store))
            return op->result != ERR_OK ? op->result : ERR_IO;
    }
    return ERR_OK;
}

/* ---- sweeps stand back ---- */

/* What of the queue may join a group that has `rows` rows, in its order; NULL if nothing. */
static struct vault_op *take_requests(struct writer *w, size_t rows)
{
    struct vault_op *first = NULL;
    struct vault_op **link = &first;

    (void)pthread_mutex_lock(&w->lock);
    while (w->head != NULL && joins(w->head) && rows + rows_of(w->head) <= WRITER_GROUP_ROWS) {
        *link = w->head;
        rows += rows_of(w->head);
        link = &w->head->next;
        w->head = w->head->next;
        w->queued--;
    }
    if (w->head == NULL)
        w->tail = NULL;
    (void)pthread_mutex_unlock(&w->lock);
    *link = NULL;
    return first;
}

/* Requests that came while a sweep was at work are served in its transaction: they would have to wait
 * for its commit and then for their own. */
static enum err let_in(struct writer *w, struct vault_op *sweep)
{
    struct vault_op *late;

    if (sweep->next != NULL || w->others_wait)
        return ERR_OK; /* they came first */
    late = take_requests(w, rows_of(sweep));
    sweep->next = late;
    for (struct vault_op *op = late; op != NULL; op = op->next)
        prepare(w, op);
    return execute_all(w, late);
}

bool writer_is_wanted(struct writer *w, const struct vault_op *sweep)
{
    bool wanted = sweep->next != NULL || w->others_wait || clock_mono_ms() - w->stored_ms < BUSY_MS;

    if (wanted)
        return true;
    (void)pthread_mutex_lock(&w->lock);
    wanted = w->head != NULL;
    (void)pthread_mutex_unlock(&w->lock);
    return wanted;
}

/* ---- commits ---- */

/* Once a minute: a restart then knows that it cannot be earlier. */
static enum err save_time(struct writer *w)
{
    const int64_t now_ms = vault__now_ms(w->v);
    enum err e;

    if (now_ms - w->time_saved_ms < SAVE_TIME_MS)
        return ERR_OK;
    e = store_meta_set_int(w->store, STORE_META_TIME, now_ms);
    if (e == ERR_OK)
        w->time_saved_ms = now_ms; /* a commit that fails now loses a minute */
    return e;
}

/* Numbers that are given out and keys first, then the rows that need them. */
static enum err commit(struct writer *w)
{
    bool appended = false;
    int64_t began_us;
    enum err e = tally_write(w->tally, w->store);

    if (e == ERR_OK)
        e = save_time(w);
    if (e == ERR_OK)
        e = sequences_write(w->v->sequences, w->v->ledger, w->store, &appended);
    /* The database knows how far the ledger goes, so that an older one is noticed; it must not pass an
     * erasure that it has not been told of. */
    if (e == ERR_OK && appended && w->untold_count == 0)
        e = vault__replay_mark(w->v, w->store);
    if (e != ERR_OK)
        return e;
    if (w->keys_added) {
        FAULT_POINT("tokenize.before_slab_sync");
        e = slab_sync(w->v->slab);
        if (e == ERR_IO) /* what the file holds is not known; a full disk may have room later */
            atomic_store(&w->v->failed, true);
        if (e != ERR_OK)
            return e;
        w->keys_added = false;
        FAULT_POINT("tokenize.after_slab_sync");
    }
    FAULT_POINT("tokenize.before_commit");
    began_us = clock_mono_us();
    e = store_commit(w->store);
    histogram_add(&w->v->meters.commits, &histogram_durations,
                  (uint64_t)(clock_mono_us() - began_us));
    if (e == ERR_OK)
        sequences_written(w->v->sequences);
    return e;
}

/* Memory back to what the database says. */
static void undo(struct writer *w)
{
    store_rollback(w->store);
    tally_clear(w->tally);
    keycache_clear(w->keys);
    names_clear(w->names);
    w->retimed_count = 0;
    w->renewed_over = false;
    for (size_t id = 1; w->any_disordered && id <= CLASSES_MAX; id++)
        if (w->disordered[id])
            w->v->table[id].ordered = true;
}

static void acknowledge(struct writer *w, struct vault_op *op)
{
    size_t count = 0;

    for (const struct vault_op *each = op; each != NULL; each = each->next)
        count++;
    histogram_add(&w->v->meters.groups, &histogram_sizes, count);
    while (op != NULL) {
        struct vault_op *next = op->next;

        if (op->result != ERR_OK)
            counter_add(&w->v->meters.failures, 1);
        op->done(op); /* may free it */
        op = next;
    }
}

static void watch_log(struct writer *w)
{
    const int pages = store_wal_pages(w->store);
    const bool full = !reserve_is_held(w->v->reserve); /* the log must not grow */
    const bool wanted = full || checkpointer_is_wanted(pages);

    atomic_store(&w->v->keeps_nothing, wanted);
    if (wanted)
        vault__readers_let_go(w->v);
    /* The checkpointer may be at it: then the next commit tries again. */
    if ((full || checkpointer_is_behind(pages)) && store_checkpoint(w->store) != ERR_OK)
        store_rollback(w->store);
    if (wanted)
        checkpointer_hint(w->v->checkpointer);
    counter_set(&w->v->meters.log_pages, (uint64_t)(pages < 0 ? 0 : pages));
}

/* Readers that keep nothing are out of the way, unless they are just reading. */
static enum err truncate_log(struct writer *w)
{
    enum err e;

    atomic_store(&w->v->keeps_nothing, true);
    vault__readers_let_go(w->v);
    e = store_truncate(w->store);
    atomic_store(&w->v->cut_wanted, e == ERR_BUSY);
    atomic_store(&w->v->keeps_nothing, checkpointer_is_wanted(store_wal_pages(w->store)));
    return e;
}

/* One transaction. */
static enum err try_group(struct writer *w, struct vault_op *first)
{
    enum err e;

    w->broken = ERR_OK;
    w->any_disordered = false;
    w->ended_count = 0;
    memset(w->disordered, 0, sizeof(w->disordered));
    for (struct vault_op *op = first; op != NULL; op = op->next)
        prepare(w, op);
    e = vault_may_serve(w->v);
    if (e == ERR_OK)
        e = store_begin(w->store);
    if (e == ERR_OK)
        e = execute_all(w, first);
    if (e == ERR_OK && first != NULL && is_sweep(first))
        e = let_in(w, first);
    if (FAULT_MUTANT("tokenize.ack_before_commit")) {
        acknowledge(w, first);
        first = NULL;
    }
    if (e == ERR_OK)
        e = commit(w);
    if (e != ERR_OK)
        undo(w);
    else if (vault__ended_forget(w) != ERR_OK)
        atomic_store(&w->v->failed, true);
    vault__retimed_tell(w);
    for (struct vault_op *op = first; e != ERR_OK && op != NULL; op = op->next)
        op->result = e;
    return e;
}

/* The group without the operation that spoilt it, which has failed. */
static struct vault_op *leave_out(struct writer *w, struct vault_op *first)
{
    struct vault_op *spoilt = TAKE(w->spoilt), **at = &first;

    while (*at != spoilt)
        at = &(*at)->next;
    *at = spoilt->next;
    spoilt->next = NULL;
    spoilt->result = w->spoilt_result;
    acknowledge(w, spoilt);
    return first;
}

/* What can be committed of a group; *first becomes what it then consists of. */
static enum err commit_group(struct writer *w, struct vault_op **first)
{
    enum err e = try_group(w, *first);

    while (w->spoilt != NULL) {
        *first = leave_out(w, *first);
        e = try_group(w, *first);
    }
    return e;
}

static void run_group(struct writer *w, struct vault_op *first)
{
    enum err e = commit_group(w, &first);

    if (w->stored)
        w->stored_ms = clock_mono_ms();
    w->stored = false;
    if (FAULT_MUTANT("tokenize.ack_before_commit"))
        first = NULL; /* they are gone */
    if (any_destroys(first) && writer_make_room(w, e))
        e = commit_group(w, &first); /* without new values: the reserve is not for them */
    if (e == ERR_OK)
        FAULT_POINT("tokenize.committed");
    acknowledge(w, first);
    watch_log(w);
}

/* ---- one operation after the other ---- */

/* How far the clock was let leap is remembered: nobody foresaw what is due by that (purges.h). */
static enum err add_leap(struct writer *w, int64_t leap_ms)
{
    int64_t leapt_ms = 0;
    enum err e = store_meta_int(w->store, STORE_META_LEAPT, &leapt_ms);

    return e == ERR_OK || e == ERR_NOT_FOUND
               ? store_meta_set_int(w->store, STORE_META_LEAPT, leapt_ms + leap_ms)
               : e;
}

static enum err accept_clock(struct writer *w)
{
    const int64_t now_ms = clock_now_ms();
    const int64_t leap_ms = now_ms - vault__now_ms(w->v);
    enum err e = store_begin(w->store);

    if (e == ERR_OK)
        e = store_meta_set_int(w->store, STORE_META_TIME, now_ms);
    if (e == ERR_OK)
        e = add_leap(w, leap_ms);
    if (e == ERR_OK)
        e = store_commit(w->store);
    if (e != ERR_OK) {
        store_rollback(w->store);
        return e;
    }
    w->time_saved_ms = now_ms;
    vault__time_accept(&w->v->time, now_ms, clock_boot_ms());
    return ERR_OK;
}

static enum err configure(struct writer *w, const struct vault_configure *op)
{
    enum err e = w->untold_count > 0 ? vault__erasures_tell(w) : ERR_OK;

    return e == ERR_OK
               ? vault__configure(
                     w->v, w->store, true,
                     &(struct configuration){op->classes, op->domains, op->configuration}, op->msg)
               : e;
}

static enum err run_one(struct writer *w, struct vault_op *op)
{
    enum err e;

    if (op->kind == VAULT_SEAL) {
        vault__keys_seal(w);
        return ERR_OK;
    }
    if (op->kind == VAULT_UNSEAL)
        return vault__keys_unseal(w, (const struct vault_unseal *)op);
    e = vault_may_serve(w->v);
    if (e != ERR_OK)
        return e;
    switch (op->kind) {
    case VAULT_TRUNCATE:
        e = truncate_log(w);
        FAULT_POINT("truncate.done");
        return e;
    case VAULT_CLOCK_ACCEPT:
        return accept_clock(w);
    case VAULT_PURGE_NOTE:
        return vault__purge_note(w, (const struct vault_purge_note *)op);
    case VAULT_RECTIFY:
        return vault__rectify(w, (struct vault_rectify *)op);
    case VAULT_WATCH:
        return vault__watch(w, (struct vault_watch *)op);
    case VAULT_RECORDS:
        return vault__records_write(w, (struct vault_records_write *)op);
    case VAULT_RULE_APPLIED:
        return vault__rule_applied(w, (const struct vault_rule_applied *)op);
    case VAULT_HOLDS:
        return vault__holds(w, (const struct vault_holds *)op);
    case VAULT_ERASURE_CLOSE:
        return vault__erasure_close(w, (struct vault_erasure_close *)op);
    case VAULT_ROTATE_BEGIN:
        return vault__rotate_begin(w, (const struct vault_rotate_begin *)op);
    case VAULT_ROTATE_STEP:
        return vault__rotate_step(w, (struct vault_rotate_step *)op);
    case VAULT_CONFIGURE:
        return configure(w, (const struct vault_configure *)op);
    case VAULT_PART_MOVE:
        return vault__part_move(w, (struct vault_part_move *)op);
    case VAULT_PART_FORGET:
        return vault__part_forget(w, (const struct vault_part_forget *)op);
    case VAULT_AUDIT_MARK:
        return vault__audit_mark(w, (struct vault_audit_mark *)op);
    default:
        return ERR_INTERNAL;
    }
}

static void run_alone(struct writer *w, struct vault_op *op)
{
    const bool is_book = op->kind == VAULT_RECORDS || op->kind == VAULT_WATCH;

    if (op->kind == VAULT_ERASE) {
        vault__erase(w, (struct vault_erase *)op);
        return;
    }
    if (wants_room(op) && !reserve_is_held(w->v->reserve))
        op->result = ERR_NO_SPACE;
    else
        op->result = run_one(w, op);
    if (!wants_room(op) && writer_make_room(w, op->result))
        op->result = run_one(w, op);
    op->done(op);
    if (is_book)
        watch_log(w); /* there may be any number of them, and no value that is stored meanwhile */
}

/* The last of the group that `first` begins. */
static struct vault_op *last_of_group(struct vault_op *first)
{
    size_t rows = rows_of(first);

    while (first->next != NULL && joins(first->next) &&
           rows + rows_of(first->next) <= WRITER_GROUP_ROWS) {
        first = first->next;
        rows += rows_of(first);
    }
    return first;
}

/* Serve a list of operations in its order, as many in one group as fit. */
static void serve(struct writer *w, struct vault_op *list)
{
    while (list != NULL) {
        struct vault_op *first = list;
        const bool groups = is_sweep(first) || joins(first);
        struct vault_op *last = groups ? last_of_group(first) : first;

        list = last->next;
        last->next = NULL;
        w->others_wait = list != NULL;
        secret_random_renew(); /* no copy of this machine seals other values under the same nonces */
        if (groups)
            run_group(w, first);
        else
            run_alone(w, first);
    }
}

static void *work(void *context)
{
    struct writer *w = context;

    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        struct vault_op *list;

        while (w->head == NULL && !w->closing) {
            w->waiting = true;
            (void)pthread_cond_wait(&w->wake, &w->lock);
        }
        w->waiting = false;
        list = w->head;
        w->head = NULL;
        w->tail = NULL;
        w->queued = 0;
        (void)pthread_mutex_unlock(&w->lock);
        if (list == NULL)
            return NULL;
        serve(w, list);
        (void)pthread_mutex_lock(&w->lock);
    }
}

/* ---- the queue ---- */

enum err vault_submit(struct vault *v, struct vault_op *op)
{
    struct writer *w = v->writer;
    bool wake;

    REQUIRE(op->done != NULL);
    op->next = NULL;
    (void)pthread_mutex_lock(&w->lock);
    if (w->closing || w->queued >= LIMIT_WRITER_QUEUE_MAX) {
        (void)pthread_mutex_unlock(&w->lock);
        return ERR_BUSY;
    }
    if (w->tail == NULL)
        w->head = op;
    else
        w->tail->next = op;
    w->tail = op;
    w->queued++;
    wake = w->waiting;
    w->waiting = false; /* one signal is enough */
    (void)pthread_mutex_unlock(&w->lock);
    if (wake)
        (void)pthread_cond_signal(&w->wake);
    return ERR_OK;
}

struct run {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
};

static void on_run_done(struct vault_op *op)
{
    struct run *run = op->owner;

    (void)pthread_mutex_lock(&run->lock);
    run->done = true;
    (void)pthread_cond_signal(&run->wake);
    (void)pthread_mutex_unlock(&run->lock);
}

enum err vault_run(struct vault *v, struct vault_op *op)
{
    struct run run = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    void *owner = op->owner;
    enum err e;

    REQUIRE(!pthread_equal(pthread_self(), v->writer->thread));
    op->done = on_run_done;
    op->owner = &run;
    e = vault_submit(v, op);
    if (e == ERR_OK) {
        (void)pthread_mutex_lock(&run.lock);
        while (!run.done)
            (void)pthread_cond_wait(&run.wake, &run.lock);
        (void)pthread_mutex_unlock(&run.lock);
        e = op->result;
    }
    op->owner = owner;
    (void)pthread_cond_destroy(&run.wake);
    (void)pthread_mutex_destroy(&run.lock);
    return e;
}

/* ---- starting and stopping ---- */

static void free_writer(struct writer *w)
{
    store_close(&w->store);
    keycache_free(&w->keys);
    names_free(&w->names);
    tally_free(&w->tally);
    secret_free(&w->key);
    buf_done(&w->sealed);
    buf_done(&w->clear);
    mem_free(&w->retimed);
    mem_free(&w->timers);
    mem_free(&w->gone);
    for (size_t i = 0; i < w->untold_count; i++)
        free(w->untold[i].note);
    mem_free(&w->untold);
    mem_free(&w->ended);
    mem_free(&w->plans);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

enum err writer_start(struct vault *v, struct store *s, struct writer **ret_writer)
{
    struct writer *w = mem_alloc(sizeof(*w));
    enum err e;

    w->v = v;
    w->store = s;
    store_count_commits(s, &v->commits);
    w->keys = keycache_new(LIMIT_WRITER_CACHE_KEYS);
    w->names = names_new(WRITER_NAMES);
    w->tally = tally_new();
    w->key = secret_alloc(CRYPTO_KEY_BYTES);
    w->gone = mem_alloc(WRITER_PART_ROWS * sizeof(w->gone[0]));
    w->timers = mem_alloc(WRITER_PART_ROWS * sizeof(w->timers[0]));
    buf_init(&w->sealed, LIMIT_VALUE_MAX + 1 + CRYPTO_TAG_BYTES);
    buf_init_secret(&w->clear, LIMIT_VALUE_MAX + 1);
    REQUIRE(pthread_mutex_init(&w->lock, NULL) == 0 && pthread_cond_init(&w->wake, NULL) == 0);
    e = skip_rows(w);
    if (e == ERR_OK)
        e = store_parts_count(s, &w->parting);
    store_read_end(s);
    if (e == ERR_OK && pthread_create(&w->thread, NULL, work, w) != 0)
        e = ERR_NO_SPACE;
    if (e != ERR_OK) {
        free_writer(w);
        return e;
    }
    *ret_writer = w;
    return ERR_OK;
}

void writer_stop(struct writer *w)
{
    if (w == NULL)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->closing = true;
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
}

void writer_free(struct writer **writer)
{
    struct writer *w = TAKE(*writer);

    if (w == NULL)
        return;
    if (store_truncate(w->store) != ERR_OK)
        store_rollback(w->store); /* the log is read at the next start */
    free_writer(w);
}
