/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of the audit trail: numbered, chained, written and synced as one.
 * Runs on: the trail's thread. Holds: the segment that is written. Invariant: a batch is durable whole or leaves
 * nothing that counts; what is there is never overwritten; what is missing, by the ledger, is said in the trail
 * for ever. Not here: who waits for it (audit.c), how heads are signed (audit_head.c). */
#include "vault/audit_priv.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "vault/audit_index_priv.h"

enum { TIDY_MS = 3600000 };

static const int64_t SEGMENT_AGE_MS = INT64_C(30) * 86400000;

/* ---- the segment that is written ---- */

static enum err begin_segment(struct audit *a, enum audit_why why, uint64_t last, int64_t now_ms)
{
    struct audit_segment segment = {.number = a->end.number + 1,
                                    .why = why,
                                    .last = last,
                                    .configuration = a->end.configuration};
    AUTO(fd_close) int fd = -1;
    AUTO(buf_done) struct buf first = {.max = 1024};
    uint64_t size = 0;
    enum err e = buf_append(&first, a->end.chain, AUDIT_CHAIN_BYTES);

    memcpy(segment.store, vault_store_id(a->v), VAULT_ID_BYTES);
    if (e == ERR_OK)
        e = audit_segment_encode(&segment, &first);
    if (e == ERR_OK)
        e = audit_segment_create(a->v->dir, segment.number, segment.store, a->end.chain, &fd,
                                 &size);
    if (e != ERR_OK)
        return e;
    audit_frame_finish(first.bytes + AUDIT_CHAIN_BYTES, a->end.seq + 1, now_ms);
    e = vault__file_write(fd, first.bytes + AUDIT_CHAIN_BYTES, first.len - AUDIT_CHAIN_BYTES,
                          AUDIT_SEGMENT_HEAD);
    if (e == ERR_OK)
        e = vault__file_sync(fd);
    a->end.number++; /* also of one that failed: a name is used once */
    if (e != ERR_OK)
        return e;
    fd_close(&a->fd);
    a->fd = fd;
    fd = -1;
    memcpy(a->end.chain, first.bytes + first.len - AUDIT_CHAIN_BYTES, AUDIT_CHAIN_BYTES);
    a->end.seq++;
    a->end.at = AUDIT_SEGMENT_HEAD + first.len - AUDIT_CHAIN_BYTES;
    a->end.size = size;
    a->end.first_ms = now_ms;
    a->zero_from = a->zero_to = 0;
    return ERR_OK;
}

/* What the ledger remembers must be there: else records are missing, and the trail says so for ever. */
static enum err open_trail(struct audit *a, int64_t now_ms)
{
    struct audit_mark mark;
    enum audit_why why = AUDIT_GOES_ON;
    uint64_t last;
    enum err e = audit_end_find(a->v->dir, vault_store_id(a->v), &a->end);

    if (e == ERR_OK)
        e = audit_mark_last(a->v->ledger, &mark);
    if (e != ERR_OK)
        return e;
    last = a->end.seq;
    if (mark.seq != 0)
        audit_marker_known(a->marker, now_ms - mark.time_ms);
    if (a->end.damaged)
        why = AUDIT_WAS_DAMAGED;
    if (mark.seq > a->end.seq) {
        why = AUDIT_WAS_SHORT;
        a->end.seq = mark.seq;
    }
    if (why != AUDIT_GOES_ON || a->end.at == 0 || a->end.number == 0)
        e = begin_segment(a, why, last, now_ms);
    else {
        AUTO(mem_free) char *path = audit_segment_path(a->v->dir, a->end.number);

        a->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        e = a->fd < 0 ? ERR_IO : ERR_OK;
    }
    a->open = e == ERR_OK;
    return e;
}

/* Is there room for so many bytes? It grows by zeroes that are written ahead, so that most batches change neither
 * its size nor where it lies, which a sync would have to write as well. */
static enum err make_room(struct audit *a, size_t len, bool must)
{
    const size_t kept = must ? 0 : AUDIT_RESERVE_BYTES;
    const uint64_t want = a->end.at + len + AUDIT_RESERVE_BYTES;
    AUTO(mem_free) uint8_t *zeroes = NULL;
    enum err e = ERR_OK;

    if (want <= a->end.size)
        return ERR_OK;
    zeroes = mem_try_alloc(1, AUDIT_EXTEND_BYTES);
    if (zeroes == NULL)
        return ERR_NO_SPACE;
    while (e == ERR_OK && a->end.size < want) {
        e = FAULT_FAILS("audit.extend")
                ? ERR_NO_SPACE
                : vault__file_write(a->fd, zeroes, AUDIT_EXTEND_BYTES, a->end.size);
        if (e == ERR_OK)
            a->end.size += AUDIT_EXTEND_BYTES;
    }
    return a->end.at + len + kept <= a->end.size ? ERR_OK : e;
}

/* Where a write failed, what it left must not be taken for records. */
static enum err clear_failed(struct audit *a)
{
    AUTO(mem_free) uint8_t *zeroes = NULL;
    enum err e;

    if (a->zero_to <= a->zero_from)
        return ERR_OK;
    zeroes = mem_try_alloc(1, (size_t)(a->zero_to - a->zero_from));
    if (zeroes == NULL)
        return ERR_NO_SPACE;
    e = vault__file_write(a->fd, zeroes, (size_t)(a->zero_to - a->zero_from), a->zero_from);
    if (e == ERR_OK)
        a->zero_from = a->zero_to = 0;
    return e;
}

static enum err write_frames(struct audit *a, const struct buf *batch, bool must)
{
    const uint8_t *frames = batch->bytes + AUDIT_CHAIN_BYTES;
    const size_t len = batch->len - AUDIT_CHAIN_BYTES;
    enum err e = FAULT_FAILS("audit.write") ? ERR_IO : clear_failed(a);

    if (e == ERR_OK)
        e = make_room(a, len, must);
    if (e != ERR_OK)
        return e;
    e = vault__file_write(a->fd, frames, len, a->end.at);
    if (e == ERR_OK)
        e = vault__file_sync(a->fd);
    if (e != ERR_OK) {
        a->zero_from = a->end.at;
        a->zero_to = a->end.at + len;
        (void)!clear_failed(a);
    }
    return e;
}

/* ---- batches ---- */

struct batch_end {
    uint64_t seq;
    uint64_t records;
    uint32_t configuration;
    const uint8_t *chain;
};

/* Number the frames, and chain them. Records name the configuration that is in force; one that says that
 * there is another begins it. */
static void finish_frames(struct audit *a, struct buf *batch, int64_t now_ms, struct batch_end *ret)
{
    size_t at = AUDIT_CHAIN_BYTES;

    memcpy(batch->bytes, a->end.chain, AUDIT_CHAIN_BYTES);
    *ret = (struct batch_end){.seq = a->end.seq, .configuration = a->end.configuration};
    while (at < batch->len) {
        uint8_t *frame = batch->bytes + at;

        ret->configuration += audit_frame_configure(frame, ret->configuration);
        audit_frame_finish(frame, ++ret->seq, now_ms);
        at += get_le(frame, 4);
        ret->records++;
    }
    ret->chain = batch->bytes + batch->len - AUDIT_CHAIN_BYTES;
}

static bool head_is_due(const struct audit *a, uint64_t records, bool now)
{
    const uint64_t all = a->end.unsigned_records + records;

    if (all == 0)
        return false;
    return now || all >= AUDIT_HEAD_RECORDS ||
           (a->unsigned_ms != 0 && clock_mono_ms() - a->unsigned_ms >= AUDIT_HEAD_MS);
}

static bool is_full(const struct audit *a, int64_t now_ms, size_t len)
{
    return a->end.at + len > AUDIT_SEGMENT_MAX || now_ms - a->end.first_ms > SEGMENT_AGE_MS;
}

/* What could not be signed is tried again in a minute. */
static bool sign(struct audit *a, const struct batch_end *end, int64_t now_ms, bool now,
                 struct buf *batch, struct audit_head *ret)
{
    if (!head_is_due(a, end->records, now))
        return false;
    if (audit_head_sign(a, end->chain, end->seq, now_ms, batch, ret) == ERR_OK)
        return true;
    a->unsigned_ms = clock_mono_ms();
    return false;
}

/* The batch is durable: that is where the trail ends now. */
static void advance(struct audit *a, const struct buf *batch, const struct batch_end *end,
                    const struct audit_head *head)
{
    a->end.at += batch->len - AUDIT_CHAIN_BYTES;
    a->end.seq = end->seq + (head != NULL);
    a->end.configuration = end->configuration;
    memcpy(a->end.chain, batch->bytes + batch->len - AUDIT_CHAIN_BYTES, AUDIT_CHAIN_BYTES);
    a->end.unsigned_records = head != NULL ? 0 : a->end.unsigned_records + end->records;
    if (head != NULL) {
        a->unsigned_ms = 0;
        a->end.has_head = true;
        a->end.head = *head;
    } else if (a->unsigned_ms == 0) {
        a->unsigned_ms = clock_mono_ms();
    }
    (void)pthread_mutex_lock(&a->lock);
    a->figures.heads += head != NULL;
    a->figures.last_seq = a->end.seq;
    a->figures.unsigned_records = a->end.unsigned_records;
    if (head != NULL)
        a->figures.unsigned_since_ms = 0;
    else if (a->figures.unsigned_since_ms == 0)
        a->figures.unsigned_since_ms = vault__now_ms(a->v);
    a->figures.segment = a->end.number;
    a->figures.head_ms = a->end.has_head ? a->end.head.time_ms : 0;
    (void)pthread_mutex_unlock(&a->lock);
}

static enum err prepare(struct audit *a, size_t len, int64_t now_ms)
{
    const enum err e = a->open ? ERR_OK : open_trail(a, now_ms);

    if (e != ERR_OK)
        return e;
    return len > AUDIT_CHAIN_BYTES && is_full(a, now_ms, len)
               ? begin_segment(a, AUDIT_GOES_ON, a->end.seq, now_ms)
               : ERR_OK;
}

enum err audit_batch_write(struct audit *a, struct buf *batch, bool must, bool now)
{
    const int64_t now_ms = vault__now_ms(a->v);
    struct audit_head head;
    struct batch_end end;
    bool has_head;
    enum err e = prepare(a, batch->len, now_ms);

    if (e == ERR_OK) {
        finish_frames(a, batch, now_ms, &end);
        has_head = sign(a, &end, now_ms, now, batch, &head);
        if (batch->len == AUDIT_CHAIN_BYTES)
            return ERR_OK;
        e = write_frames(a, batch, must);
    }
    if (e != ERR_OK) {
        if (a->unsigned_ms != 0)
            a->unsigned_ms = clock_mono_ms(); /* no haste to fail again */
        return e;
    }
    advance(a, batch, &end, has_head ? &head : NULL);
    if (has_head)
        audit_head_done(a, &head);
    return ERR_OK;
}

/* ---- old segments ---- */

struct retired {
    uint64_t first, last;
    uint8_t chain[AUDIT_CHAIN_BYTES];
};

static enum err note_range(const struct audit_frame *frame, void *context)
{
    struct retired *r = context;

    r->first = r->first == 0 ? frame->seq : r->first;
    r->last = frame->seq;
    memcpy(r->chain, frame->chain, AUDIT_CHAIN_BYTES);
    return ERR_OK;
}

/* A segment whose last record is older than is kept: its successor begins no earlier. */
static bool is_past(const struct audit *a, uint64_t number, int64_t keep_s)
{
    AUTO(mem_free) char *path = audit_segment_path(a->v->dir, number + 1);
    int64_t next_ms = 0;

    return number < a->end.number && audit_segment_time(path, &next_ms) == ERR_OK &&
           next_ms / 1000 + keep_s < vault__now_ms(a->v) / 1000;
}

/* The trail says what went, under a signature, before it goes. */
static enum err retire(struct audit *a, uint64_t number)
{
    AUTO(mem_free) char *path = audit_segment_path(a->v->dir, number);
    AUTO(buf_done) struct buf batch = {.max = AUDIT_FRAME_MAX};
    struct retired gone = {.first = 0};
    char what[192];
    struct audit_record record = {.action = AUDIT_RETIRE,
                                  .outcome = AUDIT_DONE,
                                  .role = AUDIT_SYSTEM,
                                  .who = SPAN_LIT("audit")};
    enum err rest;
    uint64_t at;
    int n;
    enum err e = audit_segment_walk(path, vault_store_id(a->v), note_range, &gone, &rest, &at);

    if (e != ERR_OK && e != ERR_CORRUPT)
        return e;
    n = snprintf(what, sizeof(what), "segment %" PRIu64 " records %" PRIu64 "-%" PRIu64 " chain ",
                 number, gone.first, gone.last);
    for (size_t i = 0; i < AUDIT_CHAIN_BYTES; i++)
        n += snprintf(what + n, sizeof(what) - (size_t)n, "%02x", gone.chain[i]);
    record.object = span_of(what, (size_t)n);
    e = buf_append(&batch, a->end.chain, AUDIT_CHAIN_BYTES);
    if (e == ERR_OK)
        e = audit_record_encode(&record, &batch);
    if (e == ERR_OK)
        e = audit_batch_write(a, &batch, false, true);
    if (e == ERR_OK && a->end.unsigned_records == 0 && unlink(path) == 0)
        e = vault__folder_sync(path);
    return e;
}

void audit_batch_tidy(struct audit *a)
{
    uint64_t first = 0, last = 0;
    int64_t keep_s;

    (void)pthread_mutex_lock(&a->lock);
    keep_s = a->keep_s;
    (void)pthread_mutex_unlock(&a->lock);
    if (keep_s == 0 || !a->open || (a->tidied_ms != 0 && clock_mono_ms() - a->tidied_ms < TIDY_MS))
        return;
    a->tidied_ms = clock_mono_ms();
    if (audit_segment_range(a->v->dir, &first, &last) != ERR_OK)
        return;
    while (first > 0 && is_past(a, first, keep_s) && retire(a, first) == ERR_OK)
        first++;
    audit_index_tidy(a->v->dir, first);
}
