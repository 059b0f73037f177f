/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk jobs: values of many people in groups.
 * Runs on: worker threads and the command line; blocks. Holds: nothing between requests; what a job has done stands
 * with the client, and its last group in the vault (vault/bulk.h). Invariant: a group is stored whole or not at all,
 * and which values it leaves out is decided before anything is written. Not here: files (cli/bulk.h), tokens back to values
 * (ops_bulk_reveal.c). */
#include "admin/ops_bulk_priv.h"

#include "admin/access.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "retention/proof.h"
#include "vault/bulk.h"

/* ---- what a request says ---- */

static bool is_bound(const struct access_names *names, const char *name)
{
    return name == NULL ? names->count > 0 : !access_names_have(names, span_str(name));
}

enum err ops_bulk_class_allowed(const struct admin *admin, const struct class_def *def,
                                struct errmsg *msg)
{
    return admin->who == NULL || !is_bound(&admin->who->classes, def == NULL ? NULL : def->name)
               ? ERR_OK
               : errmsg_set(msg, ERR_DENIED, "the token is not for the class %s",
                            def == NULL ? "?" : def->name);
}

enum err ops_bulk_domain_allowed(const struct admin *admin, uint16_t domain, struct errmsg *msg)
{
    return admin->who == NULL ||
                   !is_bound(&admin->who->domains, vault_domain_name(admin->vault, domain))
               ? ERR_OK
               : errmsg_set(msg, ERR_DENIED, "the token is not for this domain");
}

static enum err read_kind(const struct json *column, enum value_kind *ret, struct errmsg *msg)
{
    static const struct {
        const char *name;
        enum value_kind kind;
    } kinds[] = {{"string", VALUE_STRING}, {"number", VALUE_NUMBER}, {"bool", VALUE_BOOL}};
    const struct json *kind = json_get(column, "kind");

    *ret = VALUE_STRING;
    for (size_t i = 0; kind != NULL && i < COUNT_OF(kinds); i++) {
        if (span_equal(json_text_of(kind), span_str(kinds[i].name))) {
            *ret = kinds[i].kind;
            return ERR_OK;
        }
    }
    return kind == NULL ? ERR_OK : errmsg_set(msg, ERR_INVALID, "there is no such kind of value");
}

static enum err read_column(const struct admin *admin, const struct json *column,
                            struct bulk_column *ret, struct errmsg *msg)
{
    enum err e;

    if (json_kind(column) != JSON_MAP)
        return errmsg_set(msg, ERR_INVALID, "\"columns\" must be a list of objects");
    e = ops_read_class(admin, column, &ret->class_id, msg);
    if (e == ERR_OK && ret->class_id != 0)
        ret->def = vault_class_def(admin->vault, ret->class_id);
    if (e == ERR_OK && ret->def != NULL)
        e = ops_bulk_class_allowed(admin, ret->def, msg);
    return e == ERR_OK ? read_kind(column, &ret->kind, msg) : e;
}

void bulk_columns_done(struct bulk_columns *columns)
{
    mem_free(&columns->at);
}

enum err ops_bulk_columns(const struct admin *admin, const struct json *request,
                          struct bulk_columns *ret, struct errmsg *msg)
{
    AUTO(bulk_columns_done) struct bulk_columns read = {.at = NULL};
    const struct json *list = json_get(request, "columns");
    enum err e = ERR_OK;

    if (json_kind(list) != JSON_LIST || json_count(list) > BULK_COLUMNS_MAX)
        return errmsg_set(msg, ERR_INVALID, "\"columns\" must be a list of at most %d",
                          BULK_COLUMNS_MAX);
    read.count = json_count(list);
    read.at = mem_try_alloc(read.count + 1, sizeof(read.at[0]));
    if (read.at == NULL)
        return ERR_NO_SPACE;
    for (size_t i = 0; e == ERR_OK && i < read.count; i++)
        e = read_column(admin, json_at(list, i), &read.at[i], msg);
    if (e == ERR_OK) {
        *ret = read;
        read.at = NULL;
    }
    return e;
}

const struct bulk_column *ops_bulk_column(const struct bulk_columns *columns,
                                          const struct json *list, size_t index)
{
    const int64_t number = json_int_of(json_at(list, index), -1);

    return number >= 0 && (uint64_t)number < columns->count ? &columns->at[number] : NULL;
}

static enum err read_job(const struct json *request, uint8_t ret[VAULT_ID_BYTES],
                         struct errmsg *msg)
{
    return proof_unhex(json_text_of(json_get(request, "job")), ret, VAULT_ID_BYTES)
               ? ERR_OK
               : errmsg_set(msg, ERR_INVALID, "\"job\" is what starting a job gave");
}

/* ---- start and finish ---- */

static enum err check_classes(const struct admin *admin, const struct json *request,
                              struct errmsg *msg)
{
    const struct span purpose = json_text_of(json_get(request, "purpose"));
    const struct json *names = NULL;
    enum err e = ops_need_texts(request, "classes", &names, msg);

    if (e == ERR_OK && purpose.len > 0 && admin->who != NULL &&
        !access_names_have(&admin->who->purposes, purpose))
        return errmsg_set(msg, ERR_DENIED, "the token is not for this purpose");
    for (size_t i = 0; e == ERR_OK && i < json_count(names); i++) {
        const struct class_def *def = classes_find(admin->classes, json_text_of(json_at(names, i)));

        if (def == NULL)
            return errmsg_set(msg, ERR_NOT_FOUND,
                              "the configuration has no class of the name that "
                              "stands behind a field");
        if (purpose.len > 0 && !class_has_purpose(def, purpose))
            return errmsg_set(msg, ERR_DENIED, "class %s: not for this purpose", def->name);
        e = ops_bulk_class_allowed(admin, def, msg);
    }
    return e;
}

/* What e-mail tokens may end with: whoever looks for tokens in texts wants to know. */
static struct json *email_domains(const struct admin *admin)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < admin->classes->count; i++) {
        const struct class_def *def = &admin->classes->defs[i];

        if (def->format == TOKEN_EMAIL && def->email_domain != NULL)
            json_add(list, json_new_text(span_str(def->email_domain)));
    }
    return list;
}

enum err ops_bulk_start(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg)
{
    uint8_t job[VAULT_ID_BYTES], key[VAULT_DERIVED_BYTES];
    char job_hex[2 * sizeof(job) + 1], key_hex[2 * sizeof(key) + 1];
    uint16_t domain = VAULT_DOMAIN_DEFAULT;
    struct json *map;
    enum err e = check_classes(admin, request, msg);

    if (e == ERR_OK)
        e = ops_read_domain(admin, request, &domain, msg);
    if (e != ERR_OK)
        return e;
    secret_random(job, sizeof(job));
    if (json_get(request, "job") != NULL)
        e = read_job(request, job, msg);
    if (e == ERR_OK)
        e = vault_derive(admin->vault, "bulk job", span_of(job, sizeof(job)), key);
    if (e != ERR_OK)
        return e;
    proof_hex(job, sizeof(job), job_hex);
    proof_hex(key, sizeof(key), key_hex);
    map = json_new_map();
    json_set_str(map, "job", job_hex);
    json_set_str(map, "key", key_hex);
    json_set(map, "email_domains", email_domains(admin));
    secret_wipe(key, sizeof(key));
    secret_wipe(key_hex, sizeof(key_hex));
    *ret_response = map;
    return ERR_OK;
}

enum err ops_bulk_finish(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    uint8_t job[VAULT_ID_BYTES];
    enum err e = read_job(request, job, msg);

    if (e == ERR_OK)
        e = vault_bulk_finish(admin->vault, job);
    if (e == ERR_OK)
        *ret_response = json_new_map();
    return e;
}

/* ---- tokenize: what the values are ---- */

enum policy { POLICY_STOP, POLICY_SKIP, POLICY_KEEP };

/* What becomes of a value: the letters of "states". */
enum fate {
    FATE_STORED = '+',
    FATE_BARE = '#',   /* the same, and its token is a JSON number */
    FATE_TOKEN = '=',  /* it is a token already */
    FATE_FORMAT = 'f', /* not what the format of its class is for */
    FATE_LONG = 'l',   /* longer than a value may be */
    FATE_SUBJECT = 's' /* nobody can be found by what its row says whose it is */
};

struct group {
    struct admin *admin;
    const struct json *rows;
    struct bulk_columns columns;
    uint16_t domain, subject_class;
    enum policy policy;
    size_t count;             /* values in all rows */
    char *states;             /* one a value, and a NUL */
    bool any_bad;             /* one at least */
    uint64_t *slots;          /* one a row: whose it is, where the subject is a token */
    bool *stored;             /* one a row: some value of it is to be stored */
    struct vault_item *items; /* of the values that are stored, in their order */
    struct vault_tokenize *people;
    size_t item_count, people_count;
};

static void group_done(struct group *g)
{
    bulk_columns_done(&g->columns);
    mem_free(&g->states);
    mem_free(&g->slots);
    mem_free(&g->stored);
    mem_free(&g->items);
    mem_free(&g->people);
}

static size_t values_of(const struct json *row)
{
    return json_count(row) / 2;
}

static struct span value_at(const struct json *row, size_t i)
{
    return json_text_of(json_at(row, 2 * i + 2));
}

static const struct bulk_column *column_at(const struct group *g, const struct json *row, size_t i)
{
    return ops_bulk_column(&g->columns, row, 2 * i + 1);
}

/* Rows are [subject, column, text, column, text, ...]. */
static enum err check_rows(struct group *g, struct errmsg *msg)
{
    if (json_kind(g->rows) != JSON_LIST || json_count(g->rows) > OPS_VALUES_MAX)
        return errmsg_set(msg, ERR_INVALID, "\"rows\" must be a list of at most %d",
                          OPS_VALUES_MAX);
    for (size_t r = 0; r < json_count(g->rows); r++) {
        const struct json *row = json_at(g->rows, r);

        if (json_kind(row) != JSON_LIST || json_count(row) % 2 != 1 ||
            json_kind(json_at(row, 0)) != JSON_TEXT)
            return errmsg_set(msg, ERR_INVALID, "entry %zu of \"rows\" is no row", r + 1);
        for (size_t i = 0; i < values_of(row); i++) {
            const struct bulk_column *column = column_at(g, row, i);

            if (column == NULL || column->def == NULL ||
                json_kind(json_at(row, 2 * i + 2)) != JSON_TEXT)
                return errmsg_set(msg, ERR_INVALID, "entry %zu of \"rows\" is no row", r + 1);
        }
        g->count += values_of(row);
    }
    return g->count <= BULK_VALUES_MAX
               ? ERR_OK
               : errmsg_set(msg, ERR_TOO_LARGE, "more than %d values", BULK_VALUES_MAX);
}

static enum fate judge(struct vault_reader *reader, const struct bulk_column *column,
                       struct span value)
{
    const struct class_def *def = column->def;
    struct format_shape shape;

    if (value.len > (def->identifies ? (size_t)LIMIT_IDENTIFIER_MAX : (size_t)LIMIT_VALUE_MAX))
        return FATE_LONG;
    if (vault_is_token(reader, column->class_id, value))
        return FATE_TOKEN;
    if (value.len == 0 || (format_is_typed(def->format) &&
                           format_shape(&def->spec, column->kind, value, &shape) != ERR_OK))
        return FATE_FORMAT;
    return format_is_bare(def->format, column->kind) ? FATE_BARE : FATE_STORED;
}

/* Whose a row is that names its subject by a token of theirs. NOT_FOUND: nobody's. */
static enum err find_owner(const struct group *g, struct vault_reader *reader, struct span token,
                           uint64_t *ret_slot)
{
    const uint16_t class_id = token_is(token) ? 0 : g->subject_class;
    const struct vault_scope scope = {.domain = g->domain, .class_id = class_id};
    struct vault_value value;
    enum err e = vault_inspect_as(reader, &scope, token, &value);

    if (e == ERR_OK)
        e = vault_read_owner(reader, class_id, token, ret_slot);
    return e == ERR_CONFLICT ? ERR_NOT_FOUND : e;
}

static enum err judge_subject(struct group *g, struct vault_reader *reader, size_t r,
                              struct span subject, bool *ret_good)
{
    enum err e = ERR_OK;

    *ret_good = subject.len > 0 && subject.len <= LIMIT_IDENTIFIER_MAX;
    if (!*ret_good || !vault_is_token(reader, g->subject_class, subject))
        return ERR_OK;
    e = find_owner(g, reader, subject, &g->slots[r]);
    *ret_good = e == ERR_OK;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool is_kept(enum fate fate)
{
    return fate == FATE_STORED || fate == FATE_BARE;
}

/* The states of a row's values, and whether some are stored. A row of tokens needs no subject. */
static enum err judge_row(struct group *g, struct vault_reader *reader, size_t r, char *states)
{
    const struct json *row = json_at(g->rows, r);
    const size_t count = values_of(row);
    bool good = true, any = false, bad = false;
    enum err e;

    for (size_t i = 0; i < count; i++) {
        states[i] = (char)judge(reader, column_at(g, row, i), value_at(row, i));
        any = any || is_kept((enum fate)states[i]);
        bad = bad || (states[i] != FATE_TOKEN && !is_kept((enum fate)states[i]));
    }
    e = any ? judge_subject(g, reader, r, json_text_of(json_at(row, 0)), &good) : ERR_OK;
    if (!good)
        memset(states, FATE_SUBJECT, count);
    bad = bad || !good;
    g->any_bad = g->any_bad || bad;
    g->stored[r] = any && good && (!bad || g->policy == POLICY_KEEP);
    return e;
}

static enum err judge_all(struct group *g)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    char *states = g->states;
    enum err e = vault_reader_open(g->admin->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    for (size_t r = 0; e == ERR_OK && r < json_count(g->rows); r++) {
        e = judge_row(g, reader, r, states);
        states += values_of(json_at(g->rows, r));
    }
    vault_read_end(reader);
    return e;
}

/* ---- tokenize: storing them ---- */

/* The next operation about the person of row `r`: it has few names, and a value of a class that identifies is one. */
static struct vault_tokenize *add_person(struct group *g, size_t r)
{
    struct vault_tokenize *t = &g->people[g->people_count++];

    t->op.kind = VAULT_TOKENIZE;
    t->domain = g->domain;
    t->items = g->items + g->item_count;
    t->slot = g->slots[r];
    if (t->slot == 0)
        t->names[t->name_count++] = json_text_of(json_at(json_at(g->rows, r), 0));
    if (g->people_count > 1)
        t[-1].also = t;
    return t;
}

static void add_row(struct group *g, size_t r, const char *states)
{
    const struct json *row = json_at(g->rows, r);
    struct vault_tokenize *t = add_person(g, r);

    for (size_t i = 0; i < values_of(row); i++) {
        const struct bulk_column *column = column_at(g, row, i);
        const struct span value = value_at(row, i);

        if (!is_kept((enum fate)states[i]))
            continue;
        if (column->def->identifies && t->name_count == VAULT_NAMES_MAX)
            t = add_person(g, r);
        if (column->def->identifies)
            t->names[t->name_count++] = value;
        g->items[g->item_count++] =
            (struct vault_item){.class_id = column->class_id, .kind = column->kind, .value = value};
        t->count++;
    }
}

static void gather(struct group *g)
{
    const char *states = g->states;

    for (size_t r = 0; r < json_count(g->rows); r++) {
        if (g->stored[r])
            add_row(g, r, states);
        states += values_of(json_at(g->rows, r));
    }
}

/* Whose they are is known now; who was erased since has no record any more. */
static enum err note_all(const struct group *g)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = vault_reader_open(g->admin->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    for (size_t p = 0; e == ERR_OK && p < g->people_count; p++) {
        const struct vault_tokenize *t = &g->people[p];

        for (size_t i = 0; e == ERR_OK && i < t->count; i++)
            e = ops_note(g->admin, reader, t->owner, t->items[i].class_id, NOTE_TOKEN);
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    vault_read_end(reader);
    return e;
}

static enum err cannot_store(enum err e, struct errmsg *msg)
{
    if (e == ERR_CONFLICT)
        return errmsg_set(msg, e,
                          "the store does not know how far this job has come: it was restored from "
                          "a backup since, or the job is finished; begin a new one");
    if (e == ERR_EXHAUSTED)
        return errmsg_set(msg, e,
                          "every token of a format that fits a value was given out; tokens never "
                          "come back, so that new values need a class with a wider format");
    return e;
}

/* One token or null for each value. */
static struct json *tokens_of(const struct group *g)
{
    struct json *list = json_new_list();
    const char *states = g->states;
    size_t item = 0;

    for (size_t r = 0; r < json_count(g->rows); r++) {
        const size_t count = values_of(json_at(g->rows, r));

        for (size_t i = 0; i < count; i++) {
            const struct token_text *t = NULL;

            if (g->stored[r] && is_kept((enum fate)states[i]))
                t = &g->items[item++].token;
            json_add(list, t == NULL ? json_new_null() : json_new_text(span_of(t->bytes, t->len)));
        }
        states += count;
    }
    return list;
}

static enum err store_all(struct group *g, struct vault_bulk *op, struct json *map,
                          struct errmsg *msg)
{
    enum err e;

    gather(g);
    op->first = g->people_count > 0 ? g->people : NULL;
    e = vault_run(g->admin->vault, &op->op);
    if (e != ERR_OK)
        return cannot_store(e, msg);
    e = note_all(g);
    if (e == ERR_OK)
        json_set(map, "tokens", tokens_of(g));
    return e;
}

static enum err read_policy(const struct json *request, enum policy *ret, struct errmsg *msg)
{
    static const char *const words[] = {
        [POLICY_STOP] = "stop", [POLICY_SKIP] = "skip", [POLICY_KEEP] = "keep"};

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (span_equal(json_text_of(json_get(request, "on_error")), span_str(words[i]))) {
            *ret = (enum policy)i;
            return ERR_OK;
        }
    }
    return errmsg_set(msg, ERR_INVALID, "\"on_error\" must be stop, skip or keep");
}

static enum err read_group(struct group *g, const struct json *request, struct vault_bulk *op,
                           struct errmsg *msg)
{
    const int64_t number = json_int_of(json_get(request, "group"), 0);
    struct span class_name = json_text_of(json_get(request, "subject_class"));
    enum err e = read_job(request, op->job, msg);

    if (e == ERR_OK && number <= 0)
        e = errmsg_set(msg, ERR_INVALID, "\"group\" counts from 1");
    if (e == ERR_OK)
        e = read_policy(request, &g->policy, msg);
    if (e == ERR_OK)
        e = ops_read_domain(g->admin, request, &g->domain, msg);
    if (e == ERR_OK)
        e = ops_bulk_domain_allowed(g->admin, g->domain, msg);
    if (e == ERR_OK)
        e = ops_bulk_columns(g->admin, request, &g->columns, msg);
    if (e == ERR_OK && class_name.len > 0) {
        const struct class_def *def = classes_find(g->admin->classes, class_name);

        g->subject_class = def == NULL ? 0 : vault_class_id(g->admin->vault, def);
        e = ops_bulk_class_allowed(g->admin, def, msg);
    }
    op->group = (uint64_t)number;
    g->rows = json_get(request, "rows");
    return e == ERR_OK ? check_rows(g, msg) : e;
}

static enum err make_room(struct group *g)
{
    const size_t rows = json_count(g->rows);

    g->states = mem_try_alloc(g->count + 1, 1);
    g->slots = mem_try_alloc(rows + 1, sizeof(g->slots[0]));
    g->stored = mem_try_alloc(rows + 1, sizeof(g->stored[0]));
    g->items = mem_try_alloc(g->count + 1, sizeof(g->items[0]));
    g->people = mem_try_alloc(rows + g->count / (VAULT_NAMES_MAX - 1) + 1, sizeof(g->people[0]));
    return g->states == NULL || g->slots == NULL || g->stored == NULL || g->items == NULL ||
                   g->people == NULL
               ? ERR_NO_SPACE
               : ERR_OK;
}

enum err ops_bulk_tokenize(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg)
{
    AUTO(group_done) struct group g = {.admin = admin, .domain = VAULT_DOMAIN_DEFAULT};
    AUTO(json_free) struct json *map = json_new_map();
    struct vault_bulk op = {.op = {.kind = VAULT_BULK}};
    enum err e = read_group(&g, request, &op, msg);

    if (e == ERR_OK)
        e = make_room(&g);
    if (e == ERR_OK)
        e = judge_all(&g);
    if (e != ERR_OK)
        return e;
    json_set_str(map, "states", g.states);
    if (!g.any_bad || g.policy != POLICY_STOP)
        e = store_all(&g, &op, map, msg);
    if (e == ERR_OK)
        *ret_response = TAKE(map);
    return e;
}
