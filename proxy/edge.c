/* SPDX-License-Identifier: Apache-2.0 */
/* X-Forwarded-For and -Proto, Forwarded (RFC 7239), and a client certificate's header, from proxies
 * that are trusted.
 * Runs on: the loop threads. Holds: nothing. Invariant: nothing is believed that a trusted proxy did
 * not write. Not here: the PROXY protocol (proxy_line.c), what the upstream is told (headers.c). */
#include "proxy/edge.h"

#include <string.h>

#include "proxy/headers.h"

bool edge_trusts(const struct edge_trust *trust, const struct address *address)
{
    for (size_t i = 0; i < trust->count; i++)
        if (network_has(&trust->networks[i], address))
            return true;
    return false;
}

static struct span trim(struct span s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Take the last element of a comma-separated list off it. In a quoted string (Forwarded has them) no
 * comma is expected: an address and a scheme need none, and a wrong cut is no address. */
static struct span take_last(struct span *list)
{
    const char *comma = memrchr(list->at, ',', list->len);
    size_t from = comma == NULL ? 0 : (size_t)(comma - list->at) + 1;
    struct span last = trim(span_of(list->at + from, list->len - from));

    list->len = comma == NULL ? 0 : from - 1;
    return last;
}

/* ---- Forwarded ---- */

static struct span unquote(struct span s)
{
    return s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"' ? span_of(s.at + 1, s.len - 2)
                                                                  : s;
}

/* The value of one parameter of "for=192.0.2.1;proto=https"; at is NULL without it. */
static struct span parameter(struct span element, struct span name)
{
    while (element.len > 0) {
        const char *end = memchr(element.at, ';', element.len);
        size_t len = end == NULL ? element.len : (size_t)(end - element.at);
        struct span pair = trim(span_of(element.at, len));

        if (pair.len > name.len && pair.at[name.len] == '=' &&
            span_equal_nocase(span_of(pair.at, name.len), name))
            return unquote(span_of(pair.at + name.len + 1, pair.len - name.len - 1));
        len += end != NULL;
        element = span_of(element.at + len, element.len - len);
    }
    return SPAN_NONE;
}

/* ---- one hop ---- */

static bool is_port(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return s.len > 0 && s.len <= 5;
}

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]", the first and the last also with a port. */
static enum err read_node(struct span node, struct address *ret)
{
    const char *end;

    if (node.len > 0 && node.at[0] == '[') {
        end = memchr(node.at, ']', node.len);
        if (end == NULL)
            return ERR_INVALID;
        if (end + 1 < node.at + node.len &&
            (end[1] != ':' || !is_port(span_of(end + 2, (size_t)(node.at + node.len - end - 2)))))
            return ERR_INVALID;
        return address_parse(span_of(node.at + 1, (size_t)(end - node.at - 1)), ret);
    }
    end = node.len == 0 ? NULL : memchr(node.at, ':', node.len);
    if (end != NULL && memchr(end + 1, ':', (size_t)(node.at + node.len - end - 1)) == NULL) {
        if (!is_port(span_of(end + 1, (size_t)(node.at + node.len - end - 1))))
            return ERR_INVALID;
        node.len = (size_t)(end - node.at);
    }
    return address_parse(node, ret);
}

static struct span name_of(enum edge_header header)
{
    return header == EDGE_FORWARDED ? SPAN_LIT("forwarded") : SPAN_LIT("x-forwarded-for");
}

/* Go back along one line of the header while those who wrote are trusted. false: the client is found. */
static bool walk(const struct edge_trust *trust, struct span line, struct edge_client *client)
{
    while (line.len > 0) {
        struct span last = take_last(&line), node = last;
        struct address address;

        if (trust->header == EDGE_FORWARDED) {
            struct span proto = parameter(last, SPAN_LIT("proto"));

            node = parameter(last, SPAN_LIT("for"));
            if (proto.at != NULL)
                client->https = span_equal_nocase(proto, SPAN_LIT("https"));
        }
        if (read_node(node, &address) != ERR_OK)
            return false; /* hidden, or not said: whoever passed it on is all that is known */
        client->address = address;
        if (!edge_trusts(trust, &address))
            return false;
    }
    return true;
}

/* Several lines are one list. */
static void find_address(const struct edge_trust *trust, const h2o_headers_t *headers,
                         struct edge_client *client)
{
    struct span name = name_of(trust->header);

    for (size_t i = headers->size; i-- > 0;) {
        const h2o_header_t *h = &headers->entries[i];

        if (span_equal(span_of(h->name->base, h->name->len), name) &&
            !walk(trust, span_of(h->value.base, h->value.len), client))
            return;
    }
}

/* The one field of this name; SPAN_NONE without. Another spelling, which is one name with it to some (CGI,
 * WSGI, Rack), is none that a proxy writes. */
static enum err find_one(const h2o_headers_t *headers, struct span name, struct span *ret)
{
    struct span found;
    enum err e = headers_find(headers, name, &found);

    *ret = SPAN_NONE;
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < headers->size; i++) {
        const h2o_header_t *h = &headers->entries[i];

        if (h->value.base == found.at && !span_equal(span_of(h->name->base, h->name->len), name))
            return ERR_INVALID;
    }
    *ret = found;
    return ERR_OK;
}

static enum err find_scheme(const h2o_headers_t *headers, struct edge_client *client)
{
    struct span value;
    enum err e = find_one(headers, SPAN_LIT("x-forwarded-proto"), &value);

    if (e != ERR_OK || value.at == NULL)
        return e;
    client->https = span_equal_nocase(value, SPAN_LIT("https"));
    return client->https || span_equal_nocase(value, SPAN_LIT("http")) ? ERR_OK : ERR_INVALID;
}

enum err edge_read(const struct edge_trust *trust, const h2o_headers_t *headers,
                   struct edge_client *client)
{
    struct edge_client found = *client;
    enum err e = ERR_OK;

    find_address(trust, headers, &found);
    if (trust->header == EDGE_X_FORWARDED_FOR)
        e = find_scheme(headers, &found);
    if (e == ERR_OK && trust->certificate_header != NULL)
        e = find_one(headers, span_str(trust->certificate_header), &found.certificate);
    if (e == ERR_OK)
        *client = found;
    return e;
}
