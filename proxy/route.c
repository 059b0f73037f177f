/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of path templates.
 * Runs on: built by the thread that reads the settings, then read by any. Holds: nodes; templates
 * and hosts are the settings'. Invariant: two entries of a node never share a host and a method.
 * Not here: what a route means (proxy/settings_priv.h), normal forms (proxy/path.h). */
#include "proxy/route.h"

#include <string.h>

#include "base/assert.h"
#include "proxy/path.h"

struct entry {
    struct span host;
    uint32_t methods;
    size_t id;
};

struct node {
    struct span label;
    struct node **literals;
    size_t literal_count;
    struct node *param;
    struct node *rest; /* "{name...}": one or more segments */
    struct entry *entries;
    size_t entry_count;
};

struct routes {
    struct node *root;
};

enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAM, SEGMENT_REST };

/* ---- methods ---- */

static const struct {
    struct span name;
    uint32_t bit;
} methods[] = {
    {{"GET", 3}, METHOD_GET},         {{"HEAD", 4}, METHOD_HEAD},   {{"POST", 4}, METHOD_POST},
    {{"PUT", 3}, METHOD_PUT},         {{"PATCH", 5}, METHOD_PATCH}, {{"DELETE", 6}, METHOD_DELETE},
    {{"OPTIONS", 7}, METHOD_OPTIONS},
};

uint32_t method_bit(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (span_equal(methods[i].name, name))
            return methods[i].bit;
    return 0;
}

void methods_write(uint32_t set, char out[METHODS_TEXT_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if ((set & methods[i].bit) == 0)
            continue;
        if (len > 0) {
            out[len++] = ',';
            out[len++] = ' ';
        }
        memcpy(out + len, methods[i].name.at, methods[i].name.len);
        len += methods[i].name.len;
    }
    out[len] = '\0';
}

/* ---- templates ---- */

static bool is_name(struct span s)
{
    if (s.len == 0 || s.len > 64)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return true;
}

/* Characters a literal may hold as they are: unreserved and the sub-delims and colon and at-sign of
 * RFC 3986, without ';' (no path with one gets as far as a route). */
static bool is_literal(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("-._~!$&'()*+,=:@", c) != NULL)))
            return false;
    }
    return s.len > 0 && !span_equal(s, SPAN_LIT(".")) && !span_equal(s, SPAN_LIT(".."));
}

/* One segment of a template; for a parameter *ret_text is its name. */
static enum err read_segment(struct span segment, enum segment_kind *ret_kind,
                             struct span *ret_text)
{
    struct span name = SPAN_NONE;
    bool rest;

    if (is_literal(segment)) {
        *ret_kind = SEGMENT_LITERAL;
        *ret_text = segment;
        return ERR_OK;
    }
    if (segment.len < 3 || segment.at[0] != '{' || segment.at[segment.len - 1] != '}')
        return ERR_CONFIG;
    name = span_of(segment.at + 1, segment.len - 2);
    rest = name.len > 3 && memcmp(name.at + name.len - 3, "...", 3) == 0;
    if (rest)
        name.len -= 3;
    if (!is_name(name))
        return ERR_CONFIG;
    *ret_kind = rest ? SEGMENT_REST : SEGMENT_PARAM;
    *ret_text = name;
    return ERR_OK;
}

enum err route_param(struct span template, struct span name, size_t *ret_index)
{
    struct span rest = template, segment, text;
    enum segment_kind kind;
    size_t index = 0;

    while (path_next_segment(&rest, &segment)) {
        if (read_segment(segment, &kind, &text) != ERR_OK || kind == SEGMENT_LITERAL)
            continue;
        if (span_equal(text, name)) {
            *ret_index = index;
            return ERR_OK;
        }
        index++;
    }
    return ERR_NOT_FOUND;
}

/* ---- building ---- */

static struct node *node_new(struct span label)
{
    struct node *n = mem_alloc(sizeof(*n));

    n->label = label;
    return n;
}

static void node_free(struct node *n)
{
    if (n == NULL)
        return;
    for (size_t i = 0; i < n->literal_count; i++)
        node_free(n->literals[i]);
    node_free(n->param);
    node_free(n->rest);
    free(n->literals);
    free(n->entries);
    free(n);
}

struct routes *routes_new(void)
{
    struct routes *routes = mem_alloc(sizeof(*routes));

    routes->root = node_new(SPAN_NONE);
    return routes;
}

void routes_free(struct routes **routesp)
{
    struct routes *routes = TAKE(*routesp);

    if (routes == NULL)
        return;
    node_free(routes->root);
    free(routes);
}

/* An array that grows by one; the sizes are bounded by that of the configuration file. */
static void *grown(void *array, size_t count, size_t size)
{
    void *bigger = realloc(array, (count + 1) * size);

    REQUIRE(bigger != NULL);
    return bigger;
}

static struct node *literal_child(struct node *n, struct span label)
{
    for (size_t i = 0; i < n->literal_count; i++)
        if (span_equal(n->literals[i]->label, label))
            return n->literals[i];
    n->literals = grown(n->literals, n->literal_count, sizeof(*n->literals)); // NOLINT
    n->literals[n->literal_count] = node_new(label);
    return n->literals[n->literal_count++];
}

static struct node *child(struct node *n, enum segment_kind kind, struct span text)
{
    struct node **slot = kind == SEGMENT_PARAM ? &n->param : &n->rest;

    if (kind == SEGMENT_LITERAL)
        return literal_child(n, text);
    if (*slot == NULL)
        *slot = node_new(SPAN_NONE);
    return *slot;
}

static enum err add_entry(struct node *n, const struct route_key *key, size_t *ret_other)
{
    for (size_t i = 0; i < n->entry_count; i++) {
        if ((n->entries[i].methods & key->methods) != 0 &&
            span_equal(n->entries[i].host, key->host)) {
            *ret_other = n->entries[i].id;
            return ERR_CONFLICT;
        }
    }
    n->entries = grown(n->entries, n->entry_count, sizeof(*n->entries));
    n->entries[n->entry_count++] =
        (struct entry){.host = key->host, .methods = key->methods, .id = key->id};
    return ERR_OK;
}

enum err routes_add(struct routes *routes, const struct route_key *key, size_t *ret_other,
                    struct errmsg *msg)
{
    struct span rest = key->template, segment, text, names[ROUTE_PARAMS_MAX];
    struct node *n = routes->root;
    enum segment_kind kind = SEGMENT_LITERAL;
    size_t segments = 0, params = 0;

    if (rest.len == 0 || rest.at[0] != '/')
        return errmsg_set(msg, ERR_CONFIG, "a path starts with '/'");
    while (path_next_segment(&rest, &segment)) {
        if (kind == SEGMENT_REST)
            return errmsg_set(msg, ERR_CONFIG, "nothing can follow a \"{name...}\"");
        if (read_segment(segment, &kind, &text) != ERR_OK)
            return errmsg_set(msg, ERR_CONFIG,
                              "a path segment is a literal without escapes, \"{name}\", or "
                              "\"{name...}\" at the end; \"%.*s\" is none of them",
                              (int)segment.len, segment.at);
        if (++segments > ROUTE_SEGMENTS_MAX)
            return errmsg_set(msg, ERR_CONFIG, "a path has at most %d segments",
                              ROUTE_SEGMENTS_MAX);
        if (kind != SEGMENT_LITERAL) {
            for (size_t i = 0; i < params; i++)
                if (span_equal(names[i], text))
                    return errmsg_set(msg, ERR_CONFIG, "the parameter \"%.*s\" is there twice",
                                      (int)text.len, text.at);
            if (params == ROUTE_PARAMS_MAX)
                return errmsg_set(msg, ERR_CONFIG, "a path has at most %d parameters",
                                  ROUTE_PARAMS_MAX);
            names[params++] = text;
        }
        n = child(n, kind, text);
    }
    return add_entry(n, key, ret_other);
}

/* ---- finding ---- */

struct search {
    struct span host;
    uint32_t method;
    uint32_t allowed; /* what a path that fits is there with */
    bool path_fits;
    struct route_match match;
};

/* The name or address of "api.example.org.:8443": without the port, and without the dot that a name in full may end
 * with. An IPv6 address keeps its brackets. */
static struct span name_of_host(struct span host)
{
    for (size_t i = host.len; i > 0; i--) {
        if (host.at[i - 1] == ':') {
            host.len = i - 1;
            break;
        }
        if (host.at[i - 1] < '0' || host.at[i - 1] > '9')
            break;
    }
    if (host.len > 1 && host.at[host.len - 1] == '.')
        host.len--;
    return host;
}

static bool take_entry(const struct node *n, struct search *s)
{
    const struct entry *any = NULL;

    for (size_t i = 0; i < n->entry_count; i++) {
        const struct entry *e = &n->entries[i];

        if (e->host.at != NULL && !span_equal_nocase(e->host, s->host))
            continue;
        s->path_fits = true;
        s->allowed |= e->methods;
        if ((e->methods & s->method) == 0)
            continue;
        if (e->host.at != NULL) {
            s->match.id = e->id;
            return true;
        }
        any = e;
    }
    if (any != NULL)
        s->match.id = any->id;
    return any != NULL;
}

static bool take_param(struct search *s, struct span value)
{
    s->match.params[s->match.param_count++] = value;
    return true;
}

/* Depth first; as deep as the longest template at most. */
static bool find(const struct node *n, struct span rest, struct search *s)
{
    struct span tail = rest, segment;

    if (!path_next_segment(&tail, &segment))
        return take_entry(n, s);
    for (size_t i = 0; i < n->literal_count; i++)
        if (path_segment_equal(segment, n->literals[i]->label) && find(n->literals[i], tail, s))
            return true;
    if (n->param != NULL && take_param(s, segment)) {
        if (find(n->param, tail, s))
            return true;
        s->match.param_count--;
    }
    if (n->rest != NULL && take_param(s, span_of(segment.at, segment.len + tail.len))) {
        if (take_entry(n->rest, s))
            return true;
        s->match.param_count--;
    }
    return false;
}

enum err routes_find(const struct routes *routes, struct span path, struct span host,
                     uint32_t method, struct route_match *ret_match, uint32_t *ret_allowed)
{
    struct search s = {.host = name_of_host(host), .method = method};

    if (find(routes->root, path, &s)) {
        *ret_match = s.match;
        return ERR_OK;
    }
    if (!s.path_fits)
        return ERR_NOT_FOUND;
    *ret_allowed = s.allowed;
    return ERR_METHOD;
}
