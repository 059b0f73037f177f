/* SPDX-License-Identifier: Apache-2.0 */
/* lethe evidence, lethe verify-evidence.
 * Runs on: the main thread; blocks. Holds: nothing. Not here: what a pack holds and how it is checked
 * (retention/evidence*.c). */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "retention/evidence.h"

/* ---- evidence ---- */

static enum err print_made(const struct json *made)
{
    const char *file = json_str_of(json_get(made, "file"));
    const char *sha256 = json_str_of(json_get(made, "sha256"));
    AUTO(mem_free) char *text = NULL;

    if (asprintf(&text,
                 "%s: %" PRId64 " files, manifest %s\n"
                 "Check it where the store is not: lethe verify-evidence --key receipt.pub FILE\n",
                 file == NULL ? "?" : file, json_int_of(json_get(made, "files"), 0),
                 sha256 == NULL ? "?" : sha256) < 0)
        return ERR_NO_SPACE;
    return output_write(span_str(text));
}

static enum cli_exit show_made(const struct options *o, const struct json *made)
{
    return (o->json ? output_json(made) : print_made(made)) == ERR_OK ? CLI_OK : CLI_FAILED;
}

/* The server writes the file. */
static enum cli_exit make_here(const struct options *o, struct json *request)
{
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    AUTO(mem_free) char *path = cli_absolute(o->output);
    enum cli_exit code;

    if (!cli_put_text(request, "file", path))
        return cli_usage("everything must be UTF-8");
    code = cli_ask(o, request, &reply);
    return code == CLI_OK ? show_made(o, reply.result) : code;
}

static enum err download(const struct options *o, const struct json *request, int file,
                         struct evidence_facts *ret_facts, struct errmsg *msg)
{
    AUTO(session_close) struct session *session = NULL;
    enum err e = session_open(o, &session, msg);

    if (e == ERR_OK)
        e = session_download(session, request, file, msg);
    return e == ERR_OK ? evidence_verify(o->output, NULL, ret_facts, msg) : e;
}

/* It comes over the network, and stays only when it is whole. */
static enum cli_exit fetch_from(const struct options *o, const struct json *request)
{
    AUTO(json_free) struct json *made = json_new_map();
    struct evidence_facts facts;
    struct errmsg msg = {""};
    int file = -1;
    enum err e = output_begin(o->output, &file, &msg);

    if (e == ERR_OK) {
        e = download(o, request, file, &facts, &msg);
        e = output_end(o->output, &file, e, &msg);
    }
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    if (!cli_put_text(made, "file", o->output))
        json_set(made, "file", json_new_null());
    json_set_int(made, "files", (int64_t)facts.files);
    json_set_str(made, "sha256", facts.sha256);
    return show_made(o, made);
}

enum cli_exit cmd_evidence(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();

    if (o->output == NULL)
        return cli_usage("-o FILE is missing");
    json_set_str(request, "op", "evidence");
    if (!cli_put_text(request, "from", o->from) || !cli_put_text(request, "to", o->to))
        return cli_usage("everything must be UTF-8");
    return o->server == NULL ? make_here(o, request) : fetch_from(o, request);
}

/* ---- verify-evidence ---- */

static struct json *facts_map(const struct evidence_facts *f, bool key_given)
{
    struct json *map = json_new_map();

    json_set_str(map, "verdict", "whole");
    json_set_str(map, "created", f->created);
    json_set_str(map, "from", f->from);
    json_set_str(map, "to", f->to);
    json_set_str(map, "store", f->store);
    json_set_int(map, "files", (int64_t)f->files);
    json_set_str(map, "sha256", f->sha256);
    json_set_str(map, "key_id", f->key_id);
    json_set_bool(map, "key_given", key_given);
    return map;
}

static enum err print_facts(const struct evidence_facts *f, const char *key)
{
    char text[1024];

    (void)snprintf(text, sizeof(text),
                   "signature    right: Ed25519, key %s, %.300s\n"
                   "created      %s, of the store %s\n"
                   "period       %s to %s\n"
                   "files        %zu, each as it was written\n"
                   "manifest     %s\n"
                   "The pack is whole.\n",
                   f->key_id,
                   key == NULL ? "the one that the pack carries (give --key receipt.pub to know "
                                 "whose it is)"
                               : key,
                   f->created, f->store, f->from[0] == '\0' ? "the beginning" : f->from,
                   f->to[0] == '\0' ? "its creation" : f->to, f->files, f->sha256);
    return output_write(span_str(text));
}

enum cli_exit cmd_verify_evidence(const struct options *o)
{
    uint8_t key[VAULT_PUBLIC_BYTES];
    struct evidence_facts facts;
    struct errmsg msg = {""};
    enum err e = ERR_OK;

    if (o->key != NULL)
        e = cli_read_public_key(o->key, key, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    e = evidence_verify(o->arguments[0], o->key == NULL ? NULL : key, &facts, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    if (o->json) {
        AUTO(json_free) struct json *map = facts_map(&facts, o->key != NULL);

        e = output_json(map);
    } else {
        e = print_facts(&facts, o->key);
    }
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}
