/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail, added up by day.
 * Runs on: worker threads; blocks. Holds: the days that the new part of the trail speaks of. Invariant: the days and
 * how far the trail was read are written in one commit, so that each record counts once, whenever the process ends.
 * Not here: the trail (vault/audit_read.h), people (report_access.c).
 *
 * A day is as many records as it needs, with the keys "2026-01-31/0", "2026-01-31/1", ... and
 *
 *   [[who, role, purpose, class id, requests, values, masks, refused, honeytokens], ...]
 *
 * as body; one more, with the key "read", has {"seq": the last record of the trail that was added}. */
#include "retention/access_days.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/civil.h"
#include "base/json.h"
#include "base/mem.h"
#include "vault/audit_read.h"

enum {
    DAY_MS = 86400000,
    PART_ROWS = 120, /* of the longest names, each byte escaped, a record holds so many */
    PARTS_MAX = 64,
    ROWS_MAX = PART_ROWS * PARTS_MAX,
    DAYS_AT_ONCE = 32,
    TRIES = 5,
    SEQ_STEP = 1000,
    FORGET_LIMIT = 1000
};

static const int64_t KEEP_MS = INT64_C(3) * 366 * DAY_MS;
static const char read_key[] = "read";

/* ---- sums ---- */

void access_sums_done(struct access_sums *sums)
{
    free(sums->at);
    *sums = (struct access_sums){NULL, 0, 0};
}

enum access_kind access_kind_of(const struct audit_record *r)
{
    if (r->outcome == AUDIT_REFUSED)
        return ACCESS_REFUSED;
    if (r->action == AUDIT_INCIDENT && span_equal(r->object, SPAN_LIT("honeytoken")))
        return ACCESS_HONEYTOKEN;
    return r->outcome == AUDIT_DONE ? ACCESS_SHOWN : ACCESS_NONE;
}

void access_copy_name(char out[ACCESS_NAME_MAX + 1], struct span name, const char *empty)
{
    const struct span text = name.len == 0 ? span_str(empty) : name;
    const size_t len = text.len < ACCESS_NAME_MAX ? text.len : ACCESS_NAME_MAX;

    for (size_t i = 0; i < len; i++)
        out[i] = text.at[i] >= ' ' && text.at[i] < 0x7f ? text.at[i] : '?';
    out[len] = '\0';
}

static bool is_same(const struct access_sum *a, const struct access_sum *b)
{
    return a->class_id == b->class_id && a->role == b->role && strcmp(a->who, b->who) == 0 &&
           strcmp(a->purpose, b->purpose) == 0;
}

/* The row of this name; past `max` rows there is one for all others. */
static struct access_sum *find_row(struct access_sums *s, const struct access_sum *key, size_t max)
{
    static const struct access_sum others = {.who = "(others)", .role = AUDIT_CALLER};

    for (size_t i = s->count; i > 0; i--)
        if (is_same(&s->at[i - 1], key))
            return &s->at[i - 1];
    if (s->count + 1 == max && !is_same(key, &others))
        return find_row(s, &others, max);
    if (s->count == s->cap) {
        s->cap = s->cap == 0 ? 32 : s->cap * 2;
        s->at = realloc(s->at, s->cap * sizeof(*s->at));
        REQUIRE(s->at != NULL);
    }
    s->at[s->count] = (struct access_sum){.role = key->role, .class_id = key->class_id};
    memcpy(s->at[s->count].who, key->who, sizeof(key->who));
    memcpy(s->at[s->count].purpose, key->purpose, sizeof(key->purpose));
    return &s->at[s->count++];
}

static void add_to(struct access_sum *row, const struct access_sum *more)
{
    row->requests += more->requests;
    row->values += more->values;
    row->masks += more->masks;
    row->refused += more->refused;
    row->honeytokens += more->honeytokens;
}

/* ---- bodies ---- */

static void add_count(struct json *list, uint64_t count)
{
    json_add(list, json_new_int((int64_t)count));
}

static struct json *row_list(const struct access_sum *row)
{
    struct json *list = json_new_list();

    json_add(list, json_new_text(span_str(row->who)));
    add_count(list, row->role);
    json_add(list, json_new_text(span_str(row->purpose)));
    add_count(list, row->class_id);
    add_count(list, row->requests);
    add_count(list, row->values);
    add_count(list, row->masks);
    add_count(list, row->refused);
    add_count(list, row->honeytokens);
    return list;
}

static uint64_t count_at(const struct json *list, size_t index)
{
    return (uint64_t)json_int_of(json_at(list, index), 0);
}

static enum err read_rows(struct span body, struct access_sums *s, size_t max)
{
    AUTO(json_free) struct json *rows = NULL;

    if (json_parse(body, &rows) != ERR_OK || json_kind(rows) != JSON_LIST)
        return ERR_CORRUPT;
    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *list = json_at(rows, i);
        struct access_sum row = {.role = (enum audit_role)count_at(list, 1),
                                 .class_id = (uint16_t)count_at(list, 3),
                                 .requests = count_at(list, 4),
                                 .values = count_at(list, 5),
                                 .masks = count_at(list, 6),
                                 .refused = count_at(list, 7),
                                 .honeytokens = count_at(list, 8)};

        access_copy_name(row.who, json_text_of(json_at(list, 0)), "-");
        access_copy_name(row.purpose, json_text_of(json_at(list, 2)), "");
        add_to(find_row(s, &row, max), &row);
    }
    return ERR_OK;
}

static void set_key(char out[VAULT_RECORD_KEY_MAX + 1], int64_t day, size_t part)
{
    char date[CIVIL_TEXT_MAX];

    civil_format(civil_of(day), date);
    (void)snprintf(out, VAULT_RECORD_KEY_MAX + 1, "%s/%zu", date, part);
}

/* ---- days at work ---- */

/* A record of the store as it was found: number 0: not there. */
struct place {
    uint64_t number, version;
};

struct day {
    int64_t day;
    struct access_sums sums;
    struct place parts[PARTS_MAX];
};

struct fold {
    struct vault *vault;
    struct vault_records *records;
    const atomic_bool *stop;
    struct day days[DAYS_AT_ONCE];
    size_t count;
    struct place read;
    uint64_t seq; /* added so far */
};

static void forget_days(struct fold *f)
{
    for (size_t i = 0; i < f->count; i++)
        access_sums_done(&f->days[i].sums);
    f->count = 0;
}

static void fold_free(struct fold **fp)
{
    struct fold *f = TAKE(*fp);

    if (f == NULL)
        return;
    forget_days(f);
    vault_records_close(&f->records);
    free(f);
}

static enum err find_record(struct fold *f, const char *key, struct place *ret,
                            struct span *ret_body)
{
    struct vault_record found;
    enum err e = vault_record_by_key(f->records, VAULT_RECORD_ACCESS_DAY, key, &found);

    *ret = (struct place){0, 0};
    *ret_body = SPAN_NONE;
    if (e == ERR_OK) {
        *ret = (struct place){found.number, found.version};
        *ret_body = found.body;
    }
    return e;
}

static enum err load_day(struct fold *f, int64_t number, struct day *day)
{
    enum err e = ERR_OK;

    *day = (struct day){.day = number};
    for (size_t i = 0; e == ERR_OK && i < PARTS_MAX; i++) {
        char key[VAULT_RECORD_KEY_MAX + 1];
        struct span body;

        set_key(key, number, i);
        e = find_record(f, key, &day->parts[i], &body);
        if (e == ERR_OK)
            e = read_rows(body, &day->sums, ROWS_MAX);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err load_read(struct fold *f)
{
    AUTO(json_free) struct json *map = NULL;
    struct span body;
    enum err e = find_record(f, read_key, &f->read, &body);

    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e == ERR_OK && json_parse(body, &map) != ERR_OK)
        e = ERR_CORRUPT;
    if (e == ERR_OK)
        f->seq = (uint64_t)json_int_of(json_get(map, "seq"), 0);
    return e;
}

/* ---- writing ---- */

struct writing {
    struct vault_record *records;
    struct buf *bodies;
    size_t count;
};

static void writing_done(struct writing *w)
{
    for (size_t i = 0; i < w->count; i++)
        buf_done(&w->bodies[i]);
    free(w->bodies);
    free(w->records);
}

static enum err add_record(struct writing *w, const char *key, const struct place *place,
                           const struct json *body)
{
    struct vault_record *record = &w->records[w->count];
    struct buf *text = &w->bodies[w->count];
    enum err e;

    *record = (struct vault_record){
        .kind = VAULT_RECORD_ACCESS_DAY, .number = place->number, .version = place->version};
    (void)snprintf(record->key, sizeof(record->key), "%s", key);
    buf_init(text, VAULT_RECORD_BODY_MAX);
    w->count++;
    e = json_write(body, text);
    record->body = buf_span(text);
    return e;
}

static size_t parts_of(const struct day *day)
{
    return (day->sums.count + PART_ROWS - 1) / PART_ROWS;
}

/* All days that are at hand. */
static size_t parts_at_hand(const struct fold *f)
{
    size_t parts = 0;

    for (size_t i = 0; i < f->count; i++)
        parts += parts_of(&f->days[i]);
    return parts;
}

static enum err add_day(struct writing *w, const struct day *day)
{
    enum err e = ERR_OK;

    for (size_t part = 0; e == ERR_OK && part < parts_of(day); part++) {
        AUTO(json_free) struct json *rows = json_new_list();
        char key[VAULT_RECORD_KEY_MAX + 1];

        for (size_t i = part * PART_ROWS; i < day->sums.count && i < (part + 1) * PART_ROWS; i++)
            json_add(rows, row_list(&day->sums.at[i]));
        set_key(key, day->day, part);
        e = add_record(w, key, &day->parts[part], rows);
    }
    return e;
}

/* CONFLICT: somebody else has added meanwhile. */
static enum err write_days(struct fold *f)
{
    const size_t count = parts_at_hand(f) + 1;
    AUTO(writing_done)
    struct writing w = {
        .records = mem_alloc(count * sizeof(*w.records)),
        .bodies = mem_alloc(count * sizeof(*w.bodies)),
    };
    AUTO(json_free) struct json *map = json_new_map();
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS},
                                     .records = w.records,
                                     .forget = VAULT_RECORD_ACCESS_DAY,
                                     .forget_states = VAULT_RECORD_ANY,
                                     .forget_before_ms = vault_now_s(f->vault) * 1000 - KEEP_MS,
                                     .forget_limit = FORGET_LIMIT};
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < f->count; i++)
        e = add_day(&w, &f->days[i]);
    json_set_int(map, "seq", (int64_t)f->seq);
    if (e == ERR_OK)
        e = add_record(&w, read_key, &f->read, map);
    op.count = w.count;
    if (e == ERR_OK)
        e = vault_run(f->vault, &op.op);
    if (e != ERR_OK)
        return e;
    forget_days(f);
    return load_read(f);
}

/* Are the days at hand as much as is written at once? */
static bool is_full(const struct fold *f)
{
    return f->count == DAYS_AT_ONCE || parts_at_hand(f) >= DAYS_AT_ONCE;
}

static enum err find_day(struct fold *f, int64_t number, struct day **ret)
{
    enum err e = ERR_OK;

    for (size_t i = f->count; i > 0; i--)
        if (f->days[i - 1].day == number) {
            *ret = &f->days[i - 1];
            return ERR_OK;
        }
    if (is_full(f))
        e = write_days(f);
    if (e == ERR_OK)
        e = load_day(f, number, &f->days[f->count]);
    if (e == ERR_OK)
        *ret = &f->days[f->count++];
    return e;
}

/* ---- adding ---- */

static void add_shown(struct day *day, const struct audit_record *r, struct access_sum key)
{
    for (size_t i = 0; i < r->entry_count; i++) {
        const struct audit_entry *entry = &r->entries[i];
        struct access_sum *row;
        bool seen = false;

        if (entry->values + entry->masks == 0)
            continue;
        for (size_t j = 0; j < i && !seen; j++)
            seen = r->entries[j].class_id == entry->class_id &&
                   r->entries[j].values + r->entries[j].masks > 0;
        key.class_id = entry->class_id;
        row = find_row(&day->sums, &key, ROWS_MAX);
        row->requests += !seen;
        row->values += entry->values;
        row->masks += entry->masks;
    }
}

static bool says_something(const struct audit_record *r, enum access_kind kind)
{
    if (kind != ACCESS_SHOWN)
        return kind != ACCESS_NONE;
    for (size_t i = 0; i < r->entry_count; i++)
        if (r->entries[i].values + r->entries[i].masks > 0)
            return true;
    return false;
}

static enum err take(const struct audit_record *r, void *context)
{
    const enum access_kind kind = access_kind_of(r);
    struct access_sum key = {.role = r->role};
    struct fold *f = context;
    struct day *day = NULL;
    enum err e;

    if (f->stop != NULL && atomic_load_explicit(f->stop, memory_order_relaxed))
        return ERR_CANCELED;
    if (!says_something(r, kind)) {
        f->seq = r->seq;
        return ERR_OK;
    }
    e = find_day(f, r->time_ms / DAY_MS, &day);
    if (e != ERR_OK)
        return e;
    access_copy_name(key.who, r->who, "-");
    access_copy_name(key.purpose, r->purpose, "");
    if (kind == ACCESS_SHOWN)
        add_shown(day, r, key);
    else if (kind == ACCESS_REFUSED)
        find_row(&day->sums, &key, ROWS_MAX)->refused += 1 + r->more;
    else
        find_row(&day->sums, &key, ROWS_MAX)->honeytokens++;
    f->seq = r->seq;
    return ERR_OK;
}

static enum err update_once(struct vault *vault, const atomic_bool *stop)
{
    AUTO(fold_free) struct fold *f = mem_alloc(sizeof(*f));
    struct audit_filter filter = {.after = 0};
    uint64_t from, last = 0;
    enum err e, ended;

    f->vault = vault;
    f->stop = stop;
    e = vault_records_open(vault, &f->records);
    if (e == ERR_OK)
        e = load_read(f);
    if (e == ERR_OK)
        e = audit_last(vault, &last);
    if (e != ERR_OK || f->seq == last)
        return e;
    if (f->seq > last)
        f->seq = last; /* the trail was cut: what comes now has these numbers again */
    from = filter.after = f->seq;
    ended = audit_search(vault, &filter, take, f);
    if (f->count > 0 || f->seq - from > SEQ_STEP) /* where nothing was shown may be read again */
        e = ended == ERR_OK || ended == ERR_CANCELED ? write_days(f) : ended;
    return e == ERR_OK ? ended : e;
}

enum err access_days_update(struct vault *vault, const atomic_bool *stop)
{
    enum err e = ERR_CONFLICT;

    for (int i = 0; i < TRIES && e == ERR_CONFLICT; i++)
        e = update_once(vault, stop);
    return e;
}

/* ---- reading ---- */

enum err access_days_sum(struct vault_records *records, int64_t from_day, int64_t to_day,
                         struct access_sums *ret)
{
    enum err e = ERR_OK;

    for (int64_t day = from_day; e == ERR_OK && day < to_day; day++)
        for (size_t part = 0; e == ERR_OK && part < PARTS_MAX; part++) {
            char key[VAULT_RECORD_KEY_MAX + 1];
            struct vault_record found;

            set_key(key, day, part);
            e = vault_record_by_key(records, VAULT_RECORD_ACCESS_DAY, key, &found);
            if (e == ERR_OK)
                e = read_rows(found.body, ret, SIZE_MAX);
            if (e == ERR_NOT_FOUND)
                part = PARTS_MAX;
            if (e == ERR_NOT_FOUND)
                e = ERR_OK;
        }
    return e;
}
