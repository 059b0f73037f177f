/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that read the audit trail.
 * Runs on: worker threads and the command line; blocks long. Holds: nothing. Invariant: bytes that somebody
 * managed to get into a record come out as text in which nothing but text can be seen. Not here: whether the trail is
 * whole (vault/audit_verify.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/ops_priv.h"
#include "base/civil.h"
#include "retention/receipt.h"
#include "vault/audit_read.h"

enum { PAGE_MAX = 1000 };

/* ---- a record as JSON ---- */

/* What is no printable ASCII is written as \xNN. */
static struct json *safe_text(struct span text)
{
    char out[4 * AUDIT_WORD_MAX + 1];
    size_t len = 0;

    for (size_t i = 0; i < text.len && i < AUDIT_WORD_MAX; i++) {
        const unsigned char c = (unsigned char)text.at[i];

        if (c >= ' ' && c < 0x7f)
            out[len++] = (char)c;
        else
            len += (size_t)snprintf(out + len, 5, "\\x%02x", c);
    }
    return json_new_text(span_of(out, len));
}

static void set_word(struct json *map, const char *name, struct span word)
{
    if (word.len > 0)
        json_set(map, name, safe_text(word));
}

static void set_request(struct json *map, const uint8_t *id)
{
    if (id != NULL)
        receipt_set_id(map, "request", id);
}

/* What was shown and stored, by class; how many people it was about. */
struct sums {
    uint64_t values[CLASSES_MAX + 1], masks[CLASSES_MAX + 1], tokens[CLASSES_MAX + 1];
    size_t people;
};

static bool is_new(const struct audit_record *r, size_t index)
{
    for (size_t i = index; i > 0 && i + 64 > index; i--)
        if (memcmp(r->entries[i - 1].tag, r->entries[index].tag, AUDIT_TAG_BYTES) == 0)
            return false;
    return true;
}

static struct json *classes_list(const struct admin *admin, const struct sums *sums)
{
    struct json *list = json_new_list();

    for (uint16_t id = 1; id <= CLASSES_MAX; id++) {
        const struct class_def *def = vault_class_def(admin->vault, id);
        struct json *item;

        if (sums->values[id] + sums->masks[id] + sums->tokens[id] == 0)
            continue;
        item = json_new_map();
        json_set_str(item, "class", def == NULL ? "?" : def->name);
        json_set_int(item, "values", (int64_t)sums->values[id]);
        json_set_int(item, "masks", (int64_t)sums->masks[id]);
        json_set_int(item, "tokens", (int64_t)sums->tokens[id]);
        json_add(list, item);
    }
    return list;
}

static void set_people(const struct admin *admin, struct json *map, const struct audit_record *r)
{
    struct sums *sums = mem_alloc(sizeof(*sums));

    for (size_t i = 0; i < r->entry_count; i++) {
        const struct audit_entry *entry = &r->entries[i];

        sums->people += is_new(r, i);
        if (entry->class_id > CLASSES_MAX)
            continue;
        sums->values[entry->class_id] += entry->values;
        sums->masks[entry->class_id] += entry->masks;
        sums->tokens[entry->class_id] += entry->tokens;
    }
    if (r->entry_count > 0) {
        json_set_int(map, "people", (int64_t)sums->people);
        json_set(map, "classes", classes_list(admin, sums));
    }
    free(sums);
}

static const char *word_or(const char *word)
{
    return word == NULL ? "?" : word;
}

static struct json *record_map(const struct admin *admin, const struct audit_record *r)
{
    struct json *map = json_new_map();

    json_set_int(map, "number", (int64_t)r->seq);
    receipt_set_instant(map, "time", r->time_ms);
    json_set_str(map, "action", word_or(audit_action_word(r->action)));
    json_set_str(map, "outcome", word_or(audit_outcome_word(r->outcome)));
    json_set_str(map, "role", word_or(audit_role_word(r->role)));
    set_word(map, "who", r->who);
    set_word(map, "address", r->address);
    set_word(map, "purpose", r->purpose);
    set_word(map, "domain", r->domain);
    set_word(map, "route", r->route);
    set_word(map, "operation", r->operation);
    set_word(map, "error", r->error);
    set_word(map, "object", r->object);
    set_request(map, r->request);
    if (r->more > 0)
        json_set_int(map, "more", (int64_t)r->more);
    set_people(admin, map, r);
    set_word(map, "commit", r->commit);
    set_word(map, "digest", r->digest);
    json_set_int(map, "configuration", (int64_t)r->configuration);
    return map;
}

/* ---- reading ---- */

struct page {
    const struct admin *admin;
    struct json *list;
    bool more;
    uint64_t last;
};

static enum err add(const struct audit_record *record, void *context)
{
    struct page *page = context;

    if (json_count(page->list) == PAGE_MAX) {
        page->more = true;
        return ERR_CANCELED;
    }
    json_add(page->list, record_map(page->admin, record));
    page->last = record->seq;
    return ERR_OK;
}

static enum err read_page(struct admin *admin, const struct audit_filter *filter,
                          struct json **ret_response)
{
    AUTO(json_free) struct json *list = json_new_list();
    struct page page = {.admin = admin, .list = list, .last = filter->after};
    struct json *map;
    enum err e = audit_each(vault_dir(admin->vault), filter, add, &page);

    if (e != ERR_OK && e != ERR_CANCELED)
        return e;
    map = json_new_map();
    json_set(map, "records", TAKE(list));
    json_set_int(map, "last", (int64_t)page.last);
    json_set_bool(map, "more", page.more);
    *ret_response = map;
    return ERR_OK;
}

/* A day begins in UTC, as the trail's instants are. */
static enum err read_day(const struct json *request, const char *name, int64_t *ret_ms,
                         struct errmsg *msg)
{
    struct civil date;
    struct span text;
    enum err e;

    if (json_get(request, name) == NULL)
        return ERR_OK;
    e = ops_need_text(request, name, &text, msg);
    if (e != ERR_OK)
        return e;
    if (!civil_parse(text, &date))
        return errmsg_set(msg, ERR_INVALID, "\"%s\" must be a day, as in 2026-01-31", name);
    *ret_ms = civil_days(date) * INT64_C(86400000);
    return ERR_OK;
}

static enum err read_action(const struct json *request, struct audit_filter *f, struct errmsg *msg)
{
    struct span text;
    enum err e;

    if (json_get(request, "action") == NULL)
        return ERR_OK;
    e = ops_need_text(request, "action", &text, msg);
    if (e != ERR_OK || audit_action_of(text, &f->action))
        return e;
    return errmsg_set(msg, ERR_INVALID, "there is no such action");
}

static enum err read_filter(const struct json *request, struct audit_filter *f, struct errmsg *msg)
{
    enum err e = read_day(request, "from", &f->from_ms, msg);

    if (e == ERR_OK)
        e = read_day(request, "to", &f->to_ms, msg);
    if (e == ERR_OK)
        e = read_action(request, f, msg);
    if (e == ERR_OK && json_get(request, "caller") != NULL)
        e = ops_need_text(request, "caller", &f->who, msg);
    f->after = (uint64_t)json_int_of(json_get(request, "after"), 0);
    return e;
}

static enum err find_tag(struct admin *admin, const struct json *request,
                         uint8_t tag[AUDIT_TAG_BYTES], struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    uint64_t slot = 0;
    enum err e = vault_reader_open(admin->vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = ops_find_person(admin, reader, request, &slot, msg);
    if (e == ERR_OK)
        e = audit_subject_tag(reader, slot, tag);
    vault_read_end(reader);
    return e;
}

enum err ops_audit_list(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg)
{
    const bool of_person = json_get(request, "subject") != NULL ||
                           json_get(request, "token") != NULL ||
                           json_get(request, "person") != NULL;
    uint8_t tag[AUDIT_TAG_BYTES];
    struct audit_filter filter = {.tag = of_person ? tag : NULL};
    enum err e = read_filter(request, &filter, msg);

    if (e == ERR_OK && of_person)
        e = find_tag(admin, request, tag, msg);
    return e == ERR_OK ? read_page(admin, &filter, ret_response) : e;
}

/* The last records, without `after`; else those that have come since. */
enum err ops_audit_tail(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg UNUSED)
{
    enum { LAST = 20 };
    struct audit_filter filter = {.after = (uint64_t)json_int_of(json_get(request, "after"), 0)};
    uint64_t last = 0;
    enum err e = ERR_OK;

    if (json_get(request, "after") == NULL)
        e = audit_last(admin->vault, &last);
    if (e != ERR_OK)
        return e;
    if (last > LAST)
        filter.after = last - LAST;
    return read_page(admin, &filter, ret_response);
}
