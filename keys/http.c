/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a key server.
 * Runs on: any thread; blocks. Holds: nothing between two calls. Invariant: a token is copied to guarded
 * memory only. Not here: HTTPS (base/webclient.c), what is asked (keys/transit.c). */
#include "keys/http_priv.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/secret.h"
#include "base/webclient.h"

enum { HEADER_MAX = KEYS_HTTP_TOKEN_MAX + 64 };

static const char *header(uint8_t *line, const char *name, const char *value)
{
    REQUIRE(snprintf((char *)line, HEADER_MAX, "%s: %s", name, value) < HEADER_MAX);
    return (const char *)line;
}

enum err keys__http_ask(const struct keys_http *http, const struct keys_http_request *request,
                        struct buf *answer, int *ret_status, struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *space = secret_alloc(HEADER_MAX);
    AUTO(secret_free) uint8_t *token = secret_alloc(HEADER_MAX);
    /* The server's own guard against forged requests comes first. */
    const char *headers[4] = {"X-Vault-Request: true"};
    const struct web_server server = {.address = http->address,
                                      .ca = http->ca,
                                      .connect_ms = http->connect_ms,
                                      .total_ms = http->total_ms};
    const struct web_request asked = {
        .path = request->path, .headers = headers, .body = request->body};
    size_t count = 1;

    REQUIRE(answer->max <= KEYS_HTTP_ANSWER_MAX);
    if (request->space != NULL)
        headers[count++] = header(space, "X-Vault-Namespace", request->space);
    if (request->token != NULL)
        headers[count++] = header(token, "X-Vault-Token", (const char *)request->token);
    return web_ask(&server, &asked, answer, ret_status, msg);
}
