/* SPDX-License-Identifier: Apache-2.0 */
/* What forms do.
 * Runs on: the listener's pool; blocks. Holds: nothing. Invariant: a form can hold nothing but what the table says, and
 * the API looks at it as it does at what anybody else sends. Not here: the forms (ui/templates). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "ui/pages.h"
#include "ui/ui_priv.h"

enum { NAME_MAX_LEN = 48 };

static const struct action {
    const char *path, *route, *fields, *back, *flash;
} actions[] = {
#define ACTION(path, route, fields, back, flash) {path, route, fields, back, flash},
#include "ui/actions.def"
#undef ACTION
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- members ---- */

static struct json *inside(struct json *members, const char *name)
{
    if (json_get(members, name) == NULL)
        json_set(members, name, json_new_map());
    return json_get(members, name);
}

/* "with.reason": the map that it stands in, and its name there. */
static struct json *place_of(struct json *members, const char *field, const char **ret_name)
{
    const char *dot = strchr(field, '.');
    char head[NAME_MAX_LEN];

    *ret_name = field;
    if (dot == NULL)
        return members;
    (void)snprintf(head, sizeof(head), "%.*s", (int)(dot - field), field);
    *ret_name = dot + 1;
    return inside(members, head);
}

static enum err new_number(struct span text, struct json **ret)
{
    int64_t n = 0;

    if (text.len == 0 || text.len > 18)
        return ERR_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return ERR_INVALID;
        n = n * 10 + (text.at[i] - '0');
    }
    *ret = json_new_int(n);
    return ERR_OK;
}

static void add_list(const struct visit *v, const char *field, struct json *members)
{
    struct json *list = json_new_list();
    const char *name;
    struct json *place = place_of(members, field, &name);

    for (size_t i = 0; i < v->form.count; i++)
        if (span_equal(v->form.fields[i].name, span_str(field)) && v->form.fields[i].value.len > 0)
            json_add(list, json_new_text(v->form.fields[i].value));
    if (json_count(list) > 0)
        json_set(place, name, TAKE(list));
    json_free(&list);
}

static struct span without_blanks(struct span text)
{
    while (text.len > 0 && text.at[0] == ' ')
        text = span_of(text.at + 1, text.len - 1);
    while (text.len > 0 && text.at[text.len - 1] == ' ')
        text.len--;
    return text;
}

/* "a, b c" is a, and "b c". */
static void add_parts(const struct visit *v, const char *field, struct json *members)
{
    struct span rest = form_value(&v->form, field);
    struct json *list = json_new_list();
    const char *name;
    struct json *place = place_of(members, field, &name);

    while (rest.len > 0) {
        const char *comma = memchr(rest.at, ',', rest.len);
        struct span part = span_of(rest.at, comma == NULL ? rest.len : (size_t)(comma - rest.at));

        rest = span_of(rest.at + part.len + (comma != NULL), rest.len - part.len - (comma != NULL));
        part = without_blanks(part);
        if (part.len > 0)
            json_add(list, json_new_text(part));
    }
    if (json_count(list) > 0)
        json_set(place, name, TAKE(list));
    json_free(&list);
}

/* One field of the table. */
static enum err add_field(const struct visit *v, const char *field, struct json *members,
                          struct errmsg *msg)
{
    const char kind = field[0];
    const bool marked = kind == '#' || kind == '[' || kind == '!' || kind == ',';
    const char *plain = field + (kind == '[' ? 2 : marked ? 1 : 0), *name;
    const struct span value = form_value(&v->form, plain);
    struct json *member = NULL, *place;

    if (kind == '!') {
        (void)inside(members, plain);
        return ERR_OK;
    }
    if (kind == '[') {
        add_list(v, plain, members);
        return ERR_OK;
    }
    if (kind == ',') {
        add_parts(v, plain, members);
        return ERR_OK;
    }
    if (value.len == 0)
        return ERR_OK;
    if (kind != '#')
        member = json_new_text(value);
    else if (new_number(value, &member) != ERR_OK)
        return errmsg_set(msg, ERR_INVALID, "\"%s\" must be a number", plain);
    place = place_of(members, plain, &name);
    json_set(place, name, member);
    return ERR_OK;
}

/* The next word of a list; "" at its end. */
static const char *next_word(const char *list, char word[NAME_MAX_LEN])
{
    const size_t len = strcspn(list, " ");

    REQUIRE(len < NAME_MAX_LEN);
    (void)snprintf(word, NAME_MAX_LEN, "%.*s", (int)len, list);
    return list + len + strspn(list + len, " ");
}

static bool is_named(const struct action *action, struct span name)
{
    const char *rest = action->fields;
    char word[NAME_MAX_LEN];

    if (span_equal(name, SPAN_LIT("code")) || span_equal(name, SPAN_LIT("form_key")))
        return true;
    while (*rest != '\0') {
        const char *plain = word;

        rest = next_word(rest, word);
        plain += word[0] == '[' ? 2 : word[0] == '#' || word[0] == ',' ? 1 : 0;
        if (span_equal(name, span_str(plain)))
            return true;
    }
    return false;
}

static enum err read_members(const struct visit *v, const struct action *action,
                             struct json *members, struct errmsg *msg)
{
    const char *rest = action->fields;
    char word[NAME_MAX_LEN];
    enum err e = ERR_OK;

    for (size_t i = 0; i < v->form.count; i++)
        if (!is_named(action, v->form.fields[i].name))
            return errmsg_set(msg, ERR_INVALID, "the form holds a field that has no meaning");
    while (e == ERR_OK && *rest != '\0') {
        rest = next_word(rest, word);
        e = add_field(v, word, members, msg);
    }
    return e;
}

/* ---- doing it ---- */

/* Only what needs no encoding: numbers and ids. */
static bool is_plain(struct span text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

    for (size_t i = 0; i < text.len; i++)
        if (memchr(plain, text.at[i], sizeof(plain) - 1) == NULL)
            return false;
    return text.len > 0;
}

/* A member of what the API answered, for a path: "{=name}". */
static struct span member_of(const struct json *answer, const char *pattern, char number[24])
{
    char name[NAME_MAX_LEN];
    const struct json *value;

    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(pattern + 2, "}"), pattern + 2);
    value = json_get(answer, name);
    if (is_plain(json_text_of(value)))
        return json_text_of(value);
    (void)snprintf(number, 24, "%" PRId64, json_int_of(value, 0));
    return span_str(number);
}

/* A pattern with the parameters of the path in it, and with what the API answered. */
static void fill_path(const struct visit *v, const char *pattern, const struct json *answer,
                      char ret[UI_PATH_MAX])
{
    size_t n = 0, parameter = 0;
    char number[24];

    for (; *pattern != '\0' && n + 1 < UI_PATH_MAX; pattern++) {
        struct span text = span_of(pattern, 1);

        if (*pattern == '{') {
            text =
                pattern[1] == '=' ? member_of(answer, pattern, number) : v->parameters[parameter++];
            pattern += strcspn(pattern, "}");
        }
        if (n + text.len >= UI_PATH_MAX)
            break;
        memcpy(ret + n, text.at, text.len);
        n += text.len;
    }
    ret[n] = '\0';
}

/* The page that the form stood on. */
static void show_again(struct visit *v, const struct action *action, enum err e,
                       const struct errmsg *msg)
{
    const struct page *page = page__find(v, v->request->path);
    char back[UI_PATH_MAX];

    if (page == NULL) {
        (void)page__fits(v, action->path, v->request->path);
        fill_path(v, action->back, NULL, back);
        page = page__find(v, span_str(back));
        REQUIRE(page != NULL);
        page__serve_again(v, page, e, msg->text);
        return;
    }
    page__serve_again(v, page, e, msg->text);
}

/* What the API answers is for whoever asked, and no page. */
static void get_file(struct visit *v, const struct action *action)
{
    AUTO(json_free) struct json *members = json_new_map();
    struct errmsg msg = {""};
    enum err e = read_members(v, action, members, &msg);

    if (e == ERR_OK)
        e = visit__download(v, action->route, members, &msg);
    if (e != ERR_OK)
        page__fail(v, e, msg.text);
}

/* What was made for somebody stands in no record: the page that says it comes at once, in the place of a
 * redirection. */
static bool show_given(struct visit *v, const struct action *action, const struct json *answer)
{
    char back[UI_PATH_MAX];
    const struct page *page;

    fill_path(v, action->back, answer, back);
    page = page__find(v, span_str(back));
    if (page == NULL)
        return false;
    json_set(v->model, "given", json_clone(json_get(answer, "given")));
    page__serve(v, page);
    return true;
}

static const struct {
    const char *name;
    page_once_fn model;
} once[] = {{"token_made", once_token_made}, {"token_enrolled", once_token_enrolled}};

/* The answer itself, in a page that nobody keeps: sending the form again needs another code. */
static void show_once(struct visit *v, const struct action *action, struct json *answer)
{
    const char *name = action->flash + 1;
    struct errmsg msg = {""};
    enum err e = ERR_INTERNAL;
    char back[UI_PATH_MAX];

    (void)page__fits(v, action->path, v->request->path);
    fill_path(v, action->back, NULL, back);
    page__start(v, page__find(v, span_str(back)));
    (void)page__fits(v, action->path, v->request->path);
    for (size_t i = 0; i < COUNT_OF(once); i++)
        if (strcmp(name, once[i].name) == 0)
            e = once[i].model(v, answer, &msg);
    json_set(v->model, "made", answer);
    if (e == ERR_OK)
        page__render(v, 200, name, name);
    else
        page__fail(v, e, msg.text);
}

static void carry_out(struct visit *v, const struct action *action)
{
    AUTO(json_free) struct json *members = json_new_map();
    AUTO(json_free) struct json *answer = NULL;
    char route[UI_PATH_MAX], back[UI_PATH_MAX];
    const struct span code = form_value(&v->form, "code");
    struct api_needs needs;
    struct errmsg msg = {""};
    bool proposed;
    enum err e = read_members(v, action, members, &msg);

    fill_path(v, action->route, NULL, route);
    if (e == ERR_OK)
        e = visit__post(v, route, members, code, &answer, &msg);
    if (e != ERR_OK) {
        show_again(v, action, e, &msg);
        return;
    }
    if (code.len > 0) {
        session_renew(v->ui->sessions, &v->session);
        guard__set_cookie(v->answer, v->session.id);
    }
    if (json_count(json_get(answer, "given")) > 0 && show_given(v, action, answer))
        return;
    if (action->flash[0] == '!') {
        show_once(v, action, TAKE(answer));
        return;
    }
    proposed = api_may(v->ui->api, v->who.role, "POST", span_str(route), &needs) && needs.approval;
    session_set_flash(v->ui->sessions, &v->session, proposed ? "proposed" : action->flash);
    fill_path(v, proposed ? "/ui/proposals/{=proposal}" : action->back, answer, back);
    visit__redirect(v, back);
}

bool action__serve(struct visit *v)
{
    for (const struct action *action = actions; action->path != NULL; action++) {
        if (!page__fits(v, action->path, v->request->path))
            continue;
        if (action->back[0] == '\0')
            get_file(v, action);
        else
            carry_out(v, action);
        return true;
    }
    return false;
}
