/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as files, as the API writes them.
 * Runs on: the listener's pool; blocks. Holds: nothing. Invariant: a file is saved, never shown as a page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/ui_priv.h"

#define PREFIX "/ui/reports/"

static const struct kind {
    const char *ending;
    const char *accept;
} kinds[] = {
    {".csv", "text/csv"},
    {".json", "application/json"},
    {".html", "text/html"},
    {".txt", "text/plain"},
    {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
};

static bool is_name(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(text.at[i] >= 'a' && text.at[i] <= 'z') && text.at[i] != '-')
            return false;
    return text.len > 0 && text.len < 64;
}

/* The report's name and what kind of file it shall be; NULL: it is no such path. */
static const struct kind *kind_of(struct span path, struct span *ret_name)
{
    const size_t head = sizeof(PREFIX) - 1;

    if (path.len <= head || memcmp(path.at, PREFIX, head) != 0)
        return NULL;
    path = span_of(path.at + head, path.len - head);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const size_t len = strlen(kinds[i].ending);

        if (path.len <= len || memcmp(path.at + path.len - len, kinds[i].ending, len) != 0)
            continue;
        *ret_name = span_of(path.at, path.len - len);
        return is_name(*ret_name) ? &kinds[i] : NULL;
    }
    return NULL;
}

bool download__serve(struct visit *v)
{
    struct span name;
    const struct kind *kind = kind_of(v->request->path, &name);
    char path[UI_PATH_MAX], query[UI_QUERY_MAX];
    struct errmsg msg = {""};
    enum err e;

    if (kind == NULL)
        return false;
    (void)snprintf(path, sizeof(path), "/v1/reports/%.*s", (int)name.len, name.at);
    visit__set_period(v, query);
    e = visit__file(v, path, query, kind->accept, &msg);
    if (e != ERR_OK)
        page__fail(v, e, msg.text);
    else
        http_answer_field(v->answer, "content-disposition", "attachment; filename=\"%.*s%s\"",
                          (int)name.len, name.at, kind->ending);
    return true;
}
