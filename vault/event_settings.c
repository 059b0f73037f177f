/* SPDX-License-Identifier: Apache-2.0 */
/* The `events:` section: who may send an event that rules start from, and how far back it may be dated.
 * Runs on: the thread that loads the configuration. Holds: nothing; the classes have what was read.
 * Invariant: an event of which the section says nothing may be sent by operators only. */
#include "vault/classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct period BACK_DATING = {.days = 30};

/* What the section says of one event. */
struct event_settings {
    const char *callers[CLASS_EVENT_CALLERS_MAX]; /* borrowed from the configuration */
    size_t caller_count;
    struct period back_dating;
};

static enum err read_callers(struct conf_node list, struct event_settings *ret, struct errmsg *msg)
{
    if (!conf_has(list))
        return ERR_OK;
    if (json_kind(list.value) != JSON_LIST)
        return conf_fail(list, msg, "callers must be a list of callers' names");
    if (json_count(list.value) > CLASS_EVENT_CALLERS_MAX)
        return conf_fail(list, msg, "callers must be at most %d", (int)CLASS_EVENT_CALLERS_MAX);
    for (size_t i = 0; i < json_count(list.value); i++) {
        enum err e = conf_str(conf_at(list, i), &ret->callers[ret->caller_count++], msg);

        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static enum err read_event(struct conf_node map, struct event_settings *ret, struct errmsg *msg)
{
    static const char *const known[] = {"callers", "back_dating", NULL};
    struct conf_node node = conf_get(map, "back_dating");
    const char *text = NULL;
    enum err e = conf_only(map, known, msg);

    *ret = (struct event_settings){.back_dating = BACK_DATING};
    if (e == ERR_OK)
        e = read_callers(conf_get(map, "callers"), ret, msg);
    if (e == ERR_OK)
        e = conf_str(node, &text, msg);
    if (e == ERR_OK && text != NULL && period_parse(span_str(text), &ret->back_dating) != ERR_OK)
        return conf_fail(node, msg, "back_dating must be an ISO 8601 period such as \"P30D\"");
    return e;
}

static void put(struct class_def *def, const struct event_settings *settings)
{
    def->back_dating = settings->back_dating;
    def->event_caller_count = settings->caller_count;
    def->event_callers = mem_alloc((settings->caller_count + 1) * sizeof(def->event_callers[0]));
    for (size_t i = 0; i < settings->caller_count; i++)
        def->event_callers[i] = mem_strdup(settings->callers[i]);
}

static bool starts_from(const struct class_def *def, const char *event)
{
    return def->rule.start == RULE_EVENT && strcmp(def->rule.event, event) == 0;
}

enum err classes_read_events(struct conf_node node, struct classes *classes, struct errmsg *msg)
{
    struct conf_node member;
    void *it = NULL;

    for (size_t i = 0; i < classes->count; i++)
        classes->defs[i].back_dating = BACK_DATING;
    if (!conf_has(node))
        return ERR_OK;
    if (json_kind(node.value) != JSON_MAP)
        return conf_fail(node, msg, "events must be a map of events' names");
    while (conf_next(node, &it, &member)) {
        struct event_settings settings;
        bool used = false;
        enum err e = read_event(member, &settings, msg);

        if (e != ERR_OK)
            return e;
        for (size_t i = 0; i < classes->count; i++)
            if (starts_from(&classes->defs[i], member.name)) {
                put(&classes->defs[i], &settings);
                used = true;
            }
        if (!used)
            return conf_fail(member, msg, "no class has `from: \"event:%.64s\"`", member.name);
    }
    return ERR_OK;
}
