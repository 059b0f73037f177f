/* SPDX-License-Identifier: Apache-2.0 */
/* The sections `requests:`, `holidays:` and `registers:`.
 * Runs on: the thread that loads the configuration. Holds: nothing. */
#include "retention/request_settings.h"

#include "base/assert.h"

enum {
    TARGET_DAYS = 28,
    TARGET_DAYS_MAX = 90,
    APPROVALS_MAX = 5,
    ERASURES_PER_DAY = 1000,
    KEEP_MONTHS =
        36, /* limitation of claims in most of Europe, and more than the two years of CCPA */
};

static enum err read_regime(struct conf_node node, const struct regime **ret, struct errmsg *msg)
{
    const char *name = NULL;
    enum err e = conf_str(node, &name, msg);

    if (e != ERR_OK || name == NULL)
        return e;
    if (regime_find(span_str(name)) == NULL)
        return conf_fail(node, msg, "\"regime\" must be gdpr, ccpa or lgpd");
    *ret = regime_find(span_str(name));
    return ERR_OK;
}

static enum err read_int(struct conf_node map, const char *name, int max, int *ret,
                         struct errmsg *msg)
{
    int64_t n = *ret;
    enum err e = conf_int(conf_get(map, name), 1, max, &n, msg);

    if (e == ERR_OK)
        *ret = (int)n;
    return e;
}

static enum err read_requests(struct conf_node node, struct request_settings *s, struct errmsg *msg)
{
    static const char *const known[] = {
        "regime",           "target_days", "pause_for_identity", "restrict_on_receipt", "approvals",
        "erasures_per_day", NULL};
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_only(node, known, msg);
    if (e == ERR_OK)
        e = read_regime(conf_get(node, "regime"), &s->regime, msg);
    if (e == ERR_OK)
        e = read_int(node, "target_days", TARGET_DAYS_MAX, &s->target_days, msg);
    if (e == ERR_OK)
        e = conf_bool(conf_get(node, "pause_for_identity"), &s->pause_for_identity, msg);
    if (e == ERR_OK)
        e = conf_bool(conf_get(node, "restrict_on_receipt"), &s->restrict_on_receipt, msg);
    if (e == ERR_OK)
        e = read_int(node, "approvals", APPROVALS_MAX, &s->approvals, msg);
    if (e == ERR_OK)
        e = read_int(node, "erasures_per_day", 1000000, &s->erasures_per_day, msg);
    return e;
}

static enum err read_registers(struct conf_node node, struct request_settings *s,
                               struct errmsg *msg)
{
    static const char *const known[] = {"keep", NULL};
    const struct conf_node keep = conf_get(node, "keep");
    const char *text = NULL;
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_only(node, known, msg);
    if (e == ERR_OK)
        e = conf_str(keep, &text, msg);
    if (e == ERR_OK && text != NULL && period_parse(span_str(text), &s->keep) != ERR_OK)
        e = conf_fail(keep, msg, "\"keep\" must be an ISO 8601 period, such as P3Y");
    return e;
}

enum err request_settings_read(struct conf_node root, const char *country,
                               struct request_settings *ret, struct errmsg *msg)
{
    AUTO(request_settings_done)
    struct request_settings s = {.regime = regime_at(0),
                                 .target_days = TARGET_DAYS,
                                 .restrict_on_receipt = true,
                                 .approvals = 1,
                                 .erasures_per_day = ERASURES_PER_DAY,
                                 .keep = {.months = KEEP_MONTHS}};
    const struct conf_node holidays = conf_get(root, "holidays");
    enum err e = read_requests(conf_get(root, "requests"), &s, msg);

    if (e == ERR_OK)
        e = read_registers(conf_get(root, "registers"), &s, msg);
    if (e == ERR_OK && conf_has(holidays))
        e = holidays_read(holidays, &s.holidays, msg);
    else if (e == ERR_OK && country != NULL)
        s.holidays = holidays_of(country);
    if (e != ERR_OK)
        return e;
    *ret = s;
    s.holidays = NULL;
    return ERR_OK;
}

void request_settings_done(struct request_settings *s)
{
    holidays_free(&s->holidays);
    *s = (struct request_settings){.regime = NULL};
}
