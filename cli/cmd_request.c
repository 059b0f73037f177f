/* SPDX-License-Identifier: Apache-2.0 */
/* lethe request: the register of requests of persons.
 * Runs on: the main thread. Holds: nothing. Not here: what an action needs and does
 * (admin/ops_requests.c, retention/requests.c). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/session.h"

/* ---- what is said: NAME=VALUE ---- */

/* Members that are lists of words, given with commas or more than once. */
static bool is_list(const char *name)
{
    return strcmp(name, "rights") == 0 || strcmp(name, "classes") == 0 ||
           strcmp(name, "purposes") == 0;
}

static bool is_number(const char *name)
{
    return strcmp(name, "recipients") == 0 || strcmp(name, "acknowledged") == 0;
}

static struct json *list_of(struct json *with, const char *name)
{
    struct json *list = json_get(with, name);

    if (list == NULL) {
        list = json_new_list();
        json_set(with, name, list);
    }
    return list;
}

static bool add_text(struct json *list, struct span text)
{
    struct json *value = json_new_text(text);

    if (value != NULL)
        json_add(list, value);
    return value != NULL;
}

static bool add_words(struct json *list, const char *text)
{
    for (;;) {
        const size_t len = strcspn(text, ",");

        if (!add_text(list, span_of(text, len)))
            return false;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

/* keep=CLASS:EXCEPTION:UNTIL[:LAW] */
static bool add_kept(struct json *list, const char *text)
{
    static const char *const members[] = {"class", "exception", "until", "law"};
    struct json *map = json_new_map();

    json_add(list, map);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        /* The law is the rest, with whatever is in it. */
        const size_t len = i + 1 < COUNT_OF(members) ? strcspn(text, ":") : strlen(text);

        if (!cli_put_span(map, members[i], span_of(text, len)))
            return false;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
    return true;
}

static bool add_number(struct json *with, const char *name, const char *text)
{
    char *end = NULL;
    const long long n = strtoll(text, &end, 10);

    if (end == text || *end != '\0')
        return false;
    json_set_int(with, name, n);
    return true;
}

static enum cli_exit say(struct json *with, const char *argument)
{
    const char *equals = strchr(argument, '=');
    char name[32];
    struct errmsg msg;
    bool fine;

    if (equals == NULL || equals == argument || (size_t)(equals - argument) >= sizeof(name))
        return cli_usage("what is said of a request stands as NAME=VALUE");
    memcpy(name, argument, (size_t)(equals - argument));
    name[equals - argument] = '\0';
    for (const char *at = name; *at != '\0'; at++)
        if ((*at < 'a' || *at > 'z') && *at != '_')
            return cli_usage("what is said of a request stands as NAME=VALUE");
    if (strcmp(name, "value") == 0)
        return cli_usage("a value comes from standard input: others could see it here");
    if (strcmp(name, "keep") == 0)
        fine = add_kept(list_of(with, name), equals + 1);
    else if (is_list(name))
        fine = add_words(list_of(with, name), equals + 1);
    else if (is_number(name))
        fine = add_number(with, name, equals + 1);
    else if (json_get(with, name) != NULL)
        return cli_usage(cli_message(&msg, "%s is said twice", name)->text);
    else
        fine = cli_put_text(with, name, equals + 1);
    return fine ? CLI_OK : cli_usage(cli_message(&msg, "%s cannot be read", name)->text);
}

static enum cli_exit say_all(const struct options *o, size_t from, struct json *request)
{
    struct json *with = json_new_map();
    enum cli_exit code = CLI_OK;

    json_set(request, "with", with);
    for (size_t i = from; code == CLI_OK && i < o->argument_count; i++)
        code = say(with, o->arguments[i]);
    return code;
}

/* Who it is about, if that is said. */
static enum cli_exit set_person(const struct options *o, struct json *request)
{
    const struct {
        const char *name, *text;
    } members[] = {{"subject", o->subject},
                   {"token", o->token},
                   {"domain", o->domain},
                   {"class", o->class_name}};

    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (members[i].text != NULL && !cli_put_text(request, members[i].name, members[i].text))
            return cli_usage("everything must be UTF-8");
    return CLI_OK;
}

static enum cli_exit set_number(const char *text, struct json *request)
{
    if (!add_number(request, "number", text) || json_int_of(json_get(request, "number"), 0) < 1)
        return cli_usage("a request has a number, as `lethe request list` shows it");
    return CLI_OK;
}

/* ---- what is shown ---- */

static enum err print_pair(const char *name, const char *text)
{
    char line[512];
    const int n = snprintf(line, sizeof(line), "%-12s %s\n", name, text);

    return output_write(span_of(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1));
}

static enum err print_rights(const struct json *view)
{
    const struct json *rights = json_get(view, "rights");
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(rights); i++) {
        const struct json *right = json_at(rights, i);
        const char *receipt = json_str_of(json_get(right, "receipt"));
        const char *reason = json_str_of(json_get(right, "reason"));
        char text[256];

        (void)snprintf(text, sizeof(text), "%.40s%s%.64s%s%.64s",
                       json_str_or(right, "outcome", "-"), reason == NULL ? "" : ", ",
                       reason == NULL ? "" : reason, receipt == NULL ? "" : ", receipt ",
                       receipt == NULL ? "" : receipt);
        e = print_pair(json_str_or(right, "right", "-"), text);
    }
    return e;
}

static enum err print_view(const struct json *view)
{
    const struct json *dates = json_get(view, "dates");
    const struct {
        const char *label, *text;
    } lines[] = {
        {"state", json_str_or(view, "state", "-")},
        {"standing", json_str_or(view, "standing", "-")},
        {"received", json_str_or(view, "received_date", "-")},
        {"due", json_str_or(view, "due", "-")},
        {"target", json_str_or(dates, "target", "-")},
        {"subject", json_str_or(view, "subject", "-")},
        {"failure", json_str_or(view, "failure", "-")},
        {"waiting", json_str_or(view, "waiting", "-")},
    };
    char number[24];
    enum err e;

    (void)snprintf(number, sizeof(number), "%" PRId64, json_int_of(json_get(view, "number"), 0));
    e = print_pair("request", number);
    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(lines); i++)
        if (strcmp(lines[i].text, "-") != 0)
            e = print_pair(lines[i].label, lines[i].text);
    if (e == ERR_OK && json_bool_of(json_get(view, "paused_now"), false))
        e = print_pair("without pause", json_str_or(dates, "legal", "-"));
    return e == ERR_OK ? print_rights(view) : e;
}

/* Whoever has the link has the data. */
static enum err print_link(const struct json *given)
{
    AUTO(buf_done) struct buf line = {.max = 0};
    char head[64];
    enum err e;

    buf_init_secret(&line, 1024);
    (void)snprintf(head, sizeof(head), "%-12s ", "link");
    e = buf_append_str(&line, head);
    if (e == ERR_OK)
        e = buf_append_span(&line, json_text_of(json_get(given, "path")));
    if (e == ERR_OK)
        e = buf_append_byte(&line, '\n');
    return e == ERR_OK ? output_write(buf_span(&line)) : e;
}

/* A document that was made takes the place of everything else, so that it can go into a file. */
static const struct json *document_of(const struct json *view)
{
    const struct json *given = json_at(json_get(view, "given"), 0);

    return json_get(given, "path") == NULL ? given : NULL;
}

static enum err print_given(const struct json *view)
{
    const struct json *given = json_get(view, "given");
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(given); i++)
        e = print_link(json_at(given, i));
    return e;
}

static enum cli_exit show(const struct options *o, const struct json *view)
{
    enum err e;

    if (!o->json && document_of(view) != NULL)
        return cli_print_document(o, document_of(view));
    e = o->json ? output_json(view) : print_view(view);
    if (e == ERR_OK && !o->json)
        e = print_given(view);
    if (e != ERR_OK)
        return CLI_FAILED;
    return strcmp(json_str_or(view, "state", "-"), "failed") == 0 ? CLI_FAILED : CLI_OK;
}

/* ---- commands ---- */

static enum cli_exit ask_and_show(const struct options *o, const struct json *request)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const enum cli_exit code = cli_ask(o, request, &reply);

    return code == CLI_OK ? show(o, reply.result) : code;
}

enum cli_exit cmd_request_add(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    enum cli_exit code = say_all(o, 0, request);

    json_set_str(request, "op", "request.add");
    if (code == CLI_OK)
        code = set_person(o, request);
    return code == CLI_OK ? ask_and_show(o, request) : code;
}

enum cli_exit cmd_request_show(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    const enum cli_exit code = set_number(o->arguments[0], request);

    json_set_str(request, "op", "request.show");
    return code == CLI_OK ? ask_and_show(o, request) : code;
}

/* A rectification's value, where a token is said. */
static enum cli_exit read_value(struct json *request)
{
    AUTO(buf_done) struct buf value = {.max = 0};
    struct json *with = json_get(request, "with"), *text;
    enum cli_exit code;

    if (json_get(with, "token") == NULL)
        return CLI_OK;
    buf_init_secret(&value, LIMIT_VALUE_MAX);
    code = cli_read_value(&value);
    if (code != CLI_OK)
        return code;
    text = json_new_text(buf_span(&value));
    if (text == NULL)
        return cli_usage("the value must be UTF-8");
    json_set(with, "value", text);
    return CLI_OK;
}

enum cli_exit cmd_request_act(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    enum cli_exit code = set_number(o->arguments[1], request);

    json_set_str(request, "op", "request.act");
    if (code == CLI_OK)
        code = say_all(o, 2, request);
    if (code == CLI_OK)
        code = read_value(request);
    if (code == CLI_OK)
        code = set_person(o, request);
    if (code == CLI_OK && !cli_put_text(request, "action", o->arguments[0]))
        code = cli_usage("an action is one of those in `lethe help request`");
    return code == CLI_OK ? ask_and_show(o, request) : code;
}

enum cli_exit cmd_request_letter(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code = set_number(o->arguments[0], request);
    enum err e;

    json_set_str(request, "op", "request.letter");
    if (code == CLI_OK && o->argument_count > 1 &&
        !cli_put_text(request, "letter", o->arguments[1]))
        code = cli_usage("there is no such letter");
    if (code == CLI_OK && !cli_put_text(request, "lang", o->lang))
        code = cli_usage("there is no such language");
    if (code == CLI_OK)
        code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    e = o->json ? output_json(reply.result)
                : output_write(json_text_of(json_get(reply.result, "text")));
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

/* ---- the list ---- */

static enum err print_line(const struct json *entry)
{
    const struct json *rights = json_get(entry, "rights");
    char line[512], words[160] = "";

    for (size_t i = 0; i < json_count(rights); i++) {
        const char *word = json_str_of(json_at(rights, i));
        const size_t len = strlen(words);

        (void)snprintf(words + len, sizeof(words) - len, "%s%s", i == 0 ? "" : ",",
                       word == NULL ? "?" : word);
    }
    (void)snprintf(line, sizeof(line), "%6" PRId64 "  %.10s  %.10s  %-9.12s %-16.24s  %.150s\n",
                   json_int_of(json_get(entry, "number"), 0),
                   json_str_or(entry, "received_date", "-"), json_str_or(entry, "due", "-"),
                   json_str_or(entry, "standing", "-"), json_str_or(entry, "state", "-"), words);
    return output_write(span_str(line));
}

static bool is_past(const struct json *entry)
{
    return strcmp(json_str_or(entry, "standing", "-"), "past due") == 0;
}

enum cli_exit cmd_request_list(const struct options *o)
{
    static const struct listing requests = {"requests", print_line, is_past};
    AUTO(json_free) struct json *request = json_new_map();

    json_set_str(request, "op", "request.list");
    if (o->argument_count > 0 && !cli_put_text(request, "state", o->arguments[0]))
        return cli_usage("there is no such state");
    return listing_print(o, request, &requests);
}
