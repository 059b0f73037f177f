/* SPDX-License-Identifier: Apache-2.0 */
/* lethe honeytoken, incident, caller: what watches over reveals.
 * Runs on: the main thread. Holds: nothing. Not here: what it means (admin/ops_watch.c). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/session.h"

static bool set_text(struct json *request, const char *name, struct span value)
{
    struct json *text = json_new_text(value);

    if (text != NULL)
        json_set(request, name, text);
    return text != NULL;
}

static enum err print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static enum err print(const char *format, ...)
{
    char line[512];
    va_list list;
    int n;

    va_start(list, format);
    n = vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    return output_write(span_of(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1));
}

static const char *text_of(const struct json *map, const char *name)
{
    const char *text = json_str_of(json_get(map, name));

    return text == NULL ? "?" : text;
}

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
    if (!set_text(request, "class", span_str(o->class_name)) ||
        !set_text(request, "value", buf_span(&value)) ||
        (o->subject != NULL && !set_text(request, "subject", span_str(o->subject))) ||
        (o->domain != NULL && !set_text(request, "domain", span_str(o->domain))))
        return cli_usage("everything must be UTF-8");
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    e = o->json ? output_json(reply.result) : print("%s\n", text_of(reply.result, "token"));
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

static enum err print_honeytoken(const struct json *entry)
{
    return print("%s  %s  %s\n", text_of(entry, "subject"), text_of(entry, "created"),
                 text_of(entry, "domain"));
}

static enum err print_incident(const struct json *entry)
{
    return print("%6" PRId64 "  %s  %s  %s  %s\n", json_int_of(json_get(entry, "number"), 0),
                 text_of(entry, "time"), text_of(entry, "kind"), text_of(entry, "caller"),
                 text_of(entry, "state"));
}

static enum err print_list(const struct options *o, const struct json *list,
                           enum err (*print_entry)(const struct json *entry))
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++)
        e = o->json ? output_json(json_at(list, i)) : print_entry(json_at(list, i));
    return e;
}

enum cli_exit cmd_honeytoken_list(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    json_set_str(request, "op", "honeytoken.list");
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    return print_list(o, json_get(reply.result, "honeytokens"), print_honeytoken) == ERR_OK
               ? CLI_OK
               : CLI_FAILED;
}

/* ---- incidents ---- */

static bool any_open(const struct json *list)
{
    for (size_t i = 0; i < json_count(list); i++)
        if (strcmp(text_of(json_at(list, i), "state"), "open") == 0)
            return true;
    return false;
}

enum cli_exit cmd_incident_list(const struct options *o)
{
    bool more = true, open = false;
    int64_t after = 0;

    while (more) {
        AUTO(json_free) struct json *request = json_new_map();
        AUTO(reply_done) struct reply reply = {NULL, NULL};
        const struct json *list;
        enum cli_exit code;

        json_set_str(request, "op", "incident.list");
        json_set_int(request, "after", after);
        code = cli_ask(o, request, &reply);
        if (code != CLI_OK)
            return code;
        list = json_get(reply.result, "incidents");
        if (print_list(o, list, print_incident) != ERR_OK)
            return CLI_FAILED;
        open = open || any_open(list);
        more = json_count(list) > 0 && json_bool_of(json_get(reply.result, "more"), false);
        if (more)
            after = json_int_of(json_get(json_at(list, json_count(list) - 1), "number"), 0);
    }
    return open ? CLI_ATTENTION : CLI_OK;
}

enum cli_exit cmd_caller_restore(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};

    json_set_str(request, "op", "caller.restore");
    if (!set_text(request, "caller", span_str(o->arguments[0])))
        return cli_usage("a caller's name is UTF-8");
    return cli_ask(o, request, &reply);
}
