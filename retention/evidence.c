/* SPDX-License-Identifier: Apache-2.0 */
/* Making a pack.
 * Runs on: a worker thread; blocks. Holds: one member at a time. Invariant: what the manifest says of a
 * member is what was written into the archive; the pack is in the store's records before it is in place. Not
 * here: the archive (pack.c), checking (evidence_verify.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "retention/audit_json.h"
#include "retention/evidence_priv.h"
#include "retention/pack.h"
#include "retention/proof.h"
#include "retention/report_write.h"
#include "vault/audit_read.h"
#include "vault/records.h"
#include "vault/rules.h"
#include "version.h"

static const int64_t DAY_MS = 86400000;

enum { TRAIL_PART_BYTES = 8 << 20 /* a file of the audit trail's records is about so long */ };

static const char readme[] =
    "Evidence of what a store of Lethe kept, destroyed and was told to do, over a period.\n"
    "\n"
    "reports/         each report as JSON, CSV and HTML (for reading and printing)\n"
    "receipts/        receipts of the erasures that were begun in the period, signed one by one\n"
    "policies.jsonl   every version of every deletion rule, with the time from which it was in "
    "force\n"
    "ledger.jsonl     the ledger's entries of the period; `record` is the entry as it stands in "
    "the file\n"
    "audit/           the audit trail's records of the period: who did what, when, with what "
    "outcome\n"
    "receipt.pub      the public key of the store\n"
    "manifest.json    the name, size and SHA-256 of every file above\n"
    "manifest.sig     Ed25519 over \"lethe-v1 evidence\", a zero byte, and manifest.json\n"
    "\n"
    "It holds counts, times, random ids, labels of the configuration and, in audit/, what callers "
    "and\n"
    "operators are called; no data of the people whose values the store keeps.\n"
    "\n"
    "Check it with    lethe verify-evidence --key receipt.pub FILE.tar\n"
    "with a receipt.pub that you did not take from here. By hand:\n"
    "\n"
    "  tar -xf FILE.tar && { printf 'lethe-v1 evidence\\0'; cat manifest.json; } >signed\n"
    "  openssl pkeyutl -verify -pubin -inkey receipt.pub -rawin -in signed -sigfile manifest.sig\n"
    "  jq -r '.files[] | .sha256 + \"  \" + .name' manifest.json | sha256sum -c\n";

struct making {
    const struct report_context *context;
    struct pack *pack;
    struct json *files; /* for the manifest */
    struct buf text;    /* of the member at hand */
    unsigned trail_parts;
    struct errmsg *msg;
};

static void making_done(struct making *m)
{
    pack_free(&m->pack);
    json_free(&m->files);
    buf_done(&m->text);
}

/* ---- members ---- */

/* What stands in m->text becomes a member, and is forgotten. */
static enum err add(struct making *m, const char *name)
{
    struct json *file = json_new_map();
    char sha256[DIGEST_HEX_BYTES];
    enum err e;

    digest_hex(buf_span(&m->text), sha256);
    json_set_str(file, "name", name);
    json_set_int(file, "bytes", (int64_t)m->text.len);
    json_set_str(file, "sha256", sha256);
    json_add(m->files, file);
    e = pack_add(m->pack, name, buf_span(&m->text));
    buf_reset(&m->text);
    return e;
}

static bool is_within(const struct making *m, int64_t at_ms)
{
    const int64_t day = at_ms / DAY_MS;

    return day >= m->context->from_day && day < m->context->to_day;
}

/* In place of a report that is too large whatever the period: the pack is not refused for it, and says so. */
static enum err add_lack(struct making *m, const struct report_kind *kind)
{
    char name[PACK_NAME_MAX + 1];
    enum err e =
        buf_append_str(&m->text, "The configuration in force declares more than this report "
                                 "can hold.\n");

    (void)snprintf(name, sizeof(name), "reports/%.60s.txt", kind->name);
    return e == ERR_OK ? add(m, name) : e;
}

static enum err add_report(struct making *m, const struct report_kind *kind)
{
    static const struct {
        enum report_format format;
        const char *ending;
    } forms[] = {{REPORT_JSON, "json"}, {REPORT_CSV, "csv"}, {REPORT_HTML, "html"}};
    AUTO(json_free) struct json *tree = NULL;
    enum err e = report_make(kind, m->context, &tree, m->msg);

    if (e == ERR_TOO_LARGE && kind->of_configuration)
        return add_lack(m, kind);
    for (size_t i = 0; i < COUNT_OF(forms) && e == ERR_OK; i++) {
        const struct report_style style = {.format = forms[i].format};
        char name[PACK_NAME_MAX + 1];

        (void)snprintf(name, sizeof(name), "reports/%.60s.%s", kind->name, forms[i].ending);
        e = report_write(tree, &style, &m->text);
        if (e == ERR_OK)
            e = add(m, name);
    }
    return e;
}

static enum err add_reports(struct making *m)
{
    const struct report_kind *kind;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && (kind = report_kind_at(i)) != NULL; i++)
        e = kind->of_caller ? ERR_OK : add_report(m, kind);
    return e;
}

static enum err add_receipts(struct making *m)
{
    struct vault_receipt_entry entry = {.ledger_seq = 0};
    enum err e;

    while ((e = vault_receipt_next(m->context->vault, entry.ledger_seq, &entry)) == ERR_OK) {
        char name[PACK_NAME_MAX + 1], number[2 * VAULT_ID_BYTES + 1];

        if (!entry.is_closed || !is_within(m, entry.begun_ms))
            continue;
        proof_hex(entry.erasure, VAULT_ID_BYTES, number);
        (void)snprintf(name, sizeof(name), "receipts/%s.json", number);
        e = vault_receipt_read(m->context->vault, entry.erasure, &m->text);
        if (e == ERR_OK)
            e = add(m, name);
        if (e != ERR_OK)
            return e;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static void set_instant_ms(struct json *map, const char *name, int64_t at_ms)
{
    report_set_instant(map, name, at_ms / 1000);
}

static enum err append_line(struct making *m, const struct json *map)
{
    enum err e = json_write(map, &m->text);

    return e == ERR_OK ? buf_append_byte(&m->text, '\n') : e;
}

static enum err on_policy(const struct vault_rule_version *version, void *context)
{
    AUTO(json_free) struct json *map = json_new_map();
    struct json *rule = NULL;
    char configuration[DIGEST_HEX_BYTES];

    if (json_parse(version->body, &rule) != ERR_OK)
        return ERR_CORRUPT;
    proof_hex(version->configuration, CONF_DIGEST_BYTES, configuration);
    json_set_str(map, "class", version->class_name);
    json_set_int(map, "version", version->version);
    report_set_instant(map, "since", version->since_s);
    json_set_str(map, "configuration", configuration);
    json_set(map, "rule", rule);
    return append_line(context, map);
}

static enum err add_policies(struct making *m)
{
    enum err e = vault_rules_each(m->context->vault, NULL, on_policy, m);

    return e == ERR_OK ? add(m, "policies.jsonl") : e;
}

static enum err on_ledger(const struct vault_ledger_entry *entry, void *context)
{
    AUTO(json_free) struct json *map = NULL;
    struct making *m = context;
    char record[2 * VAULT_LEDGER_RECORD_BYTES + 1];

    if (!is_within(m, entry->time_ms))
        return ERR_OK;
    map = json_new_map();
    proof_hex(entry->record, VAULT_LEDGER_RECORD_BYTES, record);
    json_set_int(map, "entry", (int64_t)entry->seq);
    set_instant_ms(map, "time", entry->time_ms);
    json_set_str(map, "kind", entry->kind);
    json_set_str(map, "record", record);
    return append_line(m, map);
}

static enum err add_ledger(struct making *m)
{
    enum err e = vault_ledger_each(m->context->vault, on_ledger, m);

    return e == ERR_OK ? add(m, "ledger.jsonl") : e;
}

static enum err add_trail_part(struct making *m)
{
    char name[PACK_NAME_MAX + 1];

    (void)snprintf(name, sizeof(name), "audit/%06u.jsonl", ++m->trail_parts);
    return add(m, name);
}

static enum err on_trail(const struct audit_record *found, void *context)
{
    struct audit_record r = *found;
    struct making *m = context;
    AUTO(json_free) struct json *map = NULL;
    enum err e;

    if (!is_within(m, r.time_ms))
        return ERR_OK;
    r.address = SPAN_NONE; /* where from is for who looks into an incident, not for everybody */
    map = audit_json(m->context->vault, &r);
    e = append_line(m, map);
    return e == ERR_OK && m->text.len >= TRAIL_PART_BYTES ? add_trail_part(m) : e;
}

/* At least one file, even if it is empty: that nothing was done is said, too. */
static enum err add_trail(struct making *m)
{
    static const struct audit_filter all;
    enum err e = audit_each(vault_dir(m->context->vault), &all, on_trail, m);

    return e == ERR_OK && (m->text.len > 0 || m->trail_parts == 0) ? add_trail_part(m) : e;
}

static enum err add_key(struct making *m)
{
    uint8_t key[VAULT_PUBLIC_BYTES];
    enum err e;

    vault_sign_public(m->context->vault, key);
    e = proof_pem_write(key, &m->text);
    return e == ERR_OK ? add(m, EVIDENCE_KEY) : e;
}

static enum err add_readme(struct making *m)
{
    enum err e = buf_append_str(&m->text, readme);

    return e == ERR_OK ? add(m, "README.txt") : e;
}

/* ---- the manifest ---- */

/* What is common to it and to every report stands in the report's header. */
static enum err add_manifest(struct making *m, struct evidence *ret)
{
    AUTO(json_free) struct json *map = json_new_map();
    AUTO(buf_done) struct buf text = {.max = 0};
    uint8_t signature[VAULT_SIGNATURE_BYTES];
    enum err e;

    ret->files = json_count(m->files);
    json_set_str(map, "format", EVIDENCE_FORMAT);
    report_set_origin(map, m->context);
    json_set(map, "files", TAKE(m->files));
    e = json_write_pretty(map, &m->text);
    if (e != ERR_OK)
        return e;
    digest_hex(buf_span(&m->text), ret->sha256);
    buf_init(&text, m->text.len + 64);
    e = evidence__signed_text(buf_span(&m->text), &text);
    if (e == ERR_OK)
        e = vault_sign(m->context->vault, buf_span(&text), signature);
    if (e == ERR_OK)
        e = pack_add(m->pack, EVIDENCE_MANIFEST, buf_span(&m->text));
    return e == ERR_OK
               ? pack_add(m->pack, EVIDENCE_SIGNATURE, span_of(signature, sizeof(signature)))
               : e;
}

static enum err record(const struct making *m, struct evidence *evidence)
{
    AUTO(json_free) struct json *map = json_new_map();
    AUTO(buf_done) struct buf body = {.max = VAULT_RECORD_BODY_MAX};
    struct vault_record made = {.kind = VAULT_RECORD_EVIDENCE};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS}, .records = &made, .count = 1};
    enum err e;

    report_set_origin(map, m->context);
    json_set_str(map, "manifest", evidence->sha256);
    json_set_int(map, "files", (int64_t)evidence->files);
    e = json_write(map, &body);
    if (e != ERR_OK)
        return e;
    made.body = buf_span(&body);
    e = vault_run(m->context->vault, &op.op);
    if (e == ERR_OK)
        evidence->number = made.number;
    return e;
}

enum err evidence_make(const struct report_context *context, const char *path, struct evidence *ret,
                       struct errmsg *msg)
{
    static enum err (*const parts[])(struct making *) = {
        add_readme, add_ledger, add_trail, add_policies, add_key, add_receipts, add_reports,
    };
    AUTO(making_done) struct making m = {.context = context, .msg = msg};
    struct evidence made = {.number = 0};
    enum err e = pack_new(path, context->now_s, &m.pack, msg);

    if (e != ERR_OK)
        return e;
    m.files = json_new_list();
    buf_init(&m.text, LIMIT_PACK_MEMBER_MAX);
    for (size_t i = 0; i < COUNT_OF(parts) && e == ERR_OK; i++)
        e = parts[i](&m);
    if (e == ERR_OK)
        e = add_manifest(&m, &made);
    if (e == ERR_OK)
        e = record(&m, &made);
    if (e == ERR_OK)
        e = pack_finish(&m.pack);
    if (e == ERR_OK)
        *ret = made;
    return e;
}
