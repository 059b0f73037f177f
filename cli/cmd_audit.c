/* SPDX-License-Identifier: Apache-2.0 */
/* lethe audit: what the trail holds, and whether it is whole.
 * Runs on: the main thread; blocks. Holds: nothing. Invariant: nothing of a record reaches a terminal but
 * printable text. Not here: the trail (vault/audit*.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "retention/proof.h"
#include "vault/audit_verify.h"

enum { FILE_MAX = 256 << 20, POLL_MS = 1000 };

/* ---- verify ---- */

/* The key that was named; of the store itself the running store's. */
static enum cli_exit find_key(const struct options *o, uint8_t key[VAULT_PUBLIC_BYTES],
                              bool *ret_has)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct errmsg msg = {""};
    enum cli_exit code = CLI_OK;

    *ret_has = true;
    if (o->key != NULL) {
        const enum err e = cli_read_public_key(o->key, key, &msg);

        return e == ERR_OK ? CLI_OK : cli_fail(e, &msg);
    }
    *ret_has = false;
    if (o->store != NULL)
        return CLI_OK; /* a copy: what signs it is not here */
    json_set_str(request, "op", "key.public");
    code = cli_ask(o, request, &reply);
    if (code == CLI_OK)
        *ret_has = proof_pem_read(json_text_of(json_get(reply.result, "pem")), key) == ERR_OK;
    return code;
}

struct findings {
    struct json *list;
};

static void take(enum audit_verdict verdict, const char *text, void *context)
{
    struct findings *f = context;
    struct json *map = json_new_map();

    json_set_str(map, "kind", verdict == AUDIT_WHOLE ? "notice" : audit_verdict_word(verdict));
    json_set_str(map, "text", text);
    json_add(f->list, map);
}

static struct json *report_map(const struct audit_report *r, bool has_key, struct json *findings)
{
    struct json *map = json_new_map();

    json_set_str(map, "verdict", audit_verdict_word(r->verdict));
    json_set_int(map, "segments", (int64_t)r->segments);
    json_set_int(map, "records", (int64_t)r->records);
    json_set_int(map, "first", (int64_t)r->first_seq);
    json_set_int(map, "last", (int64_t)r->last_seq);
    json_set_int(map, "heads", (int64_t)r->heads);
    json_set_int(map, "unsigned", (int64_t)r->unsigned_records);
    json_set_int(map, "known_elsewhere", (int64_t)r->known);
    json_set_bool(map, "signatures_checked", has_key);
    json_set(map, "findings", findings);
    return map;
}

static enum err print_report(const struct json *map, const struct audit_report *r, bool has_key)
{
    const struct json *findings = json_get(map, "findings");
    char text[1024];
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(findings); i++) {
        const struct json *f = json_at(findings, i);

        (void)snprintf(text, sizeof(text), "%s: %s\n", json_str_of(json_get(f, "kind")),
                       json_str_of(json_get(f, "text")));
        e = output_write(span_str(text));
    }
    (void)snprintf(text, sizeof(text),
                   "%s\nrecords         %" PRIu64 " (%" PRIu64 "-%" PRIu64 ", segments: %" PRIu64
                   ")\nsigned heads    %" PRIu64 "%s\nunsigned tail   %" PRIu64
                   "\nknown elsewhere %" PRIu64 "\n",
                   audit_verdict_word(r->verdict), r->records, r->first_seq, r->last_seq,
                   r->segments, r->heads,
                   has_key ? "" : " (not checked: name the public key with --key)",
                   r->unsigned_records, r->known);
    return e == ERR_OK ? output_write(span_str(text)) : e;
}

static enum cli_exit verify(const struct options *o, struct audit_check *check)
{
    AUTO(json_free) struct json *list = json_new_list();
    AUTO(json_free) struct json *map = NULL;
    AUTO(buf_done) struct buf heads = {.max = 0};
    struct findings findings = {.list = list};
    struct audit_report report;
    struct errmsg msg = {""};
    const bool has_key = check->public_key != NULL;
    enum err e = ERR_OK;

    buf_init(&heads, FILE_MAX);
    if (o->heads != NULL)
        e = cli_read_file(o->heads, &heads, &msg);
    check->heads = buf_span(&heads);
    if (e == ERR_OK) {
        e = audit_verify(check, take, &findings, &report);
        if (e != ERR_OK)
            (void)errmsg_set(&msg, e, "%s: cannot be read: %s", check->dir, err_text(e));
    }
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    map = report_map(&report, has_key, TAKE(list));
    e = o->json ? output_json(map) : print_report(map, &report, has_key);
    if (e != ERR_OK || report.verdict != AUDIT_WHOLE)
        return CLI_FAILED;
    return report.notices > 0 ? CLI_ATTENTION : CLI_OK;
}

enum cli_exit cmd_audit_verify(const struct options *o)
{
    AUTO(settings_done) struct settings s = {.conf = NULL};
    uint8_t key[VAULT_PUBLIC_BYTES];
    struct audit_check check = {.dir = o->store, .ledger = true};
    struct errmsg msg = {""};
    bool has_key = false;
    enum cli_exit code;
    enum err e;

    if (o->store == NULL) {
        e = settings_load(o->config, SETTINGS_STORE, &s, &msg);
        if (e != ERR_OK)
            return cli_fail(e, &msg);
        check.dir = s.store_dir;
    }
    code = find_key(o, key, &has_key);
    check.public_key = has_key ? key : NULL;
    return code == CLI_OK ? verify(o, &check) : code;
}

/* ---- list and tail ---- */

static const char *word_of(const struct json *record, const char *name)
{
    const char *word = json_str_of(json_get(record, name));

    return word == NULL ? "-" : word;
}

static void write_classes(const struct json *classes, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < json_count(classes) && used + 128 < size; i++) {
        const struct json *c = json_at(classes, i);

        used += (size_t)snprintf(
            out + used, size - used, " %s=%" PRId64 "/%" PRId64 "/%" PRId64,
            json_str_of(json_get(c, "class")), json_int_of(json_get(c, "values"), 0),
            json_int_of(json_get(c, "masks"), 0), json_int_of(json_get(c, "tokens"), 0));
    }
}

/* number time action outcome who purpose route-or-operation [error] [class=values/masks/tokens]... */
static enum err print_record(const struct json *r)
{
    char line[8192], classes[2048];
    const char *what = json_get(r, "operation") != NULL ? "operation" : "route";

    write_classes(json_get(r, "classes"), classes, sizeof(classes));
    (void)snprintf(line, sizeof(line), "%" PRId64 " %s %s %s %s %s %s %s%s\n",
                   json_int_of(json_get(r, "number"), 0), word_of(r, "time"), word_of(r, "action"),
                   word_of(r, "outcome"), word_of(r, "who"), word_of(r, "purpose"),
                   word_of(r, what), word_of(r, "error"), classes);
    return output_write(span_str(line));
}

static enum err print_records(const struct json *records, bool as_json)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(records); i++)
        e = as_json ? output_json_line(json_at(records, i)) : print_record(json_at(records, i));
    return e;
}

/* One page; *after moves on. */
static enum cli_exit page(const struct options *o, struct session *session, struct json *request,
                          int64_t *after, bool *more)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    if (*after > 0)
        json_set_int(request, "after", *after);
    code = cli_call(o, session, request, &reply);
    if (code != CLI_OK)
        return code;
    *after = json_int_of(json_get(reply.result, "last"), *after);
    *more = json_bool_of(json_get(reply.result, "more"), false);
    return print_records(json_get(reply.result, "records"), o->json) == ERR_OK ? CLI_OK
                                                                               : CLI_FAILED;
}

/* The pages that are there behind *after, in one session: who opens a store may be another user afterwards, who cannot
 * open it again. */
static enum cli_exit print_pages(const struct options *o, struct json *request, int64_t *after)
{
    AUTO(session_close) struct session *session = NULL;
    enum cli_exit code = CLI_OK;
    struct errmsg msg;
    bool more = true;
    const enum err e = session_open(o, &session, &msg);

    if (e != ERR_OK)
        return cli_fail(e, &msg);
    while (code == CLI_OK && more)
        code = page(o, session, request, after, &more);
    return code;
}

enum cli_exit cmd_audit_list(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    int64_t after = 0;

    json_set_str(request, "op", "audit.list");
    if (!cli_put_text(request, "subject", o->subject) ||
        !cli_put_text(request, "domain", o->domain) || !cli_put_text(request, "token", o->token) ||
        !cli_put_text(request, "from", o->from) || !cli_put_text(request, "to", o->to) ||
        !cli_put_text(request, "caller", o->caller) || !cli_put_text(request, "action", o->action))
        return cli_usage("an argument is no UTF-8");
    return print_pages(o, request, &after);
}

static void pause_ms(int64_t ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

/* A session a look: without a server it would keep one from starting. */
enum cli_exit cmd_audit_tail(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    int64_t after = 0;
    enum cli_exit code;

    json_set_str(request, "op", "audit.tail");
    code = print_pages(o, request, &after);
    while (code == CLI_OK && o->follow) {
        pause_ms(POLL_MS);
        code = print_pages(o, request, &after);
    }
    return code;
}
