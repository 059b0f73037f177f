/* SPDX-License-Identifier: Apache-2.0 */
/* One-time links.
 * Runs on: the listener's pool; blocks. Holds: how many links that are none each client has asked for in this
 * minute. Invariant: nothing but POST changes anything; every answer forbids to keep it, to run scripts in it,
 * and to tell others where it came from. Not here: which links there are (retention/exports.c). */
#include "admin/links.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"

/* A token cannot be guessed; whoever tries all the same shall not keep the store busy. */
enum { MISSES_MAX = 20, CLIENTS = 256, WINDOW_MS = 60000 };

/* Clients that share a place share its count. */
struct client {
    int64_t until_ms; /* by the monotonic clock */
    unsigned misses;
};

struct links {
    struct exports *exports;
    uint8_t key[SECRET_TAG_KEY_BYTES]; /* which client has which place is nobody's business */
    pthread_mutex_t lock;              /* over what follows */
    struct client clients[CLIENTS];
};

struct links *links_new(struct exports *exports)
{
    struct links *l = mem_alloc(sizeof(*l));

    l->exports = exports;
    secret_random(l->key, sizeof(l->key));
    REQUIRE(pthread_mutex_init(&l->lock, NULL) == 0);
    return l;
}

void links_free(struct links **linksp)
{
    struct links *l = TAKE(*linksp);

    if (l == NULL)
        return;
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

bool links_has(struct span path)
{
    static const struct span head = SPAN_LIT(LINKS_PREFIX);

    return path.len > head.len && memcmp(path.at, head.at, head.len) == 0;
}

/* ---- who tries too often ---- */

static struct client *client_of(struct links *l, struct span peer)
{
    uint8_t tag[SECRET_TAG_BYTES];

    secret_tag(l->key, peer.at, peer.len, tag);
    return &l->clients[tag[0]];
}

static bool is_tired_of(struct links *l, struct span peer)
{
    const struct client *client = client_of(l, peer);
    bool tired;

    (void)pthread_mutex_lock(&l->lock);
    tired = client->misses >= MISSES_MAX && clock_mono_ms() < client->until_ms;
    (void)pthread_mutex_unlock(&l->lock);
    return tired;
}

static void count_miss(struct links *l, struct span peer)
{
    struct client *client = client_of(l, peer);
    const int64_t now_ms = clock_mono_ms();

    (void)pthread_mutex_lock(&l->lock);
    if (now_ms >= client->until_ms)
        *client = (struct client){.until_ms = now_ms + WINDOW_MS};
    client->misses++;
    (void)pthread_mutex_unlock(&l->lock);
}

/* ---- pages ---- */

static const struct text {
    const char *title, *about, *button, *gone, *missing, *busy;
} texts[LETTER_LANG_COUNT] = {
    [LETTER_EN] =
        {"Your data",
         "This link gives you a copy of the data that is kept of you. It works once: save or "
         "print what it shows.",
         "Show my data",
         "This link was used already, is too old, or there is no data of you any more.",
         "There is no such link.", "Please try again later."},
    [LETTER_DE] =
        {"Ihre Daten",
         "Mit diesem Link erhalten Sie eine Kopie der Daten, die zu Ihnen gespeichert sind. Er "
         "funktioniert einmal: Bitte speichern oder drucken Sie, was er zeigt.",
         "Meine Daten zeigen",
         "Dieser Link wurde bereits verwendet, ist zu alt, oder es sind keine Daten von Ihnen "
         "mehr vorhanden.",
         "Diesen Link gibt es nicht.", "Bitte versuchen Sie es später noch einmal."},
};

static void put(struct http_answer *answer, const char *text)
{
    if (buf_append_str(&answer->body, text) != ERR_OK)
        answer->status = 500;
}

static void put_head(struct http_answer *answer, enum letter_lang lang)
{
    put(answer, "<!DOCTYPE html>\n<html lang=\"");
    put(answer, letter_lang_word(lang));
    put(answer, "\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                "content=\"width=device-width,initial-scale=1\"><title>");
    put(answer, texts[lang].title);
    put(answer, "</title></head>\n<body><main><h1>");
    put(answer, texts[lang].title);
    put(answer, "</h1>\n");
}

static void put_paragraph(struct http_answer *answer, enum letter_lang lang, const char *text)
{
    put(answer, "<p lang=\"");
    put(answer, letter_lang_word(lang));
    put(answer, "\">");
    put(answer, text);
    put(answer, "</p>\n");
}

static void show_button(struct http_answer *answer, enum letter_lang lang)
{
    answer->status = 200;
    put_head(answer, lang);
    put_paragraph(answer, lang, texts[lang].about);
    put(answer, "<form method=\"post\"><button type=\"submit\">");
    put(answer, texts[lang].button);
    put(answer, "</button></form></main></body></html>\n");
}

/* In both languages: nobody knows whose link it was. */
static void show_failure(struct http_answer *answer, enum err e)
{
    buf_reset(&answer->body);
    answer->status = err_status(e);
    put_head(answer, LETTER_EN);
    for (size_t lang = 0; lang < LETTER_LANG_COUNT; lang++)
        put_paragraph(answer, (enum letter_lang)lang,
                      e == ERR_GONE        ? texts[lang].gone
                      : e == ERR_NOT_FOUND ? texts[lang].missing
                                           : texts[lang].busy);
    put(answer, "</main></body></html>\n");
}

static void protect(struct http_answer *answer)
{
    answer->content_type = "text/html; charset=utf-8";
    http_answer_field(answer, "content-security-policy", "%s",
                      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
                      "base-uri 'none'; frame-ancestors 'none'");
    http_answer_field(answer, "referrer-policy", "no-referrer");
    http_answer_field(answer, "x-robots-tag", "noindex, nofollow");
}

/* ---- answering ---- */

static enum err serve(struct links *l, const struct http_request *request,
                      struct http_answer *answer)
{
    static const size_t head = sizeof(LINKS_PREFIX) - 1;
    const struct span token = span_of(request->path.at + head, request->path.len - head);
    enum letter_lang lang;
    enum err e;

    if (is_tired_of(l, request->peer))
        return ERR_LIMIT;
    if (span_equal(request->method, SPAN_LIT("POST"))) {
        answer->status = 200;
        return exports_take(l->exports, token, request->peer, &answer->body);
    }
    e = exports_look(l->exports, token, &lang);
    if (e == ERR_OK)
        show_button(answer, lang);
    return e;
}

void links_serve(struct links *l, const struct http_request *request, struct http_answer *answer)
{
    enum err e = ERR_METHOD;

    protect(answer);
    if (span_equal(request->method, SPAN_LIT("GET")) ||
        span_equal(request->method, SPAN_LIT("HEAD")) ||
        span_equal(request->method, SPAN_LIT("POST")))
        e = serve(l, request, answer);
    else
        http_answer_field(answer, "allow", "GET, HEAD, POST");
    if (e == ERR_NOT_FOUND)
        count_miss(l, request->peer);
    if (e == ERR_LIMIT)
        http_answer_field(answer, "retry-after", "60");
    if (e != ERR_OK)
        show_failure(answer, e);
}
