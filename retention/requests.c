/* SPDX-License-Identifier: Apache-2.0 */
/* The register of requests: loading, changing, looking over, forgetting.
 * Runs on: worker threads and the command line; blocks on the vault. Holds: the settings in force, and
 * those of before. Invariant: a change is made on the version that was read, or not at all; every change
 * is in the request's history. Not here: entering (request_enter.c), what an action does
 * (request_steps.c), erasures (request_execute.c), dates (request_clock.c). */
#include "retention/notices.h"
#include "retention/requests.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/mem.h"
#include "retention/receipt.h"
#include "retention/requests_priv.h"
#include "retention/words.h"

enum { FORGET_LIMIT = 500 };

/* ---- the register ---- */

struct requests *requests_new(struct vault *vault, struct erasures *erasures,
                              struct exports *exports)
{
    struct requests *r = mem_alloc(sizeof(*r));

    r->vault = vault;
    r->erasures = erasures;
    r->exports = exports;
    REQUIRE(pthread_mutex_init(&r->lock, NULL) == 0);
    return r;
}

void requests_free(struct requests **requestsp)
{
    struct requests *r = TAKE(*requestsp);

    if (r == NULL)
        return;
    REQUIRE(r->working == NULL);
    while (r->settings != NULL) {
        struct settings_list *first = r->settings;

        r->settings = first->next;
        request_settings_done(&first->settings);
        free(first);
    }
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

void requests_configure(struct requests *r, const struct request_settings *settings)
{
    struct settings_list *first = mem_alloc(sizeof(*first));

    first->settings = *settings;
    first->settings.holidays = holidays_copy(settings->holidays);
    (void)pthread_mutex_lock(&r->lock);
    first->next = r->settings;
    r->settings = first;
    (void)pthread_mutex_unlock(&r->lock);
}

/* ---- cases ---- */

void request__begin(struct requests *r, const struct request_ask *ask, struct request_case *ret)
{
    const int64_t now_s = vault_now_s(r->vault);

    *ret = (struct request_case){
        .r = r, .ask = ask, .now_ms = now_s * 1000, .today = calendar_date(now_s)};
    (void)pthread_mutex_lock(&r->lock);
    REQUIRE(r->settings != NULL);
    ret->settings = &r->settings->settings;
    (void)pthread_mutex_unlock(&r->lock);
}

void request__case_done(struct request_case *c)
{
    json_free(&c->body);
}

/* The case of a record, whose body is borrowed. */
enum err request__take_record(struct request_case *c, const struct vault_record *record)
{
    if (record->state >= REQUEST_STATE_COUNT || json_parse(record->body, &c->body) != ERR_OK ||
        json_kind(c->body) != JSON_MAP || !request__has_clock(c->body))
        return ERR_CORRUPT;
    c->record = *record;
    c->record.body = SPAN_NONE;
    c->next = (enum request_state)record->state;
    return ERR_OK;
}

enum err request__load(struct requests *r, uint64_t number, const struct request_ask *ask,
                       struct request_case *ret, struct errmsg *msg)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record;
    enum err e = vault_records_open(r->vault, &records);

    request__begin(r, ask, ret);
    if (e == ERR_OK)
        e = vault_record_get(records, VAULT_RECORD_REQUEST, number, &record);
    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, e, "the register has no request of this number");
    return e == ERR_OK ? request__take_record(ret, &record) : e;
}

static enum err enter_history(struct request_case *c, const char *action, struct errmsg *msg)
{
    struct json *history = json_get(c->body, "history"), *entry;

    if (json_count(history) >= REQUEST_HISTORY_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE,
                          "the history of this request is full: enter a new one that refers to it");
    entry = json_new_map();
    receipt_set_instant(entry, "at", c->now_ms);
    request__set_text(entry, "who", c->ask->who);
    json_set_str(entry, "action", action);
    if (c->record.number == 0)
        json_set(entry, "from", json_new_null());
    else
        json_set_str(entry, "from", request_state_word((enum request_state)c->record.state));
    json_set_str(entry, "to", request_state_word(c->next));
    json_add(history, entry);
    return ERR_OK;
}

enum err request__save(struct request_case *c, const char *action, struct errmsg *msg)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    struct vault_records_write op = {
        .op = {.kind = VAULT_RECORDS}, .records = &c->record, .count = 1};
    enum err e = enter_history(c, action, msg);

    buf_init(&text, VAULT_RECORD_BODY_MAX);
    if (e == ERR_OK)
        e = json_write(c->body, &text);
    if (e != ERR_OK)
        return e == ERR_TOO_LARGE ? errmsg_set(msg, e, "the request has become too long") : e;
    c->record.body = buf_span(&text);
    c->record.state = c->next;
    c->record.due_ms = request__due_ms(c, c->next);
    e = erasures_run_op(c->r->erasures, &op.op);
    c->record.body = SPAN_NONE;
    return e == ERR_CONFLICT
               ? errmsg_set(msg, e, "the request was changed meanwhile: look at it again")
               : e;
}

/* ---- acting ---- */

static bool is_said(const struct json *args, const char *name)
{
    const struct json *value = json_get(args, name);

    switch (json_kind(value)) {
    case JSON_ABSENT:
    case JSON_NIL:
        return false;
    case JSON_TEXT:
        return json_text_of(value).len > 0;
    default:
        return true;
    }
}

static enum err check_args(enum request_action action, const struct json *args, struct errmsg *msg)
{
    const struct request_rule *rule = request_rule(action);
    const char *known[2 * REQUEST_NEEDS_MAX + 1] = {NULL};
    size_t count = 0;

    for (size_t i = 0; i < REQUEST_NEEDS_MAX && rule->needs[i] != NULL; i++) {
        if (!is_said(args, rule->needs[i]))
            return errmsg_set(msg, ERR_INVALID, "%s needs \"%s\"", rule->word, rule->needs[i]);
        known[count++] = rule->needs[i];
    }
    for (size_t i = 0; i < REQUEST_NEEDS_MAX && rule->may[i] != NULL; i++)
        known[count++] = rule->may[i];
    return request__only(args, known, msg);
}

/* Nobody was found by what was given: that is noted, and the request stays where it is. */
static enum err note_failed_finding(struct request_case *c, struct errmsg *msg)
{
    enum err e = request__take_finding(c, msg);

    if (e == ERR_OK)
        e = request__save(c, "look-up", msg);
    return e == ERR_OK
               ? errmsg_set(
                     msg, ERR_NOT_FOUND,
                     "nobody is known by this %s; the look-up is noted. If there is no other "
                     "way, refuse with the reason " REQUEST_REASON_NOT_IDENTIFIABLE,
                     c->ask->finding->by)
               : e;
}

static enum err act(struct request_case *c, enum request_action action, struct errmsg *msg)
{
    const struct request_finding *finding = c->ask->finding;
    const enum request_state from = (enum request_state)c->record.state;
    const request_step_fn step = request__step(action);
    enum err e = ERR_OK;

    if (!request_next_state(from, action, &c->next))
        return errmsg_set(msg, ERR_CONFLICT, "the request is %s: \"%s\" is not possible there",
                          request_state_word(from), request_action_word(action));
    if (finding != NULL && finding->slot == 0) {
        c->next = from;
        return note_failed_finding(c, msg);
    }
    if (finding != NULL)
        e = request__take_finding(c, msg);
    if (e == ERR_OK && finding != NULL)
        e = request__restrict(c, msg);
    if (e == ERR_OK && step != NULL)
        e = step(c, msg);
    return e == ERR_OK ? request__save(c, request_action_word(action), msg) : e;
}

/* What is said of a request is kept; a value that is corrected, and what else passes through, is not. */
static enum err check_map(const struct words_about *about, const struct json *args,
                          struct errmsg *msg)
{
    static const char *const passing[] = {"token", "value", "class"};
    struct json *value;
    const char *name;
    void *it = NULL;
    enum err e = ERR_OK;

    while (e == ERR_OK && json_next(args, &it, &name, &value)) {
        bool is_kept = true;

        for (size_t i = 0; i < COUNT_OF(passing); i++)
            is_kept = is_kept && strcmp(name, passing[i]) != 0;
        if (is_kept)
            e = words_check(about, json_text_of(value), msg);
        for (size_t i = 0; e == ERR_OK && json_kind(value) == JSON_LIST && i < json_count(value);
             i++)
            e = check_map(about, json_at(value, i), msg);
    }
    return e;
}

/* Whoever is gone has no identifiers any more. */
static enum err check_words(const struct request_case *c, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    uint64_t per_class[CLASSES_MAX + 1] = {0};
    struct vault_subject_info info;
    enum err e = c->record.slot == 0 ? ERR_NOT_FOUND : vault_reader_open(c->r->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    e = vault_read_subject_info(reader, c->record.slot, &info, per_class);
    if (e == ERR_OK) {
        const struct words_about about = {
            .reader = reader, .domain = info.domain, .slot = c->record.slot};

        e = check_map(&about, c->ask->args, msg);
    }
    vault_read_end(reader);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err requests_act(struct requests *r, uint64_t number, enum request_action action,
                      const struct request_ask *ask, struct json **ret_view, struct errmsg *msg)
{
    AUTO(request__case_done) struct request_case c = {.body = NULL};
    enum err e = check_args(action, ask->args, msg);

    REQUIRE(!request_rule(action)->internal);
    if (e == ERR_OK)
        e = request__load(r, number, ask, &c, msg);
    if (e == ERR_OK && ask->version != 0 && ask->version != c.record.version)
        e = errmsg_set(msg, ERR_CHANGED, "somebody has changed the request meanwhile");
    if (e == ERR_OK)
        e = check_words(&c, msg);
    if (e != ERR_OK)
        return e;
    if (action == REQUEST_EXECUTE) {
        e = request__execute(r, number, ask, msg);
        return e == ERR_OK ? requests_show(r, number, ret_view, msg) : e;
    }
    e = act(&c, action, msg);
    if (e == ERR_OK)
        *ret_view = request__view(&c);
    return e;
}

/* ---- looking ---- */

enum err requests_show(struct requests *r, uint64_t number, struct json **ret_view,
                       struct errmsg *msg)
{
    AUTO(request__case_done) struct request_case c = {.body = NULL};
    enum err e = request__load(r, number, NULL, &c, msg);

    if (e == ERR_OK)
        *ret_view = request__view(&c);
    return e;
}

struct request_walk {
    struct requests *r;
    struct vault_records *records;
    struct vault_record_filter filter;
    uint64_t after;
    struct request_case now;    /* without a record */
    struct vault_record record; /* the one that was given last */
};

enum err request_walk_open(struct requests *r, uint64_t states, uint64_t after,
                           struct request_walk **ret_walk)
{
    AUTO(request_walk_close) struct request_walk *walk = mem_alloc(sizeof(*walk));
    enum err e = vault_records_open(r->vault, &walk->records);

    if (e != ERR_OK)
        return e;
    walk->r = r;
    walk->after = after;
    walk->filter = (struct vault_record_filter){.kind = VAULT_RECORD_REQUEST, .states = states};
    *ret_walk = TAKE(walk);
    return ERR_OK;
}

static enum err next_record(struct request_walk *walk)
{
    struct vault_record record;
    enum err e = vault_record_next(walk->records, &walk->filter, walk->after, &record);

    if (e != ERR_OK)
        return e;
    walk->after = record.number;
    walk->record = record;
    request__begin(walk->r, NULL, &walk->now);
    return record.state < REQUEST_STATE_COUNT ? ERR_OK : ERR_CORRUPT;
}

enum err request_walk_gist(struct request_walk *walk, struct request_gist *ret)
{
    enum err e = next_record(walk);

    return e == ERR_OK ? request__gist(&walk->now, (enum request_state)walk->record.state,
                                       walk->record.body, ret)
                       : e;
}

static enum err view_of(const struct request_walk *walk, struct span body, struct json **ret_view)
{
    AUTO(request__case_done) struct request_case c = walk->now;
    struct vault_record record = walk->record;
    enum err e;

    record.body = body;
    e = request__take_record(&c, &record);
    if (e == ERR_OK)
        *ret_view = request__view(&c);
    return e;
}

enum err request_walk_view(struct request_walk *walk, const struct request_gist *gist,
                           struct json **ret_view)
{
    AUTO(buf_done) struct buf text = {.max = VAULT_RECORD_BODY_MAX};
    const struct span body = walk->record.body;
    const size_t behind = gist->history_at + gist->history_len;
    enum err e = buf_append(&text, body.at, gist->history_at);

    if (e == ERR_OK && gist->history_len > 0)
        e = buf_append_str(&text, "\"history\":null");
    if (e == ERR_OK)
        e = buf_append(&text, body.at + behind, body.len - behind);
    return e == ERR_OK ? view_of(walk, buf_span(&text), ret_view) : e;
}

enum err request_walk_next(struct request_walk *walk, struct json **ret_view)
{
    enum err e = next_record(walk);

    return e == ERR_OK ? view_of(walk, walk->record.body, ret_view) : e;
}

void request_walk_close(struct request_walk **walkp)
{
    struct request_walk *walk = TAKE(*walkp);

    if (walk == NULL)
        return;
    vault_records_close(&walk->records);
    free(walk);
}

enum err requests_figures(struct requests *r, struct request_figures *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct request_figures figures = {.open = 0};
    uint64_t states[VAULT_RECORD_STATES];
    enum err e = vault_records_open(r->vault, &records);

    if (e == ERR_OK)
        e = vault_records_count(records, VAULT_RECORD_REQUEST, states);
    for (size_t i = 0; e == ERR_OK && i < REQUEST_STATE_COUNT; i++)
        figures.open += (REQUEST_OPEN_STATES >> i & 1) != 0 ? states[i] : 0;
    if (e == ERR_OK)
        e = request__running_count(r, records, &figures.soon, &figures.past);
    if (e != ERR_OK)
        return e;
    if (figures.open < figures.soon + figures.past)
        figures.open = figures.soon + figures.past; /* one came between the two looks */
    *ret = figures;
    return ERR_OK;
}

/* ---- forgetting ---- */

/* The latest instant whose period is over; found by halves, as periods are added, not taken away. */
static int64_t ended_before_ms(const struct request_case *c)
{
    int64_t low = 0, high = c->now_ms / 1000;

    while (low < high) {
        const int64_t middle = low + (high - low + 1) / 2;

        if (calendar_add(middle, &c->settings->keep) <= c->now_ms / 1000)
            low = middle;
        else
            high = middle - 1;
    }
    return low * 1000;
}

enum err requests_forget(struct requests *r, size_t *ret_count)
{
    struct request_case c;
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS},
                                     .forget = VAULT_RECORD_REQUEST,
                                     .forget_states = REQUEST_IN(CLOSED),
                                     .forget_limit = FORGET_LIMIT};
    struct vault_records_write notices = {.op = {.kind = VAULT_RECORDS},
                                          .forget = VAULT_RECORD_NOTICE,
                                          .forget_states =
                                              ~(NOTICE_OPEN_STATES | NOTICE_IN(PLANNED)),
                                          .forget_limit = FORGET_LIMIT};
    enum err e;

    request__begin(r, NULL, &c);
    op.forget_before_ms = ended_before_ms(&c);
    notices.forget_before_ms = op.forget_before_ms;
    e = erasures_run_op(r->erasures, &op.op);
    if (e == ERR_OK)
        e = erasures_run_op(r->erasures, &notices.op);
    if (e == ERR_OK)
        *ret_count = op.forgotten + notices.forgotten;
    return e;
}
