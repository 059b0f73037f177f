/* SPDX-License-Identifier: Apache-2.0 */
/* lethe retention recount and repair: the counters that reports are made of, and old tokens, against the rows.
 * Runs on: the main thread; blocks for as long as reading all rows takes. Holds: nothing. Not here: how it is
 * counted (vault/recount.c). */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/waiting.h"

static int64_t int_of(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), 0);
}

static enum err print_result(const struct json *result)
{
    enum err e = output_print("%" PRId64 " classes counted, %" PRId64 " differ, %" PRId64
                              " left for the next time. lethe report retention shows them.\n",
                              int_of(result, "counted"), int_of(result, "differ"),
                              int_of(result, "uncounted"));

    if (e == ERR_OK && int_of(result, "lost") > 0)
        e = output_print("%" PRId64 " old tokens are remembered of values that are gone.\n",
                         int_of(result, "lost"));
    if (e == ERR_OK && int_of(result, "differ") > 0)
        e = output_print("Find out why first. Have all agree with the rows by:\n"
                         "  lethe retention repair --confirm %s\n",
                         json_str_or(result, "digest", "-"));
    return e;
}

static enum err print_repair(const struct json *result)
{
    const struct json *classes = json_get(result, "classes");
    enum err e = output_print("%-24s %13s %12s %12s %12s\n", "class", "counters said", "values",
                              "put right", "forgotten");

    for (size_t i = 0; e == ERR_OK && i < json_count(classes); i++) {
        const struct json *row = json_at(classes, i);

        e = output_print("%-24s %13" PRId64 " %12" PRId64 " %12" PRId64 " %12" PRId64 "\n",
                         json_str_or(row, "class", "-"), int_of(row, "items"),
                         int_of(row, "counted"), int_of(row, "differ"), int_of(row, "lost"));
    }
    return e == ERR_OK ? output_print("kept as record %" PRId64 "\n", int_of(result, "record")) : e;
}

enum cli_exit cmd_retention_repair(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;
    enum err e;

    if (o->confirm == NULL)
        return cli_usage("--confirm is missing: `lethe retention recount` prints what it takes");
    json_set_str(request, "op", "retention.repair");
    if (!cli_put_text(request, "confirm", o->confirm))
        return cli_usage("that is no digest of a recount");
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    e = o->json ? output_json(reply.result) : print_repair(reply.result);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_retention_recount(const struct options *o)
{
    AUTO(session_close) struct session *session = NULL;
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct waiting waiting;
    struct errmsg msg = {""};
    enum cli_exit code;
    enum err e;

    json_set_str(request, "op", "retention.recount");
    e = session_open(o, &session, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    waiting_begin(&waiting, EFFORT_RECOUNT, "looked at", o->progress, session);
    code = cli_call(o, session, request, &reply);
    waiting_end(&waiting);
    if (code != CLI_OK)
        return code;
    e = o->json ? output_json(reply.result) : print_result(reply.result);
    if (e != ERR_OK)
        return CLI_FAILED;
    return json_int_of(json_get(reply.result, "differ"), 0) > 0 ||
                   json_int_of(json_get(reply.result, "uncounted"), 0) > 0
               ? CLI_ATTENTION
               : CLI_OK;
}
