/* SPDX-License-Identifier: Apache-2.0 */
/* lethe key: how old the root key is, and a new one.
 * Runs on: the main thread. Holds: nothing. Not here: the rotation (keys/rotation.c), what the
 * figures mean (admin/ops_keys.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session.h"

enum { POLL_NS = 100000000 };

static bool is_state(const struct json *status, const char *name)
{
    return strcmp(json_str_or(json_get(status, "rotation"), "state", ""), name) == 0;
}

static bool needs_attention(const struct json *status)
{
    return json_bool_of(json_get(status, "overdue"), false) ||
           json_get(status, "provider_error") != NULL ||
           json_bool_of(json_get(status, "sealed"), false) ||
           (!is_state(status, "none") && !is_state(status, "running")) ||
           (is_state(status, "none") && json_count(json_get(status, "versions")) > 1);
}

static enum err call(struct session *session, const char *operation, struct reply *reply,
                     struct errmsg *msg)
{
    AUTO(json_free) struct json *request = json_new_map();

    json_set_str(request, "op", operation);
    return session_call(session, request, reply, msg);
}

/* ---- status ---- */

static void append_line(struct buf *out, const char *name, const char *text)
{
    char head[24];

    (void)snprintf(head, sizeof(head), "%-10s ", name);
    /* too long a path ends the report early, not the command */
    if (text[0] != '\0' &&
        (buf_append_str(out, head) != ERR_OK || buf_append_str(out, text) != ERR_OK ||
         buf_append_byte(out, '\n') != ERR_OK))
        return;
}

static void append_versions(struct buf *out, const struct json *versions)
{
    char text[64] = "";

    for (size_t i = 0; i < json_count(versions); i++) {
        size_t at = strlen(text);

        (void)snprintf(text + at, sizeof(text) - at, "%s%" PRId64, i == 0 ? "" : " ",
                       json_int_of(json_at(versions, i), 0));
    }
    append_line(out, "versions", text);
}

static void append_status(struct buf *out, const struct json *status)
{
    const struct json *rotation = json_get(status, "rotation");
    char text[128];

    (void)snprintf(text, sizeof(text), "%" PRId64 ", since %s (%" PRId64 " days)",
                   json_int_of(json_get(status, "epoch"), 0), json_str_or(status, "since", ""),
                   json_int_of(json_get(status, "age_days"), 0));
    append_line(out, "epoch", text);
    (void)snprintf(
        text, sizeof(text), "%s (key_rotation %s)%s", json_str_or(status, "due", ""),
        json_str_or(status, "policy", ""),
        json_bool_of(json_get(status, "overdue"), false) ? ", overdue: run lethe key rotate" : "");
    append_line(out, "due", text);
    append_line(out, "provider", json_str_or(status, "provider", ""));
    append_line(out, "previous", json_str_or(status, "previous_provider", ""));
    append_line(out, "problem", json_str_or(status, "provider_error", ""));
    append_versions(out, json_get(status, "versions"));
    append_line(out, "sealed",
                json_bool_of(json_get(status, "sealed"), false) ? "yes: requests get 503" : "");
    (void)snprintf(
        text, sizeof(text), "%s, %" PRId64 " of %" PRId64 " keys wrapped under this epoch",
        json_str_or(rotation, "state", ""), json_int_of(json_get(rotation, "rewrapped"), 0),
        json_int_of(json_get(rotation, "slots"), 0));
    append_line(out, "rotation", text);
    append_line(out, "", json_str_or(rotation, "message", ""));
}

static enum cli_exit print_status(const struct json *status, bool json)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    if (json)
        return output_json(status) == ERR_OK ? CLI_OK : CLI_FAILED;
    buf_init(&text, 64 << 10);
    append_status(&text, status);
    e = output_write(buf_span(&text));
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_key_status(const struct options *o)
{
    AUTO(session_close) struct session *session = NULL;
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct errmsg msg;
    enum cli_exit code;
    enum err e = session_open(o, &session, &msg);

    if (e == ERR_OK)
        e = call(session, "key.status", &reply, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    code = print_status(reply.result, o->json);
    return code == CLI_OK && needs_attention(reply.result) ? CLI_ATTENTION : code;
}

/* ---- rotate ---- */

static void show_progress(struct progress *p, const struct json *status)
{
    const struct json *rotation = json_get(status, "rotation");

    if (json_get(rotation, "from") != NULL)
        progress_show(p, (uint64_t)json_int_of(json_get(rotation, "rewrapped"), 0),
                      (uint64_t)json_int_of(json_get(rotation, "slots"), 0));
}

/* Until the rotation has ended; the last status in `reply`. */
static enum err wait_for_end(struct session *session, struct progress *progress,
                             struct reply *reply, struct errmsg *msg)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};

    for (;;) {
        enum err e;

        reply_done(reply);
        e = call(session, "key.status", reply, msg);
        if (e != ERR_OK || !is_state(reply->result, "running"))
            return e;
        show_progress(progress, reply->result);
        (void)nanosleep(&pause, NULL);
    }
}

/* What a rotation that has ended means. */
static enum cli_exit report_end(const struct json *status, bool json)
{
    const struct json *rotation = json_get(status, "rotation");
    struct errmsg msg;
    char line[128];

    if (is_state(status, "waiting") || is_state(status, "failed")) {
        bool waiting = is_state(status, "waiting");
        bool config = strcmp(json_str_or(rotation, "error", ""), err_name(ERR_CONFIG)) == 0;

        if (json)
            (void)!output_json(status);
        (void)cli_fail(config ? ERR_CONFIG : ERR_IO,
                       cli_message(&msg, "%s", json_str_or(rotation, "message", "")));
        return waiting ? CLI_ATTENTION : config ? CLI_CONFIG : CLI_FAILED;
    }
    if (json)
        return output_json(status) == ERR_OK ? CLI_OK : CLI_FAILED;
    (void)snprintf(line, sizeof(line),
                   "the root key is on epoch %" PRId64 "; older versions are destroyed\n",
                   json_int_of(json_get(status, "epoch"), 0));
    return output_write(span_str(line)) == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_key_rotate(const struct options *o)
{
    AUTO(session_close) struct session *session = NULL;
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    AUTO(json_free) struct json *request = json_new_map();
    struct progress progress;
    enum cli_exit code;
    struct errmsg msg;
    enum err e = session_open(o, &session, &msg);

    if (e != ERR_OK)
        return cli_fail(e, &msg);
    json_set_str(request, "op", "key.rotate");
    code = cli_call(o, session, request, &reply);
    if (code != CLI_OK)
        return code;
    progress_start(&progress, "keys wrapped", o->progress);
    e = wait_for_end(session, &progress, &reply, &msg);
    progress_end(&progress);
    return e == ERR_OK ? report_end(reply.result, o->json) : cli_fail(e, &msg);
}
