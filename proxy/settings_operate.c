/* SPDX-License-Identifier: Apache-2.0 */
/* `access_log` and `trace`.
 * Runs on: any thread; blocks on nothing. Holds: nothing. Not here: the log (access_log.c). */
#include "proxy/settings_priv.h"

#include <string.h>

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

enum err settings_read_operate(struct conf_node root, struct proxy_settings *settings,
                               struct errmsg *msg)
{
    enum err e = read_access_log(root, settings, msg);

    return e == ERR_OK ? read_trace(root, settings, msg) : e;
}
