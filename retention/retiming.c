/* SPDX-License-Identifier: Apache-2.0 */
/* Previews of changed rules, and runs that put them on values that are there.
 * Runs on: worker threads; one run at a time. Holds: a lock for the process. Invariant: no value gets a due time
 * that no preview has counted: the rules are those of the preview in every batch. Not here: counting
 * (vault/preview.c), the new due time (vault/retime.c). */
#include "retention/retiming.h"

#include <pthread.h>
#include <string.h>

#include "base/calendar.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "retention/proof.h"
#include "retention/receipt.h"
#include "vault/preview.h"
#include "vault/records.h"
#include "vault/retime.h"
#include "vault/rules.h"

enum {
    DIGEST_BYTES = 16,
    DIGEST_TEXT = 2 * DIGEST_BYTES + 1,
    BATCH_ROWS = 1000,
    BATCHES_A_NOTE = 50, /* between two times that a run writes down how far it is */
    FORGET_LIMIT = 100
};

static const int64_t PREVIEW_KEPT_MS = INT64_C(30) * 86400 * 1000;

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* held by who runs */

/* ---- digests ---- */

static void digest_of(struct span text, char out[DIGEST_TEXT])
{
    uint8_t hash[SECRET_HASH_BYTES];

    secret_hash(text.at, text.len, hash);
    proof_hex(hash, DIGEST_BYTES, out);
}

static enum err rule_digest(const struct class_def *def, char out[DIGEST_TEXT])
{
    AUTO(buf_done) struct buf text = {.max = VAULT_RULE_BODY_MAX};
    enum err e = vault_rule_text(def, &text);

    if (e == ERR_OK)
        digest_of(buf_span(&text), out);
    return e;
}

static enum err tree_text(const struct json *tree, struct buf *out)
{
    out->max = VAULT_RECORD_BODY_MAX;
    return json_write(tree, out);
}

/* ---- the preview ---- */

/* Are these the rules that new values get? */
static enum err is_in_force(const struct vault *v, const struct class_def *def, bool *ret)
{
    const struct class_def *now = classes_find(vault_classes(v), span_str(def->name));
    char a[DIGEST_TEXT] = "", b[DIGEST_TEXT] = "";
    enum err e = ERR_OK;

    *ret = false;
    if (now == NULL)
        return ERR_OK;
    e = rule_digest(def, a);
    if (e == ERR_OK)
        e = rule_digest(now, b);
    *ret = e == ERR_OK && strcmp(a, b) == 0;
    return e;
}

/* What the record keeps of a class. */
static enum err noted_class(const struct class_def *def, const struct vault_preview_count *count,
                            struct json **ret)
{
    char digest[DIGEST_TEXT];
    struct json *map;
    enum err e = rule_digest(def, digest);

    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_str(map, "class", def->name);
    json_set_str(map, "rule", digest);
    json_set_int(map, "values", (int64_t)count->values);
    json_set_int(map, "earlier", (int64_t)count->earlier);
    json_set_int(map, "later", (int64_t)count->later);
    json_set_int(map, "at_once", (int64_t)count->at_once);
    *ret = map;
    return ERR_OK;
}

static enum err shown_class(const struct vault *v, const struct class_def *def,
                            const struct vault_preview_count *count, struct json **ret)
{
    AUTO(buf_done) struct buf text = {.max = VAULT_RULE_BODY_MAX};
    struct json *map, *rule = NULL;
    bool in_force = false;
    enum err e = vault_rule_text(def, &text);

    if (e == ERR_OK)
        e = is_in_force(v, def, &in_force);
    if (e == ERR_OK)
        e = json_parse(buf_span(&text), &rule);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_str(map, "class", def->name);
    json_set(map, "rule", rule);
    json_set_bool(map, "in_force", in_force);
    json_set_int(map, "values", (int64_t)count->values);
    json_set_int(map, "earlier", (int64_t)count->earlier);
    json_set_int(map, "later", (int64_t)count->later);
    json_set_int(map, "unchanged", (int64_t)(count->values - count->earlier - count->later));
    json_set_int(map, "at_once", (int64_t)count->at_once);
    json_set_int(map, "held", (int64_t)count->held);
    *ret = map;
    return ERR_OK;
}

struct previewing {
    struct vault *v;
    struct vault_preview *state;
    int64_t now_s;
    struct json *noted; /* lists */
    struct json *shown;
    int64_t at_once;
    bool in_force;
};

static enum err preview_class(struct previewing *p, const struct class_def *def)
{
    const uint16_t id = vault_class_id(p->v, def);
    struct vault_preview_count count;
    struct json *noted = NULL, *shown = NULL;
    bool applied = true;
    enum err e = id == 0 ? ERR_OK : vault_preview_is_applied(p->state, def, &applied);

    if (e != ERR_OK || applied)
        return e;
    e = vault_preview_class(p->state, id, &def->rule, p->now_s, p->now_s, &count);
    if (e == ERR_OK)
        e = noted_class(def, &count, &noted);
    if (e == ERR_OK)
        json_add(p->noted, noted);
    if (e == ERR_OK)
        e = shown_class(p->v, def, &count, &shown);
    if (e != ERR_OK)
        return e;
    p->at_once += (int64_t)count.at_once;
    p->in_force = p->in_force && json_bool_of(json_get(shown, "in_force"), false);
    json_add(p->shown, shown);
    return ERR_OK;
}

/* Another preview may have said the very same in this second. */
static enum err record_preview(struct vault *v, const struct json *noted, char digest[DIGEST_TEXT],
                               struct errmsg *msg)
{
    AUTO(buf_done) struct buf body = {.max = 0};
    struct vault_record record = {.kind = VAULT_RECORD_RULE_RUN, .state = RETIMING_PREVIEWED};
    struct vault_records_write op = {
        .op = {.kind = VAULT_RECORDS},
        .records = &record,
        .count = 1,
        .forget = VAULT_RECORD_RULE_RUN,
        .forget_states = UINT64_C(1) << RETIMING_PREVIEWED,
        .forget_before_ms = vault_now_s(v) * 1000 - PREVIEW_KEPT_MS,
        .forget_limit = FORGET_LIMIT,
    };
    enum err e = tree_text(noted, &body);

    if (e != ERR_OK)
        return errmsg_set(msg, e, "too many classes change at once: preview them in parts");
    digest_of(buf_span(&body), digest);
    memcpy(record.key, digest, DIGEST_TEXT);
    record.body = buf_span(&body);
    e = vault_run(v, &op.op);
    return e == ERR_CONFLICT ? ERR_OK : e;
}

static enum err preview_all(struct previewing *p, const struct classes *classes)
{
    enum err e = vault_preview_open(p->v, &p->state);

    for (size_t i = 0; e == ERR_OK && i < classes->count; i++)
        e = preview_class(p, &classes->defs[i]);
    vault_preview_close(&p->state);
    return e;
}

static void end_previewing(struct previewing *p)
{
    json_free(&p->noted);
    json_free(&p->shown);
}

enum err retiming_preview(struct vault *v, const struct classes *classes, struct json **ret_tree,
                          struct errmsg *msg)
{
    AUTO(end_previewing)
    struct previewing p = {.v = v,
                           .now_s = vault_now_s(v),
                           .noted = json_new_list(),
                           .shown = json_new_list(),
                           .in_force = true};
    AUTO(json_free) struct json *noted = json_new_map();
    char digest[DIGEST_TEXT] = "";
    struct json *map;
    enum err e = preview_all(&p, classes);

    if (e != ERR_OK)
        return e;
    json_set_int(noted, "as_of", p.now_s);
    json_set(noted, "classes", TAKE(p.noted));
    if (json_count(p.shown) > 0)
        e = record_preview(v, noted, digest, msg);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    receipt_set_instant(map, "as_of", p.now_s * 1000);
    json_set_str(map, "zone", calendar_zone());
    json_set(map, "digest", digest[0] == '\0' ? json_new_null() : json_new_text(span_str(digest)));
    json_set_bool(map, "in_force", p.in_force);
    json_set_int(map, "at_once", p.at_once);
    json_set(map, "classes", TAKE(p.shown));
    *ret_tree = map;
    return ERR_OK;
}

/* ---- a run ---- */

struct run {
    struct vault *v;
    struct vault_record record; /* body: see `body` */
    struct json *body;
};

static void end_run(struct run *run)
{
    json_free(&run->body);
}

static enum err find_run(struct run *run, const char *digest)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    enum err e = vault_records_open(run->v, &records);

    if (e == ERR_OK)
        e = vault_record_by_key(records, VAULT_RECORD_RULE_RUN, digest, &run->record);
    if (e == ERR_OK && json_parse(run->record.body, &run->body) != ERR_OK)
        e = ERR_CORRUPT;
    run->record.body = SPAN_NONE;
    return e;
}

/* Write down how far it is. */
static enum err note(struct run *run, enum retiming_state state)
{
    AUTO(buf_done) struct buf body = {.max = 0};
    struct vault_records_write op = {
        .op = {.kind = VAULT_RECORDS}, .records = &run->record, .count = 1};
    enum err e = tree_text(run->body, &body);

    if (e != ERR_OK)
        return e;
    run->record.state = state;
    run->record.body = buf_span(&body);
    e = vault_run(run->v, &op.op);
    run->record.body = SPAN_NONE;
    return e;
}

/* The class as it is in force, if its rule is the previewed one. CONFLICT otherwise. */
static enum err class_of(const struct run *run, const struct json *entry,
                         const struct class_def **ret)
{
    const char *name = json_str_of(json_get(entry, "class"));
    const char *rule = json_str_of(json_get(entry, "rule"));
    const struct class_def *def;
    char digest[DIGEST_TEXT];
    enum err e;

    if (name == NULL || rule == NULL)
        return ERR_CORRUPT;
    def = classes_find(vault_classes(run->v), span_str(name));
    if (def == NULL || vault_class_id(run->v, def) == 0)
        return ERR_CONFLICT;
    e = rule_digest(def, digest);
    if (e != ERR_OK)
        return e;
    if (strcmp(digest, rule) != 0)
        return ERR_CONFLICT;
    *ret = def;
    return ERR_OK;
}

static enum err no_longer_in_force(struct errmsg *msg)
{
    return errmsg_set(msg, ERR_CONFLICT,
                      "the rules in force are not those of the preview: have them put in force "
                      "(`lethe reload`) and preview again");
}

static enum err check_growth(const struct run *run, struct vault_preview *state,
                             const struct json *entry, struct errmsg *msg)
{
    const int64_t as_of_s = json_int_of(json_get(run->body, "as_of"), 0);
    const int64_t previewed = json_int_of(json_get(entry, "at_once"), 0);
    const struct class_def *def = NULL;
    struct vault_preview_count count;
    enum err e = class_of(run, entry, &def);

    if (e == ERR_CONFLICT)
        return no_longer_in_force(msg);
    if (e == ERR_OK)
        e = vault_preview_class(state, vault_class_id(run->v, def), &def->rule, vault_now_s(run->v),
                                as_of_s, &count);
    if (e == ERR_OK && count.at_past_s > (uint64_t)previewed)
        return errmsg_set(msg, ERR_CONFLICT,
                          "class %s: more values would be destroyed than the preview had counted: "
                          "preview again",
                          def->name);
    return e;
}

/* May what was previewed be done now? */
static enum err check_preview(const struct run *run, struct errmsg *msg)
{
    AUTO(vault_preview_close) struct vault_preview *state = NULL;
    const struct json *classes = json_get(run->body, "classes");
    enum err e = vault_preview_open(run->v, &state);

    for (size_t i = 0; e == ERR_OK && i < json_count(classes); i++)
        e = check_growth(run, state, json_at(classes, i), msg);
    return e;
}

static void add_int(struct json *map, const char *name, size_t n)
{
    json_set_int(map, name, json_int_of(json_get(map, name), 0) + (int64_t)n);
}

static enum err read_version(struct vault *v, uint16_t class_id, uint32_t *ret)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    struct vault_rule_status status = {.version = 0};
    enum err e = vault_reader_open(v, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_read_rule(reader, class_id, &status);
    vault_read_end(reader);
    if (e == ERR_OK)
        *ret = status.version;
    return e;
}

/* The rows of one class from row `from` on. */
static enum err retime_class(struct run *run, struct json *entry, const struct class_def *def)
{
    struct vault_retime op = {.op = {.kind = VAULT_RETIME},
                              .class_id = vault_class_id(run->v, def),
                              .rule = &def->rule,
                              .limit = BATCH_ROWS,
                              .more = true};
    enum err e = ERR_OK;

    op.at.row = (uint64_t)json_int_of(json_get(entry, "row"), 0);
    op.at.class_id = op.class_id;
    for (size_t batches = 1; e == ERR_OK && op.more; batches++) {
        e = vault_run(run->v, &op.op);
        if (e != ERR_OK)
            break;
        add_int(entry, "looked", op.looked);
        add_int(entry, "changed", op.changed);
        add_int(entry, "unreadable", op.unreadable);
        json_set_int(entry, "row", (int64_t)op.next.row);
        op.at = op.next;
        if (op.more && batches % BATCHES_A_NOTE == 0)
            e = note(run, RETIMING_RUNNING);
    }
    return e;
}

static enum err run_class(struct run *run, struct json *entry)
{
    struct vault_rule_applied op = {.op = {.kind = VAULT_RULE_APPLIED}};
    const struct class_def *def = NULL;
    enum err e = class_of(run, entry, &def);

    if (e == ERR_OK && json_int_of(json_get(entry, "version"), 0) > 0)
        return ERR_OK; /* it was done before it was interrupted */
    if (e == ERR_OK) {
        op.class_id = vault_class_id(run->v, def);
        e = read_version(run->v, op.class_id, &op.version);
    }
    if (e == ERR_OK)
        e = retime_class(run, entry, def);
    if (e == ERR_OK)
        e = vault_run(run->v, &op.op);
    if (e != ERR_OK)
        return e;
    json_set_int(entry, "version", op.version);
    return note(run, RETIMING_RUNNING);
}

static enum err run_all(struct run *run, struct errmsg *msg)
{
    const struct json *classes = json_get(run->body, "classes");
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < json_count(classes); i++)
        e = run_class(run, json_at(classes, i));
    if (e == ERR_CONFLICT) {
        e = note(run, RETIMING_ENDED);
        return e == ERR_OK ? no_longer_in_force(msg) : e;
    }
    if (e == ERR_OK)
        e = note(run, RETIMING_DONE);
    if (e == ERR_OK)
        log_event(EV_RULES_APPLIED, F_TEXT("digest", span_str(run->record.key)));
    return e == ERR_BUSY ? ERR_CANCELED : e;
}

static enum err start_or_go_on(struct run *run, struct errmsg *msg)
{
    enum err e;

    switch ((enum retiming_state)run->record.state) {
    case RETIMING_DONE:
        return ERR_OK;
    case RETIMING_ENDED:
        return errmsg_set(msg, ERR_CONFLICT,
                          "the rules changed while this was being applied: preview again");
    case RETIMING_RUNNING:
        break;
    case RETIMING_PREVIEWED:
        e = check_preview(run, msg);
        if (e == ERR_OK)
            e = note(run, RETIMING_RUNNING);
        if (e != ERR_OK)
            return e;
        break;
    }
    return run_all(run, msg);
}

/* ---- what is asked for ---- */

static struct json *run_map(const struct run *run)
{
    static const char *const members[] = {"version", "looked", "changed", "unreadable"};
    const struct json *classes = json_get(run->body, "classes");
    struct json *map = json_new_map(), *list = json_new_list();

    for (size_t i = 0; i < json_count(classes); i++) {
        const struct json *entry = json_at(classes, i);
        struct json *row = json_new_map();

        json_set(row, "class", json_new_text(json_text_of(json_get(entry, "class"))));
        for (size_t m = 0; m < COUNT_OF(members); m++)
            json_set_int(row, members[m], json_int_of(json_get(entry, members[m]), 0));
        json_add(list, row);
    }
    json_set_str(map, "digest", run->record.key);
    json_set_str(map, "state", "done");
    json_set(map, "classes", list);
    return map;
}

static enum err apply(struct vault *v, const char *digest, struct json **ret_tree,
                      struct errmsg *msg)
{
    AUTO(end_run) struct run run = {.v = v};
    enum err e = find_run(&run, digest);

    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, e,
                          "there is no preview with this digest, or it is older than 30 days: see "
                          "`lethe retention preview`");
    if (e == ERR_OK)
        e = start_or_go_on(&run, msg);
    if (e == ERR_OK && ret_tree != NULL)
        *ret_tree = run_map(&run);
    return e;
}

enum err retiming_apply(struct vault *v, struct span digest, struct json **ret_tree,
                        struct errmsg *msg)
{
    char key[DIGEST_TEXT];
    enum err e;

    if (digest.len != DIGEST_TEXT - 1 || memchr(digest.at, '\0', digest.len) != NULL)
        return errmsg_set(msg, ERR_INVALID, "the digest of a preview has %d characters",
                          DIGEST_TEXT - 1);
    memcpy(key, digest.at, digest.len);
    key[digest.len] = '\0';
    if (pthread_mutex_trylock(&turn) != 0)
        return errmsg_set(msg, ERR_BUSY, "another change of rules is being applied");
    e = apply(v, key, ret_tree, msg);
    (void)pthread_mutex_unlock(&turn);
    return e;
}

static enum err next_running(struct vault *v, uint64_t *after, char key[VAULT_RECORD_KEY_MAX + 1])
{
    const struct vault_record_filter filter = {.kind = VAULT_RECORD_RULE_RUN,
                                               .states = UINT64_C(1) << RETIMING_RUNNING};
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record;
    enum err e = vault_records_open(v, &records);

    if (e == ERR_OK)
        e = vault_record_next(records, &filter, *after, &record);
    if (e != ERR_OK)
        return e;
    *after = record.number;
    memcpy(key, record.key, sizeof(record.key));
    return ERR_OK;
}

enum err retiming_resume(struct vault *v)
{
    char key[VAULT_RECORD_KEY_MAX + 1];
    uint64_t after = 0;
    enum err e = ERR_OK;

    if (pthread_mutex_trylock(&turn) != 0)
        return ERR_OK; /* somebody is at it */
    while (e == ERR_OK) {
        struct errmsg msg = {""};

        e = next_running(v, &after, key);
        if (e == ERR_OK)
            e = apply(v, key, NULL, &msg);
        if (e == ERR_CONFLICT)
            e = ERR_OK; /* it has ended, and its record says so */
    }
    (void)pthread_mutex_unlock(&turn);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}
