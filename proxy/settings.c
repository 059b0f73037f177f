/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the proxy's settings: the parts in order, listeners, threads and the default.
 * Runs on: the control thread, at start. Holds: everything a running proxy borrows: TLS contexts,
 * resolved addresses, the routes' tree. Invariant: whatever is not understood is an error with its
 * place, never ignored. Not here: upstreams, callers, routes (settings_*.c). */
#include "proxy/settings_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/http_listen.h"
#include "base/tls.h"

/* ---- helpers of all sections ---- */

enum err settings_list(struct conf_node node, size_t *ret_count, struct errmsg *msg)
{
    if (!conf_has(node)) {
        *ret_count = 0;
        return ERR_OK;
    }
    if (json_kind(node.value) != JSON_LIST)
        return conf_fail(node, msg, "a list is expected here");
    *ret_count = json_count(node.value);
    return ERR_OK;
}

enum err settings_text(struct conf_node map, const char *name, const char **ret, struct errmsg *msg)
{
    struct conf_node node;
    enum err e = conf_need(map, name, &node, msg);

    return e == ERR_OK ? conf_str(node, ret, msg) : e;
}

enum err settings_name(struct conf_node node, const char *text, const char *what,
                       struct errmsg *msg)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t len = strlen(text);

    if (len == 0 || len > SETTINGS_NAME_MAX || strspn(text, allowed) != len)
        return conf_fail(node, msg, "the name of %s is 1 to %d of A-Z a-z 0-9 _ . -", what,
                         SETTINGS_NAME_MAX);
    return ERR_OK;
}

enum err settings_upstream(struct conf_node node, const struct proxy_settings *settings,
                           size_t *ret_index, struct errmsg *msg)
{
    const char *name = NULL;
    enum err e = conf_str(node, &name, msg);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < settings->upstream_count; i++) {
        if (strcmp(settings->upstreams[i].config.name, name) == 0) {
            *ret_index = i;
            return ERR_OK;
        }
    }
    return conf_fail(node, msg, "there is no upstream \"%s\" under `upstreams`", name);
}

enum err settings_domain(struct conf_node node, const char *name,
                         const struct proxy_settings *settings, size_t *ret_index,
                         struct errmsg *msg)
{
    for (size_t i = 0; i < settings->domains->count; i++) {
        if (strcmp(settings->domains->names[i], name) == 0) {
            *ret_index = i;
            return ERR_OK;
        }
    }
    return conf_fail(node, msg, "there is no domain \"%s\" under `domains`", name);
}

/* ---- listen ---- */

static enum err read_tls(struct conf_node node, struct listen_def *def, struct errmsg *msg)
{
    static const char *const keys[] = {"certificate", "key", "client_ca", "client_certificates",
                                       NULL};
    enum err e = http_tls_read_of(node, keys, &def->tls, msg);

    return e == ERR_OK ? http_tls_read_clients(node, def->tls, client_on_certificate,
                                               &def->asks_clients, msg)
                       : e;
}

static enum err read_listen(struct conf_node node, const struct proxy_settings *settings,
                            struct listen_def *def, struct errmsg *msg)
{
    static const char *const keys[] = {"address", "tls", "proxy_protocol", NULL};
    struct conf_node tls = conf_get(node, "tls"), proxied = conf_get(node, "proxy_protocol");
    const char *address = NULL;
    enum err e = conf_only(node, keys, msg);

    if (e == ERR_OK)
        e = settings_text(node, "address", &address, msg);
    if (e != ERR_OK)
        return e;
    if (!http_address_split(address, &def->host, &def->port))
        return conf_fail(conf_get(node, "address"), msg,
                         "an address is HOST:PORT or [IPV6]:PORT; port 0 takes any free one");
    def->address = mem_strdup(address);
    e = conf_bool(proxied, &def->proxy_protocol, msg);
    if (e != ERR_OK)
        return e;
    if (def->proxy_protocol && settings->trust.count == 0)
        return conf_fail(proxied, msg, "`proxy_protocol` needs `trusted_proxies`");
    return conf_has(tls) ? read_tls(tls, def, msg) : ERR_OK;
}

enum err settings_read_listens(struct conf_node root, struct proxy_settings *settings,
                               struct errmsg *msg)
{
    struct conf_node list;
    size_t count;
    enum err e = conf_need(root, "listen", &list, msg);

    if (e == ERR_OK)
        e = settings_list(list, &count, msg);
    if (e != ERR_OK)
        return e;
    if (count == 0)
        return conf_fail(list, msg, "at least one listener is needed");
    settings->listens = mem_alloc(count * sizeof(*settings->listens));
    for (size_t i = 0; i < count; i++) {
        settings->listen_count = i + 1;
        e = read_listen(conf_at(list, i), settings, &settings->listens[i], msg);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static void close_bound(struct listen_def *def, size_t count)
{
    for (size_t i = 0; def->bound != NULL && i < count; i++)
        if (def->bound[i] >= 0)
            (void)close(def->bound[i]);
    free(def->bound);
}

void settings_free_listens(struct proxy_settings *settings)
{
    for (size_t i = 0; i < settings->listen_count; i++) {
        struct listen_def *def = &settings->listens[i];

        free(def->address);
        free(def->host);
        free(def->port);
        tls_free(&def->tls);
        close_bound(def, settings->threads);
    }
    free(settings->listens);
}

enum err proxy_settings_bind(struct proxy_settings *settings, struct errmsg *msg)
{
    for (size_t i = 0; i < settings->listen_count; i++) {
        struct listen_def *def = &settings->listens[i];
        const struct http_address address = {def->address, def->host, def->port};
        enum err e;

        def->bound = mem_alloc(settings->threads * sizeof(*def->bound));
        memset(def->bound, 0xff, settings->threads * sizeof(*def->bound)); /* all -1 */
        e = http_listen(&address, def->bound, settings->threads, msg);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* ---- the whole ---- */

static enum err read_threads(struct conf_node root, struct proxy_settings *settings,
                             struct errmsg *msg)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t threads = cores < 1 ? 1 : cores > SETTINGS_THREADS_MAX ? SETTINGS_THREADS_MAX : cores;
    enum err e = conf_int(conf_get(root, "threads"), 1, SETTINGS_THREADS_MAX, &threads, msg);

    if (e == ERR_OK)
        settings->threads = (size_t)threads;
    return e;
}

static enum err read_default(struct conf_node root, struct proxy_settings *settings,
                             struct errmsg *msg)
{
    struct conf_node node = conf_get(root, "default");
    struct conf_node upstream = conf_get(root, "default_upstream");
    const char *what = "refuse";
    enum err e = conf_str(node, &what, msg);

    if (e != ERR_OK)
        return e;
    if (strcmp(what, "pass") == 0) {
        settings->pass_undeclared = true;
        e = conf_need(root, "default_upstream", &upstream, msg);
        return e == ERR_OK ? settings_upstream(upstream, settings, &settings->default_upstream, msg)
                           : e;
    }
    if (strcmp(what, "refuse") != 0)
        return conf_fail(node, msg, "`default` is \"refuse\" or \"pass\"");
    if (conf_has(upstream))
        return conf_fail(upstream, msg, "`default_upstream` needs `default: pass`");
    return ERR_OK;
}

enum err proxy_settings_read(struct conf_node root, const struct classes *classes,
                             const struct domains *domains, struct proxy_settings **ret_settings,
                             struct errmsg *msg)
{
    AUTO(proxy_settings_free) struct proxy_settings *settings = mem_alloc(sizeof(*settings));
    enum err e;

    settings->classes = classes;
    settings->domains = domains;
    e = settings_read_limits(root, settings, msg);
    if (e == ERR_OK)
        e = settings_read_edge(root, settings, msg);
    if (e == ERR_OK)
        e = settings_read_listens(root, settings, msg);
    if (e == ERR_OK)
        e = read_threads(root, settings, msg);
    if (e == ERR_OK)
        e = settings_read_upstreams(root, settings, msg);
    if (e == ERR_OK)
        e = settings_read_holds(root, settings, msg);
    if (e == ERR_OK)
        e = settings_read_callers(root, settings, msg);
    if (e == ERR_OK)
        e = settings_check_events(root, settings, msg);
    if (e == ERR_OK)
        e = settings_read_routes(root, settings, msg);
    if (e == ERR_OK)
        e = read_default(root, settings, msg);
    if (e == ERR_OK)
        e = settings_read_operate(root, settings, msg);
    if (e == ERR_OK)
        *ret_settings = TAKE(settings);
    return e;
}

void proxy_settings_free(struct proxy_settings **settingsp)
{
    struct proxy_settings *settings = TAKE(*settingsp);

    if (settings == NULL)
        return;
    settings_free_routes(settings);
    settings_free_callers(settings);
    settings_free_upstreams(settings);
    settings_free_listens(settings);
    settings_free_edge(settings);
    free(settings->access_log);
    free(settings);
}
