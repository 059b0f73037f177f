/* SPDX-License-Identifier: Apache-2.0 */
/* Flows to recipients, from the sections that declare them.
 * Runs on: the thread that loads the configuration. Holds: nothing. Invariant: what cannot be told narrower (a field
 * that is scanned for tokens of any class) counts for every class. Not here: what flowed (report_flows.c), what is shown
 * (proxy/). */
#include "retention/flows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum kind { UPSTREAM, THIRD_PARTY, CALLER };
enum form { TOKEN, MASK, VALUE };

static const char *const kind_words[] = {
    [UPSTREAM] = "upstream", [THIRD_PARTY] = "third_party", [CALLER] = "caller"};
static const char *const form_words[] = {[TOKEN] = "token", [MASK] = "mask", [VALUE] = "value"};

struct flow {
    enum kind kind;
    enum form form;
    const char *recipient;
    size_t of_class; /* index into the classes */
    bool purposes[CLASS_PURPOSES_MAX];
    size_t routes;
    size_t last_route; /* the one counted last, and 1 */
};

struct flows {
    struct conf_node root;
    const struct classes *classes;
    struct flow *list;
    size_t count, cap;
};

static void flows_done(struct flows *f)
{
    mem_free(&f->list);
}

static struct flow *flow_of(struct flows *f, const struct flow *wanted)
{
    for (size_t i = 0; i < f->count; i++) {
        struct flow *at = &f->list[i];

        if (at->kind == wanted->kind && at->form == wanted->form &&
            at->of_class == wanted->of_class && strcmp(at->recipient, wanted->recipient) == 0)
            return at;
    }
    if (f->count == f->cap) {
        const size_t cap = f->cap == 0 ? 64 : 2 * f->cap;
        struct flow *grown = mem_alloc(cap * sizeof(*grown));

        if (f->count > 0)
            memcpy(grown, f->list, f->count * sizeof(*grown));
        mem_free(&f->list);
        f->list = grown;
        f->cap = cap;
    }
    f->list[f->count] = *wanted;
    return &f->list[f->count++];
}

static void add(struct flows *f, const struct flow *wanted, size_t route)
{
    struct flow *at = flow_of(f, wanted);

    at->routes += at->last_route != route + 1;
    at->last_route = route + 1;
    for (size_t i = 0; i < CLASS_PURPOSES_MAX; i++)
        at->purposes[i] = at->purposes[i] || wanted->purposes[i];
}

/* ---- what a caller may see ---- */

static enum form form_of(struct conf_node caller, const char *class_name)
{
    const char *how = json_str_of(conf_get(conf_get(caller, "reveal"), class_name).value);

    if (how == NULL || strcmp(how, "token") == 0)
        return TOKEN;
    return strcmp(how, "mask") == 0 ? MASK : VALUE;
}

/* Those of the class's purposes that the caller has, too: it sees tokens without any. */
static bool share_purposes(const struct class_def *def, struct conf_node caller,
                           bool ret[CLASS_PURPOSES_MAX])
{
    const struct json *list = conf_get(caller, "purposes").value;
    bool any = false;

    for (size_t i = 0; i < json_count(list); i++)
        for (size_t p = 0; p < def->purpose_count; p++) {
            const char *name = json_str_of(json_at(list, i));

            if (name == NULL || strcmp(name, def->purposes[p]) != 0)
                continue;
            ret[p] = true;
            any = true;
        }
    return any;
}

static void add_callers(struct flows *f, size_t of_class, size_t route)
{
    const struct class_def *def = &f->classes->defs[of_class];
    struct conf_node caller;
    void *it = NULL;

    while (conf_next(conf_get(f->root, "callers"), &it, &caller)) {
        struct flow flow = {.kind = CALLER, .recipient = caller.name, .of_class = of_class};

        if (share_purposes(def, caller, flow.purposes))
            flow.form = form_of(caller, def->name);
        add(f, &flow, route);
    }
}

/* What callers may see in clear is what can be sent to a third party for them. */
static void add_third_party(struct flows *f, const char *upstream, size_t of_class, size_t route)
{
    const struct class_def *def = &f->classes->defs[of_class];
    struct flow flow = {
        .kind = THIRD_PARTY, .form = VALUE, .recipient = upstream, .of_class = of_class};
    struct conf_node caller;
    void *it = NULL;
    bool any = false;

    while (conf_next(conf_get(f->root, "callers"), &it, &caller))
        if (form_of(caller, def->name) == VALUE)
            any = share_purposes(def, caller, flow.purposes) || any;
    if (any)
        add(f, &flow, route);
}

/* ---- routes ---- */

static void add_field(struct flows *f, bool is_egress, bool is_answer, const char *upstream,
                      size_t of_class, size_t route)
{
    struct flow flow = {.kind = UPSTREAM, .recipient = upstream, .of_class = of_class};

    if (is_egress && !is_answer)
        add_third_party(f, upstream, of_class, route);
    if (is_egress)
        return; /* of an answer it is the source, and the caller gets tokens */
    for (size_t p = 0; p < f->classes->defs[of_class].purpose_count; p++)
        flow.purposes[p] = true;
    add(f, &flow, route);
    if (is_answer)
        add_callers(f, of_class, route);
}

static void add_fields(struct flows *f, struct conf_node route, const char *section,
                       const char *upstream)
{
    const struct json *fields = conf_get(route, section).value;
    const char *direction = json_str_of(conf_get(route, "direction").value);
    const bool is_egress = direction != NULL && strcmp(direction, "egress") == 0;
    const bool is_answer = strcmp(section, "response") == 0;

    for (size_t i = 0; i < json_count(fields); i++) {
        const char *name = json_str_of(json_get(json_at(fields, i), "class"));

        for (size_t c = 0; c < f->classes->count; c++)
            if (name == NULL || strcmp(name, f->classes->defs[c].name) == 0)
                add_field(f, is_egress, is_answer, upstream, c, route.index);
    }
}

static void add_routes(struct flows *f)
{
    const struct conf_node routes = conf_get(f->root, "routes");
    const char *fallback = json_str_of(conf_get(f->root, "default_upstream").value);

    for (size_t i = 0; i < json_count(routes.value); i++) {
        const struct conf_node route = conf_at(routes, i);
        const char *upstream = json_str_of(conf_get(route, "upstream").value);

        upstream = upstream == NULL ? fallback : upstream;
        if (upstream == NULL)
            continue;
        add_fields(f, route, "request", upstream);
        add_fields(f, route, "response", upstream);
    }
}

/* ---- as JSON ---- */

static bool names(const struct json *list, const char *name)
{
    for (size_t i = 0; i < json_count(list); i++) {
        const char *at = json_str_of(json_at(list, i));

        if (at != NULL && strcmp(at, name) == 0)
            return true;
    }
    return false;
}

/* The recipients (Art. 19) that speak for it. */
static struct json *told_as(const struct flows *f, const struct flow *flow)
{
    const char *section = flow->kind == CALLER ? "callers" : "upstreams";
    struct json *list = json_new_list();
    struct conf_node member;
    void *it = NULL;

    while (conf_next(conf_get(f->root, "recipients"), &it, &member))
        if (names(conf_get(member, section).value, flow->recipient))
            json_add(list, json_new_text(span_str(member.name)));
    return list;
}

static struct json *flow_map(const struct flows *f, const struct flow *flow)
{
    const struct class_def *def = &f->classes->defs[flow->of_class];
    struct json *map = json_new_map(), *purposes = json_new_list();

    for (size_t p = 0; p < def->purpose_count; p++)
        if (flow->purposes[p])
            json_add(purposes, json_new_text(span_str(def->purposes[p])));
    json_set_str(map, "recipient", flow->recipient);
    json_set_str(map, "kind", kind_words[flow->kind]);
    json_set_str(map, "class", def->name);
    json_set_str(map, "form", form_words[flow->form]);
    json_set(map, "purposes", purposes);
    json_set_int(map, "routes", (int64_t)flow->routes);
    json_set(map, "told_as", told_as(f, flow));
    return map;
}

/* By kind, recipient, and what shows most. */
static int by_recipient(const void *a, const void *b)
{
    const struct flow *x = a, *y = b;
    const int order =
        x->kind == y->kind ? strcmp(x->recipient, y->recipient) : (int)y->kind - (int)x->kind;

    if (order != 0)
        return order;
    if (x->form != y->form)
        return (int)y->form - (int)x->form;
    return (x->of_class > y->of_class) - (x->of_class < y->of_class);
}

struct json *flows_read(struct conf_node root, const struct classes *classes)
{
    AUTO(flows_done) struct flows f = {.root = root, .classes = classes};
    struct json *list = json_new_list();

    add_routes(&f);
    if (f.count > 0)
        qsort(f.list, f.count, sizeof(f.list[0]), by_recipient);
    for (size_t i = 0; i < f.count; i++)
        json_add(list, flow_map(&f, &f.list[i]));
    return list;
}
