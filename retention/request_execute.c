/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying a request out.
 * Runs on: worker threads and the command line; blocks as long as an erasure. Holds: which requests are
 * being worked on, so that none is at twice. Invariant: a request stands at EXECUTING, durably, before
 * anything of it is destroyed; the person is the one that was found before, by a key slot that is never
 * given out again: done again, it destroys nothing newer and leads to the same receipt.
 * Not here: the erasure itself (erasure.c). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/fault.h"
#include "retention/proof.h"
#include "retention/requests_priv.h"

enum { TRIES = 4 }; /* of writing down what is done: somebody may enter a complaint meanwhile */

/* ---- one at a time ---- */

static bool enlist(struct requests *r, struct working_request *w)
{
    bool is_free = true;

    (void)pthread_mutex_lock(&r->lock);
    for (const struct working_request *at = r->working; at != NULL && is_free; at = at->next)
        is_free = at->number != w->number;
    if (is_free) {
        w->next = r->working;
        r->working = w;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return is_free;
}

static void delist(struct requests *r, const struct working_request *w)
{
    (void)pthread_mutex_lock(&r->lock);
    for (struct working_request **at = &r->working; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    (void)pthread_mutex_unlock(&r->lock);
}

/* ---- erasures of one day ---- */

/* How many were begun today before this process knew: from the records that were changed today. */
static enum err count_today(struct requests *r, struct civil today, int64_t *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    const struct vault_record_filter filter = {
        .kind = VAULT_RECORD_REQUEST, .states = ~(REQUEST_IN(RECEIVED) | REQUEST_IN(REFUSED))};
    const int64_t start_ms = calendar_start(today) * 1000;
    struct vault_record record = {.number = 0};
    int64_t count = 0;
    enum err e = vault_records_open(r->vault, &records);

    if (e != ERR_OK)
        return e;
    while ((e = vault_record_next(records, &filter, record.number, &record)) == ERR_OK) {
        AUTO(json_free) struct json *body = NULL;
        struct civil day;

        if (record.changed_ms < start_ms)
            continue;
        if (json_parse(record.body, &body) != ERR_OK)
            return ERR_CORRUPT;
        count += request__get_date(body, "executing", &day) && civil_compare(day, today) == 0;
    }
    *ret = count;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Take one of the day's. */
static enum err take_turn(const struct request_case *c, struct errmsg *msg)
{
    struct requests *r = c->r;
    const int64_t day = civil_days(c->today);
    int64_t count = -1;
    enum err e = ERR_OK;

    (void)pthread_mutex_lock(&r->lock);
    if (r->counted_day == day)
        count = r->counted;
    (void)pthread_mutex_unlock(&r->lock);
    if (count < 0)
        e = count_today(r, c->today, &count);
    if (e != ERR_OK)
        return e;
    (void)pthread_mutex_lock(&r->lock);
    if (r->counted_day != day) {
        r->counted_day = day;
        r->counted = count;
    }
    if (r->counted >= c->settings->erasures_per_day)
        e = ERR_LIMIT;
    else
        r->counted++;
    (void)pthread_mutex_unlock(&r->lock);
    return e == ERR_LIMIT
               ? errmsg_set(
                     msg, e,
                     "%d erasures were begun today, and \"erasures_per_day\" allows no more: "
                     "the request stays approved",
                     c->settings->erasures_per_day)
               : e;
}

/* ---- what is done ---- */

/* The date of an instant. */
static void set_day(struct json *map, const char *name, const struct json *instant)
{
    const struct span text = json_text_of(instant);
    struct json *day = text.len >= 10 ? json_new_text(span_of(text.at, 10)) : NULL;

    json_set(map, name, day == NULL ? json_new_null() : day);
}

static struct json *copy_of(const struct json *text)
{
    struct json *copy = json_kind(text) == JSON_TEXT ? json_new_text(json_text_of(text)) : NULL;

    return copy == NULL ? json_new_null() : copy;
}

/* What the receipt says was not erased, as the scope spells it. */
static struct json *kept_of(const struct json *receipt)
{
    const struct json *left = json_get(receipt, "not_erased");
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(left); i++) {
        const struct json *entry = json_at(left, i);
        struct json *map = json_new_map();

        json_set(map, "class", copy_of(json_get(entry, "class")));
        json_set(map, "exception", copy_of(json_get(entry, "code")));
        json_set(map, "law", copy_of(json_get(entry, "law")));
        json_set(map, "until", copy_of(json_get(entry, "review")));
        json_add(list, map);
    }
    return list;
}

static void note_receipt(struct json *body, struct json *right, const struct request_deed *deed)
{
    json_set_str(right, "receipt", deed->receipt);
    if (deed->document == NULL)
        return;
    json_set(right, "kept", kept_of(deed->document));
    set_day(body, "backups_until", json_get(deed->document, "unrecoverable_not_later_than"));
}

static void note_details(struct json *right, const struct json *details)
{
    struct json *value;
    const char *name;
    void *it = NULL;

    while (json_next(details, &it, &name, &value))
        json_set(right, name, json_clone(value));
}

static void note_deed(struct request_case *c, const struct request_deed *deed)
{
    struct json *right = request__right(c->body, deed->right);

    if (deed->has_receipt)
        note_receipt(c->body, right, deed);
    if (deed->details != NULL)
        note_details(right, deed->details);
    request__set_text(c->body, "failure", deed->failure);
    json_remove(c->body, "waiting");
    if (deed->failure != NULL) {
        REQUIRE(request_next_state(REQUEST_EXECUTING, REQUEST_FAIL, &c->next));
        return;
    }
    if (deed->goes_on)
        return;
    json_set_str(right, "outcome", json_count(json_get(right, "kept")) > 0 ? "partly" : "granted");
    request__set_text(right, "reference", deed->reference);
    request__set_date(right, "done", c->today);
    if (request__pending(c->body) > 0)
        return;
    request__set_date(c->body, "executed", c->today);
    REQUIRE(request_next_state(REQUEST_EXECUTING,
                               strcmp(request__decision(c->body), "granted") == 0
                                   ? REQUEST_SUCCEED
                                   : REQUEST_SUCCEED_PARTLY,
                               &c->next));
}

/* Others may write in the request meanwhile (a complaint): then once more, on what they left. */
static enum err write_deed(struct requests *r, uint64_t number, const struct request_ask *ask,
                           const struct request_deed *deed, struct errmsg *msg)
{
    enum err e = ERR_CONFLICT;

    for (int i = 0; i < TRIES && e == ERR_CONFLICT; i++) {
        AUTO(request__case_done) struct request_case c = {.body = NULL};

        e = request__load(r, number, ask, &c, msg);
        if (e != ERR_OK)
            return e;
        if (c.record.state != REQUEST_EXECUTING)
            return errmsg_set(msg, ERR_CONFLICT, "the request is not being executed any more");
        note_deed(&c, deed);
        e = request__save(&c, deed->failure == NULL ? "done" : "failed", msg);
    }
    return e;
}

/* ---- erasing ---- */

static void set_receipt(struct request_deed *deed, const uint8_t number[VAULT_ID_BYTES])
{
    deed->has_receipt = true;
    proof_hex(number, VAULT_ID_BYTES, deed->receipt);
}

static enum err read_receipt(struct requests *r, const uint8_t number[VAULT_ID_BYTES],
                             struct json **ret)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init(&text, PROOF_DOCUMENT_MAX);
    e = vault_receipt_read(r->vault, number, &text);
    if (e != ERR_OK)
        return e;
    return json_parse(buf_span(&text), ret) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

static enum err still_open(struct errmsg *msg)
{
    return errmsg_set(msg, ERR_BUSY,
                      "the key is destroyed; what remains of the erasure is still being finished: "
                      "execute the request again a little later");
}

/* The erasure was begun before, and the program ended before the request heard of it: look for its receipt
 * by the key slot. NOT_FOUND: there was none; the person's last values had ended by themselves. */
static enum err find_receipt(struct requests *r, uint64_t slot, struct request_deed *deed,
                             struct errmsg *msg)
{
    struct vault_receipt_entry entry = {.ledger_seq = 0};
    bool any_open = false;
    enum err e;

    while ((e = vault_receipt_next(r->vault, entry.ledger_seq, &entry)) == ERR_OK) {
        AUTO(json_free) struct json *tree = NULL;

        any_open = any_open || !entry.is_closed;
        if (!entry.is_closed)
            continue;
        e = read_receipt(r, entry.erasure, &tree);
        if (e != ERR_OK)
            return e;
        if (json_int_of(json_get(json_get(tree, "method"), "slot"), 0) == (int64_t)slot) {
            set_receipt(deed, entry.erasure);
            deed->document = TAKE(tree);
            return ERR_OK;
        }
    }
    if (e != ERR_NOT_FOUND)
        return e;
    return any_open ? still_open(msg) : ERR_NOT_FOUND;
}

/* A receipt whose number is known from before. */
static enum err finish_known(struct requests *r, const struct json *right,
                             struct request_deed *deed, struct errmsg *msg)
{
    uint8_t number[VAULT_ID_BYTES];
    enum err e;

    if (!proof_unhex(json_text_of(json_get(right, "receipt")), number, sizeof(number)))
        return ERR_CORRUPT;
    e = read_receipt(r, number, &deed->document);
    if (e == ERR_NOT_FOUND)
        return still_open(msg);
    if (e == ERR_OK)
        set_receipt(deed, number);
    return e;
}

/* The scope's exceptions as the vault wants them. */
static enum err read_exceptions(const struct request_case *c, struct vault_exception *ret,
                                size_t *ret_count, struct errmsg *msg)
{
    const struct json *kept = json_get(json_get(c->body, "scope"), "kept");

    for (size_t i = 0; i < json_count(kept); i++) {
        const struct json *entry = json_at(kept, i);
        const struct span law = json_text_of(json_get(entry, "law"));
        const struct class_def *def =
            classes_find(vault_classes(c->r->vault), json_text_of(json_get(entry, "class")));
        struct vault_exception x = {.values = 0};
        struct civil until;

        if (def == NULL)
            return errmsg_set(
                msg, ERR_CONFLICT,
                "a class that is to be kept has left the configuration: say the scope "
                "of a new request");
        if (!request__get_date(entry, "until", &until) || law.len > VAULT_LAW_MAX)
            return ERR_CORRUPT;
        x.class_id = vault_class_id(c->r->vault, def);
        x.code = json_text_of(json_get(entry, "exception")).at[strlen("17(3)(")];
        if (law.len > 0)
            memcpy(x.law, law.at, law.len);
        x.until_s = calendar_start(civil_of(civil_days(until) + 1)); /* the day itself, too */
        ret[i] = x;
    }
    *ret_count = json_count(kept);
    return ERR_OK;
}

/* The scope's classes; none is named: all of them. */
static enum err read_classes(const struct request_case *c, struct vault_class_set *ret,
                             struct errmsg *msg)
{
    const struct json *names = json_get(json_get(c->body, "scope"), "classes");

    for (size_t i = 0; i < json_count(names); i++) {
        const struct class_def *def =
            classes_find(vault_classes(c->r->vault), json_text_of(json_at(names, i)));

        if (def == NULL)
            return errmsg_set(msg, ERR_CONFLICT,
                              "a class that is to be erased has left the configuration: say the "
                              "scope of a new request");
        vault_class_set_add(ret, vault_class_id(c->r->vault, def));
    }
    return ERR_OK;
}

static enum err take_receipt(struct requests *r, const struct receipt *receipt,
                             struct request_deed *deed)
{
    set_receipt(deed, receipt->number);
    if (receipt->state == RECEIPT_COMPLETED)
        return read_receipt(r, receipt->number, &deed->document);
    deed->failure = receipt->state == RECEIPT_FAILED ? receipt->failed_step : "stopped";
    return ERR_OK;
}

static enum err erase_now(const struct request_case *c, struct request_deed *deed,
                          struct errmsg *msg)
{
    const struct json *right = request__right(c->body, REQUEST_ERASURE);
    AUTO(mem_free)
    struct vault_exception *exceptions = mem_alloc(REQUEST_KEPT_MAX * sizeof(*exceptions));
    AUTO(mem_free) struct receipt *receipt = mem_alloc(sizeof(*receipt));
    char reference[48];
    struct receipt_words words = {.ground = json_text_of(json_get(right, "ground")),
                                  .executed_by = span_str(c->ask->who)};
    struct erasure_request request = {.slot = c->record.slot,
                                      .words = &words,
                                      .exceptions = exceptions,
                                      .record = c->record.number,
                                      .restriction = (uint64_t)json_int_of(
                                          json_get(json_get(c->body, "restriction"), "number"), 0),
                                      .newer_than_s = INT64_MAX};
    enum err e = read_exceptions(c, exceptions, &request.exception_count, msg);

    if (e == ERR_OK)
        e = read_classes(c, &request.scope, msg);
    if (e != ERR_OK)
        return e;
    (void)snprintf(reference, sizeof(reference), "request %" PRIu64, c->record.number);
    words.reference = span_str(reference);
    e = erasure_run_request(c->r->erasures, &request, receipt);
    if (e == ERR_NOT_FOUND) {
        e = find_receipt(c->r, c->record.slot, deed, msg);
        if (e == ERR_NOT_FOUND)
            deed->reference = "nothing was left: the values had ended by themselves";
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    return e == ERR_OK ? take_receipt(c->r, receipt, deed) : e;
}

/* ---- a run ---- */

/* EXECUTING is durable before anything is destroyed. */
static enum err begin(struct request_case *c, struct errmsg *msg)
{
    const bool first = json_get(c->body, "executing") == NULL;
    enum err e = ERR_OK;

    if (first)
        e = take_turn(c, msg);
    if (e != ERR_OK)
        return e;
    request__set_date(c->body, "executing", c->today);
    return request__save(c, request_action_word(REQUEST_EXECUTE), msg);
}

/* An erasure cannot be yet, and the request is executed again later: a legal hold binds the person (the vault
 * erases when it ends), or he has a link to what would be gone. */
static enum err note_waiting(struct request_case *c, const char *what, struct errmsg *msg)
{
    if (c->record.state == REQUEST_EXECUTING &&
        span_equal(json_text_of(json_get(c->body, "waiting")), span_str(what)))
        return ERR_OK; /* that is known */
    json_set_str(c->body, "waiting", what);
    c->next = REQUEST_EXECUTING;
    return request__save(c, "waiting", msg);
}

static enum err erase(struct request_case *c, struct errmsg *msg)
{
    const struct json *right = request__right(c->body, REQUEST_ERASURE);
    AUTO(request__deed_done) struct request_deed deed = {.right = REQUEST_ERASURE};
    bool awaited = false;
    enum err e = request__is_awaited(c, &awaited);

    if (e == ERR_OK && awaited)
        return note_waiting(c, "the person has not fetched the export yet", msg);
    if (e == ERR_OK)
        e = begin(c, msg);
    if (e != ERR_OK)
        return e;
    FAULT_POINT("request.executing");
    if (json_text_of(json_get(right, "receipt")).len > 0)
        e = finish_known(c->r, right, &deed, msg);
    else
        e = erase_now(c, &deed, msg);
    if (e == ERR_BUSY)
        return e; /* it stays at EXECUTING */
    if (e == ERR_HELD)
        return note_waiting(c, "a legal hold binds the person", msg);
    FAULT_POINT("request.erased");
    if (e == ERR_CONFLICT) /* it can be refused then */
        deed.failure = "of what is meant every value is kept under an exception, or there is none";
    else if (e != ERR_OK)
        deed.failure = err_name(e);
    return write_deed(c->r, c->record.number, c->ask, &deed, msg);
}

/* Done by other means than this program's: it is told. */
static enum err record_done(struct request_case *c, const char *word, struct errmsg *msg)
{
    struct request_deed deed = {.right = REQUEST_RIGHT_COUNT};
    const struct json *right;
    enum err e = request__text(c, "reference", &deed.reference, msg);

    if (e != ERR_OK)
        return e;
    if (!request_right_of(span_str(word), &deed.right) ||
        (right = request__right(c->body, deed.right)) == NULL)
        return errmsg_set(msg, ERR_INVALID, "the request is not for that right");
    if (deed.right == REQUEST_ERASURE)
        return errmsg_set(msg, ERR_INVALID, "an erasure is carried out, not told of");
    if (!request__is_pending(right))
        return errmsg_set(msg, ERR_CONFLICT, "this right has its outcome already");
    if (deed.reference[0] == '\0')
        return errmsg_set(msg, ERR_INVALID, "say with \"reference\" what was done");
    c->next = REQUEST_EXECUTING;
    note_deed(c, &deed);
    return request__save(c, request_action_word(REQUEST_EXECUTE), msg);
}

/* ---- the other rights ---- */

/* Those to be carried out without a word on which one, in this order; whoever is erased can be shown nothing any
 * more, so that an erasure is the last. */
static const enum request_right order[] = {REQUEST_RECTIFICATION, REQUEST_RESTRICTION,
                                           REQUEST_OBJECTION,     REQUEST_ACCESS,
                                           REQUEST_PORTABILITY,   REQUEST_CONSENT};

static enum err carry_out(struct requests *r, uint64_t number, const struct request_ask *ask,
                          enum request_right right, struct errmsg *msg)
{
    AUTO(request__case_done) struct request_case c = {.body = NULL};
    AUTO(request__deed_done) struct request_deed deed = {.right = right};
    enum err e = request__load(r, number, ask, &c, msg);

    if (e == ERR_OK)
        e = request__may_carry_out(&c, right, msg);
    if (e == ERR_OK && c.record.state != REQUEST_EXECUTING) {
        c.next = REQUEST_EXECUTING;
        e = request__save(&c, request_action_word(REQUEST_EXECUTE), msg);
    }
    if (e != ERR_OK)
        return e;
    FAULT_POINT("request.right");
    e = request__carry_out(&c, right, &deed, msg);
    if (e == ERR_OK)
        e = write_deed(r, number, ask, &deed, msg);
    FAULT_POINT("request.noted");
    return e == ERR_OK && deed.failure != NULL ? ERR_CONFLICT : e;
}

/* The first that is not done yet; REQUEST_RIGHT_COUNT: none but, perhaps, the erasure. */
static enum request_right next_right(const struct json *body)
{
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        const struct json *right = request__right(body, order[i]);

        if (right != NULL && request__is_pending(right))
            return order[i];
    }
    return REQUEST_RIGHT_COUNT;
}

static enum err carry_out_all(struct request_case *c, struct errmsg *msg)
{
    const uint64_t number = c->record.number;
    enum request_right right;
    enum err e = ERR_OK;

    while (e == ERR_OK && (right = next_right(c->body)) != REQUEST_RIGHT_COUNT) {
        e = carry_out(c->r, number, c->ask, right, msg);
        if (e == ERR_OK) {
            struct request_case again = {.body = NULL};

            e = request__load(c->r, number, c->ask, &again, msg);
            request__case_done(c);
            *c = again;
        }
    }
    return e;
}

static enum err do_named(struct request_case *c, const char *word, struct errmsg *msg)
{
    const char *reference;
    enum request_right right;
    struct json *entry;
    enum err e = request__text(c, "reference", &reference, msg);

    if (e != ERR_OK)
        return e;
    if (reference[0] != '\0' || !request_right_of(span_str(word), &right) ||
        (entry = request__right(c->body, right)) == NULL)
        return record_done(c, word, msg);
    if (right == REQUEST_ERASURE)
        return errmsg_set(msg, ERR_INVALID, "an erasure comes last, and is not named");
    if (json_get(entry, "exports") != NULL && !request__is_pending(entry)) {
        c->next = (enum request_state)c->record.state;
        e = request__export_again(c, entry, msg);
        return e == ERR_OK ? request__save(c, request_action_word(REQUEST_EXECUTE), msg) : e;
    }
    if (!request__is_pending(entry))
        return errmsg_set(msg, ERR_CONFLICT, "this right has its outcome already");
    return carry_out(c->r, c->record.number, c->ask, right, msg);
}

/* Another export of what was granted is made until the request is closed. */
static bool is_again(const struct request_case *c, const char *word)
{
    static const uint64_t states = REQUEST_IN(VERIFIED_DONE) | REQUEST_IN(PARTLY_GRANTED) |
                                   REQUEST_IN(NOTIFYING) | REQUEST_IN(ANSWERED);
    enum request_right right;

    return (states >> c->record.state & 1) != 0 && request_right_of(span_str(word), &right) &&
           json_get(request__right(c->body, right), "exports") != NULL;
}

static enum err run(struct request_case *c, struct errmsg *msg)
{
    const enum request_state from = (enum request_state)c->record.state;
    const struct json *erasure = request__right(c->body, REQUEST_ERASURE);
    const char *word;
    enum err e = request__text(c, "right", &word, msg);

    if (e != ERR_OK)
        return e;
    if (is_again(c, word))
        return do_named(c, word, msg);
    /* Again: it is done, and its receipt is there. */
    if (word[0] == '\0' && erasure != NULL && !request__is_pending(erasure) &&
        json_text_of(json_get(erasure, "receipt")).len > 0)
        return ERR_OK;
    if (!request_next_state(from, REQUEST_EXECUTE, &c->next))
        return errmsg_set(msg, ERR_CONFLICT, "the request is %s: \"execute\" is not possible there",
                          request_state_word(from));
    if (word[0] != '\0')
        return do_named(c, word, msg);
    e = carry_out_all(c, msg);
    erasure = request__right(c->body, REQUEST_ERASURE);
    return e == ERR_OK && erasure != NULL && request__is_pending(erasure) ? erase(c, msg) : e;
}

enum err request__execute(struct requests *r, uint64_t number, const struct request_ask *ask,
                          struct errmsg *msg)
{
    AUTO(request__case_done) struct request_case c = {.body = NULL};
    struct working_request w = {.number = number};
    enum err e;

    if (!enlist(r, &w))
        return errmsg_set(msg, ERR_BUSY, "the request is being executed");
    e = request__load(r, number, ask, &c, msg);
    if (e == ERR_OK)
        e = run(&c, msg);
    delist(r, &w);
    return e;
}
