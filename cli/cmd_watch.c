/* SPDX-License-Identifier: Apache-2.0 */
/* lethe honeytoken, incident, caller: what watches over reveals.
 * Runs on: the main thread. Holds: nothing. Not here: what it means (admin/ops_watch.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/session.h"

/* ---- honeytokens ---- */

enum cli_exit cmd_honeytoken_create(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    AUTO(buf_done) struct buf value = {.max = LIMIT_VALUE_MAX, .secret = true};
    enum cli_exit code;
    enum err e;

    if (o->class_name == NULL)
        return cli_usage("--class is missing");
    code = cli_read_value(&value);
    if (code != CLI_OK)
        return code;
    json_set_str(request, "op", "honeytoken.create");
    if (!cli_put_text(request, "class", o->class_name) ||
        !cli_put_span(request, "value", buf_span(&value)) ||
        !cli_put_text(request, "subject", o->subject) ||
        !cli_put_text(request, "domain", o->domain))
        return cli_usage("everything must be UTF-8");
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    e = o->json ? output_json(reply.result)
                : output_print("%s\n", json_str_or(reply.result, "token", "?"));
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

static enum err print_honeytoken(const struct json *entry)
{
    return output_print("%s  %s  %s\n", json_str_or(entry, "subject", "?"),
                        json_str_or(entry, "created", "?"), json_str_or(entry, "domain", "?"));
}

static enum err print_incident(const struct json *entry)
{
    return output_print("%6" PRId64 "  %s  %s  %s  %s\n", json_int_of(json_get(entry, "number"), 0),
                        json_str_or(entry, "time", "?"), json_str_or(entry, "kind", "?"),
                        json_str_or(entry, "caller", "?"), json_str_or(entry, "state", "?"));
}

enum cli_exit cmd_honeytoken_list(const struct options *o)
{
    static const struct listing honeytokens = {"honeytokens", print_honeytoken, NULL};

    return listing_of(o, "honeytoken.list", &honeytokens);
}

/* ---- incidents ---- */

static bool is_open(const struct json *incident)
{
    return strcmp(json_str_or(incident, "state", "?"), "open") == 0;
}

enum cli_exit cmd_incident_list(const struct options *o)
{
    static const struct listing incidents = {"incidents", print_incident, is_open};

    return listing_of(o, "incident.list", &incidents);
}

static enum err print_caller(const struct json *entry)
{
    const struct json *quotas = json_get(entry, "quotas");
    const char *caller = json_str_or(entry, "caller", "?");
    enum err e = ERR_OK;

    if (json_bool_of(json_get(entry, "suspended"), false))
        e = output_print("%-24s  suspended since %s\n", caller,
                         json_str_or(json_get(entry, "incident"), "since", "?"));
    else if (json_count(quotas) == 0)
        e = output_print("%-24s  no quota\n", caller);
    for (size_t i = 0; e == ERR_OK && i < json_count(quotas); i++) {
        const struct json *quota = json_at(quotas, i);
        const char *purpose = json_str_of(json_get(quota, "purpose"));

        e = output_print("%-24s  %-7s a %-6s  %8" PRId64 " of %8" PRId64 "  %s\n", caller,
                         json_str_or(quota, "what", "?"), json_str_or(quota, "window", "?"),
                         json_int_of(json_get(quota, "used"), 0),
                         json_int_of(json_get(quota, "limit"), 0), purpose == NULL ? "" : purpose);
    }
    return e;
}

static bool is_suspended(const struct json *caller)
{
    return json_bool_of(json_get(caller, "suspended"), false);
}

enum cli_exit cmd_caller_list(const struct options *o)
{
    static const struct listing callers = {"callers", print_caller, is_suspended};

    return listing_of(o, "caller.list", &callers);
}

enum cli_exit cmd_caller_restore(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};

    json_set_str(request, "op", "caller.restore");
    if (!cli_put_text(request, "caller", o->arguments[0]))
        return cli_usage("a caller's name is UTF-8");
    return cli_ask(o, request, &reply);
}
