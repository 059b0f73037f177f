/* SPDX-License-Identifier: Apache-2.0 */
/* lethe tokens: new tokens for values that are there.
 * Runs on: the main thread. Holds: nothing. Invariant: which token took the place of which goes to a file that is
 * closed to others, and no value does. Not here: what a renewal is (retention/renewal.h). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/output.h"

/* ---- planned and begun ---- */

static int64_t number_of(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), 0);
}

static enum err print_plan(const struct json *plan)
{
    const struct json *classes = json_get(plan, "classes");
    enum err e = output_print("%-24s %12s %14s %12s\n", "class", "values", "equal tokens", "left");

    for (size_t i = 0; e == ERR_OK && i < json_count(classes); i++) {
        const struct json *one = json_at(classes, i);
        char left[24] = "-";

        if (json_kind(json_get(one, "left")) != JSON_NIL)
            (void)snprintf(left, sizeof(left), "%" PRId64, number_of(one, "left"));
        e = output_print("%-24s %12" PRId64 " %14s %12s\n", json_str_or(one, "class", "-"),
                         number_of(one, "values"),
                         json_bool_of(json_get(one, "deterministic"), false) ? "yes" : "no", left);
    }
    if (e == ERR_OK && json_kind(json_get(plan, "domain")) == JSON_NIL)
        e = output_print("\nnew tokens for all values of these classes\n");
    else if (e == ERR_OK)
        e = output_print("\nnew tokens for those of these values that are of domain %s\n",
                         json_str_or(plan, "domain", "-"));
    if (e == ERR_OK)
        e = output_print(
            "old ones stand for the same for %s after the last has a new one, then for "
            "nothing\n\nbegin with: --confirm %s\n",
            json_str_or(plan, "keep", "-"), json_str_or(plan, "digest", "-"));
    return e;
}

static enum err print_line(const struct json *renewal)
{
    const struct json *classes = json_get(renewal, "classes");
    const bool has_end = json_kind(json_get(renewal, "ends")) != JSON_NIL;
    int64_t values = 0, renewed = 0;

    for (size_t i = 0; i < json_count(classes); i++) {
        values += number_of(json_at(classes, i), "values");
        renewed += number_of(json_at(classes, i), "renewed");
    }
    return output_print("%5" PRId64 "  %-8s  %s%s%s  %" PRId64 " of %" PRId64
                        " values  begun %s by %s%s%s%s%s\n",
                        number_of(renewal, "number"), json_str_or(renewal, "state", "-"),
                        json_str_or(renewal, "class", "all classes"),
                        json_str_of(json_get(renewal, "domain")) == NULL ? "" : " of domain ",
                        json_str_or(renewal, "domain", ""), renewed, values,
                        json_str_or(renewal, "begun", "-"), json_str_or(renewal, "by", "-"),
                        has_end ? "  old tokens end " : "", json_str_or(renewal, "ends", ""),
                        json_str_of(json_get(renewal, "problem")) == NULL ? "" : "  PROBLEM: ",
                        json_str_or(renewal, "problem", ""));
}

enum cli_exit cmd_tokens_renew(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;
    enum err e;

    if (o->class_name == NULL && o->domain == NULL)
        return cli_usage("--class or --domain is missing");
    if (o->dry_run == (o->confirm != NULL))
        return cli_usage("look with --dry-run first, then say --confirm DIGEST");
    json_set_str(request, "op", o->dry_run ? "renewal.plan" : "renewal.start");
    if (!cli_put_text(request, "class", o->class_name) ||
        !cli_put_text(request, "domain", o->domain) || !cli_put_text(request, "keep", o->expires) ||
        !cli_put_text(request, "confirm", o->confirm))
        return cli_usage("an argument is no UTF-8");
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    e = o->json      ? output_json(reply.result)
        : o->dry_run ? print_plan(reply.result)
                     : print_line(reply.result);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

/* ---- looked at, and stopped ---- */

/* Paused, with a problem or by somebody: it goes on only when it is told to. */
static bool waits_for_somebody(const struct json *renewal)
{
    return strcmp(json_str_or(renewal, "state", "-"), "paused") == 0 ||
           json_str_of(json_get(renewal, "problem")) != NULL;
}

enum cli_exit cmd_tokens_renewals(const struct options *o)
{
    static const struct listing renewals = {"renewals", print_line, waits_for_somebody};

    return listing_of(o, "renewal.list", &renewals);
}

/* The operation on the renewal whose number is the argument. */
static enum cli_exit fill(const struct options *o, const char *operation, struct json *request)
{
    if (!cli_put_number(request, "number", o->arguments[0]))
        return cli_usage("a renewal has a number, as `lethe tokens renewals` prints it");
    json_set_str(request, "op", operation);
    return CLI_OK;
}

static enum cli_exit act(const struct options *o, const char *operation, const char *action)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code = fill(o, operation, request);

    if (code == CLI_OK && action != NULL)
        json_set_str(request, "action", action);
    if (code == CLI_OK)
        code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    return print_line(reply.result) == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_tokens_pause(const struct options *o)
{
    return act(o, "renewal.act", "pause");
}

enum cli_exit cmd_tokens_resume(const struct options *o)
{
    return act(o, "renewal.act", "resume");
}

enum cli_exit cmd_tokens_cancel(const struct options *o)
{
    return act(o, "renewal.act", "cancel");
}

enum cli_exit cmd_tokens_finish(const struct options *o)
{
    return act(o, "renewal.finish", NULL);
}

/* ---- old and new ---- */

/* One session for all of it: who opens a store may be another user afterwards, who cannot open it again. */
static enum cli_exit print_pairs(const struct options *o)
{
    static const struct listing pairs = {"tokens", output_json_line, NULL};
    AUTO(session_close) struct session *session = NULL;
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code = fill(o, "renewal.show", request);
    const struct json *classes;
    struct errmsg msg;
    enum err e = code == CLI_OK ? session_open(o, &session, &msg) : ERR_OK;

    if (e != ERR_OK)
        return cli_fail(e, &msg);
    if (code == CLI_OK)
        code = cli_call(o, session, request, &reply);
    json_set_str(request, "op", "renewal.tokens");
    classes = json_get(reply.result, "classes");
    for (size_t i = 0; code == CLI_OK && i < json_count(classes); i++) {
        json_set(request, "class", json_clone(json_get(json_at(classes, i), "class")));
        code = listing_print_on(o, session, request, &pairs);
    }
    return code;
}

enum cli_exit cmd_tokens_mapping(const struct options *o)
{
    struct errmsg msg;
    enum cli_exit code;
    enum err e;
    int fd = -1;

    if (o->output == NULL)
        return print_pairs(o);
    e = output_begin(o->output, &fd, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    output_use(fd, o->output);
    code = print_pairs(o);
    output_use(STDOUT_FILENO, "standard output");
    e = output_end(o->output, &fd, code == CLI_OK ? ERR_OK : ERR_CANCELED, &msg);
    return code == CLI_OK && e != ERR_OK ? cli_fail(e, &msg) : code;
}
