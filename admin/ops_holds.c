/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on legal holds, restrictions of processing and objections.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: a hold says why, whose it
 * is and when it is looked at again, within a year; no text of it names the person; a restriction ends only
 * after the person was told. Not here: what they do (vault/holds.h). */
#include <string.h>

#include "admin/access.h"
#include "admin/ops_priv.h"
#include "base/civil.h"
#include "base/limits.h"
#include "base/log.h"
#include "retention/consents.h"
#include "retention/proof.h"
#include "retention/receipt.h"
#include "vault/holds.h"
#include "vault/part.h"

enum { DAY_S = 86400, REVIEW_DAYS_MAX = 366 };

/* ---- members ---- */

/* A text of at most `size` - 1 bytes into `to`; "" when it is absent. */
static enum err copy_word(const struct json *request, const char *name, char *to, size_t size,
                          struct errmsg *msg)
{
    const struct span subject = json_text_of(json_get(request, "subject"));
    struct span text = SPAN_NONE;
    enum err e = ops_read_word(request, name, subject, &text, msg);

    if (e != ERR_OK)
        return e;
    if (text.len >= size)
        return errmsg_set(msg, ERR_TOO_LARGE, "the %s is longer than %zu bytes", name, size - 1);
    if (text.len > 0)
        memcpy(to, text.at, text.len);
    to[text.len] = '\0';
    return ERR_OK;
}

static void copy_who(const struct admin *admin, char to[VAULT_HOLD_NAME_MAX + 1])
{
    const char *who = admin->executed_by == NULL ? "cli" : admin->executed_by;

    memcpy(to, who, strnlen(who, VAULT_HOLD_NAME_MAX));
}

/* A review that comes, and within a year: what nobody looks at again would stay for ever. */
static enum err read_review(struct admin *admin, const struct json *request, int64_t *ret_s,
                            struct errmsg *msg)
{
    const int64_t now_s = vault_now_s(admin->vault);
    int64_t at_s = 0;
    enum err e = ops_read_day(request, "review", DAY_S, &at_s, msg);

    if (e != ERR_OK || json_get(request, "review") == NULL)
        return e;
    if (at_s <= now_s || at_s > now_s + (int64_t)REVIEW_DAYS_MAX * DAY_S)
        return errmsg_set(msg, ERR_INVALID, "the review must be to come, and within a year");
    *ret_s = at_s;
    return ERR_OK;
}

/* The exception of Art. 17(3) that a ground begins with, as in "17(3)(b): ...". Most holds are for legal
 * claims. */
static void copy_code(const char *ground, char to[VAULT_HOLD_CODE_MAX + 1])
{
    static const char start[] = "17(3)(";
    const size_t len = sizeof(start) - 1;

    memcpy(to, "17(3)(e)", VAULT_HOLD_CODE_MAX + 1);
    if (strncmp(ground, start, len) == 0 && ground[len] >= 'a' && ground[len] <= 'e' &&
        ground[len + 1] == ')')
        to[len] = ground[len];
}

static enum err read_number(const struct json *request, uint64_t *ret, struct errmsg *msg)
{
    const int64_t number = json_int_of(json_get(request, "number"), 0);

    if (number <= 0)
        return errmsg_set(msg, ERR_INVALID, "\"number\" must be the number of a hold");
    *ret = (uint64_t)number;
    return ERR_OK;
}

/* ---- what they say of themselves ---- */

static void set_day(struct json *map, const char *name, int64_t at_s)
{
    char text[CIVIL_TEXT_MAX];

    if (at_s == 0) {
        json_set(map, name, json_new_null());
        return;
    }
    civil_format(civil_of(at_s / DAY_S), text);
    json_set_str(map, name, text);
}

static void set_text(struct json *map, const char *name, const char *text)
{
    json_set(map, name, text[0] == '\0' ? json_new_null() : json_new_text(span_str(text)));
}

static void set_class(const struct admin *admin, struct json *map, uint16_t class_id)
{
    const struct class_def *def = class_id == 0 ? NULL : vault_class_def(admin->vault, class_id);

    json_set(map, "class", json_new_null());
    if (class_id != 0)
        json_set_str(map, "class", def == NULL ? "-" : def->name);
}

static struct json *hold_map(const struct admin *admin, const struct vault_hold *hold,
                             int64_t now_s)
{
    struct json *map = json_new_map();

    json_set_int(map, "number", (int64_t)hold->number);
    receipt_set_id(map, "id", hold->id);
    json_set(map, "subject", json_new_null());
    if (hold->slot != 0)
        receipt_set_id(map, "subject", hold->subject);
    set_class(admin, map, hold->class_id);
    json_set_str(map, "code", hold->code[0] == '\0' ? "-" : hold->code);
    set_text(map, "ground", hold->ground);
    set_text(map, "owner", hold->owner);
    set_text(map, "set_by", hold->set_by);
    receipt_set_instant(map, "set", hold->set_ms);
    set_day(map, "review", hold->review_s);
    json_set_str(map, "state",
                 hold->lifted_ms != 0      ? "lifted"
                 : hold->review_s <= now_s ? "review overdue"
                                           : "in force");
    json_set(map, "lifted", json_new_null());
    if (hold->lifted_ms != 0)
        receipt_set_instant(map, "lifted", hold->lifted_ms);
    set_text(map, "lifted_by", hold->lifted_by);
    set_text(map, "reason", hold->lifted_why);
    return map;
}

/* The numbers of the holds that bind a person. */
static enum err holds_on(struct vault_reader *reader, uint64_t slot, struct json **ret_list)
{
    AUTO(json_free) struct json *list = json_new_list();
    struct vault_hold hold = {.number = 0};
    enum err e;

    while ((e = vault_read_hold(reader, hold.number, &hold)) == ERR_OK) {
        bool binds = false;

        e = vault_hold_binds(reader, &hold, slot, &binds);
        if (e != ERR_OK)
            break;
        if (binds)
            json_add(list, json_new_int((int64_t)hold.number));
    }
    if (e != ERR_NOT_FOUND)
        return e;
    *ret_list = TAKE(list);
    return ERR_OK;
}

static enum err restrictions_on(struct vault_reader *reader, uint64_t slot, struct json *list)
{
    struct vault_restriction restriction = {.number = 0};
    enum err e;

    while ((e = vault_read_restriction(reader, restriction.number, &restriction)) == ERR_OK) {
        char ground[] = "18(1)(x)";
        struct json *map;

        if (restriction.slot != slot || restriction.lifted_ms != 0)
            continue;
        ground[6] = restriction.ground;
        map = json_new_map();
        json_set_str(map, "ground", ground);
        json_set(map, "class", json_new_null());
        receipt_set_instant(map, "set", restriction.set_ms);
        set_text(map, "set_by", restriction.set_by);
        set_day(map, "review", restriction.review_s);
        json_add(list, map);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* What is kept of a person who was erased is restricted, too: class by class, until its exception ends. */
static enum err kept_of(const struct admin *admin, struct vault_reader *reader, uint64_t slot,
                        struct json *list)
{
    struct vault_kept kept = {.slot = slot};
    enum err e;

    while ((e = vault_read_exception(reader, slot, kept.exception.class_id, &kept)) == ERR_OK &&
           kept.slot == slot) {
        const struct class_def *def = vault_class_def(admin->vault, kept.exception.class_id);
        struct json *map = json_new_map();

        receipt_set_exception(map, &kept.exception);
        json_set(map, "ground", json_new_text(json_text_of(json_get(map, "code"))));
        json_set(map, "class", json_new_null());
        if (def != NULL)
            json_set_str(map, "class", def->name);
        receipt_set_instant(map, "set", INT64_C(1000) * kept.cutoff_s);
        json_set(map, "set_by", json_new_null());
        json_add(list, map);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err objections_of(struct vault_reader *reader, uint64_t slot, struct json *list)
{
    struct vault_objection objection = {.number = 0};
    enum err e;

    while ((e = vault_read_objection(reader, objection.number, &objection)) == ERR_OK)
        if (objection.slot == slot && objection.withdrawn_ms == 0)
            json_add(list, json_new_text(
                               span_str(objection.purpose[0] == '\0' ? "?" : objection.purpose)));
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err waiting_of(struct vault_reader *reader, uint64_t slot, struct json *map)
{
    AUTO(vault_waiting_done) struct vault_waiting waiting = {.slot = 0};
    enum err e = vault_read_waiting(reader, slot - 1, &waiting);

    json_set(map, "erasure_waiting", json_new_null());
    if (e == ERR_OK && waiting.slot == slot)
        receipt_set_id(map, "erasure_waiting", waiting.id);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err ops_bound_of(const struct admin *admin, struct vault_reader *reader, uint64_t slot,
                      struct json *map)
{
    AUTO(json_free) struct json *holds = NULL;
    AUTO(json_free) struct json *restrictions = json_new_list();
    AUTO(json_free) struct json *objections = json_new_list();
    AUTO(json_free) struct json *consents = json_new_list();
    enum err e = holds_on(reader, slot, &holds);

    if (e == ERR_OK)
        e = restrictions_on(reader, slot, restrictions);
    if (e == ERR_OK)
        e = kept_of(admin, reader, slot, restrictions);
    if (e == ERR_OK)
        e = objections_of(reader, slot, objections);
    if (e == ERR_OK)
        e = consents_of(reader, slot, consents);
    if (e == ERR_OK)
        e = waiting_of(reader, slot, map);
    if (e != ERR_OK)
        return e;
    json_set(map, "holds", TAKE(holds));
    json_set_bool(map, "restricted", vault_is_restricted(reader, slot));
    json_set(map, "restrictions", TAKE(restrictions));
    json_set(map, "objections", TAKE(objections));
    json_set(map, "consents", TAKE(consents));
    return ERR_OK;
}

enum err ops_held_erasure(struct admin *admin, const struct receipt *receipt,
                          struct json **ret_response)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    struct json *holds = NULL, *map;
    enum err e = vault_reader_open(admin->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = holds_on(reader, receipt->slot, &holds);
    vault_read_end(reader);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_str(map, "state", "held");
    receipt_set_id(map, "number", receipt->number);
    receipt_set_id(map, "subject", receipt->subject);
    receipt_set_instant(map, "asked", receipt->cutoff_ms);
    json_set(map, "holds", holds);
    *ret_response = map;
    return ERR_OK;
}

/* ---- holds ---- */

static enum err read_scope(struct admin *admin, const struct json *request, struct vault_hold *hold,
                           struct errmsg *msg)
{
    const struct json *name = json_get(request, "of_class");
    const bool person = json_get(request, "subject") != NULL ||
                        json_get(request, "token") != NULL || json_get(request, "person") != NULL;
    struct span text;
    enum err e = ERR_OK;

    if (name == NULL && !person)
        return errmsg_set(msg, ERR_INVALID,
                          "a hold is on a person, a class, or a class of a person: name at least "
                          "one; there is none on everything");
    if (!person && admin->who != NULL && admin->who->domains.count > 0)
        return errmsg_set(msg, ERR_DENIED,
                          "a hold on a class is on all domains, and the token is bound to some");
    if (name != NULL) {
        const struct class_def *def;

        e = ops_need_text(request, "of_class", &text, msg);
        def = e == ERR_OK ? classes_find(admin->classes, text) : NULL;
        if (e == ERR_OK && def == NULL)
            return errmsg_set(msg, ERR_NOT_FOUND, "the configuration has no such class");
        if (e == ERR_OK)
            hold->class_id = vault_class_id(admin->vault, def);
    }
    return e == ERR_OK && person ? ops_find_person_now(admin, request, &hold->slot, msg) : e;
}

static enum err read_hold(struct admin *admin, const struct json *request, struct vault_hold *hold,
                          struct errmsg *msg)
{
    enum err e = copy_word(request, "ground", hold->ground, sizeof(hold->ground), msg);

    if (e == ERR_OK)
        e = copy_word(request, "owner", hold->owner, sizeof(hold->owner), msg);
    if (e == ERR_OK)
        e = read_review(admin, request, &hold->review_s, msg);
    if (e != ERR_OK)
        return e;
    if (hold->ground[0] == '\0' || hold->owner[0] == '\0' || hold->review_s == 0)
        return errmsg_set(msg, ERR_INVALID,
                          "a hold says why (ground), whose it is (owner), and when it is looked at "
                          "again (review)");
    copy_code(hold->ground, hold->code);
    copy_who(admin, hold->set_by);
    return read_scope(admin, request, hold, msg);
}

static enum err cannot_change(enum err e, const char *conflict, struct errmsg *msg)
{
    if (e == ERR_CONFLICT)
        return errmsg_set(msg, e, "%s", conflict);
    if (e == ERR_BUSY)
        return errmsg_set(msg, e, "values of this person are being moved; try again");
    return e == ERR_NOT_FOUND ? errmsg_set(msg, e, "there is no such person (any more)") : e;
}

enum err ops_hold_add(struct admin *admin, const struct json *request, struct json **ret_response,
                      struct errmsg *msg)
{
    struct vault_hold hold = {.number = 0};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_SET, .hold = &hold};
    enum err e = read_hold(admin, request, &hold, msg);

    if (e == ERR_OK)
        e = cannot_change(erasures_run_op(admin->erasures, &op.op), "", msg);
    if (e != ERR_OK)
        return e;
    log_event(EV_HOLD_SET, F_NUM("hold", hold.number), F_ID("id", hold.id, VAULT_ID_BYTES));
    *ret_response = hold_map(admin, &hold, vault_now_s(admin->vault));
    return ERR_OK;
}

enum err ops_hold_lift(struct admin *admin, const struct json *request, struct json **ret_response,
                       struct errmsg *msg)
{
    struct vault_hold hold = {.number = 0};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_LIFT, .hold = &hold};
    struct erasure_resumed fired = {0, 0};
    struct json *map;
    enum err e = read_number(request, &hold.number, msg);

    if (e == ERR_OK)
        e = copy_word(request, "reason", hold.lifted_why, sizeof(hold.lifted_why), msg);
    if (e == ERR_OK && hold.lifted_why[0] == '\0')
        e = errmsg_set(msg, ERR_INVALID, "say why the hold is lifted (reason)");
    if (e != ERR_OK)
        return e;
    copy_who(admin, hold.lifted_by);
    e = erasures_run_op(admin->erasures, &op.op);
    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, e, "there is no hold of this number");
    if (e != ERR_OK)
        return cannot_change(e, "the hold was lifted before", msg);
    log_event(EV_HOLD_LIFTED, F_NUM("hold", hold.number), F_ID("id", hold.id, VAULT_ID_BYTES));
    e = erasure_run_waiting(admin->erasures, &fired);
    if (e != ERR_OK) /* the hold is lifted all the same, and the server comes back to them */
        log_event(EV_ERASURE_FAILED, F_LIT("step", "resume"), F_LIT("error", err_name(e)));
    map = json_new_map();
    json_set_int(map, "number", (int64_t)hold.number);
    json_set_int(map, "erasures", (int64_t)fired.completed);
    *ret_response = map;
    return ERR_OK;
}

/* One hold with its figures. Inside a read transaction. */
static enum err full_map(const struct admin *admin, struct vault_reader *reader,
                         const struct vault_hold *hold, struct json **ret_map)
{
    const int64_t now_s = vault_now_s(admin->vault);
    uint64_t items = 0, due = 0;
    enum err e = vault_hold_count(reader, hold, now_s, &items, &due);
    struct json *map;

    if (e != ERR_OK)
        return e;
    map = hold_map(admin, hold, now_s);
    json_set_int(map, "items", (int64_t)items);
    json_set_int(map, "due", (int64_t)due);
    *ret_map = map;
    return ERR_OK;
}

static enum err read_one(struct admin *admin, uint64_t number, struct json **ret_map)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    struct vault_hold hold;
    enum err e = vault_reader_open(admin->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_read_hold(reader, number - 1, &hold);
    if (e == ERR_OK && hold.number != number)
        e = ERR_NOT_FOUND;
    if (e == ERR_OK)
        e = full_map(admin, reader, &hold, ret_map);
    vault_read_end(reader);
    return e;
}

enum err ops_hold_show(struct admin *admin, const struct json *request, struct json **ret_response,
                       struct errmsg *msg)
{
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    if (e == ERR_OK)
        e = read_one(admin, number, ret_response);
    return e == ERR_NOT_FOUND ? errmsg_set(msg, e, "there is no hold of this number") : e;
}

static enum err list_holds(struct admin *admin, struct vault_reader *reader,
                           const struct ops_page *page, struct json *map)
{
    struct json *list = json_new_list();
    struct vault_hold hold = {.number = page->after};
    const int64_t now_s = vault_now_s(admin->vault);
    bool attention = false;
    enum err e = ERR_OK;

    json_set(map, "holds", list);
    while (e == ERR_OK && json_count(list) < page->limit) {
        e = vault_read_hold(reader, hold.number, &hold);
        if (e != ERR_OK)
            break;
        json_add(list, hold_map(admin, &hold, now_s));
        attention = attention || (hold.lifted_ms == 0 && hold.review_s <= now_s);
    }
    ops_set_next(map, e == ERR_OK, hold.number);
    json_set_bool(map, "attention", attention);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err ops_hold_list(struct admin *admin, const struct json *request, struct json **ret_response,
                       struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    AUTO(json_free) struct json *map = json_new_map();
    struct ops_page page;
    enum err e = ops_read_page(request, OPS_VALUES_MAX, &page, msg);

    if (e == ERR_OK)
        e = vault_reader_open(admin->vault, &reader);
    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = list_holds(admin, reader, &page, map);
    vault_read_end(reader);
    if (e == ERR_OK)
        *ret_response = TAKE(map);
    return e;
}

/* ---- restrictions ---- */

static struct json *number_map(uint64_t number)
{
    struct json *map = json_new_map();

    json_set_int(map, "number", (int64_t)number);
    return map;
}

enum err ops_restrict(struct admin *admin, const struct json *request, struct json **ret_response,
                      struct errmsg *msg)
{
    struct vault_restriction restriction = {.number = 0};
    struct vault_holds op = {
        .op = {.kind = VAULT_HOLDS}, .act = VAULT_RESTRICT, .restriction = &restriction};
    struct span ground = SPAN_NONE;
    enum err e = ERR_OK;

    if (json_get(request, "ground") != NULL)
        e = ops_need_text(request, "ground", &ground, msg);
    if (e != ERR_OK)
        return e;
    if (ground.len == 8 && memcmp(ground.at, "18(1)(", 6) == 0 && ground.at[7] == ')')
        ground = span_of(ground.at + 6, 1);
    if (ground.len != 1 || ground.at[0] < 'a' || ground.at[0] > 'd')
        return errmsg_set(msg, ERR_INVALID,
                          "the ground must be a letter from a to d, as in Art. 18(1)(b)");
    restriction.ground = ground.at[0];
    copy_who(admin, restriction.set_by);
    e = read_review(admin, request, &restriction.review_s, msg);
    if (e == ERR_OK)
        e = ops_find_person_now(admin, request, &restriction.slot, msg);
    if (e == ERR_OK)
        e = cannot_change(erasures_run_op(admin->erasures, &op.op),
                          "the person is restricted on this ground already", msg);
    if (e != ERR_OK)
        return e;
    log_event(EV_RESTRICTED, F_ID("subject", restriction.subject, VAULT_ID_BYTES));
    *ret_response = number_map(restriction.number);
    return ERR_OK;
}

enum err ops_unrestrict(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg)
{
    struct vault_restriction restriction = {.number = 0};
    struct vault_holds op = {
        .op = {.kind = VAULT_HOLDS}, .act = VAULT_UNRESTRICT, .restriction = &restriction};
    enum err e = ops_read_day(request, "notice_sent", DAY_S, &restriction.notice_s, msg);

    if (e == ERR_OK && restriction.notice_s == 0)
        e = errmsg_set(msg, ERR_INVALID,
                       "the person is told before a restriction ends (Art. 18(3)): say when the "
                       "notice was sent");
    if (e == ERR_OK && restriction.notice_s > vault_now_s(admin->vault))
        e = errmsg_set(msg, ERR_INVALID, "the notice must have been sent: that day is to come");
    if (e == ERR_OK)
        e = ops_find_person_now(admin, request, &restriction.slot, msg);
    if (e != ERR_OK)
        return e;
    copy_who(admin, restriction.lifted_by);
    e = cannot_change(erasures_run_op(admin->erasures, &op.op),
                      "the person is not restricted (an erasure that waits ends by itself)", msg);
    if (e != ERR_OK)
        return e;
    log_event(EV_UNRESTRICTED, F_ID("subject", restriction.subject, VAULT_ID_BYTES));
    *ret_response = json_new_map();
    return ERR_OK;
}

/* ---- objections ---- */

enum err ops_object(struct admin *admin, const struct json *request, struct json **ret_response,
                    struct errmsg *msg)
{
    const bool withdraw = json_bool_of(json_get(request, "withdraw"), false);
    struct vault_objection objection = {.number = 0};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS},
                             .act = withdraw ? VAULT_OBJECT_WITHDRAW : VAULT_OBJECT,
                             .objection = &objection};
    enum err e = copy_word(request, "purpose", objection.purpose, sizeof(objection.purpose), msg);

    if (e == ERR_OK && !classes_have_purpose(admin->classes, span_str(objection.purpose)))
        e = errmsg_set(msg, ERR_NOT_FOUND, "no class lists this purpose");
    if (e == ERR_OK)
        e = ops_find_person_now(admin, request, &objection.slot, msg);
    if (e != ERR_OK)
        return e;
    copy_who(admin, withdraw ? objection.withdrawn_by : objection.set_by);
    e = cannot_change(erasures_run_op(admin->erasures, &op.op),
                      withdraw ? "the person does not object to this purpose"
                               : "the person objects to this purpose already",
                      msg);
    if (e != ERR_OK)
        return e;
    if (withdraw)
        log_event(EV_OBJECTION_ENDED, F_ID("subject", objection.subject, VAULT_ID_BYTES));
    else
        log_event(EV_OBJECTED, F_ID("subject", objection.subject, VAULT_ID_BYTES));
    *ret_response = number_map(objection.number);
    return ERR_OK;
}

/* ---- consent ---- */

static enum err read_consent(struct admin *admin, const struct json *request,
                             struct vault_consent *ret, struct errmsg *msg)
{
    enum err e = copy_word(request, "purpose", ret->purpose, sizeof(ret->purpose), msg);

    if (e == ERR_OK && !purpose_rests_on_consent(admin->classes, span_str(ret->purpose)))
        e = errmsg_set(msg, ERR_NOT_FOUND, "no class that rests on consent lists this purpose");
    if (e == ERR_OK)
        e = copy_word(request, "channel", ret->channel, sizeof(ret->channel), msg);
    if (e == ERR_OK)
        e = copy_word(request, "version", ret->version, sizeof(ret->version), msg);
    if (e == ERR_OK)
        e = ops_read_day(request, "at", DAY_S, &ret->at_s, msg);
    if (e == ERR_OK && ret->at_s > vault_now_s(admin->vault))
        e = errmsg_set(msg, ERR_INVALID, "\"at\" is a day that is to come");
    return e == ERR_OK ? ops_find_person_now(admin, request, &ret->slot, msg) : e;
}

static struct json *consent_map(const struct vault_consent *consent,
                                const struct consent_effect *effect)
{
    struct json *map = number_map(consent->number);
    char number[2 * VAULT_ID_BYTES + 1];

    json_set_int(map, "erasures", (int64_t)effect->erasures);
    json_set(map, "receipt", json_new_null());
    if (effect->erasures > 0) {
        proof_hex(effect->number, VAULT_ID_BYTES, number);
        json_set_str(map, "receipt", number);
    }
    return map;
}

enum err ops_consent(struct admin *admin, const struct json *request, struct json **ret_response,
                     struct errmsg *msg)
{
    const bool withdraw = json_bool_of(json_get(request, "withdraw"), false);
    struct vault_consent consent = {.number = 0};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS},
                             .act = withdraw ? VAULT_CONSENT_WITHDRAW : VAULT_CONSENT_GIVE,
                             .consent = &consent};
    struct consent_effect effect = {.found = 0};
    enum err e = read_consent(admin, request, &consent, msg);

    if (e != ERR_OK)
        return e;
    copy_who(admin, consent.set_by);
    e = cannot_change(erasures_run_op(admin->erasures, &op.op),
                      "consent to this purpose was withdrawn before", msg);
    if (e != ERR_OK)
        return e;
    if (!withdraw) {
        log_event(EV_CONSENT_GIVEN, F_ID("subject", consent.subject, VAULT_ID_BYTES));
    } else {
        log_event(EV_CONSENT_WITHDRAWN, F_ID("subject", consent.subject, VAULT_ID_BYTES));
        e = consents_finish(admin->erasures, consent.slot, &effect);
        if (e != ERR_OK) /* it is withdrawn all the same, and the server comes back to it */
            log_event(EV_ERASURE_FAILED, F_LIT("step", "consent"), F_LIT("error", err_name(e)));
    }
    *ret_response = consent_map(&consent, &effect);
    return ERR_OK;
}
