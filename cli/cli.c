/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and exit codes of the command line.
 * Runs on: the main thread. Holds: nothing. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/output.h"

enum cli_exit cli_fail(enum err e, const struct errmsg *msg)
{
    (void)fprintf(stderr, "lethe: %s\n", msg->text);
    if (e == ERR_PROPOSED)
        return CLI_ATTENTION;
    return e == ERR_CONFIG ? CLI_CONFIG : CLI_FAILED;
}

const struct errmsg *cli_message(struct errmsg *msg, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(msg->text, sizeof(msg->text), format, args);
    va_end(args);
    return msg;
}

enum cli_exit cli_usage(const char *message)
{
    (void)fprintf(stderr, "lethe: %s\nTry: lethe help\n", message);
    return CLI_USAGE;
}

bool cli_put_span(struct json *map, const char *name, struct span text)
{
    struct json *value = json_new_text(text);

    if (value != NULL)
        json_set(map, name, value);
    return value != NULL;
}

bool cli_put_number(struct json *map, const char *name, const char *text)
{
    char *end = NULL;
    long long number;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number <= 0)
        return false;
    json_set_int(map, name, number);
    return true;
}

bool cli_put_text(struct json *map, const char *name, const char *text)
{
    return text == NULL || cli_put_span(map, name, span_str(text));
}

enum cli_exit cli_ended(const struct options *o, enum err e, const struct reply *reply,
                        const struct errmsg *msg)
{
    if (e == ERR_PROPOSED && o->json && output_json(reply->result) != ERR_OK)
        return CLI_FAILED;
    return e == ERR_OK ? CLI_OK : cli_fail(e, msg);
}

enum cli_exit cli_call(const struct options *o, struct session *session, const struct json *request,
                       struct reply *reply)
{
    struct errmsg msg;
    const enum err e = session_call(session, request, reply, &msg);

    return cli_ended(o, e, reply, &msg);
}

enum cli_exit cli_ask(const struct options *o, const struct json *request, struct reply *reply)
{
    AUTO(session_close) struct session *session = NULL;
    struct errmsg msg;
    const enum err e = session_open(o, &session, &msg);

    return e == ERR_OK ? cli_call(o, session, request, reply) : cli_fail(e, &msg);
}

char *cli_absolute(const char *path)
{
    AUTO(mem_free) char *here = path[0] == '/' ? NULL : get_current_dir_name();
    char *full = NULL;

    if (path[0] == '/')
        return mem_strdup(path);
    REQUIRE(asprintf(&full, "%s/%s", here == NULL ? "." : here, path) > 0);
    return full;
}
