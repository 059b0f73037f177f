/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that read the audit trail.
 * Runs on: worker threads and the command line; blocks long. Holds: nothing. Not here: a record as JSON
 * (retention/audit_json.h), whether the trail is whole (vault/audit_verify.h). */
#include <string.h>

#include "admin/ops_priv.h"
#include "retention/audit_json.h"
#include "retention/receipt.h"
#include "vault/audit_read.h"

/* Instants of the trail are in milliseconds, in UTC. */
static const int64_t DAY_MS = 86400000;

/* ---- reading ---- */

struct page {
    const struct admin *admin;
    struct json *list;
    size_t limit;
    bool more;
    uint64_t last;
};

static enum err add(const struct audit_record *record, void *context)
{
    struct page *page = context;

    if (json_count(page->list) == page->limit) {
        page->more = true;
        return ERR_CANCELED;
    }
    json_add(page->list, audit_json(page->admin->vault, record));
    page->last = record->seq;
    return ERR_OK;
}

static enum err read_page(struct admin *admin, const struct audit_filter *filter, size_t limit,
                          struct json **ret_response)
{
    AUTO(json_free) struct json *list = json_new_list();
    struct page page = {.admin = admin, .list = list, .limit = limit, .last = filter->after};
    struct json *map;
    enum err e = audit_search(admin->vault, filter, add, &page);

    if (e != ERR_OK && e != ERR_CANCELED)
        return e;
    map = json_new_map();
    json_set(map, "records", TAKE(list));
    json_set_int(map, "last", (int64_t)page.last);
    ops_set_next(map, page.more, page.last);
    *ret_response = map;
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
    enum err e = ops_read_day(request, "from", DAY_MS, &f->from_ms, msg);

    if (e == ERR_OK)
        e = ops_read_day(request, "to", DAY_MS, &f->to_ms, msg);
    if (e == ERR_OK)
        e = read_action(request, f, msg);
    if (e == ERR_OK && json_get(request, "caller") != NULL)
        e = ops_need_text(request, "caller", &f->who, msg);
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
    struct ops_page page;
    enum err e = read_filter(request, &filter, msg);

    if (e == ERR_OK)
        e = ops_read_page(request, OPS_VALUES_MAX, &page, msg);
    if (e == ERR_OK && of_person)
        e = find_tag(admin, request, tag, msg);
    if (e != ERR_OK)
        return e;
    filter.after = page.after;
    return read_page(admin, &filter, page.limit, ret_response);
}

static void set_instant(struct json *map, const char *name, int64_t at_ms)
{
    if (at_ms > 0)
        receipt_set_instant(map, name, at_ms);
    else
        json_set(map, name, json_new_null());
}

/* How it is with the writing and signing of the trail, since the start. */
enum err ops_audit_status(struct admin *admin, const struct json *request UNUSED,
                          struct json **ret_response, struct errmsg *msg UNUSED)
{
    struct audit_figures f;
    struct json *map = json_new_map();

    audit_figures(vault_audit(admin->vault), &f);
    json_set_int(map, "last", (int64_t)f.last_seq);
    set_instant(map, "head", f.head_ms);
    json_set_int(map, "unsigned", (int64_t)f.unsigned_records);
    set_instant(map, "unsigned_since", f.unsigned_since_ms);
    json_set_int(map, "failures", (int64_t)f.failures);
    json_set_int(map, "heads_lost", (int64_t)f.heads_lost);
    *ret_response = map;
    return ERR_OK;
}

/* The last records, without `after`; else those that have come since. */
enum err ops_audit_tail(struct admin *admin, const struct json *request, struct json **ret_response,
                        struct errmsg *msg)
{
    enum { LAST = 20 };
    struct audit_filter filter = {.after = 0};
    struct ops_page page = {.after = 0};
    uint64_t last = 0;
    enum err e = ops_read_page(request, OPS_VALUES_MAX, &page, msg);

    filter.after = page.after;
    if (e == ERR_OK && json_get(request, "after") == NULL)
        e = audit_last(admin->vault, &last);
    if (e != ERR_OK)
        return e;
    if (last > LAST)
        filter.after = last - LAST;
    return read_page(admin, &filter, page.limit, ret_response);
}
