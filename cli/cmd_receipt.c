/* SPDX-License-Identifier: Apache-2.0 */
/* lethe receipt, verify-receipt, verify-erasure, key public: proofs of erasures.
 * Runs on: the main thread. Holds: nothing. Invariant: the two verifying commands open no store of
 * this configuration and write nothing. Not here: what is proven (retention/proof.c, verdict.c). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/conf.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "cli/waiting.h"
#include "keys/keys.h"
#include "retention/proof.h"
#include "retention/receipt_text.h"
#include "retention/verdict.h"

enum { OUTPUT_MAX = 1 << 20, PEM_MAX = 4096 };

/* ---- what the store keeps ---- */

static enum cli_exit print_for_subject(const struct json *receipt)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init(&text, OUTPUT_MAX);
    e = receipt_text(receipt, &text);
    if (e == ERR_OK)
        e = output_write(buf_span(&text));
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit cmd_receipt(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct json *number = json_new_text(span_str(o->arguments[0]));
    enum cli_exit code;

    if (o->for_whom != NULL && strcmp(o->for_whom, "subject") != 0)
        return cli_usage("--for takes \"subject\"");
    if (number == NULL)
        return cli_usage("a receipt's number is 32 hexadecimal digits");
    json_set_str(request, "op", "receipt.show");
    json_set(request, "number", number);
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    if (o->for_whom != NULL)
        return print_for_subject(reply.result);
    return output_json(reply.result) == ERR_OK ? CLI_OK : CLI_FAILED;
}

static enum err print_entry(const struct json *entry)
{
    const char *number = json_str_of(json_get(entry, "number"));
    const char *begun = json_str_of(json_get(entry, "begun"));
    const char *state = json_str_of(json_get(entry, "state"));
    char line[160];
    int n = snprintf(line, sizeof(line), "%8" PRId64 "  %s  %s  %s\n",
                     json_int_of(json_get(entry, "ledger"), 0), number == NULL ? "?" : number,
                     begun == NULL ? "?" : begun, state == NULL ? "?" : state);

    return output_write(span_of(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1));
}

enum cli_exit cmd_receipt_list(const struct options *o)
{
    static const struct listing receipts = {"receipts", print_entry, NULL};

    return listing_of(o, "receipt.list", &receipts);
}

enum cli_exit cmd_key_public(const struct options *o)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum cli_exit code;

    json_set_str(request, "op", "key.public");
    code = cli_ask(o, request, &reply);
    if (code != CLI_OK)
        return code;
    return output_write(json_text_of(json_get(reply.result, "pem"))) == ERR_OK ? CLI_OK
                                                                               : CLI_FAILED;
}

/* ---- reading files ---- */

enum err cli_read_file(const char *path, struct buf *out, struct errmsg *msg)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    enum err e = fd < 0 ? ERR_IO : ERR_OK;
    ssize_t n = 1;

    while (e == ERR_OK && n > 0) {
        char bytes[4096];

        n = read(fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            e = ERR_IO;
        else
            e = buf_append(out, bytes, (size_t)n);
    }
    if (e != ERR_OK)
        (void)errmsg_set(msg, e, "%s: %s", path, e == ERR_IO ? strerror(errno) : err_text(e));
    if (fd >= 0 && !is_stdin)
        (void)close(fd);
    return e;
}

enum err cli_read_public_key(const char *path, uint8_t ret[VAULT_PUBLIC_BYTES], struct errmsg *msg)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init(&text, PEM_MAX);
    e = cli_read_file(path, &text, msg);
    if (e != ERR_OK)
        return e;
    return proof_pem_read(buf_span(&text), ret) == ERR_OK
               ? ERR_OK
               : errmsg_set(msg, ERR_INVALID,
                            "%s: is no Ed25519 public key as `lethe key public` prints it", path);
}

/* The receipt of the command's first argument, checked. */
static enum err read_receipt(const struct options *o, struct json **ret_tree,
                             struct receipt_facts *ret, struct errmsg *msg)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    uint8_t key[VAULT_PUBLIC_BYTES];
    struct errmsg why = {""};
    enum err e = ERR_OK;

    buf_init(&text, PROOF_DOCUMENT_MAX);
    if (o->key != NULL)
        e = cli_read_public_key(o->key, key, msg);
    if (e == ERR_OK)
        e = cli_read_file(o->arguments[0], &text, msg);
    if (e != ERR_OK)
        return e;
    e = proof_check(buf_span(&text), o->key == NULL ? NULL : key, ret_tree, ret, &why);
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s: %.400s", o->arguments[0], why.text);
}

/* ---- verify-receipt ---- */

static enum err print_line(const char *name, const char *text)
{
    char line[512];
    int n = snprintf(line, sizeof(line), "%-12s %s\n", name, text);

    return output_write(span_of(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1));
}

static enum err print_receipt(const struct options *o, const struct json *tree)
{
    const struct json *signature = json_get(tree, "signature"), *scope = json_get(tree, "scope");
    char text[400];
    enum err e;

    (void)snprintf(text, sizeof(text), "right: Ed25519, key %.16s, %s",
                   json_str_or(signature, "key_id", "-"),
                   o->key == NULL ? "the one that the receipt carries (give --key receipt.pub to "
                                    "know whose it is)"
                                  : o->key);
    e = print_line("signature", text);
    if (e == ERR_OK)
        e = print_line("receipt", json_str_or(tree, "number", "-"));
    (void)snprintf(text, sizeof(text), "%.40s, %" PRId64 " values, stored up to %.40s",
                   json_str_or(tree, "subject", "-"), json_int_of(json_get(scope, "values"), -1),
                   json_str_or(scope, "cutoff", "-"));
    if (e == ERR_OK)
        e = print_line("subject", text);
    (void)snprintf(text, sizeof(text), "%.40s; from any copy not later than %.40s",
                   json_str_or(tree, "effective_at", "-"),
                   json_str_or(tree, "unrecoverable_not_later_than", "-"));
    if (e == ERR_OK)
        e = print_line("unreadable", text);
    return e == ERR_OK ? print_line("state", json_str_or(tree, "state", "-")) : e;
}

static enum cli_exit print_state(const struct receipt_facts *facts)
{
    static const char unfinished[] =
        "The receipt is genuine, but it says that the erasure was not finished when it was "
        "written:\n"
        "the key was destroyed, rows may be left. Ask for the receipt of the completed erasure.\n";
    static const char failed[] =
        "The receipt is genuine, but it says that the erasure FAILED after the key was to be "
        "destroyed:\n"
        "nothing is proven. Ask for the receipt of the completed erasure.\n";
    static const char completed[] = "The erasure was completed and verified.\n";
    const bool is_done = facts->state == RECEIPT_COMPLETED && facts->passed;
    const char *text = is_done                              ? completed
                       : facts->state == RECEIPT_UNFINISHED ? unfinished
                                                            : failed;

    if (output_write(span_str(text)) != ERR_OK)
        return CLI_FAILED;
    return is_done ? CLI_OK : facts->state == RECEIPT_UNFINISHED ? CLI_ATTENTION : CLI_FAILED;
}

enum cli_exit cmd_verify_receipt(const struct options *o)
{
    AUTO(json_free) struct json *tree = NULL;
    struct receipt_facts facts;
    struct errmsg msg = {""};
    enum err e = read_receipt(o, &tree, &facts, &msg);

    if (e != ERR_OK)
        return cli_fail(e, &msg);
    if (print_receipt(o, tree) != ERR_OK)
        return CLI_FAILED;
    return print_state(&facts);
}

/* ---- verify-erasure ---- */

/* The root keys of a configuration, or of a provider that is named as one would name it there. */
static enum err load_roots(const struct options *o, struct root_keys *ret, struct errmsg *msg)
{
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    AUTO(conf_free) struct conf *conf = NULL;
    AUTO(keys_free) struct keys *keys = NULL;
    AUTO(mem_free) char *text = NULL;
    enum err e;

    if (o->root_key == NULL) {
        e = settings_load(o->config, SETTINGS_STORE, &settings, msg);
        if (e != ERR_OK)
            return e;
        keys_use_fd(settings.keys, o->passphrase_fd);
        return keys_load(settings.keys, ret, msg);
    }
    if (strpbrk(o->root_key, "'\n\r") != NULL)
        return errmsg_set(msg, ERR_INVALID, "--root-key takes a provider such as file:PATH");
    REQUIRE(asprintf(&text, "root_key: '%s'\n", o->root_key) > 0);
    e = conf_parse("--root-key", span_str(text), &conf, msg);
    if (e == ERR_OK)
        e = keys_read(conf_root(conf), &keys, msg);
    if (e != ERR_OK)
        return e;
    keys_use_fd(keys, o->passphrase_fd);
    return keys_load(keys, ret, msg);
}

static struct json *verdict_map(enum verdict verdict, const struct vault_copy_report *r)
{
    struct json *map = json_new_map();

    json_set_str(map, "verdict", verdict_name(verdict));
    json_set_bool(map, "slot_zero", r->slot_zero);
    json_set(map, "key_file",
             r->key == VAULT_COPY_KEY_NONE ? json_new_null()
                                           : json_new_text(span_str(r->key_file)));
    json_set_int(map, "key_epoch", (int64_t)r->key_epoch);
    json_set_int(map, "rows_left", (int64_t)r->rows_left);
    json_set_int(map, "identifiers_left", (int64_t)r->names_left);
    json_set_int(map, "rows_tried", (int64_t)r->rows_tried);
    json_set_int(map, "rows_opened", (int64_t)r->rows_opened);
    json_set_int(map, "keys_tried", (int64_t)r->keys_tried);
    json_set_int(map, "ledger_entries", (int64_t)r->ledger_entries);
    json_set_bool(map, "ledger_knows", r->ledger_knows);
    json_set_bool(map, "ledger_closed", r->ledger_closed);
    return map;
}

static enum cli_exit print_verdict(const struct options *o, const struct vault_copy_report *report,
                                   const struct receipt_facts *facts)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    const enum verdict verdict = verdict_of(report);
    enum err e;

    buf_init(&text, OUTPUT_MAX);
    if (o->json) {
        AUTO(json_free) struct json *map = verdict_map(verdict, report);

        e = output_json(map);
    } else {
        e = verdict_write(verdict, report, facts, &text);
        if (e == ERR_OK)
            e = output_write(buf_span(&text));
    }
    return e == ERR_OK ? (enum cli_exit)verdict_exit(verdict) : CLI_FAILED;
}

enum cli_exit cmd_verify_erasure(const struct options *o)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    AUTO(json_free) struct json *tree = NULL;
    const bool with_roots = o->config_given || o->root_key != NULL;
    struct vault_copy_report report;
    struct vault_copy_erasure about;
    struct receipt_facts facts;
    struct waiting waiting;
    struct errmsg msg = {""};
    enum err e;

    if (o->store == NULL)
        return cli_usage("lethe verify-erasure needs --store DIR: the copy to look at");
    if (o->config_given && o->root_key != NULL)
        return cli_usage("-c FILE or --root-key PROVIDER, not both");
    e = read_receipt(o, &tree, &facts, &msg);
    if (e == ERR_OK && with_roots)
        e = load_roots(o, &roots, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    about = verdict_question(&facts);
    waiting_begin(&waiting, EFFORT_EXAMINE, "keys tried", o->progress, NULL);
    e = vault_copy_examine(o->store, &about, with_roots ? &roots : NULL, &report, &msg);
    waiting_end(&waiting);
    return e == ERR_OK ? print_verdict(o, &report, &facts) : cli_fail(e, &msg);
}
