/* SPDX-License-Identifier: Apache-2.0 */
/* `callers`: names, keys from files, certificates' names, purposes and what is revealed.
 * Runs on: the control thread, at start. Holds: hashes of keys; a key itself is wiped as soon as it
 * is hashed. Not here: tokens (settings_tokens.c), deciding about requests (caller.c). */
#include "proxy/settings_priv.h"

#include <string.h>

#include "base/conf_key.h"
#include "base/secret.h"

/* ---- legal purposes ---- */

static bool any_class_has(const struct classes *classes, const char *purpose)
{
    for (size_t i = 0; i < classes->count; i++)
        if (class_has_purpose(&classes->defs[i], span_str(purpose)))
            return true;
    return false;
}

static bool is_legal(const struct proxy_settings *settings, const char *purpose)
{
    for (size_t i = 0; i < settings->legal_count; i++)
        if (strcmp(settings->legal[i], purpose) == 0)
            return true;
    return false;
}

enum err settings_read_holds(struct conf_node root, struct proxy_settings *settings,
                             struct errmsg *msg)
{
    static const char *const keys[] = {"purposes", NULL};
    const struct conf_node map = conf_get(root, "holds");
    struct conf_node list;
    size_t count = 0;
    enum err e;

    if (!conf_has(map))
        return ERR_OK;
    e = conf_only(map, keys, msg);
    if (e == ERR_OK)
        e = conf_need(map, "purposes", &list, msg);
    if (e == ERR_OK)
        e = settings_list(list, &count, msg);
    if (e != ERR_OK)
        return e;
    settings->legal = mem_alloc((count + 1) * sizeof(*settings->legal));
    for (size_t i = 0; i < count; i++) {
        const struct conf_node element = conf_at(list, i);
        const char *name = NULL;

        e = conf_str(element, &name, msg);
        if (e != ERR_OK)
            return e;
        if (!any_class_has(settings->classes, name))
            return conf_fail(element, msg, "no class lists the purpose \"%s\"", name);
        if (is_legal(settings, name))
            return conf_fail(element, msg, "the purpose \"%s\" is there twice", name);
        settings->legal[settings->legal_count++] = mem_strdup(name);
    }
    return ERR_OK;
}

/* ---- a caller's purposes ---- */

static enum err read_purposes(struct conf_node node, const struct proxy_settings *settings,
                              struct caller_def *def, struct errmsg *msg)
{
    size_t count;
    enum err e = settings_list(node, &count, msg);

    if (e != ERR_OK)
        return e;
    if (count == 0)
        return conf_fail(node, msg, "a caller has at least one purpose");
    def->purposes = mem_alloc(count * sizeof(*def->purposes));
    def->legal = mem_alloc(count * sizeof(*def->legal));
    for (size_t i = 0; i < count; i++) {
        struct conf_node element = conf_at(node, i);
        const char *name = NULL;

        e = conf_str(element, &name, msg);
        if (e != ERR_OK)
            return e;
        if (!any_class_has(settings->classes, name))
            return conf_fail(element, msg, "no class lists the purpose \"%s\"", name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(def->purposes[j], name) == 0)
                return conf_fail(element, msg, "the purpose \"%s\" is there twice", name);
        def->legal[def->purpose_count] = is_legal(settings, name);
        def->purposes[def->purpose_count++] = mem_strdup(name);
    }
    return ERR_OK;
}

static enum err read_action(struct conf_node node, uint8_t *ret_action, struct errmsg *msg)
{
    const char *text = NULL;
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    if (strcmp(text, "value") == 0)
        *ret_action = REVEAL_VALUE;
    else if (strcmp(text, "mask") == 0)
        *ret_action = REVEAL_MASK;
    else if (strcmp(text, "token") == 0)
        *ret_action = REVEAL_TOKEN;
    else
        return conf_fail(node, msg, "a class is revealed as \"value\", \"mask\" or \"token\"");
    return ERR_OK;
}

static enum err read_reveal(struct conf_node map, const struct classes *classes,
                            struct caller_def *def, struct errmsg *msg)
{
    struct conf_node member;
    void *it = NULL;

    def->reveal = mem_alloc(classes->count + 1); /* all REVEAL_TOKEN */
    if (!conf_has(map))
        return ERR_OK;
    if (json_kind(map.value) != JSON_MAP)
        return conf_fail(map, msg, "`reveal` is a map from classes to value, mask or token");
    while (conf_next(map, &it, &member)) {
        const struct class_def *class = classes_find(classes, span_str(member.name));
        enum err e;

        if (class == NULL)
            return conf_fail(member, msg, "there is no class \"%s\" under `classes`", member.name);
        e = read_action(member, &def->reveal[class - classes->defs], msg);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* Whose values the caller may see; without the key those of every route it may call. */
static enum err read_domains(struct conf_node node, const struct proxy_settings *settings,
                             struct caller_def *def, struct errmsg *msg)
{
    size_t count;
    enum err e = settings_list(node, &count, msg);

    if (e != ERR_OK || !conf_has(node))
        return e;
    if (count == 0)
        return conf_fail(node, msg, "a caller has at least one domain, or all without this key");
    def->some_domains = true;
    for (size_t i = 0; i < count; i++) {
        struct conf_node element = conf_at(node, i);
        const char *name = "";
        size_t index;

        e = conf_str(element, &name, msg);
        if (e == ERR_OK)
            e = settings_domain(element, name, settings, &index, msg);
        if (e != ERR_OK)
            return e;
        if (def->domains[index])
            return conf_fail(element, msg, "the domain \"%s\" is there twice", name);
        def->domains[index] = true;
    }
    return ERR_OK;
}

/* ---- certificates ---- */

static bool is_san(const char *text)
{
    return (strncmp(text, "dns:", 4) == 0 && text[4] != '\0') ||
           (strncmp(text, "uri:", 4) == 0 && text[4] != '\0') ||
           (strncmp(text, "email:", 6) == 0 && text[6] != '\0');
}

static enum err read_certificate(struct conf_node node, struct caller_def *def, struct errmsg *msg)
{
    static const char *const keys[] = {"subject", "san", NULL};
    const char *subject = NULL, *san = NULL;
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_only(node, keys, msg);
    if (e == ERR_OK)
        e = conf_str(conf_get(node, "subject"), &subject, msg);
    if (e == ERR_OK)
        e = conf_str(conf_get(node, "san"), &san, msg);
    if (e != ERR_OK)
        return e;
    if ((subject == NULL) == (san == NULL) || (subject != NULL && subject[0] == '\0'))
        return conf_fail(node, msg, "a certificate is named by its `subject` or by a `san`");
    if (san != NULL && !is_san(san))
        return conf_fail(conf_get(node, "san"), msg,
                         "a san is \"dns:NAME\", \"uri:URI\" or \"email:ADDRESS\"");
    if (subject != NULL)
        def->certificate.subject = mem_strdup(subject);
    else if (strncmp(san, "dns:", 4) == 0)
        def->certificate.san = settings_lower_case(san);
    else
        def->certificate.san = mem_strdup(san);
    return ERR_OK;
}

/* A listener that asks for certificates; without one a caller could never show his. */
static enum err check_certificate(struct conf_node node, const struct proxy_settings *settings,
                                  struct errmsg *msg)
{
    for (size_t i = 0; i < settings->listen_count; i++)
        if (settings->listens[i].asks_clients)
            return ERR_OK;
    return conf_fail(node, msg, "no listener has `tls: {client_ca: FILE}`, so nobody can show one");
}

/* ---- a caller ---- */

static bool is_same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool is_key_of(const uint8_t hash[SECRET_HASH_BYTES], const struct caller_def *def)
{
    return (def->has_key && secret_equal(hash, def->key_hash, SECRET_HASH_BYTES)) ||
           (def->has_next_key && secret_equal(hash, def->next_key_hash, SECRET_HASH_BYTES));
}

/* Nobody else is known by the same key or the same name. */
static enum err check_unique(struct conf_node node, const struct proxy_settings *settings,
                             const struct caller_def *def, struct errmsg *msg)
{
    for (const struct caller_def *other = settings->callers; other < def; other++) {
        const bool same_key = def->has_key && is_key_of(def->key_hash, other);

        if (same_key || (def->has_next_key && is_key_of(def->next_key_hash, other)))
            return conf_fail(conf_get(node, same_key ? "key" : "next_key"), msg,
                             "the callers \"%s\" and \"%s\" have the same key", other->name,
                             def->name);
        if (is_same(other->certificate.subject, def->certificate.subject) ||
            is_same(other->certificate.san, def->certificate.san))
            return conf_fail(conf_get(node, "certificate"), msg,
                             "the callers \"%s\" and \"%s\" have the same certificate", other->name,
                             def->name);
    }
    return ERR_OK;
}

/* `key`, and `next_key` beside it. */
static enum err read_keys(struct conf_node node, struct caller_def *def, struct errmsg *msg)
{
    const struct conf_node key = conf_get(node, "key"), next = conf_get(node, "next_key");
    enum err e = ERR_OK;

    if (conf_has(next) && !conf_has(key))
        return conf_fail(next, msg, "`next_key` stands beside a `key`");
    if (conf_has(key))
        e = conf_key_hash(key, def->key_hash, msg);
    if (e == ERR_OK && conf_has(next))
        e = conf_key_hash(next, def->next_key_hash, msg);
    def->has_key = conf_has(key);
    if (e == ERR_OK && conf_has(next) && is_key_of(def->next_key_hash, def))
        e = conf_fail(next, msg, "`next_key` is the same as `key`");
    def->has_next_key = conf_has(next);
    return e;
}

/* How the caller is known: at least one way. */
static enum err read_proofs(struct conf_node node, const struct proxy_settings *settings,
                            struct caller_def *def, struct errmsg *msg)
{
    const struct conf_node key = conf_get(node, "key");
    const struct conf_node certificate = conf_get(node, "certificate");
    enum err e;

    if (!conf_has(key) && !conf_has(certificate) && !conf_has(conf_get(node, "jwt")))
        return conf_fail(node, msg, "a caller is known by a `key`, a `certificate` or a `jwt`");
    e = read_keys(node, def, msg);
    if (e == ERR_OK)
        e = read_certificate(certificate, def, msg);
    if (e == ERR_OK && conf_has(certificate))
        e = check_certificate(certificate, settings, msg);
    if (e == ERR_OK)
        e = settings_read_token(conf_get(node, "jwt"), settings, def, msg);
    return e == ERR_OK ? check_unique(node, settings, def, msg) : e;
}

static enum err read_caller(struct conf_node node, const struct proxy_settings *settings,
                            struct caller_def *def, struct errmsg *msg)
{
    static const char *const keys[] = {"key",    "next_key", "certificate", "jwt", "purposes",
                                       "reveal", "domains",  "quota",       NULL};
    struct conf_node purposes;
    enum err e;

    def->name = mem_strdup(node.name);
    e = settings_name(node, node.name, "a caller", msg);
    if (e == ERR_OK)
        e = conf_only(node, keys, msg);
    if (e == ERR_OK)
        e = read_proofs(node, settings, def, msg);
    if (e == ERR_OK)
        e = conf_need(node, "purposes", &purposes, msg);
    if (e == ERR_OK)
        e = read_purposes(purposes, settings, def, msg);
    if (e == ERR_OK)
        e = read_reveal(conf_get(node, "reveal"), settings->classes, def, msg);
    if (e == ERR_OK)
        e = read_domains(conf_get(node, "domains"), settings, def, msg);
    return e == ERR_OK ? settings_read_quota(conf_get(node, "quota"), def, msg) : e;
}

enum err settings_read_callers(struct conf_node root, struct proxy_settings *settings,
                               struct errmsg *msg)
{
    struct conf_node map = conf_get(root, "callers"), member;
    void *it = NULL;

    if (!conf_has(map))
        return ERR_OK;
    if (json_kind(map.value) != JSON_MAP)
        return conf_fail(map, msg, "`callers` is a map of names");
    settings->callers = mem_alloc((json_count(map.value) + 1) * sizeof(*settings->callers));
    while (conf_next(map, &it, &member)) {
        enum err e =
            read_caller(member, settings, &settings->callers[settings->caller_count++], msg);

        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

void settings_free_callers(struct proxy_settings *settings)
{
    for (size_t i = 0; i < settings->caller_count; i++) {
        struct caller_def *def = &settings->callers[i];

        for (size_t j = 0; j < def->purpose_count; j++)
            free(def->purposes[j]);
        free(def->purposes);
        free(def->legal);
        free(def->reveal);
        free(def->certificate.subject);
        free(def->certificate.san);
        settings_free_token(def);
        free(def->quotas.purposes);
        free(def->name);
    }
    free(settings->callers);
    for (size_t i = 0; i < settings->legal_count; i++)
        free(settings->legal[i]);
    free(settings->legal);
}
