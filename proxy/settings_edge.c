/* SPDX-License-Identifier: Apache-2.0 */
/* `trusted_proxies`, and what is believed of them.
 * Runs on: the control thread. Holds: networks and names, in the settings. Not here: believing
 * (edge.c). */
#include <string.h>

#include "proxy/settings_priv.h"

static enum err read_networks(struct conf_node root, struct edge_trust *trust, struct errmsg *msg)
{
    struct conf_node list = conf_get(root, "trusted_proxies");
    size_t count;
    enum err e = settings_list(list, &count, msg);

    if (e != ERR_OK)
        return e;
    trust->networks = mem_alloc((count + 1) * sizeof(*trust->networks));
    for (; trust->count < count; trust->count++) {
        struct conf_node node = conf_at(list, trust->count);
        const char *text = "";

        e = conf_str(node, &text, msg);
        if (e == ERR_OK && network_parse(span_str(text), &trust->networks[trust->count]) != ERR_OK)
            e = conf_fail(node, msg,
                          "a network is ADDRESS or ADDRESS/BITS, with no bit set beyond these");
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static enum err read_header(struct conf_node root, struct edge_trust *trust, struct errmsg *msg)
{
    struct conf_node node = conf_get(root, "forwarded_header");
    const char *name = "x-forwarded-for";
    enum err e = conf_str(node, &name, msg);

    if (e != ERR_OK)
        return e;
    if (strcasecmp(name, "forwarded") == 0)
        trust->header = EDGE_FORWARDED;
    else if (strcasecmp(name, "x-forwarded-for") != 0)
        return conf_fail(node, msg, "`forwarded_header` is \"x-forwarded-for\" or \"forwarded\"");
    return ERR_OK;
}

static enum err read_certificate_header(struct conf_node root, struct edge_trust *trust,
                                        struct errmsg *msg)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    struct conf_node node = conf_get(root, "client_certificate_header");
    const char *name = NULL;
    enum err e = conf_str(node, &name, msg);
    size_t len;

    if (e != ERR_OK || name == NULL)
        return e;
    trust->certificate_header = mem_strdup(name);
    len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            trust->certificate_header[i] = (char)(name[i] | 0x20);
    if (len == 0 || len > SETTINGS_NAME_MAX || strspn(trust->certificate_header, allowed) != len)
        return conf_fail(node, msg, "the name of a header is 1 to %d of A-Z a-z 0-9 -",
                         SETTINGS_NAME_MAX);
    if (trust->count == 0)
        return conf_fail(node, msg, "`client_certificate_header` needs `trusted_proxies`");
    return ERR_OK;
}

enum err settings_read_edge(struct conf_node root, struct proxy_settings *settings,
                            struct errmsg *msg)
{
    struct edge_trust *trust = &settings->trust;
    enum err e = read_networks(root, trust, msg);

    if (e == ERR_OK)
        e = read_header(root, trust, msg);
    if (e == ERR_OK)
        e = read_certificate_header(root, trust, msg);
    return e;
}

void settings_free_edge(struct proxy_settings *settings)
{
    free(settings->trust.networks);
    free(settings->trust.certificate_header);
}
