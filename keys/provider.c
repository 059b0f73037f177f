/* SPDX-License-Identifier: Apache-2.0 */
/* Which provider a configuration names.
 * Runs on: the thread that reads the configuration. Holds: the table of providers. Not here: any of
 * them. */
#include "keys/provider.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct provider_ops *const providers[] = {
    &provider_file, &provider_credential, &provider_passphrase, &provider_vault, &provider_pkcs11,
};

/* What a path hardly is, but a key pasted here would be: 64 hexadecimal digits on end, or a long
 * word without folder or ending. */
static bool looks_like_key(const char *text)
{
    size_t hex = 0;

    if (strlen(text) >= 32 && strpbrk(text, "./") == NULL)
        return true;
    for (; *text != '\0'; text++) {
        hex = isxdigit((unsigned char)*text) ? hex + 1 : 0;
        if (hex == 2 * ROOT_KEY_BYTES)
            return true;
    }
    return false;
}

static const struct provider_ops *find(const char *scheme, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(providers); i++) {
        if (strlen(providers[i]->scheme) == len && memcmp(providers[i]->scheme, scheme, len) == 0)
            return providers[i];
    }
    return NULL;
}

static enum err find_text(struct conf_node node, const struct provider_ops **ret,
                          struct errmsg *msg)
{
    const char *text = NULL, *colon;
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    colon = strchr(text, ':');
    *ret = colon == NULL ? NULL : find(text, (size_t)(colon - text));
    if (*ret != NULL && !(*ret)->is_map && !looks_like_key(colon + 1))
        return ERR_OK;
    if (*ret != NULL && (*ret)->is_map)
        return conf_fail(node, msg, "\"%s\" of the provider %s is a map: {provider: %s, ...}",
                         node.name, (*ret)->scheme, (*ret)->scheme);
    /* The text is not repeated: it may be a key that somebody put here. */
    return conf_fail(node, msg,
                     "\"%s\" names where the key is, never the key itself: file:PATH, "
                     "credential:NAME, passphrase:PATH, or a map with \"provider\"",
                     node.name);
}

static enum err find_map(struct conf_node node, const struct provider_ops **ret, struct errmsg *msg)
{
    const char *scheme = NULL;
    struct conf_node member;
    enum err e = conf_need(node, "provider", &member, msg);

    if (e == ERR_OK)
        e = conf_str(member, &scheme, msg);
    if (e != ERR_OK)
        return e;
    *ret = find(scheme, strlen(scheme));
    if (*ret == NULL)
        return conf_fail(member, msg, "\"provider\" must be vault or pkcs11");
    if (!(*ret)->is_map)
        return conf_fail(member, msg, "this provider is written as a text: \"%s: %s:...\"",
                         node.name, (*ret)->scheme);
    return ERR_OK;
}

enum err provider_read(struct conf_node node, struct prompt *prompt, struct provider **ret_provider,
                       struct errmsg *msg)
{
    const struct provider_ops *ops = NULL;
    enum err e =
        json_kind(node.value) == JSON_MAP ? find_map(node, &ops, msg) : find_text(node, &ops, msg);

    return e == ERR_OK ? ops->read(node, prompt, ret_provider, msg) : e;
}

void provider_close(struct provider **provider)
{
    struct provider *p = TAKE(*provider);
    char *name;

    if (p == NULL)
        return;
    name = p->name;
    p->ops->close(p);
    free(name);
}
