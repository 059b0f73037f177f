/* SPDX-License-Identifier: Apache-2.0 */
/* Declared values become tokens: what the store knows is settled here, by reading; the rest is one
 * operation for the vault's writer (a chain of them where the values belong to several people, all or
 * nothing).
 *
 * Every value is in the end KEPT (it was its subject's token already), FOUND (its item has the token),
 * or ASKED: copied into its subject's operation.
 *
 * Runs on: a loop thread. Holds: copies of the values, so that the writer never reads the texts.
 * Invariant: nothing is forwarded of a message in which one value could not be settled.
 * Not here: when the operation is submitted and what comes of its errors (exchange_store.c). */
#include "proxy/transform.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proxy/guard.h"
#include "vault/notes.h"
#include "vault/uses.h"

enum { KEPT = UINT32_MAX, FOUND = UINT32_MAX - 1 };

/* One subject's share. */
struct person {
    struct vault_tokenize op;
    const struct tokenize_subject *subject;
    uint16_t name_class[VAULT_NAMES_MAX]; /* where a name came from; 0: from the route */
    bool name_missing;                    /* the subject is known, but not by all of its names */
    uint64_t slot;                        /* the subject's; 0 when it is not known yet */
};

struct tokenize {
    struct tokenize_input in;
    struct person *people; /* in.subject_count of them; one block with what is by hit */
    size_t block;          /* its size */
    size_t hit_count;
    struct vault_item *items; /* by hit */
    struct vault_item *asked; /* of all people, one's after the other's; NULL: none */
    uint32_t *state;          /* by hit: KEPT, FOUND, or index into asked */
    size_t asked_count;
    size_t found;
    struct buf values; /* what the items' values borrow; never moved */
};

/* ---- walking over all hits ---- */

struct cursor {
    size_t part;
    size_t hit; /* of the part */
    size_t number;
};

/* The hit at the cursor, which moves on; NULL at the end. */
static const struct hit *next_hit(const struct tokenize *t, struct cursor *c,
                                  const struct part **ret_part)
{
    while (c->part < t->in.part_count && c->hit == t->in.parts[c->part].hits.count) {
        c->part++;
        c->hit = 0;
    }
    if (c->part == t->in.part_count)
        return NULL;
    *ret_part = &t->in.parts[c->part];
    c->number++;
    return &(*ret_part)->hits.at[c->hit++];
}

/* Of the hit that next_hit() just gave. */
static struct person *person_of(const struct tokenize *t, const struct cursor *c)
{
    const uint32_t *of = t->in.parts[c->part].subject_of;

    return &t->people[of == NULL ? 0 : of[c->hit - 1]];
}

static const struct class_def *class_of(const struct tokenize *t, const struct hit *hit)
{
    return vault_class_def(t->in.vault, hit->class_id);
}

/* A number may be a token of format integer, or of another typed one that lost its quotes. */
static bool is_token(const struct tokenize *t, const struct hit *hit, struct span value)
{
    return hit->kind != VALUE_BOOL && vault_is_token(t->in.reader, hit->class_id, value);
}

/* ---- names ---- */

/* Values that identify become names of the subject. Where the route names nobody, two different
 * ones of one class may be two people: keeping them under one key would be beyond repair. */
static enum err add_name(struct person *p, uint16_t class_id, struct span value)
{
    struct vault_tokenize *op = &p->op;

    if (value.len == 0)
        return ERR_OK;
    if (value.len > LIMIT_IDENTIFIER_MAX)
        return ERR_TOO_LARGE;
    for (size_t i = 0; i < op->name_count; i++) {
        if (span_equal(op->names[i], value))
            return ERR_OK;
        if (p->subject->name_count == 0 && p->slot == 0 && p->name_class[i] == class_id)
            return ERR_UNPROCESSABLE;
    }
    if (op->name_count == VAULT_NAMES_MAX)
        return ERR_TOO_LARGE;
    p->name_class[op->name_count] = class_id;
    op->names[op->name_count++] = value;
    return ERR_OK;
}

/* A token as the subject's name would become a name of somebody new. Class 0: of any opaque one. */
static bool names_a_token(const struct tokenize *t, const struct person *p, uint16_t class_id)
{
    for (size_t i = 0; i < p->subject->name_count; i++)
        if (vault_is_token(t->in.reader, class_id, p->subject->names[i]))
            return true;
    return false;
}

static enum err begin_people(struct tokenize *t)
{
    for (size_t i = 0; i < t->in.subject_count; i++) {
        struct person *p = &t->people[i];

        p->op.op.kind = VAULT_TOKENIZE;
        p->op.domain = t->in.domain;
        p->subject = &t->in.subjects[i];
        p->slot = p->op.slot = p->subject->slot;
        REQUIRE(p->subject->name_count <= VAULT_NAMES_MAX);
        if (names_a_token(t, p, 0))
            return ERR_UNPROCESSABLE;
        for (size_t n = 0; n < p->subject->name_count; n++)
            p->op.names[p->op.name_count++] = p->subject->names[n];
    }
    return ERR_OK;
}

static enum err collect_name(struct tokenize *t, struct person *p, const struct hit *hit,
                             const struct field_rule *rule, struct span value)
{
    const struct class_def *def = class_of(t, hit);

    if (def == NULL)
        return ERR_INTERNAL;
    if (!def->identifies || rule->mode == FIELD_LOOKUP)
        return ERR_OK;
    if (names_a_token(t, p, hit->class_id))
        return ERR_UNPROCESSABLE;
    return is_token(t, hit, value) ? ERR_OK : add_name(p, hit->class_id, value);
}

/* The first name that is known leads to the subject. */
static enum err find_subject(struct tokenize *t, struct person *p)
{
    bool missing = false;

    for (size_t i = 0; i < p->op.name_count; i++) {
        uint64_t slot = 0;
        const enum err e = vault_read_subject(t->in.reader, p->op.domain, p->op.names[i], &slot);

        if (e != ERR_OK && e != ERR_NOT_FOUND)
            return e;
        missing = missing || e == ERR_NOT_FOUND;
        if (p->slot == 0)
            p->slot = slot;
    }
    p->name_missing = missing && p->slot != 0;
    return ERR_OK;
}

static enum err find_people(struct tokenize *t)
{
    struct cursor c = {0};
    const struct part *part;
    const struct hit *hit;
    enum err e = begin_people(t);

    while (e == ERR_OK && (hit = next_hit(t, &c, &part)) != NULL)
        e = collect_name(t, person_of(t, &c), hit, part_rule(part, hit),
                         t->items[c.number - 1].value);
    for (size_t i = 0; e == ERR_OK && i < t->in.subject_count; i++)
        e = find_subject(t, &t->people[i]);
    return e;
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
static enum err keep_token(const struct tokenize *t, const struct person *p, const struct hit *hit,
                           struct span token)
{
    const struct vault_scope scope = {
        .domain = t->in.domain, .class_id = hit->class_id, .slot = p->slot};
    struct vault_value value;
    enum err e;

    if (p->slot == 0 || !has_own_domain(class_of(t, hit), token))
        return ERR_UNPROCESSABLE;
    e = vault_inspect_as(t->in.reader, &scope, token, &value);
    return e == ERR_NOT_FOUND || e == ERR_DENIED ? ERR_UNPROCESSABLE : e;
}

/* The token that stands for a value in search: the one there is, whoever's, or one that matches nothing.
 * Equality counts what a value was in JSON, which other places do not tell. */
static enum err look_up(const struct tokenize *t, struct vault_item *item)
{
    enum err e = vault_find(t->in.reader, t->in.domain, 0, item);

    if (e == ERR_NOT_FOUND && item->kind == VALUE_STRING && json_spells_number(item->value)) {
        item->kind = VALUE_NUMBER;
        e = vault_find(t->in.reader, t->in.domain, 0, item);
    }
    return e == ERR_NOT_FOUND ? vault_decoy(t->in.reader, item) : e;
}

/* Empty: it asks for nobody. A caller that sees tokens searches by them. */
static enum err settle_lookup(struct tokenize *t, size_t number, const struct hit *hit)
{
    struct vault_item *item = &t->items[number];

    t->state[number] = KEPT;
    if (item->value.len == 0)
        return ERR_OK;
    if (is_token(t, hit, item->value))
        return has_own_domain(class_of(t, hit), item->value) ? ERR_OK : ERR_UNPROCESSABLE;
    t->state[number] = FOUND;
    if (t->in.guard != NULL) {
        enum err e = guard_look_up(t->in.guard, item->class_id, item->value);

        if (e != ERR_OK)
            return e;
    }
    return look_up(t, item);
}

static enum err settle(struct tokenize *t, size_t number, const struct hit *hit,
                       const struct person *p)
{
    struct vault_item *item = &t->items[number];
    enum err e = ERR_NOT_FOUND;

    t->state[number] = KEPT;
    if (is_token(t, hit, item->value))
        return keep_token(t, p, hit, item->value);
    if (class_of(t, hit)->deterministic && p->slot != 0)
        e = vault_find_use(t->in.reader, t->in.domain, p->slot, item);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    t->state[number] = e == ERR_OK ? FOUND : 0;
    t->found += e == ERR_OK;
    t->asked_count += e != ERR_OK;
    return ERR_OK;
}

static enum err settle_all(struct tokenize *t)
{
    struct cursor c = {0};
    const struct part *part;
    const struct hit *hit;
    enum err e = vault_read_begin(t->in.reader);

    if (e != ERR_OK)
        return e;
    e = find_people(t);
    while (e == ERR_OK && (hit = next_hit(t, &c, &part)) != NULL) {
        if (part_rule(part, hit)->mode == FIELD_LOOKUP)
            e = settle_lookup(t, c.number - 1, hit);
        else
            e = settle(t, c.number - 1, hit, person_of(t, &c));
    }
    vault_read_end(t->in.reader);
    return e;
}

/* ---- the operation ---- */

/* Give each person the place in `asked` where its items begin. */
static void share_out(struct tokenize *t)
{
    struct cursor c = {0};
    const struct part *part;
    struct vault_item *at = t->asked;

    while (next_hit(t, &c, &part) != NULL)
        if (t->state[c.number - 1] < FOUND)
            person_of(t, &c)->op.count++;
    for (size_t i = 0; i < t->in.subject_count; i++) {
        t->people[i].op.items = at;
        at += t->people[i].op.count;
        t->people[i].op.count = 0;
    }
}

/* What is not known is asked of the writer, person by person. */
static enum err ask(struct tokenize *t)
{
    struct cursor c = {0};
    const struct part *part;

    if (t->asked_count == 0)
        return ERR_OK;
    t->asked = mem_try_alloc(t->asked_count, sizeof(*t->asked));
    if (t->asked == NULL)
        return ERR_NO_SPACE;
    share_out(t);
    while (next_hit(t, &c, &part) != NULL) {
        struct vault_tokenize *op = &person_of(t, &c)->op;

        if (t->state[c.number - 1] >= FOUND)
            continue;
        t->state[c.number - 1] = (uint32_t)(op->items + op->count - t->asked);
        op->items[op->count++] = t->items[c.number - 1];
    }
    return ERR_OK;
}

static bool has_work(const struct person *p)
{
    return p->op.count > 0 || p->name_missing;
}

struct vault_op *tokenize_op(struct tokenize *t)
{
    struct vault_tokenize *first = NULL;

    for (size_t i = t->in.subject_count; i > 0; i--) {
        struct person *p = &t->people[i - 1];

        if (!has_work(p))
            continue;
        p->op.also = first;
        first = &p->op;
    }
    return first == NULL ? NULL : &first->op;
}

/* ---- reading ---- */

/* Copy what the hits say, without escapes. Their text is never shorter, so the copies fit what is
 * reserved first and stay where they are. */
static enum err copy_values(struct tokenize *t)
{
    const size_t total = parts_count_bytes(t->in.parts, t->in.part_count);
    AUTO(buf_done) struct buf scratch = {.max = total, .secret = true};
    struct cursor c = {0};
    const struct part *part;
    const struct hit *hit;
    enum err e;

    buf_init_secret(&t->values, total);
    e = buf_reserve(&t->values, total);
    while (e == ERR_OK && (hit = next_hit(t, &c, &part)) != NULL) {
        struct vault_item *item = &t->items[c.number - 1];
        const size_t start = t->values.len;
        struct span value;

        e = hit_read(part->text, hit, &scratch, &value);
        if (e == ERR_OK && value.len > LIMIT_VALUE_MAX)
            e = ERR_TOO_LARGE;
        if (e == ERR_OK)
            e = buf_append_span(&t->values, value);
        if (e != ERR_OK)
            break;
        item->class_id = hit->class_id; /* the rest of it is zero */
        item->kind = hit->kind;
        item->value = span_of(t->values.bytes + start, value.len);
    }
    return e;
}

/* One block for all three, by falling alignment. */
static enum err make_room(struct tokenize *t)
{
    t->block = t->in.subject_count * sizeof(*t->people) +
               t->hit_count * (sizeof(*t->items) + sizeof(*t->state));
    t->people = mem_take(t->block);
    if (t->people == NULL)
        return ERR_NO_SPACE;
    memset(t->people, 0, t->block);
    t->items = (struct vault_item *)(t->people + t->in.subject_count);
    t->state = (uint32_t *)(t->items + t->hit_count);
    return ERR_OK;
}

static enum err read_values(struct tokenize *t)
{
    enum err e = make_room(t);

    if (e == ERR_OK)
        e = copy_values(t);
    if (e == ERR_OK)
        e = settle_all(t);
    return e == ERR_OK ? ask(t) : e;
}

enum err tokenize_new(const struct tokenize_input *input, struct tokenize **ret_tokenize)
{
    AUTO(tokenize_free) struct tokenize *t = mem_alloc(sizeof(*t));
    enum err e = ERR_OK;

    REQUIRE(input->subject_count > 0);
    t->in = *input;
    for (size_t i = 0; i < input->part_count; i++)
        if (input->parts[i].hits.misplaced)
            return ERR_UNPROCESSABLE; /* what was declared may stand in another shape, in clear */
    t->hit_count = parts_count_hits(input->parts, input->part_count);
    if (t->hit_count > LIMIT_FIELDS_MAX)
        return ERR_TOO_LARGE;
    if (t->hit_count > 0)
        e = read_values(t);
    else
        t->in.subject_count = 0; /* nobody is asked for */
    if (e == ERR_OK)
        *ret_tokenize = TAKE(t);
    return e;
}

/* ---- writing ---- */

size_t tokenize_count(const struct tokenize *t)
{
    return t->asked_count + t->found;
}

uint64_t tokenize_owner(const struct tokenize *t)
{
    const struct person *only = t->people;

    return t->in.subject_count == 1 && only->subject->name_count > 0 && !only->name_missing
               ? only->slot
               : 0;
}

static size_t first_of(const struct tokenize *t, size_t part)
{
    return parts_count_hits(t->in.parts, part);
}

size_t tokenize_changes(const struct tokenize *t, size_t part)
{
    const size_t first = first_of(t, part);
    size_t changes = 0;

    for (size_t i = 0; i < t->in.parts[part].hits.count; i++)
        changes += t->state[first + i] != KEPT;
    return changes;
}

static enum err write_token(const struct tokenize *t, struct span text, const struct hit *hit,
                            size_t number, struct buf *out)
{
    const uint32_t state = t->state[number];
    const struct vault_item *item = state == FOUND ? &t->items[number] : &t->asked[state];
    const bool bare =
        hit->coding == HIT_JSON && format_is_bare(class_of(t, hit)->format, item->kind);

    return hit_write(text, hit, bare ? VALUE_NUMBER : VALUE_STRING,
                     span_of(item->token.bytes, item->token.len), out);
}

enum err tokenize_write(const struct tokenize *t, size_t number, struct buf *out)
{
    const struct part *part = &t->in.parts[number];
    const size_t before = out->len, first = first_of(t, number);
    enum err e = buf_reserve(out, part->text.len);
    size_t from = 0;

    for (size_t i = 0; e == ERR_OK && i < part->hits.count; i++) {
        const struct hit *hit = &part->hits.at[i];

        if (t->state[first + i] == KEPT)
            continue;
        e = buf_append(out, part->text.at + from, hit->start - from);
        if (e == ERR_OK)
            e = write_token(t, part->text, hit, first + i, out);
        from = hit->end;
    }
    if (e == ERR_OK)
        e = buf_append(out, part->text.at + from, part->text.len - from);
    if (e != ERR_OK)
        out->len = before;
    return e;
}

enum err tokenize_note(const struct tokenize *t, struct notes *notes)
{
    struct cursor c = {0};
    const struct part *part;
    const struct hit *hit;
    enum err e;

    if (t->asked_count + t->found == 0)
        return ERR_OK;
    e = vault_read_begin(t->in.reader);
    if (e != ERR_OK)
        return e;
    while (e == ERR_OK && (hit = next_hit(t, &c, &part)) != NULL) {
        const struct person *p = person_of(t, &c);
        const uint64_t slot = p->slot != 0 ? p->slot : p->op.owner;

        if (t->state[c.number - 1] != KEPT && part_rule(part, hit)->mode != FIELD_LOOKUP)
            e = notes_add(notes, t->in.reader, slot, hit->class_id, NOTE_TOKEN);
    }
    vault_read_end(t->in.reader);
    /* Erased just now: nobody may learn whose it was. */
    return e == ERR_NOT_FOUND ? ERR_CONFLICT : e;
}

void tokenize_free(struct tokenize **tokenize)
{
    struct tokenize *t = TAKE(*tokenize);

    if (t == NULL)
        return;
    buf_done(&t->values);
    free(t->asked);
    mem_give(t->people, t->block); /* and with them items and state */
    free(t);
}
