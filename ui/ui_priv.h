/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the pages share. To add a page: docs/UI.md. */
#pragma once

#include "admin/api.h"
#include "base/http_server.h"
#include "base/json.h"
#include "ui/assets.h"
#include "ui/form.h"
#include "ui/session.h"
#include "ui/template.h"
#include "ui/throttle.h"
#include "ui/ui.h"
#include "ui/words.h"

#define UI_COOKIE "__Host-lethe"

enum ui_limits { UI_PARAMETERS_MAX = 2, UI_PATH_MAX = 512, UI_QUERY_MAX = 1024 };

struct ui {
    const struct api *api;
    struct words *words;
    struct template_set *templates;
    struct assets *assets;
    struct sessions *sessions;
    struct throttle *throttle;
};

/* One request and what is known of it. */
struct visit {
    struct ui *ui;
    const struct http_request *request;
    struct http_answer *answer;
    struct form query;
    struct form form; /* of POST */
    bool signed_in;   /* these two mean something */
    struct session session;
    struct access_who who;
    enum words_lang lang;
    struct span parameters[UI_PARAMETERS_MAX]; /* of the path, as they came: percent-encoded */
    struct json *model;                        /* what the template is filled from */
};

/* ---- pages (ui/pages.c) ---- */

/* Put what a page shows into v->model. Errors become an error's page; msg says more. */
typedef enum err (*page_model_fn)(struct visit *v, struct errmsg *msg);

struct page {
    const char *path;  /* {x} is a parameter */
    const char *name;  /* of its template; its title is the words page.NAME */
    const char *of;    /* the page of the navigation that it belongs to */
    const char *route; /* of the API: whoever may read that may see the page */
    page_model_fn model;
};

/* NULL: there is none at this path. */
const struct page *page__find(struct visit *v, struct span path);
bool page__may(const struct visit *v, const struct page *page);
/* The first of the navigation that whoever is signed in may see; NULL: there is none. */
const struct page *page__first(const struct visit *v);
/* Put what all pages have into the model. page: NULL, or whose place in the navigation is marked. */
void page__start(struct visit *v, const struct page *page);
/* Answer with a page, or with what went wrong. */
void page__serve(struct visit *v, const struct page *page);
/* The same below an error that a form's action ended with; v->form is what was sent. */
void page__serve_again(struct visit *v, const struct page *page, enum err e, const char *detail);
/* Answer with an error's page. detail: English, or NULL. */
void page__fail(struct visit *v, enum err e, const char *detail);
/* Fill a template that is no page of the table: v->model has all it needs. title: words page.TITLE. */
void page__render(struct visit *v, int status, const char *template_name, const char *title);

/* ---- asking the API (ui/visit.c) ---- */

/* GET; path and query as they go over the wire (query NULL: none). ret_tree: json_free(). Errors as the API gave
 * them, msg what it said. */
enum err visit__get(struct visit *v, const char *path, const char *query, struct json **ret_tree,
                    struct errmsg *msg) MUST_CHECK;
/* POST; members: of the body; code: at is NULL: none. */
enum err visit__post(struct visit *v, const char *path, const struct json *members,
                     struct span code, struct json **ret_tree, struct errmsg *msg) MUST_CHECK;
/* GET a file of this type into the answer. */
enum err visit__file(struct visit *v, const char *path, const char *query, const char *accept,
                     struct errmsg *msg) MUST_CHECK;
/* POST; the answer, a file of any size, goes straight to whoever asked. */
enum err visit__download(struct visit *v, const char *path, const struct json *members,
                         struct errmsg *msg) MUST_CHECK;
/* GET into a member of the model. What whoever is signed in may not read leaves it out, and is no error. */
enum err visit__show(struct visit *v, const char *member, const char *path, const char *query,
                     struct errmsg *msg) MUST_CHECK;
/* May whoever is signed in do this? Into the model, as "can_NAME": a map with NAME as
 * "form", and "code" and "approval" as it needs. */
void visit__set_may(struct visit *v, const char *name, const char *method, const char *path);
/* Of what a page speaks: as_of, zone, configuration, ledger, and a digest of the rows. report: what has them, as the API
 * gave it. */
void visit__set_origin(struct visit *v, const struct json *report);
/* The digest of a further report of the page. */
void visit__add_digest(struct visit *v, const struct json *report);
/* A parameter of the query that is one of these words (NULL ends them); else the first. */
const char *visit__choice(const struct visit *v, const char *name, const char *const *words);
/* The same words into the model, as a list of {"value", "selected"}. */
void visit__set_choices(struct visit *v, const char *member, const char *const *words,
                        const char *chosen);
/* "from" and "to" of the query, if they are days: as a query of the API, and into the model as "period". */
void visit__set_period(struct visit *v, char query[UI_QUERY_MAX]);
/* `first`, then name=value unless name is NULL, then "after" of our own query: the page of a list that is asked for. */
void visit__query(const struct visit *v, char query[UI_QUERY_MAX], const char *first,
                  const char *name, const char *value);
/* "after" of our own query as a number; 0: there is none. */
size_t visit__after(const struct visit *v);

/* The dates of a request along a line, as "strip"; nothing where it has none (ui/strip.c). */
void visit__set_strip(struct visit *v, const struct json *request);

/* What each bar of a figure's list is called, as "label": "14–20" days, "< 0", "31+". */
void visit__label_bars(const struct json *bars);

/* ---- guarding (ui/guard.c) ---- */

/* The fields that every answer has. */
void guard__protect(struct http_answer *answer);
/* Does a POST come from one of our own pages, as far as the browser says? DENIED; UNSUPPORTED: no form. */
enum err guard__check_post(const struct http_request *request) MUST_CHECK;
void guard__set_cookie(struct http_answer *answer, const char *id);
void guard__drop_cookie(struct http_answer *answer);

/* ---- signing in and out (ui/signin.c), and what forms do (ui/actions.c) ---- */

void signin__show(struct visit *v, enum err e);
void signin__take(struct visit *v);
/* True: the path was one of a session's own, and is answered. v->form is of one of its pages. */
bool signin__serve_session(struct visit *v);
/* Reports as files (ui/download.c), at /ui/reports/NAME.csv, .json, .xlsx, .html, .txt. False: the path is none of them. */
bool download__serve(struct visit *v);
/* False: there is no such action. */
bool action__serve(struct visit *v);
/* 303: look there next. */
void visit__redirect(struct visit *v, const char *path);
