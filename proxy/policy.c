/* SPDX-License-Identifier: Apache-2.0 */
/* The settings, compiled for one vault: its class numbers in fields, look-ups and callers.
 * Runs on: the control thread; read by all loops. Holds: compiled fields. Not here: the decisions
 * (exchange.c, caller.c). */
#include "proxy/proxy_priv.h"

static uint16_t vault_number(const struct class_def *def, const void *context)
{
    return vault_class_id(context, def);
}

static enum err route_init(struct proxy_route *route, const struct route_def *def,
                           const char *domain, const struct vault *vault, struct errmsg *msg)
{
    enum err e;

    route->def = def;
    route->domain_id = vault_domain_id(vault, span_str(domain));
    if (route->domain_id == 0)
        return errmsg_set(msg, ERR_INTERNAL, "the store does not know the domain \"%s\"", domain);
    e = places_new(def->request, def->request_count, span_str(def->pattern), vault, &route->request,
                   msg);
    if (e == ERR_OK)
        e = places_new(def->response, def->response_count, span_str(def->pattern), vault,
                       &route->response, msg);
    if (e == ERR_OK && def->subject_from == SUBJECT_JSON)
        e = fields_new(&(struct field_def){.path = def->subject, .class_id = 1}, 1, &route->subject,
                       msg);
    return e;
}

enum err policy_init(const struct proxy_settings *settings, const struct vault *vault,
                     struct proxy_policy *ret, struct errmsg *msg)
{
    AUTO(policy_done) struct proxy_policy policy = {0};

    policy.routes = mem_alloc((settings->route_count + 1) * sizeof(*policy.routes));
    policy.route_count = settings->route_count;
    for (size_t i = 0; i < settings->route_count; i++) {
        const struct route_def *def = &settings->route_defs[i];
        enum err e =
            route_init(&policy.routes[i], def, settings->domains->names[def->domain], vault, msg);

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
        fields_free(&policy->routes[i].subject);
    }
    free(policy->routes);
    callers_free(&policy->callers);
    *policy = (struct proxy_policy){0};
}
