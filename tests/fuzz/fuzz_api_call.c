/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of operations as HTTP requests: whatever their members are, the target is one of the API's, in characters that
 * a request line may hold, and names of people are not in it. */
#include <string.h>

#include "admin/api_call.h"
#include "base/assert.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_call(const struct api_call *call)
{
    if (call->needs_person) {
        REQUIRE(call->method == NULL && call->body == NULL);
        return;
    }
    REQUIRE(strncmp(call->target, "/v1/", 4) == 0);
    for (const char *c = call->target; *c != '\0'; c++)
        REQUIRE(*c > ' ' && *c <= '~' && *c != '#' && *c != '\\');
    REQUIRE(strstr(call->target, "subject=") == NULL && strstr(call->target, "token=") == NULL);
    REQUIRE(call->body == NULL ||
            (strcmp(call->method, "GET") != 0 && json_get(call->body, "op") == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(json_free) struct json *request = NULL;
    AUTO(api_call_done) struct api_call call = {.method = NULL};
    struct errmsg msg = {""};

    if (json_parse(span_of(data, size), &request) != ERR_OK || json_kind(request) != JSON_MAP)
        return 0;
    if (api_call_make(request, &call, &msg) == ERR_OK)
        check_call(&call);
    else
        REQUIRE(msg.text[0] != '\0');
    return 0;
}
