/* SPDX-License-Identifier: Apache-2.0 */
/* Counters by due day, added up.
 * Runs on: the reader's thread. Holds: nothing. Not here: values that will be stored, holds, events that
 * are to come. */
#include "retention/simulation.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/effort.h"
#include "base/limits.h"
#include "base/mem.h"
#include "retention/receipt.h"

enum { DAY_S = 86400 };

struct due_day {
    int64_t day;
    uint64_t values;
};

struct due_days {
    struct due_day *at;
    size_t count;
    size_t cap;
    int64_t last; /* the last day asked for */
    uint64_t due;
    uint64_t values;
};

static void free_days(const struct due_days *days)
{
    free(days->at);
}

static void add(void *context, int64_t created_day UNUSED, int64_t due_day, uint64_t n)
{
    struct due_days *days = context;

    days->values += n;
    if (due_day > days->last)
        return;
    days->due += n;
    if (days->count == days->cap) {
        days->cap = days->cap == 0 ? 64 : days->cap * 2;
        days->at = realloc(days->at, days->cap * sizeof(days->at[0]));
        REQUIRE(days->at != NULL);
    }
    days->at[days->count++] = (struct due_day){due_day, n};
}

static int by_day(const void *a, const void *b)
{
    const struct due_day *x = a, *y = b;

    return (x->day > y->day) - (x->day < y->day);
}

/* One entry a day, in order. */
static void merge(struct due_days *days)
{
    size_t kept = 0;

    if (days->count == 0)
        return;
    qsort(days->at, days->count, sizeof(days->at[0]), by_day);
    for (size_t i = 1; i < days->count; i++) {
        if (days->at[i].day == days->at[kept].day)
            days->at[kept].values += days->at[i].values;
        else
            days->at[++kept] = days->at[i];
    }
    days->count = kept + 1;
}

static struct json *days_list(const struct due_days *days)
{
    struct json *list = json_new_list();
    char text[CIVIL_TEXT_MAX];

    for (size_t i = 0; i < days->count; i++) {
        struct json *map = json_new_map();

        civil_format(civil_of(days->at[i].day), text);
        json_set_str(map, "day", text);
        json_set_int(map, "values", (int64_t)days->at[i].values);
        json_add(list, map);
    }
    return list;
}

/* What is added up over the classes. */
struct total {
    struct json *list;
    uint64_t due;
    size_t days;
};

static enum err add_class(const struct simulation *s, const struct class_def *def,
                          struct total *total)
{
    AUTO(free_days) struct due_days days = {.last = civil_days(s->at)};
    struct json *map;
    enum err e = vault_read_days(s->reader, vault_class_id(s->vault, def), add, &days);

    if (e != ERR_OK)
        return e;
    merge(&days);
    total->days += days.count;
    if (total->days > LIMIT_REPORT_ROWS_MAX)
        return ERR_TOO_LARGE;
    map = json_new_map();
    json_set_str(map, "class", def->name);
    json_set_int(map, "values", (int64_t)days.values);
    json_set_int(map, "due", (int64_t)days.due);
    json_set_int(map, "left", (int64_t)(days.values - days.due));
    json_set(map, "days", days_list(&days));
    json_add(total->list, map);
    total->due += days.due;
    return ERR_OK;
}

static enum err add_classes(const struct simulation *s, struct total *total, struct errmsg *msg)
{
    enum err e = vault_read_begin(s->reader);

    if (e != ERR_OK)
        return e;
    effort_set(EFFORT_SIMULATE, 0, s->classes->count);
    for (size_t i = 0; e == ERR_OK && i < s->classes->count; i++) {
        e = add_class(s, &s->classes->defs[i], total);
        effort_set(EFFORT_SIMULATE, i + 1, s->classes->count);
    }
    vault_read_end(s->reader);
    return e == ERR_TOO_LARGE
               ? errmsg_set(msg, e, "values fall due on more than %u days: choose an earlier one",
                            LIMIT_REPORT_ROWS_MAX)
               : e;
}

enum err simulation_make(const struct simulation *s, struct json **ret_tree, struct errmsg *msg)
{
    AUTO(json_free) struct json *list = json_new_list();
    struct total total = {.list = list};
    char text[CIVIL_TEXT_MAX];
    struct json *map;
    enum err e;

    if (civil_days(s->at) < s->now_s / DAY_S)
        return errmsg_set(msg, ERR_INVALID, "that day has gone");
    e = add_classes(s, &total, msg);
    if (e != ERR_OK)
        return e;
    civil_format(s->at, text);
    map = json_new_map();
    receipt_set_instant(map, "as_of", s->now_s * 1000);
    json_set_str(map, "at", text);
    json_set_str(map, "zone", "UTC");
    json_set_int(map, "due", (int64_t)total.due);
    json_set(map, "classes", TAKE(list));
    *ret_tree = map;
    return ERR_OK;
}
