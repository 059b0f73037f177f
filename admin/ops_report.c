/* SPDX-License-Identifier: Apache-2.0 */
/* The operation that makes a report.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Not here: what reports say and
 * how they look (retention/report*.c). */
#include <stdio.h>
#include <string.h>

#include "admin/ops_priv.h"
#include "base/civil.h"
#include "retention/report.h"

static enum err read_kind(const struct json *request, const struct report_kind **ret,
                          struct errmsg *msg)
{
    struct span name;
    enum err e = ops_need_text(request, "report", &name, msg);

    if (e != ERR_OK)
        return e;
    *ret = report_kind_find(name);
    return *ret != NULL ? ERR_OK : errmsg_set(msg, ERR_NOT_FOUND, "there is no such report");
}

/* A day; without the member *ret is left alone. */
static enum err read_day(const struct json *request, const char *name, int64_t *ret,
                         struct errmsg *msg)
{
    struct civil date;
    struct span text;
    enum err e;

    if (json_get(request, name) == NULL)
        return ERR_OK;
    e = ops_need_text(request, name, &text, msg);
    if (e != ERR_OK)
        return e;
    if (!civil_parse(text, &date))
        return errmsg_set(msg, ERR_INVALID, "\"%s\" must be a day, as in 2026-01-31", name);
    *ret = civil_days(date);
    return ERR_OK;
}

static bool is_digits(struct span text, size_t at, size_t count, int64_t *ret)
{
    int64_t n = 0;

    for (size_t i = at; i < at + count; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + text.at[i] - '0';
    }
    *ret = n;
    return true;
}

/* "2026-03-27T15:00Z", in UTC; hours count here, so a day will not do. */
static enum err read_aware(const struct json *request, int64_t *ret_s, struct errmsg *msg)
{
    enum { LEN = 17 };
    int64_t hour, minute;
    struct civil date;
    struct span text;
    enum err e;

    if (json_get(request, "aware") == NULL)
        return ERR_OK;
    e = ops_need_text(request, "aware", &text, msg);
    if (e != ERR_OK)
        return e;
    if (text.len != LEN || !civil_parse(span_of(text.at, 10), &date) || text.at[10] != 'T' ||
        text.at[13] != ':' || text.at[16] != 'Z' || !is_digits(text, 11, 2, &hour) ||
        !is_digits(text, 14, 2, &minute) || hour > 23 || minute > 59)
        return errmsg_set(msg, ERR_INVALID,
                          "\"aware\" must be an instant, as in 2026-03-27T15:00Z");
    *ret_s = civil_days(date) * 86400 + hour * 3600 + minute * 60;
    return ERR_OK;
}

enum err ops_report(struct admin *admin, const struct json *request, struct json **ret_response,
                    struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    struct report_context context = {.vault = admin->vault,
                                     .classes = admin->classes,
                                     .requests = admin->requests,
                                     .now_s = vault_now_s(admin->vault),
                                     .from_day = INT64_MIN,
                                     .to_day = INT64_MAX};
    uint8_t configuration[CONF_DIGEST_BYTES];
    const struct report_kind *kind;
    enum err e = read_kind(request, &kind, msg);

    if (e == ERR_OK)
        e = read_day(request, "from", &context.from_day, msg);
    if (e == ERR_OK)
        e = read_day(request, "to", &context.to_day, msg);
    if (e == ERR_OK)
        e = read_aware(request, &context.aware_s, msg);
    if (e == ERR_OK && json_get(request, "caller") != NULL)
        e = ops_need_text(request, "caller", &context.caller, msg);
    if (e == ERR_OK)
        e = vault_reader_open(admin->vault, &reader);
    if (e != ERR_OK)
        return e;
    context.reader = reader;
    if (erasures_configuration(admin->erasures, configuration))
        context.configuration = configuration;
    return report_make(kind, &context, ret_response, msg);
}
