/* SPDX-License-Identifier: Apache-2.0 */
/* Deletion rules: due times, and reading `retain:`.
 * Runs on: any thread. Holds: nothing. Invariant: a rule that was read ends every value at a time that
 * is known when it is stored, and none before its minimum. Not here: the calendar (base/calendar.c). */
#include "vault/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/mem.h"

/* ---- due times ---- */

static int64_t end_after(const struct rule *rule, const struct period *period, int64_t start_s)
{
    const int64_t end_s = calendar_add(start_s, period);

    switch (rule->round) {
    case RULE_EXACT:
        return end_s;
    case RULE_DAY_END:
        return calendar_end_of(end_s, CALENDAR_DAY);
    case RULE_MONTH_END:
        return calendar_end_of(end_s, CALENDAR_MONTH);
    case RULE_YEAR_END:
        break;
    }
    return calendar_end_of(end_s, CALENDAR_YEAR);
}

static int64_t end_of_period(const struct rule *rule, int64_t start_s)
{
    return end_after(rule, &rule->period, start_s);
}

static int64_t latest(const struct rule *rule, int64_t created_s)
{
    return period_is_none(&rule->backstop) ? INT64_MAX : calendar_add(created_s, &rule->backstop);
}

static int64_t unguarded_due(const struct rule *rule, const struct rule_times *times)
{
    int64_t due_s, latest_s;

    switch (rule->start) {
    case RULE_EVENT:
        return times->event_s == 0 ? latest(rule, times->created_s)
                                   : end_of_period(rule, times->event_s);
    case RULE_LAST_USED:
        due_s = end_of_period(rule,
                              times->used_s > times->created_s ? times->used_s : times->created_s);
        break;
    case RULE_CREATED:
    default:
        due_s = end_of_period(rule, times->created_s);
        break;
    }
    latest_s = latest(rule, times->created_s);
    return due_s < latest_s ? due_s : latest_s;
}

int64_t rule_minimum_end(const struct rule *rule, int64_t created_s)
{
    return period_is_none(&rule->minimum) ? 0 : end_after(rule, &rule->minimum, created_s);
}

int64_t rule_due(const struct rule *rule, const struct rule_times *times)
{
    const int64_t due_s = unguarded_due(rule, times);
    const int64_t first_s = rule_minimum_end(rule, times->created_s);

    return due_s < first_s ? first_s : due_s;
}

bool rule_is_ordered(const struct rule *rule)
{
    return rule->start == RULE_CREATED;
}

/* Months as their mean length: this decides nothing but how often a use is written down. */
static int64_t length_of(const struct period *p)
{
    return (int64_t)p->months * 2629746 + (int64_t)p->days * 86400 + (int64_t)p->seconds;
}

int64_t rule_granularity_s(const struct rule *rule)
{
    const int64_t tenth_s = length_of(&rule->period) / 10;
    const int64_t wanted_s =
        period_is_none(&rule->granularity) ? 86400 : length_of(&rule->granularity);

    if (rule->start != RULE_LAST_USED)
        return 0;
    if (tenth_s < 1)
        return 1;
    return wanted_s < tenth_s ? wanted_s : tenth_s;
}

/* ---- as text ---- */

static const char *const round_names[] = {"none", "day", "month", "year_end"};

const char *rule_round_name(enum rule_round round)
{
    return round_names[round];
}

void rule_start_text(const struct rule *rule, char out[RULE_NAME_MAX + 8])
{
    static const char *const starts[] = {"created", "last_used", "event:"};

    (void)snprintf(out, RULE_NAME_MAX + 8, "%s%s", starts[rule->start],
                   rule->start == RULE_EVENT ? rule->event : "");
}

bool rule_has_review(const struct rule *rule)
{
    return rule->review.month != 0;
}

static void add_timing(char *out, const char *what, const char *text)
{
    const size_t len = strlen(out);

    (void)snprintf(out + len, RULE_TIMING_MAX - len, " %s %s", what, text);
}

/* The first words are all there is for a plain rule: stores have them from before there were others. */
void rule_timing(const struct rule *rule, char out[RULE_TIMING_MAX])
{
    char text[PERIOD_TEXT_MAX], start[RULE_NAME_MAX + 8];

    (void)snprintf(out, RULE_TIMING_MAX, "P%ldMT%lldS", (long)rule->period.months,
                   (long long)rule->period.days * 86400 + (long long)rule->period.seconds);
    rule_start_text(rule, start);
    if (rule->start != RULE_CREATED)
        add_timing(out, "from", start);
    if (!period_is_none(&rule->backstop)) {
        period_format(&rule->backstop, text);
        add_timing(out, "backstop", text);
    }
    if (!period_is_none(&rule->minimum)) {
        period_format(&rule->minimum, text);
        add_timing(out, "minimum", text);
    }
    if (rule->round != RULE_EXACT)
        add_timing(out, "round", rule_round_name(rule->round));
}

/* ---- reading ---- */

bool rule_is_name(const char *text)
{
    const size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if ((text[i] < 'a' || text[i] > 'z') && (text[i] < '0' || text[i] > '9') &&
            text[i] != '_' && text[i] != '-')
            return false;
    return len > 0 && len <= RULE_NAME_MAX;
}

enum err rule_read_words(struct conf_node node, char **ret, struct errmsg *msg)
{
    const char *text = NULL;
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK || text == NULL)
        return e;
    if (text[0] == '\0' || strlen(text) > RULE_WORDS_MAX)
        return conf_fail(node, msg, "\"%s\" must have 1 to %d bytes", node.name,
                         (int)RULE_WORDS_MAX);
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return conf_fail(node, msg, "\"%s\" holds a control character", node.name);
    *ret = mem_strdup(text);
    return ERR_OK;
}

/* An absent one is none. */
static enum err read_period(struct conf_node node, struct period *ret, struct errmsg *msg)
{
    const char *text = NULL;
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK || text == NULL)
        return e;
    if (period_parse(span_str(text), ret) != ERR_OK)
        return conf_fail(node, msg, "%s must be an ISO 8601 period such as \"P90D\" or \"P2Y\"",
                         node.name);
    return ERR_OK;
}

static enum err read_start(struct conf_node retain, struct rule *rule, struct errmsg *msg)
{
    struct conf_node node = conf_get(retain, "from");
    const char *from = "created";
    enum err e = conf_str(node, &from, msg);

    if (e != ERR_OK || strcmp(from, "created") == 0)
        return e;
    if (strcmp(from, "last_used") == 0) {
        rule->start = RULE_LAST_USED;
        return ERR_OK;
    }
    if (strncmp(from, "event:", 6) != 0)
        return conf_fail(node, msg, "from must be \"created\", \"last_used\" or \"event:NAME\"");
    if (!rule_is_name(from + 6))
        return conf_fail(node, msg, "an event's name must be 1-%d of a-z 0-9 _ -",
                         (int)RULE_NAME_MAX);
    rule->start = RULE_EVENT;
    rule->event = mem_strdup(from + 6);
    return ERR_OK;
}

static enum err read_round(struct conf_node node, enum rule_round *ret, struct errmsg *msg)
{
    const char *text = round_names[RULE_EXACT];
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT_OF(round_names); i++)
        if (strcmp(text, round_names[i]) == 0) {
            *ret = (enum rule_round)i;
            return ERR_OK;
        }
    return conf_fail(node, msg, "round must be \"none\", \"day\", \"month\" or \"year_end\"");
}

static enum err read_review(struct conf_node node, struct civil *ret, struct errmsg *msg)
{
    const char *text = NULL;
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK || text == NULL)
        return e;
    if (!civil_parse(span_str(text), ret))
        return conf_fail(node, msg, "review must be a date that exists, as \"2027-01-31\"");
    return ERR_OK;
}

static enum err check_minimum(struct conf_node retain, const struct rule *rule, struct errmsg *msg)
{
    const struct conf_node minimum = conf_get(retain, "minimum");
    const struct conf_node law = conf_get(retain, "minimum_law");

    if (!conf_has(minimum))
        return conf_has(law) ? conf_fail(law, msg, "minimum_law belongs to a minimum") : ERR_OK;
    if (!conf_has(law))
        return conf_fail(minimum, msg,
                         "a minimum needs the law that demands it: minimum_law is missing");
    if (!period_covers(&rule->period, &rule->minimum))
        return conf_fail(minimum, msg,
                         "the minimum can end after the period does: make the period longer");
    if (!period_is_none(&rule->backstop) && !period_covers(&rule->backstop, &rule->minimum))
        return conf_fail(minimum, msg,
                         "the minimum can end after the backstop does: make the backstop longer");
    return ERR_OK;
}

static enum err check(struct conf_node retain, const struct rule *rule, struct errmsg *msg)
{
    const struct conf_node backstop = conf_get(retain, "backstop");

    if (rule->start == RULE_EVENT && !conf_has(backstop))
        return conf_fail(conf_get(retain, "from"), msg,
                         "an event may never come: a backstop, counted from when the value was "
                         "stored, is missing");
    if (rule->start == RULE_CREATED && conf_has(backstop))
        return conf_fail(backstop, msg, "a backstop is for from \"last_used\" and \"event:NAME\"");
    return check_minimum(retain, rule, msg);
}

static enum err check_granularity(struct conf_node retain, const struct rule *rule,
                                  struct errmsg *msg)
{
    const struct conf_node node = conf_get(retain, "granularity");

    if (!conf_has(node))
        return ERR_OK;
    if (rule->start != RULE_LAST_USED)
        return conf_fail(node, msg, "a granularity is for from \"last_used\"");
    if (length_of(&rule->granularity) > length_of(&rule->period) / 10)
        return conf_fail(node, msg, "the granularity must be a tenth of the period at most");
    return ERR_OK;
}

static enum err read_parts(struct conf_node retain, struct rule *rule, struct errmsg *msg)
{
    static const char *const known[] = {"period", "from",  "backstop", "minimum",     "minimum_law",
                                        "round",  "owner", "review",   "granularity", NULL};
    struct conf_node node;
    enum err e;

    if (json_kind(retain.value) == JSON_LIST)
        return conf_fail(retain, msg, "a class has one deletion rule");
    e = conf_only(retain, known, msg);
    if (e == ERR_OK)
        e = conf_need(retain, "period", &node, msg);
    if (e == ERR_OK)
        e = read_period(node, &rule->period, msg);
    if (e == ERR_OK)
        e = read_start(retain, rule, msg);
    if (e == ERR_OK)
        e = read_period(conf_get(retain, "backstop"), &rule->backstop, msg);
    if (e == ERR_OK)
        e = read_period(conf_get(retain, "granularity"), &rule->granularity, msg);
    if (e == ERR_OK)
        e = read_period(conf_get(retain, "minimum"), &rule->minimum, msg);
    if (e == ERR_OK)
        e = rule_read_words(conf_get(retain, "minimum_law"), &rule->minimum_law, msg);
    if (e == ERR_OK)
        e = read_round(conf_get(retain, "round"), &rule->round, msg);
    if (e == ERR_OK)
        e = rule_read_words(conf_get(retain, "owner"), &rule->owner, msg);
    return e == ERR_OK ? read_review(conf_get(retain, "review"), &rule->review, msg) : e;
}

enum err rule_read(struct conf_node retain, struct rule *ret, struct errmsg *msg)
{
    AUTO(rule_done) struct rule rule = {.start = RULE_CREATED};
    enum err e = read_parts(retain, &rule, msg);

    if (e == ERR_OK)
        e = check(retain, &rule, msg);
    if (e == ERR_OK)
        e = check_granularity(retain, &rule, msg);
    if (e != ERR_OK)
        return e;
    *ret = rule;
    rule = (struct rule){.start = RULE_CREATED};
    return ERR_OK;
}

void rule_done(struct rule *rule)
{
    free(rule->event);
    free(rule->minimum_law);
    free(rule->owner);
    *rule = (struct rule){.start = RULE_CREATED};
}
