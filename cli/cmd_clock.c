/* SPDX-License-Identifier: Apache-2.0 */
/* lethe clock: is the host's clock believed, and what time is it for values that fall due?
 * Runs on: the main thread. Holds: nothing. Not here: what makes a clock incredible (vault/time.c).
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

static enum cli_exit ask(const struct options *o, const char *operation)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const char *state, *time, *clock;
    enum cli_exit code;
    char text[256];
    enum err e;

    json_set_str(request, "op", operation);
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    state = json_str_of(json_get(reply.result, "state"));
    time = json_str_of(json_get(reply.result, "time"));
    clock = json_str_of(json_get(reply.result, "clock"));
    if (state == NULL || time == NULL || clock == NULL)
        return CLI_FAILED;
    (void)snprintf(text, sizeof(text), "clock  %s  (%s)\ntime   %s\n", clock, state, time);
    e = o->json ? output_json(reply.result) : output_write(span_str(text));
    if (e != ERR_OK)
        return CLI_FAILED;
    return strcmp(state, "right") == 0 ? CLI_OK : CLI_ATTENTION;
}

enum cli_exit cmd_clock_status(const struct options *o)
{
    return ask(o, "clock.status");
}

enum cli_exit cmd_clock_accept(const struct options *o)
{
    return ask(o, "clock.accept");
}
