/* SPDX-License-Identifier: Apache-2.0 */
/* The operations.
 * Runs on: worker threads and the command line; blocks. Holds: nothing; each run opens the reader
 * it needs. Invariant: the table decides what exists and which members it takes; messages name
 * members and classes, never what stands in them. Not here: who may ask (admin/control.c). */
#include "admin/ops.h"

#include <inttypes.h>
#include <stdio.h>

#include "admin/access.h"
#include "admin/ops_priv.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/effort.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/unicode.h"
#include "retention/backups.h"
#include "retention/proof.h"
#include "retention/rectification.h"
#include "vault/backup.h"
#include "version.h"

enum { WORD_MAX = 1024, NAME_IN_REASON_MIN = 4 };

/* ---- ping ---- */

static enum err run_ping(struct admin *admin UNUSED, const struct json *request UNUSED,
                         struct json **ret_response, struct errmsg *msg UNUSED)
{
    struct json *map = json_new_map();

    json_set_str(map, "version", LETHE_VERSION);
    json_set_str(map, "commit", LETHE_COMMIT);
    *ret_response = map;
    return ERR_OK;
}

/* How far each kind of long work is. */
static enum err run_progress(struct admin *admin UNUSED, const struct json *request UNUSED,
                             struct json **ret_response, struct errmsg *msg UNUSED)
{
    struct json *map = json_new_map();

    for (enum effort kind = 0; kind < EFFORTS; kind++) {
        struct json *one = json_new_map();
        uint64_t done, total;

        effort_get(kind, &done, &total);
        json_set_int(one, "done", (int64_t)done);
        json_set_int(one, "total", (int64_t)total);
        json_set(map, effort_name(kind), one);
    }
    *ret_response = map;
    return ERR_OK;
}

/* ---- subjects ---- */

static enum err no_such_subject(enum err e, struct errmsg *msg)
{
    return e == ERR_NOT_FOUND
               ? errmsg_set(msg, e,
                            "no subject of this domain has this identifier (or it was erased)")
               : e;
}

static enum err no_such_owner(enum err e, struct errmsg *msg)
{
    if (e == ERR_CONFLICT)
        return errmsg_set(msg, e, "several subjects share this token: name the subject instead");
    return e == ERR_NOT_FOUND ? errmsg_set(msg, e, "the token stands for nothing") : e;
}

/* The reason is printed on the receipt, and a receipt names nobody. */
bool ops_mentions(struct span text, struct span name)
{
    if (name.len == 0)
        return false;
    if (name.len < NAME_IN_REASON_MIN)
        return span_equal_nocase(text, name);
    for (size_t i = 0; i + name.len <= text.len; i++) {
        if (span_equal_nocase(span_of(text.at + i, name.len), name))
            return true;
    }
    return false;
}

enum err ops_read_word(const struct json *request, const char *name, struct span subject,
                       struct span *ret, struct errmsg *msg)
{
    struct span text = SPAN_NONE;
    enum err e = ERR_OK;

    if (json_get(request, name) != NULL)
        e = ops_need_text(request, name, &text, msg);
    if (e != ERR_OK)
        return e;
    if (text.len > WORD_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "the %s is longer than %d bytes", name, WORD_MAX);
    if (!unicode_is_line(text))
        return errmsg_set(msg, ERR_INVALID, "the %s must be one line of text", name);
    if (ops_mentions(text, subject))
        return errmsg_set(msg, ERR_INVALID,
                          "the %s holds the subject's identifier; it is printed on the receipt, "
                          "which must name nobody",
                          name);
    *ret = text;
    return ERR_OK;
}

static enum err read_ground(const struct json *request, struct span *ret, struct errmsg *msg)
{
    struct span text = SPAN_NONE;
    enum err e = ERR_OK;

    if (json_get(request, "ground") != NULL)
        e = ops_need_text(request, "ground", &text, msg);
    if (e != ERR_OK || text.len == 0 || receipt_ground(text, ret))
        return e;
    return errmsg_set(msg, ERR_INVALID,
                      "the ground must be a letter from a to f, as in Art. 17(1)(b)");
}

enum err ops_read_words(const struct admin *admin, const struct json *request,
                        struct receipt_words *ret, struct errmsg *msg)
{
    const struct span subject = json_text_of(json_get(request, "subject"));
    enum err e = ops_read_word(request, "reason", subject, &ret->reason, msg);

    if (e == ERR_OK)
        e = ops_read_word(request, "reference", subject, &ret->reference, msg);
    if (e == ERR_OK)
        e = read_ground(request, &ret->ground, msg);
    ret->executed_by = span_str(admin->executed_by == NULL ? "cli" : admin->executed_by);
    if (admin->approved_by != NULL)
        ret->approved_by = span_str(admin->approved_by);
    return e;
}

static enum err find_named(const struct admin *admin, struct vault_reader *reader,
                           const struct json *request, uint64_t *ret_slot, struct errmsg *msg)
{
    struct span subject;
    uint16_t domain = VAULT_DOMAIN_DEFAULT;
    enum err e = ops_need_subject(request, &subject, msg);

    if (e == ERR_OK)
        e = ops_read_domain(admin, request, &domain, msg);
    if (e != ERR_OK)
        return e;
    return no_such_subject(vault_read_subject(reader, domain, subject, ret_slot), msg);
}

/* "SLOT.ID": the slot, if the person there has this random id. */
static enum err find_id(struct vault_reader *reader, const struct json *request, uint64_t *ret_slot,
                        struct errmsg *msg)
{
    uint64_t per_class[CLASSES_MAX + 1] = {0};
    struct vault_subject_info info;
    uint8_t id[VAULT_ID_BYTES];
    uint64_t slot = 0;
    struct span text;
    size_t digits = 0;
    enum err e = ops_need_text(request, "person", &text, msg);

    if (e != ERR_OK)
        return e;
    for (; digits < text.len && digits < 18 && text.at[digits] >= '0' && text.at[digits] <= '9';
         digits++)
        slot = slot * 10 + (uint64_t)(text.at[digits] - '0');
    if (digits == 0 || digits == text.len || text.at[digits] != '.' ||
        !proof_unhex(span_of(text.at + digits + 1, text.len - digits - 1), id, sizeof(id)))
        return errmsg_set(msg, ERR_INVALID, "\"person\" is the id that looking a person up gives");
    e = vault_read_subject_info(reader, slot, &info, per_class);
    if (e == ERR_OK && memcmp(info.id, id, sizeof(id)) != 0)
        e = ERR_NOT_FOUND;
    if (e == ERR_OK)
        *ret_slot = slot;
    return e == ERR_NOT_FOUND ? errmsg_set(msg, e, "there is no such person (any more)") : e;
}

/* Who is meant, by an identifier, by a token of theirs or by their id; one of these is given. The reader is
 * inside a transaction. */
static enum err find_anybody(const struct admin *admin, struct vault_reader *reader,
                             const struct json *request, uint64_t *ret_slot, struct errmsg *msg)
{
    uint16_t class_id = 0;
    struct span token;
    enum err e;

    if (json_get(request, "token") == NULL && json_get(request, "class") != NULL)
        return errmsg_set(msg, ERR_INVALID, "\"class\" says what a token is of: give the token");
    if (json_get(request, "person") != NULL) {
        if (json_get(request, "subject") != NULL || json_get(request, "domain") != NULL ||
            json_get(request, "token") != NULL)
            return errmsg_set(msg, ERR_INVALID, "\"person\" says who is meant: nothing else does");
        return find_id(reader, request, ret_slot, msg);
    }
    if (json_get(request, "token") == NULL)
        return find_named(admin, reader, request, ret_slot, msg);
    if (json_get(request, "subject") != NULL || json_get(request, "domain") != NULL)
        return errmsg_set(msg, ERR_INVALID, "\"token\" says who is meant: no subject, no domain");
    e = ops_need_text(request, "token", &token, msg);
    if (e == ERR_OK)
        e = ops_read_class(admin, request, &class_id, msg);
    return e == ERR_OK ? no_such_owner(vault_read_owner(reader, class_id, token, ret_slot), msg)
                       : e;
}

static bool may_know(const struct admin *admin, uint16_t domain_id)
{
    const char *domain = vault_domain_name(admin->vault, domain_id);

    return admin->who == NULL ||
           (domain != NULL && access_names_have(&admin->who->domains, span_str(domain)));
}

/* The same, of those whom who asks may know of; what is said of the person must not name him. */
enum err ops_find_person(const struct admin *admin, struct vault_reader *reader,
                         const struct json *request, uint64_t *ret_slot, struct errmsg *msg)
{
    const bool bound = admin->who != NULL && admin->who->domains.count > 0;
    uint64_t per_class[CLASSES_MAX + 1] = {0};
    struct vault_subject_info info;
    struct words_about about = {.reader = reader};
    enum err e = find_anybody(admin, reader, request, ret_slot, msg);

    if (e == ERR_OK)
        e = ops_note(admin, reader, *ret_slot, 0, NOTE_ABOUT);
    if (e != ERR_OK || (!bound && !ops_has_words(request)))
        return e;
    e = vault_read_subject_info(reader, *ret_slot, &info, per_class);
    if (e != ERR_OK)
        return no_such_subject(e, msg);
    if (!may_know(admin, info.domain))
        return errmsg_set(msg, ERR_DENIED, "the token is not for this domain");
    about.domain = info.domain;
    about.slot = *ret_slot;
    return ops_check_words(&about, request, msg);
}

enum err ops_find_person_now(struct admin *admin, const struct json *request, uint64_t *ret_slot,
                             struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = vault_reader_open(admin->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = ops_find_person(admin, reader, request, ret_slot, msg);
    vault_read_end(reader);
    return e;
}

static struct json *subject_map(const struct admin *admin, const struct vault_subject_info *info,
                                const uint64_t *per_class)
{
    struct json *map = json_new_map(), *items = json_new_list();
    char hex[2 * VAULT_ID_BYTES + 1], person[sizeof(hex) + 24];

    proof_hex(info->id, sizeof(info->id), hex);
    (void)snprintf(person, sizeof(person), "%" PRIu64 ".%s", info->slot, hex);
    json_set_str(map, "person", person);
    receipt_set_id(map, "subject", info->id);
    json_set_str(map, "domain", vault_domain_name(admin->vault, info->domain));
    receipt_set_instant(map, "created", info->created_s * 1000);
    json_set_int(map, "identifiers", (int64_t)info->names);
    for (size_t i = 0; i < admin->classes->count; i++) {
        const struct class_def *def = &admin->classes->defs[i];
        uint64_t count = per_class[vault_class_id(admin->vault, def)];
        struct json *item;

        if (count == 0)
            continue;
        item = json_new_map();
        json_set_str(item, "class", def->name);
        json_set_int(item, "values", (int64_t)count);
        json_add(items, item);
    }
    json_set(map, "items", items);
    return map;
}

static enum err run_show(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    AUTO(json_free) struct json *map = NULL;
    uint64_t per_class[CLASSES_MAX + 1] = {0};
    struct vault_subject_info info;
    uint64_t slot;
    enum err e = vault_reader_open(admin->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = ops_find_person(admin, reader, request, &slot, msg);
    if (e == ERR_OK)
        e = no_such_subject(vault_read_subject_info(reader, slot, &info, per_class), msg);
    if (e == ERR_OK) {
        map = subject_map(admin, &info, per_class);
        e = ops_bound_of(admin, reader, slot, map);
    }
    if (e == ERR_OK)
        e = ops_events_of(reader, slot, map);
    vault_read_end(reader);
    if (e == ERR_OK)
        *ret_response = TAKE(map);
    return e;
}

/* ---- rectification ---- */

/* Whose the token is said to be. */
static enum err find_whose(const struct admin *admin, const struct json *request,
                           uint64_t *ret_slot, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = ERR_OK;

    if (json_get(request, "subject") == NULL)
        return ERR_OK;
    e = vault_reader_open(admin->vault, &reader);
    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = find_named(admin, reader, request, ret_slot, msg);
    vault_read_end(reader);
    return e;
}

static enum err run_rectify(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg)
{
    struct vault_rectify op = {.op = {.kind = VAULT_RECTIFY}};
    struct vault_value value = {.slot = 0};
    struct json *map;
    enum err e = ops_need_text(request, "token", &op.token, msg);

    if (e == ERR_OK)
        e = ops_need_text(request, "value", &op.value, msg);
    if (e == ERR_OK)
        e = ops_read_class(admin, request, &op.class_id, msg);
    if (e == ERR_OK)
        e = find_whose(admin, request, &op.slot, msg);
    if (e == ERR_OK)
        e = rectification_look(admin->vault, &op, &value, msg);
    if (e == ERR_OK && !ops_is_in_scope(admin, &value))
        e = errmsg_set(msg, ERR_DENIED, "the token is not for values of this class and domain");
    if (e == ERR_OK)
        e = rectification_run(admin->erasures, &op, msg);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_str(map, "class", vault_class_def(admin->vault, op.class_id)->name);
    *ret_response = map;
    return ERR_OK;
}

/* ---- receipts ---- */

enum err ops_read_receipt(struct admin *admin, const uint8_t number[VAULT_ID_BYTES],
                          struct json **ret_tree)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    buf_init(&text, PROOF_DOCUMENT_MAX);
    e = vault_receipt_read(admin->vault, number, &text);
    if (e != ERR_OK)
        return e;
    return json_parse(buf_span(&text), ret_tree) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

static enum err run_receipt_show(struct admin *admin, const struct json *request,
                                 struct json **ret_response, struct errmsg *msg)
{
    uint8_t number[VAULT_ID_BYTES];
    struct span text;
    enum err e = ops_need_text(request, "number", &text, msg);

    if (e != ERR_OK)
        return e;
    if (!proof_unhex(text, number, sizeof(number)))
        return errmsg_set(msg, ERR_INVALID, "a receipt's number is 32 hexadecimal digits");
    e = ops_read_receipt(admin, number, ret_response);
    return e == ERR_NOT_FOUND
               ? errmsg_set(msg, e,
                            "no receipt of this number is kept here; an erasure that is still open "
                            "gets one when it is completed (see `lethe receipt list`)")
               : e;
}

static struct json *entry_map(const struct vault_receipt_entry *entry)
{
    struct json *map = json_new_map();

    json_set_int(map, "ledger", (int64_t)entry->ledger_seq);
    receipt_set_id(map, "number", entry->erasure);
    receipt_set_instant(map, "begun", entry->begun_ms);
    json_set_str(map, "state", entry->is_closed ? "completed" : "open");
    return map;
}

/* "order": which end of the ledger the list begins at. */
static enum err read_order(const struct json *request, enum vault_receipt_order *ret,
                           struct errmsg *msg)
{
    struct span word;
    enum err e;

    *ret = VAULT_RECEIPTS_OLDEST;
    if (json_get(request, "order") == NULL)
        return ERR_OK;
    e = ops_need_text(request, "order", &word, msg);
    if (e != ERR_OK || span_equal(word, SPAN_LIT("oldest")))
        return e;
    *ret = VAULT_RECEIPTS_NEWEST;
    return span_equal(word, SPAN_LIT("newest"))
               ? ERR_OK
               : errmsg_set(msg, ERR_INVALID, "\"order\" is \"oldest\" or \"newest\"");
}

static enum err run_receipt_list(struct admin *admin, const struct json *request,
                                 struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *list = json_new_list();
    AUTO(mem_free) struct vault_receipt_entry *entries = NULL;
    enum vault_receipt_order order;
    struct ops_page page;
    size_t count = 0;
    struct json *map;
    enum err e = ops_read_page(request, OPS_VALUES_MAX, &page, msg);

    if (e == ERR_OK)
        e = read_order(request, &order, msg);
    if (e != ERR_OK)
        return e;
    entries = mem_alloc((page.limit + 1) * sizeof(*entries));
    e = vault_receipts_list(admin->vault, order, page.after, page.limit, entries, &count);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < count; i++)
        json_add(list, entry_map(&entries[i]));
    map = json_new_map();
    ops_set_next(map, count == page.limit, count > 0 ? entries[count - 1].ledger_seq : page.after);
    json_set(map, "receipts", TAKE(list));
    *ret_response = map;
    return ERR_OK;
}

static enum err run_key_public(struct admin *admin, const struct json *request UNUSED,
                               struct json **ret_response, struct errmsg *msg UNUSED)
{
    AUTO(buf_done) struct buf pem = {.max = 0};
    uint8_t key[VAULT_PUBLIC_BYTES];
    struct json *map;
    enum err e;

    vault_sign_public(admin->vault, key);
    buf_init(&pem, 1024);
    e = proof_pem_write(key, &pem);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set(map, "pem", json_new_text(buf_span(&pem)));
    *ret_response = map;
    return ERR_OK;
}

/* ---- backup ---- */

enum err ops_need_path(const struct json *request, const char *name, const char **ret,
                       struct errmsg *msg)
{
    const char *path = json_str_of(json_get(request, name));

    if (path == NULL || path[0] != '/')
        return errmsg_set(msg, ERR_INVALID, "\"%s\" must be an absolute path", name);
    *ret = path;
    return ERR_OK;
}

static struct json *file_map(const char *path, uint64_t bytes)
{
    struct json *map = json_new_map();
    struct json *text = json_new_text(span_str(path));

    json_set(map, "file", text == NULL ? json_new_null() : text); /* a name that is no UTF-8 */
    json_set_int(map, "bytes", (int64_t)bytes);
    return map;
}

static enum err run_backup(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg)
{
    AUTO(vault_backup_done) struct vault_backup backup = {.data_file = NULL};
    const char *data = NULL, *keys = NULL;
    struct json *map;
    enum err e = ops_need_path(request, "data", &data, msg);

    if (e == ERR_OK)
        e = ops_need_path(request, "keys", &keys, msg);
    if (e == ERR_OK)
        e = vault_backup(admin->vault, data, keys, &backup, msg);
    if (e != ERR_OK)
        return e;
    e = backups_note(admin->vault, &backup);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "the backup is whole, but the store cannot remember it (%s)",
                          err_text(e));
    log_event(EV_BACKUP_DONE, F_ID("backup", backup.id, VAULT_ID_BYTES),
              F_NUM("bytes", backup.data_bytes + backup.keys_bytes));
    map = json_new_map();
    receipt_set_id(map, "backup", backup.id);
    json_set_str(map, "time", backup.time);
    json_set(map, "data", file_map(backup.data_file, backup.data_bytes));
    json_set(map, "keys", file_map(backup.keys_file, backup.keys_bytes));
    json_set_int(map, "epoch", backup.epoch);
    json_set_int(map, "ledger_entries", (int64_t)backup.ledger_entries);
    json_set_bool(map, "same_file_system", backup.same_file_system);
    *ret_response = map;
    return ERR_OK;
}

/* ---- the clock ---- */

static enum err run_clock_status(struct admin *admin, const struct json *request UNUSED,
                                 struct json **ret_response, struct errmsg *msg UNUSED)
{
    static const char *const states[] = {
        [VAULT_CLOCK_RIGHT] = "right",
        [VAULT_CLOCK_BEHIND] = "behind",
        [VAULT_CLOCK_AHEAD] = "ahead",
    };
    struct json *map = json_new_map();

    json_set_str(map, "state", states[vault_clock(admin->vault)]);
    receipt_set_instant(map, "time", vault_now_s(admin->vault) * 1000);
    receipt_set_instant(map, "clock", clock_now_s() * 1000);
    *ret_response = map;
    return ERR_OK;
}

static enum err run_clock_accept(struct admin *admin, const struct json *request,
                                 struct json **ret_response, struct errmsg *msg)
{
    struct vault_clock_accept op = {.op = {.kind = VAULT_CLOCK_ACCEPT}};
    enum err e = vault_run(admin->vault, &op.op);

    return e == ERR_OK ? run_clock_status(admin, request, ret_response, msg) : e;
}

/* ---- the configuration ---- */

static enum err run_reload(struct admin *admin, const struct json *request UNUSED,
                           struct json **ret_response, struct errmsg *msg)
{
    enum err e;

    if (admin->reload == NULL)
        return errmsg_set(msg, ERR_NOT_FOUND, "no server runs on this store");
    e = admin->reload(admin->reload_context, msg);
    if (e == ERR_OK)
        *ret_response = json_new_map();
    return e;
}

/* ---- the table ---- */

static const struct operation {
    const char *name;
    const char *members[13]; /* besides "op" */
    ops_handler_fn run;
} operations[] = {
    {"ping", {NULL}, run_ping},
    {"progress", {NULL}, run_progress},
    {"tokenize", {"class", "subject", "domain", "values", NULL}, ops_tokenize},
    {"reveal", {"tokens", "domain", "class", "purpose", "hold", NULL}, ops_reveal},
    {"bulk.start", {"job", "domain", "classes", "purpose", NULL}, ops_bulk_start},
    {"bulk.tokenize",
     {"job", "group", "domain", "columns", "rows", "subject_class", "on_error", NULL},
     ops_bulk_tokenize},
    {"bulk.reveal", {"job", "domain", "columns", "tokens", "purpose", NULL}, ops_bulk_reveal},
    {"bulk.verify", {"job", "domain", "columns", "pairs", NULL}, ops_bulk_verify},
    {"bulk.finish", {"job", NULL}, ops_bulk_finish},
    {"tokenize.lines", {"lines", NULL}, ops_tokenize_lines},
    {"reveal.lines", {"lines", "purpose", NULL}, ops_reveal_lines},
    {"rectify", {"token", "value", "subject", "domain", "class", NULL}, run_rectify},
    {"subject.erase",
     {"subject", "domain", "token", "class", "person", "ground", "reason", "reference", "except",
      "only", "dry_run", "key", NULL},
     ops_subject_erase},
    {"subject.erase_many",
     {"subjects", "domain", "ground", "reason", "reference", NULL},
     ops_subject_erase_many},
    {"receipt.show", {"number", NULL}, run_receipt_show},
    {"receipt.list", {"order", "after", "limit", NULL}, run_receipt_list},
    {"key.public", {NULL}, run_key_public},
    {"subject.show", {"subject", "domain", "token", "class", "person", NULL}, run_show},
    {"subject.event",
     {"subject", "domain", "token", "class", "person", "event", "at", "correct", NULL},
     ops_subject_event},
    {"honeytoken.create", {"class", "value", "subject", "domain", NULL}, ops_honeytoken_create},
    {"honeytoken.list", {"after", "limit", NULL}, ops_honeytoken_list},
    {"incident.list", {"after", "limit", NULL}, ops_incident_list},
    {"caller.list", {"after", "limit", NULL}, ops_caller_list},
    {"caller.restore", {"caller", NULL}, ops_caller_restore},
    {"retention.simulate", {"at", NULL}, ops_retention_simulate},
    {"retention.preview", {"classes", "timezone", NULL}, ops_retention_preview},
    {"retention.apply", {"confirm", NULL}, ops_retention_apply},
    {"retention.versions", {"class", "after", "limit", NULL}, ops_retention_versions},
    {"access.create",
     {"name", "role", "expires", "domains", "classes", "purposes", "networks", "certificate", NULL},
     ops_access_create},
    {"access.appoint",
     {"name", "role", "expires", "domains", "classes", "purposes", "networks", "certificate", NULL},
     ops_access_appoint},
    {"access.draft",
     {"name", "role", "expires", "domains", "classes", "purposes", "networks", "certificate", NULL},
     ops_access_draft},
    {"access.collect", {"number", NULL}, ops_access_collect},
    {"access.list", {"after", "limit", NULL}, ops_access_list},
    {"access.show", {"number", NULL}, ops_access_show},
    {"access.revoke", {"number", NULL}, ops_access_revoke},
    {"access.enrol", {"number", NULL}, ops_access_enrol},
    {"access.prove", {"number", "first_code", NULL}, ops_access_prove},
    {"access.unenrol", {"number", NULL}, ops_access_unenrol},
    {"proposal.list", {"after", "limit", NULL}, ops_proposal_list},
    {"proposal.show", {"number", NULL}, ops_proposal_show},
    {"proposal.approve", {"number", "digest", NULL}, ops_proposal_approve},
    {"proposal.reject", {"number", NULL}, ops_proposal_reject},
    {"hold.add",
     {"subject", "domain", "token", "class", "person", "of_class", "ground", "owner", "review",
      NULL},
     ops_hold_add},
    {"hold.list", {"after", "limit", NULL}, ops_hold_list},
    {"hold.show", {"number", NULL}, ops_hold_show},
    {"hold.lift", {"number", "reason", NULL}, ops_hold_lift},
    {"subject.restrict",
     {"subject", "domain", "token", "class", "person", "ground", "review", NULL},
     ops_restrict},
    {"subject.unrestrict",
     {"subject", "domain", "token", "class", "person", "notice_sent", NULL},
     ops_unrestrict},
    {"subject.object",
     {"subject", "domain", "token", "class", "person", "purpose", "withdraw", NULL},
     ops_object},
    {"subject.consent",
     {"subject", "domain", "token", "class", "person", "purpose", "withdraw", "channel", "version",
      "at", NULL},
     ops_consent},
    {"audit.list",
     {"subject", "domain", "token", "class", "person", "from", "to", "caller", "action", "after",
      "limit", NULL},
     ops_audit_list},
    {"audit.status", {NULL}, ops_audit_status},
    {"audit.tail", {"after", "limit", NULL}, ops_audit_tail},
    {"subject.export",
     {"subject", "domain", "token", "class", "person", "format", "lang", "portable", "link",
      "expires", NULL},
     ops_subject_export},
    {"backup", {"data", "keys", NULL}, run_backup},
    {"clock.status", {NULL}, run_clock_status},
    {"clock.accept", {NULL}, run_clock_accept},
    {"report", {"report", "from", "to", "caller", "aware", NULL}, ops_report},
    {"overview", {"from", "to", NULL}, ops_overview},
    {"figures", {"figure", "from", "to", NULL}, ops_figures},
    {"notice.list", {"state", "after", "limit", NULL}, ops_notice_list},
    {"notice.done", {"number", "how", "impossible", NULL}, ops_notice_done},
    {"notice.retry", {"number", NULL}, ops_notice_retry},
    {"request.add", {"with", "subject", "domain", "token", "class", NULL}, ops_request_add},
    {"request.act",
     {"number", "action", "with", "subject", "domain", "token", "class", "version", NULL},
     ops_request_act},
    {"request.show", {"number", NULL}, ops_request_show},
    {"request.list", {"state", "after", "limit", NULL}, ops_request_list},
    {"request.letter", {"number", "letter", "lang", NULL}, ops_request_letter},
    {"retention.status", {NULL}, ops_retention_status},
    {"retention.resume", {"class", NULL}, ops_retention_resume},
    {"retention.recount", {NULL}, ops_recount},
    {"retention.repair", {"confirm", NULL}, ops_repair},
    {"evidence", {"file", "from", "to", NULL}, ops_evidence},
    {"reload", {NULL}, run_reload},
    {"renewal.plan", {"class", "domain", "keep", NULL}, ops_renewal_plan},
    {"renewal.start", {"class", "domain", "keep", "confirm", "key", NULL}, ops_renewal_start},
    {"renewal.list", {"after", "limit", NULL}, ops_renewal_list},
    {"renewal.show", {"number", NULL}, ops_renewal_show},
    {"renewal.act", {"number", "action", NULL}, ops_renewal_act},
    {"renewal.finish", {"number", NULL}, ops_renewal_finish},
    {"renewal.tokens", {"number", "class", "after", "limit", NULL}, ops_renewal_tokens},
    {"key.rotate", {NULL}, ops_key_rotate},
    {"key.status", {NULL}, ops_key_status},
};

static const struct operation *find(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        if (span_equal(name, span_str(operations[i].name)))
            return &operations[i];
    }
    return NULL;
}

static bool takes(const struct operation *o, const char *member)
{
    for (size_t i = 0; o->members[i] != NULL; i++)
        if (strcmp(member, o->members[i]) == 0)
            return true;
    return strcmp(member, "op") == 0;
}

bool ops_takes(struct span operation, const char *member)
{
    const struct operation *o = find(operation);

    return o != NULL && takes(o, member);
}

enum err ops_check(const struct json *request, struct errmsg *msg)
{
    const struct operation *o = find(json_text_of(json_get(request, "op")));
    struct json *value;
    const char *name;
    void *it = NULL;

    if (o == NULL)
        return errmsg_set(msg, ERR_INVALID, "there is no such operation");
    while (json_next(request, &it, &name, &value)) {
        if (!takes(o, name))
            return errmsg_set(msg, ERR_INVALID, "%s takes no such member as was given", o->name);
    }
    return ERR_OK;
}

enum err ops_run_within(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg)
{
    enum err e = ops_check(request, msg);

    return e == ERR_OK
               ? find(json_text_of(json_get(request, "op")))->run(admin, request, ret_response, msg)
               : e;
}

static enum err run_audited(struct admin *admin, const struct operation *o,
                            const struct json *request, struct json **ret_response,
                            struct errmsg *msg)
{
    return ops_audited_run(admin, o->name, o->run, request, ret_response, msg);
}

enum err ops_run(struct admin *admin, const struct json *request, struct json **ret_response,
                 struct errmsg *msg)
{
    struct admin now = *admin;
    enum err e;

    REQUIRE(admin->vault != NULL && admin->erasures != NULL);
    now.classes = vault_classes(admin->vault);
    (void)errmsg_set(msg, ERR_OK, "%s", "");
    e = ops_check(request, msg);
    if (e == ERR_OK)
        e = run_audited(&now, find(json_text_of(json_get(request, "op"))), request, ret_response,
                        msg);
    if (e != ERR_OK && msg != NULL && msg->text[0] == '\0')
        (void)errmsg_set(msg, e, "%s", err_text(e));
    return e;
}
