/* SPDX-License-Identifier: Apache-2.0 */
/* The operations that make a report, a pack of all of them, and hold
 * counters against rows.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Not here: what reports say and
 * how they look (retention/report*.c), what a
 * pack holds (retention/evidence.c). */
#include <stdio.h>
#include <string.h>

#include "admin/ops_priv.h"
#include "base/civil.h"
#include "retention/evidence.h"
#include "retention/recount.h"
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

void ops_desk_done(struct ops_desk *desk)
{
    vault_reader_close(&desk->reader);
}

enum err ops_desk_init(struct ops_desk *desk, struct admin *admin, const struct json *request,
                       struct errmsg *msg)
{
    struct report_context *c = &desk->context;
    enum err e;

    *c = (struct report_context){.vault = admin->vault,
                                 .classes = admin->classes,
                                 .requests = admin->requests,
                                 .now_s = vault_now_s(admin->vault),
                                 .from_day = INT64_MIN,
                                 .to_day = INT64_MAX,
                                 .ropa = admin->ropa};
    e = ops_read_day(request, "from", 1, &c->from_day, msg);
    if (e == ERR_OK)
        e = ops_read_day(request, "to", 1, &c->to_day, msg);
    if (e == ERR_OK)
        e = read_aware(request, &c->aware_s, msg);
    if (e == ERR_OK && json_get(request, "caller") != NULL)
        e = ops_need_text(request, "caller", &c->caller, msg);
    if (e == ERR_OK)
        e = vault_reader_open(admin->vault, &desk->reader);
    if (e != ERR_OK)
        return e;
    c->reader = desk->reader;
    if (erasures_configuration(admin->erasures, desk->configuration))
        c->configuration = desk->configuration;
    return ERR_OK;
}

enum err ops_report(struct admin *admin, const struct json *request, struct json **ret_response,
                    struct errmsg *msg)
{
    AUTO(ops_desk_done) struct ops_desk desk = {.reader = NULL};
    const struct report_kind *kind;
    enum err e = read_kind(request, &kind, msg);

    if (e == ERR_OK)
        e = ops_desk_init(&desk, admin, request, msg);
    return e == ERR_OK ? report_make(kind, &desk.context, ret_response, msg) : e;
}

enum err ops_evidence(struct admin *admin, const struct json *request, struct json **ret_response,
                      struct errmsg *msg)
{
    AUTO(ops_desk_done) struct ops_desk desk = {.reader = NULL};
    struct evidence evidence;
    const char *path = NULL;
    struct json *map;
    enum err e = ops_need_path(request, "file", &path, msg);

    if (e == ERR_OK)
        e = ops_desk_init(&desk, admin, request, msg);
    if (e == ERR_OK)
        e = evidence_make(&desk.context, path, &evidence, msg);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set(map, "file", json_new_text(span_str(path)));
    json_set_int(map, "record", (int64_t)evidence.number);
    json_set_int(map, "files", (int64_t)evidence.files);
    json_set_str(map, "sha256", evidence.sha256);
    *ret_response = map;
    return ERR_OK;
}

enum err ops_recount(struct admin *admin, const struct json *request UNUSED,
                     struct json **ret_response, struct errmsg *msg UNUSED)
{
    struct recount_result result;
    struct json *map;
    enum err e = recount_run(admin->vault, NULL, &result);

    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_int(map, "counted", (int64_t)result.counted);
    json_set_int(map, "differ", (int64_t)result.differ);
    json_set_int(map, "lost", (int64_t)result.lost);
    json_set_int(map, "uncounted", (int64_t)result.uncounted);
    json_set(map, "digest",
             result.digest[0] == '\0' ? json_new_null() : json_new_text(span_str(result.digest)));
    *ret_response = map;
    return ERR_OK;
}

enum err ops_repair(struct admin *admin, const struct json *request, struct json **ret_response,
                    struct errmsg *msg)
{
    struct span digest;
    enum err e = ops_need_text(request, "confirm", &digest, msg);

    return e == ERR_OK ? recount_repair(admin->vault, digest, NULL, ret_response, msg) : e;
}
