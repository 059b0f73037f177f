/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on lines: values of many people, tokens of many kinds, each line with an outcome of its own.
 * Runs on: worker threads; blocks. Holds: nothing. Invariant: as many outcomes as lines, in their order (reveal may
 * stop early); what a line did is durable, and recorded, before its outcome is given. A line that is wrong leaves
 * the others alone. Not here: streams (admin/api_stream.c).
 *
 *   tokenize.lines  {subject, class, value, domain?}  ─► {"token"}          or {"error": {"code", "detail"}}
 *   reveal.lines    {token, domain?, class?}          ─► {"value": or null} or {"error": {"code", "detail"}} */
#include <pthread.h>
#include <string.h>

#include "admin/access.h"
#include "admin/ops_priv.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

static struct json *error_map(enum err e, const struct errmsg *msg)
{
    struct json *map = json_new_map(), *error = json_new_map();

    json_set_str(error, "code", err_name(e));
    json_set_str(error, "detail", msg->text[0] == '\0' ? err_text(e) : msg->text);
    json_set(map, "error", error);
    return map;
}

static enum err read_lines(const struct json *request, const struct json **ret, struct errmsg *msg)
{
    *ret = json_get(request, "lines");
    return json_kind(*ret) == JSON_LIST && json_count(*ret) <= OPS_LINES_MAX
               ? ERR_OK
               : errmsg_set(msg, ERR_INVALID, "\"lines\" is a list of at most %d objects",
                            OPS_LINES_MAX);
}

static enum err check_members(const struct json *line, const char *const known[],
                              struct errmsg *msg)
{
    struct json *value;
    const char *name;
    void *it = NULL;

    if (json_kind(line) != JSON_MAP)
        return errmsg_set(msg, ERR_INVALID, "a line is a JSON object");
    while (json_next(line, &it, &name, &value)) {
        size_t i = 0;

        while (known[i] != NULL && strcmp(known[i], name) != 0)
            i++;
        if (known[i] == NULL)
            return errmsg_set(msg, ERR_INVALID, "the line holds a member that has no meaning");
    }
    return ERR_OK;
}

/* ---- tokenize ---- */

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t left;
};

struct line {
    struct vault_tokenize op;
    struct vault_item item;
    const struct class_def *def;
    bool submitted;
    enum err e;
    struct errmsg msg;
};

/* The writer's thread. */
static void on_stored(struct vault_op *op)
{
    struct waiting *w = op->owner;

    (void)pthread_mutex_lock(&w->lock);
    if (--w->left == 0)
        (void)pthread_cond_signal(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
}

static enum err check_who(const struct admin *admin, const struct line *line,
                          const struct json *tree, struct errmsg *msg)
{
    const struct access_who *who = admin->who;
    struct span domain = json_text_of(json_get(tree, "domain"));

    if (who == NULL)
        return ERR_OK;
    if (domain.at == NULL)
        domain = SPAN_LIT("default");
    if (!access_names_have(&who->domains, domain))
        return errmsg_set(msg, ERR_DENIED, "the token is not for this domain");
    return access_names_have(&who->classes, span_str(line->def->name))
               ? ERR_OK
               : errmsg_set(msg, ERR_DENIED, "the token is not for this class");
}

static enum err read_line(const struct admin *admin, const struct json *tree, struct line *line)
{
    static const char *const members[] = {"subject", "class", "value", "domain", NULL};
    struct vault_tokenize *op = &line->op;
    struct errmsg *msg = &line->msg;
    struct span class_name, subject;
    enum err e = check_members(tree, members, msg);

    if (e == ERR_OK)
        e = ops_need_text(tree, "class", &class_name, msg);
    if (e == ERR_OK)
        e = ops_need_subject(tree, &subject, msg);
    if (e == ERR_OK)
        e = ops_need_text(tree, "value", &line->item.value, msg);
    op->domain = VAULT_DOMAIN_DEFAULT;
    if (e == ERR_OK)
        e = ops_read_domain(admin, tree, &op->domain, msg);
    if (e != ERR_OK)
        return e;
    line->def = classes_find(admin->classes, class_name);
    if (line->def == NULL)
        return errmsg_set(msg, ERR_NOT_FOUND, "the configuration has no such class");
    if (line->item.value.len > (line->def->identifies ? LIMIT_IDENTIFIER_MAX : LIMIT_VALUE_MAX))
        return errmsg_set(msg, ERR_TOO_LARGE, "the value is too long");
    op->op.kind = VAULT_TOKENIZE;
    op->items = &line->item;
    op->count = 1;
    op->names[0] = subject;
    op->name_count = 1;
    if (line->def->identifies && line->item.value.len > 0)
        op->names[op->name_count++] = line->item.value;
    line->item.class_id = vault_class_id(admin->vault, line->def);
    line->item.kind = VALUE_STRING;
    return check_who(admin, line, tree, msg);
}

/* All of them in as few commits as the writer makes of what waits for it. */
static void store_lines(struct admin *admin, struct line *lines, size_t count)
{
    struct waiting w = {.left = 1}; /* ours, so that nothing is over before all are handed over */

    REQUIRE(pthread_mutex_init(&w.lock, NULL) == 0 && pthread_cond_init(&w.changed, NULL) == 0);
    for (size_t i = 0; i < count; i++) {
        struct line *line = &lines[i];

        if (line->e != ERR_OK)
            continue;
        line->op.op.done = on_stored;
        line->op.op.owner = &w;
        (void)pthread_mutex_lock(&w.lock);
        w.left++;
        (void)pthread_mutex_unlock(&w.lock);
        line->e = vault_submit(admin->vault, &line->op.op);
        line->submitted = line->e == ERR_OK;
        if (!line->submitted)
            on_stored(&line->op.op);
    }
    (void)pthread_mutex_lock(&w.lock);
    w.left--;
    while (w.left > 0)
        (void)pthread_cond_wait(&w.changed, &w.lock);
    (void)pthread_mutex_unlock(&w.lock);
    (void)pthread_cond_destroy(&w.changed);
    (void)pthread_mutex_destroy(&w.lock);
}

/* Whose they are is known now. Somebody who was erased since has no record any more. */
static enum err note_lines(struct admin *admin, const struct line *lines, size_t count)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = vault_reader_open(admin->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        if (lines[i].e != ERR_OK)
            continue;
        e = ops_note(admin, reader, lines[i].op.owner, lines[i].item.class_id, NOTE_TOKEN);
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    vault_read_end(reader);
    return e;
}

static struct json *outcome_of(struct line *line)
{
    const struct token_text *token = &line->item.token;
    struct json *map;

    if (line->submitted && line->e == ERR_OK)
        line->e = line->op.op.result;
    if (line->e != ERR_OK) {
        if (line->submitted)
            line->e = ops_cannot_tokenize(line->e, line->def, &line->msg);
        return error_map(line->e, &line->msg);
    }
    map = json_new_map();
    json_set(map, "token", json_new_text(span_of(token->bytes, token->len)));
    return map;
}

enum err ops_tokenize_lines(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg)
{
    AUTO(mem_free) struct line *lines = NULL;
    AUTO(json_free) struct json *outcomes = json_new_list();
    const struct json *list;
    enum err e = read_lines(request, &list, msg);
    const size_t count = e == ERR_OK ? json_count(list) : 0;

    if (e != ERR_OK)
        return e;
    lines = mem_try_alloc(count + 1, sizeof(*lines));
    if (lines == NULL)
        return ERR_NO_SPACE;
    for (size_t i = 0; i < count; i++)
        lines[i].e = read_line(admin, json_at(list, i), &lines[i]);
    store_lines(admin, lines, count);
    for (size_t i = 0; i < count; i++)
        json_add(outcomes, outcome_of(&lines[i]));
    e = note_lines(admin, lines, count);
    if (e != ERR_OK)
        return e;
    *ret_response = json_new_map();
    json_set(*ret_response, "lines", TAKE(outcomes));
    return ERR_OK;
}

/* ---- reveal ---- */

static enum err check_question(const struct json *line, struct errmsg *msg)
{
    static const char *const members[] = {"token", "domain", "class", NULL};
    struct span token;
    enum err e = check_members(line, members, msg);

    return e == ERR_OK ? ops_need_text(line, "token", &token, msg) : e;
}

static bool is_same(const struct json *a, const struct json *b, const char *member)
{
    const struct json *one = json_get(a, member), *other = json_get(b, member);

    return json_kind(one) == json_kind(other) && (one == NULL || json_kind(one) == JSON_TEXT) &&
           span_equal(json_text_of(one), json_text_of(other));
}

static void copy_member(struct json *to, const struct json *from, const char *name)
{
    if (json_get(from, name) != NULL)
        json_set(to, name, json_clone(json_get(from, name)));
}

struct revealing {
    struct admin *admin;
    const struct json *request;
    const struct json *list; /* of lines */
    struct json *outcomes;   /* so far */
    size_t bytes;            /* of values in them */
};

static void add_values(struct revealing *r, const struct json *values)
{
    for (size_t i = 0; i < json_count(values); i++) {
        struct json *map = json_new_map();

        json_set(map, "value", json_clone(json_at(values, i)));
        json_add(r->outcomes, map);
        r->bytes += json_text_of(json_at(values, i)).len;
    }
}

/* The values of lines [first, first + count), which name one domain and class; perhaps fewer. */
static enum err reveal_some(struct revealing *r, size_t first, size_t count, struct errmsg *msg)
{
    AUTO(json_free) struct json *question = json_new_map();
    AUTO(json_free) struct json *answer = NULL;
    struct json *tokens = json_new_list();
    enum err e;

    json_set_str(question, "op", "reveal");
    copy_member(question, r->request, "purpose");
    copy_member(question, json_at(r->list, first), "domain");
    copy_member(question, json_at(r->list, first), "class");
    json_set(question, "tokens", tokens);
    for (size_t i = first; i < first + count; i++)
        json_add(tokens, json_clone(json_get(json_at(r->list, i), "token")));
    e = ops_run_within(r->admin, question, &answer, msg);
    if (e == ERR_OK)
        add_values(r, json_get(answer, "values"));
    return e;
}

/* Runs of lines that one question fits, as long as nothing is wrong with any. */
static enum err reveal_together(struct revealing *r, struct errmsg *msg)
{
    const size_t total = json_count(r->list);
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < total; i++)
        e = check_question(json_at(r->list, i), msg);
    for (size_t first = 0; e == ERR_OK && first < total && r->bytes < OPS_REVEAL_BYTES_MAX;
         first = json_count(r->outcomes)) {
        const struct json *line = json_at(r->list, first);
        size_t count = 1;

        while (first + count < total && is_same(line, json_at(r->list, first + count), "domain") &&
               is_same(line, json_at(r->list, first + count), "class"))
            count++;
        e = reveal_some(r, first, count, msg);
    }
    return e;
}

/* Each on its own, so that each says what is wrong with it. */
static void reveal_singly(struct revealing *r)
{
    for (size_t i = 0; i < json_count(r->list) && r->bytes < OPS_REVEAL_BYTES_MAX; i++) {
        struct errmsg msg = {""};
        enum err e = check_question(json_at(r->list, i), &msg);

        if (e == ERR_OK)
            e = reveal_some(r, i, 1, &msg);
        if (e != ERR_OK)
            json_add(r->outcomes, error_map(e, &msg));
    }
}

enum err ops_reveal_lines(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *outcomes = json_new_list();
    struct revealing r = {.admin = admin, .request = request, .outcomes = outcomes};
    enum err e = read_lines(request, &r.list, msg);

    if (e != ERR_OK)
        return e;
    if (reveal_together(&r, msg) != ERR_OK) {
        json_free(&outcomes); /* nothing of it is shown, so nothing of it counts */
        outcomes = json_new_list();
        r.outcomes = outcomes;
        r.bytes = 0;
        if (admin->notes != NULL)
            notes_reset(admin->notes);
        reveal_singly(&r);
        (void)errmsg_set(msg, ERR_OK, "%s", "");
    }
    *ret_response = json_new_map();
    json_set(*ret_response, "lines", TAKE(outcomes));
    return ERR_OK;
}
