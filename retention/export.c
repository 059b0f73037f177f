/* SPDX-License-Identifier: Apache-2.0 */
/* The document for one person, as a tree.
 * Runs on: a worker thread. Holds: one value at a time beside the tree, both in memory that is wiped.
 * Invariant: everything in it is of one subject; values are opened in short transactions, and if the person is
 * erased between two of them there is no document. Not here: what is done with it (exports.c), how it looks
 * (export_html.c, export_csv.c), its words (export_words.c). */
#include "retention/export_priv.h"

#include <string.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/secret.h"
#include "retention/canonical.h"
#include "retention/consents.h"
#include "retention/proof.h"
#include "retention/receipt.h"
#include "vault/audit_read.h"
#include "vault/holds.h"
#include "vault/owned.h"
#include "version.h"

enum { BATCH_ROWS = 500, LOG_MAX = 100000, DAY_S = 86400, SALT_BYTES = 16 };

static const char *const format_words[] = {
    [EXPORT_JSON] = "json", [EXPORT_HTML] = "html", [EXPORT_CSV] = "csv"};

const char *export_format_word(enum export_format format)
{
    return format_words[format];
}

bool export_format_of(struct span word, enum export_format *ret)
{
    for (size_t i = 0; i < COUNT_OF(format_words); i++) {
        if (!span_equal(word, span_str(format_words[i])))
            continue;
        *ret = (enum export_format)i;
        return true;
    }
    return false;
}

struct making {
    struct vault *vault;
    struct vault_reader *reader;
    const struct export_facts *facts;
    const struct export_ask *ask;
    const struct classes *classes;
    struct json *tree;
    struct errmsg *msg;
    struct json *list; /* that an entry of the trail goes to */
    size_t values;     /* so far */
    uint8_t tag[AUDIT_TAG_BYTES];
};

static void set_words(struct json *map, const char *name, const char *text)
{
    json_set(map, name, text == NULL ? json_new_null() : json_new_text(span_str(text)));
}

static void set_word(struct making *m, const char *name, enum export_word word)
{
    json_set_str(m->tree, name, export__word(word, m->ask->lang));
}

static void set_span(struct json *map, const char *name, struct span text)
{
    struct json *value = text.len == 0 ? NULL : json_new_text(text);

    json_set(map, name, value == NULL ? json_new_null() : value);
}

static void set_instant(struct json *map, const char *name, int64_t at_s)
{
    char text[24];

    period_format_instant(at_s, text);
    json_set_str(map, name, text);
}

/* ---- who tells, and what for ---- */

static void set_head(struct making *m)
{
    const struct controller *controller = &m->facts->controller;
    const bool portable = m->ask->portable;
    struct json *who = json_new_map();

    json_set_str(m->tree, "format", EXPORT_FORMAT);
    set_word(m, "title", portable ? WORD_TITLE_PORTABLE : WORD_TITLE);
    set_word(m, "about", portable ? WORD_INTRO_PORTABLE : WORD_INTRO);
    json_set_str(m->tree, "lang", letter_lang_word(m->ask->lang));
    json_set_str(m->tree, "article", portable ? "20" : "15");
    set_instant(m->tree, "as_of", vault_now_s(m->vault));
    json_set_str(m->tree, "zone", calendar_zone());
    json_set_str(m->tree, "version", LETHE_VERSION);
    json_set_str(m->tree, "commit", LETHE_COMMIT);
    set_words(who, "name", controller->name);
    set_words(who, "contact", controller->contact);
    set_words(who, "representative", controller->representative);
    set_words(who, "dpo", controller->dpo);
    set_words(who, "country", controller->country);
    json_set(m->tree, "controller", who);
}

static void set_rights(struct making *m)
{
    static const enum export_word rights[] = {WORD_RIGHT_RECTIFICATION, WORD_RIGHT_ERASURE,
                                              WORD_RIGHT_RESTRICTION,   WORD_RIGHT_PORTABILITY,
                                              WORD_RIGHT_OBJECTION,     WORD_RIGHT_WITHDRAW};
    struct json *list = json_new_list(), *automated = json_new_map();

    json_set_bool(automated, "made", false);
    json_set_str(automated, "text", export__word(WORD_AUTOMATED_TEXT, m->ask->lang));
    json_set(m->tree, "automated_decisions", automated);
    for (size_t i = 0; i < COUNT_OF(rights); i++)
        json_add(list, json_new_text(span_str(export__word(rights[i], m->ask->lang))));
    json_set(m->tree, "rights", list);
    set_word(m, "complaint", WORD_COMPLAINT);
}

/* ---- values ---- */

/* Art. 20(1): what rests on consent or on a contract. */
static bool is_wanted(const struct making *m, const struct class_def *def)
{
    return !m->ask->portable || strcmp(def->basis, "6(1)(a)") == 0 ||
           strcmp(def->basis, "6(1)(b)") == 0;
}

/* Whom its values may have reached behind the applications; who was shown them here is in the log. */
static struct json *recipients_of(const struct making *m, const struct class_def *def)
{
    const struct recipients *all = &m->facts->recipients;
    struct json *list = json_new_list();

    for (size_t i = 0; i < all->count; i++)
        if (recipient_gets(&all->list[i], def->name))
            json_add(list, json_new_text(span_str(all->list[i].name)));
    return list;
}

static void add_category(struct making *m, const struct class_def *def, size_t count)
{
    struct json *map = json_new_map(), *purposes = json_new_list();
    char rule[EXPORT_RULE_MAX];

    json_set_str(map, "class", def->name);
    set_words(map, "description", def->description);
    for (size_t i = 0; i < def->purpose_count; i++)
        json_add(purposes, json_new_text(span_str(def->purposes[i])));
    json_set(map, "purposes", purposes);
    if (!m->ask->portable)
        json_set(map, "recipients", recipients_of(m, def));
    json_set_str(map, "basis", def->basis);
    json_set_str(map, "basis_text", export__basis(def->basis, m->ask->lang));
    set_words(map, "law", def->law);
    set_words(map, "special_category", def->special);
    export__rule(&def->rule, m->ask->lang, rule);
    json_set_str(map, "retention", rule);
    json_set_int(map, "values", (int64_t)count);
    json_add(json_get(m->tree, "categories"), map);
}

static enum err add_value(struct making *m, const struct class_def *def,
                          const struct vault_owned *owned, struct span value)
{
    static const char *const kinds[] = {
        [VALUE_STRING] = "string", [VALUE_NUMBER] = "number", [VALUE_BOOL] = "boolean"};
    struct json *text = json_new_text(value), *map;

    if (text == NULL)
        return ERR_CORRUPT; /* only UTF-8 is ever stored */
    map = json_new_map();
    json_set_str(map, "class", def->name);
    json_set(map, "value", text);
    json_set_str(map, "type", kinds[owned->value.kind]);
    set_span(map, "token", span_of(owned->token.bytes, owned->token.len));
    set_instant(map, "created", owned->value.created_s);
    set_instant(map, "due", owned->value.due_s);
    json_set_bool(map, "held", owned->held);
    json_set_bool(map, "restricted", owned->restricted);
    json_add(json_get(m->tree, "values"), map);
    return ERR_OK;
}

/* Some values of a class, in one transaction. NOT_FOUND past the last. */
static enum err add_batch(struct making *m, const struct class_def *def, uint64_t *after,
                          size_t *count, struct buf *value)
{
    const uint16_t class_id = vault_class_id(m->vault, def);
    struct vault_owned owned;
    enum err e = vault_read_begin(m->reader);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < BATCH_ROWS && e == ERR_OK; i++) {
        buf_reset(value);
        e = vault_read_owned(m->reader, m->ask->slot, class_id, *after, value, &owned);
        if (e != ERR_OK)
            break;
        if (++m->values > EXPORT_VALUES_MAX) {
            e = errmsg_set(m->msg, ERR_TOO_LARGE, "the person has more than %d values",
                           EXPORT_VALUES_MAX);
            break;
        }
        *after = owned.row;
        ++*count;
        e = add_value(m, def, &owned, buf_span(value));
    }
    vault_read_end(m->reader);
    return e;
}

static enum err add_class(struct making *m, const struct class_def *def, struct buf *value)
{
    uint64_t after = 0;
    size_t count = 0;
    enum err e;

    do
        e = add_batch(m, def, &after, &count, value);
    while (e == ERR_OK);
    if (e == ERR_NOT_FOUND && count > 0)
        add_category(m, def, count);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err add_values(struct making *m)
{
    AUTO(buf_done) struct buf value = {.max = 0};
    enum err e = ERR_OK;

    buf_init_secret(&value, LIMIT_VALUE_MAX + 1); /* opening a row wants one byte more */
    json_set(m->tree, "categories", json_new_list());
    json_set(m->tree, "values", json_new_list());
    for (size_t i = 0; i < m->classes->count && e == ERR_OK; i++)
        if (is_wanted(m, &m->classes->defs[i]))
            e = add_class(m, &m->classes->defs[i], &value);
    return e;
}

/* ---- what binds the data ---- */

static enum err add_holds(struct making *m, struct json *list)
{
    struct vault_hold hold = {.number = 0};
    enum err e;

    while ((e = vault_read_hold(m->reader, hold.number, &hold)) == ERR_OK) {
        const struct class_def *def =
            hold.class_id == 0 ? NULL : vault_class_def(m->vault, hold.class_id);
        bool binds = false;
        struct json *map;

        e = vault_hold_binds(m->reader, &hold, m->ask->slot, &binds);
        if (e != ERR_OK)
            return e;
        if (!binds)
            continue;
        map = json_new_map();
        set_words(map, "class", def == NULL ? NULL : def->name);
        json_set_str(map, "exception", hold.code);
        set_instant(map, "since", hold.set_ms / 1000);
        set_instant(map, "review", hold.review_s);
        json_add(list, map);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err add_restrictions(struct making *m, struct json *list)
{
    struct vault_restriction restriction = {.number = 0};
    enum err e;

    while ((e = vault_read_restriction(m->reader, restriction.number, &restriction)) == ERR_OK) {
        char ground[] = "18(1)(x)";
        struct json *map;

        if (restriction.slot != m->ask->slot || restriction.lifted_ms != 0)
            continue;
        ground[6] = restriction.ground;
        map = json_new_map();
        json_set_str(map, "ground", ground);
        set_instant(map, "since", restriction.set_ms / 1000);
        json_add(list, map);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err add_objections(struct making *m, struct json *list)
{
    struct vault_objection objection = {.number = 0};
    enum err e;

    while ((e = vault_read_objection(m->reader, objection.number, &objection)) == ERR_OK)
        if (objection.slot == m->ask->slot && objection.withdrawn_ms == 0)
            json_add(list, json_new_text(
                               span_str(objection.purpose[0] == '\0' ? "?" : objection.purpose)));
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err add_waiting(struct making *m, struct json *map)
{
    AUTO(vault_waiting_done) struct vault_waiting waiting = {.slot = 0};
    enum err e = vault_read_waiting(m->reader, m->ask->slot - 1, &waiting);

    json_set_bool(map, "erasure_waits", e == ERR_OK && waiting.slot == m->ask->slot);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Inside a transaction. */
static enum err add_state(struct making *m)
{
    struct json *map = json_new_map(), *restrictions = json_new_list(), *holds = json_new_list(),
                *objections = json_new_list(), *consents = json_new_list();
    enum err e;

    json_set_bool(map, "restricted", vault_is_restricted(m->reader, m->ask->slot));
    json_set(map, "restrictions", restrictions);
    json_set(map, "holds", holds);
    json_set(map, "objections", objections);
    json_set(map, "consents", consents);
    json_set(m->tree, "state", map);
    e = add_restrictions(m, restrictions);
    if (e == ERR_OK)
        e = add_holds(m, holds);
    if (e == ERR_OK)
        e = add_objections(m, objections);
    if (e == ERR_OK)
        e = consents_of(m->reader, m->ask->slot, consents);
    return e == ERR_OK ? add_waiting(m, map) : e;
}

/* Who it is, as far as this system has a name for it; inside a transaction. NOT_FOUND: nobody any more. */
static enum err add_subject(struct making *m)
{
    uint64_t per_class[CLASSES_MAX + 1] = {0};
    struct vault_subject_info info;
    enum err e = vault_read_subject_info(m->reader, m->ask->slot, &info, per_class);

    if (e == ERR_OK)
        e = audit_subject_tag(m->reader, m->ask->slot, m->tag);
    if (e != ERR_OK)
        return e;
    receipt_set_id(m->tree, "subject", info.id);
    set_words(m->tree, "domain", vault_domain_name(m->vault, info.domain));
    set_instant(m->tree, "known_since", info.created_s);
    return m->ask->portable ? ERR_OK : add_state(m);
}

static enum err add_person(struct making *m)
{
    enum err e = vault_read_begin(m->reader);

    if (e != ERR_OK)
        return e;
    e = add_subject(m);
    vault_read_end(m->reader);
    return e;
}

/* ---- what the trail knows ---- */

static void add_class_name(const struct making *m, struct json *list, uint16_t class_id)
{
    const struct class_def *def = vault_class_def(m->vault, class_id);
    const struct span name = def == NULL ? SPAN_LIT("?") : span_str(def->name);

    for (size_t i = 0; i < json_count(list); i++)
        if (span_equal(json_text_of(json_at(list, i)), name))
            return;
    json_add(list, json_new_text(name));
}

static void add_text_once(struct json *list, struct span text)
{
    struct json *value;

    for (size_t i = 0; i < json_count(list); i++)
        if (span_equal(json_text_of(json_at(list, i)), text))
            return;
    value = text.len == 0 ? NULL : json_new_text(text);
    if (value != NULL)
        json_add(list, value);
}

static bool has_text(const struct json *map, const char *name, struct span text)
{
    const struct span there = json_text_of(json_get(map, name));

    return there.len == text.len && span_equal(there, text);
}

/* The entry that says the same of `name` (and `second`), or a new one; `last` moves on. */
static struct json *entry_of(struct json *list, const char *name, struct span text,
                             const char *second, struct span other, int64_t at_ms)
{
    struct json *map = NULL;

    for (size_t i = 0; i < json_count(list) && map == NULL; i++)
        if (has_text(json_at(list, i), name, text) &&
            (second == NULL || has_text(json_at(list, i), second, other)))
            map = json_at(list, i);
    if (map == NULL) {
        map = json_new_map();
        set_span(map, name, text);
        if (second != NULL)
            set_span(map, second, other);
        set_instant(map, "first", at_ms / 1000);
        json_set_int(map, "times", 0);
        json_set(map, "classes", json_new_list());
        json_add(list, map);
    }
    set_instant(map, "last", at_ms / 1000);
    json_set_int(map, "times", json_int_of(json_get(map, "times"), 0) + 1);
    return map;
}

static void add_recipient(struct making *m, const struct audit_consultation *c)
{
    struct json *map = entry_of(json_get(m->tree, "recipients"), "name", c->recipient, NULL,
                                SPAN_NONE, c->time_ms);

    if (json_get(map, "purposes") == NULL)
        json_set(map, "purposes", json_new_list());
    add_text_once(json_get(map, "purposes"), c->purpose);
    for (size_t i = 0; i < c->class_count; i++)
        add_class_name(m, json_get(map, "classes"), c->classes[i]);
}

static enum err on_consultation(const struct audit_consultation *c, void *context)
{
    struct making *m = context;
    struct json *list = json_get(m->tree, "consultations"), *map, *classes;

    if (json_count(list) == LOG_MAX)
        return errmsg_set(m->msg, ERR_TOO_LARGE, "the data was looked at more than %d times",
                          LOG_MAX);
    map = json_new_map();
    classes = json_new_list();
    receipt_set_instant(map, "at", c->time_ms);
    set_span(map, "recipient", c->recipient);
    set_span(map, "purpose", c->purpose);
    for (size_t i = 0; i < c->class_count; i++)
        add_class_name(m, classes, c->classes[i]);
    json_set(map, "classes", classes);
    json_set_bool(map, "masked", c->masked);
    json_add(list, map);
    if (!span_equal(c->recipient,
                    SPAN_LIT("operator"))) /* the controller's own staff receives nothing */
        add_recipient(m, c);
    return ERR_OK;
}

/* Where values came in. Only applications are named: an operator is somebody of the staff. */
static enum err on_stored(const struct audit_record *record, void *context)
{
    struct making *m = context;
    const struct span by = record->role == AUDIT_CALLER ? record->who : SPAN_LIT("operator");
    struct json *map = NULL;

    if (record->outcome != AUDIT_DONE)
        return ERR_OK;
    for (size_t i = 0; i < record->entry_count; i++) {
        const struct audit_entry *entry = &record->entries[i];

        if (entry->tokens == 0 || memcmp(entry->tag, m->tag, AUDIT_TAG_BYTES) != 0)
            continue;
        if (map == NULL)
            map = entry_of(json_get(m->tree, "sources"), "route", record->route, "by", by,
                           record->time_ms);
        add_class_name(m, json_get(map, "classes"), entry->class_id);
    }
    return ERR_OK;
}

/* The oldest record that there is; older ones were retired. */
static enum err on_oldest(const struct audit_record *record, void *context)
{
    struct making *m = context;

    receipt_set_instant(m->tree, "consultations_since", record->time_ms);
    return ERR_CANCELED;
}

static enum err add_trail(struct making *m)
{
    const struct audit_person whose = {.slot = m->ask->slot};
    const struct audit_filter all = {.after = 0};
    const struct audit_filter stored = {.action = AUDIT_TOKENIZE, .tag = m->tag};
    enum err e;

    json_set(m->tree, "sources", json_new_list());
    json_set(m->tree, "recipients", json_new_list());
    json_set(m->tree, "consultations", json_new_list());
    json_set(m->tree, "consultations_since", json_new_null());
    e = audit_each(vault_dir(m->vault), &all, on_oldest, m);
    if (e == ERR_OK || e == ERR_CANCELED)
        e = audit_search(m->vault, &stored, on_stored, m);
    return e == ERR_OK ? audit_consultations(m->vault, m->reader, &whose, on_consultation, m) : e;
}

/* ---- the whole ---- */

/* The digest stays in the books when the person is gone: the salt, which is in the document alone, keeps
 * anybody from trying values on it. */
static enum err set_digest(struct making *m)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    char hex[DIGEST_HEX_BYTES], salt_hex[2 * SALT_BYTES + 1];
    uint8_t salt[SALT_BYTES];
    enum err e;

    secret_random(salt, sizeof(salt));
    proof_hex(salt, sizeof(salt), salt_hex);
    json_set_str(m->tree, "salt", salt_hex);
    buf_init_secret(&text, EXPORT_TEXT_MAX);
    e = canonical_write(m->tree, &text);
    if (e != ERR_OK)
        return e;
    digest_hex(buf_span(&text), hex);
    json_set_str(m->tree, "digest", hex);
    return ERR_OK;
}

static enum err make(struct making *m)
{
    enum err e;

    set_head(m);
    e = add_person(m);
    if (e == ERR_OK)
        e = add_values(m);
    if (e == ERR_OK && !m->ask->portable) {
        e = add_trail(m);
        set_rights(m);
    }
    if (e == ERR_OK)
        e = vault_read_begin(m->reader);
    if (e != ERR_OK)
        return e;
    e = audit_subject_tag(m->reader, m->ask->slot,
                          m->tag); /* whoever was erased meanwhile is gone */
    vault_read_end(m->reader);
    return e == ERR_OK ? set_digest(m) : e;
}

enum err export_make(struct vault *vault, const struct export_facts *facts,
                     const struct export_ask *ask, struct json **ret_tree, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    AUTO(json_free) struct json *tree = json_new_map();
    struct making m = {.vault = vault,
                       .facts = facts,
                       .ask = ask,
                       .classes = vault_classes(vault),
                       .tree = tree,
                       .msg = msg};
    enum err e = vault_reader_open(vault, &reader);

    if (e != ERR_OK)
        return e;
    m.reader = reader;
    e = make(&m);
    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, e, "there is no such person (any more)");
    if (e == ERR_OK)
        *ret_tree = TAKE(tree);
    return e;
}

enum err export_write(const struct json *tree, enum export_format format, struct buf *out)
{
    REQUIRE(out->secret);
    switch (format) {
    case EXPORT_HTML:
        return export__write_html(tree, out);
    case EXPORT_CSV:
        return export__write_csv(tree, out);
    case EXPORT_JSON:
        break;
    }
    return json_write_pretty(tree, out);
}
