/* SPDX-License-Identifier: Apache-2.0 */
/* Who is signed in. A session is 256 random bits in a cookie; what is kept is their hash, in memory only, so that
 * all sessions end with the server. A session says which access token it is of, never what its holder may do: that
 * is looked up for each request, so that a token that is revoked or over ends its sessions, and another second
 * factor those that the one before began. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "ui/words.h"

enum session_limits {
    SESSIONS_MAX = 256,
    SESSIONS_OF_TOKEN_MAX = 8, /* one more ends the one that has been idle for longest */
    SESSION_IDLE_S = 15 * 60,
    SESSION_WARN_S = 2 * 60, /* before the end a page warns */
    SESSION_LIFE_S = 8 * 3600,
    SESSION_ID_BYTES = 32,
    SESSION_ID_TEXT = 2 * SESSION_ID_BYTES + 1,
    SESSION_FLASH_MAX = 64
};

struct sessions;

struct sessions *sessions_new(void);
void sessions_free(struct sessions **sessions);

/* As a request finds it. */
struct session {
    uint64_t token;  /* number of the access token */
    uint64_t factor; /* of the second factor that was used to sign in */
    enum words_lang lang;
    char id[SESSION_ID_TEXT]; /* what the cookie holds; the caller wipes it */
    char form_key
        [SESSION_ID_TEXT]; /* what its forms hold: follows from the id, tells nothing of it */
    char flash[SESSION_FLASH_MAX]; /* key of words to be shown once; "" */
    int64_t ends_s;                /* after so many seconds at the latest */
};

/* All times are by a clock that nobody sets, sleep included (clock_boot_ms()). Any thread. */

/* A new one. *ret is as session_find() would give it. */
void session_begin(struct sessions *sessions, uint64_t token, uint64_t factor, enum words_lang lang,
                   int64_t now_ms, struct session *ret);
/* UNAUTHORIZED: there is none, it was idle for too long, or its time is over: all alike. Found is used: it is idle
 * no more. */
enum err session_find(struct sessions *sessions, struct span id, int64_t now_ms,
                      struct session *ret) MUST_CHECK;
/* Another id for the same one, since its holder has proven more than before. */
void session_renew(struct sessions *sessions, struct session *session);
void session_set_lang(struct sessions *sessions, const struct session *session,
                      enum words_lang lang);
/* Words for the next page, once. flash: a literal, or "". */
void session_set_flash(struct sessions *sessions, const struct session *session, const char *flash);
void session_end(struct sessions *sessions, const struct session *session);
/* All of this token. */
void session_end_all(struct sessions *sessions, uint64_t token);
/* Does a form hold what this session's forms hold? In constant time. */
bool session_owns_form(const struct session *session, struct span form_key) MUST_CHECK;
