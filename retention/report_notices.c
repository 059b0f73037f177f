/* SPDX-License-Identifier: Apache-2.0 */
/* The report of notices to recipients: who was told, and who does not know yet.
 * Runs on: a worker thread. Holds: nothing. Invariant: every notice that is open stands in it; the others where
 * they were made within the period. */
#include "retention/report_priv.h"

#include <string.h>

#include "base/mem.h"
#include "base/period.h"
#include "retention/notices.h"

enum { STEP = 500, DAY_S = 86400 };

static const struct report_column columns[] = {
    {"number", "Notice", REPORT_COUNT, false},
    {"id", "Id", REPORT_TEXT, true},
    {"recipient", "Recipient", REPORT_TEXT, false},
    {"event", "Event", REPORT_TEXT, false},
    {"reference", "Reference", REPORT_TEXT, true},
    {"count", "Tokens", REPORT_COUNT, false},
    {"at", "At", REPORT_INSTANT, false},
    {"deadline", "Deadline", REPORT_INSTANT, false},
    {"state", "State", REPORT_TEXT, false},
    {"tries", "Tries", REPORT_COUNT, false},
    {"next_try", "Next try", REPORT_INSTANT, true},
    {"error", "Last error", REPORT_TEXT, true},
    {"closed", "Closed", REPORT_INSTANT, false},
    {"how", "How", REPORT_TEXT, true},
    {"who", "Who", REPORT_TEXT, true},
};

static const struct report_column summary[] = {
    {"open", "Open", REPORT_COUNT, false},
    {"failed", "Failed", REPORT_COUNT, false},
    {"acknowledged", "Acknowledged", REPORT_COUNT, false},
    {"told_by_hand", "Told by hand", REPORT_COUNT, false},
    {"impossible", "Impossible", REPORT_COUNT, false},
};

static bool is_asked_for(const struct report_context *c, const struct json *notice)
{
    const int64_t day = json_int_of(json_get(notice, "since"), 0) / DAY_S;

    return json_bool_of(json_get(notice, "open"), false) || (day >= c->from_day && day < c->to_day);
}

static enum err add_row(const struct report_context *c, struct report *report,
                        const struct json *notice)
{
    const char *why = notice_attention(notice, c->now_s);
    struct json *row;
    enum err e = report_row(report, &row);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT_OF(columns); i++)
        json_set(row, columns[i].member, json_clone(json_get(notice, columns[i].member)));
    if (why != NULL)
        report_attend(row, why);
    return ERR_OK;
}

static enum err add_summary(const struct report_context *c, struct report *report)
{
    struct json *map = report_summary(report);
    uint64_t n[NOTICE_STATE_COUNT];
    enum err e = notices_count_states(c->vault, n);

    if (e != ERR_OK)
        return e;
    json_set_int(map, "open", (int64_t)(n[NOTICE_TO_SEND] + n[NOTICE_BY_HAND] + n[NOTICE_FAILED]));
    json_set_int(map, "failed", (int64_t)n[NOTICE_FAILED]);
    json_set_int(map, "acknowledged", (int64_t)(n[NOTICE_ACKNOWLEDGED] + n[NOTICE_NOTHING_THERE]));
    json_set_int(map, "told_by_hand", (int64_t)n[NOTICE_TOLD]);
    json_set_int(map, "impossible", (int64_t)n[NOTICE_IMPOSSIBLE]);
    return ERR_OK;
}

static enum err build(const struct report_context *c, struct report *report,
                      struct errmsg *msg UNUSED)
{
    static const uint64_t states = ~(NOTICE_IN(PLANNED) | NOTICE_IN(WITHDRAWN));
    enum err e = add_summary(c, report);
    bool more = true;
    uint64_t after = 0;

    while (e == ERR_OK && more) {
        AUTO(json_free) struct json *list = json_new_list();

        e = notices_list(c->vault, states, after, STEP, list, &more);
        for (size_t i = 0; e == ERR_OK && i < json_count(list); i++) {
            const struct json *notice = json_at(list, i);

            after = (uint64_t)json_int_of(json_get(notice, "number"), 0);
            if (is_asked_for(c, notice))
                e = add_row(c, report, notice);
        }
    }
    return e;
}

const struct report_kind report__notices = {
    .name = "notices",
    .title = "Notices to recipients",
    .columns = columns,
    .column_count = COUNT_OF(columns),
    .summary = summary,
    .summary_count = COUNT_OF(summary),
    .build = build,
};
