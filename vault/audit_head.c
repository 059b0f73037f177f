/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of the audit trail: signed, sent to where nobody on this machine rewrites them, remembered by the
 * ledger. Runs on: the trail's thread; the ledger's record is written by the vault's writer. Holds: an operation
 * on its way to the writer. Invariant: what leaves is durable here. Not here: keys (audit_keys.c). */
#include "vault/audit_priv.h"

#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "vault/writer_priv.h"

enum { MARK_MS = 600000, LINE_MAX_BYTES = 1024 };

struct audit_marker {
    struct vault *v;
    struct vault_audit_mark op;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool under_way;
    int64_t marked_ms; /* by the monotonic clock; 0: not since the start */
};

/* ---- the ledger ---- */

struct audit_marker *audit_marker_new(struct vault *v)
{
    struct audit_marker *m = mem_alloc(sizeof(*m));

    m->v = v;
    REQUIRE(pthread_mutex_init(&m->lock, NULL) == 0 && pthread_cond_init(&m->done, NULL) == 0);
    return m;
}

void audit_marker_known(struct audit_marker *m, int64_t age_ms)
{
    const int64_t at_ms = clock_mono_ms() - age_ms;

    (void)pthread_mutex_lock(&m->lock);
    if (age_ms >= 0 && age_ms < MARK_MS && at_ms > 0)
        m->marked_ms = at_ms;
    (void)pthread_mutex_unlock(&m->lock);
}

void audit_marker_wait(struct audit_marker *m)
{
    (void)pthread_mutex_lock(&m->lock);
    while (m->under_way)
        (void)pthread_cond_wait(&m->done, &m->lock);
    (void)pthread_mutex_unlock(&m->lock);
}

void audit_marker_free(struct audit_marker **marker)
{
    struct audit_marker *m = TAKE(*marker);

    if (m == NULL)
        return;
    audit_marker_wait(m);
    (void)pthread_cond_destroy(&m->done);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

/* The writer's thread. A mark that could not be written is written with the next head; one that only the database
 * does not remember yet is not written again, but remembered then. */
static void on_marked(struct vault_op *op)
{
    struct audit_marker *m = op->owner;

    (void)pthread_mutex_lock(&m->lock);
    if (op->result != ERR_OK)
        m->marked_ms = 0;
    m->under_way = false;
    (void)pthread_cond_signal(&m->done);
    (void)pthread_mutex_unlock(&m->lock);
}

static void mark(struct audit_marker *m, const struct audit_head *head)
{
    const int64_t now_ms = clock_mono_ms();
    bool due;

    (void)pthread_mutex_lock(&m->lock);
    due = !m->under_way && (m->marked_ms == 0 || now_ms - m->marked_ms >= MARK_MS);
    if (due) {
        m->under_way = true;
        m->marked_ms = now_ms;
    }
    (void)pthread_mutex_unlock(&m->lock);
    if (!due)
        return;
    m->op =
        (struct vault_audit_mark){.op = {.kind = VAULT_AUDIT_MARK, .done = on_marked, .owner = m},
                                  .seq = head->seq - 1,
                                  .appended = m->op.appended && m->op.op.result != ERR_OK};
    memcpy(m->op.chain, head->chain, AUDIT_CHAIN_BYTES);
    if (vault_submit(m->v, &m->op.op) != ERR_OK) {
        m->op.op.result = ERR_BUSY;
        on_marked(&m->op.op);
    }
}

/* The database remembers the ledger's end, so that one that lost this entry does not read as whole. */
static enum err remember(struct writer *w)
{
    enum err e = store_begin(w->store);

    if (e == ERR_OK)
        e = vault__replay_mark(w->v, w->store);
    if (e == ERR_OK)
        e = store_commit(w->store);
    if (e != ERR_OK)
        store_rollback(w->store);
    return e;
}

enum err vault__audit_mark(struct writer *w, struct vault_audit_mark *op)
{
    struct ledger_record record = {
        .kind = LEDGER_AUDIT, .time_ms = vault__now_ms(w->v), .slot = op->seq};
    enum err e = vault__erasures_tell(w); /* what the database remembers must not pass them */

    if (e != ERR_OK)
        return e;
    memcpy(record.erasure, op->chain, VAULT_ID_BYTES);
    memcpy(record.subject, op->chain + VAULT_ID_BYTES, VAULT_ID_BYTES);
    if (!op->appended)
        e = ledger_append(w->v->ledger, &record);
    if (e != ERR_OK)
        return e;
    op->appended = true;
    return remember(w);
}

static enum err take_mark(const struct ledger_record *record, void *context)
{
    struct audit_mark *mark = context;

    if (record->kind != LEDGER_AUDIT)
        return ERR_OK;
    mark->seq = record->slot;
    mark->time_ms = record->time_ms;
    memcpy(mark->chain, record->erasure, VAULT_ID_BYTES);
    memcpy(mark->chain + VAULT_ID_BYTES, record->subject, VAULT_ID_BYTES);
    return ERR_OK;
}

enum err audit_mark_last(struct ledger *l, struct audit_mark *ret)
{
    *ret = (struct audit_mark){.seq = 0};
    return ledger_each(l, take_mark, ret);
}

/* ---- elsewhere ---- */

static enum err append_line(const char *path, struct buf *line)
{
    AUTO(fd_close)
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err e = buf_append_byte(line, '\n');
    ssize_t n;

    if (fd < 0 || e != ERR_OK)
        return ERR_IO;
    n = write(fd, line->bytes, line->len);
    return n == (ssize_t)line->len && fsync(fd) == 0 ? ERR_OK : ERR_IO;
}

static enum err send_elsewhere(const char *where, const uint8_t store[VAULT_ID_BYTES],
                               const struct audit_head *head)
{
    AUTO(buf_done) struct buf line = {.max = LINE_MAX_BYTES};
    enum err e = audit_head_write_line(store, head, &line);

    if (e != ERR_OK)
        return e;
    if (where[0] == '/')
        return append_line(where, &line);
    syslog(LOG_NOTICE | LOG_AUTHPRIV, "%.*s", (int)line.len, (const char *)line.bytes);
    return ERR_OK;
}

/* ---- signing ---- */

/* Keys that were wiped, or could not be had before. Under keys_lock. */
static enum err need_keys(struct audit *a)
{
    AUTO(secret_free) uint8_t *ledger_key = NULL;
    enum err e;

    if (a->keys.ready)
        return ERR_OK;
    if (vault_is_sealed(a->v))
        return ERR_SEALED;
    ledger_key = secret_alloc(CRYPTO_KEY_BYTES);
    e = vault__own_key(a->v->slab, SLAB_SLOT_LEDGER, SLAB_LEDGER, ledger_key);
    return e == ERR_OK ? audit_keys_open(&a->keys, a->v->dir, vault_store_id(a->v), ledger_key,
                                         a->end.has_head ? &a->end.head : NULL)
                       : e;
}

enum err audit_head_sign(struct audit *a, const uint8_t chain[AUDIT_CHAIN_BYTES], uint64_t seq,
                         int64_t now_ms, struct buf *batch, struct audit_head *ret)
{
    struct audit_head head = {.seq = seq + 1, .time_ms = now_ms};
    uint8_t message[AUDIT_HEAD_MESSAGE];
    const size_t at = batch->len;
    enum err e;

    memcpy(head.chain, chain, AUDIT_CHAIN_BYTES);
    (void)pthread_mutex_lock(&a->keys_lock);
    e = need_keys(a);
    if (e == ERR_OK)
        e = audit_keys_sign(&a->keys, &head);
    (void)pthread_mutex_unlock(&a->keys_lock);
    if (e != ERR_OK)
        return e;
    audit_head_message(vault_store_id(a->v), &head, message);
    e = vault_sign(a->v, span_of(message, sizeof(message)), head.by_store);
    if (e == ERR_OK)
        e = audit_head_encode(&head, batch);
    if (e != ERR_OK)
        return e;
    audit_frame_finish(batch->bytes + at, head.seq, head.time_ms);
    *ret = head;
    return ERR_OK;
}

void audit_head_done(struct audit *a, const struct audit_head *head)
{
    char *where;

    (void)pthread_mutex_lock(&a->keys_lock);
    if (a->keys.ready && audit_keys_step(&a->keys) != ERR_OK)
        audit_keys_close(&a->keys); /* the next head finds them again, or says that they are new */
    (void)pthread_mutex_unlock(&a->keys_lock);
    (void)pthread_mutex_lock(&a->lock);
    where = a->heads == NULL ? NULL : mem_strdup(a->heads);
    (void)pthread_mutex_unlock(&a->lock);
    if (where != NULL && send_elsewhere(where, vault_store_id(a->v), head) != ERR_OK) {
        (void)pthread_mutex_lock(&a->lock);
        a->figures.heads_lost++;
        (void)pthread_mutex_unlock(&a->lock);
    }
    free(where);
    mark(a->marker, head);
}

void audit_seal(struct audit *a)
{
    (void)pthread_mutex_lock(&a->keys_lock);
    audit_keys_close(&a->keys);
    (void)pthread_mutex_unlock(&a->keys_lock);
}
