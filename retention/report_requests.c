/* SPDX-License-Identifier: Apache-2.0 */
/* The register of requests as a report: one row a request.
 * Runs on: a worker thread; blocks. Holds: nothing. Not here: the register (requests.c). */
#include "base/assert.h"
#include "base/civil.h"
#include "retention/report_priv.h"
#include "retention/requests_priv.h"

/* Where a column's text stands in what requests_show() gives. */
struct source {
    const char *member;
    const char *map; /* NULL: at the top */
    const char *name;
};

static const struct source texts[] = {
    {"state", NULL, "state"},
    {"standing", NULL, "standing"},
    {"regime", "regime", "name"},
    {"channel", NULL, "channel"},
    {"received", NULL, "received"},
    {"received_date", NULL, "received_date"},
    {"acknowledged", "acknowledged", "date"},
    {"subject", NULL, "subject"},
    {"domain", NULL, "domain"},
    {"agent", NULL, "agent"},
    {"identity_method", "identity", "method"},
    {"identity_asked", "identity", "asked"},
    {"identity_confirmed", "identity", "confirmed"},
    {"owner", NULL, "owner"},
    {"external", NULL, "external"},
    {"raw_due", "dates", "raw"},
    {"legal_due", "dates", "legal"},
    {"due", NULL, "due"},
    {"target_due", "dates", "target"},
    {"holidays", NULL, "holidays"},
    {"extension_decided", "extension", "decided"},
    {"extension_reason", "extension", "reason"},
    {"extension_notice", "extension", "channel"},
    {"decision", NULL, "decision"},
    {"executed", NULL, "executed"},
    {"answered", "answer", "date"},
    {"answer_channel", "answer", "channel"},
    {"answer_template", "answer", "template"},
};

static const struct report_column columns[] = {
    {"number", "No.", REPORT_COUNT, false},
    {"rights", "Rights", REPORT_LIST, false},
    {"state", "State", REPORT_TEXT, false},
    {"standing", "Standing", REPORT_TEXT, false},
    {"received_date", "Received", REPORT_DATE, false},
    {"due", "Due", REPORT_DATE, false},
    {"days_left", "Days left", REPORT_COUNT, false},
    {"decision", "Decision", REPORT_TEXT, false},
    {"owner", "Owner", REPORT_TEXT, false},
    {"answered", "Answered", REPORT_DATE, false},
    {"in_time", "In time", REPORT_FLAG, false},
    {"id", "Id", REPORT_TEXT, true},
    {"external", "External no.", REPORT_TEXT, true},
    {"regime", "Regime", REPORT_TEXT, true},
    {"channel", "Channel", REPORT_TEXT, true},
    {"received", "Received at", REPORT_INSTANT, true},
    {"acknowledged", "Acknowledged", REPORT_DATE, true},
    {"subject", "Subject", REPORT_TEXT, true},
    {"domain", "Domain", REPORT_TEXT, true},
    {"agent", "Agent", REPORT_TEXT, true},
    {"identity_method", "Identity by", REPORT_TEXT, true},
    {"identity_asked", "Identity asked", REPORT_DATE, true},
    {"identity_confirmed", "Identity confirmed", REPORT_DATE, true},
    {"scope", "Scope", REPORT_LIST, true},
    {"kept", "Kept", REPORT_LIST, true},
    {"raw_due", "Raw due", REPORT_DATE, true},
    {"legal_due", "Legal due", REPORT_DATE, true},
    {"target_due", "Target", REPORT_DATE, true},
    {"holidays", "Holidays", REPORT_TEXT, true},
    {"paused_days", "Paused days", REPORT_COUNT, true},
    {"extension_decided", "Extended", REPORT_DATE, true},
    {"extension_reason", "Extension reason", REPORT_TEXT, true},
    {"extension_notice", "Extension told by", REPORT_TEXT, true},
    {"reasons", "Reasons", REPORT_LIST, true},
    {"approvers", "Approved by", REPORT_LIST, true},
    {"executed", "Executed", REPORT_DATE, true},
    {"certificates", "Receipts", REPORT_LIST, true},
    {"to_notify", "To notify", REPORT_COUNT, true},
    {"notified", "Acknowledged by", REPORT_COUNT, true},
    {"answer_channel", "Answer by", REPORT_TEXT, true},
    {"answer_template", "Template", REPORT_TEXT, true},
    {"days_used", "Days used", REPORT_COUNT, true},
    {"complaints", "Complaints", REPORT_COUNT, true},
};

static const struct report_column summary[] = {
    {"requests", "Requests", REPORT_COUNT, false},
    {"open", "Open", REPORT_COUNT, false},
    {"due_soon", "Due soon", REPORT_COUNT, false},
    {"past_due", "Past due", REPORT_COUNT, false},
    {"answered", "Answered", REPORT_COUNT, false},
    {"answered_late", "Answered late", REPORT_COUNT, false},
    {"days_mean", "Mean days to answer", REPORT_COUNT, false},
    {"days_median", "Median days to answer", REPORT_COUNT, false},
};

struct sums {
    uint64_t requests, open, soon, past, answered, late;
    int64_t days;
    uint64_t by_days[1000]; /* answered after so many, or more */
};

static void copy_text(struct json *row, const char *member, const struct json *from)
{
    struct json *text =
        json_kind(from) == JSON_TEXT ? json_new_text(json_text_of(from)) : json_new_null();

    json_set(row, member, text);
}

static void copy_count(struct json *row, const char *member, const struct json *from)
{
    json_set(row, member,
             json_kind(from) == JSON_INT ? json_new_int(json_int_of(from, 0)) : json_new_null());
}

/* One member of each map of a list. */
static void copy_list(struct json *row, const char *member, const struct json *from,
                      const char *name)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(from); i++) {
        const struct json *value =
            name == NULL ? json_at(from, i) : json_get(json_at(from, i), name);

        if (json_kind(value) == JSON_TEXT)
            json_add(list, json_new_text(json_text_of(value)));
    }
    json_set(row, member, list);
}

static bool is_word(const struct json *view, const char *name, const char *word)
{
    return span_equal(json_text_of(json_get(view, name)), span_str(word));
}

static void count(const struct request_gist *gist, struct sums *sums)
{
    const int64_t days = gist->days_used;

    sums->requests++;
    sums->open += (REQUEST_OPEN_STATES >> gist->state & 1) != 0;
    sums->soon += gist->is_soon;
    sums->past += gist->is_past;
    if (!gist->answered)
        return;
    sums->answered++;
    sums->late += !gist->in_time;
    sums->days += days;
    sums->by_days[days < 0 ? 0 : days < 999 ? days : 999]++;
}

static enum err add_row(struct report *report, const struct json *view)
{
    const struct json *scope = json_get(view, "scope"), *recipients = json_get(view, "recipients");
    struct json *row;
    enum err e = report_row(report, &row);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        copy_text(
            row, texts[i].member,
            json_get(texts[i].map == NULL ? view : json_get(view, texts[i].map), texts[i].name));
    copy_text(row, "id", json_get(view, "id"));
    copy_count(row, "number", json_get(view, "number"));
    copy_count(row, "days_left", json_get(view, "days_left"));
    copy_count(row, "days_used", json_get(view, "days_used"));
    copy_count(row, "paused_days", json_get(view, "paused_days"));
    copy_count(row, "to_notify", json_get(recipients, "to_notify"));
    copy_count(row, "notified", json_get(recipients, "acknowledged"));
    json_set_int(row, "complaints", (int64_t)json_count(json_get(view, "complaints")));
    json_set(row, "in_time",
             json_kind(json_get(view, "in_time")) == JSON_BOOL
                 ? json_new_bool(json_bool_of(json_get(view, "in_time"), false))
                 : json_new_null());
    copy_list(row, "rights", json_get(view, "rights"), "right");
    copy_list(row, "reasons", json_get(view, "rights"), "reason");
    copy_list(row, "certificates", json_get(view, "rights"), "receipt");
    copy_list(row, "approvers", json_get(view, "approvals"), "by");
    copy_list(row, "scope", json_get(scope, "classes"), NULL);
    copy_list(row, "kept", request__kept(view), "class");
    if (is_word(view, "standing", "past due"))
        report_attend(row, "past_due");
    if (is_word(view, "state", "failed"))
        report_attend(row, "failed");
    return ERR_OK;
}

static int64_t median(const struct sums *sums)
{
    uint64_t seen = 0;

    for (int64_t days = 0; days < 1000; days++) {
        seen += sums->by_days[days];
        if (seen * 2 >= sums->answered)
            return days;
    }
    return 999;
}

static void set_summary(struct json *map, const struct sums *sums)
{
    json_set_int(map, "requests", (int64_t)sums->requests);
    json_set_int(map, "open", (int64_t)sums->open);
    json_set_int(map, "due_soon", (int64_t)sums->soon);
    json_set_int(map, "past_due", (int64_t)sums->past);
    json_set_int(map, "answered", (int64_t)sums->answered);
    json_set_int(map, "answered_late", (int64_t)sums->late);
    json_set(map, "days_mean", json_new_null());
    json_set(map, "days_median", json_new_null());
    if (sums->answered > 0) {
        json_set_int(map, "days_mean", sums->days / (int64_t)sums->answered);
        json_set_int(map, "days_median", median(sums));
    }
}

/* Closed ones fill a register over the years: they are listed when a period is asked for, by the day on which they were
 * received. */
static enum err add_next(const struct report_context *c, struct report *report,
                         struct request_walk *walk, struct sums *sums)
{
    const bool all = c->from_day != INT64_MIN || c->to_day != INT64_MAX;
    AUTO(json_free) struct json *view = NULL;
    struct request_gist gist;
    int64_t day;
    enum err e = request_walk_gist(walk, &gist);

    if (e != ERR_OK)
        return e;
    day = civil_days(gist.received);
    if (day < c->from_day || day >= c->to_day)
        return ERR_OK;
    count(&gist, sums);
    if (!all && gist.state == REQUEST_CLOSED)
        return ERR_OK;
    e = request_walk_view(walk, &gist, &view);
    return e == ERR_OK ? add_row(report, view) : e;
}

static enum err build(const struct report_context *c, struct report *report, struct errmsg *msg)
{
    AUTO(request_walk_close) struct request_walk *walk = NULL;
    struct sums sums = {.requests = 0};
    enum err e;

    if (c->requests == NULL)
        return errmsg_set(msg, ERR_NOT_FOUND, "there is no register of requests here");
    e = request_walk_open(c->requests, UINT64_MAX, 0, &walk);
    while (e == ERR_OK)
        e = add_next(c, report, walk, &sums);
    set_summary(report_summary(report), &sums);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

const struct report_kind report__requests = {
    .name = "requests",
    .title = "Requests of persons",
    .columns = columns,
    .column_count = COUNT_OF(columns),
    .summary = summary,
    .summary_count = COUNT_OF(summary),
    .build = build,
};
