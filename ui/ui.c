/* SPDX-License-Identifier: Apache-2.0 */
/* The data officer's pages: from a request to whoever answers it.
 * Runs on: the listener's pool; blocks. Holds: sessions, and what is compiled in. Invariant: GET changes nothing but when
 * a session was used last; POST comes from one of our own pages, and holds its session's key, or is a try to sign in. */
#include "ui/ui.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"
#include "ui/files.h"
#include "ui/ui_priv.h"

#define PREFIX "/ui"

enum { TEMPLATES_MAX = 64, NAME_MAX_LEN = 64 };

/* ---- its life ---- */

static struct span file_span(const struct file *file)
{
    return span_of(file->start, (size_t)(file->end - file->start));
}

static struct span find_file(const char *name)
{
    for (size_t i = 0; i < file_count; i++)
        if (strcmp(files[i].name, name) == 0)
            return file_span(&files[i]);
    return SPAN_NONE;
}

static enum err read_words(struct ui *ui, struct errmsg *msg)
{
    struct span catalogues[WORDS_LANG_COUNT];
    char name[NAME_MAX_LEN];

    for (int lang = 0; lang < WORDS_LANG_COUNT; lang++) {
        (void)snprintf(name, sizeof(name), "words/%s.json", words_lang_code((enum words_lang)lang));
        catalogues[lang] = find_file(name);
    }
    return words_new(catalogues, &ui->words, msg);
}

/* "templates/x.html" is called x. */
static enum err read_templates(struct ui *ui, struct errmsg *msg)
{
    static const char head[] = "templates/", tail[] = ".html";
    static char names[TEMPLATES_MAX][NAME_MAX_LEN]; /* the same for all */
    struct template_source sources[TEMPLATES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < file_count; i++) {
        const size_t len = strlen(files[i].name);

        if (strncmp(files[i].name, head, sizeof(head) - 1) != 0)
            continue;
        REQUIRE(count < TEMPLATES_MAX && len < NAME_MAX_LEN);
        (void)snprintf(names[count], NAME_MAX_LEN, "%.*s",
                       (int)(len - sizeof(head) - sizeof(tail) + 2),
                       files[i].name + sizeof(head) - 1);
        sources[count].name = names[count];
        sources[count].text = file_span(&files[i]);
        count++;
    }
    return template_set_new(sources, count, &ui->templates, msg);
}

enum err ui_new(const struct api *api, struct ui **ret_ui, struct errmsg *msg)
{
    AUTO(ui_free) struct ui *ui = mem_alloc(sizeof(*ui));
    enum err e = read_words(ui, msg);

    ui->api = api;
    ui->assets = assets_new();
    ui->sessions = sessions_new();
    ui->throttle = throttle_new();
    if (e == ERR_OK)
        e = read_templates(ui, msg);
    if (e == ERR_OK)
        *ret_ui = TAKE(ui);
    return e;
}

void ui_free(struct ui **uip)
{
    struct ui *ui = TAKE(*uip);

    if (ui == NULL)
        return;
    template_set_free(&ui->templates);
    words_free(&ui->words);
    assets_free(&ui->assets);
    sessions_free(&ui->sessions);
    throttle_free(&ui->throttle);
    free(ui);
}

bool ui_has(struct span path)
{
    const size_t len = sizeof(PREFIX) - 1;

    return path.len >= len && memcmp(path.at, PREFIX, len) == 0 &&
           (path.len == len || path.at[len] == '/');
}

/* ---- who ---- */

/* Also who of a token that is alive no more, or whose second factor is another one, is nobody: its sessions end then. */
static void find_session(struct visit *v)
{
    struct ui *ui = v->ui;
    const struct span id = form_cookie(v->request->fields[HTTP_COOKIE], UI_COOKIE);

    if (id.at == NULL || session_find(ui->sessions, id, clock_boot_ms(), &v->session) != ERR_OK)
        return;
    if (access_look(ui->api->access, v->session.token, vault_now_s(ui->api->admin->vault),
                    &v->who) != ERR_OK ||
        v->who.factor != v->session.factor) {
        session_end_all(ui->sessions, v->session.token);
        return;
    }
    if (!api_is_in_place(&v->who, v->request)) /* a stolen cookie ends nobody's sessions */
        return;
    v->signed_in = true;
    v->lang = v->session.lang;
}

static void choose_language(struct visit *v)
{
    struct span wanted = form_value(&v->query, "lang");

    if (wanted.at == NULL)
        wanted = form_value(&v->form, "lang");
    v->lang = words_lang_accepted(v->request->fields[HTTP_ACCEPT_LANGUAGE]);
    (void)words_lang_find(wanted, &v->lang);
}

/* ---- answering ---- */

static bool is_path(const struct visit *v, const char *path)
{
    return span_equal(v->request->path, span_str(path));
}

static void go_sign_in(struct visit *v)
{
    char text[UI_PATH_MAX + 32] = "/ui/sign-in";
    const struct span path = v->request->path;

    if (path.len < UI_PATH_MAX && span_equal(v->request->method, SPAN_LIT("GET")))
        (void)snprintf(text, sizeof(text), "/ui/sign-in?next=%.*s", (int)path.len, path.at);
    visit__redirect(v, text);
}

static void serve_get(struct visit *v)
{
    const struct page *page, *first;

    if (is_path(v, "/ui")) {
        visit__redirect(v, "/ui/");
        return;
    }
    if (is_path(v, "/ui/sign-in")) {
        v->signed_in = false;
        page__start(v, NULL);
        signin__show(v, ERR_OK);
        return;
    }
    if (!v->signed_in) {
        go_sign_in(v);
        return;
    }
    if (download__serve(v))
        return;
    page = page__find(v, v->request->path);
    first = page__first(v);
    if (page == NULL)
        page__fail(v, ERR_NOT_FOUND, NULL);
    else if (is_path(v, "/ui/") && first != NULL && first != page)
        visit__redirect(v, first->path); /* not every role has the overview */
    else
        page__serve(v, page);
}

static void serve_post(struct visit *v)
{
    enum err e = guard__check_post(v->request);

    if (e == ERR_OK)
        e = form_parse(v->request->body, &v->form);
    if (e != ERR_OK) {
        page__fail(v, e, NULL);
        return;
    }
    if (is_path(v, "/ui/sign-in")) {
        v->signed_in = false;
        choose_language(v);
        page__start(v, NULL);
        signin__take(v);
        return;
    }
    if (!v->signed_in) {
        go_sign_in(v);
        return;
    }
    if (!session_owns_form(&v->session, form_value(&v->form, "form_key")))
        page__fail(v, ERR_DENIED, NULL);
    else if (!signin__serve_session(v) && !action__serve(v))
        page__fail(v, ERR_NOT_FOUND, NULL);
}

static void serve(struct visit *v)
{
    const struct span method = v->request->method;

    if (form_parse(v->request->query, &v->query) != ERR_OK) {
        page__fail(v, ERR_INVALID, NULL);
        return;
    }
    choose_language(v);
    find_session(v);
    if (span_equal(method, SPAN_LIT("POST"))) {
        serve_post(v);
    } else if (span_equal(method, SPAN_LIT("GET")) || span_equal(method, SPAN_LIT("HEAD"))) {
        serve_get(v);
    } else {
        http_answer_field(v->answer, "allow", "GET, HEAD, POST");
        page__fail(v, ERR_METHOD, NULL);
    }
}

void ui_serve(struct ui *ui, const struct http_request *request, struct http_answer *answer)
{
    static const size_t assets_len = sizeof(ASSETS_PREFIX) - 1;
    struct visit *v;

    guard__protect(answer);
    if (request->path.len > assets_len &&
        memcmp(request->path.at, ASSETS_PREFIX, assets_len) == 0) {
        assets_serve(ui->assets, request, answer);
        return;
    }
    v = mem_alloc(sizeof(*v));
    v->ui = ui;
    v->request = request;
    v->answer = answer;
    v->model = json_new_map();
    serve(v);
    json_free(&v->model);
    form_done(&v->query);
    form_done(&v->form);
    secret_wipe(v, sizeof(*v));
    free(v);
}
