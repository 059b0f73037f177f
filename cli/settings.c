/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's top level.
 * Runs on: the main thread; blocks. Holds: what the file says. Invariant: a key that means nothing
 * here is refused, never skipped. Not here: classes (vault/), listeners and routes (proxy/). */
#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/mem.h"
#include "retention/flows.h"
#include "retention/measures.h"

enum { SWEEP_DEFAULT_MS = 60000, SWEEP_MIN_MS = 1000, SWEEP_MAX_MS = 86400000 };

static const char *const root_keys[] = {
#define SETTING(name, text) name,
#include "cli/settings.def"
#undef SETTING
    NULL,
};

/* The path behind `scheme` of a value such as "sqlite:PATH", absolute; caller frees. */
static enum err read_path(struct conf_node root, const char *key, const char *scheme,
                          char **ret_path, struct errmsg *msg)
{
    size_t scheme_len = strlen(scheme);
    const char *text = NULL;
    struct conf_node node;
    enum err e;

    e = conf_need(root, key, &node, msg);
    if (e == ERR_OK)
        e = conf_str(node, &text, msg);
    if (e != ERR_OK)
        return e;
    if (strncmp(text, scheme, scheme_len) != 0)
        return conf_fail(node, msg, "\"%s\" must be %sPATH in this version", key, scheme);
    if (text[scheme_len] == '\0')
        return conf_fail(node, msg, "\"%s\" names no path", key);
    *ret_path = conf_path(node, text + scheme_len);
    return ERR_OK;
}

static enum err read_sweep_interval(struct conf_node root, int64_t *ret_ms, struct errmsg *msg)
{
    struct conf_node node = conf_get(root, "sweep_interval");
    int64_t ms = SWEEP_DEFAULT_MS;
    enum err e = conf_duration_ms(node, &ms, msg);

    if (e != ERR_OK)
        return e;
    if (ms < SWEEP_MIN_MS || ms > SWEEP_MAX_MS)
        return conf_fail(node, msg, "\"sweep_interval\" must be between 1s and 1d");
    *ret_ms = ms;
    return ERR_OK;
}

static enum err read_retention(struct conf_node root, struct breaker *ret, struct errmsg *msg)
{
    static const char *const known[] = {"breaker", NULL};
    struct conf_node node = conf_get(root, "retention");
    enum err e = conf_has(node) ? conf_only(node, known, msg) : ERR_OK;

    *ret = (struct breaker)BREAKER_DEFAULT;
    return e == ERR_OK ? breaker_read(conf_get(node, "breaker"), ret, msg) : e;
}

static enum err read_ledger_mirror(struct conf_node root, char **ret, struct errmsg *msg)
{
    struct conf_node node = conf_get(root, "ledger_mirror");
    const char *text = NULL;
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_str(node, &text, msg);
    if (e != ERR_OK)
        return e;
    if (text[0] == '\0')
        return conf_fail(node, msg, "\"ledger_mirror\" names no file");
    *ret = conf_path(node, text);
    return ERR_OK;
}

/* What reports tell of the configuration in force. */
static void add_to_ropa(struct settings *s, struct conf_node root)
{
    json_set(s->ropa, "flows", flows_read(root, &s->classes));
    json_set(s->ropa, "measures", measures_read(root));
}

static enum err read_store_part(struct conf_node root, struct settings *s, struct errmsg *msg)
{
    struct conf_node classes = {.value = NULL};
    enum err e;

    e = identity_read(conf_get(root, "user"), &s->user, msg); /* first: key files may be its own */
    if (e == ERR_OK)
        e = read_path(root, "store", "sqlite:", &s->store_dir, msg);
    if (e == ERR_OK)
        e = read_ledger_mirror(root, &s->ledger_mirror, msg);
    if (e == ERR_OK)
        e = read_retention(root, &s->breaker, msg);
    if (e == ERR_OK)
        e = keys_read(root, &s->keys, msg);
    if (e == ERR_OK)
        e = read_sweep_interval(root, &s->sweep_ms, msg);
    if (e == ERR_OK)
        e = sandbox_read(conf_get(root, "seccomp"), &s->sandbox, msg);
    if (e == ERR_OK)
        e = audit_settings_read(conf_get(root, "audit"), &s->audit, msg);
    if (e == ERR_OK)
        e = controller_read(conf_get(root, "controller"), &s->controller, msg);
    if (e == ERR_OK)
        e = ropa_read(conf_get(root, "activities"), &s->controller, &s->ropa, msg);
    if (e == ERR_OK)
        e = request_settings_read(root, s->controller.country, &s->requests, msg);
    if (e == ERR_OK)
        e = recipients_read(root, &s->recipients, msg);
    if (e == ERR_OK)
        e = conf_need(root, "classes", &classes, msg);
    if (e == ERR_OK)
        e = domains_read(conf_get(root, "domains"), &s->domains, msg);
    if (e == ERR_OK)
        e = classes_read(classes, &s->classes, msg);
    if (e == ERR_OK)
        add_to_ropa(s, root);
    return e == ERR_OK ? classes_read_events(conf_get(root, "events"), &s->classes, msg) : e;
}

static enum err load(const char *path, enum settings_scope scope, struct settings *s,
                     struct errmsg *msg)
{
    struct conf_node root;
    enum err e;

    e = conf_load(path, &s->conf, msg);
    if (e != ERR_OK)
        return e;
    root = conf_root(s->conf);
    e = conf_only(root, root_keys, msg);
    if (e == ERR_OK)
        e = read_store_part(root, s, msg);
    if (e == ERR_OK && scope == SETTINGS_ALL)
        e = proxy_settings_read(root, &s->classes, &s->domains, &s->proxy, msg);
    if (e == ERR_OK && scope == SETTINGS_ALL)
        e = admin_http_read(root, &s->admin, msg);
    return e;
}

enum err settings_load(const char *path, enum settings_scope scope, struct settings *s,
                       struct errmsg *msg)
{
    enum err e;

    *s = (struct settings){.conf = NULL};
    e = load(path, scope, s, msg);
    if (e != ERR_OK)
        settings_done(s);
    return e;
}

enum err settings_start(const char *path, enum settings_scope scope, struct settings *s,
                        struct errmsg *msg)
{
    enum err e = settings_load(path, scope, s, msg);

    if (e != ERR_OK)
        return e;
    e = calendar_use(s->controller.timezone);
    if (e != ERR_OK) { /* its file was there a moment ago */
        settings_done(s);
        e = errmsg_set(msg, e, "%s: the time zone cannot be used", path);
    }
    return e;
}

void settings_done(struct settings *s)
{
    proxy_settings_free(&s->proxy);
    admin_http_settings_done(&s->admin);
    controller_done(&s->controller);
    json_free(&s->ropa);
    request_settings_done(&s->requests);
    recipients_done(&s->recipients);
    classes_done(&s->classes);
    domains_done(&s->domains);
    conf_free(&s->conf);
    free(s->store_dir);
    free(s->ledger_mirror);
    audit_settings_done(&s->audit);
    keys_free(&s->keys);
    *s = (struct settings){.conf = NULL};
}
