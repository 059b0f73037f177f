/* SPDX-License-Identifier: Apache-2.0 */
/* lethe ledger: is it whole, and its mirror.
 * Runs on: the main thread; blocks. Holds: nothing. Not here: the ledger (vault/). */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "vault/ledger_verify.h"

static const char *const verdicts[] = {
    [VAULT_LEDGER_WHOLE] = "whole",         [VAULT_LEDGER_ALTERED] = "altered",
    [VAULT_LEDGER_SHORTENED] = "shortened", [VAULT_LEDGER_FOREIGN] = "foreign",
    [VAULT_LEDGER_MISSING] = "missing",
};

/* Run `fn` on the configured store. gives: the mirror is written, and the server's then. */
static enum err with_store(const struct options *o,
                           enum err (*fn)(const struct vault_options *store, void *context,
                                          struct errmsg *msg),
                           void *context, bool gives, struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    AUTO(settings_done) struct settings s = {.conf = NULL};
    struct vault_options store;
    enum err e = settings_start(o->config, SETTINGS_STORE, &s, msg);

    if (e != ERR_OK)
        return e;
    keys_use_fd(s.keys, o->passphrase_fd);
    e = keys_load(s.keys, &roots, msg);
    if (e != ERR_OK)
        return e;
    store = (struct vault_options){.dir = s.store_dir,
                                   .roots = &roots,
                                   .classes = &s.classes,
                                   .domains = &s.domains,
                                   .ledger_mirror = s.ledger_mirror};
    e = fn(&store, context, msg);
    return e == ERR_OK && gives ? privilege_give(&s.user, s.ledger_mirror, msg) : e;
}

struct verification {
    const char *file;
    struct vault_ledger_report report;
};

static enum err verify(const struct vault_options *store, void *context, struct errmsg *msg)
{
    struct verification *v = context;

    return vault_ledger_verify(store, v->file, &v->report, msg);
}

static void write_head(const uint8_t head[32], char out[65])
{
    for (size_t i = 0; i < 64; i++)
        out[i] = "0123456789abcdef"[(head[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15];
    out[64] = '\0';
}

static enum err print_report(const struct vault_ledger_report *r, bool as_json)
{
    AUTO(json_free) struct json *map = json_new_map();
    const bool read = r->verdict == VAULT_LEDGER_WHOLE || r->verdict == VAULT_LEDGER_SHORTENED;
    char head[65], text[1024];

    write_head(r->head, head);
    json_set_str(map, "verdict", verdicts[r->verdict]);
    if (read) {
        json_set_int(map, "entries", (int64_t)r->entries);
        json_set_str(map, "head", head);
        json_set_int(map, "erasures", (int64_t)r->erasures);
        json_set_int(map, "open_erasures", (int64_t)r->open_erasures);
    }
    if (as_json)
        return output_json(map);
    (void)snprintf(text, sizeof(text), "%s\n", verdicts[r->verdict]);
    if (read)
        (void)snprintf(text, sizeof(text),
                       "%s\nentries        %" PRIu64 "\nhead           %s\nerasures       %" PRIu64
                       "\nopen erasures  %" PRIu64 "\n",
                       verdicts[r->verdict], r->entries, head, r->erasures, r->open_erasures);
    return output_write(span_str(text));
}

enum cli_exit cmd_ledger_verify(const struct options *o)
{
    struct verification v = {.file = o->argument_count == 0 ? NULL : o->arguments[0]};
    struct errmsg msg = {""};
    enum err e = with_store(o, verify, &v, false, &msg);

    if (e != ERR_OK)
        return cli_fail(e, &msg);
    e = print_report(&v.report, o->json);
    if (e != ERR_OK)
        return CLI_FAILED;
    return v.report.verdict == VAULT_LEDGER_WHOLE ? CLI_OK : cli_fail(ERR_CORRUPT, &v.report.why);
}

static enum err mirror(const struct vault_options *store, void *context, struct errmsg *msg)
{
    (void)context;
    if (store->ledger_mirror == NULL)
        return errmsg_set(msg, ERR_CONFIG, "the configuration names no \"ledger_mirror\"");
    return vault_ledger_mirror(store, msg);
}

enum cli_exit cmd_ledger_mirror(const struct options *o)
{
    struct errmsg msg = {""};
    enum err e = with_store(o, mirror, NULL, true, &msg);

    return e == ERR_OK ? CLI_OK : cli_fail(e, &msg);
}
