/* SPDX-License-Identifier: Apache-2.0 */
/* A route's `event`, and whether those who may send events are callers.
 * Runs on: the control thread, at start. Holds: nothing. Invariant: a route that posts an event says whose it is,
 * and somebody may use it. Not here: the section `events` itself (vault/event_settings.c). */
#include "proxy/settings_priv.h"

#include <string.h>

enum { STATUS_MIN = 200, STATUS_MAX = 599 };

/* ---- who may send events ---- */

static bool is_caller(const struct proxy_settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->caller_count; i++)
        if (strcmp(settings->callers[i].name, name) == 0)
            return true;
    return false;
}

static enum err check_callers(struct conf_node list, const struct proxy_settings *settings,
                              struct errmsg *msg)
{
    size_t count;
    enum err e = settings_list(list, &count, msg);

    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        const struct conf_node node = conf_at(list, i);
        const char *name = "";

        e = conf_str(node, &name, msg);
        if (e == ERR_OK && !is_caller(settings, name))
            e = conf_fail(node, msg, "there is no caller \"%.64s\"", name);
    }
    return e;
}

enum err settings_check_events(struct conf_node root, const struct proxy_settings *settings,
                               struct errmsg *msg)
{
    const struct conf_node map = conf_get(root, "events");
    struct conf_node event;
    enum err e = ERR_OK;
    void *it = NULL;

    if (!conf_has(map))
        return ERR_OK;
    if (json_kind(map.value) != JSON_MAP)
        return conf_fail(map, msg, "events must be a map of events' names");
    while (e == ERR_OK && conf_next(map, &it, &event))
        e = check_callers(conf_get(event, "callers"), settings, msg);
    return e;
}

/* ---- a route's ---- */

static const struct class_def *class_from(const struct classes *classes, const char *event)
{
    for (size_t i = 0; i < classes->count; i++)
        if (classes->defs[i].rule.start == RULE_EVENT &&
            strcmp(classes->defs[i].rule.event, event) == 0)
            return &classes->defs[i];
    return NULL;
}

static enum err read_name(struct conf_node map, const struct classes *classes,
                          struct route_event *event, struct errmsg *msg)
{
    const struct class_def *class;
    const char *name;
    enum err e = settings_text(map, "name", &name, msg);

    if (e != ERR_OK)
        return e;
    class = class_from(classes, name);
    if (class == NULL)
        return conf_fail(conf_get(map, "name"), msg, "no class has `from: \"event:%.64s\"`", name);
    if (class->event_caller_count == 0)
        return conf_fail(conf_get(map, "name"), msg,
                         "nobody may send the event: `events: {%.64s: {callers: [...]}}` says who",
                         name);
    event->name = mem_strdup(name);
    return ERR_OK;
}

static enum err read_when(struct conf_node node, struct route_event *event, struct errmsg *msg)
{
    size_t count;

    if (!conf_has(node) || span_equal(json_text_of(node.value), SPAN_LIT("2xx")))
        return ERR_OK;
    if (json_kind(node.value) != JSON_LIST || json_count(node.value) == 0)
        return conf_fail(node, msg, "`when` is \"2xx\" or a list of statuses such as [200, 204]");
    count = json_count(node.value);
    event->statuses = mem_alloc(count * sizeof(*event->statuses));
    for (size_t i = 0; i < count; i++) {
        int64_t status = 0;
        enum err e = conf_int(conf_at(node, i), STATUS_MIN, STATUS_MAX, &status, msg);

        if (e != ERR_OK)
            return e;
        event->statuses[event->status_count++] = (uint16_t)status;
    }
    return ERR_OK;
}

enum err settings_read_event(struct conf_node node, const struct proxy_settings *settings,
                             struct route_def *route, struct errmsg *msg)
{
    static const char *const keys[] = {"name", "when", NULL};
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_only(node, keys, msg);
    if (e == ERR_OK &&
        (route->subject_from == SUBJECT_NONE || route->subject_from == SUBJECT_ELEMENT))
        e = conf_fail(node, msg, "whose event is it? A route that posts one names one `subject`");
    if (e == ERR_OK && route->websocket)
        e = conf_fail(node, msg, "a route that lets WebSocket pass posts no event");
    if (e == ERR_OK)
        e = read_name(node, settings->classes, &route->event, msg);
    return e == ERR_OK ? read_when(conf_get(node, "when"), &route->event, msg) : e;
}
