/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals of tokens: planned, begun, looked at, stopped.
 * Runs on: worker threads. Holds: a lock for the process over every change of a record. Invariant: no two renewals
 * that have not ended share a class. Not here: carrying one out (renewal_run.c), what becomes of a row (vault/renew.c).
 *
 * A record's body is what renewal_show() tells without its head, and for each class `before`: the number down to
 * which its tokens were looked at. */
#include "retention/renewal_priv.h"

#include <pthread.h>
#include <string.h>

#include "base/calendar.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "retention/canonical.h"
#include "retention/receipt.h"
#include "vault/records.h"
#include "vault/renew.h"

enum { CLASSES_AT_ONCE = 200 }; /* that fit into a record */

static const uint64_t LIVING = RENEWAL_BIT(RENEWAL_RUNNING) | RENEWAL_BIT(RENEWAL_PAUSED) |
                               RENEWAL_BIT(RENEWAL_OPEN) | RENEWAL_BIT(RENEWAL_ENDING);

static const char *const state_names[] = {"running", "paused", "open", "ending", "done"};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void renewal__lock(void)
{
    (void)pthread_mutex_lock(&turn);
}

void renewal__unlock(void)
{
    (void)pthread_mutex_unlock(&turn);
}

/* ---- records ---- */

void renewal__done(struct renewal *r)
{
    json_free(&r->body);
}

static enum err take(struct renewal *r, enum err e)
{
    if (e == ERR_OK && json_parse(r->record.body, &r->body) != ERR_OK)
        e = ERR_CORRUPT;
    r->record.body = SPAN_NONE;
    return e;
}

enum err renewal__get(struct vault *v, uint64_t number, struct renewal *r, struct errmsg *msg)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    enum err e = vault_records_open(v, &records);

    if (e == ERR_OK)
        e = vault_record_get(records, VAULT_RECORD_RENEWAL, number, &r->record);
    e = take(r, e);
    return e == ERR_NOT_FOUND && msg != NULL
               ? errmsg_set(msg, e, "there is no renewal of this number")
               : e;
}

/* The first past `after` in one of these states. */
enum err renewal__next(struct vault *v, uint64_t states, uint64_t after, struct renewal *r)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    const struct vault_record_filter filter = {.kind = VAULT_RECORD_RENEWAL, .states = states};
    enum err e = vault_records_open(v, &records);

    json_free(&r->body);
    if (e == ERR_OK)
        e = vault_record_next(records, &filter, after, &r->record);
    return take(r, e);
}

enum err renewal__put(struct vault *v, struct renewal *r)
{
    AUTO(buf_done) struct buf body = {.max = VAULT_RECORD_BODY_MAX};
    struct vault_records_write op = {
        .op = {.kind = VAULT_RECORDS}, .records = &r->record, .count = 1};
    enum err e = json_write(r->body, &body);

    r->record.kind = VAULT_RECORD_RENEWAL;
    r->record.body = buf_span(&body);
    if (e == ERR_OK)
        e = vault_run(v, &op.op);
    r->record.body = SPAN_NONE;
    return e;
}

void renewal__copy(struct json *to, const struct json *from, const char *name)
{
    const struct json *value = json_get(from, name);

    json_set(to, name, value == NULL ? json_new_null() : json_clone(value));
}

static struct json *tree_of(const struct renewal *r)
{
    static const char *const members[] = {"class",     "domain",  "keep",     "by",
                                          "cancelled", "problem", "forgotten"};
    static const char *const figures[] = {"class",   "values",     "looked",
                                          "renewed", "unreadable", "done"};
    const struct json *classes = json_get(r->body, "classes");
    struct json *map = json_new_map(), *list = json_new_list();

    json_set_int(map, "number", (int64_t)r->record.number);
    json_set_str(map, "state", state_names[r->record.state]);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        renewal__copy(map, r->body, members[i]);
    receipt_set_instant(map, "begun", r->record.at_ms);
    if (r->record.due_ms > 0)
        receipt_set_instant(map, "ends", r->record.due_ms);
    else
        json_set(map, "ends", json_new_null());
    for (size_t i = 0; i < json_count(classes); i++) {
        struct json *one = json_new_map();

        for (size_t n = 0; n < COUNT_OF(figures); n++)
            renewal__copy(one, json_at(classes, i), figures[n]);
        json_add(list, one);
    }
    json_set(map, "classes", list);
    return map;
}

enum err renewal_show(struct vault *v, uint64_t number, struct json **ret_tree, struct errmsg *msg)
{
    AUTO(renewal__done) struct renewal r = {.body = NULL};
    enum err e = renewal__get(v, number, &r, msg);

    if (e == ERR_OK)
        *ret_tree = tree_of(&r);
    return e;
}

enum err renewal_tell(const struct vault_record *record, struct json **ret_tree)
{
    AUTO(renewal__done) struct renewal r = {.record = *record};
    enum err e = take(&r, ERR_OK);

    if (e == ERR_OK)
        *ret_tree = tree_of(&r);
    return e;
}

/* ---- plans ---- */

static bool names_class(const struct json *classes, const char *name)
{
    for (size_t i = 0; i < json_count(classes); i++)
        if (strcmp(json_str_or(json_at(classes, i), "class", ""), name) == 0)
            return true;
    return false;
}

/* Does a renewal that has not ended have this class? */
static enum err check_free(struct vault *v, const char *name, struct errmsg *msg)
{
    AUTO(renewal__done) struct renewal r = {.body = NULL};
    enum err e = ERR_OK;

    while (e == ERR_OK) {
        e = renewal__next(v, LIVING, r.record.number, &r);
        if (e == ERR_OK && names_class(json_get(r.body, "classes"), name))
            return errmsg_set(msg, ERR_CONFLICT,
                              "class %s: renewal %llu has not ended: wait for it, or finish it",
                              name, (unsigned long long)r.record.number);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err plan_class(struct vault *v, struct vault_reader *reader,
                           const struct renewal_ask *ask, const struct class_def *def,
                           struct json **ret, struct errmsg *msg)
{
    const bool typed = format_is_typed(def->format);
    struct vault_class_stats stats;
    struct json *map;
    enum err e = vault_read_stats(reader, vault_class_id(v, def), vault_now_s(v), &stats);

    if (e != ERR_OK)
        return e;
    if (typed && ask->domain == 0 && stats.capacity - stats.used < stats.items)
        return errmsg_set(msg, ERR_EXHAUSTED,
                          "class %s: fewer tokens are left than there are values; tokens never "
                          "come back, so that its values stay as they are",
                          def->name);
    map = json_new_map();
    json_set_str(map, "class", def->name);
    json_set_bool(map, "deterministic", def->deterministic);
    json_set_int(map, "values", (int64_t)stats.items);
    json_set(map, "left",
             typed ? json_new_int((int64_t)(stats.capacity - stats.used)) : json_new_null());
    *ret = map;
    return ERR_OK;
}

static enum err plan_classes(struct vault *v, const struct renewal_ask *ask, struct json *list,
                             int64_t *ret_values, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    const struct classes *classes = vault_classes(v);
    enum err e = vault_reader_open(v, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; e == ERR_OK && i < classes->count; i++) {
        const struct class_def *def = &classes->defs[i];
        struct json *one = NULL;

        if (ask->class_id != 0 && ask->class_id != vault_class_id(v, def))
            continue;
        e = plan_class(v, reader, ask, def, &one, msg);
        if (e != ERR_OK)
            break;
        *ret_values += json_int_of(json_get(one, "values"), 0);
        json_add(list, one);
    }
    vault_read_end(reader);
    if (e == ERR_OK && json_count(list) > CLASSES_AT_ONCE)
        e = errmsg_set(msg, ERR_TOO_LARGE, "more than %d classes: renew them one by one",
                       CLASSES_AT_ONCE);
    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++)
        e = check_free(v, json_str_or(json_at(list, i), "class", ""), msg);
    return e;
}

/* How many renewals there ever were: a digest is good for one. */
static enum err count_before(struct vault *v, int64_t *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record;
    enum err e = vault_records_open(v, &records);

    if (e == ERR_OK)
        e = vault_record_last(records, VAULT_RECORD_RENEWAL, &record);
    *ret = e == ERR_OK ? (int64_t)record.number : 0;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* What was asked for, as the members "class", "domain" and "keep". */
static void set_ask(const struct vault *v, const struct renewal_ask *ask, struct json *map)
{
    char keep[PERIOD_TEXT_MAX];

    period_format(&ask->keep, keep);
    json_set(map, "class", json_new_null());
    json_set(map, "domain", json_new_null());
    if (ask->class_id != 0)
        json_set_str(map, "class", vault_class_def(v, ask->class_id)->name);
    if (ask->domain != 0)
        json_set_str(map, "domain", vault_domain_name(v, ask->domain));
    json_set_str(map, "keep", keep);
}

static enum err digest_of(struct vault *v, const struct renewal_ask *ask,
                          char ret[DIGEST_HEX_BYTES])
{
    AUTO(json_free) struct json *map = json_new_map();
    AUTO(buf_done) struct buf text = {.max = VAULT_RECORD_BODY_MAX};
    int64_t before = 0;
    enum err e = count_before(v, &before);

    set_ask(v, ask, map);
    json_set_int(map, "before", before);
    if (e == ERR_OK)
        e = canonical_write(map, &text);
    if (e == ERR_OK)
        digest_hex(buf_span(&text), ret);
    return e;
}

enum err renewal_plan(struct vault *v, const struct renewal_ask *ask, struct json **ret_tree,
                      struct errmsg *msg)
{
    AUTO(json_free) struct json *list = json_new_list();
    char digest[DIGEST_HEX_BYTES];
    struct json *map;
    int64_t values = 0;
    enum err e;

    if (ask->class_id == 0 && ask->domain == 0)
        return errmsg_set(msg, ERR_INVALID, "a class or a domain is wanted, or both");
    e = plan_classes(v, ask, list, &values, msg);
    if (e == ERR_OK)
        e = digest_of(v, ask, digest);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    set_ask(v, ask, map);
    json_set_str(map, "digest", digest);
    json_set_int(map, "values", values);
    json_set(map, "classes", TAKE(list));
    *ret_tree = map;
    return ERR_OK;
}

/* ---- beginning ---- */

static struct json *classes_of(const struct json *plan)
{
    const struct json *planned = json_get(plan, "classes");
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(planned); i++) {
        struct json *one = json_new_map();

        renewal__copy(one, json_at(planned, i), "class");
        renewal__copy(one, json_at(planned, i), "values");
        json_set_int(one, "looked", 0);
        json_set_int(one, "renewed", 0);
        json_set_int(one, "unreadable", 0);
        json_set_int(one, "before", 0);
        json_set_bool(one, "done", false);
        json_add(list, one);
    }
    return list;
}

static enum err find_key(struct vault *v, const char *key, struct renewal *r)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    enum err e = vault_records_open(v, &records);

    if (e == ERR_OK)
        e = vault_record_by_key(records, VAULT_RECORD_RENEWAL, key, &r->record);
    return take(r, e);
}

static enum err start(struct vault *v, const struct renewal_ask *ask,
                      const struct renewal_words *words, struct renewal *r, struct errmsg *msg)
{
    AUTO(json_free) struct json *plan = NULL;
    struct json *by = json_new_text(words->by);
    enum err e = renewal_plan(v, ask, &plan, msg);

    r->body = json_new_map();
    json_set(r->body, "by", by == NULL ? json_new_null() : by);
    if (e == ERR_OK && words->confirm.len > 0 &&
        !span_equal(words->confirm, json_text_of(json_get(plan, "digest"))))
        e = errmsg_set(msg, ERR_CONFLICT,
                       "the digest is of another plan, or a renewal was begun since: look at the "
                       "plan again");
    if (e != ERR_OK)
        return e;
    set_ask(v, ask, r->body);
    json_set_bool(r->body, "cancelled", false);
    json_set(r->body, "problem", json_new_null());
    json_set_int(r->body, "forgotten", 0);
    json_set(r->body, "classes", classes_of(plan));
    r->record.state = RENEWAL_RUNNING;
    return renewal__put(v, r);
}

enum err renewal_start(struct vault *v, const struct renewal_ask *ask,
                       const struct renewal_words *words, struct json **ret_tree,
                       struct errmsg *msg)
{
    AUTO(renewal__done) struct renewal r = {.body = NULL};
    char key[VAULT_RECORD_KEY_MAX + 1] = "";
    enum err e = ERR_NOT_FOUND;

    if (words->key.len > VAULT_RECORD_KEY_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "a key has at most %d bytes", VAULT_RECORD_KEY_MAX);
    if (words->key.len > 0)
        memcpy(key, words->key.at, words->key.len);
    renewal__lock();
    if (key[0] != '\0')
        e = find_key(v, key, &r);
    if (e == ERR_NOT_FOUND) {
        memcpy(r.record.key, key, sizeof(key));
        e = start(v, ask, words, &r, msg);
    }
    renewal__unlock();
    if (e == ERR_OK)
        *ret_tree = tree_of(&r);
    return e;
}

/* ---- acting on one ---- */

static int64_t end_of(struct vault *v, const struct json *body)
{
    struct period keep = {.days = 0};

    if (period_parse(json_text_of(json_get(body, "keep")), &keep) != ERR_OK)
        return vault_now_s(v) * 1000;
    return calendar_add(vault_now_s(v), &keep) * 1000;
}

/* All that gets a new token has one: from now on the old ones' time runs. */
void renewal__open_up(struct vault *v, struct renewal *r)
{
    r->record.state = RENEWAL_OPEN;
    r->record.due_ms = end_of(v, r->body);
}

static const struct {
    const char *name;
    uint64_t from;
} actions[] = {
    {"pause", RENEWAL_BIT(RENEWAL_RUNNING)},
    {"resume", RENEWAL_BIT(RENEWAL_PAUSED)},
    {"cancel", RENEWAL_BIT(RENEWAL_RUNNING) | RENEWAL_BIT(RENEWAL_PAUSED)},
    {"finish", RENEWAL_BIT(RENEWAL_OPEN)},
};

static enum err act(struct vault *v, struct renewal *r, struct span action, struct errmsg *msg)
{
    size_t i = 0;

    while (i < COUNT_OF(actions) && !span_equal(action, span_str(actions[i].name)))
        i++;
    if (i == COUNT_OF(actions))
        return errmsg_set(msg, ERR_INVALID, "an action is pause, resume, cancel or finish");
    if (i == 3 && (r->record.state == RENEWAL_ENDING || r->record.state == RENEWAL_DONE))
        return ERR_OK; /* it is so already: whoever approved it may be asking again after a crash */
    if ((RENEWAL_BIT(r->record.state) & actions[i].from) == 0)
        return errmsg_set(msg, ERR_CONFLICT, "the renewal is %s", state_names[r->record.state]);
    switch (i) {
    case 0:
        r->record.state = RENEWAL_PAUSED;
        break;
    case 1:
        r->record.state = RENEWAL_RUNNING;
        json_set(r->body, "problem", json_new_null());
        break;
    case 2:
        json_set_bool(r->body, "cancelled", true);
        renewal__open_up(v, r);
        break;
    default:
        r->record.state = RENEWAL_ENDING;
        break;
    }
    return renewal__put(v, r);
}

enum err renewal_act(struct vault *v, uint64_t number, struct span action, struct json **ret_tree,
                     struct errmsg *msg)
{
    AUTO(renewal__done) struct renewal r = {.body = NULL};
    enum err e;

    renewal__lock();
    e = renewal__get(v, number, &r, msg);
    if (e == ERR_OK)
        e = act(v, &r, action, msg);
    renewal__unlock();
    if (e == ERR_OK)
        *ret_tree = tree_of(&r);
    return e;
}

/* ---- old and new tokens ---- */

static void add_pair(const char *class_name, const struct vault_renewed *renewed, struct json *list)
{
    struct json *map = json_new_map();

    json_set_str(map, "class", class_name);
    json_set(map, "old", json_new_text(span_of(renewed->old_token.bytes, renewed->old_token.len)));
    json_set(map, "new", json_new_text(span_of(renewed->new_token.bytes, renewed->new_token.len)));
    json_add(list, map);
}

/* NOT_FOUND: the last of them is among these. */
static enum err read_pairs(struct vault_reader *reader, const struct class_def *def,
                           const struct renewal_page *page, struct json *list, uint64_t *ret_last)
{
    struct vault_renewed renewed = {.number = page->after};
    uint64_t damaged = 0;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < page->limit; i++) {
        e = vault_read_renewed(reader, page->class_id, renewed.number, &renewed);
        if (e == ERR_OK && renewed.damaged)
            damaged++;
        else if (e == ERR_OK)
            add_pair(def->name, &renewed, list);
    }
    if (damaged > 0)
        log_event(EV_STORE_DAMAGED, F_TEXT("class", span_str(def->name)), F_NUM("values", damaged));
    if (e == ERR_OK || e == ERR_NOT_FOUND)
        *ret_last = renewed.number;
    return e;
}

enum err renewal_tokens(struct vault *v, const struct renewal_page *page, struct json *list,
                        uint64_t *ret_last, bool *ret_more, struct errmsg *msg)
{
    AUTO(renewal__done) struct renewal r = {.body = NULL};
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    const struct class_def *def = vault_class_def(v, page->class_id);
    enum err e = renewal__get(v, page->renewal, &r, msg);

    if (e == ERR_OK && (RENEWAL_BIT(r.record.state) &
                        (RENEWAL_BIT(RENEWAL_ENDING) | RENEWAL_BIT(RENEWAL_DONE))) != 0)
        e = errmsg_set(msg, ERR_CONFLICT,
                       "the renewal has ended: which token took the place of which is forgotten");
    if (e == ERR_OK && (def == NULL || !names_class(json_get(r.body, "classes"), def->name)))
        e = errmsg_set(msg, ERR_NOT_FOUND, "the renewal has no such class");
    if (e == ERR_OK)
        e = vault_reader_open(v, &reader);
    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = read_pairs(reader, def, page, list, ret_last);
    vault_read_end(reader);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    *ret_more = e == ERR_OK;
    return ERR_OK;
}
