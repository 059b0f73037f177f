/* SPDX-License-Identifier: Apache-2.0 */
/* lethe tokenize and lethe reveal: one value, or a line each from standard input (whole files of
 * rows: cmd_bulk.c).
 * Runs on: the main thread. Holds: one batch in wiped memory. Invariant: one line out for one line
 * in, in their order. Not here: what a token is. */
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/lines.h"
#include "cli/output.h"
#include "cli/session.h"

enum { OUTPUT_MAX = 64 << 20 };

struct job {
    const struct options *options;
    struct session *session;
    const char *operation; /* "tokenize" or "reveal" */
    const char *in;        /* its member for what goes in */
    const char *out;       /* and for what comes back */
    uint64_t line;         /* lines done */
    uint64_t dead;         /* tokens that stand for nothing */
    uint64_t bound;        /* of these: there is a value, but a hold or the like is in the way */
};

static enum err set_texts(struct job *job, struct json *request, const struct span *batch,
                          size_t count, struct errmsg *msg)
{
    struct json *list = json_new_list();

    json_set(request, job->in, list);
    for (size_t i = 0; i < count; i++) {
        struct json *text = json_new_text(batch[i]);

        if (text == NULL)
            return errmsg_set(msg, ERR_INVALID, "line %llu is not UTF-8",
                              (unsigned long long)job->line + i + 1);
        json_add(list, text);
    }
    return ERR_OK;
}

static enum err set_option(struct json *request, const char *name, const char *text,
                           struct errmsg *msg)
{
    struct json *value;

    if (text == NULL)
        return ERR_OK;
    value = json_new_text(span_str(text));
    if (value == NULL)
        return errmsg_set(msg, ERR_INVALID, "--%s is not UTF-8", name);
    json_set(request, name, value);
    return ERR_OK;
}

static enum err set_hold(struct json *request, const char *text, struct errmsg *msg)
{
    if (text == NULL || cli_put_number(request, "hold", text))
        return ERR_OK;
    return errmsg_set(msg, ERR_INVALID, "--hold takes the number of a hold");
}

/* One text or null as a line: plain, or as JSON. A dead token is an empty line, so that the lines
 * of a stream stay in step; asked for alone it is nothing at all. */
static enum err append_line(struct job *job, const struct json *text, struct buf *out)
{
    enum err e;

    if (json_kind(text) == JSON_NIL) {
        job->dead++;
        if (job->options->argument_count == 1 && !job->options->json)
            return ERR_OK;
    }
    e = job->options->json ? json_write(text, out) : buf_append_span(out, json_text_of(text));
    return e == ERR_OK ? buf_append_byte(out, '\n') : e;
}

static enum err print_answers(struct job *job, const struct json *answers)
{
    AUTO(buf_done) struct buf out = {.max = 0};
    enum err e = ERR_OK;

    buf_init_secret(&out, OUTPUT_MAX);
    for (size_t i = 0; i < json_count(answers) && e == ERR_OK; i++)
        e = append_line(job, json_at(answers, i), &out);
    return e == ERR_OK ? output_write(buf_span(&out)) : e;
}

/* One request; *ret_done says how many of the batch were answered. */
static enum err run_once(struct job *job, const struct span *batch, size_t count, size_t *ret_done,
                         struct errmsg *msg)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const struct json *answers;
    enum err e;

    json_set_str(request, "op", job->operation);
    e = set_texts(job, request, batch, count, msg);
    if (e == ERR_OK)
        e = set_option(request, "class", job->options->class_name, msg);
    if (e == ERR_OK)
        e = set_option(request, "subject", job->options->subject, msg);
    if (e == ERR_OK)
        e = set_option(request, "domain", job->options->domain, msg);
    if (e == ERR_OK)
        e = set_option(request, "purpose", job->options->purpose, msg);
    if (e == ERR_OK)
        e = set_hold(request, job->options->hold, msg);
    if (e == ERR_OK)
        e = session_call(job->session, request, &reply, msg);
    if (e != ERR_OK)
        return e;
    answers = json_get(reply.result, job->out);
    if (json_count(answers) == 0 || json_count(answers) > count)
        return errmsg_set(msg, ERR_INTERNAL, "the answer does not fit the question");
    e = print_answers(job, answers);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "standard output cannot be written");
    job->bound += (uint64_t)(json_int_of(json_get(reply.result, "held"), 0) +
                             json_int_of(json_get(reply.result, "restricted"), 0) +
                             json_int_of(json_get(reply.result, "objected"), 0));
    *ret_done = json_count(answers);
    job->line += *ret_done;
    return ERR_OK;
}

static enum err run_batch(struct job *job, const struct span *batch, size_t count,
                          struct errmsg *msg)
{
    enum err e = ERR_OK;

    while (count > 0 && e == ERR_OK) {
        size_t done = 0;

        e = run_once(job, batch, count, &done, msg);
        batch += done;
        count -= done;
    }
    return e;
}

static enum err run_lines(struct job *job, struct errmsg *msg)
{
    AUTO(lines_done) struct lines lines = {.fd = -1};
    struct span batch[LINES_BATCH_MAX];
    size_t count = 0;
    enum err e;

    lines_init(&lines, STDIN_FILENO);
    for (;;) {
        e = lines_next(&lines, batch, &count);
        if (e == ERR_TOO_LARGE)
            return errmsg_set(msg, e, "line %llu is longer than %d bytes",
                              (unsigned long long)job->line + 1, LIMIT_VALUE_MAX);
        if (e != ERR_OK)
            return errmsg_set(msg, e, "standard input cannot be read");
        if (count == 0)
            return ERR_OK;
        e = run_batch(job, batch, count, msg);
        if (e != ERR_OK)
            return e;
    }
}

/* How far a stream came, so that the rest can be given again. */
static enum cli_exit fail_job(const struct job *job, enum err e, const struct errmsg *msg)
{
    struct errmsg whole;

    if (job->line == 0)
        return cli_fail(e, msg);
    return cli_fail(e, cli_message(&whole, "stopped after %llu lines: %.400s",
                                   (unsigned long long)job->line, msg->text));
}

static enum cli_exit run_job(struct job *job)
{
    AUTO(session_close) struct session *session = NULL;
    const struct options *o = job->options;
    struct errmsg msg;
    enum err e;

    e = session_open(o, &session, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    job->session = session;
    if (o->argument_count == 0) {
        e = run_lines(job, &msg);
    } else {
        struct span one = span_str(o->arguments[0]);

        e = run_batch(job, &one, 1, &msg);
    }
    if (e != ERR_OK)
        return fail_job(job, e, &msg);
    if (job->bound > 0)
        return cli_fail(ERR_HELD,
                        cli_message(&msg,
                                    "%llu values are there and not shown: under a legal hold (see "
                                    "--hold), or restricted",
                                    (unsigned long long)job->bound));
    return job->dead == 0 ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_tokenize(const struct options *o)
{
    struct job job = {.options = o, .operation = "tokenize", .in = "values", .out = "tokens"};

    if (o->csv || o->ndjson)
        return cmd_bulk_tokenize(o);
    if (o->class_name == NULL || o->subject == NULL)
        return cli_usage("tokenize needs --class and --subject");
    return run_job(&job);
}

enum cli_exit cmd_reveal(const struct options *o)
{
    struct job job = {.options = o, .operation = "reveal", .in = "tokens", .out = "values"};

    if (o->csv || o->ndjson)
        return cmd_bulk_reveal(o);
    return run_job(&job);
}
