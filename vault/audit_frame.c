/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of the audit trail: written and read.
 * Runs on: any thread; never blocks. Holds: nothing. Invariant: what is read was checked against the end of its
 * bytes before, whatever they say of themselves. Not here: the chain from frame to frame (audit_walk.c). */
#include "vault/audit_frame_priv.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/secret.h"

enum {
    VERSION = 1,
    RECORD_AT = 40, /* of a record's words */
    WORD_HEAD = 4,
    HEAD_LINE_WORDS = 11
};

/* Words of a record, by their ids. */
enum word {
    WORD_WHO = 1,
    WORD_ADDRESS,
    WORD_PURPOSE,
    WORD_DOMAIN,
    WORD_ROUTE,
    WORD_OPERATION,
    WORD_ERROR,
    WORD_OBJECT,
    WORD_REQUEST,
    WORD_MORE,
    WORD_COMMIT,
    WORD_DIGEST,
    WORD_CLASSES
};

/* ---- words for numbers ---- */

const char *audit_action_word(enum audit_action action)
{
    switch (action) {
#define ACTION(name, number, word)                                                                 \
    case AUDIT_##name:                                                                             \
        return word;
#include "vault/audit.def"
#undef ACTION
    default:
        return NULL;
    }
}

bool audit_action_of(struct span word, enum audit_action *ret)
{
#define ACTION(name, number, text)                                                                 \
    if (span_equal(word, SPAN_LIT(text))) {                                                        \
        *ret = AUDIT_##name;                                                                       \
        return true;                                                                               \
    }
#include "vault/audit.def"
#undef ACTION
    return false;
}

const char *audit_outcome_word(enum audit_outcome outcome)
{
    switch (outcome) {
    case AUDIT_DONE:
        return "done";
    case AUDIT_BEGUN:
        return "begun";
    case AUDIT_REFUSED:
        return "refused";
    case AUDIT_FAILED:
        return "failed";
    }
    return NULL;
}

const char *audit_role_word(enum audit_role role)
{
    switch (role) {
    case AUDIT_CALLER:
        return "caller";
    case AUDIT_OPERATOR:
        return "operator";
    case AUDIT_SYSTEM:
        return "system";
    }
    return NULL;
}

/* ---- frames ---- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

enum err audit_frame_read(const uint8_t *bytes, size_t len, struct audit_frame *ret)
{
    uint32_t whole;

    if (is_zero(bytes, len < AUDIT_FRAME_MIN ? len : AUDIT_FRAME_MIN))
        return ERR_NOT_FOUND;
    if (len < AUDIT_FRAME_MIN)
        return ERR_TOO_LARGE;
    whole = (uint32_t)get_le(bytes, 4);
    if (whole < AUDIT_FRAME_MIN || whole > AUDIT_FRAME_MAX || whole % 8 != 0 || bytes[6] != 0 ||
        bytes[7] != 0 || bytes[4] == 0)
        return ERR_INVALID;
    if (bytes[4] > VERSION)
        return ERR_UNSUPPORTED;
    if (bytes[5] < AUDIT_FRAME_SEGMENT || bytes[5] > AUDIT_FRAME_HEAD_KIND)
        return ERR_INVALID;
    if (whole > len)
        return ERR_TOO_LARGE;
    *ret = (struct audit_frame){.kind = (enum audit_frame_kind)bytes[5],
                                .len = whole,
                                .seq = get_le(bytes + 8, 8),
                                .time_ms = (int64_t)get_le(bytes + 16, 8),
                                .bytes = bytes,
                                .chain = bytes + whole - AUDIT_CHAIN_BYTES};
    return ERR_OK;
}

/* The chain before stands in front of the frame. */
static void chain_of(const uint8_t *bytes, uint32_t len, uint8_t out[AUDIT_CHAIN_BYTES])
{
    secret_hash(bytes - AUDIT_CHAIN_BYTES, len, out);
}

bool audit_frame_fits(const struct audit_frame *frame)
{
    uint8_t chain[AUDIT_CHAIN_BYTES];

    chain_of(frame->bytes, frame->len, chain);
    return memcmp(chain, frame->chain, sizeof(chain)) == 0;
}

void audit_frame_finish(uint8_t *bytes, uint64_t seq, int64_t time_ms)
{
    const uint32_t len = (uint32_t)get_le(bytes, 4);

    put_le(bytes + 8, seq, 8);
    put_le(bytes + 16, (uint64_t)time_ms, 8);
    chain_of(bytes, len, bytes + len - AUDIT_CHAIN_BYTES);
}

unsigned audit_frame_configure(uint8_t *bytes, uint32_t configuration)
{
    const bool begins = get_le(bytes + 24, 2) == AUDIT_CONFIGURE && bytes[26] == AUDIT_DONE &&
                        bytes[27] == AUDIT_SYSTEM;

    if (bytes[5] != AUDIT_FRAME_RECORD)
        return 0;
    put_le(bytes + 28, configuration + begins, 4);
    return begins;
}

/* Room for a frame with `body` bytes at out's end, zeroed, its head written. */
static enum err begin(struct buf *out, enum audit_frame_kind kind, size_t body, uint8_t **ret)
{
    const size_t len = (AUDIT_FRAME_HEAD + body + 7) / 8 * 8 + AUDIT_CHAIN_BYTES;
    enum err e;

    if (len > AUDIT_FRAME_MAX)
        return ERR_TOO_LARGE;
    e = buf_reserve(out, len);
    if (e != ERR_OK)
        return e;
    *ret = out->bytes + out->len;
    memset(*ret, 0, len);
    out->len += len;
    put_le(*ret, len, 4);
    (*ret)[4] = VERSION;
    (*ret)[5] = (uint8_t)kind;
    return ERR_OK;
}

/* ---- records ---- */

/* Words as a record has them, in the order of their ids. */
struct words {
    struct {
        enum word id;
        struct span text;
    } at[WORD_CLASSES];
    size_t count;
    size_t bytes;
    uint8_t more[8];
};

static void add(struct words *w, enum word id, struct span text, size_t max)
{
    if (text.len == 0)
        return;
    text.len = text.len > max ? max : text.len;
    w->at[w->count].id = id;
    w->at[w->count++].text = text;
    w->bytes += WORD_HEAD + text.len;
}

static void gather(const struct audit_record *r, struct words *w)
{
    w->count = w->bytes = 0;
    add(w, WORD_WHO, r->who, AUDIT_WORD_MAX);
    add(w, WORD_ADDRESS, r->address, AUDIT_WORD_MAX);
    add(w, WORD_PURPOSE, r->purpose, AUDIT_WORD_MAX);
    add(w, WORD_DOMAIN, r->domain, AUDIT_WORD_MAX);
    add(w, WORD_ROUTE, r->route, AUDIT_WORD_MAX);
    add(w, WORD_OPERATION, r->operation, AUDIT_WORD_MAX);
    add(w, WORD_ERROR, r->error, AUDIT_WORD_MAX);
    add(w, WORD_OBJECT, r->object, AUDIT_WORD_MAX);
    if (r->request != NULL)
        add(w, WORD_REQUEST, span_of(r->request, AUDIT_REQUEST_BYTES), AUDIT_REQUEST_BYTES);
    put_le(w->more, r->more, sizeof(w->more));
    if (r->more > 0)
        add(w, WORD_MORE, span_of(w->more, sizeof(w->more)), sizeof(w->more));
    add(w, WORD_COMMIT, r->commit, AUDIT_WORD_MAX);
    add(w, WORD_DIGEST, r->digest, AUDIT_WORD_MAX);
    add(w, WORD_CLASSES, r->classes, UINT16_MAX);
}

static void put_entry(const struct audit_entry *entry, uint8_t *to)
{
    memcpy(to, entry->tag, AUDIT_TAG_BYTES);
    put_le(to + 16, entry->class_id, 2);
    put_le(to + 18, entry->values, 2);
    put_le(to + 20, entry->masks, 2);
    put_le(to + 22, entry->tokens, 2);
}

void audit_entry_read(const uint8_t bytes[AUDIT_ENTRY_BYTES], struct audit_entry *ret)
{
    memcpy(ret->tag, bytes, AUDIT_TAG_BYTES);
    ret->class_id = (uint16_t)get_le(bytes + 16, 2);
    ret->values = (uint16_t)get_le(bytes + 18, 2);
    ret->masks = (uint16_t)get_le(bytes + 20, 2);
    ret->tokens = (uint16_t)get_le(bytes + 22, 2);
}

enum err audit_record_encode(const struct audit_record *r, struct buf *out)
{
    struct words words;
    uint8_t *frame, *to;
    enum err e;

    if (r->entry_count > AUDIT_ENTRIES_MAX)
        return ERR_TOO_LARGE;
    gather(r, &words);
    e = begin(out, AUDIT_FRAME_RECORD,
              RECORD_AT - AUDIT_FRAME_HEAD + words.bytes + r->entry_count * AUDIT_ENTRY_BYTES,
              &frame);
    if (e != ERR_OK)
        return e;
    put_le(frame + 24, (uint64_t)r->action, 2);
    frame[26] = (uint8_t)r->outcome;
    frame[27] = (uint8_t)r->role;
    put_le(frame + 28, r->configuration, 4);
    put_le(frame + 32, words.bytes, 4);
    put_le(frame + 36, r->entry_count, 4);
    to = frame + RECORD_AT;
    for (size_t i = 0; i < words.count; i++) {
        to[0] = (uint8_t)words.at[i].id;
        put_le(to + 2, words.at[i].text.len, 2);
        memcpy(to + WORD_HEAD, words.at[i].text.at, words.at[i].text.len);
        to += WORD_HEAD + words.at[i].text.len;
    }
    for (size_t i = 0; i < r->entry_count; i++)
        put_entry(&r->entries[i], to + i * AUDIT_ENTRY_BYTES);
    return ERR_OK;
}

/* Words of a later version are passed over. */
static enum err take_word(struct audit_record *r, unsigned id, const uint8_t *bytes, size_t len)
{
    const struct span text = span_of(bytes, len);
    struct span *const words[] = {
        [WORD_WHO] = &r->who,       [WORD_ADDRESS] = &r->address, [WORD_PURPOSE] = &r->purpose,
        [WORD_DOMAIN] = &r->domain, [WORD_ROUTE] = &r->route,     [WORD_OPERATION] = &r->operation,
        [WORD_ERROR] = &r->error,   [WORD_OBJECT] = &r->object,   [WORD_COMMIT] = &r->commit,
        [WORD_DIGEST] = &r->digest, [WORD_CLASSES] = &r->classes,
    };

    if (id == WORD_REQUEST && len == AUDIT_REQUEST_BYTES)
        r->request = bytes;
    else if (id == WORD_MORE && len == sizeof(r->more))
        r->more = get_le(bytes, sizeof(r->more));
    else if (id == WORD_REQUEST || id == WORD_MORE)
        return ERR_INVALID;
    else if (id < sizeof(words) / sizeof(words[0]) && words[id] != NULL)
        *words[id] = text;
    return ERR_OK;
}

static enum err read_words(struct audit_record *r, const uint8_t *bytes, size_t len)
{
    unsigned last = 0;
    size_t at = 0;
    enum err e = ERR_OK;

    while (e == ERR_OK && at < len) {
        size_t word;

        if (len - at < WORD_HEAD || bytes[at] <= last || bytes[at + 1] != 0)
            return ERR_INVALID;
        last = bytes[at];
        word = get_le(bytes + at + 2, 2);
        if (word > len - at - WORD_HEAD)
            return ERR_INVALID;
        e = take_word(r, last, bytes + at + WORD_HEAD, word);
        at += WORD_HEAD + word;
    }
    return e;
}

enum err audit_record_read(const struct audit_frame *frame, struct audit_record *ret,
                           const uint8_t **ret_entries)
{
    const uint8_t *b = frame->bytes;
    struct audit_record r = {.seq = frame->seq, .time_ms = frame->time_ms};
    size_t room, words, entries;
    enum err e;

    if (frame->kind != AUDIT_FRAME_RECORD || frame->len < RECORD_AT + AUDIT_CHAIN_BYTES)
        return ERR_INVALID;
    room = frame->len - RECORD_AT - AUDIT_CHAIN_BYTES;
    words = get_le(b + 32, 4);
    entries = get_le(b + 36, 4);
    if (words > room || entries > AUDIT_ENTRIES_MAX || entries * AUDIT_ENTRY_BYTES > room - words ||
        room - words - entries * AUDIT_ENTRY_BYTES >= 8 ||
        !is_zero(b + RECORD_AT + words + entries * AUDIT_ENTRY_BYTES,
                 room - words - entries * AUDIT_ENTRY_BYTES))
        return ERR_INVALID;
    r.action = (enum audit_action)get_le(b + 24, 2);
    r.outcome = (enum audit_outcome)b[26];
    r.role = (enum audit_role)b[27];
    r.configuration = (uint32_t)get_le(b + 28, 4);
    r.entry_count = entries;
    e = read_words(&r, b + RECORD_AT, words);
    if (e != ERR_OK)
        return e;
    *ret = r;
    *ret_entries = b + RECORD_AT + words;
    return ERR_OK;
}

/* ---- segments ---- */

enum err audit_segment_encode(const struct audit_segment *s, struct buf *out)
{
    uint8_t *frame;
    enum err e = begin(out, AUDIT_FRAME_SEGMENT, AUDIT_SEGMENT_BODY, &frame);

    if (e != ERR_OK)
        return e;
    put_le(frame + 24, s->number, 8);
    memcpy(frame + 32, s->store, VAULT_ID_BYTES);
    put_le(frame + 48, s->why, 4);
    put_le(frame + 56, s->last, 8);
    put_le(frame + 64, s->configuration, 4);
    return ERR_OK;
}

enum err audit_segment_read(const struct audit_frame *frame, struct audit_segment *ret)
{
    const uint8_t *b = frame->bytes;

    if (frame->kind != AUDIT_FRAME_SEGMENT ||
        frame->len != AUDIT_FRAME_HEAD + AUDIT_SEGMENT_BODY + AUDIT_CHAIN_BYTES)
        return ERR_INVALID;
    if (!is_zero(b + 52, 4) || !is_zero(b + 68, 4) || get_le(b + 48, 4) > AUDIT_WAS_DAMAGED)
        return ERR_INVALID;
    *ret = (struct audit_segment){.number = get_le(b + 24, 8),
                                  .why = (enum audit_why)get_le(b + 48, 4),
                                  .last = get_le(b + 56, 8),
                                  .configuration = (uint32_t)get_le(b + 64, 4)};
    memcpy(ret->store, b + 32, VAULT_ID_BYTES);
    return ERR_OK;
}

/* ---- heads ---- */

enum err audit_head_encode(const struct audit_head *h, struct buf *out)
{
    uint8_t *frame;
    enum err e = begin(out, AUDIT_FRAME_HEAD_KIND, AUDIT_HEAD_BODY, &frame);

    if (e != ERR_OK)
        return e;
    put_le(frame + 24, h->epoch, 4);
    put_le(frame + 28, h->begins, 4);
    memcpy(frame + 32, h->key, VAULT_PUBLIC_BYTES);
    memcpy(frame + 64, h->next, VAULT_PUBLIC_BYTES);
    memcpy(frame + 96, h->by_epoch, VAULT_SIGNATURE_BYTES);
    memcpy(frame + 160, h->by_store, VAULT_SIGNATURE_BYTES);
    return ERR_OK;
}

enum err audit_head_read(const struct audit_frame *frame, struct audit_head *ret)
{
    const uint8_t *b = frame->bytes;

    if (frame->kind != AUDIT_FRAME_HEAD_KIND ||
        frame->len != AUDIT_FRAME_HEAD + AUDIT_HEAD_BODY + AUDIT_CHAIN_BYTES ||
        get_le(b + 28, 4) > 1)
        return ERR_INVALID;
    *ret = (struct audit_head){.seq = frame->seq,
                               .time_ms = frame->time_ms,
                               .epoch = (uint32_t)get_le(b + 24, 4),
                               .begins = b[28] == 1};
    memcpy(ret->chain, b - AUDIT_CHAIN_BYTES, AUDIT_CHAIN_BYTES);
    memcpy(ret->key, b + 32, VAULT_PUBLIC_BYTES);
    memcpy(ret->next, b + 64, VAULT_PUBLIC_BYTES);
    memcpy(ret->by_epoch, b + 96, VAULT_SIGNATURE_BYTES);
    memcpy(ret->by_store, b + 160, VAULT_SIGNATURE_BYTES);
    return ERR_OK;
}

void audit_head_message(const uint8_t store[VAULT_ID_BYTES], const struct audit_head *h,
                        uint8_t out[AUDIT_HEAD_MESSAGE])
{
    static const char purpose[] = "lethe-v1 audit"; /* with its zero byte */

    memcpy(out, purpose, sizeof(purpose));
    out += sizeof(purpose);
    memcpy(out, store, VAULT_ID_BYTES);
    put_le(out + 16, h->seq, 8);
    put_le(out + 24, (uint64_t)h->time_ms, 8);
    put_le(out + 32, h->epoch, 4);
    put_le(out + 36, h->begins, 4);
    memcpy(out + 40, h->chain, AUDIT_CHAIN_BYTES);
    memcpy(out + 72, h->key, VAULT_PUBLIC_BYTES);
    memcpy(out + 104, h->next, VAULT_PUBLIC_BYTES);
}

/* ---- heads as lines ---- */

static enum err put_hex(const uint8_t *bytes, size_t len, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    enum err e = buf_append_byte(out, ' ');

    for (size_t i = 0; e == ERR_OK && i < len; i++) {
        e = buf_append_byte(out, (uint8_t)digits[bytes[i] >> 4]);
        if (e == ERR_OK)
            e = buf_append_byte(out, (uint8_t)digits[bytes[i] & 15]);
    }
    return e;
}

enum err audit_head_write_line(const uint8_t store[VAULT_ID_BYTES], const struct audit_head *h,
                               struct buf *out)
{
    char numbers[96];
    enum err e = buf_append_str(out, "lethe-audit-head 1");

    if (e == ERR_OK)
        e = put_hex(store, VAULT_ID_BYTES, out);
    (void)snprintf(numbers, sizeof(numbers), " %" PRIu64 " %" PRId64 " %" PRIu32 " %d", h->seq,
                   h->time_ms, h->epoch, h->begins);
    if (e == ERR_OK)
        e = buf_append_str(out, numbers);
    if (e == ERR_OK)
        e = put_hex(h->chain, AUDIT_CHAIN_BYTES, out);
    if (e == ERR_OK)
        e = put_hex(h->key, VAULT_PUBLIC_BYTES, out);
    if (e == ERR_OK)
        e = put_hex(h->next, VAULT_PUBLIC_BYTES, out);
    return e == ERR_OK ? put_hex(h->by_store, VAULT_SIGNATURE_BYTES, out) : e;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(struct span text, uint8_t *out, size_t len)
{
    if (text.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        const int high = digit(text.at[2 * i]), low = digit(text.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_number(struct span text, uint64_t max, uint64_t *ret)
{
    uint64_t n = 0;

    if (text.len == 0 || text.len > 19 || (text.at[0] == '0' && text.len > 1))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(text.at[i] - '0');
    }
    *ret = n;
    return n <= max;
}

/* The words of a line, which are parted by single spaces; how many there are, or one too many. */
static size_t split(struct span line, struct span words[HEAD_LINE_WORDS])
{
    size_t count = 0, from = 0;

    for (size_t i = 0; i <= line.len; i++) {
        if (i < line.len && line.at[i] != ' ')
            continue;
        if (count == HEAD_LINE_WORDS)
            return count + 1;
        words[count++] = span_of(line.at + from, i - from);
        from = i + 1;
    }
    return count;
}

enum err audit_head_read_line(struct span line, uint8_t ret_store[VAULT_ID_BYTES],
                              struct audit_head *ret)
{
    struct span w[HEAD_LINE_WORDS];
    struct audit_head h = {.seq = 0};
    uint64_t time_ms, epoch, begins;

    if (split(line, w) != HEAD_LINE_WORDS || !span_equal(w[0], SPAN_LIT("lethe-audit-head")) ||
        !span_equal(w[1], SPAN_LIT("1")))
        return ERR_INVALID;
    if (!read_hex(w[2], ret_store, VAULT_ID_BYTES) || !read_number(w[3], UINT64_MAX, &h.seq) ||
        !read_number(w[4], INT64_MAX, &time_ms) || !read_number(w[5], UINT32_MAX, &epoch) ||
        !read_number(w[6], 1, &begins) || !read_hex(w[7], h.chain, AUDIT_CHAIN_BYTES) ||
        !read_hex(w[8], h.key, VAULT_PUBLIC_BYTES) || !read_hex(w[9], h.next, VAULT_PUBLIC_BYTES) ||
        !read_hex(w[10], h.by_store, VAULT_SIGNATURE_BYTES))
        return ERR_INVALID;
    h.time_ms = (int64_t)time_ms;
    h.epoch = (uint32_t)epoch;
    h.begins = begins == 1;
    *ret = h;
    return ERR_OK;
}
