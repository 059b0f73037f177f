/* SPDX-License-Identifier: Apache-2.0 */
/* lethe hold, lethe subject restrict, unrestrict, object.
 * Runs on: the main thread. Holds: nothing. Invariant: what is printed names nobody. Not here: what it means
 * (admin/ops_holds.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/session.h"

struct member {
    const char *name;
    const char *text; /* NULL: absent */
};

/* A request of an operation with text members; CLI_OK or the exit code of a refusal. */
static enum cli_exit fill(struct json *request, const char *operation, const struct member *members)
{
    json_set_str(request, "op", operation);
    for (; members->name != NULL; members++) {
        struct json *text;

        if (members->text == NULL)
            continue;
        text = json_new_text(span_str(members->text));
        if (text == NULL)
            return cli_usage("arguments must be UTF-8");
        json_set(request, members->name, text);
    }
    return CLI_OK;
}

static enum cli_exit set_number(struct json *request, const char *text)
{
    if (!cli_put_number(request, "number", text))
        return cli_usage("a hold has a number, as `lethe hold list` prints it");
    return CLI_OK;
}

/* ---- holds ---- */

static enum err print_hold(const struct json *hold)
{
    return output_print("%5" PRId64 "  %-14s  %.10s  review %s  %s  %s  %s  %s\n",
                        json_int_of(json_get(hold, "number"), 0), json_str_or(hold, "state", "-"),
                        json_str_or(hold, "set", "-"), json_str_or(hold, "review", "-"),
                        json_str_or(hold, "subject", "-"), json_str_or(hold, "class", "-"),
                        json_str_or(hold, "owner", "-"), json_str_or(hold, "ground", "-"));
}

enum cli_exit cmd_hold_add(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const struct member members[] = {{"subject", o->subject}, {"token", o->token},
                                     {"domain", o->domain},   {"of_class", o->class_name},
                                     {"ground", o->ground},   {"owner", o->owner},
                                     {"review", o->review},   {NULL, NULL}};
    enum cli_exit code = fill(request, "hold.add", members);
    enum err e;

    if (code == CLI_OK)
        code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    e = o->json ? output_json(reply.result)
                : output_print("%" PRId64 "\n", json_int_of(json_get(reply.result, "number"), 0));
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_hold_list(const struct options *o)
{
    static const struct listing holds = {"holds", print_hold, NULL};

    return listing_of(o, "hold.list", &holds);
}

enum cli_exit cmd_hold_show(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code = set_number(request, o->arguments[0]);

    json_set_str(request, "op", "hold.show");
    if (code == CLI_OK)
        code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    return output_json(reply.result) == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_hold_lift(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const struct member members[] = {{"reason", o->reason}, {NULL, NULL}};
    enum cli_exit code = fill(request, "hold.lift", members);
    int64_t erasures;

    if (code == CLI_OK)
        code = set_number(request, o->arguments[0]);
    if (code == CLI_OK)
        code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    if (o->json)
        return output_json(reply.result) == ERR_OK ? CLI_OK : CLI_FAILED;
    erasures = json_int_of(json_get(reply.result, "erasures"), 0);
    if (erasures > 0 &&
        output_print("%" PRId64 " erasures that waited were carried out\n", erasures) != ERR_OK)
        return CLI_FAILED;
    return CLI_OK;
}

/* ---- one person ---- */

/* Of a person by identifier or by token. */
static enum cli_exit ask_of_person(const struct options *o, const char *operation,
                                   const struct member *extra, struct reply *reply)
{
    AUTO(json_free) struct json *request = json_new_map();
    const char *subject = o->argument_count == 0 ? NULL : o->arguments[0];
    const struct member who[] = {{"subject", subject},
                                 {"domain", o->domain},
                                 {"token", o->token},
                                 {"class", o->class_name},
                                 {NULL, NULL}};
    enum cli_exit code;

    if ((subject == NULL) == (o->token == NULL))
        return cli_usage("name the person, either by ID or with --token");
    code = fill(request, operation, who);
    if (code == CLI_OK)
        code = fill(request, operation, extra);
    if (o->withdraw)
        json_set_bool(request, "withdraw", true);
    return code == CLI_OK ? cli_ask(o, request, reply) : code;
}

enum cli_exit cmd_subject_restrict(const struct options *o)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const struct member extra[] = {{"ground", o->ground}, {"review", o->review}, {NULL, NULL}};

    return ask_of_person(o, "subject.restrict", extra, &reply);
}

enum cli_exit cmd_subject_unrestrict(const struct options *o)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const struct member extra[] = {{"notice_sent", o->notice_sent}, {NULL, NULL}};

    return ask_of_person(o, "subject.unrestrict", extra, &reply);
}

enum cli_exit cmd_subject_object(const struct options *o)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const struct member extra[] = {{"purpose", o->purpose}, {NULL, NULL}};

    return ask_of_person(o, "subject.object", extra, &reply);
}

/* ---- consent ---- */

static enum cli_exit ask_consent(const struct options *o, bool withdraw)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct options asked = *o;
    const struct member extra[] = {{"purpose", o->purpose},
                                   {"channel", o->how},
                                   {"version", o->reference},
                                   {"at", o->at},
                                   {NULL, NULL}};
    const char *receipt;
    char line[64];
    enum cli_exit code;

    asked.withdraw = withdraw;
    code = ask_of_person(&asked, "subject.consent", extra, &reply);
    if (code != CLI_OK || !withdraw)
        return code;
    if (o->json)
        return output_json(reply.result) == ERR_OK ? CLI_OK : CLI_FAILED;
    receipt = json_str_of(json_get(reply.result, "receipt"));
    if (receipt == NULL)
        return CLI_OK;
    (void)snprintf(line, sizeof(line), "receipt %.32s\n", receipt);
    return output_write(span_str(line)) == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_subject_consent(const struct options *o)
{
    return ask_consent(o, false);
}

enum cli_exit cmd_subject_withdraw(const struct options *o)
{
    return ask_consent(o, true);
}
