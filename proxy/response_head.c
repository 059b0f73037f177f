/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the heads of responses.
 * Runs on: any thread. Holds: nothing. Invariant: one message, one framing, or none at all.
 * Not here: bodies (base/http_chunked.c, proxy/upstream_read.c). */
#include "proxy/response_head.h"

#include <string.h>

#include "base/http_line.h"

enum {
    LENGTH_DIGITS_MAX = 18, /* always fits int64_t */
    NOMINATIONS_MAX = 4     /* Connection lines; more is no honest server */
};

/* What the lines said about framing and connection. */
struct framing {
    size_t upgrades, websockets; /* Upgrade fields, and those that say so */
    struct span length;
    struct span coding;
    unsigned lengths;
    unsigned codings;
    struct span connection[NOMINATIONS_MAX];
    size_t connections;
};

enum err response_head_find(struct span bytes, size_t *scanned, size_t *ret_len)
{
    static const char start[] = "HTTP/1.";
    size_t known = bytes.len < sizeof(start) - 1 ? bytes.len : sizeof(start) - 1;
    const char *at = bytes.at + *scanned, *end = bytes.at + bytes.len;

    if (*scanned < sizeof(start) - 1 && memcmp(bytes.at, start, known) != 0)
        return ERR_UPSTREAM;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        size_t offset = (size_t)(at - bytes.at);

        if (offset == 0 || at[-1] != '\r')
            return ERR_UPSTREAM;
        if (offset >= 3 && at[-2] == '\n') {
            if (offset + 1 > LIMIT_RESPONSE_HEAD_MAX)
                return ERR_UPSTREAM;
            *ret_len = offset + 1;
            return ERR_OK;
        }
        at++;
    }
    if (bytes.len >= LIMIT_RESPONSE_HEAD_MAX)
        return ERR_UPSTREAM;
    *scanned = bytes.len;
    return ERR_NOT_FOUND;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 Reason", the reason and the blank before it optional, as the world does. */
static enum err read_status_line(const char **at, const char *end, int *ret_minor, int *ret_status)
{
    static const char start[] = "HTTP/1.";
    const char *p = *at, *eol = memchr(p, '\r', (size_t)(end - p));
    int status;

    if (eol == NULL || end - eol < 2 || eol[1] != '\n')
        return ERR_UPSTREAM;
    if (eol - p < 12 || memcmp(p, start, sizeof(start) - 1) != 0 || (p[7] != '0' && p[7] != '1') ||
        p[8] != ' ' || !is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]))
        return ERR_UPSTREAM;
    status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    if (status < 100 || status > 599 || (eol - p > 12 && p[12] != ' '))
        return ERR_UPSTREAM;
    for (const char *c = p + 12; c < eol; c++) {
        if (((uint8_t)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return ERR_UPSTREAM;
    }
    *ret_minor = p[7] - '0';
    *ret_status = status;
    *at = eol + 2;
    return ERR_OK;
}

static enum err read_length(struct span text, int64_t *ret)
{
    int64_t n = 0;

    if (text.len == 0 || text.len > LENGTH_DIGITS_MAX)
        return ERR_UPSTREAM;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.at[i]))
            return ERR_UPSTREAM;
        n = n * 10 + (text.at[i] - '0');
    }
    *ret = n;
    return ERR_OK;
}

/* Keep what this line says for framing; true when it is the receiver's. */
static bool note_line(const struct head_line *line, struct framing *f)
{
    switch (line->name.len) {
    case 14:
        if (!span_equal_nocase(line->name, SPAN_LIT("content-length")))
            break;
        f->length = line->value;
        f->lengths++;
        return false;
    case 17:
        if (!span_equal_nocase(line->name, SPAN_LIT("transfer-encoding")))
            break;
        f->coding = line->value;
        f->codings++;
        return false;
    case 7:
        if (!span_equal_nocase(line->name, SPAN_LIT("upgrade")))
            break;
        f->websockets += span_equal_nocase(line->value, SPAN_LIT("websocket"));
        f->upgrades++;
        return false;
    case 10:
        if (!span_equal_nocase(line->name, SPAN_LIT("connection")))
            break;
        if (f->connections < NOMINATIONS_MAX)
            f->connection[f->connections] = line->value;
        f->connections++;
        return false;
    default:
        break;
    }
    return !head_is_hop_by_hop(line->name);
}

static enum err read_lines(const char *at, const char *end, struct upstream_header *headers,
                           size_t *ret_count, struct framing *ret_framing)
{
    struct framing f = {0};
    size_t lines = 0, count = 0;

    for (;;) {
        struct head_line line;
        enum head_step step = head_line_next(&at, end, &line);

        if (step == HEAD_END)
            break;
        if (step == HEAD_BAD || lines++ == LIMIT_HEADERS_MAX)
            return ERR_UPSTREAM;
        if (note_line(&line, &f))
            headers[count++] = (struct upstream_header){line.name, line.value};
    }
    if (at != end || f.connections > NOMINATIONS_MAX)
        return ERR_UPSTREAM;
    *ret_count = count;
    *ret_framing = f;
    return ERR_OK;
}

static bool connection_says(const struct framing *f, struct span option)
{
    for (size_t i = 0; i < f->connections; i++) {
        if (head_list_has(f->connection[i], option))
            return true;
    }
    return false;
}

/* Take out the headers that Connection names; the usual options name none. */
static size_t drop_nominated(const struct framing *f, struct upstream_header *headers, size_t count)
{
    for (size_t i = 0; i < f->connections; i++) {
        struct span rest = f->connection[i], name;

        while (head_list_next(&rest, &name)) {
            size_t kept = 0;

            if (span_equal_nocase(name, SPAN_LIT("close")) ||
                span_equal_nocase(name, SPAN_LIT("keep-alive")))
                continue;
            for (size_t h = 0; h < count; h++) {
                if (!span_equal_nocase(headers[h].name, name))
                    headers[kept++] = headers[h];
            }
            count = kept;
        }
    }
    return count;
}

/* How the body ends (RFC 9112 6.3), after the doubtful cases are gone. */
static enum err judge_framing(const struct framing *f, int minor, bool to_head_request,
                              struct response_head *head)
{
    enum err e;

    head->content_length = -1;
    if (f->lengths > 1 || f->codings > 1 || (f->lengths > 0 && f->codings > 0))
        return ERR_UPSTREAM;
    if (f->lengths == 1) {
        e = read_length(f->length, &head->content_length);
        if (e != ERR_OK)
            return e;
    }
    if (f->codings == 1 && (minor == 0 || !span_equal_nocase(f->coding, SPAN_LIT("chunked"))))
        return ERR_UPSTREAM;
    if (to_head_request || head->status < 200 || head->status == 204 || head->status == 304)
        head->framing = FRAMING_NONE;
    else if (f->codings == 1)
        head->framing = FRAMING_CHUNKED;
    else if (f->lengths == 1)
        head->framing = FRAMING_LENGTH;
    else
        head->framing = FRAMING_CLOSE;
    return ERR_OK;
}

enum err response_head_parse(struct span head, bool to_head_request,
                             struct upstream_header *headers, struct response_head *ret)
{
    const char *at = head.at, *end = head.at + head.len;
    struct response_head h = {0};
    struct framing f;
    int minor;
    enum err e;

    e = read_status_line(&at, end, &minor, &h.status);
    if (e != ERR_OK)
        return e;
    e = read_lines(at, end, headers, &h.header_count, &f);
    if (e != ERR_OK)
        return e;
    e = judge_framing(&f, minor, to_head_request, &h);
    if (e != ERR_OK)
        return e;
    h.keep_alive = h.framing != FRAMING_CLOSE && !connection_says(&f, SPAN_LIT("close")) &&
                   (minor == 1 || connection_says(&f, SPAN_LIT("keep-alive")));
    h.websocket = f.upgrades == 1 && f.websockets == 1 && f.lengths + f.codings == 0 &&
                  connection_says(&f, SPAN_LIT("upgrade"));
    h.header_count = drop_nominated(&f, headers, h.header_count);
    *ret = h;
    return ERR_OK;
}
