/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures: of one person, whole or in part, carried out, tried or repeated.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: what is printed on a
 * receipt names nobody; a request that was carried out under a key is not carried out again. Not here: how
 * a person is found (ops.c), the erasure (retention/). */
#include "admin/ops_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/mem.h"
#include "retention/canonical.h"
#include "retention/repeat.h"

enum { DESCRIPTION_MAX = 65536 };

/* ---- exceptions, Art. 17(3) ---- */

static enum err read_code(const struct json *entry, char *ret, struct errmsg *msg)
{
    struct span text;
    enum err e = ops_need_text(entry, "code", &text, msg);

    if (e != ERR_OK)
        return e;
    if (text.len != 1 || text.at[0] < 'a' || text.at[0] > 'e')
        return errmsg_set(msg, ERR_INVALID,
                          "the code of an exception must be a letter from a to e, as in Art. "
                          "17(3)(b)");
    *ret = text.at[0];
    return ERR_OK;
}

/* An exception holds to the end of the day that is named. */
static enum err read_until(const struct admin *admin, const struct json *entry, int64_t *ret_s,
                           struct errmsg *msg)
{
    struct civil date;
    struct span text;
    enum err e = ops_need_text(entry, "until", &text, msg);

    if (e != ERR_OK)
        return e;
    if (!civil_parse(text, &date))
        return errmsg_set(msg, ERR_INVALID,
                          "an exception ends or is looked at again on a date such as 2034-12-31");
    *ret_s = calendar_end_of(calendar_start(date), CALENDAR_DAY);
    if (*ret_s <= vault_now_s(admin->vault))
        return errmsg_set(msg, ERR_INVALID, "an exception must hold beyond today");
    return ERR_OK;
}

static enum err read_exception(const struct admin *admin, const struct json *entry,
                               struct span subject, struct vault_exception *ret, struct errmsg *msg)
{
    struct span law;
    enum err e;

    *ret = (struct vault_exception){.class_id = 0};
    if (json_kind(entry) != JSON_MAP || json_get(entry, "class") == NULL)
        return errmsg_set(msg, ERR_INVALID, "an exception is {class, code, law, until}");
    e = ops_read_class(admin, entry, &ret->class_id, msg);
    if (e == ERR_OK)
        e = read_code(entry, &ret->code, msg);
    if (e == ERR_OK)
        e = ops_need_text(entry, "law", &law, msg);
    if (e != ERR_OK)
        return e;
    if (law.len == 0 || law.len > VAULT_LAW_MAX || memchr(law.at, '\0', law.len) != NULL)
        return errmsg_set(msg, ERR_INVALID, "an exception names its law in 1 to %d bytes",
                          VAULT_LAW_MAX);
    if (ops_mentions(law, subject))
        return errmsg_set(msg, ERR_INVALID,
                          "the law holds the subject's identifier; it is printed on the receipt, "
                          "which must name nobody");
    memcpy(ret->law, law.at, law.len);
    return read_until(admin, entry, &ret->until_s, msg);
}

struct exceptions {
    struct vault_exception at[VAULT_EXCEPTIONS_MAX];
    size_t count;
};

static enum err read_exceptions(const struct admin *admin, const struct json *request,
                                struct exceptions *ret, struct errmsg *msg)
{
    const struct span subject = json_text_of(json_get(request, "subject"));
    const struct json *list = json_get(request, "except");
    enum err e = ERR_OK;

    ret->count = 0;
    if (list == NULL)
        return ERR_OK;
    if (json_kind(list) != JSON_LIST || json_count(list) > VAULT_EXCEPTIONS_MAX)
        return errmsg_set(msg, ERR_INVALID, "\"except\" must be a list of at most %d exceptions",
                          VAULT_EXCEPTIONS_MAX);
    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++) {
        struct vault_exception *x = &ret->at[ret->count];

        e = read_exception(admin, json_at(list, i), subject, x, msg);
        for (size_t k = 0; e == ERR_OK && k < ret->count; k++)
            if (ret->at[k].class_id == x->class_id)
                return errmsg_set(msg, ERR_INVALID, "there are two exceptions for one class");
        ret->count++;
    }
    return e;
}

/* "only": the classes that are meant. */
static enum err read_only(const struct admin *admin, const struct json *request,
                          struct vault_class_set *ret, struct errmsg *msg)
{
    const struct json *list = json_get(request, "only");

    if (list == NULL)
        return ERR_OK;
    if (json_kind(list) != JSON_LIST || json_count(list) == 0 || json_count(list) > CLASSES_MAX)
        return errmsg_set(msg, ERR_INVALID, "\"only\" must be a list of classes");
    for (size_t i = 0; i < json_count(list); i++) {
        const struct class_def *def = classes_find(admin->classes, json_text_of(json_at(list, i)));

        if (def == NULL)
            return errmsg_set(msg, ERR_NOT_FOUND, "the configuration has no such class");
        vault_class_set_add(ret, vault_class_id(admin->vault, def));
    }
    return ERR_OK;
}

/* ---- trying it ---- */

static struct json *goes_list(const struct admin *admin, const struct vault_part *part)
{
    struct json *list = json_new_list();

    for (uint16_t id = 1; id <= CLASSES_MAX; id++) {
        const struct class_def *def =
            part->goes[id] == 0 ? NULL : vault_class_def(admin->vault, id);
        struct json *entry;

        if (def == NULL)
            continue;
        entry = json_new_map();
        json_set_str(entry, "class", def->name);
        json_set_int(entry, "values", (int64_t)part->goes[id]);
        json_add(list, entry);
    }
    return list;
}

static struct json *stays_list(const struct admin *admin, const struct vault_part *part)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < part->kept_count; i++) {
        const struct vault_exception *x = &part->kept[i];
        const struct class_def *def =
            x->values == 0 ? NULL : vault_class_def(admin->vault, x->class_id);
        struct json *entry;

        if (def == NULL)
            continue;
        entry = json_new_map();
        json_set_str(entry, "class", def->name);
        receipt_set_exception(entry, x);
        json_set_int(entry, "values", (int64_t)x->values);
        json_add(list, entry);
    }
    return list;
}

static enum err explain(enum err e, struct errmsg *msg)
{
    switch (e) {
    case ERR_CONFLICT:
        return errmsg_set(msg, e,
                          "nothing of this person may be erased now: every value is kept by an "
                          "exception or a statutory minimum (--dry-run shows them); nothing was "
                          "changed");
    case ERR_NOT_FOUND:
        return errmsg_set(msg, e,
                          "no subject of this domain has this identifier (or it was erased)");
    case ERR_BUSY:
        return errmsg_set(msg, e,
                          "another erasure of this person is going on, or waits for its turn and "
                          "is for something "
                          "else");
    default:
        return e;
    }
}

static enum err preview(const struct admin *admin, const struct erasure_request *erasure,
                        struct json **ret_response)
{
    const struct vault_part_ask ask = {.exceptions = erasure->exceptions,
                                       .count = erasure->exception_count,
                                       .scope = &erasure->scope,
                                       .newer_than_s = INT64_MAX,
                                       .exact = true};
    struct vault_part *part = mem_alloc(sizeof(*part));
    enum err e = vault_part_look(admin->vault, erasure->slot, &ask, part);

    if (e == ERR_OK) {
        struct json *map = json_new_map();

        json_set_bool(map, "dry_run", true);
        json_set(map, "goes", goes_list(admin, part));
        json_set(map, "stays", stays_list(admin, part));
        json_set_int(map, "values_going", (int64_t)part->gone);
        json_set_int(map, "values_staying", (int64_t)part->stays);
        json_set_int(map, "values_not_meant", (int64_t)part->other);
        *ret_response = map;
    }
    free(part);
    return e;
}

/* ---- carrying it out ---- */

static enum err erase(struct admin *admin, const struct erasure_request *request,
                      struct json **ret_response, struct errmsg *msg)
{
    struct receipt *receipt = mem_alloc(sizeof(*receipt));
    enum err e = explain(erasure_run_request(admin->erasures, request, receipt), msg);

    if (e == ERR_HELD)
        e = ops_held_erasure(admin, receipt, ret_response);
    else if (e == ERR_OK)
        e = receipt_json(receipt, admin->vault, request->words, ret_response);
    free(receipt);
    return e;
}

/* ---- under a key ---- */

/* The same text for the same request: who is meant, and what is kept. */
static enum err describe(const struct json *request, struct buf *out)
{
    static const char *const others[] = {"op", "ground", "reason", "reference", "key"};
    AUTO(buf_done) struct buf text = {.max = 0};
    AUTO(json_free) struct json *copy = NULL;
    enum err e;

    buf_init_secret(&text, out->max);
    e = json_write(request, &text);
    if (e == ERR_OK)
        e = json_parse(buf_span(&text), &copy);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT_OF(others); i++)
        json_remove(copy, others[i]);
    if (json_get(copy, "subject") != NULL && json_get(copy, "domain") == NULL)
        json_set_str(copy, "domain", DOMAIN_DEFAULT_NAME);
    return canonical_write(copy, out);
}

static enum err read_key(const struct json *request, struct span *ret, struct errmsg *msg)
{
    enum err e = ops_need_text(request, "key", ret, msg);

    if (e == ERR_OK && (ret->len == 0 || ret->len > REPEAT_KEY_MAX))
        return errmsg_set(msg, ERR_INVALID, "an idempotency key has 1 to %d bytes", REPEAT_KEY_MAX);
    return e;
}

static enum err used_otherwise(enum err e, struct errmsg *msg)
{
    return e == ERR_CONFLICT
               ? errmsg_set(msg, e,
                            "this idempotency key was used for another subject, or with other "
                            "exceptions; nothing was changed")
               : e;
}

/* A request under a key. */
struct asked {
    struct admin *admin;
    const struct json *request;
    struct repeat repeat;
    bool open;             /* out: it is still to be carried out */
    struct json *response; /* out: otherwise, what came of the first time */
};

static enum err what_came(struct asked *a, struct errmsg *msg)
{
    enum repeat_state state;
    enum err e = repeat_state(a->admin->vault, &a->repeat, &state);

    a->open = e == ERR_OK && state == REPEAT_OPEN;
    if (e != ERR_OK || state == REPEAT_OPEN)
        return e;
    if (state == REPEAT_GOING)
        return errmsg_set(msg, ERR_BUSY,
                          "the erasure that was asked for under this key is acknowledged and in "
                          "progress: ask again for its receipt");
    return ops_read_receipt(a->admin, a->repeat.number, &a->response);
}

/* Find out whether there is anything to do, and for whom. */
static enum err claim(struct asked *a, struct span key, struct errmsg *msg)
{
    struct vault *vault = a->admin->vault;
    AUTO(buf_done) struct buf text = {.max = 0};
    uint64_t slot = 0;
    enum err e;

    buf_init_secret(&text, DESCRIPTION_MAX);
    e = describe(a->request, &text);
    if (e == ERR_OK)
        e = used_otherwise(repeat_find(vault, key, buf_span(&text), &a->repeat), msg);
    if (e == ERR_OK)
        return what_came(a, msg);
    if (e != ERR_NOT_FOUND)
        return e;
    e = ops_find_person_now(a->admin, a->request, &slot, msg);
    if (e == ERR_OK)
        e = repeat_claim(vault, key, buf_span(&text), slot, &a->repeat);
    if (e == ERR_CONFLICT)
        return errmsg_set(msg, ERR_BUSY, "an erasure under this key has just begun: ask again");
    a->open = e == ERR_OK;
    return e;
}

/* ---- the operation ---- */

static enum err find(struct asked *a, struct erasure_request *erasure, struct errmsg *msg)
{
    struct span key;
    enum err e;

    a->open = true;
    if (json_get(a->request, "key") == NULL)
        return ops_find_person_now(a->admin, a->request, &erasure->slot, msg);
    e = read_key(a->request, &key, msg);
    if (e == ERR_OK)
        e = claim(a, key, msg);
    erasure->slot = a->repeat.slot;
    erasure->number = a->repeat.number;
    return e;
}

enum err ops_subject_erase(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg)
{
    struct receipt_words words = {.ground = SPAN_NONE};
    struct exceptions *x = mem_alloc(sizeof(*x));
    struct erasure_request erasure = {
        .words = &words, .exceptions = x->at, .newer_than_s = INT64_MAX};
    struct asked asked = {.admin = admin, .request = request};
    const bool dry_run = json_bool_of(json_get(request, "dry_run"), false);
    enum err e = ops_read_words(admin, request, &words, msg);

    if (e == ERR_OK)
        e = read_exceptions(admin, request, x, msg);
    erasure.exception_count = x->count;
    if (e == ERR_OK)
        e = read_only(admin, request, &erasure.scope, msg);
    if (e == ERR_OK)
        e = dry_run ? ops_find_person_now(admin, request, &erasure.slot, msg)
                    : find(&asked, &erasure, msg);
    /* Slots are never given out again: whoever is erased meanwhile is not found, nobody else is. */
    if (e == ERR_OK && dry_run)
        e = explain(preview(admin, &erasure, ret_response), msg);
    else if (e == ERR_OK && asked.open)
        e = erase(admin, &erasure, ret_response, msg);
    else if (e == ERR_OK)
        *ret_response = TAKE(asked.response);
    json_free(&asked.response);
    free(x);
    return e;
}

/* ---- many ---- */

/* What came of one of many: the receipt, or {"error", "message"}. */
static struct json *failed(enum err e, const struct errmsg *why)
{
    struct json *map = json_new_map();

    json_set_str(map, "error", err_name(e));
    json_set_str(map, "message", why->text[0] == '\0' ? err_text(e) : why->text);
    return map;
}

struct many {
    struct erasure_request requests[OPS_ERASE_MAX];
    enum err results[OPS_ERASE_MAX]; /* of those that were asked for */
    enum err came[OPS_ERASE_MAX];    /* of those that were found */
    struct errmsg why[OPS_ERASE_MAX];
    struct receipt receipts[OPS_ERASE_MAX];
    size_t place[OPS_ERASE_MAX]; /* of a request among those that were asked for */
    size_t count;
};

/* One of the subjects, as a request of its own. */
static enum err find_one(struct admin *admin, const struct json *request,
                         const struct json *subject, uint64_t *ret_slot, struct errmsg *msg)
{
    AUTO(json_free) struct json *one = json_new_map();
    const struct json *domain = json_get(request, "domain");

    json_set(one, "subject", json_new_text(json_text_of(subject)));
    if (domain != NULL && json_kind(domain) == JSON_TEXT)
        json_set(one, "domain", json_new_text(json_text_of(domain)));
    return ops_find_person_now(admin, one, ret_slot, msg);
}

static enum err check_words(const struct json *subjects, const struct receipt_words *words,
                            struct errmsg *msg)
{
    for (size_t i = 0; i < json_count(subjects); i++) {
        const struct span subject = json_text_of(json_at(subjects, i));

        if (ops_mentions(words->reason, subject) || ops_mentions(words->reference, subject))
            return errmsg_set(msg, ERR_INVALID,
                              "reason or reference hold the identifier of entry %zu; they are "
                              "printed on the receipt, which must name nobody",
                              i + 1);
    }
    return ERR_OK;
}

static enum err erase_many(struct admin *admin, const struct json *request,
                           const struct json *subjects, const struct receipt_words *words,
                           struct json **ret_response)
{
    AUTO(json_free) struct json *list = json_new_list();
    struct many *m = mem_alloc(sizeof(*m));
    size_t at = 0;
    enum err e = ERR_OK;

    for (size_t i = 0; i < json_count(subjects); i++) {
        struct erasure_request *r = &m->requests[m->count];

        *r = (struct erasure_request){.words = words, .newer_than_s = INT64_MAX};
        m->results[i] = find_one(admin, request, json_at(subjects, i), &r->slot, &m->why[i]);
        if (m->results[i] == ERR_OK)
            m->place[m->count++] = i;
    }
    erasure_run_many(admin->erasures, m->requests, m->count, m->came, m->receipts);
    for (size_t i = 0; i < m->count; i++)
        m->results[m->place[i]] = explain(m->came[i], &m->why[m->place[i]]);
    for (size_t i = 0; e == ERR_OK && i < json_count(subjects); i++) {
        struct json *entry = NULL;
        const bool was_run = at < m->count && m->place[at] == i;

        if (m->results[i] == ERR_OK)
            e = receipt_json(&m->receipts[at], admin->vault, words, &entry);
        else if (m->results[i] == ERR_HELD)
            e = ops_held_erasure(admin, &m->receipts[at], &entry);
        else
            entry = failed(m->results[i], &m->why[i]);
        at += was_run;
        if (e == ERR_OK)
            json_add(list, entry);
    }
    free(m);
    if (e != ERR_OK)
        return e;
    *ret_response = json_new_map();
    json_set(*ret_response, "erasures", TAKE(list));
    return ERR_OK;
}

enum err ops_subject_erase_many(struct admin *admin, const struct json *request,
                                struct json **ret_response, struct errmsg *msg)
{
    struct receipt_words words = {.ground = SPAN_NONE};
    const struct json *subjects;
    enum err e = ops_need_texts(request, "subjects", &subjects, msg);

    if (e == ERR_OK && json_count(subjects) > OPS_ERASE_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "\"subjects\" holds more than %d entries",
                          OPS_ERASE_MAX);
    if (e == ERR_OK)
        e = ops_read_words(admin, request, &words, msg);
    if (e == ERR_OK)
        e = check_words(subjects, &words, msg);
    return e == ERR_OK ? erase_many(admin, request, subjects, &words, ret_response) : e;
}
