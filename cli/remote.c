/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the admin API.
 * Runs on: the main thread; blocks. Holds: the token, in guarded memory. Invariant: the token goes to the server that
 * was named and nowhere else, and is in no message. Not here: which path an operation has (admin/api_call.c), TLS
 * (base/webclient.c). */
#include "cli/remote.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/api_call.h"
#include "admin/client.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/endpoint.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/webclient.h"
#include "keys/keyfile.h"
#include "keys/prompt.h"

enum {
    HOST_MAX = 253,
    TOKEN_MAX = 256,
    LINE_MAX_BYTES = TOKEN_MAX + 64,
    CODE_MAX = 16,
    KEY_BYTES = 16,
    ANSWER_MAX = 64 << 20,
    CONNECT_MS = 10000,
    TRIES = 3,
    WAITS = 6,           /* where the server does not say how long: 16 seconds in all */
    WAIT_AT_ONCE_S = 60, /* where it says */
    WAIT_IN_ALL_S = 15 * 60
};

/* An erasure may read the whole store to verify itself. */
static const int64_t ANSWER_MS = 3600000;

static const char SCHEME[] = "https://", PLAIN_SCHEME[] = "http://";

struct remote {
    char *address;
    bool plain;
    const struct options *options;
    struct prompt *prompt;
    uint8_t *authorization; /* the line of the header */
};

/* ---- the server's name ---- */

struct target {
    bool plain;
    char host[HOST_MAX + 1]; /* without brackets */
    size_t len;              /* of the address in the URL, without a slash at its end */
};

static bool is_host(const char *host, bool is_v6)
{
    struct in6_addr v6;

    if (is_v6)
        return inet_pton(AF_INET6, host, &v6) == 1;
    return host[0] != '\0' &&
           host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")] ==
               '\0';
}

/* ":PORT", or nothing. */
static bool is_port(const char *text, size_t len)
{
    long port;

    if (len == 0)
        return true;
    if (text[0] != ':' || len < 2 || len > 6 || strspn(text + 1, "0123456789") < len - 1)
        return false;
    port = strtol(text + 1, NULL, 10);
    return port > 0 && port <= 65535;
}

/* "https://HOST[:PORT][/]"; no name, path or query. */
static bool read_url(const char *url, struct target *ret)
{
    const bool plain = strncmp(url, PLAIN_SCHEME, strlen(PLAIN_SCHEME)) == 0;
    const char *scheme = plain ? PLAIN_SCHEME : SCHEME, *at = url + strlen(scheme), *end;
    struct target t = {.plain = plain};
    bool is_v6;
    size_t len, host_len;

    if (strncmp(url, scheme, strlen(scheme)) != 0)
        return false;
    len = strcspn(at, "/");
    if (at[len] == '/' && at[len + 1] != '\0')
        return false;
    t.len = strlen(scheme) + len;
    is_v6 = at[0] == '[';
    end = is_v6 ? memchr(at, ']', len) : at + strcspn(at, ":/");
    if (end == NULL)
        return false;
    host_len = (size_t)(end - at) - is_v6;
    if (host_len > HOST_MAX)
        return false;
    memcpy(t.host, at + is_v6, host_len);
    end += is_v6;
    if (!is_host(t.host, is_v6) || !is_port(end, len - (size_t)(end - at)))
        return false;
    *ret = t;
    return true;
}

/* What else it means is looked at when the connection is made. */
static bool is_this_host(const char *host)
{
    struct upstream_address a = {.len = 0};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        memcpy(&a.address, &v4, sizeof(v4));
    else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
        memcpy(&a.address, &v6, sizeof(v6));
    else
        return strcmp(host, "localhost") == 0;
    return endpoint_is_loopback(&a);
}

enum err remote_check(const struct options *o, struct errmsg *msg)
{
    struct target target;

    if (!read_url(o->server, &target))
        return errmsg_set(msg, ERR_INVALID,
                          "--server takes the address of an admin listener: https://HOST[:PORT]");
    if (target.plain && !is_this_host(target.host))
        return errmsg_set(msg, ERR_INVALID,
                          "--server: plain HTTP would show the token and what it asks for to the "
                          "network; it is for this host only: https://%s",
                          target.host);
    if (o->token_file == NULL)
        return errmsg_set(msg, ERR_INVALID, "--server needs an access token: --token-file FILE");
    return ERR_OK;
}

/* ---- opening ---- */

/* The only line of a secret file; its newline is none of it. */
static enum err read_line(const char *path, const char *what, size_t max, uint8_t **ret_bytes,
                          size_t *ret_len, struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *bytes = NULL;
    size_t len = 0;
    enum err e = keys_keyfile_read(path, what, max + 2, &bytes, &len, msg);

    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, e, "%s: there is no such file, which should hold %s", path, what);
    if (e != ERR_OK)
        return e;
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
        len--;
    for (size_t i = 0; i < len; i++)
        if (bytes[i] <= ' ' || bytes[i] > '~')
            len = 0;
    if (len == 0 || len > max)
        return errmsg_set(msg, ERR_SEALED, "%s must hold %s in one line", path, what);
    *ret_bytes = TAKE(bytes);
    *ret_len = len;
    return ERR_OK;
}

static enum err read_token(struct remote *r, struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *token = NULL;
    size_t len = 0;
    enum err e = read_line(r->options->token_file, "an access token", TOKEN_MAX, &token, &len, msg);

    if (e != ERR_OK)
        return e;
    r->authorization = secret_alloc(LINE_MAX_BYTES);
    (void)snprintf((char *)r->authorization, LINE_MAX_BYTES, "Authorization: Bearer %.*s", (int)len,
                   (const char *)token);
    return ERR_OK;
}

enum err remote_open(const struct options *o, struct remote **ret_remote, struct errmsg *msg)
{
    AUTO(remote_close) struct remote *r = mem_alloc(sizeof(*r));
    struct target target;
    enum err e;

    REQUIRE(read_url(o->server, &target));
    r->options = o;
    r->plain = target.plain;
    r->address = mem_strdup(o->server);
    r->address[target.len] = '\0';
    r->prompt = prompt_new();
    prompt_use_fd(r->prompt, o->passphrase_fd);
    e = read_token(r, msg);
    if (e == ERR_OK)
        *ret_remote = TAKE(r);
    return e;
}

void remote_close(struct remote **remote)
{
    struct remote *r = TAKE(*remote);

    if (r == NULL)
        return;
    secret_free(&r->authorization);
    prompt_free(&r->prompt);
    free(r->address);
    free(r);
}

/* ---- one-time codes ---- */

static enum err ask_code(struct remote *r, struct prompt_secret *ret, struct errmsg *msg)
{
    char what[HOST_MAX + 64];

    if (r->options->otp_file != NULL)
        return read_line(r->options->otp_file, "a one-time code", CODE_MAX, &ret->bytes, &ret->len,
                         msg);
    (void)snprintf(what, sizeof(what), "the one-time code for %s", r->address);
    return prompt_ask(r->prompt, what, false, ret, msg);
}

/* ---- asking ---- */

struct asked {
    const struct api_call *call;
    char key[sizeof("Idempotency-Key: ") + 2 * KEY_BYTES];
    uint8_t *code_line; /* NULL: none */
    int file;           /* takes what is asked for; -1: `answer` does */
    int status;
    int64_t retry_after_s; /* 0: the server does not say */
    struct buf answer;
};

static void asked_done(struct asked *a)
{
    secret_free(&a->code_line);
    buf_done(&a->answer);
}

/* The same for each try: a request that was carried out, though its answer was lost, is not carried out again. */
static void make_key(struct asked *a)
{
    uint8_t bytes[KEY_BYTES];
    size_t used = (size_t)snprintf(a->key, sizeof(a->key), "Idempotency-Key: ");

    secret_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        used += (size_t)snprintf(a->key + used, sizeof(a->key) - used, "%02x", bytes[i]);
}

static void pause_for(int quarters)
{
    const struct timespec t = {.tv_sec = quarters / 4, .tv_nsec = quarters % 4 * 250000000L};

    (void)nanosleep(&t, NULL);
}

static enum err ask_once(const struct web_server *server, const struct web_request *request,
                         struct asked *a, struct errmsg *msg)
{
    struct web_answer answer = {.body = &a->answer, .file = a->file};
    enum err e;

    if (a->file >= 0 && (ftruncate(a->file, 0) != 0 || lseek(a->file, 0, SEEK_SET) != 0))
        return errmsg_set(msg, ERR_IO, "the file cannot be written");
    e = web_fetch(server, request, &answer, msg);
    if (e == ERR_OK) {
        a->status = answer.status;
        a->retry_after_s = answer.retry_after_s;
    }
    return e;
}

static enum err post(struct remote *r, struct asked *a, struct errmsg *msg)
{
    const struct web_server server = {.address = r->address,
                                      .ca = r->options->ca,
                                      .connect_ms = CONNECT_MS,
                                      .total_ms = ANSWER_MS,
                                      .plain = r->plain};
    const char *headers[] = {(const char *)r->authorization, "Accept: application/json", NULL, NULL,
                             NULL};
    size_t header = 2;
    AUTO(buf_done) struct buf body = {.max = 0};
    const struct web_request request = {.path = a->call->target,
                                        .headers = headers,
                                        .method = a->call->method,
                                        .body = a->call->body == NULL ? NULL : &body};
    enum err e = ERR_OK;

    if (a->call->takes_key)
        headers[header++] = a->key;
    headers[header] = (const char *)a->code_line;
    buf_init_secret(&body, LIMIT_CONTROL_LINE_MAX);
    if (a->call->body != NULL)
        e = json_write(a->call->body, &body);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "the request is too large");
    e = ask_once(&server, &request, a, msg);
    for (int try = 1; e == ERR_UNAVAILABLE && try < TRIES; try++) {
        pause_for(try);
        e = ask_once(&server, &request, a, msg);
    }
    return e;
}

/* Is it to be given time, and how much? Asked too often, or busy with something else, it did nothing. (With a code
 * there were too many wrong ones.) 0: no. */
static int quarters_to_wait(const struct asked *a, int waits, int64_t waited_s)
{
    if (a->code_line != NULL || (a->status != 429 && a->status != 503))
        return 0;
    if (a->retry_after_s > 0)
        return a->retry_after_s <= WAIT_AT_ONCE_S && waited_s < WAIT_IN_ALL_S
                   ? (int)a->retry_after_s * 4
                   : 0;
    return a->status == 429 && waits < WAITS ? 1 << waits : 0;
}

static enum err post_patiently(struct remote *r, struct asked *a, struct errmsg *msg)
{
    int64_t waited_s = 0;
    int quarters = 0;
    enum err e = post(r, a, msg);

    for (int i = 0; e == ERR_OK && (quarters = quarters_to_wait(a, i, waited_s)) > 0; i++) {
        pause_for(quarters);
        waited_s += quarters / 4;
        e = post(r, a, msg);
    }
    return e;
}

/* Nothing was done, for want of a code? */
static bool wants_code(const struct asked *a)
{
    AUTO(json_free) struct json *problem = NULL;

    return a->status == 403 && a->code_line == NULL &&
           json_parse(buf_span(&a->answer), &problem) == ERR_OK &&
           json_bool_of(json_get(problem, "one_time_code"), false);
}

static enum err post_with_code(struct remote *r, struct asked *a, struct errmsg *msg)
{
    AUTO(prompt_secret_done) struct prompt_secret code = {NULL, 0};
    enum err e = ask_code(r, &code, msg);

    if (e != ERR_OK)
        return e;
    a->code_line = secret_alloc(LINE_MAX_BYTES);
    (void)snprintf((char *)a->code_line, LINE_MAX_BYTES, "Lethe-Otp: %.*s",
                   (int)(code.len < CODE_MAX ? code.len : CODE_MAX), (const char *)code.bytes);
    return post(r, a, msg);
}

/* ---- answers ---- */

static enum err refused(const struct remote *r, int status, const struct json *problem,
                        struct errmsg *msg)
{
    const struct span code = json_text_of(json_get(problem, "code"));
    const char *detail = json_str_of(json_get(problem, "detail"));
    const enum err e = code.at == NULL ? ERR_UPSTREAM : client_err_named(code);

    if (status == 401)
        return errmsg_set(msg, ERR_UNAUTHORIZED,
                          "%s does not know the access token in %s: it is wrong, over or revoked",
                          r->address, r->options->token_file);
    if (code.at == NULL)
        return errmsg_set(msg, e, "%s answered with status %d, as no admin API of Lethe does",
                          r->address, status);
    return errmsg_set(msg, e == ERR_OK ? ERR_INTERNAL : e, "%s",
                      detail == NULL ? err_text(e) : detail);
}

static enum err proposed(const struct json *proposal, struct errmsg *msg)
{
    const int64_t number = json_int_of(json_get(proposal, "proposal"), 0);

    return errmsg_set(
        msg, ERR_PROPOSED,
        "nothing was changed yet: %s waits as proposal %" PRId64 " for another person's approval, "
        "until %s\ndigest %s\nThe approver looks at it with `lethe proposal show %" PRId64
        "`, then: lethe proposal approve --confirm DIGEST %" PRId64,
        json_str_or(proposal, "operation", "?"), number, json_str_or(proposal, "expires", "?"),
        json_str_or(proposal, "digest", "?"), number, number);
}

static enum err judge(const struct remote *r, const struct asked *a, struct json **ret_result,
                      struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;
    const bool is_json = json_parse(buf_span(&a->answer), &tree) == ERR_OK;

    if (a->status < 200 || a->status > 299)
        return refused(r, a->status, tree, msg);
    if (!is_json)
        return errmsg_set(msg, ERR_UPSTREAM, "%s: the answer cannot be read", r->address);
    *ret_result = TAKE(tree);
    return a->status == 202 ? proposed(*ret_result, msg) : ERR_OK;
}

/* file: takes the answer to what is asked for, unless it is refused; -1: ret_result does. codes: give one when it is
 * wanted; otherwise UNSUPPORTED. */
static enum err ask(struct remote *r, const struct api_call *call, int file, bool codes,
                    struct json **ret_result, struct errmsg *msg)
{
    AUTO(asked_done) struct asked asked = {.call = call, .file = file};
    enum err e;

    buf_init_secret(&asked.answer, ANSWER_MAX);
    make_key(&asked);
    e = post_patiently(r, &asked, msg);
    if (e == ERR_OK && wants_code(&asked))
        e = codes ? post_with_code(r, &asked, msg)
                  : errmsg_set(msg, ERR_UNSUPPORTED, "nothing is proposed there: a code is enough");
    if (e == ERR_OK && file >= 0 && asked.status == 200)
        return ERR_OK;
    return e == ERR_OK ? judge(r, &asked, ret_result, msg) : e;
}

/* The same request with the person's id in it. */
static enum err by_person(struct remote *r, const struct json *request, struct json **ret,
                          struct errmsg *msg)
{
    AUTO(json_free) struct json *find = api_call_find_person(request);
    AUTO(json_free) struct json *found = NULL;
    const char *person;
    enum err e = remote_call(r, find, &found, msg);

    if (e != ERR_OK)
        return e;
    person = json_str_of(json_get(found, "person"));
    if (person == NULL)
        return errmsg_set(msg, ERR_UPSTREAM, "%s: the answer cannot be read", r->address);
    *ret = api_call_use_person(request, person);
    return ERR_OK;
}

enum err remote_call(struct remote *r, const struct json *request, struct json **ret_result,
                     struct errmsg *msg)
{
    AUTO(api_call_done) struct api_call call = {.method = NULL};
    AUTO(json_free) struct json *by_id = NULL;
    enum err e = api_call_make(request, &call, msg);

    if (e == ERR_OK && call.needs_person) {
        e = by_person(r, request, &by_id, msg);
        if (e == ERR_OK)
            e = api_call_make(by_id, &call, msg);
    }
    if (e == ERR_OK && call.is_download)
        return errmsg_set(msg, ERR_UNSUPPORTED, "the answer is a file");
    return e == ERR_OK ? ask(r, &call, -1, true, ret_result, msg) : e;
}

enum err remote_propose(struct remote *r, const struct json *request, struct json **ret_proposal,
                        struct errmsg *msg)
{
    AUTO(api_call_done) struct api_call call = {.method = NULL};
    enum err e = api_call_make(request, &call, msg);

    if (e == ERR_OK && call.needs_person)
        return errmsg_set(msg, ERR_INVALID, "it is about a person");
    return e == ERR_OK ? ask(r, &call, -1, false, ret_proposal, msg) : e;
}

enum err remote_download(struct remote *r, const struct json *request, int file, struct errmsg *msg)
{
    AUTO(api_call_done) struct api_call call = {.method = NULL};
    AUTO(json_free) struct json *refusal = NULL;
    enum err e = api_call_make(request, &call, msg);

    if (e == ERR_OK && !call.is_download)
        return errmsg_set(msg, ERR_UNSUPPORTED, "the answer is no file");
    return e == ERR_OK ? ask(r, &call, file, true, &refusal, msg) : e;
}
