/* SPDX-License-Identifier: Apache-2.0 */
/* Making notices, and ending them.
 * Runs on: worker threads and the command line; blocks on the vault. Holds: the recipients in force, and those of
 * before. Invariant: a notice of an erasure is durable before the erasure begins, with the tokens that the person
 * had then, and is open, durably, before the first of his rows is swept; one whose recipient knows keeps no token.
 * Not here: sending (notice_send.c), restrictions (notice_follow.c), looking (notice_book.c). */
#include "retention/notices_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/log.h"
#include "retention/proof.h"
#include "retention/receipt.h"
#include "vault/tokens.h"

enum {
    DAY_MS = 86400000,
    TOKENS_BYTES_MAX = 256 << 20,
    BATCH = 64, /* records in one write */
    TRIES = 9,
    FIRST_WAIT_MS = 5,
};

const char *notice_state_word(enum notice_state state)
{
    static const char *const words[NOTICE_STATE_COUNT] = {
#define X(name, number, word) [number] = (word),
        NOTICE_STATES(X)
#undef X
    };

    REQUIRE((unsigned)state < NOTICE_STATE_COUNT);
    return words[state];
}

struct notices *notices_new(struct vault *vault)
{
    struct notices *n = mem_alloc(sizeof(*n));

    n->vault = vault;
    atomic_init(&n->look, true);
    REQUIRE(pthread_mutex_init(&n->lock, NULL) == 0);
    return n;
}

void notices_free(struct notices **notices)
{
    struct notices *n = TAKE(*notices);

    if (n == NULL)
        return;
    while (n->list != NULL) {
        struct recipients_list *first = n->list;

        n->list = first->next;
        recipients_done(&first->recipients);
        free(first);
    }
    (void)pthread_mutex_destroy(&n->lock);
    free(n);
}

void notices_configure(struct notices *n, const struct recipients *recipients)
{
    struct recipients_list *first = mem_alloc(sizeof(*first));

    recipients_copy(recipients, &first->recipients);
    (void)pthread_mutex_lock(&n->lock);
    first->next = n->list;
    n->list = first;
    (void)pthread_mutex_unlock(&n->lock);
}

const struct recipients *notice__recipients(struct notices *n)
{
    static const struct recipients none;
    const struct recipients *found;

    (void)pthread_mutex_lock(&n->lock);
    found = n->list == NULL ? &none : &n->list->recipients;
    (void)pthread_mutex_unlock(&n->lock);
    return found;
}

void notices_look_again(struct notices *n)
{
    atomic_store(&n->look, true);
}

/* ---- writing ---- */

enum err notice__write(struct vault *v, struct vault_record *records, size_t count)
{
    struct vault_records_write op = {
        .op = {.kind = VAULT_RECORDS}, .records = records, .count = count};
    struct timespec pause = {.tv_nsec = FIRST_WAIT_MS * 1000000L};
    enum err e = ERR_BUSY;

    for (int i = 0; i < TRIES && e == ERR_BUSY; i++) {
        if (i > 0) {
            (void)nanosleep(&pause, NULL);
            pause.tv_nsec = pause.tv_nsec >= 160000000L ? pause.tv_nsec : pause.tv_nsec * 2;
        }
        e = vault_run(v, &op.op);
    }
    return e;
}

enum err notice__set_body(struct vault_record *record, const struct json *body, struct buf *text)
{
    enum err e;

    buf_init(text, VAULT_RECORD_BODY_MAX);
    e = json_write(body, text);
    record->body = buf_span(text);
    return e;
}

void notice__close(struct json *body, int64_t now_ms)
{
    json_remove(body, "tokens");
    receipt_set_instant(body, "closed", now_ms);
}

/* ---- tokens ---- */

void notice__tokens_done(struct notice_tokens *tokens)
{
    buf_done(&tokens->bytes);
}

static enum err add_token(void *context, uint16_t class_id, const struct token_text *token)
{
    struct notice_tokens *tokens = context;
    const uint16_t head[2] = {class_id, token->len};
    enum err e = buf_append(&tokens->bytes, head, sizeof(head));

    return e == ERR_OK ? buf_append(&tokens->bytes, token->bytes, token->len) : e;
}

enum err notice__tokens_read(struct vault *v, uint64_t slot, struct notice_tokens *ret)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = vault_reader_open(v, &reader);

    buf_init(&ret->bytes, TOKENS_BYTES_MAX);
    ret->slot = slot;
    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_read_tokens(reader, slot, add_token, ret);
    vault_read_end(reader);
    return e;
}

/* The next token at *at; false past the last. */
static bool next_token(const struct notice_tokens *tokens, size_t *at, uint16_t *ret_class,
                       struct span *ret_text)
{
    uint16_t head[2];

    if (*at >= tokens->bytes.len)
        return false;
    memcpy(head, tokens->bytes.bytes + *at, sizeof(head));
    *ret_class = head[0];
    *ret_text = span_of(tokens->bytes.bytes + *at + sizeof(head), head[1]);
    *at += sizeof(head) + head[1];
    return true;
}

/* ---- making ---- */

/* Records under way to one recipient. */
struct batch {
    struct notices *n;
    const struct notice_words *words;
    const struct recipient *recipient;
    uint64_t slot;
    int64_t part;
    struct json *tokens; /* of the notice being filled */
    size_t bytes;
    struct vault_record records[BATCH];
    struct buf texts[BATCH];
    size_t count;
};

static void batch_reset(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        buf_done(&b->texts[i]);
    b->count = 0;
}

static void batch_free(struct batch **batch)
{
    struct batch *b = TAKE(*batch);

    batch_reset(b);
    json_free(&b->tokens);
    free(b);
}

static enum err flush(struct batch *b)
{
    enum err e = b->count == 0 ? ERR_OK : notice__write(b->n->vault, b->records, b->count);

    batch_reset(b);
    return e;
}

/* One key an event, recipient and part. */
static void set_key(const struct batch *b, struct vault_record *record)
{
    char text[256], hex[DIGEST_HEX_BYTES];

    if (b->words->key == NULL)
        return;
    (void)snprintf(text, sizeof(text), "%s/%s/%s/%" PRId64, b->words->event, b->words->key,
                   b->recipient->name, b->part);
    digest_hex(span_str(text), hex);
    memcpy(record->key, hex, VAULT_RECORD_KEY_MAX);
}

static enum err is_there(struct vault *v, const char *key, bool *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record;
    enum err e = key[0] == '\0' ? ERR_NOT_FOUND : vault_records_open(v, &records);

    if (e == ERR_OK)
        e = vault_record_by_key(records, VAULT_RECORD_NOTICE, key, &record);
    *ret = e == ERR_OK;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static void set_due(struct json *body, int64_t at_ms)
{
    receipt_set_instant(body, "at", at_ms);
    receipt_set_instant(body, "deadline", at_ms + NOTICE_DAYS * (int64_t)DAY_MS);
}

void notice__open(struct notices *n, struct vault_record *record, struct json *body, int64_t at_ms,
                  const char *reference)
{
    const struct recipient *r =
        recipient_find(notice__recipients(n), json_str_of(json_get(body, "recipient")));
    const int64_t now_ms = vault_now_s(n->vault) * 1000;

    record->state = r == NULL || r->server == NULL ? NOTICE_BY_HAND : NOTICE_TO_SEND;
    record->due_ms = record->state == NOTICE_TO_SEND ? now_ms : 0;
    set_due(body, at_ms);
    json_set_int(body, "since", now_ms / 1000);
    if (reference != NULL)
        json_set_str(body, "reference", reference);
}

static enum err end_notice(struct batch *b)
{
    AUTO(json_free) struct json *body = json_new_map();
    struct vault_record *record = &b->records[b->count];
    bool there = false;
    enum err e;

    *record = (struct vault_record){
        .kind = VAULT_RECORD_NOTICE, .slot = b->slot, .state = b->words->state};
    b->part++;
    set_key(b, record);
    json_set(body, "recipient", json_new_text(span_str(b->recipient->name)));
    json_set_str(body, "event", b->words->event);
    json_set_int(body, "part", b->part);
    json_set_int(body, "count", (int64_t)json_count(b->tokens));
    json_set(body, "tokens", TAKE(b->tokens));
    json_set_int(body, "tries", 0);
    b->bytes = 0;
    if (b->words->state != NOTICE_PLANNED)
        notice__open(b->n, record, body, b->words->at_ms, b->words->reference);
    e = is_there(b->n->vault, record->key, &there);
    if (e != ERR_OK || there)
        return e;
    e = notice__set_body(record, body, &b->texts[b->count]);
    b->count++;
    return e == ERR_OK && b->count == BATCH ? flush(b) : e;
}

static enum err put_token(struct batch *b, struct span text)
{
    enum err e = ERR_OK;

    if (b->tokens != NULL &&
        (json_count(b->tokens) == NOTICE_TOKENS_MAX || b->bytes + text.len > NOTICE_BYTES_MAX))
        e = end_notice(b);
    if (e != ERR_OK)
        return e;
    if (b->tokens == NULL)
        b->tokens = json_new_list();
    b->bytes += text.len;
    json_add(b->tokens, json_new_text(text));
    return ERR_OK;
}

static enum err make_for(struct batch *b, const struct notice_tokens *tokens)
{
    struct span text;
    uint16_t class_id;
    size_t at = 0;
    enum err e = ERR_OK;

    b->part = 0;
    while (e == ERR_OK && next_token(tokens, &at, &class_id, &text)) {
        const struct class_def *def = vault_class_def(b->n->vault, class_id);

        if (def == NULL || recipient_gets(b->recipient, def->name))
            e = put_token(b, text);
    }
    return e == ERR_OK && b->tokens != NULL ? end_notice(b) : e;
}

enum err notice__make(struct notices *n, const struct notice_tokens *tokens,
                      const struct notice_words *words)
{
    const struct recipients *recipients = notice__recipients(n);
    AUTO(batch_free) struct batch *b = mem_alloc(sizeof(*b));
    enum err e = ERR_OK;

    *b = (struct batch){.n = n, .words = words, .slot = tokens->slot};
    for (size_t i = 0; e == ERR_OK && i < recipients->count; i++) {
        b->recipient = &recipients->list[i];
        e = make_for(b, tokens);
    }
    return e == ERR_OK ? flush(b) : e;
}

/* ---- changing what is planned ---- */

typedef void (*change_fn)(struct notices *n, struct vault_record *record, struct json *body,
                          const void *context);

static enum err change_one(struct notices *n, struct vault_record record, change_fn change,
                           const void *context)
{
    AUTO(json_free) struct json *body = NULL;
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e = json_parse(record.body, &body) == ERR_OK ? ERR_OK : ERR_CORRUPT;

    if (e != ERR_OK)
        return e;
    change(n, &record, body, context);
    e = notice__set_body(&record, body, &text);
    return e == ERR_OK ? notice__write(n->vault, &record, 1) : e;
}

/* Each planned notice of a slot (0: of anybody) that tells of this event. */
static enum err change_planned(struct notices *n, uint64_t slot, const char *event,
                               change_fn change, const void *context)
{
    const struct vault_record_filter filter = {
        .kind = VAULT_RECORD_NOTICE, .states = NOTICE_IN(PLANNED), .slot = slot};
    struct vault_record record = {.number = 0};
    enum err e = ERR_OK;

    while (e == ERR_OK) {
        AUTO(vault_records_close) struct vault_records *records = NULL;
        AUTO(json_free) struct json *body = NULL;

        e = vault_records_open(n->vault, &records);
        if (e == ERR_OK)
            e = vault_record_next(records, &filter, record.number, &record);
        if (e == ERR_OK && json_parse(record.body, &body) != ERR_OK)
            e = ERR_CORRUPT;
        if (e == ERR_OK && span_equal(json_text_of(json_get(body, "event")), span_str(event)))
            e = change_one(n, record, change, context);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static void withdraw(struct notices *n, struct vault_record *record, struct json *body,
                     const void *context UNUSED)
{
    record->state = NOTICE_WITHDRAWN;
    notice__close(body, vault_now_s(n->vault) * 1000);
}

/* ---- erasures ---- */

/* Whom it is to erase; 0: nobody. */
static enum err find_person(struct vault *v, const struct vault_erase *op, uint64_t *ret_slot)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e;

    *ret_slot = op->slot;
    if (op->slot != 0)
        return ERR_OK;
    e = vault_reader_open(v, &reader);
    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_read_subject(reader, op->domain, op->name, ret_slot);
    vault_read_end(reader);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err notices_plan_erasure(struct notices *n, const struct vault_erase *op)
{
    static const struct notice_words words = {.event = "erased", .state = NOTICE_PLANNED};
    AUTO(notice__tokens_done) struct notice_tokens tokens = {.slot = 0};
    uint64_t slot = 0;
    enum err e;

    if (notice__recipients(n)->count == 0)
        return ERR_OK;
    e = find_person(n->vault, op, &slot);
    if (e != ERR_OK || slot == 0)
        return e;
    e = notice__tokens_read(n->vault, slot, &tokens);
    if (e == ERR_NOT_FOUND)
        return ERR_OK; /* erased before: what was planned then stays */
    if (e == ERR_OK)
        e = change_planned(n, slot, "erased", withdraw, NULL);
    if (e == ERR_OK)
        e = notice__make(n, &tokens, &words);
    FAULT_POINT("notices.planned");
    return e;
}

static void open_erased(struct notices *n, struct vault_record *record, struct json *body,
                        const void *context)
{
    const struct vault_erasure *erasure = context;
    char number[2 * VAULT_ID_BYTES + 1];

    proof_hex(erasure->id, VAULT_ID_BYTES, number);
    notice__open(n, record, body, erasure->cutoff_ms, number);
}

enum err notices_erased(struct notices *n, const struct vault_erasure *erasure)
{
    return change_planned(n, erasure->slot, "erased", open_erased, erasure);
}

/* ---- rectification ---- */

static void open_rectified(struct notices *n, struct vault_record *record, struct json *body,
                           const void *context UNUSED)
{
    notice__open(n, record, body, vault_now_s(n->vault) * 1000, NULL);
}

/* Whose the token is, and of which class. */
static enum err look_at(struct vault *v, const struct vault_rectify *op, struct vault_value *ret)
{
    const struct vault_scope scope = {
        .domain = op->domain, .class_id = op->class_id, .slot = op->slot};
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = vault_reader_open(v, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_inspect_as(reader, &scope, op->token, ret);
    vault_read_end(reader);
    return e;
}

enum err notices_plan_rectification(struct notices *n, const struct vault_rectify *op,
                                    struct notice_plan *ret)
{
    static const struct notice_words words = {.event = "rectified", .state = NOTICE_PLANNED};
    AUTO(notice__tokens_done) struct notice_tokens tokens = {.slot = 0};
    struct token_text token = {.len = (uint16_t)op->token.len};
    struct vault_value value;
    enum err e;

    ret->slot = 0;
    if (notice__recipients(n)->count == 0 || op->token.len > sizeof(token.bytes))
        return ERR_OK;
    e = look_at(n->vault, op, &value);
    if (e != ERR_OK) /* the operation itself says what is wrong */
        return e == ERR_IO || e == ERR_SEALED ? e : ERR_OK;
    memcpy(token.bytes, op->token.at, op->token.len);
    buf_init(&tokens.bytes, TOKENS_BYTES_MAX);
    tokens.slot = value.slot;
    e = add_token(&tokens, value.class_id, &token);
    if (e == ERR_OK)
        e = notice__make(n, &tokens, &words);
    ret->slot = value.slot;
    FAULT_POINT("notices.rectification_planned");
    return e;
}

enum err notices_end_plan(struct notices *n, const struct notice_plan *plan, bool happened)
{
    if (plan->slot == 0)
        return ERR_OK;
    return change_planned(n, plan->slot, "rectified", happened ? open_rectified : withdraw, NULL);
}

/* Whether a rectification happened that was under way when the process ended nobody knows: a recipient that is told
 * fetches the value once more than it had to. */
enum err notices_resume(struct notices *n)
{
    return change_planned(n, 0, "rectified", open_rectified, NULL);
}
