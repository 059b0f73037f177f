/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying an audit trail from its files alone.
 * Runs on: any thread; blocks long. Holds: one segment in memory. Invariant: nothing is believed that was not
 * recomputed; behind what is broken the walk goes on with the next frame that fits, so that all there is to find
 * is found. Not here: writing (audit_batch.c). */
#include "vault/audit_verify.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/audit_priv.h"

enum { SEGMENT_BYTES_MAX = 256 << 20, TEXT_MAX = 512, FINDINGS_TOLD = 100 };

/* The chain after a record, as somebody else knows it. */
struct point {
    uint64_t seq;
    uint8_t chain[AUDIT_CHAIN_BYTES];
    const char *by;
};

struct verify {
    const struct audit_check *check;
    audit_finding_fn fn;
    void *context;
    struct audit_report report;
    struct point *points; /* by seq */
    size_t point_count, point_next, point_cap;
    uint64_t seq;
    uint8_t chain[AUDIT_CHAIN_BYTES];
    uint8_t store[VAULT_ID_BYTES];
    bool knows_store;
    struct audit_head last;
    bool has_last;
    /* What the trail says of segments that were retired. */
    uint64_t retired;
    char retired_chain[2 * AUDIT_CHAIN_BYTES + 1];
    uint64_t first_number;
    uint8_t first_before[AUDIT_CHAIN_BYTES];
};

const char *audit_verdict_word(enum audit_verdict verdict)
{
    static const char *const words[] = {
        [AUDIT_WHOLE] = "whole",         [AUDIT_ALTERED] = "altered",
        [AUDIT_REMOVED] = "removed",     [AUDIT_TRUNCATED] = "truncated",
        [AUDIT_REWRITTEN] = "rewritten", [AUDIT_FOREIGN] = "foreign",
        [AUDIT_ABSENT] = "absent",
    };

    return words[verdict];
}

/* WHOLE: a notice. */
static void __attribute__((format(printf, 3, 4)))
find(struct verify *v, enum audit_verdict verdict, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    if (verdict == AUDIT_WHOLE)
        v->report.notices++;
    else if (v->report.findings++ == 0)
        v->report.verdict = verdict;
    if (v->report.findings > FINDINGS_TOLD)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    v->fn(verdict, text, v->context);
}

/* ---- what is known elsewhere ---- */

static enum err add_point(struct verify *v, uint64_t seq, const uint8_t *chain, const char *by)
{
    if (v->point_count == v->point_cap) {
        const size_t cap = v->point_cap == 0 ? 256 : v->point_cap * 2;
        struct point *grown = realloc(v->points, cap * sizeof(*grown));

        if (grown == NULL)
            return ERR_NO_SPACE;
        v->points = grown;
        v->point_cap = cap;
    }
    v->points[v->point_count] = (struct point){.seq = seq, .by = by};
    memcpy(v->points[v->point_count++].chain, chain, AUDIT_CHAIN_BYTES);
    return ERR_OK;
}

static bool store_signed(const struct verify *v, const uint8_t *store, const struct audit_head *h)
{
    uint8_t message[AUDIT_HEAD_MESSAGE];

    if (v->check->public_key == NULL)
        return true;
    audit_head_message(store, h, message);
    return vault_signature_is_valid(v->check->public_key, span_of(message, sizeof(message)),
                                    h->by_store);
}

/* A line may have a syslog's words in front of it; whatever is no head is somebody else's. */
static enum err take_line(struct verify *v, struct span line)
{
    static const char begin[] = "lethe-audit-head ";
    const char *at = memmem(line.at, line.len, begin, sizeof(begin) - 1);
    uint8_t store[VAULT_ID_BYTES];
    struct audit_head head;

    if (at == NULL)
        return ERR_OK;
    line = span_of(at, line.len - (size_t)(at - line.at));
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (audit_head_read_line(line, store, &head) != ERR_OK || head.seq == 0) {
        find(v, AUDIT_WHOLE, "a line of the heads given cannot be read; it is left out");
        return ERR_OK;
    }
    if (v->check->store != NULL && memcmp(store, v->check->store, VAULT_ID_BYTES) != 0)
        return ERR_OK;
    if (!store_signed(v, store, &head)) {
        find(v, AUDIT_WHOLE,
             "the head of record %" PRIu64 " that was given is not signed by this store's key; it "
             "is left out",
             head.seq);
        return ERR_OK;
    }
    return add_point(v, head.seq - 1, head.chain, "a head kept elsewhere");
}

static enum err take_heads(struct verify *v)
{
    struct span rest = v->check->heads;
    enum err e = ERR_OK;

    while (e == ERR_OK && rest.len > 0) {
        const char *end = memchr(rest.at, '\n', rest.len);
        const size_t len = end == NULL ? rest.len : (size_t)(end - rest.at);

        e = take_line(v, span_of(rest.at, len));
        rest = end == NULL ? span_of(rest.at, 0) : span_of(end + 1, rest.len - len - 1);
    }
    return e;
}

/* Records as they stand in the file: whether the ledger is whole is `lethe ledger verify`'s to say. */
static enum err take_ledger(struct verify *v)
{
    AUTO(mem_free) char *path = vault__path(v->check->dir, VAULT_LEDGER);
    struct ledger_record record;
    uint8_t chain[CRYPTO_HASH_BYTES], mark[AUDIT_CHAIN_BYTES];
    enum err e = ERR_OK;

    for (uint64_t seq = 1; e == ERR_OK; seq++) {
        e = ledger_look(path, seq, &record, chain);
        if (e != ERR_OK || record.kind != LEDGER_AUDIT)
            continue;
        memcpy(mark, record.erasure, VAULT_ID_BYTES);
        memcpy(mark + VAULT_ID_BYTES, record.subject, VAULT_ID_BYTES);
        e = add_point(v, record.slot, mark, "the ledger");
    }
    if (e == ERR_IO || e == ERR_CORRUPT)
        find(v, AUDIT_WHOLE, "%s cannot be read to its end; the trail is not compared with it",
             path);
    return e == ERR_NO_SPACE ? e : ERR_OK;
}

static int by_seq(const void *a, const void *b)
{
    const struct point *x = a, *y = b;

    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* The chain after record v->seq is v->chain: does everybody agree? */
static void compare_points(struct verify *v)
{
    while (v->point_next < v->point_count && v->points[v->point_next].seq <= v->seq) {
        const struct point *p = &v->points[v->point_next++];

        if (p->seq < v->seq) {
            if (p->seq >= v->report.first_seq)
                find(v, AUDIT_REWRITTEN, "%s knows record %" PRIu64 ", which is not there", p->by,
                     p->seq);
        } else if (memcmp(p->chain, v->chain, AUDIT_CHAIN_BYTES) != 0) {
            find(v, AUDIT_REWRITTEN,
                 "what leads up to record %" PRIu64 " is not what %s knows: it was rewritten",
                 p->seq, p->by);
        } else {
            v->report.known++;
        }
    }
}

static void compare_end(struct verify *v)
{
    uint64_t last = 0;
    const char *by = NULL;

    for (; v->point_next < v->point_count; v->point_next++) {
        last = v->points[v->point_next].seq;
        by = v->points[v->point_next].by;
    }
    if (by != NULL)
        find(v, AUDIT_TRUNCATED,
             "it ends with record %" PRIu64 ", but %s knows %" PRIu64 ": the end was cut off",
             v->seq, by, last);
}

/* ---- frames ---- */

/* The first record of all is 1, unless what was before it was retired. */
static void check_first(struct verify *v, const struct audit_frame *frame)
{
    if (v->first_number == 1 && frame->seq != 1)
        find(v, AUDIT_REMOVED, "records 1-%" PRIu64 " are missing", frame->seq - 1);
}

static void check_order(struct verify *v, const struct audit_frame *frame)
{
    struct audit_segment s;

    if (v->report.records == 0)
        check_first(v, frame);
    if (v->report.records == 0 || frame->seq == v->seq + 1)
        return;
    if (frame->seq <= v->seq)
        find(v, AUDIT_REMOVED,
             "record %" PRIu64 " stands behind %" PRIu64 ": the order was changed", frame->seq,
             v->seq);
    else if (audit_segment_read(frame, &s) == ERR_OK && s.why == AUDIT_WAS_SHORT)
        find(v, AUDIT_REMOVED,
             "records %" PRIu64 "-%" PRIu64
             " are missing: the trail itself noticed, by the ledger, when it was opened next",
             v->seq + 1, frame->seq - 1);
    else
        find(v, AUDIT_REMOVED, "records %" PRIu64 "-%" PRIu64 " were removed", v->seq + 1,
             frame->seq - 1);
}

static bool follows(const struct verify *v, const struct audit_head *h)
{
    return h->epoch == v->last.epoch + 1 && memcmp(h->key, v->last.next, VAULT_PUBLIC_BYTES) == 0;
}

static void check_head(struct verify *v, const struct audit_head *h)
{
    uint8_t message[AUDIT_HEAD_MESSAGE];

    audit_head_message(v->store, h, message);
    if (!store_signed(v, v->store, h))
        find(v, AUDIT_REWRITTEN,
             "head %" PRIu64 " is not signed by the store's key: what leads up to it was rewritten",
             h->seq);
    else if (!vault__signature_is_valid(h->key, span_of(message, sizeof(message)), h->by_epoch))
        find(v, AUDIT_REWRITTEN,
             "head %" PRIu64 " is not signed by its epoch's key: what leads up to it was rewritten",
             h->seq);
    else if (v->has_last && !h->begins && !follows(v, h))
        find(v, AUDIT_REWRITTEN,
             "head %" PRIu64 " is signed by another key than the head before it named", h->seq);
    else if (h->begins && (v->has_last || h->epoch > 1))
        find(v, AUDIT_WHOLE,
             "a new line of keys begins with head %" PRIu64
             ": the file of keys was lost, or somebody who has the store's key wrote from there on",
             h->seq);
    v->last = *h;
    v->has_last = true;
    v->report.heads++;
    v->report.unsigned_records = 0;
}

/* "segment 3 records 1-500 chain 0123..." */
static void note_retired(struct verify *v, struct span what)
{
    unsigned long long number;
    char text[192];
    const char *chain;

    if (what.len >= sizeof(text))
        return;
    memcpy(text, what.at, what.len);
    text[what.len] = '\0';
    chain = strstr(text, " chain ");
    if (chain == NULL || sscanf(text, "segment %llu", &number) != 1 || number < v->retired)
        return;
    v->retired = number;
    (void)snprintf(v->retired_chain, sizeof(v->retired_chain), "%s", chain + 7);
}

static void take(struct verify *v, const struct audit_frame *frame)
{
    const bool fits = audit_frame_fits(frame);
    const bool in_order = v->report.records == 0 || frame->seq == v->seq + 1;
    struct audit_record record;
    struct audit_head head;
    const uint8_t *entries;

    check_order(v, frame);
    if (in_order && !fits)
        find(v, AUDIT_ALTERED, "record %" PRIu64 " was altered", frame->seq);
    if (v->report.records == 0)
        v->report.first_seq = frame->seq;
    v->report.records++;
    v->report.unsigned_records++;
    v->seq = frame->seq;
    memcpy(v->chain, frame->chain, AUDIT_CHAIN_BYTES);
    if (frame->kind == AUDIT_FRAME_RECORD) {
        if (audit_record_read(frame, &record, &entries) != ERR_OK)
            find(v, fits ? AUDIT_REWRITTEN : AUDIT_ALTERED, "record %" PRIu64 " cannot be read",
                 frame->seq);
        else if (record.action == AUDIT_RETIRE)
            note_retired(v, record.object);
    }
    if (fits && audit_head_read(frame, &head) == ERR_OK)
        check_head(v, &head);
    compare_points(v);
}

/* ---- segments ---- */

struct file {
    uint8_t *bytes;
    size_t len;
};

static void file_done(struct file *f)
{
    free(f->bytes);
}

static enum err read_file(const char *path, struct file *ret)
{
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return ERR_NOT_FOUND;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return ERR_IO;
    if (st.st_size > SEGMENT_BYTES_MAX)
        return ERR_TOO_LARGE;
    ret->bytes = mem_try_alloc((size_t)st.st_size + 1, 1);
    return ret->bytes == NULL ? ERR_NO_SPACE
                              : vault__file_read(fd, ret->bytes, (size_t)st.st_size, 0, &ret->len);
}

/* Behind what is no frame: the next place from which one fits. 0: none. */
static size_t resume_at(const struct file *f, size_t from)
{
    struct audit_frame frame;

    for (size_t at = from; at + AUDIT_FRAME_MIN <= f->len; at += 8)
        if (audit_frame_read(f->bytes + at, f->len - at, &frame) == ERR_OK &&
            audit_frame_fits(&frame))
            return at;
    return 0;
}

static bool is_zero_from(const struct file *f, size_t at)
{
    while (at < f->len && f->bytes[at] == 0)
        at++;
    return at == f->len;
}

static bool is_sound(const struct audit_frame *frame)
{
    struct audit_segment segment;
    struct audit_record record;
    struct audit_head head;
    const uint8_t *entries;

    return audit_record_read(frame, &record, &entries) == ERR_OK ||
           audit_head_read(frame, &head) == ERR_OK || audit_segment_read(frame, &segment) == ERR_OK;
}

/* Does a record stand here? A write that was cut short leaves things that look like one: nothing that fits comes
 * behind them, and their number is the next, or none. */
static bool is_record(const struct verify *v, const struct file *f, size_t at,
                      struct audit_frame *ret)
{
    if (audit_frame_read(f->bytes + at, f->len - at, ret) != ERR_OK)
        return false;
    return audit_frame_fits(ret) || resume_at(f, at + 8) != 0 ||
           (ret->seq != v->seq + 1 && is_sound(ret));
}

static void walk(struct verify *v, const struct file *f, uint64_t number)
{
    size_t at = AUDIT_SEGMENT_HEAD, next;
    struct audit_frame frame;

    for (;;) {
        if (is_record(v, f, at, &frame)) {
            take(v, &frame);
            at += frame.len;
            continue;
        }
        if (is_zero_from(f, at))
            return;
        next = resume_at(f, at + 8);
        if (next == 0) {
            find(v, AUDIT_WHOLE,
                 "segment %" PRIu64 ": what stands behind record %" PRIu64
                 " is no record: a write that a crash cut short, or damage",
                 number, v->seq);
            return;
        }
        find(v, AUDIT_ALTERED,
             "segment %" PRIu64 ": %zu bytes behind record %" PRIu64 " are no records any more",
             number, next - at, v->seq);
        at = next;
    }
}

static bool head_is_right(struct verify *v, const struct file *f, uint64_t number)
{
    if (f->len < AUDIT_SEGMENT_HEAD || memcmp(f->bytes, "LETHAUD1", 8) != 0 ||
        get_le(f->bytes + 8, 8) != number) {
        find(v, AUDIT_ALTERED, "segment %" PRIu64 " does not begin as one", number);
        return false;
    }
    if (!v->knows_store)
        memcpy(v->store, f->bytes + 16, VAULT_ID_BYTES);
    v->knows_store = true;
    if (memcmp(v->store, f->bytes + 16, VAULT_ID_BYTES) != 0) {
        find(v, AUDIT_FOREIGN, "segment %" PRIu64 " belongs to another store", number);
        return false;
    }
    if (v->first_number == 0) {
        v->first_number = number;
        memcpy(v->first_before, f->bytes + 32, AUDIT_CHAIN_BYTES);
        memcpy(v->chain, f->bytes + 32, AUDIT_CHAIN_BYTES);
    } else if (memcmp(f->bytes + 32, v->chain, AUDIT_CHAIN_BYTES) != 0) {
        find(v, AUDIT_REWRITTEN,
             "segment %" PRIu64 " does not go on from record %" PRIu64 ", the last before it",
             number, v->seq);
    }
    return true;
}

static enum err check_segment(struct verify *v, uint64_t number)
{
    AUTO(mem_free) char *path = audit_segment_path(v->check->dir, number);
    AUTO(file_done) struct file f = {.bytes = NULL};
    enum err e = read_file(path, &f);

    if (e == ERR_NOT_FOUND) {
        find(v, AUDIT_REMOVED, "segment %" PRIu64 " is missing", number);
        return ERR_OK;
    }
    if (e == ERR_TOO_LARGE) {
        find(v, AUDIT_ALTERED, "segment %" PRIu64 " is larger than any is made", number);
        return ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    v->report.segments++;
    if (head_is_right(v, &f, number))
        walk(v, &f, number);
    return ERR_OK;
}

/* Segments before the first that is there were retired, or removed. */
static void check_beginning(struct verify *v)
{
    char chain[2 * AUDIT_CHAIN_BYTES + 1];

    if (v->first_number <= 1)
        return;
    for (size_t i = 0; i < AUDIT_CHAIN_BYTES; i++)
        (void)snprintf(chain + 2 * i, 3, "%02x", v->first_before[i]);
    if (v->retired != v->first_number - 1 || strcmp(chain, v->retired_chain) != 0)
        find(v, AUDIT_REMOVED,
             "segments before %" PRIu64 " are missing, and the trail does not say that they were "
             "retired",
             v->first_number);
}

enum err audit_verify(const struct audit_check *check, audit_finding_fn fn, void *context,
                      struct audit_report *ret)
{
    struct verify v = {.check = check, .fn = fn, .context = context};
    uint64_t first = 0, last = 0;
    enum err e = audit_segment_range(check->dir, &first, &last);

    if (check->store != NULL) {
        memcpy(v.store, check->store, VAULT_ID_BYTES);
        v.knows_store = true;
    }
    if (e == ERR_OK && check->ledger)
        e = take_ledger(&v);
    if (e == ERR_OK)
        e = take_heads(&v);
    if (v.point_count > 0)
        qsort(v.points, v.point_count, sizeof(*v.points), by_seq);
    if (e == ERR_OK && first == 0)
        find(&v, AUDIT_ABSENT, "%s/" AUDIT_DIR ": holds no audit trail", check->dir);
    for (uint64_t n = first; e == ERR_OK && n > 0 && n <= last; n++)
        e = check->stop != NULL && atomic_load(check->stop) ? ERR_CANCELED : check_segment(&v, n);
    if (e == ERR_OK) {
        check_beginning(&v);
        compare_end(&v);
    }
    free(v.points);
    v.report.last_seq = v.seq;
    if (e == ERR_OK)
        *ret = v.report;
    return e;
}
