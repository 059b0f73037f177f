/* SPDX-License-Identifier: Apache-2.0 */
/* lethe overview: what a data officer wants to know first.
 * Runs on: the main thread. Holds: nothing. Invariant: the lines say what the operation gave, and "!" stands where it
 * says that somebody must act. Not here: the figures (retention/overview*.c). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"

enum { TEXT_MAX = 256 << 10 };

/* ---- cells ---- */

static int64_t count(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), 0);
}

/* The day of an instant, or of a day. */
static const char *day(const struct json *map, const char *name, char out[12])
{
    (void)snprintf(out, 12, "%.10s", json_str_or(map, name, "-"));
    return out;
}

static void line(struct buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A control character in a label does nothing to a terminal: it becomes "?". What does not fit is cut. */
static void line(struct buf *out, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    (void)!buf_append_str(out, text);
    (void)!buf_append_byte(out, '\n');
}

static char mark(const struct json *part)
{
    return json_count(json_get(part, "attention")) > 0 ? '!' : ' ';
}

/* ---- the questions ---- */

static void write_overdue(const struct json *part, struct buf *out)
{
    const struct json *list = json_get(part, "classes");
    char since[12];

    line(out, "%c Overdue: %" PRId64 " values", mark(part), count(part, "values"));
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *c = json_at(list, i);

        line(out, "    %s: %" PRId64 " values, since %s (%" PRId64 " days): %s",
             json_str_or(c, "class", "-"), count(c, "values"), day(c, "since", since),
             count(c, "days"), json_str_or(c, "reason", "-"));
    }
}

static void write_held(const struct json *part, struct buf *out)
{
    const struct json *waiting = json_get(part, "not_started"), *holds = json_get(part, "holds"),
                      *exceptions = json_get(part, "exceptions"),
                      *list = json_get(waiting, "classes");
    char at[12];

    line(out,
         "%c Held: %" PRId64 " values wait for their event, %" PRId64 " legal holds (%" PRId64
         " past review), %" PRId64 " exceptions (%" PRId64 " past their end)",
         mark(part), count(waiting, "values"), count(holds, "in_force"),
         count(holds, "review_overdue"), count(exceptions, "in_force"),
         count(exceptions, "overdue"));
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *c = json_at(list, i);

        line(out, "    %s: %" PRId64 " values wait for %s, the oldest since %s; backstop %s",
             json_str_or(c, "class", "-"), count(c, "values"), json_str_or(c, "start", "-"),
             day(c, "oldest", at), json_str_or(c, "backstop", "-"));
    }
}

static void write_requests(const struct json *part, struct buf *out)
{
    const struct json *rows = json_get(part, "rows");
    char due[12];

    line(out, "%c Requests: %" PRId64 " open, %" PRId64 " past due, %" PRId64 " due by %s",
         mark(part), count(part, "open"), count(part, "past_due"), count(part, "this_week"),
         day(part, "until", due));
    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *r = json_at(rows, i);

        line(out, "    no. %" PRId64 ": due %s (%" PRId64 " days), %s, %s", count(r, "number"),
             day(r, "due", due), count(r, "days_left"), json_str_or(r, "state", "-"),
             json_str_or(r, "standing", "-"));
    }
    if (json_bool_of(json_get(part, "more"), false))
        line(out, "    and more: lethe report requests");
}

static void write_destroyed(const struct json *part, struct buf *out)
{
    const struct json *receipts = json_get(part, "receipts"), *audit = json_get(part, "audit"),
                      *runs = json_get(part, "runs"), *balance = json_get(part, "balance");
    const bool balanced = json_bool_of(json_get(balance, "balanced"), false);

    line(out,
         "%c Destroyed: %" PRId64 " values by timer, %" PRId64 " by request; %" PRId64
         " sweeps, %" PRId64 " failed",
         mark(part), count(part, "timer"), count(part, "erasure"), count(runs, "count"),
         count(runs, "failed"));
    line(out, "    %" PRId64 " receipts, verified; %" PRId64 " erasures open; the books %s",
         count(receipts, "verified"), count(receipts, "open"),
         balanced ? "balance" : "do not balance");
    line(out, "    audit trail: %" PRId64 " records, head of %s, checked %s: %s",
         count(audit, "records"), json_str_or(audit, "head", "-"),
         json_str_or(audit, "verified", "-"), json_str_or(audit, "verdict", "-"));
}

static void write_access(const struct json *part, struct buf *out)
{
    const struct json *callers = json_get(part, "callers");

    line(out,
         "%c Access: %" PRId64 " values and %" PRId64 " masks shown in %" PRId64
         " requests, %" PRId64 " refused, %" PRId64 " incidents open",
         mark(part), count(part, "values"), count(part, "masks"), count(part, "requests"),
         count(part, "refused"), count(part, "incidents"));
    for (size_t i = 0; i < json_count(callers); i++) {
        const struct json *c = json_at(callers, i);
        const bool known = json_kind(json_get(c, "growth")) == JSON_INT;
        char growth[32] = "";

        if (known)
            (void)snprintf(growth, sizeof(growth), " (%+" PRId64 " %%)", count(c, "growth"));
        line(out, "    %s for %s: %" PRId64 " values, %" PRId64 " masks, %" PRId64 " refused%s",
             json_str_or(c, "caller", "-"), json_str_or(c, "purpose", "-"), count(c, "values"),
             count(c, "masks"), count(c, "refused"), growth);
    }
}

static void write_clocks(const struct json *tree, struct buf *out)
{
    const struct json *clocks = json_get(tree, "clocks");
    char at[12];

    line(out, "  Clocks; the host's is %s", json_str_or(tree, "clock", "-"));
    for (size_t i = 0; i < json_count(clocks); i++) {
        const struct json *c = json_at(clocks, i);
        const char *state = json_str_or(c, "state", "-");

        line(out, "%c   %s %s: %s (%" PRId64 " days)", strcmp(state, "past") == 0 ? '!' : ' ',
             json_str_or(c, "clock", "-"), json_str_or(c, "of", "-"), day(c, "at", at),
             count(c, "days_left"));
    }
}

static enum err print(const struct json *tree)
{
    AUTO(buf_done) struct buf out = {.max = 0};
    const struct json *period = json_get(tree, "period");
    char from[12], to[12];

    buf_init(&out, TEXT_MAX);
    line(&out, "As of %s, over %s up to before %s (UTC)", json_str_or(tree, "as_of", "-"),
         day(period, "from", from), day(period, "to", to));
    write_overdue(json_get(tree, "overdue"), &out);
    write_held(json_get(tree, "held"), &out);
    write_requests(json_get(tree, "requests"), &out);
    write_destroyed(json_get(tree, "destroyed"), &out);
    write_access(json_get(tree, "access"), &out);
    write_clocks(tree, &out);
    return output_write(buf_span(&out));
}

enum cli_exit cmd_overview(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    json_set_str(request, "op", "overview");
    if (!cli_put_text(request, "from", o->from) || !cli_put_text(request, "to", o->to))
        return cli_usage("a day is written as 2026-01-31");
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    if ((o->json ? output_json(reply.result) : print(reply.result)) != ERR_OK)
        return CLI_FAILED;
    return json_bool_of(json_get(reply.result, "attention"), true) ? CLI_ATTENTION : CLI_OK;
}
