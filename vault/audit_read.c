/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the audit trail.
 * Runs on: any thread that may block. Holds: one segment mapped, one record's entries. Invariant: only records
 * that verify are shown, and an index only says where none is (audit_index.c). Not here: what is missing
 * (audit_verify.c). */
#include "vault/audit_read.h"

#include <stdlib.h>

#include "base/secret.h"
#include "vault/audit_index_priv.h"

enum {
    BEHIND = 1 << 20, /* of a segment is read without an index: at most a third of it are zeroes */
    BEHIND_GROWING = 4 << 20 /* ... while it is written, when each index is soon too short */
};

enum { CLOCK_SLACK_MS = 2 * 86400000 /* by how far a clock that was set may have gone back */ };

/* ---- records ---- */

struct reading {
    const struct audit_filter *filter;
    audit_record_fn fn;
    void *context;
    struct audit_entry *entries; /* room for AUDIT_ENTRIES_MAX, on first use */
};

static bool has_tag(const uint8_t *entries, size_t count, const uint8_t *tag)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(entries + i * AUDIT_ENTRY_BYTES, tag, AUDIT_TAG_BYTES) == 0)
            return true;
    return false;
}

static bool passes(const struct audit_filter *f, const struct audit_record *r,
                   const uint8_t *entries)
{
    return (f->from_ms == 0 || r->time_ms >= f->from_ms) &&
           (f->to_ms == 0 || r->time_ms < f->to_ms) && (f->action == 0 || r->action == f->action) &&
           (f->outcome == 0 || r->outcome == f->outcome) &&
           (f->who.at == NULL || span_equal(f->who, r->who)) &&
           (f->tag == NULL || has_tag(entries, r->entry_count, f->tag));
}

static enum err on_frame(const struct audit_frame *frame, void *context)
{
    struct reading *reading = context;
    struct audit_record record;
    const uint8_t *entries;

    if (frame->seq <= reading->filter->after || frame->kind != AUDIT_FRAME_RECORD ||
        audit_record_read(frame, &record, &entries) != ERR_OK ||
        !passes(reading->filter, &record, entries) || !audit_frame_fits(frame))
        return ERR_OK;
    if (record.entry_count > 0 && reading->entries == NULL)
        reading->entries = mem_try_alloc(AUDIT_ENTRIES_MAX, sizeof(*reading->entries));
    if (record.entry_count > 0 && reading->entries == NULL)
        return ERR_NO_SPACE;
    for (size_t i = 0; i < record.entry_count; i++)
        audit_entry_read(entries + i * AUDIT_ENTRY_BYTES, &reading->entries[i]);
    record.entries = reading->entries;
    return reading->fn(&record, reading->context);
}

/* ---- segments ---- */

/* What a search reads with. */
struct search {
    const char *dir;
    const uint8_t *key; /* of the indexes; NULL: all is read */
    struct reading reading;
};

static enum err take_first(const struct audit_frame *frame, void *context)
{
    struct audit_frame *first = context;

    first->seq = frame->seq;
    first->time_ms = frame->time_ms;
    return ERR_CANCELED;
}

/* Is all of a segment before what is asked for? Its successor says so. */
static bool is_before(const char *dir, uint64_t number, const struct audit_filter *filter)
{
    AUTO(mem_free) char *path = audit_segment_path(dir, number + 1);
    struct audit_frame first = {.seq = 0};
    enum err rest;
    uint64_t at;

    if (audit_segment_walk(path, NULL, take_first, &first, &rest, &at) != ERR_CANCELED)
        return false;
    return first.seq <= filter->after + 1 ||
           (filter->from_ms != 0 && first.time_ms < filter->from_ms - CLOCK_SLACK_MS);
}

static enum err read_part(struct search *s, const struct audit_mapped *m, uint64_t from,
                          uint64_t to)
{
    const struct audit_part part = {.from = from, .to = to};
    enum err rest;
    uint64_t at;

    return audit_segment_frames(m, part, on_frame, &s->reading, &rest, &at);
}

/* The blocks that may have what is asked for, then all that the index does not cover. */
static enum err read_blocks(struct search *s, const struct audit_mapped *m,
                            const struct audit_index *ix, const uint8_t *hits)
{
    enum err e = ERR_OK;

    for (size_t b = 0; e == ERR_OK && b < ix->blocks; b++)
        if ((hits[b / 8] >> b % 8 & 1) != 0)
            e = read_part(s, m, ix->table[b].at,
                          b + 1 < ix->blocks ? ix->table[b + 1].at : ix->end);
    return e == ERR_OK ? read_part(s, m, ix->end, UINT64_MAX) : e;
}

/* Is so much behind it that it is worth being made anew? What does not fit its chain is never covered. */
static bool is_short(const struct audit_mapped *m, uint64_t end, bool grows)
{
    struct audit_frame frame;

    return m->len - end >= (grows ? BEHIND_GROWING : BEHIND) &&
           audit_frame_read(m->bytes + end, m->len - end, &frame) == ERR_OK &&
           audit_frame_fits(&frame);
}

/* The index of a segment, as far as there is one; it is made when too much would be read without. */
static enum err need_index(const struct search *s, const struct audit_mapped *m, uint64_t number,
                           bool grows, struct audit_index *ret)
{
    enum err e = audit_index_open(s->dir, m, number, s->key, ret);

    if (!is_short(m, e == ERR_OK ? ret->end : AUDIT_SEGMENT_HEAD, grows))
        return e;
    if (audit_index_make(s->dir, m, number, s->key) != ERR_OK)
        return e;
    audit_index_close(ret);
    return audit_index_open(s->dir, m, number, s->key, ret);
}

static enum err read_segment(struct search *s, uint64_t number, bool grows)
{
    AUTO(mem_free) char *path = audit_segment_path(s->dir, number);
    AUTO(audit_segment_unmap) struct audit_mapped m = {.bytes = NULL};
    AUTO(audit_index_close) struct audit_index ix = {.key = NULL};
    AUTO(mem_free) uint8_t *hits = NULL;
    enum err e = audit_segment_map(path, NULL, &m);

    if (e != ERR_OK)
        return e;
    e = s->key == NULL ? ERR_NOT_FOUND : need_index(s, &m, number, grows, &ix);
    if (e == ERR_OK) {
        hits = mem_try_alloc(1, ix.width);
        e = hits == NULL ? ERR_NO_SPACE : audit_index_select(&ix, s->reading.filter, hits);
        if (e == ERR_CORRUPT)
            (void)!audit_index_make(s->dir, &m, number, s->key);
    }
    return e == ERR_OK ? read_blocks(s, &m, &ix, hits)
                       : read_part(s, &m, AUDIT_SEGMENT_HEAD, UINT64_MAX);
}

static enum err read_all(struct search *s)
{
    uint64_t first = 0, last = 0;
    enum err e = audit_segment_range(s->dir, &first, &last);

    for (uint64_t n = first; e == ERR_OK && n > 0 && n <= last; n++) {
        if (n < last && is_before(s->dir, n, s->reading.filter))
            continue;
        e = read_segment(s, n, n == last);
        if (e == ERR_NOT_FOUND || e == ERR_CORRUPT)
            e = ERR_OK; /* it was retired just now, or is none */
    }
    free(s->reading.entries);
    return e;
}

enum err audit_each(const char *dir, const struct audit_filter *filter, audit_record_fn fn,
                    void *context)
{
    struct search s = {.dir = dir, .reading = {.filter = filter, .fn = fn, .context = context}};

    return read_all(&s);
}

enum err audit_search(const struct vault *v, const struct audit_filter *filter, audit_record_fn fn,
                      void *context)
{
    AUTO(secret_free) uint8_t *key = secret_alloc(CRYPTO_KEY_BYTES);
    struct search s = {.dir = vault_dir(v),
                       .reading = {.filter = filter, .fn = fn, .context = context}};

    if (audit_index_secret(v, key) == ERR_OK)
        s.key = key;
    return read_all(&s);
}

enum err audit_last(const struct vault *v, uint64_t *ret_seq)
{
    struct audit_figures written;
    struct audit_end end;
    enum err e;

    audit_figures(vault_audit(v), &written);
    if (written.last_seq > 0) {
        *ret_seq = written.last_seq; /* whoever has written to it knows */
        return ERR_OK;
    }
    e = audit_end_find(vault_dir(v), vault_store_id(v), &end);
    if (e == ERR_OK)
        *ret_seq = end.seq;
    return e;
}

/* ---- consultations ---- */

struct consulting {
    const uint8_t *tag;
    audit_consultation_fn fn;
    void *context;
};

static int compare(const void *a, const void *b)
{
    const uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;

    return x < y ? -1 : x > y;
}

/* What of a record's entries is this person's. */
static size_t gather(const struct consulting *c, const struct audit_record *record,
                     uint16_t *classes, bool *ret_masked)
{
    size_t count = 0, kept = 0;

    *ret_masked = true;
    for (size_t i = 0; i < record->entry_count && count < CLASSES_MAX; i++) {
        const struct audit_entry *entry = &record->entries[i];

        if (memcmp(entry->tag, c->tag, AUDIT_TAG_BYTES) != 0 || entry->values + entry->masks == 0)
            continue;
        classes[count++] = entry->class_id;
        *ret_masked = *ret_masked && entry->values == 0;
    }
    qsort(classes, count, sizeof(*classes), compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || classes[kept - 1] != classes[i])
            classes[kept++] = classes[i];
    return kept;
}

static enum err on_reveal(const struct audit_record *record, void *context)
{
    struct consulting *c = context;
    uint16_t classes[CLASSES_MAX];
    struct audit_consultation found = {.time_ms = record->time_ms,
                                       .recipient = record->who,
                                       .purpose = record->purpose,
                                       .classes = classes};

    if (record->outcome != AUDIT_DONE)
        return ERR_OK;
    if (record->role != AUDIT_CALLER)
        found.recipient = SPAN_LIT("operator");
    found.class_count = gather(c, record, classes, &found.masked);
    return found.class_count == 0 ? ERR_OK : c->fn(&found, c->context);
}

enum err audit_consultations(struct vault *v, struct vault_reader *reader,
                             const struct audit_person *whose, audit_consultation_fn fn,
                             void *context)
{
    uint8_t tag[AUDIT_TAG_BYTES];
    struct consulting c = {.tag = tag, .fn = fn, .context = context};
    const struct audit_filter filter = {
        .from_ms = whose->from_ms, .to_ms = whose->to_ms, .tag = tag};
    enum err e = vault_read_begin(reader);

    if (e != ERR_OK)
        return e;
    e = audit_subject_tag(reader, whose->slot, tag);
    vault_read_end(reader);
    return e == ERR_OK ? audit_search(v, &filter, on_reveal, &c) : e;
}
