/* SPDX-License-Identifier: Apache-2.0 */
/* A request's declared values become tokens: what the store knows is settled here, by reading; the
 * rest is one operation for the vault's writer.
 *
 * Every value is in the end KEPT (it was the subject's token already), or stands in `items`: from
 * the front those the writer is asked for, from the back those whose token was found.
 *
 * Runs on: a loop thread. Holds: copies of the values, so that the writer never reads the document.
 * Invariant: nothing is forwarded of a document in which one value could not be settled.
 * Not here: when the operation is submitted and what comes of its errors (exchange_store.c). */
#include "proxy/transform.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

enum { KEPT = UINT32_MAX };

struct tokenize {
    const struct vault *vault; /* its classes */
    struct span document;
    struct hits hits;
    struct vault_tokenize op;
    struct vault_item *items; /* hits.count of them */
    uint32_t *item_of;        /* by hit: index into items, or KEPT */
    size_t found;             /* items at the back, settled by reading */
    struct buf values;        /* what the items' values borrow; never moved */
    bool name_missing;        /* the subject is known, but not by all of its names */
};

/* What settling looks at besides. */
struct settling {
    struct vault_reader *reader;
    const struct vault *vault;
    const struct tokenize_subject *subject;
    uint16_t name_class[VAULT_NAMES_MAX]; /* where a name came from; 0: from the route */
    uint64_t slot;                        /* the subject's; 0 when it is not known yet */
};

/* A number may be a token of format integer, or of another typed one that lost its quotes. */
static bool is_token(const struct settling *s, const struct hit *hit, struct span value)
{
    return hit->kind != VALUE_BOOL && vault_is_token(s->reader, hit->class_id, value);
}

/* ---- names ---- */

/* Values that identify become names of the subject. Where the route names nobody, two different
 * ones of one class may be two people: keeping them under one key would be beyond repair. */
static enum err add_name(struct tokenize *t, struct settling *s, uint16_t class_id,
                         struct span value)
{
    if (value.len == 0)
        return ERR_OK;
    if (value.len > LIMIT_IDENTIFIER_MAX)
        return ERR_TOO_LARGE;
    for (size_t i = 0; i < t->op.name_count; i++) {
        if (span_equal(t->op.names[i], value))
            return ERR_OK;
        if (s->subject->name_count == 0 && s->name_class[i] == class_id)
            return ERR_UNPROCESSABLE;
    }
    if (t->op.name_count == VAULT_NAMES_MAX)
        return ERR_TOO_LARGE;
    s->name_class[t->op.name_count] = class_id;
    t->op.names[t->op.name_count++] = value;
    return ERR_OK;
}

/* A token as the subject's name would become a name of somebody new. Class 0: of any opaque one. */
static bool names_a_token(const struct settling *s, uint16_t class_id)
{
    for (size_t i = 0; i < s->subject->name_count; i++)
        if (vault_is_token(s->reader, class_id, s->subject->names[i]))
            return true;
    return false;
}

static enum err collect_names(struct tokenize *t, struct settling *s, const struct span *values)
{
    enum err e = names_a_token(s, 0) ? ERR_UNPROCESSABLE : ERR_OK;

    for (size_t i = 0; i < s->subject->name_count; i++)
        t->op.names[t->op.name_count++] = s->subject->names[i];
    for (size_t i = 0; e == ERR_OK && i < t->hits.count; i++) {
        const struct hit *hit = &t->hits.at[i];
        const struct class_def *def = vault_class_def(s->vault, hit->class_id);

        if (def == NULL)
            return ERR_INTERNAL;
        if (def->identifies && names_a_token(s, hit->class_id))
            return ERR_UNPROCESSABLE;
        if (def->identifies && !is_token(s, hit, values[i]))
            e = add_name(t, s, hit->class_id, values[i]);
    }
    return e;
}

/* The first name that is known leads to the subject. */
static enum err find_subject(struct tokenize *t, struct settling *s)
{
    bool missing = false;

    for (size_t i = 0; i < t->op.name_count; i++) {
        uint64_t slot = 0;
        const enum err e = vault_read_subject(s->reader, t->op.domain, t->op.names[i], &slot);

        if (e != ERR_OK && e != ERR_NOT_FOUND)
            return e;
        missing = missing || e == ERR_NOT_FOUND;
        if (s->slot == 0)
            s->slot = slot;
    }
    t->name_missing = missing && s->slot != 0;
    return ERR_OK;
}

/* ---- values ---- */

/* Is what stands behind the `@` of an e-mail token the domain we write? The token's check does not
 * cover it: anything could be carried there, and would go upstream in clear. */
static bool has_own_domain(const struct class_def *def, struct span token)
{
    const char *at = memchr(token.at, '@', token.len);

    if (at == NULL)
        return true;
    at++;
    return def->email_domain != NULL &&
           span_equal_nocase(span_of(at, (size_t)(token.at + token.len - at)),
                             span_str(def->email_domain));
}

/* A token that came back: it stays if it is this subject's, alive and of the field's class. */
static enum err keep_token(const struct settling *s, const struct hit *hit, struct span token)
{
    const struct vault_scope scope = {
        .domain = s->subject->domain, .class_id = hit->class_id, .slot = s->slot};
    struct vault_value value;
    enum err e;

    if (s->slot == 0 || !has_own_domain(vault_class_def(s->vault, hit->class_id), token))
        return ERR_UNPROCESSABLE;
    e = vault_inspect_as(s->reader, &scope, token, &value);
    return e == ERR_NOT_FOUND || e == ERR_DENIED ? ERR_UNPROCESSABLE : e;
}

static struct vault_item *fill(struct vault_item *item, const struct hit *hit, struct span value)
{
    item->class_id = hit->class_id;
    item->kind = hit->kind;
    item->value = value;
    return item;
}

static enum err settle(struct tokenize *t, const struct settling *s, size_t number,
                       struct span value)
{
    const struct hit *hit = &t->hits.at[number];
    const struct class_def *def = vault_class_def(s->vault, hit->class_id);
    struct vault_item *item = &t->items[t->hits.count - t->found - 1];
    enum err e = ERR_NOT_FOUND;

    t->item_of[number] = KEPT;
    if (is_token(s, hit, value))
        return keep_token(s, hit, value);
    if (def->deterministic && s->slot != 0)
        e = vault_find(s->reader, t->op.domain, s->slot, fill(item, hit, value));
    if (e == ERR_OK)
        t->found++;
    else if (e == ERR_NOT_FOUND)
        item = fill(&t->items[t->op.count++], hit, value);
    else
        return e;
    t->item_of[number] = (uint32_t)(item - t->items);
    return ERR_OK;
}

static enum err settle_all(struct tokenize *t, struct settling *s, const struct span *values)
{
    enum err e = vault_read_begin(s->reader);

    if (e != ERR_OK)
        return e;
    e = collect_names(t, s, values);
    if (e == ERR_OK)
        e = find_subject(t, s);
    for (size_t i = 0; e == ERR_OK && i < t->hits.count; i++)
        e = settle(t, s, i, values[i]);
    vault_read_end(s->reader);
    return e;
}

/* ---- reading the document ---- */

/* Copy what the hits say, without escapes. Their text in the document is never shorter, so the
 * copies fit what is reserved first and stay where they are. */
static enum err copy_values(struct tokenize *t, struct span *values)
{
    AUTO(buf_done) struct buf scratch = {.max = t->document.len, .secret = true};
    size_t total = 0;
    enum err e;

    for (size_t i = 0; i < t->hits.count; i++)
        total += t->hits.at[i].end - t->hits.at[i].start;
    e = buf_reserve(&t->values, total);
    for (size_t i = 0; e == ERR_OK && i < t->hits.count; i++) {
        const size_t start = t->values.len;
        struct span value;

        e = hit_read(t->document, &t->hits.at[i], &scratch, &value);
        if (e == ERR_OK && value.len > LIMIT_VALUE_MAX)
            e = ERR_TOO_LARGE;
        if (e == ERR_OK)
            e = buf_append_span(&t->values, value);
        if (e == ERR_OK)
            values[i] = span_of(t->values.bytes + start, value.len);
    }
    return e;
}

static enum err read_values(struct tokenize *t, struct settling *s)
{
    AUTO(mem_free) struct span *values = mem_try_alloc(t->hits.count, sizeof(*values));
    enum err e;

    t->items = mem_try_alloc(t->hits.count, sizeof(*t->items));
    t->item_of = mem_try_alloc(t->hits.count, sizeof(*t->item_of));
    if (values == NULL || t->items == NULL || t->item_of == NULL)
        return ERR_NO_SPACE;
    t->op.items = t->items;
    e = copy_values(t, values);
    return e == ERR_OK ? settle_all(t, s, values) : e;
}

enum err tokenize_new(struct vault_reader *reader, const struct vault *vault,
                      const struct fields *fields, struct span document,
                      const struct tokenize_subject *subject, struct tokenize **ret_tokenize)
{
    AUTO(tokenize_free) struct tokenize *t = mem_alloc(sizeof(*t));
    struct settling s = {.reader = reader, .vault = vault, .subject = subject};
    enum err e;

    REQUIRE(subject->name_count <= VAULT_NAMES_MAX);
    t->vault = vault;
    t->document = document;
    t->op.op.kind = VAULT_TOKENIZE;
    t->op.domain = subject->domain;
    buf_init_secret(&t->values, document.len);
    e = json_read(fields, document, &t->hits);
    if (e == ERR_OK && t->hits.misplaced)
        e = ERR_UNPROCESSABLE; /* what was declared may stand there in another shape, in clear */
    if (e == ERR_OK && t->hits.count > 0)
        e = read_values(t, &s);
    if (e == ERR_OK)
        *ret_tokenize = TAKE(t);
    return e;
}

struct vault_op *tokenize_op(struct tokenize *t)
{
    return t->op.count > 0 || t->name_missing ? &t->op.op : NULL;
}

size_t tokenize_count(const struct tokenize *t)
{
    return t->op.count + t->found;
}

static enum err write_token(const struct tokenize *t, const struct vault_item *item,
                            struct buf *out)
{
    const bool bare = format_is_bare(vault_class_def(t->vault, item->class_id)->format, item->kind);

    return json_escape(bare ? VALUE_NUMBER : VALUE_STRING,
                       span_of(item->token.bytes, item->token.len), out);
}

enum err tokenize_write(struct tokenize *t, struct buf *out)
{
    const size_t before = out->len;
    enum err e = buf_reserve(out, t->document.len);
    size_t from = 0;

    for (size_t i = 0; e == ERR_OK && i < t->hits.count; i++) {
        const struct hit *hit = &t->hits.at[i];

        if (t->item_of[i] == KEPT)
            continue;
        e = buf_append(out, t->document.at + from, hit->start - from);
        if (e == ERR_OK)
            e = write_token(t, &t->items[t->item_of[i]], out);
        from = hit->end;
    }
    if (e == ERR_OK)
        e = buf_append(out, t->document.at + from, t->document.len - from);
    if (e != ERR_OK)
        out->len = before;
    return e;
}

void tokenize_free(struct tokenize **tokenize)
{
    struct tokenize *t = TAKE(*tokenize);

    if (t == NULL)
        return;
    buf_done(&t->values);
    hits_done(&t->hits);
    free(t->items);
    free(t->item_of);
    free(t);
}
