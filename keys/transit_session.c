/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of a Vault or OpenBao server: getting, renewing, giving back; and requests that carry one.
 * Runs on: one thread at a time; blocks. Holds: the token, in guarded memory. Invariant: no byte
 * that the server wrote, and none of a token, role or secret ID, is in a message.
 * Not here: what is asked of Transit (keys/transit.c). */
#include "keys/transit_session_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "keys/keyfile_priv.h"

enum { TTL_MAX_S = 1 << 30, REVOKE_MS = 2000 };

struct transit {
    struct transit_options options;
    uint8_t *token; /* NUL-terminated; NULL: none */
    bool made_here; /* by a login; not the operator's own */
    bool renewable;
    int64_t ends_ms; /* by the monotonic clock; INT64_MAX: never */
    int64_t whole_ms;
};

struct transit *transit__new(const struct transit_options *options)
{
    struct transit *t = mem_alloc(sizeof(*t));

    t->options = *options;
    return t;
}

const struct transit_options *transit__options(const struct transit *t)
{
    return &t->options;
}

static void forget_token(struct transit *t)
{
    secret_free(&t->token);
    t->renewable = false;
    t->ends_ms = 0;
    t->whole_ms = 0;
}

int64_t transit__left_ms(const struct transit *t, int64_t *ret_whole_ms)
{
    int64_t left = t->ends_ms;

    *ret_whole_ms = t->whole_ms;
    if (t->token == NULL)
        return 0;
    if (left != INT64_MAX)
        left -= clock_mono_ms();
    return left > 0 ? left : 0;
}

/* ---- one request ---- */

static enum err fail_status(const struct transit *t, const struct transit_request *r, int status,
                            struct errmsg *msg)
{
    const char *at = t->options.http.address;

    if (status >= 300 && status < 400)
        return errmsg_set(msg, ERR_UPSTREAM,
                          "%s: answers with a redirect (%d), which is not followed; name the "
                          "address of the active node",
                          at, status);
    switch (status) {
    case 400:
        return errmsg_set(msg, ERR_INVALID, "%s: refuses to %s (400): %s", at, r->what, r->why_400);
    case 403:
        return errmsg_set(
            msg, ERR_DENIED,
            "%s: permission denied (403) to %s: the token is not valid (any more), or "
            "its policy does not allow %s",
            at, r->what, r->path + strlen("/v1/"));
    case 404:
        return errmsg_set(msg, ERR_NOT_FOUND,
                          "%s: nothing at %s (404): check the names of the mount and the key", at,
                          r->path + strlen("/v1/"));
    case 429:
        return errmsg_set(msg, ERR_BUSY, "%s: too many requests (429)", at);
    case 503:
        return errmsg_set(msg, ERR_SEALED, "%s: the server is sealed or in maintenance (503)", at);
    default:
        return errmsg_set(msg, ERR_UPSTREAM, "%s: cannot %s (status %d)", at, r->what, status);
    }
}

enum err transit__fail_answer(const struct transit *t, const char *what, struct errmsg *msg)
{
    return errmsg_set(msg, ERR_UPSTREAM, "%s: the answer to a request to %s makes no sense",
                      t->options.http.address, what);
}

/* ret_answer: a map. */
static enum err ask_once(const struct transit *t, const struct transit_request *r,
                         const uint8_t *token, struct json **ret_answer, struct errmsg *msg)
{
    AUTO(buf_done) struct buf body = {.max = 0};
    AUTO(buf_done) struct buf answer = {.max = 0};
    AUTO(json_free) struct json *tree = NULL;
    struct keys_http_request request = {
        .path = r->path, .space = t->options.space, .token = token, .body = NULL};
    int status = 0;
    enum err e;

    buf_init_secret(&body, KEYS_HTTP_ANSWER_MAX);
    buf_init_secret(&answer, KEYS_HTTP_ANSWER_MAX);
    if (r->body != NULL) {
        e = json_write(r->body, &body);
        if (e != ERR_OK)
            return errmsg_set(msg, e, "a request to %s cannot be made", r->what);
        request.body = &body;
    }
    e = keys__http_ask(&t->options.http, &request, &answer, &status, msg);
    if (e != ERR_OK)
        return e;
    if (status != 200 && status != 204)
        return fail_status(t, r, status, msg);
    if (answer.len == 0)
        tree = json_new_map();
    else if (json_parse(buf_span(&answer), &tree) != ERR_OK || json_kind(tree) != JSON_MAP)
        return transit__fail_answer(t, r->what, msg);
    *ret_answer = TAKE(tree);
    return ERR_OK;
}

/* ---- files ---- */

/* What may stand in a header, and does not need to be quoted. */
static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
    }
    return text.len > 0 && text.len < KEYS_HTTP_TOKEN_MAX;
}

/* One printable word, with or without a line end. ret_word: NUL-terminated. */
static enum err read_word(const char *path, const char *what, uint8_t **ret_word,
                          struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *text = NULL;
    AUTO(secret_free) uint8_t *word = NULL;
    size_t len = 0;
    enum err e = keys_keyfile_read(path, what, KEYS_HTTP_TOKEN_MAX - 1, &text, &len, msg);

    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? ERR_SEALED : e;
    if (len > 0 && text[len - 1] == '\n')
        len--;
    word = secret_alloc(KEYS_HTTP_TOKEN_MAX);
    memcpy(word, text, len);
    if (!is_token(span_of(word, len)))
        return errmsg_set(msg, ERR_SEALED,
                          "%s: %s must be one line of printable characters without blanks", path,
                          what);
    *ret_word = TAKE(word);
    return ERR_OK;
}

/* ---- tokens ---- */

static void set_ttl(struct transit *t, int64_t ttl_s)
{
    t->whole_ms = ttl_s * 1000;
    t->ends_ms = clock_mono_ms() + t->whole_ms;
}

/* Member "auth" of an answer: the token (unless it is to stay as it is) and what it is good for. */
static enum err take_auth(struct transit *t, const struct json *answer, bool with_token,
                          const char *what, struct errmsg *msg)
{
    const struct json *auth = json_get(answer, "auth");
    struct span token = json_text_of(json_get(auth, "client_token"));
    int64_t ttl_s = json_int_of(json_get(auth, "lease_duration"), -1);

    if (ttl_s <= 0 || ttl_s > TTL_MAX_S || (with_token && !is_token(token)))
        return transit__fail_answer(t, what, msg);
    if (with_token) {
        forget_token(t);
        t->token = secret_alloc(KEYS_HTTP_TOKEN_MAX);
        memcpy(t->token, token.at, token.len);
        t->made_here = true;
    }
    t->renewable = json_bool_of(json_get(auth, "renewable"), false);
    set_ttl(t, ttl_s);
    return ERR_OK;
}

static enum err login_approle(struct transit *t, struct errmsg *msg)
{
    struct transit_request r = {.what = "log in",
                                .why_400 = "the role ID or the secret ID is not accepted"};
    AUTO(secret_free) uint8_t *role = NULL;
    AUTO(secret_free) uint8_t *secret = NULL;
    AUTO(json_free) struct json *body = json_new_map();
    AUTO(json_free) struct json *answer = NULL;
    enum err e = read_word(t->options.role_id_file, "the role ID", &role, msg);

    if (e == ERR_OK)
        e = read_word(t->options.secret_id_file, "the secret ID", &secret, msg);
    if (e != ERR_OK)
        return e;
    (void)snprintf(r.path, sizeof(r.path), "/v1/auth/%s/login", t->options.auth_mount);
    json_set_str(body, "role_id", (const char *)role);
    json_set_str(body, "secret_id", (const char *)secret);
    r.body = body;
    e = ask_once(t, &r, NULL, &answer, msg);
    return e == ERR_OK ? take_auth(t, answer, true, r.what, msg) : e;
}

static enum err login_token(struct transit *t, struct errmsg *msg)
{
    struct transit_request r = {.path = "/v1/auth/token/lookup-self",
                                .what = "look up the token",
                                .why_400 = "it says nothing about why"};
    AUTO(secret_free) uint8_t *token = NULL;
    AUTO(json_free) struct json *answer = NULL;
    const struct json *data;
    int64_t ttl_s;
    enum err e = read_word(t->options.token_file, "the token", &token, msg);

    if (e == ERR_OK)
        e = ask_once(t, &r, token, &answer, msg);
    if (e != ERR_OK)
        return e;
    data = json_get(answer, "data");
    ttl_s = json_int_of(json_get(data, "ttl"), -1);
    if (ttl_s < 0 || ttl_s > TTL_MAX_S)
        return transit__fail_answer(t, r.what, msg);
    forget_token(t);
    t->token = TAKE(token);
    t->made_here = false;
    t->renewable = json_bool_of(json_get(data, "renewable"), false);
    set_ttl(t, ttl_s);
    /* 0 is less than a second, too */
    if (ttl_s == 0 && json_kind(json_get(data, "expire_time")) == JSON_NIL)
        t->ends_ms = t->whole_ms = INT64_MAX;
    return ERR_OK;
}

enum err transit__login(struct transit *t, struct errmsg *msg)
{
    return t->options.token_file != NULL ? login_token(t, msg) : login_approle(t, msg);
}

enum err transit__renew(struct transit *t, struct errmsg *msg)
{
    struct transit_request r = {.path = "/v1/auth/token/renew-self",
                                .what = "renew the token",
                                .why_400 = "it cannot be renewed (any more)"};
    AUTO(json_free) struct json *body = json_new_map();
    AUTO(json_free) struct json *answer = NULL;
    int64_t whole_ms, before_ms = transit__left_ms(t, &whole_ms);
    enum err e;

    if (before_ms == 0 || !t->renewable)
        return transit__login(t, msg);
    r.body = body;
    e = ask_once(t, &r, t->token, &answer, msg);
    if (e == ERR_OK)
        e = take_auth(t, answer, false, r.what, msg);
    else if (e != ERR_DENIED && e != ERR_INVALID)
        return e; /* not reached, or not in a state to say: a login would fare no better */
    /* near its maximum a token is "renewed" for no more than it had left */
    if (e == ERR_OK && transit__left_ms(t, &whole_ms) > before_ms)
        return ERR_OK;
    return transit__login(t, msg);
}

static void revoke(struct transit *t)
{
    struct transit_request r = {.path = "/v1/auth/token/revoke-self",
                                .what = "give the token back",
                                .why_400 = "it says nothing about why"};
    AUTO(json_free) struct json *body = json_new_map();
    AUTO(json_free) struct json *answer = NULL;
    int64_t whole_ms;

    if (!t->made_here || transit__left_ms(t, &whole_ms) == 0)
        return;
    /* It ends by itself as well: nobody waits long for this. */
    if (t->options.http.total_ms > REVOKE_MS)
        t->options.http.total_ms = REVOKE_MS;
    r.body = body;
    (void)!ask_once(t, &r, t->token, &answer, NULL);
}

void transit__free(struct transit **transit)
{
    struct transit *t = TAKE(*transit);

    if (t == NULL)
        return;
    revoke(t);
    forget_token(t);
    free(t);
}

/* ---- with the token ---- */

enum err transit__ask(struct transit *t, const struct transit_request *request,
                      struct json **ret_answer, struct errmsg *msg)
{
    AUTO(json_free) struct json *answer = NULL;
    int64_t whole_ms;
    bool is_fresh = transit__left_ms(t, &whole_ms) == 0;
    enum err e = is_fresh ? transit__login(t, msg) : ERR_OK;

    if (e == ERR_OK)
        e = ask_once(t, request, t->token, &answer, msg);
    if (e == ERR_DENIED && !is_fresh) {
        forget_token(t); /* revoked, it may be: a new one decides */
        e = transit__login(t, msg);
        if (e == ERR_OK)
            e = ask_once(t, request, t->token, &answer, msg);
    }
    if (e == ERR_OK)
        *ret_answer = TAKE(answer);
    return e;
}
