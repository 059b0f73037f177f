/* SPDX-License-Identifier: Apache-2.0 */
/* The second pass of a bulk job: what was written against what it was made of.
 * Runs on: the main thread; blocks. Holds: a group of rows of each file in wiped memory. Invariant: every byte of both files is
 * looked at; a row counts as equal only when the store says so of each of its tokens. Not here: the first pass
 * (cmd_bulk.c). */
#include "cli/bulk.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret.h"
#include "cli/lines.h"

struct pass {
    const struct bulk_ask *ask;
    struct bulk_source *in, *out;
    struct bulk_group was, is; /* rows of IN, and of OUT */
    struct lines rejects;
    struct span batch[LINES_BATCH_MAX];
    size_t batch_count, batch_at;
    uint64_t reject; /* the next line that was left out; 0: none */
    struct bulk_verified *found;
    struct errmsg *msg;
};

static void pass_done(struct pass *p)
{
    bulk_group_done(&p->was);
    bulk_group_done(&p->is);
    lines_done(&p->rejects);
}

static void unequal(struct pass *p, uint64_t line)
{
    if (p->found->unequal < COUNT_OF(p->found->lines))
        p->found->lines[p->found->unequal] = line;
    p->found->unequal++;
}

/* ---- rows that were left out ---- */

static enum err next_reject(struct pass *p)
{
    char digits[32] = "";
    struct span line;

    p->reject = 0;
    if (p->rejects.fd < 0)
        return ERR_OK;
    if (p->batch_at == p->batch_count) {
        enum err e = lines_next(&p->rejects, p->batch, &p->batch_count);

        if (e != ERR_OK)
            return errmsg_set(p->msg, e, "the file of rows that were left out cannot be read");
        p->batch_at = 0;
    }
    if (p->batch_count == 0)
        return ERR_OK;
    line = p->batch[p->batch_at++];
    memcpy(digits, line.at, line.len < sizeof(digits) - 1 ? line.len : sizeof(digits) - 1);
    p->reject = strtoull(digits, NULL, 10);
    return ERR_OK;
}

/* Take the rows of IN out of the group that were not passed on. */
static enum err drop_rejects(struct pass *p)
{
    size_t kept = 0;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < p->was.count; i++) {
        const struct bulk_row row = p->was.rows[i];

        if (row.plain || row.line != p->reject) {
            p->was.rows[kept++] = row;
            continue;
        }
        p->was.data_rows--;
        e = next_reject(p);
    }
    p->was.count = kept;
    return e;
}

/* ---- tokenize: row by row ---- */

static bool equal(struct span a, struct span b)
{
    return a.len == b.len && secret_equal(a.at, b.at, a.len);
}

static struct span text_of(const struct bulk_group *g, const struct bulk_value *v)
{
    return span_of(g->text.bytes + v->at, v->len);
}

/* Everything but the values, and how many of those there are. */
static bool same_frame(const struct pass *p, const struct bulk_row *was, const struct bulk_row *is)
{
    const struct span a = bulk_row_bytes(p->in, was), b = bulk_row_bytes(p->out, is);
    size_t at_a = 0, at_b = 0;

    if (was->plain != is->plain || was->count != is->count)
        return false;
    for (size_t i = 0; i < was->count; i++) {
        const struct bulk_value *v = &p->was.values[was->first + i];
        const struct bulk_value *w = &p->is.values[is->first + i];

        if (v->field != w->field ||
            !equal(span_of(a.at + at_a, v->start - at_a), span_of(b.at + at_b, w->start - at_b)))
            return false;
        at_a = v->end;
        at_b = w->end;
    }
    return equal(span_of(a.at + at_a, a.len - at_a), span_of(b.at + at_b, b.len - at_b));
}

static void add_pair(const struct pass *p, struct json *pairs, const struct bulk_value *was,
                     const struct bulk_value *is)
{
    json_add(pairs, json_new_int(bulk_column_number(p->ask->spec, was)));
    json_add(pairs, json_new_text(text_of(&p->is, is)));
    json_add(pairs, json_new_text(text_of(&p->was, was)));
}

/* Only what could be read has values that the store can be asked about. */
static bool has_pairs(const struct bulk_row *was, const struct bulk_row *is)
{
    return was->wrong == NULL && is->wrong == NULL && was->count == is->count;
}

static enum err ask(struct pass *p, struct reply *reply)
{
    AUTO(json_free) struct json *request = json_new_map();
    struct json *pairs = json_new_list();

    for (size_t r = 0; r < p->was.count && r < p->is.count; r++) {
        const struct bulk_row *was = &p->was.rows[r], *is = &p->is.rows[r];

        for (size_t i = 0; has_pairs(was, is) && i < was->count; i++)
            add_pair(p, pairs, &p->was.values[was->first + i], &p->is.values[is->first + i]);
    }
    json_set_str(request, "op", "bulk.verify");
    json_set_str(request, "job", p->ask->job);
    json_set(request, "columns", bulk_columns(p->ask->spec));
    if (p->ask->domain != NULL)
        json_set_str(request, "domain", p->ask->domain);
    json_set(request, "pairs", pairs);
    return session_call(p->ask->session, request, reply, p->msg);
}

/* Is a value right? One that was left as it was is a token, or was kept because it does not fit. */
static bool is_right(struct pass *p, char state, const struct bulk_value *was,
                     const struct bulk_value *is)
{
    const bool left = equal(text_of(&p->was, was), text_of(&p->is, is));

    if (state == 'h' || state == 'r' || state == 'o') {
        p->found->withheld++;
        return true;
    }
    if (state == '=') {
        p->found->values++;
        return true;
    }
    return left && (state != '-' || p->ask->policy == BULK_KEEP);
}

static enum err compare(struct pass *p, struct span states)
{
    size_t at = 0;

    for (size_t r = 0; r < p->was.count && r < p->is.count; r++) {
        const struct bulk_row *was = &p->was.rows[r], *is = &p->is.rows[r];
        bool right = was->wrong != NULL || is->wrong != NULL
                         ? equal(bulk_row_bytes(p->in, was), bulk_row_bytes(p->out, is))
                         : same_frame(p, was, is);

        for (size_t i = 0; has_pairs(was, is) && i < was->count; i++) {
            if (at == states.len)
                return errmsg_set(p->msg, ERR_INTERNAL, "the answer does not fit the question");
            right = is_right(p, states.at[at++], &p->was.values[was->first + i],
                             &p->is.values[is->first + i]) &&
                    right;
        }
        p->found->rows += !is->plain;
        if (!right)
            unequal(p, is->line);
    }
    return ERR_OK;
}

/* The next rows of IN, and as many of OUT. *ret_more is false at the end of both. */
static enum err next_rows(struct pass *p, bool *ret_more)
{
    enum err e = bulk_source_next(p->in, 0, &p->was, p->msg);
    const bool at_end = e == ERR_OK && p->was.count == 0;

    if (e == ERR_OK)
        e = drop_rejects(p);
    *ret_more = !at_end;
    if (e != ERR_OK)
        return e;
    if (!at_end && p->was.count == 0)
        p->is.count = 0; /* none of them was passed on */
    else
        e = bulk_source_next(p->out, at_end ? 1 : p->was.count, &p->is, p->msg);
    return e;
}

static enum err verify_tokens(struct pass *p)
{
    bool more = true;
    enum err e = next_reject(p);

    while (e == ERR_OK && more) {
        AUTO(reply_done) struct reply reply = {NULL, NULL};

        e = next_rows(p, &more);
        if (e == ERR_OK && more)
            e = ask(p, &reply);
        if (e == ERR_OK && more)
            e = compare(p, json_text_of(json_get(reply.result, "states")));
        for (size_t r = p->was.count; e == ERR_OK && r < p->is.count; r++)
            unequal(p, p->is.rows[r].line); /* OUT has rows that IN has not */
        for (size_t r = p->is.count; e == ERR_OK && r < p->was.count; r++)
            unequal(p, p->out->line); /* the other way round */
    }
    return e;
}

/* ---- reveal: once more, byte by byte ---- */

/* As many bytes of OUT as this are to come: are they these? A file that ends early is not. */
static enum err same_bytes(struct pass *p, struct span expected, bool *ret)
{
    char bytes[16 << 10];

    *ret = true;
    while (*ret && expected.len > 0) {
        const size_t want = expected.len < sizeof(bytes) ? expected.len : sizeof(bytes);
        size_t have = 0;
        ssize_t n = 1;

        while (have < want && n > 0) {
            n = read(p->out->fd, bytes + have, want - have);
            have += n > 0 ? (size_t)n : 0;
        }
        if (n < 0)
            return errmsg_set(p->msg, ERR_IO, "%s cannot be read", p->out->name);
        *ret = have == want && secret_equal(bytes, expected.at, want);
        expected = span_of(expected.at + want, expected.len - want);
    }
    secret_wipe(bytes, sizeof(bytes));
    return ERR_OK;
}

static enum err verify_group(struct pass *p, bool *ret_same)
{
    enum err e = ERR_OK;

    for (size_t r = 0; e == ERR_OK && *ret_same && r < p->was.count; r++) {
        AUTO(buf_done) struct buf row = {.max = 0};

        if (!bulk_is_written(&p->was.rows[r], p->ask->policy))
            continue;
        buf_init_secret(&row, BULK_OUTPUT_MAX);
        e = bulk_render(p->in, &p->was, &p->was.rows[r], &row);
        if (e == ERR_OK)
            e = same_bytes(p, buf_span(&row), ret_same);
        p->found->rows += !p->was.rows[r].plain;
        if (e == ERR_OK && !*ret_same)
            unequal(p, p->was.rows[r].line); /* what lies behind it cannot be told apart */
    }
    return e;
}

static enum err verify_values(struct pass *p)
{
    struct bulk_counts counts = {.rows = 0};
    bool same = true, more = true;
    char byte;
    enum err e = ERR_OK;

    while (e == ERR_OK && same && more) {
        e = bulk_source_next(p->in, 0, &p->was, p->msg);
        more = p->was.count > 0;
        if (e == ERR_OK && more)
            e = bulk_reveal_group(p->ask, &p->was, &counts, p->msg);
        if (e == ERR_OK)
            e = verify_group(p, &same);
    }
    if (e == ERR_OK && same && read(p->out->fd, &byte, 1) != 0)
        unequal(p, p->in->line);
    p->found->values = counts.values;
    p->found->withheld = counts.withheld;
    return e;
}

enum err bulk_verify(const struct bulk_ask *ask_of, struct bulk_source *in, struct bulk_source *out,
                     int rejects, struct bulk_verified *ret, struct errmsg *msg)
{
    AUTO(pass_done) struct pass p = {.ask = ask_of, .in = in, .out = out, .found = ret, .msg = msg};

    *ret = (struct bulk_verified){.rows = 0};
    bulk_group_init(&p.was);
    bulk_group_init(&p.is);
    lines_init(&p.rejects, rejects);
    return ask_of->purpose == NULL ? verify_tokens(&p) : verify_values(&p);
}
