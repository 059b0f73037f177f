/* SPDX-License-Identifier: Apache-2.0 */
/* Problem documents (RFC 9457).
 * Runs on: loop threads. Holds: nothing; the body lives in the request's pool. Invariant: status
 * and text come from the table of errors alone. Not here: deciding what is refused. */
#include "proxy/problem.h"

#include <stdio.h>
#include <string.h>

#include "base/http_reason.h"
#include "proxy/headers.h"
#include "proxy/route.h"

enum { NUMBER_MAX = 24 };

size_t problem_write(const struct problem *problem, char out[PROBLEM_BODY_MAX])
{
    int status = err_status(problem->error);
    int len = snprintf(out, PROBLEM_BODY_MAX,
                       "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\","
                       "\"request_id\":\"%.*s\"}\n",
                       http_reason(status), status, err_text(problem->error),
                       (int)problem->request_id.len, problem->request_id.at);

    return len < 0 ? 0 : (size_t)len < PROBLEM_BODY_MAX ? (size_t)len : PROBLEM_BODY_MAX - 1;
}

static void add_retry_after(h2o_mem_pool_t *pool, h2o_headers_t *headers,
                            const struct problem *problem)
{
    const bool soon = problem->error == ERR_BUSY || problem->error == ERR_UNAVAILABLE;
    int64_t seconds = problem->retry_s == 0 && soon ? 1 : problem->retry_s;
    char *text;
    int len;

    if (seconds == 0)
        return;
    text = h2o_mem_alloc_pool(pool, NUMBER_MAX);
    len = snprintf(text, NUMBER_MAX, "%lld", (long long)seconds);
    h2o_add_header(pool, headers, H2O_TOKEN_RETRY_AFTER, NULL, text, (size_t)len);
}

static void add_fields(h2o_req_t *req, const struct problem *problem)
{
    h2o_mem_pool_t *pool = &req->pool;
    h2o_headers_t *headers = &req->res.headers;

    h2o_add_header(pool, headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/problem+json"));
    h2o_add_header(pool, headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
    h2o_add_header_by_str(pool, headers, H2O_STRLIT("Lethe-Request-Id"), 0, NULL,
                          problem->request_id.at, problem->request_id.len);
    if (problem->error == ERR_METHOD && problem->allowed != 0) {
        char *allow = h2o_mem_alloc_pool(pool, METHODS_TEXT_MAX);

        methods_write(problem->allowed, allow);
        h2o_add_header(pool, headers, H2O_TOKEN_ALLOW, NULL, allow, strlen(allow));
    }
    if (problem->error == ERR_UNAUTHORIZED)
        h2o_add_header(pool, headers, H2O_TOKEN_WWW_AUTHENTICATE, NULL, H2O_STRLIT("Lethe-Key"));
    add_retry_after(pool, headers, problem);
    if (problem->hsts.at != NULL)
        headers_add_hsts(req, problem->hsts);
}

void problem_send(h2o_req_t *req, const struct problem *problem)
{
    static h2o_generator_t nothing_more = {NULL, NULL};
    char *text = h2o_mem_alloc_pool(&req->pool, PROBLEM_BODY_MAX);
    size_t len = problem_write(problem, text);
    h2o_iovec_t body = h2o_iovec_init(text, len);
    bool head = h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));

    if (problem->close || req->conn->ctx->shutdown_requested)
        req->http1_is_persistent = 0;
    req->res.status = err_status(problem->error);
    req->res.reason = http_reason(req->res.status);
    req->res.content_length = len;
    memset(&req->res.headers, 0, sizeof(req->res.headers));
    add_fields(req, problem);
    h2o_start_response(req, &nothing_more);
    h2o_send(req, &body, head ? 0 : 1, H2O_SEND_STATE_FINAL);
}
