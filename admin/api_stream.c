/* SPDX-License-Identifier: Apache-2.0 */
/* NDJSON over the admin API: a line of the answer for each line of the request.
 * Runs on: the listener's pool; blocks. Holds: how many streams there are. Invariant: memory for one group of lines,
 * however many there are, and the next group is not begun before the client took the one before; what a line did is
 * durable and recorded before its line is sent. A client knows that all came by the end of the chunked coding. Not
 * here: what a line does (admin/ops_lines.c). */
#include <stdio.h>
#include <stdatomic.h>
#include <string.h>

#include "admin/api_priv.h"
#include "admin/ops_priv.h"

enum { GROUP_BYTES = 1 << 20, AT_ONCE_MAX = 2, RETRY_S = 5 };

static bool is_blank(struct span line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.at[i] != ' ' && line.at[i] != '\t' && line.at[i] != '\r')
            return false;
    return true;
}

/* Up to the next line feed. */
static struct span next_line(struct span *rest)
{
    const char *end = memchr(rest->at, '\n', rest->len);
    const struct span line = span_of(rest->at, end == NULL ? rest->len : (size_t)(end - rest->at));

    *rest = span_of(rest->at + line.len + (end != NULL), rest->len - line.len - (end != NULL));
    return line;
}

static size_t count_lines(struct span rest)
{
    size_t count = 0;

    while (rest.len > 0)
        count += !is_blank(next_line(&rest));
    return count;
}

/* What is no JSON becomes null, which is no line, either: it has its own outcome. */
static struct json *take_group(struct span *rest)
{
    struct json *lines = json_new_list();
    size_t bytes = 0;

    while (rest->len > 0 && json_count(lines) < OPS_LINES_MAX && bytes < GROUP_BYTES) {
        const struct span line = next_line(rest);
        struct json *tree = NULL;

        if (is_blank(line))
            continue;
        json_add(lines, json_parse(line, &tree) == ERR_OK ? tree : json_new_null());
        bytes += line.len;
    }
    return lines;
}

/* ---- a group ---- */

static enum err write_line(struct call *c, const struct json *outcome)
{
    enum err e = json_write(outcome, &c->answer->body);

    return e == ERR_OK ? buf_append_byte(&c->answer->body, '\n') : e;
}

/* The whole group came to nothing: each of its lines says so. */
static enum err write_failure(struct call *c, enum err why, const struct errmsg *msg, size_t count)
{
    AUTO(json_free) struct json *map = json_new_map();
    struct json *error = json_new_map();
    enum err e = ERR_OK;

    json_set_str(error, "code", err_name(why));
    json_set_str(error, "detail", msg->text[0] == '\0' ? err_text(why) : msg->text);
    json_set(map, "error", error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = write_line(c, map);
    return e;
}

static enum err ask(struct call *c, struct admin *admin, struct json *lines, struct json **ret,
                    struct errmsg *msg)
{
    AUTO(json_free) struct json *question = json_clone(c->members);
    char name[64];
    const struct span operation = api__operation(c->route);

    (void)snprintf(name, sizeof(name), "%.*s.lines", (int)operation.len, operation.at);
    json_set_str(question, "op", name);
    json_set(question, "lines", lines);
    return ops_run(admin, question, ret, msg);
}

static struct json *from_line(const struct json *lines, size_t first)
{
    struct json *list = json_new_list();

    for (size_t i = first; i < json_count(lines); i++)
        json_add(list, json_clone(json_at(lines, i)));
    return list;
}

/* Slow clients keep a stream for long: a token that is revoked meanwhile, or over, gets nothing more. */
static enum err look_again(const struct call *c)
{
    struct access_who who;

    return access_look(c->api->access, c->who.number, vault_now_s(c->api->admin->vault), &who);
}

/* Its outcomes, in as many pieces as they take. CANCELED: nobody wants more; UNAUTHORIZED: nobody may
 * have more. */
static enum err serve_group(struct call *c, struct admin *admin, const struct json *lines)
{
    const size_t total = json_count(lines);
    size_t done = 0;
    enum err e;

    while ((e = look_again(c)) == ERR_OK && done < total) {
        AUTO(json_free) struct json *response = NULL;
        struct errmsg msg = {""};
        const enum err asked = ask(c, admin, from_line(lines, done), &response, &msg);
        const struct json *outcomes = json_get(response, "lines");
        const size_t count = json_count(outcomes);

        if (asked != ERR_OK || count == 0) {
            e = write_failure(c, asked == ERR_OK ? ERR_INTERNAL : asked, &msg, total - done);
            done = total;
        }
        for (size_t i = 0; asked == ERR_OK && e == ERR_OK && i < count; i++)
            e = write_line(c, json_at(outcomes, i));
        done += count;
        if (e == ERR_OK)
            e = http_answer_send(c->answer);
        if (e != ERR_OK)
            break;
    }
    return e;
}

/* ---- the stream ---- */

static enum err check_bounds(struct call *c)
{
    const struct api_streams streams = api__streams(c->api);
    const size_t lines = count_lines(c->request->body);

    if (c->request->fields[HTTP_IDEMPOTENCY_KEY].at != NULL)
        return errmsg_set(&c->msg, ERR_INVALID, "a stream takes no Idempotency-Key");
    if (lines == 0)
        return errmsg_set(&c->msg, ERR_INVALID, "there is no line");
    if (c->request->body.len > (size_t)streams.bytes)
        return errmsg_set(&c->msg, ERR_TOO_LARGE, "a stream has at most %lld bytes",
                          (long long)streams.bytes);
    return lines > (size_t)streams.lines
               ? errmsg_set(&c->msg, ERR_TOO_LARGE, "a stream has at most %lld lines",
                            (long long)streams.lines)
               : ERR_OK;
}

static void serve_all(struct call *c, struct admin *admin)
{
    struct span rest = c->request->body;
    enum err e = ERR_OK;

    c->answer->status = 200;
    c->answer->content_type = "application/x-ndjson";
    while (e == ERR_OK && rest.len > 0) {
        AUTO(json_free) struct json *lines = take_group(&rest);

        e = serve_group(c, admin, lines);
    }
    if (e != ERR_OK)
        http_answer_break(c->answer);
}

enum err api__stream(struct call *c, struct admin *admin)
{
    atomic_uint *streams = &c->api->state->streams;
    enum err e = check_bounds(c);

    if (e != ERR_OK)
        return e;
    /* Slow clients must leave threads to the others. */
    if (atomic_fetch_add(streams, 1) >= AT_ONCE_MAX) {
        c->retry_s = RETRY_S;
        e = errmsg_set(&c->msg, ERR_BUSY, "there are %d streams already", AT_ONCE_MAX);
    } else {
        serve_all(c, admin);
    }
    atomic_fetch_sub(streams, 1);
    return e;
}
