/* SPDX-License-Identifier: Apache-2.0 */
/* The characters of XML documents.
 * Runs on: any thread. Holds: constant tables. Invariant: every byte that is passed belongs to a
 * character that XML has (2.2), in UTF-8. Not here: what references stand for (hit_xml.c). */
#include "proxy/xml_scan_priv.h"

#include "proxy/hit_priv.h"
#include "proxy/json_scan_priv.h"

/* ---- characters (2.2) ---- */

/* Characters that need no look: ASCII but for white space and three. */
static inline bool is_plain(char c)
{
    return c > 0x20 && c != '<' && c != '&' && c != '>';
}

/* Past the character at p, whatever it is; NULL when XML has it not. */
static const char *pass_char(const char *p, const char *end, struct xml_run *run)
{
    const uint8_t *at = (const uint8_t *)p;
    const uint8_t *to;

    if (*at < 0x80) {
        if (*at < 0x20 && !xml_is_space(*p))
            return NULL;
        run->visible = run->visible || !xml_is_space(*p);
        return p + 1;
    }
    to = proxy__utf8_end(at, (const uint8_t *)end);
    run->visible = true;
    for (; to != NULL && at + 3 <= to; at++) {
        if (at[0] == 0xEF && at[1] == 0xBF && at[2] >= 0xBE) /* U+FFFE, U+FFFF */
            return NULL;
    }
    return (const char *)to;
}

static const char *pass_reference(const char *p, const char *end, struct xml_run *run)
{
    size_t at = 0;
    uint32_t code;

    if (hit__xml_reference(span_of(p, (size_t)(end - p)), &at, &code) != ERR_OK)
        return NULL;
    run->escaped = true;
    run->visible = true;
    return p + at;
}

const char *proxy__xml_text(const char *p, const char *end, struct xml_run *run)
{
    const char *start = p;

    while (p != NULL && p < end && *p != '<') {
        const char c = *p;

        if (is_plain(c)) {
            run->visible = true;
            p++;
        } else if (c == '&') {
            p = pass_reference(p, end, run);
        } else if (c == '>' && p - start >= 2 && p[-1] == ']' && p[-2] == ']') {
            return NULL;
        } else {
            run->escaped = run->escaped || c == '\r';
            p = pass_char(p, end, run);
        }
    }
    return p;
}

const char *proxy__xml_value(const char *p, const char *end, char quote, struct xml_run *run)
{
    while (p != NULL && p < end && *p != quote) {
        const char c = *p;

        if (is_plain(c)) {
            run->visible = true;
            p++;
        } else if (c == '<') {
            return NULL;
        } else if (c == '&') {
            p = pass_reference(p, end, run);
        } else {
            run->escaped = run->escaped || (xml_is_space(c) && c != ' ');
            p = pass_char(p, end, run);
        }
    }
    return p != NULL && p < end ? p : NULL;
}

const char *proxy__xml_until(const char *p, const char *end, struct span stop, struct xml_run *run)
{
    while (p != NULL && p < end) {
        if (*p == stop.at[0] && xml_stands(p, end, stop))
            return p + stop.len;
        p = pass_char(p, end, run);
    }
    return NULL;
}

/* ---- names (2.3) ---- */

struct range {
    uint32_t first, last;
};

static const struct range starts[] = {{0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x2FF},
                                      {0x370, 0x37D},   {0x37F, 0x1FFF},  {0x200C, 0x200D},
                                      {0x2070, 0x218F}, {0x2C00, 0x2FEF}, {0x3001, 0xD7FF},
                                      {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF}};
static const struct range others[] = {{0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}};

static bool is_in(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

/* The code point at p, of a sequence known to be whole. */
static uint32_t code_at(const uint8_t *p)
{
    if (p[0] < 0xE0)
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    if (p[0] < 0xF0)
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
           (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

/* Past a run of non-ASCII characters of a name, of which the first may have to begin it. */
static const char *pass_wide(const char *p, const char *end, bool first)
{
    const uint8_t *at = (const uint8_t *)p;
    const uint8_t *to = proxy__utf8_end(at, (const uint8_t *)end);

    while (to != NULL && at < to) {
        const uint32_t code = code_at(at);

        if (!is_in(code, starts, COUNT_OF(starts)) &&
            (first || !is_in(code, others, COUNT_OF(others))))
            return NULL;
        first = false;
        at += *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : 4;
    }
    return (const char *)to;
}

static inline bool begins_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool goes_on(char c)
{
    return begins_name(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* A name without a colon. */
static const char *pass_part(const char *p, const char *end)
{
    bool first = true;

    for (; p != NULL && p < end; first = false) {
        if ((uint8_t)*p >= 0x80)
            p = pass_wide(p, end, first);
        else if (first ? begins_name(*p) : goes_on(*p))
            p++;
        else
            break;
    }
    return first ? NULL : p;
}

const char *proxy__xml_name(const char *p, const char *end, struct xml_name *ret)
{
    const char *local = p, *to = pass_part(p, end);

    if (to != NULL && to < end && *to == ':') {
        local = to + 1;
        to = pass_part(local, end);
    }
    if (to == NULL || (to < end && *to == ':'))
        return NULL;
    ret->whole = span_of(p, (size_t)(to - p));
    ret->local = span_of(local, (size_t)(to - local));
    return to;
}
