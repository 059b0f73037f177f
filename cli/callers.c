/* SPDX-License-Identifier: Apache-2.0 */
/* Callers of the proxy as operators are told of them.
 * Runs on: any thread. Holds: nothing. Invariant: a proxy that ends is asked no more. Not here: what they have used
 * (proxy/caller_watch.c), incidents (admin/ops_watch.c). */
#include "cli/callers.h"

#include "base/assert.h"

enum { MINUTE_S = 60, HOUR_S = 3600 };

void callers_view_init(struct callers_view *view)
{
    view->proxy = NULL;
    REQUIRE(pthread_mutex_init(&view->lock, NULL) == 0);
}

void callers_view_done(struct callers_view *view)
{
    (void)pthread_mutex_destroy(&view->lock);
}

void callers_view_use(struct callers_view *view, struct proxy *proxy)
{
    (void)pthread_mutex_lock(&view->lock);
    view->proxy = proxy;
    (void)pthread_mutex_unlock(&view->lock);
}

static const char *window_of(int64_t window_s)
{
    if (window_s <= MINUTE_S)
        return "minute";
    return window_s <= HOUR_S ? "hour" : "day";
}

static struct json *quota_map(const struct caller_quota_state *quota)
{
    struct json *map = json_new_map();

    if (quota->purpose == NULL)
        json_set(map, "purpose", json_new_null());
    else
        json_set_str(map, "purpose", quota->purpose);
    json_set_str(map, "what", quota->what);
    json_set_str(map, "window", window_of(quota->window_s));
    json_set_int(map, "limit", (int64_t)quota->limit);
    json_set_int(map, "used", (int64_t)quota->used);
    return map;
}

static void add(const struct caller_state *state, void *context)
{
    struct json *map = json_new_map(), *quotas = json_new_list();

    for (size_t i = 0; i < state->quota_count; i++)
        json_add(quotas, quota_map(&state->quotas[i]));
    json_set_str(map, "caller", state->name);
    json_set_bool(map, "suspended", state->suspended);
    json_set(map, "quotas", quotas);
    json_add(context, map);
}

struct json *callers_view_read(void *context)
{
    struct callers_view *view = context;
    struct json *list = NULL;

    (void)pthread_mutex_lock(&view->lock);
    if (view->proxy != NULL) {
        list = json_new_list();
        proxy_read_callers(view->proxy, add, list);
    }
    (void)pthread_mutex_unlock(&view->lock);
    return list;
}
