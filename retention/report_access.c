/* SPDX-License-Identifier: Apache-2.0 */
/* The access report and the breach report: who saw what, for which purpose, of how many people; from the
 * audit trail.
 * Runs on: a worker thread; blocks long. Holds: sums, and which people were counted, by their tags in the trail.
 * Invariant: every record of the period counts, or there is no report. Not here: the trail (vault/). */
#include "retention/report_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "retention/access_days.h"
#include "retention/access_people.h"
#include "vault/audit_read.h"
#include "vault/watch.h"

enum { DAY_S = 86400, DAY_MS = 86400000, BREACH_HOURS = 72, GROWTH_MANY = 100 };

/* ---- sums ---- */

struct name;

/* What one caller saw of one class for one purpose. Class 0: what was refused, and honeytokens. */
struct sum {
    const struct name *name;
    uint16_t class_id;
    uint64_t requests, values, masks, people, refused, honeytokens, before;
    uint64_t seq; /* the record that was counted last */
    int64_t first_ms, last_ms;
};

/* Whose rows they are: who, for what, as what. */
struct name {
    char who[ACCESS_NAME_MAX + 1], purpose[ACCESS_NAME_MAX + 1];
    enum audit_role role;
    uint32_t rows[CLASSES_MAX + 1]; /* by class, from 1; 0: none yet */
};

struct sums {
    struct sum *at;
    size_t count, cap;
    struct name **names;
    size_t name_count, name_cap;
    struct access_people people;
    int64_t from_ms; /* earlier records are those of the period before */
    uint64_t records, values, masks;
};

static void sums_done(struct sums *s)
{
    for (size_t i = 0; i < s->name_count; i++)
        free(s->names[i]);
    free(s->names);
    free(s->at);
    access_people_done(&s->people);
}

static bool is_as_written(const char *name, struct span text)
{
    return span_equal(span_str(name), text);
}

/* As it stands in the record; names that are not, printable or short, are looked for again as they are counted. */
static struct name *find_name(const struct sums *s, struct span who, struct span purpose,
                              enum audit_role role)
{
    for (size_t i = s->name_count; i > 0; i--) {
        struct name *name = s->names[i - 1];

        if (name->role == role && is_as_written(name->who, who) &&
            is_as_written(name->purpose, purpose))
            return name;
    }
    return NULL;
}

/* Room for one more, all 0. */
static enum err add_name(struct sums *s, struct name **ret)
{
    if (s->name_count == LIMIT_REPORT_ROWS_MAX)
        return ERR_TOO_LARGE;
    if (s->name_count == s->name_cap) {
        const size_t cap = s->name_cap == 0 ? 64 : s->name_cap * 2;
        struct name **grown = realloc(s->names, cap * sizeof(struct name *));

        if (grown == NULL)
            return ERR_NO_SPACE;
        s->names = grown;
        s->name_cap = cap;
    }
    *ret = s->names[s->name_count++] = mem_alloc(sizeof(**ret));
    return ERR_OK;
}

static enum err need_name(struct sums *s, const struct audit_record *r, struct name **ret)
{
    char who[ACCESS_NAME_MAX + 1], purpose[ACCESS_NAME_MAX + 1];
    enum err e;

    *ret = find_name(s, r->who, r->purpose, r->role);
    if (*ret != NULL)
        return ERR_OK;
    access_copy_name(who, r->who, "-");
    access_copy_name(purpose, r->purpose, "");
    *ret = find_name(s, span_str(who), span_str(purpose), r->role);
    if (*ret != NULL)
        return ERR_OK;
    e = add_name(s, ret);
    if (e != ERR_OK)
        return e;
    (*ret)->role = r->role;
    memcpy((*ret)->who, who, sizeof(who));
    memcpy((*ret)->purpose, purpose, sizeof(purpose));
    return ERR_OK;
}

/* The row of a name and class; *ret_index counts from 0. */
static enum err find_row(struct sums *s, struct name *name, uint16_t class_id, size_t *ret_index)
{
    uint32_t *row = &name->rows[class_id <= CLASSES_MAX ? class_id : 0];
    struct sum *grown;

    if (*row == 0) {
        if (s->count >= LIMIT_REPORT_ROWS_MAX)
            return ERR_TOO_LARGE;
        if (s->count == s->cap) {
            const size_t cap = s->cap == 0 ? 64 : s->cap * 2;

            grown = realloc(s->at, cap * sizeof(*grown));
            if (grown == NULL)
                return ERR_NO_SPACE;
            s->at = grown;
            s->cap = cap;
        }
        s->at[s->count++] = (struct sum){.name = name, .class_id = class_id};
        *row = (uint32_t)s->count;
    }
    *ret_index = *row - 1;
    return ERR_OK;
}

static enum err take_entry(struct sums *s, const struct audit_record *r, struct name *name,
                           const struct audit_entry *entry)
{
    size_t row;
    struct sum *sum;
    enum err e = find_row(s, name, entry->class_id, &row);

    if (e != ERR_OK)
        return e;
    sum = &s->at[row];
    if (r->time_ms < s->from_ms) {
        sum->before += (uint64_t)entry->values + entry->masks;
        return ERR_OK;
    }
    sum->requests += sum->seq != r->seq;
    sum->seq = r->seq;
    sum->values += entry->values;
    sum->masks += entry->masks;
    sum->first_ms = sum->first_ms == 0 ? r->time_ms : sum->first_ms;
    sum->last_ms = r->time_ms;
    s->values += entry->values;
    s->masks += entry->masks;
    return access_people_add(&s->people, row, entry->tag);
}

static enum err take_refusal(struct sums *s, const struct audit_record *r, enum access_kind kind)
{
    struct name *name;
    size_t row;
    enum err e;

    if (r->time_ms < s->from_ms)
        return ERR_OK;
    e = need_name(s, r, &name);
    if (e == ERR_OK)
        e = find_row(s, name, 0, &row);
    if (e != ERR_OK)
        return e;
    if (kind == ACCESS_HONEYTOKEN)
        s->at[row].honeytokens++;
    else
        s->at[row].refused += 1 + r->more;
    return ERR_OK;
}

static enum err take(const struct audit_record *r, void *context)
{
    const enum access_kind kind = access_kind_of(r);
    struct sums *s = context;
    struct name *name = NULL;
    enum err e = ERR_OK;

    if (kind == ACCESS_REFUSED || kind == ACCESS_HONEYTOKEN)
        return take_refusal(s, r, kind);
    if (kind == ACCESS_NONE)
        return ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < r->entry_count; i++)
        if (r->entries[i].values + r->entries[i].masks > 0) {
            if (name == NULL)
                e = need_name(s, r, &name);
            if (e == ERR_OK)
                e = take_entry(s, r, name, &r->entries[i]);
        }
    s->records += r->time_ms >= s->from_ms;
    return e;
}

/* All that passes, added up. */
static enum err add_up(const struct report_context *c, const struct audit_filter *filter,
                       audit_record_fn fn, struct sums *s)
{
    enum err e = audit_search(c->vault, filter, fn, s);

    if (e == ERR_OK)
        e = access_people_settle(&s->people);
    for (size_t i = 0; e == ERR_OK && i < s->count; i++)
        s->at[i].people = access_people_in(&s->people, i);
    return e;
}

/* ---- rows ---- */

static void set_class(const struct report_context *c, struct json *row, uint16_t class_id)
{
    const struct class_def *def = vault_class_def(c->vault, class_id);

    json_set(row, "class",
             class_id == 0 || def == NULL ? json_new_null() : json_new_text(span_str(def->name)));
}

static void set_count(struct json *row, const char *name, uint64_t count)
{
    json_set_int(row, name, (int64_t)count);
}

static int64_t end_ms(const struct report_context *c)
{
    return c->to_day == INT64_MAX ? (c->now_s + 1) * 1000 : c->to_day * DAY_MS;
}

/* ---- access ---- */

static const struct report_column access_columns[] = {
    {"caller", "Caller", REPORT_TEXT, false},
    {"role", "Role", REPORT_TEXT, true},
    {"purpose", "Purpose", REPORT_TEXT, false},
    {"class", "Class", REPORT_TEXT, false},
    {"requests", "Requests", REPORT_COUNT, false},
    {"values", "Values", REPORT_COUNT, false},
    {"masks", "Masks", REPORT_COUNT, false},
    {"people", "People", REPORT_COUNT, false},
    {"refused", "Refused", REPORT_COUNT, false},
    {"honeytokens", "Honeytokens", REPORT_COUNT, false},
    {"before", "Period before", REPORT_COUNT, true},
    {"growth", "Growth", REPORT_SHARE, false},
};

static const struct report_column access_summary[] = {
    {"records", "Records", REPORT_COUNT, false},
    {"people", "People", REPORT_COUNT, false},
    {"values", "Values", REPORT_COUNT, false},
    {"masks", "Masks", REPORT_COUNT, false},
};

/* More than three times as much as before, and not a handful. */
static void set_growth(struct json *row, const struct sum *sum, bool known)
{
    const uint64_t now = sum->values + sum->masks;

    json_set(row, "before", known ? json_new_int((int64_t)sum->before) : json_new_null());
    json_set(row, "growth", json_new_null());
    if (!known || sum->before == 0)
        return;
    json_set_int(row, "growth", (int64_t)(now * 100 / sum->before) - 100);
    if (now > sum->before * 3 && now > GROWTH_MANY)
        report_attend(row, "growth");
}

static enum err add_access_row(const struct report_context *c, struct report *report,
                               const struct sum *sum, bool has_before)
{
    const char *role = audit_role_word(sum->name->role);
    struct json *row;
    enum err e = report_row(report, &row);

    if (e != ERR_OK)
        return e;
    json_set_str(row, "caller", sum->name->who);
    json_set_str(row, "role", role == NULL ? "?" : role);
    json_set(row, "purpose",
             sum->name->purpose[0] == '\0' ? json_new_null()
                                           : json_new_text(span_str(sum->name->purpose)));
    set_class(c, row, sum->class_id);
    set_count(row, "requests", sum->requests);
    set_count(row, "values", sum->values);
    set_count(row, "masks", sum->masks);
    set_count(row, "people", sum->people);
    set_count(row, "refused", sum->refused);
    set_count(row, "honeytokens", sum->honeytokens);
    set_growth(row, sum, has_before);
    if (sum->honeytokens > 0)
        report_attend(row, "honeytoken");
    return ERR_OK;
}

static enum err build_access(const struct report_context *c, struct report *report,
                             struct errmsg *msg UNUSED)
{
    AUTO(sums_done) struct sums s = {.from_ms = INT64_MIN};
    struct audit_filter filter = {.to_ms = end_ms(c)};
    const bool has_before = c->from_day != INT64_MIN;
    struct json *summary = report_summary(report);
    enum err e;

    if (has_before) {
        s.from_ms = c->from_day * DAY_MS;
        filter.from_ms = s.from_ms - (filter.to_ms - s.from_ms); /* as long again */
    }
    e = add_up(c, &filter, take, &s);
    for (size_t i = 0; e == ERR_OK && i < s.count; i++)
        e = add_access_row(c, report, &s.at[i], has_before);
    set_count(summary, "records", s.records);
    set_count(summary, "people", s.people.all);
    set_count(summary, "values", s.values);
    set_count(summary, "masks", s.masks);
    return e;
}

const struct report_kind report__access = {
    .name = "access",
    .title = "Who saw what",
    .columns = access_columns,
    .column_count = COUNT_OF(access_columns),
    .summary = access_summary,
    .summary_count = COUNT_OF(access_summary),
    .build = build_access,
};

/* ---- breach ---- */

static const struct report_column breach_columns[] = {
    {"class", "Class", REPORT_TEXT, false},    {"special", "Article 9", REPORT_FLAG, false},
    {"values", "Values", REPORT_COUNT, false}, {"masks", "Masks", REPORT_COUNT, false},
    {"people", "People", REPORT_COUNT, false}, {"requests", "Requests", REPORT_COUNT, false},
    {"first", "First", REPORT_INSTANT, false}, {"last", "Last", REPORT_INSTANT, false},
};

static const struct report_column breach_summary[] = {
    {"caller", "Caller", REPORT_TEXT, false},
    {"people", "People", REPORT_COUNT, false},
    {"values", "Values in clear", REPORT_COUNT, false},
    {"masks", "Masks", REPORT_COUNT, false},
    {"tokens_only", "Nothing in clear", REPORT_FLAG, false},
    {"refused", "Refused", REPORT_COUNT, false},
    {"suspended", "Caller suspended", REPORT_FLAG, false},
    {"aware", "Aware since", REPORT_INSTANT, false},
    {"notify_by", "Notify by", REPORT_INSTANT, false},
    {"hours_left", "Hours left", REPORT_COUNT, false},
};

/* 72 hours from having become aware, over weekends and holidays as well: Art. 33(1), and Reg. 1182/71 Art. 3,
 * which moves no period that is expressed in hours. */
static void set_clock(const struct report_context *c, struct json *summary)
{
    const int64_t by_s = c->aware_s + BREACH_HOURS * 3600;

    json_set(summary, "aware", json_new_null());
    json_set(summary, "notify_by", json_new_null());
    json_set(summary, "hours_left", json_new_null());
    if (c->aware_s == 0)
        return;
    report_set_instant(summary, "aware", c->aware_s);
    report_set_instant(summary, "notify_by", by_s);
    json_set_int(summary, "hours_left", (by_s - c->now_s) / 3600);
}

static enum err add_breach_row(const struct report_context *c, struct report *report,
                               const struct sum *sum)
{
    const struct class_def *def = vault_class_def(c->vault, sum->class_id);
    struct json *row;
    enum err e = report_row(report, &row);

    if (e != ERR_OK)
        return e;
    set_class(c, row, sum->class_id);
    json_set_bool(row, "special", def != NULL && def->special != NULL);
    set_count(row, "values", sum->values);
    set_count(row, "masks", sum->masks);
    set_count(row, "people", sum->people);
    set_count(row, "requests", sum->requests);
    report_set_instant(row, "first", sum->first_ms / 1000);
    report_set_instant(row, "last", sum->last_ms / 1000);
    if (c->aware_s != 0 && c->now_s > c->aware_s + BREACH_HOURS * 3600)
        report_attend(row, "late");
    else if (c->aware_s != 0)
        report_attend(row, "notify");
    return ERR_OK;
}

/* For all purposes together. */
static enum err take_for_breach(const struct audit_record *record, void *context)
{
    struct audit_record r = *record;

    r.purpose = SPAN_NONE;
    r.role = AUDIT_CALLER;
    return take(&r, context);
}

static enum err build_breach(const struct report_context *c, struct report *report,
                             struct errmsg *msg)
{
    AUTO(sums_done) struct sums s = {.from_ms = INT64_MIN};
    AUTO(mem_free) char *name = NULL;
    const struct audit_filter filter = {.from_ms =
                                            c->from_day == INT64_MIN ? 0 : c->from_day * DAY_MS,
                                        .to_ms = end_ms(c),
                                        .who = c->caller};
    struct json *summary = report_summary(report);
    uint64_t refused = 0;
    enum err e;

    if (c->caller.at == NULL)
        return errmsg_set(msg, ERR_INVALID, "whose access was abused? name the caller");
    e = add_up(c, &filter, take_for_breach, &s);
    for (size_t i = 0; e == ERR_OK && i < s.count; i++) {
        refused += s.at[i].refused;
        if (s.at[i].class_id != 0)
            e = add_breach_row(c, report, &s.at[i]);
    }
    if (e != ERR_OK)
        return e;
    name = mem_alloc(c->caller.len + 1);
    memcpy(name, c->caller.at, c->caller.len);
    json_set_str(summary, "caller", name);
    set_count(summary, "people", s.people.all);
    set_count(summary, "values", s.values);
    set_count(summary, "masks", s.masks);
    json_set_bool(summary, "tokens_only", s.values + s.masks == 0);
    set_count(summary, "refused", refused);
    json_set_bool(summary, "suspended", vault_caller_is_suspended(vault_caller(c->vault, name)));
    set_clock(c, summary);
    return ERR_OK;
}

const struct report_kind report__breach = {
    .name = "breach",
    .title = "What a caller saw",
    .columns = breach_columns,
    .column_count = COUNT_OF(breach_columns),
    .summary = breach_summary,
    .summary_count = COUNT_OF(breach_summary),
    .build = build_breach,
    .of_caller = true,
};
