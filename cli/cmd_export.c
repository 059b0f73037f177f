/* SPDX-License-Identifier: Apache-2.0 */
/* lethe subject export: what is kept of a person, for that person.
 * Runs on: the main thread. Holds: the document, in memory that is wiped. Not here: what stands in it
 * (retention/export*.c). */
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "retention/export.h"

static enum cli_exit print_link(const struct json *result)
{
    AUTO(buf_done) struct buf line = {.max = 0};
    enum err e;

    buf_init_secret(&line, 1024); /* whoever has the link has the data */
    e = buf_append_span(&line, json_text_of(json_get(result, "path")));
    if (e == ERR_OK)
        e = buf_append_byte(&line, '\n');
    if (e == ERR_OK)
        e = output_write(buf_span(&line));
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

static enum cli_exit put_document(const struct options *o, struct span text)
{
    struct errmsg msg = {""};
    enum err e;

    if (o->output == NULL)
        return output_write(text) == ERR_OK ? CLI_OK : CLI_FAILED;
    e = output_new_file(o->output, text, &msg);
    return e == ERR_OK ? CLI_OK : cli_fail(e, &msg);
}

enum cli_exit cli_print_document(const struct options *o, const struct json *result)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    const struct json *document = json_get(result, "document");
    struct errmsg msg = {""};
    enum err e;

    if (document == NULL)
        return put_document(o, json_text_of(json_get(result, "text")));
    buf_init_secret(&text, EXPORT_TEXT_MAX);
    e = export_write(document, EXPORT_JSON, &text);
    return e == ERR_OK
               ? put_document(o, buf_span(&text))
               : cli_fail(e, cli_message(&msg, "the export cannot be written: %s", err_text(e)));
}

enum cli_exit cmd_subject_export(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const char *subject = o->argument_count == 0 ? NULL : o->arguments[0];
    enum cli_exit code;

    if ((subject == NULL) == (o->token == NULL))
        return cli_usage("name the person, either by ID or with --token");
    if (o->link && o->output != NULL)
        return cli_usage("a link is printed: no -o");
    json_set_str(request, "op", "subject.export");
    if (!cli_put_text(request, "subject", subject) || !cli_put_text(request, "domain", o->domain) ||
        !cli_put_text(request, "token", o->token) ||
        !cli_put_text(request, "class", o->class_name) ||
        !cli_put_text(request, "format", o->format) || !cli_put_text(request, "lang", o->lang) ||
        !cli_put_text(request, "expires", o->expires))
        return cli_usage("arguments must be UTF-8");
    if (o->portable)
        json_set_bool(request, "portable", true);
    if (o->link)
        json_set_bool(request, "link", true);
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    return o->link ? print_link(reply.result) : cli_print_document(o, reply.result);
}
