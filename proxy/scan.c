/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens inside of declared texts (contract: proxy/scan.h).
 * Runs on: any thread. Holds: nothing. Invariant: a hit made here is a token, whole, and inside the hit
 * that was declared. Not here: how a token is told (token_scan.c). */
#include "proxy/scan.h"

#include <string.h>

#include "base/mem.h"
#include "proxy/path.h"

/* ---- texts ---- */

/* Inside a JSON string a token is a piece of it; elsewhere the coding is the text's. */
static struct hit piece_of(const struct hit *whole, size_t start, size_t end)
{
    struct hit piece = *whole;

    piece.start = start;
    piece.end = end;
    piece.escaped = false;
    if (piece.coding == HIT_JSON)
        piece.coding = HIT_JSON_TEXT;
    return piece;
}

static enum err scan_hit(const struct token_scan *scan, struct span text, const struct hit *whole,
                         struct hits *out)
{
    const size_t quote = whole->coding == HIT_JSON ? 1 : 0;
    const struct span inner =
        span_of(text.at + whole->start + quote, whole->end - whole->start - 2 * quote);
    const size_t base = whole->start + quote;
    struct token_place place;
    size_t at = 0;
    enum err e = ERR_OK;

    while (e == ERR_OK && token_scan_next(scan, inner, true, &at, &place)) {
        const struct hit piece = piece_of(whole, base + place.start, base + place.end);

        e = hits_add(out, &piece);
    }
    return e;
}

static bool has_scanned(const struct part *part)
{
    for (size_t i = 0; i < part->hits.count; i++)
        if (part_rule(part, &part->hits.at[i])->mode == FIELD_SCAN)
            return true;
    return false;
}

enum err scan_part(const struct token_scan *scan, struct part *part)
{
    struct hits out = part->hits;
    enum err e = ERR_OK;

    if (!has_scanned(part))
        return ERR_OK;
    out.at = NULL; /* all else of it stays: elements, what was misplaced */
    out.count = out.cap = 0;
    for (size_t i = 0; e == ERR_OK && i < part->hits.count; i++) {
        const struct hit *hit = &part->hits.at[i];

        if (part_rule(part, hit)->mode != FIELD_SCAN)
            e = hits_add(&out, hit);
        else if (hit->kind == VALUE_STRING)
            e = scan_hit(scan, part->text, hit, &out);
    }
    if (e != ERR_OK) {
        mem_give(out.at, out.cap * sizeof(*out.at));
        return e;
    }
    mem_give(part->hits.at, part->hits.cap * sizeof(*out.at));
    part->hits = out;
    return ERR_OK;
}

enum err scan_text(const struct token_scan *scan, struct span text, bool last,
                   const struct hit *like, size_t *ret_end, struct hits *ret_hits)
{
    struct token_place place;
    size_t at = 0;
    enum err e = ERR_OK;

    while (e == ERR_OK && token_scan_next(scan, text, last, &at, &place)) {
        const struct hit piece = piece_of(like, place.start, place.end);

        e = hits_add(ret_hits, &piece);
    }
    *ret_end = at;
    return e;
}

/* ---- URLs ---- */

struct url_scan {
    struct span url;
    uint16_t field, class_id;
    struct hits *hits;
};

/* One piece of the URL, if it is a token once its escapes are undone. */
static enum err look_at(const struct url_scan *s, size_t start, size_t end, enum hit_coding coding)
{
    const struct hit hit = {.start = start,
                            .end = end,
                            .field = s->field,
                            .class_id = s->class_id,
                            .kind = VALUE_STRING,
                            .coding = coding,
                            .escaped = true};
    AUTO(buf_done) struct buf scratch = {.max = end - start, .secret = true};
    struct span value;
    enum err e;

    if (end == start || end - start > 3 * TOKEN_TEXT_MAX)
        return ERR_OK;
    e = hit_read(s->url, &hit, &scratch, &value);
    if (e == ERR_INVALID || (e == ERR_OK && !token_is(value)))
        return ERR_OK;
    return e == ERR_OK ? hits_add(s->hits, &hit) : e;
}

/* Pieces between the separators, from `at` on, until one of `ends`. */
static enum err scan_pieces(const struct url_scan *s, size_t *at, const char *separators,
                            const char *ends, enum hit_coding coding)
{
    size_t start = *at;
    enum err e = ERR_OK;

    for (; e == ERR_OK; ++*at) {
        const bool over = *at == s->url.len || strchr(ends, s->url.at[*at]) != NULL;

        if (!over && strchr(separators, s->url.at[*at]) == NULL)
            continue;
        e = look_at(s, start, *at, coding);
        start = *at + 1;
        if (over)
            break;
    }
    return e;
}

/* Behind "scheme://authority", if the reference begins so. */
static size_t path_start(struct span url)
{
    const char *slashes = memmem(url.at, url.len, "//", 2), *end = url.at + url.len;
    size_t at;

    if (slashes == NULL || (slashes != url.at && slashes[-1] != ':'))
        return 0;
    for (at = (size_t)(slashes - url.at) + 2; url.at + at < end; at++)
        if (strchr("/?#", url.at[at]) != NULL)
            break;
    return at;
}

enum err scan_url(struct span url, uint16_t field, uint16_t class_id, struct hits *ret_hits)
{
    const struct url_scan s = {url, field, class_id, ret_hits};
    size_t at = path_start(url);
    enum err e;

    if (memchr(url.at, '\0', url.len) != NULL)
        return ERR_INVALID;
    e = scan_pieces(&s, &at, "/", "?#", HIT_SEGMENT);
    if (e == ERR_OK && at < url.len && url.at[at] == '?') {
        at++;
        e = scan_pieces(&s, &at, "&=", "#", HIT_FORM);
    }
    return e;
}
