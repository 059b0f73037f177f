/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals of tokens.
 * Runs on: worker threads; one works, any may ask. Holds: a lock for the process over every change of a record.
 * Invariant: no two renewals that have not ended share a class; how far one has come may be noted late, never early
 * (vault/renew.h passes over what was done). Not here: what becomes of a row (vault/renew.c).
 *
 * A record's body is what renewal_show() tells without its head, and for each class `before`: the number down to
 * which its tokens were looked at. */
#include "retention/renewal.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "retention/canonical.h"
#include "retention/receipt.h"
#include "vault/audit.h"
#include "vault/records.h"
#include "vault/renew.h"

enum {
    BATCH_ROWS = 500,     /* at most: the vault does less at a time while values are stored */
    BATCHES_A_NOTE = 20,  /* between two times that it is written down how far it is */
    FORGET_ROWS = 2000,   /* old tokens forgotten in one batch */
    PAUSE_MAX_US = 20000, /* a slow disk shall not slow it down without end */
    TURN_MS = 5000,       /* then others have theirs */
    CLASSES_AT_ONCE = 200 /* that fit into a record */
};

#define BIT(state) (UINT64_C(1) << (state))

static const uint64_t LIVING =
    BIT(RENEWAL_RUNNING) | BIT(RENEWAL_PAUSED) | BIT(RENEWAL_OPEN) | BIT(RENEWAL_ENDING);

static const char *const state_names[] = {"running", "paused", "open", "ending", "done"};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* over reading and changing a record */

/* ---- records ---- */

struct renewal {
    struct vault_record record; /* body: see `body` */
    struct json *body;
};

static void renewal_done(struct renewal *r)
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

static enum err get(struct vault *v, uint64_t number, struct renewal *r, struct errmsg *msg)
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
static enum err next(struct vault *v, uint64_t states, uint64_t after, struct renewal *r)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    const struct vault_record_filter filter = {.kind = VAULT_RECORD_RENEWAL, .states = states};
    enum err e = vault_records_open(v, &records);

    json_free(&r->body);
    if (e == ERR_OK)
        e = vault_record_next(records, &filter, after, &r->record);
    return take(r, e);
}

static enum err put(struct vault *v, struct renewal *r)
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

static void copy(struct json *to, const struct json *from, const char *name)
{
    const struct json *value = json_get(from, name);

    json_set(to, name, value == NULL ? json_new_null() : json_clone(value));
}

static struct json *tree_of(const struct renewal *r)
{
    static const char *const members[] = {"class", "domain",    "keep",    "by",
                                          "cancelled", "problem", "forgotten"};
    static const char *const figures[] = {"class", "values", "looked", "renewed", "unreadable",
                                          "done"};
    const struct json *classes = json_get(r->body, "classes");
    struct json *map = json_new_map(), *list = json_new_list();

    json_set_int(map, "number", (int64_t)r->record.number);
    json_set_str(map, "state", state_names[r->record.state]);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        copy(map, r->body, members[i]);
    receipt_set_instant(map, "begun", r->record.at_ms);
    if (r->record.due_ms > 0)
        receipt_set_instant(map, "ends", r->record.due_ms);
    else
        json_set(map, "ends", json_new_null());
    for (size_t i = 0; i < json_count(classes); i++) {
        struct json *one = json_new_map();

        for (size_t n = 0; n < COUNT_OF(figures); n++)
            copy(one, json_at(classes, i), figures[n]);
        json_add(list, one);
    }
    json_set(map, "classes", list);
    return map;
}

enum err renewal_show(struct vault *v, uint64_t number, struct json **ret_tree, struct errmsg *msg)
{
    AUTO(renewal_done) struct renewal r = {.body = NULL};
    enum err e = get(v, number, &r, msg);

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
    AUTO(renewal_done) struct renewal r = {.body = NULL};
    enum err e = ERR_OK;

    while (e == ERR_OK) {
        e = next(v, LIVING, r.record.number, &r);
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

        copy(one, json_at(planned, i), "class");
        copy(one, json_at(planned, i), "values");
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
    return put(v, r);
}

enum err renewal_start(struct vault *v, const struct renewal_ask *ask,
                       const struct renewal_words *words, struct json **ret_tree,
                       struct errmsg *msg)
{
    AUTO(renewal_done) struct renewal r = {.body = NULL};
    char key[VAULT_RECORD_KEY_MAX + 1] = "";
    enum err e = ERR_NOT_FOUND;

    if (words->key.len > VAULT_RECORD_KEY_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "a key has at most %d bytes", VAULT_RECORD_KEY_MAX);
    if (words->key.len > 0)
        memcpy(key, words->key.at, words->key.len);
    (void)pthread_mutex_lock(&turn);
    if (key[0] != '\0')
        e = find_key(v, key, &r);
    if (e == ERR_NOT_FOUND) {
        memcpy(r.record.key, key, sizeof(key));
        e = start(v, ask, words, &r, msg);
    }
    (void)pthread_mutex_unlock(&turn);
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
static void open_up(struct vault *v, struct renewal *r)
{
    r->record.state = RENEWAL_OPEN;
    r->record.due_ms = end_of(v, r->body);
    log_event(EV_TOKENS_RENEWED, F_NUM("renewal", r->record.number));
}

static const struct {
    const char *name;
    uint64_t from;
} actions[] = {
    {"pause", BIT(RENEWAL_RUNNING)},
    {"resume", BIT(RENEWAL_PAUSED)},
    {"cancel", BIT(RENEWAL_RUNNING) | BIT(RENEWAL_PAUSED)},
    {"finish", BIT(RENEWAL_OPEN)},
};

static enum err act(struct vault *v, struct renewal *r, struct span action, struct errmsg *msg)
{
    size_t i = 0;

    while (i < COUNT_OF(actions) && !span_equal(action, span_str(actions[i].name)))
        i++;
    if (i == COUNT_OF(actions))
        return errmsg_set(msg, ERR_INVALID, "an action is pause, resume, cancel or finish");
    if ((BIT(r->record.state) & actions[i].from) == 0)
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
        open_up(v, r);
        break;
    default:
        r->record.state = RENEWAL_ENDING;
        break;
    }
    return put(v, r);
}

enum err renewal_act(struct vault *v, uint64_t number, struct span action, struct json **ret_tree,
                     struct errmsg *msg)
{
    AUTO(renewal_done) struct renewal r = {.body = NULL};
    enum err e;

    (void)pthread_mutex_lock(&turn);
    e = get(v, number, &r, msg);
    if (e == ERR_OK)
        e = act(v, &r, action, msg);
    (void)pthread_mutex_unlock(&turn);
    if (e == ERR_OK)
        *ret_tree = tree_of(&r);
    return e;
}

/* ---- old and new tokens ---- */

static void add_pair(const char *class_name, const struct vault_renewed *renewed, struct json *list)
{
    struct json *map = json_new_map();

    json_set_str(map, "class", class_name);
    json_set(map, "old",
             json_new_text(span_of(renewed->old_token.bytes, renewed->old_token.len)));
    json_set(map, "new",
             json_new_text(span_of(renewed->new_token.bytes, renewed->new_token.len)));
    json_add(list, map);
}

static enum err read_pairs(struct vault_reader *reader, const struct class_def *def,
                           const struct renewal_page *page, struct json *list, uint64_t *ret_last)
{
    struct vault_renewed renewed = {.number = page->after};
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < page->limit; i++) {
        e = vault_read_renewed(reader, page->class_id, renewed.number, &renewed);
        if (e == ERR_OK)
            add_pair(def->name, &renewed, list);
    }
    *ret_last = renewed.number;
    return e;
}

enum err renewal_tokens(struct vault *v, const struct renewal_page *page, struct json *list,
                        uint64_t *ret_last, bool *ret_more, struct errmsg *msg)
{
    AUTO(renewal_done) struct renewal r = {.body = NULL};
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    const struct class_def *def = vault_class_def(v, page->class_id);
    enum err e = get(v, page->renewal, &r, msg);

    if (e == ERR_OK && (BIT(r.record.state) & (BIT(RENEWAL_ENDING) | BIT(RENEWAL_DONE))) != 0)
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
    *ret_more = e == ERR_OK;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- working ---- */

struct working {
    struct vault *v;
    const atomic_bool *stop;
    int64_t until_ms; /* by the monotonic clock */
    struct renewal r;
};

static void working_done(struct working *w)
{
    renewal_done(&w->r);
}

static bool is_over(const struct working *w)
{
    return atomic_load(w->stop) || clock_mono_ms() >= w->until_ms;
}

/* Stand back for as long as the batch took: whoever tokenizes meanwhile finds an idle writer. */
static void yield_for(int64_t took_us)
{
    const int64_t pause_us = took_us < PAUSE_MAX_US ? took_us : PAUSE_MAX_US;
    const struct timespec pause = {.tv_nsec = (long)pause_us * 1000L};

    (void)nanosleep(&pause, NULL);
}

/* Write down how far it is, and take in what somebody wants of it since. */
static enum err note(struct working *w, const struct json *classes)
{
    AUTO(renewal_done) struct renewal now = {.body = NULL};
    enum err e;

    (void)pthread_mutex_lock(&turn);
    e = get(w->v, w->r.record.number, &now, NULL);
    if (e == ERR_OK) {
        json_set(now.body, "classes", json_clone(classes));
        copy(now.body, w->r.body, "problem");
        copy(now.body, w->r.body, "forgotten");
        if (now.record.state == RENEWAL_RUNNING && w->r.record.state == RENEWAL_PAUSED)
            now.record.state = RENEWAL_PAUSED;
        else if (now.record.state == RENEWAL_RUNNING && w->r.record.state == RENEWAL_OPEN)
            open_up(w->v, &now);
        else if (w->r.record.state == RENEWAL_DONE)
            now.record.state = RENEWAL_DONE;
        e = put(w->v, &now);
    }
    (void)pthread_mutex_unlock(&turn);
    if (e == ERR_OK) {
        w->r.record = now.record;
        json_free(&w->r.body);
        w->r.body = TAKE(now.body);
    }
    FAULT_POINT("renew.noted");
    return e;
}

static void add_int(struct json *map, const char *name, size_t n)
{
    json_set_int(map, name, json_int_of(json_get(map, name), 0) + (int64_t)n);
}

/* Its domain; 0: all. A domain that is named and unknown is none. */
static bool domain_of(const struct working *w, uint16_t *ret)
{
    const char *name = json_str_of(json_get(w->r.body, "domain"));

    *ret = name == NULL ? 0 : vault_domain_id(w->v, span_str(name));
    return name == NULL || *ret != 0;
}

/* Batches of one class until it is done, somebody else's turn, or not wanted any more. A shared token is not left by
 * halves but when the process ends. */
static enum err renew_class(struct working *w, size_t i, const struct class_def *def)
{
    AUTO(json_free) struct json *classes = json_clone(json_get(w->r.body, "classes"));
    struct json *entry = json_at(classes, i);
    struct vault_renew op = {.op = {.kind = VAULT_RENEW},
                             .class_id = def == NULL ? 0 : vault_class_id(w->v, def),
                             .limit = BATCH_ROWS,
                             .more = true};
    enum err e = ERR_OK;

    op.at.before = (uint64_t)json_int_of(json_get(entry, "before"), 0);
    if (op.class_id == 0 || !domain_of(w, &op.domain))
        op.more = false; /* they have left the configuration, and so have no values */
    for (size_t batches = 1; e == ERR_OK && op.more; batches++) {
        const int64_t began_us = clock_mono_us();

        if (op.at.slot == 0 && (is_over(w) || w->r.record.state != RENEWAL_RUNNING))
            break;
        e = vault_run(w->v, &op.op);
        if (e != ERR_OK && e != ERR_EXHAUSTED)
            return e;
        op.at = op.next;
        add_int(entry, "looked", op.looked);
        add_int(entry, "renewed", op.renewed);
        add_int(entry, "unreadable", op.unreadable);
        json_set_int(entry, "before", (int64_t)op.at.before);
        if (e == ERR_OK && batches % BATCHES_A_NOTE == 0)
            e = note(w, classes);
        yield_for(clock_mono_us() - began_us);
    }
    if (e == ERR_EXHAUSTED) {
        json_set_str(w->r.body, "problem", err_name(e));
        w->r.record.state = RENEWAL_PAUSED;
        log_event(EV_RENEWAL_FAILED, F_NUM("renewal", w->r.record.number),
                  F_LIT("error", err_name(e)));
        e = ERR_OK;
    } else if (e == ERR_OK && !op.more) {
        json_set_bool(entry, "done", true);
    }
    return e == ERR_OK ? note(w, classes) : e;
}

/* The first class that is not done. */
static size_t first_left(const struct working *w)
{
    const struct json *classes = json_get(w->r.body, "classes");
    size_t i = 0;

    while (i < json_count(classes) &&
           json_bool_of(json_get(json_at(classes, i), "done"), false))
        i++;
    return i;
}

static enum err renew_all(struct working *w)
{
    size_t i = first_left(w);

    while (i < json_count(json_get(w->r.body, "classes"))) {
        const char *name =
            json_str_or(json_at(json_get(w->r.body, "classes"), i), "class", "");
        enum err e;

        if (w->r.record.state != RENEWAL_RUNNING || is_over(w))
            return ERR_OK;
        e = renew_class(w, i, classes_find(vault_classes(w->v), span_str(name)));
        if (e != ERR_OK)
            return e;
        i = first_left(w);
    }
    if (w->r.record.state != RENEWAL_RUNNING)
        return ERR_OK;
    w->r.record.state = RENEWAL_OPEN;
    return note(w, json_get(w->r.body, "classes"));
}

/* ---- ending ---- */

static enum err forget_class(struct working *w, const struct class_def *def, bool *ret_more)
{
    struct vault_renew_end op = {.op = {.kind = VAULT_RENEW_END},
                                 .class_id = vault_class_id(w->v, def),
                                 .limit = FORGET_ROWS,
                                 .more = true};
    enum err e = ERR_OK;

    while (e == ERR_OK && op.more && !is_over(w)) {
        const int64_t began_us = clock_mono_us();

        e = vault_run(w->v, &op.op);
        if (e == ERR_OK)
            add_int(w->r.body, "forgotten", op.forgotten);
        yield_for(clock_mono_us() - began_us);
    }
    *ret_more = op.more;
    return e;
}

static void record_end(const struct working *w)
{
    char object[32] = "";
    const struct audit_record record = {.action = AUDIT_PURGE,
                                        .outcome = AUDIT_DONE,
                                        .role = AUDIT_SYSTEM,
                                        .who = SPAN_LIT("renewal"),
                                        .operation = SPAN_LIT("renewal.end"),
                                        .object = span_str(object)};

    (void)snprintf(object, sizeof(object), "renewal %llu",
                   (unsigned long long)w->r.record.number);
    audit_note(vault_audit(w->v), &record);
}

/* The log holds what was deleted until it is cut. A reader may hold it back for now: whatever destroys next cuts it. */
static void empty_log(struct vault *v)
{
    struct vault_truncate op = {.op = {.kind = VAULT_TRUNCATE}};
    enum err e = vault_run(v, &op.op);

    if (e != ERR_OK && e != ERR_BUSY && e != ERR_CANCELED)
        log_event(EV_RENEWAL_FAILED, F_LIT("error", err_name(e)));
}

static enum err forget_all(struct working *w)
{
    const struct json *classes = json_get(w->r.body, "classes");
    enum err e = ERR_OK;
    bool more = false;

    for (size_t i = 0; e == ERR_OK && !more && i < json_count(classes); i++) {
        const char *name = json_str_or(json_at(classes, i), "class", "");
        const struct class_def *def = classes_find(vault_classes(w->v), span_str(name));

        if (def != NULL)
            e = forget_class(w, def, &more);
    }
    if (e != ERR_OK || more)
        return e == ERR_OK ? note(w, classes) : e;
    empty_log(w->v);
    record_end(w);
    w->r.record.state = RENEWAL_DONE;
    e = note(w, classes);
    if (e == ERR_OK)
        log_event(EV_TOKENS_OVER, F_NUM("renewal", w->r.record.number),
                  F_NUM("tokens", json_int_of(json_get(w->r.body, "forgotten"), 0)));
    return e;
}

/* ---- turns ---- */

/* Is the time of its old tokens over? */
static enum err begin_end(struct working *w)
{
    enum err e = ERR_OK;

    (void)pthread_mutex_lock(&turn);
    json_free(&w->r.body);
    e = get(w->v, w->r.record.number, &w->r, NULL);
    if (e == ERR_OK && w->r.record.state == RENEWAL_OPEN &&
        w->r.record.due_ms <= vault_now_s(w->v) * 1000) {
        w->r.record.state = RENEWAL_ENDING;
        e = put(w->v, &w->r);
    }
    (void)pthread_mutex_unlock(&turn);
    return e;
}

static enum err work_on(struct working *w)
{
    enum err e = ERR_OK;

    if (w->r.record.state == RENEWAL_OPEN)
        e = begin_end(w);
    if (e == ERR_OK && w->r.record.state == RENEWAL_RUNNING)
        return renew_all(w);
    return e == ERR_OK && w->r.record.state == RENEWAL_ENDING ? forget_all(w) : e;
}

enum err renewal_run(struct vault *v, const atomic_bool *stop, bool *ret_more)
{
    AUTO(working_done)
    struct working w = {.v = v, .stop = stop, .until_ms = clock_mono_ms() + TURN_MS};
    const uint64_t states = BIT(RENEWAL_RUNNING) | BIT(RENEWAL_OPEN) | BIT(RENEWAL_ENDING);
    enum err e = ERR_OK;

    *ret_more = false;
    while (e == ERR_OK && !atomic_load(stop)) {
        e = next(v, states, w.r.record.number, &w.r);
        if (e == ERR_OK)
            e = work_on(&w);
        *ret_more = *ret_more || (e == ERR_OK && (w.r.record.state == RENEWAL_RUNNING ||
                                                  w.r.record.state == RENEWAL_ENDING));
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND && e != ERR_CANCELED && e != ERR_BUSY)
        log_event(EV_RENEWAL_FAILED, F_NUM("renewal", w.r.record.number),
                  F_LIT("error", err_name(e)));
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}
