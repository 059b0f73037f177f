/* SPDX-License-Identifier: Apache-2.0 */
/* The overview: five questions in their order, and clocks.
 * Runs on: a worker thread; blocks shortly. Holds: nothing. Invariant: figures of classes are those of the retention
 * report over the same days. Not here: the answers (overview_*.c). */
#include "retention/overview_priv.h"

#include "base/mem.h"
#include "base/span.h"

enum { DAY_S = 86400 };

/* ---- parts ---- */

void overview__attend(struct json *part, const char *reason)
{
    json_add(json_get(part, "attention"), json_new_text(span_str(reason)));
}

struct json *overview__part(struct overview *o, const char *name)
{
    struct json *part = json_new_map();

    json_set(part, "attention", json_new_list());
    json_set(o->tree, name, part);
    return part;
}

bool overview__row_says(const struct json *row, const char *reason)
{
    const struct json *reasons = json_get(row, "attention");

    for (size_t i = 0; i < json_count(reasons); i++)
        if (span_equal(json_text_of(json_at(reasons, i)), span_str(reason)))
            return true;
    return false;
}

int64_t overview__count(const struct json *row, const char *name)
{
    return json_int_of(json_get(row, name), 0);
}

void overview__copy(struct json *to, const char *name, const struct json *from, const char *member)
{
    const struct json *value = json_get(from, member);

    json_set(to, name,
             json_kind(value) == JSON_TEXT ? json_new_text(json_text_of(value)) : json_new_null());
}

/* ---- clocks ---- */

static const char *state_of(const struct overview_clock *clock, int64_t now_s)
{
    if (clock->at_s <= now_s)
        return "past";
    return clock->at_s - now_s <= clock->soon_days * DAY_S ? "soon" : "running";
}

static int64_t days_between(int64_t from_s, int64_t to_s)
{
    const int64_t s = to_s - from_s;

    return s >= 0 ? s / DAY_S : -((DAY_S - 1 - s) / DAY_S);
}

void overview_add_clock(struct json *tree, const struct overview_clock *clock, int64_t now_s)
{
    const char *state = state_of(clock, now_s);
    struct json *map, *of = NULL;

    if (clock->at_s == INT64_MAX)
        return;
    map = json_new_map();
    json_set_str(map, "clock", clock->clock);
    if (clock->of != NULL)
        of = json_new_text(span_str(clock->of)); /* a path may be no UTF-8 */
    json_set(map, "of", of == NULL ? json_new_null() : of);
    report_set_instant(map, "at", clock->at_s);
    json_set_int(map, "days_left", days_between(now_s, clock->at_s));
    json_set_str(map, "state", state);
    json_add(json_get(tree, "clocks"), map);
    if (state[0] == 'p')
        json_set_bool(tree, "attention", true);
}

/* ---- the whole ---- */

static bool any_attention(const struct json *tree)
{
    static const char *const parts[] = {"overdue", "held", "requests", "destroyed", "access"};

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (json_count(json_get(json_get(tree, parts[i]), "attention")) > 0)
            return true;
    return false;
}

/* The reader is inside a transaction during the first two: they look at classes. */
static enum err add_all(struct overview *o)
{
    enum err e = vault_read_begin(o->context.reader);

    if (e != ERR_OK)
        return e;
    overview__add_overdue(o);
    e = overview__add_held(o);
    vault_read_end(o->context.reader);
    if (e == ERR_OK)
        e = overview__add_requests(o);
    if (e == ERR_OK)
        e = overview__add_destroyed(o);
    if (e == ERR_OK)
        e = overview__add_access(o);
    json_set_bool(o->tree, "attention", any_attention(o->tree));
    json_set(o->tree, "clocks", json_new_list());
    return e == ERR_OK ? overview__add_clocks(o) : e;
}

static void choose_days(struct report_context *c)
{
    const int64_t end = c->now_s / DAY_S + 1;

    if (c->to_day == INT64_MAX)
        c->to_day = end;
    if (c->from_day == INT64_MIN)
        c->from_day = c->to_day - OVERVIEW_DAYS;
}

enum err overview_make(const struct report_context *context, struct json **ret_tree,
                       struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = json_new_map(), *retention = NULL;
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct overview o = {.context = *context, .tree = tree};
    enum err e;

    choose_days(&o.context);
    if (o.context.to_day - o.context.from_day > OVERVIEW_DAYS_MAX)
        return errmsg_set(msg, ERR_INVALID, "the overview is of %d days at most",
                          OVERVIEW_DAYS_MAX);
    e = report_make(report_kind_find(SPAN_LIT("retention")), &o.context, &retention, msg);
    if (e == ERR_OK)
        e = vault_records_open(o.context.vault, &records);
    if (e != ERR_OK)
        return e;
    o.records = records;
    o.retention = json_get(retention, "rows");
    report_set_origin(tree, &o.context);
    e = add_all(&o);
    if (e == ERR_OK)
        *ret_tree = TAKE(tree);
    return e;
}
