/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on what watches over reveals: honeytokens, incidents, suspended callers.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: nobody who is real
 * becomes a canary: neither a person who is known, nor one whose value is stored. Not here: what sets an
 * incident off (proxy/). */
#include <stdlib.h>
#include <string.h>

#include "admin/ops_priv.h"
#include "base/limits.h"
#include "base/mem.h"
#include "retention/receipt.h"
#include "vault/watch.h"

/* ---- honeytokens ---- */

struct bait {
    const struct class_def *def;
    uint16_t class_id;
    uint16_t domain;
    struct span subject; /* len 0: without a name */
    struct span value;
};

static enum err read_bait(const struct admin *admin, const struct json *request, struct bait *bait,
                          struct errmsg *msg)
{
    struct span ignored;
    enum err e = ops_need_text(request, "class", &ignored, msg);

    if (e == ERR_OK)
        e = ops_read_class(admin, request, &bait->class_id, msg);
    if (e == ERR_OK)
        e = ops_need_text(request, "value", &bait->value, msg);
    if (e == ERR_OK && json_get(request, "subject") != NULL)
        e = ops_need_subject(request, &bait->subject, msg);
    if (e == ERR_OK)
        e = ops_read_domain(admin, request, &bait->domain, msg);
    if (e != ERR_OK)
        return e;
    bait->def = vault_class_def(admin->vault, bait->class_id);
    if (bait->value.len == 0)
        return errmsg_set(msg, ERR_INVALID, "the value is empty");
    if (bait->value.len > (bait->def->identifies ? LIMIT_IDENTIFIER_MAX : LIMIT_VALUE_MAX))
        return errmsg_set(msg, ERR_TOO_LARGE, "the value is too long");
    return ERR_OK;
}

/* OK when nobody has this name. */
static enum err check_name(struct vault_reader *reader, const struct bait *bait, struct span name,
                           struct errmsg *msg)
{
    uint64_t slot;
    enum err e = vault_read_subject(reader, bait->domain, name, &slot);

    if (e == ERR_OK)
        return errmsg_set(msg, ERR_CONFLICT,
                          "there is a person of that name: a honeytoken must be nobody's");
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err check_unused(struct vault_reader *reader, const struct bait *bait,
                             struct errmsg *msg)
{
    struct vault_item item = {
        .class_id = bait->class_id, .kind = VALUE_STRING, .value = bait->value};
    enum err e = bait->subject.len > 0 ? check_name(reader, bait, bait->subject, msg) : ERR_OK;

    if (e == ERR_OK && bait->def->identifies)
        e = check_name(reader, bait, bait->value, msg);
    if (e != ERR_OK || !bait->def->deterministic)
        return e;
    e = vault_find(reader, bait->domain, 0, &item);
    if (e == ERR_OK)
        return errmsg_set(msg, ERR_CONFLICT,
                          "somebody has that value: a honeytoken must be nobody's");
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err store_bait(struct admin *admin, const struct bait *bait, struct vault_item *item)
{
    struct vault_tokenize op = {
        .op = {.kind = VAULT_TOKENIZE}, .domain = bait->domain, .items = item, .count = 1};

    if (bait->subject.len > 0)
        op.names[op.name_count++] = bait->subject;
    if (bait->def->identifies)
        op.names[op.name_count++] = bait->value;
    *item =
        (struct vault_item){.class_id = bait->class_id, .kind = VALUE_STRING, .value = bait->value};
    return vault_run(admin->vault, &op.op);
}

static enum err owner_of(struct vault_reader *reader, const struct bait *bait,
                         const struct vault_item *item, uint64_t *ret_slot)
{
    const struct vault_scope scope = {.domain = bait->domain, .class_id = bait->class_id};
    struct vault_value value;
    enum err e = vault_read_begin(reader);

    if (e != ERR_OK)
        return e;
    e = vault_inspect_as(reader, &scope, span_of(item->token.bytes, item->token.len), &value);
    vault_read_end(reader);
    if (e == ERR_OK)
        *ret_slot = value.slot;
    return e;
}

/* A crash between the two leaves a made-up person who is no canary: it ends by its retention. */
static enum err plant(struct admin *admin, struct vault_reader *reader, const struct bait *bait,
                      struct vault_item *item, uint64_t *ret_slot)
{
    struct vault_watch op = {.op = {.kind = VAULT_WATCH}};
    enum err e = store_bait(admin, bait, item);

    if (e == ERR_OK)
        e = owner_of(reader, bait, item, &op.canary);
    if (e == ERR_OK)
        e = vault_run(admin->vault, &op.op);
    *ret_slot = op.canary;
    return e;
}

static enum err subject_info(struct vault_reader *reader, uint64_t slot,
                             struct vault_subject_info *ret, uint64_t *per_class)
{
    enum err e = vault_read_begin(reader);

    if (e != ERR_OK)
        return e;
    e = vault_read_subject_info(reader, slot, ret, per_class);
    vault_read_end(reader);
    return e;
}

enum err ops_honeytoken_create(struct admin *admin, const struct json *request,
                               struct json **ret_response, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    AUTO(mem_free) uint64_t *per_class = mem_alloc((CLASSES_MAX + 1) * sizeof(*per_class));
    struct bait bait = {.domain = VAULT_DOMAIN_DEFAULT, .subject = {"", 0}};
    struct vault_subject_info info = {.slot = 0};
    struct vault_item item;
    struct json *map;
    uint64_t slot = 0;
    enum err e = read_bait(admin, request, &bait, msg);

    if (e == ERR_OK)
        e = vault_reader_open(admin->vault, &reader);
    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = check_unused(reader, &bait, msg);
    vault_read_end(reader);
    if (e == ERR_OK)
        e = plant(admin, reader, &bait, &item, &slot);
    if (e == ERR_OK)
        e = subject_info(reader, slot, &info, per_class);
    if (e == ERR_UNPROCESSABLE)
        return errmsg_set(msg, e, "class %s: the value is not what its format is for",
                          bait.def->name);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set(map, "token", json_new_text(span_of(item.token.bytes, item.token.len)));
    receipt_set_id(map, "subject", info.id);
    *ret_response = map;
    return ERR_OK;
}

static struct json *canary_map(const struct admin *admin, const struct vault_subject_info *info)
{
    const char *domain = vault_domain_name(admin->vault, info->domain);
    struct json *map = json_new_map();

    receipt_set_id(map, "subject", info->id);
    json_set_str(map, "domain", domain == NULL ? "-" : domain);
    receipt_set_instant(map, "created", info->created_s * 1000);
    return map;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

enum err ops_honeytoken_list(struct admin *admin, const struct json *request,
                             struct json **ret_response, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    AUTO(json_free) struct json *list = json_new_list();
    AUTO(mem_free) uint64_t *per_class = mem_alloc((CLASSES_MAX + 1) * sizeof(*per_class));
    AUTO(mem_free) uint64_t *slots = mem_alloc(VAULT_CANARIES_MAX * sizeof(*slots));
    const size_t count = vault_canaries(admin->vault, slots, VAULT_CANARIES_MAX);
    struct ops_page page = {.after = 0};
    struct json *map;
    uint64_t last = 0;
    size_t i = 0;
    enum err e = ops_read_page(request, VAULT_CANARIES_MAX, &page, msg);

    qsort(slots, count, sizeof(slots[0]), by_number);
    while (i < count && slots[i] <= page.after)
        i++;
    if (e == ERR_OK)
        e = vault_reader_open(admin->vault, &reader);
    for (; e == ERR_OK && i < count && json_count(list) < page.limit; i++) {
        struct vault_subject_info info;

        last = slots[i];
        e = subject_info(reader, slots[i], &info, per_class);
        if (e == ERR_OK)
            json_add(list, canary_map(admin, &info));
        e = e == ERR_NOT_FOUND ? ERR_OK : e; /* it was erased, or has ended */
    }
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    ops_set_next(map, i < count, last);
    json_set(map, "honeytokens", TAKE(list));
    *ret_response = map;
    return ERR_OK;
}

/* ---- incidents ---- */

static struct json *incident_map(const struct vault_incident *incident)
{
    struct json *map = json_new_map();

    json_set_int(map, "number", (int64_t)incident->number);
    receipt_set_instant(map, "time", incident->at_ms);
    json_set_str(map, "kind", incident->kind);
    json_set_str(map, "caller", incident->caller);
    receipt_set_id(map, "subject", incident->subject);
    json_set_str(map, "request", incident->request);
    json_set_str(map, "state", incident->closed_ms == 0 ? "open" : "closed");
    return map;
}

enum err ops_incident_list(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *list = json_new_list();
    struct vault_incident incident = {.number = 0};
    struct ops_page page = {.after = 0};
    struct json *map;
    enum err e = ops_read_page(request, OPS_VALUES_MAX, &page, msg);

    incident.number = page.after;
    for (size_t i = 0; e == ERR_OK && i < page.limit; i++) {
        e = vault_incident_next(admin->vault, incident.number, &incident);
        if (e == ERR_OK)
            json_add(list, incident_map(&incident));
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    map = json_new_map();
    ops_set_next(map, e == ERR_OK, incident.number);
    json_set(map, "incidents", TAKE(list));
    *ret_response = map;
    return ERR_OK;
}

/* ---- callers ----
 *
 *   {"number": a place in the list, "caller", "suspended", "quotas": [{"purpose": or null, "what", "window", "limit", "used"}],
 *    "incident": {"kind", "since"} or null: what it is suspended by} */

static struct json *named(const struct json *list, const char *caller)
{
    for (size_t i = 0; i < json_count(list); i++)
        if (span_equal(json_text_of(json_get(json_at(list, i), "caller")), span_str(caller)))
            return json_at(list, i);
    return NULL;
}

/* Suspended, and perhaps no longer in the configuration. */
static void add_incident(struct json *list, const struct vault_incident *incident)
{
    struct json *map = named(list, incident->caller), *why;

    if (map == NULL) {
        map = json_new_map();
        json_set_str(map, "caller", incident->caller);
        json_set(map, "quotas", json_new_list());
        json_add(list, map);
    }
    if (json_kind(json_get(map, "incident")) == JSON_MAP)
        return; /* the first is why */
    why = json_new_map();
    json_set_str(why, "kind", incident->kind);
    receipt_set_instant(why, "since", incident->at_ms);
    json_set(map, "incident", why);
    json_set_bool(map, "suspended", true);
}

static enum err add_incidents(struct admin *admin, struct json *list)
{
    struct vault_incident incident = {.number = 0};
    enum err e = ERR_OK;

    while (e == ERR_OK) {
        e = vault_incident_next(admin->vault, incident.number, &incident);
        if (e == ERR_OK && incident.closed_ms == 0)
            add_incident(list, &incident);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err ops_caller_list(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *list = NULL;
    struct ops_page page;
    struct json *map;
    enum err e;

    if (admin->callers != NULL)
        list = admin->callers(admin->callers_context);
    if (list == NULL)
        list = json_new_list(); /* those that are suspended are known all the same */
    e = add_incidents(admin, list);
    if (e == ERR_OK)
        e = ops_read_page(request, json_count(list) + 1, &page, msg);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < json_count(list); i++) {
        json_set_int(json_at(list, i), "number", (int64_t)i + 1);
        if (json_get(json_at(list, i), "incident") == NULL)
            json_set(json_at(list, i), "incident", json_new_null());
    }
    map = json_new_map();
    json_set(map, "callers", ops_cut(list, &page, "number", map));
    *ret_response = map;
    return ERR_OK;
}

enum err ops_caller_restore(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg)
{
    char caller[VAULT_CALLER_MAX + 1] = "";
    struct vault_watch op = {.op = {.kind = VAULT_WATCH}, .restore = caller};
    struct span name;
    struct json *map;
    enum err e = ops_need_text(request, "caller", &name, msg);

    if (e != ERR_OK)
        return e;
    if (name.len == 0 || name.len > VAULT_CALLER_MAX || memchr(name.at, '\0', name.len) != NULL)
        return errmsg_set(msg, ERR_INVALID, "that is no name of a caller");
    memcpy(caller, name.at, name.len);
    e = vault_run(admin->vault, &op.op);
    if (e != ERR_OK)
        return e;
    if (op.restored == 0)
        return errmsg_set(msg, ERR_NOT_FOUND, "the caller is not suspended");
    map = json_new_map();
    json_set_int(map, "closed", (int64_t)op.restored);
    *ret_response = map;
    return ERR_OK;
}
