/* SPDX-License-Identifier: Apache-2.0 */
/* `routes`: templates, methods, subjects and declared fields.
 * Runs on: the control thread, at start. Holds: the declarations and the tree of templates.
 * Invariant: what passes here compiles again when the proxy starts; only class numbers differ.
 * Not here: matching (proxy/route.c), declared fields (settings_fields.c). */
#include "proxy/settings_priv.h"

#include <string.h>

#include "base/limits.h"

enum { ROUTE_SUBJECTS_MAX = 100000 };

/* ---- the subject ---- */

static enum err subject_from_path(struct conf_node node, const char *name, struct route_def *route,
                                  struct errmsg *msg)
{
    route->subject_from = SUBJECT_PATH;
    route->subject = mem_strdup(name);
    if (route_param(span_str(route->pattern), span_str(name), &route->subject_param) != ERR_OK)
        return conf_fail(node, msg, "the path has no parameter {%s}", name);
    return ERR_OK;
}

static enum err subject_from_header(struct conf_node node, const char *name,
                                    struct route_def *route, struct errmsg *msg)
{
    if (!settings_is_header_name(name))
        return conf_fail(node, msg, "\"%s\" is no header that can name a subject", name);
    route->subject_from = SUBJECT_HEADER;
    route->subject = settings_lower_case(name);
    return ERR_OK;
}

static enum err subject_from_body(struct conf_node node, enum place place, const char *name,
                                  struct route_def *route, struct errmsg *msg)
{
    static const char *const keys[PLACE_COUNT] = {[PLACE_JSON] = "json",
                                                  [PLACE_FORM] = "form",
                                                  [PLACE_PART] = "multipart",
                                                  [PLACE_XML] = "xml"};

    if (!settings_have_fields(route, place))
        return conf_fail(node, msg, "a subject from the body needs `%s` fields in `request`",
                         keys[place]);
    route->subject_from = SUBJECT_BODY;
    route->subject = mem_strdup(name);
    route->subject_field = (struct field_decl){.place = place, .name = route->subject};
    return place == PLACE_JSON ? settings_json_path(node, name, false, msg) : ERR_OK;
}

static enum err subject_from_element(struct conf_node node, const char *path,
                                     struct route_def *route, struct errmsg *msg)
{
    route->subject_from = SUBJECT_ELEMENT;
    route->subject = mem_strdup(path);
    return settings_element_path(node, path, route, msg);
}

/* Claims are read of a verified token only, and who has one is a caller. */
static enum err subject_from_claim(struct conf_node node, const char *name,
                                   const struct proxy_settings *settings, struct route_def *route,
                                   struct errmsg *msg)
{
    for (size_t i = 0; i < settings->caller_count; i++)
        if (settings->callers[i].jwt != NULL)
            route->subject_from = SUBJECT_CLAIM;
    if (route->subject_from != SUBJECT_CLAIM || name[0] == '\0')
        return conf_fail(node, msg, "a subject from a JWT needs a caller with `jwt`, and a claim");
    route->subject = mem_strdup(name);
    return ERR_OK;
}

static enum err read_subject(struct conf_node map, const struct proxy_settings *settings,
                             struct route_def *route, struct errmsg *msg)
{
    struct conf_node node = conf_get(map, "subject");
    const char *text = NULL;
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    if (text == NULL && settings_store_values(route))
        return conf_fail(map, msg,
                         "`subject` is missing: whose are the values? (path.NAME, query.NAME, "
                         "header.NAME, jwt.CLAIM, \"$.json.path\", \"@.path\", or none)");
    if (text == NULL || strcmp(text, "none") == 0)
        return ERR_OK;
    if (text[0] == '$')
        return subject_from_body(node, PLACE_JSON, text, route, msg);
    if (strncmp(text, "form.", 5) == 0 && text[5] != '\0')
        return subject_from_body(node, PLACE_FORM, text + 5, route, msg);
    if (text[0] == '/')
        return subject_from_body(node, PLACE_XML, text, route, msg);
    if (strncmp(text, "multipart.", 10) == 0 && text[10] != '\0')
        return subject_from_body(node, PLACE_PART, text + 10, route, msg);
    if (text[0] == '@')
        return subject_from_element(node, text, route, msg);
    if (strncmp(text, "path.", 5) == 0)
        return subject_from_path(node, text + 5, route, msg);
    if (strncmp(text, "jwt.", 4) == 0)
        return subject_from_claim(node, text + 4, settings, route, msg);
    if (strncmp(text, "header.", 7) == 0)
        return subject_from_header(node, text + 7, route, msg);
    if (strncmp(text, "query.", 6) == 0 && text[6] != '\0') {
        route->subject_from = SUBJECT_QUERY;
        route->subject = mem_strdup(text + 6);
        return ERR_OK;
    }
    return conf_fail(node, msg,
                     "a subject is path.NAME, query.NAME, header.NAME, jwt.CLAIM, "
                     "\"$.json.path\", \"@.path\" or none");
}

/* ---- the rest of a route ---- */

static enum err read_methods(struct conf_node node, struct route_def *route, struct errmsg *msg)
{
    size_t count;
    enum err e = settings_list(node, &count, msg);

    if (e != ERR_OK)
        return e;
    if (!conf_has(node))
        route->methods = METHODS_ALL;
    else if (count == 0)
        return conf_fail(node, msg, "a route has at least one method");
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;
        uint32_t bit;

        e = conf_str(conf_at(node, i), &name, msg);
        if (e != ERR_OK)
            return e;
        bit = method_bit(span_str(name));
        if (bit == 0)
            return conf_fail(conf_at(node, i), msg,
                             "\"%s\" is none of GET HEAD POST PUT PATCH DELETE OPTIONS", name);
        route->methods |= bit;
    }
    if ((route->methods & METHOD_GET) != 0)
        route->methods |= METHOD_HEAD;
    return ERR_OK;
}

static enum err read_host(struct conf_node node, struct route_def *route, struct errmsg *msg)
{
    const char *text = NULL;
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK || text == NULL)
        return e;
    if (text[0] == '\0' || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789.-:[]") != strlen(text))
        return conf_fail(node, msg, "a host is a name or an address, without a port");
    route->host = settings_lower_case(text);
    return ERR_OK;
}

/* Where an earlier route stands, for the message about the later one. */
static enum err same_route(struct conf_node entry, const struct route_def *other,
                           struct errmsg *msg)
{
    return conf_fail(conf_get(entry, "path"), msg,
                     "the route \"%s\" above has the same shape and one of these methods "
                     "(GET includes HEAD)",
                     other->pattern);
}

static enum err add_route(struct conf_node entry, struct proxy_settings *settings, size_t index,
                          struct errmsg *msg)
{
    const struct route_def *route = &settings->route_defs[index];
    const struct route_key key = {.template = span_str(route->pattern),
                                  .host = route->host != NULL ? span_str(route->host) : SPAN_NONE,
                                  .methods = route->methods,
                                  .id = index};
    struct errmsg why = {""};
    size_t other = 0;
    enum err e = routes_add(settings->routes, &key, &other, &why);

    if (e == ERR_CONFLICT)
        return same_route(entry, &settings->route_defs[other], msg);
    return e == ERR_OK ? e : conf_fail(conf_get(entry, "path"), msg, "%s", why.text);
}

/* Whose values an answer may show where the vault does not know the subject's name. */
static enum err read_binding(struct conf_node node, struct route_def *route, struct errmsg *msg)
{
    const char *text = "answer";
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    route->strict = strcmp(text, "strict") == 0;
    return route->strict || strcmp(text, "answer") == 0
               ? ERR_OK
               : conf_fail(node, msg, "a binding is \"answer\" or \"strict\"");
}

/* Which way values travel: from clients to an application, or from an application to a third party. */
static enum err read_direction(struct conf_node node, struct route_def *route, struct errmsg *msg)
{
    const char *text = "ingress";
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    route->egress = strcmp(text, "egress") == 0;
    return route->egress || strcmp(text, "ingress") == 0
               ? ERR_OK
               : conf_fail(node, msg, "a direction is \"ingress\" or \"egress\"");
}

/* Nobody reads what goes over a WebSocket, so it passes only where nothing else is promised. */
static enum err read_websocket(struct conf_node node, struct route_def *route, struct errmsg *msg)
{
    const char *text = "refuse";
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    route->websocket = strcmp(text, "pass") == 0;
    if (!route->websocket && strcmp(text, "refuse") != 0)
        return conf_fail(node, msg, "a WebSocket is there to \"refuse\" or to \"pass\"");
    if (route->websocket && route->request_count + route->response_count > 0)
        return conf_fail(node, msg,
                         "what goes over a WebSocket is not read: a route that lets it "
                         "pass declares no fields");
    return ERR_OK;
}

/* What becomes of members whose names come near a declared one. */
static enum err read_near_names(struct conf_node node, struct route_def *route, struct errmsg *msg)
{
    const char *text = "refuse";
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    route->near_names = strcmp(text, "allow") == 0;
    return route->near_names || strcmp(text, "refuse") == 0
               ? ERR_OK
               : conf_fail(node, msg, "near names are there to \"refuse\" or to \"allow\"");
}

static enum err read_undeclared(struct conf_node node, struct route_def *route, struct errmsg *msg)
{
    static const char *const actions[] = {"pass", "alert", "block"};
    const char *text = actions[UNDECLARED_PASS];
    enum err e = conf_str(node, &text, msg);

    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(actions); i++) {
        if (strcmp(text, actions[i]) != 0)
            continue;
        route->undeclared = (enum undeclared)i;
        if (i != UNDECLARED_PASS && route->request_count == 0)
            return conf_fail(node, msg, "without `request` fields nothing is read of a request");
        return ERR_OK;
    }
    return e != ERR_OK ? e
                       : conf_fail(node, msg,
                                   "what is not declared is there to \"pass\", to \"alert\" about "
                                   "or to \"block\"");
}

static enum err read_route(struct conf_node entry, struct proxy_settings *settings, size_t index,
                           struct errmsg *msg)
{
    static const char *const keys[] = {"path",       "methods",
                                       "upstream",   "subject",
                                       "request",    "response",
                                       "host",       "body_max",
                                       "domain",     "binding",
                                       "near_names", "undeclared",
                                       "direction",  "subjects_per_response",
                                       "websocket",  "event",
                                       NULL};
    struct route_def *route = &settings->route_defs[index];
    int64_t subjects_max = GUARD_SUBJECTS_DEFAULT;
    int64_t body_max = settings->limits.body;
    struct conf_node upstream, domain = conf_get(entry, "domain");
    const char *path = NULL, *domain_name = DOMAIN_DEFAULT_NAME;
    enum err e = conf_only(entry, keys, msg);

    if (e == ERR_OK)
        e = settings_text(entry, "path", &path, msg);
    if (e != ERR_OK)
        return e;
    route->pattern = mem_strdup(path);
    e = read_methods(conf_get(entry, "methods"), route, msg);
    if (e == ERR_OK)
        e = read_direction(conf_get(entry, "direction"), route, msg);
    if (e == ERR_OK)
        e = read_host(conf_get(entry, "host"), route, msg);
    if (e == ERR_OK)
        e = add_route(entry, settings, index, msg);
    if (e == ERR_OK)
        e = conf_need(entry, "upstream", &upstream, msg);
    if (e == ERR_OK)
        e = settings_upstream(upstream, settings, &route->upstream, msg);
    if (e == ERR_OK && route->egress && !settings->upstreams[route->upstream].config.egress)
        e = conf_fail(upstream, msg, "a third party's upstream says `egress: true`");
    if (e == ERR_OK)
        e = conf_str(domain, &domain_name, msg);
    if (e == ERR_OK)
        e = settings_domain(domain, domain_name, settings, &route->domain, msg);
    if (e == ERR_OK)
        e = settings_read_fields(entry, settings->classes, route, msg);
    if (e == ERR_OK)
        e = read_subject(entry, settings, route, msg);
    if (e == ERR_OK)
        e = read_binding(conf_get(entry, "binding"), route, msg);
    if (e == ERR_OK)
        e = read_websocket(conf_get(entry, "websocket"), route, msg);
    if (e == ERR_OK)
        e = settings_read_event(conf_get(entry, "event"), settings, route, msg);
    if (e == ERR_OK)
        e = read_near_names(conf_get(entry, "near_names"), route, msg);
    if (e == ERR_OK)
        e = read_undeclared(conf_get(entry, "undeclared"), route, msg);
    if (e == ERR_OK)
        e = conf_int(conf_get(entry, "subjects_per_response"), 1, ROUTE_SUBJECTS_MAX, &subjects_max,
                     msg);
    route->subjects_max = (size_t)subjects_max;
    if (e == ERR_OK)
        e = conf_int(conf_get(entry, "body_max"), 0, settings->limits.body, &body_max, msg);
    route->body_max = (size_t)body_max;
    return e;
}

enum err settings_read_routes(struct conf_node root, struct proxy_settings *settings,
                              struct errmsg *msg)
{
    struct conf_node list = conf_get(root, "routes");
    size_t count;
    enum err e = settings_list(list, &count, msg);

    if (e != ERR_OK)
        return e;
    settings->routes = routes_new();
    settings->route_defs = mem_alloc((count + 1) * sizeof(*settings->route_defs));
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        settings->route_count = i + 1;
        e = read_route(conf_at(list, i), settings, i, msg);
    }
    return e;
}

void settings_free_routes(struct proxy_settings *settings)
{
    for (size_t i = 0; i < settings->route_count; i++) {
        struct route_def *route = &settings->route_defs[i];

        settings_free_fields(route);
        free(route->subject);
        free(route->event.name);
        free(route->event.statuses);
        free(route->host);
        free(route->pattern);
    }
    free(settings->route_defs);
    routes_free(&settings->routes);
}
