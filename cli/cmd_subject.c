/* SPDX-License-Identifier: Apache-2.0 */
/* lethe subject: one person.
 * Runs on: the main thread. Holds: nothing. Invariant: what is printed names nobody (random ids and
 * counts only). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/lines.h"
#include "cli/output.h"
#include "cli/session.h"

enum cli_exit cli_set_text(struct json *request, const char *name, const char *text)
{
    return cli_put_text(request, name, text) ? CLI_OK : cli_usage("arguments must be UTF-8");
}

enum cli_exit cli_person(const struct options *o, const char *operation, struct json *request)
{
    const char *subject = o->argument_count == 0 ? NULL : o->arguments[0];

    if ((subject == NULL) == (o->token == NULL))
        return cli_usage("name the person, either by ID or with --token");
    json_set_str(request, "op", operation);
    if (cli_set_text(request, "subject", subject) != CLI_OK ||
        cli_set_text(request, "domain", o->domain) != CLI_OK ||
        cli_set_text(request, "token", o->token) != CLI_OK ||
        cli_set_text(request, "class", o->class_name) != CLI_OK ||
        cli_set_text(request, "ground", o->ground) != CLI_OK ||
        cli_set_text(request, "reason", o->reason) != CLI_OK ||
        cli_set_text(request, "reference", o->reference) != CLI_OK)
        return CLI_USAGE;
    return CLI_OK;
}

enum cli_exit cmd_subject_event(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    json_set_str(request, "op", "subject.event");
    if (cli_set_text(request, "subject", o->arguments[0]) != CLI_OK ||
        cli_set_text(request, "event", o->arguments[1]) != CLI_OK ||
        cli_set_text(request, "domain", o->domain) != CLI_OK ||
        cli_set_text(request, "at", o->at) != CLI_OK)
        return CLI_USAGE;
    json_set_bool(request, "correct", o->correct);
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    return output_json(reply.result) == ERR_OK ? CLI_OK : CLI_FAILED;
}

/* The only line of standard input, into wiped memory: a value on the command line could be seen by
 * others. */
enum cli_exit cli_read_value(struct buf *value)
{
    AUTO(lines_done) struct lines lines = {.fd = -1};
    struct span batch[LINES_BATCH_MAX];
    struct errmsg msg;
    size_t count = 0;
    enum err e;

    lines_init(&lines, STDIN_FILENO);
    e = lines_next(&lines, batch, &count);
    if (e == ERR_OK && count == 1) {
        e = buf_append_span(value, batch[0]);
        if (e == ERR_OK)
            e = lines_next(&lines, batch, &count); /* there must be no other */
        if (e == ERR_OK && count == 0)
            return CLI_OK;
    }
    if (e == ERR_OK)
        return cli_usage("standard input must be one line: the value");
    return cli_fail(
        e, cli_message(&msg, "the value cannot be read from standard input: %s", err_text(e)));
}

enum cli_exit cmd_subject_rectify(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    AUTO(buf_done) struct buf value = {.max = 0};
    struct json *text;
    enum cli_exit code;

    buf_init_secret(&value, LIMIT_VALUE_MAX);
    code = cli_read_value(&value);
    if (code != CLI_OK)
        return code;
    text = json_new_text(buf_span(&value));
    if (text == NULL)
        return cli_usage("the value must be UTF-8");
    json_set_str(request, "op", "rectify");
    json_set(request, "value", text);
    if (cli_set_text(request, "token", o->arguments[0]) != CLI_OK ||
        cli_set_text(request, "subject", o->subject) != CLI_OK ||
        cli_set_text(request, "class", o->class_name) != CLI_OK ||
        cli_set_text(request, "domain", o->domain) != CLI_OK)
        return CLI_USAGE;
    return cli_ask(o, request, &reply);
}

static enum err print_line(const char *name, const char *value)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "%-20s  %s\n", name, value);

    return output_write(span_of(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1));
}

static enum err print_count(const char *name, int64_t count)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, count);
    return print_line(name, text);
}

/* What is in the way of showing or destroying this person's values, if anything. */
static enum err print_bound(const struct json *subject)
{
    const struct json *holds = json_get(subject, "holds");
    const struct json *objections = json_get(subject, "objections");
    const struct json *consents = json_get(subject, "consents");
    const char *waiting = json_str_of(json_get(subject, "erasure_waiting"));
    enum err e = ERR_OK;

    for (size_t i = 0; i < json_count(holds) && e == ERR_OK; i++)
        e = print_count("on hold", json_int_of(json_at(holds, i), 0));
    if (e == ERR_OK && json_bool_of(json_get(subject, "restricted"), false))
        e = print_line("restricted", waiting == NULL ? "yes" : "yes, an erasure waits");
    for (size_t i = 0; i < json_count(objections) && e == ERR_OK; i++)
        e = print_line("objects to", json_str_of(json_at(objections, i)));
    for (size_t i = 0; i < json_count(consents) && e == ERR_OK; i++) {
        const struct json *consent = json_at(consents, i);
        const char *state = json_str_of(json_get(consent, "state"));
        const char *purpose = json_str_of(json_get(consent, "purpose"));
        char label[64];

        (void)snprintf(label, sizeof(label), "consent %s", state == NULL ? "?" : state);
        e = print_line(label, purpose == NULL ? "?" : purpose);
    }
    return e;
}

static enum err print_events(const struct json *events)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < json_count(events) && e == ERR_OK; i++) {
        const char *name = json_str_of(json_get(json_at(events, i), "event"));
        const char *at = json_str_of(json_get(json_at(events, i), "at"));
        char label[96];

        (void)snprintf(label, sizeof(label), "event %s", name == NULL ? "?" : name);
        e = print_line(label, at == NULL ? "" : at);
    }
    return e;
}

static enum err print_subject(const struct json *subject)
{
    static const char *const texts[] = {"subject", "domain", "created"};
    const struct json *items = json_get(subject, "items");
    enum err e = ERR_OK;

    for (size_t i = 0; i < COUNT_OF(texts) && e == ERR_OK; i++) {
        const char *text = json_str_of(json_get(subject, texts[i]));

        e = print_line(texts[i], text == NULL ? "" : text);
    }
    if (e == ERR_OK)
        e = print_count("identifiers", json_int_of(json_get(subject, "identifiers"), 0));
    for (size_t i = 0; i < json_count(items) && e == ERR_OK; i++) {
        const struct json *item = json_at(items, i);
        const char *name = json_str_of(json_get(item, "class"));
        char label[96];

        (void)snprintf(label, sizeof(label), "values of %s", name == NULL ? "?" : name);
        e = print_count(label, json_int_of(json_get(item, "values"), 0));
    }
    if (e == ERR_OK)
        e = print_events(json_get(subject, "events"));
    return e == ERR_OK ? print_bound(subject) : e;
}

enum cli_exit cmd_subject_show(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code = cli_person(o, "subject.show", request);
    enum err e;

    if (code == CLI_OK)
        code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    e = o->json ? output_json(reply.result) : print_subject(reply.result);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}
