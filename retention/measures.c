/* SPDX-License-Identifier: Apache-2.0 */
/* Safeguards, from the sections that switch them on.
 * Runs on: the thread that loads the configuration. Holds: nothing. Invariant: what is absent says its default
 * (docs/CONFIGURATION.md). Not here: whether they work (report_dpia.c). */
#include "retention/measures.h"

#include <string.h>

#include "retention/breaker.h"

/* A text of the root, or of one of its maps; `otherwise` where there is none. */
static const char *text(struct conf_node map, const char *name, const char *otherwise)
{
    const char *value = json_str_of(conf_get(map, name).value);

    return value == NULL ? otherwise : value;
}

static bool is(struct conf_node map, const char *name, const char *otherwise, const char *word)
{
    return strcmp(text(map, name, otherwise), word) == 0;
}

static void set_breaker(struct json *map, struct conf_node root)
{
    struct breaker breaker = BREAKER_DEFAULT;
    struct json *numbers = json_new_map();
    struct errmsg msg;

    (void)!breaker_read(conf_get(conf_get(root, "retention"), "breaker"), &breaker, &msg);
    json_set_int(numbers, "at_least", breaker.at_least);
    json_set_int(numbers, "factor", breaker.factor);
    json_set_int(numbers, "percent", breaker.percent);
    json_set(map, "breaker", numbers);
}

static void set_audit(struct json *map, struct conf_node audit)
{
    const struct json *keep = conf_get(audit, "keep").value;

    json_set_bool(map, "audit_waits", !is(audit, "reveals", "durable", "buffered"));
    json_set_bool(map, "audit_heads", conf_has(conf_get(audit, "heads")));
    json_set(map, "audit_keep", keep == NULL ? json_new_null() : json_clone(keep));
}

static void set_routes(struct json *map, struct conf_node routes)
{
    int64_t watched = 0;

    for (size_t i = 0; i < json_count(routes.value); i++)
        watched += !is(conf_at(routes, i), "undeclared", "pass", "pass");
    json_set_int(map, "routes", (int64_t)json_count(routes.value));
    json_set_int(map, "watched", watched);
}

static void set_callers(struct json *map, struct conf_node callers)
{
    struct conf_node caller;
    int64_t quotas = 0;
    void *it = NULL;

    while (conf_next(callers, &it, &caller))
        quotas += conf_has(conf_get(caller, "quota"));
    json_set_int(map, "callers", (int64_t)json_count(callers.value));
    json_set_int(map, "quotas", quotas);
}

struct json *measures_read(struct conf_node root)
{
    const struct conf_node admin = conf_get(root, "admin");
    struct json *map = json_new_map();

    json_set_bool(map, "listener", conf_has(admin));
    json_set_bool(map, "four_eyes",
                  conf_has(admin) && json_bool_of(conf_get(admin, "four_eyes").value, true));
    json_set_str(map, "key_rotation", text(root, "key_rotation", "P90D"));
    set_breaker(map, root);
    set_audit(map, conf_get(root, "audit"));
    json_set_bool(map, "ledger_mirror", conf_has(conf_get(root, "ledger_mirror")));
    json_set_bool(map, "default_pass", is(root, "default", "refuse", "pass"));
    set_routes(map, conf_get(root, "routes"));
    set_callers(map, conf_get(root, "callers"));
    json_set_bool(map, "sandbox", is(root, "seccomp", "on", "on"));
    return map;
}
