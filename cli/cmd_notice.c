/* SPDX-License-Identifier: Apache-2.0 */
/* lethe notice list, done, retry.
 * Runs on: the main thread. Holds: nothing. Not here: what it means (admin/ops_notices.c). */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/output.h"

static int64_t number_of(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), 0);
}

static enum err print_notice(const struct json *notice)
{
    char line[1024];

    (void)snprintf(line, sizeof(line),
                   "%5" PRId64 "  %-15s  %-20s  %-12s  %5" PRId64 " tokens  %s  %" PRId64
                   " tries  %s\n",
                   number_of(notice, "number"), json_str_or(notice, "state", "-"),
                   json_str_or(notice, "recipient", "-"), json_str_or(notice, "event", "-"),
                   number_of(notice, "count"), json_str_or(notice, "at", "-"),
                   number_of(notice, "tries"), json_str_or(notice, "error", "-"));
    return output_write(span_str(line));
}

enum cli_exit cmd_notice_list(const struct options *o)
{
    static const struct listing notices = {"notices", print_notice, NULL};
    AUTO(json_free) struct json *request = json_new_map();

    json_set_str(request, "op", "notice.list");
    json_set_str(request, "state", "open");
    return listing_print(o, request, &notices);
}

static enum cli_exit set_number(struct json *request, const char *text)
{
    if (!cli_put_number(request, "number", text))
        return cli_usage("a notice has a number, as `lethe notice list` prints it");
    return CLI_OK;
}

enum cli_exit cmd_notice_done(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct json *how = o->how == NULL ? NULL : json_new_text(span_str(o->how));
    enum cli_exit code;

    if (o->how == NULL)
        return cli_usage("--how is missing");
    if (how == NULL)
        return cli_usage("arguments must be UTF-8");
    json_set_str(request, "op", "notice.done");
    json_set(request, "how", how);
    json_set_bool(request, "impossible", o->impossible);
    code = set_number(request, o->arguments[0]);
    return code == CLI_OK ? cli_ask(o, request, &reply) : code;
}

enum cli_exit cmd_notice_retry(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code = set_number(request, o->arguments[0]);

    json_set_str(request, "op", "notice.retry");
    return code == CLI_OK ? cli_ask(o, request, &reply) : code;
}
