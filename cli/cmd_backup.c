/* SPDX-License-Identifier: Apache-2.0 */
/* lethe backup, lethe restore.
 * Runs on: the main thread; blocks. Holds: nothing. Not here: what is copied, checked and put in
 * place (vault/). */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "cli/waiting.h"
#include "vault/restore.h"

static enum err print(const char *text)
{
    return output_write(span_str(text));
}

/* ---- backup ---- */

static enum err print_file(const struct json *backup, const char *part, const char *advice)
{
    const struct json *file = json_get(backup, part);
    const char *name = json_str_of(json_get(file, "file"));
    char *line = NULL;
    enum err e;

    REQUIRE(asprintf(&line, "%-5s %s  %" PRId64 " bytes\n      %s\n", part,
                     name == NULL ? "?" : name, json_int_of(json_get(file, "bytes"), 0),
                     advice) > 0);
    e = print(line);
    free(line);
    return e;
}

static enum err print_backup(const struct json *backup)
{
    char line[256];
    enum err e =
        print_file(backup, "data", "ciphertext: keep it as long as you like, and its .json");

    if (e == ERR_OK)
        e = print_file(backup, "keys",
                       "the latest only: do not keep copies of older ones, they outlive erasures");
    (void)snprintf(line, sizeof(line),
                   "not in it: ledger.log (%" PRId64
                   " entries; a restore needs the live one: keep a "
                   "mirror)\n"
                   "      and the root key (epoch %" PRId64 "; keep it elsewhere)\n",
                   json_int_of(json_get(backup, "ledger_entries"), 0),
                   json_int_of(json_get(backup, "epoch"), 0));
    if (e == ERR_OK)
        e = print(line);
    if (e == ERR_OK && json_bool_of(json_get(backup, "same_file_system"), false))
        e = print(
            "warning: data and keys are on the same file system: whoever copies it has both\n");
    return e;
}

enum cli_exit cmd_backup(const struct options *o)
{
    AUTO(session_close) struct session *session = NULL;
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    AUTO(mem_free) char *data = NULL;
    AUTO(mem_free) char *keys = NULL;
    struct json *data_text, *keys_text;
    struct waiting waiting;
    struct errmsg msg = {""};
    enum cli_exit code;
    enum err e;

    if (o->data == NULL || o->keys == NULL)
        return cli_usage("backup needs --data DIR and --keys DIR");
    data = cli_absolute(o->data);
    keys = cli_absolute(o->keys);
    data_text = json_new_text(span_str(data));
    keys_text = json_new_text(span_str(keys));
    if (data_text == NULL || keys_text == NULL) {
        json_free(&data_text);
        json_free(&keys_text);
        return cli_usage("arguments must be UTF-8");
    }
    json_set_str(request, "op", "backup");
    json_set(request, "data", data_text);
    json_set(request, "keys", keys_text);
    e = session_open(o, &session, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    waiting_begin(&waiting, EFFORT_BACKUP, "pages copied", o->progress, session);
    code = cli_call(o, session, request, &reply);
    waiting_end(&waiting);
    if (code != CLI_OK)
        return code;
    e = o->json ? output_json(reply.result) : print_backup(reply.result);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

/* ---- restore ---- */

static enum err print_restored(const struct vault_restored *r, bool json)
{
    AUTO(json_free) struct json *map = json_new_map();
    char text[512], lost[768];

    json_set_str(map, "data_of", r->data_time);
    json_set_str(map, "keys_of", r->keys_time);
    json_set_int(map, "ledger_entries_then", (int64_t)r->data_entries);
    json_set_int(map, "ledger_entries_now", (int64_t)r->ledger_entries);
    json_set_int(map, "erasures_carried_out_again", (int64_t)r->erasures);
    if (json)
        return output_json(map);
    (void)snprintf(text, sizeof(text),
                   "restored: data of %s, keys of %s\n"
                   "%" PRIu64
                   " erasures since the backup were carried out again; their rows are swept "
                   "at the next start\n",
                   r->data_time, r->keys_time, r->erasures);
    (void)snprintf(
        lost, sizeof(lost),
        "Not in it: what came after %s. Send the events of persons since then again; enter "
        "again what was\n"
        "corrected, and requests, notices and proposals (docs/OPERATIONS.md). One-time links "
        "from before\n"
        "are dead: make new ones.\n",
        r->data_time);
    return print(text) == ERR_OK ? print(lost) : ERR_IO;
}

static enum err restore(const struct options *o, struct settings *s, struct vault_restored *ret,
                        struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    const struct vault_restore_options options = {
        .store = {.dir = s->store_dir,
                  .roots = &roots,
                  .classes = &s->classes,
                  .domains = &s->domains,
                  .configuration = conf_digest(s->conf),
                  .ledger_mirror = s->ledger_mirror},
        .data_file = o->data,
        .keys_file = o->keys,
        .ledger_file = o->ledger,
        .replace = o->replace,
    };
    enum err e;

    keys_use_fd(s->keys, o->passphrase_fd);
    e = keys_load(s->keys, &roots, msg);
    if (e == ERR_OK)
        e = vault_restore(&options, ret, msg);
    return e == ERR_OK ? privilege_give(&s->user, s->store_dir, msg) : e;
}

enum cli_exit cmd_restore(const struct options *o)
{
    struct vault_restored restored;
    struct settings settings;
    struct waiting waiting;
    struct errmsg msg = {""};
    enum err e;

    if (o->data == NULL || o->keys == NULL)
        return cli_usage("restore needs --data FILE and --keys FILE");
    e = settings_start(o->config, SETTINGS_STORE, &settings, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    waiting_begin(&waiting, EFFORT_RESTORE, "MiB copied", o->progress, NULL);
    e = restore(o, &settings, &restored, &msg);
    waiting_end(&waiting);
    settings_done(&settings);
    if (e == ERR_OK)
        return print_restored(&restored, o->json) == ERR_OK ? CLI_OK : CLI_FAILED;
    return cli_fail(e, &msg);
}
