/* SPDX-License-Identifier: Apache-2.0 */
/* The `classes:` section, read strictly.
 * Runs on: the thread that loads the configuration. Holds: copies of what it read. Invariant: a
 * class that comes out has a basis, a purpose and a deletion rule. Not here: what the store calls
 * it. */
#include "vault/classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vault/token.h"

enum {
    EMAIL_ADDRESS_MAX = 254, /* RFC 5321 4.5.3.1.3, without the angle brackets */
    DOMAIN_MAX = EMAIL_ADDRESS_MAX - TOKEN_EMAIL_LOCAL_LEN - 1,
    LABEL_MAX = 63
};

static const char DEFAULT_EMAIL_DOMAIN[] = "tok.invalid";

/* ---- names ---- */

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* "6(1)(a)" to "6(1)(f)", or whatever article and last letter. */
static bool is_ground(const char *text, const char *article, char last)
{
    const size_t len = strlen(article);

    return strncmp(text, article, len) == 0 && text[len] == '(' && text[len + 1] >= 'a' &&
           text[len + 1] <= last && strcmp(text + len + 2, ")") == 0;
}

/* A host name in lower case (RFC 1123 2.1), short enough that a token stays a valid address. */
static bool is_host_name(const char *text)
{
    size_t len = strlen(text), label = 0;

    if (len == 0 || len > DOMAIN_MAX)
        return false;
    for (size_t i = 0; i <= len; i++) {
        if (i == len || text[i] == '.') {
            if (label == 0 || label > LABEL_MAX || text[i - 1] == '-')
                return false;
            label = 0;
        } else if (is_lower_alnum(text[i]) || (text[i] == '-' && label > 0)) {
            label++;
        } else {
            return false;
        }
    }
    return true;
}

/* ---- one class ---- */

static enum err read_options(struct conf_node map, struct class_def *def, struct errmsg *msg)
{
    struct format_options options = {.keep_last = -1};
    const char *option = NULL;
    struct errmsg why = {""};
    enum err e = conf_str(conf_get(map, "range"), &options.range, msg);

    if (e == ERR_OK)
        e = conf_str(conf_get(map, "reserved"), &options.reserved, msg);
    if (e == ERR_OK)
        e = conf_int(conf_get(map, "keep_last"), 0, 64, &options.keep_last, msg);
    if (e != ERR_OK)
        return e;
    e = format_spec_read(def->format, &options, &def->spec, &option, &why);
    if (e == ERR_OK)
        return ERR_OK;
    return conf_fail(conf_has(conf_get(map, option)) ? conf_get(map, option) : map, msg, "%.400s",
                     why.text);
}

/* Nearly the name of a format: which one is meant? NULL when none is near. */
static const char *nearest_format(const char *name)
{
    const char *known[TOKEN_INTEGER + 1] = {NULL};
    size_t count = 0;

    for (int number = TOKEN_OPAQUE; number <= TOKEN_INTEGER; number++)
        known[count++] = format_name((enum token_format)number);
    return conf_nearest(name, known);
}

static enum err read_format(struct conf_node map, struct class_def *def, struct errmsg *msg)
{
    struct conf_node node = conf_get(map, "format"), domain = conf_get(map, "token_domain");
    const char *format = "opaque", *email_domain = DEFAULT_EMAIL_DOMAIN, *meant;
    enum err e = conf_str(node, &format, msg);

    if (e == ERR_OK)
        e = conf_str(domain, &email_domain, msg);
    if (e != ERR_OK)
        return e;
    if (!format_named(format, &def->format)) {
        meant = nearest_format(format);
        if (meant != NULL)
            return conf_fail(node, msg, "there is no such format, did you mean \"%s\"?", meant);
        return conf_fail(node, msg,
                         "format must be opaque, email, phone, pan, iban, uuid, date, digits, "
                         "alnum, ipv4, ipv6, name or integer");
    }
    if (conf_has(domain) && def->format != TOKEN_EMAIL)
        return conf_fail(domain, msg, "token_domain is for format \"email\" only");
    if (!is_host_name(email_domain))
        return conf_fail(domain, msg,
                         "token_domain must be a host name in lower case of at most %d characters",
                         (int)DOMAIN_MAX);
    def->email_domain = mem_strdup(email_domain);
    return read_options(map, def, msg);
}

/* The special category, and what allows it (Art. 9). */
static enum err read_special(struct conf_node map, struct class_def *def, struct errmsg *msg)
{
    struct conf_node node = conf_get(map, "special");
    const char *ground = NULL;
    enum err e = conf_str(node, &ground, msg);

    if (e != ERR_OK || ground == NULL)
        return e;
    if (!is_ground(ground, "9(2)", 'j'))
        return conf_fail(node, msg, "special must be \"9(2)(a)\" to \"9(2)(j)\"");
    def->special = mem_strdup(ground);
    return ERR_OK;
}

/* What the basis rests on, where the letter wants it said. */
static enum err read_grounds(struct conf_node map, struct class_def *def, struct errmsg *msg)
{
    const char letter = def->basis[5];
    enum err e = rule_read_words(conf_get(map, "law"), &def->law, msg);

    if (e == ERR_OK)
        e = rule_read_words(conf_get(map, "balancing"), &def->balancing, msg);
    if (e == ERR_OK)
        e = read_special(map, def, msg);
    if (e != ERR_OK)
        return e;
    if (def->law == NULL && (letter == 'c' || letter == 'e'))
        return conf_fail(conf_get(map, "basis"), msg, "basis %s rests on a law: \"law\" is missing",
                         def->basis);
    if (def->balancing != NULL && letter != 'f')
        return conf_fail(conf_get(map, "balancing"), msg, "balancing is for basis 6(1)(f)");
    return ERR_OK;
}

static enum err read_basis(struct conf_node map, struct class_def *def, struct errmsg *msg)
{
    struct conf_node node;
    const char *basis = "";
    enum err e = conf_need(map, "basis", &node, msg);

    if (e == ERR_OK)
        e = conf_str(node, &basis, msg);
    if (e != ERR_OK)
        return e;
    if (is_ground(basis, "9(2)", 'j'))
        return conf_fail(node, msg,
                         "basis must be a letter of Article 6(1), also for a special category; the "
                         "ground of Article 9(2) is written as special: \"%s\"",
                         basis);
    if (!is_ground(basis, "6(1)", 'f'))
        return conf_fail(node, msg, "basis must be \"6(1)(a)\" to \"6(1)(f)\"");
    def->basis = mem_strdup(basis);
    return read_grounds(map, def, msg);
}

static enum err read_words(struct conf_node map, struct class_def *def, struct errmsg *msg)
{
    enum err e = rule_read_words(conf_get(map, "subjects"), &def->subjects, msg);

    return e == ERR_OK ? rule_read_words(conf_get(map, "description"), &def->description, msg) : e;
}

static enum err read_flags(struct conf_node map, struct class_def *def, struct errmsg *msg)
{
    struct conf_node deterministic = conf_get(map, "deterministic");
    struct conf_node identifies = conf_get(map, "identifies");
    enum err e = conf_bool(deterministic, &def->deterministic, msg);

    if (e == ERR_OK)
        e = conf_bool(identifies, &def->identifies, msg);
    if (e != ERR_OK)
        return e;
    if (def->identifies && !def->deterministic)
        return conf_fail(identifies, msg, "identifies needs deterministic: true");
    if (def->deterministic && def->special != NULL)
        return conf_fail(deterministic, msg,
                         "special categories (%s) cannot be deterministic: equal tokens would "
                         "show who shares a value",
                         def->special);
    return ERR_OK;
}

static enum err read_purposes(struct conf_node map, struct class_def *def, struct errmsg *msg)
{
    struct conf_node list, node;
    const char *purpose;
    enum err e = conf_need(map, "purposes", &list, msg);

    if (e != ERR_OK)
        return e;
    if (json_kind(list.value) != JSON_LIST || json_count(list.value) == 0)
        return conf_fail(list, msg, "purposes must be a list of one purpose at least");
    if (json_count(list.value) > CLASS_PURPOSES_MAX)
        return conf_fail(list, msg, "purposes must be at most %d", (int)CLASS_PURPOSES_MAX);
    for (size_t i = 0; i < json_count(list.value); i++) {
        node = conf_at(list, i);
        purpose = "";
        e = conf_str(node, &purpose, msg);
        if (e != ERR_OK)
            return e;
        if (!rule_is_name(purpose))
            return conf_fail(node, msg, "a purpose must be 1-%d of a-z 0-9 _ -",
                             (int)CLASS_NAME_MAX);
        if (class_has_purpose(def, span_str(purpose)))
            return conf_fail(node, msg, "purpose \"%s\" is there twice", purpose);
        def->purposes[def->purpose_count++] = mem_strdup(purpose);
    }
    return ERR_OK;
}

static enum err read_class(struct conf_node map, struct class_def *def, struct errmsg *msg)
{
    static const char *const known[] = {"format",    "token_domain",  "range",       "reserved",
                                        "keep_last", "deterministic", "identifies",  "purposes",
                                        "basis",     "retain",        "law",         "balancing",
                                        "special",   "subjects",      "description", NULL};
    struct conf_node retain = {.value = NULL};
    enum err e;

    if (!rule_is_name(map.name))
        return conf_fail(map, msg, "a class name must be 1-%d of a-z 0-9 _ -", (int)CLASS_NAME_MAX);
    def->name = mem_strdup(map.name);
    e = conf_only(map, known, msg);
    if (e == ERR_OK)
        e = read_format(map, def, msg);
    if (e == ERR_OK)
        e = read_basis(map, def, msg);
    if (e == ERR_OK)
        e = read_flags(map, def, msg);
    if (e == ERR_OK)
        e = read_purposes(map, def, msg);
    if (e == ERR_OK)
        e = read_words(map, def, msg);
    if (e == ERR_OK)
        e = conf_need(map, "retain", &retain, msg);
    return e == ERR_OK ? rule_read(retain, &def->rule, msg) : e;
}

/* ---- all of them ---- */

void classes_done(struct classes *classes)
{
    for (size_t i = 0; i < classes->count; i++) {
        struct class_def *def = &classes->defs[i];

        free(def->name);
        free(def->email_domain);
        free(def->basis);
        free(def->law);
        free(def->balancing);
        free(def->special);
        free(def->subjects);
        free(def->description);
        rule_done(&def->rule);
        for (size_t n = 0; n < def->event_caller_count; n++)
            free(def->event_callers[n]);
        free(def->event_callers);
        for (size_t p = 0; p < def->purpose_count; p++)
            free(def->purposes[p]);
    }
    free(classes->defs);
    *classes = (struct classes){NULL, 0};
}

enum err classes_read(struct conf_node node, struct classes *ret, struct errmsg *msg)
{
    AUTO(classes_done) struct classes classes = {NULL, 0};
    struct conf_node member;
    void *it = NULL;
    size_t count;
    enum err e;

    if (!conf_has(node))
        return conf_fail(node, msg, "classes is missing");
    if (json_kind(node.value) != JSON_MAP)
        return conf_fail(node, msg, "classes must be a map of class names");
    count = json_count(node.value);
    if (count > CLASSES_MAX)
        return conf_fail(node, msg, "classes must be at most %d", (int)CLASSES_MAX);
    classes.defs = mem_alloc((count + 1) * sizeof(*classes.defs));
    while (conf_next(node, &it, &member)) {
        e = read_class(member, &classes.defs[classes.count++], msg);
        if (e != ERR_OK)
            return e;
    }
    *ret = classes;
    classes = (struct classes){NULL, 0};
    return ERR_OK;
}

const struct class_def *classes_find(const struct classes *classes, struct span name)
{
    for (size_t i = 0; i < classes->count; i++) {
        if (span_equal(span_str(classes->defs[i].name), name))
            return &classes->defs[i];
    }
    return NULL;
}

bool class_has_purpose(const struct class_def *def, struct span purpose)
{
    for (size_t i = 0; i < def->purpose_count; i++) {
        if (span_equal(span_str(def->purposes[i]), purpose))
            return true;
    }
    return false;
}

bool classes_have_purpose(const struct classes *classes, struct span purpose)
{
    for (size_t i = 0; i < classes->count; i++)
        if (class_has_purpose(&classes->defs[i], purpose))
            return true;
    return false;
}
