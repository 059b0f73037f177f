/* SPDX-License-Identifier: Apache-2.0 */
/* lethe subject erase: of one person, whole or in part, tried or carried out.
 * Runs on: the main thread. Holds: nothing. Invariant: what is printed names nobody. Not here: what may be
 * erased (the server, or the store that is opened in its place). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/lines.h"
#include "cli/output.h"
#include "cli/session.h"

/* ---- exceptions ---- */

/* CLASS:CODE:LAW:DATE; a law may have colons. NULL when it is anything else. */
static struct json *read_exception(const char *text)
{
    const char *code = strchr(text, ':');
    const char *law = code == NULL ? NULL : strchr(code + 1, ':');
    const char *until = law == NULL ? NULL : strrchr(law + 1, ':');
    struct span parts[4];
    static const char *const names[] = {"class", "code", "law", "until"};
    struct json *map;

    if (until == NULL)
        return NULL;
    parts[0] = span_of(text, (size_t)(code - text));
    parts[1] = span_of(code + 1, (size_t)(law - code - 1));
    parts[2] = span_of(law + 1, (size_t)(until - law - 1));
    parts[3] = span_str(until + 1);
    map = json_new_map();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct json *part = json_new_text(parts[i]);

        if (part == NULL) {
            json_free(&map);
            return NULL;
        }
        json_set(map, names[i], part);
    }
    return map;
}

static enum cli_exit set_exceptions(const struct options *o, struct json *request)
{
    struct json *list;

    if (o->except.count == 0)
        return CLI_OK;
    list = json_new_list();
    json_set(request, "except", list);
    for (size_t i = 0; i < o->except.count; i++) {
        struct json *entry = read_exception(o->except.at[i]);

        if (entry == NULL)
            return cli_usage(
                "--except is CLASS:CODE:LAW:DATE, as in \"invoice:b:HGB 257:2034-12-31\"");
        json_add(list, entry);
    }
    return CLI_OK;
}

/* ---- trying it ---- */

static enum err print_text(const char *text)
{
    return output_write(span_str(text));
}

static enum err print_goes(const struct json *list)
{
    enum err e = print_text(json_count(list) == 0 ? "would go: nothing\n" : "would go:\n");

    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++) {
        const struct json *entry = json_at(list, i);
        char line[128];

        (void)snprintf(line, sizeof(line), "  %-24s  %" PRId64 "\n",
                       json_str_or(entry, "class", ""), json_int_of(json_get(entry, "values"), 0));
        e = print_text(line);
    }
    return e;
}

static enum err print_stays(const struct json *list)
{
    enum err e = print_text(json_count(list) == 0 ? "would stay: nothing\n" : "would stay:\n");

    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++) {
        const struct json *entry = json_at(list, i);
        char line[512];

        (void)snprintf(line, sizeof(line), "  %-24s  %" PRId64 "  %s, %.256s, to %s\n",
                       json_str_or(entry, "class", ""), json_int_of(json_get(entry, "values"), 0),
                       json_str_or(entry, "code", ""), json_str_or(entry, "law", ""),
                       json_str_or(entry, "review", ""));
        e = print_text(line);
    }
    return e;
}

static enum cli_exit print_preview(const struct options *o, const struct json *result)
{
    enum err e;

    if (o->json)
        return output_json(result) == ERR_OK ? CLI_OK : CLI_FAILED;
    e = print_goes(json_get(result, "goes"));
    if (e == ERR_OK)
        e = print_stays(json_get(result, "stays"));
    if (e == ERR_OK)
        e = print_text("nothing was changed\n");
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

/* ---- many ---- */

enum { MANY_MAX = 256 };

/* One receipt a line; what failed, by its line of standard input. */
static enum cli_exit print_many(const struct json *list, size_t before)
{
    enum cli_exit code = CLI_OK;

    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *entry = json_at(list, i);
        struct errmsg msg;

        if (json_get(entry, "error") == NULL) {
            if (output_json_line(entry) != ERR_OK)
                return CLI_FAILED;
            if (strcmp(json_str_or(entry, "state", ""), "completed") != 0)
                code = CLI_FAILED;
            continue;
        }
        code = cli_fail(ERR_NOT_FOUND, cli_message(&msg, "line %zu: %s", before + i + 1,
                                                   json_str_or(entry, "message", "")));
    }
    return code;
}

static enum cli_exit ask_many(const struct options *o, struct session *session,
                              const struct span *ids, size_t count, size_t before)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct json *list = json_new_list();
    struct errmsg msg;
    enum cli_exit code;

    json_set_str(request, "op", "subject.erase_many");
    json_set(request, "subjects", list);
    for (size_t i = 0; i < count; i++) {
        struct json *id = json_new_text(ids[i]);

        if (id == NULL)
            return cli_fail(ERR_INVALID,
                            cli_message(&msg,
                                        "line %zu: is no UTF-8; none of the lines %zu to %zu "
                                        "was carried out",
                                        before + i + 1, before + 1, before + count));
        json_add(list, id);
    }
    if (cli_set_text(request, "domain", o->domain) != CLI_OK ||
        cli_set_text(request, "ground", o->ground) != CLI_OK ||
        cli_set_text(request, "reason", o->reason) != CLI_OK ||
        cli_set_text(request, "reference", o->reference) != CLI_OK)
        return CLI_USAGE;
    code = cli_call(o, session, request, &reply);
    return code == CLI_OK ? print_many(json_get(reply.result, "erasures"), before) : code;
}

/* One person a line; as many as are there go together, all in one session: who opens a store may be another user
 * afterwards, who cannot open it again. */
static enum cli_exit erase_many(const struct options *o)
{
    AUTO(lines_done) struct lines lines = {.fd = -1};
    AUTO(session_close) struct session *session = NULL;
    struct span batch[LINES_BATCH_MAX];
    enum cli_exit worst = CLI_OK;
    size_t count = 1, before = 0;
    struct errmsg msg;
    enum err e;

    if (o->argument_count > 0 || o->token != NULL || o->except.count > 0 || o->dry_run ||
        o->idempotency_key != NULL)
        return cli_usage("--batch takes the persons from standard input, one identifier a line, "
                         "and erases each of them whole");
    if (o->server != NULL)
        return cli_usage("--batch is for the server's host: over --server each erasure is "
                         "proposed and approved by itself");
    e = session_open(o, &session, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    lines_init(&lines, STDIN_FILENO);
    while (e == ERR_OK && count > 0) {
        e = lines_next(&lines, batch, &count);
        for (size_t at = 0; e == ERR_OK && at < count; at += MANY_MAX) {
            const size_t n = count - at < MANY_MAX ? count - at : MANY_MAX;
            const enum cli_exit code = ask_many(o, session, batch + at, n, before + at);

            worst = code == CLI_OK ? worst : code;
        }
        before += count;
    }
    return e == ERR_OK
               ? worst
               : cli_fail(e, cli_message(&msg, "standard input cannot be read: %s", err_text(e)));
}

/* ---- the command ---- */

enum cli_exit cmd_subject_erase(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    if (o->batch)
        return erase_many(o);
    code = cli_person(o, "subject.erase", request);
    if (code == CLI_OK)
        code = set_exceptions(o, request);
    if (code == CLI_OK)
        code = cli_set_text(request, "key", o->idempotency_key);
    if (code != CLI_OK)
        return code;
    if (o->dry_run)
        json_set_bool(request, "dry_run", true);
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    if (o->dry_run)
        return print_preview(o, reply.result);
    if (output_json(reply.result) != ERR_OK)
        return CLI_FAILED;
    if (strcmp(json_str_or(reply.result, "state", ""), "held") == 0)
        return CLI_ATTENTION;
    return strcmp(json_str_or(reply.result, "state", ""), "completed") == 0 ? CLI_OK : CLI_FAILED;
}
