/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of deletion rules.
 * Runs on: the writer, or before there is one, for what is written; reading on any thread. Holds: nothing.
 * Invariant: the newest version of a configured class says what its configuration says; it is durable in
 * the commit that puts the configuration in force. Not here: giving values another due time (retime.c). */
#include "vault/rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/calendar.h"
#include "base/json.h"
#include "vault/rules_priv.h"
#include "vault/writer_priv.h"

enum { DAY_S = 86400 };

/* ---- what a class says ---- */

static void set_words(struct json *map, const char *name, const char *text)
{
    if (text != NULL)
        json_set(map, name, json_new_text(span_str(text)));
}

static void set_period(struct json *map, const char *name, const struct period *period)
{
    char text[PERIOD_TEXT_MAX];

    if (period_is_none(period))
        return;
    period_format(period, text);
    json_set_str(map, name, text);
}

static struct json *rule_map(const struct rule *rule)
{
    struct json *map = json_new_map();
    char text[RULE_NAME_MAX + 8];

    rule_start_text(rule, text);
    json_set_str(map, "from", text);
    set_period(map, "period", &rule->period);
    set_period(map, "backstop", &rule->backstop);
    set_period(map, "minimum", &rule->minimum);
    set_words(map, "minimum_law", rule->minimum_law);
    if (rule->round != RULE_EXACT)
        json_set_str(map, "round", rule_round_name(rule->round));
    set_words(map, "owner", rule->owner);
    if (rule_has_review(rule)) {
        civil_format(rule->review, text);
        json_set_str(map, "review", text);
    }
    return map;
}

/* Members in a fixed order, so that it is written in one way. */
enum err vault_rule_text(const struct class_def *def, struct buf *out)
{
    AUTO(json_free) struct json *map = json_new_map();
    struct json *purposes = json_new_list();

    for (size_t i = 0; i < def->purpose_count; i++)
        json_add(purposes, json_new_text(span_str(def->purposes[i])));
    json_set(map, "purposes", purposes);
    set_words(map, "basis", def->basis);
    set_words(map, "law", def->law);
    set_words(map, "balancing", def->balancing);
    set_words(map, "special", def->special);
    set_words(map, "subjects", def->subjects);
    json_set(map, "retain", rule_map(&def->rule));
    json_set_str(map, "timezone", calendar_zone());
    return json_write(map, out);
}

void vault__rule_timing(const struct class_def *def, char out[RULE_ZONED_MAX])
{
    char timing[RULE_TIMING_MAX];

    rule_timing(&def->rule, timing);
    (void)snprintf(out, RULE_ZONED_MAX, "%s in %s", timing, calendar_zone());
}

/* ---- writing ---- */

struct stored_on {
    int64_t day;
    uint64_t count;
};

static void add_stored_on(void *context, int64_t created_day, int64_t due_day UNUSED, int64_t n)
{
    struct stored_on *on = context;

    if (created_day == on->day && n > 0)
        on->count += (uint64_t)n;
}

static enum err add_version(const struct registry *r, const struct store_class *c,
                            const struct store_rule *before, struct store_rule *rule)
{
    struct stored_on on = {.day = rule->said.since_s / DAY_S};
    uint32_t applied = 0;
    bool empty = false;
    enum err e = store_class_is_empty(r->store, c, &empty);

    if (e == ERR_OK)
        e = store_aggregate_each(r->store, c->id, add_stored_on, &on);
    if (e == ERR_OK && before != NULL)
        e = store_rule_applied_get(r->store, c->name, &applied);
    if (e != ERR_OK)
        return e;
    rule->today = on.count;
    e = store_rule_add(r->store, rule);
    if (e != ERR_OK)
        return e;
    /* Nothing to re-time: no values, no history, or the same due times as before. */
    if (empty || before == NULL ||
        (applied == before->said.version && strcmp(before->timing, rule->timing) == 0))
        return store_rule_applied_put(r->store, c->name, rule->said.version);
    return ERR_OK;
}

static enum err register_rule(const struct registry *r, const struct store_class *c,
                              const struct class_def *def, const uint8_t *configuration)
{
    AUTO(buf_done) struct buf body = {.max = VAULT_RULE_BODY_MAX};
    struct store_rule before, rule = {.today = 0};
    enum err e = vault_rule_text(def, &body);
    bool is_first;

    if (e == ERR_OK)
        e = store_rule_last(r->store, c->name, &before);
    if (e == ERR_OK && span_equal(before.said.body, buf_span(&body)))
        return ERR_OK;
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    is_first = e == ERR_NOT_FOUND;
    memcpy(rule.said.class_name, c->name, sizeof(rule.said.class_name));
    rule.said.version = is_first ? 1 : before.said.version + 1;
    rule.said.since_s = vault__now_s(r->v);
    rule.said.body = buf_span(&body);
    if (configuration != NULL)
        memcpy(rule.said.configuration, configuration, CONF_DIGEST_BYTES);
    vault__rule_timing(def, rule.timing);
    return add_version(r, c, is_first ? NULL : &before, &rule);
}

enum err vault__rules_register(const struct registry *r, const uint8_t *configuration)
{
    enum err e = ERR_OK;

    for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++)
        if (r->table[id].id != 0 && r->defs[id] != NULL)
            e = register_rule(r, &r->table[id], r->defs[id], configuration);
    return e;
}

enum err vault__rule_applied(struct writer *w, const struct vault_rule_applied *op)
{
    const struct store_class *c = vault__class(w->v, op->class_id);
    struct store_rule last;
    enum err e;

    if (c == NULL)
        return ERR_NOT_FOUND;
    e = store_begin(w->store);
    if (e != ERR_OK)
        return e;
    e = store_rule_last(w->store, c->name, &last);
    if (e == ERR_OK && last.said.version != op->version)
        e = ERR_CONFLICT;
    if (e == ERR_OK)
        e = store_rule_applied_put(w->store, c->name, op->version);
    if (e == ERR_OK)
        return store_commit(w->store);
    store_rollback(w->store);
    return e;
}

/* ---- reading ---- */

enum err vault_rules_each(struct vault *v, const char *class_name,
                          enum err (*fn)(const struct vault_rule_version *version, void *context),
                          void *context)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    struct store_rule rule = {.today = 0};
    enum err e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);

    if (class_name != NULL)
        (void)snprintf(rule.said.class_name, sizeof(rule.said.class_name), "%s", class_name);
    while (e == ERR_OK) {
        e = store_rule_next(s, rule.said.class_name, rule.said.version, &rule);
        if (e == ERR_OK && class_name != NULL && strcmp(rule.said.class_name, class_name) != 0)
            e = ERR_NOT_FOUND;
        if (e == ERR_OK)
            e = fn(&rule.said, context);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The time in which one version was in force, as far as counters by day tell. */
struct era {
    struct store_rule rule;
    uint64_t before;   /* values of days before it began */
    uint64_t that_day; /* ... and of the day it began */
};

struct eras {
    struct era *at;
    size_t count;
};

static void free_eras(const struct eras *eras)
{
    free(eras->at);
}

static void add_to_eras(void *context, int64_t created_day, int64_t due_day UNUSED, int64_t n)
{
    struct eras *eras = context;

    for (size_t i = 0; n > 0 && i < eras->count; i++) {
        const int64_t day = eras->at[i].rule.said.since_s / DAY_S;

        if (created_day < day)
            eras->at[i].before += (uint64_t)n;
        else if (created_day == day)
            eras->at[i].that_day += (uint64_t)n;
    }
}

static uint64_t stored_before(const struct era *era)
{
    return era->before + (era->rule.today < era->that_day ? era->rule.today : era->that_day);
}

/* Values stored under a version with other due times than the last one's. Of the first era are all that were
 * there when the second began. */
static uint64_t count_pending(const struct eras *eras)
{
    const char *timing = eras->at[eras->count - 1].rule.timing;
    uint64_t pending = 0;

    for (size_t i = 0; i + 1 < eras->count; i++) {
        const uint64_t begin = i == 0 ? 0 : stored_before(&eras->at[i]);
        const uint64_t end = stored_before(&eras->at[i + 1]);

        if (strcmp(eras->at[i].rule.timing, timing) != 0 && end > begin)
            pending += end - begin;
    }
    return pending;
}

/* From version `first` on. */
static enum err read_eras(struct store *s, const char *class_name, uint32_t first,
                          struct eras *eras)
{
    struct store_rule rule = {.said.version = first - 1};
    enum err e = ERR_OK;

    while (e == ERR_OK) {
        e = store_rule_next(s, class_name, rule.said.version, &rule);
        if (e == ERR_OK && strcmp(rule.said.class_name, class_name) != 0)
            e = ERR_NOT_FOUND;
        if (e != ERR_OK)
            break;
        eras->at = realloc(eras->at, (eras->count + 1) * sizeof(eras->at[0]));
        REQUIRE(eras->at != NULL);
        eras->at[eras->count++] = (struct era){.rule = rule};
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err vault_read_rule(struct vault_reader *r, uint16_t class_id, struct vault_rule_status *ret)
{
    AUTO(free_eras) struct eras eras = {NULL, 0};
    const struct store_class *c = vault__class(r->v, class_id);
    uint32_t applied = 0;
    enum err e;

    REQUIRE(r->reading);
    if (c == NULL)
        return ERR_NOT_FOUND;
    e = store_rule_applied_get(r->store, c->name, &applied);
    if (e == ERR_OK)
        e = read_eras(r->store, c->name, applied, &eras);
    if (e == ERR_OK && eras.count == 0)
        e = ERR_CORRUPT;
    if (e == ERR_OK && eras.count > 1)
        e = store_aggregate_each(r->store, class_id, add_to_eras, &eras);
    if (e != ERR_OK)
        return e;
    *ret = (struct vault_rule_status){.version = eras.at[eras.count - 1].rule.said.version,
                                      .since_s = eras.at[eras.count - 1].rule.said.since_s,
                                      .applied = applied,
                                      .pending = count_pending(&eras)};
    return ERR_OK;
}
