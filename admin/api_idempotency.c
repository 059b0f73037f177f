/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a request that is sent twice is carried out once.
 * Runs on: the listener's pool; blocks. Holds: which keys are under way; records of the vault hold the rest for
 * 24 hours. Invariant: a key is taken durably before its request is carried out, and is its holder's alone; no key
 * and no request can be read from a record, which holds keyed hashes of both. Not here: what can be run twice
 * without harm (AGAIN in api_routes.def).
 *
 *   (none) ──taken──► TAKEN ──carried out──► DONE: the answer is given again
 *                       └────an error──────► FREE: as if it had never been
 *
 * A key that is TAKEN and not under way is what a crash left: a request that may run twice runs again, of another
 * one somebody has to find out what became of it. A record is {"request", "status", "text" or "number"}. Answers
 * that hold what is shown once (SECRET), and large ones, are not kept: the second request is refused and told the
 * number of what the first one made. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/api_priv.h"
#include "admin/ops_priv.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "retention/proof.h"

enum { TAKEN, DONE, FREE };
enum { KEY_MAX = 255, TEXT_MAX = 48 << 10, FORGET_MAX = 64 };

static const int64_t KEEP_MS = INT64_C(86400) * 1000;

struct api_keys {
    pthread_mutex_t lock; /* of what follows */
    struct api_once *under_way;
};

struct api_keys *api__keys_new(void)
{
    struct api_keys *keys = mem_alloc(sizeof(*keys));

    REQUIRE(pthread_mutex_init(&keys->lock, NULL) == 0);
    return keys;
}

void api__keys_free(struct api_keys **keysp)
{
    struct api_keys *keys = TAKE(*keysp);

    if (keys == NULL)
        return;
    (void)pthread_mutex_destroy(&keys->lock);
    free(keys);
}

/* ---- under way ---- */

static bool enter(struct api_keys *keys, struct api_once *once)
{
    bool is_free = true;

    (void)pthread_mutex_lock(&keys->lock);
    for (const struct api_once *at = keys->under_way; at != NULL; at = at->next)
        is_free = is_free && memcmp(at->mac, once->mac, sizeof(once->mac)) != 0;
    if (is_free) {
        once->next = keys->under_way;
        keys->under_way = once;
    }
    (void)pthread_mutex_unlock(&keys->lock);
    return is_free;
}

static void leave(struct api_keys *keys, struct api_once *once)
{
    struct api_once **at = &keys->under_way;

    (void)pthread_mutex_lock(&keys->lock);
    while (*at != once)
        at = &(*at)->next;
    *at = once->next;
    (void)pthread_mutex_unlock(&keys->lock);
}

/* ---- the key ---- */

/* A String of RFC 8941 3.3.3, or what most clients send: the text without quotes. */
static bool read_key(struct span field, struct buf *out)
{
    const bool quoted = field.len >= 2 && field.at[0] == '"' && field.at[field.len - 1] == '"';
    const size_t end = field.len - quoted;

    for (size_t i = quoted; i < end; i++) {
        char c = field.at[i];

        if (quoted && c == '\\' && i + 1 < end &&
            (field.at[i + 1] == '"' || field.at[i + 1] == '\\'))
            c = field.at[++i];
        else if (c < ' ' || c > '~' || c == '"' || c == '\\' ||
                 (!quoted && (c == ' ' || c == ',' || c == ';')))
            return false;
        if (buf_append_byte(out, (uint8_t)c) != ERR_OK)
            return false;
    }
    return out->len > 0;
}

static enum err add_part(struct buf *out, struct span part)
{
    enum err e = part.at == NULL ? ERR_OK : buf_append_span(out, part);

    return e == ERR_OK ? buf_append_byte(out, 0) : e;
}

/* What makes it the same request, whoever signs it anew with a fresh code. */
static enum err describe(const struct call *c, struct buf *out)
{
    const struct span parts[] = {c->request->method, c->request->path, c->request->query,
                                 c->request->fields[HTTP_PURPOSE], c->request->body};
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(parts); i++)
        e = add_part(out, parts[i]);
    return e;
}

static enum err hash(struct call *c, struct span key)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    uint8_t name[SECRET_HASH_BYTES];
    const struct vault *vault = c->api->admin->vault;
    enum err e;

    buf_init_secret(&text, API_BODY_MAX + (64 << 10));
    e = buf_append(&text, &c->who.number, sizeof(c->who.number));
    if (e == ERR_OK)
        e = buf_append_span(&text, key);
    if (e != ERR_OK)
        return e;
    secret_hash(text.bytes, text.len, name);
    buf_reset(&text);
    e = describe(c, &text);
    if (e == ERR_OK)
        e = vault_repeat_mac(vault, span_of(name, sizeof(name)), SPAN_NONE, c->once.mac);
    return e == ERR_OK ? vault_repeat_mac(vault, span_of(name, sizeof(name)), buf_span(&text),
                                          c->once.request)
                       : e;
}

static enum err find_key(struct call *c)
{
    AUTO(buf_done) struct buf key = {.max = 0};

    buf_init(&key, KEY_MAX);
    if (!read_key(c->request->fields[HTTP_IDEMPOTENCY_KEY], &key))
        return errmsg_set(&c->msg, ERR_INVALID,
                          "Idempotency-Key is a string of 1 to %d printable characters", KEY_MAX);
    return hash(c, buf_span(&key));
}

/* ---- the record ---- */

static struct json *body_of(const struct api_once *once)
{
    struct json *body = json_new_map();
    char hex[2 * VAULT_MAC_BYTES + 1];

    proof_hex(once->request, VAULT_MAC_BYTES, hex);
    json_set_str(body, "request", hex);
    return body;
}

static enum err put(struct call *c, unsigned state, const struct json *tree)
{
    AUTO(buf_done) struct buf body = {.max = 0};
    const struct admin *admin = c->api->admin;
    struct vault_record *record = &c->once.record;
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS}, .records = record, .count = 1};
    enum err e;

    buf_init(&body, VAULT_RECORD_BODY_MAX);
    e = json_write(tree, &body);
    if (e != ERR_OK)
        return e;
    record->state = state;
    record->body = buf_span(&body);
    if (state == TAKEN) {
        op.forget = VAULT_RECORD_ANSWER;
        op.forget_states = UINT64_MAX;
        op.forget_before_ms = vault_now_s(admin->vault) * 1000 - KEEP_MS;
        op.forget_limit = FORGET_MAX;
    }
    e = vault_run(admin->vault, &op.op);
    record->body = SPAN_NONE;
    return e;
}

static enum err take(struct call *c)
{
    AUTO(json_free) struct json *body = body_of(&c->once);

    c->once.record.kind = VAULT_RECORD_ANSWER;
    proof_hex(c->once.mac, VAULT_MAC_BYTES, c->once.record.key);
    return put(c, TAKEN, body);
}

static enum err give_again(struct call *c, const struct json *body)
{
    const struct span text = json_text_of(json_get(body, "text"));
    const int64_t number = json_int_of(json_get(body, "number"), 0);

    if (text.at == NULL)
        return errmsg_set(
            &c->msg, ERR_CONFLICT,
            "this was carried out under this key, and its answer was not kept; what it "
            "made has the number %lld",
            (long long)number);
    c->answer->status = (int)json_int_of(json_get(body, "status"), 200);
    c->answer->content_type = "application/json";
    http_answer_field(c->answer, "idempotent-replayed", "true");
    return buf_append_span(&c->answer->body, text);
}

/* May what a crash left run again? What is only proposed destroys nothing. */
static bool may_repeat(const struct call *c)
{
    return (c->route->flags & AGAIN) != 0 || api__is_proposal(c);
}

/* A record of this key is there. */
static enum err judge(struct call *c, const struct json *body, bool *ret_answered)
{
    const int64_t now_ms = vault_now_s(c->api->admin->vault) * 1000;
    const struct vault_record *record = &c->once.record;
    uint8_t request[VAULT_MAC_BYTES];

    if (record->state == FREE || record->changed_ms < now_ms - KEEP_MS)
        return take(c);
    if (!proof_unhex(json_text_of(json_get(body, "request")), request, sizeof(request)))
        return ERR_CORRUPT;
    if (!secret_equal(request, c->once.request, sizeof(request)))
        return errmsg_set(&c->msg, ERR_UNPROCESSABLE,
                          "the Idempotency-Key was given to another request");
    if (record->state == DONE) {
        *ret_answered = true;
        return give_again(c, body);
    }
    return may_repeat(c)
               ? take(c)
               : errmsg_set(&c->msg, ERR_CONFLICT,
                            "the server stopped while it carried this out: look whether it "
                            "was done; if not, ask with another Idempotency-Key");
}

static enum err look(struct call *c, bool *ret_answered)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    AUTO(json_free) struct json *body = NULL;
    char name[2 * VAULT_MAC_BYTES + 1];
    enum err e = vault_records_open(c->api->admin->vault, &records);

    proof_hex(c->once.mac, VAULT_MAC_BYTES, name);
    if (e == ERR_OK)
        e = vault_record_by_key(records, VAULT_RECORD_ANSWER, name, &c->once.record);
    if (e == ERR_OK)
        e = json_parse(c->once.record.body, &body) == ERR_OK ? ERR_OK : ERR_CORRUPT;
    c->once.record.body = SPAN_NONE;
    vault_records_close(&records); /* it would hold a state of the database while this is written */
    if (e == ERR_NOT_FOUND) {
        c->once.record = (struct vault_record){.number = 0};
        return take(c);
    }
    return e == ERR_OK ? judge(c, body, ret_answered) : e;
}

/* An operation that knows keys of its own finds by it what it did before a crash. */
static void pass_on(struct call *c)
{
    char key[4 + 2 * VAULT_MAC_BYTES + 1] = "api-";

    if (api__is_proposal(c) || !ops_takes(api__operation(c->route), "key") ||
        json_get(c->members, "key") != NULL)
        return;
    proof_hex(c->once.mac, VAULT_MAC_BYTES, key + 4);
    json_set_str(c->members, "key", key);
}

enum err api__once_begin(struct call *c, bool *ret_answered)
{
    enum err e;

    *ret_answered = false;
    if (c->request->fields[HTTP_IDEMPOTENCY_KEY].at == NULL ||
        (c->route->flags & (READS | NUMBERED)) != 0 || strcmp(c->route->method, "GET") == 0)
        return ERR_OK;
    e = find_key(c);
    if (e != ERR_OK)
        return e;
    if (!enter(c->api->state->keys, &c->once))
        return errmsg_set(&c->msg, ERR_CONFLICT,
                          "a request with this Idempotency-Key is being carried out");
    e = look(c, ret_answered);
    c->once.is_taken = e == ERR_OK && !*ret_answered;
    if (c->once.is_taken)
        pass_on(c);
    else
        leave(c->api->state->keys, &c->once);
    return e;
}

/* ---- afterwards ---- */

static void add_answer(const struct call *c, struct json *body)
{
    AUTO(json_free) struct json *tree = NULL;
    const bool known = json_parse(buf_span(&c->answer->body), &tree) == ERR_OK;
    struct json *text = NULL;

    json_set_int(body, "status", c->answer->status);
    /* A step of a request may have made something for the person. */
    if ((c->route->flags & SECRET) == 0 && json_get(tree, "given") == NULL &&
        c->answer->body.len <= TEXT_MAX)
        text = json_new_text(buf_span(&c->answer->body));
    if (text != NULL)
        json_set(body, "text", text);
    else if (known)
        json_set_int(body, "number", json_int_of(json_get(tree, "number"), 0));
}

void api__once_end(struct call *c, enum err result)
{
    AUTO(json_free) struct json *body = NULL;
    enum err e;

    if (!c->once.is_taken)
        return;
    body = body_of(&c->once);
    if (result == ERR_OK)
        add_answer(c, body);
    /* A stop in the middle leaves what a crash leaves. */
    e = result == ERR_CANCELED ? ERR_OK : put(c, result == ERR_OK ? DONE : FREE, body);
    if (e != ERR_OK)
        log_event(EV_ANSWER_NOT_KEPT, F_LIT("error", err_name(e)));
    leave(c->api->state->keys, &c->once);
}
