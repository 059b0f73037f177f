/* SPDX-License-Identifier: Apache-2.0 */
/* `limits`: what one client, and all of them, may take.
 * Runs on: the control thread. Holds: nothing. Invariant: every limit has a value within its bounds;
 * none can be switched off by accident. Not here: keeping to them (client*.c, exchange.c). */
#include <stddef.h>

#include "base/limits.h"
#include "proxy/fields.h"
#include "proxy/settings_priv.h"

enum {
    DAY_MS = 24 * 3600 * 1000,
    CONNECTIONS_MAX = 1 << 20,
    SPEED_MAX = 1 << 30 /* bytes a second */
};

struct number {
    const char *name;
    size_t at; /* of the int64_t */
    int64_t min, max, preset;
};

#define AT(member) offsetof(struct limit_settings, member)

static const struct number numbers[] = {
    {"head", AT(head), 1024, LIMIT_REQUEST_HEAD_MAX, LIMIT_REQUEST_HEAD_MAX},
    {"headers", AT(headers), 1, LIMIT_HEADERS_MAX, LIMIT_HEADERS_MAX},
    {"body", AT(body), 0, LIMIT_REQUEST_BODY_MAX, LIMIT_REQUEST_BODY_MAX},
    {"json_depth", AT(json_depth), 1, LIMIT_JSON_DEPTH_MAX, LIMIT_JSON_DEPTH_MAX},
    {"json_members", AT(json_members), FIELDS_MEMBERS_MIN, LIMIT_JSON_MEMBERS_MAX,
     LIMIT_JSON_MEMBERS_MAX},
    {"connections", AT(connections), 1, CONNECTIONS_MAX, 16384},
    {"connections_per_client", AT(connections_per_client), 1, CONNECTIONS_MAX, 1024},
    {"requests", AT(requests), 1, CONNECTIONS_MAX, 4096},
    {"buffered", AT(buffered), LIMIT_REQUEST_BODY_MAX, INT64_C(1) << 40, 512 << 20},
    {"body_rate", AT(body_rate), 1, SPEED_MAX, 500},
    {"write_rate", AT(write_rate), 1, SPEED_MAX, 500},
};

static const struct number durations[] = {
    {"head_timeout", AT(head_ms), 100, DAY_MS, 10000},
    {"idle_timeout", AT(idle_ms), 100, DAY_MS, 60000},
    {"body_timeout", AT(body_ms), 100, DAY_MS, 20000},
    {"write_timeout", AT(write_ms), 100, DAY_MS, 30000},
};

static int64_t *member(struct limit_settings *limits, const struct number *number)
{
    return (int64_t *)(void *)((char *)limits + number->at);
}

static enum err read_duration(struct conf_node map, const struct number *d, int64_t *ret,
                              struct errmsg *msg)
{
    struct conf_node node = conf_get(map, d->name);
    enum err e = conf_duration_ms(node, ret, msg);

    if (e == ERR_OK && (*ret < d->min || *ret > d->max))
        return conf_fail(node, msg, "`%s` is at least %lld ms and at most a day", d->name,
                         (long long)d->min);
    return e;
}

enum err settings_read_limits(struct conf_node root, struct proxy_settings *settings,
                              struct errmsg *msg)
{
    static const char *const keys[] = {
        "head",         "headers",      "body",      "connections",   "connections_per_client",
        "json_depth",   "json_members", "requests",  "buffered",      "head_timeout",
        "idle_timeout", "body_timeout", "body_rate", "write_timeout", "write_rate",
        "client_rate",  "caller_rate",  NULL};
    struct limit_settings *limits = &settings->limits;
    struct conf_node map = conf_get(root, "limits");
    enum err e = conf_has(map) ? conf_only(map, keys, msg) : ERR_OK;

    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        *member(limits, &numbers[i]) = numbers[i].preset;
    for (size_t i = 0; i < COUNT_OF(durations); i++)
        *member(limits, &durations[i]) = durations[i].preset;
    if (e != ERR_OK || !conf_has(map))
        return e;
    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(numbers); i++)
        e = conf_int(conf_get(map, numbers[i].name), numbers[i].min, numbers[i].max,
                     member(limits, &numbers[i]), msg);
    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(durations); i++)
        e = read_duration(map, &durations[i], member(limits, &durations[i]), msg);
    if (e == ERR_OK)
        e = meter_rate_read(conf_get(map, "client_rate"), &limits->client_rate, msg);
    if (e == ERR_OK)
        e = meter_rate_read(conf_get(map, "caller_rate"), &limits->caller_rate, msg);
    return e;
}
