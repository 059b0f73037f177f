/* SPDX-License-Identifier: Apache-2.0 */
/* lethe retention status and resume: how it looks with the sweeper.
 * Runs on: the main thread. Holds: nothing. Not here: what it means (admin/ops_sweeper.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

static int64_t number_of(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), 0);
}

static enum err print_class(const struct json *row)
{
    const struct json *paused = json_get(row, "paused");
    char line[256], state[128] = "purged when due";

    if (json_kind(paused) == JSON_MAP)
        (void)snprintf(state, sizeof(state),
                       "PAUSED since %s, %s: %" PRId64 " due, %" PRId64 " foreseen",
                       json_str_or(paused, "since", "-"), json_str_or(paused, "why", "-"),
                       number_of(paused, "due"), number_of(paused, "forecast"));
    (void)snprintf(line, sizeof(line), "%-24s %12" PRId64 " %12" PRId64 " %12" PRId64 "  %s\n",
                   json_str_or(row, "class", "-"), number_of(row, "items"), number_of(row, "due"),
                   number_of(row, "forecast"), state);
    return output_write(span_str(line));
}

static enum err print_status(const struct json *result)
{
    const struct json *classes = json_get(result, "classes");
    const struct json *run = json_get(result, "last_run");
    char line[256];
    enum err e;

    (void)snprintf(line, sizeof(line), "%-24s %12s %12s %12s  %s\n", "class", "values", "due today",
                   "foreseen", "sweeper");
    e = output_write(span_str(line));
    for (size_t i = 0; e == ERR_OK && i < json_count(classes); i++)
        e = print_class(json_at(classes, i));
    if (e != ERR_OK)
        return e;
    if (json_kind(run) != JSON_MAP)
        return output_write(SPAN_LIT("\nno run was recorded yet\n"));
    (void)snprintf(line, sizeof(line), "\nlast run %" PRId64 ": %s to %s, ended: %s\n",
                   number_of(run, "run"), json_str_or(run, "started", "-"),
                   json_str_or(run, "ended", "-"), json_str_or(run, "end", "-"));
    return output_write(span_str(line));
}

enum cli_exit cmd_retention_status(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;
    enum err e;

    json_set_str(request, "op", "retention.status");
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    e = o->json ? output_json(reply.result) : print_status(reply.result);
    if (e != ERR_OK)
        return CLI_FAILED;
    return json_bool_of(json_get(reply.result, "attention"), true) ? CLI_ATTENTION : CLI_OK;
}

enum cli_exit cmd_retention_resume(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct json *name;

    if (o->class_name == NULL)
        return cli_usage("--class is missing");
    name = json_new_text(span_str(o->class_name));
    if (name == NULL)
        return cli_usage("a class's name is UTF-8");
    json_set_str(request, "op", "retention.resume");
    json_set(request, "class", name);
    return cli_ask(o, request, &reply);
}
