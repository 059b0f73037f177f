/* SPDX-License-Identifier: Apache-2.0 */
/* The section `activities:`, and the holder of what is in force.
 * Runs on: the thread that loads a configuration; the holder on any. Holds: the tree as text, which is what
 * threads can share. Not here: the report (report_ropa.c). */
#include "retention/ropa.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "vault/rule.h"

/* ---- reading ---- */

static enum err take_words(struct conf_node map, const char *name, struct json *to,
                           struct errmsg *msg)
{
    AUTO(mem_free) char *text = NULL;
    enum err e = rule_read_words(conf_get(map, name), &text, msg);

    if (e == ERR_OK && text != NULL)
        json_set(to, name, json_new_text(span_str(text)));
    return e;
}

static enum err take_list(struct conf_node map, const char *name, struct json *to,
                          struct errmsg *msg)
{
    const struct conf_node node = conf_get(map, name);
    struct json *list;
    enum err e = ERR_OK;

    if (!conf_has(node))
        return ERR_OK;
    if (json_kind(node.value) != JSON_LIST || json_count(node.value) > ROPA_WORDS_MAX)
        return conf_fail(node, msg, "\"%s\" must be a list of at most %d texts", name,
                         ROPA_WORDS_MAX);
    list = json_new_list();
    json_set(to, name, list);
    for (size_t i = 0; i < json_count(node.value) && e == ERR_OK; i++) {
        AUTO(mem_free) char *text = NULL;

        e = rule_read_words(conf_at(node, i), &text, msg);
        if (e == ERR_OK && text == NULL)
            e = conf_fail(node, msg, "\"%s\" must be a list of texts", name);
        if (e == ERR_OK)
            json_add(list, json_new_text(span_str(text)));
    }
    return e;
}

static enum err check_role(struct conf_node node, const struct json *activity, struct errmsg *msg)
{
    const char *role = json_str_of(json_get(activity, "role"));
    const bool processes = role != NULL && strcmp(role, "processor") == 0;

    if (role != NULL && !processes && strcmp(role, "controller") != 0)
        return conf_fail(conf_get(node, "role"), msg, "role must be controller or processor");
    if (processes && json_get(activity, "on_behalf_of") == NULL)
        return conf_fail(node, msg, "a processor says \"on_behalf_of\" whom");
    return ERR_OK;
}

static enum err read_activity(struct conf_node node, struct json *activities, struct errmsg *msg)
{
    static const char *const words[] = {"description", "role",   "on_behalf_of",
                                        "joint",       "owner",  "dpia",
                                        "safeguards",  "source", NULL};
    static const char *const lists[] = {"purposes", "recipients", "transfers", "measures", NULL};
    static const char *const known[] = {
        "description", "role",     "on_behalf_of", "joint",     "owner",    "dpia", "safeguards",
        "source",      "purposes", "recipients",   "transfers", "measures", NULL};
    struct json *activity = json_new_map();
    enum err e;

    json_set(activities, node.name, activity);
    if (!rule_is_name(node.name))
        return conf_fail(node, msg, "an activity's name is 1-64 of a-z 0-9 _ -");
    e = conf_only(node, known, msg);
    for (size_t i = 0; e == ERR_OK && words[i] != NULL; i++)
        e = take_words(node, words[i], activity, msg);
    for (size_t i = 0; e == ERR_OK && lists[i] != NULL; i++)
        e = take_list(node, lists[i], activity, msg);
    if (e == ERR_OK && json_count(json_get(activity, "purposes")) == 0)
        e = conf_fail(node, msg, "an activity needs \"purposes\": they say which classes it uses");
    return e == ERR_OK ? check_role(node, activity, msg) : e;
}

static struct json *controller_map(const struct controller *c)
{
    const struct {
        const char *name, *value;
    } members[] = {{"name", c->name},
                   {"contact", c->contact},
                   {"representative", c->representative},
                   {"dpo", c->dpo}};
    struct json *map = json_new_map();

    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (members[i].value != NULL)
            json_set(map, members[i].name, json_new_text(span_str(members[i].value)));
    return map;
}

enum err ropa_read(struct conf_node activities, const struct controller *controller,
                   struct json **ret_tree, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = json_new_map();
    struct json *map = json_new_map();
    struct conf_node member;
    void *it = NULL;
    enum err e = ERR_OK;

    json_set(tree, "controller", controller_map(controller));
    json_set(tree, "activities", map);
    if (conf_has(activities) && (json_kind(activities.value) != JSON_MAP ||
                                 json_count(activities.value) > ROPA_ACTIVITIES_MAX))
        return conf_fail(activities, msg, "\"activities\" must be a map of at most %d",
                         ROPA_ACTIVITIES_MAX);
    while (e == ERR_OK && conf_has(activities) && conf_next(activities, &it, &member))
        e = read_activity(member, map, msg);
    if (e == ERR_OK)
        *ret_tree = TAKE(tree);
    return e;
}

/* ---- what is in force ---- */

/* Flows are more than the file that declares them: callers by classes. */
enum { TEXT_MAX = 1 << 30 };

struct ropa {
    pthread_mutex_t lock;
    struct buf text; /* JSON */
};

struct ropa *ropa_new(void)
{
    struct ropa *r = mem_alloc(sizeof(*r));

    REQUIRE(pthread_mutex_init(&r->lock, NULL) == 0);
    buf_init(&r->text, TEXT_MAX);
    return r;
}

void ropa_free(struct ropa **ropa)
{
    struct ropa *r = TAKE(*ropa);

    if (r == NULL)
        return;
    (void)pthread_mutex_destroy(&r->lock);
    buf_done(&r->text);
    free(r);
}

void ropa_set(struct ropa *r, const struct json *tree)
{
    (void)pthread_mutex_lock(&r->lock);
    buf_reset(&r->text);
    REQUIRE(json_write(tree, &r->text) == ERR_OK);
    (void)pthread_mutex_unlock(&r->lock);
}

struct json *ropa_get(struct ropa *r)
{
    struct json *tree = NULL;

    if (r == NULL)
        return json_new_map();
    (void)pthread_mutex_lock(&r->lock);
    if (r->text.len > 0)
        REQUIRE(json_parse(buf_span(&r->text), &tree) == ERR_OK);
    (void)pthread_mutex_unlock(&r->lock);
    return tree == NULL ? json_new_map() : tree;
}
