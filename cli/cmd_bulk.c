/* SPDX-License-Identifier: Apache-2.0 */
/* lethe tokenize and lethe reveal of whole files: --csv and --ndjson.
 * Runs on: the main thread; blocks. Holds: nothing. Invariant: options are read before anything is opened; what is
 * printed are counts, lines and names of fields. Not here: the job (bulk_job.c). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bulk.h"
#include "cli/cli.h"
#include "cli/output.h"

/* ---- options ---- */

static void job_done(struct bulk_job *job)
{
    bulk_spec_done(&job->spec);
    session_close(&job->ask.session);
}

/* Which of the words an option is; NULL is the first. */
static bool is_word(const char *text, const char *const *words, size_t count, size_t *ret)
{
    for (*ret = 0; *ret < count; ++*ret)
        if (text == NULL || strcmp(text, words[*ret]) == 0)
            return true;
    return false;
}

static enum err read_words(const struct options *o, struct bulk_job *job, struct errmsg *msg)
{
    static const char *const delimiters[] = {"comma", "semicolon", "tab", "pipe"};
    static const char *const policies[] = {"stop", "skip", "keep"};
    static const char *const erased[] = {"empty", "keep", "marker"};
    size_t delimiter = 0, policy = 0, erase = 0;

    if (!is_word(o->delimiter, delimiters, COUNT_OF(delimiters), &delimiter) ||
        (o->ndjson && o->delimiter != NULL))
        return errmsg_set(msg, ERR_INVALID,
                          "--delimiter takes comma, semicolon, tab or pipe, and goes with --csv");
    if (!is_word(o->on_error, policies, COUNT_OF(policies), &policy))
        return errmsg_set(msg, ERR_INVALID, "--on-error takes stop, skip or keep");
    if (!is_word(o->erased, erased, COUNT_OF(erased), &erase))
        return errmsg_set(msg, ERR_INVALID, "--erased takes empty, keep or marker");
    job->spec.delimiter = ",;\t|"[delimiter];
    job->ask.policy = (enum bulk_policy)policy;
    job->ask.erased = (enum bulk_erased)erase;
    return ERR_OK;
}

/* "2000" or "2000/s". */
static enum err read_rate(const char *text, uint64_t *ret, struct errmsg *msg)
{
    char *end = NULL;
    long long n;

    if (text == NULL)
        return ERR_OK;
    errno = 0;
    n = strtoll(text, &end, 10);
    if (errno != 0 || end == text || (*end != '\0' && strcmp(end, "/s") != 0) || n <= 0 ||
        n > 1000000000)
        return errmsg_set(msg, ERR_INVALID, "--rate takes a number of rows a second");
    *ret = (uint64_t)n;
    return ERR_OK;
}

static const char *path_of(const char *text)
{
    return text == NULL || strcmp(text, "-") == 0 ? NULL : text;
}

static enum err check_options(const struct options *o, const struct bulk_job *job,
                              struct errmsg *msg)
{
    if (o->csv && o->ndjson)
        return errmsg_set(msg, ERR_INVALID, "--csv or --ndjson, not both");
    if (o->argument_count > 0 || o->class_name != NULL || o->hold != NULL)
        return errmsg_set(msg, ERR_INVALID,
                          "--csv and --ndjson take files: no value, --class or --hold");
    if (job->spec.field_count == 0 && !job->spec.all_tokens)
        return errmsg_set(msg, ERR_INVALID,
                          job->reveal ? "--fields or --all-tokens is needed"
                                      : "--fields is needed");
    if (job->reveal && job->ask.purpose == NULL)
        return errmsg_set(msg, ERR_INVALID, "--purpose is needed: what for?");
    if (!job->reveal && job->spec.subject == NULL)
        return errmsg_set(msg, ERR_INVALID, "--subject is needed: what says whose a row is");
    if (job->verify_only && (job->in_path == NULL || job->out_path == NULL))
        return errmsg_set(msg, ERR_INVALID, "--verify needs files: --in and --out");
    return job->verify_only && (job->resume || job->no_verify)
               ? errmsg_set(msg, ERR_INVALID, "--verify only looks: no --resume, no --no-verify")
               : ERR_OK;
}

static enum err read_options(const struct options *o, struct bulk_job *job, struct errmsg *msg)
{
    enum err e = read_words(o, job, msg);

    job->spec.ndjson = o->ndjson;
    job->spec.all_tokens = o->all_tokens;
    job->spec.subject = job->reveal ? NULL : o->subject;
    job->in_path = path_of(o->in);
    job->out_path = path_of(o->out);
    job->mark_path = o->progress_file;
    job->resume = o->resume;
    job->verify_only = o->verify;
    job->no_verify = o->no_verify;
    job->report_progress = o->progress;
    job->ask.domain = o->domain;
    job->ask.purpose = job->reveal ? o->purpose : NULL;
    for (size_t i = 0; e == ERR_OK && i < o->fields.count; i++)
        e = bulk_spec_fields(&job->spec, o->fields.at[i], msg);
    if (e == ERR_OK)
        e = read_rate(o->rate, &job->rate, msg);
    return e == ERR_OK ? check_options(o, job, msg) : e;
}

/* ---- what came of it ---- */

static void set_count(struct json *map, const char *name, uint64_t count)
{
    json_set_int(map, name, (int64_t)count);
}

static enum err print_json(const struct bulk_job *job, const struct bulk_counts *counts,
                           const struct bulk_verified *verified, bool looked)
{
    AUTO(json_free) struct json *map = json_new_map();
    struct json *second = json_new_map();

#define X(name) set_count(map, #name, counts->name);
    BULK_COUNTS(X)
#undef X
    set_count(second, "rows", verified->rows);
    set_count(second, "values", verified->values);
    set_count(second, "unequal", verified->unequal);
    set_count(second, "withheld", verified->withheld);
    json_set(map, "verified", looked ? second : json_new_null());
    if (!looked)
        json_free(&second);
    return job->out_path == NULL ? ERR_OK : output_json(map);
}

static void print_counts(const struct bulk_job *job, const struct bulk_counts *c)
{
    (void)fprintf(stderr, "%" PRIu64 " rows: %" PRIu64 " values %s\n", c->rows, c->values,
                  job->reveal ? "shown" : "given a token");
    if (c->tokens > 0)
        (void)fprintf(stderr, "%" PRIu64 " values were tokens already, and left as they are\n",
                      c->tokens);
    if (c->others > 0)
        (void)fprintf(stderr, "%" PRIu64 " texts are no tokens, and left as they are\n", c->others);
    if (c->erased > 0)
        (void)fprintf(stderr,
                      "%" PRIu64 " tokens stand for nothing: erased, or their time is over\n",
                      c->erased);
    if (c->withheld > 0)
        (void)fprintf(stderr,
                      "%" PRIu64 " tokens were left: their values are under a legal hold, "
                      "restricted, or objected to\n",
                      c->withheld);
    if (c->wrong > 0)
        (void)fprintf(stderr, "%" PRIu64 " rows could not be worked on, and were %s\n", c->wrong,
                      job->ask.policy == BULK_SKIP ? "left out" : "left as they are");
}

static void print_verified(const struct bulk_verified *v)
{
    (void)fprintf(stderr, "second pass: %" PRIu64 " rows, %" PRIu64 " values are right\n", v->rows,
                  v->values);
    if (v->withheld > 0)
        (void)fprintf(stderr, "second pass: %" PRIu64 " values cannot be compared now\n",
                      v->withheld);
    for (size_t i = 0; i < v->unequal && i < COUNT_OF(v->lines); i++)
        (void)fprintf(stderr, "second pass: line %" PRIu64 " is not what it should be\n",
                      v->lines[i]);
}

static void warn_of_values(const struct bulk_job *job)
{
    if (job->reveal && !job->verify_only)
        (void)fprintf(stderr,
                      "lethe: warning: %s will hold personal data in the clear, out of reach of "
                      "deletion rules and erasures\n",
                      job->out_path == NULL ? "standard output" : job->out_path);
}

static enum cli_exit report(const struct options *o, const struct bulk_job *job,
                            const struct bulk_counts *counts, const struct bulk_verified *verified)
{
    const bool looked = verified->rows > 0 || verified->unequal > 0;
    struct errmsg msg;

    if (o->json && print_json(job, counts, verified, looked) != ERR_OK)
        return CLI_FAILED;
    if (!o->json && !job->verify_only)
        print_counts(job, counts);
    if (!o->json && looked)
        print_verified(verified);
    if (verified->unequal > 0)
        return cli_fail(
            ERR_CONFLICT,
            cli_message(&msg, "%" PRIu64 " rows are not what they should be", verified->unequal));
    return counts->wrong + counts->erased + counts->withheld > 0 ? CLI_ATTENTION : CLI_OK;
}

/* How far it came, so that nobody has to count. */
static enum cli_exit fail(const struct bulk_job *job, const struct bulk_counts *counts, enum err e,
                          const struct errmsg *msg)
{
    struct errmsg whole;

    if (counts->rows == 0)
        return cli_fail(e, msg);
    return cli_fail(
        e, cli_message(&whole, "stopped after %" PRIu64 " rows: %.380s%s", counts->rows, msg->text,
                       job->in_path != NULL && job->out_path != NULL ? " (--resume goes on)" : ""));
}

static enum cli_exit run(const struct options *o, bool reveal)
{
    AUTO(job_done) struct bulk_job job = {.reveal = reveal};
    struct bulk_counts counts = {.rows = 0};
    struct bulk_verified verified = {.rows = 0};
    struct errmsg msg = {""};
    enum err e = read_options(o, &job, &msg);

    if (e != ERR_OK)
        return cli_usage(msg.text);
    e = session_open(o, &job.ask.session, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    warn_of_values(&job);
    e = bulk_job_run(&job, &counts, &verified, &msg);
    return e == ERR_OK ? report(o, &job, &counts, &verified) : fail(&job, &counts, e, &msg);
}

enum cli_exit cmd_bulk_tokenize(const struct options *o)
{
    return run(o, false);
}

enum cli_exit cmd_bulk_reveal(const struct options *o)
{
    return run(o, true);
}
