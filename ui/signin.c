/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in and out.
 * Runs on: the listener's pool; blocks. Holds: nothing. Invariant: whatever is wrong with a try to sign in gets the
 * same answer. Not here: whether token and code are right (admin/access.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "ui/ui_priv.h"

enum { TRIES_OF_ONE = 5, TRIES_OF_ADDRESS = 30, WHO_MAX = 128 };

/* ---- where to go afterwards ---- */

static bool is_own_path(struct span path)
{
    if (path.len < 4 || path.len > UI_PATH_MAX || memcmp(path.at, "/ui/", 4) != 0)
        return false;
    for (size_t i = 0; i < path.len; i++) {
        const char c = path.at[i];
        const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '_' || c == '.' ||
                        c == '%';

        if (!ok)
            return false;
    }
    return true;
}

static void go_on(struct visit *v, struct span path)
{
    char text[UI_PATH_MAX + 1] = "/ui/";

    if (is_own_path(path))
        (void)snprintf(text, sizeof(text), "%.*s", (int)path.len, path.at);
    visit__redirect(v, text);
}

/* ---- in ---- */

void signin__show(struct visit *v, enum err e)
{
    struct span next = form_value(&v->query, "next");

    if (next.at == NULL)
        next = form_value(&v->form, "next");
    json_set(v->model, "next", json_new_text(is_own_path(next) ? next : SPAN_LIT("/ui/")));
    if (e != ERR_OK)
        json_set_str(v->model, "refused", e == ERR_LIMIT ? "limit" : "wrong");
    if (e == ERR_LIMIT)
        http_answer_field(v->answer, "retry-after", "60");
    page__render(v, err_status(e), "sign_in", "sign_in");
}

/* The client's address, and what it tries. */
static struct span who_tries(const struct visit *v, struct span token, char text[WHO_MAX])
{
    uint8_t hash[SECRET_HASH_BYTES];
    int len;

    secret_hash(token.at, token.len, hash);
    len = snprintf(text, WHO_MAX, "%.*s %02x%02x%02x%02x%02x%02x%02x%02x",
                   (int)v->request->peer.len, v->request->peer.at, hash[0], hash[1], hash[2],
                   hash[3], hash[4], hash[5], hash[6], hash[7]);
    return span_of(text, (size_t)len);
}

/* Codes and tokens are copied with blanks around them, codes also with one in the middle. */
static struct span without_blanks(struct span text, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len && n < size; i++)
        if (text.at[i] != ' ')
            out[n++] = text.at[i];
    return span_of(out, n);
}

static enum err check(struct visit *v, int64_t now_ms)
{
    struct throttle *throttle = v->ui->throttle;
    char who[WHO_MAX], token_text[SESSION_ID_TEXT + 16], code_text[16];
    const struct span token =
        without_blanks(form_value(&v->form, "token"), token_text, sizeof(token_text));
    const struct span code =
        without_blanks(form_value(&v->form, "code"), code_text, sizeof(code_text));
    const struct span one = who_tries(v, token, who);
    enum err e;

    if (throttle_is_tired(throttle, one, TRIES_OF_ONE, now_ms) ||
        throttle_is_tired(throttle, v->request->peer, TRIES_OF_ADDRESS, now_ms))
        return ERR_LIMIT;
    e = api_sign_in(v->ui->api, v->request, token, code, &v->who);
    secret_wipe(token_text, sizeof(token_text));
    secret_wipe(code_text, sizeof(code_text));
    if (e != ERR_UNAUTHORIZED)
        return e;
    throttle_count(throttle, one, now_ms);
    throttle_count(throttle, v->request->peer, now_ms);
    return e;
}

void signin__take(struct visit *v)
{
    const int64_t now_ms = clock_boot_ms();
    enum err e = check(v, now_ms);

    if (e == ERR_UNAUTHORIZED || e == ERR_LIMIT) {
        log_event(EV_SIGN_IN_REFUSED, F_TEXT("client", v->request->peer));
        signin__show(v, e);
        return;
    }
    if (e != ERR_OK) {
        page__fail(v, e, NULL);
        return;
    }
    session_begin(v->ui->sessions, v->who.number, v->who.factor, v->lang, now_ms, &v->session);
    log_event(EV_SIGNED_IN, F_TEXT("who", span_str(v->who.name)),
              F_TEXT("client", v->request->peer));
    guard__set_cookie(v->answer, v->session.id);
    go_on(v, form_value(&v->form, "next"));
}

/* ---- while signed in ---- */

static void sign_out(struct visit *v)
{
    session_end(v->ui->sessions, &v->session);
    guard__drop_cookie(v->answer);
    visit__redirect(v, "/ui/sign-in");
}

static void sign_out_everywhere(struct visit *v)
{
    session_end_all(v->ui->sessions, v->who.number);
    guard__drop_cookie(v->answer);
    visit__redirect(v, "/ui/sign-in");
}

static void set_language(struct visit *v)
{
    enum words_lang lang;

    if (words_lang_find(form_value(&v->form, "lang"), &lang))
        session_set_lang(v->ui->sessions, &v->session, lang);
    go_on(v, form_value(&v->form, "here"));
}

/* That it was asked is enough: the session was used. */
static void extend(struct visit *v)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "{\"ends_s\":%" PRId64 "}\n", v->session.ends_s);
    v->answer->status = buf_append_str(&v->answer->body, text) == ERR_OK ? 200 : 503;
    v->answer->content_type = "application/json";
}

bool signin__serve_session(struct visit *v)
{
    static const struct {
        const char *path;
        void (*serve)(struct visit *v);
    } paths[] = {{"/ui/sign-out", sign_out},
                 {"/ui/sign-out-everywhere", sign_out_everywhere},
                 {"/ui/language", set_language},
                 {"/ui/extend", extend}};

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        if (span_equal(v->request->path, span_str(paths[i].path))) {
            paths[i].serve(v);
            return true;
        }
    }
    return false;
}
