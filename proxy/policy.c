/* SPDX-License-Identifier: Apache-2.0 */
/* The settings, compiled for one vault: its class numbers in fields, look-ups and callers.
 * Runs on: the control thread; read by all loops. Holds: compiled fields. Not here: the decisions
 * (exchange.c, caller.c). */
#include "proxy/proxy_priv.h"

#include <string.h>

static uint16_t vault_number(const struct class_def *def, const void *context)
{
    return vault_class_id(context, def);
}

/* The place that a subject stands in; PLACE_COUNT where no field can. */
static enum place subject_place(const struct route_def *def)
{
    switch (def->subject_from) {
    case SUBJECT_PATH:
        return PLACE_SEGMENT;
    case SUBJECT_QUERY:
        return PLACE_QUERY;
    case SUBJECT_HEADER:
        return PLACE_HEADER;
    case SUBJECT_BODY:
        return def->subject_field.place;
    default:
        return PLACE_COUNT;
    }
}

/* Where the subject is a declared field, too, a token of the field's class names it as well. */
static uint16_t subject_class(const struct route_def *def, const struct vault *vault)
{
    const enum place place = subject_place(def);

    for (size_t i = 0; i < def->request_count; i++)
        if (def->request[i].place == place && strcmp(def->request[i].name, def->subject) == 0)
            return vault_class_id(vault, def->request[i].class);
    return 0;
}

static enum err route_init(struct proxy_route *route, const struct route_def *def,
                           const char *domain, const struct vault *vault, struct errmsg *msg)
{
    const char *element = def->subject_from == SUBJECT_ELEMENT ? def->subject : NULL;
    const struct places_def request = {.decls = def->request,
                                       .count = def->request_count,
                                       .template = span_str(def->pattern),
                                       .element = element,
                                       .watch = !def->near_names};
    const struct places_def response = {.decls = def->response,
                                        .count = def->response_count,
                                        .template = span_str(def->pattern),
                                        .element = element,
                                        .watch = def->egress && !def->near_names};
    const struct places_def subject = {.decls = &def->subject_field, .count = 1};
    enum err e;

    route->def = def;
    route->domain_id = vault_domain_id(vault, span_str(domain));
    if (route->domain_id == 0)
        return errmsg_set(msg, ERR_INTERNAL, "the store does not know the domain \"%s\"", domain);
    route->subject_class = subject_class(def, vault);
    e = places_new(&request, vault, &route->request, msg);
    if (e == ERR_OK)
        e = places_new(&response, vault, &route->response, msg);
    if (e == ERR_OK && def->subject_from == SUBJECT_BODY)
        e = places_new(&subject, vault, &route->subject, msg);
    return e;
}

enum err policy_init(const struct proxy_settings *settings, const struct vault *vault,
                     struct proxy_policy *ret, struct errmsg *msg)
{
    AUTO(policy_done) struct proxy_policy policy = {0};
    const struct limit_settings *limits = &settings->limits;

    policy.routes = mem_alloc((settings->route_count + 1) * sizeof(*policy.routes));
    policy.route_count = settings->route_count;
    for (size_t i = 0; i < settings->route_count; i++) {
        const struct route_def *def = &settings->route_defs[i];
        enum err e =
            route_init(&policy.routes[i], def, settings->domains->names[def->domain], vault, msg);

        places_limit_json(policy.routes[i].request, (uint32_t)limits->json_depth,
                          (uint32_t)limits->json_members);
        places_limit_json(policy.routes[i].subject, (uint32_t)limits->json_depth,
                          (uint32_t)limits->json_members);
        if (e != ERR_OK)
            return e;
    }
    policy.callers = callers_new(settings->callers, settings->caller_count, settings->classes,
                                 vault_number, vault);
    *ret = policy;
    policy = (struct proxy_policy){0};
    return ERR_OK;
}

void policy_done(struct proxy_policy *policy)
{
    for (size_t i = 0; i < policy->route_count; i++) {
        places_free(&policy->routes[i].request);
        places_free(&policy->routes[i].response);
        places_free(&policy->routes[i].subject);
    }
    free(policy->routes);
    callers_free(&policy->callers);
    *policy = (struct proxy_policy){0};
}
