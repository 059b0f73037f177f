/* SPDX-License-Identifier: Apache-2.0 */
/* The structured log: one JSON object a line, written with one write(2).
 * Runs on: any thread. Holds: the level and the descriptor. Invariant: a line is one JSON object of
 * at most LINE_MAX_BYTES, whatever the fields hold; no byte of a value starts a new line or a
 * terminal sequence. Not here: the audit trail; personal values. */
#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/period.h"
#include "base/unicode.h"

enum {
    LINE_MAX_BYTES = 4096, /* PIPE_BUF: lines of several threads do not mix on a pipe */
    TAIL_BYTES = 32,       /* kept for ,"truncated":true}\n */
    TEXT_MAX_BYTES = 512,  /* of one field, before escaping */
    ID_MAX_BYTES = 64,
};

static const struct {
    const char *name;
    enum log_level level;
    const char *text;
} events[] = {
#define EVENT(name, level, text) {#name, level, text},
#include "base/events.def"
#undef EVENT
};

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static atomic_int lowest_level = LOG_INFO;
static atomic_int output_fd = STDERR_FILENO;

void log_set_level(enum log_level level)
{
    atomic_store(&lowest_level, (int)level);
}

void log_set_fd(int fd)
{
    atomic_store(&output_fd, fd);
}

/* A line under construction; what does not fit sets `full`, and the caller goes back to its mark.
 */
struct line {
    char at[LINE_MAX_BYTES];
    size_t len;
    bool full;
};

static void put(struct line *l, const char *bytes, size_t len)
{
    if (l->full || len > sizeof(l->at) - TAIL_BYTES - l->len) {
        l->full = true;
        return;
    }
    memcpy(l->at + l->len, bytes, len);
    l->len += len;
}

static void put_str(struct line *l, const char *text)
{
    put(l, text, strlen(text));
}

static void put_number(struct line *l, int64_t n)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRId64, n);
    put_str(l, digits);
}

/* The character at the start of `s`, and how many bytes it takes; -1 and 1 byte when it is no UTF-8
 * (RFC 3629: shortest form, no surrogates, nothing above U+10FFFF). */
static int32_t decode(struct span s, size_t *ret_len)
{
    static const int32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)s.at[0];
    size_t len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    int32_t c;

    *ret_len = 1;
    if (len == 1)
        return first;
    if (len == 0 || len > s.len || first > 0xf4)
        return -1;
    c = first & (0x7f >> len);
    for (size_t i = 1; i < len; i++) {
        unsigned char next = (unsigned char)s.at[i];

        if ((next & 0xc0) != 0x80)
            return -1;
        c = (c << 6) | (next & 0x3f);
    }
    if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return -1;
    *ret_len = len;
    return c;
}

static void put_text(struct line *l, struct span text)
{
    bool cut = text.len > TEXT_MAX_BYTES;
    size_t len;

    put_str(l, "\"");
    for (size_t i = 0; i < text.len && i < TEXT_MAX_BYTES; i += len) {
        int32_t c = decode(span_of(text.at + i, text.len - i), &len);
        char escape[8];

        if (c < 0) {
            put_str(l, "\\ufffd");
        } else if (c == '"' || c == '\\') {
            put_str(l, c == '"' ? "\\\"" : "\\\\");
        } else if (unicode_steers(c)) {
            (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)c & 0xffff);
            put_str(l, escape);
        } else {
            put(l, text.at + i, len);
        }
    }
    put_str(l, cut ? "...\"" : "\"");
}

static void put_hex(struct line *l, struct span id)
{
    char pair[3];

    put_str(l, "\"");
    for (size_t i = 0; i < id.len && i < ID_MAX_BYTES; i++) {
        (void)snprintf(pair, sizeof(pair), "%02x", (unsigned char)id.at[i]);
        put(l, pair, 2);
    }
    put_str(l, "\"");
}

static void put_field(struct line *l, const struct log_field *f)
{
    if (f->kind == FIELD_TEXT && f->text.at == NULL)
        return;
    put_str(l, ",\"");
    put_str(l, f->name);
    put_str(l, f->kind == FIELD_PERSONAL ? "_len\":" : "\":");
    switch (f->kind) {
    case FIELD_NUM:
        put_number(l, f->number);
        break;
    case FIELD_LIT:
    case FIELD_TEXT:
        put_text(l, f->text);
        break;
    case FIELD_ID:
        put_hex(l, f->text);
        break;
    case FIELD_PERSONAL:
        put_number(l, (int64_t)f->text.len);
        break;
    case FIELD_END:
        break;
    }
}

static void put_head(struct line *l, enum log_event event)
{
    int64_t now_ms = clock_now_ms();
    char instant[24], head[128], name[64];
    size_t n = 0;

    for (const char *c = events[event].name; *c != '\0' && n < sizeof(name) - 1; c++)
        name[n++] = (char)tolower((unsigned char)*c);
    name[n] = '\0';
    period_format_instant(now_ms / 1000, instant);
    (void)snprintf(head, sizeof(head),
                   "{\"time\":\"%.19s.%03dZ\",\"level\":\"%s\",\"event\":\"%s\"", instant,
                   (int)(now_ms % 1000), level_names[events[event].level], name);
    put_str(l, head);
    put_str(l, ",\"text\":");
    put_text(l, span_str(events[event].text));
}

enum err log_text(struct buf *out, struct span text)
{
    struct line l;

    l.len = 0;
    l.full = false;
    put_text(&l, text);
    return l.full ? ERR_TOO_LARGE : buf_append(out, l.at, l.len);
}

void log_write(enum log_event event, const struct log_field *fields)
{
    int saved_errno = errno;
    bool truncated = false;
    struct line l;
    const char *tail;
    ssize_t n;

    REQUIRE(event < EV_COUNT);
    if ((int)events[event].level < atomic_load(&lowest_level))
        return;
    l.len = 0;
    l.full = false;
    put_head(&l, event);
    for (; fields->kind != FIELD_END; fields++) {
        size_t mark = l.len;

        put_field(&l, fields);
        if (l.full) { /* leave this one out; a smaller one may still fit */
            l.len = mark;
            l.full = false;
            truncated = true;
        }
    }
    tail = truncated ? ",\"truncated\":true}\n" : "}\n";
    memcpy(l.at + l.len, tail, strlen(tail));
    l.len += strlen(tail);
    do
        n = write(atomic_load(&output_fd), l.at, l.len);
    while (n < 0 && errno == EINTR);
    errno = saved_errno;
}
