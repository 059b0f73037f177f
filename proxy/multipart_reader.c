/* SPDX-License-Identifier: Apache-2.0 */
/* The multipart reader.
 *
 *   --B CRLF  head CRLF  content CRLF  --B CRLF  head CRLF  content CRLF  --B-- [CRLF]
 *
 * The body is cut at every place where the delimiter's text "--B" stands; each must have its line to
 * itself, and the last one the end. So there is no second way to cut it, whatever line ends another parser
 * takes for one.
 * Runs on: any thread. Holds: hits on the heap from the first one; a declared name's spelling with
 * escapes, decoded, in a secret buffer. Invariant: `at` stands behind a delimiter. Not here: heads
 * (multipart_head.c). */
#include "proxy/multipart_reader.h"

#include <string.h>

#include "base/limits.h"
#include "proxy/hit_priv.h"
#include "proxy/multipart_priv.h"
#include "proxy/named_fields_priv.h"

enum { BOUNDARY_MAX = 70 };

struct reader {
    const struct named_fields *fields;
    struct span body;
    struct span delimiter; /* "--" and the boundary, where the body begins with it */
    size_t at;
    size_t parts;
    struct named_seen seen;
    struct hits hits;
    struct buf decoded;
};

static bool stands_at(const struct reader *r, size_t at, struct span what)
{
    return r->body.len - at >= what.len && memcmp(r->body.at + at, what.at, what.len) == 0;
}

/* ---- values ---- */

static enum err add_hit(struct reader *r, uint16_t field, struct span value, enum hit_coding coding)
{
    const struct hit hit = {.start = (size_t)(value.at - r->body.at),
                            .end = (size_t)(value.at - r->body.at) + value.len,
                            .field = field,
                            .coding = coding,
                            .escaped =
                                coding == HIT_QUOTED && memchr(value.at, '%', value.len) != NULL};

    return proxy__named_hit(r->fields, &hit, &r->hits);
}

static enum err read_file(struct reader *r, uint16_t field, const struct part_head *head)
{
    if (head->has_others)
        return ERR_UNPROCESSABLE;
    return head->file_name.at == NULL ? ERR_OK : add_hit(r, field, head->file_name, HIT_QUOTED);
}

static enum err read_value(struct reader *r, uint16_t field, const struct part_head *head,
                           struct span content)
{
    if (head->file_name.at != NULL || !head->is_text || head->has_others || head->length.at != NULL)
        return ERR_UNPROCESSABLE;
    return hit__is_utf8(content) ? add_hit(r, field, content, HIT_PART) : ERR_INVALID;
}

/* ---- parts ---- */

static enum err find_field(struct reader *r, struct span name, uint16_t *ret_field)
{
    enum err e = ERR_OK;
    struct span plain = name;
    const char *limit = r->body.at + r->body.len;

    if (memchr(name.at, '%', name.len) != NULL) {
        buf_reset(&r->decoded);
        e = hit__undo_quoted(name, &r->decoded);
        plain = buf_span(&r->decoded);
        limit = plain.at + plain.len;
    }
    if (e == ERR_OK)
        *ret_field = proxy__named_find(r->fields, plain, limit, &r->hits);
    return e;
}

/* A number as it is counted, so that nobody reads another length into it. */
static bool is_length(struct span text, size_t len)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + len % 10);
        len /= 10;
    } while (len > 0);
    return span_equal(text, span_of(digits + at, sizeof(digits) - at));
}

static enum err judge_part(struct reader *r, const struct part_head *head, struct span content)
{
    uint16_t field = NAMED_NONE;
    enum err e = find_field(r, head->name, &field);

    if (e != ERR_OK)
        return e;
    if (head->length.at != NULL && !is_length(head->length, content.len))
        return ERR_INVALID;
    if (span_equal(head->name, SPAN_LIT("_charset_")) &&
        !span_equal_nocase(content, SPAN_LIT("utf-8"))) /* RFC 7578 4.6: of all other parts */
        return ERR_INVALID;
    if (field == NAMED_NONE)
        return ERR_OK;
    e = proxy__named_meet(r->fields, &r->seen, field);
    if (e != ERR_OK)
        return e;
    return r->fields->at[field].file ? read_file(r, field, head)
                                     : read_value(r, field, head, content);
}

/* The part between two delimiters: an empty line ends its head. */
static enum err read_part(struct reader *r, struct span part)
{
    const size_t most = part.len < LIMIT_PART_HEAD_MAX ? part.len : LIMIT_PART_HEAD_MAX;
    const char *end = memmem(part.at, most, "\r\n\r\n", 4);
    struct part_head head;
    size_t len;
    enum err e;

    if (end == NULL)
        return part.len > LIMIT_PART_HEAD_MAX ? ERR_TOO_LARGE : ERR_INVALID;
    len = (size_t)(end - part.at);
    e = proxy__part_head(span_of(part.at, len + 2), &head);
    return e == ERR_OK ? judge_part(r, &head, span_of(end + 4, part.len - len - 4)) : e;
}

/* ---- the whole ---- */

/* `at` stands behind the delimiter of a part: read it, and go behind the next delimiter. */
static enum err next_part(struct reader *r)
{
    const char *start, *next;
    size_t left;
    enum err e;

    if (!stands_at(r, r->at, SPAN_LIT("\r\n")))
        return ERR_INVALID;
    if (r->parts++ == LIMIT_PARTS_MAX)
        return ERR_TOO_LARGE;
    r->at += 2;
    start = r->body.at + r->at;
    left = r->body.len - r->at;
    next = memmem(start, left, r->delimiter.at, r->delimiter.len);
    if (next == NULL || next - start < 2 || memcmp(next - 2, "\r\n", 2) != 0)
        return ERR_INVALID;
    e = read_part(r, span_of(start, (size_t)(next - 2 - start)));
    r->at += (size_t)(next - start) + r->delimiter.len;
    return e;
}

static enum err read_body(struct reader *r)
{
    enum err e = ERR_OK;

    while (e == ERR_OK && !stands_at(r, r->at, SPAN_LIT("--")))
        e = next_part(r);
    if (e != ERR_OK)
        return e;
    r->at += 2;
    if (r->at < r->body.len && stands_at(r, r->at, SPAN_LIT("\r\n")))
        r->at += 2;
    return r->at == r->body.len ? ERR_OK : ERR_INVALID;
}

enum err multipart_read(const struct named_fields *fields, struct span boundary, struct span body,
                        struct hits *ret_hits)
{
    struct reader r = {.fields = fields, .body = body, .at = 2 + boundary.len};
    enum err e;

    if (boundary.len == 0 || boundary.len > BOUNDARY_MAX || body.len < r.at ||
        memcmp(body.at, "--", 2) != 0 || memcmp(body.at + 2, boundary.at, boundary.len) != 0)
        return ERR_INVALID;
    r.delimiter = span_of(body.at, r.at);
    buf_init_secret(&r.decoded, LIMIT_PART_HEAD_MAX);
    e = read_body(&r);
    buf_done(&r.decoded);
    if (e == ERR_OK)
        *ret_hits = r.hits;
    else
        hits_done(&r.hits);
    return e;
}
