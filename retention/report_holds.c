/* SPDX-License-Identifier: Apache-2.0 */
/* The report of legal holds: why values are kept beyond their time, whose the hold is, and when somebody
 * looks at it again.
 * Runs on: a worker thread. Holds: nothing. Invariant: every hold in force stands in it, however long it
 * has been; lifted ones where they were lifted within the period. Not here: the holds (vault/holds.h). */
#include "retention/report_priv.h"

#include "base/mem.h"
#include "retention/receipt.h"
#include "vault/holds.h"

enum { DAY_S = 86400 };

static const struct report_column columns[] = {
    {"number", "Hold", REPORT_COUNT, false},
    {"state", "State", REPORT_TEXT, false},
    {"subject", "Subject", REPORT_TEXT, true},
    {"scope", "Scope", REPORT_TEXT, false},
    {"class", "Class", REPORT_TEXT, false},
    {"code", "Exception", REPORT_TEXT, true},
    {"ground", "Ground", REPORT_TEXT, false},
    {"owner", "Owner", REPORT_TEXT, false},
    {"set", "Set", REPORT_INSTANT, true},
    {"set_by", "Set by", REPORT_TEXT, true},
    {"age_days", "Age, days", REPORT_COUNT, false},
    {"review", "Review", REPORT_DATE, false},
    {"items", "Items", REPORT_COUNT, false},
    {"due", "Of these due", REPORT_COUNT, false},
    {"erasures_waiting", "Erasures waiting", REPORT_COUNT, false},
    {"lifted", "Lifted", REPORT_INSTANT, true},
    {"lifted_by", "Lifted by", REPORT_TEXT, true},
    {"reason", "Why lifted", REPORT_TEXT, true},
};

static const struct report_column summary[] = {
    {"in_force", "Holds in force", REPORT_COUNT, false},
    {"restricted", "Restricted subjects", REPORT_COUNT, false},
    {"erasures_waiting", "Erasures waiting", REPORT_COUNT, false},
    {"objections", "Objections", REPORT_COUNT, false},
    {"consents_withdrawn", "Consents withdrawn", REPORT_COUNT, false},
};

static void set_text(struct json *row, const char *name, const char *text)
{
    json_set(row, name, text[0] == '\0' ? json_new_null() : json_new_text(span_str(text)));
}

static const char *scope_of(const struct vault_hold *hold)
{
    if (hold->slot == 0)
        return "class";
    return hold->class_id == 0 ? "subject" : "class of a subject";
}

static void set_words(const struct report_context *c, struct json *row,
                      const struct vault_hold *hold)
{
    const struct class_def *def =
        hold->class_id == 0 ? NULL : vault_class_def(c->vault, hold->class_id);

    json_set_int(row, "number", (int64_t)hold->number);
    json_set(row, "subject", json_new_null());
    if (hold->slot != 0)
        receipt_set_id(row, "subject", hold->subject);
    json_set_str(row, "scope", scope_of(hold));
    json_set(row, "class", json_new_null());
    if (def != NULL)
        json_set_str(row, "class", def->name);
    set_text(row, "code", hold->code);
    set_text(row, "ground", hold->ground);
    set_text(row, "owner", hold->owner);
    report_set_instant(row, "set", hold->set_ms / 1000);
    set_text(row, "set_by", hold->set_by);
    report_set_day(row, "review", hold->review_s / DAY_S);
    json_set(row, "lifted", json_new_null());
    if (hold->lifted_ms != 0)
        report_set_instant(row, "lifted", hold->lifted_ms / 1000);
    set_text(row, "lifted_by", hold->lifted_by);
    set_text(row, "reason", hold->lifted_why);
}

static void set_state(const struct report_context *c, struct json *row,
                      const struct vault_hold *hold)
{
    const int64_t until_s = hold->lifted_ms == 0 ? c->now_s : hold->lifted_ms / 1000;
    const int64_t age_s = until_s - hold->set_ms / 1000;

    json_set_int(row, "age_days", age_s < 0 ? 0 : age_s / DAY_S);
    json_set_str(row, "state", hold->lifted_ms == 0 ? "in force" : "lifted");
    if (hold->lifted_ms == 0 && hold->review_s <= c->now_s)
        report_attend(row, "review_overdue");
}

/* Erasures that this hold keeps waiting, perhaps with others. */
static enum err count_waiting(const struct report_context *c, const struct vault_hold *hold,
                              uint64_t *ret)
{
    AUTO(vault_waiting_done) struct vault_waiting waiting = {.slot = 0};
    enum err e;

    *ret = 0;
    while ((e = vault_read_waiting(c->reader, waiting.slot, &waiting)) == ERR_OK) {
        bool binds = false;

        e = vault_hold_binds(c->reader, hold, waiting.slot, &binds);
        if (e != ERR_OK)
            return e;
        *ret += binds;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err add_hold(const struct report_context *c, struct report *report,
                         const struct vault_hold *hold)
{
    uint64_t items = 0, due = 0, waiting = 0;
    struct json *row;
    enum err e = report_row(report, &row);

    if (e == ERR_OK)
        e = vault_hold_count(c->reader, hold, c->now_s, &items, &due);
    if (e == ERR_OK)
        e = count_waiting(c, hold, &waiting);
    if (e != ERR_OK)
        return e;
    set_words(c, row, hold);
    set_state(c, row, hold);
    json_set_int(row, "items", (int64_t)items);
    json_set_int(row, "due", (int64_t)due);
    json_set_int(row, "erasures_waiting", (int64_t)waiting);
    return ERR_OK;
}

static bool is_asked_for(const struct report_context *c, const struct vault_hold *hold)
{
    const int64_t day = hold->lifted_ms / 1000 / DAY_S;

    return hold->lifted_ms == 0 || (day >= c->from_day && day < c->to_day);
}

static enum err add_all(const struct report_context *c, struct report *report)
{
    struct vault_holds_figures figures;
    struct vault_hold hold = {.number = 0};
    struct json *map = report_summary(report);
    enum err e = vault_read_holds_figures(c->reader, &figures);

    while (e == ERR_OK && (e = vault_read_hold(c->reader, hold.number, &hold)) == ERR_OK)
        if (is_asked_for(c, &hold))
            e = add_hold(c, report, &hold);
    if (e != ERR_NOT_FOUND)
        return e;
    json_set_int(map, "in_force", (int64_t)figures.holds);
    json_set_int(map, "restricted", (int64_t)figures.restricted);
    json_set_int(map, "erasures_waiting", (int64_t)figures.waiting);
    json_set_int(map, "objections", (int64_t)figures.objections);
    json_set_int(map, "consents_withdrawn", (int64_t)figures.withdrawn);
    return ERR_OK;
}

static enum err build(const struct report_context *c, struct report *report,
                      struct errmsg *msg UNUSED)
{
    return report__in_snapshot(c, report, add_all);
}

const struct report_kind report__holds = {
    .name = "holds",
    .title = "Legal holds",
    .columns = columns,
    .column_count = COUNT_OF(columns),
    .summary = summary,
    .summary_count = COUNT_OF(summary),
    .build = build,
};
