/* SPDX-License-Identifier: Apache-2.0 */
/* Style sheets and scripts. Runs on: any thread. Holds: their names, which nothing changes. */
#include "ui/assets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/digest.h"
#include "base/mem.h"
#include "ui/files.h"

enum { NAME_MAX_LEN = 64, HASH_CHARS = 16 };

static const struct kind {
    const char *file;   /* as it is compiled in */
    const char *member; /* what templates call it */
    const char *head, *tail;
    const char *type;
} kinds[] = {
    {"assets/app.css", "css", "app", ".css", "text/css; charset=utf-8"},
    {"assets/app.js", "js", "app", ".js", "text/javascript; charset=utf-8"},
    {"assets/charts.js", "charts_js", "charts", ".js", "text/javascript; charset=utf-8"},
    {"assets/icon.svg", "icon", "icon", ".svg", "image/svg+xml"},
    {"assets/uplot.css", "uplot_css", "uplot", ".css", "text/css; charset=utf-8"},
    {"assets/uplot.js", "uplot_js", "uplot", ".js", "text/javascript; charset=utf-8"},
};

struct asset {
    const struct kind *kind;
    char name[NAME_MAX_LEN];
    char tag[HASH_CHARS + 3]; /* quoted, as ETag wants it */
    struct span bytes;
};

struct assets {
    struct asset at[COUNT_OF(kinds)];
    size_t count;
};

static void add(struct assets *assets, const struct kind *kind, struct span bytes)
{
    struct asset *asset = &assets->at[assets->count++];
    char hex[DIGEST_HEX_BYTES];

    asset->kind = kind;
    asset->bytes = bytes;
    digest_hex(bytes, hex);
    (void)snprintf(asset->name, sizeof(asset->name), "%s.%.*s%s", kind->head, HASH_CHARS, hex,
                   kind->tail);
    (void)snprintf(asset->tag, sizeof(asset->tag), "\"%.*s\"", HASH_CHARS, hex);
}

struct assets *assets_new(void)
{
    struct assets *assets = mem_alloc(sizeof(*assets));

    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (size_t i = 0; i < file_count; i++)
            if (strcmp(files[i].name, kinds[k].file) == 0)
                add(assets, &kinds[k],
                    span_of(files[i].start, (size_t)(files[i].end - files[i].start)));
    return assets;
}

void assets_free(struct assets **assetsp)
{
    free(TAKE(*assetsp));
}

static void give(const struct asset *asset, const struct http_request *request,
                 struct http_answer *answer)
{
    answer->cacheable = true;
    http_answer_field(answer, "cache-control", "public, max-age=31536000, immutable");
    http_answer_field(answer, "etag", "%s", asset->tag);
    answer->content_type = asset->kind->type;
    answer->status = 304;
    if (span_equal(request->fields[HTTP_IF_NONE_MATCH], span_str(asset->tag)))
        return;
    answer->status = buf_append_span(&answer->body, asset->bytes) == ERR_OK ? 200 : 503;
}

void assets_serve(const struct assets *assets, const struct http_request *request,
                  struct http_answer *answer)
{
    const size_t head = sizeof(ASSETS_PREFIX) - 1;
    const struct span name = span_of(request->path.at + head, request->path.len - head);

    if (!span_equal(request->method, SPAN_LIT("GET")) &&
        !span_equal(request->method, SPAN_LIT("HEAD"))) {
        answer->status = 405;
        http_answer_field(answer, "allow", "GET, HEAD");
        return;
    }
    for (size_t i = 0; i < assets->count; i++)
        if (span_equal(name, span_str(assets->at[i].name)))
            give(&assets->at[i], request, answer);
}

struct json *assets_names(const struct assets *assets)
{
    struct json *map = json_new_map();

    for (size_t i = 0; i < assets->count; i++)
        json_set_str(map, assets->at[i].kind->member, assets->at[i].name);
    json_set_bool(map, "charts", assets_have_charts(assets));
    return map;
}

bool assets_have_charts(const struct assets *assets)
{
    for (size_t i = 0; i < assets->count; i++)
        if (strcmp(assets->at[i].kind->member, "uplot_js") == 0)
            return true;
    return false;
}
