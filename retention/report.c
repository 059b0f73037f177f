/* SPDX-License-Identifier: Apache-2.0 */
/* The retention report as a tree.
 * Runs on: the reader's thread. Holds: nothing. Invariant: items are rows that exist, so
 * created - purged = items in every row, or the row says that it does not balance.
 * Not here: how it looks (retention/report_write.c). */
#include "retention/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/period.h"
#include "vault/watch.h"
#include "version.h"

static void set_date(struct json *map, const char *name, int64_t at_s)
{
    char text[24];

    if (at_s == 0) {
        json_set(map, name, json_new_null());
        return;
    }
    period_format_instant(at_s, text);
    text[10] = '\0'; /* the day alone */
    json_set_str(map, name, text);
}

/* How much of a typed class's token space is used up; of other classes it is no matter. */
static struct json *tokens_map(const struct class_def *def, const struct vault_class_stats *s)
{
    struct json *map;

    if (!format_is_typed(def->format))
        return json_new_null();
    map = json_new_map();
    json_set_int(map, "capacity", (int64_t)s->capacity);
    json_set_int(map, "used", (int64_t)s->used);
    json_set_int(map, "shapes_used_up", (int64_t)s->exhausted);
    return map;
}

static struct json *class_map(const struct class_def *def, const struct vault_class_stats *s,
                              uint64_t synthetic)
{
    struct json *map = json_new_map(), *purposes = json_new_list();
    uint64_t purged = s->purged_timer + s->purged_erasure;
    char period[PERIOD_TEXT_MAX], start[RULE_NAME_MAX + 8];

    period_format(&def->rule.period, period);
    rule_start_text(&def->rule, start);
    for (size_t i = 0; i < def->purpose_count; i++)
        json_add(purposes, json_new_text(span_str(def->purposes[i])));
    json_set_str(map, "class", def->name);
    json_set(map, "purposes", purposes);
    json_set_str(map, "basis", def->basis);
    json_set_str(map, "start", start);
    json_set_str(map, "period", period);
    json_set_int(map, "items", (int64_t)s->items);
    json_set_int(map, "synthetic", (int64_t)synthetic); /* of these: honeytokens' */
    json_set(map, "subjects", json_new_null());
    set_date(map, "oldest", s->oldest_created_s);
    json_set_int(map, "due_7d", (int64_t)s->due_7d);
    json_set_int(map, "due_30d", (int64_t)s->due_30d);
    json_set_int(map, "due_90d", (int64_t)s->due_90d);
    json_set_int(map, "overdue", (int64_t)s->overdue);
    json_set_int(map, "created", (int64_t)s->created);
    json_set_int(map, "purged_timer", (int64_t)s->purged_timer);
    json_set_int(map, "purged_erasure", (int64_t)s->purged_erasure);
    json_set(map, "tokens", tokens_map(def, s));
    json_set_bool(map, "balanced", s->created >= purged && s->created - purged == s->items);
    return map;
}

/* Values of made-up people, by class id. */
static enum err count_synthetic(struct vault_reader *reader, const struct vault *vault,
                                uint64_t *per_class)
{
    AUTO(mem_free) uint64_t *slots = mem_alloc(VAULT_CANARIES_MAX * sizeof(*slots));
    AUTO(mem_free) uint64_t *of_one = mem_alloc((CLASSES_MAX + 1) * sizeof(*of_one));
    const size_t count = vault_canaries(vault, slots, VAULT_CANARIES_MAX);

    for (size_t i = 0; i < count; i++) {
        struct vault_subject_info info;
        enum err e;

        memset(of_one, 0, (CLASSES_MAX + 1) * sizeof(*of_one));
        e = vault_read_subject_info(reader, slots[i], &info, of_one);
        if (e != ERR_OK && e != ERR_NOT_FOUND)
            return e;
        for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++)
            per_class[id] += of_one[id];
    }
    return ERR_OK;
}

static enum err class_list(struct vault_reader *reader, const struct vault *vault,
                           const struct classes *classes, int64_t now_s, struct json *list)
{
    AUTO(mem_free) uint64_t *synthetic = mem_alloc((CLASSES_MAX + 1) * sizeof(*synthetic));
    enum err e = count_synthetic(reader, vault, synthetic);

    for (size_t i = 0; e == ERR_OK && i < classes->count; i++) {
        const struct class_def *def = &classes->defs[i];
        const uint16_t id = vault_class_id(vault, def);
        struct vault_class_stats stats = {0};

        e = vault_read_stats(reader, id, now_s, &stats);
        if (e == ERR_OK)
            json_add(list, class_map(def, &stats, synthetic[id]));
    }
    return e;
}

static struct json *header_map(int64_t now_s, uint64_t subjects)
{
    struct json *map = json_new_map();
    char as_of[24];

    period_format_instant(now_s, as_of);
    json_set_str(map, "report", "retention");
    json_set_str(map, "as_of", as_of);
    json_set_str(map, "zone", "UTC");
    json_set_str(map, "version", LETHE_VERSION);
    json_set_str(map, "commit", LETHE_COMMIT);
    json_set_int(map, "subjects", (int64_t)subjects);
    return map;
}

enum err report_retention(struct vault_reader *reader, const struct vault *vault,
                          const struct classes *classes, int64_t now_s, struct json **ret_tree)
{
    AUTO(json_free) struct json *list = json_new_list();
    struct json *map;
    uint64_t subjects = 0;
    enum err e;

    e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = class_list(reader, vault, classes, now_s, list);
    if (e == ERR_OK)
        e = vault_read_subject_count(reader, &subjects);
    vault_read_end(reader);
    if (e != ERR_OK)
        return e;
    map = header_map(now_s, subjects);
    json_set(map, "classes", TAKE(list));
    json_set_bool(map, "attention", report_needs_attention(map));
    *ret_tree = map;
    return ERR_OK;
}

bool report_needs_attention(const struct json *tree)
{
    const struct json *classes = json_get(tree, "classes");

    for (size_t i = 0; i < json_count(classes); i++) {
        const struct json *row = json_at(classes, i);

        if (json_int_of(json_get(row, "overdue"), 0) > 0 ||
            json_int_of(json_get(json_get(row, "tokens"), "shapes_used_up"), 0) > 0 ||
            !json_bool_of(json_get(row, "balanced"), false))
            return true;
    }
    return false;
}
