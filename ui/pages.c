/* SPDX-License-Identifier: Apache-2.0 */
/* Pages: which there are, who sees them, and what all of them have in common.
 * Runs on: the listener's pool; blocks. Holds: nothing. Invariant: a page is whole or it is an error's page. Not
 * here: what single pages show (ui/page_*.c), templates. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/period.h"
#include "ui/pages.h"
#include "ui/ui_priv.h"
#include "version.h"

static const struct page pages[] = {
#define PAGE(path, name, of, route) {path, #name, #of, route, page_##name},
#include "ui/pages.def"
#undef PAGE
};

/* ---- the table ---- */

static struct span segment(struct span *rest)
{
    const char *slash = rest->len == 0 ? NULL : memchr(rest->at, '/', rest->len);
    const struct span first =
        span_of(rest->at, slash == NULL ? rest->len : (size_t)(slash - rest->at));

    *rest = slash == NULL ? span_of(rest->at + rest->len, 0)
                          : span_of(slash + 1, rest->len - first.len - 1);
    return first;
}

bool page__fits(struct visit *v, const char *pattern, struct span path)
{
    struct span wanted = span_str(pattern);
    size_t parameters = 0;

    while (wanted.len > 0 || path.len > 0) {
        const struct span one = segment(&wanted), given = segment(&path);

        if (one.len > 2 && one.at[0] == '{') {
            if (given.len == 0 || given.len > UI_PATH_MAX / 4 || parameters == UI_PARAMETERS_MAX)
                return false;
            v->parameters[parameters++] = given;
        } else if (!span_equal(one, given)) {
            return false;
        }
    }
    return true;
}

const struct page *page__find(struct visit *v, struct span path)
{
    for (size_t i = 0; i < COUNT_OF(pages); i++)
        if (page__fits(v, pages[i].path, path))
            return &pages[i];
    return NULL;
}

bool page__may(const struct visit *v, const struct page *page)
{
    struct api_needs needs;

    return api_may(v->ui->api, v->who.role, "GET", span_str(page->route), &needs);
}

const struct page *page__first(const struct visit *v)
{
    for (size_t i = 0; i < COUNT_OF(pages); i++)
        if (strcmp(pages[i].name, pages[i].of) == 0 && page__may(v, &pages[i]))
            return &pages[i];
    return NULL;
}

/* ---- what all have in common ---- */

static struct json *navigation(const struct visit *v, const struct page *current)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        const bool is_head = strcmp(pages[i].name, pages[i].of) == 0;
        struct json *map;

        if (!is_head || !page__may(v, &pages[i]))
            continue;
        map = json_new_map();
        json_set_str(map, "path", pages[i].path + strlen("/ui/"));
        json_set_str(map, "page", pages[i].name);
        json_set_bool(map, "current", current != NULL && strcmp(current->of, pages[i].name) == 0);
        json_add(list, map);
    }
    return list;
}

static struct json *languages(const struct visit *v)
{
    struct json *list = json_new_list();

    for (int lang = 0; lang < WORDS_LANG_COUNT; lang++) {
        struct json *map = json_new_map();

        json_set_str(map, "code", words_lang_code((enum words_lang)lang));
        json_set_bool(map, "current", v->lang == (enum words_lang)lang);
        json_add(list, map);
    }
    return list;
}

static struct json *origin(void)
{
    struct json *map = json_new_map();
    char text[24];

    period_format_instant(clock_now_s(), text);
    json_set_str(map, "as_of", text);
    json_set_str(map, "zone", "UTC");
    json_set_str(map, "version", LETHE_VERSION);
    json_set_str(map, "commit", LETHE_COMMIT);
    return map;
}

static struct json *session_map(const struct visit *v)
{
    struct json *map = json_new_map();

    json_set_str(map, "name", v->who.name);
    json_set_str(map, "role", access_role_name(v->who.role));
    json_set_str(map, "form_key", v->session.form_key);
    json_set_int(map, "ends_s", v->session.ends_s);
    json_set_int(map, "warn_s", SESSION_WARN_S);
    return map;
}

void page__start(struct visit *v, const struct page *page)
{
    struct json *model = v->model;

    json_set_str(model, "lang", words_lang_code(v->lang));
    json_set(model, "assets", assets_names(v->ui->assets));
    json_set(model, "languages", languages(v));
    json_set(model, "origin", origin());
    json_set(model, "here", json_new_text(v->request->path));
    json_set(model, "nav", json_new_list());
    json_set_bool(model, "signed_in", v->signed_in);
    if (!v->signed_in)
        return;
    json_set(model, "nav", navigation(v, page));
    json_set(model, "session", session_map(v));
    if (v->session.flash[0] == '\0')
        return;
    json_set_str(model, "flash", v->session.flash);
    session_set_flash(v->ui->sessions, &v->session, "");
}

/* ---- answering ---- */

void page__render(struct visit *v, int status, const char *template_name, const char *title)
{
    const struct template_view view = {.model = v->model, .words = v->ui->words, .lang = v->lang};
    struct errmsg msg = {""};
    enum err e;

    json_set_str(v->model, "title", title);
    e = template_render(v->ui->templates, template_name, &view, &v->answer->body, &msg);
    v->answer->status = status;
    v->answer->content_type = "text/html; charset=utf-8";
    http_answer_field(v->answer, "content-language", "%s", words_lang_code(v->lang));
    if (e == ERR_OK)
        return;
    log_event(EV_PAGE_FAILED, F_LIT("error", err_name(e)), F_TEXT("why", span_str(msg.text)));
    buf_reset(&v->answer->body);
    v->answer->status = 500;
    v->answer->content_type = NULL;
}

/* What went wrong: `said` in the language of the page where its words have that, else `detail` as the API says it, in
 * English; neither where it says no more than the code does. */
static struct json *error_map(const struct visit *v, enum err e, const char *detail)
{
    struct json *error = json_new_map();
    const bool is_more = detail != NULL && strcmp(detail, err_text(e)) != 0;
    char key[sizeof("detail.") + sizeof(struct errmsg)];
    const char *said;

    (void)snprintf(key, sizeof(key), "detail.%s", is_more ? detail : "");
    said = words_get(v->ui->words, v->lang, key);
    json_set_str(error, "code", err_name(e));
    json_set_str(error, "said", said == NULL ? "" : said);
    json_set(error, "detail", json_new_text(span_str(is_more && said == NULL ? detail : "")));
    return error;
}

void page__fail(struct visit *v, enum err e, const char *detail)
{
    json_free(&v->model);
    v->model = json_new_map();
    page__start(v, NULL);
    json_set(v->model, "error", error_map(v, e, detail));
    page__render(v, err_status(e), "error", "error");
}

static void serve(struct visit *v, const struct page *page, int status)
{
    struct errmsg msg = {""};
    enum err e;

    if (!page__may(v, page)) {
        page__fail(v, ERR_DENIED, NULL);
        return;
    }
    page__start(v, page);
    e = page->model(v, &msg);
    if (e == ERR_OK)
        page__render(v, status, page->name, page->name);
    else
        page__fail(v, e, msg.text);
}

void page__serve(struct visit *v, const struct page *page)
{
    serve(v, page, 200);
}

/* What was typed, so that nobody has to type it again; but no code. */
static struct json *sent(const struct form *form)
{
    struct json *map = json_new_map();

    for (size_t i = 0; i < form->count; i++) {
        char name[64];

        if (form->fields[i].name.len >= sizeof(name) ||
            span_equal(form->fields[i].name, SPAN_LIT("code")))
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)form->fields[i].name.len,
                       form->fields[i].name.at);
        for (char *c = name; *c != '\0'; c++)
            if (*c == '.')
                *c = '_'; /* a template would look into it */
        json_set(map, name, json_new_text(form->fields[i].value));
    }
    return map;
}

void page__serve_again(struct visit *v, const struct page *page, enum err e, const char *detail)
{
    json_set(v->model, "failed", error_map(v, e, detail));
    json_set(v->model, "sent", sent(&v->form));
    serve(v, page, err_status(e));
}
