/* SPDX-License-Identifier: Apache-2.0 */
/* Sending notices.
 * Runs on: one worker thread; blocks as long as recipients take. Holds: nothing between passes. Invariant: a notice
 * is sent with the same id and the same bytes each time, until an answer says that it arrived; what an answer says
 * is durable before the next one is sent. Not here: HTTPS, and which addresses it goes to (base/webclient.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/webclient.h"
#include "retention/notices_priv.h"
#include "retention/proof.h"

enum {
    CONNECT_MS = 5000,
    TOTAL_MS = 15000,
    ANSWER_MAX = 16 << 10,
    FIRST_PAUSE_MS = 5000,
    LONGEST_PAUSE_MS = 6 * 3600 * 1000,
    DAY_S = 86400,
    HEADER_MAX = NOTICE_SIGNATURE_MAX + 32,
    GONE = 410,
};

static const char notice_format[] = "lethe-notice-1";

int64_t notice_pause_ms(unsigned tries)
{
    int64_t pause = FIRST_PAUSE_MS;

    for (unsigned i = 1; i < tries && pause < LONGEST_PAUSE_MS; i++)
        pause *= 2;
    return pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
}

/* ---- what is sent ---- */

static void copy(struct json *to, const struct json *from, const char *name)
{
    const struct json *value = json_get(from, name);

    json_set(to, name, value == NULL ? json_new_null() : json_clone(value));
}

enum err notice__document(const struct vault_record *record, const struct json *body,
                          struct buf *out)
{
    static const char *const members[] = {"event", "at", "part", "tokens", "reference", "deadline"};
    AUTO(json_free) struct json *map = json_new_map();
    char id[2 * VAULT_ID_BYTES + 1];

    proof_hex(record->id, VAULT_ID_BYTES, id);
    json_set_str(map, "format", notice_format);
    json_set_str(map, "id", id);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        copy(map, body, members[i]);
    return json_write(map, out);
}

enum err notice__sign(struct vault *v, struct span document, int64_t now_s,
                      char ret[NOTICE_SIGNATURE_MAX])
{
    static const char purpose[] = "lethe-v1 notice"; /* its zero byte is signed, too */
    uint8_t signature[VAULT_SIGNATURE_BYTES], key[VAULT_PUBLIC_BYTES];
    char hex[2 * VAULT_SIGNATURE_BYTES + 1], id[PROOF_KEY_ID_CHARS + 1], when[24];
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    (void)snprintf(when, sizeof(when), "%" PRId64, now_s);
    buf_init(&text, VAULT_RECORD_BODY_MAX + 4096);
    e = buf_append(&text, purpose, sizeof(purpose));
    if (e == ERR_OK)
        e = buf_append_str(&text, when);
    if (e == ERR_OK)
        e = buf_append_byte(&text, '.');
    if (e == ERR_OK)
        e = buf_append_span(&text, document);
    if (e == ERR_OK)
        e = vault_sign(v, buf_span(&text), signature);
    if (e != ERR_OK)
        return e;
    vault_sign_public(v, key);
    proof_hex(signature, sizeof(signature), hex);
    proof_hex(key, PROOF_KEY_ID_CHARS / 2, id);
    (void)snprintf(ret, NOTICE_SIGNATURE_MAX, "t=%s, key=%s, ed25519=%s", when, id, hex);
    return ERR_OK;
}

struct pass {
    struct notices *n;
    const struct recipients *recipients;
    const atomic_bool *stop;
    bool failed[RECIPIENTS_MAX]; /* it is left alone for the rest of the pass */
};

/* Ask the recipient; *ret_status 0: there was no answer, `why` says why. */
static enum err send_one(const struct pass *p, const struct recipient *r, struct span document,
                         const uint8_t id[VAULT_ID_BYTES], int *ret_status, struct errmsg *why)
{
    const struct web_server server = {.address = r->server,
                                      .ca = r->ca,
                                      .connect_ms = CONNECT_MS,
                                      .total_ms = TOTAL_MS,
                                      .public_only = !r->allow_private,
                                      .stop = p->stop};
    char signature[NOTICE_SIGNATURE_MAX], signed_by[HEADER_MAX], key[HEADER_MAX];
    char hex[2 * VAULT_ID_BYTES + 1];
    const char *const headers[] = {signed_by, key, NULL};
    AUTO(buf_done) struct buf body = {.max = 0};
    AUTO(buf_done) struct buf answer = {.max = 0};
    const struct web_request request = {
        .path = r->path[0] == '\0' ? "/" : r->path, .headers = headers, .body = &body};
    enum err e = notice__sign(p->n->vault, document, vault_now_s(p->n->vault), signature);

    *ret_status = 0;
    if (e != ERR_OK)
        return e;
    (void)snprintf(signed_by, sizeof(signed_by), "Lethe-Signature: %s", signature);
    proof_hex(id, VAULT_ID_BYTES, hex);
    (void)snprintf(key, sizeof(key), "Idempotency-Key: %s", hex);
    buf_init(&body, VAULT_RECORD_BODY_MAX + 4096);
    buf_init_secret(&answer, ANSWER_MAX);
    e = buf_append_span(&body, document);
    if (e != ERR_OK)
        return e;
    e = web_ask(&server, &request, &answer, ret_status, why);
    FAULT_POINT("notices.asked");
    return e == ERR_CANCELED ? e : ERR_OK;
}

/* ---- what comes of it ---- */

static void set_error(struct json *body, int status, const struct errmsg *why)
{
    char text[64];

    if (status == 0) {
        struct json *said = json_new_text(span_str(why->text));

        json_set(body, "error", said == NULL ? json_new_null() : said);
        return;
    }
    (void)snprintf(text, sizeof(text), "HTTP %d%s", status,
                   status >= 300 && status < 400 ? ": a redirect, which is not followed" : "");
    json_set_str(body, "error", text);
}

/* Into the record: how it stands after an answer, or without one. */
static void take_answer(struct vault_record *record, struct json *body, int status,
                        const struct errmsg *why, int64_t now_s)
{
    const int64_t tries = json_int_of(json_get(body, "tries"), 0) + 1;

    json_set_int(body, "tries", tries);
    if ((status >= 200 && status < 300) || status == GONE) {
        record->state = status == GONE ? NOTICE_NOTHING_THERE : NOTICE_ACKNOWLEDGED;
        record->due_ms = 0;
        json_remove(body, "error");
        notice__close(body, now_s * 1000);
        return;
    }
    set_error(body, status, why);
    record->due_ms = now_s * 1000 + notice_pause_ms((unsigned)tries);
    if (now_s - json_int_of(json_get(body, "since"), now_s) >= NOTICE_DAYS * DAY_S) {
        record->state = NOTICE_FAILED;
        record->due_ms = 0;
    }
}

static void tell_log(const struct vault_record *record, const struct json *body)
{
    const struct span recipient = json_text_of(json_get(body, "recipient"));

    if (record->state == NOTICE_TO_SEND || record->state == NOTICE_FAILED)
        log_event(record->state == NOTICE_FAILED ? EV_NOTICE_FAILED : EV_NOTICE_DELAYED,
                  F_NUM("notice", record->number), F_TEXT("recipient", recipient),
                  F_NUM("tries", json_int_of(json_get(body, "tries"), 0)),
                  F_TEXT("why", json_text_of(json_get(body, "error"))));
    else
        log_event(EV_NOTICE_ACKNOWLEDGED, F_NUM("notice", record->number),
                  F_TEXT("recipient", recipient));
}

/* ---- a pass ---- */

static enum err handle(struct pass *p, struct vault_record *record, struct json *body)
{
    const struct recipient *r =
        recipient_find(p->recipients, json_str_of(json_get(body, "recipient")));
    const int64_t now_s = vault_now_s(p->n->vault);
    AUTO(buf_done) struct buf document = {.max = 0};
    AUTO(buf_done) struct buf text = {.max = 0};
    struct errmsg why = {""};
    int status = 0;
    enum err e;

    if (r == NULL || r->server == NULL) { /* it has no address any more */
        record->state = NOTICE_BY_HAND;
        record->due_ms = 0;
    } else if (p->failed[r - p->recipients->list]) {
        return ERR_OK;
    } else {
        buf_init(&document, VAULT_RECORD_BODY_MAX + 4096);
        e = notice__document(record, body, &document);
        if (e == ERR_OK)
            e = send_one(p, r, buf_span(&document), record->id, &status, &why);
        if (e != ERR_OK)
            return e;
        take_answer(record, body, status, &why, now_s);
        p->failed[r - p->recipients->list] =
            record->state == NOTICE_TO_SEND || record->state == NOTICE_FAILED;
        tell_log(record, body);
    }
    e = notice__set_body(record, body, &text);
    if (e == ERR_OK)
        e = notice__write(p->n->vault, record, 1);
    return e == ERR_CONFLICT ? ERR_OK : e; /* an operator was quicker */
}

/* The next that is due after *record, with its body taken out of the database. */
static enum err next_due(struct pass *p, struct vault_record *record, struct json **ret_body)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    const struct vault_record after = *record;
    enum err e = vault_records_open(p->n->vault, &records);

    if (e == ERR_OK)
        e = vault_record_next_due(records, VAULT_RECORD_NOTICE, vault_now_s(p->n->vault) * 1000,
                                  after.number == 0 ? NULL : &after, record);
    if (e == ERR_OK && json_parse(record->body, ret_body) != ERR_OK)
        e = ERR_CORRUPT;
    record->body = SPAN_NONE;
    return e;
}

enum err notices_pass(struct notices *n, const atomic_bool *stop)
{
    struct pass p = {.n = n, .recipients = notice__recipients(n), .stop = stop};
    struct vault_record record = {.number = 0};
    enum err e = notice__follow(n);

    while (e == ERR_OK && !atomic_load(stop)) {
        AUTO(json_free) struct json *body = NULL;
        struct vault_record changed;

        e = next_due(&p, &record, &body);
        changed = record; /* the walk goes on from where it stood */
        if (e == ERR_OK && record.state == NOTICE_TO_SEND)
            e = handle(&p, &changed, body);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}
