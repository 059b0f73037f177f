/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying out rights other than erasure: access and portability, restriction, objection, rectification.
 * Runs on: worker threads and the command line; blocks on the vault. Holds: nothing; a value that is to be
 * corrected passes through and stays nowhere. Invariant: each deed done again does no more than once done, so that
 * a request which a crash left at EXECUTING is executed again. Not here: the states around a deed
 * (request_execute.c), what a restriction or an objection does (vault/holds.c), documents (exports.c). */
#include <string.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/fault.h"
#include "base/secret.h"
#include "retention/consents.h"
#include "retention/exports.h"
#include "retention/proof.h"
#include "retention/receipt.h"
#include "retention/rectification.h"
#include "retention/requests_priv.h"
#include "vault/holds.h"

#define LINK_LIFETIME "PT72H"

void request__deed_done(struct request_deed *deed)
{
    json_free(&deed->document);
    json_free(&deed->details);
}

void request_given_done(struct request_given *given)
{
    for (size_t i = 0; i < given->count; i++) {
        json_free(&given->at[i].document);
        secret_wipe(&given->at[i].link, sizeof(given->at[i].link));
    }
    given->count = 0;
}

static const struct json *scope_of(const struct request_case *c, const char *name)
{
    return json_get(json_get(c->body, "scope"), name);
}

static struct json *details_of(struct request_deed *deed)
{
    if (deed->details == NULL)
        deed->details = json_new_map();
    return deed->details;
}

static void copy_who(const struct request_case *c, char to[VAULT_HOLD_NAME_MAX + 1])
{
    memcpy(to, c->ask->who, strnlen(c->ask->who, VAULT_HOLD_NAME_MAX));
}

/* Of what can be different the next time nothing is written down. */
static bool is_passing(enum err e)
{
    return e == ERR_BUSY || e == ERR_IO || e == ERR_NO_SPACE || e == ERR_SEALED ||
           e == ERR_CANCELED || e == ERR_LIMIT;
}

/* ---- access, portability ---- */

/* What the document is to be, and how long a link is good. */
struct wish {
    struct export_order order;
    bool is_link;
    struct period lifetime;
};

static enum err read_wish(const struct request_case *c, enum request_right right, struct wish *ret,
                          struct errmsg *msg)
{
    static const char *const formats[] = {"", "link", "json", "html", "csv", NULL};
    static const char *const langs[] = {"", "en", "de", NULL};
    const char *format, *lang, *expires;
    enum err e = request__one_of(c, "format", formats, &format, msg);

    if (e == ERR_OK)
        e = request__one_of(c, "lang", langs, &lang, msg);
    if (e == ERR_OK)
        e = request__text(c, "expires", &expires, msg);
    if (e != ERR_OK)
        return e;
    *ret = (struct wish){
        .order = {.ask = {.slot = c->record.slot, .portable = right == REQUEST_PORTABILITY},
                  .format = EXPORT_HTML,
                  .who = span_str(c->ask->who)}};
    ret->is_link = !export_format_of(span_str(format), &ret->order.format);
    if (lang[0] != '\0')
        REQUIRE(letter_lang_of(span_str(lang), &ret->order.ask.lang));
    if (expires[0] != '\0' && !ret->is_link)
        return errmsg_set(msg, ERR_INVALID, "a link expires, a document does not");
    if (expires[0] == '\0')
        expires = LINK_LIFETIME;
    if (period_parse(span_str(expires), &ret->lifetime) != ERR_OK)
        return errmsg_set(msg, ERR_INVALID, "\"expires\" must be a period, as PT72H or P7D");
    return ERR_OK;
}

static bool is_open(const struct request_case *c, enum request_right right)
{
    const struct json *entry = request__right(c->body, right);

    return entry != NULL && request__is_pending(entry);
}

static enum err may_export(const struct request_case *c, enum request_right right,
                           struct errmsg *msg)
{
    struct wish wish;
    enum err e = read_wish(c, right, &wish, msg);

    if (e != ERR_OK)
        return e;
    if (c->r->exports == NULL || c->ask->given == NULL)
        return errmsg_set(msg, ERR_INVALID,
                          "no export is made here: make one, and say so with \"right\" and the "
                          "\"reference\" of what was done");
    if (!wish.is_link && json_text_of(json_get(c->ask->args, "right")).len == 0 &&
        is_open(c, REQUEST_ACCESS) && is_open(c, REQUEST_PORTABILITY))
        return errmsg_set(msg, ERR_INVALID,
                          "two documents would come at once: say \"right\", one after the other");
    return ERR_OK;
}

/* Make it, and say in a map what it is. */
static enum err make_export(const struct request_case *c, enum request_right right,
                            struct json **ret_entry, struct errmsg *msg)
{
    struct request_given *given = c->ask->given;
    struct json *document = NULL, *entry;
    struct wish wish;
    struct export_link link = {.number = 0};
    uint64_t number = 0;
    enum err e = read_wish(c, right, &wish, msg);

    if (e == ERR_OK)
        e = wish.is_link ? exports_link(c->r->exports, &wish.order, &wish.lifetime, &link, msg)
                         : exports_make(c->r->exports, &wish.order, &document, &number, msg);
    if (e != ERR_OK)
        return e;
    REQUIRE(given->count < REQUEST_GIVEN_MAX);
    number = wish.is_link ? link.number : number;
    given->at[given->count].right = right;
    given->at[given->count].link = link;
    given->at[given->count].format = wish.order.format;
    given->at[given->count].number = number;
    given->at[given->count++].document = document;
    entry = json_new_map();
    json_set_int(entry, "number", (int64_t)number);
    json_set_str(entry, "format", wish.is_link ? "link" : export_format_word(wish.order.format));
    request__set_date(entry, "made", c->today);
    json_set(entry, "expires", json_new_null());
    if (wish.is_link)
        receipt_set_instant(entry, "expires", link.expires_s * 1000);
    secret_wipe(&link, sizeof(link));
    *ret_entry = entry;
    return ERR_OK;
}

static enum err do_export(const struct request_case *c, struct request_deed *deed,
                          struct errmsg *msg)
{
    struct json *entry = NULL, *list;
    enum err e = make_export(c, deed->right, &entry, msg);

    FAULT_POINT("request.exported");
    if (e != ERR_OK)
        return e;
    list = json_new_list();
    json_add(list, entry);
    json_set(details_of(deed), "exports", list);
    return ERR_OK;
}

enum err request__export_again(struct request_case *c, struct json *right, struct errmsg *msg)
{
    struct json *list = json_get(right, "exports"), *entry = NULL;
    enum request_right which;
    enum err e;

    REQUIRE(request_right_of(json_text_of(json_get(right, "right")), &which));
    e = may_export(c, which, msg);
    if (e == ERR_OK && json_count(list) >= REQUEST_EXPORTS_MAX)
        e = errmsg_set(msg, ERR_LIMIT, "this request has had %d exports: enter a new one",
                       REQUEST_EXPORTS_MAX);
    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++)
        e = exports_end_link(c->r->exports,
                             (uint64_t)json_int_of(json_get(json_at(list, i), "number"), 0));
    if (e == ERR_OK)
        e = make_export(c, which, &entry, msg);
    if (e != ERR_OK)
        return e;
    json_add(list, entry);
    return ERR_OK;
}

enum err request__is_awaited(const struct request_case *c, bool *ret)
{
    static const enum request_right rights[] = {REQUEST_ACCESS, REQUEST_PORTABILITY};

    *ret = false;
    for (size_t i = 0; c->r->exports != NULL && i < COUNT_OF(rights); i++) {
        const struct json *list = json_get(request__right(c->body, rights[i]), "exports");

        for (size_t n = 0; n < json_count(list); n++) {
            const int64_t number = json_int_of(json_get(json_at(list, n), "number"), 0);
            struct export_shown shown;
            enum err e = exports_show(c->r->exports, (uint64_t)number, &shown);

            if (e != ERR_OK && e != ERR_NOT_FOUND)
                return e;
            *ret = *ret || (e == ERR_OK && shown.fate == EXPORT_WAITS);
        }
    }
    return ERR_OK;
}

void request__show_exports(const struct request_case *c, struct json *view)
{
    const struct json *rights = json_get(view, "rights");

    for (size_t i = 0; c->r->exports != NULL && i < json_count(rights); i++) {
        const struct json *list = json_get(json_at(rights, i), "exports");

        for (size_t n = 0; n < json_count(list); n++) {
            struct json *entry = json_at(list, n);
            struct export_shown shown;

            if (exports_show(c->r->exports, (uint64_t)json_int_of(json_get(entry, "number"), 0),
                             &shown) != ERR_OK)
                continue;
            json_set_str(entry, "state", export_fate_word(shown.fate));
            request__set_text(entry, "digest", shown.digest);
            json_set(entry, "taken", json_new_null());
            if (shown.fate == EXPORT_TAKEN)
                receipt_set_instant(entry, "taken", shown.taken_ms);
        }
    }
}

/* ---- restriction ---- */

static enum err may_restrict(const struct request_case *c, enum request_right right UNUSED,
                             struct errmsg *msg)
{
    return json_text_of(scope_of(c, "ground")).len == 1
               ? ERR_OK
               : errmsg_set(msg, ERR_CONFLICT,
                            "the scope does not say on which ground of Art. 18(1): a, b, c or d");
}

/* The one that is in force on this ground already: the request's own from when it came, or another one. */
static enum err find_restriction(const struct request_case *c, char ground, uint64_t *ret_number)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    struct vault_restriction at = {.number = 0};
    enum err e = vault_reader_open(c->r->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    do
        e = vault_read_restriction(reader, at.number, &at);
    while (e == ERR_OK && (at.slot != c->record.slot || at.ground != ground || at.lifted_ms != 0));
    vault_read_end(reader);
    if (e == ERR_OK)
        *ret_number = at.number;
    return e;
}

static enum err do_restriction(const struct request_case *c, struct request_deed *deed,
                               struct errmsg *msg UNUSED)
{
    struct vault_restriction restriction = {.slot = c->record.slot,
                                            .ground = json_text_of(scope_of(c, "ground")).at[0]};
    struct vault_holds op = {
        .op = {.kind = VAULT_HOLDS}, .act = VAULT_RESTRICT, .restriction = &restriction};
    enum err e;

    copy_who(c, restriction.set_by);
    e = erasures_run_op(c->r->erasures, &op.op);
    if (e == ERR_CONFLICT)
        e = find_restriction(c, restriction.ground, &restriction.number);
    FAULT_POINT("request.restricted");
    if (e != ERR_OK)
        return e;
    json_set_int(details_of(deed), "number", (int64_t)restriction.number);
    return ERR_OK;
}

/* ---- objection ---- */

static enum err may_object(const struct request_case *c, enum request_right right UNUSED,
                           struct errmsg *msg)
{
    return json_count(scope_of(c, "purposes")) > 0
               ? ERR_OK
               : errmsg_set(msg, ERR_CONFLICT, "the scope does not say for which purposes");
}

static bool set_purpose(const struct json *name, char to[VAULT_PURPOSE_NAME_MAX + 1])
{
    const struct span text = json_text_of(name);

    if (text.len == 0 || text.len > VAULT_PURPOSE_NAME_MAX)
        return false;
    memcpy(to, text.at, text.len);
    to[text.len] = '\0';
    return true;
}

/* One purpose, on or off. In force already, or not any more: that is what was wanted. */
static enum err object_to(const struct request_case *c, const struct json *purpose, bool ends)
{
    struct vault_objection objection = {.slot = c->record.slot};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS},
                             .act = ends ? VAULT_OBJECT_WITHDRAW : VAULT_OBJECT,
                             .objection = &objection};
    enum err e;

    if (!set_purpose(purpose, objection.purpose))
        return ERR_CORRUPT;
    copy_who(c, ends ? objection.withdrawn_by : objection.set_by);
    e = erasures_run_op(c->r->erasures, &op.op);
    return e == ERR_CONFLICT ? ERR_OK : e;
}

static enum err do_objection(const struct request_case *c, struct request_deed *deed,
                             struct errmsg *msg UNUSED)
{
    const struct json *purposes = scope_of(c, "purposes");
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(purposes); i++) {
        e = object_to(c, json_at(purposes, i), false);
        FAULT_POINT("request.objected");
    }
    if (e == ERR_OK)
        json_set(details_of(deed), "purposes", json_clone(purposes));
    return e;
}

/* ---- consent ---- */

static enum err do_consent(const struct request_case *c, struct request_deed *deed,
                           struct errmsg *msg UNUSED)
{
    const struct json *purposes = scope_of(c, "purposes");
    struct consent_effect effect;
    char number[2 * VAULT_ID_BYTES + 1];
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(purposes); i++) {
        struct vault_consent consent = {.slot = c->record.slot};
        struct vault_holds op = {
            .op = {.kind = VAULT_HOLDS}, .act = VAULT_CONSENT_WITHDRAW, .consent = &consent};

        if (!set_purpose(json_at(purposes, i), consent.purpose))
            return ERR_CORRUPT;
        copy_who(c, consent.set_by);
        e = erasures_run_op(c->r->erasures, &op.op);
        e = e == ERR_CONFLICT ? ERR_OK : e; /* it was withdrawn before */
        FAULT_POINT("request.withdrawn");
    }
    if (e == ERR_OK)
        e = consents_finish(c->r->erasures, c->record.slot, &effect);
    if (e != ERR_OK)
        return e;
    json_set(details_of(deed), "purposes", json_clone(purposes));
    if (effect.erasures > 0) {
        proof_hex(effect.number, VAULT_ID_BYTES, number);
        json_set_str(details_of(deed), "receipt", number);
    }
    return ERR_OK;
}

/* ---- rectification ---- */

/* What is said of one value: its token, and what it is to be. Neither is written down. */
static enum err may_rectify(const struct request_case *c, enum request_right right UNUSED,
                            struct errmsg *msg)
{
    static const char *const words[] = {"", "yes", NULL};
    const struct json *args = c->ask->args;
    const int64_t before =
        json_int_of(json_get(request__right(c->body, REQUEST_RECTIFICATION), "corrected"), 0);
    const bool value = json_kind(json_get(args, "value")) == JSON_TEXT;
    const bool token = json_text_of(json_get(args, "token")).len > 0;
    const char *more;
    enum err e = request__one_of(c, "more", words, &more, msg);

    if (e != ERR_OK)
        return e;
    if (token != value || (!token && (before == 0 || more[0] != '\0')))
        return errmsg_set(
            msg, ERR_INVALID,
            "a rectification wants \"right\", the \"token\" and the \"value\" that it "
            "is to stand for, one at a time: with \"more\": \"yes\" all but the "
            "last");
    return ERR_OK;
}

static enum err do_rectification(const struct request_case *c, struct request_deed *deed,
                                 struct errmsg *msg)
{
    const struct json *args = c->ask->args;
    const int64_t before =
        json_int_of(json_get(request__right(c->body, REQUEST_RECTIFICATION), "corrected"), 0);
    const struct span token = json_text_of(json_get(args, "token"));
    struct vault_rectify op = {.op = {.kind = VAULT_RECTIFY},
                               .token = token,
                               .slot = c->record.slot,
                               .value = json_text_of(json_get(args, "value"))};
    struct vault_value value;
    const char *name = json_str_of(json_get(args, "class"));
    const struct class_def *def =
        name == NULL ? NULL : classes_find(vault_classes(c->r->vault), span_str(name));
    enum err e = ERR_OK;

    deed->goes_on = json_text_of(json_get(args, "more")).len > 0;
    if (token.len == 0)
        return ERR_OK; /* the last was corrected before */
    if (name != NULL && def == NULL)
        return errmsg_set(msg, ERR_NOT_FOUND, "the configuration has no such class");
    if (def != NULL)
        op.class_id = vault_class_id(c->r->vault, def);
    e = rectification_look(c->r->vault, &op, &value, msg);
    if (e == ERR_OK)
        e = rectification_run(c->r->erasures, &op, msg);
    FAULT_POINT("request.rectified");
    if (e == ERR_OK)
        json_set_int(details_of(deed), "corrected", before + 1);
    return e;
}

/* ---- any of them ---- */

static const struct {
    enum err (*may)(const struct request_case *c, enum request_right right, struct errmsg *msg);
    enum err (*run)(const struct request_case *c, struct request_deed *deed, struct errmsg *msg);
} rights[REQUEST_RIGHT_COUNT] = {
    [REQUEST_ACCESS] = {may_export, do_export},
    [REQUEST_PORTABILITY] = {may_export, do_export},
    [REQUEST_RESTRICTION] = {may_restrict, do_restriction},
    [REQUEST_OBJECTION] = {may_object, do_objection},
    [REQUEST_CONSENT] = {may_object, do_consent},
    [REQUEST_RECTIFICATION] = {may_rectify, do_rectification},
};

enum err request__may_carry_out(const struct request_case *c, enum request_right right,
                                struct errmsg *msg)
{
    if (rights[right].may == NULL)
        return errmsg_set(msg, ERR_INVALID,
                          "%s is not done by this program: do it, and say so with \"right\" and "
                          "the \"reference\" of what was done",
                          request_right_word(right));
    return rights[right].may(c, right, msg);
}

enum err request__carry_out(const struct request_case *c, enum request_right right,
                            struct request_deed *deed, struct errmsg *msg)
{
    enum err e;

    deed->right = right;
    e = rights[right].run(c, deed, msg);
    if (e == ERR_OK || is_passing(e))
        return e;
    if (msg != NULL && msg->text[0] == '\0')
        (void)errmsg_set(msg, e, "%s",
                         e == ERR_NOT_FOUND ? "the person's data is not there any more"
                                            : err_text(e));
    deed->failure = err_name(e);
    return ERR_OK;
}

/* ---- lifting ---- */

static enum err lift_restriction(struct request_case *c, struct json *right, struct civil told,
                                 struct errmsg *msg)
{
    struct json *own = json_get(c->body, "restriction"); /* from when the request came */
    enum err e = request__lift(c, right, told, msg);

    return e == ERR_OK && own != NULL ? request__lift(c, own, told, msg) : e;
}

static enum err lift_objection(struct request_case *c, struct json *right)
{
    const struct json *purposes = json_get(right, "purposes");
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(purposes); i++)
        e = object_to(c, json_at(purposes, i), true);
    if (e != ERR_OK && e != ERR_NOT_FOUND) /* nobody is there any more */
        return e;
    request__set_date(right, "lifted", c->today);
    return ERR_OK;
}

enum err request__lift_right(struct request_case *c, struct errmsg *msg)
{
    static const char *const words[] = {"restriction", "objection", NULL};
    struct json *right, *map;
    struct civil told;
    const char *word, *channel;
    enum request_right which;
    enum err e = request__one_of(c, "right", words, &word, msg);

    if (e == ERR_OK)
        e = request__one_of(c, "channel", request__channels, &channel, msg);
    if (e == ERR_OK)
        e = request__date(c, &told, msg);
    if (e != ERR_OK)
        return e;
    REQUIRE(request_right_of(span_str(word), &which));
    right = request__right(c->body, which);
    if (right == NULL || json_get(right, "number") == json_get(right, "purposes"))
        return errmsg_set(msg, ERR_CONFLICT, "this request has set none that could be lifted");
    if (json_get(right, "lifted") != NULL)
        return errmsg_set(msg, ERR_CONFLICT, "it was lifted before");
    e = which == REQUEST_RESTRICTION ? lift_restriction(c, right, told, msg)
                                     : lift_objection(c, right);
    FAULT_POINT("request.lifted");
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_str(map, "channel", channel);
    request__set_date(map, "date", told);
    json_set(right, "told", map);
    return ERR_OK;
}
