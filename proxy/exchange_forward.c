/* SPDX-License-Identifier: Apache-2.0 */
/* The request as the upstream gets it: the normal path that was matched, the fields that may pass,
 * the body with tokens in place.
 * Runs on: the loop threads. Holds: nothing but the call. Invariant: what is sent was framed here
 * and by the upstream client, never copied from the client's framing. */
#include "proxy/exchange_priv.h"

#include <string.h>

/* Base path, normal path and query in one piece, in the request's pool. */
static struct span target_of(struct exchange *x)
{
    const char *base = x->setup->settings->upstreams[x->upstream].base_path;
    size_t base_len = strlen(base),
           query_len = x->path.query.at == NULL ? 0 : x->path.query.len + 1;
    char *text, *at;

    if (base_len == 0 && query_len == 0)
        return x->path.path;
    text = h2o_mem_alloc_pool(&x->req->pool, base_len + x->path.path.len + query_len);
    memcpy(text, base, base_len);
    at = text + base_len;
    memcpy(at, x->path.path.at, x->path.path.len);
    at += x->path.path.len;
    if (query_len > 0) {
        *at++ = '?';
        memcpy(at, x->path.query.at, x->path.query.len);
        at += x->path.query.len;
    }
    return span_of(text, (size_t)(at - text));
}

static struct span body_of(const struct exchange *x)
{
    return x->body.at != NULL ? x->body : span_of(x->req->entity.base, x->req->entity.len);
}

/* The one header that says who the client is passes only if a trusted proxy has written it. */
static struct span hidden_field(const struct exchange *x)
{
    const char *name = x->setup->settings->trust.certificate_header;

    return name == NULL || x->client->trusted ? SPAN_NONE : span_str(name);
}

/* What of a trace goes up. One that begins here has the request's id for its own. */
static struct span begin_trace(struct exchange *x, char out[TRACE_PARENT_LEN])
{
    if (x->setup->settings->trace != TRACE_START || x->fields.trace.at != NULL)
        return SPAN_NONE;
    x->trace = span_of(x->id, EXCHANGE_ID_LEN);
    trace_parent_write(out, x->trace, span_of(x->id + TRACE_SPAN_LEN, TRACE_SPAN_LEN));
    return span_of(out, TRACE_PARENT_LEN);
}

void exchange_forward(struct exchange *x)
{
    char trace[TRACE_PARENT_LEN];
    struct upstream_header headers[FORWARD_HEADERS_MAX];
    size_t token_fields;
    const struct caller_field *fields = callers_fields(x->setup->policy->callers, &token_fields);
    const struct forwarding forwarding = {
        .facts = &x->facts,
        .peer = client_peer(x->client),
        .hidden = hidden_field(x),
        .scheme = x->client->edge.https ? SPAN_LIT("https") : SPAN_LIT("http"),
        .host = x->facts.host,
        .request_id = span_of(x->id, EXCHANGE_ID_LEN),
        .has_request_id = x->fields.request_id.at != NULL,
        .reveals = x->route != NULL && x->route->response != NULL,
        .changed = x->body.at != NULL || x->was_coded,
        .decoded = x->was_coded,
        .trace = x->trace.at != NULL,
        .trace_state = x->fields.state_bytes <= TRACE_STATE_MAX,
        .new_trace = begin_trace(x, trace),
        .token_fields = fields,
        .token_field_count = token_fields,
    };
    const struct upstream_request request = {
        .method = x->facts.method,
        .target = target_of(x),
        .headers = headers,
        .header_count = headers_for_upstream(&x->req->headers, &forwarding, headers),
        .body = body_of(x),
        .has_body = x->facts.has_body,
        .websocket = exchange_wants_websocket(x),
    };

    x->reveals = forwarding.reveals;
    x->state = EXCHANGE_WAITING;
    exchange_account_upstream(x, false);
    x->call = upstream_send(x->setup->pools[x->upstream], &request, &exchange_answer_events, x);
}
