/* SPDX-License-Identifier: Apache-2.0 */
/* The register of requests of persons, and one of them with what can be done next.
 * Runs on: the listener's pool; blocks. Holds: nothing. Not here: what may follow what
 * (retention/request_states.c), who may (the API). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/pages.h"

/* ---- the register ---- */

static const char *const states[] = {"open", "all", "answered", "closed", "failed", NULL};

enum err page_requests(struct visit *v, struct errmsg *msg)
{
    const char *state = visit__choice(v, "state", states);
    struct api_needs needs;
    char query[UI_QUERY_MAX];

    visit__set_period(v, query);
    visit__set_choices(v, "states", states, state);
    json_set_str(v->model, "state", state);
    visit__set_may(v, "add", "POST", "/v1/requests");
    visit__query(v, query, "limit=100", strcmp(state, "all") == 0 ? NULL : "state", state);
    if (api_may(v->ui->api, v->who.role, "GET", SPAN_LIT("/v1/reports/requests"), &needs))
        json_set_str(v->model, "report", "requests");
    return visit__show(v, "list", "/v1/requests", query, msg);
}

/* ---- what can be done with one ---- */

enum field_kind { FIELD_TEXT, FIELD_DATE, FIELD_NUMBER, FIELD_CHOICE, FIELD_END };

static const char *const channels[] = {"email",  "letter", "phone", "in_person",
                                       "portal", "fax",    "other", NULL};
static const char *const methods[] = {"login",     "reply",         "call_back", "portal", "letter",
                                      "in_person", "document_seen", "eid",       "known",  NULL};
static const char *const extensions[] = {"complexity", "number", NULL};
static const char *const fees[] = {"manifestly_unfounded", "excessive", NULL};
static const char *const refusals[] = {"manifestly_unfounded",
                                       "excessive",
                                       "identity_not_proven",
                                       "not_identifiable",
                                       "no_ground",
                                       "17(3)(a)",
                                       "17(3)(b)",
                                       "17(3)(c)",
                                       "17(3)(d)",
                                       "17(3)(e)",
                                       "rights_of_others",
                                       "compelling_grounds",
                                       "not_portable",
                                       "other_law",
                                       NULL};

static const char *const restrictions[] = {"", "a", "b", "c", "d", NULL};
static const char *const named_rights[] = {
    "",  "access", "rectification", "restriction", "portability", "objection", "consent_withdrawal",
    NULL};
static const char *const lifted[] = {"restriction", "objection", NULL};

struct field {
    const char *name; /* of the form's field */
    enum field_kind kind;
    bool needed;
    const char *group; /* of the choices' words: choice.GROUP.VALUE */
    const char *const *choices;
};

static const struct field end = {NULL, FIELD_END, false, NULL, NULL};

#define TEXT(name, needed)                                                                         \
    {                                                                                              \
        "with." #name, FIELD_TEXT, needed, NULL, NULL                                              \
    }
#define DATE                                                                                       \
    {                                                                                              \
        "with.date", FIELD_DATE, false, NULL, NULL                                                 \
    }
#define CHANNEL                                                                                    \
    {                                                                                              \
        "with.channel", FIELD_CHOICE, true, "channel", channels                                    \
    }
#define REASON(group, words)                                                                       \
    {                                                                                              \
        "with.reason", FIELD_CHOICE, true, group, words                                            \
    }
#define COUNT(name, needed)                                                                        \
    {                                                                                              \
        "with." #name, FIELD_NUMBER, needed, NULL, NULL                                            \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, FIELD_END, false, NULL, NULL                                                         \
    }

/* In the order in which they are done. */
static const struct step {
    const char *action;
    struct field fields[6];
} steps[] = {
    {"acknowledge", {CHANNEL, DATE, END}},
    {"ask-identity", {CHANNEL, TEXT(reason, true), DATE, END}},
    {"verify-identity",
     {{"with.method", FIELD_CHOICE, true, "method", methods},
      {"subject", FIELD_TEXT, false, NULL, NULL},
      {"domain", FIELD_TEXT, false, NULL, NULL},
      DATE,
      END}},
    {"scope",
     {TEXT(purposes, false),
      {"with.ground", FIELD_CHOICE, false, "restriction", restrictions},
      END}},
    {"extend", {REASON("extension", extensions), CHANNEL, TEXT(by, true), DATE, END}},
    {"fee", {REASON("refusal", fees), TEXT(by, true), TEXT(reasoning, true), END}},
    {"approve", {TEXT(by, true), END}},
    {"execute",
     {{"with.right", FIELD_CHOICE, false, "right", named_rights},
      TEXT(reference, false),
      TEXT(token, false),
      TEXT(value, false),
      END}},
    {"refuse",
     {REASON("refusal", refusals), TEXT(law, false), TEXT(by, false), TEXT(reasoning, false), END}},
    {"notify", {COUNT(recipients, true), COUNT(acknowledged, false), END}},
    {"answer", {CHANNEL, TEXT(template, true), DATE, END}},
    {"withdraw", {CHANNEL, DATE, END}},
    {"lift",
     {{"with.right", FIELD_CHOICE, true, "right", lifted},
      CHANNEL,
      {"with.date", FIELD_DATE, true, NULL, NULL},
      END}},
    {"complain", {TEXT(reference, true), DATE, END}},
    {"close", {TEXT(reason, false), END}},
};

static struct json *choices_of(const struct field *field, struct span chosen)
{
    struct json *list = json_new_list();

    for (const char *const *word = field->choices; *word != NULL; word++) {
        struct json *map = json_new_map();
        char key[64];

        (void)snprintf(key, sizeof(key), "%s.%s", field->group, *word);
        json_set_str(map, "value", *word);
        json_set_str(map, "key", key);
        json_set_bool(map, "selected", span_equal(chosen, span_str(*word)));
        json_add(list, map);
    }
    return list;
}

/* What the field holds when it is shown: what was typed, or what is meant most often. */
static struct span value_of(const struct visit *v, const struct field *field)
{
    const struct span sent = form_value(&v->form, field->name);
    const struct span decision = json_text_of(json_get(json_get(v->model, "request"), "decision"));

    if (sent.at != NULL)
        return sent;
    if (strcmp(field->name, "with.by") == 0)
        return span_str(v->who.name);
    if (strcmp(field->name, "with.template") == 0 && decision.len > 0)
        return decision;
    return SPAN_LIT("");
}

static struct json *field_map(const struct visit *v, const char *action, const struct field *field)
{
    struct json *map = json_new_map();
    const struct span value = value_of(v, field);
    const char *dot = strchr(field->name, '.');
    char text[128];

    (void)snprintf(text, sizeof(text), "%s-%s", action, dot == NULL ? field->name : dot + 1);
    json_set_str(map, "id", text);
    json_set_str(map, "name", field->name);
    json_set_str(map, "label",
                 field->choices == restrictions ? "restriction_ground"
                 : dot == NULL                  ? field->name
                                                : dot + 1);
    json_set_bool(map, "needed", field->needed);
    json_set_bool(map, "is_choice", field->kind == FIELD_CHOICE);
    json_set_bool(map, "is_date", field->kind == FIELD_DATE);
    json_set_bool(map, "is_number", field->kind == FIELD_NUMBER);
    json_set_bool(map, "is_text", field->kind == FIELD_TEXT);
    if (field->kind == FIELD_CHOICE)
        json_set(map, "choices", choices_of(field, value));
    if (strcmp(field->name, "with.template") == 0 && form_value(&v->form, field->name).at == NULL) {
        (void)snprintf(text, sizeof(text), "%.*s-%s-1", (int)value.len, value.at,
                       words_lang_code(v->lang));
        json_set_str(map, "value", value.len > 0 ? text : "");
    } else {
        json_set(map, "value", json_new_text(value));
    }
    return map;
}

static bool list_has(const struct json *list, const char *word)
{
    for (size_t i = 0; i < json_count(list); i++)
        if (span_equal(json_text_of(json_at(list, i)), span_str(word)))
            return true;
    return false;
}

/* Was it this one that failed just now? Then its form is open. */
static bool was_tried(const struct visit *v, const char *action)
{
    const size_t len = strlen(action);
    const struct span path = v->request->path;

    return json_get(v->model, "failed") != NULL && path.len > len &&
           memcmp(path.at + path.len - len, action, len) == 0;
}

static struct json *step_map(const struct visit *v, const struct step *step,
                             const struct api_needs *needs)
{
    struct json *map = json_new_map(), *fields = json_new_list();

    json_set_str(map, "action", step->action);
    json_set_bool(map, "code", needs->code);
    json_set_bool(map, "open", was_tried(v, step->action));
    for (const struct field *field = step->fields; field->kind != end.kind; field++)
        json_add(fields, field_map(v, step->action, field));
    json_set(map, "fields", fields);
    return map;
}

static void set_steps(struct visit *v, const struct json *request)
{
    const struct json *actions = json_get(request, "actions");
    struct json *list = json_new_list();

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct api_needs needs;
        char path[UI_PATH_MAX];

        (void)snprintf(path, sizeof(path), "/v1/requests/1/%s", steps[i].action);
        if (list_has(actions, steps[i].action) &&
            api_may(v->ui->api, v->who.role, "POST", span_str(path), &needs))
            json_add(list, step_map(v, &steps[i], &needs));
    }
    json_set(v->model, "steps", list);
}

/* ---- one request ---- */

static const char *const letters[] = {"fitting",   "receipt", "identity", "extension",
                                      "granted",   "partly",  "refused",  "not_identifiable",
                                      "withdrawn", NULL};

/* What fits is chosen by the register. A letter that cannot be written yet is no error of the page. */
static void set_letter(struct visit *v, const char *path)
{
    const char *letter = visit__choice(v, "letter", letters);
    struct json *tree = NULL;
    struct api_needs needs;
    struct errmsg msg = {""};
    char query[UI_QUERY_MAX], letter_path[UI_PATH_MAX + sizeof("/letter")];

    (void)snprintf(letter_path, sizeof(letter_path), "%s/letter", path);
    if (!api_may(v->ui->api, v->who.role, "GET", span_str(letter_path), &needs))
        return;
    visit__set_choices(v, "letters", letters, letter);
    (void)snprintf(query, sizeof(query), "lang=%s%s%s", words_lang_code(v->lang),
                   strcmp(letter, "fitting") == 0 ? "" : "&letter=",
                   strcmp(letter, "fitting") == 0 ? "" : letter);
    if (visit__get(v, letter_path, query, &tree, &msg) == ERR_OK)
        json_set(v->model, "letter", tree);
}

/* Nobody has less than no days left. */
static void set_over(struct json *request)
{
    const int64_t left = json_int_of(json_get(request, "days_left"), 0);

    if (left >= 0)
        return;
    json_set(request, "days_left", json_new_null());
    json_set_int(request, "days_over", -left);
}

enum err page_request(struct visit *v, struct errmsg *msg)
{
    char path[UI_PATH_MAX];
    enum err e;

    (void)snprintf(path, sizeof(path), "/v1/requests/%.*s", (int)v->parameters[0].len,
                   v->parameters[0].at);
    e = visit__show(v, "request", path, NULL, msg);
    if (e != ERR_OK)
        return e;
    json_set(v->model, "subject", json_clone(json_get(json_get(v->model, "request"), "number")));
    visit__set_strip(v, json_get(v->model, "request"));
    set_steps(v, json_get(v->model, "request"));
    set_over(json_get(v->model, "request"));
    set_letter(v, path);
    return ERR_OK;
}

/* ---- a new one ---- */

static const char *const rights[] = {
    "access",    "rectification",      "erasure", "restriction", "portability",
    "objection", "consent_withdrawal", NULL};
static const char *const grounds[] = {"", "a", "b", "c", "d", "e", "f", NULL};
static const char *const regimes[] = {"gdpr", "ccpa", "lgpd", NULL};

static void set_rights(struct visit *v)
{
    struct json *list = json_new_list();

    for (const char *const *word = rights; *word != NULL; word++) {
        struct json *map = json_new_map();
        bool chosen = false;

        for (size_t i = 0; i < v->form.count; i++)
            chosen = chosen || (span_equal(v->form.fields[i].name, SPAN_LIT("with.rights")) &&
                                span_equal(v->form.fields[i].value, span_str(*word)));
        json_set_str(map, "value", *word);
        json_set_bool(map, "selected", chosen);
        json_add(list, map);
    }
    json_set(v->model, "rights", list);
}

static void set_from_form(struct visit *v, const char *member, const char *field,
                          const char *const *words)
{
    const struct span sent = form_value(&v->form, field);
    const char *chosen = words[0];

    for (const char *const *word = words; *word != NULL; word++)
        if (span_equal(sent, span_str(*word)))
            chosen = *word;
    visit__set_choices(v, member, words, chosen);
}

enum err page_request_new(struct visit *v, struct errmsg *msg UNUSED)
{
    struct api_needs needs;

    if (!api_may(v->ui->api, v->who.role, "POST", SPAN_LIT("/v1/requests"), &needs))
        return ERR_DENIED;
    set_rights(v);
    set_from_form(v, "channels", "with.channel", channels);
    set_from_form(v, "grounds", "with.ground", grounds);
    set_from_form(v, "regimes", "with.regime", regimes);
    return ERR_OK;
}
