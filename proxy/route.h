/* SPDX-License-Identifier: Apache-2.0 */
/* Which route a request is: path templates ("/users/{id}", "/files/{name...}") in a tree of
 * segments. A literal segment wins over a parameter, a parameter over "{name...}". Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum { ROUTE_PARAMS_MAX = 8, ROUTE_SEGMENTS_MAX = 32 };

/* Methods as bits of a set; those that are not here are allowed on no declared route. */
enum route_method {
    METHOD_GET = 1 << 0,
    METHOD_HEAD = 1 << 1,
    METHOD_POST = 1 << 2,
    METHOD_PUT = 1 << 3,
    METHOD_PATCH = 1 << 4,
    METHOD_DELETE = 1 << 5,
    METHOD_OPTIONS = 1 << 6,
    METHODS_ALL = (1 << 7) - 1
};

/* The bit of a method; 0 for one that is not known. Case matters (RFC 9110 9.1). */
uint32_t method_bit(struct span name);
/* "GET, HEAD" for an Allow field; out holds METHODS_TEXT_MAX bytes. */
enum { METHODS_TEXT_MAX = 64 };
void methods_write(uint32_t set, char out[METHODS_TEXT_MAX]);

struct routes;

struct route_match {
    size_t id;                            /* of the route's key */
    struct span params[ROUTE_PARAMS_MAX]; /* as they stand in the path, escapes and all */
    size_t param_count;
};

struct routes *routes_new(void);
void routes_free(struct routes **routes);

struct route_key {
    struct span template; /* borrowed for the life of the routes, as is the host */
    struct span host;     /* lower case; SPAN_NONE: any */
    uint32_t methods;
    size_t id; /* what routes_find() gives back */
};

/* Add a route. CONFIG with a message (without a place) for a malformed template; CONFLICT when a
 * route of the same shape and host has one of these methods already (ret_other: its id). */
enum err routes_add(struct routes *routes, const struct route_key *key, size_t *ret_other,
                    struct errmsg *msg) MUST_CHECK;
/* Find the route of a normal path (path_normalise()), a Host field and a method. NOT_FOUND: no such
 * path; METHOD: the path is there, but not with this method (ret_allowed: with which). ret_match is
 * written on OK only. Any thread. */
enum err routes_find(const struct routes *routes, struct span path, struct span host,
                     uint32_t method, struct route_match *ret_match, uint32_t *ret_allowed)
    MUST_CHECK;

/* The position of a parameter in a template that routes_add() took. NOT_FOUND without one. */
enum err route_param(struct span template, struct span name, size_t *ret_index) MUST_CHECK;
