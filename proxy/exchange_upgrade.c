/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket (RFC 6455) on routes that let it pass: what goes over it is neither read nor changed.
 * Runs on: the loop threads. Holds: nothing. Invariant: no route with declared fields is ever gone over
 * from, and no protocol but WebSocket is gone over to. Not here: the bytes that pass (tunnel.c). */
#include "proxy/exchange_priv.h"

#include <h2o/http1.h>

#include "base/http_reason.h"
#include "proxy/tunnel.h"

static bool has(const struct exchange *x, struct span name, struct span value)
{
    struct span found;

    return headers_find(&x->req->headers, name, &found) == ERR_OK &&
           (value.at == NULL ? found.len > 0 : span_equal_nocase(found, value));
}

bool exchange_wants_websocket(const struct exchange *x)
{
    const struct span upgrade = span_of(x->req->upgrade.base, x->req->upgrade.len);

    return x->facts.upgrade && x->facts.connection_upgrade && x->route != NULL &&
           x->route->def->websocket && x->facts.minor_version == 1 &&
           method_bit(x->facts.method) == METHOD_GET && !x->facts.has_body &&
           span_equal_nocase(upgrade, SPAN_LIT("websocket")) &&
           has(x, SPAN_LIT("sec-websocket-version"), SPAN_LIT("13")) &&
           has(x, SPAN_LIT("sec-websocket-key"), SPAN_NONE);
}

void exchange_on_upgraded(struct upstream_call *call UNUSED, const struct upstream_head *head,
                          h2o_socket_t *sock, struct span first, void *context)
{
    struct exchange *x = context;
    h2o_req_t *req = x->req;

    req->res.status = head->status;
    req->res.reason = http_reason(head->status);
    req->res.content_length = SIZE_MAX;
    headers_for_client(req, head, ANSWER_SAME, span_of(x->id, EXCHANGE_ID_LEN));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_UPGRADE, NULL, H2O_STRLIT("websocket"));
    x->begun = true;
    x->state = EXCHANGE_SENT;
    h2o_http1_upgrade(req, NULL, 0, tunnel_open, tunnel_new(x->loop, sock, first));
}
