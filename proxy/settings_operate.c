/* SPDX-License-Identifier: Apache-2.0 */
/* `access_log`, `trace` and `hsts`.
 * Runs on: any thread; blocks on nothing. Holds: nothing. Not here: the log (access_log.c). */
#include "proxy/settings_priv.h"

#include <stdio.h>
#include <string.h>

enum { MS_IN_S = 1000, HSTS_MAX_S = 730 * 24 * 3600 };

static enum err read_access_log(struct conf_node root, struct proxy_settings *settings,
                                struct errmsg *msg)
{
    struct conf_node node = conf_get(root, "access_log");
    const char *text = "off";
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK || strcmp(text, "off") == 0)
        return e;
    if (text[0] == '\0')
        return conf_fail(node, msg, "`access_log` is a file, \"stdout\" or \"off\"");
    settings->access_log =
        strcmp(text, "stdout") == 0 ? mem_strdup("stdout") : conf_path(node, text);
    return ERR_OK;
}

static enum err read_trace(struct conf_node root, struct proxy_settings *settings,
                           struct errmsg *msg)
{
    struct conf_node node = conf_get(root, "trace");
    const char *text = "pass";
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    if (strcmp(text, "pass") == 0)
        settings->trace = TRACE_PASS;
    else if (strcmp(text, "start") == 0)
        settings->trace = TRACE_START;
    else if (strcmp(text, "off") == 0)
        settings->trace = TRACE_OFF;
    else
        return conf_fail(node, msg, "`trace` is \"pass\", \"start\" or \"off\"");
    return ERR_OK;
}

/* Does anybody come over TLS, or may a proxy in front say that they did? */
static bool may_be_tls(const struct proxy_settings *settings)
{
    for (size_t i = 0; i < settings->listen_count; i++)
        if (settings->listens[i].tls != NULL)
            return true;
    return settings->trust.count > 0;
}

static enum err read_hsts(struct conf_node root, struct proxy_settings *settings,
                          struct errmsg *msg)
{
    struct conf_node node = conf_get(root, "hsts");
    int64_t ms = 0;
    enum err e = conf_duration_ms(node, &ms, msg);
    int len;

    if (e != ERR_OK || !conf_has(node))
        return e;
    if (ms % MS_IN_S != 0 || ms / MS_IN_S > HSTS_MAX_S)
        return conf_fail(node, msg, "`hsts` is from 0s to 730d, in whole seconds");
    if (!may_be_tls(settings))
        return conf_fail(node, msg, "`hsts` needs a listener with `tls`, or `trusted_proxies`");
    len = snprintf(settings->hsts_text, sizeof(settings->hsts_text), "max-age=%lld",
                   (long long)(ms / MS_IN_S));
    settings->hsts = span_of(settings->hsts_text, (size_t)len);
    return ERR_OK;
}

enum err settings_read_operate(struct conf_node root, struct proxy_settings *settings,
                               struct errmsg *msg)
{
    enum err e = read_access_log(root, settings, msg);

    if (e == ERR_OK)
        e = read_trace(root, settings, msg);
    return e == ERR_OK ? read_hsts(root, settings, msg) : e;
}
