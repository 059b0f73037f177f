/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk jobs: tokens of many people back to values, and whether tokens stand for the values they were made of.
 * Runs on: worker threads and the command line; blocks. Holds: nothing; each request opens the reader it needs.
 * Invariant: a value is given out only for a purpose of its class, and is noted for the audit trail before; looking
 * whether values are right gives none out. Not here: storing (ops_bulk.c). */
#include "admin/ops_bulk_priv.h"

#include "admin/access.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "vault/holds.h"

/* What became of a token: the letters of "states". */
enum fate {
    FATE_STRING = 's',
    FATE_NUMBER = 'n',
    FATE_BOOL = 'b',
    FATE_RIGHT = '=',    /* verify: it stands for that value */
    FATE_WRONG = '!',    /* ... for another one */
    FATE_DEAD = '0',     /* it stands for nothing (any more) */
    FATE_NO_TOKEN = '-', /* it is none */
    FATE_HELD = 'h',     /* these three: the value is there, and is not shown */
    FATE_RESTRICTED = 'r',
    FATE_OBJECTED = 'o'
};

struct look {
    const struct admin *admin;
    struct vault_reader *reader;
    struct bulk_columns columns;
    struct span purpose; /* len 0: to verify */
    struct vault_scope scope;
    struct buf value; /* secret */
    struct vault_value found;
    struct errmsg *msg;
};

static void look_done(struct look *l)
{
    bulk_columns_done(&l->columns);
    buf_done(&l->value);
    vault_reader_close(&l->reader);
}

static enum err look_begin(struct look *l, const struct json *request)
{
    enum err e = ops_read_domain(l->admin, request, &l->scope.domain, l->msg);

    buf_init_secret(&l->value, LIMIT_VALUE_MAX + 1); /* opening a row wants one byte more */
    if (e == ERR_OK)
        e = ops_bulk_columns(l->admin, request, &l->columns, l->msg);
    if (e == ERR_OK)
        e = vault_reader_open(l->admin->vault, &l->reader);
    return e == ERR_OK ? vault_read_begin(l->reader) : e;
}

/* The value behind a token, into l->value. A token that says its class needs no other word for it. */
static enum err open_token(struct look *l, const struct bulk_column *column, struct span token,
                           enum fate *ret)
{
    struct vault_scope scope = l->scope;
    enum err e;

    buf_reset(&l->value);
    *ret = FATE_NO_TOKEN;
    if (!vault_is_token(l->reader, column->class_id, token))
        return ERR_OK;
    scope.class_id = token_is(token) ? 0 : column->class_id;
    e = vault_reveal_as(l->reader, &scope, token, &l->value, &l->found);
    switch (e) {
    case ERR_OK:
        *ret = l->found.kind == VALUE_STRING   ? FATE_STRING
               : l->found.kind == VALUE_NUMBER ? FATE_NUMBER
                                               : FATE_BOOL;
        return ERR_OK;
    case ERR_NOT_FOUND:
        *ret = FATE_DEAD;
        return ERR_OK;
    case ERR_HELD:
        *ret = FATE_HELD;
        return ERR_OK;
    case ERR_RESTRICTED:
        *ret = FATE_RESTRICTED;
        return ERR_OK;
    case ERR_OBJECTED:
        *ret = FATE_OBJECTED;
        return ERR_OK;
    default:
        return e;
    }
}

static bool is_value(enum fate fate)
{
    return fate == FATE_STRING || fate == FATE_NUMBER || fate == FATE_BOOL;
}

static bool has_any_purpose(const struct class_def *def, const struct access_names *purposes)
{
    for (size_t i = 0; i < purposes->count; i++)
        if (class_has_purpose(def, span_str(purposes->at[i])))
            return true;
    return purposes->count == 0;
}

/* Is the value one for whoever asks? Who may be told whether a guess is right could guess until it is, so that
 * verifying is for those alone who could have it revealed. */
static enum err may_see(const struct look *l)
{
    const struct class_def *def = vault_class_def(l->admin->vault, l->found.class_id);
    const struct access_who *who = l->admin->who;

    if (!ops_is_in_scope(l->admin, &l->found))
        return errmsg_set(l->msg, ERR_DENIED,
                          "the token is not for values of this class and domain (class %s)",
                          def == NULL ? "?" : def->name);
    if (def != NULL && (l->purpose.len > 0 ? class_has_purpose(def, l->purpose)
                                           : who == NULL || has_any_purpose(def, &who->purposes)))
        return ERR_OK;
    return errmsg_set(l->msg, ERR_DENIED, "class %s: not for this purpose",
                      def == NULL ? "?" : def->name);
}

/* ---- reveal ---- */

static enum err reveal_one(struct look *l, const struct bulk_column *column, struct span token,
                           struct json *values, char *ret_state)
{
    enum fate fate;
    struct json *text;
    enum err e = open_token(l, column, token, &fate);

    if (e != ERR_OK)
        return e;
    *ret_state = (char)fate;
    if (!is_value(fate)) {
        json_add(values, json_new_null());
        return ERR_OK;
    }
    e = may_see(l);
    if (e == ERR_OK)
        e = ops_note(l->admin, l->reader, l->found.slot, l->found.class_id, NOTE_VALUE);
    if (e != ERR_OK)
        return e;
    text = json_new_text(buf_span(&l->value));
    if (text == NULL)
        return ERR_CORRUPT; /* only UTF-8 is ever stored */
    json_add(values, text);
    return ERR_OK;
}

/* A list of so many members an entry, the first of each the number of a column, the others texts. */
static enum err check_list(const struct look *l, const struct json *list, const char *name,
                           size_t members)
{
    if (json_kind(list) != JSON_LIST || json_count(list) % members != 0 ||
        json_count(list) / members > BULK_VALUES_MAX)
        return errmsg_set(l->msg, ERR_INVALID, "\"%s\" must be a list of at most %d", name,
                          BULK_VALUES_MAX);
    for (size_t i = 0; i < json_count(list); i++) {
        if (i % members == 0 ? ops_bulk_column(&l->columns, list, i) == NULL
                             : json_kind(json_at(list, i)) != JSON_TEXT)
            return errmsg_set(l->msg, ERR_INVALID, "entry %zu of \"%s\" is not what it should be",
                              i + 1, name);
    }
    return ERR_OK;
}

static enum err reveal_all(struct look *l, const struct json *tokens, struct json *values,
                           char *states)
{
    size_t bytes = 0;
    enum err e = check_list(l, tokens, "tokens", 2);

    for (size_t i = 0; e == ERR_OK && bytes < OPS_REVEAL_BYTES_MAX && i < json_count(tokens);
         i += 2) {
        e = reveal_one(l, ops_bulk_column(&l->columns, tokens, i),
                       json_text_of(json_at(tokens, i + 1)), values, &states[i / 2]);
        bytes += l->value.len;
    }
    return e;
}

enum err ops_bulk_reveal(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    AUTO(look_done) struct look l = {.admin = admin, .msg = msg};
    AUTO(json_free) struct json *map = json_new_map();
    const struct json *tokens = json_get(request, "tokens");
    AUTO(mem_free) char *states = mem_try_alloc(json_count(tokens) / 2 + 1, 1);
    struct json *values = json_new_list();
    enum err e = ops_need_text(request, "purpose", &l.purpose, msg);

    json_set(map, "values", values);
    if (e == ERR_OK && (states == NULL || l.purpose.len == 0))
        e = states == NULL ? ERR_NO_SPACE : errmsg_set(msg, ERR_INVALID, "what for?");
    if (e != ERR_OK)
        return e;
    l.scope.purpose = vault_purpose_id(admin->vault, l.purpose);
    e = look_begin(&l, request);
    if (e != ERR_OK)
        return e;
    e = reveal_all(&l, tokens, values, states);
    vault_read_end(l.reader);
    if (e != ERR_OK)
        return ops_which_class(e, msg);
    json_set_str(map, "states", states);
    *ret_response = TAKE(map);
    return ERR_OK;
}

/* ---- verify ---- */

static enum err verify_one(struct look *l, const struct json *pairs, size_t at, char *ret_state)
{
    const struct bulk_column *column = ops_bulk_column(&l->columns, pairs, at);
    const struct span value = json_text_of(json_at(pairs, at + 2));
    enum fate fate;
    enum err e = open_token(l, column, json_text_of(json_at(pairs, at + 1)), &fate);

    if (e == ERR_OK && is_value(fate))
        e = may_see(l);
    if (e == ERR_OK && is_value(fate))
        fate = l->value.len == value.len && l->found.kind == column->kind &&
                       secret_equal(l->value.bytes, value.at, value.len)
                   ? FATE_RIGHT
                   : FATE_WRONG;
    *ret_state = (char)fate;
    return e;
}

enum err ops_bulk_verify(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    AUTO(look_done) struct look l = {.admin = admin, .msg = msg};
    const struct json *pairs = json_get(request, "pairs");
    AUTO(mem_free) char *states = mem_try_alloc(json_count(pairs) / 3 + 1, 1);
    struct json *map;
    enum err e = states == NULL ? ERR_NO_SPACE : look_begin(&l, request);

    if (e != ERR_OK)
        return e;
    e = check_list(&l, pairs, "pairs", 3);
    for (size_t i = 0; e == ERR_OK && i < json_count(pairs); i += 3)
        e = verify_one(&l, pairs, i, &states[i / 3]);
    vault_read_end(l.reader);
    if (e != ERR_OK)
        return ops_which_class(e, msg);
    map = json_new_map();
    json_set_str(map, "states", states);
    *ret_response = map;
    return ERR_OK;
}
