/* SPDX-License-Identifier: Apache-2.0 */
/* Declared fields of a route: `request` and `response`.
 * Runs on: the control thread, at start. Holds: the declarations. Invariant: what passes here compiles
 * again when the proxy starts; only class numbers differ. Not here: the rest of a route
 * (settings_routes.c), reading messages by them (places.c). */
#include "proxy/settings_priv.h"

#include <string.h>

#include "base/limits.h"
#include "proxy/fields.h"
#include "proxy/named_fields.h"
#include "proxy/xml_fields.h"

/* ---- fields ---- */

static enum err read_class(struct conf_node entry, const struct classes *classes,
                           const struct class_def **ret_class, struct errmsg *msg)
{
    const char *name = NULL;
    enum err e = settings_text(entry, "class", &name, msg);

    if (e != ERR_OK)
        return e;
    *ret_class = classes_find(classes, span_str(name));
    return *ret_class != NULL ? ERR_OK
                              : conf_fail(conf_get(entry, "class"), msg,
                                          "there is no class \"%s\" under `classes`", name);
}

static enum err check_def(struct conf_node node, const struct field_def *def, struct errmsg *msg)
{
    AUTO(fields_free) struct fields *fields = NULL;
    struct errmsg why = {""};

    return fields_new(def, 1, &fields, &why) == ERR_OK ? ERR_OK
                                                       : conf_fail(node, msg, "%s", why.text);
}

/* A JSONPath must compile; the class number does not matter for that. */
enum err settings_json_path(struct conf_node node, const char *path, bool deep, struct errmsg *msg)
{
    return check_def(node, &(struct field_def){.path = path, .class_id = 1, .deep = deep}, msg);
}

static enum err check_elements(struct conf_node node, const char *subject,
                               const struct field_decl *decls, size_t count, struct errmsg *msg)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        const struct field_def def = {
            .path = decls[i].name, .class_id = 1, .deep = decls[i].deep, .subject = subject};

        if (decls[i].place == PLACE_JSON)
            e = check_def(node, &def, msg);
    }
    return e;
}

enum err settings_element_path(struct conf_node node, const char *path,
                               const struct route_def *route, struct errmsg *msg)
{
    enum err e = check_elements(node, path, route->request, route->request_count, msg);

    for (size_t i = 0; e == ERR_OK && i < route->request_count; i++)
        if (route->request[i].place != PLACE_JSON && route->request[i].mode != FIELD_LOOKUP)
            e = conf_fail(node, msg,
                          "elements of a JSON body name their subjects; values outside "
                          "it would be nobody's");
    return e == ERR_OK ? check_elements(node, path, route->response, route->response_count, msg)
                       : e;
}

char *settings_lower_case(const char *text)
{
    char *copy = mem_strdup(text);

    for (char *c = copy; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20);
    return copy;
}

bool settings_is_header_name(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == len &&
           strncasecmp(name, "lethe-", 6) != 0;
}

/* Fields that frame, route or authorise a message are not values. */
static bool is_field_header(const char *name)
{
    static const char *const others[] = {"host",        "connection",        "cookie",
                                         "set-cookie",  "authorization",     "proxy-authorization",
                                         "expect",      "upgrade",           "te",
                                         "trailer",     "transfer-encoding", "date",
                                         "x-real-ip",   "forwarded",         "x-request-id",
                                         "traceparent", "tracestate"};

    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (strcasecmp(name, others[i]) == 0)
            return false;
    return settings_is_header_name(name) && strncasecmp(name, "content-", 8) != 0 &&
           strncasecmp(name, "x-forwarded-", 12) != 0;
}

/* ---- where a field stands ---- */

/* How a place is declared: the key that names it, and where. */
struct place_key {
    const char *key;
    enum place place;
    bool in_request, in_response;
    bool by_name; /* its reader refuses what comes twice, unless `many` */
};

static const struct place_key place_keys[] = {
    {"json", PLACE_JSON, true, true, false},      {"form", PLACE_FORM, true, true, true},
    {"multipart", PLACE_PART, true, false, true}, {"filename", PLACE_FILENAME, true, false, true},
    {"xml", PLACE_XML, true, true, false},        {"query", PLACE_QUERY, true, false, true},
    {"path", PLACE_SEGMENT, true, false, false},  {"header", PLACE_HEADER, true, true, false},
    {"cookie", PLACE_COOKIE, true, true, true},   {"location", PLACE_LOCATION, false, true, false},
    {"text", PLACE_TEXT, false, true, false},
};

/* The one place that an entry names. */
static enum err find_place(struct conf_node entry, bool request, const struct place_key **ret,
                           struct errmsg *msg)
{
    const struct place_key *found = NULL;

    for (size_t i = 0; i < COUNT_OF(place_keys); i++) {
        struct conf_node node = conf_get(entry, place_keys[i].key);

        if (!conf_has(node))
            continue;
        if (found != NULL)
            return conf_fail(node, msg, "a field stands in one place: `%s` or `%s`, not both",
                             found->key, place_keys[i].key);
        found = &place_keys[i];
        if (!(request ? found->in_request : found->in_response))
            return conf_fail(node, msg, "`%s` is no place of a %s", found->key,
                             request ? "request" : "response");
    }
    if (found == NULL)
        return conf_fail(entry, msg, "a field says where it stands: `json` or another place");
    *ret = found;
    return ERR_OK;
}

static enum err check_named(struct conf_node node, const struct field_decl *decl,
                            struct errmsg *msg)
{
    const struct named_def def = {.name = decl->name, .class_id = 1};
    AUTO(named_fields_free) struct named_fields *named = NULL;
    struct errmsg why = {""};

    return named_fields_new(&def, 1, &named, &why) == ERR_OK ? ERR_OK
                                                             : conf_fail(node, msg, "%s", why.text);
}

static enum err check_xml(struct conf_node node, const struct field_decl *decl, struct errmsg *msg)
{
    const struct xml_def def = {.path = decl->name, .class_id = 1};
    AUTO(xml_fields_free) struct xml_fields *xml = NULL;
    struct errmsg why = {""};

    return xml_fields_new(&def, 1, &xml, &why) == ERR_OK ? ERR_OK
                                                         : conf_fail(node, msg, "%s", why.text);
}

static enum err check_name(struct conf_node node, const struct route_def *route,
                           const struct field_decl *decl, struct errmsg *msg)
{
    size_t param;

    if (decl->name[0] == '\0')
        return conf_fail(node, msg, "a field has a name");
    switch (decl->place) {
    case PLACE_JSON:
        return settings_json_path(node, decl->name, decl->deep, msg);
    case PLACE_SEGMENT:
        if (route_param(span_str(route->pattern), span_str(decl->name), &param) != ERR_OK)
            return conf_fail(node, msg, "the path has no parameter {%s}", decl->name);
        return ERR_OK;
    case PLACE_HEADER:
        if (!is_field_header(decl->name))
            return conf_fail(node, msg, "\"%s\" is no header that can hold a value", decl->name);
        return ERR_OK;
    case PLACE_FORM:
    case PLACE_PART:
    case PLACE_FILENAME:
    case PLACE_QUERY:
    case PLACE_COOKIE:
        return check_named(node, decl, msg);
    case PLACE_LOCATION:
        if (strcmp(decl->name, "*") != 0)
            return conf_fail(node, msg, "of a location all of it is looked at: \"*\"");
        return ERR_OK;
    case PLACE_TEXT:
        if (strcmp(decl->name, "*") != 0)
            return conf_fail(node, msg, "of a text all of it is looked at: \"*\"");
        return ERR_OK;
    case PLACE_XML:
        return check_xml(node, decl, msg);
    case PLACE_COUNT:
        break;
    }
    return ERR_OK;
}

static enum err read_mode(struct conf_node entry, struct field_decl *decl, struct errmsg *msg)
{
    struct conf_node node = conf_get(entry, "mode");
    const char *mode = "tokenize";
    enum err e = conf_str(node, &mode, msg);

    if (e != ERR_OK)
        return e;
    if (strcmp(mode, "lookup") == 0)
        decl->mode = FIELD_LOOKUP;
    else if (strcmp(mode, "tokenize") != 0)
        return conf_fail(node, msg, "a mode is \"tokenize\" or \"lookup\"");
    if (decl->mode == FIELD_LOOKUP && !decl->class->deterministic)
        return conf_fail(conf_get(entry, "class"), msg,
                         "only a deterministic class can be looked up; \"%s\" is not",
                         decl->class->name);
    return ERR_OK;
}

/* Texts with tokens in them. What a token's class is it says itself. */
static enum err read_scan(struct conf_node entry, struct field_decl *decl, struct errmsg *msg)
{
    struct conf_node node = conf_get(entry, "scan");
    const bool always = decl->place == PLACE_LOCATION || decl->place == PLACE_TEXT;
    bool scan = always;
    enum err e = conf_bool(node, &scan, msg);

    if (e != ERR_OK)
        return e;
    if (scan && decl->place != PLACE_JSON && decl->place != PLACE_HEADER && !always)
        return conf_fail(node, msg, "only texts of JSON and header fields can be scanned");
    if (!scan && always)
        return conf_fail(node, msg, "a %s is always scanned",
                         decl->place == PLACE_TEXT ? "text" : "location");
    if (scan)
        decl->mode = FIELD_SCAN;
    return ERR_OK;
}

static enum err read_gone(struct conf_node entry, struct field_decl *decl, struct errmsg *msg)
{
    struct conf_node node = conf_get(entry, "gone");
    const char *text = "token";
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    if (strcmp(text, "null") == 0) {
        decl->gone = GONE_NULL;
    } else if (strcmp(text, "token") != 0) {
        decl->gone = GONE_TEXT;
        decl->gone_text = mem_strdup(text);
    }
    return ERR_OK;
}

static enum err is_new(struct conf_node node, const struct field_decl *before,
                       const struct field_decl *decl, struct errmsg *msg)
{
    for (; before < decl; before++)
        if (before->place == decl->place && strcmp(before->name, decl->name) == 0)
            return conf_fail(node, msg, "the field \"%s\" is there twice", decl->name);
    return ERR_OK;
}

static enum err read_name(struct conf_node entry, const struct place_key *place,
                          struct field_decl *decl, struct errmsg *msg)
{
    const char *name = NULL;
    enum err e = settings_text(entry, place->key, &name, msg);

    if (e == ERR_OK)
        e = conf_bool(conf_get(entry, "deep"), &decl->deep, msg);
    if (e == ERR_OK)
        e = conf_bool(conf_get(entry, "many"), &decl->many, msg);
    if (e == ERR_OK && decl->deep && place->place != PLACE_JSON)
        e = conf_fail(conf_get(entry, "deep"), msg, "only a field of a JSON body can be deep");
    if (e == ERR_OK && decl->many && !place->by_name)
        e = conf_fail(conf_get(entry, "many"), msg, "`%s` needs no `many`", place->key);
    if (e != ERR_OK)
        return e;
    decl->place = place->place;
    decl->name = place->place == PLACE_HEADER ? settings_lower_case(name) : mem_strdup(name);
    return ERR_OK;
}

/* The declarations of one direction of a route. */
struct direction {
    const char *key;
    bool is_request;
    const struct classes *classes;
    const struct route_def *route;
    struct field_decl *decls;
};

/* What may be said of a field: where it stands, and what becomes of it. */
static const char *const *keys_of(const struct direction *d)
{
#define PLACES_OF_REQUESTS                                                                         \
    "json", "form", "multipart", "filename", "xml", "query", "path", "header", "cookie"
#define PLACES_OF_ANSWERS "json", "form", "xml", "header", "cookie", "location", "text"
    static const char *const stored[] = {PLACES_OF_REQUESTS, "class", "deep", "many", "mode", NULL};
    static const char *const shown[] = {
        PLACES_OF_ANSWERS, "class", "deep", "many", "gone", "scan", NULL};
    static const char *const sent[] = {PLACES_OF_REQUESTS, "class", "deep", "many", "scan", NULL};
    static const char *const received[] = {"json", "form", "xml", "class", "deep", "many", NULL};

    if (d->route->egress)
        return d->is_request ? sent : received;
    return d->is_request ? stored : shown;
}

/* Do its tokens become values? Else its values become tokens. */
static bool reveals(const struct direction *d)
{
    return d->is_request == d->route->egress;
}

static enum err read_treatment(struct conf_node entry, const struct direction *d,
                               struct field_decl *decl, struct errmsg *msg)
{
    enum err e = reveals(d) ? read_scan(entry, decl, msg) : ERR_OK;

    if (e == ERR_OK && (decl->mode != FIELD_SCAN || conf_has(conf_get(entry, "class"))))
        e = read_class(entry, d->classes, &decl->class, msg);
    if (e == ERR_OK)
        e = reveals(d) ? read_gone(entry, decl, msg) : read_mode(entry, decl, msg);
    return e;
}

static enum err read_field(struct conf_node entry, const struct direction *d,
                           struct field_decl *decl, struct errmsg *msg)
{
    const struct place_key *place = NULL;
    struct conf_node node;
    enum err e = conf_only(entry, keys_of(d), msg);

    if (e == ERR_OK)
        e = find_place(entry, d->is_request, &place, msg);
    if (e == ERR_OK)
        e = read_name(entry, place, decl, msg);
    if (e != ERR_OK)
        return e;
    node = conf_get(entry, place->key);
    e = check_name(node, d->route, decl, msg);
    if (e == ERR_OK)
        e = read_treatment(entry, d, decl, msg);
    return e == ERR_OK ? is_new(node, d->decls, decl, msg) : e;
}

static enum err read_direction(struct conf_node map, struct direction *d,
                               struct field_decl **ret_decls, size_t *ret_count, struct errmsg *msg)
{
    struct conf_node list = conf_get(map, d->key);
    size_t count;
    enum err e = settings_list(list, &count, msg);

    if (e != ERR_OK)
        return e;
    d->decls = *ret_decls = mem_alloc((count + 1) * sizeof(**ret_decls));
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = read_field(conf_at(list, i), d, &d->decls[(*ret_count)++], msg);
    return e;
}

enum err settings_read_fields(struct conf_node map, const struct classes *classes,
                              struct route_def *route, struct errmsg *msg)
{
    struct direction in = {
        .key = "request", .is_request = true, .classes = classes, .route = route};
    struct direction out = {.key = "response", .classes = classes, .route = route};
    enum err e = read_direction(map, &in, &route->request, &route->request_count, msg);

    return e == ERR_OK ? read_direction(map, &out, &route->response, &route->response_count, msg)
                       : e;
}

/* Does it have fields whose values are stored, so that somebody must be named? */
bool settings_store_values(const struct route_def *route)
{
    if (route->egress)
        return route->response_count > 0;
    for (size_t i = 0; i < route->request_count; i++)
        if (route->request[i].mode != FIELD_LOOKUP)
            return true;
    return false;
}

bool settings_have_fields(const struct route_def *route, enum place place)
{
    for (size_t i = 0; i < route->request_count; i++)
        if (route->request[i].place == place)
            return true;
    return false;
}

static void free_decls(struct field_decl *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(fields[i].name);
        free(fields[i].gone_text);
    }
    free(fields);
}

void settings_free_fields(struct route_def *route)
{
    free_decls(route->request, route->request_count);
    free_decls(route->response, route->response_count);
}
