/* SPDX-License-Identifier: Apache-2.0 */
/* Flows to recipients, from the sections that declare them.
 * Runs on: the thread that loads the configuration. Holds: nothing. Invariant: a field that is scanned for tokens of any
 * class counts for each class of which the recipient sees more than tokens. Not here: what flowed (report_flows.c),
 * what is shown (proxy/). */
#include "retention/flows.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
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
    size_t of_class; /* index into the classes; past them: any */
    bool purposes[CLASS_PURPOSES_MAX];
    size_t routes;
    const struct json *senders; /* NULL: it is not sent by anybody */
};

/* Of how many routes something is; the one that was counted last, and 1. */
struct tally {
    size_t routes, last;
};

/* By class; each has one more, for fields that are scanned for tokens of any. They count for each class of `sent`: what
 * goes to a third party, where some caller may send it. */
struct upstream {
    const char *name;
    struct tally *holds; /* tokens */
    struct tally *sent;
};

/* The callers that see a class in clear, and their purposes. */
struct senders {
    struct json *names; /* NULL: none */
    bool purposes[CLASS_PURPOSES_MAX];
};

struct flows {
    struct conf_node root;
    const struct classes *classes;
    struct upstream *upstreams;
    size_t upstream_count;
    struct tally *declared; /* in answers, by class */
    struct tally *readable; /* the same, where a scanned field counts for each */
    struct tally answers;
    struct senders *senders; /* by class */
    struct flow *list;
    size_t count;
};

enum {
    ROWS_MAX = LIMIT_REPORT_ROWS_MAX + 1, /* no report has more, and it says so of one that would */
    TOKEN_ROWS_MAX = LIMIT_REPORT_ROWS_MAX / 2
};

static struct tally *tallies_new(const struct flows *f)
{
    return mem_alloc((f->classes->count + 1) * sizeof(struct tally));
}

static void flows_init(struct flows *f)
{
    f->declared = tallies_new(f);
    f->readable = tallies_new(f);
    f->senders = mem_alloc((f->classes->count + 1) * sizeof(*f->senders));
    f->list = mem_alloc(ROWS_MAX * sizeof(*f->list));
}

static void flows_done(struct flows *f)
{
    for (size_t i = 0; i < f->upstream_count; i++) {
        mem_free(&f->upstreams[i].holds);
        mem_free(&f->upstreams[i].sent);
    }
    for (size_t i = 0; i < f->classes->count; i++)
        json_free(&f->senders[i].names);
    mem_free(&f->upstreams);
    mem_free(&f->declared);
    mem_free(&f->readable);
    mem_free(&f->senders);
    mem_free(&f->list);
}

static void add(struct flows *f, const struct flow *flow)
{
    if (f->count < ROWS_MAX)
        f->list[f->count++] = *flow;
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

/* What callers may see in clear is what can be sent to a third party for them. */
static void add_sender(struct flows *f, const struct flow *flow)
{
    struct senders *senders = &f->senders[flow->of_class];

    if (senders->names == NULL)
        senders->names = json_new_list();
    json_add(senders->names, json_new_text(span_str(flow->recipient)));
    for (size_t p = 0; p < CLASS_PURPOSES_MAX; p++)
        senders->purposes[p] = senders->purposes[p] || flow->purposes[p];
}

/* Every route's answers are for whoever calls it: those of all routes for each caller. Tokens of classes are one row
 * where they would be too many. */
static void add_caller(struct flows *f, struct conf_node caller, bool by_class)
{
    const size_t any = f->classes->count;
    struct flow rest = {.kind = CALLER,
                        .recipient = caller.name,
                        .of_class = any,
                        .routes = by_class ? f->declared[any].routes : f->answers.routes};
    bool some_closed = false;

    for (size_t c = 0; c < any; c++) {
        const struct class_def *def = &f->classes->defs[c];
        struct flow flow = {.kind = CALLER, .recipient = caller.name, .of_class = c};

        if (share_purposes(def, caller, flow.purposes))
            flow.form = form_of(caller, def->name);
        if (flow.form == VALUE)
            add_sender(f, &flow);
        some_closed = some_closed || flow.form == TOKEN;
        flow.routes = flow.form == TOKEN ? f->declared[c].routes : f->readable[c].routes;
        if (flow.routes > 0 && (flow.form != TOKEN || by_class))
            add(f, &flow);
    }
    if (some_closed && rest.routes > 0)
        add(f, &rest);
}

static void add_callers(struct flows *f)
{
    const struct conf_node callers = conf_get(f->root, "callers");
    struct conf_node caller;
    size_t declared = 0;
    void *it = NULL;

    for (size_t c = 0; c < f->classes->count; c++)
        declared += f->declared[c].routes > 0;
    while (conf_next(callers, &it, &caller))
        add_caller(f, caller, declared * json_count(callers.value) <= TOKEN_ROWS_MAX);
}

/* ---- upstreams ---- */

static void add_upstream(struct flows *f, const struct upstream *u)
{
    const size_t any = f->classes->count;

    for (size_t c = 0; c <= any; c++) {
        struct flow flow = {
            .kind = UPSTREAM, .recipient = u->name, .of_class = c, .routes = u->holds[c].routes};

        for (size_t p = 0; c < any && p < f->classes->defs[c].purpose_count; p++)
            flow.purposes[p] = true;
        if (flow.routes > 0)
            add(f, &flow);
    }
    for (size_t c = 0; c < any; c++) {
        struct flow flow = {.kind = THIRD_PARTY,
                            .form = VALUE,
                            .recipient = u->name,
                            .of_class = c,
                            .routes = u->sent[c].routes,
                            .senders = f->senders[c].names};

        memcpy(flow.purposes, f->senders[c].purposes, sizeof(flow.purposes));
        if (flow.routes > 0 && flow.senders != NULL)
            add(f, &flow);
    }
}

/* ---- routes ---- */

static struct upstream *upstream_of(struct flows *f, const char *name)
{
    struct upstream *grown;

    for (size_t i = 0; i < f->upstream_count; i++)
        if (strcmp(f->upstreams[i].name, name) == 0)
            return &f->upstreams[i];
    grown = mem_alloc((f->upstream_count + 1) * sizeof(*grown));
    if (f->upstream_count > 0)
        memcpy(grown, f->upstreams, f->upstream_count * sizeof(*grown));
    mem_free(&f->upstreams);
    f->upstreams = grown;
    grown[f->upstream_count] =
        (struct upstream){.name = name, .holds = tallies_new(f), .sent = tallies_new(f)};
    return &grown[f->upstream_count++];
}

static void count(struct tally *tally, size_t route)
{
    tally->routes += tally->last != route + 1;
    tally->last = route + 1;
}

/* A class's, or of a scanned field each class's. */
static void count_each(const struct flows *f, struct tally *tallies, size_t of_class, size_t route)
{
    const size_t any = f->classes->count;

    if (of_class == any && tallies[any].last == route + 1)
        return;
    count(&tallies[of_class], route);
    for (size_t c = 0; of_class == any && c < any; c++)
        count(&tallies[c], route);
}

struct field {
    bool is_egress, is_answer;
    size_t of_class, route;
};

/* Of a third party's answer it is the source, and the caller gets tokens. */
static void add_field(struct flows *f, const struct upstream *u, const struct field *field)
{
    if (field->is_egress && !field->is_answer)
        count_each(f, u->sent, field->of_class, field->route);
    if (field->is_egress)
        return;
    count(&u->holds[field->of_class], field->route);
    if (!field->is_answer)
        return;
    count(&f->declared[field->of_class], field->route);
    count_each(f, f->readable, field->of_class, field->route);
    count(&f->answers, field->route);
}

/* False: there is no such class. */
static bool find_class(const struct flows *f, const char *name, size_t *ret)
{
    size_t c = 0;

    while (c < f->classes->count && (name == NULL || strcmp(name, f->classes->defs[c].name) != 0))
        c++;
    *ret = c;
    return name == NULL || c < f->classes->count;
}

static void add_fields(struct flows *f, struct conf_node route, const char *section,
                       const struct upstream *u)
{
    const struct json *fields = conf_get(route, section).value;
    const char *direction = json_str_of(conf_get(route, "direction").value);
    struct field field = {.is_egress = direction != NULL && strcmp(direction, "egress") == 0,
                          .is_answer = strcmp(section, "response") == 0,
                          .route = route.index};

    for (size_t i = 0; i < json_count(fields); i++)
        if (find_class(f, json_str_of(json_get(json_at(fields, i), "class")), &field.of_class))
            add_field(f, u, &field);
}

static void add_routes(struct flows *f)
{
    const struct conf_node routes = conf_get(f->root, "routes");
    const char *fallback = json_str_of(conf_get(f->root, "default_upstream").value);

    for (size_t i = 0; i < json_count(routes.value); i++) {
        const struct conf_node route = conf_at(routes, i);
        const char *name = json_str_of(conf_get(route, "upstream").value);
        const struct upstream *u;

        name = name == NULL ? fallback : name;
        if (name == NULL)
            continue;
        u = upstream_of(f, name);
        add_fields(f, route, "request", u);
        add_fields(f, route, "response", u);
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
    const struct class_def *def =
        flow->of_class == f->classes->count ? NULL : &f->classes->defs[flow->of_class];
    struct json *map = json_new_map(), *purposes = json_new_list();

    for (size_t p = 0; def != NULL && p < def->purpose_count; p++)
        if (flow->purposes[p])
            json_add(purposes, json_new_text(span_str(def->purposes[p])));
    json_set_str(map, "recipient", flow->recipient);
    json_set_str(map, "kind", kind_words[flow->kind]);
    json_set_str(map, "class", def == NULL ? FLOWS_ANY_CLASS : def->name);
    json_set_str(map, "form", form_words[flow->form]);
    json_set(map, "purposes", purposes);
    json_set_int(map, "routes", (int64_t)flow->routes);
    json_set(map, "told_as", told_as(f, flow));
    json_set(map, "senders", flow->senders == NULL ? json_new_list() : json_clone(flow->senders));
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

    flows_init(&f);
    add_routes(&f);
    add_callers(&f); /* first: they are the senders */
    for (size_t i = 0; i < f.upstream_count; i++)
        add_upstream(&f, &f.upstreams[i]);
    if (f.count > 0)
        qsort(f.list, f.count, sizeof(f.list[0]), by_recipient);
    for (size_t i = 0; i < f.count; i++)
        json_add(list, flow_map(&f, &f.list[i]));
    return list;
}
