/* SPDX-License-Identifier: Apache-2.0 */
/* The description of the admin API, as it is written, from the server that it describes.
 * Runs on: the listener's pool. Holds: the texts, which are a part of the program. Not here: what they say (docs/). */
#include <string.h>

#include "admin/api_priv.h"
#include "base/assert.h"

/* CMakeLists.txt says where they are. */
__asm__(".section .rodata\n"
        "document_openapi: .incbin \"" LETHE_DOCS "/openapi.yaml\"\n"
        "document_openapi_end: .byte 0\n"
        "document_reports: .incbin \"" LETHE_DOCS "/reports.schema.json\"\n"
        "document_reports_end: .byte 0\n"
        ".previous");
extern const char document_openapi[], document_openapi_end[];
extern const char document_reports[], document_reports_end[];

static const struct {
    const char *name, *type;
    const char *from, *to;
} documents[] = {
    {"openapi", "application/yaml", document_openapi, document_openapi_end},
    {"reports", "application/schema+json", document_reports, document_reports_end},
};

enum err api__document(struct call *c)
{
    const struct span name = json_text_of(json_get(c->members, "name"));
    size_t i = 0;
    enum err e;

    while (i < COUNT_OF(documents) && !span_equal(name, span_str(documents[i].name)))
        i++;
    REQUIRE(i < COUNT_OF(documents)); /* the table of routes names them */
    c->answer->status = 200;
    c->answer->content_type = documents[i].type;
    e = buf_append(&c->answer->body, documents[i].from,
                   (size_t)(documents[i].to - documents[i].from));
    return e == ERR_OK ? api__tag(c, NULL) : e;
}
