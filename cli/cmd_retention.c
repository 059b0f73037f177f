/* SPDX-License-Identifier: Apache-2.0 */
/* lethe retention: what will be destroyed by when, and what a changed deletion rule does to values that are there.
 * Runs on: the main thread. Holds: nothing. Not here: counting (retention/). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/waiting.h"

static int64_t int_of(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), 0);
}

static enum cli_exit exit_of(enum err e)
{
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

/* ---- simulate ---- */

static enum err print_simulation(const struct json *tree)
{
    const struct json *classes = json_get(tree, "classes");
    enum err e = output_print("%-24s %12s %12s %12s\n", "class", "values", "due", "left");

    for (size_t i = 0; e == ERR_OK && i < json_count(classes); i++) {
        const struct json *row = json_at(classes, i);

        e = output_print("%-24s %12" PRId64 " %12" PRId64 " %12" PRId64 "\n",
                         json_str_or(row, "class", "-"), int_of(row, "values"), int_of(row, "due"),
                         int_of(row, "left"));
    }
    if (e == ERR_OK)
        e = output_print("%" PRId64 " due by the end of %s (UTC)\n", int_of(tree, "due"),
                         json_str_or(tree, "at", "-"));
    return e;
}

enum cli_exit cmd_retention_simulate(const struct options *o)
{
    AUTO(session_close) struct session *session = NULL;
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct waiting waiting;
    struct errmsg msg = {""};
    enum cli_exit code;
    enum err e;

    if (o->at == NULL)
        return cli_usage("--at is missing");
    json_set_str(request, "op", "retention.simulate");
    if (!cli_put_text(request, "at", o->at))
        return cli_usage("a day is written as 2026-01-31");
    e = session_open(o, &session, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    waiting_begin(&waiting, EFFORT_SIMULATE, "classes", o->progress, session);
    code = cli_call(o, session, request, &reply);
    waiting_end(&waiting);
    if (code != CLI_OK)
        return code;
    return exit_of(o->json ? output_json(reply.result) : print_simulation(reply.result));
}

/* ---- preview ---- */

static enum err print_preview(const struct json *tree)
{
    const struct json *classes = json_get(tree, "classes");
    enum err e;

    if (json_count(classes) == 0)
        return output_print("all values fall due by these rules: there is nothing to apply\n");
    e = output_print("%-24s %12s %12s %12s %12s %12s\n", "class", "values", "earlier", "later",
                     "unchanged", "at once");
    for (size_t i = 0; e == ERR_OK && i < json_count(classes); i++) {
        const struct json *row = json_at(classes, i);

        e = output_print(
            "%-24s %12" PRId64 " %12" PRId64 " %12" PRId64 " %12" PRId64 " %12" PRId64 "\n",
            json_str_or(row, "class", "-"), int_of(row, "values"), int_of(row, "earlier"),
            int_of(row, "later"), int_of(row, "unchanged"), int_of(row, "at_once"));
    }
    if (e == ERR_OK)
        e = output_print("%" PRId64 " values would be destroyed by the next sweep\n",
                         int_of(tree, "at_once"));
    if (e == ERR_OK && !json_bool_of(json_get(tree, "in_force"), false))
        e = output_print("these rules are not in force yet: `lethe reload` first\n");
    return e == ERR_OK ? output_print("apply with: lethe retention apply --confirm %s\n",
                                      json_str_or(tree, "digest", "-"))
                       : e;
}

/* The classes and the zone of the file, which need not be those that the server has. */
static enum err set_proposal(struct json *request, const char *path, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *conf = NULL;
    AUTO(buf_done) struct buf text = {.max = LIMIT_CONTROL_LINE_MAX};
    const char *zone = "UTC";
    enum err e = conf_load(path, &conf, msg);

    if (e == ERR_OK)
        e = conf_str(conf_get(conf_get(conf_root(conf), "controller"), "timezone"), &zone, msg);
    if (e != ERR_OK)
        return e;
    e = json_write(conf_get(conf_root(conf), "classes").value, &text);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: the classes are too many for one request", path);
    json_set(request, "classes", json_new_text(buf_span(&text)));
    json_set_str(request, "timezone", zone);
    return ERR_OK;
}

enum cli_exit cmd_retention_preview(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    AUTO(session_close) struct session *session = NULL;
    struct errmsg msg = {""};
    enum err e;

    json_set_str(request, "op", "retention.preview");
    e = session_open(o, &session, &msg); /* it checks the file */
    if (e == ERR_OK && (o->server == NULL || o->config_given))
        e = set_proposal(request, o->config, &msg);
    if (e == ERR_OK)
        e = session_call(session, request, &reply, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    return exit_of(o->json ? output_json(reply.result) : print_preview(reply.result));
}

/* ---- apply ---- */

static enum err print_run(const struct json *tree)
{
    const struct json *classes = json_get(tree, "classes");
    enum err e = output_print("%-24s %12s %12s %12s %12s\n", "class", "version", "looked at",
                              "changed", "unreadable");

    for (size_t i = 0; e == ERR_OK && i < json_count(classes); i++) {
        const struct json *row = json_at(classes, i);

        e = output_print("%-24s %12" PRId64 " %12" PRId64 " %12" PRId64 " %12" PRId64 "\n",
                         json_str_or(row, "class", "-"), int_of(row, "version"),
                         int_of(row, "looked"), int_of(row, "changed"), int_of(row, "unreadable"));
    }
    return e;
}

static bool has_unreadable(const struct json *tree)
{
    const struct json *classes = json_get(tree, "classes");

    for (size_t i = 0; i < json_count(classes); i++)
        if (int_of(json_at(classes, i), "unreadable") > 0)
            return true;
    return false;
}

enum cli_exit cmd_retention_apply(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    if (o->confirm == NULL)
        return cli_usage("--confirm is missing: `lethe retention preview` prints what it takes");
    json_set_str(request, "op", "retention.apply");
    if (!cli_put_text(request, "confirm", o->confirm))
        return cli_usage("that is no digest of a preview");
    code = cli_ask(o, request, &reply);
    if (code == CLI_OK)
        code = exit_of(o->json ? output_json(reply.result) : print_run(reply.result));
    return code == CLI_OK && has_unreadable(reply.result) ? CLI_ATTENTION : code;
}

/* ---- versions ---- */

static enum err print_version(const struct json *row)
{
    const struct json *rule = json_get(row, "rule"), *retain = json_get(rule, "retain");

    return output_print("%-24s %4" PRId64 "  %s  %s %s from %s\n", json_str_or(row, "class", "-"),
                        int_of(row, "version"), json_str_or(row, "since", "-"),
                        json_str_or(rule, "basis", "-"), json_str_or(retain, "period", "-"),
                        json_str_or(retain, "from", "-"));
}

enum cli_exit cmd_retention_versions(const struct options *o)
{
    static const struct listing versions = {"versions", print_version, NULL};
    AUTO(json_free) struct json *request = json_new_map();

    json_set_str(request, "op", "retention.versions");
    if (!cli_put_text(request, "class", o->class_name))
        return cli_usage("a class's name is UTF-8");
    return listing_print(o, request, &versions);
}
