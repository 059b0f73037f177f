/* SPDX-License-Identifier: Apache-2.0 */
/* The `domains:` section, read strictly.
 * Runs on: the thread that loads the configuration. Holds: copies of the names. Not here: what the
 * store calls them (registry.c), which route uses which (proxy/). */
#include "vault/domains.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool is_name(const char *text)
{
    const size_t len = strlen(text);

    return len > 0 && len <= DOMAIN_NAME_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

bool domains_have(const struct domains *domains, struct span name)
{
    for (size_t i = 0; i < domains->count; i++)
        if (span_equal(span_str(domains->names[i]), name))
            return true;
    return false;
}

void domains_done(struct domains *domains)
{
    for (size_t i = 0; i < domains->count; i++)
        free(domains->names[i]);
    free(domains->names);
    *domains = (struct domains){NULL, 0};
}

static enum err read_name(struct conf_node list, size_t index, struct domains *domains,
                          struct errmsg *msg)
{
    const struct conf_node node = conf_at(list, index);
    const char *name = "";
    enum err e = conf_str(node, &name, msg);

    if (e != ERR_OK)
        return e;
    if (!is_name(name))
        return conf_fail(node, msg, "a domain must be 1-%d of a-z 0-9 _ -", (int)DOMAIN_NAME_MAX);
    for (size_t i = 0; i < index; i++)
        if (span_equal(json_text_of(conf_at(list, i).value), span_str(name)))
            return conf_fail(node, msg, "domain \"%s\" is there twice", name);
    if (!domains_have(domains, span_str(name)))
        domains->names[domains->count++] = mem_strdup(name);
    if (domains->count > DOMAINS_MAX)
        return conf_fail(node, msg,
                         "domains must be at most %d, \"" DOMAIN_DEFAULT_NAME "\" among them",
                         (int)DOMAINS_MAX);
    return ERR_OK;
}

enum err domains_read(struct conf_node node, struct domains *ret, struct errmsg *msg)
{
    AUTO(domains_done) struct domains domains = {NULL, 0};
    size_t count = 0;
    enum err e;

    if (conf_has(node)) {
        if (json_kind(node.value) != JSON_LIST)
            return conf_fail(node, msg, "domains must be a list of names");
        count = json_count(node.value);
    }
    domains.names = mem_alloc((count + 1) * sizeof(*domains.names));
    domains.names[domains.count++] = mem_strdup(DOMAIN_DEFAULT_NAME);
    for (size_t i = 0; i < count; i++) {
        e = read_name(node, i, &domains, msg);
        if (e != ERR_OK)
            return e;
    }
    *ret = domains;
    domains = (struct domains){NULL, 0};
    return ERR_OK;
}
