/* SPDX-License-Identifier: Apache-2.0 */
/* lethe access: tokens for the admin API, and the second factor of who holds one.
 * Runs on: the main thread. Holds: nothing. Not here: what they are (admin/access.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/access.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/qr.h"
#include "cli/session.h"

enum { QR_TEXT_MAX = 64 << 10 };

/* "a,b,c" as a list; absent is absent. False when it is no UTF-8. */
static bool set_list(struct json *request, const char *name, const char *text)
{
    struct json *list;
    const char *end;

    if (text == NULL)
        return true;
    list = json_new_list();
    json_set(request, name, list);
    for (; *text != '\0'; text = *end == '\0' ? end : end + 1) {
        struct json *one;

        end = strchrnul(text, ',');
        one = json_new_text(span_of(text, (size_t)(end - text)));
        if (one == NULL)
            return false;
        json_add(list, one);
    }
    return true;
}

/* Over the network most tokens are two people's to make: their holders are appointed. Where one is enough, those who
 * destroy nothing have theirs at once. */
static enum cli_exit ask_token(const struct options *o, struct json *request, struct reply *reply)
{
    const enum access_role role = access_role_of(span_str(o->role));
    AUTO(session_close) struct session *session = NULL;
    struct errmsg msg;
    enum err e;

    json_set_str(request, "op", "access.create");
    if (o->server == NULL || !access_role_is_appointed(role))
        return cli_ask(o, request, reply);
    json_set_str(request, "op", "access.appoint");
    if (access_role_destroys(role))
        return cli_ask(o, request, reply);
    e = session_open(o, &session, &msg);
    if (e == ERR_OK)
        e = session_propose(session, request, reply, &msg);
    if (e != ERR_UNSUPPORTED)
        return cli_ended(o, e, reply, &msg);
    json_set_str(request, "op", "access.create");
    return cli_call(o, session, request, reply);
}

/* The text of a token alone; one that has none yet says where it comes from. */
static enum cli_exit print_token(const struct options *o, const struct json *result)
{
    const struct json *token = json_get(result, "token");
    const int64_t number = json_int_of(json_get(result, "number"), 0);
    char line[128];

    if (o->json)
        return output_json(result) == ERR_OK ? CLI_OK : CLI_FAILED;
    (void)snprintf(line, sizeof(line),
                   "%" PRId64 " is to be collected: lethe access collect %" PRId64, number, number);
    if (output_write(token == NULL ? span_str(line) : json_text_of(token)) != ERR_OK)
        return CLI_FAILED;
    return output_write(SPAN_LIT("\n")) == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_access_create(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    if (o->name == NULL || o->role == NULL || o->expires == NULL)
        return cli_usage("--name, --role and --expires are needed");
    if (!cli_put_text(request, "name", o->name) || !cli_put_text(request, "role", o->role) ||
        !cli_put_text(request, "expires", o->expires) || !set_list(request, "domains", o->domain) ||
        !set_list(request, "classes", o->class_name) ||
        !set_list(request, "purposes", o->purpose) || !set_list(request, "networks", o->network) ||
        !cli_put_text(request, "certificate", o->certificate))
        return cli_usage("arguments must be UTF-8");
    code = ask_token(o, request, &reply);
    return code == CLI_OK ? print_token(o, reply.result) : code;
}

static enum err print_entry(const struct json *entry)
{
    return output_print("%6" PRId64 "  %-7s  %-8s  %-24s  %-24s  %-4s  %s\n",
                        json_int_of(json_get(entry, "number"), 0), json_str_or(entry, "state", "-"),
                        json_str_or(entry, "role", "-"), json_str_or(entry, "expires", "-"),
                        json_str_or(entry, "used", "-"),
                        json_bool_of(json_get(entry, "code"), false) ? "code" : "-",
                        json_str_or(entry, "name", "-"));
}

enum cli_exit cmd_access_list(const struct options *o)
{
    static const struct listing tokens = {"tokens", print_entry, NULL};

    return listing_whole_of(o, "access.list", &tokens);
}

/* The operation on the token whose number is the argument. */
static enum cli_exit ask_number(const struct options *o, const char *operation, struct reply *reply)
{
    AUTO(json_free) struct json *request = json_new_map();

    if (!cli_put_number(request, "number", o->arguments[0]))
        return cli_usage("a token is named by its number, as `lethe access list` shows it");
    json_set_str(request, "op", operation);
    return cli_ask(o, request, reply);
}

enum cli_exit cmd_access_collect(const struct options *o)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const enum cli_exit code = ask_number(o, "access.collect", &reply);

    return code == CLI_OK ? print_token(o, reply.result) : code;
}

enum cli_exit cmd_access_unenrol(const struct options *o)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};

    return ask_number(o, "access.unenrol", &reply);
}

enum cli_exit cmd_access_revoke(const struct options *o)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};

    return ask_number(o, "access.revoke", &reply);
}

/* The URI, and on a terminal the picture that an authenticator can take with its camera. */
enum cli_exit cmd_access_enrol(const struct options *o)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    AUTO(buf_done) struct buf text = {.max = 0};
    enum cli_exit code = ask_number(o, "access.enrol", &reply);
    const char *uri;
    enum err e = ERR_OK;

    if (code != CLI_OK)
        return code;
    if (o->json)
        return output_json(reply.result) == ERR_OK ? CLI_OK : CLI_FAILED;
    uri = json_str_of(json_get(reply.result, "uri"));
    buf_init_secret(&text, QR_TEXT_MAX);
    if (isatty(STDOUT_FILENO) != 0)
        e = qr_write(uri, &text);
    if (e == ERR_OK)
        e = buf_append_str(&text, uri);
    if (e == ERR_OK)
        e = buf_append_byte(&text, '\n');
    if (e == ERR_OK)
        e = output_write(buf_span(&text));
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}
