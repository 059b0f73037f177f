/* SPDX-License-Identifier: Apache-2.0 */
/* lethe report: what a data officer asks for.
 * Runs on: the main thread. Holds: nothing. Not here: the figures and their formats
 * (retention/report*.c). */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "retention/report.h"
#include "retention/report_write.h"

/* Of the terminal that standard output is; 0 when it is none. */
static size_t terminal_width(void)
{
    struct winsize size = {.ws_col = 0};

    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static enum cli_exit no_such_report(void)
{
    struct errmsg msg = {"there is no such report; there are:"};

    for (size_t i = 0; report_kind_at(i) != NULL; i++) {
        const size_t used = strlen(msg.text);

        (void)snprintf(msg.text + used, sizeof(msg.text) - used, " %s", report_kind_at(i)->name);
    }
    return cli_usage(msg.text);
}

static enum cli_exit print_report(const struct options *o, const struct json *tree,
                                  const struct report_style *style)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    struct errmsg msg = {""};
    enum err e;

    buf_init(&text, REPORT_TEXT_MAX);
    e = report_write(tree, style, &text);
    if (e != ERR_OK)
        return cli_fail(e, cli_message(&msg, "the report cannot be written: %s", err_text(e)));
    if (o->output == NULL && output_write(buf_span(&text)) != ERR_OK)
        return CLI_FAILED;
    if (o->output != NULL)
        e = output_file(o->output, buf_span(&text), &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    return report_needs_attention(tree) ? CLI_ATTENTION : CLI_OK;
}

enum cli_exit cmd_report(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct report_style style = {.format = o->json ? REPORT_JSON : REPORT_TABLE,
                                 .wide = o->wide,
                                 .width = o->output == NULL ? terminal_width() : 0};
    const struct report_kind *kind = report_kind_find(span_str(o->arguments[0]));
    enum cli_exit code;

    if (kind == NULL)
        return no_such_report();
    if (o->format != NULL && report_format_of(span_str(o->format), &style.format) != ERR_OK)
        return cli_usage("--format takes table, json, csv, csv-excel, html or xlsx");
    if (style.format == REPORT_XLSX && o->output == NULL && isatty(STDOUT_FILENO))
        return cli_usage("xlsx is nothing for a terminal: say -o FILE");
    json_set_str(request, "op", "report");
    json_set_str(request, "report", kind->name);
    if (!cli_put_text(request, "caller", o->caller) || !cli_put_text(request, "aware", o->aware))
        return cli_usage("an argument is no UTF-8");
    if (!cli_put_text(request, "from", o->from) || !cli_put_text(request, "to", o->to))
        return cli_usage("a day is written as 2026-01-31");
    code = cli_ask(o, request, &reply);
    return code == CLI_OK ? print_report(o, reply.result, &style) : code;
}
