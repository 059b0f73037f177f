/* SPDX-License-Identifier: Apache-2.0 */
/* lethe retention recount: the counters that reports are made of, against the rows.
 * Runs on: the main thread; blocks for as long as reading all rows takes. Holds: nothing. Not here: how it is
 * counted (vault/recount.c). */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/waiting.h"

static enum err print_result(const struct json *result)
{
    char line[256];

    (void)snprintf(line, sizeof(line),
                   "%" PRId64 " classes counted, %" PRId64 " differ, %" PRId64
                   " left for the next time. lethe report retention shows them.\n",
                   json_int_of(json_get(result, "counted"), 0),
                   json_int_of(json_get(result, "differ"), 0),
                   json_int_of(json_get(result, "uncounted"), 0));
    return output_write(span_str(line));
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
