/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on values and tokens: tokenize, reveal.
 * Runs on: worker threads and the command line; blocks. Holds: nothing; reveal opens the reader it
 * needs. Invariant: as many answers as were asked for, in their order; reveal may stop early.
 * Not here: rectification (ops.c). */
#include "admin/access.h"
#include "admin/ops_priv.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "vault/holds.h"

/* ---- tokenize ---- */

/* Values [first, first + count) as one operation of the vault; tokens are appended to the list. */
static enum err tokenize_group(struct admin *admin, struct vault_tokenize *op,
                               const struct json *values, size_t first, struct json *tokens)
{
    enum err e;

    for (size_t i = 0; i < op->count; i++)
        op->items[i].value = json_text_of(json_at(values, first + i));
    e = vault_run(admin->vault, &op->op);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < op->count; i++) {
        const struct token_text *t = &op->items[i].token;

        json_add(tokens, json_new_text(span_of(t->bytes, t->len)));
    }
    return ERR_OK;
}

/* Whose they are is known now. Somebody who was erased since has no record any more. */
static enum err note_stored(const struct admin *admin, const struct vault_tokenize *op,
                            uint16_t class_id)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = vault_reader_open(admin->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    for (size_t i = 0; e == ERR_OK && i < op->count; i++)
        e = ops_note(admin, reader, op->owner, class_id, NOTE_TOKEN);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* A value of a class that identifies names the subject as well, as it does on a route; an operation
 * carries few names, so such values go in small groups. */
static enum err tokenize_all(struct admin *admin, uint16_t domain, const struct class_def *def,
                             struct span subject, const struct json *values, struct json *tokens)
{
    size_t total = json_count(values), step = def->identifies ? VAULT_NAMES_MAX - 1 : total;
    AUTO(mem_free) struct vault_item *items = mem_try_alloc(total + 1, sizeof(*items));
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE}, .domain = domain};
    uint16_t class_id = vault_class_id(admin->vault, def);
    enum err e = ERR_OK;

    if (items == NULL)
        return ERR_NO_SPACE;
    for (size_t i = 0; i < total; i++) {
        items[i].class_id = class_id;
        items[i].kind = VALUE_STRING;
    }
    op.names[0] = subject;
    for (size_t first = 0; e == ERR_OK && first < total; first += op.count) {
        op.items = items + first;
        op.count = total - first < step ? total - first : step;
        op.name_count = 1;
        for (size_t i = 0; def->identifies && i < op.count; i++) {
            struct span value = json_text_of(json_at(values, first + i));

            if (value.len > 0) /* the empty text names nobody */
                op.names[op.name_count++] = value;
        }
        e = tokenize_group(admin, &op, values, first, tokens);
        if (e == ERR_OK)
            e = note_stored(admin, &op, class_id);
    }
    return e;
}

static enum err check_values(const struct class_def *def, const struct json *values,
                             struct errmsg *msg)
{
    size_t max = def->identifies ? LIMIT_IDENTIFIER_MAX : LIMIT_VALUE_MAX;

    for (size_t i = 0; i < json_count(values); i++) {
        if (json_text_of(json_at(values, i)).len > max)
            return errmsg_set(msg, ERR_TOO_LARGE, "value %zu is longer than %zu bytes", i + 1, max);
    }
    return ERR_OK;
}

enum err ops_cannot_tokenize(enum err e, const struct class_def *def, struct errmsg *msg)
{
    const char *format = format_name(def->format);

    switch (e) {
    case ERR_UNPROCESSABLE:
        return errmsg_set(msg, e, "class %s: a value is not what the format %s is for", def->name,
                          format);
    case ERR_CONFLICT:
        return errmsg_set(msg, e, "class %s: a value looks like a token of the class", def->name);
    case ERR_EXHAUSTED:
        return errmsg_set(msg, e,
                          "class %s: every token of the format %s that fits the value was given "
                          "out; tokens never come back, so that new values need a class with a "
                          "wider format",
                          def->name, format);
    default:
        return e;
    }
}

enum err ops_tokenize(struct admin *admin, const struct json *request, struct json **ret_response,
                      struct errmsg *msg)
{
    AUTO(json_free) struct json *tokens = json_new_list();
    const struct class_def *def = NULL;
    const struct json *values = NULL;
    struct span class_name, subject;
    struct json *map;
    uint16_t domain = VAULT_DOMAIN_DEFAULT;
    enum err e;

    e = ops_need_text(request, "class", &class_name, msg);
    if (e == ERR_OK)
        e = ops_need_subject(request, &subject, msg);
    if (e == ERR_OK)
        e = ops_read_domain(admin, request, &domain, msg);
    if (e == ERR_OK)
        e = ops_need_texts(request, "values", &values, msg);
    if (e != ERR_OK)
        return e;
    def = classes_find(admin->classes, class_name);
    if (def == NULL)
        return errmsg_set(msg, ERR_NOT_FOUND, "the configuration has no such class");
    e = check_values(def, values, msg);
    if (e != ERR_OK)
        return e;
    e = tokenize_all(admin, domain, def, subject, values, tokens);
    if (e != ERR_OK)
        return ops_cannot_tokenize(e, def, msg);
    map = json_new_map();
    json_set(map, "tokens", TAKE(tokens));
    *ret_response = map;
    return ERR_OK;
}

/* ---- reveal ---- */

struct revealing {
    const struct admin *admin;
    struct vault_reader *reader;
    struct vault_scope scope;
    struct span purpose;                 /* at is NULL: none was named */
    struct vault_hold hold;              /* whose values are wanted; number 0: none */
    uint64_t held, restricted, objected; /* tokens whose values are there, and not shown */
    struct errmsg *msg;
};

bool ops_is_in_scope(const struct admin *admin, const struct vault_value *value)
{
    const struct access_who *who = admin->who;
    const struct class_def *def = vault_class_def(admin->vault, value->class_id);
    const char *domain = vault_domain_name(admin->vault, value->domain);

    return who == NULL || (def != NULL && access_names_have(&who->classes, span_str(def->name)) &&
                           domain != NULL && access_names_have(&who->domains, span_str(domain)));
}

/* May who asks see this value? */
static enum err may_see(const struct revealing *r, const struct vault_value *value)
{
    const struct class_def *def = vault_class_def(r->admin->vault, value->class_id);

    if (def != NULL && ops_is_in_scope(r->admin, value) &&
        (r->purpose.at == NULL || class_has_purpose(def, r->purpose)))
        return ERR_OK;
    return errmsg_set(r->msg, ERR_DENIED, "class %s: not for whoever asks, or not for this purpose",
                      def == NULL ? "?" : def->name);
}

/* What the hold that was named keeps, and nothing else. NOT_FOUND: it does not keep this. */
static enum err reveal_held(const struct revealing *r, struct span token, struct buf *value,
                            struct vault_value *ret)
{
    struct vault_scope scope = r->scope;
    struct vault_value found;
    enum err e;

    scope.legal = true;
    e = vault_reveal_as(r->reader, &scope, token, value, &found);
    if (e == ERR_OK && ((r->hold.slot != 0 && r->hold.slot != found.slot) ||
                        (r->hold.class_id != 0 && r->hold.class_id != found.class_id))) {
        buf_reset(value);
        return ERR_NOT_FOUND;
    }
    if (e == ERR_OK)
        *ret = found;
    return e;
}

/* What is there and not shown counts, and gives nothing. */
static bool is_bound(struct revealing *r, enum err e)
{
    r->held += e == ERR_HELD;
    r->restricted += e == ERR_RESTRICTED;
    r->objected += e == ERR_OBJECTED;
    return e == ERR_HELD || e == ERR_RESTRICTED || e == ERR_OBJECTED;
}

/* Append what one token stands for, null when nothing; adds its size to *bytes. */
static enum err reveal_one(struct revealing *r, struct span token, struct buf *value,
                           struct json *values, size_t *bytes)
{
    struct vault_value meta;
    struct json *text;
    enum err e;

    buf_reset(value);
    e = r->hold.number == 0 ? vault_reveal_as(r->reader, &r->scope, token, value, &meta)
                            : reveal_held(r, token, value, &meta);
    if (e == ERR_NOT_FOUND || is_bound(r, e)) {
        json_add(values, json_new_null());
        return ERR_OK;
    }
    if (e == ERR_OK)
        e = may_see(r, &meta);
    if (e == ERR_OK)
        e = ops_note(r->admin, r->reader, meta.slot, meta.class_id, NOTE_VALUE);
    if (e != ERR_OK)
        return e;
    text = json_new_text(buf_span(value));
    if (text == NULL)
        return ERR_CORRUPT; /* only UTF-8 is ever stored */
    json_add(values, text);
    *bytes += value->len;
    return ERR_OK;
}

/* The hold in force that is named. Inside a read transaction. */
static enum err find_hold(struct revealing *r)
{
    const uint64_t number = r->hold.number;
    enum err e = vault_read_hold(r->reader, number - 1, &r->hold);

    if (e == ERR_NOT_FOUND || (e == ERR_OK && (r->hold.number != number || r->hold.lifted_ms != 0)))
        return errmsg_set(r->msg, ERR_NOT_FOUND, "no hold of this number is in force");
    return e;
}

static enum err reveal_all(struct revealing *r, const struct json *tokens, struct json *values)
{
    AUTO(buf_done) struct buf value = {.max = 0};
    size_t bytes = 0;
    enum err e;

    buf_init_secret(&value, LIMIT_VALUE_MAX + 1); /* opening a row wants one byte more */
    e = vault_read_begin(r->reader);
    if (e != ERR_OK)
        return e;
    if (r->hold.number != 0)
        e = find_hold(r);
    for (size_t i = 0; i < json_count(tokens) && bytes < OPS_REVEAL_BYTES_MAX && e == ERR_OK; i++)
        e = reveal_one(r, json_text_of(json_at(tokens, i)), &value, values, &bytes);
    vault_read_end(r->reader);
    return e;
}

/* Whoever works on the host; over the network a hold would be a number that opens what it keeps. */
static enum err read_hold_number(const struct admin *admin, const struct json *request,
                                 uint64_t *ret, struct errmsg *msg)
{
    const int64_t number = json_int_of(json_get(request, "hold"), 0);

    if (admin->who != NULL)
        return errmsg_set(msg, ERR_DENIED,
                          "values under a legal hold are shown on the host, or by the proxy for a "
                          "purpose of `holds`");
    if (number <= 0)
        return errmsg_set(msg, ERR_INVALID, "\"hold\" must be the number of a hold");
    *ret = (uint64_t)number;
    return ERR_OK;
}

enum err ops_reveal(struct admin *admin, const struct json *request, struct json **ret_response,
                    struct errmsg *msg)
{
    AUTO(json_free) struct json *values = json_new_list();
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    const struct json *tokens = NULL;
    struct revealing r = {.admin = admin, .msg = msg}; /* any domain, and any class */
    struct json *map;
    enum err e;

    e = ops_need_texts(request, "tokens", &tokens, msg);
    if (e == ERR_OK)
        e = ops_read_domain(admin, request, &r.scope.domain, msg);
    if (e == ERR_OK)
        e = ops_read_class(admin, request, &r.scope.class_id, msg);
    if (e == ERR_OK && json_get(request, "purpose") != NULL)
        e = ops_need_text(request, "purpose", &r.purpose, msg);
    if (e == ERR_OK && r.purpose.at != NULL)
        r.scope.purpose = vault_purpose_id(admin->vault, r.purpose);
    if (e == ERR_OK && json_get(request, "hold") != NULL)
        e = read_hold_number(admin, request, &r.hold.number, msg);
    if (e != ERR_OK)
        return e;
    e = vault_reader_open(admin->vault, &reader);
    if (e != ERR_OK)
        return e;
    r.reader = reader;
    e = reveal_all(&r, tokens, values);
    if (e != ERR_OK)
        return ops_which_class(e, msg);
    map = json_new_map();
    json_set(map, "values", TAKE(values));
    json_set_int(map, "held", (int64_t)r.held);
    json_set_int(map, "restricted", (int64_t)r.restricted);
    json_set_int(map, "objected", (int64_t)r.objected);
    *ret_response = map;
    return ERR_OK;
}
