/* SPDX-License-Identifier: Apache-2.0 */
/* lethe explain: what would happen to a request.
 * Runs on: the main thread. Holds: a throwaway store, gone at the end. Invariant: neither the real store
 * nor an upstream is touched. Not here: how it is found out (proxy/explain.c). */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "cli/leaks.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "proxy/explain.h"
#include "vault/vault.h"

enum { TEXT_MAX = 64 << 20, PATH_LEN = 512 };

/* ---- a throwaway store ---- */

struct throwaway {
    char dir[PATH_LEN];
    struct root_keys roots;
    struct vault *vault;
};

static void remove_folder(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    char path[2 * PATH_LEN];

    while (d != NULL && (entry = readdir(d)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        (void)unlink(path);
    }
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(dir);
}

static void throwaway_done(struct throwaway *t)
{
    char store[PATH_LEN + 16];

    vault_close(&t->vault);
    root_keys_done(&t->roots);
    if (t->dir[0] == '\0')
        return;
    (void)snprintf(store, sizeof(store), "%s/store", t->dir);
    remove_folder(store);
    remove_folder(t->dir);
}

static enum err make_throwaway(const struct settings *s, struct throwaway *t, struct errmsg *msg)
{
    const char *tmp = getenv("TMPDIR");
    char store[PATH_LEN + 16];
    struct vault_options options = {
        .dir = store, .roots = &t->roots, .classes = &s->classes, .domains = &s->domains};
    enum err e;

    (void)snprintf(t->dir, sizeof(t->dir), "%s/lethe-explain.XXXXXX",
                   tmp == NULL || tmp[0] == '\0' ? "/tmp" : tmp);
    if (mkdtemp(t->dir) == NULL) {
        t->dir[0] = '\0';
        return errmsg_set(msg, ERR_IO, "no temporary folder: %s", strerror(errno));
    }
    t->roots = (struct root_keys){{{1, secret_alloc(ROOT_KEY_BYTES)}}, 1};
    secret_random(t->roots.at[0].bytes, ROOT_KEY_BYTES);
    (void)snprintf(store, sizeof(store), "%s/store", t->dir);
    e = vault_create(store, root_keys_newest(&t->roots), msg);
    return e == ERR_OK ? vault_open(&options, &t->vault, msg) : e;
}

/* ---- printing ---- */

static void line(struct buf *out, const char *head, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void line(struct buf *out, const char *head, const char *format, ...)
{
    char text[2048];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)!buf_append_str(out, head);
    (void)!buf_append(out, text, len < 0 ? 0 : strlen(text));
    (void)!buf_append_byte(out, '\n');
}

static void print_subject(struct buf *out, const struct json *subject)
{
    const struct json *found = json_get(subject, "found");
    const char *name = json_str_of(json_get(subject, "name"));

    if (subject == NULL)
        return;
    line(out, "subject    ", "%s%s%s%s", json_str_or(subject, "from", "-"), name == NULL ? "" : " ",
         name == NULL ? "" : name,
         found == NULL                ? ""
         : json_bool_of(found, false) ? ": found"
                                      : ": not there");
}

static void print_fields(struct buf *out, const char *head, const struct json *fields)
{
    for (size_t i = 0; i < json_count(fields); i++) {
        const struct json *field = json_at(fields, i);

        line(out, head, "%s %s, class %s: %s", json_str_or(field, "place", "-"),
             json_str_or(field, "name", "-"), json_str_or(field, "class", "-"),
             json_str_or(field, "fate", "-"));
    }
}

static void print_text(struct buf *out, const struct json *e)
{
    const struct json *fields = json_get(e, "fields"), *answer = json_get(e, "answer_fields");
    const struct json *problem = json_get(e, "problem");

    line(out, "route      ", "%s -> upstream %s, domain %s", json_str_or(e, "route", "-"),
         json_str_or(e, "upstream", "-"), json_str_or(e, "domain", "-"));
    print_subject(out, json_get(e, "subject"));
    line(out, "caller     ", "%s, purpose %s", json_str_or(e, "caller", "-"),
         json_str_or(e, "purpose", "-"));
    print_fields(out, "request    ", fields);
    print_fields(out, "answer     ", answer);
    if (json_bool_of(json_get(e, "websocket"), false))
        line(out, "websocket  ", "what goes over it passes unread");
    if (json_bool_of(json_get(e, "refused"), true)) {
        line(out, "refused    ", "%lld %s", (long long)json_int_of(json_get(e, "status"), 0),
             json_str_or(problem, "detail", "-"));
        return;
    }
    line(out, "forwarded  ", "(tokens are a throwaway store's)");
    (void)!buf_append_str(out, json_str_or(e, "forwarded", "-"));
    (void)!buf_append_byte(out, '\n');
}

/* ---- the command ---- */

/* Standard input, unless that is a terminal. */
static enum err read_body(struct buf *out, struct errmsg *msg)
{
    char bytes[16384];
    ssize_t n;

    if (isatty(STDIN_FILENO))
        return ERR_OK;
    while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0)
        if (buf_append(out, bytes, (size_t)n) != ERR_OK)
            return errmsg_set(msg, ERR_TOO_LARGE, "the body is too large");
    secret_wipe(bytes, sizeof(bytes));
    return n < 0 ? errmsg_set(msg, ERR_IO, "standard input: %s", strerror(errno)) : ERR_OK;
}

static enum err explain(const struct options *o, struct settings *s, struct json **ret,
                        struct errmsg *msg)
{
    AUTO(buf_done) struct buf body = {.max = LIMIT_REQUEST_BODY_MAX + 1, .secret = true};
    AUTO(throwaway_done) struct throwaway t = {.dir = ""};
    struct explain_request request = {.method = o->arguments[0],
                                      .target = o->arguments[1],
                                      .headers = o->headers.at,
                                      .header_count = o->headers.count,
                                      .caller = o->caller,
                                      .purpose = o->purpose};
    enum err e = read_body(&body, msg);

    if (e == ERR_OK)
        e = make_throwaway(s, &t, msg);
    if (e != ERR_OK)
        return e;
    if (body.len > 0)
        request.body = buf_span(&body);
    return proxy_explain(s->proxy, t.vault, &request, ret, msg);
}

enum cli_exit cmd_explain(const struct options *o)
{
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    AUTO(json_free) struct json *result = NULL;
    AUTO(buf_done) struct buf text = {.max = TEXT_MAX, .secret = true};
    struct errmsg msg = {""};
    enum err e;

    for (size_t i = 0; i < o->headers.count; i++)
        if (leaks_in_header(o->headers.at[i]))
            return cli_usage("no key or token is taken from an argument, where others can "
                             "see it: name the caller with --caller");
    e = settings_start(o->config, SETTINGS_ALL, &settings, &msg);
    if (e == ERR_OK)
        e = explain(o, &settings, &result, &msg);
    if (e == ERR_INVALID)
        return cli_usage(msg.text);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    print_text(&text, result);
    e = o->json ? output_json(result) : output_write(buf_span(&text));
    if (e != ERR_OK || json_bool_of(json_get(result, "refused"), true))
        return CLI_FAILED;
    return CLI_OK;
}
