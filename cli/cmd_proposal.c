/* SPDX-License-Identifier: Apache-2.0 */
/* lethe proposal: what waits for another person's approval.
 * Runs on: the main thread. Holds: nothing. Invariant: what is printed names nobody. Not here: who may decide
 * (admin/proposals.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/output.h"

/* The operation on the proposal whose number is the argument. */
static enum cli_exit fill(const struct options *o, const char *operation, struct json *request)
{
    if (!cli_put_number(request, "number", o->arguments[0]))
        return cli_usage("a proposal has a number, as `lethe proposal list` prints it");
    json_set_str(request, "op", operation);
    return CLI_OK;
}

static enum cli_exit ask_number(const struct options *o, const char *operation, struct reply *reply)
{
    AUTO(json_free) struct json *request = json_new_map();
    const enum cli_exit code = fill(o, operation, request);

    return code == CLI_OK ? cli_ask(o, request, reply) : code;
}

static enum err print_line(const struct json *p)
{
    const char *state = json_str_or(p, "state", "-");
    char line[512];
    const int len =
        snprintf(line, sizeof(line), "%5" PRId64 "  %-8s  %-20s  %.19s  by %s  %s%s\n",
                 json_int_of(json_get(p, "proposal"), 0), state, json_str_or(p, "operation", "-"),
                 json_str_or(p, "proposed", "-"), json_str_or(p, "proposed_by", "-"),
                 strcmp(state, "open") == 0       ? "until "
                 : strcmp(state, "approved") == 0 ? "runs "
                                                  : "decided by ",
                 strcmp(state, "open") == 0       ? json_str_or(p, "expires", "-")
                 : strcmp(state, "approved") == 0 ? json_str_or(p, "runs", "-")
                                                  : json_str_or(p, "decided_by", "-"));

    return output_write(span_of(line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1));
}

static bool is_open(const struct json *p)
{
    return strcmp(json_str_or(p, "state", "-"), "open") == 0;
}

enum cli_exit cmd_proposal_list(const struct options *o)
{
    static const struct listing proposals = {"proposals", print_line, is_open};

    return listing_of(o, "proposal.list", &proposals);
}

enum cli_exit cmd_proposal_show(const struct options *o)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const enum cli_exit code = ask_number(o, "proposal.show", &reply);

    if (code != CLI_OK)
        return code;
    return output_json(reply.result) == ERR_OK ? CLI_OK : CLI_FAILED;
}

/* The answer is what the operation gave, or, when it is carried out later, the proposal. */
enum cli_exit cmd_proposal_approve(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    if (o->confirm == NULL)
        return cli_usage(
            "--confirm is missing: `lethe proposal show` prints the digest that it takes");
    code = fill(o, "proposal.approve", request);
    if (code == CLI_OK)
        code = cli_set_text(request, "digest", o->confirm);
    if (code == CLI_OK)
        code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    return output_json(reply.result) == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_proposal_reject(const struct options *o)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};

    return ask_number(o, "proposal.reject", &reply);
}
