/* SPDX-License-Identifier: Apache-2.0 */
/* The note of an erasure: what the operator says of it and what is to be kept, as JSON.
 * Runs on: any thread. Holds: nothing. Not here: where it is kept (vault/). */
#include "retention/note.h"

#include <string.h>

#include "base/mem.h"

static const char *const word_names[] = {"reason", "reference", "executed_by", "ground",
                                         "approved_by"};

/* What is to be kept goes along, for an erasure that has to wait for a hold. */
static struct json *kept_list(const struct erasure_request *request)
{
    struct json *list = json_new_list();

    for (size_t i = 0; request != NULL && i < request->exception_count; i++) {
        const struct vault_exception *x = &request->exceptions[i];
        struct json *entry = json_new_map(), *law = json_new_text(span_str(x->law));

        json_set_int(entry, "class", x->class_id);
        json_set_int(entry, "code", x->code);
        json_set(entry, "law", law == NULL ? json_new_null() : law);
        json_set_int(entry, "until", x->until_s);
        json_add(list, entry);
    }
    return list;
}

/* Back into `ret`, which has VAULT_EXCEPTIONS_MAX; how many there are. */
size_t note_kept(const struct json *note, struct vault_exception *ret)
{
    const struct json *list = json_get(note, "except");
    size_t count = 0;

    for (size_t i = 0; i < json_count(list) && count < VAULT_EXCEPTIONS_MAX; i++) {
        const struct json *entry = json_at(list, i);
        const struct span law = json_text_of(json_get(entry, "law"));
        struct vault_exception *x = &ret[count++];

        *x = (struct vault_exception){
            .class_id = (uint16_t)json_int_of(json_get(entry, "class"), 0),
            .code = (char)json_int_of(json_get(entry, "code"), 'b'),
            .until_s = json_int_of(json_get(entry, "until"), 0),
        };
        if (law.len <= VAULT_LAW_MAX && law.len > 0)
            memcpy(x->law, law.at, law.len);
    }
    return count;
}

int64_t note_newer_than_s(const struct json *note)
{
    return json_int_of(json_get(note, "newer"), INT64_MAX);
}

static struct json *scope_list(const struct vault_class_set *scope)
{
    struct json *list = json_new_list();

    for (uint16_t id = 1; id <= CLASSES_MAX; id++)
        if (vault_class_set_has(scope, id))
            json_add(list, json_new_int(id));
    return list;
}

void note_scope(const struct json *note, struct erasure_request *ret)
{
    const struct json *list = json_get(note, "classes");

    for (size_t i = 0; i < json_count(list); i++) {
        const int64_t id = json_int_of(json_at(list, i), 0);

        if (id > 0 && id <= CLASSES_MAX)
            vault_class_set_add(&ret->scope, (uint16_t)id);
    }
    ret->record = (uint64_t)json_int_of(json_get(note, "record"), 0);
    ret->restriction = (uint64_t)json_int_of(json_get(note, "restriction"), 0);
}

enum err note_write(const struct receipt_words *words, const struct erasure_request *request,
                    struct buf *out)
{
    AUTO(json_free) struct json *map = json_new_map();
    const struct span texts[] = {words->reason, words->reference, words->executed_by, words->ground,
                                 words->approved_by};

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct json *text = texts[i].len == 0 ? json_new_null() : json_new_text(texts[i]);

        if (text == NULL)
            return ERR_INVALID;
        json_set(map, word_names[i], text);
    }
    json_set(map, "except", kept_list(request));
    if (request != NULL && request->newer_than_s != INT64_MAX)
        json_set_int(map, "newer", request->newer_than_s);
    if (request != NULL && !vault_class_set_is_all(&request->scope))
        json_set(map, "classes", scope_list(&request->scope));
    if (request != NULL && request->record != 0)
        json_set_int(map, "record", (int64_t)request->record);
    if (request != NULL && request->restriction != 0)
        json_set_int(map, "restriction", (int64_t)request->restriction);
    return json_write(map, out);
}

/* The words of a note, borrowed from ret_tree; none of one that cannot be read. */
struct receipt_words note_words(struct span note, struct json **ret_tree)
{
    if (note.len == 0 || json_parse(note, ret_tree) != ERR_OK)
        return (struct receipt_words){.reason = SPAN_NONE};
    return (struct receipt_words){
        .reason = json_text_of(json_get(*ret_tree, word_names[0])),
        .reference = json_text_of(json_get(*ret_tree, word_names[1])),
        .executed_by = json_text_of(json_get(*ret_tree, word_names[2])),
        .ground = json_text_of(json_get(*ret_tree, word_names[3])),
        .approved_by = json_text_of(json_get(*ret_tree, word_names[4])),
    };
}

/* Members that leave something: what stays, which classes are meant, until when stored. */
static enum err write_limits(const struct json *note, struct buf *out)
{
    AUTO(json_free) struct json *list = json_new_list();
    static const char *const names[] = {"except", "classes", "newer"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct json *member = json_get(note, names[i]);

        json_add(list, member == NULL ? json_new_null() : json_clone(member));
    }
    return json_write(list, out);
}

static bool limits_nothing(const struct json *note)
{
    return json_count(json_get(note, "except")) == 0 && json_get(note, "classes") == NULL &&
           json_get(note, "newer") == NULL;
}

static enum err read_request(const struct erasure_request *request, struct json **ret)
{
    static const struct receipt_words none;
    AUTO(buf_done) struct buf text = {.max = VAULT_NOTE_MAX};
    enum err e = note_write(&none, request, &text);

    return e == ERR_OK ? json_parse(buf_span(&text), ret) : e;
}

static bool limit_the_same(const struct json *one, const struct json *other)
{
    AUTO(buf_done) struct buf left = {.max = VAULT_NOTE_MAX}, right = left;

    return write_limits(one, &left) == ERR_OK && write_limits(other, &right) == ERR_OK &&
           span_equal(buf_span(&left), buf_span(&right));
}

bool note_covers(struct span note, const struct erasure_request *request)
{
    AUTO(json_free) struct json *there = NULL;
    AUTO(json_free) struct json *asked = NULL;

    if (json_parse(note, &there) != ERR_OK)
        return false;
    return limits_nothing(there) ||
           (read_request(request, &asked) == ERR_OK && limit_the_same(there, asked));
}

bool note_is_covered(struct span note, const struct erasure_request *request)
{
    AUTO(json_free) struct json *there = NULL;
    AUTO(json_free) struct json *asked = NULL;

    if (read_request(request, &asked) != ERR_OK)
        return false;
    return limits_nothing(asked) ||
           (json_parse(note, &there) == ERR_OK && limit_the_same(there, asked));
}
