/* SPDX-License-Identifier: Apache-2.0 */
/* `upstreams`: where they are, how long they may take, how they are watched, and whom Lethe talks to.
 * Runs on: the control thread, at start; blocks on DNS. Holds: what struct upstream_config points
 * to. Not here: URLs (settings_url.c), resolving again (upstream_resolve.c), talking to them
 * (upstream*.c). */
#include "proxy/settings_priv.h"

#include <string.h>

#include "base/tls.h"
#include "proxy/upstream_resolve.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* ---- durations ---- */

struct duration {
    const char *name;
    int64_t *to;
    int64_t normally_ms;
    int64_t least_ms;
};

static enum err read_durations(struct conf_node node, const struct duration *each, size_t count,
                               struct errmsg *msg)
{
    for (size_t i = 0; i < count; i++) {
        struct conf_node member = conf_get(node, each[i].name);
        enum err e;

        *each[i].to = each[i].normally_ms;
        e = conf_duration_ms(member, each[i].to, msg);
        if (e != ERR_OK)
            return e;
        if (*each[i].to < each[i].least_ms || *each[i].to > DAY_MS)
            return conf_fail(member, msg, "`%s` is at least %d ms and at most a day", each[i].name,
                             (int)each[i].least_ms);
    }
    return ERR_OK;
}

static enum err read_timeouts(struct conf_node node, struct upstream_config *config,
                              struct errmsg *msg)
{
    const struct duration each[] = {
        {"connect_timeout", &config->connect_ms, 3000, 1},
        {"tls_timeout", &config->tls_ms, 3000, 1},
        {"write_timeout", &config->write_ms, 30000, 1},
        {"first_byte_timeout", &config->first_byte_ms, 30000, 1},
        {"idle_timeout", &config->idle_ms, 30000, 1},
        {"response_timeout", &config->response_ms, DAY_MS, 1},
        {"keep_alive", &config->keep_alive_ms, 20000, 1},
        {"queue_timeout", &config->queue_ms, 1000, 1},
        {"resolve", &config->resolve_ms, 60000, 0},
    };
    enum err e = read_durations(node, each, COUNT_OF(each), msg);

    if (e == ERR_OK && config->resolve_ms > 0 && config->resolve_ms < 1000)
        return conf_fail(conf_get(node, "resolve"), msg,
                         "`resolve` is 0 (never) or at least a second");
    return e;
}

/* ---- how many ---- */

static enum err read_counts(struct conf_node node, struct upstream_config *config,
                            struct errmsg *msg)
{
    struct conf_node queue = conf_get(node, "queue");
    int64_t connections = 512, concurrency = 0, waiting;
    enum err e = conf_int(conf_get(node, "connections"), 1, 65535, &connections, msg);

    if (e == ERR_OK)
        e = conf_int(conf_get(node, "concurrency"), 1, 65535, &concurrency, msg);
    waiting = concurrency;
    if (e == ERR_OK)
        e = conf_int(queue, 0, 65535, &waiting, msg);
    if (e != ERR_OK)
        return e;
    if (concurrency == 0 && (conf_has(queue) || conf_has(conf_get(node, "queue_timeout"))))
        return conf_fail(conf_has(queue) ? queue : conf_get(node, "queue_timeout"), msg,
                         "nobody waits without `concurrency`");
    config->connections_max = (uint32_t)connections;
    config->idle_max = (uint32_t)(connections < 64 ? connections : 64);
    config->concurrency = (uint32_t)concurrency;
    config->queue_max = (uint32_t)waiting;
    return ERR_OK;
}

static enum err read_number(struct conf_node map, const char *name, int64_t most, uint32_t *to,
                            struct errmsg *msg)
{
    int64_t number = *to;
    enum err e = conf_int(conf_get(map, name), 1, most, &number, msg);

    *to = (uint32_t)number;
    return e;
}

/* ---- health ---- */

/* 204 or "200-399". */
static enum err read_status(struct conf_node node, struct upstream_health *health,
                            struct errmsg *msg)
{
    const char *text = conf_has(node) ? json_str_of(node.value) : "200-399";
    int64_t one = json_int_of(node.value, 0);
    char digits[8];

    if (text == NULL) {
        health->status_min = health->status_max = one >= 200 && one <= 599 ? (int)one : 0;
    } else if (strlen(text) == 7 && text[3] == '-' && strspn(text, "0123456789-") == 7) {
        (void)memcpy(digits, text, sizeof(digits));
        digits[3] = '\0';
        health->status_min = (int)strtol(digits, NULL, 10);
        health->status_max = (int)strtol(digits + 4, NULL, 10);
    }
    if (health->status_min < 200 || health->status_max > 599 ||
        health->status_min > health->status_max)
        return conf_fail(node, msg, "`status` is a number from 200 to 599, or two: \"200-399\"");
    return ERR_OK;
}

static enum err read_health(struct conf_node node, struct upstream_health *health,
                            struct errmsg *msg)
{
    static const char *const keys[] = {"path", "interval", "timeout", "rise",
                                       "fall", "status",   NULL};
    const struct duration each[] = {{"interval", &health->interval_ms, 5000, 10},
                                    {"timeout", &health->timeout_ms, 2000, 1}};
    const char *path = NULL;
    enum err e;

    *health =
        (struct upstream_health){.interval_ms = 5000, .timeout_ms = 2000, .rise = 2, .fall = 3};
    if (!conf_has(node))
        return ERR_OK;
    e = conf_only(node, keys, msg);
    if (e == ERR_OK)
        e = settings_text(node, "path", &path, msg);
    if (e == ERR_OK)
        e = read_durations(node, each, COUNT_OF(each), msg);
    if (e == ERR_OK)
        e = read_number(node, "rise", 100, &health->rise, msg);
    if (e == ERR_OK)
        e = read_number(node, "fall", 100, &health->fall, msg);
    if (e == ERR_OK)
        e = read_status(conf_get(node, "status"), health, msg);
    if (e != ERR_OK)
        return e;
    if (path[0] != '/')
        return conf_fail(conf_get(node, "path"), msg, "a path begins with '/'");
    for (const char *c = path; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == '#')
            return conf_fail(conf_get(node, "path"), msg, "a path is visible ASCII without '#'");
    health->path = mem_strdup(path);
    return ERR_OK;
}

static enum err read_ejection(struct conf_node node, struct upstream_ejection *ejection,
                              struct errmsg *msg)
{
    static const char *const keys[] = {"failures", "time", "max_time", "share", NULL};
    const struct duration each[] = {{"time", &ejection->base_ms, 10000, 1},
                                    {"max_time", &ejection->max_ms, 300000, 1}};
    int64_t failures = 5, share = 50;
    enum err e = ERR_OK;

    if (conf_has(node))
        e = conf_only(node, keys, msg);
    if (e == ERR_OK)
        e = read_durations(node, each, COUNT_OF(each), msg);
    if (e == ERR_OK)
        e = conf_int(conf_get(node, "failures"), 0, 1000, &failures, msg);
    if (e == ERR_OK)
        e = conf_int(conf_get(node, "share"), 0, 100, &share, msg);
    if (e != ERR_OK)
        return e;
    if (ejection->max_ms < ejection->base_ms)
        return conf_fail(conf_has(conf_get(node, "max_time")) ? conf_get(node, "max_time") : node,
                         msg, "`max_time` is at least `time`");
    ejection->failures = (uint32_t)failures;
    ejection->share = (uint32_t)share;
    return ERR_OK;
}

/* ---- TLS ---- */

static enum err read_certificate(struct conf_node node, struct upstream_config *config,
                                 struct errmsg *msg)
{
    struct conf_node certificate_node = conf_get(node, "certificate"),
                     key_node = conf_get(node, "key");
    const char *certificate = NULL, *key = NULL;
    AUTO(mem_free) char *certificate_path = NULL;
    AUTO(mem_free) char *key_path = NULL;
    struct errmsg why = {""};
    enum err e = conf_str(certificate_node, &certificate, msg);

    if (e == ERR_OK)
        e = conf_str(key_node, &key, msg);
    if (e != ERR_OK || (certificate == NULL && key == NULL))
        return e;
    if (certificate == NULL || key == NULL)
        return conf_fail(certificate == NULL ? key_node : certificate_node, msg,
                         "`certificate` and `key` stand together");
    certificate_path = conf_path(certificate_node, certificate);
    key_path = conf_path(key_node, key);
    e = tls_client_identify(config->tls, certificate_path, key_path, &why);
    return e == ERR_OK ? e : conf_fail(certificate_node, msg, "%s", why.text);
}

/* Whom the certificate must be for: `server_name`, else the URL's host. */
static enum err read_server_name(struct conf_node node, struct upstream_config *config,
                                 struct errmsg *msg)
{
    struct upstream_server server = {0};
    const char *name = NULL;
    enum err e = conf_str(node, &name, msg);

    if (e != ERR_OK || name == NULL)
        return e;
    if (!endpoint_is_literal(name) &&
        (strchr(name, ':') != NULL || !settings_server_read(name, "", &server)))
        return conf_fail(node, msg, "a server name is a host name or an address, without a port");
    free(server.host);
    free(server.port);
    free(config->host);
    config->host = mem_strdup(name);
    return ERR_OK;
}

static enum err read_tls(struct conf_node node, bool https, struct upstream_config *config,
                         struct errmsg *msg)
{
    static const char *const needs_tls[] = {"ca", "certificate", "key", "server_name"};
    struct conf_node ca_node = conf_get(node, "ca");
    const char *ca = NULL;
    AUTO(mem_free) char *ca_path = NULL;
    struct errmsg why = {""};
    enum err e;

    for (size_t i = 0; !https && i < COUNT_OF(needs_tls); i++)
        if (conf_has(conf_get(node, needs_tls[i])))
            return conf_fail(conf_get(node, needs_tls[i]), msg, "`%s` needs a https URL",
                             needs_tls[i]);
    if (!https)
        return ERR_OK;
    e = conf_str(ca_node, &ca, msg);
    if (e == ERR_OK)
        e = read_server_name(conf_get(node, "server_name"), config, msg);
    if (e != ERR_OK)
        return e;
    if (ca != NULL)
        ca_path = conf_path(ca_node, ca);
    e = tls_client_new(ca_path, config->host, &config->tls, &why);
    return e == ERR_OK ? read_certificate(node, config, msg)
                       : conf_fail(ca == NULL ? node : ca_node, msg, "%s", why.text);
}

/* ---- egress ---- */

static enum err read_allowed(struct conf_node list, struct upstream_config *config,
                             struct errmsg *msg)
{
    size_t count;
    enum err e = settings_list(list, &count, msg);

    if (e != ERR_OK || count == 0)
        return e;
    config->allowed = mem_alloc(count * sizeof(*config->allowed));
    for (size_t i = 0; i < count; i++) {
        const char *text = NULL;

        e = conf_str(conf_at(list, i), &text, msg);
        if (e != ERR_OK)
            return e;
        if (network_parse(span_str(text), &config->allowed[config->allowed_count++]) != ERR_OK)
            return conf_fail(
                conf_at(list, i), msg,
                "a range is ADDRESS/BITS with no bit set behind the prefix, or an address");
    }
    return ERR_OK;
}

static enum err read_egress(struct conf_node node, bool https, struct upstream_config *config,
                            struct errmsg *msg)
{
    struct conf_node plain_node = conf_get(node, "insecure_plain"), allow = conf_get(node, "allow");
    bool plain = false;
    enum err e = conf_bool(conf_get(node, "egress"), &config->egress, msg);

    if (e == ERR_OK)
        e = conf_bool(plain_node, &plain, msg);
    if (e != ERR_OK)
        return e;
    if (!config->egress && (conf_has(plain_node) || conf_has(allow)))
        return conf_fail(conf_has(allow) ? allow : plain_node, msg, "`%s` needs `egress: true`",
                         conf_has(allow) ? "allow" : "insecure_plain");
    if (https && plain)
        return conf_fail(plain_node, msg, "`insecure_plain` is for a http URL");
    if (config->egress && !https && !plain)
        return conf_fail(
            conf_get(node, "url"), msg,
            "an egress upstream needs https (or `insecure_plain: true`, when you know better)");
    return read_allowed(allow, config, msg);
}

/* ---- where ---- */

static enum err read_servers(struct conf_node list, const struct settings_url *url,
                             struct upstream_config *config, struct errmsg *msg)
{
    size_t count;
    enum err e = settings_list(list, &count, msg);

    if (e != ERR_OK)
        return e;
    if (conf_has(list) && (count == 0 || count > UPSTREAM_ADDRESSES_MAX))
        return conf_fail(list, msg, "`servers` has 1 to %d entries", UPSTREAM_ADDRESSES_MAX);
    config->servers = mem_alloc((count + 1) * sizeof(*config->servers));
    if (count == 0)
        config->servers[config->server_count++] =
            (struct upstream_server){mem_strdup(url->host), mem_strdup(url->port)};
    for (size_t i = 0; i < count; i++) {
        struct conf_node node = conf_at(list, i);
        const char *text = NULL;

        e = conf_str(node, &text, msg);
        if (e != ERR_OK)
            return e;
        if (!settings_server_read(text, url->port, &config->servers[config->server_count]))
            return conf_fail(node, msg, "a server is HOST, HOST:PORT or [IPV6]:PORT");
        config->server_count++;
    }
    return ERR_OK;
}

static enum err resolve(struct conf_node node, struct upstream_config *config, struct errmsg *msg)
{
    struct conf_node servers = conf_get(node, "servers");
    struct errmsg why = {""};
    size_t server = 0;
    enum err e = upstream_resolve_config(config, upstream_resolve_system, &server, &why);

    if (e == ERR_OK)
        return e;
    return conf_fail(conf_has(servers) ? conf_at(servers, server) : conf_get(node, "url"), msg,
                     "%s", why.text);
}

/* ---- the whole ---- */

static enum err read_url(struct conf_node node, struct settings_url *url, struct upstream_def *def,
                         struct errmsg *msg)
{
    const char *text = NULL;
    enum err e = settings_text(node, "url", &text, msg);

    if (e != ERR_OK)
        return e;
    if (!settings_url_read(text, url))
        return conf_fail(
            conf_get(node, "url"), msg,
            "a URL is http://HOST[:PORT][/PATH] or https://..., without user, query or "
            "escapes");
    def->config.authority = mem_strdup(url->authority);
    def->config.host = mem_strdup(url->host);
    def->base_path = mem_strdup(url->path);
    return ERR_OK;
}

static enum err read_members(struct conf_node node, struct settings_url *url,
                             struct upstream_def *def, struct errmsg *msg)
{
    static const char *const keys[] = {"url",
                                       "servers",
                                       "connect_timeout",
                                       "tls_timeout",
                                       "write_timeout",
                                       "idle_timeout",
                                       "resolve",
                                       "first_byte_timeout",
                                       "keep_alive",
                                       "response_timeout",
                                       "connections",
                                       "concurrency",
                                       "queue",
                                       "health",
                                       "queue_timeout",
                                       "eject",
                                       "ca",
                                       "certificate",
                                       "key",
                                       "server_name",
                                       "egress",
                                       "insecure_plain",
                                       "allow",
                                       NULL};
    struct upstream_config *config = &def->config;
    enum err e = conf_only(node, keys, msg);

    if (e == ERR_OK)
        e = read_url(node, url, def, msg);
    if (e == ERR_OK)
        e = read_timeouts(node, config, msg);
    if (e == ERR_OK)
        e = read_counts(node, config, msg);
    if (e == ERR_OK)
        e = read_health(conf_get(node, "health"), &config->health, msg);
    if (e == ERR_OK)
        e = read_ejection(conf_get(node, "eject"), &config->ejection, msg);
    if (e == ERR_OK)
        e = read_tls(node, url->https, config, msg);
    if (e == ERR_OK)
        e = read_egress(node, url->https, config, msg);
    if (e == ERR_OK)
        e = read_servers(conf_get(node, "servers"), url, config, msg);
    return e == ERR_OK ? resolve(node, config, msg) : e;
}

static enum err read_upstream(struct conf_node node, struct upstream_def *def, struct errmsg *msg)
{
    struct settings_url url = {0};
    enum err e;

    def->config.name = mem_strdup(node.name);
    e = settings_name(node, node.name, "an upstream", msg);
    if (e == ERR_OK)
        e = read_members(node, &url, def, msg);
    settings_url_done(&url);
    return e;
}

enum err settings_read_upstreams(struct conf_node root, struct proxy_settings *settings,
                                 struct errmsg *msg)
{
    struct conf_node map, member;
    void *it = NULL;
    enum err e = conf_need(root, "upstreams", &map, msg);

    if (e != ERR_OK)
        return e;
    if (json_kind(map.value) != JSON_MAP || json_count(map.value) == 0)
        return conf_fail(map, msg, "`upstreams` is a map of names, with at least one");
    settings->upstreams = mem_alloc(json_count(map.value) * sizeof(*settings->upstreams));
    while (conf_next(map, &it, &member)) {
        e = read_upstream(member, &settings->upstreams[settings->upstream_count++], msg);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

void settings_free_upstreams(struct proxy_settings *settings)
{
    for (size_t i = 0; i < settings->upstream_count; i++) {
        struct upstream_def *def = &settings->upstreams[i];

        for (size_t k = 0; k < def->config.server_count; k++) {
            free(def->config.servers[k].host);
            free(def->config.servers[k].port);
        }
        free(def->config.servers);
        free(def->config.name);
        free(def->config.authority);
        free(def->config.host);
        free(def->config.addresses);
        free(def->config.allowed);
        free(def->config.health.path);
        tls_free(&def->config.tls);
        free(def->base_path);
    }
    free(settings->upstreams);
}
