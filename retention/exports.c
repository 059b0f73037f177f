/* SPDX-License-Identifier: Apache-2.0 */
/* Exports that are given out, and links to them.
 * Runs on: worker threads and the command line; blocks. Holds: what the configuration says of controller and
 * recipients, now and before.
 * Invariant: record and audit trail know of an export before anybody has it; a link goes from open to used in
 * one compare-and-set, so that one of many gets the document. Not here: what is in it (export.c).
 *
 * The body of a record:
 *
 *   {"by", "format", "lang", "portable", "values"?, "digest"?, "expires"?, "taken"?}    instants in ms since 1970
 */
#include "retention/exports.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/mem.h"
#include "base/secret.h"
#include "retention/proof.h"
#include "vault/audit.h"
#include "vault/records.h"
#include "vault/restore.h"

enum { FORGET_AT_ONCE = 500, DAY_S = 86400, BODY_MAX = 4096, TOKEN_BYTES = 32 };
_Static_assert(2 * TOKEN_BYTES == EXPORTS_TOKEN_CHARS, "in hexadecimal");
_Static_assert(2 * SECRET_HASH_BYTES == VAULT_RECORD_KEY_MAX, "the hash of a token is a key");

/* Kept in the database: add at the end. */
enum export_state { STATE_MADE = 1, STATE_LINK, STATE_USED, STATE_ENDED };

/* One that was replaced stays until the end: somebody may be reading it. */
struct settings {
    struct export_facts facts;
    struct period keep;
    struct settings *older;
};

struct exports {
    struct vault *vault;
    pthread_mutex_t lock;
    struct settings *settings; /* newest first */
};

struct exports *exports_new(struct vault *vault)
{
    struct exports *x = mem_alloc(sizeof(*x));

    x->vault = vault;
    REQUIRE(pthread_mutex_init(&x->lock, NULL) == 0);
    return x;
}

void exports_free(struct exports **exportsp)
{
    struct exports *x = TAKE(*exportsp);

    if (x == NULL)
        return;
    while (x->settings != NULL) {
        struct settings *first = x->settings;

        x->settings = first->older;
        controller_done(&first->facts.controller);
        recipients_done(&first->facts.recipients);
        free(first);
    }
    (void)pthread_mutex_destroy(&x->lock);
    free(x);
}

static char *copy(const char *text)
{
    return text == NULL ? NULL : mem_strdup(text);
}

void exports_configure(struct exports *x, const struct controller *controller,
                       const struct recipients *recipients, const struct period *keep)
{
    struct settings *first = mem_alloc(sizeof(*first));

    first->keep = *keep;
    recipients_copy(recipients, &first->facts.recipients);
    first->facts.controller =
        (struct controller){.name = copy(controller->name),
                            .contact = copy(controller->contact),
                            .representative = copy(controller->representative),
                            .dpo = copy(controller->dpo),
                            .country = copy(controller->country),
                            .timezone = copy(controller->timezone)};
    (void)pthread_mutex_lock(&x->lock);
    first->older = x->settings;
    x->settings = first;
    (void)pthread_mutex_unlock(&x->lock);
}

static const struct settings *in_force(struct exports *x)
{
    const struct settings *settings;

    (void)pthread_mutex_lock(&x->lock);
    settings = x->settings;
    (void)pthread_mutex_unlock(&x->lock);
    REQUIRE(settings != NULL);
    return settings;
}

/* ---- the record ---- */

static struct json *body_of(const struct export_order *order)
{
    struct json *body = json_new_map(), *by = json_new_text(order->who);

    json_set(body, "by", by == NULL ? json_new_null() : by);
    json_set_str(body, "format", export_format_word(order->format));
    json_set_str(body, "lang", letter_lang_word(order->ask.lang));
    json_set_bool(body, "portable", order->ask.portable);
    return body;
}

static void note_document(struct json *body, const struct json *tree)
{
    json_set_int(body, "values", (int64_t)json_count(json_get(tree, "values")));
    json_set(body, "digest", json_clone(json_get(tree, "digest")));
}

/* Write it, and forget what is older than such things are kept. A year is a day longer than another. */
static enum err write_record(struct exports *x, struct vault_record *record,
                             const struct json *body)
{
    const int64_t now_s = vault_now_s(x->vault);
    AUTO(buf_done) struct buf text = {.max = BODY_MAX};
    struct vault_records_write op = {
        .op = {.kind = VAULT_RECORDS},
        .records = record,
        .count = 1,
        .forget = VAULT_RECORD_EXPORT,
        .forget_states = VAULT_RECORD_ANY,
        .forget_before_ms = (now_s - period_add(0, &in_force(x)->keep) - 2 * DAY_S) * 1000,
        .forget_limit = FORGET_AT_ONCE};
    enum err e = json_write(body, &text);

    if (e != ERR_OK)
        return e;
    record->body = buf_span(&text);
    e = vault_run(x->vault, &op.op);
    record->body = SPAN_NONE;
    return e;
}

/* ---- the audit trail ---- */

/* How many values of each class the document shows, as entries of this person's. To the person himself
 * nothing is disclosed: then they count as found. */
static size_t count_entries(struct exports *x, const struct json *tree,
                            const uint8_t tag[AUDIT_TAG_BYTES], bool to_person,
                            struct audit_entry *entries)
{
    const struct json *categories = json_get(tree, "categories");
    const struct classes *classes = vault_classes(x->vault);
    size_t count = 0;

    for (size_t i = 0; i < json_count(categories) && count < CLASSES_MAX; i++) {
        const struct json *category = json_at(categories, i);
        const struct class_def *def =
            classes_find(classes, json_text_of(json_get(category, "class")));
        const int64_t values = json_int_of(json_get(category, "values"), 0);
        const uint16_t n = values > UINT16_MAX ? UINT16_MAX : (uint16_t)values;
        struct audit_entry *entry = &entries[count];

        if (def == NULL)
            continue;
        *entry = (struct audit_entry){.class_id = vault_class_id(x->vault, def),
                                      .values = to_person ? 0 : n,
                                      .tokens = to_person ? n : 0};
        memcpy(entry->tag, tag, AUDIT_TAG_BYTES);
        count++;
    }
    return count;
}

static enum err read_tag(struct exports *x, uint64_t slot, uint8_t ret[AUDIT_TAG_BYTES])
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = vault_reader_open(x->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = audit_subject_tag(reader, slot, ret);
    vault_read_end(reader);
    return e;
}

struct telling {
    uint64_t number;
    struct span address; /* at is NULL: it went to an operator */
};

static enum err tell_trail(struct exports *x, const struct export_order *order,
                           const struct json *tree, const struct telling *telling)
{
    const bool to_person = telling->address.at != NULL;
    AUTO(mem_free) struct audit_entry *entries = mem_try_alloc(CLASSES_MAX, sizeof(*entries));
    uint8_t tag[AUDIT_TAG_BYTES];
    char number[24];
    struct audit_record record = {.action = AUDIT_EXPORT,
                                  .outcome = AUDIT_DONE,
                                  .role = to_person ? AUDIT_SYSTEM : AUDIT_OPERATOR,
                                  .who = to_person ? SPAN_LIT("link") : order->who,
                                  .address = telling->address,
                                  .purpose = order->ask.portable ? SPAN_LIT("portability")
                                                                 : SPAN_LIT("access"),
                                  .operation = SPAN_LIT("subject.export"),
                                  .entries = entries};
    enum err e = entries == NULL ? ERR_NO_SPACE : read_tag(x, order->ask.slot, tag);

    if (e != ERR_OK)
        return e;
    (void)snprintf(number, sizeof(number), "%" PRIu64, telling->number);
    record.object = span_str(number);
    record.entry_count = count_entries(x, tree, tag, to_person, entries);
    return audit_write(vault_audit(x->vault), &record);
}

/* ---- at once ---- */

enum err exports_make(struct exports *x, const struct export_order *order, struct json **ret_tree,
                      uint64_t *ret_number, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *body = body_of(order);
    struct vault_record record = {
        .kind = VAULT_RECORD_EXPORT, .slot = order->ask.slot, .state = STATE_MADE};
    struct telling telling = {.address = SPAN_NONE};
    enum err e = export_make(x->vault, &in_force(x)->facts, &order->ask, &tree, msg);

    if (e != ERR_OK)
        return e;
    note_document(body, tree);
    e = write_record(x, &record, body);
    telling.number = record.number;
    if (e == ERR_OK)
        e = tell_trail(x, order, tree, &telling);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "the export cannot be recorded, and is not given out: %s",
                          err_text(e));
    *ret_number = record.number;
    *ret_tree = TAKE(tree);
    return ERR_OK;
}

/* ---- links ---- */

static void key_of(struct span token, char ret[VAULT_RECORD_KEY_MAX + 1])
{
    uint8_t hash[SECRET_HASH_BYTES];

    secret_hash(token.at, token.len, hash);
    proof_hex(hash, sizeof(hash), ret);
}

static void new_token(char ret[EXPORTS_TOKEN_CHARS + 1])
{
    uint8_t bytes[TOKEN_BYTES];

    secret_random(bytes, sizeof(bytes));
    proof_hex(bytes, sizeof(bytes), ret);
    secret_wipe(bytes, sizeof(bytes));
}

enum err exports_link(struct exports *x, const struct export_order *order,
                      const struct period *lifetime, struct export_link *ret, struct errmsg *msg)
{
    const int64_t now_s = vault_now_s(x->vault);
    AUTO(json_free) struct json *body = body_of(order);
    struct vault_record record = {
        .kind = VAULT_RECORD_EXPORT, .slot = order->ask.slot, .state = STATE_LINK};
    struct export_link link = {.expires_s = calendar_add(now_s, lifetime)};
    uint8_t tag[AUDIT_TAG_BYTES];
    enum err e;

    if (link.expires_s > now_s + (int64_t)EXPORTS_LINK_DAYS_MAX * DAY_S)
        return errmsg_set(msg, ERR_INVALID, "a link is good for %d days at most",
                          EXPORTS_LINK_DAYS_MAX);
    e = read_tag(x, order->ask.slot, tag);
    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, e, "there is no such person (any more)");
    if (e != ERR_OK)
        return e;
    json_set_int(body, "expires", link.expires_s * 1000);
    new_token(link.token);
    key_of(span_str(link.token), record.key);
    e = write_record(x, &record, body);
    link.number = record.number;
    if (e == ERR_OK)
        *ret = link;
    secret_wipe(&link, sizeof(link));
    return e;
}

/* A link that was found. */
struct found {
    struct vault_record record; /* without its body */
    struct json *body;
    struct export_order order;
};

static void found_done(struct found *f)
{
    json_free(&f->body);
}

static enum err read_found(struct exports *x, struct span token, struct found *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    char key[VAULT_RECORD_KEY_MAX + 1];
    enum err e;

    if (token.len != EXPORTS_TOKEN_CHARS)
        return ERR_NOT_FOUND;
    key_of(token, key);
    e = vault_records_open(x->vault, &records);
    if (e == ERR_OK)
        e = vault_record_by_key(records, VAULT_RECORD_EXPORT, key, &ret->record);
    if (e == ERR_OK &&
        (json_parse(ret->record.body, &ret->body) != ERR_OK || json_kind(ret->body) != JSON_MAP))
        e = ERR_CORRUPT;
    ret->record.body = SPAN_NONE;
    return e;
}

/* An older database does not know whether the link was used since. */
static bool is_before_restore(struct exports *x, const struct vault_record *record)
{
    return record->at_ms <= vault_restored_ms(x->vault);
}

/* As exports_look(). */
static enum err find_link(struct exports *x, struct span token, struct found *ret)
{
    uint8_t tag[AUDIT_TAG_BYTES];
    enum err e = read_found(x, token, ret);

    if (e != ERR_OK)
        return e;
    if (ret->record.state != STATE_LINK || is_before_restore(x, &ret->record) ||
        json_int_of(json_get(ret->body, "expires"), 0) <= vault_now_s(x->vault) * 1000)
        return ERR_GONE;
    e = read_tag(x, ret->record.slot, tag);
    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? ERR_GONE : e;
    ret->order = (struct export_order){
        .ask = {.slot = ret->record.slot,
                .portable = json_bool_of(json_get(ret->body, "portable"), false)},
        .format = EXPORT_HTML,
        .who = json_text_of(json_get(ret->body, "by"))};
    return letter_lang_of(json_text_of(json_get(ret->body, "lang")), &ret->order.ask.lang)
               ? ERR_OK
               : ERR_CORRUPT;
}

enum err exports_look(struct exports *x, struct span token, enum letter_lang *ret_lang)
{
    AUTO(found_done) struct found f = {.body = NULL};
    enum err e = find_link(x, token, &f);

    if (e == ERR_OK)
        *ret_lang = f.order.ask.lang;
    return e;
}

/* From here on it is nobody else's. GONE: somebody was quicker. */
static enum err use_up(struct exports *x, struct found *f, const struct json *tree)
{
    enum err e;

    f->record.state = STATE_USED;
    json_set_int(f->body, "taken", vault_now_s(x->vault) * 1000);
    note_document(f->body, tree);
    e = write_record(x, &f->record, f->body);
    return e == ERR_CONFLICT || e == ERR_NOT_FOUND ? ERR_GONE : e;
}

enum err exports_take(struct exports *x, struct span token, struct span address, struct buf *out)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf text = {.max = 0};
    AUTO(found_done) struct found f = {.body = NULL};
    struct telling telling = {.address = address.at == NULL ? SPAN_LIT("") : address};
    enum err e = find_link(x, token, &f);

    buf_init_secret(&text, EXPORT_TEXT_MAX);
    if (e != ERR_OK)
        return e;
    e = export_make(x->vault, &in_force(x)->facts, &f.order.ask, &tree, NULL);
    if (e == ERR_NOT_FOUND)
        return ERR_GONE;
    if (e == ERR_OK)
        e = export_write(tree, EXPORT_HTML, &text);
    if (e == ERR_OK)
        e = use_up(x, &f, tree);
    telling.number = f.record.number;
    if (e == ERR_OK)
        e = tell_trail(x, &f.order, tree, &telling);
    return e == ERR_OK ? buf_append_span(out, buf_span(&text)) : e;
}

/* ---- afterwards ---- */

static enum err read_record(struct exports *x, uint64_t number, struct found *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    enum err e = vault_records_open(x->vault, &records);

    if (e == ERR_OK)
        e = vault_record_get(records, VAULT_RECORD_EXPORT, number, &ret->record);
    if (e == ERR_OK &&
        (json_parse(ret->record.body, &ret->body) != ERR_OK || json_kind(ret->body) != JSON_MAP))
        e = ERR_CORRUPT;
    ret->record.body = SPAN_NONE;
    return e;
}

enum err exports_end_link(struct exports *x, uint64_t number)
{
    AUTO(found_done) struct found f = {.body = NULL};
    enum err e = read_record(x, number, &f);

    if (e == ERR_NOT_FOUND || (e == ERR_OK && f.record.state != STATE_LINK))
        return ERR_OK;
    if (e != ERR_OK)
        return e;
    f.record.state = STATE_ENDED;
    e = write_record(x, &f.record, f.body);
    return e == ERR_CONFLICT ? ERR_OK : e; /* it was used just now */
}

enum err exports_show(struct exports *x, uint64_t number, struct export_shown *ret)
{
    AUTO(found_done) struct found f = {.body = NULL};
    struct export_shown shown = {.fate = EXPORT_ENDED};
    struct span digest;
    enum err e = read_record(x, number, &f);

    if (e != ERR_OK)
        return e;
    if (f.record.state == STATE_MADE)
        shown.fate = EXPORT_GIVEN;
    else if (f.record.state == STATE_USED)
        shown.fate = EXPORT_TAKEN;
    else if (f.record.state == STATE_LINK && !is_before_restore(x, &f.record) &&
             json_int_of(json_get(f.body, "expires"), 0) > vault_now_s(x->vault) * 1000)
        shown.fate = EXPORT_WAITS;
    shown.taken_ms = json_int_of(json_get(f.body, "taken"), 0);
    digest = json_text_of(json_get(f.body, "digest"));
    if (digest.len < sizeof(shown.digest) && digest.len > 0)
        memcpy(shown.digest, digest.at, digest.len);
    *ret = shown;
    return ERR_OK;
}

const char *export_fate_word(enum export_fate fate)
{
    static const char *const words[] = {[EXPORT_GIVEN] = "given",
                                        [EXPORT_WAITS] = "waits",
                                        [EXPORT_TAKEN] = "taken",
                                        [EXPORT_ENDED] = "ended"};

    REQUIRE((unsigned)fate < COUNT_OF(words));
    return words[fate];
}
