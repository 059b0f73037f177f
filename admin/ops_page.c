/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in pages: one way for all of them.
 * Runs on: any thread. Holds: nothing. Invariant: a page that says "more" says where the next begins. Not here:
 * the field Link (admin/api_answer.c). */
#include "admin/ops_priv.h"

static enum err read_count(const struct json *request, const char *name, int64_t least,
                           int64_t most, int64_t *ret, struct errmsg *msg)
{
    const struct json *value = json_get(request, name);
    const int64_t count = json_int_of(value, -1);

    if (value == NULL)
        return ERR_OK;
    if (count < least || count > most)
        return errmsg_set(msg, ERR_INVALID, "\"%s\" is a number from %lld to %lld", name,
                          (long long)least, (long long)most);
    *ret = count;
    return ERR_OK;
}

enum err ops_read_page(const struct json *request, size_t limit, struct ops_page *ret,
                       struct errmsg *msg)
{
    int64_t after = 0, most = (int64_t)limit;
    enum err e = read_count(request, "after", 0, INT64_MAX, &after, msg);

    if (e == ERR_OK)
        e = read_count(request, "limit", 1, OPS_VALUES_MAX, &most, msg);
    if (e == ERR_OK)
        *ret = (struct ops_page){.after = (uint64_t)after, .limit = (size_t)most};
    return e;
}

void ops_set_next(struct json *map, bool more, uint64_t last)
{
    json_set_bool(map, "more", more);
    json_set(map, "next", more ? json_new_int((int64_t)last) : json_new_null());
}

struct json *ops_cut(const struct json *whole, const struct ops_page *page, const char *number,
                     struct json *map)
{
    struct json *list = json_new_list();
    uint64_t last = page->after;
    bool more = false;

    for (size_t i = 0; !more && i < json_count(whole); i++) {
        const uint64_t at = (uint64_t)json_int_of(json_get(json_at(whole, i), number), 0);

        if (at <= page->after)
            continue;
        more = json_count(list) == page->limit;
        if (more)
            break;
        json_add(list, json_clone(json_at(whole, i)));
        last = at;
    }
    ops_set_next(map, more, last);
    return list;
}

enum err ops_list_records(const struct admin *admin, const struct json *request,
                          const struct ops_records *what, struct json **ret_response,
                          struct errmsg *msg)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    AUTO(json_free) struct json *list = json_new_list();
    const struct vault_record_filter filter = {.kind = what->kind, .states = VAULT_RECORD_ANY};
    struct vault_record record = {.number = 0};
    struct ops_page page = {.after = 0};
    enum err e = ops_read_page(request, OPS_VALUES_MAX, &page, msg);

    record.number = page.after;
    if (e == ERR_OK)
        e = vault_records_open(admin->vault, &records);
    for (size_t i = 0; e == ERR_OK && i < page.limit; i++) {
        struct json *entry = NULL;

        e = vault_record_next(records, &filter, record.number, &record);
        if (e == ERR_OK)
            e = what->tell(&record, &entry);
        if (e == ERR_OK)
            json_add(list, entry);
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    *ret_response = json_new_map();
    ops_set_next(*ret_response, e == ERR_OK, record.number);
    json_set(*ret_response, what->name, TAKE(list));
    return ERR_OK;
}
