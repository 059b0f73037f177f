/* SPDX-License-Identifier: Apache-2.0 */
/* `upstreams`: URLs taken apart, names resolved, TLS contexts made.
 * Runs on: the control thread, at start; blocks on DNS. Holds: what struct upstream_config points
 * to. Not here: talking to them (proxy/upstream.c). */
#include "proxy/settings_priv.h"

#include <netdb.h>
#include <string.h>

#include "base/tls.h"

struct url {
    bool https;
    char *host; /* without brackets */
    char *port;
    char *authority; /* as written */
    char *path;      /* no '/' at its end */
};

static void url_done(struct url *url)
{
    free(url->host);
    free(url->port);
    free(url->authority);
    free(url->path);
}

static bool is_host(const char *host, size_t len, bool bracketed)
{
    const char *allowed = bracketed ? "0123456789abcdefABCDEF:."
                                    : "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789.-";

    return len > 0 && len <= 253 && strspn(host, allowed) >= len;
}

static bool is_port(const char *port, size_t len)
{
    unsigned long n = 0;

    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (port[i] < '0' || port[i] > '9')
            return false;
        n = n * 10 + (unsigned long)(port[i] - '0');
    }
    return n > 0 && n <= 65535;
}

/* The authority of a URL, up to its path. No user names: they would be credentials in a file. */
static bool read_authority(const char *at, size_t len, struct url *url)
{
    bool bracketed = len > 0 && at[0] == '[';
    const char *end = bracketed ? memchr(at, ']', len) : memchr(at, ':', len);
    const char *host = bracketed ? at + 1 : at;
    size_t host_len, after;

    if (bracketed && end == NULL)
        return false;
    host_len = end == NULL ? len : (size_t)(end - host);
    after = bracketed ? host_len + 2 : host_len;
    if (!is_host(host, host_len, bracketed))
        return false;
    if (after < len && (at[after] != ':' || !is_port(at + after + 1, len - after - 1)))
        return false;
    url->host = strndup(host, host_len);
    url->port = after < len ? strndup(at + after + 1, len - after - 1)
                            : mem_strdup(url->https ? "443" : "80");
    url->authority = strndup(at, len);
    return true;
}

static bool read_url(const char *text, struct url *url)
{
    const char *path;
    size_t path_len;

    if (strncmp(text, "https://", 8) == 0)
        url->https = true;
    else if (strncmp(text, "http://", 7) != 0)
        return false;
    text += url->https ? 8 : 7;
    path = text + strcspn(text, "/");
    path_len = strlen(path);
    if (strpbrk(path, "?#;\\% ") != NULL || strstr(path, "//") != NULL ||
        strstr(path, "/.") != NULL)
        return false;
    for (const char *c = path; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    if (path_len > 0 && path[path_len - 1] == '/')
        path_len--;
    url->path = strndup(path, path_len);
    return read_authority(text, (size_t)(path - text), url);
}

static enum err resolve(struct conf_node node, const struct url *url,
                        struct upstream_config *config, struct errmsg *msg)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    size_t count = 0;
    int status = getaddrinfo(url->host, url->port, &hints, &list);

    if (status != 0) /* ADDRCONFIG also hides loopback where there is no other interface */
        status = getaddrinfo(url->host, url->port, &(struct addrinfo){.ai_socktype = SOCK_STREAM},
                             &list);
    if (status != 0)
        return conf_fail(node, msg, "the host \"%s\" cannot be resolved: %s", url->host,
                         gai_strerror(status));
    for (struct addrinfo *a = list; a != NULL; a = a->ai_next)
        count++;
    config->addresses = mem_alloc(count * sizeof(*config->addresses));
    for (struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        struct upstream_address *to = &config->addresses[config->address_count++];

        memcpy(&to->address, a->ai_addr, a->ai_addrlen);
        to->len = a->ai_addrlen;
    }
    freeaddrinfo(list);
    return ERR_OK;
}

static enum err read_timeouts(struct conf_node node, struct upstream_config *config,
                              struct errmsg *msg)
{
    struct {
        const char *name;
        int64_t *to;
    } const each[] = {
        {"connect_timeout", &config->connect_ms},
        {"first_byte_timeout", &config->first_byte_ms},
        {"idle_timeout", &config->idle_ms},
        {"keep_alive", &config->keep_alive_ms},
    };

    config->connect_ms = 3000;
    config->first_byte_ms = 30000;
    config->idle_ms = 30000;
    config->keep_alive_ms = 20000;
    for (size_t i = 0; i < COUNT_OF(each); i++) {
        struct conf_node member = conf_get(node, each[i].name);
        enum err e = conf_duration_ms(member, each[i].to, msg);

        if (e != ERR_OK)
            return e;
        if (*each[i].to < 1 || *each[i].to > 24 * 3600 * 1000)
            return conf_fail(member, msg, "`%s` is at least 1 ms and at most a day", each[i].name);
    }
    return ERR_OK;
}

static enum err read_tls(struct conf_node node, const struct url *url,
                         struct upstream_config *config, struct errmsg *msg)
{
    struct conf_node ca_node = conf_get(node, "ca");
    const char *ca = NULL;
    AUTO(mem_free) char *ca_path = NULL;
    struct errmsg why = {""};
    enum err e = conf_str(ca_node, &ca, msg);

    if (e != ERR_OK)
        return e;
    if (!url->https)
        return ca == NULL ? ERR_OK : conf_fail(ca_node, msg, "`ca` needs a https URL");
    if (ca != NULL)
        ca_path = conf_path(ca_node, ca);
    e = tls_client_new(ca_path, url->host, &config->tls, &why);
    return e == ERR_OK ? e : conf_fail(ca == NULL ? node : ca_node, msg, "%s", why.text);
}

static enum err read_members(struct conf_node node, struct url *url, struct upstream_def *def,
                             struct errmsg *msg)
{
    static const char *const keys[] = {"url",
                                       "connect_timeout",
                                       "first_byte_timeout",
                                       "idle_timeout",
                                       "keep_alive",
                                       "connections",
                                       "ca",
                                       NULL};
    const char *text = NULL;
    int64_t connections = 512;
    enum err e = conf_only(node, keys, msg);

    if (e == ERR_OK)
        e = settings_text(node, "url", &text, msg);
    if (e != ERR_OK)
        return e;
    if (!read_url(text, url))
        return conf_fail(
            conf_get(node, "url"), msg,
            "a URL is http://HOST[:PORT][/PATH] or https://..., without user, query or "
            "escapes");
    e = read_timeouts(node, &def->config, msg);
    if (e == ERR_OK)
        e = conf_int(conf_get(node, "connections"), 1, 65535, &connections, msg);
    if (e != ERR_OK)
        return e;
    def->config.connections_max = (uint32_t)connections;
    def->config.idle_max = (uint32_t)(connections < 64 ? connections : 64);
    e = read_tls(node, url, &def->config, msg);
    return e == ERR_OK ? resolve(conf_get(node, "url"), url, &def->config, msg) : e;
}

static enum err read_upstream(struct conf_node node, struct upstream_def *def, struct errmsg *msg)
{
    struct url url = {0};
    enum err e;

    def->config.name = mem_strdup(node.name);
    e = settings_name(node, node.name, "an upstream", msg);
    if (e == ERR_OK)
        e = read_members(node, &url, def, msg);
    def->config.authority = TAKE(url.authority);
    def->config.host = TAKE(url.host);
    def->base_path = TAKE(url.path);
    url_done(&url);
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

        free(def->config.name);
        free(def->config.authority);
        free(def->config.host);
        free(def->config.addresses);
        tls_free(&def->config.tls);
        free(def->base_path);
    }
    free(settings->upstreams);
}
