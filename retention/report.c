/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of reports, and what all of them have in common.
 * Runs on: a worker thread; blocks. Holds: nothing. Invariant: every report says of what, as of when,
 * by which program, configuration and ledger it speaks. Not here: the figures (report_*.c), how they
 * look (report_write.c). */
#include "retention/report.h"

#include <string.h>

#include "base/assert.h"
#include "base/civil.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/period.h"
#include "retention/proof.h"
#include "retention/report_priv.h"
#include "version.h"

struct report {
    struct json *rows;
    struct json *summary;
};

/* ---- the table ---- */

static const struct report_kind *const kinds[] = {
    &report__retention,  &report__requests, &report__request_years, &report__holds,
    &report__exceptions, &report__notices,  &report__purges,        &report__purge_days,
    &report__access,     &report__breach,   &report__changes,       &report__ropa,
    &report__flows,      &report__dpia,
};

const struct report_kind *report_kind_find(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (span_equal(name, span_str(kinds[i]->name)))
            return kinds[i];
    return NULL;
}

const struct report_kind *report_kind_at(size_t index)
{
    return index < COUNT_OF(kinds) ? kinds[index] : NULL;
}

/* ---- building ---- */

struct report_days report__days(const struct report_context *c)
{
    enum { DAY_S = 86400, DAYS_UNLESS_SAID = 31 };
    const int64_t end = c->now_s / DAY_S + 1;
    const int64_t to = c->to_day > end ? end : c->to_day;

    return (struct report_days){.from =
                                    c->from_day == INT64_MIN ? to - DAYS_UNLESS_SAID : c->from_day,
                                .to = to,
                                .until_now = to == end};
}

enum err report__in_snapshot(const struct report_context *c, struct report *report,
                             enum err (*fn)(const struct report_context *c, struct report *report))
{
    enum err e = vault_read_begin(c->reader);

    if (e != ERR_OK)
        return e;
    e = fn(c, report);
    vault_read_end(c->reader);
    return e;
}

enum err report_row(struct report *report, struct json **ret_row)
{
    struct json *row;

    if (json_count(report->rows) >= LIMIT_REPORT_ROWS_MAX)
        return ERR_TOO_LARGE;
    row = json_new_map();
    json_set(row, "attention", json_new_list());
    json_add(report->rows, row);
    *ret_row = row;
    return ERR_OK;
}

void report_attend(struct json *row, const char *reason)
{
    json_add(json_get(row, "attention"), json_new_text(span_str(reason)));
}

struct json *report_rows(struct report *report)
{
    return report->rows;
}

struct json *report_summary(struct report *report)
{
    return report->summary;
}

void report_set_instant(struct json *map, const char *name, int64_t at_s)
{
    char text[24];

    period_format_instant(at_s, text);
    json_set_str(map, name, text);
}

void report_set_day(struct json *map, const char *name, int64_t day)
{
    char text[CIVIL_TEXT_MAX];

    civil_format(civil_of(day), text);
    json_set_str(map, name, text);
}

/* ---- the header ---- */

static struct json *period_map(const struct report_context *c)
{
    struct json *map = json_new_map();

    json_set(map, "from", json_new_null());
    json_set(map, "to", json_new_null());
    if (c->from_day != INT64_MIN)
        report_set_day(map, "from", c->from_day);
    if (c->to_day != INT64_MAX)
        report_set_day(map, "to", c->to_day);
    return map;
}

static void set_hex(struct json *map, const char *name, const uint8_t *bytes, size_t len)
{
    char hex[DIGEST_HEX_BYTES];

    REQUIRE(2 * len < sizeof(hex));
    proof_hex(bytes, len, hex);
    json_set_str(map, name, hex);
}

static struct json *ledger_map(const struct vault *v)
{
    struct json *map = json_new_map();
    uint8_t head[VAULT_HEAD_BYTES];

    json_set_int(map, "entries", (int64_t)vault_ledger_position(v, head));
    set_hex(map, "head", head, sizeof(head));
    return map;
}

static const char *clock_word(struct vault *v)
{
    static const char *const words[] = {
        [VAULT_CLOCK_RIGHT] = "right",
        [VAULT_CLOCK_BEHIND] = "behind",
        [VAULT_CLOCK_AHEAD] = "ahead",
    };

    return words[vault_clock(v)];
}

void report_set_origin(struct json *map, const struct report_context *c)
{
    report_set_instant(map, "as_of", c->now_s);
    json_set_str(map, "zone", "UTC");
    json_set(map, "period", period_map(c));
    json_set_str(map, "version", LETHE_VERSION);
    json_set_str(map, "commit", LETHE_COMMIT);
    json_set(map, "configuration", json_new_null());
    if (c->configuration != NULL)
        set_hex(map, "configuration", c->configuration, CONF_DIGEST_BYTES);
    set_hex(map, "store", vault_store_id(c->vault), VAULT_ID_BYTES);
    json_set(map, "ledger", ledger_map(c->vault));
    json_set_str(map, "clock", clock_word(c->vault));
}

static struct json *header_map(const struct report_kind *kind, const struct report_context *c)
{
    struct json *map = json_new_map();

    json_set_str(map, "report", kind->name);
    json_set_str(map, "title", kind->title);
    report_set_origin(map, c);
    json_set_str(map, "classification", "internal: counts and random ids, no personal data");
    return map;
}

/* ---- the whole ---- */

static bool any_attention(const struct json *rows)
{
    for (size_t i = 0; i < json_count(rows); i++)
        if (json_count(json_get(json_at(rows, i), "attention")) > 0)
            return true;
    return false;
}

enum err report_make(const struct report_kind *kind, const struct report_context *c,
                     struct json **ret_tree, struct errmsg *msg)
{
    AUTO(json_free) struct json *rows = json_new_list();
    AUTO(json_free) struct json *summary = json_new_map();
    struct report report = {.rows = rows, .summary = summary};
    struct json *tree;
    enum err e;

    if (c->from_day > c->to_day)
        return errmsg_set(msg, ERR_INVALID, "the period ends before it begins");
    e = kind->build(c, &report, msg);
    if (e == ERR_TOO_LARGE)
        return errmsg_set(msg, e, "the report would have more than %d rows: %s",
                          LIMIT_REPORT_ROWS_MAX,
                          kind->of_configuration ? "it has one for each thing that is configured"
                                                 : "choose a shorter period");
    if (e != ERR_OK)
        return e;
    tree = header_map(kind, c);
    json_set(tree, "summary", TAKE(summary));
    json_set(tree, "rows", TAKE(rows));
    json_set_bool(tree, "attention", any_attention(json_get(tree, "rows")));
    *ret_tree = tree;
    return ERR_OK;
}

bool report_needs_attention(const struct json *tree)
{
    return json_bool_of(json_get(tree, "attention"), true);
}
