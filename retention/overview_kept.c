/* SPDX-License-Identifier: Apache-2.0 */
/* The overview's first two questions: is anything overdue, and why; is anything held for ever.
 * Runs on: a worker thread, inside the reader's transaction. Holds: nothing. Not here: the figures of classes
 * (report_retention.c). */
#include "retention/overview_priv.h"

#include <string.h>

#include "base/civil.h"
#include "base/mem.h"
#include "retention/receipt.h"
#include "vault/holds.h"
#include "vault/part.h"

enum { DAY_S = 86400, OLDEST = 5 };

/* ---- overdue ---- */

static void add_overdue_class(const struct overview *o, struct json *list, const struct json *row)
{
    const struct span since = json_text_of(json_get(row, "overdue_since"));
    struct json *map = json_new_map();
    struct civil date;

    overview__copy(map, "class", row, "class");
    json_set_int(map, "values", overview__count(row, "overdue"));
    json_set_int(map, "held", overview__count(row, "held_due"));
    overview__copy(map, "since", row, "overdue_since");
    json_set_int(map, "days",
                 civil_parse(since, &date) ? o->context.now_s / DAY_S - civil_days(date) : 0);
    overview__copy(map, "reason", row, "overdue_reason");
    json_add(list, map);
}

void overview__add_overdue(struct overview *o)
{
    struct json *part = overview__part(o, "overdue"), *list = json_new_list();
    int64_t values = 0, longest = 0;

    json_set(part, "classes", list);
    for (size_t i = 0; i < json_count(o->retention); i++) {
        const struct json *row = json_at(o->retention, i);

        if (overview__count(row, "overdue") == 0)
            continue;
        add_overdue_class(o, list, row);
        values += overview__count(row, "overdue");
    }
    for (size_t i = 0; i < json_count(list); i++) {
        const int64_t days = overview__count(json_at(list, i), "days");

        longest = days > longest ? days : longest;
    }
    json_set_int(part, "values", values);
    json_set_int(part, "days", longest);
    if (values > 0)
        overview__attend(part, "overdue");
}

/* ---- held for ever ---- */

static void add_not_started(const struct overview *o, struct json *part)
{
    struct json *map = json_new_map(), *list = json_new_list();
    int64_t values = 0;

    for (size_t i = 0; i < json_count(o->retention); i++) {
        const struct json *row = json_at(o->retention, i);
        struct json *one;

        if (overview__count(row, "not_started") == 0)
            continue;
        one = json_new_map();
        overview__copy(one, "class", row, "class");
        overview__copy(one, "start", row, "start");
        overview__copy(one, "backstop", row, "backstop");
        json_set_int(one, "values", overview__count(row, "not_started"));
        overview__copy(one, "oldest", row, "not_started_oldest");
        json_add(list, one);
        values += overview__count(row, "not_started");
    }
    json_set_int(map, "values", values);
    json_set(map, "classes", list);
    json_set(part, "not_started", map);
}

struct holds_seen {
    int64_t in_force, review_overdue;
    struct vault_hold
        oldest[OLDEST]; /* the first that were set: holds are numbered in that order */
    size_t count;
};

static struct json *hold_map(const struct report_context *c, const struct vault_hold *hold)
{
    const struct class_def *def =
        hold->class_id == 0 ? NULL : vault_class_def(c->vault, hold->class_id);
    struct json *map = json_new_map();

    json_set_int(map, "number", (int64_t)hold->number);
    json_set(map, "class", def == NULL ? json_new_null() : json_new_text(span_str(def->name)));
    json_set(map, "subject", json_new_null());
    if (hold->slot != 0)
        receipt_set_id(map, "subject", hold->subject);
    json_set(map, "owner", json_new_text(span_str(hold->owner)));
    report_set_day(map, "set", hold->set_ms / 1000 / DAY_S);
    json_set_int(map, "days", (c->now_s - hold->set_ms / 1000) / DAY_S);
    report_set_day(map, "review", hold->review_s / DAY_S);
    json_set_bool(map, "review_overdue", hold->review_s <= c->now_s);
    return map;
}

static enum err look_at_holds(const struct overview *o, struct holds_seen *seen)
{
    struct vault_hold hold = {.number = 0};
    enum err e;

    while ((e = vault_read_hold(o->context.reader, hold.number, &hold)) == ERR_OK) {
        const bool overdue = hold.review_s <= o->context.now_s;

        if (hold.lifted_ms != 0)
            continue;
        seen->in_force++;
        seen->review_overdue += overdue;
        if (seen->count < OLDEST)
            seen->oldest[seen->count++] = hold;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err add_holds(const struct overview *o, struct json *part)
{
    AUTO(mem_free) struct holds_seen *seen = mem_alloc(sizeof(*seen));
    struct json *map = json_new_map(), *list = json_new_list();
    struct vault_holds_figures figures = {.holds = 0};
    enum err e = look_at_holds(o, seen);

    if (e == ERR_OK)
        e = vault_read_holds_figures(o->context.reader, &figures);
    for (size_t i = 0; i < seen->count; i++)
        json_add(list, hold_map(&o->context, &seen->oldest[i]));
    json_set_int(map, "in_force", seen->in_force);
    json_set_int(map, "review_overdue", seen->review_overdue);
    json_set_int(map, "erasures_waiting", (int64_t)figures.waiting);
    json_set_int(map, "restricted", (int64_t)figures.restricted);
    json_set(map, "oldest", list);
    json_set(part, "holds", map);
    if (seen->review_overdue > 0)
        overview__attend(part, "hold_review_overdue");
    return e;
}

/* Those that have ended for a day, and that no hold keeps, as the report of exceptions has it. */
static enum err count_ended(const struct overview *o, int64_t *ret)
{
    const int64_t end_s = o->context.now_s - DAY_S;
    struct vault_kept kept = {.slot = 0};
    enum err e = ERR_OK;

    while (e == ERR_OK && (e = vault_read_exception(o->context.reader, kept.slot,
                                                    kept.exception.class_id, &kept)) == ERR_OK) {
        bool held = false;

        if (kept.next_s > end_s)
            continue;
        e = vault_erasure_must_wait(o->context.reader, kept.slot, &held);
        *ret += !held;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* By class; only where one has ended is each looked at. */
static enum err add_exceptions(const struct overview *o, struct json *part)
{
    struct json *map = json_new_map();
    int64_t people = 0, values = 0, next_s = INT64_MAX, overdue = 0;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < o->context.classes->count; i++) {
        const struct class_def *def = &o->context.classes->defs[i];
        struct vault_kept_sum sum = {.people = 0};

        e = vault_read_kept(o->context.reader, vault_class_id(o->context.vault, def), &sum);
        people += (int64_t)sum.people;
        values += (int64_t)sum.values;
        if (sum.next_s != 0 && sum.next_s < next_s)
            next_s = sum.next_s;
    }
    if (e == ERR_OK && next_s <= o->context.now_s - DAY_S)
        e = count_ended(o, &overdue);
    json_set_int(map, "in_force", people);
    json_set_int(map, "values", values);
    json_set_int(map, "overdue", overdue);
    json_set(map, "next", json_new_null());
    if (next_s != INT64_MAX)
        report_set_day(map, "next", next_s / DAY_S);
    json_set(part, "exceptions", map);
    if (overdue > 0)
        overview__attend(part, "exception_overdue");
    return e;
}

enum err overview__add_held(struct overview *o)
{
    struct json *part = overview__part(o, "held");
    enum err e;

    add_not_started(o, part);
    e = add_holds(o, part);
    return e == ERR_OK ? add_exceptions(o, part) : e;
}
