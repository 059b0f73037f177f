/* SPDX-License-Identifier: Apache-2.0 */
/* Counting the elements of arrays: brackets, commas and strings are all that matters.
 * Runs on: any thread. Holds: eight bytes for each array counted. Invariant: every byte of a document
 * is looked at once at most, however arrays nest. Not here: whether it is JSON (json_reader.c). */
#include "proxy/json_count_priv.h"

#include "base/limits.h"
#include "proxy/json_scan_priv.h"

struct array_count {
    uint32_t place; /* of the opening bracket */
    uint32_t count;
};

/* The containers that are open: which entry an array's is, or OBJECT. */
enum { OBJECT = UINT32_MAX };

struct counting {
    struct json_counts *counts;
    const uint8_t *start, *end;
    uint32_t open[LIMIT_JSON_DEPTH_MAX + 2];
    size_t depth;
    enum err problem;
};

void proxy__counts_init(struct json_counts *c)
{
    *c = (struct json_counts){0};
    buf_init(&c->arrays, SIZE_MAX);
}

void proxy__counts_done(struct json_counts *c)
{
    buf_done(&c->arrays);
}

static struct array_count *entries(const struct json_counts *c)
{
    return (struct array_count *)(void *)c->arrays.bytes;
}

static size_t entry_count(const struct json_counts *c)
{
    return c->arrays.len / sizeof(struct array_count);
}

static void open_one(struct counting *k, const uint8_t *p)
{
    const struct array_count entry = {.place = (uint32_t)(p - k->start)};

    k->open[k->depth++] = *p == '{' ? OBJECT : (uint32_t)entry_count(k->counts);
    if (*p == '[')
        k->problem = buf_append(&k->counts->arrays, &entry, sizeof(entry));
}

/* The innermost array has one element more. */
static void count_one(const struct counting *k)
{
    const uint32_t entry = k->depth == 0 ? OBJECT : k->open[k->depth - 1];

    if (entry != OBJECT)
        entries(k->counts)[entry].count++;
}

static bool is_empty(const struct counting *k)
{
    const uint32_t entry = k->open[k->depth - 1];

    return entry != OBJECT && entries(k->counts)[entry].count == 0;
}

/* Past what stands at p. A first element is counted when anything of it is seen, the others by the
 * commas before them. NULL: this is not JSON. */
static const uint8_t *step(struct counting *k, const uint8_t *p)
{
    bool escaped = false;

    switch (*p) {
    case ']':
    case '}':
        k->depth--;
        return p + 1;
    case ',':
        count_one(k);
        return p + 1;
    default:
        break;
    }
    if (k->depth > 0 && is_empty(k))
        count_one(k);
    if (*p == '[' || *p == '{') {
        if (k->depth > LIMIT_JSON_DEPTH_MAX)
            return NULL;
        open_one(k, p);
        return p + 1;
    }
    if (*p != '"')
        return p + 1;
    p = scan_string(p + 1, k->end, &escaped);
    return p == NULL ? NULL : p + 1;
}

/* From an opening bracket to the one that closes it. */
static enum err count_all(struct json_counts *c, const uint8_t *start, const uint8_t *p,
                          const uint8_t *end)
{
    struct counting k = {.counts = c, .start = start, .end = end};

    buf_reset(&c->arrays);
    c->at = 0;
    do {
        p = step(&k, p);
        if (k.problem != ERR_OK)
            return k.problem;
        if (p != NULL)
            p = scan_space(p, end);
    } while (p != NULL && p < end && k.depth > 0);
    c->until = p == NULL ? end : p;
    return ERR_OK;
}

enum err proxy__count_elements(struct json_counts *c, const uint8_t *start, const uint8_t *p,
                               const uint8_t *end, int64_t *ret_count)
{
    const uint32_t place = (uint32_t)(p - start);
    enum err e = ERR_OK;

    if (c->until == NULL || p >= c->until)
        e = count_all(c, start, p, end);
    if (e != ERR_OK)
        return e;
    while (c->at < entry_count(c) && entries(c)[c->at].place < place)
        c->at++;
    *ret_count = c->at < entry_count(c) ? (int64_t)entries(c)[c->at].count : 0;
    return ERR_OK;
}
