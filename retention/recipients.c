/* SPDX-License-Identifier: Apache-2.0 */
/* The section `recipients:`.
 * Runs on: the thread that loads the configuration. Holds: copies of what it read. Invariant: a recipient of which
 * it cannot be said which classes reach it counts as one that all of them reach. Not here: what is sent
 * (notice_send.c). */
#include "retention/recipients.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

enum { URL_MAX = 1024, CLASSES_HELD_MAX = 1024 };

static void recipient_done(struct recipient *r)
{
    for (size_t i = 0; i < r->class_count; i++)
        free(r->classes[i]);
    free(r->classes);
    free(r->name);
    free(r->server);
    free(r->path);
    free(r->ca);
}

void recipients_done(struct recipients *recipients)
{
    for (size_t i = 0; i < recipients->count; i++)
        recipient_done(&recipients->list[i]);
    free(recipients->list);
    *recipients = (struct recipients){.list = NULL};
}

static char *copy_text(const char *text)
{
    return text == NULL ? NULL : mem_strdup(text);
}

void recipients_copy(const struct recipients *recipients, struct recipients *ret)
{
    *ret = (struct recipients){.count = recipients->count};
    ret->list = mem_alloc((recipients->count + 1) * sizeof(ret->list[0]));
    for (size_t i = 0; i < recipients->count; i++) {
        const struct recipient *from = &recipients->list[i];
        struct recipient *to = &ret->list[i];

        *to = (struct recipient){.name = copy_text(from->name),
                                 .server = copy_text(from->server),
                                 .path = copy_text(from->path),
                                 .ca = copy_text(from->ca),
                                 .allow_private = from->allow_private,
                                 .class_count = from->class_count};
        if (from->classes == NULL)
            continue;
        to->classes = mem_alloc((from->class_count + 1) * sizeof(to->classes[0]));
        for (size_t j = 0; j < from->class_count; j++)
            to->classes[j] = copy_text(from->classes[j]);
    }
}

const struct recipient *recipient_find(const struct recipients *recipients, const char *name)
{
    for (size_t i = 0; i < recipients->count; i++)
        if (strcmp(recipients->list[i].name, name) == 0)
            return &recipients->list[i];
    return NULL;
}

static bool has_class(const struct recipient *r, const char *name)
{
    for (size_t i = 0; i < r->class_count; i++)
        if (strcmp(r->classes[i], name) == 0)
            return true;
    return false;
}

bool recipient_gets(const struct recipient *recipient, const char *class_name)
{
    return recipient->classes == NULL || has_class(recipient, class_name);
}

/* ---- which classes reach it ---- */

static void add_class(struct recipient *r, const char *name)
{
    if (r->classes == NULL)
        r->classes = mem_alloc(CLASSES_HELD_MAX * sizeof(r->classes[0]));
    if (!has_class(r, name) && r->class_count < CLASSES_HELD_MAX)
        r->classes[r->class_count++] = mem_strdup(name);
}

static void add_fields(struct recipient *r, struct conf_node fields)
{
    for (size_t i = 0; i < json_count(fields.value); i++) {
        const char *name = json_str_of(json_get(json_at(fields.value, i), "class"));

        if (name != NULL)
            add_class(r, name);
    }
}

/* Tokens reach an upstream with requests, and it has held before what its answers hold. */
static void add_upstream(struct recipient *r, struct conf_node root, const char *upstream)
{
    const struct conf_node routes = conf_get(root, "routes");
    const char *fallback = json_str_of(conf_get(root, "default_upstream").value);

    for (size_t i = 0; i < json_count(routes.value); i++) {
        const struct conf_node route = conf_at(routes, i);
        const char *name = json_str_of(conf_get(route, "upstream").value);

        if (name == NULL)
            name = fallback;
        if (name == NULL || strcmp(name, upstream) != 0)
            continue;
        add_fields(r, conf_get(route, "request"));
        add_fields(r, conf_get(route, "response"));
    }
}

static void add_caller(struct recipient *r, struct conf_node caller)
{
    struct conf_node member;
    void *it = NULL;

    while (conf_next(conf_get(caller, "reveal"), &it, &member)) {
        const char *how = json_str_of(member.value);

        if (how != NULL && strcmp(how, "token") != 0)
            add_class(r, member.name);
    }
}

/* The names in a list, each of a member of the section. */
static enum err read_names(struct conf_node root, struct conf_node node, const char *section,
                           struct recipient *r, struct errmsg *msg)
{
    if (!conf_has(node))
        return ERR_OK;
    if (json_kind(node.value) != JSON_LIST || json_count(node.value) == 0)
        return conf_fail(node, msg, "\"%s\" must be a list of names", section);
    for (size_t i = 0; i < json_count(node.value); i++) {
        const struct conf_node at = conf_at(node, i);
        const char *name = json_str_of(at.value);
        const struct conf_node known = name == NULL ? at : conf_get(conf_get(root, section), name);

        if (name == NULL || !conf_has(known))
            return conf_fail(at, msg, "\"%s\" has no member of this name", section);
        if (strcmp(section, "upstreams") == 0)
            add_upstream(r, root, name);
        else
            add_caller(r, known);
    }
    return ERR_OK;
}

/* ---- one recipient ---- */

static bool is_name(const char *name)
{
    const size_t len = strlen(name);

    return len > 0 && len <= RECIPIENT_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

/* Visible ASCII without a user's name, a query's fragment or what would need an escape. */
static bool is_url(const char *url)
{
    const char *host = url + strlen("https://");

    if (strlen(url) > URL_MAX || strncmp(url, "https://", 8) != 0 ||
        host[strcspn(host, "/?")] == '?')
        return false;
    if (*host == '/' || *host == '\0' || strpbrk(url, "@#\\\"<> ") != NULL)
        return false;
    for (const char *c = url; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return true;
}

static enum err read_url(struct conf_node node, struct recipient *r, struct errmsg *msg)
{
    const char *url = NULL;
    size_t server;
    enum err e = conf_str(node, &url, msg);

    if (e != ERR_OK || url == NULL)
        return e;
    if (!is_url(url))
        return conf_fail(node, msg, "\"url\" must be https://HOST[:PORT][/PATH]");
    server = 8 + strcspn(url + 8, "/");
    r->server = strndup(url, server);
    r->path = mem_strdup(url + server);
    return ERR_OK;
}

static enum err read_ca(struct conf_node node, struct recipient *r, struct errmsg *msg)
{
    const char *file = NULL;
    enum err e = conf_str(node, &file, msg);

    if (e == ERR_OK && file != NULL)
        r->ca = conf_path(node, file);
    return e;
}

static enum err read_recipient(struct conf_node root, struct conf_node node, struct recipient *r,
                               struct errmsg *msg)
{
    static const char *const known[] = {"url", "ca", "upstreams", "callers", "allow_private", NULL};
    enum err e;

    if (!is_name(node.name))
        return conf_fail(node, msg, "a recipient's name has 1 to %d letters, digits and . - _",
                         RECIPIENT_NAME_MAX);
    r->name = mem_strdup(node.name);
    e = conf_only(node, known, msg);
    if (e == ERR_OK)
        e = read_url(conf_get(node, "url"), r, msg);
    if (e == ERR_OK)
        e = read_ca(conf_get(node, "ca"), r, msg);
    if (e == ERR_OK)
        e = conf_bool(conf_get(node, "allow_private"), &r->allow_private, msg);
    if (e == ERR_OK && r->server == NULL && (r->ca != NULL || r->allow_private))
        e = conf_fail(node, msg, "\"ca\" and \"allow_private\" are of a recipient with a \"url\"");
    if (e == ERR_OK)
        e = read_names(root, conf_get(node, "upstreams"), "upstreams", r, msg);
    if (e == ERR_OK)
        e = read_names(root, conf_get(node, "callers"), "callers", r, msg);
    return e;
}

enum err recipients_read(struct conf_node root, struct recipients *ret, struct errmsg *msg)
{
    AUTO(recipients_done) struct recipients r = {.list = NULL};
    const struct conf_node section = conf_get(root, "recipients");
    struct conf_node member;
    void *it = NULL;
    enum err e = ERR_OK;

    if (!conf_has(section))
        return ERR_OK;
    if (json_kind(section.value) != JSON_MAP)
        return conf_fail(section, msg, "\"recipients\" must be a map of names to recipients");
    if (json_count(section.value) > RECIPIENTS_MAX)
        return conf_fail(section, msg, "there may be %d recipients", RECIPIENTS_MAX);
    r.list = mem_alloc((json_count(section.value) + 1) * sizeof(r.list[0]));
    while (e == ERR_OK && conf_next(section, &it, &member))
        e = read_recipient(root, member, &r.list[r.count++], msg);
    if (e != ERR_OK)
        return e;
    *ret = r;
    r = (struct recipients){.list = NULL};
    return ERR_OK;
}
