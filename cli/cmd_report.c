/* SPDX-License-Identifier: Apache-2.0 */
/* lethe report: what is kept, until when.
 * Runs on: the main thread. Holds: nothing. Not here: the figures and their formats
 * (retention/report.c). */
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/session.h"
#include "retention/report.h"

enum { REPORT_TEXT_MAX = 16 << 20 };

static enum cli_exit print_report(const struct json *tree, enum report_format format)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    struct errmsg msg = {""};
    enum err e;

    buf_init(&text, REPORT_TEXT_MAX);
    e = report_write(tree, format, &text);
    if (e == ERR_OK)
        e = output_write(buf_span(&text));
    if (e != ERR_OK)
        return cli_fail(e, cli_message(&msg, "the report cannot be written: %s", err_text(e)));
    return report_needs_attention(tree) ? CLI_ATTENTION : CLI_OK;
}

enum cli_exit cmd_report_retention(const struct options *o)
{
    AUTO(session_close) struct session *session = NULL;
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum report_format format = o->json ? REPORT_JSON : REPORT_TABLE;
    struct errmsg msg;
    enum err e;

    if (o->format != NULL && report_format_of(span_str(o->format), &format) != ERR_OK)
        return cli_usage("--format takes table, json or csv");
    json_set_str(request, "op", "report.retention");
    e = session_open(o->config, o->passphrase_fd, &session, &msg);
    if (e == ERR_OK)
        e = session_call(session, request, &reply, &msg);
    return e == ERR_OK ? print_report(reply.result, format) : cli_fail(e, &msg);
}
