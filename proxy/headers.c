/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding rules for header fields (RFC 9110 7.6, E06, E07, E10, E40).
 * Runs on: loop threads. Holds: nothing. Invariant: nothing a client sent passes as something only
 * Lethe says. Not here: hop-by-hop fields (request_guard.c, upstream.c know them). */
#include "proxy/headers.h"

#include <string.h>

#include "base/assert.h"

/* ---- names ---- */

enum header_kind {
    HEADER_PLAIN,
    HEADER_OURS,        /* Lethe-*: between the caller and Lethe */
    HEADER_FORWARDED,   /* says who the client is, or for what else it asks: only we do */
    HEADER_NEGOTIATION, /* asks for codings, parts or conditions */
    HEADER_DIGEST,      /* of the body */
    HEADER_CODING,      /* of the body */
    HEADER_CACHING,     /* what caches go by */
    HEADER_TRACE,       /* traceparent */
    HEADER_TRACE_STATE, /* tracestate */
    HEADER_FRAMING,     /* Content-Length, Date: written by libh2o */
};

static char folded(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c | 0x20);
    return c == '_' ? '-' : c; /* applications that see CGI variables cannot tell them apart */
}

static bool starts_with(struct span name, struct span prefix)
{
    if (name.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++)
        if (folded(name.at[i]) != prefix.at[i])
            return false;
    return true;
}

static bool is(struct span name, struct span wanted)
{
    return name.len == wanted.len && starts_with(name, wanted);
}

bool headers_is(struct span name, struct span wanted)
{
    return is(name, wanted);
}

struct named_kind {
    struct span name;
    enum header_kind kind;
};

/* By first letter; what is not here is plain. */
static const struct named_kind kinds_a[] = {{{"accept-encoding", 15}, HEADER_NEGOTIATION},
                                            {{"accept-ranges", 13}, HEADER_CACHING},
                                            {{"age", 3}, HEADER_CACHING},
                                            {SPAN_NONE, HEADER_PLAIN}};
static const struct named_kind kinds_c[] = {
    {{"content-length", 14}, HEADER_FRAMING},  {{"content-md5", 11}, HEADER_DIGEST},
    {{"content-encoding", 16}, HEADER_CODING}, {{"content-digest", 14}, HEADER_DIGEST},
    {{"cache-control", 13}, HEADER_CACHING},   {SPAN_NONE, HEADER_PLAIN}};
static const struct named_kind kinds_d[] = {
    {{"date", 4}, HEADER_FRAMING}, {{"digest", 6}, HEADER_DIGEST}, {SPAN_NONE, HEADER_PLAIN}};
static const struct named_kind kinds_e[] = {
    {{"etag", 4}, HEADER_CACHING}, {{"expires", 7}, HEADER_CACHING}, {SPAN_NONE, HEADER_PLAIN}};
static const struct named_kind kinds_r[] = {{{"range", 5}, HEADER_NEGOTIATION},
                                            {{"repr-digest", 11}, HEADER_DIGEST},
                                            {SPAN_NONE, HEADER_PLAIN}};

static enum header_kind look_up(const struct named_kind *kinds, struct span name)
{
    for (; kinds->name.at != NULL; kinds++)
        if (is(name, kinds->name))
            return kinds->kind;
    return HEADER_PLAIN;
}

static enum header_kind kind_of(struct span name)
{
    switch (name.len == 0 ? '\0' : folded(name.at[0])) {
    case 'a':
        return look_up(kinds_a, name);
    case 'c':
        return look_up(kinds_c, name);
    case 'd':
        return look_up(kinds_d, name);
    case 'e':
        return look_up(kinds_e, name);
    case 'f':
        return is(name, SPAN_LIT("forwarded")) ? HEADER_FORWARDED : HEADER_PLAIN;
    case 'i':
        return starts_with(name, SPAN_LIT("if-")) ? HEADER_NEGOTIATION : HEADER_PLAIN;
    case 'l':
        if (starts_with(name, SPAN_LIT("lethe-")))
            return HEADER_OURS;
        return is(name, SPAN_LIT("last-modified")) ? HEADER_CACHING : HEADER_PLAIN;
    case 'p':
        return is(name, SPAN_LIT("pragma")) ? HEADER_CACHING : HEADER_PLAIN;
    case 'r':
        return look_up(kinds_r, name);
    case 't':
        if (is(name, SPAN_LIT("traceparent")))
            return HEADER_TRACE;
        return is(name, SPAN_LIT("tracestate")) ? HEADER_TRACE_STATE : HEADER_PLAIN;
    case 'x':
        /* the last two: some frameworks route by them in place of the request line */
        if (starts_with(name, SPAN_LIT("x-forwarded-")) || is(name, SPAN_LIT("x-real-ip")) ||
            starts_with(name, SPAN_LIT("x-original-")) || is(name, SPAN_LIT("x-rewrite-url")))
            return HEADER_FORWARDED;
        return HEADER_PLAIN;
    default:
        return HEADER_PLAIN;
    }
}

static struct span name_of(const h2o_header_t *header)
{
    return span_of(header->name->base, header->name->len);
}

static struct span value_of(const h2o_header_t *header)
{
    return span_of(header->value.base, header->value.len);
}

/* ---- what came ---- */

static enum err set_once(struct span *to, const h2o_header_t *header)
{
    if (to->at != NULL)
        return ERR_INVALID;
    *to = value_of(header);
    return ERR_OK;
}

/* A wrong one is no reason to refuse a request: it is left out. */
static void scan_trace(struct request_fields *found, struct span value)
{
    bool first = !found->trace_again && found->trace.at == NULL;

    if (first && trace_parent_is_valid(value)) {
        found->trace = value;
    } else {
        found->trace_again = true;
        found->trace = SPAN_NONE;
    }
}

static void scan_trace_state(struct request_fields *found, struct span value)
{
    if (found->state_bytes == SIZE_MAX || !trace_state_is_valid(value) ||
        found->state_bytes + value.len > TRACE_STATE_MAX)
        found->state_bytes = SIZE_MAX;
    else
        found->state_bytes += value.len;
}

enum err headers_scan(const h2o_headers_t *headers, struct request_fields *ret)
{
    struct request_fields found = {.key = SPAN_NONE};

    for (size_t i = 0; i < headers->size; i++) {
        const h2o_header_t *header = &headers->entries[i];
        enum err e = ERR_OK;

        if (header->name == &H2O_TOKEN_CONTENT_TYPE->buf)
            e = set_once(&found.content_type, header);
        else if (header->name == &H2O_TOKEN_CONTENT_ENCODING->buf)
            e = set_once(&found.content_encoding, header);
        else if (header->name->len == 9 && is(name_of(header), SPAN_LIT("lethe-key")))
            e = set_once(&found.key, header);
        else if (header->name->len == 13 && is(name_of(header), SPAN_LIT("lethe-purpose")))
            e = set_once(&found.purpose, header);
        else if (header->name->len == 12 && is(name_of(header), SPAN_LIT("x-request-id")))
            e = set_once(&found.request_id, header);
        else if (header->name->len == 11 && is(name_of(header), SPAN_LIT("traceparent")))
            scan_trace(&found, value_of(header));
        else if (header->name->len == 10 && is(name_of(header), SPAN_LIT("tracestate")))
            scan_trace_state(&found, value_of(header));
        if (e != ERR_OK)
            return e;
    }
    *ret = found;
    return ERR_OK;
}

enum err headers_find(const h2o_headers_t *headers, struct span name, struct span *ret_value)
{
    struct span found = SPAN_NONE;

    for (size_t i = 0; i < headers->size; i++) {
        if (!is(name_of(&headers->entries[i]), name))
            continue;
        if (found.at != NULL)
            return ERR_INVALID;
        found = value_of(&headers->entries[i]);
    }
    if (found.at == NULL)
        return ERR_NOT_FOUND;
    *ret_value = found;
    return ERR_OK;
}

struct span headers_of_answer(const struct upstream_head *head, struct span name, bool *ret_several)
{
    struct span found = SPAN_NONE;

    *ret_several = false;
    for (size_t i = 0; i < head->header_count; i++) {
        if (!is(head->headers[i].name, name))
            continue;
        if (found.at != NULL)
            *ret_several = true;
        found = head->headers[i].value;
    }
    return found;
}

/* ---- to the upstream ---- */

static bool passes_up(struct span name, const struct forwarding *f)
{
    switch (kind_of(name)) {
    case HEADER_OURS:
    case HEADER_FORWARDED:
    case HEADER_FRAMING:
        return false;
    case HEADER_NEGOTIATION:
        if (f->reveals)
            return false;
        break;
    case HEADER_DIGEST:
        if (f->changed)
            return false;
        break;
    case HEADER_CODING:
        if (f->decoded)
            return false;
        break;
    case HEADER_TRACE:
        return f->trace;
    case HEADER_TRACE_STATE:
        return f->trace && f->trace_state;
    case HEADER_CACHING: /* of answers; Cache-Control and the like mean something here too */
    case HEADER_PLAIN:
        break;
    }
    if (f->hidden.at != NULL && is(name, f->hidden))
        return false;
    return !guard_drops(f->facts, name);
}

/* A token that was meant for us alone. */
static bool is_withheld(struct span name, const struct forwarding *f)
{
    for (size_t i = 0; i < f->token_field_count; i++)
        if (!f->token_fields[i].pass && is(name, f->token_fields[i].name))
            return true;
    return false;
}

size_t headers_for_upstream(const h2o_headers_t *headers, const struct forwarding *f,
                            struct upstream_header out[FORWARD_HEADERS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < headers->size && count < LIMIT_HEADERS_MAX; i++) {
        const h2o_header_t *header = &headers->entries[i];

        if (!passes_up(name_of(header), f) || is_withheld(name_of(header), f))
            continue;
        out[count].name = header->orig_name != NULL ? span_of(header->orig_name, header->name->len)
                                                    : name_of(header);
        out[count++].value = value_of(header);
    }
    out[count++] = (struct upstream_header){SPAN_LIT("X-Forwarded-For"), f->peer};
    out[count++] = (struct upstream_header){SPAN_LIT("X-Forwarded-Proto"), f->scheme};
    if (f->host.len > 0)
        out[count++] = (struct upstream_header){SPAN_LIT("X-Forwarded-Host"), f->host};
    if (!f->has_request_id)
        out[count++] = (struct upstream_header){SPAN_LIT("X-Request-Id"), f->request_id};
    if (f->new_trace.at != NULL)
        out[count++] = (struct upstream_header){SPAN_LIT("traceparent"), f->new_trace};
    return count;
}

/* ---- to the client ---- */

/* Some caches go by fields of their own, whatever Cache-Control says: RFC 9213 (CDN-Cache-Control and its like), CDNs'
 * before that, and nginx'. */
static bool is_for_one_cache(struct span name)
{
    static const struct span tail = {"-cache-control", 14};

    return is(name, SPAN_LIT("surrogate-control")) || is(name, SPAN_LIT("edge-control")) ||
           is(name, SPAN_LIT("x-accel-expires")) ||
           (name.len > tail.len && is(span_of(name.at + name.len - tail.len, tail.len), tail));
}

static bool passes_down(struct span name, enum answer_change change)
{
    switch (kind_of(name)) {
    case HEADER_OURS:
    case HEADER_FRAMING:
        return false;
    case HEADER_DIGEST:
    case HEADER_CACHING:
        return change == ANSWER_SAME;
    case HEADER_CODING:
        return change != ANSWER_DECODED;
    case HEADER_TRACE:
    case HEADER_TRACE_STATE:
    case HEADER_FORWARDED:
    case HEADER_NEGOTIATION:
    case HEADER_PLAIN:
        break;
    }
    return change == ANSWER_SAME || !is_for_one_cache(name);
}

static char *put(char *to, struct span from, h2o_iovec_t *ret)
{
    memcpy(to, from.at, from.len);
    *ret = h2o_iovec_init(to, from.len);
    return to + from.len;
}

void headers_for_client(h2o_req_t *req, const struct upstream_head *head, enum answer_change change,
                        struct span request_id)
{
    h2o_headers_t *to = &req->res.headers;
    size_t bytes = 0;
    h2o_iovec_t *names;
    char *text;

    for (size_t i = 0; i < head->header_count; i++)
        bytes += head->headers[i].name.len + head->headers[i].value.len;
    names = h2o_mem_alloc_pool(&req->pool, head->header_count * sizeof(*names) + bytes + 1);
    text = (char *)(names + head->header_count);
    h2o_vector_reserve(&req->pool, to, head->header_count + 3);
    for (size_t i = 0; i < head->header_count; i++) {
        h2o_header_t *slot;

        if (!passes_down(head->headers[i].name, change))
            continue;
        slot = &to->entries[to->size++];
        text = put(text, head->headers[i].name, &names[i]);
        *slot = (h2o_header_t){.name = &names[i], .orig_name = NULL};
        text = put(text, head->headers[i].value, &slot->value);
    }
    if (change != ANSWER_SAME)
        h2o_add_header(&req->pool, to, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
    h2o_add_header_by_str(&req->pool, to, H2O_STRLIT("Lethe-Request-Id"), 0, NULL, request_id.at,
                          request_id.len);
}

void headers_add_hsts(h2o_req_t *req, struct span value)
{
    struct span theirs;

    if (headers_find(&req->res.headers, SPAN_LIT("strict-transport-security"), &theirs) ==
        ERR_NOT_FOUND)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_STRICT_TRANSPORT_SECURITY, NULL,
                       value.at, value.len);
}
