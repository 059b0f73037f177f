/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions.
 * Runs on: any thread. Holds: all sessions, one lock. Invariant: no id is kept, only its hash; a place is free when
 * its token is 0. Not here: cookies and forms (ui/guard.c), who may do what (admin/access.c). */
#include "ui/session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"

struct place {
    uint64_t token; /* 0: free */
    uint64_t factor;
    uint8_t hash[SECRET_HASH_BYTES];
    enum words_lang lang;
    int64_t begun_ms;
    int64_t used_ms;
    const char *flash;
};

struct sessions {
    pthread_mutex_t lock;
    struct place places[SESSIONS_MAX];
};

struct sessions *sessions_new(void)
{
    struct sessions *s = mem_alloc(sizeof(*s));

    REQUIRE(pthread_mutex_init(&s->lock, NULL) == 0);
    return s;
}

void sessions_free(struct sessions **sessionsp)
{
    struct sessions *s = TAKE(*sessionsp);

    if (s == NULL)
        return;
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static void write_hex(const uint8_t *bytes, char ret[SESSION_ID_TEXT])
{
    for (size_t i = 0; i < SESSION_ID_BYTES; i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

static void hash_of(const char *id, uint8_t hash[SECRET_HASH_BYTES])
{
    secret_hash(id, SESSION_ID_TEXT - 1, hash);
}

/* Another hash of it: whoever sees a form learns nothing of the cookie, nor of what is kept. */
static void form_key_of(const char *id, char ret[SESSION_ID_TEXT])
{
    char text[SESSION_ID_TEXT + 8];
    uint8_t hash[SECRET_HASH_BYTES];

    _Static_assert((int)SECRET_HASH_BYTES == (int)SESSION_ID_BYTES, "one is written as the other");
    (void)snprintf(text, sizeof(text), "form:%s", id);
    secret_hash(text, strlen(text), hash);
    write_hex(hash, ret);
    secret_wipe(text, sizeof(text));
}

static void new_id(struct place *place, char ret[SESSION_ID_TEXT])
{
    uint8_t bytes[SESSION_ID_BYTES];

    secret_random(bytes, sizeof(bytes));
    write_hex(bytes, ret);
    hash_of(ret, place->hash);
    secret_wipe(bytes, sizeof(bytes));
}

/* ---- places ---- */

static bool is_over(const struct place *place, int64_t now_ms)
{
    return now_ms - place->used_ms >= SESSION_IDLE_S * INT64_C(1000) ||
           now_ms - place->begun_ms >= SESSION_LIFE_S * INT64_C(1000);
}

static void clear(struct place *place)
{
    secret_wipe(place, sizeof(*place));
}

/* For one more of this token: a free one, or that which has been idle for longest of the token's, when it has as many
 * as it may, else of all. */
static struct place *place_for(struct sessions *s, uint64_t token, int64_t now_ms)
{
    struct place *free_one = NULL, *oldest = NULL, *oldest_own = NULL;
    size_t own = 0;

    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct place *place = &s->places[i];

        if (place->token != 0 && is_over(place, now_ms))
            clear(place);
        if (place->token == 0) {
            free_one = place;
            continue;
        }
        if (oldest == NULL || place->used_ms < oldest->used_ms)
            oldest = place;
        if (place->token != token)
            continue;
        own++;
        if (oldest_own == NULL || place->used_ms < oldest_own->used_ms)
            oldest_own = place;
    }
    if (own >= SESSIONS_OF_TOKEN_MAX)
        return oldest_own;
    return free_one != NULL ? free_one : oldest;
}

/* All are looked at, whichever it is. Under the lock. */
static struct place *find(struct sessions *s, const char *id)
{
    uint8_t hash[SECRET_HASH_BYTES];
    struct place *found = NULL;

    hash_of(id, hash);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const bool same = secret_equal(s->places[i].hash, hash, sizeof(hash));

        if (same && s->places[i].token != 0)
            found = &s->places[i];
    }
    return found;
}

static int64_t ends_s(const struct place *place, int64_t now_ms)
{
    const int64_t left_s =
        (place->begun_ms + SESSION_LIFE_S * INT64_C(1000) - now_ms) / INT64_C(1000);

    return left_s < SESSION_IDLE_S ? left_s : SESSION_IDLE_S;
}

static void fill(struct session *ret, const struct place *place, const char *id, int64_t now_ms)
{
    *ret = (struct session){.token = place->token,
                            .factor = place->factor,
                            .lang = place->lang,
                            .ends_s = ends_s(place, now_ms)};
    memcpy(ret->id, id, SESSION_ID_TEXT - 1);
    form_key_of(ret->id, ret->form_key);
}

/* ---- what others call ---- */

void session_begin(struct sessions *s, uint64_t token, uint64_t factor, enum words_lang lang,
                   int64_t now_ms, struct session *ret)
{
    char id[SESSION_ID_TEXT];
    struct place *place;

    REQUIRE(token != 0);
    (void)pthread_mutex_lock(&s->lock);
    place = place_for(s, token, now_ms);
    clear(place);
    *place = (struct place){.token = token,
                            .factor = factor,
                            .lang = lang,
                            .begun_ms = now_ms,
                            .used_ms = now_ms,
                            .flash = ""};
    new_id(place, id);
    fill(ret, place, id, now_ms);
    (void)pthread_mutex_unlock(&s->lock);
    secret_wipe(id, sizeof(id));
}

enum err session_find(struct sessions *s, struct span id, int64_t now_ms, struct session *ret)
{
    struct place *place;
    char text[SESSION_ID_TEXT];

    if (id.len != SESSION_ID_TEXT - 1)
        return ERR_UNAUTHORIZED;
    (void)snprintf(text, sizeof(text), "%.*s", (int)id.len, id.at);
    (void)pthread_mutex_lock(&s->lock);
    place = find(s, text);
    if (place != NULL && is_over(place, now_ms)) {
        clear(place);
        place = NULL;
    }
    if (place != NULL) {
        place->used_ms = now_ms;
        fill(ret, place, text, now_ms);
        (void)snprintf(ret->flash, sizeof(ret->flash), "%s", place->flash);
    }
    (void)pthread_mutex_unlock(&s->lock);
    secret_wipe(text, sizeof(text));
    return place == NULL ? ERR_UNAUTHORIZED : ERR_OK;
}

void session_renew(struct sessions *s, struct session *session)
{
    struct place *place;

    (void)pthread_mutex_lock(&s->lock);
    place = find(s, session->id);
    if (place != NULL) {
        new_id(place, session->id);
        form_key_of(session->id, session->form_key);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

void session_set_lang(struct sessions *s, const struct session *session, enum words_lang lang)
{
    struct place *place;

    (void)pthread_mutex_lock(&s->lock);
    place = find(s, session->id);
    if (place != NULL)
        place->lang = lang;
    (void)pthread_mutex_unlock(&s->lock);
}

void session_set_flash(struct sessions *s, const struct session *session, const char *flash)
{
    struct place *place;

    (void)pthread_mutex_lock(&s->lock);
    place = find(s, session->id);
    if (place != NULL)
        place->flash = flash;
    (void)pthread_mutex_unlock(&s->lock);
}

void session_end(struct sessions *s, const struct session *session)
{
    struct place *place;

    (void)pthread_mutex_lock(&s->lock);
    place = find(s, session->id);
    if (place != NULL)
        clear(place);
    (void)pthread_mutex_unlock(&s->lock);
}

void session_end_all(struct sessions *s, uint64_t token)
{
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (s->places[i].token == token)
            clear(&s->places[i]);
    (void)pthread_mutex_unlock(&s->lock);
}

bool session_owns_form(const struct session *session, struct span form_key)
{
    return form_key.len == SESSION_ID_TEXT - 1 &&
           secret_equal(session->form_key, form_key.at, SESSION_ID_TEXT - 1);
}
