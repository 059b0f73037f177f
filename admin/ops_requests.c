/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the register of requests.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: an identifier or a
 * token that a person is looked for by goes no further than this file, and no text of an operator names
 * the person. Not here: the register (retention/requests.c). */
#include <string.h>

#include "admin/ops_priv.h"
#include "base/limits.h"
#include "base/mem.h"

static enum err read_number(const struct json *request, uint64_t *ret, struct errmsg *msg)
{
    const int64_t number = json_int_of(json_get(request, "number"), 0);

    if (number < 1)
        return errmsg_set(msg, ERR_INVALID, "\"number\" must be the number of a request");
    *ret = (uint64_t)number;
    return ERR_OK;
}

static enum err read_version(const struct json *request, uint64_t *ret, struct errmsg *msg)
{
    const int64_t version = json_int_of(json_get(request, "version"), 0);

    if (json_get(request, "version") != NULL && version < 1)
        return errmsg_set(msg, ERR_INVALID, "\"version\" is the version that was looked at");
    *ret = (uint64_t)version;
    return ERR_OK;
}

/* ---- who is meant ---- */

/* Does any text in the tree hold the identifier? */
static bool tree_mentions(const struct json *tree, struct span name)
{
    const enum json_type kind = json_kind(tree);
    struct json *value;
    const char *member;
    void *it = NULL;

    if (kind == JSON_TEXT)
        return ops_mentions(json_text_of(tree), name);
    for (size_t i = 0; kind == JSON_LIST && i < json_count(tree); i++)
        if (tree_mentions(json_at(tree, i), name))
            return true;
    while (kind == JSON_MAP && json_next(tree, &it, &member, &value))
        if (tree_mentions(value, name))
            return true;
    return false;
}

/* *ret_looked: a person was named; whether it is known is in *ret. */
static enum err look_for_person(struct admin *admin, const struct json *request,
                                struct request_finding *ret, bool *ret_looked, struct errmsg *msg)
{
    const bool by_token = json_get(request, "token") != NULL;
    const char *domain = json_str_of(json_get(request, "domain"));
    uint16_t domain_id = VAULT_DOMAIN_DEFAULT, class_id = 0;
    uint64_t slot = 0;
    enum err e;

    *ret_looked = by_token || json_get(request, "subject") != NULL;
    if (!*ret_looked)
        return json_get(request, "domain") == NULL && json_get(request, "class") == NULL
                   ? ERR_OK
                   : errmsg_set(msg, ERR_INVALID, "give the subject or a token");
    if (tree_mentions(json_get(request, "with"), json_text_of(json_get(request, "subject"))))
        return errmsg_set(msg, ERR_INVALID,
                          "a text holds the subject's identifier; the register must name nobody");
    e = ops_read_domain(admin, request, &domain_id, msg);
    if (e == ERR_OK)
        e = ops_read_class(admin, request, &class_id, msg);
    if (e != ERR_OK)
        return e;
    e = ops_find_person_now(admin, request, &slot, msg);
    if (e != ERR_OK && e != ERR_NOT_FOUND) /* that nobody is found is a finding */
        return e;
    *ret = (struct request_finding){.by = by_token ? "token" : "identifier", .slot = slot};
    if (!by_token)
        ret->domain = domain == NULL ? DOMAIN_DEFAULT_NAME : domain;
    return errmsg_set(msg, ERR_OK, "%s", "");
}

static enum err need_with(const struct json *request, const struct json **ret, struct errmsg *msg)
{
    const struct json *with = json_get(request, "with");

    if (json_kind(with) != JSON_MAP)
        return errmsg_set(msg, ERR_INVALID, "\"with\" must be an object: what is said");
    *ret = with;
    return ERR_OK;
}

static const char *who_of(const struct admin *admin)
{
    return admin->executed_by == NULL ? "cli" : admin->executed_by;
}

/* ---- operations ---- */

enum err ops_request_add(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    struct request_finding finding = {.slot = 0};
    struct request_ask ask = {.who = who_of(admin), .is_one_person = admin->who != NULL};
    bool looked = false;
    enum err e = need_with(request, &ask.args, msg);

    if (e == ERR_OK)
        e = look_for_person(admin, request, &finding, &looked, msg);
    if (e != ERR_OK)
        return e;
    ask.finding = looked ? &finding : NULL;
    return requests_add(admin->requests, &ask, ret_response, msg);
}

/* What was made for the person, for whoever hands it on: "given" in the answer, and in no record. */
static enum err add_given(struct request_given *given, struct json *view)
{
    struct json *list = json_new_list();
    enum err e = ERR_OK;

    json_set(view, "given", list);
    for (size_t i = 0; e == ERR_OK && i < given->count; i++) {
        struct json *map = NULL;

        if (given->at[i].document == NULL)
            map = ops_link_map(&given->at[i].link);
        else
            e = ops_document_map(&given->at[i].document, given->at[i].format, given->at[i].number,
                                 &map);
        if (e != ERR_OK)
            break;
        json_set_str(map, "right", request_right_word(given->at[i].right));
        json_add(list, map);
    }
    return e;
}

enum err ops_request_act(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    AUTO(request_given_done) struct request_given given = {.count = 0};
    struct request_finding finding = {.slot = 0};
    struct request_ask ask = {.who = who_of(admin), .is_one_person = admin->who != NULL};
    enum request_action action;
    bool looked = false;
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    if (e == ERR_OK)
        e = read_version(request, &ask.version, msg);
    if (e == ERR_OK)
        e = need_with(request, &ask.args, msg);
    if (e == ERR_OK && !request_action_of(json_text_of(json_get(request, "action")), &action))
        e = errmsg_set(msg, ERR_INVALID, "there is no such action on a request");
    if (e == ERR_OK)
        e = look_for_person(admin, request, &finding, &looked, msg);
    if (e == ERR_OK && looked && action != REQUEST_VERIFY_IDENTITY)
        e = errmsg_set(msg, ERR_INVALID, "a person is named with verify-identity only");
    if (e != ERR_OK)
        return e;
    ask.finding = looked ? &finding : NULL;
    if (ops_may_export(admin, msg) == ERR_OK)
        ask.given = &given;
    (void)errmsg_set(msg, ERR_OK, "%s", "");
    e = requests_act(admin->requests, number, action, &ask, ret_response, msg);
    return e == ERR_OK && given.count > 0 ? add_given(&given, *ret_response) : e;
}

enum err ops_request_show(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg)
{
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    return e == ERR_OK ? requests_show(admin->requests, number, ret_response, msg) : e;
}

static enum err read_states(const struct json *request, uint64_t *ret, struct errmsg *msg)
{
    const struct json *value = json_get(request, "state");
    enum request_state state;

    if (value == NULL)
        return ERR_OK;
    if (span_equal(json_text_of(value), span_str("open"))) {
        *ret = REQUEST_OPEN_STATES;
        return ERR_OK;
    }
    if (!request_state_of(json_text_of(value), &state))
        return errmsg_set(msg, ERR_INVALID, "there is no such state of a request");
    *ret = UINT64_C(1) << state;
    return ERR_OK;
}

/* What a line of a list says. */
static struct json *line_of(struct json *view)
{
    static const char *const texts[] = {"state",    "standing", "received_date", "due",
                                        "external", "owner",    "decision"};
    const struct json *rights = json_get(view, "rights");
    struct json *map = json_new_map(), *words = json_new_list();

    json_set_int(map, "number", json_int_of(json_get(view, "number"), 0));
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct json *text = json_new_text(json_text_of(json_get(view, texts[i])));
        const bool is_text = json_kind(json_get(view, texts[i])) == JSON_TEXT;

        if (!is_text)
            json_free(&text);
        json_set(map, texts[i], is_text ? text : json_new_null());
    }
    for (size_t i = 0; i < json_count(rights); i++)
        json_add(words, json_new_text(json_text_of(json_get(json_at(rights, i), "right"))));
    json_set(map, "rights", words);
    json_set(map, "days_left", json_clone(json_get(view, "days_left")));
    return map;
}

enum err ops_request_list(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg)
{
    AUTO(request_walk_close) struct request_walk *walk = NULL;
    AUTO(json_free) struct json *list = json_new_list();
    struct ops_page page;
    uint64_t states = UINT64_MAX, last = 0;
    struct json *map;
    enum err e = read_states(request, &states, msg);

    if (e == ERR_OK)
        e = ops_read_page(request, OPS_VALUES_MAX, &page, msg);
    if (e == ERR_OK)
        e = request_walk_open(admin->requests, states, page.after, &walk);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; e == ERR_OK && i < page.limit; i++) {
        AUTO(json_free) struct json *view = NULL;

        e = request_walk_next(walk, &view);
        if (e != ERR_OK)
            break;
        json_add(list, line_of(view));
        last = (uint64_t)json_int_of(json_get(view, "number"), 0);
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    map = json_new_map();
    ops_set_next(map, e == ERR_OK, last);
    json_set(map, "requests", TAKE(list));
    *ret_response = map;
    return ERR_OK;
}

enum err ops_request_letter(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg)
{
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    if (e != ERR_OK)
        return e;
    return requests_letter(admin->requests, number, json_str_of(json_get(request, "letter")),
                           json_str_of(json_get(request, "lang")), ret_response, msg);
}
